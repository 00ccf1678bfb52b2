//! What is wrong with a document: where, what, and what to write instead.

use std::borrow::Cow;

use super::document::Span;

/// Something that a document breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The rule.
    pub rule: Rule,
    /// Whether the document can be used all the same. PutBucketPolicy has its own view of that.
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// What S3 names in its message: a field, an effect, an operator.
    subject: String,
    /// What S3 puts into the element `Detail`.
    detail: Option<String>,
}

/// How bad a problem is for a document that is loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// The document is refused.
    Error,
    /// It means something, but hardly what its author wanted.
    Warning,
}

/// The rules, in the order in which S3 checks them (spec/policy-language.md 8).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rule {
    /// The first octet is `{`.
    FirstByte,
    /// JSON, and no name twice in one object.
    Json,
    /// Not too large.
    Size,
    /// Every element is known.
    UnknownField,
    /// A known version.
    Version,
    /// `Statement` is there.
    NoStatement,
    /// A statement is there.
    EmptyStatement,
    /// What every statement must have.
    Missing,
    /// `Allow` or `Deny`.
    Effect,
    /// Not both forms of an element; elements of the right type.
    Syntax,
    /// `*`, or an object of known types with at least one entry.
    PrincipalSyntax,
    /// Actions and resources are texts, at least one.
    ListSyntax,
    /// `NotPrincipal` goes with `Deny` only.
    NotPrincipalAllow,
    /// Principals are well-formed and exist.
    Principal,
    /// Every entry matches an action of S3.
    Action,
    /// Every resource is the bucket or in it.
    Resource,
    /// Every action applies to a resource of its statement.
    ActionResource,
    /// Operators are known.
    Operator,
    /// Keys are known.
    Key,
    /// An action of the statement carries the key.
    KeyAction,
    /// Operands are texts, numbers or booleans, at least one.
    OperandSyntax,
    /// Operands of address operators are addresses or blocks.
    Address,
    /// Operands of `BinaryEquals` are base64.
    Base64,
    /// Other operands are of the operator's type. S3 accepts what is not; it matches nothing.
    Operand,
    /// Variables stand where they count, and `${` is closed. S3 accepts what is not; it is literal text.
    Variable,
    /// A multi-valued key has a quantifier. S3 accepts what has none; the clause is false.
    Quantifier,
    /// Every statement can decide something. S3 accepts those that cannot.
    Unreachable,
}

impl Problem {
    /// A problem for which a document is refused.
    pub(super) fn error(rule: Rule, span: Span, message: impl Into<String>) -> Self {
        let (subject, message) = (String::new(), message.into());
        Self { rule, severity: Severity::Error, span, message, help: None, subject, detail: None }
    }

    /// A problem that a loaded document may have.
    pub fn warning(rule: Rule, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(rule, span, message) }
    }

    /// The same as a warning.
    #[must_use]
    pub(super) fn lenient(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// The same as one for which a document is refused.
    #[must_use]
    pub fn strict(self) -> Self {
        Self { severity: Severity::Error, ..self }
    }

    /// Says what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names what S3's message names.
    #[must_use]
    pub(super) fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Sets what S3 puts into `Detail`.
    #[must_use]
    pub(super) fn detailed(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What S3 puts into the element `Detail`.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// S3's sentence; `None` where S3 accepts the document.
    pub fn sentence(&self) -> Option<Cow<'static, str>> {
        Some(match self.rule {
            Rule::FirstByte => "Policies must be valid JSON and the first byte must be '{'".into(),
            Rule::Json => "This policy contains invalid Json".into(),
            Rule::Size => "Normalized policy document exceeds the maximum allowed size of 20480 bytes".into(),
            Rule::UnknownField => format!("Unknown field {}", self.subject).into(),
            Rule::Version => "The policy must contain a valid version string".into(),
            Rule::NoStatement => "Missing required field Statement".into(),
            Rule::EmptyStatement => "Could not parse the policy: Statement is empty!".into(),
            Rule::Missing => format!("Missing required field {}", self.subject).into(),
            Rule::Effect => format!("Invalid effect: {}", self.subject).into(),
            Rule::Syntax | Rule::PrincipalSyntax | Rule::ListSyntax | Rule::NotPrincipalAllow | Rule::OperandSyntax => {
                "Invalid policy syntax.".into()
            }
            Rule::Principal => "Invalid principal in policy".into(),
            Rule::Action => "Policy has invalid action".into(),
            Rule::Resource => "Policy has invalid resource".into(),
            Rule::ActionResource => "Action does not apply to any resource(s) in statement".into(),
            Rule::Operator => format!("Invalid Condition type : {}", self.subject).into(),
            Rule::Key => "Policy has an invalid condition key".into(),
            Rule::KeyAction => "Conditions do not apply to combination of actions and resources in statement".into(),
            Rule::Address => "Invalid IP address in Conditions".into(),
            Rule::Base64 => "Invalid Base64 value for binary condition".into(),
            Rule::Operand | Rule::Variable | Rule::Quantifier | Rule::Unreachable => return None,
        })
    }
}

impl Rule {
    /// A constant for records and metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::FirstByte => "policy-first-byte",
            Self::Json => "policy-json",
            Self::Size => "policy-size",
            Self::UnknownField => "policy-unknown-field",
            Self::Version => "policy-version",
            Self::NoStatement | Self::EmptyStatement => "policy-no-statement",
            Self::Missing => "policy-missing-field",
            Self::Effect => "policy-effect",
            Self::Syntax | Self::ListSyntax => "policy-syntax",
            Self::PrincipalSyntax | Self::Principal => "policy-principal",
            Self::NotPrincipalAllow => "policy-not-principal",
            Self::Action => "policy-action",
            Self::Resource => "policy-resource",
            Self::ActionResource => "policy-action-resource",
            Self::Operator => "policy-operator",
            Self::Key | Self::KeyAction => "policy-condition-key",
            Self::OperandSyntax | Self::Address | Self::Base64 | Self::Operand => "policy-operand",
            Self::Variable => "policy-variable",
            Self::Quantifier => "policy-quantifier",
            Self::Unreachable => "policy-unreachable",
        }
    }
}
