//! Buckets and their settings.

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use redb::ReadableTable;

use crate::guard::naming::is_region;
use crate::identity::canonical_id;
use crate::s3::{Code, Fault, Operation};

use super::Reply;
use super::answer::{self, date, owner, set};
use super::attributes;
use super::fault::Halt;
use super::index::{Tx, behind, row_prefix};
use super::intake;
use super::read;
use super::record::{BucketRow, PartRow, Row};
use super::request::{Request, invalid_request};
use super::shell::Shell;
use super::xml::Xml;
use crate::s3::xml as documents;

/// `GET /`
pub(super) async fn list(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let read = move |core: &super::shell::Core, view: &super::index::View| {
        let request = &asked;
        let limit = request.count("max-buckets", 10_000)?;
        if limit == 0 {
            let message = "max-buckets must be between 1 and 10000";
            return Err(Fault::argument("max-buckets", message, "max-buckets", Some("0".into())).into());
        }
        let prefix = request.query("prefix").unwrap_or_default();
        let after = request.query("continuation-token").unwrap_or_default();
        let here = matches!(request.query("bucket-region"), None | Some(""))
            || request.query("bucket-region") == Some(&core.settings.region);
        let mut found = Vec::new();
        let mut more = false;
        for row in view.buckets.range(prefix.max(after).as_bytes()..)? {
            let (name, row) = row?;
            let name = std::str::from_utf8(name.value()).unwrap_or_default().to_owned();
            if !name.starts_with(prefix) || !here {
                break;
            }
            let row = BucketRow::decode(row.value())?;
            if row.owner != request.forward().account || name == after {
                continue;
            }
            if found.len() == limit {
                more = true;
                break;
            }
            found.push((name, row));
        }
        Ok(bucket_list(&found, more, prefix, &request.forward().account, &core.settings.region))
    };
    shell.read(read).await
}

fn bucket_list(found: &[(String, BucketRow)], more: bool, prefix: &str, account: &str, region: &str) -> Reply {
    let mut xml = Xml::new("ListAllMyBucketsResult");
    owner(&mut xml, "Owner", account);
    xml.open("Buckets");
    for (name, row) in found {
        xml.open("Bucket").text("Name", name).text("CreationDate", &date(row.created));
        xml.text("BucketRegion", region).text("BucketArn", &arn(name)).close("Bucket");
    }
    xml.close("Buckets");
    if let Some((last, _)) = found.last().filter(|_| more) {
        xml.text("ContinuationToken", last);
    }
    if !prefix.is_empty() {
        xml.text("Prefix", prefix);
    }
    answer::document(xml.finish("ListAllMyBucketsResult"))
}

/// `PUT /bucket`
pub(super) async fn create<B>(shell: &Shell, request: &Request, body: B) -> Result<Reply, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    attributes::vet(request)?;
    if request.header("x-amz-bucket-object-lock-enabled").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(super::request::not_implemented("x-amz-bucket-object-lock-enabled").into());
    }
    if !matches!(request.header("x-amz-object-ownership"), None | Some("BucketOwnerEnforced")) {
        return Err(super::request::not_implemented("x-amz-object-ownership").into());
    }
    let document = intake::document(64 << 10, body).await?;
    let documents::CreateBucket { location, tags } = documents::CreateBucket::parse(&document)?;
    let region = shell.core.settings.region.clone();
    check_location(location.as_deref(), &region)?;
    attributes::check_tags(&tags, 50)?;
    let row = BucketRow { owner: request.forward().account.clone(), created: shell.core.now(), tags };
    let asked = request.clone();
    let change = move |tx: &mut Tx<'_>| match tx.bucket(asked.bucket())? {
        None => Ok(tx.put_bucket(asked.bucket(), &row)?),
        // The oldest region has always answered a repetition with success.
        Some(there) if there.owner == row.owner && region == "us-east-1" => Ok(()),
        Some(there) if there.owner == row.owner => {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            Err(Fault::new(Code::BucketAlreadyOwnedByYou, "bucket-already-yours", message)
                .with("BucketName", asked.bucket())
                .into())
        }
        Some(_) => {
            let message = "The requested bucket name is not available. The bucket namespace is shared by all users of \
                the system. Please select a different name and try again.";
            Err(Fault::new(Code::BucketAlreadyExists, "bucket-exists", message)
                .with("BucketName", asked.bucket())
                .into())
        }
    };
    shell.committer.run(change).await?;
    let mut reply = answer::empty(StatusCode::OK);
    set(&mut reply.headers, "location", format!("/{}", request.bucket()));
    set(&mut reply.headers, "x-amz-bucket-arn", arn(request.bucket()));
    Ok(reply)
}

