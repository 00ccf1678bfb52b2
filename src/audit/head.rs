//! The head of a journal: a small signed file beside the segments that says how far they go and where
//! they begin. Without it, the newest records or the last files could be cut off and nothing would be
//! missing; with it, what was removed by retention is told from what was removed by hand.

use std::fs::File;
use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::frame::Chain;
use super::sign::{PublicKeys, Signer, put};
use crate::time::Millis;

const NAME: &str = "head.json";
/// The longest head, in octets.
const LONGEST: u64 = 8 << 10;

/// How far a journal goes and where it begins.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// Of which journal.
    pub(super) instance: String,
    /// Its last file.
    pub(super) sequence: u64,
    /// Its last record; 0 if there is none.
    pub(super) number: u64,
    /// The chain value after it.
    pub(super) chain: String,
    /// The clock after it; heads of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) clock: Option<String>,
    /// Whether the journal was closed then.
    pub(super) closed: bool,
    /// When this was written, for people.
    pub(super) time: String,
    /// Where it begins.
    pub(super) floor: Floor,
    /// The key that signed this.
    pub(super) key: String,
    /// Its signature.
    pub(super) signature: String,
}

/// Where a journal begins: what was before has been removed on purpose.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Floor {
    /// The first file.
    pub(super) sequence: u64,
    /// The first record.
    pub(super) number: u64,
    /// The chain value before it.
    pub(super) chain: String,
}

impl Floor {
    /// A journal from its first record on.
    pub(super) fn first() -> Self {
        Self { sequence: 1, number: 1, chain: Chain::default().to_string() }
    }
}

/// What reading a head came to.
#[derive(Debug)]
pub(super) enum Found {
    /// It is there; nobody has looked at its signature.
    Head(Box<Head>),
    Missing,
    /// Something is there that is no head.
    Unreadable,
}

impl Head {
    /// A head for signing.
    pub(super) fn new(instance: &[u8; 16], sequence: u64, number: u64, chain: &Chain, floor: Floor) -> Self {
        Self {
            instance: spell(instance),
            sequence,
            number,
            chain: chain.to_string(),
            clock: None,
            closed: false,
            time: String::new(),
            floor,
            key: String::new(),
            signature: String::new(),
        }
    }

    /// Whether it says the same as another, whenever they were written.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let plain = |head: &Self| Self { time: String::new(), signature: String::new(), ..head.clone() };
        plain(self) == plain(other)
    }

    fn text(&self) -> String {
        let Self { instance, sequence, number, chain, clock, closed, time, floor, key, .. } = self;
        let clock = tail(clock.as_deref());
        let Floor { sequence: first_file, number: first, chain: before } = floor;
        format!(
            "bartizan journal head\n{instance}\n{sequence}\n{number}\n{chain}\n{closed}\n{time}\n\
             {first_file}\n{first}\n{before}\n{key}{clock}"
        )
    }

    /// Signs it and puts it in the place of the one before.
    pub(super) fn write(&mut self, dir: &Path, signer: &Signer, now: u64, durable: bool) -> io::Result<()> {
        self.time = Millis(i64::try_from(now / 1_000_000).unwrap_or(i64::MAX)).rfc3339();
        signer.id().clone_into(&mut self.key);
        self.signature = signer.sign(&self.text());
        let mut octets = serde_json::to_vec(self)?;
        octets.push(b'\n');
        put(&path(dir), 0o600, &octets, durable)
    }

    /// Whether a key of the list has signed it, and its place in the list. `None`: the key is not in it.
    pub(super) fn signed_by(&self, keys: &PublicKeys) -> Option<(usize, bool)> {
        let (place, key) = keys.find(&self.key)?;
        Some((place, key.verifies(&self.text(), &self.signature)))
    }

    /// Whether it was signed after another one of the same journal.
    pub(super) fn is_later_than(&self, other: &Self) -> bool {
        let place = |head: &Self| (head.sequence, head.number);
        self.instance == other.instance && place(self) > place(other)
    }

    /// Writes it beside the key as well, once it is signed: whoever puts the journal's folder back to how
    /// it was cannot always do the same there. A folder that takes no files has none.
    pub(super) fn copy(&self, key: &Path, durable: bool) -> io::Result<()> {
        let mut octets = serde_json::to_vec(self)?;
        octets.push(b'\n');
        match put(&beside(key), 0o600, &octets, durable) {
            Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => Ok(()),
            done => done,
        }
    }

    /// Reads the head of a folder.
    pub(super) fn read(dir: &Path) -> Found {
        Self::read_file(&path(dir))
    }

    /// Reads a head, or a copy of one.
    pub(super) fn read_file(path: &Path) -> Found {
        let mut octets = Vec::new();
        match File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut octets)) {
            Ok(_) => serde_json::from_slice(&octets).map_or(Found::Unreadable, Found::Head),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Missing,
            Err(_) => Found::Unreadable,
        }
    }
}

/// The file of the head.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// The copy of the head beside a private key.
pub fn beside(key: &Path) -> PathBuf {
    key.with_extension("head.json")
}

/// An instance as heads and file names spell it.
pub(super) fn spell(instance: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*instance))
}

/// What a seal is signed as.
pub(super) fn seal_text(instance: &[u8; 16], sequence: u64, seal: &Sealed<'_>) -> String {
    let Sealed { count, first, last, chain, open, cause, place } = seal;
    let instance = spell(instance);
    let place = place.map(|(octets, time, clock)| format!("{octets}\n{time}\n{clock}"));
    let place = tail(place.as_deref());
    format!("bartizan journal seal\n{instance}\n{sequence}\n{count}\n{first}\n{last}\n{chain}\n{open}\n{cause}{place}")
}

/// A last line that earlier versions did not have.
fn tail(line: Option<&str>) -> String {
    line.map(|line| format!("\n{line}")).unwrap_or_default()
}

/// What a seal says.
pub(super) struct Sealed<'a> {
    pub(super) count: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) chain: &'a str,
    pub(super) open: u64,
    pub(super) cause: &'a str,
    /// Where it stands in its file, when it was written, and the clock after it; seals of earlier versions
    /// do not say.
    pub(super) place: Option<(u64, u64, &'a str)>,
}

/// What a checkpoint is signed as.
pub(super) fn checkpoint_text(instance: &[u8; 16], number: u64, chain: &str, clock: Option<&str>) -> String {
    format!("bartizan journal checkpoint\n{}\n{number}\n{chain}{}", spell(instance), tail(clock))
}
