//! What is known of the parts of multipart objects: noted when an upload is completed, or when all headers of
//! an object have been verified.
//!
//! An aid, not the truth: what is not known is found out from the object itself, header by header. What is
//! known saves that, gives lists the sizes of uploads with ragged parts, and tells an object of which the store
//! has left parts out. It is written down without waiting for the disk; a crash may cost the last lines.

use std::collections::{HashMap, VecDeque};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::parts::Parts;
use crate::seal::ObjectId;

/// How many multipart objects are remembered; with more, the oldest are forgotten. At most 60 MB.
const MOST_OBJECTS: usize = 1 << 18;
/// How many runs of equal parts are kept over all objects: 16 MB.
const MOST_RUNS: usize = 1 << 20;
/// The longest file that is read, in octets; half of it is written before it is written anew.
const LONGEST_FILE: u64 = 256 << 20;
/// Objects that may wait for being written.
const WAITING: usize = 4096;

/// The parts of multipart objects; shared by all workers.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    inner: Arc<Mutex<Inner>>,
    /// Where it is written down; none where it is only remembered.
    pen: Option<SyncSender<Line>>,
}

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<ObjectId, Known>,
    by_tag: HashMap<Box<str>, ObjectId>,
    order: VecDeque<ObjectId>,
    runs: usize,
}

/// What is known of an object.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Known {
    etag: Box<str>,
    parts: Parts,
}

/// What the catalogue says of an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// Its parts.
    Parts(Parts),
    /// An upload has this id that came to another object: parts were left out, or put together anew.
    Other,
    /// Nothing.
    Nothing,
}

/// An object as the file has it: one line of JSON.
#[derive(Debug, Deserialize, Serialize)]
struct Line {
    etag: String,
    /// In base64.
    id: String,
    runs: Vec<(u32, u32, u64)>,
}

impl Line {
    fn of(id: &ObjectId, known: &Known) -> Self {
        Self { etag: known.etag.to_string(), id: STANDARD.encode(id), runs: known.parts.runs().collect() }
    }

