//! What is asked comes back as what it is; what is ambiguous is refused.

use super::*;
use crate::s3::address::{self, AccessPoint};
use crate::s3::operation::EXAMPLES;
use crate::s3::uri;

const RULES: Rules = Rules { keys: KeyRules::REFUSE, unknown: Unknown::Refuse };

fn ask(method: &str, target: &str, headers: &[(&str, &str)], auth: Auth) -> Result<Routed, Fault> {
    ask_by(RULES, method, target, headers, auth)
}

fn ask_by(rules: Rules, method: &str, target: &str, headers: &[(&str, &str)], auth: Auth) -> Result<Routed, Fault> {
    let lines: Vec<(&[u8], &[u8])> = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let head = Head { method: method.as_bytes(), target: target.as_bytes(), lines: &lines, authority: None };
    let path = String::from_utf8(uri::decode(head.path()).unwrap().into_owned()).unwrap();
    let (bucket, key) = match path.trim_start_matches('/').split_once('/') {
        Some((bucket, key)) => (bucket.to_owned(), Some(key.to_owned()).filter(|key| !key.is_empty())),
        None => (path.trim_start_matches('/').to_owned(), None),
    };
    let query = Query::parse(head.query()).unwrap();
    route(Some(bucket).filter(|bucket| !bucket.is_empty()), key, &head, &query, auth, rules)
}

fn check(method: &str, target: &str, headers: &[(&str, &str)], expected: Result<Operation, Code>) {
    let got = ask(method, target, headers, Auth::Header).map(|routed| routed.operation).map_err(|fault| fault.code());
    assert_eq!(got, expected, "{method} {target} {headers:?}");
}

#[test]
fn every_operation_that_a_client_sends_comes_back_as_itself() {
    for &(name, method, target, headers) in EXAMPLES {
        let refused = Operation::ALL
            .into_iter()
            .find(|operation| operation.name() == name)
            .is_some_and(|o| o.spec().refused.is_some());
        let headers: Vec<_> = headers
            .iter()
            .copied()
            .chain((name == "PostObject").then_some(("content-type", "multipart/form-data; boundary=x")))
            .collect();
        let auth = if name == "PostObject" { Auth::Form } else { Auth::Header };
        match ask(method, target, &headers, auth) {
            Ok(routed) => assert_eq!(routed.operation.name(), name, "{method} {target}"),
            Err(fault) => assert!(
                refused
                    && matches!(fault.code(), Code::NotImplemented | Code::MethodNotAllowed | Code::PreconditionFailed),
                "{name}: {method} {target}: {fault:?}"
            ),
        }
    }
}

#[test]
fn a_subresource_is_never_dropped_and_another_operation_executed() {
    check("DELETE", "/b?newthing", &[], Err(Code::NotImplemented));
    check("DELETE", "/b/k?acl", &[], Err(Code::MethodNotAllowed));
    check("GET", "/b?acl&policy", &[], Err(Code::InvalidArgument));
    check("GET", "/b?acl&acl", &[], Err(Code::InvalidArgument));
    check("GET", "/b?Acl", &[], Err(Code::NotImplemented));
    check("PUT", "/b/k?partNumber=1", &[], Err(Code::InvalidArgument));
    check("PUT", "/b/k?uploadId=1", &[], Err(Code::InvalidArgument));
    check("PUT", "/b?analytics", &[], Err(Code::InvalidArgument));
    check("GET", "/b?prefix=a&prefix=b", &[], Err(Code::InvalidArgument));
    check("GET", "/b?list-type=1", &[], Err(Code::InvalidArgument));
    check("GET", "/b/k?response-content-type=text/plain", &[], Ok(Operation::GetObject));
    check("GET", "/b/k?response-content-type=a%0d%0ax-evil:1", &[], Err(Code::InvalidArgument));
    check("PATCH", "/b/k", &[], Err(Code::MethodNotAllowed));
    check("get", "/b/k", &[], Err(Code::MethodNotAllowed));
    check("GET", "/b/k?versions", &[], Err(Code::InvalidRequest));
    check("GET", "/b/k?torrent", &[], Err(Code::NotImplemented));
    check("POST", "/b", &[("Content-Type", "text/plain")], Err(Code::PreconditionFailed));
}

