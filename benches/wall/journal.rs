//! A request's two records in `written` mode: with and without signatures, and what signing costs.
//!
//! Beside the bench runs the journal's own thread, as it does beside requests; its work is not in these
//! times, and is one signature a second and one file of a few hundred octets.

use std::future::Future as _;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bartizan::audit::{Completion, Decision, Intent, Journal, Outcome, Settings};
use bartizan::id::RequestId;
use bartizan::time::Millis;
use divan::Bencher;

/// A folder that goes with the bench.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bartizan-bench-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(dir: &Path, signed: bool) -> Journal {
    let signing_key = signed.then(|| dir.join("key.pem"));
    // So that a long run does not fill the disk.
    let settings = Settings { min_free: Some(0), max_size: Some(1 << 30), signing_key, ..Settings::default() };
    Journal::open(dir.join("journal"), settings).unwrap().0
}

/// An intent and a completion of usual size.
fn request(journal: &Journal, nth: u64) {
    let mut random = [0; 34];
    for (place, octet) in random.iter_mut().enumerate() {
        *octet = u8::try_from((nth >> (4 * (place % 16))) & 0xF).unwrap();
    }
    let intent = Intent {
        operation: Some("GetObject"),
        bucket: Some(b"intake-1-012d0e"),
        key: Some(b"reports/2026/q1.csv"),
        method: Some(b"GET"),
        target: Some(b"/intake-1-012d0e/reports/2026/q1.csv"),
        decision: Decision::Allow,
        ..Intent::new(RequestId::from_random(&random), Millis(1_773_480_413_000))
    };
    let mut recorded = pin!(journal.record(&intent));
    let mut context = Context::from_waker(Waker::noop());
    let receipt = loop {
        if let Poll::Ready(receipt) = recorded.as_mut().poll(&mut context) {
            break receipt.unwrap();
        }
    };
    receipt.complete(&Completion { outcome: Outcome::Completed, status: Some(200), ..Completion::default() });
}

fn requests(bencher: Bencher, name: &str, signed: bool) {
    let folder = Folder::new(name);
    let journal = open(&folder.0, signed);
    let mut nth = 0;
    bencher.bench_local(|| {
        nth += 1;
        request(&journal, nth);
    });
}

#[divan::bench]
fn request_on_record(bencher: Bencher) {
    requests(bencher, "plain", false);
}

/// The promise: as much as without, and under 3 us.
#[divan::bench]
fn request_on_record_signed(bencher: Bencher) {
    requests(bencher, "signed", true);
}
