//! The head that a load balancer puts in front of a connection: PROXY protocol, version 2. Binary,
//! bounded, and only for listeners that are told to expect it: whoever may reach such a listener directly
//! may choose its address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crc_fast::{CrcAlgorithm, checksum};

/// The twelve octets it begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version, family and length.
const FIXED: usize = 16;
/// The longest head that is read. Load balancers send a few hundred octets.
pub const LONGEST: usize = 2048;

const CRC32C: u8 = 0x03;
const AWS: u8 = 0xea;
const AWS_VPC_ENDPOINT: u8 = 0x01;

/// What came of the octets so far.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reading {
    /// A whole head, and how many octets it was.
    Done(Preface, usize),
    /// At least so many octets more.
    More(usize),
}

/// What the balancer says of a connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Preface {
    /// The client's address; none when the connection is the balancer's own (a health check).
    pub source: Option<IpAddr>,
    /// The AWS VPC endpoint that the connection came through: `vpce-…`.
    pub vpc_endpoint: Option<String>,
}

/// Why a head is refused; the connection is closed without a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// The checksum in it does not match.
    Checksum,
    /// A command, family or transport that no S3 client has.
    Kind,
    /// Longer than [`LONGEST`], or shorter than its parts.
    Length,
    /// It does not begin as it should.
    Signature,
    /// A VPC endpoint that is none, or two of them.
    VpcEndpoint,
}

impl Refused {
    /// A constant for records and metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Checksum => "proxy-checksum",
            Self::Kind => "proxy-kind",
            Self::Length => "proxy-length",
            Self::Signature => "proxy-signature",
            Self::VpcEndpoint => "proxy-vpc-endpoint",
        }
    }
}

/// Reads a head from the first octets of a connection.
///
/// # Errors
/// [`Refused`], as soon as it is certain.
pub fn read(octets: &[u8]) -> Result<Reading, Refused> {
    let begun = octets.iter().zip(SIGNATURE).all(|(octet, expected)| octet == expected);
    if !begun {
        return Err(Refused::Signature);
    }
    let Some((head, rest)) = octets.split_first_chunk::<FIXED>() else {
        return Ok(Reading::More(FIXED.saturating_sub(octets.len())));
    };
    let &[.., version_command, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED + length > LONGEST {
        return Err(Refused::Length);
    }
    let Some(body) = rest.get(..length) else { return Ok(Reading::More(length.saturating_sub(rest.len()))) };
    // Version 2; LOCAL (0) or PROXY (1).
    let local = match version_command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Refused::Kind),
    };
    let (source, extras) = if local { (None, &[][..]) } else { addresses(family, body)? };
    let whole = octets.get(..FIXED + length).unwrap_or_default();
    let vpc_endpoint = if local { None } else { extensions(extras, whole)? };
    Ok(Reading::Done(Preface { source, vpc_endpoint }, FIXED + length))
}

/// The source address and what follows the addresses. Ports are of no use to anybody here.
fn addresses(family: u8, body: &[u8]) -> Result<(Option<IpAddr>, &[u8]), Refused> {
    match family {
        // Over TCP with IPv4: two addresses, two ports.
        0x11 => {
            let (found, extras) = body.split_first_chunk::<12>().ok_or(Refused::Length)?;
            let &[a, b, c, d, ..] = found;
            Ok((Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))), extras))
        }
        // The same with IPv6.
        0x21 => {
            let (found, extras) = body.split_first_chunk::<36>().ok_or(Refused::Length)?;
            let (source, _) = found.split_first_chunk::<16>().ok_or(Refused::Length)?;
            Ok((Some(IpAddr::V6(Ipv6Addr::from(*source)).to_canonical()), extras))
        }
        _ => Err(Refused::Kind),
    }
}

/// Walks the extensions: checks the checksum, finds the VPC endpoint, passes over the rest.
fn extensions(mut extras: &[u8], whole: &[u8]) -> Result<Option<String>, Refused> {
    let mut endpoint = None;
    while !extras.is_empty() {
        let (&[kind, high, low], rest) = extras.split_first_chunk::<3>().ok_or(Refused::Length)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest) = rest.split_at_checked(length).ok_or(Refused::Length)?;
        match (kind, value) {
            (CRC32C, _) => {
                let given: [u8; 4] = value.try_into().map_err(|_| Refused::Length)?;
                let behind = rest.len();
                check(whole, behind, u32::from_be_bytes(given))?;
            }
            (AWS, [AWS_VPC_ENDPOINT, name @ ..]) => {
                let name = std::str::from_utf8(name).ok().filter(|name| is_vpc_endpoint(name));
                let name = name.ok_or(Refused::VpcEndpoint)?;
                if endpoint.replace(name.to_owned()).is_some() {
                    return Err(Refused::VpcEndpoint);
                }
            }
            _ => {}
        }
        extras = rest;
    }
    Ok(endpoint)
}

