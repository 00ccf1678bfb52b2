use std::sync::Barrier;

use proptest::prelude::*;

use super::super::cost::{Call, Cost};
use super::super::dimension::{Class, Part};
use super::super::pace::{Algorithm, Pace, Rate};
use super::*;
use crate::s3::Operation;

const SECOND: u64 = 1_000_000_000;

fn pace(rate: u32, burst: u64) -> Pace {
    Pace::new(Rate::per_second(rate), burst, Algorithm::Gcra)
}

fn limiter(dimensions: Vec<Dimension>) -> Limiter {
    Limiter::new(dimensions, Arc::new(Counts::new(1, 1000)))
}

fn dimension(name: &str, key: &[Part], rate: u32, burst: u64) -> Dimension {
    Dimension::new(name, Stage::Request, key, pace(rate, burst))
}

fn of<'a>(principal: &'a str, bucket: &'a str) -> Subject<'a> {
    Subject { region: "us-east-1", principal: Some(principal), bucket: Some(bucket), ..Subject::default() }
}

const PUT: What<'static> = What::Request { operation: Some(Operation::PutObject), anonymous: false };
const GET: What<'static> = What::Request { operation: Some(Operation::GetObject), anonymous: false };

#[test]
fn a_refusal_costs_nothing() {
    let limiter = limiter(vec![dimension("all", &[], 1, 2), dimension("bucket", &[Part::Bucket], 1, 1)]);
    limiter.check(&of("alice", "a"), &PUT, Ticks(0)).unwrap();
    for _ in 0..10 {
        let refusal = limiter.check(&of("alice", "a"), &PUT, Ticks(0)).unwrap_err();
        assert_eq!((&*refusal.dimension, refusal.retry_after_ms()), ("bucket", Some(1000)));
    }
    limiter.check(&of("alice", "b"), &PUT, Ticks(0)).unwrap();
    assert_eq!(limiter.counts().len(), 3);
    assert!(limiter.check(&of("alice", "c"), &PUT, Ticks(0)).is_err());
    assert_eq!(limiter.counts().len(), 3, "not even a place in the table");
}

#[test]
fn what_is_used_stays_used_when_the_number_of_machines_changes() {
    let limiter = limiter(vec![dimension("all", &[], 12, 12)]);
    let passed = |limit: usize| (0..limit).take_while(|_| limiter.check(&of("a", "b"), &PUT, Ticks(0)).is_ok()).count();
    limiter.divide(3);
    assert_eq!(passed(12), 4);
    limiter.divide(2);
    assert_eq!(passed(12), 0, "four cells of a third last as long as six of a half");
    limiter.divide(1);
    assert_eq!((passed(24), limiter.machines()), (0, 1));
    let second =
        |limit: usize| (0..limit).take_while(|_| limiter.check(&of("a", "b"), &PUT, Ticks(SECOND)).is_ok()).count();
    assert_eq!(second(24), 12);
}

#[test]
fn the_longest_wait_is_told_and_of_equals_the_first() {
    let limiter = limiter(vec![
        dimension("first", &[], 2, 1),
        dimension("second", &[], 2, 1),
        dimension("slow", &[Part::Bucket], 1, 1),
    ]);
    limiter.check(&of("alice", "a"), &PUT, Ticks(0)).unwrap();
    assert_eq!(&*limiter.check(&of("alice", "a"), &PUT, Ticks(0)).unwrap_err().dimension, "slow");
    assert_eq!(&*limiter.check(&of("alice", "b"), &PUT, Ticks(0)).unwrap_err().dimension, "first");
}

#[test]
fn what_can_never_pass_is_told_before_any_wait() {
    let mut cost = Cost::default();
    cost.add(Some(&"one".into()), Call::Decrypt, 2);
    let keys = |name: &str, rate, burst| Dimension { stage: Stage::Kms, ..dimension(name, &[], rate, burst) };
    let limiter = limiter(vec![keys("slow", 1, 2), keys("small", 1000, 1)]);
    let refusal = limiter.check(&of("alice", "a"), &What::Keys(&cost), Ticks(0)).unwrap_err();
    assert_eq!((&*refusal.dimension, refusal.retry_after_ms()), ("small", None));
    assert_eq!(refusal.code(), Code::ThrottlingException);
}

#[test]
fn classes_and_nobody_are_counted_apart() {
    let mut write = dimension("write", &[], 1, 1);
    write.class = Some(Class::Write);
    let mut anonymous = dimension("anonymous", &[], 1, 1);
    anonymous.anonymous = true;
    let limiter = limiter(vec![write, anonymous]);
    let check = |operation, anonymous| {
        limiter.check(&of("alice", "a"), &What::Request { operation: Some(operation), anonymous }, Ticks(0)).is_ok()
    };
    assert!(check(Operation::PutObject, false) && !check(Operation::PutObject, false));
    assert!(check(Operation::GetObject, false) && check(Operation::GetObject, true));
    assert!(!check(Operation::GetObject, true));
    assert!(check(Operation::GetObject, false));
}

