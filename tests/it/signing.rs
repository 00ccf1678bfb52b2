//! Signatures against another implementation, against every flipped bit, and of Signature Version 4A.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bartizan::body::{Contract, Duties, Unread};
use bartizan::s3::checksum::{self, Algorithm};
use bartizan::s3::payload::ChunkSignatures;
use bartizan::s3::uri::{self, Query};
use bartizan::s3::{Code, Fault, Head};
use bartizan::sigv4::{
    self, Credential, Details, KeyCache, KeySource, OutgoingPayload, PayloadRule, Secret, Settings, Signer, Verified,
};
use bartizan::time::Seconds;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Body as _;
use http_body_util::Full;
use proptest::prelude::*;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

const KEY: &str = "AKISORANDOMAASORANDOM";
const SECRET: &str = "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom";
const NOW: Seconds = Seconds(1_773_480_413);
const DATE: &str = "20260314T092653Z";

struct One(Secret);

impl KeySource for One {
    fn find(&self, access_key: &str) -> Option<Credential<'_>> {
        (access_key == KEY).then_some(Credential { secret: &self.0, token: None, expires: None })
    }

    fn generation(&self) -> u64 {
        1
    }
}

type Owned = Vec<(String, Vec<u8>)>;

fn verify(method: &[u8], target: &[u8], headers: &Owned) -> Result<Verified, Fault> {
    verify_with(method, target, headers, &KeyCache::default())
}

fn verify_with(method: &[u8], target: &[u8], headers: &Owned, cache: &KeyCache) -> Result<Verified, Fault> {
    let lines: Vec<(&[u8], &[u8])> = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
    let head = Head { method, target, lines: &lines, authority: None };
    let query = Query::parse(head.query())?;
    let kind = sigv4::kind(&head, &query)?;
    let settings =
        Settings { ecdsa: true, payload: PayloadRule::Any, details: Details::Full, ..Settings::new("us-east-1") };
    let request =
        sigv4::Request { head: &head, query: &query, streaming_allowed: true, tls: true, body_hash: None, form: None };
    let keys = One(Secret::new(SECRET.to_owned()));
    sigv4::verify(kind, &request, &keys, &settings, cache, NOW).map_err(|rejection| rejection.into_fault())
}

/// A request that a client could make, nothing of it encoded yet.
#[derive(Clone, Debug)]
struct Made {
    method: &'static str,
    key: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

fn made() -> impl Strategy<Value = Made> {
    let key = proptest::string::string_regex("[ -~é日]{1,24}").unwrap();
    let pair = ("[a-zA-Z0-9 ~/+=&-]{1,8}", "[ -~é]{0,12}");
    let header = ("x-amz-meta-[a-z0-9-]{1,6}", "[!-~]([ -~]{0,12}[!-~])?");
    (
        proptest::sample::select(vec!["GET", "PUT", "POST", "DELETE", "HEAD"]),
        key,
        proptest::collection::vec(pair, 0..4),
        proptest::collection::btree_map(header.0, header.1, 0..4),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
    )
        .prop_map(|(method, key, query, headers, body)| Made {
            method,
            key,
            // What begins with x-amz- in a query belongs to presigned requests.
            query: query.into_iter().filter(|(name, _)| !name.to_ascii_lowercase().starts_with("x-amz-")).collect(),
            headers: headers.into_iter().collect(),
            body,
        })
}

impl Made {
    fn path(&self) -> String {
        format!("/bucket/{}", uri::encode_path(self.key.as_bytes()))
    }

