//! Data keys: drawn for an object, found again from its metadata, wrapped for another name
//! (spec/encryption.md 6, 14.1, 15).

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::cache::{Cache, Held, Id, Slot};
use super::service::Service;
use crate::kms::{self, Context, DataKey, Key, KmsError, Ring, S3_ARN};
use crate::s3::encryption::{BUCKET_KEY, CONTEXT, KEY_ID, KIND, Kind};
use crate::s3::{Code, Fault};
use crate::seal::{Broken, Metadata, ObjectKey, Salt};
use crate::time::Clock;
use crate::upstream::Requester;

/// The ring and the key service, and where random numbers come from.
pub(super) struct Keys {
    ring: Arc<ArcSwap<Ring>>,
    random: SystemRandom,
    clock: Arc<dyn Clock>,
    service: Option<Service>,
    /// None where every use of a key is to be a call.
    cache: Option<Arc<Cache>>,
}

/// Whose keys of buckets are used; none for what the proxy does of its own accord.
pub(super) type Asker<'a> = Option<&'a Requester>;

/// What a data key is bound to: an object by its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Name<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

impl Name<'_> {
    fn bucket_arn(self) -> String {
        format!("arn:aws:s3:::{}", self.bucket)
    }

    fn object_arn(self) -> String {
        format!("arn:aws:s3:::{}/{}", self.bucket, self.key)
    }
}

/// How something is to be sealed, as the pipeline has written it into a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Wanted {
    /// The ARN of the key.
    pub(super) key: String,
    /// Bound to the bucket, not to the object.
    pub(super) bucket_key: bool,
    /// What the client adds to the context.
    pub(super) context: Context,
}

impl Wanted {
    /// Reads what was decided.
    ///
    /// # Errors
    /// `InternalError`: nothing was, and nothing is stored in the clear for that; `InvalidArgument`: a context
    /// that is none.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Fault> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let key = text(KEY_ID).filter(|_| text(KIND) == Some(Kind::Kms.as_str()));
        let key = key.ok_or_else(|| {
            Fault::plain(Code::InternalError, "sealed-without-key").detail("nobody decided which key seals this")
        })?;
        let context = headers.get(CONTEXT).map(|value| Context::from_header(value.as_bytes())).transpose();
        Ok(Self {
            key: key.to_owned(),
            bucket_key: text(BUCKET_KEY) == Some("true"),
            context: context.map_err(|_| bad_context())?.unwrap_or_default(),
        })
    }

    /// The context as it is kept beside the object. The ARN stands in it where it is not the object's own.
    fn kept(&self, name: Name<'_>) -> Result<Option<Vec<u8>>, Fault> {
        let context = match self.bucket_key {
            true => self.context.clone().with_s3_arn(&name.bucket_arn()).map_err(|_| bad_context())?,
            false => self.context.clone(),
        };
        Ok((!context.is_empty()).then(|| context.canonical()))
    }
}

fn bad_context() -> Fault {
    let message = "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which \
        represents a string-string map";
    Fault::argument("kms-context", message, CONTEXT.as_str(), None)
}

/// Why a data key does not open.
#[derive(Debug)]
pub(super) enum Unopened {
    /// The key cannot be used.
    Fault(Fault),
    /// It was altered, or is that of something else.
    Broken(&'static str),
}

impl Unopened {
    fn of(error: KmsError) -> Self {
        match error {
            KmsError::InvalidCiphertext => Self::Broken(OTHER_NAME),
            other => Self::Fault(other.fault()),
        }
    }

    fn fault(self, name: Name<'_>) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Broken(what) => broken(what, name),
        }
    }
}

const OTHER_CONTEXT: &str = "its encryption context is that of another object";
const OTHER_NAME: &str = "its data key does not open under its key and its name";

/// What a data key was wrapped with; and whether that is for the bucket. None where it is for another object.
pub(super) fn context_of(metadata: &Metadata, name: Name<'_>) -> Option<(Context, bool)> {
    let kept = metadata.context.as_deref().map_or(Ok(Context::default()), Context::parse).ok()?;
    let said = kept.members().find(|(member, _)| *member == S3_ARN).map(|(_, value)| value.to_owned());
    let for_bucket = said.is_some_and(|said| said == name.bucket_arn());
    let arn = if for_bucket { name.bucket_arn() } else { name.object_arn() };
    Some((kept.with_s3_arn(&arn).ok()?, for_bucket))
}

