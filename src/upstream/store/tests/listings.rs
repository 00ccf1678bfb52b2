//! Listings: order, prefixes, delimiters, pages, encoding.

use super::*;
use Operation as Op;

const KEYS: [&str; 9] = ["a", "a b", "a!", "a/1", "a/2", "b/x/1", "b/y", "c+ü&", "ü"];

fn bench() -> Bench {
    let bench = Bench::with_bucket();
    bench.ask(Op::CreateBucket).bucket("b2").expect(200);
    bench.ask(Op::PutObject).bucket("b2").key("a").body(b"x").expect(200);
    for key in KEYS {
        bench.put(key, key.as_bytes());
    }
    bench
}

fn list<'a>(bench: &'a Bench, operation: Op, query: &[(&str, &str)]) -> Ask<'a> {
    query.iter().fold(bench.ask(operation).bucket("b"), |ask, (name, value)| ask.query(name, value))
}

/// Keys, then common prefixes.
fn names(answer: &Answer) -> (Vec<String>, Vec<String>) {
    let unescape = |text: &str| text.replace("&amp;", "&");
    let keys = answer.elements("Key").into_iter().map(unescape).collect();
    let prefixes = answer.elements("CommonPrefixes").into_iter();
    let inner = |text: &str| unescape(text.trim_start_matches("<Prefix>").trim_end_matches("</Prefix>"));
    (keys, prefixes.map(inner).collect())
}

#[test]
fn keys_come_in_byte_order_below_a_prefix_and_folded_at_a_delimiter() {
    let bench = bench();
    for (prefix, delimiter, keys, prefixes) in [
        ("", "", &KEYS[..], &[][..]),
        ("", "/", &["a", "a b", "a!", "c+ü&", "ü"], &["a/", "b/"]),
        ("a/", "/", &["a/1", "a/2"], &[]),
        ("b/", "/", &["b/y"], &["b/x/"]),
        ("b", "/", &[], &["b/"]),
        ("a", "", &["a", "a b", "a!", "a/1", "a/2"], &[]),
        ("", "ü", &["a", "a b", "a!", "a/1", "a/2", "b/x/1", "b/y"], &["c+ü", "ü"]),
        ("zzz", "/", &[], &[]),
        ("a\0", "", &[], &[]),
    ] {
        for operation in [Op::ListObjects, Op::ListObjectsV2, Op::ListObjectVersions] {
            let answer = list(&bench, operation, &[("prefix", prefix), ("delimiter", delimiter)]).expect(200);
            let expected = (
                keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>(),
                prefixes.iter().map(|prefix| (*prefix).to_owned()).collect::<Vec<_>>(),
            );
            assert_eq!(names(&answer), expected, "{operation:?} {prefix:?} {delimiter:?}");
            assert_eq!(answer.element("IsTruncated"), Some("false"));
        }
    }
}

#[test]
fn pages_join_to_the_whole_listing_whatever_their_size() {
    let bench = bench();
    for delimiter in ["", "/", "ü"] {
        let whole = names(&list(&bench, Op::ListObjectsV2, &[("delimiter", delimiter)]).expect(200));
        for size in ["1", "2", "3", "8", "9", "10"] {
            for operation in [Op::ListObjects, Op::ListObjectsV2, Op::ListObjectVersions] {
                let mut joined = (Vec::new(), Vec::new());
                let mut next: Vec<(&str, String)> = Vec::new();
                loop {
                    let ask = list(&bench, operation, &[("delimiter", delimiter), ("max-keys", size)]);
                    let answer = next.iter().fold(ask, |ask, (name, value)| ask.query(name, value)).expect(200);
                    let (keys, prefixes) = names(&answer);
                    assert!(keys.len() + prefixes.len() <= size.parse().unwrap());
                    let last_key = keys.last().cloned();
                    joined.0.extend(keys);
                    joined.1.extend(prefixes);
                    if answer.element("IsTruncated") == Some("false") {
                        break;
                    }
                    let element = |name| answer.element(name).unwrap().replace("&amp;", "&");
                    next = match operation {
                        Op::ListObjects if delimiter.is_empty() => vec![("marker", last_key.unwrap())],
                        Op::ListObjects => vec![("marker", element("NextMarker"))],
                        Op::ListObjectsV2 => vec![("continuation-token", element("NextContinuationToken"))],
                        _ => vec![("key-marker", element("NextKeyMarker"))],
                    };
                }
                assert_eq!(joined, whole, "{operation:?} {delimiter:?} {size}");
            }
        }
    }
}

