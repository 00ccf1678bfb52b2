//! Requests that come through an access point (spec/access-points.md 4).

use super::{Auth, Routed, Rules, not_allowed, operation, route, subresource};
use crate::s3::operation::{Level, Operation};
use crate::s3::uri::Query;
use crate::s3::{Fault, Head};

/// The reason of the refusal of what no access point takes.
pub const NOT_THROUGH: &str = "not-through-access-points";

/// An access point that a request comes through.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Through {
    /// Its ARN.
    pub arn: String,
    /// What the client calls it: answers show that in the place of the bucket's name.
    pub shown: String,
}

/// Routes a request through an access point, to the bucket behind it.
///
/// # Errors
/// As for [`route`]; `MethodNotAllowed` for what no access point takes (spec/access-points.md 4).
pub fn route_through(
    through: Box<Through>,
    bucket: String,
    key: Option<String>,
    head: &Head<'_>,
    query: &Query<'_>,
    auth: Auth,
    rules: Rules,
) -> Result<Routed, Fault> {
    let level = if key.is_some() { Level::Object } else { Level::Bucket };
    let operation = operation(level, head, query, auth)?;
    if !operation.on_access_points() {
        let fault = not_allowed(level, head.method, NOT_THROUGH, &allowed(level, query)?);
        return Err(fault.detail(format!("{} is asked of the bucket itself", operation.name())));
    }
    let routed = route(Some(bucket), key, head, query, auth, rules)?;
    Ok(Routed { through: Some(through), ..routed })
}

/// The methods that access points take where this request has asked; there may be none.
fn allowed(level: Level, query: &Query<'_>) -> Result<String, Fault> {
    let Some(subresource) = subresource(query)? else {
        return Ok(if level == Level::Object { "GET, HEAD, PUT, DELETE" } else { "GET, HEAD" }.to_owned());
    };
    let taken = Operation::with_subresource(subresource, level).filter(|operation| operation.on_access_points());
    let mut methods: Vec<&str> = taken.map(|operation| operation.spec().method).collect();
    methods.sort_unstable();
    methods.dedup();
    Ok(methods.join(", "))
}
