//! From requests to questions.

use super::*;
use crate::policy::context::{Context, Values};
use crate::s3::operation::EXAMPLES;
use crate::s3::permission::State;
use crate::s3::route::Through;
use crate::s3::{Code, Operation};

/// `action resource`, one a line; what is about the source, an entry or hangs on a state says so.
fn shown(asks: &Asks) -> Vec<String> {
    let line = |ask: &Ask| {
        let entry = ask.entry().map_or(String::new(), |at| format!(" entry {at}"));
        let hinge = ask.hinges_on().map_or(String::new(), |state| format!(" if {state:?}"));
        let side = if ask.side() == Side::Source { " (source)" } else { "" };
        format!("{} {}{side}{entry}{hinge}", ask.action(), ask.resource())
    };
    asks.iter().map(line).collect()
}

#[track_caller]
fn check(method: &str, target: &str, headers: &[(&str, &str)], body: &str, expected: &[&str]) {
    check_with(&Nothing, (method, target, headers), body, expected);
}

#[track_caller]
fn check_with(stored: &dyn Stored, request: (&str, &str, &[(&str, &str)]), body: &str, expected: &[&str]) {
    let routed = routed(request.0, request.1, request.2);
    let document = document(&routed, body);
    let asks = checks(&given(&routed, &document), stored).unwrap();
    assert_eq!(shown(&asks), expected, "{request:?}");
}

#[test]
fn a_version_needs_the_permission_for_versions() {
    let of = |method, target, expected: &[&str]| check(method, target, &[], "", expected);
    of("GET", "/b/k", &["s3:GetObject arn:aws:s3:::b/k"]);
    of("GET", "/b/k?versionId=v", &["s3:GetObjectVersion arn:aws:s3:::b/k"]);
    of("DELETE", "/b/k", &["s3:DeleteObject arn:aws:s3:::b/k"]);
    of("DELETE", "/b/k?versionId=v", &["s3:DeleteObjectVersion arn:aws:s3:::b/k"]);
    of("PUT", "/b/k?acl&versionId=v", &["s3:PutObjectVersionAcl arn:aws:s3:::b/k"]);
    check(
        "GET",
        "/b/k?attributes",
        &[("x-amz-object-attributes", "ETag")],
        "",
        &["s3:GetObject arn:aws:s3:::b/k", "s3:GetObjectAttributes arn:aws:s3:::b/k"],
    );
}

#[test]
fn the_resource_is_the_key_as_stored() {
    let of = |target, expected| check("GET", target, &[], "", &[&format!("s3:GetObject arn:aws:s3:::b/{expected}")]);
    of("/b/a+b%2Bc", "a b+c");
    of("/b/%252e", "%2e");
    of("/b/%2A/%3F$%7Bx%7D", "*/?${x}");
    of("/b/%C3%A9", "\u{e9}");
}

#[test]
fn buckets_and_the_list_of_them_have_their_arns() {
    check("GET", "/", &[], "", &["s3:ListAllMyBuckets arn:aws:s3:::*"]);
    check("HEAD", "/b", &[], "", &["s3:ListBucket arn:aws:s3:::b"]);
    check("GET", "/b?list-type=2&prefix=x", &[], "", &["s3:ListBucket arn:aws:s3:::b"]);
    check("GET", "/b?versions", &[], "", &["s3:ListBucketVersions arn:aws:s3:::b"]);
}

