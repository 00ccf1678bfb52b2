//! What must hold for any documents and any question. `POLICY_CASES` says how many are tried, `POLICY_SEED`
//! where they begin.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{Basis, Decision};
use super::cases::{self, Dice};
use super::{ask, decide, oracle};

/// Every way for a question to S3 to end.
const REASONS: [&str; 17] = [
    "allowed",
    "denied-access-point",
    "denied-boundary",
    "denied-endpoint",
    "denied-identity",
    "denied-public-access-block",
    "denied-resource",
    "denied-resource-control",
    "denied-service-control",
    "denied-session",
    "silent-access-point",
    "silent-boundary",
    "silent-endpoint",
    "silent-identity",
    "silent-resource",
    "silent-service-control",
    "silent-session",
];

/// Calls `check` with seeded cases, `POLICY_SEED` on; fewer where the build is slow.
pub(super) fn each(share: u64, check: impl Fn(&mut Dice, Value)) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let count = number("POLICY_CASES").unwrap_or(if cfg!(debug_assertions) { 1_500 } else { 100_000 }) / share;
    let first = number("POLICY_SEED").unwrap_or(0);
    for seed in first..first + count {
        let mut dice = Dice::new(seed);
        let case = cases::case(&mut dice);
        check(&mut dice, case);
    }
}

fn basis(basis: &Basis) -> &'static str {
    match basis {
        Basis::Acl => "list",
        Basis::Consent => "consent",
        Basis::Root => "root",
        Basis::Statement(_) => "statement",
    }
}

#[test]
fn the_engine_decides_as_the_oracle_does() {
    let counts = RefCell::new(BTreeMap::<&str, u32>::new());
    let bases = RefCell::new(BTreeMap::<&str, u32>::new());
    each(1, |_, case| {
        let decision = decide(&case);
        assert_eq!(decision.reason(), oracle::decide(&case), "{case:#}");
        *counts.borrow_mut().entry(decision.reason()).or_default() += 1;
        if let Decision::Allow(grant) = &decision {
            grant.basis().for_each(|one| *bases.borrow_mut().entry(basis(one)).or_default() += 1);
        }
    });
    // Cases that never reach a layer would show nothing about it.
    let (counts, bases) = (counts.into_inner(), bases.into_inner());
    println!("{counts:?} {bases:?}");
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), REASONS, "{counts:?}");
    assert_eq!(bases.keys().copied().collect::<Vec<_>>(), ["consent", "list", "root", "statement"], "{bases:?}");
    let all: u32 = counts.values().sum();
    assert!(counts["allowed"] * 10 > all, "{counts:?}");
}

#[test]
fn an_explanation_tells_the_story_of_the_decision() {
    each(2, |_, case| {
        ask(&case, |generation, question, brought| {
            let explanation = generation.explain(question, brought);
            assert_eq!(explanation.decision, generation.decide(question, brought), "{case:#}");
        });
    });
}

#[test]
fn one_more_deny_never_allows() {
    let turned = RefCell::new(0);
    each(2, |dice, mut case| {
        let before = decide(&case);
        let name = cases::kind(dice, &case["policies"]);
        let Some(name) = name else { return };
        let mut extra = cases::document(dice, !matches!(name, "identity" | "boundary" | "session" | "scp"));
        for statement in statements(&mut extra).iter_mut() {
            statement["Effect"] = json!("Deny");
            if name == "rcp" {
                *statement = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"});
            }
        }
        let mut all = documents(&mut case["policies"][name]);
        let at = dice.below(all.len().max(1));
        let Some(document) = all.get_mut(at) else { return };
        statements(document).append(statements(&mut extra));
        let after = decide(&case);
        let same = after.reason() == before.reason();
        // Behind an access point, the caller's own word about the bucket is asked for what it allows alone: a
        // Deny there takes that away, and what is left is silence.
        let taken = case["request"].get("accessPoint").is_some() && !after.is_allow();
        assert!(same || taken || after.is_explicit_deny(), "{before:?}, then {after:?} by {name}: {case:#}");
        *turned.borrow_mut() += u32::from(!same);
    });
    assert!(turned.into_inner() > 10, "no Deny ever counted");
}

/// But for Block Public Access, where it may be the public grant that keeps others out.
#[test]
fn one_grant_less_never_allows() {
    let turned = RefCell::new(0);
    each(2, |dice, mut case| {
        case.as_object_mut().unwrap().remove("block");
        let before = decide(&case);
        let mut all = documents(&mut case["policies"]);
        let at = dice.below(all.len().max(1));
        let Some(document) = all.get_mut(at) else { return };
        let statements = statements(document);
        let at = dice.below(statements.len());
        if statements.len() == 1 || statements[at]["Effect"] != "Allow" {
            return;
        }
        statements.remove(at);
        let after = decide(&case);
        assert!(before.is_allow() || !after.is_allow(), "{before:?}, then {after:?}: {case:#}");
        assert_eq!(before.is_explicit_deny(), after.is_explicit_deny(), "{case:#}");
        *turned.borrow_mut() += u32::from(before.is_allow() && !after.is_allow());
    });
    assert!(turned.into_inner() > 5, "no grant was ever missed");
}

#[test]
fn names_and_order_of_statements_change_nothing() {
    each(2, |dice, mut case| {
        let before = decide(&case).reason();
        for document in documents(&mut case["policies"]) {
            let statements = statements(document);
            statements.reverse();
            let turn = dice.below(statements.len());
            statements.rotate_left(turn);
            for (place, statement) in statements.iter_mut().enumerate() {
                statement["Sid"] = json!(format!("Name{place}"));
            }
        }
        for name in ["identity", "scp", "rcp"] {
            if let Some(several) = case["policies"].get_mut(name).and_then(Value::as_array_mut) {
                several.reverse();
            }
        }
        assert_eq!(decide(&case).reason(), before, "{case:#}");
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
