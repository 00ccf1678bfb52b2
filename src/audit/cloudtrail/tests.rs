use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::audit::Event;
use crate::audit::event::tests::event;
use crate::audit::record::SHOWN_OF_ANSWERS;
use crate::audit::{access_log, selector::Selectors};
use crate::s3::Operation;
use crate::s3::mask::tests::{SPELLINGS, spellings_of_links};

fn setting() -> Setting {
    Setting { account: "999900001111".to_owned(), region: "us-east-1".to_owned() }
}

fn values(event: &Event) -> Vec<Value> {
    records(event, &setting()).iter().map(|record| serde_json::to_value(record).unwrap()).collect()
}

fn value(over: Value) -> Value {
    values(&event(over)).remove(0)
}

#[test]
fn members_stand_in_the_order_of_aws() {
    let record = &records(
        &event(json!({
            "http_status": 403, "error_code": "AccessDenied", "error_message": "Access Denied",
            "requester_account": "444455556666", "vpc_endpoint_id": "vpce-1", "vpc_endpoint_account": "4444",
        })),
        &setting(),
    )[0];
    let names: Vec<_> = record.members().iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "eventVersion",
            "userIdentity",
            "eventTime",
            "eventSource",
            "eventName",
            "awsRegion",
            "sourceIPAddress",
            "userAgent",
            "errorCode",
            "errorMessage",
            "requestParameters",
            "responseElements",
            "additionalEventData",
            "requestID",
            "eventID",
            "readOnly",
            "resources",
            "eventType",
            "managementEvent",
            "recipientAccountId",
            "sharedEventID",
            "vpcEndpointId",
            "vpcEndpointAccountId",
            "eventCategory",
            "tlsDetails",
        ]
    );
    let mut line = Vec::new();
    record.write(&mut line);
    assert!(line.starts_with(br#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDA"#));
    assert!(line.ends_with(b"}\n"));
}

#[test]
fn a_record_says_when_it_was_over_and_what_is_missing_of_us() {
    let record = value(json!({ "region": null, "user_agent": null }));
    assert_eq!(record["eventTime"], "2026-11-20T09:03:08Z", "not when it was received");
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["userAgent"], "[]");
    assert_eq!(record["additionalEventData"]["proxy"]["intent"]["number"], 42);
    assert_eq!(record["additionalEventData"]["proxy"]["decision"], "allow");
}

#[test]
fn every_operation_is_an_event_of_data_or_management() {
    let mut data = 0;
    for operation in Operation::ALL {
        let record = value(json!({ "operation": operation.name() }));
        let management = record["managementEvent"] == true;
        assert_eq!(record["eventCategory"], if management { "Management" } else { "Data" }, "{operation:?}");
        data += u32::from(!management);
    }
    assert_eq!(data, 37);
    for (operation, name, reads) in [
        ("PutPublicAccessBlock", "PutBucketPublicAccessBlock", false),
        ("GetBucketLifecycleConfiguration", "GetBucketLifecycle", true),
        ("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration", false),
        ("GetBucketAccelerateConfiguration", "GetAccelerateConfiguration", true),
        ("DeleteBucketLifecycle", "DeleteBucketLifecycle", false),
        ("ListObjectsV2", "ListObjects", true),
        ("OptionsObject", "PreflightRequest", true),
        ("SelectObjectContent", "SelectObjectContent", true),
        ("RestoreObject", "RestoreObject", false),
    ] {
        let record = value(json!({ "operation": operation }));
        assert_eq!((record["eventName"].as_str(), record["readOnly"].as_bool()), (Some(name), Some(reads)));
    }
    let of_account = value(json!({ "operation": "GetPublicAccessBlock", "bucket_name": null, "key": null }));
    assert_eq!(of_account["eventName"], "GetAccountPublicAccessBlock");
    for (operation, source, name) in [
        ("AssumeRole", "sts.amazonaws.com", "AssumeRole"),
        ("kms:Decrypt", "kms.amazonaws.com", "Decrypt"),
        ("GetCallerIdentity", "sts.amazonaws.com", "GetCallerIdentity"),
    ] {
        let record = value(json!({ "operation": operation, "bucket_name": null, "key": null }));
        assert_eq!((record["eventSource"].as_str(), record["eventName"].as_str()), (Some(source), Some(name)));
        assert_eq!(record["managementEvent"], true);
    }
}