#[test]
fn a_reload_keeps_the_counts_of_what_has_not_changed() {
    let before = limiter(vec![dimension("kept", &[Part::Bucket], 1, 1), dimension("changed", &[], 1, 1)]);
    before.check(&of("alice", "a"), &PUT, Ticks(0)).unwrap();
    let after = Limiter::new(
        vec![dimension("changed", &[], 2, 1), dimension("kept", &[Part::Bucket], 1, 1)],
        Arc::clone(before.counts()),
    );
    assert_eq!(&*after.check(&of("alice", "a"), &PUT, Ticks(0)).unwrap_err().dimension, "kept");
    after.check(&of("alice", "b"), &PUT, Ticks(0)).unwrap();
}

#[test]
fn a_debit_refuses_nobody_and_those_who_come_wait_for_it() {
    let limiter = limiter(vec![dimension("all", &[], 10, 2)]);
    for _ in 0..5 {
        limiter.debit(&of("alice", "a"), &PUT, Ticks(0));
    }
    assert_eq!(limiter.check(&of("alice", "a"), &PUT, Ticks(0)).unwrap_err().retry_after_ms(), Some(400));
    limiter.check(&of("alice", "a"), &PUT, Ticks(SECOND * 4 / 10)).unwrap();
}

#[test]
fn a_real_throttle_slows_down_once_in_a_tenth_of_a_second() {
    let limiter = limiter(vec![dimension("all", &[], 100, 100)]);
    let left = |now| limiter.gauges(Ticks(now))[0].left;
    for _ in 0..10 {
        limiter.taught(&of("alice", "a"), &PUT, Ticks(SECOND));
    }
    assert_eq!(left(SECOND), 90);
    limiter.taught(&of("alice", "a"), &PUT, Ticks(SECOND + SECOND / 10));
    assert_eq!(left(SECOND + SECOND / 10), 90);
}

#[test]
fn gauges_say_how_much_is_used_and_left() {
    let keys = |name: &str, key: &[Part], burst| Dimension { stage: Stage::Kms, ..dimension(name, key, 10, burst) };
    let limiter = limiter(vec![keys("bucket", &[Part::Bucket], 5), keys("principal", &[Part::AccessPoint], 7)]);
    let cost = Cost::direct(None, Default::default());
    for bucket in ["a", "a", "a", "b"] {
        limiter.check(&of("alice", bucket), &What::Keys(&cost), Ticks(SECOND)).unwrap();
    }
    let gauges = limiter.gauges(Ticks(SECOND));
    assert_eq!((gauges[0].keys, gauges[0].left), (2, 2));
    assert_eq!((gauges[1].keys, gauges[1].left), (0, 7));
    let used = |second: u64| limiter.gauges(Ticks(second * SECOND))[0].utilisation;
    assert!((used(2) - 0.4).abs() < 1e-9 && used(3).abs() < 1e-9);
}

