//! What an explanation promises would turn the answer does turn it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{Change, Layer, Turn};
use super::properties::{documents, each, statements};
use super::{cases, decide, explain};

/// Gives every statement a name of its own, so that it can be found again.
fn name_all(case: &mut Value) {
    let mut number = 0;
    for document in documents(&mut case["policies"]) {
        for statement in statements(document) {
            number += 1;
            statement["Sid"] = json!(format!("S{number}"));
        }
    }
}

/// Does to the documents what the changes say; none where that cannot be done to documents alone.
fn carry_out(case: &Value, turn: &Turn) -> Option<Value> {
    let mut changed = case.clone();
    for change in turn {
        match change {
            Change::Allow(layer) => add(&mut changed, *layer),
            // Clauses that are gone limit nobody: the policy may be public then.
            Change::Meet(_) if restricts(case) => return None,
            Change::Meet(statement) => {
                let sid = statement.sid().unwrap();
                for document in documents(&mut changed["policies"]) {
                    for own in statements(document).iter_mut().filter(|own| own["Sid"] == sid) {
                        own.as_object_mut().unwrap().remove("Condition");
                    }
                }
            }
            Change::Remove(statement) => {
                let sid = statement.sid().unwrap();
                for document in documents(&mut changed["policies"]) {
                    let list = statements(document);
                    list.retain(|own| own["Sid"] != sid);
                    if list.is_empty() {
                        list.push(json!({"Effect": "Deny", "Action": "s3:None", "Resource": "arn:aws:s3:::none"}));
                        if sid_needs_principal(statement) {
                            list[0]["Principal"] = json!("*");
                        }
                    }
                }
            }
            Change::Unrestrict => {
                for level in ["organization", "account", "bucket", "accessPoint"] {
                    if let Some(level) = changed["block"].get_mut(level) {
                        level["restrictPublicBuckets"] = json!(false);
                    }
                }
            }
        }
    }
    Some(changed)
}

/// Whether RestrictPublicBuckets is on at some level.
fn restricts(case: &Value) -> bool {
    case["block"].as_object().into_iter().flatten().any(|(_, level)| level["restrictPublicBuckets"] == true)
}

fn sid_needs_principal(statement: &super::super::StatementRef) -> bool {
    statement.statement().unwrap().principal.is_some()
}

/// A statement that allows just what is asked, where the layer keeps its statements.
fn add(case: &mut Value, layer: Layer) {
    let request = case["request"].clone();
    let resources: Vec<&Value> = ["resource", "accessPointResource", "bucketResource"]
        .into_iter()
        .filter_map(|name| request.get(name).filter(|value| value.is_string()))
        .collect();
    let mut statement = json!({"Effect": "Allow", "Action": request["action"], "Resource": resources});
    let principal = &request["principal"];
    let who = match principal["type"].as_str().unwrap() {
        "Anonymous" => json!("*"),
        "Service" => json!({"Service": principal["name"]}),
        "WebIdentity" => json!({"Federated": cases::PROVIDER}),
        _ => json!({"AWS": principal["arn"]}),
    };
    let document = |statement: &Value| json!({"Version": "2012-10-17", "Statement": [statement]});
    let policies = &mut case["policies"];
    let name = match layer {
        Layer::ServiceControl => {
            for level in policies["scp"].as_array_mut().unwrap() {
                level.as_array_mut().unwrap().push(document(&statement));
            }
            return;
        }
        Layer::Identity => "identity",
        Layer::Boundary => "boundary",
        Layer::Session => "session",
        Layer::Endpoint => "vpcEndpoint",
        Layer::AccessPoint => "accessPoint",
        Layer::Resource if request.get("accessPoint").is_some() => "bucket",
        Layer::Resource => "resource",
        other => panic!("{other:?} is never silent"),
    };
    if matches!(layer, Layer::Endpoint | Layer::AccessPoint | Layer::Resource) {
        statement["Principal"] = who;
    }
    match policies.get_mut(name) {
        Some(Value::Array(list)) => list.push(document(&statement)),
        Some(one) => statements(one).push(statement),
        None if name == "identity" => policies[name] = json!([document(&statement)]),
        None => policies[name] = document(&statement),
    }
}

#[test]
fn a_change_that_is_promised_to_turn_the_answer_turns_it() {
    let counts = RefCell::new(BTreeMap::<&str, u32>::new());
    each(4, |_, mut case| {
        name_all(&mut case);
        let explanation = explain(&case);
        for turn in &explanation.turns {
            let Some(changed) = carry_out(&case, turn) else { continue };
            let after = decide(&changed);
            assert_eq!(
                after.is_allow(),
                !explanation.decision.is_allow(),
                "{:?}, then {after:?} by {turn:?}: {case:#}",
                explanation.decision
            );
            for change in turn {
                let name = match change {
                    Change::Allow(_) => "allow",
                    Change::Meet(_) => "meet",
                    Change::Remove(_) if explanation.decision.is_allow() => "remove a grant",
                    Change::Remove(_) => "remove a deny",
                    Change::Unrestrict => "unrestrict",
                };
                *counts.borrow_mut().entry(name).or_default() += 1;
            }
        }
    });
    // A search that found nothing would pass as well.
    let counts = counts.into_inner();
    assert!(
        ["allow", "meet", "remove a deny", "remove a grant", "unrestrict"]
            .iter()
            .all(|name| counts.get(name).is_some_and(|count| *count > 5)),
        "{counts:?}"
    );
}

#[test]
fn who_may_do_nothing_hears_of_both_sides_that_could_allow_it() {
    let case = json!({"policies": {}, "request": {
        "action": "s3:GetObject", "resource": "arn:aws:s3:::acme-data/k", "resourceAccount": cases::OWNER,
        "context": {}, "principal": {"type": "IamUser", "account": cases::OWNER, "userName": "bob",
            "arn": "arn:aws:iam::111122223333:user/bob"}}});
    let turns = explain(&case).turns;
    assert_eq!(turns, [[Change::Allow(Layer::Identity)], [Change::Allow(Layer::Resource)]]);
}

#[test]
fn no_change_of_a_turn_can_be_left_out() {
    each(8, |_, mut case| {
        name_all(&mut case);
        let explanation = explain(&case);
        for turn in explanation.turns.iter().filter(|turn| turn.len() > 1) {
            for left_out in 0..turn.len() {
                let mut rest = turn.clone();
                rest.remove(left_out);
                let Some(changed) = carry_out(&case, &rest) else { continue };
                let turned = decide(&changed).is_allow() != explanation.decision.is_allow();
                assert!(!turned, "without {:?} of {turn:?}: {case:#}", turn[left_out]);
            }
        }
    });
}
