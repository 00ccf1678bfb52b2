//! Settings that are kept here and not by the store: policies of buckets, Block Public Access, default
//! encryption, access logs, Object Ownership, and what takes the place of access control lists (spec/policy-evaluation.md 8.6, 9.1;
//! spec/policy-language.md 8).
//!
//! A request about them passes every stage like any other. What it changes is written down by a
//! [`Keeper`], which takes a generation in with it, so that whoever is told of success finds it in force.

use std::pin::Pin;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::destination;
use super::judge::Case;
use super::lockout;
use super::logging;
use super::look;
use super::naming;
use super::points;
use super::rehearsal;
use super::walk::Store;
use crate::access::{self, Point, Side};
use crate::guard;
use crate::policy::document::{Document as Policy, Principal, Who};
use crate::policy::encryption::BucketDefault;
use crate::policy::engine::public::{Block, PolicyOf, PolicyWrite, is_public};
use crate::policy::logging::BucketLogging;
use crate::policy::put;
use crate::s3::tags::Tags;
use crate::s3::xml::{CONTROL_NAMESPACE, Element, S3_NAMESPACE, Writer};
use crate::s3::{Code, Fault, Operation};
use crate::turn::apart;
use crate::upstream::{Reply, ReplyBody};

/// A change of what policies say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// The policy of a bucket; none to remove it.
    Policy {
        /// The bucket.
        bucket: String,
        /// The document, as it was sent.
        document: Option<Bytes>,
        /// The root user of the bucket's account obeys it, too, whatever it says about policies.
        binds_root: bool,
    },
    /// The default encryption of a bucket; none to remove it.
    Encryption {
        /// The bucket.
        bucket: String,
        /// What it does with what says nothing.
        default: Option<BucketDefault>,
    },
    /// Where the access log of a bucket goes; none to switch it off.
    Logging {
        /// The bucket.
        bucket: String,
        /// Where.
        logging: Option<BucketLogging>,
    },
    /// Block Public Access of a bucket; none to remove it.
    Block {
        /// The bucket.
        bucket: String,
        /// The four settings.
        block: Option<Block>,
    },
    /// Block Public Access of an account; none to remove it.
    AccountBlock {
        /// The account.
        account: String,
        /// The four settings.
        block: Option<Block>,
    },
    /// An access point is to be made; that of its name must not exist.
    NewPoint {
        /// All of it.
        point: Box<Point>,
    },
    /// The policy of an access point; none to remove it.
    PointPolicy {
        /// The access point, by its ARN.
        arn: String,
        /// The document, as it was sent.
        document: Option<Bytes>,
    },
    /// Some tags of an access point. The others stay as they are.
    PointTags {
        /// The access point, by its ARN.
        arn: String,
        /// Those that it has from now on.
        set: Tags,
        /// The keys of those that it has no more.
        removed: Vec<String>,
    },
    /// An access point is to go, and its policy with it.
    PointGone {
        /// The access point, by its ARN.
        arn: String,
    },
    /// A bucket was made: whose it is, and that nothing of it is public.
    Made {
        /// The bucket.
        bucket: String,
        /// The account that owns it.
        owner: String,
    },
    /// A bucket is gone, and with it what was said of it.
    Gone {
        /// The bucket.
        bucket: String,
    },
    /// The name of a bucket that is gone is retired.
    Retired {
        /// The bucket.
        bucket: String,
        /// The principal who may use it again.
        by: String,
    },
    /// A retired name was used again.
    Reused {
        /// The bucket.
        bucket: String,
        /// The principal who did.
        by: String,
    },
}

/// Writes changes down.
pub trait Keeper: Send + Sync {
    /// Writes a change down and takes it in: when this has come back, new requests are decided by it.
    ///
    /// # Errors
    /// What the caller hears of a change that was not taken in. Then nothing has changed.
    fn change(&self, change: Change) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + '_>>;
}

/// What is left to be done of a request that this process answers.
#[derive(Debug)]
pub(super) enum Setting {
    /// To tell this.
    Told(Box<Reply>),
    /// To write this down, and to tell that when it is done.
    Answered(Change, Box<Reply>),
    /// To write this down.
    Change(Change),
}

