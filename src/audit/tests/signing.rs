//! What an attacker with the disk, and without the key, can hide: nothing that was signed for.

use super::super::frame::{self, HEADER, Header};
use super::super::head::checkpoint_text;
use super::super::read::SealNote;
use super::super::segment::{Found, Segment, list};
use super::super::sign::{self, PUBLIC_KEYS, Signer, load, load_or_make, rotate};
use super::*;

/// Small segments, signed; the key lies beside the journal only in tests.
pub(super) fn signed(dir: &Path) -> Settings {
    Settings { signing_key: Some(dir.join("key.pem")), ..small(Before::Written) }
}

pub(super) fn fill(journal: &Journal, from: u64, count: u64) {
    for nth in from..from + count {
        journal.complete(wait(journal.record(&intent(nth))).unwrap(), &end());
    }
}

/// A closed and signed journal of several files.
pub(super) fn closed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    fill(&journal, 0, 60);
    journal.close().unwrap();
    drop(journal);
    assert!(segments(dir.path()).len() >= 4);
    dir
}

pub(super) fn proof(dir: &Path) -> Proof {
    prove(dir, &Trust::default()).unwrap()
}

/// The name of what is found first.
pub(super) fn found(dir: &Path) -> &'static str {
    proof(dir).findings.first().map_or("nothing", |finding| finding.what.code())
}

pub(super) fn change(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut octets = std::fs::read(path).unwrap();
    how(&mut octets);
    std::fs::write(path, octets).unwrap();
}

/// Where the frames of a file begin, and the last one ends.
pub(super) fn ends(octets: &[u8]) -> Vec<usize> {
    let mut ends = vec![HEADER];
    while let Some(length) = octets.get(*ends.last().unwrap()..).and_then(|rest| rest.first_chunk())
        && *length != [0; 4]
    {
        ends.push(ends.last().unwrap() + u32::from_le_bytes(*length) as usize);
    }
    ends
}

/// Writes the whole journal anew with records changed, every checksum, link and seal right again; `signer`
/// signs in the place of the key.
fn forge(dir: &Path, signer: Option<&Signer>, edit: impl Fn(&Entry) -> String) {
    let mut chain = Chain::default();
    for name in list(dir).unwrap() {
        let mut segment = Segment::open(&name, None).unwrap();
        let mut octets = Header { previous: chain, ..segment.header }.encode().to_vec();
        while let Found::Entry(entry) = segment.read().unwrap() {
            let mut payload = edit(&entry);
            if entry.kind == Kind::Seal {
                let mut note: serde_json::Value = serde_json::from_str(&payload).unwrap();
                note["chain"] = chain.to_string().into();
                note.as_object_mut().unwrap().remove("signature");
                note.as_object_mut().unwrap().remove("key");
                if let Some(signer) = signer {
                    let told: SealNote = serde_json::from_value(note.clone()).unwrap();
                    note["signature"] = signer.sign(&told.text(&name.instance, name.sequence)).into();
                    note["key"] = signer.id().into();
                }
                payload = note.to_string();
            }
            let start = octets.len();
            frame::append(&mut octets, entry.kind, entry.time, payload.as_bytes());
            chain = frame::stamp(&mut octets[start..], entry.kind, entry.number, &chain).unwrap();
        }
        assert!(octets.len() > HEADER);
        std::fs::write(&name.path, octets).unwrap();
    }
}

/// The bucket of one record is another's.
fn another_bucket(entry: &Entry) -> String {
    if entry.number == 9 { entry.json.replacen("\"b\"", "\"c\"", 1) } else { entry.json.clone() }
}

#[test]
fn a_signed_journal_is_sound_closed_or_not() {
    let dir = closed();
    let proof = proof(dir.path());
    assert!(proof.is_sound(), "{:?}", proof.findings);
    assert_eq!(proof.signed_to, proof.summary.last);
    assert!(proof.signatures > 3 && proof.summary.sealed && proof.begins_at.is_none());

    let (journal, recovery) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    assert_eq!((recovery.head, recovery.missing, recovery.clean), (HeadState::Fine, None, true));
    let receipt = wait(journal.record(&intent(90))).unwrap();
    let killed = image(dir.path());
    assert_eq!(found(killed.path()), "nothing");
    drop(receipt);
    let (_journal, recovery) = Journal::open(killed.path(), signed(killed.path())).unwrap();
    assert_eq!((recovery.head, recovery.open.len()), (HeadState::Fine, 1));
    assert_eq!(found(killed.path()), "nothing");
}

