//! One generation of what requests are judged by. A request pins one from its first octet to its last.

use std::sync::Arc;

use crate::identity::{Directory, Principal};
use crate::policy::{self, Grant, Question};
use crate::s3::address::{self, Resource};
use crate::s3::route::{self, Auth, Routed, Rules};
use crate::s3::uri::Query;
use crate::s3::{Code, Fault, Head, Operation};
use crate::sigv4::{self, Credential, KeyCache, KeySource, Rejection, Verified};
use crate::time::Seconds;

/// A region that is served: how it is addressed, and where its requests go.
#[derive(Clone, Debug)]
pub struct Site {
    /// Host names and region.
    pub address: address::Settings,
    /// How signatures for it are verified.
    pub signature: sigv4::Settings,
    /// What requests are routed by.
    pub rules: Rules,
    /// Its store, by its place among the worker's.
    pub store: usize,
}

/// One generation.
pub struct Live {
    /// The sites of each listener, the first one tried first.
    pub listeners: Vec<Vec<Site>>,
    /// Who may sign.
    pub directory: Directory,
    /// The account this proxy speaks for; owner of every bucket until buckets have settings.
    pub account: String,
    /// Uploads up to this many octets are verified before the store hears of them.
    pub verify_first: u64,
    /// Counts generations.
    pub number: u64,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Live({})", self.number)
    }
}

/// Where a request goes and what it asks; or, kept until the caller is known, what is wrong with that.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) site: usize,
    pub(super) auth: Auth,
    /// The bucket that a form is addressed to.
    pub(super) form_bucket: Option<String>,
    pub(super) routed: Result<Routed, Fault>,
}

impl Live {
    /// Maps and routes a request.
    ///
    /// # Errors
    /// What is answered at once: host, path, query that does not decode, kinds of authentication.
    pub(super) fn find(&self, listener: usize, head: &Head<'_>) -> Result<Found, Fault> {
        let host = sigv4::host(head)?;
        let (site, kept) = self.map(listener, host, head)?;
        let query = Query::parse(head.query())?;
        let auth = sigv4::kind(head, &query)?;
        let rules = self.site(listener, site)?.rules;
        let form_bucket = match &kept {
            Ok(Resource::Bucket { bucket, key: None }) if auth == Auth::Form => Some(bucket.clone()),
            _ => None,
        };
        let routed = kept.and_then(|resource| match resource {
            Resource::Service => route::route(None, None, head, &query, auth, rules),
            Resource::Bucket { bucket, key } => route::route(Some(bucket), key, head, &query, auth, rules),
            Resource::AccessPoint { .. } => {
                Err(not_here("access-point", "Access points are not available in this version."))
            }
            Resource::Control { .. } => Err(not_here("s3-control", "S3 Control is not available in this version.")),
            Resource::Kms | Resource::Sts => {
                Err(not_here("other-service", "This service is not available in this version."))
            }
        });
        Ok(Found { site, auth, form_bucket, routed })
    }

    /// The first site of the listener that serves the host.
    fn map(&self, listener: usize, host: &[u8], head: &Head<'_>) -> Result<(usize, address::Kept), Fault> {
        let mut refused = None;
        for (at, site) in self.listeners.get(listener).into_iter().flatten().enumerate() {
            match address::map(&site.address, host, head) {
                Ok(kept) => return Ok((at, kept)),
                Err(fault) => refused = Some(fault),
            }
        }
        Err(refused.unwrap_or_else(|| Fault::plain(Code::InternalError, "no-site")))
    }

    /// A site of a listener.
    pub(super) fn site(&self, listener: usize, site: usize) -> Result<&Site, Fault> {
        let found = self.listeners.get(listener).and_then(|sites| sites.get(site));
        found.ok_or_else(|| Fault::plain(Code::InternalError, "no-site"))
    }

    /// Verifies who signed.
    pub(super) fn verify(
        &self,
        site: &Site,
        auth: Auth,
        request: &sigv4::Request<'_>,
        cache: &KeyCache,
        now: Seconds,
    ) -> Result<(Arc<Principal>, Verified), Box<Rejection>> {
        let verified = sigv4::verify(auth, request, self, &site.signature, cache, now)?;
        let who = match verified.access_key() {
            None => Principal::anonymous(),
            Some(key) => match self.directory.find(key) {
                Some(key) => Arc::clone(&key.principal),
                None => return Err(Fault::plain(Code::InternalError, "key-vanished").into()),
            },
        };
        Ok((who, verified))
    }

    /// Asks policy about an operation.
    ///
    /// # Errors
    /// `AccessDenied`
    pub(super) fn decide(&self, who: &Principal, routed: &Routed) -> Result<Grant, Fault> {
        self.check_expected_owner(routed)?;
        let action = action(routed.operation);
        let resource = resource(routed);
        let question = Question {
            account: Some(who.account.as_str()).filter(|_| !who.is_anonymous()),
            policies: &who.policies,
            owner: &self.account,
            action: &action,
            resource: &resource,
        };
        policy::decide(&question).map_err(|denial| denied(who, &action, &resource, denial.reason()))
    }

    /// `x-amz-expected-bucket-owner` and its like for the source of a copy.
    fn check_expected_owner(&self, routed: &Routed) -> Result<(), Fault> {
        for name in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
            if routed.headers.get(name).is_some_and(|expected| expected.as_bytes() != self.account.as_bytes()) {
                return Err(
                    Fault::plain(Code::AccessDenied, "expected-owner").detail(format!("{name} names another account"))
                );
            }
        }
        Ok(())
    }
}

impl KeySource for Live {
    fn find(&self, access_key: &str) -> Option<Credential<'_>> {
        let key = self.directory.find(access_key)?;
        Some(Credential { secret: &key.secret, token: key.token.as_ref(), expires: key.expires })
    }

    fn generation(&self) -> u64 {
        self.number
    }
}

/// The words of a denial for a caller who may know the reason (spec/errors.md 5); strangers hear less.
fn denied(who: &Principal, action: &str, resource: &str, reason: &'static str) -> Fault {
    let fault = if who.is_anonymous() {
        Fault::plain(Code::AccessDenied, "policy")
    } else {
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: \"{resource}\" because no identity-based policy allows the {action} action",
            who.arn
        );
        Fault::new(Code::AccessDenied, "policy", message)
    };
    fault.detail(reason)
}

/// The action an operation needs, until the map of permissions takes its place.
fn action(operation: Operation) -> String {
    match operation {
        Operation::HeadObject => "s3:GetObject".to_owned(),
        Operation::HeadBucket | Operation::ListObjects | Operation::ListObjectsV2 => "s3:ListBucket".to_owned(),
        Operation::ListBuckets => "s3:ListAllMyBuckets".to_owned(),
        Operation::DeleteObjects => "s3:DeleteObject".to_owned(),
        Operation::CopyObject
        | Operation::CreateMultipartUpload
        | Operation::UploadPart
        | Operation::UploadPartCopy
        | Operation::CompleteMultipartUpload => "s3:PutObject".to_owned(),
        other => format!("s3:{}", other.name()),
    }
}

fn resource(routed: &Routed) -> String {
    match (&routed.bucket, &routed.key) {
        (None, _) => "*".to_owned(),
        (Some(bucket), None) => format!("arn:aws:s3:::{bucket}"),
        (Some(bucket), Some(key)) => format!("arn:aws:s3:::{bucket}/{key}"),
    }
}

fn not_here(reason: &'static str, message: &'static str) -> Fault {
    Fault::new(Code::NotImplemented, reason, message)
}
