//! What the cost of a request depends on and the request does not say: how objects and uploads are
//! encrypted, and which keys of buckets a requester holds (spec/kms-throttling.md 3, "Bucket keys").
//!
//! It holds what this process has seen, within bounds: up to 60 MB, then what was not asked for the longest
//! is forgotten. Of an object that it does not know a read is taken to cost nothing; what the store's answer
//! shows is [learnt](Ledger::learn) and may be debited.
//!
//! A key of a bucket is one (KMS key, bucket, requester) and lives for [`LIFETIME`]. Whoever writes under it
//! holds it; whoever reads what was written under another's must have that one opened once, and then holds
//! it as long.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

use super::cost::{Call, Cost, Touch, layers};
use crate::s3::Operation;
use crate::s3::encryption::Encryption;
use crate::time::Ticks;

/// How long a key of a bucket is held, in nanoseconds.
pub const LIFETIME: u64 = 300_000_000_000;
/// The longest name of a KMS key that is remembered, in octets: the key service takes no longer one.
const LONGEST_KEY: usize = 2048;
/// How many KMS keys are remembered.
const MOST_KEYS: usize = 4096;
const SHARDS: usize = 16;
/// Places of one generation of a shard; seven of eight of a power of two fill a table.
const OBJECTS: usize = 14_336;
const OTHERS: usize = 3_584;

/// A request, as far as its cost depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// What is asked.
    pub operation: Operation,
    /// Whose keys of buckets are used: a principal, and with temporary credentials these.
    pub requester: &'a str,
    /// The bucket.
    pub bucket: &'a str,
    /// The object.
    pub key: Option<&'a str>,
    /// The version that is read.
    pub version: Option<&'a str>,
    /// The upload.
    pub upload: Option<&'a str>,
    /// The source of a copy.
    pub source: Option<Place<'a>>,
    /// The stored checksum is asked for.
    pub checksum: bool,
    /// How what is made will be encrypted, defaults of the bucket included.
    pub new: &'a Encryption,
}

/// An object, or one version of it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The key.
    pub key: &'a str,
    /// The version; none: the current one.
    pub version: Option<&'a str>,
}

/// What has been seen, over all workers.
pub struct Ledger {
    seed: u64,
    objects: Shards<Known>,
    uploads: Shards<Known>,
    held: Shards<Held>,
    keys: Mutex<HashSet<Arc<str>>>,
}

/// How something is encrypted.
#[derive(Clone, Debug, Default)]
struct Known {
    encryption: Encryption,
    /// The key of the bucket that it is under, if it is under one.
    under: u128,
}

/// A key of a bucket in a requester's hand.
#[derive(Clone, Copy, Debug)]
struct Held {
    id: u128,
    until: Ticks,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}

