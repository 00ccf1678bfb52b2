//! What conditions see: a key is there with its value, or absent.

use std::sync::Arc;

use super::*;
use crate::policy::context::{Context, Values, asked};
use crate::s3::{Code, Fault};

/// One request with everything that its keys come from.
pub(super) struct Case<'a> {
    pub(super) routed: Routed,
    pub(super) document: Document,
    pub(super) facts: Facts<'a>,
    pub(super) stored: Looked,
}

impl<'a> Case<'a> {
    pub(super) fn new(
        principal: &'a Principal,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Self {
        let routed = routed(method, target, headers);
        let document = document(&routed, body);
        Self { routed, document, facts: facts(principal), stored: Looked::default() }
    }

    /// The value that the check of an action sees where it is asked about what is behind an access point.
    fn seen_behind(&self, action: &str, key: &str) -> Option<String> {
        let given = given(&self.routed, &self.document);
        let asks = checks(&given, &self.stored).unwrap();
        let request = Request::new(given, self.facts, &self.stored).unwrap();
        let ask = asks.iter().find(|ask| ask.action() == action).unwrap();
        let view = request.view(ask);
        let seen = view.values_behind(&asked(key)).and_then(|values| values.iter().next());
        seen.map(str::to_owned)
    }

    /// The values that the check of an action sees, joined; and what had to be looked up.
    fn seen(&self, action: &str, key: &str) -> Result<(Option<String>, Needs), Fault> {
        let given = given(&self.routed, &self.document);
        let asks = checks(&given, &self.stored)?;
        let request = Request::new(given, self.facts, &self.stored)?;
        let shaping = given.shaping()?;
        let implied = given.before_absence(Side::Target, action == "s3:ListBucketVersions").ok();
        let ask =
            asks.iter().chain(shaping.iter().map(|(ask, _)| ask)).chain(&implied).rfind(|ask| ask.action() == action);
        let ask = ask.unwrap_or_else(|| panic!("{action} is not asked"));
        let joined = request.view(ask).values(&asked(key)).map(|values| match values {
            Values::One(value) => value.to_owned(),
            Values::Many(values) => format!("[{}]", values.join(", ")),
        });
        Ok((joined, request.needs()))
    }

    #[track_caller]
    fn check(&self, action: &str, key: &str, expected: Option<&str>) {
        let (seen, _) = self.seen(action, key).unwrap();
        assert_eq!(seen.as_deref(), expected, "{action} {key}");
    }
}

#[track_caller]
fn check(request: (&str, &str, &[(&str, &str)]), body: &str, action: &str, key: &str, expected: Option<&str>) {
    Case::new(&user(), request.0, request.1, request.2, body).check(action, key, expected);
}

#[test]
fn listing_parameters_are_decoded_and_absent_when_not_sent() {
    let list = "s3:ListBucket";
    let of = |target, key, expected| check(("GET", target, &[]), "", list, key, expected);
    of("/b?prefix=a%2Fb+c", "s3:prefix", Some("a/b c"));
    of("/b?prefix=", "S3:Prefix", Some(""));
    of("/b", "s3:prefix", None);
    of("/b?list-type=2&delimiter=%2F", "s3:delimiter", Some("/"));
    of("/b", "s3:delimiter", None);
    of("/b?max-keys=5", "s3:max-keys", Some("5"));
    of("/b?list-type=2", "s3:max-keys", Some("1000"));
    check(("GET", "/b?versions", &[]), "", "s3:ListBucketVersions", "s3:max-keys", Some("1000"));
    check(("HEAD", "/b", &[]), "", list, "s3:max-keys", None);
    check(("GET", "/b?uploads&prefix=x", &[]), "", "s3:ListBucketMultipartUploads", "s3:prefix", None);
}

#[test]
fn the_test_before_an_absence_has_the_key_for_its_prefix() {
    check(("GET", "/b/a/k", &[]), "", "s3:ListBucket", "s3:prefix", Some("a/k"));
    check(("GET", "/b/a/k", &[]), "", "s3:ListBucketVersions", "s3:prefix", Some("a/k"));
    check(("GET", "/b/a/k", &[]), "", "s3:ListBucket", "s3:max-keys", None);
}

