//! What is asked, read and checked. Whether it is allowed is decided elsewhere.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use zeroize::Zeroizing;

use super::form::{Form, invalid};
use crate::identity::{Arn, Resource, SessionPolicies, web};
use crate::s3::{Code, Fault};
use crate::sigv4::Secret;

/// How long sessions of roles may be asked for.
const ROLE_SECONDS: RangeInclusive<u32> = 900..=43_200;
/// How long sessions of users may be asked for.
const USER_SECONDS: RangeInclusive<u32> = 900..=129_600;
/// The longest session policy (spec/policy-language.md 7).
const LONGEST_POLICY: usize = 2048;
/// The most managed policies of a session.
const MOST_POLICIES: usize = 10;
/// The most tags of a session.
const MOST_TAGS: usize = 50;

/// One request.
#[derive(Debug)]
pub enum Ask {
    /// `AssumeRole`
    AssumeRole(AssumeRole),
    /// `GetCallerIdentity`
    CallerIdentity,
    /// `GetSessionToken`
    SessionToken {
        /// For how long, in seconds.
        seconds: Option<u32>,
    },
    /// `AssumeRoleWithWebIdentity`
    WebIdentity(WebIdentity),
}

/// `AssumeRole`
#[derive(Debug)]
pub struct AssumeRole {
    /// Which role, and what of it.
    pub narrowed: Narrowed,
    /// The tags of the session.
    pub tags: BTreeMap<String, String>,
    /// The keys of tags that go on into further roles; all of them among `tags`.
    pub transitive: Vec<String>,
    /// What the role's owner has told the caller to say.
    pub external_id: Option<String>,
    /// Who is behind the request.
    pub source_identity: Option<String>,
}

/// `AssumeRoleWithWebIdentity`
#[derive(Debug)]
pub struct WebIdentity {
    /// Which role, and what of it.
    pub narrowed: Narrowed,
    /// The token of the provider.
    pub token: Secret,
}

/// A role, for some time, with some of its permissions.
#[derive(Debug)]
pub struct Narrowed {
    /// The ARN of the role.
    pub role: String,
    /// The account of the role.
    pub account: String,
    /// The name of the session.
    pub session: String,
    /// For how long, in seconds.
    pub seconds: Option<u32>,
    /// What narrows it.
    pub policies: SessionPolicies,
}

impl Ask {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// `InvalidAction`, `ValidationError` for parameters that are missing, out of range or unknown.
    pub fn read(body: &[u8]) -> Result<Self, Fault> {
        let mut form = Form::read(body)?;
        let action = form.take("Action").unwrap_or_default();
        match form.take("Version") {
            Some(version) if *version == "2011-06-15" => {}
            _ => return Err(unknown_action("Could not find operation for this version; the version is 2011-06-15")),
        }
        let ask = match action.as_str() {
            "AssumeRole" => Self::AssumeRole(AssumeRole::read(&mut form)?),
            "AssumeRoleWithWebIdentity" => Self::WebIdentity(WebIdentity::read(&mut form)?),
            "GetCallerIdentity" => Self::CallerIdentity,
            "GetSessionToken" => {
                refuse_second_factor(&mut form)?;
                Self::SessionToken { seconds: seconds(&mut form, USER_SECONDS)? }
            }
            _ => return Err(unknown_action("Could not find operation for this action")),
        };
        form.finish()?;
        Ok(ask)
    }

    /// Its name, as in SDKs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AssumeRole(_) => "AssumeRole",
            Self::CallerIdentity => "GetCallerIdentity",
            Self::SessionToken { .. } => "GetSessionToken",
            Self::WebIdentity(_) => "AssumeRoleWithWebIdentity",
        }
    }

    /// The role it is about.
    pub fn narrowed(&self) -> Option<&Narrowed> {
        match self {
            Self::AssumeRole(AssumeRole { narrowed, .. }) | Self::WebIdentity(WebIdentity { narrowed, .. }) => {
                Some(narrowed)
            }
            Self::CallerIdentity | Self::SessionToken { .. } => None,
        }
    }
}

impl AssumeRole {
    fn read(form: &mut Form) -> Result<Self, Fault> {
        refuse_second_factor(form)?;
        let (tags, transitive) = tags(form)?;
        Ok(Self {
            narrowed: Narrowed::read(form)?,
            tags,
            transitive,
            external_id: text(form, "ExternalId", 2..=1224, b"_+=,.@:/-")?,
            source_identity: text(form, "SourceIdentity", 2..=64, b"_+=,.@-")?,
        })
    }
}

impl WebIdentity {
    fn read(form: &mut Form) -> Result<Self, Fault> {
        let narrowed = Narrowed::read(form)?;
        let token = form.need("WebIdentityToken")?;
        if !(4..=web::LONGEST).contains(&token.len()) {
            return Err(out_of_range("WebIdentityToken"));
        }
        // For the token services of the time before OpenID Connect.
        if form.take("ProviderId").is_some() {
            return Err(invalid("provider-id", "ProviderId is not supported: tokens are those of OpenID Connect."));
        }
        Ok(Self { narrowed, token: Secret::new(token.to_string()) })
    }
}

