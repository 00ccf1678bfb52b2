//! What is known of a request, as its record says it.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::Version;

use super::facts::{Connection, Facts};
use super::task::Task;
use crate::audit::{self, Decision, Intent, Origin, Requester};
use crate::guard::encryption::Seen;
use crate::identity::{Kind, Principal};
use crate::policy::Grant;
use crate::s3::Operation;
use crate::s3::route::{Auth, Routed};
use crate::sigv4::Claim;
use crate::time::Millis;

/// What [`Origin`] is written from, and what came of it.
#[derive(Debug)]
pub(super) struct Asker {
    who: Arc<Principal>,
    access_key: Option<String>,
    auth: Option<Auth>,
    signed: bool,
    client: Option<IpAddr>,
    endpoint: Option<Box<str>>,
    origin: Rc<Origin>,
}

impl Facts {
    /// What the record borrows, with the statements of what was granted.
    pub(super) fn lent<'a>(&'a self, grant: Option<&'a Grant>) -> Lent<'a> {
        let statements = grant.into_iter().flat_map(Grant::statements).chain(self.forbidden.as_deref());
        let origin = self.origin();
        let ids = if origin.is_some() { Ids::default() } else { Ids::of(self) };
        Lent { lines: self.lines().collect(), statements: statements.collect(), origin, ids }
    }

    /// How it came and who asks, for the record. The facts of a session come with each request anew.
    fn origin(&self) -> Option<Rc<Origin>> {
        let who = self.who.as_ref().filter(|who| who.session.is_none())?;
        let mut last = self.connection.last.asker.borrow_mut();
        if let Some(last) = last.as_ref().filter(|last| last.is(self, who)) {
            return Some(Rc::clone(&last.origin));
        }
        let ids = Ids::of(self);
        let origin = Rc::new(Origin::of(&self.came(), &self.requester(&ids)));
        *last = Some(Asker {
            who: Arc::clone(who),
            access_key: self.access_key.clone(),
            auth: self.auth,
            signed: self.signature.is_some(),
            client: self.client,
            endpoint: self.endpoint().map(Into::into),
            origin: Rc::clone(&origin),
        });
        Some(origin)
    }

    /// The VPC endpoint that it came through.
    fn endpoint(&self) -> Option<&str> {
        let of_listener = || self.home.as_ref().and_then(|home| home.endpoint.as_deref());
        self.connection.vpc_endpoint.as_deref().or_else(of_listener)
    }

    /// How it came, for the record.
    fn came(&self) -> audit::Connection<'_> {
        audit::Connection { vpc_endpoint: self.endpoint(), ..self.connection.record(self.client) }
    }

    /// The record of what is about to happen, or to be refused.
    pub(super) fn intent<'a>(&'a self, task: Option<&'a Task>, lent: &'a Lent<'a>, decision: Decision) -> Intent<'a> {
        let (lines, origin) = (&lent.lines, lent.origin.as_deref());
        let line = |name: &str| lines.iter().find(|(line, _)| *line == name.as_bytes()).map(|(_, value)| *value);
        let task = task.or(self.task.as_ref());
        let (routed, role) = (task.and_then(Task::routed), task.and_then(Task::role));
        let named = self.named.as_ref().filter(|_| routed.is_none());
        let owner = self.home.as_ref().and_then(|home| home.owner.as_ref());
        Intent {
            requester: match origin {
                Some(_) => {
                    Requester { signature: self.signature.as_deref().map(str::as_bytes), ..Requester::default() }
                }
                None => self.requester(&lent.ids),
            },
            connection: if origin.is_some() { audit::Connection::default() } else { self.came() },
            origin,
            host: line("host").or_else(|| self.head.uri.authority().map(|authority| authority.as_str().as_bytes())),
            method: Some(self.head.method.as_str().as_bytes()),
            target: self.head.uri.path_and_query().map(|target| target.as_str().as_bytes()),
            http_version: Some(version(self.head.version)),
            operation: task.map(|task| self.asked(task)),
            bucket: text(routed.and_then(|routed| routed.bucket.as_deref()), named.map(|named| &*named.bucket)),
            key: text(routed.and_then(|routed| routed.key.as_deref()), named.and_then(|named| named.key.as_deref())),
            version_id: text(
                routed.and_then(|routed| routed.parameter("versionId")),
                named.and_then(|named| named.version.as_deref()),
            ),
            bucket_account: owner.map(|owner| &*owner.account),
            bucket_owner: owner.map(|owner| &*owner.canonical_id),
            region: self.home.as_ref().and_then(|home| home.region.as_deref()),
            source: routed.and_then(|routed| self.source(routed)),
            deletions: &self.deletions,
            document: self.document.as_deref(),
            trace: self.trace.as_deref(),
            access_point: routed.and_then(access_point).or_else(|| Some(&named?.through.as_deref()?.arn)),
            role: role.map(|(role, _)| role),
            role_session: role.map(|(_, session)| session),
            user_agent: line("user-agent"),
            referer: line("referer"),
            encryption: self.encryption.record(),
            encryption_event: self.encryption.seen.map(Seen::as_str),
            hides_context: self.hides_context,
            encryption_context: self.context.get().map(|context| &**context),
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

    fn source<'a>(&'a self, routed: &'a Routed) -> Option<audit::Source<'a>> {
        let source = routed.copy_source.as_ref()?;
        let owner = self.source_owner.as_ref();
        Some(audit::Source {
            bucket: &source.bucket,
            key: &source.key,
            version_id: source.version.as_deref(),
            bucket_account: owner.map(|owner| &*owner.account),
            bucket_owner: owner.map(|owner| &*owner.canonical_id),
            access_point: source.through.as_deref().map(|through| through.arn.as_str()),
        })
    }

    fn requester<'a>(&'a self, ids: &'a Ids) -> Requester<'a> {
        let who = self.who.as_deref().filter(|who| !who.is_anonymous());
        let session = who.and_then(|who| who.session.as_deref());
        let claim = self.claim.as_ref().filter(|_| self.who.is_none());
        let signed = self.signature.is_some();
        let of_role = who.and_then(|who| match &who.kind {
            Kind::Role { role, session } => Some((role.as_str(), session.as_str())),
            _ => None,
        });
        Requester {
            kind: who.map(|who| kind(&who.kind)).or(claim.map(|_| UNPROVED)),
            account: who.map(|who| who.account.as_str()),
            arn: who.map(|who| who.arn.as_str()),
            principal_id: ids.principal.as_deref(),
            canonical_id: self.root.as_deref(),
            issuer: of_role.map(|(role, _)| role),
            source_identity: session.and_then(|session| session.source_identity.as_deref()),
            web_provider: ids.provider.as_deref(),
            access_key: text(self.access_key.as_deref(), claim.and_then(Claim::access_key)),
            session: of_role.map(|(_, session)| session),
            session_created: session.filter(|_| signed).map(|session| Millis(session.issued.0.saturating_mul(1000))),
            mfa: session.filter(|_| signed).map(|session| session.mfa),
            signature_version: self.signature.as_ref().map(|_| self.signature_version()),
            authentication: match self.auth {
                Some(Auth::Header) => Some("AuthHeader"),
                Some(Auth::Query) => Some("QueryString"),
                Some(Auth::Form) if self.signature.is_some() => Some("HtmlForm"),
                Some(Auth::Anonymous | Auth::Form) | None => None,
            },
            signature: self.signature.as_deref().map(str::as_bytes),
        }
    }

    fn signature_version(&self) -> &'static str {
        match self.signed.map(|signed| signed.algorithm) {
            Some("AWS4-ECDSA-P256-SHA256") => "SigV4A",
            _ => "SigV4",
        }
    }
}

