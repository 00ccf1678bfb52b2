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

impl RequestId {
    /// The id as the services that answer with a UUID have it; another spelling of `x-amz-id-2`.
    pub fn uuid(&self) -> String {
        let mut octets = [0; 18];
        let _ = base64::Engine::decode_slice(&base64::engine::general_purpose::STANDARD, self.host, &mut octets);
        let [a, b, c, d, e, f, version, g, variant, rest @ ..] = octets;
        let octets = [a, b, c, d, e, f, version & 0x0f | 0x40, g, variant & 0x3f | 0x80].into_iter();
        let mut text = String::with_capacity(36);
        for (at, octet) in octets.chain(rest).take(16).enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.extend([octet >> 4, octet & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
        }
        text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_also_a_random_uuid() {
        let mut random = [0xff; 34];
        random.iter_mut().skip(16).zip(0x10..).for_each(|(place, octet)| *place = octet);
        let id = RequestId::from_random(&random);
        assert_eq!(id.uuid(), "10111213-1415-4617-9819-1a1b1c1d1e1f");
        assert_eq!(RequestId::from_random(&[0; 34]).uuid(), "00000000-0000-4000-8000-000000000000");
    }
}
