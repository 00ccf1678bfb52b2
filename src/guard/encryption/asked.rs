//! What a request says of encryption, read once and checked as S3 does (spec/encryption.md 2, 4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use crate::kms::Context;
use crate::policy::encryption::BucketDefault;
use crate::s3::encryption::{BUCKET_KEY, CONTEXT, CUSTOMER, KEY_ID, KIND, Kind, SOURCE, Triple};
use crate::s3::{Code, Fault, Operation};

/// The argument that S3 names whatever is wrong with keys of clients.
const ARGUMENT: &str = "x-amz-server-side-encryption";

/// How a request came.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// Over TLS.
    pub tls: bool,
    /// Signed, by somebody known.
    pub signed: bool,
}

/// What a request says of the encryption of what it makes, and of what it reads.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Asked {
    /// The kind it names.
    pub kind: Option<Kind>,
    /// The KMS key it names, as it says it.
    pub key: Option<String>,
    /// The encryption context.
    pub context: Option<Context>,
    /// Whether it wants a bucket key.
    pub bucket_key: Option<bool>,
    /// It brings a key of its own for what it makes or reads.
    pub customer: bool,
    /// It brings a key of its own for the source of a copy.
    pub source_customer: bool,
}

impl Asked {
    /// Reads the headers of a request. What an operation cannot carry was refused when it was routed.
    ///
    /// # Errors
    /// E-1 to E-10 of the specification, in their order. What of E-10 depends on the object is
    /// [checked](Self::check_context) next, and then [how it came](Self::check_channel).
    pub fn read(operation: Operation, headers: &HeaderMap, channel: Channel) -> Result<Self, Fault> {
        let (customer, source_customer) = (CUSTOMER.is_in(headers), SOURCE.is_in(headers));
        if (customer || source_customer) && !channel.tls {
            return Err(insecure("Customer provided keys"));
        }
        let sent = text(headers, &KIND);
        if let Some(sent) = sent.filter(|_| customer) {
            let message = "Server Side Encryption with Customer provided key is incompatible with the encryption method specified";
            return Err(Fault::argument("sse-and-customer-key", message, ARGUMENT, Some(sent.to_owned())));
        }
        let kind = sent.map(|sent| Kind::named(sent).ok_or_else(|| unknown_kind(sent))).transpose()?;
        check(&CUSTOMER, headers, writes(operation))?;
        check(&SOURCE, headers, false)?;
        let asked = Self {
            kind,
            key: text(headers, &KEY_ID).map(str::to_owned),
            context: None,
            bucket_key: bucket_key(headers)?,
            customer,
            source_customer,
        };
        let context = text(headers, &CONTEXT);
        if (asked.key.is_some() || context.is_some()) && !kind.is_some_and(Kind::uses_kms) {
            let message = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : \
                aws:kms";
            return Err(Fault::argument(
                "kms-key-without-kms",
                message,
                ARGUMENT,
                kind.map(|kind| kind.as_str().into()),
            ));
        }
        let context = context.map(|sent| Context::from_header(sent.as_bytes())).transpose();
        Ok(Self { context: context.map_err(|_| bad_context())?, ..asked })
    }

    /// Whether the context says of the object what S3 will say: `arn` is asked for where it says anything.
    ///
    /// # Errors
    /// E-10
    pub fn check_context(&self, arn: impl FnOnce() -> String) -> Result<(), Fault> {
        let said = self.context.as_ref().and_then(Context::said_arn);
        if said.is_some_and(|said| said != arn()) { Err(bad_context()) } else { Ok(()) }
    }

    /// What can be told of a KMS key before it is known.
    ///
    /// # Errors
    /// E-11, E-12
    pub fn check_channel(&self, channel: Channel) -> Result<(), Fault> {
        if self.kind.is_some_and(Kind::uses_kms) { check_kms(channel) } else { Ok(()) }
    }

    /// Whether what it makes of this kind is under a key of the bucket: as it says, or else as the bucket's
    /// default of the same kind has it.
    pub fn has_bucket_key(&self, kind: Kind, bucket: Option<&BucketDefault>) -> bool {
        let of_bucket = || {
            let same = bucket.filter(|bucket| bucket.apply.is_some() && bucket.kind() == kind);
            same.is_some_and(|bucket| bucket.bucket_key)
        };
        kind == Kind::Kms && self.bucket_key.unwrap_or_else(of_bucket)
    }

    /// Whether it says how what it makes is to be encrypted.
    pub fn says_how(&self) -> bool {
        self.kind.is_some() || self.customer
    }
}

/// KMS keys are for those who sign, and over TLS.
///
/// # Errors
/// E-11, E-12
pub fn check_kms(channel: Channel) -> Result<(), Fault> {
    if !channel.signed {
        let message =
            "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.";
        return Err(Fault::argument("kms-unsigned", message, "Authorization", Some("null".to_owned())));
    }
    if !channel.tls {
        return Err(insecure("AWS KMS managed keys"));
    }
    Ok(())
}

