//! An access point as a document: the JSON form of AWS's GetAccessPoint as far as it is kept, read strictly
//! and written (spec/access-points.md 1).

use super::block;
use super::document::Span;
use super::engine::public::Block;
use super::json::{self, Json, Member, Node};
use super::problem::{Problem, Rule};
use crate::s3::name::{is_account, is_addressable_bucket, is_alias, is_vpc};
use crate::s3::tags::{self, Tags};
use crate::time::Seconds;

/// The elements, in the order in which they are written.
const NAMES: [&str; 9] = [
    "Name",
    "Bucket",
    "BucketAccountId",
    "NetworkOrigin",
    "VpcConfiguration",
    "PublicAccessBlockConfiguration",
    "Alias",
    "CreationDate",
    "Tags",
];

/// What a document says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// The bucket it leads to.
    pub bucket: String,
    /// The account that owned the bucket when the access point was made.
    pub bucket_account: String,
    /// The VPC that it is reached from alone.
    pub vpc: Option<String>,
    /// Its Block Public Access; all of it where the document says nothing.
    pub block: Block,
    /// Its alias; none where whoever wrote the document left that to others.
    pub alias: Option<String>,
    /// When it was made.
    pub created: Seconds,
    /// Its tags.
    pub tags: Tags,
}

/// What has been read so far.
#[derive(Default)]
struct Draft {
    bucket: Option<String>,
    bucket_account: Option<String>,
    vpc: Option<String>,
    /// What `NetworkOrigin` says, and where.
    origin: Option<(String, Span)>,
    block: Option<Block>,
    alias: Option<String>,
    created: Option<Seconds>,
    tags: Tags,
}

/// Reads the document of the access point of a name.
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the text; never empty.
pub fn read(text: &str, name: &str) -> Result<Stored, Vec<Problem>> {
    let mut problems = Vec::new();
    let node = json::parse(text, &mut problems).map_err(|problem| vec![problem])?;
    let Json::Object(members) = &node.json else { return Err(vec![wrong_kind(&node, "an access point", "an object")]) };
    let mut draft = Draft::default();
    for member in members {
        draft.take(member, name, &mut problems);
    }
    for needed in ["Bucket", "BucketAccountId", "CreationDate"] {
        if !members.iter().any(|member| member.name.value == needed) {
            let problem = Problem::error(Rule::Missing, node.span, format!("`{needed}` is missing"));
            problems.push(problem.help(format!("add `{needed}`, as `aws s3control get-access-point` shows it")));
        }
    }
    let in_vpc = members.iter().any(|member| member.name.value == "VpcConfiguration");
    problems.extend(draft.origin.as_ref().and_then(|(says, span)| contradiction(says, *span, in_vpc)));
    problems.sort_by_key(|problem| problem.span);
    let Draft { bucket, bucket_account, vpc, block, alias, created, tags, .. } = draft;
    match (problems.is_empty(), bucket, bucket_account, created) {
        (true, Some(bucket), Some(bucket_account), Some(created)) => {
            Ok(Stored { bucket, bucket_account, vpc, block: block.unwrap_or(Block::ALL), alias, created, tags })
        }
        _ => Err(problems),
    }
}

impl Draft {
    fn take(&mut self, Member { name: member, value }: &Member, name: &str, problems: &mut Vec<Problem>) {
        let mut note = |found: Result<String, Problem>| found.map_err(|problem| problems.push(problem)).ok();
        match member.value.as_str() {
            "Bucket" => {
                let help = "3 to 63 lower-case letters, digits, `.` and `-`";
                self.bucket = note(text(value, "`Bucket`", "the name of a bucket", help, is_addressable_bucket));
            }
            "BucketAccountId" => {
                let (help, what) = ("write the account that owns the bucket", "the 12 digits of an account");
                self.bucket_account = note(text(value, "`BucketAccountId`", what, help, is_account));
            }
            "Alias" => {
                let help = "take `Alias` out: one is derived, the same on every replica";
                let what = "an alias of this access point";
                self.alias = note(text(value, "`Alias`", what, help, |alias| is_alias(alias, name)));
            }
            "CreationDate" => {
                let help = "write `2026-03-02T10:20:30Z`";
                let is_instant = |text: &str| Seconds::from_rfc3339(text).is_some();
                let found = note(text(value, "`CreationDate`", "an instant in UTC", help, is_instant));
                self.created = found.as_deref().and_then(Seconds::from_rfc3339);
            }
            // These two say once more what the file's name and `VpcConfiguration` say.
            "Name" => {
                let help = format!("write \"{name}\", take `Name` out, or give the file another name");
                let what = "the name of the file, without its ending";
                note(text(value, "`Name`", what, &help, |text| text == name));
            }
            "NetworkOrigin" => {
                let help = "write \"Internet\", or \"VPC\" beside `VpcConfiguration`, or take it out";
                let fits = |text: &str| matches!(text, "Internet" | "VPC");
                let found = note(text(value, "`NetworkOrigin`", "\"Internet\" or \"VPC\"", help, fits));
                self.origin = found.map(|says| (says, value.span));
            }
            "VpcConfiguration" => self.vpc = vpc(value, problems),
            "PublicAccessBlockConfiguration" => self.block = block::element_of(value, problems),
            "Tags" => self.tags = tags(value, problems),
            other => {
                let help = match other {
                    "AccessPointArn" | "Endpoints" => {
                        "take it out: it follows from the file's name and folder".to_owned()
                    }
                    _ => format!("the parts are {}", NAMES.join(", ")),
                };
                let problem = Problem::error(Rule::UnknownField, member.span, format!("`{other}` is no part of this"));
                problems.push(problem.help(help));
            }
        }
    }
}

