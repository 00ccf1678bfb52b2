//! The thread that leases cells of shared limits from Redis or Valkey, ahead of need. No request ever waits
//! for it: what passes is decided by what it has brought, and while the store is away by the divided quota.

use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use super::GateError;
use super::build::trust;
use super::resp::{Client, Reply};
use super::service::Shared;
use crate::control::config::{self, Config, Sharing};
use crate::limit::{Ask, Grant, Leases};
use crate::time::{Clock, Ticks};

const SCRIPT: &str = include_str!("gcra.lua");
/// How many counts one call of the script is about.
const BATCH: usize = 256;
/// Between two calls.
const PAUSE: Duration = Duration::from_micros(300);
/// Until leases are looked at again that nobody has asked more of.
const LOOK: Duration = Duration::from_micros(2500);
/// Until a store that is away is looked for again; with nothing to do, until it is asked whether it is there.
const AGAIN: Duration = Duration::from_millis(250);
/// What has ceased to matter is forgotten this often, in nanoseconds.
const SWEEP: u64 = 250_000_000;

/// The thread; it ends when this is dropped.
pub(super) struct Leasing {
    stopped: Arc<AtomicBool>,
    thread: Option<Thread>,
}

impl Leasing {
    /// Begins, if limits are leased.
    ///
    /// # Errors
    /// [`GateError::Trust`]: nobody whom a store with TLS could be believed by.
    pub(super) fn start(config: &Config, shared: &Arc<Shared>) -> Result<Self, GateError> {
        let stopped = Arc::new(AtomicBool::new(false));
        let (Sharing::Leased(settings), Some(leases)) = (&config.rates.shared, shared.rates.leases()) else {
            return Ok(Self { stopped, thread: None });
        };
        let trusted = || trust(settings.ca_file.as_deref(), "rate.shared.ca_file");
        let lessee = Lessee {
            settings: Arc::clone(settings),
            tls: settings.tls.then(trusted).transpose()?,
            leases: Arc::clone(leases),
            clock: Arc::clone(&shared.clock),
            stopped: Arc::clone(&stopped),
            store: None,
            told: None,
            swept: Ticks(0),
        };
        // Without it the divided quota holds; that is worth a line.
        let thread = match thread::Builder::new().name("leases".to_owned()).spawn(|| lessee.run()) {
            Ok(handle) => Some(handle.thread().clone()),
            Err(error) => {
                tracing::warn!(%error, "nothing is leased: limits are divided by the replicas");
                None
            }
        };
        Ok(Self { stopped, thread })
    }
}

impl Drop for Leasing {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        self.thread.take().inspect(Thread::unpark);
    }
}

struct Lessee {
    settings: Arc<config::Leasing>,
    /// Whom to trust, where TLS is spoken.
    tls: Option<Arc<rustls::ClientConfig>>,
    leases: Arc<Leases>,
    clock: Arc<dyn Clock>,
    stopped: Arc<AtomicBool>,
    store: Option<Store>,
    /// What the log has been told last: whether the store is there.
    told: Option<bool>,
    swept: Ticks,
}

impl Lessee {
    fn run(mut self) {
        self.leases.call(thread::current());
        while !self.stopped.load(Ordering::Acquire) {
            let now = self.clock.ticks();
            if now.0.saturating_sub(self.swept.0) >= SWEEP {
                self.swept = now;
                self.leases.sweep(now);
            }
            let pause = self.round();
            if pause > PAUSE {
                thread::park_timeout(pause);
            } else {
                thread::sleep(pause);
            }
        }
        self.leases.set_up(false);
    }

    /// Asks what is due; says how long to wait before the next.
    fn round(&mut self) -> Duration {
        let sent = self.clock.ticks();
        let asks = if self.leases.is_up() { self.leases.due(sent, BATCH) } else { Vec::new() };
        if asks.is_empty() && self.leases.is_up() && self.leases.is_waiting() {
            return LOOK;
        }
        // One that has just gone is looked for once before it counts as away: leases last longer than that.
        let answer = self.ask(&asks).or_else(|error| {
            self.store = None;
            // It may have heard it all: nothing is given back twice.
            let asks: Vec<_> = asks.iter().map(Ask::again).collect();
            if self.leases.is_up() { self.ask(&asks) } else { Err(error) }
        });
        match answer {
            Ok(grants) => {
                self.leases.granted(&asks, &grants, sent, self.clock.ticks());
                let was_up = self.leases.is_up();
                self.leases.set_up(true);
                self.tell(None);
                if asks.is_empty() && was_up { AGAIN } else { PAUSE }
            }
            Err(error) => {
                self.store = None;
                self.leases.set_up(false);
                self.leases.failed(&asks);
                self.tell(Some(&error));
                AGAIN
            }
        }
    }

