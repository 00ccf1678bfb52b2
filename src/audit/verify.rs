//! Whether a journal is what was written: structure, chain, signatures, and where it begins and ends.
//! Offline; it may be a copy, or a journal that is being written.
//!
//! What the signatures cannot tell is said too: how many records at the end none of them covers yet, and
//! whether the keys were brought along or lay beside the journal, where whoever can rewrite the one can
//! rewrite the other.

mod finding;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use finding::{Finding, What};

use super::frame::{CUT, Chain, FrameHead, HEAD, Kind, MAX_FRAME};
use super::head::{self, Found, Head, checkpoint_text};
use super::read::{At, Damage, Fault, Manner, PAUSE, SealNote, Summary, Walk, settled};
use super::segment::Entry;
use super::sign::{PUBLIC_KEYS, PublicKeys, SignError};

/// How far a checkpoint may stand behind the record it signs for: more than may ever wait.
const WINDOW: usize = 1 << 18;
/// The most findings that are kept; what comes after is of the same kind.
const MOST: usize = 100;
/// How long records may go on without a signature, in nanoseconds: a head follows within a second, unless
/// the disk is slow.
const LATE: u64 = 5_000_000_000;
/// Where the kernel may stop in a write when the process is killed, in octets.
const PAGE: usize = 4096;
/// How often a journal is read anew because retention removed files meanwhile.
const TRIES: u32 = 12;

/// What a journal is held to.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Public keys that were carried away from it.
    pub keys: Option<PublicKeys>,
    /// A copy of the head that lies elsewhere.
    pub head: Option<PathBuf>,
    /// Whether a journal that nothing is signed of will do.
    pub unsigned_ok: bool,
    /// Losses that are known: the number of the record that tells of each.
    pub known_losses: Vec<u64>,
}

/// What verifying a journal came to.
#[derive(Debug, Default)]
pub struct Proof {
    /// What it holds.
    pub summary: Summary,
    /// Signatures that are right.
    pub signatures: u64,
    /// The first record that a signature was made for, of those that are here. What stands before it is
    /// held by the chain, as it was then.
    pub signed_from: Option<u64>,
    /// The last record that a signature was made for.
    pub signed_to: Option<u64>,
    /// What is wrong, in the order of the journal. The first damage ends it.
    pub findings: Vec<Finding>,
    /// The first record, if what was before has been removed by retention and that is signed for.
    pub begins_at: Option<u64>,
    /// The last record of a file that an earlier version sealed: no signature covers the times up to it.
    pub untimed_to: Option<u64>,
    /// Records that a killed process had not signed for when the journal was opened again: the first, the
    /// last, and the record that tells of it. What they were before that, nobody can tell.
    pub late: Vec<(u64, u64, u64)>,
    /// Where a write was interrupted by the end of the process: what was being written is no record yet, and
    /// the next start cuts it off.
    pub half_written: Option<u64>,
    /// Losses that the caller knows of.
    pub known: Vec<Finding>,
    /// Whether the keys were brought along.
    pub own_keys: bool,
}

impl Proof {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether there was no journal to verify, nor a head or a key that tells of one.
    pub fn is_of_nothing(&self) -> bool {
        self.is_sound() && self.summary.files == 0 && self.signatures == 0
    }
}

/// Verifies the journal in a folder.
///
/// # Errors
/// [`SignError`] if the list of public keys beside it cannot be read although it is there. Everything
/// else is a finding.
pub fn prove(dir: &Path, trust: &Trust) -> Result<Proof, SignError> {
    let mut tries = 1;
    loop {
        // The copy first, because it is written last.
        let copy = trust.head.as_deref().map(Head::read_file);
        let head = Head::read(dir);
        let floor = |found: &Found| match found {
            Found::Head(head) => Some(head.floor.clone()),
            Found::Missing | Found::Unreadable => None,
        };
        let before = floor(&head);
        let proof = Prover::begin(dir, trust, head)?.with_copy(copy).run();
        // The head moves before the files go, so either may have happened while we read.
        let first = before.as_ref().map_or(0, |floor| floor.sequence);
        let gone = |it: &Finding| match it.what {
            What::Damage(Fault::Missing(sequence)) => sequence < first,
            _ => !it.path.exists(),
        };
        let removed = || floor(&Head::read(dir)) != before || proof.findings.iter().any(gone);
        if proof.is_sound() || tries == TRIES || !removed() {
            return Ok(proof);
        }
        std::thread::sleep(PAUSE * tries);
        tries += 1;
    }
}

