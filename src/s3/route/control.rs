//! S3 Control: operations on an account (spec/access-points.md 7). Of these there are Block Public Access,
//! access points, and the tags of access points.

use std::borrow::Cow;

use http::HeaderMap;

use super::{Auth, Level, Names, Routed, Rules, not_allowed};
use crate::s3::name::{ALIAS_ENDING, is_access_point};
use crate::s3::uri::{Parameter, Query, decode};
use crate::s3::{Code, Fault, Head, Operation};

/// The account that a request is about; in host names as a label, too.
pub const ACCOUNT_ID: &str = "x-amz-account-id";

/// The parameter that may come more than once.
const TAG_KEYS: &str = "tagKeys";

/// Where ARNs of access points are.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// `aws`
    pub partition: &'a str,
    /// `eu-west-1`
    pub region: &'a str,
}

/// An access point that an operation names, whether there is one or not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Point {
    /// Its name. It is one that an access point can have.
    pub name: String,
    /// Its ARN, in the account of the request.
    pub arn: String,
}

/// Routes a request of S3 Control, for an account that address and header agree on.
///
/// # Errors
/// `NotImplemented` for what is not here; `MethodNotAllowed`; names that no access point can have;
/// parameters and headers that are not known.
pub fn route_control(
    account: String,
    place: Place<'_>,
    head: &Head<'_>,
    query: &Query<'_>,
    auth: Auth,
    rules: Rules,
) -> Result<Routed, Fault> {
    let (operation, point) = operation(&account, place, head)?;
    super::check_amz_parameters(auth, head, query)?;
    let parameters = Vec::new();
    let mut names = Names { operation, auth, rules, head, parameters, headers: HeaderMap::new(), copy_source: None };
    let (tag_keys, others) = query.iter().cloned().partition(|parameter| is_tag_key(operation, parameter));
    names.read_query(&Query::of(others))?;
    if head.all(ACCOUNT_ID).count() > 1 {
        return Err(super::header_twice(ACCOUNT_ID.as_bytes()));
    }
    let others: Vec<_> = head.lines.iter().copied().filter(|(name, _)| !is_account_id(name)).collect();
    let rest = Head { lines: &others, ..*head };
    names.head = &rest;
    names.read_headers()?;
    let Names { mut parameters, headers, .. } = names;
    // What a store might know is nothing that is answered here.
    let known = |name: &str| operation.spec().query.contains(&name) && has_parameters(operation);
    if let Some((unknown, _)) = parameters.iter().find(|(name, _)| !known(name)) {
        return Err(super::unknown_parameter(unknown));
    }
    parameters.extend(self::tag_keys(tag_keys)?);
    if operation == Operation::UntagResource && parameters.is_empty() {
        return Err(Fault::argument(
            "missing-parameter",
            "This operation needs the parameter tagKeys.",
            TAG_KEYS,
            None,
        ));
    }
    Ok(Routed {
        operation,
        bucket: None,
        key: None,
        parameters,
        headers,
        copy_source: None,
        account: Some(account),
        point: point.map(Box::new),
        through: None,
    })
}

/// The public access block has parameters in S3 and none here.
fn has_parameters(operation: Operation) -> bool {
    matches!(operation, Operation::ListAccessPoints | Operation::UntagResource)
}

fn is_tag_key(operation: Operation, parameter: &Parameter<'_>) -> bool {
    operation == Operation::UntagResource && *parameter.name == *TAG_KEYS.as_bytes()
}

/// Every key by itself, in order.
fn tag_keys(parameters: Vec<Parameter<'_>>) -> Result<Vec<(String, String)>, Fault> {
    let key = |parameter: Parameter<'_>| match String::from_utf8(parameter.value.into_owned()) {
        Ok(key) => Ok((TAG_KEYS.to_owned(), key)),
        Err(_) => Err(Fault::argument("parameter-not-text", "The parameter tagKeys is not UTF-8.", TAG_KEYS, None)),
    };
    parameters.into_iter().map(key).collect()
}

