//! What may be asked, who may assume what, what is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use ring::rand::SystemRandom;

use super::*;
use crate::identity::{Directory, Federated, Kind, Principal, Role, TokenKey, TokenKeys};
use crate::policy::engine::Policy;
use crate::policy::read;
use crate::s3::xml::Element;
use crate::s3::{Code, Fault};
use crate::time::Seconds;

const ROLE: &str = "arn:aws:iam::111122223333:role/team/reader";

fn body(pairs: &[(&str, &str)]) -> Vec<u8> {
    let encode = |text: &str| crate::s3::uri::encode(text.as_bytes());
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&").into_bytes()
}

fn assume(more: &[(&str, &str)]) -> Vec<u8> {
    let base = [("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", ROLE), ("RoleSessionName", "ci-42")];
    body(&[&base, more].concat())
}

#[track_caller]
fn ask(more: &[(&str, &str)]) -> Ask {
    Ask::read(&assume(more)).unwrap()
}

#[track_caller]
fn refused(body: &[u8]) -> (Code, &'static str) {
    let fault = Ask::read(body).unwrap_err();
    assert!(!fault.message().is_empty());
    (fault.code(), fault.reason())
}

#[test]
fn a_request_is_read_with_everything_it_may_say() {
    let Ask::AssumeRole(asked) = ask(&[
        ("DurationSeconds", "900"),
        ("ExternalId", "a+b:c/d"),
        ("SourceIdentity", "alice"),
        ("Policy", "{\"Version\":\"2012-10-17\"}"),
        ("PolicyArns.member.1.arn", "arn:aws:iam::111122223333:policy/x"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "red + blue"),
        ("Tags.member.2.Key", "stage"),
        ("Tags.member.2.Value", ""),
        ("TransitiveTagKeys.member.1", "team"),
    ]) else {
        panic!("another action")
    };
    assert_eq!((asked.narrowed.role.as_str(), asked.narrowed.session.as_str()), (ROLE, "ci-42"));
    assert_eq!((asked.narrowed.seconds, asked.narrowed.account.as_str()), (Some(900), "111122223333"));
    assert_eq!((asked.external_id.as_deref(), asked.source_identity.as_deref()), (Some("a+b:c/d"), Some("alice")));
    assert_eq!(asked.tags, [("team".to_owned(), "red + blue".to_owned()), ("stage".to_owned(), String::new())].into());
    assert_eq!(asked.transitive, ["team"]);
    assert_eq!(asked.narrowed.policies.arns.len(), 1);
}

#[test]
fn parameters_out_of_their_bounds_are_refused() {
    let long = "x".repeat(65);
    for (name, value) in [
        ("DurationSeconds", "899"),
        ("DurationSeconds", "43201"),
        ("DurationSeconds", "+900"),
        ("DurationSeconds", "900.0"),
        ("DurationSeconds", ""),
        ("RoleSessionName", "x"),
        ("RoleSessionName", &long),
        ("RoleSessionName", "a b"),
        ("RoleSessionName", "a/b"),
        ("RoleSessionName", "ä-ö"),
        ("RoleArn", "arn:aws:iam::111122223333:user/a"),
        ("RoleArn", "reader"),
        ("ExternalId", "x"),
        ("ExternalId", "a b"),
        ("SourceIdentity", "a:b"),
        ("Policy", ""),
        ("Policy", &"x".repeat(2049)),
        ("Policy", "\u{2603}"),
        ("SerialNumber", "arn:aws:iam::111122223333:mfa/alice"),
        ("TokenCode", "123456"),
        ("PolicyArns.member.1.arn", "short"),
        ("Tags.member.1.Key", "no-value"),
        ("TransitiveTagKeys.member.1", "no-such-tag"),
        ("ProvidedContexts.member.1.ProviderArn", "arn:aws:iam::aws:contextProvider/x"),
        ("Unknown", "1"),
        ("policy", "{}"),
    ] {
        let base =
            [("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", ROLE), ("RoleSessionName", "ci-42")];
        let mut pairs: Vec<(&str, &str)> = base.into_iter().filter(|(known, _)| *known != name).collect();
        pairs.push((name, value));
        assert_eq!(refused(&body(&pairs)).0, Code::ValidationError, "{name}={value}");
    }
}

