//! A memory of signed writes (`signature.replay = "writes"`; spec/sigv4.md 16, 25).
//!
//! A signature is good for the time that clocks may differ, both ways: whoever gets hold of a request can
//! send it again until then. This memory stops the harm, not the repetition:
//!
//! - Reads are never remembered. Presigned URLs and forms are not either: they are made to be used again,
//!   until they expire.
//! - **What did not succeed, or whose answer the client did not get to its end, may be repeated** as often
//!   as it likes: that is an honest retry.
//! - **What succeeded and was answered may be repeated if that changes nothing:** a `PUT` or `DELETE`
//!   that has no other source than its own octets, as long as no other write to the same object (whatever
//!   the version), to the same part of an upload, or to the bucket has ended since, or while it was under
//!   way. So two equal requests of one second, which have one signature, both pass.
//! - Everything else is refused: 403 `AccessDenied`, reason `replay`. These are `POST`s, copies, renames
//!   and appends that had succeeded, and writes that would bring back what another has replaced.
//!
//! It holds a bounded number of writes for [`WINDOW`] seconds; when there are more, the oldest are
//! forgotten, and said so once.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::s3::route::Routed;
use crate::s3::{Code, Fault, Operation};
use crate::time::Seconds;

/// How long a write is remembered, in seconds: no signature lives longer.
pub const WINDOW: i64 = 1800;
/// The most writes that are remembered: by the sizes of the tables below, up to 100 MB.
pub const MOST: usize = 1 << 18;

/// The writes of the last half hour.
pub struct Replay {
    seed: u64,
    most: usize,
    inner: Mutex<Inner>,
    told: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// Counts writes that have ended.
    count: u64,
    /// Signed requests that succeeded and were answered.
    used: HashMap<u128, Used>,
    /// What was written, with the number of the last write.
    last: HashMap<u128, u64>,
    /// All of them in the order they ended.
    order: VecDeque<Ended>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
struct Used {
    /// The number of its end.
    number: u64,
    /// Another write to the same thing ended while it was under way: which came last, only the store knows.
    contested: bool,
}

struct Ended {
    at: Seconds,
    number: u64,
    signed: Option<u128>,
    targets: Targets,
}

/// What a write changes: the thing itself, and the object that it belongs to. For parts of an upload both
/// are the part, because they change no object.
type Targets = [u128; 2];

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replay({} writes)", self.lock().order.len())
    }
}

/// A write under way that will be remembered when it has ended.
#[derive(Debug)]
#[must_use]
pub struct Write {
    memory: Arc<Replay>,
    signed: Option<u128>,
    targets: Targets,
    /// How many writes had ended when it began.
    began: u64,
    at: Seconds,
    sent: bool,
}

impl Replay {
    /// Remembers at most `most` writes; `seed` keeps strangers from aiming at its tables.
    pub fn new(seed: u64, most: usize) -> Self {
        Self { seed, most, inner: Mutex::default(), told: AtomicBool::new(false) }
    }

