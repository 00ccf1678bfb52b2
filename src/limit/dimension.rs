//! A dimension: one limit, what it applies to, and by what it keeps requests apart
//! (spec/kms-throttling.md 8). Holds no state.
//!
//! Names become keys by a hash with a seed that nobody outside knows, so nobody can make two names meet.

use std::net::IpAddr;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cost::Cost;
use super::pace::{OCTETS, Pace};
use crate::s3::Operation;
use crate::s3::operation::Level;

/// One limit.
#[derive(Clone, Debug)]
pub struct Dimension {
    /// Its name, for refusals, records and labels.
    pub name: Arc<str>,
    /// What it counts.
    pub stage: Stage,
    /// What keeps requests apart: each combination has a count of its own. None: all share one.
    pub key: Vec<Part>,
    /// How it counts.
    pub pace: Pace,
    /// Of key uses: with which kind of KMS key.
    pub key_type: KeyType,
    /// Of key uses: only with these KMS keys; empty: with all.
    pub match_key: Vec<Arc<str>>,
    /// Of requests: only those of this class.
    pub class: Option<Class>,
    /// Of requests: only those of nobody known.
    pub anonymous: bool,
    /// Of calls that manage keys: only those of this name.
    pub operation: Option<Arc<str>>,
    /// How many components of an object's key make the prefix.
    pub prefix_depth: u8,
    /// The account is the one that the store's own key service charges, not the client's.
    pub backend: bool,
}

/// What a dimension counts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// Requests, before anything is known of them but where they come from.
    Arrival,
    /// Requests that are allowed (`SlowDown`).
    Request,
    /// Uses of KMS keys (`ThrottlingException`).
    Kms,
    /// Calls that manage KMS keys (`ThrottlingException`).
    KmsManagement,
    /// Octets of object data from clients, in KiB (`SlowDown`).
    Upload,
    /// Octets of object data to clients, in KiB (`SlowDown`).
    Download,
}

/// What keeps requests apart.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Part {
    /// The caller's account.
    Account,
    /// The region.
    Region,
    /// The KMS key.
    KmsKey,
    /// The kind of KMS key.
    KeyType,
    /// The caller.
    Principal,
    /// The bucket.
    Bucket,
    /// The first components of the object's key.
    Prefix,
    /// The access point.
    AccessPoint,
    /// The address that the request comes from.
    SourceIp,
}

/// Kinds of KMS keys, each with a quota of its own.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum KeyType {
    /// AES and HMAC keys.
    #[default]
    Symmetric,
    /// RSA keys.
    Rsa,
    /// ML-DSA keys.
    MlDsa,
    /// Elliptic curves, SM2 among them.
    Ecc,
}

/// Classes of requests (spec/kms-throttling.md 7).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// What changes objects, deletions among them.
    Write,
    /// What reads objects.
    Read,
    /// What lists.
    List,
    /// What deletes objects.
    Delete,
}

/// Who and what a request is counted for. What it has not, or nobody knows yet, is none; dimensions that
/// need it do not apply.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The caller's account.
    pub account: Option<&'a str>,
    /// The account that the store's own key service charges.
    pub backend: Option<&'a str>,
    /// The region of the store.
    pub region: &'a str,
    /// The caller's ARN.
    pub principal: Option<&'a str>,
    /// The bucket.
    pub bucket: Option<&'a str>,
    /// The object's key.
    pub key: Option<&'a str>,
    /// The access point.
    pub access_point: Option<&'a str>,
    /// The address that the request comes from.
    pub source_ip: Option<IpAddr>,
}

/// What is to be counted.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A request has arrived.
    Arrival {
        /// Nobody has signed it.
        anonymous: bool,
    },
    /// A request that was taken to be signed when it arrived turns out not to be.
    Unsigned,
    /// A request is allowed.
    Request {
        /// What it asks; none for the token service.
        operation: Option<Operation>,
        /// Nobody has signed it.
        anonymous: bool,
    },
    /// Uses of KMS keys.
    Keys(&'a Cost),
    /// A call that manages keys, by its name.
    Management(&'a str),
    /// Octets from a client.
    Upload(u64),
    /// Octets to a client.
    Download(u64),
}

impl<'a> Subject<'a> {
    /// The prefix that it counts for. A list of deletions has no key of its own; it counts for what lies
    /// directly in the bucket.
    pub(super) fn prefix(&self, depth: u8, what: &What<'_>) -> Option<&'a str> {
        match (self.key, what) {
            (Some(key), _) => Some(prefix(key, depth)),
            (None, What::Request { operation: Some(Operation::DeleteObjects), .. }) => Some(""),
            _ => None,
        }
    }
}

impl What<'_> {
    /// The stage that counts it.
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Arrival { .. } | Self::Unsigned => Stage::Arrival,
            Self::Request { .. } => Stage::Request,
            Self::Keys(_) => Stage::Kms,
            Self::Management(_) => Stage::KmsManagement,
            Self::Upload(_) => Stage::Upload,
            Self::Download(_) => Stage::Download,
        }
    }

    /// How many cells it is, where it is not counted by key.
    pub(super) fn cells(&self) -> u64 {
        match self {
            Self::Arrival { .. } | Self::Unsigned | Self::Request { .. } | Self::Management(_) => 1,
            Self::Keys(cost) => cost.sum(),
            Self::Upload(octets) | Self::Download(octets) => octets.div_ceil(OCTETS),
        }
    }
}

