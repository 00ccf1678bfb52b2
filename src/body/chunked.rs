//! The aws-chunked decoder (spec/sigv4.md 8.2): a state machine without IO that hands out slices of
//! what it is fed. It never holds data; the longest thing it gathers is a line that came in pieces.

use bytes::{Buf, Bytes};
use ring::digest::{Context, SHA256};

use super::trailer::{Trailer, malformed};
use crate::s3::checksum::{Algorithm, Value};
use crate::s3::payload::{ChunkSignatures, ProvenChunk};
use crate::s3::{Code, Fault};

/// The longest chunk header line, without its line end.
const LONGEST_HEAD: usize = 256;
/// All trailer fields together, line ends included.
const LONGEST_TRAILER: usize = 8 * 1024;
/// The least size of a chunk that another one follows.
const LEAST_CHUNK: u64 = 8192;

/// What the decoder found in its input.
#[derive(Debug, Eq, PartialEq)]
pub enum Event {
    /// Object data, never empty.
    Data(Bytes),
    /// The input is used up; feed more, or [`Chunked::finish`].
    More,
}

/// The decoder.
#[derive(Debug)]
pub struct Chunked {
    state: State,
    /// A line that came in pieces, so far.
    line: Vec<u8>,
    /// Octets of object data the request announced.
    expected: u64,
    /// Octets of object data that no chunk header has announced yet.
    unannounced: u64,
    chunk: Chunk,
    signatures: Option<Box<dyn ChunkSignatures>>,
    trailer: Trailer,
    trailer_octets: usize,
    /// The chunk with data whose signature was checked last, until it is asked for.
    proven: Option<ProvenChunk>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// In a chunk's header line.
    Head,
    /// In a chunk's data: so many octets to come.
    Data(u64),
    /// Behind the data: CR is due.
    DataCr,
    /// Behind the data: LF is due.
    DataLf,
    /// In a trailer field, or at the final line end.
    Trailer,
    /// Behind the final line end.
    End,
    /// Behind a fault.
    Broken,
}

/// The chunk that is open, or was last.
struct Chunk {
    number: u64,
    size: u64,
    /// As it came, padding included. Empty where nothing is signed.
    signature: Vec<u8>,
    hash: Option<Context>,
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunk({}, {} octets)", self.number, self.size)
    }
}

impl Chunked {
    /// A decoder for so many octets of data. With `signatures` every chunk must carry one; `trailer`
    /// where the payload mode has one, with the checksum that `announced` names.
    pub fn new(
        length: u64,
        signatures: Option<Box<dyn ChunkSignatures>>,
        trailer: bool,
        announced: Option<Algorithm>,
    ) -> Self {
        let trailer = Trailer::new(trailer, signatures.is_some(), announced);
        let chunk = Chunk { number: 0, size: 0, signature: Vec::new(), hash: None };
        Self {
            state: State::Head,
            line: Vec::new(),
            expected: length,
            unannounced: length,
            chunk,
            signatures,
            trailer,
            trailer_octets: 0,
            proven: None,
        }
    }

    /// Takes from the front of `input` up to and including the next piece of data. A chunk's signature
    /// is checked before its last octet is handed out.
    ///
    /// # Errors
    /// `IncompleteBody`, `InvalidChunkSizeError`, `MalformedTrailerError`, `SignatureDoesNotMatch`; and
    /// `InvalidRequest` for a checksum in the trailer that cannot be read.
    pub fn feed(&mut self, input: &mut Bytes) -> Result<Event, Fault> {
        self.step(input).inspect_err(|_| self.state = State::Broken)
    }

    fn step(&mut self, input: &mut Bytes) -> Result<Event, Fault> {
        while input.has_remaining() {
            match self.state {
                State::Head => self.read_head(input)?,
                State::Data(left) => return self.take_data(left, input),
                State::DataCr => self.expect(input, b'\r', State::DataLf)?,
                State::DataLf => self.expect(input, b'\n', State::Head)?,
                State::Trailer => self.read_trailer(input)?,
                State::End | State::Broken => return Err(cut_off()),
            }
        }
        Ok(Event::More)
    }

