//! Addressing: mapping of hosts and paths, names of buckets and access points.

use std::path::Path;

use bartizan::s3::address::{AccessPoint, Resource, Settings, map};
use bartizan::s3::{Fault, Head, name};
use serde_json::{Map, Value, json};

use crate::report::{self, Difference, Judge, Outcome, same};

pub(crate) fn run(directory: &Path) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    for (file_name, file) in report::files(directory)? {
        let kind = file.as_ref().and_then(|file| file.get("kind")).and_then(Value::as_str);
        let judge: Option<Judge> = match kind {
            Some("mapping") => Some(mapping),
            Some("bucket-names") => Some(bucket_name),
            Some("access-point-names") => Some(access_point_name),
            _ => None,
        };
        outcome.run_file(&file_name, file.as_ref(), judge);
    }
    Ok(outcome)
}

fn mapping(file: &Value, case: &Value) -> Result<(), Difference> {
    let mut members = file.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    members.extend(case.get("settings").and_then(Value::as_object).cloned().unwrap_or_default());
    let settings = settings(&members)?;
    let headers = case.get("headers").and_then(Value::as_array).ok_or_else(|| Difference::unreadable("headers"))?;
    let lines: Vec<(&[u8], &[u8])> = headers
        .iter()
        .map(|line| {
            let part = |at: usize| line.get(at)?.as_str().map(str::as_bytes);
            part(0).zip(part(1)).ok_or_else(|| Difference::unreadable("headers"))
        })
        .collect::<Result<_, _>>()?;
    let got = result(&settings, member(case, "host")?, member(case, "target")?, &lines);
    same("result", case.get("expected").ok_or_else(|| Difference::unreadable("expected"))?, &got)
}

fn bucket_name(file: &Value, case: &Value) -> Result<(), Difference> {
    let members = file.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    let settings = settings(&members)?;
    let name = member(case, "name")?;
    let host = members
        .get("base_domains")
        .and_then(|domains| domains.get(0)?.as_str())
        .ok_or_else(|| Difference::unreadable("base_domains"))?;
    let mapped = result(&settings, host, &format!("/{name}/k"), &[]);
    let addressable = mapped == json!({"kind": "bucket", "bucket": name, "key": "k"});
    let account = name.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 12).unwrap_or_default();
    let creatable = |account_regional| {
        let claimed = settings.access_points.claim(&settings.region, name);
        !claimed && name::NewBucket { account, region: &settings.region, account_regional }.takes(name)
    };
    for (what, got) in
        [("addressable", addressable), ("creatable", creatable(false)), ("creatable_account_regional", creatable(true))]
    {
        same(what, case.get(what).unwrap_or(&Value::Null), &Value::Bool(got))?;
    }
    Ok(())
}

fn access_point_name(_: &Value, case: &Value) -> Result<(), Difference> {
    let got = Value::Bool(name::is_access_point(member(case, "name")?));
    same("valid", case.get("valid").unwrap_or(&Value::Null), &got)
}

/// What the mapping says, in the words of the vectors.
fn result(settings: &Settings, host: &str, target: &str, lines: &[(&[u8], &[u8])]) -> Value {
    let head = Head { method: b"GET", target: target.as_bytes(), lines, authority: None };
    match map(settings, host.as_bytes(), &head).and_then(|kept| kept).and_then(with_key_rules) {
        Ok(Resource::Service) => json!({"kind": "service"}),
        Ok(Resource::Sts) => json!({"kind": "sts"}),
        Ok(Resource::Kms) => json!({"kind": "kms"}),
        Ok(Resource::Control { account }) => json!({"kind": "s3-control", "account": account}),
        Ok(Resource::Bucket { bucket, key: None }) => json!({"kind": "bucket", "bucket": bucket}),
        Ok(Resource::Bucket { bucket, key }) => json!({"kind": "bucket", "bucket": bucket, "key": key}),
        Ok(Resource::AccessPoint { through, bucket, key: None }) => {
            json!({"kind": "access-point", "access_point": through.arn, "bucket": bucket})
        }
        Ok(Resource::AccessPoint { through, bucket, key }) => {
            json!({"kind": "access-point", "access_point": through.arn, "bucket": bucket, "key": key})
        }
        Err(fault) => json!({"error_code": fault.code().as_str(), "status": fault.status()}),
    }
}

/// Routing holds a key to its rules, behind everything that the address says; here it may be any.
fn with_key_rules(resource: Resource) -> Result<Resource, Fault> {
    if let Resource::Bucket { key: Some(key), .. } | Resource::AccessPoint { key: Some(key), .. } = &resource {
        name::KeyRules::ALLOW.check(key)?;
    }
    Ok(resource)
}

fn settings(members: &Map<String, Value>) -> Result<Settings, Difference> {
    let text = |name: &str| {
        members.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| Difference::unreadable(name))
    };
    let flag = |name: &str| members.get(name).and_then(Value::as_bool).unwrap_or(false);
    let list = |name: &str| members.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let point = |value: &Value| {
        let text = |name: &str| member(value, name).map(str::to_owned);
        Ok(AccessPoint {
            name: text("name")?,
            account: text("account")?,
            region: text("region")?,
            alias: text("alias")?,
            bucket: text("bucket")?,
        })
    };
    Ok(Settings {
        region: text("region")?,
        partition: text("partition")?,
        base_domains: list("base_domains").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        accept_aws_hosts: flag("accept_aws_hosts"),
        legacy_bucket_names: flag("legacy_bucket_names"),
        access_points: list("access_points").iter().map(point).collect::<Result<_, _>>()?,
    })
}

fn member<'a>(value: &'a Value, name: &str) -> Result<&'a str, Difference> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| Difference::unreadable(name))
}
