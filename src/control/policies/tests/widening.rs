//! What a new generation opens.

use super::*;
use crate::control::policies::{Widening, widenings};

fn told(before: &Site, after: &Site) -> Vec<String> {
    let found = widenings(&before.loaded().sources, &after.loaded().sources);
    found.iter().map(|widening: &Widening| format!("{}: {widening}", widening.place)).collect()
}

const READ: &str = "arn:aws:s3:::bbb/*";

fn open() -> String {
    bucket_statement("Allow", "\"*\"", "s3:GetObject", READ)
}

#[test]
fn a_bucket_made_public_is_told_unless_it_is_blocked() {
    let (before, after) = (Site::new(""), Site::new(""));
    after.write("buckets/bbb/policy.json", &open());
    assert_eq!(
        told(&before, &after),
        [
            "buckets/bbb/policy.json: this policy makes the bucket public",
            "buckets/bbb/policy.json: the statement `NO_ID-0` allows everyone (line 1)"
        ]
    );
    assert_eq!(told(&after, &after), [""; 0]);
    after.write("buckets/bbb/public-access-block.json", "{ \"RestrictPublicBuckets\": true }");
    assert_eq!(told(&before, &after), ["buckets/bbb/policy.json: the statement `NO_ID-0` allows everyone (line 1)"]);
}

#[test]
fn everyone_may_not_come_in_by_a_wider_statement_either() {
    let (before, after) = (Site::new(""), Site::new(""));
    before.write(
        "buckets/bbb/policy.json",
        &bucket_statement("Allow", "\"*\"", "s3:GetObject", "arn:aws:s3:::bbb/pub/*"),
    );
    after.write("buckets/bbb/policy.json", &open());
    assert_eq!(told(&before, &after).len(), 1, "more of the bucket");
    assert_eq!(told(&after, &before), [""; 0], "less of it");
    before.write("buckets/bbb/policy.json", &open().replace("Allow", "Deny"));
    assert_eq!(told(&before, &after).len(), 2, "a Deny of before grants nothing");
    let spared = open().replace("\"*\"", r#"{"AWS":"111122223333"}"#);
    after.write("buckets/bbb/policy.json", &spared);
    assert_eq!(told(&before, &after), [""; 0], "an account is not everyone");
}

#[test]
fn a_role_that_everyone_may_assume_is_told() {
    let role = format!("[[role]]\narn = \"arn:aws:iam::{ACCOUNT}:role/reader\"\ntrust = \"reader-trust\"\n");
    let trust = |who: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{who},"Action":"sts:AssumeRole"}}}}"#
        )
    };
    let (before, after) = (Site::new(&role), Site::new(&role));
    before.write("identities/reader-trust.json", &trust(r#"{"AWS":"111122223333"}"#));
    after.write("identities/reader-trust.json", &trust("\"*\""));
    assert_eq!(
        told(&before, &after),
        ["identities/reader-trust.json: the statement `NO_ID-0` allows everyone (line 1)"]
    );
}

#[test]
fn a_setting_switched_off_is_told_at_every_level() {
    let (before, after) = (Site::new(""), Site::new(""));
    let all = "{ \"BlockPublicAcls\": true, \"IgnorePublicAcls\": true, \"BlockPublicPolicy\": true, \"RestrictPublicBuckets\": true }";
    let chart = format!(
        "id = \"o-exampleorg\"\nroot = \"r-ab12\"\nblock_public_access = true\n[[account]]\nid = \"{ACCOUNT}\"\n"
    );
    before.write("buckets/bbb/public-access-block.json", all);
    before.write(&format!("accounts/{ACCOUNT}/public-access-block.json"), "{ \"BlockPublicPolicy\": true }");
    before.write("organization/organization.toml", &chart);
    after.write("buckets/bbb/public-access-block.json", &all.replacen("true", "false", 1));
    after.write("organization/organization.toml", &chart.replace("true", "false"));
    let told = told(&before, &after);
    let account = format!("accounts/{ACCOUNT}/public-access-block.json: `BlockPublicPolicy` is switched off");
    assert!(told.contains(&account), "{told:?}");
    assert!(told.contains(&"buckets/bbb/public-access-block.json: `BlockPublicAcls` is switched off".to_owned()));
    assert!(told.contains(&"organization/organization.toml: `RestrictPublicBuckets` is switched off".to_owned()));
    assert_eq!(told.len(), 6, "{told:?}");
}
