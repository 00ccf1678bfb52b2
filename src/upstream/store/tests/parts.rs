//! Multipart uploads.

use super::super::checksums::{Algorithm, Hasher, encode, hex, unhex};
use super::*;
use crate::s3::checksum::of;
use Operation as Op;

const PART: usize = 5 << 20;

fn begin(bench: &Bench, key: &str, headers: &[(&'static str, &str)]) -> String {
    let ask =
        headers.iter().fold(bench.on(Op::CreateMultipartUpload, key), |ask, (name, value)| ask.header(name, value));
    ask.expect(200).element("UploadId").unwrap().to_owned()
}

fn part<'a>(bench: &'a Bench, key: &str, id: &str, number: u32, body: &[u8]) -> Ask<'a> {
    bench.on(Op::UploadPart, key).query("uploadId", id).query("partNumber", &number.to_string()).body(body)
}

/// A CompleteMultipartUpload document of numbers, entity tags and further elements.
fn document(parts: &[(u32, &str, &str)]) -> Vec<u8> {
    let part = |(number, etag, more): &(u32, &str, &str)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{more}</Part>")
    };
    let parts: String = parts.iter().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>").into_bytes()
}

fn complete<'a>(bench: &'a Bench, key: &str, id: &str, parts: &[(u32, &str, &str)]) -> Ask<'a> {
    bench.on(Op::CompleteMultipartUpload, key).query("uploadId", id).body(&document(parts))
}

#[test]
fn parts_become_an_object() {
    let mut bench = Bench::with_bucket();
    let id = begin(&bench, "k", &[("content-type", "text/plain"), ("x-amz-meta-a", "1"), ("x-amz-tagging", "t=1")]);
    let whole = noise(PART + 300_000 + 5);
    let (first, rest) = whole.split_at(PART);
    let (second, third) = rest.split_at(300_000);
    let _ = third;
    let one = part(&bench, "k", &id, 1, first).expect(200).etag();
    part(&bench, "k", &id, 7, b"to be replaced").expect(200);
    let two = part(&bench, "k", &id, 7, second).expect(200).etag();
    part(&bench, "k", &id, 9, b"never listed").expect(200);
    bench.on(Op::GetObject, "k").refused(404, "NoSuchKey");
    bench.reopen();
    let done = complete(&bench, "k", &id, &[(1, &one, ""), (7, &two, "")]).expect(200);

    let body = &whole[..PART + 300_000];
    let sums = [one.trim_matches('"'), two.trim_matches('"')].map(|etag| unhex::<16>(etag).unwrap()).concat();
    let etag = format!("{}-2", hex(of(Algorithm::Md5, &sums).as_bytes()));
    assert_eq!(done.element("ETag"), Some(format!("&quot;{etag}&quot;").as_str()));
    assert_eq!(done.element("ChecksumCRC64NVME"), Some(of(Algorithm::Crc64Nvme, body).to_base64().as_str()));
    assert_eq!(done.element("ChecksumType"), Some("FULL_OBJECT"));
    bench.reopen();
    assert_eq!(bench.files().len(), 2, "replaced and unlisted parts are gone");
    let got = bench.get("k");
    assert!(got.body == *body);
    assert_eq!((got.header("content-type"), got.header("x-amz-meta-a")), (Some("text/plain"), Some("1")));
    assert_eq!(got.header("x-amz-tagging-count"), Some("1"));

    let across = format!("bytes={}-{}", PART - 10, PART + 9);
    let got = bench.on(Op::GetObject, "k").header("range", &across).expect(206);
    assert_eq!(got.body, body[PART - 10..PART + 10]);
    let got = bench.on(Op::GetObject, "k").query("partNumber", "2").expect(206);
    assert!(got.body == *second);
    assert_eq!(got.header("x-amz-mp-parts-count"), Some("2"));
    assert_eq!(got.header("content-range"), Some(format!("bytes {PART}-{}/{}", body.len() - 1, body.len()).as_str()));

    complete(&bench, "k", &id, &[(1, &one, ""), (7, &two, "")]).expect(200); // asked again, answered again
    bench.put("k", b"x");
    complete(&bench, "k", &id, &[(1, &one, ""), (7, &two, "")]).refused(404, "NoSuchUpload");
    part(&bench, "k", &id, 1, b"x").refused(404, "NoSuchUpload");
    bench.reopen();
    assert!(bench.files().is_empty());
}

