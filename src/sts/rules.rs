//! Who may assume which role: trust policies beside the caller's own, decided by the engine that decides
//! everything (spec/policy-evaluation.md 4).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::ask::{Ask, AssumeRole};
use crate::identity::{Arn, Kind, Principal, Role, SessionPolicies};
use crate::policy::context::Keys;
use crate::policy::engine::{Act, Decision, Layers, Policy, Question, Shelf};
use crate::policy::{self, Grant, read};
use crate::s3::{Code, Fault};
use crate::time::Seconds;

/// The documents that decisions about roles are taken from: one generation of them.
#[derive(Debug, Default)]
pub struct Rules {
    /// Documents of identities, by name.
    named: BTreeMap<String, Arc<Policy>>,
    /// Trust policies, by the ARN of the role.
    trust: HashMap<String, Shelf>,
    /// Permissions boundaries, by the ARN of the user or role.
    boundaries: HashMap<String, Shelf>,
    /// What an organization says, by account.
    controls: HashMap<String, Controls>,
}

/// What an organization puts on an account.
#[derive(Debug, Default)]
struct Controls {
    principals: Vec<Arc<Shelf>>,
    resources: Vec<Arc<Shelf>>,
}

/// What conditions can look at besides the caller and the form.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Where the request comes from.
    pub source: IpAddr,
    /// Whether it came encrypted.
    pub tls: bool,
    /// When it came.
    pub now: Seconds,
    /// Its `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The VPC that it came from.
    pub vpc: Option<&'a str>,
    /// The VPC endpoint that it came through.
    pub vpc_endpoint: Option<&'a str>,
    /// The region of the endpoint.
    pub region: &'a str,
    /// The organization of the caller's account.
    pub caller_organization: Option<Organization<'a>>,
    /// The organization of the role's account.
    pub role_organization: Option<Organization<'a>>,
}

/// An organization of accounts: its id, and the paths of the account in it.
pub type Organization<'a> = (&'a str, &'a [String]);

impl Rules {
    /// Takes an identity document in, by the name that principals and sessions give it.
    pub fn add_identity(&mut self, name: &str, policy: Arc<Policy>) {
        self.named.insert(name.to_owned(), policy);
    }

    /// Takes the permissions boundary of a user or role in.
    pub fn add_boundary(&mut self, arn: &str, policy: Arc<Policy>) {
        self.boundaries.insert(arn.to_owned(), Shelf::new(vec![policy]));
    }

    /// Takes the policies in that an organization puts on an account: on its principals and on its roles,
    /// level by level.
    pub fn add_account(&mut self, account: &str, principals: &[Vec<Arc<Policy>>], resources: &[Vec<Arc<Policy>>]) {
        let shelf = |level: &Vec<Arc<Policy>>| Arc::new(Shelf::new(level.clone()));
        let controls = Controls {
            principals: principals.iter().map(shelf).collect(),
            resources: resources.iter().map(shelf).collect(),
        };
        self.controls.insert(account.to_owned(), controls);
    }

    /// Takes the trust policy of a role in.
    pub fn add_trust(&mut self, role: &str, policy: Arc<Policy>) {
        self.trust.insert(role.to_owned(), Shelf::new(vec![policy]));
    }

    /// Decides a request.
    ///
    /// # Errors
    /// `AccessDenied`; `MalformedPolicyDocument` and `ValidationError` for session policies that are none,
    /// where the role could have been assumed.
    pub fn decide(
        &self,
        ask: &Ask,
        who: &Principal,
        role: Option<&Role>,
        seen: Circumstances<'_>,
    ) -> Result<Grant, Fault> {
        match ask {
            Ask::CallerIdentity => policy::decide_self(Some(&who.account)).ok_or_else(|| denied("silent-identity")),
            Ask::SessionToken { .. } => {
                if who.session.is_some() || matches!(who.kind, Kind::Role { .. }) {
                    let message = "Cannot call GetSessionToken with session credentials";
                    return Err(Fault::new(Code::AccessDenied, "session-of-session", message));
                }
                policy::decide_self(Some(&who.account)).ok_or_else(|| denied("silent-identity"))
            }
            Ask::AssumeRole(asked) => {
                if who.kind == Kind::Root {
                    let message = "Roles may not be assumed by root accounts.";
                    return Err(Fault::new(Code::AccessDenied, "root-assumes", message));
                }
                let grant = self.each(&actions(asked, who), ask, who, role, seen)?;
                self.check_session(&asked.narrowed.policies, role)?;
                Ok(grant)
            }
            Ask::WebIdentity(asked) => {
                let grant = self.each(&["sts:AssumeRoleWithWebIdentity"], ask, who, role, seen)?;
                self.check_session(&asked.narrowed.policies, role)?;
                Ok(grant)
            }
        }
    }