/// The operation of method and path, and the access point that the path names.
fn operation(account: &str, place: Place<'_>, head: &Head<'_>) -> Result<(Operation, Option<Point>), Fault> {
    let path = head.path().strip_prefix(b"/v20180820/").ok_or_else(not_here)?;
    if let Some(resource) = path.strip_prefix(b"tags/") {
        let operation = by_method(
            head,
            &[
                (b"DELETE", Operation::UntagResource),
                (b"GET", Operation::ListTagsForResource),
                (b"POST", Operation::TagResource),
            ],
        )?;
        return Ok((operation, Some(tagged(account, place, &text(resource)?)?)));
    }
    let segments: Vec<&[u8]> = path.split(|octet| *octet == b'/').collect();
    match *segments.as_slice() {
        [b"configuration", b"publicAccessBlock"] => {
            let operation = by_method(
                head,
                &[
                    (b"DELETE", Operation::DeletePublicAccessBlock),
                    (b"GET", Operation::GetPublicAccessBlock),
                    (b"PUT", Operation::PutPublicAccessBlock),
                ],
            )?;
            Ok((operation, None))
        }
        [b"accesspoint"] => Ok((by_method(head, &[(b"GET", Operation::ListAccessPoints)])?, None)),
        [b"accesspoint", name, ref below @ ..] => {
            let operation = of_point(head, below)?;
            Ok((operation, Some(Point::named(account, place, &text(name)?)?)))
        }
        _ => Err(not_here()),
    }
}

fn of_point(head: &Head<'_>, below: &[&[u8]]) -> Result<Operation, Fault> {
    match below {
        [] => by_method(
            head,
            &[
                (b"DELETE", Operation::DeleteAccessPoint),
                (b"GET", Operation::GetAccessPoint),
                (b"PUT", Operation::CreateAccessPoint),
            ],
        ),
        [b"policy"] => by_method(
            head,
            &[
                (b"DELETE", Operation::DeleteAccessPointPolicy),
                (b"GET", Operation::GetAccessPointPolicy),
                (b"PUT", Operation::PutAccessPointPolicy),
            ],
        ),
        [b"policyStatus"] => by_method(head, &[(b"GET", Operation::GetAccessPointPolicyStatus)]),
        _ => Err(not_here()),
    }
}

fn by_method(head: &Head<'_>, known: &[(&[u8], Operation)]) -> Result<Operation, Fault> {
    if let Some((_, operation)) = known.iter().find(|(method, _)| *method == head.method) {
        return Ok(*operation);
    }
    let methods: Vec<Cow<'_, str>> = known.iter().map(|(method, _)| String::from_utf8_lossy(method)).collect();
    Err(not_allowed(Level::Other, head.method, "method", &methods.join(", ")))
}

impl Point {
    /// The access point of a name in an account.
    ///
    /// # Errors
    /// A name that no access point can have, in the words of AWS (spec/access-points.md 2).
    fn named(account: &str, place: Place<'_>, name: &str) -> Result<Self, Fault> {
        if is_access_point(name) {
            return Ok(Self { name: name.to_owned(), arn: place.arn(account, name) });
        }
        let known = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'-' | b'.');
        // A suffix that is reserved is no matter of length.
        let short = name.len() < 3 || name.len() > 50 && !name.ends_with(ALIAS_ENDING);
        if short || !name.bytes().all(known) {
            let fault = Fault::new(Code::InvalidURI, "access-point-name", "Couldn't parse the specified URI.");
            return Err(fault.with("URI", format!("accesspoint/{name}")));
        }
        Err(invalid_point_name())
    }
}

impl Place<'_> {
    /// The ARN of an access point.
    pub fn arn(&self, account: &str, name: &str) -> String {
        ["arn:", self.partition, ":s3:", self.region, ":", account, ":accesspoint/", name].concat()
    }
}

/// What AWS says of the name of an access point that it does not take.
pub fn invalid_point_name() -> Fault {
    let message = "Your Amazon S3 AccessPoint name is invalid";
    Fault::new(Code::InvalidRequest, "access-point-name", message)
}

