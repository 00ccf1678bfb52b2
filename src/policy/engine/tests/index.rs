//! What the index finds.

use serde_json::{Value, json};

use super::super::super::read::Kind;
use super::super::arn;
use super::super::*;
use super::shelf;

const BOB: Caller<'_> = Caller::User { account: "111122223333", arn: "arn:aws:iam::111122223333:user/bob" };

/// The first component of an ARN's path, and the path.
fn split(arn: &str) -> (&str, &str) {
    let path = arn::path(arn);
    (arn::component(path), path)
}

#[test]
fn statements_about_others_are_not_looked_at() {
    let statements: Vec<Value> = (0..300)
        .map(|at| {
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::bucket-{at}/*")})
        })
        .collect();
    let all = shelf("many", &[json!({"Version": "2012-10-17", "Statement": statements})], Kind::Identity);
    let count = |resource: &str, action: &str| {
        let mut found = 0;
        let action = Act::named(action).known();
        all.candidates(&BOB, action, split(resource), &mut |_| found += 1);
        found
    };
    assert_eq!(count("arn:aws:s3:::bucket-7/k", "s3:GetObject"), 1);
    assert_eq!(count("arn:aws:s3:::bucket-7/k", "s3:PutObject"), 0);
    assert_eq!(count("arn:aws:s3:::bucket-7", "s3:GetObject"), 0);
    assert_eq!(count("arn:aws:s3:::bucket-999/k", "s3:GetObject"), 0);
}

#[test]
fn prefixes_of_prefixes_are_all_found() {
    let prefixes = ["", "a/", "a/b/", "a/b/c", "a/c/", "ab", "b/"];
    let statements: Vec<Value> = prefixes
        .iter()
        .map(|prefix| {
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::b/{prefix}*")})
        })
        .collect();
    let all = shelf("nested", &[json!({"Version": "2012-10-17", "Statement": statements})], Kind::Identity);
    for key in ["", "a", "a/", "a/b/c", "a/b/cd", "a/c/d", "abc", "b/x", "zz", "a/b0"] {
        let mut found = Vec::new();
        let resource = format!("arn:aws:s3:::b/{key}");
        all.candidates(&BOB, Act::named("s3:GetObject").known(), split(&resource), &mut |candidate| {
            found.push(candidate.place.statement() as usize);
        });
        found.sort_unstable();
        let expected: Vec<usize> = (0..prefixes.len()).filter(|at| key.starts_with(prefixes[*at])).collect();
        assert_eq!(found, expected, "{key}");
    }
}
