//! Presigned requests: the parameters and their checks (spec/sigv4.md 7).

use super::header::Algorithm;
use crate::s3::route::QUERY_AUTHENTICATION;
use crate::s3::uri::Query;
use crate::s3::{Code, Fault};
use crate::time::Seconds;

/// The parameters of query authentication, present and not empty.
pub(super) struct Presigned<'q> {
    pub(super) date: &'q str,
    pub(super) time: Seconds,
    pub(super) expires: i64,
    pub(super) signed: &'q str,
    pub(super) signature: &'q str,
    pub(super) token: Option<&'q [u8]>,
}

/// Checks names, presence and algorithm: steps 1 to 3. `ecdsa`: Signature Version 4A is switched on.
pub(super) fn present<'q>(query: &'q Query<'_>, ecdsa: bool) -> Result<(Algorithm, Values<'q>), Fault> {
    let mut values = Values::default();
    for parameter in query.iter() {
        // In another spelling the hash of the payload would be signed and not kept.
        if parameter.name.eq_ignore_ascii_case(b"x-amz-content-sha256") && &*parameter.name != b"X-Amz-Content-Sha256" {
            return Err(fault("presigned-names", SPELLING));
        }
        let Some(at) =
            QUERY_AUTHENTICATION.iter().position(|name| parameter.name.eq_ignore_ascii_case(name.as_bytes()))
        else {
            continue;
        };
        let (Some(exact), Some(place)) = (EXACT.get(at), values.0.get_mut(at)) else { continue };
        if *parameter.name != *exact.as_bytes() || place.replace(&parameter.value).is_some() {
            return Err(fault("presigned-names", SPELLING));
        }
    }
    let complete = values
        .0
        .iter()
        .zip(EXACT)
        .all(|(value, name)| name == "X-Amz-Security-Token" || value.is_some_and(|value| !value.is_empty()));
    if !complete {
        let message = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
        return Err(fault("presigned-missing", message));
    }
    let Some(algorithm) = values.text("X-Amz-Algorithm").and_then(|name| Algorithm::named(name, ecdsa)) else {
        let message = "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"";
        return Err(fault("presigned-algorithm", message));
    };
    Ok((algorithm, values))
}

/// The region set of Signature Version 4A: one parameter of this very name.
pub(super) fn region_set<'q>(query: &'q Query<'_>) -> Result<Option<&'q str>, Fault> {
    let malformed = || fault("region-set", "The X-Amz-Region-Set parameter is malformed.");
    let mut found = None;
    for parameter in query.iter().filter(|parameter| parameter.name.eq_ignore_ascii_case(b"x-amz-region-set")) {
        let text = std::str::from_utf8(&parameter.value).map_err(|_| malformed())?;
        if &*parameter.name != b"X-Amz-Region-Set" || found.replace(text).is_some() {
            return Err(malformed());
        }
    }
    Ok(found)
}

const SPELLING: &str = "The authentication parameters of a presigned URL must be spelled exactly and occur once.";

const EXACT: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// The values by the order of [`EXACT`].
#[derive(Default)]
pub(super) struct Values<'q>([Option<&'q [u8]>; 7]);

impl<'q> Values<'q> {
    fn octets(&self, name: &str) -> Option<&'q [u8]> {
        let at = EXACT.iter().position(|exact| *exact == name)?;
        self.0.get(at).copied().flatten()
    }

    fn text(&self, name: &str) -> Option<&'q str> {
        self.octets(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The credential, for step 4.
    pub(super) fn credential(&self) -> Option<&'q str> {
        self.text("X-Amz-Credential")
    }

    /// The date, for step 5: as it was signed, and as an instant.
    pub(super) fn time(&self) -> Result<(&'q str, Seconds), Fault> {
        let bad = || fault("presigned-date", "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
        let date = self.text("X-Amz-Date").ok_or_else(bad)?;
        Ok((date, Seconds::from_compact(date.as_bytes()).ok_or_else(bad)?))
    }

    /// The expiry, step 6, and what else there is. `dated`: the date.
    pub(super) fn read(self, dated: (&'q str, Seconds), longest: i64) -> Result<Presigned<'q>, Fault> {
        let (date, time) = dated;
        Ok(Presigned {
            date,
            time,
            expires: expires(self.text("X-Amz-Expires").unwrap_or("?"), longest)?,
            signed: self.text("X-Amz-SignedHeaders").unwrap_or_default(),
            signature: self.text("X-Amz-Signature").unwrap_or_default(),
            token: self.octets("X-Amz-Security-Token"),
        })
    }
}

fn expires(text: &str, longest: i64) -> Result<i64, Fault> {
    const WEEK: i64 = 604_800;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if text.strip_prefix('-').is_some_and(digits) {
        return Err(fault("presigned-expires", "X-Amz-Expires must be non-negative"));
    }
    if !digits(text) {
        return Err(fault("presigned-expires", "X-Amz-Expires should be a number"));
    }
    let seconds = text.parse::<i64>().unwrap_or(i64::MAX); // too many digits are too many seconds
    if seconds > WEEK {
        let message = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds";
        return Err(fault("presigned-expires", message));
    }
    if seconds == 0 || seconds > longest {
        return Err(fault("presigned-expires", "X-Amz-Expires is outside what this endpoint accepts."));
    }
    Ok(seconds)
}

impl Presigned<'_> {
    /// Not from the future, not over: step 8.
    pub(super) fn check_validity(&self, now: Seconds, skew: i64) -> Result<(), Fault> {
        let end = Seconds(self.time.0.saturating_add(self.expires));
        let denied = |reason, message: &'static str| Fault::new(Code::AccessDenied, reason, message);
        if self.time.0 > now.0.saturating_add(skew) {
            return Err(denied("presigned-future", "Request is not yet valid")
                .with("X-Amz-Date", (self.time.0 * 1000).to_string())
                .with("Expires", end.rfc3339())
                .with("ServerTime", now.rfc3339()));
        }
        if now > end {
            return Err(denied("presigned-expired", "Request has expired")
                .with("X-Amz-Expires", self.expires.to_string())
                .with("Expires", end.rfc3339())
                .with("ServerTime", now.rfc3339()));
        }
        Ok(())
    }
}

fn fault(reason: &'static str, message: &'static str) -> Fault {
    Fault::new(Code::AuthorizationQueryParametersError, reason, message)
}