#[test]
fn headers_are_seen_as_sent_and_only_by_actions_that_support_them() {
    let kms = "arn:aws:kms:eu-central-1:111122223333:key/k";
    let headers = [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "alias/k"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-acl", "bucket-owner-full-control"),
        ("x-amz-grant-read", "id=\"1\", id=\"2\""),
        ("x-amz-website-redirect-location", "/x"),
        ("if-none-match", "*"),
        ("x-amz-object-lock-mode", "COMPLIANCE"),
        ("x-amz-object-lock-legal-hold", "ON"),
    ];
    let principal = user();
    let mut case = Case::new(&principal, "PUT", "/b/k", &headers, "");
    let put = "s3:PutObject";
    case.check(put, "s3:x-amz-server-side-encryption", Some("aws:kms"));
    case.check(put, "s3:x-amz-server-side-encryption-aws-kms-key-id", Some("alias/k"));
    case.check(put, "s3:x-amz-server-side-encryption-customer-algorithm", None);
    case.check(put, "s3:x-amz-storage-class", Some("GLACIER"));
    case.check(put, "s3:x-amz-acl", Some("bucket-owner-full-control"));
    case.check(put, "s3:x-amz-grant-read", Some("id=\"1\", id=\"2\""));
    case.check(put, "s3:x-amz-website-redirect-location", Some("/x"));
    case.check(put, "s3:if-none-match", Some("*"));
    case.check(put, "s3:if-match", None);
    case.check(put, "s3:object-lock-mode", Some("COMPLIANCE"));
    case.check(put, "s3:object-lock-legal-hold", Some("ON"));
    case.check("s3:PutObjectAcl", "s3:x-amz-acl", Some("bucket-owner-full-control"));
    case.check("s3:PutObjectAcl", "s3:x-amz-server-side-encryption", None);
    case.facts.kms_key = Some(kms);
    case.check(put, "s3:x-amz-server-side-encryption-aws-kms-key-id", Some(kms));
    let mut bare = Case::new(&principal, "PUT", "/b/k", &[], "");
    bare.facts.kms_key = Some(kms);
    bare.check(put, "s3:x-amz-server-side-encryption-aws-kms-key-id", None);
    bare.check(put, "s3:x-amz-server-side-encryption", None);
    check(("GET", "/b/k", &[("if-match", "x")]), "", "s3:GetObject", "s3:if-match", None);
    check(("DELETE", "/b/k", &[("if-match", "x")]), "", "s3:DeleteObject", "s3:if-match", Some("x"));
}

#[test]
fn only_whole_objects_count_as_creations() {
    let of = |method, target, headers: &[(&str, &str)], expected| {
        check((method, target, headers), "", "s3:PutObject", "s3:ObjectCreationOperation", expected);
    };
    of("PUT", "/b/k", &[], Some("true"));
    of("PUT", "/b/k", &[("x-amz-copy-source", "src/a")], Some("true"));
    of("POST", "/b/k?uploadId=u", &[], Some("true"));
    of("POST", "/b/k?uploads", &[], Some("false"));
    of("PUT", "/b/k?uploadId=u&partNumber=1", &[], Some("false"));
    of("PUT", "/b/k?uploadId=u&partNumber=1", &[("x-amz-copy-source", "src/a")], Some("false"));
    check(("DELETE", "/b/k", &[]), "", "s3:DeleteObject", "s3:ObjectCreationOperation", None);
}

#[test]
fn a_version_is_that_of_the_side_or_entry_asked_about() {
    check(("GET", "/b/k?versionId=v", &[]), "", "s3:GetObjectVersion", "s3:VersionId", Some("v"));
    let copy = [("x-amz-copy-source", "src/a?versionId=s")];
    check(("PUT", "/b/k", &copy), "", "s3:GetObjectVersion", "s3:versionid", Some("s"));
    check(("PUT", "/b/k", &copy), "", "s3:PutObject", "s3:versionid", None);
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>e</VersionId></Object></Delete>";
    check(("POST", "/b?delete", &[]), body, "s3:DeleteObjectVersion", "s3:versionid", Some("e"));
}

