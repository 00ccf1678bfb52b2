//! Owners that the store must confirm, before an octet of a body leaves for a bucket that may be somebody
//! else's (spec/policy-evaluation.md 5).

use std::cell::RefCell;
use std::collections::HashMap;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::Wire;
use crate::body::SealedBody;
use crate::s3::{Code, Fault, Operation};
use crate::time::Seconds;
use crate::upstream::{Forward, Owners, Upstream};

const TARGET: HeaderName = HeaderName::from_static("x-amz-expected-bucket-owner");
const SOURCE: HeaderName = HeaderName::from_static("x-amz-source-expected-bucket-owner");

/// For how long a confirmation counts, in seconds. The upload itself names the owner as well, so that
/// nothing is ever stored in a bucket that has changed hands meanwhile.
const GOOD_FOR: i64 = 60;
/// How many buckets are remembered; with more, all are asked about anew.
const MOST: usize = 10_000;

/// What the store has confirmed lately.
#[derive(Debug, Default)]
pub(super) struct Confirmed(RefCell<HashMap<String, (String, Seconds)>>);

impl Confirmed {
    fn holds(&self, bucket: &str, owner: &str, now: Seconds) -> bool {
        let known = self.0.borrow();
        known.get(bucket).is_some_and(|(of, until)| of == owner && now < *until)
    }

    fn note(&self, bucket: &str, owner: &str, now: Seconds) {
        let mut known = self.0.borrow_mut();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(bucket.to_owned(), (owner.to_owned(), Seconds(now.0.saturating_add(GOOD_FOR))));
    }
}

/// Writes the owners into a request.
///
/// # Errors
/// `InternalError`: an account that cannot stand in a header.
pub(super) fn write(owners: &Owners, headers: &mut HeaderMap) -> Result<(), Fault> {
    for (name, owner) in [(TARGET, &owners.target), (SOURCE, &owners.source)] {
        if let Some(owner) = owner {
            let value = HeaderValue::from_str(owner)
                .map_err(|_| Fault::plain(Code::InternalError, "owner-unwritable").detail(owner.as_str()))?;
            headers.insert(name, value);
        }
    }
    Ok(())
}

impl Wire {
    /// Asks the store whose a bucket is, where a body is about to leave for it and that is not known.
    ///
    /// # Errors
    /// `AccessDenied` where the store does not confirm the owner; `NoSuchBucket`; `ServiceUnavailable`
    /// where it does not say.
    pub(super) async fn confirm_owner(&self, out: &Forward) -> Result<(), Fault> {
        let (Some(bucket), Some(owner)) = (&out.bucket, &out.owners.target) else { return Ok(()) };
        let now = self.clock.now();
        if self.confirmed.holds(bucket, owner, now) {
            return Ok(());
        }
        let head = Forward {
            bucket: Some(bucket.clone()),
            owners: Owners { target: Some(owner.clone()), source: None },
            ..Forward::own(Operation::HeadBucket, &out.account, out.id)
        };
        let status = Box::pin(self.send(Box::new(head), SealedBody::empty())).await?.status;
        match status.as_u16() {
            200..300 => {
                self.confirmed.note(bucket, owner, now);
                Ok(())
            }
            403 => {
                let detail = format!("the store does not confirm that account {owner} owns the bucket {bucket}");
                Err(Fault::plain(Code::AccessDenied, "store-owner").detail(detail))
            }
            404 => Err(Fault::plain(Code::NoSuchBucket, "no-such-bucket").with("BucketName", bucket.as_str())),
            status => {
                let detail = format!("the store answered {status} when asked who owns the bucket {bucket}");
                Err(Fault::plain(Code::ServiceUnavailable, "upstream-owner").detail(detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_is_for_one_owner_and_not_for_long() {
        let confirmed = Confirmed::default();
        confirmed.note("b", "111122223333", Seconds(100));
        assert!(confirmed.holds("b", "111122223333", Seconds(159)));
        assert!(!confirmed.holds("b", "111122223333", Seconds(160)));
        assert!(!confirmed.holds("b", "444455556666", Seconds(100)));
        assert!(!confirmed.holds("c", "111122223333", Seconds(100)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let confirmed = Confirmed::default();
        for bucket in 0..=MOST {
            confirmed.note(&bucket.to_string(), "111122223333", Seconds(0));
        }
        assert_eq!(confirmed.0.borrow().len(), 1);
    }
}
