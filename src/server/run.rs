//! From settings to bound sockets to serving to a clean end.

use std::net::TcpListener;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Service;
use super::accept;
use super::admin::{self, Orders, Page, Pages};
use super::seats::{Counters, Everywhere, Gate, Seat};
use super::settings::{Accept, Bound, Error, Settings};
use super::tls::{Live, TlsFault, Watch};
use super::worker::{Arrival, Desk, Hall, Load, Stage, tick, work};

/// What the rest of the program does when the server comes to a point.
pub struct Hooks<'a> {
    /// Makes the admin pages.
    pub pages: Pages,
    /// Takes the orders of the admin listener.
    pub orders: Orders,
    /// Called once when every signal is listened to: from then on, whoever says stop is obeyed.
    pub ready: Box<dyn FnOnce() + 'a>,
    /// Called on SIGHUP and [`Control::reload`], after certificates were taken anew, with what is wrong with them.
    pub reload: Box<dyn FnMut(Vec<TlsFault>) + 'a>,
    /// Called once after the last request: closes the journal.
    pub drained: Box<dyn FnOnce() + 'a>,
}

impl Default for Hooks<'_> {
    fn default() -> Self {
        let missing = |_: &str| Page { status: 503, content_type: "text/plain", body: String::new() };
        Self {
            pages: Arc::new(missing),
            orders: Arc::new(|_, _| tokio::sync::oneshot::channel().1),
            ready: Box::new(|| ()),
            reload: Box::new(|_| ()),
            drained: Box::new(|| ()),
        }
    }
}

impl std::fmt::Debug for Hooks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

/// A hand on a running server; works from any thread.
#[derive(Clone, Debug)]
pub struct Control {
    hall: Arc<Hall>,
    gates: Arc<[Arc<Gate>]>,
    stop: watch::Sender<bool>,
    reload: Arc<Notify>,
    watches: Arc<Mutex<Vec<Watch>>>,
}

impl Control {
    /// Begins the drain, as SIGTERM does.
    pub fn drain(&self) {
        self.stop.send_replace(true);
    }

    /// Takes the certificates anew and calls [`Hooks::reload`], as SIGHUP does.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Takes the certificates of every listener anew, whether their files have changed or not. Those that are
    /// broken stay as they were, and are told.
    pub fn take_certificates(&self) -> Vec<TlsFault> {
        self.refresh(true)
    }

    fn refresh(&self, force: bool) -> Vec<TlsFault> {
        let taken = |watch: &mut Watch| match watch.refresh(force) {
            Ok(new) => {
                if new {
                    tracing::info!("certificates loaded");
                }
                None
            }
            Err(error) => {
                tracing::error!(%error, "certificates stay as they were");
                Some(error)
            }
        };
        // Nothing in here is left half-done.
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().filter_map(taken).collect()
    }

    /// Whether the drain has begun, or is about to: `/ready` says no from here on.
    pub fn is_draining(&self) -> bool {
        self.hall.draining.load(Ordering::Relaxed) || *self.stop.borrow()
    }

    /// Live connections.
    pub fn connections(&self) -> usize {
        self.gates.iter().map(|gate| gate.connections()).sum()
    }

    /// What has happened so far.
    pub fn counters(&self) -> &Counters {
        &self.hall.counters
    }

    /// Listeners with the end of their certificate, in seconds since 1970.
    pub fn certificates(&self) -> impl Iterator<Item = (&str, i64)> {
        self.gates.iter().filter_map(|gate| Some((gate.listener.name.as_str(), gate.tls.as_ref()?.not_after()?)))
    }
}

/// A server whose addresses are bound.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    workers: usize,
    bound: Vec<Bound>,
    /// By listener, then by worker; one socket when there is one acceptor.
    sockets: Vec<Vec<TcpListener>>,
    admin: Option<TcpListener>,
    control: Control,
}

