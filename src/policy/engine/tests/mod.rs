//! The engine beside its oracle, and what must hold whatever the documents say.

mod cases;
mod changes;
mod oracle;
mod properties;
mod rules;

use std::sync::Arc;

use serde_json::Value;

use super::super::context::Keys;
use super::super::read::{self, Kind};
use super::{AccessPoint, Act, Caller, Layers, Policy, Question, Shelf};

/// A document, read as it would be from a file.
pub(super) fn policy(name: &str, document: &Value, kind: Kind) -> Arc<Policy> {
    let text = document.to_string();
    let reading = read::read(text.as_bytes(), kind).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    Policy::new(name, reading.document)
}

pub(super) fn shelf(name: &str, documents: &[Value], kind: Kind) -> Shelf {
    Shelf::new(documents.iter().map(|document| policy(name, document, kind)).collect())
}

/// The documents of a case, compiled.
pub(super) struct Compiled {
    scp: Vec<Arc<Shelf>>,
    rcp: Vec<Arc<Shelf>>,
    shelves: std::collections::BTreeMap<&'static str, Shelf>,
}

impl Compiled {
    pub(super) fn new(policies: &Value) -> Self {
        let levels = |name: &str, kind| {
            let levels = policies[name].as_array().into_iter().flatten();
            levels.map(|level| Arc::new(shelf(name, level.as_array().unwrap(), kind))).collect()
        };
        let kinds = [
            ("identity", Kind::Identity),
            ("boundary", Kind::Identity),
            ("session", Kind::Identity),
            ("vpcEndpoint", Kind::Resource),
            ("resource", Kind::Resource),
            ("bucket", Kind::Resource),
            ("accessPoint", Kind::Resource),
        ];
        let shelves = kinds.into_iter().filter_map(|(name, kind)| {
            let documents = match policies.get(name)? {
                Value::Array(documents) => documents.clone(),
                document => vec![document.clone()],
            };
            Some((name, shelf(name, &documents, kind)))
        });
        Self {
            scp: levels("scp", Kind::Identity),
            rcp: levels("rcp", Kind::ResourceControl),
            shelves: shelves.collect(),
        }
    }

    pub(super) fn layers<'a>(&'a self, request: &'a Value) -> Layers<'a> {
        let shelf = |name| self.shelves.get(name);
        Layers {
            service_control: &self.scp,
            resource_control: &self.rcp,
            endpoint: shelf("vpcEndpoint"),
            identity: shelf("identity"),
            boundary: shelf("boundary"),
            session: shelf("session"),
            bucket: shelf("resource").or(shelf("bucket")),
            access_point: request
                .get("accessPoint")
                .map(|point| AccessPoint { owner: point["account"].as_str().unwrap(), policy: shelf("accessPoint") }),
            ..Layers::default()
        }
    }
}

pub(super) fn keys(context: &Value) -> Keys {
    let mut keys = Keys::default();
    for (key, value) in context.as_object().unwrap() {
        match value {
            Value::Array(values) => {
                keys.set_all(key, values.iter().map(|value| value.as_str().unwrap().to_owned()).collect());
            }
            value => keys.set(key, value.as_str().unwrap()),
        }
    }
    keys
}

pub(super) fn caller(principal: &Value) -> Caller<'_> {
    let text = |name: &str| principal[name].as_str().unwrap();
    match text("type") {
        "Anonymous" => Caller::Anonymous,
        "Service" => Caller::Service { name: text("service") },
        "Root" => Caller::Root { account: text("account"), arn: text("arn") },
        "IamUser" => Caller::User { account: text("account"), arn: text("arn") },
        "AssumedRole" => Caller::Role { account: text("account"), arn: text("arn"), role: text("roleArn") },
        "FederatedUser" => Caller::Federated { account: text("account"), arn: text("arn"), parent: text("parentArn") },
        other => panic!("{other}"),
    }
}

/// Asks the question of a case.
pub(super) fn ask<T>(case: &Value, ask: impl FnOnce(&Layers<'_>, &Question<'_>) -> T) -> T {
    let request = &case["request"];
    let compiled = Compiled::new(&case["policies"]);
    let keys = keys(&request["context"]);
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let question = Question {
        caller: caller(&request["principal"]),
        canonical_id: None,
        action: Act::named(text("action").unwrap()),
        resource: text("resource").or(text("accessPointResource")).unwrap(),
        behind: text("bucketResource"),
        owner: text("resourceAccount").unwrap(),
        context: &keys,
        consent: false,
    };
    ask(&compiled.layers(request), &question)
}