    /// The input has ended: is the body whole?
    ///
    /// # Errors
    /// `IncompleteBody` if it is not.
    pub fn finish(&self) -> Result<(), Fault> {
        if self.is_complete() { Ok(()) } else { Err(cut_off()) }
    }

    /// Whether the last octet has been seen.
    pub fn is_complete(&self) -> bool {
        self.state == State::End
    }

    /// Whether the signature of every octet handed out so far has been checked. True where nothing is
    /// signed.
    pub fn is_proven(&self) -> bool {
        self.signatures.is_none() || !matches!(self.state, State::Data(_))
    }

    /// The chunk that [`Chunked::feed`] has just closed and found rightly signed, once. At most one is
    /// closed at a call.
    pub fn take_proven(&mut self) -> Option<ProvenChunk> {
        self.proven.take()
    }

    /// Whether chunks carry signatures.
    pub fn is_signed(&self) -> bool {
        self.signatures.is_some()
    }

    /// The size of the first chunk, once its header has been read.
    pub fn first_size(&self) -> Option<u64> {
        (self.chunk.number == 1).then_some(self.chunk.size)
    }

    /// The checksum in the trailer, once the body is complete.
    pub fn trailer_value(&self) -> Option<Value> {
        self.trailer.value()
    }

    /// The trailer fields, without the signature; names in lower case.
    pub fn trailers(&self) -> &[(String, String)] {
        self.trailer.fields()
    }

    /// The first chunk signatures that were right.
    pub fn signatures_seen(&self) -> &[String] {
        self.signatures.as_ref().map(|signatures| signatures.seen()).unwrap_or_default()
    }

    fn expect(&mut self, input: &mut Bytes, octet: u8, next: State) -> Result<(), Fault> {
        if input.get_u8() != octet {
            return Err(cut_off());
        }
        self.state = next;
        Ok(())
    }

