//! Writing on a disk that works.

use std::collections::HashSet;

use super::*;

const ALL: [Before; 3] = [Before::Queued, Before::Written, Before::Synced];

#[test]
fn every_intent_gets_exactly_one_completion_and_the_files_verify() {
    for before in ALL {
        let dir = tempfile::tempdir().unwrap();
        let (journal, recovery) = Journal::open(dir.path(), small(before)).unwrap();
        assert!(recovery.clean && recovery.open.is_empty());
        for nth in 0..100 {
            let receipt = wait(journal.record(&intent(nth))).unwrap();
            assert_eq!(receipt.id(), id(nth));
            match nth % 3 {
                0 => journal.complete(receipt, &end()),
                1 => receipt.complete(&end()),
                _ => drop(receipt),
            }
        }
        let _ = wait(journal.refuse(&intent(100), &end())).unwrap();
        journal.close().unwrap();
        let counts = journal.counts();
        assert_eq!((counts.intents, counts.completions, counts.combined, counts.unknown), (100, 100, 1, 33));
        let summary = verify(dir.path()).unwrap();
        assert_eq!((summary.intents, summary.completions, summary.combined), (100, 100, 1));
        assert!(summary.sealed && summary.files > 3, "{summary:?}");
        assert_eq!(summary.last, Some(counts.records()));
        let intents: HashSet<_> = of_kind(dir.path(), Kind::Intent).into_iter().collect();
        let ends = of_kind(dir.path(), Kind::Completion);
        assert_eq!((ends.len(), intents.len()), (100, 100));
        assert_eq!(intents, ends.into_iter().collect());
    }
}

#[test]
fn an_intent_is_in_the_file_before_its_receipt_is_out() {
    for before in [Before::Written, Before::Synced] {
        let dir = tempfile::tempdir().unwrap();
        let (journal, faults) = troubled(dir.path(), small(before));
        for nth in 0..60 {
            let synced = faults.synced.load(Ordering::SeqCst);
            let receipt = wait(journal.record(&intent(nth))).unwrap();
            assert_eq!(of_kind(dir.path(), Kind::Intent).last().unwrap(), id(nth).as_str());
            if before == Before::Synced {
                assert!(faults.synced.load(Ordering::SeqCst) > synced, "synced before it is acknowledged");
            }
            journal.complete(receipt, &end());
        }
        let _ = wait(journal.refuse(&intent(99), &end())).unwrap();
        assert_eq!(of_kind(dir.path(), Kind::Combined), [id(99).as_str()]);
    }
}

#[test]
fn completions_ride_with_the_next_intent_in_one_write() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = troubled(dir.path(), Settings { segment_size: 1 << 20, ..small(Before::Written) });
    let first = wait(journal.record(&intent(0))).unwrap();
    let before = faults.writes.load(Ordering::SeqCst);
    journal.complete(first, &end());
    let second = wait(journal.record(&intent(1))).unwrap();
    let writes = faults.writes.load(Ordering::SeqCst) - before;
    // One, unless the thread came in between.
    assert!(writes <= 2, "{writes}");
    let kinds: Vec<_> = entries(dir.path()).iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::Intent, Kind::Completion, Kind::Intent]);
    drop(second);
}

/// A future of every intent, polled once: all of them came in the same turn of this thread's loop.
fn one_turn<'j>(
    journal: &'j Journal,
    intents: &'j [Intent<'_>],
) -> Vec<Pin<Box<impl Future<Output = Result<Receipt, JournalFull>>>>> {
    let mut turn: Vec<_> = intents.iter().map(|intent| Box::pin(journal.record(intent))).collect();
    for future in &mut turn {
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    turn
}

#[test]
fn the_intents_of_one_turn_share_one_write_and_nobody_goes_on_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = troubled(dir.path(), Settings { segment_size: 1 << 20, ..small(Before::Written) });
    let intents: Vec<_> = (0..5).map(intent).collect();
    let before = faults.writes.load(Ordering::SeqCst);
    let mut turn = one_turn(&journal, &intents);
    for follower in turn.iter_mut().skip(1) {
        assert!(follower.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(of_kind(dir.path(), Kind::Intent), [""; 0]);
    let receipts: Vec<_> = turn.into_iter().map(|future| wait(future).unwrap()).collect();
    assert_eq!(faults.writes.load(Ordering::SeqCst) - before, 1);
    assert_eq!(of_kind(dir.path(), Kind::Intent).len(), 5);
    receipts.into_iter().for_each(|receipt| journal.complete(receipt, &end()));
}

#[test]
fn who_leaves_in_the_middle_of_a_turn_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    let intents: Vec<_> = (0..3).map(intent).collect();
    let mut turn = one_turn(&journal, &intents);
    drop(turn.remove(0));
    let receipts: Vec<_> = turn.into_iter().map(|future| wait(future).unwrap()).collect();
    receipts.into_iter().for_each(|receipt| journal.complete(receipt, &end()));
    // The one that left is on record as well, and completed.
    until(|| journal.counts().completions == 3);
    assert_eq!((journal.counts().intents, journal.counts().unknown), (3, 1));
}

#[test]
fn completions_are_written_although_nothing_follows() {
    for before in ALL {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(dir.path(), small(before)).unwrap();
        let receipt = wait(journal.record(&intent(0))).unwrap();
        journal.complete(receipt, &end());
        until(|| of_kind(dir.path(), Kind::Completion).len() == 1);
        assert_eq!(journal.counts().waiting, 0);
    }
}

#[test]
fn many_threads_lose_nothing_and_share_writes() {
    const THREADS: u64 = 8;
    const EACH: u64 = 200;
    for before in ALL {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(dir.path(), Settings { segment_size: 64 << 10, ..small(before) }).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let journal = &journal;
                scope.spawn(move || {
                    for nth in 0..EACH {
                        let receipt = wait(journal.record(&intent(thread * EACH + nth))).unwrap();
                        if nth % 7 == 0 {
                            let _ = wait(journal.refuse(&intent(1_000_000 + thread * EACH + nth), &end())).unwrap();
                        }
                        journal.complete(receipt, &end());
                    }
                });
            }
        });
        journal.close().unwrap();
        let summary = verify(dir.path()).unwrap();
        assert_eq!((summary.intents, summary.completions), (THREADS * EACH, THREADS * EACH));
        let ids: HashSet<_> = of_kind(dir.path(), Kind::Intent).into_iter().collect();
        assert_eq!(ids.len() as u64, THREADS * EACH);
        // The completion never stands before its intent.
        let mut open = HashSet::new();
        for entry in entries(dir.path()) {
            let id = json(&entry)["request_id"].as_str().unwrap_or_default().to_owned();
            match entry.kind {
                Kind::Intent => assert!(open.insert(id)),
                Kind::Completion => assert!(open.remove(&id)),
                _ => {}
            }
        }
        assert!(open.is_empty());
        if before == Before::Synced {
            let counts = journal.counts();
            assert!(counts.groups < counts.records(), "{counts:?}");
        }
    }
}

