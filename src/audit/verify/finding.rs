//! What can be wrong with a journal, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::audit::read::{Damage, Fault};

/// Something that is wrong.
#[derive(Debug)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// The record, or the one that should be there.
    pub number: Option<u64>,
    /// What.
    pub what: What,
}

impl Finding {
    pub(super) fn at(path: &Path, offset: u64, number: Option<u64>, what: What) -> Self {
        Self { path: path.to_owned(), offset, number, what }
    }
}

impl From<Damage> for Finding {
    fn from(Damage { path, offset, fault }: Damage) -> Self {
        Self { path, offset, number: None, what: What::Damage(fault) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.offset > 0 {
            write!(f, " at octet {}", self.offset)?;
        }
        if let Some(number) = self.number {
            write!(f, ", record {number}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum What {
    /// Files were removed from the front by hand.
    #[error("the journal should begin with record {expected}: what stood before this one was taken away by hand")]
    Beginning {
        /// The first record that should be here.
        expected: u64,
    },
    /// A checkpoint signs for something else.
    #[error("the checkpoint does not sign for what stands before it")]
    Checkpoint,
    /// Nobody here can tell whether a copy of the head is one.
    #[error("the copy of the head is signed with key {key}, which is not one of this journal's")]
    CopyStranger {
        /// The key.
        key: String,
    },
    /// Records at the end are gone.
    #[error("the journal ends with record {last}, but record {signed} was signed for: the newest records were cut off")]
    Cut {
        /// The last record that is here.
        last: u64,
        /// The last record that was.
        signed: u64,
    },
    /// Files at the end are gone.
    #[error("the last file is {last:#x}, but file {signed:#x} was signed for: files at the end were taken away")]
    CutFiles {
        /// The last file that is here.
        last: u64,
        /// The last file that was.
        signed: u64,
    },
    /// A file is not as it was written.
    #[error(transparent)]
    Damage(Fault),
    /// The head speaks of another journal.
    #[error("the signed head belongs to another journal")]
    HeadForeign,
    /// The head is not signed by its key.
    #[error("the signed head is not what was signed")]
    HeadForged {
        /// The record that tells of it.
        told: Option<u64>,
    },
    /// There is no head.
    #[error("the signed head was taken away: nobody can tell whether the newest records are here")]
    HeadMissing {
        /// The record that tells of it.
        told: Option<u64>,
    },
    /// The head is older than its copy.
    #[error("the signed head is older than its copy, which signs for record {signed}: an old one was put back")]
    HeadOld {
        /// The last record that the copy signs for.
        signed: u64,
    },
    /// The head cannot be read.
    #[error("the signed head cannot be read: nobody can tell whether the newest records are here")]
    HeadUnreadable,
    /// Records without a signature, for longer than a proxy that works leaves any.
    #[error("records {from} to {to} were not signed for, though seconds lie between them: they may be anybody's")]
    Late {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
        /// The record that tells of it, if the journal was opened since.
        told: Option<u64>,
    },
    /// Records were gone when the journal was opened.
    #[error("records {from} to {to} had been signed for and were gone when the journal was opened")]
    Loss {
        /// The first that is gone.
        from: u64,
        /// The last that is gone.
        to: u64,
        /// The record that tells of it.
        told: u64,
    },
    /// Nothing is signed.
    #[error("nothing is signed: whoever can write to the journal's folder can have written all of it anew")]
    NothingSigned,
    /// A key signs that had been replaced.
    #[error("key {key} signs although it had been replaced before")]
    OldKey {
        /// The key.
        key: String,
    },
    /// The first file does not begin as was signed for.
    #[error("the first file does not begin with the record that was signed for as the first")]
    OtherBeginning,
    /// What was signed for is not what is here.
    #[error("the records up to {number} are not those that were signed for: they were written anew")]
    Rewritten {
        /// The record that the head names.
        number: u64,
    },
    /// A signature is not the key's for this.
    #[error("the signature is not that of what stands here: records from {after} on may have been written anew")]
    Signature {
        /// The first record that no right signature covers.
        after: u64,
    },
    /// A key signs that is not in the list.
    #[error(
        "it is signed with key {key}, which is not one of this journal's: records from {after} on are a stranger's"
    )]
    Stranger {
        /// The key.
        key: String,
        /// The first record that no right signature covers.
        after: u64,
    },
    /// The list beside the journal has keys that nobody vouches for.
    #[error("the list beside the journal has keys that the keys you brought do not vouch for")]
    Strangers,
    /// The times are not those that were signed for.
    #[error("times of records up to here, or what the header of the file says of itself, are not as was signed for")]
    Times,
    /// A seal without signature, after there were some.
    #[error("the seal is not signed, although records before it are")]
    Unsigned,
}

impl What {
    /// A name for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Beginning { .. } | Self::OtherBeginning => "beginning",
            Self::Checkpoint => "checkpoint",
            Self::Cut { .. } => "cut",
            Self::CutFiles { .. } => "cut-files",
            Self::Damage(Fault::Flaw(_)) => "record",
            Self::Damage(Fault::Foreign) => "foreign-file",
            Self::Damage(Fault::Head(_)) | Self::Rewritten { .. } => "rewritten",
            Self::Damage(Fault::Io(_)) => "io",
            Self::Damage(Fault::Missing(_)) => "missing-file",
            Self::Damage(Fault::NotSealed) => "not-sealed",
            Self::Damage(Fault::Seal) => "seal",
            Self::Damage(Fault::Unused) => "unused-space",
            Self::CopyStranger { .. } | Self::HeadForeign => "head-foreign",
            Self::HeadForged { .. } => "head-forged",
            Self::HeadMissing { .. } => "head-missing",
            Self::HeadOld { .. } => "head-old",
            Self::HeadUnreadable => "head-unreadable",
            Self::Late { .. } => "late",
            Self::Loss { .. } => "loss",
            Self::OldKey { .. } => "old-key",
            Self::Signature { .. } => "signature",
            Self::Stranger { .. } | Self::Strangers => "foreign-key",
            Self::Times => "times",
            Self::NothingSigned | Self::Unsigned => "unsigned",
        }
    }

    /// What to do.
    pub fn help(&self) -> String {
        let told = match self {
            Self::Loss { told, .. } => Some(*told),
            Self::HeadForged { told } | Self::HeadMissing { told } | Self::Late { told, .. } => *told,
            _ => None,
        };
        if let Some(told) = told {
            return format!(
                "if the machine lost power or the disk failed then, this is what it left; say that it is known with `--known-loss {told}`"
            );
        }
        match self {
            Self::Beginning { .. } | Self::Damage(Fault::Missing(_)) | Self::CutFiles { .. } => {
                "put the files back from a copy; where none is left, the deliveries and their digests have what they said"
            }
            Self::Damage(Fault::Io(_)) | Self::HeadUnreadable => {
                "run this as the user that writes the journal, and look at its disk"
            }
            Self::NothingSigned => {
                "a journal of this version is always signed; if this one was written before there were signatures, \
                 say so with `--unsigned-ok`"
            }
            Self::CopyStranger { .. } => {
                "if the copy is of this journal, its list of keys was taken away, and all else with it: bring the keys \
                 along (`--public-keys FILE`), or put the folder back from a copy"
            }
            Self::Stranger { .. } | Self::Strangers => {
                "compare with a list of public keys that was carried away: `--public-keys FILE`; \
                 if a key was replaced without `bartizan keys journal rotate`, that is what this looks like"
            }
            _ => {
                "keep the folder as it is, and compare with a copy and with what was delivered: \
                 records before this one are vouched for as far as the line `signed` says"
            }
        }
        .to_owned()
    }
}
