//! The threads that fetch the proxy's own keys and replace them before they end, one for each source. No request
//! waits for them: it is signed with the keys that are there, or refused while there are none.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::runtime::{Builder, Runtime};

use super::GateError;
use super::fetching::Fetcher;
use crate::credentials::{self, Source};
use crate::delivery::Backoff;
use crate::sigv4::{OwnKeys, Signer};
use crate::time::{Clock, Seconds, Ticks};

/// How long the start waits for first keys.
const START: Duration = Duration::from_secs(5);
/// The longest wait between two tries that fail.
const LONGEST: Duration = Duration::from_secs(30);
/// How often the clock is looked at: a machine that slept has missed a time.
const LOOK: Duration = Duration::from_secs(30);

/// Who signs with keys that are fetched, by where they come from.
#[derive(Default)]
pub(super) struct Renewals(Vec<(Arc<Source>, Vec<Arc<Signer>>)>);

impl Renewals {
    /// Has a signer get its keys from a source.
    pub(super) fn add(&mut self, source: &Arc<Source>, signer: &Arc<Signer>) {
        let known = credentials::shared(self.0.iter().map(|(known, _)| known), source);
        match known.and_then(|at| self.0.get_mut(at)) {
            Some((_, signers)) => signers.push(Arc::clone(signer)),
            None => self.0.push((Arc::clone(source), vec![Arc::clone(signer)])),
        }
    }
}

/// The threads; they end when this is dropped.
pub(super) struct Renewing {
    _stops: Vec<Sender<()>>,
    signers: Vec<Arc<Signer>>,
}

impl Renewing {
    /// Begins, and waits a moment for the first keys, so that whoever comes first is served.
    ///
    /// # Errors
    /// No thread; a source behind TLS, and nothing to trust it by.
    pub(super) fn start(renewals: Renewals, clock: &Arc<dyn Clock>) -> Result<Self, GateError> {
        let signers = renewals.0.iter().flat_map(|(_, signers)| signers.iter().map(Arc::clone)).collect();
        let (mut stops, mut firsts) = (Vec::new(), Vec::new());
        for (source, signers) in renewals.0 {
            let (stop, stopped) = mpsc::channel();
            let (first, came) = mpsc::channel();
            let (name, fetcher) = (source.name(), Fetcher::new(source)?);
            let renewer = Renewer { name, fetcher, signers, clock: Arc::clone(clock), stopped, told: None };
            let runtime = Builder::new_current_thread().enable_all().build().map_err(GateError::Thread)?;
            let run = move || renewer.run(&runtime, first);
            thread::Builder::new().name("keys".to_owned()).spawn(run).map_err(GateError::Thread)?;
            stops.push(stop);
            firsts.push(came);
        }
        wait(&firsts, &**clock);
        Ok(Self { _stops: stops, signers })
    }

    /// Who signs with keys that are fetched.
    pub(super) fn signers(&self) -> Vec<Arc<Signer>> {
        self.signers.clone()
    }
}

/// Until every source has given keys; not for long.
fn wait(firsts: &[Receiver<()>], clock: &dyn Clock) {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let end = Ticks(clock.ticks().0.saturating_add(nanos(START)));
    for first in firsts {
        let left = Duration::from_nanos(end.0.saturating_sub(clock.ticks().0));
        // Without keys the proxy starts all the same: `/ready` says it.
        let _ = first.recv_timeout(left);
    }
}

struct Renewer {
    name: &'static str,
    fetcher: Fetcher,
    signers: Vec<Arc<Signer>>,
    clock: Arc<dyn Clock>,
    stopped: Receiver<()>,
    /// What the log has been told last: whether the source gives keys.
    told: Option<bool>,
}

impl Renewer {
    fn run(mut self, runtime: &Runtime, first: Sender<()>) {
        let (random, mut first) = (SystemRandom::new(), Some(first));
        let mut backoff = Backoff::up_to(LONGEST);
        loop {
            let fetched = runtime.block_on(self.fetcher.fetch());
            let taken = fetched.and_then(|keys| self.take(keys));
            self.tell(taken.as_ref().err());
            let wait = match taken {
                Ok(end) => {
                    drop(first.take());
                    backoff = Backoff::up_to(LONGEST);
                    credentials::renewal(self.clock.now_millis(), end, number(&random))
                }
                Err(_) => backoff.next(number(&random), None),
            };
            if !self.waits(wait) {
                return;
            }
        }
    }

    /// Gives keys to those who sign; says when they end.
    fn take(&self, keys: OwnKeys) -> Result<Seconds, String> {
        let now = self.clock.now();
        let end = keys.expires.filter(|end| *end > now).ok_or("its keys had expired when they came")?;
        let keys = Arc::new(keys);
        self.signers.iter().for_each(|signer| signer.hold(Arc::clone(&keys), now));
        Ok(end)
    }

    /// Waits; false when everything ends.
    fn waits(&self, wait: Duration) -> bool {
        let (begun, start) = (self.clock.now_millis(), self.clock.ticks());
        loop {
            let ticked = Duration::from_nanos(self.clock.ticks().0.saturating_sub(start.0));
            let Some(left) = credentials::left(wait, (begun, self.clock.now_millis()), ticked) else { return true };
            if self.stopped.recv_timeout(left.min(LOOK)) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
        }
    }

    /// The log hears once that a source fails, and once that it is back.
    fn tell(&mut self, problem: Option<&String>) {
        let source = self.name;
        match (problem, self.told) {
            (Some(problem), None | Some(true)) => {
                let held = self.signers.iter().all(|signer| signer.has_keys(self.clock.now()));
                let then =
                    if held { "those before are used until they end" } else { "requests that need them are refused" };
                tracing::warn!(source, problem, "there are no new keys to sign with; {then}");
            }
            (None, Some(false)) => tracing::info!(source, "there are new keys to sign with again"),
            _ => {}
        }
        self.told = Some(problem.is_none());
    }
}

/// 64 random bits; without randomness, proxies that began together ask together.
fn number(random: &SystemRandom) -> u64 {
    let mut octets = [0; 8];
    let _ = random.fill(&mut octets);
    u64::from_le_bytes(octets)
}