    fn query(&self) -> String {
        let mut pairs: Vec<(String, String)> = self
            .query
            .iter()
            .map(|(name, value)| (uri::encode(name.as_bytes()), uri::encode(value.as_bytes())))
            .collect();
        pairs.sort();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    fn target(&self) -> String {
        let query = self.query();
        if query.is_empty() { self.path() } else { format!("{}?{query}", self.path()) }
    }

    fn hash(&self) -> Option<[u8; 32]> {
        self.body.as_ref().map(|body| checksum::of(Algorithm::Sha256, body).as_bytes().try_into().unwrap())
    }

    /// As our own signer signs it.
    fn ours(&self) -> Owned {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("proxy.example:9443"));
        for (name, value) in &self.headers {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let payload = self.hash().map_or(OutgoingPayload::Unsigned, OutgoingPayload::Hash);
        let signer = Signer::new(KEY.to_owned(), Secret::new(SECRET.to_owned()), None, "us-east-1".to_owned());
        signer.sign(self.method, &self.path(), &self.query(), &mut headers, payload, NOW).unwrap();
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
    }

    /// As the aws-sigv4 crate signs it.
    fn theirs(&self) -> Owned {
        self.theirs_for("s3")
    }

    fn theirs_for(&self, service: &str) -> Owned {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.signature_location = SignatureLocation::Headers;
        let identity = Credentials::new(KEY, SECRET, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(service)
            .time(UNIX_EPOCH + Duration::from_secs(NOW.0.try_into().unwrap()))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let mut headers: Vec<(&str, &str)> = vec![("host", "proxy.example:9443")];
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let hash = self.hash().map(|hash| hash.iter().map(|octet| format!("{octet:02x}")).collect::<String>());
        let body = hash.map_or(SignableBody::UnsignedPayload, SignableBody::Precomputed);
        let uri = format!("https://proxy.example:9443{}", self.target());
        let request = SignableRequest::new(self.method, uri, headers.iter().copied(), body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let own = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        let signed = instructions.headers().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        own.chain(signed).collect()
    }
}

#[test]
fn a_call_of_another_service_is_signed_as_aws_does() {
    let made = Made {
        method: "POST",
        key: String::new(),
        query: Vec::new(),
        headers: vec![("x-amz-target".to_owned(), "TrentService.Decrypt".to_owned())],
        body: Some(b"{}".to_vec()),
    };
    let path = made.path();
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("proxy.example:9443"));
    headers.insert("x-amz-target", HeaderValue::from_static("TrentService.Decrypt"));
    let signer = Signer::new(KEY.to_owned(), Secret::new(SECRET.to_owned()), None, "us-east-1".to_owned());
    let payload = OutgoingPayload::Hash(made.hash().unwrap());
    signer.for_service("kms").sign("POST", &path, "", &mut headers, payload, NOW).unwrap();
    assert_eq!(headers["authorization"].to_str().unwrap(), value_of(&made.theirs_for("kms"), "authorization"));
}

fn value_of(headers: &Owned, name: &str) -> String {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).unwrap();
    String::from_utf8(found.1.clone()).unwrap()
}

/// Method, path, query and headers, as far as their canonical forms tell them apart.
type Meaning = (Vec<u8>, Vec<u8>, Vec<String>, Vec<String>);

/// What a signature covers, read another way than the verifier reads it: method, decoded path, decoded
/// query as a set, folded values of signed headers.
fn meaning(method: &[u8], target: &[u8], headers: &Owned) -> Option<Meaning> {
    let text = std::str::from_utf8(target).ok()?;
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let decode = |text: &str| {
        let mut out = Vec::new();
        let mut octets = text.bytes();
        while let Some(octet) = octets.next() {
            out.push(match octet {
                b'%' => {
                    let digits = [octets.next()?, octets.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                b'+' => b' ',
                other => other,
            });
        }
        Some(out)
    };
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push(format!("{:?}={:?}", decode(name)?, decode(value)?));
    }
    pairs.sort();
    let mut lines: Vec<String> = headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"))
        .map(|(name, value)| {
            let words: Vec<&[u8]> =
                value.split(|octet| matches!(octet, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
            format!("{}:{words:?}", name.to_ascii_lowercase())
        })
        .collect();
    lines.sort();
    Some((method.to_vec(), decode(path)?, pairs, lines))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_aws_sigv4_signs_verifies_and_our_signer_signs_the_same(made in made()) {
        let (ours, theirs) = (made.ours(), made.theirs());
        prop_assert_eq!(value_of(&ours, "authorization"), value_of(&theirs, "authorization"));
        for headers in [&ours, &theirs] {
            let verified = verify(made.method.as_bytes(), made.target().as_bytes(), headers);
            prop_assert!(verified.is_ok(), "{:?}", verified);
        }
    }
}

proptest! {
    // Each case is a thousand verifications.
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_that_changes_what_was_signed_is_refused(made in made()) {
        let headers = made.ours();
        let (method, target) = (made.method.as_bytes(), made.target().into_bytes());
        let right = meaning(method, &target, &headers);
        for at in 0..target.len() {
            for bit in 0..8 {
                let mut flipped = target.clone();
                flipped[at] ^= 1 << bit;
                if verify(method, &flipped, &headers).is_ok() {
                    prop_assert_eq!(&meaning(method, &flipped, &headers), &right);
                }
            }
        }
        for line in 0..headers.len() {
            for at in 0..headers[line].1.len() {
                let mut flipped = headers.clone();
                flipped[line].1[at] ^= 1 << (at % 8);
                if verify(method, &target, &flipped).is_ok() {
                    prop_assert_eq!(&meaning(method, &target, &flipped), &right, "{}", flipped[line].0);
                }
            }
        }
        for at in 0..method.len() {
            let mut flipped = method.to_vec();
            flipped[at] ^= 0x20;
            prop_assert!(verify(&flipped, &target, &headers).is_err());
        }
    }
}

#[test]
fn strangers_leave_nothing_behind_but_one_stand_in() {
    let cache = KeyCache::default();
    let made = Made { method: "GET", key: "k".to_owned(), query: vec![], headers: vec![], body: None };
    let headers = made.ours();
    for n in 0..100 {
        let mut strange = headers.clone();
        for (_, value) in strange.iter_mut().filter(|(name, _)| name == "authorization") {
            *value = String::from_utf8(value.clone()).unwrap().replace(KEY, &format!("AKIDSTRANGER{n}")).into_bytes();
        }
        let fault = verify_with(b"GET", b"/bucket/k", &strange, &cache).unwrap_err();
        assert_eq!(fault.code(), Code::InvalidAccessKeyId);
    }
    assert_eq!(format!("{cache:?}"), "KeyCache(1, 0)");
    assert!(verify_with(b"GET", b"/bucket/k", &headers, &cache).is_ok());
}

/// The key pair of section 11, derived here once more.
fn key_pair() -> EcdsaKeyPair {
    let input = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4A{SECRET}").as_bytes());
    let message = [&[0, 0, 0, 1][..], b"AWS4-ECDSA-P256-SHA256\0", KEY.as_bytes(), &[1, 0, 0, 1, 0]].concat();
    let mut scalar: [u8; 32] = hmac::sign(&input, &message).as_ref().try_into().unwrap();
    for octet in scalar.iter_mut().rev() {
        *octet = octet.wrapping_add(1);
        if *octet != 0 {
            break;
        }
    }
    let x = "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb";
    let y = "0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0";
    let public: Vec<u8> = format!("04{x}{y}")
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let random = SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, &scalar, &public, &random).unwrap()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn sha256(data: &[u8]) -> String {
    hex(checksum::of(Algorithm::Sha256, data).as_bytes())
}

fn signed(text: &str) -> String {
    hex(key_pair().sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref())
}

const SCOPE: &str = "20260314/s3/aws4_request";

/// A request signed with Signature Version 4A: its headers and its signature.
fn ecdsa(mode: &str, region_set: &str, more: &[(&str, &str)]) -> (Owned, String) {
    let mut lines = vec![
        ("host", "proxy.example"),
        ("x-amz-content-sha256", mode),
        ("x-amz-date", DATE),
        ("x-amz-region-set", region_set),
    ];
    lines.extend(more);
    lines.sort_unstable();
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let text: String = lines.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!("PUT\n/b/k\n\n{text}\n{names}\n{mode}");
    let signature = signed(&format!("AWS4-ECDSA-P256-SHA256\n{DATE}\n{SCOPE}\n{}", sha256(canonical.as_bytes())));
    let authorization =
        format!("AWS4-ECDSA-P256-SHA256 Credential={KEY}/{SCOPE}, SignedHeaders={names}, Signature={signature}");
    let mut headers: Owned =
        lines.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    headers.push(("authorization".to_owned(), authorization.into_bytes()));
    (headers, signature)
}

fn padded(signature: &str) -> String {
    format!("{signature:*<144}")
}

/// Two chunks, the final one, and a signed trailer.
fn chunked(seed: &str, chunks: [&[u8]; 2], trailer: bool) -> Vec<u8> {
    let (mut previous, mut out) = (seed.to_owned(), Vec::new());
    for data in [chunks[0], chunks[1], b""] {
        let head = format!("AWS4-ECDSA-P256-SHA256-PAYLOAD\n{DATE}\n{SCOPE}\n{previous}\n{}\n", sha256(b""));
        previous = signed(&format!("{head}{}", sha256(data)));
        out.extend_from_slice(format!("{:x};chunk-signature={}\r\n", data.len(), padded(&previous)).as_bytes());
        if !data.is_empty() {
            out.extend_from_slice(data);
            out.extend_from_slice(b"\r\n");
        }
    }
    if trailer {
        let value = checksum::of(Algorithm::Crc32, &chunks.concat()).to_base64();
        let field = format!("x-amz-checksum-crc32:{value}");
        let hash = sha256(format!("{field}\n").as_bytes());
        let signature = signed(&format!("AWS4-ECDSA-P256-SHA256-TRAILER\n{DATE}\n{SCOPE}\n{previous}\n{hash}"));
        out.extend_from_slice(format!("{field}\r\nx-amz-trailer-signature:{}\r\n", padded(&signature)).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn read(headers: &Owned, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut verified = verify(b"PUT", b"/b/k", headers)?;
    let lines: Vec<(&[u8], &[u8])> = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
    let head = Head { method: b"PUT", target: b"/b/k", lines: &lines, authority: None };
    let chunks = verified.take_chunks().map(|chunks| chunks as Box<dyn ChunkSignatures>);
    let duties = Duties { takes_body: true, needs_length: true, needs_checksum: false, checksums_of_body: true };
    let contract = Contract::new(verified.payload(), chunks, &head, duties)?;
    let mut body = Unread::new(Full::new(Bytes::copy_from_slice(body))).open(contract)?;
    let mut data = Vec::new();
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        data.extend_from_slice(&frame?.into_data().unwrap());
    }
    Ok(data)
}

#[test]
fn chunks_and_trailer_of_signature_version_4a_are_verified() {
    let chunks: [&[u8]; 2] = [&[b'a'; 9000], &[b'b'; 100]];
    for trailer in [false, true] {
        let mode = if trailer { "-PAYLOAD-TRAILER" } else { "-PAYLOAD" };
        let mode = format!("STREAMING-AWS4-ECDSA-P256-SHA256{mode}");
        let mut more = vec![("x-amz-decoded-content-length", "9100")];
        more.extend(trailer.then_some(("x-amz-trailer", "x-amz-checksum-crc32")));
        let (headers, seed) = ecdsa(&mode, "us-*", &more);
        let body = chunked(&seed, chunks, trailer);
        assert_eq!(read(&headers, &body).unwrap(), chunks.concat());
        // Another request's chain, a flipped octet of data, of a signature, of the padding.
        assert!(read(&headers, &chunked(&signed("other"), chunks, trailer)).is_err());
        for at in [30, 200, 160, 9200, body.len() - 10] {
            let mut flipped = body.clone();
            flipped[at] ^= 1;
            assert!(read(&headers, &flipped).is_err(), "{at} {trailer}");
        }
    }
}

#[test]
fn a_region_set_must_be_there_signed_and_name_the_region() {
    let refused = |headers: &Owned| verify(b"PUT", b"/b/k", headers).unwrap_err().code();
    assert!(verify(b"PUT", b"/b/k", &ecdsa("UNSIGNED-PAYLOAD", "*", &[]).0).is_ok());
    assert_eq!(refused(&ecdsa("UNSIGNED-PAYLOAD", "eu-*,us-west-2", &[]).0), Code::AuthorizationHeaderMalformed);
    let mut without = ecdsa("UNSIGNED-PAYLOAD", "*", &[]).0;
    without.retain(|(name, _)| name != "x-amz-region-set");
    assert_eq!(refused(&without), Code::AuthorizationHeaderMalformed);
    let mut other = ecdsa("UNSIGNED-PAYLOAD", "us-east-1", &[]).0;
    other.iter_mut().filter(|(name, _)| name == "x-amz-region-set").for_each(|(_, value)| *value = b"*".to_vec());
    assert_eq!(refused(&other), Code::SignatureDoesNotMatch);
    // Chunks are signed like their request.
    let (mixed, _) = ecdsa("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "*", &[("x-amz-decoded-content-length", "0")]);
    assert_eq!(refused(&mixed), Code::InvalidRequest);
}

#[test]
fn a_presigned_day_is_compared_before_the_expiry_is_looked_at() {
    let headers: Owned = vec![("host".to_owned(), b"h".to_vec())];
    let refused = |day: &str, date: &str, expires: &str| {
        let target = format!(
            "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={KEY}%2F{day}%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date={date}&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
        );
        verify(b"GET", target.as_bytes(), &headers).unwrap_err().reason()
    };
    assert_eq!(refused("20260313", DATE, "x"), "credential-date");
    assert_eq!(refused("20260314", DATE, "x"), "presigned-expires");
    assert_eq!(refused("20260313", "x", "x"), "presigned-date");
}

#[test]
fn a_preflight_is_nobodys_whatever_it_carries() {
    for (name, value) in [("authorization", "AWS4-HMAC-SHA256 nonsense"), ("authorization", "Bearer x"), ("a", "b")] {
        let headers: Owned = vec![("host".to_owned(), b"h".to_vec()), (name.to_owned(), value.as_bytes().to_vec())];
        for target in ["/b/k", "/b/k?X-Amz-Signature=0&x-amz-acl=private", "/b/k?AWSAccessKeyId=a&Signature=b"] {
            let verified = verify(b"OPTIONS", target.as_bytes(), &headers).unwrap();
            assert_eq!((verified.kind(), verified.access_key()), (sigv4::Kind::Anonymous, None), "{value} {target}");
        }
    }
}