/// Whether this is what a process leaves that is killed in a write: the kernel stops between two pages, so the
/// last file ends in zeros from one on, within the frame that stands there. A frame that is there whole, and
/// wrong, was altered.
fn is_half_written(damage: &Damage, walk: &Walk) -> bool {
    let last = walk.last_path().is_some_and(|path| path == damage.path);
    if !last || walk.is_sealed() {
        return false;
    }
    // What is used beyond the longest frame is no longer one that was being written.
    let Ok(rest) = File::open(&damage.path).and_then(|file| used_from(file, damage.offset)) else { return false };
    let Ok(begin) = usize::try_from(damage.offset) else { return false };
    let page = begin.saturating_add(rest.len()).next_multiple_of(PAGE);
    let mut head = [0; HEAD];
    head.iter_mut().zip(&rest).for_each(|(place, octet)| *place = *octet);
    match FrameHead::decode(&head) {
        Ok(Some(head)) if begin + HEAD <= page => page < begin + head.length,
        _ => (begin..begin + HEAD).contains(&page),
    }
}

/// What a file holds from there on, the zeros at its end left out.
///
/// # Errors
/// It cannot be read, or that is more than a frame.
fn used_from(mut file: File, offset: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut used = Vec::new();
    (&file).take(MAX_FRAME as u64).read_to_end(&mut used)?;
    let mut beyond = BufReader::new(file);
    loop {
        let octets = beyond.fill_buf()?;
        let length = octets.len();
        if octets.iter().any(|octet| *octet != 0) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if length == 0 {
            break;
        }
        beyond.consume(length);
    }
    used.truncate(used.iter().rposition(|octet| *octet != 0).map_or(0, |at| at + 1));
    Ok(used)
}

/// What a checkpoint says.
#[derive(Deserialize)]
struct Checkpoint {
    number: u64,
    chain: String,
    clock: Option<String>,
    key: String,
    signature: String,
}

/// What the record of a loss says.
#[derive(Deserialize)]
struct Loss {
    head: Option<String>,
    unsigned_from: Option<u64>,
    unsigned_to: Option<u64>,
    unsigned_nanos: Option<u64>,
    missing_from: Option<u64>,
    missing_to: Option<u64>,
}

struct Prover<'t> {
    dir: PathBuf,
    trust: &'t Trust,
    keys: PublicKeys,
    head: Found,
    proof: Proof,
    /// The numbers of the last records, the chain values after them, and the clocks, and their times.
    window: VecDeque<(u64, (Chain, Chain), u64)>,
    /// The chain value and the clock after the record that the head names.
    at_head: Option<(Chain, Chain)>,
    /// The place of the newest key that has signed.
    newest_key: usize,
    /// The number after the last record.
    next: Option<u64>,
    last_file: u64,
    instance: Option<[u8; 16]>,
}

