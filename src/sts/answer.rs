//! What is answered: credentials that are made here, or who the caller is.

use std::collections::BTreeMap;

use bytes::Bytes;
use ring::rand::SecureRandom;

use super::NAMESPACE;
use super::ask::{Ask, AssumeRole, Narrowed};
use super::form::invalid;
use crate::identity::{
    Directory, Federated, Kind, Of, Principal, Role, SealFault, Sealed, Session, SessionPolicies, TokenKeys,
};
use crate::s3::xml::Writer;
use crate::s3::{Code, Fault};
use crate::sigv4::Secret;
use crate::time::Seconds;

/// How long a role's session lasts that nobody set a time for, and one that was opened with a role's.
const HOUR: u32 = 3600;
/// How long a user's session lasts that nobody set a time for.
const USER_DEFAULT: u32 = 43_200;
/// How much policies and tags of a session may take together.
const PACKED: usize = 2800;

/// What makes credentials: the directory of today, the keys that seal, the present, and randomness.
pub struct Grantor<'a> {
    /// Roles and users.
    pub directory: &'a Directory,
    /// What seals tokens.
    pub tokens: &'a TokenKeys,
    /// The present.
    pub now: Seconds,
    /// Where secrets come from.
    pub random: &'a dyn SecureRandom,
}

/// An answer.
pub struct Answered {
    /// The document. It holds a secret where credentials were made.
    pub document: Bytes,
    /// The id of the access key that was made, for the record.
    pub access_key: Option<String>,
}

impl Grantor<'_> {
    /// What a request must still satisfy besides the decision: times, chains, sizes. Nothing is made.
    ///
    /// # Errors
    /// `ValidationError`, `AccessDenied`, `PackedPolicyTooLarge`.
    pub fn check(ask: &Ask, who: &Principal, role: Option<&Role>) -> Result<(), Fault> {
        let role = || role.ok_or_else(|| Fault::plain(Code::AccessDenied, "no-role"));
        match ask {
            Ask::CallerIdentity => Ok(()),
            Ask::SessionToken { seconds } => user_seconds(*seconds, who).map(|_| ()),
            Ask::AssumeRole(asked) => {
                role_seconds(&asked.narrowed, role()?, who)?;
                let (tags, transitive) = chained(asked, who)?;
                source_identity(asked, who)?;
                packed(&asked.narrowed.policies, &tags, &transitive).map(|_| ())
            }
            Ask::WebIdentity(asked) => {
                role_seconds(&asked.narrowed, role()?, who)?;
                packed(&asked.narrowed.policies, &BTreeMap::new(), &[]).map(|_| ())
            }
        }
    }

    /// Answers a request that was decided and recorded.
    ///
    /// # Errors
    /// As for [`Grantor::check`]; no random numbers.
    pub fn answer(&self, ask: &Ask, who: &Principal, request_id: &str) -> Result<Answered, Fault> {
        match ask {
            Ask::CallerIdentity => {
                let document = document("GetCallerIdentity", request_id, |xml| {
                    xml.element("Arn", &who.arn);
                    xml.element("UserId", &who.user_id());
                    xml.element("Account", &who.account);
                });
                Ok(Answered { document, access_key: None })
            }
            Ask::SessionToken { seconds } => {
                let session = self.session(user_seconds(*seconds, who)?);
                let (sealed, token) = self.issue(Of::User { arn: who.arn.clone() }, session)?;
                let document = document("GetSessionToken", request_id, |xml| credentials(xml, &sealed, &token));
                Ok(Answered { document, access_key: Some(sealed.access_key) })
            }
            Ask::AssumeRole(asked) => {
                let seconds = role_seconds(&asked.narrowed, self.role(&asked.narrowed)?, who)?;
                let (tags, transitive) = chained(asked, who)?;
                let session = Session {
                    policies: asked.narrowed.policies.clone(),
                    tags,
                    transitive,
                    source_identity: source_identity(asked, who)?,
                    ..self.session(seconds)
                };
                self.role_answer("AssumeRole", &asked.narrowed, session, request_id)
            }
            Ask::WebIdentity(asked) => {
                let seconds = role_seconds(&asked.narrowed, self.role(&asked.narrowed)?, who)?;
                let federated = who.session.as_ref().and_then(|session| session.federated.clone());
                let Some(federated) = federated else {
                    return Err(Fault::plain(Code::InternalError, "no-web-identity"));
                };
                let policies = asked.narrowed.policies.clone();
                let session = Session { policies, federated: Some(federated), ..self.session(seconds) };
                self.role_answer("AssumeRoleWithWebIdentity", &asked.narrowed, session, request_id)
            }
        }
    }

    fn role(&self, narrowed: &Narrowed) -> Result<&Role, Fault> {
        self.directory.role(&narrowed.role).ok_or_else(|| Fault::plain(Code::AccessDenied, "no-role"))
    }

    /// A session that begins now.
    fn session(&self, seconds: u32) -> Session {
        Session {
            issued: self.now,
            expires: Seconds(self.now.0.saturating_add(i64::from(seconds))),
            policies: SessionPolicies::default(),
            tags: BTreeMap::new(),
            transitive: Vec::new(),
            source_identity: None,
            mfa: false,
            federated: None,
        }
    }

    fn issue(&self, of: Of, session: Session) -> Result<(Sealed, Secret), Fault> {
        self.tokens.issue(of, session, self.random).map_err(|fault| match fault {
            SealFault::TooLong => too_large(),
            SealFault::NoRandomness => Fault::plain(Code::InternalError, "no-randomness"),
        })
    }

    fn role_answer(
        &self,
        action: &'static str,
        narrowed: &Narrowed,
        session: Session,
        request_id: &str,
    ) -> Result<Answered, Fault> {
        let role = self.role(narrowed)?;
        let size = packed(&session.policies, &session.tags, &session.transitive)?;
        let of = Of::Role { arn: role.arn.clone(), name: narrowed.session.clone() };
        let (sealed, token) = self.issue(of, session)?;
        let who = Principal::of_role(role, &narrowed.session, None)
            .ok_or_else(|| Fault::plain(Code::InternalError, "role-arn"))?;
        let document = document(action, request_id, |xml| {
            if let Some(Federated { subject, audience, issuer }) = &sealed.session.federated {
                xml.element("SubjectFromWebIdentityToken", subject);
                xml.element("Audience", audience);
                xml.element("Provider", issuer);
            }
            xml.open("AssumedRoleUser");
            xml.element("AssumedRoleId", &who.user_id());
            xml.element("Arn", &who.arn);
            xml.close("AssumedRoleUser");
            credentials(xml, &sealed, &token);
            if let Some(percent) = size {
                xml.element("PackedPolicySize", &percent.to_string());
            }
            if let Some(identity) = &sealed.session.source_identity {
                xml.element("SourceIdentity", identity);
            }
        });
        Ok(Answered { document, access_key: Some(sealed.access_key) })
    }
}

