//! Levels of sensitivity: each with KMS keys of its own, and with those who may write and read with them
//! (spec/encryption.md 11).

use super::Glob;
use crate::s3::{Code, Fault};

/// Levels, and what is of which. None at all: nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    /// From the lowest to the highest.
    pub levels: Vec<Level>,
    /// Which buckets and prefixes are of which level.
    pub places: Vec<Place>,
    /// Whether what is of no level may not be written.
    pub deny_unmapped: bool,
    /// From which level to which lower one objects may be copied, by their places in `levels`.
    pub downgrades: Vec<(usize, usize)>,
}

/// One level.
#[derive(Clone, Debug)]
pub struct Level {
    /// Its name.
    pub name: String,
    /// Its keys, by ARN.
    pub keys: Vec<Glob>,
    /// Who may write with them, by the ARN of user or role.
    pub encrypt: Vec<Glob>,
    /// Who may read with them.
    pub decrypt: Vec<Glob>,
}

/// What is of a level.
#[derive(Clone, Debug)]
pub struct Place {
    /// The buckets.
    pub bucket: Glob,
    /// What keys begin with.
    pub prefix: String,
    /// The level, by its place.
    pub level: usize,
}

/// What is done with a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Use {
    /// Something is read with it.
    Decrypt,
    /// Something is written with it.
    Encrypt,
}

impl Levels {
    /// Whether there are any.
    pub fn has_any(&self) -> bool {
        !self.levels.is_empty()
    }

    /// Whether an object is of a level, so that it must be encrypted in the end.
    pub fn bind(&self, bucket: &str, key: &str) -> bool {
        self.of_object(bucket, key).is_some()
    }

    /// The lowest level of a KMS key, by its place.
    pub fn of_key(&self, kms_key: &str) -> Option<usize> {
        self.levels.iter().position(|level| level.has(kms_key))
    }

    /// Whether an object may be written with a KMS key; none: without one.
    ///
    /// # Errors
    /// `AccessDenied`: the key is of another level than the object, or the object of none.
    pub fn check_write(&self, bucket: &str, key: &str, kms_key: Option<&str>) -> Result<(), Fault> {
        let Some(level) = self.of_object(bucket, key).and_then(|at| self.levels.get(at)) else {
            return match self.deny_unmapped && !self.levels.is_empty() {
                true => Err(denied("sensitivity-unmapped", "the object is of no level of sensitivity")),
                false => Ok(()),
            };
        };
        match kms_key.is_some_and(|kms_key| level.has(kms_key)) {
            true => Ok(()),
            false => Err(denied("sensitivity-key", &format!("the level `{}` has keys of its own", level.name))),
        }
    }

    /// Whether somebody may use a KMS key, by the ARN of user or role; none: nobody known. `Ok(true)`: a level
    /// says so by name. A key is of one level; where patterns make it one of several, all of them have to say so.
    ///
    /// # Errors
    /// `AccessDenied`: the key is of a level that names others.
    pub fn check_use(&self, kms_key: &str, identity: Option<&str>, what: Use) -> Result<bool, Fault> {
        let mut named = false;
        for level in self.levels.iter().filter(|level| level.has(kms_key)) {
            let may = match what {
                Use::Decrypt => &level.decrypt,
                Use::Encrypt => &level.encrypt,
            };
            if !identity.is_some_and(|identity| may.iter().any(|who| who.matches(identity))) {
                return Err(denied("sensitivity-principal", &format!("the level `{}` names others", level.name)));
            }
            named = true;
        }
        Ok(named)
    }

    /// Whether what was read with one key may be written with another, or without one.
    ///
    /// # Errors
    /// `AccessDenied`: that would take it to a lower level.
    pub fn check_copy(&self, from: Option<&str>, to: Option<&str>) -> Result<(), Fault> {
        // Of several, what is read is of the highest, and what is written of the lowest.
        let highest = |key: &str| self.levels.iter().rposition(|level| level.has(key));
        let Some(from) = from.and_then(highest) else { return Ok(()) };
        let fine = match to.and_then(|key| self.of_key(key)) {
            Some(to) => to >= from || self.downgrades.contains(&(from, to)),
            None => false,
        };
        if fine { Ok(()) } else { Err(denied("sensitivity-downgrade", "the copy would be of a lower level")) }
    }

    /// The level of an object: the longest prefix decides, then the longest name.
    fn of_object(&self, bucket: &str, key: &str) -> Option<usize> {
        let holds = |place: &&Place| place.bucket.matches(bucket) && key.starts_with(&place.prefix);
        let weight = |place: &&Place| (place.prefix.len(), place.bucket.as_str().len());
        self.places.iter().rev().filter(holds).max_by_key(weight).map(|place| place.level)
    }
}

