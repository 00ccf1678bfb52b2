//! From method, level, query and headers to exactly one operation (spec/s3-operations.md 3).

mod control;
mod copy;
mod form;
mod special;
#[cfg(test)]
mod tests;
mod through;

use std::borrow::Cow;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::checksum::Algorithm;
use super::form::is_form;
use super::head::has_capitals;
use super::name::KeyRules;
use super::operation::{BodyKind, Level, Operation};
use super::uri::Query;
use super::{Code, Fault, Head, encryption};
use copy::read_copy_source;
use special::{preflight, special_answer};

pub use control::{ACCOUNT_ID, Place, Point, invalid_point_name, route_control};
pub use copy::CopySource;
pub use form::{FormHeaders, route_form};
pub use special::no_cors;
pub use through::{NOT_THROUGH, Through, route_through};

/// The names of query authentication (spec/sigv4.md 2), lower-case.
pub const QUERY_AUTHENTICATION: [&str; 7] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// Headers that belong to authentication, payload and transport; known everywhere, forwarded never.
const CONSUMED: [&str; 9] = [
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-region-set",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-trailer",
    "content-length",
    "content-md5",
];

/// Dropped without a word.
const IDLE: [&str; 3] = ["x-amz-cf-id", "x-amz-te", "x-amz-user-agent"];

/// Metadata that is an order: MinIO and its kin unpack the archive into keys that it names itself, and that
/// nobody has decided about.
const UNPACK: &[u8] = b"snowball-auto-extract";

/// The one version of the API there is; the SDK for C++ says so in `x-amz-api-version`.
const API_VERSION: &[u8] = b"2006-03-01";

/// Headers that may come on several lines though they begin with `x-amz-`.
const LISTS: [&str; 3] = ["x-amz-object-attributes", "x-amz-optional-object-attributes", "x-amz-trailer"];

/// Headers outside `x-amz-` that take one value.
const SINGLE: [&str; 5] = ["content-md5", "content-type", "if-modified-since", "if-unmodified-since", "range"];

/// How the request is authenticated; decides what `x-amz-` names in the query mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Auth {
    /// Not at all.
    Anonymous,
    /// By the fields of a form.
    Form,
    /// By the Authorization header.
    Header,
    /// By the query.
    Query,
}

/// What to do with parameters and `x-amz-` headers that the operation's table does not know.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Unknown {
    /// Hand them on, signed anew.
    Pass,
    /// Refuse: a newer store could read one as something the policy did not see.
    #[default]
    Refuse,
}

/// The rules a request is routed by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// What keys may look like.
    pub keys: KeyRules,
    /// What happens to names outside the table.
    pub unknown: Unknown,
}

/// One operation with what belongs to it.
#[derive(Clone, Debug)]
pub struct Routed {
    /// What is asked.
    pub operation: Operation,
    /// The bucket, below service level.
    pub bucket: Option<String>,
    /// The decoded key, at object level.
    pub key: Option<String>,
    /// Parameters the operation knows, decoded, the selecting ones included.
    pub parameters: Vec<(String, String)>,
    /// Headers the operation knows, hoisted ones included; none of authentication, payload or transport.
    pub headers: HeaderMap,
    /// The source of a copy.
    pub copy_source: Option<CopySource>,
    /// The account that an operation of S3 Control is about; then there is no bucket.
    pub account: Option<String>,
    /// The access point that an operation of S3 Control is about.
    pub point: Option<Box<Point>>,
    /// The access point that the request comes through; the bucket is the one behind it.
    pub through: Option<Box<Through>>,
}

/// Routes a request whose address is known.
///
/// # Errors
/// The first fault in the order of the rules.
pub fn route(
    bucket: Option<String>,
    key: Option<String>,
    head: &Head<'_>,
    query: &Query<'_>,
    auth: Auth,
    rules: Rules,
) -> Result<Routed, Fault> {
    let level = match (&bucket, &key) {
        (None, _) => Level::Service,
        (_, None) => Level::Bucket,
        _ => Level::Object,
    };
    let operation = operation(level, head, query, auth)?;
    if operation == Operation::OptionsObject {
        return Ok(preflight(bucket, key, head));
    }
    let copies = matches!(operation, Operation::CopyObject | Operation::UploadPartCopy);
    check_amz_parameters(auth, head, query)?;
    let mut names =
        Names { operation, auth, rules, head, parameters: Vec::new(), headers: HeaderMap::new(), copy_source: None };
    names.read_query(query)?;
    names.read_headers()?;
    names.join_tags();
    if names.copy_source.is_some() && !copies {
        return Err(misplaced_copy_source(head.first("x-amz-copy-source").unwrap_or_default()));
    }
    if let Some(why) = operation.spec().refused {
        return Err(
            Fault::plain(Code::NotImplemented, "operation-refused").detail(format!("{}: {why}", operation.name()))
        );
    }
    if let Some(key) = &key {
        rules.keys.check(key)?;
    }
    let Names { parameters, headers, copy_source, .. } = names;
    let copy_source = copy_source.map(|value| read_copy_source(&value, rules.keys)).transpose()?;
    Ok(Routed { operation, bucket, key, parameters, headers, copy_source, account: None, point: None, through: None })
}

