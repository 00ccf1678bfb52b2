//! Access points: what S3 Control makes of them, tells of them, and removes (spec/access-points.md 7.1, 7.2,
//! 7.4). A request about them passes every stage like any other.

use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::judge::Case;
use super::listing;
use super::look;
use super::naming;
use super::settings::{self, Change, Setting};
use super::walk::Store;
use crate::access::{self, Document, NewPoint, Owner, Point, read_policy};
use crate::policy::engine::public::{Origin, PolicyOf, PolicyWrite, is_public};
use crate::policy::put;
use crate::s3::route::invalid_point_name;
use crate::s3::tags;
use crate::s3::xml::{CONTROL_NAMESPACE, Writer};
use crate::s3::{Code, Fault, Operation, name, route};

/// How many access points an account may have.
const MOST_POINTS: usize = 10_000;

/// Finds out what a request about access points comes to. It has been allowed, and its document verified.
///
/// # Errors
/// What is wrong with the document; what is not there, or is there already; what Block Public Access refuses.
pub(super) async fn settle(
    case: &Case<'_>,
    account: &str,
    document: &[u8],
    stores: &[Store],
    at: usize,
) -> Result<Setting, Fault> {
    let Some(named) = case.routed.point.as_deref() else {
        return match case.routed.operation {
            Operation::ListAccessPoints => listing::list(case, account),
            other => Err(not_here(other)),
        };
    };
    if case.routed.operation == Operation::CreateAccessPoint {
        return create(case, account, named, document, stores, at).await;
    }
    let found = case.live.estate.access_point(&named.arn);
    let point = || found.ok_or_else(|| no_point(&named.name));
    let tagged = || found.ok_or_else(|| Fault::plain(Code::NoSuchResource, "no-such-resource"));
    let arn = named.arn.clone();
    let change = match case.routed.operation {
        Operation::GetAccessPoint => return Ok(shown(case, point()?)),
        Operation::GetAccessPointPolicy => return policy(point()?),
        Operation::GetAccessPointPolicyStatus => return status(case, point()?),
        Operation::ListTagsForResource => return Ok(tags_of(tagged()?)),
        Operation::DeleteAccessPoint => Change::PointGone { arn: point()?.arn.clone() },
        Operation::DeleteAccessPointPolicy => match point()?.policy {
            Some(_) => Change::PointPolicy { arn, document: None },
            None => return Ok(Setting::Told(Box::new(settings::empty(settings::done(case.routed.operation))))),
        },
        Operation::PutAccessPointPolicy => {
            let text = read_policy(document)?;
            check_policy(case, point()?, &text)?;
            Change::PointPolicy { arn, document: Some(Bytes::from(text)) }
        }
        Operation::TagResource => {
            let Document::TagResource(set) = Document::read(Operation::TagResource, document)? else {
                return Err(not_here(Operation::TagResource));
            };
            tagged()?;
            tags::check_of_resource(&set)?;
            Change::PointTags { arn, set, removed: Vec::new() }
        }
        Operation::UntagResource => {
            tagged()?;
            let removed = case.routed.parameters.iter().map(|(_, key)| key.clone()).collect();
            Change::PointTags { arn, set: tags::Tags::new(), removed }
        }
        other => return Err(not_here(other)),
    };
    Ok(Setting::Change(change))
}

/// What is told of a name that no access point has.
pub fn no_point(name: &str) -> Fault {
    Fault::plain(Code::NoSuchAccessPoint, "no-access-point").with("AccessPointName", name)
}

/// What is told of a name that an access point has already.
pub fn point_exists() -> Fault {
    let message = "Your previous request to create the named accesspoint succeeded and you already own it.";
    Fault::new(Code::AccessPointAlreadyOwnedByYou, "access-point-exists", message)
}

fn not_here(operation: Operation) -> Fault {
    Fault::plain(Code::InternalError, "not-kept-here").detail(operation.name())
}

