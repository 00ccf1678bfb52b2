//! The journal's promises, on real files and on disks that fail.

mod laundering;
mod recovery;
mod retention;
mod signing;
mod tampering;
mod trouble;
mod writing;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::disk::{Disk, Local, Room, Tape};
use super::*;
use crate::id::RequestId;
use crate::time::Millis;

/// The id of the nth request.
fn id(nth: u64) -> RequestId {
    let mut random = [0; 34];
    for (place, octet) in random.iter_mut().enumerate() {
        *octet = u8::try_from((nth >> (4 * (place % 16))) & 0xF).unwrap();
    }
    RequestId::from_random(&random)
}

fn intent(nth: u64) -> Intent<'static> {
    Intent {
        operation: Some("PutObject"),
        bucket: Some(b"b"),
        key: Some(b"k"),
        decision: Decision::Allow,
        ..Intent::new(id(nth), Millis(0))
    }
}

fn end() -> Completion<'static> {
    Completion { outcome: Outcome::Completed, status: Some(200), ..Completion::default() }
}

/// Small segments, so that rolling is part of every test.
fn small(before: Before) -> Settings {
    Settings { before, segment_size: 8192, min_free: Some(0), ..Settings::default() }
}

/// Runs a future on this thread.
fn wait<F: Future>(future: F) -> F::Output {
    struct Thread(std::thread::Thread);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Thread(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// What a process that is killed now would leave.
fn image(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    super::segment::list(dir).unwrap().into_iter().map(|name| name.path).collect()
}

fn entries(dir: &Path) -> Vec<Entry> {
    records(dir).collect::<Result<_, _>>().unwrap()
}

fn json(entry: &Entry) -> serde_json::Value {
    serde_json::from_str(&entry.json).unwrap()
}

fn of_kind(dir: &Path, kind: Kind) -> Vec<String> {
    let ids = entries(dir).into_iter().filter(|entry| entry.kind == kind);
    ids.map(|entry| json(&entry)["request_id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits until something that another thread brings about is so.
fn until(mut so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("it never came about");
}

/// How a disk misbehaves, shared with the test.
#[derive(Default)]
struct Faults {
    /// Every write fails.
    write: AtomicBool,
    /// Every sync fails.
    sync: AtomicBool,
    /// No file can be made.
    create: AtomicBool,
    /// The next so many syncs fail.
    syncs: AtomicU64,
    /// Cutting a file fails.
    cut: AtomicBool,
    /// Writing panics.
    panic: AtomicBool,
    /// How long a write takes, in milliseconds.
    slow: AtomicU64,
    /// Octets that are free.
    free: AtomicU64,
    /// Writes so far.
    writes: AtomicU64,
    synced: AtomicU64,
}

impl Faults {
    fn set(fault: &AtomicBool, on: bool) {
        fault.store(on, Ordering::SeqCst);
    }

    fn check(fault: &AtomicBool) -> io::Result<()> {
        if fault.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

struct BadDisk(Arc<Faults>);

struct BadTape(Arc<Faults>, Box<dyn Tape>);

impl Disk for BadDisk {
    fn create(&self, path: &Path, size: u64) -> io::Result<Box<dyn Tape>> {
        Faults::check(&self.0.create)?;
        Ok(Box::new(BadTape(Arc::clone(&self.0), Local.create(path, size)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Faults::check(&self.0.create)?;
        Local.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Local.remove(path)
    }

    fn sync_names(&self, dir: &Path) -> io::Result<()> {
        Local.sync_names(dir)
    }

    fn room(&self, _: &Path) -> io::Result<Room> {
        Ok(Room { free: self.0.free.load(Ordering::SeqCst), total: 100 << 30 })
    }
}

impl Tape for BadTape {
    fn write(&mut self, octets: &[u8], offset: u64) -> io::Result<()> {
        if self.0.write.load(Ordering::SeqCst) {
            // Half of it arrives.
            self.1.write(&octets[..octets.len() / 2], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        std::thread::sleep(std::time::Duration::from_millis(self.0.slow.load(Ordering::SeqCst)));
        assert!(!self.0.panic.load(Ordering::SeqCst), "a bug");
        self.0.writes.fetch_add(1, Ordering::SeqCst);
        self.1.write(octets, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        Faults::check(&self.0.sync)?;
        let left = self.0.syncs.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() {
            return Err(io::Error::other("sync"));
        }
        self.0.synced.fetch_add(1, Ordering::SeqCst);
        self.1.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        Faults::check(&self.0.cut)?;
        self.1.cut(length)
    }
}

/// A journal on a disk that can be told to fail.
fn troubled(dir: &Path, settings: Settings) -> (Journal, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    faults.free.store(u64::MAX, Ordering::SeqCst);
    let (journal, _) = Journal::open_on(dir, settings, Box::new(BadDisk(Arc::clone(&faults)))).unwrap();
    (journal, faults)
}
