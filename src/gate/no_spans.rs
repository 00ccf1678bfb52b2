//! In the place of `spans` where the program is built without the feature `otlp`. The configuration names no
//! collector then: it would have been refused.

use std::sync::Arc;

use super::GateError;
use crate::control::config::Config;
use crate::control::metrics::Metrics;
use crate::pipeline::Span;

/// Nobody takes spans.
#[derive(Clone)]
pub(super) enum Spans {}

/// Nobody sends them.
pub(super) enum Sending {}

impl Spans {
    #[expect(clippy::unnecessary_wraps, reason = "as with the feature")]
    pub(super) fn start(_: &Config, _: &Arc<Metrics>) -> Result<Option<(Self, Sending)>, GateError> {
        Ok(None)
    }

    pub(super) fn give(&self, _: &Span<'_>) {
        match *self {}
    }
}
