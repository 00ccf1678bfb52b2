//! Error documents of a store: read with bounds, written anew with the proxy's own ids.

use crate::id::RequestId;
use crate::s3::{Code, fault, xml};

/// Elements kept of an error document; S3 sends fewer than ten.
const ELEMENTS: usize = 32;

/// Codes that speak of the proxy's own identity towards the store; a client would blame its own.
const OWN_IDENTITY: [&str; 8] = [
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "MissingSecurityHeader",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "XAmzContentSHA256Mismatch",
];

/// Codes that send whoever asks to another endpoint; a client that went there would go round the proxy.
const ELSEWHERE: [&str; 3] = ["PermanentRedirect", "Redirect", "TemporaryRedirect"];

/// An error as the store told it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoreError {
    /// `Code`
    pub code: String,
    message: String,
    elements: Vec<(String, String)>,
}

impl StoreError {
    /// Reads an `Error` document; nothing if it is not one. What is nested deeper falls away.
    pub fn parse(document: &[u8]) -> Option<Self> {
        let root = xml::Element::parse(document, "Error").ok()?;
        Self::from_fields(root.children.into_iter().take(ELEMENTS).map(|child| (child.name, child.text)).collect())
    }

    fn from_fields(fields: Vec<(String, String)>) -> Option<Self> {
        let (mut code, mut message, mut elements) = (None, None, Vec::new());
        for (name, text) in fields {
            match name.as_str() {
                "Code" => code = Some(text),
                "Message" => message = Some(text),
                "RequestId" | "HostId" => {}
                _ => elements.push((name, text)),
            }
        }
        let code = code.filter(|code| !code.is_empty())?;
        // Some stores leave the message empty, which crashes clients.
        let message = message.filter(|message| !message.trim().is_empty()).unwrap_or_else(|| code.clone());
        Some(Self { code, message, elements })
    }

    /// What it says.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is about the proxy: its identity towards the store, or the endpoint that it asks. No client can
    /// do anything about that.
    pub fn is_of_proxy(&self) -> bool {
        OWN_IDENTITY.iter().chain(&ELSEWHERE).any(|code| *code == self.code)
    }

    /// The same about the same thing, in other words.
    #[must_use]
    pub fn saying(self, code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), ..self }
    }

    /// What a client hears of what is none of its business.
    fn internal() -> Self {
        let code = Code::InternalError;
        Self { code: code.as_str().to_owned(), message: code.message().to_owned(), elements: Vec::new() }
    }

    /// What a status without a document most likely means.
    pub fn from_status(status: u16) -> Self {
        let (code, message) = match status {
            400 => ("InvalidRequest", "The store refused the request without a reason."),
            403 => ("AccessDenied", "Access Denied"),
            404 => ("NoSuchKey", "The specified key does not exist."),
            405 => ("MethodNotAllowed", "The specified method is not allowed against this resource."),
            409 => ("OperationAborted", "A conflicting operation is in progress."),
            411 => ("MissingContentLength", "You must provide the Content-Length HTTP header."),
            412 => ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
            416 => ("InvalidRange", "The requested range is not satisfiable"),
            _ => ("InvalidRequest", "The store refused the request without a reason."),
        };
        Self { code: code.to_owned(), message: message.to_owned(), elements: Vec::new() }
    }

    /// The same, with what the client calls a bucket in the place of its name, and no path to it.
    #[must_use]
    pub fn calling(mut self, called: &[(String, String)]) -> Self {
        self.elements.retain(|(name, _)| called.is_empty() || name != "Resource");
        for (_, text) in self.elements.iter_mut().filter(|(name, _)| matches!(name.as_str(), "Bucket" | "BucketName")) {
            fault::call(text, called);
        }
        self
    }

    /// The document for the client, with the proxy's ids.
    pub fn render(&self, id: &RequestId) -> Vec<u8> {
        let mut writer = xml::Writer::document();
        writer.open("Error");
        writer.element("Code", &self.code);
        writer.element("Message", &self.message);
        for (name, text) in &self.elements {
            writer.element(name, text);
        }
        writer.element("RequestId", id.as_str());
        writer.element("HostId", id.host_id());
        writer.close("Error");
        writer.finish()
    }
}

