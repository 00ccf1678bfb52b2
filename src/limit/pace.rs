//! The two ways of counting: the generic cell rate algorithm and the fixed window
//! (spec/kms-throttling.md 4.1, 4.2). Whole nanoseconds, rates as fractions. Knows nothing of keys.

use crate::time::Ticks;

const SECOND: u64 = 1_000_000_000;
/// The longest a key may be in debt: what was used beyond it is forgiven, in nanoseconds.
pub const LONGEST_DEBT: u64 = 3600 * SECOND;

/// Octets of object data are counted in cells of so many, so that fast lines have whole nanoseconds for one.
pub const OCTETS: u64 = 1 << 10;

/// How many digits behind the point a rate may have.
const MOST_PLACES: u32 = 18;
/// The longest period of a decimal, in nanoseconds: so long that it can still be divided among machines.
const LONGEST_PERIOD: u128 = 1_000_000 * SECOND as u128;
/// The longest interval of one that is finer than that.
const LONGEST_INTERVAL: u64 = 1_000_000 * SECOND;

/// So many cells in so many nanoseconds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Rate {
    count: u64,
    period: u64,
}

/// How cells are counted.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Algorithm {
    /// One cell each interval, and a burst from idle.
    #[default]
    Gcra,
    /// A counter for each period of the rate, by the clock; the burst does not matter.
    Fixed,
}

/// A rate with its burst and its way of counting.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Pace {
    rate: Rate,
    burst: u64,
    algorithm: Algorithm,
    /// Nanoseconds for one cell, T.
    interval: u64,
    /// How far ahead of the clock a key may run, τ.
    tolerance: u64,
}

/// What is known of one key. Nothing is known of a key whose state has been [neutral](State::is_neutral).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct State {
    /// The theoretical arrival time; the end of the window.
    at: u64,
    /// Cells of the window.
    used: u32,
}

/// Why cells do not pass.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Wait {
    /// They pass after so many nanoseconds, if nobody else takes them.
    Nanos(u64),
    /// They never pass: there are more than the limit holds.
    Never,
}

impl Rate {
    /// So many a second; none is one.
    pub const fn per_second(count: u32) -> Self {
        Self::new(count as u64, SECOND)
    }

    /// So many in so many nanoseconds; zero counts as one in both places.
    pub const fn new(count: u64, period: u64) -> Self {
        Self { count: if count == 0 { 1 } else { count }, period: if period == 0 { 1 } else { period } }
    }

    /// Reads `1/4s`, a number of cells in a number of seconds; `20000` or `0.25`, so many a second.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| digits(text)?.parse::<u32>().ok().filter(|number| *number > 0);
        match (text.split_once('/'), text.split_once('.')) {
            (Some((count, seconds)), _) => {
                let seconds = u64::from(number(seconds.strip_suffix('s')?)?);
                Some(Self::new(number(count)?.into(), seconds * SECOND))
            }
            (None, Some((whole, part))) => Self::decimal(digits(whole)?, digits(part)?),
            (None, None) => Some(Self::per_second(number(text)?)),
        }
    }

    /// A decimal is a fraction; in lowest terms it is the rate that is meant, and not one of a longer window.
    fn decimal(whole: &str, part: &str) -> Option<Self> {
        let whole = u128::from(whole.parse::<u32>().ok()?);
        let places = u32::try_from(part.len()).ok().filter(|places| *places <= MOST_PLACES)?;
        let seconds = 10_u128.checked_pow(places)?;
        let count = whole * seconds + part.parse::<u128>().ok()?;
        let common = common_divisor(count, seconds);
        let (count, period) = (count.checked_div(common)?, seconds.checked_div(common)? * u128::from(SECOND));
        if count == 0 {
            return None;
        }
        if period <= LONGEST_PERIOD {
            return Some(Self { count: u64::try_from(count).ok()?, period: u64::try_from(period).ok()? });
        }
        // The interval is in whole nanoseconds anyway.
        let interval = u64::try_from(period.checked_div(count)?).ok()?;
        (interval <= LONGEST_INTERVAL).then(|| Self::new(1, interval))
    }

    /// The cells of one second, rounded down, but at least one: the burst of who names none.
    pub const fn one_second(self) -> u64 {
        let cells = (self.count as u128 * SECOND as u128 / self.period as u128) as u64;
        if cells == 0 { 1 } else { cells }
    }

    /// As a fixed window counts it: in each second what fits into one; what is rarer, in its own period.
    const fn in_window(self) -> Self {
        if self.count as u128 * SECOND as u128 >= self.period as u128 {
            Self { count: self.one_second(), period: SECOND }
        } else {
            self
        }
    }

    /// Cells a second.
    #[expect(clippy::cast_precision_loss, reason = "for people and gauges")]
    pub fn a_second(self) -> f64 {
        self.count as f64 * SECOND as f64 / self.period as f64
    }
}

