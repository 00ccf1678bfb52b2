//! The thread that delivers records: a runtime of its own, stores of its own, and nothing that a request
//! waits for.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::header::{CONTENT_TYPE, HeaderName, IF_NONE_MATCH, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::GateError;
use super::build::{self, StorePlan};
use super::recorded::Recorded;
use super::service::{Shared, store};
use crate::audit::Journal;
use crate::body::SealedBody;
use crate::control::config::Config;
use crate::delivery::{self, Counts, HttpTo, Logged, Object, Plan, Post, Prepared, Put, Settings, To, Trouble, World};
use crate::id::RequestId;
use crate::pipeline::{Live, LogOf, Store, check_log, own_put};
use crate::s3::Fault;
use crate::s3::checksum::{self, Algorithm};
use crate::time::{Clock, Millis};
use crate::upstream::{Forward, Upstream as _};

/// How long deliveries may take after everything has ended.
const LAST: Duration = Duration::from_secs(10);
/// The longest answer to a write that is read.
const ANSWER: usize = 64 << 10;
/// How a server is trusted, by its CA file.
type Trusted = HashMap<Option<PathBuf>, Arc<rustls::ClientConfig>>;

/// The thread; it is told to end, and waited for.
pub(super) struct Delivering {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    stopped: AtomicBool,
    bell: Notify,
}

/// Reads cursors and keys, and writes down where new destinations begin: before a request is answered.
///
/// # Errors
/// [`GateError::Deliveries`], [`GateError::Trust`]
pub(super) fn prepare(config: &Config, counts: &Arc<Counts>) -> Result<(Prepared, Trusted), GateError> {
    let settings = &config.audit.delivery;
    let mut trusted = Trusted::new();
    for sink in &settings.sinks {
        if let To::Http(HttpTo { tls: true, ca, .. }) = &sink.to
            && !trusted.contains_key(ca)
        {
            trusted.insert(ca.clone(), build::trust(ca.as_deref(), "audit.sink.ca")?);
        }
    }
    let plan = Plan {
        settings: Arc::clone(settings),
        journal: config.journal(),
        folder: config.deliveries(),
        account: config.account.clone(),
        region: config.region.clone(),
        counts: Arc::clone(counts),
    };
    Ok((plan.prepare().map_err(GateError::Deliveries)?, trusted))
}

impl Delivering {
    /// Begins.
    ///
    /// # Errors
    /// No thread could be made.
    pub(super) fn start(
        shared: &Arc<Shared>,
        config: &Config,
        (prepared, trusted): (Prepared, Trusted),
    ) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let (shared, told) = (Arc::clone(shared), Arc::clone(&stop));
        let settings = Arc::clone(&config.audit.delivery);
        let deliver = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    tracing::error!(%error, "no records are delivered: there is no runtime for it");
                    return;
                }
            };
            let outside = Outside::new(&shared, settings, trusted, told);
            LocalSet::new().block_on(&runtime, outside.deliver(prepared));
        };
        let thread = std::thread::Builder::new().name("delivery".to_owned()).spawn(deliver)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        self.stop.stopped.store(true, Ordering::Release);
        self.stop.bell.notify_waiters();
        self.stop.bell.notify_one();
        if let Some(thread) = self.thread.take() {
            drop(thread.join()); // one that panicked has said so
        }
    }
}

/// The world of deliveries.
struct Outside {
    clock: Arc<dyn Clock>,
    live: Arc<ArcSwap<Live>>,
    journal: Arc<Journal>,
    stores: Vec<Store>,
    settings: Arc<Settings>,
    trusted: Trusted,
    random: SystemRandom,
    stop: Arc<Stop>,
}

impl Outside {
    fn new(shared: &Arc<Shared>, settings: Arc<Settings>, trusted: Trusted, stop: Arc<Stop>) -> Self {
        Self {
            clock: Arc::clone(&shared.clock),
            live: Arc::clone(&shared.live),
            journal: Arc::clone(&shared.journal),
            stores: shared.stores.iter().map(|plan: &StorePlan| store(plan, &shared.clock)).collect(),
            settings,
            trusted,
            random: SystemRandom::new(),
            stop,
        }
    }

    /// Until it is stopped, and then no longer than is good.
    async fn deliver(self, prepared: Prepared) {
        let stop = Arc::clone(&self.stop);
        let mut running = std::pin::pin!(delivery::run(Rc::new(self), prepared));
        tokio::select! {
            () = &mut running => return,
            () = stopped(&stop) => {}
        }
        if timeout(LAST, running).await.is_err() {
            tracing::warn!("some records were not delivered before the end; they are delivered at the next start");
        }
    }

    fn random_id(&self) -> RequestId {
        let mut random = [0; 34];
        // Ids need only differ.
        let _ = self.random.fill(&mut random);
        RequestId::from_random(&random)
    }

