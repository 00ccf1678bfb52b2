//! What is heard, and what waits, is bounded; nothing that was dropped counts as clean.

use std::sync::Arc;

use super::ledger::Ledger;
use super::{ALL, Inspector, Looking, Object, ROOM, Settings};
use crate::detect::Detectors;
use crate::time::{Millis, Seconds};

fn start(share: u32, most: u64) -> (Arc<Inspector>, Looking, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let findings = folder.path().join("below/findings.jsonl");
    let settings = Settings { share, most, detectors: Detectors::all(), findings };
    let (inspector, looking) = Inspector::start(settings).unwrap();
    (inspector, looking, folder)
}

fn object(size: u64) -> Object {
    Object {
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        request: "ABCDEFGHIJKLMNOP".to_owned(),
        time: Millis(1_795_000_000_000),
        size,
        content_type: None,
        content_encoding: None,
        etag: None,
        version: None,
        storage_class: None,
        encryption: None,
        part: None,
    }
}

fn looked(inspector: &Inspector, result: &str) -> (u64, u64) {
    let reading = inspector.reading();
    let (_, uploads, octets) = reading.looked.into_iter().find(|(known, ..)| *known == result).unwrap();
    (uploads, octets)
}

#[test]
fn what_waits_takes_no_more_room_than_there_is_and_what_finds_none_is_counted() {
    let (inspector, _looking, _folder) = start(ALL, ROOM / 2);
    let first = inspector.hear("bucket", "a", ROOM).unwrap();
    let second = inspector.hear("bucket", "b", ROOM).unwrap();
    assert!(inspector.hear("bucket", "c", 1).is_none());
    assert_eq!(inspector.reading().dropped, 1);
    drop(first);
    assert!(inspector.hear("bucket", "c", 1).is_some(), "a request that fails gives its room back");
    drop(second);
}

#[test]
fn of_a_long_upload_only_the_begin_is_kept() {
    let (inspector, looking, _folder) = start(ALL, 10);
    let hearing = inspector.hear("bucket", "key", 1000).unwrap();
    let mut ear = hearing.ear();
    ear(b"1234");
    ear(b"");
    ear(b"56789012345");
    ear(b"more");
    assert_eq!(hearing.heard.borrow().data, b"1234567890");
    hearing.stored(object(1000));
    drop(looking);
    assert_eq!((looked(&inspector, "partial"), looked(&inspector, "clean")), ((1, 10), (0, 0)));
}

#[test]
fn what_waits_is_looked_at_before_the_end() {
    let (inspector, looking, folder) = start(ALL, 4096);
    for number in 0..50 {
        let hearing = inspector.hear("bucket", &format!("{number}"), 100).unwrap();
        hearing.ear()(b"ssn 064-09-8688 ");
        hearing.stored(object(16));
    }
    drop(looking);
    assert_eq!(looked(&inspector, "sensitive"), (50, 800));
    let text = std::fs::read_to_string(folder.path().join("below/findings.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 50);
    assert_eq!(inspector.reading().findings, [("SensitiveData:S3Object/Personal", "High", 50)]);
    let late = inspector.hear("bucket", "late", 100).unwrap();
    late.stored(object(1));
    assert_eq!(inspector.reading().dropped, 1, "nobody looks any more");
}

#[test]
fn nothing_is_heard_of_no_data_and_a_share_is_a_share() {
    let (inspector, _looking, _folder) = start(ALL / 10, 16);
    assert!(inspector.hear("bucket", "key", 0).is_none());
    let chosen = (0..10_000).filter(|number| inspector.chooses("bucket", &number.to_string())).count();
    assert!((850..1150).contains(&chosen), "{chosen}");
    assert_eq!(inspector.reading().dropped, 0, "what is not chosen is not dropped");
}

#[test]
fn a_part_of_an_upload_is_never_clean() {
    let (inspector, looking, _folder) = start(ALL, 16);
    let hearing = inspector.hear("bucket", "key", 4).unwrap();
    hearing.ear()(b"none");
    hearing.stored(Object { part: Some(("upload".to_owned(), "1".to_owned())), ..object(4) });
    drop(looking);
    assert_eq!((looked(&inspector, "partial"), looked(&inspector, "clean")), ((1, 4), (0, 0)));
}

#[test]
fn a_full_file_is_set_aside_and_a_line_that_was_cut_short_spoils_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("findings.jsonl");
    std::fs::write(&path, "{\"cut").unwrap();
    let mut ledger = Ledger::open(path.clone()).unwrap().full_from(20);
    let now = Seconds(1_795_000_000);
    for line in ["{\"a\":1}", "{\"b\":2222}", "{\"c\":3}", "{\"d\":4444444444444}", "{\"e\":5}"] {
        ledger.add(line, now).unwrap();
    }
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["findings-20261118T110640Z-1.jsonl", "findings-20261118T110640Z.jsonl", "findings.jsonl"]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("findings-20261118T110640Z.jsonl"), "{\"cut\n{\"a\":1}\n{\"b\":2222}\n");
    assert_eq!(read("findings-20261118T110640Z-1.jsonl"), "{\"c\":3}\n{\"d\":4444444444444}\n");
    assert_eq!(read("findings.jsonl"), "{\"e\":5}\n");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(folder.path().join("findings.jsonl")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}
