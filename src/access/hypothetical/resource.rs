//! What is acted on: which action fits which ARN, and whose it is.

use super::{Implausible, Part};
use crate::access::estate::Estate;
use crate::access::facts::AccessPoint;
use crate::identity::Principal;
use crate::near::nearest;
use crate::policy::action::{Action, ResourceKind};
use crate::policy::document::arn_segments;
use crate::policy::engine::public::Origin;
use crate::policy::engine::{AccessPointRef, Act};
use crate::s3::name;

/// What is acted on, as a real request would ask about it.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) arn: String,
    /// Through an access point: the bucket or object behind it.
    pub(super) behind: Option<String>,
    pub(super) partition: String,
    pub(super) bucket: Option<String>,
    /// The account that owns it; none where nobody's is named.
    pub(super) owner: Option<String>,
    pub(super) point: Option<Point>,
}

/// An access point that exists.
#[derive(Debug)]
pub(super) struct Point {
    arn: String,
    account: String,
    origin: Origin,
}

/// The action of a name.
pub(super) fn act(name: &str) -> Result<Act<'_>, Implausible> {
    let refused = |message: String, help: String| Err(Implausible::new(Part::Action, message, help));
    if name.contains(['*', '?']) {
        return refused(
            format!("`{name}` is a pattern"),
            "ask about one action: a request needs each by name".to_owned(),
        );
    }
    match name.split_once(':') {
        Some((service, _)) if service.eq_ignore_ascii_case("s3") => match Act::named(name) {
            known @ Act::Known(_) => Ok(known),
            Act::Other(_) => refused(format!("`{name}` is no action of S3"), did_you_mean(name)),
        },
        Some((service, rest)) if service.eq_ignore_ascii_case("kms") && is_word(rest) => Ok(Act::named(name)),
        Some((service, _)) if service.eq_ignore_ascii_case("sts") => {
            let help = "the trust policy of the role decides it; ask with AssumeRole".to_owned();
            refused(format!("`{name}` is not decided by these policies alone"), help)
        }
        _ => refused(format!("`{name}` is no action of S3 or KMS"), did_you_mean(name)),
    }
}

