//! PutObject: sealed on its way.

use http::{HeaderName, StatusCode};

use super::keys::Wanted;
use super::sealing::{Place, seal};
use super::{Sealed, name, told};
use crate::body::SealedBody;
use crate::s3::encryption::CONTEXT;
use crate::s3::{Code, Fault};
use crate::upstream::{Forward, Reply, Upstream as _};

/// Writes behind the end of an object that is there.
const OFFSET: HeaderName = HeaderName::from_static("x-amz-write-offset-bytes");

impl Sealed {
    /// `PUT /bucket/key`
    pub(super) async fn put(&self, mut out: Box<Forward>, body: SealedBody) -> Result<Reply, Fault> {
        if out.headers.contains_key(OFFSET) {
            let message = "Data cannot be appended to objects that the proxy seals.";
            return Err(Fault::new(Code::NotImplemented, "sealed-append", message));
        }
        let wanted = Wanted::read(&out.headers)?;
        told::check_metadata(&out.headers)?;
        let (key, mut metadata) =
            self.keys.fresh(&wanted, name(&out), (out.requester.as_ref(), body.decoded_length())).await?;
        if let Some((algorithm, Some(value))) = body.checksum() {
            metadata.checksums = told::keep_checksum(&key, (algorithm, value));
        }
        let context = out.headers.get(CONTEXT).cloned();
        told::strip(&mut out.headers);
        told::write(&metadata, &mut out.headers)?;
        let place = Place { key: &key, number: 1, multipart: false, salt: self.keys.salt()? };
        let (sealed, checksum) = seal(place, body, self.trailer())?;
        let mut reply = self.wire.send(out, sealed).await?;
        if reply.status == StatusCode::OK {
            told::tell_written(&mut reply.headers, &wanted, context);
            if let Some(checksum) = checksum.get() {
                told::tell_checksum(&mut reply.headers, *checksum);
            }
        }
        Ok(reply)
    }
}
