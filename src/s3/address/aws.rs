//! The host names of AWS (spec/addressing.md 4), for proxies that stand in the place of AWS by DNS.

use super::{Settings, access_point_label};
use crate::s3::name;

/// What an AWS host name ends with, before the partition's suffix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AwsEndpoint {
    Accelerate,
    AccessPoint,
    Control,
    Foreign,
    Kms,
    S3,
    Sts,
}

/// The endpoint that a host name is, and what stands in front of it; none where there is no such host.
pub(super) fn endpoint<'n>(settings: &Settings, host: &'n str) -> Option<(AwsEndpoint, &'n str)> {
    let name = host.strip_suffix(suffix(&settings.partition))?.strip_suffix('.')?;
    let mut starts: Vec<usize> = name.match_indices('.').map(|(at, _)| at + 1).collect();
    starts.insert(0, 0);
    // From the end, so that what stands in front is as long as it can be.
    starts.into_iter().rev().find_map(|start| {
        let label = name.get(..start)?;
        let label = label.strip_suffix('.').unwrap_or(label);
        let (endpoint, labels) = named(name.get(start..)?, &settings.region)?;
        labels.take(label).then_some((endpoint, label))
    })
}

/// What an endpoint has in front of its name.
#[derive(Clone, Copy)]
enum Labels {
    /// Twelve digits.
    Account,
    /// Something, or nothing.
    Any,
    /// Nothing.
    None,
    /// An access point and its account.
    Point,
    /// Something.
    Some,
}

impl Labels {
    fn take(self, label: &str) -> bool {
        match self {
            Self::Account => name::is_account(label),
            Self::Any => true,
            Self::None => label.is_empty(),
            Self::Point => access_point_label(label).is_some_and(|(point, _)| name::is_access_point(point)),
            Self::Some => !label.is_empty(),
        }
    }
}

/// The endpoint of exactly this name in this region.
fn named(name: &str, region: &str) -> Option<(AwsEndpoint, Labels)> {
    let any = |starts: &[&str]| starts.iter().any(|start| name.strip_prefix(start) == Some(region));
    let global = region == "us-east-1";
    Some(match name {
        "s3" | "s3-external-1" | "sts" if !global => return None,
        "s3" | "s3-external-1" => (AwsEndpoint::S3, Labels::Any),
        "sts" => (AwsEndpoint::Sts, Labels::None),
        "s3-accelerate" | "s3-accelerate.dualstack" => (AwsEndpoint::Accelerate, Labels::Some),
        "mrap.accesspoint.s3-global" => (AwsEndpoint::Foreign, Labels::Some),
        _ if any(&["s3.", "s3-", "s3.dualstack.", "s3-fips.", "s3-fips.dualstack."]) => (AwsEndpoint::S3, Labels::Any),
        _ if any(&[
            "s3-accesspoint.",
            "s3-accesspoint-fips.",
            "s3-accesspoint.dualstack.",
            "s3-accesspoint-fips.dualstack.",
        ]) =>
        {
            (AwsEndpoint::AccessPoint, Labels::Point)
        }
        _ if any(&["s3-control.", "s3-control-fips.", "s3-control.dualstack.", "s3-control-fips.dualstack."]) => {
            (AwsEndpoint::Control, Labels::Account)
        }
        _ if any(&["sts."]) => (AwsEndpoint::Sts, Labels::None),
        _ if any(&["kms."]) => (AwsEndpoint::Kms, Labels::None),
        _ if any(&["s3express-control."]) => (AwsEndpoint::Foreign, Labels::None),
        _ if any(&["s3-website-", "s3-website.", "s3-object-lambda.", "s3-object-lambda-fips."]) => {
            (AwsEndpoint::Foreign, Labels::Some)
        }
        // S3 Control on Outposts has no label.
        _ if any(&["s3-outposts.", "s3-outposts-fips."]) => (AwsEndpoint::Foreign, Labels::Any),
        _ if is_express(name, region) || is_interface(name, region) => (AwsEndpoint::Foreign, Labels::Any),
        _ => return None,
    })
}

/// `s3express-{zone}.{region}`
fn is_express(name: &str, region: &str) -> bool {
    let zone = name.strip_prefix("s3express-").and_then(|rest| rest.strip_suffix(region)?.strip_suffix('.'));
    zone.is_some_and(|zone| !zone.is_empty() && !zone.contains('.'))
}

/// `vpce-{id}.s3.{region}.vpce`
fn is_interface(name: &str, region: &str) -> bool {
    let endpoint = name.strip_suffix(".vpce").and_then(|rest| rest.strip_suffix(region)?.strip_suffix(".s3."));
    endpoint.is_some_and(|endpoint| endpoint.starts_with("vpce-"))
}

fn suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}
