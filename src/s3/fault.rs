//! What is wrong with a request: the answer for the caller and the detail for the operator.

use std::borrow::Cow;

use super::Code;

/// A request's fault: one S3 error answer (spec/errors.md), a label for metrics and records, and a
/// private detail that never leaves the machine.
///
/// Invariants:
/// - the public message is never empty;
/// - `reason` is a short constant, so label sets stay closed;
/// - no secret, token or full signature in any field.
#[derive(Clone, Debug)]
pub struct Fault {
    code: Code,
    reason: &'static str,
    message: Cow<'static, str>,
    elements: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    detail: Option<Box<str>>,
    status: Option<u16>,
    of_control: bool,
}

impl Fault {
    /// A fault with its own public sentence. `reason` names the cause in kebab-case: `unknown-key`.
    pub fn new(code: Code, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        debug_assert!(!message.is_empty(), "an empty message crashes clients");
        let (elements, headers) = (Vec::new(), Vec::new());
        Self { code, reason, message, elements, headers, detail: None, status: None, of_control: false }
    }

    /// A fault that says what S3 says by default for the code.
    pub fn plain(code: Code, reason: &'static str) -> Self {
        Self::new(code, reason, code.message())
    }

    /// `InvalidArgument` naming the argument; the value only where it may be echoed.
    pub fn argument(
        reason: &'static str,
        message: impl Into<Cow<'static, str>>,
        name: impl Into<String>,
        value: Option<String>,
    ) -> Self {
        let fault = Self::new(Code::InvalidArgument, reason, message).with("ArgumentName", name);
        match value {
            Some(value) => fault.with("ArgumentValue", value),
            None => fault,
        }
    }

    /// Adds an element after `Message`, in order.
    #[must_use]
    pub fn with(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.elements.push((element, text.into()));
        self
    }

    /// The same, with what the client calls a bucket in the place of its name.
    #[must_use]
    pub fn calling(mut self, called: &[(String, String)]) -> Self {
        for (_, text) in self.elements.iter_mut().filter(|(name, _)| *name == "BucketName") {
            call(text, called);
        }
        self
    }

    /// Adds a header to the answer, `Allow` or `x-amz-bucket-region` for instance.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Answers with another status than the code's.
    #[must_use]
    pub fn told_as(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Is told as S3 Control tells its faults, because the request was for that.
    #[must_use]
    pub fn of_control(mut self) -> Self {
        self.of_control = true;
        self
    }

    /// Adds what only the operator may read.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into_boxed_str());
        self
    }

    /// The S3 error code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status.unwrap_or_else(|| self.code.status())
    }

    /// Whether S3 Control was asked.
    pub fn is_of_control(&self) -> bool {
        self.of_control
    }

    /// The cause, from a closed set of constants.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The public sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The elements between `Message` and `RequestId`.
    pub fn elements(&self) -> &[(&'static str, String)] {
        &self.elements
    }

    /// Headers that the answer carries because of this fault.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// What the operator is told on top.
    pub fn private_detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Fault {}
/// Puts what the client calls a bucket in the place of its name, where it calls it otherwise.
pub fn call(bucket: &mut String, called: &[(String, String)]) {
    if let Some((_, shown)) = called.iter().find(|(name, _)| name == bucket) {
        bucket.clone_from(shown);
    }
}
