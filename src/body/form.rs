//! The multipart/form-data decoder (spec/sigv4.md 10.1): a state machine without IO. Of the file it
//! hands out slices of what it is fed; of the fields before it, it holds one at a time.

use bytes::{Buf, Bytes};

use super::seek::{Found, Seeker};
use crate::s3::Fault;
use crate::s3::form::{self, FileName, MOST_FIELDS, MOST_OCTETS, Part};

/// The longest head of one part.
const LONGEST_HEAD: usize = 4 * 1024;
/// Everything before the file's data, framing included.
const LONGEST_BEFORE: u64 = 64 * 1024;

/// What the decoder found in its input.
#[derive(Debug, Eq, PartialEq)]
pub enum FormEvent {
    /// A field before the file.
    Field {
        /// As sent.
        name: String,
        /// Its text.
        value: String,
    },
    /// The file begins.
    File(FileName),
    /// Data of the file, never empty.
    Data(Bytes),
    /// The input is used up; feed more, or [`FormDecoder::finish`].
    More,
}

/// The decoder.
#[derive(Debug)]
pub struct FormDecoder {
    state: State,
    seeker: Seeker,
    /// The head of a part, or the value of a field, so far.
    held: Vec<u8>,
    /// Octets that names and values may still have.
    left: usize,
    fields: usize,
    /// Octets taken before the file's data.
    before: u64,
}

#[derive(Debug, Eq, PartialEq)]
enum State {
    /// At the first octet, which begins the boundary.
    First,
    /// Behind a boundary: CR of a line end, or the first `-` of the end.
    Turn(Place),
    /// Behind that: its second octet.
    Turned(Place, u8),
    /// In the head of a part.
    Head,
    /// In a field of this name.
    Value(String),
    /// In the file.
    File,
    /// Behind the file.
    Tail,
    /// Behind a fault.
    Broken,
}

/// Where a boundary was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    BeforeFile,
    BehindFile,
}

impl FormDecoder {
    /// A decoder for parts between this boundary, which [`form::boundary`] has read.
    pub fn new(boundary: &str) -> Self {
        Self {
            state: State::First,
            seeker: Seeker::new(boundary),
            held: Vec::new(),
            left: MOST_OCTETS,
            fields: 0,
            before: 0,
        }
    }

    /// Takes from the front of `input` up to and including the next event.
    ///
    /// # Errors
    /// `MalformedPOSTRequest`, `MaxPostPreDataLengthExceededError`, and `InvalidArgument` where the form
    /// ends without a file.
    pub fn feed(&mut self, input: &mut Bytes) -> Result<FormEvent, Fault> {
        let (length, before) = (input.len(), !self.in_file());
        let event = self.step(input);
        if before {
            self.before = self.before.saturating_add(length.saturating_sub(input.len()) as u64);
        }
        match event {
            Ok(FormEvent::Field { .. } | FormEvent::More) if before && self.before > LONGEST_BEFORE => {
                self.state = State::Broken;
                Err(form::too_long())
            }
            Err(fault) => {
                self.state = State::Broken;
                Err(fault)
            }
            event => event,
        }
    }

    /// The input has ended: was there a whole file?
    ///
    /// # Errors
    /// `MalformedPOSTRequest` if there was not.
    pub fn finish(&self) -> Result<(), Fault> {
        if self.state == State::Tail { Ok(()) } else { Err(form::malformed("form-cut-off")) }
    }

    /// Octets before the file's data; all of them once the file has begun.
    pub fn octets_before_file(&self) -> u64 {
        self.before
    }

    /// Octets behind the file's data where nothing follows it but the closing boundary, on a line of
    /// its own.
    pub fn closing_octets(&self) -> u64 {
        self.seeker.delimiter_length().saturating_add(4) as u64
    }

    fn in_file(&self) -> bool {
        !matches!(
            self.state,
            State::First
                | State::Turn(Place::BeforeFile)
                | State::Turned(Place::BeforeFile, _)
                | State::Head
                | State::Value(_)
        )
    }