impl Narrowed {
    fn read(form: &mut Form) -> Result<Self, Fault> {
        let role = form.need("RoleArn")?.to_string();
        let parsed = Arn::parse(&role).filter(|arn| matches!(arn.resource, Resource::Role(_)));
        let Some(account) = parsed.map(|arn| arn.account.to_owned()) else {
            return Err(invalid("role-arn", "RoleArn is not the ARN of a role"));
        };
        let session = text(form, "RoleSessionName", 2..=64, b"_+=,.@-")?;
        let session = match session {
            Some(session) => session,
            None => return Err(form.need("RoleSessionName").err().unwrap_or_else(|| out_of_range("RoleSessionName"))),
        };
        Ok(Self { role, account, session, seconds: seconds(form, ROLE_SECONDS)?, policies: policies(form)? })
    }
}

fn policies(form: &mut Form) -> Result<SessionPolicies, Fault> {
    let inline = form.take("Policy").map(|policy| policy.to_string());
    if let Some(policy) = &inline {
        let fits = |character: char| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{ff}');
        if policy.is_empty() || policy.chars().count() > LONGEST_POLICY || !policy.chars().all(fits) {
            return Err(out_of_range("Policy"));
        }
    }
    let arns = form.list("PolicyArns", MOST_POLICIES, ".arn")?;
    if arns.iter().any(|arn| !(20..=2048).contains(&arn.len()) || arn.chars().any(char::is_control)) {
        return Err(out_of_range("PolicyArns"));
    }
    Ok(SessionPolicies { inline, arns })
}

type Tags = (BTreeMap<String, String>, Vec<String>);

/// Session tags, whose keys differ by more than case, and which of them go on.
fn tags(form: &mut Form) -> Result<Tags, Fault> {
    let keys = form.list("Tags", MOST_TAGS, ".Key")?;
    let values = form.list("Tags", MOST_TAGS, ".Value")?;
    let transitive = form.list("TransitiveTagKeys", MOST_TAGS, "")?;
    let fits = |text: &str| {
        text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "_.:/=+-@".contains(c))
    };
    let key = |text: &String| {
        (1..=128).contains(&text.chars().count()) && fits(text) && !text.to_ascii_lowercase().starts_with("aws:")
    };
    let value = |text: &String| text.chars().count() <= 256 && fits(text);
    if keys.len() != values.len() || !keys.iter().all(key) || !values.iter().all(value) {
        return Err(out_of_range("Tags"));
    }
    let folded =
        |keys: &[String]| -> std::collections::BTreeSet<String> { keys.iter().map(|key| key.to_lowercase()).collect() };
    let (all, going_on) = (folded(&keys), folded(&transitive));
    if all.len() != keys.len() || going_on.len() != transitive.len() {
        return Err(invalid(
            "tags-double",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ));
    }
    if !going_on.is_subset(&all) {
        return Err(invalid("tags-transitive", "TransitiveTagKeys names a tag that is not among Tags"));
    }
    Ok((keys.into_iter().zip(values).collect(), transitive))
}

/// A text of letters, digits and some other characters.
fn text(
    form: &mut Form,
    name: &'static str,
    length: RangeInclusive<usize>,
    others: &[u8],
) -> Result<Option<String>, Fault> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    match form.take(name) {
        None => Ok(None),
        Some(text) if length.contains(&text.len()) && text.bytes().all(fits) => Ok(Some(text.to_string())),
        Some(_) => Err(out_of_range(name)),
    }
}

fn seconds(form: &mut Form, range: RangeInclusive<u32>) -> Result<Option<u32>, Fault> {
    let Some(text) = form.take("DurationSeconds") else { return Ok(None) };
    let digits = (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse().ok().filter(|seconds| digits && range.contains(seconds)) {
        Some(seconds) => Ok(Some(seconds)),
        None => {
            let (low, high) = (range.start(), range.end());
            Err(invalid("duration", format!("DurationSeconds must be from {low} to {high}")))
        }
    }
}

/// A second factor that nobody checks must not look like one that was.
fn refuse_second_factor(form: &mut Form) -> Result<(), Fault> {
    let given: [Option<Zeroizing<String>>; 2] = [form.take("SerialNumber"), form.take("TokenCode")];
    match given {
        [None, None] => Ok(()),
        _ => Err(invalid("second-factor", "SerialNumber and TokenCode are not available in this version.")),
    }
}

fn out_of_range(name: &'static str) -> Fault {
    invalid("parameter-range", format!("{name} is too short, too long, or has characters that are not allowed"))
}

fn unknown_action(message: &'static str) -> Fault {
    Fault::new(Code::InvalidAction, "action", message)
}
