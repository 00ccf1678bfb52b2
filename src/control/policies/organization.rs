//! `organization/`: which accounts belong to which unit, and what holds there (spec/policy-evaluation.md 3).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::super::ProcessEnvironment;
use super::super::finding::{Finding, Findings, Source};
use super::super::reader::{self, Table};
use super::folder::{CONTROL, Desk, Entry, Place};
use crate::access::Organization;
use crate::identity::Directory;
use crate::policy::document::Effect;
use crate::policy::engine::public::Block;
use crate::policy::engine::{AccountRules, Policy};
use crate::policy::read::{self, Kind};
use crate::s3::name;

/// The service control policy that every level has that names none.
const EVERYTHING: &str = "FullAWSAccess";
/// The resource control policy that is always there, whoever names it.
const EVERY_RESOURCE: &str = "RCPFullAWSAccess";
const EVERYTHING_DOCUMENT: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// How deep units may lie in each other, as AWS has it.
const MOST_LEVELS: usize = 5;
/// The most units.
const MOST_UNITS: usize = 10_000;
/// The most policies of one level and kind.
const MOST_POLICIES: usize = 64;

/// What `organization.toml` says.
#[derive(Debug, Default)]
struct Chart {
    id: String,
    management: Option<String>,
    blocked: bool,
    root: Level,
    units: BTreeMap<String, Unit>,
    members: BTreeMap<String, Member>,
}

/// A root, unit or account, and the names of its policies.
#[derive(Clone, Debug, Default)]
struct Level {
    id: String,
    service_control: Vec<String>,
    resource_control: Vec<String>,
}

#[derive(Debug)]
struct Unit {
    level: Level,
    /// Another unit; none below the root.
    parent: Option<String>,
    span: Range<usize>,
}

#[derive(Debug)]
struct Member {
    level: Level,
    unit: Option<String>,
}

/// The documents of the folder, each as what it is attached as.
struct Documents {
    service_control: HashMap<String, Arc<Policy>>,
    resource_control: HashMap<String, Arc<Policy>>,
}

/// Reads the files of the organization into the rules of accounts, and says who belongs where.
pub(super) fn read(
    desk: &mut Desk<'_>,
    entries: &[Entry],
    directory: &Directory,
    accounts: &mut BTreeMap<String, AccountRules>,
) -> HashMap<String, Organization> {
    let file = entries.iter().find(|entry| entry.place == Place::Organization);
    let chart = file.and_then(|entry| Some((entry.path.as_path(), chart(desk, &entry.path, directory)?)));
    let (path, chart) = match chart {
        Some((path, chart)) => (Some(path), chart),
        None => (None, Chart::default()),
    };
    let documents = documents(desk, entries, &chart, path);
    let mut organizations = HashMap::new();
    for (account, member) in &chart.members {
        let units = chart.units_of(member);
        let ids = units.iter().map(|unit| unit.id.as_str());
        let path: String =
            [chart.id.as_str(), &chart.root.id].into_iter().chain(ids).map(|id| format!("{id}/")).collect();
        organizations.insert(account.clone(), Organization { id: chart.id.clone(), paths: vec![path] });
        let rules = accounts.entry(account.clone()).or_default();
        rules.organization_block = chart.blocked.then_some(Block::ALL);
        // Neither kind of policy binds the management account.
        if chart.management.as_ref() != Some(account) {
            let levels: Vec<&Level> = std::iter::once(&chart.root).chain(units).chain([&member.level]).collect();
            rules.service_control = levels.iter().map(|level| documents.service_control(level)).collect();
            rules.resource_control = levels.iter().map(|level| documents.resource_control(level)).collect();
        }
    }
    organizations
}

impl Chart {
    /// The units above an account, from the root downward. They are known, and lie in no circle.
    fn units_of(&self, member: &Member) -> Vec<&Level> {
        let mut units = Vec::new();
        let mut next = member.unit.as_ref();
        while let Some(unit) = next.and_then(|id| self.units.get(id)).filter(|_| units.len() <= MOST_LEVELS) {
            units.push(&unit.level);
            next = unit.parent.as_ref();
        }
        units.reverse();
        units
    }

    fn levels(&self) -> impl Iterator<Item = &Level> {
        let units = self.units.values().map(|unit| &unit.level);
        std::iter::once(&self.root).chain(units).chain(self.members.values().map(|member| &member.level))
    }
}

