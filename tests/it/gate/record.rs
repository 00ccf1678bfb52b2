//! What a finished request leaves on record, by what was asked: everything that lines of an access log and
//! audit records are made of.

mod refused;

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Map, Value, json};

use super::forms::Form;
use super::house::House;
use super::people::{READER, ROOT, STRANGER, USERS};
use super::{Ask, Gate, KEY, Reply, SECRET, Script, policies, tokens};

const ACCOUNT: &str = "111122223333";
const OTHER: &str = "444455556666";

/// Every request that has ended, intent and completion in one, in the order of their intents.
fn finished(gate: Gate) -> Vec<Value> {
    together(gate.finish().0)
}

fn together(records: Vec<Value>) -> Vec<Value> {
    let mut order: Vec<String> = Vec::new();
    let mut whole: HashMap<String, Map<String, Value>> = HashMap::new();
    for record in records {
        let Some(id) = record["request_id"].as_str().map(str::to_owned) else { continue };
        if !order.contains(&id) {
            order.push(id.clone());
        }
        whole.entry(id).or_default().extend(record.as_object().unwrap().clone());
    }
    order.into_iter().map(|id| Value::Object(whole.remove(&id).unwrap())).collect()
}

/// Whether a record says all of this; `null`: that it does not say it.
#[track_caller]
fn says(record: &Value, expected: Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&record[name], value, "{name} in {record:#}");
    }
}

#[track_caller]
fn is_number(record: &Value, names: &[&str]) {
    for name in names {
        assert!(record[name].is_u64(), "{name} in {record:#}");
    }
}

fn canonical(account: &str) -> String {
    bartizan::identity::canonical_id(account)
}

#[track_caller]
fn good(reply: &Reply) {
    assert!((200..300).contains(&reply.status), "{reply:?}");
}

#[test]
fn what_is_written_and_read_is_on_record_with_its_owner_its_size_and_its_times() {
    let gate = Gate::embedded();
    let data = vec![7; 100_000];
    good(&gate.send(&Ask::new("PUT", "/bucket")));
    good(&gate.send(&Ask::put("/bucket/k", &data).header("x-amz-server-side-encryption", "AES256")));
    good(&gate.send(&Ask::new("GET", "/bucket/k")));
    good(&gate.send(&Ask::new("GET", "/bucket/k").header("range", "bytes=0-9")));
    good(&gate.send(&Ask::new("HEAD", "/bucket/k")));
    assert_eq!(gate.send(&Ask::new("HEAD", "/bucket/none")).status, 404);
    let tag = gate.send(&Ask::new("HEAD", "/bucket/k"));
    let tag = tag.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    assert_eq!(gate.send(&Ask::new("GET", "/bucket/k").header("if-none-match", &tag)).status, 304);
    assert_eq!(gate.send(&Ask::new("GET", "/bucket/none")).status, 404);
    good(&gate.send(&Ask::new("DELETE", "/bucket/k")));
    let records = finished(gate);
    let [made, put, get, range, head, missing, _, unchanged, absent, deleted] = records.as_slice() else {
        panic!("{records:#?}")
    };
    for record in &records {
        says(
            record,
            json!({
                "bucket_account": ACCOUNT, "bucket_owner_id": canonical(ACCOUNT), "region": "us-east-1",
                "requester": "arn:aws:iam::111122223333:user/test", "requester_type": "IAMUser", "key_exchange": null,
                "requester_issuer": null, "requester_canonical_id": null, "trace": null, "source": null,
                "created_version_id": null,
            }),
        );
        assert!(record["principal_id"].as_str().unwrap().starts_with("AIDA"));
        is_number(record, &["total_time", "bytes_sent", "bytes_received"]);
    }
    says(made, json!({"operation": "CreateBucket", "object_size": null, "turn_around_time": null}));
    says(put, json!({"object_size": 100_000, "bytes_received": 100_000, "error_code": null}));
    says(put, json!({"response_headers": {"x-amz-server-side-encryption": "AES256"}}));
    says(
        get,
        json!({"object_size": 100_000, "bytes_sent": 100_000, "response_headers": null, "first_byte_time": null}),
    );
    says(range, json!({"http_status": 206, "object_size": 100_000, "bytes_sent": 10}));
    says(head, json!({"object_size": 100_000, "bytes_sent": 0, "turn_around_time": null}));
    is_number(head, &["first_byte_time"]);
    for record in [put, get, range] {
        is_number(record, &["turn_around_time"]);
    }
    says(missing, json!({"http_status": 404, "error_code": "NoSuchKey", "bytes_sent": 0, "object_size": null}));
    says(missing, json!({"error_message": "The specified key does not exist."}));
    says(unchanged, json!({"http_status": 304, "error_code": null, "object_size": null, "turn_around_time": null}));
    says(unchanged, json!({"error_message": null}));
    says(absent, json!({"http_status": 404, "error_code": "NoSuchKey", "object_size": null}));
    says(absent, json!({"error_message": "The specified key does not exist."}));
    assert!(absent["bytes_sent"].as_u64().unwrap() > 100, "the document counts");
    says(deleted, json!({"http_status": 204, "object_size": null, "turn_around_time": null}));
}

