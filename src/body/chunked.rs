//! The aws-chunked decoder (spec/sigv4.md 8.2): a state machine without IO that hands out slices of
//! what it is fed.

use bytes::{Buf, Bytes};
use ring::digest::{Context, SHA256};

use crate::s3::checksum::{self, Algorithm, Value};
use crate::s3::payload::ChunkSignatures;
use crate::s3::{Code, Fault};

/// The longest chunk header line.
const LONGEST_HEAD: usize = 256;
/// The longest trailer field.
const LONGEST_FIELD: usize = 1024;
/// All trailer fields together.
const LONGEST_TRAILER: usize = 8 * 1024;
/// The least size of a chunk that another one follows.
const LEAST_CHUNK: u64 = 8192;

/// What the decoder found in its input.
#[derive(Debug, Eq, PartialEq)]
pub enum Event {
    /// Object data.
    Data(Bytes),
    /// The input is used up; feed more, or [`Chunked::finish`].
    More,
}

/// The decoder.
#[derive(Debug)]
pub struct Chunked {
    state: State,
    line: Vec<u8>,
    /// Octets of object data still to come.
    missing: u64,
    expected: u64,
    chunk: Chunk,
    signatures: Option<Box<dyn ChunkSignatures>>,
    announced: Option<Algorithm>,
    trailer: bool,
    trailer_octets: usize,
    fields: Vec<(String, String)>,
    trailer_value: Option<Value>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// In a chunk's header line.
    Head,
    /// In a chunk's data: so many octets to come.
    Data(u64),
    /// The line end behind the data, so many octets to come.
    DataEnd(u8),
    /// In a trailer field, or at the final line end.
    Trailer,
    /// Behind the final line end.
    End,
}

/// The chunk that is open.
#[derive(Default)]
struct Chunk {
    number: u64,
    size: u64,
    signature: Vec<u8>,
    hash: Option<Context>,
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({}, {} octets)", self.number, self.size)
    }
}

impl Chunked {
    /// A decoder for so many octets of data.
    pub fn new(
        length: u64,
        signatures: Option<Box<dyn ChunkSignatures>>,
        trailer: bool,
        announced: Option<Algorithm>,
    ) -> Self {
        Self {
            state: State::Head,
            line: Vec::new(),
            missing: length,
            expected: length,
            chunk: Chunk::default(),
            signatures,
            announced,
            trailer,
            trailer_octets: 0,
            fields: Vec::new(),
            trailer_value: None,
        }
    }

    /// Takes from the front of `input` up to the next piece of data.
    ///
    /// # Errors
    /// `IncompleteBody`, `InvalidChunkSizeError`, `MalformedTrailerError`, `SignatureDoesNotMatch`.
    pub fn feed(&mut self, input: &mut Bytes) -> Result<Event, Fault> {
        while input.has_remaining() {
            match self.state {
                State::Head => {
                    if self.take_line(input, LONGEST_HEAD, broken)? {
                        self.open_chunk()?;
                    }
                }
                State::Data(left) => return self.take_data(left, input),
                State::DataEnd(left) => {
                    let expected = if left == 2 { b'\r' } else { b'\n' };
                    if input.get_u8() != expected {
                        return Err(broken());
                    }
                    self.state = if left == 2 { State::DataEnd(1) } else { State::Head };
                }
                State::Trailer => {
                    if self.take_line(input, LONGEST_FIELD, malformed_trailer)? {
                        self.end_trailer_line()?;
                    }
                }
                State::End => return Err(broken()),
            }
        }
        Ok(Event::More)
    }

    /// The input has ended: is the body whole?
    ///
    /// # Errors
    /// `IncompleteBody` if it is not.
    pub fn finish(&self) -> Result<(), Fault> {
        if self.state == State::End { Ok(()) } else { Err(broken()) }
    }

    /// Whether the last octet has been seen.
    pub fn is_complete(&self) -> bool {
        self.state == State::End
    }

    /// The checksum in the trailer.
    pub fn trailer_value(&self) -> Option<Value> {
        self.trailer_value
    }

