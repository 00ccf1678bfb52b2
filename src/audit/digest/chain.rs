//! Whether digests and the log files they name are what was delivered.
//!
//! Every digest that is presented is judged on its own: its place, its key, its signature. Then each is
//! followed to the one before it. What nobody presented although a digest names it is missing; what a
//! digest vouches for and does not match is invalid.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::{ALGORITHM, BACKFILL, Digest, HASH, LONGEST, PublicKey, chain_of, hash, string_to_sign};
use crate::time::Seconds;

/// A digest as it was fetched.
#[derive(Clone, Debug)]
pub struct Presented<'a> {
    /// The bucket it was fetched from.
    pub bucket: &'a str,
    /// The name it was fetched under.
    pub object: &'a str,
    /// Its content, uncompressed.
    pub document: &'a [u8],
    /// `x-amz-meta-signature`, if it has one.
    pub signature: Option<&'a str>,
}

/// Where log files come from: bucket and name to the uncompressed content, `None` if it is not there.
pub type Logs<'a> = dyn Fn(&str, &str) -> Option<Cow<'a, [u8]>> + 'a;

/// What a file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is not what was delivered, or nobody can vouch for it.
    Invalid,
    /// It is not there.
    Missing,
    /// It is what was delivered.
    Valid,
}

impl Verdict {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::Valid => "valid",
        }
    }
}

/// Why a file is not valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Why {
    /// It names another algorithm.
    Algorithm,
    /// It is no digest.
    Document,
    /// Its content is not the one that a digest names.
    Hash,
    /// Its key is not in the list.
    Key,
    /// It lies elsewhere than it says.
    Place,
    /// The signature is not the key's for this content and place.
    Signature,
    /// The digest that names it is invalid itself.
    Unvouched,
    /// Its key was not valid at that time.
    Validity,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "it is hashed or signed with another algorithm than SHA-256 and SHA256withRSA",
            Self::Document => "it is no digest",
            Self::Hash => "its content is not the one that was delivered",
            Self::Key => "it was signed with a key that is not in the list of public keys",
            Self::Place => "it says that it was delivered under another name",
            Self::Signature => "its signature does not belong to it",
            Self::Unvouched => "the digest that names it is invalid",
            Self::Validity => "its key was not valid at that time",
        })
    }
}

/// The verdict on one file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileReport {
    /// Whether it is a digest; else a log file.
    pub digest: bool,
    /// The bucket it was fetched from, or should be in.
    pub bucket: String,
    /// Its name there.
    pub object: String,
    /// What it is.
    pub verdict: Verdict,
    /// Why it is invalid.
    pub why: Option<Why>,
}

/// A stretch of time that no valid digest speaks of, or where the chain begins anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// Where it begins.
    pub from: Seconds,
    /// Where it ends. The same if only the chain is interrupted.
    pub until: Seconds,
    /// The later digest is a starting digest: it names none before it.
    pub restart: bool,
}

/// What became of a chain of digests.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Digests by time, then log files by name.
    pub files: Vec<FileReport>,
    /// Gaps between digests that are valid.
    pub gaps: Vec<Gap>,
}

impl Report {
    /// Whether every file is valid and there is no gap.
    pub fn is_sound(&self) -> bool {
        self.gaps.is_empty() && self.files.iter().all(|file| file.verdict == Verdict::Valid)
    }
}

/// A digest that was read, and what it came to.
struct Link<'a> {
    presented: &'a Presented<'a>,
    digest: Option<Digest>,
    hash: String,
    why: Option<Why>,
}

impl Link<'_> {
    fn time(&self, of: fn(&Digest) -> &String) -> Option<Seconds> {
        Seconds::from_rfc3339(of(self.digest.as_ref()?))
    }

    fn start(&self) -> Option<Seconds> {
        self.time(|digest| &digest.digest_start_time)
    }

    fn end(&self) -> Option<Seconds> {
        self.time(|digest| &digest.digest_end_time)
    }
}

/// Verifies digests, in any order, and every log file they name.
pub fn verify(presented: &[Presented<'_>], keys: &[PublicKey], logs: &Logs<'_>) -> Report {
    let mut links: Vec<_> = presented.iter().map(|presented| judge(presented, keys)).collect();
    links.sort_by(|one, two| (one.end(), one.presented.object).cmp(&(two.end(), two.presented.object)));
    let missing = follow(&mut links);
    let digest_report = |link: &Link<'_>| FileReport {
        digest: true,
        bucket: link.presented.bucket.to_owned(),
        object: link.presented.object.to_owned(),
        verdict: if link.why.is_none() { Verdict::Valid } else { Verdict::Invalid },
        why: link.why,
    };
    let mut files: Vec<_> = links.iter().map(digest_report).collect();
    files.extend(missing);
    files.extend(judge_logs(&links, logs));
    Report { files, gaps: gaps(&links) }
}

/// A digest by itself.
fn judge<'a>(presented: &'a Presented<'a>, keys: &[PublicKey]) -> Link<'a> {
    let digest = (presented.document.len() <= LONGEST).then(|| serde_json::from_slice::<Digest>(presented.document));
    let digest = digest.and_then(Result::ok);
    let hash = hash(presented.document);
    let why = match &digest {
        Some(digest) => check(digest, presented, &hash, keys).err(),
        None => Some(Why::Document),
    };
    Link { presented, digest, hash, why }
}

