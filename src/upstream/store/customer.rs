//! Keys that clients keep (SSE-C, spec/encryption.md 4): each request brings its own, the data key of an object is
//! wrapped by it, and nothing of it is stored. That it is the right one shows when it opens the data key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use md5::{Digest as _, Md5};

use crate::kms::{Key, Ring};
use crate::s3::encryption::{CUSTOMER, Triple};
use crate::s3::{Code, Fault};

use super::StoreError;
use super::answer::set;
use super::fault::Halt;

/// The key that a request brings.
#[derive(Clone, Debug)]
pub(super) struct Customer {
    ring: Ring,
    md5: String,
}

/// Why a key does not fit what it is to open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Misfit {
    /// One is needed, and none was sent.
    Missing,
    /// One was sent, and none is needed.
    Needless,
    /// It is another one, or nothing vouches for it.
    Wrong,
}

/// Why something cannot be opened.
#[derive(Debug)]
pub(super) enum Unopened {
    Misfit(Misfit),
    Halt(Halt),
}

impl Customer {
    /// Reads the headers; what they say has been checked in front of the store.
    pub(super) fn read(headers: &HeaderMap, triple: &Triple) -> Result<Option<Self>, Fault> {
        if !triple.is_in(headers) {
            return Ok(None);
        }
        let message = "The secret key was invalid for the specified algorithm.";
        let key = triple.decoded(headers).ok_or_else(|| Fault::argument("customer-key", message, ARGUMENT, None))?;
        if !headers.contains_key(&triple.md5) {
            return Err(Misfit::Wrong.fault());
        }
        let md5 = STANDARD.encode(Md5::digest(key.as_slice()));
        Ok(Some(Self { ring: Ring::lent(key), md5 }))
    }

    /// The key, and the ring that it is in.
    pub(super) fn key(&self) -> Result<(&Ring, &Key), StoreError> {
        let key = self.ring.keys().next().ok_or(StoreError::Damaged("a client's key"))?;
        Ok((&self.ring, key))
    }

    /// Says with which key something was encrypted.
    pub(super) fn say(&self, headers: &mut HeaderMap) {
        set(headers, CUSTOMER.algorithm.as_str(), "AES256");
        set(headers, CUSTOMER.md5.as_str(), &self.md5);
    }
}

/// The argument that S3 names whatever is wrong with keys of clients.
const ARGUMENT: &str = "x-amz-server-side-encryption";

impl Misfit {
    /// E-30, E-31, E-33
    fn fault(self) -> Fault {
        match self {
            Self::Missing => {
                let message = "The object was stored using a form of Server Side Encryption. The correct parameters \
                    must be provided to retrieve the object.";
                Fault::new(Code::InvalidRequest, "customer-key-missing", message)
            }
            Self::Needless => {
                let message = "The encryption parameters are not applicable to this object.";
                Fault::new(Code::InvalidRequest, "customer-key-not-applicable", message)
            }
            Self::Wrong => {
                let message = "Requests specifying Server Side Encryption with Customer provided keys must provide the \
                    correct secret key.";
                Fault::new(Code::AccessDenied, "customer-key-wrong", message)
            }
        }
    }

    /// The same for a part of an upload: E-34, E-35
    fn part_fault(self) -> Fault {
        match self {
            Self::Missing | Self::Needless => {
                let message = "The multipart upload initiate requested encryption. Subsequent part requests must \
                    include the appropriate encryption parameters.";
                Fault::new(Code::InvalidRequest, "customer-key-of-upload", message)
            }
            Self::Wrong => {
                let message = "The provided encryption parameters did not match the ones used originally.";
                Fault::new(Code::InvalidRequest, "customer-key-of-upload", message)
            }
        }
    }
}

impl Unopened {
    /// What whoever uploads a part is told.
    pub(super) fn of_part(self) -> Halt {
        match self {
            Self::Misfit(misfit) => misfit.part_fault().into(),
            Self::Halt(halt) => halt,
        }
    }
}

impl From<Halt> for Unopened {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

impl From<StoreError> for Unopened {
    fn from(error: StoreError) -> Self {
        Self::Halt(error.into())
    }
}

impl From<Unopened> for Halt {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::Misfit(misfit) => misfit.fault().into(),
            Unopened::Halt(halt) => halt,
        }
    }
}
