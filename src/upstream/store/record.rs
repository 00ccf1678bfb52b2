//! The rows of the index and their spelling in octets.

use super::StoreError;
use super::checksums::{self, Algorithm};
use crate::s3::encryption::Kind;
use crate::seal::{Commitment, ObjectId};

/// The random name of a file, or of a small body that lives in the index.
pub(super) type BlobId = [u8; 16];

/// Octets that were stored in one go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Blob {
    pub(super) id: BlobId,
    pub(super) length: u64,
    /// In the index rather than in a file.
    pub(super) small: bool,
    /// The number that it was sealed with; none, if it lies there as it came: before format 2, nothing was
    /// sealed.
    pub(super) sealed: Option<u32>,
}

/// One part of an object; an object that was put whole has one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Part {
    pub(super) blob: Blob,
    /// Its own checksum, in the object's algorithm.
    pub(super) checksum: Vec<u8>,
}

/// A checksum with its algorithm.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    /// Over the checksums of the parts rather than over the object.
    pub(super) composite: bool,
    pub(super) value: Vec<u8>,
}

/// What a client says about an object: headers that come back, and tags.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Attributes {
    /// Lower-case names with values as they came, `x-amz-meta-` included.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) tags: Vec<(String, String)>,
}

/// A version of an object. What listings need comes first, so that they decode no more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ObjectRow {
    pub(super) facts: Facts,
    pub(super) attributes: Attributes,
    /// The upload that made it, if it came in parts.
    pub(super) upload: Option<String>,
    pub(super) parts: Vec<Part>,
    /// What opens the parts, if they are sealed.
    pub(super) sealing: Option<Sealing>,
}

/// How data was encrypted: what answers say, and what opens it again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Sealing {
    /// None: with a key that the client keeps (SSE-C).
    pub(super) kind: Option<Kind>,
    /// Whether the data keys are bound to the bucket rather than to the object.
    pub(super) bucket_key: bool,
    /// What the client added to the encryption context, in canonical form.
    pub(super) context: Vec<u8>,
    /// Data was sealed with the first, the outcome with the next.
    pub(super) layers: Vec<Layer>,
}

/// One encryption.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Layer {
    /// The ARN of the KMS key; none for the store's own, and for one that the client keeps.
    pub(super) key: Option<String>,
    /// The data key, wrapped by that.
    pub(super) wrapped: Vec<u8>,
    pub(super) id: ObjectId,
    pub(super) commitment: Commitment,
}

impl Sealing {
    /// Whether an entity tag may tell of the data: only where the service keeps the key.
    pub(super) fn hides_md5(&self) -> bool {
        self.kind != Some(Kind::S3)
    }

    /// The ARN of the KMS key, if one was used.
    pub(super) fn key(&self) -> Option<&str> {
        self.layers.iter().find_map(|layer| layer.key.as_deref())
    }
}

/// The head of an [`ObjectRow`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Facts {
    /// 0 for the version called `null`.
    pub(super) version: u64,
    pub(super) delete_marker: bool,
    /// Milliseconds since the epoch.
    pub(super) modified: i64,
    pub(super) size: u64,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) owner: String,
    pub(super) checksum: Option<Checksum>,
}

impl ObjectRow {
    /// Whether it was uploaded in parts.
    pub(super) fn is_multipart(&self) -> bool {
        self.upload.is_some()
    }
}

/// A bucket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct BucketRow {
    pub(super) owner: String,
    pub(super) created: i64,
    pub(super) tags: Vec<(String, String)>,
}

/// A multipart upload under way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct UploadRow {
    pub(super) initiator: String,
    pub(super) initiated: i64,
    /// What the client asked for; without it the object gets a CRC64NVME like any other.
    pub(super) declared: Option<Algorithm>,
    pub(super) composite: bool,
    pub(super) attributes: Attributes,
    /// What its parts are sealed with; none, if it was begun before anything was.
    pub(super) sealing: Option<Sealing>,
}

impl UploadRow {
    /// The algorithm of the object to be.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.declared.unwrap_or(Algorithm::Crc64Nvme)
    }
}

/// A part of an upload under way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct PartRow {
    pub(super) part: Part,
    /// The entity tag: the MD5 of the data, or random octets where KMS keys are used.
    pub(super) tag: [u8; 16],
    pub(super) modified: i64,
}

/// Something that the index stores.
pub(super) trait Row: Sized {
    fn write(&self, out: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Option<Self>;

    fn encode(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(256));
        self.write(&mut out);
        out.0
    }

    fn decode(octets: &[u8]) -> Result<Self, StoreError> {
        Self::read(&mut Reader(octets)).ok_or(StoreError::Damaged(std::any::type_name::<Self>()))
    }
}

