//! The parts put together: from a configuration to a running proxy.

mod build;
mod delivering;
mod fetching;
mod keeper;
mod leases;
mod mint;
mod probes;
mod recorded;
mod reloading;
mod renewing;
mod replicas;
mod resp;
mod service;
#[cfg_attr(not(feature = "otlp"), path = "no_spans.rs")]
mod spans;
mod sweeping;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use crate::audit::{Journal, JournalError};
use crate::control::certs::CertFault;
use crate::control::config::{Config, Listen};
use crate::control::metrics::Metrics;
use crate::control::policies::{Keeper, Loaded, Standing, Take, Watch};
use crate::control::{Findings, admin, keyring, tokens};
use crate::delivery::{Counts, PlanError};
use crate::guard::naming::LedgerError;
use crate::identity::Directory;
use crate::limit::Room;
use crate::limit::rehearsal::Rehearsals;
use crate::pipeline::{Change, Live};
use crate::s3::Fault;
use crate::server::{Bound, Control, Hooks, Mint, Page, Server};
use crate::time::{Clock, SystemClock};
use crate::upstream::store::StoreError;
use build::{Lasting, Minted};
use delivering::Delivering;
use keeper::Keeping;
use leases::Leasing;
use mint::Minting;
use probes::Running;
use reloading::Reloading;
use renewing::{Renewals, Renewing};
use service::{Gate, Shared};
use spans::Spans;
use sweeping::Sweeping;

/// How many octets of documents may be read at once for callers that nobody has decided about.
const ROOM: u64 = 256 << 20;
/// How much of the files of forms may be in memory at once. Where there is no more room, files go on to the
/// store as they come, and then nothing may follow them.
const FILES: u64 = 128 << 20;

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
    /// The ledger of retired names of buckets.
    #[error("the names that are retired cannot be read: {0}")]
    Ledger(LedgerError),
    /// The catalogue of sealed parts cannot be used.
    #[error("the folder `sealed` of the `state` folder cannot be used: {0}")]
    Sealed(std::io::Error),
    /// A file that temporary credentials need.
    #[error("temporary credentials: {0}")]
    Temporary(Findings),
    /// The keyring cannot be used.
    #[error("{0}")]
    Keyring(Findings),
    /// The certificates that a server is trusted by cannot be read.
    #[error("{place}: {problem}")]
    Trust {
        /// What names them.
        place: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The CA that a listener mints certificates under.
    #[error("listen.tls.mint: {0}")]
    Mint(#[from] CertFault),
    /// Deliveries cannot begin.
    #[error("{0}")]
    Deliveries(PlanError),
    /// Uploads cannot be looked at.
    #[error("findings cannot be written to `{}`: {error}", path.display())]
    Inspect {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// There is no thread to keep policies with.
    #[error("the threads that keep and watch the policies cannot be made: {0}")]
    Thread(std::io::Error),
}

impl GateError {
    /// The findings that it is made of.
    pub fn findings(&self) -> Option<&Findings> {
        match self {
            Self::Temporary(findings) | Self::Keyring(findings) => Some(findings),
            _ => None,
        }
    }

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
            Self::Journal(JournalError::Sign(error)) => Some(error.help()),
            Self::Journal(JournalError::Io { error, .. }) | Self::Store(StoreError::File(_, error)) => {
                Some(of_folder(error))
            }
            Self::Sealed(error) => Some(of_folder(error)),
            Self::Store(StoreError::Format { .. }) => Some("use the version of this program that made the store"),
            Self::Ledger(LedgerError::Io { error, .. }) => Some(of_folder(error)),
            Self::Ledger(LedgerError::Damaged { .. }) => {
                Some("take the line out if you know what it was: without it, its name may be given to somebody else")
            }
            Self::Ledger(LedgerError::Full { .. }) => {
                Some("keep the file elsewhere and begin a new one: then the names in it are free again")
            }
            Self::Store(StoreError::Key(_)) => Some("put back the key that was kept with the last backup of the store"),
            Self::Store(_) => Some("look at the disk of the `state` folder; the store's files are as they were"),
            Self::Deliveries(PlanError::Io { error, .. }) => Some(of_folder(error)),
            Self::Deliveries(PlanError::Journal(_)) => {
                Some("move the journal's folder away, and keep it: what it holds is not what was written")
            }
            Self::Deliveries(PlanError::Key { .. }) => {
                Some("make a key with `openssl genrsa -out trail.pem 2048`, and name it with `audit.trail_key`")
            }
            Self::Mint(_) => Some("name the CA and its key that `bartizan init` made, or leave `mint` out"),
            Self::Trust { .. } => Some("name a file with CA certificates in PEM there"),
            Self::Inspect { .. } => Some("name a file that this user may write to with `detect.findings`"),
            Self::Thread(_) => Some("look at the limits of this user: `ulimit -u`"),
            Self::Server(_) | Self::Temporary(_) | Self::Keyring(_) => None, // findings bring their own advice
        }
    }
}

