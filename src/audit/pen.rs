//! The one writer of a journal: stamps frames with number and chain, appends them, rolls segments,
//! and leaves a file whose disk failed. Whoever holds the pen writes; there is one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::batch::{Batch, Fate, Lost, Waiter};
use super::counters::Counters;
use super::disk::{Disk, Tape};
use super::frame::{self, ABANDONED, CUT, Chain, FOOT, HEAD, HEADER, Header, Kind};
use super::head::{Sealed, seal_text};
use super::json::Object;
use super::now;
use super::segment::file_name;
use super::sign::Signer;

/// Octets kept free at the end of a segment for its seal.
pub(super) const SEAL_ROOM: u64 = 640;
/// Octets of completions kept in memory while the disk fails.
const HELD: usize = 16 << 20;

/// Why a segment ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause {
    /// The journal was closed.
    Close,
    /// The disk failed.
    Failure,
    /// The process ended without closing it.
    Recovery,
    /// It is full.
    Roll,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Failure => "failure",
            Self::Recovery => "recovery",
            Self::Roll => "roll",
        }
    }
}

/// How far a journal has come: what the next frame continues.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The chain value after the last frame.
    pub(super) chain: Chain,
    /// The number of the next frame.
    pub(super) next: u64,
    /// Intents on record without a completion.
    pub(super) open: u64,
    /// The clock after the last frame.
    pub(super) clock: Chain,
}

/// What pen and background thread share: the directory, and files that are made and made durable
/// away from requests.
pub(super) struct Yard {
    pub(super) disk: Box<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) spare: Mutex<Spare>,
    /// Sealed files that are not yet durable.
    pub(super) retired: Mutex<Vec<Box<dyn Tape>>>,
    /// What signs, if anything does.
    pub(super) signer: Mutex<Option<Arc<Signer>>>,
}

/// The next segment file, allocated before it is needed.
#[derive(Default)]
pub(super) enum Spare {
    /// Nobody needs one yet.
    #[default]
    Idle,
    /// The current segment is half full.
    Wanted,
    /// Here it is.
    Ready(Box<dyn Tape>),
}

impl Yard {
    /// Where the spare file lies until it is named.
    pub(super) fn spare_path(&self) -> PathBuf {
        self.dir.join("spare.tmp")
    }

    /// The key in use.
    pub(super) fn signer(&self) -> Option<Arc<Signer>> {
        self.signer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take_spare(&self) -> Option<Box<dyn Tape>> {
        match std::mem::take(&mut *self.spare.lock().unwrap_or_else(PoisonError::into_inner)) {
            Spare::Ready(tape) => Some(tape),
            Spare::Idle | Spare::Wanted => None,
        }
    }
}

/// The file being written.
struct Segment {
    tape: Box<dyn Tape>,
    /// Octets that are acknowledged.
    offset: u64,
    /// Frames that are acknowledged.
    count: u64,
    /// The number of the first frame.
    first: u64,
    /// When it was begun.
    created: u64,
    /// Where its clock begins.
    clock: Chain,
}

impl Segment {
    /// The clock before the next frame of this file.
    fn clock(&self, end: &End) -> Chain {
        if self.count == 0 { self.clock } else { end.clock }
    }
}

/// How far a journal has come, for those who do not write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    pub(super) instance: [u8; 16],
    /// The last file.
    pub(super) sequence: u64,
    pub(super) end: End,
    /// When the last file was begun; `None` if it is empty or there is none.
    pub(super) since: Option<u64>,
}

/// Frames stamped for one write.
struct Span {
    frames: usize,
    octets: usize,
    end: End,
}

/// The one writer.
///
/// Invariants:
/// - numbers have no gap: a frame gets its number only when it is written, and keeps it only if that worked;
/// - every file but the last has a seal, or its successor says that the disk failed.
pub(super) struct Pen {
    pub(super) yard: Arc<Yard>,
    pub(super) counters: Arc<Counters>,
    pub(super) instance: [u8; 16],
    pub(super) size: u64,
    /// Whether each write is made durable.
    pub(super) synced: bool,
    /// The sequence of the last file.
    pub(super) sequence: u64,
    pub(super) end: End,
    pub(super) lost: Lost,
    segment: Option<Segment>,
    held: Batch,
    /// The last file could not be sealed.
    unsealed: bool,
    /// Records that were signed for are missing before the next file.
    cut: bool,
}

