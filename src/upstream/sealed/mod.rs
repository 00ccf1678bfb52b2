//! A store behind HTTP that keeps only what was sealed here: it never sees plaintext, nor a key
//! (spec/encryption.md 13, 14).
//!
//! Every object gets a data key of its own, wrapped by a key of the ring or of a key service and bound to the object's name; both
//! are kept as metadata of the object. What clients hear is about plaintext: lengths, ranges, parts,
//! checksums. Entity tags are the store's.
//!
//! Invariants:
//! - no octet of object data leaves for the store but sealed, and the last segment of a body only when all of
//!   the body was verified;
//! - no octet of a sealed object reaches a client before it was verified; the first segment is before the
//!   status is sent, and what does not open later breaks the connection;
//! - nothing is needed here but the keys: what the parts of an upload need is in its id, and what is known of
//!   parts can be found out again;
//! - memory is a few segments for each request, however long its object is.
//!
//! What a store's operator can still do: delete, withhold, hand out an earlier version, learn names, lengths
//! and times.

mod attributes;
mod cache;
mod catalogue;
mod copy;
mod document;
mod keys;
mod list;
mod multipart;
mod opened;
mod parts;
mod probe;
mod read;
mod sealing;
mod service;
mod told;
mod upload;
mod write;

use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;

pub use opened::Opened;
pub use service::{Call, OUTCOMES, Settings as KeyService};
pub use upload::{Begun, begun};

use self::cache::Cache;
use self::catalogue::Catalogue;
use self::keys::{Keys, Name};
use super::wire::Wire;
use super::{Forward, Reply, Upstream};
use crate::body::SealedBody;
use crate::guard;
use crate::kms::Ring;
use crate::s3::checksum::Algorithm;
use crate::s3::{Code, Fault, Operation};
use crate::time::Ticks;

/// What all workers share of a store that keeps sealed objects.
#[derive(Clone)]
pub struct Settings {
    ring: Arc<ArcSwap<Ring>>,
    foreign: Foreign,
    catalogue: Arc<Catalogue>,
    service: Option<Served>,
}

/// A key service, and what workers share of it.
#[derive(Clone)]
struct Served {
    settings: KeyService,
    counts: Arc<service::Counts>,
    cache: Option<Arc<Cache>>,
}

impl Settings {
    /// Seals with keys of `ring`. What is known of multipart objects is kept in the file at `parts`.
    ///
    /// # Errors
    /// That file cannot be used.
    pub fn open(ring: Arc<ArcSwap<Ring>>, foreign: Foreign, parts: &Path) -> io::Result<Self> {
        Ok(Self { ring, foreign, catalogue: Arc::new(Catalogue::open(parts)?), service: None })
    }

    /// The same with a key service for all keys that have no material in the ring. `keeps`: whether data keys of
    /// buckets serve more than once (`keys.cache`).
    #[must_use]
    pub fn with_service(self, settings: KeyService, keeps: bool) -> Self {
        let served = Served { settings, counts: Arc::default(), cache: keeps.then(Arc::default) };
        Self { service: Some(served), ..self }
    }

    /// Calls of the key service since the start: name, outcome, how many.
    pub fn calls(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.service.as_ref().map(|served| served.counts.read()).unwrap_or_default()
    }

    /// Uses of data keys of buckets since the start that were at hand, and that were not.
    pub fn data_keys(&self) -> (u64, u64) {
        let cache = self.service.as_ref().and_then(|served| served.cache.as_ref());
        cache.map(|cache| cache.counts()).unwrap_or_default()
    }

    /// Whether any data keys are kept.
    pub fn keeps_keys(&self) -> bool {
        self.service.as_ref().is_some_and(|served| served.cache.is_some())
    }

    /// Wipes data keys that have served their time.
    pub fn sweep(&self, now: Ticks) {
        if let Some(cache) = self.service.as_ref().and_then(|served| served.cache.as_ref()) {
            cache.sweep(now);
        }
    }
}

