use proptest::prelude::*;

use super::super::context::Keys;
use super::super::read::{Kind, read};
use super::*;

/// The clause `{operator: {"aws:key": operands}}`.
fn clause(operator: &str, operands: &[&str]) -> Condition {
    let text = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": { operator: { "aws:Key": operands } } }
    });
    let reading = read(text.to_string().as_bytes(), Kind::Identity).unwrap();
    reading.document.statements[0].conditions[0].clone()
}

fn keys(values: Option<&[&str]>) -> Keys {
    let mut keys = Keys::default();
    keys.set("aws:username", "bob");
    match values {
        None => {}
        Some([one]) => keys.set("AWS:key", *one),
        Some(many) => keys.set_all("AWS:key", many.iter().map(|value| (*value).to_owned()).collect()),
    }
    keys
}

#[track_caller]
fn check(operator: &str, operands: &[&str], values: Option<&[&str]>, expected: bool) {
    let (condition, keys) = (clause(operator, operands), keys(values));
    assert_eq!(condition.holds(&keys), expected, "{operator} {operands:?} {values:?}");
    assert_eq!(condition.explain(&keys).holds, expected, "{operator} {operands:?} {values:?}, explained");
}

#[test]
fn an_absent_key_is_decided_by_the_form_of_the_operator() {
    for (positive, negated) in [
        ("StringEquals", "StringNotEquals"),
        ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
        ("StringLike", "StringNotLike"),
        ("NumericEquals", "NumericNotEquals"),
        ("DateEquals", "DateNotEquals"),
        ("IpAddress", "NotIpAddress"),
        ("ArnEquals", "ArnNotEquals"),
        ("ArnLike", "ArnNotLike"),
    ] {
        for (prefix, suffix, expected) in [
            ("", "", (false, true)),
            ("", "IfExists", (true, true)),
            ("ForAllValues:", "", (true, true)),
            ("ForAllValues:", "IfExists", (true, true)),
            ("ForAnyValue:", "", (false, false)),
            ("ForAnyValue:", "IfExists", (true, true)),
        ] {
            check(&format!("{prefix}{positive}{suffix}"), &["1"], None, expected.0);
            check(&format!("{prefix}{negated}{suffix}"), &["1"], None, expected.1);
        }
    }
    for operator in ["Bool", "BinaryEquals", "NumericLessThan", "DateGreaterThanEquals"] {
        check(operator, &["1"], None, false);
    }
}

#[test]
fn quantifiers_say_how_many_values_must_pass() {
    let two = ["a", "b"];
    for (values, positive, negated) in [
        (&["a", "b"][..], (true, true), (false, false)),
        (&["a", "x"], (false, true), (false, true)),
        (&["x", "y"], (false, false), (true, true)),
        (&["x"], (false, false), (true, true)),
        (&["a"], (true, true), (false, false)),
        (&[], (true, false), (true, false)),
    ] {
        check("ForAllValues:StringEquals", &two, Some(values), positive.0);
        check("ForAnyValue:StringEquals", &two, Some(values), positive.1);
        check("ForAllValues:StringNotEquals", &two, Some(values), negated.0);
        check("ForAnyValue:StringNotEquals", &two, Some(values), negated.1);
        check("ForAllValues:StringEqualsIfExists", &two, Some(values), positive.0);
        check("ForAnyValue:StringEqualsIfExists", &two, Some(values), positive.1);
    }
}

#[test]
fn several_values_without_a_quantifier_hold_for_no_operator() {
    for operator in ["StringEquals", "StringNotEquals", "StringLikeIfExists", "NotIpAddress"] {
        check(operator, &["a"], Some(&["a", "b"]), false);
        check(operator, &["a"], Some(&[]), false);
    }
    let explanation = clause("StringEquals", &["a"]).explain(&keys(Some(&["a", "a"])));
    assert_eq!((explanation.cause, explanation.comparisons.len()), (Cause::NotOneValue, 0));
}

