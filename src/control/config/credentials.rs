//! `credentials` of a store or a key service: keys that stand somewhere, or a source that gives them for a while.

use std::sync::Arc;

use super::{Credentials, Endpoint, sink};
use crate::control::files;
use crate::control::reader::Table;
use crate::credentials::{Authorization, Place, Source, WebIdentity};
use crate::sigv4::{OwnKeys, Secret};

/// Where containers on ECS ask for a path alone.
const CONTAINERS: &str = "169.254.170.2";
/// Who may be asked for keys over plain HTTP, besides this machine: ECS, and EKS by both of its addresses.
const PLAIN: [&str; 3] = [CONTAINERS, "169.254.170.23", "fd00:ec2::23"];
/// Where instances ask: addresses of the machine itself, as good as loopback.
const METADATA_HOSTS: [&str; 2] = ["169.254.169.254", "fd00:ec2::254"];
/// What a session is called that is not named.
const SESSION: &str = "bartizan";

const WAYS: &str = "credentials = { access_key_id = \"…\", secret_access_key = { env = \"…\" } }";

/// Reads `credentials`. `region`: of the store or the service.
pub(super) fn read(above: &mut Table<'_>, region: &str) -> Option<Credentials> {
    if !above.has("credentials") {
        above.required("credentials", WAYS);
        return None;
    }
    if let Some(word) = above.word("credentials") {
        return fetched(above, &word, region).map(|source| Credentials::Fetched(Arc::new(source)));
    }
    let mut table = above.table("credentials")?;
    let found = if table.has("env") {
        table.pointless(&["access_key_id", "secret_access_key", "session_token", "file", "profile"], "`env`");
        from_environment(&mut table)
    } else if table.has("file") {
        table.pointless(&["access_key_id", "secret_access_key", "session_token"], "`file`");
        from_file(&mut table)
    } else {
        table.pointless(&["profile"], "keys that stand here");
        written(&mut table)
    };
    table.finish();
    found.map(|keys| Credentials::Given(Arc::new(keys)))
}

/// A source by its word, as the environment describes it.
fn fetched(above: &mut Table<'_>, word: &str, region: &str) -> Option<Source> {
    let found = match word {
        "instance" => instance(above),
        "web-identity" => web_identity(above, region),
        _ => Err(Lack {
            what: "it is not usable".to_owned(),
            label: "not known",
            help: format!("write `{WAYS}`, or \"instance\", or \"web-identity\""),
        }),
    };
    found
        .map_err(|Lack { what, label, help }| {
            let message = format!("`{}` = \"{word}\": {what}", above.path_of("credentials"));
            let span = above.span_of("credentials").unwrap_or_default();
            above.fault(span, message, label, help);
        })
        .ok()
}

/// What the environment lacks for a source.
struct Lack {
    what: String,
    label: &'static str,
    help: String,
}

impl Lack {
    fn of(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), label: "the environment does not describe it", help: help.into() }
    }
}

/// A variable of the environment that says something.
fn variable(table: &Table<'_>, name: &str) -> Option<String> {
    table.environment().variable(name).filter(|value| !value.is_empty())
}

/// What hands out keys to a container, where there is such a thing, or else the metadata of the instance.
fn instance(table: &Table<'_>) -> Result<Source, Lack> {
    if let Some(place) = container(table)? {
        return Ok(Source::Container { place, authorization: authorization(table)? });
    }
    let disabled = variable(table, "AWS_EC2_METADATA_DISABLED");
    if disabled.is_some_and(|word| word.eq_ignore_ascii_case("true")) {
        let help = "unset AWS_EC2_METADATA_DISABLED, or name other keys: `credentials = { env = true }`";
        return Err(Lack::of("AWS_EC2_METADATA_DISABLED forbids to ask the instance's metadata", help));
    }
    const NAME: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    let url = variable(table, NAME).map_or_else(|| metadata(table).map(str::to_owned), Ok)?;
    let (mut place, is_plain) = place(&url).ok_or_else(|| unusable_url(NAME))?;
    if is_plain && !METADATA_HOSTS.contains(&place.host.as_str()) {
        let message = format!("{NAME} is plain HTTP to another machine");
        let help = "use https://, unless the network between is closed to others";
        table.warn(table.span(), &message, "keys can be read on the way", help);
    }
    place.target.truncate(place.target.trim_end_matches('/').len());
    Ok(Source::Instance(place))
}

