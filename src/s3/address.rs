//! From host and path to a bucket, key or access point (spec/addressing.md 2 to 5).

mod aws;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::head::{cut, pieces, trim};
use super::name::{self, ALIAS_ENDING, FOREIGN_ENDINGS};
use super::route::{CopySource, NOT_THROUGH, Place, Through};
use super::{Code, Fault, Head, uri};
use aws::AwsEndpoint;

/// What the mapping depends on.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The one region served.
    pub region: String,
    /// Its partition: `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// Names or addresses under which the proxy is reached, lower-case, without port.
    pub base_domains: Vec<String>,
    /// Also answer for the AWS host names of the region.
    pub accept_aws_hosts: bool,
    /// Take the old bucket names in path style.
    pub legacy_bucket_names: bool,
    /// Access points that exist.
    pub access_points: AccessPoints,
}

/// Access points, found by name and by alias. Cheap to copy.
#[derive(Clone, Debug, Default)]
pub struct AccessPoints(Arc<Points>);

#[derive(Debug, Default)]
struct Points {
    /// By region, account and name.
    named: HashMap<String, Arc<AccessPoint>>,
    aliases: HashMap<String, Arc<AccessPoint>>,
}

/// An access point, as far as addressing needs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessPoint {
    /// Its name.
    pub name: String,
    /// Its account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Its alias.
    pub alias: String,
    /// The bucket behind it.
    pub bucket: String,
}

impl AccessPoints {
    /// The access point of this name.
    pub fn named(&self, region: &str, account: &str, name: &str) -> Option<&AccessPoint> {
        self.0.named.get(&key(region, account, name)).map(|point| &**point)
    }

    /// The access point of this alias.
    pub fn with_alias(&self, alias: &str) -> Option<&AccessPoint> {
        self.0.aliases.get(alias).map(|point| &**point)
    }

    /// Whether `{name}-{account}` is one of them in a region: then no bucket may be called that.
    pub fn claim(&self, region: &str, label: &str) -> bool {
        access_point_label(label).is_some_and(|(name, account)| self.named(region, account, name).is_some())
    }
}

impl FromIterator<AccessPoint> for AccessPoints {
    fn from_iter<I: IntoIterator<Item = AccessPoint>>(points: I) -> Self {
        let mut found = Points::default();
        for point in points.into_iter().map(Arc::new) {
            found.aliases.insert(point.alias.clone(), Arc::clone(&point));
            found.named.insert(key(&point.region, &point.account, &point.name), point);
        }
        Self(Arc::new(found))
    }
}

fn key(region: &str, account: &str, name: &str) -> String {
    [region, ":", account, ":", name].concat()
}

/// What a request is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resource {
    /// An access point, with the bucket behind it.
    AccessPoint {
        /// The access point, and what the client calls it.
        through: Box<Through>,
        /// The bucket behind it.
        bucket: String,
        /// The decoded key, at object level.
        key: Option<String>,
    },
    /// A bucket or an object in it.
    Bucket {
        /// The bucket.
        bucket: String,
        /// The decoded key, at object level.
        key: Option<String>,
    },
    /// S3 Control.
    Control {
        /// The account asked about.
        account: String,
    },
    /// KMS, under its AWS host name.
    Kms,
    /// The list of buckets.
    Service,
    /// STS, under its AWS host name.
    Sts,
}

/// What host and path say: a resource, or a fault that only an authenticated caller is told.
pub type Kept = Result<Resource, Fault>;

/// Maps a request.
///
/// # Errors
/// What is answered at once: a malformed host, a host that is not served, a path that does not decode.
pub fn map(settings: &Settings, host: &[u8], head: &Head<'_>) -> Result<Kept, Fault> {
    let name = host_name(host)?;
    let place = HostPlace::of(settings, &name)?;
    let path = decoded_path(head)?;
    let as_sent = matches!(path, Cow::Borrowed(_));
    Ok(Request { settings, head, path: &path, as_sent, lossy: false }.at(place))
}

/// The bucket, and the key whatever is wrong with it, that a request names: for the record of one that is
/// refused. None where no host, path or name says one.
///
/// # Errors
/// As for [`map`], but for a path that does not decode.
pub fn named(settings: &Settings, host: &[u8], head: &Head<'_>) -> Result<Option<Resource>, Fault> {
    let name = host_name(host)?;
    let place = HostPlace::of(settings, &name)?;
    let path = lossy(head.path());
    Ok(Request { settings, head, path: &path, as_sent: false, lossy: true }.at(place).ok())
}

