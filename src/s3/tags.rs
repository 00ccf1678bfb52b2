//! Tags: in a header, and what those of an access point may be.

use super::{Code, Fault, uri};

/// The most tags of a resource of S3 Control.
pub const MOST_OF_RESOURCE: usize = 50;

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

/// Whether an access point may have these tags (spec/access-points.md 7.4).
///
/// # Errors
/// `InvalidTag`
pub fn check_of_resource(tags: &Tags) -> Result<(), Fault> {
    if tags.len() > MOST_OF_RESOURCE {
        return Err(Fault::new(Code::InvalidTag, "tags-too-many", "A resource cannot have more than 50 tags."));
    }
    for (at, (key, value)) in tags.iter().enumerate() {
        let twice = tags.iter().take(at).any(|(before, _)| before == key);
        let message = match () {
            () if twice => "Cannot provide multiple Tags with the same key",
            () if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) => {
                "System tags cannot be added or changed by requests."
            }
            () if key.is_empty() || !fits(key, 128) => "The TagKey you have provided is invalid",
            () if !fits(value, 256) => "The TagValue you have provided is invalid",
            () => continue,
        };
        return Err(Fault::new(Code::InvalidTag, "tag", message).with("TagKey", key));
    }
    Ok(())
}

/// Letters, digits and white space of every script, and a few signs.
fn fits(text: &str, most: usize) -> bool {
    let known = |character: char| character.is_alphanumeric() || character == ' ' || "+-=._:/@".contains(character);
    text.chars().count() <= most && text.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_a_resource_have_keys_of_their_own_and_plain_text() {
        let check = |tags: &[(&str, &str)]| {
            check_of_resource(&tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
        };
        assert!(check(&[("team", "red"), ("Kosten stelle", ""), ("a:b/c", "x@y+z")]).is_ok());
        let long = "x".repeat(257);
        for bad in [("aws:x", ""), ("AWS:x", ""), ("", "x"), ("a\nb", ""), ("a", "<b>"), ("a", &long), (&long, "")] {
            assert_eq!(check(&[bad]).unwrap_err().code(), Code::InvalidTag, "{bad:?}");
        }
        assert!(check(&[("a", "1"), ("a", "2")]).is_err());
        let many: Tags = (0..51).map(|at| (format!("k{at}"), String::new())).collect();
        assert!(check_of_resource(&many).is_err() && check_of_resource(&many[..50].to_vec()).is_ok());
    }

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
