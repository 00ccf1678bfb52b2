//! Stores behind the proxy, behind one trait. What arrives here is authorized, recorded and sealed.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Limited};

use crate::body::SealedBody;
use crate::id::RequestId;
use crate::identity::Principal;
use crate::s3::{Code, CopySource, Fault, Operation};
use crate::trace::Trace;

mod range;
pub mod sealed;
pub mod store;
pub mod wire;

/// Anything that can serve an authorized S3 request.
pub trait Upstream {
    /// Serves one request. An S3 error of the store is a [`Reply`] like any other; a [`Fault`] means
    /// the store could not be asked or its answer must not be shown.
    fn send(&self, out: Box<Forward>, body: SealedBody) -> impl Future<Output = Result<Reply, Fault>>;
}

/// A request on its way to a store: built from the operation's table, never copied from the client.
#[derive(Clone, Debug)]
pub struct Forward {
    /// What is asked.
    pub operation: Operation,
    /// The bucket, at bucket and object level.
    pub bucket: Option<String>,
    /// The decoded key, at object level.
    pub key: Option<String>,
    /// The parameters the operation knows, decoded, without authentication parameters and `x-id`;
    /// the operation's own subresource included.
    pub query: Vec<(String, String)>,
    /// The headers the operation knows, lower-case; without authentication, payload, trailer and
    /// transport headers. `content-encoding` is already free of `aws-chunked`.
    pub headers: HeaderMap,
    /// The source of a copy, parsed once.
    pub copy_source: Option<CopySource>,
    /// The accounts that own what is asked about, where the store must confirm them.
    pub owners: Owners,
    /// Where the result lies, as the client addresses it.
    pub location: Option<String>,
    /// What the client calls the bucket, where that is not its name: the access point that it came through.
    pub shown: Option<String>,
    /// The account that asks: owner of what it creates.
    pub account: String,
    /// Who asks; none for requests of the proxy's own.
    pub requester: Option<Requester>,
    /// The id of the request.
    pub id: RequestId,
    /// The trace that it belongs to.
    pub trace: Option<Arc<Trace>>,
}

impl Forward {
    /// A request of the proxy's own on behalf of another one: about nothing yet, and with nothing of a client's.
    pub fn own(operation: Operation, account: &str, id: RequestId) -> Self {
        Self {
            operation,
            bucket: None,
            key: None,
            query: Vec::new(),
            headers: HeaderMap::new(),
            copy_source: None,
            owners: Owners::default(),
            location: None,
            shown: None,
            account: account.to_owned(),
            requester: None,
            id,
            trace: None,
        }
    }

    /// Buckets that the client does not name, each with what it says instead.
    pub fn called(&self) -> Vec<(String, String)> {
        let source = self.copy_source.as_ref();
        let source = source.and_then(|source| Some((&source.bucket, &source.through.as_ref()?.shown)));
        let target = self.bucket.as_ref().zip(self.shown.as_ref());
        target.into_iter().chain(source).map(|(bucket, shown)| (bucket.clone(), shown.clone())).collect()
    }
}

/// Whose keys of buckets are used: each set of temporary credentials holds its own.
#[derive(Clone, Debug)]
pub struct Requester {
    /// The principal.
    pub who: Arc<Principal>,
    /// The access key of temporary credentials.
    pub access_key: Option<Box<str>>,
}

impl Requester {
    /// What tells requesters apart.
    pub fn pieces(&self) -> [&str; 2] {
        [&self.who.arn, self.access_key.as_deref().unwrap_or_default()]
    }
}

/// The accounts that a decision was taken for. A store that has accounts of its own is told them, so that
/// it refuses where somebody else owns the bucket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Owners {
    /// Of the bucket; none where nothing need be confirmed.
    pub target: Option<String>,
    /// Of the bucket that is copied from.
    pub source: Option<String>,
}

/// A store's answer: status, end-to-end headers (no hop-by-hop; its name and ids are written over), body.
#[derive(Debug)]
pub struct Reply<B = ReplyBody> {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers for the client.
    pub headers: HeaderMap,
    /// The document or object data.
    pub body: B,
    /// The store's own request id, for the record.
    pub upstream_id: Option<HeaderValue>,
    /// The S3 code, if it is an error.
    pub code: Option<String>,
    /// The full size of the object that was copied from, made of parts, or asked about, if the store says it.
    pub size: Option<u64>,
}

impl Reply {
    /// The same, for whoever may read it.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub fn shown(self) -> Result<Self, Fault> {
        match self.body {
            ReplyBody::Withheld(fault) => Err(*fault),
            body => Ok(Self { body, ..self }),
        }
    }
}

/// The body of a [`Reply`].
#[derive(Debug, Default)]
pub enum ReplyBody {
    /// Nothing.
    #[default]
    Empty,
    /// All of it.
    Full(Bytes),
    /// From another server.
    Wire(Box<wire::Download>),
    /// From another server, whose early 200 may still turn into an error.
    Late(Box<wire::Late>),
    /// From a store that keeps it sealed.
    Opened(Box<sealed::Opened>),
    /// From elsewhere, piece by piece. An error breaks the connection to the client.
    Stream(UnsyncBoxBody<Bytes, std::io::Error>),
    /// There is something, and this is why it cannot be opened. To be told when it is known that the caller
    /// may read it: a stranger does not learn the state of a key.
    Withheld(Box<Fault>),
}

impl ReplyBody {
    /// All of it, for whoever must read it.
    ///
    /// # Errors
    /// `InternalError`: longer than the limit in octets, or broken off.
    pub async fn whole(self, limit: usize) -> Result<Bytes, Fault> {
        async fn collect<B>(body: B, limit: usize) -> Result<Bytes, Fault>
        where
            B: Body<Data = Bytes>,
            B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        {
            match Limited::new(body, limit).collect().await {
                Ok(all) => Ok(all.to_bytes()),
                Err(error) => Err(Fault::plain(Code::InternalError, "upstream-document").detail(error.to_string())),
            }
        }
        match self {
            Self::Empty => Ok(Bytes::new()),
            Self::Full(data) if data.len() <= limit => Ok(data),
            Self::Full(_) => Err(Fault::plain(Code::InternalError, "upstream-document").detail("too long")),
            Self::Wire(body) => collect(body, limit).await,
            Self::Late(body) => collect(body, limit).await,
            Self::Opened(body) => collect(body, limit).await,
            Self::Withheld(fault) => Err(*fault),
            Self::Stream(body) => collect(body, limit).await,
        }
    }
}

/// The body of a reply that a store in this process made, maybe on another thread.
#[derive(Debug, Default)]
pub enum LocalBody {
    /// Nothing.
    #[default]
    Empty,
    /// All of it.
    Full(Bytes),
    /// Piece by piece. An error breaks the connection to the client.
    Stream(UnsyncBoxBody<Bytes, std::io::Error>),
}

impl From<LocalBody> for ReplyBody {
    fn from(body: LocalBody) -> Self {
        match body {
            LocalBody::Empty => Self::Empty,
            LocalBody::Full(data) => Self::Full(data),
            LocalBody::Stream(stream) => Self::Stream(stream),
        }
    }
}