#[test]
fn a_parameter_that_occurs_twice_is_refused_however_it_is_spelt() {
    let mut twice = assume(&[]);
    twice.extend_from_slice(b"&RoleArn=arn:aws:iam::111122223333:role/admin");
    assert_eq!(refused(&twice), (Code::ValidationError, "form-double"));
    let mut escaped = assume(&[]);
    escaped.extend_from_slice(b"&Role%41rn=arn:aws:iam::111122223333:role/admin");
    assert_eq!(refused(&escaped), (Code::ValidationError, "form-double"));
}

#[test]
fn forms_that_do_not_decode_or_are_too_many_are_refused() {
    assert_eq!(refused(b"Action=%zz"), (Code::ValidationError, "form-escape"));
    assert_eq!(refused(b"Action=%ff"), (Code::ValidationError, "form-utf8"));
    let many: Vec<String> = (0..257).map(|n| format!("p{n}=1")).collect();
    assert_eq!(refused(many.join("&").as_bytes()), (Code::ValidationError, "form-parameters"));
    for text in [
        "",
        "Action=AssumeRole",
        "Action=Unknown&Version=2011-06-15",
        "Version=2011-06-15",
        "Action=GetCallerIdentity&Version=2010-01-01",
    ] {
        assert_eq!(refused(text.as_bytes()).0, Code::InvalidAction, "{text}");
    }
    assert_eq!(refused(b"Action=GetCallerIdentity&Version=2011-06-15&RoleArn=x").1, "parameter-unknown");
    assert!(Ask::read(b"Action=GetCallerIdentity&Version=2011-06-15").is_ok());
    assert!(Ask::read(&assume(&[("Tags", ""), ("PolicyArns", ""), ("TransitiveTagKeys", "")])).is_ok());
}

#[test]
fn tags_that_differ_by_case_alone_are_one() {
    let tags = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "a"),
        ("Tags.member.2.Key", "Team"),
        ("Tags.member.2.Value", "b"),
    ];
    assert_eq!(refused(&assume(&tags)), (Code::ValidationError, "tags-double"));
    for key in ["aws:x", "AWS:x", "a&b", ""] {
        let tags = [("Tags.member.1.Key", key), ("Tags.member.1.Value", "a")];
        assert_eq!(refused(&assume(&tags)).0, Code::ValidationError, "{key}");
    }
}

/// The world of these tests.
struct World {
    directory: Directory,
    rules: Rules,
    tokens: TokenKeys,
    /// The VPC that requests come from.
    vpc: Option<&'static str>,
}

fn role(arn: &str, trust: &str, policies: &[&str]) -> Role {
    Role {
        arn: arn.to_owned(),
        account: "111122223333".to_owned(),
        policies: policies.iter().map(|name| (*name).to_owned()).collect(),
        tags: [("cost".to_owned(), "7".to_owned())].into(),
        trust: Some(trust.to_owned()),
        max_session: 7200,
    }
}