/// What follows the early `200` of a copy or a completion: the result, with these elements as the client is
/// to see them, or an error with the proxy's ids (spec/errors.md 3).
pub fn rewrite_late(
    document: &[u8],
    id: &RequestId,
    told: &[(&str, Option<&str>)],
    called: &[(String, String)],
) -> (Vec<u8>, Option<StoreError>) {
    if let Some(error) = StoreError::parse(document).map(|error| error.calling(called)) {
        let error = if error.is_of_proxy() {
            tracing::error!(id = id.as_str(), code = error.code, "after its 200, the store answered the proxy itself");
            StoreError::internal()
        } else {
            error
        };
        let rendered = error.render(id);
        // The declaration has been sent already.
        let at = memchr::memmem::find(&rendered, b"<Error>").unwrap_or_default();
        return (rendered.get(at..).unwrap_or_default().to_vec(), Some(error));
    }
    let mut out = document.to_vec();
    for (name, text) in told {
        if let Some(text) = text {
            out = xml::with_text(out, name, text);
        }
    }
    (out, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> RequestId {
        RequestId::from_random(&[7; 34])
    }

    #[test]
    fn an_empty_message_of_the_store_never_reaches_the_client() {
        let error = StoreError::parse(b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message></Message><Key>a&amp;b</Key><RequestId>theirs</RequestId></Error>").unwrap();
        let text = String::from_utf8(error.render(&id())).unwrap();
        assert!(
            text.contains("<Message>NoSuchKey</Message><Key>a&amp;b</Key><RequestId>7777777777777777</RequestId>"),
            "{text}"
        );
        assert!(!text.contains("theirs"));
    }

    #[test]
    fn only_error_documents_are_errors() {
        assert_eq!(StoreError::parse(b"<html><body>no</body></html>"), None);
        assert_eq!(StoreError::parse(b"<Error><Message>no code</Message></Error>"), None);
        assert_eq!(StoreError::parse(b"<!DOCTYPE x><Error><Code>A</Code></Error>"), None);
        assert_eq!(StoreError::parse(b"<Error><Code>A"), None);
    }

    #[test]
    fn an_error_about_the_proxy_is_not_told_behind_an_early_200_either() {
        for code in ["InvalidAccessKeyId", "PermanentRedirect"] {
            let told = format!("<Error><Code>{code}</Code><Message>m</Message><Endpoint>e.example</Endpoint></Error>");
            let (out, error) = rewrite_late(told.as_bytes(), &id(), &[], &[]);
            let text = String::from_utf8(out).unwrap();
            assert!(text.starts_with("<Error><Code>InternalError</Code><Message>We encountered"), "{text}");
            assert!(!text.contains("e.example"), "{text}");
            assert_eq!(error.unwrap().code, "InternalError");
        }
    }

    #[test]
    fn the_location_of_a_completion_names_the_proxy() {
        let (out, error) = rewrite_late(
            b"<R><Location>http://minio:9000/b/k</Location><Key>k</Key></R>",
            &id(),
            &[("Location", Some("https://proxy/b/k&l")), ("Bucket", None)],
            &[],
        );
        assert_eq!(out, b"<R><Location>https://proxy/b/k&amp;l</Location><Key>k</Key></R>");
        assert_eq!(error, None);
    }

    #[test]
    fn an_error_calls_a_bucket_what_the_client_calls_it() {
        let told =
            b"<Error><Code>NoSuchBucket</Code><BucketName>b</BucketName><Key>b</Key><Resource>/b/k</Resource></Error>";
        let (out, _) = rewrite_late(told, &id(), &[], &[("b".to_owned(), "door".to_owned())]);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("<BucketName>door</BucketName><Key>b</Key><RequestId>"), "{text}");
        let (out, _) = rewrite_late(told, &id(), &[], &[]);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("<BucketName>b</BucketName><Key>b</Key><Resource>/b/k</Resource>"), "{text}");
    }
}
