//! What stands between a store's answer and the client: what of it the client may not know
//! (spec/policy-evaluation.md 7, spec/s3-authorization.md 1), and what was decided here and the store does
//! not know of.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, StatusCode};

use super::confirm::{Confirm, rename};
use super::deletions::{self, Refused, delete_result};
use super::encryption::opens;
use super::facts::Facts;
use super::judge::Case;
use super::live::{Asked, Live};
use super::naming::lasting;
use super::open::Told;
use super::settings::{Change, Keeper};
use super::uploads::Uploads;
use super::walk::Store;
use crate::access::absence::{self, Told as Heard, Verdict};
use crate::access::{self, Document, Nothing, Side, UploadEncryption};
use crate::identity::Principal;
use crate::s3::encryption::KIND;
use crate::s3::xml::{DeleteEntry, Element, S3_NAMESPACE, Writer, with_text};
use crate::s3::{Code, Fault, Operation, xml};
use crate::turn::apart;
use crate::upstream::{Forward, Reply, ReplyBody};

/// The longest list that is read whole to be written anew.
const LONGEST_LIST: usize = 8 << 20;

/// What is left to be done when the store has answered.
#[derive(Debug)]
pub(super) enum After {
    /// Nothing.
    Nothing,
    /// A list of buckets shows what the account has.
    Buckets {
        /// The caller's account.
        account: String,
    },
    /// A multipart upload says how it is encrypted, and its parts will not say it again.
    Begun {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// What it said.
        encryption: Box<UploadEncryption>,
    },
    /// A bucket was made: here, too.
    Made {
        /// The bucket.
        bucket: String,
        /// The account that owns it.
        owner: String,
        /// The principal who made it.
        by: String,
    },
    /// A bucket is gone: here, too.
    Gone {
        /// The bucket.
        bucket: String,
        /// The principal who removed it.
        by: String,
    },
    /// A list of deletions shows those that were refused here; the record says what became of all.
    Deletions {
        /// Those that were refused.
        refused: Vec<Refused>,
        /// All of them.
        entries: Vec<DeleteEntry>,
    },
    /// An answer calls the bucket what the client calls it, after the rest is done.
    Shown {
        /// That name.
        shown: String,
        /// The element of the answer that names the bucket.
        element: &'static str,
        /// The rest.
        then: Box<After>,
    },
    /// A store has to say how it has encrypted, before the rest is done.
    Encrypted(Box<(Confirm, After)>),
    /// A read tells of an absence, and shows some headers, to those alone who may know.
    Read(Box<Read>),
}

/// What the rest is done with.
pub(super) struct Around<'a> {
    pub(super) live: &'a Live,
    pub(super) known: &'a Uploads,
    pub(super) keeper: &'a dyn Keeper,
    pub(super) store: Option<&'a Store>,
}

/// A read that was allowed, for one more question about it.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) facts: Box<Facts>,
    pub(super) site: usize,
    pub(super) who: Arc<Principal>,
}

impl After {
    /// What is left of an operation to be done afterwards.
    pub(super) fn of(
        out: &Forward,
        mut facts: Box<Facts>,
        site: usize,
        who: &Arc<Principal>,
        refused: Vec<Refused>,
    ) -> Self {
        if out.operation == Operation::DeleteObjects {
            return Self::Deletions { refused, entries: std::mem::take(&mut facts.deletions) };
        }
        let confirm = Confirm::of(out, (facts.connection.listener, site), &facts.encryption);
        let then = Self::first(out, facts, site, who);
        let then = match confirm {
            Some(confirm) => Self::Encrypted(Box::new((confirm, then))),
            None => then,
        };
        match (&out.shown, naming(out.operation)) {
            (Some(shown), Some(element)) => Self::Shown { shown: shown.clone(), element, then: Box::new(then) },
            _ => then,
        }
    }

