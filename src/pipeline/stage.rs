//! The stages of a request. Each has private fields and one constructor, the method of the stage
//! before it; there is no other way to make one. Nothing else is in this file.
//!
//! Authorizing an address does not compile; it has no such method:
//! ```compile_fail
//! fn skip<B>(request: bartizan::pipeline::Addressed<B>, live: &bartizan::pipeline::Live) {
//!     let _ = request.authorize(live);
//! }
//! ```
//! A grant cannot be made up:
//! ```compile_fail
//! let grant = bartizan::policy::Grant { statements: Vec::new() };
//! ```
//! What was not logged cannot be forwarded:
//! ```compile_fail
//! fn skip<B>(request: bartizan::pipeline::Admitted<B>) {
//!     let _ = request.into_forward();
//! }
//! ```
//! A refusal that was not logged is no answer:
//! ```compile_fail
//! fn skip(refusal: bartizan::pipeline::Refusal) {
//!     let _ = refusal.into_response();
//! }
//! ```

use bytes::Bytes;
use http::request::Parts;
use http_body::Body;

use super::known::Known;
use super::live::{Live, Site};
use super::{Connection, Refusal, refuse};
use crate::audit::{Journal, Open};
use crate::body::{Contract, SealedBody, Unread};
use crate::id::RequestId;
use crate::identity::Principal;
use crate::limit::{InFlight, Permit};
use crate::policy::Grant;
use crate::s3::route::Routed;
use crate::s3::{Fault, Head};
use crate::sigv4;
use crate::time::{Millis, Seconds};
use crate::upstream::Forward;

/// One authority, one framing, a legal target. The body is unread.
#[derive(Debug)]
pub struct Parsed<B> {
    head: Parts,
    body: Unread<B>,
    connection: Connection,
    id: RequestId,
    received: Millis,
}

/// Which site, bucket, key and operation; or, kept for later, what was wrong with them.
#[derive(Debug)]
pub struct Addressed<B> {
    parsed: Parsed<B>,
    site: usize,
    kind: sigv4::Kind,
    routed: Result<Routed, Fault>,
}

/// Who asks, and what the body must be.
#[derive(Debug)]
pub struct Authenticated<B> {
    parsed: Parsed<B>,
    site: usize,
    routed: Routed,
    who: Principal,
    contract: Contract,
}

/// Which statements said yes.
#[derive(Debug)]
pub struct Authorized<B> {
    inner: Authenticated<B>,
    grant: Grant,
}

/// Rules hold; a control document is read, verified and in hand.
#[derive(Debug)]
pub struct Guarded<B> {
    inner: Authorized<B>,
    document: Option<SealedBody>,
}

/// A place among the requests in flight.
#[derive(Debug)]
pub struct Admitted<B> {
    inner: Guarded<B>,
    permit: Permit,
}

/// On record.
#[derive(Debug)]
pub struct Logged<T> {
    inner: T,
    open: Open,
}

impl<B> Parsed<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Takes a request whose head has passed the server's screen.
    pub fn new(request: http::Request<B>, connection: Connection, id: RequestId, received: Millis) -> Self {
        let (head, body) = request.into_parts();
        Self { head, body: Unread::new(body), connection, id, received }
    }

    /// Finds out where the request goes and what it asks. What a stranger may not learn is kept.
    ///
    /// # Errors
    /// A host that is not served, a path that does not decode, two kinds of authentication at once.
    pub fn address(self, live: &Live) -> Result<Addressed<B>, Refusal> {
        let found = with_head(&self.head, |head| live.find(self.connection.listener(), head));
        match found {
            Ok(found) => Ok(Addressed { parsed: self, site: found.site, kind: found.kind, routed: found.routed }),
            Err(fault) => Err(refuse(fault, &self.known())),
        }
    }

    fn known(&self) -> Known<'_> {
        Known::of(&self.head, &self.connection, self.id, self.received)
    }
}

impl<B> Addressed<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Verifies the signature; then tells what addressing kept back; then fixes what the body must be.
    ///
    /// # Errors
    /// Whatever spec/sigv4.md 13 finds first.
    pub fn authenticate(self, live: &Live, cache: &sigv4::KeyCache, now: Seconds) -> Result<Authenticated<B>, Refusal> {
        let Self { parsed, site, kind, routed } = self;
        let streaming = routed.as_ref().is_ok_and(|routed| routed.operation().spec().streaming);
        let tls = parsed.connection.is_tls();
        let verified = with_head(&parsed.head, |head| live.verify(site, kind, head, streaming, tls, cache, now));
        let (who, evidence) = match verified {
            Ok(verified) => verified,
            Err(fault) => return Err(refuse(fault, &parsed.known())),
        };
        let routed = match routed {
            Ok(routed) => routed,
            Err(fault) => return Err(refuse(fault, &parsed.known().asked_by(&who))),
        };
        let contract = with_head(&parsed.head, |head| Contract::new(&evidence, head, routed.operation().spec().duties()));
        match contract {
            Ok(contract) => Ok(Authenticated { parsed, site, routed, who, contract }),
            Err(fault) => Err(refuse(fault, &parsed.known().asked_by(&who).asking(&routed))),
        }
    }
}

impl<B> Authenticated<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Asks policy.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub fn authorize(self, live: &Live) -> Result<Authorized<B>, Refusal> {
        match live.decide(&self.who, &self.routed) {
            Ok(grant) => Ok(Authorized { inner: self, grant }),
            Err(fault) => Err(refuse(fault, &self.known())),
        }
    }

    fn known(&self) -> Known<'_> {
        self.parsed.known().asked_by(&self.who).asking(&self.routed)
    }
}
