//! Delivered CloudTrail files and digests in a folder, laid out under their object names, as
//! `aws s3 sync` leaves them. Compressed or not.
//!
//! A digest's signature is metadata of its object and lost in a copy. It is read from a file beside the
//! digest with `.signature` at the end of its name, or else from the digest that follows, which names it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use super::{Exit, Io};
use crate::audit::digest::{self, Digest, Presented, PublicKey, Report, Verdict};
use crate::control::why::plain;
use crate::time::Seconds;

/// How deep folders may lie in each other.
const DEEPEST: usize = 24;
/// The most digests: more than a century of hours.
const MOST: usize = 1_000_000;
/// The most log files.
const MOST_LOGS: usize = 10_000_000;
/// The longest log file that is read, uncompressed, in octets.
const LONGEST_LOG: u64 = 512 << 20;

/// A digest that was found.
struct Held {
    object: String,
    bucket: String,
    document: Vec<u8>,
    signature: Option<String>,
}

/// Verifies what is in a folder. Whether it is sound, and the report for machines.
///
/// `until`: the time up to which digests must reach.
pub(super) fn run(
    folder: &Path,
    keys: Option<&Path>,
    until: Option<Seconds>,
    json: bool,
    io: &mut Io<'_>,
) -> Result<(bool, Value), Exit> {
    let file = keys.map_or_else(|| folder.join("public-keys.json"), |keys| io.folder.join(keys));
    let read = read(&file, digest::LONGEST as u64).ok_or("it cannot be read".to_owned());
    let keys = read.and_then(|list| PublicKey::list(&list).map_err(|error| error.to_string())).map_err(|error| {
        io.complain(&format!(
            "error: {}: {error}\nhelp: name the list of public keys with `--trail-keys FILE`\n",
            file.display()
        ));
        Exit::Unusable
    })?;
    let mut files = Files::default();
    gather(folder, folder, 0, &mut files).map_err(|error| {
        io.complain(&format!("error: {}: {error}\nhelp: name a folder with `AWSLogs` in it\n", folder.display()));
        Exit::Unusable
    })?;
    if files.digests.is_empty() {
        io.complain(&format!(
            "error: there is no digest in {}\nhelp: name the folder that stands for the bucket, with `AWSLogs` in it\n",
            folder.display()
        ));
        return Err(Exit::Unusable);
    }
    let held = hold(folder, &files.digests);
    let presented: Vec<_> = held
        .iter()
        .map(|held| Presented {
            bucket: &held.bucket,
            object: &held.object,
            document: &held.document,
            signature: held.signature.as_deref(),
        })
        .collect();
    let logs = |_: &str, object: &str| object_of(folder, object, LONGEST_LOG).map(Cow::Owned);
    let report = digest::verify(&presented, &keys, &logs);
    let rest = Rest::of(&files, &report, &held, until);
    if !json {
        tell(&report, io);
        rest.tell(io);
    }
    Ok((report.is_sound() && rest.is_sound(), to_json(&report, &rest)))
}

/// What lies in the folder.
#[derive(Default)]
struct Files {
    /// Digests, as objects.
    digests: BTreeSet<String>,
    /// Log files, as objects.
    logs: BTreeSet<String>,
    /// Objects that are there packed and unpacked.
    doubled: BTreeSet<String>,
}

/// What the digests themselves do not tell.
struct Rest {
    /// Log files that no valid digest names.
    unnamed: Vec<String>,
    /// Objects that lie there twice. Only one of the two was verified.
    doubled: Vec<String>,
    /// The end of the last hour that valid digests of every chain speak of.
    covered: Option<Seconds>,
    /// Up to when they were to reach, if they do not.
    short: Option<Seconds>,
}

impl Rest {
    fn of(files: &Files, report: &Report, held: &[Held], until: Option<Seconds>) -> Self {
        let named: BTreeSet<_> =
            report.files.iter().filter(|file| !file.digest).map(|file| file.object.as_str()).collect();
        let valid = |held: &&Held| {
            let file = report.files.iter().find(|file| file.digest && file.object == held.object);
            file.is_some_and(|file| file.verdict == Verdict::Valid)
        };
        let end = |held: &Held| {
            let digest: Digest = serde_json::from_slice(&held.document).ok()?;
            Seconds::from_rfc3339(&digest.digest_end_time)
        };
        let mut chains: BTreeMap<_, Option<Seconds>> = BTreeMap::new();
        for held in held {
            let reached = chains.entry(digest::chain_of(&held.object)).or_default();
            *reached = (*reached).max(Some(held).filter(valid).and_then(end));
        }
        // One that goes on does not speak for another that ends.
        let covered = chains.into_values().min().flatten();
        let unnamed = files.logs.iter().filter(|log| !named.contains(log.as_str())).cloned().collect();
        let short = until.filter(|until| covered.is_none_or(|covered| covered < *until));
        Self { unnamed, doubled: files.doubled.iter().cloned().collect(), covered, short }
    }

    fn is_sound(&self) -> bool {
        self.unnamed.is_empty() && self.doubled.is_empty() && self.short.is_none()
    }

    fn tell(&self, io: &mut Io<'_>) {
        if let Some(covered) = self.covered {
            io.print(&format!(
                "covered   until {}; whether there was more, the trail cannot tell: `--until TIME` demands it\n",
                covered.rfc3339()
            ));
        }
        for object in &self.unnamed {
            io.complain(&format!("error: {} is a log file that no digest names\n", plain(object)));
        }
        for object in &self.doubled {
            io.complain(&format!(
                "error: {} lies there packed and unpacked\nhelp: keep what was copied from the bucket\n",
                plain(object)
            ));
        }
        if let Some(short) = self.short {
            io.complain(&format!(
                "error: no valid digest reaches {}, or not in every trail\nhelp: copy the newest digests, with their \
                 signatures, and verify a trail that has ended by itself\n",
                short.rfc3339()
            ));
        }
    }
}

