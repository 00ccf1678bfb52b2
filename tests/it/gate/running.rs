//! What a running proxy is told over its admin listener, or by a signal: to drain, to take things anew.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use bartizan::control::certs;
use bartizan::time::{Clock as _, SystemClock};

use super::{Ask, Gate, Reply};

/// Runs a command with the configuration of a running proxy.
fn command(gate: &Gate, args: &[&str]) -> Output {
    let file = gate.folder.path().join("bartizan.toml");
    Command::new(env!("CARGO_BIN_EXE_bartizan")).args(args).arg("-c").arg(file).output().unwrap()
}

fn signal(gate: &Gate, name: &str) {
    let pid = gate.child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// The tables of an embedded store and an admin listener on a port that was free a moment ago.
fn tables() -> (u16, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    (port, format!("[upstream]\nkind = \"embedded\"\n[admin]\naddress = \"127.0.0.1:{port}\""))
}

/// What the proxy has said on standard error.
fn told(gate: &Gate) -> String {
    std::fs::read_to_string(gate.folder.path().join("stderr")).unwrap()
}

#[track_caller]
fn eventually(what: impl Fn() -> bool) {
    let begin = Instant::now();
    while !what() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[test]
fn drain_lets_a_request_finish_takes_no_new_one_and_ends_with_zero() {
    let (port, tables) = tables();
    let mut gate = Gate::configured("", &tables);
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    let (head, body) = Ask::put("/bucket/k", b"data").header("expect", "100-continue").parts();
    let mut stream = TcpStream::connect(&gate.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut go = [0; 25];
    stream.read_exact(&mut go).unwrap();

    let drained = command(&gate, &["drain", "--json"]);
    assert!(drained.status.success(), "{drained:?}");
    let answer: serde_json::Value = serde_json::from_slice(&drained.stdout).unwrap();
    assert_eq!((&answer["draining"], &answer["connections"]), (&true.into(), &1.into()), "{answer}");
    assert!(bartizan::audit::is_held(&gate.folder.path().join("state/journal")));
    // A second order cuts nothing off.
    assert!(command(&gate, &["drain"]).status.success());
    let status = command(&gate, &["status"]);
    assert_eq!((status.status.code(), text(&status.stdout).as_str()), (Some(1), "not ready: draining\n"));
    assert!(gate.child.try_wait().unwrap().is_none());
    eventually(|| TcpStream::connect(&gate.address).is_err());

    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| command(&gate, &["drain", "--wait"]));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished(), "a request is under way");
        stream.write_all(&body).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(Reply::parse(&answer).status, 200, "{}", text(&answer));
        waiting.join().unwrap()
    });
    assert!(waiting.status.success() && text(&waiting.stdout).ends_with("ended\n"), "{waiting:?}");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(!bartizan::audit::is_held(&gate.folder.path().join("state/journal")), "the next one can start");
    assert!(gate.child.wait().unwrap().success());
    let again = command(&gate, &["drain"]);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    assert!(text(&again.stderr).contains("help: start the proxy with `bartizan serve -c "), "{again:?}");
}

#[test]
fn a_page_in_a_browser_cannot_drain() {
    let (port, tables) = tables();
    let gate = Gate::configured("", &tables);
    let order = |headers: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "POST /v1/drain HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Reply::parse(&answer).status
    };
    assert_eq!(order("content-type: application/json\r\norigin: http://evil.example\r\n"), 403);
    assert_eq!(order("content-type: text/plain\r\n"), 415);
    assert!(command(&gate, &["status"]).status.success(), "it goes on");
}

/// A proxy with TLS, whose certificates are in `certs/`.
fn with_tls() -> Gate {
    let folder = tempfile::tempdir().unwrap();
    certs::ensure(folder.path(), SystemClock.now()).unwrap();
    let names = ["ca.pem", "ca.key", "server.pem", "server.key"];
    let texts = names.map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap());
    let paths = names.map(|name| format!("certs/{name}"));
    let files: Vec<(&str, &str)> = paths.iter().map(String::as_str).zip(texts.iter().map(String::as_str)).collect();
    let tls = "tls = { certificate = \"certs/server.pem\", key = \"certs/server.key\" }";
    Gate::launch(tls, &tables().1, &files).unwrap_or_else(|told| panic!("{told}"))
}