    fn step(&mut self, input: &mut Bytes) -> Result<FormEvent, Fault> {
        while input.has_remaining() {
            match &mut self.state {
                State::First => match self.seeker.seek(input) {
                    Found::More => {}
                    Found::DelimiterAtStart => self.state = State::Turn(Place::BeforeFile),
                    Found::Data(_) | Found::Delimiter => return Err(form::malformed("form-first-line")),
                },
                State::Turn(place) => self.state = State::Turned(*place, input.get_u8()),
                State::Turned(place, first) => {
                    let turn = (*place, *first, input.get_u8());
                    self.turn(turn)?;
                }
                State::Head => {
                    if let Some(part) = self.read_head(input)?
                        && let Some(file) = self.begin(part)?
                    {
                        return Ok(FormEvent::File(file));
                    }
                }
                State::Value(_) => {
                    if let Some(field) = self.read_value(input)? {
                        return Ok(field);
                    }
                }
                State::File => match self.seeker.seek(input) {
                    Found::Data(data) => return Ok(FormEvent::Data(data)),
                    Found::More => {}
                    Found::Delimiter => self.state = State::Turn(Place::BehindFile),
                    Found::DelimiterAtStart => return Err(form::malformed("form-boundary-in-file")),
                },
                // However much it is, it means nothing.
                State::Tail => input.clear(),
                State::Broken => return Err(form::malformed("form-broken")),
            }
        }
        Ok(FormEvent::More)
    }

    /// Behind a boundary a line ends, or the form does. A boundary that goes on is another one to some
    /// readers and none to others.
    fn turn(&mut self, turn: (Place, u8, u8)) -> Result<(), Fault> {
        self.state = match turn {
            (Place::BeforeFile, b'\r', b'\n') => State::Head,
            (Place::BeforeFile, b'-', b'-') => return Err(form::no_file()),
            (Place::BehindFile, b'\r', b'\n') | (Place::BehindFile, b'-', b'-') => State::Tail,
            _ => return Err(form::malformed("form-boundary-line")),
        };
        Ok(())
    }

    /// Gathers the head of a part, up to its empty line.
    fn read_head(&mut self, input: &mut Bytes) -> Result<Option<Part>, Fault> {
        let end = memchr::memchr(b'\n', input).map_or(input.len(), |at| at.saturating_add(1));
        if self.held.len().saturating_add(end) > LONGEST_HEAD {
            return Err(form::malformed("form-part-head-long"));
        }
        self.held.extend_from_slice(&input.split_to(end));
        if !self.held.ends_with(b"\r\n\r\n") && self.held != b"\r\n" {
            return Ok(None);
        }
        let part = Part::parse(&self.held);
        self.held.clear();
        part.map(Some)
    }

    /// Begins a part; says so if it is the file.
    fn begin(&mut self, part: Part) -> Result<Option<FileName>, Fault> {
        self.seeker.restart();
        if part.name.eq_ignore_ascii_case("file") {
            self.state = State::File;
            return Ok(Some(part.file));
        }
        self.fields = self.fields.saturating_add(1);
        if self.fields > MOST_FIELDS {
            return Err(form::too_long());
        }
        self.take(part.name.len())?;
        self.state = State::Value(part.name);
        Ok(None)
    }

    fn read_value(&mut self, input: &mut Bytes) -> Result<Option<FormEvent>, Fault> {
        match self.seeker.seek(input) {
            Found::More => Ok(None),
            Found::Data(data) => {
                self.take(data.len())?;
                self.held.extend_from_slice(&data);
                Ok(None)
            }
            Found::DelimiterAtStart => Err(form::malformed("form-boundary-in-value")),
            Found::Delimiter => {
                let value = String::from_utf8(std::mem::take(&mut self.held));
                let value = value.map_err(|_| form::malformed("form-value-text"))?;
                match std::mem::replace(&mut self.state, State::Turn(Place::BeforeFile)) {
                    State::Value(name) => Ok(Some(FormEvent::Field { name, value })),
                    _ => Ok(None), // only called in a value
                }
            }
        }
    }

    fn take(&mut self, octets: usize) -> Result<(), Fault> {
        self.left = self.left.checked_sub(octets).ok_or_else(form::too_long)?;
        Ok(())
    }
}