    /// Every action must be allowed; the first one's grant stands for all.
    fn each(
        &self,
        actions: &[&str],
        ask: &Ask,
        who: &Principal,
        role: Option<&Role>,
        seen: Circumstances<'_>,
    ) -> Result<Grant, Fault> {
        let Some(role) = role else { return Err(refused(who, actions, ask, "no-role")) };
        let Some(trust) = self.trust.get(&role.arn) else { return Err(refused(who, actions, ask, "no-trust-policy")) };
        // A policy that is attached and not there could have forbidden it.
        let own = |names: &[String]| names.iter().map(|name| self.named.get(name).cloned()).collect::<Option<Vec<_>>>();
        let Some(identity) = own(&who.policies).map(Shelf::new) else {
            return Err(refused(who, actions, ask, "policy-missing"));
        };
        let session = match &who.session {
            Some(session) => self
                .session(&session.policies, &who.account)
                .map_err(|_| refused(who, actions, ask, "session-policy"))?,
            None => None,
        };
        let keys = keys(ask, who, role, seen);
        let of = |account: &str| self.controls.get(account);
        let layers = Layers {
            service_control: of(&who.account).map(|found| found.principals.as_slice()).unwrap_or_default(),
            resource_control: of(&role.account).map(|found| found.resources.as_slice()).unwrap_or_default(),
            identity: Some(&identity),
            boundary: who.as_caller().identity().and_then(|arn| self.boundaries.get(arn)),
            session: session.as_ref(),
            trust: Some(trust),
            ..Layers::default()
        };
        let mut first = None;
        for action in actions {
            let question = Question {
                caller: who.as_caller(),
                canonical_id: None,
                action: Act::named(action),
                resource: &role.arn,
                behind: None,
                owner: &role.account,
                context: &keys,
                consent: false,
            };
            match layers.decide(&question) {
                Decision::Allow(grant) => first = first.or(Some(grant)),
                decision => return Err(refused(who, &[action], ask, decision.reason())),
            }
        }
        Grant::of(&first).ok_or_else(|| refused(who, actions, ask, "silent-trust"))
    }

    /// Whether session policies are policies, and are there.
    fn check_session(&self, policies: &SessionPolicies, role: Option<&Role>) -> Result<(), Fault> {
        self.session_documents(policies, role.map_or("", |role| &role.account)).map(|_| ())
    }

    /// What narrows a session, compiled; none where nothing does.
    ///
    /// # Errors
    /// A document that is none, or is not there any more. Whoever has such a session may do nothing.
    pub fn session(&self, policies: &SessionPolicies, account: &str) -> Result<Option<Shelf>, Fault> {
        if policies.is_empty() {
            return Ok(None);
        }
        self.session_documents(policies, account).map(|documents| Some(Shelf::new(documents)))
    }

    /// The documents that narrow a session.
    fn session_documents(&self, policies: &SessionPolicies, account: &str) -> Result<Vec<Arc<Policy>>, Fault> {
        let mut documents = Vec::new();
        if let Some(text) = &policies.inline {
            let reading = read::read(text.as_bytes(), read::Kind::Identity).map_err(|problems| {
                let first = problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
                Fault::new(Code::MalformedPolicyDocument, "session-policy", format!("Syntax errors in policy: {first}"))
            })?;
            documents.push(Policy::new("session", reading.document));
        }
        for arn in &policies.arns {
            let found = managed(arn, account).and_then(|name| self.named.get(name));
            let Some(found) = found else {
                let message = "A policy of PolicyArns does not exist or is not attachable.";
                return Err(Fault::new(Code::ValidationError, "session-policy-arn", message));
            };
            documents.push(Arc::clone(found));
        }
        Ok(documents)
    }
}

/// The name of a managed policy of an account: `arn:aws:iam::ACCOUNT:policy/NAME`.
fn managed<'a>(arn: &'a str, account: &str) -> Option<&'a str> {
    let rest = arn.strip_prefix("arn:")?.split_once(":iam::")?.1;
    let (owner, policy) = rest.split_once(":policy/")?;
    (owner == account).then_some(policy)
}

/// What a request does to a role.
fn actions(asked: &AssumeRole, who: &Principal) -> Vec<&'static str> {
    let before = who.session.as_ref();
    let mut actions = vec!["sts:AssumeRole"];
    if !asked.tags.is_empty() || before.is_some_and(|session| !session.transitive.is_empty()) {
        actions.push("sts:TagSession");
    }
    if asked.source_identity.is_some() || before.is_some_and(|session| session.source_identity.is_some()) {
        actions.push("sts:SetSourceIdentity");
    }
    actions
}

