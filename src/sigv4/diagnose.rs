//! What a client that signed something else probably did (after a `SignatureDoesNotMatch`, for the
//! operator alone).
//!
//! The client's own canonical request is not on the wire; but a mistake that is known can be made on
//! purpose, and when the signature then fits, it was that mistake. Each is tried alone, at most
//! [`MOST_TRIES`] of them, one hash and one HMAC each. Nothing of it ever goes to the client, and nothing
//! is tried for an access key that is not known.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::canonical::{self, PathForm, SignedText};
use super::header::Algorithm;
use super::key::{self, KeyCache, KeySource, Opened, Secret, SigningKey};
use super::rejection::Rejection;
use super::verify::{Kind, Request, Settings};
use crate::s3::head::trim;
use crate::s3::mask::{self, Begins};
use crate::s3::uri;
use crate::time::Seconds;

/// The most mistakes that are tried.
const MOST_TRIES: usize = 96;
/// How many mismatches one worker looks into in a second.
pub(super) const MOST_A_SECOND: u32 = 8;
/// The most other names of a listener that are tried.
const MOST_HOSTS: usize = 8;

/// What may have been signed in place of what came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints<'a> {
    /// Other names under which the listener is reached.
    pub hosts: &'a [String],
    /// The path of its external URL, without `/` at its end.
    pub prefix: &'a str,
}

/// What was found out about a signature that does not match. No secret is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnosis {
    /// What the client did, in words, or that no known mistake explains it.
    pub explanation: String,
    /// The canonical request that was computed here, secrets masked.
    pub ours: String,
    /// The one that the client signed, where a mistake explains it by another text.
    pub theirs: Option<String>,
    /// The first line in which the two differ: here, and there.
    pub lines: Option<(String, String)>,
    /// One of the few of a second that a log has room for.
    pub first: bool,
}

/// What a mismatch was about; kept until somebody asks.
pub(super) struct Mismatch {
    pub(super) algorithm: Algorithm,
    pub(super) kind: Kind,
    pub(super) access_key: String,
    /// What came as session token.
    pub(super) token: Option<Zeroizing<Vec<u8>>>,
    pub(super) time: String,
    pub(super) scope: String,
    pub(super) day: [u8; 8],
    pub(super) region: String,
    pub(super) service: String,
    pub(super) names: Vec<String>,
    pub(super) signature: String,
    pub(super) payload_line: Vec<u8>,
}

impl Rejection {
    /// Tries the known mistakes; none unless signatures were compared, and those of a known key. A worker
    /// does so a bounded number of times a second; after that it only tells what it has computed.
    pub fn diagnose(
        &self,
        request: &Request<'_>,
        keys: &impl KeySource,
        settings: &Settings,
        hints: Hints<'_>,
        cache: &KeyCache,
        now: Seconds,
    ) -> Option<Diagnosis> {
        let claim = self.mismatch()?;
        let parts = Parts::of(request, claim)?;
        let opened = claim.token.as_ref().map(|token| keys.open(&claim.access_key, token));
        let secret = match (keys.find(&claim.access_key), &opened) {
            (Some(found), _) => found.secret,
            (None, Some(Opened::Session { secret, .. })) => secret,
            (None, _) => return None,
        };
        let ours = parts.shown();
        let first = cache.has_time_for_another(now, MOST_A_SECOND);
        let missing: Vec<&str> = claim.names.iter().map(String::as_str).filter(|name| !parts.has(name)).collect();
        if !missing.is_empty() {
            let explanation = format!("signed, but not in the request: {}", missing.join(", "));
            return Some(Diagnosis { explanation, ours, theirs: None, lines: None, first });
        }
        let untried = match claim.algorithm {
            Algorithm::Ecdsa => Some("Signature Version 4A: no mistakes are tried"),
            Algorithm::Hmac if !first => Some("too many signatures do not match at the moment: no mistakes were tried"),
            Algorithm::Hmac => None,
        };
        if let Some(explanation) = untried {
            return Some(Diagnosis { explanation: explanation.to_owned(), ours, theirs: None, lines: None, first });
        }
        let judge = Judge { claim, given: key::unhex32(claim.signature.as_bytes()) };
        let found =
            judge.other_text(&parts, secret, request, hints).or_else(|| judge.other_key(&parts, secret, settings));
        Some(match found {
            Some((explanation, Some(theirs))) => {
                let theirs = theirs.shown();
                let lines = ours
                    .split('\n')
                    .zip(theirs.split('\n'))
                    .find(|(here, there)| here != there)
                    .map(|(here, there)| (here.to_owned(), there.to_owned()));
                Diagnosis { explanation, ours, theirs: Some(theirs), lines, first }
            }
            Some((explanation, None)) => Diagnosis { explanation, ours, theirs: None, lines: None, first },
            None => {
                let explanation = if judge.given.is_none() {
                    "the signature is not 64 lower-case hexadecimal digits"
                } else {
                    "none of the known mistakes explains it: the secret is probably another one"
                };
                Diagnosis { explanation: explanation.to_owned(), ours, theirs: None, lines: None, first }
            }
        })
    }
}

