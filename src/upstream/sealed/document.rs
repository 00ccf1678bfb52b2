//! Documents of the store as clients are to see them: sizes of plaintext, no checksums of sealed octets. Only
//! these texts are touched; markup is never part of a text.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use memchr::memmem::find;

use crate::s3::Fault;
use crate::upstream::{Reply, ReplyBody};

/// The longest list that is read whole to be written anew.
const LONGEST: usize = 8 << 20;

/// What a size in a document comes to.
pub(super) enum Size {
    /// So many octets.
    Plain(u64),
    /// It stays as it is.
    AsStored,
    /// It stays as it is, though it is that of sealed octets.
    Sealed,
}

/// An answer with another document.
///
/// # Errors
/// `InternalError`: it is too long, or breaks off.
pub(super) async fn rewrite(reply: Reply, with: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Result<Reply, Fault> {
    let Reply { status, mut headers, body, upstream_id, code, size } = reply;
    let document = Bytes::from(with(body.whole(LONGEST).await?.into()));
    headers.insert(CONTENT_LENGTH, document.len().into());
    Ok(Reply { status, headers, body: ReplyBody::Full(document), upstream_id, code, size })
}

/// The text of the first element of this name.
pub(super) fn text<'d>(document: &'d [u8], name: &str) -> Option<&'d str> {
    let range = place(document, name)?;
    std::str::from_utf8(document.get(range)?).ok()
}

/// Where it stands.
fn place(document: &[u8], name: &str) -> Option<std::ops::Range<usize>> {
    let open = format!("<{name}>");
    let start = find(document, open.as_bytes())?.checked_add(open.len())?;
    let rest = document.get(start..)?;
    let length = memchr::memchr(b'<', rest)?;
    let closed = rest.get(length..)?.starts_with(format!("</{name}>").as_bytes());
    closed.then(|| start..start.saturating_add(length))
}

/// An entity tag as it stands in a document.
pub(super) fn etag(document: &[u8]) -> String {
    let text = text(document, "ETag").unwrap_or_default();
    text.replace("&quot;", "\"").replace("&#34;", "\"").trim_matches('"').to_owned()
}

/// Takes out all that says checksums: they are of sealed octets.
pub(super) fn without_checksums(document: Vec<u8>) -> Vec<u8> {
    const BEGIN: &[u8] = b"<Checksum";
    let (mut out, mut rest) = (Vec::with_capacity(document.len()), document.as_slice());
    while let Some(at) = find(rest, BEGIN) {
        let (before, here) = rest.split_at(at);
        out.extend_from_slice(before);
        let after = memchr::memchr2(b'>', b'/', here).and_then(|end| {
            let name = here.get(1..end)?;
            if here.get(end) == Some(&b'/') {
                return here.get(end + 2..); // without a text
            }
            let close = [b"</", name, b">"].concat();
            let end = find(here, &close)?.checked_add(close.len())?;
            here.get(end..)
        });
        match after {
            Some(after) => rest = after,
            None => {
                out.extend_from_slice(here);
                rest = &[];
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Writes the size anew in every element of one of these names. Says whether some are those of sealed octets.
pub(super) fn sizes(document: Vec<u8>, names: &[&str], size: impl Fn(&[u8], u64) -> Size) -> (Vec<u8>, bool) {
    let tags: Vec<(String, String)> = names.iter().map(|name| (format!("<{name}>"), format!("</{name}>"))).collect();
    let (mut out, mut rest, mut sealed) = (Vec::with_capacity(document.len()), document.as_slice(), false);
    loop {
        let next =
            tags.iter().filter_map(|tag| Some((find(rest, tag.0.as_bytes())?, &tag.1))).min_by_key(|next| next.0);
        let Some((start, close)) = next else { break };
        let Some(length) = rest.get(start..).and_then(|from| find(from, close.as_bytes())) else { break };
        let (before, from) = rest.split_at(start);
        let (entry, behind) = from.split_at(length);
        out.extend_from_slice(before);
        let stands = place(entry, "Size");
        let number = stands.clone().and_then(|range| std::str::from_utf8(entry.get(range)?).ok()?.trim().parse().ok());
        match (stands, number.map(|number| size(entry, number))) {
            (Some(range), Some(Size::Plain(plain))) => {
                out.extend_from_slice(entry.get(..range.start).unwrap_or_default());
                out.extend_from_slice(plain.to_string().as_bytes());
                out.extend_from_slice(entry.get(range.end..).unwrap_or_default());
            }
            (_, found) => {
                sealed |= matches!(found, Some(Size::Sealed));
                out.extend_from_slice(entry);
            }
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    (out, sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "<R><Name>b</Name><Contents><Key>Size&gt;</Key><ETag>&quot;a-2&quot;</ETag><Size>80</Size>\
        <ChecksumAlgorithm>CRC32</ChecksumAlgorithm></Contents><Contents><Key>k</Key><ETag>\"b\"</ETag><Size>7</Size>\
        </Contents><CommonPrefixes><Prefix>p</Prefix></CommonPrefixes></R>";

    #[test]
    fn a_list_shows_sizes_of_plaintext_and_is_otherwise_as_it_was() {
        let (out, sealed) = sizes(LIST.into(), &["Contents"], |entry, size| match (etag(entry).as_str(), size) {
            ("a-2", 80) => Size::Plain(0),
            ("b", 7) => Size::AsStored,
            other => panic!("{other:?}"),
        });
        assert!(!sealed);
        assert_eq!(String::from_utf8(out).unwrap(), LIST.replace("<Size>80<", "<Size>0<"));
        let (same, sealed) = sizes(LIST.into(), &["Version", "Contents"], |_, _| Size::Sealed);
        assert!(sealed && same == LIST.as_bytes());
    }

    #[test]
    fn checksums_go_with_all_that_is_in_them() {
        let out = without_checksums(LIST.into());
        let expected = LIST.replace("<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>", "");
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let nested = b"<A><Checksum><ChecksumCRC32>x</ChecksumCRC32><ChecksumType>t</ChecksumType></Checksum><ChecksumType/><B/></A>";
        assert_eq!(without_checksums(nested.to_vec()), b"<A><B/></A>");
        for odd in [&b"<Checksum"[..], b"<ChecksumA>x", b"", b"<ChecksumA"] {
            assert_eq!(without_checksums(odd.to_vec()), odd);
        }
    }

    #[test]
    fn cut_off_documents_stay_as_they_are() {
        for end in 0..LIST.len() {
            let cut = LIST.as_bytes()[..end].to_vec();
            let (out, _) = sizes(cut.clone(), &["Contents"], |_, _| Size::AsStored);
            assert_eq!(out, cut);
        }
    }
}
