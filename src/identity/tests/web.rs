//! Web identities: every way to forge or misuse a token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RsaKeyPair,
};
use serde_json::{Value, json};

use super::super::web::*;
use super::super::*;

const NOW: Seconds = Seconds(1_800_000_000);

/// A provider with an RSA key and an EC key, made for these tests.
struct Provider {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

impl Provider {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pem = include_str!("test-only.rsa.pem");
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let rsa = RsaKeyPair::from_pkcs8(&base64::engine::general_purpose::STANDARD.decode(body).unwrap()).unwrap();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap();
        Self { rsa, ec }
    }

    fn jwks(&self) -> Value {
        let public = rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
        let point = self.ec.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "kid": "r", "alg": "RS256", "use": "sig", "n": encode(&public.n), "e": encode(&public.e)},
            {"kty": "EC", "kid": "e", "alg": "ES256", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])},
            {"kty": "OKP", "kid": "o", "crv": "Ed25519", "x": "AA"},
        ]})
    }

    fn issuers(&self) -> Vec<Issuer> {
        vec![Issuer {
            issuer: "https://issuer.example/realm".to_owned(),
            audiences: vec!["store".to_owned(), "other".to_owned()],
            keys: Keys::parse(&self.jwks().to_string()).unwrap(),
        }]
    }

    fn sign(&self, header: &Value, claims: &str) -> String {
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.as_bytes()));
        let random = SystemRandom::new();
        let mut rsa = vec![0; self.rsa.public().modulus_len()];
        let signature = match header["alg"].as_str() {
            Some("ES256") => self.ec.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Some("RS384") => {
                self.rsa.sign(&RSA_PKCS1_SHA384, &random, message.as_bytes(), &mut rsa).unwrap();
                rsa
            }
            _ => {
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut rsa).unwrap();
                rsa
            }
        };
        format!("{message}.{}", encode(&signature))
    }

    fn check(&self, token: &str) -> Result<Federated, WebFault> {
        verify(token, &self.issuers(), NOW)
    }

    /// A token that differs from a good one in its claims.
    fn claiming(&self, changes: &[(&str, Value)]) -> Result<Federated, WebFault> {
        let mut claims = claims();
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        if let Some(claims) = claims.as_object_mut() {
            claims.retain(|_, value| !value.is_null());
        }
        self.check(&self.sign(&rs256(), &claims.to_string()))
    }
}

fn encode(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn rs256() -> Value {
    json!({"alg": "RS256", "kid": "r", "typ": "JWT"})
}

fn claims() -> Value {
    json!({"iss": "https://issuer.example/realm", "sub": "repo:a/b", "aud": "store", "iat": NOW.0 - 10, "nbf": NOW.0 - 10, "exp": NOW.0 + 600})
}

#[test]
fn tokens_of_both_algorithms_are_believed() {
    let provider = Provider::new();
    for header in [rs256(), json!({"alg": "ES256", "kid": "e"}), json!({"alg": "ES256"}), json!({"alg": "RS256"})] {
        let federated = provider.check(&provider.sign(&header, &claims().to_string())).unwrap();
        assert_eq!((federated.subject.as_str(), federated.audience.as_str()), ("repo:a/b", "store"));
        assert_eq!(federated.provider(), "issuer.example/realm");
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let provider = Provider::new();
    for alg in ["none", "None", "NONE", ""] {
        for header in [json!({"alg": alg}), json!({"alg": alg, "kid": "r"})] {
            let signed = provider.sign(&header, &claims().to_string());
            let message = signed.rsplit_once('.').unwrap().0;
            assert_eq!(provider.check(&format!("{message}.")), Err(WebFault::Algorithm), "{header}");
            assert_eq!(provider.check(&signed), Err(WebFault::Algorithm), "{header}");
        }
    }
}

#[test]
fn the_public_key_is_no_hmac_secret() {
    let provider = Provider::new();
    let public = rsa::PublicKeyComponents::<Vec<u8>>::from(provider.rsa.public_key());
    for secret in [provider.jwks().to_string().into_bytes(), public.n, provider.rsa.public_key().as_ref().to_vec()] {
        let header = json!({"alg": "HS256", "kid": "r"});
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims().to_string().as_bytes()));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        let token = format!("{message}.{}", encode(ring::hmac::sign(&key, message.as_bytes()).as_ref()));
        assert_eq!(provider.check(&token), Err(WebFault::Algorithm));
    }
}

#[test]
fn a_key_serves_its_own_algorithm_only() {
    let provider = Provider::new();
    let check = |header: Value| provider.check(&provider.sign(&header, &claims().to_string()));
    assert_eq!(check(json!({"alg": "ES256", "kid": "r"})), Err(WebFault::Algorithm));
    assert_eq!(check(json!({"alg": "RS256", "kid": "e"})), Err(WebFault::Algorithm));
    assert_eq!(check(json!({"alg": "RS384", "kid": "r"})), Err(WebFault::Algorithm));
    assert_eq!(check(json!({"alg": "RS256", "kid": "o"})), Err(WebFault::Key));
    assert_eq!(check(json!({"alg": "RS256", "kid": ""})), Err(WebFault::Key));
    assert_eq!(check(json!({"alg": "RS256", "crit": ["exp"], "kid": "r"})), Err(WebFault::Claims));
}

#[test]
fn keys_that_a_token_brings_along_are_not_looked_at() {
    let (provider, attacker) = (Provider::new(), Provider::new());
    let mut header = json!({"alg": "ES256", "kid": "e", "jku": "https://attacker.example/jwks"});
    header["jwk"] = attacker.jwks()["keys"][1].clone();
    assert_eq!(provider.check(&attacker.sign(&header, &claims().to_string())), Err(WebFault::Signature));
}