    /// The trailer fields, in order, without the signature.
    pub fn trailers(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The chunk signatures that were right.
    pub fn signatures_seen(&self) -> &[String] {
        self.signatures.as_ref().map(|signatures| signatures.seen()).unwrap_or_default()
    }

    /// Gathers a line; true when its CRLF has come. The CRLF is not part of it.
    fn take_line(&mut self, input: &mut Bytes, longest: usize, too_long: fn() -> Fault) -> Result<bool, Fault> {
        let (take, ended) = match memchr::memchr(b'\n', input) {
            Some(at) => (at + 1, true),
            None => (input.len(), false),
        };
        if self.line.len() + take > longest + 2 {
            return Err(too_long());
        }
        self.line.extend_from_slice(&input.split_to(take));
        if !ended {
            return Ok(false);
        }
        if self.line.ends_with(b"\r\n") {
            self.line.truncate(self.line.len() - 2);
            return Ok(true);
        }
        // A bare LF ends nothing in a chunk head; inside a trailer some clients use it.
        if self.state == State::Trailer { Ok(false) } else { Err(broken()) }
    }

    fn open_chunk(&mut self) -> Result<(), Fault> {
        let line = std::mem::take(&mut self.line);
        let (size, signature) = match memchr::memchr(b';', &line) {
            Some(at) => (line.get(..at).unwrap_or_default(), line.get(at..)),
            None => (&*line, None),
        };
        let size = hexadecimal(size).ok_or_else(broken)?;
        let signature = match (signature, &self.signatures) {
            (Some(extension), Some(_)) => {
                let lower = |octet: &u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
                let digits = |text: &&[u8]| text.len() == 64 && text.iter().all(lower);
                extension.strip_prefix(b";chunk-signature=").filter(digits).ok_or_else(broken)?
            }
            (None, None) => &[],
            _ => return Err(broken()),
        };
        if size > 0 && self.chunk.number > 0 && self.chunk.size < LEAST_CHUNK {
            return Err(Fault::plain(Code::InvalidChunkSizeError, "chunk-size")
                .with("Chunk", self.chunk.number.to_string())
                .with("BadChunkSize", self.chunk.size.to_string()));
        }
        if size > self.missing || size == 0 && self.missing > 0 {
            return Err(wrong_length(self.expected, self.expected - self.missing));
        }
        self.chunk.number += 1;
        self.chunk.size = size;
        self.chunk.signature = signature.to_vec();
        self.chunk.hash = self.signatures.is_some().then(|| Context::new(&SHA256));
        if size > 0 {
            self.state = State::Data(size);
            return Ok(());
        }
        self.close_chunk()?;
        self.state = State::Trailer;
        Ok(())
    }

    fn take_data(&mut self, left: u64, input: &mut Bytes) -> Result<Event, Fault> {
        let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        let data = input.split_to(take);
        if let Some(hash) = &mut self.chunk.hash {
            hash.update(&data);
        }
        self.missing -= take as u64;
        let left = left - take as u64;
        self.state = State::Data(left);
        if left == 0 {
            // The signature is checked before the chunk's last octet is handed out.
            self.close_chunk()?;
            self.state = State::DataEnd(2);
        }
        Ok(Event::Data(data))
    }

    fn close_chunk(&mut self) -> Result<(), Fault> {
        let (Some(signatures), Some(hash)) = (&mut self.signatures, self.chunk.hash.take()) else { return Ok(()) };
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(hash.finish().as_ref());
        signatures.chunk(&sha256, &self.chunk.signature)
    }

    fn end_trailer_line(&mut self) -> Result<(), Fault> {
        let mut line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.state = State::End;
            return self.check_trailer();
        }
        self.trailer_octets += line.len();
        if !self.trailer || self.trailer_octets > LONGEST_TRAILER {
            return Err(malformed_trailer());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        for field in line.split(|&octet| octet == b'\n') {
            let text = std::str::from_utf8(field).map_err(|_| malformed_trailer())?;
            let (name, value) = text.split_once(':').ok_or_else(malformed_trailer)?;
            let value = value.trim_matches([' ', '\t']);
            self.fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Ok(())
    }

    /// Everything behind the final chunk is there: exactly what was announced, and signed where the mode
    /// signs.
    fn check_trailer(&mut self) -> Result<(), Fault> {
        let signature = match self.fields.iter().position(|(name, _)| name == "x-amz-trailer-signature") {
            Some(at) if at + 1 == self.fields.len() && self.signatures.is_some() => {
                self.fields.pop().map(|(_, value)| value)
            }
            Some(_) => return Err(malformed_trailer()),
            None => None,
        };
        let announced: Vec<&str> = self.announced.iter().map(|algorithm| algorithm.header()).collect();
        let came: Vec<&str> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        if announced != came {
            return Err(malformed_trailer());
        }
        if self.trailer
            && let Some(signatures) = &mut self.signatures
        {
            let signature = signature.ok_or_else(broken)?;
            let canonical: String = self.fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
            signatures.trailer(canonical.as_bytes(), signature.as_bytes())?;
        }
        if let (Some(algorithm), Some((_, value))) = (self.announced, self.fields.first()) {
            let value = Value::from_base64(algorithm, value.as_bytes());
            self.trailer_value = Some(value.ok_or_else(|| checksum::bad_value(algorithm, "trailing header"))?);
        }
        Ok(())
    }
}

/// 1 to 16 hexadecimal digits, nothing else.
fn hexadecimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0_u64, |number, &digit| Some(number << 4 | u64::from(char::from(digit).to_digit(16)?)))
}

fn broken() -> Fault {
    Fault::new(Code::IncompleteBody, "chunk-framing", "The request body terminated unexpectedly")
}

/// The data is not as long as was said.
pub(super) fn wrong_length(expected: u64, provided: u64) -> Fault {
    Fault::new(
        Code::IncompleteBody,
        "body-length",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
    .with("NumberBytesExpected", expected.to_string())
    .with("NumberBytesProvided", provided.to_string())
}

fn malformed_trailer() -> Fault {
    Fault::plain(Code::MalformedTrailerError, "trailer")
}
