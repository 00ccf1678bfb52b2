//! A store behind HTTP: S3 itself, MinIO, radosgw, Garage.
//!
//! Invariants:
//! - the request is built from the operation's table and signed with the proxy's own key; nothing of
//!   the client's head is copied;
//! - a write is sent once; a read is tried again once, and only where no octet of the answer came;
//! - no redirect is followed;
//! - where the store has accounts of its own, it confirms a bucket's owner before a body leaves for it.

mod document;
mod encryption;
mod operations;
mod outgoing;
mod owners;
mod pool;
mod profile;
mod reply;
mod request;
mod signed;

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request};
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

pub use document::StoreError;
pub use outgoing::Outgoing;
pub use pool::{Endpoint, Limits};
pub(super) use pool::{Line, Pool};
pub use profile::{About, Kind, Profile};
pub use reply::{Download, Late, LateError};

use crate::body::{SealedBody, Verdict};
use crate::s3::{Code, Fault};
use crate::sigv4::Signer;
use crate::time::{Clock, Seconds};
use crate::turn::apart;
use crate::upstream::{Forward, Reply, Upstream};
use owners::Confirmed;
use pool::ConnectError;
use reply::Answering;

/// How buckets are named towards the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Addressing {
    /// `/bucket/key`
    Path,
    /// `bucket.host`, for names without dots; path style otherwise.
    Virtual,
}

/// How much of an upload is signed towards the store (`upstream.payload`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PayloadRule {
    /// What the client signed, where the connection itself does not protect it.
    #[default]
    AsVerified,
    /// All of it.
    AlwaysSigned,
}

/// Everything one worker needs to speak to one store.
#[derive(Clone)]
pub struct Settings {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// How buckets are named.
    pub addressing: Addressing,
    /// What kind of store it is.
    pub profile: Profile,
    /// How much of an upload is signed.
    pub payload: PayloadRule,
    /// The proxy's own key there.
    pub signer: Arc<Signer>,
    /// The region told to clients (`x-amz-bucket-region`).
    pub region: Arc<str>,
    /// Bounds on its connections.
    pub limits: Limits,
    /// How long the first octet of an answer may take.
    pub first_byte: Duration,
}

/// The connections of one worker to one store.
pub struct Wire {
    settings: Settings,
    host: Option<HeaderValue>,
    pool: Rc<Pool>,
    clock: Arc<dyn Clock>,
    retries: Cell<u64>,
    confirmed: Confirmed,
}

impl Wire {
    /// A store nobody has spoken to yet.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let pool = Pool::new(settings.endpoint.clone(), settings.limits);
        let host = request::host(&settings);
        Self { settings, host, pool, clock, retries: Cell::new(0), confirmed: Confirmed::default() }
    }

    /// Reads that were sent a second time.
    pub fn retries(&self) -> u64 {
        self.retries.get()
    }

    /// Whether a checksum may follow a body.
    pub fn takes_trailers(&self) -> bool {
        self.settings.profile.trailers
    }

    /// Whether a copy with other metadata keeps the tags of its source.
    pub fn copies_tags(&self) -> bool {
        self.settings.profile.copies_tags
    }

    /// The present.
    pub fn now(&self) -> Seconds {
        self.clock.now()
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    async fn build(&self, out: &mut Forward, body: SealedBody) -> Result<Request<Outgoing>, Fault> {
        request::build(&self.settings, self.host.as_ref(), out, body, self.clock.now()).await
    }

    /// Sends on a kept connection; on one that the store has closed meanwhile, once more on a new one
    /// where nothing can happen twice.
    async fn exchange(
        &self,
        request: Request<Outgoing>,
        out: &mut Forward,
        sent: &Verdict,
    ) -> Result<(http::Response<Incoming>, Line), Fault> {
        let repeatable = request::is_read(out) && request.body().is_end_stream();
        let mut line = self.pool.line().await.map_err(|error| unreachable_store(&error))?;
        let kept = !line.is_fresh();
        match self.send_on(&mut line, request, sent).await {
            Ok(response) => Ok((response, line)),
            Err(Sent::Not(request)) if kept => apart(|| self.once_more(*request, sent)).await,
            Err(Sent::Broken) if kept && repeatable => {
                self.retries.set(self.retries.get() + 1);
                let again = apart(|| self.build(out, SealedBody::empty())).await?;
                apart(|| self.once_more(again, sent)).await
            }
            Err(failed) => Err(failed.into_fault(self.settings.first_byte)),
        }
    }

    async fn once_more(
        &self,
        request: Request<Outgoing>,
        sent: &Verdict,
    ) -> Result<(http::Response<Incoming>, Line), Fault> {
        let mut line = self.pool.connect().await.map_err(|error| unreachable_store(&error))?;
        match self.send_on(&mut line, request, sent).await {
            Ok(response) => Ok((response, line)),
            Err(failed) => Err(failed.into_fault(self.settings.first_byte)),
        }
    }

    /// Waits for the head of the answer. The time limit runs only while no octet of the upload moves.
    async fn send_on(
        &self,
        line: &mut Line,
        request: Request<Outgoing>,
        sent: &Verdict,
    ) -> Result<http::Response<Incoming>, Sent> {
        let mut sending = pin!(line.exchange(request));
        let mut before = sent.bytes();
        loop {
            match timeout(self.settings.first_byte, &mut sending).await {
                Err(_) if sent.bytes() != before => before = sent.bytes(),
                Err(_) => return Err(Sent::Slow),
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(mut error)) => {
                    return Err(match error.take_message() {
                        Some(request) => Sent::Not(Box::new(request)),
                        None => Sent::Broken,
                    });
                }
            }
        }
    }
}

/// How a request failed before there was an answer.
enum Sent {
    /// Not an octet left; it may go elsewhere.
    Not(Box<Request<Outgoing>>),
    /// Part of it left; what the store did is not known.
    Broken,
    /// No answer in time.
    Slow,
}

impl Sent {
    fn into_fault(self, limit: Duration) -> Fault {
        let fault = |reason, detail: String| Fault::plain(Code::ServiceUnavailable, reason).detail(detail);
        match self {
            Self::Not(_) => {
                fault("upstream-unreachable", "the store closed the connection before the request".to_owned())
            }
            Self::Broken => fault(
                "upstream-broke-off",
                "the store broke off before it answered; the outcome is not known".to_owned(),
            ),
            Self::Slow => fault("upstream-slow", format!("the store did not begin its answer within {limit:?}")),
        }
    }
}

fn unreachable_store(error: &ConnectError) -> Fault {
    Fault::plain(Code::ServiceUnavailable, "upstream-unreachable").detail(error.to_string())
}

impl Upstream for Wire {
    async fn send(&self, mut out: Box<Forward>, body: SealedBody) -> Result<Reply, Fault> {
        if !body.is_end_stream() {
            self.confirm_owner(&out).await?;
        }
        let answering = Answering::to(&out, &self.settings);
        let verdict = body.verdict();
        let request = self.build(&mut out, body).await?;
        // A body that failed its checks broke the connection: that is the client's fault, not the store's.
        let exchanged = self.exchange(request, &mut out, &verdict).await;
        if let Some(fault) = verdict.fault() {
            return Err(fault);
        }
        let (response, line) = exchanged?;
        let (head, incoming) = response.into_parts();
        reply::reply(&answering, head, Download::new(incoming, line, self.settings.first_byte)).await
    }
}
