//! The bytes of a segment file (spec/access-logs.md 10.1). Pure: no file is touched here.
//!
//! All numbers are little-endian. A file begins with a header of 96 octets:
//!
//! ```text
//! "S3HPWAL1" | u32 version | u32 flags | 16 instance | u64 sequence | u64 created, ns
//!            | 32 last chain value of the file before | u32 CRC32C of all this | 12 zeros
//! ```
//!
//! Frames follow without a space between them:
//!
//! ```text
//! u32 length of the frame | u8 kind | u8 flags | u16 zero | u64 number | u64 unix ns
//!            | payload | 32 chain | u32 CRC32C of all this
//! chain = SHA-256(chain before ‖ kind ‖ number ‖ payload)
//! ```
//!
//! Kinds: 1 intent, 2 completion, 3 combined, 4 gap, 5 seal, 6 checkpoint (the chain value of an earlier
//! record, signed; not in the spec's list).
//!
//! A length of zero is where the data ends: the rest of a file is zero.

use ring::digest::{Context, SHA256};
use std::fmt;

/// Octets of a file's header.
pub(super) const HEADER: usize = 96;
/// Octets of a frame before its payload.
pub(super) const HEAD: usize = 24;
/// Octets of a frame after its payload.
pub(super) const FOOT: usize = 36;
/// The longest payload: a thousand keys of 1024 octets fit in any spelling.
pub(super) const MAX_PAYLOAD: usize = 8 << 20;
/// The longest frame.
pub(super) const MAX_FRAME: usize = HEAD + MAX_PAYLOAD + FOOT;
/// Flag of a header: the file before ends at this header's chain value, without a seal, because the
/// disk failed.
pub(super) const ABANDONED: u32 = 1;
/// Flag of a header: records that had been signed for were gone when this file was begun. Its numbers
/// go on behind theirs, its chain where the journal was found to end.
pub(super) const CUT: u32 = 2;

const MAGIC: &[u8; 8] = b"S3HPWAL1";
const VERSION: u32 = 1;

/// A link of the hash chain.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Chain(pub(super) [u8; 32]);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Chain {
    /// Reads what `Display` writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        super::digest::unhex(text)?.try_into().ok().map(Self)
    }

    /// Where the clock of a file begins. A clock is a hash over what no link of the chain covers: what its
    /// header says of itself, and the number and time of each frame. Seals, checkpoints and the head sign it.
    pub(super) fn clock(header: &Header) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(&header.instance);
        hash.update(&header.sequence.to_le_bytes());
        hash.update(&header.created.to_le_bytes());
        hash.update(&header.flags.to_le_bytes());
        Self(hash.finish().as_ref().try_into().unwrap_or_default())
    }

    /// The clock after a frame.
    pub(super) fn tick(&self, number: u64, time: u64) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(&self.0);
        hash.update(&number.to_le_bytes());
        hash.update(&time.to_le_bytes());
        Self(hash.finish().as_ref().try_into().unwrap_or_default())
    }

    /// The value after a frame.
    pub(super) fn next(&self, kind: Kind, number: u64, payload: &[u8]) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(&self.0);
        hash.update(&[kind.octet()]);
        hash.update(&number.to_le_bytes());
        hash.update(payload);
        Self(hash.finish().as_ref().try_into().unwrap_or_default())
    }
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The chain value after an earlier record, signed.
    Checkpoint,
    /// A refusal: intent and completion in one.
    Combined,
    /// How a request ended.
    Completion,
    /// What could not be written.
    Gap,
    /// What is about to be forwarded.
    Intent,
    /// The end of a file.
    Seal,
}

impl Kind {
    /// The octet in a frame.
    pub(super) const fn octet(self) -> u8 {
        match self {
            Self::Intent => 1,
            Self::Completion => 2,
            Self::Combined => 3,
            Self::Gap => 4,
            Self::Seal => 5,
            Self::Checkpoint => 6,
        }
    }

    fn from_octet(octet: u8) -> Option<Self> {
        [Self::Intent, Self::Completion, Self::Combined, Self::Gap, Self::Seal, Self::Checkpoint]
            .into_iter()
            .find(|kind| kind.octet() == octet)
    }

    /// Whether it speaks of the journal itself and of no request.
    pub const fn is_of_the_journal(self) -> bool {
        matches!(self, Self::Checkpoint | Self::Seal)
    }

    /// The name in listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Completion => "completion",
            Self::Combined => "combined",
            Self::Gap => "gap",
            Self::Seal => "seal",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// What a file says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) flags: u32,
    pub(super) instance: [u8; 16],
    pub(super) sequence: u64,
    pub(super) created: u64,
    pub(super) previous: Chain,
}

