//! What a store says of the encryption of what it has made: believed only if it says it, and told in the
//! client's terms (spec/encryption.md 12, B-1 and B-2).
//!
//! Some stores say it when they are asked for the object, and not in their answer to what made it: MinIO of
//! copies and of multipart uploads. They are asked then, before the client hears of success. Of an upload
//! that has just begun nothing can be asked; what it becomes is confirmed when it is complete. What is encrypted
//! with a client's own key is asked for without it: a store that has used the key cannot answer then.

use std::sync::Arc;

use http::header::AsHeaderName;
use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::encryption::{Decided, StoreKeys};
use super::live::{Live, Site};
use super::walk::Store;
use crate::body::SealedBody;
use crate::s3::encryption::{BUCKET_KEY, CUSTOMER, Encryption, KEY_ID, KIND, Kind};
use crate::s3::{Code, Fault, Operation, xml};
use crate::upstream::{Forward, Owners, Reply, ReplyBody, Upstream};

const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");

/// The longest answer to a write that is read whole.
const LONGEST: usize = 64 << 10;

/// What is checked and translated of an answer to a write.
#[derive(Debug)]
pub(super) struct Confirm {
    listener: usize,
    site: usize,
    demanded: Option<Demanded>,
}

/// What a rule demands of what was made.
#[derive(Debug)]
struct Demanded {
    /// How, with the KMS key that the store was told.
    encryption: Encryption,
    made: Made,
    /// What takes it back, but for its version or upload.
    undo: Box<Forward>,
}

/// What was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Made {
    Object,
    Upload,
}

impl Confirm {
    /// None where nothing is demanded and the store names keys as clients do.
    pub(super) fn of(out: &Forward, (listener, site): (usize, usize), decided: &Decided) -> Option<Self> {
        let makes = match out.operation {
            Operation::CompleteMultipartUpload | Operation::CopyObject | Operation::PutObject => Some(Made::Object),
            Operation::CreateMultipartUpload => Some(Made::Upload),
            _ => None,
        };
        if !decided.demanded && !decided.renames {
            return None;
        }
        let demanded = makes.filter(|_| decided.demanded).map(|made| {
            let undo = match made {
                Made::Object => Operation::DeleteObject,
                Made::Upload => Operation::AbortMultipartUpload,
            };
            Demanded { encryption: decided.encryption.clone(), made, undo: Box::new(about(out, undo)) }
        });
        Some(Self { listener, site, demanded })
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
        let site = live.site(self.listener, self.site)?;
        if let (Some(demanded), Some(store)) = (self.demanded, store) {
            reply = demanded.confirm(site, store, reply).await?;
        }
        rename(&mut reply.headers, site);
        Ok(reply)
    }
}

impl Demanded {
    /// Whether headers say what was demanded, and name the key. A stronger kind will do.
    fn is_in(&self, headers: &HeaderMap, site: &Site) -> bool {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(kind) = self.encryption.kind() else {
            return self.encryption == Encryption::Customer && text(CUSTOMER.algorithm.clone()) == Some("AES256");
        };
        let same = |key: &Arc<str>| text(KEY_ID).is_some_and(|name| site.arn_of_stored(name) == *key);
        text(KIND).and_then(Kind::named) >= Some(kind) && self.encryption.key().is_none_or(same)
    }

    /// Whether the store has said, asked for the object without a key, what was demanded.
    fn is_told(&self, found: &Reply, site: &Site) -> bool {
        match self.encryption {
            Encryption::Customer => found.status == StatusCode::BAD_REQUEST,
            _ => found.status.is_success() && self.is_in(&found.headers, site),
        }
    }

    async fn confirm(self, site: &Site, store: &Store, reply: Reply) -> Result<Reply, Fault> {
        if self.is_in(&reply.headers, site) {
            return Ok(reply);
        }
        let mut reply = in_hand(reply).await?;
        let silent = ![&KIND, &CUSTOMER.algorithm].into_iter().any(|name| reply.headers.contains_key(name));
        let confirmed = match self.made {
            _ if reply.code.is_some() => true, // nothing was made
            Made::Upload => silent,
            Made::Object if silent => self.ask(site, store, &mut reply).await?,
            Made::Object => false,
        };
        if confirmed {
            return Ok(reply);
        }
        let bucket = self.undo.bucket.clone();
        let detail = taken_back(*self.undo, store, reply).await;
        let detail = format!("the store does not say that it has encrypted what it was told to encrypt, {detail}");
        tracing::error!(bucket, "EncryptionNotConfirmed: {detail}");
        Err(Fault::plain(Code::InternalError, "encryption-not-confirmed").detail(detail))
    }

    /// Asks for the object, and whether it is encrypted. What the store says of it then the client hears.
    async fn ask(&self, site: &Site, store: &Store, reply: &mut Reply) -> Result<bool, Fault> {
        let mut out = about(&self.undo, Operation::HeadObject);
        if let Some(version) = text(&reply.headers, &VERSION_ID) {
            out.query.push(("versionId".to_owned(), version));
        }
        let found = store.send(Box::new(out), SealedBody::empty()).await?;
        for name in [KIND, KEY_ID, BUCKET_KEY] {
            if let Some(value) = found.headers.get(&name) {
                reply.headers.insert(name, value.clone());
            }
        }
        Ok(self.is_told(&found, site))
    }
}

/// An answer that says 200 early and may still fail, read to its end.
async fn in_hand(reply: Reply) -> Result<Reply, Fault> {
    let Reply { status, headers, body: ReplyBody::Late(late), upstream_id, size, .. } = reply else { return Ok(reply) };
    let error = late.error();
    let body = ReplyBody::Late(late).whole(LONGEST).await?;
    let code = error.get().map(|error| error.code.clone());
    Ok(Reply { status, headers, body: ReplyBody::Full(body), upstream_id, code, size })
}

pub(super) fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Puts a key's ARN in the place of the store's own name of it.
pub(super) fn rename(headers: &mut HeaderMap, site: &Site) {
    if !matches!(site.encryption.keys, StoreKeys::Names { .. }) {
        return;
    }
    let Some(name) = headers.get(&KEY_ID).and_then(|value| value.to_str().ok()) else { return };
    let arn = site.arn_of_stored(name);
    if let Ok(arn) = HeaderValue::from_str(&arn) {
        headers.insert(KEY_ID, arn);
    }
}

/// Another request about the same object.
fn about(out: &Forward, operation: Operation) -> Forward {
    Forward {
        bucket: out.bucket.clone(),
        key: out.key.clone(),
        owners: Owners { target: out.owners.target.clone(), source: None },
        ..Forward::own(operation, &out.account, out.id)
    }
}

/// Takes back what was made, and says how that went.
async fn taken_back(mut undo: Forward, store: &Store, reply: Reply) -> String {
    match undo.operation {
        Operation::AbortMultipartUpload => match upload_id(reply.body).await {
            Some(id) => undo.query.push(("uploadId".to_owned(), id)),
            None => return "and the upload has no id".to_owned(),
        },
        _ => match (text(&reply.headers, &VERSION_ID), reply.headers.get(&ETAG)) {
            (Some(version), _) => undo.query.push(("versionId".to_owned(), version)),
            // What somebody else has written there meanwhile stays, where the store keeps such a condition.
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
    xml::upload_id(&body.whole(LONGEST).await.ok()?)
}
