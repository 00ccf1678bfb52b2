//! The dimensions of a configuration over the counts of the process: whether a request may pass, in one step
//! over all that apply (spec/kms-throttling.md 4.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::counts::{Charge, Counts, Line};
use super::dimension::{Dimension, Hashed, Stage, Subject, What};
use super::label::Label;
use super::lease::Leases;
use super::pace::Wait;
use crate::s3::Code;
use crate::time::Ticks;

/// So many charges are at hand quickly; more cost a little more.
const FEW: usize = 12;
/// How many dimensions a configuration may have.
pub const MOST_DIMENSIONS: usize = 32;
/// Every dimension with two KMS keys.
const MANY: usize = MOST_DIMENSIONS * 2;
/// What a real throttle says is taken up once in so many nanoseconds.
const TAUGHT_EVERY: u64 = 100_000_000;

/// What holds now. A reload makes another over the same counts: those of unchanged dimensions go on.
#[derive(Debug)]
pub struct Limiter {
    dimensions: Box<[Limit]>,
    /// What of each is counted here: all of it, or the part of one machine.
    lines: ArcSwap<Vec<Line>>,
    machines: AtomicU32,
    /// Their places, by stage.
    stages: [Box<[u32]>; 6],
    counts: Arc<Counts>,
    /// What this machine holds of counts that several share.
    leases: Option<Arc<Leases>>,
}

#[derive(Debug)]
struct Limit {
    dimension: Dimension,
    meter: Meter,
    /// When it last learnt from a real throttle.
    taught: AtomicU64,
    passed: Passed,
}

/// How often it has let something pass. On a cache line of its own: what stands around it is only read.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Passed(AtomicU64);

/// A request that may not pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The limit that it would have to wait for the longest.
    pub dimension: Arc<str>,
    /// What that limit counts.
    pub stage: Stage,
    /// How long.
    pub wait: Wait,
}

/// A dimension, for gauges.
#[derive(Clone, Debug)]
pub struct Gauge<'a> {
    /// The dimension.
    pub dimension: &'a Dimension,
    /// Its keys.
    pub keys: usize,
    /// Cells that the fullest key has left.
    pub left: u64,
    /// Cells of the last whole second, of all keys, by the rate of one.
    pub utilisation: f64,
    /// How often it has let something pass since the start.
    pub passed: u64,
}

impl Refusal {
    /// The code in words of the service that it is about; the surface may choose another.
    pub fn code(&self) -> Code {
        match self.stage {
            Stage::Arrival | Stage::Request | Stage::Upload | Stage::Download => Code::SlowDown,
            Stage::Kms | Stage::KmsManagement => Code::ThrottlingException,
        }
    }

    /// What clients are told, in milliseconds; none where waiting is in vain.
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.wait.millis()
    }
}

impl Limiter {
    /// For these dimensions in their order; those beyond [`MOST_DIMENSIONS`] are left out.
    pub fn new(dimensions: Vec<Dimension>, counts: Arc<Counts>) -> Self {
        let limit = |dimension| Limit {
            dimension,
            meter: Meter::default(),
            taught: AtomicU64::new(0),
            passed: Passed::default(),
        };
        let dimensions: Box<[Limit]> = dimensions.into_iter().take(MOST_DIMENSIONS).map(limit).collect();
        let lines = lines(&dimensions, counts.seed(), 1);
        let stages = Stage::ALL.map(|stage| {
            let of_it = (0..).zip(&dimensions).filter(|(_, limit)| limit.dimension.stage == stage);
            of_it.map(|(at, _)| at).collect()
        });
        Self {
            dimensions,
            lines: ArcSwap::from_pointee(lines),
            machines: AtomicU32::new(1),
            stages,
            counts,
            leases: None,
        }
    }

    /// On one of so many machines from now on, each of which has its part. What has been used stays used.
    pub fn divide(&self, machines: u32) {
        self.machines.store(machines, Ordering::Relaxed);
        self.lines.store(Arc::new(lines(&self.dimensions, self.counts.seed(), machines)));
        if let Some(leases) = &self.leases {
            leases.divide(machines);
        }
    }

    /// The same on one of so many machines that share the counts. Until somebody brings what they have
    /// ([`Leases`]), and for what these have no room, each has its part.
    #[must_use]
    pub fn leasing(mut self, machines: u32) -> Self {
        self.divide(machines);
        let paces = self.dimensions.iter().map(|limit| limit.dimension.pace);
        self.leases = Some(Arc::new(Leases::new(paces, machines)));
        self
    }

    /// How many machines there are.
    pub fn machines(&self) -> u32 {
        self.machines.load(Ordering::Relaxed)
    }

    /// What this machine holds of counts that several share, if it does.
    pub fn leases(&self) -> Option<&Arc<Leases>> {
        self.leases.as_ref()
    }

    /// The counts.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Whether nothing is counted of this stage.
    pub fn is_idle(&self, stage: Stage) -> bool {
        self.of(stage).is_empty()
    }