impl Header {
    /// The octets of the header.
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut fields = Vec::with_capacity(HEADER);
        fields.extend_from_slice(MAGIC);
        fields.extend_from_slice(&VERSION.to_le_bytes());
        fields.extend_from_slice(&self.flags.to_le_bytes());
        fields.extend_from_slice(&self.instance);
        fields.extend_from_slice(&self.sequence.to_le_bytes());
        fields.extend_from_slice(&self.created.to_le_bytes());
        fields.extend_from_slice(&self.previous.0);
        let sum = crc32c(&fields);
        fields.extend_from_slice(&sum.to_le_bytes());
        fields.resize(HEADER, 0);
        fields.try_into().unwrap_or([0; HEADER])
    }

    /// Reads a header back.
    pub(super) fn decode(octets: &[u8; HEADER]) -> Result<Self, Flaw> {
        let mut rest = Rest(octets);
        let magic: [u8; 8] = rest.take().ok_or(Flaw::Header)?;
        let version = u32::from_le_bytes(rest.take().ok_or(Flaw::Header)?);
        let header = Self {
            flags: u32::from_le_bytes(rest.take().ok_or(Flaw::Header)?),
            instance: rest.take().ok_or(Flaw::Header)?,
            sequence: u64::from_le_bytes(rest.take().ok_or(Flaw::Header)?),
            created: u64::from_le_bytes(rest.take().ok_or(Flaw::Header)?),
            previous: Chain(rest.take().ok_or(Flaw::Header)?),
        };
        // The only spelling of a header is the one written.
        let sound = magic == *MAGIC && version == VERSION && header.flags & !(ABANDONED | CUT) == 0;
        if sound && header.encode() == *octets { Ok(header) } else { Err(Flaw::Header) }
    }
}

/// What is wrong with bytes that should be a frame or a header.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Flaw {
    /// The hash chain is broken.
    #[error("the hash chain does not continue here")]
    Chain,
    /// The checksum is wrong.
    #[error("the checksum does not match")]
    Checksum,
    /// The header is not one.
    #[error("the header is damaged")]
    Header,
    /// The kind of frame is unknown, or reserved bits are set.
    #[error("the frame is of no known kind")]
    Kind,
    /// The length cannot be.
    #[error("the length of the frame is impossible")]
    Length,
    /// A number is missing or doubled.
    #[error("record {expected} is missing: record {found} stands here")]
    Number {
        /// The number that should stand here.
        expected: u64,
        /// The number that does.
        found: u64,
    },
    /// The payload is not JSON.
    #[error("the record is not JSON")]
    Payload,
}

/// The fixed fields before a payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameHead {
    /// Octets of the whole frame.
    pub(super) length: usize,
    pub(super) kind: Kind,
    pub(super) number: u64,
    pub(super) time: u64,
}

impl FrameHead {
    /// Reads the first octets of a frame. `None` where the data ends.
    pub(super) fn decode(octets: &[u8; HEAD]) -> Result<Option<Self>, Flaw> {
        let mut rest = Rest(octets);
        let length = u32::from_le_bytes(rest.take().ok_or(Flaw::Length)?);
        if length == 0 {
            return if octets.iter().all(|octet| *octet == 0) { Ok(None) } else { Err(Flaw::Length) };
        }
        let length = usize::try_from(length).map_err(|_| Flaw::Length)?;
        if !(HEAD + FOOT..=MAX_FRAME).contains(&length) {
            return Err(Flaw::Length);
        }
        let [kind, flags, zero, zero_too]: [u8; 4] = rest.take().ok_or(Flaw::Length)?;
        let number = u64::from_le_bytes(rest.take().ok_or(Flaw::Length)?);
        let time = u64::from_le_bytes(rest.take().ok_or(Flaw::Length)?);
        let kind = Kind::from_octet(kind).filter(|_| (flags, zero, zero_too) == (0, 0, 0)).ok_or(Flaw::Kind)?;
        Ok(Some(Self { length, kind, number, time }))
    }
}

/// Appends a frame whose number, chain and checksum are still zero; returns its length.
pub(super) fn append(out: &mut Vec<u8>, kind: Kind, time: u64, payload: &[u8]) -> usize {
    let length = HEAD + payload.len() + FOOT;
    debug_assert!(length <= MAX_FRAME);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&[kind.octet(), 0, 0, 0]);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&time.to_le_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(&[0; FOOT]);
    length
}

