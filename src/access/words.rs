//! What a denied caller is told (spec/policy-evaluation.md 10).

use std::borrow::Cow;

use super::ask::Ask;
use super::facts::{Caller, Owner};
use crate::policy::engine::{Decision, Layer};
use crate::s3::{Code, Fault};

/// What every caller may hear.
pub const BARE: &str = "Access Denied";

/// A version that may not be deleted or overwritten yet.
pub const OBJECT_LOCK: &str = "Access Denied because object protected by object lock.";

/// Why a write was refused that would make something public.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Public {
    /// BlockPublicAcls
    Acls,
    /// BlockPublicPolicy
    Policies,
}

/// The refusal of an ask: with the reason for whoever may hear it, which is always in the private detail.
pub fn denied(caller: &Caller<'_>, owner: &Owner<'_>, ask: &Ask, decision: &Decision) -> Fault {
    let message = decision.message(&caller.principal.arn, ask.action(), ask.resource());
    let told = match message {
        Some(message) if may_know(caller, owner, is_resource_side(decision)) => Cow::Owned(message),
        _ => Cow::Borrowed(BARE),
    };
    Fault::new(Code::AccessDenied, decision.reason(), told).detail(format!("{} on {}", ask.action(), ask.resource()))
}

/// Whether what denies belongs to the resource, not to the caller.
fn is_resource_side(decision: &Decision) -> bool {
    decision.layer().is_some_and(|layer| match layer {
        Layer::AccessPoint
        | Layer::Acl
        | Layer::PublicAccessBlock
        | Layer::Resource
        | Layer::ResourceControl
        | Layer::Trust => true,
        Layer::Boundary | Layer::Endpoint | Layer::Identity | Layer::ServiceControl | Layer::Session => false,
    })
}

/// Whether the caller may hear the reason: in the account of the resource always, in its organization
/// when the resource's side said no. Strangers and the anonymous hear [`BARE`]. Where nothing of anybody
/// is asked for (ListBuckets), the account is the caller's own.
pub fn may_know(caller: &Caller<'_>, owner: &Owner<'_>, resource_side: bool) -> bool {
    if caller.principal.is_anonymous() {
        return false;
    }
    let at_home = owner.account.is_none_or(|account| account == caller.principal.account);
    let together = caller.organization.zip(owner.organization).is_some_and(|(left, right)| left.id == right.id);
    at_home || resource_side && together
}

/// The sentence for a write that Block Public Access refuses.
pub fn public(caller: &Caller<'_>, action: &str, resource: &str, public: Public) -> String {
    let (what, setting) = match public {
        Public::Acls => ("ACLs", "BlockPublicAcls"),
        Public::Policies => ("policies", "BlockPublicPolicy"),
    };
    format!(
        "User: {} is not authorized to perform: {action} on resource: \"{resource}\" because public {what} are prevented \
         by the {setting} setting in S3 Block Public Access.",
        caller.principal.arn
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::facts::Organization;
    use super::*;
    use crate::identity::{Kind, Principal};

    #[test]
    fn strangers_hear_no_reason() {
        let organization = |id: &str| Organization { id: id.to_owned(), paths: Vec::new() };
        let (ours, theirs) = (organization("o-1"), organization("o-2"));
        let principal = |kind, account: &str| Principal {
            arn: "arn:aws:iam::111122223333:user/a".to_owned(),
            account: account.to_owned(),
            kind,
            policies: Vec::new(),
            tags: BTreeMap::new(),
            session: None,
        };
        let (user, nobody) = (principal(Kind::User, "111122223333"), principal(Kind::Anonymous, ""));
        for (who, own, account, of, resource_side, expected) in [
            (&user, Some(&ours), Some("111122223333"), None, false, true),
            (&user, None, None, None, false, true),
            (&user, Some(&ours), Some("444455556666"), Some(&ours), true, true),
            (&user, Some(&ours), Some("444455556666"), Some(&ours), false, false),
            (&user, Some(&ours), Some("444455556666"), Some(&theirs), true, false),
            (&user, None, Some("444455556666"), None, true, false),
            (&nobody, None, Some("111122223333"), None, true, false),
            (&nobody, None, Some(""), None, true, false),
            (&nobody, None, None, None, false, false),
        ] {
            let caller = Caller { principal: who, organization: own };
            let owner = Owner { account, organization: of, ..Owner::default() };
            assert_eq!(
                may_know(&caller, &owner, resource_side),
                expected,
                "{} {account:?} {resource_side}",
                who.account
            );
        }
    }

    #[test]
    fn what_block_public_access_refuses_is_named() {
        let principal = Principal {
            arn: "arn:aws:iam::111122223333:user/a".to_owned(),
            account: "111122223333".to_owned(),
            kind: Kind::User,
            policies: Vec::new(),
            tags: BTreeMap::new(),
            session: None,
        };
        let caller = Caller { principal: &principal, organization: None };
        assert_eq!(
            public(&caller, "s3:PutBucketPolicy", "arn:aws:s3:::b", Public::Policies),
            "User: arn:aws:iam::111122223333:user/a is not authorized to perform: s3:PutBucketPolicy on resource: \
             \"arn:aws:s3:::b\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."
        );
    }
}