impl Documents {
    fn service_control(&self, level: &Level) -> Vec<Arc<Policy>> {
        level.service_control.iter().filter_map(|name| self.service_control.get(name).cloned()).collect()
    }

    fn resource_control(&self, level: &Level) -> Vec<Arc<Policy>> {
        level.resource_control.iter().filter_map(|name| self.resource_control.get(name).cloned()).collect()
    }
}

/// Reads every document as what it is attached as, and complains about names without a document.
fn documents(desk: &mut Desk<'_>, entries: &[Entry], chart: &Chart, file: Option<&Path>) -> Documents {
    let named = |list: fn(&Level) -> &Vec<String>| chart.levels().flat_map(list).cloned().collect::<BTreeSet<_>>();
    let mut service = named(|level| &level.service_control);
    let mut resource = named(|level| &level.resource_control);
    let mut documents = Documents { service_control: HashMap::new(), resource_control: HashMap::new() };
    if service.remove(EVERYTHING)
        && let Ok(reading) = read::read(EVERYTHING_DOCUMENT.as_bytes(), Kind::Identity)
    {
        documents.service_control.insert(EVERYTHING.to_owned(), Policy::new(EVERYTHING, reading.document));
    }
    resource.remove(EVERY_RESOURCE);
    for Entry { path, place } in entries {
        let Place::OrganizationPolicy(name) = place else { continue };
        if [EVERYTHING, EVERY_RESOURCE].contains(&name.as_str()) {
            let help = "it is there without a file, and allows everything; give another policy another name";
            desk.findings.push(Finding::file(path, format!("`{name}` is built in")).help(help));
            continue;
        }
        let title = format!("organization/{name}");
        match (service.remove(name), resource.remove(name)) {
            (true, false) => {
                let policy = desk.policy(path, title, Kind::Identity, &CONTROL);
                documents.service_control.extend(policy.map(|policy| (name.clone(), policy)));
            }
            (false, true) => {
                let policy = resource_control(desk, path, title);
                documents.resource_control.extend(policy.map(|policy| (name.clone(), policy)));
            }
            (true, true) => {
                let message = "this policy is attached as a service control policy and as a resource control policy";
                let help = "only the second kind has `Principal`: write two documents";
                desk.findings.push(Finding::file(path, message).help(help));
            }
            (false, false) => {
                let help = "name it in organization.toml, or remove it";
                let message = "this policy is attached to nothing, so it has no effect";
                desk.findings.push(Finding::warning(&Source::named(path), None, message).help(help));
            }
        }
    }
    let Some(file) = file else { return documents };
    for name in service.iter().chain(&resource) {
        let path = file.with_file_name(format!("{name}.json"));
        let help = format!("write the policy, or take `{name}` from organization.toml");
        desk.findings.push(Finding::file(&path, "an attached policy does not exist").help(help));
    }
    documents
}

/// A resource control policy. It can only deny: what allows is built in.
fn resource_control(desk: &mut Desk<'_>, path: &Path, title: String) -> Option<Arc<Policy>> {
    let policy = desk.policy(path, title, Kind::ResourceControl, &CONTROL)?;
    let allowing = policy.document().statements.iter().find(|statement| statement.effect == Effect::Allow);
    if let Some(statement) = allowing {
        let (line, _) = policy.document().lines.place(statement.span);
        let message = format!("a resource control policy can only deny, and the statement of line {line} allows");
        let help = "write \"Effect\": \"Deny\"; what allows everything is built in";
        desk.findings.push(Finding::file(path, message).help(help));
    }
    Some(policy)
}

fn chart(desk: &mut Desk<'_>, path: &Path, directory: &Directory) -> Option<Chart> {
    let text = desk.text(path, "the organization", "write it, or remove its folder")?;
    let (chart, findings) = match parse(path, &text, directory) {
        Ok((chart, warnings)) => (Some(chart), warnings),
        Err(findings) => (None, findings),
    };
    desk.findings.extend(findings);
    chart
}

