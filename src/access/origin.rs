//! Where a request comes from: the socket, or what trusted proxies say of it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::s3::{Code, Fault};

/// A range of addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// The longest way that is followed.
const MOST_HOPS: usize = 32;

impl Cidr {
    /// Reads `10.0.0.0/8`, `::1/128` or a single address. Bits outside the prefix must be zero.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(width);
        let range = Self { address, prefix };
        (prefix <= width && range.masked(address) == range.masked_all(address)).then_some(range)
    }

    /// Whether an address lies inside. An IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && self.masked(address) == self.masked(self.address)
    }

    fn masked(&self, address: IpAddr) -> u128 {
        let (bits, width) = Self::bits(address);
        let free = width.saturating_sub(u32::from(self.prefix));
        bits.checked_shr(free).unwrap_or(0).checked_shl(free).unwrap_or(0)
    }

    fn masked_all(&self, address: IpAddr) -> u128 {
        Self::bits(address).0
    }

    fn bits(address: IpAddr) -> (u128, u32) {
        match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        }
    }
}

/// The client's address. `X-Forwarded-For` is believed as far as each hop, read from the right, is one
/// that `trusted` knows; the first one it does not know is the client. An untrusted peer is the client
/// whatever it sends. IPv4 addresses written as IPv6 come back as IPv4.
///
/// `forwarded` are the values of the header's lines in the order received.
///
/// # Errors
/// `InvalidRequest`: a trusted hop reports what is no address, or the way is longer than 32 hops. Taking
/// the hop itself for the client would let whoever writes nonsense appear as the proxy.
pub fn client(peer: IpAddr, forwarded: &[&[u8]], trusted: impl Fn(IpAddr) -> bool) -> Result<IpAddr, Fault> {
    let mut client = peer.to_canonical();
    let hops = forwarded.iter().rev().flat_map(|line| line.rsplit(|&octet| octet == b','));
    for (count, hop) in hops.enumerate() {
        if !trusted(client) {
            return Ok(client);
        }
        if count >= MOST_HOPS {
            return Err(unreadable("too many hops"));
        }
        client = address(hop).ok_or_else(|| unreadable("a hop that is no address"))?;
    }
    Ok(client)
}

/// An address, with or without a port: `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(crate::s3::head::trim(hop)).ok()?;
    let plain = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    plain().or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

fn unreadable(detail: &str) -> Fault {
    let message = "The X-Forwarded-For header of a trusted proxy cannot be read.";
    Fault::new(Code::InvalidRequest, "forwarded-for", message).detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, lines: &[&str], expected: Option<&str>) {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let trusted = |address: IpAddr| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10);
        let got = client(peer.parse().unwrap(), &lines, trusted).ok();
        assert_eq!(got, expected.map(|address| address.parse().unwrap()), "{peer} {lines:?}");
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        check("203.0.113.9", &["198.51.100.1"], Some("203.0.113.9"));
        check("203.0.113.9", &["nonsense"], Some("203.0.113.9"));
        check("10.0.0.1", &["198.51.100.1, 203.0.113.9"], Some("203.0.113.9"));
        check("10.0.0.1", &["10.9.9.9, 203.0.113.9"], Some("203.0.113.9"));
        check("10.0.0.1", &["nonsense, 203.0.113.9"], Some("203.0.113.9"));
    }

    #[test]
    fn trusted_hops_are_followed_from_the_right() {
        check("10.0.0.1", &[], Some("10.0.0.1"));
        check("10.0.0.1", &["203.0.113.9, 10.0.0.3, 10.0.0.2"], Some("203.0.113.9"));
        check("10.0.0.1", &["198.51.100.1", "203.0.113.9", "10.0.0.2"], Some("203.0.113.9"));
        check("10.0.0.1", &["10.0.0.7,10.0.0.6"], Some("10.0.0.7"));
        check("::ffff:10.0.0.1", &["::ffff:203.0.113.9"], Some("203.0.113.9"));
        check("10.0.0.1", &["2001:db8::1"], Some("2001:db8::1"));
        check("10.0.0.1", &["[2001:db8::1]:443"], Some("2001:db8::1"));
        check("10.0.0.1", &["203.0.113.9:443"], Some("203.0.113.9"));
    }

    #[test]
    fn what_a_trusted_hop_cannot_mean_is_refused() {
        for line in ["", "unknown", "203.0.113", "203.0.113.9,", "_hidden", "203.0.113.9 10.0.0.2"] {
            check("10.0.0.1", &[line], None);
        }
        check("10.0.0.1", &[&["10.0.0.2"; 40].join(",")], None);
    }

    #[test]
    fn an_address_range_holds_its_own_and_nothing_else() {
        let range = Cidr::parse("10.0.0.0/8").unwrap();
        assert!(range.contains("10.255.0.1".parse().unwrap()));
        assert!(range.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!range.contains("11.0.0.1".parse().unwrap()));
        assert!(!range.contains("::1".parse().unwrap()));
        assert!(Cidr::parse("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!(Cidr::parse("::/0").unwrap().contains("2001:db8::1".parse().unwrap()));
        assert!(Cidr::parse("192.0.2.1").unwrap().contains("192.0.2.1".parse().unwrap()));
        for text in ["10.0.0.1/8", "10.0.0.0/33", "::1/129", "10.0.0.0/", "ten", "::1/0"] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }
}
