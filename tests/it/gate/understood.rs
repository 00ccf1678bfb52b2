//! What a store does not know it takes for something else, or for nothing: it must not hear of it.

use bartizan::s3::checksum::{Algorithm, of};

use super::{Ask, Gate, Script};

fn before(store: &Script, profile: &str, said: &str, policy: Option<&str>) -> Gate {
    let kind = format!("profile = \"{profile}\"\n{said}");
    let upstream = store.upstream("us-east-1").replace("profile = \"minio\"", &kind);
    let files = policy.map(|policy| ("policies/buckets/bucket/policy.json", policy));
    Gate::launch("", &format!("[upstream]\n{upstream}"), files.as_slice()).unwrap_or_else(|told| panic!("{told}"))
}

/// Every request goes on before the first profiles; before the others it is refused, and the store hears nothing.
fn goes_on(cases: &[(&[&str], &[&str], Ask)]) {
    let store = Script::ok();
    for profile in ["aws", "minio", "ceph", "garage"] {
        let gate = before(&store, profile, "", None);
        for (known, unknown, ask) in cases {
            let heard = store.seen().len();
            let reply = gate.send(ask);
            let what = format!("{profile} {} {}: {reply:?}", ask.method, ask.target);
            if known.contains(&profile) {
                assert!(store.seen().len() > heard && reply.status != 501, "{what}");
            }
            if unknown.contains(&profile) {
                assert_eq!((reply.status, store.seen().len()), (501, heard), "{what}");
            }
        }
    }
}

fn document(target: &str, text: &str) -> Ask {
    let body = text.as_bytes().to_vec();
    let md5 = of(Algorithm::Md5, &body).to_base64();
    Ask { body, ..Ask::new("PUT", target) }.header("content-md5", &md5)
}

/// radosgw keeps locks and tags of a plain upload alone; nobody but S3 knows holds that end with an event.
#[test]
fn locks_and_tags_that_would_be_forgotten_are_refused() {
    let until = ("x-amz-object-lock-retain-until-date", "2040-01-01T00:00:00Z");
    let locked = |ask: Ask| ask.header("x-amz-object-lock-mode", "GOVERNANCE").header(until.0, until.1);
    let begin = || Ask::new("POST", "/bucket/k?uploads=");
    let copy = || Ask::new("PUT", "/bucket/k").header("x-amz-copy-source", "/bucket/s");
    let replaced = || copy().header("x-amz-tagging-directive", "REPLACE");
    let put = || Ask::put("/bucket/k", b"data");
    let all: &[&str] = &["aws", "minio", "ceph"];
    goes_on(&[
        (all, &["garage"], locked(put())),
        (all, &["garage"], put().header("x-amz-tagging", "a=b")),
        (&["aws", "minio"], &["ceph", "garage"], locked(begin())),
        (&["aws", "minio"], &["ceph", "garage"], begin().header("x-amz-tagging", "a=b")),
        (&["aws", "minio"], &["ceph", "garage"], begin().header("x-amz-object-lock-legal-hold", "ON")),
        (&["aws", "minio"], &["ceph", "garage"], replaced().header("x-amz-tagging", "a=b")),
        (&["aws", "minio", "garage"], &["ceph"], replaced()),
        (&["aws", "minio", "ceph", "garage"], &[], copy().header("x-amz-tagging-directive", "COPY")),
        (&[], &["minio", "ceph", "garage"], put().header("x-amz-object-lock-event-hold", "ON")),
    ]);
    let store = Script::ok();
    let vouched = before(&store, "ceph", "operations = [\"PutObjectTagging\"]", None);
    vouched.send(&begin().header("x-amz-tagging", "a=b"));
    assert_eq!(store.seen().len(), 1, "the operator says that it does");
}

/// A filter that a store leaves out takes every object, and a rule that it leaves out is none.
#[test]
fn elements_that_would_be_left_out_are_refused() {
    let lifecycle = |rule: &str| {
        document(
            "/bucket?lifecycle=",
            &format!(
                "<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status>{rule}<Expiration><Days>1</Days>\
                 </Expiration></Rule></LifecycleConfiguration>"
            ),
        )
    };
    let versioning = |more: &str| {
        document(
            "/bucket?versioning=",
            &format!("<VersioningConfiguration><Status>Enabled</Status>{more}</VersioningConfiguration>"),
        )
    };
    let made =
        |more: &str| document("/new-bucket", &format!("<CreateBucketConfiguration>{more}</CreateBucketConfiguration>"));
    let lock = |more: &str| {
        let text = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                    <Mode>GOVERNANCE</Mode><Days>1</Days>"
            .to_owned();
        document("/bucket?object-lock=", &(text + more + "</DefaultRetention></Rule></ObjectLockConfiguration>"))
    };
    goes_on(&[
        (&["aws", "minio", "ceph", "garage"], &[], lifecycle("<Filter><Prefix>a/</Prefix></Filter>")),
        (
            &["aws", "minio", "garage"],
            &["ceph"],
            lifecycle("<Filter><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></Filter>"),
        ),
        (
            &["aws", "minio"],
            &["ceph"],
            lifecycle("<Filter><And><Prefix>a</Prefix><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>"),
        ),
        (&["aws", "minio"], &["ceph", "garage"], lifecycle("<Filter><Nonsense>9</Nonsense></Filter>")),
        (&["aws", "minio", "ceph"], &["garage"], lifecycle("<Filter><Tag><Key>a</Key><Value>b</Value></Tag></Filter>")),
        (&["aws", "minio", "ceph"], &["garage"], lifecycle("<Prefix>a</Prefix>")),
        (&["aws", "minio", "ceph"], &["garage"], versioning("")),
        (&[], &["minio"], versioning("<MfaDelete>Enabled</MfaDelete>")),
        (&[], &["minio", "ceph"], versioning("<ExcludedPrefixes><Prefix>a</Prefix></ExcludedPrefixes>")),
        (&["aws", "minio", "ceph"], &["garage"], lock("")),
        (&[], &["minio", "ceph"], lock("<DefaultEventHold>ON</DefaultEventHold>")),
        (&[], &["minio", "ceph", "garage"], made("<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>")),
        (&[], &["garage"], document("/bucket?website=", "<WebsiteConfiguration/>")),
    ]);
}

