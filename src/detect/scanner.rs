//! An object as a stream: opened, told what it is, and looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::csv::Csv;
use super::decode::{Encoding, Ended, Opening};
use super::format::{Format, SAMPLE, is_noise, separator};
use super::json::Json;
use super::keyword::Labels;
use super::status::{Reason, Status};
use super::table::Detectors;
use super::text::{Found, Text};

/// Places that are told of each kind.
const TOLD: usize = 15;
/// The same where all are asked for.
const ALL_TOLD: usize = 1 << 20;
/// The longest octets whose entropy says nothing.
const SHORT: usize = 4096;

/// One thing that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Detection {
    /// The kind.
    pub identifier: &'static str,
    /// Its first octet, in the text that `place` names.
    pub start: u64,
    /// The octet behind its last.
    pub end: u64,
    /// Where that text is.
    pub place: Place,
}

/// Where a text is in an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// It is all of it, opened.
    Text,
    /// A cell of a table; rows and columns count from 1, the header among them.
    Cell {
        /// The row.
        row: u64,
        /// The column.
        column: u64,
        /// The column's name.
        name: Option<String>,
    },
    /// A value of a document.
    Value {
        /// The way to it.
        path: String,
        /// The document, counted from 0.
        record: u64,
    },
}

/// What was found in an object.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// How far it went.
    pub status: Status,
    /// Where: the first fifteen of each kind.
    pub detections: Vec<Detection>,
    /// How many of each kind.
    pub counts: BTreeMap<&'static str, u64>,
    /// The octets that were looked at, opened.
    pub scanned: u64,
}

/// What is being found.
#[derive(Default)]
pub(super) struct Out {
    report: Report,
    most: usize,
}

impl Out {
    pub(super) fn found(&mut self, Found { identifier, start, end }: Found, place: impl FnOnce() -> Place) {
        let count = self.report.counts.entry(identifier).or_default();
        *count += 1;
        if *count <= self.most as u64 {
            self.report.detections.push(Detection { identifier, start, end, place: place() });
        }
    }

    /// It was not seen as what it is; the first reason stands.
    fn partial(&mut self, reason: Reason) {
        if self.report.status == Status::Complete {
            self.report.status = Status::Partial(reason);
        }
    }
}

/// Looks at an object while it comes.
pub struct Scanner {
    encoding: Encoding,
    /// The first octets, until they tell whether there is something to open.
    begin: Vec<u8>,
    opening: Option<Opening>,
    begun: bool,
    content: Content,
}

/// What a compressed object must show of itself.
const BEGIN: usize = 3;

impl Scanner {
    /// For an object of this format, or one that its content tells; `year` is the present one.
    pub fn new(detectors: Arc<Detectors>, format: Option<Format>, encoding: Encoding, year: u16) -> Self {
        let out = Out { most: TOLD, ..Out::default() };
        let content = Content { detectors, format, year, head: Vec::new(), wide: None, texts: Texts::Untold, out };
        Self { encoding, begin: Vec::new(), opening: None, begun: false, content }
    }

    /// Tells all places, up to a million of each kind.
    #[must_use]
    pub fn keep_all(mut self) -> Self {
        self.content.out.most = ALL_TOLD;
        self
    }

    /// Takes the next piece.
    pub fn feed(&mut self, octets: &[u8]) {
        if self.begun {
            self.pass(octets);
            return;
        }
        self.begin.extend_from_slice(octets);
        if self.begin.len() >= BEGIN {
            self.start();
        }
    }

    /// The object has ended.
    pub fn finish(mut self) -> Report {
        if !self.begun {
            self.start();
        }
        if let Some(opening) = &mut self.opening {
            let content = &mut self.content;
            match opening.finish(&mut |opened| content.feed(opened)) {
                None => {}
                Some(Ended::TooLong) => content.out.partial(Reason::ExpansionLimit),
                Some(Ended::Broken) => content.out.partial(Reason::Malformed),
            }
        }
        self.content.finish();
        self.content.out.report
    }

    fn start(&mut self) {
        self.begun = true;
        let begin = std::mem::take(&mut self.begin);
        self.opening = Opening::of(self.encoding, &begin);
        self.pass(&begin);
    }

    fn pass(&mut self, octets: &[u8]) {
        let content = &mut self.content;
        match &mut self.opening {
            Some(opening) => opening.feed(octets, &mut |opened| content.feed(opened)),
            None => content.feed(octets),
        }
    }
}

/// What was opened.
struct Content {
    detectors: Arc<Detectors>,
    format: Option<Format>,
    year: u16,
    /// The begin, until it is known what it is.
    head: Vec<u8>,
    wide: Option<Wide>,
    texts: Texts,
    out: Out,
}

enum Texts {
    Untold,
    One(Box<Text>, u64),
    Cells(Box<Csv>),
    Values(Box<Json>, u64),
    None,
}

impl Content {
    fn feed(&mut self, octets: &[u8]) {
        match &self.texts {
            Texts::Untold => {
                // A whole sample, so that what is told does not depend on the pieces.
                let (now, later) = octets.split_at(octets.len().min(SAMPLE - self.head.len()));
                self.head.extend_from_slice(now);
                if self.head.len() == SAMPLE {
                    self.tell();
                    self.decoded(later);
                }
            }
            _ => self.decoded(octets),
        }
    }

