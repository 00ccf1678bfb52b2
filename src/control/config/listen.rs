//! `[[listen]]`

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Cidr, ClientCertificates, Endpoint, Limits, Listen, Mint, Tls, TlsVersion};
use crate::control::reader::{Located, Table};
use crate::control::units::plain_host;
use crate::s3::external::External;
use crate::s3::uri;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Addresses that are taken, with their places.
pub(super) type Taken = Vec<Located<SocketAddr>>;

pub(super) fn read(root: &mut Table<'_>) -> (Vec<Listen>, Taken) {
    let mut taken = Taken::new();
    if !root.has("listen") {
        root.required("listen", "[[listen]]");
        return (Vec::new(), taken);
    }
    let mut addresses = HashSet::new();
    let mut names = HashSet::new();
    let mut listeners = Vec::new();
    for (at, mut table) in root.tables("listen").into_iter().enumerate() {
        let listener = listener(&mut table, at);
        let twice = listener.address.port() != 0 && !addresses.insert(listener.address);
        if twice || !names.insert(listener.name.clone()) {
            let help = "give each listener its own `address` and `name`";
            table.fault(table.span(), "two listeners are the same", "its address or name is taken above", help);
        }
        if let Some(span) = table.span_of("address") {
            taken.push(Located { value: listener.address, span });
        }
        table.finish();
        listeners.push(listener);
    }
    (listeners, taken)
}

fn listener(table: &mut Table<'_>, at: usize) -> Listen {
    let name = table.parsed("name", "a short name of letters, digits, `-` and `_`", name);
    let name =
        name.map_or_else(|| if at == 0 { "main".to_owned() } else { format!("listen-{at}") }, |found| found.value);
    let address =
        table.parsed("address", "an address with a port such as \"127.0.0.1:9443\"", |text| text.parse().ok());
    if address.is_none() && !table.has("address") {
        table.required("address", "address = \"127.0.0.1:9443\"");
    }
    let tls = tls(table);
    if let Some(found) = address.as_ref().filter(|found: &&Located<SocketAddr>| !found.value.ip().is_loopback())
        && !table.has("tls")
    {
        let help = "add `tls = { certificate = \"…\", key = \"…\" }`, or listen on 127.0.0.1";
        let message = format!("`{}` needs TLS", table.path_of("address"));
        table.fault(found.span.clone(), message, "plain HTTP is for loopback addresses only", help);
    }
    let host_form = "a host name such as \"s3.internal\", without a wildcard";
    let mut hosts: Vec<String> = table.list("hosts", host_form, host).into_iter().map(|found| found.value).collect();
    hosts.sort();
    hosts.dedup();
    let external = table
        .parsed("external_url", "a URL such as \"https://files.example.com/s3\", without query", external)
        .map(|found| found.value);
    if external.is_some() {
        // Those names are signed as they are; there would be two rules.
        table.pointless(&["accept_aws_hosts"], "`external_url`");
    }
    Listen {
        name,
        address: address.map_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)), |found| found.value),
        hosts,
        external,
        accept_aws_hosts: table.boolean("accept_aws_hosts", false),
        http2: table.boolean("http2", true),
        tls,
        vpc: table.parsed("vpc", "a VPC id such as \"vpc-0a1b2c3d\"", |text| id(text, "vpc-")).map(|found| found.value),
        vpc_endpoint: table
            .parsed("vpc_endpoint", "an endpoint id such as \"vpce-0a1b2c3d\"", |text| id(text, "vpce-"))
            .map(|found| found.value),
        trusted_proxies: table
            .list("trusted_proxies", "an address range such as \"10.0.0.0/8\"", Cidr::parse)
            .into_iter()
            .map(|found| found.value)
            .collect(),
        proxy_protocol: proxy_protocol(table),
        rehearsal: table.boolean("rehearsal", false),
        limits: limits(table),
    }
}

/// Whoever may write that head may choose the client's address, so it must be said who may.
fn proxy_protocol(table: &mut Table<'_>) -> bool {
    let on = table.boolean("proxy_protocol", false);
    if on && !table.has("trusted_proxies") {
        table.required("trusted_proxies", "trusted_proxies = [\"10.0.0.0/8\"], where the balancers are");
    }
    on
}

