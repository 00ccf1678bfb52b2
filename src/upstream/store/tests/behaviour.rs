//! What S3 does, operation by operation.

use super::*;
use crate::s3::Code;
use crate::upstream::store::StoreError;
use crate::upstream::store::checksums::Algorithm;
use Operation as Op;

#[test]
fn an_object_comes_back_as_it_was_put() {
    let mut bench = Bench::with_bucket();
    for length in [0, 1, 1000, 32 << 10, (32 << 10) + 1, 256 << 10, 300_000, (1 << 20) + 7] {
        let body = noise(length);
        let put = bench.put("k", &body);
        bench.reopen();
        let got = bench.get("k");
        assert_eq!((got.status, got.body == body), (200, true), "{length}");
        assert_eq!(got.etag(), put.etag());
        assert_eq!(got.header("content-length"), Some(length.to_string().as_str()));
        assert_eq!(got.header("content-type"), Some("binary/octet-stream"));
        assert_eq!(got.header("accept-ranges"), Some("bytes"));
        assert_eq!(got.header("last-modified"), Some("Sat, 14 Mar 2026 09:26:53 GMT"));
        let head = bench.on(Op::HeadObject, "k").expect(200);
        assert_eq!(head.headers, got.headers);
        assert!(head.body.is_empty());
    }
    assert_eq!(bench.put("k", b"hello").etag(), "\"5d41402abc4b2a76b9719d911017c592\"");
}

#[test]
fn what_was_said_about_an_object_comes_back() {
    let bench = Bench::with_bucket();
    let said = [
        ("content-type", "text/plain"),
        ("cache-control", "no-cache"),
        ("content-disposition", "inline"),
        ("content-encoding", "gzip"),
        ("content-language", "de"),
        ("expires", "Sat, 14 Mar 2026 09:26:53 GMT"),
        ("x-amz-website-redirect-location", "/other"),
        ("x-amz-meta-colour", "red"),
        ("x-amz-meta-empty", ""),
    ];
    let ask = said.iter().fold(bench.on(Op::PutObject, "k").body(b"x"), |ask, (name, value)| ask.header(name, value));
    ask.header("x-amz-meta-list", "a").header("x-amz-meta-list", "b").header("x-amz-tagging", "a=1&b=").expect(200);
    let head = bench.on(Op::HeadObject, "k").expect(200);
    for (name, value) in said {
        assert_eq!(head.header(name), Some(value));
    }
    assert_eq!(head.header("x-amz-meta-list"), Some("a,b"));
    assert_eq!(head.header("x-amz-tagging-count"), Some("2"));
    let got = bench
        .on(Op::GetObject, "k")
        .query("response-content-type", "image/png")
        .query("response-cache-control", "private")
        .expect(200);
    assert_eq!(got.header("content-type"), Some("image/png"));
    assert_eq!(got.header("cache-control"), Some("private"));
}

#[test]
fn user_metadata_is_limited_to_two_kibibytes() {
    let bench = Bench::with_bucket();
    let put = |length: usize| bench.on(Op::PutObject, "k").header("x-amz-meta-ab", &"x".repeat(length)).body(b"x");
    put(2046).expect(200);
    put(2047).refused(400, "MetadataTooLarge");
}

#[test]
fn every_key_is_its_own_and_none_is_a_path() {
    let bench = Bench::with_bucket();
    bench.ask(Op::CreateBucket).bucket("c").expect(200);
    bench.ask(Op::PutObject).bucket("c").key("k").body(b"secret").expect(200);
    let long = "k".repeat(1024);
    let keys =
        ["a", "a/", "a//b", "a/b", "/a", ".", "..", "../c/k", "a/../b", "..%2fc/k", "ü", "\u{1}", " ", "+", &long];
    for key in keys {
        bench.put(key, key.as_bytes());
    }
    for key in keys {
        assert_eq!(bench.get(key).text(), key);
    }
    assert_eq!(bench.ask(Op::GetObject).bucket("c").key("k").expect(200).text(), "secret");
    for key in keys {
        bench.on(Op::DeleteObject, key).expect(204);
        bench.get(key).element("Code").unwrap();
    }
    bench.on(Op::GetObject, "k\0x").refused(400, "InvalidURI");
    bench.on(Op::GetObject, &"k".repeat(1025)).refused(400, "KeyTooLongError");
}