    fn read(self) -> Option<(ObjectId, Known)> {
        let id = STANDARD.decode(self.id).ok()?.try_into().ok()?;
        Some((id, Known { etag: self.etag.into(), parts: Parts::from_runs(&self.runs)? }))
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

impl Catalogue {
    /// One that is kept in a file. What of the file cannot be read is left out: it is found out again.
    ///
    /// # Errors
    /// The file cannot be read or made, or there is no thread to write it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut text = Vec::new();
        io::Read::by_ref(&mut file).take(LONGEST_FILE).read_to_end(&mut text)?;
        let inner = Arc::new(Mutex::new(Inner::default()));
        let lines = text.split(|octet| *octet == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        lines.filter_map(Line::read).for_each(|(id, known)| lock(&inner).note(id, known));
        if text.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n")?; // a line that was cut off stays alone
        }
        let (pen, lines) = sync_channel(WAITING);
        let mut desk = Desk { path: path.to_owned(), size: text.len() as u64, file, inner: Arc::clone(&inner) };
        std::thread::Builder::new().name("sealed-parts".to_owned()).spawn(move || desk.serve(&lines))?;
        Ok(Self { inner, pen: Some(pen) })
    }

    /// Remembers the parts of an object. No two uploads share an id, and no upload makes two objects.
    pub(super) fn note(&self, etag: &str, id: ObjectId, parts: Parts) {
        let etag: Box<str> = etag.trim_matches('"').into();
        let known = Known { etag, parts };
        if let Some(pen) = &self.pen
            && pen.try_send(Line::of(&id, &known)).is_err()
        {
            tracing::warn!("the catalogue of sealed parts is behind; an object is only remembered");
        }
        self.lock().note(id, known);
    }

    /// The parts of an object with an id, a tag and a length.
    pub(super) fn find(&self, id: &ObjectId, etag: &str, sealed: u64) -> Found {
        let inner = self.lock();
        match inner.known.get(id) {
            None => Found::Nothing,
            Some(known) if *known.etag == *etag.trim_matches('"') && known.parts.sealed() == Some(sealed) => {
                Found::Parts(known.parts.clone())
            }
            Some(_) => Found::Other,
        }
    }

    /// Octets of plaintext of what a list names.
    pub(super) fn plain(&self, etag: &str, sealed: u64) -> Option<u64> {
        let inner = self.lock();
        let known = inner.known.get(inner.by_tag.get(etag.trim_matches('"'))?)?;
        (known.parts.sealed() == Some(sealed)).then(|| known.parts.plain())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    // A panic in here leaves at most one object forgotten.
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who writes the file.
struct Desk {
    path: PathBuf,
    file: File,
    size: u64,
    inner: Arc<Mutex<Inner>>,
}

impl Desk {
    /// Until there is nobody left who has anything to write.
    fn serve(&mut self, lines: &Receiver<Line>) {
        while let Ok(line) = lines.recv() {
            let mut octets = Vec::with_capacity(256);
            let written = line.write(&mut octets).and_then(|()| self.file.write_all(&octets));
            self.size = self.size.saturating_add(octets.len() as u64);
            let written = written.and_then(|()| if self.size > LONGEST_FILE / 2 { self.anew() } else { Ok(()) });
            if let Err(error) = written {
                tracing::warn!(%error, "the catalogue of sealed parts cannot be written; it is only remembered");
            }
        }
    }

    /// Writes what is remembered, and nothing else.
    fn anew(&mut self) -> io::Result<()> {
        let mut octets = Vec::new();
        {
            let inner = lock(&self.inner);
            let known = inner.order.iter().filter_map(|id| Some(Line::of(id, inner.known.get(id)?)));
            known.into_iter().try_for_each(|line| line.write(&mut octets))?;
        }
        let temporary = self.path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&octets)?;
        std::fs::rename(&temporary, &self.path)?;
        (self.file, self.size) = (file, octets.len() as u64);
        Ok(())
    }
}

impl Inner {
    fn note(&mut self, id: ObjectId, known: Known) {
        self.forget(&id);
        self.runs = self.runs.saturating_add(known.parts.runs().len());
        self.by_tag.insert(known.etag.clone(), id);
        self.known.insert(id, known);
        self.order.push_back(id);
        while self.known.len() > MOST_OBJECTS || self.runs > MOST_RUNS {
            let Some(oldest) = self.order.front().copied() else { break };
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, id: &ObjectId) {
        let Some(known) = self.known.remove(id) else { return };
        self.runs = self.runs.saturating_sub(known.parts.runs().len());
        if self.by_tag.get(&known.etag) == Some(id) {
            self.by_tag.remove(&known.etag);
        }
        // The oldest nearly always.
        if let Some(place) = self.order.iter().position(|other| other == id) {
            self.order.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parts::Part;
    use super::*;

    /// Parts of these lengths, numbered from 1 on.
    fn parts(lengths: impl IntoIterator<Item = u64>) -> Parts {
        (1..).zip(lengths).map(|(number, length)| Part { number, length }).collect()
    }

    #[test]
    fn an_upload_came_to_one_object_and_to_no_other() {
        let catalogue = Catalogue::default();
        let two = parts([7, 8]);
        let sealed = two.sealed().unwrap();
        catalogue.note("\"tag-2\"", [1; 16], two.clone());
        assert_eq!(catalogue.find(&[1; 16], "tag-2", sealed), Found::Parts(two.clone()));
        assert_eq!(catalogue.find(&[1; 16], "tag-1", sealed), Found::Other);
        assert_eq!(catalogue.find(&[1; 16], "tag-2", sealed - 1), Found::Other);
        assert_eq!(catalogue.find(&[2; 16], "tag-2", sealed), Found::Nothing);
        assert_eq!(catalogue.plain("tag-2", sealed), Some(15));
        assert_eq!(catalogue.plain("tag-2", 15), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let catalogue = Catalogue::default();
        let id = |number: usize| u128::to_be_bytes(number as u128);
        for object in 0..=MOST_OBJECTS {
            catalogue.note(&object.to_string(), id(object), Parts::default());
        }
        assert_eq!(catalogue.find(&id(0), "0", 0), Found::Nothing);
        assert!(matches!(catalogue.find(&id(1), "1", 0), Found::Parts(_)));
        assert_eq!(catalogue.lock().by_tag.len(), MOST_OBJECTS);
        for number in 0..3 {
            catalogue.note("ragged", id(number + MOST_OBJECTS + 9), parts(0..MOST_RUNS as u64 >> 1));
        }
        let inner = catalogue.lock();
        assert!(inner.runs <= MOST_RUNS && inner.known.len() == inner.order.len());
        assert_eq!(inner.known.len(), 2, "two of them are all that fits");
    }

    #[test]
    fn what_was_noted_is_known_to_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealed/parts");
        let two = parts([7, 8]);
        let sealed = two.sealed().unwrap();
        let first = Catalogue::open(&path).unwrap();
        first.note("one-2", [1; 16], two.clone());
        first.note("two-2", [2; 16], two.clone());
        drop(first);
        while std::fs::read(&path).unwrap().iter().filter(|octet| **octet == b'\n').count() < 2 {
            std::thread::yield_now();
        }
        // A line that a crash has cut off is no reason to forget the others.
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"etag\":\"thr");
        std::fs::write(&path, text).unwrap();
        let second = Catalogue::open(&path).unwrap();
        assert_eq!(second.find(&[1; 16], "one-2", sealed), Found::Parts(two.clone()));
        assert_eq!(second.plain("two-2", sealed), Some(15));
        second.note("three-2", [3; 16], two.clone());
        drop(second);
        while !std::fs::read_to_string(&path).unwrap().ends_with("]}\n") {
            std::thread::yield_now();
        }
        let third = Catalogue::open(&path).unwrap();
        assert_eq!(third.find(&[3; 16], "three-2", sealed), Found::Parts(two));
    }
}
