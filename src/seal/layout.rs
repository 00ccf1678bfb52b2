//! Where what lies in a sealed part: lengths both ways and ranges (spec/encryption.md 14.2, 14.4, 14.6).

/// The length of a part's header in octets.
pub const HEADER: usize = 64;
/// Octets of plaintext in every segment but the last.
pub const SEGMENT: usize = 1 << 16;
/// The octets behind each segment that prove it.
pub const TAG: usize = 16;
/// The same segment, sealed.
pub const SEALED_SEGMENT: usize = SEGMENT + TAG;
/// The longest part of which the sealed form is at most 5 GiB, the most that S3 takes.
pub const LONGEST_PART: u64 = 5_367_398_640;

const PLAIN: u64 = SEGMENT as u64;
const SEALED: u64 = SEALED_SEGMENT as u64;
const TAG_LENGTH: u64 = TAG as u64;
pub(super) const HEADER_LENGTH: u64 = HEADER as u64;
/// A nonce has room for so many segments; the last number is the header's.
const MOST_SEGMENTS: u64 = u32::MAX as u64;

/// How many segments a part of so many octets has; an empty one has an empty one.
pub(super) const fn segments(plain: u64) -> u64 {
    let count = plain.div_ceil(PLAIN);
    if count == 0 { 1 } else { count }
}

/// The length of a part once sealed; none if it is too long for one part.
pub const fn sealed_length(plain: u64) -> Option<u64> {
    let count = segments(plain);
    // Four thousand million segments of 64 KiB are far from the end of 64 bits.
    if count > MOST_SEGMENTS { None } else { Some(HEADER_LENGTH + plain + TAG_LENGTH * count) }
}

/// The length of a part before it was sealed; none if no part has this sealed length.
pub fn plain_length(sealed: u64) -> Option<u64> {
    let body = sealed.checked_sub(HEADER_LENGTH)?;
    let plain = body.checked_sub(body.div_ceil(SEALED).checked_mul(TAG_LENGTH)?)?;
    (sealed_length(plain) == Some(sealed)).then_some(plain)
}

/// The length of an object of so many parts, from what a listing says of it. Exact when every part but the
/// last is a multiple of a segment long; for others the parts' own lengths must be known.
pub fn listed_length(sealed: u64, parts: u64) -> Option<u64> {
    if parts <= 1 {
        return plain_length(sealed).filter(|_| parts == 1);
    }
    let body = sealed.checked_sub(parts.checked_mul(HEADER_LENGTH)?)?;
    let count = body.div_ceil(SEALED);
    // A last segment holds its tag at least, and every part a segment.
    let whole = count >= parts && body.checked_sub(count.checked_sub(1)?.checked_mul(SEALED)?)? >= TAG_LENGTH;
    body.checked_sub(count.checked_mul(TAG_LENGTH)?).filter(|_| whole)
}

/// The sealed octets of a part that hold plaintext from `first` to `last`, both included, without the
/// header: from the first octet to the one behind the last. None if that is not inside the part.
pub fn sealed_range(first: u64, last: u64, plain: u64) -> Option<std::ops::Range<u64>> {
    if first > last || last >= plain {
        return None;
    }
    let at = |segment: u64| HEADER_LENGTH + segment * SEALED;
    let end = at(last / PLAIN + 1).min(sealed_length(plain)?);
    Some(at(first / PLAIN)..end)
}

/// What of one part a range of an object needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stretch {
    /// The place of the part in the object, from 0 on.
    pub part: usize,
    /// The first octet of plaintext within the part.
    pub from: u64,
    /// How many octets of plaintext.
    pub length: u64,
    /// Where the part's header begins in the stored object.
    pub header: u64,
    /// Where the segments lie in the stored object.
    pub sealed: std::ops::Range<u64>,
}

/// The stretches of parts of these lengths that hold `length` octets of plaintext from `from` on. None if
/// that is not inside the object.
pub fn stretches(parts: impl IntoIterator<Item = u64>, from: u64, length: u64) -> Option<Vec<Stretch>> {
    let end = from.checked_add(length)?;
    let (mut found, mut plain_at, mut sealed_at) = (Vec::new(), 0_u64, 0_u64);
    for (part, plain) in parts.into_iter().enumerate() {
        let plain_end = plain_at.checked_add(plain)?;
        let (first, behind) = (from.max(plain_at), end.min(plain_end));
        if first < behind {
            let (first, behind) = (first - plain_at, behind - plain_at);
            let inside = sealed_range(first, behind - 1, plain)?;
            let sealed = sealed_at.checked_add(inside.start)?..sealed_at.checked_add(inside.end)?;
            found.push(Stretch { part, from: first, length: behind - first, header: sealed_at, sealed });
        }
        (plain_at, sealed_at) = (plain_end, sealed_at.checked_add(sealed_length(plain)?)?);
    }
    (end <= plain_at).then_some(found)
}
