//! A request of the past, asked again: rebuilt from its record, decided with the policies that stand now.
//!
//! Invariant: what the record does not hold is not made up. A body that decides, a text that was cut, a
//! caller who was never verified: such a request is not asked again. A condition key that no record holds is
//! absent, and said to be unknown.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde_json::Value;

use crate::access::hypothetical;
use crate::access::{
    self, Ask, Caller, Channel, Document, Endpoint, Estate, Facts, Given, Nothing, Request, Signature, tls_version,
};
use crate::audit;
use crate::identity::{Directory, Principal, Session};
use crate::policy::context::{Context, Values};
use crate::policy::engine::{Brought, Explanation, Question};
use crate::s3::head::Head;
use crate::s3::name::KeyRules;
use crate::s3::permission::Key;
use crate::s3::route::{self, Auth, Routed, Rules, Through, Unknown};
use crate::s3::uri::Query;
use crate::time::{Millis, Seconds};

/// What a text ends with in a record that had no room for all of it.
const CUT: char = '…';

/// The records of one request.
pub struct Past<'a> {
    /// The record of what was to happen.
    pub intent: &'a Value,
    /// The record of what came of it; the same one for a refusal.
    pub end: Option<&'a Value>,
}

/// A request of the past, decided with the policies that stand now.
pub struct Again {
    /// Who asked, as the directory has it today.
    pub principal: Arc<Principal>,
    /// The client's address.
    pub from: Option<IpAddr>,
    /// Every check, in order.
    pub checks: Vec<Checked>,
    /// What the decision may hang on and the record does not hold.
    pub unknown: Vec<String>,
}

/// One check of it.
pub struct Checked {
    /// `s3:GetObject`
    pub action: String,
    /// On what.
    pub resource: String,
    /// What the engine says now.
    pub explanation: Explanation,
}

/// Why a request cannot be asked again.
#[derive(Debug, Eq, PartialEq)]
pub struct Untold {
    /// What is missing.
    pub message: String,
    /// What can be done instead.
    pub help: String,
}

impl Again {
    /// Whether all of it would be allowed now.
    pub fn is_allowed(&self) -> bool {
        self.checks.iter().all(|checked| checked.explanation.decision.is_allow())
    }
}