/// What a host name stands for. It is known before the path is looked at.
enum HostPlace<'n> {
    /// An AWS host name, and what stands in front of the endpoint's own.
    Aws(AwsEndpoint, &'n str),
    /// A base domain, or a label below one.
    Base(Option<&'n str>),
}

impl<'n> HostPlace<'n> {
    fn of(settings: &Settings, name: &'n str) -> Result<Self, Fault> {
        if let Some(label) = base_and_label(settings, name) {
            return Ok(Self::Base(label));
        }
        let found = if settings.accept_aws_hosts { aws::endpoint(settings, name) } else { None };
        found.map(|(kind, label)| Self::Aws(kind, label)).ok_or_else(unknown_host)
    }
}

impl Settings {
    /// Partition and region, as they stand in ARNs.
    pub fn place(&self) -> Place<'_> {
        Place { partition: &self.partition, region: &self.region }
    }

    /// The access point that an ARN names.
    fn of_arn(&self, arn: &str) -> Result<&AccessPoint, Fault> {
        let bad = || bad_bucket(arn);
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let &[_, partition, service, region, account, resource] = parts.as_slice() else { return Err(bad()) };
        if matches!(service, "s3-object-lambda" | "s3-outposts" | "s3express") {
            return Err(foreign_endpoint());
        }
        if partition != self.partition || service != "s3" || !name::is_account(account) {
            return Err(bad());
        }
        let point =
            resource.strip_prefix("accesspoint/").or_else(|| resource.strip_prefix("accesspoint:")).ok_or_else(bad)?;
        if region.is_empty() {
            return Err(foreign_endpoint());
        }
        if !name::is_access_point(point) {
            return Err(bad());
        }
        let found = self.access_points.named(region, account, point).filter(|_| region == self.region);
        found.ok_or_else(|| no_access_point(point))
    }

    /// The access point that a name ending like an alias stands for.
    fn of_alias(&self, alias: &str) -> Result<&AccessPoint, Fault> {
        let unknown = || Fault::plain(Code::NoSuchBucket, UNKNOWN_ALIAS).with("BucketName", alias);
        self.access_points.with_alias(alias).ok_or_else(unknown)
    }

    fn through(&self, point: &AccessPoint, shown: &str) -> Through {
        let AccessPoint { name, account, region, .. } = point;
        let arn = Place { partition: &self.partition, region }.arn(account, name);
        Through { arn, shown: shown.to_owned() }
    }

    /// Finds the bucket of a copy's source that names an access point, by alias or ARN.
    ///
    /// # Errors
    /// An access point that is not there, or of a kind that is not served.
    pub fn resolve(&self, source: &mut CopySource) -> Result<(), Fault> {
        let Some(through) = &mut source.through else { return Ok(()) };
        let shown = std::mem::take(&mut through.shown);
        let point = if shown.starts_with("arn:") { self.of_arn(&shown)? } else { self.of_alias(&shown)? };
        **through = self.through(point, &shown);
        source.bucket.clone_from(&point.bucket);
        Ok(())
    }
}

/// Whether a fault tells whether an access point is there. Nobody hears of that without a signature.
pub fn is_about_access_points(fault: &Fault) -> bool {
    matches!(fault.reason(), NOT_THROUGH | UNKNOWN_ALIAS | UNKNOWN_ACCESS_POINT)
}

/// The reason of the refusal of a host that is not served.
pub const UNKNOWN_HOST: &str = "unknown-host";
const UNKNOWN_ACCESS_POINT: &str = "unknown-access-point";
const UNKNOWN_ALIAS: &str = "unknown-alias";

struct Request<'a> {
    settings: &'a Settings,
    head: &'a Head<'a>,
    /// Decoded.
    path: &'a str,
    /// Nothing in it had to be decoded.
    as_sent: bool,
    /// A key that does not decode is taken as well as it can be shown.
    lossy: bool,
}

