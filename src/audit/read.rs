//! Reading a journal: every record in order, and a precise word where it is not what was written.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::frame::{ABANDONED, Chain, Flaw, Header, Kind};
use super::head::{Sealed, seal_text};
use super::segment::{Entry, Found, Name, OpenError, Segment, list};

/// How often a flaw at the end of the last file is looked at again: it may be a record that is being
/// written.
const LOOKS: u32 = 5;
/// How long between two looks.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// A place in a journal that is not as it was written.
#[derive(Debug, thiserror::Error)]
#[error("{path:?} at octet {offset}: {fault}")]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where in the file.
    pub offset: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong in a journal.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A frame or header is damaged.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// The file belongs to another journal.
    #[error("the file belongs to another journal")]
    Foreign,
    /// What was signed for is not what is here.
    #[error("the records up to {0} are not those that were signed for")]
    Head(u64),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A file is missing.
    #[error("segment {0:#x} is missing")]
    Missing(u64),
    /// A file has no seal although another follows.
    #[error("the file has no seal, yet another follows")]
    NotSealed,
    /// The seal says something else than the file holds.
    #[error("the seal does not fit the file")]
    Seal,
    /// Something stands where nothing was written.
    #[error("something stands in the unused part of the file")]
    Unused,
}

/// What a seal says.
#[derive(Debug, Deserialize)]
pub(super) struct SealNote {
    pub(super) count: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) chain: String,
    pub(super) open: u64,
    #[serde(default)]
    pub(super) cause: String,
    pub(super) octets: Option<u64>,
    pub(super) time: Option<u64>,
    pub(super) clock: Option<String>,
    pub(super) key: Option<String>,
    pub(super) signature: Option<String>,
}

impl SealNote {
    /// What the seal of a file was signed as.
    pub(super) fn text(&self, instance: &[u8; 16], sequence: u64) -> String {
        let Self { count, first, last, chain, open, cause, .. } = self;
        let (count, first, last, open) = (*count, *first, *last, *open);
        let place = self.octets.zip(self.time).zip(self.clock.as_deref());
        let place = place.map(|((octets, time), clock)| (octets, time, clock));
        seal_text(instance, sequence, &Sealed { count, first, last, chain, open, cause, place })
    }
}

/// One step through a journal.
#[derive(Debug)]
pub(super) enum Step {
    /// A record.
    Entry(Entry),
    /// No more, for now.
    End,
    /// No more but something that may be a record being written.
    Torn(Damage),
}

/// How strictly a journal is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    /// As it grows; what was never written to is not looked at.
    Follow,
    /// All that is there. A file may lack its seal if its successor says that the disk failed.
    Read,
    /// All that is there, and nothing may be wrong.
    Verify,
}

/// Walks through the files of a directory in order; goes on when they grow.
pub(super) struct Walk {
    dir: PathBuf,
    /// The file to open next; `None`: the first there is.
    sequence: Option<u64>,
    /// What that file must continue.
    continues: Option<(Chain, Option<u64>)>,
    instance: Option<[u8; 16]>,
    current: Option<Segment>,
    /// Where the current file ends without a seal, because the disk failed.
    abandoned_at: Option<Chain>,
    manner: Manner,
    pub(super) files: u64,
    /// Of the record read last: the header of its file, its place, the chain value after it.
    pub(super) at: Option<At>,
}

/// Where a record stands.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) header: Header,
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) chain: Chain,
    /// The clock after it.
    pub(super) clock: Chain,
}

impl Walk {
    /// From the first file of a directory, or from the one with a sequence.
    pub(super) fn new(dir: &Path, sequence: Option<u64>, manner: Manner) -> Self {
        let dir = dir.to_owned();
        let (current, abandoned_at) = (None, None);
        Self { dir, sequence, continues: None, instance: None, current, abandoned_at, manner, files: 0, at: None }
    }

