//! S3 Control: operations on an account (spec/s3-operations.md 7). Of these there is Block Public Access.

use http::HeaderMap;

use super::{Auth, Names, Routed, Rules, not_allowed};
use crate::s3::uri::Query;
use crate::s3::{Code, Fault, Head, Operation};

/// The account that a request is about; in host names as a label, too.
pub const ACCOUNT_ID: &str = "x-amz-account-id";

const PUBLIC_ACCESS_BLOCK: &[u8] = b"/v20180820/configuration/publicAccessBlock";

/// Routes a request of S3 Control, for an account that address and header agree on.
///
/// # Errors
/// `NotImplemented` for what is not here; `MethodNotAllowed`; parameters and headers that are not known.
pub fn route_control(
    account: String,
    head: &Head<'_>,
    query: &Query<'_>,
    auth: Auth,
    rules: Rules,
) -> Result<Routed, Fault> {
    if head.path() != PUBLIC_ACCESS_BLOCK {
        let message = "Of S3 Control, this endpoint has the public access block of an account.";
        return Err(Fault::new(Code::NotImplemented, "s3-control", message));
    }
    let operation = match head.method {
        b"DELETE" => Operation::DeletePublicAccessBlock,
        b"GET" => Operation::GetPublicAccessBlock,
        b"PUT" => Operation::PutPublicAccessBlock,
        method => return Err(not_allowed(method, "GET, PUT, DELETE")),
    };
    let parameters = Vec::new();
    let mut names = Names { operation, auth, rules, head, parameters, headers: HeaderMap::new(), copy_source: None };
    names.read_query(query)?;
    if head.all(ACCOUNT_ID).count() > 1 {
        return Err(super::header_twice(ACCOUNT_ID.as_bytes()));
    }
    let others: Vec<_> = head.lines.iter().copied().filter(|(name, _)| !is_account_id(name)).collect();
    let rest = Head { lines: &others, ..*head };
    names.head = &rest;
    names.read_headers()?;
    let Names { parameters, headers, .. } = names;
    if !parameters.is_empty() {
        return Err(super::unknown_parameter(parameters.first().map_or("?", |(name, _)| name)));
    }
    Ok(Routed {
        operation,
        bucket: None,
        key: None,
        parameters,
        headers,
        copy_source: None,
        account: Some(account),
        through: None,
    })
}

fn is_account_id(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(ACCOUNT_ID.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::name::KeyRules;
    use crate::s3::route::Unknown;

    #[track_caller]
    fn check(method: &str, target: &str, headers: &[(&str, &str)], expected: Result<Operation, Code>) {
        let lines: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let head = Head { method: method.as_bytes(), target: target.as_bytes(), lines: &lines, authority: None };
        let query = Query::parse(head.query()).unwrap();
        let rules = Rules { keys: KeyRules::REFUSE, unknown: Unknown::Refuse };
        let routed = route_control("111122223333".to_owned(), &head, &query, Auth::Header, rules);
        let routed = routed.map(|routed| routed.operation).map_err(|fault| fault.code());
        assert_eq!(routed, expected, "{method} {target}");
    }

    #[test]
    fn of_s3_control_there_is_what_is_implemented_and_nothing_else() {
        let id = [("x-amz-account-id", "111122223333"), ("x-amz-date", "20260101T000000Z")];
        let target = "/v20180820/configuration/publicAccessBlock";
        check("PUT", target, &id, Ok(Operation::PutPublicAccessBlock));
        check("GET", target, &id, Ok(Operation::GetPublicAccessBlock));
        check("DELETE", target, &id, Ok(Operation::DeletePublicAccessBlock));
        check("POST", target, &id, Err(Code::MethodNotAllowed));
        check("GET", "/v20180820/accesspoint", &id, Err(Code::NotImplemented));
        check("GET", "/v20180820/configuration/publicAccessBlock?publicAccessBlock", &id, Err(Code::NotImplemented));
        check("GET", "/v20180820/configuration/publicAccessBlock?x=y", &id, Err(Code::NotImplemented));
        check("GET", target, &[("x-amz-unheard-of", "1")], Err(Code::NotImplemented));
        check("GET", target, &[id[0], id[0]], Err(Code::InvalidArgument));
    }
}
