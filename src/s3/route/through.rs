//! Requests that come through an access point (spec/access-points.md 4).

use super::{Auth, Routed, Rules, route};
use crate::s3::uri::Query;
use crate::s3::{Code, Fault, Head};

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
    let routed = route(Some(bucket), key, head, query, auth, rules)?;
    if !routed.operation.on_access_points() {
        let fault = Fault::plain(Code::MethodNotAllowed, NOT_THROUGH);
        return Err(fault.detail(format!("{} is asked of the bucket itself", routed.operation.name())));
    }
    Ok(Routed { through: Some(through), ..routed })
}
