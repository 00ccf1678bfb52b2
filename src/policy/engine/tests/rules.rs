//! Promises by name: what the worked tables say, which layer a denial names, what a record can show.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::super::context::{Context, Keys};
use super::super::super::document::Effect;
use super::super::super::read::Kind;
use super::super::acl::{self, Acl, AclGrant, Grantee, ObjectList, Ownership, Permission};
use super::super::public::{Block, BlockLevels, Blocked, Origin, PolicyWrite};
use super::super::*;
use super::{policy, shelf};

mod reach;

const HOME: &str = "111122223333";
const AWAY: &str = "444455556666";
const BOB: Caller<'_> = Caller::User { account: HOME, arn: "arn:aws:iam::111122223333:user/bob" };
const DANA: Caller<'_> = Caller::User { account: AWAY, arn: "arn:aws:iam::444455556666:user/dana" };
const APP: Caller<'_> = Caller::Role {
    account: HOME,
    arn: "arn:aws:sts::111122223333:assumed-role/app/one",
    role: "arn:aws:iam::111122223333:role/app",
};
const POINT: &str = "arn:aws:s3:eu-west-1:111122223333:accesspoint/p";
const CANONICAL: &str = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be";

fn document(effect: &str, principal: Option<Value>, action: &str, resource: &str) -> Value {
    let mut statement = json!({"Sid": "One", "Effect": effect, "Action": action, "Resource": resource});
    if let Some(principal) = principal {
        statement["Principal"] = principal;
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

fn everything(effect: &str) -> Value {
    document(effect, None, "s3:*", "*")
}

fn silent() -> Value {
    document("Allow", None, "s3:ListAllMyBuckets", "*")
}

fn naming(principal: Value) -> Value {
    document("Allow", Some(principal), "s3:*", "arn:aws:s3:::b/*")
}

/// A world of one bucket `b` of [`HOME`].
#[derive(Default)]
struct World {
    sources: Sources,
}

impl World {
    fn identity(mut self, caller: Caller<'_>, documents: &[Value], boundary: Option<Value>) -> Self {
        let policies = documents.iter().map(|document| policy("identities/own", document, Kind::Identity)).collect();
        let boundary = boundary.map(|document| policy("identities/boundary", &document, Kind::Identity));
        self.sources.identities.insert(caller.identity().unwrap().to_owned(), Attachments { policies, boundary });
        self
    }

    fn bucket(mut self, document: Option<Value>, change: impl FnOnce(&mut BucketRules)) -> Self {
        let mut rules = BucketRules {
            owner: HOME.to_owned(),
            policy: document.map(|document| policy("buckets/b/policy", &document, Kind::Resource)),
            binds_root: false,
            block: Block::default(),
            ownership: Ownership::default(),
            acl: None,
        };
        change(&mut rules);
        self.sources.buckets.insert("b".to_owned(), rules);
        self
    }

    fn account(mut self, id: &str, change: impl FnOnce(&mut AccountRules)) -> Self {
        change(self.sources.accounts.entry(id.to_owned()).or_default());
        self
    }

    /// The access point [`POINT`] of [`HOME`], which leads to the bucket.
    fn access_point(mut self, document: Option<Value>, block: Block) -> Self {
        let rules = AccessPointRules {
            owner: HOME.to_owned(),
            bucket: "b".to_owned(),
            origin: Origin::Internet,
            policy: document.map(|document| policy("access-points/p", &document, Kind::Resource)),
            block,
        };
        self.sources.access_points.insert(POINT.to_owned(), rules);
        self
    }

    /// Asks through the access point.
    fn ask_through(self, caller: Caller<'_>, action: &str, consent: bool) -> Decision {
        let keys = Keys::default();
        let question = Question {
            resource: &format!("{POINT}/object/k"),
            behind: Some("arn:aws:s3:::b/k"),
            consent,
            ..question(caller, action, &keys)
        };
        Generation::new(self.sources).decide(&question, &Brought::default())
    }

    fn ask(self, caller: Caller<'_>, action: &str, brought: &Brought<'_>) -> Decision {
        let keys = Keys::default();
        let question = Question { canonical_id: Some(CANONICAL), ..question(caller, action, &keys) };
        let generation = Generation::new(self.sources);
        let decision = generation.decide(&question, brought);
        assert_eq!(generation.explain(&question, brought).decision, decision);
        decision
    }

    #[track_caller]
    fn check(self, caller: Caller<'_>, expected: &str) {
        self.check_action(caller, "s3:GetObject", expected);
    }

    #[track_caller]
    fn check_action(self, caller: Caller<'_>, action: &str, expected: &str) {
        assert_eq!(self.ask(caller, action, &Brought::default()).reason(), expected);
    }
}

fn question<'a>(caller: Caller<'a>, action: &'a str, keys: &'a dyn Context) -> Question<'a> {
    Question {
        caller,
        canonical_id: None,
        action: Act::named(action),
        resource: "arn:aws:s3:::b/k",
        behind: None,
        owner: HOME,
        context: keys,
        consent: false,
    }
}