    /// Charges every dimension that applies, or none.
    ///
    /// # Errors
    /// The dimension with the longest wait.
    pub fn check(&self, subject: &Subject<'_>, what: &What<'_>, now: Ticks) -> Result<(), Refusal> {
        self.with_charges(subject, what, |charges| {
            let charged = match &self.leases {
                None => self.counts.charge(charges, now),
                Some(leases) => self.charge_shared(leases, charges, subject, what, now),
            };
            match charged {
                Ok(()) => {
                    self.meter(charges, what, now);
                    self.count_passed(charges);
                    Ok(())
                }
                Err((at, wait)) => Err(self.refusal(at, wait)),
            }
        })
    }

    /// Charges what has happened already: nothing is refused, and what comes must wait for it.
    pub fn debit(&self, subject: &Subject<'_>, what: &What<'_>, now: Ticks) {
        self.with_charges(subject, what, |charges| {
            self.debit_all(charges, subject, what, now);
            self.meter(charges, what, now);
        });
    }

    /// The store or its key service has throttled this: what applies to it is slowed down by a tenth of a
    /// second's worth, once in a tenth of a second (spec/kms-throttling.md 11).
    pub fn taught(&self, subject: &Subject<'_>, what: &What<'_>, now: Ticks) {
        self.with_charges(subject, what, |charges| {
            for charge in charges.iter_mut() {
                let due = self.limit(charge.at).is_some_and(|limit| {
                    let before = limit.taught.load(Ordering::Relaxed);
                    let due = before == 0 || now.0.saturating_sub(before) >= TAUGHT_EVERY;
                    due && limit
                        .taught
                        .compare_exchange(before, now.0.max(1), Ordering::Relaxed, Ordering::Relaxed)
                        .is_ok()
                });
                let tenth = u32::try_from(charge.line.pace.rate().one_second().div_ceil(10)).unwrap_or(u32::MAX);
                charge.cells = if due { tenth } else { 0 };
            }
            self.debit_all(charges, subject, what, now);
        });
    }