impl Row for Facts {
    fn write(&self, out: &mut Writer) {
        out.u64(self.version);
        out.flag(self.delete_marker);
        out.i64(self.modified);
        out.u64(self.size);
        out.text(&self.etag);
        out.text(&self.owner);
        match &self.checksum {
            None => out.u8(u8::MAX),
            Some(checksum) => {
                out.u8(checksums::number(checksum.algorithm));
                out.flag(checksum.composite);
                out.octets(&checksum.value);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            version: from.u64()?,
            delete_marker: from.flag()?,
            modified: from.i64()?,
            size: from.u64()?,
            etag: from.text()?,
            owner: from.text()?,
            checksum: match from.u8()? {
                u8::MAX => None,
                number => Some(Checksum {
                    algorithm: checksums::numbered(number)?,
                    composite: from.flag()?,
                    value: from.octets()?.to_vec(),
                }),
            },
        })
    }
}

impl Row for ObjectRow {
    fn write(&self, out: &mut Writer) {
        self.facts.write(out);
        self.attributes.write(out);
        out.option(self.upload.as_ref(), |out, upload| out.text(upload));
        out.list(&self.parts, |out, part| part.write(out));
        // A row whose parts are sealed ends with what opens them.
        if let Some(sealing) = &self.sealing {
            sealing.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (facts, attributes) = (Facts::read(from)?, Attributes::read(from)?);
        let (upload, parts) = (from.option(Reader::text)?, from.list(Part::read)?);
        let sealed = parts.iter().any(|part| part.blob.sealed.is_some());
        let sealing = if sealed { Some(Sealing::read(from)?) } else { None };
        Some(Self { facts, attributes, upload, parts, sealing })
    }
}

impl Row for Attributes {
    fn write(&self, out: &mut Writer) {
        out.list(&self.headers, |out, (name, value)| {
            out.text(name);
            out.octets(value);
        });
        out.pairs(&self.tags);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let headers = from.list(|from| Some((from.text()?, from.octets()?.to_vec())))?;
        Some(Self { headers, tags: from.pairs()? })
    }
}

impl Row for Part {
    fn write(&self, out: &mut Writer) {
        out.0.extend_from_slice(&self.blob.id);
        out.u64(self.blob.length);
        out.flags(self.blob.small, self.blob.sealed.is_some());
        if let Some(number) = self.blob.sealed {
            out.0.extend_from_slice(&number.to_be_bytes());
        }
        out.octets(&self.checksum);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (id, length, (small, sealed)) = (from.array()?, from.u64()?, from.flags()?);
        let sealed = if sealed { Some(u32::from_be_bytes(from.array()?)) } else { None };
        Some(Self { blob: Blob { id, length, small, sealed }, checksum: from.octets()?.to_vec() })
    }
}

/// What stands in the place of a kind where the client keeps the key.
const CUSTOMER: u8 = 0x43;

impl Row for Sealing {
    fn write(&self, out: &mut Writer) {
        let place = |kind| Kind::ALL.iter().position(|known| *known == kind).and_then(|at| u8::try_from(at).ok());
        out.u8(self.kind.map_or(CUSTOMER, |kind| place(kind).unwrap_or(0xff)));
        out.flag(self.bucket_key);
        out.octets(&self.context);
        out.list(&self.layers, |out, layer| {
            out.option(layer.key.as_ref(), |out, key| out.text(key));
            out.octets(&layer.wrapped);
            out.0.extend_from_slice(&layer.id);
            out.0.extend_from_slice(&layer.commitment);
        });
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let kind = match from.u8()? {
            CUSTOMER => None,
            place => Some(*Kind::ALL.get(usize::from(place))?),
        };
        let (bucket_key, context) = (from.flag()?, from.octets()?.to_vec());
        let layers = from.list(|from| {
            let (key, wrapped) = (from.option(Reader::text)?, from.octets()?.to_vec());
            Some(Layer { key, wrapped, id: from.array()?, commitment: from.array()? })
        })?;
        Some(Self { kind, bucket_key, context, layers }).filter(|sealing| !sealing.layers.is_empty())
    }
}

impl Row for BucketRow {
    fn write(&self, out: &mut Writer) {
        out.text(&self.owner);
        out.i64(self.created);
        out.pairs(&self.tags);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { owner: from.text()?, created: from.i64()?, tags: from.pairs()? })
    }
}

impl Row for UploadRow {
    fn write(&self, out: &mut Writer) {
        out.text(&self.initiator);
        out.i64(self.initiated);
        out.option(self.declared.as_ref(), |out, algorithm| out.u8(checksums::number(*algorithm)));
        out.flags(self.composite, self.sealing.is_some());
        self.attributes.write(out);
        if let Some(sealing) = &self.sealing {
            sealing.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (initiator, initiated) = (from.text()?, from.i64()?);
        let declared = from.option(|from| checksums::numbered(from.u8()?))?;
        let (composite, sealed) = from.flags()?;
        let attributes = Attributes::read(from)?;
        let sealing = if sealed { Some(Sealing::read(from)?) } else { None };
        Some(Self { initiator, initiated, declared, composite, attributes, sealing })
    }
}

impl Row for PartRow {
    fn write(&self, out: &mut Writer) {
        self.part.write(out);
        out.0.extend_from_slice(&self.tag);
        out.i64(self.modified);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { part: Part::read(from)?, tag: from.array()?, modified: from.i64()? })
    }
}

