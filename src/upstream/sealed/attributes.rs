//! GetObjectAttributes: what it says of sizes is about plaintext, checksums are not told.

use http::StatusCode;

use super::document::{Size, rewrite, sizes, text, without_checksums};
use super::probe::{Stored, look};
use super::{Sealed, name, told};
use crate::body::SealedBody;
use crate::s3::xml::with_text;
use crate::s3::{Fault, Operation};
use crate::seal::plain_length;
use crate::upstream::{Forward, Reply, Upstream as _};

impl Sealed {
    /// `GET /bucket/key?attributes`
    pub(super) async fn attributes(&self, out: Box<Forward>) -> Result<Reply, Fault> {
        let mut head = look(&out, Operation::HeadObject, name(&out).bucket, name(&out).key);
        head.query.extend(out.query.iter().find(|(name, _)| name == "versionId").cloned());
        let head = self.wire.send(Box::new(head), SealedBody::empty()).await?;
        if head.status != StatusCode::OK {
            return self.wire.send(out, SealedBody::empty()).await; // which says why
        }
        let Some(metadata) = told::read(&head.headers, name(&out))? else {
            self.foreign.check(name(&out))?;
            return self.wire.send(out, SealedBody::empty()).await;
        };
        let stored = Stored::of(&out, &head.headers)?;
        let key = self.keys.at_hand(&metadata, stored.name(), out.requester.as_ref()).ok().flatten();
        let plain = self.parts(&stored, &metadata, key.as_ref()).await?.plain();
        let reply = self.wire.send(out, SealedBody::empty()).await?;
        if reply.status != StatusCode::OK {
            return Ok(reply);
        }
        let reply = Reply { size: Some(plain), ..reply };
        rewrite(reply, |document| {
            let of_part = |_: &[u8], size| plain_length(size).map_or(Size::AsStored, Size::Plain);
            let (document, _) = sizes(without_checksums(document), &["Part"], of_part);
            let told = text(&document, "ObjectSize").is_some();
            if told { with_text(document, "ObjectSize", &plain.to_string()) } else { document }
        })
        .await
    }
}
