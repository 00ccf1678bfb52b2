//! The defects that peers had, one test for each family that applies to what is built. Absent keys in
//! negated conditions are the policy language's, and come with it.

use super::{Ask, Gate, Mode, Script, chunked};

/// A gate before a store that would take anything.
fn gate() -> (Gate, Script) {
    let store = Script::ok();
    (Gate::before(&store), store)
}

#[test]
fn unsigned_trailer_path_skips_authentication() {
    let (gate, store) = gate();
    let forged = Ask { secret: "not the secret", ..Ask::put("/bucket/k", b"data") }.mode(Mode::Trailer);
    gate.send(&forged).refused(403, "SignatureDoesNotMatch");
    let text = String::from_utf8(Ask::put("/bucket/k", b"data").mode(Mode::Trailer).wire()).unwrap();
    let anonymous: String = text.split_inclusive("\r\n").filter(|line| !line.starts_with("authorization")).collect();
    gate.send_raw(anonymous.as_bytes()).refused(403, "AccessDenied");
    assert!(store.seen().is_empty());
}

#[test]
fn signature_parsed_but_not_compared() {
    let (gate, store) = gate();
    let text = String::from_utf8(Ask::new("GET", "/bucket/k").wire()).unwrap();
    let at = text.find("Signature=").unwrap() + 10;
    for signature in ["0".repeat(64), String::new(), "x".repeat(64), text[at..at + 64].to_uppercase()] {
        let forged = text.replace(&text[at..at + 64], &signature);
        let status = gate.send_raw(forged.as_bytes()).status;
        assert!(status == 403 || status == 400, "{signature}: {status}");
    }
    assert!(store.seen().is_empty());
}

#[test]
fn no_freshness_check() {
    let (gate, store) = gate();
    for ahead in [-1000, 1000] {
        gate.send(&Ask { ahead, ..Ask::new("GET", "/bucket/k") }).refused(403, "RequestTimeTooSkewed");
    }
    assert!(store.seen().is_empty());
}

#[test]
fn header_injected_after_signing() {
    let (gate, store) = gate();
    let text = String::from_utf8(Ask::put("/bucket/k", b"data").wire()).unwrap();
    for injected in
        ["x-amz-acl: public-read", "x-amz-copy-source: other/key", "X-Amz-Tagging: a=b", "x-amz-unheard-of: 1"]
    {
        let forged = text.replacen("\r\n", &format!("\r\n{injected}\r\n"), 1);
        gate.send_raw(forged.as_bytes()).refused(403, "AccessDenied");
    }
    assert!(store.seen().is_empty());
}

#[test]
fn declared_but_absent_signed_header() {
    let (gate, store) = gate();
    let text = String::from_utf8(Ask::put("/bucket/k", b"data").header("x-amz-meta-a", "").wire()).unwrap();
    assert!(text.contains("x-amz-meta-a: \r\n"));
    gate.send_raw(text.replace("x-amz-meta-a: \r\n", "").as_bytes()).refused(403, "SignatureDoesNotMatch");
    assert!(store.seen().is_empty());
}

#[test]
fn body_not_bound_to_the_signature() {
    let (gate, store) = gate();
    let text = String::from_utf8(Ask::put("/bucket/k", b"data").wire()).unwrap();
    gate.send_raw(text.replace("\r\n\r\ndata", "\r\n\r\nDATA").as_bytes()).refused(400, "XAmzContentSHA256Mismatch");
    let wrong = chunked(b"data", "AAAAAA==");
    let (head, body) = Ask::put("/bucket/k", b"data").mode(Mode::Trailer).parts();
    assert_eq!(wrong.len(), body.len());
    gate.send_raw(&[head.as_bytes(), &wrong].concat()).refused(400, "BadDigest");
    assert!(store.seen().is_empty());
}

#[test]
fn source_of_a_copy_parsed_twice_differently() {
    let (gate, store) = gate();
    for source in [
        "bucket/../other/k",
        "bucket/%2e%2e/other/k",
        "/bucket//k",
        "bucket",
        "Bucket/k",
        "arn:aws:s3:us-east-1:111122223333:accesspoint/a/object/k",
    ] {
        let reply = gate.send(&Ask::new("PUT", "/bucket/k").header("x-amz-copy-source", source));
        assert!((400..=501).contains(&reply.status), "{source}: {reply:?}");
    }
    assert!(store.seen().is_empty());
    gate.send(&Ask::new("PUT", "/bucket/k").header("x-amz-copy-source", "src/a%252Fb+c"));
    let seen = store.seen();
    assert!(seen[0].head.starts_with("HEAD /src/a%252Fb%20c "), "how it is encrypted: {}", seen[0].head);
    assert!(seen[1].head.contains("x-amz-copy-source: /src/a%252Fb%20c\r\n"), "{}", seen[1].head);
}

