//! Documents: values with the names above them (spec/detection.md 9.2, 9.6). Each string and number is a text of
//! its own; any name on the way to it may be the keyword. Nothing is kept but the way.

use std::sync::Arc;

use super::keyword::Labels;
use super::scanner::{Out, Place};
use super::table::Detectors;
use super::text::Text;

/// How deep a document may be.
const DEEPEST: usize = 64;
/// The longest name that is kept, in octets.
const LONGEST_NAME: usize = 256;
/// What a lone surrogate becomes.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Documents as a stream, one behind the other.
pub(super) struct Json {
    detectors: Arc<Detectors>,
    text: Text,
    above: Vec<Above>,
    path: String,
    state: State,
    record: u64,
    /// Documents are counted by their lines.
    lines: bool,
    /// The octets of a string, unescaped, until they are handed on; of a name, all of it.
    piece: Vec<u8>,
    naming: bool,
    /// The first half of a character beyond the first plane.
    high: Option<u16>,
}

#[derive(Clone, Copy)]
struct Above {
    /// The place in a list; none in an object.
    index: Option<u64>,
    /// The length of the path that leads to it.
    path: usize,
    labels: Labels,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// A value comes.
    Value,
    /// The first value of a list, or its end.
    FirstValue,
    /// The first name of an object, or its end.
    FirstName,
    Name,
    Colon,
    /// A comma, or an end.
    Behind,
    String,
    Escape,
    /// So many digits of an escape have come, which are worth so much.
    Unicode(u8, u16),
    Number,
    Word(&'static [u8]),
}

/// It is no JSON from here on.
pub(super) struct Malformed;

/// Whether this may be the begin of a document, or all of it.
pub(super) fn is_json(head: &[u8]) -> bool {
    let Ok(none) = Detectors::only(&[]) else { return false };
    let mut json = Json::new(false, none, 0);
    json.read(head, &mut Out::default()).is_ok()
}

impl Json {
    pub(super) fn new(lines: bool, detectors: Arc<Detectors>, year: u16) -> Self {
        let text = Text::new(Arc::clone(&detectors), Labels::default(), year);
        let (above, path, piece) = (Vec::new(), "$".to_owned(), Vec::new());
        Self { detectors, text, above, path, state: State::Value, record: 0, lines, piece, naming: false, high: None }
    }

    /// Takes the next piece; where it is no JSON, how much of it was.
    pub(super) fn feed(&mut self, octets: &[u8], out: &mut Out) -> Result<(), usize> {
        let read = self.read(octets, out);
        if read.is_err() && self.is_within_value() {
            self.end_of_value(out); // what there is of it
        }
        self.hand_on(out);
        read
    }

    /// The end; false where something was still to come.
    pub(super) fn finish(&mut self, out: &mut Out) -> bool {
        if self.state == State::Number {
            self.end_of_value(out);
        }
        let whole = self.above.is_empty() && self.state == State::Value;
        if self.is_within_value() {
            self.end_of_value(out); // what there is of it
        }
        whole
    }

    fn is_within_value(&self) -> bool {
        matches!(self.state, State::String | State::Escape | State::Unicode(..)) && !self.naming
    }

    fn read(&mut self, octets: &[u8], out: &mut Out) -> Result<(), usize> {
        let mut at = 0;
        while let Some(octet) = octets.get(at).copied() {
            if self.state == State::String {
                let rest = octets.get(at..).unwrap_or_default();
                let plain = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
                if plain > 0 {
                    self.lone_half();
                }
                self.add(rest.get(..plain).unwrap_or_default());
                at += plain;
                match octets.get(at) {
                    Some(b'"') => self.end_of_string(out),
                    Some(_) => self.state = State::Escape,
                    None => {}
                }
                at += 1;
                continue;
            }
            self.octet(octet, out).map_err(|Malformed| at)?;
            at += 1;
        }
        Ok(())
    }

