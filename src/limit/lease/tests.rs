use std::collections::HashMap;

use proptest::prelude::*;

use super::super::counts;
use super::super::pace::{Algorithm, Rate};
use super::*;

const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;

/// The store that keeps the counts of all, as its script does.
#[derive(Default)]
struct Store(HashMap<Label, u64>);

impl Store {
    fn ask(&mut self, ask: &Ask, now: u64) -> Grant {
        let Ask { interval, tolerance, owed, want, .. } = *ask;
        let tat = self.0.entry(ask.label).or_insert(0);
        let owes = interval * owed.unsigned_abs();
        *tat = if owed > 0 { (*tat).max(now) + owes } else { tat.saturating_sub(owes) };
        let base = (*tat).max(now);
        let free = (now + tolerance + interval).saturating_sub(base) / interval;
        let cells = free.min(want.into());
        if cells > 0 {
            *tat = base + cells * interval;
        }
        Grant { cells: u32::try_from(cells).unwrap(), ahead: tat.saturating_sub(now) }
    }
}

/// One machine, on one count.
struct Machine {
    leases: Leases,
    line: counts::Line,
}

impl Machine {
    fn new(pace: Pace, machines: u32) -> Self {
        let leases = Leases::new(std::iter::once(pace), machines);
        leases.set_up(true);
        Self { leases, line: counts::Line { pace, identity: 1, open: false } }
    }

    fn take(&self, cells: u32, now: u64) -> Result<(), Wait> {
        let mut charges = [Charge { hash: 7, line: &self.line, cells, at: 0 }];
        let rest = self.leases.take(&mut charges, |_| Some(Label::test(1)), Ticks(now)).map_err(|(_, wait)| wait)?;
        assert_eq!(rest, 0);
        Ok(())
    }

    fn ask(&self, store: &mut Store, sent: u64, now: u64) {
        let asks = self.leases.due(Ticks(sent), 100);
        let grants: Vec<_> = asks.iter().map(|ask| store.ask(ask, sent.midpoint(now))).collect();
        self.leases.granted(&asks, &grants, Ticks(sent), Ticks(now));
    }
}

fn pace(count: u64, period: u64, burst: u64) -> Pace {
    Pace::new(Rate::new(count, period), burst, Algorithm::Gcra)
}

#[test]
fn whoever_comes_alone_has_the_whole_quota() {
    for (burst, machines) in [(20, 2), (1, 3), (1000, 2), (64, 50)] {
        let (mut store, machine) = (Store::default(), Machine::new(pace(1, 1000 * SECOND, burst), machines));
        let (mut now, mut passed) = (SECOND, 0);
        for _ in 0..burst * 2 {
            passed += u64::from(machine.take(1, now).is_ok());
            machine.ask(&mut store, now, now + MILLI / 4);
            now += MILLI;
        }
        assert_eq!(passed, burst);
        assert!(matches!(machine.take(1, now), Err(Wait::Nanos(wait)) if wait > 900 * SECOND));
        assert_eq!(machine.take(u32::try_from(burst).unwrap() + 1, now), Err(Wait::Never));
    }
}

#[test]
fn what_is_not_used_of_a_lease_is_given_back() {
    let (mut store, machine) = (Store::default(), Machine::new(pace(1, 1000 * SECOND, 40), 1));
    let mut now = SECOND;
    // Each comes long after the lease of the one before has ended.
    for _ in 0..40 {
        machine.take(1, now).unwrap();
        machine.ask(&mut store, now, now + MILLI);
        machine.ask(&mut store, now + 2 * TERM, now + 2 * TERM + MILLI);
        now += SECOND;
    }
    assert!(machine.take(1, now).is_err());
    assert_eq!((store.0[&Label::test(1)] - SECOND) / SECOND / 1000, 40);
}

#[test]
fn a_demand_for_more_than_a_slice_is_leased_for() {
    let (mut store, machine) = (Store::default(), Machine::new(pace(10, SECOND, 10), 5));
    machine.take(1, SECOND).unwrap();
    assert_eq!(machine.take(4, SECOND), Err(Wait::Nanos(SOON)));
    machine.ask(&mut store, SECOND, SECOND + MILLI);
    machine.take(4, SECOND + MILLI).unwrap();
}