    /// Up to the end of a chunk's header line, or of the input.
    fn read_head(&mut self, input: &mut Bytes) -> Result<(), Fault> {
        let room = (LONGEST_HEAD + 2).saturating_sub(self.line.len());
        let Some(end) = line_end(input, room).map_err(|TooLong| cut_off())? else {
            self.line.extend_from_slice(input);
            input.clear();
            return Ok(());
        };
        let piece = input.split_to(end);
        if self.line.is_empty() {
            return self.open_chunk(&piece); // most headers come in one piece
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(&piece);
        self.open_chunk(&line)?;
        line.clear();
        self.line = line;
        Ok(())
    }

    fn open_chunk(&mut self, line: &[u8]) -> Result<(), Fault> {
        // A bare LF is no line end here.
        let line = line.strip_suffix(b"\r\n").ok_or_else(cut_off)?;
        let digits = line.iter().position(|&octet| octet == b';').unwrap_or(line.len());
        let (size, extension) = line.split_at_checked(digits).ok_or_else(cut_off)?;
        let size = hexadecimal(size).ok_or_else(cut_off)?;
        let signature = match &self.signatures {
            Some(signatures) => {
                let text = extension.strip_prefix(b";chunk-signature=").ok_or_else(cut_off)?;
                if signatures.has_form(text) { text } else { return Err(cut_off()) }
            }
            None if extension.is_empty() => extension,
            None => return Err(cut_off()),
        };
        let Some(unannounced) = self.unannounced.checked_sub(size) else {
            return Err(wrong_length(self.expected, None));
        };
        if size > 0 && self.chunk.number > 0 && self.chunk.size < LEAST_CHUNK {
            return Err(Fault::plain(Code::InvalidChunkSizeError, "chunk-size")
                .with("Chunk", self.chunk.number.to_string())
                .with("BadChunkSize", self.chunk.size.to_string()));
        }
        self.unannounced = unannounced;
        let number = self.chunk.number.saturating_add(1);
        let mut kept = std::mem::take(&mut self.chunk.signature); // its memory serves for every chunk
        kept.clear();
        kept.extend_from_slice(signature);
        let hash = self.signatures.is_some().then(|| Context::new(&SHA256));
        self.chunk = Chunk { number, size, signature: kept, hash };
        if size > 0 {
            self.state = State::Data(size);
            return Ok(());
        }
        self.close_chunk()?;
        if self.unannounced > 0 {
            return Err(wrong_length(self.expected, Some(self.expected.saturating_sub(self.unannounced))));
        }
        self.state = State::Trailer;
        Ok(())
    }

    fn take_data(&mut self, left: u64, input: &mut Bytes) -> Result<Event, Fault> {
        let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        let data = input.split_to(take);
        if let Some(hash) = &mut self.chunk.hash {
            hash.update(&data);
        }
        let left = left.saturating_sub(take as u64);
        self.state = State::Data(left);
        if left == 0 {
            self.close_chunk()?;
            self.state = State::DataCr;
        }
        Ok(Event::Data(data))
    }

    fn close_chunk(&mut self) -> Result<(), Fault> {
        let (Some(signatures), Some(hash)) = (&mut self.signatures, self.chunk.hash.take()) else { return Ok(()) };
        let mut sha256 = [0; 32];
        sha256.iter_mut().zip(hash.finish().as_ref()).for_each(|(place, octet)| *place = *octet);
        signatures.chunk(&sha256, &self.chunk.signature)?;
        if self.chunk.size > 0 {
            self.proven = Some(ProvenChunk { size: self.chunk.size, sha256 });
        }
        Ok(())
    }

    /// Up to a line end in the trailer, or the end of the input.
    fn read_trailer(&mut self, input: &mut Bytes) -> Result<(), Fault> {
        // The final line end belongs to no field.
        let room = (LONGEST_TRAILER + 2).saturating_sub(self.trailer_octets);
        let end = line_end(input, room).map_err(|TooLong| malformed())?;
        let piece = input.split_to(end.unwrap_or(input.len()));
        self.trailer_octets = self.trailer_octets.saturating_add(piece.len());
        self.line.extend_from_slice(&piece);
        // A bare LF ends nothing: it stays in front of what follows.
        let Some(line) = self.line.strip_suffix(b"\r\n") else { return Ok(()) };
        if line.is_empty() {
            self.trailer.check(self.signatures.as_mut())?;
            self.state = State::End;
        } else {
            self.trailer.take(line, self.signatures.as_deref())?;
        }
        self.line.clear();
        Ok(())
    }
}

/// A line that is longer than it may be.
struct TooLong;

/// Where the first line of `input` ends, its LF included; `room` is what it may take at most.
fn line_end(input: &[u8], room: usize) -> Result<Option<usize>, TooLong> {
    let within = input.get(..room).unwrap_or(input);
    match memchr::memchr(b'\n', within) {
        Some(at) => Ok(Some(at + 1)),
        None if within.len() == room => Err(TooLong),
        None => Ok(None),
    }
}

/// 1 to 16 hexadecimal digits, nothing else.
fn hexadecimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0_u64, |number, &digit| Some(number << 4 | u64::from(char::from(digit).to_digit(16)?)))
}

/// The framing is broken, or ends early.
pub(super) fn cut_off() -> Fault {
    Fault::plain(Code::IncompleteBody, "chunk-framing")
}

/// The data is not as long as was said. What came is told where it is known.
pub(super) fn wrong_length(expected: u64, provided: Option<u64>) -> Fault {
    let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    let fault = Fault::new(Code::IncompleteBody, "body-length", message);
    match provided {
        Some(provided) => {
            fault.with("NumberBytesExpected", expected.to_string()).with("NumberBytesProvided", provided.to_string())
        }
        None => fault,
    }
}
