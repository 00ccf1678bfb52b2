//! The parts put together: from a configuration to a running proxy.

mod build;
mod keeper;
mod probes;
mod service;

use std::io::ErrorKind;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::audit::{Journal, JournalError};
use crate::control::config::Config;
use crate::control::metrics::Metrics;
use crate::control::{ProcessEnvironment, admin, credentials, policies, tokens};
use crate::identity::{Directory, TokenKeys};
use crate::pipeline::Live;
use crate::server::{Bound, Hooks, Page, Server};
use crate::time::{Clock, SystemClock};
use crate::upstream::store::StoreError;
use probes::Running;
use service::{Gate, Shared};

/// Why the proxy does not run, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A listener cannot be set up.
    #[error("{0}")]
    Server(#[from] crate::server::Error),
    /// The embedded store cannot be opened.
    #[error("the embedded store cannot be opened: {0}")]
    Store(#[from] StoreError),
    /// The policies folder.
    #[error("policies: {0}")]
    Policies(crate::control::Findings),
    /// A file that temporary credentials need.
    #[error("temporary credentials: {0}")]
    Temporary(crate::control::Findings),
    /// The certificates that a store is trusted by cannot be read.
    #[error("upstream.ca_file: {0}")]
    Trust(String),
}

impl GateError {
    /// What to do about it, where the message does not say it already.
    pub fn help(&self) -> Option<&'static str> {
        let of_folder = |error: &std::io::Error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "make room on the disk of the `state` folder: the journal takes 64 MiB at a time"
            }
            ErrorKind::ReadOnlyFilesystem => "name a folder on a disk that can be written to with `state`",
            _ => "let this user write to the `state` folder and all below it, or name another with `state`",
        };
        match self {
            Self::Journal(JournalError::Damaged(_)) => {
                Some("move the journal's folder away, and keep it: what it holds is not what was written")
            }
            Self::Journal(JournalError::Locked { .. }) => {
                Some("is `bartizan serve` running already? Stop it, or give this one a `state` folder of its own")
            }
            Self::Journal(JournalError::Io { error, .. }) | Self::Store(StoreError::File(_, error)) => {
                Some(of_folder(error))
            }
            Self::Store(StoreError::Format { .. }) => Some("use the version of this program that made the store"),
            Self::Store(_) => Some("look at the disk of the `state` folder; the store's files are as they were"),
            Self::Trust(_) => Some("name a file with CA certificates in PEM with `upstream.ca_file`"),
            Self::Policies(_) | Self::Server(_) | Self::Temporary(_) => None, // findings bring their own advice
        }
    }
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
    let loaded = policies::load(&config, &directory).map_err(GateError::Policies)?;
    let live = Arc::new(ArcSwap::from_pointee(build::live(&config, directory, loaded, tokens.clone(), 1)));
    let stores = build::stores(&config, build::workers(&config), &clock)?;
    let server = Server::bind(build::server(&config))?;
    let shared = Arc::new(Shared {
        live: Arc::clone(&live),
        stores,
        journal: Arc::clone(&journal),
        clock,
        keeper: Arc::new(keeper::Keeping::start(interim).map_err(|_| GateError::Trust(String::new()))?),
        in_flight: build::in_flight(&config),
        replay: build::replay(&config),
        metrics: Arc::clone(metrics),
        seed: build::seed(),
    });
    let running = Running::watch(Arc::clone(&shared), server.control(), build::remotes(&config));
    let (pages, counted) = (Arc::clone(&running), Arc::clone(metrics));
    let bound = server.bound().to_vec();
    let hooks = Hooks {
        ready: Box::new(move || announce(&bound)),
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
    server.run(move |worker| Gate::new(&shared, worker), hooks)?;
    running.stop();
    Ok(())
}

/// Reads accounts, access keys and the documents of roles again. A fault in them keeps the generation that is live.
fn reload(config: &Config, live: &ArcSwap<Live>, tokens: Option<Arc<TokenKeys>>) {
    let read = credentials::load(config, &ProcessEnvironment)
        .and_then(|(directory, _)| policies::load(config, &directory).map(|loaded| (directory, loaded)));
    match read {
        Ok((directory, loaded)) => {
            let number = live.load().number + 1;
            live.store(Arc::new(build::live(config, directory, loaded, tokens, number)));
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

fn interim(change: crate::pipeline::Change) -> Result<(), crate::s3::Fault> {
    use crate::pipeline::Change::{Gone, Made};
    match change {
        Made { .. } | Gone { .. } => Ok(()),
        _ => Err(crate::s3::Fault::plain(crate::s3::Code::NotImplemented, "settings-not-kept")),
    }
}