impl World {
    fn trusting(statement: &str) -> Self {
        let document = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{statement}]}}");
        let mut rules = Rules::default();
        let read = |text: &str, kind| match read::read(text.as_bytes(), kind) {
            Ok(reading) => reading.document,
            Err(problems) => panic!("{text}: {problems:?}"),
        };
        rules.add_trust(ROLE, Policy::new("trust", read(&document, read::Kind::Trust)));
        let administrator = read(crate::policy::ADMINISTRATOR_DOCUMENT, read::Kind::Identity);
        rules.add_identity("administrator", Policy::new("administrator", administrator));
        let deny = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"*\"}]}";
        rules.add_identity("no-roles", Policy::new("no-roles", read(deny, read::Kind::Identity)));
        let mut directory = Directory::default();
        directory.add_account("111122223333", "main").unwrap();
        directory.add_role(role(ROLE, "trust", &["administrator"]));
        let tokens = TokenKeys::new(TokenKey::new(&[7; 32]).unwrap(), Vec::new());
        Self { directory, rules, tokens, vpc: None }
    }

    fn decide(&self, ask: &Ask, who: &Principal) -> Result<String, Fault> {
        let seen = Circumstances {
            source: "192.0.2.1".parse().unwrap(),
            tls: true,
            now: Seconds(1_800_000_000),
            user_agent: None,
            vpc: self.vpc,
            vpc_endpoint: None,
            region: "us-east-1",
            caller_organization: None,
            role_organization: None,
        };
        let role = ask.narrowed().and_then(|narrowed| self.directory.role(&narrowed.role));
        let grant = self.rules.decide(ask, who, role, seen)?;
        Grantor::check(ask, who, role)?;
        Ok(grant.statements().collect::<Vec<_>>().join(" "))
    }

    #[track_caller]
    fn refuses(&self, ask: &Ask, who: &Principal) -> (Code, String) {
        let fault = self.decide(ask, who).unwrap_err();
        (fault.code(), fault.private_detail().unwrap_or(fault.reason()).to_owned())
    }

    fn grantor<'a>(&'a self, random: &'a SystemRandom) -> Grantor<'a> {
        Grantor { directory: &self.directory, tokens: &self.tokens, now: Seconds(1_800_000_000), random }
    }

    /// The session that an answer holds, opened again, and its principal.
    fn assumed(&self, ask: &Ask, who: &Principal) -> Arc<Principal> {
        let random = SystemRandom::new();
        let answered = self.grantor(&random).answer(ask, who, "ID").unwrap();
        let text = String::from_utf8(answered.document.to_vec()).unwrap();
        let between = |from: &str, to: &str| text.split(from).nth(1).unwrap().split(to).next().unwrap().to_owned();
        let (key, token) = (between("<AccessKeyId>", "</"), between("<SessionToken>", "</"));
        let sealed = self.tokens.open(&key, token.as_bytes()).unwrap();
        assert_eq!(sealed.secret.expose(), between("<SecretAccessKey>", "</"));
        assert_eq!(answered.access_key.as_deref(), Some(key.as_str()));
        self.directory.principal_of(&sealed.of, sealed.session).unwrap()
    }
}

fn user(account: &str, name: &str, policies: &[&str]) -> Principal {
    Principal {
        arn: format!("arn:aws:iam::{account}:user/{name}"),
        account: account.to_owned(),
        kind: Kind::User,
        policies: policies.iter().map(|name| (*name).to_owned()).collect(),
        tags: BTreeMap::new(),
        session: None,
    }
}

fn trusts(principal: &str, more: &str) -> String {
    format!(
        "{{\"Effect\":\"Allow\",\"Principal\":{principal},\"Action\":[\"sts:AssumeRole\",\"sts:TagSession\",\"sts:SetSourceIdentity\"]{more}}}"
    )
}

const ALICE: &str = "{\"AWS\":\"arn:aws:iam::111122223333:user/alice\"}";
const HOME: &str = "{\"AWS\":\"111122223333\"}";

#[test]
fn a_user_whom_the_role_trusts_by_name_needs_no_policy_of_its_own() {
    let world = World::trusting(&trusts(ALICE, ""));
    assert_eq!(world.decide(&ask(&[]), &user("111122223333", "alice", &[])).unwrap(), "trust#NO_ID-0");
    let (code, detail) = world.refuses(&ask(&[]), &user("111122223333", "bob", &[]));
    assert_eq!((code, detail.as_str()), (Code::AccessDenied, "silent-trust"));
}

#[test]
fn an_administrator_whom_the_role_does_not_trust_may_not_assume_it() {
    let world = World::trusting(&trusts(ALICE, ""));
    let (_, detail) = world.refuses(&ask(&[]), &user("111122223333", "admin", &["administrator"]));
    assert_eq!(detail, "silent-trust");
}

