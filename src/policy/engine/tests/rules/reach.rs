//! Promises about whom and what a document reaches: partitions, roles of services, patterns that are no ARN.

use super::*;
use crate::policy::context::Values;

/// spec/policy-language.md 2
#[test]
fn an_account_of_another_partition_is_another_account() {
    let root = |partition: &str| json!({"AWS": format!("arn:{partition}:iam::{AWAY}:root")});
    let world = || World::default().identity(DANA, &[everything("Allow")], None);
    world().bucket(Some(naming(root("aws"))), |_| {}).check(DANA, "allowed");
    world().bucket(Some(naming(root("aws-cn"))), |_| {}).check(DANA, "silent-resource");
    world().bucket(Some(naming(json!({"AWS": AWAY}))), |_| {}).check(DANA, "allowed");
    let china = Caller::User { account: AWAY, arn: "arn:aws-cn:iam::444455556666:user/dana" };
    let world = || World::default().identity(china, &[everything("Allow")], None);
    world().bucket(Some(naming(root("aws"))), |_| {}).check(china, "silent-resource");
    world().bucket(Some(naming(root("aws-cn"))), |_| {}).check(china, "allowed");
    // A number has no partition.
    world().bucket(Some(naming(json!({"AWS": AWAY}))), |_| {}).check(china, "allowed");

    let deny = |element: &str, principal: Value| {
        let mut denial = document("Deny", None, "s3:*", "arn:aws:s3:::b/*");
        denial["Statement"][0][element] = principal;
        World::default().identity(BOB, &[everything("Allow")], None).bucket(Some(denial), |_| {})
    };
    let home = |partition: &str| json!({"AWS": format!("arn:{partition}:iam::{HOME}:root")});
    deny("Principal", home("aws")).check(BOB, "denied-resource");
    deny("Principal", home("aws-cn")).check(BOB, "allowed");
    let spared = |partition: &str| json!({"AWS": [format!("arn:{partition}:iam::{HOME}:root"), "arn:aws:iam::111122223333:user/bob"]});
    deny("NotPrincipal", spared("aws")).check(BOB, "allowed");
    deny("NotPrincipal", spared("aws-cn")).check(BOB, "denied-resource");
}

/// spec/policy-evaluation.md 3
#[test]
fn an_organization_does_not_bind_roles_that_are_linked_to_services_and_binds_all_that_look_like_them() {
    let linked = "arn:aws:iam::111122223333:role/aws-service-role/replication.s3.amazonaws.com/App";
    let role = |role: &'static str| Caller::Role {
        account: HOME,
        arn: "arn:aws:sts::111122223333:assumed-role/App/one",
        role,
    };
    let world = |caller| World::default().identity(caller, &[everything("Allow")], None).bucket(None, |_| {});
    let service = |caller, expected: &str| {
        let deny = policy("organization/deny", &everything("Deny"), Kind::Identity);
        world(caller).account(HOME, |rules| rules.service_control = vec![vec![deny]]).check(caller, expected);
        let silent = policy("organization/silent", &silent(), Kind::Identity);
        let expected = if expected == "allowed" { expected } else { "silent-service-control" };
        world(caller).account(HOME, |rules| rules.service_control = vec![vec![silent]]).check(caller, expected);
    };
    let resource = |caller, expected: &str| {
        let deny = document("Deny", Some(json!("*")), "s3:*", "*");
        let deny = policy("organization/ours", &deny, Kind::ResourceControl);
        world(caller).account(HOME, |rules| rules.resource_control = vec![vec![deny]]).check(caller, expected);
    };
    service(role(linked), "allowed");
    resource(role(linked), "allowed");
    for other in [
        "arn:aws:iam::111122223333:role/App",
        "arn:aws:iam::111122223333:role/aws-service-role",
        "arn:aws:iam::111122223333:role/AWS-Service-Role/replication.s3.amazonaws.com/App",
        "arn:aws:iam::111122223333:role/aws-service-roles/replication.s3.amazonaws.com/App",
        "arn:aws:iam::111122223333:role/team/aws-service-role/replication.s3.amazonaws.com/App",
    ] {
        service(role(other), "denied-service-control");
        resource(role(other), "denied-resource-control");
    }
    let user = Caller::User { account: HOME, arn: "arn:aws:iam::111122223333:user/aws-service-role/bob" };
    service(user, "denied-service-control");
    resource(user, "denied-resource-control");
}

/// spec/policy-language.md 4
#[test]
fn a_resource_with_fewer_than_five_colons_matches_by_a_star_at_its_end_alone() {
    let with = |element: &str, effect: &str, resource: &str| {
        let mut own = document(effect, None, "s3:*", "*");
        let statement = own["Statement"][0].as_object_mut().unwrap();
        statement.remove("Resource");
        statement.insert(element.to_owned(), json!(resource));
        let documents = if effect == "Deny" { vec![everything("Allow"), own] } else { vec![own] };
        World::default().identity(BOB, &documents, None).bucket(None, |_| {})
    };
    for nothing in ["arn:aws:s3", "*k", "?", "b/k", "s3:::b/*", "arn:aws:s3::b"] {
        with("Resource", "Allow", nothing).check(BOB, "silent-identity");
        with("Resource", "Deny", nothing).check(BOB, "allowed");
        with("NotResource", "Deny", nothing).check(BOB, "denied-identity");
    }
    for every in ["a*", "**", "arn:*", "arn:aws:s3:*"] {
        with("Resource", "Allow", every).check(BOB, "allowed");
        with("Resource", "Deny", every).check(BOB, "denied-identity");
        with("NotResource", "Deny", every).check(BOB, "allowed");
    }
    with("Resource", "Allow", "b*").check(BOB, "silent-identity");
}

