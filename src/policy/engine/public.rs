//! Block Public Access: what is public, what may be written, what is cut off
//! (spec/policy-evaluation.md 8). The rules carry the numbers that the specification gives them.

use super::super::document::{Condition, Document, Effect, Operator, Quantifier, Statement, Who, arn_segments};
use super::super::value;
use super::acl::Acl;
use super::layers::Restrict;

/// The four settings of one level. What is not set is off.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Block {
    /// Refuses writes of public lists.
    pub public_acls: bool,
    /// Takes the effect from grants to everyone in lists.
    pub ignore_public_acls: bool,
    /// Refuses writes of public policies.
    pub public_policy: bool,
    /// While a policy is public, keeps everybody but the owner's account and services out.
    pub restrict_public_buckets: bool,
}

/// The settings of all levels that a request meets.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockLevels {
    /// The organization's; overrides the account's.
    pub organization: Option<Block>,
    /// Of the account that owns the bucket.
    pub account: Block,
    /// Of the bucket.
    pub bucket: Block,
    /// Of the access point.
    pub access_point: Block,
}

/// Which policy a document is or is to become.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PolicyOf {
    /// A bucket's.
    Bucket,
    /// An access point's.
    AccessPoint(Origin),
}

/// From where an access point is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// From anywhere.
    Internet,
    /// From one VPC.
    Vpc,
}

impl Origin {
    /// That of an access point that is bound to a VPC, or to none.
    pub const fn of(vpc: Option<&str>) -> Self {
        if vpc.is_some() { Self::Vpc } else { Self::Internet }
    }

    /// As conditions and answers spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Internet => "Internet",
            Self::Vpc => "VPC",
        }
    }
}

/// A write of a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PolicyWrite {
    /// `PutBucketPolicy`.
    Bucket {
        /// Sent through an access point, whose setting then counts as well.
        through_access_point: bool,
    },
    /// `PutAccessPointPolicy`.
    AccessPoint {
        /// Its network origin.
        origin: Origin,
        /// Its account is the bucket's, whose setting then counts as well.
        same_account: bool,
    },
}

/// A write that Block Public Access refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blocked {
    /// By BlockPublicAcls.
    Acl,
    /// By BlockPublicPolicy.
    Policy,
}

impl Block {
    /// All four on: what AWS gives new buckets, and an organization knows no other.
    pub const ALL: Self =
        Self { public_acls: true, ignore_public_acls: true, public_policy: true, restrict_public_buckets: true };

    /// What is in force for an account: what its organization says, else what it says itself.
    pub fn of_account(organization: Option<Self>, own: Self) -> Self {
        organization.unwrap_or(own)
    }

    /// What is on here or there.
    pub fn or(self, other: Self) -> Self {
        Self {
            public_acls: self.public_acls || other.public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            public_policy: self.public_policy || other.public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }
}

impl BlockLevels {
    /// What is in force for a request through an access point. Without one its level is simply off.
    pub fn effective(&self) -> Block {
        self.owner().or(self.bucket).or(self.access_point)
    }

    fn owner(&self) -> Block {
        Block::of_account(self.organization, self.account)
    }

    /// Whether a policy may be written.
    ///
    /// # Errors
    /// [`Blocked::Policy`]: it is public, and a setting that guards it is on.
    pub fn check_policy(&self, document: &Document, write: PolicyWrite) -> Result<(), Blocked> {
        let (of, guards) = match write {
            PolicyWrite::Bucket { through_access_point } => {
                let point = if through_access_point { self.access_point } else { Block::default() };
                (PolicyOf::Bucket, self.owner().or(self.bucket).or(point))
            }
            PolicyWrite::AccessPoint { origin, same_account } => {
                let bucket = if same_account { self.bucket } else { Block::default() };
                (PolicyOf::AccessPoint(origin), self.owner().or(bucket).or(self.access_point))
            }
        };
        if guards.public_policy && is_public(document, of) { Err(Blocked::Policy) } else { Ok(()) }
    }

    /// Whether a list may be written.
    ///
    /// # Errors
    /// [`Blocked::Acl`]: it is public, and the setting is on at some level.
    pub fn check_acl(&self, acl: &Acl) -> Result<(), Blocked> {
        if self.effective().public_acls && acl.is_public() { Err(Blocked::Acl) } else { Ok(()) }
    }

