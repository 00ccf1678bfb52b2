//! The key that signs a journal, and the list of public keys that can be carried away.
//!
//! The private key lies in a file of its own (Ed25519, PKCS#8, PEM, for the owner alone), the public keys
//! in `public-keys.json` beside the segments. Each key but the first is signed by one before it, so
//! whoever holds an old list can tell a key that was rotated in from a stranger's.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::SHA256;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::digest::hex;
use super::now;
use crate::time::{Millis, Seconds};

/// The file of public keys in a journal's folder.
pub const PUBLIC_KEYS: &str = "public-keys.json";
/// The longest file of keys, in octets.
const LONGEST: u64 = 1 << 20;
/// The most keys in a list.
const MOST: usize = 1024;
/// Octets of a key's id.
const ID: usize = 16;

/// Why a key or a list of keys is of no use. Never a secret.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The private key is gone, the public ones are there.
    #[error("{path:?} is gone, and the journal was signed with it")]
    Gone {
        /// Where the key should be.
        path: PathBuf,
    },
    /// A file cannot be used.
    #[error("{path:?} cannot be used: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is no key.
    #[error("{path:?} is no Ed25519 key in PEM (PKCS#8)")]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// It is no list, or not one that holds together.
    #[error("{path:?}: {why}")]
    List {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// Others may read it.
    #[error("{path:?} has mode {mode:04o} and holds a secret")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The list of public keys is gone, the journal and its key are there.
    #[error("{path:?} is gone, and the journal beside it was signed by a key of that list")]
    Unlisted {
        /// Where the list should be.
        path: PathBuf,
    },
    /// The key is not in the list.
    #[error("the key in {path:?} is not in the list of public keys")]
    Stranger {
        /// The private key's file.
        path: PathBuf,
    },
}

impl SignError {
    /// What to do.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Gone { .. } => {
                "put the key back; if it is lost, move the journal's folder away and keep it with its public keys"
            }
            Self::Io { .. } => "look at the permissions and the disk of the file's folder",
            Self::Key { .. } => "put back the file that was made, or name another with `[audit] signing_key`",
            Self::List { .. } => "put back the list that was there, from a copy that was carried away",
            Self::Open { .. } => "run `chmod 600` on it; if others have read it, run `bartizan keys journal rotate`",
            Self::Random => "look at the system's random numbers",
            Self::Unlisted { .. } => {
                "put the list back from a copy (`bartizan keys journal list` prints it); if there is none, move the \
                 journal's folder away and keep it, with the copy of its head beside the key"
            }
            Self::Stranger { .. } => "put back the key that the journal was signed with, or its list of public keys",
        }
    }
}

/// A private key. No `Debug`.
pub(super) struct Signer {
    pair: Ed25519KeyPair,
    id: String,
}

impl Signer {
    fn from_pem(path: &Path, pem: &[u8]) -> Result<Self, SignError> {
        let bad = || SignError::Key { path: path.to_owned() };
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| bad())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| bad())?;
        let id = id_of(pair.public_key().as_ref());
        Ok(Self { pair, id })
    }

    /// The name of the key.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The signature of a text, base64: 88 characters.
    pub(super) fn sign(&self, text: &str) -> String {
        STANDARD.encode(self.pair.sign(text.as_bytes()).as_ref())
    }

    fn public(&self) -> String {
        STANDARD.encode(self.pair.public_key().as_ref())
    }
}

/// A public key of a list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKey {
    /// Its name: the first 16 octets of its SHA-256, hex.
    pub id: String,
    /// The key, base64.
    pub public: String,
    /// When it was made. It was valid until the next one was.
    pub from: String,
    /// The key that vouches for it; itself for the first.
    pub by: String,
    /// That key's signature.
    pub signature: String,
}

impl PublicKey {
    fn text(public: &str, from: &str, by: &str) -> String {
        format!("bartizan journal key\n{public}\n{from}\n{by}")
    }