#[test]
fn ranges_and_parts_of_an_object() {
    let bench = Bench::with_bucket();
    let body = noise(600_000);
    bench.put("k", &body);
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299999", 100, 300_000),
        ("bytes=599999-", 599_999, 600_000),
        ("bytes=-700", 599_300, 600_000),
        ("bytes=5-9999999", 5, 600_000),
    ] {
        let got = bench.on(Op::GetObject, "k").header("range", range).expect(206);
        assert_eq!(got.body, body[from..to], "{range}");
        assert_eq!(got.header("content-range"), Some(format!("bytes {from}-{}/600000", to - 1).as_str()));
        assert_eq!(got.header("content-length"), Some((to - from).to_string().as_str()));
    }
    assert_eq!(bench.on(Op::GetObject, "k").header("range", "bytes=1-2,4-5").expect(200).body.len(), 600_000);
    let refused = bench.on(Op::GetObject, "k").header("range", "bytes=600000-").refused(416, "InvalidRange");
    assert_eq!(refused.element("ActualObjectSize"), Some("600000"));
    assert_eq!(refused.element("RangeRequested"), Some("bytes=600000-"));
    assert_eq!(bench.on(Op::HeadObject, "k").header("range", "bytes=600000-").expect(416).body.len(), 0);
    let got = bench.on(Op::GetObject, "k").query("partNumber", "1").expect(206);
    assert_eq!(got.header("content-range"), Some("bytes 0-599999/600000"));
    assert_eq!(got.header("x-amz-mp-parts-count"), None);
    bench.on(Op::GetObject, "k").query("partNumber", "2").refused(416, "InvalidPartNumber");
    bench.on(Op::GetObject, "k").query("partNumber", "0").refused(400, "InvalidArgument");
    bench.on(Op::GetObject, "k").query("partNumber", "1").header("range", "bytes=0-1").refused(400, "InvalidRequest");
}

#[test]
fn a_body_that_fails_leaves_nothing_and_its_fault_is_returned() {
    let mut bench = Bench::with_bucket();
    bench.put("k", b"before");
    for length in [1000, 1 << 20] {
        let fault = Fault::plain(Code::XAmzContentSHA256Mismatch, "test");
        let body = noise(length);
        let ask = bench.on(Op::PutObject, "k").failing_body(&body, length / 2, fault);
        assert_eq!(ask.try_send().unwrap_err().code(), Code::XAmzContentSHA256Mismatch);
        for promised in [length + 1, length - 1] {
            let ask = bench.on(Op::PutObject, "k").body(&body).promise(promised as u64);
            assert_eq!(ask.try_send().unwrap_err().code(), Code::IncompleteBody);
        }
    }
    assert_eq!(bench.get("k").text(), "before");
    bench.reopen();
    assert_eq!(bench.files(), Vec::<PathBuf>::new());
}

#[test]
fn more_than_five_gibibytes_are_refused_unread() {
    let bench = Bench::with_bucket();
    let refused = bench.on(Op::PutObject, "k").promise((5 << 30) + 1).refused(400, "EntityTooLarge");
    assert_eq!(refused.element("ProposedSize"), Some("5368709121"));
}

