//! A request that was never sent is asked as if it had been.

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::access::hypothetical::Hypothetical;
use crate::policy::context::{Context, asked};
use crate::policy::engine::public::Block;
use crate::policy::engine::{Attachments, Brought, BucketRules, Policy, Sources};
use crate::policy::read::{Kind as Form, read};
use crate::s3::Operation;
use crate::s3::operation::EXAMPLES;
use crate::s3::permission::Key;

/// What follows from who, whose, from where and when. All other keys are the request's own words.
const FOLLOWS: [Key; 21] = [
    Key::AwsCurrentTime,
    Key::AwsEpochTime,
    Key::AwsPrincipalAccount,
    Key::AwsPrincipalArn,
    Key::AwsPrincipalIsAWSService,
    Key::AwsPrincipalOrgID,
    Key::AwsPrincipalOrgPaths,
    Key::AwsPrincipalTag,
    Key::AwsPrincipalType,
    Key::AwsRequestedRegion,
    Key::AwsResourceAccount,
    Key::AwsResourceOrgID,
    Key::AwsResourceOrgPaths,
    Key::AwsSecureTransport,
    Key::AwsSourceIp,
    Key::AwsUserid,
    Key::AwsUsername,
    Key::AwsViaAWSService,
    Key::S3AuthType,
    Key::S3Signatureversion,
    Key::S3TlsVersion,
];

/// Method, target, headers.
type Sent = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Requests that say more than the plain ones.
const WORDY: &[Sent] = &[
    ("GET", "/photo-bucket?list-type=2&prefix=a/b&delimiter=/&max-keys=7", &[]),
    ("GET", "/photo-bucket/k?versionId=3", &[]),
    ("PUT", "/photo-bucket/k", &[("x-amz-tagging", "team=red&b=c"), ("x-amz-acl", "private"), ("if-none-match", "*")]),
    (
        "PUT",
        "/photo-bucket/k",
        &[
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:eu-central-1:111122223333:key/1"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"),
        ],
    ),
    (
        "PUT",
        "/photo-bucket/k",
        &[("x-amz-copy-source", "src-bucket/a?versionId=v"), ("x-amz-metadata-directive", "REPLACE")],
    ),
    ("DELETE", "/photo-bucket/k?versionId=3", &[]),
];

/// Everything is allowed, but for what `deny` says of every bucket.
fn estate(deny: &str) -> Estate {
    let policy = |text: &str, form| Policy::new("p", read(text.as_bytes(), form).unwrap().document);
    let allow = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let attached = Attachments { policies: vec![policy(allow, Form::Identity)], boundary: None };
    let bucket = || BucketRules {
        owner: OWNER.to_owned(),
        policy: (!deny.is_empty()).then(|| policy(deny, Form::Resource)),
        binds_root: false,
        block: Block::default(),
        ownership: Default::default(),
        acl: None,
    };
    let buckets = ["amzn-s3-demo-bucket", "photo-bucket", "src-bucket"].map(|name| (name.to_owned(), bucket()));
    let sources =
        Sources { identities: [(user().arn, attached)].into(), buckets: buckets.into(), ..Sources::default() };
    let organization = Organization { id: "o-1".to_owned(), paths: vec!["o-1/r-1/".to_owned()] };
    Estate::new(OWNER, sources, HashMap::from([(OWNER.to_owned(), organization)]))
}

/// Names to ask for: of tags, one that requests have and one that they have not.
fn names() -> impl Iterator<Item = (Key, String)> {
    Key::ALL.into_iter().flat_map(|key| {
        let tags: &[&str] = if key.is_tagged() { &["/team", "/none"] } else { &[""] };
        tags.iter().map(move |tag| (key, format!("{}{tag}", key.name())))
    })
}

