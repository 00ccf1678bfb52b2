//! What can go wrong in here, and who is told what.

use std::io;

use crate::s3::{Code, Fault};
use crate::seal::Broken;

/// Why the store cannot be opened or cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder of the store cannot be used.
    #[error("{0}: {1}")]
    File(&'static str, #[source] io::Error),
    /// The index cannot be read or written.
    #[error("the index of the store: {0}")]
    Index(#[source] Box<redb::Error>),
    /// The index was made by another version of the program.
    #[error("the store has format {found}, this program reads format {known}")]
    Format {
        /// What stands in the index.
        found: u64,
        /// What this program writes.
        known: u64,
    },
    /// A row of the index makes no sense.
    #[error("damaged row in the index: {0}")]
    Damaged(&'static str),
    /// The store's own key is not there, or not this store's.
    #[error("{0}")]
    Key(Box<str>),
    /// Something that was sealed does not open, or cannot be sealed.
    #[error("sealed data: {0}")]
    SealBroken(Box<str>),
    /// A thread of the store could not be started or has ended.
    #[error("the store is closed")]
    Closed,
}

/// Why an operation ends without its ordinary answer.
#[derive(Debug)]
pub(super) enum Halt {
    /// S3 says no: the caller gets an error document. Whoever returns it has changed nothing.
    Said(Fault),
    /// The body did not hold what it promised; the pipeline answers.
    Body(Fault),
    /// The store itself failed.
    Broken(StoreError),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Said(fault)
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Broken(error)
    }
}

impl Halt {
    /// The fault behind a failure of the store: the caller learns nothing but that it happened.
    pub(super) fn broken(error: &StoreError) -> Fault {
        let is_broken = |error: &io::Error| error.get_ref().is_some_and(|inner| inner.is::<Broken>());
        let reason = match error {
            StoreError::SealBroken(_) => "seal-broken",
            StoreError::File(_, error) if is_broken(error) => "seal-broken",
            _ => "store-failed",
        };
        Fault::new(Code::InternalError, reason, "We encountered an internal error. Please try again.")
            .detail(error.to_string())
    }
}

macro_rules! from_index {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Index(Box::new(error.into()))
            }
        }
        impl From<$error> for Halt {
            fn from(error: $error) -> Self {
                Self::Broken(error.into())
            }
        }
    )*};
}

from_index!(
    redb::StorageError,
    redb::TableError,
    redb::DatabaseError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError
);
