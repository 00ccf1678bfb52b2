//! The policies folder as one generation: every document read, every name resolved, or nothing at all.
//!
//! Invariants:
//! - a file that is not understood, or that this version does not obey, refuses the whole folder: a rule
//!   that is ignored could open a hole;
//! - every name that attaches a document leads to one;
//! - files, their sizes, their number and their depth are bounded.

mod buckets;
mod draft;
mod expectation;
mod folder;
mod keeper;
mod organization;
mod picture;
mod point_change;
mod points;
mod strangers;
#[cfg(test)]
mod tests;
mod watch;
mod widening;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::config::Config;
use super::credentials;
use super::finding::{Finding, Findings};
use crate::access::Estate;
use crate::identity::{Directory, Kind as PrincipalKind, Role, canonical_id};
use crate::policy::engine::public::Block;
use crate::policy::engine::{AccountRules, Attachments, Policy, Sources};
use crate::policy::read::Kind;
use crate::sts;
use crate::time::{Clock as _, SystemClock};
use draft::Draft;
use folder::{Desk, ENDPOINT, Entry, MANAGED, Place};
use picture::Picture;

pub use expectation::{Expectation, World};
pub use keeper::{ChangeFault, ChangeFaultKind, Consent, Keeper, Standing, Take, Taken};
pub use watch::{Answer, Reloaded, Watch};
pub use widening::{What, Widening, widenings};

/// A folder that was read and found good.
pub struct Loaded {
    /// What decides.
    pub estate: Arc<Estate>,
    /// Who may assume which role, from the same documents.
    pub roles: sts::Rules,
    /// The documents by what they are attached to, for questions over all of them.
    pub sources: Sources,
    /// The tests of the folder. They hold, or it would not have been loaded, except by [`look`].
    pub tests: Vec<Expectation>,
    /// Those of them that do not hold, as errors.
    pub failed: Findings,
    /// What somebody should know.
    pub warnings: Findings,
    /// The files as they were before they were read.
    picture: Picture,
}

/// Documents of `identities/`, by name, each read as what it is used as.
#[derive(Default)]
struct Identities {
    policies: BTreeMap<String, Arc<Policy>>,
    trusts: BTreeMap<String, Arc<Policy>>,
}

/// Reads the folder of a configuration, for the principals of a directory.
///
/// # Errors
/// Everything that is broken, missing, or not obeyed in this version, every test that fails, and the
/// warnings.
pub fn load(config: &Config, directory: &Directory) -> Result<Loaded, Findings> {
    load_with(config, directory, &[])
}

/// The same, with drafts in the place of files.
fn load_with(config: &Config, directory: &Directory, drafts: &[Draft]) -> Result<Loaded, Findings> {
    let mut loaded = read(config, directory, drafts)?;
    if loaded.failed.is_empty() {
        return Ok(loaded);
    }
    loaded.warnings.extend(loaded.failed);
    Err(loaded.warnings)
}

/// Reads the folder to answer questions about it, not to decide by it: tests may fail. Whoever mends what
/// they found has to ask why.
///
/// # Errors
/// As of [`load`], without those of tests that fail.
pub fn look(config: &Config, directory: &Directory) -> Result<Loaded, Findings> {
    read(config, directory, &[])
}

/// Reads the folder, and asks its tests.
fn read(config: &Config, directory: &Directory, drafts: &[Draft]) -> Result<Loaded, Findings> {
    let picture = Picture::take(config, directory.files());
    let mut desk = Desk::new(directory, drafts);
    let entries = folder::entries(config, &mut desk);
    let identities = identities(&mut desk, config, &entries, directory);
    let (mut accounts, blocks) = accounts(&mut desk, &entries, directory);
    let organizations = organization::read(&mut desk, &entries, directory, &mut accounts);
    let buckets = buckets::read(&mut desk, &entries, &config.account, directory);
    let points = points::read(&mut desk, &entries, &config.region, directory);
    let sources = Sources {
        identities: attachments(directory, &identities),
        accounts,
        buckets: buckets.rules,
        access_points: points.rules,
        endpoints: endpoints(&mut desk, &entries),
        trusts: trusts(directory, &identities),
    };
    let tests = expectation::read(&mut desk, &entries);
    let warnings = desk.findings;
    if warnings.has_errors() {
        return Err(warnings);
    }
    let roles = roles(&identities, &sources);
    let estate = Estate::new(&config.account, sources.clone(), organizations).with_kept(buckets.kept, blocks);
    let estate = Arc::new(estate.with_access_points(points.kept));
    let world = World { directory, region: &config.region, now: SystemClock.now_millis() };
    let mut failed = Findings::default();
    tests.iter().for_each(|test| failed.extend(test.failures(&estate, world)));
    Ok(Loaded { estate, roles, sources, tests, failed, warnings, picture })
}

/// What is wrong with the folder, and what somebody should know.
pub fn check(config: &Config, directory: &Directory) -> Findings {
    load(config, directory).map_or_else(|faults| faults, |loaded| loaded.warnings)
}

