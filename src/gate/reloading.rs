//! Taking anew what may change while the proxy runs: certificates, the keyring, policies and access keys.
//!
//! Invariant: a signal and an order go the same way, so that both take the same. Each part is taken for itself:
//! what is broken stays as it was, and keeps nothing else from being taken.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::page;
use crate::control::config::Config;
use crate::control::policies::{Answer, Consent, Watch};
use crate::control::{Finding, Findings, admin, keyring};
use crate::kms::Ring;
use crate::server::{Control, Page, TlsFault};

/// What a reload needs.
#[derive(Clone)]
pub(super) struct Reloading {
    pub(super) config: Arc<Config>,
    pub(super) ring: Arc<ArcSwap<Ring>>,
    pub(super) watch: Arc<Watch>,
}

impl Reloading {
    /// SIGHUP. The certificates have been taken anew; this is what was wrong with them.
    pub(super) fn signalled(&self, certificates: Vec<TlsFault>) {
        self.begin(certificates, Consent::None, None);
    }

    /// `POST /v1/reload`.
    pub(super) fn ordered(&self, control: &Control, query: &str) -> oneshot::Receiver<Page> {
        let (tell, told) = oneshot::channel();
        match admin::consent(query) {
            Ok(consent) => {
                // Whoever asked may have gone.
                let answer: Answer = Box::new(move |reloaded| drop(tell.send(page(admin::reloaded(&reloaded)))));
                self.begin(control.take_certificates(), consent, Some(answer));
            }
            Err(refusal) => drop(tell.send(page(refusal))),
        }
        told
    }

    /// Takes the keyring, looks at the configuration, and leaves the policies to their thread.
    fn begin(&self, certificates: Vec<TlsFault>, consent: Consent, answer: Option<Answer>) {
        let mut findings = Findings::default();
        for fault in certificates {
            let help = "put a certificate and its key there; the ones before are still shown";
            findings.push(Finding::file(&fault.file, fault.problem).help(help));
        }
        if let Err(faults) = self.take_ring() {
            tracing::error!(findings = %faults, "the keyring was not read again; the keys are as they were");
            findings.extend(faults);
        }
        if let Some(changed) = self.config.changed() {
            tracing::warn!(file = %self.config.file.display(), "{}", changed.message());
            findings.push(changed);
        }
        self.watch.reload(consent, findings, answer);
    }

    /// Puts what the file holds now in the place of the ring.
    fn take_ring(&self) -> Result<(), Findings> {
        let ring = keyring::load(&self.config)?.counting_on(&self.ring.load());
        self.ring.store(Arc::new(ring));
        Ok(())
    }
}
