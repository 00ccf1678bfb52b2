//! A world in which an hour passes at once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local, yield_now};

use super::super::settings::HttpTo;
use super::super::world::{Logged, Object, Post, Put, Trouble, World};
use super::super::{Prepared, run};
use crate::time::Millis;

/// When everything begins: 2023-11-14T22:00:00Z.
pub const START: i64 = 1_699_999_200;
pub const HOUR: i64 = 3600;

/// How a process ends.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum End {
    /// In the midst of everything.
    Crash,
    /// It is told to.
    Stop,
}

/// What a destination does.
#[derive(Clone)]
pub enum Mood {
    /// It takes everything.
    Good,
    /// It takes what comes, and the process crashes before it hears of it.
    Crash,
    /// It takes everything, after so long.
    Slow(Duration),
    /// It does not.
    Refuse(Trouble),
}

/// The handle of a test.
#[derive(Clone)]
pub struct Sim {
    pub state: Rc<State>,
    pub trail_key: Option<PathBuf>,
}

pub struct State {
    pub now: Cell<i64>,
    waits: RefCell<BTreeMap<u64, i64>>,
    next: Cell<u64>,
    bell: Notify,
    stopping: Cell<bool>,
    random: Cell<u64>,
    pub objects: RefCell<BTreeMap<String, Object>>,
    /// Every object that was tried, in order.
    pub tried: RefCell<Vec<(i64, String)>>,
    pub posts: RefCell<Vec<Post>>,
    pub under_way: Cell<usize>,
    pub logged: RefCell<Vec<Logged>>,
    pub held: Cell<u64>,
    /// The shortest wait, in milliseconds: for tests over days.
    pub coarse: Cell<i64>,
    /// By the beginning of what is put, or the host of a server: the mood at a time.
    #[expect(clippy::type_complexity, reason = "a script of one test")]
    pub moods: RefCell<Box<dyn Fn(&str, i64) -> Mood>>,
}

impl Sim {
    pub fn new() -> Self {
        let state = State {
            now: Cell::new(START * 1000),
            waits: RefCell::default(),
            next: Cell::new(0),
            bell: Notify::new(),
            stopping: Cell::new(false),
            random: Cell::new(1),
            objects: RefCell::default(),
            tried: RefCell::default(),
            posts: RefCell::default(),
            under_way: Cell::new(0),
            logged: RefCell::default(),
            held: Cell::new(0),
            coarse: Cell::new(1),
            moods: RefCell::new(Box::new(|_, _| Mood::Good)),
        };
        Self { state: Rc::new(state), trail_key: None }
    }

    /// Seconds after the start decide.
    pub fn mood(&self, mood: impl Fn(&str, i64) -> Mood + 'static) {
        *self.state.moods.borrow_mut() = Box::new(mood);
    }

    /// The content of all objects whose names begin so, in the order of their first try.
    pub fn delivered(&self, prefix: &str) -> String {
        let (objects, mut seen, mut all) = (self.state.objects.borrow(), Vec::new(), String::new());
        for (_, name) in self.state.tried.borrow().iter().filter(|(_, name)| name.starts_with(prefix)) {
            if !seen.contains(name) {
                seen.push(name.clone());
                all += &objects.get(name).map(text).unwrap_or_default();
            }
        }
        all
    }

    pub fn names(&self, prefix: &str) -> Vec<String> {
        self.state.objects.borrow().keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    pub fn object(&self, name: &str) -> Object {
        self.state.objects.borrow()[name].clone()
    }

    /// Lets time pass until an instant, and ends.
    pub fn run(&self, prepared: Prepared, until: i64, end: End) {
        let state = &self.state;
        state.stopping.set(false);
        state.waits.borrow_mut().clear();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let task = spawn_local(run(Rc::clone(state), prepared));
            loop {
                settle().await;
                let next = state.waits.borrow().values().copied().min().unwrap_or(i64::MAX).min(until * 1000);
                state.now.set(next.max(state.now.get()));
                if state.now.get() >= until * 1000 {
                    break;
                }
                state.bell.notify_waiters();
            }
            if end == End::Stop {
                state.stopping.set(true);
                state.bell.notify_waiters();
                task.await.unwrap();
            }
        });
        // A crash drops everything where it is.
    }
}

/// What an object says, uncompressed.
pub fn text(object: &Object) -> String {
    let mut text = String::new();
    match object.key.ends_with(".gz") {
        true => drop(flate2::read::GzDecoder::new(object.content.as_ref()).read_to_string(&mut text).unwrap()),
        false => text.push_str(std::str::from_utf8(&object.content).unwrap()),
    }
    text
}

/// Nobody waits for anything but time.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

impl State {
    async fn judge(&self, name: &str) -> Result<bool, Trouble> {
        let mood = (self.moods.borrow())(name, self.now.get() / 1000 - START);
        match mood {
            Mood::Good => Ok(true),
            Mood::Crash => Ok(false),
            Mood::Slow(wait) => {
                self.under_way.set(self.under_way.get() + 1);
                self.sleep(wait).await;
                self.under_way.set(self.under_way.get() - 1);
                Ok(true)
            }
            Mood::Refuse(trouble) => Err(trouble),
        }
    }
}

impl World for State {
    fn now(&self) -> Millis {
        Millis(self.now.get())
    }

    fn random(&self) -> u64 {
        self.random
            .set(self.random.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        self.random.get()
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.now.get() + i64::try_from(duration.as_millis()).unwrap().max(self.coarse.get());
        let id = self.next.get();
        self.next.set(id + 1);
        self.waits.borrow_mut().insert(id, until);
        while self.now.get() < until && !self.stopping.get() {
            self.bell.notified().await;
        }
        self.waits.borrow_mut().remove(&id);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    fn logged(&self) -> Vec<Logged> {
        self.logged.borrow().clone()
    }

    async fn put(&self, object: Object) -> Result<Put, Trouble> {
        self.tried.borrow_mut().push((self.now.get() / 1000 - START, object.key.clone()));
        let heard = self.judge(&object.key).await?;
        let there = self.objects.borrow().get(&object.key).cloned();
        if let Some(there) = there {
            assert_eq!(text(&there), text(&object), "the same name, another content");
            return Ok(Put::There);
        }
        self.objects.borrow_mut().insert(object.key.clone(), object);
        if !heard {
            std::future::pending::<()>().await;
        }
        Ok(Put::Written)
    }

    async fn post(&self, to: &HttpTo, post: Post) -> Result<(), Trouble> {
        let heard = self.judge(&to.host).await?;
        self.posts.borrow_mut().push(post);
        if !heard {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    fn print(&self, _text: &[u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn hold_from(&self, number: u64) {
        self.held.set(number);
    }
}