#[test]
fn a_completion_that_lists_something_else_is_refused() {
    let bench = Bench::with_bucket();
    let id = begin(&bench, "k", &[]);
    let one = part(&bench, "k", &id, 1, b"small").expect(200).etag();
    let two = part(&bench, "k", &id, 2, b"last").expect(200).etag();
    let complete = |parts: &[(u32, &str, &str)]| complete(&bench, "k", &id, parts);
    complete(&[(2, &two, ""), (1, &one, "")]).refused(400, "InvalidPartOrder");
    complete(&[(1, &one, ""), (1, &one, "")]).refused(400, "InvalidPartOrder");
    complete(&[(1, &two, "")]).refused(400, "InvalidPart");
    complete(&[(3, &one, "")]).refused(400, "InvalidPart");
    complete(&[(0, &one, "")]).refused(400, "InvalidArgument");
    complete(&[]).refused(400, "MalformedXML");
    let small = complete(&[(1, &one, ""), (2, &two, "")]).refused(400, "EntityTooSmall");
    assert_eq!(small.element("ProposedSize"), Some("5"));
    assert_eq!(small.element("MinSizeAllowed"), Some("5242880"));
    complete(&[(1, &one, "")]).header("x-amz-mp-object-size", "6").refused(400, "InvalidRequest");
    complete(&[(1, &one, "")]).header("if-match", "\"x\"").refused(404, "NoSuchKey");
    bench.put("k", b"here");
    complete(&[(1, &one, "")]).header("if-none-match", "*").refused(412, "PreconditionFailed");
    assert_eq!(bench.get("k").text(), "here");
    complete(&[(1, &one, "")]).header("x-amz-mp-object-size", "5").expect(200);
    assert_eq!(bench.get("k").text(), "small");
}

#[test]
fn uploads_belong_to_one_bucket_and_key() {
    let bench = Bench::with_bucket();
    bench.ask(Op::CreateBucket).bucket("c").expect(200);
    let id = begin(&bench, "k", &[]);
    part(&bench, "other", &id, 1, b"x").refused(404, "NoSuchUpload");
    bench
        .ask(Op::UploadPart)
        .bucket("c")
        .key("k")
        .query("uploadId", &id)
        .query("partNumber", "1")
        .refused(404, "NoSuchUpload");
    bench.on(Op::AbortMultipartUpload, "other").query("uploadId", &id).refused(404, "NoSuchUpload");
    for id in ["", "x", "x\0y", &"x".repeat(1000)] {
        part(&bench, "k", id, 1, b"x").refused(404, "NoSuchUpload");
    }
    part(&bench, "k", &id, 10_001, b"x").refused(400, "InvalidArgument");
}

#[test]
fn an_aborted_upload_leaves_nothing() {
    let mut bench = Bench::with_bucket();
    let id = begin(&bench, "k", &[]);
    part(&bench, "k", &id, 1, &noise(100_000)).expect(200);
    bench.on(Op::AbortMultipartUpload, "k").query("uploadId", &id).expect(204);
    bench.on(Op::AbortMultipartUpload, "k").query("uploadId", &id).refused(404, "NoSuchUpload");
    let id = begin(&bench, "k", &[]);
    part(&bench, "k", &id, 1, &noise(100_000)).expect(200);
    bench.ask(Op::DeleteBucket).bucket("b").expect(204); // an upload under way does not keep a bucket
    bench.reopen();
    assert!(bench.files().is_empty());
    bench.ask(Op::CreateBucket).bucket("b").expect(200);
    assert!(bench.ask(Op::ListMultipartUploads).bucket("b").expect(200).elements("Upload").is_empty());
}