#[test]
fn an_error_of_the_store_is_on_record_in_its_words_whenever_it_is_told() {
    let error = "<Error><Code>InvalidPart</Code><Message>Part 7 of X-Amz-Signature=abc is not there.</Message></Error>";
    for status in ["400 Bad Request", "200 OK"] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{error}", error.len());
        let gate = Gate::before(&Script::answering(answer.leak()));
        let parts =
            "<CompleteMultipartUpload><Part><PartNumber>7</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>";
        let ask = Ask { method: "POST", ..Ask::put("/bucket/k?uploadId=u", parts.as_bytes()) };
        assert!(String::from_utf8_lossy(&gate.send(&ask).body).contains("<Code>InvalidPart</Code>"));
        let records = finished(gate);
        let told = "Part 7 of X-Amz-Signature=XXXXXXXX";
        says(records.last().unwrap(), json!({"error_code": "InvalidPart", "error_message": told}));
    }
}

#[test]
fn a_copy_says_what_was_read_whose_it_is_and_how_large() {
    let store = "kind = \"embedded\"";
    let theirs = [("policies/buckets/from/settings.toml", "owner = \"444455556666\"\n")];
    let open = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "111122223333"},
        "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::from", "arn:aws:s3:::from/open/*"]}}"#;
    let files = [
        theirs[0],
        ("policies/buckets/from/policy.json", open),
        ("policies/credentials.toml", USERS),
        ("policies/identities/reader.json", bartizan::policy::ADMINISTRATOR_DOCUMENT),
    ];
    let gate = Gate::launch("", &format!("[upstream]\n{store}"), &files).unwrap_or_else(|told| panic!("{told}"));
    let stranger = |ask: Ask| Ask { key: STRANGER, ..ask };
    good(&gate.send(&stranger(Ask::new("PUT", "/from"))));
    good(&gate.send(&stranger(Ask::put("/from/open/a%20b", &[7; 5000]))));
    good(&gate.send(&stranger(Ask::put("/from/closed", b"theirs"))));
    good(&gate.send(&Ask::new("PUT", "/target")));
    let copy = |from: &str| Ask::new("PUT", "/target/copy").header("x-amz-copy-source", from);
    good(&gate.send(&copy("/from/open/a%20b")));
    gate.send(&copy("/from/closed")).refused(403, "AccessDenied");
    gate.send(&copy("/from/open/none")).refused(404, "NoSuchKey");
    gate.send(&stranger(copy("/from/open/a%20b"))).refused(403, "AccessDenied");
    let begun = gate.send(&Ask::new("POST", "/target/parts?uploads="));
    let upload = between(&begun, "UploadId");
    let part = Ask::new("PUT", &format!("/target/parts?partNumber=1&uploadId={upload}"))
        .header("x-amz-copy-source", "/from/open/a%20b")
        .header("x-amz-copy-source-range", "bytes=1000-1999");
    good(&gate.send(&part));
    let records = finished(gate);
    let of = |at: usize| &records[records.len() - 6 + at];
    let source = |key: &str| json!({"bucket_name": "from", "key": key, "bucket_account": OTHER, "bucket_owner_id": canonical(OTHER)});
    says(of(0), json!({"source": source("open/a b"), "source_status": 200, "source_object_size": 5000}));
    says(of(0), json!({"object_size": 5000, "bucket_account": ACCOUNT, "source_error_code": null}));
    is_number(of(0), &["turn_around_time"]);
    says(of(1), json!({"source": source("closed"), "source_status": 403, "source_error_code": "AccessDenied"}));
    says(of(1), json!({"http_status": 403, "outcome": "refused", "source_object_size": null}));
    says(
        of(2),
        json!({"source_status": 404, "source_error_code": "NoSuchKey", "http_status": 404, "object_size": null}),
    );
    says(of(3), json!({"source": source("open/a b"), "source_status": null, "http_status": 403}));
    says(of(5), json!({"operation": "UploadPartCopy", "source_object_size": 5000, "object_size": 1000}));
}

