//! Encryption of what a request makes: what is demanded of it, with which key it is done, and whether the
//! caller may use that key (spec/encryption.md 4, 7, 9, 11).
//!
//! Decided after policies have said yes and before an octet of the body is read. What was decided stands in
//! the headers that the store is told, whoever decided it.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::judge::Case;
use super::live::{Live, Site};
use super::uploads::Uploads;
use crate::access::{self, KeyAction, KeyUse, KeyView, Nothing, UploadEncryption, key_denied};
use crate::audit;
use crate::guard::encryption::{Asked, Channel, Demand, From, Seen, Use, Wanted, WhenMissing, bad_context, check_kms};
use crate::kms::{self, Context};
use crate::policy::encryption::BucketDefault;
use crate::policy::engine::{Brought, Decision, Layer};
use crate::s3::encryption::{BUCKET_KEY, Encryption, KEY_ID, KIND, Kind};
use crate::s3::{Code, Fault, Operation};
use crate::upstream::sealed;

/// What the store behind a site does with what it is told about encryption.
#[derive(Clone, Debug, Default)]
pub struct StoreEncryption {
    /// The strongest kind that it keeps; none where it ignores what it is told.
    pub strongest: Option<Kind>,
    /// How it knows KMS keys.
    pub keys: StoreKeys,
    /// Whether keys of clients may travel to it: not in the clear, but on this machine.
    pub customer_keys: bool,
    /// Whether the proxy itself seals what goes there. Then everything is, with a KMS key.
    pub seals: bool,
    /// Whether no data key serves twice (`keys.cache = false`): keys of buckets save no calls then.
    pub each_is_a_call: bool,
}

impl StoreEncryption {
    /// An encryption as its calls of the key service are counted.
    pub(super) fn counted(&self, encryption: Encryption) -> Encryption {
        match encryption {
            Encryption::Kms { key, .. } if self.each_is_a_call => Encryption::Kms { key, bucket_key: false },
            other => other,
        }
    }
}

/// How a store knows KMS keys.
#[derive(Clone, Debug, Default)]
pub enum StoreKeys {
    /// By their ARNs.
    Arn,
    /// By names of its own. A name is one key's, and a key has one name: else whoever may use the one could
    /// use the other.
    Names {
        /// By ARN.
        table: HashMap<Arc<str>, String>,
        /// The account whose other keys are called what their ARN ends in, where the table says no such name.
        home: Arc<str>,
    },
    /// They are those of the keyring, and there are no others.
    #[default]
    Ring,
}

/// What was decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Decided {
    /// How what the request makes is encrypted.
    pub(super) encryption: Encryption,
    /// Who said so.
    pub(super) from: Option<From>,
    /// What a rule that only watches has seen.
    pub(super) seen: Option<Seen>,
    /// A rule demands it, so the store has to confirm it.
    pub(super) demanded: bool,
    /// The store names keys in its own way.
    pub(super) renames: bool,
    /// What the parts of the upload will be decided by.
    pub(super) begun: Option<Box<UploadEncryption>>,
}

impl Decided {
    /// As the record has it.
    pub(super) fn record(&self) -> Option<audit::Encryption<'_>> {
        let algorithm = match &self.encryption {
            Encryption::Customer => "SSE-C",
            other => other.kind()?.as_str(),
        };
        let (key, origin) = (self.encryption.key().map(AsRef::as_ref), self.from.map(From::as_str));
        Some(audit::Encryption { algorithm, key, origin, calls: None })
    }
}

