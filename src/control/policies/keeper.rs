//! The one who takes new generations: reads the folder, compares it with what is live, swaps.
//!
//! Invariants:
//! - one at a time: reloads and changes wait for each other;
//! - what is not taken leaves the live generation, and the files of a change, as they were;
//! - a document that a request brings is on the disk before it is in force;
//! - of several processes with one folder, one at a time changes it: what another one wrote is seen, and
//!   never written over.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::config::Config;
use super::super::files;
use super::super::finding::{Finding, Findings};
use super::super::metrics::Metrics;
use super::super::{ProcessEnvironment, credentials};
use super::draft::{self, Draft};
use super::picture::Picture;
use super::point_change;
use super::widening::{Widening, widenings};
use super::{Loaded, load_with};
use crate::identity::Directory;
use crate::pipeline::{Change, no_point, point_exists};
use crate::policy::block;
use crate::policy::encryption::BucketDefault;
use crate::policy::engine::Sources;
use crate::policy::engine::public::Block;
use crate::policy::logging::BucketLogging;
use crate::s3::name::{is_account, is_addressable_bucket};
use crate::s3::{Code, Fault};

/// The files of a bucket.
const POLICY: &str = "policy.json";
const TERMS: &str = "policy.toml";
const BLOCK: &str = "public-access-block.json";
const SETTINGS: &str = "settings.toml";
const ENCRYPTION: &str = "encryption.json";
const LOGGING: &str = "logging.json";

/// Puts a generation in the place of the live one and gives its number.
pub type Take = Box<dyn Fn(Directory, Loaded) -> u64 + Send + Sync>;

/// Whether something that opens more than before may be taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Consent {
    /// Somebody said so, for this once.
    Given,
    /// Nobody did: the configuration decides.
    None,
}

/// A generation that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its number.
    pub number: u64,
    /// What somebody should know about it.
    pub warnings: Findings,
}

/// Why a change that a request asks for was not made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChangeFault {
    /// What kind of reason.
    pub kind: ChangeFaultKind,
    /// Everything, for the log alone: it may name files and other policies.
    pub detail: String,
}

/// Kinds of reasons.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChangeFaultKind {
    /// `policy_api = "refuse"`.
    Off,
    /// A bucket was made that another account has made meanwhile.
    Taken,
    /// An access point of this name is there already.
    PointTaken,
    /// The access point is not there.
    PointMissing,
    /// What is to be tagged is not there.
    ResourceMissing,
    /// With the change, it would have tags that it may not have.
    Tags,
    /// Access points are in another region of this endpoint.
    Elsewhere,
    /// With the change, the folder would not be taken: a policy test fails, or the document is none.
    Refused,
    /// The folder cannot be read or written, or holds changes that were refused.
    Unavailable,
}

/// Keeps the folder and what of it is live.
pub struct Keeper {
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    take: Take,
    live: Mutex<Standing>,
}

/// The generation that is live, as far as the next one is compared with it.
pub struct Standing {
    sources: Sources,
    /// Files outside of the folder that the directory was read from.
    named: Vec<PathBuf>,
    /// The files when they were read last.
    seen: Picture,
    /// Whether what was read then is what is live.
    is_taken: bool,
}

/// A generation that was read and may be taken.
struct Candidate {
    directory: Directory,
    loaded: Loaded,
    widenings: Vec<Widening>,
}

impl Standing {
    /// A folder that was read for a directory, about to be live.
    pub fn of(directory: &Directory, loaded: &Loaded) -> Self {
        Self {
            sources: loaded.sources.clone(),
            named: directory.files().to_vec(),
            seen: loaded.picture.clone(),
            is_taken: true,
        }
    }
}

impl Keeper {
    /// Begins with a generation that is live already. `take` replaces it.
    pub fn new(config: Arc<Config>, metrics: Arc<Metrics>, live: Standing, take: Take) -> Self {
        Self { config, metrics, take, live: Mutex::new(live) }
    }

    /// Reads everything again and takes it if it is good.
    ///
    /// # Errors
    /// What is wrong with it. What was live stays.
    pub fn reload(&self, consent: Consent) -> Result<Taken, Findings> {
        self.reload_locked(&mut self.lock(), consent)
    }

