//! What an attacker with the disk, and without the key, can make a proxy sign for: nothing unseen.

use super::super::frame;
use super::super::head::beside;
use super::super::sign::PUBLIC_KEYS;
use super::signing::{change, closed, ends, fill, found, proof, signed};
use super::*;

/// The names of all that is found.
fn all_found(dir: &Path, trust: &Trust) -> Vec<&'static str> {
    prove(dir, trust).unwrap().findings.iter().map(|finding| finding.what.code()).collect()
}

fn remove(dir: &Path, names: &[&str]) {
    names.iter().for_each(|name| std::fs::remove_file(dir.join(name)).unwrap());
}

/// Appends records to the last file, every checksum and link right, as somebody without the key can.
fn append_unsigned(dir: &Path, after: u64, between: u64) {
    let last = entries(dir).pop().unwrap();
    let path = segments(dir).pop().unwrap();
    change(&path, |octets| {
        octets.truncate(*ends(octets).last().unwrap());
        let at = octets.len() - 36;
        let mut chain = frame::Chain(octets[at..at + 32].try_into().unwrap());
        for nth in 1..=4 {
            let start = octets.len();
            let time = last.time + after + nth * between;
            frame::append(octets, Kind::Combined, time, br#"{"request_id":"forged"}"#);
            chain = frame::stamp(&mut octets[start..], Kind::Combined, last.number + nth, &chain).unwrap();
        }
    });
}

/// A signed journal of one file that was killed, its head that of the last record.
fn killed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { segment_size: 1 << 20, ..signed(dir.path()) };
    let (journal, _) = Journal::open(dir.path(), settings).unwrap();
    fill(&journal, 0, 10);
    let last = || entries(dir.path()).last().unwrap().number;
    until(|| {
        let head = std::fs::read_to_string(dir.path().join("head.json")).unwrap();
        last() == 20 && head.contains("\"number\":20,")
    });
    image(dir.path())
}

#[test]
fn a_list_of_keys_that_was_taken_away_is_not_made_anew_over_a_journal() {
    let dir = closed();
    let (list, head) = (dir.path().join(PUBLIC_KEYS), dir.path().join("head.json"));
    let kept = std::fs::read(&list).unwrap();
    for gone in [&[PUBLIC_KEYS][..], &["head.json"]] {
        remove(dir.path(), gone);
        let shut = Journal::open(dir.path(), signed(dir.path())).map(|_| ()).unwrap_err();
        let JournalError::Sign(error) = &shut else { panic!("{shut}") };
        assert!(matches!(error, SignError::Unlisted { path } if *path == list) && error.help().contains("from a copy"));
        assert!(!list.exists());
    }
    // With the list back, what the missing head leaves open is told.
    std::fs::write(&list, kept).unwrap();
    remove(dir.path(), &["key.head.json"]);
    let (_, recovery) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    assert_eq!(recovery.head, HeadState::Missing);
    assert!(head.exists());
    assert_eq!(found(dir.path()), "head-missing");
}

#[test]
fn a_journal_whose_head_is_gone_does_not_begin_wherever_its_first_file_does() {
    let dir = closed();
    std::fs::remove_file(&segments(dir.path())[0]).unwrap();
    remove(dir.path(), &["head.json", "key.head.json"]);
    drop(Journal::open(dir.path(), signed(dir.path())).unwrap());
    assert_eq!(all_found(dir.path(), &Trust::default()), ["beginning", "head-missing"]);
}

#[test]
fn what_the_head_said_is_known_from_beside_the_key_when_it_is_gone_or_put_back() {
    for put_back in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(dir.path(), signed(dir.path())).unwrap();
        let old = std::fs::read(dir.path().join("head.json")).unwrap();
        fill(&journal, 0, 60);
        journal.close().unwrap();
        drop(journal);
        let files = segments(dir.path());
        files[2..].iter().for_each(|file| std::fs::remove_file(file).unwrap());
        remove(dir.path(), &["head.json"]);
        if put_back {
            std::fs::write(dir.path().join("head.json"), old).unwrap();
        }
        let trust = Trust { head: Some(beside(&dir.path().join("key.pem"))), ..Trust::default() };
        let first = if put_back { "head-old" } else { "head-missing" };
        assert_eq!(all_found(dir.path(), &trust), [first, "cut"]);
        let (_, recovery) = Journal::open(dir.path(), signed(dir.path())).unwrap();
        assert!(recovery.head == HeadState::Short && recovery.missing.is_some());
        assert_eq!(found(dir.path()), "loss");
    }
}