fn operation(level: Level, head: &Head<'_>, query: &Query<'_>, auth: Auth) -> Result<Operation, Fault> {
    let Some(method) = method(head.method) else {
        return Err(not_allowed(level, head.method, "method", "GET, HEAD, PUT, POST, DELETE, OPTIONS"));
    };
    if method == "OPTIONS" {
        return Ok(Operation::OptionsObject);
    }
    match subresource(query)? {
        Some(subresource) => select(level, method, subresource, head, query, auth),
        None => plain(level, method, head, query, auth),
    }
}

fn method(method: &[u8]) -> Option<&'static str> {
    ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"].into_iter().find(|known| known.as_bytes() == method)
}

/// The one query name that selects an operation; two of them are ambiguous on purpose or by mistake.
fn subresource<'q>(query: &'q Query<'_>) -> Result<Option<&'q str>, Fault> {
    let mut found: Option<&str> = None;
    for parameter in query.iter().filter(|parameter| Operation::is_subresource(&parameter.name)) {
        let name = std::str::from_utf8(&parameter.name).unwrap_or_default(); // the table is ASCII
        if let Some(first) = found {
            let message = format!("Conflicting query string parameters: {first}, {name}");
            return Err(Fault::argument("conflicting-subresources", message, "ResourceType", Some(first.to_owned())));
        }
        found = Some(name);
    }
    Ok(found)
}

fn plain(level: Level, method: &str, head: &Head<'_>, query: &Query<'_>, auth: Auth) -> Result<Operation, Fault> {
    if level == Level::Object && method == "PUT" && query.first(b"partNumber").is_some() {
        return Err(part_number("This operation does not accept partNumber without uploadId"));
    }
    Ok(match (level, method) {
        (Level::Service, "GET") => Operation::ListBuckets,
        (Level::Bucket, "GET") => match query.first(b"list-type") {
            None => Operation::ListObjects,
            Some(b"2") => Operation::ListObjectsV2,
            Some(_) => return Err(Fault::argument("list-type", "The only list-type is 2.", "list-type", None)),
        },
        (Level::Bucket, "HEAD") => Operation::HeadBucket,
        (Level::Bucket, "PUT") => Operation::CreateBucket,
        (Level::Bucket, "DELETE") => Operation::DeleteBucket,
        (Level::Bucket, "POST") if is_form(head) && auth == Auth::Form => Operation::PostObject,
        // With a signature in header or query nobody would read the form: its key, its fields, its policy.
        (Level::Bucket, "POST") if is_form(head) => {
            let message = "A form upload is authenticated by its fields alone, not by a header or the query.";
            return Err(Fault::new(Code::InvalidRequest, "form-with-other-authentication", message));
        }
        (Level::Bucket, "POST") => {
            return Err(Fault::plain(Code::PreconditionFailed, "post-without-form")
                .with("Condition", "Bucket POST must be of the enclosure-type multipart/form-data"));
        }
        (Level::Object, "GET") => Operation::GetObject,
        (Level::Object, "HEAD") => Operation::HeadObject,
        (Level::Object, "PUT") if names_copy_source(head, query, auth) => Operation::CopyObject,
        (Level::Object, "PUT") => Operation::PutObject,
        (Level::Object, "DELETE") => Operation::DeleteObject,
        (Level::Service, _) => return Err(not_allowed(level, head.method, "method", "GET")),
        _ => return Err(not_allowed(level, head.method, "method", "GET, HEAD, PUT, DELETE")),
    })
}