/// Ids that are computed for a record, where nobody has written it before.
#[derive(Default)]
struct Ids {
    principal: Option<String>,
    provider: Option<String>,
}

impl Ids {
    fn of(facts: &Facts) -> Self {
        let who = facts.who.as_deref().filter(|who| !who.is_anonymous());
        Self { principal: who.map(Principal::user_id), provider: who.and_then(Principal::provider) }
    }
}

/// What the record of a request borrows from its facts.
pub(super) struct Lent<'a> {
    lines: Vec<(&'a [u8], &'a [u8])>,
    statements: Vec<&'a str>,
    origin: Option<Rc<Origin>>,
    ids: Ids,
}

impl Asker {
    /// Whether a request has everything of this in common.
    fn is(&self, facts: &Facts, who: &Arc<Principal>) -> bool {
        Arc::ptr_eq(&self.who, who)
            && self.access_key == facts.access_key
            && self.auth == facts.auth
            && self.signed == facts.signature.is_some()
            && self.client == facts.client
            && self.endpoint.as_deref() == facts.endpoint()
    }
}

impl Connection {
    pub(super) fn record(&self, client: Option<IpAddr>) -> audit::Connection<'_> {
        audit::Connection {
            remote: Some(client.unwrap_or(self.peer)),
            tls_version: self.tls.as_ref().map(|tls| tls.version),
            cipher: self.tls.as_ref().map(|tls| tls.cipher),
            key_exchange: self.tls.as_ref().and_then(|tls| tls.key_exchange),
            vpc_endpoint: self.vpc_endpoint.as_deref(),
            ..audit::Connection::default()
        }
    }
}

/// The access point that a request came through; or the one that it is about, in S3 Control.
fn access_point(routed: &Routed) -> Option<&str> {
    let through = routed.through.as_deref().map(|through| through.arn.as_str());
    through.or_else(|| routed.point.as_deref().map(|point| point.arn.as_str()))
}

fn text<'a>(known: Option<&'a str>, named: Option<&'a str>) -> Option<&'a [u8]> {
    known.or(named).map(str::as_bytes)
}

/// The type of who could not, or not yet, prove to be somebody (spec/cloudtrail.md 2).
const UNPROVED: &str = "Unknown";

/// Somebody of whom nothing was looked at.
pub(super) fn unproved() -> Requester<'static> {
    Requester { kind: Some(UNPROVED), ..Requester::default() }
}

const fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Anonymous => UNPROVED,
        Kind::Role { .. } => "AssumedRole",
        Kind::Root => "Root",
        Kind::User => "IAMUser",
        Kind::Web => "WebIdentityUser",
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::facts::{Begun, Last};
    use super::*;
    use crate::id::RequestId;

    #[test]
    fn the_version_of_http_is_spelled_as_in_the_first_line_of_a_request() {
        let spelled = [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2].map(version);
        assert_eq!(spelled, ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"]);
    }

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
                ..Facts::new(
                    Box::new(head),
                    Rc::clone(&connection),
                    Begun { id: RequestId::from_random(&[7; 34]), received: Millis(0), trace: None, arrived: None },
                )
            };
            let written = |lent: &Lent<'_>| {
                let mut out = Vec::new();
                facts.intent(None, lent, Decision::Deny).write(&mut out);
                String::from_utf8(out).unwrap()
            };
            let lent = facts.lent(None);
            assert_eq!(lent.origin.is_some(), who.is_some());
            let anew =
                Lent { lines: facts.lines().collect(), statements: Vec::new(), origin: None, ids: Ids::of(&facts) };
            assert_eq!(written(&lent), written(&anew));
        }
    }
}
