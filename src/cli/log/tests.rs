use std::path::Path;

use super::super::Exit;
use super::super::tests::{Ran, run};
use crate::audit::{Completion, Connection, Decision, Intent, Journal, Outcome, Requester, Settings, access_log};
use crate::id::RequestId;
use crate::time::Millis;

/// 2026-11-20T09:00:00Z
const NINE: i64 = 1_795_165_200_000;

fn id(nth: u8) -> RequestId {
    RequestId::from_random(&[nth; 34])
}

fn intent(nth: u8, operation: &'static str, bucket: &'static [u8], key: &'static [u8]) -> Intent<'static> {
    Intent {
        requester: Requester {
            kind: Some("IAMUser"),
            account: Some("111122223333"),
            arn: Some("arn:aws:iam::111122223333:user/red"),
            access_key: Some(b"AKIAIOSFODNN7EXAMPLE"),
            signature_version: Some("SigV4"),
            authentication: Some("AuthHeader"),
            ..Requester::default()
        },
        method: Some(b"GET"),
        target: Some(b"/logs/a"),
        http_version: Some("HTTP/1.1"),
        operation: Some(operation),
        bucket: Some(bucket),
        key: Some(key),
        decision: Decision::Allow,
        ..Intent::new(id(nth), Millis(NINE + i64::from(nth) * 60_000))
    }
}

/// A folder with a configuration and a journal: a read, a write that begins before it and ends behind it,
/// a refusal, and one that is under way.
fn site() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    let file = dir.path().join("bartizan.toml");
    let checked = run(dir.path(), &["check"]);
    assert_eq!(checked.exit, Exit::Fine, "{}", checked.err);
    assert!(file.is_file());
    let settings = Settings { min_free: Some(0), ..Settings::default() };
    let (journal, _) = Journal::open(journal(dir.path()), settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let record = |intent: &Intent<'_>| runtime.block_on(journal.record(intent)).unwrap();
    let end = |outcome, status| Completion { outcome, status: Some(status), ..Completion::default() };
    let write = record(&intent(1, "PutObject", b"logs", b"red/b"));
    let from = Connection { remote: Some([192, 0, 2, 7].into()), ..Connection::default() };
    record(&Intent { connection: from, ..intent(2, "GetObject", b"logs", b"blue/a") })
        .complete(&end(Outcome::Completed, 200));
    write.complete(&end(Outcome::Completed, 200));
    let refusal = Completion { reason: Some("denied"), error_code: Some("AccessDenied"), ..end(Outcome::Refused, 403) };
    let _ = runtime.block_on(journal.refuse(&intent(3, "GetObject", b"other", b"red/c"), &refusal)).unwrap();
    journal.close().unwrap();
    drop(journal);
    dir
}

fn journal(folder: &Path) -> std::path::PathBuf {
    folder.join("state/journal")
}

fn lines(ran: &Ran) -> Vec<&str> {
    ran.out.lines().collect()
}

fn names(ran: &Ran) -> Vec<String> {
    let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    lines(ran).iter().map(|line| value(line)["request_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn requests_are_exported_in_the_order_in_which_they_ended() {
    let dir = site();
    let ran = run(dir.path(), &["log", "export"]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Fine, ""));
    assert_eq!(names(&ran), [2, 1, 3].map(|nth| id(nth).to_string()));
    let ran = run(dir.path(), &["log", "export", "--format", "s3"]);
    for line in lines(&ran) {
        assert_eq!(access_log::parse(line.as_bytes()).unwrap().join(" "), line);
    }
    assert!(lines(&ran)[0].contains(" REST.GET.OBJECT blue/a \"GET /logs/a HTTP/1.1\" 200 "), "{}", ran.out);
    let ran = run(dir.path(), &["log", "export", "--format", "cloudtrail"]);
    assert_eq!(lines(&ran).len(), 3);
    assert!(lines(&ran)[2].starts_with(r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser""#), "{}", ran.out);
}

#[test]
fn an_export_can_be_of_a_time_a_bucket_an_account_or_what_selectors_take() {
    let dir = site();
    let export = |args: &[&str]| run(dir.path(), &[&["log", "export"][..], args].concat());
    let nth = |args: &[&str]| names(&export(args));
    let ids = |nth: &[u8]| nth.iter().map(|nth| id(*nth).to_string()).collect::<Vec<_>>();
    assert_eq!(nth(&["--from", "2026-11-20T09:02:00Z"]), ids(&[2, 3]));
    assert_eq!(nth(&["--to", "2026-11-20T09:02:00Z"]), ids(&[1]));
    assert_eq!(nth(&["--from", "2026-11-20", "--to", "2026-11-21"]), ids(&[2, 1, 3]));
    assert_eq!(nth(&["--from", "2026-11-21"]), ids(&[]));
    assert_eq!(nth(&["--bucket", "other"]), ids(&[3]));
    assert_eq!(nth(&["--account", "111122223333"]), ids(&[2, 1, 3]));
    assert_eq!(nth(&["--account", "444455556666"]), ids(&[]));
    let selectors =
        r#"{"ReadWriteType":"WriteOnly","DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}"#;
    std::fs::write(dir.path().join("s.json"), selectors).unwrap();
    assert_eq!(nth(&["--selectors", "s.json"]), ids(&[1]));
    let taken = export(&["--selectors", "s.json", "--format", "cloudtrail"]);
    assert!(lines(&taken).len() == 1 && taken.out.contains("PutObject"));
    std::fs::write(dir.path().join("s.json"), "{").unwrap();
    let ran = export(&["--selectors", "s.json"]);
    assert_eq!(ran.exit, Exit::Unusable);
    assert!(ran.err.contains("the selectors in"), "{}", ran.err);
    assert_eq!(export(&["--from", "yesterday"]).exit, Exit::Unusable);
}

#[test]
fn requests_are_found_by_any_conditions_and_none_is_no() {
    let dir = site();
    let find = |args: &[&str]| run(dir.path(), &[&["log", "find"][..], args].concat());
    let nth = |args: &[&str]| {
        let ran = find(args);
        assert_eq!(ran.err, "");
        names(&ran)
    };
    let ids = |nth: &[u8]| nth.iter().map(|nth| id(*nth).to_string()).collect::<Vec<_>>();
    assert_eq!(nth(&["--principal", "arn:aws:iam::111122223333:user/red"]), ids(&[2, 1, 3]));
    assert_eq!(nth(&["--principal", "AKIAIOSFODNN7EXAMPLE", "--prefix", "red/"]), ids(&[1, 3]));
    assert_eq!(nth(&["--prefix", "red/", "--bucket", "logs"]), ids(&[1]));
    assert_eq!(nth(&["--outcome", "refused"]), ids(&[3]));
    assert_eq!(nth(&["--reason", "denied"]), ids(&[3]));
    assert_eq!(nth(&["--to", "2026-11-20T09:02:00Z"]), ids(&[1]));
    let three = id(3).to_string();
    let line = find(&[three.as_str(), "--format", "s3"]);
    assert_eq!((line.exit, lines(&line).len()), (Exit::Fine, 1));
    // Without a form the records themselves, as ever.
    assert!(find(&[three.as_str()]).out.contains("type: combined"));
    let none = find(&["--bucket", "nowhere"]);
    assert_eq!((none.exit, none.out.as_str()), (Exit::No, ""));
    assert_eq!(find(&[three.as_str(), "--bucket", "nowhere"]).exit, Exit::No);
    assert_eq!(find(&[]).exit, Exit::Unusable);
    assert_eq!(find(&["--outcome", "well"]).exit, Exit::Unusable);
}

#[test]
fn the_last_requests_are_printed_in_any_form() {
    let dir = site();
    let ran = run(dir.path(), &["log", "tail", "--format", "s3", "-n", "2"]);
    assert_eq!((ran.exit, lines(&ran).len()), (Exit::Fine, 2), "{}", ran.err);
    assert!(ran.out.contains("REST.PUT.OBJECT") || ran.out.contains("REST.GET.OBJECT red/b"), "{}", ran.out);
    let ran = run(dir.path(), &["log", "tail", "--format", "cloudtrail"]);
    assert_eq!((ran.exit, lines(&ran).len()), (Exit::Fine, 3));
    // The journal's own records, a seal left out.
    assert_eq!(lines(&run(dir.path(), &["log", "tail"])).len(), 5);
}

#[test]
fn a_line_says_the_region_of_its_address_here_as_where_it_is_delivered() {
    let dir = site();
    let file = dir.path().join("bartizan.toml");
    let regions = "[audit]\nsource_regions = { \"192.0.2.0/24\" = \"eu-central-1\" }";
    let config = std::fs::read_to_string(&file).unwrap().replace("[audit]", regions);
    std::fs::write(&file, config).unwrap();
    for command in [&["log", "export"][..], &["log", "tail"], &["log", "find", "--bucket", "logs"]] {
        let ran = run(dir.path(), &[command, &["--format", "s3"]].concat());
        assert_eq!((ran.exit, ran.err.as_str()), (Exit::Fine, ""), "{command:?}");
        let is_told = |line: &&str| line.ends_with(" - - - - eu-central-1");
        assert_eq!(lines(&ran).iter().filter(|line| is_told(line)).count(), 1, "{command:?}: {}", ran.out);
    }
}

#[test]
fn a_damaged_journal_is_read_up_to_its_damage_and_said_so() {
    let dir = site();
    let file = std::fs::read_dir(journal(dir.path()))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .unwrap();
    let mut octets = std::fs::read(&file).unwrap();
    let at = memchr::memmem::find(&octets, b"red/c").unwrap();
    octets[at] = b'R';
    std::fs::write(&file, octets).unwrap();
    let ran = run(dir.path(), &["log", "export"]);
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.err.starts_with("error: "), "{}", ran.err);
    assert_eq!(lines(&ran).len(), 2, "what stands before it is printed");
}

#[test]
fn lines_of_the_access_log_are_not_given_as_json_and_whoever_asks_is_told() {
    let dir = site();
    for command in [&["log", "tail"][..], &["log", "export"], &["log", "find", "--bucket", "logs"]] {
        let ran = run(dir.path(), &[command, &["--format", "s3", "--json"]].concat());
        assert_eq!((ran.exit, ran.out.as_str()), (Exit::Unusable, ""), "{command:?}");
        assert!(ran.err.contains("`--json` does not go with `--format s3`"), "{command:?}: {}", ran.err);
        assert!(ran.err.contains("help: "), "{command:?}: {}", ran.err);
        for format in ["cloudtrail", "json"] {
            let plain = run(dir.path(), &[command, &["--format", format]].concat());
            let ran = run(dir.path(), &[command, &["--format", format, "--json"]].concat());
            assert_eq!((ran.exit, &ran.out), (Exit::Fine, &plain.out), "{command:?} {format}: it is JSON already");
            assert!(!ran.out.is_empty());
        }
    }
}