    fn first(out: &Forward, mut facts: Box<Facts>, site: usize, who: &Arc<Principal>) -> Self {
        match (out.operation, &out.bucket) {
            (Operation::ListBuckets, _) => Self::Buckets { account: who.account.clone() },
            (Operation::CreateBucket, Some(bucket)) => {
                Self::Made { bucket: bucket.clone(), owner: who.account.clone(), by: lasting(who).to_owned() }
            }
            (Operation::DeleteBucket, Some(bucket)) => {
                Self::Gone { bucket: bucket.clone(), by: lasting(who).to_owned() }
            }
            (_, Some(bucket)) if let Some(encryption) = facts.encryption.begun.take() => {
                let key = out.key.clone().unwrap_or_default();
                Self::Begun { bucket: bucket.clone(), key, encryption }
            }
            (operation, _) if side(operation).is_some() => {
                Self::Read(Box::new(Read { facts, site, who: Arc::clone(who) }))
            }
            _ => Self::Nothing,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// `AccessDenied` in the place of an absence; a list that cannot be read; a change that cannot be kept.
    pub(super) async fn measure(self, around: &Around<'_>, told: &mut Told, reply: Reply) -> Result<Reply, Fault> {
        match self {
            Self::Nothing => Ok(reply),
            Self::Read(read) => read.measure(around.live, told, reply),
            other => apart(|| other.measure_more(around, told, reply)).await,
        }
    }

    async fn measure_more(self, around: &Around<'_>, told: &mut Told, reply: Reply) -> Result<Reply, Fault> {
        let Around { live, known, keeper, store } = *around;
        match self {
            Self::Shown { shown, element, then } => {
                let reply = then.measure(around, told, reply).await?;
                self::shown(reply, element, &shown).await
            }
            Self::Encrypted(both) => {
                let (confirm, then) = *both;
                let reply = confirm.measure(live, store, reply).await?;
                then.measure(around, told, reply).await
            }
            Self::Read(read) => read.measure(live, told, reply),
            Self::Buckets { account } if reply.status == StatusCode::OK => buckets(live, &account, reply).await,
            Self::Deletions { refused, entries } if reply.status == StatusCode::OK => {
                deletions(refused, &entries, told, reply).await
            }
            Self::Begun { bucket, key, encryption } if reply.status == StatusCode::OK => {
                let document = reply.body.whole(LONGEST_LIST).await?;
                let id = xml::upload_id(&document).ok_or_else(unreadable)?;
                known.begin(&bucket, &key, &id, *encryption);
                Ok(Reply { body: ReplyBody::Full(document), ..reply })
            }
            Self::Made { bucket, owner, by } if reply.status.is_success() => {
                // Of a bucket that was there already nothing changes.
                if !live.estate.knows(&bucket) {
                    keeper.change(Change::Made { bucket: bucket.clone(), owner }).await?;
                }
                if live.retired.as_ref().is_some_and(|ledger| ledger.holds(&bucket)) {
                    keeper.change(Change::Reused { bucket, by }).await?;
                }
                Ok(reply)
            }
            Self::Gone { bucket, by } if reply.status.is_success() => {
                if live.retired.is_some() {
                    keeper.change(Change::Retired { bucket: bucket.clone(), by }).await?;
                }
                if live.estate.knows(&bucket) {
                    keeper.change(Change::Gone { bucket }).await?;
                }
                Ok(reply)
            }
            _ => Ok(reply),
        }
    }
}

/// The element of an answer that names the bucket (spec/access-points.md 8). What says 200 early is written
/// by whoever reads the store's answer.
const fn naming(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::ListObjectVersions | Operation::ListObjects | Operation::ListObjectsV2 => Some("Name"),
        Operation::CompleteMultipartUpload
        | Operation::CreateMultipartUpload
        | Operation::ListMultipartUploads
        | Operation::ListParts => Some("Bucket"),
        _ => None,
    }
}

async fn shown(reply: Reply, element: &str, shown: &str) -> Result<Reply, Fault> {
    if reply.status != StatusCode::OK || matches!(reply.body, ReplyBody::Late(_)) {
        return Ok(reply);
    }
    let document = with_text(reply.body.whole(LONGEST_LIST).await?.into(), element, shown);
    Ok(instead(reply.headers, reply.upstream_id, document))
}

/// Which object an operation may find missing without the caller being told.
const fn side(operation: Operation) -> Option<Side> {
    if absence::list_matters(operation, Side::Target, Verdict::Allowed) {
        Some(Side::Target)
    } else if matches!(operation, Operation::CopyObject | Operation::UploadPartCopy) {
        Some(Side::Source)
    } else {
        None
    }
}

impl Read {
    fn measure(&self, live: &Live, told: &mut Told, mut reply: Reply) -> Result<Reply, Fault> {
        // Of a bucket or an upload that is not there nothing is said about a key.
        let others = [Code::NoSuchBucket, Code::NoSuchUpload].map(Code::as_str);
        let absent =
            reply.status == StatusCode::NOT_FOUND && reply.code.as_deref().is_none_or(|code| !others.contains(&code));
        if absent {
            self.asked(live, |case, side| {
                told.source_refused = side == Side::Source;
                let version = case.names_version(side) && reply.code.as_deref() != Some(Code::NoSuchKey.as_str());
                case.check_absence(side, version)
            })?;
            told.source_refused = false;
        } else if reply.status.is_success() && (reply.headers.keys().any(is_shaped) || says_more(&reply.headers)) {
            self.asked(live, |case, _| {
                if opens(case.routed.operation, &case.routed.headers) {
                    case.check_read(&reply.headers)?;
                }
                for name in withheld(case, &reply)? {
                    reply.headers.remove(name);
                }
                rename(&mut reply.headers, case.site);
                Ok(())
            })?;
        }
        Ok(reply)
    }

