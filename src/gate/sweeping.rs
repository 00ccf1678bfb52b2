//! A thread that forgets counts of rates which have ceased to matter, where there are any.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use super::service::Shared;

const EVERY: Duration = Duration::from_millis(100);

/// The thread; it ends when this is dropped.
pub(super) struct Sweeping {
    _stop: Option<Sender<()>>,
}

impl Sweeping {
    /// Begins, if anything is counted.
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        if !shared.rates.limits_anything() {
            return Self { _stop: None };
        }
        let (stop, stopped) = mpsc::channel();
        let (rates, clock) = (Arc::clone(&shared.rates), Arc::clone(&shared.clock));
        let sweep = move || {
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                rates.sweep(clock.ticks());
            }
        };
        // Without it the table fills up to its bound, and strangers share counts; that is worth a line.
        if let Err(error) = std::thread::Builder::new().name("limits".to_owned()).spawn(sweep) {
            tracing::warn!(%error, "counts of rates are not swept");
        }
        Self { _stop: Some(stop) }
    }
}