    /// The next record, if there is one.
    pub(super) fn step(&mut self) -> Result<Step, Damage> {
        loop {
            if self.current.is_none() && !self.advance()? {
                return Ok(Step::End);
            }
            let Some(segment) = self.current.as_mut() else { return Ok(Step::End) };
            if self.abandoned_at == Some(segment.chain) {
                if self.manner == Manner::Verify {
                    return Err(damage(segment, Fault::NotSealed));
                }
                self.leave();
                continue;
            }
            match segment.read().map_err(|error| damage(segment, error.into()))? {
                Found::Entry(entry) => return self.pass(entry).map(Step::Entry),
                Found::End => match self.at_end(None)? {
                    Some(step) => return Ok(step),
                    None => continue,
                },
                Found::Flaw(flaw) => match self.at_end(Some(flaw))? {
                    Some(step) => return Ok(step),
                    None => continue,
                },
            }
        }
    }

    /// Whether the file being read is sealed.
    pub(super) fn is_sealed(&self) -> bool {
        self.current.is_none()
    }

    /// The last file that was opened.
    pub(super) fn last_sequence(&self) -> Option<u64> {
        self.current
            .as_ref()
            .map(|segment| segment.header.sequence)
            .or(self.sequence.map(|next| next.saturating_sub(1)))
    }

    /// The file that is being read, if no other follows it.
    pub(super) fn last_path(&self) -> Option<&Path> {
        let segment = self.current.as_ref()?;
        let followed = list(&self.dir).ok()?.iter().any(|name| name.sequence > segment.header.sequence);
        (!followed).then_some(segment.path.as_path())
    }

    /// Takes a record; behind a seal nothing may stand.
    fn pass(&mut self, entry: Entry) -> Result<Entry, Damage> {
        if let Some(segment) = self.current.as_ref().filter(|_| self.manner == Manner::Verify) {
            let (header, path) = (segment.header, segment.path.clone());
            self.at =
                Some(At { header, path, offset: segment.last_offset, chain: segment.chain, clock: segment.clock });
        }
        if entry.kind != Kind::Seal {
            return Ok(entry);
        }
        let Some(segment) = self.current.as_mut() else { return Ok(entry) };
        check_seal(segment, &entry).map_err(|fault| damage(segment, fault))?;
        match segment.first_used() {
            Ok(None) => {}
            Ok(Some(offset)) => return Err(Damage { path: segment.path.clone(), offset, fault: Fault::Unused }),
            Err(error) => return Err(damage(segment, error.into())),
        }
        // It is cut behind its seal before the next one is begun.
        if self.manner == Manner::Verify {
            let here = segment.header.sequence;
            let names = list(&self.dir).map_err(|error| damage(segment, error.into()))?;
            let longer = segment.is_longer().map_err(|error| damage(segment, error.into()))?;
            if longer && names.iter().any(|name| name.sequence > here) {
                return Err(damage(segment, Fault::Unused));
            }
        }
        self.leave();
        Ok(entry)
    }

    /// Nothing to read here. If another file follows, this one had to be sealed, perhaps since we looked.
    fn at_end(&mut self, flaw: Option<Flaw>) -> Result<Option<Step>, Damage> {
        let Some(segment) = self.current.as_mut() else { return Ok(None) };
        let here = segment.header.sequence;
        let names = list(&self.dir).map_err(|error| damage(segment, error.into()))?;
        let fault = |otherwise| flaw.map_or(otherwise, Fault::Flaw);
        if !names.iter().any(|name| name.sequence > here) {
            if self.manner == Manner::Follow && flaw.is_none() {
                return Ok(Some(Step::End));
            }
            // Room that was never written to is zero.
            let used = segment.first_used().map_err(|error| damage(segment, error.into()))?;
            return Ok(Some(if used.is_none() {
                Step::End
            } else {
                Step::Torn(damage(segment, fault(Fault::Unused)))
            }));
        }
        match segment.read().map_err(|error| damage(segment, error.into()))? {
            Found::Entry(entry) => self.pass(entry).map(|entry| Some(Step::Entry(entry))),
            Found::End | Found::Flaw(_) => {
                let Some(next) = names.iter().find(|name| name.sequence == here + 1) else {
                    return Err(damage(segment, Fault::Missing(here + 1)));
                };
                match abandoned_at(next) {
                    // It was found abandoned only now.
                    Some(chain) if chain == segment.chain => {
                        self.abandoned_at = Some(chain);
                        Ok(None)
                    }
                    _ => Err(damage(segment, fault(Fault::NotSealed))),
                }
            }
        }
    }