/// The access point of an ARN, of this account.
fn tagged(account: &str, place: Place<'_>, arn: &str) -> Result<Point, Fault> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let missing = || Fault::plain(Code::NoSuchResource, "no-such-resource");
    let &["arn", _, "s3", _, _, resource] = parts.as_slice() else { return Err(missing()) };
    if let Some(name) = resource.strip_prefix("accesspoint/").filter(|name| is_access_point(name)) {
        let own = Point { name: name.to_owned(), arn: place.arn(account, name) };
        return if own.arn == arn { Ok(own) } else { Err(missing()) };
    }
    if resource.starts_with("bucket/") || !resource.contains('/') {
        let message = "Of S3 Control, this endpoint has the tags of access points; those of buckets are set by S3.";
        return Err(Fault::new(Code::NotImplemented, "s3-control", message));
    }
    Err(missing())
}

fn text(wire: &[u8]) -> Result<String, Fault> {
    let bad = || Fault::new(Code::InvalidURI, "bad-uri", "Couldn't parse the specified URI.");
    String::from_utf8(decode(wire)?.into_owned()).map_err(|_| bad())
}

fn not_here() -> Fault {
    let message =
        "Of S3 Control, this endpoint has access points, their tags, and the public access block of an account.";
    Fault::new(Code::NotImplemented, "s3-control", message)
}

