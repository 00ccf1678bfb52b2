//! Access control lists: who they grant what, whether they are public, and what they add to a decision
//! (spec/policy-evaluation.md 8.4, 9).

use super::facts::{Facts, Source};
use super::layers::Asked;
use super::principal::Kinds;
use super::question::Caller;

/// Everyone, the anonymous included.
pub const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
/// Whoever signs, of any account.
pub const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

/// A list of grants. At most 100 of them in S3; whoever reads a list holds it to that.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Acl {
    /// The grants.
    pub grants: Vec<AclGrant>,
}

/// One grant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AclGrant {
    /// Whom it is for.
    pub grantee: Grantee,
    /// What it allows.
    pub permission: Permission,
}

/// Whom a grant is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Grantee {
    /// An account, by its canonical id.
    Account(String),
    /// A group, by its URI.
    Group(String),
}

/// What a grant allows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Permission {
    /// All of the others.
    FullControl,
    /// Listing a bucket, reading an object.
    Read,
    /// Reading the list itself.
    ReadAcp,
    /// Adding objects to a bucket.
    Write,
    /// Changing the list itself.
    WriteAcp,
}

/// Who owns new objects, and whether lists are in force.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ownership {
    /// The bucket's owner owns every object; lists are ignored.
    #[default]
    BucketOwnerEnforced,
    /// The bucket's owner owns what is written with its full control.
    BucketOwnerPreferred,
    /// The writer's account owns what it writes.
    ObjectWriter,
}

/// The lists of one question. Only where they are in force: not under [`Ownership::BucketOwnerEnforced`].
#[derive(Clone, Copy, Debug)]
pub struct AccessLists<'a> {
    /// The bucket's.
    pub bucket: Option<&'a Acl>,
    /// The object's, where there is an object.
    pub object: Option<ObjectList<'a>>,
    /// IgnorePublicAcls: grants to groups of everyone have no effect.
    pub ignore_public: bool,
}

/// An object's owner and list.
#[derive(Clone, Copy, Debug)]
pub struct ObjectList<'a> {
    /// The account that owns the object.
    pub owner: &'a str,
    /// Its list.
    pub acl: &'a Acl,
}

impl Grantee {
    /// Whether a grant to it is one to the public.
    pub fn is_public(&self) -> bool {
        matches!(self, Self::Group(uri) if uri == ALL_USERS || uri == AUTHENTICATED_USERS)
    }
}

impl Permission {
    /// The permission of a name: `READ_ACP`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "FULL_CONTROL" => Self::FullControl,
            "READ" => Self::Read,
            "READ_ACP" => Self::ReadAcp,
            "WRITE" => Self::Write,
            "WRITE_ACP" => Self::WriteAcp,
            _ => return None,
        })
    }

    fn covers(self, other: Self) -> bool {
        self == Self::FullControl || self == other
    }
}

impl Acl {
    /// Whether it grants anything to everyone, or to whoever signs.
    pub fn is_public(&self) -> bool {
        self.grants.iter().any(|grant| grant.grantee.is_public())
    }

    /// How it grants a permission to a caller.
    fn kinds(&self, permission: Permission, asked: &Asked<'_>, ignore_public: bool) -> Kinds {
        let signed = asked.question.caller.account().is_some();
        let anonymous = asked.question.caller == Caller::Anonymous;
        let mut kinds = Kinds::default();
        for grant in self.grants.iter().filter(|grant| grant.permission.covers(permission)) {
            match &grant.grantee {
                Grantee::Group(uri) if uri == ALL_USERS && !ignore_public && (signed || anonymous) => {
                    kinds.add(Kinds::WILDCARD);
                }
                Grantee::Group(uri) if uri == AUTHENTICATED_USERS && !ignore_public && signed => {
                    kinds.add(Kinds::WILDCARD);
                }
                Grantee::Account(id) if asked.question.canonical_id == Some(id) => kinds.add(Kinds::ACCOUNT),
                // Services act by policies alone.
                _ => {}
            }
        }
        kinds
    }
}

/// What a list must grant for an action, and which list.
enum Needs {
    Bucket(Permission),
    Object(Permission),
}

fn needs(action: &str) -> Option<Needs> {
    Some(match action {
        "s3:ListBucket" | "s3:ListBucketVersions" | "s3:ListBucketMultipartUploads" => Needs::Bucket(Permission::Read),
        "s3:PutObject" => Needs::Bucket(Permission::Write),
        "s3:GetBucketAcl" => Needs::Bucket(Permission::ReadAcp),
        "s3:PutBucketAcl" => Needs::Bucket(Permission::WriteAcp),
        "s3:GetObject" | "s3:GetObjectVersion" => Needs::Object(Permission::Read),
        "s3:GetObjectAcl" | "s3:GetObjectVersionAcl" => Needs::Object(Permission::ReadAcp),
        "s3:PutObjectAcl" | "s3:PutObjectVersionAcl" => Needs::Object(Permission::WriteAcp),
        _ => return None,
    })
}

/// Adds what lists grant, and takes away what a bucket's policy cannot grant: reading an object that
/// belongs to another account, and its list. What the policy forbids stays.
pub(super) fn apply(lists: &AccessLists<'_>, asked: &Asked<'_>, facts: &mut Facts<'_>) {
    let Some(action) = asked.question.action.known() else { return };
    let caller = &asked.question.caller;
    let foreign = lists.object.filter(|object| object.owner != asked.question.owner);
    let about_object = matches!(needs(action.name()), Some(Needs::Object(_)))
        || matches!(action.name(), "s3:GetObjectAttributes" | "s3:GetObjectVersionAttributes");
    if let Some(object) = foreign.filter(|_| about_object) {
        facts.bucket.forget_grants();
        facts.at_home = caller.is_of(object.owner);
    }
    let kinds = match needs(action.name()) {
        // Adding an object is not overwriting somebody else's.
        Some(Needs::Bucket(Permission::Write)) if lists.object.is_some_and(|object| !caller.is_of(object.owner)) => {
            None
        }
        Some(Needs::Bucket(permission)) => lists.bucket.map(|acl| acl.kinds(permission, asked, lists.ignore_public)),
        Some(Needs::Object(permission)) => {
            lists.object.map(|object| object.acl.kinds(permission, asked, lists.ignore_public))
        }
        None => None,
    };
    facts.bucket.grant(kinds.unwrap_or_default(), Source::Acl);
}