impl Algorithm {
    /// Every algorithm with its name.
    pub const NAMES: [(&'static str, Self); 2] = [("gcra", Self::Gcra), ("fixed", Self::Fixed)];

    /// The algorithm of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(own, _)| *own == name).map(|(_, algorithm)| algorithm)
    }
}

impl Pace {
    /// A burst of zero counts as one.
    pub const fn new(rate: Rate, burst: u64, algorithm: Algorithm) -> Self {
        let rate = match algorithm {
            Algorithm::Gcra => rate,
            Algorithm::Fixed => rate.in_window(),
        };
        let interval = rate.period / rate.count;
        let interval = if interval == 0 { 1 } else { interval };
        let burst = if burst == 0 { 1 } else { burst };
        Self { rate, burst, algorithm, interval, tolerance: interval.saturating_mul(burst - 1) }
    }

    /// So many octets a second, in cells of [`OCTETS`]; the burst is that of one second.
    pub const fn octets(a_second: u64) -> Self {
        let rate = Rate::new(a_second, SECOND * OCTETS);
        Self::new(rate, rate.one_second(), Algorithm::Gcra)
    }

    /// What one of so many machines may do without asking the others; none counts as one. The rate is divided
    /// exactly, the burst (of a fixed window its cells) rounded down, but to no less than one: a limit that
    /// holds fewer cells than there are machines lets each have one.
    #[must_use]
    pub const fn divided(self, machines: u32) -> Self {
        let machines = if machines == 0 { 1 } else { machines as u64 };
        let Rate { count, period } = self.rate;
        match self.algorithm {
            Algorithm::Gcra => {
                let period = period.saturating_mul(machines);
                Self::new(Rate::new(count, period), self.burst / machines, self.algorithm)
            }
            // The windows stay as they are, as long as there is a cell for each.
            Algorithm::Fixed if count >= machines => {
                Self::new(Rate::new(count / machines, period), self.burst / machines, self.algorithm)
            }
            Algorithm::Fixed => {
                Self::new(Rate::new(1, period.saturating_mul(machines.div_ceil(count))), 1, self.algorithm)
            }
        }
    }

    /// Nanoseconds for one cell.
    pub const fn interval(&self) -> u64 {
        self.interval
    }

    /// How many nanoseconds ahead of the clock a key may run.
    pub const fn tolerance(&self) -> u64 {
        self.tolerance
    }

    /// Its rate.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// The most cells that pass at once.
    pub const fn burst(&self) -> u64 {
        match self.algorithm {
            Algorithm::Gcra => self.burst,
            Algorithm::Fixed => self.rate.count,
        }
    }

    /// How it counts.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether so many cells pass now. Changes nothing.
    ///
    /// # Errors
    /// How long to wait.
    pub fn peek(&self, state: Option<State>, cells: u64, now: Ticks) -> Result<(), Wait> {
        match self.algorithm {
            Algorithm::Gcra => {
                let add = self.interval.saturating_mul(cells.saturating_sub(1));
                if add > self.tolerance {
                    return Err(Wait::Never);
                }
                let tat = state.map_or(now.0, |state| state.at);
                let earliest = tat.saturating_add(add).saturating_sub(self.tolerance);
                if now.0 < earliest { Err(Wait::Nanos(earliest - now.0)) } else { Ok(()) }
            }
            Algorithm::Fixed => {
                if cells > self.rate.count {
                    return Err(Wait::Never);
                }
                let window = self.window(state, now);
                let fits = u64::from(window.used).saturating_add(cells) <= self.rate.count;
                if fits { Ok(()) } else { Err(Wait::Nanos(window.at - now.0)) }
            }
        }
    }

