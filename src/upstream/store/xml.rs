//! Writes the documents that S3 answers with.

/// The namespace of every document but errors.
pub(super) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A document in the making. Closing is by name, so that the code reads like the document.
pub(super) struct Xml(String);

impl Xml {
    /// A document with S3's namespace.
    pub(super) fn new(root: &str) -> Self {
        Self(format!("{DECLARATION}<{root} xmlns=\"{NAMESPACE}\">"))
    }

    /// An error document; those have no namespace.
    pub(super) fn error() -> Self {
        Self(format!("{DECLARATION}<Error>"))
    }

    pub(super) fn open(&mut self, name: &str) -> &mut Self {
        self.tag("<", name)
    }

    /// An element with the type that grantees need.
    pub(super) fn open_typed(&mut self, name: &str, kind: &str) -> &mut Self {
        self.0
            .push_str(&format!("<{name} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\">"));
        self
    }

    pub(super) fn close(&mut self, name: &str) -> &mut Self {
        self.tag("</", name)
    }

    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.tag("<", name);
        escape(text, &mut self.0);
        self.tag("</", name)
    }

    pub(super) fn number(&mut self, name: &str, number: impl itoa::Integer) -> &mut Self {
        self.tag("<", name);
        self.0.push_str(itoa::Buffer::new().format(number));
        self.tag("</", name)
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) -> &mut Self {
        self.text(name, if flag { "true" } else { "false" })
    }

    /// Text right inside the element that is open.
    pub(super) fn content(&mut self, text: &str) -> &mut Self {
        escape(text, &mut self.0);
        self
    }

    pub(super) fn finish(mut self, root: &str) -> String {
        self.close(root);
        self.0
    }

    fn tag(&mut self, start: &str, name: &str) -> &mut Self {
        self.0.push_str(start);
        self.0.push_str(name);
        self.0.push('>');
        self
    }
}

/// Escapes as spec/errors.md 1 says: what XML cannot hold becomes U+FFFD.
fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
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
    fn markup_and_control_characters_are_escaped() {
        let mut xml = Xml::error();
        xml.text("Key", "a&<b>\"'\r\n\u{1}");
        assert_eq!(
            xml.finish("Error"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Key>a&amp;&lt;b&gt;&quot;&apos;&#13;\n\u{fffd}</Key></Error>"
        );
    }

    #[test]
    fn names_in_listings_are_encoded_as_s3_does() {
        assert_eq!(url("a b+c/ü~(3).*_-"), "a+b%2Bc/%C3%BC%7E%283%29.*_-");
    }
}