fn with_md5(ask: Ask) -> Ask {
    let sum = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, &ask.body).to_base64();
    ask.header("content-md5", &sum)
}

fn between(reply: &Reply, name: &str) -> String {
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let (_, rest) = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{reply:?}"));
    rest.split_once('<').unwrap().0.to_owned()
}

#[test]
fn of_a_list_of_deletions_each_entry_is_told_and_what_became_of_those_that_are_not_simply_gone() {
    let answer = "<DeleteResult><Deleted><Key>mine/a</Key></Deleted><Error><Key>mine/locked</Key>\
                  <Code>InternalError</Code><Message>x</Message></Error></DeleteResult>";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
    let store = Script::answering(answer.leak());
    let reader = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["s3:DeleteObject",
        "s3:DeleteObjectVersion"], "Resource": "arn:aws:s3:::bucket/mine/*"}}"#;
    let files = [("policies/credentials.toml", USERS), ("policies/identities/reader.json", reader)];
    let upstream = format!("[upstream]\n{}", store.upstream("us-east-1"));
    let gate = Gate::launch("", &upstream, &files).unwrap_or_else(|told| panic!("{told}"));
    let list = |keys: &[&str]| {
        let objects: String = keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
        let body = format!("<Delete>{objects}</Delete>").into_bytes();
        let ask = Ask { key: READER, body, ..Ask::new("POST", "/bucket?delete=") };
        with_md5(ask)
    };
    let reply = gate.send(&list(&["mine/a", "secret", "mine/locked"]));
    good(&reply);
    let all_refused = gate.send(&list(&["secret", "other"]));
    good(&all_refused);
    let records = finished(gate);
    says(
        &records[0],
        json!({
            "deletions": [{"key": "mine/a"}, {"key": "secret"}, {"key": "mine/locked"}],
            "deletion_results": [
                {"at": 1, "status": 403, "error_code": "AccessDenied"},
                {"at": 2, "status": 500, "error_code": "InternalError"},
            ],
            "http_status": 200, "bytes_sent": reply.body.len(), "document": null,
        }),
    );
    says(
        &records[1],
        json!({
            "deletions": [{"key": "secret"}, {"key": "other"}],
            "deletion_results": [
                {"at": 0, "status": 403, "error_code": "AccessDenied"},
                {"at": 1, "status": 403, "error_code": "AccessDenied"},
            ],
            "http_status": 200, "error_code": null, "outcome": "refused", "bytes_sent": all_refused.body.len(),
        }),
    );
}

