//! The parts put together: from a configuration to a running proxy.

mod build;
mod probes;
mod service;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::audit::Journal;
use crate::control::config::Config;
use crate::control::metrics::Metrics;
use crate::control::{ProcessEnvironment, admin, credentials, policies, tokens};
use crate::identity::{Directory, TokenKeys};
use crate::pipeline::Live;
use crate::server::{Bound, Hooks, Page, Server};
use crate::time::{Clock, SystemClock};
use probes::Running;
use service::{Gate, Shared};

/// Why the proxy does not run, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The journal cannot be opened.
    #[error("the journal cannot be opened: {0}")]
    Journal(#[from] crate::audit::JournalError),
    /// A listener cannot be set up.
    #[error("{0}")]
    Server(#[from] crate::server::Error),
    /// The embedded store cannot be opened.
    #[error("the embedded store cannot be opened: {0}")]
    Store(#[from] crate::upstream::store::StoreError),
    /// A file that temporary credentials need.
    #[error("temporary credentials: {0}")]
    Temporary(crate::control::Findings),
    /// The certificates that a store is trusted by cannot be read.
    #[error("upstream.ca_file: {0}")]
    Trust(String),
}

/// Binds, announces what was bound, serves until told to stop, drains, closes the journal.
///
/// # Errors
/// What could not be opened or bound. Nothing is bound before everything else stands.
pub fn run(
    config: Config,
    directory: Directory,
    metrics: &Arc<Metrics>,
    announce: impl FnOnce(&[Bound]),
) -> Result<(), GateError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (journal, recovery) = Journal::open(config.journal(), build::journal(&config))?;
    report(&recovery);
    let journal = Arc::new(journal);
    let tokens = tokens::keys(&config).map_err(GateError::Temporary)?.map(Arc::new);
    let roles = policies::roles(&config, &directory).map_err(GateError::Temporary)?;
    let live = Arc::new(ArcSwap::from_pointee(build::live(&config, directory, roles, tokens.clone(), 1)));
    let server = Server::bind(build::server(&config))?;
    let shared = Arc::new(Shared {
        live: Arc::clone(&live),
        stores: build::stores(&config, build::workers(&config), &clock)?,
        journal: Arc::clone(&journal),
        clock,
        in_flight: build::in_flight(&config),
        metrics: Arc::clone(metrics),
        seed: build::seed(),
    });
    let running = Running::watch(Arc::clone(&shared), server.control(), build::remotes(&config));
    let (pages, counted) = (Arc::clone(&running), Arc::clone(metrics));
    let hooks = Hooks {
        pages: Arc::new(move |path| {
            let state = admin::State { probes: &*pages, metrics: &counted, now: SystemClock.now() };
            let admin::Answer { status, content_type, body } = admin::respond("GET", path, &state);
            Page { status, content_type, body }
        }),
        reload: Box::new(move || reload(&config, &live, tokens.clone())),
        drained: Box::new(move || {
            if let Err(error) = journal.close() {
                tracing::error!(%error, "the journal could not be sealed");
            }
        }),
    };
    announce(server.bound());
    server.run(move |worker| Gate::new(&shared, worker), hooks)?;
    running.stop();
    Ok(())
}

/// Reads accounts, access keys and the documents of roles again. A fault in them keeps the generation that is live.
fn reload(config: &Config, live: &ArcSwap<Live>, tokens: Option<Arc<TokenKeys>>) {
    let read = credentials::load(config, &ProcessEnvironment)
        .and_then(|(directory, _)| policies::roles(config, &directory).map(|roles| (directory, roles)));
    match read {
        Ok((directory, roles)) => {
            let number = live.load().number + 1;
            live.store(Arc::new(build::live(config, directory, roles, tokens, number)));
            tracing::info!(generation = number, "access keys have been read again");
        }
        Err(findings) => tracing::error!(%findings, "access keys stay as they were"),
    }
}

/// Says what the last process left open.
fn report(recovery: &crate::audit::Recovery) {
    for open in &recovery.open {
        tracing::warn!(
            request_id = open.request_id,
            "an intent of the last run has no completion; its outcome is not known"
        );
    }
}