impl Pen {
    /// A pen that continues at `end` with a file after `sequence`.
    pub(super) fn new(yard: Arc<Yard>, counters: Arc<Counters>, size: u64, synced: bool, last: Last) -> Self {
        let Last { instance, sequence, end, cut } = last;
        let (lost, held) = (Lost::default(), Batch::default());
        Self { yard, counters, instance, size, synced, sequence, end, lost, segment: None, held, unsealed: false, cut }
    }

    /// Whether there is no file to write to.
    pub(super) fn is_broken(&self) -> bool {
        self.segment.is_none()
    }

    /// How far it has come.
    pub(super) fn stand(&self) -> Stand {
        let since = self.segment.as_ref().filter(|segment| segment.count > 0).map(|segment| segment.created);
        Stand { instance: self.instance, sequence: self.sequence, end: self.end, since }
    }

    /// Seals the file, if it is not empty, and begins the next.
    pub(super) fn roll(&mut self) -> io::Result<()> {
        let begun = self.segment.as_ref().is_some_and(|segment| segment.count > 0);
        if begun && let Some(segment) = self.segment.take() {
            self.leave(segment);
        }
        self.reopen()
    }

    /// Writes a batch; afterwards every frame has a fate. Completions that fail are kept for later as
    /// far as there is room.
    pub(super) fn write(&mut self, batch: &mut Batch) {
        self.catch_up();
        self.commit(batch);
        self.keep(batch);
    }

    /// Tries again what failed before.
    pub(super) fn catch_up(&mut self) {
        if !self.held.is_empty() {
            let mut held = std::mem::take(&mut self.held);
            self.commit(&mut held);
            self.keep(&held);
        }
        if !self.lost.is_none() && self.held.is_empty() {
            let mut gap = Batch::default();
            gap.push(Kind::Gap, Waiter::Nobody, now(), &self.lost.payload());
            self.commit(&mut gap);
            if gap.frames.iter().all(|frame| frame.fate == Fate::Written) {
                self.lost = Lost::default();
            }
        }
    }