impl Past<'_> {
    /// A text of the record.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.intent.get(name)?.as_str()
    }

    /// A text of the record that has to be whole.
    fn whole(&self, name: &str) -> Result<Option<&str>, Untold> {
        match self.text(name) {
            Some(text) if text.ends_with(CUT) => Err(untold(format!("the record has only the beginning of `{name}`"))),
            text => Ok(text),
        }
    }

    /// Decides it again.
    ///
    /// # Errors
    /// [`Untold`]: the record does not hold what decides.
    pub fn again(&self, estate: &Estate, directory: &Directory, region: &str) -> Result<Again, Untold> {
        let received = self.received()?;
        let principal = self.principal(directory, received.seconds())?;
        let routed = self.routed()?;
        let partition = principal.arn.split(':').nth(1).unwrap_or("aws");
        let given = Given { partition, routed: &routed, document: &Document::None };
        let facts = self.facts(estate, &principal, &routed, received, region)?;
        let asks = access::checks(&given, &Nothing).map_err(|fault| refused_now(&fault))?;
        let request = Request::new(given, facts, &Nothing).map_err(|fault| refused_now(&fault))?;
        let unknown = RefCell::new(BTreeSet::new());
        let checks = asks.iter().map(|ask| self.check(ask, &request, &given, estate, &unknown)).collect();
        let from = self.address();
        Ok(Again { principal, from, checks, unknown: self.unknown(unknown.into_inner()) })
    }

    fn check(
        &self,
        ask: &Ask,
        request: &Request<'_>,
        given: &Given<'_>,
        estate: &Estate,
        unknown: &RefCell<BTreeSet<String>>,
    ) -> Checked {
        let view = request.view(ask);
        let context = Recalled { context: &view, unknown };
        let question = view.question(given.consents(ask, false));
        let account = question.caller.account().unwrap_or_default();
        let question = Question { context: &context, canonical_id: estate.rules().canonical_id(account), ..question };
        let brought = Brought { endpoint: self.text("vpc_endpoint_id"), ..Brought::default() };
        Checked {
            action: ask.action().to_owned(),
            resource: ask.resource().to_owned(),
            explanation: estate.rules().explain(&question, &brought),
        }
    }

    fn received(&self) -> Result<Millis, Untold> {
        let instant = self.text("request_time").and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let instant = instant.ok_or_else(|| untold("the record does not say when it came"))?;
        Ok(Millis(instant.as_millisecond()))
    }

    /// Who asked. Nobody is taken for anonymous who claimed to be somebody.
    fn principal(&self, directory: &Directory, received: Seconds) -> Result<Arc<Principal>, Untold> {
        if self.text("requester_type") == Some("AWSService") {
            return Err(untold("nobody asked: the proxy delivered records (docs/delivery.md)"));
        }
        let Some(arn) = self.whole("requester")? else {
            let claimed = ["authentication_type", "access_key_id", "requester_type"];
            if claimed.into_iter().any(|name| self.text(name).is_some()) {
                return Err(untold("who asked was never verified, so policies were not asked"));
            }
            return Ok(Principal::anonymous());
        };
        let found = hypothetical::principal(directory, arn, received)
            .map_err(|fault| Untold { message: fault.message, help: fault.help })?;
        let begun = self.text("session_created").and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let session = begun.map(|begun| {
            let issued = Seconds(begun.as_second());
            let mfa = self.intent.get("mfa").and_then(Value::as_bool).unwrap_or_default();
            let known = found.principal.session.as_deref().cloned();
            Arc::new(Session { issued, mfa, ..known.unwrap_or_else(|| hypothetical::session(issued)) })
        });
        Ok(Arc::new(Principal { session, ..Principal::clone(&found.principal) }))
    }

    /// What was asked, routed by the same function as then.
    fn routed(&self) -> Result<Routed, Untold> {
        let operation = self.text("operation").unwrap_or_default();
        if operation == "PostObject" {
            return Err(untold("it was a form, and its fields are not on record"));
        }
        let (Some(method), Some(target)) = (self.whole("method")?, self.whole("target")?) else {
            return Err(untold("the record does not say what was asked"));
        };
        if self.intent.get("truncated").is_some() {
            return Err(untold("the record had no room for all headers"));
        }
        let headers = self.intent.get("headers").and_then(Value::as_object);
        let lines: Vec<(&[u8], &[u8])> = headers
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_bytes(), value.as_str()?.as_bytes())))
            .collect();
        if lines.iter().any(|(_, value)| value.ends_with(CUT.to_string().as_bytes())) {
            return Err(untold("the record has only the beginning of a header"));
        }
        let head = Head { method: method.as_bytes(), target: target.as_bytes(), lines: &lines, authority: None };
        let query = Query::parse(head.query()).map_err(|_| untold("its query cannot be read"))?;
        let of = |name| self.whole(name).map(|text| text.map(str::to_owned));
        // What guards refuse is not asked here: only what policy says.
        let rules = Rules { keys: KeyRules::ALLOW, unknown: Unknown::Pass };
        let routed = route::route(of("bucket_name")?, of("key")?, &head, &query, self.auth(), rules)
            .map_err(|fault| refused_now(&fault))?;
        if routed.operation.name() != operation {
            return Err(untold(format!(
                "the record says {operation}, and would be routed as {}",
                routed.operation.name()
            )));
        }
        if Document::is_needed(routed.operation) {
            let asked = routed.operation.permission().checks.first().map_or("ACTION", |check| check.action);
            return Err(Untold {
                message: format!("the body of {operation} decides, and bodies are not on record"),
                help: format!("ask with `bartizan explain --as ARN --do {asked} --on ARN --with KEY=VALUE`"),
            });
        }
        if routed.copy_source.as_ref().is_some_and(|source| source.through.is_some()) {
            return Err(untold("its source was named by an access point, and the record does not say which bucket"));
        }
        let point = of("access_point_arn")?;
        let through = point.map(|arn| Box::new(Through { arn, shown: String::new() }));
        Ok(Routed { through, ..routed })
    }

    fn auth(&self) -> Auth {
        match self.text("authentication_type") {
            Some("AuthHeader") => Auth::Header,
            Some("QueryString") => Auth::Query,
            Some("HtmlForm") => Auth::Form,
            _ => Auth::Anonymous,
        }
    }

    fn address(&self) -> Option<IpAddr> {
        self.text("remote_ip")?.parse().ok()
    }

    fn facts<'s>(
        &'s self,
        estate: &'s Estate,
        principal: &'s Principal,
        routed: &'s Routed,
        received: Millis,
        region: &'s str,
    ) -> Result<Facts<'s>, Untold> {
        let of = |bucket, through| estate.whose(bucket, through);
        let header = |name: &str| self.intent.get("headers")?.get(name)?.as_str();
        let endpoint = self.text("vpc_endpoint_id").map(|id| Endpoint { id: Some(id), ..Endpoint::default() });
        Ok(Facts {
            caller: Caller { principal, organization: estate.organization(&principal.account) },
            signature: Signature { kind: self.auth(), algorithm: "AWS4-HMAC-SHA256", signed: self.signed() },
            channel: Channel {
                tls: self.text("tls_version").and_then(tls_version),
                address: self.address().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
                endpoint,
            },
            now: received,
            region: self.text("region").unwrap_or(region),
            target: routed.bucket.as_deref().map(|bucket| of(bucket, routed.through.as_deref())).unwrap_or_default(),
            source: routed.copy_source.as_ref().map(|source| of(&source.bucket, None)).unwrap_or_default(),
            content_sha256: header("x-amz-content-sha256"),
            user_agent: self.whole("user_agent")?.map(str::as_bytes),
            referer: self.whole("referer")?.map(str::as_bytes),
            kms_key: None,
        })
    }

    /// The instant that was signed, where it counts: in a presigned request.
    fn signed(&self) -> Option<Seconds> {
        let (_, query) = self.text("target")?.split_once('?')?;
        let dates = query.split('&').filter_map(|parameter| parameter.split_once('='));
        let date = dates.into_iter().find(|(name, _)| *name == "X-Amz-Date");
        date.and_then(|(_, date)| Seconds::from_compact(date.as_bytes()))
    }

    /// What was looked for and is on no record, in words.
    fn unknown(&self, keys: BTreeSet<String>) -> Vec<String> {
        let mut unknown: Vec<String> = keys.into_iter().collect();
        if self.text("session_created").is_some() {
            unknown.push("policies and tags of the session".to_owned());
        }
        unknown
    }
}

