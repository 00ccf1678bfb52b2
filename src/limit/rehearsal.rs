//! Faults that are rehearsed: which request gets which, how often, and whether they are on.
//!
//! A rehearsal is made by the configuration and switched on and off while the proxy runs. Here is only the
//! choice; what a fault looks like to a client is the pipeline's. The choice is the same every time for one
//! seed and one order of requests: nothing here draws a random number or looks at a clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::policy::pattern::Pattern;
use crate::s3::Operation;

/// The whole of a rate: rates are in millionths.
pub const WHOLE: u32 = 1_000_000;
/// As often as it comes.
const ALWAYS: u64 = u64::MAX;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The answer breaks off after so many octets.
    Cut(u64),
    /// `InternalError`
    Error,
    /// As if the key service were asked too often.
    KmsThrottle,
    /// The request waits before it goes on.
    Latency(Duration),
    /// `SlowDown`
    Throttle,
}

/// One rehearsal, as configured.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Its name, on every record and answer.
    pub name: Arc<str>,
    /// Whose requests, by ARN; a session of a role by its own or the role's. Anybody's, if none.
    pub principal: Option<Pattern>,
    /// To which bucket; to any, if none.
    pub bucket: Option<String>,
    /// What the key begins with, or the prefix that a listing asks for; requests without either are not meant.
    pub prefix: Option<String>,
    /// Which operations; any, if empty.
    pub operations: Vec<Operation>,
    /// What goes wrong.
    pub fault: Fault,
    /// For how many requests after it was switched on; for all, if none.
    pub times: Option<u32>,
    /// For how many of a million requests, at random; for each, if none.
    pub rate: Option<u32>,
    /// What the random choice is made from; the process's own, if none.
    pub seed: Option<u32>,
    /// Whether it is on from the start.
    pub enabled: bool,
}

/// A request, as far as rehearsals look at it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who asks.
    pub principal: &'a str,
    /// Of a session the role.
    pub role: Option<&'a str>,
    /// The bucket.
    pub bucket: &'a str,
    /// The key, or the prefix of a listing.
    pub key: Option<&'a str>,
    /// What is asked.
    pub operation: Operation,
}

/// A fault that was chosen for a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rehearsed {
    /// The rehearsal's name.
    pub name: Arc<str>,
    /// What goes wrong.
    pub fault: Fault,
}

/// How a rehearsal stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// Its name.
    pub name: Arc<str>,
    /// Its fault, in the configuration's word.
    pub fault: &'static str,
    /// Whether it is on.
    pub on: bool,
    /// For how many more requests; for all, if none.
    pub left: Option<u64>,
    /// How many requests it has met since the start.
    pub met: u64,
}

/// Every rehearsal of the process, over all workers.
#[derive(Debug, Default)]
pub struct Rehearsals(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    rehearsal: Rehearsal,
    seed: u64,
    on: AtomicBool,
    left: AtomicU64,
    met: AtomicU64,
    /// Counts the random choices.
    drawn: AtomicU64,
}

impl Rehearsals {
    /// Takes in what is configured; `seed` is what those choose from that bring none.
    pub fn new(rehearsals: impl IntoIterator<Item = Rehearsal>, seed: u64) -> Self {
        let kept = |(at, rehearsal): (usize, Rehearsal)| Kept {
            seed: rehearsal.seed.map_or_else(|| seed.wrapping_add(at as u64), u64::from),
            on: AtomicBool::new(rehearsal.enabled),
            left: AtomicU64::new(rehearsal.times.map_or(ALWAYS, u64::from)),
            met: AtomicU64::new(0),
            drawn: AtomicU64::new(0),
            rehearsal,
        };
        Self(rehearsals.into_iter().enumerate().map(kept).collect())
    }

    /// The fault for a request: of the first rehearsal that means it, is on, and chooses it.
    pub fn choose(&self, asked: &Asked<'_>) -> Option<Rehearsed> {
        let kept = self.0.iter().find(|kept| kept.chooses(asked))?;
        Some(Rehearsed { name: Arc::clone(&kept.rehearsal.name), fault: kept.rehearsal.fault })
    }