impl Dimension {
    /// A dimension that counts requests or key uses of all, with nothing else set.
    pub fn new(name: &str, stage: Stage, key: &[Part], pace: Pace) -> Self {
        Self {
            name: name.into(),
            stage,
            key: key.to_vec(),
            pace,
            key_type: KeyType::Symmetric,
            match_key: Vec::new(),
            class: None,
            anonymous: false,
            operation: None,
            prefix_depth: 1,
            backend: false,
        }
    }

    /// Whether callers choose what keeps them apart, as many as they like.
    pub fn is_open(&self) -> bool {
        self.key.iter().any(|part| matches!(part, Part::Prefix | Part::SourceIp))
    }

    /// Whether each KMS key of a request is counted by itself.
    pub(super) fn is_of_keys(&self) -> bool {
        !self.match_key.is_empty() || self.key.contains(&Part::KmsKey)
    }

    /// What tells its counts from those of all others; it changes with everything that they depend on.
    pub(super) fn identity(&self, seed: u64) -> u64 {
        xxh3_64_with_seed(self.spelled().as_bytes(), seed)
    }

    /// All that its counts depend on.
    pub(super) fn spelled(&self) -> String {
        let Self { name, stage, key, pace, key_type, match_key, class, anonymous, operation, prefix_depth, backend } =
            self;
        format!(
            "{name:?} {stage:?} {key:?} {pace:?} {key_type:?} {match_key:?} {class:?} {anonymous} {operation:?} \
             {prefix_depth} {backend}"
        )
    }

    /// Whether it counts this that is of its stage, keys aside.
    pub(super) fn counts(&self, what: &What<'_>) -> bool {
        match what {
            What::Arrival { anonymous } => *anonymous || !self.anonymous,
            What::Unsigned => self.anonymous,
            What::Request { operation, anonymous } => {
                let fits = |class: Class| operation.is_some_and(|operation| class.has(operation));
                (*anonymous || !self.anonymous) && self.class.is_none_or(fits)
            }
            What::Keys(cost) => self.key_type == cost.key_type(),
            What::Management(name) => self.operation.as_deref().is_none_or(|own| own == *name),
            What::Upload(_) | What::Download(_) => true,
        }
    }

    /// Whether it counts uses of this KMS key.
    pub(super) fn counts_key(&self, key: Option<&str>) -> bool {
        self.match_key.is_empty() || key.is_some_and(|key| self.match_key.iter().any(|own| **own == *key))
    }
}

/// The hashes of a subject, each made when it is first asked for.
#[derive(Debug)]
pub(super) struct Hashed<'a> {
    subject: &'a Subject<'a>,
    seed: u64,
    /// By [`Part`], behind them the account of the backend.
    hashes: [u64; 10],
    /// Which of them are made.
    made: u16,
}

impl<'a> Hashed<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, seed: u64) -> Self {
        Self { subject, seed, hashes: [0; 10], made: 0 }
    }

    /// The key of a subject in a dimension of this identity; none if it lacks a part.
    pub(super) fn key(
        &mut self,
        dimension: &Dimension,
        identity: u64,
        what: &What<'_>,
        kms: Option<&str>,
    ) -> Option<u64> {
        let mut key = identity;
        for part in &dimension.key {
            let hash = match part {
                Part::KmsKey => xxh3_64_with_seed(kms?.as_bytes(), self.seed),
                Part::KeyType => dimension.key_type as u64,
                Part::Prefix => xxh3_64_with_seed(self.prefix(dimension, what)?.as_bytes(), self.seed),
                part => self.part(*part, dimension.backend)?,
            };
            key = folded(key ^ hash, MIXER);
        }
        Some(key)
    }

    fn prefix(&self, dimension: &Dimension, what: &What<'_>) -> Option<&'a str> {
        self.subject.prefix(dimension.prefix_depth, what)
    }

    /// The hash of one part; none if the subject has it not.
    pub(super) fn part(&mut self, part: Part, backend: bool) -> Option<u64> {
        let at = if backend && part == Part::Account { 9 } else { part as usize };
        let place = self.hashes.get_mut(at)?;
        if self.made & 1 << at != 0 {
            return Some(*place);
        }
        let (subject, seed) = (self.subject, self.seed);
        let text = |text: &str| xxh3_64_with_seed(text.as_bytes(), seed);
        let hash = match part {
            Part::Account if backend => text(subject.backend?),
            Part::Account => text(subject.account?),
            Part::Region => text(subject.region),
            Part::Principal => text(subject.principal?),
            Part::Bucket => text(subject.bucket?),
            Part::AccessPoint => text(subject.access_point?),
            Part::SourceIp => address(subject.source_ip?, seed),
            Part::KmsKey | Part::KeyType | Part::Prefix => return None, // not by the subject alone
        };
        *place = hash;
        self.made |= 1 << at;
        Some(hash)
    }
}

