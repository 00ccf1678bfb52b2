//! Errors in the token service's own envelope and words (spec/errors.md 4).

use std::borrow::Cow;

use super::NAMESPACE;
use crate::s3::xml::Writer;
use crate::s3::{Code, Fault};

/// A fault as this service says it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Said {
    /// The code.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The sentence; never empty.
    pub message: Cow<'static, str>,
}

/// What is said of a fault here. Verification speaks in the words of S3, and some mean other codes here.
pub fn said(fault: &Fault) -> Said {
    let own = |code: &'static str, status: u16, message: &'static str| Said { code, status, message: message.into() };
    let same = |code: &'static str, status: u16| Said { code, status, message: fault.message().to_owned().into() };
    match (fault.code(), fault.reason()) {
        (Code::InvalidAccessKeyId | Code::InvalidToken, _) => {
            own("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
        }
        (Code::ExpiredToken, _) => own("ExpiredToken", 403, "The security token included in the request is expired"),
        (Code::SignatureDoesNotMatch, _) => own(
            "SignatureDoesNotMatch",
            403,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        ),
        (Code::RequestTimeTooSkewed, _) => own(
            "SignatureDoesNotMatch",
            403,
            "Signature expired or not yet current: look at the clock of this machine.",
        ),
        (Code::AuthorizationHeaderMalformed, "region") => {
            own("SignatureDoesNotMatch", 403, "Credential should be scoped to a valid region.")
        }
        (Code::AuthorizationHeaderMalformed, "service") => {
            own("SignatureDoesNotMatch", 403, "Credential should be scoped to correct service: 'sts'.")
        }
        (Code::AuthorizationHeaderMalformed, "terminator" | "credential-date") => own(
            "SignatureDoesNotMatch",
            403,
            "Credential should be scoped with a valid terminator and the date of the request.",
        ),
        (Code::AuthorizationHeaderMalformed | Code::InvalidArgument, _) | (Code::AccessDenied, "no-date") => {
            same("IncompleteSignature", 400)
        }
        (Code::InvalidRequest, "signature-version-2") => same("IncompleteSignature", 400),
        (Code::AccessDenied, "headers-not-signed") => same("SignatureDoesNotMatch", 403),
        (Code::SlowDown, _) => own("Throttling", 400, "Rate exceeded"),
        (Code::InternalError, _) => {
            own("InternalFailure", 500, "The request processing has failed because of an unknown error.")
        }
        (Code::MaxMessageLengthExceeded | Code::EntityTooLarge, _) => {
            own("ValidationError", 400, "The body of a request has at most 64 KiB.")
        }
        (code, _) => same(code.as_str(), code.status()),
    }
}

/// The document of an error.
pub fn error_document(said: &Said, request_id: &str) -> Vec<u8> {
    let mut xml = Writer::document();
    xml.open_in("ErrorResponse", NAMESPACE);
    xml.open("Error");
    xml.element("Type", if said.status >= 500 { "Receiver" } else { "Sender" });
    xml.element("Code", said.code);
    xml.element("Message", &said.message);
    xml.close("Error");
    xml.element("RequestId", request_id);
    xml.close("ErrorResponse");
    xml.finish()
}
