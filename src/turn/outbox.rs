//! Small writes that leave together, at the end of a turn.
//!
//! Of all that a small request costs, writing to a socket is the dearest: the system takes the packet the whole
//! way to the other end's buffer and wakes whoever waits there. A worker has often several requests to look at
//! in one turn of its loop. Here their writes wait until it has looked at all of them, and then leave one after
//! the other: the system's code, and the worker's own, is in the caches then, and whom the first write has woken
//! on this machine need not be woken for the next ones.
//!
//! Invariants:
//! - a write waits for the tasks that are ready in the same turn and for nothing else; there is no timer;
//! - at most [`MOST`] octets of a connection wait; what is larger leaves at once, behind what waits;
//! - what cannot leave is told at the next write, flush or shutdown of the connection, whose task is woken.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Most octets of one connection that wait for the end of a turn.
const MOST: usize = 8 * 1024;
/// Most empty buffers that a worker keeps.
const SPARES: usize = 64;

thread_local! {
    static OUTBOX: RefCell<Option<Rc<Outbox>>> = const { RefCell::new(None) };
}

/// What leaves a worker at the end of the turn.
#[derive(Default)]
struct Outbox {
    waiting: RefCell<Vec<Rc<Line>>>,
    /// Who sends; none until it has been polled.
    sender: RefCell<Option<Waker>>,
    spares: RefCell<Vec<Vec<u8>>>,
}

/// Opens the outbox of this thread, and returns who empties it: a task that must run on the thread as long as
/// sockets do. Where no outbox is open, everything leaves at once.
pub fn open() -> impl Future<Output = ()> {
    let outbox = Rc::new(Outbox::default());
    OUTBOX.with(|place| *place.borrow_mut() = Some(Rc::clone(&outbox)));
    let closed = Closed(Rc::clone(&outbox)); // also if it is never polled
    async move {
        let _closed = closed;
        loop {
            poll_fn(|cx| outbox.wait(cx)).await;
            outbox.send();
        }
    }
}

/// Closes the outbox when its task ends: nothing may wait for nobody.
struct Closed(Rc<Outbox>);

impl Drop for Closed {
    fn drop(&mut self) {
        let own = |open: &mut Rc<Outbox>| Rc::ptr_eq(open, &self.0);
        // A thread that ends has none any more.
        let _ = OUTBOX.try_with(|place| place.borrow_mut().take_if(own));
        self.0.send();
    }
}

impl Outbox {
    fn wait(&self, cx: &Context<'_>) -> Poll<()> {
        if !self.waiting.borrow().is_empty() {
            return Poll::Ready(());
        }
        remember(&mut self.sender.borrow_mut(), cx);
        Poll::Pending
    }

    fn post(&self, line: &Rc<Line>) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.push(Rc::clone(line));
        if waiting.len() == 1
            && let Some(sender) = &*self.sender.borrow()
        {
            sender.wake_by_ref();
        }
    }

    fn send(&self) {
        let mut lines = self.waiting.take();
        lines.drain(..).for_each(|line| line.send());
        // Its room serves the next turn.
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            *waiting = lines;
        }
    }

    fn keep(&self, mut spare: Vec<u8>) {
        let mut spares = self.spares.borrow_mut();
        if spares.len() < SPARES {
            spare.clear();
            spares.push(spare);
        }
    }
}

/// The waker of a task stays the same, so this clones once. Who only has a look is not to be woken.
fn remember(place: &mut Option<Waker>, cx: &Context<'_>) {
    let known = place.as_ref().is_some_and(|known| known.will_wake(cx.waker()));
    if !known && !cx.waker().will_wake(Waker::noop()) {
        *place = Some(cx.waker().clone());
    }
}

/// A socket whose small writes leave at the end of the turn.
#[derive(Debug)]
pub struct Socket(pub(super) Rc<Line>);

#[derive(Debug)]
pub(super) struct Line {
    stream: RefCell<TcpStream>,
    out: RefCell<Out>,
    pub(super) state: Cell<State>,
}

#[derive(Debug, Default)]
struct Out {
    /// What has been taken from the protocol and not by the system.
    octets: Vec<u8>,
    /// Whom to tell if it cannot leave.
    owner: Option<Waker>,
    failed: Option<io::Error>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    /// Nothing waits.
    Empty,
    /// Something waits for the end of the turn.
    Posted,
    /// The system has not taken all of it.
    Stuck,
    /// The connection is broken.
    Failed,
}

