//! A principal by its ARN.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Implausible, Part};
use crate::identity::{Arn, Directory, Kind, Principal, Resource, Session, SessionPolicies};
use crate::near::nearest;
use crate::s3::name::is_account;
use crate::time::Seconds;

/// How the session of a role is called that nobody named.
const SESSION: &str = "session";
/// How long such a session is said to last, in seconds.
const LASTS: i64 = 3600;

/// A principal that was looked for.
#[derive(Clone, Debug)]
pub struct Found {
    /// Who.
    pub principal: Arc<Principal>,
    /// The account is not one of this directory: nothing is known of the principal's own policies, and it is
    /// taken to have none.
    pub assumed: bool,
}

/// Finds a principal by ARN: a user, a role (which means a session of it), a session of a role, the root of
/// an account; `anonymous` for nobody. Sessions of roles are those that the token service makes at `now`.
///
/// # Errors
/// [`Implausible`]: no ARN of a principal, or one of an account that is known, which has no such principal.
pub fn principal(directory: &Directory, arn: &str, now: Seconds) -> Result<Found, Implausible> {
    if arn == "*" || arn.eq_ignore_ascii_case("anonymous") {
        return Ok(Found { principal: Principal::anonymous(), assumed: false });
    }
    if let Some(session) = AssumedRole::parse(arn) {
        return session.find(directory, arn, now);
    }
    let help = "write `arn:aws:iam::ACCOUNT:user/NAME`, `…:role/NAME`, `…:root`, \
                `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`, or `anonymous`";
    let parsed = Arn::parse(arn).ok_or_else(|| refused(format!("`{arn}` is no ARN of a principal"), help))?;
    let known = directory.knows_account(parsed.account);
    match parsed.resource {
        Resource::Role(_) => match directory.role(arn) {
            Some(role) => Principal::of_role(role, SESSION, Some(Arc::new(begun(now)))).map(found),
            None if known => return Err(absent(arn, directory)),
            None => {
                Some(stranger(arn, parsed.account, Some((arn, parsed.partition, parsed.resource.name(), SESSION)), now))
            }
        },
        Resource::Root | Resource::User(_) => match directory.user(arn) {
            Some(user) => Some(Found { principal: Arc::clone(user), assumed: false }),
            // The root needs no entry: it is there with its account, and it has no policies.
            None if known && parsed.resource == Resource::Root => {
                Some(Found { assumed: false, ..stranger(arn, parsed.account, None, now) })
            }
            None if known => return Err(absent(arn, directory)),
            None => Some(stranger(arn, parsed.account, None, now)),
        },
    }
    .ok_or_else(|| refused(format!("`{arn}` is no ARN of a principal"), help))
}

fn found(principal: Principal) -> Found {
    Found { principal: Arc::new(principal), assumed: false }
}

/// Somebody of whom nothing is known: `role` is the role's ARN, partition, name and session.
fn stranger(arn: &str, account: &str, role: Option<(&str, &str, &str, &str)>, now: Seconds) -> Found {
    let (arn, kind) = match role {
        Some((role, partition, name, session)) => (
            format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}"),
            Kind::Role { role: role.to_owned(), session: session.to_owned() },
        ),
        None if arn.ends_with(":root") => (arn.to_owned(), Kind::Root),
        None => (arn.to_owned(), Kind::User),
    };
    let session = role.map(|_| Arc::new(begun(now)));
    let principal =
        Principal { arn, account: account.to_owned(), kind, policies: Vec::new(), tags: BTreeMap::new(), session };
    Found { principal: Arc::new(principal), assumed: true }
}

/// A session that the token service begins now, without policies or tags of its own.
pub fn begun(now: Seconds) -> Session {
    Session {
        issued: now,
        expires: Seconds(now.0.saturating_add(LASTS)),
        policies: SessionPolicies::default(),
        tags: BTreeMap::new(),
        transitive: Vec::new(),
        source_identity: None,
        mfa: false,
        federated: None,
    }
}

/// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`
struct AssumedRole<'a> {
    partition: &'a str,
    account: &'a str,
    name: &'a str,
    session: &'a str,
}

impl<'a> AssumedRole<'a> {
    fn parse(arn: &'a str) -> Option<Self> {
        let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":sts::")?;
        let (account, rest) = rest.split_once(":assumed-role/")?;
        let (name, session) = rest.split_once('/')?;
        let fits = |text: &str, most| {
            (1..=most).contains(&text.len())
                && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"_+=,.@-".contains(&octet))
        };
        let real = ["aws", "aws-cn", "aws-us-gov"].contains(&partition)
            && is_account(account)
            && fits(name, 64)
            && fits(session, 64);
        real.then_some(Self { partition, account, name, session })
    }

    /// The session's ARN does not hold the path of the role: the name is looked for.
    fn find(&self, directory: &Directory, arn: &str, now: Seconds) -> Result<Found, Implausible> {
        let is = |role: &&crate::identity::Role| {
            Arn::parse(&role.arn).is_some_and(|known| {
                known.partition == self.partition && known.account == self.account && known.resource.name() == self.name
            })
        };
        let role = directory.roles().find(is);
        if let Some(role) = role.and_then(|role| Principal::of_role(role, self.session, Some(Arc::new(begun(now))))) {
            return Ok(found(role));
        }
        if directory.knows_account(self.account) {
            return Err(absent(arn, directory));
        }
        let role = format!("arn:{}:iam::{}:role/{}", self.partition, self.account, self.name);
        Ok(stranger(arn, self.account, Some((&role, self.partition, self.name, self.session)), now))
    }
}

fn absent(arn: &str, directory: &Directory) -> Implausible {
    let roles = directory.roles().map(|role| role.arn.as_str());
    let help = match nearest(arn, directory.users().map(|user| user.arn.as_str()).chain(roles)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "its account is configured here, and credentials.toml names no such principal".to_owned(),
    };
    refused(format!("there is no `{arn}`"), help)
}

fn refused(message: String, help: impl Into<String>) -> Implausible {
    Implausible::new(Part::Principal, message, help)
}