#[test]
fn every_operator_compares_its_own_way() {
    for (operator, operands, value, expected) in [
        ("StringEquals", &["a", "b"][..], "b", true),
        ("StringEquals", &["a*"], "ab", false),
        ("StringEquals", &["a"], "A", false),
        ("StringEquals", &["${aws:username}"], "bob", true),
        ("StringEquals", &["${aws:userid}"], "", false),
        ("StringEquals", &["${*}"], "*", true),
        ("StringNotEquals", &["a", "b"], "b", false),
        ("StringNotEquals", &["a", "b"], "c", true),
        ("StringNotEquals", &["${aws:userid}"], "x", true),
        ("StringNotEquals", &["${aws:userid}", "x"], "x", false),
        ("StringEqualsIgnoreCase", &["Abc"], "aBC", true),
        ("StringEqualsIgnoreCase", &["a*"], "A", false),
        ("StringNotEqualsIgnoreCase", &["Abc"], "aBC", false),
        ("StringLike", &["a*/?"], "a/b/c", true),
        ("StringLike", &["A*"], "a", false),
        ("StringNotLike", &["a*"], "abc", false),
        ("StringNotLike", &["a*", "b*"], "c", true),
        ("NumericEquals", &["10"], "10.0", true),
        ("NumericEquals", &["10", "20"], "20", true),
        ("NumericNotEquals", &["10"], "ten", true),
        ("NumericNotEquals", &["10"], "10.00", false),
        ("NumericLessThan", &["10"], "9.99", true),
        ("NumericLessThan", &["10"], "10", false),
        ("NumericLessThanEquals", &["10"], "10", true),
        ("NumericGreaterThan", &["10"], "11", true),
        ("NumericGreaterThan", &["10"], "many", false),
        ("NumericGreaterThanEquals", &["10"], "9", false),
        ("DateEquals", &["2026-03-02T11:20:30+01:00"], "1772446830", true),
        ("DateNotEquals", &["2026-03-02"], "2026-03-02T00:00:00Z", false),
        ("DateLessThan", &["2026-03-02"], "2026-03-01T23:59:59Z", true),
        ("DateLessThanEquals", &["2026-03-02"], "2026-03-02T00:00:01Z", false),
        ("DateGreaterThan", &["1767225600"], "2026-03-02T10:20:30Z", true),
        ("DateGreaterThanEquals", &["2026-03-02T10:20:30Z"], "1772446830", true),
        ("Bool", &["TRUE"], "true", true),
        ("Bool", &["true"], "false", false),
        ("Bool", &["true"], "yes", false),
        ("BinaryEquals", &["QmFydA=="], "QmFydA==", true),
        ("BinaryEquals", &["QmFydA=="], "QmFydA", false),
        ("IpAddress", &["203.0.113.0/24"], "203.0.113.17", true),
        ("IpAddress", &["203.0.113.0/24"], "::ffff:203.0.113.17", true),
        ("IpAddress", &["203.0.113.0/24"], "somewhere", false),
        ("NotIpAddress", &["203.0.113.0/24"], "2001:db8::1", true),
        ("NotIpAddress", &["203.0.113.0/24", "::/0"], "2001:db8::1", false),
        ("ArnEquals", &["arn:aws:iam::*:user/*"], "arn:aws:iam::111122223333:user/a/b", true),
        ("ArnLike", &["arn:aws:iam::*:user/*"], "arn:aws:iam::111122223333:role/a", false),
        ("ArnLike", &["arn:aws:sns:*:1:f/*"], "arn:aws:sns:us-east-2:9:s/a:1:f/d", false),
        ("ArnLike", &["*:*:*:*:*:*"], "a:b:c:d:e:f", false),
        ("ArnNotEquals", &["arn:aws:iam::*:user/*"], "no ARN", true),
        ("ArnNotLike", &["arn:aws:iam::1*:user/${aws:username}"], "arn:aws:iam::111122223333:user/bob", false),
        ("ArnLike", &["arn:aws:iam::${aws:username}:user/x"], "arn:aws:iam::bob:user/x", false),
    ] {
        check(operator, operands, Some(&[value]), expected);
    }
}

#[test]
fn a_malformed_operand_matches_nothing_and_the_others_count() {
    for (operator, bad, good) in [
        ("NumericEquals", "ten", "10"),
        ("DateEquals", "yesterday", "2026"),
        ("BinaryEquals", "%%%", "QQ=="),
        ("IpAddress", "300.1.1.1", "10.0.0.1"),
        ("ArnEquals", "no ARN", "arn:a:b:c:d:e"),
        ("Bool", "maybe", "true"),
    ] {
        check(operator, &[bad], Some(&[bad]), false);
        check(operator, &[bad, good], Some(&[good]), true);
    }
    for (operator, bad) in [("NumericNotEquals", "ten"), ("NotIpAddress", "300.1.1.1"), ("ArnNotLike", "no ARN")] {
        check(operator, &[bad], Some(&[bad]), true);
    }
}

