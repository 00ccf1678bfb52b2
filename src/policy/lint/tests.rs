use super::super::problem::Severity;
use super::super::read::{Kind, read};
use super::*;

fn warnings(action: &str, condition: &str) -> Vec<(Rule, String)> {
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": {action}, "Resource": "*", "Condition": {condition}}}}}"#
    );
    let found = lint(&read(text.as_bytes(), Kind::Identity).unwrap().document);
    assert!(found.iter().all(|problem| problem.severity == Severity::Warning && problem.help.is_some()));
    found.into_iter().map(|problem| (problem.rule, problem.help.unwrap())).collect()
}

fn rules(action: &str, condition: &str) -> Vec<Rule> {
    warnings(action, condition).into_iter().map(|(rule, _)| rule).collect()
}

#[test]
fn a_misspelt_action_is_named_with_its_neighbour() {
    assert_eq!(warnings(r#""s3:GetObjct""#, "{}"), [(Rule::Action, "did you mean `s3:GetObject`?".to_owned())]);
    assert_eq!(rules(r#"["s3:Get*", "kms:Decrypt", "*"]"#, "{}"), []);
    assert_eq!(rules(r#""s3:Zzz*""#, "{}"), [Rule::Action]);
}

#[test]
fn keys_that_no_action_carries_are_told_where_that_is_certain() {
    assert_eq!(rules(r#""s3:GetObject""#, r#"{"StringEquals": {"s3:prefix": "a"}}"#), [Rule::KeyAction]);
    assert_eq!(rules(r#"["s3:GetObject", "kms:Decrypt"]"#, r#"{"StringEquals": {"s3:prefix": "a"}}"#), []);
    assert_eq!(rules(r#""s3:GetObject""#, r#"{"StringEquals": {"s3:prefx": "a"}}"#), [Rule::Key]);
    assert_eq!(rules(r#""s3:GetObject""#, r#"{"StringEquals": {"prefix": "a"}}"#), [Rule::Key]);
    assert_eq!(rules(r#""s3:GetObject""#, r#"{"StringEquals": {"kms:ViaService": "a"}}"#), []);
    assert_eq!(rules(r#""s3:GetObject""#, r#"{"Bool": {"aws:SecureTransprt": "true"}}"#), [Rule::Key]);
    assert_eq!(rules(r#""s3:GetObject""#, r#"{"Bool": {"AWS:securetransport": "true"}}"#), []);
    assert_eq!(rules(r#""s3:GetObject""#, r#"{"StringEquals": {"aws:PrincipalTag/team": "a"}}"#), []);
}

#[test]
fn a_key_of_several_values_wants_a_quantifier() {
    let clause = |operator: &str| format!(r#"{{"{operator}": {{"aws:PrincipalOrgPaths": "true"}}}}"#);
    assert_eq!(rules(r#""s3:GetObject""#, &clause("StringLike")), [Rule::Quantifier]);
    assert_eq!(rules(r#""s3:GetObject""#, &clause("ForAnyValue:StringLike")), []);
    assert_eq!(rules(r#""s3:GetObject""#, &clause("Null")), []);
}

/// The rules of what is told of a document with these statements, with the lines it is told on.
fn told(statements: &[&str]) -> Vec<(Rule, usize)> {
    let text = format!("{{\"Version\": \"2012-10-17\", \"Statement\": [\n{}\n]}}", statements.join(",\n"));
    let document = read(text.as_bytes(), Kind::Resource).unwrap_or_else(|problems| panic!("{problems:?}")).document;
    let problems = lint(&document);
    assert!(problems.iter().all(|problem| problem.severity == Severity::Warning));
    problems.iter().map(|problem| (problem.rule, document.lines.place(problem.span).0 - 1)).collect()
}

fn statement(effect: &str, principal: &str, action: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect": "{effect}", "Principal": {principal}, "Action": "{action}", "Resource": "arn:aws:s3:::{resource}", "Condition": {condition}}}"#
    )
}

const ALL: &str = "\"*\"";
const ALICE: &str = r#"{"AWS": "arn:aws:iam::111122223333:user/alice"}"#;
const PLAIN: &str = r#"{"Bool": {"aws:SecureTransport": "false"}}"#;

#[test]
fn what_a_denial_takes_away_is_told() {
    let allow = statement("Allow", ALICE, "s3:GetObject", "b/k/*", "{}");
    let deny = |principal, action, resource, condition| statement("Deny", principal, action, resource, condition);
    let whole = deny(ALL, "s3:Get*", "b/*", "{}");
    assert_eq!(told(&[&allow, &whole]), [(Rule::Unreachable, 1)]);
    assert_eq!(told(&[&whole, &allow]), [(Rule::Unreachable, 2)]);
    for narrower in [
        deny(ALL, "s3:Get*", "b/*", PLAIN),
        deny(ALL, "s3:GetObjectTagging", "b/*", "{}"),
        deny(ALL, "s3:Get*", "b/k/x*", "{}"),
        deny(ALL, "s3:Get*", "b/?/*", "{}"),
        deny(r#"{"AWS": "111122223333"}"#, "s3:Get*", "b/*", "{}"),
    ] {
        assert_eq!(told(&[&allow, &narrower]), [], "{narrower}");
    }
}

#[test]
fn a_denial_in_the_shadow_of_a_wider_one_is_told() {
    let narrow = statement("Deny", ALICE, "s3:DeleteObject", "b/*", PLAIN);
    assert_eq!(told(&[&statement("Deny", ALL, "s3:*", "b/*", PLAIN), &narrow]), [(Rule::Unreachable, 2)]);
    assert_eq!(told(&[&statement("Deny", ALL, "s3:*", "b/*", "{}"), &narrow]), [(Rule::Unreachable, 2)]);
    assert_eq!(told(&[&narrow, &narrow]), [(Rule::Unreachable, 2)], "of two alike, one is told of");
    let other = r#"{"Bool": {"aws:SecureTransport": "false"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#;
    assert_eq!(told(&[&statement("Deny", ALL, "s3:*", "b/*", other), &narrow]), []);
    assert_eq!(told(&[&statement("Allow", ALL, "s3:*", "b/*", "{}"), &narrow]), [], "an Allow shadows no Deny");
}

#[test]
fn a_grant_to_everyone_is_no_more_than_one_to_somebody() {
    let own = statement("Allow", ALICE, "s3:GetObject", "b/k", "{}");
    assert_eq!(told(&[&statement("Allow", ALL, "s3:GetObject", "b/*", "{}"), &own]), []);
    assert_eq!(told(&[&statement("Allow", ALICE, "s3:Get*", "b/*", "{}"), &own]), [(Rule::Unreachable, 2)]);
    let of = |principal: &str| statement("Allow", principal, "s3:GetObject", "b/k", "{}");
    let (number, root) = (r#"{"AWS": "111122223333"}"#, r#"{"AWS": "arn:aws:iam::111122223333:root"}"#);
    assert_eq!(told(&[&of(number), &of(root)]), [(Rule::Unreachable, 2)]);
    assert_eq!(told(&[&of(root), &of(number)]), [(Rule::Unreachable, 1)], "in other partitions it says more");
}

#[test]
fn clauses_that_never_hold_together_are_told() {
    let clauses = |condition: &str| told(&[&statement("Allow", ALL, "s3:GetObject", "b/*", condition)]);
    let twice = r#"{"StringEquals": {"aws:SourceVpce": "vpce-1"}, "Null": {"aws:SourceVpce": "true"}}"#;
    assert_eq!(clauses(twice), [(Rule::Unreachable, 1)]);
    assert_eq!(clauses(&twice.replace("\"true\"", "\"false\"")), []);
    assert_eq!(clauses(&twice.replace("StringEquals", "StringEqualsIfExists")), []);
    // Two spellings of a tag may be two tags.
    let tags = r#"{"StringEquals": {"s3:ExistingObjectTag/a": "x"}, "Null": {"s3:ExistingObjectTag/A": "true"}}"#;
    assert_eq!(clauses(tags), []);
    assert_eq!(clauses(&tags.replace("/A", "/a")), [(Rule::Unreachable, 1)]);
}

#[test]
fn an_action_on_the_wrong_kind_of_resource_is_told_where_that_is_certain() {
    let text = |action: &str, resource: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}}}"#
        )
    };
    let rules = |action, resource| {
        let found = lint(&read(text(action, resource).as_bytes(), Kind::Identity).unwrap().document);
        found.into_iter().map(|problem| problem.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules("s3:ListBucket", "arn:aws:s3:::b/*"), [Rule::ActionResource]);
    assert_eq!(rules("s3:GetObject", "arn:aws:s3:::b"), [Rule::ActionResource]);
    for (action, resource) in [
        ("s3:GetObject", "arn:aws:s3:::b*"),
        ("s3:ListBucket", "*"),
        ("s3:*", "arn:aws:s3:::b"),
        ("kms:Decrypt", "arn:aws:s3:::b"),
    ] {
        assert_eq!(rules(action, resource), [], "{action} {resource}");
    }
}
