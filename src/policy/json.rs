//! JSON with its places, strictly: RFC 8259, duplicate names refused, bounded in size and depth.
//!
//! Common readers keep the last of two members with one name, so that `{"Effect":"Deny","Effect":"Allow"}`
//! means what nobody reviewed (spec/policy-language.md 9). This one keeps both and says so.

use std::collections::BTreeSet;

use super::document::{Span, Spanned};
use super::problem::{Problem, Rule};

/// How long a document may be, white space included.
pub const TEXT_LIMIT: usize = 256 << 10;
/// How deep lists and objects may lie in each other. A policy needs six.
const DEPTH_LIMIT: usize = 16;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) json: Json,
    pub(super) span: Span,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    /// Decoded.
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) name: Spanned<String>,
    pub(super) value: Node,
}

/// Reads one value with nothing but white space around it. Names that occur twice are added to
/// `problems`, and both members kept.
///
/// # Errors
///
/// The first place where the text is no JSON.
pub(super) fn parse(text: &str, problems: &mut Vec<Problem>) -> Result<Node, Problem> {
    if text.len() > TEXT_LIMIT {
        let message = format!("the document is longer than {TEXT_LIMIT} bytes");
        return Err(Problem::error(Rule::Size, Span::new(0, 0), message).help("split it, or shorten it"));
    }
    let mut reader = Reader { text, at: 0, depth: 0, problems };
    let node = reader.value()?;
    reader.blanks();
    match reader.rest().is_empty() {
        true => Ok(node),
        false => Err(reader.wrong("something stands behind the end of the document", "remove it")),
    }
}

impl Node {
    /// What the value is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.json {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "a text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }

    /// The entries of a list; anything else is a list of itself.
    pub(super) fn entries(&self) -> &[Self] {
        match &self.json {
            Json::List(entries) => entries,
            _ => std::slice::from_ref(self),
        }
    }

    /// How long the value is once its white space is gone.
    pub(super) fn normalized(&self) -> usize {
        let mut compact = String::new();
        self.compact(&mut compact);
        compact.len()
    }

    /// Writes the value without white space.
    pub(super) fn compact(&self, out: &mut String) {
        match &self.json {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(text) => out.push_str(text),
            Json::Text(text) => quote(text, out),
            Json::List(entries) => {
                out.push('[');
                for (place, entry) in entries.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    entry.compact(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (place, member) in members.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { "," });
                    quote(&member.name.value, out);
                    out.push(':');
                    member.value.compact(out);
                }
                out.push('}');
            }
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

struct Reader<'t, 'p> {
    text: &'t str,
    at: usize,
    depth: usize,
    problems: &'p mut Vec<Problem>,
}

impl<'t> Reader<'t, '_> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over white space and one octet, if it is this one.
    fn takes(&mut self, octet: u8) -> bool {
        self.blanks();
        let there = self.peek() == Some(octet);
        self.at += usize::from(there);
        there
    }

    fn wrong(&self, message: &str, help: &str) -> Problem {
        let letter = self.rest().chars().next().map_or(0, char::len_utf8);
        let message = if letter == 0 { "the document ends too early" } else { message };
        Problem::error(Rule::Json, Span::new(self.at, self.at + letter), message).help(help)
    }

    fn value(&mut self) -> Result<Node, Problem> {
        self.blanks();
        let start = self.at;
        let json = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Json::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { json, span: Span::new(start, self.at) })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Json, Problem>) -> Result<Json, Problem> {
        if self.depth == DEPTH_LIMIT {
            return Err(self.wrong("the document is nested too deeply", "a policy needs six levels"));
        }
        self.depth += 1;
        self.at += 1;
        let json = read(self);
        self.depth -= 1;
        json
    }

    fn list(&mut self) -> Result<Json, Problem> {
        let mut entries = Vec::new();
        if self.takes(b']') {
            return Ok(Json::List(entries));
        }
        loop {
            entries.push(self.value()?);
            match (self.takes(b','), self.takes(b']')) {
                (true, false) => {}
                (false, true) => return Ok(Json::List(entries)),
                (true, true) => return Err(self.wrong_before("a comma stands before `]`", "remove the comma")),
                (false, false) => return Err(self.wrong("expected `,` or `]`", "separate entries with commas")),
            }
        }
    }

    fn object(&mut self) -> Result<Json, Problem> {
        let mut members: Vec<Member> = Vec::new();
        if self.takes(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.wrong("expected a name in double quotes", "quote the name; no comma before `}`"));
            }
            let name = Spanned { value: self.string()?, span: Span::new(start, self.at) };
            if !self.takes(b':') {
                return Err(self.wrong("expected `:`", "put a colon between name and value"));
            }
            members.push(Member { name, value: self.value()? });
            match (self.takes(b','), self.takes(b'}')) {
                (true, false) => {}
                (false, true) => break,
                (true, true) => return Err(self.wrong_before("a comma stands before `}`", "remove the comma")),
                (false, false) => return Err(self.wrong("expected `,` or `}`", "separate members with commas")),
            }
        }
        let mut names = BTreeSet::new();
        for member in &members {
            if !names.insert(member.name.value.as_str()) {
                self.problems.push(duplicate(&member.name));
            }
        }
        Ok(Json::Object(members))
    }

    /// The same as `wrong` for what was just stepped over.
    fn wrong_before(&mut self, message: &str, help: &str) -> Problem {
        self.at = self.at.saturating_sub(1);
        self.wrong(message, help)
    }

    fn string(&mut self) -> Result<String, Problem> {
        let start = self.at;
        let mut escaped = false;
        let inside = self.text.as_bytes().get(start + 1..).unwrap_or_default();
        let Some(length) = inside.iter().position(|octet| {
            let ends = *octet == b'"' && !escaped;
            escaped = *octet == b'\\' && !escaped;
            ends
        }) else {
            return Err(self.wrong("this text never ends", "close it with a double quote"));
        };
        let end = start + 1 + length + 1;
        let quoted = self.text.get(start..end).unwrap_or_default();
        let Ok(text) = serde_json::from_str(quoted) else {
            let message = "this text has a control character, an unknown escape, or half a surrogate pair";
            return Err(Problem::error(Rule::Json, Span::new(start, end), message).help("write it as JSON wants it"));
        };
        self.at = end;
        Ok(text)
    }

    fn number(&mut self) -> Result<Json, Problem> {
        let shape = |octet: u8| matches!(octet, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest().bytes().take_while(|octet| shape(*octet)).count();
        let text = self.rest().get(..length).unwrap_or_default();
        if serde_json::from_str::<&serde_json::value::RawValue>(text).is_err() {
            return Err(self.wrong("this is no number", "write digits, or put the value in double quotes"));
        }
        self.at += length;
        Ok(Json::Number(text.to_owned()))
    }

    fn word(&mut self) -> Result<Json, Problem> {
        for (word, json) in [("true", Json::Bool(true)), ("false", Json::Bool(false)), ("null", Json::Null)] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(json);
            }
        }
        Err(self.wrong("expected a value", "texts stand in double quotes"))
    }
}

/// A name that its object has already.
pub(super) fn duplicate(name: &Spanned<String>) -> Problem {
    let message = format!("`{}` stands twice in one object", name.value);
    Problem::error(Rule::Json, name.span, message).help("remove one, or put both values in one list")
}
