//! What is kept, what is removed, and that a removal by retention is told from one by hand.

use std::time::Duration;

use super::signing::{fill, found, proof, signed};
use super::*;

/// At most three or four small files.
fn tight(dir: &Path) -> Settings {
    Settings { max_size: Some(30_000), ..signed(dir) }
}

fn octets(dir: &Path) -> u64 {
    // One may be removed while we look.
    segments(dir).iter().filter_map(|file| std::fs::metadata(file).ok()).map(|metadata| metadata.len()).sum()
}

/// Writes until the first file is gone.
fn until_removed(journal: &Journal, dir: &Path) {
    let first = segments(dir).remove(0);
    let mut nth = 1000;
    until(|| {
        fill(journal, nth, 10);
        nth += 10;
        !first.exists()
    });
}

#[test]
fn no_more_is_kept_than_is_set_and_the_removal_is_signed_for() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), tight(dir.path())).unwrap();
    until_removed(&journal, dir.path());
    journal.close().unwrap();
    assert!(journal.counts().removed > 0);
    drop(journal);
    let checked = proof(dir.path());
    assert!(checked.is_sound(), "{:?}", checked.findings);
    assert!(checked.begins_at.is_some_and(|first| first > 1));
    // It is opened again, and goes on.
    let (journal, recovery) = Journal::open(dir.path(), tight(dir.path())).unwrap();
    assert_eq!(recovery.head, HeadState::Fine);
    until_removed(&journal, dir.path());
    until(|| octets(dir.path()) <= 30_000);
    journal.close().unwrap();
    drop(journal);
    assert_eq!(found(dir.path()), "nothing");
    // One more, by hand.
    std::fs::remove_file(&segments(dir.path())[0]).unwrap();
    assert_eq!(found(dir.path()), "beginning");
}

#[test]
fn what_has_not_been_delivered_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), Settings { delivered: true, ..tight(dir.path()) }).unwrap();
    fill(&journal, 0, 150);
    let rounds = journal.counts().segments;
    std::thread::sleep(Duration::from_millis(2500));
    assert!(rounds > 8 && journal.counts().removed == 0);
    assert_eq!(entries(dir.path())[0].number, 1);
    // All of the first file and some of the second.
    let second = super::super::segment::first_number(&super::super::segment::list(dir.path()).unwrap()[1]).unwrap();
    let number = second.unwrap().1;
    journal.hold_from(number + 3);
    until_removed(&journal, dir.path());
    assert_eq!(entries(dir.path())[0].number, number);
    journal.hold_from(u64::MAX);
    until_removed(&journal, dir.path());
    assert_eq!(found(dir.path()), "nothing");
}

#[test]
fn what_is_old_is_removed_but_for_the_file_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { keep: Some(Duration::ZERO), ..signed(dir.path()) };
    let (journal, _) = Journal::open(dir.path(), settings).unwrap();
    fill(&journal, 0, 60);
    until(|| {
        // A file that was just begun has no first record yet.
        fill(&journal, 100, 1);
        segments(dir.path()).len() <= 2
    });
    assert_eq!(found(dir.path()), "nothing");
}

#[test]
fn a_file_that_has_become_old_is_sealed_though_it_is_not_full() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { roll_after: Some(Duration::from_millis(1)), segment_size: 1 << 20, ..signed(dir.path()) };
    let (journal, _) = Journal::open(dir.path(), settings).unwrap();
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(segments(dir.path()).len(), 1, "an empty one is not");
    fill(&journal, 0, 3);
    until(|| segments(dir.path()).len() == 2);
    fill(&journal, 3, 3);
    journal.close().unwrap();
    assert_eq!(found(dir.path()), "nothing");
    assert_eq!(of_kind(dir.path(), Kind::Intent).len(), 6);
}

#[test]
fn intents_and_completions_balance_whatever_happens() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), signed(dir.path())).unwrap();
    fill(&journal, 0, 10);
    let open: Vec<_> = (10..13).map(|nth| wait(journal.record(&intent(nth))).unwrap()).collect();
    let balanced = |journal: &Journal| {
        let counts = journal.counts();
        counts.waiting == 0 && counts.intents + counts.recovered == counts.completions + counts.open
    };
    until(|| balanced(&journal) && journal.counts().completions == 10);
    assert_eq!(journal.counts().open, 3);
    let killed = image(dir.path());
    drop(open);
    until(|| balanced(&journal) && journal.counts().open == 0);
    assert_eq!(journal.counts().unknown, 3);
    let (journal, _) = Journal::open(killed.path(), signed(killed.path())).unwrap();
    fill(&journal, 20, 5);
    until(|| balanced(&journal) && journal.counts().open == 0);
    let counts = journal.counts();
    assert_eq!((counts.recovered, counts.unknown, counts.intents, counts.completions), (3, 3, 5, 8));
}
