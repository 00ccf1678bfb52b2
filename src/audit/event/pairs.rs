//! From the journal's records, in order, to finished requests.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::{At, Event};
use crate::audit::frame::Kind;
use crate::audit::segment::Entry;
use crate::time::Millis;

/// The most requests that may be under way at one place of a journal.
const MOST_OPEN: usize = 65_536;
/// The most octets that their intents may have together.
const MOST_OCTETS: usize = 256 * 1024 * 1024;

/// More requests are under way than are held at once, which no proxy does: 65,536, or 256 MiB of intents.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("more requests are under way before record {0} than are held at once")]
pub struct Overfull(pub u64);

/// Pairs intents with completions. Takes the records of one journal in order and gives each request
/// when it is over, so events come in the order of their completion.
///
/// After a restart records must be read again from [`Pairs::resume_from`] on; of the events that come
/// then, those with a number that was dealt with before are to be skipped.
#[derive(Debug)]
pub struct Pairs {
    instance: [u8; 16],
    /// By the number of the intent.
    open: BTreeMap<u64, Open>,
    by_id: HashMap<String, u64>,
    octets: usize,
    next: u64,
}

#[derive(Debug)]
struct Open {
    id: String,
    time: u64,
    json: String,
}

impl Pairs {
    /// For the records of one journal.
    pub fn new(instance: [u8; 16]) -> Self {
        Self { instance, open: BTreeMap::new(), by_id: HashMap::new(), octets: 0, next: 1 }
    }

    /// Takes the next record. Gives the event that it completes.
    ///
    /// A completion without an intent, whose segment is no longer there, gives what is known. Of two
    /// open intents of one id the older one is given as an unknown outcome.
    ///
    /// # Errors
    /// [`Overfull`]: the record was not taken.
    pub fn feed(&mut self, entry: &Entry) -> Result<Option<Event>, Overfull> {
        let event = match entry.kind {
            Kind::Intent => return self.open(entry),
            Kind::Combined => Some(self.event(entry.number, entry.time, members(&entry.json))),
            Kind::Completion => {
                let end = members(&entry.json);
                let id = end.get("request_id").and_then(Value::as_str).unwrap_or_default();
                let mut all = self.take(id).map(|open| members(&open.json)).unwrap_or_default();
                all.extend(end);
                Some(self.event(entry.number, entry.time, all))
            }
            Kind::Checkpoint | Kind::Gap | Kind::Seal => None,
        };
        self.next = entry.number.saturating_add(1);
        Ok(event)
    }

    /// The lowest number that must be read again after a restart: that of the oldest open intent, or
    /// the next one.
    pub fn resume_from(&self) -> u64 {
        self.open.keys().next().copied().unwrap_or(self.next)
    }

    /// The requests that are under way at this place, oldest first, as events of unknown outcome: what
    /// there is to say of them when nothing more will come.
    pub fn unfinished(&self) -> impl Iterator<Item = Event> + '_ {
        self.open.iter().map(|(number, open)| self.unknown(*number, open))
    }

    fn open(&mut self, entry: &Entry) -> Result<Option<Event>, Overfull> {
        if self.open.len() >= MOST_OPEN || self.octets.saturating_add(entry.json.len()) > MOST_OCTETS {
            return Err(Overfull(entry.number));
        }
        let id = request_id(&entry.json);
        let older = self.by_id.get(&id).copied();
        let event = older.and_then(|number| self.open.remove(&number).map(|open| (number, open)));
        let event = event.map(|(number, open)| {
            self.octets -= open.json.len();
            self.unknown(number, &open)
        });
        self.octets += entry.json.len();
        self.by_id.insert(id.clone(), entry.number);
        self.open.insert(entry.number, Open { id, time: entry.time, json: entry.json.clone() });
        self.next = entry.number.saturating_add(1);
        Ok(event)
    }

    fn take(&mut self, id: &str) -> Option<Open> {
        let open = self.open.remove(&self.by_id.remove(id)?)?;
        self.octets -= open.json.len();
        Some(open)
    }

    fn unknown(&self, number: u64, open: &Open) -> Event {
        let mut members = members(&open.json);
        members.insert("request_id".to_owned(), open.id.clone().into());
        members.insert("outcome".to_owned(), "unknown".into());
        self.event(number, open.time, members)
    }

    fn event(&self, number: u64, nanos: u64, members: Map<String, Value>) -> Event {
        let recorded = Millis(i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX));
        Event::of(At { instance: self.instance, number }, recorded, members)
    }
}

/// A record that is no JSON object, which this program never writes, is kept as it is.
fn members(json: &str) -> Map<String, Value> {
    match serde_json::from_str(json) {
        Ok(Value::Object(members)) => members,
        _ => Map::from_iter([("unreadable".to_owned(), json.into())]),
    }
}

/// The id, without a tree of the rest.
fn request_id(json: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Id {
        request_id: Option<String>,
    }
    serde_json::from_str::<Id>(json).ok().and_then(|id| id.request_id).unwrap_or_default()
}