fn did_you_mean(name: &str) -> String {
    let name = if name.contains(':') { name.to_owned() } else { format!("s3:{name}") };
    match nearest(&name, Action::all().map(Action::name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write `s3:GetObject`, for instance".to_owned(),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

impl Resource {
    /// Reads what is acted on and finds out whose it is.
    pub(super) fn new(
        act: Act<'_>,
        resource: &str,
        principal: &Principal,
        estate: &Estate,
    ) -> Result<Self, Implausible> {
        let kinds = act.known().map_or(&[ResourceKind::Other][..], Action::resources);
        let no_arn = || refused(format!("`{resource}` is no ARN"), shape(act, kinds));
        let partition = arn_segments(&principal.arn).map_or("aws", |[_, partition, ..]| partition);
        if resource == "*" {
            return Self::of_nothing(act, kinds, partition);
        }
        let [arn, partition, service, region, account, path] = arn_segments(resource).ok_or_else(no_arn)?;
        if arn != "arn" || !["aws", "aws-cn", "aws-us-gov"].contains(&partition) || path.is_empty() {
            return Err(no_arn());
        }
        let plain = Self {
            arn: resource.to_owned(),
            behind: None,
            partition: partition.to_owned(),
            bucket: None,
            owner: (!account.is_empty()).then(|| account.to_owned()),
            point: None,
        };
        if service != "s3" || !region.is_empty() || !account.is_empty() {
            let through = [ResourceKind::AccessPoint, ResourceKind::AccessPointObject];
            let point = service == "s3" && path.starts_with("accesspoint/");
            return match point && kinds.iter().any(|kind| through.contains(kind)) {
                true => plain.through(act, kinds, estate),
                false if kinds.contains(&ResourceKind::Other) => Ok(plain),
                false => Err(misfit(act, resource, kinds)),
            };
        }
        plain.in_bucket(act, kinds, path, estate)
    }

    /// `*`, for what acts on nothing in particular.
    fn of_nothing(act: Act<'_>, kinds: &[ResourceKind], partition: &str) -> Result<Self, Implausible> {
        if !kinds.contains(&ResourceKind::Other) {
            return Err(misfit(act, "*", kinds));
        }
        // ListBuckets asks about all buckets, whatever it is called with.
        let arn = if act.name() == "s3:ListAllMyBuckets" { format!("arn:{partition}:s3:::*") } else { "*".to_owned() };
        Ok(Self { arn, behind: None, partition: partition.to_owned(), bucket: None, owner: None, point: None })
    }

    /// A bucket, or an object in one.
    fn in_bucket(self, act: Act<'_>, kinds: &[ResourceKind], path: &str, estate: &Estate) -> Result<Self, Implausible> {
        if act.name() == "s3:ListAllMyBuckets" && path == "*" {
            return Ok(self);
        }
        let (bucket, key) = path.split_once('/').map_or((path, None), |(bucket, key)| (bucket, Some(key)));
        let kind = if key.is_some() { ResourceKind::Object } else { ResourceKind::Bucket };
        if !kinds.contains(&kind) {
            return Err(misfit(act, &self.arn, kinds));
        }
        if !name::is_addressable_bucket(bucket) && !name::is_legacy_bucket(bucket) {
            let help = "name one bucket: a request is about one".to_owned();
            return Err(refused(format!("`{bucket}` is no name of a bucket"), help));
        }
        if key.is_some_and(|key| key.is_empty() || key.len() > name::LONGEST_KEY) {
            let help = format!("a key has 1 to {} octets", name::LONGEST_KEY);
            return Err(refused(format!("`{}` names no object", self.arn), help));
        }
        // To make a bucket is nobody's business but the maker's: there is none yet that somebody owns.
        let owner = (act.name() != "s3:CreateBucket").then(|| estate.owner(bucket)).filter(|owner| !owner.is_empty());
        Ok(Self { bucket: Some(bucket.to_owned()), owner: owner.map(str::to_owned), ..self })
    }

    /// What is behind an access point.
    fn through(self, act: Act<'_>, kinds: &[ResourceKind], estate: &Estate) -> Result<Self, Implausible> {
        let (point, key) = match name::split_behind_access_point(&self.arn) {
            Some((point, key)) => (point, Some(key)),
            None => (self.arn.as_str(), None),
        };
        let kind = if key.is_some() { ResourceKind::AccessPointObject } else { ResourceKind::AccessPoint };
        if !kinds.contains(&kind) || key.is_some_and(str::is_empty) {
            return Err(misfit(act, &self.arn, kinds));
        }
        let Some(AccessPointRef { owner, bucket, origin }) = estate.rules().access_point(point) else {
            let help =
                "its ARN is `arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME`, with the region of the proxy".to_owned();
            return Err(refused(format!("there is no access point `{point}`"), help));
        };
        let behind = match key {
            Some(key) => format!("arn:{}:s3:::{bucket}/{key}", self.partition),
            None => format!("arn:{}:s3:::{bucket}", self.partition),
        };
        let found = Point { arn: point.to_owned(), account: owner.to_owned(), origin };
        Ok(Self {
            behind: Some(behind),
            bucket: Some(bucket.to_owned()),
            owner: Some(estate.owner(bucket).to_owned()),
            point: Some(found),
            ..self
        })
    }
}

impl Point {
    pub(super) fn facts(&self) -> AccessPoint<'_> {
        AccessPoint { arn: &self.arn, account: &self.account, network_origin: self.origin.name(), tags: None }
    }
}

fn refused(message: String, help: String) -> Implausible {
    Implausible::new(Part::Resource, message, help)
}

fn misfit(act: Act<'_>, resource: &str, kinds: &[ResourceKind]) -> Implausible {
    refused(format!("{} does not act on `{resource}`", act.name()), shape(act, kinds))
}

/// What an action acts on, as it is written.
fn shape(act: Act<'_>, kinds: &[ResourceKind]) -> String {
    let text = if kinds.contains(&ResourceKind::Object) {
        "an object: `arn:aws:s3:::BUCKET/KEY`"
    } else if kinds.contains(&ResourceKind::Bucket) {
        "a bucket: `arn:aws:s3:::BUCKET`"
    } else if act.known().is_none() {
        "a key: `arn:aws:kms:REGION:ACCOUNT:key/ID`"
    } else {
        "`*`, or something of an account: `arn:aws:s3:REGION:ACCOUNT:…`"
    };
    format!("it acts on {text}")
}