#[test]
fn a_caller_that_stops_waiting_leaves_a_completed_intent() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Synced)).unwrap();
    for nth in 0..20 {
        let intent = intent(nth);
        let mut future = Box::pin(journal.record(&intent));
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // Whether it was pending or ready, nobody looks at it any more.
        drop(polled);
        drop(future);
    }
    until(|| journal.counts().completions == 20);
    journal.close().unwrap();
    let ends: Vec<_> = entries(dir.path()).into_iter().filter(|entry| entry.kind == Kind::Completion).collect();
    assert_eq!(ends.len(), 20);
    assert!(ends.iter().all(|end| json(end)["outcome"] == "unknown"));
}

#[test]
fn a_closed_journal_takes_nothing_and_reopens_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    let late = wait(journal.record(&intent(0))).unwrap();
    assert_eq!(journal.ready(), Ok(()));
    journal.close().unwrap();
    journal.close().unwrap();
    assert_eq!(journal.ready(), Err(JournalFull::Closed));
    assert_eq!(wait(journal.record(&intent(1))).unwrap_err(), JournalFull::Closed);
    // Too late: the next process completes it.
    drop(late);
    drop(journal);
    let (journal, recovery) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    assert_eq!(recovery.open.len(), 1);
    assert_eq!(recovery.open[0].request_id, id(0).as_str());
    journal.close().unwrap();
    drop(journal);
    let (_journal, recovery) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    assert!(recovery.clean && recovery.open.is_empty());
    let numbers: Vec<_> = entries(dir.path()).iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

#[test]
fn two_processes_cannot_write_one_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    assert!(matches!(Journal::open(dir.path(), small(Before::Written)), Err(JournalError::Locked { .. })));
    assert!(is_held(dir.path()));
    drop(journal);
    assert!(!is_held(dir.path()) && !is_held(&dir.path().join("none")));
    assert!(Journal::open(dir.path(), small(Before::Written)).is_ok());
}

#[test]
fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("state/journal");
    let (_journal, _) = Journal::open(&dir, small(Before::Written)).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert!(std::fs::read_dir(&dir).unwrap().all(|entry| mode(&entry.unwrap().path()) == 0o600));
}

#[test]
fn a_record_larger_than_a_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    let agent = vec![b'a'; 9000];
    let long = Intent { user_agent: Some(&agent), ..intent(0) };
    assert_eq!(wait(journal.record(&long)).unwrap_err(), JournalFull::TooLong);
}

#[test]
fn tail_shows_the_last_records_and_those_that_come() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    for nth in 0..40 {
        journal.complete(wait(journal.record(&intent(nth))).unwrap(), &end());
    }
    until(|| journal.counts().completions == 40);
    let lines = |from: StartAt| {
        let mut out = Vec::new();
        tail(dir.path(), from, false, &mut out, &|| false).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect::<Vec<_>>()
    };
    let all = lines(StartAt::First);
    assert_eq!(all.len(), 80);
    assert_eq!(all[0]["type"], "intent");
    assert_eq!(all[0]["number"], 1);
    assert_eq!(all[0]["key"], "k");
    assert_eq!(lines(StartAt::End).len(), 0);
    assert_eq!(lines(StartAt::Last(33)), all[80 - 33..]);
    assert_eq!(lines(StartAt::Last(1000)), all);
    let number = all[50]["number"].as_u64().unwrap();
    assert_eq!(lines(StartAt::Number(number)), all[50..]);

    let seen = AtomicU64::new(0);
    struct Count<'a>(&'a AtomicU64);
    impl io::Write for Count<'_> {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.fetch_add(octets.iter().filter(|octet| **octet == b'\n').count() as u64, Ordering::SeqCst);
            Ok(octets.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            tail(dir.path(), StartAt::Last(10), true, &mut Count(&seen), &|| seen.load(Ordering::SeqCst) >= 60)
                .unwrap();
        });
        until(|| seen.load(Ordering::SeqCst) == 10);
        // Enough to roll.
        for nth in 100..125 {
            journal.complete(wait(journal.record(&intent(nth))).unwrap(), &end());
        }
        until(|| seen.load(Ordering::SeqCst) == 60);
    });
}