#[test]
fn what_a_line_of_a_listing_says() {
    let bench = bench();
    let v1 = list(&bench, Op::ListObjects, &[("prefix", "a/1")]).expect(200);
    assert_eq!(
        v1.text(),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Marker></Marker>\
         <Prefix>a/1</Prefix><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Contents><Key>a/1</Key>\
         <LastModified>2026-03-14T09:26:53.000Z</LastModified><ETag>&quot;32beb559e02bd1930b8c4a8f7d3bdb54&quot;</ETag>\
         <ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>3</Size><Owner><ID>"
            .replace("32beb559e02bd1930b8c4a8f7d3bdb54", bench.get("a/1").etag().trim_matches('"'))
            + v1.element("ID").unwrap()
            + "</ID><DisplayName>111122223333</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>\
               </ListBucketResult>"
    );
    let v2 = list(&bench, Op::ListObjectsV2, &[("prefix", "a/1")]).expect(200);
    assert_eq!((v2.element("KeyCount"), v2.element("Owner")), (Some("1"), None));
    let v2 =
        list(&bench, Op::ListObjectsV2, &[("fetch-owner", "true"), ("delimiter", "/"), ("max-keys", "5")]).expect(200);
    assert!(v2.element("Owner").is_some());
    assert_eq!((v2.element("KeyCount"), v2.element("Delimiter")), (Some("5"), Some("/")));
    let versions = list(&bench, Op::ListObjectVersions, &[("prefix", "a/1")]).expect(200);
    assert_eq!((versions.element("VersionId"), versions.element("IsLatest")), (Some("null"), Some("true")));
}

#[test]
fn names_are_encoded_on_demand() {
    let bench = bench();
    let query = [("encoding-type", "url"), ("prefix", "c+"), ("delimiter", "&"), ("start-after", "c ")];
    let answer = list(&bench, Op::ListObjectsV2, &query).expect(200);
    assert_eq!(names(&answer).1, ["c%2B%C3%BC%26"]);
    assert_eq!(answer.element("Delimiter"), Some("%26"));
    assert_eq!(answer.element("StartAfter"), Some("c+"));
    assert_eq!(answer.element("EncodingType"), Some("url"));
    let answer = list(&bench, Op::ListObjects, &[("encoding-type", "url"), ("prefix", "a ")]).expect(200);
    assert_eq!(answer.element("Key"), Some("a+b"));
    list(&bench, Op::ListObjects, &[("encoding-type", "base64")]).refused(400, "InvalidArgument");
}

#[test]
fn limits_and_markers() {
    let bench = bench();
    let none = list(&bench, Op::ListObjectsV2, &[("max-keys", "0")]).expect(200);
    assert_eq!((none.element("KeyCount"), none.element("IsTruncated")), (Some("0"), Some("false")));
    let all = list(&bench, Op::ListObjectsV2, &[("max-keys", "5000")]).expect(200);
    assert_eq!(all.element("MaxKeys"), Some("1000"));
    for bad in ["-1", "x", "99999999999"] {
        let refused = list(&bench, Op::ListObjects, &[("max-keys", bad)]).refused(400, "InvalidArgument");
        assert_eq!(refused.element("ArgumentName"), Some("max-keys"));
    }
    for operation in [Op::ListObjects, Op::ListObjectsV2] {
        let name = if operation == Op::ListObjects { "marker" } else { "start-after" };
        for (marker, first) in [("", "a"), ("a", "a b"), ("a/", "a/1"), ("a/1", "a/2"), ("b", "b/x/1"), ("c", "c+ü&")]
        {
            let answer = list(&bench, operation, &[(name, marker)]).expect(200);
            assert_eq!(names(&answer).0[0], first, "after {marker:?}");
        }
        let folded = list(&bench, operation, &[(name, "a/"), ("delimiter", "/")]).expect(200);
        assert_eq!(names(&folded).1, ["b/"], "a common prefix that is the marker does not come again");
        assert!(names(&list(&bench, operation, &[(name, "zzzü")]).expect(200)).0 == ["ü"]);
    }
    for token in ["", "!!!", "eA"] {
        list(&bench, Op::ListObjectsV2, &[("continuation-token", token)]).refused(400, "InvalidArgument");
    }
    list(&bench, Op::ListObjectVersions, &[("version-id-marker", "null")]).refused(400, "InvalidArgument");
    let query = [("key-marker", "a"), ("version-id-marker", "null")];
    assert_eq!(names(&list(&bench, Op::ListObjectVersions, &query).expect(200)).0[0], "a b");
}

#[test]
fn a_thousand_keys_are_a_page() {
    let bench = Bench::with_bucket();
    let keys: Vec<String> = (0..1001).map(|number| format!("{number:04}")).collect();
    let store = bench.store.as_ref().unwrap();
    bench.runtime.block_on(async {
        for key in &keys {
            let forward = Forward {
                owners: crate::upstream::Owners::default(),
                operation: Op::PutObject,
                bucket: Some("b".into()),
                key: Some(key.clone()),
                account: ACCOUNT.into(),
                requester: None,
                ..probe()
            };
            store.serve(forward, Promise { length: 0, checksum: None }, Chunks::default()).await.unwrap();
        }
    });
    let first = list(&bench, Op::ListObjectsV2, &[]).expect(200);
    assert_eq!(names(&first).0, keys[..1000]);
    let token = first.element("NextContinuationToken").unwrap();
    assert_eq!(names(&list(&bench, Op::ListObjectsV2, &[("continuation-token", token)]).expect(200)).0, keys[1000..]);
}