/// Threads that ask as fast as they can; each of them pushes the clock, and sweeps now and then.
#[test]
fn never_more_than_burst_and_rate_pass_whoever_asks_at_once() {
    const RATE: u32 = 10_000;
    const BURST: u64 = 50;
    const TURNS: u64 = 20_000;
    let both = |name: &str| dimension(name, &[Part::Bucket], RATE, BURST);
    let limiter = limiter(vec![both("one"), both("two"), dimension("tight", &[Part::Principal], RATE / 10, 5)]);
    let (clock, start) = (AtomicU64::new(0), Barrier::new(4));
    let passed: Vec<u64> = std::thread::scope(|scope| {
        let asks = |principal: &'static str| {
            let (limiter, clock, start) = (&limiter, &clock, &start);
            scope.spawn(move || {
                start.wait();
                let turn = |turn: u64| {
                    let now = Ticks(clock.fetch_add(10_000, Ordering::SeqCst));
                    if turn.is_multiple_of(64) {
                        limiter.counts().sweep(now);
                    }
                    u64::from(limiter.check(&of(principal, "a"), &PUT, now).is_ok())
                };
                (0..TURNS).map(turn).sum::<u64>()
            })
        };
        let threads: Vec<_> = ["alice", "bob", "alice", "carol"].map(asks).into();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let nanos = clock.load(Ordering::SeqCst);
    let most = |rate: u64, burst: u64| burst + rate * nanos / SECOND;
    assert!(passed.iter().sum::<u64>() <= most(RATE.into(), BURST), "{passed:?}");
    assert!(passed[0] + passed[2] <= most((RATE / 10).into(), 5), "{passed:?}");
    // And not nothing.
    assert!(passed[0] + passed[2] > 50, "{passed:?}");
}

fn steps() -> impl Strategy<Value = Vec<(u64, usize, usize, bool)>> {
    prop::collection::vec((0_u64..400_000_000, 0_usize..3, 0_usize..3, any::<bool>()), 1..150)
}

fn some_dimensions() -> Vec<Dimension> {
    let fixed = Pace::new(Rate::per_second(6), 6, Algorithm::Fixed);
    vec![
        dimension("all", &[], 9, 4),
        dimension("principal", &[Part::Principal], 3, 2),
        dimension("bucket", &[Part::Bucket, Part::Region], 5, 3),
        Dimension { pace: fixed, class: Some(Class::Read), ..dimension("window", &[Part::Bucket], 1, 1) },
    ]
}

proptest! {
    #[test]
    fn forgetting_changes_no_decision(steps in steps()) {
        let (swept, kept) = (limiter(some_dimensions()), limiter(some_dimensions()));
        let mut now = 0;
        for (step, who, bucket, get) in steps {
            now += step;
            let subject = of(["alice", "bob", "carol"][who], ["a", "b", "c"][bucket]);
            let what = if get { GET } else { PUT };
            for shard in 0..super::super::counts::SHARDS {
                swept.counts().forget(shard, Ticks(now));
            }
            prop_assert_eq!(swept.check(&subject, &what, Ticks(now)), kept.check(&subject, &what, Ticks(now)));
        }
        prop_assert!(swept.counts().len() <= kept.counts().len());
    }

    /// Against a model that has one list of admissions for each key and counts them by the definition.
    #[test]
    fn no_key_of_any_dimension_gets_more_than_its_burst_and_rate(steps in steps()) {
        let limiter = limiter(some_dimensions());
        let mut passed: Vec<(u64, usize, usize)> = Vec::new();
        let mut now = 0;
        for (step, who, bucket, _) in steps {
            now += step;
            if limiter.check(&of(["alice", "bob", "carol"][who], ["a", "b", "c"][bucket]), &PUT, Ticks(now)).is_ok() {
                passed.push((now, who, bucket));
            }
        }
        let within = |rate: u64, burst: u64, of: &dyn Fn(&(u64, usize, usize)) -> bool| {
            let times: Vec<u64> = passed.iter().filter(|one| of(one)).map(|one| one.0).collect();
            (0..times.len()).all(|from| (from..times.len()).all(|to| {
                // T is rounded down to the nanosecond.
                let interval = SECOND / rate;
                (to - from + 1) as u64 <= burst + (times[to] - times[from]) / interval
            }))
        };
        prop_assert!(within(9, 4, &|_| true));
        for one in 0..3 {
            prop_assert!(within(3, 2, &|(_, who, _)| *who == one));
            prop_assert!(within(5, 3, &|(_, _, bucket)| *bucket == one));
        }
    }

    #[test]
    fn with_one_dimension_it_decides_as_its_pace_does(
        steps in prop::collection::vec((0_u64..300_000_000, 1_u16..5), 1..200), rate in 1_u32..50, burst in 1_u64..9,
    ) {
        let one = Dimension { stage: Stage::Kms, ..dimension("one", &[Part::Region], rate, burst) };
        let (limiter, pace) = (limiter(vec![one]), pace(rate, burst));
        let (mut state, mut now) = (None, 0);
        for (step, cells) in steps {
            now += step;
            let mut cost = Cost::default();
            cost.add(None, Call::Decrypt, cells);
            let expected = pace.peek(state, cells.into(), Ticks(now));
            if expected.is_ok() {
                state = Some(pace.charged(state, cells.into(), Ticks(now)));
            }
            let got = limiter.check(&of("alice", "a"), &What::Keys(&cost), Ticks(now)).map_err(|refusal| refusal.wait);
            prop_assert_eq!(got, expected);
        }
    }
}

#[test]
fn each_limit_counts_what_it_lets_pass_once_whatever_is_charged_to_it() {
    let per_key = Dimension::new("keys", Stage::Kms, &[Part::KmsKey], pace(1, 2));
    let limiter = limiter(vec![per_key, Dimension::new("all", Stage::Kms, &[], pace(1, 4))]);
    let mut copy = Cost::default();
    copy.add(Some(&Arc::from("one")), Call::GenerateDataKey, 1);
    copy.add(Some(&Arc::from("two")), Call::Decrypt, 1);
    let passed = || limiter.gauges(Ticks(0)).iter().map(|gauge| gauge.passed).collect::<Vec<_>>();
    limiter.check(&of("alice", "b"), &What::Keys(&copy), Ticks(0)).unwrap();
    assert_eq!(passed(), [1, 1]);
    limiter.check(&of("alice", "b"), &What::Keys(&copy), Ticks(0)).unwrap();
    limiter.check(&of("alice", "b"), &What::Keys(&copy), Ticks(0)).unwrap_err();
    limiter.debit(&of("alice", "b"), &What::Keys(&copy), Ticks(0));
    assert_eq!(passed(), [2, 2], "neither a refusal nor what has happened already is a decision to let pass");
}
