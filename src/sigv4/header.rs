//! The Authorization header, its credential and its list of signed names (spec/sigv4.md 3, 4.5, 6, 12).

use std::borrow::Cow;

use smallvec::SmallVec;

use super::ecdsa;
use crate::s3::head::{cut, pieces, trim};
use crate::s3::octets::Octets;
use crate::s3::{Code, Fault, Head};
use crate::time::Seconds;

/// How the signature is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Algorithm {
    /// Signature Version 4A: by the private key of the secret, for a set of regions.
    Ecdsa,
    /// Signature Version 4: by a key derived for one region.
    Hmac,
}

impl Algorithm {
    /// The algorithm of this name; only Signature Version 4 where the other is not switched on.
    pub(super) fn named(name: &str, ecdsa: bool) -> Option<Self> {
        match name {
            "AWS4-HMAC-SHA256" => Some(Self::Hmac),
            ecdsa::NAME if ecdsa => Some(Self::Ecdsa),
            _ => None,
        }
    }

    /// As requests and strings to sign spell it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ecdsa => ecdsa::NAME,
            Self::Hmac => "AWS4-HMAC-SHA256",
        }
    }
}

/// The pieces of an Authorization header, not yet judged.
pub(super) struct Authorization<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) credential: &'a str,
    pub(super) signed: &'a str,
    pub(super) signature: &'a str,
}

/// Where a fault in a credential or a list is told: a form, the header or the query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Form,
    Header,
    Query,
}

impl Place {
    /// The fault of this place with its own opening words.
    pub(super) fn fault(self, reason: &'static str, message: &str) -> Fault {
        match self {
            Self::Form => {
                let message = format!("Error parsing the X-Amz-Credential parameter; {message}");
                Fault::argument(reason, message, "x-amz-credential", None)
            }
            Self::Header => Fault::new(
                Code::AuthorizationHeaderMalformed,
                reason,
                format!("The authorization header is malformed; {message}"),
            ),
            Self::Query => Fault::new(
                Code::AuthorizationQueryParametersError,
                reason,
                format!("Error parsing the X-Amz-Credential parameter; {message}"),
            ),
        }
    }
}

/// Splits an Authorization header. `ecdsa`: Signature Version 4A is switched on.
pub(super) fn parse(value: &[u8], ecdsa: bool) -> Result<Authorization<'_>, Fault> {
    let argument = |reason, message: &'static str| Fault::argument(reason, message, "Authorization", None);
    let value = std::str::from_utf8(trim(value))
        .map_err(|_| argument("authorization-text", "Unsupported Authorization Type"))?;
    let Some((algorithm, rest)) = cut(value, b' ') else {
        return Err(argument(
            "authorization-space",
            "Authorization header is invalid -- one and only one ' ' (space) required.",
        ));
    };
    let algorithm = match Algorithm::named(algorithm, ecdsa) {
        Some(known) => known,
        None if algorithm == "AWS" => return Err(version_2()),
        None => return Err(argument("authorization-type", "Unsupported Authorization Type")),
    };
    let mut components = pieces(rest, b',').map(|component| component.trim_matches([' ', '\t']));
    let mut next = || components.next();
    let (Some(first), Some(second), Some(third), None) = (next(), next(), next(), next()) else {
        let message = "the authorization header requires three components: Credential, SignedHeaders, and Signature.";
        return Err(Place::Header.fault("authorization-components", message));
    };
    let (mut credential, mut signed, mut signature) = (None, None, None);
    for component in [first, second, third] {
        let malformed = || {
            Place::Header
                .fault("authorization-component", &format!("the authorization component \"{component}\" is malformed."))
        };
        let (name, value) = cut(component, b'=').filter(|(_, value)| !value.is_empty()).ok_or_else(malformed)?;
        let place = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed,
            "Signature" => &mut signature,
            _ => return Err(malformed()),
        };
        if place.replace(value).is_some() {
            return Err(malformed());
        }
    }
    let missing = |name: &str| Place::Header.fault("authorization-missing", &format!("missing {name}."));
    Ok(Authorization {
        algorithm,
        credential: credential.ok_or_else(|| missing("Credential"))?,
        signed: signed.ok_or_else(|| missing("SignedHeaders"))?,
        signature: signature.ok_or_else(|| missing("Signature"))?,
    })
}

