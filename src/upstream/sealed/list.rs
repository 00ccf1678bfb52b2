//! Lists of objects, with sizes of plaintext (spec/encryption.md 14.6).

use http::{HeaderValue, StatusCode};

use super::Sealed;
use super::document::{Size, etag, rewrite, sizes, without_checksums};
use super::parts::parts_of;
use super::told::PROXY_SIZE;
use crate::body::SealedBody;
use crate::s3::Fault;
use crate::seal::{listed_length, plain_length};
use crate::upstream::{Forward, Reply, Upstream as _};

impl Sealed {
    /// ListObjects, ListObjectsV2, ListObjectVersions
    pub(super) async fn list(&self, out: Box<Forward>) -> Result<Reply, Fault> {
        let reply = self.wire.send(out, SealedBody::empty()).await?;
        if reply.status != StatusCode::OK {
            return Ok(reply);
        }
        let mut some_sealed = false;
        let mut reply = rewrite(reply, |document| {
            let (document, sealed) = sizes(document, &["Contents", "Version"], |entry, size| self.listed(entry, size));
            some_sealed = sealed;
            without_checksums(document)
        })
        .await?;
        if some_sealed {
            reply.headers.insert(PROXY_SIZE, HeaderValue::from_static("sealed"));
        }
        Ok(reply)
    }

    /// A list tells an object by its entity tag alone. What has a length that no sealed object has is none.
    fn listed(&self, entry: &[u8], size: u64) -> Size {
        let etag = etag(entry);
        match parts_of(&etag) {
            None => plain_length(size).map_or(Size::AsStored, Size::Plain),
            Some(count) => {
                let plain = self.catalogue.plain(&etag, size).or_else(|| listed_length(size, u64::from(count)));
                plain.map_or(Size::Sealed, Size::Plain)
            }
        }
    }
}