/// The metadata service's usual place.
fn metadata(table: &Table<'_>) -> Result<&'static str, Lack> {
    const NAME: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE";
    match variable(table, NAME).map(|mode| mode.to_ascii_lowercase()).as_deref() {
        None | Some("ipv4") => Ok("http://169.254.169.254"),
        Some("ipv6") => Ok("http://[fd00:ec2::254]"),
        Some(_) => Err(Lack::of(format!("{NAME} is neither IPv4 nor IPv6"), "set it to one of them, or unset it")),
    }
}

/// Where what runs this container hands out keys.
fn container(table: &Table<'_>) -> Result<Option<Place>, Lack> {
    const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    if let Some(path) = variable(table, RELATIVE) {
        let url = format!("http://{CONTAINERS}{path}");
        let found = Some(url).filter(|_| path.starts_with('/')).and_then(|url| place(&url));
        let found = found
            .ok_or_else(|| Lack::of(format!("{RELATIVE} is no path"), "set it to a path such as /v2/credentials/ID"));
        return found.map(|(place, _)| Some(place));
    }
    let Some(url) = variable(table, FULL) else { return Ok(None) };
    let (place, is_plain) = place(&url).ok_or_else(|| unusable_url(FULL))?;
    if is_plain && !PLAIN.contains(&place.host.as_str()) {
        let help = format!("use https://, or one of {}, or this machine", PLAIN.join(", "));
        return Err(Lack::of(format!("{FULL} is plain HTTP to another machine"), help));
    }
    Ok(Some(place))
}

/// The header that shows who asks; a file counts before a value, for it is the one that is replaced.
fn authorization(table: &Table<'_>) -> Result<Option<Authorization>, Lack> {
    const VALUE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    if let Some(path) = variable(table, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        return Ok(Some(Authorization::File(path.into())));
    }
    let Some(token) = variable(table, VALUE).map(Secret::new) else { return Ok(None) };
    if token.expose().bytes().any(|octet| octet.is_ascii_control()) {
        return Err(Lack::of(format!("{VALUE} cannot stand in a header"), "set it to one line"));
    }
    Ok(Some(Authorization::Value(token)))
}

/// A role that is assumed with a token from a file.
fn web_identity(table: &Table<'_>, region: &str) -> Result<Source, Lack> {
    const FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
    const ROLE: &str = "AWS_ROLE_ARN";
    const NAME: &str = "AWS_ROLE_SESSION_NAME";
    let (file, role) = (variable(table, FILE), variable(table, ROLE));
    let missing = [(FILE, file.is_none()), (ROLE, role.is_none())];
    let missing: Vec<&str> = missing.into_iter().filter(|(_, missing)| *missing).map(|(name, _)| name).collect();
    let (Some(token_file), Some(role)) = (file, role) else {
        let is = if missing.len() == 1 { "is" } else { "are" };
        let missing = missing.join(" and ");
        let help = format!("set {missing}; on EKS, the service account does");
        return Err(Lack::of(format!("{missing} {is} not set"), help));
    };
    if !role.starts_with("arn:")
        || !(20..=2048).contains(&role.len())
        || !role.bytes().all(|octet| octet.is_ascii_graphic())
    {
        return Err(Lack::of(format!("{ROLE} is no ARN"), "set it to the ARN of a role"));
    }
    let session = variable(table, NAME).unwrap_or_else(|| SESSION.to_owned());
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || b"_+=,.@-".contains(&octet);
    if !(2..=64).contains(&session.len()) || !session.bytes().all(fits) {
        let help = "set it to 2 to 64 letters, digits, and _+=,.@-";
        return Err(Lack::of(format!("{NAME} is no name of a session"), help));
    }
    let service = token_service(table, region)?;
    Ok(Source::WebIdentity(Box::new(WebIdentity { service, token_file: token_file.into(), role, session })))
}

/// The token service of a region, unless the environment names another one.
fn token_service(table: &Table<'_>, region: &str) -> Result<Place, Lack> {
    const NAME: &str = "AWS_ENDPOINT_URL_STS";
    let Some(url) = variable(table, NAME) else {
        let end = if region.starts_with("cn-") { ".cn" } else { "" };
        let host = format!("sts.{region}.amazonaws.com{end}");
        return Ok(Place { tls: true, host, port: 443, target: "/".to_owned() });
    };
    let (place, is_plain) = place(&url).ok_or_else(|| unusable_url(NAME))?;
    if is_plain {
        return Err(Lack::of(format!("{NAME} is plain HTTP to another machine"), "use https://"));
    }
    Ok(place)
}

/// A URL in its parts, and whether what goes there can be read on the way.
fn place(url: &str) -> Option<(Place, bool)> {
    let (endpoint, target) = sink::split_url(url)?;
    let is_plain = !endpoint.tls && !endpoint.is_local();
    let Endpoint { tls, host, port } = endpoint;
    Some((Place { tls, host, port, target }, is_plain))
}

fn unusable_url(name: &str) -> Lack {
    Lack::of(format!("{name} is no URL"), "set it to a URL such as https://HOST/PATH, or unset it")
}

fn written(table: &mut Table<'_>) -> Option<OwnKeys> {
    let access_key_id = table.string("access_key_id");
    if access_key_id.is_none() && !table.has("access_key_id") {
        table.required("access_key_id", "access_key_id = \"…\"");
    }
    let secret = table.secret("secret_access_key");
    if secret.is_none() && !table.has("secret_access_key") {
        table.required("secret_access_key", "secret_access_key = { env = \"…\" }");
    }
    let session_token = table.secret("session_token");
    Some(OwnKeys { access_key: access_key_id?.value, secret: secret?, token: session_token, expires: None })
}

fn from_environment(table: &mut Table<'_>) -> Option<OwnKeys> {
    let span = table.span_of("env").unwrap_or_default();
    if !table.boolean("env", true) {
        table.fault(span, "`env` can only be true", "no other source is named", "write `env = true`");
        return None;
    }
    let variable = |name| variable(table, name);
    let pair = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
    let Some((access_key, secret)) = pair else {
        let help = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        table.fault(span, "the environment holds no keys for it", "a variable is not set", help);
        return None;
    };
    let token = variable("AWS_SESSION_TOKEN").map(Secret::new);
    Some(OwnKeys { access_key, secret: Secret::new(secret), token, expires: None })
}

fn from_file(table: &mut Table<'_>) -> Option<OwnKeys> {
    let profile = table.string("profile").map_or_else(|| "default".to_owned(), |found| found.value);
    let file = table.path("file")?;
    let text = match files::read_private(&file.value, 64 << 10) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(fault) => {
            let (label, help) = (fault.label().unwrap_or("not usable"), fault.help());
            let help = help.unwrap_or("name a shared credentials file, such as ~/.aws/credentials spelled out");
            table.fault(file.span, format!("the credentials file {fault}"), label, help);
            return None;
        }
    };
    let found = shared_credentials(&text, &profile);
    if found.is_none() {
        let help = "it needs aws_access_key_id and aws_secret_access_key below the name of the profile in brackets";
        table.fault(file.span, format!("no keys for profile `{profile}`"), "not found in this file", help);
    }
    found
}

/// The keys of one profile of a shared credentials file.
fn shared_credentials(text: &str, profile: &str) -> Option<OwnKeys> {
    let mut inside = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = section.trim() == profile;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
            let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
            match key.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => secret = value.map(Secret::new),
                "aws_session_token" => token = value.map(Secret::new),
                _ => {}
            }
        }
    }
    Some(OwnKeys { access_key: id?, secret: secret?, token, expires: None })
}

#[cfg(test)]
mod tests;
