//! What a write says about its encryption, and what answers say (spec/encryption.md 2, 4).
//!
//! Which encryption applies has been decided in front of the store; here it is done. What would be a lie
//! is refused all the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::kms::Context;
use crate::s3::encryption::{BUCKET_KEY, CONTEXT, CUSTOMER, KEY_ID, KIND, Kind};
use crate::s3::{Code, Fault};

use super::answer::set;
use super::customer::Customer;
use super::record::Sealing;
use super::request::Request;

/// How an object is to be encrypted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// None: with the client's own key.
    pub(super) kind: Option<Kind>,
    pub(super) customer: Option<Customer>,
    /// The KMS key as it was named; none for the account's own.
    pub(super) key: Option<String>,
    pub(super) bucket_key: bool,
    /// What the client adds to the context.
    pub(super) context: Context,
}

impl Wanted {
    /// Reads the headers of PutObject, CopyObject and CreateMultipartUpload. Nothing said is SSE-S3.
    pub(super) fn read(request: &Request) -> Result<Self, Fault> {
        let headers = &request.forward().headers;
        let said = headers.get(KIND).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let customer = Customer::read(headers, &CUSTOMER)?;
        let kind = match (&said, &customer) {
            (None, None) => Some(Kind::S3),
            (None, Some(_)) => None,
            (Some(name), None) => Some(Kind::named(name).ok_or_else(|| unknown(name))?),
            (Some(name), Some(_)) => {
                let message = "Server Side Encryption with Customer provided key is incompatible with the encryption \
                    method specified";
                return Err(Fault::argument("sse-and-customer-key", message, KIND.as_str(), Some(name.clone())));
            }
        };
        if !kind.is_some_and(Kind::uses_kms) && (headers.contains_key(KEY_ID) || headers.contains_key(CONTEXT)) {
            let message = "Server Side Encryption with AWS KMS managed key requires HTTP header \
                x-amz-server-side-encryption : aws:kms";
            return Err(Fault::argument("kms-without-kind", message, KIND.as_str(), said));
        }
        let bucket_key = match request.header(BUCKET_KEY.as_str()) {
            // Bucket keys do not exist for two layers.
            Some(text) if text.eq_ignore_ascii_case("true") => kind == Some(Kind::Kms),
            None => false,
            Some(text) if text.eq_ignore_ascii_case("false") => false,
            Some(text) => {
                let message = "Value for x-amz-server-side-encryption-bucket-key-enabled header is invalid.";
                return Err(Fault::argument("bucket-key", message, BUCKET_KEY.as_str(), Some(text.to_owned())));
            }
        };
        let key = request.header(KEY_ID.as_str()).map(str::to_owned);
        Ok(Self { kind, customer, key, bucket_key, context: context(headers)? })
    }
}

fn context(headers: &HeaderMap) -> Result<Context, Fault> {
    let Some(value) = headers.get(CONTEXT) else { return Ok(Context::default()) };
    Context::from_header(value.as_bytes()).map_err(|_| no_context())
}

/// E-10
pub(super) fn no_context() -> Fault {
    let message = "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON \
        which represents a string-string map";
    Fault::argument("encryption-context", message, CONTEXT.as_str(), None)
}

/// E-3
fn unknown(said: &str) -> Fault {
    let message = "The encryption request you specified is not valid. The valid value is AES256.";
    Fault::new(Code::InvalidEncryptionAlgorithmError, "unknown-encryption", message)
        .with("ArgumentName", KIND.as_str())
        .with("ArgumentValue", said)
}

/// Refuses encryption headers where the object or upload has its encryption already.
pub(super) fn refuse(request: &Request) -> Result<(), Fault> {
    let headers = &request.forward().headers;
    match [KIND, KEY_ID, CONTEXT, BUCKET_KEY].into_iter().find(|name| headers.contains_key(name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("{name} header is not supported for this operation.");
            Err(Fault::argument("encryption-not-here", message, name.as_str(), None))
        }
    }
}

/// Says how something is encrypted. What lies there as it came says nothing.
pub(super) fn say(headers: &mut HeaderMap, sealing: Option<&Sealing>, customer: Option<&Customer>) {
    let Some(sealing) = sealing else { return };
    match (sealing.kind, customer) {
        (Some(kind), _) => set(headers, KIND.as_str(), kind.as_str()),
        (None, Some(customer)) => customer.say(headers),
        (None, None) => {}
    }
    if let Some(key) = sealing.key() {
        set(headers, KEY_ID.as_str(), key);
    }
    if sealing.bucket_key {
        set(headers, BUCKET_KEY.as_str(), "true");
    }
}

/// The same with the client's context, for the operations that take one.
pub(super) fn say_with_context(headers: &mut HeaderMap, sealing: &Sealing, customer: Option<&Customer>) {
    say(headers, Some(sealing), customer);
    if !sealing.context.is_empty() {
        set(headers, CONTEXT.as_str(), STANDARD.encode(&sealing.context));
    }
}
