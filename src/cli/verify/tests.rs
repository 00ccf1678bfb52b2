//! `bartizan log verify` and `bartizan keys journal`, as they are called.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::tests::run;
use super::*;
use crate::audit::digest::{self, Hour, LogFile, Previous, PublicKey, SigningKey};
use crate::audit::{Completion, Intent, Journal, Outcome, Settings};
use crate::id::RequestId;
use crate::time::{Millis, Seconds};

/// A folder with a configuration and a closed journal of ten requests.
fn written() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    let state = dir.path().join("state");
    let settings =
        Settings { signing_key: Some(state.join("journal-key.pem")), min_free: Some(0), ..Settings::default() };
    let (journal, _) = Journal::open(state.join("journal"), settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for nth in 0..10 {
        let intent = Intent::new(RequestId::from_random(&[nth; 34]), Millis(0));
        let receipt = runtime.block_on(journal.record(&intent)).unwrap();
        journal.complete(receipt, &Completion { outcome: Outcome::Completed, ..Completion::default() });
    }
    journal.close().unwrap();
    dir
}

fn segment(dir: &Path) -> PathBuf {
    let files = std::fs::read_dir(dir.join("state/journal")).unwrap();
    files.map(|file| file.unwrap().path()).find(|path| path.extension().is_some_and(|it| it == "seg")).unwrap()
}

