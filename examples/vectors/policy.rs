//! Policies: what they decide, and what PutBucketPolicy takes and refuses.

use std::path::Path;

use bartizan::policy::put::{Target, check};
use serde_json::{Value, json};

use crate::decisions;
use crate::report::{self, Difference, Judge, Outcome, same};

pub(crate) fn run(directory: &Path) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    for (file_name, file) in report::files(directory)? {
        let kind = file.as_ref().and_then(|file| file.get("kind")).and_then(Value::as_str);
        let judge: Option<Judge> = match kind {
            Some("decision") => Some(decisions::decision),
            Some("access-point-decision") => Some(decisions::through_access_point),
            Some("put-bucket-policy") => Some(put_bucket_policy),
            _ => None,
        };
        outcome.run_file(&file_name, file.as_ref(), judge);
    }
    Ok(outcome)
}

fn put_bucket_policy(_: &Value, case: &Value) -> Result<(), Difference> {
    let text = |name: &str| case.get(name).and_then(Value::as_str).ok_or_else(|| Difference::unreadable(name));
    let target = Target::Bucket { partition: "aws", name: text("bucket")? };
    let expected = case.get("expected").ok_or_else(|| Difference::unreadable("expected"))?;
    let got = match check(text("document")?.as_bytes(), &target, &|_| true) {
        Ok(_) => json!({"accepted": true}),
        Err(fault) => {
            let detail = fault.elements().iter().find(|(name, _)| *name == "Detail").map(|(_, text)| text);
            json!({
                "accepted": false,
                "status": fault.status(),
                "code": fault.code().as_str(),
                "message": fault.message(),
                "detail": detail,
            })
        }
    };
    for member in ["accepted", "status", "code", "message", "detail"] {
        if let Some(expected) = expected.get(member) {
            same(member, expected, got.get(member).unwrap_or(&Value::Null))?;
        }
    }
    Ok(())
}
