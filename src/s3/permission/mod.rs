//! Which permissions each operation needs, and which condition keys each of them may look at
//! (spec/s3-authorization.md). Tables; `crate::access` reads them for a request.

mod keys;
mod table;

use super::Operation;

pub use keys::Key;

/// What an operation needs.
#[derive(Debug)]
pub struct Permission {
    /// Every check whose `when` holds must be allowed. None at all: the operation is not for callers.
    pub checks: &'static [Check],
    /// Headers that are left out of the answer for whoever may not read them.
    pub shaping: &'static [Shaping],
    /// Usable through an access point.
    pub access_point: bool,
}

/// One permission on one resource.
#[derive(Debug)]
pub struct Check {
    /// `s3:GetObject`
    pub action: &'static str,
    /// On what.
    pub target: Target,
    /// In which requests.
    pub when: When,
    /// Asked for every entry of the document by itself; a denial denies that entry.
    pub per_item: bool,
    /// What its conditions may look at beside [`Keys::GLOBAL`].
    pub keys: Keys,
}

/// Headers of an answer that need a permission of their own. It never denies the request.
#[derive(Debug)]
pub struct Shaping {
    /// The permission.
    pub check: Check,
    /// The permission where a version is asked for, if it is another one.
    pub version: Option<Check>,
    /// The headers, lower-case.
    pub headers: &'static [&'static str],
}

/// What a check is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// An access point by its name, in S3 Control.
    Accesspoint,
    /// Nothing in particular.
    All,
    /// The bucket of the request.
    Bucket,
    /// The object of the request, or of the entry.
    Object,
    /// The source of a copy.
    Source,
    /// What the path names by ARN, in S3 Control.
    Tagged,
}

/// When a check is made.
#[derive(Debug)]
pub enum When {
    /// All of them hold.
    All(&'static [When]),
    /// In every request.
    Always,
    /// At least one holds.
    Any(&'static [When]),
    /// At least one of these headers is there.
    AnyHeader(&'static [&'static str]),
    /// The element is in the document.
    Body(&'static str),
    /// The source of the copy names a version.
    CopySourceVersion,
    /// The field is in the form.
    Form(&'static str),
    /// The header is there.
    Header(&'static str),
    /// The header is there and says this.
    HeaderEquals {
        /// Lower-case.
        name: &'static str,
        /// What it says.
        value: &'static str,
        /// In any letter case.
        any_case: bool,
    },
    /// The element is in the entry.
    Item(&'static str),
    /// It does not hold.
    Not(&'static When),
    /// The parameter is there and not empty.
    Query(&'static str),
    /// Something is so in the store.
    State(State),
}

/// What only the store knows (spec/s3-authorization.md 5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// The source of the copy has at least one tag.
    SourceHasTags,
}

/// A row of the table of condition keys.
#[derive(Debug)]
struct KeySpec {
    /// The name, without what stands for the tag's key.
    name: &'static str,
    /// A key of a tag follows behind a slash.
    tagged: bool,
    /// May have several values.
    many: bool,
}

/// A set of condition keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keys(u128);

impl Permission {
    /// What an operation of S3 Control needs, by the operation's name.
    pub fn of_control(name: &str) -> Option<&'static Self> {
        let at = table::CONTROL.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        table::CONTROL.get(at).map(|(_, permission)| permission)
    }
}

impl Operation {
    /// What the operation needs.
    pub fn permission(self) -> &'static Permission {
        const NOTHING: &Permission = &Permission { checks: &[], shaping: &[], access_point: false };
        // The rows are made from the list that the variants are made from, so the row is always there.
        table::ROWS.get(self as usize).unwrap_or(NOTHING)
    }

    /// Available through access points (spec/addressing.md 5.4).
    pub fn on_access_points(self) -> bool {
        self.permission().access_point
    }
}

impl Check {
    /// What must be allowed before a caller is told that a key is not there.
    pub fn before_absent_key() -> &'static Self {
        let [key, _] = &table::IMPLIED;
        key
    }

    /// What must be allowed before a caller is told that a version is not there.
    pub fn before_absent_version() -> &'static Self {
        let [_, version] = &table::IMPLIED;
        version
    }

    /// Whether its conditions may look at a key.
    pub const fn sees(&self, key: Key) -> bool {
        self.keys.has(key) || Keys::GLOBAL.has(key)
    }
}

impl Key {
    /// The key of a name in any letter case, with the key of the tag where one belongs to it.
    pub fn find(name: &str) -> Option<(Self, Option<&str>)> {
        let (plain, tag) = match name.split_once('/') {
            Some((plain, tag)) => (plain, Some(tag)),
            None => (name, None),
        };
        let at = keys::SPECS.binary_search_by(|spec| compare(spec.name, plain)).ok()?;
        let tagged = keys::SPECS.get(at)?.tagged;
        // A tag key may be empty in no service; `s3:prefix/x` is no key at all.
        let fits = if tagged { tag.is_some_and(|tag| !tag.is_empty()) } else { tag.is_none() };
        Self::ALL.get(at).filter(|_| fits).map(|key| (*key, tag))
    }

    /// Its name, without the key of a tag: `s3:ExistingObjectTag`.
    pub fn name(self) -> &'static str {
        keys::SPECS.get(self as usize).map_or("", |spec| spec.name)
    }

    /// A tag's key follows in the name.
    pub fn is_tagged(self) -> bool {
        keys::SPECS.get(self as usize).is_some_and(|spec| spec.tagged)
    }

    /// Whether it may have several values.
    pub fn has_many(self) -> bool {
        keys::SPECS.get(self as usize).is_some_and(|spec| spec.many)
    }
}

impl Keys {
    /// The set of these.
    pub const fn of(keys: &[Key]) -> Self {
        let mut set = 0;
        let mut rest = keys;
        while let [key, more @ ..] = rest {
            set |= 1 << (*key as u32);
            rest = more;
        }
        Self(set)
    }

