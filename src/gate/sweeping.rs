//! A thread that forgets counts of rates and data keys which have ceased to matter, where there are any.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use super::build::StorePlan;
use super::service::Shared;
use crate::upstream::sealed;

const EVERY: Duration = Duration::from_millis(100);

/// The thread; it ends when this is dropped.
pub(super) struct Sweeping {
    _stop: Option<Sender<()>>,
}

impl Sweeping {
    /// Begins, if anything is counted.
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        let sealing = shared.stores.iter().filter_map(|store| match store {
            StorePlan::Sealed(_, sealing) if sealing.keeps_keys() => Some((**sealing).clone()),
            _ => None,
        });
        let sealing: Vec<sealed::Settings> = sealing.collect();
        if !shared.rates.limits_anything() && sealing.is_empty() {
            return Self { _stop: None };
        }
        let (stop, stopped) = mpsc::channel();
        let (rates, clock) = (Arc::clone(&shared.rates), Arc::clone(&shared.clock));
        let sweep = move || {
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = clock.ticks();
                rates.sweep(now);
                sealing.iter().for_each(|sealing| sealing.sweep(now));
            }
        };
        // Without it the table fills up to its bound, and strangers share counts; that is worth a line.
        if let Err(error) = std::thread::Builder::new().name("limits".to_owned()).spawn(sweep) {
            tracing::warn!(%error, "counts of rates and data keys are not swept");
        }
        Self { _stop: Some(stop) }
    }
}
