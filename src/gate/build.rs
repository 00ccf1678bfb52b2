//! From the configuration's words to what each part takes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ring::rand::{SecureRandom, SystemRandom};
use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;

use super::GateError;
use super::renewing::Renewals;
use crate::audit;
use crate::control::certs;
use crate::control::config::{self, Config, NameRule, Remote, Sharing, Target};
use crate::control::policies::Loaded;
use crate::guard::naming::{Ledger, Mode};
use crate::guard::{MOST_WRITES, Replay};
use crate::identity::{Directory, TokenKeys};
use crate::inspect::{Inspector, Looking};
use crate::kms::Ring;
use crate::limit::InFlight;
use crate::limit::rehearsal::Rehearsals;
use crate::pipeline::{Live, Rates, Site, StoreEncryption, StoreKeys, Way};
use crate::s3::address::{self, AccessPoints};
use crate::s3::encryption::Kind;
use crate::s3::name::KeyRules;
use crate::s3::route::{Rules, Unknown};
use crate::server;
use crate::sigv4::{self, Details, PayloadRule, Signer};
use crate::sts;
use crate::time::Clock;
use crate::upstream::store::{self, Store};
use crate::upstream::{sealed, wire};

/// How long an idle connection to a key service is kept; AWS closes them after a minute.
const KEPT: Duration = Duration::from_secs(50);

/// How many workers there will be.
pub(super) fn workers(config: &Config) -> usize {
    match config.runtime.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        some => some as usize,
    }
}

/// 256 bits that request ids are spun from.
pub(super) fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    // A machine without randomness has failed at its first key; ids need only differ.
    let _ = SystemRandom::new().fill(&mut seed);
    seed
}

pub(super) fn journal(config: &Config) -> audit::Settings {
    audit::Settings {
        before: match config.audit.before {
            config::Before::Queued => audit::Before::Queued,
            config::Before::Written => audit::Before::Written,
            config::Before::Synced => audit::Before::Synced,
        },
        when_full: match config.audit.when_full {
            config::WhenFull::Drop => audit::WhenFull::Drop,
            config::WhenFull::Refuse => audit::WhenFull::Refuse,
        },
        segment_size: config.audit.segment_size,
        signing_key: Some(config.journal_key()),
        roll_after: Some(config.audit.roll_after),
        keep: config.audit.keep,
        max_size: config.audit.max_size,
        delivered: true,
        ..audit::Settings::default()
    }
}

/// The limit over all listeners.
pub(super) fn in_flight(config: &Config) -> InFlight {
    InFlight::new(config.listen.iter().map(|listen| listen.limits.in_flight as usize).sum())
}

/// The memory of signed writes, where it is switched on.
pub(super) fn replay(config: &Config) -> Option<Arc<Replay>> {
    config.signature.replay.then(|| Arc::new(Replay::new(short_seed(), MOST_WRITES)))
}

/// Who looks at what is stored, where that is switched on.
///
/// # Errors
/// The file of findings cannot be opened, or there is no thread.
pub(super) fn inspector(config: &Config) -> Result<Option<(Arc<Inspector>, Looking)>, GateError> {
    let Some(settings) = config.detect.clone() else { return Ok(None) };
    let path = settings.findings.clone();
    Inspector::start(settings).map(Some).map_err(|error| GateError::Inspect { path, error })
}

/// Rates and quotas.
pub(super) fn rates(config: &Config) -> Arc<Rates> {
    let config::Rates { dimensions, caps, surface, most_keys, shared, replicas } = &config.rates;
    let rates = Rates::new(dimensions.clone(), caps.clone(), *surface, *most_keys, short_seed());
    let rates = rates.with_levels(config.guard.rules.levels.clone());
    Arc::new(match shared {
        Sharing::Leased(_) => rates.leasing(replicas.count),
        Sharing::Divided => {
            rates.divide(replicas.count);
            rates
        }
        Sharing::No => rates,
    })
}

