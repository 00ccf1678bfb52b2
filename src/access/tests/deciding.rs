//! The whole way: from a request over its questions to what the caller hears.

use std::sync::Arc;

use super::absence::{Told, Verdict};
use super::*;
use crate::policy::engine::{Attachments, Brought, BucketRules, Decision, Generation, Policy, Sources};
use crate::policy::read::{Kind as Form, read};
use crate::s3::{Code, Fault, Operation};

fn policy(name: &str, text: &str, kind: Form) -> Arc<Policy> {
    Policy::new(name, read(text.as_bytes(), kind).unwrap().document)
}

/// The user may do everything with `b` and `src`; both buckets are of one account.
fn generation(bucket: &str, source: &str) -> Generation {
    let allow = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*","arn:aws:s3:::src/*"]}}"#;
    generation_of(allow, bucket, source)
}

/// The user may do what the first document says.
fn generation_of(allow: &str, bucket: &str, source: &str) -> Generation {
    let attached = Attachments { policies: vec![policy("alice", allow, Form::Identity)], boundary: None };
    let of = |name: &str, statement: &str| BucketRules {
        owner: OWNER.to_owned(),
        policy: (!statement.is_empty())
            .then(|| policy(name, &format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#), Form::Resource)),
        binds_root: false,
        block: Default::default(),
        ownership: Default::default(),
        acl: None,
    };
    Generation::new(Sources {
        identities: [(user().arn, attached)].into(),
        buckets: [("b".to_owned(), of("b", bucket)), ("src".to_owned(), of("src", source))].into(),
        ..Sources::default()
    })
}

/// What a pipeline does: ask everything; look up what an answer hangs on; say no for the first reason.
fn decide(
    generation: &Generation,
    request: (&str, &str, &[(&str, &str)]),
    store: &Looked,
) -> (Result<(), Fault>, Needs) {
    let (routed, document, principal) = (routed(request.0, request.1, request.2), Document::None, user());
    let given = given(&routed, &document);
    let mut facts = facts(&principal);
    facts.source.account = Some(OWNER);
    let mut looked = Looked::default();
    let mut fetched = Needs::NONE;
    loop {
        let asks = checks(&given, &looked).unwrap();
        let request = Request::new(given, facts, &looked).unwrap();
        let mut hangs = Needs::NONE;
        let mut denied = None;
        for ask in &asks {
            let view = request.view(ask);
            let decision = generation.decide(&view.question(given.consents(ask, false)), &Brought::default());
            if !decision.is_allow() {
                if ask.hinges_on().is_some() {
                    hangs = hangs.and(asks.needs());
                }
                let owner = if ask.side() == Side::Source { &facts.source } else { &facts.target };
                denied = denied.or_else(|| Some(words::denied(&facts.caller, owner, ask, &decision)));
            }
        }
        let needs = hangs.and(request.needs());
        if needs.is_empty() {
            return (denied.map_or(Ok(()), Err), fetched);
        }
        fetched = fetched.and(needs);
        if needs.has(Needs::SOURCE_HAS_TAGS) {
            looked.source_has_tags = store.source_has_tags;
        }
        if needs.has(Needs::SOURCE_TAGS) {
            looked.source_tags = store.source_tags.clone();
        }
        if needs.has(Needs::TARGET_TAGS) {
            looked.target_tags = store.target_tags.clone();
        }
        if needs.has(Needs::UPLOAD) {
            looked.upload = store.upload.clone();
        }
    }
}

fn deny(action: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect":"Deny","Principal":"*","Action":"{action}","Resource":"{resource}","Condition":{condition}}}"#
    )
}

const COPY: (&str, &str, &[(&str, &str)]) = ("PUT", "/b/k", &[("x-amz-copy-source", "src/a")]);

fn tagged(tags: &[(&str, &str)]) -> Looked {
    let tags: Vec<_> = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Looked { source_has_tags: Some(!tags.is_empty()), source_tags: Some(tags), ..Looked::default() }
}

#[test]
fn a_copy_is_decided_by_real_policies() {
    // Where everything is allowed, nothing is looked up.
    let (answer, fetched) = decide(&generation("", ""), COPY, &tagged(&[("a", "1")]));
    assert!(answer.is_ok() && fetched.is_empty(), "{answer:?} {fetched:?}");
    // Tags may not be written: that matters only for a source that has some.
    let tagging = r#"{"Effect":"Deny","Principal":"*","Action":"s3:PutObjectTagging","Resource":"arn:aws:s3:::b/*"}"#;
    let (answer, fetched) = decide(&generation(tagging, ""), COPY, &tagged(&[]));
    assert!(answer.is_ok() && fetched == Needs::SOURCE_HAS_TAGS, "{answer:?} {fetched:?}");
    let (answer, _) = decide(&generation(tagging, ""), COPY, &tagged(&[("a", "1")]));
    assert_eq!(
        answer.unwrap_err().message(),
        format!(
            "User: arn:aws:iam::{OWNER}:user/team/alice is not authorized to perform: s3:PutObjectTagging on resource: \
             \"arn:aws:s3:::b/k\" with an explicit deny in a resource-based policy"
        )
    );
    // A Deny on the tags of the source holds although the first look found none.
    let secret =
        deny("s3:GetObject", "arn:aws:s3:::src/*", r#"{"StringEquals":{"s3:ExistingObjectTag/Class":"secret"}}"#);
    let (answer, fetched) = decide(&generation("", &secret), COPY, &tagged(&[("class", "secret")]));
    assert!(answer.is_err() && fetched == Needs::SOURCE_TAGS, "{fetched:?}");
    let (answer, _) = decide(&generation("", &secret), COPY, &tagged(&[("class", "open")]));
    assert!(answer.is_ok());
}

#[test]
fn a_copy_source_cannot_be_spelled_past_a_deny() {
    let private =
        deny("s3:PutObject", "arn:aws:s3:::b/*", r#"{"StringLike":{"s3:x-amz-copy-source":"src/private/*"}}"#);
    let generation = generation(&private, "");
    let may = |source| decide(&generation, ("PUT", "/b/k", &[("x-amz-copy-source", source)]), &tagged(&[])).0.is_ok();
    assert!(may("src/public/a") && may("/src/public/a"));
    for source in ["src/private/a", "/src/private/a", "src/%70rivate/a", "src%2Fprivate%2Fa", "src/private%2fa"] {
        assert!(!may(source), "{source}");
    }
}

#[test]
fn a_rule_against_unencrypted_writes_decides_at_creation() {
    let unencrypted = deny(
        "s3:PutObject",
        "arn:aws:s3:::b/*",
        r#"{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}"#,
    );
    let generation = generation(&unencrypted, "");
    let kms = [("x-amz-server-side-encryption", "aws:kms")];
    let may = |request, store: &Looked| decide(&generation, request, store).0.is_ok();
    assert!(may(("POST", "/b/k?uploads", &kms), &Looked::default()));
    assert!(!may(("POST", "/b/k?uploads", &[]), &Looked::default()));
    let part: (&str, &str, &[(&str, &str)]) = ("PUT", "/b/k?uploadId=u&partNumber=1", &[]);
    let begun = |algorithm: Option<&str>| Looked {
        upload: Some(Some(UploadEncryption { algorithm: algorithm.map(str::to_owned), ..UploadEncryption::default() })),
        ..Looked::default()
    };
    assert!(may(part, &begun(Some("aws:kms"))));
    assert!(!may(part, &begun(None)));
    assert!(!may(part, &Looked { upload: Some(None), ..Looked::default() }), "an upload nobody remembers");
}

#[test]
fn an_absent_key_is_told_to_who_may_list_it() {
    let limited =
        r#"{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"s3:ListBucket","Resource":"arn:aws:s3:::b"}"#;
    let listing = deny("s3:ListBucket", "arn:aws:s3:::b", r#"{"StringNotLike":{"s3:prefix":"public/*"}}"#);
    let generation = generation(&format!("[{limited},{listing}]"), "");
    let told = |target| {
        let (routed, document, principal) = (routed("GET", target, &[]), Document::None, user());
        let given = given(&routed, &document);
        let request = Request::new(given, facts(&principal), &Nothing).unwrap();
        let verdict = |ask: &Ask| -> Verdict {
            let decision: Decision = generation.decide(&request.view(ask).question(false), &Brought::default());
            (&decision).into()
        };
        let asks = checks(&given, &Nothing).unwrap();
        let read = asks.iter().map(verdict).fold(Verdict::Allowed, Verdict::and);
        let list = given.before_absence(Side::Target, false).map(|ask| verdict(&ask)).unwrap();
        absence::told(Operation::GetObject, Side::Target, read, list)
    };
    assert_eq!(told("/b/public/x"), Told::Absence);
    assert_eq!(told("/b/private/x"), Told::Denial);
}

#[test]
fn a_stranger_hears_no_reason() {
    let (routed, document) = (routed("GET", "/b/k", &[]), Document::None);
    let given = given(&routed, &document);
    let principal =
        Principal { arn: format!("arn:aws:iam::{SOURCE_OWNER}:user/eve"), account: SOURCE_OWNER.to_owned(), ..user() };
    let facts = facts(&principal);
    let request = Request::new(given, facts, &Nothing).unwrap();
    let asks = checks(&given, &Nothing).unwrap();
    let ask = asks.iter().next().unwrap();
    let decision = generation("", "").decide(&request.view(ask).question(false), &Brought::default());
    let fault = words::denied(&facts.caller, &facts.target, ask, &decision);
    assert_eq!((fault.code(), fault.message()), (Code::AccessDenied, "Access Denied"));
    assert_eq!(fault.private_detail(), Some("s3:GetObject on arn:aws:s3:::b/k"));
}

/// `x-amz-tagging` of a PutObject that the user may make for the team red alone.
fn put_tagged(tagging: &str) -> Result<(), Fault> {
    let condition = r#""StringEquals":{"s3:RequestObjectTag/Team":"red"}"#;
    let granted = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:PutObject*","Resource":"*","Condition":{{{condition}}}}}}}"#
    );
    let rest = deny("s3:PutObject", "arn:aws:s3:::b/*", &format!("{{{}}}", condition.replace("Equals", "NotEquals")));
    let put = |generation: &Generation| {
        decide(generation, ("PUT", "/b/k", &[("x-amz-tagging", tagging)]), &Looked::default()).0
    };
    let (by_grant, by_denial) = (put(&generation_of(&granted, "", "")), put(&generation(&rest, "")));
    assert_eq!(by_grant.is_ok(), by_denial.is_ok(), "{tagging}");
    by_grant
}

#[test]
fn a_tag_in_another_letter_case_does_not_hide_the_one_that_a_policy_names() {
    let closed = deny("s3:GetObject", "arn:aws:s3:::b/*", r#"{"StringEquals":{"s3:ExistingObjectTag/Public":"no"}}"#);
    let own = deny(
        "s3:GetObject",
        "arn:aws:s3:::b/*",
        r#"{"StringEquals":{"s3:ExistingObjectTag/Public":"${s3:ExistingObjectTag/Public, ''}"}}"#,
    );
    let read = |policy: &str, tags: &[(&str, &str)]| {
        let found = Looked { target_tags: tagged(tags).source_tags, ..Looked::default() };
        decide(&generation(policy, ""), ("GET", "/b/k", &[]), &found).0
    };
    assert!(read(&closed, &[("public", "yes"), ("Public", "no")]).is_err());
    assert!(read(&closed, &[("PUBLIC", "yes"), ("Public", "no")]).is_err());
    assert!(read(&closed, &[("Public", "yes"), ("public", "no")]).is_ok());
    // A variable means the same tag as the key of the clause.
    assert!(read(&own, &[("public", "yes"), ("Public", "no")]).is_err());
    // Where none is spelled so, the first one counts.
    assert!(read(&closed, &[("PUBLIC", "no"), ("public", "yes")]).is_err());
    assert!(read(&closed, &[("PUBLIC", "yes"), ("public", "no")]).is_ok());
    assert!(put_tagged("team=red&Team=blue").is_err());
    assert!(put_tagged("TEAM=blue&Team=red").is_ok());
    assert!(put_tagged("TEAM=red&team=blue").is_ok());
}