#[test]
fn a_whole_folder_taken_away_is_known_from_beside_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("journal");
    let (journal, _) = Journal::open(&folder, signed(dir.path())).unwrap();
    fill(&journal, 0, 10);
    journal.close().unwrap();
    drop(journal);
    std::fs::remove_dir_all(&folder).unwrap();
    let (_, recovery) = Journal::open(&folder, signed(dir.path())).unwrap();
    assert_eq!((recovery.head, recovery.missing), (HeadState::Short, Some((1, 21))));
    assert!(all_found(&folder, &Trust::default()).contains(&"loss"));
}

#[test]
fn records_put_behind_the_signed_ones_are_told_when_they_are_signed_over() {
    let dir = killed();
    append_unsigned(dir.path(), 0, 1000);
    assert_eq!(found(dir.path()), "nothing", "a proxy that was killed leaves the same");
    let (journal, recovery) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    assert_eq!(recovery.unsigned, Some(Unsigned { from: 21, to: 24, nanos: 3000 }));
    journal.close().unwrap();
    drop(journal);
    let told = entries(dir.path()).into_iter().find(|entry| entry.kind == Kind::Gap).unwrap();
    assert_eq!((&json(&told)["unsigned_from"], &json(&told)["unsigned_to"]), (&21.into(), &24.into()));
    let proof = proof(dir.path());
    assert!(proof.is_sound(), "{:?}", proof.findings);
    assert_eq!(proof.late, [(21, 24, told.number)]);
    // A journal that was signed to its end tells of nothing.
    let (_, recovery) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    assert_eq!(recovery.unsigned, None);
}

#[test]
fn records_that_go_on_for_longer_than_a_head_takes_are_found_before_and_after_the_next_start() {
    let dir = killed();
    append_unsigned(dir.path(), 0, 2_000_000_000);
    assert_eq!(found(dir.path()), "late");
    drop(Journal::open(dir.path(), signed(dir.path())).unwrap());
    let proof = proof(dir.path());
    let [Finding { what: What::Late { from: 21, to: 24, told: Some(told) }, .. }] = proof.findings[..] else {
        panic!("{:?}", proof.findings)
    };
    let trust = Trust { known_losses: vec![told], ..Trust::default() };
    assert!(prove(dir.path(), &trust).unwrap().is_sound());
}

#[test]
fn a_journal_stripped_of_every_signature_does_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    fill(&journal, 0, 10);
    journal.close().unwrap();
    assert_eq!(found(dir.path()), "unsigned");
    assert!(prove(dir.path(), &Trust { unsigned_ok: true, ..Trust::default() }).unwrap().is_sound());
}

#[test]
fn a_file_before_the_first_that_is_kept_is_verified_as_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { max_size: Some(30_000), ..signed(dir.path()) };
    let (journal, _) = Journal::open(dir.path(), settings).unwrap();
    let first = segments(dir.path()).remove(0);
    let mut nth = 0;
    let mut kept = Vec::new();
    until(|| {
        fill(&journal, nth, 10);
        nth += 10;
        kept = std::fs::read(&first).unwrap_or(std::mem::take(&mut kept));
        !first.exists()
    });
    journal.close().unwrap();
    drop(journal);
    // What was removed is put back, changed: it is read by exports, so it is verified.
    let gone = 1..super::super::segment::list(dir.path()).unwrap()[0].sequence;
    if gone.end == 2 {
        std::fs::write(&first, &kept).unwrap();
        assert_eq!(found(dir.path()), "nothing");
        change(&first, |octets| octets[300] ^= 1);
        assert_eq!(found(dir.path()), "record");
        assert!(records(dir.path()).any(|entry| entry.is_err()));
    } else {
        // Two went at once: a hole is found where the first of them is put back.
        std::fs::write(&first, &kept).unwrap();
        assert_eq!(found(dir.path()), "missing-file");
    }
}

/// Writes a file anew with another header and other times; every checksum is right again, and no link of the
/// chain has to change.
fn retime(path: &Path, edit: impl Fn(&mut frame::Header), shift: u64) {
    change(path, |octets| {
        let mut header = frame::Header::decode(octets.first_chunk().unwrap()).unwrap();
        edit(&mut header);
        octets[..frame::HEADER].copy_from_slice(&header.encode());
        for pair in ends(octets).windows(2) {
            let frame = &mut octets[pair[0]..pair[1]];
            let time = frame::time_of(frame) - shift;
            frame[16..24].copy_from_slice(&time.to_le_bytes());
            let end = frame.len() - 4;
            let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &frame[..end]);
            frame[end..].copy_from_slice(&u32::try_from(sum).unwrap().to_le_bytes());
        }
    });
}

