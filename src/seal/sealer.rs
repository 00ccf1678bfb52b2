//! Seals a part, piece by piece.

use bytes::{Buf as _, Bytes, BytesMut};

use super::SealFault;
use super::key::ObjectKey;
use super::layout::{HEADER, TAG, sealed_length};
use super::part::{Header, Part};

/// The length of a salt in octets.
pub(super) const SALT: usize = 24;

/// What makes the key of a part its own: fresh random octets for every part and every attempt at it. It is
/// used up by the part that it is for.
#[derive(Debug)]
pub struct Salt([u8; SALT]);

impl Salt {
    /// Octets that were never used for a part before.
    pub fn fresh(octets: [u8; SALT]) -> Self {
        Self(octets)
    }

    /// Draws one.
    ///
    /// # Errors
    /// There are no random numbers.
    pub fn draw(random: &dyn ring::rand::SecureRandom) -> Result<Self, ring::error::Unspecified> {
        let mut octets = [0; SALT];
        random.fill(&mut octets).map(|()| Self(octets))
    }
}

/// Seals one part of a length that is known before. Pieces may be of any size; what comes out are whole
/// segments, the header in front of the first.
///
/// Either each segment is handed out as octets of its own ([`Sealer::push`], [`Sealer::finish`]), and one is
/// held at most; or everything stays here until it was written ([`Sealer::fill`], [`Sealer::ready`],
/// [`Sealer::sent`], [`Sealer::end`]), which copies least.
#[derive(Debug)]
pub struct Sealer {
    part: Part,
    segment: u64,
    /// What is ready, and behind it the plaintext of the segment that is being filled.
    filling: BytesMut,
    /// Where in it that segment begins.
    begin: usize,
}

impl Sealer {
    /// A sealer for `length` octets. An object put whole has the number 1 and is not `multipart`.
    ///
    /// # Errors
    /// It is too long.
    pub fn new(key: &ObjectKey, number: u32, multipart: bool, length: u64, salt: Salt) -> Result<Self, SealFault> {
        sealed_length(length).ok_or(SealFault::TooLong)?;
        let part = Part::fresh(key, Header { number, multipart, length, salt: salt.0 }).ok_or(SealFault::Cipher)?;
        let header = part.seal_header().ok_or(SealFault::Cipher)?;
        let first = part.segment_length(0).unwrap_or_default();
        let mut filling = BytesMut::with_capacity(HEADER + first + TAG);
        filling.extend_from_slice(&header);
        Ok(Self { part, segment: 0, filling, begin: HEADER })
    }

    /// How long all of it will be, header included.
    pub fn sealed_length(&self) -> u64 {
        sealed_length(self.part.header().length).unwrap_or(u64::MAX)
    }

    /// Takes of `plain` what fits into the segment, and gives the segment once it is full. To be called until
    /// `plain` is empty.
    ///
    /// # Errors
    /// More came than was announced.
    pub fn push(&mut self, plain: &mut Bytes) -> Result<Option<Bytes>, SealFault> {
        if plain.is_empty() {
            return Ok(None);
        }
        let (taken, is_full) = self.take(plain)?;
        plain.advance(taken);
        if is_full { self.hand_out().map(Some) } else { Ok(None) }
    }

    /// Ends the part. An empty one comes out here.
    ///
    /// # Errors
    /// Less came than was announced.
    pub fn finish(mut self) -> Result<Option<Bytes>, SealFault> {
        match self.part.segment_length(self.segment) {
            None => Ok(None),
            Some(0) => self.hand_out().map(Some),
            Some(_) => Err(SealFault::Length),
        }
    }

    /// Takes all of `plain`, and seals the segments that it fills.
    ///
    /// # Errors
    /// More came than was announced.
    pub fn fill(&mut self, mut plain: &[u8]) -> Result<(), SealFault> {
        while !plain.is_empty() {
            let (taken, is_full) = self.take(plain)?;
            plain = plain.get(taken..).unwrap_or_default();
            if is_full {
                self.seal()?;
            }
        }
        Ok(())
    }

    /// What is sealed and was not sent yet.
    pub fn ready(&self) -> &[u8] {
        self.filling.get(..self.begin).unwrap_or_default()
    }

    /// Lets go of what is ready.
    pub fn sent(&mut self) {
        self.filling.advance(self.begin);
        self.begin = 0;
    }

    /// Ends the part; what is left is ready then.
    ///
    /// # Errors
    /// Less came than was announced.
    pub fn end(&mut self) -> Result<(), SealFault> {
        match self.part.segment_length(self.segment) {
            None => Ok(()),
            Some(0) => self.seal(),
            Some(_) => Err(SealFault::Length),
        }
    }

    /// Takes what fits into the segment: how much that was, and whether the segment is full.
    fn take(&mut self, plain: &[u8]) -> Result<(usize, bool), SealFault> {
        let wanted = self.part.segment_length(self.segment).ok_or(SealFault::Length)?;
        let missing = wanted.saturating_sub(self.filling.len().saturating_sub(self.begin));
        if missing == 0 {
            return Err(SealFault::Length); // only an empty part wants nothing and is given something
        }
        let taken = missing.min(plain.len());
        self.filling.extend_from_slice(plain.get(..taken).unwrap_or_default());
        Ok((taken, taken == missing))
    }

    fn seal(&mut self) -> Result<(), SealFault> {
        let plain = self.filling.get_mut(self.begin..).unwrap_or_default();
        let tag = self.part.seal_segment(self.segment, plain).ok_or(SealFault::Cipher)?;
        self.filling.extend_from_slice(&tag);
        self.begin = self.filling.len();
        self.segment += 1;
        Ok(())
    }

    fn hand_out(&mut self) -> Result<Bytes, SealFault> {
        self.seal()?;
        let next = self.part.segment_length(self.segment).map_or(0, |length| length + TAG);
        self.begin = 0;
        Ok(std::mem::replace(&mut self.filling, BytesMut::with_capacity(next)).freeze())
    }
}

/// Seals a part that is in memory.
///
/// # Errors
/// It is too long.
pub fn whole(key: &ObjectKey, number: u32, multipart: bool, salt: Salt, plain: &[u8]) -> Result<Vec<u8>, SealFault> {
    let length = u64::try_from(plain.len()).map_err(|_| SealFault::TooLong)?;
    let sealed = sealed_length(length).and_then(|length| usize::try_from(length).ok()).ok_or(SealFault::TooLong)?;
    let part = Part::fresh(key, Header { number, multipart, length, salt: salt.0 }).ok_or(SealFault::Cipher)?;
    let mut out = Vec::with_capacity(sealed);
    out.extend_from_slice(&part.seal_header().ok_or(SealFault::Cipher)?);
    let mut rest = plain;
    for segment in 0..part.segments() {
        let length = part.segment_length(segment).unwrap_or_default();
        let (now, behind) = rest.split_at_checked(length).ok_or(SealFault::Cipher)?;
        let begin = out.len();
        out.extend_from_slice(now);
        let plain = out.get_mut(begin..).unwrap_or_default();
        let tag = part.seal_segment(segment, plain).ok_or(SealFault::Cipher)?;
        out.extend_from_slice(&tag);
        rest = behind;
    }
    Ok(out)
}