/// spec/policy-evaluation.md 4.1
#[test]
fn the_worked_table_holds() {
    let user = json!({"AWS": "arn:aws:iam::111122223333:user/bob"});
    let role = json!({"AWS": "arn:aws:iam::111122223333:role/app"});
    let session = json!({"AWS": "arn:aws:sts::111122223333:assumed-role/app/one"});
    let account = json!({"AWS": HOME});
    let (allow, none) = (|| Some(everything("Allow")), || Some(silent()));
    let rows = [
        (BOB, allow(), None, None, None, "allowed"),
        (BOB, none(), None, None, Some(user.clone()), "allowed"),
        (BOB, none(), None, None, Some(json!("*")), "allowed"),
        (BOB, none(), none(), None, Some(user), "allowed"),
        (APP, none(), none(), None, Some(role.clone()), "silent-boundary"),
        (APP, none(), allow(), allow(), Some(role.clone()), "allowed"),
        (APP, none(), None, none(), Some(role), "silent-session"),
        (APP, none(), none(), none(), Some(session), "allowed"),
        (BOB, none(), None, None, Some(account.clone()), "silent-identity"),
        (BOB, allow(), none(), None, Some(account), "silent-boundary"),
        (APP, allow(), allow(), none(), None, "silent-session"),
    ];
    for (row, (caller, identity, boundary, session, names, expected)) in (1..).zip(rows) {
        let world = World::default().identity(caller, &[identity.unwrap()], boundary).bucket(names.map(naming), |_| {});
        let session = session.map(|document| shelf("session", &[document], Kind::Identity));
        let brought = Brought { session: session.as_ref(), ..Brought::default() };
        assert_eq!(world.ask(caller, "s3:GetObject", &brought).reason(), expected, "row {row}");
    }
}

#[test]
fn another_account_needs_both_sides() {
    let world = || World::default().identity(DANA, &[everything("Allow")], None);
    world().bucket(Some(naming(json!({"AWS": AWAY}))), |_| {}).check(DANA, "allowed");
    world().bucket(None, |_| {}).check(DANA, "silent-resource");
    World::default().bucket(Some(naming(json!("*"))), |_| {}).check(DANA, "silent-identity");
    world().check(Caller::Root { account: AWAY, arn: "arn:aws:iam::444455556666:root" }, "silent-resource");
}

/// spec/policy-evaluation.md 5
#[test]
fn what_is_written_about_a_bucket_neither_gives_nor_forbids_to_make_it() {
    let may = |document: Value, identity: Value, caller, expected| {
        let world = World::default().identity(caller, &[identity], None).bucket(Some(document), |_| {});
        world.check_action(caller, "s3:CreateBucket", expected);
    };
    let written = |effect| document(effect, Some(json!("*")), "s3:*", "arn:aws:s3:::b/*");
    may(written("Allow"), silent(), BOB, "silent-identity");
    may(written("Deny"), everything("Allow"), BOB, "allowed");
    may(written("Deny"), everything("Deny"), BOB, "denied-identity");
}

