//! Sets of octets, asked in one look each.

/// A set of octets.
#[derive(Clone, Copy, Debug)]
pub struct Octets([bool; 256]);

impl Octets {
    /// These octets.
    pub const fn of(octets: &[u8]) -> Self {
        Self([false; 256]).and(octets)
    }

    /// The same and these.
    #[expect(clippy::indexing_slicing, reason = "an octet is a place in the table; made at compile time")]
    pub const fn and(self, octets: &[u8]) -> Self {
        let Self(mut set) = self;
        let mut at = 0;
        while at < octets.len() {
            set[octets[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    /// Whether it holds an octet.
    pub fn has(&self, octet: u8) -> bool {
        self.0.get(usize::from(octet)).is_some_and(|there| *there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        const SET: Octets = Octets::of(b"a\0\xff/");
        assert!((0..=u8::MAX).all(|octet| SET.has(octet) == b"a\0\xff/".contains(&octet)));
        const MORE: Octets = SET.and(b"b");
        assert!((0..=u8::MAX).all(|octet| MORE.has(octet) == b"ab\0\xff/".contains(&octet)));
    }
}