    /// Goes on to the next file, remembering what it must continue.
    fn leave(&mut self) {
        if let Some(segment) = self.current.take() {
            self.sequence = Some(segment.header.sequence + 1);
            self.continues = Some((segment.chain, segment.next));
        }
    }

    /// Opens the next file, if it is there and begun.
    fn advance(&mut self) -> Result<bool, Damage> {
        let in_dir = |fault| Damage { path: self.dir.clone(), offset: 0, fault };
        let names = list(&self.dir).map_err(|error| in_dir(error.into()))?;
        let wanted = self.sequence.or_else(|| names.first().map(|name| name.sequence));
        let Some(wanted) = wanted else { return Ok(false) };
        let Some(name) = names.iter().find(|name| name.sequence == wanted) else {
            let later = names.iter().any(|name| name.sequence > wanted);
            return if later { Err(in_dir(Fault::Missing(wanted))) } else { Ok(false) };
        };
        let at_start = |fault| Damage { path: name.path.clone(), offset: 0, fault };
        if names.iter().any(|other| other.instance != name.instance)
            || self.instance.is_some_and(|i| i != name.instance)
        {
            return Err(at_start(Fault::Foreign));
        }
        // The very first file continues nothing.
        let first = (wanted == 1).then_some((Chain::default(), Some(1)));
        let continues = self.continues.or(first);
        let number = continues.and_then(|(_, next)| next);
        let mut opened = Segment::open(name, number);
        if matches!(opened, Err(OpenError::Flaw(_))) && !is_blank(name).unwrap_or(true) {
            // It was begun while we looked, or it is damaged.
            opened = Segment::open(name, number);
        }
        let segment = match opened {
            Ok(segment) => segment,
            Err(OpenError::Io(error)) => return Err(at_start(error.into())),
            // The writer may just be about to write the header.
            Err(OpenError::Flaw(_)) if names.last() == Some(name) && is_blank(name).unwrap_or(false) => {
                return Ok(false);
            }
            Err(OpenError::Flaw(flaw)) => return Err(at_start(flaw.into())),
        };
        if continues.is_some_and(|(chain, _)| chain != segment.chain) {
            return Err(at_start(Flaw::Chain.into()));
        }
        self.abandoned_at = names.iter().find(|name| name.sequence == wanted + 1).and_then(abandoned_at);
        self.instance = Some(name.instance);
        self.current = Some(segment);
        self.files += 1;
        Ok(true)
    }
}

/// The chain value at which the file before this one was left, if it was.
pub(super) fn abandoned_at(next: &Name) -> Option<Chain> {
    let header = Segment::open(next, None).ok()?.header;
    (header.flags & ABANDONED != 0).then_some(header.previous)
}

/// Whether a file holds nothing but zeros.
pub(super) fn is_blank(name: &Name) -> io::Result<bool> {
    use io::Read as _;
    let mut file = io::BufReader::new(std::fs::File::open(&name.path)?);
    let mut block = [0; 4096];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(true),
            read if block.iter().take(read).any(|octet| *octet != 0) => return Ok(false),
            _ => {}
        }
    }
}

fn check_seal(segment: &Segment, entry: &Entry) -> Result<(), Fault> {
    let note: SealNote = serde_json::from_str(&entry.json).map_err(|_| Fault::Seal)?;
    let count = segment.count - 1;
    let first = segment.first.unwrap_or(entry.number);
    let fits = (note.count, note.first, note.last) == (count, first, entry.number - 1);
    if fits && note.chain == segment.chain_before.to_string() { Ok(()) } else { Err(Fault::Seal) }
}

fn damage(segment: &Segment, fault: Fault) -> Damage {
    Damage { path: segment.path.clone(), offset: segment.offset, fault }
}

