//! Segment files on disk: their names, and reading one frame after the other.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::frame::{self, CUT, Chain, Flaw, FrameHead, HEAD, HEADER, Header, Kind};

/// `wal-<instance>-<sequence>.seg`
pub(super) fn file_name(instance: &[u8; 16], sequence: u64) -> String {
    let instance = u128::from_be_bytes(*instance);
    format!("wal-{instance:032x}-{sequence:016x}.seg")
}

/// A segment file of a directory.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Name {
    pub(super) sequence: u64,
    pub(super) instance: [u8; 16],
    pub(super) path: PathBuf,
}

/// The segment files of a directory in order. Other files are none of ours.
pub(super) fn list(dir: &Path) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some((instance, sequence)) = path.file_name().and_then(|name| parse(name.to_str()?)) {
            names.push(Name { sequence, instance, path });
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn parse(name: &str) -> Option<([u8; 16], u64)> {
    let (instance, sequence) = name.strip_prefix("wal-")?.strip_suffix(".seg")?.split_once('-')?;
    let parsed = (u128::from_str_radix(instance, 16).ok()?.to_be_bytes(), u64::from_str_radix(sequence, 16).ok()?);
    // One file, one name.
    (file_name(&parsed.0, parsed.1) == name).then_some(parsed)
}

/// A record as it stands in the journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its number; numbers have no gap.
    pub number: u64,
    /// When it was recorded, in unix nanoseconds.
    pub time: u64,
    /// What it is.
    pub kind: Kind,
    /// One JSON object.
    pub json: String,
}

/// What reading on found.
#[derive(Debug)]
pub(super) enum Found {
    /// A record.
    Entry(Entry),
    /// No more, for now.
    End,
    /// Something that is no frame. It may be one that is being written.
    Flaw(Flaw),
}

/// Reads one segment file.
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    file: BufReader<File>,
    /// Where the next frame begins.
    pub(super) offset: u64,
    /// Where the last one did.
    pub(super) last_offset: u64,
    /// The chain value before it.
    pub(super) chain: Chain,
    /// The clock before it.
    pub(super) clock: Chain,
    /// The one before the last frame.
    pub(super) chain_before: Chain,
    /// Its number, if known.
    pub(super) next: Option<u64>,
    /// The least it may be.
    least: u64,
    /// The number of the first frame.
    pub(super) first: Option<u64>,
    /// Frames read.
    pub(super) count: u64,
    frame: Vec<u8>,
}

/// Why a segment cannot be opened for reading.
#[derive(Debug)]
pub(super) enum OpenError {
    Io(io::Error),
    Flaw(Flaw),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Segment {
    /// Opens a file and checks its header against its name. `next` is the number of its first frame, if
    /// known.
    pub(super) fn open(name: &Name, next: Option<u64>) -> Result<Self, OpenError> {
        let mut file = BufReader::with_capacity(256 * 1024, File::open(&name.path)?);
        let mut octets = [0; HEADER];
        if !fill(&mut file, &mut octets)? {
            return Err(OpenError::Flaw(Flaw::Header));
        }
        let header = Header::decode(&octets).map_err(OpenError::Flaw)?;
        if header.sequence != name.sequence || header.instance != name.instance {
            return Err(OpenError::Flaw(Flaw::Header));
        }
        let (chain, path) = (header.previous, name.path.clone());
        let least = next.unwrap_or(0);
        // Records are missing in front of this file, and it says so.
        let next = next.filter(|_| header.flags & CUT == 0);
        Ok(Self {
            path,
            header,
            file,
            offset: HEADER as u64,
            last_offset: 0,
            chain,
            chain_before: chain,
            clock: Chain::clock(&header),
            next,
            least,
            first: None,
            count: 0,
            frame: Vec::new(),
        })
    }

    /// The next record. After an end or a flaw, asking again looks at the same place again.
    pub(super) fn read(&mut self) -> io::Result<Found> {
        let found = self.try_read()?;
        if !matches!(found, Found::Entry(_)) {
            // Forget what was buffered: the file may have grown since.
            self.file.seek(SeekFrom::Start(self.offset))?;
        }
        Ok(found)
    }

    fn try_read(&mut self) -> io::Result<Found> {
        let mut octets = [0; HEAD];
        if !fill(&mut self.file, &mut octets)? {
            return Ok(if octets.iter().all(|octet| *octet == 0) { Found::End } else { Found::Flaw(Flaw::Length) });
        }
        let head = match FrameHead::decode(&octets) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(Found::End),
            Err(flaw) => return Ok(Found::Flaw(flaw)),
        };
        self.frame.clear();
        self.frame.extend_from_slice(&octets);
        self.frame.resize(head.length, 0);
        let rest = self.frame.get_mut(HEAD..).unwrap_or_default();
        if !fill(&mut self.file, rest)? {
            return Ok(Found::Flaw(Flaw::Length));
        }
        Ok(match self.accept(&head) {
            Ok(entry) => Found::Entry(entry),
            Err(flaw) => Found::Flaw(flaw),
        })
    }

