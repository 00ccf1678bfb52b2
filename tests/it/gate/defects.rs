//! The defects that peers had, one test for each family.

use super::forms::Form;
use super::people::{READER, READER_POLICY, ROOT, USERS, by};
use super::{Ask, Gate, Mode, Script, chunked, policies};

/// A gate before a store that would take anything.
fn gate() -> (Gate, Script) {
    let store = Script::ok();
    (Gate::before(&store), store)
}

/// The same with several users, one of whom may only read, and more files.
fn gate_of_many(listen: &str, more: &[(&str, &str)]) -> (Gate, Script) {
    let store = Script::ok();
    (gate_before(&store, listen, more), store)
}

fn gate_before(store: &Script, listen: &str, more: &[(&str, &str)]) -> Gate {
    let upstream = format!("[upstream]\n{}", store.upstream("us-east-1"));
    let mut files = vec![("policies/credentials.toml", USERS), ("policies/identities/reader.json", READER_POLICY)];
    files.extend_from_slice(more);
    Gate::launch(listen, &upstream, &files).unwrap_or_else(|told| panic!("{told}"))
}

const BUCKET_POLICY: &str = "policies/buckets/bucket/policy.json";

/// A policy of `bucket` that denies all of it under a condition.
fn denies_if(condition: &str) -> String {
    format!(
        "{{\"Version\": \"2012-10-17\", \"Statement\": {{\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"s3:*\",
          \"Resource\": [\"arn:aws:s3:::bucket\", \"arn:aws:s3:::bucket/*\"], \"Condition\": {condition}}}}}"
    )
}

