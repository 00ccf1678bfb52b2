//! What must hold for any documents and any question. `POLICY_CASES` says how many are tried.

use serde_json::{Value, json};

use super::cases::{self, Dice};
use super::{ask, oracle};

/// Calls `check` with seeded cases; fewer where the build is slow.
pub(super) fn each(share: u64, check: impl Fn(&mut Dice, Value)) {
    let asked = std::env::var("POLICY_CASES").ok().map(|count| count.parse::<u64>().expect("POLICY_CASES is a number"));
    let count = asked.unwrap_or(if cfg!(debug_assertions) { 1_500 } else { 100_000 }) / share;
    for seed in 0..count {
        let mut dice = Dice::new(seed);
        let case = cases::case(&mut dice);
        check(&mut dice, case);
    }
}

pub(super) fn decide(case: &Value) -> &'static str {
    ask(case, |layers, question| layers.decide(question).name())
}

#[test]
fn the_engine_decides_as_the_oracle_does() {
    let counts = std::cell::RefCell::new(std::collections::BTreeMap::<&str, u32>::new());
    each(1, |_, case| {
        let expected = oracle::decide(&case);
        *counts.borrow_mut().entry(expected).or_default() += 1;
        assert_eq!(decide(&case), expected, "{case:#}");
    });
    // Cases that all came out the same would show nothing.
    let counts = counts.into_inner();
    let all: u32 = counts.values().sum();
    for (decision, count) in &counts {
        assert!(count * 20 > all, "{decision}: {count} of {all}");
    }
    assert_eq!(counts.len(), 3);
}

#[test]
fn an_explanation_tells_the_story_of_the_decision() {
    each(2, |_, case| {
        ask(&case, |layers, question| {
            let explanation = layers.explain(question);
            assert_eq!(explanation.decision, layers.decide(question), "{case:#}");
        });
    });
}

#[test]
fn one_more_deny_never_allows() {
    each(2, |dice, mut case| {
        let before = decide(&case);
        let mut extra = cases::document(dice, true);
        let statements = statements(&mut extra);
        for statement in statements.iter_mut() {
            statement["Effect"] = json!("Deny");
        }
        let extra = statements.clone();
        let name = ["resource", "bucket", "accessPoint"].into_iter().find(|name| case["policies"].get(*name).is_some());
        let Some(name) = name else { return };
        self::statements(&mut case["policies"][name]).extend(extra);
        let after = decide(&case);
        assert!(after == before || after == "ExplicitDeny", "{before}, then {after}: {case:#}");
    });
}

#[test]
fn names_and_order_of_statements_change_nothing() {
    each(2, |dice, mut case| {
        let before = decide(&case);
        for document in documents(&mut case["policies"]) {
            let statements = statements(document);
            statements.reverse();
            let turn = dice.below(statements.len());
            statements.rotate_left(turn);
            for (place, statement) in statements.iter_mut().enumerate() {
                statement["Sid"] = json!(format!("Name{place}"));
            }
        }
        if let Some(identity) = case["policies"].get_mut("identity").and_then(Value::as_array_mut) {
            identity.reverse();
        }
        assert_eq!(decide(&case), before, "{case:#}");
    });
}

/// The statements of a document as a list.
pub(super) fn statements(document: &mut Value) -> &mut Vec<Value> {
    let statement = &mut document["Statement"];
    if !statement.is_array() {
        *statement = json!([statement.take()]);
    }
    statement.as_array_mut().unwrap()
}

/// Every document of a case.
pub(super) fn documents(policies: &mut Value) -> Vec<&mut Value> {
    match policies {
        Value::Object(members) if members.contains_key("Statement") => vec![policies],
        Value::Object(members) => members.values_mut().flat_map(documents).collect(),
        Value::Array(entries) => entries.iter_mut().flat_map(documents).collect(),
        _ => Vec::new(),
    }
}