/// What becomes of objects that were not sealed here, when they are read (`upstream.sealed_foreign`).
#[derive(Clone, Debug)]
pub enum Foreign {
    /// They are handed out as the store has them.
    Pass,
    /// They are refused.
    Refuse,
    /// They are refused where a rule demands encryption.
    AsDemanded(Arc<guard::Rules>),
}

impl Foreign {
    /// Whether an object that is not sealed may be read.
    ///
    /// # Errors
    /// `AccessDenied`
    fn check(&self, name: Name<'_>) -> Result<(), Fault> {
        let refused = match self {
            Self::Pass => false,
            Self::Refuse => true,
            Self::AsDemanded(rules) => {
                rules.encryption.demand(name.bucket, name.key, None).is_some_and(|demand| demand.require.is_some())
            }
        };
        match refused {
            false => Ok(()),
            true => Err(Fault::plain(Code::AccessDenied, "sealed-foreign")
                .detail("the store has an object that was not sealed here (upstream.sealed_foreign)")),
        }
    }
}

/// The connections of one worker to a store that keeps sealed objects.
pub struct Sealed {
    wire: Wire,
    keys: Keys,
    foreign: Foreign,
    catalogue: Arc<Catalogue>,
}

impl Sealed {
    /// Seals what goes to `wire`.
    pub fn new(wire: Wire, settings: Settings) -> Self {
        let Settings { ring, foreign, catalogue, service } = settings;
        let clock = wire.clock();
        let keys = Keys::new(ring, Arc::clone(clock));
        let keys = match service {
            Some(Served { settings, counts, cache }) => {
                keys.with(service::Service::new(settings, counts, Arc::clone(clock)), cache)
            }
            None => keys,
        };
        Self { wire, keys, foreign, catalogue }
    }

    /// The checksum that follows sealed octets, where the store takes trailers. Every store that does knows it.
    fn trailer(&self) -> Option<Algorithm> {
        self.wire.takes_trailers().then_some(Algorithm::Crc32)
    }
}

/// The object that a request is about.
fn name(out: &Forward) -> Name<'_> {
    Name { bucket: out.bucket.as_deref().unwrap_or_default(), key: out.key.as_deref().unwrap_or_default() }
}

impl Upstream for Sealed {
    async fn send(&self, out: Box<Forward>, body: SealedBody) -> Result<Reply, Fault> {
        // Boxed, so that what needs nothing of this stays small.
        match out.operation {
            Operation::GetObject => Box::pin(self.get(out)).await,
            Operation::HeadObject => Box::pin(self.head(out)).await,
            Operation::PutObject => Box::pin(self.put(out, body)).await,
            Operation::CopyObject => Box::pin(self.copy(out)).await,
            Operation::CreateMultipartUpload => Box::pin(self.create(out)).await,
            Operation::UploadPart => Box::pin(self.part(out, body)).await,
            Operation::UploadPartCopy => Box::pin(self.part_copy(out)).await,
            Operation::CompleteMultipartUpload => Box::pin(self.complete(out, body)).await,
            Operation::ListParts => Box::pin(self.list_parts(out)).await,
            Operation::AbortMultipartUpload => self.wire.send(upload::of_store(out), body).await,
            Operation::ListObjects | Operation::ListObjectsV2 | Operation::ListObjectVersions => {
                Box::pin(self.list(out)).await
            }
            Operation::GetObjectAttributes => Box::pin(self.attributes(out)).await,
            // These read or move what is stored inside the store, where nobody can open it.
            Operation::GetObjectTorrent
            | Operation::PutObjectAnnotation
            | Operation::GetObjectAnnotation
            | Operation::RenameObject
            | Operation::SelectObjectContent
            | Operation::UpdateObjectEncryption => Err(not_sealed(out.operation)),
            _ => self.wire.send(out, body).await,
        }
    }
}

/// What is not done with sealed objects.
fn not_sealed(operation: Operation) -> Fault {
    let message = format!("{} is not available for objects that the proxy seals.", operation.name());
    Fault::new(Code::NotImplemented, "not-for-sealed-objects", message)
}