    fn accept(&mut self, head: &FrameHead) -> Result<Entry, Flaw> {
        let (payload, chain) = frame::check(&self.frame, head, &self.chain)?;
        let expected = self.next.unwrap_or(head.number.max(self.least));
        if head.number != expected {
            return Err(Flaw::Number { expected, found: head.number });
        }
        if !payload.starts_with(b"{") || serde_json::from_slice::<serde::de::IgnoredAny>(payload).is_err() {
            return Err(Flaw::Payload);
        }
        let json = std::str::from_utf8(payload).map_err(|_| Flaw::Payload)?.to_owned();
        self.first = self.first.or(Some(head.number));
        self.next = Some(head.number.saturating_add(1));
        self.chain_before = std::mem::replace(&mut self.chain, chain);
        self.clock = self.clock.tick(head.number, head.time);
        self.count += 1;
        self.last_offset = self.offset;
        self.offset += head.length as u64;
        Ok(Entry { number: head.number, time: head.time, kind: head.kind, json })
    }

    /// Whether the file goes on behind the last frame.
    pub(super) fn is_longer(&self) -> io::Result<bool> {
        Ok(self.file.get_ref().metadata()?.len() > self.offset)
    }

    /// Where the first octet that is not zero stands, from here to the end of the file.
    pub(super) fn first_used(&mut self) -> io::Result<Option<u64>> {
        self.file.seek(SeekFrom::Start(self.offset))?;
        let (mut at, mut block) = (self.offset, vec![0; 64 * 1024]);
        let used = loop {
            let read = self.file.read(&mut block)?;
            let read_octets = block.get(..read).unwrap_or_default();
            if let Some(place) = read_octets.iter().position(|octet| *octet != 0) {
                break Some(at + place as u64);
            }
            if read == 0 {
                break None;
            }
            at += read as u64;
        };
        self.file.seek(SeekFrom::Start(self.offset))?;
        Ok(used)
    }
}

/// The header of a file and the number of its first record; `None` if it has none yet.
pub(super) fn first_number(name: &Name) -> io::Result<Option<(Header, u64)>> {
    let mut file = File::open(&name.path)?;
    let (mut header, mut head) = ([0; HEADER], [0; HEAD]);
    if !fill(&mut file, &mut header)? || !fill(&mut file, &mut head)? {
        return Ok(None);
    }
    let number = FrameHead::decode(&head).ok().flatten().map(|head| head.number);
    Ok(Header::decode(&header).ok().zip(number))
}

/// Fills a buffer. `false` if the file ends before; the rest of the buffer is zero then.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut rest = &mut *buffer;
    while !rest.is_empty() {
        match file.read(rest) {
            Ok(0) => {
                rest.fill(0);
                return Ok(false);
            }
            Ok(read) => rest = rest.get_mut(read..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