#[test]
fn composite_and_full_object_checksums() {
    for (algorithm, kind) in [
        (Algorithm::Crc32, "COMPOSITE"),
        (Algorithm::Sha256, "COMPOSITE"),
        (Algorithm::Crc32, "FULL_OBJECT"),
        (Algorithm::Crc32c, "FULL_OBJECT"),
        (Algorithm::Crc64Nvme, "FULL_OBJECT"),
    ] {
        let bench = Bench::with_bucket();
        let id = begin(&bench, "k", &[("x-amz-checksum-algorithm", algorithm.name()), ("x-amz-checksum-type", kind)]);
        let body = noise(PART + 100);
        let bodies = [&body[..PART], &body[PART..]];
        let sums = bodies.map(|body| of(algorithm, body).as_bytes().to_vec());
        let etags: Vec<String> = (1..)
            .zip(bodies)
            .zip(&sums)
            .map(|((number, body), sum)| {
                let ask = part(&bench, "k", &id, number, body).header(algorithm.header(), &encode(sum));
                let answer = ask.expect(200);
                assert_eq!(answer.header(algorithm.header()), Some(encode(sum).as_str()));
                answer.etag()
            })
            .collect();
        let element = |sum: &[u8]| format!("<{0}>{1}</{0}>", algorithm.element(), encode(sum));
        let (first, second) = (element(&sums[0]), element(&sums[1]));
        let listed = [(1, etags[0].as_str(), first.as_str()), (2, etags[1].as_str(), second.as_str())];
        let expected = if kind == "COMPOSITE" {
            let mut hasher = Hasher::new(algorithm);
            sums.iter().for_each(|sum| hasher.update(sum));
            format!("{}-2", encode(hasher.finish().as_bytes()))
        } else {
            of(algorithm, &body).to_base64()
        };
        let wrong = [(1, etags[0].as_str(), second.as_str()), (2, etags[1].as_str(), second.as_str())];
        complete(&bench, "k", &id, &wrong).refused(400, "InvalidPart");
        complete(&bench, "k", &id, &listed)
            .header(algorithm.header(), &of(algorithm, b"other").to_base64())
            .refused(400, "BadDigest");
        if kind == "COMPOSITE" {
            let without = [(1, etags[0].as_str(), ""), listed[1]];
            complete(&bench, "k", &id, &without).refused(400, "InvalidRequest");
        }
        let done = complete(&bench, "k", &id, &listed).header("x-amz-checksum-type", kind).expect(200);
        assert_eq!(done.element(algorithm.element()), Some(expected.as_str()), "{algorithm:?} {kind}");
        let head = bench.on(Op::HeadObject, "k").header("x-amz-checksum-mode", "ENABLED").expect(200);
        assert_eq!(head.header(algorithm.header()), Some(expected.as_str()));
        assert_eq!(head.header("x-amz-checksum-type"), Some(kind));
        let got = bench.on(Op::GetObjectAttributes, "k").header("x-amz-object-attributes", "ObjectParts").expect(200);
        assert_eq!(got.element("PartsCount"), Some("2"));
        assert_eq!(got.elements("PartNumber").len(), if kind == "COMPOSITE" { 2 } else { 0 });
    }
}

#[test]
fn checksum_types_that_cannot_be() {
    let bench = Bench::with_bucket();
    for (algorithm, kind) in
        [("CRC64NVME", "COMPOSITE"), ("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT"), ("CRC32", "BOTH")]
    {
        bench
            .on(Op::CreateMultipartUpload, "k")
            .header("x-amz-checksum-algorithm", algorithm)
            .header("x-amz-checksum-type", kind)
            .refused(400, "InvalidRequest");
    }
    bench.on(Op::CreateMultipartUpload, "k").header("x-amz-checksum-type", "COMPOSITE").refused(400, "InvalidRequest");
    let id = begin(&bench, "k", &[("x-amz-checksum-algorithm", "SHA256")]);
    let value = of(Algorithm::Crc32, b"x").to_base64();
    part(&bench, "k", &id, 1, b"x").header("x-amz-checksum-crc32", &value).refused(400, "InvalidRequest");
}

#[test]
fn parts_can_be_copied_from_objects() {
    let bench = Bench::with_bucket();
    let body = noise(700_000);
    bench.put("from", &body);
    bench.put("small", b"0123456789");
    let id = begin(&bench, "k", &[]);
    let copy = |source: &str, range: Option<&str>| {
        let ask = bench.on(Op::UploadPartCopy, "k").source("b", source);
        let ask = ask.query("uploadId", &id).query("partNumber", "1");
        range.into_iter().fold(ask, |ask, range| ask.header("x-amz-copy-source-range", range))
    };
    for (source, range, expected) in [
        ("from", None, &body[..]),
        ("from", Some("bytes=1000-600000"), &body[1000..600_001]),
        ("small", Some("bytes=0-0"), b"0"),
        ("small", Some("bytes=3-9"), b"3456789"),
    ] {
        let answer = copy(source, range).expect(200);
        let etag = format!("&quot;{}&quot;", hex(of(Algorithm::Md5, expected).as_bytes()));
        assert_eq!(answer.element("ETag"), Some(etag.as_str()), "{source} {range:?}");
    }
    for range in ["bytes=3-10", "bytes=3-", "bytes=-3", "bytes=5-3", "3-4"] {
        copy("small", Some(range)).refused(400, "InvalidArgument");
    }
    copy("none", None).refused(404, "NoSuchKey");
    let etag = hex(of(Algorithm::Md5, b"3456789").as_bytes());
    complete(&bench, "k", &id, &[(1, &etag, "")]).expect(200);
    assert_eq!(bench.get("k").text(), "3456789");
}

