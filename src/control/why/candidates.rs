//! Requests that somebody might send, derived from what policies say: for questions over all of them.
//!
//! Every candidate comes from a statement or from the directory. That makes searches find what the policies
//! are about, and miss what only follows from how they are put together: a search, not a proof.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::identity::Directory;
use crate::policy::document::{Condition, Element, Operator, Principal, ResourceEntry, Statement, Who, arn_segments};
use crate::policy::engine::{Policy, Sources};
use crate::policy::pattern::{Pattern, Variables, Wildcards};
use crate::s3::name;

/// How many principals are considered.
const MOST_PRINCIPALS: usize = 2_000;
/// How many actions of one statement are.
const MOST_ACTIONS: usize = 12;
/// How many resources of one statement are.
const MOST_RESOURCES: usize = 24;
/// How many sets of condition keys of one statement are.
const MOST_CONTEXTS: usize = 24;
/// What stands for a wildcard, and for a variable that nothing is known of.
const ANYTHING: &str = "example";
/// What is asked first where a statement names many actions.
const USUAL: [&str; 8] = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:DeleteBucket",
    "s3:ListAllMyBuckets",
];

/// Condition keys of a request.
pub type With = Vec<(String, String)>;

/// Every document of the sources, once.
pub fn policies(sources: &Sources) -> Vec<&Arc<Policy>> {
    let identities = sources.identities.values().flat_map(|own| own.policies.iter().chain(&own.boundary));
    let accounts = sources.accounts.values();
    let levels = accounts.flat_map(|own| own.service_control.iter().chain(&own.resource_control).flatten());
    let buckets = sources.buckets.values().filter_map(|bucket| bucket.policy.as_ref());
    let points = sources.access_points.values().filter_map(|point| point.policy.as_ref());
    let mut all: Vec<_> =
        identities.chain(levels).chain(buckets).chain(points).chain(sources.endpoints.values()).collect();
    all.sort_by(|one, other| one.name().cmp(other.name()));
    all.dedup_by(|one, other| Arc::ptr_eq(one, other));
    all
}

/// The ARNs of everybody who is configured or named, and `anonymous`.
pub fn principals(sources: &Sources, directory: &Directory) -> BTreeSet<String> {
    let mut found = BTreeSet::from(["anonymous".to_owned()]);
    found.extend(directory.users().map(|user| user.arn.clone()));
    found.extend(directory.roles().map(|role| role.arn.clone()));
    found.extend(directory.accounts().map(|(account, _)| format!("arn:aws:iam::{account}:root")));
    for policy in policies(sources) {
        let statements = policy.document().statements.iter();
        let named =
            statements.filter_map(|statement| statement.principal.as_ref()).flat_map(|element| &element.entries);
        found.extend(named.filter_map(arn_of));
    }
    found.into_iter().take(MOST_PRINCIPALS).collect()
}

fn arn_of(principal: &Principal) -> Option<String> {
    match &principal.who {
        Who::Account(number) => Some(format!("arn:aws:iam::{number}:root")),
        Who::Root(arn) | Who::User(arn) | Who::Role(arn) | Who::Session(arn) => Some(arn.clone()),
        Who::Canonical(_)
        | Who::Deleted(_)
        | Who::Everyone
        | Who::Federated(_)
        | Who::FederatedUser(_)
        | Who::Service(_) => None,
    }
}

/// Actions that a statement is about.
pub fn actions(statement: &Statement) -> Vec<&'static str> {
    let named = |entry: &crate::policy::document::ActionEntry| entry.known.iter().map(|action| action.name()).collect();
    let mut all: Vec<&'static str> = statement.action.entries.iter().flat_map(named as fn(&_) -> Vec<_>).collect();
    all.sort_by_key(|name| (!USUAL.contains(name), *name));
    all.dedup();
    all.truncate(MOST_ACTIONS);
    // Of what a statement leaves out, the usual ones stand for the rest.
    if statement.action.negated { USUAL.iter().copied().chain(all).collect() } else { all }
}

/// Resources that a statement is about. Wildcards for buckets stand for those that are known.
pub fn resources(statement: &Statement, buckets: &BTreeSet<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let Some(Element { negated, entries, .. }) = &statement.resource else { return found };
    if *negated {
        found.extend(buckets.iter().flat_map(|bucket| in_bucket(bucket, None)));
    }
    for entry in entries {
        found.extend(instances(entry, buckets));
    }
    found.truncate(MOST_RESOURCES);
    found
}

