//! Opens sealed parts, piece by piece: a stretch of one part, or all parts of an object.

use bytes::{Buf as _, Bytes, BytesMut};

use super::Broken;
use super::key::ObjectKey;
use super::layout::{HEADER, SEGMENT, TAG, sealed_range};
use super::part::Part;

/// Opens a stretch of a part: takes its sealed segments in pieces of any size, and gives verified
/// plaintext, cut to the stretch. One segment is held at most.
#[derive(Debug)]
pub struct Segments {
    part: Part,
    segment: u64,
    /// Octets of plaintext in front of the stretch, in its first segment.
    skip: usize,
    /// Octets of plaintext that are still to come out.
    left: u64,
    /// Whether an empty segment is still to be verified.
    empty: bool,
    filling: BytesMut,
}

impl Segments {
    /// All of a part.
    pub fn all(part: Part) -> Self {
        let left = part.header().length;
        Self { part, segment: 0, skip: 0, left, empty: left == 0, filling: BytesMut::new() }
    }

    /// `length` octets of plaintext from `from` on. What is to be pushed are the sealed octets that
    /// [`sealed_range`] names. None if that is empty or not inside the part.
    pub fn stretch(part: Part, from: u64, length: u64) -> Option<Self> {
        let last = from.checked_add(length)?.checked_sub(1)?;
        sealed_range(from, last, part.header().length)?;
        let skip = usize::try_from(from % SEGMENT as u64).ok()?;
        Some(Self { part, segment: from / SEGMENT as u64, skip, left: length, empty: false, filling: BytesMut::new() })
    }

    /// The part that is opened.
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// Whether everything has come.
    pub fn is_done(&self) -> bool {
        self.left == 0 && !self.empty
    }

    /// Takes of `sealed` what belongs to the segment, and gives plaintext once the segment is whole. To be
    /// called until `sealed` is empty or everything has come; the rest is left in it.
    ///
    /// # Errors
    /// The segment does not open.
    pub fn push(&mut self, sealed: &mut Bytes) -> Result<Option<Bytes>, Broken> {
        if self.is_done() || sealed.is_empty() {
            return Ok(None);
        }
        let wanted = self.part.segment_length(self.segment).ok_or(Broken::Trailing)? + TAG;
        if self.filling.is_empty() {
            self.filling.reserve(wanted);
        }
        let taken = wanted.saturating_sub(self.filling.len()).min(sealed.len());
        self.filling.extend_from_slice(sealed.get(..taken).unwrap_or_default());
        sealed.advance(taken);
        if self.filling.len() < wanted {
            return Ok(None);
        }
        let length = self.part.open_segment(self.segment, &mut self.filling)?.len();
        let mut plain = std::mem::take(&mut self.filling);
        plain.truncate(length);
        plain.advance(self.skip.min(length));
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        plain.truncate(left);
        self.left -= plain.len() as u64; // at most what is left
        (self.skip, self.empty) = (0, false);
        self.segment += 1;
        Ok(Some(plain.freeze()))
    }

    /// Ends it.
    ///
    /// # Errors
    /// Not everything came.
    pub fn finish(self) -> Result<(), Broken> {
        if self.is_done() { Ok(()) } else { Err(Broken::Truncated) }
    }
}

/// Opens a stored object from its first octet to its last. Its parts may be of any length, their numbers
/// ascend, and there are as many as whoever asks expects.
#[derive(Debug)]
pub struct Opener {
    key: ObjectKey,
    /// The parts of an upload; none for an object put whole.
    parts: Option<u32>,
    seen: u32,
    last_number: u32,
    header: BytesMut,
    within: Option<Segments>,
}

impl Opener {
    /// An object that was put whole.
    pub fn whole(key: ObjectKey) -> Self {
        Self { key, parts: None, seen: 0, last_number: 0, header: BytesMut::new(), within: None }
    }

    /// An object of so many parts, as its entity tag says.
    pub fn multipart(key: ObjectKey, parts: u32) -> Self {
        Self { parts: Some(parts), ..Self::whole(key) }
    }

    /// Takes some of `sealed`, and gives plaintext whenever a segment is whole. To be called until `sealed`
    /// is empty. What comes out may be empty.
    ///
    /// # Errors
    /// Something does not open, does not belong here, or stands behind the end.
    pub fn push(&mut self, sealed: &mut Bytes) -> Result<Option<Bytes>, Broken> {
        while !sealed.is_empty() {
            let Some(within) = self.within.as_mut() else {
                self.begin(sealed)?;
                continue;
            };
            let plain = within.push(sealed)?;
            if within.is_done() {
                self.within = None;
            }
            if plain.is_some() {
                return Ok(plain);
            }
        }
        Ok(None)
    }

    /// Gathers a header and opens the part.
    fn begin(&mut self, sealed: &mut Bytes) -> Result<(), Broken> {
        if self.header.is_empty() && self.seen >= self.parts.unwrap_or(1) {
            return Err(if self.parts.is_some() { Broken::Parts } else { Broken::Trailing });
        }
        let taken = HEADER.saturating_sub(self.header.len()).min(sealed.len());
        self.header.extend_from_slice(sealed.get(..taken).unwrap_or_default());
        sealed.advance(taken);
        let Some(header) = self.header.as_array::<HEADER>() else { return Ok(()) };
        let part = Part::open(&self.key, header)?;
        self.header.clear();
        let (number, multipart) = (part.header().number, part.header().multipart);
        let belongs = match self.parts {
            None => !multipart && number == 1,
            Some(_) => multipart && number > self.last_number,
        };
        if !belongs {
            return Err(Broken::Parts);
        }
        (self.last_number, self.seen) = (number, self.seen.saturating_add(1));
        self.within = Some(Segments::all(part));
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// Not everything came, or fewer parts than expected.
    pub fn finish(self) -> Result<(), Broken> {
        if self.within.is_some() || !self.header.is_empty() {
            Err(Broken::Truncated)
        } else if self.seen == self.parts.unwrap_or(1) {
            Ok(())
        } else {
            Err(if self.parts.is_some() { Broken::Parts } else { Broken::Truncated })
        }
    }
}
