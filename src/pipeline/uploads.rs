//! How multipart uploads were to be encrypted: parts and completion do not say it again, and are decided
//! as if they did (spec/s3-authorization.md 6, multipart-encryption).
//!
//! Kept in this process, for as many uploads as [`MOST`]; only those that said something are. Of an upload
//! that another process began, or that has been forgotten, nothing is known: conditions see no encryption.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::access::UploadEncryption;
use crate::s3::route::Routed;

/// How many uploads are remembered; with more, the oldest are forgotten. At most 20 MB, with the longest
/// keys there are 100 MB.
const MOST: usize = 1 << 16;

/// Uploads under way, over all workers.
#[derive(Debug, Default)]
pub struct Uploads {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<Upload, UploadEncryption>,
    order: VecDeque<Upload>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Upload {
    bucket: String,
    key: String,
    id: String,
}

impl Uploads {
    /// Remembers what an upload was begun with.
    pub(super) fn begin(&self, bucket: &str, key: &str, id: &str, encryption: UploadEncryption) {
        let upload = Upload { bucket: bucket.to_owned(), key: key.to_owned(), id: id.to_owned() };
        let mut inner = self.lock();
        if inner.order.len() >= MOST
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.known.remove(&oldest);
        }
        if inner.known.insert(upload.clone(), encryption).is_none() {
            inner.order.push_back(upload);
        }
    }

    /// What the upload of a request was begun with; none if nobody remembers.
    pub(super) fn of(&self, routed: &Routed) -> Option<UploadEncryption> {
        let (bucket, key, id) = (routed.bucket.clone()?, routed.key.clone()?, routed.parameter("uploadId")?.to_owned());
        self.lock().known.get(&Upload { bucket, key, id }).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in here leaves at most one upload forgotten.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::s3::Operation;

    fn part(id: &str) -> Routed {
        Routed {
            operation: Operation::UploadPart,
            bucket: Some("b".to_owned()),
            key: Some("k".to_owned()),
            parameters: vec![("uploadId".to_owned(), id.to_owned())],
            headers: HeaderMap::new(),
            copy_source: None,
            account: None,
            point: None,
            through: None,
        }
    }

    #[test]
    fn a_part_is_decided_as_its_upload_was_begun() {
        let uploads = Uploads::default();
        let encryption = UploadEncryption { algorithm: Some("aws:kms".to_owned()), ..UploadEncryption::default() };
        uploads.begin("b", "k", "one", encryption.clone());
        assert_eq!(uploads.of(&part("one")), Some(encryption));
        assert_eq!(uploads.of(&part("two")), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let uploads = Uploads::default();
        for id in 0..=MOST {
            uploads.begin("b", "k", &id.to_string(), UploadEncryption::default());
        }
        assert_eq!(uploads.of(&part("0")), None);
        assert!(uploads.of(&part("1")).is_some());
        assert_eq!(uploads.lock().known.len(), MOST);
    }
}
