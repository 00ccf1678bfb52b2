//! Delivered CloudTrail files and digests in a folder, laid out under their object names, as
//! `aws s3 sync` leaves them. Compressed or not.
//!
//! A digest's signature is metadata of its object and lost in a copy. It is read from a file beside the
//! digest with `.signature` at the end of its name, or else from the digest that follows, which names it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};

use super::{Exit, Io};
use crate::audit::digest::{self, Digest, Presented, PublicKey, Report, Verdict};
use crate::control::why::plain;

/// How deep folders may lie in each other.
const DEEPEST: usize = 24;
/// The most digests: more than a century of hours.
const MOST: usize = 1_000_000;
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
pub(super) fn run(folder: &Path, keys: Option<&Path>, json: bool, io: &mut Io<'_>) -> Result<(bool, Value), Exit> {
    let file = keys.map_or_else(|| folder.join("public-keys.json"), |keys| io.folder.join(keys));
    let read = read(&file, digest::LONGEST as u64).ok_or("it cannot be read".to_owned());
    let keys = read.and_then(|list| PublicKey::list(&list).map_err(|error| error.to_string())).map_err(|error| {
        io.complain(&format!(
            "error: {}: {error}\nhelp: name the list of public keys with `--trail-keys FILE`\n",
            file.display()
        ));
        Exit::Unusable
    })?;
    let mut found = BTreeSet::new();
    gather(folder, folder, 0, &mut found).map_err(|error| {
        io.complain(&format!("error: {}: {error}\nhelp: name a folder with `AWSLogs` in it\n", folder.display()));
        Exit::Unusable
    })?;
    if found.is_empty() {
        io.complain(&format!(
            "error: there is no digest in {}\nhelp: name the folder that stands for the bucket, with `AWSLogs` in it\n",
            folder.display()
        ));
        return Err(Exit::Unusable);
    }
    let held = hold(folder, &found);
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
    if !json {
        tell(&report, io);
    }
    Ok((report.is_sound(), to_json(&report)))
}

/// The names of all digests below a folder, as objects.
fn gather(root: &Path, folder: &Path, depth: usize, found: &mut BTreeSet<String>) -> std::io::Result<()> {
    if depth > DEEPEST || found.len() > MOST {
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
        if object.contains("CloudTrail-Digest/") && (object.ends_with(".json.gz") || object.ends_with(".json")) {
            // One that was unpacked is the object that it was.
            let packed = if object.ends_with(".gz") { object.to_owned() } else { format!("{object}.gz") };
            found.insert(packed);
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

fn to_json(report: &Report) -> Value {
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
    json!({ "ok": report.is_sound(), "files": files, "gaps": gaps })
}
