//! What a former process left: where the journal ends, which intents never ended, and what was torn.
//!
//! The last file and the one before it are read whole, and earlier ones only as far back as intents
//! are still open: each seal says how many are. `verify` reads everything.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;

use super::frame::{self, CUT, Chain, Flaw, HEADER, Header, Kind};
use super::head::{self, Floor, Head};
use super::journal::JournalError;
use super::json::Object;
use super::now;
use super::pen::{Cause, End, Last, Sealing, seal_frame};
use super::read::{Damage, Fault, SealNote, abandoned_at};
use super::segment::{Entry, Found, Name, OpenError, Segment, file_name, list};
use super::sign::{PUBLIC_KEYS, PublicKeys, Signer};

/// What was found when a journal was opened.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Intents without a completion. Each has been completed as of unknown outcome.
    pub open: Vec<OpenIntent>,
    /// The end of the last file, if it was not a record.
    pub torn: Option<Torn>,
    /// Whether the former process closed the journal, or there was none.
    pub clean: bool,
    /// Where a damaged journal was moved to, if the settings accept damage.
    pub set_aside: Option<PathBuf>,
    /// What the signed head said.
    pub head: HeadState,
    /// The first and the last number of records that had been signed for and are gone.
    pub missing: Option<(u64, u64)>,
    /// Records at the end that no signature covered when the journal was opened.
    pub unsigned: Option<Unsigned>,
    /// Where the journal begins, as the head says.
    pub(super) floor: Option<Floor>,
}

/// What became of the signed head of a journal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HeadState {
    /// Nothing is signed, or this is the first start that signs.
    #[default]
    Absent,
    /// The journal goes on where it says, or a little behind.
    Fine,
    /// It is not signed by a key of the journal, or speaks of another journal.
    Forged,
    /// It was there once and is gone, or cannot be read.
    Missing,
    /// It speaks of records, or files, that are gone.
    Short,
}

impl HeadState {
    /// The gap record that tells of it, if there is something to tell.
    pub(super) fn note(self, missing: Option<(u64, u64)>) -> Option<Vec<u8>> {
        let word = match self {
            Self::Absent | Self::Fine => return None,
            Self::Forged => "forged",
            Self::Missing => "missing",
            Self::Short => "short",
        };
        let mut payload = Vec::new();
        let mut object = Object::begin(&mut payload);
        object.word("head", word.as_bytes());
        if let Some((from, to)) = missing {
            object.number("missing_from", from);
            object.number("missing_to", to);
        }
        object.end();
        Some(payload)
    }
}

/// Records that were not signed for when a journal was opened. The next signature covers them as they
/// were found, so a record tells which they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unsigned {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// How long after the first the last was recorded, in nanoseconds.
    pub nanos: u64,
}

impl Unsigned {
    pub(super) fn note(self) -> Vec<u8> {
        let mut payload = Vec::new();
        let mut object = Object::begin(&mut payload);
        object.number("unsigned_from", self.from);
        object.number("unsigned_to", self.to);
        object.number("unsigned_nanos", self.nanos);
        object.end();
        payload
    }
}

/// An intent whose outcome nobody recorded.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct OpenIntent {
    /// The request.
    pub request_id: String,
    /// What it asked for.
    #[serde(default)]
    pub operation: Option<String>,
    /// The bucket.
    #[serde(default, rename = "bucket_name")]
    pub bucket: Option<String>,
    /// The key.
    #[serde(default)]
    pub key: Option<String>,
}

/// A torn end, cut off and kept beside the journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Torn {
    /// The file it was cut from.
    pub path: PathBuf,
    /// Where it began.
    pub offset: u64,
    /// How many octets it had.
    pub octets: u64,
    /// How many whole records stood behind the first bad one. A write that was interrupted leaves none;
    /// a power cut may.
    pub records: u64,
}

