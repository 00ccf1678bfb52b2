//! How long to wait between two tries. Pure: randomness is an argument.

use std::time::Duration;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait of our own accord.
const LONGEST: Duration = Duration::from_secs(300);
/// The longest wait that a destination may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// Waits that double, up to five minutes unless it is said otherwise. Each is shortened by up to a half, so that
/// those who failed together do not come back together.
#[derive(Debug)]
pub struct Backoff {
    failures: u32,
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::up_to(LONGEST)
    }
}

impl Backoff {
    /// Waits up to this.
    pub fn up_to(longest: Duration) -> Self {
        Self { failures: 0, longest }
    }

    /// The next wait. `asked`: what the destination has asked for, which counts if it is longer, up to an hour.
    pub fn next(&mut self, random: u64, asked: Option<Duration>) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(16)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let half = longest / 2;
        let share = u32::try_from(random >> 32).unwrap_or(0);
        let jitter = half.mul_f64(f64::from(share) / f64::from(u32::MAX));
        (half + jitter).max(asked.unwrap_or_default().min(LONGEST_ASKED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_are_spread() {
        let (mut low, mut high) = (Backoff::default(), Backoff::default());
        let mut all = Duration::ZERO;
        for failure in 0..40 {
            let whole = Duration::from_secs(1 << failure.min(20)).min(LONGEST);
            let (least, most) = (low.next(0, None), high.next(u64::MAX, None));
            assert_eq!((least, most), (whole / 2, whole));
            all += most;
        }
        assert!(all > Duration::from_secs(3600));
    }

    #[test]
    fn whoever_is_in_a_hurry_waits_less() {
        let mut backoff = Backoff::up_to(Duration::from_secs(30));
        let waits: Vec<u64> = (0..8).map(|_| backoff.next(u64::MAX, None).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn what_a_destination_asks_for_counts_within_an_hour() {
        let asked = |seconds| Backoff::default().next(0, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(120), Duration::from_secs(120));
        assert_eq!(asked(0), FIRST / 2);
        assert_eq!(asked(1_000_000), LONGEST_ASKED);
    }
}