#[test]
fn variables_are_text_for_operators_that_have_none() {
    check("NumericEquals", &["${aws:username}"], Some(&["10"]), false);
    check("IpAddress", &["${aws:username}"], Some(&["10.0.0.1"]), false);
}

#[test]
fn null_asks_whether_the_key_is_there() {
    for values in [Some(&["x"][..]), Some(&[""]), Some(&[]), Some(&["a", "b"]), None] {
        check("Null", &["true"], values, values.is_none());
        check("Null", &["false"], values, values.is_some());
        check("Null", &["true", "false"], values, true);
        check("Null", &["neither"], values, false);
    }
}

#[test]
fn an_empty_value_is_a_value() {
    check("StringEquals", &[""], Some(&[""]), true);
    check("StringLike", &["*"], Some(&[""]), true);
    check("StringLike", &["?*"], Some(&[""]), false);
    check("StringNotEquals", &["x"], Some(&[""]), true);
    check("ForAllValues:StringEquals", &["x"], Some(&[""]), false);
}

#[test]
fn an_explanation_tells_what_was_compared_with_what() {
    let explanation = clause("StringNotEquals", &["${aws:userid}", "x", "y"]).explain(&keys(Some(&["x"])));
    let compared = |operand, outcome| Comparison { value: "x".to_owned(), operand, outcome };
    assert_eq!(
        explanation,
        Explanation {
            holds: false,
            cause: Cause::Values,
            comparisons: vec![compared(0, Outcome::NoValue), compared(1, Outcome::Match)],
        }
    );
    let outcome =
        |operator, operand, value| clause(operator, &[operand]).explain(&keys(Some(&[value]))).comparisons[0].outcome;
    assert_eq!(outcome("NumericEquals", "ten", "1"), Outcome::MalformedOperand);
    assert_eq!(outcome("NumericEquals", "1", "ten"), Outcome::UnreadableValue);
    assert_eq!(outcome("StringEquals", "a", "b"), Outcome::Differ);
    assert_eq!(clause("StringEquals", &["a"]).explain(&keys(None)).cause, Cause::Absent);
    assert_eq!(clause("Null", &["true"]).explain(&keys(None)).cause, Cause::Presence);
}

fn any_operator() -> impl Strategy<Value = String> {
    let prefix = prop_oneof![Just(""), Just("ForAllValues:"), Just("ForAnyValue:")];
    let suffix = prop_oneof![Just(""), Just("IfExists")];
    (prefix, 0..Operator::ALL.len() - 1, suffix)
        .prop_map(|(prefix, which, suffix)| format!("{prefix}{}{suffix}", Operator::ALL[which].name()))
}

proptest! {
    #[test]
    fn explaining_and_deciding_agree(
        operator in any_operator(),
        operands in prop::collection::vec("[a1*?:./]{0,6}|\\$\\{aws:username\\}|10|true|2026", 1..4),
        values in prop::option::of(prop::collection::vec("[a1*?:./]{0,6}|bob|10|true|2026", 0..4)),
    ) {
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        let values: Option<Vec<&str>> = values.as_ref().map(|values| values.iter().map(String::as_str).collect());
        let (condition, keys) = (clause(&operator, &operands), keys(values.as_deref()));
        prop_assert_eq!(condition.holds(&keys), condition.explain(&keys).holds);
    }

    #[test]
    fn a_negated_operator_is_the_opposite_on_one_value(
        operands in prop::collection::vec("[ab*?]{0,3}", 1..4),
        value in "[ab]{0,3}",
    ) {
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        let keys = keys(Some(&[&value]));
        for (positive, negated) in [("StringEquals", "StringNotEquals"), ("StringLike", "StringNotLike")] {
            prop_assert_ne!(clause(positive, &operands).holds(&keys), clause(negated, &operands).holds(&keys));
        }
    }
}