#[test]
fn unknown_and_repeated_headers_are_refused() {
    check("GET", "/b/k", &[("x-amz-new-thing", "1")], Err(Code::NotImplemented));
    check("GET", "/b/k", &[("X-Amz-Server-Side-Encryption", "AES256")], Err(Code::InvalidArgument));
    check("PUT", "/b/k", &[("x-amz-acl", "private"), ("X-Amz-Acl", "private")], Err(Code::InvalidArgument));
    check("GET", "/b/k", &[("range", "bytes=0-1"), ("range", "bytes=0-1")], Err(Code::InvalidArgument));
    check("GET", "/b/k", &[("x-amz-user-agent", "browser"), ("accept", "*/*")], Ok(Operation::GetObject));
    check("HEAD", "/b/k", &[("x-amz-api-version", "2006-03-01")], Ok(Operation::HeadObject));
    check("HEAD", "/b/k", &[("x-amz-api-version", "2026-03-01")], Err(Code::NotImplemented));
    check("DELETE", "/b/k", &[("x-amz-copy-source", "a/b")], Err(Code::InvalidArgument));
    check("DELETE", "/b/k", &[("x-amz-copy-source", "")], Err(Code::InvalidArgument));
}

#[test]
fn what_a_request_says_of_encryption_is_passed_on_unknown_to_no_store() {
    let rules = Rules { unknown: Unknown::Pass, ..RULES };
    let ask = |headers: &[(&str, &str)]| ask_by(rules, "PUT", "/b/k?partNumber=1&uploadId=u", headers, Auth::Header);
    assert!(ask(&[("x-amz-new-thing", "1")]).is_ok());
    for name in ["x-amz-replication-status", "x-amz-bucket-replication-status"] {
        assert_eq!(ask(&[(name, "REPLICA")]).unwrap_err().code(), Code::NotImplemented, "who writes as a store");
    }
    for name in ["", "-aws-kms-key-id", "-context", "-bucket-key-enabled"] {
        let name = format!("x-amz-server-side-encryption{name}");
        let fault = ask(&[(name.as_str(), "AES256")]).unwrap_err();
        assert_eq!(fault.message(), format!("{name} header is not supported for this operation."));
    }
}

#[test]
fn hoisted_headers_act_as_headers_in_presigned_requests_only() {
    let routed =
        ask("PUT", "/b/k?x-amz-acl=private&X-Amz-Signature=0&X-Amz-Checksum-Crc32=AA", &[], Auth::Query).unwrap();
    assert_eq!(routed.headers.get("x-amz-acl").unwrap(), "private");
    assert!(routed.parameters.is_empty());
    let copy = ask("PUT", "/b/k?x-amz-copy-source=src%2Fkey", &[], Auth::Query).unwrap();
    assert_eq!(copy.operation, Operation::CopyObject);
    assert_eq!(ask("PUT", "/b/k?x-amz-acl=private", &[], Auth::Header).unwrap_err().code(), Code::InvalidArgument);
    let twice = ask("PUT", "/b/k?x-amz-acl=private", &[("x-amz-acl", "public-read")], Auth::Query);
    assert_eq!(twice.unwrap_err().code(), Code::InvalidArgument);
    for target in [
        "/b/k?x-amz-acl=private&x-amz-acl=public-read",
        "/b/k?x-amz-acl=private&X-Amz-Acl=public-read",
        "/b/k?x-amz-copy-source=src/a&x-amz-copy-source=src/b",
    ] {
        let twice = ask("PUT", target, &[], Auth::Query);
        assert_eq!(twice.unwrap_err().code(), Code::InvalidArgument, "{target}");
    }
}

