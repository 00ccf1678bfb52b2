//! The rules that hold whoever asks, in their order.

use bytes::Bytes;

use super::encryption::{self, Decided, Headers};
use super::judge::Case;
use super::settings::{self, Setting};
use super::uploads::Uploads;
use super::walk::Store;
use crate::s3::Fault;
use crate::s3::route::Routed;

/// What they come to.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is left to be done of a request that this process answers.
    pub(super) setting: Option<Setting>,
    /// What was decided of encryption.
    pub(super) encryption: Decided,
    headers: Option<Headers>,
}

/// Applies them. `at` is the place of the store.
///
/// # Errors
/// What [`settings::guard`] and [`encryption::decide`] refuse.
pub(super) async fn guard(
    case: &Case<'_>,
    document: Option<&Bytes>,
    stores: &[Store],
    at: usize,
    uploads: &Uploads,
) -> Result<Found, Fault> {
    let setting = settings::guard(case, document, stores, at).await?;
    let (encryption, headers) = encryption::decide(case, uploads)?;
    if encryption::reads_source(case.routed.operation) {
        // Rarely needed, and large: the common way keeps a small future.
        Box::pin(encryption::check_source(case, stores.get(at), encryption.encryption.key())).await?;
    }
    Ok(Found { setting, encryption, headers })
}

impl Found {
    /// Puts what was decided into what the store is told.
    pub(super) fn apply(&mut self, routed: Option<&mut Routed>) {
        if let (Some(headers), Some(routed)) = (self.headers.take(), routed) {
            headers.write(&mut routed.headers);
        }
    }
}
