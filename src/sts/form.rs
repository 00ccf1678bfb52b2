//! The form of a request: names and values, each name once.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::s3::uri::Query;
use crate::s3::{Code, Fault};

/// The largest body (spec/sigv4.md 18).
pub const LONGEST_BODY: u64 = 64 * 1024;
/// The most parameters: fifty tags are a hundred, and fifty of them transitive.
const MOST: usize = 256;

/// The parameters that nobody has taken yet. No `Debug`: one may be a token.
pub(super) struct Form(BTreeMap<String, Zeroizing<String>>);

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// `ValidationError`: too many names, a name twice, what does not decode or is not UTF-8.
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        let query =
            Query::parse(body).map_err(|_| invalid("form-escape", "The form is not properly percent-encoded."))?;
        if query.iter().count() > MOST {
            return Err(invalid("form-parameters", "The form has too many parameters."));
        }
        let mut parameters = BTreeMap::new();
        for parameter in query.iter() {
            let text = |octets: &[u8]| std::str::from_utf8(octets).map(str::to_owned);
            let (Ok(name), Ok(value)) = (text(&parameter.name), text(&parameter.value)) else {
                return Err(invalid("form-utf8", "The form is not UTF-8."));
            };
            if parameters.insert(name, Zeroizing::new(value)).is_some() {
                return Err(invalid("form-double", "A parameter occurs twice."));
            }
        }
        Ok(Self(parameters))
    }

    /// Takes a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.0.remove(name)
    }

    /// Takes a parameter that must be there.
    pub(super) fn need(&mut self, name: &'static str) -> Result<Zeroizing<String>, Fault> {
        self.take(name).ok_or_else(|| {
            invalid("parameter-missing", format!("1 validation error detected: {name} must not be null"))
        })
    }

    /// Takes `NAME.member.1`, `NAME.member.2`, … with what stands behind the number. An empty list may be
    /// written as `NAME=`.
    pub(super) fn list(&mut self, name: &'static str, most: usize, ending: &str) -> Result<Vec<String>, Fault> {
        if self.0.get(name).is_some_and(|value| value.is_empty()) {
            self.0.remove(name);
        }
        let mut found = Vec::new();
        while let Some(value) = self.take(&format!("{name}.member.{}{ending}", found.len() + 1)) {
            if found.len() >= most {
                return Err(invalid("list-too-long", format!("{name} has more than {most} members")));
            }
            found.push(value.to_string());
        }
        Ok(found)
    }

    /// Refuses what is left: a parameter that is not understood could narrow what is asked for.
    pub(super) fn finish(self) -> Result<(), Fault> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => {
                let shown: String = name.chars().filter(|character| character.is_ascii_graphic()).take(64).collect();
                Err(invalid("parameter-unknown", format!("The parameter {shown} is not supported here.")))
            }
        }
    }
}

/// `ValidationError` with its sentence.
pub(super) fn invalid(reason: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Code::ValidationError, reason, message)
}
