//! The list of an account's access points, page by page (spec/access-points.md 7.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use super::judge::Case;
use super::points::{told, write_origin};
use super::settings::Setting;
use crate::access::Point;
use crate::s3::route::Routed;
use crate::s3::{Code, Fault, name};

/// The most access points of one page.
const MOST: usize = 1000;
/// How much of a token says which listing it is of.
const BOUND: usize = 16;
/// How a token begins.
const TOKEN: &str = "p";

/// A page.
pub(super) fn list(case: &Case<'_>, account: &str) -> Result<Setting, Fault> {
    check_sources(case.routed)?;
    let most = most(case.routed)?;
    let bucket = case.routed.parameter("bucket").filter(|bucket| !bucket.is_empty());
    let prefix = case.site.address.place().arn(account, "");
    let bound = bound(&prefix, bucket);
    let first = match case.routed.parameter("nextToken").filter(|token| !token.is_empty()) {
        Some(token) => [&prefix, &*opened(token, &bound).ok_or_else(bad_token)?].concat(),
        None => prefix.clone(),
    };
    let points = case.live.estate.access_points(&prefix, &first);
    let mut points = points.filter(|point| bucket.is_none_or(|bucket| point.bucket == bucket));
    let page: Vec<&Point> = points.by_ref().take(most).collect();
    // Who asks for nothing has all of it.
    let next = points.next().filter(|_| most > 0);
    Ok(told("ListAccessPointsResult", |out| {
        out.open("AccessPointList");
        for point in page {
            out.open("AccessPoint");
            out.element("Name", &point.name);
            write_origin(out, point);
            out.element("Bucket", &point.bucket);
            out.element("AccessPointArn", &point.arn);
            out.element("Alias", &point.alias);
            out.element("BucketAccountId", &point.bucket_account);
            out.close("AccessPoint");
        }
        out.close("AccessPointList");
        if let Some(next) = next {
            out.element("NextToken", &token(&bound, &next.name));
        }
    }))
}

/// Only buckets are there to list the access points of.
fn check_sources(routed: &Routed) -> Result<(), Fault> {
    let kind = routed.parameter("dataSourceType").filter(|kind| !kind.is_empty());
    let of_buckets = kind.is_none_or(|kind| ["s3", "s3bucket"].iter().any(|known| kind.eq_ignore_ascii_case(known)));
    if of_buckets && routed.parameter("dataSourceId").is_none_or(str::is_empty) {
        return Ok(());
    }
    let message = "Access points are listed by bucket here, not by another source of data.";
    Err(Fault::new(Code::NotImplemented, "access-point-source", message))
}

fn most(routed: &Routed) -> Result<usize, Fault> {
    let Some(sent) = routed.parameter("maxResults") else { return Ok(MOST) };
    let digits = !sent.is_empty() && sent.bytes().all(|octet| octet.is_ascii_digit());
    let most = sent.parse().ok().filter(|most| digits && *most <= MOST);
    let message = "maxResults is a number from 0 to 1000.";
    most.ok_or_else(|| Fault::argument("max-results", message, "maxResults", Some(sent.to_owned())))
}

/// What is the same for every page of one listing, and for no other one.
fn bound(prefix: &str, bucket: Option<&str>) -> Vec<u8> {
    let text = format!("{prefix}\n{}", bucket.unwrap_or_default());
    digest(&SHA256, text.as_bytes()).as_ref().iter().take(BOUND).copied().collect()
}

/// Begins with a letter: `aws` takes what begins with `-` for an option.
fn token(bound: &[u8], next: &str) -> String {
    [TOKEN, &URL_SAFE_NO_PAD.encode([bound, next.as_bytes()].concat())].concat()
}

/// The name that a token goes on with, if it is one of this listing.
fn opened(token: &str, bound: &[u8]) -> Option<String> {
    let octets = URL_SAFE_NO_PAD.decode(token.strip_prefix(TOKEN)?).ok()?;
    let name = String::from_utf8(octets.strip_prefix(bound)?.to_vec()).ok()?;
    name::is_access_point(&name).then_some(name)
}

fn bad_token() -> Fault {
    Fault::argument("next-token", "The token is not one of this listing.", "nextToken", None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_on_with_its_own_listing_alone() {
        let (all, of_bucket) = (bound("arn:1:", None), bound("arn:1:", Some("b")));
        let sent = token(&all, "reports");
        assert_eq!(opened(&sent, &all).as_deref(), Some("reports"));
        // `aws` takes what begins with `-` for an option.
        assert!(sent.starts_with(TOKEN));
        assert_eq!(opened(sent.strip_prefix(TOKEN).unwrap(), &all), None);
        assert_eq!(opened(&sent, &of_bucket), None);
        assert_eq!(opened(&sent, &bound("arn:2:", None)), None);
        for bad in ["", "x", "reports", &token(&all, "a"), &token(&all, "a/../b")] {
            assert_eq!(opened(bad, &all), None, "{bad}");
        }
    }
}
