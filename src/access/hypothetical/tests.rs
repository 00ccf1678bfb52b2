//! What requests that were never sent are told.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::access::facts::Organization;
use crate::identity::{Directory, Kind, Role};
use crate::policy::engine::public::{Block, Origin};
use crate::policy::engine::{AccessPointRules, Attachments, BucketRules, Policy, Sources};
use crate::policy::read::{Kind as Form, read};
use crate::time::Seconds;

const HOME: &str = "111122223333";
const AWAY: &str = "444455556666";
const ALICE: &str = "arn:aws:iam::111122223333:user/team/alice";
const READER: &str = "arn:aws:iam::111122223333:role/team/reader";
const POINT: &str = "arn:aws:s3:us-east-1:111122223333:accesspoint/reports";
/// 2026-03-02T10:20:30.500Z
const NOW: Millis = Millis(1_772_446_830_500);

fn policy(name: &str, statements: &str, form: Form) -> Arc<Policy> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
    Policy::new(name, read(text.as_bytes(), form).unwrap().document)
}

fn bucket(owner: &str, statements: &str) -> BucketRules {
    BucketRules {
        owner: owner.to_owned(),
        policy: (!statements.is_empty()).then(|| policy("bucket", statements, Form::Resource)),
        binds_root: false,
        block: Block::default(),
        ownership: Default::default(),
        acl: None,
    }
}

