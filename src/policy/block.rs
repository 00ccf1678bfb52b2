//! `PublicAccessBlockConfiguration` as a document: the JSON form of AWS, read strictly and written.

use super::document::Span;
use super::engine::public::Block;
use super::json::{self, Json, Member, Node};
use super::problem::{Problem, Rule};

/// The elements, in the order of AWS.
const NAMES: [&str; 4] = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

/// Reads a document. A missing element is false, as S3 has it (spec/policy-evaluation.md 8.6).
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the text; never empty.
pub fn read(text: &str) -> Result<Block, Vec<Problem>> {
    let mut problems = Vec::new();
    let node = json::parse(text, &mut problems).map_err(|problem| vec![problem])?;
    let block = element_of(&node, &mut problems);
    problems.sort_by_key(|problem| problem.span);
    block.filter(|_| problems.is_empty()).ok_or(problems)
}

/// The settings in an object; what is wrong with them is added to `problems`.
pub(super) fn element_of(node: &Node, problems: &mut Vec<Problem>) -> Option<Block> {
    let Json::Object(members) = &node.json else {
        let message = format!("this is an object, and here is {}", node.kind());
        let problem = Problem::error(Rule::Syntax, node.span, message);
        problems.push(problem.help("write `{ \"BlockPublicPolicy\": true }`"));
        return None;
    };
    let mut block = Block::default();
    problems.extend(members.iter().filter_map(|member| element(member, &mut block)));
    Some(block)
}

fn element(member: &Member, block: &mut Block) -> Option<Problem> {
    let setting = match member.name.value.as_str() {
        "BlockPublicAcls" => &mut block.public_acls,
        "IgnorePublicAcls" => &mut block.ignore_public_acls,
        "BlockPublicPolicy" => &mut block.public_policy,
        "RestrictPublicBuckets" => &mut block.restrict_public_buckets,
        name => return Some(unknown(name, member.name.span)),
    };
    if let Json::Bool(value) = member.value.json {
        *setting = value;
        return None;
    }
    let message = format!("`{}` is true or false, and this is {}", member.name.value, member.value.kind());
    Some(Problem::error(Rule::Syntax, member.value.span, message).help("write true or false, without quotes"))
}

fn unknown(name: &str, span: Span) -> Problem {
    let help = match name {
        "PublicAccessBlockConfiguration" => "keep what is inside of it only".to_owned(),
        _ => format!("the settings are {}", NAMES.join(", ")),
    };
    Problem::error(Rule::UnknownField, span, format!("`{name}` is no setting of Block Public Access")).help(help)
}

/// Writes a document with all four elements.
pub fn write(block: Block) -> String {
    let values = [block.public_acls, block.ignore_public_acls, block.public_policy, block.restrict_public_buckets];
    let lines: Vec<String> = NAMES.iter().zip(values).map(|(name, value)| format!("  \"{name}\": {value}")).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for bits in 0..16_u8 {
            let on = |bit: u8| bits >> bit & 1 == 1;
            let block = Block {
                public_acls: on(0),
                ignore_public_acls: on(1),
                public_policy: on(2),
                restrict_public_buckets: on(3),
            };
            assert_eq!(read(&write(block)).unwrap(), block);
        }
        let only = Block { public_policy: true, ..Block::default() };
        assert_eq!(read("{ \"BlockPublicPolicy\": true }").unwrap(), only);
        assert_eq!(read("{}").unwrap(), Block::default());
    }

    #[test]
    fn a_setting_that_could_be_read_two_ways_is_refused() {
        for text in [
            "",
            "[]",
            "{\"BlockPublicPolicy\": \"true\"}",
            "{\"BlockPublicPolicy\": 1}",
            "{\"blockPublicPolicy\": true}",
            "{\"BlockPublicPolicy\": true, \"BlockPublicPolicy\": false}",
            "{\"PublicAccessBlockConfiguration\": {\"BlockPublicPolicy\": true}}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