/// What `NetworkOrigin` says against the rest.
fn contradiction(says: &str, span: Span, in_vpc: bool) -> Option<Problem> {
    let (message, help) = match (says, in_vpc) {
        ("VPC", false) => (
            "`NetworkOrigin` is \"VPC\", and no VPC is named",
            "add `\"VpcConfiguration\": { \"VpcId\": \"vpc-0a1b2c3d\" }`, or write \"Internet\"",
        ),
        ("Internet", true) => {
            ("`NetworkOrigin` is \"Internet\", and a VPC is named", "write \"VPC\", or take `VpcConfiguration` out")
        }
        _ => return None,
    };
    Some(Problem::error(Rule::Syntax, span, message).help(help))
}

fn text(node: &Node, who: &str, what: &str, help: &str, fits: impl FnOnce(&str) -> bool) -> Result<String, Problem> {
    let Json::Text(text) = &node.json else { return Err(wrong_kind(node, who, "a text").help(help)) };
    if fits(text) {
        return Ok(text.clone());
    }
    Err(Problem::error(Rule::Syntax, node.span, format!("{who} is {what}, and `{text}` is none")).help(help))
}

fn vpc(node: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    let help = "write `{ \"VpcId\": \"vpc-0a1b2c3d\" }`, or leave `VpcConfiguration` out";
    let found = match &node.json {
        Json::Object(members) => match members.as_slice() {
            [Member { name, value }] if name.value == "VpcId" => {
                text(value, "`VpcId`", "the id of a VPC", help, is_vpc)
            }
            _ => Err(Problem::error(Rule::Syntax, node.span, "`VpcConfiguration` has one part, `VpcId`").help(help)),
        },
        _ => Err(wrong_kind(node, "`VpcConfiguration`", "an object").help(help)),
    };
    found.map_err(|problem| problems.push(problem)).ok()
}

fn tags(node: &Node, problems: &mut Vec<Problem>) -> Tags {
    let help = "write `[{ \"Key\": \"team\", \"Value\": \"red\" }]`";
    let Json::List(entries) = &node.json else {
        problems.push(wrong_kind(node, "`Tags`", "a list").help(help));
        return Tags::new();
    };
    let mut found = Tags::new();
    for entry in entries {
        match tag(entry) {
            Some(tag) => found.push(tag),
            None => {
                let message = "a tag has `Key` and `Value`, both of them texts";
                problems.push(Problem::error(Rule::Syntax, entry.span, message).help(help));
            }
        }
    }
    if let Err(fault) = tags::check_of_resource(&found) {
        let message = format!("these tags are not taken: {}", fault.message());
        problems.push(Problem::error(Rule::Syntax, node.span, message).help("at most 50, with keys of their own"));
    }
    found
}

fn tag(node: &Node) -> Option<(String, String)> {
    let Json::Object(members) = &node.json else { return None };
    let part = |name: &str| match &members.iter().find(|member| member.name.value == name)?.value.json {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    };
    (members.len() == 2).then(|| Some((part("Key")?, part("Value")?))).flatten()
}

fn wrong_kind(node: &Node, who: &str, what: &str) -> Problem {
    Problem::error(Rule::Syntax, node.span, format!("{who} is {what}, and here is {}", node.kind()))
}