/// Whether records hold what a key is read from.
fn is_on_record(key: Key) -> bool {
    !matches!(
        key,
        Key::S3ExistingObjectTag
            | Key::AwsSourceVpc
            | Key::AwsSourceVpcArn
            | Key::AwsVpceAccount
            | Key::AwsVpceOrgID
            | Key::AwsVpceOrgPaths
            | Key::AwsSourceIdentity
            | Key::AwsFederatedProvider
            | Key::S3ObjectLockEventHold
            | Key::S3ObjectLockEventHoldDurationDays
            | Key::S3XAmzObjectAnnotationDirective
            | Key::S3XAmzObjectIfMatch
    )
}

/// The keys of a record, which notes what conditions asked for in vain.
struct Recalled<'a> {
    context: &'a dyn Context,
    unknown: &'a RefCell<BTreeSet<String>>,
}

impl Context for Recalled<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        self.noted(key, self.context.values(key))
    }

    fn values_behind(&self, key: &str) -> Option<Values<'_>> {
        self.noted(key, self.context.values_behind(key))
    }
}

impl<'a> Recalled<'a> {
    fn noted(&self, key: &str, values: Option<Values<'a>>) -> Option<Values<'a>> {
        if values.is_none()
            && let Some((found, tag)) = Key::find(key).filter(|(found, _)| !is_on_record(*found))
        {
            let tag = tag.map(|tag| format!("/{tag}")).unwrap_or_default();
            self.unknown.borrow_mut().insert(format!("{}{tag}", found.name()));
        }
        values
    }
}

/// The records of a request among those of the journal that have its id.
pub fn past(records: &[Value]) -> Option<Past<'_>> {
    let intent = records.first()?;
    Some(Past { intent, end: records.last().filter(|end| end.get("outcome").is_some()) })
}

/// The records that the journal has of a request, as JSON.
pub fn read(entries: &[audit::Entry]) -> Vec<Value> {
    entries.iter().filter_map(|entry| serde_json::from_slice(&entry.line()).ok()).collect()
}

fn refused_now(fault: &crate::s3::Fault) -> Untold {
    untold(format!("policies would not be asked: it is refused before ({}, {})", fault.code().as_str(), fault.reason()))
}

fn untold(message: impl Into<String>) -> Untold {
    Untold { message: message.into(), help: "look at what is on record with `bartizan log find`".to_owned() }
}
