//! The configuration file, `bartizan.toml`, as values.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::finding::{Finding, Findings};
use super::{Environment, files, reader};
use crate::credentials::Source;
use crate::delivery;
use crate::guard;
use crate::guard::naming::{Naming, Settings as NamingSettings};
use crate::identity::Directory;
use crate::inspect;
use crate::limit::rehearsal::Rehearsal;
use crate::s3::Operation;
use crate::s3::encryption::Kind;
use crate::s3::external::External;
use crate::sigv4::{OwnKeys, Secret};

mod changed;
mod credentials;
mod detect;
mod encryption;
mod keys;
mod listen;
mod log;
mod naming;
mod quota;
mod rate;
mod rehearsal;
mod root;
mod sharing;
mod sink;
mod trace;
mod upstream;

pub use self::log::{Log, LogFormat, LogLevel};
pub use super::units::Endpoint;
pub use crate::access::origin::Cidr;
pub use rate::{Leasing, Rates, Replicas, Sharing};
pub use trace::{Collector, Trace};

/// How large a configuration file may be.
const FILE_LIMIT: u64 = 1 << 20;

/// What to do without a file that can be read.
const WAYS: &str = "name a text file with `-c FILE`, or write a first one with `bartizan init DIR`";

/// A whole configuration: every value is in its range, every path is complete, every secret is read.
pub struct Config {
    /// The file it was read from; in development mode, where it would be.
    pub file: PathBuf,
    /// What tells the text that was read from another; none without a file.
    pub(super) read: Option<changed::Hash>,
    /// Whether this is development mode, which made its own files.
    pub development: bool,
    /// The region the proxy answers for.
    pub region: String,
    /// Regions a signature may name; `region` is the first.
    pub accepted_regions: Vec<String>,
    /// The account the proxy speaks for.
    pub account: String,
    /// The folder of policies.
    pub policies: PathBuf,
    /// Whether new policies may open more than those before without anybody's word.
    pub allow_widening: bool,
    /// Whether requests of S3 may set policies; they write files of the folder.
    pub policy_api: bool,
    /// The folder of journal, index and the embedded store.
    pub state: PathBuf,
    /// The file of access keys.
    pub credentials: PathBuf,
    /// The file of KMS keys.
    pub keyring: PathBuf,
    /// Where KMS keys are that have no material in that file.
    pub key_service: Option<Box<KeyService>>,
    /// Credentials that are handed out here.
    pub temporary: Temporary,
    /// The S3 listeners, at least one.
    pub listen: Vec<Listen>,
    /// What a signature must be like.
    pub signature: Signature,
    /// Rules that hold whoever asks.
    pub guard: Guard,
    /// What names of new buckets may look like.
    pub naming: NamingSettings,
    /// Faults that clients may meet on purpose.
    pub rehearsals: Vec<Rehearsal>,
    /// When the intent must be on record.
    pub audit: Audit,
    /// What may be asked how often.
    pub rates: Rates,
    /// What is looked for in uploads, if anything is.
    pub detect: Option<inspect::Settings>,
    /// The stores, at least one. With several, each has its own region, one of them that of the proxy.
    pub upstreams: Vec<Upstream>,
    /// Threads and shutdown.
    pub runtime: Runtime,
    /// The admin listener, if there is one.
    pub admin: Option<SocketAddr>,
    /// The log of the program itself.
    pub log: Log,
    /// What is done with traces.
    pub trace: Trace,
}

/// A key service that speaks as AWS KMS does. No `Debug`: it holds keys.
pub struct KeyService {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The region that signatures name.
    pub region: String,
    /// What calls are signed with.
    pub credentials: Credentials,
    /// CA certificates to trust there instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Connections at once, over all workers.
    pub connections: u32,
    /// How long one call may take.
    pub timeout: Duration,
    /// Whether data keys of buckets serve more than once.
    pub cache: bool,
}

/// Temporary credentials. No `Debug`: it holds keys.
pub struct Temporary {
    /// Whether they are handed out and accepted.
    pub on: bool,
    /// What seals their tokens; without one, `token.key` below the state folder.
    pub key: Option<Secret>,
    /// What still opens tokens of before.
    pub older: Vec<Secret>,
}

/// One S3 listener.
#[derive(Debug)]
pub struct Listen {
    /// A name for lines and labels.
    pub name: String,
    /// Address and port; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Base names for virtual-host addressing, lower-case, without wildcard.
    pub hosts: Vec<String>,
    /// The URL that clients use, where something in front of the proxy changes host or path.
    pub external: Option<External>,
    /// Whether the names of AWS's own endpoints count as base names too.
    pub accept_aws_hosts: bool,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// TLS; none only on loopback.
    pub tls: Option<Tls>,
    /// `aws:SourceVpc` here.
    pub vpc: Option<String>,
    /// `aws:SourceVpce` here.
    pub vpc_endpoint: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Every connection comes from one of these, with a head of the PROXY protocol in front.
    pub proxy_protocol: bool,
    /// Whether clients may meet faults on purpose here.
    pub rehearsal: bool,
    /// What one client and all together may take.
    pub limits: Limits,
}