#[test]
fn a_copy_source_is_seen_as_sent_and_where_that_is_not_canonical_both_ways() {
    let of = |sent: &str| {
        let routed = routed("PUT", "/b/k", &[("x-amz-copy-source", sent)]);
        let (document, principal) = (Document::None, user());
        let given = given(&routed, &document);
        let stored = Looked { source_has_tags: Some(false), ..Looked::default() };
        let asks = checks(&given, &stored).unwrap();
        let request = Request::new(given, facts(&principal), &stored).unwrap();
        let mut seen: Vec<String> = Vec::new();
        for ask in &asks {
            if let Some(Values::One(value)) = request.view(ask).values("s3:x-amz-copy-source") {
                assert_eq!(ask.action(), "s3:PutObject");
                seen.push(value.to_owned());
            }
        }
        seen.sort_unstable();
        seen
    };
    assert_eq!(of("src/private/a"), ["src/private/a"]);
    assert_eq!(of("src/%70rivate/a"), ["src/%70rivate/a", "src/private/a"]);
    assert_eq!(of("/src/private/a"), ["/src/private/a", "src/private/a"]);
}

#[test]
fn tags_of_the_request_are_seen_where_they_take_effect() {
    let header = [("x-amz-tagging", "Team=red&cost%20centre=1%262")];
    let of = |request, body, action, key, expected| check(request, body, action, key, expected);
    let put = ("PUT", "/b/k", &header[..]);
    of(put, "", "s3:PutObject", "s3:RequestObjectTag/team", Some("red"));
    of(put, "", "s3:PutObject", "s3:RequestObjectTag/Cost Centre", Some("1&2"));
    of(put, "", "s3:PutObject", "s3:RequestObjectTag/other", None);
    of(put, "", "s3:PutObject", "s3:RequestObjectTagKeys", Some("[Team, cost centre]"));
    of(put, "", "s3:PutObjectTagging", "s3:RequestObjectTag/team", Some("red"));
    of(("PUT", "/b/k", &[]), "", "s3:PutObject", "s3:RequestObjectTagKeys", None);
    of(("PUT", "/b/k", &[("x-amz-tagging", "")]), "", "s3:PutObject", "s3:RequestObjectTagKeys", None);
    let body = "<Tagging><TagSet><Tag><Key>a</Key><Value></Value></Tag></TagSet></Tagging>";
    of(("PUT", "/b/k?tagging", &[]), body, "s3:PutObjectTagging", "s3:RequestObjectTag/a", Some(""));
    of(("PUT", "/b/k?tagging", &[]), body, "s3:PutObjectTagging", "s3:RequestObjectTagKeys", Some("[a]"));
    // On a copy that takes the source's tags the header is idle: it must not satisfy a condition.
    let copy = [("x-amz-copy-source", "src/a"), header[0]];
    of(("PUT", "/b/k", &copy), "", "s3:PutObject", "s3:RequestObjectTag/team", None);
    let replace = [copy[0], copy[1], ("x-amz-tagging-directive", "REPLACE")];
    of(("PUT", "/b/k", &replace), "", "s3:PutObject", "s3:RequestObjectTag/team", Some("red"));
}

#[test]
fn of_two_tags_that_differ_in_case_the_exact_one_counts_else_the_first() {
    let header = [("x-amz-tagging", "TEAM=1&team=2&X=3&x=4")];
    let of = |key, expected| check(("PUT", "/b/k", &header), "", "s3:PutObject", key, expected);
    of("s3:RequestObjectTag/team", Some("2"));
    of("s3:REQUESTOBJECTTAG/TEAM", Some("1"));
    of("s3:RequestObjectTag/Team", Some("1"));
    of("s3:RequestObjectTag/X", Some("3"));
    of("s3:RequestObjectTag/x", Some("4"));
    check(
        ("PUT", "/b/k", &[("x-amz-tagging", "TEAM=1&Team=2")]),
        "",
        "s3:PutObject",
        "s3:RequestObjectTag/team",
        Some("1"),
    );
}