impl Server {
    /// Checks the settings, loads TLS material and binds every address.
    ///
    /// # Errors
    /// [`Error`] names the address, file or key, and what to do.
    pub fn bind(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        let workers = match settings.workers {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            some => some,
        };
        let (mut bound, mut sockets, mut gates, mut watches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for listener in &settings.listeners {
            let mut listener = listener.clone();
            let tls = listener.tls.clone().map(|tls| Live::load(tls, listener.http2)).transpose()?;
            let (live, watch) = tls.unzip();
            watches.extend(watch);
            let shared = settings.accept == Accept::ReusePort;
            let first = accept::bind(listener.address, shared)?;
            listener.address = first.local_addr()?;
            let mut group = vec![first];
            for _ in 1..if shared { workers } else { 1 } {
                group.push(accept::bind(listener.address, shared)?);
            }
            bound.push(Bound { name: listener.name.clone(), address: listener.address, tls: live.is_some() });
            sockets.push(group);
            gates.push(Arc::new(Gate::new(Arc::new(listener), live)));
        }
        let admin = settings.admin.map(|address| accept::bind(address, false)).transpose()?;
        if let Some(socket) = &admin {
            bound.push(Bound { name: "admin".to_owned(), address: socket.local_addr()?, tls: false });
        }
        let hall = Arc::new(Hall {
            everywhere: Everywhere::new(settings.in_flight),
            counters: Counters::default(),
            draining: AtomicBool::new(false),
            loads: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
        });
        let stop = watch::Sender::new(false);
        let watches = Arc::new(Mutex::new(watches));
        let control = Control { hall, gates: gates.into(), stop, reload: Arc::default(), watches };
        Ok(Self { settings, workers, bound, sockets, admin, control })
    }

    /// The addresses, with the ports the system chose.
    pub fn bound(&self) -> &[Bound] {
        &self.bound
    }

    /// A hand on the server, to be taken before [`Server::run`].
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Serves until SIGTERM, SIGINT or [`Control::drain`], finishes what is in flight, and returns.
    /// `factory` makes the service of each worker, on its thread.
    ///
    /// # Errors
    /// A thread or signal handler could not be made, or a worker ended on its own.
    pub fn run<S, F>(self, factory: F, hooks: Hooks<'_>) -> Result<(), Error>
    where
        S: Service,
        F: Fn(usize) -> S + Clone + Send + 'static,
    {
        let Self { settings, workers, sockets, admin, control, .. } = self;
        let stage = watch::Sender::new(Stage::Serve);
        let (done, mut ended) = mpsc::unbounded_channel();
        let (desks, doors) = desks(&control, workers, sockets, settings.accept, &stage);
        let mut threads = Vec::new();
        let mut senders = Vec::new();
        for (sender, desk) in desks {
            senders.push(sender);
            let (factory, done) = (factory.clone(), Done(done.clone(), desk.index));
            threads.push(thread::Builder::new().name(format!("worker-{}", desk.index)).spawn(move || {
                let _done = done;
                let runtime = runtime::Builder::new_current_thread().enable_all().build();
                match runtime {
                    Ok(runtime) => LocalSet::new().block_on(&runtime, work(desk, factory)),
                    Err(error) => tracing::error!(%error, "a worker has no runtime"),
                }
            })?);
        }
        drop(done);
        let Hooks { pages, orders, ready, reload, drained } = hooks;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for (gate, socket) in doors {
                tasks.spawn(hand_out(gate, socket, Arc::clone(&control.hall), senders.clone()));
            }
            drop(senders);
            let _admin = admin.map(|socket| Aborting(tokio::spawn(admin::serve(socket, pages, orders))));
            let watchman = Watchman { control: &control, stage: &stage, tasks, drain: settings.drain };
            watchman.keep(workers, &mut ended, settings.reload_every, ready, reload).await
        });
        stage.send_replace(Stage::Abort);
        if !matches!(outcome, Err(Error::Stuck)) {
            for thread in threads {
                let _ = thread.join();
            }
        }
        drained();
        outcome
    }
}

/// The desks of the workers, each with the way to send it connections, and the sockets that one
/// acceptor serves for all of them.
type Desks = Vec<(mpsc::UnboundedSender<Arrival>, Desk)>;

