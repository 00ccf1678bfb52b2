//! Request ids: what an answer, a record and a log line share.

use std::fmt;

/// The id of one request: 16 characters of `0-9A-Z` (`x-amz-request-id`) and an opaque second part
/// (`x-amz-id-2`), both drawn from randomness that the caller brings.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct RequestId {
    text: [u8; 16],
    host: [u8; 24],
}

impl RequestId {
    /// Spells 34 random octets as an id.
    pub fn from_random(random: &[u8; 34]) -> Self {
        const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let (id, host) = random.split_at(16);
        let mut text = [b'0'; 16];
        for (place, octet) in text.iter_mut().zip(id) {
            *place = DIGITS.get(usize::from(octet % 36)).copied().unwrap_or(b'0');
        }
        let mut encoded = [b'A'; 24];
        // 18 octets are exactly 24 characters of base64.
        let _ = base64::Engine::encode_slice(&base64::engine::general_purpose::STANDARD, host, &mut encoded);
        Self { text, host: encoded }
    }

    /// The value of `x-amz-request-id`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// [`RequestId::as_str`], where octets will do.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// [`RequestId::host_id`], where octets will do.
    pub fn host_bytes(&self) -> &[u8] {
        &self.host
    }

    /// The value of `x-amz-id-2`.
    pub fn host_id(&self) -> &str {
        std::str::from_utf8(&self.host).unwrap_or_default()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
