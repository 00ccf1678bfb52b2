//! Takes the data of an object or part in: hashes it and puts it into a file, or keeps it when it is small.

use std::fs::File;
use std::pin::{Pin, pin};

use bytes::{Bytes, BytesMut};
use http_body::Body;

use crate::s3::{Code, Fault};

use super::StoreError;
use super::checksums::{Algorithm, Digests, Sums};
use super::fault::Halt;
use super::files::{self, Fresh};
use super::index::Tx;
use super::layers::{Seal, Sealers};
use super::record::Blob;
use super::shell::Shell;

/// Bodies up to this long live in the index and cost no file.
pub(super) const SMALL: u64 = 32 << 10;
/// How much is written in one go. Many uploads at once have each two of them.
const PIECE: usize = 128 << 10;
/// The longest object of one request, and the longest part.
pub(super) const LARGEST: u64 = 5 << 30;

/// What is known of a body before it is read.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    /// Its exact length.
    pub(super) length: u64,
    /// The checksum that the client declared; the value unless that comes behind the body.
    pub(super) checksum: Option<(Algorithm, Option<Vec<u8>>)>,
}

/// Data that is safe on the disk, or small enough to go into the index, but not named there yet.
pub(super) struct Taken {
    id: super::record::BlobId,
    data: Data,
    /// The number that it was sealed with.
    sealed: Option<u32>,
    pub(super) length: u64,
    pub(super) sums: Sums,
}

enum Data {
    Small(Bytes),
    File(Fresh),
}

impl Taken {
    /// Enters the data into the index, for exactly one row.
    pub(super) fn enter(self, tx: &mut Tx<'_>) -> Result<Blob, StoreError> {
        let small = match self.data {
            Data::Small(body) => {
                tx.add_small(&self.id, &body)?;
                true
            }
            Data::File(fresh) => {
                tx.add_file(&self.id)?;
                fresh.keep();
                false
            }
        };
        Ok(Blob { id: self.id, length: self.length, small, sealed: self.sealed })
    }
}

/// Reads a body to its end and seals it. Nothing remains of it unless all of it came.
pub(super) async fn take<B>(
    shell: &Shell,
    length: u64,
    wanted: &[Algorithm],
    seal: Option<Seal>,
    body: B,
) -> Result<Taken, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    if length > LARGEST {
        return Err(too_large(length).into());
    }
    let body = pin!(body);
    if length <= SMALL {
        take_small(shell, length, wanted, seal, body).await
    } else {
        take_file(shell, length, wanted, seal, body).await
    }
}

/// Reads a document of at most `limit` octets.
pub(super) async fn document<B>(limit: usize, body: B) -> Result<Bytes, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    let mut body = pin!(body);
    let mut whole = Gathered::default();
    while let Some(piece) = next(body.as_mut()).await? {
        whole.add(piece);
        if whole.length > limit {
            let fault = Fault::plain(Code::MaxMessageLengthExceeded, "document-too-long")
                .with("MaxMessageLengthBytes", limit.to_string());
            return Err(fault.into());
        }
    }
    Ok(whole.join())
}

async fn take_small<B>(
    shell: &Shell,
    length: u64,
    wanted: &[Algorithm],
    seal: Option<Seal>,
    mut body: Pin<&mut B>,
) -> Result<Taken, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    let mut whole = Gathered::default();
    while let Some(piece) = next(body.as_mut()).await? {
        whole.add(piece);
        check_not_over(length, whole.length)?;
    }
    check_complete(length, whole.length)?;
    let whole = whole.join();
    let mut digests = Digests::new(wanted);
    digests.update(&whole);
    let id = shell.core.files.random_id()?;
    let octets = seal.as_ref().map_or(Ok(whole.clone()), |seal| seal.seal(&whole).map(Bytes::from))?;
    let sealed = seal.map(|seal| seal.number);
    Ok(Taken { id, data: Data::Small(octets), sealed, length, sums: digests.finish() })
}

/// A file being filled; travels to the threads and back.
struct Filling {
    fresh: Fresh,
    file: File,
    digests: Digests,
    sealers: Sealers,
}