/// Whether this process answers an operation itself.
pub(super) const fn is_kept_here(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::DeleteBucketEncryption
            | Operation::DeleteBucketOwnershipControls
            | Operation::DeleteBucketPolicy
            | Operation::DeletePublicAccessBlock
            | Operation::GetBucketAcl
            | Operation::GetBucketEncryption
            | Operation::GetBucketLogging
            | Operation::GetBucketOwnershipControls
            | Operation::GetBucketPolicy
            | Operation::GetBucketPolicyStatus
            | Operation::GetObjectAcl
            | Operation::GetPublicAccessBlock
            | Operation::PutBucketAcl
            | Operation::PutBucketEncryption
            | Operation::PutBucketLogging
            | Operation::PutBucketOwnershipControls
            | Operation::PutBucketPolicy
            | Operation::PutObjectAcl
            | Operation::PutPublicAccessBlock
    )
}

/// The status that tells of a change.
pub(super) const fn done(operation: Operation) -> StatusCode {
    match operation {
        Operation::DeleteAccessPoint
        | Operation::DeleteAccessPointPolicy
        | Operation::DeleteBucketEncryption
        | Operation::DeleteBucketPolicy
        | Operation::DeletePublicAccessBlock
        | Operation::PutBucketPolicy
        | Operation::TagResource
        | Operation::UntagResource => StatusCode::NO_CONTENT,
        _ => StatusCode::OK,
    }
}

/// Applies the rules about settings; says what comes of a request about something that is kept here.
///
/// # Errors
/// Access control lists that are not supported; a bucket or object that is not there; what [`settle`] finds.
pub(super) async fn guard(
    case: &Case<'_>,
    document: Option<&Bytes>,
    stores: &[Store],
    at: usize,
) -> Result<Option<Setting>, Fault> {
    rehearsal::play(case)?;
    let routed = case.routed;
    let document = document.map(Bytes::as_ref).unwrap_or_default();
    if let Some(account) = &routed.account {
        return apart(|| guard_account(case, account, document, stores, at)).await.map(Some);
    }
    let Some(bucket) = routed.bucket.as_deref() else { return Ok(None) };
    naming::check(case, bucket)?;
    if guard::speaks_of_lists(routed) {
        let creates = routed.operation == Operation::CreateBucket;
        let estate = &case.live.estate;
        let owner = if creates { case.who.account.as_str() } else { estate.owner(bucket) };
        guard::check_acl(routed, &estate.canonical_id(owner), document)?;
    }
    destination::check(case, bucket, document)?;
    let of_names = matches!(routed.operation, Operation::CreateBucket | Operation::DeleteBucket);
    if of_names || is_kept_here(routed.operation) {
        return apart(|| guard_bucket(case, bucket, document, stores, at)).await;
    }
    Ok(None)
}

async fn guard_account(
    case: &Case<'_>,
    account: &str,
    document: &[u8],
    stores: &[Store],
    at: usize,
) -> Result<Setting, Fault> {
    match case.routed.operation {
        Operation::DeletePublicAccessBlock | Operation::GetPublicAccessBlock | Operation::PutPublicAccessBlock => {
            of_account(case, account, document)
        }
        _ => points::settle(case, account, document, stores, at).await,
    }
}

async fn guard_bucket(
    case: &Case<'_>,
    bucket: &str,
    document: &[u8],
    stores: &[Store],
    at: usize,
) -> Result<Option<Setting>, Fault> {
    let (routed, estate) = (case.routed, &case.live.estate);
    check_elsewhere(case, bucket, stores, at).await?;
    check_host_name(case, bucket)?;
    let foreign = routed.operation == Operation::CreateBucket && case.who.account != estate.owner(bucket);
    if !foreign && !is_kept_here(routed.operation) {
        return Ok(None);
    }
    let store = stores.get(at).ok_or_else(|| Fault::plain(Code::InternalError, "no-store"))?;
    let there = look::has_bucket(case, store, bucket).await?;
    if foreign {
        if !case.live.policy_api {
            let message = "Buckets of this account are made by the operator of this endpoint.";
            return Err(Fault::new(Code::AccessDenied, "policy-api-off", message));
        }
        // Whoever makes a bucket owns it: of one that is there already that would be a theft.
        return if there || estate.knows(bucket) { Err(taken(bucket)) } else { Ok(None) };
    }
    if !there {
        return Err(case.no_bucket(bucket));
    }
    let of_object = matches!(routed.operation, Operation::GetObjectAcl | Operation::PutObjectAcl);
    if of_object && !look::is_there(case, store, Side::Target).await? {
        return Err(case.missing(Side::Target));
    }
    if routed.operation == Operation::PutBucketLogging {
        let logging = logging::settle(case, bucket, document, stores, at).await?;
        return Ok(Some(Setting::Change(Change::Logging { bucket: bucket.to_owned(), logging })));
    }
    settle(case, bucket, document).map(Some)
}