/// Gives an appended frame its number, its place in the chain, and its checksum. `None`, and nothing
/// written, if `frame` is not one.
pub(super) fn stamp(frame: &mut [u8], kind: Kind, number: u64, before: &Chain) -> Option<Chain> {
    let (head, rest) = frame.split_first_chunk_mut::<HEAD>()?;
    let (payload, foot) = rest.split_last_chunk_mut::<FOOT>()?;
    let chain = before.next(kind, number, payload);
    head.get_mut(8..16)?.copy_from_slice(&number.to_le_bytes());
    foot.get_mut(..32)?.copy_from_slice(&chain.0);
    let (all, sum) = frame.split_last_chunk_mut::<4>()?;
    *sum = crc32c(all).to_le_bytes();
    Some(chain)
}

/// The time of an appended frame.
pub(super) fn time_of(frame: &[u8]) -> u64 {
    frame.get(16..HEAD).and_then(|time| time.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Checks a whole frame against the chain value before it; returns its payload and the value after it.
pub(super) fn check<'f>(frame: &'f [u8], head: &FrameHead, before: &Chain) -> Result<(&'f [u8], Chain), Flaw> {
    let (all, sum) = frame.split_last_chunk::<4>().ok_or(Flaw::Length)?;
    if crc32c(all).to_le_bytes() != *sum {
        return Err(Flaw::Checksum);
    }
    let (rest, chain) = all.split_last_chunk::<32>().ok_or(Flaw::Length)?;
    let payload = rest.get(HEAD..).ok_or(Flaw::Length)?;
    let expected = before.next(head.kind, head.number, payload);
    if expected.0 == *chain { Ok((payload, expected)) } else { Err(Flaw::Chain) }
}

/// How many whole frames stand behind a bad one, whatever chain they belong to, and whether the last
/// of them is a seal. Nothing can be said if the bad one's length is lost.
pub(super) fn whole_frames(octets: &[u8]) -> (u64, bool) {
    let head = |octets: &[u8]| FrameHead::decode(octets.first_chunk()?).ok().flatten();
    let bad_length = octets.first_chunk().and_then(|length| usize::try_from(u32::from_le_bytes(*length)).ok());
    let mut rest = bad_length.and_then(|length| octets.get(length..)).unwrap_or_default();
    let (mut count, mut sealed) = (0, false);
    while let Some(found) = head(rest)
        && let Some((frame, after)) = rest.split_at_checked(found.length)
        && frame.split_last_chunk::<4>().is_some_and(|(all, sum)| crc32c(all).to_le_bytes() == *sum)
    {
        (count, sealed, rest) = (count + 1, found.kind == Kind::Seal, after);
    }
    (count, sealed)
}

/// Whether the checksum of a frame is right.
pub(super) fn is_whole(frame: &[u8]) -> bool {
    frame.split_last_chunk::<4>().is_some_and(|(all, sum)| crc32c(all).to_le_bytes() == *sum)
}

fn crc32c(octets: &[u8]) -> u32 {
    u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, octets)).unwrap_or(0)
}

/// Fixed-size fields, taken from the front.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { flags: 0, instance: [3; 16], sequence: 7, created: 9, previous: Chain([1; 32]) }
    }

    #[test]
    fn a_header_has_the_layout_of_the_spec_and_survives_no_flipped_bit() {
        let octets = header().encode();
        assert_eq!(&octets[..8], b"S3HPWAL1");
        assert_eq!(octets[8..16], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(octets[16..32], [3; 16]);
        assert_eq!(octets[32..40], [7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(octets[48..80], [1; 32]);
        assert_eq!(octets[84..], [0; 12]);
        assert_eq!(Header::decode(&octets), Ok(header()));
        for bit in 0..HEADER * 8 {
            let mut flipped = octets;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped), Err(Flaw::Header), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_has_the_layout_of_the_spec_and_survives_no_flipped_bit() {
        let mut frame = Vec::new();
        assert_eq!(append(&mut frame, Kind::Intent, 5, b"{}"), 62);
        let before = Chain([9; 32]);
        let after = stamp(&mut frame, Kind::Intent, 4, &before).unwrap();
        assert_eq!(frame[..8], [62, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(frame[8..24], [4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
        let input = [&[9; 32][..], &[1], &4_u64.to_le_bytes(), b"{}"].concat();
        assert_eq!(frame[26..58], *ring::digest::digest(&SHA256, &input).as_ref());
        let read = |frame: &[u8]| {
            let head = FrameHead::decode(frame.first_chunk().unwrap())?.ok_or(Flaw::Length)?;
            if head.length == frame.len() {
                check(frame, &head, &before).map(|found| found.1)
            } else {
                Err(Flaw::Length)
            }
        };
        assert_eq!(read(&frame), Ok(after));
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn crc32c_is_the_one_of_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }
}
