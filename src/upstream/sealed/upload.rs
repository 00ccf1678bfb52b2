//! Uploads under way. What their parts need travels in their ids (spec/encryption.md 14.5, 14.8).
//!
//! The store gives the metadata of an upload back only with the object, so that it must be kept somewhere
//! until then. The id that a client is given holds it: the store's own id, and behind it the wrapped data key
//! and all that opens it, vouched for with that key. So any process with the same ring goes on with any
//! upload, also after a restart, and nothing is guessed. It tells a client nothing but its own wrapped key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::keys::{Name, Unopened, context_of};
use super::{Sealed, name};
use crate::s3::{Code, Fault};
use crate::seal::{Metadata, ObjectKey};
use crate::upstream::Forward;

/// Between the store's id and ours.
const MARK: &str = ".s3hp1.";
/// Octets of the proof at the end.
const PROOF: usize = 32;
/// The longest id that is read; that of the store and 2 KB of metadata are far below.
const LONGEST: usize = 8 << 10;
const UPLOAD_ID: &str = "uploadId";

/// An upload, as its id says it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Ticket {
    store: String,
    metadata: Metadata,
    proof: [u8; PROOF],
}

/// What an upload was begun with. Not yet true: whoever goes on with it verifies that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Begun {
    /// The ARN of the key.
    pub key: String,
    /// Bound to the bucket, not to the object.
    pub bucket_key: bool,
}

/// What the id of an upload says of its encryption; none of an id that is not of this kind.
pub fn begun(id: &str, bucket: &str, key: &str) -> Option<Begun> {
    let metadata = Ticket::parse(id)?.metadata;
    let (_, bucket_key) = context_of(&metadata, Name { bucket, key })?;
    Some(Begun { key: metadata.key, bucket_key })
}

/// The id for the client.
pub(super) fn id(store: &str, metadata: &Metadata, key: &ObjectKey, name: Name<'_>) -> String {
    let mut octets = encode(metadata);
    octets.extend_from_slice(&key.vouch(&vouched(store, metadata, name)));
    format!("{store}{MARK}{}", URL_SAFE_NO_PAD.encode(octets))
}

/// The same request with the store's own id.
pub(super) fn of_store(mut out: Box<Forward>) -> Box<Forward> {
    if let Some((_, id)) = out.query.iter_mut().find(|(name, _)| name == UPLOAD_ID)
        && let Some((store, _)) = id.rsplit_once(MARK)
    {
        *id = store.to_owned();
    }
    out
}

/// The id that a request names.
pub(super) fn id_of(out: &Forward) -> &str {
    out.query.iter().find(|(name, _)| name == UPLOAD_ID).map(|(_, id)| id.as_str()).unwrap_or_default()
}

/// The number of the part that a request names.
///
/// # Errors
/// `InvalidArgument`
pub(super) fn part_number(out: &Forward) -> Result<u32, Fault> {
    let sent = out.query.iter().find(|(name, _)| name == "partNumber").map_or("", |(_, number)| number.as_str());
    let number = sent.parse::<u32>().ok().filter(|number| (1..=10_000).contains(number));
    let message = "Part number must be an integer between 1 and 10000, inclusive";
    number.ok_or_else(|| Fault::argument("part-number", message, "partNumber", Some(sent.to_owned())))
}

impl Sealed {
    /// What the upload of a request was begun with.
    ///
    /// # Errors
    /// `NoSuchUpload`: its id is none that was given out here, or for another object; E-13, E-15 to E-17.
    pub(super) async fn upload(&self, out: &Forward) -> Result<(Metadata, ObjectKey), Fault> {
        let ticket = Ticket::parse(id_of(out)).ok_or_else(|| unknown(out))?;
        let opened = self.keys.try_open(&ticket.metadata, name(out), out.requester.as_ref()).await;
        let key = opened.map_err(|unopened| match unopened {
            Unopened::Fault(fault) => fault,
            Unopened::Broken(_) => unknown(out),
        })?;
        let proof = key.vouch(&vouched(&ticket.store, &ticket.metadata, name(out)));
        match bool::from(proof.ct_eq(&ticket.proof)) {
            true => Ok((ticket.metadata, key)),
            false => Err(unknown(out)),
        }
    }
}

fn unknown(out: &Forward) -> Fault {
    let message = "The specified upload does not exist. Objects that the proxy seals are uploaded under the id that \
        CreateMultipartUpload has answered; the store's own id, as lists have it, does not open them.";
    Fault::new(Code::NoSuchUpload, "sealed-upload-id", message).with("UploadId", id_of(out))
}