    fn made(new: &Signer, by: &Signer, from: String) -> Self {
        let public = new.public();
        let signature = by.sign(&Self::text(&public, &from, &by.id));
        Self { id: new.id.clone(), public, from, by: by.id.clone(), signature }
    }

    /// Whether a signature is this key's of a text.
    pub(super) fn verifies(&self, text: &str, signature: &str) -> bool {
        let (Ok(public), Ok(signature)) = (STANDARD.decode(&self.public), STANDARD.decode(signature)) else {
            return false;
        };
        UnparsedPublicKey::new(&ED25519, public).verify(text.as_bytes(), &signature).is_ok()
    }
}

/// Public keys in the order in which they were used.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKeys {
    /// The keys.
    pub journal_keys: Vec<PublicKey>,
}

impl PublicKeys {
    /// Reads a list and checks that each key is vouched for by one before it.
    ///
    /// # Errors
    /// [`SignError::Io`] or [`SignError::List`].
    pub fn read(path: &Path) -> Result<Self, SignError> {
        let json = read(path)?;
        let bad = |why| SignError::List { path: path.to_owned(), why };
        let list: Self = serde_json::from_slice(&json).map_err(|_| bad("it is no list of a journal's public keys"))?;
        list.check().map_err(bad)?;
        Ok(list)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.journal_keys.is_empty() || self.journal_keys.len() > MOST {
            return Err("it holds no key, or far too many");
        }
        for (at, key) in self.journal_keys.iter().enumerate() {
            let before = self.journal_keys.get(..at).unwrap_or_default();
            if STANDARD.decode(&key.public).map(|public| id_of(&public)).as_deref() != Ok(&key.id) {
                return Err("the name of a key is not that of the key");
            }
            if before.iter().any(|other| other.id == key.id) {
                return Err("a key stands in it twice");
            }
            let by = before.iter().find(|other| other.id == key.by).or((at == 0).then_some(key));
            let text = PublicKey::text(&key.public, &key.from, &key.by);
            if !by.is_some_and(|by| by.id == key.by && by.verifies(&text, &key.signature)) {
                return Err("a key in it is not vouched for by one before it");
            }
        }
        Ok(())
    }

    /// A key by its name, and its place.
    pub(super) fn find(&self, id: &str) -> Option<(usize, &PublicKey)> {
        self.journal_keys.iter().enumerate().find(|(_, key)| key.id == id)
    }

    /// These keys, and those of another list that they vouch for. The rest of the other list is a
    /// stranger's; whether there is any.
    pub(super) fn extended(mut self, other: &Self) -> (Self, bool) {
        let mut strangers = false;
        for key in &other.journal_keys {
            let text = PublicKey::text(&key.public, &key.from, &key.by);
            match self.find(&key.id) {
                Some((_, own)) => strangers |= own.public != key.public,
                None if self.find(&key.by).is_some_and(|(_, by)| by.verifies(&text, &key.signature)) => {
                    self.journal_keys.push(key.clone());
                }
                None => strangers = true,
            }
        }
        (self, strangers)
    }

    fn put(&self, path: &Path) -> Result<(), SignError> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        put(path, 0o644, &text, true).map_err(|error| SignError::Io { path: path.to_owned(), error })
    }
}

