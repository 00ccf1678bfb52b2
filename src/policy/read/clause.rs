//! `Condition` (spec/policy-language.md 5).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Reader;
use crate::policy::context::{asked, fold};
use crate::policy::document::{ArnShape, Condition, Family, Key, Operand, Operator, Quantifier, Span, Value};
use crate::policy::json::{self, Json, Member, Node};
use crate::policy::pattern::{Pattern, Variables, Wildcards};
use crate::policy::problem::{Problem, Rule};
use crate::policy::value::{Block, Decimal, Instant};

/// An operator with its prefix and suffix.
#[derive(Clone, Copy)]
struct Form {
    operator: Operator,
    quantifier: Option<Quantifier>,
    if_exists: bool,
}

impl Form {
    /// Reads `ForAnyValue:StringLikeIfExists`. `Null` goes with neither prefix nor suffix.
    fn named(name: &str) -> Option<Self> {
        let (quantifier, rest) = match (name.strip_prefix("ForAllValues:"), name.strip_prefix("ForAnyValue:")) {
            (Some(rest), _) => (Some(Quantifier::All), rest),
            (_, Some(rest)) => (Some(Quantifier::Any), rest),
            _ => (None, name),
        };
        let (if_exists, rest) = rest.strip_suffix("IfExists").map_or((false, rest), |rest| (true, rest));
        let operator = Operator::named(rest)?;
        let sound = operator != Operator::Null || quantifier.is_none() && !if_exists;
        sound.then_some(Self { operator, quantifier, if_exists })
    }
}

impl Reader {
    pub(super) fn conditions(&mut self, node: &Node) -> Vec<Condition> {
        let mut found = Vec::new();
        let Json::Object(operators) = &node.json else {
            let message = format!("`Condition` is an object, and this is {}", node.kind());
            self.error(Rule::OperandSyntax, node.span, message, "write `{ \"StringEquals\": { KEY: VALUE } }`");
            return found;
        };
        for Member { name, value } in operators {
            let form = Form::named(&name.value);
            if form.is_none() {
                let problem = Problem::error(Rule::Operator, name.span, format!("`{}` is no operator", name.value));
                let help = "see the list of operators; letter case counts, and `IfExists` does not go with `Null`";
                self.problems.push(problem.help(help).subject(name.value.as_str()));
            }
            let Json::Object(clauses) = &value.json else {
                let message = format!("behind an operator stands an object, and this is {}", value.kind());
                self.error(Rule::OperandSyntax, value.span, message, "write `{ KEY: VALUE }`");
                continue;
            };
            self.keys_differ(clauses);
            for clause in clauses {
                let operands = self.operands(&clause.value, form);
                if let Some(Form { operator, quantifier, if_exists }) = form {
                    let span = Span { start: clause.name.span.start, end: clause.value.span.end };
                    let text = clause.name.value.clone();
                    let key = Key { folded: fold(&text), asked: asked(&text), text, span: clause.name.span };
                    let operator_span = name.span;
                    found.push(Condition { operator, quantifier, if_exists, key, operands, span, operator_span });
                }
            }
        }
        found
    }

    /// Two spellings of one key under one operator are a duplicate.
    fn keys_differ(&mut self, clauses: &[Member]) {
        let mut seen = BTreeSet::new();
        let mut exact = BTreeSet::new();
        for Member { name, .. } in clauses {
            // What is the same to the letter was found when the text was read.
            if !seen.insert(fold(&name.value)) && exact.insert(name.value.as_str()) {
                self.problems.push(json::duplicate(name));
            }
            exact.insert(&name.value);
        }
    }

    fn operands(&mut self, node: &Node, form: Option<Form>) -> Vec<Operand> {
        let mut found = Vec::new();
        if node.entries().is_empty() {
            self.error(Rule::OperandSyntax, node.span, "this list is empty", "write at least one value");
        }
        for entry in node.entries() {
            let text = match &entry.json {
                Json::Text(text) | Json::Number(text) => text.clone(),
                Json::Bool(value) => value.to_string(),
                _ => {
                    let message = format!("a value is a text, a number or a boolean, and this is {}", entry.kind());
                    self.error(Rule::OperandSyntax, entry.span, message, "write a text");
                    continue;
                }
            };
            if let Some(form) = form {
                let value = self.operand(form.operator, &text, entry.span);
                found.push(Operand { text, value, span: entry.span });
            }
        }
        found
    }

    /// Prepares an operand for its operator.
    fn operand(&mut self, operator: Operator, text: &str, span: Span) -> Value {
        let family = operator.family();
        let pattern = |wildcards| Pattern::new(text, wildcards, self.variables);
        let prepared = match family {
            Family::Exact | Family::IgnoreCase => Some(Value::Text(pattern(Wildcards::Off))),
            Family::Like => Some(Value::Text(pattern(Wildcards::On))),
            Family::Bool => {
                let pattern = pattern(Wildcards::Off);
                let sound = pattern.has_variables() || is_bool(text).is_some();
                sound.then_some(Value::Text(pattern))
            }
            Family::Arn => {
                self.early_variable(text, span);
                Some(ArnShape::segments(text, self.variables))
                    .filter(|shape| *shape != ArnShape::Nothing)
                    .map(Value::Arn)
            }
            Family::Number => Decimal::parse(text).map(Value::Number),
            Family::Date => Instant::parse(text).map(Value::Date),
            Family::Binary => STANDARD.decode(text).ok().map(Value::Binary),
            Family::Address => Block::parse(text).map(Value::Address),
            Family::Null => is_bool(text).map(Value::Absent),
        };
        prepared.unwrap_or_else(|| {
            self.problems.push(malformed(family, text, span, self.variables));
            Value::Malformed
        })
    }
}

fn is_bool(text: &str) -> Option<bool> {
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

/// The warning about an operand that matches nothing.
fn malformed(family: Family, text: &str, span: Span, variables: Variables) -> Problem {
    let (rule, what, help) = match family {
        Family::Number => (Rule::Operand, "number", "write digits with a sign or a decimal point"),
        Family::Date => (Rule::Operand, "date", "write `2026-03-14T09:26:53Z`, or seconds since 1970"),
        Family::Binary => (Rule::Base64, "base64", "write base64 with padding"),
        Family::Address => (Rule::Address, "address", "write `203.0.113.0/24`, `2001:db8::/32`, or one address"),
        Family::Arn => (Rule::Operand, "ARN", "write six segments with colons between them, `*` where any will do"),
        _ => (Rule::Operand, "boolean", "write `true` or `false`"),
    };
    let help = match variables == Variables::On && text.contains("${") {
        true => "variables work in String and Arn operators and `Bool` only",
        false => help,
    };
    Problem::warning(rule, span, format!("`{text}` is no {what} and matches nothing")).help(help)
}
