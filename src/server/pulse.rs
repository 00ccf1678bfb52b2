//! Where a connection stands in time. One coarse clock per worker, one sweep over all connections a
//! few times a second: a request sets no timer of its own.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::settings::Limits;

/// The time as of the last sweep.
#[derive(Debug)]
pub(super) struct CoarseClock(Cell<Instant>);

impl CoarseClock {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self(Cell::new(Instant::now())))
    }

    /// Reads the real clock once for everybody.
    pub(super) fn advance(&self) -> Instant {
        self.0.set(Instant::now());
        self.0.get()
    }

    fn now(&self) -> Instant {
        self.0.get()
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Negotiating TLS.
    Handshake,
    /// Receiving a request head.
    Head,
    /// Waiting for the next request.
    Idle,
    /// Serving at least one request.
    Busy,
    /// Throwing away what the client still sends after the last answer.
    Closing,
}

/// What a connection is told.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Signal {
    /// Go on.
    Live,
    /// Take no further request.
    Drain,
    /// End now.
    Kill,
}

/// The state of one connection that the sweeper looks at.
///
/// Invariant: `phase` is `Busy` exactly while `turns` is not zero, from the end of the handshake on.
#[derive(Debug)]
pub(super) struct Pulse {
    clock: Rc<CoarseClock>,
    phase: Cell<Phase>,
    since: Cell<Instant>,
    blocked: Cell<Option<Instant>>,
    turns: Cell<u32>,
    signal: Cell<Signal>,
    waker: RefCell<Option<Waker>>,
    limits: Times,
    longest_head: usize,
}

/// The times of [`Limits`], by phase.
#[derive(Clone, Copy, Debug)]
struct Times {
    handshake: Duration,
    head: Duration,
    idle: Duration,
    closing: Duration,
    write: Duration,
}

impl Pulse {
    pub(super) fn new(clock: Rc<CoarseClock>, limits: &Limits) -> Self {
        let (since, longest_head) = (Cell::new(clock.now()), limits.head);
        let limits = Times {
            handshake: limits.handshake_timeout,
            head: limits.head_timeout,
            idle: limits.idle,
            closing: limits.linger,
            write: limits.write_idle,
        };
        let (phase, turns, signal) = (Cell::new(Phase::Handshake), Cell::new(0), Cell::new(Signal::Live));
        let (blocked, waker) = (Cell::new(None), RefCell::new(None));
        Self { clock, phase, since, blocked, turns, signal, waker, limits, longest_head }
    }

    /// Octets that the head of a request may have.
    pub(super) fn longest_head(&self) -> usize {
        self.longest_head
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.clock.now());
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        self.turns.set(self.turns.get().saturating_add(1));
        self.phase.set(Phase::Busy);
    }

    /// A request's answer is handed over, or given up.
    pub(super) fn end(&self) {
        self.turns.set(self.turns.get().saturating_sub(1));
        if self.turns.get() == 0 && self.phase.get() == Phase::Busy {
            self.enter(Phase::Idle);
        }
    }

    /// The client takes no more octets, or takes them again.
    pub(super) fn blocked(&self, blocked: bool) {
        match (blocked, self.blocked.get()) {
            (true, None) => self.blocked.set(Some(self.clock.now())),
            (false, Some(_)) => self.blocked.set(None),
            _ => {}
        }
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.get().is_some()
    }

    pub(super) fn signal(&self) -> Signal {
        self.signal.get()
    }

    /// Tells the connection something; a weaker word never replaces a stronger one.
    pub(super) fn tell(&self, signal: Signal) {
        if signal > self.signal.get() {
            self.signal.set(signal);
            if let Some(waker) = self.waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }

    /// What the connection deserves now.
    pub(super) fn verdict(&self, now: Instant) -> Signal {
        let waited = now.saturating_duration_since(self.since.get());
        let stuck = self.blocked.get().is_some_and(|since| now.saturating_duration_since(since) > self.limits.write);
        match self.phase.get() {
            _ if stuck => Signal::Kill,
            Phase::Handshake if waited > self.limits.handshake => Signal::Kill,
            Phase::Head if waited > self.limits.head => Signal::Kill,
            Phase::Closing if waited > self.limits.closing => Signal::Kill,
            Phase::Idle if waited > self.limits.idle.saturating_mul(2) => Signal::Kill,
            Phase::Idle if waited > self.limits.idle => Signal::Drain,
            _ => Signal::Live,
        }
    }

    /// Remembers whom to wake; the waker of a task stays the same, so this clones once.
    pub(super) fn listen(&self, waker: &Waker) {
        let mut place = self.waker.borrow_mut();
        if !place.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *place = Some(waker.clone());
        }
    }

    /// Runs a future until it ends or the connection is killed.
    pub(super) async fn unless_killed<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            self.listen(cx.waker());
            match self.signal.get() {
                Signal::Kill => Poll::Ready(None),
                Signal::Live | Signal::Drain => future.as_mut().poll(cx).map(Some),
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(phase: Phase, waited: u64, expected: Signal) {
        let clock = CoarseClock::new();
        let pulse = Pulse::new(Rc::clone(&clock), &Limits::default());
        pulse.enter(phase);
        let now = clock.now() + Duration::from_secs(waited);
        assert_eq!(pulse.verdict(now), expected, "{phase:?} after {waited} s");
    }

    #[test]
    fn every_phase_but_serving_has_an_end() {
        check(Phase::Handshake, 9, Signal::Live);
        check(Phase::Handshake, 11, Signal::Kill);
        check(Phase::Head, 9, Signal::Live);
        check(Phase::Head, 11, Signal::Kill);
        check(Phase::Idle, 59, Signal::Live);
        check(Phase::Idle, 61, Signal::Drain);
        check(Phase::Idle, 121, Signal::Kill);
        check(Phase::Closing, 6, Signal::Kill);
        check(Phase::Busy, 100_000, Signal::Live);
    }

    #[test]
    fn a_client_that_takes_nothing_is_let_go() {
        let clock = CoarseClock::new();
        let pulse = Pulse::new(Rc::clone(&clock), &Limits::default());
        pulse.begin();
        pulse.blocked(true);
        assert_eq!(pulse.verdict(clock.now() + Duration::from_secs(61)), Signal::Kill);
        pulse.blocked(false);
        assert_eq!(pulse.verdict(clock.now() + Duration::from_secs(61)), Signal::Live);
    }

    #[test]
    fn a_connection_is_idle_when_its_last_request_has_ended() {
        let pulse = Pulse::new(CoarseClock::new(), &Limits::default());
        pulse.begin();
        pulse.begin();
        pulse.end();
        assert_eq!(pulse.phase(), Phase::Busy);
        pulse.end();
        assert_eq!(pulse.phase(), Phase::Idle);
    }

    #[test]
    fn a_kill_is_never_taken_back() {
        let pulse = Pulse::new(CoarseClock::new(), &Limits::default());
        pulse.tell(Signal::Kill);
        pulse.tell(Signal::Drain);
        assert_eq!(pulse.signal(), Signal::Kill);
    }
}