/// TLS of a listener.
#[derive(Debug)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The CA that certificates are minted under for the host names of S3 Control and access points.
    pub mint: Option<Mint>,
    /// The oldest version spoken.
    pub minimum: TlsVersion,
    /// Whether clients show certificates, and whose.
    pub clients: ClientCertificates,
}

/// A CA of one's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mint {
    /// Its certificate, PEM.
    pub ca: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TlsVersion {
    /// TLS 1.2
    V12,
    /// TLS 1.3
    V13,
}

/// What is asked of clients in the handshake.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClientCertificates {
    /// Nothing.
    None,
    /// A certificate under this CA, or none at all.
    Optional(PathBuf),
    /// A certificate under this CA.
    Required(PathBuf),
}

/// Limits of a listener, which hold before a request costs anything.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// Connections at once from one address.
    pub per_address: u32,
    /// Bytes of a request head.
    pub head: u64,
    /// Time for a request head.
    pub head_timeout: Duration,
    /// Time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Time a connection may do nothing.
    pub idle: Duration,
    /// Requests at once.
    pub in_flight: u32,
}

/// What a signature must be like.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Signature Version 4A is taken too (`algorithms`).
    pub ecdsa: bool,
    /// How far a client's clock may be off.
    pub skew: Duration,
    /// How much of the payload must be signed.
    pub payload: PayloadRule,
    /// How long a presigned URL may live.
    pub presign_max: Duration,
    /// Bodies up to this many bytes are checked before the upstream hears of them.
    pub verify_first: u64,
    /// Signed writes are remembered (`replay = "writes"`).
    pub replay: bool,
}

/// How much of an upload is signed towards the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UpstreamPayload {
    /// All of it.
    AlwaysSigned,
    /// What the client signed, where the connection itself does not protect it.
    AsVerified,
}

/// How much of the payload must be signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PayloadRule {
    /// Unsigned payloads are accepted.
    Any,
    /// Every payload is signed.
    Signed,
    /// Unsigned payloads are accepted over TLS.
    SignedOrTls,
}

/// Rules that hold whoever asks.
#[derive(Debug)]
pub struct Guard {
    /// What object keys may look like.
    pub names: Names,
    /// Encryption of what is written and sent.
    pub rules: Arc<guard::Rules>,
}

/// What object keys may look like.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// `.` and `..` as segments.
    pub dot_segments: NameRule,
    /// Empty segments: `a//b`, `/a`.
    pub empty_segments: NameRule,
    /// Control bytes.
    pub control_bytes: NameRule,
}

/// Whether a shape of key is let through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameRule {
    /// The store treats keys as bytes.
    Allow,
    /// The request is refused.
    Refuse,
}

/// When the intent must be on record, how records are kept, and where they go from there. No `Debug`: it holds
/// secrets.
pub struct Audit {
    /// How far the record must have come before the request goes on.
    pub before: Before,
    /// What happens when no record can be taken.
    pub when_full: WhenFull,
    /// The names in encryption contexts whose values no record shows.
    pub redact_context: Arc<[Box<str>]>,
    /// Where records are delivered to.
    pub delivery: Arc<delivery::Settings>,
    /// The key that signs the journal; without one, `journal-key.pem` below the state folder.
    pub signing_key: Option<PathBuf>,
    /// Octets of a segment file.
    pub segment_size: u64,
    /// The age at which a segment is sealed although it is not full.
    pub roll_after: Duration,
    /// How long records are kept; `None`: for good.
    pub keep: Option<Duration>,
    /// The most octets of all segments; `None`: as many as there is room for.
    pub max_size: Option<u64>,
}

/// How far a record must have come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Before {
    /// In the queue of the journal.
    Queued,
    /// On the disk.
    Synced,
    /// In the kernel.
    Written,
}

/// What happens when no record can be taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WhenFull {
    /// The request goes on; the loss is counted.
    Drop,
    /// The request is refused.
    Refuse,
}

/// A store behind the proxy.
pub struct Upstream {
    /// Its region: what outgoing signatures name, and what selects it among several.
    pub region: String,
    /// Host names of clients that select it, when there are several.
    pub hosts: Vec<String>,
    /// What it is.
    pub target: Target,
}

/// What kind of store.
pub enum Target {
    /// The store inside this process, below the state folder.
    Embedded,
    /// A server that speaks S3.
    S3(Box<Remote>),
}