/// Reads the private key of a journal, or makes the first one. `true` if nothing can have been signed
/// before: the key was made now, or there is neither a list nor a journal.
pub(super) fn load_or_make(key: &Path, dir: &Path) -> Result<(Signer, bool), SignError> {
    let listed = dir.join(PUBLIC_KEYS);
    let list = match PublicKeys::read(&listed) {
        Err(SignError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => None,
        read => Some(read?),
    };
    let signer = match load(key) {
        Err(SignError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            if list.is_some() {
                return Err(SignError::Gone { path: key.to_owned() });
            }
            make(key)?
        }
        // A list made anew would vouch for whatever lies there.
        Ok(_) if list.is_none() && holds_a_journal(dir) => return Err(SignError::Unlisted { path: listed }),
        read => read?,
    };
    if let Some(list) = list {
        let known = list.find(&signer.id).is_some();
        return if known { Ok((signer, false)) } else { Err(SignError::Stranger { path: key.to_owned() }) };
    }
    let first = PublicKey::made(&signer, &signer, today());
    PublicKeys { journal_keys: vec![first] }.put(&listed)?;
    Ok((signer, true))
}

/// Whether a folder has files of a journal, or what says that it had. One that cannot be read may.
fn holds_a_journal(dir: &Path) -> bool {
    super::segment::list(dir).map_or(true, |names| !names.is_empty()) || super::head::path(dir).exists()
}

/// Puts a new key in the place of a journal's key; the old one vouches for it. A process that has the
/// journal open takes it up within a second or two. Returns the new key.
///
/// # Errors
/// [`SignError`]; then the old key stays.
pub fn rotate(key: &Path, dir: &Path) -> Result<PublicKey, SignError> {
    let listed = dir.join(PUBLIC_KEYS);
    let mut list = PublicKeys::read(&listed)?;
    let old = load(key)?;
    if list.find(&old.id).is_none() {
        return Err(SignError::Stranger { path: key.to_owned() });
    }
    let waiting = key.with_extension("pem.new");
    let io = |error| SignError::Io { path: waiting.clone(), error };
    match std::fs::remove_file(&waiting) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let new = make(&waiting)?;
    let entry = PublicKey::made(&new, &old, today());
    list.journal_keys.push(entry.clone());
    list.check().map_err(|why| SignError::List { path: listed.clone(), why })?;
    // The list first: a key that it does not know would keep the journal shut.
    list.put(&listed)?;
    std::fs::rename(&waiting, key).map_err(io)?;
    sync_folder(key).map_err(io)?;
    Ok(entry)
}

/// Reads a private key.
pub(super) fn load(path: &Path) -> Result<Signer, SignError> {
    let io = |error| SignError::Io { path: path.to_owned(), error };
    let metadata = std::fs::metadata(path).map_err(io)?;
    // Only root can have let a group in, and it is how secrets are mounted into a container.
    let by_root = metadata.uid() == 0 && !rustix::process::geteuid().is_root();
    let mode = metadata.mode() & 0o777;
    if mode & if by_root { 0o037 } else { 0o077 } != 0 {
        return Err(SignError::Open { path: path.to_owned(), mode });
    }
    Signer::from_pem(path, &Zeroizing::new(read(path)?))
}

/// Makes a private key in a file that must not be there.
fn make(path: &Path) -> Result<Signer, SignError> {
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| SignError::Random)?;
    let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
    let mut pem = Zeroizing::new(String::from("-----BEGIN PRIVATE KEY-----\n"));
    for line in body.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).unwrap_or_default());
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    let signer = Signer::from_pem(path, pem.as_bytes())?;
    put(path, 0o600, pem.as_bytes(), true).map_err(|error| SignError::Io { path: path.to_owned(), error })?;
    Ok(signer)
}

/// Puts a file in the place of an older one, all or nothing; if asked to, it waits for the disk.
pub(super) fn put(path: &Path, mode: u32, content: &[u8], durable: bool) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let temporary = path.with_file_name(name);
    // A left-over of a crash, or a trap: a link is removed, never followed.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(content)?;
    if durable {
        file.sync_all()?;
    }
    std::fs::rename(&temporary, path)?;
    if durable { sync_folder(path) } else { Ok(()) }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SignError> {
    let mut octets = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut octets));
    read.map_err(|error| SignError::Io { path: path.to_owned(), error })?;
    Ok(octets)
}

fn id_of(public: &[u8]) -> String {
    hex(ring::digest::digest(&SHA256, public).as_ref().get(..ID).unwrap_or_default())
}

fn today() -> String {
    Seconds(Millis(i64::try_from(now() / 1_000_000).unwrap_or(i64::MAX)).seconds().0).rfc3339()
}