    /// Looks a request up before it goes on. `signed` is the key and the text of a request that was
    /// signed in its header. None where there is nothing to remember: reads.
    ///
    /// # Errors
    /// `AccessDenied` for a repetition that would do harm.
    pub fn admit(
        self: &Arc<Self>,
        signed: Option<&[u8]>,
        routed: &Routed,
        now: Seconds,
    ) -> Result<Option<Write>, Fault> {
        if !is_write(routed.operation) {
            return Ok(None);
        }
        let hash = |octets: &[u8]| xxh3_128_with_seed(octets, self.seed);
        let signed = signed.map(hash);
        let targets = [hash(&target(routed)), hash(&object(routed))];
        let bucket = hash(&bucket(routed));
        let mut inner = self.lock();
        inner.sweep(now, self.most);
        if let Some(first) = signed.and_then(|signed| inner.used.get(&signed).copied()) {
            let since = |what| inner.last.get(&what).is_some_and(|last| *last > first.number);
            if !is_idempotent(routed) || first.contested || targets.into_iter().any(since) || since(bucket) {
                return Err(Fault::new(Code::AccessDenied, "replay", "The signature of this request was used before."));
            }
        }
        let began = inner.count;
        Ok(Some(Write { memory: Arc::clone(self), signed, targets, began, at: now, sent: false }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing is left half done in there.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, write: &Write, signed: Option<u128>) {
        let (targets, at) = (write.targets, write.at);
        let mut inner = self.lock();
        inner.count += 1;
        let number = inner.count;
        let mut contested = false;
        for target in targets {
            let before = inner.last.insert(target, number);
            contested |= before.is_some_and(|before| before != number && before > write.began);
        }
        if let Some(signed) = signed {
            inner.used.insert(signed, Used { number, contested });
        }
        inner.order.push_back(Ended { at, number, signed, targets });
        let full = inner.order.len() > self.most;
        inner.sweep(at, self.most);
        drop(inner);
        if full && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(most = self.most, "more writes than the replay memory holds: the oldest are forgotten");
        }
    }
}

impl Inner {
    /// Forgets what is too old, and the oldest of what is too much.
    fn sweep(&mut self, now: Seconds, most: usize) {
        while let Some(oldest) = self.order.front()
            && (self.order.len() > most || oldest.at.0.saturating_add(WINDOW) < now.0)
        {
            let Some(Ended { number, signed, targets, .. }) = self.order.pop_front() else { return };
            for target in targets {
                if self.last.get(&target) == Some(&number) {
                    self.last.remove(&target);
                }
            }
            let own = |signed: &u128| self.used.get(signed).is_some_and(|used| used.number == number);
            if let Some(signed) = signed.filter(own) {
                self.used.remove(&signed);
            }
        }
    }
}

impl Write {
    /// It leaves for the store: from here on it may have changed something, unless it is said otherwise.
    pub fn sent(&mut self) {
        self.sent = true;
    }

    /// It succeeded, and the client has all of its answer.
    pub fn answered(mut self) {
        self.sent = false;
        self.memory.ended(&self, self.signed);
    }

