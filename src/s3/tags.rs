//! Tags in a header.

use super::{Fault, uri};

/// Keys and values, in order.
pub type Tags = Vec<(String, String)>;

/// Reads `x-amz-tagging`, written like a query. What tags may be is checked by whoever stores them.
///
/// # Errors
/// `InvalidArgument`: not decodable, not UTF-8, a key twice.
pub fn from_header(text: &str) -> Result<Tags, Fault> {
    let bad = || {
        let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without \
            tag name duplicates.";
        Fault::argument("tagging-header", message, "x-amz-tagging", Some(text.to_owned()))
    };
    let query = uri::Query::parse(text.as_bytes()).map_err(|_| bad())?;
    let owned = |octets: &[u8]| String::from_utf8(octets.to_vec()).map_err(|_| bad());
    let mut tags = Tags::new();
    for parameter in query.iter() {
        let (key, value) = (owned(&parameter.name)?, owned(&parameter.value)?);
        if tags.iter().any(|(known, _)| *known == key) {
            return Err(bad());
        }
        tags.push((key, value));
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_twice_could_be_read_two_ways() {
        assert_eq!(
            from_header("a=b%26c&d=&e").unwrap(),
            [("a", "b&c"), ("d", ""), ("e", "")].map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
        for bad in ["a=1&a=2", "a=%", "a=%ff", "%61=1&a=2"] {
            assert!(from_header(bad).is_err(), "{bad}");
        }
    }
}
