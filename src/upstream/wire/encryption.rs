//! What stores say of keys in words of their own, as S3 says it (spec/encryption.md 4: E-13, E-30 to E-35).
//!
//! What a request says of keys has been checked before it left, its MD5s too; so what a store says is about the
//! object, and each of its sentences means one thing. Measured against MinIO of February 2026 and radosgw 16.

use http::{HeaderMap, HeaderName, StatusCode};

use super::document::StoreError;
use super::profile::Dialect;
use crate::kms::{Unknown, elsewhere};
use crate::s3::encryption::KEY_ID;
use crate::s3::{Code, Fault, Operation};
use crate::upstream::Forward;

const ALGORITHM: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-customer-algorithm");
const MD5: HeaderName = HeaderName::from_static("x-amz-server-side-encryption-customer-key-md5");

/// E-30
const NO_KEY: &str = "The object was stored using a form of Server Side Encryption. The correct parameters must be \
    provided to retrieve the object.";
/// E-31
const WRONG_KEY: &str =
    "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.";
/// E-33
const POINTLESS_KEY: &str = "The encryption parameters are not applicable to this object.";
/// E-34
const PART_WITHOUT_KEY: &str = "The multipart upload initiate requested encryption. Subsequent part requests must \
    include the appropriate encryption parameters.";
/// E-35
const PART_WITH_OTHER_KEY: &str = "The provided encryption parameters did not match the ones used originally.";

/// What a request has said of keys, for when its answer comes.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The KMS key, by what the store calls it.
    kms_key: Option<String>,
    /// A client's own key.
    customer: bool,
    /// With its MD5.
    md5: bool,
    /// The account that asks.
    account: Option<String>,
}

/// What the store means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Meant {
    NoSuch,
    Missing,
    Wrong,
    PartWithout,
    PartWithOther,
}

impl Said {
    pub fn by(out: &Forward) -> Self {
        let kms_key = out.headers.get(&KEY_ID).and_then(|key| key.to_str().ok()).map(str::to_owned);
        Self {
            customer: out.headers.contains_key(ALGORITHM),
            md5: out.headers.contains_key(MD5),
            account: kms_key.as_ref().map(|_| out.account.clone()),
            kms_key,
        }
    }

    /// A store that ignores a key which is not the object's would answer as if it were.
    ///
    /// # Errors
    /// E-33
    pub fn check(&self, operation: Operation, headers: &HeaderMap) -> Result<(), Fault> {
        let reads = matches!(operation, Operation::GetObject | Operation::HeadObject);
        match reads && self.customer && !headers.contains_key(ALGORITHM) {
            true => Err(Fault::new(Code::InvalidRequest, "customer-key-not-applicable", POINTLESS_KEY)),
            false => Ok(()),
        }
    }

    /// An error in S3's words; as it is where it is not about keys. None for the answer of a HEAD.
    pub fn as_s3(
        &self,
        (dialect, operation, region): (Dialect, Operation, &str),
        status: StatusCode,
        error: Option<StoreError>,
    ) -> (StatusCode, Option<StoreError>) {
        if operation == Operation::HeadObject {
            return (self.bare(dialect, status), error);
        }
        let Some(told) = error else { return (status, None) };
        match self.meant(dialect, operation, &told) {
            None => (status, Some(told)),
            Some(meant) => {
                let (status, code, message) = self.words(meant, region);
                (status, Some(told.saying(code, &message)))
            }
        }
    }

    /// E-32: a HEAD has no document, and its status must tell a wrong key from none.
    fn bare(&self, dialect: Dialect, status: StatusCode) -> StatusCode {
        let wrong = self.customer && status == StatusCode::BAD_REQUEST && (dialect == Dialect::Ceph || !self.md5);
        if wrong && dialect != Dialect::S3 { StatusCode::FORBIDDEN } else { status }
    }