#[test]
fn a_grant_names_what_it_rests_on_and_a_denial_what_forbids() {
    let world = World::default()
        .identity(DANA, &[everything("Allow")], None)
        .bucket(Some(naming(json!({"AWS": AWAY}))), |_| {});
    let Decision::Allow(grant) = world.ask(DANA, "s3:GetObject", &Brought::default()) else { panic!() };
    let basis: Vec<String> = grant.basis().map(ToString::to_string).collect();
    assert_eq!(basis, ["identities/own#One", "buckets/b/policy#One"]);

    let mut two = document("Deny", Some(json!("*")), "s3:PutObject", "arn:aws:s3:::b/*");
    let mut deny = two["Statement"][0].clone();
    deny["Action"] = json!("s3:GetObject");
    deny.as_object_mut().unwrap().remove("Sid");
    two["Statement"].as_array_mut().unwrap().push(deny);
    let world = World::default().identity(BOB, &[everything("Allow")], None).bucket(Some(two), |_| {});
    let Decision::ExplicitDeny(forbidden) = world.ask(BOB, "s3:GetObject", &Brought::default()) else { panic!() };
    let statement = forbidden.statement().unwrap();
    assert_eq!((forbidden.layer(), statement.index(), statement.line()), (Layer::Resource, 1, 1));
    assert_eq!(statement.to_string(), "buckets/b/policy#NO_ID-1");
}

#[test]
fn the_first_layer_that_forbids_is_the_one_that_is_named() {
    let policies = |world: World| {
        world
            .identity(BOB, &[everything("Deny")], Some(everything("Deny")))
            .bucket(Some(document("Deny", Some(json!("*")), "s3:*", "arn:aws:s3:::b/*")), |_| {})
    };
    policies(World::default()).check(BOB, "denied-identity");
    let rcp = || policy("organization/rcp", &document("Deny", Some(json!("*")), "s3:*", "*"), Kind::ResourceControl);
    let scp = |effect| policy("organization/scp", &everything(effect), Kind::Identity);
    policies(World::default().account(HOME, |rules| rules.resource_control = vec![vec![rcp()]]))
        .check(BOB, "denied-resource-control");
    policies(World::default().account(HOME, |rules| {
        rules.resource_control = vec![vec![rcp()]];
        rules.service_control = vec![vec![scp("Allow")], vec![scp("Deny")]];
    }))
    .check(BOB, "denied-service-control");
}

#[test]
fn every_level_of_an_organization_must_allow() {
    let scp = |document: Value| policy("organization/scp", &document, Kind::Identity);
    let world = |levels: Vec<Vec<Arc<Policy>>>| {
        World::default()
            .identity(BOB, &[everything("Allow")], None)
            .bucket(Some(naming(json!("*"))), |_| {})
            .account(HOME, |rules| rules.service_control = levels)
    };
    let all = || scp(everything("Allow"));
    world(vec![vec![all()], vec![scp(silent()), all()]]).check(BOB, "allowed");
    world(vec![vec![scp(silent())], vec![all()]]).check(BOB, "silent-service-control");
    world(vec![vec![all()], vec![]]).check(BOB, "silent-service-control");
    world(vec![vec![]]).check(Caller::Anonymous, "allowed");
    let root = Caller::Root { account: HOME, arn: "arn:aws:iam::111122223333:root" };
    world(vec![vec![scp(silent())]]).check(root, "silent-service-control");
}