impl<'t> Prover<'t> {
    fn begin(dir: &Path, trust: &'t Trust, head: Found) -> Result<Self, SignError> {
        let mut proof = Proof { own_keys: trust.keys.is_some(), ..Proof::default() };
        let listed = dir.join(PUBLIC_KEYS);
        let local = match PublicKeys::read(&listed) {
            Err(SignError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => None,
            read => Some(read?),
        };
        let keys = match (&trust.keys, local) {
            (Some(carried), Some(local)) => {
                let (keys, strangers) = carried.clone().extended(&local);
                if strangers {
                    proof.findings.push(Finding::at(&listed, 0, None, What::Strangers));
                }
                keys
            }
            (Some(carried), None) => carried.clone(),
            (None, local) => local.unwrap_or_default(),
        };
        Ok(Self {
            dir: dir.to_owned(),
            trust,
            keys,
            head,
            proof,
            window: VecDeque::new(),
            at_head: None,
            newest_key: 0,
            next: None,
            last_file: 0,
            instance: None,
        })
    }

    fn run(mut self) -> Proof {
        let mut walk = Walk::new(&self.dir, None, Manner::Verify);
        let damage = loop {
            match settled(&mut walk) {
                Ok(Some(entry)) => self.take(&walk, &entry),
                Ok(None) => break None,
                Err(damage) => break Some(damage),
            }
        };
        self.proof.summary.files = walk.files;
        self.proof.summary.sealed = walk.is_sealed() && walk.files > 0;
        let half = damage.as_ref().is_some_and(|damage| is_half_written(damage, &walk));
        if half {
            self.proof.half_written = damage.as_ref().map(|damage| damage.offset);
        }
        if let Some(damage) = damage.filter(|_| !half) {
            let finding = Finding { number: self.next, ..Finding::from(damage) };
            self.find(finding);
        } else {
            self.last_file = walk.last_sequence().unwrap_or(self.last_file);
            self.check_end();
        }
        self.proof
    }

    /// Holds the journal to the later of its head and a copy. One that cannot be believed is told of: whoever
    /// empties the folder takes the keys that vouch for it away as well.
    fn with_copy(mut self, copy: Option<Found>) -> Self {
        let believed = match copy {
            None | Some(Found::Missing) => return self,
            Some(Found::Unreadable) => Err(What::HeadUnreadable),
            Some(Found::Head(copy)) => match copy.signed_by(&self.keys) {
                Some((_, true)) => Ok(copy),
                Some((_, false)) => Err(What::HeadForged { told: None }),
                None => Err(What::CopyStranger { key: copy.key }),
            },
        };
        let copy = match believed {
            Ok(copy) => copy,
            Err(what) => {
                let path = self.trust.head.clone().unwrap_or_default();
                self.find(Finding::at(&path, 0, None, what));
                return self;
            }
        };
        let what = match &self.head {
            Found::Head(head) if copy.instance != head.instance => What::HeadForeign,
            Found::Head(head) if copy.is_later_than(head) => What::HeadOld { signed: copy.number },
            Found::Head(_) => return self,
            Found::Missing => What::HeadMissing { told: None },
            Found::Unreadable => What::HeadUnreadable,
        };
        self.find(Finding::at(&head::path(&self.dir), 0, None, what));
        self.head = Found::Head(copy);
        self
    }

    fn find(&mut self, finding: Finding) {
        if self.proof.findings.len() < MOST {
            self.proof.findings.push(finding);
        }
    }

    fn take(&mut self, walk: &Walk, entry: &Entry) {
        let Some(at) = walk.at.clone() else { return };
        let place = |what| Finding::at(&at.path, at.offset, Some(entry.number), what);
        let first = self.proof.summary.files == 0 && self.proof.summary.records == 0;
        self.proof.summary.count(entry);
        if first {
            self.instance = Some(at.header.instance);
            self.check_beginning(walk, entry.number);
        } else if self.last_file != at.header.sequence {
            self.check_floor(walk, entry.number);
        }
        if let Some(next) = self.next.filter(|next| *next != entry.number) {
            // Only a file that says so may leave numbers out; see below for the record that tells of it.
            debug_assert!(at.header.flags & CUT != 0 && entry.number > next);
        }
        self.next = Some(entry.number.saturating_add(1));
        self.last_file = at.header.sequence;
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back((entry.number, (at.chain, at.clock), entry.time));
        if matches!(&self.head, Found::Head(head) if head.number == entry.number) {
            self.at_head = Some((at.chain, at.clock));
        }
        let wrong = match entry.kind {
            Kind::Seal => self.check_seal(&at, entry),
            Kind::Checkpoint => self.check_checkpoint(&at.header.instance, entry),
            Kind::Gap => self.check_gap(&at.path, at.offset, entry),
            Kind::Combined | Kind::Completion | Kind::Intent => None,
        };
        if let Some(what) = wrong {
            self.find(place(what));
        }
    }

    /// The journal must begin where the head says.
    fn check_beginning(&mut self, walk: &Walk, number: u64) {
        let Some(at) = &walk.at else { return };
        let Found::Head(head) = &self.head else { return };
        let (floor, header) = (head.floor.clone(), at.header);
        let place = |what| Finding::at(&at.path, 0, Some(number), what);
        let finding = if header.sequence > floor.sequence {
            place(What::Beginning { expected: floor.number })
        } else {
            if number > 1 {
                self.proof.begins_at = Some(number);
            }
            return self.check_floor(walk, number);
        };
        self.find(finding);
    }

    /// The file that is to be the first must begin as was signed for, also while older ones wait to be
    /// removed: they are held by the chain that leads here.
    fn check_floor(&mut self, walk: &Walk, number: u64) {
        let (Some(at), Found::Head(head)) = (&walk.at, &self.head) else { return };
        let (floor, header) = (&head.floor, at.header);
        if header.sequence == floor.sequence && (floor.number != number || floor.chain != header.previous.to_string()) {
            self.find(Finding::at(&at.path, 0, Some(number), What::OtherBeginning));
        }
    }

    fn check_seal(&mut self, at: &At, entry: &Entry) -> Option<What> {
        let note: SealNote = serde_json::from_str(&entry.json).ok()?;
        let (Some(key), Some(signature)) = (&note.key, &note.signature) else {
            // Before there was a key, seals had no signature; after, none goes without.
            return self.proof.signed_from.map(|_| What::Unsigned);
        };
        let text = note.text(&at.header.instance, at.header.sequence);
        if let Some(what) = self.check_signature(key, &text, signature, note.last) {
            return Some(what);
        }
        let Some(clock) = &note.clock else {
            self.proof.untimed_to = self.proof.untimed_to.max(Some(entry.number));
            return None;
        };
        let fits = *clock == at.clock.to_string() && note.octets == Some(at.offset) && note.time == Some(entry.time);
        (!fits).then_some(What::Times)
    }

    fn check_checkpoint(&mut self, instance: &[u8; 16], entry: &Entry) -> Option<What> {
        let Ok(note) = serde_json::from_str::<Checkpoint>(&entry.json) else { return Some(What::Checkpoint) };
        let place = self.window.binary_search_by_key(&note.number, |(number, ..)| *number);
        let after = place.ok().and_then(|place| self.window.get(place)).map(|(_, after, _)| *after);
        // What it signs for may have been removed by retention meanwhile.
        let removed = self.proof.summary.first.is_some_and(|first| note.number < first);
        if !removed && after.map(|(chain, _)| chain.to_string()).as_ref() != Some(&note.chain) {
            return Some(What::Checkpoint);
        }
        let timely = removed || note.clock.is_none() || after.map(|(_, clock)| clock.to_string()) == note.clock;
        let range = (self.proof.signed_from, self.proof.signed_to);
        let text = checkpoint_text(instance, note.number, &note.chain, note.clock.as_deref());
        let wrong = self.check_signature(&note.key, &text, &note.signature, note.number);
        if removed {
            (self.proof.signed_from, self.proof.signed_to) = range;
        }
        wrong.or((!timely).then_some(What::Times))
    }

    fn check_signature(&mut self, key: &str, text: &str, signature: &str, number: u64) -> Option<What> {
        let after = self.proof.signed_to.map_or(0, |to| to.saturating_add(1));
        let Some((place, found)) = self.keys.find(key) else {
            return Some(What::Stranger { key: key.to_owned(), after });
        };
        if !found.verifies(text, signature) {
            return Some(What::Signature { after });
        }
        if place < self.newest_key {
            return Some(What::OldKey { key: key.to_owned() });
        }
        self.newest_key = place;
        self.proof.signatures += 1;
        self.proof.signed_from = self.proof.signed_from.or(Some(number));
        self.proof.signed_to = self.proof.signed_to.max(Some(number));
        None
    }

    /// A loss that the journal itself found when it was opened.
    fn check_gap(&mut self, path: &Path, offset: u64, entry: &Entry) -> Option<What> {
        let loss: Loss = serde_json::from_str(&entry.json).ok()?;
        let told = Some(entry.number);
        let what = match (&loss, loss.head.as_deref()) {
            (&Loss { missing_from: Some(from), missing_to: Some(to), .. }, Some(_)) => {
                What::Loss { from, to, told: entry.number }
            }
            (_, Some("forged")) => What::HeadForged { told },
            (_, Some(_)) => What::HeadMissing { told },
            (&Loss { unsigned_from: Some(from), unsigned_to: Some(to), unsigned_nanos: Some(nanos), .. }, None) => {
                if nanos <= LATE {
                    self.proof.late.push((from, to, entry.number));
                    return None;
                }
                What::Late { from, to, told }
            }
            _ => return None,
        };
        if self.trust.known_losses.contains(&entry.number) {
            self.proof.known.push(Finding::at(path, offset, Some(entry.number), what));
            return None;
        }
        Some(what)
    }

    /// The journal must go as far as the head says.
    fn check_end(&mut self) {
        let path = head::path(&self.dir);
        let last = self.next.map_or(0, |next| next.saturating_sub(1));
        let at = |number, what| Finding::at(&path, 0, number, what);
        let signing = !self.keys.journal_keys.is_empty() || self.proof.signatures > 0;
        let Found::Head(head) = &self.head else {
            match &self.head {
                Found::Unreadable => self.find(at(None, What::HeadUnreadable)),
                _ if signing => self.find(at(None, What::HeadMissing { told: None })),
                _ if last > 0 && !self.trust.unsigned_ok => self.find(at(None, What::NothingSigned)),
                _ => {}
            }
            return;
        };
        let head = head.clone();
        let ours = self.instance.is_none_or(|instance| head::spell(&instance) == head.instance);
        match head.signed_by(&self.keys) {
            _ if !ours => return self.find(at(None, What::HeadForeign)),
            None => return self.find(at(None, What::Stranger { key: head.key, after: self.unsigned() })),
            Some((_, false)) => return self.find(at(None, What::HeadForged { told: None })),
            Some((place, true)) if place < self.newest_key => {
                return self.find(at(None, What::OldKey { key: head.key }));
            }
            Some((_, true)) => {}
        }
        if head.number > last {
            return self.find(at(Some(last.saturating_add(1)), What::Cut { last, signed: head.number }));
        }
        if head.sequence > self.last_file {
            return self.find(at(None, What::CutFiles { last: self.last_file, signed: head.sequence }));
        }
        let begun = head.floor.number <= head.number;
        if begun && self.at_head.is_none_or(|(chain, _)| chain.to_string() != head.chain) {
            return self.find(at(Some(head.number), What::Rewritten { number: head.number }));
        }
        let clock = self.at_head.map(|(_, clock)| clock.to_string());
        if begun && head.clock.is_some() && head.clock != clock {
            return self.find(at(Some(head.number), What::Times));
        }
        self.proof.signatures += 1;
        if begun {
            self.proof.signed_from = self.proof.signed_from.or(Some(head.number));
            self.proof.signed_to = self.proof.signed_to.max(Some(head.number));
        }
        self.check_late();
    }

    /// A head follows a record within a second or two: what goes on for longer without one was not
    /// written by a proxy that works.
    fn check_late(&mut self) {
        let from = self.unsigned();
        let place = self.window.partition_point(|(number, ..)| *number < from);
        let behind = self.window.iter().skip(place);
        let (Some((from, _, since)), Some((to, ..))) = (self.window.get(place), self.window.back()) else { return };
        let (from, to) = (*from, *to);
        if behind.map(|(.., time)| time.abs_diff(*since)).max() > Some(LATE) {
            let path = head::path(&self.dir);
            self.find(Finding::at(&path, 0, Some(from), What::Late { from, to, told: None }));
        }
    }

    /// The first record that no signature found so far covers.
    fn unsigned(&self) -> u64 {
        self.proof.signed_to.map_or(0, |to| to.saturating_add(1))
    }
}
