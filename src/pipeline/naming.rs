//! Where requests meet the policy of names (spec/naming.md 4, 8, 9): a new bucket's name is judged after its
//! maker was allowed to make it, a name that is retired leads nowhere, and what would make a bucket public
//! whose name says that it is private is refused.

use ring::rand::{SecureRandom as _, SystemRandom};

use super::judge::Case;
use crate::guard::naming::{Asked, Finding, Mode, Rule, Severity, Standing, is_confusable};
use crate::identity::{Kind, Principal};
use crate::policy::engine::public::BlockLevels;
use crate::s3::{Code, Fault, Operation};

/// How many octets a better name is drawn from.
const RANDOM: usize = 4096;
const NAMESPACE: &str = "x-amz-bucket-namespace";

/// Checks the name of a bucket that is to be made, and that other requests are not for a name of the past.
///
/// # Errors
/// `InvalidBucketName`; `NoSuchBucket` for a retired name; `ServiceUnavailable` where no further name could be
/// retired.
pub(super) fn check(case: &Case<'_>, bucket: &str) -> Result<(), Fault> {
    if case.routed.operation == Operation::CreateBucket {
        return check_new(case, bucket);
    }
    let live = case.live;
    let Some(ledger) = live.retired.as_ref().filter(|_| live.naming.mode() == Mode::Enforce) else { return Ok(()) };
    let source = case.routed.copy_source.as_ref();
    let source = source.map(|source| (source.bucket.as_str(), source.through.as_deref()));
    for (name, through) in [(bucket, case.routed.through.as_deref())].into_iter().chain(source) {
        if ledger.holds(name) && !live.naming.exempts(name) {
            let called = through.map_or(name, |through| &through.shown);
            return Err(Fault::plain(Code::NoSuchBucket, Rule::Retired.reason()).with("BucketName", called));
        }
    }
    if case.routed.operation == Operation::DeleteBucket && ledger.is_full() {
        let fault = Fault::plain(Code::ServiceUnavailable, "retired-names-full");
        return Err(fault.detail("the ledger of retired names is full: this name would be free for anybody"));
    }
    Ok(())
}

fn check_new(case: &Case<'_>, bucket: &str) -> Result<(), Fault> {
    let (live, rules) = (case.live, case.live.estate.rules());
    let namespace = case.routed.headers.get(NAMESPACE);
    let standing = live.retired.as_ref().map(|ledger| ledger.standing(bucket, lasting(case.who)));
    let asked = Asked {
        name: bucket,
        account: &case.who.account,
        region: &case.site.address.region,
        account_regional: namespace.is_some_and(|namespace| namespace == "account-regional"),
        is_public: rules.has_public_policy(bucket) == Some(true),
        is_retired: standing == Some(Standing::Other),
        is_confusable: rules.buckets().any(|other| is_confusable(bucket, other)),
    };
    let mut findings = live.naming.judge(&asked);
    if live.naming.mode() == Mode::Off {
        findings.retain(|finding| finding.rule == Rule::Syntax);
    }
    note(case, findings.iter().map(|finding| finding.rule));
    let refused = |finding: &&Finding| match live.naming.mode() {
        Mode::Enforce => finding.rule.severity() == Severity::Error,
        Mode::Off | Mode::Warn => finding.rule == Rule::Syntax,
    };
    findings.iter().find(refused).map_or(Ok(()), |finding| Err(refusal(case, &asked, finding)))
}

/// What the maker hears, with a name that would be taken. How hard a name is to guess is told to those alone
/// who are known.
fn refusal(case: &Case<'_>, asked: &Asked<'_>, finding: &Finding) -> Fault {
    let (rule, mut message) = (finding.rule, Rule::Syntax.message().to_owned());
    let known = !case.who.is_anonymous();
    if rule != Rule::Syntax {
        let told = if known { &finding.message } else { rule.message() };
        message = format!("{message} {}: {told}", rule.id());
        if let Some(better) = better(case, asked).filter(|_| known) {
            message = format!("{message} A name that would be taken: {better}");
        }
    }
    Fault::new(Code::InvalidBucketName, rule.reason(), message).with("BucketName", asked.name)
}

fn better(case: &Case<'_>, asked: &Asked<'_>) -> Option<String> {
    let mut random = [0; RANDOM];
    SystemRandom::new().fill(&mut random).ok()?;
    case.live.naming.instead_of(asked, &mut random.into_iter())
}

/// Refuses a public policy for a bucket whose name says that it is private (N-21), or an access point's to it.
///
/// # Errors
/// `AccessDenied`
pub(super) fn check_policy(case: &Case<'_>, bucket: &str, is_public: bool) -> Result<(), Fault> {
    if is_public && case.live.naming.forbids_public(bucket) { contradiction(case) } else { Ok(()) }
}

/// Refuses a change of Block Public Access that opens a bucket whose name says that it is private (N-21): one
/// that has a public policy, or an access point with one, that the settings have made harmless until now.
///
/// # Errors
/// `AccessDenied`
pub(super) fn check_block(case: &Case<'_>, bucket: &str, change: impl Fn(&mut BlockLevels)) -> Result<(), Fault> {
    let (live, rules) = (case.live, case.live.estate.rules());
    if live.naming.mode() == Mode::Off || !live.naming.forbids_public(bucket) {
        return Ok(());
    }
    let owner = live.estate.owner(bucket);
    let opens = |point: Option<&str>| {
        let before = rules.block_levels(bucket, owner, point);
        let mut after = before;
        change(&mut after);
        before.effective().restrict_public_buckets && !after.effective().restrict_public_buckets
    };
    let mut points = live.estate.access_points("", "").filter(|point| point.bucket == bucket);
    let opens = rules.has_public_policy(bucket) == Some(true) && opens(None)
        || points.any(|point| rules.has_public_point_policy(&point.arn) == Some(true) && opens(Some(&point.arn)));
    if opens { contradiction(case) } else { Ok(()) }
}

fn contradiction(case: &Case<'_>) -> Result<(), Fault> {
    if case.live.naming.mode() == Mode::Off {
        return Ok(());
    }
    let rule = Rule::Level;
    note(case, [rule].into_iter());
    match case.live.naming.mode() {
        Mode::Enforce => {
            let message = format!("{}: {}", rule.id(), rule.message());
            Err(Fault::new(Code::AccessDenied, rule.reason(), message))
        }
        Mode::Off | Mode::Warn => Ok(()),
    }
}

/// Puts broken rules on record. There is one check of a request that finds any.
fn note(case: &Case<'_>, rules: impl Iterator<Item = Rule>) {
    let _noted_before = case.facts.naming.set(rules.map(Rule::id).collect());
}

/// Who somebody is from one session to the next.
pub(super) fn lasting(who: &Principal) -> &str {
    match &who.kind {
        Kind::Role { role, .. } => role,
        _ => &who.arn,
    }
}
