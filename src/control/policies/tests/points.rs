//! Access points in the folder: read, compared, changed.

use super::taking::Kept;
use super::*;
use crate::access::Point;
use crate::control::policies::{ChangeFaultKind, Consent, Widening, widenings};
use crate::pipeline::Change;
use crate::policy::engine::public::Origin;
use crate::s3::{Code, Fault, name};
use crate::time::Seconds;

const FILE: &str = "access-points/111122223333/reports.json";
const POLICY: &str = "access-points/111122223333/reports.policy.json";
const STORED: &str = r#"{"Bucket": "bbb", "BucketAccountId": "111122223333", "CreationDate": "2026-03-02T10:20:30Z"}"#;

fn arn(site: &Site) -> String {
    format!("arn:aws:s3:{}:{ACCOUNT}:accesspoint/reports", site.config().region)
}

fn policy(site: &Site, principal: &str) -> String {
    bucket_statement("Allow", principal, "s3:GetObject", &format!("{}/object/*", arn(site)))
}

fn public(site: &Site) -> String {
    policy(site, "\"*\"")
}

fn site() -> Site {
    let site = Site::new("");
    site.write(FILE, STORED);
    site
}

#[test]
fn an_access_point_of_the_folder_is_known_by_its_arn_and_decides() {
    let site = site();
    site.write(POLICY, &policy(&site, r#"{"AWS":"444455556666"}"#));
    let loaded = site.loaded();
    let point = loaded.estate.access_point(&arn(&site)).unwrap();
    assert_eq!((point.name.as_str(), point.bucket.as_str(), point.block), ("reports", "bbb", Block::ALL));
    assert!(name::is_alias(&point.alias, "reports"), "{}", point.alias);
    assert_eq!(site.loaded().estate.access_point(&arn(&site)).unwrap().alias, point.alias, "replicas agree");
    assert!(point.policy.as_ref().is_some_and(|text| text.starts_with(b"{")));
    let rules = &loaded.sources.access_points[&arn(&site)];
    assert_eq!((rules.owner.as_str(), rules.origin, rules.policy.is_some()), (ACCOUNT, Origin::Internet, true));
    assert_eq!(loaded.estate.rules().has_public_point_policy(&arn(&site)), Some(false));
}

#[test]
fn an_access_point_that_could_be_taken_for_something_else_is_refused() {
    let refused = |files: &[(&str, &str)], told: &str| {
        let site = site();
        for (name, text) in files {
            site.write(name, text);
        }
        let refused = site.refused();
        assert!(refused.contains(told), "{refused}");
    };
    refused(&[("access-points/999999999999/reports.json", STORED)], "the account of this folder is not known");
    refused(&[("access-points/111122223333/under_score.json", STORED)], "no access point can have the name");
    refused(&[("access-points/111122223333/other.policy.json", "{}")], "no access point that this policy is of");
    refused(&[(FILE, &STORED.replace("bbb", "B"))], "reports.json:1:12");
    refused(&[("buckets/reports-111122223333/settings.toml", "# as ever")], "has the host name of this bucket");
    let alias = name::alias("reports", 0..=255).unwrap();
    let with_alias = STORED.replace('}', &format!(", \"Alias\": \"{alias}\"}}"));
    let theirs = "access-points/444455556666/reports.json";
    refused(&[(FILE, &with_alias), (theirs, &with_alias)], "has the alias of");
    for resource in ["arn:aws:s3:::bbb/*", "*", "arn:aws:s3:us-east-1:111122223333:accesspoint/other/object/*"] {
        let text = bucket_statement("Allow", "\"*\"", "s3:GetObject", resource);
        refused(&[(POLICY, &text)], "reports.policy.json:1:");
    }
    site().write("buckets/reports-444455556666/settings.toml", "# as ever").loaded();
}

#[test]
fn tests_of_the_folder_see_the_policies_of_access_points() {
    let site = site();
    site.write(POLICY, &bucket_statement("Deny", "\"*\"", "s3:GetObject", &format!("{}/object/*", arn(&site))));
    site.write(
        "credentials.toml",
        &format!(
            "[[account]]\nid = \"{ACCOUNT}\"\n[[account]]\nid = \"{OTHER}\"\n{}",
            user("alice", "policies = [\"administrator\"]")
        ),
    );
    let test = |expect: &str| {
        format!(
            "[[test]]\nname = \"closed\"\nas = \"arn:aws:iam::{ACCOUNT}:user/alice\"\ndo = \"s3:GetObject\"\non = \"{}/object/k\"\n{expect}\n",
            arn(&site)
        )
    };
    site.write("tests/a.toml", &test("expect = \"deny\"\nbecause = \"access-point\""));
    site.loaded();
    site.write("tests/a.toml", &test("expect = \"allow\""));
    assert!(site.refused().contains("a.toml:6"));
}

fn told(before: &Site, after: &Site) -> Vec<String> {
    let found = widenings(&before.loaded().sources, &after.loaded().sources);
    found.iter().map(|widening: &Widening| format!("{}: {widening}", widening.place)).collect()
}

#[test]
fn an_access_point_that_opens_more_than_before_is_told() {
    let (before, after) = (site(), site());
    let open = STORED.replace('}', ", \"PublicAccessBlockConfiguration\": {}}");
    after.write(FILE, &open);
    assert_eq!(told(&before, &after).len(), 4, "every setting that is off");
    assert_eq!(told(&after, &before), [""; 0]);
    before.write(FILE, &open);
    after.write(POLICY, &public(&after));
    assert_eq!(
        told(&before, &after),
        [
            format!("{POLICY}: this policy makes the bucket public"),
            format!("{POLICY}: the statement `NO_ID-0` allows everyone (line 1)")
        ]
    );
    let vpc = open.replace("\"CreationDate\"", "\"VpcConfiguration\": {\"VpcId\": \"vpc-1\"}, \"CreationDate\"");
    before.write(FILE, &vpc).write(POLICY, &public(&before));
    assert_eq!(
        told(&before, &after),
        [
            format!("{FILE}: `VpcConfiguration` is switched off"),
            format!("{POLICY}: this policy makes the bucket public")
        ]
    );
    fs::remove_file(after.dir.path().join("policies").join(POLICY)).unwrap();
    fs::remove_file(after.dir.path().join("policies").join(FILE)).unwrap();
    before.write(FILE, STORED);
    assert_eq!(told(&before, &after), [""; 0], "what is gone opens nothing");
}

fn point(site: &Site) -> Point {
    Point {
        arn: arn(site),
        name: "reports".to_owned(),
        account: ACCOUNT.to_owned(),
        region: site.config().region,
        bucket: "bbb".to_owned(),
        bucket_account: ACCOUNT.to_owned(),
        vpc: Some("vpc-1".to_owned()),
        block: Block::ALL,
        alias: name::alias("reports", 0..=255).unwrap(),
        created: Seconds(1_772_446_830),
        tags: vec![("team".to_owned(), "red".to_owned())],
        policy: None,
    }
}

fn new(kept: &Kept) -> Change {
    Change::NewPoint { point: Box::new(point(&kept.site)) }
}

fn retag(kept: &Kept, set: &[(&str, &str)], removed: &[&str]) -> Change {
    let set = set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Change::PointTags { arn: arn(&kept.site), set, removed: removed.iter().map(|key| (*key).to_owned()).collect() }
}

#[test]
fn what_is_written_of_a_new_access_point_is_all_of_it() {
    let kept = Kept::plain();
    kept.keeper.change(&new(&kept)).unwrap();
    assert_eq!(*kept.site.loaded().estate.access_point(&arn(&kept.site)).unwrap(), point(&kept.site));
    assert!(kept.keeper.refresh().is_none(), "what was just read is not read again");
    kept.keeper.change(&retag(&kept, &[("cost", "7")], &["team"])).unwrap();
    let tags = kept.site.loaded().estate.access_point(&arn(&kept.site)).unwrap().tags.clone();
    assert_eq!(tags, [("cost".to_owned(), "7".to_owned())]);
    let many: Vec<String> = (0..50).map(|at| format!("k{at}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
    assert_eq!(kept.keeper.change(&retag(&kept, &many, &[])).unwrap_err().kind, ChangeFaultKind::Tags);
    let document = Some(policy(&kept.site, r#"{"AWS":"444455556666"}"#).into());
    kept.keeper.change(&Change::PointPolicy { arn: arn(&kept.site), document }).unwrap();
    assert!(kept.file(POLICY).is_some());
    kept.keeper.change(&Change::PointGone { arn: arn(&kept.site) }).unwrap();
    assert_eq!((kept.file(FILE), kept.file(POLICY)), (None, None));
}

#[test]
fn a_stale_process_neither_overwrites_an_access_point_nor_brings_one_back() {
    let kept = Kept::plain();
    // Another process of the same folder has made it meanwhile.
    kept.site.write(FILE, STORED);
    let fault = kept.keeper.change(&new(&kept)).unwrap_err();
    assert_eq!(fault.kind, ChangeFaultKind::PointTaken);
    assert_eq!(Fault::from(fault).code(), Code::AccessPointAlreadyOwnedByYou);
    assert_eq!(kept.file(FILE).as_deref(), Some(STORED));
    kept.site.write(FILE, &STORED.replace('}', r#", "Tags": [{"Key": "newer", "Value": "x"}]}"#));
    kept.keeper.change(&retag(&kept, &[("mine", "y")], &[])).unwrap();
    let text = kept.file(FILE).unwrap();
    assert!(text.contains("newer") && text.contains("mine"), "{text}");
    fs::remove_file(kept.site.dir.path().join("policies").join(FILE)).unwrap();
    let policy = Change::PointPolicy { arn: arn(&kept.site), document: Some(public(&kept.site).into()) };
    let gone = Change::PointGone { arn: arn(&kept.site) };
    for (change, code) in [
        (policy, Code::NoSuchAccessPoint),
        (gone, Code::NoSuchAccessPoint),
        (retag(&kept, &[("mine", "y")], &[]), Code::NoSuchResource),
    ] {
        assert_eq!(Fault::from(kept.keeper.change(&change).unwrap_err()).code(), code);
    }
    assert_eq!((kept.file(FILE), kept.file(POLICY)), (None, None));
}

#[test]
fn an_access_point_of_another_region_has_no_place_in_the_folder() {
    let kept = Kept::plain();
    let region = kept.site.config().region;
    let elsewhere = Point { arn: arn(&kept.site).replace(&region, "eu-north-9"), ..point(&kept.site) };
    let fault = kept.keeper.change(&Change::NewPoint { point: Box::new(elsewhere) }).unwrap_err();
    assert_eq!((fault.kind, Fault::from(fault).code()), (ChangeFaultKind::Elsewhere, Code::NotImplemented));
    assert_eq!(kept.file(FILE), None);
}

#[test]
fn requests_make_no_access_points_where_the_operator_says_so() {
    let kept = Kept::new(site(), |config| config.policy_api = false);
    for change in [new(&kept), retag(&kept, &[], &[]), Change::PointGone { arn: arn(&kept.site) }] {
        assert_eq!(kept.keeper.change(&change).unwrap_err().kind, ChangeFaultKind::Off);
    }
    assert_eq!(kept.file(FILE).as_deref(), Some(STORED));
    assert_eq!(kept.keeper.reload(Consent::None).unwrap().number, 2);
}
