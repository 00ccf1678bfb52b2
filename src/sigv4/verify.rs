//! The verifier: kind of authentication, the checks in their order, the comparison.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::canonical::{self, PathForm, SignedText};
use super::chunks::{Chunks, Key};
use super::diagnose::Mismatch;
use super::form::{self, Form};
use super::header::{self, Algorithm, Names, Place, Scope, Served};
use super::key::{self, KeyCache, KeySource, Opened, Secret, stand_in};
use super::payload::{self, PayloadRule};
use super::post_policy::PostPolicy;
use super::query;
use super::rejection::{Details, Rejection, mismatch_fault};
use crate::s3::form::{LengthRange, is_form};
use crate::s3::head::trim;
use crate::s3::payload::Payload;
use crate::s3::route::{Auth, QUERY_AUTHENTICATION, check_amz_parameters};
use crate::s3::uri::Query;
use crate::s3::{Code, Fault, Head};
use crate::time::Seconds;

/// How the request says who it is from (spec/sigv4.md 2).
pub type Kind = Auth;

/// What the verifier goes by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Regions accepted in a scope; the first is the one that clients are told.
    pub regions: Vec<String>,
    /// The service of the scope.
    pub service: String,
    /// Signature Version 4A is taken too.
    pub ecdsa: bool,
    /// Clock difference in seconds, both ends included.
    pub skew: i64,
    /// Longest life of a presigned URL in seconds.
    pub presign_longest: i64,
    /// Which payload modes are taken.
    pub payload: PayloadRule,
    /// Headers that must be signed when they are there, lower-case, beside `host` and `x-amz-*`.
    pub extra_signed: Vec<String>,
    /// What a mismatch shows on the wire.
    pub details: Details,
}

impl Settings {
    /// The defaults, for one region of S3.
    pub fn new(region: &str) -> Self {
        Self {
            regions: vec![region.to_owned()],
            service: "s3".to_owned(),
            ecdsa: false,
            skew: 900,
            presign_longest: 604_800,
            payload: PayloadRule::SignedOrTls,
            extra_signed: Vec::new(),
            details: Details::Masked,
        }
    }
}

/// A request to verify.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// As received.
    pub head: &'a Head<'a>,
    /// Its query, parsed.
    pub query: &'a Query<'a>,
    /// The operation takes aws-chunked bodies.
    pub streaming_allowed: bool,
    /// The connection is TLS.
    pub tls: bool,
    /// SHA-256 of the body, for the services that sign it instead of a header.
    pub body_hash: Option<[u8; 32]>,
    /// The form, if that is what the request is authenticated by.
    pub form: Option<Form<'a>>,
}

/// Evidence that a request is from whom it says, or from nobody in particular. Only [`verify`] makes it.
#[derive(Debug)]
pub struct Verified {
    kind: Kind,
    access_key: Option<String>,
    payload: Payload,
    signature: Option<String>,
    signed: Option<Signed>,
    chunks: Option<Box<Chunks>>,
    file: LengthRange,
    text: SignedText,
}

/// When and how something was signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Signed {
    /// The instant that was signed.
    pub at: Seconds,
    /// `AWS4-HMAC-SHA256`
    pub algorithm: &'static str,
}

impl Verified {
    /// Nobody in particular.
    fn anonymous(payload: Payload) -> Self {
        Self {
            kind: Kind::Anonymous,
            access_key: None,
            payload,
            signature: None,
            signed: None,
            chunks: None,
            file: LengthRange::ANY,
            text: SignedText::default(),
        }
    }

    /// By which mechanism.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whose key signed; none if anonymous.
    pub fn access_key(&self) -> Option<&str> {
        self.access_key.as_deref()
    }

    /// When it was signed; none if anonymous.
    pub fn signed(&self) -> Option<Signed> {
        self.signed
    }

    /// What was signed of the body, and how it travels.
    pub fn payload(&self) -> Payload {
        self.payload
    }

    /// How long the file of a form may be.
    pub fn file_length(&self) -> LengthRange {
        self.file
    }

    /// Takes out whose key signed, and the first eight digits of the signature: enough for a log.
    pub fn take_names(&mut self) -> (Option<String>, Option<String>) {
        if let Some(signature) = &mut self.signature {
            signature.truncate(8);
        }
        (self.access_key.take(), self.signature.take())
    }