#[test]
fn checksums_are_stored_and_returned_on_demand_only() {
    let bench = Bench::with_bucket();
    let put = bench.put("k", b"hello world");
    assert_eq!(put.header("x-amz-checksum-crc64nvme"), Some("jSnVw/bqjr4="));
    assert_eq!(put.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
    assert_eq!(bench.get("k").header("x-amz-checksum-crc64nvme"), None);
    let enabled = |ask: Ask<'_>| ask.header("x-amz-checksum-mode", "ENABLED").send();
    let got = enabled(bench.on(Op::GetObject, "k"));
    assert_eq!(got.header("x-amz-checksum-crc64nvme"), Some("jSnVw/bqjr4="));
    assert_eq!(got.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
    let ranged = enabled(bench.on(Op::GetObject, "k").header("range", "bytes=0-3"));
    assert_eq!(ranged.header("x-amz-checksum-crc64nvme"), None, "it would not match what was sent");
    for algorithm in Algorithm::ALL {
        let value = crate::s3::checksum::of(algorithm, b"hello world").to_base64();
        let put = bench.on(Op::PutObject, "k").header(algorithm.header(), &value).body(b"hello world").expect(200);
        assert_eq!(put.header(algorithm.header()), Some(value.as_str()));
        let head = enabled(bench.on(Op::HeadObject, "k"));
        assert_eq!(head.header(algorithm.header()), Some(value.as_str()), "{algorithm:?}");
        assert!(bench.ask(Op::ListObjects).bucket("b").send().text().contains(algorithm.name()));
    }
}

#[test]
fn deleting_is_idempotent_and_frees_the_data() {
    let mut bench = Bench::with_bucket();
    bench.put("big", &noise(100_000));
    bench.put("small", b"x");
    bench.on(Op::DeleteObject, "big").query("versionId", "other").expect(204);
    bench.get("big").header("etag").unwrap();
    for _ in 0..2 {
        bench.on(Op::DeleteObject, "big").expect(204);
        bench.on(Op::DeleteObject, "small").query("versionId", "null").expect(204);
    }
    bench.get("big").element("Code").unwrap();
    bench.on(Op::GetObject, "big").refused(404, "NoSuchKey");
    assert!(bench.on(Op::HeadObject, "big").expect(404).body.is_empty());
    bench.reopen();
    assert_eq!(bench.files(), Vec::<PathBuf>::new());
}

#[test]
fn versions_that_do_not_exist() {
    let bench = Bench::with_bucket();
    bench.put("k", b"x");
    bench.on(Op::GetObject, "k").query("versionId", "null").expect(200);
    bench.on(Op::GetObject, "k").query("versionId", "abc").refused(404, "NoSuchVersion");
    bench.on(Op::GetObject, "none").query("versionId", "null").refused(404, "NoSuchVersion");
    bench.on(Op::GetObject, "k").query("versionId", "").refused(400, "InvalidArgument");
    bench.on(Op::DeleteObject, "k").query("versionId", "a b").refused(400, "InvalidArgument");
    bench.on(Op::GetObjectAcl, "k").query("versionId", "null").expect(200);
    bench.on(Op::GetObjectAcl, "k").query("versionId", "abc").refused(404, "NoSuchVersion");
}

#[test]
fn many_objects_are_deleted_at_once() {
    let bench = Bench::with_bucket();
    let etag = bench.put("a", b"1").etag();
    for key in ["b", "c&d", "e"] {
        bench.put(key, b"1");
    }
    let body = format!(
        "<Delete><Object><Key>a</Key><ETag>{}</ETag></Object><Object><Key>b</Key><ETag>\"no\"</ETag></Object>\
         <Object><Key>c&amp;d</Key><VersionId>null</VersionId></Object><Object><Key>gone</Key></Object>\
         <Object><Key>e</Key><VersionId>unknown</VersionId></Object></Delete>",
        etag.replace('"', "&quot;")
    );
    let answer = bench.ask(Op::DeleteObjects).bucket("b").body(body.as_bytes()).expect(200);
    assert_eq!(answer.elements("Deleted").len(), 3, "{}", answer.text());
    assert_eq!(answer.elements("Code"), ["PreconditionFailed", "NoSuchVersion"]);
    assert!(answer.text().contains("<Deleted><Key>c&amp;d</Key><VersionId>null</VersionId></Deleted>"));
    let left = bench.ask(Op::ListObjects).bucket("b").expect(200);
    assert_eq!(left.elements("Key"), ["b", "e"]);

    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>";
    let answer = bench.ask(Op::DeleteObjects).bucket("b").body(quiet.as_bytes()).expect(200);
    assert!(answer.elements("Deleted").is_empty());
    let thousand = "<Object><Key>x</Key></Object>".repeat(1000);
    let ask = |objects: String| {
        bench.ask(Op::DeleteObjects).bucket("b").body(format!("<Delete>{objects}</Delete>").as_bytes())
    };
    assert_eq!(ask(thousand.clone()).expect(200).elements("Deleted").len(), 1000);
    ask(thousand + "<Object><Key>y</Key></Object>").refused(400, "MalformedXML");
    ask(String::new()).refused(400, "MalformedXML");
    bench.ask(Op::DeleteObjects).bucket("b").body(&vec![b' '; 5 << 20]).refused(400, "MaxMessageLengthExceeded");
}

#[test]
fn a_deletion_under_a_condition_that_is_not_kept_deletes_nothing() {
    let bench = Bench::with_bucket();
    for condition in ["<Size>7</Size>", "<LastModifiedTime>Sat, 14 Mar 2026 09:26:52 GMT</LastModifiedTime>"] {
        bench.put("k", b"1");
        let body = format!("<Delete><Object><Key>k</Key>{condition}</Object></Delete>");
        let answer = bench.ask(Op::DeleteObjects).bucket("b").body(body.as_bytes()).expect(200);
        assert_eq!((answer.elements("Code"), answer.elements("Deleted").len()), (vec!["NotImplemented"], 0));
        bench.on(Op::HeadObject, "k").expect(200);
    }
}

#[test]
fn a_bucket_has_the_tags_it_is_made_with() {
    let bench = Bench::new();
    let tagged = |tags: &str| format!("<CreateBucketConfiguration><Tags>{tags}</Tags></CreateBucketConfiguration>");
    let tag = |key: &str| format!("<Tag><Key>{key}</Key><Value>v</Value></Tag>");
    let make = |tags: &str| bench.ask(Op::CreateBucket).bucket("b").body(tagged(tags).as_bytes());
    make(&tag("aws:mine")).refused(400, "InvalidTag");
    make(&(0..51).map(|at| tag(&at.to_string())).collect::<String>()).refused(400, "BadRequest");
    make(&tag("team")).expect(200);
    let tags = bench.ask(Op::GetBucketTagging).bucket("b").expect(200);
    assert_eq!((tags.element("Key"), tags.element("Value")), (Some("team"), Some("v")));
}

#[test]
fn buckets_come_and_go() {
    let bench = Bench::new();
    let made = bench.ask(Op::CreateBucket).bucket("one").expect(200);
    assert_eq!(made.header("location"), Some("/one"));
    bench.ask(Op::CreateBucket).bucket("one").expect(200);
    bench.ask(Op::CreateBucket).bucket("one").account("444455556666").refused(409, "BucketAlreadyExists");
    let head = bench.ask(Op::HeadBucket).bucket("one").expect(200);
    assert_eq!(head.header("x-amz-bucket-region"), Some("us-east-1"));
    let missing = bench.ask(Op::HeadBucket).bucket("two").expect(404);
    assert_eq!((missing.header("x-amz-bucket-region"), missing.body.len()), (Some("us-east-1"), 0));
    bench.ask(Op::PutObject).bucket("one").key("k").body(b"x").expect(200);
    bench.ask(Op::DeleteBucket).bucket("one").refused(409, "BucketNotEmpty");
    bench.ask(Op::DeleteObject).bucket("one").key("k").expect(204);
    bench.ask(Op::DeleteBucket).bucket("one").expect(204);
    bench.ask(Op::DeleteBucket).bucket("one").refused(404, "NoSuchBucket");
    let answer = bench.ask(Op::PutObject).bucket("one").key("k").body(b"x").refused(404, "NoSuchBucket");
    assert_eq!(answer.element("BucketName"), Some("one"));
    bench.ask(Op::PutObject).bucket("one").key("k").body(&noise(50_000)).refused(404, "NoSuchBucket");
    bench.ask(Op::ListObjectsV2).bucket("one").refused(404, "NoSuchBucket");
    bench.ask(Op::GetBucketLocation).bucket("one").refused(404, "NoSuchBucket");
}

#[test]
fn a_bucket_is_made_in_the_stores_region_only() {
    let located = |region: &str| {
        format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )
    };
    for nonsense in ["foo", "eu-west-1-", "a/b", "mars-west-1"] {
        let answer = Bench::in_region("us-east-1")
            .ask(Op::CreateBucket)
            .bucket("b")
            .body(located(nonsense).as_bytes())
            .expect(400);
        let told = (answer.element("Code"), answer.element("LocationConstraint"));
        assert_eq!(told, (Some("InvalidLocationConstraint"), Some(nonsense)));
    }
    for (home, asked, status) in [
        ("us-east-1", None, 200),
        ("us-east-1", Some("us-east-1"), 200),
        ("us-east-1", Some("eu-west-1"), 400),
        ("us-east-1", Some("EU"), 400),
        ("eu-west-1", None, 400),
        ("eu-west-1", Some("eu-west-1"), 200),
        ("eu-west-1", Some("EU"), 200),
        ("eu-west-1", Some("us-east-1"), 400),
    ] {
        let bench = Bench::in_region(home);
        let body = asked.map(located).unwrap_or_default();
        let answer = bench.ask(Op::CreateBucket).bucket("b").body(body.as_bytes()).expect(status);
        if status == 400 {
            assert_eq!(answer.element("Code"), Some("IllegalLocationConstraintException"));
        } else {
            let location = bench.ask(Op::GetBucketLocation).bucket("b").expect(200).text();
            let expected = if home == "us-east-1" { "" } else { home };
            assert!(location.ends_with(&format!("2006-03-01/\">{expected}</LocationConstraint>")), "{location}");
        }
    }
    let bench = Bench::in_region("eu-west-1");
    let body = located("eu-west-1");
    bench.ask(Op::CreateBucket).bucket("b").body(body.as_bytes()).expect(200);
    bench.ask(Op::CreateBucket).bucket("b").body(body.as_bytes()).refused(409, "BucketAlreadyOwnedByYou");
    bench.ask(Op::CreateBucket).bucket("c").body(b"<Nonsense/>").refused(400, "MalformedXML");
}

#[test]
fn an_account_lists_its_own_buckets_page_by_page() {
    let bench = Bench::new();
    for name in ["alpha", "beta", "beta2", "gamma"] {
        bench.ask(Op::CreateBucket).bucket(name).expect(200);
    }
    bench.ask(Op::CreateBucket).bucket("beta1").account("444455556666").expect(200);
    let names = |ask: Ask<'_>| {
        let answer = ask.expect(200);
        let token = answer.element("ContinuationToken").map(str::to_owned);
        (answer.elements("Name").join(","), token)
    };
    assert_eq!(names(bench.ask(Op::ListBuckets)).0, "alpha,beta,beta2,gamma");
    assert_eq!(names(bench.ask(Op::ListBuckets).query("prefix", "beta")).0, "beta,beta2");
    assert_eq!(names(bench.ask(Op::ListBuckets).query("bucket-region", "eu-west-1")).0, "");
    let (page, token) = names(bench.ask(Op::ListBuckets).query("max-buckets", "3"));
    assert_eq!(page, "alpha,beta,beta2");
    let rest = bench.ask(Op::ListBuckets).query("max-buckets", "3").query("continuation-token", &token.unwrap());
    assert_eq!(names(rest), ("gamma".into(), None));
    assert!(
        bench.ask(Op::ListBuckets).expect(200).text().contains("<CreationDate>2026-03-14T09:26:53.000Z</CreationDate>")
    );
}

