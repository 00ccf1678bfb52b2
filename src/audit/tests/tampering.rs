//! A record that is changed, removed, added or moved is found.

use super::*;

/// A closed journal of several files.
fn closed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    for nth in 0..40 {
        journal.complete(wait(journal.record(&intent(nth))).unwrap(), &end());
    }
    journal.close().unwrap();
    drop(journal);
    assert!(segments(dir.path()).len() >= 3);
    dir
}

fn change(path: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut octets = std::fs::read(path).unwrap();
    how(&mut octets);
    std::fs::write(path, octets).unwrap();
}

fn fault(dir: &Path) -> Fault {
    let damage = verify(dir).unwrap_err();
    let last = records(dir).last().unwrap();
    assert!(last.is_err(), "reading stops at the damage");
    damage.fault
}

/// The frames of a file: where they begin and end.
fn frames(octets: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut at = 96;
    let mut frames = Vec::new();
    while let Some(length) = octets.get(at..at + 4) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        frames.push(at..at + length);
        at += length;
    }
    frames
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_named_by_file_and_place() {
    let dir = closed();
    let files = segments(dir.path());
    // At the end of the last file it takes longer to be sure.
    for (path, step) in [(&files[0], 11), (&files[1], 13), (files.last().unwrap(), 501)] {
        let octets = std::fs::read(path).unwrap();
        for at in (0..octets.len()).step_by(step) {
            change(path, |octets| octets[at] ^= 1 << (at % 8));
            let damage = verify(dir.path()).expect_err("found");
            assert_eq!(damage.path, *path);
            assert!(damage.offset <= at as u64, "{damage}");
            std::fs::write(path, &octets).unwrap();
        }
    }
    verify(dir.path()).unwrap();
}

#[test]
fn a_record_taken_out_or_moved_is_found() {
    let dir = closed();
    let path = segments(dir.path())[1].clone();
    let octets = std::fs::read(&path).unwrap();
    let frames = frames(&octets);
    change(&path, |octets| drop(octets.drain(frames[2].clone())));
    assert!(matches!(fault(dir.path()), Fault::Flaw(Flaw::Chain)));
    let swapped =
        [&octets[..frames[2].start], &octets[frames[3].clone()], &octets[frames[2].clone()], &octets[frames[3].end..]];
    std::fs::write(&path, swapped.concat()).unwrap();
    assert!(matches!(fault(dir.path()), Fault::Flaw(Flaw::Chain)));
    let doubled = [&octets[..frames[2].end], &octets[frames[2].start..]];
    std::fs::write(&path, doubled.concat()).unwrap();
    assert!(matches!(fault(dir.path()), Fault::Flaw(Flaw::Chain)));
}

#[test]
fn a_forged_record_with_a_right_checksum_breaks_the_chain() {
    let dir = closed();
    let path = segments(dir.path())[1].clone();
    change(&path, |octets| {
        let frame = frames(octets)[2].clone();
        let octets = &mut octets[frame];
        let length = octets.len();
        let place = octets.windows(5).position(|window| window == b"\"b\",\"").unwrap();
        octets[place + 1] = b'c';
        let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &octets[..length - 4]);
        octets[length - 4..].copy_from_slice(&u32::try_from(sum).unwrap().to_le_bytes());
    });
    assert!(matches!(fault(dir.path()), Fault::Flaw(Flaw::Chain)));
}

#[test]
fn a_file_taken_out_is_found() {
    let dir = closed();
    std::fs::remove_file(&segments(dir.path())[1]).unwrap();
    assert!(matches!(fault(dir.path()), Fault::Missing(2)));
    assert!(matches!(Journal::open(dir.path(), small(Before::Written)), Err(JournalError::Damaged(_))));
}

#[test]
fn a_seal_taken_off_is_found() {
    let dir = closed();
    let path = segments(dir.path())[1].clone();
    change(&path, |octets| octets.truncate(frames(octets).last().unwrap().start));
    assert!(matches!(fault(dir.path()), Fault::NotSealed));
}

#[test]
fn anything_in_unused_space_is_found() {
    let dir = closed();
    let path = segments(dir.path())[1].clone();
    change(&path, |octets| octets.extend_from_slice(&[0; 5000]));
    assert!(matches!(verify(dir.path()).unwrap_err().fault, Fault::Unused), "a sealed file ends with its seal");
    change(&path, |octets| *octets.last_mut().unwrap() = 1);
    assert!(matches!(fault(dir.path()), Fault::Unused));

    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    let receipt = wait(journal.record(&intent(0))).unwrap();
    let live = image(dir.path());
    drop(receipt);
    assert!(!verify(live.path()).unwrap().sealed);
    change(&segments(live.path())[0], |octets| octets[8000] = 1);
    assert!(matches!(fault(live.path()), Fault::Unused));
}

#[test]
fn a_file_of_another_journal_is_found() {
    let (dir, other) = (closed(), closed());
    let foreign = segments(other.path()).pop().unwrap();
    std::fs::copy(&foreign, dir.path().join(foreign.file_name().unwrap())).unwrap();
    assert!(matches!(fault(dir.path()), Fault::Foreign));
}

#[test]
fn damage_keeps_the_journal_shut_unless_it_is_accepted() {
    for which in [1, 2] {
        let dir = closed();
        let path = segments(dir.path()).into_iter().rev().nth(2 - which).unwrap();
        change(&path, |octets| octets[300] ^= 1);
        let shut = Journal::open(dir.path(), small(Before::Written));
        assert!(matches!(shut, Err(JournalError::Damaged(_))), "file {which}");
        let settings = Settings { accept_damage: true, ..small(Before::Written) };
        let (journal, recovery) = Journal::open(dir.path(), settings).unwrap();
        let aside = recovery.set_aside.unwrap();
        assert!(verify(&aside).is_err());
        journal.close().unwrap();
        verify(dir.path()).unwrap();
    }
}
