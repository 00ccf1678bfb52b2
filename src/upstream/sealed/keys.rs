//! Data keys: drawn for an object, found again from its metadata, wrapped for another name
//! (spec/encryption.md 6, 14.1, 15).

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::kms::{Context, KmsError, Ring, S3_ARN};
use crate::s3::encryption::{BUCKET_KEY, CONTEXT, KEY_ID, KIND, Kind};
use crate::s3::{Code, Fault};
use crate::seal::{Broken, Metadata, ObjectKey, Salt};

/// The ring, and where random numbers come from.
pub(super) struct Keys {
    ring: Arc<ArcSwap<Ring>>,
    random: SystemRandom,
}

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

impl Keys {
    pub(super) fn new(ring: Arc<ArcSwap<Ring>>) -> Self {
        Self { ring, random: SystemRandom::new() }
    }

    /// Draws a data key and an id for a new object.
    ///
    /// # Errors
    /// E-10, E-13, E-15 to E-17; there are no random numbers.
    pub(super) fn fresh(&self, wanted: &Wanted, name: Name<'_>) -> Result<(ObjectKey, Metadata), Fault> {
        let kept = wanted.kept(name)?;
        let ring = self.ring.load();
        let key = ring.by_arn(&wanted.key).ok_or_else(|| missing(&wanted.key))?;
        let arn = if wanted.bucket_key { name.bucket_arn() } else { name.object_arn() };
        let context = wanted.context.clone().with_s3_arn(&arn).map_err(|_| bad_context())?;
        let (data, wrapped) = ring.generate(key, &context, &self.random).map_err(|error| error.fault())?;
        let object = ObjectKey::new(data.expose(), self.octets()?);
        let metadata = Metadata {
            key: key.arn().to_string(),
            wrapped: wrapped.0.to_vec(),
            id: *object.id(),
            commitment: object.commitment(),
            context: kept,
            checksums: None,
        };
        Ok((object, metadata))
    }

    /// Finds the data key of an object again.
    ///
    /// # Errors
    /// E-13, E-15 to E-17; `InternalError`: it is not the key of this object, or of another name.
    pub(super) fn open(&self, metadata: &Metadata, name: Name<'_>) -> Result<ObjectKey, Fault> {
        self.try_open(metadata, name).map_err(|unopened| match unopened {
            Unopened::Fault(fault) => fault,
            Unopened::Broken(what) => broken(what, name),
        })
    }

    /// The same, for what a client may have made up.
    pub(super) fn try_open(&self, metadata: &Metadata, name: Name<'_>) -> Result<ObjectKey, Unopened> {
        let (context, _) = context_of(metadata, name).ok_or(Unopened::Broken(OTHER_CONTEXT))?;
        let ring = self.ring.load();
        let key = ring.by_arn(&metadata.key).ok_or_else(|| Unopened::Fault(missing(&metadata.key)))?;
        let data = ring.unwrap(key, &metadata.wrapped, &context).map_err(|error| match error {
            KmsError::InvalidCiphertext => Unopened::Broken(OTHER_NAME),
            other => Unopened::Fault(other.fault()),
        })?;
        ObjectKey::committed(data.expose(), metadata.id, &metadata.commitment)
            .map_err(|_| Unopened::Broken("its data key is not the one that it was sealed with"))
    }