/// A name is one bucket, whatever store it is in, because there is one policy and one owner for it: who
/// makes it in a second store would be its owner in the first one, and to remove it there would remove what
/// guards it here.
///
/// # Errors
/// `BucketAlreadyExists`; `AccessDenied` where another store has a bucket of the name that is to be removed;
/// `ServiceUnavailable` where one does not say.
async fn check_elsewhere(case: &Case<'_>, bucket: &str, stores: &[Store], at: usize) -> Result<(), Fault> {
    let removes = case.routed.operation == Operation::DeleteBucket;
    if !removes && case.routed.operation != Operation::CreateBucket {
        return Ok(());
    }
    for (_, store) in stores.iter().enumerate().filter(|(place, _)| *place != at) {
        if !look::has_bucket(case, store, bucket).await? {
            continue;
        }
        let message = "Another store behind this endpoint has a bucket of this name, and both have the same policies.";
        return Err(match removes {
            true => Fault::new(Code::AccessDenied, "bucket-elsewhere", message),
            false => taken(bucket).detail(message),
        });
    }
    Ok(())
}

/// The host name of an access point leads to it, so that a new bucket of that name could not be reached.
///
/// # Errors
/// `InvalidBucketName`
fn check_host_name(case: &Case<'_>, bucket: &str) -> Result<(), Fault> {
    if case.routed.operation == Operation::CreateBucket && case.live.claims(bucket) {
        let fault = Fault::plain(Code::InvalidBucketName, "bucket-name-of-access-point").with("BucketName", bucket);
        return Err(fault.detail("an access point has the host name of this bucket"));
    }
    Ok(())
}

/// Block Public Access of an account (spec/access-points.md 7.3).
fn of_account(case: &Case<'_>, account: &str, document: &[u8]) -> Result<Setting, Fault> {
    let (estate, owned) = (&case.live.estate, account.to_owned());
    let block = match case.routed.operation {
        Operation::GetPublicAccessBlock => {
            let block = estate.account_block(account).ok_or_else(|| no_block().with("AccountId", account))?;
            return Ok(of(told("application/xml", write_block(block, CONTROL_NAMESPACE))));
        }
        Operation::PutPublicAccessBlock => Some(read_block(document)?),
        _ => None,
    };
    for bucket in estate.rules().buckets().filter(|bucket| estate.owner(bucket) == account) {
        naming::check_block(case, bucket, |levels| levels.account = block.unwrap_or_default())?;
    }
    if estate.rules().block_levels("", account, None).organization.is_some() {
        let fault = Fault::plain(Code::AccessDenied, "organization-block");
        return Err(fault.detail("the organization sets Block Public Access for all of its accounts"));
    }
    Ok(Setting::Change(Change::AccountBlock { account: owned, block }))
}

fn no_block() -> Fault {
    let message = "The public access block configuration was not found";
    Fault::new(Code::NoSuchPublicAccessBlockConfiguration, "no-block", message)
}

fn taken(bucket: &str) -> Fault {
    let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the \
        system. Please select a different name and try again.";
    Fault::new(Code::BucketAlreadyExists, "bucket-exists", message).with("BucketName", bucket)
}