/// Alice and the role may do what `identity` says; bucket `b` has the policy `resource`.
fn estate(identity: &str, resource: &str) -> Estate {
    let attached = Attachments { policies: vec![policy("own", identity, Form::Identity)], boundary: None };
    let point = AccessPointRules {
        owner: HOME.to_owned(),
        bucket: "bucket".to_owned(),
        origin: Origin::Vpc,
        policy: None,
        block: Block::default(),
    };
    let closed = r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/*"}"#;
    let sources = Sources {
        identities: [(ALICE.to_owned(), attached.clone()), (READER.to_owned(), attached)].into(),
        buckets: [("bucket".to_owned(), bucket(HOME, resource)), ("theirs".to_owned(), bucket(AWAY, ""))].into(),
        access_points: [(POINT.to_owned(), point)].into(),
        endpoints: [("vpce-1".to_owned(), policy("endpoint", closed, Form::Resource))].into(),
        ..Sources::default()
    };
    let organization = Organization { id: "o-1".to_owned(), paths: vec!["o-1/r-1/".to_owned()] };
    Estate::new(HOME, sources, HashMap::from([(HOME.to_owned(), organization)]))
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    directory.add_account(HOME, "main").unwrap();
    directory.add_user(&Arc::new(Principal {
        arn: ALICE.to_owned(),
        account: HOME.to_owned(),
        kind: Kind::User,
        policies: vec!["own".to_owned()],
        tags: [("Team".to_owned(), "red".to_owned())].into(),
        session: None,
    }));
    directory.add_role(Role {
        arn: READER.to_owned(),
        account: HOME.to_owned(),
        policies: vec!["own".to_owned()],
        tags: [("Team".to_owned(), "blue".to_owned())].into(),
        trust: None,
        max_session: 3600,
    });
    directory
}

struct Case<'a> {
    who: &'a str,
    action: &'a str,
    on: &'a str,
    from: Option<IpAddr>,
    with: &'a [(&'a str, &'a str)],
}

const GET: Case<'static> =
    Case { who: ALICE, action: "s3:GetObject", on: "arn:aws:s3:::bucket/k", from: None, with: &[] };

impl Case<'_> {
    fn ask<T>(&self, estate: &Estate, then: impl FnOnce(&Question<'_>, &Brought<'_>) -> T) -> Result<T, Implausible> {
        let found = principal(&directory(), self.who, NOW.seconds())?;
        let with: Vec<_> = self.with.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let hypothetical = Hypothetical {
            principal: &found.principal,
            action: self.action,
            resource: self.on,
            from: self.from,
            with: &with,
            region: "us-east-1",
            now: NOW,
        };
        hypothetical.ask(estate, then)
    }

    fn decide(&self, estate: &Estate) -> &'static str {
        self.ask(estate, |question, brought| estate.rules().decide(question, brought).name()).unwrap()
    }

    /// The values of a key, joined.
    fn sees(&self, key: &str) -> Option<String> {
        let key = crate::policy::context::asked(key);
        let seen = |question: &Question<'_>| {
            question.context.values(&key).map(|values| values.iter().collect::<Vec<_>>().join(","))
        };
        self.ask(&estate(ALLOW, ""), |question, _| seen(question)).unwrap()
    }

    #[track_caller]
    fn refused(&self, message: &str, help: &str) {
        let refusal = self.ask(&estate(ALLOW, ""), |_, _| ()).unwrap_err();
        assert_eq!((refusal.message.as_str(), refusal.help.as_str()), (message, help));
    }
}

const ALLOW: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;

/// An identity policy with one condition.
fn only(operator: &str, key: &str, value: &str) -> Estate {
    let statement = format!(
        r#"{{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{{"{operator}":{{"{key}":"{value}"}}}}}}"#
    );
    estate(&statement, "")
}

#[test]
fn what_follows_from_who_and_what_need_not_be_said() {
    for (key, value) in [
        ("aws:PrincipalArn", Some(ALICE)),
        ("aws:PrincipalAccount", Some(HOME)),
        ("aws:PrincipalType", Some("User")),
        ("aws:PrincipalOrgID", Some("o-1")),
        ("aws:PrincipalOrgPaths", Some("o-1/r-1/")),
        ("aws:PrincipalTag/team", Some("red")),
        ("aws:username", Some("alice")),
        ("aws:ResourceAccount", Some(HOME)),
        ("s3:ResourceAccount", Some(HOME)),
        ("aws:ResourceOrgID", Some("o-1")),
        ("aws:SecureTransport", Some("true")),
        ("s3:TlsVersion", Some("1.3")),
        ("aws:CurrentTime", Some("2026-03-02T10:20:30Z")),
        ("aws:EpochTime", Some("1772446830")),
        ("aws:RequestedRegion", Some("us-east-1")),
        ("s3:authType", Some("REST-HEADER")),
        ("aws:SourceIp", None),
        ("aws:TokenIssueTime", None),
        ("s3:ExistingObjectTag/team", None),
        ("s3:prefix", None),
    ] {
        assert_eq!(GET.sees(key).as_deref(), value, "{key}");
    }
    let role = Case { who: READER, ..GET };
    assert_eq!(role.sees("aws:PrincipalArn").as_deref(), Some(READER));
    assert_eq!(role.sees("aws:TokenIssueTime").as_deref(), Some("2026-03-02T10:20:30Z"));
    assert_eq!(role.sees("aws:PrincipalTag/Team").as_deref(), Some("blue"));
    assert_eq!(Case { who: "anonymous", ..GET }.sees("aws:PrincipalType").as_deref(), Some("Anonymous"));
    assert_eq!(Case { who: "anonymous", ..GET }.sees("s3:authType"), None);
}

#[test]
fn keys_given_by_hand_lie_over_those_that_follow() {
    let with = |with| Case { with, ..GET };
    assert_eq!(with(&[("AWS:principaltag/Team", "blue")]).sees("aws:PrincipalTag/Team").as_deref(), Some("blue"));
    assert_eq!(with(&[("aws:SecureTransport", "false")]).sees("s3:TlsVersion"), None);
    assert_eq!(
        with(&[("aws:CurrentTime", "2027-01-01T00:00:00Z")]).sees("aws:EpochTime").as_deref(),
        Some("1798761600")
    );
    assert_eq!(with(&[("s3:ExistingObjectTag/a", "1")]).sees("s3:ExistingObjectTag/a").as_deref(), Some("1"));
    let put = |with| Case { action: "s3:PutObject", with, ..GET };
    let tags = [("s3:RequestObjectTag/a", "1"), ("s3:RequestObjectTag/b", "2")];
    assert_eq!(put(&tags).sees("s3:RequestObjectTagKeys").as_deref(), Some("a,b"));
    let keys = [("s3:RequestObjectTagKeys", "x"), ("s3:RequestObjectTagKeys", "y")];
    assert_eq!(put(&keys).sees("s3:RequestObjectTagKeys").as_deref(), Some("x,y"));
    assert_eq!(put(&[]).sees("s3:ObjectCreationOperation").as_deref(), Some("true"));
}

#[test]
fn an_address_is_the_clients_and_behind_an_endpoint_a_private_one() {
    let from = Some(IpAddr::from([203, 0, 113, 9]));
    let office = only("IpAddress", "aws:SourceIp", "203.0.113.0/24");
    assert_eq!(Case { from, ..GET }.decide(&office), "Allow");
    assert_eq!(GET.decide(&office), "ImplicitDeny");
    let through = Case { from, with: &[("aws:SourceVpce", "vpce-9")], ..GET };
    assert_eq!(through.sees("aws:SourceIp"), None);
    assert_eq!(through.sees("aws:VpcSourceIp").as_deref(), Some("203.0.113.9"));
    assert_eq!(through.decide(&office), "ImplicitDeny");
}

#[test]
fn an_endpoint_brings_its_policy() {
    let estate = estate(ALLOW, "");
    let through = Case { with: &[("aws:SourceVpce", "vpce-1")], ..GET };
    assert_eq!(through.decide(&estate), "Allow");
    let put = Case { action: "s3:PutObject", ..through };
    let decision = put.ask(&estate, |question, brought| estate.rules().decide(question, brought)).unwrap();
    assert_eq!(decision.reason(), "silent-endpoint");
}

#[test]
fn an_access_point_is_asked_together_with_its_bucket() {
    let through = Case { on: "arn:aws:s3:us-east-1:111122223333:accesspoint/reports/object/a/b", ..GET };
    assert_eq!(through.decide(&estate(ALLOW, "")), "Allow");
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/a/*"}"#;
    assert_eq!(through.decide(&estate(ALLOW, deny)), "ExplicitDeny");
    assert_eq!(through.sees("s3:DataAccessPointArn").as_deref(), Some(POINT));
    assert_eq!(through.sees("s3:AccessPointNetworkOrigin").as_deref(), Some("VPC"));
    let unknown = Case { on: "arn:aws:s3:us-east-1:111122223333:accesspoint/nowhere", action: "s3:ListBucket", ..GET };
    unknown.refused(
        "there is no access point `arn:aws:s3:us-east-1:111122223333:accesspoint/nowhere`",
        "its ARN is `arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME`, with the region of the proxy",
    );
}

#[test]
fn owners_are_those_of_the_estate() {
    let theirs = Case { on: "arn:aws:s3:::theirs/k", ..GET };
    assert_eq!(theirs.sees("aws:ResourceAccount").as_deref(), Some(AWAY));
    assert_eq!(theirs.decide(&estate(ALLOW, "")), "ImplicitDeny", "both sides must allow");
    let made = Case { action: "s3:CreateBucket", on: "arn:aws:s3:::new-bucket", ..GET };
    assert_eq!(made.sees("aws:ResourceAccount"), None, "nobody owns it yet");
    assert_eq!(made.decide(&estate(ALLOW, "")), "Allow");
}

#[test]
fn a_key_that_the_action_cannot_carry_is_refused_and_not_seen() {
    Case { with: &[("s3:prefix", "a")], ..GET }
        .refused("no request for s3:GetObject carries `s3:prefix`", "leave it out: conditions on it see it as absent");
    // The answer is the same as for a real request: the clause sees nothing.
    assert_eq!(GET.decide(&only("StringEquals", "s3:max-keys", "1000")), "ImplicitDeny");
    let list = Case { action: "s3:ListBucket", on: "arn:aws:s3:::bucket", ..GET };
    assert_eq!(list.decide(&only("StringEquals", "s3:max-keys", "1000")), "Allow");
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let with = |with| Case { with, ..GET };
    with(&[("aws:SourceIpp", "1.2.3.4")])
        .refused("`aws:SourceIpp` is no condition key", "did you mean `aws:SourceIp`?");
    with(&[("aws:PrincipalTag", "red")])
        .refused("`aws:PrincipalTag` is no condition key", "write `aws:PrincipalTag/TAG`");
    with(&[("s3:ExistingObjectTags/a", "1")])
        .refused("`s3:ExistingObjectTags/a` is no condition key", "did you mean `s3:ExistingObjectTag/a`?");
    with(&[("zzz", "1")]).refused(
        "`zzz` is no condition key",
        "the keys are those of the service authorization reference for Amazon S3",
    );
}

#[test]
fn two_tags_that_differ_in_letter_case_are_two() {
    let with = &[("s3:ExistingObjectTag/public", "yes"), ("S3:EXISTINGOBJECTTAG/Public", "no")];
    let both = Case { with, ..GET };
    for (tag, expected) in [("public", "yes"), ("Public", "no"), ("PUBLIC", "yes")] {
        assert_eq!(both.sees(&format!("s3:ExistingObjectTag/{tag}")).as_deref(), Some(expected), "{tag}");
    }
    assert_eq!(both.decide(&only("StringEquals", "s3:existingobjecttag/Public", "no")), "Allow");
    assert_eq!(both.decide(&only("StringEquals", "s3:existingobjecttag/Public", "yes")), "ImplicitDeny");
}

#[test]
fn a_value_that_no_request_has_is_refused() {
    let with = |with| Case { with, ..GET };
    with(&[("aws:SourceIp", "10.0.0.0/8")]).refused(
        "`aws:SourceIp`: `10.0.0.0/8` is not an address",
        "a request comes from one address: write `203.0.113.9`",
    );
    with(&[("aws:SecureTransport", "yes")])
        .refused("`aws:SecureTransport`: `yes` is not true or false", "write one of them");
    with(&[("aws:CurrentTime", "noon")])
        .refused("`aws:CurrentTime`: `noon` is not a time", "write `2027-01-01T00:00:00Z`");
    with(&[("aws:userid", "a"), ("AWS:UserId", "b")]).refused(
        "`aws:userid` has one value, and several are given",
        "only multi-valued keys may be given several times",
    );
}

#[test]
fn an_action_that_is_none_is_refused() {
    let act = |action| Case { action, ..GET };
    act("s3:GetObjct").refused("`s3:GetObjct` is no action of S3", "did you mean `s3:GetObject`?");
    act("GetObject").refused("`GetObject` is no action of S3 or KMS", "did you mean `s3:GetObject`?");
    act("s3:Get*").refused("`s3:Get*` is a pattern", "ask about one action: a request needs each by name");
    act("sts:AssumeRole").refused(
        "`sts:AssumeRole` is not decided by these policies alone",
        "the trust policy of the role decides it; ask with AssumeRole",
    );
    assert_eq!(act("S3:getobject").decide(&estate(ALLOW, "")), "Allow");
}

#[test]
fn a_resource_that_the_action_does_not_act_on_is_refused() {
    let on = |on| Case { on, ..GET };
    on("arn:aws:s3:::bucket").refused(
        "s3:GetObject does not act on `arn:aws:s3:::bucket`",
        "it acts on an object: `arn:aws:s3:::BUCKET/KEY`",
    );
    on("*").refused("s3:GetObject does not act on `*`", "it acts on an object: `arn:aws:s3:::BUCKET/KEY`");
    on("bucket/k").refused("`bucket/k` is no ARN", "it acts on an object: `arn:aws:s3:::BUCKET/KEY`");
    on("arn:aws:s3:::b*/k").refused("`b*` is no name of a bucket", "name one bucket: a request is about one");
    on("arn:aws:s3:::bucket/").refused("`arn:aws:s3:::bucket/` names no object", "a key has 1 to 1024 octets");
    let all = Case { action: "s3:ListAllMyBuckets", on: "*", ..GET };
    let exact = r#"{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"arn:aws:s3:::*"}"#;
    assert_eq!(all.decide(&estate(exact, "")), "Allow", "ListBuckets asks about every bucket");
}