#[test]
fn an_endpoint_lets_through_what_its_policy_allows() {
    let mut world = World::default().identity(BOB, &[everything("Allow")], None);
    let narrow = document("Allow", Some(json!("*")), "s3:*", "arn:aws:s3:::other/*");
    world.sources.endpoints.insert("vpce-1".to_owned(), policy("endpoints/vpce-1", &narrow, Kind::Resource));
    let brought = Brought { endpoint: Some("vpce-1"), ..Brought::default() };
    assert_eq!(world.ask(BOB, "s3:GetObject", &brought).reason(), "silent-endpoint");
}

#[test]
fn a_public_bucket_that_is_restricted_keeps_strangers_out() {
    let public = || Some(naming(json!("*")));
    let world = |document: Option<Value>| {
        World::default()
            .identity(DANA, &[everything("Allow")], None)
            .identity(BOB, &[everything("Allow")], None)
            .bucket(document, |rules| rules.block.restrict_public_buckets = true)
    };
    world(public()).check(Caller::Anonymous, "denied-public-access-block");
    world(public()).check(DANA, "denied-public-access-block");
    world(public()).check(BOB, "allowed");
    world(public()).check(Caller::Service { name: "logging.s3.amazonaws.com" }, "allowed");
    world(Some(naming(json!({"AWS": AWAY})))).check(DANA, "allowed");
    World::default()
        .bucket(public(), |_| {})
        .account(HOME, |rules| rules.block = Block::ALL)
        .check(Caller::Anonymous, "denied-public-access-block");
    World::default()
        .bucket(public(), |_| {})
        .account(HOME, |rules| rules.organization_block = Some(Block::ALL))
        .check(Caller::Anonymous, "denied-public-access-block");
}

fn acl(grantee: Grantee, permission: Permission) -> Acl {
    Acl { grants: vec![AclGrant { grantee, permission }] }
}

fn group(uri: &str) -> Grantee {
    Grantee::Group(uri.to_owned())
}

#[test]
fn lists_grant_only_where_they_are_in_force() {
    let list = || Some(acl(group(acl::ALL_USERS), Permission::Read));
    let world = |ownership, ignore| {
        World::default().bucket(None, |rules| {
            rules.acl = list();
            rules.ownership = ownership;
            rules.block.ignore_public_acls = ignore;
        })
    };
    world(Ownership::ObjectWriter, false).check_action(Caller::Anonymous, "s3:ListBucket", "allowed");
    world(Ownership::ObjectWriter, true).check_action(Caller::Anonymous, "s3:ListBucket", "silent-resource");
    world(Ownership::BucketOwnerEnforced, false).check_action(Caller::Anonymous, "s3:ListBucket", "silent-resource");
    world(Ownership::ObjectWriter, false).check_action(Caller::Anonymous, "s3:PutObject", "silent-resource");
    world(Ownership::ObjectWriter, false).check_action(DANA, "s3:ListBucket", "silent-identity");
    world(Ownership::ObjectWriter, false).check_action(BOB, "s3:ListBucket", "allowed");
    let service = Caller::Service { name: "logging.s3.amazonaws.com" };
    world(Ownership::ObjectWriter, false).check_action(service, "s3:ListBucket", "silent-resource");
}

#[test]
fn a_grant_to_an_account_is_not_one_to_its_users() {
    let world = |documents: &[Value]| {
        World::default().identity(DANA, documents, None).bucket(None, |rules| {
            rules.acl = Some(acl(Grantee::Account(CANONICAL.to_owned()), Permission::FullControl));
            rules.ownership = Ownership::ObjectWriter;
        })
    };
    world(&[everything("Allow")]).check_action(DANA, "s3:ListBucket", "allowed");
    world(&[]).check_action(DANA, "s3:ListBucket", "silent-identity");
    world(&[everything("Allow")]).check_action(DANA, "s3:GetBucketPolicy", "silent-resource");
}

