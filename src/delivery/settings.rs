//! What is delivered where: `[[audit.sink]]` and its neighbours as values.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::render::Selection;
use crate::access::origin::Cidr;
use crate::audit::Event;
use crate::policy::logging::KeyFormat;
use crate::sigv4::Secret;

/// How often files are closed that go into a bucket, unless it is said otherwise.
pub const EVERY: Duration = Duration::from_secs(300);

/// Everything about deliveries.
pub struct Settings {
    /// The destinations that the configuration names. Buckets whose logging is on are not among them.
    pub sinks: Vec<Sink>,
    /// How often files are closed that go into a bucket.
    pub every: Duration,
    /// Whether what leaves has hashes in the place of keys.
    pub hash_keys: bool,
    /// Whether the log of a bucket may go into itself.
    pub allow_self: bool,
    /// The key that signs digests, PEM.
    pub trail_key: Option<PathBuf>,
    /// Which region of AWS an address belongs to.
    pub source_regions: Vec<(Cidr, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sinks: Vec::new(),
            every: EVERY,
            hash_keys: false,
            allow_self: false,
            trail_key: None,
            source_regions: Vec::new(),
        }
    }
}

impl Settings {
    /// The region of an address, if one is named for it; the first that holds it counts.
    pub fn region_of(&self, address: IpAddr) -> Option<&str> {
        let found = self.source_regions.iter().find(|(range, _)| range.contains(address));
        found.map(|(_, region)| region.as_str())
    }

    /// An event with the region of the client's address, where that is named and the journal does not say one
    /// (spec/access-logs.md 2, field 27); none where nothing is to be added.
    pub fn located(&self, event: &Event) -> Option<Event> {
        let address = event.text("remote_ip").and_then(|text| text.parse().ok());
        let address = address.filter(|_| event.text("source_region").is_none())?;
        let mut members = event.members().clone();
        members.insert("source_region".to_owned(), self.region_of(address)?.into());
        Some(Event::of(event.at, event.recorded, members))
    }
}

/// A destination.
#[derive(Clone)]
pub struct Sink {
    /// Its name: of its cursor, in metrics, and of its trail.
    pub name: String,
    /// In which form it gets records.
    pub format: Format,
    /// Where they go.
    pub to: To,
    /// Which of them; all where nothing is said.
    pub select: Option<Selection>,
    /// Whose copy it is; the full record where nobody is named.
    pub account: Option<String>,
    /// Where it begins when it has no cursor yet: with the first record that is there, or with the next.
    pub from_start: bool,
    /// The most octets of one delivery.
    pub roll_size: u64,
}

/// A form of records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Lines of S3's access log.
    AccessLog,
    /// Records of CloudTrail.
    CloudTrail,
    /// Our own JSON, one object a line.
    Json,
}

/// Where records go.
#[derive(Clone)]
pub enum To {
    /// Into a file.
    File(FileTo),
    /// To standard output.
    Stdout,
    /// Into a bucket behind the proxy.
    Bucket(BucketTo),
    /// To a server that takes them.
    Http(HttpTo),
}

/// A file that is rotated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileTo {
    /// Where.
    pub path: PathBuf,
    /// It is put aside when it has so many octets.
    pub roll_size: u64,
    /// It is put aside when it is so old.
    pub roll_every: Duration,
    /// How many that were put aside are kept; none: all.
    pub keep: Option<u32>,
}

/// A bucket of a store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BucketTo {
    /// Its name.
    pub bucket: String,
    /// The account that must own it; the proxy's own where nobody is named.
    pub owner: Option<String>,
    /// What names begin with.
    pub prefix: String,
    /// The store, by its place in the configuration; none: the first that has the bucket.
    pub upstream: Option<usize>,
    /// What follows the prefix in the names of access logs.
    pub layout: KeyFormat,
    /// Whether hourly digests are delivered too.
    pub digests: bool,
}

/// A server that takes records by POST.
#[derive(Clone)]
pub struct HttpTo {
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Path and query.
    pub target: String,
    /// What is shown as `Authorization: Bearer …`.
    pub token: Option<std::sync::Arc<Secret>>,
    /// CA certificates to trust there instead of the system's.
    pub ca: Option<PathBuf>,
}
