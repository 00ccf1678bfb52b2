//! When the next keys are fetched.

use std::time::Duration;

use crate::time::{Millis, Seconds};

/// So long before the old ones end. The next ones are there by then, by what AWS promises.
const AHEAD: i64 = 300_000;
/// The most that a renewal comes earlier, so that proxies which began together do not ask together.
const SPREAD: i64 = 60_000;
/// The least between two fetches, whatever an answer says.
const LEAST: i64 = 1_000;

/// How long keys that came now are used before others are fetched: until five minutes before they end, and where
/// they live less than twice that, for half of their life. Up to a tenth less, by `random`.
pub fn renewal(now: Millis, expires: Seconds, random: u64) -> Duration {
    let life = expires.0.saturating_mul(1000).saturating_sub(now.0).max(0);
    let wait = (life - AHEAD).max(life / 2);
    let share = i64::try_from(random >> 33).unwrap_or(0); // 31 bits
    let earlier = (wait / 10).min(SPREAD).saturating_mul(share) >> 31;
    Duration::from_millis((wait - earlier).max(LEAST).unsigned_abs())
}

/// What is left of a wait, or nothing, by the clock of the day and by one that nobody sets: what has passed on
/// the one that is ahead counts. The second may stand still while the machine sleeps, the first may be put back.
pub fn left(wait: Duration, (begun, now): (Millis, Millis), ticked: Duration) -> Option<Duration> {
    let by_day = u64::try_from(now.0.saturating_sub(begun.0)).unwrap_or(0);
    let passed = ticked.max(Duration::from_millis(by_day));
    wait.checked_sub(passed).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    /// Milliseconds from now until keys of this life are replaced, latest and earliest.
    fn after(life: i64) -> (i64, i64) {
        let of = |random| renewal(NOW, Seconds(NOW.0 / 1000 + life), random).as_millis().try_into().unwrap();
        (of(0), of(u64::MAX))
    }

    #[test]
    fn long_lives_end_five_minutes_early_and_short_ones_at_half() {
        assert_eq!(after(6 * 3600).0, (6 * 3600 - 300) * 1000);
        assert_eq!(after(600).0, 300_000);
        assert_eq!(after(601).0, 301_000);
        assert_eq!(after(60).0, 30_000);
        assert_eq!(after(4).0, 2_000);
    }

    #[test]
    fn renewals_are_spread_by_a_tenth_and_at_most_a_minute() {
        let (latest, earliest) = after(6 * 3600);
        assert!((59_999..=60_000).contains(&(latest - earliest)), "{latest} {earliest}");
        let (latest, earliest) = after(60);
        assert!((2_999..=3_000).contains(&(latest - earliest)), "{latest} {earliest}");
    }

    #[test]
    fn whatever_an_answer_says_nobody_is_asked_all_the_time() {
        for life in [1, 0, -1, -1_000_000, i64::MIN / 2] {
            let of = |random| renewal(NOW, Seconds(life), random);
            assert_eq!((of(0), of(u64::MAX)), (Duration::from_secs(1), Duration::from_secs(1)), "{life}");
        }
        assert_eq!(after(0), (LEAST, LEAST));
        assert!(renewal(NOW, Seconds(i64::MAX), 7) > Duration::from_secs(3600));
        assert_eq!(renewal(Millis(i64::MAX), Seconds(i64::MAX), 7), Duration::from_secs(1));
    }

    #[test]
    fn keys_are_always_replaced_before_they_end() {
        for life in 3..100_000 {
            let (latest, earliest) = after(life);
            assert!(0 < earliest && earliest <= latest && latest < life * 1000, "{life}");
        }
    }

    #[test]
    fn a_wait_ends_by_whichever_clock_is_ahead() {
        let wait = Duration::from_secs(10);
        let at = |seconds: i64, ticked: u64| {
            let now = Millis(NOW.0 + seconds * 1000);
            left(wait, (NOW, now), Duration::from_secs(ticked)).map(|left| left.as_secs())
        };
        assert_eq!((at(0, 0), at(4, 4), at(10, 10)), (Some(10), Some(6), None));
        // The machine slept.
        assert_eq!((at(7, 1), at(3600, 1)), (Some(3), None));
        // The clock was put back.
        assert_eq!((at(-3600, 3), at(-3600, 11)), (Some(7), None));
        assert_eq!(left(Duration::ZERO, (NOW, NOW), Duration::ZERO), None);
    }
}
