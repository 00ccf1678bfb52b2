//! `[rate.shared]`: one quota over several machines (docs/limits.md, spec/kms-throttling.md 10).

use std::sync::Arc;
use std::time::Duration;

use super::{Leasing, Replicas, Sharing};
use crate::control::reader::Table;
use crate::limit::{Algorithm, Dimension};

const PORT: u16 = 6379;
/// The highest number of a database that is believed.
const MOST_DATABASES: u32 = 16_384;

/// What a URL says: host, port, database, and whether over TLS.
#[derive(Debug, Eq, PartialEq)]
enum Url {
    Good {
        address: (String, u16),
        database: u32,
        tls: bool,
    },
    /// With a name or a password in it.
    Secret,
}

pub(super) fn read(mut table: Table<'_>, dimensions: &[Dimension]) -> (Sharing, Replicas) {
    let leases = table.choice("mode", &[("divide", false), ("lease", true)], false);
    if !table.has("mode") {
        table.required("mode", "mode = \"divide\"");
    }
    let replicas = table.number("replicas", 1..=10_000);
    if !table.has("replicas") {
        table.required("replicas", "replicas = 2");
    }
    let expected = "a host name with an address for each replica, such as \"bartizan.default.svc\"";
    let discover = table.parsed("discover", expected, host).map(|found| found.value);
    let replicas = Replicas { count: replicas.unwrap_or(1), discover };
    let sharing = if leases {
        lease(&mut table, dimensions)
    } else {
        table.pointless(&["url", "password", "timeout", "ca_file"], "`mode = \"divide\"`");
        Sharing::Divided
    };
    if let Some(small) = dimensions.iter().find(|one| one.pace.burst() < replicas.count.into()) {
        let message = format!("`{}` holds {} at once, fewer than there are replicas", small.name, small.pace.burst());
        let help = "each replica lets at least one pass, together they let more pass than that";
        table.warn(table.span(), &message, "cannot be divided", help);
    }
    table.finish();
    (sharing, replicas)
}

fn lease(table: &mut Table<'_>, dimensions: &[Dimension]) -> Sharing {
    if let Some(fixed) = dimensions.iter().find(|one| one.pace.algorithm() == Algorithm::Fixed) {
        let message = format!("`{}` counts in fixed windows, which cannot be leased", fixed.name);
        table.fault(
            table.span(),
            message,
            "needs intervals",
            "leave `algorithm = \"fixed\"` out, or write `mode = \"divide\"`",
        );
    }
    let password = table.secret("password");
    let ca_file = table.path("ca_file").map(|found| found.value);
    let usual = Duration::from_millis(5);
    let timeout = table.duration("timeout", Duration::from_millis(1)..=Duration::from_secs(1), usual);
    let expected = "a URL such as \"redis://ratelimit.internal:6379\" or \"redis://127.0.0.1:6379/2\"";
    let Some(found) = table.parsed("url", expected, url) else {
        if !table.has("url") {
            table.required("url", "url = \"redis://ratelimit.internal:6379\"");
        }
        return Sharing::No; // never used: there is a fault
    };
    match found.value {
        Url::Good { address, database, tls } => {
            if !tls {
                table.pointless(&["ca_file"], "`redis://`, which is without TLS");
            }
            return Sharing::Leased(Arc::new(Leasing { address, tls, ca_file, database, password, timeout }));
        }
        Url::Secret => table.fault(
            found.span,
            "a URL holds no name and no password",
            "would be shown where URLs are",
            "write `password = { env = \"NAME\" }`",
        ),
    }
    Sharing::No
}

/// A host name: an address has no replicas behind it.
fn host(text: &str) -> Option<String> {
    let labels = || text.strip_suffix('.').unwrap_or(text).split('.');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let good = text.len() <= 253
        && labels().all(|label| (1..=63).contains(&label.len()) && label.bytes().all(fits))
        && text.parse::<std::net::IpAddr>().is_err();
    good.then(|| text.to_owned())
}