#[test]
fn callers_are_named_as_aws_names_them() {
    let identity = |over| value(over)["userIdentity"].clone();
    assert_eq!(
        identity(json!({ "principal_id": "AIDAX" })),
        json!({
            "type": "IAMUser", "principalId": "AIDAX", "arn": "arn:aws:iam::111122223333:user/dev/alice",
            "accountId": "111122223333", "accessKeyId": "AKIADA27E3NRTYCS2KXW", "userName": "alice",
        })
    );
    let derived = identity(json!({}))["principalId"].as_str().unwrap().to_owned();
    assert!(derived.len() == 21 && derived.starts_with("AIDA"), "{derived}");
    assert!(derived.bytes().all(|octet| octet.is_ascii_uppercase() || (b'2'..=b'7').contains(&octet)));
    let role = json!({
        "requester_type": "AssumedRole", "requester": "arn:aws:sts::1:assumed-role/etl/run-7", "requester_account": "1",
        "requester_issuer": "arn:aws:iam::1:role/jobs/etl", "principal_id": "AROAX:run-7",
        "session_created": "2026-11-20T07:00:00.000Z", "mfa": false, "source_identity": "alice",
        "web_provider": "arn:aws:iam::1:oidc-provider/e.example",
    });
    assert_eq!(
        identity(role.clone()),
        json!({
            "type": "AssumedRole", "principalId": "AROAX:run-7", "arn": "arn:aws:sts::1:assumed-role/etl/run-7",
            "accountId": "1", "accessKeyId": "AKIADA27E3NRTYCS2KXW",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": "AROAX", "arn": "arn:aws:iam::1:role/jobs/etl", "accountId": "1",
                    "userName": "etl",
                },
                "webIdFederationData": { "federatedProvider": "arn:aws:iam::1:oidc-provider/e.example" },
                "attributes": { "creationDate": "2026-11-20T07:00:00Z", "mfaAuthenticated": "false" },
                "sourceIdentity": "alice",
            },
        })
    );
    let mut plain = role;
    for member in ["requester_issuer", "principal_id"] {
        plain[member] = Value::Null;
    }
    let told = identity(plain);
    assert_eq!(told["sessionContext"]["sessionIssuer"]["arn"], "arn:aws:iam::1:role/etl");
    let id = told["principalId"].as_str().unwrap();
    assert!(id.starts_with("AROA") && id.ends_with(":run-7"), "{id}");
    assert_eq!(
        identity(
            json!({ "requester_type": null, "requester": null, "requester_account": null, "access_key_id": null })
        ),
        json!({ "type": "AWSAccount", "principalId": "", "accountId": "anonymous" })
    );
    assert_eq!(
        identity(json!({ "requester_type": "Unknown" })),
        json!({ "type": "Unknown", "accessKeyId": "AKIADA27E3NRTYCS2KXW" })
    );
    let service = value(json!({ "requester_type": "AWSService", "requester": "lifecycle.s3.amazonaws.com" }));
    assert_eq!(service["userIdentity"], json!({ "type": "AWSService", "invokedBy": "lifecycle.s3.amazonaws.com" }));
    assert_eq!(service["sourceIPAddress"], service["userAgent"]);
}

#[test]
fn parameters_are_what_was_asked_and_nobody_can_forge_the_key() {
    let parameters = |over| value(over)["requestParameters"].clone();
    let asked = json!({
        "target": "/data/a/b.txt?versions&prefix=a%2Fb+c&bucketName=other&key=forged&Host=x&prefix=second&b%ZZ=%ZZ",
        "headers": { "x-amz-acl": "private", "range": "bytes=0-1", "x-amz-mfa": "serial 123" },
    });
    assert_eq!(
        parameters(asked.clone()),
        json!({
            "bucketName": "data", "Host": "s3.example", "key": "a/b.txt", "versions": "", "prefix": "a/b c",
            "b%ZZ": "%ZZ", "x-amz-acl": "private", "x-amz-mfa": "HIDDEN_DUE_TO_SECURITY_REASONS",
        })
    );
    let headers: Map<String, Value> =
        super::parameters::ASKED.iter().map(|name| ((*name).to_owned(), "v".into())).collect();
    let shown = parameters(json!({ "headers": headers }));
    for name in super::parameters::ASKED.iter().filter(|name| **name != "x-amz-mfa") {
        assert_eq!(shown[*name], "v", "{name}");
    }
    let omitted = &value(asked)["additionalEventData"]["proxy"]["omittedParameters"];
    assert_eq!(*omitted, json!(["bucketName", "key", "Host", "prefix"]));
}