/// What keeps strangers from aiming at tables.
fn short_seed() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = seed();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// What outlives generations, and each of them has.
#[derive(Clone)]
pub(super) struct Lasting {
    pub(super) tokens: Option<Arc<TokenKeys>>,
    pub(super) retired: Option<Arc<Ledger>>,
    pub(super) rehearsals: Option<Arc<Rehearsals>>,
    pub(super) ring: Arc<ArcSwap<Ring>>,
}

pub(super) fn live(config: &Config, directory: Directory, loaded: Loaded, lasting: Lasting, number: u64) -> Live {
    let Lasting { tokens, retired, rehearsals, ring } = lasting;
    let access_points = loaded.estate.addresses();
    Live {
        listeners: config.listen.iter().map(|listen| sites(config, listen, &access_points)).collect(),
        external: config.listen.iter().map(|listen| listen.external.clone()).collect(),
        naming: config.judge_of_names(&directory),
        retired,
        rehearsals,
        directory,
        tokens,
        roles: loaded.roles,
        ways: config.listen.iter().map(way).collect(),
        estate: loaded.estate,
        guard: Arc::clone(&config.guard.rules),
        keys: ring.load_full(),
        logs_into_itself: config.audit.delivery.allow_self,
        hidden_context: Arc::clone(&config.audit.redact_context),
        policy_api: config.policy_api,
        verify_first: config.signature.verify_first,
        number,
    }
}

fn way(listen: &config::Listen) -> Way {
    Way {
        vpc: listen.vpc.clone(),
        vpc_endpoint: listen.vpc_endpoint.clone(),
        trusted_proxies: listen.trusted_proxies.clone(),
        rehearsal: listen.rehearsal,
    }
}

/// The faults that clients may meet on purpose, if there are any.
pub(super) fn rehearsals(config: &Config) -> Option<Arc<Rehearsals>> {
    if config.rehearsals.is_empty() {
        return None;
    }
    let listeners = config.listen.iter().filter(|listen| listen.rehearsal).map(|listen| listen.name.as_str());
    let listeners: Vec<&str> = listeners.collect();
    tracing::warn!(listeners = listeners.join(", "), "clients of these listeners meet faults on purpose");
    let [a, b, c, d, e, f, g, h, ..] = seed();
    let seed = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    Some(Arc::new(Rehearsals::new(config.rehearsals.iter().cloned(), seed)))
}

/// The ledger of retired names, where the policy of names is on.
pub(super) fn retired(config: &Config) -> Result<Option<Arc<Ledger>>, GateError> {
    let on = config.naming.mode != Mode::Off;
    on.then(|| Ledger::open(&config.retired_names()).map(Arc::new)).transpose().map_err(GateError::Ledger)
}

/// Whether a store has accounts of its own that buckets can belong to.
fn confirms_owners(upstream: &config::Upstream) -> bool {
    matches!(&upstream.target, Target::S3(remote) if remote.profile == config::Profile::Aws)
}

/// What a store has and keeps.
fn kind(upstream: &config::Upstream) -> Option<wire::Kind> {
    let Target::S3(remote) = &upstream.target else { return None };
    Some(wire::Kind {
        profile: profile(remote.profile),
        operations: remote.operations.as_slice().into(),
        conditions: remote.conditions.as_slice().into(),
    })
}

fn profile(named: config::Profile) -> wire::Profile {
    match named {
        config::Profile::Aws => wire::Profile::AWS,
        config::Profile::Ceph => wire::Profile::CEPH,
        config::Profile::Garage => wire::Profile::GARAGE,
        config::Profile::Minio => wire::Profile::MINIO,
        config::Profile::Strict => wire::Profile::STRICT,
    }
}

