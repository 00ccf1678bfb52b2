//! An upload that is looked at for sensitive content, from its first octet to the store's answer.

use std::sync::Arc;

use super::confirm::text;
use super::home::Home;
use crate::body::{SealedBody, Verdict};
use crate::inspect::{Hearing, Inspector, Object};
use crate::s3::Operation;
use crate::time::Millis;
use crate::upstream::{Forward, Reply};

/// What is heard, and what is known of it.
pub(super) struct Heard {
    hearing: Hearing,
    object: Object,
    verdict: Verdict,
}

impl Heard {
    /// Listens to the data, where it is object data and one that is chosen.
    pub(super) fn begin(
        inspector: &Arc<Inspector>,
        out: &Forward,
        home: Option<&Home>,
        body: &mut SealedBody,
    ) -> Option<Self> {
        if !matches!(out.operation, Operation::PutObject | Operation::UploadPart) {
            return None;
        }
        let (bucket, key) = (out.bucket.as_deref()?, out.key.as_deref()?);
        let hearing = inspector.hear(bucket, key, body.longest())?;
        let parameter = |name: &str| out.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let owner = home.and_then(|home| home.owner.as_ref());
        let object = Object {
            account: owner.map_or_else(|| out.account.clone(), |owner| owner.account.to_string()),
            region: home.and_then(|home| home.region.as_deref()).unwrap_or_default().to_owned(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            request: out.id.as_str().to_owned(),
            content_type: text(&out.headers, "content-type"),
            content_encoding: text(&out.headers, "content-encoding"),
            storage_class: text(&out.headers, "x-amz-storage-class"),
            part: parameter("uploadId").zip(parameter("partNumber")),
            // What only the answer tells.
            time: Millis(0),
            size: 0,
            etag: None,
            version: None,
            encryption: None,
        };
        let verdict = body.verdict();
        body.overhear(hearing.ear());
        Some(Self { hearing, object, verdict })
    }

    /// A store has answered: what it has taken is looked at.
    pub(super) fn answered(self, reply: &Reply, now: Millis) {
        let Self { hearing, mut object, verdict } = self;
        if !reply.status.is_success() {
            return;
        }
        let headers = &reply.headers;
        object.time = now;
        object.size = verdict.bytes();
        object.etag = text(headers, "etag").map(|etag| etag.trim_matches('"').to_owned());
        object.version = text(headers, "x-amz-version-id");
        let key = text(headers, "x-amz-server-side-encryption-aws-kms-key-id");
        let kind = text(headers, "x-amz-server-side-encryption");
        let customer = || text(headers, "x-amz-server-side-encryption-customer-algorithm");
        object.encryption = kind.or_else(customer).map(|kind| (kind, key));
        hearing.stored(object);
    }
}
