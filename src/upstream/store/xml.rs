//! Writes the documents that S3 answers with.

use crate::s3::xml::{S3_NAMESPACE, Writer};

/// A document in the making. Closing is by name, so that the code reads like the document.
pub(super) struct Xml(Writer);

impl Xml {
    /// A document with S3's namespace.
    pub(super) fn new(root: &str) -> Self {
        let mut writer = Writer::document();
        writer.open_in(root, S3_NAMESPACE);
        Self(writer)
    }

    pub(super) fn open(&mut self, name: &str) -> &mut Self {
        self.0.open(name);
        self
    }

    /// An element with the type that grantees need.
    pub(super) fn open_typed(&mut self, name: &str, kind: &str) -> &mut Self {
        let instance = "http://www.w3.org/2001/XMLSchema-instance";
        self.0.raw(&format!("<{name} xmlns:xsi=\"{instance}\" xsi:type=\"{kind}\">"));
        self
    }

    pub(super) fn close(&mut self, name: &str) -> &mut Self {
        self.0.close(name);
        self
    }

    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.0.element(name, text);
        self
    }

    pub(super) fn number(&mut self, name: &str, number: impl itoa::Integer) -> &mut Self {
        self.text(name, itoa::Buffer::new().format(number))
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) -> &mut Self {
        self.text(name, if flag { "true" } else { "false" })
    }

    /// Text right inside the element that is open.
    pub(super) fn content(&mut self, text: &str) -> &mut Self {
        self.0.content(text);
        self
    }

    pub(super) fn finish(mut self, root: &str) -> Vec<u8> {
        self.close(root);
        self.0.finish()
    }
}

/// Encodes names in listings as S3 does with `encoding-type=url`: forms' rules, but `/` stays.
pub(super) fn url(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for octet in name.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => out.push(char::from(octet)),
            b' ' => out.push('+'),
            other => out.push_str(&crate::s3::uri::encode(&[other]).replace('~', "%7E")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_listings_are_encoded_as_s3_does() {
        assert_eq!(url("a b+c/ü~(3).*_-"), "a+b%2Bc/%C3%BC%7E%283%29.*_-");
    }
}
