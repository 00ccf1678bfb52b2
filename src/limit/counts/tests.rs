use super::super::pace::{Algorithm, Rate};
use super::*;

const SECOND: u64 = 1_000_000_000;

fn line(rate: u32, burst: u64, open: bool) -> Line {
    Line { pace: Pace::new(Rate::per_second(rate), burst, Algorithm::Gcra), identity: 98 << 32, open }
}

fn charge(hash: u64, line: &Line) -> Charge<'_> {
    Charge { hash, line, cells: 1, at: 0 }
}

/// Well spread, as hashes are.
fn hash(number: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(&number.to_ne_bytes(), 5)
}

#[test]
fn a_million_hostile_keys_stay_under_the_stated_bound() {
    let (counts, open, closed) = (Counts::new(1, Counts::MOST), line(1, 1, true), line(1, 1, false));
    for number in 0..1_000_000 {
        let now = Ticks(number * 1000);
        let _refused_or_not = counts.charge(&mut [charge(hash(number), &open)], now);
    }
    assert!(counts.len() <= Counts::MOST, "{}", counts.len());
    assert!(counts.overflow() > 0);
    let entry = size_of::<(u64, Entry)>() + 1;
    // A table says what it holds before it grows: seven of eight places.
    let octets: usize =
        counts.shards.iter().map(|shard| shard.lock().unwrap().capacity().div_ceil(7) * 8 * entry).sum();
    assert!(octets <= 70 << 20, "{octets} octets, {entry} each");
    // With both kinds there are as many as were asked for, and no more.
    for number in 0..1_000_000 {
        let _refused_or_not = counts.charge(&mut [charge(hash(number + 7_000_000), &closed)], Ticks(SECOND));
    }
    assert!(counts.len() <= Counts::MOST + 1, "{}", counts.len());
    // A while later nothing is left of them, neither keys nor memory.
    for tenth in 0..200 {
        counts.sweep(Ticks(60 * SECOND + tenth * SWEEP_EVERY));
    }
    assert_eq!((counts.len(), counts.open.load(Ordering::Relaxed)), (0, 0));
    let places: usize = counts.shards.iter().map(|shard| shard.lock().unwrap().capacity()).sum();
    assert!(places <= SHARDS * 64, "{places}");
}

#[test]
fn strangers_who_fill_the_table_share_one_count_and_take_none_from_others() {
    let (counts, open, closed) = (Counts::new(1, 100), line(1, 2, true), line(1, 2, false));
    for number in 0..1000 {
        let _refused_or_not = counts.charge(&mut [charge(hash(number), &open)], Ticks(0));
    }
    assert!(counts.len() <= 76, "{}", counts.len());
    // A stranger who is new finds their common count used up; one who is known has its own.
    assert!(counts.charge(&mut [charge(hash(2000), &open)], Ticks(0)).is_err());
    assert!(counts.charge(&mut [charge(hash(0), &open)], Ticks(0)).is_ok());
    // Whoever no stranger chose has one, too.
    assert!(counts.charge(&mut [charge(hash(3000), &closed)], Ticks(0)).is_ok());
}

#[test]
fn two_keys_that_share_a_count_are_charged_for_both() {
    let (counts, open) = (Counts::new(1, 0), line(1, 3, true));
    let both = || [charge(hash(1), &open), charge(hash(2), &open)];
    assert!(counts.charge(&mut both(), Ticks(0)).is_ok());
    assert!(counts.charge(&mut both(), Ticks(0)).is_err());
    assert!(counts.charge(&mut [charge(hash(3), &open)], Ticks(0)).is_ok());
    assert_eq!(counts.len(), 1);
}

#[test]
fn shards_are_swept_as_time_goes_by_and_what_counts_stays() {
    let (counts, open, closed) = (Counts::new(1, 1000), line(1, 10, true), line(1, 10, false));
    for number in 0..100 {
        let mut charge = charge(hash(number), if number.is_multiple_of(2) { &open } else { &closed });
        charge.cells = if number < 50 { 1 } else { 10 };
        counts.charge(&mut [charge], Ticks(SECOND)).unwrap();
    }
    counts.sweep(Ticks(SECOND)); // nothing is neutral yet
    assert_eq!(counts.len(), 100);
    counts.sweep(Ticks(SECOND + SWEEP_EVERY / 2));
    counts.sweep(Ticks(9 * SECOND)); // all shards are due
    assert_eq!(counts.len(), 50);
    assert_eq!(counts.survey([&open].into_iter(), Ticks(9 * SECOND)), [(8, 50)]);
}
