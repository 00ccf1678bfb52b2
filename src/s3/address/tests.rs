//! What a host and a path may not be taken for.

use super::*;

const PROXY: &str = "proxy.example";

fn settings() -> Settings {
    let point = AccessPoint {
        name: "my-ap".into(),
        account: "123456789012".into(),
        region: "us-west-2".into(),
        alias: "my-ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias".into(),
        bucket: "behind".into(),
    };
    Settings {
        region: "us-west-2".into(),
        partition: "aws".into(),
        base_domains: vec![PROXY.into()],
        accept_aws_hosts: true,
        legacy_bucket_names: false,
        access_points: [point].into_iter().collect(),
    }
}

fn ask(settings: &Settings, host: &str, target: &str, lines: &[(&[u8], &[u8])]) -> Result<Kept, Fault> {
    map(settings, host.as_bytes(), &Head { method: b"GET", target: target.as_bytes(), lines, authority: None })
}

fn refused(host: &str, target: &str) -> Code {
    ask(&settings(), host, target, &[]).and_then(|kept| kept).map_err(|fault| fault.code()).unwrap_err()
}

#[test]
fn an_escaped_slash_in_the_bucket_is_told_before_what_the_name_ends_with() {
    for target in ["/b%2Fx--ol-s3/k", "/b%2Fx.mrap/k", "/a%2Fb--x-s3", "/b%2Fx-s3alias/k", "/b42%2Fk"] {
        assert_eq!(refused(PROXY, target), Code::InvalidBucketName, "{target}");
    }
}

#[test]
fn a_host_that_is_not_served_is_told_before_a_path_that_does_not_decode() {
    for host in ["other.example", "s3.eu-west-1.amazonaws.com", "my-ap.s3-accesspoint.us-west-2.amazonaws.com"] {
        assert_eq!(refused(host, "/b/%zz"), Code::InvalidRequest, "{host}");
    }
    assert_eq!(refused(PROXY, "/b/%zz"), Code::InvalidURI);
    assert_eq!(refused("a b", "/b/%zz"), Code::BadRequest);
}

#[test]
fn a_long_key_says_nothing_before_the_name_in_front_of_it() {
    let long = "k".repeat(1025);
    for (path, code) in [
        ("arn:aws:s3:us-west-2:123456789012:accesspoint%2Fnope", Code::NoSuchAccessPoint),
        ("x-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias", Code::NoSuchBucket),
        ("B", Code::InvalidBucketName),
    ] {
        assert_eq!(refused(PROXY, &format!("/{path}/{long}")), code, "{path}");
    }
    let aws = "nope-123456789012.s3-accesspoint.us-west-2.amazonaws.com";
    assert_eq!(refused(aws, &format!("/{long}")), Code::NoSuchAccessPoint);
    let kept = ask(&settings(), PROXY, &format!("/b42/{long}"), &[]).unwrap();
    assert_eq!(kept.unwrap(), Resource::Bucket { bucket: "b42".into(), key: Some(long) }, "routing refuses it");
}

#[test]
fn a_label_that_names_no_access_point_is_an_unknown_host() {
    for label in ["x.y-123456789012", "my_ap-123456789012", "my-ap", "my-ap-12345678901"] {
        let host = format!("{label}.s3-accesspoint.us-west-2.amazonaws.com");
        assert_eq!(refused(&host, "/k"), Code::InvalidRequest, "{label}");
    }
    assert_eq!(refused("nope-123456789012.s3-accesspoint.us-west-2.amazonaws.com", "/k"), Code::NoSuchAccessPoint);
}

#[test]
fn aws_hosts_that_do_not_exist_are_unknown_and_not_just_unsupported() {
    for (host, code) in [
        ("s3-website-us-west-2", Code::InvalidRequest),
        ("s3-website.us-west-2", Code::InvalidRequest),
        ("b42.s3-website-us-west-2", Code::NotImplemented),
        ("s3-object-lambda.us-west-2", Code::InvalidRequest),
        ("x-123456789012.s3-object-lambda.us-west-2", Code::NotImplemented),
        ("x.s3express-control.us-west-2", Code::InvalidRequest),
        ("s3express-control.us-west-2", Code::NotImplemented),
        ("x.s3express-.us-west-2", Code::InvalidRequest),
        ("x.s3express-a.b.us-west-2", Code::InvalidRequest),
        ("x--usw2-az1--x-s3.s3express-usw2-az1.us-west-2", Code::NotImplemented),
        ("s3-outposts.us-west-2", Code::NotImplemented),
        ("mrap.accesspoint.s3-global", Code::InvalidRequest),
    ] {
        assert_eq!(refused(&format!("{host}.amazonaws.com"), "/k"), code, "{host}");
    }
}

#[test]
fn the_host_of_s3_control_says_what_a_request_lacks() {
    let host = "123456789012.s3-control.us-west-2.amazonaws.com";
    let message = |target: &str, lines: &[(&[u8], &[u8])]| {
        let fault = ask(&settings(), host, target, lines).unwrap().unwrap_err();
        assert_eq!(fault.code(), Code::InvalidRequest);
        fault.message().to_owned()
    };
    let missing = "Missing required header for this request: x-amz-account-id";
    assert_eq!(message("/v20180820/accesspoint", &[]), missing);
    assert!(message("/k", &[(b"x-amz-account-id", b"123456789012")]).contains("/v20180820/"));
}

#[test]
fn old_bucket_names_need_neither_letter_nor_digit() {
    let legacy = Settings { legacy_bucket_names: true, ..settings() };
    for name in ["___", "---", "._-", "Old_B"] {
        let kept = ask(&legacy, PROXY, &format!("/{name}/k"), &[]).unwrap();
        assert_eq!(kept.unwrap(), Resource::Bucket { bucket: name.into(), key: Some("k".into()) });
        assert_eq!(refused(PROXY, &format!("/{name}/k")), Code::InvalidBucketName, "{name}");
    }
    for name in ["...", "a..b", "MinIO", "__"] {
        let code = ask(&legacy, PROXY, &format!("/{name}/k"), &[]).unwrap().unwrap_err().code();
        assert_eq!(code, Code::InvalidBucketName, "{name}");
    }
}