/// Reads the documents of identities, and complains about names without one.
fn identities(desk: &mut Desk<'_>, config: &Config, entries: &[Entry], directory: &Directory) -> Identities {
    let mut trusts: BTreeMap<&str, &str> = BTreeMap::new();
    for role in directory.roles() {
        trusts.extend(role.trust.as_deref().map(|trust| (trust, role.arn.as_str())));
    }
    let users = directory.users().map(|user| (&user.arn, &user.policies));
    let principals = users.chain(directory.roles().map(|role| (&role.arn, &role.policies)));
    let mut attached: BTreeSet<&str> = BTreeSet::new();
    for (arn, policies) in principals {
        attached.extend(policies.iter().map(String::as_str));
        attached.extend(directory.boundary(arn));
    }
    let mut found = Identities::default();
    for Entry { path, place } in entries {
        let Place::Identity(name) = place else { continue };
        let title = format!("identities/{name}");
        match (attached.contains(name.as_str()), trusts.contains_key(name.as_str())) {
            (true, true) => {
                let message = "this policy is attached to a principal, and is the trust policy of a role";
                let help = "only the second kind has `Principal`: write two documents";
                desk.findings.push(Finding::file(path, message).help(help));
            }
            // Nobody's trust policy any more: its role is gone, or trusts nobody.
            (false, false) if desk.is_trust(path) => {}
            (_, false) => {
                let policy = desk.policy(path, title, Kind::Identity, &MANAGED);
                found.policies.extend(policy.map(|policy| (name.clone(), policy)));
            }
            (false, true) => {
                let policy = desk.trust(path, title);
                found.trusts.extend(policy.map(|policy| (name.clone(), policy)));
            }
        }
    }
    let there = |name: &str| entries.iter().any(|entry| matches!(&entry.place, Place::Identity(own) if own == name));
    let missing = attached.iter().filter(|name| !there(name)).map(|name| {
        let help = format!("write `identities/{name}.json`, or take `{name}` out");
        (*name, "an attached policy does not exist", help)
    });
    let untrusted = trusts.iter().filter(|(name, _)| !there(name)).map(|(name, role)| {
        let help =
            format!("write `identities/{name}.json`, or take `trust` from `{role}`: then nobody can assume the role");
        (*name, "the trust policy does not exist", help)
    });
    let missing: Vec<(&str, &str, String)> = missing.chain(untrusted).collect();
    if !missing.is_empty() {
        let named = credentials::places(&config.credentials);
        for (name, message, help) in missing {
            let path = config.policies.join("identities").join(format!("{name}.json"));
            desk.findings.push(named.finding(name, &path, message).help(help));
        }
    }
    found
}

/// What is attached to every user and role. The root of an account has nothing attached: it may do
/// everything there.
fn attachments(directory: &Directory, identities: &Identities) -> BTreeMap<String, Attachments> {
    let document = |name: &str| identities.policies.get(name).cloned();
    let attached = |arn: &str, names: &[String]| Attachments {
        policies: names.iter().filter_map(|name| document(name)).collect(),
        boundary: directory.boundary(arn).and_then(document),
    };
    let users = directory.users().filter(|user| user.kind == PrincipalKind::User);
    let users = users.map(|user| (user.arn.clone(), attached(&user.arn, &user.policies)));
    let roles = directory.roles().map(|role| (role.arn.clone(), attached(&role.arn, &role.policies)));
    users.chain(roles).collect()
}

/// The accounts, with their Block Public Access; and that once more, for those where it has been said.
fn accounts(
    desk: &mut Desk<'_>,
    entries: &[Entry],
    directory: &Directory,
) -> (BTreeMap<String, AccountRules>, HashMap<String, Block>) {
    let rules = |account: &str| AccountRules { canonical_id: Some(canonical_id(account)), ..AccountRules::default() };
    let mut accounts: BTreeMap<String, AccountRules> =
        directory.accounts().map(|(account, _)| (account.to_owned(), rules(account))).collect();
    let mut blocks = HashMap::new();
    for Entry { path, place } in entries {
        let Place::AccountBlock(account) = place else { continue };
        let block = buckets::block(desk, path);
        match (accounts.get_mut(account), block) {
            (Some(rules), Some(block)) => {
                rules.block = block;
                blocks.insert(account.clone(), block);
            }
            (Some(_), None) => {}
            (None, _) => {
                let help = format!("declare it in credentials.toml: `[[account]]` with `id = \"{account}\"`");
                desk.findings.push(Finding::file(path, "the account of this folder is not known").help(help));
            }
        }
    }
    (accounts, blocks)
}

/// The trust policy of every role that has one.
fn trusts(directory: &Directory, identities: &Identities) -> BTreeMap<String, Arc<Policy>> {
    let trust = |role: &Role| Some((role.arn.clone(), Arc::clone(identities.trusts.get(role.trust.as_ref()?)?)));
    directory.roles().filter_map(trust).collect()
}

fn endpoints(desk: &mut Desk<'_>, entries: &[Entry]) -> BTreeMap<String, Arc<Policy>> {
    let mut endpoints = BTreeMap::new();
    for Entry { path, place } in entries {
        let Place::Endpoint(id) = place else { continue };
        let policy = desk.policy(path, format!("endpoints/{id}"), Kind::Resource, &ENDPOINT);
        endpoints.extend(policy.map(|policy| (id.clone(), policy)));
    }
    endpoints
}

/// The rules of the token service, from the same documents.
fn roles(identities: &Identities, sources: &Sources) -> sts::Rules {
    let mut rules = sts::Rules::default();
    for (name, policy) in &identities.policies {
        rules.add_identity(name, Arc::clone(policy));
    }
    for (role, policy) in &sources.trusts {
        rules.add_trust(role, Arc::clone(policy));
    }
    for (arn, attached) in &sources.identities {
        if let Some(boundary) = &attached.boundary {
            rules.add_boundary(arn, Arc::clone(boundary));
        }
    }
    for (account, own) in &sources.accounts {
        rules.add_account(account, &own.service_control, &own.resource_control);
    }
    rules
}
