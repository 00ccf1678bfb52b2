//! Condition keys that somebody gave by hand.

use std::collections::BTreeMap;

use super::{Implausible, Part};
use crate::near::nearest;
use crate::policy::action::{KeyType, KnownKey};
use crate::policy::context::{Context, Keys, Values, asked};
use crate::policy::engine::Act;
use crate::policy::value::{Decimal, Instant};
use crate::s3::permission::{Key, Keys as KeySet};
use crate::time::Millis;

/// How many values may be given.
const MOST: usize = 1_000;

/// Keys given by hand, each known, carried by the action and of its type.
#[derive(Debug, Default)]
pub(super) struct Given {
    keys: Keys,
    now: Option<Millis>,
}

impl Given {
    /// Reads them.
    pub(super) fn new(act: Act<'_>, with: &[(String, String)]) -> Result<Self, Implausible> {
        let mut places = BTreeMap::new();
        let mut found: Vec<(&str, Key, Vec<String>)> = Vec::new();
        for (name, value) in with.iter().take(MOST) {
            let key = known(act, name)?;
            check_value(name, value)?;
            let place = *places.entry(asked(name)).or_insert(found.len());
            match found.get_mut(place) {
                Some((_, _, values)) => values.push(value.clone()),
                None => found.push((name, key, vec![value.clone()])),
            }
        }
        let mut given = Self::default();
        for (name, key, values) in found {
            match (key.has_many(), <[String; 1]>::try_from(values)) {
                (true, Ok(value)) => given.keys.set_all(name, value.into()),
                (true, Err(values)) => given.keys.set_all(name, values),
                (false, Ok([value])) => given.keys.set(name, value),
                (false, Err(_)) => {
                    let help = "only multi-valued keys may be given several times";
                    return Err(refused(name, format!("`{name}` has one value, and several are given"), help));
                }
            }
        }
        if with.len() > MOST {
            let message = format!("{} keys are given, and at most {MOST} are read", with.len());
            return Err(refused("", message, "give fewer"));
        }
        given.follow(with)?;
        Ok(given)
    }

    /// What a real request could not say without the other: the keys of tags beside tags, both spellings of
    /// the time.
    fn follow(&mut self, with: &[(String, String)]) -> Result<(), Implausible> {
        for (family, list) in
            [("s3:RequestObjectTag/", Key::S3RequestObjectTagKeys), ("aws:RequestTag/", Key::AwsTagKeys)]
        {
            let tags = with.iter().filter_map(|(name, _)| tag_of(name, family));
            let tags: Vec<String> = tags.map(str::to_owned).collect();
            if !tags.is_empty() && self.values(&asked(list.name())).is_none() {
                self.keys.set_all(list.name(), tags);
            }
        }
        let text = self.one(Key::AwsCurrentTime).or(self.one(Key::AwsEpochTime)).map(str::to_owned);
        if let Some(text) = text {
            let instant =
                Instant::parse(&text).ok_or_else(|| refused("aws:CurrentTime", "this is no time", TIME_HELP))?;
            self.now = Some(Millis(instant.seconds().0.saturating_mul(1000)));
        }
        Ok(())
    }

    /// The values given for a key, by its name as contexts are asked for it.
    pub(super) fn values(&self, key: &str) -> Option<Values<'_>> {
        self.keys.values(key)
    }

    /// The value given for a single-valued key.
    pub(super) fn one(&self, key: Key) -> Option<&str> {
        self.values(&asked(key.name()))?.iter().next()
    }

    /// The present that was given.
    pub(super) fn now(&self) -> Option<Millis> {
        self.now
    }
}

/// Whether a request for this action can carry a key. Actions of other services carry the global ones.
pub(super) fn carries(act: Act<'_>, key: Key) -> bool {
    if KeySet::GLOBAL.has(key) {
        return true;
    }
    let name = if key.is_tagged() { format!("{}/x", key.name()) } else { key.name().to_owned() };
    act.known().zip(KnownKey::named(&name)).is_some_and(|(action, key)| action.carries(key))
}

fn known(act: Act<'_>, name: &str) -> Result<Key, Implausible> {
    let Some((key, _)) = Key::find(name) else {
        let named = |key: Key| key.name();
        let help = match name.split_once('/') {
            None => match nearest(name, Key::ALL.map(named)) {
                Some(near) if Key::find(near).is_none() => format!("write `{near}/TAG`"),
                Some(near) => format!("did you mean `{near}`?"),
                None => LOOK_UP.to_owned(),
            },
            Some((family, tag)) => match nearest(family, Key::ALL.map(named)) {
                Some(near) if Key::find(near).is_none() => {
                    format!("did you mean `{near}/{}`?", if tag.is_empty() { "TAG" } else { tag })
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => LOOK_UP.to_owned(),
            },
        };
        return Err(refused(name, format!("`{name}` is no condition key"), help));
    };
    if !carries(act, key) {
        let message = format!("no request for {} carries `{name}`", act.name());
        return Err(refused(name, message, "leave it out: conditions on it see it as absent"));
    }
    Ok(key)
}

const LOOK_UP: &str = "the keys are those of the service authorization reference for Amazon S3";
const TIME_HELP: &str = "write `2027-01-01T00:00:00Z`";

/// A value that no real request could have for the key.
fn check_value(name: &str, value: &str) -> Result<(), Implausible> {
    let kind = KnownKey::named(name).map_or(KeyType::Text, KnownKey::kind);
    let (sound, what, help) = match kind {
        KeyType::Text | KeyType::Arn => return Ok(()),
        KeyType::Number => (Decimal::parse(value).is_some(), "a number", "write digits"),
        KeyType::Date => (Instant::parse(value).is_some(), "a time", TIME_HELP),
        KeyType::Bool => (
            ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word)),
            "true or false",
            "write one of them",
        ),
        KeyType::Address => (
            value.parse::<std::net::IpAddr>().is_ok(),
            "an address",
            "a request comes from one address: write `203.0.113.9`",
        ),
    };
    if sound { Ok(()) } else { Err(refused(name, format!("`{name}`: `{value}` is not {what}"), help)) }
}

fn tag_of<'n>(name: &'n str, family: &str) -> Option<&'n str> {
    let (head, tag) = name.split_at_checked(family.len())?;
    head.eq_ignore_ascii_case(family).then_some(tag)
}

fn refused(name: &str, message: impl Into<String>, help: impl Into<String>) -> Implausible {
    Implausible::new(Part::With(name.to_owned()), message, help)
}