#[test]
fn a_request_that_another_limit_refuses_costs_nothing() {
    let machine = Machine::new(pace(1, 1000 * SECOND, 8), 1);
    let mut store = Store::default();
    for round in 0..50 {
        let now = SECOND + round * 30 * MILLI;
        let mut charges = [Charge { hash: 7, line: &machine.line, cells: 2, at: 0 }];
        machine.leases.take(&mut charges, |_| Some(Label::test(1)), Ticks(now)).unwrap();
        if round % 2 == 0 {
            machine.ask(&mut store, now, now + MILLI);
        }
        machine.leases.give_back(&charges, Ticks(now + MILLI));
        machine.ask(&mut store, now + 2 * MILLI, now + 3 * MILLI);
    }
    machine.ask(&mut store, 100 * SECOND, 100 * SECOND);
    assert!(store.0[&Label::test(1)] <= 100 * SECOND, "{:?}", store.0);
    // And it is forgotten.
    machine.ask(&mut store, 101 * SECOND, 101 * SECOND);
    machine.leases.sweep(Ticks(200 * SECOND));
    assert_eq!((machine.leases.live.load(Ordering::Relaxed), machine.leases.is_waiting()), (0, false));
}

#[test]
fn a_store_that_was_away_hears_of_what_has_not_come_back_since() {
    let (mut store, machine) = (Store::default(), Machine::new(pace(10, SECOND, 10), 2));
    machine.leases.set_up(false);
    let mut now = SECOND;
    for _ in 0..10_000 {
        let mut charges = [Charge { hash: 7, line: &machine.line, cells: 1, at: 0 }];
        machine.leases.note(&mut charges, |_| Some(Label::test(1)), Ticks(now));
        now += SECOND / 5; // half the rate
    }
    machine.leases.set_up(true);
    machine.ask(&mut store, now, now);
    assert!(store.0[&Label::test(1)] <= now + SECOND / 5, "{} {now}", store.0[&Label::test(1)]);
}

#[test]
fn the_room_is_bounded_and_what_has_none_is_left_to_others() {
    let machine = Machine::new(pace(10, SECOND, 10), 2);
    let open = counts::Line { open: true, ..machine.line };
    let take = |number: u64, line: &counts::Line| {
        let mut charges = [Charge { hash: number << 30, line, cells: 1, at: 0 }];
        machine.leases.take(&mut charges, |_| Some(Label::test(1)), Ticks(SECOND)).unwrap() == 0
    };
    let strangers = (0..70_000).filter(|number| take(*number, &open)).count();
    assert_eq!(strangers, Leases::ROOM * 3 / 4);
    assert!(take(1_000_000, &machine.line) && !take(1_000_001, &open));
    assert!(size_of::<(u64, Record)>() <= 112, "{}", size_of::<Record>());
}

/// What happens next: so long after, on this machine; cells that are asked for, or the way to the store.
fn steps(machines: usize) -> impl Strategy<Value = Vec<(u64, usize, u32)>> {
    let wait = prop_oneof![Just(0), 0..MILLI, 0..30 * MILLI];
    prop::collection::vec((wait, 0..machines, 0_u32..8), 1..400)
}

proptest! {
    #[test]
    fn no_more_passes_than_the_quota_and_one_slice_for_each_machine(
        (machines, steps) in (1_usize..6).prop_flat_map(|machines| (Just(machines), steps(machines))),
        count in 1_u64..3000, burst in 1_u64..200,
        loses: bool,
    ) {
        let pace = pace(count, SECOND, burst);
        let number = u32::try_from(machines).unwrap();
        let fleet: Vec<_> = (0..machines).map(|_| Machine::new(pace, number)).collect();
        let (mut store, mut now, mut passed) = (Store::default(), SECOND, 0_u64);
        let largest = 3;
        let allowance = u64::from(slice(&pace, number).max(largest)) * machines as u64;
        for (at, (wait, machine, what)) in steps.into_iter().enumerate() {
            now += wait;
            let machine = &fleet[machine];
            match what {
                cells @ 1..=3 => passed += machine.take(cells, now).map_or(0, |()| cells.into()),
                // An answer that never comes: what it would have brought is lost.
                4 if loses && at % 2 == 0 => {
                    let asks = machine.leases.due(Ticks(now), 100);
                    for ask in &asks {
                        store.ask(ask, now);
                    }
                    machine.leases.failed(&asks);
                }
                _ => machine.ask(&mut store, now, now + wait / 8),
            }
            let most = burst + (now - SECOND) / pace.interval() + 1 + allowance;
            prop_assert!(passed <= most, "{passed} of {most} after {} ns", now - SECOND);
        }
    }
}