#[test]
fn what_cannot_be_read_is_refused_before_a_condition_misses_it() {
    let principal = user();
    for (name, value) in [
        ("x-amz-tagging", "a=1&a=2"),
        ("x-amz-tagging", "a=%f"),
        ("x-amz-object-lock-retain-until-date", "tomorrow"),
        ("x-amz-object-lock-retain-until-date", ""),
        ("x-amz-object-lock-retain-until-date", "2030-01-01 00:00:00Z"),
        ("x-amz-object-lock-retain-until-date", "20300101T000000Z"),
        ("x-amz-object-lock-event-hold-duration-days", "-1"),
        ("x-amz-object-lock-event-hold-duration-years", "99999999"),
    ] {
        let case = Case::new(&principal, "PUT", "/b/k", &[(name, value)], "");
        let fault = case.seen("s3:PutObject", "s3:prefix").unwrap_err();
        assert_eq!(fault.code(), Code::InvalidArgument, "{name}: {value}");
    }
}

#[test]
fn locks_are_seen_from_headers_and_documents() {
    let until = |text| [("x-amz-object-lock-retain-until-date", text)];
    let of =
        |headers: &[(&str, &str)], key, expected| check(("PUT", "/b/k", headers), "", "s3:PutObject", key, expected);
    let days = "s3:object-lock-remaining-retention-days";
    // Now is 2026-03-02T10:20:30.500Z; a day begun counts whole.
    of(&until("2026-03-03T10:20:30Z"), days, Some("1"));
    of(&until("2026-03-03T10:20:30.500Z"), days, Some("1"));
    of(&until("2026-03-03T10:20:31Z"), days, Some("2"));
    of(&until("2026-03-12T00:00:00.000Z"), days, Some("10"));
    of(&until("2026-03-01T00:00:00Z"), days, Some("-1"));
    of(&until("2026-03-03T10:20:30Z"), "s3:object-lock-retain-until-date", Some("2026-03-03T10:20:30Z"));
    of(&[], days, None);
    let hold = "s3:object-lock-event-hold-duration-days";
    of(&[("x-amz-object-lock-event-hold-duration-days", "30")], hold, Some("30"));
    of(&[("x-amz-object-lock-event-hold-duration-years", "2")], hold, Some("730"));
    let body = "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2026-03-04T00:00:00Z</RetainUntilDate></Retention>";
    let retention = |key, expected| check(("PUT", "/b/k?retention", &[]), body, "s3:PutObjectRetention", key, expected);
    retention("s3:object-lock-mode", Some("GOVERNANCE"));
    retention("s3:object-lock-retain-until-date", Some("2026-03-04T00:00:00Z"));
    retention(days, Some("2"));
    retention("s3:object-lock-event-hold", None);
    check(("PUT", "/b/k?retention", &[]), "<Retention/>", "s3:PutObjectRetention", "s3:object-lock-mode", None);
    let held = "<LegalHold><Status>ON</Status></LegalHold>";
    check(("PUT", "/b/k?legal-hold", &[]), held, "s3:PutObjectLegalHold", "s3:object-lock-legal-hold", Some("ON"));
}