#[test]
fn trust_in_an_account_needs_a_policy_of_the_caller_beside_it() {
    let world = World::trusting(&trusts(HOME, ""));
    assert!(world.decide(&ask(&[]), &user("111122223333", "admin", &["administrator"])).is_ok());
    assert_eq!(world.refuses(&ask(&[]), &user("111122223333", "bob", &[])).1, "silent-identity");
    assert_eq!(world.refuses(&ask(&[]), &user("444455556666", "admin", &["administrator"])).1, "silent-trust");
}

#[test]
fn another_account_needs_both_sides() {
    let world = World::trusting(&trusts("{\"AWS\":\"arn:aws:iam::444455556666:user/eve\"}", ""));
    assert!(world.decide(&ask(&[]), &user("444455556666", "eve", &["administrator"])).is_ok());
    assert_eq!(world.refuses(&ask(&[]), &user("444455556666", "eve", &[])).1, "silent-identity");
}

#[test]
fn a_denial_on_either_side_wins() {
    let world = World::trusting(&trusts(ALICE, ""));
    let alice = user("111122223333", "alice", &["administrator", "no-roles"]);
    assert_eq!(world.refuses(&ask(&[]), &alice).1, "denied-identity");
    let both = format!("{},{}", trusts(ALICE, ""), trusts("\"*\"", "").replace("Allow", "Deny"));
    let world = World::trusting(&both);
    assert_eq!(world.refuses(&ask(&[]), &user("111122223333", "alice", &[])).1, "denied-trust");
}

#[test]
fn a_policy_that_is_attached_and_missing_could_have_denied() {
    let world = World::trusting(&trusts(ALICE, ""));
    assert_eq!(world.refuses(&ask(&[]), &user("111122223333", "alice", &["vanished"])).1, "policy-missing");
}

#[test]
fn a_role_that_is_not_there_is_refused_like_one_that_does_not_trust() {
    let world = World::trusting(&trusts(ALICE, ""));
    let other = body(&[
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::111122223333:role/none"),
        ("RoleSessionName", "xx"),
    ]);
    let none = world.decide(&Ask::read(&other).unwrap(), &user("111122223333", "alice", &[])).unwrap_err();
    let distrusted = world.decide(&ask(&[]), &user("111122223333", "bob", &[])).unwrap_err();
    assert_eq!(none.code(), distrusted.code());
    assert_eq!(none.message().replace("alice", "bob").replace("role/none", "role/team/reader"), distrusted.message());
}

#[test]
fn conditions_of_the_trust_policy_hold() {
    let world = World::trusting(&trusts(ALICE, ",\"Condition\":{\"StringEquals\":{\"sts:ExternalId\":\"unicorn\"}}"));
    let alice = user("111122223333", "alice", &[]);
    assert!(world.decide(&ask(&[("ExternalId", "unicorn")]), &alice).is_ok());
    assert!(world.decide(&ask(&[("ExternalId", "horse")]), &alice).is_err());
    assert!(world.decide(&ask(&[]), &alice).is_err());
    let any = World::trusting(&trusts(
        "\"*\"",
        ",\"Condition\":{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::111122223333:user/alice\"}}",
    ));
    assert!(any.decide(&ask(&[]), &alice).is_ok());
    assert!(any.decide(&ask(&[]), &user("111122223333", "bob", &[])).is_err());
}

#[test]
fn from_a_vpc_the_address_is_no_public_one() {
    let from = |condition: &str, vpc| {
        let world = World { vpc, ..World::trusting(&trusts(ALICE, &format!(",\"Condition\":{condition}"))) };
        world.decide(&ask(&[]), &user("111122223333", "alice", &[])).is_ok()
    };
    let public = "{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.0/24\"}}";
    assert!(from(public, None) && !from(public, Some("vpc-1")));
    let inside =
        "{\"IpAddress\":{\"aws:VpcSourceIp\":\"192.0.2.0/24\"},\"StringEquals\":{\"aws:SourceVpc\":\"vpc-1\"}}";
    assert!(from(inside, Some("vpc-1")) && !from(inside, Some("vpc-2")) && !from(inside, None));
    assert!(from("{\"StringEquals\":{\"aws:RequestedRegion\":\"us-east-1\"}}", None));
}

