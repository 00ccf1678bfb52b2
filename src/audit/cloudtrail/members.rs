//! JSON objects whose members stay in the order they were put in, as AWS's readers are used to.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

/// An object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members(Vec<(Cow<'static, str>, Node)>);

/// A value: plain, or of objects that keep their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A list of objects.
    List(Vec<Members>),
    /// An object.
    Members(Members),
    /// Anything else.
    Plain(Value),
}

impl Members {
    /// Appends a member; the caller sees to it that there is none of this name.
    pub(super) fn put(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Node>) {
        self.0.push((name.into(), value.into()));
    }

    /// Appends a member if there is a value.
    pub(super) fn maybe(&mut self, name: &'static str, value: Option<impl Into<Node>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// Replaces the value of a member in its place, or appends it.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<Node>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, place)) => *place = value.into(),
            None => self.put(name, value),
        }
    }

    /// Puts a member behind another one, or at the end.
    pub(super) fn insert_behind(&mut self, other: &str, name: &'static str, value: impl Into<Node>) {
        let at = self.0.iter().position(|(known, _)| known == other).map_or(self.0.len(), |at| at + 1);
        self.0.insert(at, (name.into(), value.into()));
    }

    /// A member.
    pub fn member(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    /// A member, to be changed.
    pub(super) fn member_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.0.iter_mut().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.member(name)? {
            Node::Plain(value) => value.as_str(),
            _ => None,
        }
    }

    /// Whether a member is there.
    pub fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the members that `keep` says.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// All members in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(name, node)| (&**name, node))
    }

    /// Values that are not of objects in order.
    pub(super) fn plain_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0.iter_mut().filter_map(|(_, node)| match node {
            Node::Plain(value) => Some(value),
            _ => None,
        })
    }
}

impl From<Members> for Node {
    fn from(members: Members) -> Self {
        Self::Members(members)
    }
}

impl From<Vec<Members>> for Node {
    fn from(list: Vec<Members>) -> Self {
        Self::List(list)
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self::Plain(value)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Plain(text.into())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Plain(text.into())
    }
}

impl From<u64> for Node {
    fn from(number: u64) -> Self {
        Self::Plain(number.into())
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Plain(flag.into())
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, node) in &self.0 {
            map.serialize_entry(name, node)?;
        }
        map.end()
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::List(list) => list.serialize(serializer),
            Self::Members(members) => members.serialize(serializer),
            Self::Plain(value) => value.serialize(serializer),
        }
    }
}