/// Signature Version 2 is not spoken.
pub(super) fn version_2() -> Fault {
    let message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
    Fault::new(Code::InvalidRequest, "signature-version-2", message)
}

/// A credential: an access key and its scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) access_key: &'a str,
    pub(super) day: [u8; 8],
    /// Where the signature holds; with Signature Version 4A the region set says so, outside the scope.
    pub(super) region: Option<&'a str>,
    pub(super) service: &'a str,
    /// `YYYYMMDD/region/service/aws4_request`, or the same without region.
    pub(super) text: &'a str,
}

/// What a scope is compared with.
#[derive(Clone, Copy)]
pub(super) struct Served<'a> {
    pub(super) regions: &'a [String],
    pub(super) service: &'a str,
}

impl<'a> Scope<'a> {
    /// Reads a credential and compares its scope with what is served here, in the order of section 12.
    /// `regions`: the region set, which Signature Version 4A demands.
    pub(super) fn read(
        credential: &'a str,
        algorithm: Algorithm,
        region_set: Option<&str>,
        served: Served<'_>,
        place: Place,
    ) -> Result<Self, Fault> {
        let (mut parts, mut count) = ([""; 6], 0); // one more than any credential has
        for (place, part) in parts.iter_mut().zip(pieces(credential, b'/')) {
            (*place, count) = (part, count + 1);
        }
        let parts = parts.get(..count).unwrap_or_default();
        let (access_key, date, region, named, terminator) = match (algorithm, parts) {
            (Algorithm::Hmac, &[key, date, region, service, end]) => (key, date, Some(region), service, end),
            (Algorithm::Ecdsa, &[key, date, service, end]) => (key, date, None, service, end),
            _ => return Err(bad_credential(algorithm, place)),
        };
        if access_key.is_empty() {
            return Err(bad_credential(algorithm, place));
        }
        let day: [u8; 8] = date.as_bytes().try_into().map_err(|_| bad_day(date, place))?;
        let mut midnight = *b"00000000T000000Z";
        midnight.iter_mut().zip(day).for_each(|(place, digit)| *place = digit);
        if Seconds::from_compact(&midnight).is_none() {
            return Err(bad_day(date, place));
        }
        match region {
            Some(region) => check_region(region, served.regions, place)?,
            None => check_region_set(region_set, served.regions, place)?,
        }
        if named != served.service {
            let message = format!("incorrect service \"{named}\". This endpoint belongs to \"{}\".", served.service);
            return Err(place.fault("service", &message));
        }
        if terminator != "aws4_request" {
            let message = format!("incorrect terminal \"{terminator}\". This endpoint uses \"aws4_request\".");
            return Err(place.fault("terminator", &message));
        }
        let text = cut(credential, b'/').map(|(_, scope)| scope).unwrap_or_default();
        Ok(Self { access_key, day, region, service: named, text })
    }

    /// The scope's day against the request's.
    pub(super) fn check_day(&self, time: &str, place: Place) -> Result<(), Fault> {
        if time.as_bytes().starts_with(&self.day) {
            return Ok(());
        }
        let got = String::from_utf8_lossy(&self.day).into_owned();
        let want = time.get(..8).unwrap_or_default();
        let message =
            format!("Invalid credential date \"{got}\". This date is not the same as X-Amz-Date: \"{want}\".");
        Err(place.fault("credential-date", &message))
    }
}

fn bad_credential(algorithm: Algorithm, place: Place) -> Fault {
    let region = if algorithm == Algorithm::Hmac { "REGION/" } else { "" };
    let message =
        format!("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/{region}SERVICE/aws4_request\".");
    place.fault("credential", &message)
}