#[test]
fn documents_of_buckets_are_seen() {
    let body = "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint><Tags><Tag><Key>Team</Key><Value>red</Value></Tag></Tags></CreateBucketConfiguration>";
    let create = |action, key, expected| {
        check(("PUT", "/bbb", &[("x-amz-object-ownership", "ObjectWriter")]), body, action, key, expected)
    };
    create("s3:CreateBucket", "s3:locationconstraint", Some("eu-central-1"));
    create("s3:CreateBucket", "s3:x-amz-object-ownership", Some("ObjectWriter"));
    create("s3:TagResource", "aws:RequestTag/team", Some("red"));
    let both = body.replace("<Tags>", "<Tags><Tag><Key>TEAM</Key><Value>blue</Value></Tag>");
    let of = |key, expected| check(("PUT", "/bbb", &[]), &both, "s3:TagResource", key, expected);
    of("aws:RequestTag/Team", Some("red"));
    of("aws:RequestTag/team", Some("blue"));
    create("s3:TagResource", "aws:TagKeys", Some("[Team]"));
    check(("PUT", "/bbb", &[]), "", "s3:CreateBucket", "s3:locationconstraint", None);
    let body =
        "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>";
    let action = "s3:PutBucketOwnershipControls";
    check(("PUT", "/b?ownershipControls", &[]), body, action, "s3:x-amz-object-ownership", Some("BucketOwnerEnforced"));
    let body = "<InventoryConfiguration><OptionalFields><Field>Size</Field></OptionalFields></InventoryConfiguration>";
    let (action, key) = ("s3:PutInventoryConfiguration", "s3:InventoryAccessibleOptionalFields");
    check(("PUT", "/b?inventory&id=i", &[]), body, action, key, Some("[Size]"));
    check(("PUT", "/b?inventory&id=i", &[]), "<InventoryConfiguration/>", action, key, None);
}

#[test]
fn a_form_is_a_write_signed_by_its_fields() {
    let principal = user();
    let mut case = Case::new(&principal, "PUT", "/b/k", &[("x-amz-acl", "public-read")], "");
    case.facts.signature.kind = Auth::Form;
    case.facts.content_sha256 = Some("UNSIGNED-PAYLOAD");
    let of = |key, expected| case.check("s3:PutObject", key, expected);
    of("s3:x-amz-acl", Some("public-read"));
    of("s3:authType", Some("POST"));
    of("s3:signatureAge", Some("30500"));
    of("s3:x-amz-content-sha256", None);
    of("s3:x-amz-storage-class", None);
}

#[test]
fn tags_of_objects_are_looked_up_only_when_asked_for() {
    let principal = user();
    let tags = |value: &str| Some(vec![("Team".to_owned(), value.to_owned())]);
    let mut case = Case::new(&principal, "GET", "/b/k", &[], "");
    let key = "s3:ExistingObjectTag/team";
    assert_eq!(case.seen("s3:GetObject", "aws:SourceIp").unwrap().1, Needs::NONE);
    assert_eq!(case.seen("s3:GetObject", key).unwrap(), (None, Needs::TARGET_TAGS));
    case.stored.target_tags = Some(Vec::new());
    assert_eq!(case.seen("s3:GetObject", key).unwrap(), (None, Needs::NONE));
    case.stored.target_tags = tags("red");
    assert_eq!(case.seen("s3:GetObject", key).unwrap(), (Some("red".to_owned()), Needs::NONE));
    let mut copy = Case::new(&principal, "PUT", "/b/k", &[("x-amz-copy-source", "src/a")], "");
    copy.stored = Looked { target_tags: tags("wrong"), source_tags: tags("red"), ..Looked::default() };
    copy.check("s3:GetObject", key, Some("red"));
    // A write never sees the tags of what it replaces, and does not ask for them.
    let copy = Case::new(&principal, "PUT", "/b/k", &[("x-amz-copy-source", "src/a"), ("x-amz-acl", "private")], "");
    for action in ["s3:PutObject", "s3:PutObjectTagging", "s3:PutObjectAcl"] {
        assert_eq!(copy.seen(action, key).unwrap(), (None, Needs::NONE), "{action}");
    }
    assert_eq!(Case::new(&principal, "PUT", "/b/k", &[], "").seen("s3:PutObject", key).unwrap(), (None, Needs::NONE));
}

