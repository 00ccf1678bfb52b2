//! What authentication needs of a body before the signature can be checked. Bounded in octets and in
//! time, because nobody is known yet; whatever else the body holds stays unread.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use tokio::time::timeout;

use super::facts::Facts;
use crate::body::{FormHead, Unread};
use crate::s3::route::Auth;
use crate::s3::{Code, Fault, form};
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

/// Reads it.
pub(super) async fn read<B>(
    facts: &Facts,
    auth: Auth,
    tokens: bool,
    body: Unread<B>,
) -> Result<(Early, Unread<B>), Fault>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match auth {
        _ if tokens => in_time(read_whole(body)).await,
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

async fn read_whole<B>(body: Unread<B>) -> Result<(Early, Unread<B>), Fault>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (data, body) = body.read_whole(sts::LONGEST_BODY).await?;
    Ok((Early::Whole(Hidden(data)), body))
}

async fn in_time<T>(reading: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(LONGEST, reading).await.unwrap_or_else(|_| Err(Fault::plain(Code::RequestTimeout, "early-body-slow")))
}