/// Writes fields one after the other; numbers big-endian, everything else behind its length.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Two in one octet. Before there was the second, it was written like one.
    fn flags(&mut self, first: bool, second: bool) {
        self.u8(u8::from(first) | u8::from(second) << 1);
    }

    fn length(&mut self, length: usize) {
        // Everything that gets here has been bounded far below 4 GiB.
        self.0.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn octets(&mut self, value: &[u8]) {
        self.length(value.len());
        self.0.extend_from_slice(value);
    }

    fn text(&mut self, value: &str) {
        self.octets(value.as_bytes());
    }

    fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, values: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.length(values.len());
        for value in values {
            write(self, value);
        }
    }

    fn pairs(&mut self, pairs: &[(String, String)]) {
        self.list(pairs, |out, (name, value)| {
            out.text(name);
            out.text(value);
        });
    }
}

/// Reads what [`Writer`] wrote; `None` as soon as something does not fit.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[octet]| octet)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn flags(&mut self) -> Option<(bool, bool)> {
        let octet = self.u8().filter(|octet| *octet < 4)?;
        Some((octet & 1 != 0, octet & 2 != 0))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.array()?)).ok()
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn octets(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.octets()?.to_vec()).ok()
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Some(None) }
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length()?;
        // A damaged length must not reserve memory: every value takes at least one octet.
        let mut values = Vec::with_capacity(length.min(self.0.len()));
        for _ in 0..length {
            values.push(read(self)?);
        }
        Some(values)
    }

    fn pairs(&mut self) -> Option<Vec<(String, String)>> {
        self.list(|from| Some((from.text()?, from.text()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> ObjectRow {
        let checksum = Checksum { algorithm: Algorithm::Sha256, composite: true, value: vec![7; 32] };
        ObjectRow {
            facts: Facts {
                version: 3,
                delete_marker: false,
                modified: -5,
                size: 1 << 40,
                etag: "abc-2".into(),
                owner: "111122223333".into(),
                checksum: Some(checksum),
            },
            attributes: Attributes {
                headers: vec![("content-type".into(), b"text/\xff".to_vec())],
                tags: vec![("a".into(), "b".into())],
            },
            upload: Some("u".into()),
            parts: vec![Part {
                blob: Blob { id: [9; 16], length: 5, small: true, sealed: Some(7) },
                checksum: vec![1],
            }],
            sealing: Some(sealing()),
        }
    }

    fn sealing() -> Sealing {
        let layer = |key| Layer { key, wrapped: vec![3; 65], id: [4; 16], commitment: [5; 32] };
        let layers = vec![layer(Some("arn:aws:kms:us-east-1:111122223333:key/a".into())), layer(None)];
        Sealing { kind: Some(Kind::Dsse), bucket_key: false, context: b"{}".to_vec(), layers }
    }

    #[test]
    fn rows_come_back_as_they_were_written() {
        let row = object();
        assert_eq!(ObjectRow::decode(&row.encode()).unwrap(), row);
        assert_eq!(Facts::decode(&row.encode()).unwrap(), row.facts);
        let upload = UploadRow {
            initiator: "a".into(),
            initiated: 1,
            declared: None,
            composite: false,
            attributes: Attributes::default(),
            sealing: Some(sealing()),
        };
        assert_eq!(UploadRow::decode(&upload.encode()).unwrap(), upload);
    }

    /// Rows as they were written before anything was sealed.
    #[test]
    fn old_rows_are_read() {
        let plain = Blob { sealed: None, ..object().parts[0].blob.clone() };
        let old = ObjectRow { parts: vec![Part { blob: plain, checksum: vec![1] }], sealing: None, ..object() };
        let octets = old.encode();
        assert_eq!(octets.len() + 4 + sealing().encode().len(), object().encode().len());
        assert_eq!(octets[octets.len() - 6], 1, "the flag in front of the checksum is as it was");
        assert_eq!(ObjectRow::decode(&octets).unwrap(), old);
    }

    #[test]
    fn a_damaged_row_is_an_error_and_never_a_panic() {
        let octets = object().encode();
        for cut in 0..octets.len() {
            assert!(ObjectRow::decode(&octets[..cut]).is_err(), "cut at {cut}");
            let mut bent = octets.clone();
            bent[cut] ^= 0xff;
            let _ = ObjectRow::decode(&bent);
        }
    }
}