fn tls(listener: &mut Table<'_>) -> Option<Tls> {
    let mut table = listener.table("tls")?;
    let certificate = table.path("certificate");
    if certificate.is_none() && !table.has("certificate") {
        table.required("certificate", "certificate = \"certs/server.pem\"");
    }
    let key = table.path("key");
    if key.is_none() && !table.has("key") {
        table.required("key", "key = \"certs/server.key\"");
    }
    let minimum = table.choice("minimum", &[("1.2", TlsVersion::V12), ("1.3", TlsVersion::V13)], TlsVersion::V12);
    let clients = client_certificates(&mut table);
    let mint = mint(&mut table);
    table.finish();
    Some(Tls { certificate: certificate?.value, key: key?.value, mint, minimum, clients })
}

fn mint(tls: &mut Table<'_>) -> Option<Mint> {
    let mut table = tls.table("mint")?;
    let (ca, key) = (table.path("ca"), table.path("key"));
    for (found, name, example) in [(&ca, "ca", "ca = \"certs/ca.pem\""), (&key, "key", "key = \"certs/ca.key\"")] {
        if found.is_none() && !table.has(name) {
            table.required(name, example);
        }
    }
    table.finish();
    Some(Mint { ca: ca?.value, key: key?.value })
}

/// Whoever names a CA wants certificates under it: `required` is what a missing word means then.
fn client_certificates(table: &mut Table<'_>) -> ClientCertificates {
    #[derive(Clone, Copy)]
    enum Asked {
        None,
        Optional,
        Required,
    }
    let words = [("none", Asked::None), ("optional", Asked::Optional), ("required", Asked::Required)];
    let ca = table.path("client_ca").map(|found| found.value);
    let default = if ca.is_some() { Asked::Required } else { Asked::None };
    let asked = table.choice("client_certificate", &words, default);
    match (asked, ca) {
        (Asked::None, None) => ClientCertificates::None,
        (Asked::Optional, Some(ca)) => ClientCertificates::Optional(ca),
        (Asked::Required, Some(ca)) => ClientCertificates::Required(ca),
        (Asked::None, Some(_)) => {
            table.pointless(&["client_ca"], "`client_certificate = \"none\"`");
            ClientCertificates::None
        }
        (Asked::Optional | Asked::Required, None) => {
            if !table.has("client_ca") {
                table.required("client_ca", "client_ca = \"certs/clients.pem\"");
            }
            ClientCertificates::None
        }
    }
}

fn limits(listener: &mut Table<'_>) -> Limits {
    let default = Limits {
        connections: 4096,
        per_address: 1024,
        head: 16 << 10,
        head_timeout: SECOND * 10,
        handshake_timeout: SECOND * 10,
        idle: SECOND * 60,
        in_flight: 1024,
    };
    let Some(mut table) = listener.table("limits") else { return default };
    let limits = Limits {
        connections: table.integer("connections", 1..=1_000_000, default.connections),
        per_address: table.integer("per_address", 1..=1_000_000, default.per_address),
        head: table.size("head", 8 << 10..=64 << 10, default.head),
        head_timeout: table.duration("head_timeout", SECOND..=SECOND * 300, default.head_timeout),
        handshake_timeout: table.duration("handshake_timeout", SECOND..=SECOND * 300, default.handshake_timeout),
        idle: table.duration("idle", SECOND..=HOUR, default.idle),
        in_flight: table.integer("in_flight", 1..=1_000_000, default.in_flight),
    };
    table.finish();
    limits
}

pub(super) fn name(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((1..=32).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}

/// A URL with or without a path. The path must be its own canonical form, because it is part of what
/// clients sign.
fn external(text: &str) -> Option<External> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let endpoint = Endpoint::parse(&format!("{scheme}://{authority}"))?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(uri::is_unreserved);
    if path.len() > 256 || !path.is_empty() && !path.split('/').all(segment) {
        return None;
    }
    let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
    let host = if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host };
    Some(External::new(endpoint.tls, host, endpoint.port, prefix))
}

fn id(text: &str, prefix: &str) -> Option<String> {
    let rest = text.strip_prefix(prefix)?;
    ((8..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_owned())
}

/// A base name; `*.name` says no more than `name`, since every base name takes buckets in front.
pub(super) fn host(text: &str) -> Option<String> {
    let base = text.strip_prefix("*.").unwrap_or(text);
    plain_host(base).map(str::to_ascii_lowercase)
}
