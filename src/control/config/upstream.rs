//! `[upstream]`, or `[[upstream]]` with one store per region.

use std::collections::HashSet;
use std::time::Duration;

use super::{
    Addressing, Endpoint, Foreign, KeyIds, Listen, Profile, Remote, StoreEncryption, Target, Timeouts, Unknown,
    Upstream, UpstreamPayload, credentials, listen, root,
};
use crate::control::reader::{Located, Table};
use crate::s3::Operation;
use crate::s3::encryption::Kind as Encryption;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What only a server has.
const REMOTE_KEYS: [&str; 14] = [
    "endpoint",
    "addressing",
    "credentials",
    "ca_file",
    "profile",
    "unknown",
    "connections",
    "timeouts",
    "payload",
    "encryption",
    "kms_keys",
    "operations",
    "conditions",
    "sealed_foreign",
];

/// What is done about encryption.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Does {
    /// The store is told what clients say.
    Pass,
    /// The store ignores it.
    Nothing,
    /// The proxy seals.
    Sealed,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Embedded,
    S3,
}

pub(super) fn read(top: &mut Table<'_>, region: &str, listeners: &[Listen]) -> Vec<Upstream> {
    if !top.has("upstream") {
        top.required("upstream", "[upstream]");
        return Vec::new();
    }
    if !top.is_list("upstream") {
        let Some(mut table) = top.table("upstream") else { return Vec::new() };
        table.pointless(&["hosts"], "a single upstream");
        let upstream = upstream(&mut table, region, false);
        table.finish();
        return upstream.into_iter().collect();
    }
    let mut upstreams: Vec<Upstream> = Vec::new();
    let mut seen: HashSet<String> = listeners.iter().flat_map(|listen| listen.hosts.iter().cloned()).collect();
    for mut table in top.tables("upstream") {
        let upstream = upstream(&mut table, region, true);
        for name in upstream.iter().flat_map(|upstream| std::iter::once(&upstream.region).chain(&upstream.hosts)) {
            if !seen.insert(name.clone()) {
                let message = format!("two upstreams answer for `{name}`");
                table.fault(table.span(), message, "taken above", "give each upstream its own `region` and `hosts`");
            }
        }
        let embedded = |upstream: &Upstream| matches!(upstream.target, Target::Embedded);
        if upstream.as_ref().is_some_and(embedded) && upstreams.iter().any(embedded) {
            let help = "keep one, and name stores with `kind = \"s3\"` for the other regions";
            table.fault(table.span(), "two upstreams are the embedded store", "there is one state folder", help);
        }
        table.finish();
        upstreams.extend(upstream);
    }
    home(top, region, &upstreams);
    upstreams
}

/// The names of listeners lead to the store of the top-level `region`, so there must be one.
fn home(top: &mut Table<'_>, region: &str, upstreams: &[Upstream]) {
    if upstreams.is_empty() || upstreams.iter().any(|upstream| upstream.region == region) {
        return;
    }
    let span = top.span_of("region").or_else(|| top.span_of("upstream")).unwrap_or_default();
    let regions: Vec<String> = upstreams.iter().map(|upstream| format!("\"{}\"", upstream.region)).collect();
    let help = format!("write the one that the listeners' own names lead to: `region = {}`", regions.join(" or "));
    top.fault(span, format!("no upstream is in the region `{region}`"), "not the region of any upstream", help);
}

fn upstream(table: &mut Table<'_>, default_region: &str, listed: bool) -> Option<Upstream> {
    let region = root::region(table, "region");
    if listed && region.is_none() && !table.has("region") {
        table.required("region", "region = \"eu-central-1\"");
    }
    let region = region.unwrap_or_else(|| default_region.to_owned());
    let hosts =
        if listed { table.list("hosts", "a host name such as \"s3.internal\"", listen::host) } else { Vec::new() };
    let target = match table.choice("kind", &[("s3", Kind::S3), ("embedded", Kind::Embedded)], Kind::S3) {
        Kind::Embedded => {
            table.pointless(&REMOTE_KEYS, "`kind = \"embedded\"`");
            Target::Embedded
        }
        Kind::S3 => Target::S3(Box::new(remote(table, &region)?)),
    };
    Some(Upstream { region, hosts: hosts.into_iter().map(|found| found.value).collect(), target })
}

