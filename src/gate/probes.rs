//! What the admin pages ask of the running proxy.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::build::StorePlan;
use super::service::Shared;
use crate::audit::{Counts, JournalFull};
use crate::control::admin::Probes;
use crate::control::metrics::{LimitState, Limits};
use crate::limit::Stage;
use crate::limit::limiter::Gauge;
use crate::pipeline::RateReading;
use crate::server::Control;
use crate::sigv4::Signer;
use crate::time::Seconds;

/// How often the stores are asked whether they are there.
const EVERY: Duration = Duration::from_secs(5);
/// How long one may take to say so.
const PATIENCE: Duration = Duration::from_secs(2);

/// The running proxy as the admin pages see it.
pub(super) struct Running {
    shared: Arc<Shared>,
    control: Control,
    answers: AtomicBool,
    /// Those whose keys are fetched.
    signers: Vec<Arc<Signer>>,
    stopped: Mutex<bool>,
    bell: Condvar,
}

impl Running {
    /// Begins to look after the stores, on a thread of its own.
    pub(super) fn watch(
        shared: Arc<Shared>,
        control: Control,
        stores: Vec<(String, u16)>,
        signers: Vec<Arc<Signer>>,
    ) -> Arc<Self> {
        let first = AtomicBool::new(stores.iter().all(answers));
        let (stopped, bell) = (Mutex::new(false), Condvar::new());
        let running = Arc::new(Self { shared, control, answers: first, signers, stopped, bell });
        let watched = Arc::clone(&running);
        let watching = move || {
            let mut told = Told::default();
            loop {
                let silent = stores.iter().find(|store| !answers(store));
                watched.answers.store(silent.is_none(), Ordering::Relaxed);
                let full = watched.shared.journal.ready().err();
                told.tell(silent.cloned(), full.filter(|why| *why != JournalFull::Closed));
                if !watched.wait() {
                    break;
                }
            }
        };
        // Without the thread the first look stands; that is worth a line, not the end.
        if let Err(error) = std::thread::Builder::new().name("probe".to_owned()).spawn(watching) {
            tracing::warn!(%error, "the stores are not watched");
        }
        running
    }

    /// Waits for the next look; false when there is none.
    fn wait(&self) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(stopped, EVERY, |stopped| !*stopped);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends the watch.
    pub(super) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }
}

/// What the log has been told last, so that it hears of a trouble once, and of its end.
#[derive(Default)]
struct Told {
    silent: Option<(String, u16)>,
    full: Option<JournalFull>,
}

impl Told {
    fn tell(&mut self, silent: Option<(String, u16)>, full: Option<JournalFull>) {
        if self.silent != silent {
            match &silent {
                Some((host, port)) => tracing::warn!(host, port, "a store takes no connection"),
                None => tracing::info!("every store takes connections again"),
            }
            self.silent = silent;
        }
        if self.full != full {
            match full {
                Some(why) => tracing::error!(%why, "the journal takes no records"),
                None => tracing::info!("the journal takes records again"),
            }
            self.full = full;
        }
    }
}

type Made = Vec<(&'static str, &'static str, u64)>;

/// Calls of key services and uses of data keys, over all stores; nothing where there is no key service.
fn of_key_services(stores: &[StorePlan]) -> (Made, Vec<(&'static str, u64)>) {
    let (mut made, mut hits, mut misses): (Made, u64, u64) = (Vec::new(), 0, 0);
    for store in stores {
        let StorePlan::Sealed(_, sealing) = store else { continue };
        let (calls, (hit, miss)) = (sealing.calls(), sealing.data_keys());
        (hits, misses) = (hits + hit, misses + miss);
        for (call, outcome, count) in calls {
            match made.iter_mut().find(|(named, ended, _)| (*named, *ended) == (call, outcome)) {
                Some((_, _, sum)) => *sum += count,
                None => made.push((call, outcome, count)),
            }
        }
    }
    let data_keys = if made.is_empty() { Vec::new() } else { vec![("hit", hits), ("miss", misses)] };
    (made, data_keys)
}

fn answers(store: &(String, u16)) -> bool {
    let Ok(addresses) = (store.0.as_str(), store.1).to_socket_addrs() else { return false };
    addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, PATIENCE).is_ok())
}

impl Probes for Running {
    fn is_draining(&self) -> bool {
        self.control.is_draining()
    }

    fn has_policies(&self) -> bool {
        self.shared.live.load().number > 0
    }

    fn has_keys(&self) -> bool {
        self.shared.live.load().directory.keys().next().is_some()
    }

    fn takes_records(&self) -> bool {
        self.shared.journal.ready().is_ok()
    }

    fn upstream_answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }

    fn has_upstream_keys(&self) -> bool {
        let now = self.shared.clock.now();
        self.signers.iter().all(|signer| signer.has_keys(now))
    }

    fn upstream_keys_expiry(&self) -> Option<Seconds> {
        let now = self.shared.clock.now();
        self.signers.iter().map(|signer| signer.keys_end().unwrap_or(now)).min()
    }

    fn journal(&self) -> Counts {
        self.shared.journal.counts()
    }

    fn policy_generation(&self) -> u64 {
        self.shared.live.load().number
    }

    fn certificate_expiry(&self) -> Option<Seconds> {
        self.control.certificates().map(|(_, end)| Seconds(end)).min()
    }

    fn connections(&self) -> u64 {
        self.control.connections() as u64
    }

    fn inspection(&self) -> Option<crate::inspect::Reading> {
        self.shared.inspector.as_ref().map(|inspector| inspector.reading())
    }

    fn deliveries(&self) -> Vec<crate::delivery::Reading> {
        self.shared.deliveries.read()
    }

    fn limits(&self) -> Limits {
        let RateReading { gauges, refused, calls, overflow, degraded, machines } =
            self.shared.rates.reading(self.shared.clock.ticks());
        let state = |gauge: &Gauge<'_>| LimitState {
            name: gauge.dimension.name.to_string(),
            passed: gauge.passed,
            refused: refused.iter().find(|(name, _)| **name == *gauge.dimension.name).map_or(0, |(_, count)| *count),
            keys: gauge.keys as u64,
            of_keys: (gauge.dimension.stage == Stage::Kms).then_some((gauge.utilisation, gauge.left)),
        };
        let (made, data_keys) = of_key_services(&self.shared.stores);
        Limits {
            made,
            data_keys,
            dimensions: gauges.iter().map(state).collect(),
            refused: refused.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
            calls: calls.into_iter().map(|(call, level, count)| (call, level.to_owned(), count)).collect(),
            overflow,
            degraded,
            replicas: machines,
        }
    }
}