#[test]
fn headers_of_a_write_add_their_permissions() {
    let put = "s3:PutObject arn:aws:s3:::b/k";
    let of = |headers: &[(&str, &str)], more: &[&str]| {
        let more: Vec<String> = more.iter().map(|action| format!("{action} arn:aws:s3:::b/k")).collect();
        let expected: Vec<&str> = [put].into_iter().chain(more.iter().map(String::as_str)).collect();
        check("PUT", "/b/k", headers, "", &expected);
    };
    of(&[], &[]);
    of(&[("x-amz-acl", "")], &["s3:PutObjectAcl"]);
    of(&[("X-Amz-Grant-Read", "id=1")], &["s3:PutObjectAcl"]);
    of(&[("x-amz-tagging", "")], &["s3:PutObjectTagging"]);
    of(&[("x-amz-object-lock-mode", "GOVERNANCE")], &["s3:PutObjectRetention"]);
    of(&[("x-amz-object-lock-event-hold", "ON")], &["s3:PutObjectRetention"]);
    of(&[("x-amz-object-lock-legal-hold", "OFF")], &["s3:PutObjectLegalHold"]);
    of(
        &[("x-amz-acl", "private"), ("x-amz-tagging", "a=b"), ("x-amz-object-lock-legal-hold", "ON")],
        &["s3:PutObjectAcl", "s3:PutObjectTagging", "s3:PutObjectLegalHold"],
    );
}

#[test]
fn a_header_hoisted_into_a_presigned_url_adds_its_permission_too() {
    check(
        "PUT",
        "/b/k?x-amz-acl=public-read&X-Amz-Signature=0",
        &[],
        "",
        &["s3:PutObject arn:aws:s3:::b/k", "s3:PutObjectAcl arn:aws:s3:::b/k"],
    );
}

#[test]
fn bypassing_governance_needs_its_permission_in_any_letter_case() {
    let header = |says| [("x-amz-bypass-governance-retention", says)];
    let both = ["s3:DeleteObject arn:aws:s3:::b/k", "s3:BypassGovernanceRetention arn:aws:s3:::b/k"];
    check("DELETE", "/b/k", &header("true"), "", &both);
    check("DELETE", "/b/k", &header("TRUE"), "", &both);
    check("DELETE", "/b/k", &header("false"), "", &both[..1]);
}