/// Finds out what a request about a setting comes to. It has been allowed, and its document verified.
///
/// # Errors
/// What is wrong with the document; what is not there; what Block Public Access refuses.
fn settle(case: &Case<'_>, bucket: &str, document: &[u8]) -> Result<Setting, Fault> {
    let estate = &case.live.estate;
    let owned = bucket.to_owned();
    let change = match case.routed.operation {
        Operation::PutBucketPolicy => {
            let policy = check_policy(case, bucket, document)?;
            let binds_root = lockout::is_confirmed(case);
            lockout::warn(case, bucket, policy, binds_root)?;
            Change::Policy { bucket: owned, document: Some(Bytes::copy_from_slice(document)), binds_root }
        }
        Operation::DeleteBucketPolicy => Change::Policy { bucket: owned, document: None, binds_root: false },
        Operation::DeletePublicAccessBlock | Operation::PutPublicAccessBlock => {
            let put = case.routed.operation == Operation::PutPublicAccessBlock;
            let block = put.then(|| read_block(document)).transpose()?;
            naming::check_block(case, bucket, |levels| levels.bucket = block.unwrap_or_default())?;
            Change::Block { bucket: owned, block }
        }
        Operation::GetBucketPolicy => {
            let text = estate.kept(bucket).and_then(|kept| kept.policy.clone());
            return Ok(of(told("application/json", text.ok_or_else(|| no_policy(called(case, bucket)))?)));
        }
        Operation::GetBucketPolicyStatus => {
            let public = estate.rules().has_public_policy(bucket).ok_or_else(|| no_policy(bucket))?;
            return Ok(xml("PolicyStatus", |out| out.element("IsPublic", flag(public))));
        }
        Operation::GetPublicAccessBlock => {
            let block =
                estate.kept(bucket).and_then(|kept| kept.block).ok_or_else(|| no_block().with("BucketName", bucket))?;
            return Ok(of(told("application/xml", write_block(block, S3_NAMESPACE))));
        }
        Operation::PutBucketEncryption => {
            let before = estate.kept(bucket).and_then(|kept| kept.encryption.as_ref());
            Change::Encryption { bucket: owned, default: Some(BucketDefault::parse(document, before)?) }
        }
        Operation::DeleteBucketEncryption => Change::Encryption { bucket: owned, default: None },
        Operation::GetBucketEncryption => {
            let kept = estate.kept(bucket).and_then(|kept| kept.encryption.as_ref());
            let document = kept.map_or_else(|| BucketDefault::default().write(), BucketDefault::write);
            return Ok(of(told("application/xml", document.into())));
        }
        Operation::GetBucketLogging => {
            let kept = estate.kept(bucket).and_then(|kept| kept.logging.as_ref());
            return Ok(of(told("application/xml", BucketLogging::write(kept).into())));
        }
        Operation::GetBucketOwnershipControls => {
            return Ok(xml("OwnershipControls", |out| {
                out.open("Rule");
                out.element("ObjectOwnership", "BucketOwnerEnforced");
                out.close("Rule");
            }));
        }
        Operation::PutBucketOwnershipControls => {
            check_ownership(document)?;
            return Ok(nothing());
        }
        Operation::DeleteBucketOwnershipControls => {
            let message = "Only BucketOwnerEnforced is available here: it cannot be removed.";
            return Err(Fault::new(Code::NotImplemented, "ownership", message));
        }
        Operation::GetBucketAcl | Operation::GetObjectAcl => {
            return Ok(of(told("application/xml", owners_list(case, bucket))));
        }
        // The guard has made sure that it says what is so anyway.
        Operation::PutBucketAcl | Operation::PutObjectAcl => return Ok(nothing()),
        other => return Err(Fault::plain(Code::InternalError, "not-kept-here").detail(other.name())),
    };
    Ok(Setting::Change(change))
}

/// Checks a policy as PutBucketPolicy does: the language, S3's own tests, Block Public Access.
fn check_policy(case: &Case<'_>, bucket: &str, document: &[u8]) -> Result<Policy, Fault> {
    let target = put::Target::Bucket { partition: &case.site.address.partition, name: bucket };
    let document = put::check(document, &target, &|principal| is_known(case, principal))?;
    let estate = &case.live.estate;
    let levels = estate.rules().block_levels(bucket, estate.owner(bucket), None);
    levels.check_policy(&document, PolicyWrite::Bucket { through_access_point: false }).map_err(|blocked| {
        let resource = format!("arn:{}:s3:::{bucket}", case.site.address.partition);
        let words = blocked.message(&case.who.arn, "s3:PutBucketPolicy", &resource);
        Fault::new(Code::AccessDenied, blocked.reason(), words)
    })?;
    naming::check_policy(case, bucket, is_public(&document, PolicyOf::Bucket))?;
    Ok(document)
}

