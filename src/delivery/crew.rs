//! All destinations at work: those of the configuration from the beginning, those of buckets whose logging
//! is on as it is switched on and off.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_local, yield_now};

use super::counts::BUCKET_LOGGING;
use super::cursor::Cursor;
use super::digests::Digests;
use super::feed::{Feed, Place, Step};
use super::floor::Floor;
use super::lane::{Common, Lane, Roll};
use super::out::{BucketOut, FileOut, HttpOut, Out};
use super::plan::{Prepared, cursor};
use super::render::{Of, Rendering};
use super::settings::{BucketTo, Format, Sink, To};
use super::world::{Logged, Parcel, World};
use crate::audit::{cloudtrail, follow};
use crate::policy::logging::SERVICE;
use crate::time::Millis;

/// How often the buckets whose logging is on are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often a server gets what there is.
const POST_EVERY: Duration = Duration::from_secs(5);
/// The most octets of a file of an access log.
const LOG_SIZE: usize = 128 << 20;

/// Who delivers trails, as records name services.
const TRAIL_SERVICE: &str = "cloudtrail.amazonaws.com";

/// Delivers until the world stops. Runs in a `LocalSet`.
pub async fn run<W: World>(world: Rc<W>, prepared: Prepared) {
    let Prepared { sinks, .. } = &prepared;
    // Whoever has come furthest leads the shared reader; the others read for themselves until they are there.
    let furthest = sinks.iter().max_by_key(|(.., cursor)| cursor.delivered);
    let (next, begin) = prepared.end;
    let place = furthest
        .map_or_else(|| Place::new(begin, next), |(.., cursor)| Place::new(cursor.resume_from, cursor.delivered + 1));
    let feed = RefCell::new(Feed::new(&prepared.plan.journal, prepared.instance, &place));
    let common = Rc::new(Common { world, feed, floor: Floor::default(), loaded: Cell::new(0) });
    let quiet = sinks.is_empty();
    let mut crew = Crew { common, prepared, logs: BTreeMap::new(), switched: HashMap::new(), place, quiet };
    let fixed = crew.start_sinks();
    let has_sinks = !fixed.is_empty();
    while !crew.common.world.is_stopping() {
        crew.look(has_sinks).await;
        crew.tell_floor();
        crew.common.world.sleep(LOOK).await;
    }
    for task in fixed.into_iter().chain(crew.logs.into_values().map(|log| log.task)) {
        // One that panicked has said so.
        let _ended = task.await;
    }
}

/// How a logged bucket's destination is called where a name tells all destinations apart.
fn log_name(bucket: &str) -> String {
    format!("{BUCKET_LOGGING}/{bucket}")
}

struct Crew<W> {
    common: Rc<Common<W>>,
    prepared: Prepared,
    /// The destinations of logged buckets, by bucket.
    logs: BTreeMap<String, Log>,
    /// Where the logging of buckets was switched on by a request: behind which record.
    switched: HashMap<String, (u64, u64)>,
    /// Where looking out for that stands.
    place: Place,
    /// Nobody wants anything: the journal is not read, and the place follows its files alone.
    quiet: bool,
}

/// The destination of one logged bucket.
struct Log {
    of: Logged,
    ended: Rc<Cell<bool>>,
    task: JoinHandle<()>,
}

impl<W: World> Crew<W> {
    fn start_sinks(&mut self) -> Vec<JoinHandle<()>> {
        let sinks = std::mem::take(&mut self.prepared.sinks);
        let start = |(sink, path, cursor): (Sink, PathBuf, Cursor)| {
            self.common.floor.set(&path, cursor.resume_from);
            spawn_local(self.sink(sink, path, cursor).run())
        };
        sinks.into_iter().map(start).collect()
    }

    /// What nobody needs may go: told when everybody is known, and again and again.
    fn tell_floor(&self) {
        self.common.world.hold_from(self.common.floor.lowest());
    }

