//! Bodies on their way to the store: plaintext in, sealed octets out (spec/encryption.md 14.5).

use std::cell::OnceCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};

use crate::body::SealedBody;
use crate::s3::checksum::{Algorithm, Value};
use crate::s3::{Code, Fault};
use crate::seal::{LONGEST_PART, ObjectKey, Salt, SealFault, Sealer, whole};

/// A part that is to be sealed: its key, its number, and whether it belongs to an upload.
#[derive(Debug)]
pub(super) struct Place<'k> {
    pub(super) key: &'k ObjectKey,
    pub(super) number: u32,
    pub(super) multipart: bool,
    pub(super) salt: Salt,
}

/// The checksum that the client declared of its data, known at the latest when the data has ended.
pub(super) type Told = Rc<OnceCell<(Algorithm, Value)>>;

/// Seals a body. What is in hand is sealed at once, with the digests that a store may ask for; the rest on
/// its way, with `checksum` of the sealed octets behind it where that is wanted. The last sealed segment
/// leaves when all of the plaintext has been verified.
///
/// # Errors
/// `EntityTooLarge`
pub(super) fn seal(
    place: Place<'_>,
    plain: SealedBody,
    checksum: Option<Algorithm>,
) -> Result<(SealedBody, Told), Fault> {
    let Place { key, number, multipart, salt } = place;
    let length = plain.decoded_length();
    if length > LONGEST_PART {
        return Err(Fault::plain(Code::EntityTooLarge, "sealed-too-large")
            .with("ProposedSize", length.to_string())
            .with("MaxSizeAllowed", LONGEST_PART.to_string()));
    }
    let (verdict, told) = (plain.verdict(), Told::default());
    note(&plain, &told);
    let empty = Bytes::new();
    let in_hand = plain.whole().or_else(|| plain.verified().filter(|_| length == 0).map(|_| &empty));
    if let Some(data) = in_hand {
        let sealed = whole(key, number, multipart, salt, data).map_err(cannot_seal)?;
        return Ok((SealedBody::document(verdict, Bytes::from(sealed)), told));
    }
    let sealer = Sealer::new(key, number, multipart, length, salt).map_err(cannot_seal)?;
    let sealed = sealer.sealed_length();
    let sealing = Sealing { plain, sealer: Some(sealer), input: Bytes::new(), told: Rc::clone(&told) };
    Ok((SealedBody::made(Some(verdict), sealed, checksum, Box::pin(sealing)), told))
}

/// Seals data that this process has read elsewhere, `length` octets of it.
///
/// # Errors
/// `EntityTooLarge`
pub(super) fn seal_again(
    place: Place<'_>,
    length: u64,
    data: crate::body::MadeData,
    checksum: Option<Algorithm>,
) -> Result<SealedBody, Fault> {
    seal(place, SealedBody::made(None, length, None, data), checksum).map(|(body, _)| body)
}

fn cannot_seal(error: SealFault) -> Fault {
    Fault::plain(Code::InternalError, "cannot-seal").detail(error.to_string())
}

/// Notes the checksum of the plaintext, as soon as it is known.
fn note(plain: &SealedBody, told: &Told) {
    if let Some((algorithm, Some(value))) = plain.checksum() {
        let _ = told.set((algorithm, value)); // only once
    }
}

/// Seals on the way.
struct Sealing {
    plain: SealedBody,
    /// None when all has been sealed.
    sealer: Option<Sealer>,
    input: Bytes,
    told: Told,
}

impl Body for Sealing {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = &mut *self;
        loop {
            let Some(sealer) = &mut this.sealer else { return Poll::Ready(None) };
            while !this.input.is_empty() {
                match sealer.push(&mut this.input) {
                    Ok(Some(segment)) => return Poll::Ready(Some(Ok(Frame::data(segment)))),
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(Some(Err(cannot_seal(error)))),
                }
            }
            match ready!(Pin::new(&mut this.plain).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    this.input = frame.into_data().unwrap_or_default();
                    note(&this.plain, &this.told);
                }
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                None => {
                    note(&this.plain, &this.told);
                    match this.sealer.take().map(Sealer::finish) {
                        Some(Ok(Some(last))) => return Poll::Ready(Some(Ok(Frame::data(last)))),
                        Some(Err(error)) => return Poll::Ready(Some(Err(cannot_seal(error)))),
                        Some(Ok(None)) | None => return Poll::Ready(None),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;
    use crate::seal::{Opener, sealed_length};

    fn key() -> ObjectKey {
        ObjectKey::new(&[7; 32], [9; 16])
    }

    fn place(key: &ObjectKey) -> Place<'_> {
        Place { key, number: 1, multipart: false, salt: Salt::fresh([3; 24]) }
    }

    async fn collect(mut body: SealedBody) -> Result<(Vec<u8>, SealedBody), Fault> {
        let mut out = Vec::new();
        while let Some(frame) = body.frame().await {
            out.extend(frame?.into_data().unwrap());
        }
        Ok((out, body))
    }

    fn open(sealed: Vec<u8>) -> Vec<u8> {
        let (mut opener, mut sealed, mut out) = (Opener::whole(key()), Bytes::from(sealed), Vec::new());
        while !sealed.is_empty() {
            out.extend(opener.push(&mut sealed).unwrap().unwrap_or_default());
        }
        opener.finish().unwrap();
        out
    }

    fn made(data: &[u8], length: u64) -> SealedBody {
        let data = Full::new(Bytes::copy_from_slice(data)).map_err(|never| match never {});
        SealedBody::made(None, length, None, Box::pin(data))
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn what_is_sealed_on_the_way_is_what_is_sealed_at_once() {
        for length in [0_usize, 1, 65_535, 65_536, 65_537, 200_000] {
            let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let in_hand = SealedBody::full(Bytes::from(data.clone()));
            let (body, _) = seal(place(&key()), in_hand, None).unwrap();
            assert!(body.sha256().is_some() && !body.is_made(), "in hand, with its hash");
            let (at_once, _) = run(collect(body)).unwrap();
            let (body, _) = seal(place(&key()), made(&data, length as u64), Some(Algorithm::Crc32)).unwrap();
            assert!(body.is_made() && !body.is_end_stream());
            assert_eq!(Some(body.decoded_length()), sealed_length(length as u64));
            let (on_the_way, body) = run(collect(body)).unwrap();
            assert!(at_once == on_the_way && open(on_the_way.clone()) == data, "{length}");
            let checksum = crate::s3::checksum::of(Algorithm::Crc32, &on_the_way);
            assert_eq!(body.checksum(), Some((Algorithm::Crc32, Some(checksum))), "of the sealed octets");
        }
    }

    #[test]
    fn a_body_of_another_length_never_comes_to_its_end() {
        for (data, length) in [(&b"hello"[..], 4), (b"hello", 6), (b"", 1), (b"x", 0)] {
            let (body, _) = seal(place(&key()), made(data, length), None).unwrap();
            let sealed = body.decoded_length();
            let whole = run(collect(body)).is_ok_and(|(out, _)| out.len() as u64 == sealed);
            assert!(!whole, "{length}");
        }
    }

    #[test]
    fn what_would_be_longer_than_a_store_takes_is_refused_before_an_octet_of_it() {
        let (limit, data) = (LONGEST_PART, &b""[..]);
        assert!(seal(place(&key()), made(data, limit), None).is_ok());
        let fault = seal(place(&key()), made(data, limit + 1), None).err().unwrap();
        assert_eq!(fault.code(), Code::EntityTooLarge);
    }
}
