//! What commands say of what they cannot use: where it is, what is wrong with it, what to write instead.

use super::super::explain::tests::{site, write};
use super::*;

const RED: &str = "arn:aws:iam::111122223333:user/red";

/// A folder that `init` has written.
fn begun() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path(), &["init"]).exit, Exit::Fine);
    dir
}

/// What stands in a file of a folder is written anew.
#[track_caller]
fn edit(dir: &Path, name: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(dir.join(name)).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    std::fs::write(dir.join(name), text.replacen(from, to, 1)).unwrap();
}

/// What `check` says of a configuration with more at its end.
fn check_with(more: &str) -> Ran {
    let dir = begun();
    let file = dir.path().join("bartizan.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n{more}")).unwrap();
    run(dir.path(), &["check"])
}

#[track_caller]
fn says(ran: &Ran, exit: Exit, what: &[&str]) {
    assert_eq!(ran.exit, exit, "{}{}", ran.out, ran.err);
    for what in what {
        assert!(ran.err.contains(what), "no {what:?} in\n{}", ran.err);
    }
}

#[test]
fn questions_are_answered_while_a_policy_test_fails_and_tell_of_it() {
    let site = site();
    let test = "[[test]]\nname = \"red is out\"\nas = \"arn:aws:iam::111122223333:user/red\"\n\
                do = \"s3:GetObject\"\non = \"arn:aws:s3:::logs/a\"\nexpect = \"deny\"\n";
    write(site.path(), "policies/tests/red.toml", test);
    let explain = ["explain", "--as", RED, "--do", "s3:GetObject", "--on", "arn:aws:s3:::logs/a"];
    let who_can = ["policy", "who-can", "--do", "s3:GetObject", "--on", "arn:aws:s3:::logs/a"];
    for (args, exit, answer) in [
        (&explain[..], Exit::Fine, "allowed: "),
        (&who_can, Exit::Fine, RED),
        (&["policy", "public"], Exit::No, "site: public"),
        (&["policy", "diff", "policies", "policies"], Exit::Fine, ": 0 differ"),
    ] {
        let ran = run(site.path(), args);
        says(&ran, exit, &["warning: ", "red is out", "red.toml:6:10", "help: mend the policy, or the test"]);
        assert!(ran.out.contains(answer) && !ran.err.contains("error: "), "{args:?}: {}{}", ran.out, ran.err);
    }
    let lint = run(site.path(), &["policy", "lint", "--json"]);
    assert!(lint.exit == Exit::No && lint.out.contains("red is out"), "{}", lint.out);
    // What decides for others is refused as before.
    says(&run(site.path(), &["policy", "test"]), Exit::No, &["error: ", "red is out"]);
    says(&run(site.path(), &["check"]), Exit::No, &["error: ", "red is out"]);
    says(&run(site.path(), &["serve"]), Exit::Unusable, &["error: ", "red is out"]);
}

#[test]
fn a_journal_that_is_not_there_yet_is_told_alike_by_all_who_read_it() {
    let dir = begun();
    for args in [
        &["log", "tail"][..],
        &["log", "tail", "--format", "s3"],
        &["log", "export"],
        &["log", "find", "0123456789ABCDEF"],
        &["log", "find", "--bucket", "logs"],
        &["explain", "0123456789ABCDEF"],
        &["log", "verify"],
    ] {
        let ran = run(dir.path(), args);
        says(&ran, Exit::Unusable, &["there is no journal in `", "state/journal` yet", "help: ", "`bartizan serve`"]);
    }
}

