//! Block Public Access: what is public, what remains, what may be written.

use std::path::Path;

use bartizan::policy::engine::acl::{Acl, AclGrant, Grantee, Permission};
use bartizan::policy::engine::public::{self, Block, BlockLevels, Origin, PolicyOf, PolicyWrite};
use bartizan::policy::engine::{AccessPoint, Caller};
use bartizan::policy::read::Kind;
use serde_json::Value;

use crate::decisions::policy;
use crate::report::{self, Difference, Judge, Outcome, same};

pub(crate) fn run(directory: &Path) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    for (file_name, file) in report::files(directory)? {
        let kind = file.as_ref().and_then(|file| file.get("kind")).and_then(Value::as_str);
        let judge: Option<Judge> = match kind {
            Some("policy-public") => Some(policy_public),
            Some("acl-public") => Some(acl_public),
            Some("restrict-public-buckets") => Some(restrict_public_buckets),
            Some("block-public-policy") => Some(block_public_policy),
            _ => None,
        };
        outcome.run_file(&file_name, file.as_ref(), judge);
    }
    Ok(outcome)
}

fn policy_public(_: &Value, case: &Value) -> Result<(), Difference> {
    let of = match text(case, "scope")? {
        "bucket" => PolicyOf::Bucket,
        "accesspoint" => PolicyOf::AccessPoint(origin(case)?),
        _ => return Err(Difference::unreadable("scope")),
    };
    let got = is_public(member(case, "policy")?, of)?;
    same("isPublic", member(member(case, "expected")?, "isPublic")?, &got.into())
}

fn acl_public(_: &Value, case: &Value) -> Result<(), Difference> {
    let grants = member(case, "grants")?.as_array().ok_or_else(|| Difference::unreadable("grants"))?;
    let grant = |grant: &Value| {
        let grantee = match text(grant, "type")? {
            "Group" => Grantee::Group(text(grant, "uri")?.to_owned()),
            "CanonicalUser" => Grantee::Account(text(grant, "id")?.to_owned()),
            _ => return Err(Difference::unreadable("type")),
        };
        let permission = Permission::named(text(grant, "permission")?);
        Ok(AclGrant { grantee, permission: permission.ok_or_else(|| Difference::unreadable("permission"))? })
    };
    let acl = Acl { grants: grants.iter().map(grant).collect::<Result<_, _>>()? };
    same("isPublic", member(member(case, "expected")?, "isPublic")?, &acl.is_public().into())
}

fn restrict_public_buckets(_: &Value, case: &Value) -> Result<(), Difference> {
    let point = case.get("accessPoint");
    let mut levels = levels(case)?;
    let mut point_is_public = false;
    if let Some(point) = point {
        levels.access_point = block(point.get("settings"))?;
        if let Some(policy) = point.get("policy") {
            point_is_public = is_public(policy, PolicyOf::AccessPoint(origin(point)?))?;
        }
    }
    let bucket_is_public = match case.get("bucketPolicy") {
        Some(policy) => is_public(policy, PolicyOf::Bucket)?,
        None => false,
    };
    let door = match point {
        Some(point) => Some(AccessPoint { owner: text(point, "ownerAccount")?, policy: None }),
        None => None,
    };
    let principal = member(case, "principal")?;
    let account = || text(principal, "account");
    // The cases say no more of a caller than its kind and account, and no more is looked at.
    let caller = match text(principal, "type")? {
        "Anonymous" => Caller::Anonymous,
        "Service" => Caller::Service { name: text(principal, "service")? },
        "Root" => Caller::Root { account: account()?, arn: "" },
        "IamUser" => Caller::User { account: account()?, arn: "" },
        "AssumedRole" => Caller::Role { account: account()?, arn: "", role: "" },
        "FederatedUser" => Caller::Federated { account: account()?, arn: "", parent: "" },
        _ => return Err(Difference::unreadable("principal")),
    };
    let restrict = levels.restrict(bucket_is_public, point_is_public);
    let turned_away = restrict.turns_away(&caller, text(case, "ownerAccount")?, door.as_ref());
    let allowed = text(case, "policiesSay")? == "Allow" && !turned_away;
    same("decision", member(case, "expected")?, &if allowed { "Allow" } else { "Deny" }.into())
}

fn block_public_policy(_: &Value, case: &Value) -> Result<(), Difference> {
    let mut levels = levels(case)?;
    let point = member(case, "settings")?.get("accessPoint");
    levels.access_point = block(point)?;
    let (kind, write) = match (text(case, "operation")?, point) {
        ("PutBucketPolicy", _) => ("bucket", PolicyWrite::Bucket { through_access_point: false }),
        ("PutAccessPointPolicy", Some(point)) => {
            ("access point", PolicyWrite::AccessPoint { origin: origin(point)?, same_account: true })
        }
        _ => return Err(Difference::unreadable("operation")),
    };
    let policy = policy(kind, member(case, "policy")?, Kind::Resource)?;
    let got = if levels.check_policy(policy.document(), write).is_ok() { "accept" } else { "reject" };
    same("write", member(case, "expected")?, &got.into())
}

fn is_public(document: &Value, of: PolicyOf) -> Result<bool, Difference> {
    Ok(public::is_public(policy("policy", document, Kind::Resource)?.document(), of))
}

fn levels(case: &Value) -> Result<BlockLevels, Difference> {
    let settings = member(case, "settings")?;
    Ok(BlockLevels {
        organization: settings.get("organization").map(|level| block(Some(level))).transpose()?,
        account: block(settings.get("account"))?,
        bucket: block(settings.get("bucket"))?,
        access_point: Block::default(),
    })
}

/// The settings of a level; one that is not shown is off.
fn block(level: Option<&Value>) -> Result<Block, Difference> {
    let flag = |name: &str| match level.and_then(|level| level.get(name)) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| Difference::unreadable(name)),
    };
    Ok(Block {
        public_acls: flag("BlockPublicAcls")?,
        ignore_public_acls: flag("IgnorePublicAcls")?,
        public_policy: flag("BlockPublicPolicy")?,
        restrict_public_buckets: flag("RestrictPublicBuckets")?,
    })
}

fn origin(value: &Value) -> Result<Origin, Difference> {
    match text(value, "networkOrigin")? {
        "Internet" => Ok(Origin::Internet),
        "VPC" => Ok(Origin::Vpc),
        _ => Err(Difference::unreadable("networkOrigin")),
    }
}

fn member<'a>(value: &'a Value, name: &str) -> Result<&'a Value, Difference> {
    value.get(name).ok_or_else(|| Difference::unreadable(name))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Difference> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| Difference::unreadable(name))
}
