//! `tests/*.toml` decide whether a folder is taken.

use super::*;

fn site(test: &str) -> Site {
    let site = Site::new(&user("alice", "policies = [\"read\"]"));
    site.write("identities/read.json", &statement("Allow", "s3:GetObject", "arn:aws:s3:::bbb/*"));
    let plain = r#"{"Version":"2012-10-17","Statement":{"Sid":"Tls","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::bbb/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}}"#;
    site.write("buckets/bbb/policy.json", plain);
    site.write("tests/reading.toml", test);
    site
}

const READS: &str = r#"
[[test]]
name   = "alice reads over TLS"
as     = "arn:aws:iam::111122223333:user/alice"
do     = "s3:GetObject"
on     = ["arn:aws:s3:::bbb/k", "arn:aws:s3:::bbb/team/k"]
expect = "allow"

[[test]]
name   = "nobody reads in the clear"
as     = "arn:aws:iam::111122223333:user/alice"
do     = "s3:GetObject"
on     = "arn:aws:s3:::bbb/k"
with   = { "aws:SecureTransport" = "false" }
from   = "10.0.0.1"
expect = "deny"
because = "resource"

[[test]]
name   = "strangers read nothing"
as     = "anonymous"
do     = "s3:GetObject"
on     = "arn:aws:s3:::bbb/k"
expect = "deny"
"#;

#[test]
fn a_folder_whose_tests_hold_is_taken() {
    let loaded = site(READS).loaded();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(loaded.tests.len(), 3);
}

#[test]
fn a_test_that_fails_refuses_the_folder_and_names_line_and_statement() {
    let told = site(&READS.replacen("expect = \"allow\"", "expect = \"deny\"", 1)).refused();
    assert!(told.contains("reading.toml:7:10"), "{told}");
    assert!(told.contains("is to be denied, and is allowed by `identities/read#NO_ID-0`"), "{told}");
    let told = site(&READS.replace("because = \"resource\"", "because = \"identity\"")).refused();
    assert!(told.contains("denied by the layer `identity`"), "{told}");
    assert!(told.contains("denied by `buckets/bbb/policy#Tls` (layer `resource`, line 1)"), "{told}");
    let told = site(&READS.replace("\"s3:GetObject\"\non     = [", "\"s3:PutObject\"\non     = [")).refused();
    assert!(told.contains("nothing in the layer `identity` allows it"), "{told}");
}

#[test]
fn a_test_about_what_cannot_be_is_no_test() {
    for (from, to, told) in [
        ("user/alice", "user/alcie", "did you mean"),
        ("s3:GetObject", "s3:GetObjct", "is no action of S3"),
        ("aws:SecureTransport", "aws:SecureTransprt", "is no condition key"),
        ("arn:aws:s3:::bbb/team/k", "arn:aws:s3:::bbb", "reading.toml:6"),
    ] {
        let refused = site(&READS.replace(from, to)).refused();
        assert!(refused.contains(told), "{to}: {refused}");
    }
}