#[test]
fn tags_and_source_identity_need_permissions_of_their_own() {
    let only = trusts(ALICE, "").replace(",\"sts:TagSession\",\"sts:SetSourceIdentity\"", "");
    let world = World::trusting(&only);
    let alice = user("111122223333", "alice", &[]);
    assert!(world.decide(&ask(&[]), &alice).is_ok());
    assert!(world.decide(&ask(&[("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "b")]), &alice).is_err());
    assert!(world.decide(&ask(&[("SourceIdentity", "alice")]), &alice).is_err());
}

#[test]
fn root_and_sessions_may_not_do_what_is_for_users() {
    let world = World::trusting(&trusts("\"*\"", ""));
    let root = Principal {
        arn: "arn:aws:iam::111122223333:root".to_owned(),
        kind: Kind::Root,
        ..user("111122223333", "x", &[])
    };
    assert_eq!(world.refuses(&ask(&[]), &root).0, Code::AccessDenied);
    let token = Ask::SessionToken { seconds: None };
    assert!(world.decide(&token, &root).is_ok());
    assert!(world.decide(&Ask::SessionToken { seconds: Some(7200) }, &root).is_err());
    assert!(world.decide(&token, &user("111122223333", "bob", &[])).is_ok());
    let session = world.assumed(&ask(&[]), &user("111122223333", "bob", &[]));
    assert_eq!(world.refuses(&token, &session).1, "session-of-session");
    assert!(world.decide(&Ask::CallerIdentity, &session).is_ok());
}

#[test]
fn a_session_lasts_no_longer_than_role_and_chain_allow() {
    let world = World::trusting(&trusts("\"*\"", ""));
    let bob = user("111122223333", "bob", &[]);
    assert!(world.decide(&ask(&[("DurationSeconds", "7200")]), &bob).is_ok());
    assert_eq!(world.refuses(&ask(&[("DurationSeconds", "7201")]), &bob).1, "duration-role");
    let session = world.assumed(&ask(&[("DurationSeconds", "7200")]), &bob);
    assert_eq!(session.session.as_ref().unwrap().expires, Seconds(1_800_007_200));
    assert_eq!(world.refuses(&ask(&[("DurationSeconds", "3601")]), &session).1, "duration-chained");
    assert!(world.decide(&ask(&[("DurationSeconds", "3600")]), &session).is_ok());
    let default = world.assumed(&ask(&[]), &bob);
    assert_eq!(default.session.as_ref().unwrap().expires, Seconds(1_800_003_600));
}

#[test]
fn what_is_handed_on_cannot_be_changed_on_the_way() {
    let world = World::trusting(&trusts("\"*\"", ""));
    let bob = user("111122223333", "bob", &[]);
    let first = world.assumed(
        &ask(&[
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "red"),
            ("TransitiveTagKeys.member.1", "team"),
            ("SourceIdentity", "bob"),
        ]),
        &bob,
    );
    assert_eq!((first.tags["team"].as_str(), first.tags["cost"].as_str()), ("red", "7"));
    let second = world.assumed(&ask(&[]), &first);
    let session = second.session.as_ref().unwrap();
    assert_eq!((second.tags["team"].as_str(), session.source_identity.as_deref()), ("red", Some("bob")));
    assert_eq!(session.transitive, ["team"]);
    assert_eq!(world.refuses(&ask(&[("SourceIdentity", "eve")]), &first).1, "source-identity");
    let anew = [("Tags.member.1.Key", "TEAM"), ("Tags.member.1.Value", "blue")];
    assert_eq!(world.refuses(&ask(&anew), &first).1, "tags-inherited");
}

#[test]
fn session_policies_are_read_and_carried() {
    let world = World::trusting(&trusts(ALICE, ""));
    let alice = user("111122223333", "alice", &[]);
    let policy = "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}}";
    let session = world.assumed(&ask(&[("Policy", policy)]), &alice);
    assert_eq!(session.session.as_ref().unwrap().policies.inline.as_deref(), Some(policy));
    for bad in [
        "{}",
        "null",
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}}",
    ] {
        assert_eq!(world.refuses(&ask(&[("Policy", bad)]), &alice).0, Code::MalformedPolicyDocument, "{bad}");
    }
    let arn = |name: &str| world.decide(&ask(&[("PolicyArns.member.1.arn", name)]), &alice).map(|_| ());
    assert!(arn("arn:aws:iam::111122223333:policy/administrator").is_ok());
    assert!(arn("arn:aws:iam::111122223333:policy/vanished").is_err());
    assert!(arn("arn:aws:iam::444455556666:policy/administrator").is_err());
    // The session that is narrowed to reading may not assume anything in turn.
    let world = World::trusting(&trusts(HOME, ""));
    let narrowed = Principal { policies: vec!["administrator".to_owned()], ..Principal::clone(&session) };
    assert_eq!(world.refuses(&ask(&[]), &narrowed).1, "silent-session");
}

#[test]
fn tags_and_policies_beyond_their_room_are_refused() {
    let world = World::trusting(&trusts(ALICE, ""));
    let value = "x".repeat(250);
    let names: Vec<(String, String)> =
        (1..=12).map(|n| (format!("Tags.member.{n}.Key"), format!("Tags.member.{n}.Value"))).collect();
    let keys: Vec<String> = (1..=12).map(|n| format!("k{n}")).collect();
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for ((key, worth), name) in names.iter().zip(&keys) {
        pairs.extend([(key.as_str(), name.as_str()), (worth.as_str(), value.as_str())]);
    }
    assert_eq!(world.refuses(&ask(&pairs), &user("111122223333", "alice", &[])).0, Code::PackedPolicyTooLarge);
}

fn web(issuer: &str, subject: &str, audience: &str) -> Principal {
    let federated = Federated { issuer: issuer.to_owned(), subject: subject.to_owned(), audience: audience.to_owned() };
    Principal::of_web(federated, "aws", "111122223333", Seconds(1_800_000_000))
}

#[test]
fn a_web_identity_is_judged_by_provider_audience_and_subject() {
    let asked = body(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", ROLE),
        ("RoleSessionName", "job"),
        ("WebIdentityToken", "a.b.c"),
    ]);
    let asked = Ask::read(&asked).unwrap();
    assert!(!format!("{asked:?}").contains("a.b.c"));
    let trust = "{\"Effect\":\"Allow\",\"Principal\":{\"Federated\":\"arn:aws:iam::111122223333:oidc-provider/issuer.example/realm\"},\"Action\":\"sts:AssumeRoleWithWebIdentity\",\"Condition\":{\"StringEquals\":{\"issuer.example/realm:aud\":\"store\"},\"StringLike\":{\"issuer.example/realm:sub\":\"repo:a/*\"}}}";
    let world = World::trusting(trust);
    assert!(world.decide(&asked, &web("https://issuer.example/realm", "repo:a/b", "store")).is_ok());
    for (issuer, subject, audience) in [
        ("https://issuer.example/realm", "repo:b/a", "store"),
        ("https://issuer.example/realm", "repo:a/b", "other"),
        ("https://issuer.example/other", "repo:a/b", "store"),
    ] {
        assert!(world.decide(&asked, &web(issuer, subject, audience)).is_err(), "{issuer} {subject} {audience}");
    }
    // Everyone is not whoever has an account with the provider.
    let everyone = "{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sts:AssumeRoleWithWebIdentity\"}";
    let world = World::trusting(everyone);
    assert!(world.decide(&asked, &web("https://issuer.example/realm", "repo:a/b", "store")).is_err());
    // Trust in web identities is none in users, and the other way round.
    let world = World::trusting(trust);
    assert!(world.decide(&ask(&[]), &user("111122223333", "alice", &["administrator"])).is_err());
}

#[test]
fn answers_have_the_shape_of_the_service() {
    let world = World::trusting(&trusts("\"*\"", ""));
    let random = SystemRandom::new();
    let bob = user("111122223333", "bob", &[]);
    let answer = |ask: &Ask| {
        let document = world.grantor(&random).answer(ask, &bob, "REQUESTID").unwrap().document;
        let root = format!("{}Response", ask.name());
        let response = Element::parse(&document, &root).unwrap();
        let metadata = response.child("ResponseMetadata").unwrap().unwrap();
        assert_eq!(metadata.text_of("RequestId").unwrap(), Some("REQUESTID"));
        response.child(&format!("{}Result", ask.name())).unwrap().unwrap().clone()
    };
    let who = answer(&Ask::CallerIdentity);
    assert_eq!(who.text_of("Arn").unwrap(), Some("arn:aws:iam::111122223333:user/bob"));
    assert_eq!(who.text_of("Account").unwrap(), Some("111122223333"));
    assert!(who.text_of("UserId").unwrap().unwrap().starts_with("AIDA"));
    let role = answer(&ask(&[("SourceIdentity", "bob"), ("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "b")]));
    let assumed = role.child("AssumedRoleUser").unwrap().unwrap();
    assert_eq!(assumed.text_of("Arn").unwrap(), Some("arn:aws:sts::111122223333:assumed-role/reader/ci-42"));
    assert!(assumed.text_of("AssumedRoleId").unwrap().unwrap().ends_with(":ci-42"));
    assert_eq!(role.text_of("PackedPolicySize").unwrap(), Some("1"));
    assert_eq!(role.text_of("SourceIdentity").unwrap(), Some("bob"));
    let credentials = role.child("Credentials").unwrap().unwrap();
    assert_eq!(credentials.text_of("Expiration").unwrap(), Some("2027-01-15T09:00:00Z"));
    let session = answer(&Ask::SessionToken { seconds: Some(900) });
    assert_eq!(
        session.child("Credentials").unwrap().unwrap().text_of("Expiration").unwrap(),
        Some("2027-01-15T08:15:00Z")
    );
}

#[test]
fn errors_have_the_codes_and_words_of_the_service() {
    let check = |fault: Fault, code: &str, status: u16| {
        let said = said(&fault);
        assert_eq!((said.code, said.status), (code, status), "{fault}");
        let document = error_document(&said, "REQUESTID");
        let root = Element::parse(&document, "ErrorResponse").unwrap();
        let error = root.child("Error").unwrap().unwrap();
        assert_eq!(error.text_of("Type").unwrap(), Some(if status >= 500 { "Receiver" } else { "Sender" }));
        assert_eq!(error.text_of("Code").unwrap(), Some(code));
        assert!(!error.text_of("Message").unwrap().unwrap().is_empty());
        assert_eq!(root.text_of("RequestId").unwrap(), Some("REQUESTID"));
    };
    check(Fault::plain(Code::InvalidAccessKeyId, "unknown-key"), "InvalidClientTokenId", 403);
    check(Fault::plain(Code::InvalidToken, "other-token"), "InvalidClientTokenId", 403);
    check(Fault::plain(Code::ExpiredToken, "session-over"), "ExpiredToken", 403);
    check(Fault::plain(Code::SignatureDoesNotMatch, "signature"), "SignatureDoesNotMatch", 403);
    check(Fault::plain(Code::RequestTimeTooSkewed, "clock-skew"), "SignatureDoesNotMatch", 403);
    check(Fault::plain(Code::AuthorizationHeaderMalformed, "service"), "SignatureDoesNotMatch", 403);
    check(Fault::plain(Code::AuthorizationHeaderMalformed, "authorization-parts"), "IncompleteSignature", 400);
    check(Fault::plain(Code::MissingAuthenticationToken, "tokens-unsigned"), "MissingAuthenticationToken", 403);
    check(Fault::plain(Code::AccessDenied, "policy"), "AccessDenied", 403);
    check(Fault::plain(Code::SlowDown, "in-flight"), "Throttling", 400);
    check(Fault::plain(Code::ServiceUnavailable, "journal-full"), "ServiceUnavailable", 503);
    check(Fault::plain(Code::ExpiredTokenException, "web-expired"), "ExpiredTokenException", 400);
    check(Fault::plain(Code::InternalError, "no-randomness"), "InternalFailure", 500);
}