#[test]
fn unsigned_trailer_path_skips_authentication() {
    let (gate, store) = gate();
    let forged = Ask { secret: "not the secret", ..Ask::put("/bucket/k", b"data") }.mode(Mode::Trailer);
    gate.send(&forged).refused(403, "SignatureDoesNotMatch");
    let text = String::from_utf8(Ask::put("/bucket/k", b"data").mode(Mode::Trailer).wire()).unwrap();
    let anonymous: String = text.split_inclusive("\r\n").filter(|line| !line.starts_with("authorization")).collect();
    gate.send_raw(anonymous.as_bytes()).refused(403, "AccessDenied");
    // The key in the query, in both of the states that a signature can be in, and without any.
    let body = chunked(b"data", "rfP0rQ==");
    let told = format!(
        "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-decoded-content-length: 4\r\n\
         x-amz-trailer: x-amz-checksum-crc32\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let presigned = policies::presigned("/bucket/k", 5);
    let at = presigned.find("X-Amz-Signature=").unwrap() + 16;
    let forged = presigned.replace(&presigned[at..at + 64], &"0".repeat(64));
    let unsigned = presigned.replace(&presigned[at - 17..at + 64], "");
    for (request, status) in [(&presigned, 403), (&forged, 403), (&unsigned, 400)] {
        let head = request.replacen("GET", "PUT", 1);
        let head = format!("{}\r\n{told}", head.trim_end());
        assert_eq!(gate.send_raw(&[head.as_bytes(), &body].concat()).status, status, "{head}");
    }
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
    let presigned = policies::presigned("/bucket/k", 5);
    let at = presigned.find("X-Amz-Signature=").unwrap() + 16;
    let forged = presigned.replace(&presigned[at..at + 64], &"0".repeat(64));
    gate.send_raw(forged.as_bytes()).refused(403, "SignatureDoesNotMatch");
    gate.send_raw(&Form::new("k", b"data").forged().wire()).refused(403, "SignatureDoesNotMatch");
    for trailer in [false, true] {
        let (head, body) = Ask::put("/bucket/k", b"data").mode(Mode::Chunks(8192, trailer)).parts();
        let mut text = String::from_utf8(body).unwrap();
        let signatures: Vec<usize> = text.match_indices("signature").map(|(at, _)| at + 10).collect();
        assert_eq!(signatures.len(), 2 + usize::from(trailer));
        for at in signatures {
            let kept = text.clone();
            text.replace_range(at..at + 64, &"0".repeat(64));
            gate.send_raw(format!("{head}{text}").as_bytes()).refused(403, "SignatureDoesNotMatch");
            text = kept;
        }
    }
    assert!(store.seen().is_empty());
}

#[test]
fn no_freshness_check() {
    let (gate, store) = gate();
    for ahead in [-1000, 1000] {
        gate.send(&Ask { ahead, ..Ask::new("GET", "/bucket/k") }).refused(403, "RequestTimeTooSkewed");
    }
    // URLs of an hour, one over and one that has not begun; a form that has ended.
    for ago in [3700, -1000] {
        gate.send_raw(policies::presigned("/bucket/k", ago).as_bytes()).refused(403, "AccessDenied");
    }
    gate.send_raw(&Form::new("k", b"data").ended().wire()).refused(403, "AccessDenied");
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
    // Whoever may write and not read, and whoever may read and not write.
    let writer = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::*"}}"#;
    for (policy, source) in [(writer, "bucket/k"), (READER_POLICY, "bucket/k")] {
        let (gate, store) = gate_of_many("", &[("policies/identities/reader.json", policy)]);
        for target in ["/bucket/copy", "/bucket/copy?partNumber=1&uploadId=u"] {
            let copy = Ask::new("PUT", target).header("x-amz-copy-source", source);
            gate.send(&by(READER, copy)).refused(403, "AccessDenied");
        }
        assert!(store.seen().is_empty(), "{:?}", store.seen());
    }
}

#[test]
fn batch_delete_judged_once() {
    let store = policies::telling("200 OK", "<DeleteResult><Deleted><Key>mine/a</Key></Deleted></DeleteResult>");
    let gate = gate_before(&store, "", &[]);
    let delete = |key, entries: &[&str]| {
        let entries: String = entries.iter().map(|entry| format!("<Object>{entry}</Object>")).collect();
        let document = format!("<Delete>{entries}</Delete>").into_bytes();
        let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, &document).to_base64();
        let ask = Ask { body: document, ..Ask::new("POST", "/bucket?delete=") }.header("content-md5", &md5);
        gate.send(&by(key, ask))
    };
    delete(super::KEY, &["<Key>fine</Key>", "<Key>../other/k</Key>"]).refused(400, "InvalidArgument");
    // The first key is granted; another one, or a version of it, is another question.
    let reply =
        delete(READER, &["<Key>mine/a</Key>", "<Key>yours/b</Key>", "<Key>mine/a</Key><VersionId>v</VersionId>"]);
    let told = String::from_utf8_lossy(&reply.body);
    assert_eq!(told.matches("<Code>AccessDenied</Code>").count(), 2, "{reply:?}");
    let seen = store.seen();
    let sent = String::from_utf8_lossy(&seen[0].body);
    assert_eq!((seen.len(), sent.matches("<Object>").count()), (1, 1), "{sent}");
    assert!(sent.contains("<Key>mine/a</Key>") && !sent.contains("VersionId"), "{sent}");
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

/// Most stores know no condition of an entry, and would delete what the client wanted kept.
#[test]
fn condition_of_a_deletion_that_the_store_ignores() {
    let (_, store) = gate();
    for (profile, refused) in [("minio", true), ("ceph", true), ("garage", true), ("strict", true), ("aws", false)] {
        let upstream = store.upstream("us-east-1").replace("profile = \"minio\"", &format!("profile = \"{profile}\""));
        let gate = Gate::launch("", &format!("[upstream]\n{upstream}"), &[]).unwrap_or_else(|told| panic!("{told}"));
        for condition in [
            "<ETag>\"a\"</ETag>",
            "<ETag/>",
            "<Size>7</Size>",
            "<LastModifiedTime>Sat, 14 Mar 2026 09:26:52 GMT</LastModifiedTime>",
        ] {
            let document =
                format!("<Delete><Object><Key>a</Key></Object><Object><Key>b</Key>{condition}</Object></Delete>")
                    .into_bytes();
            let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, &document).to_base64();
            let deletions = || store.seen().iter().filter(|seen| seen.head.starts_with("POST ")).count();
            let before = deletions();
            let ask = Ask { body: document, ..Ask::new("POST", "/bucket?delete=") }.header("content-md5", &md5);
            let reply = gate.send(&ask);
            if refused {
                reply.refused(501, "NotImplemented");
            }
            assert_eq!(deletions() - before, usize::from(!refused), "{profile}: {condition}");
        }
    }
}

