//! The operations of S3 and what belongs to each.

#[cfg(test)]
mod examples;
mod table;

pub use table::Operation;
use table::{SPECS, SUBRESOURCES};

#[cfg(test)]
pub(crate) use examples::EXAMPLES;

/// What the reference says of one operation (spec/s3-operations.md).
#[derive(Debug)]
pub struct Spec {
    /// Its name, as in SDKs.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// What it applies to.
    pub level: Level,
    /// The query name that selects it.
    pub subresource: Option<&'static str>,
    /// A second query name that tells it from its neighbour: `id`, `annotationName`, `partNumber`.
    pub selector: Option<&'static str>,
    /// Every query parameter it knows, sorted, the selecting ones included.
    pub query: &'static [&'static str],
    /// Every header it knows, lower-case and sorted.
    pub headers: &'static [&'static str],
    /// Takes `x-amz-meta-*`.
    pub metadata: bool,
    /// What its body is.
    pub body: BodyKind,
    /// Must carry `Content-MD5` or a checksum.
    pub checksum_required: bool,
    /// Takes aws-chunked bodies.
    pub streaming: bool,
    /// Headers of its answer, lower-case and sorted.
    pub response_headers: &'static [&'static str],
    /// Why it is refused whoever asks.
    pub refused: Option<&'static str>,
}

/// What an operation applies to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// A bucket.
    Bucket,
    /// An object.
    Object,
    /// Anything, or something that is not served.
    Other,
    /// The account's buckets.
    Service,
}

impl Level {
    /// What `ResourceType` of an error calls it (spec/errors.md).
    pub const fn resource_type(self) -> &'static str {
        match self {
            Self::Bucket => "BUCKET",
            Self::Object => "OBJECT",
            Self::Other => "RESOURCE",
            Self::Service => "SERVICE",
        }
    }
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyKind {
    /// Object data.
    Blob,
    /// A browser's form.
    Form,
    /// Nothing.
    None,
    /// A document that is not XML.
    Text,
    /// An XML document.
    Xml {
        /// It may not be empty.
        required: bool,
    },
}

impl BodyKind {
    /// A small document that is read whole before the request goes on.
    pub const fn is_document(self) -> bool {
        matches!(self, Self::Text | Self::Xml { .. })
    }
}

impl Operation {
    /// The operation's row of the table.
    pub fn spec(self) -> &'static Spec {
        const NOWHERE: &Spec = &Spec {
            name: "Unknown",
            method: "",
            level: Level::Other,
            subresource: None,
            selector: None,
            query: &[],
            headers: &[],
            metadata: false,
            body: BodyKind::None,
            checksum_required: false,
            streaming: false,
            response_headers: &[],
            refused: Some("not in the table"),
        };
        // The variants and the rows are made from one list, so the row is always there.
        SPECS.get(self as usize).unwrap_or(NOWHERE)
    }

    /// Its name, as in SDKs.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// Changes nothing.
    pub fn is_read(self) -> bool {
        matches!(self.spec().method, "GET" | "HEAD" | "OPTIONS")
    }

    /// Whether a query name selects an operation.
    pub fn is_subresource(name: &[u8]) -> bool {
        SUBRESOURCES.iter().any(|subresource| subresource.as_bytes() == name)
    }

    /// The operations with this subresource at this level.
    pub fn with_subresource(subresource: &str, level: Level) -> impl Iterator<Item = Self> + '_ {
        Self::ALL.into_iter().filter(move |operation| {
            let spec = operation.spec();
            spec.level == level && spec.subresource == Some(subresource)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_own_row() {
        for operation in Operation::ALL {
            assert_eq!(format!("{operation:?}"), operation.name());
        }
    }
}