const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes every bit of a number into every other.
fn folded(number: u64, factor: u64) -> u64 {
    let product = u128::from(number) * u128::from(factor | 1);
    (product >> 64) as u64 ^ product as u64
}

/// An address; of the sixth version its network, because one client has all of it.
fn address(address: IpAddr, seed: u64) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(four) => xxh3_64_with_seed(&four.octets(), seed),
        IpAddr::V6(six) => {
            let network = (six.to_bits() >> 64) as u64;
            xxh3_64_with_seed(&network.to_be_bytes(), seed)
        }
    }
}

/// The first so many components of a key, the last one never among them.
fn prefix(key: &str, depth: u8) -> &str {
    let mut end = 0;
    for (at, _) in key.match_indices('/').take(depth.into()) {
        end = at;
    }
    key.get(..end).unwrap_or_default()
}

impl Stage {
    /// Every stage, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Arrival, Self::Request, Self::Kms, Self::KmsManagement, Self::Upload, Self::Download];

    /// The stage of this name in a configuration; arrivals have none.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "request" => Some(Self::Request),
            "kms" => Some(Self::Kms),
            "kms-management" => Some(Self::KmsManagement),
            _ => None,
        }
    }
}

impl Part {
    /// Every part with its name.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("account", Self::Account),
        ("region", Self::Region),
        ("kms_key", Self::KmsKey),
        ("key_type", Self::KeyType),
        ("principal", Self::Principal),
        ("bucket", Self::Bucket),
        ("prefix", Self::Prefix),
        ("access_point", Self::AccessPoint),
        ("source_ip", Self::SourceIp),
    ];

    /// The part of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(own, _)| *own == name).map(|(_, part)| part)
    }
}

impl KeyType {
    /// Every kind with its name.
    pub const NAMES: [(&'static str, Self); 4] =
        [("symmetric", Self::Symmetric), ("rsa", Self::Rsa), ("ml-dsa", Self::MlDsa), ("ecc", Self::Ecc)];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(own, _)| *own == name).map(|(_, kind)| kind)
    }
}

