//! Sealed octets on their way back: verified segment by segment, and cut to what was asked for
//! (spec/encryption.md 14.4).

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use super::keys::{Name, report};
use super::parts::Parts;
use crate::s3::{Code, Fault};
use crate::seal::{Broken, HEADER, ObjectKey, Part, Segments, stretches};
use crate::upstream::wire::Download;

/// What of a part is to be read. Its header must say the same.
#[derive(Clone, Copy, Debug)]
struct Due {
    number: u32,
    length: u64,
    from: u64,
    take: u64,
}

/// Opens the parts of an object, or a stretch of them, from pieces of any size. One segment is held at most.
#[derive(Debug)]
pub(super) struct Reader {
    key: ObjectKey,
    multipart: bool,
    due: VecDeque<Due>,
    header: BytesMut,
    within: Option<Segments>,
}

/// What a stretch of plaintext needs of the stored object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Window {
    /// Where the header of its first part lies, where that is not the beginning of `sealed`.
    pub(super) header: Option<u64>,
    /// The sealed octets.
    pub(super) sealed: Range<u64>,
}

impl Reader {
    /// All of an object.
    pub(super) fn whole(key: ObjectKey, parts: &Parts) -> Self {
        let due = parts.iter().map(|part| Due { number: part.number, length: part.length, from: 0, take: part.length });
        let multipart = parts.is_multipart();
        Self { key, multipart, due: due.collect(), header: BytesMut::new(), within: None }
    }

    /// `length` octets of plaintext from `from` on, and which octets are to be pushed for them. None if that is
    /// empty or not inside the object.
    pub(super) fn stretch(key: ObjectKey, parts: &Parts, from: u64, length: u64) -> Option<(Self, Window)> {
        let found = stretches(parts.iter().map(|part| part.length), from, length)?;
        let (first, last) = (found.first()?, found.last()?);
        let begins = first.header.checked_add(HEADER as u64)? == first.sealed.start;
        let window = match begins {
            true => Window { header: None, sealed: first.header..last.sealed.end },
            false => Window { header: Some(first.header), sealed: first.sealed.start..last.sealed.end },
        };
        let (places, mut wanted) = (first.part..=last.part, found.iter().peekable());
        let due = parts.iter().enumerate().filter(|(place, _)| places.contains(place)).map(|(place, part)| {
            // Of an empty part in between its proof is read.
            let (from, take) =
                wanted.next_if(|next| next.part == place).map_or((0, 0), |next| (next.from, next.length));
            Due { number: part.number, length: part.length, from, take }
        });
        let (due, multipart) = (due.collect(), parts.is_multipart());
        Some((Self { key, multipart, due, header: BytesMut::new(), within: None }, window))
    }

    /// Takes the header of the first part, where it does not stand in front of what is pushed.
    ///
    /// # Errors
    /// It does not open, or belongs to another part.
    pub(super) fn begin(&mut self, header: &[u8; HEADER]) -> Result<(), Broken> {
        let due = self.due.pop_front().ok_or(Broken::Trailing)?;
        let part = Part::open(&self.key, header)?;
        let found = part.header();
        if (found.number, found.multipart, found.length) != (due.number, self.multipart, due.length) {
            return Err(Broken::Parts);
        }
        let all = due.take == due.length;
        let segments = if all { Some(Segments::all(part)) } else { Segments::stretch(part, due.from, due.take) };
        self.within = Some(segments.ok_or(Broken::Parts)?);
        Ok(())
    }

    /// Takes some of `sealed`, and gives plaintext whenever a segment is whole. To be called until `sealed` is
    /// empty. What comes out may be empty.
    ///
    /// # Errors
    /// Something does not open, does not belong here, or stands behind the end.
    pub(super) fn push(&mut self, sealed: &mut Bytes) -> Result<Option<Bytes>, Broken> {
        while !sealed.is_empty() {
            let Some(within) = self.within.as_mut() else {
                if self.due.is_empty() {
                    return Err(Broken::Trailing);
                }
                let taken = HEADER.saturating_sub(self.header.len()).min(sealed.len());
                self.header.extend_from_slice(sealed.get(..taken).unwrap_or_default());
                sealed.advance(taken);
                if let Some(header) = self.header.as_array::<HEADER>().copied() {
                    self.header.clear();
                    self.begin(&header)?;
                }
                continue;
            };
            let plain = within.push(sealed)?;
            if within.is_done() {
                self.within = None;
            }
            if plain.is_some() {
                return Ok(plain);
            }
        }
        Ok(None)
    }

