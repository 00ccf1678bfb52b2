//! What a certificate says of itself.

use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{CertFault, DAY};
use crate::time::Seconds;

/// What a certificate says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct About {
    /// Whom it names.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Host names and addresses.
    pub names: Vec<String>,
    /// How many names it has that are neither.
    pub other_names: usize,
    /// From when it holds.
    pub not_before: Seconds,
    /// Until when it holds.
    pub not_after: Seconds,
    /// Whether it is its own issuer.
    pub self_issued: bool,
    /// The algorithm of its key, and how large that is: `ECDSA P-256`, `RSA 2048`.
    pub algorithm: String,
    /// SHA-256 of the whole certificate, as `openssl x509 -fingerprint` spells it.
    pub fingerprint: String,
}

/// What a certificate says of itself.
pub fn about(certificate: &CertificateDer<'_>) -> Result<About, CertFault> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertFault::X509)?;
    let alternative = parsed.subject_alternative_name().ok().flatten();
    let all = alternative.map(|found| found.value.general_names.as_slice()).unwrap_or_default();
    let names: Vec<String> = all.iter().filter_map(name).collect();
    Ok(About {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        other_names: all.len() - names.len(),
        names,
        not_before: Seconds(parsed.validity().not_before.timestamp()),
        not_after: Seconds(parsed.validity().not_after.timestamp()),
        self_issued: parsed.subject() == parsed.issuer(),
        algorithm: algorithm(parsed.public_key()),
        fingerprint: fingerprint(certificate),
    })
}

impl About {
    /// Whether a client that asked for this name or address would be content.
    pub fn covers(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(host),
        })
    }

    /// Whole days until it stops to hold; negative when it has.
    pub fn days_left(&self, now: Seconds) -> i64 {
        self.not_after.0.saturating_sub(now.0).div_euclid(DAY)
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The algorithm of a key as people say it; what is not known by name as its object identifier.
fn algorithm(info: &SubjectPublicKeyInfo<'_>) -> String {
    let curve = || info.algorithm.parameters.as_ref()?.as_oid().ok().map(|oid| oid.to_id_string());
    match info.parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(_)) => match curve().as_deref() {
            Some("1.2.840.10045.3.1.7") => "ECDSA P-256".to_owned(),
            Some("1.3.132.0.34") => "ECDSA P-384".to_owned(),
            Some("1.3.132.0.35") => "ECDSA P-521".to_owned(),
            Some(other) => format!("ECDSA {other}"),
            None => "ECDSA".to_owned(),
        },
        _ => match info.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => "Ed25519".to_owned(),
            "1.3.101.113" => "Ed448".to_owned(),
            other => other.to_owned(),
        },
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let octets = digest(&SHA256, certificate);
    octets.as_ref().iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
}