#[test]
fn a_journal_that_cannot_be_read_is_not_called_absent() {
    let dir = begun();
    std::fs::write(dir.path().join("state/journal"), "").unwrap();
    for args in [
        &["log", "tail"][..],
        &["log", "export"],
        &["log", "find", "0123456789ABCDEF"],
        &["explain", "0123456789ABCDEF"],
        &["log", "verify"],
        &["log", "verify", "--dir", "state/journal"],
    ] {
        let ran = run(dir.path(), args);
        says(&ran, Exit::Unusable, &["error: ", "state/journal` ", "is no folder", "help: "]);
        assert!(!ran.err.contains("there is no journal"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_development_mode_that_cannot_be_read_is_not_called_absent() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(development::FOLDER), "").unwrap();
    for command in ["env", "check"] {
        let ran = run(dir.path(), &[command]);
        says(&ran, Exit::Unusable, &["error: development mode cannot be read: ", "credentials.toml` ", "help: "]);
        assert!(!ran.err.contains("there is no configuration"), "{}", ran.err);
    }
}

#[test]
fn a_keyring_that_cannot_be_read_is_not_an_empty_one() {
    let dir = begun();
    std::fs::write(dir.path().join("a-file"), "").unwrap();
    edit(dir.path(), "bartizan.toml", "state/keyring.json", "a-file/ring.json");
    let ran = run(dir.path(), &["keys", "ring", "list"]);
    says(&ran, Exit::Unusable, &["error: the keyring ", "a-file/ring.json"]);
    says(&run(dir.path(), &["check"]), Exit::No, &["error: the keyring "]);
}

#[test]
fn check_refuses_an_admin_address_that_a_listener_has() {
    for taken in ["127.0.0.1:9443", "0.0.0.0:9443"] {
        let dir = begun();
        edit(dir.path(), "bartizan.toml", "127.0.0.1:9443", taken);
        edit(dir.path(), "bartizan.toml", "127.0.0.1:9464", "127.0.0.1:9443");
        let text = std::fs::read_to_string(dir.path().join("bartizan.toml")).unwrap();
        let line = |what: &str| text.lines().position(|line| line.contains(what)).unwrap() + 1;
        let admin = text.lines().count() - text.lines().rev().position(|line| line.contains(":9443")).unwrap();
        let (listener, admin) = (format!("line {}", line(taken)), format!("bartizan.toml:{admin}:"));
        says(&run(dir.path(), &["check"]), Exit::No, &["`admin.address`", &listener, &admin, "help: "]);
    }
}

#[test]
fn check_refuses_a_file_where_the_state_folder_should_be() {
    let dir = begun();
    std::fs::write(dir.path().join("a-file"), "").unwrap();
    let file = dir.path().join("bartizan.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    for state in ["a-file", "a-file/below"] {
        let lines = text.lines().filter(|line| !line.starts_with("state"));
        let rest: String = lines.map(|line| format!("{line}\n")).collect();
        std::fs::write(&file, format!("state = \"{state}\"\n{rest}")).unwrap();
        says(&run(dir.path(), &["check"]), Exit::No, &["`state` is no folder", "bartizan.toml:1:9", "help: "]);
    }
    std::fs::write(&file, text).unwrap();
    std::fs::write(dir.path().join("state/journal"), "").unwrap();
    says(&run(dir.path(), &["check"]), Exit::No, &["error: ", "state/journal", "is no folder"]);
}

#[test]
fn check_warns_of_a_keyring_that_is_named_and_never_made() {
    let dir = begun();
    edit(dir.path(), "bartizan.toml", "state/keyring.json", "nope.json");
    let ran = run(dir.path(), &["check"]);
    says(&ran, Exit::Fine, &["warning: ", "nope.json", "bartizan.toml:", "help: ", "bartizan keys ring add alias/"]);
}

#[test]
fn an_action_that_is_none_is_told_once_with_the_one_that_was_meant() {
    let site = site();
    let policy = |action: &str, resource: &str| {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"AWS": "{RED}"}},
            "Action": "{action}", "Resource": "{resource}"}}}}"#
        );
        write(site.path(), "policies/buckets/logs/policy.json", &text);
        run(site.path(), &["check"])
    };
    let ran = policy("s3:GetObjct", "arn:aws:s3:::logs/*");
    says(&ran, Exit::No, &["help: did you mean `s3:GetObject`?"]);
    assert_eq!(ran.err.matches("error: ").count(), 1, "{}", ran.err);
    let ran = policy("s3:GetObject", "arn:aws:s3:::log/*");
    says(&ran, Exit::No, &["`arn:aws:s3:::logs` for the bucket", "`arn:aws:s3:::logs/*` for its objects"]);
    says(&policy("s3:GetObject", "arn:aws:s3:::logs"), Exit::No, &["acts on nothing", "add `arn:aws:s3:::logs/*`"]);
    says(&policy("s3:ListBucket", "arn:aws:s3:::logs/*"), Exit::No, &["acts on nothing", "add `arn:aws:s3:::logs` "]);
    let ran = policy("s3:ListAllMyBuckets", "arn:aws:s3:::logs/*");
    says(&ran, Exit::No, &["acts on nothing", "help: write it into a policy of `identities/`"]);
}

#[test]
fn toml_that_is_none_is_told_with_what_to_write() {
    for (more, what) in [
        ("region = \"eu-west-1\"\nregion = \"eu-west-1\"\n", "help: keep one of the two"),
        ("[log]\nlevel = info\n", "help: "),
        ("[log\n", "help: "),
        ("log\n", "help: "),
        ("[log]\nlevel = \"info\n", "help: "),
    ] {
        says(&check_with(more), Exit::No, &[what]);
    }
}

