//! How far looking at an object went (spec/detection.md 9.6).

/// How far it went. What was skipped or seen in part is never clean.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Status {
    /// To its end.
    #[default]
    Complete,
    /// Not all of it was looked at, or not as what it is.
    Partial(Reason),
    /// Nothing of it was.
    Skipped(Reason),
}

/// Why not to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It looks as if it were encrypted or compressed in a way that is not opened.
    EncryptedOrCompressed,
    /// Opened, it is too long, or too much longer than it was.
    ExpansionLimit,
    /// It is not what it says it is; the rest was taken as text.
    Malformed,
    /// Only a part of the object was to be looked at.
    Sampled,
    /// It is longer than what is looked at.
    SizeLimit,
    /// It is no text.
    UnsupportedType,
}

impl Status {
    /// The code and the reason, as findings have them.
    pub const fn code(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Complete => ("COMPLETE", None),
            Self::Partial(reason) => ("PARTIAL", Some(reason.as_str())),
            Self::Skipped(reason) => ("SKIPPED", Some(reason.as_str())),
        }
    }
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::EncryptedOrCompressed => "ENCRYPTED_OR_COMPRESSED",
            Self::ExpansionLimit => "EXPANSION_LIMIT",
            Self::Malformed => "MALFORMED",
            Self::Sampled => "SAMPLED",
            Self::SizeLimit => "SIZE_LIMIT",
            Self::UnsupportedType => "UNSUPPORTED_TYPE",
        }
    }
}