impl Ledger {
    /// Knows nothing; `seed` keeps strangers from making two names meet.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            objects: Shards::new(OBJECTS),
            uploads: Shards::new(OTHERS),
            held: Shards::new(OTHERS),
            keys: Mutex::default(),
        }
    }

    /// The calls that a request costs. Changes nothing.
    pub fn cost(&self, of: &Use<'_>, now: Ticks) -> Cost {
        let mut cost = Cost::default();
        let touch = Touch::of(of.operation, of.checksum);
        if touch.makes {
            self.add_make(&mut cost, of, now);
        }
        for known in self.opened(touch, of).into_iter().flatten() {
            if !self.holds(&known, of.requester, now) {
                cost.add(known.encryption.key(), Call::Decrypt, layers(&known.encryption));
            }
        }
        match self.moved(touch, of) {
            Some(Encryption::S3) => self.add_make(&mut cost, of, now),
            Some(was) => {
                let count = layers(&was).max(layers(of.new));
                cost.add(of.new.key().or(was.key()), Call::ReEncrypt, count);
            }
            None => {}
        }
        cost
    }

    /// The calls were made: the requester holds the keys of buckets that they brought.
    pub fn paid(&self, of: &Use<'_>, now: Ticks) {
        let touch = Touch::of(of.operation, of.checksum);
        for known in self.opened(touch, of).into_iter().flatten() {
            if known.under != 0 && !self.holds(&known, of.requester, now) {
                self.hold(self.opening(known.under, of.requester), known.under, now);
            }
        }
        let makes = touch.makes || self.moved(touch, of).is_some();
        if let (true, Encryption::Kms { key, bucket_key: true }) = (makes, of.new) {
            let writing = self.writing(key, of);
            if self.held.get(writing).is_none_or(|held| held.until <= now) {
                // Each is another than the one before it.
                let id =
                    xxh3_128_with_seed(&[writing.to_ne_bytes(), u128::from(now.0).to_ne_bytes()].concat(), self.seed);
                self.hold(writing, id | 1, now);
                self.hold(self.opening(id | 1, of.requester), id | 1, now);
            }
        }
    }

    /// The store has done it: what was made is known to later requests, what is gone is not.
    pub fn done(&self, of: &Use<'_>) {
        let Some(place) = of.place() else { return };
        let object = self.place(place);
        match of.operation {
            Operation::PutObject
            | Operation::PostObject
            | Operation::CopyObject
            | Operation::UpdateObjectEncryption => {
                self.note(&self.objects, object, of.new, of);
            }
            Operation::CreateMultipartUpload => {
                if let Some(upload) = self.upload(of) {
                    self.note(&self.uploads, upload, of.new, of);
                }
            }
            Operation::CompleteMultipartUpload => {
                match self.upload(of).and_then(|upload| self.uploads.remove(upload)) {
                    Some(known) => self.objects.insert(object, known),
                    None => drop(self.objects.remove(object)),
                }
            }
            Operation::AbortMultipartUpload => {
                if let Some(upload) = self.upload(of) {
                    self.uploads.remove(upload);
                }
            }
            Operation::DeleteObject | Operation::RenameObject => drop(self.objects.remove(object)),
            _ => {}
        }
    }

    /// What an answer showed of an object that was read, or of an upload that goes on. Tells whether that was
    /// not known.
    pub fn learn(&self, of: &Use<'_>, encryption: &Encryption) -> bool {
        let touch = Touch::of(of.operation, true);
        let (shards, at) = match (touch.upload, of.place()) {
            (true, _) => (&self.uploads, self.upload(of)),
            (false, Some(place)) if touch.object => (&self.objects, Some(self.place(place))),
            _ => return false,
        };
        let Some(at) = at else { return false };
        if shards.get(at).is_some_and(|known| known.encryption == *encryption) {
            return false;
        }
        let under = match encryption {
            // Whose it is nobody knows: it counts as one for all that is under the same KMS key there.
            Encryption::Kms { key, bucket_key: true } => self.hash(b"somebody's", &[key, of.bucket]) | 1,
            _ => 0,
        };
        self.keep(shards, at, encryption, under)
    }

    /// An object is gone.
    pub fn forget(&self, place: Place<'_>) {
        self.objects.remove(self.place(place));
    }

    /// What an object is known to be encrypted with.
    pub fn encryption(&self, place: Place<'_>) -> Option<Encryption> {
        self.object(Some(place)).map(|known| known.encryption)
    }

    fn add_make(&self, cost: &mut Cost, of: &Use<'_>, now: Ticks) {
        let held = match of.new {
            Encryption::Kms { key, bucket_key: true } => {
                self.held.get(self.writing(key, of)).is_some_and(|held| now < held.until)
            }
            _ => false,
        };
        if !held {
            cost.add(of.new.key(), Call::GenerateDataKey, layers(of.new));
        }
    }

    /// What a request has opened.
    fn opened(&self, touch: Touch, of: &Use<'_>) -> [Option<Known>; 3] {
        let source = of.source.filter(|_| touch.source);
        [
            of.place().filter(|_| touch.object).and_then(|place| self.object(Some(place))),
            source.and_then(|source| self.object(Some(source))),
            self.upload(of).filter(|_| touch.upload).and_then(|upload| self.uploads.get(upload)),
        ]
    }

    /// How an object is encrypted whose data key is moved. One in the clear has none, the store refuses what it
    /// does not hold the key of, and what nobody has seen counts as in the clear.
    fn moved(&self, touch: Touch, of: &Use<'_>) -> Option<Encryption> {
        let known = of.place().filter(|_| touch.moves).and_then(|place| self.object(Some(place)))?;
        (!matches!(known.encryption, Encryption::Customer | Encryption::None)).then_some(known.encryption)
    }

    fn object(&self, place: Option<Place<'_>>) -> Option<Known> {
        self.objects.get(self.place(place?))
    }

    /// Whether the requester needs nobody to open it.
    fn holds(&self, known: &Known, requester: &str, now: Ticks) -> bool {
        known.under != 0 && self.held.get(self.opening(known.under, requester)).is_some_and(|held| now < held.until)
    }

    fn hold(&self, at: u128, id: u128, now: Ticks) {
        self.held.insert(at, Held { id, until: Ticks(now.0.saturating_add(LIFETIME)) });
    }

    fn note(&self, shards: &Shards<Known>, at: u128, encryption: &Encryption, of: &Use<'_>) {
        let under = match encryption {
            Encryption::Kms { key, bucket_key: true } => {
                let held = self.held.get(self.writing(key, of));
                held.map_or_else(|| self.hash(b"somebody's", &[key, of.bucket]) | 1, |held| held.id)
            }
            _ => 0,
        };
        self.keep(shards, at, encryption, under);
    }

    /// Keeps it under a name of the KMS key that is there once. What cannot be kept is not known.
    fn keep(&self, shards: &Shards<Known>, at: u128, encryption: &Encryption, under: u128) -> bool {
        let kept = match encryption {
            Encryption::Kms { key, bucket_key } => {
                self.key(key).map(|key| Encryption::Kms { key, bucket_key: *bucket_key })
            }
            Encryption::Dsse { key } => self.key(key).map(|key| Encryption::Dsse { key }),
            other => Some(other.clone()),
        };
        match kept {
            Some(encryption) => shards.insert(at, Known { encryption, under }),
            None => drop(shards.remove(at)),
        }
        true
    }

    fn key(&self, key: &Arc<str>) -> Option<Arc<str>> {
        if key.len() > LONGEST_KEY {
            return None;
        }
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = keys.get(key) {
            return Some(Arc::clone(known));
        }
        if keys.len() >= MOST_KEYS {
            keys.retain(|key| Arc::strong_count(key) > 1);
        }
        (keys.len() < MOST_KEYS).then(|| {
            let own: Arc<str> = Arc::from(&**key);
            keys.insert(Arc::clone(&own));
            own
        })
    }

    /// Where the key is that a requester writes under.
    fn writing(&self, key: &str, of: &Use<'_>) -> u128 {
        self.hash(b"writing", &[key, of.bucket, of.requester])
    }

    /// Where a key of a bucket is that a requester has had opened.
    fn opening(&self, id: u128, requester: &str) -> u128 {
        self.hash(&id.to_ne_bytes(), &[requester])
    }

    fn place(&self, place: Place<'_>) -> u128 {
        self.hash(b"object", &[place.bucket, place.key, place.version.unwrap_or_default()])
    }

    fn upload(&self, of: &Use<'_>) -> Option<u128> {
        Some(self.hash(b"upload", &[of.bucket, of.key?, of.upload?]))
    }

    /// Each text with its length, so that none runs into the next.
    fn hash(&self, kind: &[u8], texts: &[&str]) -> u128 {
        let mut hasher = Xxh3::with_seed(self.seed);
        hasher.update(kind);
        for text in texts {
            hasher.update(&text.len().to_ne_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.digest128()
    }
}

impl<'a> Use<'a> {
    fn place(&self) -> Option<Place<'a>> {
        Some(Place { bucket: self.bucket, key: self.key?, version: self.version })
    }
}

