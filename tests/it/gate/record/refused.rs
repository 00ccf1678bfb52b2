//! What refusals leave on record: who they claim to be from, what they name, and how much of them was read.

use bartizan::audit::access_log::{self, Line};
use bartizan::audit::{At, Event, cloudtrail};
use bartizan::time::Millis;
use serde_json::{Value, json};

use super::super::forms::Form;
use super::super::people::USERS;
use super::super::{Ask, Gate, KEY, Script, policies};
use super::{ACCOUNT, OTHER, finished, good, says, with_md5};

fn event(record: &Value) -> Event {
    Event::of(At::default(), Millis(0), record.as_object().unwrap().clone())
}

fn lines(record: &Value) -> Vec<Line> {
    access_log::lines(&event(record), &access_log::Setting::default())
}

fn audited(record: &Value) -> Value {
    serde_json::to_value(&cloudtrail::records(&event(record), &cloudtrail::Setting::default())[0]).unwrap()
}

fn wire(ask: &Ask) -> String {
    String::from_utf8(ask.wire()).unwrap()
}

/// Without one of its lines.
fn without(wire: &str, name: &str) -> String {
    wire.split_inclusive("\r\n").filter(|line| !line.starts_with(name)).collect()
}

#[test]
fn who_cannot_prove_it_is_on_record_as_nobody_known_with_the_key_that_was_claimed() {
    let gate = Gate::embedded();
    good(&gate.send(&Ask::new("PUT", "/bucket")));
    let ask = Ask::new("GET", "/bucket/k");
    let signed = wire(&ask);
    let raw = |line: &str| format!("GET /bucket/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{line}\r\n");
    let form = String::from_utf8(Form::new("k", b"data").wire()).unwrap();
    let (_, query) =
        policies::presigned("/bucket/k", 5).split_once('?').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let query = query.split(' ').next().unwrap().to_owned();
    let version_2 = format!("authorization: AWS {KEY}:c2lnbmF0dXJl\r\n");
    let named = [
        ("an expired URL", policies::presigned("/bucket/k", 7200)),
        ("a clock that is wrong", wire(&Ask { ahead: 3600, ..ask.clone() })),
        ("another region", wire(&Ask { region: "eu-central-9", ..ask })),
        ("another service", signed.replace("/s3/aws4_request", "/s9/aws4_request")),
        ("another day", signed.replacen(&format!("Credential={KEY}/2"), &format!("Credential={KEY}/1"), 1)),
        ("no date", without(&signed, "x-amz-date")),
        ("no hash of the body", without(&signed, "x-amz-content-sha256")),
        ("a header that is not signed", signed.replacen("\r\n", "\r\nx-amz-acl: private\r\n", 1)),
        ("half of an authorization", signed.replace("SignedHeaders=", "Signed=")),
        ("version 2", raw(&version_2)),
        (
            "version 2 in the query",
            raw("").replace("/k ", &format!("/k?AWSAccessKeyId={KEY}&Signature=c2ln&Expires=1 ")),
        ),
        ("two mechanisms", signed.replacen("/bucket/k", &format!("/bucket/k?{query}"), 1)),
        ("a form of another region", form.replace("/us-east-1/s3", "/us-west-9/s3")),
    ];
    for (_, octets) in &named {
        assert!((400..500).contains(&gate.send_raw(octets.as_bytes()).status));
    }
    gate.send_raw(raw("authorization: Bearer c2VjcmV0\r\n").as_bytes());
    gate.send_raw(raw("").as_bytes()).refused(403, "AccessDenied");
    let records = finished(gate);
    let (anonymous, rest) = records[1..].split_last().unwrap();
    let (bearer, rest) = rest.split_last().unwrap();
    assert_eq!(rest.len(), named.len());
    for ((what, _), record) in named.iter().zip(rest) {
        let identity = audited(record)["userIdentity"].clone();
        assert_eq!(identity, json!({"type": "Unknown", "accessKeyId": KEY}), "{what}: {record:#}");
        says(record, json!({"requester_type": "Unknown", "requester": null, "bucket_name": "bucket"}));
        let line = &lines(record)[0];
        // Requester, version of the signature, kind of authentication.
        assert_eq!([4, 19, 21].map(|at| line.fields[at].as_str()), ["-", "-", "-"], "{what}");
    }
    assert_eq!(audited(bearer)["userIdentity"], json!({"type": "Unknown"}));
    assert!(!bearer.to_string().contains("c2VjcmV0"));
    says(anonymous, json!({"requester_type": null, "access_key_id": null}));
    assert_eq!(audited(anonymous)["userIdentity"]["accountId"], "anonymous");
}

