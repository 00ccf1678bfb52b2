//! What a new generation opens that the one before kept closed.
//!
//! Not every grant is a widening: only what makes something public, names everyone, or takes a lock away.
//! Those three are what leaks are made of, and what nobody does by the way.

use std::fmt;

use crate::policy::document::{Effect, Statement, Who};
use crate::policy::engine::public::{self, Block, BlockLevels, Origin, PolicyOf};
use crate::policy::engine::{AccessPointRules, BucketRules, Policy, Sources};
use crate::policy::lint;

/// One thing that a new generation opens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Widening {
    /// The file that does it, below the folder: `buckets/logs/policy.json`.
    pub place: String,
    /// The line, where a statement does it.
    pub line: Option<usize>,
    /// What is opened.
    pub what: What,
}

/// Kinds of widenings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// The policy of a bucket or access point is public, and nothing keeps strangers out.
    Public,
    /// A statement allows everyone, or everyone but a few, and did not before.
    Everyone(String),
    /// A setting of Block Public Access is switched off, or an access point is no more bound to its VPC.
    Unblocked(&'static str),
}

/// What `after` opens that `before` kept closed, in the order of the files.
pub fn widenings(before: &Sources, after: &Sources) -> Vec<Widening> {
    let mut found = Vec::new();
    for (account, rules) in &before.accounts {
        let now = after.accounts.get(account);
        let block = now.map(|now| now.block).unwrap_or_default();
        let place = format!("accounts/{account}/public-access-block.json");
        found.extend(unblocked(&place, rules.block, block));
        let organization = now.and_then(|now| now.organization_block).unwrap_or_default();
        let whole = rules.organization_block.unwrap_or_default();
        found.extend(unblocked("organization/organization.toml", whole, organization));
    }
    for (bucket, rules) in &before.buckets {
        let block = after.buckets.get(bucket).map(|now| now.block).unwrap_or_default();
        found.extend(unblocked(&format!("buckets/{bucket}/public-access-block.json"), rules.block, block));
    }
    for (bucket, rules) in &after.buckets {
        let was = before.buckets.get(bucket);
        let place = format!("buckets/{bucket}/policy.json");
        if is_open(after, rules) && !was.is_some_and(|was| is_open(before, was)) {
            found.push(Widening { place: place.clone(), line: None, what: What::Public });
        }
        let old = was.and_then(|was| was.policy.as_deref());
        found.extend(rules.policy.as_deref().map(|new| everyone(&place, old, new)).unwrap_or_default());
    }
    for (arn, rules) in &after.access_points {
        found.extend(of_point(arn, rules, before, after));
    }
    for (role, new) in &after.trusts {
        found.extend(everyone(&format!("{}.json", new.name()), before.trusts.get(role).map(|old| &**old), new));
    }
    found.sort_by(|one, other| (&one.place, one.line).cmp(&(&other.place, other.line)));
    found.dedup();
    found
}

/// What an access point opens. One that is gone opens nothing.
fn of_point(arn: &str, rules: &AccessPointRules, before: &Sources, after: &Sources) -> Vec<Widening> {
    let name = arn.rsplit('/').next().unwrap_or_default();
    let (place, file) = (
        format!("access-points/{}/{name}.policy.json", rules.owner),
        format!("access-points/{}/{name}.json", rules.owner),
    );
    let was = before.access_points.get(arn);
    let mut found = was.map(|was| unblocked(&file, was.block, rules.block)).unwrap_or_default();
    if was.is_some_and(|was| was.origin == Origin::Vpc) && rules.origin == Origin::Internet {
        found.push(Widening { place: file, line: None, what: What::Unblocked("VpcConfiguration") });
    }
    if is_point_open(after, rules) && !was.is_some_and(|was| is_point_open(before, was)) {
        found.push(Widening { place: place.clone(), line: None, what: What::Public });
    }
    let old = was.and_then(|was| was.policy.as_deref());
    found.extend(rules.policy.as_deref().map(|new| everyone(&place, old, new)).unwrap_or_default());
    found
}

/// Whether strangers get in through an access point, as far as its own policy goes.
fn is_point_open(sources: &Sources, point: &AccessPointRules) -> bool {
    let bucket = sources.buckets.get(&point.bucket);
    let account = bucket.and_then(|bucket| sources.accounts.get(&bucket.owner));
    let own = sources.accounts.get(&point.owner);
    let own = own.map(|account| Block::of_account(account.organization_block, account.block)).unwrap_or_default();
    let levels = BlockLevels {
        organization: account.and_then(|account| account.organization_block),
        account: account.map(|account| account.block).unwrap_or_default(),
        bucket: bucket.map(|bucket| bucket.block).unwrap_or_default(),
        access_point: point.block.or(own),
    };
    let of = PolicyOf::AccessPoint(point.origin);
    let public = point.policy.as_ref().is_some_and(|policy| public::is_public(policy.document(), of));
    public && !levels.effective().restrict_public_buckets
}

/// Whether strangers get in: the policy is public, and RestrictPublicBuckets is off at every level.
fn is_open(sources: &Sources, bucket: &BucketRules) -> bool {
    let account = sources.accounts.get(&bucket.owner);
    let levels = BlockLevels {
        organization: account.and_then(|account| account.organization_block),
        account: account.map(|account| account.block).unwrap_or_default(),
        bucket: bucket.block,
        access_point: Block::default(),
    };
    let public = bucket.policy.as_ref().is_some_and(|policy| public::is_public(policy.document(), PolicyOf::Bucket));
    public && !levels.effective().restrict_public_buckets
}

/// Statements that allow everyone, and that no statement of before covers.
fn everyone(place: &str, before: Option<&Policy>, after: &Policy) -> Vec<Widening> {
    let known = |statement: &Statement| {
        before.is_some_and(|before| {
            before.document().statements.iter().any(|old| allowed(old) && lint::covers(old, statement))
        })
    };
    let lines = &after.document().lines;
    let new = after.document().statements.iter().filter(|statement| names_everyone(statement) && !known(statement));
    let widening = |statement: &Statement| Widening {
        place: place.to_owned(),
        line: Some(lines.place(statement.span).0),
        what: What::Everyone(statement.name().into_owned()),
    };
    new.map(widening).collect()
}

fn allowed(statement: &Statement) -> bool {
    statement.effect == Effect::Allow
}

fn names_everyone(statement: &Statement) -> bool {
    let open = statement
        .principal
        .as_ref()
        .is_some_and(|element| element.negated || element.entries.iter().any(|entry| entry.who == Who::Everyone));
    allowed(statement) && open
}

fn unblocked(place: &str, before: Block, after: Block) -> Vec<Widening> {
    let settings = [
        ("BlockPublicAcls", before.public_acls, after.public_acls),
        ("IgnorePublicAcls", before.ignore_public_acls, after.ignore_public_acls),
        ("BlockPublicPolicy", before.public_policy, after.public_policy),
        ("RestrictPublicBuckets", before.restrict_public_buckets, after.restrict_public_buckets),
    ];
    let off = settings.into_iter().filter(|(_, before, after)| *before && !*after);
    off.map(|(name, ..)| Widening { place: place.to_owned(), line: None, what: What::Unblocked(name) }).collect()
}

impl fmt::Display for Widening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Public => f.write_str("this policy makes the bucket public")?,
            What::Everyone(name) => write!(f, "the statement `{name}` allows everyone")?,
            What::Unblocked(setting) => write!(f, "`{setting}` is switched off")?,
        }
        match self.line {
            Some(line) => write!(f, " (line {line})"),
            None => Ok(()),
        }
    }
}
