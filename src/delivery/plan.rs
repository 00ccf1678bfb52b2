//! What is read before the first request is answered: cursors, keys, and where each destination begins.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::counts::Counts;
use super::cursor::Cursor;
use super::hide::Hide;
use super::settings::{Settings, Sink};
use crate::audit::digest::SigningKey;
use crate::audit::{Damage, follow, instance};

/// What deliveries are about.
pub struct Plan {
    /// What goes where.
    pub settings: Arc<Settings>,
    /// The folder of the journal.
    pub journal: PathBuf,
    /// The folder of cursors.
    pub folder: PathBuf,
    /// The proxy's own account.
    pub account: String,
    /// The proxy's own region.
    pub region: String,
    /// Who counts.
    pub counts: Arc<Counts>,
}

/// Why deliveries cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The journal cannot be read.
    #[error("the journal cannot be read for deliveries: {0}")]
    Journal(#[from] Damage),
    /// A file of deliveries cannot be used.
    #[error("{path:?}, which deliveries need, cannot be used: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The key that signs digests.
    #[error("the key of digests in {path:?} cannot be used: {why}")]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Deliveries that are about to begin.
pub struct Prepared {
    pub(super) plan: Plan,
    pub(super) instance: [u8; 16],
    /// The number behind the last record, and that of the first one in its file.
    pub(super) end: (u64, u64),
    pub(super) sinks: Vec<(Sink, PathBuf, Cursor)>,
    pub(super) hide: Option<Arc<Hide>>,
    pub(super) key: Option<Arc<SigningKey>>,
}

impl Plan {
    /// Reads what is there, and writes down where new destinations begin, so that a crash right after
    /// leaves nothing out.
    ///
    /// # Errors
    /// [`PlanError`]
    pub fn prepare(self) -> Result<Prepared, PlanError> {
        let instance = instance(&self.journal)?.unwrap_or_default();
        let end = follow::end(&self.journal)?;
        let hide = match self.settings.hash_keys {
            true => Some(Arc::new(Hide::open(&self.folder).map_err(|error| io_in(&self.folder, error))?)),
            false => None,
        };
        let key = self.settings.trail_key.as_deref().map(read_key).transpose()?;
        let mut sinks = Vec::new();
        for sink in &self.settings.sinks {
            let path = self.folder.join(format!("{}.json", sink.name));
            let begin = if sink.from_start { (1, 1) } else { end };
            let cursor = cursor(&path, instance, begin)?;
            sinks.push((sink.clone(), path, cursor));
        }
        Ok(Prepared { plan: self, instance, end, sinks, hide, key })
    }
}

impl Prepared {
    /// Whether anything is delivered whatever buckets say.
    pub fn has_sinks(&self) -> bool {
        !self.sinks.is_empty()
    }
}

/// The cursor of a destination; a new one is stored at once. One of another journal begins with the first
/// record of this one: what was not delivered of that is gone with it, and is said.
pub(super) fn cursor(path: &Path, instance: [u8; 16], begin: (u64, u64)) -> Result<Cursor, PlanError> {
    let name = hexadecimal(&instance);
    let failed = |error| io_in(path, error);
    let (next, resume) = match Cursor::load(path) {
        Ok(Some(cursor)) if cursor.instance == name => return Ok(cursor),
        Ok(Some(cursor)) => {
            let cursor_of = cursor.instance;
            tracing::error!(file = %path.display(), cursor_of, "the journal is another than before; deliveries begin with its first record");
            (1, 1)
        }
        Ok(None) => begin,
        Err(error) => return Err(failed(error)),
    };
    let cursor = Cursor {
        instance: name,
        resume_from: resume.min(next).max(1),
        delivered: next.saturating_sub(1),
        ..Cursor::default()
    };
    cursor.store(path).map_err(failed)?;
    Ok(cursor)
}

pub(super) fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn io_in(path: &Path, error: io::Error) -> PlanError {
    PlanError::Io { path: path.to_owned(), error }
}

fn read_key(path: &Path) -> Result<Arc<SigningKey>, PlanError> {
    let pem = std::fs::read(path).map_err(|error| io_in(path, error))?;
    let key = SigningKey::from_pem(&pem);
    key.map(Arc::new).map_err(|error| PlanError::Key { path: path.to_owned(), why: error.to_string() })
}
