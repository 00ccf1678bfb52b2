//! The embedded store: an S3 store inside the process, for a start without any other server.
//!
//! Invariants:
//! - what was acknowledged is on the disk: data first, then the index row that names it;
//! - a crash leaves at most files that nothing names, and those are removed at the next start;
//! - a client's names never become file names;
//! - no data is on the disk as it came: every object is sealed with data keys of its own;
//! - nothing here waits for a disk on an async worker.

mod answer;
mod attributes;
mod bucket;
mod checksums;
mod commit;
mod complete;
mod condition;
mod copy;
mod customer;
mod delete;
mod encryption;
mod failpoint;
mod fault;
mod files;
mod index;
mod intake;
mod keys;
mod layers;
mod list;
mod listing;
mod multipart;
mod outgo;
mod part;
mod pool;
mod read;
mod record;
mod request;
mod shell;
mod tagging;
#[cfg(test)]
mod tests;
mod uploads;
mod write;
mod xml;

use std::fmt;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body::Body;

pub use self::fault::StoreError;
use self::intake::Promise;

use self::commit::Committer;
use self::failpoint::Failpoints;
use self::fault::Halt;
use self::files::Files;
use self::index::Index;
use self::keys::Keys;
use self::pool::Pool;
use self::request::Request;
use self::shell::{Core, Shell};
use super::{Forward, LocalBody, Upstream};
use crate::body::SealedBody;
use crate::kms::Ring;
use crate::s3::{Fault, Operation};
use crate::time::Clock;

/// What the store's own threads make.
type Reply = super::Reply<LocalBody>;

/// What a store must be told.
#[derive(Clone)]
pub struct Settings {
    /// The region of every bucket.
    pub region: String,
    /// Where dates come from.
    pub clock: Arc<dyn Clock>,
    /// The KMS keys that objects may be encrypted with.
    pub ring: Arc<ArcSwap<Ring>>,
    /// Threads that read and write files.
    pub io_threads: usize,
    /// Reads and writes that may wait for one of them.
    pub io_queue: usize,
    failpoints: Failpoints,
}

impl Settings {
    /// Settings with four threads, room for 256 waiting reads and writes, and no KMS keys.
    pub fn new(region: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self {
            region: region.into(),
            clock,
            ring: Arc::default(),
            io_threads: 4,
            io_queue: 256,
            failpoints: Failpoints::default(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("region", &self.region)
            .field("io_threads", &self.io_threads)
            .field("io_queue", &self.io_queue)
            .finish_non_exhaustive()
    }
}

/// The store. Dropping it waits for changes under way.
pub struct Store {
    shell: Shell,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("settings", &self.shell.core.settings).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a folder, making it if it is not there, and removes what a crash left behind. The
    /// store's own key lies beside the folder, in a file of its name with `-key.json` behind.
    ///
    /// # Errors
    /// The folder or the key cannot be used, another process has it open, or its format is not ours.
    pub fn open(dir: &Path, settings: Settings) -> Result<Self, StoreError> {
        let failed = |error| StoreError::File("store folder", error);
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let index = Index::open(&dir.join("index.redb"))?;
        let now = settings.clock.now();
        let own = index.with_mark(|known| keys::own(dir, &settings.region, now, known))?;
        let (index, keys) = (Arc::new(index), Keys::new(own, Arc::clone(&settings.ring), &settings.region));
        let files = Files::open(&dir.join("data"), settings.failpoints.clone())?;
        File::open(dir).and_then(|folder| folder.sync_all()).map_err(failed)?;
        let view = index.view()?;
        let swept = files.sweep(|id| view.knows_file(id))?;
        if swept > 0 {
            tracing::info!(swept, "removed data files that no object names");
        }
        let committer = Committer::start(Arc::clone(&index), Arc::clone(&files), settings.failpoints.clone())?;
        let pool = Pool::start(settings.io_threads, settings.io_queue)?;
        Ok(Self { shell: Shell { core: Arc::new(Core { index, files, keys, settings }), pool, committer } })
    }

    /// Serves a request with any body that checks itself.
    ///
    /// # Errors
    /// The body did not hold what it promised, or the store failed.
    async fn serve<B>(&self, forward: Forward, promise: Promise, body: B) -> Result<Reply, Fault>
    where
        B: Body<Data = Bytes, Error = Fault>,
    {
        let request = match Request::new(forward) {
            Ok(request) => request,
            Err((forward, fault)) => return Ok(answer::error(&forward, &fault)),
        };
        match self.dispatch(&request, promise, body).await {
            Ok(reply) => Ok(reply),
            Err(Halt::Said(fault)) => Ok(answer::error(request.forward(), &fault)),
            Err(Halt::Body(fault)) => Err(fault),
            Err(Halt::Broken(error)) => Err(Halt::broken(&error)),
        }
    }

    async fn dispatch<B>(&self, request: &Request, promise: Promise, body: B) -> Result<Reply, Halt>
    where
        B: Body<Data = Bytes, Error = Fault>,
    {
        use Operation as Op;
        let shell = &self.shell;
        match request.forward().operation {
            Op::ListBuckets => bucket::list(shell, request).await,
            Op::CreateBucket => bucket::create(shell, request, body).await,
            Op::HeadBucket => bucket::head(shell, request).await,
            Op::DeleteBucket => bucket::delete(shell, request).await,

            Op::PutObject => write::put(shell, request, promise, body).await,
            Op::CopyObject => copy::copy(shell, request).await,
            Op::GetObject => read::object(shell, request, true).await,
            Op::HeadObject => read::object(shell, request, false).await,
            Op::GetObjectAttributes => read::attributes(shell, request).await,
            Op::DeleteObject => delete::one(shell, request).await,
            Op::DeleteObjects => delete::many(shell, request, body).await,

            Op::ListObjects => listing::objects_v1(shell, request).await,
            Op::ListObjectsV2 => listing::objects_v2(shell, request).await,
            Op::ListObjectVersions => listing::versions(shell, request).await,

            Op::CreateMultipartUpload => multipart::create(shell, request).await,
            Op::UploadPart => part::upload(shell, request, promise, body).await,
            Op::UploadPartCopy => part::copy(shell, request).await,
            Op::ListParts => uploads::parts(shell, request).await,
            Op::ListMultipartUploads => uploads::list(shell, request).await,
            Op::CompleteMultipartUpload => complete::complete(shell, request, body).await,
            Op::AbortMultipartUpload => multipart::abort(shell, request).await,

            Op::GetObjectTagging => tagging::object(shell, request).await,
            Op::PutObjectTagging => tagging::put_object(shell, request, body).await,
            Op::DeleteObjectTagging => tagging::delete_object(shell, request).await,
            Op::GetBucketTagging => tagging::bucket(shell, request).await,
            Op::PutBucketTagging => tagging::put_bucket(shell, request, body).await,
            Op::DeleteBucketTagging => tagging::delete_bucket(shell, request).await,

            other => bucket::setting(shell, request, other).await,
        }
    }
}

impl Upstream for Store {
    async fn send(&self, out: Box<Forward>, body: SealedBody) -> Result<super::Reply, Fault> {
        let declared =
            body.checksum().map(|(algorithm, value)| (algorithm, value.map(|value| value.as_bytes().to_vec())));
        let promise = Promise { length: body.decoded_length(), checksum: declared };
        let super::Reply { status, headers, body, upstream_id, code, size } = self.serve(*out, promise, body).await?;
        Ok(super::Reply { status, headers, body: body.into(), upstream_id, code, size })
    }
}
