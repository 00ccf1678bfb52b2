//! PutBucketLogging: where the access log of a bucket may go (spec/access-logs.md 9). What is taken is
//! kept like any other setting; `delivery` reads it there.
//!
//! The lines are written by the proxy itself, so what the store does by itself is not asked of it. But who
//! switches a log on makes objects in the target: its policies must let the service in, or the caller must
//! have the right to write there; and nothing may forbid it.

use bytes::Bytes;
use http::StatusCode;

use super::judge::Case;
use super::live::Site;
use super::look;
use super::own::own_put;
use super::rule;
use super::service::{self, LogOf};
use super::walk::Store;
use crate::access::Document;
use crate::body::SealedBody;
use crate::policy::engine::Decision;
use crate::policy::logging::{BucketLogging, KeyFormat, SERVICE};
use crate::s3::route::Routed;
use crate::s3::xml::Element;
use crate::s3::{Code, Fault, Operation};
use crate::upstream::{Forward, Upstream as _};

/// The longest document about a target that is read.
const LONGEST: usize = 64 << 10;

/// What a request says, if it may be kept; none where it switches logging off.
///
/// # Errors
/// The table of spec/access-logs.md 9, in its order; a prefix that no key may have.
pub(super) async fn settle(
    case: &Case<'_>,
    bucket: &str,
    document: &[u8],
    stores: &[Store],
    at: usize,
) -> Result<Option<BucketLogging>, Fault> {
    let Some(logging) = BucketLogging::parse(document)? else { return Ok(None) };
    case.site.rules.keys.check(&format!("{}2026", logging.prefix))?;
    let target = &logging.target;
    if target == bucket && !case.live.logs_into_itself {
        let message = "The bucket to be logged and the target bucket must not be the same.";
        let detail = "every delivery would be logged in its turn; `[audit] allow_self = true` allows it, without those";
        return Err(bad_target("logging-itself", message, target).detail(detail));
    }
    check_place(case, target, stores, at).await?;
    let estate = &case.live.estate;
    if estate.owner(target) != estate.owner(bucket) {
        let message = "The owner for the bucket to be logged and the target bucket must be the same.";
        return Err(bad_target("logging-owner", message, target));
    }
    check_settings(case, target, stores, at).await?;
    check_right(case, bucket, &logging, stores, at).await?;
    Ok(Some(logging))
}

/// The objects of the log may be made: by the service, as the target's policies have it, or else by whoever
/// asks for them. Otherwise the right to log one bucket would be the right to write into every other.
async fn check_right(
    case: &Case<'_>,
    bucket: &str,
    logging: &BucketLogging,
    stores: &[Store],
    at: usize,
) -> Result<(), Fault> {
    let target = &logging.target;
    let log = LogOf { bucket, account: case.live.estate.owner(bucket) };
    let key = example(case, log, logging);
    let out = own_put(case.live, at, target, &key, case.facts.id)?;
    match service::decide(case.live, case.site, log, &out, case.facts.received) {
        Decision::Allow(_) => return Ok(()),
        Decision::ExplicitDeny(_) => {
            let message = format!("The policy of the target bucket does not let {SERVICE} write there.");
            return Err(bad_target("logging-forbidden", message, target));
        }
        Decision::ImplicitDeny(_) => {}
    }
    let routed = Routed {
        operation: Operation::PutObject,
        bucket: Some(target.clone()),
        key: Some(key),
        parameters: Vec::new(),
        headers: out.headers,
        copy_source: None,
        account: None,
        point: None,
        through: None,
    };
    let store = stores.get(at).ok_or_else(|| Fault::plain(Code::InternalError, "no-store"))?;
    Box::pin(rule::check(&Case { routed: &routed, document: &Document::None, ..*case }, store)).await.map_err(|fault| {
        let detail = format!("no policy lets {SERVICE} write the log into {target}, and the caller may not");
        fault.detail(detail)
    })
}

/// A name that a file of the log could have.
fn example(case: &Case<'_>, log: LogOf<'_>, logging: &BucketLogging) -> String {
    let (year, month, day, hour, minute, second) = case.facts.received.seconds().civil();
    let file = format!("{year:04}-{month:02}-{day:02}-{hour:02}-{minute:02}-{second:02}-0000000000000000");
    let (prefix, region) = (&logging.prefix, &case.site.address.region);
    match logging.format.unwrap_or_default() {
        KeyFormat::Simple => format!("{prefix}{file}"),
        KeyFormat::Partitioned(_) => {
            let LogOf { bucket, account } = log;
            format!("{prefix}{account}/{region}/{bucket}/{year:04}/{month:02}/{day:02}/{file}")
        }
    }
}

