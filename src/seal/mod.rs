//! Sealed objects: the octets of an object, encrypted so that any store may keep them
//! (spec/encryption.md 14.1 to 14.4, 14.6).
//!
//! An object is one part or several, each with a header and segments of 64 KiB, sealed with AES-256-GCM
//! under a key of its own that is derived from the object's data key. Where data keys come from, who may use
//! them and where octets are kept is not known here. Pure: random numbers are arguments.
//!
//! Invariants:
//! - no octet of plaintext comes out that was not verified, and none twice;
//! - whatever was altered, moved, cut off or added is an error, never other data;
//! - memory is bounded by a few segments, however long the object is.

mod key;
mod layout;
mod metadata;
mod open;
mod part;
mod sealer;
#[cfg(test)]
mod tests;

pub use key::{Commitment, ObjectId, ObjectKey};
pub use layout::{
    HEADER, LONGEST_PART, SEALED_SEGMENT, SEGMENT, Stretch, TAG, listed_length, plain_length, sealed_length,
    sealed_range, stretches,
};
pub use metadata::{CLIENT_LIMIT, Metadata, MetadataFault, is_ours};
pub use open::{Opener, Segments};
pub use part::{Header, Part};
pub use sealer::{Salt, Sealer, whole};

/// What was stored is not what was sealed, or was sealed with another key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Broken {
    /// No header of a sealed part, or of another version of them.
    #[error("the header of a sealed part is none")]
    Header,
    /// The data key is not the one that the object was sealed with.
    #[error("the data key does not belong to the object")]
    Commitment,
    /// A part or segment was altered, moved, or belongs to another object.
    #[error("part {part}, segment {segment} does not open")]
    Segment {
        /// The number in the part's header.
        part: u32,
        /// The segment, from 0 on; none for the header.
        segment: u64,
    },
    /// The header of a part does not open.
    #[error("the header of part {part} does not open")]
    Part {
        /// The number in it.
        part: u32,
    },
    /// Parts do not ascend, or there are more or fewer than there should be.
    #[error("parts are missing, too many, or not in order")]
    Parts,
    /// It ends too early.
    #[error("a sealed part ends too early")]
    Truncated,
    /// Something stands behind the end.
    #[error("something stands behind the end of a sealed part")]
    Trailing,
}

/// Why something cannot be sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealFault {
    /// More or less came than was announced.
    #[error("the length is not the announced one")]
    Length,
    /// Longer than a part may be.
    #[error("too long for one part")]
    TooLong,
    /// The cipher refuses, which it has no reason to.
    #[error("the cipher refuses")]
    Cipher,
}
