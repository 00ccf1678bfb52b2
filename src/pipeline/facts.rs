//! What is known of a request so far: for the record, never for a decision.

use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::Version;
use http::request::Parts;
use smallvec::SmallVec;

use super::arriving::Arrived;
use super::encryption::Decided;
use super::home::{Home, LastHome, Owner};
use super::landing::Landing;
use super::live::{Live, Site};
use super::named::Named;
use super::record::Asker;
use super::task::{Envelope, Task};
use crate::access::Document;
use crate::audit;
use crate::id::RequestId;
use crate::identity::Principal;
use crate::limit::rehearsal::Rehearsed;
use crate::policy::Grant;
use crate::s3::route::Auth;
use crate::s3::xml::DeleteEntry;
use crate::s3::{Head, Operation, mask};
use crate::sigv4::{self, Claim, Diagnosis, KeyCache, Rejection, Signed};
use crate::sts::Circumstances;
use crate::time::{Millis, Seconds};
use crate::trace::Trace;

/// The connection a request came on.
#[derive(Debug)]
pub struct Connection {
    /// Which listener, by its place in the configuration.
    pub listener: usize,
    /// The peer's address.
    pub peer: IpAddr,
    /// TLS, unless the listener is plain.
    pub tls: Option<TlsFacts>,
    /// The VPC endpoint that a balancer in front has named.
    pub vpc_endpoint: Option<String>,
    /// Who asked last, and for what, as their records say it.
    pub last: Last,
}

/// Who asked last on a connection, as its record says it: the next request is nearly always by the same key.
#[derive(Debug, Default)]
pub struct Last {
    pub(super) asker: RefCell<Option<Asker>>,
    pub(super) home: RefCell<Option<LastHome>>,
}

/// What is on record about the TLS of a connection.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// `TLSv1.3`
    pub version: &'static str,
    /// The name of the cipher suite.
    pub cipher: &'static str,
    /// The name of the group that keys were exchanged in.
    pub key_exchange: Option<&'static str>,
}

/// A request that has just come.
#[derive(Debug)]
pub struct Begun {
    /// Its id.
    pub id: RequestId,
    /// When its head had been read.
    pub received: Millis,
    /// The trace that it belongs to, if there is one.
    pub trace: Option<Arc<Trace>>,
    /// When the last octet of its body will have come; none without a body.
    pub(super) arrived: Option<Arrived>,
}

/// The header lines of a request; the usual one has no more than this.
type Lines<'a> = SmallVec<[(&'a [u8], &'a [u8]); 24]>;

/// Everything that a record may hold, as far as it is known.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) head: Box<Parts>,
    pub(super) connection: Rc<Connection>,
    pub(super) id: RequestId,
    pub(super) received: Millis,
    pub(super) trace: Option<Arc<Trace>>,
    pub(super) arrived: Option<Arrived>,
    /// Where it is at home, once that is known.
    pub(super) home: Option<Rc<Home>>,
    /// Whose the source of a copy is.
    pub(super) source_owner: Option<Owner>,
    /// Whether it is the source of a copy that may not be read.
    pub(super) source_refused: bool,
    /// The size of the source of a copy, where somebody has looked.
    pub(super) source_size: Option<u64>,
    /// The entries of a list of deletions.
    pub(super) deletions: Vec<DeleteEntry>,
    /// The configuration that came along.
    pub(super) document: Option<bytes::Bytes>,
    /// The canonical id of the account whose root asks.
    pub(super) root: Option<String>,
    pub(super) who: Option<Arc<Principal>>,
    /// Whom it says it is from, where nobody has verified that.
    pub(super) claim: Option<Claim>,
    /// What it names, where it could not be routed.
    pub(super) named: Option<Box<Named>>,
    pub(super) access_key: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) signed: Option<Signed>,
    /// The client's address, where trusted proxies report another than the peer's.
    pub(super) client: Option<IpAddr>,
    pub(super) auth: Option<Auth>,
    pub(super) task: Option<Task>,
    pub(super) envelope: Envelope,
    /// What policy has granted.
    pub(super) grant: Option<Grant>,
    /// The statement that forbids.
    pub(super) forbidden: Option<String>,
    /// What was decided of encryption.
    pub(super) encryption: Decided,
    /// The encryption context that it brings, without the values that are not to be shown.
    pub(super) context: OnceCell<Box<[audit::InContext]>>,
    /// Whether the operator hides anything of encryption contexts.
    pub(super) hides_context: bool,
    /// The ARN that the KMS key of the request means, once somebody has asked.
    pub(super) kms_key: OnceCell<Option<Arc<str>>>,
    /// What a form is answered.
    pub(super) landing: Option<Box<Landing>>,
    /// The URL that the client used, without query, where the listener has an external one.
    pub(super) url: Option<String>,
    /// The text that was signed, for a write signed in its header.
    pub(super) signed_text: Option<Vec<u8>>,
    /// Why its signature did not match.
    pub(super) mismatch: Option<Box<Diagnosis>>,
    /// The rules about names that the request breaks, refused for it or not.
    pub(super) naming: OnceCell<Vec<&'static str>>,
    /// How many calls of the key service it costs, where they are counted.
    pub(super) kms_calls: Option<u64>,
    /// The limit that it is over.
    pub(super) limit: Option<Arc<str>>,
    /// How long it would have to wait for that.
    pub(super) wait: Option<Duration>,
    /// The fault that it meets on purpose.
    pub(super) rehearsed: OnceCell<Rehearsed>,
}