#[test]
fn an_object_of_parts_is_copied_to_one_piece() {
    let bench = Bench::with_bucket();
    let id = begin(&bench, "from", &[]);
    let body = noise(PART + 50_000);
    let one = part(&bench, "from", &id, 1, &body[..PART]).expect(200).etag();
    let two = part(&bench, "from", &id, 2, &body[PART..]).expect(200).etag();
    complete(&bench, "from", &id, &[(1, &one, ""), (2, &two, "")]).expect(200);
    bench.on(Op::CopyObject, "to").source("b", "from").expect(200);
    let got = bench.get("to");
    assert!(got.body == body);
    assert_eq!(got.etag(), format!("\"{}\"", hex(of(Algorithm::Md5, &body).as_bytes())));
}

#[test]
fn parts_are_listed_page_by_page() {
    let bench = Bench::with_bucket();
    let id = begin(&bench, "k", &[("x-amz-checksum-algorithm", "CRC32")]);
    for number in [1, 2, 5] {
        part(&bench, "k", &id, number, b"x").expect(200);
    }
    let ask = || bench.on(Op::ListParts, "k").query("uploadId", &id);
    let all = ask().expect(200);
    assert_eq!(all.elements("PartNumber"), ["1", "2", "5"]);
    assert_eq!((all.element("IsTruncated"), all.element("ChecksumType")), (Some("false"), Some("COMPOSITE")));
    assert_eq!(all.elements("ChecksumCRC32").len(), 3);
    let page = ask().query("max-parts", "2").expect(200);
    assert_eq!(page.elements("PartNumber"), ["1", "2"]);
    assert_eq!((page.element("IsTruncated"), page.element("NextPartNumberMarker")), (Some("true"), Some("2")));
    let rest = ask().query("max-parts", "2").query("part-number-marker", "2").expect(200);
    assert_eq!(rest.elements("PartNumber"), ["5"]);
    assert!(ask().query("part-number-marker", "2147483647").expect(200).elements("PartNumber").is_empty());
    ask().query("part-number-marker", "x").refused(400, "InvalidArgument");
    bench.on(Op::ListParts, "k").query("uploadId", "none").refused(404, "NoSuchUpload");
}

#[test]
fn uploads_are_listed_page_by_page() {
    let bench = Bench::with_bucket();
    let mut begun = Vec::new();
    for key in ["a", "b/1", "b/2", "c", "c"] {
        begun.push((key.to_owned(), begin(&bench, key, &[])));
        bench.advance(10);
    }
    let list = |query: &[(&str, &str)]| {
        let ask = bench.ask(Op::ListMultipartUploads).bucket("b");
        query.iter().fold(ask, |ask, (name, value)| ask.query(name, value)).expect(200)
    };
    let pairs = |answer: &Answer| -> Vec<(String, String)> {
        let ids = answer.elements("UploadId").into_iter().map(str::to_owned);
        answer.elements("Key").into_iter().map(str::to_owned).zip(ids).collect()
    };
    assert_eq!(pairs(&list(&[])), begun);
    let folded = list(&[("delimiter", "/")]);
    assert_eq!(folded.elements("Key"), ["a", "c", "c"]);
    assert_eq!(folded.elements("CommonPrefixes"), ["<Prefix>b/</Prefix>"]);
    let mut joined = Vec::new();
    let (mut key, mut id) = (String::new(), String::new());
    loop {
        let page = list(&[("max-uploads", "1"), ("key-marker", &key), ("upload-id-marker", &id)]);
        joined.extend(pairs(&page));
        if page.element("IsTruncated") == Some("false") {
            break;
        }
        key = page.element("NextKeyMarker").unwrap().to_owned();
        id = page.element("NextUploadIdMarker").unwrap().to_owned();
    }
    assert_eq!(joined, begun);
    assert_eq!(pairs(&list(&[("key-marker", "b/2")])), begun[3..]);
}
