//! No key of the map is forgotten.

use super::keys::Case;
use super::*;
use crate::policy::context::{Context, asked};
use crate::s3::permission::Key;

/// A request that says everything it can: each key of the map has a source, or is one of those that no
/// request to this proxy can have.
#[test]
fn every_key_of_the_map_has_a_source() {
    let never = [
        Key::AwsAssumedRoot,
        Key::AwsCalledVia,
        Key::AwsCalledViaFirst,
        Key::AwsCalledViaLast,
        Key::AwsEc2InstanceSourcePrivateIPv4,
        Key::AwsEc2InstanceSourceVpc,
        Key::AwsMultiFactorAuthAge,
        Key::AwsPrincipalServiceName,
        Key::AwsPrincipalServiceNamesList,
        Key::AwsSourceAccount,
        Key::AwsSourceArn,
        Key::AwsSourceOrgID,
        Key::AwsSourceOrgPaths,
        Key::S3AccessGrantScope,
        Key::S3AccessGrantsInstanceArn,
        Key::S3AccessGrantsLocationScope,
        Key::S3DeliverySourceArn,
        Key::S3DestinationRegion,
        Key::S3ExistingJobOperation,
        Key::S3ExistingJobPriority,
        Key::S3IsReplicationPauseRequest,
        Key::S3JobSuspendedCause,
        Key::S3LogType,
        Key::S3RequestJobOperation,
        Key::S3RequestJobPriority,
        Key::S3ResourceArnBeingAuthorized,
    ];
    let mut seen = std::collections::BTreeSet::new();
    let principal = Principal { session: Some(std::sync::Arc::new(session(true))), ..user() };
    for case in &full_cases(&principal) {
        let given = given(&case.routed, &case.document);
        let asks = checks(&given, &case.stored).unwrap();
        let request = Request::new(given, case.facts, &case.stored).unwrap();
        for ask in &asks {
            let view = request.view(ask);
            for key in Key::ALL {
                let tag = if key.is_tagged() { "/team" } else { "" };
                if view.values(&asked(&format!("{}{tag}", key.name()))).is_some() {
                    seen.insert(key);
                }
            }
        }
    }
    let unseen: Vec<Key> = Key::ALL.into_iter().filter(|key| !seen.contains(key)).collect();
    assert_eq!(unseen, never);
}

fn full_cases(principal: &Principal) -> Vec<Case<'_>> {
    let tags: &'static _ = Box::leak(Box::new(vec![("team".to_owned(), "red".to_owned())]));
    let organization: &'static Organization =
        Box::leak(Box::new(Organization { id: "o-1".to_owned(), paths: vec!["o-1/".to_owned()] }));
    let endpoint = Endpoint {
        id: Some("vpce-0a1b2c3d"),
        vpc: Some("vpc-1"),
        vpc_arn: Some("arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1"),
        account: Some(OWNER),
        organization: Some(organization),
    };
    let point = AccessPoint { arn: "arn", account: OWNER, network_origin: "VPC", tags: Some(tags) };
    let write = [
        ("x-amz-copy-source", "src/a?versionId=v"),
        ("x-amz-tagging", "team=red"),
        ("x-amz-tagging-directive", "REPLACE"),
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-object-annotation-directive", "COPY"),
        ("x-amz-acl", "private"),
        ("x-amz-grant-read", "id=1"),
        ("x-amz-grant-read-acp", "id=1"),
        ("x-amz-grant-write-acp", "id=1"),
        ("x-amz-grant-full-control", "id=1"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "k"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-website-redirect-location", "/x"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"),
        ("x-amz-object-lock-legal-hold", "ON"),
        ("x-amz-object-lock-event-hold", "ON"),
        ("x-amz-object-lock-event-hold-duration-days", "1"),
        ("if-match", "x"),
        ("if-none-match", "x"),
    ];
    let create = "<CreateBucketConfiguration><LocationConstraint>r</LocationConstraint><Tags><Tag><Key>team</Key><Value>red</Value></Tag></Tags></CreateBucketConfiguration>";
    let inventory =
        "<InventoryConfiguration><OptionalFields><Field>Size</Field></OptionalFields></InventoryConfiguration>";
    let mut cases = vec![
        Case::new(principal, "PUT", "/b/k", &write, ""),
        Case::new(
            principal,
            "PUT",
            "/bbb",
            &[
                ("x-amz-grant-write", "id=1"),
                ("x-amz-object-ownership", "ObjectWriter"),
                ("x-amz-bucket-namespace", "account-regional"),
            ],
            create,
        ),
        Case::new(principal, "GET", "/b?prefix=a&delimiter=b", &[], ""),
        Case::new(principal, "GET", "/b/k?annotation&annotation-prefix=a&max-annotation-results=1", &[], ""),
        Case::new(principal, "PUT", "/b/k?annotation&annotationName=n", &[("x-amz-object-if-match", "x")], ""),
        Case::new(principal, "PUT", "/b?inventory&id=i", &[], inventory),
    ];
    let mut direct = Case::new(principal, "GET", "/b/k", &[], "");
    direct.facts.channel.endpoint = None;
    for case in &mut cases {
        case.facts.channel.endpoint = Some(endpoint);
        case.facts.signature.kind = Auth::Query;
        case.facts.caller.organization = Some(organization);
        case.facts.content_sha256 = Some("UNSIGNED-PAYLOAD");
        case.facts.user_agent = Some(b"a");
        case.facts.referer = Some(b"a");
        let owner = Owner {
            account: Some(OWNER),
            organization: Some(organization),
            tags: Some(tags),
            access_point: Some(point),
        };
        (case.facts.target, case.facts.source) = (owner, owner);
        case.stored = Looked { source_tags: Some(tags.clone()), target_tags: Some(tags.clone()), ..Looked::default() };
    }
    cases.push(direct);
    cases
}