/// Makes an access point: its document is checked, then the bucket, then the name.
async fn create(
    case: &Case<'_>,
    account: &str,
    named: &route::Point,
    document: &[u8],
    stores: &[Store],
    at: usize,
) -> Result<Setting, Fault> {
    let Document::CreateAccessPoint(new) = Document::read(Operation::CreateAccessPoint, document)? else {
        return Err(not_here(Operation::CreateAccessPoint));
    };
    if new.vpc.as_deref().is_some_and(|vpc| !name::is_vpc(vpc)) {
        let message = "The VPC ID in VpcConfiguration is not valid.";
        return Err(Fault::new(Code::InvalidRequest, "access-point-vpc", message));
    }
    tags::check_of_resource(&new.tags)?;
    let estate = &case.live.estate;
    if estate.access_point(&named.arn).is_some() {
        return Err(point_exists());
    }
    check_bucket(case, new.bucket_account.as_deref().unwrap_or(account), &new.bucket, stores, at).await?;
    check_host_name(case, &[&named.name, "-", account].concat(), stores).await?;
    let arns = case.site.address.place().arn(account, "");
    if estate.access_points(&arns, "").count() >= MOST_POINTS {
        return Err(Fault::plain(Code::TooManyAccessPoints, "access-point-quota"));
    }
    let point = made(case, account, named, *new)?;
    let reply = settings::told(
        "application/xml",
        result("CreateAccessPointResult", |out| {
            out.element("AccessPointArn", &point.arn);
            out.element("Alias", &point.alias);
        }),
    );
    Ok(Setting::Answered(Change::NewPoint { point: Box::new(point) }, Box::new(reply)))
}

fn made(case: &Case<'_>, account: &str, named: &route::Point, new: NewPoint) -> Result<Point, Fault> {
    let mut random = [0; 128];
    let lost = || Fault::plain(Code::InternalError, "no-randomness");
    SystemRandom::new().fill(&mut random).map_err(|_| lost())?;
    Ok(Point {
        arn: named.arn.clone(),
        name: named.name.clone(),
        account: account.to_owned(),
        region: case.site.address.region.clone(),
        bucket: new.bucket,
        bucket_account: new.bucket_account.unwrap_or_else(|| account.to_owned()),
        vpc: new.vpc,
        block: new.block,
        alias: name::alias(&named.name, random).ok_or_else(lost)?,
        created: case.facts.received.seconds(),
        tags: new.tags,
        policy: None,
    })
}

/// Whether an access point may lead to a bucket: it is there, and of the account that was named.
async fn check_bucket(case: &Case<'_>, owner: &str, bucket: &str, stores: &[Store], at: usize) -> Result<(), Fault> {
    let store = stores.get(at).ok_or_else(|| Fault::plain(Code::InternalError, "no-store"))?;
    let ours = name::is_addressable_bucket(bucket) && case.live.estate.owner(bucket) == owner;
    if ours && is_there(case, store, bucket, false).await? {
        return Ok(());
    }
    let message = "Amazon S3 AccessPoint can only be created for existing bucket";
    Err(Fault::new(Code::InvalidRequest, "access-point-bucket", message))
}

/// Whether the host name of an access point is free: a bucket of that name would be reached no more.
async fn check_host_name(case: &Case<'_>, label: &str, stores: &[Store]) -> Result<(), Fault> {
    let mut taken = case.live.estate.knows(label);
    if name::is_addressable_bucket(label) {
        for store in stores {
            taken = taken || is_there(case, store, label, true).await?;
        }
    }
    if taken { Err(invalid_point_name().detail("a bucket has the host name of this access point")) } else { Ok(()) }
}

/// Whether a store has a bucket; `foreign` is the answer where it has one that is somebody else's there.
async fn is_there(case: &Case<'_>, store: &Store, bucket: &str, foreign: bool) -> Result<bool, Fault> {
    match Box::pin(look::has_bucket(case, store, bucket)).await {
        Err(fault) if fault.code() == Code::AccessDenied => Ok(foreign),
        found => found,
    }
}

/// Checks a policy as PutAccessPointPolicy does: the language, S3's own tests, Block Public Access.
fn check_policy(case: &Case<'_>, point: &Point, text: &str) -> Result<(), Fault> {
    let target = put::Target::AccessPoint { arn: &point.arn };
    let document = put::check(text.as_bytes(), &target, &|principal| settings::is_known(case, principal))?;
    let estate = &case.live.estate;
    let levels = estate.rules().block_levels(&point.bucket, &point.account, Some(&point.arn));
    let origin = Origin::of(point.vpc.as_deref());
    let same_account = estate.owner(&point.bucket) == point.account;
    levels.check_policy(&document, PolicyWrite::AccessPoint { origin, same_account }).map_err(|blocked| {
        let words = blocked.message(&case.who.arn, "s3:PutAccessPointPolicy", &point.arn);
        Fault::new(Code::AccessDenied, blocked.reason(), words)
    })?;
    naming::check_policy(case, &point.bucket, is_public(&document, PolicyOf::AccessPoint(origin)))
}