/// The target lies in the region of the bucket that is logged.
async fn check_place(case: &Case<'_>, target: &str, stores: &[Store], at: usize) -> Result<(), Fault> {
    let missing = || bad_target("logging-target-missing", "The target bucket for logging does not exist", target);
    if !crate::s3::name::is_addressable_bucket(target) {
        return Err(missing());
    }
    for (place, store) in stores.iter().enumerate() {
        match Box::pin(look::has_bucket(case, store, target)).await {
            Ok(true) if place == at => return Ok(()),
            Ok(true) => return Err(elsewhere(case, place)),
            Ok(false) => {}
            Err(fault) if fault.reason() == "store-owner" => {
                let message = "The owner for the bucket to be logged and the target bucket must be the same.";
                return Err(bad_target("logging-owner", message, target));
            }
            Err(fault) => return Err(fault),
        }
    }
    Err(missing())
}

fn elsewhere(case: &Case<'_>, place: usize) -> Fault {
    let mut fault = Fault::plain(Code::CrossLocationLoggingProhibitted, "logging-region");
    let here = &case.site.address.region;
    if here != "us-east-1" {
        fault = fault.with("SourceBucketLocation", here);
    }
    let site = case.live.listeners.iter().flatten().find(|site| site.store == place);
    fault.with("TargetBucketLocation", site.map_or("", |site| &site.address.region))
}

/// A log is not written where nothing can be removed again, nor where readers pay: as S3 has it. Stores that
/// know neither are not asked.
async fn check_settings(case: &Case<'_>, target: &str, stores: &[Store], at: usize) -> Result<(), Fault> {
    let store = stores.get(at).ok_or_else(|| Fault::plain(Code::InternalError, "no-store"))?;
    let lock = (Operation::GetObjectLockConfiguration, "object-lock", "ObjectLockConfiguration");
    if let Some(found) = ask(case, store, target, lock).await?
        && found.child("Rule")?.is_some()
    {
        let message = "The target bucket for logging must not have a default retention period of Object Lock.";
        return Err(bad_target("logging-target-locked", message, target));
    }
    let pays = (Operation::GetBucketRequestPayment, "requestPayment", "RequestPaymentConfiguration");
    if let Some(found) = ask(case, store, target, pays).await?
        && found.text_of("Payer")? == Some("Requester")
    {
        let message = "The target bucket for logging must not have Requester Pays enabled.";
        return Err(bad_target("logging-target-pays", message, target));
    }
    Ok(())
}

/// What a store says of a setting; none where it has no such setting.
async fn ask(
    case: &Case<'_>,
    store: &Store,
    target: &str,
    (operation, subresource, root): (Operation, &str, &str),
) -> Result<Option<Element>, Fault> {
    if !has(case.site, operation) {
        return Ok(None);
    }
    let out = Forward {
        bucket: Some(target.to_owned()),
        query: vec![(subresource.to_owned(), String::new())],
        owners: case.owners(Some(target), None),
        ..Forward::own(operation, &case.who.account, case.facts.id)
    };
    let reply = store.send(Box::new(out), SealedBody::empty()).await?;
    match reply.status {
        StatusCode::OK => {
            let document: Bytes = reply.body.whole(LONGEST).await?;
            Ok(Some(Element::parse(&document, root)?))
        }
        StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED => Ok(None),
        status => {
            let detail = format!("the store answered {} when it was asked about the target bucket", status.as_u16());
            Err(Fault::plain(Code::ServiceUnavailable, "upstream-look-up").detail(detail))
        }
    }
}

/// Whether the store knows an operation. The one in this process has neither setting.
fn has(site: &Site, operation: Operation) -> bool {
    site.kind.as_ref().is_some_and(|kind| kind.has(operation))
}

fn bad_target(reason: &'static str, message: impl Into<std::borrow::Cow<'static, str>>, target: &str) -> Fault {
    Fault::new(Code::InvalidTargetBucketForLogging, reason, message).with("TargetBucket", target)
}