/// Reads `redis://HOST[:PORT][/DATABASE]`, or the same with `rediss`.
fn url(text: &str) -> Option<Url> {
    let (tls, rest) = match text.strip_prefix("rediss://") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("redis://")?),
    };
    if rest.contains('@') {
        return Some(Url::Secret);
    }
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = if database.is_empty() { 0 } else { number(database)? };
    let (host, port) = match authority.strip_prefix('[') {
        Some(six) => {
            let (host, port) = six.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let port = port.map_or(Some(PORT), |port| number(port).and_then(|port| u16::try_from(port).ok()))?;
    let good = (1..=253).contains(&host.len()) && host.bytes().all(fits) && port > 0 && database < MOST_DATABASES;
    good.then(|| Url::Good { address: (host.to_owned(), port), database, tls })
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{accepted, refused, with};
    use super::*;

    const LIMIT: &str = "[rate.requests]\nbucket = { rate = 100 }\n[rate.shared]\n";

    #[test]
    fn each_way_of_sharing_is_read() {
        assert!(matches!(accepted(&with("[rate.requests]\nbucket = { rate = 1 }")).rates.shared, Sharing::No));
        let read = |text: &str| accepted(&with(&format!("{LIMIT}{text}"))).rates;
        let divided = read("mode = \"divide\"\nreplicas = 3");
        assert!(matches!(divided.shared, Sharing::Divided));
        assert_eq!(divided.replicas, Replicas { count: 3, discover: None });
        let discovered = read("mode = \"divide\"\nreplicas = 3\ndiscover = \"bartizan.default.svc\"").replicas;
        assert_eq!(discovered, Replicas { count: 3, discover: Some("bartizan.default.svc".to_owned()) });
        let text =
            "mode = \"lease\"\nreplicas = 2\nurl = \"redis://r.internal:7000/3\"\npassword = \"p\"\ntimeout = \"20ms\"";
        let rates = read(text);
        let Sharing::Leased(leasing) = rates.shared else { panic!("not leased") };
        let Leasing { address, tls, ca_file, database, password, timeout } = &*leasing;
        assert_eq!((rates.replicas.count, address, *database), (2, &("r.internal".to_owned(), 7000), 3));
        assert_eq!((*tls, ca_file), (false, &None));
        assert_eq!((password.as_ref().unwrap().expose(), timeout.as_millis()), ("p", 20));
        let encrypted =
            read("mode = \"lease\"\nreplicas = 2\nurl = \"rediss://r.internal\"\nca_file = \"ca.pem\"").shared;
        let Sharing::Leased(leasing) = encrypted else { panic!("not leased") };
        assert_eq!((leasing.tls, &leasing.ca_file), (true, &Some("/etc/bartizan/ca.pem".into())));
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let lease = |more: &str| format!("mode = \"lease\"\nreplicas = 2\n{more}");
        for (text, expected) in [
            ("replicas = 2".to_owned(), "`rate.shared.mode` is missing"),
            ("mode = \"divide\"".to_owned(), "`rate.shared.replicas` is missing"),
            ("mode = \"divide\"\nreplicas = 0".to_owned(), "rate.shared.replicas"),
            ("mode = \"divide\"\nreplicas = 10001".to_owned(), "rate.shared.replicas"),
            ("mode = \"divide\"\nreplicas = 2\ndiscover = \"10.0.0.1\"".to_owned(), "an address for each replica"),
            ("mode = \"divide\"\nreplicas = 2\ndiscover = \"a b\"".to_owned(), "an address for each replica"),
            ("mode = \"divide\"\nreplicas = 2\nurl = \"redis://a\"".to_owned(), "`rate.shared.url` has no meaning"),
            (lease(""), "`rate.shared.url` is missing"),
            (lease("url = \"redis://a\"\nca_file = \"ca.pem\""), "`rate.shared.ca_file` has no meaning"),
            (lease("url = \"redis://:secret@a\""), "a URL holds no name and no password"),
            (lease("url = \"http://a\""), "redis://ratelimit.internal:6379"),
            (lease("url = \"redis://a\"\ntimeout = \"2s\""), "rate.shared.timeout"),
        ] {
            let faults = refused(&with(&format!("{LIMIT}{text}")));
            assert!(faults.contains(expected), "{text}: {faults}");
        }
        let fixed = "[rate.requests]\nbucket = { rate = 9, algorithm = \"fixed\" }\n[rate.shared]\n";
        let faults = refused(&with(&format!("{fixed}{}", lease("url = \"redis://a\""))));
        assert!(faults.contains("`rate.requests.bucket` counts in fixed windows"), "{faults}");
    }

    #[test]
    fn urls_name_a_host_and_nothing_else() {
        let read =
            |tls, host: &str, port, database| Some(Url::Good { address: (host.to_owned(), port), database, tls });
        let good = |host: &str, port, database| read(false, host, port, database);
        for (text, expected) in [
            ("redis://a", good("a", 6379, 0)),
            ("redis://10.0.0.1:1/15", good("10.0.0.1", 1, 15)),
            ("redis://[::1]", good("::1", 6379, 0)),
            ("redis://[::1]:7/", good("::1", 7, 0)),
            ("rediss://a", read(true, "a", 6379, 0)),
            ("rediss://[::1]:7/3", read(true, "::1", 7, 3)),
            ("rediss://u:p@a", Some(Url::Secret)),
            ("redis://u:p@a", Some(Url::Secret)),
        ] {
            assert_eq!(url(text), expected, "{text}");
        }
        for text in [
            "",
            "a",
            "redis://",
            "redis://a:",
            "redis://a:0",
            "redis://a:65536",
            "redis://a/x",
            "redis://[::1",
            "redis://[a]",
            "redis://a b",
            "redis://a/16384",
            "redis://a:-1",
            "redis://a?x",
        ] {
            assert!(url(text).is_none_or(|url| !matches!(url, Url::Good { .. })), "{text}");
        }
    }
}