#[test]
fn parts_are_encrypted_as_their_upload_was_begun() {
    let principal = user();
    let mut case = Case::new(&principal, "PUT", "/b/k?uploadId=u&partNumber=1", &[], "");
    let (sse, put) = ("s3:x-amz-server-side-encryption", "s3:PutObject");
    assert_eq!(case.seen(put, sse).unwrap(), (None, Needs::UPLOAD));
    case.stored.upload = Some(None);
    assert_eq!(case.seen(put, sse).unwrap(), (None, Needs::NONE));
    let upload = UploadEncryption {
        encryption: crate::s3::encryption::Encryption::None,
        algorithm: Some("aws:kms".to_owned()),
        kms_key: Some("k".to_owned()),
        customer_algorithm: None,
    };
    case.stored.upload = Some(Some(upload));
    case.check(put, sse, Some("aws:kms"));
    case.check(put, "s3:x-amz-server-side-encryption-aws-kms-key-id", Some("k"));
    case.check(put, "s3:x-amz-server-side-encryption-customer-algorithm", None);
    // Only the encryption is inherited.
    case.check(put, "s3:x-amz-acl", None);
    case.check(put, "s3:x-amz-storage-class", None);
}

#[test]
fn a_signature_is_seen_by_its_kind() {
    let principal = user();
    let mut case = Case::new(&principal, "GET", "/b/k", &[], "");
    let expect = |case: &Case<'_>, expected: [Option<&str>; 3]| {
        for (key, expected) in ["s3:authType", "s3:signatureversion", "s3:signatureAge"].into_iter().zip(expected) {
            case.check("s3:GetObject", key, expected);
        }
    };
    expect(&case, [Some("REST-HEADER"), Some("AWS4-HMAC-SHA256"), None]);
    case.facts.signature.kind = Auth::Query;
    expect(&case, [Some("REST-QUERY-STRING"), Some("AWS4-HMAC-SHA256"), Some("30500")]);
    case.facts.signature.kind = Auth::Anonymous;
    expect(&case, [None, None, None]);
    case.check("s3:GetObject", "s3:x-amz-content-sha256", None);
    case.facts.content_sha256 = Some("UNSIGNED-PAYLOAD");
    case.check("s3:GetObject", "s3:x-amz-content-sha256", Some("UNSIGNED-PAYLOAD"));
}

#[test]
fn the_way_a_request_came_is_seen() {
    let principal = user();
    let mut case = Case::new(&principal, "GET", "/b/k", &[], "");
    case.facts.user_agent = Some(b"aws-cli/2");
    let get = "s3:GetObject";
    case.check(get, "aws:SecureTransport", Some("true"));
    case.check(get, "s3:TlsVersion", Some("1.3"));
    case.check(get, "aws:SourceIp", Some("203.0.113.9"));
    case.check(get, "aws:UserAgent", Some("aws-cli/2"));
    for (sent, seen) in [(&b"evil/1 \xff"[..], "evil/1 \u{FFFD}"), ("evil/1 é".as_bytes(), "evil/1 é"), (b"", "")] {
        let mut odd = Case::new(&principal, "GET", "/b/k", &[], "");
        (odd.facts.user_agent, odd.facts.referer) = (Some(sent), Some(sent));
        odd.check(get, "aws:UserAgent", Some(seen));
        odd.check(get, "aws:Referer", Some(seen));
    }
    case.check(get, "aws:referer", None);
    case.check(get, "aws:RequestedRegion", Some("eu-central-1"));
    case.check(get, "aws:CurrentTime", Some("2026-03-02T10:20:30Z"));
    case.check(get, "aws:EpochTime", Some("1772446830"));
    case.check(get, "aws:ViaAWSService", Some("false"));
    for key in
        ["aws:VpcSourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:SourceVpcArn", "aws:VpceAccount", "aws:VpceOrgID"]
    {
        case.check(get, key, None);
    }
    case.facts.channel.tls = None;
    case.check(get, "aws:SecureTransport", Some("false"));
    case.check(get, "s3:TlsVersion", None);
    case.facts.channel.endpoint =
        Some(Endpoint { id: Some("vpce-0a1b2c3d"), vpc: Some("vpc-1"), ..Endpoint::default() });
    case.check(get, "aws:SourceIp", None);
    case.check(get, "aws:VpcSourceIp", Some("203.0.113.9"));
    case.check(get, "aws:SourceVpce", Some("vpce-0a1b2c3d"));
    case.check(get, "aws:SourceVpc", Some("vpc-1"));
    case.check(get, "aws:VpceAccount", None);
}

