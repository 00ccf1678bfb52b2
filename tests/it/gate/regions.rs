//! Several stores by region: the host decides, and nothing leads from one to another.

use super::{Ask, Gate, Script};

/// A gate whose own names lead to the second store that is written down.
fn two_regions() -> (Gate, Script, Script) {
    let (frankfurt, virginia) = (Script::ok(), Script::ok());
    let upstreams = format!(
        "[[upstream]]\nhosts = [\"s3.eu.internal\"]\n{}\n[[upstream]]\n{}",
        frankfurt.upstream("eu-central-1"),
        virginia.upstream("us-east-1")
    );
    (Gate::configured("accept_aws_hosts = true", &upstreams), frankfurt, virginia)
}

fn at(host: &'static str, region: &'static str, target: &str) -> Ask {
    Ask { host, region, ..Ask::new("GET", target) }
}

#[test]
fn the_host_decides_which_region_is_asked() {
    let (gate, frankfurt, virginia) = two_regions();
    for (host, region, target) in [
        ("s3.eu-central-1.amazonaws.com", "eu-central-1", "/bucket/k"),
        ("bucket.s3.eu-central-1.amazonaws.com", "eu-central-1", "/k"),
        ("bucket.s3.dualstack.eu-central-1.amazonaws.com", "eu-central-1", "/k"),
        ("bucket.s3.eu.internal", "eu-central-1", "/k"),
        ("s3.amazonaws.com", "us-east-1", "/bucket/k"),
        ("bucket.s3.us-east-1.amazonaws.com", "us-east-1", "/k"),
        ("localhost", "us-east-1", "/bucket/k"),
        ("bucket.s3.localhost", "us-east-1", "/k"),
    ] {
        let (mine, other) = if region == "us-east-1" { (&virginia, &frankfurt) } else { (&frankfurt, &virginia) };
        let before = (mine.seen().len(), other.seen().len());
        assert_eq!(gate.send(&at(host, region, target)).status, 200, "{host}");
        assert_eq!((mine.seen().len(), other.seen().len()), (before.0 + 1, before.1), "{host}");
        let head = &mine.seen()[before.0].head;
        assert!(head.starts_with("GET /bucket/k ") && head.contains(&format!("/{region}/s3/aws4_request")), "{head}");
    }
}

#[test]
fn a_signature_for_another_region_than_the_hosts_is_refused() {
    let (gate, frankfurt, virginia) = two_regions();
    for (host, region) in [
        ("s3.eu-central-1.amazonaws.com", "us-east-1"),
        ("s3.us-east-1.amazonaws.com", "eu-central-1"),
        ("localhost", "eu-central-1"),
        ("s3.eu.internal", "us-east-1"),
        ("localhost", "ap-south-1"),
    ] {
        gate.send(&at(host, region, "/bucket/k")).refused(400, "AuthorizationHeaderMalformed");
    }
    assert!(frankfurt.seen().is_empty() && virginia.seen().is_empty());
}

#[test]
fn every_other_host_is_refused_before_anybody_asks_who_signed() {
    let (gate, frankfurt, virginia) = two_regions();
    for host in [
        "s3.ap-south-1.amazonaws.com",
        "bucket.s3.eu-west-1.amazonaws.com",
        "s3.eu-central-1.amazonaws.com.example",
        "example.com",
        "amazonaws.com",
        "s3-eu-central-1.example",
        "10.0.0.1",
    ] {
        gate.send(&at(host, "eu-central-1", "/bucket/k")).refused(400, "InvalidRequest");
    }
    assert!(frankfurt.seen().is_empty() && virginia.seen().is_empty());
}

/// Has `s3:CreateBucket` and `s3:DeleteBucket`, and whatever policies of buckets give it.
const MAKER: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*",
    "Action": ["s3:CreateBucket", "s3:DeleteBucket", "s3:GetObject"]}}"#;

#[test]
fn a_bucket_of_one_region_is_not_taken_over_by_making_it_in_another() {
    let virginia = Script::ok(); // has every bucket
    let upstreams = format!(
        "[[upstream]]\nhosts = [\"s3.eu.internal\"]\nkind = \"embedded\"\nregion = \"eu-central-1\"\n[[upstream]]\n{}",
        virginia.upstream("us-east-1")
    );
    let user = |account: &str, key: &str| {
        format!(
            "[[user]]\narn = \"arn:aws:iam::{account}:user/maker\"\npolicies = [\"maker\"]\n\
             keys = [{{ id = \"{key}\", secret = \"{}\" }}]\n",
            super::SECRET
        )
    };
    let users = format!(
        "[[account]]\nid = \"111122223333\"\nname = \"main\"\n[[account]]\nid = \"444455556666\"\nname = \"other\"\n{}{}",
        user("444455556666", "AKIASTRANGERSTRANG01"),
        user("111122223333", "AKIAMAKERMAKERMAKE01")
    );
    let guarded = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::guarded/*"}}"#;
    let files = [
        ("policies/credentials.toml", users.as_str()),
        ("policies/identities/maker.json", MAKER),
        ("policies/buckets/guarded/policy.json", guarded),
    ];
    let gate = Gate::launch("", &upstreams, &files).unwrap_or_else(|told| panic!("{told}"));
    let place =
        "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>";
    let there = |key, method, target: &str| {
        let body = if method == "PUT" { place.as_bytes().to_vec() } else { Vec::new() };
        gate.send(&Ask { key, method, body, ..at("s3.eu.internal", "eu-central-1", target) })
    };
    let here = |key, target: &str| gate.send(&Ask { key, ..at("localhost", "us-east-1", target) });
    // Another account makes it, and would own it in both.
    there("AKIASTRANGERSTRANG01", "PUT", "/bucket").refused(409, "BucketAlreadyExists");
    here("AKIASTRANGERSTRANG01", "/bucket/k").refused(403, "AccessDenied");
    // Somebody of the same account makes and removes it, and its policies would go with it.
    there("AKIAMAKERMAKERMAKE01", "PUT", "/guarded").refused(409, "BucketAlreadyExists");
    there("AKIAMAKERMAKERMAKE01", "DELETE", "/guarded").refused(403, "AccessDenied");
    here("AKIAMAKERMAKERMAKE01", "/guarded/k").refused(403, "AccessDenied");
}
