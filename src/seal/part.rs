//! A part: its header, and its segments one by one (spec/encryption.md 14.2).

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

use super::Broken;
use super::key::{ObjectKey, PREFIX, SUITE};
use super::layout::{HEADER, SEGMENT, TAG, sealed_length, segments};
use super::sealer::SALT;

const MAGIC: &[u8; 4] = b"S3HP";
const VERSION: u8 = 1;
/// The logarithm of [`SEGMENT`].
const SEGMENT_BITS: u8 = 16;
const MULTIPART: u8 = 1;
/// The octets of a header in front of its tag: what every segment is bound to.
pub(super) const BOUND: usize = HEADER - TAG;
/// The number in the nonce of the header's own tag.
const OF_HEADER: u32 = u32::MAX;

/// What a part says of itself. Nothing of it is true before a key has opened it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// The number of the part, 1 for an object put whole.
    pub number: u32,
    /// Whether it belongs to a multipart upload.
    pub multipart: bool,
    /// Octets of plaintext.
    pub length: u64,
    /// What the part's key was derived with.
    pub salt: [u8; SALT],
}

impl Header {
    /// Reads a header; exactly the one version that there is.
    pub fn parse(octets: &[u8; HEADER]) -> Option<Self> {
        let (magic, rest) = octets.split_first_chunk::<4>()?;
        let ([version, suite, bits, flags], rest) = rest.split_first_chunk::<4>()?;
        let (number, rest) = rest.split_first_chunk::<4>()?;
        let (zero, rest) = rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let salt = *rest.first_chunk::<SALT>()?;
        let length = u64::from_be_bytes(*length);
        let known = magic == MAGIC
            && (*version, *suite, *bits) == (VERSION, SUITE, SEGMENT_BITS)
            && *flags <= MULTIPART
            && *zero == [0; 4]
            && sealed_length(length).is_some();
        let number = u32::from_be_bytes(*number);
        known.then_some(Self { number, multipart: *flags == MULTIPART, length, salt })
    }

    /// The octets that everything in the part is bound to.
    pub(super) fn bound(&self) -> [u8; BOUND] {
        let mut out = [0; BOUND];
        let kind = [VERSION, SUITE, SEGMENT_BITS, u8::from(self.multipart)];
        let (number, length) = (self.number.to_be_bytes(), self.length.to_be_bytes());
        let whole: [&[u8]; 6] = [MAGIC, &kind, &number, &[0; 4], &length, &self.salt];
        out.iter_mut().zip(whole.into_iter().flatten()).for_each(|(place, octet)| *place = *octet);
        out
    }
}

/// A part with its key. One that came from a store has a header that was verified.
pub struct Part {
    cipher: LessSafeKey,
    prefix: [u8; PREFIX],
    header: Header,
    bound: [u8; BOUND],
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Part {
    /// A part that is to be sealed.
    pub(super) fn fresh(key: &ObjectKey, header: Header) -> Option<Self> {
        let (cipher, prefix) = key.part(header.number, &header.salt)?;
        Some(Self { cipher, prefix, bound: header.bound(), header })
    }

    /// A part of which the first octets came from a store.
    ///
    /// # Errors
    /// They are no header, or one of another object, or altered.
    pub fn open(key: &ObjectKey, octets: &[u8; HEADER]) -> Result<Self, Broken> {
        let header = Header::parse(octets).ok_or(Broken::Header)?;
        let broken = Broken::Part { part: header.number };
        let part = Self::fresh(key, header).ok_or(broken)?;
        let mut tag: [u8; TAG] = *octets.last_chunk().ok_or(broken)?;
        let nonce = part.nonce(OF_HEADER, false);
        part.cipher.open_in_place(nonce, Aad::from(part.bound), &mut tag).map_err(|_| broken)?;
        Ok(part)
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many segments it has; at least one.
    pub fn segments(&self) -> u64 {
        segments(self.header.length)
    }

    /// Octets of plaintext in a segment; none if there is no such segment.
    pub fn segment_length(&self, segment: u64) -> Option<usize> {
        let before = segment.checked_mul(SEGMENT as u64)?;
        let left = self.header.length.checked_sub(before)?;
        let length = usize::try_from(left).unwrap_or(SEGMENT).min(SEGMENT);
        (segment < self.segments()).then_some(length)
    }

    /// Opens a sealed segment in place and gives the plaintext.
    ///
    /// # Errors
    /// It is not this segment of this part, or was altered.
    pub fn open_segment<'s>(&self, segment: u64, sealed: &'s mut [u8]) -> Result<&'s mut [u8], Broken> {
        self.open_segment_at(segment, sealed, 0)
    }

    /// Opens a sealed segment that begins at `start` of `octets`, and puts the plaintext to their beginning.
    ///
    /// # Errors
    /// It is not this segment of this part, or was altered.
    pub fn open_segment_at<'s>(
        &self,
        segment: u64,
        octets: &'s mut [u8],
        start: usize,
    ) -> Result<&'s mut [u8], Broken> {
        let broken = Broken::Segment { part: self.header.number, segment };
        let length = self.segment_length(segment).ok_or(broken)?;
        if octets.len().checked_sub(start) != Some(length + TAG) {
            return Err(broken);
        }
        let nonce = self.nonce_of(segment).ok_or(broken)?;
        self.cipher.open_within(nonce, Aad::from(self.bound), octets, start..).map_err(|_| broken)
    }

    /// Seals a segment in place and gives what stands behind it.
    pub(super) fn seal_segment(&self, segment: u64, plain: &mut [u8]) -> Option<[u8; TAG]> {
        let length = self.segment_length(segment)?;
        let nonce = self.nonce_of(segment).filter(|_| plain.len() == length)?;
        let tag = self.cipher.seal_in_place_separate_tag(nonce, Aad::from(self.bound), plain).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// The header with its tag.
    pub(super) fn seal_header(&self) -> Option<[u8; HEADER]> {
        let nonce = self.nonce(OF_HEADER, false);
        let tag = self.cipher.seal_in_place_separate_tag(nonce, Aad::from(self.bound), &mut []).ok()?;
        let mut out = [0; HEADER];
        let whole = self.bound.iter().chain(tag.as_ref());
        out.iter_mut().zip(whole).for_each(|(place, octet)| *place = *octet);
        Some(out)
    }

    fn nonce_of(&self, segment: u64) -> Option<Nonce> {
        let number = u32::try_from(segment).ok().filter(|number| *number != OF_HEADER)?;
        Some(self.nonce(number, segment + 1 == self.segments()))
    }

    /// The part's own octets, the segment, and whether it is the last.
    fn nonce(&self, number: u32, last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        let number = number.to_be_bytes();
        let whole: [&[u8]; 3] = [&self.prefix, &number, &[u8::from(last)]];
        nonce.iter_mut().zip(whole.into_iter().flatten()).for_each(|(place, octet)| *place = *octet);
        Nonce::assume_unique_for_key(nonce)
    }
}
