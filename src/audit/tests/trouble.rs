//! Disks that are full or fail.

use std::future::Future;
use std::task::{Context, Waker};

use super::*;

fn refused(journal: &Journal, nth: u64) -> JournalFull {
    wait(journal.record(&intent(nth))).unwrap_err()
}

#[test]
fn a_full_disk_refuses_requests_and_loses_no_completion() {
    for before in [Before::Written, Before::Synced] {
        let dir = tempfile::tempdir().unwrap();
        let (journal, faults) = troubled(dir.path(), small(before));
        let receipts: Vec<_> = (0..3).map(|nth| wait(journal.record(&intent(nth))).unwrap()).collect();
        Faults::set(&faults.write, true);
        Faults::set(&faults.create, true);
        assert_eq!(refused(&journal, 3), JournalFull::Failing);
        assert_eq!(journal.ready(), Err(JournalFull::Failing));
        assert_eq!(refused(&journal, 4), JournalFull::Failing);
        assert_eq!(wait(journal.refuse(&intent(5), &end())).unwrap_err(), JournalFull::Failing);
        // The refusal of a request whose intent was not taken: it is one request, and counted once.
        assert_eq!(wait(journal.refuse(&intent(4), &end())).unwrap_err(), JournalFull::Failing);
        receipts.into_iter().for_each(|receipt| journal.complete(receipt, &end()));
        until(|| journal.counts().waiting == 0);
        Faults::set(&faults.write, false);
        Faults::set(&faults.create, false);
        until(|| journal.ready().is_ok());
        journal.complete(wait(journal.record(&intent(6))).unwrap(), &end());
        journal.close().unwrap();
        let counts = journal.counts();
        assert_eq!((counts.intents, counts.completions, counts.refused), (4, 4, 3));
        assert_eq!((counts.lost_completions, counts.gaps), (0, 0));
        assert!(counts.write_failures > 0);
        let found = entries(dir.path());
        assert!(!found.iter().any(|entry| entry.json.contains(id(3).as_str())), "a refused request left no intent");
        assert_eq!(found.iter().filter(|entry| entry.kind == Kind::Completion).count(), 4);
    }
}

#[test]
fn a_failing_disk_lets_requests_go_on_when_told_to_and_a_gap_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { when_full: WhenFull::Drop, ..small(Before::Written) };
    let (journal, faults) = troubled(dir.path(), settings);
    Faults::set(&faults.write, true);
    for nth in 0..5 {
        journal.complete(wait(journal.record(&intent(nth))).unwrap(), &end());
    }
    let _ = wait(journal.refuse(&intent(5), &end())).unwrap();
    Faults::set(&faults.write, false);
    until(|| journal.counts().gaps == 1);
    journal.complete(wait(journal.record(&intent(6))).unwrap(), &end());
    journal.close().unwrap();
    let counts = journal.counts();
    assert_eq!((counts.lost_intents, counts.lost_combined, counts.lost_completions), (5, 1, 0));
    let gap = entries(dir.path()).into_iter().find(|entry| entry.kind == Kind::Gap).unwrap();
    assert_eq!(json(&gap)["lost_intents"], 5);
    assert_eq!(json(&gap)["lost_combined"], 1);
    assert_eq!((counts.intents, counts.completions), (1, 1));
}

#[test]
fn after_a_failed_sync_the_file_is_left_and_its_unacknowledged_records_are_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = troubled(dir.path(), small(Before::Synced));
    journal.complete(wait(journal.record(&intent(0))).unwrap(), &end());
    until(|| journal.counts().completions == 1);
    faults.syncs.store(1, Ordering::SeqCst);
    journal.complete(wait(journal.record(&intent(1))).unwrap(), &end());
    journal.close().unwrap();
    assert_eq!(journal.counts().sync_failures, 1);
    let summary = verify(dir.path()).unwrap();
    assert_eq!((summary.files, summary.intents, summary.completions), (2, 2, 2));
    let failed = entries(dir.path()).into_iter().find(|entry| entry.kind == Kind::Seal).unwrap();
    assert_eq!(json(&failed)["cause"], "failure");
}

#[test]
fn a_file_that_cannot_even_be_sealed_is_left_and_its_successor_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = troubled(dir.path(), small(Before::Synced));
    journal.complete(wait(journal.record(&intent(0))).unwrap(), &end());
    until(|| journal.counts().completions == 1);
    faults.syncs.store(1, Ordering::SeqCst);
    Faults::set(&faults.cut, true);
    let receipt = wait(journal.record(&intent(1))).unwrap();
    Faults::set(&faults.cut, false);
    let killed = image(dir.path());
    // It can be read over, but it does not verify.
    assert_eq!(of_kind(killed.path(), Kind::Intent), [id(0).as_str(), id(1).as_str()]);
    assert!(matches!(verify(killed.path()).unwrap_err().fault, Fault::NotSealed));
    let (_, recovery) = Journal::open(killed.path(), small(Before::Written)).unwrap();
    assert_eq!(recovery.open.len(), 1);
    drop(receipt);
}

