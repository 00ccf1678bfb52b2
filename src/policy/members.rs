//! Reading the documents of buckets' settings as JSON: the members of an object, and what is wrong with them.

use super::document::Span;
use super::json::{Json, Member, Node};
use super::problem::{Problem, Rule};

/// The members of an object, by name, each at most once and no others.
pub(super) fn members<'n, const N: usize>(node: &'n Node, names: [&str; N]) -> Result<[Option<&'n Node>; N], Problem> {
    let Json::Object(members) = &node.json else {
        return Err(problem(node.span, &format!("this is {} and not an object", node.kind()), "write `{ … }`"));
    };
    let mut found = [None; N];
    for Member { name, value } in members {
        let place = names.iter().position(|known| *known == name.value).and_then(|at| found.get_mut(at));
        let Some(place) = place else {
            let known = if N == 0 { "it is empty".to_owned() } else { format!("the members are {}", names.join(", ")) };
            let message = format!("`{}` has no meaning here", name.value);
            return Err(Problem::error(Rule::UnknownField, name.span, message).help(known));
        };
        *place = Some(value);
    }
    Ok(found)
}

pub(super) fn text(node: &Node) -> Option<&str> {
    match &node.json {
        Json::Text(text) => Some(text),
        _ => None,
    }
}

pub(super) fn missing(span: Span, name: &str) -> Problem {
    problem(span, &format!("`{name}` is missing"), "add it")
}

pub(super) fn problem(span: Span, message: &str, help: &str) -> Problem {
    Problem::error(Rule::Syntax, span, message.to_owned()).help(help.to_owned())
}