    /// The same, if a file has changed since the last time; `None` if not.
    pub fn refresh(&self) -> Option<Result<Taken, Findings>> {
        let mut live = self.lock();
        let seen = self.picture(&live);
        (seen != live.seen).then(|| self.reload_locked(&mut live, Consent::None))
    }

    /// Whether a file has changed since the last time, and how all of them look.
    pub(super) fn changed(&self) -> Option<Picture> {
        let live = self.lock();
        Some(self.picture(&live)).filter(|seen| *seen != live.seen)
    }

    /// Folders whose changes matter. Each is watched once: a second watch of the same folder would take the
    /// place of the first, and not look into folders that are made later.
    pub(super) fn watched(&self) -> Vec<PathBuf> {
        let policies = &self.config.policies;
        let parent = self.config.credentials.parent().filter(|parent| !parent.starts_with(policies));
        std::iter::once(policies.clone()).chain(parent.map(Path::to_owned)).collect()
    }

    fn picture(&self, live: &Standing) -> Picture {
        Picture::take(&self.config, &live.named)
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        // Nothing in here is left half-done.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload_locked(&self, live: &mut Standing, consent: Consent) -> Result<Taken, Findings> {
        // Looked at before it is read: what changes meanwhile is seen the next time.
        live.seen = self.picture(live);
        live.is_taken = false;
        match self.candidate(live, &[], consent) {
            Ok(candidate) => Ok(self.swap(live, candidate)),
            Err(findings) => {
                self.metrics.policy_reload_failed();
                Err(findings)
            }
        }
    }

    /// Reads the folder, with drafts of some files in their place, and compares it with what is live.
    fn candidate(&self, live: &Standing, drafts: &[Draft], consent: Consent) -> Result<Candidate, Findings> {
        let (directory, mut warnings) = credentials::load(&self.config, &ProcessEnvironment)?;
        let mut loaded = load_with(&self.config, &directory, drafts)?;
        let widenings = widenings(&live.sources, &loaded.sources);
        if consent == Consent::None && !self.config.allow_widening && !widenings.is_empty() {
            return Err(refused(&self.config.policies, &widenings));
        }
        warnings.extend(std::mem::take(&mut loaded.warnings));
        loaded.warnings = warnings;
        Ok(Candidate { directory, loaded, widenings })
    }

    fn swap(&self, live: &mut Standing, candidate: Candidate) -> Taken {
        let Candidate { directory, loaded, widenings } = candidate;
        for widening in &widenings {
            tracing::warn!(file = widening.place, "{widening}: more is open than before");
        }
        live.sources.clone_from(&loaded.sources);
        live.named = directory.files().to_vec();
        live.is_taken = true;
        let warnings = loaded.warnings.clone();
        Taken { number: (self.take)(directory, loaded), warnings }
    }