fn desks(
    control: &Control,
    workers: usize,
    sockets: Vec<Vec<TcpListener>>,
    accept: Accept,
    stage: &watch::Sender<Stage>,
) -> (Desks, Vec<(Arc<Gate>, TcpListener)>) {
    let tick = tick(control.gates.iter().map(|gate| &*gate.listener));
    let mut desks: Desks = (0..workers)
        .map(|index| {
            let (sender, arrivals) = mpsc::unbounded_channel();
            let (hall, stage) = (Arc::clone(&control.hall), stage.subscribe());
            (sender, Desk { index, hall, arrivals, sockets: Vec::new(), stage, tick })
        })
        .collect();
    let mut doors = Vec::new();
    for (gate, group) in control.gates.iter().zip(sockets) {
        match accept {
            Accept::LeastLoaded => doors.extend(group.into_iter().map(|socket| (Arc::clone(gate), socket))),
            Accept::ReusePort => {
                for ((_, desk), socket) in desks.iter_mut().zip(group) {
                    desk.sockets.push((Arc::clone(gate), socket));
                }
            }
        }
    }
    (desks, doors)
}

/// Accepts for all workers; each connection goes to the one with the fewest.
async fn hand_out(gate: Arc<Gate>, socket: TcpListener, hall: Arc<Hall>, workers: Vec<mpsc::UnboundedSender<Arrival>>) {
    let place = |_: &Arc<Gate>, stream, peer, seat: Seat| {
        let load = |(index, _): &(usize, _)| hall.loads.get(*index).map_or(0, |load| load.load(Ordering::Relaxed));
        let Some((index, worker)) = workers.iter().enumerate().min_by_key(load) else { return };
        let load = Load::put(&hall, index);
        // A worker that is gone drops the connection; the watchman has noticed.
        let _ = worker.send(Arrival { stream, peer, seat, load });
    };
    accept::accept(&gate, socket, &hall.counters, place).await;
}

/// Tells the watchman that a worker has ended, however it ended.
struct Done(mpsc::UnboundedSender<usize>, usize);

impl Drop for Done {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

struct Aborting(tokio::task::JoinHandle<()>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The loop of the main thread: signals, reloads, the drain and its end.
struct Watchman<'a> {
    control: &'a Control,
    stage: &'a watch::Sender<Stage>,
    tasks: JoinSet<()>,
    drain: Duration,
}

/// After the abort, how long a worker may take to notice.
const GRACE: Duration = Duration::from_secs(5);

impl Watchman<'_> {
    async fn keep(
        mut self,
        mut workers: usize,
        ended: &mut mpsc::UnboundedReceiver<usize>,
        every: Duration,
        ready: Box<dyn FnOnce() + '_>,
        mut reload: Box<dyn FnMut(Vec<TlsFault>) + '_>,
    ) -> Result<(), Error> {
        let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        let mut hup = listen(SignalKind::hangup())?;
        ready();
        let mut stop = self.control.stop.subscribe();
        let mut look = interval(every.max(Duration::from_millis(10)));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut deadline = None;
        let mut outcome = Ok(());
        stop.mark_changed();
        while workers > 0 {
            let draining = deadline.is_some();
            tokio::select! {
                _ = term.recv() => self.stop(&mut deadline),
                _ = int.recv() => self.stop(&mut deadline),
                _ = stop.changed(), if !draining => {
                    if *stop.borrow_and_update() {
                        self.stop(&mut deadline);
                    }
                }
                () = until(deadline), if draining => {
                    if *self.stage.borrow() == Stage::Abort {
                        return Err(Error::Stuck);
                    }
                    tracing::warn!(connections = self.control.connections(), "the time to drain is over");
                    self.abort(&mut deadline);
                }
                Some(index) = ended.recv() => {
                    workers -= 1;
                    if !draining {
                        outcome = Err(Error::Worker(index));
                        self.stop(&mut deadline);
                    }
                }
                _ = hup.recv() => reload(self.control.take_certificates()),
                () = self.control.reload.notified() => reload(self.control.take_certificates()),
                _ = look.tick() => drop(self.control.refresh(false)),
            }
        }
        outcome
    }

    /// The first word to stop begins the drain, the second ends it.
    fn stop(&mut self, deadline: &mut Option<Instant>) {
        if deadline.is_some() {
            return self.abort(deadline);
        }
        tracing::info!(connections = self.control.connections(), "draining");
        self.control.hall.draining.store(true, Ordering::Relaxed);
        // The sockets close with their acceptors.
        self.tasks.abort_all();
        self.stage.send_replace(Stage::Drain);
        *deadline = Some(Instant::now() + self.drain);
    }

    fn abort(&self, deadline: &mut Option<Instant>) {
        self.stage.send_replace(Stage::Abort);
        *deadline = Some(Instant::now() + GRACE);
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(Error::Runtime)
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