/// Calls `check` with every ask of every example that needs no body.
fn each(mut check: impl FnMut(&View<'_>, &Ask, &Facts<'_>)) {
    let principal = Arc::new(user());
    let estate = estate("");
    let served = |name: &str| {
        let operation = Operation::ALL.into_iter().find(|operation| operation.name() == name).unwrap();
        // Forms come with a body, and a preflight asks nothing.
        operation.spec().refused.is_none() && !matches!(name, "PostObject" | "OptionsObject")
    };
    let plain = EXAMPLES.iter().filter(|(name, ..)| served(name));
    let plain = plain.map(|(_, method, target, headers)| (*method, *target, *headers));
    for (method, target, headers) in plain.chain(WORDY.iter().copied()) {
        let routed = routed(method, target, headers);
        if Document::is_needed(routed.operation) {
            continue;
        }
        let given = given(&routed, &Document::None);
        let asks = checks(&given, &Nothing).unwrap();
        let mut facts = facts(&principal);
        facts.caller.organization = estate.organization(OWNER);
        let owner = Owner { account: Some(OWNER), organization: estate.organization(OWNER), ..Owner::default() };
        (facts.target, facts.source) = (routed.bucket.as_ref().map(|_| owner).unwrap_or_default(), owner);
        let request = Request::new(given, facts, &Nothing).unwrap();
        for ask in &asks {
            check(&request.view(ask), ask, &facts);
        }
    }
}

/// What the request says itself, given by hand.
fn by_hand(view: &View<'_>) -> Vec<(String, String)> {
    let own = names().filter(|(key, _)| !FOLLOWS.contains(key));
    own.filter_map(|(_, name)| Some((view.values(&asked(&name))?.iter().map(str::to_owned).collect::<Vec<_>>(), name)))
        .flat_map(|(values, name)| values.into_iter().map(move |value| (name.clone(), value)))
        .collect()
}

#[test]
fn a_request_that_was_never_sent_has_the_keys_of_one_that_was() {
    let estate = estate("");
    let mut compared = 0;
    each(|view, ask, facts| {
        let with = by_hand(view);
        let hypothetical = Hypothetical {
            principal: facts.caller.principal,
            action: ask.action(),
            resource: ask.resource(),
            from: Some(facts.channel.address),
            with: &with,
            region: facts.region,
            now: facts.now,
        };
        hypothetical
            .ask(&estate, |question, _| {
                let real = view.question(false);
                assert_eq!(
                    (question.caller, question.action, question.resource, question.owner),
                    (real.caller, real.action, real.resource, real.owner)
                );
                for (key, name) in names().filter(|(key, _)| ask.check.sees(*key)) {
                    let values = |context: &dyn Context| {
                        context.values(&asked(&name)).map(|values| values.iter().map(str::to_owned).collect::<Vec<_>>())
                    };
                    let (made_up, sent) = (values(question.context), values(real.context));
                    assert_eq!(made_up, sent, "{key:?} of {} on {}", ask.action(), ask.resource());
                    compared += usize::from(sent.is_some());
                }
            })
            .unwrap_or_else(|fault| panic!("{} on {}: {fault}", ask.action(), ask.resource()));
    });
    assert!(compared > 1_000, "{compared}");
}

#[test]
fn a_request_that_was_never_sent_is_decided_as_one_that_was() {
    let mut counts = std::collections::BTreeMap::<&str, u32>::new();
    each(|view, ask, facts| {
        let with = by_hand(view);
        for (key, name) in names().filter(|(key, _)| ask.check.sees(*key)) {
            let value = view.values(&asked(&name)).and_then(|values| values.iter().next().map(str::to_owned));
            // Half of the denials name the value that is there, or one that is not.
            let value = value.filter(|_| (key as usize).is_multiple_of(2)).unwrap_or_else(|| "other".to_owned());
            let quantifier = if key.has_many() { "ForAnyValue:" } else { "" };
            let deny = serde_json::json!({"Version": "2012-10-17", "Statement": {
                "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
                "Condition": {format!("{quantifier}StringEquals"): {name: value}}}});
            let estate = estate(&deny.to_string());
            let hypothetical = Hypothetical {
                principal: facts.caller.principal,
                action: ask.action(),
                resource: ask.resource(),
                from: Some(facts.channel.address),
                with: &with,
                region: facts.region,
                now: facts.now,
            };
            let sent = estate.rules().decide(&view.question(false), &Brought::default());
            assert_eq!(
                hypothetical.decide(&estate).unwrap(),
                sent,
                "{deny} for {} on {}",
                ask.action(),
                ask.resource()
            );
            *counts.entry(sent.name()).or_default() += 1;
        }
    });
    assert!(counts.len() >= 2 && counts.values().all(|count| *count > 100), "{counts:?}");
}