    /// Ends it.
    ///
    /// # Errors
    /// Not everything came.
    pub(super) fn finish(&self) -> Result<(), Broken> {
        let done = self.due.is_empty() && self.within.is_none() && self.header.is_empty();
        if done { Ok(()) } else { Err(Broken::Truncated) }
    }
}

/// The plaintext of a stored object. Its last piece comes only when all has been verified and nothing stands
/// behind it; whatever does not open breaks it off.
pub struct Opened {
    incoming: Download,
    reader: Reader,
    input: Bytes,
    /// Verified, and not handed out before the next piece is.
    held: Option<Bytes>,
    /// Octets of plaintext that are still to be handed out.
    left: u64,
    ended: bool,
    bucket: String,
    key: String,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({} octets left)", self.left)
    }
}

impl Opened {
    /// `length` octets of plaintext that `reader` makes of what comes in.
    pub(super) fn new(incoming: Download, reader: Reader, length: u64, name: Name<'_>) -> Self {
        Self {
            incoming,
            reader,
            input: Bytes::new(),
            held: None,
            left: length,
            ended: false,
            bucket: name.bucket.to_owned(),
            key: name.key.to_owned(),
        }
    }

    /// Reads on until the first segment has been verified.
    ///
    /// # Errors
    /// `InternalError`: it does not open; `ServiceUnavailable`: it does not come.
    pub(super) async fn begun(mut self) -> Result<Self, Fault> {
        while self.held.is_none() && !self.ended {
            match std::future::poll_fn(|cx| self.poll_plain(cx)).await {
                Some(piece) => self.held = Some(piece.map_err(into_fault)?).filter(|piece| !piece.is_empty()),
                None => self.ended = true,
            }
        }
        Ok(self)
    }