/// Decides, and writes into the headers of `routed` what the store is told.
///
/// # Errors
/// The table of spec/encryption.md 4, in its order.
pub(super) fn decide(case: &Case<'_>, uploads: &Uploads) -> Result<(Decided, Option<Headers>), Fault> {
    check_transport(case)?;
    let routed = case.routed;
    if !makes_something(routed.operation) && routed.headers.is_empty() {
        return Ok((Decided::default(), None));
    }
    let asked = Asked::read(routed.operation, &routed.headers, channel(case))?;
    case.note_context(&asked);
    case.check_context(&asked)?;
    asked.check_channel(channel(case))?;
    if (asked.customer || asked.source_customer) && case.site.encryption.seals {
        return Err(no_customer_keys(asked.customer && !routed.operation.is_read()));
    }
    if (asked.customer || asked.source_customer) && !case.site.encryption.customer_keys {
        let message = "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure \
            connection.";
        let fault = Fault::new(Code::InvalidRequest, "customer-key-to-store", message);
        return Err(fault.detail("the way to the store is neither encrypted nor on this machine"));
    }
    match routed.operation {
        Operation::CopyObject | Operation::CreateMultipartUpload | Operation::PutObject => {
            of_object(case, &asked).map(|(decided, headers)| (decided, Some(headers)))
        }
        Operation::CompleteMultipartUpload | Operation::UploadPart | Operation::UploadPartCopy => {
            let upload = uploads.of(routed).or_else(|| case.upload_by_id());
            of_upload(case, &asked, upload).map(|decided| (decided, None))
        }
        _ => Ok((Decided::default(), None)),
    }
}

/// What a store is told of encryption.
#[derive(Debug)]
pub(super) struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// Puts them in the place of what the client said. A client's own key stays.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        for name in [&KIND, &KEY_ID, &BUCKET_KEY] {
            headers.remove(name);
        }
        headers.extend(self.0);
    }
}

fn channel(case: &Case<'_>) -> Channel {
    Channel { tls: case.facts.connection.is_tls(), signed: !case.who.is_anonymous() }
}

fn check_transport(case: &Case<'_>) -> Result<(), Fault> {
    let transport = &case.live.guard.transport;
    let version = case.facts.connection.tls.as_ref().map(|tls| match tls.version {
        "TLSv1.3" => 13,
        "TLSv1.2" => 12,
        _ => 0,
    });
    let source = case.routed.copy_source.as_ref().map(|source| source.bucket.as_str());
    case.routed.bucket.as_deref().into_iter().chain(source).try_for_each(|bucket| transport.check(bucket, version))
}

/// The encryption of a new object.
fn of_object(case: &Case<'_>, asked: &Asked) -> Result<(Decided, Headers), Fault> {
    let routed = case.routed;
    let (bucket, key) = (routed.bucket.as_deref().unwrap_or_default(), routed.key.as_deref().unwrap_or_default());
    let rules = &case.live.guard;
    let demand = rules.encryption.demand(bucket, key, routed.through.as_deref());
    let default = case.default_of_bucket();
    let (wanted, seen) = rules.encryption.settle(demand, asked, default)?;
    let (encryption, from) = case.resolve(wanted)?;
    let seen_of_key = match (encryption.key(), demand) {
        (Some(key), Some(demand)) => demand.check_key(key)?,
        _ => None,
    };
    rules.levels.check_write(bucket, key, encryption.key().map(AsRef::as_ref))?;
    if let Some(kms_key) = encryption.key() {
        case.use_key(kms_key, KeyAction::GenerateDataKey, asked.context.as_ref(), encryption.has_bucket_key())?;
    }
    let headers = case.headers(&encryption)?;
    let begun = (routed.operation == Operation::CreateMultipartUpload).then(|| case.begun(&encryption));
    // Of what nobody asked for, that it was missing says it all.
    let seen = seen.or(seen_of_key);
    let demanded = seen.is_none() && demand.is_some_and(Demand::binds) || rules.levels.bind(bucket, key);
    Ok((Decided { encryption, from, seen, demanded, begun, renames: case.renames() }, headers))
}