impl Filling {
    fn append(mut self, pieces: Vec<Bytes>) -> Result<Self, StoreError> {
        for piece in pieces {
            self.digests.update(&piece);
            self.sealers.append(&piece, &mut self.file)?;
        }
        self.sealers.flush(&mut self.file)?;
        Ok(self)
    }

    /// Brings the rest to the disk.
    fn finish(mut self, files: &files::Files) -> Result<(Fresh, Sums), StoreError> {
        self.sealers.finish(&mut self.file)?;
        files.sync(&self.fresh.id, &self.file)?;
        Ok((self.fresh, self.digests.finish()))
    }
}

async fn take_file<B>(
    shell: &Shell,
    length: u64,
    wanted: &[Algorithm],
    seal: Option<Seal>,
    mut body: Pin<&mut B>,
) -> Result<Taken, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    let files = std::sync::Arc::clone(&shell.core.files);
    let digests = Digests::new(wanted);
    let sealers = seal.as_ref().map(|seal| seal.begin(length)).transpose()?.unwrap_or_default();
    let (fresh, file) = shell.pool.run(move || files.create()).await??;
    let filling = Filling { fresh, file, digests, sealers };
    // While one piece is written the next one comes in.
    let mut writing = shell.pool.submit(move || Ok::<_, StoreError>(filling)).await?;
    let (mut pieces, mut gathered, mut total) = (Vec::new(), 0_usize, 0_usize);
    loop {
        let piece = next(body.as_mut()).await?;
        let ended = piece.is_none();
        if let Some(piece) = piece {
            gathered = gathered.saturating_add(piece.len());
            total = total.saturating_add(piece.len());
            check_not_over(length, total)?;
            pieces.push(piece);
        }
        if gathered >= PIECE || ended {
            let full = std::mem::take(&mut pieces);
            gathered = 0;
            let filling = writing.await.map_err(|_| StoreError::Closed)??;
            writing = shell.pool.submit(move || filling.append(full)).await?;
        }
        if ended {
            break;
        }
    }
    check_complete(length, total)?;
    let filling = writing.await.map_err(|_| StoreError::Closed)??;
    let files = std::sync::Arc::clone(&shell.core.files);
    let (fresh, sums) = shell.pool.run(move || filling.finish(&files)).await??;
    Ok(Taken { id: fresh.id, data: Data::File(fresh), sealed: seal.map(|seal| seal.number), length, sums })
}

async fn next<B>(mut body: Pin<&mut B>) -> Result<Option<Bytes>, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    loop {
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await;
        match frame.transpose().map_err(Halt::Body)? {
            None => return Ok(None),
            // Trailers have been looked at by whoever made the body.
            Some(frame) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Frames in memory; a single one is not copied.
#[derive(Default)]
struct Gathered {
    pieces: Vec<Bytes>,
    length: usize,
}

impl Gathered {
    fn add(&mut self, piece: Bytes) {
        self.length = self.length.saturating_add(piece.len());
        self.pieces.push(piece);
    }

    fn join(mut self) -> Bytes {
        if self.pieces.len() <= 1 {
            return self.pieces.pop().unwrap_or_default();
        }
        let mut whole = BytesMut::with_capacity(self.length);
        self.pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
        whole.freeze()
    }
}

fn check_not_over(promised: u64, come: usize) -> Result<(), Halt> {
    if u64::try_from(come).unwrap_or(u64::MAX) > promised { Err(incomplete(promised, come)) } else { Ok(()) }
}

fn check_complete(promised: u64, come: usize) -> Result<(), Halt> {
    if u64::try_from(come).unwrap_or(u64::MAX) == promised { Ok(()) } else { Err(incomplete(promised, come)) }
}

fn incomplete(promised: u64, come: usize) -> Halt {
    let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    Halt::Body(
        Fault::new(Code::IncompleteBody, "body-length", message)
            .with("NumberBytesExpected", promised.to_string())
            .with("NumberBytesProvided", come.to_string()),
    )
}

pub(super) fn too_large(length: u64) -> Fault {
    Fault::new(Code::EntityTooLarge, "object-too-large", "Your proposed upload exceeds the maximum allowed size")
        .with("ProposedSize", length.to_string())
        .with("MaxSizeAllowed", LARGEST.to_string())
}