#[test]
fn whoever_expects_another_owner_is_refused() {
    let bench = Bench::with_bucket();
    bench.put("k", b"x");
    for operation in [Op::GetObject, Op::PutObject, Op::DeleteObject, Op::GetObjectTagging, Op::CreateMultipartUpload] {
        let ask = || bench.on(operation, "k");
        ask().header("x-amz-expected-bucket-owner", "444455556666").refused(403, "AccessDenied");
        let fine = ask().header("x-amz-expected-bucket-owner", ACCOUNT).send();
        assert!(fine.status < 300, "{operation:?}");
        bench.put("k", b"x");
    }
}

#[test]
fn tags_of_objects_and_buckets() {
    let bench = Bench::with_bucket();
    bench.on(Op::PutObject, "k").header("x-amz-tagging", "a=1&b%20c=x%2By").body(b"x").expect(200);
    let got = bench.on(Op::GetObjectTagging, "k").expect(200);
    assert!(got.text().contains("<Tag><Key>b c</Key><Value>x+y</Value></Tag>"), "{}", got.text());
    let document = b"<Tagging><TagSet><Tag><Key>d</Key><Value></Value></Tag></TagSet></Tagging>";
    let etag = bench.get("k").etag();
    bench.on(Op::PutObjectTagging, "k").body(document).expect(200);
    assert_eq!(bench.on(Op::GetObjectTagging, "k").expect(200).elements("Key"), ["d"]);
    assert_eq!(bench.get("k").etag(), etag);
    bench.on(Op::DeleteObjectTagging, "k").expect(204);
    assert!(bench.on(Op::GetObjectTagging, "k").expect(200).elements("Key").is_empty());
    bench.on(Op::GetObjectTagging, "none").refused(404, "NoSuchKey");
    bench.on(Op::PutObjectTagging, "none").body(document).refused(404, "NoSuchKey");
    bench.on(Op::PutObject, "k").header("x-amz-tagging", "a=1&a=2").refused(400, "InvalidArgument");
    bench.on(Op::PutObject, "k").header("x-amz-tagging", "aws:a=1").refused(400, "InvalidTag");

    bench.ask(Op::GetBucketTagging).bucket("b").refused(404, "NoSuchTagSet");
    bench.ask(Op::PutBucketTagging).bucket("b").body(document).expect(204);
    assert_eq!(bench.ask(Op::GetBucketTagging).bucket("b").expect(200).elements("Key"), ["d"]);
    bench.ask(Op::DeleteBucketTagging).bucket("b").expect(204);
    bench.ask(Op::GetBucketTagging).bucket("b").refused(404, "NoSuchTagSet");
}