/// The encryption of a part: that of its upload, which has to be opened for it. What holds of objects holds of
/// it now, whatever held when the upload was begun.
fn of_upload(case: &Case<'_>, asked: &Asked, upload: Option<UploadEncryption>) -> Result<Decided, Fault> {
    let routed = case.routed;
    let completes = routed.operation == Operation::CompleteMultipartUpload;
    let (bucket, key) = (routed.bucket.as_deref().unwrap_or_default(), routed.key.as_deref().unwrap_or_default());
    let rules = &case.live.guard;
    let demand = rules.encryption.demand(bucket, key, routed.through.as_deref());
    let Some(upload) = upload else {
        if demand.is_some_and(|demand| demand.refuses_anything()) || rules.levels.has_any() {
            let fault = Fault::plain(Code::AccessDenied, "upload-unknown");
            return Err(
                fault.detail("how the upload was begun is not known here, and a rule hangs on it: begin it again")
            );
        }
        return Ok(Decided { renames: case.renames(), ..Decided::default() });
    };
    let customer = upload.customer_algorithm.is_some();
    // Whoever completes need not show the key again.
    if customer != asked.customer && (asked.customer || !completes) {
        let message = "The multipart upload initiate requested encryption. Subsequent part requests must include the \
            appropriate encryption parameters.";
        return Err(Fault::new(Code::InvalidRequest, "part-encryption", message));
    }
    let said = customer || upload.algorithm.is_some();
    let encryption = upload.encryption;
    let seen = demand.filter(|_| !customer).map_or(Ok(None), |demand| demand.check_made(&encryption))?;
    rules.levels.check_write(bucket, key, encryption.key().map(AsRef::as_ref))?;
    case.check_opening(&encryption)?;
    let binds = |demand: &Demand| demand.binds() && (said || demand.when_missing != WhenMissing::Pass);
    let binds = seen.is_none() && demand.is_some_and(binds) || rules.levels.bind(bucket, key);
    let demanded = binds && completes;
    Ok(Decided { encryption, demanded, renames: case.renames(), ..Decided::default() })
}

/// Whether what a request makes is encrypted.
const fn makes_something(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CompleteMultipartUpload
            | Operation::CopyObject
            | Operation::CreateMultipartUpload
            | Operation::PutObject
            | Operation::UploadPart
            | Operation::UploadPartCopy
    )
}

/// Whether [`check_source`](super::source::check_source) has something to check.
pub(super) const fn reads_source(operation: Operation) -> bool {
    matches!(operation, Operation::CopyObject | Operation::UploadPartCopy)
}

/// Objects that the proxy seals are not sealed with keys of clients: none is to read them with.
fn no_customer_keys(seals: bool) -> Fault {
    if !seals {
        let message = "The encryption parameters are not applicable to this object.";
        return Fault::new(Code::InvalidRequest, "customer-key-not-applicable", message);
    }
    let message = "Customer provided keys are not taken for objects that the proxy seals.";
    Fault::new(Code::NotImplemented, "customer-key-sealed", message)
}

fn of_key(kind: Kind, key: Arc<str>, bucket_key: bool) -> Encryption {
    match kind {
        Kind::Dsse => Encryption::Dsse { key },
        Kind::S3 | Kind::Kms => Encryption::Kms { key, bucket_key },
    }
}

/// The ARN of a KMS key, as somebody names it for an account.
pub(super) fn arn_of_key(live: &Live, site: &Site, sent: &str, account: &str) -> Result<Arc<str>, kms::Unknown> {
    let region = &site.address.region;
    let found: Arc<str> = match (live.keys.find(sent, region, account), &site.encryption.keys) {
        (Ok(key), _) => Ok(Arc::clone(key.arn())),
        (Err(unknown), StoreKeys::Ring) => Err(unknown),
        (Err(_), StoreKeys::Arn | StoreKeys::Names { .. }) => kms::elsewhere(sent, region, account).map(Into::into),
    }?;
    site.encryption.keys.name_of(&found).map(|_| Arc::clone(&found)).ok_or_else(|| kms::Unknown::invalid(sent))
}

/// What the store is told.
pub(super) fn headers_of(site: &Site, encryption: &Encryption) -> Result<Headers, Fault> {
    let Some(kind) = encryption.kind() else { return Ok(Headers(Vec::new())) };
    let mut headers = vec![(KIND, HeaderValue::from_static(kind.as_str()))];
    if let Some(key) = encryption.key() {
        let name = site.encryption.keys.name_of(key).and_then(|name| HeaderValue::from_str(name).ok());
        let name = name.ok_or_else(|| Fault::plain(Code::InternalError, "kms-key-name"))?;
        headers.push((KEY_ID, name));
    }
    if encryption.has_bucket_key() {
        headers.push((BUCKET_KEY, HeaderValue::from_static("true")));
    }
    Ok(Headers(headers))
}

impl<'a> Case<'a> {
    fn renames(&self) -> bool {
        matches!(self.site.encryption.keys, StoreKeys::Names { .. })
    }

    /// What is told of a store that would not do what it is told.
    fn check_store(&self, kind: Kind) -> Result<(), Fault> {
        if self.site.encryption.strongest >= Some(kind) {
            return Ok(());
        }
        let message = format!("The store behind this endpoint does not encrypt with {}.", kind.as_str());
        Err(Fault::new(Code::NotImplemented, "store-does-not-encrypt", message))
    }

