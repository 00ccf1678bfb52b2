//! What requests ask for, and what conditions see of them.

mod agreement;
mod asking;
mod deciding;
mod keys;
mod whole;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::*;
use crate::identity::{Federated, Kind, Principal, Session, SessionPolicies};
use crate::s3::head::Head;
use crate::s3::name::KeyRules;
use crate::s3::operation::BodyKind;
use crate::s3::route::{self, Auth, Routed, Rules, Unknown};
use crate::s3::uri::{self, Query};
use crate::time::{Millis, Seconds};

/// 2026-03-02T10:20:30.500Z
const NOW: Millis = Millis(1_772_446_830_500);
const OWNER: &str = "111122223333";
const SOURCE_OWNER: &str = "444455556666";

/// Routes a request as the pipeline does.
fn routed(method: &str, target: &str, headers: &[(&str, &str)]) -> Routed {
    let lines: Vec<(&[u8], &[u8])> = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let head = Head { method: method.as_bytes(), target: target.as_bytes(), lines: &lines, authority: None };
    let path = String::from_utf8(uri::decode(head.path()).unwrap().into_owned()).unwrap();
    let path = path.strip_prefix('/').unwrap();
    let (bucket, key) = match path.split_once('/') {
        Some((bucket, key)) => (bucket.to_owned(), Some(key.to_owned()).filter(|key| !key.is_empty())),
        None => (path.to_owned(), None),
    };
    let query = Query::parse(head.query()).unwrap();
    let rules = Rules { keys: KeyRules::REFUSE, unknown: Unknown::Refuse };
    let auth = match method {
        "POST" if crate::s3::form::is_form(&head) => Auth::Form,
        _ if target.contains("X-Amz-Signature") => Auth::Query,
        _ => Auth::Header,
    };
    route::route(Some(bucket).filter(|bucket| !bucket.is_empty()), key, &head, &query, auth, rules).unwrap()
}

fn document(routed: &Routed, body: &str) -> Document {
    assert!(body.is_empty() || matches!(routed.operation.spec().body, BodyKind::Xml { .. }));
    Document::read(routed.operation, body.as_bytes()).unwrap()
}

fn given<'a>(routed: &'a Routed, document: &'a Document) -> Given<'a> {
    Given { partition: "aws", routed, document }
}

fn user() -> Principal {
    Principal {
        arn: format!("arn:aws:iam::{OWNER}:user/team/alice"),
        account: OWNER.to_owned(),
        kind: Kind::User,
        policies: Vec::new(),
        tags: BTreeMap::from([("Team".to_owned(), "red".to_owned())]),
        session: None,
    }
}

/// What temporary credentials say.
fn session(mfa: bool) -> Session {
    Session {
        issued: Seconds(1_772_446_000),
        expires: Seconds(1_772_450_000),
        policies: SessionPolicies::default(),
        tags: BTreeMap::new(),
        transitive: Vec::new(),
        source_identity: Some("bob".to_owned()),
        mfa,
        federated: Some(Federated {
            issuer: "https://idp.example".to_owned(),
            subject: "s".to_owned(),
            audience: "a".to_owned(),
        }),
    }
}

/// A user over TLS with a header signature, nothing special.
fn facts(principal: &Principal) -> Facts<'_> {
    Facts {
        caller: Caller { principal, organization: None },
        signature: Signature {
            kind: Auth::Header,
            algorithm: "AWS4-HMAC-SHA256",
            signed: Some(Seconds(1_772_446_800)),
        },
        channel: Channel { tls: Some("1.3"), address: IpAddr::from([203, 0, 113, 9]), endpoint: None },
        now: NOW,
        region: "eu-central-1",
        target: Owner { account: Some(OWNER), ..Owner::default() },
        source: Owner { account: Some(SOURCE_OWNER), ..Owner::default() },
        content_sha256: None,
        user_agent: None,
        referer: None,
        kms_key: None,
    }
}