#[test]
fn a_bucket_cannot_give_away_what_others_own_in_it() {
    let private = Acl::default();
    let object = |owner| Brought { object: Some(ObjectList { owner, acl: &private }), ..Brought::default() };
    let world = || {
        World::default()
            .identity(BOB, &[everything("Allow")], None)
            .identity(DANA, &[everything("Allow")], None)
            .bucket(Some(naming(json!("*"))), |rules| rules.ownership = Ownership::ObjectWriter)
    };
    assert_eq!(world().ask(BOB, "s3:GetObject", &object(AWAY)).reason(), "silent-resource");
    assert_eq!(world().ask(Caller::Anonymous, "s3:GetObject", &object(AWAY)).reason(), "silent-resource");
    assert_eq!(world().ask(DANA, "s3:GetObject", &object(AWAY)).reason(), "allowed");
    assert_eq!(world().ask(BOB, "s3:DeleteObject", &object(AWAY)).reason(), "allowed");
    assert_eq!(world().ask(BOB, "s3:GetObject", &object(HOME)).reason(), "allowed");
}

#[test]
fn a_deny_beats_a_public_list() {
    World::default()
        .bucket(Some(document("Deny", Some(json!("*")), "s3:*", "arn:aws:s3:::b/*")), |rules| {
            rules.acl = Some(acl(group(acl::ALL_USERS), Permission::FullControl));
            rules.ownership = Ownership::ObjectWriter;
        })
        .check_action(Caller::Anonymous, "s3:PutObject", "denied-resource");
}

#[test]
fn consent_stands_in_for_the_resource_and_never_for_a_deny() {
    let ask = |document: Option<Value>, identity: &[Value]| {
        let world = World::default().identity(DANA, identity, None).bucket(document, |_| {});
        let keys = Keys::default();
        let question = Question { consent: true, ..question(DANA, "s3:PutObjectAcl", &keys) };
        Generation::new(world.sources).decide(&question, &Brought::default()).reason()
    };
    assert_eq!(ask(None, &[everything("Allow")]), "allowed");
    assert_eq!(ask(None, &[]), "silent-identity");
    let deny = document("Deny", Some(json!("*")), "s3:PutObjectAcl", "arn:aws:s3:::b/*");
    assert_eq!(ask(Some(deny), &[everything("Allow")]), "denied-resource");
    // Through an access point it stands in for both of its policies.
    let through = |consent| {
        let world = World::default().identity(DANA, &[everything("Allow")], None).bucket(None, |_| {});
        world.access_point(None, Block::default()).ask_through(DANA, "s3:PutObjectAcl", consent).reason()
    };
    assert_eq!((through(true), through(false)), ("allowed", "silent-access-point"));
}

#[test]
fn the_owner_is_who_the_generation_says_not_who_the_question_says() {
    let keys = Keys::default();
    let world = World::default().identity(DANA, &[everything("Allow")], None).bucket(None, |_| {});
    let question = Question { owner: AWAY, ..question(DANA, "s3:GetObject", &keys) };
    let decision = Generation::new(world.sources).decide(&question, &Brought::default());
    assert_eq!(decision.reason(), "silent-resource");
}

/// spec/policy-evaluation.md 5
#[test]
fn nobody_is_locked_out_by_the_policy_of_its_own_bucket() {
    const ROOT: Caller<'_> = Caller::Root { account: HOME, arn: "arn:aws:iam::111122223333:root" };
    const STRANGER: Caller<'_> = Caller::Root { account: AWAY, arn: "arn:aws:iam::444455556666:root" };
    let check = |caller, action: &str, expected: &str| {
        let locked = document("Deny", Some(json!("*")), "s3:*", "arn:aws:s3:::b/*");
        let world = World::default().identity(BOB, &[everything("Allow")], None).bucket(Some(locked), |_| {});
        world.check_action(caller, action, expected);
    };
    for action in ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"] {
        check(ROOT, action, "allowed");
        check(BOB, action, "denied-resource");
        check(STRANGER, action, "denied-resource");
    }
    for action in ["s3:GetObject", "s3:GetBucketPolicyStatus", "s3:DeleteBucket"] {
        check(ROOT, action, "denied-resource");
    }
    // Unless whoever set it has confirmed just that.
    for (action, expected) in [("s3:PutBucketPolicy", "denied-resource"), ("s3:ListAllMyBuckets", "allowed")] {
        let locked = document("Deny", Some(json!("*")), "s3:*Policy", "arn:aws:s3:::b/*");
        World::default().bucket(Some(locked), |rules| rules.binds_root = true).check_action(ROOT, action, expected);
    }
    // What binds every account of an organization binds its root users, too.
    let world = World::default().bucket(None, |_| {});
    let world = world.account(HOME, |rules| {
        let deny = document("Deny", None, "s3:*", "*");
        let policies = [everything("Allow"), deny].map(|one| policy("organization/scp", &one, Kind::Identity));
        rules.service_control = vec![policies.to_vec()];
    });
    world.check_action(ROOT, "s3:PutBucketPolicy", "denied-service-control");
}