fn in_bucket(bucket: &str, key: Option<&str>) -> [String; 2] {
    [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/{}", key.unwrap_or(ANYTHING))]
}

fn instances(entry: &ResourceEntry, buckets: &BTreeSet<&str>) -> Vec<String> {
    let Some([_, _, "s3", "", "", path]) = arn_segments(&entry.text) else {
        // `*` is about everything; ARNs of other kinds are asked as they are.
        let all = buckets.iter().flat_map(|bucket| in_bucket(bucket, None));
        return match entry.text.as_str() {
            "*" => std::iter::once("*".to_owned()).chain(all).collect(),
            text => vec![filled(text)],
        };
    };
    let (bucket, key) = path.split_once('/').map_or((path, None), |(bucket, key)| (bucket, Some(key)));
    let spelled = filled(bucket);
    let mut names: BTreeSet<&str> = BTreeSet::new();
    if bucket == spelled && name::is_addressable_bucket(bucket) {
        names.insert(bucket);
    } else {
        let pattern = Pattern::new(bucket, Wildcards::On, Variables::Off);
        names.extend(buckets.iter().filter(|known| pattern.matches_plain(known)));
        names.extend(Some(spelled.as_str()).filter(|name| name::is_addressable_bucket(name)));
    }
    let one = |name: &&str| match key {
        Some(key) => vec![format!("arn:aws:s3:::{name}/{}", filled(key))],
        // `bucket*` is about objects as well.
        None if bucket.ends_with('*') => in_bucket(name, None).into(),
        None => vec![format!("arn:aws:s3:::{name}")],
    };
    names.iter().flat_map(one).collect()
}

/// A text without wildcards and variables that its pattern could match.
fn filled(pattern: &str) -> String {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some((before, variable)) = rest.split_once("${") {
        text.push_str(before);
        text.push_str(ANYTHING);
        rest = variable.split_once('}').map_or("", |(_, behind)| behind);
    }
    text.push_str(rest);
    text.replace('*', ANYTHING).replace('?', "x")
}

/// Condition keys for which the clauses of a statement hold, or just fail: none at all, all at their first
/// value, and each in turn at another one.
pub fn contexts(statement: &Statement) -> Vec<With> {
    let values: Vec<(&str, Vec<String>)> =
        statement.conditions.iter().map(|clause| (clause.key.text.as_str(), values(clause))).collect();
    let first = |key: &str, values: &[String]| Some((key.to_owned(), values.first()?.clone()));
    let all: With = values.iter().filter_map(|(key, values)| first(key, values)).collect();
    let mut found = vec![With::new()];
    for (place, (_, own)) in values.iter().enumerate() {
        for value in own.iter().skip(1) {
            let mut with = all.clone();
            if let Some(slot) = with.get_mut(place) {
                slot.1.clone_from(value);
            }
            found.push(with);
        }
    }
    if !all.is_empty() {
        found.push(all);
    }
    found.truncate(MOST_CONTEXTS);
    found
}

/// Values beside those that a clause compares with. What a key cannot have is sorted out later.
fn values(clause: &Condition) -> Vec<String> {
    use Operator as Op;
    let operands = clause.operands.iter().take(4).map(|operand| operand.text.as_str());
    let mut found: Vec<String> = match clause.operator {
        Op::Bool => vec!["true".to_owned(), "false".to_owned()],
        Op::IpAddress | Op::NotIpAddress => {
            let network = |text: &str| text.split('/').next().unwrap_or_default().to_owned();
            operands.map(network).chain(["192.0.2.1".to_owned()]).collect()
        }
        Op::DateEquals
        | Op::DateNotEquals
        | Op::DateLessThan
        | Op::DateLessThanEquals
        | Op::DateGreaterThan
        | Op::DateGreaterThanEquals => {
            let far = ["2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"];
            operands.map(str::to_owned).chain(far.map(str::to_owned)).collect()
        }
        Op::NumericEquals
        | Op::NumericNotEquals
        | Op::NumericLessThan
        | Op::NumericLessThanEquals
        | Op::NumericGreaterThan
        | Op::NumericGreaterThanEquals => {
            operands.map(str::to_owned).chain(["0".to_owned(), "1000000000".to_owned()]).collect()
        }
        Op::Null => vec![ANYTHING.to_owned()],
        _ => operands.map(filled).chain([ANYTHING.to_owned()]).collect(),
    };
    found.dedup();
    found
}
