//! The actions of S3, what each acts on, and the condition keys it can carry (spec/s3-authorization.json).

mod table;

use std::sync::LazyLock;

use table::{ACTIONS, COUNT, KEYS};

use super::context::fold;
use crate::hash::QuickMap;

/// A known action.
#[derive(Clone, Copy)]
pub struct Action(&'static ActionRow);

/// A set of known actions.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Actions([u64; WORDS]);

const WORDS: usize = COUNT.div_ceil(64);

/// One row of the table.
#[derive(Debug)]
struct ActionRow {
    index: usize,
    name: &'static str,
    folded: &'static str,
    resources: &'static [ResourceKind],
    keys: &'static [&'static str],
}

/// What an action acts on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResourceKind {
    /// A bucket.
    Bucket,
    /// An object.
    Object,
    /// An access point.
    AccessPoint,
    /// An object through an access point.
    AccessPointObject,
    /// Something no bucket or access point policy speaks about, or nothing in particular.
    Other,
}

/// A known condition key.
#[derive(Clone, Copy, Debug)]
pub struct KnownKey(&'static KeyRow);

/// One row of the table of keys.
#[derive(Debug)]
struct KeyRow {
    name: &'static str,
    folded: &'static str,
    kind: KeyType,
    multi_valued: bool,
}

/// The type of a key's values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyType {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// An instant.
    Date,
    /// `true` or `false`.
    Bool,
    /// An ARN.
    Arn,
    /// An address.
    Address,
}

/// Actions as the permissions of operations spell them, which every request asks for.
static AS_SPELLED: LazyLock<QuickMap<&str, Action>> =
    LazyLock::new(|| ACTIONS.iter().map(|row| (row.name, Action(row))).collect());

impl Action {
    /// Every action.
    pub fn all() -> impl Iterator<Item = Self> {
        ACTIONS.iter().map(Self)
    }

    /// The action of a name; letter case is ignored.
    pub fn named(name: &str) -> Option<Self> {
        if let Some(known) = AS_SPELLED.get(name) {
            return Some(*known);
        }
        let folded = name.to_ascii_lowercase();
        let found = ACTIONS.binary_search_by(|row| row.folded.cmp(folded.as_str())).ok()?;
        ACTIONS.get(found).map(Self)
    }

    /// Its name: `s3:GetObject`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Its name in lower case: `s3:getobject`.
    pub fn folded(self) -> &'static str {
        self.0.folded
    }

    /// What it acts on.
    pub fn resources(self) -> &'static [ResourceKind] {
        self.0.resources
    }

    /// Whether a request for it can carry a key: its own keys, and those of what it acts on. Global keys
    /// are not among them.
    pub fn carries(self, key: KnownKey) -> bool {
        self.0.keys.contains(&key.0.name)
    }
}

impl Actions {
    /// The known actions that a test passes.
    pub fn that(test: impl Fn(Action) -> bool) -> Self {
        let mut set = Self::default();
        for action in Action::all().filter(|action| test(*action)) {
            if let Some(word) = set.0.get_mut(action.0.index / 64) {
                *word |= 1 << (action.0.index % 64);
            }
        }
        set
    }

    /// Whether it holds an action.
    pub fn contains(&self, action: Action) -> bool {
        self.0.get(action.0.index / 64).is_some_and(|word| word >> (action.0.index % 64) & 1 == 1)
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// Its actions, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = Action> + '_ {
        Action::all().filter(|action| self.contains(*action))
    }
}

impl KnownKey {
    /// The key of a name, also of a tag: `s3:ExistingObjectTag/team`. Letter case is ignored.
    pub fn named(name: &str) -> Option<Self> {
        let folded = fold(name);
        let (family, tag) = match folded.split_once('/') {
            Some((family, tag)) => (format!("{family}/"), !tag.is_empty()),
            None => (folded, true),
        };
        let found = KEYS.binary_search_by(|row| row.folded.cmp(family.as_str())).ok()?;
        KEYS.get(found).filter(|_| tag).map(Self)
    }

    /// Its name, for tag keys up to the slash.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What its values are.
    pub fn kind(self) -> KeyType {
        self.0.kind
    }

    /// Whether a request can give it several values at once.
    pub fn multi_valued(self) -> bool {
        self.0.multi_valued
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.0.index == other.0.index
    }
}

impl Eq for Action {}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_the_order_they_are_searched() {
        assert!(ACTIONS.windows(2).all(|pair| pair[0].folded < pair[1].folded));
        assert!(KEYS.windows(2).all(|pair| pair[0].folded < pair[1].folded));
        assert!(ACTIONS.iter().enumerate().all(|(place, row)| row.index == place));
        for action in Action::all() {
            assert_eq!(Action::named(action.name()), Some(action));
            assert_eq!(Action::named(action.folded()), Some(action));
        }
    }

    #[test]
    fn every_key_that_an_action_carries_is_known() {
        for row in &ACTIONS {
            for key in row.keys {
                assert!(KEYS.iter().any(|known| known.name == *key), "{key} of {}", row.name);
            }
        }
    }

    #[test]
    fn names_are_found_in_any_letter_case_and_not_by_half() {
        assert_eq!(Action::named("S3:getobject").map(Action::name), Some("s3:GetObject"));
        assert_eq!(Action::named("s3:GetObjec"), None);
        assert_eq!(Action::named("s3:GetObject "), None);
        let name = |text| KnownKey::named(text).map(KnownKey::name);
        assert_eq!(name("S3:PREFIX"), Some("s3:prefix"));
        assert_eq!(name("s3:existingobjecttag/Team/a"), Some("s3:ExistingObjectTag/"));
        assert_eq!(name("s3:ExistingObjectTag/"), None);
        assert_eq!(name("s3:ExistingObjectTag"), None);
        assert_eq!(name("s3:prefix/x"), None);
    }

    #[test]
    fn a_set_holds_what_was_asked_for_and_nothing_else() {
        let reads = Actions::that(|action| action.folded().starts_with("s3:getobject"));
        assert!(!reads.is_empty());
        assert!(Action::all().all(|action| reads.contains(action) == action.name().starts_with("s3:GetObject")));
        assert!(reads.iter().all(|action| action.name().starts_with("s3:GetObject")));
        assert!(Actions::that(|_| false).is_empty());
        assert_eq!(Actions::that(|_| true).iter().count(), COUNT);
    }
}