    /// What the bucket does with what says nothing.
    pub(super) fn default_of_bucket(&self) -> Option<&'a BucketDefault> {
        let kept = self.live.estate.kept(self.routed.bucket.as_deref().unwrap_or_default())?;
        kept.encryption.as_ref()
    }

    /// The encryption that is wanted, with the ARN of its key.
    ///
    /// # Errors
    /// E-11 to E-14; `NotImplemented`: the store does not encrypt so.
    fn resolve(&self, wanted: Wanted) -> Result<(Encryption, Option<From>), Fault> {
        match wanted {
            Wanted::Unsaid | Wanted::Kind { kind: Kind::S3, .. } if self.site.encryption.seals => {
                let from = if let Wanted::Kind { from, .. } = wanted { from } else { From::Default };
                check_kms(channel(self))?;
                Ok((of_key(Kind::Kms, self.key_of_owner()?, false), Some(from)))
            }
            Wanted::Customer => Ok((Encryption::Customer, Some(From::Request))),
            Wanted::Unsaid => Ok((Encryption::None, None)),
            Wanted::Kind { kind, key, bucket_key, from } => {
                self.check_store(kind)?;
                if !kind.uses_kms() {
                    return Ok((Encryption::S3, Some(from)));
                }
                check_kms(channel(self))?;
                Ok((of_key(kind, self.kms_key(key.as_deref())?, bucket_key), Some(from)))
            }
        }
    }

    /// The ARN of a KMS key, as somebody names it; none: the key `aws/s3` of the caller's account.
    ///
    /// # Errors
    /// E-13, E-14
    fn kms_key(&self, named: Option<&str>) -> Result<Arc<str>, Fault> {
        let owner = self.live.estate.owner(self.routed.bucket.as_deref().unwrap_or_default());
        let (sent, account) = match named {
            Some(sent) => (sent, owner),
            None => (kms::DEFAULT_ALIAS, self.who.account.as_str()),
        };
        // In whose account a bare name is meant would be a guess.
        if account != self.who.account && !sent.starts_with("arn:") {
            return Err(kms::Unknown::invalid(sent).fault());
        }
        self.arn_of_key(sent, account).map_err(|unknown| {
            let fault = unknown.fault();
            match named {
                Some(_) => fault,
                None => {
                    fault.detail("the request names no key, and the keyring has none with the alias `alias/aws/s3`")
                }
            }
        })
    }

    /// The key `aws/s3` of the account that owns the bucket: for what is sealed and names no key.
    ///
    /// # Errors
    /// E-13
    fn key_of_owner(&self) -> Result<Arc<str>, Fault> {
        let owner = self.live.estate.owner(self.routed.bucket.as_deref().unwrap_or_default());
        self.arn_of_key(kms::DEFAULT_ALIAS, owner).map_err(|unknown| {
            let region = &self.site.address.region;
            unknown.fault().detail(format!(
                "nothing is stored in the clear here, and the keyring has no key with the alias `{}` of account \
                 {owner} in {region}: add one, or name a key in the request or in the bucket's default",
                kms::DEFAULT_ALIAS
            ))
        })
    }

    /// What an upload was begun with, from its id: of a sealed one, begun by another process or long ago. What
    /// conditions saw then is not known.
    fn upload_by_id(&self) -> Option<UploadEncryption> {
        let routed = self.routed;
        let (bucket, object) = (routed.bucket.as_deref()?, routed.key.as_deref()?);
        let id = routed.parameter("uploadId").filter(|_| self.site.encryption.seals)?;
        let sealed::Begun { key, bucket_key } = sealed::begun(id, bucket, object)?;
        let encryption = Encryption::Kms { key: key.into(), bucket_key };
        Some(UploadEncryption { encryption, ..UploadEncryption::default() })
    }

    /// Whether a key is one that whoever S3 serves may use through it, if it is of their account: `aws/s3`, as
    /// AWS manages it.
    fn is_managed(&self, key: &str) -> bool {
        let known = self.live.keys.by_arn(key);
        known.is_some_and(|known| {
            known.account() == self.who.account && known.aliases().any(|alias| alias == kms::DEFAULT_ALIAS)
        })
    }

    fn arn_of_key(&self, sent: &str, account: &str) -> Result<Arc<str>, kms::Unknown> {
        arn_of_key(self.live, self.site, sent, account)
    }

    /// The ARN that conditions see in the place of a key's name.
    pub(super) fn kms_key_seen(&self) -> Option<&'a str> {
        let sent = self.routed.headers.get(&KEY_ID)?;
        if self.live.guard.encryption.literal_key_ids {
            return None;
        }
        let resolve = || self.kms_key(Some(sent.to_str().ok()?)).ok();
        self.facts.kms_key.get_or_init(resolve).as_deref()
    }

    /// Whether the caller may use a KMS key, and the key be used.
    ///
    /// # Errors
    /// E-18, then E-15 to E-17: a stranger does not learn whether a key is disabled.
    fn use_key(
        &self,
        key: &Arc<str>,
        action: KeyAction,
        context: Option<&Context>,
        bucket_key: bool,
    ) -> Result<(), Fault> {
        let what = if action == KeyAction::Decrypt { Use::Decrypt } else { Use::Encrypt };
        let caller = self.caller();
        let named = self.live.guard.levels.check_use(key, caller.principal.as_caller().identity(), what);
        let empty = Context::default();
        let context = context.unwrap_or(&empty);
        let object = self.object_arn(action, bucket_key);
        let region = &self.site.address.region;
        let known = action == KeyAction::GenerateDataKey;
        let consent = named.as_ref().is_ok_and(|by_name| *by_name);
        let used = KeyUse { key, action, object: &object, context, known, region, consent };
        if let Err(fault) = named {
            // A level stands in the place of the key's own policy.
            let told = key_denied(&caller, &used, &Decision::ImplicitDeny(Layer::Resource)).message().to_owned();
            let detail = fault.private_detail().unwrap_or_default();
            return Err(Fault::new(Code::AccessDenied, fault.reason(), told).detail(detail));
        }
        context.clone().with_s3_arn(&object).map_err(|_| bad_context())?;
        self.ask_for_key(&used)?;
        match self.live.keys.by_arn(key) {
            Some(known) => known.check().map_err(|error| error.fault()),
            None if matches!(self.site.encryption.keys, StoreKeys::Ring) => Err(kms::Unknown::invalid(key).fault()),
            None => Ok(()),
        }
    }

    fn ask_for_key(&self, used: &KeyUse<'_>) -> Result<(), Fault> {
        let session = self.session()?;
        let request = access::Request::new(self.given(), self.access_facts()?, &Nothing)?;
        let asks = access::checks(&self.given(), &Nothing)?;
        let nobody = || Fault::plain(Code::AccessDenied, "kms-key-denied").detail(used.key.to_owned());
        let ask = asks.into_iter().next().ok_or_else(nobody)?;
        let caller = self.caller();
        let view = KeyView::new(request.view(ask), &caller, used).ok_or_else(nobody)?;
        let question = view.question(&caller, used);
        let brought = Brought { session: session.as_ref(), ..Default::default() };
        let decision = self.live.estate.rules().decide(&question, &brought);
        // The policy of `aws/s3`, which AWS has written: everybody of the account, through S3. Denies still count,
        // and limits of the organization. Only where the proxy seals what says nothing with it.
        let unsaid = matches!(decision, Decision::ImplicitDeny(Layer::Identity | Layer::Resource));
        match decision.is_allow() || unsaid && self.site.encryption.seals && self.is_managed(used.key) {
            // A condition on what only the store knows could have forbidden it.
            true if view.wanted_more() => Err(Fault::plain(Code::AccessDenied, "kms-context-unknown")
                .detail("a policy asks for the encryption context, which is not known when something is read")),
            true => Ok(()),
            false => Err(key_denied(&caller, used, &decision)),
        }
    }

    /// What S3 says to KMS of what a key is used for.
    pub(super) fn object_arn(&self, action: KeyAction, bucket_key: bool) -> String {
        let routed = self.routed;
        let source =
            routed.copy_source.as_ref().filter(|_| action == KeyAction::Decrypt && reads_source(routed.operation));
        let target = || (routed.bucket.as_deref().unwrap_or_default(), routed.key.as_deref().unwrap_or_default());
        let (bucket, key) = source.map_or_else(target, |source| (source.bucket.as_str(), source.key.as_str()));
        let partition = &self.site.address.partition;
        match bucket_key {
            true => format!("arn:{partition}:s3:::{bucket}"),
            false => format!("arn:{partition}:s3:::{bucket}/{key}"),
        }
    }

    fn headers(&self, encryption: &Encryption) -> Result<Headers, Fault> {
        headers_of(self.site, encryption)
    }

    /// What the parts of an upload are decided by: what was said, as conditions saw it, and what came of it.
    fn begun(&self, encryption: &Encryption) -> Box<UploadEncryption> {
        let text = |name: &str| self.routed.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let seen = self.kms_key_seen().map(str::to_owned);
        let begun = UploadEncryption {
            algorithm: text(KIND.as_str()),
            kms_key: seen.or_else(|| text(KEY_ID.as_str())),
            customer_algorithm: text("x-amz-server-side-encryption-customer-algorithm"),
            encryption: encryption.clone(),
        };
        // Also of one that said nothing it must be known that it did.
        Box::new(begun)
    }

    /// How an object is stored, from what the store says of it. What is not understood is under a key that
    /// nobody may use.
    pub(super) fn stored(&self, headers: &HeaderMap) -> Encryption {
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let kind = match text(&KIND) {
            _ if headers.contains_key("x-amz-server-side-encryption-customer-algorithm") => {
                return Encryption::Customer;
            }
            None if !headers.contains_key(&KEY_ID) => return Encryption::None,
            Some("AES256") if !headers.contains_key(&KEY_ID) => return Encryption::S3,
            said => said.and_then(Kind::named),
        };
        let key = match kind {
            Some(Kind::Kms | Kind::Dsse) => self.site.arn_of_stored(text(&KEY_ID).unwrap_or_default()),
            Some(Kind::S3) | None => "".into(),
        };
        of_key(kind.unwrap_or(Kind::Kms), key, text(&BUCKET_KEY) == Some("true"))
    }

    /// Whether the caller may read what the store is about to hand out, with the key that it was stored with.
    ///
    /// # Errors
    /// E-11, E-12, E-15 to E-18
    pub(super) fn check_read(&self, headers: &HeaderMap) -> Result<(), Fault> {
        self.check_opening(&self.stored(headers))
    }

    /// Whether the caller may have opened what is encrypted so.
    ///
    /// # Errors
    /// E-11, E-12, E-15 to E-18
    pub(super) fn check_opening(&self, encryption: &Encryption) -> Result<(), Fault> {
        let Some(key) = encryption.key() else { return Ok(()) };
        check_kms(channel(self))?;
        self.use_key(key, KeyAction::Decrypt, None, encryption.has_bucket_key())
    }
}

