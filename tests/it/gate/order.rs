//! The order of checks (spec/README.md 2): the first fault in this order is the answer, and nobody learns of a
//! later one.

use bartizan::s3::checksum::{self, Algorithm};

use super::{Ask, Gate, Mode, NOBODY};

const ANOTHER: &str = "anothersecretanothersecretanothersecretan";

#[test]
fn an_upload_with_checksum_trailer_to_a_name_that_is_refused_is_told_so() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    let long = format!("/bucket/{}", "k".repeat(1025));
    for (target, header, code) in [
        ("/bucket/a//b", None, "InvalidArgument"),
        ("/bucket/a/../b", None, "InvalidArgument"),
        (&*long, None, "KeyTooLongError"),
        ("/Bad_Bucket/k", None, "InvalidBucketName"),
        ("/bucket/k", Some("x-amz-unheard-of"), "NotImplemented"),
    ] {
        for mode in [Mode::Hash, Mode::Trailer, Mode::Chunks(16, true)] {
            let ask = Ask::put(target, b"data").mode(mode);
            let ask = header.iter().fold(ask, |ask, name| ask.header(name, "x"));
            let reply = gate.send(&ask);
            assert_eq!(reply.code(), code, "{target} {reply:?}");
            // And who it is comes before what is asked.
            let reply = gate.send(&Ask { secret: ANOTHER, ..ask });
            assert_eq!(reply.code(), "SignatureDoesNotMatch", "{target} {reply:?}");
        }
    }
    // What is known not to be an upload takes no chunks.
    let reply = gate.send(&Ask::put("/bucket", b"").mode(Mode::Trailer));
    assert_eq!((reply.status, reply.code()), (400, "InvalidRequest".into()), "{reply:?}");
}

#[test]
fn whoever_may_not_write_learns_nothing_of_what_is_wrong_with_the_body() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    let asks = [
        (Ask::put("/bucket/k", b"data").header("content-md5", "none"), "InvalidDigest"),
        (
            Ask::put("/bucket/k", b"data")
                .header("x-amz-checksum-crc32", "AAAAAA==")
                .header("x-amz-checksum-sha1", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
            "InvalidRequest",
        ),
        (Ask::put("/bucket/k", b"data").header("transfer-encoding", "chunked"), "BadRequest"),
        (Ask::put("/bucket/k?tagging=", b"<Tagging><TagSet></TagSet></Tagging>"), "InvalidRequest"),
    ];
    for (ask, code) in asks {
        let reply = gate.send(&ask);
        assert_eq!(reply.code(), code, "{} {:?} {reply:?}", ask.target, ask.headers);
        if code == "BadRequest" || ask.target.contains("tagging") {
            continue; // a fault of the head's framing; a document that is read before the decision
        }
        let reply = gate.send(&Ask { key: NOBODY, ..ask });
        assert_eq!(reply.code(), "AccessDenied", "{reply:?}");
    }
    let reply = gate.send_raw(
        b"PUT /bucket/k HTTP/1.1\r\nhost: localhost\r\ncontent-md5: none\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndata",
    );
    assert_eq!(reply.code(), "AccessDenied", "{reply:?}");
    // A body where there is no place for one is a fault of what is asked.
    let reply = gate.send(&Ask { key: NOBODY, ..Ask { body: b"data".to_vec(), ..Ask::new("GET", "/bucket/k") } });
    assert_eq!(reply.code(), "UnexpectedContent", "{reply:?}");
}

#[test]
fn what_is_wrong_with_a_body_counts_where_the_proxy_answers_itself() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    let policy = br#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/x"}]}"#;
    assert_eq!(gate.send(&Ask::put("/bucket?policy=", policy).header("content-md5", &md5(policy))).status, 204);
    gate.send(&Ask::new("DELETE", "/bucket?policy=").header("content-md5", "garbage")).refused(400, "InvalidDigest");
    assert_eq!(gate.send(&Ask::new("GET", "/bucket?policy=")).status, 200);
    // Whom a policy names must be there, in its partition.
    let stranger = String::from_utf8_lossy(policy).replace("\"*\"", "{\"AWS\":\"arn:aws-cn:iam::111122223333:root\"}");
    let put = Ask::put("/bucket?policy=", stranger.as_bytes()).header("content-md5", &md5(stranger.as_bytes()));
    gate.send(&put).refused(400, "MalformedPolicy");
}

fn md5(data: &[u8]) -> String {
    checksum::of(Algorithm::Md5, data).to_base64()
}

#[test]
fn refusals_name_the_region_and_the_target_that_clients_act_on() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    for (ask, status) in [
        (Ask { key: NOBODY, ..Ask::new("HEAD", "/bucket") }, 403),
        (Ask::new("HEAD", "/none"), 404),
        (Ask::new("HEAD", "/bucket"), 200),
        (Ask::new("HEAD", "/bucket?unheard-of="), 501),
        (Ask { region: "eu-west-1", ..Ask::new("GET", "/bucket") }, 400),
    ] {
        let reply = gate.send(&ask);
        assert_eq!(reply.status, status, "{reply:?}");
        assert!(reply.head.contains("\r\nx-amz-bucket-region: us-east-1"), "{reply:?}");
    }
    for target in ["/bucket?prefix=%zz", "/bucket/%zz"] {
        let reply = gate.send(&Ask::new("GET", target));
        reply.refused(400, "InvalidURI");
        assert!(String::from_utf8_lossy(&reply.body).contains(&format!("<URI>{target}</URI>")), "{reply:?}");
    }
}

#[test]
fn a_condition_on_the_source_of_a_copy_that_fails_is_named() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    assert_eq!(gate.send(&Ask::put("/bucket/k", b"data")).status, 200);
    for (name, value) in
        [("If-Match", "\"other\""), ("If-None-Match", "*"), ("If-Unmodified-Since", "Sat, 14 Mar 2020 09:26:53 GMT")]
    {
        let name = format!("x-amz-copy-source-{name}");
        let copy = Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "/bucket/k");
        let reply = gate.send(&copy.header(name.to_ascii_lowercase().leak(), value));
        reply.refused(412, "PreconditionFailed");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(text.contains(&format!("<Condition>{name}</Condition>")), "{text}");
    }
}

#[test]
fn a_checksum_of_an_algorithm_that_is_none_is_not_passed_over() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    for ask in [Ask::put("/bucket/k", b"data"), Ask::new("GET", "/bucket/k")] {
        gate.send(&ask.header("x-amz-checksum-foo", "AAAA")).refused(501, "NotImplemented");
    }
}