impl Level {
    fn has(&self, kms_key: &str) -> bool {
        self.keys.iter().any(|key| key.matches(kms_key))
    }
}

fn denied(reason: &'static str, detail: &str) -> Fault {
    Fault::plain(Code::AccessDenied, reason).detail(detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> Levels {
        let globs = |texts: &[&str]| texts.iter().map(|text| Glob::new(text)).collect::<Vec<_>>();
        let level = |name: &str, keys, encrypt, decrypt| Level {
            name: name.to_owned(),
            keys: globs(keys),
            encrypt: globs(encrypt),
            decrypt: globs(decrypt),
        };
        let place =
            |bucket: &str, prefix: &str, level| Place { bucket: Glob::new(bucket), prefix: prefix.to_owned(), level };
        Levels {
            levels: vec![
                level("internal", &["*:key/in"], &["*:user/*"], &["*:user/*"]),
                level("restricted", &["*:key/re*"], &["*:role/ingest-*"], &["*:role/analyst"]),
            ],
            places: vec![place("ledger-*", "", 0), place("ledger-*", "pii/", 1)],
            deny_unmapped: false,
            downgrades: Vec::new(),
        }
    }

    fn reason<T: std::fmt::Debug>(checked: Result<T, Fault>) -> &'static str {
        checked.unwrap_err().reason()
    }

    #[test]
    fn an_object_is_written_with_a_key_of_its_own_level() {
        let levels = levels();
        assert!(levels.check_write("ledger-1", "k", Some("a:key/in")).is_ok());
        assert!(levels.check_write("ledger-1", "pii/k", Some("a:key/re1")).is_ok());
        assert_eq!(reason(levels.check_write("ledger-1", "pii/k", Some("a:key/in"))), "sensitivity-key");
        assert_eq!(reason(levels.check_write("ledger-1", "pii/k", None)), "sensitivity-key");
        assert!(levels.check_write("other", "k", None).is_ok());
        let strict = Levels { deny_unmapped: true, ..levels };
        assert_eq!(reason(strict.check_write("other", "k", None)), "sensitivity-unmapped");
        assert!(Levels { deny_unmapped: true, ..Levels::default() }.check_write("other", "k", None).is_ok());
    }

    #[test]
    fn who_writes_with_a_key_may_not_read_with_it_unless_the_level_says_so() {
        let levels = levels();
        let ingest = Some("a:role/ingest-1");
        assert!(levels.check_use("a:key/re1", ingest, Use::Encrypt).unwrap());
        assert_eq!(reason(levels.check_use("a:key/re1", ingest, Use::Decrypt)), "sensitivity-principal");
        assert!(levels.check_use("a:key/re1", Some("a:role/analyst"), Use::Decrypt).unwrap());
        assert_eq!(reason(levels.check_use("a:key/re1", None, Use::Decrypt)), "sensitivity-principal");
        assert!(!levels.check_use("a:key/other", None, Use::Decrypt).unwrap());
    }

    #[test]
    fn a_key_of_several_levels_is_used_by_whom_all_of_them_name() {
        let mut levels = levels();
        levels.levels[0].keys = vec![Glob::new("*:key/*-x")];
        let both = "a:key/re-x";
        assert!(levels.check_use(both, Some("a:user/u"), Use::Encrypt).is_err());
        assert!(levels.check_use(both, Some("a:role/ingest-1"), Use::Encrypt).is_err());
        levels.levels[1].encrypt = vec![Glob::new("*:user/u")];
        assert!(levels.check_use(both, Some("a:user/u"), Use::Encrypt).unwrap());
        assert!(levels.check_copy(Some(both), Some("a:key/in-x")).is_err(), "what is read is of the highest");
        assert!(levels.check_copy(Some("a:key/re"), Some(both)).is_err(), "what is written is of the lowest");
    }

    #[test]
    fn a_copy_does_not_take_an_object_to_a_lower_level() {
        let levels = levels();
        let (low, high) = (Some("a:key/in"), Some("a:key/re1"));
        assert!(levels.check_copy(low, high).is_ok());
        assert!(levels.check_copy(high, high).is_ok());
        assert!(levels.check_copy(None, None).is_ok());
        assert_eq!(reason(levels.check_copy(high, low)), "sensitivity-downgrade");
        assert_eq!(reason(levels.check_copy(low, None)), "sensitivity-downgrade");
        let named = Levels { downgrades: vec![(1, 0)], ..levels };
        assert!(named.check_copy(high, low).is_ok());
        assert_eq!(reason(named.check_copy(high, None)), "sensitivity-downgrade");
    }
}