/// Which journal is in a directory; `None` where there is none.
///
/// # Errors
/// The directory cannot be read.
pub fn instance(dir: &Path) -> Result<Option<[u8; 16]>, Damage> {
    let names = list(dir).map_err(|error| Damage { path: dir.to_owned(), offset: 0, fault: error.into() })?;
    Ok(names.first().map(|name| name.instance))
}

/// All records of a journal in order, up to what is there now. The first error is the last item.
pub struct Records {
    walk: Walk,
    over: bool,
}

/// Reads the journal in a directory, from its first record.
pub fn records(dir: &Path) -> Records {
    Records { walk: Walk::new(dir, None, Manner::Read), over: false }
}

impl Iterator for Records {
    type Item = Result<Entry, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let item = match settled(&mut self.walk) {
            Ok(Some(entry)) => Some(Ok(entry)),
            Ok(None) => None,
            Err(damage) => Some(Err(damage)),
        };
        self.over = !matches!(item, Some(Ok(_)));
        item
    }
}

/// The records of one request, by its id: an intent and its completion, or one of both in one.
///
/// # Errors
/// The first [`Damage`] on the way, unless all of them had been found before.
pub fn find(dir: &Path, request_id: &str) -> Result<Vec<Entry>, Damage> {
    #[derive(Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        request_id: Option<std::borrow::Cow<'a, str>>,
    }
    let needle = memchr::memmem::Finder::new(request_id);
    let mut found = Vec::new();
    for entry in records(dir) {
        let entry = entry?;
        // Most records are told apart without reading their JSON.
        let named = needle.find(entry.json.as_bytes()).is_some()
            && serde_json::from_str::<Id<'_>>(&entry.json).is_ok_and(|id| id.request_id.as_deref() == Some(request_id));
        if named {
            let last = matches!(entry.kind, Kind::Combined | Kind::Completion);
            found.push(entry);
            if last {
                break;
            }
        }
    }
    Ok(found)
}

/// The next record; a torn end counts as damage if it stays.
pub(super) fn settled(walk: &mut Walk) -> Result<Option<Entry>, Damage> {
    let mut looks = 0;
    loop {
        match walk.step()? {
            Step::Entry(entry) => return Ok(Some(entry)),
            Step::End => return Ok(None),
            Step::Torn(damage) if looks == LOOKS => return Err(damage),
            Step::Torn(_) => std::thread::sleep(PAUSE),
        }
        looks += 1;
    }
}

/// What a journal holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Segment files.
    pub files: u64,
    /// Records of all kinds.
    pub records: u64,
    /// Intents.
    pub intents: u64,
    /// Completions.
    pub completions: u64,
    /// Refusals.
    pub combined: u64,
    /// Gap records.
    pub gaps: u64,
    /// The first number.
    pub first: Option<u64>,
    /// The last number.
    pub last: Option<u64>,
    /// Whether the last file is sealed: the journal was closed, and nobody writes to it.
    pub sealed: bool,
}

impl Summary {
    /// Counts a record.
    pub(super) fn count(&mut self, entry: &Entry) {
        self.records += 1;
        self.first = self.first.or(Some(entry.number));
        self.last = Some(entry.number);
        match entry.kind {
            Kind::Combined => self.combined += 1,
            Kind::Completion => self.completions += 1,
            Kind::Gap => self.gaps += 1,
            Kind::Intent => self.intents += 1,
            Kind::Checkpoint | Kind::Seal => {}
        }
    }
}

/// Walks through a whole journal: every checksum, the chain, the numbers, the seal of every file but
/// the last, and that unused space is zero. For the signatures see [`prove`](super::prove).
///
/// # Errors
/// The first [`Damage`].
pub fn verify(dir: &Path) -> Result<Summary, Damage> {
    let mut walk = Walk::new(dir, None, Manner::Verify);
    let mut summary = Summary::default();
    while let Some(entry) = settled(&mut walk)? {
        summary.count(&entry);
    }
    summary.files = walk.files;
    summary.sealed = walk.is_sealed() && walk.files > 0;
    Ok(summary)
}