#[test]
fn an_access_point_needs_both_policies() {
    let ask = |point: Option<Value>, bucket: Option<Value>, block: Block| {
        let world = World::default().identity(DANA, &[everything("Allow")], None).bucket(bucket, |_| {});
        world.access_point(point, block).ask_through(DANA, "s3:GetObject", false).reason()
    };
    let at_point = |principal| Some(document("Allow", Some(principal), "s3:GetObject", &format!("{POINT}/object/*")));
    let account = || json!({"AWS": AWAY});
    let at_bucket = || Some(naming(account()));
    assert_eq!(ask(at_point(account()), at_bucket(), Block::default()), "allowed");
    assert_eq!(ask(None, at_bucket(), Block::default()), "silent-access-point");
    assert_eq!(ask(at_point(account()), None, Block::default()), "silent-resource");
    assert_eq!(ask(at_point(json!("*")), at_bucket(), Block::ALL), "denied-public-access-block");
    assert_eq!(ask(at_point(account()), at_bucket(), Block::ALL), "allowed");
}

/// spec/policy-evaluation.md 6: `ident(access point ARN) or ident(bucket ARN)`
#[test]
fn behind_an_access_point_the_callers_own_word_about_the_bucket_is_enough() {
    let user = json!({"AWS": "arn:aws:iam::111122223333:user/bob"});
    let ask = |identity: &[Value], boundary: Option<Value>| {
        let at_point = document("Allow", Some(user.clone()), "s3:GetObject", &format!("{POINT}/object/*"));
        let world = World::default().identity(BOB, identity, boundary).bucket(None, |_| {});
        world.access_point(Some(at_point), Block::default()).ask_through(BOB, "s3:GetObject", false)
    };
    let about_bucket = |effect| document(effect, None, "s3:GetObject", "arn:aws:s3:::b/*");
    assert_eq!(ask(&[], None).reason(), "silent-resource");
    assert_eq!(ask(&[about_bucket("Allow"), about_bucket("Deny")], None).reason(), "silent-resource");
    assert_eq!(ask(&[about_bucket("Allow")], Some(about_bucket("Deny"))).reason(), "silent-boundary");
    let Decision::Allow(grant) = ask(&[about_bucket("Allow")], None) else { panic!("denied") };
    let basis: Vec<String> = grant.basis().map(ToString::to_string).collect();
    assert_eq!(basis, ["identities/own#One", "access-points/p#One"]);
}

#[test]
fn an_access_point_that_nobody_knows_opens_nothing() {
    let keys = Keys::default();
    let world = World::default().identity(BOB, &[everything("Allow")], None).bucket(None, |_| {});
    let question = Question {
        resource: "arn:aws:s3:eu-west-1:111122223333:accesspoint/unknown/object/k",
        behind: Some("arn:aws:s3:::b/k"),
        ..question(BOB, "s3:GetObject", &keys)
    };
    let decision = Generation::new(world.sources).decide(&question, &Brought::default());
    assert_eq!(decision.reason(), "silent-access-point");
}