/// The condition keys of a request.
fn keys(ask: &Ask, who: &Principal, role: &Role, seen: Circumstances<'_>) -> Keys {
    let mut keys = Keys::default();
    keys.set("aws:CurrentTime", seen.now.rfc3339());
    keys.set("aws:EpochTime", seen.now.0.to_string());
    keys.set("aws:SecureTransport", seen.tls.to_string());
    of_way(seen, who, &mut keys);
    if let Some(agent) = seen.user_agent {
        keys.set("aws:UserAgent", agent);
    }
    keys.set("aws:ResourceAccount", role.account.as_str());
    for (key, value) in &role.tags {
        keys.set(&format!("aws:ResourceTag/{key}"), value.as_str());
        keys.set(&format!("iam:ResourceTag/{key}"), value.as_str());
    }
    of_caller(who, &mut keys);
    if let Some(narrowed) = ask.narrowed() {
        keys.set("sts:RoleSessionName", narrowed.session.as_str());
        if let Some(seconds) = narrowed.seconds {
            keys.set("sts:DurationSeconds", seconds.to_string());
        }
    }
    if let Ask::AssumeRole(asked) = ask {
        if let Some(id) = &asked.external_id {
            keys.set("sts:ExternalId", id.as_str());
        }
        if let Some(identity) = &asked.source_identity {
            keys.set("sts:SourceIdentity", identity.as_str());
        }
        if !asked.tags.is_empty() {
            keys.set_all("aws:TagKeys", asked.tags.keys().cloned().collect());
            keys.set_all("sts:TransitiveTagKeys", asked.transitive.clone());
        }
        for (key, value) in &asked.tags {
            keys.set(&format!("aws:RequestTag/{key}"), value.as_str());
        }
    }
    keys
}

/// The condition keys of the way that a request came, and of whose accounts it is about; the same ones that
/// requests to a store have.
fn of_way(seen: Circumstances<'_>, who: &Principal, keys: &mut Keys) {
    // Through a VPC endpoint the address is a private one, and has a key of its own.
    let inside = seen.vpc.is_some() || seen.vpc_endpoint.is_some();
    let address = if inside { "aws:VpcSourceIp" } else { "aws:SourceIp" };
    keys.set(address, seen.source.to_canonical().to_string());
    keys.set("aws:RequestedRegion", seen.region);
    keys.set("aws:ViaAWSService", "false");
    for (key, value) in [("aws:SourceVpc", seen.vpc), ("aws:SourceVpce", seen.vpc_endpoint)] {
        value.into_iter().for_each(|value| keys.set(key, value));
    }
    let of_caller = seen.caller_organization.filter(|_| who.kind != Kind::Web);
    for (name, found) in [("Principal", of_caller), ("Resource", seen.role_organization)] {
        if let Some((id, paths)) = found {
            keys.set(&format!("aws:{name}OrgID"), id);
            keys.set_all(&format!("aws:{name}OrgPaths"), paths.to_vec());
        }
    }
}

fn of_caller(who: &Principal, keys: &mut Keys) {
    if let Some(federated) = who.session.as_ref().and_then(|session| session.federated.as_ref()) {
        let provider = federated.provider();
        keys.set(&format!("{provider}:aud"), federated.audience.as_str());
        keys.set(&format!("{provider}:sub"), federated.subject.as_str());
        if who.kind == Kind::Web {
            keys.set("aws:FederatedProvider", who.arn.as_str());
            return;
        }
        let partition = Arn::parse(&who.arn).map_or("aws", |arn| arn.partition);
        let arn = format!("arn:{partition}:iam::{}:oidc-provider/{provider}", who.account);
        keys.set("aws:FederatedProvider", arn);
    }
    keys.set("aws:PrincipalAccount", who.account.as_str());
    keys.set("aws:PrincipalIsAWSService", "false");
    keys.set("aws:userid", who.user_id());
    let (arn, kind) = match &who.kind {
        Kind::Role { role, .. } => (role.as_str(), "AssumedRole"),
        Kind::Root => (who.arn.as_str(), "Account"),
        Kind::User | Kind::Web => (who.arn.as_str(), "User"),
        Kind::Anonymous => return,
    };
    keys.set("aws:PrincipalArn", arn);
    keys.set("aws:PrincipalType", kind);
    if let (Kind::User, Some(arn)) = (&who.kind, Arn::parse(&who.arn)) {
        keys.set("aws:username", arn.resource.name());
    }
    for (key, value) in &who.tags {
        keys.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    if let Some(session) = &who.session {
        keys.set("aws:TokenIssueTime", session.issued.rfc3339());
        keys.set("aws:MultiFactorAuthPresent", session.mfa.to_string());
        if let Some(identity) = &session.source_identity {
            keys.set("aws:SourceIdentity", identity.as_str());
        }
    }
}

/// What a caller hears who may not: what was asked, and not whether the role is there.
fn refused(who: &Principal, actions: &[&str], ask: &Ask, reason: &'static str) -> Fault {
    let action = actions.first().copied().unwrap_or("sts:AssumeRole");
    let message = match (&who.kind, ask.narrowed()) {
        (Kind::Web, _) | (_, None) => format!("Not authorized to perform {action}"),
        (_, Some(narrowed)) => {
            format!("User: {} is not authorized to perform: {action} on resource: {}", who.arn, narrowed.role)
        }
    };
    Fault::new(Code::AccessDenied, "policy", message).detail(reason)
}

fn denied(reason: &'static str) -> Fault {
    Fault::plain(Code::AccessDenied, "policy").detail(reason)
}