/// A map by hashes that holds two generations: what is asked for moves into the young one, and when that is
/// full the old one is forgotten.
struct Shards<V>([Mutex<Generations<V>>; SHARDS]);

struct Generations<V> {
    young: Map<V>,
    old: Map<V>,
    most: usize,
}

type Map<V> = HashMap<u128, V, BuildHasherDefault<Hashed>>;

/// The keys are hashes.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, octets: &[u8]) {
        let (low, _) = octets.split_first_chunk().unwrap_or((&[0; 8], &[]));
        self.0 = u64::from_ne_bytes(*low);
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<V: Clone> Shards<V> {
    fn new(most: usize) -> Self {
        Self(std::array::from_fn(|_| Mutex::new(Generations { young: Map::default(), old: Map::default(), most })))
    }

    /// By the upper half; the lower one finds the place in the map.
    fn lock(&self, at: u128) -> Option<MutexGuard<'_, Generations<V>>> {
        let shard = (at >> 64) as usize % SHARDS;
        // Nothing is left half done in there.
        Some(self.0.get(shard)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn get(&self, at: u128) -> Option<V> {
        let mut generations = self.lock(at)?;
        if let Some(found) = generations.young.get(&at) {
            return Some(found.clone());
        }
        let found = generations.old.remove(&at)?;
        generations.insert(at, found.clone());
        Some(found)
    }

    fn insert(&self, at: u128, value: V) {
        if let Some(mut generations) = self.lock(at) {
            generations.old.remove(&at);
            generations.insert(at, value);
        }
    }

    fn remove(&self, at: u128) -> Option<V> {
        let mut generations = self.lock(at)?;
        let young = generations.young.remove(&at);
        young.or_else(|| generations.old.remove(&at))
    }
}

impl<V> Generations<V> {
    fn insert(&mut self, at: u128, value: V) {
        if self.young.len() >= self.most && !self.young.contains_key(&at) {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
        self.young.insert(at, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: u64 = 1_000_000_000;

    fn kms(key: &str, bucket_key: bool) -> Encryption {
        Encryption::Kms { key: key.into(), bucket_key }
    }

    /// A request of alice about `b/k`.
    fn ask(operation: Operation, new: &Encryption) -> Use<'_> {
        Use {
            operation,
            requester: "alice",
            bucket: "b",
            key: Some("k"),
            version: None,
            upload: None,
            source: None,
            checksum: false,
            new,
        }
    }

    /// What it costs; then it happens.
    fn happen(ledger: &Ledger, of: &Use<'_>, seconds: u64) -> u64 {
        let now = Ticks(seconds * SECONDS);
        let cost = ledger.cost(of, now).sum();
        ledger.paid(of, now);
        ledger.done(of);
        cost
    }

    #[test]
    fn every_row_of_the_table_costs_what_it_says() {
        let (one, two, dsse) = (kms("one", false), kms("two", false), Encryption::Dsse { key: "one".into() });
        let none = Encryption::None;
        for (new, layers) in [(&one, 1), (&dsse, 2), (&Encryption::S3, 0), (&Encryption::Customer, 0), (&none, 0)] {
            let ledger = Ledger::new(1);
            let with_upload = |operation| Use { upload: Some("u"), ..ask(operation, new) };
            let copied = Some(Place { bucket: "b", key: "k", version: None });
            let read = |operation, checksum| Use { checksum, ..ask(operation, &none) };
            for (of, expected) in [
                (ask(Operation::PutObject, new), layers),
                (read(Operation::GetObject, false), layers),
                (read(Operation::GetObject, true), layers),
                (read(Operation::HeadObject, false), 0),
                (read(Operation::HeadObject, true), layers),
                (read(Operation::GetObjectAttributes, false), 0),
                (read(Operation::GetObjectAttributes, true), layers),
                (Use { key: Some("l"), source: copied, ..ask(Operation::CopyObject, &two) }, 1 + layers),
                (Use { key: Some("l"), source: copied, ..ask(Operation::CopyObject, &none) }, layers),
                (with_upload(Operation::CreateMultipartUpload), layers),
                (with_upload(Operation::UploadPart), layers),
                (Use { source: copied, ..with_upload(Operation::UploadPartCopy) }, 2 * layers),
                (with_upload(Operation::ListParts), 0),
                (with_upload(Operation::CompleteMultipartUpload), layers),
                (read(Operation::PutObjectTagging, false), 0),
                (read(Operation::DeleteObject, false), 0),
                (read(Operation::GetObject, false), 0),
            ] {
                assert_eq!(happen(&ledger, &of, 0), expected, "{new:?} {:?}", of.operation);
            }
        }
    }

    #[test]
    fn another_encryption_costs_a_data_key_or_a_new_wrapping() {
        let (one, two) = (kms("one", false), kms("two", false));
        for (was, call, expected) in [
            (Encryption::S3, Call::GenerateDataKey, 1),
            (one.clone(), Call::ReEncrypt, 1),
            (Encryption::Dsse { key: "one".into() }, Call::ReEncrypt, 2),
            (Encryption::Customer, Call::ReEncrypt, 0),
            (Encryption::None, Call::GenerateDataKey, 0),
        ] {
            let ledger = Ledger::new(1);
            happen(&ledger, &ask(Operation::PutObject, &was), 0);
            let cost = ledger.cost(&ask(Operation::UpdateObjectEncryption, &two), Ticks(0));
            assert_eq!((cost.of(call), cost.sum()), (expected, expected), "{was:?}");
        }
    }

    #[test]
    fn nothing_is_moved_of_what_nobody_has_encrypted() {
        let (ledger, new) = (Ledger::new(1), kms("one", true));
        assert_eq!(happen(&ledger, &ask(Operation::UpdateObjectEncryption, &new), 0), 0);
        // Nor has it brought a key of the bucket.
        assert_eq!(happen(&ledger, &ask(Operation::PutObject, &new), 1), 1);
    }

    #[test]
    fn a_bucket_key_is_paid_once_by_each_requester_and_lives_five_minutes() {
        let (ledger, new, none) = (Ledger::new(1), kms("one", true), Encryption::None);
        let put = ask(Operation::PutObject, &new);
        let get = Use { requester: "bob", ..ask(Operation::GetObject, &none) };
        assert_eq!(happen(&ledger, &put, 0), 1);
        assert_eq!(happen(&ledger, &put, 299), 0);
        assert_eq!(happen(&ledger, &get, 299), 1);
        assert_eq!(happen(&ledger, &Use { bucket: "other", ..put }, 299), 1);
        assert_eq!(happen(&ledger, &put, 300), 1);
        // The object is under another key now.
        assert_eq!(happen(&ledger, &get, 301), 1);
        assert_eq!(happen(&ledger, &get, 600), 0);
        assert_eq!(happen(&ledger, &get, 601), 1);
    }

    #[test]
    fn parts_of_an_upload_under_a_bucket_key_cost_its_requester_nothing() {
        let (ledger, new) = (Ledger::new(1), kms("one", true));
        let with = |operation| Use { upload: Some("u"), ..ask(operation, &new) };
        assert_eq!(happen(&ledger, &with(Operation::CreateMultipartUpload), 0), 1);
        assert_eq!(happen(&ledger, &with(Operation::UploadPart), 1), 0);
        assert_eq!(happen(&ledger, &Use { requester: "bob", ..with(Operation::UploadPart) }, 1), 1);
        assert_eq!(happen(&ledger, &with(Operation::CompleteMultipartUpload), 2), 0);
        assert_eq!(happen(&ledger, &ask(Operation::GetObject, &new), 3), 0);
    }

    #[test]
    fn an_unknown_object_costs_nothing_until_an_answer_shows_what_it_is() {
        let (ledger, none) = (Ledger::new(1), Encryption::None);
        let get = ask(Operation::GetObject, &none);
        assert_eq!(ledger.cost(&get, Ticks(0)).sum(), 0);
        assert!(ledger.learn(&get, &kms("one", true)));
        assert!(!ledger.learn(&get, &kms("one", true)), "known by now");
        assert_eq!(happen(&ledger, &get, 0), 1);
        assert_eq!(happen(&ledger, &get, 1), 0);
        let version = Use { version: Some("v1"), ..get };
        assert_eq!(ledger.cost(&version, Ticks(0)).sum(), 0, "a version is another object");
        let part = Use { upload: Some("u"), ..ask(Operation::UploadPart, &none) };
        assert!(ledger.learn(&part, &kms("one", false)));
        assert_eq!(ledger.cost(&part, Ticks(0)).sum(), 1);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (ledger, none) = (Ledger::new(1), Encryption::None);
        let count = 3 * SHARDS * OBJECTS;
        for number in 0..count {
            let key = number.to_string();
            ledger.done(&Use { key: Some(&key), ..ask(Operation::PutObject, &none) });
        }
        let of = |shard: &Mutex<Generations<Known>>| {
            let shard = shard.lock().unwrap();
            assert!(shard.young.len() <= OBJECTS && shard.old.len() <= OBJECTS);
            (shard.young.capacity() + shard.old.capacity()) * 8 / 7 * (size_of::<(u128, Known)>() + 1)
        };
        let octets: usize = ledger.objects.0.iter().map(of).sum();
        assert!(octets <= 34 << 20, "{octets}");
        let last = (count - 1).to_string();
        assert!(ledger.encryption(Place { bucket: "b", key: &last, version: None }).is_some());
        assert!(ledger.encryption(Place { bucket: "b", key: "0", version: None }).is_none());
    }

    #[test]
    fn strangers_cannot_fill_it_with_names_of_keys() {
        let ledger = Ledger::new(1);
        for number in 0..MOST_KEYS + 10 {
            let new = kms(&format!("key-{number}"), false);
            let key = number.to_string();
            ledger.done(&Use { key: Some(&key), ..ask(Operation::PutObject, &new) });
        }
        assert_eq!(ledger.keys.lock().unwrap().len(), MOST_KEYS);
        ledger.done(&ask(Operation::PutObject, &kms(&"x".repeat(LONGEST_KEY + 1), false)));
        assert!(ledger.encryption(Place { bucket: "b", key: "k", version: None }).is_none());
        // Room for others comes back with the objects.
        ledger.forget(Place { bucket: "b", key: "0", version: None });
        ledger.done(&ask(Operation::PutObject, &kms("another", false)));
        assert!(ledger.encryption(Place { bucket: "b", key: "k", version: None }).is_some());
    }
}
