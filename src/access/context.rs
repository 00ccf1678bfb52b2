//! The condition keys of one request: looked up by name, computed when somebody asks, visible as far as
//! the action of the check supports them (spec/s3-authorization.md 2, item 3, and 4).

use std::cell::{Cell, OnceCell};

use super::ask::{Ask, Given, Side, Spelling};
use super::document::{self, DAYS_OF_A_YEAR, Document};
use super::facts::{Facts, Owner};
use super::said::{creates, header_of};
use super::stored::{Needs, Stored};
use crate::identity::Kind;
use crate::policy::context::{Context, Values};
use crate::policy::engine::{Act, Question};
use crate::policy::value;
use crate::s3::permission::Key;
use crate::s3::route::Auth;
use crate::s3::tags::{self, Tags};
use crate::s3::{Code, Fault, Operation};
use crate::time::Millis;

/// One request, for all of its checks. What is computed for one of them is kept for the others.
///
/// Invariant: a key that the request does not carry is absent. It is never empty and never a default, but
/// for `s3:max-keys`.
pub struct Request<'a> {
    given: Given<'a>,
    facts: Facts<'a>,
    stored: &'a dyn Stored,
    header_tags: Option<Tags>,
    until: Option<Millis>,
    hold_days: Option<u32>,
    /// The tags that the query names to be removed; their values do not count.
    removed_tags: Option<Tags>,
    needs: Cell<Needs>,
    /// None while no condition has asked for such a value.
    made: OnceCell<Box<Made>>,
}

/// The condition keys of one check.
pub struct View<'a> {
    request: &'a Request<'a>,
    ask: &'a Ask,
}

/// Values that are not in the request as they are compared. Each is written when it is first asked for.
#[derive(Default)]
struct Made {
    address: OnceCell<String>,
    age: OnceCell<String>,
    canonical_source: OnceCell<String>,
    current_time: OnceCell<String>,
    epoch_time: OnceCell<String>,
    hold_days: OnceCell<String>,
    issued: OnceCell<String>,
    provider: OnceCell<String>,
    referer: OnceCell<String>,
    remaining_days: OnceCell<String>,
    tag_keys: OnceCell<Vec<String>>,
    user_agent: OnceCell<String>,
    user_id: OnceCell<String>,
}

impl<'a> Request<'a> {
    /// Reads what conditions may compare and what must be well-formed for that.
    ///
    /// # Errors
    /// `InvalidArgument`: `x-amz-tagging`, a number, a retain-until date or a duration that cannot be read. A
    /// condition that does not see what the store might read could be slipped past.
    pub fn new(given: Given<'a>, facts: Facts<'a>, stored: &'a dyn Stored) -> Result<Self, Fault> {
        check_numbers(given)?;
        let mut request = Self::bare(given, facts, stored);
        // On a copy they count only where they take the place of the source's: otherwise the request could
        // show tags that the object will not have.
        let tagging = request.header("x-amz-tagging").filter(|_| {
            given.routed.operation != Operation::CopyObject
                || request.header("x-amz-tagging-directive").is_some_and(|says| says.eq_ignore_ascii_case("REPLACE"))
        });
        request.header_tags = tagging.map(tags::from_header).transpose()?;
        request.until = request.retain_until().map(|text| instant(text).ok_or_else(|| bad_date(given))).transpose()?;
        request.hold_days = request.event_hold_days()?;
        if given.routed.operation == Operation::UntagResource {
            let keys = given.routed.parameters.iter().filter(|(name, _)| name == "tagKeys");
            request.removed_tags = Some(keys.map(|(_, key)| (key.clone(), String::new())).collect());
        }
        Ok(request)
    }

    /// A request whose headers say nothing that must be read first.
    pub(super) fn bare(given: Given<'a>, facts: Facts<'a>, stored: &'a dyn Stored) -> Self {
        Self {
            given,
            facts,
            stored,
            header_tags: None,
            until: None,
            hold_days: None,
            removed_tags: None,
            needs: Cell::new(Needs::NONE),
            made: OnceCell::new(),
        }
    }

