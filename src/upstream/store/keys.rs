//! The keys that data keys are wrapped with: the store's own, and those of the KMS keyring.
//!
//! The store's own key lies next to the store's folder, not in it, so that who copies the data alone has
//! nothing. A store knows its key again: another one, or none, is an error and never a fresh start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::StoreError;
use super::customer::{Customer, Misfit, Unopened};
use super::encryption::{Wanted, no_context};
use super::fault::Halt;
use super::layers::ObjectKeys;
use super::record::{Layer, Sealing};
use super::request::Request;
use crate::kms::{Context, DEFAULT_ALIAS, DataKey, Key, KmsError, LONGEST_FILE, Ring, Unknown};
use crate::s3::encryption::Kind;
use crate::seal::ObjectKey;
use crate::time::Seconds;

/// The account of the store's own key, which is nobody's.
const NOBODY: &str = "000000000000";
const ALIAS: &str = "alias/bartizan/store";

/// All of them.
pub(super) struct Keys {
    /// One key: the store's.
    own: Ring,
    ring: Arc<ArcSwap<Ring>>,
    region: String,
    random: SystemRandom,
}

/// What data keys are bound to: an object, by bucket and key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

impl<'a> Name<'a> {
    /// The object that a request is about.
    pub(super) fn of(request: &'a Request) -> Self {
        Self { bucket: request.bucket(), key: request.key() }
    }

    /// The context of a data key.
    fn context(self, client: &Context, bucket_key: bool) -> Option<Context> {
        let Self { bucket, key } = self;
        let arn = if bucket_key { format!("arn:aws:s3:::{bucket}") } else { format!("arn:aws:s3:::{bucket}/{key}") };
        client.clone().with_s3_arn(&arn).ok()
    }
}

impl Keys {
    /// Takes the store's own key and the ring together.
    pub(super) fn new(own: Ring, ring: Arc<ArcSwap<Ring>>, region: &str) -> Self {
        Self { own, ring, region: region.to_owned(), random: SystemRandom::new() }
    }

    /// Draws data keys for an object, as it wants to be encrypted.
    pub(super) fn fresh(&self, wanted: &Wanted, name: Name<'_>, account: &str) -> Result<(Sealing, ObjectKeys), Halt> {
        let context = name.context(&wanted.context, wanted.bucket_key).ok_or_else(no_context)?;
        let client = if wanted.context.is_empty() { Vec::new() } else { wanted.context.canonical() };
        let mut sealing =
            Sealing { kind: wanted.kind, bucket_key: wanted.bucket_key, context: client, layers: Vec::new() };
        let mut keys = Vec::new();
        let ring = self.ring.load();
        let uses_kms = wanted.kind.is_some_and(Kind::uses_kms);
        let inner = uses_kms.then(|| self.named(&ring, wanted, account)).transpose()?;
        let outer = match (&wanted.customer, wanted.kind) {
            (Some(customer), _) => Some(customer.key()?),
            (None, Some(Kind::Kms)) => None,
            (None, _) => Some((&self.own, self.own()?)),
        };
        let inner = inner.map(|key| (&**ring, key, true));
        let layers = inner.into_iter().chain(outer.map(|(ring, key)| (ring, key, false)));
        for (ring, key, is_kms) in layers {
            let (data, wrapped) = ring.generate(key, &context, &self.random).map_err(halt)?;
            let object = ObjectKey::new(data.expose(), self.id()?);
            sealing.layers.push(Layer {
                key: is_kms.then(|| key.arn().to_string()),
                wrapped: wrapped.0.to_vec(),
                id: *object.id(),
                commitment: object.commitment(),
            });
            keys.push(object);
        }
        Ok((sealing, ObjectKeys::new(keys)))
    }

