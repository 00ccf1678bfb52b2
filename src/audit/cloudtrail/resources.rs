//! `resources`: what a request was about (spec/cloudtrail.md 3.4).

use super::identity::account_of;
use super::members::Members;
use super::names::Called;
use crate::audit::event::Event;
use crate::s3::Operation;

const OBJECT: &str = "AWS::S3::Object";

/// The list; empty for what is about no bucket.
pub(super) fn resources(event: &Event, called: &Called<'_>) -> Vec<Members> {
    let Some(bucket) = event.bucket() else {
        return access_point(event.text("access_point_arn")).into_iter().collect();
    };
    use Operation as O;
    let mut out = Vec::new();
    let source = event.source().filter(|_| matches!(called.operation, Some(O::CopyObject | O::UploadPartCopy)));
    let many =
        matches!(called.operation, Some(O::DeleteObjects | O::ListObjectVersions | O::ListObjects | O::ListObjectsV2));
    match event.key() {
        _ if many => {
            let mut all = Members::default();
            all.put("type", OBJECT);
            all.put("ARNPrefix", format!("arn:aws:s3:::{bucket}/"));
            out.push(all);
        }
        Some(key) => out.push(object(bucket, key)),
        None => {}
    }
    if let Some((bucket, key)) = source.and_then(|source| source.bucket().zip(source.key())) {
        out.push(object(bucket, key));
    }
    out.push(bucket_of(bucket, event.bucket_account()));
    if let Some(source) = source
        && let Some(other) = source.bucket()
        && other != bucket
    {
        out.push(bucket_of(other, source.bucket_account()));
    }
    out.extend(access_point(event.text("access_point_arn")));
    out.extend(access_point(source.and_then(|source| source.access_point_arn())));
    out
}

/// The same of one key of DeleteObjects.
pub(super) fn of_key(event: &Event, key: &str) -> Vec<Members> {
    let bucket = event.bucket().unwrap_or_default();
    let mut out = vec![object(bucket, key), bucket_of(bucket, event.bucket_account())];
    out.extend(access_point(event.text("access_point_arn")));
    out
}

/// Keys are not encoded, and objects have no account of their own.
fn object(bucket: &str, key: &str) -> Members {
    let mut out = Members::default();
    out.put("type", OBJECT);
    out.put("ARN", format!("arn:aws:s3:::{bucket}/{key}"));
    out
}

fn bucket_of(bucket: &str, account: Option<&str>) -> Members {
    let mut out = Members::default();
    out.maybe("accountId", account);
    out.put("type", "AWS::S3::Bucket");
    out.put("ARN", format!("arn:aws:s3:::{bucket}"));
    out
}

fn access_point(arn: Option<&str>) -> Option<Members> {
    let arn = arn?;
    let mut out = Members::default();
    out.maybe("accountId", account_of(arn));
    out.put("type", "AWS::S3::AccessPoint");
    out.put("ARN", arn);
    Some(out)
}