    /// Whether a key is among them.
    pub const fn has(self, key: Key) -> bool {
        self.0 >> (key as u32) & 1 == 1
    }
}

/// Orders names without regard to letter case.
fn compare(left: &str, right: &str) -> std::cmp::Ordering {
    let lower = |octet: u8| octet.to_ascii_lowercase();
    left.bytes().map(lower).cmp(right.bytes().map(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_by_its_name_in_any_case() {
        for key in Key::ALL {
            let tag = if key.is_tagged() { "/Cost Centre" } else { "" };
            for name in [key.name().to_owned(), key.name().to_ascii_uppercase(), key.name().to_ascii_lowercase()] {
                let name = format!("{name}{tag}");
                assert_eq!(Key::find(&name).unwrap(), (key, key.is_tagged().then_some("Cost Centre")), "{name}");
            }
        }
    }

    #[test]
    fn names_that_are_no_keys_are_not_found() {
        for name in
            ["", "s3:", "s3:prefix/x", "s3:ExistingObjectTag", "s3:ExistingObjectTag/", "aws:prefix", "S3:prefi"]
        {
            assert_eq!(Key::find(name), None, "{name}");
        }
    }

    #[test]
    fn what_no_check_guards_is_refused_outright_or_answered_without_a_store() {
        for operation in Operation::ALL {
            let open = operation.permission().checks.is_empty() && operation.spec().refused.is_none();
            // A preflight asks nothing of a store; CORS rules answer it.
            assert_eq!(open, operation == Operation::OptionsObject, "{}", operation.name());
        }
    }

    #[test]
    fn a_check_sees_what_its_action_supports_and_no_more() {
        let put = &Operation::PutObject.permission().checks[0];
        assert!(put.sees(Key::S3XAmzServerSideEncryption) && put.sees(Key::AwsSourceIp));
        assert!(!put.sees(Key::S3ExistingObjectTag), "a write never sees the tags of what it replaces");
        let copy = Operation::CopyObject.permission().checks;
        assert!(copy[0].sees(Key::S3ExistingObjectTag) && !copy[0].sees(Key::S3XAmzCopySource));
        assert!(Check::before_absent_key().sees(Key::S3Prefix));
        assert!(!put.sees(Key::S3Prefix));
    }

    #[test]
    fn control_operations_have_their_rows() {
        let permission = Permission::of_control("PutPublicAccessBlock").unwrap();
        assert_eq!(permission.checks[0].action, "s3:PutAccountPublicAccessBlock");
        assert_eq!(permission.checks[0].target, Target::All);
        assert!(Permission::of_control("GetObject").is_none());
    }
}
