//! When the next keys are fetched.

use crate::time::{Millis, Seconds};

/// So long before the old ones end. The next ones are there by then, by what AWS promises.
const AHEAD: i64 = 300_000;
/// The most that a renewal comes earlier, so that proxies which began together do not ask together.
const SPREAD: i64 = 60_000;
/// The least between two fetches, whatever an answer says.
const LEAST: i64 = 1_000;

/// When keys that came now are replaced: five minutes before they end, and where they live less than twice that,
/// at half of their life. Up to a tenth earlier, by `random`.
pub fn renewal(now: Millis, expires: Seconds, random: u64) -> Millis {
    let life = expires.0.saturating_mul(1000).saturating_sub(now.0).max(0);
    let wait = (life - AHEAD).max(life / 2);
    let share = i64::try_from(random >> 33).unwrap_or(0); // 31 bits
    let earlier = (wait / 10).min(SPREAD).saturating_mul(share) >> 31;
    Millis(now.0.saturating_add((wait - earlier).max(LEAST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    /// Seconds from now until keys of this life are replaced, latest and earliest.
    fn after(life: i64) -> (i64, i64) {
        let of = |random| renewal(NOW, Seconds(NOW.0 / 1000 + life), random).0 - NOW.0;
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
            let of = |random| renewal(NOW, Seconds(life), random).0 - NOW.0;
            assert_eq!((of(0), of(u64::MAX)), (LEAST, LEAST), "{life}");
        }
        assert_eq!(after(0), (LEAST, LEAST));
        assert!(renewal(NOW, Seconds(i64::MAX), 7) > NOW);
        assert!(renewal(Millis(i64::MAX), Seconds(i64::MAX), 7) == Millis(i64::MAX));
    }

    #[test]
    fn keys_are_always_replaced_before_they_end() {
        for life in 3..100_000 {
            let (latest, earliest) = after(life);
            assert!(0 < earliest && earliest <= latest && latest < life * 1000, "{life}");
        }
    }
}