    /// Takes out the text that was signed. With the key it tells this request from every other. The
    /// signature does not, because one of Signature Version 4A can be changed and still hold.
    pub fn take_signed_text(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text).into_string_to_sign()
    }

    /// Takes out what checks the chunks of the body.
    pub fn take_chunks(&mut self) -> Option<Box<Chunks>> {
        self.chunks.take()
    }

    /// The text that was signed. It holds session tokens and customer keys: for comparison in tests only.
    pub fn dangerous_canonical_request(&self) -> &[u8] {
        self.text.canonical_request()
    }

    /// As [`Verified::dangerous_canonical_request`].
    pub fn dangerous_string_to_sign(&self) -> &[u8] {
        self.text.string_to_sign()
    }

    /// The whole signature, which for a presigned request is a credential: for comparison in tests only.
    pub fn dangerous_signature(&self) -> Option<&str> {
        self.signature.as_deref()
    }
}

/// Decides once which mechanism a request uses. A preflight uses none, whatever it carries
/// (spec/sigv4.md 14).
///
/// # Errors
/// Two mechanisms at once, or Signature Version 2.
pub fn kind(head: &Head<'_>, query: &Query<'_>) -> Result<Kind, Fault> {
    if head.method == b"OPTIONS" {
        return Ok(Kind::Anonymous);
    }
    let version_2 = query.iter().any(|parameter| matches!(&*parameter.name, b"AWSAccessKeyId" | b"Signature"));
    let version_4 = query
        .iter()
        .any(|parameter| QUERY_AUTHENTICATION.iter().any(|name| parameter.name.eq_ignore_ascii_case(name.as_bytes())));
    match head.all("authorization").count() {
        0 if version_2 => Err(header::version_2()),
        0 if version_4 => Ok(Kind::Query),
        0 if head.method == b"POST" && is_form(head) => Ok(Kind::Form),
        0 => Ok(Kind::Anonymous),
        1 if !version_2 && !version_4 => Ok(Kind::Header),
        _ => {
            let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified";
            Err(Fault::argument("two-mechanisms", message, "Authorization", None))
        }
    }
}

/// Verifies a request by the mechanism it uses.
///
/// # Errors
/// The first fault in the order of spec/sigv4.md 13.
pub fn verify(
    kind: Kind,
    request: &Request<'_>,
    keys: &impl KeySource,
    settings: &Settings,
    cache: &KeyCache,
    now: Seconds,
) -> Result<Verified, Box<Rejection>> {
    let verifier = Verifier { request, keys, settings, cache, now };
    let verified = match kind {
        Kind::Header => verifier.header(),
        Kind::Query => verifier.query(),
        Kind::Anonymous => verifier.anonymous(),
        Kind::Form => verifier.form(),
    }?;
    check_amz_parameters(kind, request.head, request.query)?;
    Ok(verified)
}

struct Verifier<'a, K> {
    request: &'a Request<'a>,
    keys: &'a K,
    settings: &'a Settings,
    cache: &'a KeyCache,
    now: Seconds,
}

/// What the comparison needs, whatever the mechanism.
struct Claim<'a> {
    algorithm: Algorithm,
    scope: Scope<'a>,
    time: Cow<'a, str>,
    instant: Seconds,
    names: Names<'a>,
    signature: &'a str,
    payload_line: Cow<'a, [u8]>,
    payload: Payload,
    kind: Kind,
}

/// A key whose owner exists, or a stand-in that makes the work equal.
enum Known<'a> {
    /// A key that is kept.
    Good(&'a Secret),
    /// A key that its token carries.
    Session(Secret),
    Bad(Fault),
}

impl Known<'_> {
    fn is_good(&self) -> bool {
        !matches!(self, Self::Bad(_))
    }
}