fn remote(table: &mut Table<'_>, region: &str) -> Option<Remote> {
    let endpoint = table.parsed("endpoint", "a URL without a path such as \"http://127.0.0.1:9000\"", Endpoint::parse);
    if endpoint.is_none() && !table.has("endpoint") {
        table.required("endpoint", "endpoint = \"http://127.0.0.1:9000\"");
    }
    let is_aws = endpoint.as_ref().is_some_and(|found: &Located<Endpoint>| is_aws(&found.value.host));
    let profiles = [
        ("aws", Profile::Aws),
        ("minio", Profile::Minio),
        ("ceph", Profile::Ceph),
        ("garage", Profile::Garage),
        ("strict", Profile::Strict),
    ];
    let profile = table.choice("profile", &profiles, if is_aws { Profile::Aws } else { Profile::Strict });
    let usual = if profile == Profile::Aws { Addressing::Virtual } else { Addressing::Path };
    let addressing = table.choice("addressing", &[("path", Addressing::Path), ("virtual", Addressing::Virtual)], usual);
    let credentials = credentials::read(table, region);
    let ca_file = table.path("ca_file").map(|found| found.value);
    if let Some(found) = &endpoint
        && !found.value.tls
    {
        if ca_file.is_some() {
            table.pointless(&["ca_file"], "an endpoint without TLS");
        }
        plain_endpoint(table, found);
    }
    let rules = [("as-verified", UpstreamPayload::AsVerified), ("always-signed", UpstreamPayload::AlwaysSigned)];
    let payload = table.choice("payload", &rules, UpstreamPayload::AsVerified);
    if payload == UpstreamPayload::AlwaysSigned && profile == Profile::Strict {
        let message = format!("`{}` needs a store that takes signed chunks", table.path_of("payload"));
        let span = table.span_of("payload").unwrap_or_default();
        table.fault(span, message, "`profile = \"strict\"` takes none", "name the kind of store with `profile`");
    }
    let encryption = encryption(table, profile);
    let named = |name: &str| Operation::ALL.into_iter().find(|operation| operation.name() == name);
    let mut listed = |key: &'static str, like: &'static str| {
        let operations = table.list(key, like, named);
        operations.into_iter().map(|found| found.value).collect()
    };
    let operations = listed("operations", "the name of an operation such as \"GetObjectTagging\"");
    let conditions = listed("conditions", "the name of an operation such as \"DeleteObject\"");
    let unknown = table.choice("unknown", &[("refuse", Unknown::Refuse), ("pass", Unknown::Pass)], Unknown::Refuse);
    let connections = table.integer("connections", 1..=65_536, 256);
    let timeouts = timeouts(table);
    let endpoint = endpoint?.value;
    let credentials = credentials?;
    Some(Remote {
        endpoint,
        addressing,
        credentials,
        ca_file,
        profile,
        payload,
        operations,
        conditions,
        encryption,
        unknown,
        connections,
        timeouts,
    })
}

/// What the store does with headers about encryption: some keep what they say, some ignore them in silence.
fn encryption(table: &mut Table<'_>, profile: Profile) -> StoreEncryption {
    let usual = !matches!(profile, Profile::Garage | Profile::Strict);
    let usual = if usual { Does::Pass } else { Does::Nothing };
    let does =
        table.choice("encryption", &[("pass", Does::Pass), ("none", Does::Nothing), ("sealed", Does::Sealed)], usual);
    if does == Does::Sealed {
        table.pointless(&["kms_keys"], "`encryption = \"sealed\"`, whose keys are those of the keyring");
        let foreign = [("pass", Foreign::Pass), ("refuse", Foreign::Refuse)];
        let sealed = Some(table.choice("sealed_foreign", &foreign, Foreign::AsDemanded));
        return StoreEncryption { strongest: Some(Encryption::Kms), sealed, key_ids: KeyIds::Arn };
    }
    table.pointless(&["sealed_foreign"], "anything but `encryption = \"sealed\"`");
    if does == Does::Nothing {
        table.pointless(&["kms_keys"], "a store that does not encrypt");
        return StoreEncryption { strongest: None, sealed: None, key_ids: KeyIds::Arn };
    }
    let names = table.pairs("kms_keys");
    let mut taken = HashSet::new();
    if let Some((_, twice)) = names.iter().find(|(_, name)| !taken.insert(name)) {
        let message = format!("two keys of `{}` are called `{twice}`", table.path_of("kms_keys"));
        let span = table.span_of("kms_keys").unwrap_or_default();
        table.fault(span, message, "who may use one could use the other", "give each key of the store one ARN");
    }
    let key_ids = match profile {
        Profile::Aws if names.is_empty() => KeyIds::Arn,
        _ => KeyIds::Names(names),
    };
    // Double encryption is Amazon's alone.
    let strongest = if profile == Profile::Aws { Encryption::Dsse } else { Encryption::Kms };
    StoreEncryption { strongest: Some(strongest), sealed: None, key_ids }
}

fn plain_endpoint(table: &Table<'_>, endpoint: &Located<Endpoint>) {
    if !endpoint.value.is_local() {
        let message = format!("`{}` is plain HTTP to another machine", table.path_of("endpoint"));
        let help = "use https://, unless the network between is closed to others";
        table.warn(endpoint.span.clone(), &message, "everything can be read and changed on the way", help);
    }
}

fn is_aws(host: &str) -> bool {
    host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn")
}

fn timeouts(upstream: &mut Table<'_>) -> Timeouts {
    let default = Timeouts { connect: SECOND * 3, first_byte: SECOND * 30, idle: SECOND * 50 };
    let Some(mut table) = upstream.table("timeouts") else { return default };
    let least = Duration::from_millis(10);
    let timeouts = Timeouts {
        connect: table.duration("connect", least..=SECOND * 300, default.connect),
        first_byte: table.duration("first_byte", least..=HOUR, default.first_byte),
        idle: table.duration("idle", least..=HOUR, default.idle),
    };
    table.finish();
    timeouts
}
