//! `tests/*.toml`: decisions that must hold before a generation is taken.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::super::ProcessEnvironment;
use super::super::finding::{Finding, Findings, Source};
use super::super::reader::{self, Located, Table};
use super::folder::{Desk, Entry, Place};
use crate::access::Estate;
use crate::access::hypothetical::{self, Hypothetical, Part};
use crate::identity::Directory;
use crate::policy::engine::{Decision, Layer};
use crate::time::Millis;

/// How many questions all tests together may ask.
const MOST_QUESTIONS: usize = 100_000;
/// The layers that a denial may be expected of.
const LAYERS: [Layer; 8] = [
    Layer::ServiceControl,
    Layer::ResourceControl,
    Layer::Endpoint,
    Layer::Identity,
    Layer::Boundary,
    Layer::AccessPoint,
    Layer::Resource,
    Layer::PublicAccessBlock,
];

/// A decision that must hold: for every action on every resource.
#[derive(Clone, Debug)]
pub struct Expectation {
    name: String,
    principal: Located<String>,
    actions: Vec<Located<String>>,
    resources: Vec<Located<String>>,
    from: Option<IpAddr>,
    with: Vec<(String, String)>,
    with_span: Option<Range<usize>>,
    expected: Expected,
    span: Range<usize>,
    source: Arc<Source>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    Allow,
    /// By this layer, if one is named.
    Deny(Option<Layer>),
}

/// What tests are asked of besides the generation.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Who is there.
    pub directory: &'a Directory,
    /// The region of the proxy.
    pub region: &'a str,
    /// The present, for tests that name no time.
    pub now: Millis,
}

/// What to do about a test that fails.
const WHY: &str = "mend the policy, or the test; `bartizan explain` with the same `--as`, `--do` and `--on` says why";

impl Expectation {
    /// What the test is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What does not come out as expected, at the place of the test that says so.
    pub fn failures(&self, estate: &Estate, world: World<'_>) -> Findings {
        let mut findings = Findings::default();
        let now = world.now;
        let found = match hypothetical::principal(world.directory, &self.principal.value, now.seconds()) {
            Ok(found) => found,
            Err(fault) => return self.finding(self.principal.span.clone(), fault.message).help(fault.help).into(),
        };
        for action in &self.actions {
            for resource in &self.resources {
                let request = Hypothetical {
                    principal: &found.principal,
                    action: &action.value,
                    resource: &resource.value,
                    from: self.from,
                    with: &self.with,
                    region: world.region,
                    now,
                };
                match request.decide(estate) {
                    Ok(decision) if self.expected.holds(&decision) => {}
                    Ok(decision) => {
                        let message = format!(
                            "`{}`: {} is to be {}, and is {}",
                            self.name,
                            action.value,
                            self.expected,
                            outcome(&decision)
                        );
                        let finding = self.finding(self.span.clone(), message).label(resource.value.clone());
                        findings.push(finding.help(WHY));
                    }
                    Err(fault) => {
                        let span = match fault.part {
                            Part::Action => action.span.clone(),
                            Part::Principal => self.principal.span.clone(),
                            Part::Resource => resource.span.clone(),
                            Part::With(_) => self.with_span.clone().unwrap_or_else(|| self.span.clone()),
                        };
                        let message = format!("`{}`: {}", self.name, fault.message);
                        findings.push(self.finding(span, message).help(fault.help));
                    }
                }
            }
        }
        findings
    }

    fn finding(&self, span: Range<usize>, message: String) -> Finding {
        Finding::error(&self.source, Some(span), message)
    }
}

impl Expected {
    fn holds(self, decision: &Decision) -> bool {
        match self {
            Self::Allow => decision.is_allow(),
            Self::Deny(layer) => !decision.is_allow() && layer.is_none_or(|layer| decision.layer() == Some(layer)),
        }
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allow => f.write_str("allowed"),
            Self::Deny(None) => f.write_str("denied"),
            Self::Deny(Some(layer)) => write!(f, "denied by the layer `{}`", layer.name()),
        }
    }
}

/// A decision in words, with the statements it rests on.
fn outcome(decision: &Decision) -> String {
    match decision {
        Decision::Allow(grant) => {
            let mut text = "allowed by".to_owned();
            for basis in grant.basis() {
                let _ = write!(text, " `{basis}`");
            }
            text
        }
        Decision::ExplicitDeny(forbidden) => {
            let layer = forbidden.layer().name();
            match forbidden.statement() {
                Some(statement) => format!("denied by `{statement}` (layer `{layer}`, line {})", statement.line()),
                None => format!("denied by the layer `{layer}`"),
            }
        }
        Decision::ImplicitDeny(layer) => format!("denied, because nothing in the layer `{}` allows it", layer.name()),
    }
}

