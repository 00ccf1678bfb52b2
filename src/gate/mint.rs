//! Certificates for the host names that SDKs make of an endpoint: an account in front of it for S3 Control, an
//! access point and its account for what goes through that (spec/addressing.md 3).
//!
//! Invariant: for every name of these forms, whether there is such an account or access point or not. A
//! stranger must not learn from a handshake which there are. What a stranger can have signed is a name of this
//! listener, with the one key that all of them have; the memory for it is bounded.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::sign::CertifiedKey;

use crate::control::certs::{CertFault, Minter};
use crate::control::config::{Listen, Mint as Ca};
use crate::s3::name;
use crate::server::Mint;
use crate::time::{Clock, Seconds};

/// How long one is shown before another is made.
const LIFE: i64 = 30 * 86_400;
/// How many are remembered.
const MOST: usize = 4096;

/// The certificates of one listener.
pub(super) struct Minting {
    minter: Minter,
    clock: Arc<dyn Clock>,
    hosts: Vec<String>,
    minted: Mutex<HashMap<String, (Seconds, Arc<CertifiedKey>)>>,
}

impl Minting {
    /// Mints for the hosts of a listener under a CA.
    ///
    /// # Errors
    /// As for [`Minter::new`].
    pub(super) fn new(ca: &Ca, listen: &Listen, clock: &Arc<dyn Clock>) -> Result<Self, CertFault> {
        Ok(Self {
            minter: Minter::new(&ca.ca, &ca.key)?,
            clock: Arc::clone(clock),
            hosts: listen.hosts.clone(),
            minted: Mutex::default(),
        })
    }

    /// Whether a name has the form of one of an account or an access point.
    fn fits(&self, name: &str) -> bool {
        let label = |host: &String| name.strip_suffix(host.as_str())?.strip_suffix('.');
        self.hosts.iter().filter_map(label).any(|label| name::is_account(label) || is_of_access_point(label))
    }

    fn known(&self, name: &str, now: Seconds) -> Option<Arc<CertifiedKey>> {
        let minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, known) = minted.get(name)?;
        (0..LIFE).contains(&(now.0 - since.0)).then(|| Arc::clone(known))
    }
}

fn is_of_access_point(label: &str) -> bool {
    let parts = label.rsplit_once('-');
    parts.is_some_and(|(name, account)| name::is_access_point(name) && name::is_account(account))
}

impl Mint for Minting {
    fn mint(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let (name, now) = (name.to_ascii_lowercase(), self.clock.now());
        if !self.fits(&name) {
            return None;
        }
        if let Some(known) = self.known(&name, now) {
            return Some(known);
        }
        let fresh = match self.minter.mint(&name, now) {
            Ok(fresh) => Arc::new(fresh),
            Err(error) => {
                tracing::error!(name, %error, "no certificate could be made");
                return None;
            }
        };
        let mut minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        if minted.len() >= MOST {
            minted.clear();
        }
        minted.insert(name, (now, Arc::clone(&fresh)));
        Some(fresh)
    }
}

impl fmt::Debug for Minting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Minting({})", self.hosts.join(", "))
    }
}
