//! Durations, sizes and endpoints as people write them.

use std::fmt;
use std::time::Duration;

const DURATIONS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Where a store listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// `https`, or `http`.
    pub tls: bool,
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// Port, the scheme's own when none is written.
    pub port: u16,
}

impl Endpoint {
    /// Whether what goes there stays on this machine.
    pub fn is_local(&self) -> bool {
        let loopback = |address: std::net::IpAddr| address.is_loopback();
        self.host == "localhost" || self.host.parse().is_ok_and(loopback)
    }
}

/// Reads `250ms`, `30s`, `15m`, `12h`, `7d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    DURATIONS.iter().find_map(|(unit, millis)| quantity(text, unit, *millis)).map(Duration::from_millis)
}

/// Reads `512B`, `64KiB`, `1MiB`, `5GiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    SIZES.iter().find_map(|(unit, bytes)| quantity(text, unit, *bytes))
}

/// Writes a duration as one would type it.
pub(super) fn spell_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    spell(millis, &[DURATIONS[0], DURATIONS[1], DURATIONS[3], DURATIONS[4], DURATIONS[2]])
}

/// Writes a size as one would type it.
pub(super) fn spell_size(bytes: u64) -> String {
    spell(bytes, &SIZES)
}

fn quantity(text: &str, unit: &str, factor: u64) -> Option<u64> {
    let digits = text.strip_suffix(unit)?;
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse::<u64>().ok()?.checked_mul(factor)).flatten()
}

fn spell(amount: u64, units: &[(&str, u64)]) -> String {
    let exact = units.iter().find(|(_, factor)| amount >= *factor && amount.is_multiple_of(*factor));
    match exact.or(units.last()) {
        Some((unit, factor)) => format!("{}{unit}", amount / factor),
        None => amount.to_string(),
    }
}

impl Endpoint {
    /// Reads `https://host:port`: no user, path, query or fragment.
    pub fn parse(text: &str) -> Option<Self> {
        let (tls, rest) = match text.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://")?),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, after.strip_prefix(':').or(if after.is_empty() { None } else { Some("bad") }))
            }
            None => match authority.rsplit_once(':') {
                Some((host, port)) => (plain_host(host)?, Some(port)),
                None => (plain_host(authority)?, None),
            },
        };
        let port = match port {
            Some(port) => port.parse::<u16>().ok().filter(|port| *port != 0)?,
            None => {
                if tls {
                    443
                } else {
                    80
                }
            }
        };
        Some(Self { tls, host: host.to_ascii_lowercase(), port })
    }

    /// `host:port` as a socket name; brackets around IPv6.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

/// A DNS name or IPv4 address, by its characters.
pub(super) fn plain_host(host: &str) -> Option<&str> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= 253 && host.split('.').all(label)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_and_written_back() {
        for text in ["250ms", "30s", "15m", "12h", "7d", "90s"] {
            assert_eq!(spell_duration(duration(text).unwrap()), text);
        }
        for text in ["512B", "64KiB", "5GiB", "3MiB"] {
            assert_eq!(spell_size(size(text).unwrap()), text);
        }
    }

    #[test]
    fn sloppy_quantities_are_refused() {
        for text in ["", "s", "30", "-1s", "1.5s", "30 s", "+3s", "99999999999999999999s", "1w", "99999999999999d"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["", "64", "64KB", "64kib", "-1B", "99999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn endpoints_are_scheme_host_and_port() {
        for (text, shown) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("https://S3.us-east-1.amazonaws.com", "https://s3.us-east-1.amazonaws.com:443"),
            ("http://[::1]:9000/", "http://[::1]:9000"),
            ("http://minio", "http://minio:80"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "minio:9000",
            "ftp://a",
            "http://",
            "http://u@h",
            "http://h/path",
            "http://h:0",
            "http://[::1]x",
            "http://h:99999",
            "http://h?x",
        ] {
            assert_eq!(Endpoint::parse(text), None, "{text}");
        }
    }
}