    /// The condition keys of one of the request's checks.
    pub fn view(&'a self, ask: &'a Ask) -> View<'a> {
        View { request: self, ask }
    }

    /// What was asked for and has not been looked up: such a key was absent. Where this is not empty after
    /// a decision, the decision is not final: look up, and decide again.
    pub fn needs(&self) -> Needs {
        self.needs.get()
    }

    fn made(&self) -> &Made {
        self.made.get_or_init(Box::default)
    }

    fn need<T>(&self, known: Option<T>, needs: Needs) -> Option<T> {
        if known.is_none() {
            self.needs.set(self.needs.get().and(needs));
        }
        known
    }

    fn header(&self, name: &str) -> Option<&str> {
        let headers = &self.given.routed.headers;
        // Most reads have none that decides anything, and to look for a name costs more than to see that.
        let found = if headers.is_empty() { None } else { headers.get(name) };
        found.and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
    }

    fn retain_until(&self) -> Option<&str> {
        match self.given.document {
            Document::Retention(retention) => retention.until.as_deref(),
            _ => self.header("x-amz-object-lock-retain-until-date"),
        }
    }

    fn event_hold_days(&self) -> Result<Option<u32>, Fault> {
        if let Document::Retention(retention) = self.given.document {
            return Ok(retention.hold_days);
        }
        let number = |name: &'static str, factor: u32| -> Result<Option<u32>, Fault> {
            let Some(text) = self.header(name) else { return Ok(None) };
            let bad = || Fault::argument("event-hold-duration", "The duration must be a number.", name, None);
            document::count(text).and_then(|count| count.checked_mul(factor)).map(Some).ok_or_else(bad)
        };
        let days = number("x-amz-object-lock-event-hold-duration-days", 1)?;
        let years = number("x-amz-object-lock-event-hold-duration-years", DAYS_OF_A_YEAR)?;
        match (days, years) {
            (Some(_), Some(_)) => {
                let name = "x-amz-object-lock-event-hold-duration-years";
                Err(Fault::argument("event-hold-duration", "Give the duration in days or in years.", name, None))
            }
            _ => Ok(days.or(years)),
        }
    }

    fn object_tags(&self) -> Option<&Tags> {
        self.given.document.object_tags().or(self.header_tags.as_ref())
    }

    fn resource_tags(&self) -> Option<&Tags> {
        self.given.document.resource_tags().or(self.removed_tags.as_ref())
    }

    fn tag_keys<'s>(&'s self, tags: Option<&'s Tags>) -> Option<&'s [String]> {
        let tags = tags.filter(|tags| !tags.is_empty())?;
        Some(self.made().tag_keys.get_or_init(|| tags.iter().map(|(key, _)| key.clone()).collect()))
    }
}

impl Context for View<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        let (key, tag) = Key::find(key)?;
        if !self.ask.check.sees(key) {
            return None;
        }
        self.known(key, tag)
    }

    /// Of the bucket behind an access point the tags are its own, not those of the door, which its owner chose.
    fn values_behind(&self, key: &str) -> Option<Values<'_>> {
        match Key::find(key)? {
            (Key::AwsResourceTag, Some(tag)) if self.ask.check.sees(Key::AwsResourceTag) => self.bucket_tag(tag),
            _ => self.values(key),
        }
    }
}

