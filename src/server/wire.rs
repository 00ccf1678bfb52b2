//! The octets of one connection: plain or TLS, watched on their way in and out.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::answer::{self, Unread};
use super::pulse::{Phase, Pulse};
use super::seen::{HeadScan, Seen};
use crate::turn::{InPieces, Socket};

/// Below TLS: reads ahead in large pieces while a client uploads, because rustls asks for 4 KiB at a
/// time. A connection that does not upload holds no buffer.
#[derive(Debug)]
pub(super) struct Ahead {
    stream: Socket,
    buffer: Vec<u8>,
    taken: usize,
    filled: usize,
    eager: bool,
}

const AHEAD: usize = 64 * 1024;

impl Ahead {
    pub(super) fn new(stream: Socket) -> Self {
        Self { stream, buffer: Vec::new(), taken: 0, filled: 0, eager: false }
    }

    fn take(&mut self, out: &mut ReadBuf<'_>) {
        let waiting = self.buffer.get(self.taken..self.filled).unwrap_or_default();
        let count = waiting.len().min(out.remaining());
        out.put_slice(waiting.get(..count).unwrap_or_default());
        self.taken += count;
    }
}

impl AsyncRead for Ahead {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.taken < this.filled {
            this.take(out);
            return Poll::Ready(Ok(()));
        }
        if !this.eager {
            let before = out.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, out))?;
            // A full buffer means that there is more.
            this.eager = out.remaining() == 0 && out.filled().len() - before >= 4096;
            return Poll::Ready(Ok(()));
        }
        if this.buffer.is_empty() {
            this.buffer = vec![0; AHEAD];
        }
        let mut into = ReadBuf::new(&mut this.buffer);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut into))?;
        (this.taken, this.filled) = (0, into.filled().len());
        if this.filled < 4096 {
            this.eager = false;
        }
        this.take(out);
        if !this.eager && this.taken == this.filled {
            (this.buffer, this.taken, this.filled) = (Vec::new(), 0, 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Ahead {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A socket, with or without TLS.
#[derive(Debug)]
pub(super) enum Io {
    Plain(Socket),
    Tls(Box<InPieces<TlsStream<Ahead>>>),
}

impl Io {
    fn read(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, out),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, out),
        }
    }

    fn write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    /// The socket itself, below TLS.
    fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &mut stream.get_mut().get_mut().0.stream,
        }
    }
}

/// Whether the body of the current HTTP/1 request has been read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Upload {
    /// To its end, or there was none.
    Read,
    /// Not, or not yet.
    Unread,
}

/// One connection, shared by the protocol above ([`Handle`]), the request under way and the task that
/// closes it. Single-threaded; no borrow is held across a poll.
#[derive(Debug)]
pub(super) struct Wire {
    io: RefCell<Io>,
    pub(super) pulse: Rc<Pulse>,
    http1: bool,
    scan: Cell<HeadScan>,
    upload: Cell<Upload>,
    linger: Cell<bool>,
    unread: RefCell<Option<Box<Unread>>>,
}

impl Wire {
    pub(super) fn new(io: Io, pulse: Rc<Pulse>, http1: bool) -> Self {
        let (scan, upload) = (Cell::default(), Cell::new(Upload::Read));
        Self { io: RefCell::new(io), pulse, http1, scan, upload, linger: Cell::new(false), unread: RefCell::default() }
    }

    pub(super) fn is_http1(&self) -> bool {
        self.http1
    }

    /// A request begins: what its head looked like on the wire.
    pub(super) fn begin(&self, upload: Upload) -> Seen {
        self.upload.set(upload);
        self.scan.take().seen()
    }

    /// The body of the request has been read to its end.
    pub(super) fn uploaded(&self) {
        self.upload.set(Upload::Read);
    }

    /// Whether the answer must announce that the connection ends, because the body of the request
    /// was not read. Remembers it for [`Wire::close`].
    pub(super) fn must_close(&self) -> bool {
        let close = self.http1 && self.upload.get() == Upload::Unread;
        if close {
            self.linger.set(true);
        }
        close
    }

    /// The head that could not be read, if that is what ended the connection.
    pub(super) fn unread(&self) -> Option<Box<Unread>> {
        self.unread.take()
    }

    fn received(&self, bytes: &[u8]) {
        if !self.http1 || bytes.is_empty() {
            return;
        }
        match self.pulse.phase() {
            Phase::Idle => {
                self.pulse.enter(Phase::Head);
                self.scan.take();
            }
            Phase::Head => {}
            Phase::Busy | Phase::Closing | Phase::Handshake => return,
        }
        let mut scan = self.scan.get();
        scan.feed(bytes);
        self.scan.set(scan);
    }

    /// Ends the connection so that the client can read the last answer: says goodbye, then throws
    /// away what an upload that nobody wanted still sends, up to `most` octets. Unread octets in the
    /// socket would make the system answer with a reset, and the answer could be lost.
    pub(super) async fn close(&self, most: u64) {
        self.pulse.enter(Phase::Closing);
        let done = poll_fn(|cx| self.with(|io| io.shutdown(cx))).await;
        if done.is_err() || !self.linger.get() {
            return;
        }
        let mut left = most;
        let mut waste = vec![0; 16 * 1024];
        while left > 0 {
            let taken = poll_fn(|cx| {
                let mut out = ReadBuf::new(&mut waste);
                self.with(|io| Pin::new(io.socket()).poll_read(cx, &mut out)).map_ok(|()| out.filled().len())
            });
            match taken.await {
                Ok(0) | Err(_) => return,
                Ok(count) => left = left.saturating_sub(count as u64),
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Io) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match self.io.try_borrow_mut() {
            Ok(mut io) => act(&mut io),
            Err(_) => Poll::Ready(Err(io::Error::other("connection is in use"))),
        }
    }
}

/// What the protocol reads from and writes to.
#[derive(Debug)]
pub(super) struct Handle(pub(super) Rc<Wire>);

impl AsyncRead for Handle {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(self.0.with(|io| io.read(cx, out)))?;
        self.0.received(out.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Handle {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = &*self.0;
        if wire.http1
            && wire.pulse.phase() == Phase::Head
            && !wire.pulse.is_blocked()
            && let [bare, rest @ ..] = pieces
            && rest.iter().all(|piece| piece.is_empty())
            && let Some(full) = answer::instead_of(bare, wire.pulse.longest_head())
        {
            wire.linger.set(true);
            return self.substitute(cx, full, bare.len());
        }
        let written = wire.with(|io| io.write(cx, pieces));
        wire.pulse.blocked(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.0.with(|io| io.flush(cx));
        self.0.pulse.blocked(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = self.0.with(|io| io.shutdown(cx));
        self.0.pulse.blocked(done.is_pending());
        done
    }
}

impl Handle {
    /// Sends our answer in place of the parser's bare one, and claims that the bare one was sent. The
    /// socket is empty at this point, so a few hundred octets go out at once or the client is gone.
    fn substitute(&self, cx: &mut Context<'_>, full: Unread, claimed: usize) -> Poll<io::Result<usize>> {
        let written = self.0.with(|io| io.write(cx, &[IoSlice::new(&full.octets)]));
        let length = full.octets.len();
        self.0.unread.replace(Some(Box::new(full)));
        match ready!(written) {
            Ok(count) if count == length => Poll::Ready(Ok(claimed)),
            Ok(_) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}
