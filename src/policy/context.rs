//! What is known about a request, by condition key (spec/s3-authorization.md).

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
    /// The values of a key, by its name as [`asked`] makes it; `None` where the request has no such key. Of
    /// two tags that differ in letter case only it is the one that is spelled so, else the first.
    fn values(&self, key: &str) -> Option<Values<'_>>;

    /// The same for a statement that is asked about what is behind an access point, whose resource is another.
    fn values_behind(&self, key: &str) -> Option<Values<'_>> {
        self.values(key)
    }
}

/// What statements see that are asked about what is behind an access point.
pub(super) struct Behind<'a>(pub(super) &'a dyn Context);

impl Context for Behind<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        self.0.values_behind(key)
    }
}

/// A context that is simply a table, by names as [`asked`] makes them, in the order in which they were set.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(String, Entry)>);

#[derive(Clone, Debug)]
enum Entry {
    One(String),
    Many(Vec<String>),
}

impl Keys {
    /// Sets a single-valued key. Letter case of the name does not matter, but for that of a tag.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.insert(key, Entry::One(value.into()));
    }

    /// Sets a multi-valued key.
    pub fn set_all(&mut self, key: &str, values: Vec<String>) {
        self.insert(key, Entry::Many(values));
    }

    fn insert(&mut self, key: &str, entry: Entry) {
        let key = asked(key);
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = entry,
            None => self.0.push((key, entry)),
        }
    }
}

impl Context for Keys {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        let exact = self.0.iter().find(|(known, _)| known == key);
        // Names without a part that users choose have one spelling by now.
        let same = || chosen(key).then(|| self.0.iter().find(|(known, _)| folded(known).eq(folded(key))))?;
        exact.or_else(same).map(|(_, entry)| match entry {
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

/// The family of keys whose names end with one of an encryption context.
const OF_CONTEXTS: &str = "kms:encryptioncontext:";

/// A name as a [`Context`] is asked for it: folded up to its first slash, and behind it as it is written. The
/// key of a tag stands there, and of two that differ in letter case only one is meant. The same of the names of an
/// encryption context.
pub fn asked(name: &str) -> String {
    if let Some((family, own)) = name.split_at_checked(OF_CONTEXTS.len())
        && family.eq_ignore_ascii_case(OF_CONTEXTS)
    {
        return format!("{OF_CONTEXTS}{own}");
    }
    match name.split_once('/') {
        Some((family, tag)) => format!("{}/{tag}", fold(family)),
        None => fold(name),
    }
}

/// Whether a name, as it is asked for, has a part whose letter case may matter.
fn chosen(key: &str) -> bool {
    key.contains('/') || key.starts_with(OF_CONTEXTS)
}

/// A name without its letter case, as keys are compared: each character in lower case by itself.
pub fn fold(name: &str) -> String {
    folded(name).collect()
}

/// The characters of [`fold`].
pub(super) fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_tags_apart_by_their_letter_case_and_other_keys_by_none() {
        let mut keys = Keys::default();
        keys.set("S3:Prefix", "a");
        keys.set("s3:prefix", "b");
        keys.set("s3:ExistingObjectTag/TEAM", "1");
        keys.set("S3:existingobjecttag/Team", "2");
        keys.set_all("kms:EncryptionContext:A", vec!["x".to_owned()]);
        keys.set("kms:EncryptionContext:Dept", "it");
        keys.set("kms:EncryptionContext:dept", "hr");
        let value = |key| keys.values(&asked(key)).and_then(|values| values.iter().next());
        assert_eq!(value("s3:PREFIX"), Some("b"));
        assert_eq!(value("s3:EXISTINGOBJECTTAG/Team"), Some("2"));
        assert_eq!(value("s3:ExistingObjectTag/team"), Some("1"), "else the first");
        assert_eq!(value("s3:ExistingObjectTag/teams"), None);
        assert_eq!(value("kms:encryptioncontext:a"), Some("x"));
        assert_eq!(value("KMS:encryptioncontext:Dept"), Some("it"), "and not the one beside it");
        assert_eq!(value("kms:EncryptionContext:dept"), Some("hr"));
        assert_eq!(value("kms:EncryptionContext:DEPT"), Some("it"), "else the first");
    }
}