fn is_account_id(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(ACCOUNT_ID.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::name::KeyRules;
    use crate::s3::route::Unknown;

    const ID: (&str, &str) = ("x-amz-account-id", "111122223333");

    fn ask(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<Routed, Fault> {
        let lines: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let head = Head { method: method.as_bytes(), target: target.as_bytes(), lines: &lines, authority: None };
        let query = Query::parse(head.query()).unwrap();
        let rules = Rules { keys: KeyRules::REFUSE, unknown: Unknown::Refuse };
        let place = Place { partition: "aws", region: "eu-west-1" };
        route_control("111122223333".to_owned(), place, &head, &query, Auth::Header, rules)
    }

    #[track_caller]
    fn check(method: &str, target: &str, headers: &[(&str, &str)], expected: Result<Operation, Code>) {
        let routed = ask(method, target, headers);
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
        for target in [
            "/v20180820/accesspointforobjectlambda/reports",
            "/v20180820/accesspointfordirectory",
            "/v20180820/accesspoint/reports/scope",
            "/v20180820/accesspoint/reports/policy/",
            "/v20180820/async-requests/mrap/create",
            "/v20180820/mrap/instances",
            "/v20180820/bucket/b",
            "/v20180820/",
            "/v20180820%2Faccesspoint",
        ] {
            check("GET", target, &id, Err(Code::NotImplemented));
        }
        check("GET", "/v20180820/configuration/publicAccessBlock?publicAccessBlock", &id, Err(Code::NotImplemented));
        check("GET", "/v20180820/configuration/publicAccessBlock?x=y", &id, Err(Code::NotImplemented));
        check("GET", target, &[("x-amz-unheard-of", "1")], Err(Code::NotImplemented));
        check("GET", target, &[id[0], id[0]], Err(Code::InvalidArgument));
    }

    #[test]
    fn every_operation_on_access_points_is_found_with_what_its_path_names() {
        let (one, arn) = ("/v20180820/accesspoint/reports", "arn:aws:s3:eu-west-1:111122223333:accesspoint/reports");
        let tags = "/v20180820/tags/arn%3Aaws%3As3%3Aeu-west-1%3A111122223333%3Aaccesspoint%2Freports";
        let plain = format!("/v20180820/tags/{arn}");
        for (method, target, expected) in [
            ("PUT", one, Operation::CreateAccessPoint),
            ("GET", one, Operation::GetAccessPoint),
            ("DELETE", one, Operation::DeleteAccessPoint),
            ("PUT", &format!("{one}/policy"), Operation::PutAccessPointPolicy),
            ("GET", &format!("{one}/policy"), Operation::GetAccessPointPolicy),
            ("DELETE", &format!("{one}/policy"), Operation::DeleteAccessPointPolicy),
            ("GET", &format!("{one}/policyStatus"), Operation::GetAccessPointPolicyStatus),
            ("POST", tags, Operation::TagResource),
            ("GET", &plain, Operation::ListTagsForResource),
            ("DELETE", &format!("{tags}?tagKeys=a&tagKeys=b"), Operation::UntagResource),
        ] {
            let routed = ask(method, target, &[ID]).unwrap();
            assert_eq!(routed.operation, expected, "{method} {target}");
            let point = Point { name: "reports".to_owned(), arn: arn.to_owned() };
            assert_eq!((routed.point.as_deref(), routed.account.as_deref()), (Some(&point), Some(ID.1)));
        }
        let list = ask("GET", "/v20180820/accesspoint?bucket=b&maxResults=5", &[ID]).unwrap();
        assert_eq!((list.operation, list.parameter("maxResults")), (Operation::ListAccessPoints, Some("5")));
        let untag = ask("DELETE", &format!("{tags}?tagKeys=a&tagKeys=b"), &[ID]).unwrap();
        let keys: Vec<&str> = untag.parameters.iter().map(|(_, key)| key.as_str()).collect();
        assert_eq!(keys, ["a", "b"]);
    }

    #[test]
    fn what_would_be_ignored_is_refused() {
        let tags = "/v20180820/tags/arn:aws:s3:eu-west-1:111122223333:accesspoint/reports";
        for (method, target) in [
            ("GET", "/v20180820/accesspoint?marker=x"),
            ("GET", "/v20180820/accesspoint?tagKeys=x"),
            ("GET", "/v20180820/accesspoint/reports?bucket=b"),
            ("PUT", "/v20180820/accesspoint/reports/policy?policy"),
            ("POST", &format!("{tags}?tagKeys=a")),
        ] {
            check(method, target, &[ID], Err(Code::NotImplemented));
        }
        check("GET", "/v20180820/accesspoint?bucket=b&bucket=c", &[ID], Err(Code::InvalidArgument));
        check("DELETE", tags, &[ID], Err(Code::InvalidArgument));
        check("POST", "/v20180820/accesspoint", &[ID], Err(Code::MethodNotAllowed));
        check("DELETE", "/v20180820/accesspoint/reports/policyStatus", &[ID], Err(Code::MethodNotAllowed));
        check("GET", "/v20180820/accesspoint?x-amz-account-id=111122223333", &[ID], Err(Code::InvalidArgument));
    }

    #[test]
    fn names_that_no_access_point_can_have_are_told_as_aws_does() {
        let long = "a".repeat(51);
        for name in ["ab", "", &long, "under_score", "Upper", "a%20b"] {
            let fault = ask("GET", &format!("/v20180820/accesspoint/{name}"), &[ID]).unwrap_err();
            assert_eq!((fault.code(), fault.elements()[0].0), (Code::InvalidURI, "URI"), "{name}");
        }
        for name in ["-abc", "abc-", "a.bc", "abc-s3alias", "abc-ext-s3alias", "abc--xa-s3", "xn--abc"] {
            check("PUT", &format!("/v20180820/accesspoint/{name}"), &[ID], Err(Code::InvalidRequest));
        }
    }

    #[test]
    fn tags_are_those_of_access_points_of_the_account() {
        let check = |arn: &str, code| check("GET", &format!("/v20180820/tags/{arn}"), &[ID], Err(code));
        check("arn:aws:s3:::bucket", Code::NotImplemented);
        check("arn:aws:s3:eu-west-1:111122223333:bucket/b", Code::NotImplemented);
        check("arn:aws:s3:eu-west-1:444455556666:accesspoint/reports", Code::NoSuchResource);
        check("arn:aws:s3:us-east-1:111122223333:accesspoint/reports", Code::NoSuchResource);
        check("arn:aws:s3:eu-west-1:111122223333:accesspoint/no_name", Code::NoSuchResource);
        check("arn:aws:s3:eu-west-1:111122223333:accesspoint/reports/object/k", Code::NoSuchResource);
        check("anything", Code::NoSuchResource);
        check("", Code::NoSuchResource);
    }
}