fn check_region(region: &str, served: &[String], place: Place) -> Result<(), Fault> {
    if served.iter().any(|accepted| accepted == region) {
        return Ok(());
    }
    let expected = served.first().map(String::as_str).unwrap_or_default();
    let fault = place.fault("region", &format!("the region '{region}' is wrong; expecting '{expected}'"));
    // It makes clients sign again, which a browser cannot.
    Err(if place == Place::Form { fault } else { expecting(fault, expected) })
}

/// A region set must name a region that is served (spec/sigv4.md 11).
fn check_region_set(set: Option<&str>, served: &[String], place: Place) -> Result<(), Fault> {
    let Some(set) = set else { return Err(place.fault("region-set", "missing X-Amz-Region-Set.")) };
    if ecdsa::names_region(set, served) {
        return Ok(());
    }
    let expected = served.first().map(String::as_str).unwrap_or_default();
    Err(expecting(
        place.fault("region-set", &format!("the region set '{set}' is wrong; expecting '{expected}'")),
        expected,
    ))
}

/// Names the region in the document and in a header (spec/errors.md 2).
fn expecting(fault: Fault, region: &str) -> Fault {
    fault.with("Region", region).header("x-amz-bucket-region", region)
}

fn bad_day(date: &str, place: Place) -> Fault {
    place.fault(
        "credential-day",
        &format!("incorrect date format \"{date}\". This date in the credential must be in the format \"yyyyMMdd\"."),
    )
}

/// What stands in a list of signed names: octets of lower-case tokens, and what is between these.
static LEGAL: Octets = Octets::of(b"!#$%&'*+-.0123456789;^_`abcdefghijklmnopqrstuvwxyz|~");

/// A list of signed names; the usual one is no longer than this.
pub(super) type Names<'a> = SmallVec<[&'a str; 8]>;

/// Reads a list of signed names: legal, lower-case, each once; sorted as the canonical form wants.
pub(super) fn signed_names(list: &str, place: Place) -> Result<Names<'_>, Fault> {
    let legal = list.bytes().all(|octet| LEGAL.has(octet));
    let mut names: Names<'_> = pieces(list, b';').collect();
    let in_order = |names: &[&str]| names.is_sorted_by(|name, next| name < next);
    let mut once = in_order(&names);
    if !once {
        names.sort_unstable();
        once = in_order(&names);
    }
    // An empty name would be the first.
    let legal = legal && names.first().is_some_and(|first| !first.is_empty());
    if legal && once {
        return Ok(names);
    }
    Err(match place {
        Place::Form | Place::Header => place.fault("signed-headers", "the SignedHeaders list is malformed."),
        Place::Query => Fault::new(
            Code::AuthorizationQueryParametersError,
            "signed-headers",
            "The X-Amz-SignedHeaders parameter is malformed.",
        ),
    })
}

/// Refuses headers that had to be signed and are not.
pub(super) fn check_obligations(head: &Head<'_>, names: &[&str], place: Place, extra: &[String]) -> Result<(), Fault> {
    let mut missing: Vec<String> = Vec::new();
    if names.binary_search(&"host").is_err() {
        missing.push("host".to_owned());
    }
    for (name, _) in head.lines {
        let amz = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"x-amz-"));
        let demanded = amz || extra.iter().any(|extra| extra.as_bytes().eq_ignore_ascii_case(name));
        if !demanded || names.iter().any(|signed| signed.as_bytes().eq_ignore_ascii_case(name)) {
            continue;
        }
        // Its value is the payload line, so it is bound anyway.
        if place == Place::Header && name.eq_ignore_ascii_case(b"x-amz-content-sha256") {
            continue;
        }
        missing.push(String::from_utf8_lossy(name).to_ascii_lowercase());
    }
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    missing.dedup();
    let message = "There were headers present in the request which were not signed";
    Err(Fault::new(Code::AccessDenied, "headers-not-signed", message).with("HeadersNotSigned", missing.join(", ")))
}

