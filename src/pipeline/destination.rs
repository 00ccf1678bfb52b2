//! Documents that make a store write into another bucket by itself: replication, inventories. (Access logs
//! are written by the proxy itself: `logging`.)
//!
//! Towards the store every bucket is the proxy's own, and what it does by itself passes no decision here.
//! So a document may name buckets of the account alone that owns the bucket it is about.

use super::judge::Case;
use crate::s3::xml::Element;
use crate::s3::{Code, Fault, Operation};

/// Elements that name a bucket to write to, by name or by ARN.
const NAMES: [&str; 3] = ["Bucket", "BucketName", "TargetBucket"];

/// Checks the buckets that a document names.
///
/// # Errors
/// `AccessDenied` for a bucket of another account, and for a text that is no bucket; `MalformedXML`.
pub(super) fn check(case: &Case<'_>, bucket: &str, document: &[u8]) -> Result<(), Fault> {
    let root = match case.routed.operation {
        Operation::PutBucketAnalyticsConfiguration => "AnalyticsConfiguration",
        Operation::PutBucketInventoryConfiguration => "InventoryConfiguration",
        Operation::PutBucketReplication => "ReplicationConfiguration",
        Operation::RestoreObject if !document.is_empty() => "RestoreRequest",
        _ => return Ok(()),
    };
    let root = Element::parse(document, root)?;
    let estate = &case.live.estate;
    let owner = estate.owner(bucket);
    each(&root, &mut |named| match named_bucket(named, &case.site.address.partition) {
        Some(name) if estate.owner(name) == owner => Ok(()),
        _ => {
            let fault = Fault::plain(Code::AccessDenied, "destination");
            Err(fault.detail(format!("`{named}` is no bucket of the account {owner}, which owns {bucket}")))
        }
    })
}

/// Walks the texts of all elements that name a bucket. The depth of a document is bounded.
fn each(element: &Element, found: &mut impl FnMut(&str) -> Result<(), Fault>) -> Result<(), Fault> {
    if NAMES.contains(&element.name.as_str()) && element.children.is_empty() {
        found(element.text.trim())?;
    }
    element.children.iter().try_for_each(|child| each(child, found))
}

fn named_bucket<'t>(text: &'t str, partition: &str) -> Option<&'t str> {
    let name = match text.strip_prefix("arn:") {
        Some(rest) => rest.strip_prefix(partition)?.strip_prefix(":s3:::")?,
        None => text,
    };
    crate::s3::name::is_addressable_bucket(name).then_some(name)
}