#[test]
fn a_journal_as_it_was_written_is_ok() {
    let dir = written();
    let ran = run(dir.path(), &["log", "verify"]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Fine, ""));
    for line in ["records   1 to 21 in 1 files", "signed    up to 21, since 20", "closed    yes", "ok\n"] {
        assert!(ran.out.contains(line), "{}", ran.out);
    }
    let ran = run(dir.path(), &["log", "verify", "--dir", "state/journal", "--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&told["ok"], &told["journal"]["signed_to"]), (&json!(true), &json!(21)));
}

#[test]
fn the_first_bad_record_is_named_with_what_is_wrong_and_what_to_do() {
    let dir = written();
    let path = segment(dir.path());
    let mut octets = std::fs::read(&path).unwrap();
    let at = octets.windows(13).position(|window| window == b"\"request_id\":").unwrap();
    octets[at + 20] ^= 1;
    std::fs::write(&path, octets).unwrap();
    let ran = run(dir.path(), &["log", "verify"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.out.ends_with("bad\n"), "{}", ran.out);
    let said = format!("{} at octet 96: the checksum does not match\nhelp: ", path.display());
    assert!(ran.err.contains(&said), "{}", ran.err);
    let ran = run(dir.path(), &["log", "verify", "--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.exit, &told["ok"]), (Exit::No, &json!(false)));
    let finding = &told["journal"]["findings"][0];
    assert_eq!((&finding["code"], &finding["offset"]), (&json!("record"), &json!(96)));
}

#[test]
fn an_emptied_folder_is_no_sound_journal_and_neither_is_one_that_never_was() {
    let dir = written();
    let journal = dir.path().join("state/journal");
    let keys = std::fs::read(journal.join("public-keys.json")).unwrap();
    for file in std::fs::read_dir(&journal).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    // The copy of the head beside the key tells of it, believed or not.
    let codes = |arguments: &[&str]| {
        let ran = run(dir.path(), &[&["log", "verify", "--json"], arguments].concat());
        let told: Value = serde_json::from_str(&ran.out).unwrap();
        let findings = told["journal"]["findings"].as_array().unwrap().clone();
        (ran.exit, findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(codes(&[]), (Exit::No, vec!["head-foreign".to_owned()]));
    std::fs::write(dir.path().join("carried.json"), keys).unwrap();
    let all_gone = vec!["head-missing".to_owned(), "cut".to_owned()];
    assert_eq!(codes(&["--public-keys", "carried.json"]), (Exit::No, all_gone));
    std::fs::remove_dir(&journal).unwrap();
    assert_eq!(codes(&[]).0, Exit::No);
    std::fs::create_dir(&journal).unwrap();
    for nothing in ["state/journal", "."] {
        let ran = run(dir.path(), &["log", "verify", "--dir", nothing]);
        assert_eq!(ran.exit, Exit::Unusable, "{}", ran.out);
        assert!(ran.err.contains("holds no journal") && ran.err.contains("help: "), "{}", ran.err);
    }
}

#[test]
fn a_copy_of_the_head_that_is_none_is_told_of() {
    let dir = written();
    let copy = dir.path().join("state/journal-key.head.json");
    let genuine = std::fs::read_to_string(&copy).unwrap();
    for (text, code) in [
        ("junk".to_owned(), "head-unreadable"),
        (genuine.replace("\"number\":21", "\"number\":20"), "head-forged"),
        (genuine.replace("\"key\":\"", "\"key\":\"another"), "head-foreign"),
    ] {
        assert_ne!(text, genuine, "{code}");
        std::fs::write(dir.path().join("copy.json"), &text).unwrap();
        for arguments in [&["--head", "copy.json"][..], &[]] {
            let ran = run(dir.path(), &[&["log", "verify", "--json"], arguments].concat());
            let told: Value = serde_json::from_str(&ran.out).unwrap();
            assert_eq!((ran.exit, &told["journal"]["findings"][0]["code"]), (Exit::No, &json!(code)), "{}", ran.out);
            std::fs::write(&copy, &text).unwrap(); // and then in its usual place
        }
        std::fs::write(&copy, &genuine).unwrap();
    }
}

#[test]
fn keys_are_listed_carried_away_and_rotated() {
    let dir = written();
    let listed = run(dir.path(), &["keys", "journal", "list"]);
    assert_eq!(listed.exit, Exit::Fine);
    std::fs::write(dir.path().join("carried.json"), &listed.out).unwrap();
    let rotated = run(dir.path(), &["keys", "journal", "rotate"]);
    assert!(rotated.exit == Exit::Fine && rotated.out.contains("vouched for by"), "{}", rotated.err);
    let ran = run(dir.path(), &["log", "verify", "--public-keys", "carried.json"]);
    assert!(ran.exit == Exit::Fine && ran.out.contains("keys that you brought"), "{}{}", ran.out, ran.err);
    assert!(!listed.out.contains("PRIVATE") && !rotated.out.contains("PRIVATE"));
    let other = written();
    let strange = run(other.path(), &["keys", "journal", "list"]).out;
    std::fs::write(dir.path().join("carried.json"), strange).unwrap();
    let ran = run(dir.path(), &["log", "verify", "--public-keys", "carried.json"]);
    assert!(ran.exit == Exit::No && ran.err.contains("do not vouch for"), "{}", ran.err);
}

#[test]
fn what_cannot_be_looked_at_is_unusable() {
    let dir = written();
    for (args, why) in [
        (&["--dir", "nowhere"][..], "there is no journal in"),
        (&["--public-keys", "nowhere.json"], "cannot be used"),
        (&["--public-keys", "bartizan.toml"], "no list of a journal's public keys"),
        (&["--trail", "state"], "--trail-keys"),
    ] {
        let ran = run(dir.path(), &[&["log", "verify"], args].concat());
        assert_eq!(ran.exit, Exit::Unusable, "{args:?}");
        assert!(ran.err.contains(why) && ran.err.contains("help: "), "{args:?}: {}", ran.err);
    }
}

/// Two hours of a trail, as they lie in a copy of the bucket.
fn trail() -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::from_pem(include_bytes!("../../audit/digest/tests/test-only.rsa.pem")).unwrap();
    let put = |object: &str, content: &[u8], packed: bool| {
        let path = dir.path().join(object);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(content).unwrap();
        std::fs::write(path, if packed { gzip.finish().unwrap() } else { content.to_vec() }).unwrap();
    };
    let (mut previous, mut objects): (Option<Previous>, _) = (None, Vec::new());
    for hour in 0..2 {
        let log = format!("AWSLogs/1/CloudTrail/r/log-{hour}.json.gz");
        let content = format!("{{\"Records\":[{hour}]}}");
        put(&log, content.as_bytes(), hour == 0);
        let logs = vec![LogFile {
            bucket: "trail".to_owned(),
            object: log.clone(),
            hash_value: digest::hash(content.as_bytes()),
            hash_algorithm: digest::HASH.to_owned(),
            newest_event_time: None,
            oldest_event_time: None,
        }];
        let (start, end) = (Seconds(hour * 3600), Seconds((hour + 1) * 3600));
        let object = digest::object_name("", "1", "r", "proxy", "r", end);
        let previous_one = previous.take();
        let hour = Hour {
            account: "1",
            start,
            end,
            bucket: "trail",
            object: &object,
            previous: previous_one.as_ref(),
            logs,
            proxy: None,
        };
        let signed = digest::sign(hour, &key).unwrap();
        put(&object, &signed.document, true);
        if start.0 > 0 {
            std::fs::write(dir.path().join(format!("{object}.signature")), &signed.as_previous.signature).unwrap();
        }
        previous = Some(signed.as_previous);
        objects.extend([object, log]);
    }
    std::fs::write(dir.path().join("public-keys.json"), PublicKey::spell_list(&[key.public().clone()])).unwrap();
    (dir, objects)
}

#[test]
fn a_trail_is_verified_as_it_lies_in_a_copy_of_its_bucket() {
    let (dir, objects) = trail();
    let empty = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    let ran = run(empty.path(), &["log", "verify", "--trail", at]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Fine, ""), "{}", ran.out);
    assert!(ran.out.contains("2 of 2 digests valid, 2 of 2 log files valid"), "{}", ran.out);
    std::fs::write(dir.path().join(&objects[1]), "{}").unwrap();
    let ran = run(empty.path(), &["log", "verify", "--trail", at]);
    assert!(ran.exit == Exit::No && ran.err.contains("log-0.json.gz is invalid: its content"), "{}", ran.err);
    std::fs::remove_file(dir.path().join(&objects[0])).unwrap();
    let ran = run(empty.path(), &["log", "verify", "--trail", at, "--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let missing = told["trail"]["files"].as_array().unwrap().iter().find(|file| file["verdict"] == "missing").unwrap();
    assert_eq!((&missing["object"], &missing["kind"]), (&json!(objects[0]), &json!("digest")));
}

#[test]
fn a_trail_with_files_that_no_digest_names_or_without_its_newest_hours_does_not_pass() {
    let (dir, objects) = trail();
    let empty = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    let verify = |more: &[&str]| run(empty.path(), &[&["log", "verify", "--trail", at], more].concat());
    let ran = verify(&["--until", "1970-01-01T02:00:00Z"]);
    assert!(ran.exit == Exit::Fine && ran.out.contains("until 1970-01-01T02:00:00Z"), "{}{}", ran.out, ran.err);
    let ran = verify(&["--until", "1970-01-01T02:00:01Z"]);
    assert!(ran.exit == Exit::No && ran.err.contains("no valid digest reaches"), "{}", ran.err);
    let rogue = dir.path().join("AWSLogs/1/CloudTrail/r/rogue.json.gz");
    std::fs::write(&rogue, "{}").unwrap();
    let ran = verify(&[]);
    assert!(
        ran.exit == Exit::No && ran.err.contains("rogue.json.gz is a log file that no digest names"),
        "{}",
        ran.err
    );
    std::fs::remove_file(rogue).unwrap();
    let unpacked = dir.path().join(objects[1].trim_end_matches(".gz"));
    std::fs::write(&unpacked, "{\"forged\":1}").unwrap();
    let ran = verify(&[]);
    assert!(ran.exit == Exit::No && ran.err.contains("packed and unpacked"), "{}", ran.err);
    std::fs::remove_file(unpacked).unwrap();
    for gone in &objects[2..] {
        std::fs::remove_file(dir.path().join(gone)).unwrap();
    }
    let ran = verify(&["--until", "1970-01-01T02:00:00Z"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.out);
}

#[test]
fn a_trail_that_goes_on_does_not_hide_that_another_ends() {
    let (dir, _) = trail();
    let key = SigningKey::from_pem(include_bytes!("../../audit/digest/tests/test-only.rsa.pem")).unwrap();
    let object = digest::object_name("", "1", "r", "other", "r", Seconds(3600));
    let hour = Hour {
        account: "1",
        start: Seconds(0),
        end: Seconds(3600),
        bucket: "trail",
        object: &object,
        previous: None,
        logs: Vec::new(),
        proxy: None,
    };
    let signed = digest::sign(hour, &key).unwrap();
    std::fs::write(dir.path().join(&object), signed.document).unwrap();
    std::fs::write(dir.path().join(format!("{object}.signature")), signed.as_previous.signature).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let at = dir.path().to_str().unwrap();
    let verify = |until: &str| run(empty.path(), &["log", "verify", "--trail", at, "--until", until]);
    let ran = verify("1970-01-01T01:00:00Z");
    assert!(ran.exit == Exit::Fine && ran.out.contains("until 1970-01-01T01:00:00Z"), "{}{}", ran.out, ran.err);
    let ran = verify("1970-01-01T02:00:00Z");
    assert!(ran.exit == Exit::No && ran.err.contains("or not in every trail"), "{}{}", ran.out, ran.err);
}
