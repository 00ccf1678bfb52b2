//! What a count is called where several machines keep it: 128 bits that nobody can make two counts meet in,
//! and that tell no name of a caller, a bucket or a key. All machines with the same limits come to the same.

use std::fmt::Write as _;
use std::net::IpAddr;

use ring::digest::{Context, SHA256};

use super::dimension::{Dimension, Part, Subject, What};

/// The name of one count of one dimension.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Label([u8; 16]);

impl Label {
    /// Of this subject; none if it lacks what the dimension keeps apart.
    pub(super) fn of(dimension: &Dimension, subject: &Subject<'_>, what: &What<'_>, kms: Option<&str>) -> Option<Self> {
        let mut digest = Context::new(&SHA256);
        let mut add = |part: &str| {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        };
        add(&dimension.spelled());
        for part in &dimension.key {
            match part {
                Part::Account if dimension.backend => add(subject.backend?),
                Part::Account => add(subject.account?),
                Part::Region => add(subject.region),
                Part::KmsKey => add(kms?),
                Part::KeyType => {} // of the dimension
                Part::Principal => add(subject.principal?),
                Part::Bucket => add(subject.bucket?),
                Part::Prefix => add(subject.prefix(dimension.prefix_depth, what)?),
                Part::AccessPoint => add(subject.access_point?),
                Part::SourceIp => add(&network(subject.source_ip?)),
            }
        }
        Some(Self(*digest.finish().as_ref().first_chunk()?))
    }

    /// In hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(32), |mut text, octet| {
            let _ = write!(text, "{octet:02x}"); // a string takes everything
            text
        })
    }

    #[cfg(test)]
    pub(super) const fn test(number: u8) -> Self {
        Self([number; 16])
    }
}

/// An address; of the sixth version its network, because one client has all of it.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => format!("{:x}/64", six.to_bits() >> 64),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dimension::Stage;
    use super::super::pace::{Algorithm, Pace, Rate};
    use super::*;

    fn label(name: &str, rate: u32, key: &[Part], subject: &Subject<'_>) -> Option<Label> {
        let pace = Pace::new(Rate::per_second(rate), 5, Algorithm::Gcra);
        let what = What::Request { operation: None, anonymous: false };
        Label::of(&Dimension::new(name, Stage::Request, key, pace), subject, &what, None)
    }

    #[test]
    fn two_counts_meet_only_where_everything_is_the_same() {
        let key = [Part::Bucket, Part::Principal];
        let subject =
            |bucket, principal| Subject { bucket: Some(bucket), principal: Some(principal), ..Subject::default() };
        let one = label("a", 1, &key, &subject("b", "cd")).unwrap();
        assert_eq!(label("a", 1, &key, &subject("b", "cd")), Some(one));
        for other in [
            label("b", 1, &key, &subject("b", "cd")),
            label("a", 2, &key, &subject("b", "cd")),
            label("a", 1, &key, &subject("bc", "d")),
            label("a", 1, &key[..1], &subject("b", "cd")),
        ] {
            assert_ne!(other, Some(one));
        }
        assert_eq!(label("a", 1, &key, &Subject { bucket: Some("b"), ..Subject::default() }), None);
        assert_eq!(one.hex().len(), 32);
    }

    #[test]
    fn one_client_has_all_of_its_network() {
        let of = |address: &str| {
            let source_ip = Some(address.parse().unwrap());
            label("a", 1, &[Part::SourceIp], &Subject { source_ip, ..Subject::default() })
        };
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