/// Moves the files of a damaged journal to a directory beside them, where they can still be looked at.
pub(super) fn set_aside(dir: &Path) -> Result<PathBuf, JournalError> {
    let aside = dir.join(format!("damaged-{}", now()));
    let moved = std::fs::create_dir(&aside).and_then(|()| {
        for name in list(dir)? {
            std::fs::rename(&name.path, aside.join(file_name(&name.instance, name.sequence)))?;
        }
        match std::fs::rename(head::path(dir), head::path(&aside)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    });
    moved.map_err(|error| JournalError::Io { path: aside.clone(), error })?;
    Ok(aside)
}

/// Reads what is there and prepares to go on. `key`: beside which a copy of the head may lie. `fresh`: no
/// head is expected, because this is the first start that signs, or what was signed has been moved away.
pub(super) fn recover(
    dir: &Path,
    signer: Option<&Signer>,
    key: Option<&Path>,
    fresh: bool,
) -> Result<(Last, Recovery), JournalError> {
    let io = |error| JournalError::Io { path: dir.to_owned(), error };
    let mut names = list(dir).map_err(io)?;
    check_names(&names)?;
    set_blank_aside(&mut names)?;
    let (mut state, told) = match signer {
        Some(_) => read_head(dir, key, names.last(), fresh),
        None => (HeadState::Absent, None),
    };
    let Some((last, earlier)) = names.split_last() else {
        return begin(told, state).map_err(io);
    };
    let mut past = Past { told: told.as_ref().map(|head| head.number), ..Past::default() };
    let mut segment = past.read(last, None)?;
    let (sealed, flaw) = (past.sealed, past.flaw);
    let unsigned = past.unsigned.filter(|_| state != HeadState::Absent && !seal_is_signed(dir, last, &past));
    past.look_back(earlier, last, segment.header, segment.first)?;
    if let (Some(head), Some(chain)) = (&told, past.at_head)
        && chain.to_string() != head.chain
    {
        return Err(Damage { path: segment.path, offset: 0, fault: Fault::Head(head.number) }.into());
    }
    let torn = keep_torn(&mut segment, flaw, sealed)?;
    let (chain, clock) = (segment.chain, segment.clock);
    let mut end = End { chain, next: past.next.unwrap_or(1), open: past.open.len() as u64, clock };
    let found = end.next;
    if !sealed {
        let of = Sealing { instance: &last.instance, sequence: last.sequence, offset: segment.offset, signer };
        end = seal_off(&segment, &end, &of).map_err(io)?;
    }
    let short = told.as_ref().filter(|head| head.number >= found || head.sequence > last.sequence);
    let missing = short.map(|head| (found, head.number.max(found)));
    if let Some(head) = short {
        state = HeadState::Short;
        // Numbers are never given twice: what was delivered under one is known by it.
        end.next = end.next.max(head.number.saturating_add(1));
    }
    let clean = sealed && past.open.is_empty() && short.is_none();
    let cut = short.is_some();
    let floor = told.map(|head| head.floor);
    let recovery = Recovery { open: past.open, torn, clean, set_aside: None, head: state, missing, unsigned, floor };
    Ok((Last { instance: last.instance, sequence: last.sequence, end, cut }, recovery))
}

/// A journal without files: the first start, or all files are gone although a head speaks of them.
fn begin(told: Option<Head>, state: HeadState) -> io::Result<(Last, Recovery)> {
    if let Some(head) = told.filter(|head| head.sequence > 0)
        && let Some(instance) = u128::from_str_radix(&head.instance, 16).ok().map(u128::to_be_bytes)
        && let Some(chain) = Chain::parse(&head.chain)
    {
        let end = End { chain, next: head.number.saturating_add(1), open: 0, clock: Chain::default() };
        let missing = Some((head.floor.number, head.number));
        let (head_state, floor) = (HeadState::Short, Some(head.floor));
        let recovery = Recovery { head: head_state, missing, floor, ..Recovery::default() };
        return Ok((Last { instance, sequence: head.sequence, end, cut: true }, recovery));
    }
    let mut instance = [0; 16];
    SystemRandom::new().fill(&mut instance).map_err(|_| io::Error::other("no randomness"))?;
    let end = End { chain: Chain::default(), next: 1, open: 0, clock: Chain::default() };
    // Where nothing is left, a head that is gone too cannot be told from a new journal.
    let head = if state == HeadState::Missing { HeadState::Absent } else { state };
    Ok((Last { instance, sequence: 0, end, cut: false }, Recovery { clean: true, head, ..Recovery::default() }))
}

/// The head, if it is one of this journal, or its copy beside the key, if that was signed later.
fn read_head(dir: &Path, key: Option<&Path>, last: Option<&Name>, fresh: bool) -> (HeadState, Option<Head>) {
    let keys = PublicKeys::read(&dir.join(PUBLIC_KEYS)).unwrap_or_default();
    let ours = |head: &Head| {
        last.is_none_or(|last| head::spell(&last.instance) == head.instance)
            && matches!(head.signed_by(&keys), Some((_, true)))
    };
    let copy = key.and_then(|key| match Head::read_file(&head::beside(key)) {
        head::Found::Head(head) if ours(&head) => Some(*head),
        _ => None,
    });
    match Head::read(dir) {
        head::Found::Head(head) if ours(&head) => {
            let later = copy.filter(|copy| copy.is_later_than(&head));
            (HeadState::Fine, Some(later.unwrap_or(*head)))
        }
        head::Found::Head(_) => (HeadState::Forged, copy),
        head::Found::Missing if fresh && copy.is_none() => (HeadState::Absent, None),
        head::Found::Missing | head::Found::Unreadable => (HeadState::Missing, copy),
    }
}

/// Whether the seal that was read last is signed by a key of the journal.
fn seal_is_signed(dir: &Path, name: &Name, past: &Past) -> bool {
    let Some(note) = past.seal.as_ref().filter(|_| past.sealed) else { return false };
    let (Some(key), Some(signature)) = (&note.key, &note.signature) else { return false };
    let keys = PublicKeys::read(&dir.join(PUBLIC_KEYS)).unwrap_or_default();
    let text = note.text(&name.instance, name.sequence);
    keys.find(key).is_some_and(|(_, key)| key.verifies(&text, signature))
}

/// The files must be those of one journal, without one missing in between.
fn check_names(names: &[Name]) -> Result<(), Damage> {
    for pair in names.windows(2) {
        let [one, two] = pair else { continue };
        let fault = if one.instance != two.instance {
            Fault::Foreign
        } else if one.sequence + 1 != two.sequence {
            Fault::Missing(one.sequence + 1)
        } else {
            continue;
        };
        return Err(Damage { path: two.path.clone(), offset: 0, fault });
    }
    Ok(())
}

/// A last file that never got a whole header holds no record: it is given another name.
fn set_blank_aside(names: &mut Vec<Name>) -> Result<(), JournalError> {
    let Some(last) = names.last() else { return Ok(()) };
    let io = |error| JournalError::Io { path: last.path.clone(), error };
    if !matches!(Segment::open(last, None), Err(OpenError::Flaw(_))) {
        return Ok(());
    }
    let octets = std::fs::read(&last.path).map_err(io)?;
    if octets.iter().skip(HEADER).any(|octet| *octet != 0) {
        return Err(Damage { path: last.path.clone(), offset: 0, fault: Flaw::Header.into() }.into());
    }
    let fate = if octets.iter().all(|octet| *octet == 0) {
        std::fs::remove_file(&last.path)
    } else {
        std::fs::rename(&last.path, last.path.with_extension("torn"))
    };
    fate.map_err(io)?;
    names.pop();
    Ok(())
}

/// What reading backwards has gathered.
#[derive(Default)]
struct Past {
    open: Vec<OpenIntent>,
    completed: HashSet<String>,
    /// Intents less completions since the last seal found.
    net: i64,
    /// How many intents must be open at the end, once a seal told.
    must_be_open: Option<u64>,
    /// The number after the last record.
    next: Option<u64>,
    /// Whether the file read last has a seal.
    sealed: bool,
    /// What stopped reading it before its end.
    flaw: Option<Flaw>,
    /// The number of the record that the head names.
    told: Option<u64>,
    /// The chain value after it.
    at_head: Option<Chain>,
    /// The records behind that in the last file.
    unsigned: Option<Unsigned>,
    /// The last file's seal.
    seal: Option<SealNote>,
    /// When the first of the unsigned records was recorded.
    since: u64,
}

impl Past {
    /// Reads a whole file, up to `end` if that is known.
    fn read(&mut self, name: &Name, end: Option<Chain>) -> Result<Segment, Damage> {
        let at_start = |fault| Damage { path: name.path.clone(), offset: 0, fault };
        let first = (name.sequence == 1).then_some(1);
        let mut segment = match Segment::open(name, first) {
            Ok(segment) => segment,
            Err(OpenError::Io(error)) => return Err(at_start(error.into())),
            Err(OpenError::Flaw(flaw)) => return Err(at_start(flaw.into())),
        };
        (self.sealed, self.flaw) = (false, None);
        let mut intents = Vec::new();
        let (mut net, mut told) = (0, None);
        while end.is_none_or(|end| end != segment.chain) && !self.sealed {
            let entry = match segment.read().map_err(|error| at_start(error.into()))? {
                Found::Entry(entry) => entry,
                Found::End => break,
                Found::Flaw(flaw) => {
                    self.flaw = Some(flaw);
                    break;
                }
            };
            if self.told == Some(entry.number) {
                self.at_head = Some(segment.chain);
            } else if self.told.is_none_or(|told| entry.number > told) && self.next.is_none() {
                self.count_unsigned(&entry);
            }
            match entry.kind {
                Kind::Intent => {
                    net += 1;
                    intents.push(parse(&entry));
                }
                Kind::Completion => {
                    net -= 1;
                    self.completed.insert(parse(&entry).request_id);
                }
                Kind::Seal => {
                    self.sealed = true;
                    let note = serde_json::from_str::<SealNote>(&entry.json).ok();
                    told = note.as_ref().map(|note| note.open);
                    self.seal = self.seal.take().or(note);
                }
                Kind::Checkpoint | Kind::Combined | Kind::Gap => {}
            }
        }
        if self.sealed {
            cut_behind_seal(&mut segment).map_err(|error| at_start(error.into()))?;
        }
        intents.retain(|intent| !self.completed.contains(&intent.request_id));
        // Earlier files come before later ones.
        intents.append(&mut self.open);
        self.open = intents;
        self.next = self.next.or(segment.next);
        if self.must_be_open.is_none() {
            let told = told.or((name.sequence == 1).then_some(0).and_then(|start: i64| (start + net).try_into().ok()));
            self.must_be_open = told.map(|told| told.saturating_add_signed(self.net));
            self.net += net;
        }
        Ok(segment)
    }

    fn count_unsigned(&mut self, entry: &Entry) {
        let (number, time) = (entry.number, entry.time);
        match &mut self.unsigned {
            Some(Unsigned { to, nanos, .. }) => (*to, *nanos) = (number, time.abs_diff(self.since).max(*nanos)),
            none => {
                *none = Some(Unsigned { from: number, to: number, nanos: 0 });
                self.since = time;
            }
        }
    }

    /// Reads earlier files: the one before the last, and as many more as it takes to find every open
    /// intent.
    fn look_back(&mut self, earlier: &[Name], last: &Name, header: Header, first: Option<u64>) -> Result<(), Damage> {
        let mut after = (last, header, first);
        for (nth, name) in earlier.iter().rev().enumerate() {
            if nth > 0 && self.must_be_open.is_some_and(|must| self.open.len() as u64 >= must) {
                break;
            }
            let left = abandoned_at(after.0);
            let read = self.read(name, left)?;
            let broken = |fault| Damage { path: name.path.clone(), offset: read.offset, fault };
            if left.is_none() && !self.sealed {
                return Err(broken(self.flaw.map_or(Fault::NotSealed, Fault::Flaw)));
            }
            if read.chain != after.1.previous {
                return Err(broken(Flaw::Chain.into()));
            }
            if let (Some(expected), Some(found)) = (read.next, after.2)
                && expected != found
                && !(after.1.flags & CUT != 0 && found > expected)
            {
                return Err(broken(Flaw::Number { expected, found }.into()));
            }
            after = (name, read.header, read.first);
        }
        Ok(())
    }
}

/// A process that was killed between writing a seal and cutting the file leaves room behind it.
fn cut_behind_seal(segment: &mut Segment) -> io::Result<()> {
    if segment.is_longer()? && segment.first_used()?.is_none() {
        std::fs::OpenOptions::new().write(true).open(&segment.path)?.set_len(segment.offset)?;
    }
    Ok(())
}

fn parse(entry: &Entry) -> OpenIntent {
    serde_json::from_str(&entry.json).unwrap_or_default()
}

/// Copies what stands behind the last good record to a file beside the journal, and says what it is.
/// In a file that was closed it is damage.
fn keep_torn(segment: &mut Segment, flaw: Option<Flaw>, sealed: bool) -> Result<Option<Torn>, JournalError> {
    let io = |path: &Path, error| JournalError::Io { path: path.to_owned(), error };
    if segment.first_used().map_err(|error| io(&segment.path, error))?.is_none() {
        return Ok(None);
    }
    let all = std::fs::read(&segment.path).map_err(|error| io(&segment.path, error))?;
    let tail = usize::try_from(segment.offset).ok().and_then(|offset| all.get(offset..)).unwrap_or_default();
    let used = tail.iter().rposition(|octet| *octet != 0).map_or(0, |at| at + 1);
    let (records, closed) = frame::whole_frames(tail);
    if sealed || closed {
        let fault = if sealed { Fault::Unused } else { flaw.map_or(Fault::Seal, Fault::Flaw) };
        return Err(Damage { path: segment.path.clone(), offset: segment.offset, fault }.into());
    }
    let kept = segment.path.with_extension("torn");
    let mut options = std::fs::OpenOptions::new();
    let kept_file = options.write(true).create(true).truncate(true).mode(0o600).open(&kept);
    let written = kept_file.and_then(|mut file| {
        file.write_all(tail.get(..used).unwrap_or_default())?;
        file.sync_all()
    });
    written.map_err(|error| io(&kept, error))?;
    let (path, offset) = (segment.path.clone(), segment.offset);
    Ok(Some(Torn { path, offset, octets: used as u64, records }))
}

/// Cuts a file behind its last good record and seals it.
fn seal_off(segment: &Segment, end: &End, of: &Sealing<'_>) -> io::Result<End> {
    let first = segment.first.unwrap_or(end.next);
    let (sealed, end) = seal_frame(end, first, segment.count, Cause::Recovery, of);
    let file = std::fs::OpenOptions::new().write(true).open(&segment.path)?;
    file.set_len(segment.offset)?;
    file.write_all_at(&sealed, segment.offset)?;
    file.sync_all()?;
    Ok(end)
}