/// What a store does with what it is told of encryption.
fn encryption(config: &Config, upstream: &config::Upstream) -> StoreEncryption {
    let remote = match &upstream.target {
        Target::Embedded => {
            let keys = StoreKeys::Ring;
            return StoreEncryption { strongest: Some(Kind::Dsse), keys, customer_keys: true, ..Default::default() };
        }
        Target::S3(remote) => remote,
    };
    if remote.encryption.sealed().is_some() {
        // A key service may have keys that the ring does not name.
        let (keys, each_is_a_call) = match &config.key_service {
            Some(service) => (StoreKeys::Arn, !service.cache),
            None => (StoreKeys::Ring, false),
        };
        let strongest = remote.encryption.strongest();
        return StoreEncryption { strongest, keys, customer_keys: false, seals: true, each_is_a_call };
    }
    let keys = match &remote.encryption.key_ids {
        config::KeyIds::Arn => StoreKeys::Arn,
        config::KeyIds::Names(names) => {
            let table = names.iter().map(|(arn, name)| (arn.as_str().into(), name.clone())).collect();
            StoreKeys::Names { table, home: config.account.as_str().into() }
        }
    };
    let customer_keys = remote.endpoint.tls || remote.endpoint.is_local();
    StoreEncryption { strongest: remote.encryption.strongest(), keys, customer_keys, ..Default::default() }
}

/// One site per store. The listener's own names lead to the store of the proxy's region.
fn sites(config: &Config, listen: &config::Listen, access_points: &AccessPoints) -> Vec<Site> {
    let site = |(store, upstream): (usize, &config::Upstream)| {
        let region = served(config, upstream);
        let is_home = region == config.region;
        let own = if is_home { own_names(listen) } else { Vec::new() };
        let regions = if is_home { config.accepted_regions.clone() } else { vec![region.to_owned()] };
        Site {
            address: address::Settings {
                region: region.to_owned(),
                partition: "aws".to_owned(),
                base_domains: own.into_iter().chain(upstream.hosts.iter().cloned()).collect(),
                accept_aws_hosts: listen.accept_aws_hosts,
                legacy_bucket_names: false,
                access_points: if is_home { access_points.clone() } else { AccessPoints::default() },
            },
            tokens: signature(config, regions.clone(), sts::SERVICE),
            signature: signature(config, regions, "s3"),
            rules: Rules { keys: keys(config), unknown: unknown(upstream) },
            store,
            kind: kind(upstream),
            encryption: encryption(config, upstream),
            confirms_owners: confirms_owners(upstream),
        }
    };
    config.upstreams.iter().enumerate().map(site).collect()
}

/// The region that clients see: a single store may be elsewhere, several are told apart by it.
fn served<'c>(config: &'c Config, upstream: &'c config::Upstream) -> &'c str {
    if config.upstreams.len() > 1 { &upstream.region } else { &config.region }
}

/// The names of a listener: the configured ones, the one in its external URL, and its own address, under
/// which path style works.
fn own_names(listen: &config::Listen) -> Vec<String> {
    let ip = listen.address.ip();
    let mut names = listen.hosts.clone();
    names.extend(listen.external.as_ref().map(|external| external.host().to_owned()));
    if !ip.is_unspecified() {
        names.push(if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() });
    }
    names
}

fn signature(config: &Config, regions: Vec<String>, service: &str) -> sigv4::Settings {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    sigv4::Settings {
        regions,
        service: service.to_owned(),
        ecdsa: config.signature.ecdsa,
        skew: seconds(config.signature.skew),
        presign_longest: seconds(config.signature.presign_max),
        payload: match config.signature.payload {
            config::PayloadRule::Any => PayloadRule::Any,
            config::PayloadRule::Signed => PayloadRule::Signed,
            config::PayloadRule::SignedOrTls => PayloadRule::SignedOrTls,
        },
        extra_signed: Vec::new(),
        details: Details::Masked,
    }
}

fn keys(config: &Config) -> KeyRules {
    let refuse = |rule| rule == NameRule::Refuse;
    KeyRules {
        dot_segments: refuse(config.guard.names.dot_segments),
        empty_segments: refuse(config.guard.names.empty_segments),
        control_bytes: refuse(config.guard.names.control_bytes),
    }
}

fn unknown(upstream: &config::Upstream) -> Unknown {
    match &upstream.target {
        Target::S3(remote) if remote.unknown == config::Unknown::Pass => Unknown::Pass,
        _ => Unknown::Refuse,
    }
}