    /// Switches one on, for so many requests, or as often as it is configured for; none if there is none of
    /// this name.
    pub fn switch_on(&self, name: &str, times: Option<u32>) -> Option<Shown> {
        let kept = self.find(name)?;
        let times = times.or(kept.rehearsal.times);
        kept.left.store(times.map_or(ALWAYS, u64::from), Ordering::Relaxed);
        kept.on.store(true, Ordering::Relaxed);
        Some(kept.shown())
    }

    /// Switches one off; none if there is none of this name.
    pub fn switch_off(&self, name: &str) -> Option<Shown> {
        let kept = self.find(name)?;
        kept.on.store(false, Ordering::Relaxed);
        Some(kept.shown())
    }

    /// How each stands.
    pub fn shown(&self) -> impl Iterator<Item = Shown> {
        self.0.iter().map(Kept::shown)
    }

    fn find(&self, name: &str) -> Option<&Kept> {
        self.0.iter().find(|kept| &*kept.rehearsal.name == name)
    }
}

impl Kept {
    fn chooses(&self, asked: &Asked<'_>) -> bool {
        let taken = self.on.load(Ordering::Relaxed) && self.rehearsal.means(asked) && self.draws() && self.takes();
        if taken {
            self.met.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// The random choice.
    fn draws(&self) -> bool {
        let Some(rate) = self.rehearsal.rate else { return true };
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        xxh3_64_with_seed(&number.to_le_bytes(), self.seed) % u64::from(WHOLE) < u64::from(rate)
    }

    /// One of those that are left. Two workers never take the same one.
    fn takes(&self) -> bool {
        let less = |left: u64| if left == ALWAYS { Some(ALWAYS) } else { left.checked_sub(1) };
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn shown(&self) -> Shown {
        let left = self.left.load(Ordering::Relaxed);
        Shown {
            name: Arc::clone(&self.rehearsal.name),
            fault: self.rehearsal.fault.word(),
            on: self.on.load(Ordering::Relaxed) && left > 0,
            left: Some(left).filter(|left| *left != ALWAYS),
            met: self.met.load(Ordering::Relaxed),
        }
    }
}

impl Rehearsal {
    fn means(&self, asked: &Asked<'_>) -> bool {
        let principal = |pattern: &Pattern| {
            pattern.matches_plain(asked.principal) || asked.role.is_some_and(|role| pattern.matches_plain(role))
        };
        self.principal.as_ref().is_none_or(principal)
            && self.bucket.as_ref().is_none_or(|bucket| bucket == asked.bucket)
            && self.prefix.as_ref().is_none_or(|prefix| asked.key.is_some_and(|key| key.starts_with(prefix.as_str())))
            && (self.operations.is_empty() || self.operations.contains(&asked.operation))
    }
}

impl Fault {
    /// As the configuration and metrics spell it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut(_) => "cut",
            Self::Error => "error",
            Self::KmsThrottle => "kms-throttle",
            Self::Latency(_) => "latency",
            Self::Throttle => "throttle",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::pattern::{Variables, Wildcards};

    const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

    fn rehearsal() -> Rehearsal {
        Rehearsal {
            name: "one".into(),
            principal: None,
            bucket: None,
            prefix: None,
            operations: Vec::new(),
            fault: Fault::Throttle,
            times: None,
            rate: None,
            seed: None,
            enabled: true,
        }
    }

    fn asked() -> Asked<'static> {
        Asked { principal: ALICE, role: None, bucket: "data", key: Some("logs/a"), operation: Operation::GetObject }
    }

    fn count(rehearsals: &Rehearsals, requests: usize) -> usize {
        (0..requests).filter(|_| rehearsals.choose(&asked()).is_some()).count()
    }

    #[test]
    fn only_what_is_meant_is_met() {
        let pattern = |text: &str| Some(Pattern::new(text, Wildcards::On, Variables::Off));
        let met = |rehearsal: Rehearsal, asked: Asked<'_>| Rehearsals::new([rehearsal], 1).choose(&asked).is_some();
        assert!(met(rehearsal(), asked()));
        let by = |text| Rehearsal { principal: pattern(text), ..rehearsal() };
        assert!(met(by("arn:aws:iam::*:user/al*"), asked()) && !met(by("arn:aws:iam::*:user/bob"), asked()));
        let role = "arn:aws:iam::111122223333:role/loader";
        let session = "arn:aws:sts::111122223333:assumed-role/loader/s";
        for text in [role, session] {
            assert!(met(by(text), Asked { principal: session, role: Some(role), ..asked() }), "{text}");
        }
        let below = |text: &str| Rehearsal { prefix: Some(text.to_owned()), ..rehearsal() };
        assert!(met(below("logs/"), asked()) && !met(below("data/"), asked()));
        assert!(!met(below(""), Asked { key: None, ..asked() }));
        let of = |text: &str| Rehearsal { bucket: Some(text.to_owned()), ..rehearsal() };
        assert!(met(of("data"), asked()) && !met(of("dat"), asked()));
        let doing = |operation| Rehearsal { operations: vec![operation], ..rehearsal() };
        assert!(met(doing(Operation::GetObject), asked()) && !met(doing(Operation::PutObject), asked()));
        assert!(!met(Rehearsal { enabled: false, ..rehearsal() }, asked()));
    }

    #[test]
    fn so_many_are_met_and_no_more_until_it_is_switched_on_again() {
        let rehearsals = Rehearsals::new([Rehearsal { times: Some(3), ..rehearsal() }], 1);
        assert_eq!((count(&rehearsals, 10), rehearsals.shown().next().unwrap().on), (3, false));
        assert_eq!(rehearsals.switch_on("one", None).unwrap().left, Some(3));
        assert_eq!(count(&rehearsals, 10), 3);
        rehearsals.switch_on("one", Some(5)).unwrap();
        assert_eq!(count(&rehearsals, 2), 2);
        let off = rehearsals.switch_off("one").unwrap();
        assert_eq!((off.on, off.left, off.met), (false, Some(3), 8));
        assert_eq!(count(&rehearsals, 10), 0);
        assert!(rehearsals.switch_on("two", None).is_none() && rehearsals.switch_off("two").is_none());
    }

    #[test]
    fn threads_share_what_is_left() {
        let rehearsals = Rehearsals::new([Rehearsal { times: Some(1000), ..rehearsal() }], 1);
        let met: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| count(&rehearsals, 400))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(met, 1000);
    }

    #[test]
    fn a_rate_is_kept_and_one_seed_chooses_alike() {
        let with = |seed| Rehearsals::new([Rehearsal { rate: Some(WHOLE / 10), seed, ..rehearsal() }], 9);
        let met = |rehearsals: &Rehearsals| -> Vec<bool> {
            (0..10_000).map(|_| rehearsals.choose(&asked()).is_some()).collect()
        };
        let first = met(&with(Some(7)));
        let share = first.iter().filter(|met| **met).count();
        assert!((900..=1100).contains(&share), "{share}");
        assert_eq!(first, met(&with(Some(7))));
        assert_ne!(first, met(&with(Some(8))));
        assert_eq!(met(&with(None)), met(&with(Some(9))), "the process's seed counts where none is given");
        let never = Rehearsals::new([Rehearsal { rate: Some(0), ..rehearsal() }], 1);
        let always = Rehearsals::new([Rehearsal { rate: Some(WHOLE), ..rehearsal() }], 1);
        assert_eq!((count(&never, 1000), count(&always, 1000)), (0, 1000));
    }

    #[test]
    fn the_first_that_chooses_is_the_one() {
        let second = Rehearsal { name: "two".into(), fault: Fault::Error, ..rehearsal() };
        let rehearsals = Rehearsals::new([Rehearsal { times: Some(1), ..rehearsal() }, second], 1);
        let names: Vec<_> = (0..2).map(|_| rehearsals.choose(&asked()).unwrap().name).collect();
        assert_eq!(names, ["one".into(), "two".into()]);
    }
}
