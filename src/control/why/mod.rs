//! Why a request is allowed or denied, for people and as JSON.
//!
//! What is told here holds values of requests and lines of policies: for the operator, never for a caller.

mod candidates;
mod json;
pub mod past;
pub mod search;
mod text;

use std::net::IpAddr;

use crate::policy::document::Effect;
use crate::policy::engine::{Change, Consulted, Decision, Explanation, Layer, StatementRef, Turn};

/// The layers that a question can meet, in the order in which they are asked.
const LAYERS: [Layer; 8] = [
    Layer::ServiceControl,
    Layer::ResourceControl,
    Layer::Endpoint,
    Layer::Identity,
    Layer::Boundary,
    Layer::Session,
    Layer::Resource,
    Layer::AccessPoint,
];

/// A decision with everything that led to it. Its `Display` is what people read.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Who asks.
    pub principal: &'a str,
    /// `s3:GetObject`
    pub action: &'a str,
    /// The ARN of what is acted on.
    pub resource: &'a str,
    /// The client's address, if one is known.
    pub from: Option<IpAddr>,
    /// What the engine says.
    pub explanation: &'a Explanation,
    /// What somebody should know who reads this.
    pub notes: &'a [String],
}

/// What a layer comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Says {
    Allows,
    Forbids,
    Nothing,
}

impl Says {
    fn of(consulted: &Consulted) -> Self {
        if consulted.applying(Effect::Deny).next().is_some() {
            Self::Forbids
        } else if consulted.applying(Effect::Allow).next().is_some() {
            Self::Allows
        } else {
            Self::Nothing
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Allows => "allows",
            Self::Forbids => "forbids",
            Self::Nothing => "silent",
        }
    }
}

/// What allows the key of another account.
const OTHER_KEY: &str = "the key is another account's, and no policy here is the key's own: a level of [sensitivity] that \
                         names the caller allows it, beside the caller's own policies (docs/encryption.md)";

impl Told<'_> {
    /// The changes that could be made. Policies of buckets say nothing of KMS keys, and keys have none here.
    fn turns(&self) -> impl Iterator<Item = &Turn> {
        let of_key = self.is_of_key();
        let made = move |turn: &&Turn| !(of_key && turn.contains(&Change::Allow(Layer::Resource)));
        self.explanation.turns.iter().filter(made)
    }

    /// What somebody should know who reads this.
    fn all_notes(&self) -> impl Iterator<Item = &str> {
        let silent = matches!(self.explanation.decision, Decision::ImplicitDeny(_));
        let other = (self.is_of_key() && silent && !self.explanation.at_home).then_some(OTHER_KEY);
        self.notes.iter().map(String::as_str).chain(other)
    }

    fn is_of_key(&self) -> bool {
        self.action.get(..4).is_some_and(|service| service.eq_ignore_ascii_case("kms:"))
    }

    /// The layers that took no part: nothing of the kind is attached to whom or what this is about.
    fn not_asked(&self) -> Vec<&'static str> {
        let asked = |layer: &Layer| self.explanation.layers.iter().any(|consulted| consulted.layer == *layer);
        LAYERS.iter().filter(|layer| !asked(layer)).map(|layer| layer.name()).collect()
    }
}

/// The file of a statement and its line: `buckets/logs/policy.json:12`. Documents that are built in have
/// their name alone.
pub fn place(statement: &StatementRef) -> String {
    match file(statement) {
        Some(file) => format!("{file}:{}", statement.line()),
        None => statement.policy().name().to_owned(),
    }
}

/// The file of a statement, relative to the policies folder.
pub fn file(statement: &StatementRef) -> Option<String> {
    let name = statement.policy().name();
    name.contains('/').then(|| format!("{name}.json"))
}

/// What a client or a document says must not steer the terminal that shows it.
pub fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}