    /// The next verified piece, which may be empty.
    fn poll_plain(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            while !self.input.is_empty() {
                match self.reader.push(&mut self.input) {
                    Ok(Some(plain)) => return Poll::Ready(Some(Ok(plain))),
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(Some(Err(self.broken(error)))),
                }
            }
            match ready!(Pin::new(&mut self.incoming).poll_frame(cx)) {
                Some(Ok(frame)) => self.input = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let end = self.reader.finish().map_err(|error| self.broken(error));
                    return Poll::Ready(end.err().map(Err));
                }
            }
        }
    }

    fn broken(&self, error: Broken) -> io::Error {
        report(&error, Name { bucket: &self.bucket, key: &self.key });
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// What broke a stored object off. That it is broken has been reported.
pub(super) fn into_fault(error: io::Error) -> Fault {
    let (code, reason) = match error.kind() {
        io::ErrorKind::InvalidData => (Code::InternalError, "seal-broken"),
        _ => (Code::ServiceUnavailable, "upstream-broke-off"),
    };
    Fault::plain(code, reason).detail(error.to_string())
}

impl Body for Opened {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        loop {
            let piece = match this.ended {
                true => this.held.take(),
                false => match ready!(this.poll_plain(cx)) {
                    Some(Ok(piece)) if piece.is_empty() => continue,
                    Some(Ok(piece)) => match this.held.replace(piece) {
                        Some(before) => Some(before),
                        None => continue,
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None => {
                        this.ended = true;
                        continue;
                    }
                },
            };
            let Some(piece) = piece else { return Poll::Ready(None) };
            this.left = this.left.saturating_sub(piece.len() as u64);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.held.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parts::Part as Plan;
    use super::*;
    use crate::seal::{SEGMENT, Salt, whole};

    fn key() -> ObjectKey {
        ObjectKey::new(&[7; 32], [9; 16])
    }

    fn plain(length: usize, seed: u8) -> Vec<u8> {
        (0..length).map(|at| (at * 7 + (at >> 8)) as u8 ^ seed).collect()
    }

    /// An object of parts with these numbers and lengths: plaintext, sealed octets, parts.
    fn object(parts: &[(u32, usize)], multipart: bool) -> (Vec<u8>, Vec<u8>, Parts) {
        let (mut clear, mut sealed) = (Vec::new(), Vec::new());
        for (number, length) in parts {
            let data = plain(*length, *number as u8);
            sealed.extend(whole(&key(), *number, multipart, Salt::fresh([*number as u8; 24]), &data).unwrap());
            clear.extend(data);
        }
        let plan: Parts =
            parts.iter().map(|(number, length)| Plan { number: *number, length: *length as u64 }).collect();
        let parts = if multipart { plan } else { Parts::whole(parts[0].1 as u64) };
        (clear, sealed, parts)
    }

    fn read(mut reader: Reader, sealed: &[u8], piece: usize) -> Result<Vec<u8>, Broken> {
        let mut out = Vec::new();
        for piece in sealed.chunks(piece) {
            let mut piece = Bytes::copy_from_slice(piece);
            while !piece.is_empty() {
                out.extend(reader.push(&mut piece)?.unwrap_or_default());
            }
        }
        reader.finish().map(|()| out)
    }

    fn stretch(sealed: &[u8], parts: &Parts, from: u64, length: u64) -> Result<Vec<u8>, Broken> {
        let (mut reader, window) = Reader::stretch(key(), parts, from, length).unwrap();
        if let Some(at) = window.header {
            reader.begin(sealed[at as usize..].first_chunk().unwrap())?;
        }
        read(reader, &sealed[window.sealed.start as usize..window.sealed.end as usize], 40_000)
    }

    #[test]
    fn every_range_of_every_object_is_what_it_was() {
        let objects: [(&[(u32, usize)], bool); 5] = [
            (&[(1, 0)], false),
            (&[(1, 1)], false),
            (&[(1, 3 * SEGMENT + 5)], false),
            (&[(1, 2 * SEGMENT), (2, 2 * SEGMENT), (3, 17)], true),
            (&[(2, 100), (5, SEGMENT + 1), (6, 0), (9, 7), (10, 0)], true),
        ];
        for (plan, multipart) in objects {
            let (clear, sealed, parts) = object(plan, multipart);
            for piece in [1_000, 65_552, usize::MAX] {
                let piece = piece.min(sealed.len());
                assert_eq!(read(Reader::whole(key(), &parts), &sealed, piece).unwrap(), clear, "{plan:?}");
            }
            let size = clear.len() as u64;
            let edges = [0, 1, 99, 100, 101, 65_535, 65_536, 65_537, 131_072, 131_073, 262_143, size.saturating_sub(1)];
            for from in edges.into_iter().filter(|from| *from < size) {
                for length in [1, 2, 65_536, 70_000, size].into_iter().filter(|length| from + length <= size) {
                    let expected = &clear[from as usize..(from + length) as usize];
                    let found = stretch(&sealed, &parts, from, length).unwrap();
                    assert!(found == expected, "{plan:?} {from}+{length}");
                }
            }
            assert!(Reader::stretch(key(), &parts, size, 1).is_none());
            assert!(Reader::stretch(key(), &parts, 0, 0).is_none());
        }
    }

    #[test]
    fn a_part_in_the_place_of_another_is_refused_in_a_range_too() {
        let (_, sealed, parts) = object(&[(1, 100), (2, 100), (3, 100)], true);
        let one = sealed.len() / 3;
        let swapped = [&sealed[..one], &sealed[2 * one..], &sealed[one..2 * one]].concat();
        assert_eq!(stretch(&swapped, &parts, 100, 50), Err(Broken::Parts));
        assert_eq!(read(Reader::whole(key(), &parts), &swapped, one), Err(Broken::Parts));
        assert!(stretch(&swapped, &parts, 0, 50).is_ok(), "the first part is where it was");
    }

    #[test]
    fn what_is_cut_off_or_put_behind_is_refused() {
        let (_, sealed, parts) = object(&[(1, SEGMENT + 9)], false);
        for end in [0, 1, 63, 64, 65, 64 + 65_552, sealed.len() - 1] {
            let cut = read(Reader::whole(key(), &parts), &sealed[..end], 70_000);
            assert_eq!(cut, Err(Broken::Truncated), "{end}");
        }
        let longer = [&sealed[..], b"x"].concat();
        assert_eq!(read(Reader::whole(key(), &parts), &longer, longer.len()), Err(Broken::Trailing));
        let of_parts: Parts = parts.iter().collect();
        let multipart = read(Reader::whole(key(), &of_parts), &sealed, sealed.len());
        assert_eq!(multipart, Err(Broken::Parts), "put whole, and said to be of parts");
    }
}