fn select(
    level: Level,
    method: &str,
    subresource: &str,
    head: &Head<'_>,
    query: &Query<'_>,
    auth: Auth,
) -> Result<Operation, Fault> {
    if let Some(fault) = special_answer(level, method, subresource) {
        return Err(fault);
    }
    let candidates: Vec<Operation> = Operation::with_subresource(subresource, level).collect();
    let of_method = || candidates.iter().copied().filter(|operation| operation.spec().method == method);
    if of_method().next().is_none() {
        let mut allowed: Vec<&str> = candidates.iter().map(|operation| operation.spec().method).collect();
        allowed.sort_unstable();
        allowed.dedup();
        return Err(not_allowed(level, head.method, "method", &allowed.join(", ")));
    }
    if method == "PUT" && subresource == "uploadId" {
        return match (query.first(b"partNumber").is_some(), names_copy_source(head, query, auth)) {
            (false, _) => Err(part_number("This operation does not accept uploadId without partNumber")),
            (true, true) => Ok(Operation::UploadPartCopy),
            (true, false) => Ok(Operation::UploadPart),
        };
    }
    let chosen = of_method()
        .find(|operation| operation.spec().selector.is_some_and(|selector| query.first(selector.as_bytes()).is_some()))
        .or_else(|| of_method().find(|operation| operation.spec().selector.is_none()));
    match chosen {
        Some(Operation::SelectObjectContent) if query.first(b"select-type") != Some(b"2") => {
            Err(Fault::argument("select-type", "The only select-type is 2.", "select-type", None))
        }
        Some(operation) => Ok(operation),
        None => {
            let missing = of_method().find_map(|operation| operation.spec().selector).unwrap_or("id");
            Err(Fault::argument(
                "missing-parameter",
                format!("This operation needs the parameter {missing}."),
                missing,
                None,
            ))
        }
    }
}

fn names_copy_source(head: &Head<'_>, query: &Query<'_>, auth: Auth) -> bool {
    const NAME: &str = "x-amz-copy-source";
    let hoisted =
        || auth == Auth::Query && query.iter().any(|parameter| parameter.name.eq_ignore_ascii_case(NAME.as_bytes()));
    head.first(NAME).is_some() || hoisted()
}

/// A name in lower case; most are already.
fn lower_case(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|octet| octet.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// Sorts the names of a request into known, consumed and unknown ones.
struct Names<'a> {
    operation: Operation,
    auth: Auth,
    rules: Rules,
    head: &'a Head<'a>,
    parameters: Vec<(String, String)>,
    headers: HeaderMap,
    copy_source: Option<Vec<u8>>,
}