    /// It changed nothing.
    pub fn refused(mut self) {
        self.sent = false;
    }
}

impl Drop for Write {
    /// How it ended is not known, or the client did not hear: others see a write, and it may be repeated.
    fn drop(&mut self) {
        if self.sent {
            self.memory.ended(self, None);
        }
    }
}

fn is_write(operation: Operation) -> bool {
    matches!(operation.spec().method, "PUT" | "POST" | "DELETE") && operation != Operation::SelectObjectContent
}

/// Whether the request alone says what will be there afterwards.
fn is_idempotent(routed: &Routed) -> bool {
    matches!(routed.operation.spec().method, "PUT" | "DELETE")
        && routed.copy_source.is_none()
        && !routed.headers.contains_key("x-amz-write-offset-bytes")
        && !routed.headers.contains_key("x-amz-rename-source")
}

/// What is written: an object, a version of it, a part of an upload; else the bucket.
fn target(routed: &Routed) -> Vec<u8> {
    // `01` is part 1 to some stores.
    let part = routed.parameter("partNumber").map(|number| number.trim_start_matches(['+', '0']));
    named(routed, [routed.parameter("versionId"), routed.parameter("uploadId"), part])
}

/// The object that it belongs to, whatever the version: what a version holds, another write may bring back.
/// A part belongs to its upload alone.
fn object(routed: &Routed) -> Vec<u8> {
    use Operation::{AbortMultipartUpload, UploadPart, UploadPartCopy};
    match routed.operation {
        AbortMultipartUpload | UploadPart | UploadPartCopy => target(routed),
        _ => named(routed, [None; 3]),
    }
}

fn named(routed: &Routed, parts: [Option<&str>; 3]) -> Vec<u8> {
    let mut name = bucket(routed);
    if let Some(key) = &routed.key {
        for part in [Some(key.as_str())].into_iter().chain(parts) {
            name.push(0);
            name.extend_from_slice(part.unwrap_or_default().as_bytes());
        }
    }
    name
}

fn bucket(routed: &Routed) -> Vec<u8> {
    routed.bucket.as_deref().unwrap_or_default().as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::s3::CopySource;

    const NOW: Seconds = Seconds(1_773_480_413);

    fn routed(operation: Operation, key: &str) -> Routed {
        Routed {
            operation,
            bucket: Some("b".to_owned()),
            key: Some(key.to_owned()).filter(|key| !key.is_empty()),
            parameters: Vec::new(),
            headers: HeaderMap::new(),
            copy_source: None,
            account: None,
            point: None,
            through: None,
        }
    }

    fn put(key: &str) -> Routed {
        routed(Operation::PutObject, key)
    }

    fn memory() -> Arc<Replay> {
        Arc::new(Replay::new(7, MOST))
    }

    /// Sends a request and has it answered.
    #[track_caller]
    fn done(memory: &Arc<Replay>, signed: &str, routed: &Routed) {
        let mut write = memory.admit(Some(signed.as_bytes()), routed, NOW).unwrap().unwrap();
        write.sent();
        write.answered();
    }

    fn is_refused(memory: &Arc<Replay>, signed: &str, routed: &Routed, now: Seconds) -> bool {
        match memory.admit(Some(signed.as_bytes()), routed, now) {
            Ok(_) => false,
            Err(fault) => {
                assert_eq!((fault.code(), fault.reason(), fault.status()), (Code::AccessDenied, "replay", 403));
                true
            }
        }
    }

    #[test]
    fn a_replay_cannot_bring_back_what_was_replaced() {
        let memory = memory();
        done(&memory, "old", &put("k"));
        done(&memory, "new", &put("k"));
        assert!(is_refused(&memory, "old", &put("k"), NOW));
        assert!(!is_refused(&memory, "new", &put("k"), NOW), "the last word may be said again");
        let delete = routed(Operation::DeleteObject, "j");
        done(&memory, "delete", &delete);
        done(&memory, "again", &put("j"));
        assert!(is_refused(&memory, "delete", &delete, NOW), "nor delete what came after");
    }

    #[test]
    fn replay_memory_does_not_reject_honest_retries() {
        let memory = memory();
        // The store said no: nothing has happened.
        memory.admit(Some(b"a"), &put("k"), NOW).unwrap().unwrap().refused();
        assert!(!is_refused(&memory, "a", &put("k"), NOW));
        // It is still under way, and another attempt comes.
        let mut first = memory.admit(Some(b"a"), &put("k"), NOW).unwrap().unwrap();
        first.sent();
        assert!(!is_refused(&memory, "a", &put("k"), NOW));
        // The client never got the answer, not even of what must not happen twice.
        drop(first);
        assert!(!is_refused(&memory, "a", &put("k"), NOW));
        let create = routed(Operation::CreateMultipartUpload, "k");
        let mut lost = memory.admit(Some(b"c"), &create, NOW).unwrap().unwrap();
        lost.sent();
        drop(lost);
        assert!(!is_refused(&memory, "c", &create, NOW));
        // It did, and asks once more: nothing would change.
        done(&memory, "a", &put("k"));
        assert!(!is_refused(&memory, "a", &put("k"), NOW));
        // Other objects and other parts do not count.
        done(&memory, "b", &put("j"));
        assert!(!is_refused(&memory, "a", &put("k"), NOW));
    }

    #[test]
    fn what_must_not_happen_twice_does_not() {
        let memory = memory();
        let copy = Routed { copy_source: Some(CopySource::new("b", "s", None)), ..routed(Operation::CopyObject, "k") };
        let mut append = put("log");
        append.headers.insert("x-amz-write-offset-bytes", http::HeaderValue::from_static("10"));
        let create = routed(Operation::CreateMultipartUpload, "k");
        for (signed, routed) in [("copy", copy), ("append", append), ("create", create)] {
            done(&memory, signed, &routed);
            assert!(is_refused(&memory, signed, &routed, NOW), "{signed}");
        }
    }

    #[test]
    fn what_touches_a_whole_bucket_touches_its_objects() {
        let memory = memory();
        done(&memory, "put", &put("k"));
        done(&memory, "batch", &routed(Operation::DeleteObjects, ""));
        assert!(is_refused(&memory, "put", &put("k"), NOW), "it may have been deleted");
    }

    #[test]
    fn parts_of_an_upload_do_not_stand_in_each_others_way() {
        let memory = memory();
        let part = |number: &str| Routed {
            parameters: vec![("partNumber".to_owned(), number.to_owned()), ("uploadId".to_owned(), "u".to_owned())],
            ..routed(Operation::UploadPart, "k")
        };
        done(&memory, "one", &part("1"));
        done(&memory, "two", &part("2"));
        assert!(!is_refused(&memory, "one", &part("1"), NOW));
        done(&memory, "other one", &part("1"));
        assert!(is_refused(&memory, "one", &part("1"), NOW));
    }

    fn with(operation: Operation, parameters: &[(&str, &str)]) -> Routed {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Routed { parameters, ..routed(operation, "k") }
    }

    #[test]
    fn a_replay_cannot_bring_back_what_an_upload_or_a_version_has_replaced() {
        let memory = memory();
        done(&memory, "a", &put("k"));
        done(&memory, "complete", &with(Operation::CompleteMultipartUpload, &[("uploadId", "u")]));
        assert!(is_refused(&memory, "a", &put("k"), NOW), "the upload was completed since");
        done(&memory, "b", &put("k"));
        done(&memory, "delete", &with(Operation::DeleteObject, &[("versionId", "null")]));
        assert!(is_refused(&memory, "b", &put("k"), NOW), "its version was deleted since");
        let tags = |parameters: &[(&str, &str)]| with(Operation::PutObjectTagging, parameters);
        done(&memory, "old", &tags(&[]));
        done(&memory, "new", &tags(&[("versionId", "null")]));
        assert!(is_refused(&memory, "old", &tags(&[]), NOW));
        let part = |number| with(Operation::UploadPart, &[("partNumber", number), ("uploadId", "v")]);
        done(&memory, "one", &part("1"));
        done(&memory, "also one", &part("01"));
        assert!(is_refused(&memory, "one", &part("1"), NOW), "some stores read 01 as 1");
    }

    #[test]
    fn of_writes_that_overlap_none_may_be_repeated() {
        let memory = memory();
        let mut slow = memory.admit(Some(b"slow"), &put("k"), NOW).unwrap().unwrap();
        slow.sent();
        done(&memory, "quick", &put("k"));
        slow.answered();
        assert!(is_refused(&memory, "slow", &put("k"), NOW), "the store may have taken it first");
        assert!(is_refused(&memory, "quick", &put("k"), NOW));
    }

    #[test]
    fn reads_are_never_remembered() {
        let get = routed(Operation::GetObject, "k");
        assert!(memory().admit(Some(b"a"), &get, NOW).unwrap().is_none());
    }

    #[test]
    fn what_a_stranger_wrote_counts_too() {
        let memory = memory();
        done(&memory, "a", &put("k"));
        let mut presigned = memory.admit(None, &put("k"), NOW).unwrap().unwrap();
        presigned.sent();
        presigned.answered();
        assert!(is_refused(&memory, "a", &put("k"), NOW));
    }

    #[test]
    fn the_memory_ends_with_the_window_and_is_bounded() {
        let memory = Arc::new(Replay::new(7, 100));
        done(&memory, "old", &put("k"));
        done(&memory, "new", &put("k"));
        assert!(is_refused(&memory, "old", &put("k"), Seconds(NOW.0 + WINDOW)));
        assert!(!is_refused(&memory, "old", &put("k"), Seconds(NOW.0 + WINDOW + 1)), "no clock would take it any more");
        for n in 0..1000 {
            done(&memory, &format!("s{n}"), &put(&format!("k{n}")));
        }
        let inner = memory.lock();
        assert!(inner.order.len() <= 100 && inner.used.len() <= 100 && inner.last.len() <= 200);
    }
}