    /// The data keys of what was sealed under a name.
    pub(super) fn open(
        &self,
        sealing: &Sealing,
        name: Name<'_>,
        customer: Option<&Customer>,
    ) -> Result<ObjectKeys, Unopened> {
        let context = context_of(sealing, name)?;
        let mut keys = Vec::new();
        let ring = self.ring.load();
        for layer in &sealing.layers {
            let data = match (sealing.kind, customer) {
                (Some(_), None) => self.unwrap(&ring, layer, &context)?,
                (Some(_), Some(_)) => return Err(Unopened::Misfit(Misfit::Needless)),
                (None, None) => return Err(Unopened::Misfit(Misfit::Missing)),
                (None, Some(customer)) => lent(customer, layer, &context)?,
            };
            let key = ObjectKey::committed(data.expose(), layer.id, &layer.commitment);
            keys.push(key.map_err(|broken| StoreError::SealBroken(broken.to_string().into()))?);
        }
        Ok(ObjectKeys::new(keys))
    }

    /// The same data keys for another name, where they are wrapped by what is wanted there; nothing, where
    /// not.
    pub(super) fn moved(
        &self,
        sealing: &Sealing,
        from: Name<'_>,
        to: Name<'_>,
        wanted: &Wanted,
        account: &str,
    ) -> Result<Option<Sealing>, Halt> {
        let ring = self.ring.load();
        let uses_kms = wanted.kind.is_some_and(Kind::uses_kms);
        let key = uses_kms.then(|| self.named(&ring, wanted, account)).transpose()?;
        if wanted.kind.is_none() || sealing.kind != wanted.kind || sealing.key() != key.map(|key| &**key.arn()) {
            return Ok(None);
        }
        let old = context_of(sealing, from)?;
        let new = to.context(&wanted.context, wanted.bucket_key).ok_or_else(no_context)?;
        let mut layers = Vec::new();
        for layer in &sealing.layers {
            let (ring, key) = self.wrapped_by(&ring, layer)?;
            let wrapped = ring.rewrap((key, &old), (key, &new), &layer.wrapped, &self.random).map_err(halt)?;
            layers.push(Layer { wrapped: wrapped.0.to_vec(), ..layer.clone() });
        }
        let context = if wanted.context.is_empty() { Vec::new() } else { wanted.context.canonical() };
        Ok(Some(Sealing { kind: sealing.kind, bucket_key: wanted.bucket_key, context, layers }))
    }

    /// Whether a client's key, or the lack of one, fits what is read.
    pub(super) fn fits(
        &self,
        sealing: Option<&Sealing>,
        name: Name<'_>,
        customer: Option<&Customer>,
    ) -> Result<(), Halt> {
        match (sealing, customer) {
            (Some(sealing), _) if sealing.kind.is_none() || customer.is_some() => {
                Ok(self.open(sealing, name, customer).map(|_| ())?)
            }
            (None, Some(_)) => Err(Unopened::Misfit(Misfit::Needless).into()),
            _ => Ok(()),
        }
    }

    /// Whether the KMS key of something may be used now, where that is all that is asked of it.
    pub(super) fn check(&self, sealing: Option<&Sealing>) -> Result<(), Halt> {
        let Some(arn) = sealing.and_then(Sealing::key) else { return Ok(()) };
        let ring = self.ring.load();
        ring.by_arn(arn).ok_or_else(|| KmsError::NotFound { arn: arn.into() }).and_then(Key::check).map_err(halt)
    }

    /// 16 random octets, for an entity tag that says nothing of the data.
    pub(super) fn id(&self) -> Result<[u8; 16], StoreError> {
        let mut id = [0; 16];
        self.random.fill(&mut id).map_err(|_| StoreError::Damaged("the system gives no random numbers"))?;
        Ok(id)
    }

    /// The KMS key that a request names, or that stands in where it names none.
    fn named<'r>(&self, ring: &'r Ring, wanted: &Wanted, account: &str) -> Result<&'r Key, Halt> {
        let sent = wanted.key.as_deref().unwrap_or(DEFAULT_ALIAS);
        ring.find(sent, &self.region, account).map_err(|unknown: Unknown| unknown.fault().into())
    }

    fn own(&self) -> Result<&Key, StoreError> {
        self.own.keys().next().ok_or(StoreError::Damaged("the store has no key"))
    }

    fn unwrap(&self, ring: &Ring, layer: &Layer, context: &Context) -> Result<DataKey, Halt> {
        let (ring, key) = self.wrapped_by(ring, layer)?;
        ring.unwrap(key, &layer.wrapped, context).map_err(halt)
    }

    /// The key that wrapped a data key, and the ring that it is in.
    fn wrapped_by<'r>(&'r self, ring: &'r Ring, layer: &Layer) -> Result<(&'r Ring, &'r Key), Halt> {
        match &layer.key {
            None => Ok((&self.own, self.own()?)),
            Some(arn) => {
                let key = ring.by_arn(arn).ok_or_else(|| halt(KmsError::NotFound { arn: arn.as_str().into() }))?;
                Ok((ring, key))
            }
        }
    }
}

