//! What authentication needs of a body before the signature can be checked. Bounded in octets and in
//! time, because nobody is known yet; whatever else the body holds stays unread.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::time::timeout;

use super::BoxError;
use super::facts::Facts;
use super::landing::Landing;
use crate::body::{Contract, FormHead, Unread};
use crate::s3::form::{Fields, LengthRange};
use crate::s3::route::{Auth, FormHeaders, Routed, Rules, route_form};
use crate::s3::{Code, Fault, Head, Operation, form};
use crate::sigv4;
use crate::sts;

/// How long a client may take over it, however it spreads it out.
const LONGEST: Duration = Duration::from_secs(30);

/// What was read.
#[derive(Debug)]
pub(super) enum Early {
    /// Not an octet.
    Nothing,
    /// A form, up to its file.
    Form(Box<FormHead>),
    /// All of it, where the signature is about the body itself. No `Debug` of it: it may hold tokens.
    Whole(Hidden),
}

/// Octets that are not shown.
pub(super) struct Hidden(pub(super) Bytes);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

impl Early {
    /// The form, as the verifier reads it.
    pub(super) fn form<'a>(&'a self, bucket: Option<&'a str>) -> Option<sigv4::Form<'a>> {
        match self {
            Self::Form(form) => Some(sigv4::Form { fields: form.fields(), bucket }),
            Self::Nothing | Self::Whole(_) => None,
        }
    }
}

/// What is read that early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// A form, up to its file.
    Form,
    /// All of it.
    Whole,
}

/// What of the body is read that early: all of what is for the token service, as `tokens` says, and forms.
pub(super) const fn needed(auth: Auth, tokens: bool) -> Option<Part> {
    match auth {
        _ if tokens => Some(Part::Whole),
        Auth::Form => Some(Part::Form),
        Auth::Anonymous | Auth::Header | Auth::Query => None,
    }
}

/// Reads it. Nothing is left of a body that is read whole.
pub(super) async fn read<B>(part: Part, facts: &Facts, body: Unread<B>) -> Result<(Early, Option<Unread<B>>), Fault>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    match part {
        Part::Whole => in_time(LONGEST, read_whole(body)).await,
        Part::Form => in_time(LONGEST, read_form(facts, body)).await,
    }
}

async fn read_form<B>(facts: &Facts, body: Unread<B>) -> Result<(Early, Option<Unread<B>>), Fault>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let boundary = facts.with_head(|head| form::boundary(head).map(str::to_owned))?;
    let (form, body) = body.read_form(&boundary).await?;
    Ok((Early::Form(Box::new(form)), Some(body)))
}

async fn read_whole<B>(body: Unread<B>) -> Result<(Early, Option<Unread<B>>), Fault>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let data = body.read_whole(sts::LONGEST_BODY).await?;
    Ok((Early::Whole(Hidden(data)), None))
}

/// Waits for a body that is read whole, but not for ever: a client that sends an octet now and then would
/// keep what it takes, and what it may do, for weeks.
///
/// # Errors
/// `RequestTimeout`
pub(super) async fn in_time<T>(limit: Duration, reading: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(limit, reading).await.unwrap_or_else(|_| Err(Fault::plain(Code::RequestTimeout, "body-slow")))
}

/// The PutObject that a verified form stands for. A form authenticates nothing else: what else was asked
/// beside it nobody signed.
pub(super) fn upload(
    facts: &mut Facts,
    asked: &Routed,
    bucket: Option<&str>,
    fields: &Fields,
    rules: Rules,
) -> Result<Routed, Fault> {
    let Some(bucket) = bucket.filter(|_| asked.operation == Operation::PostObject) else {
        return Err(Fault::plain(Code::AccessDenied, "form-for-another-operation"));
    };
    let headers = FormHeaders::of(fields)?;
    let routed = facts.with_head(|head| route_form(bucket, fields, &headers, head, rules))?;
    facts.landing = Some(Box::new(Landing::of(fields, bucket, facts)));
    Ok(routed)
}

/// What the file of a form must satisfy.
pub(super) fn file_contract(head: &Head<'_>, form: &FormHead, range: LengthRange) -> Result<Contract, Fault> {
    FormHeaders::of(form.fields())?.with_head(|put| Contract::of_file(head, put, form, range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_never_ends_what_is_read_early_is_given_up() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let endless = in_time(Duration::from_millis(5), std::future::pending::<Result<(), Fault>>());
        assert_eq!(runtime.block_on(endless).unwrap_err().code(), Code::RequestTimeout);
    }
}