#[test]
fn an_upload_of_parts_says_the_size_of_each_and_of_what_they_make() {
    let gate = Gate::embedded();
    good(&gate.send(&Ask::new("PUT", "/bucket")));
    let upload = between(&gate.send(&Ask::new("POST", "/bucket/k?uploads=")), "UploadId");
    let part = |number: u32, size: usize| {
        let reply = gate.send(&Ask::put(&format!("/bucket/k?partNumber={number}&uploadId={upload}"), &vec![7; size]));
        let etag = reply.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
    };
    let parts = part(1, 5 << 20) + &part(2, 100_000);
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>").into_bytes();
    let complete = Ask { body, ..Ask::new("POST", &format!("/bucket/k?uploadId={upload}")) };
    good(&gate.send(&complete));
    let records = finished(gate);
    let sizes: Vec<_> = records[1..].iter().map(|record| record["object_size"].clone()).collect();
    assert_eq!(sizes, [json!(null), json!(5 << 20), json!(100_000), json!((5 << 20) + 100_000)]);
    for record in &records[1..] {
        is_number(record, &["turn_around_time"]);
        says(record, json!({"document": null}));
    }
}

#[test]
fn an_error_in_a_200_and_the_reason_of_a_bare_404_are_on_record() {
    let error = "<Error><Code>InternalError</Code><Message>late</Message></Error>";
    let late = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{error}", error.len());
    let store = Script::answering(late.leak());
    let gate = Gate::before(&store);
    let body =
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>";
    let ask = Ask { body: body.to_vec(), ..Ask::new("POST", "/bucket/k?uploadId=u") };
    good(&gate.send(&ask));
    let records = finished(gate);
    says(&records[0], json!({"http_status": 200, "error_code": "InternalError", "turn_around_time": null}));
    let bare = Script::answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    let gate = Gate::before(&bare);
    assert_eq!(gate.send(&Ask::new("HEAD", "/bucket/k")).status, 404);
    assert_eq!(gate.send(&Ask::new("HEAD", "/bucket")).status, 404);
    let records = finished(gate);
    says(&records[0], json!({"error_code": "NoSuchKey", "bytes_sent": 0}));
    says(&records[1], json!({"error_code": "NoSuchBucket", "bytes_sent": 0}));
}

#[test]
fn a_configuration_is_on_record_as_it_was_sent() {
    let gate = Gate::embedded();
    good(&gate.send(&Ask::new("PUT", "/bucket")));
    let policy = "{\"Version\": \"2012-10-17\",\n \"Statement\": {\"Effect\": \"Deny\", \"Principal\": {\"AWS\": \"111122223333\"}, \
                  \"Action\": \"s3:PutObjectAcl\", \"Resource\": \"arn:aws:s3:::bucket/*\"}}";
    good(&gate.send(&with_md5(Ask::put("/bucket?policy=", policy.as_bytes()))));
    let nobody = Ask { key: super::NOBODY, ..with_md5(Ask::put("/bucket?policy=", policy.as_bytes())) };
    gate.send(&nobody).refused(403, "AccessDenied");
    let records = finished(gate);
    says(&records[1], json!({"operation": "PutBucketPolicy", "document": policy}));
    says(&records[2], json!({"operation": "PutBucketPolicy", "document": null, "http_status": 403}));
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let store = Script::ok();
    let gate = Gate::before(&store);
    good(&gate.send(&with_md5(Ask::put("/bucket?versioning=", versioning.as_bytes()))));
    says(&finished(gate)[0], json!({"operation": "PutBucketVersioning", "document": versioning}));
}