impl Site {
    /// The ARN of a key that the store names in its own way.
    pub(super) fn arn_of_stored(&self, name: &str) -> Arc<str> {
        if kms::parts(name).is_some() {
            return name.into();
        }
        // MinIO puts this in front of its own names.
        let name = name.strip_prefix("arn:aws:kms:").unwrap_or(name);
        let StoreKeys::Names { table, home } = &self.encryption.keys else { return name.into() };
        if let Some((arn, _)) = table.iter().find(|(_, own)| *own == name) {
            return Arc::clone(arn);
        }
        match kms::elsewhere(name, &self.address.region, home) {
            Ok(arn) => arn.into(),
            Err(_) => name.into(), // nobody's key, which nobody may use
        }
    }
}

impl StoreKeys {
    /// What the store calls a key.
    fn name_of<'a>(&'a self, arn: &'a Arc<str>) -> Option<&'a str> {
        let Self::Names { table, home } = self else { return Some(arn) };
        if let Some(name) = table.get(arn) {
            return Some(name);
        }
        let (_, account, id) = kms::parts(arn)?;
        (account == &**home && !table.values().any(|taken| taken == id)).then_some(id)
    }
}

/// Whether a store opens what it has encrypted for a request.
pub(super) fn opens(operation: Operation, headers: &HeaderMap) -> bool {
    match operation {
        Operation::GetObject | Operation::SelectObjectContent => true,
        // The checksum is of what was encrypted, and is kept encrypted itself.
        Operation::HeadObject => headers.contains_key("x-amz-checksum-mode"),
        _ => false,
    }
}