#[test]
fn settings_that_are_not_there_say_so_as_s3_does() {
    let bench = Bench::with_bucket();
    bench.put("k", b"x");
    for (operation, code) in [
        (Op::GetBucketPolicy, "NoSuchBucketPolicy"),
        (Op::GetBucketLifecycleConfiguration, "NoSuchLifecycleConfiguration"),
        (Op::GetBucketCors, "NoSuchCORSConfiguration"),
        (Op::GetBucketWebsite, "NoSuchWebsiteConfiguration"),
        (Op::GetPublicAccessBlock, "NoSuchPublicAccessBlockConfiguration"),
        (Op::GetBucketOwnershipControls, "OwnershipControlsNotFoundError"),
        (Op::GetObjectLockConfiguration, "ObjectLockConfigurationNotFoundError"),
    ] {
        bench.ask(operation).bucket("b").refused(404, code);
        bench.ask(operation).bucket("none").refused(404, "NoSuchBucket");
    }
    let versioning = bench.ask(Op::GetBucketVersioning).bucket("b").expect(200);
    assert!(versioning.text().contains("<VersioningConfiguration xmlns"));
    assert!(!versioning.text().contains("Status"));
    for operation in [Op::PutBucketVersioning, Op::GetBucketEncryption, Op::PutBucketPolicy] {
        let answer = bench.ask(operation).bucket("b").refused(501, "NotImplemented");
        assert!(answer.element("Message").unwrap().contains(&format!("{operation:?}")));
    }
    for ask in [bench.ask(Op::GetBucketAcl).bucket("b"), bench.on(Op::GetObjectAcl, "k")] {
        let acl = ask.expect(200);
        assert_eq!(acl.element("Permission"), Some("FULL_CONTROL"));
        assert_eq!(acl.elements("ID")[0], acl.elements("ID")[1]);
        assert_eq!(acl.element("ID").unwrap().len(), 64);
    }
    bench.on(Op::GetObjectAcl, "none").refused(404, "NoSuchKey");
}