    /// Charges cells that this machine has leased, or its part of the quota while the store is away.
    fn charge_shared(
        &self,
        leases: &Leases,
        charges: &mut [Charge<'_>],
        subject: &Subject<'_>,
        what: &What<'_>,
        now: Ticks,
    ) -> Result<(), (u32, Wait)> {
        let label = |charge: &Charge<'_>| self.label(charge, subject, what);
        if !leases.is_up() {
            self.counts.charge(charges, now)?;
            leases.note(charges, label, now);
            return Ok(());
        }
        let rest = leases.take(charges, label, now)?;
        let (rest, taken) = charges.split_at_mut_checked(rest).unwrap_or_default();
        self.counts.charge(rest, now).inspect_err(|_| leases.give_back(taken, now))
    }

    fn debit_all(&self, charges: &mut [Charge<'_>], subject: &Subject<'_>, what: &What<'_>, now: Ticks) {
        let Some(leases) = &self.leases else { return self.counts.debit(charges, now) };
        if !leases.is_up() {
            self.counts.debit(charges, now);
        }
        let rest = leases.note(charges, |charge| self.label(charge, subject, what), now);
        if leases.is_up() {
            self.counts.debit(charges.get_mut(..rest).unwrap_or_default(), now);
        }
    }

    /// What the count of a charge is called among several machines.
    fn label(&self, charge: &Charge<'_>, subject: &Subject<'_>, what: &What<'_>) -> Option<Label> {
        let dimension = &self.limit(charge.at)?.dimension;
        let What::Keys(cost) = what else { return Label::of(dimension, subject, what, None) };
        if !dimension.is_of_keys() {
            return Label::of(dimension, subject, what, None);
        }
        let mut hashed = Hashed::new(subject, self.counts.seed());
        let mut is_it = |kms: Option<&str>| hashed.key(dimension, charge.line.identity, what, kms) == Some(charge.hash);
        let used = cost.uses().find(|used| is_it(used.key()))?;
        Label::of(dimension, subject, what, used.key())
    }

    /// How full the dimensions are. Looks at every key: for whoever asks every few seconds.
    pub fn gauges(&self, now: Ticks) -> Vec<Gauge<'_>> {
        let lines = self.lines.load();
        let found = self.counts.survey(lines.iter(), now);
        let mut gauges = Vec::with_capacity(found.len());
        for ((Limit { dimension, meter, passed, .. }, line), (left, keys)) in
            self.dimensions.iter().zip(lines.iter()).zip(found)
        {
            // What is leased is measured by the whole, what is divided by the part.
            let pace = if self.leases.is_some() { &dimension.pace } else { &line.pace };
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            let utilisation = meter.last(now) as f64 / pace.rate().a_second();
            let passed = passed.0.load(Ordering::Relaxed);
            gauges.push(Gauge { dimension, keys, left, utilisation, passed });
        }
        if let Some(leases) = &self.leases {
            for (gauge, at) in gauges.iter_mut().zip(0..) {
                let (left, keys) = leases.fullest(at, now);
                // While the store is away, each machine has its part.
                gauge.left = if leases.is_up() { left } else { gauge.left };
                gauge.keys = gauge.keys.max(keys);
            }
        }
        gauges
    }

    /// Only uses of keys have gauges of what is used; of requests there are counters.
    fn meter(&self, charges: &[Charge<'_>], what: &What<'_>, now: Ticks) {
        if matches!(what, What::Keys(_) | What::Management(_)) {
            for charge in charges {
                if let Some(limit) = self.limit(charge.at) {
                    limit.meter.add(charge.cells.into(), now);
                }
            }
        }
    }

    /// Each limit has decided once, also where two keys are charged to it.
    fn count_passed(&self, charges: &[Charge<'_>]) {
        let mut counted = 0_u32;
        for charge in charges {
            let mark = 1_u32.checked_shl(charge.at).unwrap_or_default();
            if let Some(limit) = self.limit(charge.at).filter(|_| counted & mark == 0) {
                limit.passed.0.fetch_add(1, Ordering::Relaxed);
            }
            counted |= mark;
        }
    }

    fn refusal(&self, at: u32, wait: Wait) -> Refusal {
        let dimension = self.limit(at).map(|limit| &limit.dimension);
        Refusal {
            dimension: dimension.map_or_else(|| "".into(), |dimension| Arc::clone(&dimension.name)),
            stage: dimension.map_or(Stage::Request, |dimension| dimension.stage),
            wait,
        }
    }

    fn limit(&self, at: u32) -> Option<&Limit> {
        self.dimensions.get(at as usize)
    }

    fn of(&self, stage: Stage) -> &[u32] {
        self.stages.get(stage as usize).map_or(&[], |places| &**places)
    }

    /// Hands the charges of a request over, in the order of the configuration; they are on the stack.
    fn with_charges<T>(&self, subject: &Subject<'_>, what: &What<'_>, then: impl FnOnce(&mut [Charge<'_>]) -> T) -> T {
        let most = self.of(what.stage()).len() * if matches!(what, What::Keys(_)) { 2 } else { 1 };
        match most {
            0 => then(&mut []),
            1..=FEW => self.fill::<FEW, T>(subject, what, then),
            _ => self.fill::<MANY, T>(subject, what, then),
        }
    }

    fn fill<const N: usize, T>(
        &self,
        subject: &Subject<'_>,
        what: &What<'_>,
        then: impl FnOnce(&mut [Charge<'_>]) -> T,
    ) -> T {
        let lines = self.lines.load();
        let Some(first) = lines.first() else { return then(&mut []) };
        let mut charges = [Charge { hash: 0, line: first, cells: 0, at: 0 }; N];
        let mut filled = 0;
        let mut hashed = Hashed::new(subject, self.counts.seed());
        for at in self.of(what.stage()) {
            let Some((Limit { dimension, .. }, line)) = self.limit(*at).zip(lines.get(*at as usize)) else { continue };
            if !dimension.counts(what) {
                continue;
            }
            let mut push = |kms: Option<&str>, cells: u64| {
                let key = if cells == 0 { None } else { hashed.key(dimension, line.identity, what, kms) };
                if let (Some(hash), Some(place)) = (key, charges.get_mut(filled)) {
                    *place = Charge { hash, line, cells: u32::try_from(cells).unwrap_or(u32::MAX), at: *at };
                    filled += 1;
                }
            };
            match what {
                What::Keys(cost) if dimension.is_of_keys() => {
                    for used in cost.uses().filter(|used| dimension.counts_key(used.key())) {
                        push(used.key(), used.sum());
                    }
                }
                what => push(None, what.cells()),
            }
        }
        then(charges.get_mut(..filled).unwrap_or_default())
    }
}

/// What one of so many machines counts of each. The counts are the same, however many there are.
fn lines(limits: &[Limit], seed: u64, machines: u32) -> Vec<Line> {
    let line = |Limit { dimension, .. }: &Limit| Line {
        pace: dimension.pace.divided(machines),
        identity: dimension.identity(seed),
        open: dimension.is_open(),
    };
    limits.iter().map(line).collect()
}

/// How many cells in each second: this one and the one before, each with its number.
#[derive(Debug, Default)]
struct Meter {
    /// The number of the second in the upper half, its cells in the lower.
    now: AtomicU64,
    before: AtomicU64,
}

impl Meter {
    const LOWER: u64 = (1 << 32) - 1;

    /// Counts of a second that is just beginning may be lost: a gauge, not an account.
    fn add(&self, cells: u64, now: Ticks) {
        let second = now.0 / 1_000_000_000;
        let current = self.now.load(Ordering::Relaxed);
        if current >> 32 < second
            && self.now.compare_exchange(current, second << 32, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.before.store(current, Ordering::Relaxed);
        }
        self.now.fetch_add(cells & Self::LOWER, Ordering::Relaxed);
    }

    /// The cells of the last whole second.
    fn last(&self, now: Ticks) -> u64 {
        let second = now.0 / 1_000_000_000;
        let find = |meter: &AtomicU64| {
            let meter = meter.load(Ordering::Relaxed);
            (second > 0 && meter >> 32 == second - 1).then_some(meter & Self::LOWER)
        };
        find(&self.now).or_else(|| find(&self.before)).unwrap_or(0)
    }
}

#[cfg(test)]
#[path = "limiter/tests.rs"]
mod tests;
