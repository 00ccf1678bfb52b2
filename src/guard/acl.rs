//! Access control lists under BucketOwnerEnforced, the one Object Ownership there is here
//! (spec/policy-evaluation.md 9): nothing is granted by a list, and a request that would grant something is
//! refused, well-formed or not.

use http::HeaderMap;

use crate::s3::route::Routed;
use crate::s3::xml::Element;
use crate::s3::{Code, Fault, Operation};

/// Lists by name. Which of them an object or a bucket may have is of no account here: one is allowed.
const CANNED: [&str; 8] = [
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-full-control",
    "bucket-owner-read",
    "log-delivery-write",
    "private",
    "public-read",
    "public-read-write",
];

/// Headers that grant, with what they grant.
const GRANTS: [(&str, &str); 5] = [
    ("x-amz-grant-full-control", "FULL_CONTROL"),
    ("x-amz-grant-read", "READ"),
    ("x-amz-grant-read-acp", "READ_ACP"),
    ("x-amz-grant-write", "WRITE"),
    ("x-amz-grant-write-acp", "WRITE_ACP"),
];

const GROUPS: [&str; 3] = [
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    "http://acs.amazonaws.com/groups/s3/LogDelivery",
];

/// The most grants of a list.
const MOST_GRANTS: usize = 100;

/// What a list comes to where nothing but the owner's full control is allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wish {
    /// A list that says what is so anyway.
    Owner,
    /// `private`: nothing for anybody else, but not in the words that S3 takes.
    Private,
    /// Something for somebody.
    Other,
}

/// Whether a request says something of access control lists, or of who owns objects.
pub fn speaks_of_lists(routed: &Routed) -> bool {
    let named = |name: &str| name == "x-amz-acl" || name.starts_with("x-amz-grant-");
    matches!(routed.operation, Operation::CreateBucket | Operation::PutBucketAcl | Operation::PutObjectAcl)
        || routed.headers.keys().any(|name| named(name.as_str()))
}

/// Checks what a request says of access control lists. `owner` is the canonical id of the account that
/// owns the bucket; `document` the body of PutBucketAcl and PutObjectAcl.
///
/// # Errors
/// What is not well-formed; then `AccessControlListNotSupported`, for a new bucket
/// `InvalidBucketAclWithObjectOwnership`; `NotImplemented` for another Object Ownership.
pub fn check_acl(routed: &Routed, owner: &str, document: &[u8]) -> Result<(), Fault> {
    let headers = &routed.headers;
    let wish = match routed.operation {
        Operation::PutBucketAcl | Operation::PutObjectAcl => Some(of_request(headers, document, owner)?),
        Operation::CopyObject
        | Operation::CreateBucket
        | Operation::CreateMultipartUpload
        | Operation::PostObject
        | Operation::PutObject => of_headers(headers, owner)?,
        _ => None,
    };
    let creates = routed.operation == Operation::CreateBucket;
    if creates {
        check_ownership(headers.get("x-amz-object-ownership").map(|value| value.as_bytes()))?;
    }
    match wish {
        None | Some(Wish::Owner) => Ok(()),
        Some(Wish::Private) if creates => Ok(()),
        Some(_) if creates => {
            let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
            Err(Fault::new(Code::InvalidBucketAclWithObjectOwnership, "acl-on-create", message))
        }
        Some(_) => Err(Fault::plain(Code::AccessControlListNotSupported, "acl")),
    }
}

/// Whether an Object Ownership is the one there is.
///
/// # Errors
/// `InvalidArgument` for what is none; `NotImplemented` for the other two.
pub fn check_ownership(ownership: Option<&[u8]>) -> Result<(), Fault> {
    match ownership {
        None | Some(b"BucketOwnerEnforced") => Ok(()),
        Some(b"BucketOwnerPreferred" | b"ObjectWriter") => {
            let message = "Only BucketOwnerEnforced is available here: no access control lists are kept.";
            Err(Fault::new(Code::NotImplemented, "ownership", message))
        }
        Some(_) => {
            let message = "Invalid x-amz-object-ownership header";
            Err(Fault::argument("ownership", message, "x-amz-object-ownership", None))
        }
    }
}

/// Exactly one list: by name, by headers, or as a document.
fn of_request(headers: &HeaderMap, document: &[u8], owner: &str) -> Result<Wish, Fault> {
    match (of_headers(headers, owner)?, document.is_empty()) {
        (Some(wish), true) => Ok(wish),
        (None, false) => of_document(document, owner),
        (Some(_), false) => {
            let message = "This request does not support content";
            Err(Fault::new(Code::UnexpectedContent, "acl-twice", message))
        }
        (None, true) => {
            let fault = Fault::plain(Code::MissingSecurityHeader, "acl-missing");
            Err(fault.with("MissingHeaderName", "x-amz-acl"))
        }
    }
}

