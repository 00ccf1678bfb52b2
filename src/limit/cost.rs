//! What an operation of S3 asks of the key service (spec/kms-throttling.md 3). Counts; charges nobody.

use std::sync::Arc;

use super::dimension::KeyType;
use crate::s3::Operation;
use crate::s3::encryption::Encryption;

/// How the calls of one request are counted: at most those with the key of what it makes or belongs to, and
/// those with the key of what it copies.
const MOST_KEYS: usize = 2;

/// Calls of the key service.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Call {
    /// A data key for something new.
    GenerateDataKey,
    /// The data key of something that is there.
    Decrypt,
    /// A data key from one KMS key to another.
    ReEncrypt,
    /// A call that the client makes itself.
    Direct,
}

/// The calls with one KMS key.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KeyUse {
    key: Option<Arc<str>>,
    calls: [u16; 4],
}

/// The calls of one request. They are charged together or not at all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cost {
    key_type: KeyType,
    uses: [Option<KeyUse>; MOST_KEYS],
}

/// What a call that a client makes to the key service itself is counted as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A use of a key, against the quota of its kind.
    Use,
    /// A call that manages keys, against a quota of its own.
    Management,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 4] = [Self::GenerateDataKey, Self::Decrypt, Self::ReEncrypt, Self::Direct];

    /// Its name, for labels and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Decrypt => "Decrypt",
            Self::ReEncrypt => "ReEncrypt",
            Self::Direct => "Direct",
        }
    }
}

impl Kind {
    /// The kind of a call, by its name without `kms:`. `GenerateDataKeyPair` has a quota of its own for each
    /// kind of pair, so it is counted by its name.
    pub fn of(name: &str) -> Self {
        match name {
            "Decrypt"
            | "DeriveSharedSecret"
            | "Encrypt"
            | "GenerateDataKey"
            | "GenerateDataKeyWithoutPlaintext"
            | "GenerateMac"
            | "GenerateRandom"
            | "ReEncrypt"
            | "Sign"
            | "Verify"
            | "VerifyMac" => Self::Use,
            _ => Self::Management,
        }
    }
}

impl Cost {
    /// A call that a client makes to the key service itself.
    pub fn direct(key: Option<&Arc<str>>, key_type: KeyType) -> Self {
        let mut cost = Self { key_type, ..Self::default() };
        cost.add(key, Call::Direct, 1);
        cost
    }

    /// The kind of the keys.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// Whether the key service is not called.
    pub fn is_nothing(&self) -> bool {
        self.sum() == 0
    }

    /// All calls.
    pub fn sum(&self) -> u64 {
        self.uses().map(KeyUse::sum).sum()
    }

    /// All calls of one kind.
    pub fn of(&self, call: Call) -> u64 {
        self.uses().map(|used| used.of(call)).sum()
    }

    /// The calls by key.
    pub fn uses(&self) -> impl Iterator<Item = &KeyUse> {
        self.uses.iter().flatten()
    }

    /// Adds calls with a key.
    pub(super) fn add(&mut self, key: Option<&Arc<str>>, call: Call, count: u16) {
        if count == 0 {
            return;
        }
        let own = |used: &Option<KeyUse>| used.as_ref().is_none_or(|used| used.key.as_ref() == key);
        // There are never more keys than places; if there were, the calls would count for the last.
        let at = self.uses.iter().position(own).unwrap_or(MOST_KEYS - 1);
        if let Some(place) = self.uses.get_mut(at) {
            let used = place.get_or_insert_with(|| KeyUse { key: key.cloned(), calls: [0; 4] });
            if let Some(counted) = used.calls.get_mut(call as usize) {
                *counted = counted.saturating_add(count);
            }
        }
    }
}

impl KeyUse {
    /// The key's ARN; some calls have none.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// All calls with it.
    pub fn sum(&self) -> u64 {
        self.calls.iter().map(|count| u64::from(*count)).sum()
    }

    /// Those of one kind.
    pub fn of(&self, call: Call) -> u64 {
        self.calls.get(call as usize).map_or(0, |count| u64::from(*count))
    }
}

/// Whether an operation makes something that is encrypted.
pub fn makes(operation: Operation) -> bool {
    let touch = Touch::of(operation, false);
    touch.makes || touch.moves
}

/// What an operation does with the keys of what it touches.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Touch {
    /// Makes something, encrypted as is said for what is new.
    pub(super) makes: bool,
    /// Opens the object.
    pub(super) object: bool,
    /// Opens the source of a copy.
    pub(super) source: bool,
    /// Opens the upload under way.
    pub(super) upload: bool,
    /// Moves the object's data key.
    pub(super) moves: bool,
}

impl Touch {
    /// By the table. `checksum`: the stored checksum is asked for.
    pub(super) fn of(operation: Operation, checksum: bool) -> Self {
        let none = Self::default();
        match operation {
            Operation::PutObject | Operation::PostObject | Operation::CreateMultipartUpload => {
                Self { makes: true, ..none }
            }
            Operation::GetObject | Operation::SelectObjectContent => Self { object: true, ..none },
            Operation::HeadObject | Operation::GetObjectAttributes => Self { object: checksum, ..none },
            Operation::CopyObject => Self { makes: true, source: true, ..none },
            Operation::UploadPart | Operation::CompleteMultipartUpload => Self { upload: true, ..none },
            Operation::UploadPartCopy => Self { upload: true, source: true, ..none },
            Operation::UpdateObjectEncryption => Self { moves: true, ..none },
            _ => none,
        }
    }
}

/// How often the key service is called where it is called once: two layers need it twice.
pub(super) fn layers(encryption: &Encryption) -> u16 {
    match encryption {
        Encryption::None | Encryption::Customer | Encryption::S3 => 0,
        Encryption::Kms { .. } => 1,
        Encryption::Dsse { .. } => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_key_and_kind() {
        let (one, two): (Arc<str>, Arc<str>) = ("one".into(), "two".into());
        let mut cost = Cost::default();
        assert!(cost.is_nothing());
        cost.add(Some(&one), Call::GenerateDataKey, 1);
        cost.add(Some(&two), Call::Decrypt, 2);
        cost.add(Some(&one), Call::Decrypt, 1);
        cost.add(Some(&two), Call::ReEncrypt, 0);
        assert_eq!((cost.sum(), cost.of(Call::Decrypt), cost.of(Call::ReEncrypt)), (4, 3, 0));
        let by_key: Vec<_> = cost.uses().map(|used| (used.key().unwrap(), used.sum())).collect();
        assert_eq!(by_key, [("one", 2), ("two", 2)]);
    }

    #[test]
    fn what_needs_no_key_costs_nothing() {
        for operation in Operation::ALL {
            let costs = matches!(
                operation.spec().name,
                "PutObject"
                    | "PostObject"
                    | "CreateMultipartUpload"
                    | "GetObject"
                    | "SelectObjectContent"
                    | "CopyObject"
                    | "UploadPart"
                    | "UploadPartCopy"
                    | "CompleteMultipartUpload"
                    | "UpdateObjectEncryption"
            );
            assert_eq!(Touch::of(operation, false) != Touch::default(), costs, "{operation:?}");
        }
    }

    #[test]
    fn managing_keys_is_not_using_them() {
        for name in ["Encrypt", "Decrypt", "Sign", "GenerateRandom"] {
            assert_eq!(Kind::of(name), Kind::Use, "{name}");
        }
        for name in ["DescribeKey", "CreateGrant", "GenerateDataKeyPair", "Invented"] {
            assert_eq!(Kind::of(name), Kind::Management, "{name}");
        }
    }
}