/// What is wrong with an encryption context.
pub fn bad_context() -> Fault {
    let message = "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which \
        represents a string-string map";
    Fault::argument("kms-context", message, CONTEXT.as_str(), None)
}

/// Whether a missing MD5 is the request's own fault, not a wrong key of a stored object.
const fn writes(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CompleteMultipartUpload
            | Operation::CopyObject
            | Operation::CreateMultipartUpload
            | Operation::PutObject
            | Operation::UploadPart
            | Operation::UploadPartCopy
    )
}

/// E-4 to E-8. The key travels on in its header.
fn check(triple: &Triple, headers: &HeaderMap, writes: bool) -> Result<(), Fault> {
    if !triple.is_in(headers) {
        return Ok(());
    }
    let wrong = |reason, message| Err(Fault::argument(reason, message, ARGUMENT, None));
    match (text(headers, &triple.algorithm), headers.contains_key(&triple.key)) {
        (None, _) => {
            let message = "Requests specifying Server Side Encryption with Customer provided keys must provide a valid \
                encryption algorithm.";
            return wrong("customer-key-without-algorithm", message);
        }
        (Some(_), false) => {
            let message = "Requests specifying Server Side Encryption with Customer provided keys must provide an \
                appropriate secret key.";
            return wrong("customer-key-missing", message);
        }
        (Some("AES256"), true) => {}
        (Some(other), true) => {
            let message = "The Encryption request you specified is not valid. Supported value: AES256.";
            let fault = Fault::new(Code::InvalidEncryptionAlgorithmError, "customer-key-algorithm", message);
            return Err(fault.with("ArgumentName", ARGUMENT).with("ArgumentValue", other));
        }
    }
    let bad_key = "The secret key was invalid for the specified algorithm.";
    let Some(key) = triple.decoded(headers) else { return wrong("customer-key", bad_key) };
    match text(headers, &triple.md5) {
        None if writes => wrong("customer-key-without-md5", bad_key),
        None => Ok(()),
        Some(sent) => {
            let computed = Md5::digest(key.as_slice());
            let sent = BASE64.decode(sent).unwrap_or_default();
            if bool::from(sent.as_slice().ct_eq(computed.as_slice())) {
                return Ok(());
            }
            let message = "The calculated MD5 hash of the key did not match the hash that was provided.";
            wrong("customer-key-md5", message)
        }
    }
}

fn bucket_key(headers: &HeaderMap) -> Result<Option<bool>, Fault> {
    match text(headers, &BUCKET_KEY) {
        None => Ok(None),
        Some(said) if said.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(said) if said.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(said) => {
            let message =
                "The value specified for x-amz-server-side-encryption-bucket-key-enabled must be true or false.";
            Err(Fault::argument("bucket-key", message, BUCKET_KEY.as_str(), Some(said.to_owned())))
        }
    }
}

fn unknown_kind(sent: &str) -> Fault {
    let message = "The encryption request you specified is not valid. The valid value is AES256.";
    let fault = Fault::new(Code::InvalidEncryptionAlgorithmError, "sse-unknown", message);
    fault.with("ArgumentName", ARGUMENT).with("ArgumentValue", sent)
}

fn insecure(keys: &str) -> Fault {
    let message =
        format!("Requests specifying Server Side Encryption with {keys} must be made over a secure connection.");
    Fault::new(Code::InvalidRequest, "sse-in-the-clear", message)
}