/// When the request was signed, by its header: in compact form, as an instant, as received.
pub(super) fn request_time<'a>(head: &Head<'a>) -> Result<(Cow<'a, str>, Seconds, &'a [u8]), Fault> {
    let unusable =
        || Fault::new(Code::AccessDenied, "no-date", "AWS authentication requires a valid Date or x-amz-date header");
    let amz = head.only("x-amz-date").map_err(|_| unusable())?;
    if let Some(compact) = amz {
        let time = Seconds::from_compact(compact).ok_or_else(unusable)?;
        let text = std::str::from_utf8(compact).map_err(|_| unusable())?; // digits and two letters
        return Ok((text.into(), time, compact));
    }
    let date = head.only("date").map_err(|_| unusable())?.ok_or_else(unusable)?;
    let time = Seconds::from_compact(date).or_else(|| http_date(date)).ok_or_else(unusable)?;
    Ok((Cow::Owned(time.compact()), time, date))
}

/// `Fri, 14 Mar 2026 09:26:53 GMT`, also with `+0000` or `-0000`: the form of RFC 1123 and no other. The
/// day of the week has to be one, and that is all that it says.
fn http_date(text: &[u8]) -> Option<Seconds> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (weekday, rest) = std::str::from_utf8(text).ok()?.split_once(", ")?;
    let mut parts = rest.split(' ');
    let mut next = || parts.next();
    let (Some(day), Some(month), Some(year), Some(time), Some(zone), None) =
        (next(), next(), next(), next(), next(), next())
    else {
        return None;
    };
    if !DAYS.contains(&weekday) || !["GMT", "+0000", "-0000"].contains(&zone) {
        return None;
    }
    let month = MONTHS.iter().zip(1..).find_map(|(name, number)| (*name == month).then_some(number))?;
    let (hour, time) = time.split_once(':')?;
    let (minute, second) = time.split_once(':')?;
    let number = |text: &str, length: usize| {
        let legal = text.len() == length && text.bytes().all(|octet| octet.is_ascii_digit());
        if legal { text.parse::<i64>().ok() } else { None }
    };
    Seconds::from_civil(
        number(year, 4)?,
        month,
        number(day, 2)?,
        number(hour, 2)?,
        number(minute, 2)?,
        number(second, 2)?,
    )
}

/// The clock difference that is tolerated, both ends included.
pub(super) fn check_skew(time: Seconds, as_received: &[u8], now: Seconds, skew: i64) -> Result<(), Fault> {
    if now.0.abs_diff(time.0) <= skew.unsigned_abs() {
        return Ok(());
    }
    Err(Fault::plain(Code::RequestTimeTooSkewed, "clock-skew")
        .with("RequestTime", String::from_utf8_lossy(as_received))
        .with("ServerTime", now.rfc3339())
        .with("MaxAllowedSkewMilliseconds", (skew * 1000).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_in_the_form_of_rfc_1123_whatever_day_of_the_week_it_says() {
        let expected = Seconds::from_compact(b"20260314T092653Z");
        for date in [
            "Sat, 14 Mar 2026 09:26:53 GMT",
            "Fri, 14 Mar 2026 09:26:53 GMT",
            "Sat, 14 Mar 2026 09:26:53 +0000",
            "Sat, 14 Mar 2026 09:26:53 -0000",
        ] {
            assert_eq!(http_date(date.as_bytes()), expected, "{date}");
        }
        for date in [
            "Saturday, 14-Mar-26 09:26:53 GMT",
            "Sat Mar 14 09:26:53 2026",
            "14 Mar 2026 09:26:53 GMT",
            "Xyz, 14 Mar 2026 09:26:53 GMT",
            "Sat, 14 Mar 2026 10:26:53 +0100",
            "Sat, 14 Mar 2026 09:26:53",
            "Sat, 14 Mar 2026 09:26:60 GMT",
            "Sat, 30 Feb 2026 09:26:53 GMT",
            "Sat, +4 Mar 2026 09:26:53 GMT",
            "Sat, 14 Mar 2026 09:26:53 GMT x",
            "Sat, 14  Mar 2026 09:26:53 GMT",
        ] {
            assert_eq!(http_date(date.as_bytes()), None, "{date}");
        }
    }
}
