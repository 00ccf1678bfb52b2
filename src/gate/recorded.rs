//! The record of a delivery into a bucket, like that of any request: the intent before the store hears
//! anything, and how it ended.

use std::sync::Arc;

use http::header::ETAG;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::audit::record::SHOWN_OF_ANSWERS;
use crate::audit::{Completion, Decision, Delivery, Encryption, Intent, Journal, Outcome, Receipt, Requester};
use crate::delivery::{Object, Trouble};
use crate::pipeline::Live;
use crate::s3::uri::encode_path;
use crate::s3::{Fault, Operation};
use crate::time::{Clock, Millis};
use crate::upstream::{Forward, Reply};

const ALGORITHM: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const VERSION_ID: &str = "x-amz-version-id";

/// A delivery whose intent is on record. One that is dropped ends as unknown.
pub(super) struct Recorded {
    receipt: Receipt,
    clock: Arc<dyn Clock>,
    received: Millis,
    octets: u64,
    ended: Ended,
}

/// How it ended.
enum Ended {
    Unknown,
    Fault(Fault),
    Answered(Box<Answer>),
}

struct Answer {
    status: u16,
    code: Option<String>,
    headers: HeaderMap,
    upstream_id: Option<HeaderValue>,
}

impl Recorded {
    /// Puts the intent on record.
    ///
    /// # Errors
    /// [`Trouble`]: the journal does not take it, and nothing may be sent.
    pub(super) async fn begin(
        journal: &Journal,
        clock: &Arc<dyn Clock>,
        live: &Live,
        at: usize,
        object: &Object,
        out: &Forward,
    ) -> Result<Self, Trouble> {
        let Object { parcel, bucket, key, content, .. } = object;
        let (received, octets) = (clock.now_millis(), content.len() as u64);
        let owner = live.estate.owner(bucket);
        let site = live.listeners.iter().flatten().find(|site| site.store == at);
        let said = |name: &str| out.headers.get(name).and_then(|value| value.to_str().ok());
        let headers: Vec<_> =
            out.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
        let target = encode_path(format!("/{bucket}/{key}").as_bytes());
        let canonical_id = live.estate.canonical_id(owner);
        let encryption =
            said(ALGORITHM).map(|algorithm| Encryption { algorithm, key: said(KMS_KEY), ..Encryption::default() });
        let intent = Intent {
            requester: Requester { kind: Some("AWSService"), arn: Some(parcel.service), ..Requester::default() },
            method: Some(b"PUT"),
            target: Some(target.as_bytes()),
            http_version: Some("HTTP/1.1"),
            operation: Some(Operation::PutObject.name()),
            bucket: Some(bucket.as_bytes()),
            bucket_account: Some(owner),
            bucket_owner: Some(&canonical_id),
            region: site.map(|site| site.address.region.as_str()),
            key: Some(key.as_bytes()),
            content_length: Some(octets),
            decision: Decision::Allow,
            delivery: Some(Delivery { sink: &parcel.sink, of_deliveries: parcel.of_deliveries }),
            encryption,
            headers: &headers,
            ..Intent::new(out.id, received)
        };
        let recorded = journal.record_delivery(&intent).await;
        let receipt =
            recorded.map_err(|full| Trouble::later(format!("the journal does not take the record of it: {full}")))?;
        Ok(Self { receipt, clock: Arc::clone(clock), received, octets, ended: Ended::Unknown })
    }

    /// The store has answered.
    pub(super) fn answered(&mut self, reply: &Reply) {
        self.ended = Ended::Answered(Box::new(Answer {
            status: reply.status.as_u16(),
            code: reply.code.clone(),
            headers: reply.headers.clone(),
            upstream_id: reply.upstream_id.clone(),
        }));
    }

    /// The store has not answered.
    pub(super) fn failed(&mut self, fault: &Fault) {
        self.ended = Ended::Fault(fault.clone());
    }

    /// Ends the record.
    pub(super) fn end(self) {
        let Self { receipt, clock, received, octets, ended } = self;
        let total_ms = u64::try_from(clock.now_millis().0.saturating_sub(received.0)).ok();
        let known = Completion { total_ms, bytes_in: octets, ..Completion::default() };
        match ended {
            Ended::Unknown => drop(receipt), // says so
            Ended::Fault(fault) => receipt.complete(&Completion {
                outcome: match fault.reason().starts_with("upstream-") {
                    true => Outcome::UpstreamFailed,
                    false => Outcome::Refused,
                },
                status: Some(fault.status()),
                error_code: Some(fault.code().as_str()),
                error_message: Some(fault.message()),
                reason: Some(fault.reason()),
                detail: fault.private_detail(),
                ..known
            }),
            Ended::Answered(answer) => {
                let Answer { status, code, headers, upstream_id } = *answer;
                let shown: Vec<(&str, HeaderValue)> = SHOWN_OF_ANSWERS
                    .into_iter()
                    .filter_map(|name| Some((name, headers.get(HeaderName::from_static(name))?.clone())))
                    .collect();
                receipt.complete(&Completion {
                    outcome: Outcome::Completed,
                    status: Some(status),
                    error_code: code.as_deref(),
                    object_size: (200..300).contains(&status).then_some(octets),
                    created_version: headers.get(VERSION_ID).map(HeaderValue::as_bytes),
                    etag: headers.get(ETAG).map(HeaderValue::as_bytes),
                    response_headers: &shown,
                    upstream_id: upstream_id.as_ref().map(HeaderValue::as_bytes),
                    ..known
                });
            }
        }
    }
}