    fn sink(&self, sink: Sink, path: PathBuf, cursor: Cursor) -> Lane<W> {
        let plan = &self.prepared.plan;
        let account = sink.account.clone().unwrap_or_else(|| plan.account.clone());
        let rendering = self.rendering(&sink, None);
        let every = match &sink.to {
            To::Bucket(_) => plan.settings.every,
            To::File(_) | To::Stdout => Duration::ZERO,
            To::Http(_) => POST_EVERY.min(plan.settings.every),
        };
        let roll = Roll { octets: usize::try_from(sink.roll_size).unwrap_or(usize::MAX), every };
        let mut digests = None;
        let out = match sink.to {
            To::Bucket(to) => {
                let owner = to.owner.clone().unwrap_or_else(|| plan.account.clone());
                let service = match sink.format {
                    Format::CloudTrail => TRAIL_SERVICE,
                    Format::AccessLog | Format::Json => SERVICE,
                };
                let parcel = Parcel { sink: sink.name.clone(), service, of_deliveries: false, logged: None, owner };
                digests = self.prepared.key.as_ref().filter(|_| to.digests).map(|key| Digests {
                    key: Arc::clone(key),
                    to: to.clone(),
                    parcel: parcel.clone(),
                    trail: sink.name.clone(),
                    account: account.clone(),
                    region: plan.region.clone(),
                    failing_since: None,
                });
                let region = plan.region.clone();
                let format = sink.format;
                Out::Bucket(Box::new(BucketOut { parcel, format, to, account, region }))
            }
            To::File(to) => Out::File(FileOut::new(to)),
            To::Http(to) => Out::Http(HttpOut { format: sink.format, to }),
            To::Stdout => Out::Stdout,
        };
        let count = plan.counts.of(&sink.name, &sink.name);
        let name = sink.name;
        let ended = Rc::default();
        let common = Rc::clone(&self.common);
        let (place, stored) = (Place::default(), Millis(0));
        Lane { common, name, path, cursor, out, rendering, roll, digests, count, ended, place, stored, said: None }
    }

    fn rendering(&self, sink: &Sink, only: Option<Of>) -> Rendering {
        let plan = &self.prepared.plan;
        Rendering {
            format: sink.format,
            select: sink.select.clone(),
            account: sink.account.clone(),
            parcel: match (&sink.to, &only) {
                (_, Some(of)) => Some(log_name(&of.bucket)),
                (To::Bucket(_), None) => Some(sink.name.clone()),
                (To::File(_) | To::Http(_) | To::Stdout, None) => None,
            },
            only,
            trail: cloudtrail::Setting { account: plan.account.clone(), region: plan.region.clone() },
            hide: self.prepared.hide.clone(),
            settings: Arc::clone(&plan.settings),
        }
    }

    /// Looks at which buckets are logged, and begins and ends destinations.
    async fn look(&mut self, has_sinks: bool) {
        if !has_sinks && self.logs.is_empty() && self.common.world.logged().is_empty() {
            self.rest();
            return;
        }
        self.wake();
        self.watch().await;
        let wanted: BTreeMap<String, Logged> =
            self.common.world.logged().into_iter().map(|logged| (logged.bucket.clone(), logged)).collect();
        for (bucket, log) in &self.logs {
            if wanted.get(bucket) != Some(&log.of) {
                log.ended.set(true); // what is there goes where it was to go
            }
        }
        let over: Vec<String> =
            self.logs.iter().filter(|(_, log)| log.task.is_finished()).map(|(bucket, _)| bucket.clone()).collect();
        for bucket in over {
            self.logs.remove(&bucket);
            if !wanted.contains_key(&bucket) {
                self.forget(&bucket);
            }
        }
        for (bucket, logged) in wanted {
            if !self.logs.contains_key(&bucket) {
                self.begin(bucket, logged);
            }
        }
        self.switched.clear();
    }