    /// Makes a change that a request asks for, all or nothing, and gives the number of the generation that
    /// has it; none where nothing is to be written. Blocks: it reads the folder, writes files, and waits
    /// for the disk.
    ///
    /// A request that may set a policy may also widen: that is its consent. Whether Block Public Access
    /// lets it be written is for the caller to check.
    ///
    /// # Errors
    /// [`ChangeFault`]: nothing has changed.
    pub fn change(&self, change: &Change) -> Result<Option<u64>, ChangeFault> {
        if !self.config.policy_api {
            return self.without_files(change);
        }
        let unavailable = |detail| ChangeFault { kind: ChangeFaultKind::Unavailable, detail };
        let mut live = self.lock();
        // Another proxy of the same folder may be in between its look and its write.
        let _folder = files::only_here(&self.config.policies).map_err(|fault| unavailable(fault.to_string()))?;
        self.settle(&mut live).map_err(unavailable)?;
        if let Change::Made { bucket, owner } = change
            && let Some(there) = live.sources.buckets.get(bucket)
        {
            // Who comes second does not take it over, nor open or close what is in it.
            let detail = format!("`{bucket}` belongs to {} already", there.owner);
            let taken = ChangeFault { kind: ChangeFaultKind::Taken, detail };
            return if there.owner == *owner { Ok(None) } else { Err(taken) };
        }
        point_change::check(&live.sources, change)?;
        let drafts = self.drafts(change)?;
        let candidate = self.candidate(&live, &drafts, Consent::Given).map_err(|findings| {
            self.metrics.policy_reload_failed();
            ChangeFault { kind: ChangeFaultKind::Refused, detail: findings.to_string() }
        })?;
        match draft::write(&drafts) {
            Ok(()) => {}
            // A folder that cannot be written to gets no policies that could open the bucket either.
            Err(unwritten) if self.needs_no_file(change) => {
                tracing::warn!(
                    detail = unwritten.detail,
                    "a new bucket has no file of its own: set `policy_api = \"refuse\"` if that is meant"
                );
                return Ok(None);
            }
            // Another process of the same folder was faster.
            Err(unwritten) if unwritten.exists => {
                return Err(ChangeFault { kind: ChangeFaultKind::PointTaken, detail: unwritten.detail });
            }
            Err(unwritten) => return Err(unavailable(unwritten.detail)),
        }
        // The watcher need not read again what has just been read.
        drafts.iter().for_each(|draft| live.seen.again(&draft.path));
        Ok(Some(self.swap(&mut live, candidate).number))
    }

    /// Where requests write nothing. Files of buckets that are gone are the operator's.
    fn without_files(&self, change: &Change) -> Result<Option<u64>, ChangeFault> {
        match change {
            Change::Gone { .. } => Ok(None),
            _ if self.needs_no_file(change) => Ok(None),
            _ => Err(ChangeFault { kind: ChangeFaultKind::Off, detail: "policy_api = \"refuse\"".to_owned() }),
        }
    }

    /// Whether a change is what holds without a file: the proxy's own account owns every other bucket.
    fn needs_no_file(&self, change: &Change) -> bool {
        matches!(change, Change::Made { owner, .. } if *owner == self.config.account)
    }

    /// Takes what has changed in the folder, so that a request brings in nothing but its own change: it
    /// must not be the consent to what somebody else has written.
    fn settle(&self, live: &mut Standing) -> Result<(), String> {
        if self.picture(live) != live.seen {
            return self.reload_locked(live, Consent::None).map(drop).map_err(|findings| findings.to_string());
        }
        live.is_taken.then_some(()).ok_or_else(|| "the folder holds changes that were refused".to_owned())
    }

    /// The files of a change, as they are to be, in an order that a crash between two of them opens nothing:
    /// the owner comes first, and what keeps strangers out goes last.
    fn drafts(&self, change: &Change) -> Result<Vec<Draft>, ChangeFault> {
        let unavailable = |detail| ChangeFault { kind: ChangeFaultKind::Unavailable, detail };
        match self.files(change) {
            Some(drafts) => drafts.map_err(unavailable),
            None => point_change::drafts(&self.config, change),
        }
    }

