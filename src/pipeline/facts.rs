//! What is known of a request so far: for the record, never for a decision.

use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::Version;
use http::request::Parts;

use super::encryption::Decided;
use super::landing::Landing;
use super::task::{Envelope, Task};
use crate::audit::{self, Decision, Intent, Origin, Requester};
use crate::id::RequestId;
use crate::identity::{Kind, Principal};
use crate::limit::rehearsal::Rehearsed;
use crate::policy::Grant;
use crate::s3::route::{Auth, Routed};
use crate::s3::{Head, Operation};
use crate::sigv4::{Diagnosis, Signed};
use crate::sts::Circumstances;
use crate::time::Millis;

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
    /// Who asked last, as its record says it.
    pub last: Last,
}

/// Who asked last on a connection, as its record says it: the next request is nearly always by the same key.
#[derive(Debug, Default)]
pub struct Last(RefCell<Option<Asker>>);

/// What [`Origin`] is written from, and what came of it.
#[derive(Debug)]
struct Asker {
    who: Arc<Principal>,
    access_key: Option<String>,
    auth: Option<Auth>,
    signed: bool,
    client: Option<IpAddr>,
    origin: Rc<Origin>,
}

/// What is on record about the TLS of a connection.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// `TLSv1.3`
    pub version: &'static str,
    /// The name of the cipher suite.
    pub cipher: &'static str,
}

/// Everything that a record may hold, as far as it is known.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) head: Parts,
    pub(super) connection: Rc<Connection>,
    pub(super) id: RequestId,
    pub(super) received: Millis,
    pub(super) who: Option<Arc<Principal>>,
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
    /// The fault that it meets on purpose.
    pub(super) rehearsed: OnceCell<Rehearsed>,
}

impl Facts {
    pub(super) fn new(head: Parts, connection: Rc<Connection>, id: RequestId, received: Millis) -> Self {
        Self {
            head,
            connection,
            id,
            received,
            who: None,
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
            kms_key: OnceCell::new(),
            landing: None,
            url: None,
            signed_text: None,
            mismatch: None,
            naming: OnceCell::new(),
            kms_calls: None,
            limit: None,
            rehearsed: OnceCell::new(),
        }
    }