impl Ticket {
    fn parse(id: &str) -> Option<Self> {
        let (store, ours) = id.rsplit_once(MARK).filter(|_| id.len() <= LONGEST)?;
        let octets = URL_SAFE_NO_PAD.decode(ours).ok()?;
        let (octets, proof) = octets.split_last_chunk::<PROOF>()?;
        Some(Self { store: store.to_owned(), metadata: decode(octets)?, proof: *proof })
    }
}

/// All that the proof is about; every piece with its length in front.
fn vouched(store: &str, metadata: &Metadata, name: Name<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    for piece in [store.as_bytes(), name.bucket.as_bytes(), name.key.as_bytes(), &encode(metadata)] {
        put(&mut out, piece);
    }
    out
}

fn encode(metadata: &Metadata) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    put(&mut out, metadata.key.as_bytes());
    put(&mut out, &metadata.wrapped);
    out.extend_from_slice(&metadata.id);
    out.extend_from_slice(&metadata.commitment);
    put(&mut out, metadata.context.as_deref().unwrap_or_default());
    out
}

/// Metadata is shorter than 2 KB, and so is every piece of it.
fn put(out: &mut Vec<u8>, piece: &[u8]) {
    let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(piece);
}

fn take<'o>(octets: &mut &'o [u8]) -> Option<&'o [u8]> {
    let (length, rest) = octets.split_first_chunk::<2>()?;
    let (piece, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *octets = rest;
    Some(piece)
}

fn decode(mut octets: &[u8]) -> Option<Metadata> {
    let key = std::str::from_utf8(take(&mut octets)?).ok()?.to_owned();
    let wrapped = take(&mut octets)?.to_vec();
    let (id, mut octets) = octets.split_first_chunk::<16>()?;
    let (commitment, rest) = octets.split_first_chunk::<32>()?;
    octets = rest;
    let context = Some(take(&mut octets)?).filter(|context| !context.is_empty()).map(<[u8]>::to_vec);
    octets.is_empty().then_some(Metadata { key, wrapped, id: *id, commitment: *commitment, context, checksums: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: Name<'_> = Name { bucket: "b", key: "k" };

    fn metadata(context: Option<&[u8]>) -> Metadata {
        let commitment = ObjectKey::new(&[1; 32], [2; 16]).commitment();
        let context = context.map(<[u8]>::to_vec);
        Metadata { key: "arn:k".to_owned(), wrapped: vec![7; 65], id: [2; 16], commitment, context, checksums: None }
    }

    #[test]
    fn an_id_gives_back_what_the_upload_was_begun_with() {
        let key = ObjectKey::new(&[1; 32], [2; 16]);
        for context in [None, Some(&br#"{"a":"b"}"#[..])] {
            let metadata = metadata(context);
            let id = id("store.id/=", &metadata, &key, NAME);
            let ticket = Ticket::parse(&id).unwrap();
            assert_eq!((ticket.store.as_str(), &ticket.metadata), ("store.id/=", &metadata));
            assert_eq!(ticket.proof, key.vouch(&vouched("store.id/=", &metadata, NAME)));
            assert_eq!(begun(&id, "b", "k"), Some(Begun { key: "arn:k".to_owned(), bucket_key: false }));
        }
        let of_bucket = metadata(Some(br#"{"aws:s3:arn":"arn:aws:s3:::b"}"#));
        let id = id("s", &of_bucket, &key, NAME);
        assert_eq!(begun(&id, "b", "k").map(|begun| begun.bucket_key), Some(true));
        assert_eq!(begun(&id, "other", "k"), None);
    }

    #[test]
    fn what_is_no_id_of_ours_is_none() {
        let key = ObjectKey::new(&[1; 32], [2; 16]);
        let good = id("store", &metadata(None), &key, NAME);
        let ours = good.rsplit_once(MARK).unwrap().1;
        let long = "s".repeat(LONGEST);
        for bad in [
            "store",
            ".s3hp1.",
            "store.s3hp1.",
            "store.s3hp1.AAAA",
            good.split_at(good.len() - 2).0,
            &format!("{good}AA"),
        ] {
            let parsed = Ticket::parse(bad);
            assert!(parsed.is_none_or(|ticket| ticket.proof != Ticket::parse(&good).unwrap().proof), "{bad}");
        }
        assert_eq!(Ticket::parse(&format!("{long}{MARK}{ours}")), None);
    }

    #[test]
    fn a_proof_is_for_one_upload_of_one_object() {
        let proof = |store, name| ObjectKey::new(&[1; 32], [2; 16]).vouch(&vouched(store, &metadata(None), name));
        let one = proof("store", NAME);
        assert_ne!(one, proof("stor", Name { bucket: "eb", key: "k" }));
        assert_ne!(one, proof("store", Name { bucket: "b", key: "l" }));
        assert_ne!(one, proof("other", NAME));
    }
}
