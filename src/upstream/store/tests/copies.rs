//! CopyObject.

use super::*;
use Operation as Op;

fn copy<'a>(bench: &'a Bench, from: &str, to: &str) -> Ask<'a> {
    bench.on(Op::CopyObject, to).source("b", from)
}

#[test]
fn a_copy_has_data_metadata_and_tags_of_its_source() {
    let mut bench = Bench::with_bucket();
    for length in [10, 100_000] {
        let body = noise(length);
        let put = bench
            .on(Op::PutObject, "from")
            .header("content-type", "text/plain")
            .header("x-amz-meta-a", "1")
            .header("x-amz-website-redirect-location", "/x")
            .header("x-amz-tagging", "t=1")
            .body(&body)
            .expect(200);
        bench.advance(5000);
        let copied = copy(&bench, "from", "to").expect(200);
        assert_eq!(copied.element("ETag"), Some(put.etag().replace('"', "&quot;").as_str()));
        assert!(copied.element("LastModified").is_some());
        assert_eq!(copied.element("ChecksumCRC64NVME"), put.header("x-amz-checksum-crc64nvme"));
        bench.on(Op::DeleteObject, "from").expect(204);
        bench.reopen();
        let got = bench.get("to");
        assert!(got.body == body);
        assert_eq!(got.header("content-type"), Some("text/plain"));
        assert_eq!(got.header("x-amz-meta-a"), Some("1"));
        assert_eq!(got.header("x-amz-website-redirect-location"), None);
        assert_eq!(bench.on(Op::GetObjectTagging, "to").expect(200).elements("Key"), ["t"]);
        bench.on(Op::DeleteObject, "to").expect(204);
    }
    bench.reopen();
    assert!(bench.files().is_empty(), "the last of those who share data takes it with it");
}

#[test]
fn a_copy_may_bring_its_own_metadata_and_tags() {
    let bench = Bench::with_bucket();
    bench.on(Op::PutObject, "from").header("x-amz-meta-a", "1").header("x-amz-tagging", "t=1").body(b"x").expect(200);
    copy(&bench, "from", "to")
        .header("x-amz-metadata-directive", "REPLACE")
        .header("x-amz-meta-b", "2")
        .header("x-amz-tagging-directive", "REPLACE")
        .header("x-amz-tagging", "u=1")
        .expect(200);
    let got = bench.get("to");
    assert_eq!((got.header("x-amz-meta-a"), got.header("x-amz-meta-b")), (None, Some("2")));
    assert_eq!(bench.on(Op::GetObjectTagging, "to").expect(200).elements("Key"), ["u"]);
    copy(&bench, "from", "to").header("x-amz-metadata-directive", "SOME").refused(400, "InvalidArgument");
}

#[test]
fn a_copy_onto_itself_must_change_something() {
    let mut bench = Bench::with_bucket();
    let body = noise(100_000);
    bench.put("k", &body);
    copy(&bench, "k", "k").refused(400, "InvalidRequest");
    copy(&bench, "k", "k").header("x-amz-metadata-directive", "REPLACE").header("x-amz-meta-a", "1").expect(200);
    bench.reopen();
    let got = bench.get("k");
    assert!(got.body == body);
    assert_eq!(got.header("x-amz-meta-a"), Some("1"));
    assert_eq!(bench.files().len(), 1);
}

#[test]
fn a_copy_gets_the_checksum_it_asks_for() {
    let bench = Bench::with_bucket();
    bench.put("from", &noise(100_000));
    let copied = copy(&bench, "from", "to").header("x-amz-checksum-algorithm", "SHA256").expect(200);
    let value = crate::s3::checksum::of(crate::s3::checksum::Algorithm::Sha256, &noise(100_000)).to_base64();
    assert_eq!(copied.element("ChecksumSHA256"), Some(value.as_str()));
    let head = bench.on(Op::HeadObject, "to").header("x-amz-checksum-mode", "ENABLED").expect(200);
    assert_eq!(head.header("x-amz-checksum-sha256"), Some(value.as_str()));
    assert!(bench.get("to").body == noise(100_000));
    copy(&bench, "from", "to").header("x-amz-checksum-algorithm", "CRC7").refused(400, "InvalidRequest");
}

#[test]
fn conditions_on_the_source_and_on_the_target() {
    let bench = Bench::with_bucket();
    let etag = bench.put("from", b"x").etag();
    copy(&bench, "none", "to").refused(404, "NoSuchKey");
    bench.on(Op::CopyObject, "to").source("other", "k").refused(404, "NoSuchBucket");
    let when = |name, value: &str| copy(&bench, "from", "to").header(name, value);
    when("x-amz-copy-source-if-match", "\"no\"").refused(412, "PreconditionFailed");
    when("x-amz-copy-source-if-none-match", &etag).refused(412, "PreconditionFailed");
    when("x-amz-copy-source-if-unmodified-since", "Sat, 14 Mar 2026 09:26:52 GMT").refused(412, "PreconditionFailed");
    when("x-amz-copy-source-if-modified-since", "Sat, 14 Mar 2026 09:26:54 GMT").refused(412, "PreconditionFailed");
    when("if-match", &etag).refused(404, "NoSuchKey");
    when("x-amz-copy-source-if-match", &etag).expect(200);
    when("if-none-match", "*").refused(412, "PreconditionFailed");
    when("x-amz-source-expected-bucket-owner", "444455556666").refused(403, "AccessDenied");
}