/// MinIO takes an empty condition for none; metadata is none.
#[test]
fn conditions_that_nobody_can_read_are_not_kept() {
    let put = || Ask::put("/bucket/k", b"data");
    let all: &[&str] = &["aws", "minio", "ceph", "garage"];
    goes_on(&[
        (&[], &["minio", "ceph", "garage"], put().header("if-match", "")),
        (&[], &["minio", "ceph"], put().header("if-none-match", "\"*\"")),
        (all, &[], put().header("x-amz-meta-what-if-model", "1")),
        (all, &[], put().header("x-amz-meta-the-source-if-any", "")),
    ]);
}

/// MinIO takes a date that it cannot read for no condition, radosgw all conditions of a source: so they are kept here.
#[test]
fn conditions_on_the_source_of_a_copy_hold_before_every_store() {
    const OLD: &str = "Wed, 14 Mar 2001 09:26:52 GMT";
    let store = Script::answering(
        "HTTP/1.1 200 OK\r\netag: \"abc\"\r\nlast-modified: Sat, 14 Mar 2026 09:26:52 GMT\r\ncontent-length: 0\r\n\r\n",
    );
    let sent = |conditions: &[(&'static str, &str)], gate: &Gate| {
        let copy = Ask::new("PUT", "/bucket/k").header("x-amz-copy-source", "/bucket/s");
        let ask = conditions.iter().fold(copy, |ask, (name, value)| ask.header(name, value));
        let reply = gate.send(&ask);
        let put = store.seen().last().is_some_and(|seen| seen.head.starts_with("PUT "));
        assert!(put || reply.status == 412, "{conditions:?}: {reply:?}");
        put
    };
    let (same, none) = ("x-amz-copy-source-if-match", "x-amz-copy-source-if-none-match");
    let (since, before_) = ("x-amz-copy-source-if-modified-since", "x-amz-copy-source-if-unmodified-since");
    let now = "Sat, 14 Mar 2026 09:26:52 GMT";
    for profile in ["minio", "ceph", "strict"] {
        let gate = before(&store, profile, "", None);
        for conditions in [
            &[(same, "\"abc\"")][..],
            &[(same, "\"x\", \"abc\"")],
            &[(same, "*")],
            &[(same, "abc"), (before_, OLD)],
            &[(none, "\"x\"")],
            &[(none, "\"x\""), (since, now)],
            &[(since, OLD)],
            &[(before_, now)],
        ] {
            assert!(sent(conditions, &gate), "{profile} {conditions:?}");
        }
        for conditions in [
            &[(same, "\"x\"")][..],
            &[(same, "")],
            &[(none, "\"abc\"")],
            &[(none, "*")],
            &[(none, "\"x\", W/\"abc\"")],
            &[(none, "\"abc\""), (since, OLD)],
            &[(since, now)],
            &[(since, "yesterday")],
            &[(before_, OLD)],
            &[(before_, "2001-01-01T00:00:00Z")],
            &[(before_, "")],
        ] {
            assert!(!sent(conditions, &gate), "{profile} {conditions:?}");
        }
    }
}

/// A store without tags gives the object itself when it is asked for them, and its author would say what they are.
#[test]
fn an_object_cannot_say_what_its_tags_are() {
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject*",
        "Resource": "arn:aws:s3:::bucket/*",
        "Condition": {"StringNotEquals": {"s3:ExistingObjectTag/public": "yes"}}}}"#;
    for (profile, target) in [
        ("strict", "/bucket/k"),
        ("garage", "/bucket/k"),
        ("garage", "/bucket/k?versionId=v1"),
        ("strict", "/bucket/k?versionId=v1"),
    ] {
        let store = Script::ok();
        let gate = before(&store, profile, "", Some(policy));
        gate.send(&Ask::new("GET", target)).refused(503, "ServiceUnavailable");
        assert!(store.seen().is_empty(), "{profile} {target}: {:?}", store.seen().last().map(|seen| seen.head.clone()));
    }
}