impl Class {
    /// Every class with its name.
    pub const NAMES: [(&'static str, Self); 4] =
        [("write", Self::Write), ("read", Self::Read), ("list", Self::List), ("delete", Self::Delete)];

    /// The class of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(own, _)| *own == name).map(|(_, class)| class)
    }

    /// Whether an operation belongs to it. Deletions of objects are writes, too; what is about buckets
    /// belongs to none, but for what lists.
    pub fn has(self, operation: Operation) -> bool {
        use Operation::{
            DeleteObject, DeleteObjects, ListBuckets, ListMultipartUploads, ListObjectVersions, ListObjects,
            ListObjectsV2, OptionsObject, PostObject, SelectObjectContent,
        };
        let spec = operation.spec();
        let (object, reads) = (spec.level == Level::Object, matches!(spec.method, "GET" | "HEAD"));
        match self {
            Self::Delete => matches!(operation, DeleteObject | DeleteObjects),
            Self::List => matches!(
                operation,
                ListBuckets | ListMultipartUploads | ListObjectVersions | ListObjects | ListObjectsV2
            ),
            Self::Read => object && (reads || operation == SelectObjectContent) && operation != OptionsObject,
            Self::Write => match operation {
                DeleteObjects | PostObject => true,
                SelectObjectContent | OptionsObject => false,
                _ => object && !reads,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pace::{Algorithm, Rate};
    use super::*;

    fn dimension(key: &[Part]) -> Dimension {
        Dimension::new("d", Stage::Request, key, Pace::new(Rate::per_second(1), 1, Algorithm::Gcra))
    }

    fn key(dimension: &Dimension, subject: &Subject<'_>) -> Option<u64> {
        let what = What::Request { operation: Some(Operation::PutObject), anonymous: false };
        Hashed::new(subject, 7).key(dimension, dimension.identity(7), &what, None)
    }

    #[test]
    fn a_prefix_is_the_first_components_without_the_last() {
        for (key, depth, expected) in [
            ("x/1", 1, "x"),
            ("x/y/1", 1, "x"),
            ("x/y/1", 2, "x/y"),
            ("x/y/1", 9, "x/y"),
            ("1", 1, ""),
            ("/1", 1, ""),
            ("x/", 1, "x"),
            ("x//1", 2, "x/"),
            ("ä/ö/1", 1, "ä"),
            ("x/1", 0, ""),
        ] {
            assert_eq!(prefix(key, depth), expected, "{key}");
        }
    }

    #[test]
    fn a_dimension_does_not_apply_without_its_part() {
        let subject = Subject { region: "r", bucket: Some("b"), ..Subject::default() };
        assert!(key(&dimension(&[Part::Bucket, Part::Region]), &subject).is_some());
        for part in [Part::Account, Part::Principal, Part::AccessPoint, Part::SourceIp, Part::Prefix, Part::KmsKey] {
            assert_eq!(key(&dimension(&[Part::Bucket, part]), &subject), None, "{part:?}");
        }
        let mut backend = dimension(&[Part::Account]);
        backend.backend = true;
        let client = Subject { account: Some("1"), ..Subject::default() };
        assert_eq!(key(&backend, &client), None);
        assert!(key(&backend, &Subject { backend: Some("2"), ..client }).is_some());
    }

    #[test]
    fn names_do_not_run_into_each_other() {
        let both = dimension(&[Part::Bucket, Part::Prefix]);
        let of =
            |bucket, object| key(&both, &Subject { bucket: Some(bucket), key: Some(object), ..Subject::default() });
        assert_eq!(of("a", "b/1"), of("a", "b/2"));
        assert_ne!(of("a", "b/1"), of("b", "a/1"));
        assert_ne!(of("ab", "c/1"), of("a", "bc/1"));
        assert_ne!(of("a", "1"), of("a", "b/1"));
    }

    #[test]
    fn one_client_is_not_as_many_as_it_has_addresses() {
        let by = dimension(&[Part::SourceIp]);
        let of = |ip: &str| key(&by, &Subject { source_ip: ip.parse().ok(), ..Subject::default() });
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
    }

    #[test]
    fn a_changed_dimension_counts_anew() {
        let first = dimension(&[Part::Bucket]);
        assert_eq!(first.identity(1), first.clone().identity(1));
        assert_ne!(first.identity(1), first.identity(2));
        let pace = Pace::new(Rate::per_second(2), 1, Algorithm::Gcra);
        let fixed = Pace::new(Rate::per_second(1), 1, Algorithm::Fixed);
        for changed in [
            Dimension { pace, ..first.clone() },
            Dimension { pace: fixed, ..first.clone() },
            Dimension { name: "e".into(), ..first.clone() },
            Dimension { key: vec![Part::Bucket, Part::Region], ..first.clone() },
            Dimension { prefix_depth: 2, ..first.clone() },
        ] {
            assert_ne!(first.identity(1), changed.identity(1));
        }
    }

    #[test]
    fn every_operation_is_in_the_classes_of_the_reference() {
        use Class::{Delete, List, Read, Write};
        use Operation as O;
        let expected: &[(&[Class], &[O])] = &[
            (
                &[Write],
                &[
                    O::PutObject,
                    O::PostObject,
                    O::CopyObject,
                    O::CreateMultipartUpload,
                    O::UploadPart,
                    O::UploadPartCopy,
                    O::CompleteMultipartUpload,
                    O::AbortMultipartUpload,
                    O::PutObjectTagging,
                    O::DeleteObjectTagging,
                    O::PutObjectAcl,
                    O::PutObjectRetention,
                    O::PutObjectLegalHold,
                    O::UpdateObjectEncryption,
                ],
            ),
            (&[Write, Delete], &[O::DeleteObject, O::DeleteObjects]),
            (
                &[Read],
                &[
                    O::GetObject,
                    O::HeadObject,
                    O::GetObjectAttributes,
                    O::ListParts,
                    O::GetObjectTagging,
                    O::GetObjectAcl,
                    O::GetObjectRetention,
                    O::GetObjectLegalHold,
                ],
            ),
            (&[List], &[O::ListObjectsV2, O::ListObjects, O::ListObjectVersions, O::ListMultipartUploads]),
            (&[], &[O::CreateBucket, O::DeleteBucket, O::HeadBucket, O::PutBucketPolicy, O::GetBucketLocation]),
        ];
        for (classes, operations) in expected {
            for operation in *operations {
                let got: Vec<_> =
                    [Write, Read, List, Delete].into_iter().filter(|class| class.has(*operation)).collect();
                assert_eq!(got.len(), classes.len(), "{operation:?}: {got:?}");
                assert!(classes.iter().all(|class| class.has(*operation)), "{operation:?}: {got:?}");
            }
        }
    }
}
