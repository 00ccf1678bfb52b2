use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::cli::tests::{Ran, run};
use crate::cli::{Exit, Io, main_with};
use crate::time::{Clock, Millis, SystemClock};

const DAY: i64 = 86_400_000;

/// So many milliseconds from now.
struct Ahead(i64);

impl Clock for Ahead {
    fn now_millis(&self) -> Millis {
        Millis(SystemClock.now_millis().0 + self.0)
    }
}

/// Runs a command so many days from now.
fn run_in(days: i64, folder: &Path, args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (environment, clock) = (BTreeMap::new(), Ahead(days * DAY));
    let folder = folder.to_owned();
    let mut io = Io { out: &mut out, err: &mut err, environment: &environment, folder, clock: &clock };
    let exit = main_with(["bartizan"].iter().chain(args).map(OsString::from), &mut io);
    Ran { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn site() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path(), &["init"]).exit, Exit::Fine);
    // Whoever else has the usual port is not to be asked.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    replace(dir.path(), "127.0.0.1:9464", &closed.to_string());
    dir
}

fn replace(folder: &Path, from: &str, to: &str) {
    let file = folder.join("bartizan.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
}

fn shown(folder: &Path) -> (Exit, Value) {
    let ran = run(folder, &["certs", "show", "--json"]);
    (ran.exit, serde_json::from_str(&ran.out).unwrap())
}

#[test]
fn show_says_of_each_certificate_what_there_is_to_say() {
    let dir = site();
    let (exit, told) = shown(dir.path());
    assert_eq!((exit, &told["ok"]), (Exit::Fine, &true.into()), "{told}");
    let file = &told["files"][0];
    assert_eq!(file["for"], "listener main");
    assert!(file["file"].as_str().unwrap().ends_with("certs/server.pem"));
    let certificate = &file["certificates"][0];
    assert_eq!(certificate["subject"], "CN=localhost");
    assert!(certificate["issuer"].as_str().unwrap().starts_with("CN=Bartizan local CA "));
    assert_eq!(certificate["names"][2], "*.s3.localhost");
    assert_eq!(certificate["key_algorithm"], "ECDSA P-256");
    assert!((394..=397).contains(&certificate["days_left"].as_i64().unwrap()), "{certificate}");
    assert!(certificate["not_before"].as_str().unwrap() < certificate["not_after"].as_str().unwrap());
    assert_eq!(certificate["sha256"].as_str().unwrap().len(), 95);
    let key = &file["key"];
    assert_eq!((&key["fits"], &key["mode"], &key["safe"]), (&true.into(), &"0600".into(), &true.into()));
    // The CA that certificates are minted under, too.
    assert!(told["files"][1]["file"].as_str().unwrap().ends_with("certs/ca.pem"), "{told}");

    let ran = run(dir.path(), &["certs", "show"]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Fine, ""));
    let sha256 = certificate["sha256"].as_str().unwrap();
    for part in [
        "listener main: ",
        "CN=localhost",
        "s3.localhost, *.s3.localhost",
        "days left",
        "fits, mode 0600, safe",
        sha256,
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
}

#[test]
fn show_says_no_to_what_has_ended_or_has_not_begun() {
    let dir = site();
    for (days, said) in [(398, "the certificate has ended"), (-30, "the certificate holds only from")] {
        let ran = run_in(days, dir.path(), &["certs", "show"]);
        assert_eq!(ran.exit, Exit::No, "{days}");
        assert!(ran.err.contains(said), "{days}: {}", ran.err);
    }
    assert!(run_in(398, dir.path(), &["certs", "show"]).out.contains(", ended\n"));
    let soon = run_in(390, dir.path(), &["certs", "show"]);
    assert_eq!(soon.exit, Exit::Fine, "near its end is a warning");
    assert!(soon.err.contains("warning") && soon.err.contains("ends in "), "{}", soon.err);
}

#[test]
fn show_says_no_to_a_key_of_another_certificate_and_to_a_name_that_is_lacking() {
    let (dir, other) = (site(), site());
    replace(dir.path(), "hosts   = [\"localhost\"", "hosts   = [\"files.example.com\", \"localhost\"");
    let (exit, told) = shown(dir.path());
    assert_eq!(exit, Exit::No, "{told}");
    let message = told["files"][0]["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("lacks the name `files.example.com`"), "{told}");

    std::fs::copy(dir.path().join("certs/server.key"), other.path().join("certs/server.key")).unwrap();
    let (exit, told) = shown(other.path());
    assert_eq!((exit, &told["files"][0]["key"]["fits"]), (Exit::No, &false.into()), "{told}");
    assert_eq!(told["files"][0]["certificates"][0]["subject"], "CN=localhost", "it is shown all the same");
    std::fs::remove_file(other.path().join("certs/server.key")).unwrap();
    let (exit, told) = shown(other.path());
    let key = &told["files"][0]["key"];
    assert_eq!((exit, &key["fits"], &key["mode"]), (Exit::No, &Value::Null, &Value::Null), "{told}");
}

#[test]
fn show_warns_of_a_key_that_everybody_may_read_and_shows_the_ca_of_clients_and_upstream() {
    let dir = site();
    let key = dir.path().join("certs/server.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    replace(dir.path(), "mint = {", "client_ca = \"certs/ca.pem\", mint = {");
    let remote = "kind = \"s3\"\nendpoint = \"https://127.0.0.1:1\"\nca_file = \"certs/ca.pem\"\nencryption = \"pass\"\n\
                  credentials = { access_key_id = \"A\", secret_access_key = { env = \"HOME\" } }\n";
    replace(dir.path(), "kind = \"embedded\"", remote);
    let environment = BTreeMap::from([("HOME".to_owned(), "secret".to_owned())]);
    let ran = crate::cli::tests::run_with(dir.path(), &environment, &["certs", "show"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    assert!(
        ran.out.contains("mode 0644, open to everybody") && ran.err.contains("chmod 600"),
        "{}{}",
        ran.out,
        ran.err
    );
    for what in ["clients of listener main: ", "upstream us-east-1: "] {
        assert!(ran.out.contains(what), "{}", ran.out);
    }
}

#[test]
fn rotate_makes_a_pair_with_the_same_names_and_says_how_it_is_taken() {
    let dir = site();
    let (_, before) = shown(dir.path());
    let ran = run(dir.path(), &["certs", "rotate"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    assert!(ran.out.contains("certs/server.pem") && ran.out.contains("at once on SIGHUP"), "{}", ran.out);
    let (exit, after) = shown(dir.path());
    assert_eq!(exit, Exit::Fine, "{after}");
    let one = |told: &Value, name: &str| told["files"][0]["certificates"][0][name].clone();
    assert_eq!(one(&before, "names"), one(&after, "names"));
    assert_eq!(one(&before, "issuer"), one(&after, "issuer"));
    assert_ne!(one(&before, "sha256"), one(&after, "sha256"));
    assert_eq!(run(dir.path(), &["check"]).out, "ok\n");
    let ran = run(dir.path(), &["certs", "rotate", "--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.exit, &told["reloaded"], &told["refused"]), (Exit::Fine, &Value::Null, &Value::Array(vec![])));
    assert_eq!(told["rotated"][0]["sha256"], one(&shown(dir.path()).1, "sha256"));
}

#[test]
fn rotate_refuses_without_the_key_of_the_ca_and_says_what_to_do() {
    let dir = site();
    std::fs::remove_file(dir.path().join("certs/ca.key")).unwrap();
    let before = std::fs::read(dir.path().join("certs/server.pem")).unwrap();
    let ran = run(dir.path(), &["certs", "rotate"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Unusable, ""));
    assert!(
        ran.err.contains("there is no `") && ran.err.contains("help: have its issuer make a new one"),
        "{}",
        ran.err
    );
    assert_eq!(std::fs::read(dir.path().join("certs/server.pem")).unwrap(), before);
    let ran = run(dir.path(), &["certs", "rotate", "--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.exit, told["rotated"].as_array().unwrap().len()), (Exit::Unusable, 0));
    assert!(told["refused"][0]["why"].as_str().unwrap().contains("ca.key"), "{told}");
}

#[test]
fn rotate_refuses_two_certificates_with_one_key_before_anything_is_written() {
    let dir = site();
    std::fs::copy(dir.path().join("certs/server.pem"), dir.path().join("certs/second.pem")).unwrap();
    std::os::unix::fs::symlink("server.key", dir.path().join("certs/second.key")).unwrap();
    let file = dir.path().join("bartizan.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str(
        "\n[[listen]]\nname = \"second\"\naddress = \"127.0.0.1:0\"\nhosts = [\"second.localhost\"]\n\
         tls = { certificate = \"certs/second.pem\", key = \"certs/second.key\" }\n",
    );
    std::fs::write(&file, text).unwrap();
    let read = || {
        ["server.pem", "second.pem", "server.key"]
            .map(|name| std::fs::read(dir.path().join("certs").join(name)).unwrap())
    };
    let before = read();
    let ran = run(dir.path(), &["certs", "rotate"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Unusable, ""), "{}", ran.err);
    for part in ["second.pem` has the same key `", "server.pem` has the same key `", "key file of its own"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    assert_eq!(read(), before);
    // Two listeners with one and the same pair are no trouble.
    let text = std::fs::read_to_string(&file).unwrap().replace("second.pem", "server.pem");
    std::fs::write(&file, text).unwrap();
    let ran = run(dir.path(), &["certs", "rotate"]);
    assert_eq!((ran.exit, ran.out.matches("wrote ").count()), (Exit::Fine, 2), "{}", ran.err);
}

#[test]
fn rotate_says_what_it_took_from_a_key_that_everybody_could_read() {
    let dir = site();
    let key = dir.path().join("certs/server.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = run(dir.path(), &["certs", "rotate", "--json"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    assert!(ran.err.contains("warning: the old key had mode 0644, the new one has 0640"), "{}", ran.err);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&told["rotated"][0]["ends_with_ca"], told["rotated"][0]["findings"].as_array().unwrap().len()),
        (&false.into(), 1)
    );
}

#[test]
fn rotate_ends_a_certificate_with_its_ca_and_says_so() {
    let dir = site();
    let ran = run_in(3640, dir.path(), &["certs", "rotate"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    assert!(ran.out.contains(", when its CA ends\n"), "{}", ran.out);
    assert!(ran.err.contains("warning: the CA ends in ") && ran.err.contains("ca.pem"), "{}", ran.err);
}

#[test]
fn a_listener_without_tls_has_nothing_to_rotate() {
    let dir = site();
    replace(dir.path(), "tls     = {", "# tls = {");
    assert_eq!(run(dir.path(), &["certs", "rotate"]).exit, Exit::Unusable);
    let ran = run(dir.path(), &["certs", "show"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Fine, "the configuration names no certificates\n"), "{}", ran.err);
}

#[test]
fn development_mode_has_certificates_to_show_and_to_rotate() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(crate::control::development::FOLDER);
    crate::control::development::prepare(&folder, SystemClock.now()).unwrap();
    let key = std::fs::read(folder.join("certs/server.key")).unwrap();
    assert_eq!(run(dir.path(), &["certs", "show"]).exit, Exit::Fine);
    // A proxy in development mode that runs on this machine is not asked.
    crate::control::certs::renew(
        &folder.join("certs/server.pem"),
        &folder.join("certs/server.key"),
        None,
        SystemClock.now(),
    )
    .unwrap();
    assert!(std::fs::read(folder.join("certs/server.key")).unwrap() != key);
    assert_eq!(run(dir.path(), &["certs", "show"]).exit, Exit::Fine);
}