impl View<'_> {
    /// A tag of the bucket.
    pub(super) fn bucket_tag(&self, tag: &str) -> Option<Values<'_>> {
        find_tag(self.owner().tags?, tag).map(Values::One)
    }

    /// The values of a key, whether the check may see it or not.
    pub(super) fn known(&self, key: Key, tag: Option<&str>) -> Option<Values<'_>> {
        match tag {
            Some(tag) => self.tag(key, tag).map(Values::One),
            None if key.has_many() => self.many(key).map(Values::Many),
            None => self.one(key).map(Values::One),
        }
    }

    /// The question of this check. `consent`: the resource's side need not be asked
    /// ([`Given::consents`]). Where nobody's bucket is named, the resource is of the caller's own account.
    pub fn question(&self, consent: bool) -> Question<'_> {
        let caller = &self.request.facts.caller;
        Question {
            caller: caller.principal.as_caller(),
            canonical_id: None,
            action: Act::named(self.ask.action()),
            resource: self.ask.resource(),
            behind: self.ask.behind(),
            owner: self.owner().account.unwrap_or(&caller.principal.account),
            context: self,
            consent,
        }
    }

    fn owner(&self) -> &Owner<'_> {
        match self.ask.side {
            Side::Source => &self.request.facts.source,
            Side::Target => &self.request.facts.target,
        }
    }

    /// Keys with the key of a tag behind the slash.
    fn tag(&self, key: Key, tag: &str) -> Option<&str> {
        let request = self.request;
        let tags = match key {
            Key::S3ExistingObjectTag => return find_tag(self.existing_tags()?, tag),
            Key::S3RequestObjectTag => request.object_tags()?,
            Key::AwsRequestTag => request.resource_tags()?,
            Key::S3BucketTag => self.owner().tags?,
            Key::S3AccessPointTag => self.owner().access_point?.tags?,
            // Of what the ARN names: through an access point, that.
            Key::AwsResourceTag => match self.owner().access_point {
                Some(point) => point.tags?,
                None => self.owner().tags?,
            },
            Key::AwsPrincipalTag => {
                let principal = request.facts.caller.principal;
                if matches!(principal.kind, Kind::Anonymous | Kind::Root | Kind::Web) {
                    return None;
                }
                return find(principal.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())), tag);
            }
            _ => return None,
        };
        find_tag(tags, tag)
    }

    /// Of the version that is there before the operation; on copies, of the source alone.
    fn existing_tags(&self) -> Option<&Tags> {
        match (self.ask.side, creates(self.request.given.routed.operation)) {
            (Side::Source, _) => self.request.need(self.request.stored.source_tags(), Needs::SOURCE_TAGS),
            (Side::Target, None) => self.request.need(self.request.stored.target_tags(), Needs::TARGET_TAGS),
            (Side::Target, Some(_)) => None, // what is overwritten says nothing of what is made
        }
    }

    fn many(&self, key: Key) -> Option<&[String]> {
        let request = self.request;
        match key {
            Key::S3RequestObjectTagKeys => request.tag_keys(request.object_tags()),
            Key::AwsTagKeys => request.tag_keys(request.resource_tags()),
            Key::S3InventoryAccessibleOptionalFields => match request.given.document {
                Document::Inventory(fields) if !fields.is_empty() => Some(fields),
                _ => None,
            },
            Key::AwsPrincipalOrgPaths => request.facts.caller.organization.map(|found| found.paths.as_slice()),
            Key::AwsResourceOrgPaths => self.owner().organization.map(|found| found.paths.as_slice()),
            Key::AwsVpceOrgPaths => request.facts.channel.endpoint?.organization.map(|found| found.paths.as_slice()),
            // Service principals and calls by way of a service do not reach this proxy.
            _ => None,
        }
    }

    fn one(&self, key: Key) -> Option<&str> {
        let facts = &self.request.facts;
        match key {
            Key::AwsCurrentTime | Key::AwsEpochTime => Some(self.time(key)),
            Key::AwsUserAgent => facts.user_agent.map(|sent| shown(sent, &self.request.made().user_agent)),
            Key::AwsReferer => facts.referer.map(|sent| shown(sent, &self.request.made().referer)),
            Key::AwsRequestedRegion => Some(facts.region),
            Key::AwsViaAWSService => Some("false"),
            Key::AwsResourceAccount | Key::S3ResourceAccount => self.owner().account,
            Key::AwsResourceOrgID => self.owner().organization.map(|found| found.id.as_str()),
            Key::S3DataAccessPointArn => self.owner().access_point.map(|point| point.arn),
            Key::S3DataAccessPointAccount => self.owner().access_point.map(|point| point.account),
            Key::S3AccessPointNetworkOrigin => self.owner().access_point.map(|point| point.network_origin),
            Key::AwsSecureTransport
            | Key::AwsSourceIp
            | Key::AwsVpcSourceIp
            | Key::AwsSourceVpc
            | Key::AwsSourceVpcArn
            | Key::AwsSourceVpce
            | Key::AwsVpceAccount
            | Key::AwsVpceOrgID
            | Key::S3TlsVersion => self.channel(key),
            Key::S3AuthType | Key::S3Signatureversion | Key::S3SignatureAge | Key::S3XAmzContentSha256 => {
                self.signature(key)
            }
            Key::AwsPrincipalAccount
            | Key::AwsPrincipalArn
            | Key::AwsPrincipalIsAWSService
            | Key::AwsPrincipalOrgID
            | Key::AwsPrincipalType
            | Key::AwsUserid
            | Key::AwsUsername => self.principal(key),
            Key::AwsAssumedRoot
            | Key::AwsEc2InstanceSourcePrivateIPv4
            | Key::AwsEc2InstanceSourceVpc
            | Key::AwsFederatedProvider
            | Key::AwsMultiFactorAuthAge
            | Key::AwsMultiFactorAuthPresent
            | Key::AwsSourceIdentity
            | Key::AwsTokenIssueTime => self.session(key),
            _ => self.said(key),
        }
    }

    fn time(&self, key: Key) -> &str {
        let (made, now) = (self.request.made(), self.request.facts.now.seconds());
        match key {
            Key::AwsEpochTime => made.epoch_time.get_or_init(|| now.0.to_string()),
            _ => made.current_time.get_or_init(|| now.rfc3339()),
        }
    }

    /// How the request came. Through a VPC endpoint the address is a private one.
    fn channel(&self, key: Key) -> Option<&str> {
        let channel = &self.request.facts.channel;
        let address = || self.request.made().address.get_or_init(|| channel.address.to_string()).as_str();
        let endpoint = channel.endpoint.as_ref();
        match key {
            Key::AwsSecureTransport => Some(bool_text(channel.tls.is_some())),
            Key::S3TlsVersion => channel.tls,
            Key::AwsSourceIp => endpoint.is_none().then(address),
            Key::AwsVpcSourceIp => endpoint.map(|_| address()),
            Key::AwsSourceVpc => endpoint?.vpc,
            Key::AwsSourceVpcArn => endpoint?.vpc_arn,
            Key::AwsSourceVpce => endpoint?.id,
            Key::AwsVpceAccount => endpoint?.account,
            Key::AwsVpceOrgID => endpoint?.organization.map(|found| found.id.as_str()),
            _ => None,
        }
    }

    fn signature(&self, key: Key) -> Option<&str> {
        let facts = &self.request.facts;
        let signature = &facts.signature;
        if key == Key::S3XAmzContentSha256 {
            return facts.content_sha256.filter(|_| signature.kind != Auth::Form);
        }
        if signature.kind == Auth::Anonymous {
            return None;
        }
        match key {
            Key::S3AuthType => Some(match signature.kind {
                Auth::Anonymous | Auth::Header => "REST-HEADER",
                Auth::Query => "REST-QUERY-STRING",
                Auth::Form => "POST",
            }),
            Key::S3Signatureversion => Some(signature.algorithm),
            // Only what can be kept and sent later has an age.
            Key::S3SignatureAge if matches!(signature.kind, Auth::Query | Auth::Form) => {
                let signed = signature.signed?.0.saturating_mul(1000);
                Some(self.request.made().age.get_or_init(|| facts.now.0.saturating_sub(signed).to_string()))
            }
            _ => None,
        }
    }

    fn principal(&self, key: Key) -> Option<&str> {
        let caller = &self.request.facts.caller;
        let principal = caller.principal;
        match (key, &principal.kind) {
            (Key::AwsPrincipalIsAWSService, _) => Some("false"),
            (Key::AwsPrincipalAccount | Key::AwsUserid, Kind::Anonymous) => Some("anonymous"),
            (Key::AwsPrincipalAccount, _) => Some(&principal.account),
            (Key::AwsPrincipalOrgID, Kind::Anonymous) => None,
            (Key::AwsPrincipalOrgID, _) => caller.organization.map(|found| found.id.as_str()),
            (Key::AwsPrincipalArn, Kind::Anonymous | Kind::Web) => None,
            (Key::AwsPrincipalArn, Kind::Role { role, .. }) => Some(role),
            (Key::AwsPrincipalArn, Kind::Root | Kind::User) => Some(&principal.arn),
            (Key::AwsPrincipalType, kind) => match kind {
                Kind::Anonymous => Some("Anonymous"),
                Kind::Role { .. } => Some("AssumedRole"),
                Kind::Root => Some("Account"),
                Kind::User => Some("User"),
                Kind::Web => None,
            },
            (Key::AwsUserid, _) => Some(self.request.made().user_id.get_or_init(|| principal.user_id())),
            (Key::AwsUsername, Kind::User) => principal.arn.rsplit('/').next(),
            _ => None,
        }
    }

    /// What only temporary credentials have.
    fn session(&self, key: Key) -> Option<&str> {
        let principal = self.request.facts.caller.principal;
        let session = principal.session.as_deref()?;
        let made = self.request.made();
        match key {
            Key::AwsTokenIssueTime => Some(made.issued.get_or_init(|| session.issued.rfc3339())),
            Key::AwsMultiFactorAuthPresent => Some(bool_text(session.mfa)),
            Key::AwsSourceIdentity => session.source_identity.as_deref(),
            // By the ARN of the provider, as where the session was begun.
            Key::AwsFederatedProvider => {
                let (provider, partition) = (session.federated.as_ref()?.provider(), self.request.given.partition);
                let arn = || format!("arn:{partition}:iam::{}:oidc-provider/{provider}", principal.account);
                Some(made.provider.get_or_init(arn))
            }
            // No credentials made here say when a factor was shown, or come from instances or AssumeRoot.
            _ => None,
        }
    }

    /// What the request itself says: headers, parameters, fields, document.
    fn said(&self, key: Key) -> Option<&str> {
        let request = self.request;
        let parameter = |name: &str| request.given.routed.parameter(name);
        match key {
            Key::S3Prefix => self.ask.prefix.as_deref().or_else(|| parameter("prefix")),
            // The test before an absence is no listing: nothing but its prefix is asked.
            Key::S3Delimiter | Key::S3MaxKeys if self.ask.prefix.is_some() => None,
            Key::S3Delimiter => parameter("delimiter"),
            // Stores read nothing as their default.
            Key::S3MaxKeys => parameter("max-keys").filter(|sent| !sent.is_empty()).or(Some("1000")),
            Key::S3AnnotationPrefix => parameter("annotation-prefix"),
            Key::S3MaxAnnotationResults => parameter("max-annotation-results"),
            Key::S3Versionid => self.version(),
            Key::S3XAmzCopySource => self.copy_source(),
            Key::S3Locationconstraint => match request.given.document {
                Document::CreateBucket(document) => document.location.as_deref(),
                // An access point is where its endpoint is.
                Document::CreateAccessPoint(_) => Some(request.facts.region),
                _ => None,
            },
            Key::S3XAmzObjectOwnership => match request.given.document {
                Document::Ownership(ownership) => Some(ownership),
                _ => request.header("x-amz-object-ownership"),
            },
            Key::S3ObjectCreationOperation => creates(request.given.routed.operation).map(bool_text),
            Key::S3XAmzServerSideEncryption
            | Key::S3XAmzServerSideEncryptionAwsKmsKeyId
            | Key::S3XAmzServerSideEncryptionCustomerAlgorithm => self.encryption(key),
            Key::S3ObjectLockMode
            | Key::S3ObjectLockRetainUntilDate
            | Key::S3ObjectLockRemainingRetentionDays
            | Key::S3ObjectLockLegalHold
            | Key::S3ObjectLockEventHold
            | Key::S3ObjectLockEventHoldDurationDays => self.lock(key),
            _ => request.header(header_of(key)?),
        }
    }

    /// The version that this check is about.
    fn version(&self) -> Option<&str> {
        let given = &self.request.given;
        if self.ask.side == Side::Source {
            return given.routed.copy_source.as_ref()?.version.as_deref();
        }
        match (given.document, self.ask.entry) {
            (Document::Delete(delete), Some(at)) => delete.entries.get(at)?.version.as_deref(),
            _ => given.routed.parameter("versionId"),
        }
    }

    fn copy_source(&self) -> Option<&str> {
        let source = self.request.given.routed.copy_source.as_ref()?;
        match self.ask.spelling {
            Spelling::Sent => Some(&source.sent),
            Spelling::Canonical => Some(self.request.made().canonical_source.get_or_init(|| source.canonical())),
        }
    }

    /// Parts and completions are encrypted as their upload was begun.
    fn encryption(&self, key: Key) -> Option<&str> {
        let request = self.request;
        let sent = match key {
            Key::S3XAmzServerSideEncryptionAwsKmsKeyId => {
                let sent = request.header("x-amz-server-side-encryption-aws-kms-key-id");
                sent.map(|sent| request.facts.kms_key.unwrap_or(sent))
            }
            _ => request.header(header_of(key)?),
        };
        let inherits = matches!(
            request.given.routed.operation,
            Operation::CompleteMultipartUpload | Operation::UploadPart | Operation::UploadPartCopy
        );
        if sent.is_some() || !inherits {
            return sent;
        }
        let upload = request.need(request.stored.upload(), Needs::UPLOAD)??;
        match key {
            Key::S3XAmzServerSideEncryption => upload.algorithm.as_deref(),
            Key::S3XAmzServerSideEncryptionAwsKmsKeyId => upload.kms_key.as_deref(),
            _ => upload.customer_algorithm.as_deref(),
        }
    }

    fn lock(&self, key: Key) -> Option<&str> {
        let request = self.request;
        let retention = match request.given.document {
            Document::Retention(retention) => Some(retention),
            _ => None,
        };
        match key {
            Key::S3ObjectLockRetainUntilDate => request.retain_until(),
            Key::S3ObjectLockRemainingRetentionDays => {
                let left = request.until?.0.saturating_sub(request.facts.now.0);
                Some(request.made().remaining_days.get_or_init(|| ceiling(left, DAY).to_string()))
            }
            Key::S3ObjectLockEventHoldDurationDays => {
                let days = request.hold_days?;
                Some(request.made().hold_days.get_or_init(|| days.to_string()))
            }
            Key::S3ObjectLockMode if retention.is_some() => retention?.mode.as_deref(),
            Key::S3ObjectLockEventHold if retention.is_some() => retention?.event_hold.as_deref(),
            Key::S3ObjectLockLegalHold => match request.given.document {
                Document::LegalHold(status) => Some(status),
                _ => request.header(header_of(key)?),
            },
            _ => request.header(header_of(key)?),
        }
    }
}