#[test]
fn what_cannot_be_routed_is_in_the_log_of_its_bucket_and_told_to_its_owner() {
    let files = [
        ("policies/buckets/theirs/settings.toml", "owner = \"444455556666\"\n"),
        ("policies/credentials.toml", USERS),
        ("policies/identities/reader.json", bartizan::policy::ADMINISTRATOR_DOCUMENT),
    ];
    let gate = Gate::launch("", "[upstream]\nkind = \"embedded\"", &files).unwrap_or_else(|told| panic!("{told}"));
    let long = "a".repeat(1025);
    let asked = [
        (Ask::new("GET", "/theirs/a%20b?acl=&tagging="), Some("a b"), "REST.GET.OBJECT"),
        (Ask::new("GET", "/theirs/k?versionId=1&versionId=2"), Some("k"), "REST.GET.OBJECT"),
        (Ask::new("GET", "/theirs/k").header("x-amz-unheard-of", "1"), Some("k"), "REST.GET.OBJECT"),
        (Ask::new("GET", "/theirs?foo="), None, "REST.GET.BUCKET"),
        (Ask::new("PATCH", "/theirs/k"), Some("k"), "REST.PATCH.OBJECT"),
        (Ask::new("GET", "/theirs/a/../k"), Some("a/../k"), "REST.GET.OBJECT"),
        (Ask::new("PUT", &format!("/theirs/{long}")), Some(long.as_str()), "REST.PUT.OBJECT"),
    ];
    for (ask, ..) in &asked {
        assert!(gate.send(ask).status >= 400, "{}", ask.target);
    }
    let undecodable = b"GET /theirs/a%ff HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    gate.send_raw(undecodable).refused(400, "InvalidURI");
    gate.send(&Ask::new("GET", "/Not_A_Bucket/k")).refused(400, "InvalidBucketName");
    let records = finished(gate);
    let (illegal, records) = records.split_last().unwrap();
    let (undecoded, records) = records.split_last().unwrap();
    says(undecoded, json!({"bucket_name": "theirs", "bucket_account": OTHER, "key": "a\u{fffd}"}));
    assert_eq!(lines(undecoded).len(), 1);
    for ((ask, key, operation), record) in asked.iter().zip(records) {
        says(record, json!({"operation": null, "bucket_name": "theirs", "bucket_account": OTHER, "key": key}));
        let lines = lines(record);
        assert_eq!((lines.len(), lines[0].fields[6].as_str()), (1, *operation), "{}", ask.target);
        let audited = audited(record);
        assert_eq!(audited["requestParameters"]["bucketName"], "theirs");
        assert_eq!(audited["requestParameters"]["key"].as_str(), *key);
        assert_eq!(audited["recipientAccountId"], OTHER);
        let resources = audited["resources"].as_array().unwrap();
        assert_eq!(resources.last().unwrap()["ARN"], "arn:aws:s3:::theirs");
        assert_eq!(resources.len(), 1 + usize::from(key.is_some()));
    }
    says(illegal, json!({"bucket_name": null, "key": null}));
    assert!(lines(illegal).is_empty());
}

#[test]
fn every_octet_of_a_body_that_was_read_is_counted_whatever_it_was() {
    let gate = Gate::embedded();
    good(&gate.send(&Ask::new("PUT", "/bucket")));
    let block =
        b"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>";
    good(&gate.send(&with_md5(Ask::put("/bucket?publicAccessBlock=", block))));
    let form = Form::new("form", b"some data").wire();
    good(&gate.send_raw(&form));
    let broken = b"<VersioningConfiguration><Status>Enabled</Status>";
    gate.send(&with_md5(Ask::put("/bucket?versioning=", broken))).refused(400, "MalformedXML");
    let mut other = Ask::put("/bucket/k", b"what was signed").wire();
    let last = other.len() - 1;
    other[last] ^= 1;
    gate.send_raw(&other).refused(400, "XAmzContentSHA256Mismatch");
    let data = vec![7; 40_000];
    let chunks = Ask::put("/bucket/chunks", &data).mode(super::super::Mode::Trailer);
    good(&gate.send(&chunks));
    let records = finished(gate);
    let length = |octets: &[u8]| octets.len() - octets.windows(4).position(|end| end == b"\r\n\r\n").unwrap() - 4;
    let read: Vec<_> = records[1..].iter().map(|record| record["bytes_received"].as_u64().unwrap()).collect();
    let expected = [block.len(), length(&form), broken.len(), 15, length(&chunks.wire())].map(|length| length as u64);
    assert_eq!(read, expected);
    let sizes = [2, 5].map(|at: usize| records[at]["object_size"].as_u64());
    assert_eq!(sizes, [Some(9), Some(40_000)], "of the object its data alone count");
    assert_eq!(audited(&records[1])["additionalEventData"]["bytesTransferredIn"], block.len());
}