/// spec/access-points.md 7.3
#[test]
fn what_an_account_restricts_holds_for_its_access_points_to_buckets_of_others() {
    let eve = Caller::User { account: "777788889999", arn: "arn:aws:iam::777788889999:user/eve" };
    let public = document("Allow", Some(json!("*")), "s3:*", &format!("{POINT}/object/*"));
    let world = |change: fn(&mut AccountRules)| {
        let mut world = World::default()
            .identity(eve, &[everything("Allow")], None)
            .identity(DANA, &[everything("Allow")], None)
            .bucket(Some(naming(json!({"AWS": ["444455556666", "777788889999"]}))), |_| {})
            .access_point(Some(public.clone()), Block::default())
            .account(AWAY, change);
        world.sources.access_points.get_mut(POINT).unwrap().owner = AWAY.to_owned();
        world
    };
    let check = |change: fn(&mut AccountRules), caller, expected: &str| {
        assert_eq!(world(change).ask_through(caller, "s3:GetObject", false).reason(), expected, "{caller:?}");
    };
    check(|_| {}, eve, "allowed");
    check(|rules| rules.block.restrict_public_buckets = true, eve, "denied-public-access-block");
    check(|rules| rules.organization_block = Some(Block::ALL), eve, "denied-public-access-block");
    check(|rules| rules.block = Block { restrict_public_buckets: false, ..Block::ALL }, eve, "allowed");
    // Its own people are no strangers at its own door.
    check(|rules| rules.block = Block::ALL, DANA, "allowed");
    let levels = Generation::new(world(|rules| rules.block = Block::ALL).sources).block_levels("b", HOME, Some(POINT));
    assert_eq!((levels.account, levels.access_point), (Block::default(), Block::ALL));
}

/// The same tag: `door` on the access point, `bucket` on what is behind it.
struct TwoTags;

impl Context for TwoTags {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        (key == "aws:resourcetag/Class").then_some(Values::One("door"))
    }

    fn values_behind(&self, key: &str) -> Option<Values<'_>> {
        (key == "aws:resourcetag/Class").then_some(Values::One("bucket"))
    }
}

/// spec/s3-authorization.md 2, item 3: the keys of a resource come with the resource that is asked about.
#[test]
fn a_tag_on_the_door_neither_opens_nor_unlocks_the_bucket_behind_it() {
    let of = |effect: &str, principal: Option<Value>, resource: &str, tag: &str| {
        let mut document = document(effect, principal, "s3:*", resource);
        document["Statement"][0]["Condition"] = json!({"StringEquals": {"aws:ResourceTag/Class": tag}});
        document
    };
    let (bucket, door) = ("arn:aws:s3:::b/*", format!("{POINT}/object/*"));
    let ask = |world: World, caller| {
        let question = Question {
            resource: &format!("{POINT}/object/k"),
            behind: Some("arn:aws:s3:::b/k"),
            ..question(caller, "s3:GetObject", &TwoTags)
        };
        let generation = Generation::new(world.sources);
        let decision = generation.decide(&question, &Brought::default());
        assert_eq!(generation.explain(&question, &Brought::default()).decision, decision);
        decision.reason()
    };
    let away = || Some(json!({"AWS": AWAY}));
    for (on_bucket, on_door, expected) in [
        ("bucket", "door", "allowed"),
        ("door", "door", "silent-resource"),
        ("bucket", "bucket", "silent-access-point"),
    ] {
        let world = World::default()
            .identity(DANA, &[of("Allow", None, "*", "door")], None)
            .bucket(Some(of("Allow", away(), bucket, on_bucket)), |_| {})
            .access_point(Some(of("Allow", away(), &door, on_door)), Block::default());
        assert_eq!(ask(world, DANA), expected, "{on_bucket} {on_door}");
    }
    for (tag, expected) in [("bucket", "denied-resource"), ("door", "allowed")] {
        let world = World::default()
            .identity(BOB, &[everything("Allow")], None)
            .bucket(Some(of("Deny", Some(json!("*")), bucket, tag)), |_| {})
            .access_point(None, Block::default());
        assert_eq!(ask(world, BOB), expected, "{tag}");
        let rcp = || policy("organization/rcp", &of("Deny", Some(json!("*")), "*", tag), Kind::ResourceControl);
        let world = World::default()
            .identity(BOB, &[everything("Allow")], None)
            .bucket(None, |_| {})
            .access_point(None, Block::default())
            .account(HOME, |rules| rules.resource_control = vec![vec![rcp()]]);
        assert_eq!(ask(world, BOB), "denied-resource-control", "on either: {tag}");
    }
}