#[test]
fn the_version_that_was_made_is_told_and_that_which_was_named_or_read_is_not_taken_for_one() {
    let store = Script::answering(
        "HTTP/1.1 200 OK\r\nx-amz-version-id: v1\r\nx-amz-delete-marker: true\r\nx-amz-expiration: soon\r\n\
         x-amz-request-id: theirs\r\ncontent-length: 0\r\n\r\n",
    );
    let gate = Gate::before(&store);
    good(&gate.send(&Ask::put("/bucket/k", b"data")));
    good(&gate.send(&Ask::new("DELETE", "/bucket/k")));
    good(&gate.send(&Ask::new("DELETE", "/bucket/k?versionId=v1")));
    good(&gate.send(&Ask::new("GET", "/bucket/k?versionId=v1")));
    let records = finished(gate);
    says(&records[0], json!({"created_version_id": "v1", "upstream_request_id": "theirs"}));
    says(&records[0]["response_headers"], json!({"x-amz-version-id": "v1", "x-amz-expiration": "soon"}));
    says(&records[1], json!({"created_version_id": "v1"}));
    says(&records[1]["response_headers"], json!({"x-amz-delete-marker": "true"}));
    says(&records[2], json!({"created_version_id": null, "version_id": "v1"}));
    says(&records[3], json!({"created_version_id": null, "response_headers": null}));
}

#[test]
fn who_asked_is_told_in_full_and_nothing_that_is_secret() {
    let gate = tokens::gate();
    let worker = tokens::assume(&gate, "&SourceIdentity=alice");
    good(&gate.send(&worker.ask("PUT", "/bucket")));
    good(&gate.send_raw(policies::presigned("/bucket", 5).as_bytes()));
    good(&gate.send_raw(&Form::new("form", b"some data").wire()));
    let anonymous = "GET /bucket/form HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    gate.send_raw(anonymous.as_bytes()).refused(403, "AccessDenied");
    let secret = "VGhpcyBpcyBhIHNlY3JldCBrZXkgb2YgMzIgb2N0ZXQ=";
    let ask = Ask::new("GET", "/bucket/form").header("x-amz-mfa", "arn:aws:iam::111122223333:mfa/d 528965");
    gate.send(&ask.header("x-amz-server-side-encryption-customer-key", secret));
    gate.send(&Ask { secret: "wrongsecretwrongsecretwrongsecret", ..Ask::new("GET", "/bucket/form") })
        .refused(403, "SignatureDoesNotMatch");
    let records = finished(gate);
    let [_, session, query, form, nobody, _, forged] = records.as_slice() else { panic!("{records:#?}") };
    says(
        session,
        json!({
            "requester_type": "AssumedRole", "requester_issuer": "arn:aws:iam::111122223333:role/worker",
            "session_name": "ci", "source_identity": "alice", "mfa": false, "bucket_account": ACCOUNT,
        }),
    );
    let id = session["principal_id"].as_str().unwrap();
    assert!(id.starts_with("AROA") && id.ends_with(":ci"), "{id}");
    says(query, json!({"authentication_type": "QueryString", "requester_type": "IAMUser"}));
    says(
        form,
        json!({"operation": "PostObject", "authentication_type": "HtmlForm", "object_size": 9, "turn_around_time": null}),
    );
    says(nobody, json!({"requester": null, "requester_type": null, "principal_id": null, "authentication_type": null}));
    says(nobody, json!({"bucket_name": "bucket", "bucket_account": ACCOUNT, "error_code": "AccessDenied"}));
    says(forged, json!({"bucket_name": "bucket", "key": "form", "operation": "GetObject", "access_key_id": KEY}));
    says(forged, json!({"requester": null, "error_code": "SignatureDoesNotMatch", "bucket_account": ACCOUNT}));
    let all = serde_json::to_string(&records).unwrap();
    for secret in [SECRET, secret, "528965", "some data"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains("HIDDEN_DUE_TO_SECURITY_REASONS"));
}