impl<K: KeySource> Verifier<'_, K> {
    fn header(&self) -> Result<Verified, Box<Rejection>> {
        let Request { head, streaming_allowed, .. } = *self.request;
        let authorization = header::parse(head.all("authorization").next().unwrap_or_default(), self.settings.ecdsa)?;
        let algorithm = authorization.algorithm;
        let (time, instant, as_received) = header::request_time(head)?;
        let set = joined(head, "x-amz-region-set").and_then(|set| String::from_utf8(set.into_owned()).ok());
        let scope = Scope::read(authorization.credential, algorithm, set.as_deref(), self.served(), Place::Header)?;
        header::check_skew(instant, as_received, self.now, self.settings.skew)?;
        scope.check_day(&time, Place::Header)?;
        let names = header::signed_names(authorization.signed, Place::Header)?;
        let token = joined(head, "x-amz-security-token");
        let known = self.credential(scope.access_key, token.as_deref());
        if known.is_good() {
            header::check_obligations(head, &names, Place::Header, &self.settings.extra_signed)?;
        }
        let (payload_line, payload) = match known.is_good() {
            true => self.header_payload(head, algorithm, streaming_allowed)?,
            false => (Cow::default(), Payload::Unsigned),
        };
        let signature = authorization.signature;
        let kind = Kind::Header;
        let claim = Claim { algorithm, scope, time, instant, names, signature, payload_line, payload, kind };
        self.compare(claim, known)
    }

    fn served(&self) -> Served<'_> {
        Served { regions: &self.settings.regions, service: &self.settings.service }
    }

    fn header_payload<'h>(
        &self,
        head: &Head<'h>,
        algorithm: Algorithm,
        streaming_allowed: bool,
    ) -> Result<(Cow<'h, [u8]>, Payload), Fault> {
        if let Some(hash) = self.request.body_hash {
            return Ok((key::hex(&hash).into_bytes().into(), Payload::Hash(hash)));
        }
        let Some(value) = joined(head, "x-amz-content-sha256") else {
            let message = "Missing required header for this request: x-amz-content-sha256";
            return Err(Fault::new(Code::InvalidRequest, "payload-missing", message));
        };
        let payload = payload::in_header(&value, algorithm, streaming_allowed)?;
        self.settings.payload.check(payload, self.request.tls)?;
        Ok((value, payload))
    }

    fn query(&self) -> Result<Verified, Box<Rejection>> {
        let Request { head, query, .. } = *self.request;
        let (algorithm, values) = query::present(query, self.settings.ecdsa)?;
        let set = if algorithm == Algorithm::Ecdsa { query::region_set(query)? } else { None };
        let credential = values.credential().unwrap_or_default();
        let scope = Scope::read(credential, algorithm, set, self.served(), Place::Query)?;
        let dated = values.time()?;
        scope.check_day(dated.0, Place::Query)?;
        let presigned = values.read(dated, self.settings.presign_longest)?;
        let names = header::signed_names(presigned.signed, Place::Query)?;
        presigned.check_validity(self.now, self.settings.skew)?;
        let known = self.credential(scope.access_key, presigned.token);
        if known.is_good() {
            header::check_obligations(head, &names, Place::Query, &self.settings.extra_signed)?;
        }
        let (payload_line, payload) = match known.is_good() {
            true => self.query_payload(&names)?,
            false => (Cow::default(), Payload::Unsigned),
        };
        let claim = Claim {
            algorithm,
            scope,
            time: presigned.date.into(),
            instant: presigned.time,
            names,
            signature: presigned.signature,
            payload_line,
            payload,
            kind: Kind::Query,
        };
        self.compare(claim, known)
    }

    fn query_payload(&self, names: &[&str]) -> Result<(Cow<'_, [u8]>, Payload), Fault> {
        let Request { head, query, .. } = *self.request;
        let value = match query.first(b"X-Amz-Content-Sha256") {
            Some(value) => value.into(),
            None if names.contains(&"x-amz-content-sha256") => joined(head, "x-amz-content-sha256").unwrap_or_default(),
            None => b"UNSIGNED-PAYLOAD"[..].into(),
        };
        let payload = payload::in_query(&value)?;
        self.settings.payload.check(payload, self.request.tls)?;
        Ok((value, payload))
    }

    fn anonymous(&self) -> Result<Verified, Box<Rejection>> {
        let Request { head, streaming_allowed, tls, .. } = *self.request;
        let payload = payload::anonymous(joined(head, "x-amz-content-sha256").as_deref(), streaming_allowed)?;
        let bare = matches!(head.method, b"GET" | b"HEAD" | b"OPTIONS");
        self.settings.payload.check(payload, tls || bare)?;
        Ok(Verified::anonymous(payload))
    }

    /// The fields of a form (spec/sigv4.md 10.2). What is signed is the policy, as it was sent.
    fn form(&self) -> Result<Verified, Box<Rejection>> {
        let form = self.request.form.ok_or_else(form::unread)?;
        let Some(claimed) = form.claimed()? else {
            self.settings.payload.check(Payload::Unsigned, self.request.tls)?;
            return Ok(Verified::anonymous(Payload::Unsigned));
        };
        let time = claimed.time()?;
        let scope = Scope::read(claimed.credential, Algorithm::Hmac, None, self.served(), Place::Form)?;
        scope.check_day(claimed.date, Place::Form)?;
        form::check_age(time, self.now, self.settings.skew)?;
        let known = self.credential(scope.access_key, claimed.token);
        if known.is_good() {
            self.settings.payload.check(Payload::Unsigned, self.request.tls)?;
        }
        let key = self.key(Algorithm::Hmac, &scope, &known)?;
        let matches = key.matches(claimed.policy.as_bytes(), claimed.signature.as_bytes());
        let rejected = |fault| Rejection { access_key: Some(scope.access_key.to_owned()), ..*Box::from(fault) };
        if let Known::Bad(fault) = known {
            return Err(Box::new(rejected(fault)));
        }
        let text = claimed.policy.as_bytes();
        if !matches {
            let fault = mismatch_fault(scope.access_key, claimed.signature, text, None, self.settings.details);
            return Err(Box::new(Rejection { string_to_sign: Some(text.to_vec()), ..rejected(fault) }));
        }
        let file = PostPolicy::parse(claimed.policy)
            .and_then(|policy| policy.check(form.fields, form.bucket, self.now))
            .map_err(|fault| Box::new(rejected(fault)))?;
        Ok(Verified {
            kind: Kind::Form,
            access_key: Some(scope.access_key.to_owned()),
            signature: Some(claimed.signature.to_owned()),
            signed: Some(Signed { at: time, algorithm: Algorithm::Hmac.name() }),
            file,
            text: SignedText::bare(text),
            ..Verified::anonymous(Payload::Unsigned)
        })
    }

    /// The session token, from the place where this kind of request has it.
    fn token(&self, kind: Kind) -> Option<Vec<u8>> {
        match kind {
            Kind::Header => joined(self.request.head, "x-amz-security-token").map(Cow::into_owned),
            Kind::Query => self.request.query.first(b"X-Amz-Security-Token").map(<[u8]>::to_vec),
            Kind::Anonymous | Kind::Form => None,
        }
    }

    /// Looks the key up and checks its token (spec/sigv4.md 12).
    fn credential(&self, access_key: &str, token: Option<&[u8]>) -> Known<'_> {
        let unknown =
            || Known::Bad(Fault::plain(Code::InvalidAccessKeyId, "unknown-key").with("AWSAccessKeyId", access_key));
        let other = || Known::Bad(Fault::plain(Code::InvalidToken, "other-token"));
        let over = || Known::Bad(Fault::plain(Code::ExpiredToken, "session-over"));
        let opened = token.map(|token| self.keys.open(access_key, token));
        let Some(found) = self.keys.find(access_key) else {
            return match opened {
                None | Some(Opened::Unknown) => unknown(),
                Some(Opened::Other) => other(),
                Some(Opened::Session { expires, .. }) if self.now >= expires => over(),
                Some(Opened::Session { secret, .. }) => Known::Session(secret),
            };
        };
        match (found.token, token) {
            (None, None) => Known::Good(found.secret),
            (None, Some(_)) => Known::Bad(Fault::plain(Code::InvalidToken, "token-with-long-term-key")),
            (Some(_), None) => unknown(),
            (Some(right), Some(given)) if !right.is(given) => other(),
            (Some(_), Some(_)) if found.expires.is_some_and(|end| self.now >= end) => over(),
            (Some(_), Some(_)) => Known::Good(found.secret),
        }
    }

    /// What the signature is checked with; for an unknown key a stand-in from the same place, so that the
    /// work is the same.
    fn key(&self, algorithm: Algorithm, scope: &Scope<'_>, known: &Known<'_>) -> Result<Key, Fault> {
        let (generation, cache) = (self.keys.generation(), self.cache);
        // No access key is empty, so the stand-in takes nobody's place.
        let nobody = Scope { access_key: "", ..*scope };
        match (algorithm, known) {
            (Algorithm::Hmac, Known::Good(secret)) => Ok(Key::Hmac(cache.key(generation, scope, secret))),
            (Algorithm::Hmac, Known::Session(secret)) => Ok(Key::Hmac(cache.session(generation, scope, secret))),
            (Algorithm::Hmac, Known::Bad(_)) => Ok(Key::Hmac(cache.key(generation, &nobody, &stand_in()))),
            (Algorithm::Ecdsa, Known::Good(secret)) => cache.public(generation, scope, secret).map(Key::Ecdsa),
            (Algorithm::Ecdsa, Known::Session(secret)) => {
                cache.public_of_session(generation, scope, secret).map(Key::Ecdsa)
            }
            (Algorithm::Ecdsa, Known::Bad(_)) => cache.public(generation, &nobody, &stand_in()).map(Key::Ecdsa),
        }
    }

    /// Computes and compares; for an unknown key with a stand-in, so that the work is the same.
    fn compare(&self, claim: Claim<'_>, known: Known<'_>) -> Result<Verified, Box<Rejection>> {
        let key = self.key(claim.algorithm, &claim.scope, &known)?;
        let first = self.attempt(&claim, &key, PathForm::Whole)?;
        let has_slash = |path: &[u8]| path.windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%2f"));
        let second = match !first.matches && has_slash(self.request.head.path()) {
            true => Some(self.attempt(&claim, &key, PathForm::Segments)?),
            false => None,
        };
        if let Known::Bad(fault) = known {
            return Err(Box::new(Rejection {
                access_key: Some(claim.scope.access_key.to_owned()),
                ..*Box::<Rejection>::from(fault)
            }));
        }
        match second {
            _ if !first.complete => {}
            _ if first.matches => return Ok(self.verified(claim, key, first)),
            Some(second) if second.matches => return Ok(self.verified(claim, key, second)),
            _ => {}
        }
        Err(Box::new(self.mismatch(&claim, first)))
    }

    fn attempt(&self, claim: &Claim<'_>, key: &Key, form: PathForm) -> Result<Attempt, Fault> {
        let Request { head, query, .. } = *self.request;
        let mut canonical = Vec::with_capacity(768); // the string to sign stands behind it
        canonical.extend_from_slice(head.method);
        canonical.push(b'\n');
        canonical::path_into(head.path(), form, &mut canonical)?;
        canonical.push(b'\n');
        canonical::query_into(query, claim.kind == Kind::Query, &mut canonical);
        canonical.push(b'\n');
        let mut complete = true;
        for name in &claim.names {
            complete &= canonical::header_into(head, name, &mut canonical);
        }
        canonical.push(b'\n');
        canonical::names_into(&claim.names, &mut canonical);
        canonical.push(b'\n');
        canonical.extend_from_slice(&claim.payload_line);
        let text = SignedText::new(claim.algorithm, &claim.time, claim.scope.text, canonical);
        let matches = key.matches(text.string_to_sign(), claim.signature.as_bytes());
        Ok(Attempt { text, matches, complete })
    }

    fn verified(&self, claim: Claim<'_>, key: Key, attempt: Attempt) -> Verified {
        let signed_chunks = matches!(claim.payload, Payload::Chunks { signed: true, .. });
        let chunks = signed_chunks.then(|| {
            let canonical = Some((attempt.text.canonical_request(), self.settings.details));
            let (time, Scope { text, access_key, .. }) = (&claim.time, claim.scope);
            Box::new(Chunks::new(key, time, text, access_key, claim.signature, canonical))
        });
        Verified {
            kind: claim.kind,
            access_key: Some(claim.scope.access_key.to_owned()),
            payload: claim.payload,
            signature: Some(claim.signature.to_owned()),
            signed: Some(Signed { at: claim.instant, algorithm: claim.algorithm.name() }),
            chunks,
            file: LengthRange::ANY,
            text: attempt.text,
        }
    }

    fn mismatch(&self, claim: &Claim<'_>, attempt: Attempt) -> Rejection {
        let fault = mismatch_fault(
            claim.scope.access_key,
            claim.signature,
            attempt.text.string_to_sign(),
            Some(attempt.text.canonical_request()),
            self.settings.details,
        );
        Rejection {
            fault,
            access_key: Some(claim.scope.access_key.to_owned()),
            canonical_request: Some(attempt.text.canonical_request().to_vec()),
            string_to_sign: Some(attempt.text.into_string_to_sign()),
            mismatch: Some(Box::new(Mismatch {
                algorithm: claim.algorithm,
                kind: claim.kind,
                access_key: claim.scope.access_key.to_owned(),
                token: self.token(claim.kind).map(Zeroizing::new),
                time: claim.time.clone().into_owned(),
                scope: claim.scope.text.to_owned(),
                day: claim.scope.day,
                region: claim.scope.region.unwrap_or_default().to_owned(),
                service: claim.scope.service.to_owned(),
                names: claim.names.iter().map(|name| (*name).to_owned()).collect(),
                signature: claim.signature.to_owned(),
                payload_line: claim.payload_line.clone().into_owned(),
            })),
        }
    }
}

struct Attempt {
    text: SignedText,
    matches: bool,
    /// The request has every header that was signed.
    complete: bool,
}

/// All lines of a header as one value, the way they are signed.
fn joined<'a>(head: &Head<'a>, name: &str) -> Option<Cow<'a, [u8]>> {
    let mut lines = head.all(name).map(trim);
    let first = lines.next()?;
    let mut next = lines.next();
    if next.is_none() && canonical::is_folded(first) {
        return Some(Cow::Borrowed(first));
    }
    let mut out = Vec::with_capacity(80);
    canonical::fold_into(first, &mut out);
    while let Some(line) = next {
        out.push(b',');
        canonical::fold_into(line, &mut out);
        next = lines.next();
    }
    Some(Cow::Owned(out))
}
