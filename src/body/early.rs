//! The readings before the signature is checked: of a form, the fields up to its file; all of a small body
//! whose hash is what is signed.

use bytes::{Bytes, BytesMut};
use http_body::Body;

use super::BoxError;
use super::flow::{Incoming, PATIENCE, broke_off};
use super::form::{FormDecoder, FormEvent};
use super::seal::Unread;
use crate::s3::form::{self, Fields};
use crate::s3::{Code, Fault};

/// A form up to its file. Made by [`Unread::read_form`] and nothing else.
#[derive(Debug)]
pub struct FormHead {
    fields: Fields,
    before: u64,
    closing: u64,
}

impl FormHead {
    /// The fields, the file's name in its places.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The length of the file in a form of so many octets, if nothing follows it but the closing
    /// boundary on its own line.
    pub(super) fn file_length(&self, form: u64) -> u64 {
        form.saturating_sub(self.before).saturating_sub(self.closing)
    }
}

/// A form whose file has begun.
pub(super) struct Begun {
    pub(super) incoming: Incoming,
    pub(super) decoder: FormDecoder,
    /// Octets not yet decoded.
    pub(super) input: Bytes,
}

impl<B> Unread<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    /// Reads the fields of a form, up to the first octet of its file. No more than that is taken from
    /// the body, but for the rest of the piece in which the file begins.
    ///
    /// # Errors
    /// As for [`FormDecoder::feed`] and [`Fields`]; a body that breaks off.
    pub async fn read_form(self, boundary: &str) -> Result<(FormHead, Self), Fault> {
        let mut begun =
            Begun { incoming: self.into_incoming()?, decoder: FormDecoder::new(boundary), input: Bytes::new() };
        let mut fields = Fields::default();
        let mut empty = 0_usize;
        let file = loop {
            match begun.decoder.feed(&mut begun.input)? {
                FormEvent::Field { name, value } => fields.push(&name, value)?,
                FormEvent::File(file) => break file,
                FormEvent::Data(_) | FormEvent::More => {
                    begun.input = next(&mut begun.incoming).await?;
                    empty = empty.saturating_add(usize::from(begun.input.is_empty()));
                    if empty > PATIENCE {
                        return Err(form::malformed("form-empty-frames"));
                    }
                }
            }
        };
        fields.name_file(&file)?;
        let (before, closing) = (begun.decoder.octets_before_file(), begun.decoder.closing_octets());
        Ok((FormHead { fields, before, closing }, Self::begun(begun)))
    }
}

impl<B> Unread<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    /// Reads all of a body that may have so many octets. What is left of it is nothing.
    ///
    /// # Errors
    /// `MaxMessageLengthExceeded`; a body that breaks off.
    pub async fn read_whole(self, limit: u64) -> Result<Bytes, Fault> {
        let mut incoming = self.into_incoming()?;
        let mut all = BytesMut::new();
        let mut empty = 0_usize;
        while let Some(frame) = std::future::poll_fn(|cx| incoming.as_mut().poll_frame(cx)).await {
            let data = frame.map_err(broke_off)?.into_data().unwrap_or_default();
            empty = empty.saturating_add(usize::from(data.is_empty()));
            if (all.len() as u64).saturating_add(data.len() as u64) > limit || empty > PATIENCE {
                return Err(Fault::plain(Code::MaxMessageLengthExceeded, "early-body-too-long")
                    .with("MaxMessageLengthBytes", limit.to_string()));
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }
}

async fn next(incoming: &mut Incoming) -> Result<Bytes, Fault> {
    match std::future::poll_fn(|cx| incoming.as_mut().poll_frame(cx)).await {
        Some(Ok(frame)) => Ok(frame.into_data().unwrap_or_default()),
        Some(Err(error)) => Err(broke_off(error)),
        None => Err(form::malformed("form-cut-off")),
    }
}