#[test]
fn a_sync_that_always_fails_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = troubled(dir.path(), small(Before::Synced));
    Faults::set(&faults.sync, true);
    assert_eq!(refused(&journal, 0), JournalFull::Failing);
    Faults::set(&faults.sync, false);
    until(|| journal.ready().is_ok());
    journal.complete(wait(journal.record(&intent(1))).unwrap(), &end());
    journal.close().unwrap();
    let found: Vec<_> = of_kind(dir.path(), Kind::Intent);
    assert_eq!(found, [id(1).as_str()]);
}

#[test]
fn too_little_room_refuses_before_the_disk_is_full_and_still_completes() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { min_free: None, ..small(Before::Written) };
    let (journal, faults) = troubled(dir.path(), settings);
    let receipt = wait(journal.record(&intent(0))).unwrap();
    faults.free.store((1 << 30) - 1, Ordering::SeqCst);
    until(|| journal.ready() == Err(JournalFull::LowSpace));
    assert_eq!(refused(&journal, 1), JournalFull::LowSpace);
    journal.complete(receipt, &end());
    // Retention waits for deliveries, so these may go on.
    journal.complete(wait(journal.record_delivery(&intent(2))).unwrap(), &end());
    until(|| journal.counts().completions == 2);
    faults.free.store(1 << 30, Ordering::SeqCst);
    until(|| journal.ready().is_ok());
}

#[test]
fn a_full_queue_refuses_intents_and_still_takes_completions() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { queue_frames: 8, ..small(Before::Queued) };
    let (journal, _) = troubled(dir.path(), settings);
    let receipts: Vec<_> = (0..4).map(|nth| wait(journal.record(&intent(nth))).unwrap()).collect();
    until(|| journal.counts().intents == 4);
    // The thread cannot take the queue while we hold the pen.
    let pen = {
        let mut pen = None;
        until(|| {
            pen = journal.desk().queue.lock().unwrap().pen.take();
            pen.is_some()
        });
        pen
    };
    let more: Vec<_> = (4..12).map(|nth| wait(journal.record(&intent(nth))).unwrap()).collect();
    assert_eq!(refused(&journal, 12), JournalFull::QueueFull);
    // Two completions more than the bound, then no more.
    receipts.into_iter().for_each(|receipt| journal.complete(receipt, &end()));
    assert_eq!(journal.counts().lost_completions, 2);
    assert_eq!(journal.counts().waiting, 10);
    journal.desk().queue.lock().unwrap().pen = pen;
    until(|| journal.counts().waiting == 0);
    more.into_iter().for_each(|receipt| journal.complete(receipt, &end()));
    journal.close().unwrap();
    let counts = journal.counts();
    assert_eq!((counts.intents, counts.completions + counts.lost_completions), (12, 12));
    let gaps: u64 = entries(dir.path())
        .iter()
        .filter(|entry| entry.kind == Kind::Gap)
        .map(|gap| json(gap)["lost_completions"].as_u64().unwrap())
        .sum();
    assert_eq!(gaps, counts.lost_completions, "what had no room is told");
}

#[test]
fn a_panic_while_writing_refuses_from_then_on_and_keeps_nobody_waiting() {
    for before in [Before::Written, Before::Synced] {
        let dir = tempfile::tempdir().unwrap();
        let (journal, faults) = troubled(dir.path(), small(before));
        let receipt = wait(journal.record(&intent(0))).unwrap();
        Faults::set(&faults.panic, true);
        let first = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait(journal.record(&intent(1)))));
        assert!(!matches!(first, Ok(Ok(_))));
        assert_eq!(refused(&journal, 2), JournalFull::Failing);
        assert_eq!(journal.ready(), Err(JournalFull::Failing));
        Faults::set(&faults.panic, false);
        journal.complete(receipt, &end());
        // The pen is gone: nothing can be sealed, and nobody waits for it for long.
        assert!(journal.close().is_err());
        drop(journal);
        let (_journal, recovery) = Journal::open(dir.path(), small(before)).unwrap();
        assert_eq!(recovery.open.len(), 1);
    }
}

/// What is wrong with a disk, and for how long.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// Nothing can be written.
    Full,
    /// Nor can a file be made, renamed or cut.
    ReadOnly,
    /// The reserve is touched.
    Reserve,
    /// Nothing becomes durable.
    Sync,
}

impl Trouble {
    fn set(self, faults: &Faults, on: bool) {
        match self {
            Self::Full => Faults::set(&faults.write, on),
            Self::ReadOnly => {
                for fault in [&faults.write, &faults.create, &faults.cut] {
                    Faults::set(fault, on);
                }
            }
            Self::Reserve => faults.free.store(if on { 0 } else { u64::MAX }, Ordering::SeqCst),
            Self::Sync => Faults::set(&faults.sync, on),
        }
    }
}

