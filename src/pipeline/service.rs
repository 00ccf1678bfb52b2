//! What the service that delivers access logs may do in the bucket that they go into: its policies are asked
//! for `logging.s3.amazonaws.com`, as AWS asks them (spec/access-logs.md 8, spec/policy-evaluation.md 1).
//!
//! Pure. Whether nothing is said is enough, the caller decides: it is where somebody who may write there has
//! switched the log on, and never where something forbids it.

use super::live::{Live, Site};
use crate::access::Organization;
use crate::policy::context::Keys;
use crate::policy::engine::{Act, Brought, Caller, Decision, Question};
use crate::policy::logging::SERVICE;
use crate::s3::{Code, Fault};
use crate::time::Millis;
use crate::upstream::Forward;

/// Whose log an object is of.
#[derive(Clone, Copy, Debug)]
pub struct LogOf<'a> {
    /// The bucket that the lines are about.
    pub bucket: &'a str,
    /// The account that owns it.
    pub account: &'a str,
}

/// Decides whether the service may put an object of a log, as it would be put.
pub(super) fn decide(live: &Live, site: &Site, log: LogOf<'_>, out: &Forward, now: Millis) -> Decision {
    let (bucket, key) = (out.bucket.as_deref().unwrap_or_default(), out.key.as_deref().unwrap_or_default());
    let question = Question {
        caller: Caller::Service { name: SERVICE },
        canonical_id: None,
        action: Act::named("s3:PutObject"),
        resource: &format!("arn:{}:s3:::{bucket}/{key}", site.address.partition),
        behind: None,
        owner: live.estate.owner(bucket),
        context: &keys(live, site, log, out, now),
        consent: false,
    };
    live.estate.rules().decide(&question, &Brought::default())
}

/// What is known of a write that no client asked for. It has no address and no network, as those of AWS's
/// services have none.
fn keys(live: &Live, site: &Site, log: LogOf<'_>, out: &Forward, now: Millis) -> Keys {
    let estate = &live.estate;
    let bucket = out.bucket.as_deref().unwrap_or_default();
    let owner = estate.owner(bucket);
    let arn = format!("arn:{}:s3:::{}", site.address.partition, log.bucket);
    let now = now.seconds();
    let mut keys = Keys::default();
    for (key, value) in [
        ("aws:CurrentTime", now.rfc3339().as_str()),
        ("aws:EpochTime", now.0.to_string().as_str()),
        ("aws:PrincipalIsAWSService", "true"),
        ("aws:PrincipalServiceName", SERVICE),
        ("aws:RequestedRegion", &site.address.region),
        ("aws:ResourceAccount", owner),
        ("aws:SecureTransport", "true"),
        ("aws:SourceAccount", log.account),
        ("aws:SourceArn", &arn),
        ("aws:ViaAWSService", "false"),
        ("s3:ResourceAccount", owner),
        ("s3:authType", "REST-HEADER"),
        ("s3:signatureversion", "AWS4-HMAC-SHA256"),
    ] {
        keys.set(key, value);
    }
    keys.set_all("aws:PrincipalServiceNamesList", vec![SERVICE.to_owned()]);
    for (name, found) in [("Resource", estate.organization(owner)), ("Source", estate.organization(log.account))] {
        let Some(Organization { id, paths }) = found else { continue };
        keys.set(&format!("aws:{name}OrgID"), id.as_str());
        keys.set_all(&format!("aws:{name}OrgPaths"), paths.clone());
    }
    for (key, value) in estate.tags(bucket).into_iter().flatten() {
        keys.set(&format!("aws:ResourceTag/{key}"), value.as_str());
        keys.set(&format!("s3:BucketTag/{key}"), value.as_str());
    }
    // How it is encrypted is said as any client says it.
    for (name, value) in &out.headers {
        if let Ok(value) = value.to_str() {
            keys.set(&format!("s3:{name}"), value);
        }
    }
    keys
}

/// Checks a delivery of a log that is about to be made: nothing may forbid it. That it is allowed was seen
/// to when the log was switched on.
///
/// # Errors
/// `AccessDenied` where a policy forbids it; `InternalError` where there is no such store.
pub fn check_log(live: &Live, store: usize, log: LogOf<'_>, out: &Forward, now: Millis) -> Result<(), Fault> {
    let site = live.listeners.iter().flatten().find(|site| site.store == store);
    let site = site.ok_or_else(|| Fault::plain(Code::InternalError, "no-store"))?;
    match decide(live, site, log, out, now) {
        Decision::Allow(_) | Decision::ImplicitDeny(_) => Ok(()),
        decision @ Decision::ExplicitDeny(_) => {
            let words = decision.layer().map_or("policy", |layer| layer.words());
            let detail = format!("a {words} forbids {SERVICE} to write there");
            Err(Fault::plain(Code::AccessDenied, decision.reason()).detail(detail))
        }
    }
}