/// The tests of all files.
pub(super) fn read(desk: &mut Desk<'_>, entries: &[Entry]) -> Vec<Expectation> {
    let mut tests = Vec::new();
    let mut questions = 0;
    for Entry { path, place } in entries {
        if *place != Place::Tests {
            continue;
        }
        let Some(text) = desk.text(path, "the tests", "write them, or remove their file") else { continue };
        match parse(path, &text) {
            Ok((found, warnings)) => {
                questions += found.iter().map(|test| test.actions.len() * test.resources.len()).sum::<usize>();
                tests.extend(found);
                desk.findings.extend(warnings);
            }
            Err(findings) => desk.findings.extend(findings),
        }
        if questions > MOST_QUESTIONS {
            let message = format!("the tests ask more than {MOST_QUESTIONS} questions");
            let help = "each test asks about every action on every resource: shorten the lists";
            desk.findings.push(Finding::file(path, message).help(help));
            break;
        }
    }
    tests
}

fn parse(path: &Path, text: &str) -> Result<(Vec<Expectation>, Findings), Findings> {
    reader::read(path, text, &ProcessEnvironment, |root| {
        let mut tests = Vec::new();
        let tables = if root.has("test") { root.tables("test") } else { Vec::new() };
        for mut table in tables {
            tests.extend(test(&mut table));
            table.finish();
        }
        Some(tests)
    })
}

fn test(table: &mut Table<'_>) -> Option<Expectation> {
    let name = needed(table, "name", "name = \"strangers may not read\"");
    let principal = needed(table, "as", "as = \"arn:aws:iam::111122223333:user/alice\"");
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut several = |key, expected: &str, example| {
        let found = table.one_or_more(key, expected, text);
        if found.is_empty() && !table.has(key) {
            table.required(key, example);
        }
        found
    };
    let actions = several("do", "an action such as \"s3:GetObject\"", "do = \"s3:GetObject\"");
    let resources = several("on", "an ARN such as \"arn:aws:s3:::bucket/key\"", "on = \"arn:aws:s3:::bucket/key\"");
    let from = table.parsed("from", "an address such as \"10.0.0.1\"", |text| text.parse::<IpAddr>().ok());
    let with_span = table.span_of("with");
    let with = table.many("with");
    let expected = expected(table);
    Some(Expectation {
        span: table.span_of("expect").unwrap_or_else(|| table.span()),
        name: name?.value,
        principal: principal?,
        actions,
        resources,
        from: from.map(|found| found.value),
        with,
        with_span,
        expected: expected?,
        source: table.source(),
    })
}

fn needed(table: &mut Table<'_>, key: &'static str, example: &str) -> Option<Located<String>> {
    let found = table.string(key);
    if found.is_none() && !table.has(key) {
        table.required(key, example);
    }
    found
}

fn expected(table: &mut Table<'_>) -> Option<Expected> {
    let word = |text: &str| match text {
        "allow" => Some(true),
        "deny" => Some(false),
        _ => None,
    };
    let allow = table.parsed("expect", "\"allow\" or \"deny\"", word);
    if allow.is_none() && !table.has("expect") {
        table.required("expect", "expect = \"deny\"");
    }
    if allow.as_ref()?.value {
        table.pointless(&["because"], "`expect = \"allow\"`");
        return Some(Expected::Allow);
    }
    let names: Vec<String> = LAYERS.iter().map(|layer| format!("\"{}\"", layer.name())).collect();
    let layer = |text: &str| LAYERS.into_iter().find(|layer| layer.name() == text);
    let because = table.parsed("because", &format!("one of {}", names.join(", ")), layer);
    Some(Expected::Deny(because.map(|found| found.value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[test]]
name   = "readers read"
as     = "arn:aws:iam::111122223333:user/alice"
do     = ["s3:GetObject", "s3:GetObjectTagging"]
on     = "arn:aws:s3:::bbb/k"
from   = "10.0.0.1"
with   = { "aws:SecureTransport" = "false", "s3:RequestObjectTagKeys" = ["a", "b"] }
expect = "deny"
because = "resource"
"#;

    fn faults(text: &str) -> String {
        parse(Path::new("a.toml"), text).err().map(|findings| findings.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_documented_form_is_read() {
        let (tests, _) = parse(Path::new("a.toml"), GOOD).unwrap_or_else(|findings| panic!("{findings}"));
        let test = &tests[0];
        assert_eq!((test.actions.len(), test.resources.len(), test.with.len()), (2, 1, 3));
        assert_eq!(test.expected, Expected::Deny(Some(Layer::Resource)));
    }

    #[test]
    fn a_test_that_says_less_than_it_seems_to_is_refused() {
        assert!(faults(&GOOD.replace("expect = \"deny\"\n", "")).contains("`test[0].expect` is missing"));
        assert!(faults(&GOOD.replace("\"deny\"", "\"denied\"")).contains("\"allow\" or \"deny\""));
        assert!(faults(&GOOD.replace("\"deny\"", "\"allow\"")).contains("`test[0].because` has no meaning"));
        assert!(faults(&GOOD.replace("\"resource\"", "\"bucket\"")).contains("public-access-block"));
        assert!(faults(&GOOD.replace("from ", "form ")).contains("did you mean `from`"));
        assert!(faults(&GOOD.replace("\"arn:aws:s3:::bbb/k\"", "[]")).contains("is empty"));
        assert!(faults(&GOOD.replace("[[test]]", "[[tests]]")).contains("unknown key"));
        assert!(faults(&GOOD.replace("10.0.0.1", "10.0.0.0/8")).contains("an address"));
    }
}