/// The tag of this key; of two that differ in case only, the one that matches exactly, else the first.
fn find<'t>(tags: impl Iterator<Item = (&'t str, &'t str)> + Clone, key: &str) -> Option<&'t str> {
    let same = |other: &str| other.chars().flat_map(char::to_lowercase).eq(key.chars().flat_map(char::to_lowercase));
    let exact = tags.clone().find(|(known, _)| *known == key);
    exact.or_else(|| tags.into_iter().find(|(known, _)| same(known))).map(|(_, value)| value)
}

fn find_tag<'t>(tags: &'t Tags, key: &str) -> Option<&'t str> {
    find(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())), key)
}

/// A day in milliseconds.
const DAY: i64 = 86_400_000;

/// An instant in ISO 8601 with its offset (`Z`, in practice), in a spelling that conditions read as well.
fn instant(text: &str) -> Option<Millis> {
    value::Instant::parse(text)?;
    text.parse::<jiff::Timestamp>().ok().map(|instant| Millis(instant.as_millisecond()))
}

/// Parameters that conditions compare as numbers: a Deny for large ones does not hold for what is none, and
/// some store may still read it as one.
fn check_numbers(given: Given<'_>) -> Result<(), Fault> {
    for name in ["max-keys", "max-annotation-results"] {
        let sent = given.routed.parameter(name).unwrap_or_default();
        if !sent.is_empty() && document::count(sent).is_none() {
            let message = format!("Provided {name} not an integer or within integer range");
            return Err(Fault::argument("number", message, name, Some(sent.to_owned())));
        }
    }
    Ok(())
}

fn bad_date(given: Given<'_>) -> Fault {
    let name = match given.document {
        Document::Retention(_) => "RetainUntilDate",
        _ => "x-amz-object-lock-retain-until-date",
    };
    let message = "The retain until date must be provided in ISO 8601 format";
    Fault::new(Code::InvalidArgument, "retain-until", message).with("ArgumentName", name)
}

/// A header's text as conditions compare it. Octets that are no text stand in it as U+FFFD: were it absent, one of
/// them would be the way past a Deny.
fn shown<'t>(sent: &'t [u8], made: &'t OnceCell<String>) -> &'t str {
    std::str::from_utf8(sent).unwrap_or_else(|_| made.get_or_init(|| String::from_utf8_lossy(sent).into_owned()))
}

const fn ceiling(amount: i64, unit: i64) -> i64 {
    amount.div_euclid(unit) + if amount.rem_euclid(unit) == 0 { 0 } else { 1 }
}

const fn bool_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