fn check_location(location: Option<&str>, region: &str) -> Result<(), Fault> {
    match location {
        None if region == "us-east-1" => Ok(()),
        Some("EU") if region == "eu-west-1" => Ok(()),
        Some(location) if location == region => Ok(()),
        Some(location) if location != "EU" && !is_region(location) => {
            let message = "The specified location-constraint is not valid";
            Err(Fault::new(Code::InvalidLocationConstraint, "location-unknown", message)
                .with("LocationConstraint", location))
        }
        location => {
            let message = format!(
                "The {} location constraint is incompatible for the region specific endpoint this request was sent to.",
                location.unwrap_or("unspecified")
            );
            Err(Fault::new(Code::IllegalLocationConstraintException, "location-constraint", message))
        }
    }
}

/// `HEAD /bucket`
pub(super) async fn head(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let region = shell.core.settings.region.clone();
    let asked = request.clone();
    let there = shell.read(move |_, view| Ok(asked.owned_bucket(view.bucket(asked.bucket())?))).await?;
    if let Err(fault) = there {
        return Err(fault.header("x-amz-bucket-region", region).into());
    }
    let mut reply = answer::empty(StatusCode::OK);
    set(&mut reply.headers, "x-amz-bucket-region", region);
    set(&mut reply.headers, "x-amz-bucket-arn", arn(request.bucket()));
    set(&mut reply.headers, "x-amz-access-point-alias", "false");
    Ok(reply)
}

/// `DELETE /bucket`. Uploads under way do not keep a bucket; they go with it.
pub(super) async fn delete(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let change = move |tx: &mut Tx<'_>| {
        let name = asked.bucket();
        asked.owned_bucket(tx.bucket(name)?)?;
        let from = row_prefix(name, "");
        let to = behind(&from);
        if tx.objects.range(from.as_slice()..to.as_slice())?.next().is_some() {
            let message = "The bucket you tried to delete is not empty";
            return Err(Fault::new(Code::BucketNotEmpty, "bucket-not-empty", message).with("BucketName", name).into());
        }
        let mut uploads = Vec::new();
        for row in tx.uploads.range(from.as_slice()..to.as_slice())? {
            uploads.push(row?.0.value().to_vec());
        }
        for at in uploads {
            let id = at.rsplit(|&octet| octet == 0).next().unwrap_or_default().to_vec();
            remove_parts(tx, &id)?;
            tx.remove_upload(&at)?;
        }
        Ok(tx.remove_bucket(name)?)
    };
    shell.committer.run(change).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// Removes every part of an upload and lets go of their data.
pub(super) fn remove_parts(tx: &mut Tx<'_>, upload: &[u8]) -> Result<(), Halt> {
    let mut from = upload.to_vec();
    from.push(0);
    let to = behind(&from);
    let mut rows = Vec::new();
    for row in tx.parts.range(from.as_slice()..to.as_slice())? {
        let (at, row) = row?;
        rows.push((at.value().to_vec(), PartRow::decode(row.value())?));
    }
    for (at, row) in rows {
        tx.remove_part(&at)?;
        tx.release(&row.part.blob)?;
    }
    Ok(())
}