#[test]
fn every_kind_of_principal_is_seen_as_the_reference_says() {
    let arn = |rest: &str| format!("arn:aws:iam::{OWNER}:{rest}");
    let of = |kind: Kind, own: String, expected: [Option<&str>; 6]| {
        let anonymous = kind == Kind::Anonymous;
        let account = if anonymous { String::new() } else { OWNER.to_owned() };
        let principal = Principal { arn: own, account, kind, ..user() };
        let case = Case::new(&principal, "GET", "/b/k", &[], "");
        let keys = [
            "aws:PrincipalArn",
            "aws:PrincipalAccount",
            "aws:PrincipalType",
            "aws:userid",
            "aws:username",
            "aws:PrincipalTag/team",
        ];
        for (key, expected) in keys.into_iter().zip(expected) {
            case.check("s3:GetObject", key, expected);
        }
        case.check("s3:GetObject", "aws:PrincipalIsAWSService", Some("false"));
    };
    let role = arn("role/team/reader");
    let root = arn("root");
    let kind = Kind::Role { role: role.clone(), session: "s1".to_owned() };
    let user_id = user().user_id();
    let session_id = Principal { kind: kind.clone(), ..user() }.user_id();
    assert!(user_id.starts_with("AIDA") && session_id.starts_with("AROA") && session_id.ends_with(":s1"));
    let user = arn("user/team/alice");
    of(Kind::User, user.clone(), [Some(&user), Some(OWNER), Some("User"), Some(&user_id), Some("alice"), Some("red")]);
    of(
        kind,
        format!("arn:aws:sts::{OWNER}:assumed-role/reader/s1"),
        [Some(&role), Some(OWNER), Some("AssumedRole"), Some(&session_id), None, Some("red")],
    );
    of(Kind::Root, root.clone(), [Some(&root), Some(OWNER), Some("Account"), Some(OWNER), None, None]);
    of(Kind::Anonymous, "*".to_owned(), [None, Some("anonymous"), Some("Anonymous"), Some("anonymous"), None, None]);
}

#[test]
fn of_a_principals_two_tags_the_one_that_is_spelled_so_counts() {
    let tags = [("TEAM", "blue"), ("Team", "red"), ("team", "green")].map(|(key, value)| (key.into(), value.into()));
    let principal = Principal { tags: tags.into(), ..user() };
    let case = Case::new(&principal, "GET", "/b/k", &[], "");
    for (key, expected) in [("Team", "red"), ("team", "green"), ("TEAM", "blue"), ("tEAM", "blue")] {
        case.check("s3:GetObject", &format!("aws:PrincipalTag/{key}"), Some(expected));
    }
}

#[test]
fn lasting_keys_say_nothing_of_a_second_factor() {
    let keys = [
        "aws:MultiFactorAuthPresent",
        "aws:MultiFactorAuthAge",
        "aws:TokenIssueTime",
        "aws:SourceIdentity",
        "aws:FederatedProvider",
        "aws:AssumedRoot",
    ];
    let of = |mfa: Option<bool>, expected: [Option<&str>; 6]| {
        let principal = Principal { session: mfa.map(|mfa| Arc::new(session(mfa))), ..user() };
        let case = Case::new(&principal, "GET", "/b/k", &[], "");
        for (key, expected) in keys.into_iter().zip(expected) {
            case.check("s3:GetObject", key, expected);
        }
    };
    let (issued, provider) = ("2026-03-02T10:06:40Z", format!("arn:aws:iam::{OWNER}:oidc-provider/idp.example"));
    of(None, [None; 6]);
    of(Some(false), [Some("false"), None, Some(issued), Some("bob"), Some(&provider), None]);
    of(Some(true), [Some("true"), None, Some(issued), Some("bob"), Some(&provider), None]);
}

