//! `[keys]`: the keyring, and a key service for what has no material there (docs/sealed-objects.md).

use std::path::PathBuf;
use std::time::Duration;

use super::{Endpoint, KeyService, Target, Upstream, credentials, root};
use crate::control::reader::{Located, Table};

const SECOND: Duration = Duration::from_secs(1);
/// What only a key service has.
const OF_SERVICE: [&str; 6] = ["region", "credentials", "ca_file", "connections", "timeout", "cache"];

/// The file of the keyring, where it is named, and the key service, if there is one.
pub(super) fn read(
    root: &mut Table<'_>,
    region: &str,
    upstreams: &[Upstream],
) -> (Option<PathBuf>, Option<Box<KeyService>>) {
    let Some(mut table) = root.table("keys") else { return (None, None) };
    let ring = table.path("ring");
    if let Some(Located { value: path, span }) = &ring
        && !path.try_exists().unwrap_or(true)
    {
        // A start does not make it: what has encrypted before must not be replaced by what has not.
        let help = "correct the path, or make it with `bartizan keys ring add alias/NAME`";
        let message = format!("there is no keyring in `{}`", path.display());
        table.warn(span.clone(), &message, "no KMS key is known here without it", help);
    }
    let ring = ring.map(|found| found.value);
    let service = match table.has("endpoint") {
        true => service(&mut table, region, upstreams),
        false => {
            table.pointless(&OF_SERVICE, "a keyring alone: `endpoint` names a key service");
            None
        }
    };
    table.finish();
    (ring, service.map(Box::new))
}

fn service(table: &mut Table<'_>, home: &str, upstreams: &[Upstream]) -> Option<KeyService> {
    let expected = "a URL without a path such as \"https://kms.eu-west-1.amazonaws.com\"";
    let endpoint = table.parsed("endpoint", expected, Endpoint::parse);
    let ca_file = table.path("ca_file").map(|found| found.value);
    if let Some(found) = &endpoint {
        protected(table, found, ca_file.is_some());
        if !upstreams.iter().any(seals) {
            let message = format!("`{}` has no meaning without a store of sealed objects", table.path_of("endpoint"));
            let help = "write `encryption = \"sealed\"` in [upstream]";
            table.fault(found.span.clone(), message, "nothing would be asked of it", help);
        }
    }
    let region = root::region(table, "region").unwrap_or_else(|| home.to_owned());
    let credentials = credentials::read(table, &region);
    let connections = table.integer("connections", 1..=65_536, 64);
    let timeout = table.duration("timeout", Duration::from_millis(10)..=SECOND * 60, SECOND * 5);
    let cache = table.boolean("cache", true);
    Some(KeyService {
        endpoint: endpoint?.value,
        region,
        credentials: credentials?,
        ca_file,
        connections,
        timeout,
        cache,
    })
}

/// Data keys travel: over TLS, or not beyond this machine.
fn protected(table: &mut Table<'_>, endpoint: &Located<Endpoint>, has_ca: bool) {
    if endpoint.value.tls {
        return;
    }
    if has_ca {
        table.pointless(&["ca_file"], "an endpoint without TLS");
    }
    if !endpoint.value.is_local() {
        let message = format!("`{}` is plain HTTP to another machine", table.path_of("endpoint"));
        table.fault(endpoint.span.clone(), message, "data keys could be read on the way", "write `https://`");
    }
}

fn seals(upstream: &Upstream) -> bool {
    matches!(&upstream.target, Target::S3(remote) if remote.encryption.sealed().is_some())
}

#[cfg(test)]
mod tests {
    use super::super::Credentials;
    use super::super::tests::{accepted, given, refused};
    use super::*;

    fn text(encryption: &str, keys: &str) -> String {
        format!(
            "account = \"111122223333\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream]\nkind = \"s3\"\n\
             endpoint = \"http://127.0.0.1:9000\"\nprofile = \"minio\"\nencryption = \"{encryption}\"\n\
             credentials = {{ access_key_id = \"a\", secret_access_key = \"b\" }}\n[keys]\n{keys}\n"
        )
    }

    const CREDENTIALS: &str =
        "credentials = { access_key_id = \"AKID\", secret_access_key = { env = \"STORE_SECRET\" } }";

    #[test]
    fn a_key_service_is_read_like_a_store() {
        let keys = format!("endpoint = \"https://kms.eu-west-1.amazonaws.com\"\n{CREDENTIALS}");
        let config = accepted(&text("sealed", &keys));
        let service = config.key_service.unwrap();
        assert_eq!(service.endpoint.to_string(), "https://kms.eu-west-1.amazonaws.com:443");
        assert_eq!((service.region.as_str(), service.connections, service.cache), ("us-east-1", 64, true));
        assert_eq!((service.timeout, service.ca_file), (SECOND * 5, None));
        assert_eq!(given(&service.credentials), ("AKID", "store-secret"));
        let more = "region = \"eu-west-1\"\nca_file = \"ca.pem\"\ntimeout = \"250ms\"\nconnections = 2\ncache = false";
        let service = accepted(&text("sealed", &format!("{keys}\n{more}"))).key_service.unwrap();
        assert_eq!((service.region.as_str(), service.connections, service.cache), ("eu-west-1", 2, false));
        assert_eq!(service.ca_file, Some("/etc/bartizan/ca.pem".into()));
        // Also with keys that are fetched.
        let instance = accepted(&text("sealed", "endpoint = \"https://kms.internal\"\ncredentials = \"instance\""));
        let Credentials::Fetched(source) = instance.key_service.unwrap().credentials else { panic!("given") };
        assert_eq!(source.name(), "the instance's metadata");
        let local = format!("endpoint = \"http://127.0.0.1:4566\"\n{CREDENTIALS}");
        assert!(!accepted(&text("sealed", &local)).key_service.unwrap().endpoint.tls);
    }

    #[test]
    fn what_would_show_data_keys_or_serve_nothing_is_refused() {
        let of = |url: &str, more: &str| format!("endpoint = \"{url}\"\n{CREDENTIALS}\n{more}");
        for (encryption, keys, expected) in [
            ("sealed", of("http://kms.internal", ""), "`keys.endpoint` is plain HTTP to another machine"),
            (
                "pass",
                of("https://kms.internal", ""),
                "`keys.endpoint` has no meaning without a store of sealed objects",
            ),
            ("sealed", of("https://kms.internal/path", ""), "keys.endpoint"),
            ("sealed", of("http://localhost:1", "ca_file = \"a\""), "`keys.ca_file` has no meaning"),
            ("sealed", "endpoint = \"https://kms.internal\"".to_owned(), "`keys.credentials` is missing"),
            ("sealed", "cache = false".to_owned(), "`keys.cache` has no meaning"),
            ("sealed", of("https://kms.internal", "timeout = \"2m\""), "keys.timeout"),
        ] {
            let faults = refused(&text(encryption, &keys));
            assert!(faults.contains(expected), "{keys}: {faults}");
        }
    }
}