fn policy(point: &Point) -> Result<Setting, Fault> {
    let text = point.policy.as_ref().ok_or_else(|| no_policy(point))?;
    Ok(told("GetAccessPointPolicyResult", |out| out.element("Policy", &String::from_utf8_lossy(text))))
}

fn status(case: &Case<'_>, point: &Point) -> Result<Setting, Fault> {
    let public = case.live.estate.rules().has_public_point_policy(&point.arn).ok_or_else(|| no_policy(point))?;
    Ok(told("GetAccessPointPolicyStatusResult", |out| {
        out.open("PolicyStatus");
        out.element("IsPublic", settings::flag(public));
        out.close("PolicyStatus");
    }))
}

fn no_policy(point: &Point) -> Fault {
    let message = "The specified accesspoint policy does not exist";
    Fault::new(Code::NoSuchAccessPointPolicy, "no-policy", message).with("AccessPointName", &point.name)
}

fn tags_of(point: &Point) -> Setting {
    told("ListTagsForResourceResult", |out| {
        out.open("Tags");
        for (key, value) in &point.tags {
            out.open("Tag");
            out.element("Key", key);
            out.element("Value", value);
            out.close("Tag");
        }
        out.close("Tags");
    })
}

/// The answer to GetAccessPoint.
fn shown(case: &Case<'_>, point: &Point) -> Setting {
    told("GetAccessPointResult", |out| {
        out.element("Name", &point.name);
        out.element("Bucket", &point.bucket);
        write_origin(out, point);
        out.open("PublicAccessBlockConfiguration");
        settings::write_switches(out, point.block);
        out.close("PublicAccessBlockConfiguration");
        out.element("CreationDate", &point.created.rfc3339());
        out.element("Alias", &point.alias);
        out.element("AccessPointArn", &point.arn);
        out.open("Endpoints");
        // The host name of an access point lies below the first one of the endpoint.
        if let Some(host) = case.site.address.base_domains.first() {
            out.open("entry");
            out.element("key", "ipv4");
            out.element("value", host);
            out.close("entry");
        }
        out.close("Endpoints");
        out.element("BucketAccountId", &point.bucket_account);
    })
}

/// From where an access point is reached.
pub(super) fn write_origin(out: &mut Writer, point: &Point) {
    out.element("NetworkOrigin", Origin::of(point.vpc.as_deref()).name());
    if let Some(vpc) = &point.vpc {
        out.open("VpcConfiguration");
        out.element("VpcId", vpc);
        out.close("VpcConfiguration");
    }
}

/// An answer of S3 Control.
pub(super) fn told(root: &str, write: impl FnOnce(&mut Writer)) -> Setting {
    Setting::Told(Box::new(settings::told("application/xml", result(root, write))))
}

fn result(root: &str, write: impl FnOnce(&mut Writer)) -> Bytes {
    let mut out = Writer::document();
    out.open_in(root, CONTROL_NAMESPACE);
    write(&mut out);
    out.close(root);
    out.finish().into()
}

impl<'a> Case<'a> {
    /// Of S3 Control: the account, which owns what it asks about, and the access point that is named or to be
    /// made.
    pub(super) fn control_target(&self) -> Option<Owner<'a>> {
        let account = self.routed.account.as_deref()?;
        let estate = &self.live.estate;
        let access_point = self.routed.point.as_deref().and_then(|named| match self.document {
            Document::CreateAccessPoint(new) => Some(access::AccessPoint {
                arn: &named.arn,
                account,
                network_origin: Origin::of(new.vpc.as_deref()).name(),
                tags: None,
            }),
            _ => estate.access_point(&named.arn).map(Point::seen),
        });
        Some(Owner { account: Some(account), organization: estate.organization(account), tags: None, access_point })
    }
}