impl Socket {
    /// Wraps a connected socket.
    pub fn new(stream: TcpStream) -> Self {
        Self(Rc::new(Line { stream: RefCell::new(stream), out: RefCell::default(), state: Cell::new(State::Empty) }))
    }
}

impl Line {
    /// Hands over what waits, at the end of the turn.
    fn send(&self) {
        if self.state.get() != State::Posted {
            return;
        }
        let mut out = self.out.borrow_mut();
        match self.stream.borrow().try_write(&out.octets) {
            Ok(count) if count == out.octets.len() => return self.emptied(&mut out),
            Ok(count) => {
                out.octets.drain(..count);
                self.state.set(State::Stuck);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.state.set(State::Stuck),
            Err(error) => self.fail(&mut out, error),
        }
        if let Some(owner) = out.owner.take() {
            owner.wake();
        }
    }

    /// Sends what waits, now.
    fn empty(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.state.get(), State::Posted | State::Stuck) {
            ready!(self.push(cx));
        }
        Poll::Ready(match self.state.get() {
            State::Failed => Err(self.failure()),
            State::Empty | State::Posted | State::Stuck => Ok(()),
        })
    }

    /// Hands over until nothing waits any more or the connection has failed.
    fn push(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut out = self.out.borrow_mut();
        while !out.octets.is_empty() {
            let error = match Pin::new(&mut *self.stream.borrow_mut()).poll_write(cx, &out.octets) {
                Poll::Pending => {
                    self.state.set(State::Stuck);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(count @ 1..)) => {
                    out.octets.drain(..count);
                    continue;
                }
                Poll::Ready(Ok(0)) => io::ErrorKind::WriteZero.into(),
                Poll::Ready(Err(error)) => error,
            };
            self.fail(&mut out, error);
            return Poll::Ready(());
        }
        self.emptied(&mut out);
        Poll::Ready(())
    }

    /// An idle connection holds no buffer.
    fn emptied(&self, out: &mut Out) {
        self.state.set(State::Empty);
        let spare = std::mem::take(&mut out.octets);
        // A thread that ends has no outbox any more.
        let _ = OUTBOX.try_with(|place| place.borrow().as_ref().map(|outbox| outbox.keep(spare)));
    }

    fn fail(&self, out: &mut Out, error: io::Error) {
        self.state.set(State::Failed);
        (out.octets, out.failed) = (Vec::new(), Some(error));
    }

    /// The first time why, then that.
    fn failure(&self) -> io::Error {
        self.out.borrow_mut().failed.take().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Keeps a small write for the end of the turn; false where it must leave at once.
    fn post(self: &Rc<Self>, cx: &Context<'_>, pieces: &[IoSlice<'_>], length: usize) -> bool {
        OUTBOX.with_borrow(|outbox| {
            let Some(outbox) = outbox else { return false };
            let mut out = self.out.borrow_mut();
            if length + out.octets.len() > MOST {
                return false;
            }
            if self.state.get() == State::Empty {
                out.octets = outbox.spares.borrow_mut().pop().unwrap_or_default();
                self.state.set(State::Posted);
                outbox.post(self);
            }
            remember(&mut out.owner, cx);
            pieces.iter().for_each(|piece| out.octets.extend_from_slice(piece));
            true
        })
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // A protocol that waits for an answer now may have been told that all has left.
        if self.0.state.get() == State::Stuck {
            let _told_at_the_next_write = self.0.push(cx);
        }
        Pin::new(&mut *self.0.stream.borrow_mut()).poll_read(cx, out)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(octets)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let line = &self.0;
        if matches!(line.state.get(), State::Stuck | State::Failed) {
            ready!(line.empty(cx))?;
        }
        let length = pieces.iter().map(|piece| piece.len()).sum();
        if line.post(cx, pieces, length) {
            return Poll::Ready(Ok(length));
        }
        ready!(line.empty(cx))?;
        Pin::new(&mut *line.stream.borrow_mut()).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What waits for the end of the turn is as good as gone.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.state.get() {
            State::Empty => Poll::Ready(Ok(())),
            State::Posted => {
                remember(&mut self.0.out.borrow_mut().owner, cx);
                Poll::Ready(Ok(()))
            }
            State::Stuck | State::Failed => self.0.empty(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.empty(cx))?;
        Pin::new(&mut *self.0.stream.borrow_mut()).poll_shutdown(cx)
    }
}
