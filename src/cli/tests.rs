mod words;

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::time::{Millis, SystemClock};

/// A command run in a folder.
pub(super) struct Ran {
    pub(super) exit: Exit,
    pub(super) out: String,
    pub(super) err: String,
}

pub(super) fn run_with(folder: &Path, environment: &BTreeMap<String, String>, args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut io = Io { out: &mut out, err: &mut err, environment, folder: folder.to_owned(), clock: &SystemClock };
    let args = std::iter::once("bartizan").chain(args.iter().copied()).map(OsString::from);
    let exit = main_with(args, &mut io);
    Ran { exit, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

pub(super) fn run(folder: &Path, args: &[&str]) -> Ran {
    run_with(folder, &BTreeMap::new(), args)
}

#[test]
fn a_call_that_makes_no_sense_is_unusable_and_help_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    for args in
        [&["surprise"][..], &[], &["serve", "--surprise"], &["check", "-c"], &["log", "tail", "--format", "xml"]]
    {
        let ran = run(dir.path(), args);
        assert_eq!(ran.exit, Exit::Unusable, "{args:?}");
        assert!(!ran.err.is_empty() && ran.out.is_empty());
    }
    let help = run(dir.path(), &["--help"]);
    assert_eq!(help.exit, Exit::Fine);
    assert!(help.out.contains("doctor") && help.out.contains("explain") && help.out.contains("drain"), "{}", help.out);
    assert!(run(dir.path(), &["--version"]).out.starts_with("bartizan "));
}

#[test]
fn promised_commands_say_that_they_are_to_come() {
    let dir = tempfile::tempdir().unwrap();
    for args in [["keys", "add"], ["keys", "revoke"]] {
        let ran = run(dir.path(), &args);
        assert_eq!(ran.exit, Exit::Unusable, "{args:?}");
        assert!(ran.err.contains("not available in this version"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn init_writes_once_and_what_it_writes_is_good() {
    let dir = tempfile::tempdir().unwrap();
    let ran = run(dir.path(), &["init", "here"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    assert!(ran.out.contains("wrote ") && ran.out.contains("bartizan.toml"));
    let again = run(dir.path(), &["init", "here"]);
    assert_eq!(again.exit, Exit::Unusable);
    assert!(again.err.contains("exists already"), "{}", again.err);
    let checked = run(dir.path(), &["check", "-c", "here/bartizan.toml"]);
    assert_eq!((checked.exit, checked.out.as_str()), (Exit::Fine, "ok\n"), "{}", checked.err);
    let inside = run(&dir.path().join("here"), &["check", "--json"]);
    assert_eq!(inside.out, "{\"findings\":[],\"ok\":true}\n");
}

#[test]
fn env_is_what_aws_needs() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    let ran = run(dir.path(), &["env"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    let names: Vec<&str> = ran.out.lines().filter_map(|line| line.strip_prefix("export ")?.split('=').next()).collect();
    assert_eq!(
        names,
        [
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_S3_CONTROL",
            "AWS_CA_BUNDLE",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY"
        ]
    );
    assert!(ran.out.contains("AWS_ENDPOINT_URL=https://127.0.0.1:9443\n"), "{}", ran.out);
    // An account in front of an address is no name.
    assert!(ran.out.contains("AWS_ENDPOINT_URL_S3_CONTROL=https://localhost:9443\n"), "{}", ran.out);
    // A token that is left over would make every request one of somebody else's session.
    let first = ran.out.lines().next().unwrap();
    for name in [
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_S3_CONTROL",
        "AWS_ENDPOINT_URL_STS",
    ] {
        assert!(first.starts_with("unset ") && first.split(' ').any(|word| word == name), "{first}");
    }
    let json = run(dir.path(), &["env", "--json"]).out;
    let object: BTreeMap<String, String> = serde_json::from_str(&json).unwrap();
    assert!(Path::new(&object["AWS_CA_BUNDLE"]).is_absolute() && Path::new(&object["AWS_CA_BUNDLE"]).is_file());
    assert_eq!(object["AWS_SECRET_ACCESS_KEY"].len(), 40);
}

#[test]
fn env_works_in_a_shell_that_has_left_overs() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    let left = "AWS_SESSION_TOKEN=stale; AWS_PROFILE=other; AWS_ENDPOINT_URL_STS=https://sts.example.com; export AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL_STS";
    let shown = "echo \"$AWS_ENDPOINT_URL_S3_CONTROL,${AWS_SESSION_TOKEN-none},${AWS_PROFILE-none},${AWS_ENDPOINT_URL_STS-none}\"";
    let script = format!("set -eu\n{left}\n{}\n{shown}\n", run(dir.path(), &["env"]).out);
    let ran = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "https://localhost:9443,none,none,none\n", "{ran:?}");
}

#[test]
fn a_listener_on_all_addresses_is_reached_under_a_covered_name() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    let file = dir.path().join("bartizan.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("127.0.0.1:9443", "192.0.2.7:9443")).unwrap();
    let ran = run(dir.path(), &["env"]);
    assert!(ran.out.contains("AWS_ENDPOINT_URL=https://localhost:9443\n"), "{}", ran.out);
}

#[test]
fn check_says_no_with_every_fault() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    let file = dir.path().join("bartizan.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n[surprise]\n[detect]\n")).unwrap();
    let ran = run(dir.path(), &["check"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::No, "2 errors, 0 warnings\n"));
    let place = format!("{}:{}:2", file.display(), text.lines().count() + 2);
    assert!(ran.err.contains(&place) && ran.err.contains("unknown key `surprise`"), "{}", ran.err);

    std::fs::write(&file, text).unwrap();
    std::fs::remove_file(dir.path().join("certs/server.key")).unwrap();
    std::fs::write(dir.path().join("policies/identities/bad.json"), "{").unwrap();
    let ran = run(dir.path(), &["check"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.err.contains("server.key` does not exist") && ran.err.contains("bad.json:1:2"), "{}", ran.err);
    assert_eq!(run(dir.path(), &["serve"]).exit, Exit::Unusable, "what does not check does not start");
}

#[test]
fn a_missing_configuration_is_unusable() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["check", "env", "doctor"] {
        for (name, wrong) in [("missing.toml", "does not exist"), (".", "is a folder")] {
            let ran = run(dir.path(), &[command, "-c", name]);
            assert_eq!(ran.exit, Exit::Unusable, "{command} {name}");
            let said = ran.err.contains(&format!("the configuration file {wrong}")) && ran.err.contains("help: name a");
            assert!(said, "{command} {name}: {}", ran.err);
        }
        let ran = run(dir.path(), &[command]);
        assert_eq!(ran.exit, Exit::Unusable, "{command}");
        assert!(ran.err.contains("there is no configuration here"), "{}", ran.err);
    }
    assert_eq!(run(dir.path(), &["serve", "-c", "missing.toml"]).exit, Exit::Unusable);
    let ran = run(dir.path(), &["check", "--json", "-c", "missing.toml"]);
    assert_eq!(ran.exit, Exit::Unusable);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["ok"], false, "{told}");
    assert!(told["findings"][0]["message"].as_str().unwrap().contains("does not exist"), "{told}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "looking makes nothing");
}

#[test]
fn the_environment_may_name_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init", "a"]);
    let environment: BTreeMap<String, String> = [("BARTIZAN_CONFIG".to_owned(), "a/bartizan.toml".to_owned())].into();
    assert_eq!(run_with(dir.path(), &environment, &["check"]).exit, Exit::Fine);
    assert_eq!(run_with(dir.path(), &environment, &["check", "-c", "b.toml"]).exit, Exit::Unusable, "-c comes first");
}

#[test]
fn development_mode_is_found_by_env_and_check() {
    let dir = tempfile::tempdir().unwrap();
    development::prepare(&dir.path().join(development::FOLDER), SystemClock.now()).unwrap();
    let checked = run(dir.path(), &["check"]);
    assert_eq!((checked.exit, checked.out.as_str()), (Exit::Fine, "ok\n"), "{}", checked.err);
    let ran = run(dir.path(), &["env"]);
    assert_eq!(ran.exit, Exit::Fine);
    let secret = std::fs::read_to_string(dir.path().join("bartizan-dev/credentials")).unwrap();
    let secret = secret.lines().find_map(|line| line.strip_prefix("aws_secret_access_key = ")).unwrap();
    assert!(ran.out.contains(secret));
}

#[test]
fn doctor_tells_what_to_fix() {
    struct Old;
    impl Clock for Old {
        fn now_millis(&self) -> Millis {
            Millis(0)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let environment = BTreeMap::new();
    let folder = dir.path().to_owned();
    let mut io = Io { out: &mut out, err: &mut err, environment: &environment, folder, clock: &Old };
    let exit = main_with(["bartizan", "doctor"].map(OsString::from), &mut io);
    assert_eq!(exit, Exit::No);
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("bad clock") && out.contains("fix: set the clock"), "{out}");
}

#[test]
fn a_journal_that_was_never_begun_is_told_from_a_damaged_one() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    let ran = run(dir.path(), &["log", "tail"]);
    assert_eq!(ran.exit, Exit::Unusable);
    assert!(ran.err.contains("there is no journal in") && ran.err.contains("`bartizan serve` makes it"), "{}", ran.err);
}

#[test]
fn init_tells_a_file_in_the_way_from_a_folder_that_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    let ran = run(dir.path(), &["init"]);
    assert!(ran.err.starts_with("error: nothing was written: ") && ran.err.contains("exists already"), "{}", ran.err);
    let ran = run(dir.path(), &["init", "bartizan.toml/below"]);
    assert_eq!(ran.exit, Exit::Unusable);
    assert!(ran.err.starts_with("error: the configuration could not be written: "), "{}", ran.err);
    assert!(ran.err.contains("help: choose a folder that you may write to"), "{}", ran.err);
}