impl Request<'_> {
    fn at(&self, place: HostPlace<'_>) -> Kept {
        match place {
            HostPlace::Base(None) => self.control(None).unwrap_or_else(|| self.path_style()),
            HostPlace::Base(Some(label)) => self.below_base(label),
            HostPlace::Aws(kind, label) => self.at_aws(kind, label),
        }
    }

    fn key<'k>(&self, wire: &'k [u8]) -> Result<Cow<'k, str>, Fault> {
        if self.lossy { Ok(lossy(wire)) } else { decode(wire) }
    }

    fn below_base(&self, label: &str) -> Kept {
        if let Some(control) = self.control(Some(label)) {
            return control;
        }
        if let Some((name, account)) = access_point_label(label)
            && let Some(found) = self.access_point(name, account)
        {
            return self.at_access_point(Ok(found), label, self.host_key());
        }
        self.bucket_named(label, self.host_key(), false)
    }

    /// S3 Control, when path and header say so. A label other than twelve digits is something else.
    fn control(&self, label: Option<&str>) -> Option<Kept> {
        let account = self.head.first("x-amz-account-id")?;
        if !self.path.starts_with("/v20180820/") || label.is_some_and(|label| !name::is_account(label)) {
            return None;
        }
        let account = std::str::from_utf8(account).ok().filter(|account| name::is_account(account));
        Some(match account {
            Some(account) if label.is_none_or(|label| label == account) => {
                Ok(Resource::Control { account: account.to_owned() })
            }
            _ => {
                let message = match account {
                    Some(_) => "The account in the host name and x-amz-account-id differ.",
                    None => "x-amz-account-id must be the 12 digits of an account.",
                };
                Err(Fault::new(Code::InvalidRequest, "account-label", message).of_control())
            }
        })
    }

    /// The key on a host that names the bucket: all of the path but its first `/`.
    fn host_key(&self) -> Option<Cow<'_, str>> {
        let key = self.path.strip_prefix('/').unwrap_or(self.path);
        (!key.is_empty()).then_some(Cow::Borrowed(key))
    }

    fn path_style(&self) -> Kept {
        let wire = self.head.path();
        let wire = wire.strip_prefix(b"/").unwrap_or(wire);
        if wire.is_empty() {
            return Ok(Resource::Service);
        }
        let (segment, rest) = split_once(wire);
        let decoded = match self.as_sent {
            true => cut(self.path.strip_prefix('/').unwrap_or(self.path), b'/'),
            false => None,
        };
        let (segment, key) = match decoded {
            Some((segment, key)) => (Cow::Borrowed(segment), Some(Cow::Borrowed(key))),
            None => (decode(segment)?, rest.map(|rest| self.key(rest)).transpose()?),
        };
        if segment.starts_with("arn:") {
            return self.arn(&segment, rest);
        }
        // Before its ending is looked at: a name is not split a second time.
        if segment.contains('/') {
            return Err(bad_bucket(&segment));
        }
        self.bucket_named(&segment, key.filter(|key| !key.is_empty()), true)
    }

    /// An ARN typed as a bucket name (spec/addressing.md 5.2).
    fn arn(&self, segment: &str, rest: Option<&[u8]>) -> Kept {
        let mut arn = segment.to_owned(); // rare
        let mut rest = rest;
        if let (true, Some(more)) = (arn.ends_with(":accesspoint") || arn.ends_with(":outpost"), rest) {
            let (next, after) = split_once(more);
            arn = format!("{arn}/{}", decode(next)?);
            rest = after;
        }
        let key = rest.map(decode).transpose()?.filter(|key| !key.is_empty());
        self.at_access_point(self.settings.of_arn(&arn), &arn, key)
    }

    fn access_point(&self, name: &str, account: &str) -> Option<&AccessPoint> {
        self.settings.access_points.named(&self.settings.region, account, name)
    }

    fn at_access_point(&self, point: Result<&AccessPoint, Fault>, shown: &str, key: Option<Cow<'_, str>>) -> Kept {
        let point = point?;
        let through = Box::new(self.settings.through(point, shown));
        Ok(Resource::AccessPoint { through, bucket: point.bucket.clone(), key: key.map(Cow::into_owned) })
    }

    /// A name that stands for a bucket (spec/addressing.md 3.2).
    fn bucket_named(&self, bucket: &str, key: Option<Cow<'_, str>>, path_style: bool) -> Kept {
        if FOREIGN_ENDINGS.iter().any(|ending| bucket.ends_with(ending)) {
            return Err(foreign_endpoint());
        }
        if bucket.ends_with(ALIAS_ENDING) {
            return self.at_access_point(self.settings.of_alias(bucket), bucket, key);
        }
        let legacy = path_style && self.settings.legacy_bucket_names && name::is_legacy_bucket(bucket);
        if !legacy && !name::is_addressable_bucket(bucket) {
            return Err(bad_bucket(bucket));
        }
        Ok(Resource::Bucket { bucket: bucket.to_owned(), key: key.map(Cow::into_owned) })
    }

    /// What an AWS host name asks for.
    fn at_aws(&self, kind: AwsEndpoint, label: &str) -> Kept {
        match kind {
            AwsEndpoint::Foreign => Err(foreign_endpoint()),
            AwsEndpoint::Sts => Ok(Resource::Sts),
            AwsEndpoint::Kms => Ok(Resource::Kms),
            AwsEndpoint::S3 if label.is_empty() => self.path_style(),
            AwsEndpoint::S3 | AwsEndpoint::Accelerate => self.bucket_named(label, self.host_key(), false),
            AwsEndpoint::AccessPoint => {
                let (name, account) = access_point_label(label).ok_or_else(unknown_host)?;
                let found = self.access_point(name, account).ok_or_else(|| no_access_point(name));
                self.at_access_point(found, label, self.host_key())
            }
            AwsEndpoint::Control => self.control(Some(label)).unwrap_or_else(|| Err(self.no_control())),
        }
    }

    /// Why a request to the host of S3 Control is none.
    fn no_control(&self) -> Fault {
        let (reason, message) = match self.head.first("x-amz-account-id") {
            None => ("control-header", "Missing required header for this request: x-amz-account-id"),
            Some(_) => ("control-path", "An S3 Control request has a path below /v20180820/."),
        };
        Fault::new(Code::InvalidRequest, reason, message).of_control()
    }
}