#[test]
fn a_boundary_cannot_be_spared() {
    let mut spare = document("Deny", None, "s3:*", "arn:aws:s3:::b/*");
    spare["Statement"][0]["NotPrincipal"] = json!({"AWS": [HOME, "arn:aws:iam::111122223333:user/bob"]});
    let world =
        |boundary| World::default().identity(BOB, &[everything("Allow")], boundary).bucket(Some(spare.clone()), |_| {});
    world(None).check(BOB, "allowed");
    world(Some(everything("Allow"))).check(BOB, "denied-resource");
}

/// spec/policy-language.md 2.1
#[test]
fn a_session_is_spared_where_account_role_and_session_are_listed() {
    let all = [HOME, "arn:aws:iam::111122223333:role/app", "arn:aws:sts::111122223333:assumed-role/app/one"];
    let check = |listed: &[&str], expected: &str| {
        let mut spare = document("Deny", None, "s3:*", "arn:aws:s3:::b/*");
        spare["Statement"][0]["NotPrincipal"] = json!({"AWS": listed});
        World::default().identity(APP, &[everything("Allow")], None).bucket(Some(spare), |_| {}).check(APP, expected);
    };
    check(&all, "allowed");
    for left_out in 0..3 {
        let listed: Vec<&str> = (0..3).filter(|at| *at != left_out).map(|at| all[at]).collect();
        check(&listed, "denied-resource");
    }
}

#[test]
fn actions_that_no_table_knows_meet_wildcards_only() {
    let world = || World::default().identity(BOB, &[everything("Allow")], None).bucket(None, |_| {});
    world().check_action(BOB, "s3:SomethingNew", "allowed");
    world().check_action(BOB, "ec2:RunInstances", "silent-identity");
    let deny = document("Deny", Some(json!("*")), "s3:*new", "arn:aws:s3:::b/*");
    let text = deny.to_string();
    if super::super::super::read::read(text.as_bytes(), Kind::Resource).is_ok() {
        World::default().identity(BOB, &[everything("Allow")], None).bucket(Some(deny), |_| {}).check_action(
            BOB,
            "s3:SomethingNew",
            "denied-resource",
        );
    }
}

#[test]
fn an_explanation_says_which_element_and_which_value() {
    let mut conditional = document("Allow", Some(json!("*")), "s3:GetObject", "arn:aws:s3:::b/*");
    conditional["Statement"][0]["Condition"] =
        json!({"Null": {"aws:SourceVpc": "false"}, "StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}});
    for (action, principal, resource) in [
        ("s3:PutObject", json!("*"), "arn:aws:s3:::b/*"),
        ("s3:GetObject", json!({"AWS": AWAY}), "arn:aws:s3:::b/*"),
        ("s3:GetObject", json!("*"), "arn:aws:s3:::b/other"),
    ] {
        let more = json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource});
        conditional["Statement"].as_array_mut().unwrap().push(more);
    }
    let world = World::default().bucket(Some(conditional), |_| {});
    let mut keys = Keys::default();
    keys.set("aws:sourcevpc", "vpc-2");
    let explanation =
        Generation::new(world.sources).explain(&question(BOB, "s3:GetObject", &keys), &Brought::default());
    assert_eq!(explanation.decision.reason(), "silent-identity");
    let [consulted] = &explanation.layers[..] else { panic!("{explanation:?}") };
    assert_eq!((consulted.layer, consulted.resource.as_str()), (Layer::Resource, "arn:aws:s3:::b/k"));
    assert_eq!(consulted.statements[0].misses, [Miss::Condition]);
    assert!(!explanation.lists);
    let failed: Vec<&Clause> = consulted.statements[0].failed().collect();
    let [failed] = failed[..] else { panic!("{failed:?}") };
    assert_eq!((failed.operator.as_str(), failed.key.as_str()), ("StringEqualsIfExists", "aws:SourceVpc"));
    assert_eq!((&failed.operands[..], &failed.seen), (&["vpc-1".to_owned()][..], &Some(vec!["vpc-2".to_owned()])));
    let rest: Vec<&[Miss]> = consulted.statements[1..].iter().map(|looked| &looked.misses[..]).collect();
    assert_eq!(rest, [[Miss::Action], [Miss::Principal], [Miss::Resource]]);
}