    /// Opens a file if there is none.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if self.segment.is_none() {
            let opened = self.open_segment();
            self.counters.failed(&opened, Failure::Write);
            self.segment = Some(opened?);
        }
        Ok(())
    }

    /// Writes what is left, seals the file and makes it durable.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.catch_up();
        let Some(mut segment) = self.segment.take() else { return Err(io::ErrorKind::NotConnected.into()) };
        self.seal(&mut segment, Cause::Close)?;
        segment.tape.sync()?;
        self.yard.disk.sync_names(&self.yard.dir)
    }

    /// Keeps the completions among the frames that failed.
    fn keep(&mut self, batch: &Batch) {
        for (pending, octets) in batch.iter().filter(|(pending, _)| pending.fate == Fate::Failed) {
            if pending.kind != Kind::Completion {
                continue;
            }
            let payload = octets.get(HEAD..octets.len().saturating_sub(FOOT)).unwrap_or_default();
            if self.held.octets.len() + octets.len() <= HELD {
                self.held.push(Kind::Completion, Waiter::Nobody, now(), payload);
            } else {
                self.lost.add(Kind::Completion, now());
                self.counters.lost(Kind::Completion);
            }
        }
    }

    fn commit(&mut self, batch: &mut Batch) {
        let (mut done, mut start) = (0, 0);
        let mut second_try = false;
        while let Some(length) = batch.frames.get(done).map(|frame| frame.length) {
            if self.make_room(length as u64).is_err() {
                break;
            }
            let Some(span) = self.stamp(batch, done, start) else { break };
            let Some(octets) = batch.octets.get(start..start + span.octets) else { break };
            if self.append(octets, &span).is_err() {
                if std::mem::replace(&mut second_try, true) {
                    break;
                }
                continue;
            }
            for frame in batch.frames.iter_mut().skip(done).take(span.frames) {
                frame.fate = Fate::Written;
                self.counters.recorded(frame.kind, frame.length);
            }
            done += span.frames;
            start += span.octets;
        }
        for frame in batch.frames.iter_mut().skip(done) {
            frame.fate = Fate::Failed;
        }
    }

    /// Makes sure that a frame fits the current file.
    fn make_room(&mut self, length: u64) -> io::Result<()> {
        self.reopen()?;
        let full = self.segment.as_ref().is_some_and(|segment| segment.offset + length + SEAL_ROOM > self.size);
        if full && let Some(segment) = self.segment.take() {
            self.leave(segment);
            self.reopen()?;
        }
        Ok(())
    }

    fn leave(&mut self, mut segment: Segment) {
        if self.retire(&mut segment).is_ok() {
            self.yard.retired.lock().unwrap_or_else(PoisonError::into_inner).push(segment.tape);
        } else {
            self.abandon(segment);
        }
    }

    fn retire(&mut self, segment: &mut Segment) -> io::Result<()> {
        let before = self.end;
        let sealed = self.seal(segment, Cause::Roll);
        let sealed = sealed.and_then(|()| if self.synced { segment.tape.sync() } else { Ok(()) });
        if sealed.is_err() {
            self.end = before;
        }
        self.counters.failed(&sealed, Failure::Sync);
        sealed
    }

    /// Stamps as many frames as the file has room for.
    fn stamp(&self, batch: &mut Batch, done: usize, start: usize) -> Option<Span> {
        let room = self.size.saturating_sub(SEAL_ROOM).saturating_sub(self.segment.as_ref()?.offset);
        let clock = self.segment.as_ref()?.clock(&self.end);
        let mut span = Span { frames: 0, octets: 0, end: End { clock, ..self.end } };
        let mut rest = batch.octets.get_mut(start..)?;
        for pending in batch.frames.get(done..)? {
            if (span.octets + pending.length) as u64 > room {
                break;
            }
            let (frame, after) = rest.split_at_mut_checked(pending.length)?;
            span.end.chain = frame::stamp(frame, pending.kind, span.end.next, &span.end.chain)?;
            span.end.clock = span.end.clock.tick(span.end.next, frame::time_of(frame));
            span.end.next += 1;
            match pending.kind {
                Kind::Intent => span.end.open += 1,
                Kind::Completion => span.end.open = span.end.open.saturating_sub(1),
                Kind::Checkpoint | Kind::Combined | Kind::Gap | Kind::Seal => {}
            }
            span.frames += 1;
            span.octets += pending.length;
            rest = after;
        }
        (span.frames > 0).then_some(span)
    }

    /// Appends stamped frames in one write. On an error the file is left behind.
    fn append(&mut self, octets: &[u8], span: &Span) -> io::Result<()> {
        let Some(segment) = self.segment.as_mut() else { return Err(io::ErrorKind::NotConnected.into()) };
        let wrote = segment.tape.write(octets, segment.offset);
        self.counters.failed(&wrote, Failure::Write);
        let wrote = wrote.and_then(|()| {
            let synced = if self.synced { segment.tape.sync() } else { Ok(()) };
            self.counters.failed(&synced, Failure::Sync);
            synced
        });
        if let Err(error) = wrote {
            if let Some(segment) = self.segment.take() {
                self.abandon(segment);
            }
            return Err(error);
        }
        let before = segment.offset;
        segment.offset += octets.len() as u64;
        segment.count += span.frames as u64;
        if before < self.size / 2 && segment.offset >= self.size / 2 {
            let mut spare = self.yard.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(*spare, Spare::Idle) {
                *spare = Spare::Wanted;
            }
        }
        self.end = span.end;
        self.counters.group(span.frames as u64);
        Ok(())
    }

    /// Leaves a file after an error: what was not acknowledged is cut off, and the rest sealed if the
    /// disk still lets us. After a failed sync nobody knows what the file holds, so nothing more is
    /// entrusted to it.
    fn abandon(&mut self, mut segment: Segment) {
        let before = self.end;
        let sealed = segment.tape.cut(segment.offset);
        let sealed = sealed.and_then(|()| self.seal(&mut segment, Cause::Failure));
        let sealed = sealed.and_then(|()| segment.tape.sync());
        self.unsealed = sealed.is_err();
        if self.unsealed {
            self.end = before;
        }
    }

    /// Appends the seal and cuts the file behind it.
    fn seal(&mut self, segment: &mut Segment, cause: Cause) -> io::Result<()> {
        let signer = self.yard.signer();
        let (instance, sequence, offset) = (&self.instance, self.sequence, segment.offset);
        let of = Sealing { instance, sequence, offset, signer: signer.as_deref() };
        let before = End { clock: segment.clock(&self.end), ..self.end };
        let (sealed, end) = seal_frame(&before, segment.first, segment.count, cause, &of);
        segment.tape.write(&sealed, segment.offset)?;
        segment.tape.cut(segment.offset + sealed.len() as u64)?;
        self.end = end;
        self.counters.recorded(Kind::Seal, sealed.len());
        Ok(())
    }

    fn open_segment(&mut self) -> io::Result<Segment> {
        let sequence = self.sequence + 1;
        let path = self.yard.dir.join(file_name(&self.instance, sequence));
        let disk = &self.yard.disk;
        let spare = self.yard.take_spare();
        let tape = match spare {
            Some(tape) => disk.rename(&self.yard.spare_path(), &path).map(|()| tape),
            None => disk.create(&path, self.size),
        };
        let header = Header {
            flags: if self.unsealed { ABANDONED } else { 0 } | if self.cut { CUT } else { 0 },
            instance: self.instance,
            sequence,
            created: now(),
            previous: self.end.chain,
        };
        match tape.and_then(|tape| self.begin(tape, &header)) {
            Ok(tape) => {
                self.sequence = sequence;
                (self.unsealed, self.cut) = (false, false);
                self.counters.rolled();
                let (created, clock) = (header.created, Chain::clock(&header));
                Ok(Segment { tape, offset: HEADER as u64, count: 0, first: self.end.next, created, clock })
            }
            Err(error) => {
                drop(disk.remove(&path));
                Err(error)
            }
        }
    }

    fn begin(&self, mut tape: Box<dyn Tape>, header: &Header) -> io::Result<Box<dyn Tape>> {
        tape.write(&header.encode(), 0)?;
        if self.synced {
            tape.sync()?;
            self.yard.disk.sync_names(&self.yard.dir)?;
        }
        Ok(tape)
    }
}

