//! The promises of deliveries, in a world whose time is an argument.

mod buckets;
mod sim;
mod sinks;
mod trails;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sim::{End, HOUR, START, Sim};

use super::settings::{BucketTo, FileTo, Format, HttpTo, Settings, Sink, To};
use super::world::Trouble;
use super::{Counts, Plan, Reading};
use crate::audit::{Before, Completion, Decision, Delivery, Intent, Journal, Outcome};
use crate::id::RequestId;
use crate::time::Millis;

/// A request of the journal.
#[derive(Clone, Copy)]
struct Asked {
    bucket: &'static str,
    key: u32,
    operation: &'static str,
    /// Seconds after the start.
    at: i64,
    /// The destination, and whether it tells of deliveries alone, where it is a delivery.
    delivery: Option<(&'static str, bool)>,
}

fn asked(key: u32) -> Asked {
    Asked { bucket: "app", key, operation: "PutObject", at: 0, delivery: None }
}

/// Writes requests into the journal of a folder, and closes it.
fn write(dir: &Path, requests: impl IntoIterator<Item = Asked>) {
    let settings = crate::audit::Settings {
        before: Before::Written,
        segment_size: 8192,
        min_free: Some(0),
        ..crate::audit::Settings::default()
    };
    let (journal, _) = Journal::open(dir.join("journal"), settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        for Asked { bucket, key, operation, at, delivery } in requests {
            let mut random = [7; 34];
            random[..4].copy_from_slice(&key.to_be_bytes());
            random[4] = u8::try_from(bucket.len()).unwrap();
            let name = format!("key-{key:06}");
            let target = format!("/{bucket}/{name}");
            let intent = Intent {
                operation: Some(operation),
                method: Some(b"PUT"),
                bucket: Some(bucket.as_bytes()),
                key: Some(name.as_bytes()),
                target: Some(target.as_bytes()),
                http_version: Some("HTTP/1.1"),
                decision: Decision::Allow,
                delivery: delivery.map(|(sink, of_deliveries)| Delivery { sink, of_deliveries }),
                ..Intent::new(RequestId::from_random(&random), Millis((START + at) * 1000))
            };
            let receipt = journal.record(&intent).await.unwrap();
            let end = Completion {
                outcome: Outcome::Completed,
                status: Some(200),
                total_ms: Some(1),
                ..Completion::default()
            };
            journal.complete(receipt, &end);
        }
    });
    journal.close().unwrap();
}

fn sink(name: &str, format: Format, to: To) -> Sink {
    Sink { name: name.to_owned(), format, to, select: None, account: None, from_start: true, roll_size: 1 << 20 }
}

fn bucket(name: &str, format: Format) -> Sink {
    let to = BucketTo {
        bucket: "logs".to_owned(),
        owner: None,
        prefix: format!("{name}/"),
        upstream: Some(0),
        layout: crate::policy::logging::KeyFormat::Simple,
        digests: format == Format::CloudTrail,
    };
    sink(name, format, To::Bucket(to))
}

fn server(name: &str) -> Sink {
    let to = HttpTo { tls: false, host: name.to_owned(), port: 1, target: "/".to_owned(), token: None, ca: None };
    sink(name, Format::Json, To::Http(to))
}

fn file(dir: &Path) -> Sink {
    let to = FileTo {
        path: dir.join("out/all.jsonl"),
        roll_size: 1 << 30,
        roll_every: Duration::from_secs(86_400),
        keep: None,
    };
    sink("file", Format::Json, To::File(to))
}

/// Delivers with these destinations until so many seconds after the start.
fn deliver(dir: &Path, sim: &Sim, sinks: &[Sink], until: i64, end: End) -> Vec<Reading> {
    let settings = Settings { sinks: sinks.to_vec(), trail_key: sim.trail_key.clone(), ..Settings::default() };
    let counts = Arc::new(Counts::default());
    let plan = Plan {
        settings: Arc::new(settings),
        journal: dir.join("journal"),
        folder: dir.join("delivery"),
        account: "111122223333".to_owned(),
        region: "us-east-1".to_owned(),
        counts: Arc::clone(&counts),
    };
    sim.run(plan.prepare().unwrap(), START + until, end);
    counts.read()
}

fn of<'r>(readings: &'r [Reading], name: &str) -> &'r Reading {
    readings.iter().find(|reading| reading.sink == name).unwrap()
}

/// The keys that are named in a text, in order.
fn keys(text: &str) -> Vec<u32> {
    text.split("\"key\":\"key-").skip(1).map(|rest| rest.get(..6).unwrap().parse().unwrap()).collect()
}
