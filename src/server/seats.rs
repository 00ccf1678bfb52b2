//! Places for connections and requests: counted, bounded, given back by drop.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::settings::Listener;
use super::tls::Live;

/// One listener's settings, TLS and counters, shared by acceptor and workers.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) listener: Arc<Listener>,
    pub(super) tls: Option<Arc<Live>>,
    connections: AtomicUsize,
    in_flight: AtomicUsize,
    /// Taken once per connection and never across a wait, so a worker does not stall on it.
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// Counters over all listeners.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections taken.
    pub accepted: AtomicU64,
    /// Connections closed at once because a limit was reached.
    pub turned_away: AtomicU64,
    /// Handshakes that failed or took too long.
    pub handshakes_failed: AtomicU64,
    /// Requests refused for their form.
    pub screened: AtomicU64,
    /// Requests refused because too many were in flight.
    pub slowed: AtomicU64,
    /// Panics caught.
    pub panics: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Gate {
    pub(super) fn new(listener: Arc<Listener>, tls: Option<Arc<Live>>) -> Self {
        let (connections, in_flight) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { listener, tls, connections, in_flight, addresses: Mutex::default() }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// A seat for a connection from this address; none when the listener or the address has enough.
    pub(super) fn seat(self: &Arc<Self>, peer: IpAddr) -> Option<Seat> {
        let limits = &self.listener.limits;
        if !take(&self.connections, limits.connections) {
            return None;
        }
        let network = network(peer);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let live = addresses.entry(network).or_default();
        if *live >= limits.per_address {
            drop(addresses);
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        *live += 1;
        drop(addresses);
        Some(Seat { gate: Arc::clone(self), network })
    }
}

/// What one client can be expected to hold many of: an IPv6 site gets a /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// A live connection's place.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) gate: Arc<Gate>,
    network: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.gate.connections.fetch_sub(1, Ordering::Relaxed);
        let mut addresses = self.gate.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = addresses.get_mut(&self.network) {
            *live = live.saturating_sub(1);
            if *live == 0 {
                addresses.remove(&self.network);
            }
        }
    }
}

/// How many requests may be in flight over all listeners.
#[derive(Debug)]
pub(super) struct Everywhere {
    in_flight: AtomicUsize,
    most: usize,
}

impl Everywhere {
    pub(super) fn new(most: usize) -> Self {
        Self { in_flight: AtomicUsize::new(0), most }
    }

    /// Takes a place for a request here and at the gate.
    pub(super) fn enter(&self, gate: &Gate) -> bool {
        if !take(&self.in_flight, self.most) {
            return false;
        }
        if !take(&gate.in_flight, gate.listener.limits.in_flight) {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        true
    }

    pub(super) fn leave(&self, gate: &Gate) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        gate.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Adds one unless the counter has reached the limit.
fn take(counter: &AtomicUsize, most: usize) -> bool {
    if counter.fetch_add(1, Ordering::Relaxed) < most {
        return true;
    }
    counter.fetch_sub(1, Ordering::Relaxed);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections: usize, per_address: usize, in_flight: usize) -> Arc<Gate> {
        let mut listener = Listener::new("main", "127.0.0.1:0".parse().unwrap());
        (listener.limits.connections, listener.limits.per_address) = (connections, per_address);
        listener.limits.in_flight = in_flight;
        Arc::new(Gate::new(Arc::new(listener), None))
    }

    #[test]
    fn one_address_cannot_take_every_seat() {
        let gate = gate(3, 2, 1);
        let seat = |address: &str| gate.seat(address.parse().unwrap());
        let (first, second) = (seat("10.0.0.1"), seat("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(seat("10.0.0.1").is_none());
        let third = seat("10.0.0.2");
        assert!(third.is_some());
        assert!(seat("10.0.0.3").is_none(), "the listener is full");
        drop(second);
        assert!(seat("10.0.0.1").is_some());
        drop((first, third));
        assert_eq!(gate.connections(), 0);
        assert!(gate.addresses.lock().unwrap().is_empty(), "an address that left is forgotten");
    }

    #[test]
    fn an_ipv6_site_counts_as_one_address() {
        let gate = gate(9, 1, 1);
        let seat = gate.seat("2001:db8:1:2::1".parse().unwrap());
        assert!(seat.is_some());
        assert!(gate.seat("2001:db8:1:2:ffff::9".parse().unwrap()).is_none());
        assert!(gate.seat("2001:db8:1:3::1".parse().unwrap()).is_some());
    }

    #[test]
    fn requests_in_flight_are_bounded_per_listener_and_over_all() {
        let (first, second) = (gate(9, 9, 1), gate(9, 9, 9));
        let everywhere = Everywhere::new(2);
        assert!(everywhere.enter(&first));
        assert!(!everywhere.enter(&first));
        assert!(everywhere.enter(&second));
        assert!(!everywhere.enter(&second));
        everywhere.leave(&first);
        assert!(everywhere.enter(&second));
    }
}