impl Names<'_> {
    fn read_query(&mut self, query: &Query<'_>) -> Result<(), Fault> {
        for parameter in query.iter() {
            let Ok(name) = std::str::from_utf8(&parameter.name) else { return Err(unknown_parameter("?")) };
            if name == "x-id" {
                continue;
            }
            let lower = lower_case(name);
            if lower.starts_with("x-amz-") {
                self.read_hoisted(&lower, &parameter.value)?;
                continue;
            }
            if self.operation.spec().query.binary_search(&name).is_err() && self.rules.unknown == Unknown::Refuse {
                return Err(unknown_parameter(name));
            }
            if self.parameters.iter().any(|(known, _)| known == name) {
                return Err(Fault::argument(
                    "parameter-twice",
                    format!("The parameter {name} occurs twice."),
                    name,
                    None,
                ));
            }
            if self.auth == Auth::Anonymous && name.starts_with("response-") {
                let message = "Request specific response headers cannot be used for anonymous GET requests.";
                return Err(Fault::new(Code::InvalidRequest, "anonymous-response-header", message));
            }
            let Ok(value) = std::str::from_utf8(&parameter.value) else {
                return Err(Fault::argument(
                    "parameter-not-text",
                    format!("The parameter {name} is not UTF-8."),
                    name,
                    None,
                ));
            };
            if name.starts_with("response-") && value.chars().any(char::is_control) {
                // Stores would leave it out, or write a header of its author's.
                let message = format!("The value of {name} cannot stand in a header.");
                return Err(Fault::argument("response-header", message, name, None));
            }
            if name == "versionId" && value.is_empty() {
                // Stores disagree about what this means.
                return Err(Fault::argument("empty-version", "Invalid version id specified", name, None));
            }
            // `?acl=x` is `?acl`; only an upload's id says something.
            let bare = self.operation.spec().subresource == Some(name) && name != "uploadId";
            self.parameters.push((name.to_owned(), if bare { String::new() } else { value.to_owned() }));
        }
        Ok(())
    }

    /// A parameter that acts as a header in presigned requests (spec/sigv4.md 7).
    fn read_hoisted(&mut self, lower: &str, value: &[u8]) -> Result<(), Fault> {
        if is_ignored_in_query(lower) {
            return Ok(());
        }
        if self.head.first(lower).is_some() {
            return Ok(()); // read with the headers
        }
        // One of two would be checked and the other one carried out.
        let again = self.headers.contains_key(lower) || lower == "x-amz-copy-source" && self.copy_source.is_some();
        if again && is_single(lower.as_bytes()) {
            return Err(header_twice(lower.as_bytes()));
        }
        self.take(lower.as_bytes(), value)
    }

    fn read_headers(&mut self) -> Result<(), Fault> {
        let lines = self.head.lines;
        for (at, (name, value)) in lines.iter().enumerate() {
            let lower: Cow<'_, [u8]> = match has_capitals(name) {
                true => name.to_ascii_lowercase().into(),
                false => (*name).into(),
            };
            let again =
                || lines.get(..at).unwrap_or_default().iter().any(|(before, _)| before.eq_ignore_ascii_case(name));
            if is_single(&lower) && again() {
                return Err(header_twice(&lower));
            }
            self.take(&lower, super::head::trim(value))?;
        }
        Ok(())
    }

    /// Lists of entity tags may come on several lines. As one, policy and store read the same.
    fn join_tags(&mut self) {
        for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
            let lines: Vec<&[u8]> = self.headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
            if lines.len() < 2 {
                continue;
            }
            if let Ok(list) = HeaderValue::from_bytes(&lines.join(&b", "[..])) {
                self.headers.insert(name, list);
            }
        }
    }

    fn take(&mut self, lower: &[u8], value: &[u8]) -> Result<(), Fault> {
        let spec = self.operation.spec();
        let amz = lower.starts_with(b"x-amz-");
        // The names of query authentication mean nothing as headers.
        let idle = amz && (among(&IDLE, lower) || among(&QUERY_AUTHENTICATION, lower));
        if idle || among(&CONSUMED, lower) {
            return Ok(());
        }
        let known = among(spec.headers, lower) || spec.metadata && lower.starts_with(b"x-amz-meta-");
        if !known && !amz {
            // S3 ignores it; MinIO does not ignore its own, and a condition of a write must not be lost.
            let condition = lower.starts_with(b"if-") && !self.operation.is_read();
            return if condition || lower.starts_with(b"x-minio-") { Err(unknown_header(lower)) } else { Ok(()) };
        }
        if amz && memchr::memmem::find(lower, UNPACK).is_some() {
            return Err(unknown_header(lower));
        }
        if lower == b"x-amz-api-version" && value == API_VERSION {
            return Ok(());
        }
        if lower == b"x-amz-copy-source" {
            self.copy_source = Some(value.to_vec());
            return Ok(());
        }
        // What a checksum header says is about the body, but for the completion of an upload: there it
        // is about the object.
        if is_checksum_value(lower) && self.operation != Operation::CompleteMultipartUpload {
            return Ok(());
        }
        if !known {
            // A store would seem to have encrypted; and MinIO spares other stores the bucket's own retention.
            let refused = is_of_encryption(lower) || lower.ends_with(b"-replication-status");
            if refused || self.rules.unknown == Unknown::Refuse {
                return Err(unknown_header(lower));
            }
            if is_checksum_value(lower) {
                return Ok(());
            }
        }
        let not_text =
            || Fault::argument("header-not-text", "The value of this header is not UTF-8.", shown(lower), None);
        std::str::from_utf8(value).map_err(|_| not_text())?;
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(lower), HeaderValue::from_bytes(value)) else {
            return Err(not_text());
        };
        if name == header::CONTENT_ENCODING {
            self.take_encoding(&value);
        } else {
            self.headers.append(name, value);
        }
        Ok(())
    }

    /// `aws-chunked` describes the way here, not the object.
    fn take_encoding(&mut self, value: &HeaderValue) {
        let streaming = self.head.first("x-amz-content-sha256").is_some_and(|mode| mode.starts_with(b"STREAMING-"));
        let text = std::str::from_utf8(value.as_bytes()).unwrap_or_default(); // checked by the caller
        let kept: Vec<&str> = text
            .split(',')
            .map(str::trim)
            .filter(|coding| !(streaming && coding.eq_ignore_ascii_case("aws-chunked")))
            .collect();
        if kept.is_empty() {
            return;
        }
        if let Ok(value) = HeaderValue::from_str(&kept.join(",")) {
            self.headers.append(header::CONTENT_ENCODING, value);
        }
    }
}

