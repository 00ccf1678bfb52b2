//! A thread that counts the proxies which share the limits, by the addresses of a host name, where one is
//! configured: a headless service has one for each.

use std::collections::HashSet;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use super::service::Shared;
use crate::control::config::{Config, Sharing};
use crate::pipeline::Rates;

const EVERY: Duration = Duration::from_secs(5);
/// More are not believed.
const MOST: usize = 10_000;

/// The thread; it ends when this is dropped.
pub(super) struct Counting {
    _stop: Option<Sender<()>>,
}

impl Counting {
    /// Begins, if there is a name to be asked for. The first answer is waited for, so that nothing passes by
    /// the configured number where the name knows better.
    pub(super) fn start(config: &Config, shared: &Arc<Shared>) -> Self {
        let (Some(name), Sharing::Divided | Sharing::Leased(_)) =
            (config.rates.replicas.discover.clone(), &config.rates.shared)
        else {
            return Self { _stop: None };
        };
        let mut counter = Counter { name, known: config.rates.replicas.count, silent: false };
        let rates = Arc::clone(&shared.rates);
        counter.look(&rates, lookup);
        let (stop, stopped) = mpsc::channel();
        let count = move || {
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                counter.look(&rates, lookup);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("replicas".to_owned()).spawn(count) {
            tracing::warn!(%error, "replicas are not counted again");
        }
        Self { _stop: Some(stop) }
    }
}

struct Counter {
    name: String,
    known: u32,
    /// Whether the name had no answer last time.
    silent: bool,
}

impl Counter {
    /// What cannot be looked up leaves the number as it was: fewer than there are would let more pass.
    fn look(&mut self, rates: &Rates, lookup: impl Fn(&str) -> Result<u32, Error>) {
        match lookup(&self.name) {
            Ok(found) => {
                if found != self.known {
                    tracing::info!(name = self.name, replicas = found, before = self.known, "limits are divided anew");
                    self.known = found;
                    rates.divide(found);
                }
                self.silent = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.silent, true) {
                    tracing::warn!(name = self.name, replicas = self.known, %error, "replicas cannot be counted; their number stays");
                }
            }
        }
    }
}

/// How many addresses a name has; each counts once, of one family where there are two.
fn lookup(name: &str) -> Result<u32, Error> {
    let found: HashSet<IpAddr> = (name, 0).to_socket_addrs()?.take(MOST).map(|address| address.ip()).collect();
    let six = found.iter().filter(|address| address.is_ipv6()).count();
    let most = six.max(found.len() - six);
    u32::try_from(most).ok().filter(|count| *count > 0).ok_or_else(|| Error::new(ErrorKind::NotFound, "no address"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Surface;

    #[test]
    fn what_cannot_be_counted_leaves_the_number_as_it_was() {
        let rates = Rates::new(Vec::new(), Vec::new(), Surface::default(), 1000, 7);
        let mut counter = Counter { name: "replicas.test".to_owned(), known: 2, silent: false };
        for (answer, expected) in [(Some(3), 3), (None, 3), (Some(1), 1), (None, 1), (Some(1), 1)] {
            counter.look(&rates, |_| answer.ok_or_else(|| ErrorKind::NotFound.into()));
            assert_eq!((counter.known, rates.reading(crate::time::Ticks(0)).machines), (expected, expected));
            assert_eq!(counter.silent, answer.is_none());
        }
    }

    #[test]
    fn addresses_of_both_families_are_those_of_the_same_replicas() {
        assert_eq!(lookup("localhost").unwrap(), 1);
        assert!(lookup("name.invalid").is_err());
    }
}