/// Host name in lower case without port and final dot (spec/addressing.md 2).
///
/// # Errors
/// `BadRequest` for what is no legal host name.
pub fn host_name(host: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let bad = || Fault::new(Code::BadRequest, "bad-host", "The Host header is not a legal host name.");
    let host = std::str::from_utf8(trim(host)).map_err(|_| bad())?;
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or_else(bad)?;
        let legal = address.parse::<std::net::Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
        return if legal { Ok(format!("[{}]", address.to_ascii_lowercase()).into()) } else { Err(bad()) };
    }
    let (name, port) = cut(host, b':').map_or((host, None), |(name, port)| (name, Some(port)));
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
    };
    let legal = name.len() <= 253 && pieces(name, b'.').all(label) && port.is_none_or(is_port);
    match legal {
        true if name.bytes().any(|octet| octet.is_ascii_uppercase()) => Ok(name.to_ascii_lowercase().into()),
        true => Ok(Cow::Borrowed(name)),
        false => Err(bad()),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The longest base domain that the name is or lies below: `Some(None)` when it is one, `Some(label)` below.
fn base_and_label<'n>(settings: &Settings, name: &'n str) -> Option<Option<&'n str>> {
    let mut best: Option<(usize, Option<&str>)> = None;
    for base in &settings.base_domains {
        let found = match name.strip_suffix(base.as_str()) {
            Some("") => None,
            Some(below) => match below.strip_suffix('.') {
                Some(label) if !label.is_empty() => Some(label),
                _ => continue,
            },
            None => continue,
        };
        if best.is_none_or(|(length, _)| base.len() > length) {
            best = Some((base.len(), found));
        }
    }
    best.map(|(_, label)| label)
}

/// The base domain that a Host header names or lies below, and the label before it.
pub(super) fn base_and_label_of(settings: &Settings, host: &[u8]) -> Option<(String, Option<String>)> {
    let name = host_name(host).ok()?;
    let label = base_and_label(settings, &name)?;
    let base = label.and_then(|label| name.get(label.len() + 1..)).unwrap_or(&name);
    Some((base.to_owned(), label.map(str::to_owned)))
}

/// Whether a label of a host name may be that of an access point, and as well the name of a bucket.
pub fn may_be_access_point(label: &str) -> bool {
    access_point_label(label).is_some()
}

/// `{name}-{12 digits}`
fn access_point_label(label: &str) -> Option<(&str, &str)> {
    let (name, account) = label.rsplit_once('-')?;
    (name::is_account(account) && !name.is_empty()).then_some((name, account))
}

fn decoded_path<'a>(head: &Head<'a>) -> Result<Cow<'a, str>, Fault> {
    decode(head.path()).map_err(|fault| fault.with("URI", String::from_utf8_lossy(head.target)))
}

fn decode(wire: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let bad = || Fault::new(Code::InvalidURI, "bad-uri", "Couldn't parse the specified URI.");
    let octets = uri::decode(wire).map_err(|_| bad())?;
    if memchr::memchr(0, &octets).is_some() {
        return Err(bad());
    }
    match octets {
        Cow::Borrowed(octets) => std::str::from_utf8(octets).map(Cow::Borrowed).map_err(|_| bad()),
        Cow::Owned(octets) => String::from_utf8(octets).map(Cow::Owned).map_err(|_| bad()),
    }
}

/// The same of what may not decode, as well as it can be shown.
fn lossy(wire: &[u8]) -> Cow<'static, str> {
    let octets = uri::decode(wire).unwrap_or(wire.into());
    String::from_utf8_lossy(&octets).into_owned().into()
}

fn split_once(wire: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'/', wire) {
        Some(at) => (wire.get(..at).unwrap_or_default(), wire.get(at + 1..)),
        None => (wire, None),
    }
}

fn bad_bucket(name: &str) -> Fault {
    Fault::plain(Code::InvalidBucketName, "bucket-name").with("BucketName", name)
}

fn no_access_point(name: &str) -> Fault {
    Fault::plain(Code::NoSuchAccessPoint, UNKNOWN_ACCESS_POINT).with("AccessPointName", name)
}

fn foreign_endpoint() -> Fault {
    Fault::new(Code::NotImplemented, "foreign-endpoint", "This type of endpoint is not supported.")
}

fn unknown_host() -> Fault {
    Fault::new(Code::InvalidRequest, UNKNOWN_HOST, "This host is not served here.")
}