#[test]
fn times_that_were_moved_are_found_in_sealed_files_and_in_the_one_being_written() {
    let dir = closed();
    let second = segments(dir.path())[1].clone();
    let year = 365 * 86_400 * 1_000_000_000;
    retime(&second, |_| {}, 0);
    assert_eq!(found(dir.path()), "nothing");
    retime(&second, |_| {}, year);
    assert_eq!(found(dir.path()), "times");
    let dir = killed();
    retime(&segments(dir.path())[0], |_| {}, year);
    assert_eq!(found(dir.path()), "times");
}

#[test]
fn what_a_header_says_of_itself_is_signed() {
    for sealed in [true, false] {
        let edits: [fn(&mut frame::Header); 2] = [|header| header.created = 0, |header| header.flags = frame::CUT];
        for edit in edits {
            let dir = if sealed { closed() } else { killed() };
            retime(&segments(dir.path())[0], edit, 0);
            assert_ne!(found(dir.path()), "nothing", "{sealed}");
        }
    }
}

#[test]
fn retention_is_not_made_to_remove_what_is_neither_old_nor_too_much() {
    type Tamper = fn(&Path);
    let table: [Tamper; 4] = [
        |path| retime(path, |header| header.created = 0, 0),
        |path| retime(path, |_| {}, 365 * 86_400 * 1_000_000_000),
        |path| std::fs::File::options().write(true).open(path).unwrap().set_len(3 << 30).unwrap(),
        |path| {
            // A copy of its own seal, at the end of a hole.
            use std::os::unix::fs::FileExt as _;
            let octets = std::fs::read(path).unwrap();
            let ends = ends(&octets);
            let seal = &octets[ends[ends.len() - 2]..];
            std::fs::File::options().write(true).open(path).unwrap().write_all_at(seal, 3 << 30).unwrap();
        },
    ];
    for (nth, tamper) in table.into_iter().enumerate() {
        let dir = closed();
        let files = segments(dir.path());
        files[..2].iter().for_each(|path| tamper(path));
        let keep = std::time::Duration::from_secs(3600);
        let settings = Settings { keep: Some(keep), max_size: Some(1 << 30), ..signed(dir.path()) };
        let (journal, _) = Journal::open(dir.path(), settings).unwrap();
        // A new file makes it look.
        fill(&journal, 100, 60);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        fill(&journal, 200, 60);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert_eq!(journal.counts().removed, 0, "{nth}");
        assert!(files[0].exists());
    }
}

#[test]
fn a_copy_of_a_segment_under_a_later_name_makes_nothing_too_much() {
    let dir = closed();
    let settings = Settings { max_size: Some(1 << 20), ..signed(dir.path()) };
    let (journal, _) = Journal::open(dir.path(), settings).unwrap();
    let name = super::super::segment::list(dir.path()).unwrap().remove(0);
    for nth in 0..200 {
        let later = super::super::segment::file_name(&name.instance, 0xFFFF + nth);
        std::fs::copy(&name.path, dir.path().join(later)).unwrap();
    }
    fill(&journal, 100, 60);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(journal.counts().removed, 0);
}

#[test]
fn a_write_that_a_kill_interrupted_is_no_damage_and_an_altered_record_is() {
    let dir = killed();
    append_unsigned(dir.path(), 0, 1000);
    let path = segments(dir.path()).pop().unwrap();
    let whole = std::fs::read(&path).unwrap();
    let begin = ends(&whole)[ends(&whole).len() - 2];
    // Its last frame moved across the end of a page, as a longer one would be.
    let page = begin.next_multiple_of(4096);
    let long = |octets: &mut Vec<u8>| {
        octets.truncate(begin);
        frame::append(octets, Kind::Combined, 0, format!("{{\"request_id\":\"{}\"}}", "x".repeat(8192)).as_bytes());
    };
    change(&path, |octets| {
        long(octets);
        octets[page..].fill(0);
        octets.resize(1 << 20, 0);
    });
    assert_eq!(found(dir.path()), "nothing");
    assert_eq!(proof(dir.path()).half_written, Some(begin as u64));
    change(&path, |octets| {
        long(octets);
        octets.resize(1 << 20, 0);
    });
    assert_eq!(found(dir.path()), "record");
}