#[test]
fn tables_that_are_written_as_one_are_told_once() {
    let dir = begun();
    let file = dir.path().join("policies/credentials.toml");
    let user = |name: &str, rest: &str| {
        format!("[user]\narn = \"arn:aws:iam::111122223333:user/{name}\"\npolicies = []\n{rest}\n")
    };
    let text =
        format!("{}{}{}", user("a", ""), user("b", ""), "[[role]]\narn = \"arn:aws:iam::111122223333:role/r\"\n");
    std::fs::write(&file, text).unwrap();
    let ran = run(dir.path(), &["check"]);
    says(&ran, Exit::No, &["credentials.toml:5:2", "help: write `[[user]]`"]);
    assert_eq!(ran.err.matches("duplicate key").count(), 1, "{}", ran.err);
}

#[test]
fn explain_advises_for_a_kms_key_only_what_check_takes() {
    let site = site();
    let ask = |account: &str| {
        let key = format!("arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
        run(site.path(), &["explain", "--as", RED, "--do", "kms:Decrypt", "--on", &key])
    };
    let own = ask("111122223333").out;
    assert!(own.contains("help: allowed if identities/red.json had a statement that allows kms:Decrypt"), "{own}");
    assert!(!own.contains("bucket's policy"), "{own}");
    let other = ask("444455556666").out;
    assert!(!other.contains("bucket's policy") && !other.contains("help: allowed if"), "{other}");
    assert!(other.contains("note: the key is another account's"), "{other}");
}

#[test]
fn a_rate_that_is_none_is_told_once_and_by_what_it_may_be() {
    let ran = check_with("[rate.requests]\nprincipal = { rate = -5.5, burst = 10 }\n");
    says(&ran, Exit::No, &["`rate.requests.principal.rate`", "3500 or 0.25", "\"1/4s\""]);
    assert!(!ran.err.contains("must be a string") && !ran.err.contains("unknown key"), "{}", ran.err);
    let ran = check_with("[rate.requests]\nprincipal = { rate = 0, burst = 10, algorithm = \"fixed\" }\n");
    says(&ran, Exit::No, &["`rate.requests.principal.rate` is out of range"]);
    assert!(!ran.err.contains("unknown key"), "{}", ran.err);
}

#[test]
fn a_guess_is_made_only_of_names_that_are_near() {
    for (name, guess) in
        [("foo", None), ("to", None), ("lgo", Some("log")), ("regoin", Some("region")), ("rergionn", Some("region"))]
    {
        let dir = begun();
        let file = dir.path().join("bartizan.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{name} = 1\n{text}")).unwrap();
        let ran = run(dir.path(), &["check"]);
        match guess {
            Some(guess) => says(&ran, Exit::No, &[&format!("did you mean `{guess}`?")]),
            None => {
                says(&ran, Exit::No, &["help: known here: "]);
                assert!(!ran.err.contains("did you mean"), "{name}: {}", ran.err);
            }
        }
    }
}

#[test]
fn a_policy_that_is_not_there_is_told_where_it_is_attached() {
    let site = site();
    for (from, to, place) in [
        ("policies = [\"red\"]", "policies = [\n\"red\", \"rde\"]", "credentials.toml:8:8"),
        ("boundary = \"read-only\"", "boundary = \"raed-only\"", "credentials.toml:14:12"),
    ] {
        edit(site.path(), "policies/credentials.toml", from, to);
        says(&run(site.path(), &["check"]), Exit::No, &[place, "help: write `"]);
    }
}

#[test]
fn a_key_of_tls_that_is_not_there_is_told_at_its_own_place() {
    let dir = begun();
    std::fs::remove_file(dir.path().join("certs/server.key")).unwrap();
    let ran = run(dir.path(), &["check"]);
    says(&ran, Exit::No, &["server.key` does not exist", "certs/server.key\n"]);
    assert!(!ran.err.contains("server.pem\n"), "{}", ran.err);
}

#[test]
fn credentials_of_a_store_that_others_may_read_are_told_with_chmod_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = begun();
    let keys = dir.path().join("aws");
    std::fs::write(&keys, "[default]\naws_access_key_id = A\naws_secret_access_key = B\n").unwrap();
    std::fs::set_permissions(&keys, PermissionsExt::from_mode(0o644)).unwrap();
    let upstream = "kind = \"s3\"\nendpoint = \"http://127.0.0.1:9000\"\ncredentials = { file = \"aws\" }\n#";
    edit(dir.path(), "bartizan.toml", "kind = \"embedded\"", upstream);
    let ran = run(dir.path(), &["check"]);
    says(&ran, Exit::No, &["has mode 0644", "others may read it", "help: run `chmod 600 "]);
    assert!(!ran.err.contains("name a shared credentials file"), "{}", ran.err);
}

