//! `access-points/ACCOUNT/`: what an access point is, and its policy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::super::finding::Finding;
use super::folder::{Desk, Entry, Place};
use crate::access::Point;
use crate::identity::Directory;
use crate::policy::engine::AccessPointRules;
use crate::policy::engine::public::Origin;
use crate::policy::point::{self, Stored};
use crate::policy::put;
use crate::s3::name;
use crate::s3::route;

/// What all files of access points say.
#[derive(Default)]
pub(super) struct Points {
    /// By ARN.
    pub(super) rules: BTreeMap<String, AccessPointRules>,
    pub(super) kept: Vec<Point>,
}

/// An access point as the file of it says, and the file.
struct Found<'e> {
    path: &'e Path,
    account: &'e str,
    name: &'e str,
    stored: Stored,
}

/// Reads the files of all access points. They are in one region.
pub(super) fn read(desk: &mut Desk<'_>, entries: &[Entry], region: &str, directory: &Directory) -> Points {
    let mut found: BTreeMap<String, Found<'_>> = BTreeMap::new();
    for Entry { path, place } in entries {
        let Place::AccessPoint(account, name) = place else { continue };
        if !directory.knows_account(account) {
            let help = format!("declare it in credentials.toml: `[[account]]` with `id = \"{account}\"`");
            desk.findings.push(Finding::file(path, "the account of this folder is not known").help(help));
        }
        if let Some(stored) = stored(desk, path, name) {
            found.insert(arn(region, account, name), Found { path, account, name, stored });
        }
    }
    unambiguous(desk, entries, &found, region);
    let mut policies = policies(desk, entries, region);
    let mut points = Points::default();
    for (arn, Found { account, name, stored, .. }) in found {
        let (policy, text) = policies.remove(&arn).unzip();
        let origin = Origin::of(stored.vpc.as_deref());
        let rules = AccessPointRules {
            owner: account.to_owned(),
            bucket: stored.bucket.clone(),
            origin,
            policy,
            block: stored.block,
        };
        points.rules.insert(arn.clone(), rules);
        let alias = alias_of(&arn, name, &stored);
        let Stored { bucket, bucket_account, vpc, block, created, tags, .. } = stored;
        points.kept.push(Point {
            arn,
            name: name.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            bucket,
            bucket_account,
            vpc,
            block,
            alias,
            created,
            tags,
            policy: text.map(|text: String| text.into()),
        });
    }
    points
}

/// The ARN of an access point of this folder.
pub(super) fn arn(region: &str, account: &str, name: &str) -> String {
    route::Place { partition: "aws", region }.arn(account, name)
}

/// The file of an access point, and the one of its policy, below the folder.
pub(super) fn files(folder: &Path, account: &str, name: &str) -> (PathBuf, PathBuf) {
    let folder = folder.join("access-points").join(account);
    (folder.join(format!("{name}.json")), folder.join(format!("{name}.policy.json")))
}

fn stored(desk: &mut Desk<'_>, path: &Path, name: &str) -> Option<Stored> {
    let text = desk.text(path, "the access point", "write it, or remove its file")?;
    point::read(&text, name).map_err(|problems| desk.tell(path, &text, problems)).ok()
}

/// The alias of an access point. One that nobody has written down is the same wherever the file is read.
fn alias_of(arn: &str, name: &str, stored: &Stored) -> String {
    let derived = || {
        let block = |number: u8| {
            let text = format!("{number}\n{arn}\n{}", stored.created.rfc3339());
            digest(&SHA256, text.as_bytes()).as_ref().to_vec()
        };
        // Of 256 letters' worth there are always 34; were it not so, it would be no alias and be refused.
        name::alias(name, (0..8).flat_map(block)).unwrap_or_default()
    };
    stored.alias.clone().unwrap_or_else(derived)
}

/// Complains about what could be taken for something else: an alias of two, a bucket of the same host name.
fn unambiguous(desk: &mut Desk<'_>, entries: &[Entry], found: &BTreeMap<String, Found<'_>>, region: &str) {
    let mut aliases: BTreeMap<String, &Path> = BTreeMap::new();
    for (arn, Found { path, name, stored, .. }) in found {
        if let Some(other) = aliases.insert(alias_of(arn, name, stored), path) {
            let message = format!("this access point has the alias of `{}`", other.display());
            desk.findings
                .push(Finding::file(path, message).help("take `Alias` out of one of them: another is derived"));
        }
    }
    let mut told = BTreeSet::new();
    for Entry { path, place } in entries {
        let (Place::BucketBlock(bucket)
        | Place::BucketEncryption(bucket)
        | Place::BucketLogging(bucket)
        | Place::BucketPolicy(bucket)
        | Place::BucketSettings(bucket)) = place
        else {
            continue;
        };
        let claimed = bucket.rsplit_once('-').map(|(name, account)| arn(region, account, name));
        if let Some(point) = claimed.and_then(|arn| found.get(&arn)).filter(|_| told.insert(bucket)) {
            let message = format!("the access point of `{}` has the host name of this bucket", point.path.display());
            let help = format!("rename the access point `{}` of {}, or the bucket", point.name, point.account);
            desk.findings.push(Finding::file(path, message).help(help));
        }
    }
}

type Policies = BTreeMap<String, (std::sync::Arc<crate::policy::engine::Policy>, String)>;

/// The policies of access points, by ARN.
fn policies(desk: &mut Desk<'_>, entries: &[Entry], region: &str) -> Policies {
    let mut policies = Policies::new();
    let there: BTreeSet<(&str, &str)> = entries.iter().filter_map(named).collect();
    for Entry { path, place } in entries {
        let Place::AccessPointPolicy(account, name) = place else { continue };
        if !there.contains(&(account.as_str(), name.as_str())) {
            let help = format!("write `{name}.json` beside it, or remove this file");
            desk.findings.push(Finding::file(path, "there is no access point that this policy is of").help(help));
        }
        let arn = arn(region, account, name);
        let target = put::Target::AccessPoint { arn: &arn };
        // Who is gone matches nobody; that is worth a warning, not a refusal.
        let read = |text: &str| put::read(text.as_bytes(), &target, &|_| true);
        if let Some(read) = desk.document(path, format!("access-points/{account}/{name}.policy"), read) {
            policies.insert(arn, read);
        }
    }
    policies
}

/// The account and the name of an access point.
fn named(entry: &Entry) -> Option<(&str, &str)> {
    match &entry.place {
        Place::AccessPoint(account, name) => Some((account, name)),
        _ => None,
    }
}