/// The certificate that a client is shown.
fn shown(gate: &Gate) -> Vec<u8> {
    let mut roots = rustls::RootCertStore::empty();
    for ca in certs::chain(&gate.folder.path().join("certs/ca.pem")).unwrap() {
        roots.add(ca).unwrap();
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let mut client =
        rustls::ClientConnection::new(std::sync::Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = TcpStream::connect(&gate.address).unwrap();
    while client.is_handshaking() {
        client.complete_io(&mut stream).unwrap();
    }
    client.peer_certificates().unwrap()[0].to_vec()
}

fn on_disk(folder: &Path) -> Vec<u8> {
    certs::chain(&folder.join("certs/server.pem")).unwrap()[0].to_vec()
}

/// A new pair, of which the files have the length and the times of the old: nobody sees by them that it is another.
fn renew_unseen(gate: &Gate) {
    let fresh = tempfile::tempdir().unwrap();
    let folder = gate.folder.path().join("certs");
    for name in ["ca.pem", "ca.key"] {
        std::fs::copy(folder.join(name), fresh.path().join(name)).unwrap();
    }
    certs::ensure(fresh.path(), SystemClock.now()).unwrap();
    for name in ["server.pem", "server.key"] {
        let path = folder.join(name);
        let before = std::fs::metadata(&path).unwrap();
        let mut text = std::fs::read_to_string(fresh.path().join(name)).unwrap();
        // Lines behind the end are no part of it.
        while (text.len() as u64) < before.len() {
            text.push('\n');
        }
        std::fs::write(&path, text).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
    }
}

#[test]
fn a_signal_and_an_order_both_take_certificates() {
    let gate = with_tls();
    let first = shown(&gate);
    renew_unseen(&gate);
    let second = on_disk(gate.folder.path());
    assert!(first != second);
    let reloaded = command(&gate, &["reload"]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    assert!(shown(&gate) == second, "by the time of the answer");
    renew_unseen(&gate);
    let third = on_disk(gate.folder.path());
    signal(&gate, "-HUP");
    eventually(|| shown(&gate) == third);
}

#[test]
fn a_certificate_that_is_rotated_is_shown_when_the_command_ends() {
    let gate = with_tls();
    let first = shown(&gate);
    let rotated = command(&gate, &["certs", "rotate"]);
    assert!(rotated.status.success(), "{rotated:?}");
    assert!(text(&rotated.stdout).ends_with("the running proxy has taken it\n"), "{rotated:?}");
    let second = shown(&gate);
    assert!(second != first && second == on_disk(gate.folder.path()));
    let rotated = command(&gate, &["certs", "rotate", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&rotated.stdout).unwrap();
    assert_eq!((&answer["reloaded"], rotated.status.success()), (&true.into(), true), "{answer}");
    assert!(shown(&gate) != second);
}

#[test]
fn a_broken_certificate_is_told_and_the_one_before_stays() {
    let gate = with_tls();
    let first = shown(&gate);
    std::fs::write(gate.folder.path().join("certs/server.pem"), "no certificate").unwrap();
    let reloaded = command(&gate, &["reload", "--json"]);
    assert_eq!(reloaded.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&reloaded.stdout).unwrap();
    assert_eq!(answer["ok"], false);
    assert!(answer["generation"].is_u64(), "the policies were taken all the same: {answer}");
    assert!(answer["findings"][0]["file"].as_str().unwrap().ends_with("certs/server.pem"), "{answer}");
    assert!(shown(&gate) == first);
}

#[test]
fn a_changed_configuration_is_told_by_signal_and_order_and_not_applied() {
    const SAYS: &str = "bartizan.toml has changed: restart to use it";
    let gate = Gate::configured("", &tables().1);
    assert!(!text(&command(&gate, &["reload"]).stderr).contains("has changed"));
    let path = gate.folder.path().join("bartizan.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, before.replace("\"us-east-1\"", "\"eu-west-1\"")).unwrap();

    signal(&gate, "-HUP");
    eventually(|| told(&gate).contains(SAYS));
    let reloaded = command(&gate, &["reload"]);
    assert!(reloaded.status.success(), "it is a warning: {reloaded:?}");
    assert!(text(&reloaded.stderr).contains(&format!("warning: {SAYS}\n")), "{reloaded:?}");
    let reloaded = command(&gate, &["reload", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&reloaded.stdout).unwrap();
    assert_eq!((&answer["ok"], &answer["findings"][0]["message"]), (&true.into(), &SAYS.into()), "{answer}");
    assert_eq!(gate.send(&Ask::new("GET", "/")).status, 200, "the region is what it was");
    assert_eq!(told(&gate).matches(SAYS).count(), 3);

    std::fs::write(&path, before).unwrap();
    assert!(!text(&command(&gate, &["reload"]).stderr).contains("has changed"));
}

#[test]
fn a_signal_and_an_order_both_take_access_keys() {
    let gate = Gate::configured("", &tables().1);
    let path = gate.folder.path().join("policies/credentials.toml");
    let rename = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace(from, to)).unwrap();
    };
    let by = |key: &'static str| gate.send(&Ask { key, ..Ask::new("GET", "/") }).status;
    let (one, two, three) = (super::KEY, "AKIATESTTESTTEST0002", "AKIATESTTESTTEST0003");
    assert_eq!(by(one), 200);
    rename(one, two);
    assert!(command(&gate, &["reload"]).status.success());
    assert_eq!((by(one), by(two)), (403, 200));
    rename(two, three);
    signal(&gate, "-HUP");
    eventually(|| by(three) == 200);
    assert_eq!(by(two), 403);
}