/// A canonical request in pieces, so that one of them can be another.
#[derive(Clone, Eq, PartialEq)]
struct Parts {
    method: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    payload: Vec<u8>,
}

impl Parts {
    fn of(request: &Request<'_>, claim: &Mismatch) -> Option<Self> {
        let head = request.head;
        let (mut path, mut query) = (Vec::new(), Vec::new());
        canonical::path_into(head.path(), PathForm::Whole, &mut path).ok()?;
        canonical::query_into(request.query, claim.kind == Kind::Query, &mut query);
        let value = |name: &String| {
            let mut line = Vec::new();
            let there = canonical::header_into(head, name, &mut line);
            let value = line.get(name.len() + 1..line.len().saturating_sub(1)).unwrap_or_default().to_vec();
            (name.clone(), there.then_some(value))
        };
        let headers = claim.names.iter().map(value).collect();
        Some(Self { method: head.method.to_vec(), path, query, headers, payload: claim.payload_line.clone() })
    }

    fn has(&self, name: &str) -> bool {
        self.header(name).is_some()
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref())
    }

    fn text(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        for part in [&self.method, &self.path, &self.query] {
            out.extend_from_slice(part);
            out.push(b'\n');
        }
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.push(b':');
            out.extend_from_slice(value.as_deref().unwrap_or_default());
            out.push(b'\n');
        }
        out.push(b'\n');
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        canonical::names_into(&names, &mut out);
        out.push(b'\n');
        out.extend_from_slice(&self.payload);
        out
    }

    /// For people: secrets and users' metadata masked, one line a part whatever is in it.
    fn shown(&self) -> String {
        let mut shown = self.clone();
        one_line(&mut shown.method, Begins::Anywhere);
        one_line(&mut shown.path, Begins::Anywhere);
        one_line(&mut shown.query, Begins::AtName);
        one_line(&mut shown.payload, Begins::Anywhere);
        for (name, value) in &mut shown.headers {
            let Some(value) = value else { continue };
            if mask::is_secret(name.as_bytes()) {
                *value = mask::MASK.to_vec();
            }
            one_line(value, Begins::Anywhere);
        }
        String::from_utf8_lossy(&shown.text()).into_owned()
    }
}

fn one_line(part: &mut Vec<u8>, begins: Begins) {
    part.iter_mut().filter(|octet| octet.is_ascii_control()).for_each(|octet| *octet = b'?');
    if let Some(masked) = mask::masked(part, begins) {
        *part = masked;
    }
}

struct Judge<'a> {
    claim: &'a Mismatch,
    given: Option<[u8; 32]>,
}

type Explained = (String, Option<Parts>);

