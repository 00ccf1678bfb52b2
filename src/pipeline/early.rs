//! What authentication needs of a body before the signature can be checked. Bounded in octets and in
//! time, because nobody is known yet; whatever else the body holds stays unread.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::time::timeout;

use super::facts::Facts;
use super::landing::Landing;
use crate::body::{Contract, FormHead, Unread};
use crate::s3::form::{Fields, LengthRange};
use crate::s3::route::{Auth, FormHeaders, Routed, Rules, route_form};
use crate::s3::{Code, Fault, Head, Operation, form};
use crate::sigv4;

/// How long a client may take over it, however it spreads it out.
const LONGEST: Duration = Duration::from_secs(30);

/// What was read.
#[derive(Debug)]
pub(super) enum Early {
    /// Not an octet.
    Nothing,
    /// A form, up to its file.
    Form(Box<FormHead>),
}

impl Early {
    /// The form, as the verifier reads it.
    pub(super) fn form<'a>(&'a self, bucket: Option<&'a str>) -> Option<sigv4::Form<'a>> {
        match self {
            Self::Form(form) => Some(sigv4::Form { fields: form.fields(), bucket }),
            Self::Nothing => None,
        }
    }
}

/// Reads it.
pub(super) async fn read<B>(facts: &Facts, auth: Auth, body: Unread<B>) -> Result<(Early, Unread<B>), Fault>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match auth {
        Auth::Form => in_time(read_form(facts, body)).await,
        Auth::Anonymous | Auth::Header | Auth::Query => Ok((Early::Nothing, body)),
    }
}

async fn read_form<B>(facts: &Facts, body: Unread<B>) -> Result<(Early, Unread<B>), Fault>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let boundary = facts.with_head(|head| form::boundary(head).map(str::to_owned))?;
    let (form, body) = body.read_form(&boundary).await?;
    Ok((Early::Form(Box::new(form)), body))
}

async fn in_time<T>(reading: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(LONGEST, reading).await.unwrap_or_else(|_| Err(Fault::plain(Code::RequestTimeout, "early-body-slow")))
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