fn parse(path: &Path, text: &str, directory: &Directory) -> Result<(Chart, Findings), Findings> {
    reader::read(path, text, &ProcessEnvironment, |table| {
        let mut chart = Chart {
            id: required(table, "id", "an id such as \"o-exampleorgid\"", "id = \"o-exampleorgid\"", |text| {
                is_id(text, "o-")
            }),
            management: account(table, "management", directory),
            blocked: table.boolean("block_public_access", false),
            root: Level {
                id: required(table, "root", "an id such as \"r-ab12\"", "root = \"r-ab12\"", |text| is_id(text, "r-")),
                service_control: policies(table, "service_control", &[EVERYTHING]),
                resource_control: policies(table, "resource_control", &[]),
            },
            ..Chart::default()
        };
        units(table, &mut chart);
        members(table, &mut chart, directory);
        if let Some(management) = &chart.management {
            let level = Level { id: management.clone(), ..Level::default() };
            chart.members.entry(management.clone()).or_insert(Member { level, unit: None });
        }
        Some(chart)
    })
}

fn required(
    table: &mut Table<'_>,
    key: &'static str,
    expected: &str,
    example: &str,
    fits: impl Fn(&str) -> bool,
) -> String {
    let found = table.parsed(key, expected, |text| fits(text).then(|| text.to_owned()));
    if found.is_none() && !table.has(key) {
        table.required(key, example);
    }
    found.map(|found| found.value).unwrap_or_default()
}

fn units(root: &mut Table<'_>, chart: &mut Chart) {
    let tables = if root.has("unit") { root.tables("unit") } else { Vec::new() };
    if tables.len() > MOST_UNITS {
        let help = "split the organization";
        root.fault(root.span(), format!("there are more than {MOST_UNITS} units"), "too many", help);
        return;
    }
    for mut table in tables {
        let example = "id = \"ou-ab12-11111111\"";
        let id = required(&mut table, "id", "an id such as \"ou-ab12-11111111\"", example, |text| is_id(text, "ou-"));
        // For people.
        let _ = table.string("name");
        let parent = table.string("parent").map(|found| found.value).filter(|parent| *parent != chart.root.id);
        let level = Level {
            id: id.clone(),
            service_control: policies(&mut table, "service_control", &[EVERYTHING]),
            resource_control: policies(&mut table, "resource_control", &[]),
        };
        let span = table.span_of("parent").or_else(|| table.span_of("id")).unwrap_or_else(|| table.span());
        // An id that is missing has been told of.
        let unit = Unit { level, parent, span: span.clone() };
        if !id.is_empty() && chart.units.insert(id, unit).is_some() {
            table.fault(span, "this unit is declared twice", "taken above", "write each unit once");
        }
        table.finish();
    }
    for unit in chart.units.values() {
        if let Some(fault) = fault_of(unit, &chart.units) {
            root.fault(unit.span.clone(), fault, "not here", "name the root, or a unit that is declared in this file");
        }
    }
}

/// What is wrong with the place of a unit.
fn fault_of(unit: &Unit, units: &BTreeMap<String, Unit>) -> Option<String> {
    let (mut next, mut depth) = (unit.parent.as_ref(), 1);
    while let Some(id) = next {
        let Some(parent) = units.get(id) else { return Some(format!("the unit `{id}` is not known")) };
        depth += 1;
        if depth > MOST_LEVELS {
            return Some(format!("units lie more than {MOST_LEVELS} deep in each other, or in a circle"));
        }
        next = parent.parent.as_ref();
    }
    None
}

fn members(root: &mut Table<'_>, chart: &mut Chart, directory: &Directory) {
    let tables = if root.has("account") { root.tables("account") } else { Vec::new() };
    for mut table in tables {
        let id = account(&mut table, "id", directory);
        if id.is_none() && !table.has("id") {
            table.required("id", "id = \"111122223333\"");
        }
        let unit = table.string("unit");
        let level = Level {
            id: id.clone().unwrap_or_default(),
            service_control: policies(&mut table, "service_control", &[EVERYTHING]),
            resource_control: policies(&mut table, "resource_control", &[]),
        };
        if let Some(found) =
            unit.as_ref().filter(|found| found.value != chart.root.id && !chart.units.contains_key(&found.value))
        {
            let message = format!("the unit `{}` is not known", found.value);
            table.fault(found.span.clone(), message, "not declared", "name the root, or a unit of this file");
        }
        let unit = unit.map(|found| found.value).filter(|unit| *unit != chart.root.id);
        if let Some(id) = id
            && chart.members.insert(id, Member { level, unit }).is_some()
        {
            let span = table.span_of("id").unwrap_or_else(|| table.span());
            table.fault(span, "this account is declared twice", "taken above", "an account belongs to one unit");
        }
        table.finish();
    }
}