impl Facts {
    pub(super) fn new(head: Box<Parts>, connection: Rc<Connection>, begun: Begun) -> Self {
        let Begun { id, received, trace, arrived } = begun;
        Self {
            head,
            connection,
            id,
            received,
            trace,
            arrived,
            home: None,
            source_owner: None,
            source_refused: false,
            source_size: None,
            deletions: Vec::new(),
            document: None,
            root: None,
            who: None,
            claim: None,
            named: None,
            access_key: None,
            signature: None,
            signed: None,
            client: None,
            auth: None,
            task: None,
            envelope: Envelope::default(),
            grant: None,
            forbidden: None,
            encryption: Decided::default(),
            context: OnceCell::new(),
            hides_context: false,
            kms_key: OnceCell::new(),
            landing: None,
            url: None,
            signed_text: None,
            mismatch: None,
            naming: OnceCell::new(),
            kms_calls: None,
            limit: None,
            wait: None,
            rehearsed: OnceCell::new(),
        }
    }

    /// Lends the head in the form that verification and routing read.
    pub(super) fn with_head<T>(&self, read: impl FnOnce(&Head<'_>) -> T) -> T {
        let mut lines = Lines::new();
        lines.extend(self.lines()); // in its place; collected, all of it would be moved
        let target = self.head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let http2 = self.head.version == Version::HTTP_2;
        let authority = self.head.uri.authority().filter(|_| http2).map(|authority| authority.as_str().as_bytes());
        read(&Head {
            method: self.head.method.as_str().as_bytes(),
            target: target.as_bytes(),
            lines: &lines,
            authority,
        })
    }

    /// The header lines in the order received within each name.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.head.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
    }

    /// Keeps what a list of deletions says, for the record.
    pub(super) fn keep(&mut self, said: Document) {
        if let Document::Delete(delete) = said {
            self.deletions = delete.entries;
        }
    }

    /// Keeps a document that was read, for the record: of configurations, not of what is done once.
    pub(super) fn keep_document(&mut self, operation: Operation, document: Option<&bytes::Bytes>) {
        if !matches!(operation, Operation::DeleteObjects | Operation::CompleteMultipartUpload) {
            self.document = document.cloned();
        }
    }

    /// What the record says of a signature that did not match.
    pub(super) fn mismatch(&self) -> Option<audit::Mismatch<'_>> {
        let found = self.mismatch.as_deref()?;
        Some(audit::Mismatch {
            explanation: &found.explanation,
            ours: &found.ours,
            theirs: found.theirs.as_deref(),
            lines: found.lines.as_ref().map(|(ours, theirs)| (ours.as_str(), theirs.as_str())),
        })
    }

    /// Takes in that its signature is not taken, and finds out why.
    pub(super) fn rejected(
        &mut self,
        live: &Live,
        (site, settings): (&Site, &sigv4::Settings),
        rejection: &Rejection,
        cache: &KeyCache,
        now: Seconds,
    ) {
        let listener = self.connection.listener;
        self.mismatch = self.with_head(|head| {
            live.as_signed(listener, site, head, |head| {
                live.diagnose((listener, site), settings, rejection, head, cache, now)
            })
        });
        self.access_key = rejection.access_key().map(str::to_owned);
    }

    /// Says it in the log, too; the canonical requests are in the record as well (`bartizan log find`).
    pub(super) fn tell_mismatch(&self) {
        let Some(found) = self.mismatch.as_deref().filter(|found| found.first) else { return };
        let lines = found.lines.as_ref();
        tracing::info!(
            request_id = self.id.as_str(),
            access_key = self.access_key.as_deref(),
            explanation = &*mask::text(&found.explanation),
            line = lines.map(|(ours, _)| ours.as_str()),
            client_line = lines.map(|(_, theirs)| theirs.as_str()),
            canonical_request = found.ours,
            "a signature does not match"
        );
    }

    /// Whose key signed what, for a write signed in its header: what a replay memory knows it by.
    pub(super) fn signed_write(&self) -> Option<Vec<u8>> {
        let text = self.signed_text.as_deref()?;
        Some([self.access_key.as_deref().unwrap_or_default().as_bytes(), b"\n", text].concat())
    }

    /// The URL that the client used, without query.
    pub(super) fn asked_url(&self) -> Option<String> {
        if let Some(url) = &self.url {
            return Some(url.clone());
        }
        let host = self.head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| self.head.uri.authority().map(http::uri::Authority::as_str))?;
        let scheme = if self.connection.is_tls() { "https" } else { "http" };
        Some(format!("{scheme}://{host}{}", self.head.uri.path()))
    }

    /// A HEAD answer has no document.
    pub(super) fn is_head(&self) -> bool {
        self.head.method == http::Method::HEAD
    }

    /// What conditions of trust policies can look at, of the request itself.
    pub(super) fn circumstances<'a>(&'a self, region: &'a str) -> Circumstances<'a> {
        let agent = self.head.headers.get(http::header::USER_AGENT);
        Circumstances {
            source: self.client.unwrap_or(self.connection.peer),
            tls: self.connection.is_tls(),
            now: self.received.seconds(),
            user_agent: agent.and_then(|agent| agent.to_str().ok()),
            vpc: None,
            vpc_endpoint: None,
            region,
            caller_organization: None,
            role_organization: None,
        }
    }
}

impl Connection {
    /// Whether the client's octets came encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}