    fn octet(&mut self, octet: u8, out: &mut Out) -> Result<(), Malformed> {
        let blank = matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
        match (self.state, octet) {
            (State::Number, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') => self.piece.push(octet),
            (State::Number, _) => {
                self.end_of_value(out);
                return self.octet(octet, out);
            }
            (State::Word(rest), _) => match rest.split_first() {
                Some((expected, rest)) if *expected == octet => match rest {
                    [] => self.behind(),
                    _ => self.state = State::Word(rest),
                },
                _ => return Err(Malformed),
            },
            (State::Escape, _) => self.escaped(octet)?,
            (State::Unicode(count, worth), _) => self.digit(count, worth, octet)?,
            (State::String, _) => return Err(Malformed), // read elsewhere
            _ if blank => self.record += u64::from(self.lines && self.above.is_empty() && octet == b'\n'),
            (State::FirstName, b'}') | (State::FirstValue, b']') => self.leave(octet)?,
            (State::FirstName | State::Name, b'"') => self.begin_string(true),
            (State::Colon, b':') => self.state = State::Value,
            (State::Behind, b',') => self.next()?,
            (State::Behind, b'}' | b']') => self.leave(octet)?,
            (State::Value | State::FirstValue, _) => self.begin(octet)?,
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn begin(&mut self, octet: u8) -> Result<(), Malformed> {
        match octet {
            b'{' | b'[' => self.enter(octet == b'[')?,
            b'"' => self.begin_string(false),
            b'-' | b'0'..=b'9' => {
                self.text.restart(self.labels());
                self.piece.push(octet);
                self.state = State::Number;
            }
            b't' => self.state = State::Word(b"rue"),
            b'f' => self.state = State::Word(b"alse"),
            b'n' => self.state = State::Word(b"ull"),
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn labels(&self) -> Labels {
        self.above.last().map(|above| above.labels).unwrap_or_default()
    }

    fn enter(&mut self, list: bool) -> Result<(), Malformed> {
        if self.above.len() >= DEEPEST {
            return Err(Malformed);
        }
        let above = Above { index: list.then_some(0), path: self.path.len(), labels: self.labels() };
        self.above.push(above);
        if list {
            self.path.push_str("[0]");
        }
        self.state = if list { State::FirstValue } else { State::FirstName };
        Ok(())
    }

    fn leave(&mut self, octet: u8) -> Result<(), Malformed> {
        let above = self.above.pop().ok_or(Malformed)?;
        if above.index.is_some() != (octet == b']') {
            return Err(Malformed);
        }
        self.path.truncate(above.path);
        self.behind();
        Ok(())
    }

    fn next(&mut self) -> Result<(), Malformed> {
        let above = self.above.last_mut().ok_or(Malformed)?;
        self.path.truncate(above.path);
        match &mut above.index {
            Some(index) => {
                *index += 1;
                self.path.push_str(&format!("[{index}]"));
                self.state = State::Value;
            }
            None => self.state = State::Name,
        }
        Ok(())
    }

    /// A value is over.
    fn behind(&mut self) {
        if self.above.is_empty() {
            self.record += u64::from(!self.lines);
            self.state = State::Value;
        } else {
            self.state = State::Behind;
        }
    }

    fn begin_string(&mut self, naming: bool) {
        if !naming {
            self.text.restart(self.labels());
        }
        (self.naming, self.state) = (naming, State::String);
        self.piece.clear();
    }

    fn end_of_string(&mut self, out: &mut Out) {
        self.lone_half();
        if !self.naming {
            self.end_of_value(out);
            return;
        }
        let labels = self.detectors.labelled(&self.piece);
        let parents = self.above.iter().rev().nth(1).map(|above| above.labels).unwrap_or_default();
        if let Some(above) = self.above.last_mut() {
            self.path.truncate(above.path);
            above.labels = parents;
            above.labels |= labels;
        }
        step(&mut self.path, &String::from_utf8_lossy(&self.piece));
        self.piece.clear();
        (self.naming, self.state) = (false, State::Colon);
    }

    fn end_of_value(&mut self, out: &mut Out) {
        self.hand_on(out);
        let (path, record) = (&self.path, self.record);
        self.text.finish(&mut |one| out.found(one, || Place::Value { path: path.clone(), record }));
        self.behind();
    }

    /// Gives the text what there is of the value.
    fn hand_on(&mut self, out: &mut Out) {
        if self.naming {
            return;
        }
        let (path, record) = (&self.path, self.record);
        self.text.feed(&self.piece, &mut |one| out.found(one, || Place::Value { path: path.clone(), record }));
        self.piece.clear();
    }

    /// Adds to the string; of a name no more than is kept.
    fn add(&mut self, octets: &[u8]) {
        let left = if self.naming { LONGEST_NAME.saturating_sub(self.piece.len()) } else { octets.len() };
        self.piece.extend_from_slice(octets.get(..left).unwrap_or(octets));
    }

    fn add_character(&mut self, character: char) {
        self.add(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// The second half of a character has not come.
    fn lone_half(&mut self) {
        if self.high.take().is_some() {
            self.add_character(REPLACEMENT);
        }
    }

    fn escaped(&mut self, octet: u8) -> Result<(), Malformed> {
        if octet == b'u' {
            self.state = State::Unicode(0, 0);
            return Ok(());
        }
        let plain = match octet {
            b'"' | b'\\' | b'/' => octet,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return Err(Malformed),
        };
        self.lone_half();
        self.add(&[plain]);
        self.state = State::String;
        Ok(())
    }

    fn digit(&mut self, count: u8, worth: u16, octet: u8) -> Result<(), Malformed> {
        let digit = char::from(octet).to_digit(16).and_then(|digit| u16::try_from(digit).ok()).ok_or(Malformed)?;
        let worth = worth << 4 | digit;
        if count < 3 {
            self.state = State::Unicode(count + 1, worth);
            return Ok(());
        }
        self.state = State::String;
        match (self.high.take(), worth) {
            (Some(high), 0xdc00..=0xdfff) => {
                let both = char::decode_utf16([high, worth]).next().and_then(Result::ok);
                self.add_character(both.unwrap_or(REPLACEMENT));
            }
            (before, _) => {
                if before.is_some() {
                    self.add_character(REPLACEMENT);
                }
                match worth {
                    0xd800..=0xdbff => self.high = Some(worth),
                    _ => self.add_character(char::from_u32(u32::from(worth)).unwrap_or(REPLACEMENT)),
                }
            }
        }
        Ok(())
    }
}

/// `.name`, or `['name']` where it is not a plain one.
fn step(path: &mut String, name: &str) {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
    if name.bytes().all(plain) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit()) {
        path.push('.');
        path.push_str(name);
    } else {
        path.push_str("['");
        path.extend(name.chars().flat_map(|one| matches!(one, '\'' | '\\').then_some('\\').into_iter().chain([one])));
        path.push_str("']");
    }
}