/// Where a journal stands when it is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) instance: [u8; 16],
    pub(super) sequence: u64,
    pub(super) end: End,
    /// Records that were signed for are missing at the end.
    pub(super) cut: bool,
}

/// What failed, for the counters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    Sync,
    Write,
}

/// Which file a seal is for, and what signs it.
pub(super) struct Sealing<'a> {
    pub(super) instance: &'a [u8; 16],
    pub(super) sequence: u64,
    /// Where in it.
    pub(super) offset: u64,
    pub(super) signer: Option<&'a Signer>,
}

/// A seal after `end`, whose clock is that of its file, and where the journal stands after it.
pub(super) fn seal_frame(end: &End, first: u64, count: u64, cause: Cause, of: &Sealing<'_>) -> (Vec<u8>, End) {
    let chain = end.chain.to_string();
    let (last, open, cause) = (end.next.saturating_sub(1), end.open, cause.as_str());
    let time = now();
    // It counts its own time in: nothing behind it in this file would.
    let after = end.clock.tick(end.next, time);
    let clock = after.to_string();
    let mut payload = Vec::new();
    let mut object = Object::begin(&mut payload);
    object.number("count", count);
    object.number("first", first);
    object.number("last", last);
    object.word("chain", chain.as_bytes());
    object.number("open", open);
    object.word("cause", cause.as_bytes());
    object.number("octets", of.offset);
    object.number("time", time);
    object.word("clock", clock.as_bytes());
    if let Some(signer) = of.signer {
        let place = Some((of.offset, time, clock.as_str()));
        let seal = Sealed { count, first, last, chain: &chain, open, cause, place };
        object.word("key", signer.id().as_bytes());
        object.word("signature", signer.sign(&seal_text(of.instance, of.sequence, &seal)).as_bytes());
    }
    object.end();
    let mut sealed = Vec::new();
    frame::append(&mut sealed, Kind::Seal, time, &payload);
    let chain = frame::stamp(&mut sealed, Kind::Seal, end.next, &end.chain).unwrap_or_default();
    (sealed, End { chain, next: end.next + 1, open: end.open, clock: after })
}

/// Makes the spare file if one is wanted, and sealed files durable. For the background thread.
pub(super) fn tend(yard: &Yard, size: u64) -> io::Result<()> {
    let retired = std::mem::take(&mut *yard.retired.lock().unwrap_or_else(PoisonError::into_inner));
    let mut done = if retired.is_empty() { Ok(()) } else { yard.disk.sync_names(&yard.dir) };
    for mut tape in retired {
        done = done.and(tape.sync());
    }
    let wanted = matches!(*yard.spare.lock().unwrap_or_else(PoisonError::into_inner), Spare::Wanted);
    if wanted {
        let path: &Path = &yard.spare_path();
        // One that could not be named is of no use.
        drop(yard.disk.remove(path));
        let tape = yard.disk.create(path, size)?;
        *yard.spare.lock().unwrap_or_else(PoisonError::into_inner) = Spare::Ready(tape);
    }
    done
}
