//! Which files of a journal need not be kept. What is removed is signed for, so nothing that whoever has the
//! disk can write decides on it: age is what a signed seal says, and a file counts no more octets than its
//! seal says or a segment may have.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::desk::Desk;
use super::frame::{FOOT, FrameHead, HEAD, Kind, is_whole};
use super::pen::SEAL_ROOM;
use super::read::SealNote;
use super::segment::{Name, first_number, list};
use super::sign::{PUBLIC_KEYS, PublicKeys};
use super::upkeep::{Upkeep, floor_at, nanos};

/// How often files are looked at for removal, unless a new one was begun.
const LOOK: u64 = 60 * 1_000_000_000;

/// What is known of a file.
struct Known {
    /// Octets that it counts for.
    octets: u64,
    /// When it was sealed, if its seal is to be believed.
    sealed: Option<u64>,
}

impl Desk {
    /// Removes files from the front that are older than is kept, or too much; none that holds a record
    /// somebody still needs, and never the last. The head says first where the journal begins then.
    pub(super) fn retain(&self, upkeep: &mut Upkeep, time: u64) -> io::Result<()> {
        let (keep, most) = (self.settings.keep, self.settings.max_size);
        let last = self.lock().stand.sequence;
        let (looked, then) = upkeep.looked;
        if (keep.is_none() && most.is_none()) || (last == then && time.abs_diff(looked) < LOOK) {
            return Ok(());
        }
        upkeep.looked = (time, last);
        let mut names = list(&self.yard.dir)?;
        // What is called as if it came later is none of ours.
        names.retain(|name| name.sequence <= last);
        let known = names.iter().map(|name| self.know(name)).collect::<io::Result<Vec<_>>>()?;
        // Whatever stands before a file that was sealed long ago is older.
        let is_old = |sealed: u64| keep.is_some_and(|keep| sealed.saturating_add(nanos(keep)) < time);
        let old = known.iter().rposition(|known| known.sealed.is_some_and(is_old));
        let mut total: u64 = known.iter().map(|known| known.octets).sum();
        let hold = self.hold.load(Ordering::Relaxed);
        let (mut gone, mut floor) = (Vec::new(), None);
        for (nth, (pair, known)) in names.windows(2).zip(&known).enumerate() {
            let [name, next] = pair else { continue };
            let Some((header, first)) = first_number(next)? else { break };
            let aged = old.is_some_and(|old| nth <= old);
            let much = most.is_some_and(|most| total > most);
            // One below the floor was to be removed when the process ended.
            if first > hold || !(aged || much || name.sequence < upkeep.floor.sequence) {
                break;
            }
            total -= known.octets;
            gone.push(name.path.clone());
            floor = Some(floor_at(&header, first));
        }
        let Some(floor) = floor else { return Ok(()) };
        if floor.sequence > upkeep.floor.sequence {
            upkeep.floor = floor;
        }
        self.remove(upkeep, &gone)
    }

    fn remove(&self, upkeep: &mut Upkeep, gone: &[PathBuf]) -> io::Result<()> {
        if let Some(signer) = self.yard.signer() {
            let stand = self.lock().stand;
            upkeep.write_head(&self.yard, &stand, &signer, false, true)?;
        }
        for path in gone {
            self.yard.disk.remove(path)?;
            self.counters.removed(1);
            // What was torn from it goes with it.
            drop(std::fs::remove_file(path.with_extension("torn")));
        }
        self.yard.disk.sync_names(&self.yard.dir)
    }

    /// What a file says of itself, as far as it is signed, or nothing is.
    fn know(&self, name: &Name) -> io::Result<Known> {
        let file = std::fs::File::open(&name.path)?;
        let length = file.metadata()?.len();
        let octets = length.min(self.settings.segment_size);
        let Some((note, offset)) = seal_at_end(&file, length)? else { return Ok(Known { octets, sealed: None }) };
        let believed = self.yard.signer().is_none() || self.is_signed(name, &note);
        if !believed || note.octets != Some(offset) {
            return Ok(Known { octets, sealed: None });
        }
        Ok(Known { octets: length, sealed: note.time })
    }

    fn is_signed(&self, name: &Name, note: &SealNote) -> bool {
        let (Some(key), Some(signature)) = (&note.key, &note.signature) else { return false };
        let keys = PublicKeys::read(&self.yard.dir.join(PUBLIC_KEYS)).unwrap_or_default();
        let text = note.text(&name.instance, name.sequence);
        keys.find(key).is_some_and(|(_, key)| key.verifies(&text, signature))
    }
}

/// The seal that a file ends in, and where it stands.
fn seal_at_end(file: &std::fs::File, length: u64) -> io::Result<Option<(SealNote, u64)>> {
    let from = length.saturating_sub(SEAL_ROOM);
    let mut octets = vec![0; usize::try_from(length - from).unwrap_or(0)];
    file.read_exact_at(&mut octets, from)?;
    Ok((0..octets.len()).find_map(|at| {
        let frame = octets.get(at..)?;
        let head = FrameHead::decode(frame.first_chunk()?).ok().flatten()?;
        if head.kind != Kind::Seal || head.length != frame.len() || !is_whole(frame) {
            return None;
        }
        let payload = frame.get(HEAD..frame.len().checked_sub(FOOT)?)?;
        Some((serde_json::from_slice(payload).ok()?, from + at as u64))
    }))
}