    fn meant(&self, dialect: Dialect, operation: Operation, told: &StoreError) -> Option<Meant> {
        let part = matches!(operation, Operation::UploadPart | Operation::UploadPartCopy);
        let reads = operation == Operation::GetObject;
        let of_part = |of_part, of_object| if part { Some(of_part) } else { Some(of_object).filter(|_| reads) };
        match (dialect, told.code.as_str(), told.message()) {
            (Dialect::Minio, "kms:KeyNotFound", _) => Some(Meant::NoSuch),
            // radosgw says it where it would say that it does not know who asks.
            (Dialect::Ceph, "InvalidAccessKeyId", message)
                if message.starts_with("Failed to retrieve the actual key") =>
            {
                Some(Meant::NoSuch)
            }
            (Dialect::Minio, "AccessDenied", _) if self.customer => of_part(Meant::PartWithOther, Meant::Wrong),
            (Dialect::Minio | Dialect::Ceph, "InvalidArgument", message) if self.customer => {
                // In this order: the second sentence begins as the first.
                let without_md5 = message.ends_with("MD5 of the secret key.") || message.ends_with("secret key md5.");
                let other = message.starts_with("The calculated MD5 hash of the key did not match");
                if without_md5 && reads || other { of_part(Meant::PartWithOther, Meant::Wrong) } else { None }
            }
            (Dialect::Ceph, "InvalidArgument", message)
                if message.contains("must provide a valid encryption algorithm") =>
            {
                of_part(Meant::PartWithout, Meant::Missing)
            }
            _ => None,
        }
    }

    fn words(&self, meant: Meant, region: &str) -> (StatusCode, &'static str, String) {
        let bad = StatusCode::BAD_REQUEST;
        match meant {
            Meant::NoSuch => (bad, "KMS.NotFoundException", self.no_such_key(region)),
            Meant::Missing => (bad, "InvalidRequest", NO_KEY.to_owned()),
            Meant::Wrong => (StatusCode::FORBIDDEN, "AccessDenied", WRONG_KEY.to_owned()),
            Meant::PartWithout => (bad, "InvalidRequest", PART_WITHOUT_KEY.to_owned()),
            Meant::PartWithOther => (bad, "InvalidRequest", PART_WITH_OTHER_KEY.to_owned()),
        }
    }

