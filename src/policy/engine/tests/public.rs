//! Which policies are public, rule by rule (spec/policy-evaluation.md 8.3).

use serde_json::{Value, json};

use super::super::super::read::Kind;
use super::super::public::{Origin, PolicyOf, is_public};
use super::policy;

const NUMBER: &str = "111122223333";

fn judge(statement: &Value, of: PolicyOf) -> bool {
    let mut statement = statement.clone();
    statement["Action"] = json!("s3:GetObject");
    statement["Resource"] = json!("arn:aws:s3:::b/*");
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    is_public(policy("p", &document, Kind::Resource).document(), of)
}

#[track_caller]
fn check(statement: &Value, public: bool) {
    assert_eq!(judge(statement, PolicyOf::Bucket), public, "{statement}");
}

/// A statement for everyone under one clause.
fn under(operator: &str, key: &str, operands: Value) -> Value {
    json!({"Effect": "Allow", "Principal": "*", "Condition": {operator: {key: operands}}})
}

#[test]
fn who_is_named_says_whether_a_statement_is_public() {
    let fixed = json!({"AWS": [NUMBER, "arn:aws:iam::444455556666:user/dana"], "Service": "logging.s3.amazonaws.com"});
    check(&json!({"Effect": "Allow", "Principal": fixed}), false);
    check(&json!({"Effect": "Allow", "Principal": {"AWS": [NUMBER, "*"]}}), true);
    check(&json!({"Effect": "Deny", "Principal": "*"}), false);
    check(&json!({"Effect": "Allow", "NotPrincipal": {"AWS": NUMBER}}), true);
    let web = "arn:aws:iam::111122223333:oidc-provider/idp.example";
    check(&json!({"Effect": "Allow", "Principal": {"AWS": NUMBER, "Federated": web}}), true);
    // A limit on everyone is none on a provider's users.
    let limit = json!({"StringEquals": {"aws:PrincipalAccount": NUMBER}});
    check(&json!({"Effect": "Allow", "Principal": {"AWS": "*", "Federated": web}, "Condition": limit}), true);
}

#[test]
fn an_address_that_is_none_limits_nobody() {
    check(&under("IpAddress", "aws:SourceIp", json!("203.0.113.0/24")), false);
    check(&under("IpAddress", "aws:SourceIp", json!("somewhere")), true);
}

#[test]
fn one_clause_of_a_limiting_key_with_fixed_values_is_enough() {
    let mut two = under("StringEquals", "aws:PrincipalOrgID", json!("o-1"));
    two["Condition"]["Bool"] = json!({"aws:SecureTransport": "true"});
    check(&two, false);
    let keys = [
        "aws:PrincipalOrgID",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalOrgPaths",
        "aws:SourceArn",
        "aws:SourceVpc",
        "AWS:sourcevpce",
        "aws:SourceOwner",
        "aws:SourceAccount",
        "aws:userid",
        "s3:DataAccessPointAccount",
    ];
    for key in keys {
        check(&under("StringEquals", key, json!(["one", "two"])), false);
        check(&under("StringEquals", key, json!(["one", "tw*"])), true);
        check(&under("StringEquals", key, json!("tw?")), true);
        check(&under("StringLike", key, json!("${aws:username}")), true);
    }
    for key in ["aws:Referer", "aws:PrincipalTag/team", "aws:username", "aws:VpcSourceIp", "aws:ResourceAccount"] {
        check(&under("StringEquals", key, json!("one")), true);
    }
    check(&under("StringEquals", "aws:PrincipalAccount", json!("anonymous")), true);
}

#[test]
fn an_operator_that_holds_without_the_key_limits_nobody() {
    let key = "aws:PrincipalOrgID";
    for operator in ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ForAnyValue:StringEquals"] {
        check(&under(operator, key, json!("o-1")), false);
    }
    for operator in ["StringNotEquals", "StringEqualsIfExists", "ForAllValues:StringEquals", "StringNotLike"] {
        check(&under(operator, key, json!("o-1")), true);
    }
    check(&under("Null", key, json!("false")), true);
    let arn = json!("arn:aws:sns:eu-west-1:111122223333:topic");
    check(&under("ArnEquals", "aws:SourceArn", arn.clone()), false);
    check(&under("ArnNotLike", "aws:SourceArn", arn), true);
}

#[test]
fn a_block_of_addresses_limits_unless_it_is_broad() {
    let block = |operator, blocks| under(operator, "aws:SourceIp", blocks);
    for narrow in ["203.0.113.17", "10.0.0.0/8", "2001:db8::/32", "2001:db8::1"] {
        check(&block("IpAddress", json!(narrow)), false);
        check(&block("IpAddress", json!([narrow, "0.0.0.0/0"])), true);
    }
    for broad in ["10.0.0.0/7", "2001::/31", "2001::/16", "::/0"] {
        check(&block("IpAddress", json!(broad)), true);
    }
    check(&block("NotIpAddress", json!("203.0.113.17")), true);
    check(&under("IpAddress", "aws:VpcSourceIp", json!("203.0.113.17")), true);
}

#[test]
fn a_wildcard_for_the_name_of_an_access_point_limits_in_a_policy_of_a_bucket_alone() {
    let points = |arn: &str| under("ArnLike", "s3:DataAccessPointArn", json!(arn));
    let internet = PolicyOf::AccessPoint(Origin::Internet);
    let named = points("arn:aws:s3:eu-west-1:111122223333:accesspoint/p");
    let any = points("arn:aws:s3:eu-west-1:111122223333:accesspoint/*");
    assert!(!judge(&named, PolicyOf::Bucket) && !judge(&named, internet));
    assert!(!judge(&any, PolicyOf::Bucket) && judge(&any, internet));
    for arn in [
        "arn:aws:s3:*:111122223333:accesspoint/*",
        "arn:aws:s3:eu-west-1:*:accesspoint/p",
        "arn:*:s3:eu-west-1:111122223333:accesspoint/p",
        "arn:aws:s3::111122223333:accesspoint/*",
        "arn:aws:s3:eu-west-1:111122223333:*",
        "arn:aws:s3:eu-west-1:111122223333:accesspoint/${aws:username}",
    ] {
        check(&points(arn), true);
    }
    // From a VPC alone: never public.
    assert!(!judge(&json!({"Effect": "Allow", "Principal": "*"}), PolicyOf::AccessPoint(Origin::Vpc)));
    assert!(judge(&json!({"Effect": "Allow", "Principal": "*"}), internet));
}