#[test]
fn the_root_user_is_told_by_the_canonical_id_of_its_account() {
    let files = [
        ("policies/credentials.toml", USERS),
        ("policies/identities/reader.json", bartizan::policy::ADMINISTRATOR_DOCUMENT),
    ];
    let gate = Gate::launch("", "[upstream]\nkind = \"embedded\"", &files).unwrap_or_else(|told| panic!("{told}"));
    good(&gate.send(&Ask { key: ROOT, ..Ask::new("PUT", "/bucket") }));
    good(&gate.send(&Ask { key: STRANGER, ..Ask::new("PUT", "/theirs") }));
    good(&gate.send(&Ask { key: STRANGER, ..Ask::new("GET", "/theirs") }));
    let records = finished(gate);
    let root = json!({"requester_type": "Root", "requester_canonical_id": canonical(ACCOUNT), "principal_id": ACCOUNT});
    says(&records[0], root);
    for record in &records[1..] {
        says(
            record,
            json!({"bucket_account": OTHER, "bucket_owner_id": canonical(OTHER), "requester_canonical_id": null}),
        );
    }
}

#[test]
fn a_connection_says_how_keys_were_exchanged_and_through_which_endpoint_it_came() {
    let house = House::new("vpc_endpoint = \"vpce-0a1b2c3d\"\nvpc = \"vpc-0a1b2c3d\"");
    good(&house.send(&Ask::new("PUT", "/bucket")));
    let records = together(house.finish().0);
    says(&records[0], json!({"vpc_endpoint_id": "vpce-0a1b2c3d", "tls_version": "TLSv1.3", "key_exchange": "x25519"}));
}

#[test]
fn a_client_that_leaves_is_on_record_with_what_it_got_and_gave() {
    let length = 64 << 20;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    let answer = head + &"x".repeat(length);
    let store = Script::answering(answer.leak());
    let gate = Gate::before(&store);
    let mut stream = TcpStream::connect(&gate.address).unwrap();
    stream.write_all(&Ask::new("GET", "/bucket/k").wire()).unwrap();
    let mut some = [0; 4096];
    stream.read_exact(&mut some).unwrap();
    drop(stream);
    let (head, body) = Ask::put("/bucket/up", &[7; 200_000]).parts();
    let mut stream = TcpStream::connect(&gate.address).unwrap();
    stream.write_all(&[head.as_bytes(), &body[..100_000]].concat()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let records = finished(gate);
    let of = |operation: &str| records.iter().find(|record| record["operation"] == operation).unwrap();
    let download = of("GetObject");
    says(download, json!({"outcome": "client-gone", "http_status": 200, "object_size": length}));
    assert!(download["bytes_sent"].as_u64().unwrap() < length as u64, "{download:#}");
    let upload = of("PutObject");
    says(upload, json!({"error_code": "IncompleteBody", "object_size": null, "turn_around_time": null}));
    assert_eq!(upload["bytes_received"], 100_000, "{upload:#}");
}

/// On its way to a decision a request lets others come first; whose client hangs up just then is dropped there,
/// and on record all the same. When that is nobody can say, so many try.
#[test]
fn whose_client_hangs_up_before_the_decision_is_on_record_as_refused() {
    let gate = Gate::embedded();
    good(&gate.send(&Ask::new("PUT", "/bucket")));
    let left = || {
        let entries = bartizan::audit::records(&gate.folder.path().join("state/journal")).filter_map(Result::ok);
        let mut records = entries.filter_map(|entry| serde_json::from_str::<Value>(&entry.json).ok());
        records.find(|record| record["reason"] == "client-left")
    };
    let found = (0..300_u64).find_map(|round| {
        let target = |number| format!("/bucket/left-{round}-{number}");
        let asked: Vec<Vec<u8>> = (0..40).map(|number| Ask::new("GET", &target(number)).wire()).collect();
        let mut streams: Vec<TcpStream> = asked.iter().map(|_| TcpStream::connect(&gate.address).unwrap()).collect();
        streams.iter_mut().zip(asked).for_each(|(stream, octets)| stream.write_all(&octets).unwrap());
        std::thread::sleep(std::time::Duration::from_micros(round % 12 * 100));
        for mut stream in streams {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
        left()
    });
    let record = found.expect("somebody was dropped");
    says(&record, json!({ "decision": "deny", "outcome": "refused", "bucket_name": "bucket", "method": "GET" }));
}