/// Settings: most are not there, and say so as S3 does; the rest is not implemented.
pub(super) async fn setting(shell: &Shell, request: &Request, operation: Operation) -> Result<Reply, Halt> {
    let asked = request.clone();
    let read = move |core: &super::shell::Core, view: &super::index::View| {
        let answer = describe(operation, &core.settings.region)?;
        let request = &asked;
        let row = request.owned_bucket(view.bucket(request.bucket())?)?;
        if operation == Operation::GetObjectAcl {
            read::lookup(view, request)?;
        }
        match answer {
            Described::Document(xml) => Ok(answer::document(xml)),
            Described::Acl => Ok(answer::document(acl(&row.owner))),
            Described::Missing(code, message) => {
                Err(Fault::new(code, "not-set", message).with("BucketName", request.bucket()).into())
            }
        }
    };
    shell.read(read).await
}

enum Described {
    Document(Vec<u8>),
    Acl,
    Missing(Code, &'static str),
}

fn describe(operation: Operation, region: &str) -> Result<Described, Fault> {
    use Operation as Op;
    let empty = |root| Described::Document(Xml::new(root).finish(root));
    Ok(match operation {
        Op::GetBucketLocation => {
            let mut xml = Xml::new("LocationConstraint");
            xml.content(if region == "us-east-1" { "" } else { region });
            Described::Document(xml.finish("LocationConstraint"))
        }
        Op::GetBucketRequestPayment => {
            let mut xml = Xml::new("RequestPaymentConfiguration");
            xml.text("Payer", "BucketOwner");
            Described::Document(xml.finish("RequestPaymentConfiguration"))
        }
        Op::GetBucketVersioning => empty("VersioningConfiguration"),
        Op::GetBucketLogging => empty("BucketLoggingStatus"),
        Op::GetBucketNotificationConfiguration => empty("NotificationConfiguration"),
        Op::GetBucketAccelerateConfiguration => empty("AccelerateConfiguration"),
        Op::GetBucketAcl | Op::GetObjectAcl => Described::Acl,
        Op::GetBucketPolicy | Op::GetBucketPolicyStatus => {
            Described::Missing(Code::NoSuchBucketPolicy, "The bucket policy does not exist")
        }
        Op::GetBucketLifecycleConfiguration => {
            Described::Missing(Code::NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist")
        }
        Op::GetBucketCors => Described::Missing(Code::NoSuchCORSConfiguration, "The CORS configuration does not exist"),
        Op::GetBucketWebsite => Described::Missing(
            Code::NoSuchWebsiteConfiguration,
            "The specified bucket does not have a website configuration",
        ),
        Op::GetBucketReplication => Described::Missing(
            Code::ReplicationConfigurationNotFoundError,
            "The replication configuration was not found",
        ),
        Op::GetPublicAccessBlock => Described::Missing(
            Code::NoSuchPublicAccessBlockConfiguration,
            "The public access block configuration was not found",
        ),
        Op::GetBucketOwnershipControls => {
            Described::Missing(Code::OwnershipControlsNotFoundError, "The bucket ownership controls were not found")
        }
        Op::GetObjectLockConfiguration => Described::Missing(
            Code::ObjectLockConfigurationNotFoundError,
            "Object Lock configuration does not exist for this bucket",
        ),
        Op::GetObjectRetention | Op::GetObjectLegalHold => {
            return Err(invalid_request("no-object-lock", "Bucket is missing Object Lock Configuration"));
        }
        other => {
            let message = format!("The embedded store does not implement {other:?}.");
            return Err(Fault::new(Code::NotImplemented, "operation-not-implemented", message));
        }
    })
}

fn acl(account: &str) -> Vec<u8> {
    let mut xml = Xml::new("AccessControlPolicy");
    owner(&mut xml, "Owner", account);
    xml.open("AccessControlList").open("Grant").open_typed("Grantee", "CanonicalUser");
    xml.text("ID", &canonical_id(account)).text("DisplayName", account).close("Grantee");
    xml.text("Permission", "FULL_CONTROL").close("Grant").close("AccessControlList");
    xml.finish("AccessControlPolicy")
}

fn arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}
