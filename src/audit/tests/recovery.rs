//! What a killed process leaves, and how the next one goes on.

use super::*;

/// A journal with open intents in several files: 0 and 7 stay open, the rest is completed.
fn busy(dir: &Path) -> (Journal, Vec<Receipt>) {
    let (journal, _) = Journal::open(dir, small(Before::Written)).unwrap();
    let mut open = Vec::new();
    for nth in 0..40 {
        let receipt = wait(journal.record(&intent(nth))).unwrap();
        if nth == 0 || nth == 7 {
            open.push(receipt);
        } else {
            journal.complete(receipt, &end());
        }
    }
    until(|| journal.counts().completions == 38);
    (journal, open)
}

#[test]
fn a_killed_process_leaves_its_open_intents_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let (_journal, _open) = busy(dir.path());
    assert!(segments(dir.path()).len() >= 3);
    let killed = image(dir.path());
    let (journal, recovery) = Journal::open(killed.path(), small(Before::Written)).unwrap();
    assert!(!recovery.clean);
    assert_eq!(recovery.torn, None);
    let expected = [0, 7].map(|nth| OpenIntent {
        request_id: id(nth).as_str().to_owned(),
        operation: Some("PutObject".into()),
        bucket: Some("b".into()),
        key: Some("k".into()),
    });
    assert_eq!(recovery.open, expected);
    assert_eq!(journal.counts().unknown, 2);
    // They were completed, and are not found again.
    let again = image(killed.path());
    let summary = verify(again.path()).unwrap();
    assert_eq!((summary.intents, summary.completions), (40, 40));
    let (_, recovery) = Journal::open(again.path(), small(Before::Written)).unwrap();
    assert_eq!(recovery.open, []);
}

#[test]
fn a_file_cut_at_any_octet_costs_only_what_stood_behind_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    let receipts: Vec<_> = (0..3).map(|nth| wait(journal.record(&intent(nth))).unwrap()).collect();
    let killed = image(dir.path());
    drop(receipts);
    let file = segments(killed.path()).remove(0);
    let whole = std::fs::read(&file).unwrap();
    let used = whole.iter().rposition(|octet| *octet != 0).unwrap() + 1;
    let frame = (used - 96) / 3;
    // Every octet of the last frame, and some of what stands before it.
    for cut in (0..=used).filter(|cut| cut % 7 == 0 || *cut >= used - frame) {
        for zeros in [false, true] {
            let mut octets = whole[..cut].to_vec();
            if zeros {
                octets.resize(whole.len(), 0);
            }
            let torn = image(killed.path());
            std::fs::write(torn.path().join(file.file_name().unwrap()), &octets).unwrap();
            let (journal, recovery) = Journal::open(torn.path(), small(Before::Written)).unwrap();
            let whole_frames = cut.saturating_sub(96) / frame;
            assert_eq!(recovery.open.len(), whole_frames, "cut at {cut}");
            journal.complete(wait(journal.record(&intent(9))).unwrap(), &end());
            journal.close().unwrap();
            let summary = verify(torn.path()).unwrap();
            assert_eq!(summary.intents, whole_frames as u64 + 1);
            assert_eq!(summary.completions, whole_frames as u64 + 1);
        }
    }
}

#[test]
fn what_was_torn_is_kept_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    let receipts: Vec<_> = (0..4).map(|nth| wait(journal.record(&intent(nth))).unwrap()).collect();
    let killed = image(dir.path());
    drop(receipts);
    let file = segments(killed.path()).remove(0);
    let mut octets = std::fs::read(&file).unwrap();
    let frame = octets[96..].windows(13).position(|window| window == b"\"request_id\":").unwrap();
    // The payload of the first record: everything behind is lost with it.
    octets[96 + frame + 20] ^= 1;
    std::fs::write(&file, &octets).unwrap();
    let (journal, recovery) = Journal::open(killed.path(), small(Before::Written)).unwrap();
    let torn = recovery.torn.unwrap();
    assert_eq!((torn.offset, torn.records), (96, 3));
    assert_eq!(recovery.open, []);
    let kept = std::fs::read(file.with_extension("torn")).unwrap();
    assert_eq!(kept.len() as u64, torn.octets);
    assert_eq!(octets[96..96 + kept.len()], kept);
    journal.close().unwrap();
    let gap = entries(killed.path()).into_iter().find(|entry| entry.kind == Kind::Gap).unwrap();
    assert_eq!(json(&gap)["torn_records"], 3);
    verify(killed.path()).unwrap();
}

#[test]
fn a_file_that_was_just_made_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    journal.close().unwrap();
    drop(journal);
    let last = super::super::segment::list(dir.path()).unwrap().pop().unwrap();
    let next = dir.path().join(super::super::segment::file_name(&last.instance, last.sequence + 1));
    std::fs::write(&next, [0; 8192]).unwrap();
    std::fs::write(dir.path().join("spare.tmp"), [0; 8192]).unwrap();
    let (journal, recovery) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    assert!(recovery.clean);
    journal.close().unwrap();
    verify(dir.path()).unwrap();
}

/// The process that is killed: says which intents were acknowledged, one line each.
#[test]
#[ignore = "run by the test below"]
fn child_that_writes_until_it_is_killed() {
    use io::Write as _;
    let dir = PathBuf::from(std::env::var_os("JOURNAL_OF_THE_KILLED").unwrap());
    let life: u64 = std::env::var("LIFE_OF_THE_KILLED").unwrap().parse().unwrap();
    let (journal, _) = Journal::open(&dir, small(Before::Written)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let journal = &journal;
            scope.spawn(move || {
                for nth in 0..100_000 {
                    let nth = (life * 10 + thread) * 100_000 + nth;
                    let receipt = wait(journal.record(&intent(nth))).unwrap();
                    let mut out = io::stdout().lock();
                    writeln!(out, "ack {} .", receipt.id()).unwrap();
                    out.flush().unwrap();
                    drop(out);
                    if nth.is_multiple_of(3) {
                        std::mem::forget(receipt);
                    } else {
                        journal.complete(receipt, &end());
                    }
                }
            });
        }
    });
}

#[test]
fn kill_9_under_load_loses_no_acknowledged_intent() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = std::collections::HashSet::new();
    for life in 0..6 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture"])
            .arg("audit::tests::recovery::child_that_writes_until_it_is_killed")
            .env("JOURNAL_OF_THE_KILLED", dir.path())
            .env("LIFE_OF_THE_KILLED", life.to_string())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let mut seen = 0;
        while io::BufRead::read_line(&mut out, &mut line).unwrap() > 0 {
            if let ["ack", id, "."] = line.split_whitespace().collect::<Vec<_>>()[..] {
                acknowledged.insert(id.to_owned());
                seen += 1;
            }
            // Die in the middle of things; what it still said is read to the end.
            if seen == 100 + life * 57 {
                child.kill().unwrap();
            }
            line.clear();
        }
        child.wait().unwrap();
        let found: std::collections::HashSet<_> = of_kind(dir.path(), Kind::Intent).into_iter().collect();
        assert!(seen >= 100 && acknowledged.is_subset(&found), "life {life}");
    }
    let (journal, recovery) = Journal::open(dir.path(), small(Before::Written)).unwrap();
    assert!(!recovery.open.is_empty());
    journal.close().unwrap();
    let summary = verify(dir.path()).unwrap();
    assert_eq!(summary.intents, summary.completions);
}