    /// What RestrictPublicBuckets closes, given which policies are public.
    pub fn restrict(&self, bucket_is_public: bool, access_point_is_public: bool) -> Restrict {
        let on = self.effective().restrict_public_buckets;
        Restrict { on, bucket: on && bucket_is_public, access_point: on && access_point_is_public }
    }
}

impl Blocked {
    /// The words of AWS for a caller who may know the reason.
    pub fn message(self, caller: &str, action: &str, resource: &str) -> String {
        let (what, setting) = match self {
            Self::Acl => ("ACLs", "BlockPublicAcls"),
            Self::Policy => ("policies", "BlockPublicPolicy"),
        };
        format!(
            "User: {caller} is not authorized to perform: {action} on resource: \"{resource}\" because public {what} are prevented by the {setting} setting in S3 Block Public Access."
        )
    }

    /// A constant for records and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Acl => "block-public-acls",
            Self::Policy => "block-public-policy",
        }
    }
}

/// Whether a policy is public. It is unless a reason says otherwise.
pub fn is_public(document: &Document, of: PolicyOf) -> bool {
    opening(document, of).next().is_some()
}

/// The statements that make a policy public.
pub fn opening(document: &Document, of: PolicyOf) -> impl Iterator<Item = &Statement> {
    // PUB-9
    let closed = of == PolicyOf::AccessPoint(Origin::Vpc);
    // PUB-1, PUB-10
    document
        .statements
        .iter()
        .filter(move |statement| !closed && statement.effect == Effect::Allow && opens(statement, of))
}

/// Whether an Allow statement is public. Its actions and resources play no part (PUB-3, PUB-11).
fn opens(statement: &Statement, of: PolicyOf) -> bool {
    let Some(principal) = statement.principal.as_ref().filter(|element| !element.negated) else {
        return true; // PUB-13
    };
    let everyone = principal.entries.iter().any(|entry| entry.who == Who::Everyone);
    let foreign = principal.entries.iter().any(|entry| matches!(entry.who, Who::Federated(_)));
    // PUB-14, PUB-2 to PUB-4
    foreign || (everyone && !statement.conditions.iter().any(|clause| limits(clause, of)))
}

/// Whether a clause keeps a statement for everyone from being public (PUB-4 to PUB-8, PUB-12).
fn limits(clause: &Condition, of: PolicyOf) -> bool {
    use Operator as Op;
    let fixed: fn(&str, PolicyOf) -> bool = match clause.key.folded.as_str() {
        "aws:sourceip" => is_narrow_block,
        "s3:dataaccesspointarn" => is_fixed_access_point,
        "aws:principalaccount" | "aws:userid" => |text, _| is_fixed(text) && !text.eq_ignore_ascii_case("anonymous"),
        "aws:principalorgid"
        | "aws:principalarn"
        | "aws:principalorgpaths"
        | "aws:sourcearn"
        | "aws:sourcevpc"
        | "aws:sourcevpce"
        | "aws:sourceowner"
        | "aws:sourceaccount"
        | "s3:dataaccesspointaccount" => |text, _| is_fixed(text),
        _ => return false,
    };
    let positive = match clause.operator {
        Op::StringEquals | Op::StringEqualsIgnoreCase | Op::StringLike | Op::ArnEquals | Op::ArnLike => true,
        Op::IpAddress => clause.key.folded == "aws:sourceip",
        _ => false,
    };
    // A clause that passes when the key is absent limits nobody.
    positive
        && !clause.if_exists
        && clause.quantifier != Some(Quantifier::All)
        && !clause.operands.is_empty()
        && clause.operands.iter().all(|operand| fixed(&operand.text, of))
}

/// Neither wildcard nor variable; what the operator would make of them does not matter (PUB-5).
fn is_fixed(text: &str) -> bool {
    !text.contains(['*', '?']) && !text.contains("${")
}

/// Not broader than /8, or /32 for IPv6 (PUB-7).
fn is_narrow_block(text: &str, _: PolicyOf) -> bool {
    let narrowest = |block: value::Block| if block.network().is_ipv4() { 8 } else { 32 };
    value::Block::parse(text).is_some_and(|block| block.prefix() >= narrowest(block))
}

/// In a bucket's policy the name may have wildcards, the rest may not (PUB-8).
fn is_fixed_access_point(text: &str, of: PolicyOf) -> bool {
    if is_fixed(text) {
        return true;
    }
    let Some(["arn", partition, "s3", region, account, path]) = arn_segments(text) else { return false };
    let name = path.strip_prefix("accesspoint/").unwrap_or_default();
    of == PolicyOf::Bucket
        && [partition, region, account].iter().all(|part| !part.is_empty() && is_fixed(part))
        && !name.is_empty()
        && !name.contains("${")
}