    fn finish(&mut self) {
        if matches!(self.texts, Texts::Untold) {
            self.tell();
        }
        if let Some(mut wide) = self.wide.take() {
            let mut last = Vec::new();
            wide.finish(&mut last);
            self.read(&last);
        }
        let out = &mut self.out;
        let whole = match &mut self.texts {
            Texts::One(text, at) => {
                text.finish(&mut |one| out.found(shifted(one, *at), || Place::Text));
                true
            }
            Texts::Cells(csv) => csv.finish(out),
            Texts::Values(json, _) => json.finish(out),
            Texts::Untold | Texts::None => true,
        };
        if !whole {
            out.partial(Reason::Malformed);
        }
    }

    /// Finds out what it is, and reads what there is of it.
    fn tell(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.wide = Wide::of(&head);
        let mut narrow = Vec::new();
        let begin = match &self.wide {
            Some(wide) => {
                wide.clone().feed(&head, &mut narrow);
                narrow.as_slice()
            }
            None => head.as_slice(),
        };
        let begin = begin.strip_prefix(MARK).unwrap_or(begin);
        let noise = self.wide.is_none() && head.len() >= SHORT && is_noise(&head);
        let format = self.format.or_else(|| Format::told(begin));
        let (detectors, year) = (Arc::clone(&self.detectors), self.year);
        self.texts = match format {
            _ if noise => self.skip(Reason::EncryptedOrCompressed),
            None => self.skip(Reason::UnsupportedType),
            Some(Format::Text) => Texts::One(Box::new(Text::new(detectors, Labels::default(), year)), 0),
            Some(Format::Csv) => Texts::Cells(Box::new(Csv::new(separator(begin, 1).unwrap_or(b','), detectors, year))),
            Some(Format::Tsv) => Texts::Cells(Box::new(Csv::new(b'\t', detectors, year))),
            Some(format @ (Format::Json | Format::JsonLines)) => {
                Texts::Values(Box::new(Json::new(format == Format::JsonLines, detectors, year)), 0)
            }
        };
        // A mark of the encoding is no part of a cell or a value.
        let marked = matches!(self.texts, Texts::Cells(_) | Texts::Values(..)) && self.wide.is_none();
        let skipped = if marked && head.starts_with(MARK) { MARK.len() } else { 0 };
        self.out.report.scanned += skipped as u64;
        self.decoded(head.get(skipped..).unwrap_or_default());
    }

    fn skip(&mut self, reason: Reason) -> Texts {
        self.out.report.status = Status::Skipped(reason);
        Texts::None
    }

    fn decoded(&mut self, octets: &[u8]) {
        match &mut self.wide {
            None => self.read(octets),
            Some(wide) => {
                let mut narrow = Vec::new();
                wide.feed(octets, &mut narrow);
                self.read(&narrow);
            }
        }
    }

    fn read(&mut self, octets: &[u8]) {
        let out = &mut self.out;
        let failed = match &mut self.texts {
            Texts::Untold | Texts::None => return,
            Texts::One(text, at) => {
                text.feed(octets, &mut |one| out.found(shifted(one, *at), || Place::Text));
                None
            }
            Texts::Cells(csv) => {
                csv.feed(octets, out);
                None
            }
            Texts::Values(json, at) => match json.feed(octets, out) {
                Ok(()) => {
                    *at += octets.len() as u64;
                    None
                }
                Err(good) => Some((good, *at + good as u64)),
            },
        };
        let Some((good, at)) = failed else {
            out.report.scanned += octets.len() as u64;
            return;
        };
        // The rest is taken as text.
        out.report.scanned += good as u64;
        out.partial(Reason::Malformed);
        let text = Text::new(Arc::clone(&self.detectors), Labels::default(), self.year);
        self.texts = Texts::One(Box::new(text), at);
        self.read(octets.get(good..).unwrap_or_default());
    }
}

fn shifted(one: Found, by: u64) -> Found {
    Found { start: one.start + by, end: one.end + by, ..one }
}

/// The mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Text in units of two octets on its way into UTF-8.
#[derive(Clone)]
struct Wide {
    big: bool,
    half: Option<u8>,
    high: Option<u16>,
    begun: bool,
}

impl Wide {
    fn of(head: &[u8]) -> Option<Self> {
        let big = match head {
            [0xfe, 0xff, ..] => true,
            [0xff, 0xfe, ..] => false,
            _ => return None,
        };
        Some(Self { big, half: None, high: None, begun: false })
    }

    fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for octet in octets {
            let Some(first) = self.half.take() else {
                self.half = Some(*octet);
                continue;
            };
            let unit = if self.big { u16::from_be_bytes([first, *octet]) } else { u16::from_le_bytes([first, *octet]) };
            if std::mem::replace(&mut self.begun, true) {
                self.unit(unit, out); // the first is the mark
            }
        }
    }

    fn unit(&mut self, unit: u16, out: &mut Vec<u8>) {
        let mut put = |units: &[u16]| {
            for one in char::decode_utf16(units.iter().copied()) {
                let one = one.unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
            }
        };
        match (self.high.take(), unit) {
            (None, 0xd800..=0xdbff) => self.high = Some(unit),
            (None, _) => put(&[unit]),
            (Some(high), 0xdc00..=0xdfff) => put(&[high, unit]),
            (Some(high), 0xd800..=0xdbff) => {
                put(&[high]);
                self.high = Some(unit);
            }
            (Some(high), _) => put(&[high, unit]),
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.half.take().is_some() || self.high.take().is_some() {
            out.extend_from_slice(char::REPLACEMENT_CHARACTER.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}
