//! From text to [`Document`] (spec/policy-language.md 1 to 6).
//!
//! Everything that is wrong is found in one walk, so that an author sees it all at once, and so that
//! PutBucketPolicy can name what S3 would have found first. What a document of this kind may not contain
//! is an error; what S3 stores although it means nothing is a warning.

use std::collections::BTreeSet;

use super::document::{Document, Effect, Element, Lines, Principal, Span, Spanned, Statement, Version, Who};
use super::json::{self, Json, Member, Node};
use super::pattern::Variables;
use super::principal::Type;
use super::problem::{Problem, Rule, Severity};

mod clause;
mod lists;

/// What kind of document a text is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An identity policy, a boundary, a session policy, or a service control policy.
    Identity,
    /// The policy of a bucket, an access point, or a VPC endpoint.
    Resource,
    /// A resource control policy.
    ResourceControl,
    /// The trust policy of a role: principals, and no resource.
    Trust,
}

/// A document, and what its author should look at.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The document.
    pub document: Document,
    /// What is allowed and means nothing, in the order of the text.
    pub warnings: Vec<Problem>,
}

/// Reads a document.
///
/// # Errors
///
/// Everything that is wrong with it, warnings included, in the order of the text; never empty.
pub fn read(text: &[u8], kind: Kind) -> Result<Reading, Vec<Problem>> {
    let (document, mut problems) = walk(text, kind, json::TEXT_LIMIT);
    problems.sort_by_key(|problem| problem.span);
    match document {
        Some(document) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
            Ok(Reading { document, warnings: problems })
        }
        _ => Err(problems),
    }
}

/// Reads what can be read, if the text is JSON at all: a document of the statements that have every element,
/// whatever is wrong inside. It is good for nothing but finding more problems if one of them is an error.
/// What is longer than `limit` without its white space is refused for that alone.
pub(super) fn walk(text: &[u8], kind: Kind, limit: usize) -> (Option<Document>, Vec<Problem>) {
    let mut problems = Vec::new();
    let node = match std::str::from_utf8(text) {
        Ok(text) => json::parse(text, &mut problems).map(|node| (text, node)),
        Err(error) => {
            let at = error.valid_up_to();
            Err(Problem::error(Rule::Json, Span::new(at, at + 1), "this is no UTF-8").help("save the file as UTF-8"))
        }
    };
    let (text, node) = match node {
        Ok(found) => found,
        Err(problem) => {
            problems.push(problem);
            return (None, problems);
        }
    };
    let Json::Object(members) = &node.json else {
        let message = format!("a policy is an object, and this is {}", node.kind());
        problems.push(Problem::error(Rule::FirstByte, node.span, message).help("begin with `{`"));
        return (None, problems);
    };
    let size = node.normalized();
    if size > limit {
        let message = format!("the document has {size} bytes without white space, and {limit} are allowed");
        problems.push(Problem::error(Rule::Size, Span::new(0, 1), message).help("shorten it"));
        return (None, problems);
    }
    let mut reader = Reader { kind, variables: Variables::Off, problems };
    let document = reader.document(members, node.span, Lines::of(text));
    (Some(document), reader.problems)
}

struct Reader {
    kind: Kind,
    variables: Variables,
    problems: Vec<Problem>,
}

/// The members of a statement, by name.
#[derive(Default)]
struct Parts<'n> {
    sid: Option<&'n Node>,
    effect: Option<&'n Node>,
    principal: Option<&'n Node>,
    not_principal: Option<&'n Node>,
    action: Option<&'n Node>,
    not_action: Option<&'n Node>,
    resource: Option<&'n Node>,
    not_resource: Option<&'n Node>,
    condition: Option<&'n Node>,
}

impl Reader {
    fn error(&mut self, rule: Rule, span: Span, message: impl Into<String>, help: &str) {
        self.problems.push(Problem::error(rule, span, message).help(help));
    }

    fn document(&mut self, members: &[Member], span: Span, lines: Lines) -> Document {
        let (mut version, mut id, mut statements) = (None, None, None);
        for member in members {
            match member.name.value.as_str() {
                "Version" => version = version.or(Some(&member.value)),
                "Id" if self.kind != Kind::Identity => id = id.or(self.text(&member.value, "`Id`")),
                "Statement" => statements = statements.or(Some(&member.value)),
                _ => self.unknown(member, "a policy has `Version`, `Id` (not in identity policies) and `Statement`"),
            }
        }
        let version = version.map_or(Version::Old, |version| self.version(version));
        self.variables = if version == Version::Variables { Variables::On } else { Variables::Off };
        let entries = statements.map_or(&[][..], Node::entries);
        if statements.is_none() {
            self.error(Rule::NoStatement, span, "the policy has no `Statement`", "add `\"Statement\": [ … ]`");
        } else if entries.is_empty() {
            self.error(Rule::EmptyStatement, span, "the policy has no statement", "write at least one statement");
        }
        let read = |(place, node)| self.statement(place, node);
        let statements: Vec<Statement> = entries.iter().enumerate().filter_map(read).collect();
        self.sids_differ(&statements);
        Document { version, id, statements, lines }
    }