#[test]
fn each_side_of_a_copy_has_its_owner() {
    let principal = user();
    let tags = vec![("class".to_owned(), "secret".to_owned())];
    let organization = Organization { id: "o-1".to_owned(), paths: vec!["o-1/r-1/".to_owned()] };
    let mut case = Case::new(&principal, "PUT", "/b/k", &[("x-amz-copy-source", "src/a")], "");
    case.facts.source = Owner { organization: Some(&organization), tags: Some(&tags), ..case.facts.source };
    for key in ["aws:ResourceAccount", "s3:ResourceAccount"] {
        case.check("s3:GetObject", key, Some(SOURCE_OWNER));
        case.check("s3:PutObject", key, Some(OWNER));
    }
    case.check("s3:GetObject", "aws:ResourceOrgID", Some("o-1"));
    case.check("s3:GetObject", "aws:ResourceOrgPaths", Some("[o-1/r-1/]"));
    case.check("s3:PutObject", "aws:ResourceOrgID", None);
    case.check("s3:GetObject", "s3:BucketTag/Class", Some("secret"));
    case.check("s3:GetObject", "aws:ResourceTag/Class", Some("secret"));
    let both = vec![("class".to_owned(), "open".to_owned()), ("Class".to_owned(), "secret".to_owned())];
    case.facts.source.tags = Some(&both);
    for (key, expected) in
        [("s3:BucketTag/Class", "secret"), ("aws:ResourceTag/Class", "secret"), ("aws:ResourceTag/CLASS", "open")]
    {
        case.check("s3:GetObject", key, Some(expected));
    }
    case.check("s3:PutObject", "aws:ResourceTag/Class", None);
    case.check("s3:PutObject", "aws:PrincipalOrgID", None);
    case.facts.caller.organization = Some(&organization);
    case.check("s3:PutObject", "aws:PrincipalOrgPaths", Some("[o-1/r-1/]"));
}

#[test]
fn an_access_point_is_seen_only_when_it_was_used() {
    let principal = user();
    let tags = vec![("env".to_owned(), "prod".to_owned())];
    let mut case = Case::new(&principal, "GET", "/b/k", &[], "");
    let get = "s3:GetObject";
    case.check(get, "s3:DataAccessPointArn", None);
    let arn = "arn:aws:s3:eu-central-1:111122223333:accesspoint/ap";
    case.facts.target.access_point =
        Some(AccessPoint { arn, account: OWNER, network_origin: "VPC", tags: Some(&tags) });
    case.check(get, "s3:DataAccessPointArn", Some(arn));
    case.check(get, "s3:DataAccessPointAccount", Some(OWNER));
    case.check(get, "s3:AccessPointNetworkOrigin", Some("VPC"));
    case.check(get, "s3:AccessPointTag/env", Some("prod"));
    case.check(get, "aws:ResourceTag/env", Some("prod"));
    // The bucket behind it has tags of its own, whatever somebody has written on the door.
    let of_bucket = vec![("env".to_owned(), "closed".to_owned())];
    for (tags, expected) in [(None, None), (Some(&of_bucket), Some("closed"))] {
        case.facts.target.tags = tags;
        case.check(get, "aws:ResourceTag/env", Some("prod"));
        assert_eq!(case.seen_behind(get, "aws:ResourceTag/env"), expected.map(str::to_owned));
        assert_eq!(case.seen_behind(get, "s3:AccessPointTag/env"), Some("prod".to_owned()));
    }
    let both = vec![("env".to_owned(), "test".to_owned()), ("Env".to_owned(), "prod".to_owned())];
    case.facts.target.access_point =
        Some(AccessPoint { arn, account: OWNER, network_origin: "VPC", tags: Some(&both) });
    case.check(get, "s3:AccessPointTag/Env", Some("prod"));
    case.check(get, "aws:ResourceTag/Env", Some("prod"));
}

#[test]
fn what_no_request_can_say_is_absent_and_what_is_no_key_too() {
    let principal = user();
    let case = Case::new(&principal, "GET", "/b/k", &[], "");
    for key in [
        "s3:AccessGrantsInstanceArn",
        "aws:CalledVia",
        "aws:CalledViaFirst",
        "aws:SourceArn",
        "aws:SourceAccount",
        "aws:PrincipalServiceName",
        "aws:nothing",
        "",
        "s3:ExistingObjectTag/",
    ] {
        case.check("s3:GetObject", key, None);
    }
}
