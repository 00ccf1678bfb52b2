//! Data on its way to the disk and back: sealed in layers, each over the outcome of the one before.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use ring::rand::SystemRandom;
use rustix::buffer::spare_capacity;
use rustix::io::{pread, retry_on_intr};

use super::StoreError;
use super::record::Blob;
use crate::seal::{self, Broken, HEADER, ObjectKey, Part, SEALED_SEGMENT, SEGMENT, Salt, SealFault, Sealer};

/// The keys of an object, in the order in which they seal.
#[derive(Clone, Debug)]
pub(super) struct ObjectKeys(Arc<[ObjectKey]>);

impl ObjectKeys {
    pub(super) fn new(keys: Vec<ObjectKey>) -> Self {
        Self(keys.into())
    }
}

/// What a piece of an object is sealed with.
#[derive(Clone, Debug)]
pub(super) struct Seal {
    pub(super) keys: ObjectKeys,
    /// The number of the part; 1 for an object put whole.
    pub(super) number: u32,
    pub(super) multipart: bool,
}

impl Seal {
    /// For an object that is put whole.
    pub(super) fn whole(keys: ObjectKeys) -> Self {
        Self { keys, number: 1, multipart: false }
    }

    /// Seals what is in memory.
    pub(super) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut octets = Vec::new();
        for (at, key) in self.keys.0.iter().enumerate() {
            let below = if at == 0 { plain } else { octets.as_slice() };
            octets = seal::whole(key, self.number, self.multipart, salt()?, below).map_err(failed)?;
        }
        Ok(octets)
    }

    /// Begins to seal so many octets.
    pub(super) fn begin(&self, length: u64) -> Result<Sealers, StoreError> {
        let mut length = length;
        let mut sealers = Vec::with_capacity(self.keys.0.len());
        for key in self.keys.0.iter() {
            let sealer = Sealer::new(key, self.number, self.multipart, length, salt()?).map_err(failed)?;
            length = sealer.sealed_length();
            sealers.push(sealer);
        }
        Ok(Sealers(sealers))
    }
}

fn salt() -> Result<Salt, StoreError> {
    Salt::draw(&SystemRandom::new()).map_err(|_| StoreError::Damaged("the system gives no random numbers"))
}

fn failed(fault: SealFault) -> StoreError {
    StoreError::SealBroken(fault.to_string().into())
}

/// One sealer for each layer. Without any, octets pass as they are.
#[derive(Default)]
pub(super) struct Sealers(Vec<Sealer>);

/// How much is sealed before it is written. Two segments: a buffer for each of many uploads at once must be small.
const PIECE: usize = 128 << 10;

impl Sealers {
    /// Writes a piece to a file, as far as it fills segments.
    pub(super) fn append(&mut self, piece: &[u8], file: &mut File) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return file.write_all(piece).map_err(unwritten);
        }
        for stretch in piece.chunks(PIECE) {
            fill(&mut self.0, stretch).map_err(failed)?;
            if self.0.last().is_some_and(|last| last.ready().len() >= PIECE) {
                self.flush(file)?;
            }
        }
        Ok(())
    }

    /// Writes what is ready.
    pub(super) fn flush(&mut self, file: &mut File) -> Result<(), StoreError> {
        let Some(last) = self.0.last_mut() else { return Ok(()) };
        file.write_all(last.ready()).map_err(unwritten)?;
        last.sent();
        Ok(())
    }

    /// Ends all layers and writes what is left.
    pub(super) fn finish(mut self, file: &mut File) -> Result<(), StoreError> {
        let mut rest = self.0.as_mut_slice();
        while let Some((first, outer)) = rest.split_first_mut() {
            first.end().map_err(failed)?;
            if !outer.is_empty() {
                fill(outer, first.ready()).map_err(failed)?;
            }
            rest = outer;
        }
        self.flush(file)
    }
}

fn unwritten(error: io::Error) -> StoreError {
    StoreError::File("data file", error)
}

/// Fills one layer, and the next with what that has ready.
fn fill(sealers: &mut [Sealer], plain: &[u8]) -> Result<(), SealFault> {
    let Some((first, outer)) = sealers.split_first_mut() else { return Ok(()) };
    first.fill(plain)?;
    if !outer.is_empty() {
        fill(outer, first.ready())?;
        first.sent();
    }
    Ok(())
}

/// Octets that can be read from anywhere.
pub(super) enum Octets {
    /// As they lie on the disk.
    File(File),
    /// As they lie in the index.
    Memory(Vec<u8>),
    /// Opened segment by segment.
    Sealed(Box<Octets>, Box<Part>),
}

impl Octets {
    /// The plaintext of a blob. The headers of all layers are verified, and that it is this blob.
    pub(super) fn open(self, blob: &Blob, keys: Option<&ObjectKeys>, multipart: bool) -> io::Result<Self> {
        let (Some(number), Some(keys)) = (blob.sealed, keys) else {
            return if blob.sealed.is_none() { Ok(self) } else { Err(io::Error::other(Broken::Commitment)) };
        };
        let mut octets = self;
        let mut innermost = None;
        for key in keys.0.iter().rev() {
            let header = octets.read(0, HEADER)?;
            let part =
                Part::open(key, header.as_array().ok_or(io::ErrorKind::UnexpectedEof)?).map_err(io::Error::other)?;
            let found = *part.header();
            if (found.number, found.multipart) != (number, multipart) {
                return Err(io::Error::other(Broken::Parts));
            }
            innermost = Some(found.length);
            octets = Self::Sealed(Box::new(octets), Box::new(part));
        }
        if innermost == Some(blob.length) { Ok(octets) } else { Err(io::Error::other(Broken::Truncated)) }
    }

    /// Reads exactly so many octets from there on.
    pub(super) fn read(&self, from: u64, length: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::File(file) => {
                let mut octets = Vec::with_capacity(length);
                while octets.len() < length {
                    let at = from.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
                    if retry_on_intr(|| pread(file, spare_capacity(&mut octets), at))? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                octets.truncate(length);
                Ok(octets)
            }
            Self::Memory(octets) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let found = octets.get(from..from.saturating_add(length));
                found.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
            Self::Sealed(below, part) => open_segments(below, part, from, length),
        }
    }
}

/// Reads the segments that hold a stretch and opens them, one right behind the other.
fn open_segments(below: &Octets, part: &Part, from: u64, length: usize) -> io::Result<Vec<u8>> {
    if length == 0 {
        return Ok(Vec::new());
    }
    let last = from.saturating_add(u64::try_from(length).unwrap_or(u64::MAX)).saturating_sub(1);
    let range = seal::sealed_range(from, last, part.header().length).ok_or(io::ErrorKind::UnexpectedEof)?;
    let sealed = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
    let mut octets = below.read(range.start, sealed)?;
    let first = from / SEGMENT as u64;
    let mut filled = 0;
    for (at, start) in (0..sealed).step_by(SEALED_SEGMENT).enumerate() {
        let end = start.saturating_add(SEALED_SEGMENT).min(sealed);
        let place = octets.get_mut(filled..end).unwrap_or_default();
        let number = first.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
        let plain = part.open_segment_at(number, place, start.saturating_sub(filled)).map_err(io::Error::other)?;
        filled = filled.saturating_add(plain.len());
    }
    octets.truncate(filled);
    let skip = usize::try_from(from % SEGMENT as u64).unwrap_or(usize::MAX);
    if skip > 0 {
        octets.drain(..skip.min(octets.len()));
    }
    octets.truncate(length);
    if octets.len() == length { Ok(octets) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