    /// Asks one more question about the request, which is read once more for it.
    fn asked<T>(&self, live: &Live, question: impl FnOnce(&Case<'_>, Side) -> Result<T, Fault>) -> Result<T, Fault> {
        let lost = || Fault::plain(Code::InternalError, "request-not-found-again");
        let listener = self.facts.connection.listener;
        let found = self.facts.with_head(|head| live.find(listener, head))?;
        let Asked::Store(routed) = found.asked else { return Err(lost()) };
        let routed = routed.map_err(|fault| *fault)?;
        let document = Document::None;
        let site = live.site(listener, self.site)?;
        let case = Case { live, site, facts: &self.facts, routed: &routed, document: &document, who: &self.who };
        question(&case, side(routed.operation).ok_or_else(lost)?)
    }
}

impl Case<'_> {
    /// Whether the caller may hear that what it reads is not there.
    ///
    /// # Errors
    /// `AccessDenied`, with the words of the listing that it may not do.
    fn check_absence(&self, side: Side, of_version: bool) -> Result<(), Fault> {
        let session = self.session()?;
        let request = access::Request::new(self.given(), self.access_facts()?, &Nothing)?;
        let ask = self.given().before_absence(side, of_version)?;
        let decision = self.ask(&request, &ask, session.as_ref());
        match absence::told(self.routed.operation, side, Verdict::Allowed, (&decision).into()) {
            // A condition on what nobody looked up could have forbidden it.
            Heard::Absence if request.needs().is_empty() => Ok(()),
            Heard::AsStored => Ok(()),
            Heard::Absence | Heard::Denial => Err(self.denied(&ask, &decision)),
        }
    }
}

/// Whether a store says more of encryption than that it is its own.
fn says_more(headers: &http::HeaderMap) -> bool {
    headers.get(KIND).is_some_and(|kind| kind != "AES256")
}

/// Whether a header may need a permission of its own.
fn is_shaped(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "x-amz-tagging-count"
        || name.starts_with("x-amz-object-lock-")
        || name == "x-amz-server-side-encryption-aws-kms-key-id"
}

/// Headers of an answer that the caller may not see.
fn withheld(case: &Case<'_>, reply: &Reply) -> Result<Vec<&'static str>, Fault> {
    let shaping = case.given().shaping()?;
    let session = case.session()?;
    let mut out = Vec::new();
    for (ask, names) in shaping {
        if !names.iter().any(|name| reply.headers.contains_key(*name)) {
            continue;
        }
        let request = access::Request::new(case.given(), case.access_facts()?, &Nothing)?;
        let may = case.ask(&request, &ask, session.as_ref()).is_allow() && request.needs().is_empty();
        if !may {
            out.extend_from_slice(names);
        }
    }
    Ok(out)
}

/// Leaves the buckets of other accounts out.
async fn buckets(live: &Live, account: &str, reply: Reply) -> Result<Reply, Fault> {
    let document = reply.body.whole(LONGEST_LIST).await?;
    let root = Element::parse(&document, "ListAllMyBucketsResult").map_err(|_| unreadable())?;
    let mut writer = Writer::document();
    writer.open_in("ListAllMyBucketsResult", S3_NAMESPACE);
    for child in &root.children {
        match child.name.as_str() {
            "Owner" => {
                writer.open("Owner");
                writer.element("ID", &live.estate.canonical_id(account));
                writer.element("DisplayName", account);
                writer.close("Owner");
            }
            "Buckets" => {
                writer.open("Buckets");
                for bucket in &child.children {
                    let name = bucket.text_of("Name").map_err(|_| unreadable())?.unwrap_or_default();
                    if live.estate.owner(name) == account {
                        copy(&mut writer, bucket);
                    }
                }
                writer.close("Buckets");
            }
            _ => copy(&mut writer, child),
        }
    }
    writer.close("ListAllMyBucketsResult");
    Ok(instead(reply.headers, reply.upstream_id, writer.finish()))
}

/// Adds the deletions that were refused here, and notes what became of each.
async fn deletions(
    refused: Vec<Refused>,
    entries: &[DeleteEntry],
    told: &mut Told,
    reply: Reply,
) -> Result<Reply, Fault> {
    let document = reply.body.whole(LONGEST_LIST).await?;
    let root = Element::parse(&document, "DeleteResult").map_err(|_| unreadable())?;
    told.deleted = deletions::results(entries, &root.children, &refused);
    if refused.is_empty() {
        return Ok(Reply { body: ReplyBody::Full(document), ..reply });
    }
    Ok(instead(reply.headers, reply.upstream_id, delete_result(&root.children, &refused)))
}

pub(super) fn copy(writer: &mut Writer, element: &Element) {
    if element.children.is_empty() {
        writer.element(&element.name, &element.text);
        return;
    }
    writer.open(&element.name);
    for child in &element.children {
        copy(writer, child);
    }
    writer.close(&element.name);
}

fn instead(mut headers: http::HeaderMap, upstream_id: Option<HeaderValue>, document: Vec<u8>) -> Reply {
    headers.insert(CONTENT_LENGTH, document.len().into());
    Reply {
        status: StatusCode::OK,
        headers,
        body: ReplyBody::Full(Bytes::from(document)),
        upstream_id,
        code: None,
        size: None,
    }
}

fn unreadable() -> Fault {
    Fault::plain(Code::InternalError, "upstream-list").detail("the store's document cannot be read")
}
