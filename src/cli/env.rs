//! `bartizan env`: what the ordinary `aws` command needs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Exit, File, Io};
use crate::control::config::{Config, Listen};
use crate::control::{certs, check, credentials};

/// What a shell may have from before, and what would lead a client elsewhere or make it somebody else: the token of
/// a session goes with every key, a profile brings keys, the endpoint of one service comes before that of all.
const LEFT_OVERS: &str = "AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE AWS_ENDPOINT_URL_S3 \
                          AWS_ENDPOINT_URL_S3_CONTROL AWS_ENDPOINT_URL_STS AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// Prints the variables for the first local administrator.
pub(super) fn run(file: &File, json: bool, io: &mut Io<'_>) -> Exit {
    let Some(config) = file.open(io) else { return Exit::Unusable };
    let directory = match credentials::load(&config, io.environment) {
        Ok((directory, _)) => directory,
        Err(findings) => {
            io.complain(&findings.to_string());
            return Exit::Unusable;
        }
    };
    let Some(key) = check::administrator(&config, &directory) else {
        io.complain(&format!(
            "error: no user of account {} has the `administrator` policy and a key\nhelp: add one to {}\n",
            config.account,
            config.credentials.display()
        ));
        return Exit::Unusable;
    };
    let Some((url, bundle)) = endpoint(&config) else {
        io.complain("error: the first listener has no fixed port\nhelp: write a port other than 0\n");
        return Exit::Unusable;
    };
    let mut variables = vec![("AWS_ENDPOINT_URL", Zeroizing::new(url))];
    variables.extend(control(&config).map(|url| ("AWS_ENDPOINT_URL_S3_CONTROL", Zeroizing::new(url))));
    variables.extend(bundle.map(|path| ("AWS_CA_BUNDLE", Zeroizing::new(path.display().to_string()))));
    variables.push(("AWS_REGION", Zeroizing::new(config.region.clone())));
    // What `aws` 1.x and boto3 read in its place.
    variables.push(("AWS_DEFAULT_REGION", Zeroizing::new(config.region.clone())));
    variables.push(("AWS_ACCESS_KEY_ID", Zeroizing::new(key.id.clone())));
    variables.push(("AWS_SECRET_ACCESS_KEY", Zeroizing::new(key.secret.expose().to_owned())));
    io.print(&spell(&variables, json));
    Exit::Fine
}

/// For a shell, what is left over goes first. As JSON there are the variables alone: whoever makes an environment
/// of them begins with one of their own.
fn spell(variables: &[(&str, Zeroizing<String>)], json: bool) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    if json {
        let pair = |(name, value): &(&str, Zeroizing<String>)| ((*name).to_owned(), Value::from(value.as_str()));
        let object: Map<String, Value> = variables.iter().map(pair).collect();
        let _ = writeln!(text, "{}", Value::from(object));
    } else {
        let _ = writeln!(text, "unset {LEFT_OVERS}");
        for (name, value) in variables {
            let _ = writeln!(text, "export {name}={}", quote(value));
        }
    }
    text
}

/// The address of the first listener, under a name that its certificate covers, and the CA to trust.
fn endpoint(config: &Config) -> Option<(String, Option<PathBuf>)> {
    let listener = config.listen.first()?;
    // Where there is an external URL, a client that used another one would sign another request.
    if let Some(external) = &listener.external {
        return Some((external.url(), None));
    }
    let port = Some(listener.address.port()).filter(|port| *port != 0)?;
    let Some(tls) = &listener.tls else {
        return Some((format!("http://{}:{port}", bracketed(&reachable(listener))), None));
    };
    let about = certs::chain(&tls.certificate).ok().and_then(|chain| certs::about(chain.first()?).ok());
    let names = reachable(listener);
    let covered = about.as_ref().and_then(|about| names.iter().position(|name| about.covers(name)));
    let name = covered.and_then(|at| names.get(at..)).unwrap_or(&names);
    let bundle = bundle(&tls.certificate, about.is_some_and(|about| about.self_issued));
    Some((format!("https://{}:{port}", bracketed(name)), bundle))
}

/// The endpoint of S3 Control, where the other one is an address: SDKs put the account in front of the host,
/// and no resolver knows a name like `111122223333.127.0.0.1`.
fn control(config: &Config) -> Option<String> {
    let listener = config.listen.first().filter(|listener| listener.external.is_none())?;
    let port = Some(listener.address.port()).filter(|port| *port != 0)?;
    let host = listener.hosts.iter().find(|host| host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_err())?;
    let scheme = if listener.tls.is_some() { "https" } else { "http" };
    Some(format!("{scheme}://{host}:{port}"))
}

/// Names and addresses under which the listener can be reached from here, the best first.
fn reachable(listener: &Listen) -> Vec<String> {
    let address = listener.address.ip();
    let own = match address {
        std::net::IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        std::net::IpAddr::V6(ip) if ip.is_unspecified() => "::1".to_owned(),
        _ => address.to_string(),
    };
    std::iter::once(own).chain(listener.hosts.iter().cloned()).collect()
}

fn bracketed(names: &[String]) -> String {
    let name = names.first().map_or("127.0.0.1", String::as_str);
    if name.contains(':') { format!("[{name}]") } else { name.to_owned() }
}

/// Our own CA lies beside the certificate; a certificate that is its own issuer is its own CA. Anything else
/// is for the CAs of the system.
fn bundle(certificate: &Path, self_issued: bool) -> Option<PathBuf> {
    let beside = certificate.with_file_name("ca.pem");
    let path = if beside.is_file() {
        beside
    } else if self_issued {
        certificate.to_owned()
    } else {
        return None;
    };
    std::path::absolute(&path).ok().or(Some(path))
}

/// A word that a POSIX shell takes as it is.
pub(super) fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_shell_cannot_be_tricked_by_a_value() {
        for (word, quoted) in [
            ("https://127.0.0.1:9443", "https://127.0.0.1:9443"),
            ("a b", "'a b'"),
            ("$(rm -r /)", "'$(rm -r /)'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
            ("~x", "'~x'"),
            ("a;b", "'a;b'"),
            ("line\nline", "'line\nline'"),
        ] {
            assert_eq!(quote(word), quoted);
        }
    }
}