/// Whether a principal is there. Of accounts that are not ours nothing is known, so that it may be.
pub(super) fn is_known(case: &Case<'_>, principal: &Principal) -> bool {
    let directory = &case.live.directory;
    let account = |arn: &str| arn.split(':').nth(4).unwrap_or_default().to_owned();
    match &principal.who {
        Who::User(arn) if directory.knows_account(&account(arn)) => directory.users().any(|user| user.arn == *arn),
        Who::Role(arn) if directory.knows_account(&account(arn)) => directory.role(arn).is_some(),
        Who::Root(arn) if directory.knows_account(&account(arn)) => directory.lives_in(arn),
        _ => true,
    }
}

/// Reads four settings. What is not said is off.
///
/// # Errors
/// `MalformedXML`; `InvalidRequest` where nothing is said at all.
fn read_block(document: &[u8]) -> Result<Block, Fault> {
    let root = Element::parse(document, "PublicAccessBlockConfiguration")?;
    let block = access::read_block(&root)?;
    if root.children.is_empty() {
        let message = "Must specify at least one configuration.";
        return Err(Fault::new(Code::InvalidRequest, "block-empty", message));
    }
    Ok(block)
}

/// Writes four settings.
fn write_block(block: Block, namespace: &str) -> Bytes {
    let mut out = Writer::document();
    out.open_in("PublicAccessBlockConfiguration", namespace);
    write_switches(&mut out, block);
    out.close("PublicAccessBlockConfiguration");
    out.finish().into()
}

pub(super) fn write_switches(out: &mut Writer, block: Block) {
    out.element("BlockPublicAcls", flag(block.public_acls));
    out.element("IgnorePublicAcls", flag(block.ignore_public_acls));
    out.element("BlockPublicPolicy", flag(block.public_policy));
    out.element("RestrictPublicBuckets", flag(block.restrict_public_buckets));
}

pub(super) const fn flag(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

fn check_ownership(document: &[u8]) -> Result<(), Fault> {
    let malformed = crate::s3::xml::malformed;
    let root = Element::parse(document, "OwnershipControls")?;
    root.only(&["Rule"])?;
    let rule = root.child("Rule")?.ok_or_else(malformed)?;
    rule.only(&["ObjectOwnership"])?;
    let ownership = rule.text_of("ObjectOwnership")?.ok_or_else(malformed)?.trim();
    if !matches!(ownership, "BucketOwnerEnforced" | "BucketOwnerPreferred" | "ObjectWriter") {
        return Err(malformed());
    }
    guard::check_ownership(Some(ownership.as_bytes()))
}

/// What a list says where none is in force: the owner has full control.
fn owners_list(case: &Case<'_>, bucket: &str) -> Bytes {
    let account = case.live.estate.owner(bucket);
    let id = case.live.estate.canonical_id(account);
    let owner = format!("<ID>{id}</ID><DisplayName>{account}</DisplayName>");
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AccessControlPolicy xmlns=\"{S3_NAMESPACE}\"><Owner>{owner}</Owner>\
         <AccessControlList><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:type=\"CanonicalUser\">{owner}</Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>\
         </AccessControlPolicy>"
    );
    text.into()
}

/// What the client calls the bucket.
fn called<'a>(case: &Case<'a>, bucket: &'a str) -> &'a str {
    case.routed.through.as_deref().map_or(bucket, |through| &through.shown)
}

fn no_policy(bucket: &str) -> Fault {
    let message = "The bucket policy does not exist";
    Fault::new(Code::NoSuchBucketPolicy, "no-policy", message).with("BucketName", bucket)
}

fn xml(root: &str, write: impl FnOnce(&mut Writer)) -> Setting {
    let mut out = Writer::document();
    out.open_in(root, S3_NAMESPACE);
    write(&mut out);
    out.close(root);
    of(told("application/xml", out.finish().into()))
}

fn of(reply: Reply) -> Setting {
    Setting::Told(Box::new(reply))
}

/// An answer with a document.
pub(super) fn told(kind: &'static str, document: Bytes) -> Reply {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
    let body = ReplyBody::Full(document);
    Reply { status: StatusCode::OK, headers, body, upstream_id: None, code: None, size: None }
}

fn nothing() -> Setting {
    Setting::Told(Box::new(empty(StatusCode::OK)))
}

/// An answer without a document.
pub(super) fn empty(status: StatusCode) -> Reply {
    Reply { status, headers: HeaderMap::new(), body: ReplyBody::Empty, upstream_id: None, code: None, size: None }
}
