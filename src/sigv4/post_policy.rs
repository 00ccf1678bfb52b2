//! The policy document of a form (spec/sigv4.md 10.3): read strictly, every condition enforced, every
//! field covered.

mod document;
#[cfg(test)]
mod tests;

use crate::s3::form::{Fields, LengthRange};
use crate::s3::{Code, Fault};
use crate::time::Seconds;

/// Fields that no condition needs to name; `file` is not among the fields at all.
const UNCOVERED: [&str; 2] = ["policy", "x-amz-signature"];

/// A policy document.
#[derive(Clone, Debug)]
pub struct PostPolicy {
    expiration: Seconds,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Condition {
    /// About a field.
    Field {
        /// Compared so.
        test: Test,
        /// The field in lower case; as written, in case it is none.
        name: String,
        /// With this.
        value: String,
    },
    /// About the length of the file.
    Length(LengthRange),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Test {
    Equals,
    StartsWith,
}

impl PostPolicy {
    /// Reads the value of the field `policy`.
    ///
    /// # Errors
    /// `InvalidPolicyDocument` unless it is base64 of JSON with exactly the members and conditions that
    /// the specification knows.
    pub fn parse(field: &str) -> Result<Self, Fault> {
        document::parse(field)
    }

    /// Enforces the document on a form for this bucket: its end, then that it covers all fields, then its
    /// conditions. Returns how long the file may be.
    ///
    /// # Errors
    /// `AccessDenied`
    pub fn check(&self, fields: &Fields, bucket: Option<&str>, now: Seconds) -> Result<LengthRange, Fault> {
        if now > self.expiration {
            return Err(expired("form-policy-expired"));
        }
        let submitted = fields.iter().map(|(name, _)| name).chain(["bucket"]);
        for name in submitted.filter(|name| !UNCOVERED.contains(name) && !name.starts_with("x-ignore-")) {
            if !self.conditions.iter().any(|condition| condition.covers(name)) {
                return Err(denied("form-field-not-covered", &format!("Extra input fields: {name}")));
            }
        }
        let mut range = LengthRange::ANY;
        for condition in &self.conditions {
            match condition {
                Condition::Length(length) => range = range.and(*length),
                Condition::Field { test, name, value } => {
                    // The bucket is the one addressed, whatever a field of that name says.
                    let given = if name == "$bucket" { bucket } else { field(fields, name) };
                    if !given.is_some_and(|given| test.holds(name, value, given)) {
                        return Err(denied(
                            "form-condition",
                            &format!("Policy Condition failed: {}", condition.text()),
                        ));
                    }
                }
            }
        }
        Ok(range)
    }
}

/// The field that a condition names with `$` in front. A name without it names nothing.
fn field<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    fields.get(name.strip_prefix('$')?)
}

impl Condition {
    fn covers(&self, field: &str) -> bool {
        matches!(self, Self::Field { name, .. } if name.strip_prefix('$') == Some(field))
    }

    /// As S3 writes it in its answer; never a token.
    fn text(&self) -> String {
        let Self::Field { test, name, value } = self else { return String::new() };
        let operator = match test {
            Test::Equals => "eq",
            Test::StartsWith => "starts-with",
        };
        let value = if name == "$x-amz-security-token" { "********" } else { value };
        format!("[\"{operator}\", {}, {}]", quoted(name), quoted(value))
    }
}

impl Test {
    fn holds(self, name: &str, expected: &str, given: &str) -> bool {
        match self {
            Self::Equals => given == expected,
            Self::StartsWith if name == "$content-type" => {
                given.split(',').all(|entry| entry.trim().starts_with(expected))
            }
            Self::StartsWith => given.starts_with(expected),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn denied(reason: &'static str, why: &str) -> Fault {
    Fault::new(Code::AccessDenied, reason, format!("Invalid according to Policy: {why}"))
}

/// The document is over, or the form was signed too long ago.
pub(super) fn expired(reason: &'static str) -> Fault {
    denied(reason, "Policy expired.")
}
