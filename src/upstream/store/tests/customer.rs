//! Keys that clients keep (SSE-C).

use super::super::checksums::{self, hex};
use super::*;
use crate::s3::checksum;
use Operation as Op;

const ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
const KEY: &str = "x-amz-server-side-encryption-customer-key";
const MD5: &str = "x-amz-server-side-encryption-customer-key-md5";
const FROM: [&str; 3] = [
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-copy-source-server-side-encryption-customer-key-md5",
];

/// The three headers about a key of 32 equal octets.
fn of(octet: u8) -> [String; 3] {
    use md5::Digest as _;
    let key = [octet; 32];
    ["AES256".to_owned(), BASE64.encode(key), BASE64.encode(md5::Md5::digest(key))]
}

fn with(ask: Ask<'_>, octet: u8) -> Ask<'_> {
    let [algorithm, key, md5] = of(octet);
    ask.header(ALGORITHM, &algorithm).header(KEY, &key).header(MD5, &md5)
}

fn from(ask: Ask<'_>, octet: u8) -> Ask<'_> {
    FROM.iter().zip(of(octet)).fold(ask, |ask, (name, value)| ask.header(name, &value))
}

#[test]
fn only_the_client_s_key_opens_what_it_has_sealed() {
    let mut bench = Bench::with_bucket();
    for (name, body) in [("small", b"<<the plaintext>>".to_vec()), ("large", noise(300_000)), ("empty", Vec::new())] {
        let put = with(bench.on(Op::PutObject, name), 1).body(&body).expect(200);
        assert_eq!((put.header(ALGORITHM), put.header(MD5)), (Some("AES256"), Some(of(1)[2].as_str())));
        assert_eq!((put.header(KEY), put.header("x-amz-server-side-encryption")), (None, None));
        let md5 = format!("\"{}\"", hex(checksum::of(checksums::Algorithm::Md5, &body).as_bytes()));
        assert_ne!(put.etag(), md5, "a tag tells nothing of the data");
        bench.reopen();
        let got = with(bench.on(Op::GetObject, name), 1).expect(200);
        assert!(got.body == body);
        assert_eq!((got.header(ALGORITHM), got.header(MD5)), (Some("AES256"), Some(of(1)[2].as_str())));
        with(bench.on(Op::HeadObject, name), 1).expect(200);
        for operation in [Op::GetObject, Op::HeadObject, Op::GetObjectAttributes] {
            let ask = || bench.on(operation, name).header("x-amz-object-attributes", "ETag");
            let [without, wrong] = [ask().expect(400), with(ask(), 2).expect(403)];
            if operation != Op::HeadObject {
                assert_eq!(without.element("Code"), Some("InvalidRequest"));
                let message = "The object was stored using a form of Server Side Encryption. The correct parameters must \
                    be provided to retrieve the object.";
                assert_eq!(without.element("Message"), Some(message));
                assert_eq!(wrong.element("Code"), Some("AccessDenied"));
            }
        }
        let [algorithm, key, _] = of(1);
        bench.on(Op::GetObject, name).header(ALGORITHM, &algorithm).header(KEY, &key).refused(403, "AccessDenied");
    }
    assert_eq!(
        &with(bench.on(Op::GetObject, "large"), 1).header("range", "bytes=70000-70009").expect(206).body[..],
        &noise(300_000)[70_000..70_010]
    );
    let disk: Vec<u8> = bench.files().iter().flat_map(|path| std::fs::read(path).unwrap()).collect();
    for secret in [b"<<the plaintext>>".to_vec(), vec![1; 32], of(1)[1].clone().into_bytes()] {
        assert!(!disk.windows(secret.len()).any(|window| window == secret));
    }
    bench.on(Op::DeleteObject, "small").expect(204);
}

#[test]
fn a_key_for_what_needs_none_is_refused() {
    let bench = Bench::with_bucket();
    bench.put("k", b"x");
    for ask in [bench.on(Op::GetObject, "k"), bench.on(Op::GetObjectAttributes, "k")] {
        let answer = with(ask, 1).header("x-amz-object-attributes", "ETag").refused(400, "InvalidRequest");
        assert_eq!(answer.element("Message"), Some("The encryption parameters are not applicable to this object."));
    }
    from(bench.on(Op::CopyObject, "l"), 1).source("b", "k").refused(400, "InvalidRequest");
    let both = with(bench.on(Op::PutObject, "k"), 1).header("x-amz-server-side-encryption", "AES256");
    both.body(b"x").refused(400, "InvalidArgument");
}

#[test]
fn copies_need_the_key_of_the_source_and_keep_none_of_it() {
    let bench = Bench::with_bucket();
    let body = noise(100_000);
    with(bench.on(Op::PutObject, "from"), 1).body(&body).expect(200);
    let copy = || bench.on(Op::CopyObject, "to").source("b", "from");
    copy().refused(400, "InvalidRequest");
    from(copy(), 2).refused(403, "AccessDenied");
    from(copy(), 1).expect(200);
    assert!(bench.get("to").body == body, "under the store's own key");
    let copied = with(from(copy(), 1), 3).expect(200);
    assert_eq!(copied.header(MD5), Some(of(3)[2].as_str()));
    assert!(with(bench.on(Op::GetObject, "to"), 3).expect(200).body == body);
    with(bench.on(Op::GetObject, "to"), 1).refused(403, "AccessDenied");
    // The same key, so that octets could be shared: they are not, the name is bound.
    with(from(copy(), 1), 1).expect(200);
    assert!(with(bench.on(Op::GetObject, "to"), 1).expect(200).body == body);
}

#[test]
fn each_part_brings_the_key_that_the_upload_began_with() {
    let bench = Bench::with_bucket();
    let body = noise(5 << 20);
    let created = with(bench.on(Op::CreateMultipartUpload, "k"), 1).expect(200);
    assert_eq!(created.header(MD5), Some(of(1)[2].as_str()));
    let id = created.element("UploadId").unwrap();
    let part = |number: &'static str| bench.on(Op::UploadPart, "k").query("partNumber", number).query("uploadId", id);
    let message = |answer: Answer| answer.element("Message").unwrap().to_owned();
    let missing = message(part("1").body(&body).refused(400, "InvalidRequest"));
    assert!(missing.starts_with("The multipart upload initiate requested encryption."), "{missing}");
    let wrong = message(with(part("1"), 2).body(&body).refused(400, "InvalidRequest"));
    assert_eq!(wrong, "The provided encryption parameters did not match the ones used originally.");
    let one = with(part("1"), 1).body(&body).expect(200);
    with(bench.on(Op::PutObject, "from"), 4).body(b"tail").expect(200);
    let copy = || bench.on(Op::UploadPartCopy, "k").query("partNumber", "2").query("uploadId", id).source("b", "from");
    with(copy(), 1).refused(400, "InvalidRequest");
    let two = with(from(copy(), 4), 1).expect(200);
    let etag = two.element("ETag").unwrap().replace("&quot;", "\"");
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part><Part><PartNumber>2</PartNumber>\
         <ETag>{etag}</ETag></Part></CompleteMultipartUpload>",
        one.etag()
    );
    let complete = || bench.on(Op::CompleteMultipartUpload, "k").query("uploadId", id).body(list.as_bytes());
    let wrong = message(with(complete(), 2).refused(400, "InvalidRequest"));
    assert_eq!(wrong, "The provided encryption parameters did not match the ones used originally.");
    complete().expect(200);
    let got = with(bench.on(Op::GetObject, "k"), 1).expect(200);
    assert!(got.body == [body.as_slice(), b"tail"].concat());
    let open = bench.on(Op::CreateMultipartUpload, "k").expect(200);
    let id = open.element("UploadId").unwrap();
    let ask = bench.on(Op::UploadPart, "k").query("partNumber", "1").query("uploadId", id);
    let needless = message(with(ask, 1).body(b"x").refused(400, "InvalidRequest"));
    assert!(needless.starts_with("The multipart upload initiate requested encryption."), "{needless}");
    let ask = bench.on(Op::CompleteMultipartUpload, "k").query("uploadId", id).body(list.as_bytes());
    let needless = message(with(ask, 1).refused(400, "InvalidRequest"));
    assert!(needless.starts_with("The multipart upload initiate requested encryption."), "{needless}");
}