/// A value that is no text is one that nothing knows.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    const MD5: &str = "KYvwGXoFFJ42a2u2GDWhwQ==";

    fn read(operation: Operation, headers: &[(&str, &str)], tls: bool, signed: bool) -> Result<Asked, Fault> {
        let headers = headers.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
        let (headers, channel) = (HeaderMap::from_iter(headers), Channel { tls, signed });
        Asked::read(operation, &headers, channel).and_then(|asked| asked.check_channel(channel).map(|()| asked))
    }

    /// The code, the sentence's beginning and the two elements of each refusal.
    fn check(headers: &[(&str, &str)], code: Code, message: &str, elements: &[(&str, &str)]) {
        let fault = read(Operation::PutObject, headers, true, true).unwrap_err();
        assert_eq!((fault.code(), fault.message()), (code, message), "{headers:?}");
        let told: Vec<_> = fault.elements().iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert_eq!(told, elements, "{headers:?}");
    }

    #[test]
    fn every_fault_of_the_table_is_told_in_its_words() {
        let sse = "x-amz-server-side-encryption";
        let (algorithm, key, md5) = (
            "x-amz-server-side-encryption-customer-algorithm",
            "x-amz-server-side-encryption-customer-key",
            "x-amz-server-side-encryption-customer-key-MD5",
        );
        let name = ("ArgumentName", sse);
        let argument = Code::InvalidArgument;
        check(
            &[(sse, "AES256"), (key, KEY)],
            argument,
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
            &[name, ("ArgumentValue", "AES256")],
        );
        for unknown in ["aes256", "aws:KMS", "aws:fsx", "", "AES256 "] {
            check(
                &[(sse, unknown)],
                Code::InvalidEncryptionAlgorithmError,
                "The encryption request you specified is not valid. The valid value is AES256.",
                &[name, ("ArgumentValue", unknown)],
            );
        }
        check(
            &[(key, KEY), (md5, MD5)],
            argument,
            "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption \
            algorithm.",
            &[name],
        );
        check(
            &[(algorithm, "AES256")],
            argument,
            "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate \
            secret key.",
            &[name],
        );
        check(
            &[(algorithm, "AES128"), (key, KEY), (md5, MD5)],
            Code::InvalidEncryptionAlgorithmError,
            "The Encryption request you specified is not valid. Supported value: AES256.",
            &[name, ("ArgumentValue", "AES128")],
        );
        for (bad, hash) in [("%%%", Some(MD5)), ("MDEy", Some(MD5)), (KEY, None)] {
            let headers = [Some((algorithm, "AES256")), Some((key, bad)), hash.map(|hash| (md5, hash))];
            let headers: Vec<_> = headers.into_iter().flatten().collect();
            check(&headers, argument, "The secret key was invalid for the specified algorithm.", &[name]);
        }
        check(
            &[(algorithm, "AES256"), (key, KEY), (md5, "AAAAAAAAAAAAAAAAAAAAAA==")],
            argument,
            "The calculated MD5 hash of the key did not match the hash that was provided.",
            &[name],
        );
        let requires = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";
        check(&[("x-amz-server-side-encryption-aws-kms-key-id", "k")], argument, requires, &[name]);
        check(
            &[(sse, "AES256"), ("x-amz-server-side-encryption-context", "e30=")],
            argument,
            requires,
            &[name, ("ArgumentValue", "AES256")],
        );
        let context = bad_context();
        check(
            &[(sse, "aws:kms"), ("x-amz-server-side-encryption-context", "%")],
            argument,
            context.message(),
            &[("ArgumentName", "x-amz-server-side-encryption-context")],
        );
    }

    #[test]
    fn a_key_of_a_client_never_comes_in_the_clear() {
        let key = [("x-amz-server-side-encryption-customer-key", KEY)];
        let fault = read(Operation::GetObject, &key, false, true).unwrap_err();
        assert_eq!(fault.code(), Code::InvalidRequest);
        assert!(!format!("{fault:?}").contains(KEY), "{fault:?}");
        let source = [("x-amz-copy-source-server-side-encryption-customer-key", KEY)];
        assert_eq!(read(Operation::CopyObject, &source, false, true).unwrap_err().code(), Code::InvalidRequest);
    }

    #[test]
    fn kms_keys_are_for_those_who_sign_and_over_tls() {
        let kms = [("x-amz-server-side-encryption", "aws:kms")];
        let unsigned = read(Operation::PutObject, &kms, true, false).unwrap_err();
        assert_eq!(unsigned.elements(), [("ArgumentName", "Authorization".into()), ("ArgumentValue", "null".into())]);
        let clear = read(Operation::PutObject, &kms, false, true).unwrap_err();
        assert_eq!(clear.code(), Code::InvalidRequest);
        assert_eq!(read(Operation::PutObject, &kms, true, true).unwrap().kind, Some(Kind::Kms));
    }

    #[test]
    fn a_missing_md5_is_told_by_the_store_where_a_stored_key_decides() {
        let triple = [
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            ("x-amz-server-side-encryption-customer-key", KEY),
        ];
        assert!(read(Operation::GetObject, &triple, true, true).unwrap().customer);
        for writes in [Operation::UploadPart, Operation::CompleteMultipartUpload] {
            assert!(read(writes, &triple, true, true).is_err());
        }
    }

    #[test]
    fn what_is_well_said_is_read_as_it_was_said() {
        let asked = read(
            Operation::PutObject,
            &[
                ("x-amz-server-side-encryption", "aws:kms"),
                ("x-amz-server-side-encryption-aws-kms-key-id", "alias/k"),
                ("x-amz-server-side-encryption-context", "eyJhIjoiYiJ9"),
                ("x-amz-server-side-encryption-bucket-key-enabled", "True"),
            ],
            true,
            true,
        );
        let expected = Asked {
            kind: Some(Kind::Kms),
            key: Some("alias/k".to_owned()),
            context: Some(Context::parse(br#"{"a":"b"}"#).unwrap()),
            bucket_key: Some(true),
            ..Asked::default()
        };
        assert_eq!(asked.unwrap(), expected);
        assert!(
            read(Operation::PutObject, &[("x-amz-server-side-encryption-bucket-key-enabled", "1")], true, true)
                .is_err()
        );
    }
}