/// The data key that a client's key has wrapped; another one does not open it.
fn lent(customer: &Customer, layer: &Layer, context: &Context) -> Result<DataKey, Unopened> {
    let (ring, key) = customer.key()?;
    ring.unwrap(key, &layer.wrapped, context).map_err(|error| match error {
        KmsError::InvalidCiphertext => Unopened::Misfit(Misfit::Wrong),
        other => Unopened::Halt(halt(other)),
    })
}

/// What the data keys of something sealed are bound to.
fn context_of(sealing: &Sealing, name: Name<'_>) -> Result<Context, Halt> {
    let damaged = || StoreError::Damaged("encryption context of an object");
    let client = match sealing.context.as_slice() {
        [] => Context::default(),
        json => Context::parse(json).map_err(|_| damaged())?,
    };
    Ok(name.context(&client, sealing.bucket_key).ok_or_else(damaged)?)
}

fn halt(error: KmsError) -> Halt {
    match error {
        KmsError::InvalidCiphertext => StoreError::SealBroken(error.to_string().into()).into(),
        other => other.fault().into(),
    }
}

/// The file of the store's own key: the store's folder with `-key.json` behind its name.
fn file_of(store: &Path) -> PathBuf {
    let mut name = store.file_name().unwrap_or_default().to_owned();
    name.push("-key.json");
    store.with_file_name(name)
}

/// Reads the store's own key, or makes one. `known` is the mark of the key that the store was begun with;
/// what is given is the mark of this one.
///
/// # Errors
/// The file cannot be used, others may read it, it is another store's, or it is gone.
pub(super) fn own(store: &Path, region: &str, now: Seconds, known: Option<u64>) -> Result<(Ring, u64), StoreError> {
    let path = file_of(store);
    let wrong = |message: &str| StoreError::Key(format!("`{}` {message}", path.display()).into());
    let ring = match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && known.is_none() => make(&path, region, now)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(wrong("is gone, and without it nothing in the store can be read"));
        }
        Err(error) => return Err(StoreError::File("key of the store", error)),
        Ok(None) => return Err(wrong("can be read by others: run `chmod 600` on it")),
        Ok(Some(json)) => Ring::parse(&json).map_err(|error| wrong(&format!("is no keyring: {error}")))?,
    };
    let mark = ring.keys().next().filter(|_| ring.keys().count() == 1).map(mark);
    let mark = mark.ok_or_else(|| wrong("must hold one key"))?;
    if known.is_some_and(|known| known != mark) {
        return Err(wrong("holds the key of another store"));
    }
    Ok((ring, mark))
}

/// What a key is known by; the same for all its versions.
fn mark(key: &Key) -> u64 {
    digest(&SHA256, key.arn().as_bytes()).as_ref().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// The content; none, if others may read it.
fn read(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Ok(None);
    }
    let mut json = Zeroizing::new(Vec::with_capacity(LONGEST_FILE + 1)); // one that grows leaves secrets behind
    file.take(LONGEST_FILE as u64 + 1).read_to_end(&mut json)?;
    Ok(Some(json))
}

/// Makes a key; it is on the disk before anything is sealed with it.
fn make(path: &Path, region: &str, now: Seconds) -> Result<Ring, StoreError> {
    let failed = |error| StoreError::File("key of the store", error);
    let ring = Ring::fresh(region, NOBODY, ALIAS, now, &SystemRandom::new())
        .map_err(|error| StoreError::Key(format!("no key can be made for the store: {error}").into()))?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {} // a left-over of a crash; a link is removed, never followed
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(failed)?;
    file.write_all(&ring.to_json()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(ring)
}