    /// The request that puts an object into one store, if it may go there.
    fn made(&self, live: &Live, at: usize, object: &Object, id: RequestId) -> Result<Forward, Trouble> {
        let Object { parcel, bucket, key, content_type, metadata, content, .. } = object;
        let Some(store) = self.stores.get(at) else { return Err(Trouble::later("there is no such store")) };
        check_owner(live, object)?;
        let mut out = own_put(live, at, bucket, key, id).map_err(|fault| refused(&fault))?;
        if let Some(logged) = &parcel.logged {
            let log = LogOf { bucket: logged, account: &parcel.owner };
            check_log(live, at, log, &out, self.clock.now_millis()).map_err(|fault| refused(&fault))?;
        }
        out.headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        out.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in metadata {
            let name = HeaderName::try_from(format!("x-amz-meta-{name}")).map_err(std::io::Error::other)?;
            out.headers.insert(name, HeaderValue::try_from(value.as_str()).map_err(std::io::Error::other)?);
        }
        if matches!(store, Store::Wire(_)) {
            // The others compute their own of everything.
            let sum = checksum::of(Algorithm::Sha256, content).to_base64();
            let sum = HeaderValue::try_from(sum).map_err(std::io::Error::other)?;
            out.headers.insert(HeaderName::from_static("x-amz-checksum-sha256"), sum);
        }
        Ok(out)
    }

    /// Into one store, with the intent on record; none where that has no such bucket.
    async fn try_put(&self, at: usize, object: &Object) -> Result<Option<Put>, Trouble> {
        let Some(store) = self.stores.get(at) else { return Err(Trouble::later("there is no such store")) };
        let live = self.live.load_full();
        let out = self.made(&live, at, object, self.random_id())?;
        let mut open = Recorded::begin(&self.journal, &self.clock, &live, at, object, &out).await?;
        let answered = self.sent(store, out, object, &mut open).await;
        open.end();
        answered
    }

    async fn sent(
        &self,
        store: &Store,
        out: Forward,
        object: &Object,
        open: &mut Recorded,
    ) -> Result<Option<Put>, Trouble> {
        let Object { bucket, key, content, .. } = object;
        let reply = store.send(Box::new(out), SealedBody::full(content.clone())).await;
        let reply = match reply {
            Ok(reply) => reply,
            Err(fault) => {
                open.failed(&fault);
                return Err(refused(&fault));
            }
        };
        open.answered(&reply);
        let (status, code) = (reply.status, reply.code.clone());
        let seconds = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        // To its end, so that the connection can be used again.
        drop(reply.body.whole(ANSWER).await);
        match status {
            status if status.is_success() => {
                tracing::debug!(bucket, key, "records were delivered");
                Ok(Some(Put::Written))
            }
            StatusCode::PRECONDITION_FAILED => Ok(Some(Put::There)),
            StatusCode::NOT_FOUND if code.as_deref() == Some("NoSuchBucket") => Ok(None),
            status => {
                let code = code.unwrap_or_default();
                let why = format!("the store answers {status} {code} to a write into {bucket}").into();
                Err(Trouble::Later { why, after: seconds.map(Duration::from_secs) })
            }
        }
    }
}

fn refused(fault: &Fault) -> Trouble {
    let detail = fault.private_detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    Trouble::later(format!("{}: {}{detail}", fault.code().as_str(), fault.message()))
}

/// A bucket can be deleted, and its name be taken by another account: then nothing goes there.
fn check_owner(live: &Live, Object { parcel, bucket, .. }: &Object) -> Result<(), Trouble> {
    let (owner, wanted) = (live.estate.owner(bucket), &parcel.owner);
    if owner == wanted {
        return Ok(());
    }
    let help = match &parcel.logged {
        Some(logged) => format!("the log of {logged} goes into buckets of that account alone; send it elsewhere"),
        None => format!("write `owner = \"{owner}\"` in the sink if it may have the records"),
    };
    Err(Trouble::later(format!("the bucket {bucket} belongs to another account, {owner} and not {wanted}: {help}")))
}

async fn stopped(stop: &Stop) {
    while !stop.stopped.load(Ordering::Acquire) {
        stop.bell.notified().await;
    }
    // Others wait for it too.
    stop.bell.notify_one();
}

impl World for Outside {
    fn now(&self) -> Millis {
        self.clock.now_millis()
    }

    fn random(&self) -> u64 {
        let mut octets = [0; 8];
        // Without randomness those who failed together come back together.
        let _ = self.random.fill(&mut octets);
        u64::from_le_bytes(octets)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::select! {
            () = sleep(duration) => {}
            () = stopped(&self.stop) => tokio::task::yield_now().await,
        }
    }

    fn is_stopping(&self) -> bool {
        self.stop.stopped.load(Ordering::Acquire)
    }

    fn logged(&self) -> Vec<Logged> {
        let live = self.live.load();
        let home = live.listeners.iter().flatten().next();
        let Some(home) = home else { return Vec::new() };
        let logged = |(bucket, logging): (&str, &crate::policy::logging::BucketLogging)| {
            let allowed = logging.target != bucket || self.settings.allow_self;
            allowed.then(|| Logged {
                bucket: bucket.to_owned(),
                account: live.estate.owner(bucket).to_owned(),
                region: home.address.region.clone(),
                logging: logging.clone(),
            })
        };
        live.estate.logged().into_iter().filter_map(logged).collect()
    }

    async fn put(&self, object: Object) -> Result<Put, Trouble> {
        let all = 0..self.stores.len();
        let stores = object.upstream.map_or(all, |at| at..at + 1);
        for at in stores {
            if let Some(put) = self.try_put(at, &object).await? {
                return Ok(put);
            }
        }
        Err(Trouble::later(format!("there is no bucket {}", object.bucket)))
    }

    async fn post(&self, to: &HttpTo, post: Post) -> Result<(), Trouble> {
        delivery::client::post(to, self.trusted.get(&to.ca), &post, self.clock.now()).await
    }

    fn print(&self, text: &[u8]) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text)?;
        out.flush()
    }

    fn hold_from(&self, number: u64) {
        self.journal.hold_from(number);
    }
}