fn account(table: &mut Table<'_>, key: &'static str, directory: &Directory) -> Option<String> {
    let id = |text: &str| name::is_account(text).then(|| text.to_owned());
    let found = table.parsed(key, "the 12 digits of an account", id)?;
    if directory.knows_account(&found.value) {
        return Some(found.value);
    }
    let help = format!("declare it in credentials.toml: `[[account]]` with `id = \"{}\"`", found.value);
    table.fault(found.span, "this account is not known", "not declared", help);
    None
}

/// The names of the policies of one level. None given: those that AWS attaches by itself.
fn policies(table: &mut Table<'_>, key: &'static str, default: &[&str]) -> Vec<String> {
    let Some(span) = table.span_of(key) else { return default.iter().map(|name| (*name).to_owned()).collect() };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,@-".contains(&byte);
    let name = |text: &str| ((1..=128).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned());
    let found = table.list(key, "the name of a file below organization/, without .json", name);
    if found.is_empty() && !default.is_empty() {
        let help = format!("write `{key} = [\"{EVERYTHING}\"]`, or leave it out, which is the same");
        table.fault(span.clone(), "a level without a policy would allow nothing", "empty", help);
    }
    if found.len() > MOST_POLICIES {
        let message = format!("`{}` has more than {MOST_POLICIES} policies", table.path_of(key));
        table.fault(span, message, "too many", "put their statements together");
    }
    found.into_iter().map(|found| found.value).collect()
}

/// `o-`, `r-` or `ou-`, then lower-case letters, digits and, between them, `-`.
fn is_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (4..=64).contains(&rest.len()) && rest.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHART: &str = r#"
id         = "o-exampleorg"
root       = "r-ab12"
management = "111122223333"
service_control = ["FullAWSAccess", "no-deletes"]

[[unit]]
id     = "ou-ab12-prod"
name   = "production"

[[unit]]
id     = "ou-ab12-data"
parent = "ou-ab12-prod"
service_control  = ["s3-only"]
resource_control = ["ours-only"]

[[account]]
id   = "444455556666"
unit = "ou-ab12-data"
"#;

    fn directory() -> Directory {
        let mut directory = Directory::default();
        for account in ["111122223333", "444455556666"] {
            directory.add_account(account, "").unwrap();
        }
        directory
    }

    fn faults(text: &str) -> String {
        let parsed = parse(Path::new("organization.toml"), text, &directory());
        parsed.err().map(|findings| findings.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_account_has_every_level_above_it() {
        let parsed = parse(Path::new("organization.toml"), CHART, &directory());
        let (chart, _) = parsed.unwrap_or_else(|findings| panic!("{findings}"));
        let member = &chart.members["444455556666"];
        let units: Vec<&str> = chart.units_of(member).iter().map(|unit| unit.id.as_str()).collect();
        assert_eq!(units, ["ou-ab12-prod", "ou-ab12-data"]);
        let levels: Vec<usize> = chart.levels().map(|level| level.service_control.len()).collect();
        assert_eq!(levels, [2, 1, 1, 0, 1], "root, units by id, accounts");
        assert!(chart.members.contains_key("111122223333"));
    }

    #[test]
    fn a_unit_that_leads_nowhere_or_around_is_refused() {
        assert!(faults(&CHART.replace("parent = \"ou-ab12-prod\"", "parent = \"ou-ab12-gone\"")).contains("not known"));
        let circle = CHART.replace("name   = \"production\"", "parent = \"ou-ab12-data\"");
        assert!(faults(&circle).contains("in a circle"), "{}", faults(&circle));
        assert!(faults(&CHART.replace("unit = \"ou-ab12-data\"", "unit = \"ou-ab12-gone\"")).contains("not declared"));
        assert!(faults(&CHART.replace("444455556666", "999999999999")).contains("not declared"));
    }

    #[test]
    fn a_level_that_would_allow_nothing_by_accident_is_refused() {
        assert!(faults(&CHART.replace("[\"s3-only\"]", "[]")).contains("would allow nothing"));
        assert!(faults(&CHART.replace("id         = \"o-exampleorg\"\n", "")).contains("`id` is missing"));
    }
}