#[test]
fn a_key_of_kms_is_asked_by_name() {
    let decrypt = Case { action: "kms:Decrypt", on: "arn:aws:kms:us-east-1:111122223333:key/1", ..GET };
    let one = r#"{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:*:111122223333:key/1"}"#;
    assert_eq!(decrypt.decide(&estate(one, "")), "Allow");
    assert_eq!(
        Case { on: "arn:aws:kms:us-east-1:111122223333:key/2", ..decrypt }.decide(&estate(one, "")),
        "ImplicitDeny"
    );
}

#[test]
fn principals_are_found_by_every_spelling_of_their_arn() {
    let directory = directory();
    let find = |arn| principal(&directory, arn, Seconds(0)).unwrap();
    assert_eq!(find(ALICE).principal.policies, ["own"]);
    let role = find(READER);
    assert_eq!(role.principal.arn, "arn:aws:sts::111122223333:assumed-role/reader/session");
    let session = find("arn:aws:sts::111122223333:assumed-role/reader/ci-42");
    assert_eq!(session.principal.kind, Kind::Role { role: READER.to_owned(), session: "ci-42".to_owned() });
    let root = find("arn:aws:iam::111122223333:root");
    assert_eq!((root.principal.kind.clone(), root.assumed), (Kind::Root, false));
    assert!(find("anonymous").principal.is_anonymous() && find("*").principal.is_anonymous());
}

