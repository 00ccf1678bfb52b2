//! The keys of digests: RSA, as AWS's are, so that verifiers made for AWS take ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{hex, unhex};
use crate::time::Seconds;

/// The most keys in a list.
const MOST: usize = 4096;

/// Why a key is of no use.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// The fingerprint in the list is not that of the key beside it.
    #[error("a fingerprint in the list is not that of its key")]
    Fingerprint,
    /// The list of public keys is not one.
    #[error("this is no list of public keys as `aws cloudtrail list-public-keys` prints it")]
    List,
    /// It is no private key in PEM.
    #[error("this is no private key in PEM (PKCS#8 or PKCS#1)")]
    Pem,
    /// It is no RSA key, or too short a one.
    #[error("this is no RSA key of 2048 bits or more")]
    Rsa,
    /// It does not sign.
    #[error("the key does not sign")]
    Sign,
}

/// A private key that signs digests. No `Debug`.
pub struct SigningKey {
    pair: KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// Reads a key from PEM, PKCS#8 or PKCS#1.
    ///
    /// # Errors
    /// [`KeyError::Pem`] or [`KeyError::Rsa`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let pair = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| KeyError::Pem)? {
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(KeyError::Rsa),
        };
        let pair = pair.map_err(|_| KeyError::Rsa)?;
        let public = PublicKey::new(pair.public().as_ref().to_vec());
        Ok(Self { pair, public })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature (RSASSA-PKCS1-v1_5 with SHA-256) as lower-case hex.
    ///
    /// # Errors
    /// [`KeyError::Sign`].
    pub fn sign(&self, text: &[u8]) -> Result<String, KeyError> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature);
        signed.map_err(|_| KeyError::Sign)?;
        Ok(hex(&signature))
    }
}

/// A public key, as it stands in lists, and when it may have signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey {
    der: Vec<u8>,
    fingerprint: String,
    from: Option<Seconds>,
    until: Option<Seconds>,
}

/// One key of a list, spelt as AWS does.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validity_start_time: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    validity_end_time: Option<Value>,
    fingerprint: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    public_key_list: Vec<Listed>,
}

impl PublicKey {
    /// A key of any time, from the DER of a PKCS#1 `RSAPublicKey` or of a `SubjectPublicKeyInfo`.
    pub fn new(der: Vec<u8>) -> Self {
        Self { fingerprint: fingerprint(&der), der, from: None, until: None }
    }

    /// The same key, valid from one instant to another.
    pub fn valid(self, from: Option<Seconds>, until: Option<Seconds>) -> Self {
        Self { from, until, ..self }
    }

    /// Its name: see [`fingerprint`].
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The octets that the fingerprint is of.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether it may have signed then. Both ends belong to it.
    pub fn is_valid_at(&self, then: Seconds) -> bool {
        self.from.is_none_or(|from| from <= then) && self.until.is_none_or(|until| then <= until)
    }

    /// Whether a signature in hex is this key's of a text.
    pub fn verifies(&self, text: &[u8], signature: &str) -> bool {
        let Some(signature) = unhex(signature) else { return false };
        let inner = SubjectPublicKeyInfo::from_der(&self.der)
            .ok()
            .filter(|(rest, _)| rest.is_empty())
            .map(|(_, info)| info.subject_public_key.data.into_owned());
        let der = inner.as_deref().unwrap_or(&self.der);
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(text, &signature).is_ok()
    }

    /// Reads `{"PublicKeyList":[{"Value","ValidityStartTime","ValidityEndTime","Fingerprint"}]}`.
    ///
    /// # Errors
    /// [`KeyError::List`], or [`KeyError::Fingerprint`] if one does not belong to its key.
    pub fn list(json: &[u8]) -> Result<Vec<Self>, KeyError> {
        let list: List = serde_json::from_slice(json).map_err(|_| KeyError::List)?;
        if list.public_key_list.len() > MOST {
            return Err(KeyError::List);
        }
        let time = |value: Option<Value>| value.map(|value| instant(&value).ok_or(KeyError::List)).transpose();
        let one = |listed: Listed| {
            let der = STANDARD.decode(listed.value).map_err(|_| KeyError::List)?;
            let key = Self::new(der).valid(time(listed.validity_start_time)?, time(listed.validity_end_time)?);
            if key.fingerprint.eq_ignore_ascii_case(&listed.fingerprint) { Ok(key) } else { Err(KeyError::Fingerprint) }
        };
        list.public_key_list.into_iter().map(one).collect()
    }

    /// Writes what [`PublicKey::list`] reads.
    pub fn spell_list(keys: &[Self]) -> String {
        let one = |key: &Self| Listed {
            value: STANDARD.encode(&key.der),
            validity_start_time: key.from.map(|from| from.rfc3339().into()),
            validity_end_time: key.until.map(|until| until.rfc3339().into()),
            fingerprint: key.fingerprint.clone(),
        };
        let list = List { public_key_list: keys.iter().map(one).collect() };
        serde_json::to_string_pretty(&list).unwrap_or_default()
    }
}

/// An instant as the API says it (seconds), or as its tools do (`2026-03-14T09:26:53Z`, or `+00:00`).
fn instant(value: &Value) -> Option<Seconds> {
    match value.as_str() {
        Some(text) => Seconds::from_rfc3339(&text.replacen("+00:00", "Z", 1)),
        None => value.to_string().split('.').next()?.parse().ok().map(Seconds),
    }
}

/// The name of a public key: hex of the MD5 of the octets that a list gives in base64 (spec: verified
/// against AWS's three published examples). A name, not a proof.
pub fn fingerprint(der: &[u8]) -> String {
    hex(&Md5::digest(der))
}