/// The checksum is over the whole head with zeros in its own place, `behind` octets before the end.
fn check(whole: &[u8], behind: usize, given: u32) -> Result<(), Refused> {
    let end = whole.len().checked_sub(behind).ok_or(Refused::Length)?;
    let mut zeroed = whole.to_vec();
    zeroed.get_mut(end.saturating_sub(4)..end).ok_or(Refused::Length)?.fill(0);
    let computed = checksum(CrcAlgorithm::Crc32Iscsi, &zeroed);
    if computed == u64::from(given) { Ok(()) } else { Err(Refused::Checksum) }
}

/// `vpce-` and 8 to 17 hexadecimal digits.
fn is_vpc_endpoint(name: &str) -> bool {
    name.strip_prefix("vpce-").is_some_and(|id| {
        (8..=17).contains(&id.len()) && id.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        out.extend([command, family]);
        out.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        out.extend(body);
        out
    }

    fn extension(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![kind];
        out.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        out.extend(value);
        out
    }

    const V4: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0x12, 0x34, 1, 187];

    fn v4(extras: &[u8]) -> Vec<u8> {
        head(0x21, 0x11, &[&V4, extras].concat())
    }

    fn endpoint(name: &str) -> Vec<u8> {
        extension(AWS, &[&[1], name.as_bytes()].concat())
    }

    #[test]
    fn the_client_and_its_vpc_endpoint_are_read() {
        let octets =
            v4(&[extension(0x04, &[0; 7]), endpoint("vpce-08d2bf15fac5001c9"), extension(AWS, b"\x02x")].concat());
        let expected = Preface {
            source: Some("203.0.113.9".parse().unwrap()),
            vpc_endpoint: Some("vpce-08d2bf15fac5001c9".to_owned()),
        };
        let length = octets.len();
        assert_eq!(read(&[&octets[..], b"GET / HTTP/1.1"].concat()), Ok(Reading::Done(expected, length)));
    }

    #[test]
    fn ipv6_is_read_and_mapped_ipv4_comes_back_as_ipv4() {
        let of = |source: &str| {
            let source: Ipv6Addr = source.parse().unwrap();
            read(&head(0x21, 0x21, &[&source.octets()[..], &[0; 20]].concat()))
        };
        for (sent, seen) in [("2001:db8::9", "2001:db8::9"), ("::ffff:203.0.113.9", "203.0.113.9")] {
            let Ok(Reading::Done(preface, _)) = of(sent) else { panic!("{sent}") };
            assert_eq!(preface.source, Some(seen.parse().unwrap()));
        }
    }

    #[test]
    fn a_health_check_says_nothing_about_a_client() {
        assert_eq!(read(&head(0x20, 0x00, b"")), Ok(Reading::Done(Preface::default(), 16)));
        assert_eq!(read(&head(0x20, 0x11, &V4)), Ok(Reading::Done(Preface::default(), 28)));
    }

    #[test]
    fn a_checksum_that_is_there_must_match() {
        let mut octets = v4(&[extension(CRC32C, &[0; 4]), endpoint("vpce-0a1b2c3d")].concat());
        let crc = u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, &octets)).unwrap();
        octets[31..35].copy_from_slice(&crc.to_be_bytes());
        assert!(matches!(read(&octets), Ok(Reading::Done(..))));
        octets[16] ^= 1;
        assert_eq!(read(&octets), Err(Refused::Checksum));
    }

    #[test]
    fn what_could_be_read_two_ways_is_refused() {
        for (octets, why) in [
            (b"PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r\n".to_vec(), Refused::Signature),
            (b"GET / HTTP/1.1\r\n".to_vec(), Refused::Signature),
            (head(0x11, 0x11, &V4), Refused::Kind),
            (head(0x22, 0x11, &V4), Refused::Kind),
            (head(0x21, 0x12, &V4), Refused::Kind),
            (head(0x21, 0x00, b""), Refused::Kind),
            (head(0x21, 0x31, &[0; 216]), Refused::Kind),
            (head(0x21, 0x11, &V4[..11]), Refused::Length),
            (v4(&[AWS, 0]), Refused::Length),
            (v4(&[AWS, 0, 9, 1]), Refused::Length),
            (v4(&[0; 2048]), Refused::Length),
            (v4(&endpoint("vpce-xyz")), Refused::VpcEndpoint),
            (v4(&endpoint("vpce-0a1b2c3d\n")), Refused::VpcEndpoint),
            (v4(&[endpoint("vpce-0a1b2c3d"), endpoint("vpce-0a1b2c3e")].concat()), Refused::VpcEndpoint),
        ] {
            assert_eq!(read(&octets), Err(why), "{octets:?}");
        }
    }

    proptest! {
        #[test]
        fn a_head_in_pieces_is_the_same_head(cut in 0_usize..28) {
            let octets = v4(b"");
            let Ok(Reading::More(more)) = read(&octets[..cut]) else { panic!("{cut}") };
            prop_assert!(more > 0 && cut + more <= octets.len());
        }

        #[test]
        fn no_octets_panic(command in 0x20_u8..0x22, family: u8, body in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _whatever = read(&head(command, family, &body));
            let _whatever = read(&v4(&body));
            let _whatever = read(&body);
        }
    }
}