#[test]
fn every_kind_of_tampering_is_found_and_named() {
    type Tamper = fn(&Path);
    let table: [(&str, Tamper); 13] = [
        ("record", |dir| change(&segments(dir)[1], |octets| octets[300] ^= 1)),
        ("not-sealed", |dir| change(&segments(dir)[1], |octets| octets.truncate(ends(octets)[ends(octets).len() - 2]))),
        ("missing-file", |dir| std::fs::remove_file(&segments(dir)[1]).unwrap()),
        ("beginning", |dir| std::fs::remove_file(&segments(dir)[0]).unwrap()),
        ("cut", |dir| std::fs::remove_file(segments(dir).last().unwrap()).unwrap()),
        ("cut", |dir| {
            // The last record and the seal, neatly.
            let last = segments(dir).pop().unwrap();
            change(&last, |octets| octets.truncate(ends(octets)[ends(octets).len() - 3]));
        }),
        ("record", |dir| {
            // Two files change places.
            let files = segments(dir);
            let (one, two) = (std::fs::read(&files[1]).unwrap(), std::fs::read(&files[2]).unwrap());
            std::fs::write(&files[1], two).unwrap();
            std::fs::write(&files[2], one).unwrap();
        }),
        ("unused-space", |dir| change(&segments(dir)[1], |octets| octets.extend_from_slice(&[0, 0, 1]))),
        ("rewritten", |dir| forge(dir, None, another_bucket)),
        ("head-missing", |dir| std::fs::remove_file(dir.join("head.json")).unwrap()),
        ("head-unreadable", |dir| std::fs::write(dir.join("head.json"), "{").unwrap()),
        ("head-forged", |dir| {
            change(&dir.join("head.json"), |head| {
                let text = String::from_utf8(head.clone()).unwrap().replace("\"closed\":true", "\"closed\":false");
                *head = text.into_bytes();
            })
        }),
        ("head-foreign", |dir| {
            let other = closed();
            // Even one that the same key has signed.
            std::fs::copy(other.path().join("head.json"), dir.join("head.json")).unwrap();
        }),
    ];
    for (nth, (expected, tamper)) in table.into_iter().enumerate() {
        let dir = closed();
        tamper(dir.path());
        let proof = proof(dir.path());
        let codes: Vec<_> = proof.findings.iter().map(|finding| finding.what.code()).collect();
        assert!(codes.contains(&expected), "{nth}: {codes:?}");
        assert!(!proof.findings[0].what.help().is_empty());
    }
}

#[test]
fn records_moved_within_a_file_are_found_and_named_by_number_and_place() {
    let dir = closed();
    let path = segments(dir.path())[1].clone();
    let octets = std::fs::read(&path).unwrap();
    let length = |at: usize| u32::from_le_bytes(*octets[at..].first_chunk().unwrap()) as usize;
    let (one, two) = (HEADER, HEADER + length(HEADER));
    let end = two + length(two);
    std::fs::write(&path, [&octets[..one], &octets[two..end], &octets[one..two], &octets[end..]].concat()).unwrap();
    let proof = proof(dir.path());
    let finding = &proof.findings[0];
    assert_eq!((finding.what.code(), finding.offset, &finding.path), ("record", HEADER as u64, &path));
    assert_eq!(finding.number, proof.summary.last.map(|last| last + 1), "the first that is not there");
}