fn document(action: &'static str, request_id: &str, result: impl FnOnce(&mut Writer)) -> Bytes {
    let (response, inner) = (format!("{action}Response"), format!("{action}Result"));
    let mut xml = Writer::document();
    xml.open_in(&response, NAMESPACE);
    xml.open(&inner);
    result(&mut xml);
    xml.close(&inner);
    xml.open("ResponseMetadata");
    xml.element("RequestId", request_id);
    xml.close("ResponseMetadata");
    xml.close(&response);
    Bytes::from(xml.finish())
}

fn credentials(xml: &mut Writer, sealed: &Sealed, token: &Secret) {
    xml.open("Credentials");
    xml.element("AccessKeyId", &sealed.access_key);
    xml.element("SecretAccessKey", sealed.secret.expose());
    xml.element("SessionToken", token.expose());
    xml.element("Expiration", &sealed.session.expires.rfc3339());
    xml.close("Credentials");
}

/// For how long a user's session is opened.
fn user_seconds(asked: Option<u32>, who: &Principal) -> Result<u32, Fault> {
    match who.kind {
        Kind::Root if asked.is_some_and(|asked| asked > HOUR) => {
            Err(invalid("duration-root", "DurationSeconds of the root user must be from 900 to 3600"))
        }
        Kind::Root => Ok(asked.unwrap_or(HOUR)),
        _ => Ok(asked.unwrap_or(USER_DEFAULT)),
    }
}

/// For how long a role's session is opened.
fn role_seconds(narrowed: &Narrowed, role: &Role, who: &Principal) -> Result<u32, Fault> {
    let chained = matches!(who.kind, Kind::Role { .. });
    match narrowed.seconds {
        None => Ok(HOUR.min(role.max_session)),
        Some(asked) if asked > role.max_session => {
            let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            Err(invalid("duration-role", message))
        }
        Some(asked) if chained && asked > HOUR => {
            let message =
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
            Err(invalid("duration-chained", message))
        }
        Some(asked) => Ok(asked),
    }
}

/// The tags of the new session: those that are given, and those that the caller's session hands on.
fn chained(asked: &AssumeRole, who: &Principal) -> Result<(BTreeMap<String, String>, Vec<String>), Fault> {
    let (mut tags, mut transitive) = (asked.tags.clone(), asked.transitive.clone());
    for key in who.session.iter().flat_map(|session| &session.transitive) {
        let given = tags.keys().any(|own| own.to_lowercase() == key.to_lowercase());
        let value = who.session.as_ref().and_then(|session| session.tags.get(key));
        match value {
            _ if given => {
                let message = "A tag that the session before has handed on cannot be given anew.";
                return Err(invalid("tags-inherited", message));
            }
            Some(value) => {
                tags.insert(key.clone(), value.clone());
                transitive.push(key.clone());
            }
            None => return Err(Fault::plain(Code::InternalError, "tag-vanished")),
        }
    }
    Ok((tags, transitive))
}

/// Who is behind the new session. Once said, it stays.
fn source_identity(asked: &AssumeRole, who: &Principal) -> Result<Option<String>, Fault> {
    let before = who.session.as_ref().and_then(|session| session.source_identity.clone());
    match (before, &asked.source_identity) {
        (Some(before), Some(now)) if before != *now => Err(Fault::new(
            Code::AccessDenied,
            "source-identity",
            "The source identity of a session cannot be changed.",
        )),
        (Some(before), _) => Ok(Some(before)),
        (None, now) => Ok(now.clone()),
    }
}

/// How much of the room for policies and tags is taken, in percent; none if there are none.
fn packed(
    policies: &SessionPolicies,
    tags: &BTreeMap<String, String>,
    transitive: &[String],
) -> Result<Option<usize>, Fault> {
    let tags: usize = tags.iter().map(|(key, value)| key.len() + value.len() + 4).sum();
    let arns: usize = policies.arns.iter().chain(transitive).map(|text| text.len() + 2).sum();
    let size = policies.inline.as_ref().map_or(0, String::len) + tags + arns;
    match size {
        0 => Ok(None),
        size if size > PACKED => Err(too_large()),
        size => Ok(Some((size * 100).div_ceil(PACKED))),
    }
}

fn too_large() -> Fault {
    let message = "The policies and tags of the session take more room than there is (100%).";
    Fault::new(Code::PackedPolicyTooLarge, "packed", message)
}