/// Binds, announces what was bound, serves until told to stop, drains, closes the journal. `loaded` is the
/// policies folder as it was read for `directory`.
///
/// # Errors
/// What could not be opened or bound. Nothing is bound before everything else stands.
pub fn run(
    config: Config,
    directory: Directory,
    loaded: Loaded,
    metrics: &Arc<Metrics>,
    announce: impl FnOnce(&[Bound]),
) -> Result<(), GateError> {
    let config = Arc::new(config);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (journal, recovery) = Journal::open(config.journal(), build::journal(&config))?;
    report(&recovery);
    let journal = Arc::new(journal);
    let tokens = tokens::keys(&config).map_err(GateError::Temporary)?.map(Arc::new);
    let standing = Standing::of(&directory, &loaded);
    let ring = Arc::new(ArcSwap::from_pointee(keyring::load(&config).map_err(GateError::Keyring)?));
    let retired = build::retired(&config)?;
    let rehearsals = build::rehearsals(&config);
    let ring_of_live = Arc::clone(&ring);
    let lasting = Lasting { tokens, retired: retired.clone(), rehearsals: rehearsals.clone(), ring: ring_of_live };
    let live = Arc::new(ArcSwap::from_pointee(build::live(&config, directory, loaded, lasting.clone(), 1)));
    let take = take(Arc::clone(&config), Arc::clone(&live), lasting);
    let keeper = Arc::new(Keeper::new(Arc::clone(&config), Arc::clone(metrics), standing, take));
    let writer = Arc::clone(&keeper);
    let keep = move |change: Change| {
        let of_names = retired.as_ref().and_then(|ledger| keeper::of_names(&change, ledger, SystemClock.now()));
        of_names.unwrap_or_else(|| writer.change(&change).map(drop).map_err(Fault::from))
    };
    let mut renewals = Renewals::default();
    let stores = build::stores(&config, build::workers(&config), &clock, &ring, &mut renewals)?;
    let renewing = Renewing::start(renewals, &clock)?;
    let (spans, _sending) = Spans::start(&config, metrics)?.unzip();
    let (inspector, looking) = build::inspector(&config)?.unzip();
    let deliveries = Arc::new(Counts::default());
    let prepared = delivering::prepare(&config, &deliveries)?;
    let server = Server::bind(build::server(&config, mints(&config, &live, &clock)?))?;
    let shared = Arc::new(Shared {
        live,
        stores,
        journal: Arc::clone(&journal),
        clock,
        uploads: Arc::default(),
        keeper: Arc::new(Keeping::start(keep).map_err(GateError::Thread)?),
        in_flight: build::in_flight(&config),
        room: Room::new(ROOM),
        files: Room::new(FILES),
        rates: build::rates(&config),
        replay: build::replay(&config),
        metrics: Arc::clone(metrics),
        deliveries,
        seed: build::seed(),
        trace: config.trace.rules(),
        inspector,
        spans,
    });
    let delivering = Delivering::start(&shared, &config, prepared).map_err(GateError::Thread)?;
    let sweeping = Sweeping::start(&shared);
    let counting = replicas::Counting::start(&config, &shared);
    let leasing = Leasing::start(&config, &shared)?;
    let signers = renewing.signers();
    let running = Running::watch(Arc::clone(&shared), server.control(), build::remotes(&config), signers);
    let watch = Arc::new(Watch::start(keeper).map_err(GateError::Thread)?);
    let (pages, counted) = (Arc::clone(&running), Arc::clone(metrics));
    let (control, at_most) = (server.control(), config.runtime.drain);
    let signalled = Reloading { config, ring, watch: Arc::clone(&watch) };
    let ordered = signalled.clone();
    let shown = rehearsals.clone();
    let bound = server.bound().to_vec();
    let drained = Arc::clone(&journal);
    let hooks = Hooks {
        ready: Box::new(move || announce(&bound)),
        pages: Arc::new(move |path| {
            if path == admin::REHEARSALS {
                return page(admin::rehearsals(shown.as_deref()));
            }
            let state = admin::State { probes: &*pages, metrics: &counted, now: SystemClock.now() };
            page(admin::respond("GET", path, &state))
        }),
        reload: Box::new(move |certificates| signalled.signalled(certificates)),
        orders: Arc::new(move |path, query| match path {
            "/v1/reload" => ordered.ordered(&control, query),
            "/v1/drain" => drain(&control, at_most, query),
            _ => switch(rehearsals.as_deref(), path, query),
        }),
        drained: Box::new(move || settle(&drained)),
    };
    server.run(move |worker| Gate::new(&shared, worker), hooks)?;
    drop(watch); // ends its thread
    running.stop();
    drop(sweeping);
    drop(looking); // what waits is looked at
    drop(delivering); // what is on record by now is delivered first, and that is on record too
    if let Err(error) = journal.close() {
        tracing::error!(%error, "the journal could not be sealed");
    }
    drop((leasing, counting, renewing));
    Ok(())
}