impl Judge<'_> {
    fn fits(&self, parts: &Parts, key: &SigningKey) -> bool {
        let Some(given) = self.given else { return false };
        let text = SignedText::new(self.claim.algorithm, &self.claim.time, &self.claim.scope, parts.text());
        key.has_signed(text.string_to_sign(), &given)
    }

    /// Another canonical request under the right key.
    fn other_text(&self, parts: &Parts, secret: &Secret, request: &Request<'_>, hints: Hints<'_>) -> Option<Explained> {
        let key = key::derive(secret, &self.claim.day, &self.claim.region, &self.claim.service);
        let mut tries = Tries { right: parts, judge: self, key: &key, tried: 0, found: None };
        tries.hosts(hints);
        tries.paths(request.head.path(), hints);
        tries.queries(request.head.query());
        tries.headers(request);
        tries.methods();
        tries.payloads();
        tries.found.map(|(explanation, changed)| (explanation, Some(changed)))
    }

    /// The right canonical request under another key.
    fn other_key(&self, parts: &Parts, secret: &Secret, settings: &Settings) -> Option<Explained> {
        let Mismatch { day, region, service, .. } = self.claim;
        let of = |region: &str, service: &str| key::derive(secret, day, region, service);
        let regions = settings.regions.iter().map(String::as_str).chain(["us-east-1", "us-west-2", "auto", ""]);
        for other in regions.filter(|other| other != region).take(8).collect::<BTreeSet<_>>() {
            if self.fits(parts, &of(other, service)) {
                let told = format!("the signing key was derived for region \"{other}\", the scope says \"{region}\"");
                return Some((told, None));
            }
        }
        for other in ["s3", "sts", "s3express", "execute-api", "iam", ""].into_iter().filter(|other| other != service) {
            if self.fits(parts, &of(region, other)) {
                let told = format!("the signing key was derived for service \"{other}\", the scope says \"{service}\"");
                return Some((told, None));
            }
        }
        let plain = secret.expose();
        for (before, after, what) in [
            ("", "\n", "a line end behind it"),
            ("", "\r\n", "a line end (CR LF) behind it"),
            ("", "\r", "a CR behind it"),
            ("", " ", "a space behind it"),
            (" ", "", "a space before it"),
            ("\"", "\"", "quotation marks around it"),
            ("AWS4", "", "AWS4 before it twice"),
        ] {
            let mut text = Zeroizing::new(String::with_capacity(plain.len() + 8));
            [before, plain, after].iter().for_each(|piece| text.push_str(piece));
            let other = Secret::new(std::mem::take(&mut *text));
            if self.fits(parts, &key::derive(&other, day, region, service)) {
                return Some((format!("the client's secret has {what}"), None));
            }
        }
        None
    }
}

/// The texts that known mistakes make, tried one by one until one fits.
struct Tries<'t> {
    right: &'t Parts,
    judge: &'t Judge<'t>,
    key: &'t SigningKey,
    tried: usize,
    found: Option<(String, Parts)>,
}