/// Who has the key that wraps a data key.
enum Keeper<'k> {
    /// The keyring.
    Ring(&'k Key),
    /// The key service.
    Service(&'k Service),
}

impl Keys {
    /// Uses keys of the ring; those that have no material there, and all others, are asked of the service.
    pub(super) fn new(ring: Arc<ArcSwap<Ring>>, clock: Arc<dyn Clock>) -> Self {
        Self { ring, random: SystemRandom::new(), clock, service: None, cache: None }
    }

    /// The same with a key service, and what keeps the keys that it gives.
    #[must_use]
    pub(super) fn with(self, service: Service, cache: Option<Arc<Cache>>) -> Self {
        Self { service: Some(service), cache, ..self }
    }

    fn keeper<'k>(&'k self, ring: &'k Ring, arn: &str) -> Result<Keeper<'k>, Fault> {
        match (ring.by_arn(arn), &self.service) {
            (Some(key), Some(service)) if !key.has_material() => {
                key.check().map_err(|error| error.fault())?;
                Ok(Keeper::Service(service))
            }
            (Some(key), _) => Ok(Keeper::Ring(key)),
            (None, Some(service)) if kms::parts(arn).is_some() => Ok(Keeper::Service(service)),
            (None, _) => Err(missing(arn)),
        }
    }

    /// Draws a data key and an id for a new object of so many octets, as far as that is known.
    ///
    /// # Errors
    /// E-10, E-13, E-15 to E-17; the key service cannot be asked; there are no random numbers.
    pub(super) async fn fresh(
        &self,
        wanted: &Wanted,
        name: Name<'_>,
        (asker, octets): (Asker<'_>, u64),
    ) -> Result<(ObjectKey, Metadata), Fault> {
        let kept = wanted.kept(name)?;
        let ring = self.ring.load_full();
        let arn = if wanted.bucket_key { name.bucket_arn() } else { name.object_arn() };
        let context = wanted.context.clone().with_s3_arn(&arn).map_err(|_| bad_context())?;
        let (arn, data, wrapped) = match self.keeper(&ring, &wanted.key)? {
            Keeper::Ring(key) => {
                let drawn = ring.generate(key, &context, &self.random).map_err(|error| error.fault())?;
                (key.arn().to_string(), Arc::new(drawn.0), drawn.1.0.to_vec())
            }
            Keeper::Service(service) => {
                let cached = self.cache.as_deref().filter(|_| wanted.bucket_key).zip(asker);
                let drawn = match cached {
                    Some((cache, asker)) => {
                        let use_of = Use { service, cache, asker, ring: &ring, key: &wanted.key, context: &context };
                        self.drawn(&use_of, octets).await
                    }
                    None => service.generate(&wanted.key, &context).await.map(|(data, blob)| (Arc::new(data), blob)),
                };
                let (data, wrapped) = drawn.map_err(|error| error.fault())?;
                (wanted.key.clone(), data, wrapped)
            }
        };
        let object = ObjectKey::new(data.expose(), self.octets()?);
        let (id, commitment) = (*object.id(), object.commitment());
        Ok((object, Metadata { key: arn, wrapped, id, commitment, context: kept, checksums: None }))
    }

    /// A data key of a bucket: one that serves already, or a new one.
    async fn drawn(&self, of: &Use<'_>, octets: u64) -> Result<(Arc<DataKey>, Vec<u8>), KmsError> {
        let context = of.context.canonical();
        let id = |wrapped| Id::of(of.key, of.asker.pieces(), &context, wrapped);
        let slot = of.cache.slot(id(None), of.ring, self.clock.ticks());
        let mut held = of.turn(&slot).await?;
        if let Some(taken) = held.as_mut().and_then(|held| held.take(octets)) {
            of.cache.count(true);
            return Ok(taken);
        }
        of.cache.count(false);
        *held = None;
        let (data, wrapped) = of.service.generate(of.key, of.context).await?;
        let data = Arc::new(data);
        let mut fresh = Held::new(Arc::clone(&data), wrapped.clone());
        fresh.take(octets);
        *held = Some(fresh);
        drop(held);
        // Whoever has drawn it need not ask what it is.
        let own = of.cache.slot(id(Some(&wrapped)), of.ring, self.clock.ticks());
        *own.lock().await = Some(Held::new(Arc::clone(&data), Vec::new()));
        Ok((data, wrapped))
    }

    /// Finds the data key of an object again.
    ///
    /// # Errors
    /// E-13, E-15 to E-17; the key service cannot be asked; `InternalError`: it is not the key of this object, or
    /// of another name.
    pub(super) async fn open(&self, metadata: &Metadata, name: Name<'_>, asker: Asker<'_>) -> Result<ObjectKey, Fault> {
        self.try_open(metadata, name, asker).await.map_err(|unopened| unopened.fault(name))
    }

    /// The same, for what a client may have made up.
    pub(super) async fn try_open(
        &self,
        metadata: &Metadata,
        name: Name<'_>,
        asker: Asker<'_>,
    ) -> Result<ObjectKey, Unopened> {
        let (context, for_bucket) = context_of(metadata, name).ok_or(Unopened::Broken(OTHER_CONTEXT))?;
        let ring = self.ring.load_full();
        let data = match self.keeper(&ring, &metadata.key).map_err(Unopened::Fault)? {
            Keeper::Ring(key) => ring.unwrap(key, &metadata.wrapped, &context).map(Arc::new),
            Keeper::Service(service) => match self.cache.as_deref().filter(|_| for_bucket).zip(asker) {
                Some((cache, asker)) => {
                    let key = &metadata.key;
                    let use_of = Use { service, cache, asker, ring: &ring, key, context: &context };
                    self.opened(&use_of, &metadata.wrapped).await
                }
                None => service.decrypt(&metadata.key, &metadata.wrapped, &context).await.map(Arc::new),
            },
        };
        let data = data.map_err(Unopened::of)?;
        committed(&data, metadata)
    }

    /// A data key of a bucket that was opened already, or is now.
    async fn opened(&self, of: &Use<'_>, wrapped: &[u8]) -> Result<Arc<DataKey>, KmsError> {
        let id = Id::of(of.key, of.asker.pieces(), &of.context.canonical(), Some(wrapped));
        let slot = of.cache.slot(id, of.ring, self.clock.ticks());
        let mut held = of.turn(&slot).await?;
        if let Some((data, _)) = held.as_mut().and_then(|held| held.take(0)) {
            of.cache.count(true);
            return Ok(data);
        }
        of.cache.count(false);
        *held = None;
        let data = Arc::new(of.service.decrypt(of.key, wrapped, of.context).await?);
        let mut fresh = Held::new(Arc::clone(&data), Vec::new());
        fresh.take(0);
        *held = Some(fresh);
        Ok(data)
    }

    /// The same where it costs no call: for what need not be opened, but is verified where it can be.
    ///
    /// # Errors
    /// As of [`Keys::open`]; none for a key of the service that is not at hand.
    pub(super) fn at_hand(
        &self,
        metadata: &Metadata,
        name: Name<'_>,
        asker: Asker<'_>,
    ) -> Result<Option<ObjectKey>, Fault> {
        let (context, for_bucket) = context_of(metadata, name).ok_or_else(|| broken(OTHER_CONTEXT, name))?;
        let ring = self.ring.load_full();
        let data = match self.keeper(&ring, &metadata.key)? {
            Keeper::Ring(key) => {
                let data = ring.unwrap(key, &metadata.wrapped, &context);
                Some(Arc::new(data.map_err(|error| Unopened::of(error).fault(name))?))
            }
            Keeper::Service(_) => self.cache.as_deref().filter(|_| for_bucket).zip(asker).and_then(|(cache, asker)| {
                let wrapped = Some(metadata.wrapped.as_slice());
                let id = Id::of(&metadata.key, asker.pieces(), &context.canonical(), wrapped);
                cache.find(id, &ring, self.clock.ticks())?.look()
            }),
        };
        data.map(|data| committed(&data, metadata).map_err(|unopened| unopened.fault(name))).transpose()
    }

    /// The same data key for another name, without a look at the data. None where another key is wanted there.
    ///
    /// # Errors
    /// As of [`Keys::open`] and [`Keys::fresh`].
    pub(super) async fn moved(
        &self,
        (metadata, from): (&Metadata, Name<'_>),
        (wanted, to): (&Wanted, Name<'_>),
        asker: Asker<'_>,
    ) -> Result<Option<Metadata>, Fault> {
        if wanted.key != metadata.key {
            return Ok(None);
        }
        self.open(metadata, from, asker).await?; // the commitment, too
        let (old, _) = context_of(metadata, from).ok_or_else(|| broken(OTHER_CONTEXT, from))?;
        let arn = if wanted.bucket_key { to.bucket_arn() } else { to.object_arn() };
        let new = wanted.context.clone().with_s3_arn(&arn).map_err(|_| bad_context())?;
        let ring = self.ring.load_full();
        let wrapped = match self.keeper(&ring, &wanted.key)? {
            Keeper::Ring(key) => {
                ring.rewrap((key, &old), (key, &new), &metadata.wrapped, &self.random).map(|wrapped| wrapped.0.to_vec())
            }
            // What is bound to the same needs no other wrapping.
            Keeper::Service(_) if old == new => Ok(metadata.wrapped.clone()),
            Keeper::Service(service) => service.rewrap(&wanted.key, (&metadata.wrapped, &old), &new).await,
        };
        let wrapped = wrapped.map_err(|error| error.fault())?;
        Ok(Some(Metadata { wrapped, context: wanted.kept(to)?, ..metadata.clone() }))
    }

    /// Octets that were never used for a part before.
    ///
    /// # Errors
    /// There are no random numbers.
    pub(super) fn salt(&self) -> Result<Salt, Fault> {
        Salt::draw(&self.random).map_err(|_| KmsError::NoRandomness.fault())
    }

    fn octets(&self) -> Result<[u8; 16], Fault> {
        let mut octets = [0; 16];
        self.random.fill(&mut octets).map_err(|_| KmsError::NoRandomness.fault())?;
        Ok(octets)
    }
}

/// What a data key of the service is asked for with.
struct Use<'k> {
    service: &'k Service,
    cache: &'k Cache,
    asker: &'k Requester,
    ring: &'k Arc<Ring>,
    key: &'k str,
    context: &'k Context,
}

impl Use<'_> {
    /// Waits until nobody else asks for it, no longer than a call may take.
    async fn turn<'s>(&self, slot: &'s Slot) -> Result<tokio::sync::MutexGuard<'s, Option<Held>>, KmsError> {
        tokio::time::timeout(self.service.patience(), slot.lock()).await.map_err(|_| KmsError::Unavailable {
            why: "the key service has not answered others who need the same data key".to_owned(),
        })
    }
}

