//! What a form says about who sent it (spec/sigv4.md 10.2).

#[cfg(test)]
mod tests;

use super::header;
use super::post_policy::expired;
use crate::s3::form::{AUTHENTICATION, Fields, missing};
use crate::s3::{Code, Fault};
use crate::time::Seconds;

/// The longest time between signing and sending.
const OLDEST: i64 = 7 * 86_400;

/// A form to verify.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// The fields before its file.
    pub fields: &'a Fields,
    /// The bucket that the request was addressed to.
    pub bucket: Option<&'a str>,
}

/// The fields that authenticate.
pub(super) struct Claimed<'a> {
    pub(super) policy: &'a str,
    algorithm: &'a str,
    pub(super) credential: &'a str,
    pub(super) date: &'a str,
    pub(super) signature: &'a str,
    pub(super) token: Option<&'a [u8]>,
}

impl<'a> Form<'a> {
    /// Looks for what must be there: a key, and all of what authenticates or nothing of it.
    pub(super) fn claimed(&self) -> Result<Option<Claimed<'a>>, Fault> {
        let field = |name: &str| self.fields.get(name);
        if field("awsaccesskeyid").is_some() || field("signature").is_some() {
            return Err(header::version_2());
        }
        if field("key").is_none_or(str::is_empty) {
            return Err(missing("key"));
        }
        let values = AUTHENTICATION.map(field);
        if values.iter().all(Option::is_none) {
            return Ok(None);
        }
        if let Some((name, _)) = AUTHENTICATION.iter().zip(values).find(|(_, value)| value.is_none()) {
            return Err(missing(name));
        }
        let [policy, algorithm, credential, date, signature] = values.map(Option::unwrap_or_default);
        let token = field("x-amz-security-token").map(str::as_bytes);
        Ok(Some(Claimed { policy, algorithm, credential, date, signature, token }))
    }
}

impl Claimed<'_> {
    /// The algorithm, then the date.
    pub(super) fn time(&self) -> Result<Seconds, Fault> {
        if self.algorithm != "AWS4-HMAC-SHA256" {
            let message = "Only AWS4-HMAC-SHA256 is supported";
            let value = Some(self.algorithm.to_owned());
            return Err(Fault::argument("form-algorithm", message, "X-Amz-Algorithm", value));
        }
        Seconds::from_compact(self.date.as_bytes()).ok_or_else(|| {
            let message = "X-Amz-Date must be formated via ISO8601 Long format";
            Fault::argument("form-date", message, "X-Amz-Date", Some(self.date.to_owned()))
        })
    }
}

/// Neither from the future nor too old.
pub(super) fn check_age(time: Seconds, now: Seconds, skew: i64) -> Result<(), Fault> {
    let age = now.0.saturating_sub(time.0);
    if age >= skew.saturating_neg() && age <= OLDEST { Ok(()) } else { Err(expired("form-age")) }
}

/// A form was announced and not read.
pub(super) fn unread() -> Fault {
    Fault::plain(Code::InternalError, "form-not-read")
}