fn of_headers(headers: &HeaderMap, owner: &str) -> Result<Option<Wish>, Fault> {
    let mut grants = Vec::new();
    for (name, permission) in GRANTS {
        for value in headers.get_all(name) {
            let bad = || Fault::argument("grant", "Argument format not recognized", name, None);
            let text = value.to_str().map_err(|_| bad())?;
            for grantee in text.split(',') {
                let (kind, value) = grantee.split_once('=').ok_or_else(bad)?;
                grants.push((grantee_id(kind.trim(), value.trim().trim_matches('"'), name)?, permission));
            }
        }
    }
    if grants.len() > MOST_GRANTS {
        return Err(malformed());
    }
    let Some(canned) = headers.get("x-amz-acl") else {
        return Ok((!grants.is_empty()).then(|| of_grants(&grants, owner)));
    };
    if !grants.is_empty() {
        let message = "Specifying both Canned ACLs and Header Grants is not allowed";
        return Err(Fault::new(Code::InvalidRequest, "acl-twice", message));
    }
    match canned.to_str().unwrap_or_default() {
        "bucket-owner-full-control" => Ok(Some(Wish::Owner)),
        "private" => Ok(Some(Wish::Private)),
        known if CANNED.contains(&known) => Ok(Some(Wish::Other)),
        other => Err(Fault::argument("canned-acl", "Invalid canned ACL", "x-amz-acl", Some(other.to_owned()))),
    }
}

/// Whom a grant is for: the id of an account, or the address of a group.
fn grantee_id<'v>(kind: &str, value: &'v str, name: &'static str) -> Result<&'v str, Fault> {
    match kind {
        "id" if value.len() == 64 && value.bytes().all(|digit| digit.is_ascii_hexdigit()) => Ok(value),
        "id" => Err(Fault::argument("grant-id", "Invalid id", "CanonicalUser/ID", Some(value.to_owned()))),
        "uri" if GROUPS.contains(&value) => Ok(value),
        "uri" => Err(Fault::argument("grant-group", "Invalid group uri", "Group/URI", Some(value.to_owned()))),
        "emailAddress" => Err(Fault::plain(Code::MethodNotAllowed, "grant-email")),
        _ => Err(Fault::argument("grant", "Argument format not recognized", name, None)),
    }
}

fn of_grants(grants: &[(&str, &str)], owner: &str) -> Wish {
    match grants {
        [(id, "FULL_CONTROL")] if *id == owner => Wish::Owner,
        _ => Wish::Other,
    }
}

fn malformed() -> Fault {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    Fault::new(Code::MalformedACLError, "acl-document", message)
}

