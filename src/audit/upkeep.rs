//! What the background thread does about once a second and no request waits for: the signed head, signed
//! checkpoints, taking up a new key, rolling old files, removing what need not be kept.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::batch::Waiter;
use super::desk::Desk;
use super::frame::{Header, Kind};
use super::head::{Floor, Head, checkpoint_text};
use super::journal::Settings;
use super::json::Object;
use super::now;
use super::pen::{Last, Pen, Spare, Stand, Yard};
use super::recover::{HeadState, Recovery};
use super::segment::{first_number, list};
use super::sign::{self, Signer};

/// What upkeep remembers from one round to the next.
pub(super) struct Upkeep {
    /// The head as it was written last.
    head: Option<Head>,
    pub(super) floor: Floor,
    /// The number that the last checkpoint signs for.
    signed: u64,
    /// When it was written.
    signed_at: u64,
    /// When files were last looked at for removal, and the last file then.
    pub(super) looked: (u64, u64),
    /// Inode and time of change of the key in use.
    key: Option<(u64, i64, i64)>,
    /// Where that key lies.
    path: Option<PathBuf>,
}

impl Upkeep {
    /// At the start. The floor is what the head told. Where nothing was signed before, the journal begins
    /// with its first file; where a head is gone, nobody can say that it ever began later than with its
    /// first record.
    pub(super) fn begin(dir: &Path, settings: &Settings, last: &Last, recovery: &Recovery) -> Self {
        let key = settings.signing_key.as_deref().and_then(|key| mark(key).ok());
        let unsigned = || (recovery.head == HeadState::Absent).then(|| first_file(dir)).flatten();
        let floor = recovery.floor.clone().or_else(unsigned).unwrap_or_else(Floor::first);
        // The first checkpoint comes with the first record.
        let signed = last.end.next.saturating_sub(1);
        Self { head: None, floor, signed, signed_at: 0, looked: (now(), 0), key, path: settings.signing_key.clone() }
    }

    /// Writes the first head, and waits for the disk: one that is missing later was taken away.
    pub(super) fn first_head(mut self, yard: &Yard, stand: &Stand) -> io::Result<Self> {
        if let Some(signer) = yard.signer() {
            self.write_head(yard, stand, &signer, false, true)?;
        }
        Ok(self)
    }

    pub(super) fn write_head(
        &mut self,
        yard: &Yard,
        stand: &Stand,
        signer: &Signer,
        closed: bool,
        durable: bool,
    ) -> io::Result<()> {
        let Stand { instance, sequence, end, .. } = stand;
        let mut head = Head::new(instance, *sequence, end.next.saturating_sub(1), &end.chain, self.floor.clone());
        head.closed = closed;
        head.clock = Some(end.clock.to_string());
        signer.id().clone_into(&mut head.key);
        if self.head.as_ref().is_some_and(|last| last.says_the_same(&head)) {
            return Ok(());
        }
        head.write(&yard.dir, signer, now(), durable)?;
        // Afterwards: so the copy is never ahead of what it is a copy of.
        if let Some(key) = &self.path {
            head.copy(key, durable)?;
        }
        self.head = Some(head);
        Ok(())
    }
}

impl Desk {
    /// One round of upkeep.
    pub(super) fn keep_up(&self, time: u64) {
        let mut upkeep = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let rotated = self.take_up_key(&mut upkeep);
        self.note(&rotated);
        if let Some(signer) = self.yard.signer() {
            self.checkpoint(&mut upkeep, &signer, time, matches!(rotated, Ok(true)));
            let stand = self.lock().stand;
            self.note(&upkeep.write_head(&self.yard, &stand, &signer, false, false));
        }
        let retained = self.retain(&mut upkeep, time);
        self.note(&retained);
    }

    /// The head of a journal that is closed.
    pub(super) fn write_last_head(&self) {
        let Some(signer) = self.yard.signer() else { return };
        let stand = self.lock().stand;
        let mut upkeep = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        self.note(&upkeep.write_head(&self.yard, &stand, &signer, true, true));
    }

    fn note<T>(&self, result: &io::Result<T>) {
        if result.is_err() {
            self.counters.upkeep_failed();
        }
    }

    /// Takes up the key that was rotated in, if one was.
    fn take_up_key(&self, upkeep: &mut Upkeep) -> io::Result<bool> {
        let Some(path) = &self.settings.signing_key else { return Ok(false) };
        let seen = mark(path)?;
        if upkeep.key == Some(seen) {
            return Ok(false);
        }
        let (signer, _) = sign::load_or_make(path, &self.yard.dir).map_err(io::Error::other)?;
        *self.yard.signer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(signer));
        upkeep.key = Some(seen);
        Ok(true)
    }

    /// Signs for what is on record, from time to time, if it is more than the last checkpoint itself.
    fn checkpoint(&self, upkeep: &mut Upkeep, signer: &Signer, time: u64, at_once: bool) {
        let stand = self.lock().stand;
        let number = stand.end.next.saturating_sub(1);
        let due = time.abs_diff(upkeep.signed_at) >= nanos(self.settings.checkpoint);
        if number <= upkeep.signed.saturating_add(1) || !(due || at_once) {
            return;
        }
        let (chain, clock) = (stand.end.chain.to_string(), stand.end.clock.to_string());
        let mut payload = Vec::new();
        let mut object = Object::begin(&mut payload);
        object.number("number", number);
        object.word("chain", chain.as_bytes());
        object.word("clock", clock.as_bytes());
        object.word("key", signer.id().as_bytes());
        let text = checkpoint_text(&stand.instance, number, &chain, Some(&clock));
        object.word("signature", signer.sign(&text).as_bytes());
        object.end();
        let mut queue = self.lock();
        // It rides with the next group; where nothing can be written, it waits for the next round.
        if self.admits(&queue, Kind::Checkpoint, payload.len()).is_ok() {
            queue.batch.push(Kind::Checkpoint, Waiter::Nobody, time, &payload);
            (upkeep.signed, upkeep.signed_at) = (number, time);
        }
    }

    /// Rolls a file that is old enough, once there is another to go on with.
    pub(super) fn roll_aged(&self, pen: &mut Pen, time: u64) {
        let Some(age) = self.settings.roll_after else { return };
        if pen.stand().since.is_none_or(|since| time.saturating_sub(since) < nanos(age)) {
            return;
        }
        let mut spare = self.yard.spare.lock().unwrap_or_else(PoisonError::into_inner);
        match *spare {
            Spare::Idle => *spare = Spare::Wanted,
            Spare::Wanted => {}
            Spare::Ready(_) => {
                drop(spare);
                self.note(&pen.roll());
            }
        }
    }
}

pub(super) fn floor_at(header: &Header, first: u64) -> Floor {
    Floor { sequence: header.sequence, number: first, chain: header.previous.to_string() }
}

/// Where a journal without a head begins.
fn first_file(dir: &Path) -> Option<Floor> {
    let names = list(dir).ok()?;
    let (header, first) = first_number(names.first()?).ok()??;
    Some(floor_at(&header, first))
}

/// What tells a file from another one under its name.
fn mark(path: &Path) -> io::Result<(u64, i64, i64)> {
    std::fs::metadata(path).map(|metadata| (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