/// Checks the parameters that begin with `x-amz-`: in a presigned request they act as headers and may
/// not contradict those; elsewhere they are refused (spec/sigv4.md 7).
///
/// # Errors
/// `InvalidArgument` naming the parameter.
pub fn check_amz_parameters(auth: Auth, head: &Head<'_>, query: &Query<'_>) -> Result<(), Fault> {
    // The query of a preflight is that of the request it asks about, which may be presigned.
    if head.method == b"OPTIONS" {
        return Ok(());
    }
    for parameter in query.iter() {
        let Ok(name) = std::str::from_utf8(&parameter.name) else { continue };
        let lower = lower_case(name);
        if !lower.starts_with("x-amz-") {
            continue;
        }
        if auth != Auth::Query {
            let message = "A query parameter that begins with x-amz- belongs to presigned requests only.";
            return Err(Fault::argument("hoisted-without-presigning", message, name, None));
        }
        if !is_ignored_in_query(&lower) {
            check_hoisted(head, &lower, &parameter.value)?;
        }
    }
    Ok(())
}

fn check_hoisted(head: &Head<'_>, lower: &str, value: &[u8]) -> Result<(), Fault> {
    if head.all(lower).all(|line| super::head::trim(line) == value) {
        return Ok(());
    }
    let message = "The request has this header and a query parameter of the same name with another value.";
    Err(Fault::argument("hoisted-twice", message, lower, None))
}

/// Parameters of a presigned request that are no headers.
fn is_ignored_in_query(lower: &str) -> bool {
    QUERY_AUTHENTICATION.contains(&lower)
        || matches!(lower, "x-amz-content-sha256" | "x-amz-sdk-checksum-algorithm")
        || is_checksum_value(lower.as_bytes())
}

/// `x-amz-checksum-crc32` and its like, which carry a value; of algorithms that there are.
fn is_checksum_value(lower: &[u8]) -> bool {
    let carries = |lower: &[u8]| std::str::from_utf8(lower).ok().and_then(Algorithm::of_header).is_some();
    lower.starts_with(b"x-amz-checksum-") && carries(lower)
}

/// Whether a header takes one value, on one line.
fn is_single(lower: &[u8]) -> bool {
    let amz = lower.starts_with(b"x-amz-") && !lower.starts_with(b"x-amz-meta-") && !among(&LISTS, lower);
    amz || among(&SINGLE, lower)
}

fn among(names: &[&str], lower: &[u8]) -> bool {
    names.iter().any(|name| name.as_bytes() == lower)
}

/// A header's name for an error.
fn shown(lower: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(lower)
}

fn header_twice(lower: &[u8]) -> Fault {
    Fault::argument("header-twice", "This header takes one value.", shown(lower), None)
}

fn misplaced_copy_source(value: &[u8]) -> Fault {
    let value = std::str::from_utf8(value).ok().filter(|value| !value.is_empty()).map(str::to_owned);
    Fault::argument(
        "misplaced-copy-source",
        "You can only specify a copy source header for copy requests.",
        "x-amz-copy-source",
        value,
    )
}

/// Whether a header says how something new is encrypted.
fn is_of_encryption(name: &[u8]) -> bool {
    let of_encryption = [encryption::KIND, encryption::KEY_ID, encryption::CONTEXT, encryption::BUCKET_KEY];
    of_encryption.iter().any(|known| known.as_str().as_bytes() == name)
}

fn unknown_header(name: &[u8]) -> Fault {
    if is_of_encryption(name) {
        let message = format!("{} header is not supported for this operation.", shown(name));
        return Fault::argument("sse-misplaced", message, shown(name), None);
    }
    let (name, message) = (shown(name), "A header you provided implies functionality that is not implemented");
    Fault::new(Code::NotImplemented, "unknown-header", message).with("Header", name.clone()).detail(name)
}

fn unknown_parameter(name: &str) -> Fault {
    Fault::new(
        Code::NotImplemented,
        "unknown-parameter",
        "A parameter you provided implies functionality that is not implemented",
    )
    .with("ParameterName", name)
    .detail(name)
}

fn part_number(message: &'static str) -> Fault {
    Fault::argument("part-number", message, "partNumber", None)
}

fn not_allowed(level: Level, method: &[u8], reason: &'static str, allow: &str) -> Fault {
    Fault::plain(Code::MethodNotAllowed, reason)
        .with("Method", String::from_utf8_lossy(method))
        .with("ResourceType", level.resource_type())
        .header("allow", allow)
}

impl Routed {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the body is a document that is read before the request goes on.
    pub fn has_document(&self) -> bool {
        self.operation.spec().body.is_document()
            || matches!(self.operation.spec().body, BodyKind::Blob) && !self.operation.spec().streaming
    }
}