    fn unknown(&mut self, member: &Member, help: &str) {
        let name = &member.name;
        let message = format!("`{}` is unknown here", name.value);
        let problem = Problem::error(Rule::UnknownField, name.span, message);
        self.problems.push(problem.help(help).subject(name.value.as_str()));
    }

    fn version(&mut self, node: &Node) -> Version {
        match &node.json {
            Json::Text(text) if text == "2012-10-17" => Version::Variables,
            Json::Text(text) if text == "2008-10-17" => Version::Old,
            _ => {
                let help = "write \"2012-10-17\", or \"2008-10-17\" for a policy without variables";
                self.error(Rule::Version, node.span, "this is no version of the policy language", help);
                Version::Old
            }
        }
    }

    /// A text, or a problem.
    fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        if let Json::Text(text) = &node.json {
            return Some(Spanned { value: text.clone(), span: node.span });
        }
        let message = format!("{what} is a text, and this is {}", node.kind());
        self.error(Rule::Syntax, node.span, message, "put it in double quotes");
        None
    }

    fn statement(&mut self, place: usize, node: &Node) -> Option<Statement> {
        let Json::Object(members) = &node.json else {
            let message = format!("a statement is an object, and this is {}", node.kind());
            self.error(Rule::Syntax, node.span, message, "write `{ \"Effect\": … }`");
            return None;
        };
        let parts = self.parts(members);
        let sid = parts.sid.and_then(|node| self.sid(node));
        let effect = self.required(parts.effect, None, "Effect", node.span).and_then(|(effect, _)| self.effect(effect));
        let principal = match self.kind {
            Kind::Identity => None,
            _ => self.required(parts.principal, parts.not_principal, "Principal", node.span),
        };
        let action = self.required(parts.action, parts.not_action, "Action", node.span);
        let resource = match self.kind {
            Kind::Trust => None,
            _ => self.required(parts.resource, parts.not_resource, "Resource", node.span),
        };
        let principal = principal.map(|(node, negated)| self.principal(node, negated, effect));
        let action = action.map(|(node, negated)| self.action(node, negated));
        let resource = resource.map(|(node, negated)| self.resource(node, negated));
        let conditions = parts.condition.map(|node| self.conditions(node)).unwrap_or_default();
        Some(Statement {
            place,
            sid,
            effect: effect?,
            principal: optional(principal, self.kind == Kind::Identity)?,
            action: action??,
            resource: optional(resource, self.kind == Kind::Trust)?,
            conditions,
            span: node.span,
        })
    }

    fn parts<'n>(&mut self, members: &'n [Member]) -> Parts<'n> {
        let mut parts = Parts::default();
        let (identity, trust) = (self.kind == Kind::Identity, self.kind == Kind::Trust);
        for member in members {
            let place = match member.name.value.as_str() {
                "Sid" => &mut parts.sid,
                "Effect" => &mut parts.effect,
                "Principal" if !identity => &mut parts.principal,
                "NotPrincipal" if !identity => &mut parts.not_principal,
                "Action" => &mut parts.action,
                "NotAction" => &mut parts.not_action,
                "Resource" if !trust => &mut parts.resource,
                "NotResource" if !trust => &mut parts.not_resource,
                "Condition" => &mut parts.condition,
                "Principal" | "NotPrincipal" => {
                    self.unknown(member, "identity policies name no principal: attach the policy to whom it is for");
                    continue;
                }
                _ => {
                    let help = "statements have `Sid`, `Effect`, `Principal`, `Action`, `Resource`, `Condition` and the \
                                `Not` forms; letter case counts";
                    self.unknown(member, help);
                    continue;
                }
            };
            *place = place.or(Some(&member.value));
        }
        parts
    }

    /// The form of an element that is there, and whether it is the `Not` form.
    fn required<'n>(
        &mut self,
        plain: Option<&'n Node>,
        negated: Option<&'n Node>,
        name: &str,
        statement: Span,
    ) -> Option<(&'n Node, bool)> {
        match (plain, negated) {
            (Some(node), None) => Some((node, false)),
            (None, Some(node)) => Some((node, true)),
            (None, None) => {
                let problem = Problem::error(Rule::Missing, statement, format!("the statement has no `{name}`"));
                self.problems.push(problem.help(format!("add `{name}`")).subject(name));
                None
            }
            (Some(node), Some(other)) => {
                let message = format!("the statement has both `{name}` and `Not{name}`");
                self.error(Rule::Syntax, node.span.max(other.span), message, "keep one; write two statements for both");
                None
            }
        }
    }

    fn sid(&mut self, node: &Node) -> Option<Spanned<String>> {
        let sid = self.text(node, "`Sid`")?;
        if self.kind == Kind::Identity && !sid.value.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
            self.error(Rule::Syntax, sid.span, "a `Sid` has letters and digits only", "leave out everything else");
        }
        Some(sid)
    }

    fn sids_differ(&mut self, statements: &[Statement]) {
        let mut seen = BTreeSet::new();
        for sid in statements.iter().filter_map(|statement| statement.sid.as_ref()) {
            if !sid.value.is_empty() && !seen.insert(sid.value.as_str()) {
                let message = format!("two statements have the `Sid` `{}`", sid.value);
                self.error(Rule::Syntax, sid.span, message, "give each statement its own");
            }
        }
    }

    fn effect(&mut self, node: &Node) -> Option<Effect> {
        let written = match &node.json {
            Json::Text(text) if text == "Allow" => return Some(Effect::Allow),
            Json::Text(text) if text == "Deny" => return Some(Effect::Deny),
            Json::Text(text) => text.clone(),
            _ => {
                let mut text = String::new();
                node.compact(&mut text);
                text
            }
        };
        let problem = Problem::error(Rule::Effect, node.span, format!("`{written}` is no effect"));
        self.problems.push(problem.help("write \"Allow\" or \"Deny\"; letter case counts").subject(written));
        None
    }

    fn principal(&mut self, node: &Node, negated: bool, effect: Option<Effect>) -> Option<Element<Principal>> {
        if negated && effect == Some(Effect::Allow) {
            let message = "`NotPrincipal` with `Allow` grants nothing here, and S3 refuses it";
            let problem = Problem::warning(Rule::NotPrincipalAllow, node.span, message);
            self.problems.push(problem.help("name whom to allow in `Principal`"));
        }
        let only_star = self.kind == Kind::ResourceControl;
        let entries = match &node.json {
            Json::Text(text) if text == "*" && !negated => {
                vec![Principal { who: Who::Everyone, text: text.clone(), span: node.span }]
            }
            Json::Object(members) if !members.is_empty() && !only_star => self.principals(members, negated),
            _ => {
                let help = match (only_star, negated) {
                    (true, _) => "a resource control policy has `\"Principal\": \"*\"`",
                    (_, true) => "write `{ \"AWS\": [ … ] }`; a wildcard would spare everyone",
                    _ => "write `\"*\"`, or an object: `{ \"AWS\": [ … ] }`",
                };
                self.error(Rule::PrincipalSyntax, node.span, "this is no principal", help);
                return None;
            }
        };
        Some(Element { negated, entries, span: node.span })
    }

    /// The entries that can be read. Whatever cannot is an error, so that no document lacks them.
    fn principals(&mut self, members: &[Member], negated: bool) -> Vec<Principal> {
        let mut found = Vec::new();
        for member in members {
            let name = &member.name;
            let Some(kind) = Type::named(&name.value) else {
                let message = format!("`{}` is no type of principal", name.value);
                let help = "the types are AWS, CanonicalUser, Service and Federated; letter case counts";
                self.error(Rule::PrincipalSyntax, name.span, message, help);
                continue;
            };
            if member.value.entries().is_empty() {
                self.error(Rule::PrincipalSyntax, member.value.span, "this list is empty", "name a principal");
            }
            for entry in member.value.entries() {
                let Json::Text(text) = &entry.json else {
                    let message = format!("a principal is a text, and this is {}", entry.kind());
                    self.error(Rule::PrincipalSyntax, entry.span, message, "put it in double quotes");
                    continue;
                };
                match kind.read(text) {
                    Some(Who::Everyone) if negated => {
                        let help = "name whom the statement spares";
                        self.error(Rule::PrincipalSyntax, entry.span, "a wildcard would spare everyone", help);
                    }
                    Some(who) => found.push(Principal { who, text: text.clone(), span: entry.span }),
                    None => self.problems.push(malformed(&name.value, text, entry.span)),
                }
            }
        }
        found
    }
}

/// A principal that is not well-formed, or not known.
fn malformed(kind: &str, text: &str, span: Span) -> Problem {
    let help = match kind {
        "AWS" => "write `*`, an account's number, or the whole ARN of a user, role or session; no wildcard in it",
        "CanonicalUser" => "write the 64 hex digits of the account's canonical ID",
        _ => "write the name of the service or provider; no wildcard in it",
    };
    let problem = Problem::error(Rule::Principal, span, format!("`{text}` is no principal of the type `{kind}`"));
    problem.help(help).detailed(detail(kind, text))
}

/// How S3 shows a principal in `Detail`.
pub(super) fn detail(kind: &str, text: &str) -> String {
    format!("\"{kind}\" : \"{text}\"")
}

/// An element that kinds of documents without it do not have.
fn optional<T>(element: Option<Option<T>>, none: bool) -> Option<Option<T>> {
    if none { Some(None) } else { element?.map(Some) }
}

#[cfg(test)]
mod tests;