#[test]
fn strangers_are_taken_to_have_no_policies_and_that_is_said() {
    let directory = directory();
    let find = |arn| principal(&directory, arn, Seconds(0)).unwrap();
    for (arn, kind) in [
        ("arn:aws:iam::444455556666:user/eve", Kind::User),
        ("arn:aws:iam::444455556666:root", Kind::Root),
        (
            "arn:aws:sts::444455556666:assumed-role/r/s",
            Kind::Role { role: "arn:aws:iam::444455556666:role/r".to_owned(), session: "s".to_owned() },
        ),
    ] {
        let found = find(arn);
        assert!(found.assumed && found.principal.kind == kind, "{found:?}");
        assert_eq!(found.principal.account, AWAY);
    }
}

#[test]
fn somebody_who_is_not_there_is_no_stranger() {
    let directory = directory();
    let refusal = |arn| principal(&directory, arn, Seconds(0)).unwrap_err().to_string();
    assert_eq!(
        refusal("arn:aws:iam::111122223333:user/team/alise"),
        "there is no `arn:aws:iam::111122223333:user/team/alise`: did you mean `arn:aws:iam::111122223333:user/team/alice`?"
    );
    assert!(refusal("arn:aws:iam::111122223333:role/reader").contains(READER));
    assert!(refusal("alice").contains("is no ARN of a principal"));
}