/// The object's key, if it is the one that the object was sealed with.
fn committed(data: &DataKey, metadata: &Metadata) -> Result<ObjectKey, Unopened> {
    ObjectKey::committed(data.expose(), metadata.id, &metadata.commitment)
        .map_err(|_| Unopened::Broken("its data key is not the one that it was sealed with"))
}

fn missing(arn: &str) -> Fault {
    KmsError::NotFound { arn: arn.into() }.fault().detail("the keyring has no such key")
}

/// What was stored is not what was sealed: told to the operator in full, to the client in one word.
pub(super) fn broken(what: impl std::fmt::Display, name: Name<'_>) -> Fault {
    report(&what, name);
    Fault::plain(Code::InternalError, "seal-broken").detail(format!("SealBroken: {what}"))
}

/// Tells the operator.
pub(super) fn report(what: &dyn std::fmt::Display, Name { bucket, key }: Name<'_>) {
    tracing::error!(bucket, key, "SealBroken: {what}");
}

/// The fault of [`broken`] for a part or segment.
pub(super) fn does_not_open(error: Broken, name: Name<'_>) -> Fault {
    broken(error, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kms::State;
    use crate::time::{Seconds, SystemClock};

    const ALIAS: &str = "alias/vault";

    fn keys() -> (Keys, String) {
        let random = SystemRandom::new();
        let ring = Ring::fresh("us-east-1", "111122223333", ALIAS, Seconds(0), &random).unwrap();
        let ring = ring.added("us-east-1", "111122223333", "alias/other", Seconds(0), &random).unwrap();
        let arn = ring.find(ALIAS, "us-east-1", "111122223333").unwrap().arn().to_string();
        (Keys::new(Arc::new(ArcSwap::from_pointee(ring)), Arc::new(SystemClock)), arn)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn wanted(key: &str, bucket_key: bool, context: &str) -> Wanted {
        Wanted { key: key.to_owned(), bucket_key, context: Context::parse(context.as_bytes()).unwrap() }
    }

    const HERE: Name<'_> = Name { bucket: "b", key: "k" };
    const THERE: Name<'_> = Name { bucket: "b", key: "other" };

    #[test]
    fn a_data_key_opens_under_its_own_name_alone() {
        let (keys, arn) = keys();
        for (bucket_key, context) in [(false, "{}"), (false, r#"{"team":"red"}"#), (true, "{}"), (true, r#"{"a":"b"}"#)]
        {
            let (object, metadata) = run(keys.fresh(&wanted(&arn, bucket_key, context), HERE, (None, 0))).unwrap();
            assert_eq!(run(keys.open(&metadata, HERE, None)).unwrap().commitment(), object.commitment());
            assert_eq!(context_of(&metadata, HERE).unwrap().1, bucket_key);
            assert_eq!(run(keys.open(&metadata, THERE, None)).is_ok(), bucket_key, "a bucket key is for the bucket");
            let elsewhere = Name { bucket: "c", key: "k" };
            assert_eq!(run(keys.open(&metadata, elsewhere, None)).unwrap_err().reason(), "seal-broken");
        }
    }

    #[test]
    fn metadata_of_another_object_is_refused() {
        let (keys, arn) = keys();
        let (_, one) = run(keys.fresh(&wanted(&arn, true, "{}"), HERE, (None, 0))).unwrap();
        let (_, two) = run(keys.fresh(&wanted(&arn, true, "{}"), HERE, (None, 0))).unwrap();
        let swaps = [
            Metadata { wrapped: two.wrapped.clone(), ..one.clone() },
            Metadata { id: two.id, ..one.clone() },
            Metadata { commitment: two.commitment, ..one.clone() },
            Metadata { context: None, ..one.clone() },
            Metadata { context: Some(b"{".to_vec()), ..one.clone() },
        ];
        for swapped in swaps {
            assert_eq!(run(keys.open(&swapped, HERE, None)).unwrap_err().reason(), "seal-broken", "{swapped:?}");
        }
    }

    #[test]
    fn a_moved_key_opens_under_the_new_name_and_no_longer_under_the_old_one() {
        let (keys, arn) = keys();
        let (object, metadata) = run(keys.fresh(&wanted(&arn, false, r#"{"team":"red"}"#), HERE, (None, 0))).unwrap();
        let moved = run(keys.moved((&metadata, HERE), (&wanted(&arn, false, "{}"), THERE), None)).unwrap().unwrap();
        assert_eq!(run(keys.open(&moved, THERE, None)).unwrap().commitment(), object.commitment());
        assert!(run(keys.open(&moved, HERE, None)).is_err());
        assert!(run(keys.open(&metadata, HERE, None)).is_ok(), "the source stays as it is");
        let ring = keys.ring.load();
        let other = ring.find("alias/other", "us-east-1", "111122223333").unwrap().arn().to_string();
        assert_eq!(run(keys.moved((&metadata, HERE), (&wanted(&other, false, "{}"), THERE), None)).unwrap(), None);
    }

    #[test]
    fn a_key_that_may_not_be_used_neither_seals_nor_opens() {
        let (keys, arn) = keys();
        let (_, metadata) = run(keys.fresh(&wanted(&arn, false, "{}"), HERE, (None, 0))).unwrap();
        let disabled = keys.ring.load().with_state(&arn, State::Disabled).unwrap();
        keys.ring.store(Arc::new(disabled));
        assert_eq!(run(keys.open(&metadata, HERE, None)).unwrap_err().code(), Code::KmsDisabledException);
        assert_eq!(
            run(keys.fresh(&wanted(&arn, false, "{}"), HERE, (None, 0))).unwrap_err().code(),
            Code::KmsDisabledException
        );
        keys.ring.store(Arc::default());
        assert_eq!(run(keys.open(&metadata, HERE, None)).unwrap_err().code(), Code::KmsNotFoundException);
    }

    #[test]
    fn what_nobody_has_decided_is_not_stored() {
        let mut headers = HeaderMap::new();
        assert_eq!(Wanted::read(&headers).unwrap_err().reason(), "sealed-without-key");
        headers.insert(KIND, http::HeaderValue::from_static("AES256"));
        headers.insert(KEY_ID, http::HeaderValue::from_static("arn"));
        assert_eq!(Wanted::read(&headers).unwrap_err().reason(), "sealed-without-key");
    }
}
