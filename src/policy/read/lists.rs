//! `Action` and `Resource` with their `Not` forms (spec/policy-language.md 3, 4).

use super::Reader;
use crate::policy::action::Actions;
use crate::policy::document::{ActionEntry, ArnShape, Element, ResourceEntry, Span};
use crate::policy::json::{Json, Node};
use crate::policy::pattern::{Pattern, Variables, Wildcards};
use crate::policy::problem::{Problem, Rule};
use crate::policy::read::Kind;

impl Reader {
    pub(super) fn action(&mut self, node: &Node, negated: bool) -> Option<Element<ActionEntry>> {
        let control = self.kind == Kind::ResourceControl;
        if control && negated {
            let help = "name the actions in `Action`";
            self.error(Rule::Syntax, node.span, "a resource control policy has no `NotAction`", help);
        }
        let texts = self.texts(node, "an action")?;
        let mut entries = Vec::new();
        for (text, span) in texts {
            if !is_action(text) || control && text == "*" {
                let problem = Problem::error(Rule::Action, span, format!("`{text}` is no action"));
                let help = match control {
                    true => "write `s3:Name` with `*` and `?` in the name; `*` alone is not allowed here",
                    false => "write `s3:Name` with `*` and `?` in the name, or `*` for everything",
                };
                self.problems.push(problem.help(help).detailed(text));
            }
            let pattern = Pattern::new(&text.to_ascii_lowercase(), Wildcards::On, Variables::Off);
            let known = Actions::that(|action| pattern.matches_plain(action.folded()));
            entries.push(ActionEntry { text: text.to_owned(), pattern, known, span });
        }
        Some(Element { negated, entries, span: node.span })
    }

    pub(super) fn resource(&mut self, node: &Node, negated: bool) -> Option<Element<ResourceEntry>> {
        let texts = self.texts(node, "a resource")?;
        let mut entries = Vec::new();
        for (text, span) in texts {
            let shape = ArnShape::resource(text, self.variables);
            if let Some(message) = odd(text, &shape) {
                let problem = Problem::warning(Rule::Resource, span, message);
                self.problems.push(problem.help("write `arn:aws:s3:::BUCKET/KEY`, or `*`").detailed(text));
            }
            self.early_variable(text, span);
            entries.push(ResourceEntry { text: text.to_owned(), shape, span });
        }
        Some(Element { negated, entries, span: node.span })
    }

    /// Warns of `${` where it is literal text although the document's version has variables.
    pub(super) fn early_variable(&mut self, arn: &str, span: Span) {
        let early = match arn.splitn(6, ':').nth(5) {
            Some(resource) => arn.strip_suffix(resource).unwrap_or(arn),
            None => arn,
        };
        if self.variables == Variables::On && early.contains("${") {
            let message = "a variable before the fifth colon of an ARN is literal text and matches nothing";
            let problem = Problem::warning(Rule::Variable, span, message);
            self.problems.push(problem.help("write the segment out, or use `*` there and a condition"));
        }
    }

    /// The texts of a list, at least one and none of them empty.
    fn texts<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<(&'n str, Span)>> {
        let mut found = Vec::new();
        for entry in node.entries() {
            match &entry.json {
                Json::Text(text) if !text.is_empty() => found.push((text.as_str(), entry.span)),
                Json::Text(_) => self.error(Rule::ListSyntax, entry.span, "this text is empty", "remove it"),
                _ => {
                    let message = format!("{what} is a text, and this is {}", entry.kind());
                    self.error(Rule::ListSyntax, entry.span, message, "put it in double quotes");
                }
            }
        }
        if node.entries().is_empty() {
            self.error(Rule::ListSyntax, node.span, "this list is empty", "write at least one entry");
        }
        (!found.is_empty() && found.len() == node.entries().len()).then_some(found)
    }
}

/// What is strange about a resource that is neither an ARN nor `*`. It is decided on as it stands: only one that
/// ends in `*` may match at all.
fn odd(text: &str, shape: &ArnShape) -> Option<String> {
    match shape {
        ArnShape::Segments(segments) if segments.patterns.first().is_some_and(|first| first.matches_plain("arn")) => {
            None
        }
        ArnShape::Whole(_) if text == "*" || text.starts_with("arn:") => None,
        ArnShape::Whole(_) => Some(format!("`{text}` is no ARN, and matches those alone that begin like it")),
        ArnShape::Nothing | ArnShape::Segments(_) => Some(format!("`{text}` is no ARN and matches nothing")),
    }
}

/// `*`, or a service without wildcards, a colon, and a name.
fn is_action(text: &str) -> bool {
    let service = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    text == "*"
        || text
            .split_once(':')
            .is_some_and(|(prefix, name)| !prefix.is_empty() && prefix.bytes().all(service) && !name.is_empty())
}