fn of_document(document: &[u8], owner: &str) -> Result<Wish, Fault> {
    let root = Element::parse(document, "AccessControlPolicy").map_err(|_| malformed())?;
    root.only(&["AccessControlList", "Owner"]).map_err(|_| malformed())?;
    let list = root.child("AccessControlList").map_err(|_| malformed())?.ok_or_else(malformed)?;
    list.only(&["Grant"]).map_err(|_| malformed())?;
    if list.children.len() > MOST_GRANTS {
        return Err(malformed());
    }
    let mut grants = Vec::with_capacity(list.children.len());
    for grant in &list.children {
        let permission = grant.text_of("Permission").map_err(|_| malformed())?.ok_or_else(malformed)?;
        let permission = GRANTS.iter().find(|(_, known)| *known == permission).ok_or_else(malformed)?.1;
        let grantee = grant.child("Grantee").map_err(|_| malformed())?.ok_or_else(malformed)?;
        let text = |name| grantee.text_of(name).map_err(|_| malformed());
        let id = match (text("ID")?, text("URI")?, text("EmailAddress")?) {
            (Some(id), None, None) => grantee_id("id", id, "Grantee")?,
            (None, Some(uri), None) => grantee_id("uri", uri, "Grantee")?,
            (None, None, Some(mail)) => grantee_id("emailAddress", mail, "Grantee")?,
            _ => return Err(malformed()),
        };
        grants.push((id, permission));
    }
    Ok(of_grants(&grants, owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[track_caller]
    fn check(operation: Operation, headers: &[(&'static str, &str)], document: &str, expected: Result<(), Code>) {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap()));
        let routed = Routed {
            operation,
            bucket: Some("b".to_owned()),
            key: None,
            parameters: Vec::new(),
            headers: headers.collect(),
            copy_source: None,
            account: None,
            point: None,
            through: None,
        };
        let answer = check_acl(&routed, OWNER, document.as_bytes()).map_err(|fault| fault.code());
        assert_eq!(answer, expected, "{operation:?}");
    }

    fn list(grantee: &str, permission: &str) -> String {
        format!(
            "<AccessControlPolicy><Owner><ID>{OWNER}</ID></Owner><AccessControlList><Grant><Grantee>{grantee}</Grantee>\
             <Permission>{permission}</Permission></Grant></AccessControlList></AccessControlPolicy>"
        )
    }

    #[test]
    fn nothing_but_the_owners_full_control_is_written() {
        use Operation::{CreateBucket, PutBucketAcl, PutObject, PutObjectAcl};
        let refused = Err(Code::AccessControlListNotSupported);
        check(PutObject, &[], "", Ok(()));
        check(PutObject, &[("x-amz-acl", "bucket-owner-full-control")], "", Ok(()));
        check(PutObject, &[("x-amz-grant-full-control", &format!("id=\"{OWNER}\""))], "", Ok(()));
        for canned in ["private", "public-read", "public-read-write", "authenticated-read", "bucket-owner-read"] {
            check(PutObject, &[("x-amz-acl", canned)], "", refused);
            check(PutObjectAcl, &[("x-amz-acl", canned)], "", refused);
        }
        check(PutObject, &[("x-amz-grant-read", &format!("id={OWNER}"))], "", refused);
        let everyone = format!("uri=\"{}\"", GROUPS[0]);
        check(PutObject, &[("x-amz-grant-read", &everyone)], "", refused);
        check(PutBucketAcl, &[], &list(&format!("<ID>{OWNER}</ID>"), "FULL_CONTROL"), Ok(()));
        check(PutBucketAcl, &[], &list(&format!("<ID>{OWNER}</ID>"), "READ"), refused);
        check(PutBucketAcl, &[], &list(&format!("<URI>{}</URI>", GROUPS[0]), "READ"), refused);
        check(CreateBucket, &[("x-amz-acl", "private")], "", Ok(()));
        let refused = Err(Code::InvalidBucketAclWithObjectOwnership);
        check(CreateBucket, &[("x-amz-acl", "public-read")], "", refused);
        check(CreateBucket, &[("x-amz-object-ownership", "ObjectWriter")], "", Err(Code::NotImplemented));
    }

    #[test]
    fn what_is_not_well_formed_is_said_first() {
        use Operation::{PutBucketAcl, PutObject};
        let argument = Err(Code::InvalidArgument);
        check(PutObject, &[("x-amz-acl", "open")], "", argument);
        check(PutObject, &[("x-amz-grant-read", "everyone")], "", argument);
        check(PutObject, &[("x-amz-grant-read", "id=1")], "", argument);
        check(PutObject, &[("x-amz-grant-read", "uri=http://x")], "", argument);
        check(PutObject, &[("x-amz-grant-read", "emailAddress=a@b.c")], "", Err(Code::MethodNotAllowed));
        let both = [("x-amz-acl", "private"), ("x-amz-grant-read", OWNER)];
        check(PutObject, &both, "", argument);
        let id = format!("id={OWNER}");
        check(PutObject, &[("x-amz-acl", "private"), ("x-amz-grant-read", &id)], "", Err(Code::InvalidRequest));
        let many = |count| vec![format!("id={OWNER}"); count].join(",");
        let refused = Err(Code::AccessControlListNotSupported);
        check(PutObject, &[("x-amz-grant-read", &many(100))], "", refused);
        check(PutObject, &[("x-amz-grant-read", &many(101))], "", Err(Code::MalformedACLError));
        let halves = [("x-amz-grant-read", &*many(51)), ("x-amz-grant-write-acp", &*many(50))];
        check(PutObject, &halves, "", Err(Code::MalformedACLError));
        check(PutBucketAcl, &[], "", Err(Code::MissingSecurityHeader));
        check(PutBucketAcl, &[("x-amz-acl", "private")], &list("<ID>1</ID>", "READ"), Err(Code::UnexpectedContent));
        check(PutBucketAcl, &[], "<AccessControlPolicy/>", Err(Code::MalformedACLError));
        check(PutBucketAcl, &[], &list("<ID>1</ID>", "ALL"), Err(Code::MalformedACLError));
    }
}