#[test]
fn whatever_is_wrong_with_the_disk_requests_are_refused_or_counted_and_nothing_admitted_is_lost() {
    let troubles = [Trouble::Full, Trouble::ReadOnly, Trouble::Reserve, Trouble::Sync];
    for (trouble, when_full) in troubles.into_iter().flat_map(|it| [(it, WhenFull::Refuse), (it, WhenFull::Drop)]) {
        let what = format!("{trouble:?} {when_full:?}");
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { when_full, min_free: Some(1 << 20), ..small(Before::Synced) };
        let (journal, faults) = troubled(dir.path(), settings);
        let admitted: Vec<_> = (0..3).map(|nth| wait(journal.record(&intent(nth))).unwrap()).collect();
        trouble.set(&faults, true);
        if matches!(trouble, Trouble::Reserve) {
            until(|| journal.ready() == Err(JournalFull::LowSpace));
        }
        for nth in 10..15 {
            match wait(journal.record(&intent(nth))) {
                Ok(receipt) => journal.complete(receipt, &end()),
                Err(full) => assert!(matches!(full, JournalFull::Failing | JournalFull::LowSpace), "{what}: {full}"),
            }
        }
        admitted.into_iter().for_each(|receipt| journal.complete(receipt, &end()));
        trouble.set(&faults, false);
        until(|| journal.ready().is_ok());
        journal.complete(wait(journal.record(&intent(20))).unwrap(), &end());
        journal.close().unwrap();
        let counts = journal.counts();
        assert_eq!((counts.intents, counts.completions, counts.open), (4, 4, 0), "{what}");
        assert_eq!(counts.lost_completions, 0, "{what}");
        let (refused, lost) = if when_full == WhenFull::Refuse { (5, 0) } else { (0, 5) };
        assert_eq!((counts.refused, counts.lost_intents), (refused, lost), "{what}");
        let told: u64 = entries(dir.path())
            .iter()
            .filter(|entry| entry.kind == Kind::Gap)
            .map(|gap| json(gap)["lost_intents"].as_u64().unwrap())
            .sum();
        assert_eq!(told, lost, "{what}: what was lost is told");
        // A file that could not even be sealed is told by `verify`; all others pass.
        if !matches!(trouble, Trouble::ReadOnly | Trouble::Sync | Trouble::Full) {
            verify(dir.path()).unwrap();
        }
    }
}

#[test]
fn a_slow_disk_refuses_or_counts_what_has_no_room_to_wait() {
    for when_full in [WhenFull::Refuse, WhenFull::Drop] {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { when_full, queue_frames: 2, ..small(Before::Synced) };
        let (journal, faults) = troubled(dir.path(), settings);
        faults.slow.store(400, Ordering::SeqCst);
        let taken: Vec<_> = std::thread::scope(|scope| {
            let one = |nth| {
                let journal = &journal;
                scope.spawn(move || wait(journal.record(&intent(nth))))
            };
            let callers: Vec<_> = (0..12).map(one).collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        faults.slow.store(0, Ordering::SeqCst);
        let refused = taken.iter().filter(|taken| matches!(taken, Err(JournalFull::QueueFull))).count() as u64;
        taken.into_iter().flatten().for_each(|receipt| journal.complete(receipt, &end()));
        journal.close().unwrap();
        let counts = journal.counts();
        assert_eq!(counts.intents + refused + counts.lost_intents, 12);
        // Completions that had no room either are counted and told.
        assert_eq!((counts.completions + counts.open, counts.open), (counts.intents, counts.lost_completions));
        match when_full {
            WhenFull::Refuse => assert!(refused > 0 && counts.lost_intents == 0),
            WhenFull::Drop => assert!(refused == 0 && counts.lost_intents > 0 && counts.gaps > 0),
        }
        verify(dir.path()).unwrap();
    }
}

/// Its client has left while it was being refused, and the disk takes nothing.
#[test]
fn a_refusal_that_nobody_waits_for_is_counted_where_it_is_lost() {
    for before in [Before::Written, Before::Synced] {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { when_full: WhenFull::Drop, ..small(before) };
        let (journal, faults) = troubled(dir.path(), settings);
        Faults::set(&faults.write, true);
        Faults::set(&faults.create, true);
        {
            let (refused, ended) = (intent(0), end());
            let refusing = std::pin::pin!(journal.refuse(&refused, &ended));
            assert!(refusing.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        until(|| journal.counts().lost_combined == 1);
        Faults::set(&faults.write, false);
        Faults::set(&faults.create, false);
        until(|| journal.counts().gaps == 1);
        journal.close().unwrap();
        let gap = entries(dir.path()).into_iter().find(|entry| entry.kind == Kind::Gap).unwrap();
        assert_eq!(json(&gap)["lost_combined"], 1);
    }
}