#[test]
fn serve_says_error_once_of_secrets_that_others_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = begun();
    std::fs::write(dir.path().join("state/token.key"), "x").unwrap();
    for name in ["state/keyring.json", "state/token.key"] {
        let path = dir.path().join(name);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let ran = run(dir.path(), &["serve"]);
        says(&ran, Exit::Unusable, &["chmod 600", name]);
        assert!(!ran.err.contains("error: error: ") && !ran.err.contains("credentials: error"), "{}", ran.err);
        assert!(!dir.path().join("state/journal").exists(), "nothing is begun");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        if name.ends_with("json") {
            std::fs::set_permissions(dir.path().join("state/token.key"), PermissionsExt::from_mode(0o644)).unwrap();
        }
    }
}

#[test]
fn a_key_that_is_not_understood_is_told_with_what_to_write() {
    let dir = begun();
    for (args, help) in [
        (&["add", "foo"][..], "help: write `alias/foo`"),
        (&["add", "alias/aws/s3"], "help: choose another"),
        (&["rotate", "nope"], "help: `bartizan keys ring list` shows"),
        (&["disable", "alias/none"], "help: `bartizan keys ring list` shows"),
    ] {
        says(&run(dir.path(), &[&["keys", "ring"], args].concat()), Exit::Unusable, &[help]);
    }
}

#[test]
fn explain_says_both_ways_of_calling_it() {
    let dir = begun();
    for (args, missing) in [
        (&[][..], ""),
        (&["--do", "s3:GetObject"], "`--as` and `--on` are missing"),
        (&["--as", RED], "`--do` and `--on` are missing"),
        (&["--as", RED, "--do", "s3:GetObject"], "`--on` is missing"),
        (&["--from", "10.0.0.1"], "`--as`, `--do` and `--on` are missing"),
    ] {
        let ran = run(dir.path(), &[&["explain"], args].concat());
        says(
            &ran,
            Exit::Unusable,
            &[missing, "bartizan explain --as ARN --do ACTION --on ARN", "bartizan explain REQUEST-ID"],
        );
    }
    let help = run(dir.path(), &["explain", "--help"]).out;
    assert!(help.contains("explain REQUEST-ID") && help.contains("explain --as ARN --do ACTION --on ARN"), "{help}");
}

#[test]
fn a_wrong_variable_is_named_as_the_source_of_the_path() {
    let dir = begun();
    let environment: BTreeMap<String, String> = [("BARTIZAN_CONFIG".to_owned(), "nope.toml".to_owned())].into();
    for command in ["check", "env", "serve"] {
        let ran = run_with(dir.path(), &environment, &[command]);
        says(&ran, Exit::Unusable, &["nope.toml", "`$BARTIZAN_CONFIG`"]);
    }
    let ran = run_with(dir.path(), &environment, &["check", "-c", "nope.toml"]);
    assert!(!ran.err.contains("names this path"), "{}", ran.err);
}

#[test]
fn init_adds_its_lines_to_a_gitignore_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(".gitignore"), "/state/\n!/certs/*.key\ntarget").unwrap();
    let ran = run(dir.path(), &["init"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    assert!(ran.out.contains("added to ") && ran.out.contains(".gitignore"), "{}", ran.out);
    let text = std::fs::read_to_string(dir.path().join(".gitignore")).unwrap();
    // Later lines win over earlier ones, so that what stands before an exception does not count.
    let ours = "/certs/*.key\n/certs/*.key.*\n/policies/credentials.toml\n/policies/*credentials.toml.*\n/state/\n";
    assert!(text.starts_with("/state/\n!/certs/*.key\ntarget\n") && text.ends_with(ours), "{text}");
    assert_eq!(run(dir.path(), &["check"]).exit, Exit::Fine);
}

#[test]
fn init_leaves_a_gitignore_alone_that_says_it_all_or_is_none() {
    let ours =
        "*.tmp\n/certs/*.key\n/certs/*.key.*\n/state/\n/policies/*credentials.toml.*\n/policies/credentials.toml\n";
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(".gitignore"), ours).unwrap();
    let ran = run(dir.path(), &["init", "--json"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    assert!(!ran.out.contains(".gitignore"), "{}", ran.out);
    assert_eq!(std::fs::read_to_string(dir.path().join(".gitignore")).unwrap(), ours);
    // Where a link leads is somebody else's.
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/null", dir.path().join(".gitignore")).unwrap();
    let ran = run(dir.path(), &["init"]);
    says(&ran, Exit::Unusable, &["error: nothing was written: ", ".gitignore"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