fn check(digest: &Digest, presented: &Presented<'_>, hash: &str, keys: &[PublicKey]) -> Result<(), Why> {
    let previous = [
        &digest.previous_bucket,
        &digest.previous_object,
        &digest.previous_digest_hash_value,
        &digest.previous_digest_hash_algorithm,
        &digest.previous_digest_signature,
    ];
    let named = previous.iter().filter(|member| member.is_some()).count();
    let (start, end) = (&digest.digest_start_time, &digest.digest_end_time);
    let (Some(start), Some(end)) = (Seconds::from_rfc3339(start), Seconds::from_rfc3339(end)) else {
        return Err(Why::Document);
    };
    if (named != 0 && named != previous.len()) || start >= end {
        return Err(Why::Document);
    }
    if digest.bucket != presented.bucket || digest.object != presented.object {
        return Err(Why::Place);
    }
    let hashes = digest.log_files.iter().map(|log| log.hash_algorithm.as_str());
    let mut hashes = hashes.chain(digest.previous_digest_hash_algorithm.as_deref());
    if digest.digest_signature_algorithm != ALGORITHM || hashes.any(|algorithm| algorithm != HASH) {
        return Err(Why::Algorithm);
    }
    let named = |key: &&PublicKey| key.fingerprint().eq_ignore_ascii_case(&digest.digest_public_key_fingerprint);
    let mut named = keys.iter().filter(named).peekable();
    named.peek().ok_or(Why::Key)?;
    let mut valid = named.filter(|key| key.is_valid_at(end)).peekable();
    valid.peek().ok_or(Why::Validity)?;
    let previous = digest.previous_digest_signature.as_deref();
    let text = string_to_sign(&digest.digest_end_time, presented.bucket, presented.object, hash, previous);
    let signature = presented.signature.unwrap_or_default();
    if valid.any(|key| key.verifies(text.as_bytes(), signature)) { Ok(()) } else { Err(Why::Signature) }
}

/// Follows every valid digest to the one before it, which must be the one that it names.
fn follow(links: &mut [Link<'_>]) -> Vec<FileReport> {
    let here: HashMap<_, _> =
        links.iter().enumerate().map(|(at, link)| ((link.presented.bucket, link.presented.object), at)).collect();
    // One that lies elsewhere is invalid, not missing.
    let moved = |bucket: &str, object: &str| {
        let says = |digest: &Digest| digest.bucket == bucket && digest.object == object;
        links.iter().any(|link| link.digest.as_ref().is_some_and(says))
    };
    let (mut missing, mut others) = (Vec::new(), Vec::new());
    for link in links.iter().filter(|link| link.why.is_none()) {
        let Some(digest) = &link.digest else { continue };
        let (Some(bucket), Some(object)) = (&digest.previous_bucket, &digest.previous_object) else { continue };
        match here.get(&(bucket.as_str(), object.as_str())) {
            Some(&at) => {
                let fits = links.get(at).is_some_and(|before| {
                    let same = |told: &Option<String>, is: &str| {
                        told.as_deref().is_some_and(|told| told.eq_ignore_ascii_case(is))
                    };
                    same(&digest.previous_digest_hash_value, &before.hash)
                        && same(&digest.previous_digest_signature, before.presented.signature.unwrap_or_default())
                });
                if !fits {
                    others.push(at);
                }
            }
            None if moved(bucket, object) => {}
            None => missing.push(FileReport {
                digest: true,
                bucket: bucket.clone(),
                object: object.clone(),
                verdict: Verdict::Missing,
                why: None,
            }),
        }
    }
    for at in others {
        if let Some(link) = links.get_mut(at) {
            link.why = link.why.or(Some(Why::Hash));
        }
    }
    missing
}

/// The log files that digests name. One that only an invalid digest names has nobody to vouch for it.
fn judge_logs(links: &[Link<'_>], logs: &Logs<'_>) -> Vec<FileReport> {
    let mut found: BTreeMap<(&str, &str), (Verdict, Option<Why>)> = BTreeMap::new();
    for vouched in [true, false] {
        for link in links.iter().filter(|link| link.why.is_none() == vouched) {
            for log in link.digest.iter().flat_map(|digest| &digest.log_files) {
                let place = (log.bucket.as_str(), log.object.as_str());
                if !vouched {
                    let there = || logs(place.0, place.1).is_some();
                    found.entry(place).or_insert_with(|| match there() {
                        true => (Verdict::Invalid, Some(Why::Unvouched)),
                        false => (Verdict::Missing, None),
                    });
                    continue;
                }
                let verdict = match logs(place.0, place.1) {
                    None => (Verdict::Missing, None),
                    Some(content) if hash(&content).eq_ignore_ascii_case(&log.hash_value) => (Verdict::Valid, None),
                    Some(_) => (Verdict::Invalid, Some(Why::Hash)),
                };
                // Two digests that name one file must agree.
                let kept = found.entry(place).or_insert(verdict);
                if kept.0 == Verdict::Valid {
                    *kept = verdict;
                }
            }
        }
    }
    let report = |((bucket, object), (verdict, why)): ((&str, &str), _)| FileReport {
        digest: false,
        bucket: bucket.to_owned(),
        object: object.to_owned(),
        verdict,
        why,
    };
    found.into_iter().map(report).collect()
}

/// Stretches of time between valid digests of a chain, and where it begins anew behind others. Late additions
/// stand beside the chain.
fn gaps(links: &[Link<'_>]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut chains: HashMap<_, Option<Seconds>> = HashMap::new();
    let hours = links.iter().filter(|link| link.why.is_none() && !link.presented.object.ends_with(BACKFILL));
    for link in hours {
        let (Some(start), Some(end)) = (link.start(), link.end()) else { continue };
        let restart = link.digest.as_ref().is_some_and(|digest| digest.previous_object.is_none());
        let reached = chains.entry((link.presented.bucket, chain_of(link.presented.object))).or_default();
        if let Some(from) = reached.filter(|from| restart || *from < start) {
            gaps.push(Gap { from, until: start.max(from), restart });
        }
        *reached = (*reached).max(Some(end));
    }
    gaps
}