#[test]
fn an_explanation_tells_what_applies_from_what_was_looked_at() {
    let mut policy = naming(json!("*"));
    let more = [
        json!({"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}),
        json!({"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}),
    ];
    policy["Statement"].as_array_mut().unwrap().extend(more);
    let world = World::default().bucket(Some(policy), |rules| rules.ownership = Ownership::ObjectWriter);
    let keys = Keys::default();
    let explanation =
        Generation::new(world.sources).explain(&question(BOB, "s3:GetObject", &keys), &Brought::default());
    assert!(explanation.lists);
    let applying = |effect| -> Vec<usize> {
        explanation.layers[0].applying(effect).map(|looked| looked.statement.index()).collect()
    };
    assert_eq!(applying(Effect::Allow), [0]);
    assert_eq!(applying(Effect::Deny), [0; 0]);
}

#[test]
fn denials_speak_as_aws_does() {
    let say = |world: World| {
        let decision = world.ask(BOB, "s3:GetObject", &Brought::default());
        decision.message("arn:aws:iam::111122223333:user/bob", "s3:GetObject", "arn:aws:s3:::b/k").unwrap()
    };
    assert_eq!(
        say(World::default()),
        "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:GetObject action"
    );
    assert_eq!(
        say(World::default().bucket(Some(document("Deny", Some(json!("*")), "s3:*", "arn:aws:s3:::b/*")), |_| {})),
        "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::b/k\" with an explicit deny in a resource-based policy"
    );
}

#[test]
fn public_writes_are_refused_where_a_setting_guards_them() {
    let public = naming(json!("*"));
    let public = policy("new", &public, Kind::Resource);
    let direct = PolicyWrite::Bucket { through_access_point: false };
    let point = |same_account| PolicyWrite::AccessPoint { origin: Origin::Internet, same_account };
    let at_point = BlockLevels { access_point: Block::ALL, ..BlockLevels::default() };
    let at_bucket = BlockLevels { bucket: Block::ALL, ..BlockLevels::default() };
    let check = |levels: BlockLevels, write| levels.check_policy(public.document(), write);
    assert_eq!(check(at_bucket, direct), Err(Blocked::Policy));
    assert_eq!(check(at_point, direct), Ok(()));
    assert_eq!(check(at_point, PolicyWrite::Bucket { through_access_point: true }), Err(Blocked::Policy));
    assert_eq!(check(at_bucket, point(true)), Err(Blocked::Policy));
    assert_eq!(check(at_bucket, point(false)), Ok(()));
    assert_eq!(check(at_point, point(false)), Err(Blocked::Policy));
    assert_eq!(check(BlockLevels::default(), direct), Ok(()));
    // An organization that switched everything off overrides the account.
    let overridden =
        BlockLevels { organization: Some(Block::default()), account: Block::ALL, ..BlockLevels::default() };
    assert_eq!(check(overridden, direct), Ok(()));
    let list = acl(group(acl::AUTHENTICATED_USERS), Permission::ReadAcp);
    assert_eq!(at_bucket.check_acl(&list), Err(Blocked::Acl));
    assert_eq!(BlockLevels::default().check_acl(&list), Ok(()));
    // One public grant among others is enough.
    let mut mixed = acl(Grantee::Account(CANONICAL.to_owned()), Permission::FullControl);
    assert_eq!(at_bucket.check_acl(&mixed), Ok(()));
    mixed.grants.extend(list.grants);
    assert_eq!(at_bucket.check_acl(&mixed), Err(Blocked::Acl));
    assert!(Blocked::Policy.message("a", "b", "c").contains("prevented by the BlockPublicPolicy setting"));
}