/// A store as it is handed to every worker.
pub(super) enum StorePlan {
    /// Shared by all.
    Embedded(Arc<Store>),
    /// Each worker keeps connections of its own; what goes over them is sealed.
    Sealed(Box<wire::Settings>, Box<sealed::Settings>),
    /// Each worker keeps connections of its own.
    Wire(Box<wire::Settings>),
}

pub(super) fn stores(
    config: &Config,
    workers: usize,
    clock: &Arc<dyn Clock>,
    ring: &Arc<ArcSwap<Ring>>,
    renewals: &mut Renewals,
) -> Result<Vec<StorePlan>, GateError> {
    let plan = |upstream: &config::Upstream| match &upstream.target {
        Target::Embedded => {
            let mut settings = store::Settings::new(served(config, upstream), Arc::clone(clock));
            settings.ring = Arc::clone(ring);
            Ok(StorePlan::Embedded(Arc::new(Store::open(&config.state.join("store"), settings)?)))
        }
        Target::S3(remote) => {
            let wire = Box::new(wire(config, upstream, remote, workers, renewals)?);
            Ok(match remote.encryption.sealed() {
                None => StorePlan::Wire(wire),
                Some(foreign) => {
                    let foreign = match foreign {
                        config::Foreign::AsDemanded => sealed::Foreign::AsDemanded(Arc::clone(&config.guard.rules)),
                        config::Foreign::Pass => sealed::Foreign::Pass,
                        config::Foreign::Refuse => sealed::Foreign::Refuse,
                    };
                    let parts = config.state.join("sealed").join(format!("parts-{}", upstream.region));
                    let sealing = sealed::Settings::open(Arc::clone(ring), foreign, &parts);
                    let sealing = sealing.map_err(GateError::Sealed)?;
                    let sealing = match &config.key_service {
                        Some(service) => sealing.with_service(key_service(service, workers, renewals)?, service.cache),
                        None => sealing,
                    };
                    StorePlan::Sealed(wire, Box::new(sealing))
                }
            })
        }
    };
    config.upstreams.iter().map(plan).collect()
}

/// The addresses of stores elsewhere, for the probe.
pub(super) fn remotes(config: &Config) -> Vec<(String, u16)> {
    let remote = |upstream: &config::Upstream| match &upstream.target {
        Target::Embedded => None,
        Target::S3(remote) => Some((remote.endpoint.host.clone(), remote.endpoint.port)),
    };
    config.upstreams.iter().filter_map(remote).collect()
}

fn wire(
    config: &Config,
    upstream: &config::Upstream,
    remote: &Remote,
    workers: usize,
    renewals: &mut Renewals,
) -> Result<wire::Settings, GateError> {
    Ok(wire::Settings {
        endpoint: wire::Endpoint {
            host: remote.endpoint.host.clone(),
            port: remote.endpoint.port,
            tls: remote.endpoint.tls.then(|| trust(remote.ca_file.as_deref(), "upstream.ca_file")).transpose()?,
        },
        addressing: match remote.addressing {
            config::Addressing::Path => wire::Addressing::Path,
            config::Addressing::Virtual => wire::Addressing::Virtual,
        },
        profile: profile(remote.profile),
        payload: match remote.payload {
            config::UpstreamPayload::AlwaysSigned => wire::PayloadRule::AlwaysSigned,
            config::UpstreamPayload::AsVerified => wire::PayloadRule::AsVerified,
        },
        signer: signer(&remote.credentials, &upstream.region, "s3", renewals),
        region: served(config, upstream).into(),
        limits: wire::Limits {
            connections: (remote.connections as usize).div_ceil(workers).max(1),
            connect: remote.timeouts.connect,
            idle: remote.timeouts.idle,
        },
        first_byte: remote.timeouts.first_byte,
    })
}

