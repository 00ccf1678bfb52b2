use super::super::explain::tests::{site, write};
use super::super::tests::run;
use super::*;

#[test]
fn who_can_names_everybody_and_by_what() {
    let site = site();
    let ask = |action, on, more: &[&str]| {
        let args = ["policy", "who-can", "--do", action, "--on", on];
        run(site.path(), &args.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let ran = ask("s3:GetObject", "arn:aws:s3:::logs/shared/a", &[]);
    assert_eq!((ran.exit, ran.err.as_str()), (Exit::Fine, ""));
    insta::assert_snapshot!("who_can", ran.out);
    let ran = ask("s3:PutObject", "arn:aws:s3:::logs/red/a", &[]);
    assert!(ran.out.contains("user/red    if the conditions of identities/red.json:10 held\n"), "{}", ran.out);
    let ran = ask("s3:DeleteObject", "arn:aws:s3:::logs/a", &["--json"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.out);
    let value: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(value["who"], json!([]), "nobody deletes, root of the account included");
    assert_eq!(ask("s3:GetObjct", "arn:aws:s3:::logs/a", &[]).exit, Exit::Unusable);
}

#[test]
fn public_says_which_statement_and_what_stops_it() {
    let site = site();
    let ran = run(site.path(), &["policy", "public"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.err);
    assert_eq!(ran.out, "site: public: whoever the statements name gets in\n  buckets/site/policy.json:3 `Everyone`\n");
    let block = r#"{"BlockPublicAcls": false, "IgnorePublicAcls": false, "BlockPublicPolicy": false, "RestrictPublicBuckets": true}"#;
    write(site.path(), "policies/buckets/site/public-access-block.json", block);
    let ran = run(site.path(), &["policy", "public", "--json"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    let value: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&value["public"][0]["bucket"], &value["public"][0]["restricted"]), (&json!("site"), &json!(true)));
    std::fs::remove_dir_all(site.path().join("policies/buckets/site")).unwrap();
    assert_eq!(run(site.path(), &["policy", "public"]).out, "no bucket has a public policy\n");
}

#[test]
fn tests_of_the_folder_are_run() {
    let site = site();
    assert_eq!(run(site.path(), &["policy", "test"]).out, "0 tests hold\n");
    let test = |expect: &str| {
        format!(
            "[[test]]\nname = \"red reads\"\nas = \"arn:aws:iam::111122223333:user/red\"\ndo = \"s3:GetObject\"\n\
             on = \"arn:aws:s3:::logs/a\"\nexpect = \"{expect}\"\n"
        )
    };
    write(site.path(), "policies/tests/red.toml", &test("allow"));
    let ran = run(site.path(), &["policy", "test"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Fine, "1 test holds\n"), "{}", ran.err);
    write(site.path(), "policies/tests/red.toml", &test("deny"));
    let ran = run(site.path(), &["policy", "test"]);
    assert!(ran.exit == Exit::No && ran.err.contains("red reads"), "{}", ran.err);
}

#[test]
fn lint_shows_what_can_hardly_be_meant() {
    let site = site();
    let ran = run(site.path(), &["policy", "lint", "--json"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Fine, "{\"findings\":[],\"ok\":true}\n"), "{}", ran.err);
    let odd =
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObjct", "Resource": "*"}}"#;
    write(site.path(), "policies/identities/red.json", odd);
    let ran = run(site.path(), &["policy", "lint"]);
    assert!(ran.exit == Exit::No && ran.err.contains("s3:GetObjct"), "{}", ran.err);
}

#[test]
fn a_difference_is_shown_with_the_request_that_tells_it() {
    let site = site();
    for name in [
        "identities/red.json",
        "identities/everything.json",
        "identities/read-only.json",
        "buckets/site/policy.json",
        "credentials.toml",
    ] {
        let text = std::fs::read_to_string(site.path().join("policies").join(name)).unwrap();
        write(site.path(), &format!("next/{name}"), &text);
    }
    let logs = std::fs::read_to_string(site.path().join("policies/buckets/logs/policy.json")).unwrap();
    write(site.path(), "next/buckets/logs/policy.json", &logs);
    let diff = |more: &[&str]| {
        let args = ["policy", "diff", "policies", "next"];
        run(site.path(), &args.iter().chain(more).copied().collect::<Vec<_>>())
    };
    let same = diff(&[]);
    assert_eq!(same.exit, Exit::Fine, "{}{}", same.out, same.err);
    assert!(
        same.out.contains(": 0 differ\nnote: this is a search") && !same.out.contains(" 0 requests"),
        "{}",
        same.out
    );
    write(
        site.path(),
        "next/buckets/logs/policy.json",
        &logs.replace("203.0.113", "x").replace("logs/shared/*", "logs/*"),
    );
    write(
        site.path(),
        "next/identities/red.json",
        &std::fs::read_to_string(site.path().join("next/identities/red.json"))
            .unwrap()
            .replace("203.0.113.0/24", "203.0.113.0/28"),
    );
    let wider = diff(&["--json"]);
    assert_eq!(wider.exit, Exit::No, "{}", wider.out);
    let value: Value = serde_json::from_str(&wider.out).unwrap();
    let found = value["differences"].as_array().unwrap();
    let has = |principal: &str, action: &str, after: bool| {
        found.iter().any(|one| {
            one["principal"] == principal
                && one["action"] == action
                && one["after"]["allowed"] == after
                && one["before"]["allowed"] == !after
        })
    };
    assert!(has("arn:aws:iam::444455556666:root", "s3:GetObject", true), "the partner reads more: {}", wider.out);
    assert_eq!(value["proof"], json!(false));
}

#[test]
fn a_folder_that_is_none_is_unusable() {
    let site = site();
    let ran = run(site.path(), &["policy", "diff", "policies", "nowhere"]);
    assert!(ran.exit == Exit::Unusable && ran.out.is_empty() && ran.err.contains("is no folder"), "{}", ran.err);
}