    /// Those of buckets and accounts; none where a change is about an access point.
    fn files(&self, change: &Change) -> Option<Result<Vec<Draft>, String>> {
        let file = |bucket: &str, file: &str, text: Option<String>| {
            if !is_addressable_bucket(bucket) {
                return Err(format!("`{bucket}` is no name of a bucket"));
            }
            Draft::new(self.config.policies.join("buckets").join(bucket).join(file), text)
        };
        let drafts = match change {
            Change::Policy { bucket, document, binds_root } => {
                let text = document.as_ref().map(|text| String::from_utf8(text.to_vec())).transpose();
                let text = text.map_err(|_| "the policy is not UTF-8".to_owned());
                let policy = text.and_then(|text| file(bucket, POLICY, text));
                let terms = file(bucket, TERMS, binds_root.then(|| "binds_root = true\n".to_owned()));
                // A crash between the two must not bind the root user to a policy that was not meant so.
                if *binds_root { vec![policy, terms] } else { vec![terms, policy] }
            }
            Change::Block { bucket, block } => vec![file(bucket, BLOCK, block.map(block::write))],
            Change::Encryption { bucket, default } => {
                vec![file(bucket, ENCRYPTION, default.as_ref().map(BucketDefault::to_json))]
            }
            Change::Logging { bucket, logging } => {
                vec![file(bucket, LOGGING, logging.as_ref().map(BucketLogging::to_json))]
            }
            Change::AccountBlock { account, block } => vec![self.account(account, block.map(block::write))],
            Change::Made { bucket, owner } => vec![
                file(bucket, SETTINGS, Some(format!("owner = \"{owner}\"\n"))),
                file(bucket, BLOCK, Some(block::write(Block::ALL))),
            ],
            Change::Gone { bucket } => [TERMS, POLICY, ENCRYPTION, LOGGING, SETTINGS, BLOCK]
                .iter()
                .map(|name| file(bucket, name, None))
                .collect(),
            // Not of this folder.
            Change::Retired { .. } | Change::Reused { .. } => Vec::new(),
            Change::NewPoint { .. }
            | Change::PointGone { .. }
            | Change::PointPolicy { .. }
            | Change::PointTags { .. } => return None,
        };
        Some(drafts.into_iter().collect())
    }

    fn account(&self, account: &str, text: Option<String>) -> Result<Draft, String> {
        if !is_account(account) {
            return Err(format!("`{account}` is no account"));
        }
        Draft::new(self.config.policies.join("accounts").join(account).join(BLOCK), text)
    }
}

impl fmt::Display for ChangeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.message(), self.detail)
    }
}

impl std::error::Error for ChangeFault {}

impl ChangeFaultKind {
    /// What the caller hears. It says nothing about other policies.
    pub fn message(self) -> &'static str {
        match self {
            Self::Elsewhere => "Access points are in another region of this endpoint.",
            Self::Off => "Policies are set by the operator of this endpoint, not by requests.",
            Self::PointMissing | Self::PointTaken | Self::ResourceMissing => self.code().message(),
            Self::Refused => "The rules of this endpoint do not allow this change.",
            Self::Tags => "The resource cannot have these tags.",
            Self::Taken => "The requested bucket name is not available.",
            Self::Unavailable => "Policies cannot be changed now. Please try again.",
        }
    }

    /// A constant for records and metrics.
    fn reason(self) -> &'static str {
        match self {
            Self::Elsewhere => "access-point-region",
            Self::Off => "policy-api-off",
            Self::PointMissing => "no-access-point",
            Self::PointTaken => "access-point-exists",
            Self::Refused => "policy-change-refused",
            Self::ResourceMissing => "no-such-resource",
            Self::Tags => "tag",
            Self::Taken => "bucket-exists",
            Self::Unavailable => "policy-change-unavailable",
        }
    }

    fn code(self) -> Code {
        match self {
            Self::Elsewhere => Code::NotImplemented,
            Self::Off | Self::Refused => Code::AccessDenied,
            Self::PointMissing => Code::NoSuchAccessPoint,
            Self::PointTaken => Code::AccessPointAlreadyOwnedByYou,
            Self::ResourceMissing => Code::NoSuchResource,
            Self::Tags => Code::InvalidTag,
            Self::Taken => Code::BucketAlreadyExists,
            Self::Unavailable => Code::ServiceUnavailable,
        }
    }
}

impl From<ChangeFault> for Fault {
    fn from(ChangeFault { kind, detail }: ChangeFault) -> Self {
        let fault = match kind {
            ChangeFaultKind::PointMissing => no_point(&detail),
            ChangeFaultKind::PointTaken => point_exists(),
            _ => Self::new(kind.code(), kind.reason(), kind.message()),
        };
        fault.detail(detail)
    }
}

/// Why a generation that opens more is not taken.
fn refused(folder: &Path, widenings: &[Widening]) -> Findings {
    let mut findings = Findings::default();
    for widening in widenings {
        let message = format!("{widening}, and more is open than before");
        let path = folder.join(&widening.place);
        let help =
            "if it is meant: `bartizan reload --allow-widening`, or `allow_widening = true` in the configuration";
        findings.push(Finding::file(&path, message).help(help));
    }
    findings
}