/// What one worker needs to speak to the key service.
fn key_service(
    service: &config::KeyService,
    workers: usize,
    renewals: &mut Renewals,
) -> Result<sealed::KeyService, GateError> {
    let trust = || trust(service.ca_file.as_deref(), "keys.ca_file");
    Ok(sealed::KeyService {
        endpoint: wire::Endpoint {
            host: service.endpoint.host.clone(),
            port: service.endpoint.port,
            tls: service.endpoint.tls.then(trust).transpose()?,
        },
        signer: signer(&service.credentials, &service.region, "kms", renewals),
        limits: wire::Limits {
            connections: (service.connections as usize).div_ceil(workers).max(1),
            connect: service.timeout,
            idle: KEPT,
        },
        patience: service.timeout,
    })
}

/// What signs for a service. Keys that are fetched come later, from whoever does the `renewals`.
fn signer(
    credentials: &config::Credentials,
    region: &str,
    service: &'static str,
    renewals: &mut Renewals,
) -> Arc<Signer> {
    match credentials {
        config::Credentials::Given(keys) => {
            Arc::new(Signer::holding(Arc::clone(keys), region.to_owned()).for_service(service))
        }
        config::Credentials::Fetched(source) => {
            let signer = Arc::new(Signer::awaiting(source.name(), region.to_owned()).for_service(service));
            renewals.add(source, &signer);
            signer
        }
    }
}

/// Whom the proxy believes to be a server: the CA file, or else what the machine trusts.
pub(super) fn trust(ca_file: Option<&Path>, place: &'static str) -> Result<Arc<rustls::ClientConfig>, GateError> {
    let trust = |error: &dyn std::fmt::Display| GateError::Trust { place, problem: error.to_string() };
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in certs::chain(path).map_err(|error| trust(&error))? {
                roots.add(certificate).map_err(|error| trust(&error))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err(trust(&"no CA certificate was found; name one with ca_file"));
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| trust(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// What mints certificates for a listener, if anything does.
pub(super) type Minted = Option<Arc<dyn server::Mint>>;

/// `mints`: what mints certificates for each listener, in their order.
pub(super) fn server(config: &Config, mints: Vec<Minted>) -> server::Settings {
    server::Settings {
        listeners: config.listen.iter().zip(mints).enumerate().map(listener).collect(),
        workers: config.runtime.workers as usize,
        accept: match config.runtime.accept {
            config::Accept::LeastLoaded => server::Accept::LeastLoaded,
            config::Accept::Reuseport => server::Accept::ReusePort,
        },
        in_flight: usize::MAX, // the pipeline admits over all listeners, on record
        drain: config.runtime.drain,
        admin: config.admin,
        ..server::Settings::default()
    }
}

fn listener((number, (listen, mint)): (usize, (&config::Listen, Minted))) -> server::Listener {
    let limits = listen.limits;
    server::Listener {
        number,
        hosts: listen.hosts.clone(),
        proxy_protocol: listen.proxy_protocol.then(|| listen.trusted_proxies.clone()),
        http2: listen.http2,
        tls: listen.tls.as_ref().map(|found| tls(found, mint)),
        limits: server::Limits {
            connections: limits.connections as usize,
            per_address: limits.per_address as usize,
            in_flight: limits.in_flight as usize,
            head: usize::try_from(limits.head).unwrap_or(usize::MAX),
            head_timeout: limits.head_timeout,
            handshake_timeout: limits.handshake_timeout,
            idle: limits.idle,
            ..server::Limits::default()
        },
        ..server::Listener::new(listen.name.clone(), listen.address)
    }
}

fn tls(tls: &config::Tls, mint: Minted) -> server::Tls {
    let (client_ca, client_certificate) = match &tls.clients {
        config::ClientCertificates::None => (None, server::ClientCertificate::Off),
        config::ClientCertificates::Optional(ca) => (Some(ca.clone()), server::ClientCertificate::Optional),
        config::ClientCertificates::Required(ca) => (Some(ca.clone()), server::ClientCertificate::Required),
    };
    server::Tls {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        mint,
        minimum: match tls.minimum {
            config::TlsVersion::V12 => server::TlsVersion::V1_2,
            config::TlsVersion::V13 => server::TlsVersion::V1_3,
        },
        client_ca,
        client_certificate,
    }
}