    /// With nobody to deliver to, the journal is not read. Should logging be switched on, it is read from the
    /// beginning of the file in which that is found.
    fn rest(&mut self) {
        self.quiet = true;
        if let Ok(number) = follow::newest(&self.prepared.plan.journal) {
            self.place = Place::new(number, number);
        }
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.quiet) {
            let (journal, instance) = (&self.prepared.plan.journal, self.prepared.instance);
            *self.common.feed.borrow_mut() = Feed::new(journal, instance, &self.place);
        }
    }

    /// Reads up to the end, for requests that switch logging on: what follows one is in the log.
    async fn watch(&mut self) {
        loop {
            let step = self.common.feed.borrow_mut().next(&mut self.place);
            match step {
                Ok(Step::Event(passed)) => {
                    let event = &passed.event;
                    if event.operation() == Some("PutBucketLogging")
                        && event.succeeded()
                        && let Some(bucket) = event.bucket()
                    {
                        self.switched.insert(bucket.to_owned(), (passed.number + 1, passed.resume));
                    }
                }
                Ok(Step::Busy) => yield_now().await,
                Ok(Step::Missing { .. }) => {}
                // Whoever delivers says what is wrong.
                Ok(Step::End) | Err(_) => return,
            }
        }
    }

    fn path_of(&self, bucket: &str) -> PathBuf {
        self.prepared.plan.folder.join("buckets").join(format!("{bucket}.json"))
    }

    fn begin(&mut self, bucket: String, logged: Logged) {
        let path = self.path_of(&bucket);
        let front = self.common.feed.borrow().front();
        let begin = self.switched.get(&bucket).copied().unwrap_or((front.next, front.resume));
        let cursor = match cursor(&path, self.prepared.instance, begin) {
            Ok(cursor) => cursor,
            Err(error) => {
                tracing::error!(bucket, %error, "the access log of a bucket cannot be delivered");
                return;
            }
        };
        self.common.floor.set(&path, cursor.resume_from);
        let lane = self.log(&logged, path, cursor);
        let ended = Rc::clone(&lane.ended);
        self.logs.insert(bucket, Log { of: logged, ended, task: spawn_local(lane.run()) });
    }

    /// Logging was switched off: if it is switched on again, it begins there.
    fn forget(&self, bucket: &str) {
        let path = self.path_of(bucket);
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(bucket, %error, "the cursor of a bucket that is logged no more cannot be removed");
        }
        self.common.floor.remove(&path);
    }

    fn log(&self, logged: &Logged, path: PathBuf, cursor: Cursor) -> Lane<W> {
        let plan = &self.prepared.plan;
        let to = BucketTo {
            bucket: logged.logging.target.clone(),
            owner: Some(logged.account.clone()),
            prefix: logged.logging.prefix.clone(),
            upstream: None,
            layout: logged.logging.format.unwrap_or_default(),
            digests: false,
        };
        let sink = Sink {
            name: BUCKET_LOGGING.to_owned(),
            format: Format::AccessLog,
            to: To::Stdout, // not looked at
            select: None,
            account: None,
            from_start: false,
            roll_size: LOG_SIZE as u64,
        };
        let of = Of { bucket: logged.bucket.clone(), account: logged.account.clone() };
        let out = BucketOut {
            parcel: Parcel {
                sink: log_name(&logged.bucket),
                service: SERVICE,
                of_deliveries: false,
                logged: Some(logged.bucket.clone()),
                owner: logged.account.clone(),
            },
            format: Format::AccessLog,
            to,
            account: logged.account.clone(),
            region: logged.region.clone(),
        };
        Lane {
            common: Rc::clone(&self.common),
            name: format!("the access log of {}", logged.bucket),
            path,
            cursor,
            rendering: self.rendering(&sink, Some(of)),
            out: Out::Bucket(Box::new(out)),
            roll: Roll { octets: LOG_SIZE, every: plan.settings.every },
            digests: None,
            count: plan.counts.of(&log_name(&logged.bucket), BUCKET_LOGGING),
            ended: Rc::default(),
            place: Place::default(),
            stored: Millis(0),
            said: None,
        }
    }
}
