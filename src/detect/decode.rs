//! Opening what is compressed, as a stream (spec/detection.md 9.6): one level deep, and within bounds.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// The most octets that anything is opened to.
const LONGEST: u64 = 1 << 30;
/// How many times as long it may get, once it is longer than [`FREE`].
const RATIO: u64 = 200;
const FREE: u64 = 1 << 20;
/// What is opened at a time, in octets, so that the bounds do not depend on how the input is cut.
const STEP: usize = 512;
const GZIP: &[u8] = b"\x1f\x8b\x08";

/// How the octets of an object are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// As they are.
    Identity,
    /// In the format of gzip.
    Gzip,
    /// In the format of zlib, or without its head.
    Deflate,
}

/// An encoding that is not opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this content encoding is not opened")]
pub struct Unsupported;

impl Encoding {
    /// Of a `Content-Encoding`. `aws-chunked` is how it travels, not how it is written.
    ///
    /// # Errors
    /// Others, and more than one.
    pub fn of(content_encoding: &str) -> Result<Self, Unsupported> {
        let mut all = content_encoding.split(',').map(|one| one.trim().to_ascii_lowercase());
        all.try_fold(Self::Identity, |before, one| match (before, one.as_str()) {
            (before, "" | "aws-chunked" | "identity") => Ok(before),
            (Self::Identity, "gzip" | "x-gzip") => Ok(Self::Gzip),
            (Self::Identity, "deflate") => Ok(Self::Deflate),
            _ => Err(Unsupported),
        })
    }
}

/// Why opening has ended before its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ended {
    TooLong,
    Broken,
}

/// A stream that is being opened.
pub(super) struct Opening {
    decoder: Decoder,
    step: Vec<u8>,
    ended: Option<Ended>,
}

enum Decoder {
    Gzip(MultiGzDecoder<Opened>),
    Zlib(ZlibDecoder<Opened>),
    Raw(DeflateDecoder<Opened>),
}

/// What has come out of one step, counted.
#[derive(Default)]
struct Opened {
    octets: Vec<u8>,
    input: u64,
    output: u64,
    too_long: bool,
}

impl Write for Opened {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.output = self.output.saturating_add(octets.len() as u64);
        if self.output > LONGEST.min(FREE.max(self.input.saturating_mul(RATIO))) {
            self.too_long = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.octets.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Opening {
    /// Opens what begins with these octets; none where it is written as it is.
    pub(super) fn of(encoding: Encoding, head: &[u8]) -> Option<Self> {
        let to = Opened::default();
        let decoder = match encoding {
            Encoding::Gzip => Decoder::Gzip(MultiGzDecoder::new(to)),
            Encoding::Identity if head.starts_with(GZIP) => Decoder::Gzip(MultiGzDecoder::new(to)),
            Encoding::Deflate if is_zlib(head) => Decoder::Zlib(ZlibDecoder::new(to)),
            Encoding::Deflate => Decoder::Raw(DeflateDecoder::new(to)),
            Encoding::Identity => return None,
        };
        Some(Self { decoder, step: Vec::with_capacity(STEP), ended: None })
    }

    /// Takes the next piece, and hands on what comes out of it.
    pub(super) fn feed(&mut self, mut octets: &[u8], take: &mut impl FnMut(&[u8])) {
        while self.ended.is_none() && !octets.is_empty() {
            let (now, later) = octets.split_at(octets.len().min(STEP - self.step.len()));
            self.step.extend_from_slice(now);
            octets = later;
            if self.step.len() == STEP {
                self.open(false, take);
            }
        }
    }

    /// The input has ended; why not all of it was opened, if so.
    pub(super) fn finish(&mut self, take: &mut impl FnMut(&[u8])) -> Option<Ended> {
        if self.ended.is_none() {
            self.open(true, take);
        }
        self.ended
    }

    fn open(&mut self, last: bool, take: &mut impl FnMut(&[u8])) {
        let step = std::mem::take(&mut self.step);
        self.opened().input += step.len() as u64;
        let written = match &mut self.decoder {
            Decoder::Gzip(decoder) => {
                decoder.write_all(&step).and_then(|()| if last { decoder.try_finish() } else { decoder.flush() })
            }
            Decoder::Zlib(decoder) => {
                decoder.write_all(&step).and_then(|()| if last { decoder.try_finish() } else { decoder.flush() })
            }
            Decoder::Raw(decoder) => {
                decoder.write_all(&step).and_then(|()| if last { decoder.try_finish() } else { decoder.flush() })
            }
        };
        let opened = self.opened();
        take(&opened.octets);
        opened.octets.clear();
        let why = if opened.too_long { Ended::TooLong } else { Ended::Broken };
        self.ended = written.err().map(|_| why);
        self.step = step;
        self.step.clear();
    }

    fn opened(&mut self) -> &mut Opened {
        match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zlib(decoder) => decoder.get_mut(),
            Decoder::Raw(decoder) => decoder.get_mut(),
        }
    }
}

/// Method, window and a check of both.
fn is_zlib(head: &[u8]) -> bool {
    matches!(head, [first, second, ..] if first & 15 == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0)
}