#[test]
fn source_of_a_copy_not_authorised() {
    let (gate, store) = gate();
    let copy = |target: &str| Ask::new("PUT", target).header("x-amz-copy-source", "secret-bucket/k");
    for target in ["/bucket/k", "/bucket/k?partNumber=1&uploadId=u"] {
        gate.send(&Ask { key: "AKIANOBODYNOBODY0001", ..copy(target) }).refused(403, "AccessDenied");
        let foreign = copy(target).header("x-amz-source-expected-bucket-owner", "999999999999");
        gate.send(&foreign).refused(403, "AccessDenied");
    }
    assert!(store.seen().is_empty());
}

#[test]
fn batch_delete_judged_once() {
    let (gate, store) = gate();
    let document = b"<Delete><Object><Key>fine</Key></Object><Object><Key>../other/k</Key></Object></Delete>";
    let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, document).to_base64();
    let ask = Ask { body: document.to_vec(), ..Ask::new("POST", "/bucket?delete=") }.header("content-md5", &md5);
    gate.send(&ask).refused(400, "InvalidArgument");
    assert!(store.seen().is_empty());
}

#[test]
fn sub_resource_dropped_and_another_operation_executed() {
    let (gate, store) = gate();
    for (target, status) in [("/bucket?newthing=", 501), ("/bucket?acl=&policy=", 400), ("/bucket/k?uploads=", 405)] {
        assert_eq!(gate.send(&Ask::new("DELETE", target)).status, status, "{target}");
    }
    assert!(store.seen().is_empty());
}

/// Starts with one more file; a start that is refused, with the file's name, is as good as a refused request.
fn refused_at_start_or_asked(file: &str, text: &str, ask: &Ask) {
    let store = Script::ok();
    let upstream = format!("[upstream]\n{}", store.upstream("us-east-1"));
    match Gate::launch("", &upstream, &[(file, text)]) {
        Ok(gate) => gate.send(ask).refused(403, "AccessDenied"),
        Err(told) => {
            let named = told.contains(file) || told.contains("identities/none-such.json");
            assert!(named && told.contains("help: "), "{told}");
        }
    }
    assert!(store.seen().is_empty(), "{text}");
}

