//! What follows the final chunk (spec/sigv4.md 8.2, 8.4): exactly the announced checksum, and in the
//! signed mode a signature over it.

use crate::s3::checksum::{self, Algorithm, Value};
use crate::s3::payload::ChunkSignatures;
use crate::s3::{Code, Fault};

use super::chunked::cut_off;

/// The longest trailer field.
const LONGEST_FIELD: usize = 1024;
/// The name of the field that signs the others.
const SIGNATURE: &str = "x-amz-trailer-signature";

/// The fields behind the final chunk. Nothing is kept that was not announced, so a trailer costs at
/// most one field and one signature, whatever the client sends.
#[derive(Debug)]
pub(super) struct Trailer {
    /// The payload mode has a trailer.
    expected: bool,
    /// The payload mode signs it.
    signed: bool,
    announced: Option<Algorithm>,
    fields: Vec<(String, String)>,
    signature: Option<Vec<u8>>,
    value: Option<Value>,
}

impl Trailer {
    pub(super) fn new(expected: bool, signed: bool, announced: Option<Algorithm>) -> Self {
        Self { expected, signed, announced, fields: Vec::new(), signature: None, value: None }
    }

    /// The checksum, once [`Trailer::check`] has passed.
    pub(super) fn value(&self) -> Option<Value> {
        self.value
    }

    /// The fields but the signature, names in lower case.
    pub(super) fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Takes what came up to a CRLF. One client ends a value with LF in front of it and separates
    /// several fields by LF alone; both are read as it means them.
    pub(super) fn take(&mut self, line: &[u8], signatures: Option<&dyn ChunkSignatures>) -> Result<(), Fault> {
        if !self.expected {
            return Err(malformed());
        }
        let fields = line.strip_suffix(b"\n").unwrap_or(line).split(|&octet| octet == b'\n');
        fields.into_iter().try_for_each(|field| self.field(field, signatures))
    }

    fn field(&mut self, field: &[u8], signatures: Option<&dyn ChunkSignatures>) -> Result<(), Fault> {
        // The signature is the last field: nothing follows it unsigned.
        if field.len() > LONGEST_FIELD || self.signature.is_some() {
            return Err(malformed());
        }
        let text = std::str::from_utf8(field).map_err(|_| malformed())?;
        let (name, value) = text.split_once(':').ok_or_else(malformed)?;
        let value = value.trim_matches([' ', '\t']);
        let announced = self.announced.map(Algorithm::header);
        if announced.is_some_and(|announced| announced.eq_ignore_ascii_case(name)) && self.fields.is_empty() {
            self.fields.push((name.to_ascii_lowercase(), value.to_owned()));
            return Ok(());
        }
        if self.signed
            && name.eq_ignore_ascii_case(SIGNATURE)
            && signatures.is_some_and(|signatures| signatures.has_form(value.as_bytes()))
        {
            self.signature = Some(value.as_bytes().to_vec());
            return Ok(());
        }
        Err(malformed())
    }

    /// All of it has come: is it what was announced, signed as the mode demands, and readable?
    pub(super) fn check(&mut self, signatures: Option<&mut Box<dyn ChunkSignatures>>) -> Result<(), Fault> {
        if self.announced.is_some() && self.fields.is_empty() {
            return Err(malformed());
        }
        if self.expected
            && let Some(signatures) = signatures
        {
            let signature = self.signature.as_deref().ok_or_else(cut_off)?;
            // At most one field is ever kept, so it is in order.
            let canonical: String = self.fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
            signatures.trailer(canonical.as_bytes(), signature)?;
        }
        if let (Some(algorithm), Some((_, text))) = (self.announced, self.fields.first()) {
            let value = Value::from_base64(algorithm, text.as_bytes());
            self.value = Some(value.ok_or_else(|| checksum::bad_value(algorithm, "trailing header"))?);
        }
        Ok(())
    }
}

/// Not the trailer that was announced, or none that can be read.
pub(super) fn malformed() -> Fault {
    Fault::plain(Code::MalformedTrailerError, "trailer")
}
