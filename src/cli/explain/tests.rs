mod document;
mod past;

use std::path::Path;

use super::super::tests::{Ran, run};
use super::*;

/// A small company: a log bucket, a shared bucket, three users and somebody else's account.
pub(in crate::cli) fn site() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let files = [
        (
            "bartizan.toml",
            "region = \"us-east-1\"\naccount = \"111122223333\"\npolicies = \"policies/\"\nstate = \"state/\"\n\
             [[listen]]\naddress = \"127.0.0.1:9443\"\nhosts = [\"localhost\"]\n[upstream]\nkind = \"embedded\"\n",
        ),
        (
            "policies/credentials.toml",
            r#"
[[account]]
id = "111122223333"
name = "main"
[[user]]
arn = "arn:aws:iam::111122223333:user/red"
policies = ["red"]
tags = { team = "red" }
keys = [{ id = "AKIAREDEXAMPLE000001", secret = "0123456789012345678901234567890123456789" }]
[[user]]
arn = "arn:aws:iam::111122223333:user/blue"
policies = ["everything"]
boundary = "read-only"
keys = [{ id = "AKIABLUEEXAMPLE00001", secret = "0123456789012345678901234567890123456789" }]
[[user]]
arn = "arn:aws:iam::111122223333:user/admin"
policies = ["everything"]
keys = [{ id = "AKIAADMINEXAMPLE0001", secret = "0123456789012345678901234567890123456789" }]
"#,
        ),
        (
            "policies/identities/red.json",
            r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Read",
      "Effect": "Allow",
      "Action": ["s3:GetObject", "s3:ListBucket"],
      "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"]
    },
    {
      "Sid": "WriteFromTheOffice",
      "Effect": "Allow",
      "Action": "s3:PutObject",
      "Resource": "arn:aws:s3:::logs/${aws:PrincipalTag/team}/*",
      "Condition": { "IpAddress": { "aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"] } }
    }
  ]
}
"#,
        ),
        (
            "policies/identities/everything.json",
            r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#,
        ),
        (
            "policies/identities/read-only.json",
            r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "Reads", "Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}
]}"#,
        ),
        (
            "policies/buckets/logs/policy.json",
            r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "NeverInPlainText",
      "Effect": "Deny",
      "Principal": "*",
      "Action": "s3:*",
      "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"],
      "Condition": { "Bool": { "aws:SecureTransport": "false" } }
    },
    {
      "Sid": "NobodyDeletes",
      "Effect": "Deny",
      "Principal": "*",
      "Action": "s3:DeleteObject*",
      "Resource": "arn:aws:s3:::logs/*"
    },
    {
      "Sid": "Partner",
      "Effect": "Allow",
      "Principal": { "AWS": "444455556666" },
      "Action": "s3:GetObject",
      "Resource": "arn:aws:s3:::logs/shared/*"
    }
  ]
}
"#,
        ),
        (
            "policies/buckets/site/policy.json",
            r#"{
  "Version": "2012-10-17",
  "Statement": {
    "Sid": "Everyone",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::site/*"
  }
}
"#,
        ),
    ];
    for (name, text) in files {
        write(dir.path(), name, text);
    }
    dir
}

/// Writes a file, for its owner alone.
pub(in crate::cli) fn write(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

const RED: &str = "arn:aws:iam::111122223333:user/red";
const BLUE: &str = "arn:aws:iam::111122223333:user/blue";
const ADMIN: &str = "arn:aws:iam::111122223333:user/admin";
const PARTNER: &str = "arn:aws:iam::444455556666:user/eve";

fn explain(who: &str, action: &str, on: &str, more: &[&str]) -> Ran {
    let args = ["explain", "--as", who, "--do", action, "--on", on];
    run(site().path(), &args.iter().chain(more).copied().collect::<Vec<_>>())
}

#[test]
fn a_denial_says_which_condition_failed_and_what_would_help() {
    let ran = explain(RED, "s3:PutObject", "arn:aws:s3:::logs/red/a", &["--from", "198.51.100.7"]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.err);
    insta::assert_snapshot!("condition", ran.out);
    let inside = explain(RED, "s3:PutObject", "arn:aws:s3:::logs/red/a", &["--from", "203.0.113.7"]);
    assert_eq!(inside.exit, Exit::Fine, "the help was right");
}

#[test]
fn an_absent_key_is_called_absent() {
    let ran = explain(RED, "s3:PutObject", "arn:aws:s3:::logs/red/a", &[]);
    assert_eq!(ran.exit, Exit::No);
    insta::assert_snapshot!("absent", ran.out);
}

#[test]
fn a_prohibition_is_named_and_comes_first() {
    let ran = explain(ADMIN, "s3:DeleteObject", "arn:aws:s3:::logs/a", &["--with", "aws:SecureTransport=false"]);
    assert_eq!(ran.exit, Exit::No);
    insta::assert_snapshot!("prohibition", ran.out);
}

#[test]
fn a_boundary_that_is_silent_is_said_to_be() {
    let ran = explain(BLUE, "s3:PutObject", "arn:aws:s3:::logs/a", &[]);
    assert_eq!(ran.exit, Exit::No);
    insta::assert_snapshot!("boundary", ran.out);
}

#[test]
fn a_permission_names_what_it_rests_on() {
    let ran = explain(RED, "s3:GetObject", "arn:aws:s3:::logs/a", &[]);
    assert_eq!(ran.exit, Exit::Fine);
    insta::assert_snapshot!("permission", ran.out);
}

#[test]
fn a_stranger_is_taken_to_have_no_policies_and_the_reader_is_told() {
    let ran = explain(PARTNER, "s3:GetObject", "arn:aws:s3:::logs/shared/a", &[]);
    assert_eq!(ran.exit, Exit::No);
    insta::assert_snapshot!("stranger", ran.out);
}

#[test]
fn the_same_as_json() {
    let ran = explain(RED, "s3:PutObject", "arn:aws:s3:::logs/red/a", &["--from", "198.51.100.7", "--json"]);
    assert_eq!(ran.exit, Exit::No);
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn what_cannot_be_asked_is_unusable_and_says_what_was_meant() {
    let object = "arn:aws:s3:::logs/a";
    for (who, action, on, more, complaint) in [
        (
            RED,
            "s3:GetObjct",
            object,
            &[][..],
            "error: --do: `s3:GetObjct` is no action of S3\nhelp: did you mean `s3:GetObject`?\n",
        ),
        (
            RED,
            "s3:GetObject",
            "arn:aws:s3:::logs",
            &[],
            "error: --on: s3:GetObject does not act on `arn:aws:s3:::logs`\nhelp: it acts on an object: `arn:aws:s3:::BUCKET/KEY`\n",
        ),
        (
            "arn:aws:iam::111122223333:user/rd",
            "s3:GetObject",
            object,
            &[],
            "error: --as: there is no `arn:aws:iam::111122223333:user/rd`\nhelp: did you mean `arn:aws:iam::111122223333:user/red`?\n",
        ),
        (
            RED,
            "s3:GetObject",
            object,
            &["--with", "aws:SourceVpcee=x"],
            "error: --with: `aws:SourceVpcee` is no condition key\nhelp: did you mean `aws:SourceVpce`?\n",
        ),
    ] {
        let ran = explain(who, action, on, more);
        assert_eq!((ran.exit, ran.out.as_str(), ran.err.as_str()), (Exit::Unusable, "", complaint));
    }
}

#[test]
fn half_a_question_is_unusable() {
    let dir = site();
    for args in [
        &["explain"][..],
        &["explain", "--as", RED],
        &["explain", "--as", RED, "--do", "s3:GetObject"],
        &["explain", "--do", "s3:GetObject", "--on", "*"],
        &["explain", "0123456789ABCDEF", "--as", RED, "--do", "s3:GetObject", "--on", "*"],
        &["explain", "--as", RED, "--do", "s3:GetObject", "--on", "*", "--with", "novalue"],
    ] {
        let ran = run(dir.path(), args);
        assert!(ran.exit == Exit::Unusable && ran.out.is_empty() && !ran.err.is_empty(), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_folder_that_is_broken_decides_nothing() {
    let dir = site();
    write(dir.path(), "policies/buckets/logs/policy.json", "{");
    let ran = run(dir.path(), &["explain", "--as", RED, "--do", "s3:GetObject", "--on", "arn:aws:s3:::logs/a"]);
    assert!(ran.exit == Exit::Unusable && ran.out.is_empty() && ran.err.contains("policy.json"), "{}", ran.err);
}

#[test]
fn what_a_policy_says_cannot_steer_the_terminal() {
    let dir = site();
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*",
        "Condition": {"StringEquals": {"aws:UserAgent": "\u001b[2J"}}}}"#;
    write(dir.path(), "policies/identities/red.json", text);
    let ran = run(dir.path(), &["explain", "--as", RED, "--do", "s3:GetObject", "--on", "arn:aws:s3:::logs/a"]);
    assert!(ran.out.contains("aws:UserAgent") && !ran.out.contains('\u{1b}'), "{}", ran.out);
}
