//! Decisions: one question against the documents of a case.

use std::sync::Arc;

use bartizan::policy::context::Keys;
use bartizan::policy::engine::{AccessPoint, Act, Caller, Layers, Policy, Question, Shelf};
use bartizan::policy::read::{self, Kind};
use serde_json::Value;

use crate::report::{Difference, same};

pub(crate) fn decision(_: &Value, case: &Value) -> Result<(), Difference> {
    let request = member(case, "request")?;
    judge(case, text(request, "resource")?, None, "resource")
}

pub(crate) fn through_access_point(_: &Value, case: &Value) -> Result<(), Difference> {
    let request = member(case, "request")?;
    judge(case, text(request, "accessPointResource")?, Some(text(request, "bucketResource")?), "bucket")
}

fn judge(case: &Value, resource: &str, behind: Option<&str>, bucket: &str) -> Result<(), Difference> {
    let request = member(case, "request")?;
    let policies = member(case, "policies")?;
    let one = |name: &str, kind| policies.get(name).map(|document| shelf(&[policy(name, document, kind)?])).transpose();
    let identity = policies.get("identity").map(|documents| set("identity", documents, Kind::Identity)).transpose()?;
    let (boundary, session) = (one("boundary", Kind::Identity)?, one("session", Kind::Identity)?);
    let (endpoint, bucket) = (one("vpcEndpoint", Kind::Resource)?, one(bucket, Kind::Resource)?);
    let point_policy = one("accessPoint", Kind::Resource)?;
    let service_control = levels(policies, "scp", Kind::Identity)?;
    let resource_control = levels(policies, "rcp", Kind::ResourceControl)?;
    let point = behind.map(|_| text(member(request, "accessPoint")?, "account")).transpose()?;
    let layers = Layers {
        service_control: &service_control,
        resource_control: &resource_control,
        endpoint: endpoint.as_ref(),
        identity: identity.as_ref(),
        boundary: boundary.as_ref(),
        session: session.as_ref(),
        bucket: bucket.as_ref(),
        access_point: point.map(|owner| AccessPoint { owner, policy: point_policy.as_ref() }),
        ..Layers::default()
    };
    let keys = keys(member(request, "context")?)?;
    let question = Question {
        caller: caller(member(request, "principal")?)?,
        canonical_id: None,
        action: Act::named(text(request, "action")?),
        resource,
        behind,
        owner: text(request, "resourceAccount")?,
        context: &keys,
        consent: false,
    };
    let decision = layers.decide(&question);
    same("decision", member(case, "expected")?, &decision.name().into())?;
    let explained = layers.explain(&question).decision;
    if explained == decision {
        return Ok(());
    }
    let (expected, got) = (format!("{decision:?}"), format!("{explained:?}"));
    Err(Difference { what: "explanation".to_owned(), expected, got })
}

/// Who asks.
pub(crate) fn caller(principal: &Value) -> Result<Caller<'_>, Difference> {
    let text = |name| text(principal, name);
    Ok(match text("type")? {
        "Anonymous" => Caller::Anonymous,
        "Service" => Caller::Service { name: text("service")? },
        "Root" => Caller::Root { account: text("account")?, arn: text("arn")? },
        "IamUser" => Caller::User { account: text("account")?, arn: text("arn")? },
        "AssumedRole" => Caller::Role { account: text("account")?, arn: text("arn")?, role: text("roleArn")? },
        "FederatedUser" => {
            Caller::Federated { account: text("account")?, arn: text("arn")?, parent: text("parentArn")? }
        }
        _ => return Err(Difference::unreadable("principal")),
    })
}

/// A document, through the parser that stored ones come through.
pub(crate) fn policy(name: &str, document: &Value, kind: Kind) -> Result<Arc<Policy>, Difference> {
    match read::read(document.to_string().as_bytes(), kind) {
        Ok(reading) => Ok(Policy::new(name, reading.document)),
        Err(problems) => Err(Difference {
            what: format!("document {name}"),
            expected: "a readable document".to_owned(),
            got: format!("{problems:?}"),
        }),
    }
}

fn shelf(policies: &[Arc<Policy>]) -> Result<Shelf, Difference> {
    Ok(Shelf::new(policies.to_vec()))
}

fn set(name: &str, documents: &Value, kind: Kind) -> Result<Shelf, Difference> {
    let documents = documents.as_array().ok_or_else(|| Difference::unreadable(name))?;
    let policies = documents.iter().map(|document| policy(name, document, kind));
    shelf(&policies.collect::<Result<Vec<_>, _>>()?)
}

fn levels(policies: &Value, name: &str, kind: Kind) -> Result<Vec<Arc<Shelf>>, Difference> {
    let Some(levels) = policies.get(name) else { return Ok(Vec::new()) };
    let levels = levels.as_array().ok_or_else(|| Difference::unreadable(name))?;
    levels.iter().map(|level| set(name, level, kind).map(Arc::new)).collect()
}

fn keys(context: &Value) -> Result<Keys, Difference> {
    let mut keys = Keys::default();
    for (key, value) in context.as_object().ok_or_else(|| Difference::unreadable("context"))? {
        let unreadable = || Difference::unreadable(key);
        match value {
            Value::Array(values) => {
                let values = values.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(unreadable));
                keys.set_all(key, values.collect::<Result<_, _>>()?);
            }
            value => keys.set(key, value.as_str().ok_or_else(unreadable)?),
        }
    }
    Ok(keys)
}

fn member<'a>(value: &'a Value, name: &str) -> Result<&'a Value, Difference> {
    value.get(name).ok_or_else(|| Difference::unreadable(name))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Difference> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| Difference::unreadable(name))
}