#[test]
fn any_flipped_bit_is_refused() {
    let provider = Provider::new();
    let issuers = provider.issuers();
    let token = provider.sign(&json!({"alg": "ES256", "kid": "e"}), &claims().to_string());
    for place in 0..token.len() {
        let mut flipped = token.clone().into_bytes();
        flipped[place] ^= 1;
        if let Ok(flipped) = String::from_utf8(flipped) {
            assert!(verify(&flipped, &issuers, NOW).is_err(), "octet {place}");
        }
    }
}

#[test]
fn issuer_and_audience_must_be_the_configured_ones() {
    let provider = Provider::new();
    for issuer in [
        "https://issuer.example",
        "https://issuer.example/realm/",
        "https://issuer.example/realm2",
        "issuer.example/realm",
        "",
    ] {
        assert_eq!(provider.claiming(&[("iss", json!(issuer))]), Err(WebFault::Issuer), "{issuer}");
    }
    for audience in [json!("stranger"), json!("STORE"), json!([]), json!(["stranger"]), json!(["store", "stranger"])] {
        assert_eq!(provider.claiming(&[("aud", audience.clone())]), Err(WebFault::Audience), "{audience}");
    }
    assert!(provider.claiming(&[("aud", json!(["store"]))]).is_ok());
    let several = |party: &str| provider.claiming(&[("aud", json!(["stranger", "store"])), ("azp", json!(party))]);
    assert_eq!(several("store").unwrap().audience, "store");
    assert_eq!(several("stranger"), Err(WebFault::Audience));
    assert_eq!(several("other"), Err(WebFault::Audience), "not an audience of the token");
}

#[test]
fn a_token_lives_from_its_beginning_to_its_end() {
    let provider = Provider::new();
    let at = |name: &str, second: i64| provider.claiming(&[(name, json!(NOW.0 + second))]);
    assert!(at("exp", 1).is_ok());
    assert_eq!(at("exp", 0), Err(WebFault::Expired));
    assert_eq!(at("exp", -3600), Err(WebFault::Expired));
    for name in ["nbf", "iat"] {
        assert!(at(name, 60).is_ok(), "{name}");
        assert_eq!(at(name, 61), Err(WebFault::NotYet), "{name}");
    }
    assert!(provider.claiming(&[("nbf", Value::Null)]).is_ok());
}

#[test]
fn claims_that_are_missing_double_or_of_another_kind_are_refused() {
    let provider = Provider::new();
    for name in ["iss", "sub", "aud", "exp", "iat"] {
        assert_eq!(provider.claiming(&[(name, Value::Null)]), Err(WebFault::Claims), "{name}");
    }
    for (name, value) in [
        ("exp", json!("1900000000")),
        ("exp", json!(1.9e9)),
        ("sub", json!(7)),
        ("sub", json!("")),
        ("sub", json!("a\nb")),
        ("sub", json!("s".repeat(256))),
        ("aud", json!(7)),
        ("https://aws.amazon.com/tags", json!({"principal_tags": {"team": ["red"]}})),
    ] {
        assert_eq!(provider.claiming(&[(name, value.clone())]), Err(WebFault::Claims), "{name} {value}");
    }
    let double = claims().to_string().replacen('{', "{\"sub\":\"admin\",", 1);
    assert_eq!(provider.check(&provider.sign(&rs256(), &double)), Err(WebFault::Claims));
}

#[test]
fn what_is_no_token_or_too_long_is_refused() {
    let provider = Provider::new();
    let good = provider.sign(&rs256(), &claims().to_string());
    let long = provider.sign(&rs256(), &format!("{{\"x\":\"{}\"}}", "x".repeat(LONGEST)));
    for token in ["", ".", "..", "...", "a.b.c", &format!("{good}="), &format!(" {good}"), &format!("{good}.x"), &long]
    {
        assert_eq!(provider.check(token), Err(WebFault::Malformed), "{token:.80}");
    }
    let header = encode(format!("{{\"alg\":\"RS256\",\"x\":\"{}\"}}", "x".repeat(3000)).as_bytes());
    let rest = good.split_once('.').unwrap().1;
    assert_eq!(provider.check(&format!("{header}.{rest}")), Err(WebFault::Malformed));
    let deep = format!("{}{}", "[".repeat(9000), "]".repeat(9000));
    assert!(provider.check(&format!("{}.{}.AA", encode(b"{\"alg\":\"RS256\"}"), encode(deep.as_bytes()))).is_err());
}

#[test]
fn sets_of_keys_that_are_of_no_use_are_refused() {
    let provider = Provider::new();
    let jwks = provider.jwks();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut jwks = jwks.clone();
        change(&mut jwks["keys"]);
        Keys::parse(&jwks.to_string()).map(|_| ())
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&|keys| keys[0]["d"] = json!("AQ")), Err(KeysFault::Malformed));
    assert_eq!(with(&|keys| keys[0]["n"] = json!("AQAB")), Err(KeysFault::Malformed));
    assert_eq!(with(&|keys| keys[1]["x"] = json!("AQAB")), Err(KeysFault::Malformed));
    assert_eq!(with(&|keys| keys[1]["y"] = json!(null)), Err(KeysFault::Malformed));
    assert_eq!(with(&|keys| *keys = json!([keys[2]])), Err(KeysFault::Empty));
    assert_eq!(with(&|keys| *keys = json!([keys[0], keys[0]])), Err(KeysFault::Ambiguous));
    assert_eq!(with(&|keys| *keys = json!(vec![keys[0].clone(); 65])), Err(KeysFault::TooMany));
    assert_eq!(Keys::parse("{}").map(|_| ()), Err(KeysFault::NotASet));
    assert_eq!(Keys::parse("-----BEGIN PUBLIC KEY-----").map(|_| ()), Err(KeysFault::NotASet));
}