#[test]
fn a_bucket_that_is_not_there_has_no_log() {
    let gate = Gate::embedded();
    good(&gate.send(&Ask::new("PUT", "/bucket")));
    good(&gate.send(&Ask::put("/bucket/k", b"data")));
    gate.send(&Ask::new("GET", "/nothing-here/k")).refused(404, "NoSuchBucket");
    assert_eq!(gate.send(&Ask::new("HEAD", "/nothing-here")).status, 404);
    gate.send(&Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "/nothing-here/k"))
        .refused(404, "NoSuchBucket");
    gate.send(&Ask::new("PUT", "/nothing-here/copy").header("x-amz-copy-source", "/bucket/k"))
        .refused(404, "NoSuchBucket");
    let records = finished(gate);
    let logged: Vec<Vec<String>> =
        records[2..].iter().map(|record| lines(record).into_iter().map(|line| line.bucket).collect()).collect();
    assert_eq!(logged, [vec![], vec![], vec!["bucket".to_owned()], vec!["bucket".to_owned()]]);
    let operation = |at: usize| lines(&records[at])[0].fields[6].clone();
    assert_eq!([4, 5].map(operation), ["REST.COPY.OBJECT", "REST.COPY.OBJECT_GET"]);
    // The audit record of what was asked stays.
    assert_eq!(audited(&records[2])["requestParameters"]["bucketName"], "nothing-here");
}

#[test]
fn a_head_that_cannot_be_read_is_on_record_under_the_id_of_its_answer() {
    let gate = Gate::embedded();
    good(&gate.send(&Ask::new("PUT", "/bucket")));
    let long = format!("GET /bucket/k HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let told = [
        (long.as_str(), "RequestHeaderSectionTooLarge"),
        ("GET /bucket/a b HTTP/1.1\r\nhost: localhost\r\n\r\n", "BadRequest"),
        ("GET /bucket/k HTTP/1.1\r\nhost: localhost\r\na b: c\r\n\r\n", "BadRequest"),
        ("GET /bucket/k HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "BadRequest"),
    ];
    let answers = told.map(|(octets, code)| {
        let answer = gate.send_raw(octets.as_bytes());
        answer.refused(400, code);
        answer
    });
    let records = finished(gate);
    for ((record, answer), (_, code)) in records[1..].iter().zip(&answers).zip(told) {
        let id = answer.head.lines().find_map(|line| line.strip_prefix("x-amz-request-id: ")).unwrap();
        says(record, json!({"request_id": id, "error_code": code, "http_status": 400, "outcome": "refused"}));
        says(
            record,
            json!({"remote_ip": "127.0.0.1", "bytes_sent": answer.body.len(), "target": null, "method": null}),
        );
        assert!(lines(record).is_empty(), "nobody knows of a bucket");
        assert_eq!(audited(record)["userIdentity"], json!({"type": "Unknown"}), "nor of who it was");
        assert_eq!(audited(record)["eventName"], "UnknownOperation");
    }
    assert_eq!(records.len(), 1 + told.len());
}

#[test]
fn who_asks_about_an_object_leaves_its_size_whether_that_was_asked_or_not() {
    let gate = Gate::embedded();
    good(&gate.send(&Ask::new("PUT", "/bucket")));
    good(&gate.send(&Ask::put("/bucket/k", &[7; 5000])));
    for wanted in ["ObjectSize", "ETag"] {
        good(&gate.send(&Ask::new("GET", "/bucket/k?attributes=").header("x-amz-object-attributes", wanted)));
    }
    for record in &finished(gate)[2..] {
        says(record, json!({"operation": "GetObjectAttributes", "object_size": 5000, "bucket_account": ACCOUNT}));
        assert_eq!(lines(record)[0].fields[12], "5000");
    }
    let document = "<GetObjectAttributesResponse><ObjectSize>7544660</ObjectSize></GetObjectAttributesResponse>";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{document}", document.len());
    let store = Script::answering(answer.leak());
    let gate = Gate::before(&store);
    let reply = gate.send(&Ask::new("GET", "/bucket/k?attributes=").header("x-amz-object-attributes", "ObjectSize"));
    assert_eq!(String::from_utf8_lossy(&reply.body), document);
    says(&finished(gate)[0], json!({"object_size": 7_544_660, "bytes_sent": document.len()}));
}