/// The names of all digests and log files below a folder, as objects.
fn gather(root: &Path, folder: &Path, depth: usize, found: &mut Files) -> std::io::Result<()> {
    if depth > DEEPEST || found.digests.len() > MOST || found.logs.len() > MOST_LOGS {
        return Err(std::io::Error::other("too many files, or folders too deep"));
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            gather(root, &path, depth + 1, found)?;
            continue;
        }
        let object = path.strip_prefix(root).ok().and_then(Path::to_str).unwrap_or_default();
        let set = match object {
            _ if !(object.ends_with(".json.gz") || object.ends_with(".json")) => continue,
            _ if object.contains("CloudTrail-Digest/") => &mut found.digests,
            _ if object.contains("/CloudTrail/") => &mut found.logs,
            _ => continue,
        };
        // One that was unpacked is the object that it was.
        let packed = if object.ends_with(".gz") { object.to_owned() } else { format!("{object}.gz") };
        if !set.insert(packed.clone()) {
            found.doubled.insert(packed);
        }
    }
    Ok(())
}

/// Reads the digests and finds their signatures.
fn hold(folder: &Path, objects: &BTreeSet<String>) -> Vec<Held> {
    let mut named: HashMap<String, String> = HashMap::new();
    let mut held: Vec<Held> = Vec::new();
    for object in objects {
        let document = object_of(folder, object, digest::LONGEST as u64).unwrap_or_default();
        let digest: Option<Digest> = serde_json::from_slice(&document).ok();
        let bucket = digest.as_ref().map(|digest| digest.bucket.clone()).unwrap_or_default();
        if let Some((before, signature)) = digest.and_then(|it| it.previous_object.zip(it.previous_digest_signature)) {
            named.insert(before, signature);
        }
        let beside = safe(folder, object).and_then(|path| {
            let mut path = path.into_os_string();
            path.push(".signature");
            String::from_utf8(read(Path::new(&path), 4096)?).ok()
        });
        let signature = beside.map(|signature| signature.trim().to_owned());
        held.push(Held { object: object.clone(), bucket, document, signature });
    }
    for held in &mut held {
        held.signature = held.signature.take().or_else(|| named.get(&held.object).cloned());
    }
    held
}

/// An object's uncompressed content.
fn object_of(folder: &Path, object: &str, most: u64) -> Option<Vec<u8>> {
    let path = safe(folder, object)?;
    let octets = read(&path, most).or_else(|| read(&path.with_extension(""), most))?;
    if !octets.starts_with(&[0x1f, 0x8b]) {
        return Some(octets);
    }
    let mut content = Vec::new();
    let unpacked = MultiGzDecoder::new(octets.as_slice()).take(most.saturating_add(1)).read_to_end(&mut content);
    // What does not unpack is there, and is not what was delivered.
    if unpacked.is_err() || content.len() as u64 > most {
        content.clear();
    }
    Some(content)
}

/// The file of an object, if its name leads nowhere else.
fn safe(folder: &Path, object: &str) -> Option<PathBuf> {
    let plain = Path::new(object).components().all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| folder.join(object))
}

fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path).ok()?.take(most.saturating_add(1)).read_to_end(&mut octets).ok()?;
    (octets.len() as u64 <= most).then_some(octets)
}

fn tell(report: &Report, io: &mut Io<'_>) {
    let count = |digest| {
        let valid = report.files.iter().filter(|file| file.digest == digest && file.verdict == Verdict::Valid).count();
        (valid, report.files.iter().filter(|file| file.digest == digest).count())
    };
    let ((digests, of_digests), (logs, of_logs)) = (count(true), count(false));
    io.print(&format!("trail     {digests} of {of_digests} digests valid, {logs} of {of_logs} log files valid\n"));
    for file in report.files.iter().filter(|file| file.verdict != Verdict::Valid) {
        let why = file.why.map(|why| format!(": {why}")).unwrap_or_default();
        io.complain(&format!("error: {} is {}{why}\n", plain(&file.object), file.verdict.as_str()));
    }
    for gap in &report.gaps {
        let (from, until) = (gap.from.rfc3339(), gap.until.rfc3339());
        io.complain(&match gap.restart {
            true => format!("error: the chain of digests begins anew at {until}; what was before is not vouched for\n"),
            false => format!("error: no valid digest speaks of the time from {from} to {until}\n"),
        });
    }
}

fn to_json(report: &Report, rest: &Rest) -> Value {
    let files: Vec<_> = report
        .files
        .iter()
        .map(|file| {
            json!({
                "kind": if file.digest { "digest" } else { "log" },
                "bucket": file.bucket, "object": file.object, "verdict": file.verdict.as_str(),
                "why": file.why.map(|why| why.to_string()),
            })
        })
        .collect();
    let gaps: Vec<_> = report
        .gaps
        .iter()
        .map(|gap| json!({ "from": gap.from.rfc3339(), "until": gap.until.rfc3339(), "restart": gap.restart }))
        .collect();
    json!({
        "ok": report.is_sound() && rest.is_sound(), "files": files, "gaps": gaps,
        "covered_until": rest.covered.map(Seconds::rfc3339), "unnamed": rest.unnamed, "doubled": rest.doubled,
    })
}
