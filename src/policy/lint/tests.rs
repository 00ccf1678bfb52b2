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
