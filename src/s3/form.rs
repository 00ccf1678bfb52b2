//! A browser's form (spec/sigv4.md 10): the boundary of its parts, their heads, its fields.

mod part;
#[cfg(test)]
mod tests;

pub use part::{FileName, Part};

use std::fmt;

use super::{Code, Fault, Head};

/// The most octets that names and values before the file may have together.
pub const MOST_OCTETS: usize = 20 * 1024;
/// The most fields before the file.
pub const MOST_FIELDS: usize = 100;
/// The longest boundary.
pub const LONGEST_BOUNDARY: usize = 70;

/// What stands for the name of the file in a value.
const PLACE: &str = "${filename}";

/// The fields that authenticate, in the order in which a missing one is told.
pub const AUTHENTICATION: [&str; 5] =
    ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"];

/// Whether the head announces a form.
pub fn is_form(head: &Head<'_>) -> bool {
    head.first("content-type").is_some_and(|kind| {
        let kind = kind.split(|&octet| octet == b';').next().unwrap_or_default();
        super::head::trim(kind).eq_ignore_ascii_case(b"multipart/form-data")
    })
}

/// The boundary that the head announces.
///
/// # Errors
/// `MalformedPOSTRequest` unless there is exactly one, of 1 to 70 characters that RFC 2046 allows.
pub fn boundary<'a>(head: &Head<'a>) -> Result<&'a str, Fault> {
    let bad = || malformed("form-boundary");
    let kind = head.only("content-type").map_err(|_| bad())?.ok_or_else(bad)?;
    let text = std::str::from_utf8(kind).map_err(|_| bad())?;
    let (_, parameters) = text.split_once(';').ok_or_else(bad)?;
    let parameters = part::parameters(parameters).ok_or_else(bad)?;
    let mut named = parameters.iter().filter(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let (Some((_, boundary)), None) = (named.next(), named.next()) else { return Err(bad()) };
    let legal = |octet: u8| octet.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&octet);
    let fits = (1..=LONGEST_BOUNDARY).contains(&boundary.len()) && !boundary.ends_with(' ');
    if fits && boundary.bytes().all(legal) { Ok(boundary) } else { Err(bad()) }
}

/// The fields before the file, each name once, in lower case, in order.
#[derive(Clone, Default)]
pub struct Fields(Vec<(String, String)>);

impl fmt::Debug for Fields {
    /// Policies, signatures and tokens are among the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl Fields {
    /// Adds a field.
    ///
    /// # Errors
    /// `MalformedPOSTRequest` for a name that was there before: a policy would see one value and the
    /// store the other. Only user metadata adds up.
    pub fn push(&mut self, name: &str, value: String) -> Result<(), Fault> {
        let name = name.to_ascii_lowercase();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            None => self.0.push((name, value)),
            Some((_, first)) if name.starts_with("x-amz-meta-") => {
                first.push(',');
                first.push_str(&value);
            }
            Some(_) => return Err(malformed("form-field-twice").detail(name)),
        }
        Ok(())
    }

    /// Puts the name of the file in its places, everywhere but in what authenticates.
    ///
    /// # Errors
    /// `MalformedPOSTRequest` where the name can be read in two ways; `MaxPostPreDataLengthExceededError`
    /// when the fields become too long by it.
    pub fn name_file(&mut self, file: &FileName) -> Result<(), Fault> {
        let named = |name: &str, value: &str| !AUTHENTICATION.contains(&name) && value.contains(PLACE);
        let mut octets = self.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum::<usize>();
        for (_, value) in self.0.iter_mut().filter(|(name, value)| named(name, value)) {
            let file = file.last().ok_or_else(|| malformed("form-filename"))?;
            // Known before it is written: many places times a long name is more than anybody sent.
            octets = octets.saturating_add(value.matches(PLACE).count().saturating_mul(file.len()));
            if octets > MOST_OCTETS {
                return Err(too_long());
            }
            *value = value.replace(PLACE, file);
        }
        Ok(())
    }

    /// The value of a field; `name` in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All of them, in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The least and the most octets that a file may have (`content-length-range`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LengthRange {
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl LengthRange {
    /// Any length.
    pub const ANY: Self = Self { least: 0, most: u64::MAX };

    /// What lies in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.min(other.most) }
    }

    /// Refuses more than the most.
    ///
    /// # Errors
    /// `EntityTooLarge`
    pub fn check_most(self, length: u64) -> Result<(), Fault> {
        if length <= self.most {
            return Ok(());
        }
        Err(Fault::plain(Code::EntityTooLarge, "file-too-large")
            .with("ProposedSize", length.to_string())
            .with("MaxSizeAllowed", self.most.to_string()))
    }

    /// Refuses less than the least.
    ///
    /// # Errors
    /// `EntityTooSmall`
    pub fn check_least(self, length: u64) -> Result<(), Fault> {
        if length >= self.least {
            return Ok(());
        }
        Err(Fault::plain(Code::EntityTooSmall, "file-too-small")
            .with("ProposedSize", length.to_string())
            .with("MinSizeAllowed", self.least.to_string()))
    }
}

/// The form is none.
pub fn malformed(reason: &'static str) -> Fault {
    Fault::plain(Code::MalformedPOSTRequest, reason)
}

/// The fields before the file are too long or too many.
pub fn too_long() -> Fault {
    Fault::plain(Code::MaxPostPreDataLengthExceededError, "form-fields-too-long")
}

/// There is no file.
pub fn no_file() -> Fault {
    let message = "POST requires exactly one file upload per request.";
    Fault::argument("form-without-file", message, "file", Some("0".to_owned()))
}

/// A field that must be there is not.
pub fn missing(name: &'static str) -> Fault {
    let message = format!(
        "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    );
    Fault::argument("form-field-missing", message, name, Some(String::new()))
}