    /// The state after so many cells, whether or not they would pass.
    #[must_use]
    pub fn charged(&self, state: Option<State>, cells: u64, now: Ticks) -> State {
        match self.algorithm {
            Algorithm::Gcra => {
                let tat = state.map_or(now.0, |state| state.at.max(now.0));
                State { at: tat.saturating_add(self.interval.saturating_mul(cells)), used: 0 }
            }
            Algorithm::Fixed => {
                let window = self.window(state, now);
                let cells = u32::try_from(cells).unwrap_or(u32::MAX);
                State { used: window.used.saturating_add(cells), ..window }
            }
        }
    }

    /// The same for what has been used already: it is not refused, and takes from what comes. Nobody is
    /// in debt for longer than [`LONGEST_DEBT`].
    #[must_use]
    pub fn debited(&self, state: Option<State>, cells: u64, now: Ticks) -> State {
        let before = state.map_or(0, |state| state.at);
        let State { at, used } = self.charged(state, cells, now);
        let most = now.0.saturating_add(self.tolerance).saturating_add(LONGEST_DEBT).max(before);
        State { at: at.min(most), used }
    }

    /// How many cells would pass now, one after the other.
    pub fn left(&self, state: Option<State>, now: Ticks) -> u64 {
        match self.algorithm {
            Algorithm::Gcra => {
                let ahead = state.map_or(0, |state| state.at.saturating_sub(now.0));
                self.tolerance.saturating_add(self.interval).saturating_sub(ahead) / self.interval
            }
            Algorithm::Fixed => self.rate.count.saturating_sub(self.window(state, now).used.into()),
        }
    }

    /// The window that counts: the one of the clock, or a later one where the clock went back.
    fn window(&self, state: Option<State>, now: Ticks) -> State {
        let next = (now.0 / self.rate.period).saturating_add(1).saturating_mul(self.rate.period);
        state.filter(|state| state.at > now.0).unwrap_or(State { at: next, used: 0 })
    }
}

/// A text that is digits and nothing else.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())).then_some(text)
}

/// The greatest number that divides both.
const fn common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl State {
    /// A key whose cells are all back at that time.
    pub(super) const fn until(at: u64) -> Self {
        Self { at, used: 0 }
    }

    /// When they are.
    pub(super) const fn end(&self) -> u64 {
        self.at
    }

    /// Whether it makes no difference any more: forgetting it changes no decision from here on.
    pub const fn is_neutral(&self, now: Ticks) -> bool {
        self.at <= now.0
    }
}

