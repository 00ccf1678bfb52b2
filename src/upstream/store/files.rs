//! The files that hold object data: one per blob, named by its random id, never by a client's key.
//!
//! Invariants:
//! - a file is complete and on the disk before the index names it;
//! - a file is unlinked only after the index has durably forgotten it and while nobody reads it;
//! - what the index does not name when the store opens is an orphan and goes.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ring::rand::{SecureRandom, SystemRandom};

use super::StoreError;
use super::checksums::{hex, unhex};
use super::failpoint::{Failpoints, Point};
use super::record::BlobId;

/// The folder of blobs.
pub(super) struct Files {
    root: PathBuf,
    random: SystemRandom,
    pins: Mutex<HashMap<BlobId, Pin>>,
    janitor: SyncSender<BlobId>,
    failpoints: Failpoints,
}

/// Who reads a file, and whether it goes when the last of them is done.
#[derive(Default)]
struct Pin {
    readers: usize,
    doomed: bool,
}

impl Files {
    /// Opens the folder, making it if needed, and starts the thread that unlinks.
    pub(super) fn open(root: &Path, failpoints: Failpoints) -> Result<Arc<Self>, StoreError> {
        let failed = |error| StoreError::File("data folder", error);
        for first in 0..=u8::MAX {
            make_folder(&root.join(hex(&[first]))).map_err(failed)?;
        }
        sync_folder(root).map_err(failed)?;
        let (janitor, doomed) = sync_channel(1024);
        let files = Arc::new(Self {
            root: root.to_owned(),
            random: SystemRandom::new(),
            pins: Mutex::default(),
            janitor,
            failpoints,
        });
        let weak = Arc::downgrade(&files);
        std::thread::Builder::new()
            .name("store-unlink".into())
            .spawn(move || unlink_all(&weak, &doomed))
            .map_err(|error| StoreError::File("thread store-unlink", error))?;
        Ok(files)
    }

    /// A name that nobody has had before.
    pub(super) fn random_id(&self) -> Result<BlobId, StoreError> {
        let mut id = BlobId::default();
        self.random.fill(&mut id).map_err(|_| StoreError::Damaged("the system gives no random numbers"))?;
        Ok(id)
    }

    /// Makes a file to be filled. It goes again unless it is kept.
    pub(super) fn create(self: &Arc<Self>) -> Result<(Fresh, File), StoreError> {
        let id = self.random_id()?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path(&id))
            .map_err(|error| StoreError::File("new data file", error))?;
        Ok((Fresh { id, files: Some(Arc::clone(self)) }, file))
    }

    /// Brings a file and its name to the disk.
    pub(super) fn sync(&self, id: &BlobId, file: &File) -> Result<(), StoreError> {
        self.failpoints.reach(Point::FileSync);
        let folder = self.path(id).parent().map_or_else(|| Err(io::ErrorKind::NotFound.into()), sync_folder);
        file.sync_all().and(folder).map_err(|error| StoreError::File("sync of a data file", error))
    }

    /// Opens a file for reading.
    pub(super) fn read(&self, id: &BlobId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Keeps files in place until the guard goes.
    pub(super) fn pin(self: &Arc<Self>, ids: Vec<BlobId>) -> Pinned {
        let mut pins = self.pins();
        for id in &ids {
            pins.entry(*id).or_default().readers += 1;
        }
        drop(pins);
        Pinned { ids, files: Arc::clone(self) }
    }

    /// Unlinks files that the index has forgotten, at once or after their last reader.
    pub(super) fn doom(&self, ids: Vec<BlobId>) {
        for id in ids {
            let held = self.pins().get_mut(&id).map(|pin| pin.doomed = true).is_some();
            if !held {
                self.unlink_soon(id);
            }
        }
    }

    /// Removes every file that `known` does not know. To be called before anything is served.
    pub(super) fn sweep(&self, known: impl Fn(&BlobId) -> Result<bool, StoreError>) -> Result<u64, StoreError> {
        let failed = |error| StoreError::File("data folder", error);
        let mut swept = 0;
        for first in 0..=u8::MAX {
            for entry in fs::read_dir(self.root.join(hex(&[first]))).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name();
                // What is not named like a blob is not ours to remove.
                let Some(id) = name.to_str().and_then(unhex::<16>) else { continue };
                if !known(&id)? {
                    match fs::remove_file(self.path(&id)) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                        _ => swept += 1,
                    }
                }
            }
        }
        Ok(swept)
    }

    fn path(&self, id: &BlobId) -> PathBuf {
        let [first, ..] = id;
        let mut path = self.root.join(hex(&[*first]));
        path.push(hex(id));
        path
    }

    fn unlink_soon(&self, id: BlobId) {
        // The thread ends only with the store; what is left then is swept at the next start.
        let _ = self.janitor.send(id);
    }

    fn pins(&self) -> MutexGuard<'_, HashMap<BlobId, Pin>> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unlink_all(files: &Weak<Files>, doomed: &Receiver<BlobId>) {
    while let Ok(id) = doomed.recv() {
        let Some(files) = files.upgrade() else { return };
        if let Err(error) = fs::remove_file(files.path(&id)) {
            tracing::warn!(%error, "a data file that is no longer needed cannot be removed");
        }
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A file that the index does not name yet; unlinked when this goes without being kept.
pub(super) struct Fresh {
    pub(super) id: BlobId,
    files: Option<Arc<Files>>,
}

impl Fresh {
    /// The index names it now, or may do so.
    pub(super) fn keep(mut self) {
        self.files = None;
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(files) = self.files.take() {
            files.unlink_soon(self.id);
        }
    }
}

/// Files that stay as long as this does, whatever the index says.
pub(super) struct Pinned {
    ids: Vec<BlobId>,
    files: Arc<Files>,
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut free = Vec::new();
        let mut pins = self.files.pins();
        for id in &self.ids {
            let Some(pin) = pins.get_mut(id) else { continue };
            pin.readers = pin.readers.saturating_sub(1);
            if pin.readers == 0 && pins.remove(id).is_some_and(|pin| pin.doomed) {
                free.push(*id);
            }
        }
        drop(pins);
        for id in free {
            self.files.unlink_soon(id);
        }
    }
}
