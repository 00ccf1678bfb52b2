//! Changes of access points that a request asks for: what they need to be there, and the files they come to.

use super::super::config::Config;
use super::super::files;
use super::draft::Draft;
use super::keeper::{ChangeFault, ChangeFaultKind};
use super::points;
use crate::access::Point;
use crate::pipeline::Change;
use crate::policy::engine::Sources;
use crate::policy::point::{self, Stored};
use crate::s3::name::{is_access_point, is_account};
use crate::s3::tags::{self, Tags};

/// How large the file of an access point may be.
const LIMIT: u64 = 256 << 10;

/// Checks that the access point of a change is there, or is not where it is to be made.
///
/// # Errors
/// [`ChangeFault`]: somebody else was faster.
pub(super) fn check(live: &Sources, change: &Change) -> Result<(), ChangeFault> {
    let (arn, there, otherwise) = match change {
        Change::NewPoint { point } => (&point.arn, false, ChangeFaultKind::PointTaken),
        Change::PointPolicy { arn, .. } | Change::PointGone { arn } => (arn, true, ChangeFaultKind::PointMissing),
        Change::PointTags { arn, .. } => (arn, true, ChangeFaultKind::ResourceMissing),
        _ => return Ok(()),
    };
    let name = arn.rsplit('/').next().unwrap_or_default();
    match live.access_points.contains_key(arn) == there {
        true => Ok(()),
        false => Err(ChangeFault { kind: otherwise, detail: name.to_owned() }),
    }
}

/// The files of a change, as they are to be.
///
/// # Errors
/// [`ChangeFault`]
pub(super) fn drafts(config: &Config, change: &Change) -> Result<Vec<Draft>, ChangeFault> {
    let arn = match change {
        Change::NewPoint { point } => &point.arn,
        Change::PointGone { arn } | Change::PointPolicy { arn, .. } | Change::PointTags { arn, .. } => arn,
        _ => return Err(unavailable("this is about no access point".to_owned())),
    };
    let account = arn.split(':').nth(4).unwrap_or_default();
    let name = arn.rsplit('/').next().unwrap_or_default();
    if !is_account(account) || !is_access_point(name) {
        return Err(unavailable(format!("`{arn}` is no access point")));
    }
    // The folder does not say a region: of a file there, nobody could tell what it is meant for.
    if points::arn(&config.region, account, name) != *arn {
        return Err(ChangeFault { kind: ChangeFaultKind::Elsewhere, detail: arn.clone() });
    }
    let (file, policy_file) = points::files(&config.policies, account, name);
    let plan = |path, text| Draft::new(path, text).map_err(unavailable);
    let read = || -> Result<Stored, ChangeFault> {
        let text =
            files::read_text(&file, LIMIT).map_err(|fault| unavailable(format!("`{}` {fault}", file.display())))?;
        point::read(&text, name).map_err(|_| unavailable(format!("`{}` is not understood", file.display())))
    };
    Ok(match change {
        Change::NewPoint { point } => {
            let draft = plan(file.clone(), Some(point::write(&stored(point))))?.fresh();
            vec![draft.ok_or_else(|| ChangeFault { kind: ChangeFaultKind::PointTaken, detail: name.to_owned() })?]
        }
        Change::PointPolicy { document, .. } => {
            let text = document.as_ref().map(|text| String::from_utf8(text.to_vec())).transpose();
            vec![plan(policy_file, text.map_err(|_| unavailable("the policy is not UTF-8".to_owned()))?)?]
        }
        Change::PointTags { set, removed, .. } => {
            let stored = retag(read()?, set, removed)?;
            vec![plan(file.clone(), Some(point::write(&stored)))?]
        }
        _ => {
            // A crash between two files must not leave it without its policy and still open: it leads nowhere
            // first.
            let closed = point::write(&astray(read()?));
            vec![plan(policy_file, None)?, plan(file.clone(), None)?.first(closed)]
        }
    })
}

fn stored(point: &Point) -> Stored {
    Stored {
        bucket: point.bucket.clone(),
        bucket_account: point.bucket_account.clone(),
        vpc: point.vpc.clone(),
        block: point.block,
        alias: Some(point.alias.clone()),
        created: point.created,
        tags: point.tags.clone(),
    }
}

fn retag(stored: Stored, set: &Tags, removed: &[String]) -> Result<Stored, ChangeFault> {
    let mut tags = stored.tags;
    tags.retain(|(key, _)| !removed.contains(key));
    for (key, value) in set {
        match tags.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => old.clone_from(value),
            None => tags.push((key.clone(), value.clone())),
        }
    }
    let refused = tags::check_of_resource(&tags);
    refused.map_err(|fault| ChangeFault { kind: ChangeFaultKind::Tags, detail: fault.to_string() })?;
    Ok(Stored { tags, ..stored })
}

/// The same, of an account that does not own its bucket: to a bucket of another one it does not lead.
fn astray(stored: Stored) -> Stored {
    let turned = |digit: char| if digit == '9' { '0' } else { '9' };
    Stored { bucket_account: stored.bucket_account.chars().map(turned).collect(), ..stored }
}

fn unavailable(detail: String) -> ChangeFault {
    ChangeFault { kind: ChangeFaultKind::Unavailable, detail }
}