/// A server that speaks S3.
pub struct Remote {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How buckets are addressed there.
    pub addressing: Addressing,
    /// What outgoing requests are signed with.
    pub credentials: Credentials,
    /// CA certificates to trust there instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Its quirks.
    pub profile: Profile,
    /// How much of an upload is signed.
    pub payload: UpstreamPayload,
    /// Operations that it has besides those of its kind.
    pub operations: Vec<Operation>,
    /// Operations whose conditions it keeps, besides what its kind is known to keep.
    pub conditions: Vec<Operation>,
    /// What it does with headers about encryption.
    pub encryption: StoreEncryption,
    /// What to do with parameters and headers that the operation table does not know.
    pub unknown: Unknown,
    /// Connections at once, over all workers.
    pub connections: u32,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// How buckets are addressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Addressing {
    /// In the path.
    Path,
    /// In the host name.
    Virtual,
}

/// What the proxy signs with.
pub enum Credentials {
    /// These keys, which are read once.
    Given(Arc<OwnKeys>),
    /// Keys that are fetched and replaced before they end.
    Fetched(Arc<Source>),
}

/// The quirks of a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Profile {
    /// Amazon S3.
    Aws,
    /// Ceph's gateway.
    Ceph,
    /// Garage.
    Garage,
    /// MinIO and its forks.
    Minio,
    /// Nothing is assumed.
    Strict,
}

/// What a store does with headers about encryption.
#[derive(Clone, Debug)]
pub struct StoreEncryption {
    strongest: Option<Kind>,
    sealed: Option<Foreign>,
    /// How it is told which KMS key.
    pub key_ids: KeyIds,
}

impl StoreEncryption {
    /// The strongest kind that it keeps; none where it ignores them.
    pub fn strongest(&self) -> Option<Kind> {
        self.strongest
    }

    /// Whether the proxy seals what goes there, and what becomes of objects that are not sealed.
    pub fn sealed(&self) -> Option<Foreign> {
        self.sealed
    }
}

/// What becomes of objects that a store of sealed ones has and that are not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Foreign {
    /// They are refused where a rule demands encryption.
    AsDemanded,
    /// They are handed out as the store has them.
    Pass,
    /// They are refused.
    Refuse,
}

/// How a store is told which KMS key.
#[derive(Clone, Debug)]
pub enum KeyIds {
    /// By its ARN.
    Arn,
    /// By a name of its own: that of the table, from ARNs to names; of others what the ARN ends in.
    Names(Vec<(String, String)>),
}

/// What happens to what the operation table does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unknown {
    /// It travels on, signed.
    Pass,
    /// The request is refused.
    Refuse,
}

/// How long to wait for the upstream.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the head of an answer.
    pub first_byte: Duration,
    /// For the next byte, and for use of an idle connection.
    pub idle: Duration,
}

/// Threads and shutdown.
#[derive(Clone, Copy, Debug)]
pub struct Runtime {
    /// Workers; 0 is one per core.
    pub workers: u32,
    /// How connections reach them.
    pub accept: Accept,
    /// How long requests in flight may take after a signal to stop.
    pub drain: Duration,
}

/// How connections reach workers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accept {
    /// To the worker with the fewest.
    LeastLoaded,
    /// As the kernel hashes them.
    Reuseport,
}

impl Config {
    /// Reads a configuration file. `Err` holds every fault that was found, `Ok` the warnings.
    pub fn load(path: &Path, environment: &dyn Environment) -> Result<(Self, Findings), Findings> {
        let text = files::read_text(path, FILE_LIMIT).map_err(|fault| {
            let help = fault.help().unwrap_or(WAYS);
            Findings::from(Finding::file(path, format!("the configuration file {fault}")).help(help))
        })?;
        let (config, warnings) = Self::parse(path, &text, environment)?;
        Ok((Self { read: changed::hash(&text), ..config }, warnings))
    }

    /// Reads the text of a configuration file that stands, or would stand, at `path`.
    pub fn parse(path: &Path, text: &str, environment: &dyn Environment) -> Result<(Self, Findings), Findings> {
        reader::read(path, text, environment, |table| root::read(table, path))
    }

    /// The file of the key that seals session tokens, unless the configuration brings one.
    pub fn token_key(&self) -> PathBuf {
        self.state.join("token.key")
    }

    /// The policy of names, with every account that is known.
    pub fn judge_of_names(&self, directory: &Directory) -> Naming {
        let accounts = directory.accounts().map(|(account, _)| account).chain([self.account.as_str()]);
        Naming::new(self.naming.clone(), accounts)
    }

    /// The file of retired names of buckets.
    pub fn retired_names(&self) -> PathBuf {
        self.state.join("retired-names")
    }

    /// The folder of how far deliveries have come.
    pub fn deliveries(&self) -> PathBuf {
        self.state.join("delivery")
    }

    /// The folder of the journal.
    pub fn journal(&self) -> PathBuf {
        self.state.join("journal")
    }

    /// The file of the key that signs the journal.
    pub fn journal_key(&self) -> PathBuf {
        self.audit.signing_key.clone().unwrap_or_else(|| self.state.join("journal-key.pem"))
    }
}

#[cfg(test)]
mod tests;
