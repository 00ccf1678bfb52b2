//! What is known about a request, by condition key (spec/s3-authorization.md).

use std::collections::BTreeMap;

/// The values of one key in a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Values<'a> {
    /// A single-valued key. The empty text is a value.
    One(&'a str),
    /// A multi-valued key; it may have no value at all and is there all the same.
    Many(&'a [String]),
}

/// The keys of a request. A key that is not there is absent, which is not the same as empty.
pub trait Context {
    /// The values of a key, by its name as [`fold`] makes it; `None` where the request has no such key.
    fn values(&self, key: &str) -> Option<Values<'_>>;
}

/// A context that is simply a table.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<String, Entry>);

#[derive(Clone, Debug)]
enum Entry {
    One(String),
    Many(Vec<String>),
}

impl Keys {
    /// Sets a single-valued key. Letter case of the name does not matter.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(fold(key), Entry::One(value.into()));
    }

    /// Sets a multi-valued key.
    pub fn set_all(&mut self, key: &str, values: Vec<String>) {
        self.0.insert(fold(key), Entry::Many(values));
    }
}

impl Context for Keys {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        self.0.get(key).map(|entry| match entry {
            Entry::One(value) => Values::One(value),
            Entry::Many(values) => Values::Many(values),
        })
    }
}

impl<'a> Values<'a> {
    /// The values, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> + Clone {
        let (one, many) = match self {
            Self::One(value) => (Some(value), &[][..]),
            Self::Many(values) => (None, values),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }
}

/// A name without its letter case, as keys are compared: each character in lower case by itself.
pub fn fold(name: &str) -> String {
    folded(name).collect()
}

/// The characters of [`fold`].
pub(super) fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}