#[test]
fn a_journal_written_anew_by_a_stranger_is_found() {
    let dir = closed();
    let other = tempfile::tempdir().unwrap();
    let (stranger, _) = load_or_make(&other.path().join("key.pem"), other.path()).unwrap();
    forge(dir.path(), Some(&stranger), another_bucket);
    let findings = proof(dir.path()).findings;
    let What::Stranger { key, after: 0 } = &findings[0].what else { panic!("{findings:?}") };
    assert_eq!(key, stranger.id());
    // With the stranger's list in the place of ours, only a list that was carried away helps.
    let ours = PublicKeys::read(&dir.path().join(PUBLIC_KEYS)).unwrap();
    std::fs::copy(other.path().join(PUBLIC_KEYS), dir.path().join(PUBLIC_KEYS)).unwrap();
    let trust = Trust { keys: Some(ours), ..Trust::default() };
    let codes: Vec<_> = prove(dir.path(), &trust).unwrap().findings.iter().map(|it| it.what.code()).collect();
    // The head is still the one that the real key has signed.
    assert_eq!((codes.first(), codes.last()), (Some(&"foreign-key"), Some(&"rewritten")), "{codes:?}");
}

#[test]
fn a_journal_without_any_signature_does_not_pass_where_keys_are_known() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    fill(&journal, 0, 10);
    journal.close().unwrap();
    let proof = prove(dir.path(), &Trust { unsigned_ok: true, ..Trust::default() }).unwrap();
    assert!(proof.is_sound() && proof.signed_to.is_none());
    let other = closed();
    let keys = PublicKeys::read(&other.path().join(PUBLIC_KEYS)).ok();
    let found = prove(dir.path(), &Trust { keys, ..Trust::default() }).unwrap();
    assert_eq!(found.findings[0].what.code(), "head-missing");
}

#[test]
fn a_journal_from_before_there_were_signatures_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    fill(&journal, 0, 20);
    journal.close().unwrap();
    drop(journal);
    let old = entries(dir.path()).len() as u64;
    let (journal, recovery) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    assert_eq!(recovery.head, HeadState::Absent);
    fill(&journal, 20, 20);
    journal.close().unwrap();
    let proof = proof(dir.path());
    assert!(proof.is_sound(), "{:?}", proof.findings);
    assert!(proof.signed_from.unwrap() > old, "it is said from where on there are signatures");
}

#[test]
fn a_journal_that_is_gone_on_with_without_its_key_does_not_pass() {
    let dir = closed();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    fill(&journal, 70, 5);
    journal.close().unwrap();
    assert_eq!(found(dir.path()), "unsigned");
}

#[test]
fn a_key_that_is_rotated_in_is_trusted_by_whoever_has_the_old_list() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    fill(&journal, 0, 20);
    let key = dir.path().join("key.pem");
    let carried = PublicKeys::read(&dir.path().join(PUBLIC_KEYS)).unwrap();
    let old = std::fs::read(&key).unwrap();
    let new = rotate(&key, dir.path()).unwrap();
    assert_eq!(new.by, carried.journal_keys[0].id);
    // The journal takes it up while it is open.
    until(|| std::fs::read_to_string(dir.path().join("head.json")).unwrap().contains(&new.id));
    fill(&journal, 20, 20);
    journal.close().unwrap();
    drop(journal);
    let trust = Trust { keys: Some(carried), ..Trust::default() };
    let proof = prove(dir.path(), &trust).unwrap();
    assert!(proof.is_sound() && proof.own_keys, "{:?}", proof.findings);
    assert_eq!(proof.signed_to, proof.summary.last);

    // Whoever has kept the old key cannot go on with it.
    std::fs::write(&key, old).unwrap();
    let (journal, _) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    fill(&journal, 40, 1);
    journal.close().unwrap();
    assert_eq!(found(dir.path()), "old-key");
}