#[test]
fn a_copy_source_is_parsed_once() {
    let source = |value: &str| {
        ask("PUT", "/b/k", &[("x-amz-copy-source", value)], Auth::Header).map(|routed| routed.copy_source.unwrap())
    };
    let expected = |sent: &str, key: &str, version: Option<&str>| CopySource {
        sent: sent.into(),
        ..CopySource::new("src", key, version)
    };
    for (sent, key, version) in [
        ("src/a%252Fb", "a%2Fb", None),
        ("/src/a+b%2Bc?versionId=1", "a b+c", Some("1")),
        ("src/a?versionId=x?versionId=2", "a?versionId=x", Some("2")),
        ("src/a?versionId=", "a", None),
    ] {
        assert_eq!(source(sent).unwrap(), expected(sent, key, version), "{sent}");
    }
    for bad in ["src", "src/", "/", "", "src/../other/k", "src/a%"] {
        assert!(source(bad).is_err(), "{bad}");
    }
    assert_eq!(source("name--ol-s3/k").unwrap_err().code(), Code::NotImplemented);
}

#[test]
fn a_copy_source_behind_an_access_point_is_found_by_address_alone() {
    let source = |value: &str| {
        let routed = ask("PUT", "/b/k", &[("x-amz-copy-source", value)], Auth::Header);
        routed.map(|routed| routed.copy_source.unwrap())
    };
    let arn = "arn:aws:s3:us-east-1:111122223333:accesspoint/app";
    let point = AccessPoint {
        name: "app".into(),
        account: "111122223333".into(),
        region: "us-east-1".into(),
        alias: "ap-metadata-s3alias".into(),
        bucket: "behind".into(),
    };
    let settings = address::Settings {
        region: "us-east-1".into(),
        partition: "aws".into(),
        access_points: [point].into_iter().collect(),
        ..address::Settings::default()
    };
    for (sent, shown) in [
        (format!("{arn}/object/k"), arn),
        (arn.replace(':', "%3A") + "/object/k", arn),
        (format!("/{arn}/object/k"), arn),
        ("ap-metadata-s3alias/k".to_owned(), "ap-metadata-s3alias"),
    ] {
        let mut found = source(&sent).unwrap();
        assert_eq!(found.bucket, "", "{sent}: nothing is read before it is known what");
        settings.resolve(&mut found).unwrap();
        assert_eq!((found.bucket.as_str(), found.key.as_str()), ("behind", "k"));
        assert_eq!(*found.through.unwrap(), Through { arn: arn.to_owned(), shown: shown.to_owned() });
    }
    for (sent, code) in [
        (arn.replace("/app", "/none") + "/object/k", Code::NoSuchAccessPoint),
        (arn.replace("us-east-1", "us-east-2") + "/object/k", Code::NoSuchAccessPoint),
        (arn.replace("s3:us", "s3-outposts:us") + "/object/k", Code::NotImplemented),
        ("no-s3alias/k".to_owned(), Code::NoSuchBucket),
    ] {
        assert_eq!(settings.resolve(&mut source(&sent).unwrap()).unwrap_err().code(), code, "{sent}");
    }
    for bad in [format!("{arn}/k"), format!("{arn}/object/"), arn.to_owned()] {
        assert!(source(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_copy_source_has_one_canonical_spelling() {
    let canonical = |sent: &str| {
        let routed = ask("PUT", "/b/k", &[("x-amz-copy-source", sent)], Auth::Header).unwrap();
        routed.copy_source.unwrap().canonical()
    };
    for same in
        ["src/private/a%20b", "/src/private/a%20b", "src/%70rivate/a+b", "src%2Fprivate%2fa b", "src/private/a b"]
    {
        assert_eq!(canonical(same), "src/private/a%20b", "{same}");
    }
    assert_eq!(canonical("src/a?versionId=x%2by"), "src/a?versionId=x%2By");
}

proptest::proptest! {
    #[test]
    fn no_copy_source_panics_and_what_is_read_reads_the_same_again(
        value in "(/?(src|arn:aws:s3)?/?[a-z%/?+=\\.:é ]{0,20}(\\?versionId=)?[0-9a-f%]{0,6})|[\\PC]{0,40}"
    ) {
        if let Ok(routed) = ask("PUT", "/b/k", &[("x-amz-copy-source", &value)], Auth::Header) {
            let source = routed.copy_source.unwrap();
            let again = ask("PUT", "/b/k", &[("x-amz-copy-source", &source.canonical())], Auth::Header);
            let again = again.unwrap().copy_source.unwrap();
            proptest::prop_assert_eq!(
                (&again.bucket, &again.key, &again.version), (&source.bucket, &source.key, &source.version)
            );
        }
    }
}

#[test]
fn aws_chunked_is_no_property_of_the_object() {
    let headers =
        [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("content-encoding", "gzip, aws-chunked")];
    let routed = ask("PUT", "/b/k", &headers, Auth::Header).unwrap();
    assert_eq!(routed.headers.get("content-encoding").unwrap(), "gzip");
    let routed = ask("PUT", "/b/k", &[("content-encoding", "aws-chunked")], Auth::Header).unwrap();
    assert_eq!(routed.headers.get("content-encoding").unwrap(), "aws-chunked");
}

#[test]
fn what_stores_read_differently_is_settled_here() {
    check("GET", "/b/k?versionId=", &[], Err(Code::InvalidArgument));
    check("GET", "/b/k", &[("x-minio-source-mtime", "1")], Err(Code::NotImplemented));
    // A condition that nobody would look at.
    check("DELETE", "/b/k", &[("if-none-match", "*")], Err(Code::NotImplemented));
    check("PUT", "/b/k", &[("if-unmodified-since", "Sat, 14 Mar 2026 09:26:52 GMT")], Err(Code::NotImplemented));
    let unpack = [("X-Amz-Meta-Snowball-Auto-Extract", "true")];
    check("PUT", "/b/k", &unpack, Err(Code::NotImplemented));
    check("POST", "/b/k?uploads", &unpack, Err(Code::NotImplemented));
    check("GET", "/b/k", &[("X-Amz-Signature", "0"), ("X-Amz-Expires", "1")], Ok(Operation::GetObject));
    let routed = ask("GET", "/b/k?acl=x", &[], Auth::Header).unwrap();
    assert_eq!(routed.parameters, [("acl".to_owned(), String::new())]);
}

#[test]
fn a_form_that_nobody_would_read_is_refused() {
    let form = [("content-type", "multipart/form-data; boundary=x")];
    for auth in [Auth::Anonymous, Auth::Header, Auth::Query] {
        let refused = ask("POST", "/b", &form, auth).unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (Code::InvalidRequest, "form-with-other-authentication"));
    }
    assert_eq!(ask("POST", "/b", &form, Auth::Form).unwrap().operation, Operation::PostObject);
}

#[test]
fn a_hoisted_header_that_comes_twice_is_refused() {
    for target in ["/b/k?x-amz-acl=private&X-Amz-Acl=public-read", "/b/k?x-amz-copy-source=/b/a&X-Amz-Copy-Source=/c/b"]
    {
        let refused = ask("PUT", target, &[], Auth::Query).unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (Code::InvalidArgument, "header-twice"), "{target}");
    }
}

#[test]
fn a_long_key_is_told_after_everything_that_routing_finds() {
    let long = format!("/b/{}", "k".repeat(1025));
    check("GET", &long, &[], Err(Code::KeyTooLongError));
    check("GET", &format!("{long}?newthing"), &[], Err(Code::NotImplemented));
    check("POST", &long, &[], Err(Code::MethodNotAllowed));
    check("GET", &format!("{long}?acl&tagging"), &[], Err(Code::InvalidArgument));
    check("PUT", "/b/k", &[("x-amz-copy-source", &long.replacen("/b/", "/bucket/", 1))], Err(Code::KeyTooLongError));
}

#[test]
fn what_no_access_point_takes_is_refused_with_the_methods_that_it_takes() {
    let through = |method: &str, target: &str, key: Option<&str>| {
        let head = Head { method: method.as_bytes(), target: target.as_bytes(), lines: &[], authority: None };
        let query = Query::parse(head.query()).unwrap();
        let (through, key) = (Box::new(Through { arn: "a".into(), shown: "a".into() }), key.map(str::to_owned));
        route_through(through, "b".into(), key, &head, &query, Auth::Header, RULES).unwrap_err()
    };
    let long = "k".repeat(1025);
    for (method, target, key, allow) in [
        ("PUT", "/", None, "GET, HEAD"),
        ("PUT", "/?policy", None, "GET"),
        ("GET", "/?lifecycle", None, ""),
        ("GET", "/k?torrent", Some(long.as_str()), ""),
    ] {
        let fault = through(method, target, key);
        assert_eq!((fault.code(), fault.reason()), (Code::MethodNotAllowed, NOT_THROUGH), "{method} {target}");
        assert_eq!(fault.headers(), [("allow", allow.to_owned())], "{method} {target}");
        let resource = if key.is_some() { "OBJECT" } else { "BUCKET" };
        let elements = [("Method", method.to_owned()), ("ResourceType", resource.to_owned())];
        assert_eq!(fault.elements(), elements, "{method} {target}");
    }
}

#[test]
fn a_method_that_is_not_taken_is_told_with_what_it_was_asked_of() {
    for (method, target, resource) in [
        ("PATCH", "/b/k", "OBJECT"),
        ("PATCH", "/b", "BUCKET"),
        ("PUT", "/", "SERVICE"),
        ("POST", "/b/k", "OBJECT"),
        ("DELETE", "/b/k?acl", "OBJECT"),
        ("DELETE", "/b?versioning", "BUCKET"),
    ] {
        let fault = ask(method, target, &[], Auth::Header).unwrap_err();
        assert_eq!(fault.code(), Code::MethodNotAllowed, "{method} {target}");
        let elements = [("Method", method.to_owned()), ("ResourceType", resource.to_owned())];
        assert_eq!(fault.elements(), elements, "{method} {target}");
    }
}

#[test]
fn a_preflight_is_answered_whatever_the_request_is_that_it_asks_about() {
    let headers = [("origin", "https://app.example"), ("access-control-request-method", "PUT")];
    for (target, resource) in [
        ("/b/k?X-Amz-Signature=0&X-Amz-Expires=60&partNumber=1&uploadId=u&newthing", "OBJECT"),
        ("/b?uploads&acl", "BUCKET"),
        ("/", "SERVICE"),
    ] {
        let routed = ask("OPTIONS", target, &headers, Auth::Anonymous).unwrap();
        assert_eq!((routed.operation, routed.parameters.len()), (Operation::OptionsObject, 0), "{target}");
        let fault = no_cors(&routed);
        assert_eq!((fault.code(), fault.status()), (Code::AccessForbidden, 403), "{target}");
        let elements = [("Method", "PUT".to_owned()), ("ResourceType", resource.to_owned())];
        assert_eq!(fault.elements(), elements, "{target}");
    }
}

#[test]
fn entity_tags_on_several_lines_are_one_list() {
    let routed =
        ask("GET", "/b/k", &[("If-Match", "\"a\""), ("if-match", "\"b\""), ("if-none-match", "*")], Auth::Header);
    let headers = routed.unwrap().headers;
    let lines: Vec<_> = headers.get_all("if-match").iter().collect();
    assert_eq!(lines, ["\"a\", \"b\""], "policy and store read the same");
    assert_eq!(headers.get("if-none-match").unwrap(), "*");
}

#[test]
fn logs_of_a_key_are_refused_in_the_words_of_s3() {
    let fault = ask("PUT", "/b/k?logging", &[], Auth::Header).unwrap_err();
    assert_eq!(fault.code(), Code::NoLoggingStatusForKey);
    assert_eq!(fault.message(), "There is no such thing as the ?logging sub-resource for a key");
}
