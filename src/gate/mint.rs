//! Certificates for the host names that SDKs make of an endpoint: an account in front of it for S3 Control, an
//! access point and its account for what goes through that (spec/addressing.md 3).
//!
//! Invariant: only for names of accounts and access points that exist, so that a stranger can neither fill
//! the memory nor have anything signed that leads nowhere. A handshake tells which there are; what may be done
//! there, and with what, it does not.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;

use crate::control::certs::{CertFault, Minter};
use crate::control::config::{Listen, Mint as Ca};
use crate::pipeline::Live;
use crate::s3::name;
use crate::server::Mint;
use crate::time::{Clock, Seconds};

/// How long one is shown before another is made.
const LIFE: i64 = 30 * 86_400;
/// How many are remembered; those of access points that are gone are forgotten with all others.
const MOST: usize = 4096;

/// The certificates of one listener.
pub(super) struct Minting {
    minter: Minter,
    live: Arc<ArcSwap<Live>>,
    clock: Arc<dyn Clock>,
    hosts: Vec<String>,
    minted: Mutex<HashMap<String, (Seconds, Arc<CertifiedKey>)>>,
}

impl Minting {
    /// Mints for the hosts of a listener under a CA.
    ///
    /// # Errors
    /// As for [`Minter::new`].
    pub(super) fn new(
        ca: &Ca,
        listen: &Listen,
        live: &Arc<ArcSwap<Live>>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, CertFault> {
        Ok(Self {
            minter: Minter::new(&ca.ca, &ca.key)?,
            live: Arc::clone(live),
            clock: Arc::clone(clock),
            hosts: listen.hosts.clone(),
            minted: Mutex::default(),
        })
    }

    /// Whether a name stands for an account or an access point.
    fn exists(&self, name: &str) -> bool {
        let live = self.live.load();
        let label = |host: &String| name.strip_suffix(host.as_str())?.strip_suffix('.');
        self.hosts.iter().filter_map(label).any(|label| match name::is_account(label) {
            true => live.directory.knows_account(label),
            false => live.claims(label),
        })
    }

    fn known(&self, name: &str, now: Seconds) -> Option<Arc<CertifiedKey>> {
        let minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, known) = minted.get(name)?;
        (0..LIFE).contains(&(now.0 - since.0)).then(|| Arc::clone(known))
    }
}

impl Mint for Minting {
    fn mint(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let (name, now) = (name.to_ascii_lowercase(), self.clock.now());
        if !self.exists(&name) {
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
