//! The head of one part of a form, and parameters as they stand behind `;`.

use super::malformed;
use crate::s3::Fault;
use crate::s3::head::trim;

/// The name that came with a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum FileName {
    /// There was none.
    #[default]
    Absent,
    /// As sent; nothing in it is decoded.
    Plain(String),
    /// There is a `filename*`, which some readers prefer and some do not know.
    Unclear,
}

impl FileName {
    /// What is behind the last `/` or `\`; none where readers differ.
    pub fn last(&self) -> Option<&str> {
        match self {
            Self::Absent => Some(""),
            Self::Plain(name) => name.rsplit(['/', '\\']).next(),
            Self::Unclear => None,
        }
    }
}

/// What the head of a part says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// The field's name, as sent.
    pub name: String,
    /// The name of the file in it.
    pub file: FileName,
}

impl Part {
    /// Reads the header lines of a part, up to and including its empty line.
    ///
    /// # Errors
    /// `MalformedPOSTRequest` unless every line is a header, one of them is `Content-Disposition:
    /// form-data` with one name, and the content is not encoded.
    pub fn parse(head: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(head).map_err(|_| malformed("form-part-text"))?;
        let lines = text.strip_suffix("\r\n\r\n").ok_or_else(|| malformed("form-part-head"))?;
        let mut part = None;
        for line in lines.split("\r\n") {
            let (name, value) = header(line).ok_or_else(|| malformed("form-part-header"))?;
            if name.eq_ignore_ascii_case("content-disposition") {
                let found = disposition(value).ok_or_else(|| malformed("form-disposition"))?;
                if part.replace(found).is_some() {
                    return Err(malformed("form-disposition-twice"));
                }
            }
            // Whoever decodes it sees other data than whoever does not.
            let plain = ["7bit", "8bit", "binary"].into_iter().any(|plain| value.eq_ignore_ascii_case(plain));
            if name.eq_ignore_ascii_case("content-transfer-encoding") && !plain {
                return Err(malformed("form-part-encoding"));
            }
        }
        part.ok_or_else(|| malformed("form-part-without-name"))
    }
}

/// `name: value`
fn header(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let value = value.trim_matches([' ', '\t']);
    let legal = |character: char| !character.is_control() || character == '\t';
    (is_token(name) && value.chars().all(legal)).then_some((name, value))
}

fn disposition(value: &str) -> Option<Part> {
    let (kind, rest) = value.split_once(';')?;
    if !kind.trim_matches([' ', '\t']).eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut file) = (None, FileName::Absent);
    for (parameter, value) in parameters(rest)? {
        match parameter.to_ascii_lowercase().as_str() {
            "name" if name.is_none() && !value.is_empty() => name = Some(value.to_owned()),
            "name" | "name*" => return None,
            "filename" => {
                file = match file {
                    FileName::Absent => FileName::Plain(value.to_owned()),
                    FileName::Unclear => FileName::Unclear,
                    FileName::Plain(_) => return None,
                }
            }
            "filename*" => file = FileName::Unclear,
            _ => {}
        }
    }
    Some(Part { name: name?, file })
}

/// `name=token; name="text"`. Nothing is unescaped, because browsers do not agree on how; a `\` in
/// front of a quotation mark could mean two things, and is refused.
pub(super) fn parameters(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let (name, behind) = rest.trim_start_matches([' ', '\t']).split_once('=')?;
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => {
                let (value, behind) = quoted.split_once('"')?;
                if value.ends_with('\\') {
                    return None;
                }
                (value, behind.trim_start_matches([' ', '\t']))
            }
            None => {
                let end = behind.find(';').unwrap_or(behind.len());
                let (value, behind) = behind.split_at_checked(end)?;
                let value = std::str::from_utf8(trim(value.as_bytes())).ok()?;
                (is_token(value).then_some(value)?, behind)
            }
        };
        if !is_token(name) {
            return None;
        }
        found.push((name, value));
        if behind.is_empty() {
            return Some(found);
        }
        rest = behind.strip_prefix(';')?;
    }
}

fn is_token(text: &str) -> bool {
    let legal = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    !text.is_empty() && text.bytes().all(legal)
}