impl Wait {
    /// What clients are told, in milliseconds, rounded up and at least one; none where waiting is in vain.
    pub const fn millis(self) -> Option<u64> {
        match self {
            Self::Nanos(nanos) => {
                let millis = nanos.div_ceil(1_000_000);
                Some(if millis == 0 { 1 } else { millis })
            }
            Self::Never => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use governor::clock::{Clock as _, FakeRelativeClock};
    use governor::{Quota, RateLimiter};
    use proptest::prelude::*;

    use super::*;

    /// A limit on one key.
    struct One {
        pace: Pace,
        state: Option<State>,
    }

    impl One {
        fn new(rate: Rate, burst: u64, algorithm: Algorithm) -> Self {
            Self { pace: Pace::new(rate, burst, algorithm), state: None }
        }

        fn take(&mut self, cells: u64, now: u64) -> Result<(), Wait> {
            self.pace.peek(self.state, cells, Ticks(now))?;
            self.state = Some(self.pace.charged(self.state, cells, Ticks(now)));
            Ok(())
        }
    }

    #[test]
    fn the_burst_passes_at_once_and_then_one_cell_each_interval() {
        let mut one = One::new(Rate::per_second(7), 3, Algorithm::Gcra);
        for _ in 0..3 {
            one.take(1, 0).unwrap();
        }
        assert_eq!(one.take(1, 0), Err(Wait::Nanos(142_857_142)));
        assert_eq!(one.take(1, 142_857_141).unwrap_err().millis(), Some(1));
        one.take(1, 142_857_142).unwrap();
        assert_eq!(one.pace.left(one.state, Ticks(142_857_142)), 0);
        assert_eq!(one.pace.left(one.state, Ticks(SECOND)), 3);
        assert_eq!(one.take(4, SECOND * 9), Err(Wait::Never));
    }

    #[test]
    fn a_fixed_window_starts_anew_at_its_edge_and_not_before() {
        let mut one = One::new(Rate::new(3, 4 * SECOND), 9, Algorithm::Fixed);
        one.take(3, SECOND).unwrap();
        assert_eq!(one.take(1, SECOND), Err(Wait::Nanos(SECOND * 3)));
        assert_eq!(one.take(4, SECOND * 9), Err(Wait::Never));
        one.take(2, SECOND * 4).unwrap();
        // A clock that goes back frees nothing.
        assert_eq!(one.take(2, SECOND * 3), Err(Wait::Nanos(SECOND * 5)));
        one.take(1, SECOND * 3).unwrap();
        assert_eq!(one.take(1, SECOND * 5), Err(Wait::Nanos(SECOND * 3)));
    }

    #[test]
    fn a_fixed_window_is_a_second_wherever_a_second_lets_one_pass() {
        for (text, each, next) in [("2.5", 2, SECOND), ("30/4s", 7, SECOND), ("1", 1, SECOND), ("0.25", 1, 4 * SECOND)]
        {
            let mut one = One::new(Rate::parse(text).unwrap(), 1, Algorithm::Fixed);
            assert_eq!(one.pace.burst(), each, "{text}");
            one.take(each, 0).unwrap();
            assert_eq!(one.take(1, 1), Err(Wait::Nanos(next - 1)), "{text}");
            one.take(each, next).unwrap();
        }
    }

    #[test]
    fn rates_are_fractions() {
        for (text, count, period, burst) in [
            ("20000", 20_000, SECOND, 20_000),
            ("1/4s", 1, 4 * SECOND, 1),
            ("30/4s", 30, 4 * SECOND, 7),
            ("0.25", 1, 4 * SECOND, 1),
            ("10.0", 10, SECOND, 10),
            ("5500.5", 11_001, 2 * SECOND, 5500),
            ("2.000001", 2_000_001, 1_000_000 * SECOND, 2),
            ("0.000001", 1, 1_000_000 * SECOND, 1),
            // No fraction of nanoseconds is so fine: the interval is the same.
            ("0.3333333333333333", 1, 3 * SECOND, 1),
            ("16.666666666666668", 1, 59_999_999, 16),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate, rate.one_second()), (Rate { count, period }, burst), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "1/4",
            "1/0s",
            "0/4s",
            "1/s",
            "+1",
            " 1",
            "1/4s ",
            "4294967296",
            "0.0",
            ".5",
            "5.",
            "1.5.5",
            "-0.5",
            "1e3",
            "1.5e3",
            "1.5/4s",
            "1/0.5s",
            "1,5",
            "0.00000000001",
            "1.0000000000000000000001",
        ] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_quota_are_never_more_than_the_whole() {
        for (count, burst, machines, part) in
            [(100, 50, 4, 12), (7, 7, 7, 1), (3, 3, 5, 1), (1, 10, 3, 3), (100_000, 100_000, 10_000, 10), (5, 5, 1, 5)]
        {
            let whole = Pace::new(Rate::per_second(count), burst, Algorithm::Gcra);
            let divided = whole.divided(machines);
            assert_eq!(divided.burst(), part, "{count} {burst} {machines}");
            assert_eq!(divided.interval(), whole.rate.period * u64::from(machines) / u64::from(count));
            assert!(part == 1 || part * u64::from(machines) <= burst);
            let fixed = Pace::new(Rate::per_second(count), burst, Algorithm::Fixed);
            let divided = fixed.divided(machines);
            let (all, longer) = (divided.rate.count * u64::from(machines), divided.rate.period / SECOND);
            assert!(all <= u64::from(count) * longer, "{count} {machines}: {divided:?}");
        }
        let whole = Pace::octets(10 << 20);
        assert_eq!((whole.divided(0), whole.divided(1)), (whole, whole));
    }

    #[test]
    fn octets_are_counted_to_two_percent_on_fast_lines() {
        for octets in [1_u64 << 10, 100 << 20, 1_250_000_000, 12_500_000_000] {
            let pace = Pace::octets(octets);
            let state = pace.charged(None, octets / OCTETS * 100, Ticks(0));
            let millis = state.at / 1_000_000;
            assert!((98_000..=100_000).contains(&millis), "{octets}: {millis} ms");
        }
    }

    #[test]
    fn a_debt_ends() {
        let mut one = One::new(Rate::per_second(1), 5, Algorithm::Gcra);
        one.state = Some(one.pace.debited(one.state, u64::MAX, Ticks(SECOND)));
        assert_eq!(one.take(1, SECOND), Err(Wait::Nanos(LONGEST_DEBT)));
        one.take(1, SECOND + LONGEST_DEBT).unwrap();
        // What is there already is not forgiven by a later debit.
        one.state = Some(State { at: u64::MAX - 1, used: 0 });
        assert_eq!(one.pace.debited(one.state, 1, Ticks(0)).at, u64::MAX - 1);
    }

    fn rates() -> impl Strategy<Value = (u64, u64, u64)> {
        (1_u64..5000, prop_oneof![Just(SECOND), 1..20 * SECOND], 1_u64..200)
    }

    proptest! {
        #[test]
        fn it_decides_as_governor_does(
            (count, period, burst) in rates(),
            steps in prop::collection::vec((0_u64..3, 0_u64..1_000_000_000, 1_u32..8), 1..200),
        ) {
            let rate = Rate::new(count, period);
            let mut ours = One::new(rate, burst, Algorithm::Gcra);
            let interval = Duration::from_nanos((period / count).max(1));
            let quota = Quota::with_period(interval).unwrap()
                .allow_burst(NonZeroU32::new(u32::try_from(burst).unwrap()).unwrap());
            let clock = FakeRelativeClock::default();
            let theirs = RateLimiter::direct_with_clock(quota, clock.clone());
            let mut now = 0;
            for (scale, step, cells) in steps {
                // Long waits, waits of about one interval, and none.
                let step = match scale { 0 => 0, 1 => step % (interval.as_nanos() as u64 * 2 + 1), _ => step };
                clock.advance(Duration::from_nanos(step));
                now += step;
                let expected = match theirs.check_n(NonZeroU32::new(cells).unwrap()) {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(not_until)) => Err(Wait::Nanos(not_until.wait_time_from(clock.now()).as_nanos() as u64)),
                    Err(_capacity) => Err(Wait::Never),
                };
                prop_assert_eq!(ours.take(cells.into(), now), expected);
            }
        }

        #[test]
        fn a_hint_is_kept_to_the_nanosecond(
            (count, period, burst) in rates(),
            cells in prop::collection::vec(1_u64..8, 1..50),
            fixed: bool,
        ) {
            let algorithm = if fixed { Algorithm::Fixed } else { Algorithm::Gcra };
            let mut one = One::new(Rate::new(count, period), burst, algorithm);
            let mut now = 0;
            for cells in cells {
                if let Err(Wait::Nanos(wait)) = one.take(cells, now) {
                    prop_assert!(one.take(cells, now + wait - 1).is_err());
                    now += wait;
                    prop_assert_eq!(one.take(cells, now), Ok(()));
                }
            }
        }

        #[test]
        fn what_is_left_is_what_passes(
            (count, period, burst) in rates(), taken in 0_u64..300, wait in 0_u64..3_000_000_000, fixed: bool,
        ) {
            let algorithm = if fixed { Algorithm::Fixed } else { Algorithm::Gcra };
            let mut one = One::new(Rate::new(count, period), burst, algorithm);
            one.state = Some(one.pace.charged(None, taken, Ticks(0)));
            let left = one.pace.left(one.state, Ticks(wait));
            for _ in 0..left {
                prop_assert_eq!(one.take(1, wait), Ok(()));
            }
            prop_assert!(one.take(1, wait).is_err());
        }
    }
}