#[test]
fn what_the_store_cannot_keep_is_refused_and_not_dropped() {
    let bench = Bench::with_bucket();
    for (name, value, status, code) in [
        ("x-amz-server-side-encryption-customer-algorithm", "AES256", 400, "InvalidArgument"),
        ("x-amz-server-side-encryption-customer-key", "AAAA", 400, "InvalidArgument"),
        ("x-amz-storage-class", "GLACIER", 400, "InvalidStorageClass"),
        ("x-amz-acl", "public-read", 400, "AccessControlListNotSupported"),
        ("x-amz-grant-read", "id=x", 400, "AccessControlListNotSupported"),
        ("x-amz-object-lock-mode", "GOVERNANCE", 400, "InvalidRequest"),
        ("x-amz-write-offset-bytes", "0", 501, "NotImplemented"),
        ("if-none-match", "\"abc\"", 501, "NotImplemented"),
    ] {
        bench.on(Op::PutObject, "k").header(name, value).body(b"x").refused(status, code);
    }
    for (name, value) in [("x-amz-storage-class", "STANDARD"), ("x-amz-acl", "bucket-owner-full-control")] {
        bench.on(Op::PutObject, "k").header(name, value).body(b"x").expect(200);
    }
}

#[test]
fn attributes_of_an_object() {
    let bench = Bench::with_bucket();
    let etag = bench.put("k", b"hello world").etag();
    let all = "ETag,Checksum, ObjectParts,StorageClass,ObjectSize";
    let got = bench.on(Op::GetObjectAttributes, "k").header("x-amz-object-attributes", all).expect(200);
    assert_eq!(got.element("ETag"), Some(etag.trim_matches('"')));
    assert_eq!(got.element("ChecksumCRC64NVME"), Some("jSnVw/bqjr4="));
    assert_eq!(got.element("ChecksumType"), Some("FULL_OBJECT"));
    assert_eq!(got.element("ObjectSize"), Some("11"));
    assert_eq!(got.element("ObjectParts"), None);
    let some = bench.on(Op::GetObjectAttributes, "k").header("x-amz-object-attributes", "ObjectSize").expect(200);
    assert_eq!((some.element("ETag"), some.element("ObjectSize")), (None, Some("11")));
    bench.on(Op::GetObjectAttributes, "k").header("x-amz-object-attributes", "Colour").refused(400, "InvalidArgument");
    bench.on(Op::GetObjectAttributes, "none").header("x-amz-object-attributes", all).refused(404, "NoSuchKey");
}

#[test]
fn one_folder_takes_one_store() {
    let bench = Bench::new();
    let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
    let second = Store::open(&bench.dir, Settings::new("us-east-1", clock));
    assert!(matches!(second, Err(StoreError::Index(_))));
}

#[cfg(unix)]
#[test]
fn nobody_else_may_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with_bucket();
    bench.put("k", &noise(100_000));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&bench.dir), 0o700);
    assert_eq!(mode(&bench.files()[0]), 0o600);
}