#[test]
fn newest_records_that_were_cut_off_stay_told_after_the_next_start() {
    for whole_file in [false, true] {
        let dir = closed();
        let files = segments(dir.path());
        let signed_to = proof(dir.path()).summary.last.unwrap();
        if whole_file {
            std::fs::remove_file(files.last().unwrap()).unwrap();
        } else {
            change(files.last().unwrap(), |octets| octets.truncate(HEADER));
        }
        let left = entries(dir.path()).last().unwrap().number;
        let (journal, recovery) = Journal::open(dir.path(), signed(dir.path())).unwrap();
        assert_eq!((recovery.head, recovery.missing), (HeadState::Short, Some((left + 1, signed_to))));
        fill(&journal, 50, 1);
        journal.close().unwrap();
        drop(journal);
        let proof = proof(dir.path());
        let [Finding { what: What::Loss { from, to, told }, .. }] = &proof.findings[..] else {
            panic!("{:?}", proof.findings)
        };
        // No number is given twice.
        assert_eq!((*from, *to), (left + 1, signed_to));
        assert!(*told > signed_to);
        let trust = Trust { known_losses: vec![*told], ..Trust::default() };
        let known = prove(dir.path(), &trust).unwrap();
        assert!(known.is_sound() && known.known.len() == 1);
        let (_, recovery) = Journal::open(dir.path(), signed(dir.path())).unwrap();
        assert_eq!(recovery.head, HeadState::Fine);
    }
}

#[test]
fn a_whole_journal_taken_away_is_told_by_its_head() {
    let dir = closed();
    segments(dir.path()).iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let (journal, recovery) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    assert_eq!(recovery.head, HeadState::Short);
    journal.close().unwrap();
    assert_eq!(found(dir.path()), "beginning");
}

#[test]
fn a_rewritten_end_keeps_the_journal_shut() {
    let dir = closed();
    forge(dir.path(), Some(&load(&dir.path().join("key.pem")).unwrap()), |entry| {
        entry.json.replacen("\"b\"", "\"c\"", 1)
    });
    assert_eq!(found(dir.path()), "rewritten");
    let shut = Journal::open(dir.path(), signed(dir.path()));
    assert!(matches!(shut, Err(JournalError::Damaged(Damage { fault: Fault::Head(_), .. }))));
}

#[test]
fn checkpoints_are_signed_while_records_come_in_and_only_then() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { checkpoint: std::time::Duration::ZERO, segment_size: 1 << 20, ..signed(dir.path()) };
    let (journal, _) = Journal::open(dir.path(), settings).unwrap();
    fill(&journal, 0, 20);
    until(|| journal.counts().checkpoints == 1);
    let killed = image(dir.path());
    let checked = proof(killed.path());
    assert!(checked.is_sound(), "{:?}", checked.findings);
    assert_eq!(checked.signed_from, Some(40));
    // One that signs for something else is found.
    let (signer, _) = load_or_make(&dir.path().join("key.pem"), dir.path()).unwrap();
    let chain = Chain::default().to_string();
    let wrong = signer.sign(&checkpoint_text(&[0; 16], 3, &chain, None));
    forge(killed.path(), None, |entry| match entry.kind {
        Kind::Checkpoint => {
            serde_json::json!({"number": 3, "chain": chain, "key": signer.id(), "signature": wrong}).to_string()
        }
        _ => entry.json.clone(),
    });
    assert_eq!(found(killed.path()), "checkpoint");
    journal.close().unwrap();
    assert_eq!(journal.counts().checkpoints, 1);
}

#[test]
fn a_key_that_is_gone_open_to_others_or_a_strangers_keeps_the_journal_shut() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = closed();
    let key = dir.path().join("key.pem");
    let open = || Journal::open(dir.path(), signed(dir.path())).map(|_| ()).unwrap_err();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(open(), JournalError::Sign(SignError::Open { mode: 0o644, .. })));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let kept = std::fs::read(&key).unwrap();
    let other = closed();
    std::fs::copy(other.path().join("key.pem"), &key).unwrap();
    assert!(matches!(open(), JournalError::Sign(SignError::Stranger { .. })));
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(open(), JournalError::Sign(SignError::Gone { .. })));
    std::fs::write(&key, "x").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(open(), JournalError::Sign(SignError::Key { .. })));
    std::fs::write(&key, kept).unwrap();
    Journal::open(dir.path(), signed(dir.path())).unwrap();
    let listed = dir.path().join(PUBLIC_KEYS);
    change(&listed, |list| {
        let at = list.windows(4).position(|window| window == b"from").unwrap();
        list[at + 10] ^= 1;
    });
    assert!(matches!(open(), JournalError::Sign(SignError::List { .. })));
    assert!(matches!(sign::rotate(&key, dir.path()), Err(SignError::List { .. })));
}