impl Tries<'_> {
    fn add(&mut self, explanation: impl Into<String>, change: impl FnOnce(&mut Parts)) {
        if self.found.is_some() || self.tried >= MOST_TRIES {
            return;
        }
        let mut changed = self.right.clone();
        change(&mut changed);
        if changed == *self.right {
            return; // it would have been right
        }
        self.tried += 1;
        if self.judge.fits(&changed, self.key) {
            self.found = Some((explanation.into(), changed));
        }
    }

    fn header(&mut self, explanation: impl Into<String>, name: &str, value: Vec<u8>) {
        self.add(explanation, |parts| {
            if let Some((_, place)) = parts.headers.iter_mut().find(|(known, _)| known == name) {
                *place = Some(value);
            }
        });
    }

    fn hosts(&mut self, hints: Hints<'_>) {
        let Some(sent) = self.right.header("host").map(<[u8]>::to_vec) else { return };
        let sent = String::from_utf8_lossy(&sent).into_owned();
        let (name, port) = match sent.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => (name.to_owned(), Some(port)),
            _ => (sent.clone(), None),
        };
        let mut hosts = vec![name.clone(), format!("{name}:443"), format!("{name}:80")];
        hosts.extend([sent.to_ascii_lowercase(), name.trim_end_matches('.').to_owned()]);
        for other in hints.hosts.iter().take(MOST_HOSTS) {
            hosts.push(other.clone());
            hosts.extend(port.map(|port| format!("{other}:{port}")));
        }
        for host in hosts {
            let told = format!("the host was signed as `{host}` and sent as `{sent}`");
            self.header(told, "host", host.into_bytes());
        }
    }

    fn paths(&mut self, wire: &[u8], hints: Hints<'_>) {
        let path = self.right.path.clone();
        let mut to = |explanation: &str, path: Vec<u8>| {
            self.add(explanation, |parts| parts.path = if path.is_empty() { b"/".to_vec() } else { path });
        };
        let prefix = hints.prefix.as_bytes();
        if !prefix.is_empty() {
            if let Some(rest) = path.strip_prefix(prefix) {
                to("the path was signed without the prefix of external_url", rest.to_vec());
            }
            to("the path was signed with the prefix of external_url once more", [prefix, &path].concat());
        }
        let rest = path.get(1..).and_then(|rest| memchr::memchr(b'/', rest).and_then(|at| rest.get(at..)));
        to("the path was signed without its first segment", rest.unwrap_or_default().to_vec());
        let mut twice = Vec::new();
        uri::encode_path_into(&path, &mut twice);
        to("the path was signed encoded twice", twice);
        to("the path was signed decoded", uri::decode(&path).unwrap_or_default().into_owned());
        to("the path was signed as it was sent, not decoded and encoded again", wire.to_vec());
        to("a space in the path was signed as `+`", replaced(&path, b"%20", b"+"));
        to("a `+` in the path was signed as `%2B` and sent as `+`, which is a space", replaced(&path, b"%20", b"%2B"));
        to("the path was signed without `/` at its end", path.strip_suffix(b"/").unwrap_or(&path).to_vec());
        to("the path was signed with `/` at its end", [&path, &b"/"[..]].concat());
        to("the path was signed normalised: `.`, `..` and empty segments removed", normalised(&path));
    }

    fn queries(&mut self, wire: &[u8]) {
        let query = self.right.query.clone();
        let mut to = |explanation: &str, query: Vec<u8>| self.add(explanation, |parts| parts.query = query);
        to("the query was not signed", Vec::new());
        let pairs = || query.split(|&octet| octet == b'&');
        let bare: Vec<&[u8]> = pairs().map(|pair| pair.strip_suffix(b"=").unwrap_or(pair)).collect();
        to("a parameter without a value was signed without `=`", bare.join(&b'&'));
        to("a space in the query was signed as `+`", replaced(&query, b"%20", b"+"));
        to(
            "a `+` in the query was signed as `%2B` and sent as `+`, which is a space",
            replaced(&query, b"%20", b"%2B"),
        );
        to("a `/` in the query was signed unescaped", replaced(&query, b"%2F", b"/"));
        to("the query was signed encoded twice", replaced(&query, b"%", b"%25"));
        let unsigned = |pair: &&[u8]| !pair.starts_with(b"X-Amz-Signature=");
        let sent: Vec<&[u8]> = wire.split(|&octet| octet == b'&').filter(unsigned).collect();
        to("the query was signed as it was sent, neither sorted nor encoded again", sent.join(&b'&'));
    }

    fn headers(&mut self, request: &Request<'_>) {
        let names: Vec<String> = self.right.headers.iter().map(|(name, _)| name.clone()).collect();
        for name in names.into_iter().filter(|name| name != "host").take(32) {
            let lines = || request.head.all(&name);
            let trimmed: Vec<&[u8]> = lines().map(trim).collect();
            let told = format!("the spaces within `{name}` were signed as they are, not folded into one");
            self.header(told, &name, trimmed.join(&b','));
            let raw: Vec<&[u8]> = lines().collect();
            self.header(format!("the spaces around `{name}` were signed"), &name, raw.join(&b','));
            if trimmed.len() > 1 {
                let told = format!("the lines of `{name}` were joined with a comma and a space");
                self.header(told, &name, trimmed.join(&b", "[..]));
            }
        }
    }

    fn methods(&mut self) {
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
            let told = format!("the request was signed for {method}");
            self.add(told, |parts| parts.method = method.as_bytes().to_vec());
        }
    }

    fn payloads(&mut self) {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (payload, what) in
            [("UNSIGNED-PAYLOAD", "`UNSIGNED-PAYLOAD`"), (empty, "the hash of nothing"), ("", "nothing")]
        {
            let told = format!("the payload line was signed as {what}");
            self.add(told, |parts| parts.payload = payload.as_bytes().to_vec());
        }
    }
}

fn replaced(text: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, what) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(by);
        rest = rest.get(at + what.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

/// As generic signers clean a path (and Signature Version 4 of other services does).
fn normalised(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|&octet| octet == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = vec![b'/'];
    out.extend_from_slice(&kept.join(&b'/'));
    if path.ends_with(b"/") && out.len() > 1 {
        out.push(b'/');
    }
    out
}