#[test]
fn no_parameter_takes_the_place_of_a_document_or_of_a_header() {
    let hidden = value(json!({
        "operation": "PutBucketPolicy", "key": null, "target": "/data?policy&bucketPolicy=harmless&x-amz-acl=private",
        "document": r#"{"Statement":[{"Sid":"Evil"}]}"#, "headers": { "x-amz-acl": "public-read" },
    }));
    let parameters = &hidden["requestParameters"];
    assert_eq!(parameters["bucketPolicy"], json!({ "Statement": [{ "Sid": "Evil" }] }));
    assert_eq!(parameters["x-amz-acl"], "public-read");
    let omitted = &hidden["additionalEventData"]["proxy"]["omittedParameters"];
    assert_eq!(*omitted, json!(["bucketPolicy", "x-amz-acl"]));
    let grants = value(json!({
        "operation": "PutBucketAcl", "key": null, "target": "/data?acl&AccessControlPolicy=",
        "document": "<AccessControlPolicy><Owner><ID>1</ID></Owner></AccessControlPolicy>",
    }));
    assert_eq!(grants["requestParameters"]["AccessControlPolicy"]["Owner"]["ID"], "1");
}

#[test]
fn documents_of_configuration_are_json() {
    let parameters = |operation: &str, document: &str| {
        value(json!({ "operation": operation, "document": document, "key": null, "target": "/data" }))
            ["requestParameters"]
            .clone()
    };
    let policy = parameters("PutBucketPolicy", r#"{"Version":"2012-10-17","Statement":[]}"#);
    assert_eq!(policy["bucketPolicy"], json!({ "Version": "2012-10-17", "Statement": [] }));
    let list = parameters(
        "PutBucketAcl",
        r#"<?xml version="1.0"?><AccessControlPolicy xmlns="http://s3/"><Owner><ID>a&amp;b</ID></Owner>
           <AccessControlList><Grant><Grantee xmlns:xsi="http://x" xsi:type="CanonicalUser"><ID>1</ID></Grantee>
           <Permission>READ</Permission></Grant><Grant><Permission>WRITE</Permission></Grant></AccessControlList>
           <Empty/><Text a="1">t</Text></AccessControlPolicy>"#,
    );
    assert_eq!(
        list["AccessControlPolicy"],
        json!({
            "xmlns": "http://s3/",
            "Owner": { "ID": "a&b" },
            "AccessControlList": { "Grant": [
                { "Grantee": { "xmlns:xsi": "http://x", "xsi:type": "CanonicalUser", "ID": "1" }, "Permission": "READ" },
                { "Permission": "WRITE" },
            ] },
            "Empty": "",
            "Text": { "a": "1", "content": "t" },
        })
    );
    let block =
        "<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls></PublicAccessBlockConfiguration>";
    assert_eq!(
        parameters("PutPublicAccessBlock", block)["PublicAccessBlockConfiguration"],
        json!({ "BlockPublicAcls": false })
    );
    for odd in ["<a>", "<!DOCTYPE a><a/>", "<a>&x;</a>", "<a/><b/>", "no", "", "[1]", &"<a>".repeat(40)] {
        assert_eq!(parameters("PutBucketCors", odd), json!({ "bucketName": "data", "Host": "s3.example" }), "{odd}");
    }
    // A root that is called as what stands there already takes nothing's place.
    let forged = parameters("PutBucketCors", "<bucketName>other</bucketName>");
    assert_eq!(forged["bucketName"], "data");
}

#[test]
fn only_what_wrote_and_succeeded_answers_something() {
    let answered = |over: Value| {
        let mut members = json!({ "response_headers": { "x-amz-version-id": "v", "etag": "e" } });
        members.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        value(members)["responseElements"].clone()
    };
    assert_eq!(answered(json!({ "operation": "PutObject" })), json!({ "x-amz-version-id": "v" }));
    assert_eq!(answered(json!({})), Value::Null);
    assert_eq!(answered(json!({ "operation": "PutObject", "http_status": 500 })), Value::Null);
    assert_eq!(answered(json!({ "operation": "PutObject", "error_code": "InternalError" })), Value::Null);
}

#[test]
fn encryption_is_told_by_who_asked_for_it() {
    let applied = |asked: Option<&str>, answered: &str, over: Value| {
        let mut members = json!({
            "operation": "PutObject",
            "headers": { "x-amz-server-side-encryption": asked },
            "response_headers": { "x-amz-server-side-encryption": answered },
        });
        members.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        value(members)["additionalEventData"]["SSEApplied"].clone()
    };
    assert_eq!(applied(Some("AES256"), "AES256", json!({})), "SSE_S3");
    assert_eq!(applied(None, "aws:kms", json!({})), "Default_SSE_KMS");
    assert_eq!(applied(Some("aws:kms:dsse"), "aws:kms:dsse", json!({})), "DSSE_KMS");
    let form = json!({ "operation": "PostObject", "encryption": { "algorithm": "aws:kms", "origin": "request" } });
    assert_eq!(applied(None, "aws:kms", form), "SSE_KMS");
    let customer =
        json!({ "headers": { "x-amz-server-side-encryption-customer-algorithm": "AES256" }, "response_headers": {} });
    assert_eq!(applied(None, "", customer), "SSE_C");
    assert_eq!(applied(None, "AES256", json!({ "operation": "UploadPart" })), Value::Null);
    assert_eq!(applied(None, "AES256", json!({ "http_status": 403, "error_code": "AccessDenied" })), Value::Null);
}

#[test]
fn an_unknown_outcome_is_an_error_and_claims_no_octets() {
    let record = value(json!({ "outcome": "unknown", "operation": "PutObject", "http_status": null }));
    assert_eq!(record["errorCode"], "ProxyUnknownOutcome");
    assert_eq!(record["responseElements"], Value::Null);
    assert_eq!(record["additionalEventData"]["bytesTransferredIn"], Value::Null);
    let before = event(json!({ "outcome": "unknown", "operation": "PutObject", "total_time": null }));
    let now = event(json!({
        "operation": "PutObject", "total_time": null, "response_headers": { "x-amz-version-id": "v" }
    }));
    let corrected = serde_json::to_value(addendum(&before, &now, &setting()).unwrap()).unwrap();
    let original = &values(&before)[0];
    assert_eq!(corrected["addendum"]["reason"], "UPDATED_DATA");
    assert_eq!(corrected["addendum"]["updatedFields"], "errorCode,responseElements,additionalEventData");
    assert_eq!(corrected["addendum"]["originalEventID"], original["eventID"]);
    assert_eq!(corrected["addendum"]["originalRequestID"], original["requestID"]);
    assert_ne!(corrected["eventID"], original["eventID"]);
    assert!(addendum(&now, &now, &setting()).is_none());
}

fn deletions() -> Event {
    event(json!({
        "operation": "DeleteObjects", "method": "POST", "target": "/data?delete", "key": null,
        "deletions": [{ "key": "a" }, { "key": "b", "version_id": "v" }, { "key": "c" }],
        "deletion_results": [{ "at": 2, "status": 403, "error_code": "AccessDenied" }],
    }))
}

#[test]
fn each_key_that_was_deleted_has_a_record_and_no_other() {
    let all = values(&deletions());
    let keys: Vec<_> = all.iter().map(|record| record["requestParameters"]["key"].clone()).collect();
    assert_eq!(keys, [Value::Null, "a".into(), "b".into()]);
    assert_eq!(all[0]["resources"][0], json!({ "type": "AWS::S3::Object", "ARNPrefix": "arn:aws:s3:::data/" }));
    assert_eq!((&all[1]["eventType"], &all[1]["eventName"]), (&"AwsServiceEvent".into(), &"DeleteObject".into()));
    assert_eq!(all[2]["requestParameters"]["versionId"], "v");
    let ids: std::collections::HashSet<_> = all.iter().map(|record| record["eventID"].to_string()).collect();
    assert_eq!(ids.len(), 3);
    assert!(all.iter().all(|record| record["requestID"] == all[0]["requestID"]));
}

#[test]
fn an_assumed_role_says_which_role_and_which_key() {
    let over = json!({
        "operation": "AssumeRole", "bucket_name": null, "bucket_account": null, "key": null, "target": "/",
        "method": "POST", "role_arn": "arn:aws:iam::111122223333:role/team/worker", "role_session_name": "sess",
        "issued_access_key_id": "ASIAEXAMPLE",
    });
    let record = value(over.clone());
    assert_eq!(
        record["requestParameters"],
        json!({ "Host": "s3.example", "roleArn": "arn:aws:iam::111122223333:role/team/worker", "roleSessionName": "sess" })
    );
    assert_eq!(
        record["responseElements"],
        json!({ "credentials": { "accessKeyId": "ASIAEXAMPLE" },
                "assumedRoleUser": { "arn": "arn:aws:sts::111122223333:assumed-role/worker/sess" } })
    );
    let mut refused = over;
    refused["http_status"] = 403.into();
    assert_eq!(value(refused)["responseElements"], Value::Null);
}

#[test]
fn nobody_copies_from_another_account_without_its_owner_hearing() {
    let source = json!({ "bucket_name": "theirs", "key": "k", "bucket_account": "444455556666" });
    for operation in ["CopyObject", "UploadPartCopy"] {
        let copy = event(json!({ "operation": operation, "source": source }));
        assert_eq!(accounts(&copy, &setting()), ["111122223333", "444455556666"]);
        let of = |account| serde_json::to_value(&records_for(&copy, &setting(), account)[0]).unwrap();
        let (asks, owns) = (of("111122223333"), of("444455556666"));
        assert_eq!(owns["eventName"], operation);
        assert_eq!(owns["recipientAccountId"], "444455556666");
        assert_eq!((&owns["sharedEventID"], owns["userIdentity"]["arn"].as_str()), (&asks["sharedEventID"], None));
    }
    let read = event(json!({ "source": source }));
    assert_eq!(accounts(&read, &setting()), ["111122223333"]);
}

#[test]
fn who_named_nobody_or_could_not_prove_it_is_told_as_that_to_every_owner() {
    let copy = json!({
        "operation": "CopyObject", "method": "PUT", "requester": null, "requester_account": null,
        "source": { "bucket_name": "theirs", "key": "k", "bucket_account": "444455556666" },
    });
    let identities = |over: Value| {
        let mut members = copy.clone();
        members.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        let event = event(members);
        let of = |account: &str| serde_json::to_value(&records_for(&event, &setting(), account)[0]).unwrap();
        accounts(&event, &setting()).iter().map(|account| of(account)["userIdentity"].clone()).collect::<Vec<_>>()
    };
    let nobody = json!({ "type": "AWSAccount", "principalId": "", "accountId": "anonymous" });
    assert_eq!(identities(json!({ "requester_type": null, "access_key_id": null })), [nobody.clone(), nobody]);
    let failed = json!({ "type": "Unknown", "accessKeyId": "AKIADA27E3NRTYCS2KXW" });
    assert_eq!(identities(json!({ "requester_type": "Unknown" })), [failed.clone(), failed]);
}

#[test]
fn two_accounts_share_an_event_and_the_owner_learns_less() {
    let strange = event(json!({
        "requester_account": "444455556666", "operation": "PutBucketAcl", "key": null, "target": "/data?acl",
        "document": "<AccessControlPolicy><Grant><EmailAddress>a@b.example</EmailAddress><ID>1</ID></Grant></AccessControlPolicy>",
    }));
    assert_eq!(accounts(&strange, &setting()), ["444455556666", "111122223333"]);
    let copy = |account: &str| serde_json::to_value(&records_for(&strange, &setting(), account)[0]).unwrap();
    let (asks, owns, full) = (copy("444455556666"), copy("111122223333"), values(&strange).remove(0));
    assert_eq!(asks["sharedEventID"], owns["sharedEventID"]);
    assert_eq!(asks["sharedEventID"], full["sharedEventID"]);
    assert_ne!(asks["eventID"], owns["eventID"]);
    assert_eq!(
        (&asks["recipientAccountId"], &owns["recipientAccountId"]),
        (&"444455556666".into(), &"111122223333".into())
    );
    assert_eq!(asks["userIdentity"], full["userIdentity"]);
    let told: Vec<_> = owns["userIdentity"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(told, ["accountId", "principalId", "type"]);
    assert!(!owns.to_string().contains("a@b.example"));
    assert!(asks.to_string().contains("a@b.example"));
    assert!(records_for(&strange, &setting(), "1").is_empty());
    // Of one account there is one copy, and it is the record.
    let own = event(json!({}));
    assert_eq!(accounts(&own, &setting()), ["111122223333"]);
    assert_eq!(records_for(&own, &setting(), "111122223333"), records(&own, &setting()));
    let nobody = event(json!({
        "requester_type": null, "requester": null, "requester_account": null, "access_key_id": null,
        "bucket_name": null, "bucket_account": null, "key": null, "operation": "ListBuckets",
    }));
    assert_eq!(accounts(&nobody, &setting()), ["999900001111"]);
}

#[test]
fn copies_of_each_key_share_an_event_of_their_own() {
    let mut members = Value::Object(deletions().members().clone());
    members["requester_account"] = "444455556666".into();
    let event = event(members);
    let copies = |account: &str| -> Vec<Value> {
        records_for(&event, &setting(), account).iter().map(|one| serde_json::to_value(one).unwrap()).collect()
    };
    let (asks, owns) = (copies("444455556666"), copies("111122223333"));
    let mut shared = std::collections::HashSet::new();
    for (asks, owns) in asks.iter().zip(&owns) {
        assert_eq!(asks["sharedEventID"], owns["sharedEventID"]);
        assert_ne!(asks["eventID"], owns["eventID"]);
        assert!(shared.insert(asks["sharedEventID"].to_string()));
    }
    assert_eq!(shared.len(), 3);
}

#[test]
fn a_record_that_is_too_large_loses_what_it_can_spare_and_says_so() {
    let long = |length: usize| "x".repeat(length);
    let query: String = (0..200).map(|n| format!("&p{n}={}", long(1000))).collect();
    let record = value(json!({
        "target": format!("/data/k?{query}"), "user_agent": long(5000), "error_code": "E", "error_message": long(5000),
        "statements": (0..600).map(|n| format!("{n}{}", long(900))).collect::<Vec<_>>(),
    }));
    let length = |value: &Value| value.to_string().len();
    assert!(length(&record["requestParameters"]) <= 100 * 1024);
    assert!(length(&record["additionalEventData"]) <= 28 * 1024);
    assert_eq!(record["userAgent"].as_str().unwrap().len(), 1024);
    assert_eq!(record["errorMessage"].as_str().unwrap().len(), 1024);
    assert_eq!(record["requestParameters"]["key"], "a/b.txt");
    assert_eq!(
        record["additionalEventData"]["proxy"]["truncated"],
        json!(["additionalEventData", "requestParameters"])
    );
    let headers: Map<String, Value> =
        SHOWN_OF_ANSWERS.iter().map(|name| ((*name).to_owned(), long(40_000).into())).collect();
    let record = value(json!({ "operation": "PutObject", "response_headers": headers }));
    assert_eq!(record["responseElements"], Value::Null);
    assert_eq!(record["additionalEventData"]["proxy"]["truncated"], json!(["responseElements"]));
    assert!(record["requestID"].is_string());
}

#[test]
fn an_event_of_anything_is_rendered() {
    for members in [json!({}), json!({ "bucket_name": 1, "headers": [], "source": "x", "deletions": { "a": 1 } })] {
        let Value::Object(members) = members else { unreachable!() };
        let event = Event::of(crate::audit::At::default(), crate::time::Millis(0), members);
        let record = &values(&event)[0];
        assert_eq!(record["eventName"], "UnknownOperation");
        assert_eq!(record["eventTime"], "1970-01-01T00:00:00Z");
        assert!(access_log::lines(&event, &access_log::Setting::default()).is_empty());
    }
}

/// Headers and parameters that carry secrets.
const SECRET_NAMES: [&str; 18] = [
    "Authorization",
    "authorization",
    "Cookie",
    "X-Amz-Security-Token",
    "x-amz-security-token",
    "X-Amz-Signature",
    "X-Amz-Credential",
    "AWSAccessKeyId",
    "Signature",
    "x-amz-mfa",
    "X-Amz-MFA",
    "x-amz-server-side-encryption-customer-key",
    "x-amz-server-side-encryption-customer-key-MD5",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-md5",
    "x-amz-server-side-encryption-context",
    "x-amz-meta-password",
    "X-Amz-Meta-Note",
];

#[test]
fn keys_headers_and_parameters_are_shown_as_they_were_sent_whatever_they_look_like() {
    let odd = "a/X-Amz-Signature=1&Signature=2/x-amz-security-token=3/secretkey=4/https:%2F";
    let event = event(json!({
        "operation": "PutObject", "key": odd, "target": format!("/data/{odd}?policy=a&my-secretkey=b&Signature=SECRET"),
        "headers": { "x-amz-tagging": "policy=a&sessiontoken=b" }, "user_agent": "a (Signature=5)",
    }));
    let record = serde_json::to_value(&records(&event, &setting())[0]).unwrap();
    let expected = json!({
        "bucketName": "data", "Host": "s3.example", "key": odd, "policy": "a", "my-secretkey": "b",
        "x-amz-tagging": "policy=a&sessiontoken=b",
    });
    assert_eq!(record["requestParameters"], expected);
    assert_eq!(record["resources"][0]["ARN"], format!("arn:aws:s3:::data/{odd}"));
    assert_eq!(record["userAgent"], "[a (Signature=5)]");
    let line = &access_log::lines(&event, &access_log::Setting::default())[0];
    assert_eq!(
        line.fields[7],
        odd.replace('%', "%2525").replace('=', "%253D").replace('&', "%2526").replace(':', "%253A")
    );
    assert_eq!(line.fields[8], format!("\"GET /data/{odd}?policy=a&my-secretkey=b&Signature=XXXXXXXX HTTP/1.1\""));
}

proptest! {
    #[test]
    fn no_rendering_holds_a_signed_link_however_it_is_quoted(
        secret in "[A-Za-z0-9]{24}",
        spelling in prop::sample::select(spellings_of_links()),
        anything in prop::sample::select(SPELLINGS.to_vec()),
        operation in prop::sample::select(vec!["GetObject", "PutObject", "CopyObject", "DeleteObjects"]),
    ) {
        let (link, said) = (spelling.replace("?%20", "?").replace("{}", &secret), anything.replace("{}", &secret));
        let event = event(json!({
            "operation": operation, "target": format!("/data/k?next={link}"), "user_agent": link, "referer": link,
            "detail": said, "error_message": said, "error_code": "AccessDenied",
            "http_status": 403, "unreadable": said,
            "headers": { "x-amz-copy-source": link, "origin": link, "x-amz-website-redirect-location": link },
            "signature_mismatch": { "canonical_request": said },
        }));
        prop_assert!(!event.to_json().contains(&secret), "{}", event.to_json());
        for line in access_log::lines(&event, &access_log::Setting::default()) {
            prop_assert!(!line.to_text().contains(&secret), "{}", line.to_text());
        }
        for record in records(&event, &setting()) {
            let mut text = Vec::new();
            record.write(&mut text);
            let text = String::from_utf8(text).unwrap();
            prop_assert!(!text.contains(&secret), "{text}");
        }
    }

    #[test]
    fn no_record_holds_a_secret_of_the_request(
        secret in "[A-Za-z0-9]{24}",
        noise in any::<String>(),
        at in 0..SECRET_NAMES.len(),
        operation in prop::sample::select(vec!["GetObject", "PutObject", "CopyObject", "DeleteObjects", "PutBucketAcl"]),
    ) {
        // Every name in the headers, and in the query one of them with an escape in its name.
        let headers: Map<String, Value> =
            SECRET_NAMES.iter().map(|name| ((*name).to_owned(), format!("{secret} {noise}").into())).collect();
        let mut query: String = SECRET_NAMES.iter().map(|name| format!("&{name}={secret}")).collect();
        let (first, rest) = SECRET_NAMES[at].split_at(1);
        query.push_str(&format!("&%{:02X}{rest}={secret}", first.as_bytes()[0]));
        let event = event(json!({
            "operation": operation, "headers": headers, "target": format!("/data/k?{noise}{query}"),
            "user_agent": noise, "referer": format!("https://e.example/?X-Amz-Signature={secret}"),
        }));
        for record in records(&event, &setting()) {
            let mut text = Vec::new();
            record.write(&mut text);
            prop_assert_eq!(text.iter().filter(|octet| **octet == b'\n').count(), 1);
            prop_assert!(!String::from_utf8(text).unwrap().contains(&secret));
        }
        let selectors = Selectors::parse(r#"{"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}"#);
        prop_assert!(selectors.unwrap().takes(&records(&event, &setting())[0]));
    }
}