/// Waits until what requests have left is in the journal's files, where deliveries read it; not for long, for
/// a disk that takes nothing may take nothing for ever.
fn settle(journal: &Journal) {
    const TRIES: u32 = 500;
    const PAUSE: Duration = Duration::from_millis(10);
    let waits = (0..TRIES).take_while(|_| !journal.is_idle());
    waits.for_each(|_| std::thread::sleep(PAUSE));
}

/// What mints certificates for each listener.
fn mints(config: &Config, live: &Arc<ArcSwap<Live>>, clock: &Arc<dyn Clock>) -> Result<Vec<Minted>, GateError> {
    let one = |listen: &Listen| {
        let Some(ca) = listen.tls.as_ref().and_then(|tls| tls.mint.as_ref()) else { return Ok(None) };
        Ok(Some(Arc::new(Minting::new(ca, listen, live, clock)?) as Arc<dyn Mint>))
    };
    config.listen.iter().map(one).collect()
}

/// Puts a generation in the place of the live one. Requests that have begun go on with the one they pinned.
fn take(config: Arc<Config>, live: Arc<ArcSwap<Live>>, lasting: Lasting) -> Take {
    Box::new(move |directory, loaded| {
        let number = live.load().number + 1;
        live.store(Arc::new(build::live(&config, directory, loaded, lasting.clone(), number)));
        number
    })
}

/// An order of the admin listener: `POST /v1/drain`. A drain that has begun goes on: unlike a second signal, a
/// second order cuts nothing off.
fn drain(control: &Control, at_most: Duration, query: &str) -> oneshot::Receiver<Page> {
    let (tell, told) = oneshot::channel();
    let answer = admin::draining(query, control.connections() as u64, at_most);
    if answer.is_ok() {
        control.drain();
    }
    let _gone = tell.send(page(answer.unwrap_or_else(|refusal| refusal)));
    told
}

/// An order of the admin listener: `POST /v1/rehearsals/NAME/on`, `…/off`.
fn switch(rehearsals: Option<&Rehearsals>, path: &str, query: &str) -> oneshot::Receiver<Page> {
    let (tell, told) = oneshot::channel();
    let _gone = tell.send(page(admin::switch(rehearsals, path, query)));
    told
}

fn page(admin::Answer { status, content_type, body }: admin::Answer) -> Page {
    Page { status, content_type, body }
}

/// Says what the last process left open.
fn report(recovery: &crate::audit::Recovery) {
    use crate::audit::HeadState;
    match (recovery.head, recovery.missing) {
        (HeadState::Absent | HeadState::Fine, _) => {}
        (_, Some((from, to))) => tracing::error!(
            from,
            to,
            "records of the journal that were signed for are gone: the machine lost power, or somebody cut them off"
        ),
        (HeadState::Forged, _) => tracing::error!("the signed head of the journal is not signed by its key"),
        _ => tracing::error!("the signed head of the journal was taken away, or cannot be read"),
    }
    for open in &recovery.open {
        tracing::warn!(
            request_id = open.request_id,
            "an intent of the last run has no completion; its outcome is not known"
        );
    }
}
