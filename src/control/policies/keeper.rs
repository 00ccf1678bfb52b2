//! The one who takes new generations: reads the folder, compares it with what is live, swaps.
//!
//! Invariants:
//! - one at a time: reloads and changes wait for each other;
//! - what is not taken leaves the live generation, and the files of a change, as they were;
//! - a document that a request brings is on the disk before it is in force.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::config::Config;
use super::super::files;
use super::super::finding::{Finding, Findings};
use super::super::metrics::Metrics;
use super::super::{ProcessEnvironment, credentials};
use super::folder::Draft;
use super::picture::Picture;
use super::widening::{Widening, widenings};
use super::{Loaded, load_with};
use crate::access::change::{Change, ChangeFault, ChangeFaultKind};
use crate::identity::Directory;
use crate::policy::block;
use crate::policy::engine::Sources;
use crate::policy::engine::public::Block;

/// Files of a bucket that requests write.
const BLOCK: &str = "public-access-block.json";
const POLICY: &str = "policy.json";
const SETTINGS: &str = "settings.toml";

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

/// Keeps the folder and what of it is live.
pub struct Keeper {
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    take: Take,
    live: Mutex<Live>,
}

/// The generation that is live.
struct Live {
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

impl Keeper {
    /// Begins with a generation that is live already. `take` replaces it.
    pub fn new(config: Arc<Config>, metrics: Arc<Metrics>, directory: &Directory, loaded: &Loaded, take: Take) -> Self {
        let live = Live {
            sources: loaded.sources.clone(),
            named: directory.files().to_vec(),
            seen: loaded.picture.clone(),
            is_taken: true,
        };
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

    /// Folders whose changes matter.
    pub(super) fn watched(&self) -> Vec<PathBuf> {
        let parent = self.config.credentials.parent().map(Path::to_owned);
        std::iter::once(self.config.policies.clone()).chain(parent).collect()
    }

    fn picture(&self, live: &Live) -> Picture {
        Picture::take(&self.config, &live.named)
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        // Nothing in here is left half-done.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reload_locked(&self, live: &mut Live, consent: Consent) -> Result<Taken, Findings> {
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

    /// Reads the folder, with drafts of files in their places, and compares it with what is live.
    fn candidate(&self, live: &Live, drafts: &[Draft], consent: Consent) -> Result<Candidate, Findings> {
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

    fn swap(&self, live: &mut Live, candidate: Candidate) -> Taken {
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
    /// has it. Blocks: it reads the folder, writes a file, and waits for the disk.
    ///
    /// A request that may set a policy may also widen: that is its consent. Whether Block Public Access
    /// lets it be written is for the caller to check.
    ///
    /// # Errors
    /// [`ChangeFault`]: nothing has changed.
    pub fn change(&self, change: &Change) -> Result<u64, ChangeFault> {
        if !self.config.policy_api {
            return Err(fault(ChangeFaultKind::Off, "policy_api = \"refuse\""));
        }
        let mut live = self.lock();
        self.settle(&mut live).map_err(|detail| fault(ChangeFaultKind::Unavailable, detail))?;
        let drafts = self.drafts(change).map_err(|detail| fault(ChangeFaultKind::Unavailable, detail))?;
        let candidate = self.candidate(&live, &drafts, Consent::Given).map_err(|findings| {
            self.metrics.policy_reload_failed();
            fault(ChangeFaultKind::Refused, findings.to_string())
        })?;
        write(&drafts).map_err(|detail| fault(ChangeFaultKind::Unavailable, detail))?;
        // The watcher need not read again what has just been read.
        drafts.iter().for_each(|draft| live.seen.again(&draft.path));
        Ok(self.swap(&mut live, candidate).number)
    }

    /// Takes what has changed in the folder, so that a request brings in nothing but its own change: it
    /// must not be the consent to what somebody else has written.
    fn settle(&self, live: &mut Live) -> Result<(), String> {
        if self.picture(live) != live.seen {
            return self.reload_locked(live, Consent::None).map(drop).map_err(|findings| findings.to_string());
        }
        live.is_taken.then_some(()).ok_or_else(|| "the folder holds changes that were refused".to_owned())
    }

    /// The files of a change, as they are to be.
    fn drafts(&self, change: &Change) -> Result<Vec<Draft>, String> {
        let of = |bucket: &str, file: &str, text: Option<String>| {
            let path = crate::s3::name::is_addressable_bucket(bucket)
                .then(|| self.config.policies.join("buckets").join(bucket).join(file))
                .ok_or_else(|| format!("`{bucket}` is no name of a bucket"))?;
            Ok::<_, String>(Draft { path, text })
        };
        Ok(match change {
            Change::BucketPolicy { bucket, document } => vec![of(bucket, POLICY, document.clone())?],
            Change::BucketBlock { bucket, block } => vec![of(bucket, BLOCK, block.map(block::write))?],
            Change::BucketMade { bucket, owner } => {
                let settings = (*owner != self.config.account).then(|| format!("owner = \"{owner}\"\n"));
                vec![of(bucket, SETTINGS, settings)?, of(bucket, BLOCK, Some(block::write(Block::ALL)))?]
            }
            Change::BucketGone { bucket } => {
                [POLICY, SETTINGS, BLOCK].into_iter().map(|file| of(bucket, file, None)).collect::<Result<_, _>>()?
            }
            Change::AccountBlock { account, block } => {
                vec![Draft { path: self.account(account)?, text: block.map(block::write) }]
            }
        })
    }

    fn account(&self, account: &str) -> Result<PathBuf, String> {
        if !crate::s3::name::is_account(account) {
            return Err(format!("`{account}` is no account"));
        }
        Ok(self.config.policies.join("accounts").join(account).join("public-access-block.json"))
    }
}

fn fault(kind: ChangeFaultKind, detail: impl Into<String>) -> ChangeFault {
    ChangeFault { kind, detail: detail.into() }
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

/// Writes all of them, or puts those back that were written before one that cannot be.
fn write(drafts: &[Draft]) -> Result<(), String> {
    let mut before: Vec<Draft> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let there = draft.path.exists().then(|| files::read_text(&draft.path, u64::MAX));
        let written = there.transpose().and_then(|text| {
            draft.write()?;
            Ok(text)
        });
        match written {
            Ok(text) => before.push(Draft { path: draft.path.clone(), text }),
            Err(error) => {
                for draft in before.iter().rev() {
                    if let Err(error) = draft.write() {
                        tracing::error!(path = %draft.path.display(), %error, "a file could not be put back");
                    }
                }
                return Err(format!("`{}` {error}", draft.path.display()));
            }
        }
    }
    Ok(())
}

impl Draft {
    /// Puts the file in its place, on the disk.
    fn write(&self) -> Result<(), files::FileFault> {
        match &self.text {
            Some(text) => files::put(&self.path, text.as_bytes()),
            None => files::remove(&self.path),
        }
    }
}
