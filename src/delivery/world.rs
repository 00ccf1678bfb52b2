//! What deliveries need of the world: the time, waiting, random numbers, stores and servers. All of it is
//! an argument, so that a test can let an hour pass at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::settings::HttpTo;
use crate::policy::logging::BucketLogging;
use crate::time::Millis;

/// The world as deliveries see it. One thread.
pub trait World: 'static {
    /// Now.
    fn now(&self) -> Millis;
    /// 64 random bits.
    fn random(&self) -> u64;
    /// Waits; comes back early when everything is to end.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;
    /// Whether everything is to end: what is there is delivered once, and nothing is waited for.
    fn is_stopping(&self) -> bool;
    /// The buckets whose access log goes somewhere now.
    fn logged(&self) -> Vec<Logged>;
    /// Puts an object into a bucket that must not be there yet.
    fn put(&self, object: Object) -> impl Future<Output = Result<Put, Trouble>>;
    /// Hands records to a server.
    fn post(&self, to: &HttpTo, post: Post) -> impl Future<Output = Result<(), Trouble>>;
    /// Writes to standard output.
    ///
    /// # Errors
    /// It is gone, or full.
    fn print(&self, text: &[u8]) -> std::io::Result<()>;
    /// Records before this one are needed by no destination any more.
    fn hold_from(&self, number: u64);
}

/// A bucket whose access log goes somewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Logged {
    /// Its name.
    pub bucket: String,
    /// The account that owns it.
    pub account: String,
    /// Its region.
    pub region: String,
    /// Where the log goes.
    pub logging: BucketLogging,
}

/// What a delivery into a bucket is of, and to whom it may go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parcel {
    /// The name of the destination: that of a sink, or `bucket-logging/` and the bucket whose log it is.
    pub sink: String,
    /// The service that delivers such things at AWS.
    pub service: &'static str,
    /// Whether it tells of deliveries and of nothing else.
    pub of_deliveries: bool,
    /// The bucket whose access log it is; none for a destination that the configuration names.
    pub logged: Option<String>,
    /// The account that must own the bucket it goes into: a log goes to nobody else, whoever has made a bucket
    /// of that name.
    pub owner: String,
}

/// An object that is to be put.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Object {
    /// What it is of.
    pub parcel: Parcel,
    /// The store, by its place in the configuration; none: the first that has the bucket.
    pub upstream: Option<usize>,
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// `Content-Type`
    pub content_type: &'static str,
    /// Metadata, by lower-case names without `x-amz-meta-`.
    pub metadata: Vec<(&'static str, String)>,
    /// What is in it.
    pub content: Bytes,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Put {
    /// It was there already, from a delivery of before.
    There,
    /// It is there now.
    Written,
}

/// Records on their way to a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Post {
    /// `Content-Type`
    pub content_type: &'static str,
    /// `Bartizan-Delivery`: which records of which journal these are, the same whenever they are sent.
    pub delivery: String,
    /// The records.
    pub content: Bytes,
}

/// Why something could not be delivered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// It may be taken later.
    Later {
        /// In words.
        why: Arc<str>,
        /// When the destination wants to be asked again.
        after: Option<Duration>,
    },
    /// It will never be taken.
    Rejected {
        /// In words.
        why: Arc<str>,
    },
}

impl Trouble {
    /// Something that may pass.
    pub fn later(why: impl Into<Arc<str>>) -> Self {
        Self::Later { why: why.into(), after: None }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::later(error.to_string())
    }
}