    /// Lends the head in the form that verification and routing read.
    pub(super) fn with_head<T>(&self, read: impl FnOnce(&Head<'_>) -> T) -> T {
        let lines = self.lines();
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
    pub(super) fn lines(&self) -> Vec<(&[u8], &[u8])> {
        self.head.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect()
    }

    /// What the record borrows, with the statements of what was granted.
    pub(super) fn lent<'a>(&'a self, grant: Option<&'a Grant>) -> Lent<'a> {
        let statements = grant.into_iter().flat_map(Grant::statements).chain(self.forbidden.as_deref());
        Lent { lines: self.lines(), statements: statements.collect(), origin: self.origin() }
    }

    /// How it came and who asks, for the record. The facts of a session come with each request anew.
    fn origin(&self) -> Option<Rc<Origin>> {
        let who = self.who.as_ref().filter(|who| who.session.is_none())?;
        let mut last = self.connection.last.0.borrow_mut();
        if let Some(last) = last.as_ref().filter(|last| last.is(self, who)) {
            return Some(Rc::clone(&last.origin));
        }
        let origin = Rc::new(Origin::of(&self.connection.record(self.client), &self.requester()));
        *last = Some(Asker {
            who: Arc::clone(who),
            access_key: self.access_key.clone(),
            auth: self.auth,
            signed: self.signature.is_some(),
            client: self.client,
            origin: Rc::clone(&origin),
        });
        Some(origin)
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

    /// Says it in the log, too; the canonical requests are in the record as well (`bartizan log find`).
    pub(super) fn tell_mismatch(&self) {
        let Some(found) = self.mismatch.as_deref().filter(|found| found.first) else { return };
        let lines = found.lines.as_ref();
        tracing::info!(
            request_id = self.id.as_str(),
            access_key = self.access_key.as_deref(),
            explanation = found.explanation,
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

    /// The record of what is about to happen, or to be refused.
    pub(super) fn intent<'a>(&'a self, task: Option<&'a Task>, lent: &'a Lent<'a>, decision: Decision) -> Intent<'a> {
        let (lines, origin) = (&lent.lines, lent.origin.as_deref());
        let line = |name: &str| lines.iter().find(|(line, _)| *line == name.as_bytes()).map(|(_, value)| *value);
        let task = task.or(self.task.as_ref());
        let (routed, role) = (task.and_then(Task::routed), task.and_then(Task::role));
        Intent {
            requester: match origin {
                Some(_) => {
                    Requester { signature: self.signature.as_deref().map(str::as_bytes), ..Requester::default() }
                }
                None => self.requester(),
            },
            connection: self.connection.record(self.client),
            origin,
            host: line("host").or_else(|| self.head.uri.authority().map(|authority| authority.as_str().as_bytes())),
            method: Some(self.head.method.as_str().as_bytes()),
            target: self.head.uri.path_and_query().map(|target| target.as_str().as_bytes()),
            http_version: Some(version(self.head.version)),
            operation: task.map(|task| self.asked(task)),
            bucket: routed.and_then(|routed| routed.bucket.as_deref()).map(str::as_bytes),
            key: routed.and_then(|routed| routed.key.as_deref()).map(str::as_bytes),
            version_id: routed.and_then(|routed| routed.parameter("versionId")).map(str::as_bytes),
            access_point: routed.and_then(access_point),
            role: role.map(|(role, _)| role),
            role_session: role.map(|(_, session)| session),
            user_agent: line("user-agent"),
            referer: line("referer"),
            encryption: self.encryption.record(),
            content_length: line("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()),
            decision,
            statements: &lent.statements,
            rehearsed: self.rehearsed.get().map(|rehearsed| &*rehearsed.name),
            naming: self.naming.get().map(Vec::as_slice).unwrap_or_default(),
            kms_calls: self.kms_calls,
            headers: lines,
            ..Intent::new(self.id, self.received)
        }
    }

    /// What the client asked: a form is stored by a PutObject, but was none.
    fn asked(&self, task: &Task) -> &'static str {
        if self.auth == Some(Auth::Form) { Operation::PostObject.name() } else { task.name() }
    }

    fn requester(&self) -> Requester<'_> {
        let who = self.who.as_deref().filter(|who| !who.is_anonymous());
        let session = who.and_then(|who| who.session.as_deref());
        let signed = self.signature.is_some();
        Requester {
            kind: who.map(|who| match who.kind {
                Kind::Anonymous => "Unknown",
                Kind::Role { .. } => "AssumedRole",
                Kind::Root => "Root",
                Kind::User => "IAMUser",
                Kind::Web => "WebIdentityUser",
            }),
            account: who.map(|who| who.account.as_str()),
            arn: who.map(|who| who.arn.as_str()),
            access_key: self.access_key.as_deref().map(str::as_bytes),
            session: who.and_then(|who| match &who.kind {
                Kind::Role { session, .. } => Some(session.as_str()),
                _ => None,
            }),
            session_created: session.filter(|_| signed).map(|session| Millis(session.issued.0.saturating_mul(1000))),
            mfa: session.filter(|_| signed).map(|session| session.mfa),
            signature_version: self.signature.as_ref().map(|_| "SigV4"),
            authentication: match self.auth {
                Some(Auth::Header) => Some("AuthHeader"),
                Some(Auth::Query) => Some("QueryString"),
                Some(Auth::Form) if self.signature.is_some() => Some("HtmlForm"),
                Some(Auth::Anonymous | Auth::Form) | None => None,
            },
            signature: self.signature.as_deref().map(str::as_bytes),
            ..Requester::default()
        }
    }
}

/// What the record of a request borrows from its facts.
pub(super) struct Lent<'a> {
    lines: Vec<(&'a [u8], &'a [u8])>,
    statements: Vec<&'a str>,
    origin: Option<Rc<Origin>>,
}

impl Asker {
    /// Whether a request has everything of this in common.
    fn is(&self, facts: &Facts, who: &Arc<Principal>) -> bool {
        Arc::ptr_eq(&self.who, who)
            && self.access_key == facts.access_key
            && self.auth == facts.auth
            && self.signed == facts.signature.is_some()
            && self.client == facts.client
    }
}

impl Connection {
    /// Whether the client's octets came encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    fn record(&self, client: Option<IpAddr>) -> audit::Connection<'_> {
        audit::Connection {
            remote: Some(client.unwrap_or(self.peer)),
            vpc_endpoint: self.vpc_endpoint.as_deref(),
            tls_version: self.tls.as_ref().map(|tls| tls.version),
            cipher: self.tls.as_ref().map(|tls| tls.cipher),
            ..audit::Connection::default()
        }
    }
}

/// The access point that a request came through; or the one that it is about, in S3 Control.
fn access_point(routed: &Routed) -> Option<&str> {
    let through = routed.through.as_deref().map(|through| through.arn.as_str());
    through.or_else(|| routed.point.as_deref().map(|point| point.arn.as_str()))
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_record_never_names_who_asked_before_on_the_connection() {
        let connection = Rc::new(Connection {
            listener: 0,
            peer: "192.0.2.7".parse().unwrap(),
            tls: None,
            vpc_endpoint: None,
            last: Last::default(),
        });
        let principal = |name: &str| {
            Arc::new(Principal {
                arn: format!("arn:aws:iam::111122223333:user/{name}"),
                account: "111122223333".to_owned(),
                kind: Kind::User,
                policies: Vec::new(),
                tags: BTreeMap::new(),
                session: None,
            })
        };
        let (alice, bob) = (principal("alice"), principal("bob"));
        let client = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        for (who, key, auth, signature, client) in [
            (Some(&alice), "A1", Auth::Header, Some("11111111"), client("192.0.2.7")),
            (Some(&alice), "A1", Auth::Header, Some("22222222"), client("192.0.2.7")),
            (Some(&alice), "A2", Auth::Header, Some("22222222"), client("192.0.2.7")),
            (Some(&alice), "A2", Auth::Query, Some("22222222"), client("192.0.2.7")),
            (Some(&alice), "A2", Auth::Query, None, client("192.0.2.7")),
            (Some(&alice), "A2", Auth::Query, None, client("198.51.100.1")),
            (Some(&bob), "A2", Auth::Query, None, client("198.51.100.1")),
            (None, "A2", Auth::Query, None, None),
            (Some(&alice), "A1", Auth::Header, Some("11111111"), client("192.0.2.7")),
        ] {
            let (head, ()) = http::Request::get("/b/k").body(()).unwrap().into_parts();
            let facts = Facts {
                who: who.map(Arc::clone),
                access_key: Some(key.to_owned()),
                auth: Some(auth),
                signature: signature.map(str::to_owned),
                client,
                ..Facts::new(head, Rc::clone(&connection), RequestId::from_random(&[7; 34]), Millis(0))
            };
            let written = |lent: &Lent<'_>| {
                let mut out = Vec::new();
                facts.intent(None, lent, Decision::Deny).write(&mut out);
                String::from_utf8(out).unwrap()
            };
            let lent = facts.lent(None);
            assert_eq!(lent.origin.is_some(), who.is_some());
            let anew = Lent { lines: facts.lines(), statements: Vec::new(), origin: None };
            assert_eq!(written(&lent), written(&anew));
        }
    }
}