#[test]
fn policy_part_not_understood_and_ignored() {
    let statement = |more: &str| {
        let all = "\"Action\": \"*\", \"Resource\": \"*\"";
        format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{{\"Effect\": \"Allow\", {all}, {more}}}]}}")
    };
    for more in [
        "\"Condition\": {\"IpAddress\": {\"aws:SourceIp\": \"192.0.2.0/24\"}}",
        "\"Condition\": {\"StringLooksLike\": {\"aws:username\": \"x\"}}",
        "\"Conditions\": {}",
        "\"NotAction\": \"s3:*\"",
    ] {
        let ask = Ask::new("GET", "/bucket/k");
        refused_at_start_or_asked("policies/identities/administrator.json", &statement(more), &ask);
    }
    let boundary = "[[user]]\narn = \"arn:aws:iam::111122223333:user/test\"\npolicies = [\"administrator\"]\n\
                    boundary = \"none-such\"\nkeys = [{ id = \"AKIATESTTESTTEST0001\", secret = \"testsecrettestsecrettestsecrettestsecret\" }]\n";
    refused_at_start_or_asked("policies/credentials.toml", boundary, &Ask::new("GET", "/bucket/k"));
}

#[test]
fn deny_does_not_win() {
    let deny = |resource: &str, who: &str| {
        format!(
            "{{\"Version\": \"2012-10-17\", \"Statement\": [{{\"Effect\": \"Deny\", {who}\"Action\": \"s3:GetObject\", \"Resource\": \"{resource}\"}}]}}"
        )
    };
    let (ask, object) = (Ask::new("GET", "/bucket/k"), "arn:aws:s3:::bucket/k");
    refused_at_start_or_asked("policies/buckets/bucket/policy.json", &deny(object, "\"Principal\": \"*\", "), &ask);
    // Beside a policy that allows everything.
    let store = Script::ok();
    let both = "[[user]]\narn = \"arn:aws:iam::111122223333:user/test\"\npolicies = [\"administrator\", \"no-reading\"]\n\
                keys = [{ id = \"AKIATESTTESTTEST0001\", secret = \"testsecrettestsecrettestsecrettestsecret\" }]\n";
    let files =
        [("policies/credentials.toml", both), ("policies/identities/no-reading.json", &deny(object, "") as &str)];
    let upstream = format!("[upstream]\n{}", store.upstream("us-east-1"));
    let gate = Gate::launch("", &upstream, &files).unwrap_or_else(|told| panic!("{told}"));
    gate.send(&ask).refused(403, "AccessDenied");
    assert!(store.seen().is_empty());
}

#[test]
fn forwarded_address_believed() {
    let (gate, _store) = gate();
    gate.send(&Ask::new("GET", "/bucket/k").header("x-forwarded-for", "10.9.8.7").header("forwarded", "for=10.9.8.7"));
    let (records, _) = gate.finish();
    assert_eq!(records[0]["remote_ip"], "127.0.0.1", "{records:#?}");
}

#[test]
fn anonymous_by_default() {
    let (gate, store) = gate();
    for request in ["GET /bucket/k", "PUT /bucket/k", "DELETE /bucket", "GET /"] {
        let reply = gate.send_raw(
            format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                .as_bytes(),
        );
        reply.refused(403, "AccessDenied");
    }
    let nobody = Ask { key: "AKIANOBODYNOBODY0001", ..Ask::new("GET", "/bucket/k") };
    gate.send(&nobody).refused(403, "AccessDenied");
    assert!(store.seen().is_empty());
}

#[test]
fn duplicate_host_query_or_header() {
    let (gate, store) = gate();
    let text = String::from_utf8(Ask::new("GET", "/bucket/k").wire()).unwrap();
    for twice in ["host: localhost", "authorization: AWS4-HMAC-SHA256 Credential=a", "x-amz-date: 20260101T000000Z"] {
        let reply = gate.send_raw(text.replacen("\r\n", &format!("\r\n{twice}\r\n"), 1).as_bytes());
        assert!(reply.status == 400 || reply.status == 403, "{twice}: {reply:?}");
    }
    gate.send(&Ask::new("GET", "/bucket?prefix=a&prefix=b")).refused(400, "InvalidArgument");
    let lines =
        Ask::put("/bucket/k", b"").header("x-amz-storage-class", "STANDARD").header("x-amz-storage-class", "STANDARD");
    gate.send(&lines).refused(400, "InvalidArgument");
    assert!(store.seen().is_empty());
}

#[test]
fn bucket_taken_from_a_second_place() {
    let (gate, store) = gate();
    // A host that names a bucket makes the whole path a key, whatever it looks like.
    let text = String::from_utf8(Ask::new("GET", "/other/k").wire()).unwrap();
    gate.send_raw(text.replace("host: localhost", "host: mine.s3.localhost").as_bytes())
        .refused(403, "SignatureDoesNotMatch");
    let part =
        |name: &str, text: &str| format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    let body = part("key", "k") + &part("bucket", "other") + &part("file", "data") + "--b--\r\n";
    let form = format!(
        "POST /bucket HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary=b\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    gate.send_raw(form.as_bytes()).refused(400, "InvalidArgument");
    assert!(store.seen().is_empty());
}

#[test]
fn replay_memory_rejects_honest_retries() {
    let (gate, store) = gate();
    let wire = Ask::put("/bucket/k", b"data").wire();
    assert_eq!((gate.send_raw(&wire).status, gate.send_raw(&wire).status), (200, 200));
    assert_eq!(store.seen().len(), 2);
}

#[test]
fn secrets_in_logs() {
    let (gate, _store) = gate();
    let ask = Ask::new("GET", "/bucket/k?X-Amz-Security-Token=tokentokentoken");
    let wire = ask.wire();
    gate.send_raw(&wire);
    gate.send(&Ask::put("/bucket/k", b"data"));
    let text = String::from_utf8(wire).unwrap();
    let at = text.find("Signature=").unwrap() + 10;
    let signature = text[at..at + 64].to_owned();
    let (records, told) = gate.finish();
    let all = format!("{records:?}{told}");
    for secret in [super::SECRET, super::STORE_SECRET, &signature, "tokentokentoken"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains(super::KEY));
}

#[test]
fn form_with_a_signed_header_forwarded_unread() {
    let (gate, store) = gate();
    let part =
        |name: &str, text: &str| format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    for data in ["small".to_owned(), "x".repeat(100_000)] {
        let body = part("key", "a/../evil") + &part("acl", "public-read") + &part("file", &data) + "--b--\r\n";
        let form = Ask { method: "POST", ..Ask::put("/bucket", body.as_bytes()) }
            .header("content-type", "multipart/form-data; boundary=b");
        gate.send(&form).refused(400, "InvalidRequest");
        gate.send(&form.mode(Mode::Unsigned)).refused(400, "InvalidRequest");
    }
    assert!(store.seen().is_empty());
}

#[test]
fn document_with_entities_of_its_own_forwarded() {
    let (gate, store) = gate();
    let tags = |head: &str, value: &str| {
        format!("{head}<Tagging><TagSet><Tag><Key>a</Key><Value>{value}</Value></Tag></TagSet></Tagging>")
    };
    let doctype = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>";
    for document in
        [tags(doctype, "&e;"), tags(doctype, "1"), tags("", "&e;"), tags("", "1") + "<more/>", "no xml".into()]
    {
        let ask = Ask::put("/bucket/k?tagging=", document.as_bytes());
        let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, document.as_bytes()).to_base64();
        gate.send(&ask.header("content-md5", &md5)).refused(400, "MalformedXML");
    }
    assert!(store.seen().is_empty());
}