    /// E-13. The key of what is read is not named in the request.
    fn no_such_key(&self, region: &str) -> String {
        let Some(name) = &self.kms_key else {
            return "The key that the object is encrypted with does not exist".to_owned();
        };
        let arn = elsewhere(name, region, self.account.as_deref().unwrap_or_default());
        let unknown = arn.map_or_else(|_| Unknown::invalid(name), |arn| Unknown::missing(&arn));
        unknown.fault().message().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RequestId;

    const UUID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    fn said(kms_key: Option<&str>, customer: bool, md5: bool) -> Said {
        let account = Some("111122223333".to_owned());
        Said { kms_key: kms_key.map(str::to_owned), customer, md5, account }
    }

    fn told(code: &str, message: &str) -> StoreError {
        let document = format!("<Error><Code>{code}</Code><Message>{message}</Message><Key>k</Key></Error>");
        StoreError::parse(document.as_bytes()).unwrap()
    }

    /// Dialect, operation, whether a customer's key was sent; code and message of the store; status, code and message
    /// for the client.
    type Row = (Dialect, Operation, bool, &'static str, &'static str, u16, &'static str, &'static str);

    #[test]
    fn what_was_measured_of_stores_is_what_s3_says() {
        use Dialect::{Ceph, Minio};
        use Operation::{GetObject, UploadPart, UploadPartCopy};
        const MD5_OF: &str = "The calculated MD5 hash of the key did not match the hash that was provided.";
        const ALGORITHM_OF: &str = "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.";
        const MINIO_MD5: &str = "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.";
        const CEPH_MD5: &str = "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key md5.";
        let rows: [Row; 10] = [
            (Ceph, GetObject, false, "InvalidArgument", ALGORITHM_OF, 400, "InvalidRequest", NO_KEY),
            (Ceph, GetObject, true, "InvalidArgument", MD5_OF, 403, "AccessDenied", WRONG_KEY),
            (Minio, GetObject, true, "AccessDenied", "Access Denied.", 403, "AccessDenied", WRONG_KEY),
            (Ceph, GetObject, true, "InvalidArgument", CEPH_MD5, 403, "AccessDenied", WRONG_KEY),
            (Minio, GetObject, true, "InvalidArgument", MINIO_MD5, 403, "AccessDenied", WRONG_KEY),
            (Ceph, UploadPart, false, "InvalidArgument", ALGORITHM_OF, 400, "InvalidRequest", PART_WITHOUT_KEY),
            (Ceph, UploadPart, true, "InvalidArgument", MD5_OF, 400, "InvalidRequest", PART_WITH_OTHER_KEY),
            (Ceph, UploadPartCopy, true, "InvalidArgument", MD5_OF, 400, "InvalidRequest", PART_WITH_OTHER_KEY),
            (Minio, UploadPart, true, "AccessDenied", "Access Denied.", 400, "InvalidRequest", PART_WITH_OTHER_KEY),
            (Minio, UploadPartCopy, true, "AccessDenied", "Access Denied.", 400, "InvalidRequest", PART_WITH_OTHER_KEY),
        ];
        for (dialect, operation, customer, code, message, status, expected, words) in rows {
            let said = said(None, customer, customer);
            let at = (dialect, operation, "us-east-1");
            let (got, error) = said.as_s3(at, StatusCode::IM_A_TEAPOT, Some(told(code, message)));
            let error = error.unwrap();
            assert_eq!(
                (got.as_u16(), error.code.as_str(), error.message()),
                (status, expected, words),
                "{operation:?}"
            );
            let document = String::from_utf8(error.render(&RequestId::from_random(&[7; 34]))).unwrap();
            assert!(document.contains("<Key>k</Key>"), "the rest is kept: {document}");
        }
    }

    #[test]
    fn a_key_that_a_store_does_not_have_is_not_found_as_in_s3() {
        let minio = (Dialect::Minio, "kms:KeyNotFound", "key with given key ID does not exist");
        let ceph = (Dialect::Ceph, "InvalidAccessKeyId", "Failed to retrieve the actual key, kms-keyid: nokey");
        let full = format!("Key 'arn:aws:kms:us-east-1:111122223333:key/{UUID}' does not exist");
        for (dialect, code, message) in [minio, ceph] {
            for (name, expected) in [
                (Some("nokey"), "Invalid keyId 'nokey'"),
                (Some(UUID), full.as_str()),
                (Some("alias/none"), "Invalid keyId 'alias/none'"),
                (None, "The key that the object is encrypted with does not exist"),
            ] {
                let at = (dialect, Operation::PutObject, "us-east-1");
                let answer = said(name, false, false).as_s3(at, StatusCode::NOT_FOUND, Some(told(code, message)));
                let error = answer.1.unwrap();
                assert_eq!((answer.0.as_u16(), error.code.as_str()), (400, "KMS.NotFoundException"));
                assert_eq!(error.message(), expected);
            }
        }
    }

    #[test]
    fn what_is_not_about_keys_stays_as_it_is() {
        for (dialect, code, message, customer) in [
            (Dialect::Minio, "AccessDenied", "Access Denied.", false),
            (Dialect::Ceph, "InvalidAccessKeyId", "", false),
            (Dialect::Ceph, "InvalidArgument", "Argument must be an integer", true),
            (Dialect::S3, "kms:KeyNotFound", "x", false),
            (Dialect::S3, "AccessDenied", "Access Denied", true),
        ] {
            let at = (dialect, Operation::GetObject, "us-east-1");
            let told = told(code, if message.is_empty() { code } else { message });
            let answer = said(None, customer, true).as_s3(at, StatusCode::CONFLICT, Some(told.clone()));
            assert_eq!(answer, (StatusCode::CONFLICT, Some(told)));
        }
    }

    #[test]
    fn a_head_tells_a_wrong_key_by_its_status() {
        let head = |dialect, customer, md5| {
            let at = (dialect, Operation::HeadObject, "us-east-1");
            said(None, customer, md5).as_s3(at, StatusCode::BAD_REQUEST, None).0.as_u16()
        };
        assert_eq!((head(Dialect::Ceph, true, true), head(Dialect::Ceph, false, false)), (403, 400));
        assert_eq!((head(Dialect::Minio, true, true), head(Dialect::Minio, true, false)), (400, 403));
        assert_eq!(head(Dialect::S3, true, false), 400);
    }

    #[test]
    fn a_store_that_ignores_a_clients_key_does_not_pass_for_one_that_used_it() {
        let mut headers = HeaderMap::new();
        let check = |headers: &HeaderMap, operation, customer| said(None, customer, true).check(operation, headers);
        for operation in [Operation::GetObject, Operation::HeadObject] {
            let fault = check(&headers, operation, true).unwrap_err();
            assert_eq!((fault.code(), fault.message()), (Code::InvalidRequest, POINTLESS_KEY));
            assert!(check(&headers, operation, false).is_ok());
        }
        assert!(check(&headers, Operation::PutObject, true).is_ok(), "what is written is confirmed elsewhere");
        headers.insert(ALGORITHM, http::HeaderValue::from_static("AES256"));
        assert!(check(&headers, Operation::GetObject, true).is_ok());
    }
}
