//! What a store says of the encryption of what it has made: believed only if it says it, and told in the
//! client's terms (spec/encryption.md 12, B-1 and B-2).

use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::encryption::{Decided, StoreKeys, is_confirmed};
use super::live::{Live, Site};
use super::walk::Store;
use crate::access::Estate;
use crate::body::SealedBody;
use crate::s3::encryption::{KEY_ID, Kind};
use crate::s3::xml::Element;
use crate::s3::{Code, Fault, Operation};
use crate::upstream::{Forward, Owners, Reply, ReplyBody, Upstream};

const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");

/// The longest answer to the beginning of an upload that is read for its id.
const LONGEST: usize = 64 << 10;

/// What is checked and translated of an answer to a write.
#[derive(Debug)]
pub(super) struct Confirm {
    listener: usize,
    site: usize,
    bucket: String,
    demanded: Option<Kind>,
    /// What takes back what was made, but for its version or upload.
    undo: Option<Box<Forward>>,
}

impl Confirm {
    /// None where nothing is demanded and the store names keys as clients do.
    pub(super) fn of(out: &Forward, (listener, site): (usize, usize), decided: &Decided) -> Option<Self> {
        let makes = match out.operation {
            Operation::CopyObject | Operation::PutObject => Some(Operation::DeleteObject),
            Operation::CreateMultipartUpload => Some(Operation::AbortMultipartUpload),
            _ => None,
        };
        let demanded = decided.demanded.filter(|_| makes.is_some());
        if demanded.is_none() && !decided.renames {
            return None;
        }
        let undo = makes.filter(|_| demanded.is_some()).map(|operation| Box::new(undo(out, operation)));
        let bucket = out.bucket.clone().unwrap_or_default();
        Some(Self { listener, site, bucket, demanded, undo })
    }

    /// Checks and translates an answer.
    ///
    /// # Errors
    /// `InternalError`: the store has made something and does not say that it is encrypted as it was told. It
    /// is taken back, as far as the store lets us.
    pub(super) async fn measure(self, live: &Live, store: Option<&Store>, mut reply: Reply) -> Result<Reply, Fault> {
        if !reply.status.is_success() {
            return Ok(reply);
        }
        if is_confirmed(self.demanded, &reply.headers) {
            let site = live.site(self.listener, self.site)?;
            rename(&mut reply.headers, site, &live.estate, &self.bucket);
            return Ok(reply);
        }
        let detail = match (self.undo, store) {
            (Some(undo), Some(store)) => taken_back(*undo, store, reply).await,
            _ => "and it could not be taken back".to_owned(),
        };
        let detail = format!("the store does not say that it has encrypted what it was told to encrypt, {detail}");
        tracing::error!(bucket = self.bucket, "EncryptionNotConfirmed: {detail}");
        Err(Fault::plain(Code::InternalError, "encryption-not-confirmed").detail(detail))
    }
}

/// Puts a key's ARN in the place of the store's own name of it.
pub(super) fn rename(headers: &mut HeaderMap, site: &Site, estate: &Estate, bucket: &str) {
    if !matches!(site.encryption.keys, StoreKeys::Names(_)) {
        return;
    }
    let Some(name) = headers.get(&KEY_ID).and_then(|value| value.to_str().ok()) else { return };
    let arn = site.arn_of_stored(name, estate.owner(bucket));
    if let Ok(arn) = HeaderValue::from_str(&arn) {
        headers.insert(KEY_ID, arn);
    }
}

fn undo(out: &Forward, operation: Operation) -> Forward {
    Forward {
        operation,
        bucket: out.bucket.clone(),
        key: out.key.clone(),
        query: Vec::new(),
        headers: HeaderMap::new(),
        copy_source: None,
        owners: Owners { target: out.owners.target.clone(), source: None },
        location: None,
        shown: None,
        account: out.account.clone(),
        id: out.id,
    }
}

/// Takes back what was made, and says how that went.
async fn taken_back(mut undo: Forward, store: &Store, reply: Reply) -> String {
    let text = |name: &HeaderName| reply.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match undo.operation {
        Operation::AbortMultipartUpload => match upload_id(reply.body).await {
            Some(id) => undo.query.push(("uploadId".to_owned(), id)),
            None => return "and the upload has no id".to_owned(),
        },
        _ => match (text(&VERSION_ID), reply.headers.get(&ETAG)) {
            (Some(version), _) => undo.query.push(("versionId".to_owned(), version)),
            // What somebody else has written there meanwhile stays.
            (None, Some(etag)) => drop(undo.headers.insert(IF_MATCH, etag.clone())),
            (None, None) => {}
        },
    }
    match store.send(Box::new(undo), SealedBody::empty()).await {
        Ok(done) if done.status.is_success() => "and has taken it back".to_owned(),
        Ok(done) => format!("and answered {} when it was to take it back", done.status.as_u16()),
        Err(fault) => format!("and could not be asked to take it back: {fault}"),
    }
}

async fn upload_id(body: ReplyBody) -> Option<String> {
    let document = body.whole(LONGEST).await.ok()?;
    let root = Element::parse(&document, "InitiateMultipartUploadResult").ok()?;
    root.text_of("UploadId").ok().flatten().map(str::to_owned)
}