    fn ask(&mut self, asks: &[Ask]) -> Result<Vec<Grant>, Error> {
        let store = match &mut self.store {
            Some(store) => store,
            none => none.insert(Store::open(&self.settings, self.tls.as_ref(), Arc::clone(&self.clock))?),
        };
        store.ask(asks)
    }

    /// The log hears once of a store that is away, and of its return.
    fn tell(&mut self, error: Option<&Error>) {
        let (host, port) = (&self.settings.address.0, self.settings.address.1);
        match (error, self.told) {
            (Some(error), None | Some(true)) => {
                tracing::warn!(host, port, %error, "the store of shared limits is away; they are divided by the replicas");
            }
            (None, Some(false)) => tracing::info!(host, port, "the store of shared limits is there again"),
            _ => {}
        }
        self.told = Some(error.is_none());
    }
}

/// A store with its script.
struct Store {
    client: Client,
    /// What it calls the script.
    sha: Vec<u8>,
}

impl Store {
    fn open(
        settings: &config::Leasing,
        tls: Option<&Arc<rustls::ClientConfig>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let (host, port) = &settings.address;
        let mut client = Client::connect((host, *port), tls, settings.timeout, clock)?;
        if let Some(password) = &settings.password {
            expect(client.command(&[b"AUTH", password.expose().as_bytes()])?)?;
        }
        if settings.database != 0 {
            expect(client.command(&[b"SELECT", settings.database.to_string().as_bytes()])?)?;
        }
        let sha = expect(client.command(&[b"SCRIPT", b"LOAD", SCRIPT.as_bytes()])?)?;
        Ok(Self { client, sha })
    }

    fn ask(&mut self, asks: &[Ask]) -> Result<Vec<Grant>, Error> {
        if asks.is_empty() {
            expect(self.client.command(&[b"PING"])?)?;
            return Ok(Vec::new());
        }
        let mut reply = self.call(asks)?;
        if matches!(&reply, Reply::Error(error) if error.starts_with("NOSCRIPT")) {
            // It was started anew, or told to forget.
            self.sha = expect(self.client.command(&[b"SCRIPT", b"LOAD", SCRIPT.as_bytes()])?)?;
            reply = self.call(asks)?;
        }
        grants(reply, asks.len())
    }

    fn call(&mut self, asks: &[Ask]) -> Result<Reply, Error> {
        // One tag: a cluster keeps them in one place, where one script sees them all.
        let keys = asks.iter().map(|ask| format!("{{bartizan_gcra_v1}}:{}", ask.label.hex()));
        let numbers = asks
            .iter()
            .flat_map(|ask| [micros(ask.interval), micros(ask.tolerance), ask.owed.to_string(), ask.want.to_string()]);
        let words: Vec<String> = std::iter::once(asks.len().to_string()).chain(keys).chain(numbers).collect();
        let mut command: Vec<&[u8]> = vec![b"EVALSHA", &self.sha];
        command.extend(words.iter().map(String::as_bytes));
        self.client.command(&command)
    }
}

/// Nanoseconds as microseconds.
fn micros(nanos: u64) -> String {
    format!("{}.{:03}", nanos / 1000, nanos % 1000)
}

/// What is said, where it is no error.
fn expect(reply: Reply) -> Result<Vec<u8>, Error> {
    match reply {
        Reply::Text(text) => Ok(text),
        Reply::Error(error) => Err(Error::other(error)),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn grants(reply: Reply, count: usize) -> Result<Vec<Grant>, Error> {
    let numbers = match reply {
        Reply::List(numbers) if numbers.len() == count * 2 => numbers,
        Reply::Error(error) => return Err(Error::other(error)),
        _ => return Err(Error::new(ErrorKind::InvalidData, "the script answers something else")),
    };
    let number = |reply: &Reply| match reply {
        Reply::Integer(number) => u64::try_from(*number).map_err(|_| Error::from(ErrorKind::InvalidData)),
        _ => Err(ErrorKind::InvalidData.into()),
    };
    let (pairs, _) = numbers.as_chunks::<2>();
    let grant = |[cells, ahead]: &[Reply; 2]| {
        let cells = u32::try_from(number(cells)?).unwrap_or(u32::MAX);
        Ok(Grant { cells, ahead: number(ahead)?.saturating_mul(1000) })
    };
    pairs.iter().map(grant).collect()
}