/// A store that does not know a condition writes over, or deletes, what the client wanted kept. What is read is
/// at worst read in vain.
#[test]
fn condition_of_a_write_that_the_store_ignores() {
    let copy = || Ask::new("PUT", "/bucket/k").header("x-amz-copy-source", "/bucket/s");
    let complete = || {
        let document =
            b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>";
        Ask { body: document.to_vec(), ..Ask::new("POST", "/bucket/k?uploadId=u") }
    };
    type Write = (&'static str, &'static [&'static str], fn() -> Ask);
    let writes: [(Write, &str); 9] = [
        (("PutObject", &["minio", "ceph"], || Ask::put("/bucket/k", b"data")), "if-none-match"),
        (("PutObject", &["minio", "ceph"], || Ask::put("/bucket/k", b"data")), "if-match"),
        (("CompleteMultipartUpload", &["minio"], complete), "if-match"),
        (("CopyObject", &["minio", "ceph", "garage", "strict"], copy), "x-amz-copy-source-if-match"),
        (("CopyObject", &[], copy), "if-match"),
        (("DeleteObject", &[], || Ask::new("DELETE", "/bucket/k")), "if-match"),
        (("DeleteObject", &[], || Ask::new("DELETE", "/bucket/k")), "x-amz-if-match-size"),
        (("DeleteObject", &[], || Ask::new("DELETE", "/bucket/k")), "x-amz-if-match-last-modified-time"),
        (("AbortMultipartUpload", &[], || Ask::new("DELETE", "/bucket/k?uploadId=u")), "x-amz-if-match-initiated-time"),
    ];
    let reads = [("GET", "if-match"), ("HEAD", "if-none-match")];
    let value = |name: &str| match name {
        "if-none-match" | "x-amz-copy-source-if-match" => "*",
        "x-amz-if-match-size" => "7",
        name if name.ends_with("time") => "Sat, 14 Mar 2026 09:26:52 GMT",
        _ => "\"a\"",
    };
    let (_, store) = gate();
    let launch = |profile: &str, said: &str| {
        let kind = format!("profile = \"{profile}\"\n{said}");
        let upstream = store.upstream("us-east-1").replace("profile = \"minio\"", &kind);
        Gate::launch("", &format!("[upstream]\n{upstream}"), &[]).unwrap_or_else(|told| panic!("{told}"))
    };
    let line = |name: &str| store.seen().last().is_some_and(|seen| seen.head.contains(&format!("\r\n{name}: ")));
    for profile in ["aws", "minio", "ceph", "garage", "strict"] {
        let gate = launch(profile, "");
        for ((operation, kept_by, ask), name) in &writes {
            let before = store.seen().len();
            let reply = gate.send(&ask().header(name, value(name)));
            if profile == "aws" || kept_by.contains(&profile) {
                assert!(store.seen().len() > before && line(name), "{profile} {operation} {name}: {}", reply.status);
            } else {
                reply.refused(501, "NotImplemented");
                let told = String::from_utf8_lossy(&reply.body);
                assert!(told.contains(name) && told.contains(operation), "{told}");
                assert_eq!(store.seen().len(), before, "{profile} {operation} {name}");
            }
        }
        for (method, name) in reads {
            gate.send(&Ask::new(method, "/bucket/k").header(name, value(name)));
            assert!(line(name), "{profile} {method} {name}");
        }
    }
    for (profile, said, sent) in
        [("minio", "", false), ("ceph", "", false), ("aws", "", true), ("minio", "conditions = [\"PutObject\"]", true)]
    {
        let (gate, before) = (launch(profile, said), store.seen().len());
        gate.send(&Ask::put("/bucket/k", b"data").header("if-none-match", "\"a\""));
        assert_eq!(store.seen().len() > before, sent, "{profile} {said}");
    }
    let gate = launch("strict", "conditions = [\"DeleteObject\"]");
    gate.send(&Ask::new("DELETE", "/bucket/k").header("if-match", "\"a\""));
    assert!(line("if-match"), "the operator vouches for it");
    gate.send(&Ask::put("/bucket/k", b"data").header("if-match", "\"a\"")).refused(501, "NotImplemented");
}

/// A store that knows no versions takes the object itself for any of them, so that who may read or delete its
/// versions could read or delete it; and locks and tags that it does not know are lost without a word.
#[test]
fn what_a_store_does_not_know_is_not_said_to_it() {
    let list = |version: &str| {
        let document = format!("<Delete><Object><Key>k</Key>{version}</Object></Delete>").into_bytes();
        let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, &document).to_base64();
        Ask { body: document, ..Ask::new("POST", "/bucket?delete=") }.header("content-md5", &md5)
    };
    let put = || Ask::put("/bucket/k", b"data");
    let copy = |from: &str| Ask::new("PUT", "/bucket/k").header("x-amz-copy-source", from);
    let until = ("x-amz-object-lock-retain-until-date", "2040-01-01T00:00:00Z");
    let locked = || put().header("x-amz-object-lock-mode", "GOVERNANCE").header(until.0, until.1);
    let unknown: [(&str, Ask); 10] = [
        ("versions", Ask::new("GET", "/bucket/k?versionId=v1")),
        ("versions", Ask::new("HEAD", "/bucket/k?versionId=v1")),
        ("versions", Ask::new("DELETE", "/bucket/k?versionId=v1")),
        ("versions", list("<VersionId>v1</VersionId>")),
        ("versions", copy("/bucket/s?versionId=v1")),
        ("locks", locked()),
        ("locks", put().header("x-amz-object-lock-legal-hold", "ON")),
        ("locks", Ask::new("PUT", "/new-bucket").header("x-amz-bucket-object-lock-enabled", "true")),
        ("tags", put().header("x-amz-tagging", "a=b")),
        ("end", put().header("x-amz-write-offset-bytes", "4")),
    ];
    let known = [
        Ask::new("GET", "/bucket/k?versionId=null"),
        list("<VersionId>null</VersionId>"),
        copy("/bucket/s?versionId=null"),
        Ask::new("PUT", "/new-bucket").header("x-amz-bucket-object-lock-enabled", "false"),
        put().header("x-amz-tagging", ""),
    ];
    let (_, store) = gate();
    for (profile, knows) in
        [("aws", &["versions", "locks", "tags", "end"][..]), ("minio", &["versions", "locks", "tags"]), ("garage", &[])]
    {
        let upstream = store.upstream("us-east-1").replace("profile = \"minio\"", &format!("profile = \"{profile}\""));
        let gate = Gate::launch("", &format!("[upstream]\n{upstream}"), &[]).unwrap_or_else(|told| panic!("{told}"));
        for (what, ask) in &unknown {
            let before = store.seen().len();
            let reply = gate.send(ask);
            let sent = store.seen().len() > before;
            assert_eq!(
                (reply.status == 501, sent),
                (!knows.contains(what), knows.contains(what)),
                "{profile} {} {what}",
                ask.target
            );
        }
        for ask in &known {
            let before = store.seen().len();
            gate.send(ask);
            assert!(store.seen().len() > before, "{profile} {}", ask.target);
        }
    }
}

/// A Deny for a client or a page holds whatever octet stands beside its name.
#[test]
fn odd_octet_makes_a_header_absent() {
    for (key, header) in [("aws:UserAgent", "user-agent"), ("aws:Referer", "referer")] {
        let policy = denies_if(&format!("{{\"StringLike\": {{\"{key}\": \"evil*\"}}}}"));
        let (gate, store) = gate_of_many("", &[(BUCKET_POLICY, &policy)]);
        for (odd, status) in [(&b""[..], 403), (b"\xff", 403), ("é".as_bytes(), 403)] {
            let mut wire = Ask::new("GET", "/bucket/k").wire();
            let at = wire.windows(2).position(|pair| pair == b"\r\n").unwrap();
            let line = [format!("\r\n{header}: evil/1 ").as_bytes(), odd].concat();
            wire.splice(at..at, line);
            assert_eq!(gate.send_raw(&wire).status, status, "{header} {odd:?}");
        }
        assert!(store.seen().is_empty(), "{header}");
    }
}

/// A negated operator holds where its key is absent; a plain one does not.
#[test]
fn absent_key_and_negation() {
    let put = || Ask::put("/bucket/k", b"data");
    let sealed = || put().header("x-amz-server-side-encryption", "AES256");
    for (condition, silent, said) in [
        ("{\"StringNotEquals\": {\"s3:x-amz-server-side-encryption\": \"AES256\"}}", 403, 200),
        ("{\"StringNotLike\": {\"s3:x-amz-server-side-encryption\": \"AES*\"}}", 403, 200),
        ("{\"StringNotEqualsIfExists\": {\"s3:x-amz-server-side-encryption\": \"AES256\"}}", 403, 200),
        ("{\"Null\": {\"s3:x-amz-server-side-encryption\": \"true\"}}", 403, 200),
        ("{\"StringEquals\": {\"s3:x-amz-server-side-encryption\": \"AES256\"}}", 200, 403),
        ("{\"ForAnyValue:StringNotEquals\": {\"s3:x-amz-server-side-encryption\": \"AES256\"}}", 200, 200),
        ("{\"ForAllValues:StringNotEquals\": {\"s3:x-amz-server-side-encryption\": \"AES256\"}}", 403, 200),
        ("{\"ArnNotLike\": {\"aws:SourceArn\": \"arn:aws:s3:::x\"}}", 403, 403),
        ("{\"NotIpAddress\": {\"aws:VpcSourceIp\": \"10.0.0.0/8\"}}", 403, 403),
        ("{\"NumericNotEquals\": {\"s3:signatureAge\": \"5\"}}", 403, 403),
        ("{\"Bool\": {\"aws:MultiFactorAuthPresent\": \"false\"}}", 200, 200),
        ("{\"BoolIfExists\": {\"aws:MultiFactorAuthPresent\": \"false\"}}", 403, 403),
    ] {
        let policy = denies_if(condition);
        let (gate, store) = gate_of_many("", &[(BUCKET_POLICY, &policy)]);
        let statuses = (gate.send(&put()).status, gate.send(&sealed()).status);
        assert_eq!(statuses, (silent, said), "{condition}");
        let passed = store.seen().iter().filter(|seen| seen.head.starts_with("PUT ")).count();
        assert_eq!(passed, [silent, said].iter().filter(|status| **status == 200).count(), "{condition}");
    }
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
    // For the owner of the bucket, and for whoever is allowed beside it in the same policy.
    let both = deny(object, "\"Principal\": \"*\", ").replace(
        "[{",
        "[{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"s3:*\", \"Resource\": \"arn:aws:s3:::bucket/*\"}, {",
    );
    let (gate, store) = gate_of_many("", &[(BUCKET_POLICY, &both)]);
    for key in [ROOT, super::KEY, READER] {
        gate.send(&by(key, ask.clone())).refused(403, "AccessDenied");
    }
    gate.send_raw(b"GET /bucket/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .refused(403, "AccessDenied");
    assert!(store.seen().is_empty());
}

#[test]
fn forwarded_address_believed() {
    let (gate, _store) = gate();
    gate.send(&Ask::new("GET", "/bucket/k").header("x-forwarded-for", "10.9.8.7").header("forwarded", "for=10.9.8.7"));
    let (records, _) = gate.finish();
    assert_eq!(records[0]["remote_ip"], "127.0.0.1", "{records:#?}");
    // Nor is it when something is decided: neither to be let in nor not to be kept out.
    let fence = denies_if("{\"NotIpAddress\": {\"aws:SourceIp\": \"192.0.2.0/24\"}}");
    let trusted = "trusted_proxies = [\"10.0.0.0/8\"]\n";
    for (listen, policy) in [("", &fence), (trusted, &fence)] {
        let (gate, store) = gate_of_many(listen, &[(BUCKET_POLICY, policy)]);
        for name in ["x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip", "cf-connecting-ip", "x-client-ip"] {
            let value = if name == "forwarded" { "for=192.0.2.7" } else { "192.0.2.7" };
            gate.send(&Ask::new("GET", "/bucket/k").header(name, value)).refused(403, "AccessDenied");
        }
        assert!(store.seen().is_empty());
    }
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
    let signature_of = |text: &str| {
        let at = text.find("Signature=").unwrap() + 10;
        text[at..at + 64].to_owned()
    };
    let signature = signature_of(&String::from_utf8(wire).unwrap());
    // In URLs that hold and that do not, in headers, in what a client wrongly puts where nothing secret belongs.
    let presigned = policies::presigned("/bucket/k", 5);
    gate.send_raw(presigned.as_bytes());
    gate.send_raw(presigned.replace("/bucket/k", "/bucket/other").as_bytes());
    let key = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
    let customer = Ask::put("/bucket/k", b"data")
        .header("x-amz-server-side-encryption-customer-algorithm", "AES256")
        .header("x-amz-server-side-encryption-customer-key", key)
        .header("x-amz-server-side-encryption-customer-key-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
    gate.send(&customer);
    gate.send(&Ask::new("GET", "/bucket/k").header("x-amz-security-token", "sessionsessionsession"));
    gate.send_raw(b"GET /bucket/k HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer bearerbearerbearer\r\nconnection: close\r\n\r\n");
    let form = String::from_utf8(Form::new("k", b"data").wire()).unwrap();
    let policy = form.split_once("name=\"policy\"\r\n\r\n").unwrap().1.split("\r\n").next().unwrap();
    gate.send_raw(form.as_bytes());
    let (records, told) = gate.finish();
    let all = format!("{records:?}{told}");
    let secrets = [super::SECRET, super::STORE_SECRET, &signature, &signature_of(&presigned), "tokentokentoken"];
    for secret in secrets.into_iter().chain([key, policy, "sessionsessionsession", "bearerbearerbearer"]) {
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