/// Writes a document.
pub fn write(stored: &Stored) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut parts = vec![
        format!("\"Bucket\": {}", quoted(&stored.bucket)),
        format!("\"BucketAccountId\": {}", quoted(&stored.bucket_account)),
    ];
    parts.extend(stored.vpc.as_deref().map(|vpc| format!("\"VpcConfiguration\": {{ \"VpcId\": {} }}", quoted(vpc))));
    let block = block::write(stored.block);
    parts.push(format!("\"PublicAccessBlockConfiguration\": {}", block.trim_end().replace('\n', "\n  ")));
    parts.extend(stored.alias.as_deref().map(|alias| format!("\"Alias\": {}", quoted(alias))));
    parts.push(format!("\"CreationDate\": {}", quoted(&stored.created.rfc3339())));
    if !stored.tags.is_empty() {
        let tag = |(key, value): &(String, String)| {
            format!("\n    {{ \"Key\": {}, \"Value\": {} }}", quoted(key), quoted(value))
        };
        let tags: Vec<String> = stored.tags.iter().map(tag).collect();
        parts.push(format!("\"Tags\": [{}\n  ]", tags.join(",")));
    }
    format!("{{\n  {}\n}}\n", parts.join(",\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        r#"{"Bucket": "bbb", "BucketAccountId": "111122223333", "CreationDate": "2026-03-02T10:20:30Z"}"#;

    fn whole() -> Stored {
        Stored {
            bucket: "bbb".to_owned(),
            bucket_account: "444455556666".to_owned(),
            vpc: Some("vpc-1a2b".to_owned()),
            block: Block { public_policy: true, ..Block::default() },
            alias: crate::s3::name::alias("reports", 0..=255),
            created: Seconds(1_772_446_830),
            tags: vec![("team".to_owned(), "red".to_owned()), ("b/c".to_owned(), String::new())],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let stored = whole();
        assert_eq!(read(&write(&stored), "reports").unwrap(), stored);
        let least = read(LEAST, "reports").unwrap();
        assert_eq!((least.block, &least.alias, &least.vpc), (Block::ALL, &None, &None));
        assert_eq!(read(&write(&least), "reports").unwrap(), least);
    }

    #[test]
    fn what_get_access_point_says_once_more_is_taken() {
        let with = |members: &str| LEAST.replace('}', &format!(", {members}}}"));
        let open = with(r#""Name": "reports", "NetworkOrigin": "Internet""#);
        assert_eq!(read(&open, "reports").unwrap(), read(LEAST, "reports").unwrap());
        let closed = with(r#""NetworkOrigin": "VPC", "VpcConfiguration": {"VpcId": "vpc-1a2b"}"#);
        assert_eq!(read(&closed, "reports").unwrap().vpc.as_deref(), Some("vpc-1a2b"));
    }

    #[test]
    fn what_is_not_understood_is_told_and_not_passed_over() {
        let with = |member: &str| LEAST.replace('}', &format!(", {member}}}"));
        for (bad, told) in [
            ("[]", "is an object"),
            ("{}", "`Bucket` is missing"),
            (&LEAST.replace("bbb", "B"), "the name of a bucket"),
            (&LEAST.replace("111122223333", "1"), "12 digits"),
            (&LEAST.replace("30Z", "30+00:00"), "an instant in UTC"),
            (&with(r#""Endpoints": {}"#), "no part of this"),
            (&with(r#""Name": "report""#), "the name of the file"),
            (&with(r#""NetworkOrigin": "Vpc""#), "\"Internet\" or \"VPC\""),
            (&with(r#""NetworkOrigin": "VPC""#), "no VPC is named"),
            (&with(r#""NetworkOrigin": "Internet", "VpcConfiguration": {"VpcId": "vpc-1a2b"}"#), "a VPC is named"),
            (&with(r#""Bucket": "ccc""#), "twice"),
            (&with(r#""Alias": "reports-s3alias""#), "an alias of this"),
            (&with(r#""VpcConfiguration": {"VpcId": "v"}"#), "the id of a VPC"),
            (&with(r#""VpcConfiguration": {}"#), "one part"),
            (&with(r#""PublicAccessBlockConfiguration": {"BlockPublicPolicy": 1}"#), "true or false"),
            (&with(r#""PublicAccessBlockConfiguration": {"Block": true}"#), "no setting"),
            (&with(r#""Tags": [{"Key": "a"}]"#), "`Key` and `Value`"),
            (&with(r#""Tags": [{"Key": "aws:a", "Value": ""}]"#), "not taken"),
            (&with(r#""Tags": {}"#), "is a list"),
        ] {
            let problems = read(bad, "reports").unwrap_err();
            assert!(problems.iter().any(|problem| problem.message.contains(told)), "{bad}: {problems:?}");
        }
    }
}