    /// The same data key for another name, without a look at the data. None where another key is wanted there.
    ///
    /// # Errors
    /// As of [`Keys::open`] and [`Keys::fresh`].
    pub(super) fn moved(
        &self,
        (metadata, from): (&Metadata, Name<'_>),
        (wanted, to): (&Wanted, Name<'_>),
    ) -> Result<Option<Metadata>, Fault> {
        self.open(metadata, from)?; // the commitment, too
        let (old, _) = context_of(metadata, from).ok_or_else(|| broken(OTHER_CONTEXT, from))?;
        let ring = self.ring.load();
        let Some(key) = ring.by_arn(&wanted.key).filter(|key| **key.arn() == *metadata.key) else { return Ok(None) };
        let arn = if wanted.bucket_key { to.bucket_arn() } else { to.object_arn() };
        let new = wanted.context.clone().with_s3_arn(&arn).map_err(|_| bad_context())?;
        let wrapped = ring.rewrap((key, &old), (key, &new), &metadata.wrapped, &self.random);
        let wrapped = wrapped.map_err(|error| error.fault())?.0.to_vec();
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
    use crate::time::Seconds;

    const ALIAS: &str = "alias/vault";

    fn keys() -> (Keys, String) {
        let random = SystemRandom::new();
        let ring = Ring::fresh("us-east-1", "111122223333", ALIAS, Seconds(0), &random).unwrap();
        let ring = ring.added("us-east-1", "111122223333", "alias/other", Seconds(0), &random).unwrap();
        let arn = ring.find(ALIAS, "us-east-1", "111122223333").unwrap().arn().to_string();
        (Keys::new(Arc::new(ArcSwap::from_pointee(ring))), arn)
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
            let (object, metadata) = keys.fresh(&wanted(&arn, bucket_key, context), HERE).unwrap();
            assert_eq!(keys.open(&metadata, HERE).unwrap().commitment(), object.commitment());
            assert_eq!(context_of(&metadata, HERE).unwrap().1, bucket_key);
            assert_eq!(keys.open(&metadata, THERE).is_ok(), bucket_key, "a bucket key is for the bucket");
            let elsewhere = Name { bucket: "c", key: "k" };
            assert_eq!(keys.open(&metadata, elsewhere).unwrap_err().reason(), "seal-broken");
        }
    }

    #[test]
    fn metadata_of_another_object_is_refused() {
        let (keys, arn) = keys();
        let (_, one) = keys.fresh(&wanted(&arn, true, "{}"), HERE).unwrap();
        let (_, two) = keys.fresh(&wanted(&arn, true, "{}"), HERE).unwrap();
        let swaps = [
            Metadata { wrapped: two.wrapped.clone(), ..one.clone() },
            Metadata { id: two.id, ..one.clone() },
            Metadata { commitment: two.commitment, ..one.clone() },
            Metadata { context: None, ..one.clone() },
            Metadata { context: Some(b"{".to_vec()), ..one.clone() },
        ];
        for swapped in swaps {
            assert_eq!(keys.open(&swapped, HERE).unwrap_err().reason(), "seal-broken", "{swapped:?}");
        }
    }

    #[test]
    fn a_moved_key_opens_under_the_new_name_and_no_longer_under_the_old_one() {
        let (keys, arn) = keys();
        let (object, metadata) = keys.fresh(&wanted(&arn, false, r#"{"team":"red"}"#), HERE).unwrap();
        let moved = keys.moved((&metadata, HERE), (&wanted(&arn, false, "{}"), THERE)).unwrap().unwrap();
        assert_eq!(keys.open(&moved, THERE).unwrap().commitment(), object.commitment());
        assert!(keys.open(&moved, HERE).is_err());
        assert!(keys.open(&metadata, HERE).is_ok(), "the source stays as it is");
        let ring = keys.ring.load();
        let other = ring.find("alias/other", "us-east-1", "111122223333").unwrap().arn().to_string();
        assert_eq!(keys.moved((&metadata, HERE), (&wanted(&other, false, "{}"), THERE)).unwrap(), None);
    }

    #[test]
    fn a_key_that_may_not_be_used_neither_seals_nor_opens() {
        let (keys, arn) = keys();
        let (_, metadata) = keys.fresh(&wanted(&arn, false, "{}"), HERE).unwrap();
        let disabled = keys.ring.load().with_state(&arn, State::Disabled).unwrap();
        keys.ring.store(Arc::new(disabled));
        assert_eq!(keys.open(&metadata, HERE).unwrap_err().code(), Code::KmsDisabledException);
        assert_eq!(keys.fresh(&wanted(&arn, false, "{}"), HERE).unwrap_err().code(), Code::KmsDisabledException);
        keys.ring.store(Arc::default());
        assert_eq!(keys.open(&metadata, HERE).unwrap_err().code(), Code::KmsNotFoundException);
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