#[test]
fn a_new_bucket_needs_what_its_headers_and_document_ask() {
    let at = |actions: &[&str]| -> Vec<String> {
        ["s3:CreateBucket"].iter().chain(actions).map(|action| format!("{action} arn:aws:s3:::bbb")).collect()
    };
    let of = |headers: &[(&str, &str)], body: &str, actions: &[&str]| {
        let expected = at(actions);
        check("PUT", "/bbb", headers, body, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    };
    of(&[], "", &[]);
    of(&[("x-amz-acl", "private")], "", &[]);
    // Not the word that S3 knows: no reason to leave the check out.
    of(&[("x-amz-acl", "Private")], "", &["s3:PutBucketAcl"]);
    of(&[("x-amz-acl", "public-read")], "", &["s3:PutBucketAcl"]);
    of(&[("x-amz-acl", "private"), ("x-amz-grant-write", "id=1")], "", &["s3:PutBucketAcl"]);
    of(
        &[("x-amz-bucket-object-lock-enabled", "True")],
        "",
        &["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"],
    );
    of(&[("x-amz-object-ownership", "ObjectWriter")], "", &["s3:PutBucketOwnershipControls"]);
    let tags =
        "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>";
    of(&[], tags, &["s3:TagResource"]);
    of(&[], "<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>", &[]);
}

#[test]
fn a_copy_asks_for_its_source_as_parsed_and_for_its_tags_once_they_are_known() {
    let source = [("x-amz-copy-source", "/src/a%252Fb")];
    let replace = [source[0], ("x-amz-tagging-directive", "replace"), ("x-amz-tagging", "a=b")];
    let get = "s3:GetObject arn:aws:s3:::src/a%2Fb (source)";
    // Twice: the header is not in its canonical spelling.
    let put = "s3:PutObject arn:aws:s3:::b/k";
    let tagged = |tagged| Looked { source_has_tags: Some(tagged), ..Looked::default() };
    check_with(&tagged(false), ("PUT", "/b/k", &source), "", &[get, put, put]);
    check_with(
        &tagged(true),
        ("PUT", "/b/k", &source),
        "",
        &[get, "s3:GetObjectTagging arn:aws:s3:::src/a%2Fb (source)", put, put, "s3:PutObjectTagging arn:aws:s3:::b/k"],
    );
    check_with(
        &Nothing,
        ("PUT", "/b/k", &[("x-amz-copy-source", "src/a?versionId=v")]),
        "",
        &[
            "s3:GetObjectVersion arn:aws:s3:::src/a (source)",
            "s3:GetObjectVersionTagging arn:aws:s3:::src/a (source) if SourceHasTags",
            put,
            "s3:PutObjectTagging arn:aws:s3:::b/k if SourceHasTags",
        ],
    );
    check_with(&Nothing, ("PUT", "/b/k", &replace), "", &[get, put, put, "s3:PutObjectTagging arn:aws:s3:::b/k"]);
}

#[test]
fn what_hangs_on_a_state_is_asked_until_the_state_is_known() {
    let routed = routed("PUT", "/b/k", &[("x-amz-copy-source", "src/a")]);
    let given = given(&routed, &Document::None);
    let needs = |stored: &dyn Stored| checks(&given, stored).unwrap().needs();
    assert_eq!(needs(&Nothing), Needs::SOURCE_HAS_TAGS);
    assert_eq!(needs(&Looked { source_tags: Some(Vec::new()), ..Looked::default() }), Needs::NONE);
    let asks = checks(&given, &Nothing).unwrap();
    assert!(asks.iter().any(|ask| ask.hinges_on() == Some(State::SourceHasTags)));
}

#[test]
fn every_deletion_is_asked_by_itself() {
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>b*</Key><VersionId>v</VersionId></Object></Delete>";
    check(
        "POST",
        "/b?delete",
        &[],
        body,
        &["s3:DeleteObject arn:aws:s3:::b/a entry 0", "s3:DeleteObjectVersion arn:aws:s3:::b/b* entry 1"],
    );
    check(
        "POST",
        "/b?delete",
        &[("x-amz-bypass-governance-retention", "true")],
        body,
        &[
            "s3:DeleteObject arn:aws:s3:::b/a entry 0",
            "s3:BypassGovernanceRetention arn:aws:s3:::b/a entry 0",
            "s3:DeleteObjectVersion arn:aws:s3:::b/b* entry 1",
            "s3:BypassGovernanceRetention arn:aws:s3:::b/b* entry 1",
        ],
    );
}

#[test]
fn a_form_needs_what_the_write_it_stands_for_needs() {
    let actions = |operation: Operation| -> Vec<&str> {
        operation.permission().checks.iter().map(|check| check.action).collect()
    };
    assert_eq!(actions(Operation::PostObject), actions(Operation::PutObject));
    let mut routed = routed("POST", "/b", &[("content-type", "multipart/form-data; boundary=x")]);
    let none = Document::None;
    assert!(checks(&given(&routed, &none), &Nothing).is_err(), "no form is asked about before it is one");
    routed.key = Some("k".to_owned());
    assert_eq!(checks(&given(&routed, &none), &Nothing).unwrap().iter().count(), 5);
}

#[test]
fn the_owners_side_need_not_allow_an_acl_that_gives_it_everything() {
    let of = |method, target, headers: &[(&str, &str)], writer_owns| {
        let (routed, document) = (routed(method, target, headers), Document::None);
        let given = given(&routed, &document);
        let asks = checks(&given, &Nothing).unwrap();
        let consents: Vec<&str> = asks.iter().filter(|ask| given.consents(ask, writer_owns)).map(Ask::action).collect();
        consents == ["s3:PutObjectAcl"]
    };
    let full = ("x-amz-acl", "bucket-owner-full-control");
    assert!(of("PUT", "/b/k", &[full], false));
    assert!(!of("PUT", "/b/k", &[full, ("x-amz-grant-read", "id=1")], false));
    assert!(!of("PUT", "/b/k", &[("x-amz-acl", "public-read")], false));
    assert!(of("PUT", "/b/k", &[("x-amz-acl", "public-read")], true));
    assert!(!of("PUT", "/b/k?acl", &[full], true), "an object that is there already");
}

#[test]
fn through_an_access_point_both_arns_are_asked() {
    let point = "arn:aws:s3:eu-central-1:111122223333:accesspoint/ap";
    let of = |method, target| {
        let mut routed = routed(method, target, &[]);
        routed.through = Some(Box::new(Through { arn: point.to_owned(), shown: "ap-111122223333".to_owned() }));
        let given = given(&routed, &Document::None);
        let asks = checks(&given, &Nothing).map_err(|fault| fault.code())?;
        let ask = asks.iter().next().unwrap();
        Ok((ask.resource().to_owned(), ask.behind().unwrap().to_owned()))
    };
    assert_eq!(of("GET", "/b/k"), Ok((format!("{point}/object/k"), "arn:aws:s3:::b/k".to_owned())));
    assert_eq!(of("GET", "/b"), Ok((point.to_owned(), "arn:aws:s3:::b".to_owned())));
    assert_eq!(of("GET", "/b?versioning"), Err(Code::MethodNotAllowed));
}

#[test]
fn what_nothing_guards_nobody_may_do() {
    let mut request = routed("GET", "/b/k", &[]);
    for operation in Operation::ALL {
        let unguarded = operation.permission().checks.is_empty() || operation.spec().refused.is_some();
        request.operation = operation;
        let refused = checks(&given(&request, &Document::None), &Nothing).map(|asks| asks.iter().count());
        if operation == Operation::OptionsObject {
            assert_eq!(refused.unwrap_err().code(), Code::AccessForbidden, "CORS rules would answer it");
        } else if unguarded {
            assert_eq!(refused.unwrap_err().code(), Code::NotImplemented, "{}", operation.name());
        } else {
            assert!(refused.is_err() || refused.unwrap() > 0, "{}", operation.name());
        }
    }
}

#[test]
fn a_body_that_checks_need_is_not_left_out() {
    for (method, target) in [("POST", "/b?delete"), ("PUT", "/b/k?tagging"), ("PUT", "/b/k?retention")] {
        let routed = routed(method, target, &[]);
        let fault = checks(&given(&routed, &Document::None), &Nothing).unwrap_err();
        assert_eq!(fault.reason(), "document-not-read", "{target}");
    }
}

#[test]
fn a_header_that_decides_is_never_two() {
    let mut routed = routed("PUT", "/b/k", &[("if-none-match", "*"), ("if-none-match", "\"x\"")]);
    assert!(checks(&given(&routed, &Document::None), &Nothing).is_ok(), "routing has made one list of it");
    // The router lets nothing else through that comes twice; the checks do not rely on it.
    routed.headers.append("if-none-match", "\"y\"".parse().unwrap());
    let fault = checks(&given(&routed, &Document::None), &Nothing).unwrap_err();
    assert_eq!(fault.code(), Code::InvalidArgument);
    routed.headers.remove("if-none-match");
    for value in ["false", "true"] {
        routed.headers.append("x-amz-bypass-governance-retention", value.parse().unwrap());
    }
    assert!(checks(&given(&routed, &Document::None), &Nothing).is_err());
    routed.headers.remove("x-amz-bypass-governance-retention");
    for value in ["a", "b"] {
        routed.headers.append("x-amz-meta-x", value.parse().unwrap());
    }
    assert!(checks(&given(&routed, &Document::None), &Nothing).is_ok());
}

/// spec/worm.md 7, 10: some store reads `tru%65` as `true`, `compliance` as `COMPLIANCE`.
#[test]
fn a_word_that_decides_is_one_that_is_known_or_the_request_is_refused() {
    const BYPASS: &str = "x-amz-bypass-governance-retention";
    let copy = ("x-amz-copy-source", "src/a");
    let told = |method: &str, target: &str, headers: &[(&str, &str)]| {
        let routed = routed(method, target, headers);
        let document = match routed.operation {
            Operation::DeleteObjects => document(&routed, "<Delete><Object><Key>a</Key></Object></Delete>"),
            Operation::PutObjectRetention => document(&routed, "<Retention/>"),
            Operation::CreateBucket => document(&routed, ""),
            _ => Document::None,
        };
        checks(&given(&routed, &document), &Nothing).map(drop).map_err(|fault| {
            let element =
                |name| fault.elements().iter().find(|(known, _)| *known == name).map(|(_, says)| says.clone());
            assert_eq!(fault.code(), Code::InvalidArgument, "{headers:?}");
            (element("ArgumentName").unwrap(), element("ArgumentValue").unwrap(), fault.message().to_owned())
        })
    };
    for says in ["tru%65", "yes", "1", "", "true,true", "\"true\""] {
        for (method, target) in [("DELETE", "/b/k"), ("POST", "/b?delete"), ("PUT", "/b/k?retention")] {
            let (name, value, _) = told(method, target, &[(BYPASS, says)]).unwrap_err();
            assert_eq!((name.as_str(), value.as_str()), (BYPASS, says));
        }
        let locked = "x-amz-bucket-object-lock-enabled";
        assert_eq!(told("PUT", "/bbb", &[(locked, says)]).unwrap_err().0, locked);
    }
    for (name, bad, message) in [
        ("x-amz-object-lock-mode", "compliance", "Unknown wormMode directive."),
        ("x-amz-object-lock-legal-hold", "on", "Legal Hold must be either of 'ON' or 'OFF'"),
        ("x-amz-object-lock-event-hold", "true", "Event Hold must be either of 'ON' or 'OFF'"),
        ("x-amz-tagging-directive", "REPLACE,COPY", "Unknown tagging directive."),
        ("x-amz-metadata-directive", "MERGE", "Unknown metadata directive."),
    ] {
        let expected = (name.to_owned(), bad.to_owned(), message.to_owned());
        assert_eq!(told("PUT", "/b/k", &[copy, (name, bad)]), Err(expected));
    }
    const CHECKSUMS: &str = "x-amz-checksum-mode";
    for says in ["foo", "DISABLED", "", "ENABLED,ENABLED", "ENABLE%44"] {
        for method in ["GET", "HEAD"] {
            let (name, value, _) = told(method, "/b/k", &[(CHECKSUMS, says)]).unwrap_err();
            assert_eq!((name.as_str(), value.as_str()), (CHECKSUMS, says));
        }
    }
    let hoisted = "/b/k?x-amz-object-lock-mode=Governance&X-Amz-Signature=0";
    assert!(told("PUT", hoisted, &[]).is_err(), "in a presigned URL as well");
    for (name, good) in [
        (BYPASS, "True"),
        (BYPASS, "false"),
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-mode", "COMPLIANCE"),
        ("x-amz-object-lock-legal-hold", "OFF"),
        ("x-amz-object-lock-event-hold", "ON"),
        ("x-amz-tagging-directive", "replace"),
        ("x-amz-metadata-directive", "COPY"),
        (CHECKSUMS, "ENABLED"),
        (CHECKSUMS, "enabled"),
    ] {
        let (method, headers) = match name {
            BYPASS => ("DELETE", vec![]),
            CHECKSUMS => ("GET", vec![]),
            _ => ("PUT", vec![copy]),
        };
        assert_eq!(told(method, "/b/k", &[headers, vec![(name, good)]].concat()), Ok(()), "{name}: {good}");
    }
}

#[test]
fn headers_of_an_answer_have_permissions_of_their_own() {
    let of = |target| {
        let routed = routed("GET", target, &[]);
        let document = Document::None;
        let shaped = given(&routed, &document).shaping().unwrap();
        shaped.into_iter().map(|(ask, headers)| format!("{} {headers:?}", ask.action())).collect::<Vec<_>>()
    };
    assert_eq!(
        of("/b/k?versionId=v"),
        [
            "s3:GetObjectVersionTagging [\"x-amz-tagging-count\"]",
            "s3:GetObjectLegalHold [\"x-amz-object-lock-legal-hold\"]",
            "s3:GetObjectRetention [\"x-amz-object-lock-mode\", \"x-amz-object-lock-retain-until-date\"]",
        ]
    );
    assert!(of("/b/k")[0].starts_with("s3:GetObjectTagging "));
    assert!(of("/b/k?acl").is_empty());
}

/// What a client of each operation has to be allowed, from what real clients send.
#[test]
fn what_clients_send_asks_for_this() {
    let body = |operation: &str| match operation {
        "DeleteObjects" => "<Delete><Object><Key>k</Key></Object></Delete>",
        "PutBucketInventoryConfiguration" => "<InventoryConfiguration/>",
        "PutBucketOwnershipControls" => {
            "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"
        }
        "PutObjectLegalHold" => "<LegalHold><Status>ON</Status></LegalHold>",
        "PutObjectRetention" => "<Retention/>",
        "PutObjectTagging" => "<Tagging><TagSet/></Tagging>",
        _ => "",
    };
    let mut out = String::new();
    for &(name, method, target, headers) in EXAMPLES {
        let operation = Operation::ALL.into_iter().find(|operation| operation.name() == name).unwrap();
        if operation.spec().refused.is_some() || matches!(name, "PostObject" | "OptionsObject") {
            continue;
        }
        let routed = routed(method, target, headers);
        let document = document(&routed, body(name));
        let asks = checks(&given(&routed, &document), &Nothing).unwrap();
        out += &format!("{name}\n");
        for line in shown(&asks) {
            out += &format!("    {line}\n");
        }
    }
    insta::assert_snapshot!(out);
}

/// A toy policy: reading a source needs the tag `team` to be `red`; everything else is allowed, but for
/// writing tags.
fn toy(ask: &Ask, context: &dyn Context) -> bool {
    let red = || context.values("s3:existingobjecttag/team").is_some_and(|values| values == Values::One("red"));
    match ask.action() {
        "s3:GetObject" => red(),
        "s3:PutObjectTagging" => false,
        _ => true,
    }
}

#[test]
fn a_caller_asks_looks_up_and_asks_again() {
    let routed = routed("PUT", "/b/k", &[("x-amz-copy-source", "src/a"), ("x-amz-acl", "private")]);
    let (document, principal) = (Document::None, user());
    let given = given(&routed, &document);
    let decide = |looked: &Looked| {
        let asks = checks(&given, looked).unwrap();
        let request = Request::new(given, facts(&principal), looked).unwrap();
        let mut needs = Needs::NONE;
        let mut denied = None;
        for ask in &asks {
            if !toy(ask, &request.view(ask)) {
                // Denied, unless it turns out that it need not be asked at all.
                match ask.hinges_on() {
                    Some(_) => needs = needs.and(asks.needs()),
                    None => denied = denied.or(Some(ask.action())),
                }
            }
        }
        (denied, needs.and(request.needs()))
    };
    let mut looked = Looked::default();
    let (_, needs) = decide(&looked);
    assert_eq!(needs, Needs::SOURCE_TAGS.and(Needs::SOURCE_HAS_TAGS));
    looked.source_tags = Some(vec![("team".to_owned(), "red".to_owned())]);
    assert_eq!(decide(&looked), (Some("s3:PutObjectTagging"), Needs::NONE));
    looked.source_tags = Some(Vec::new());
    assert_eq!(decide(&looked), (Some("s3:GetObject"), Needs::NONE));
}
