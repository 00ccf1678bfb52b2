//! Reads the documents that clients send. Bounded in depth and in elements; no DTD, no entities but XML's own.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::s3::{Code, Fault};

use super::checksums::Algorithm;

const DEPTH: usize = 8;
const ELEMENTS: usize = 200_000;

/// A `Delete` document.
pub(super) struct Delete {
    pub(super) quiet: bool,
    pub(super) objects: Vec<DeleteEntry>,
}

/// One object to delete.
pub(super) struct DeleteEntry {
    pub(super) key: String,
    pub(super) version: Option<String>,
    pub(super) etag: Option<String>,
}

/// A part as CompleteMultipartUpload names it.
pub(super) struct CompletedPart {
    pub(super) number: u32,
    pub(super) etag: String,
    pub(super) checksums: Vec<(Algorithm, String)>,
}

/// `CreateBucketConfiguration`: the location, if there is one.
pub(super) fn location(document: &[u8]) -> Result<Option<String>, Fault> {
    let root = parse(document, "CreateBucketConfiguration")?;
    Ok(root.child("LocationConstraint").map(|node| node.text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// `Delete`: one to a thousand objects.
pub(super) fn delete(document: &[u8]) -> Result<Delete, Fault> {
    let root = parse(document, "Delete")?;
    let entry = |node: &Node| {
        let owned = |name| node.child(name).map(|child| child.text.clone());
        let key = owned("Key").filter(|key| !key.is_empty()).ok_or_else(malformed)?;
        Ok(DeleteEntry { key, version: owned("VersionId"), etag: owned("ETag") })
    };
    let objects = root.all("Object").map(entry).collect::<Result<Vec<_>, Fault>>()?;
    if objects.is_empty() || objects.len() > 1000 {
        return Err(malformed());
    }
    Ok(Delete { quiet: root.child("Quiet").is_some_and(|node| node.text.trim().eq_ignore_ascii_case("true")), objects })
}

/// `CompleteMultipartUpload`: one to ten thousand parts.
pub(super) fn parts(document: &[u8]) -> Result<Vec<CompletedPart>, Fault> {
    let root = parse(document, "CompleteMultipartUpload")?;
    let part = |node: &Node| {
        let number = node.child("PartNumber").and_then(|child| child.text.trim().parse().ok()).ok_or_else(malformed)?;
        let etag = node.child("ETag").ok_or_else(malformed)?.text.trim().trim_matches('"').to_owned();
        let checksum =
            |algorithm: Algorithm| Some((algorithm, node.child(algorithm.element())?.text.trim().to_owned()));
        Ok(CompletedPart { number, etag, checksums: Algorithm::ALL.into_iter().filter_map(checksum).collect() })
    };
    let parts = root.all("Part").map(part).collect::<Result<Vec<_>, Fault>>()?;
    if parts.is_empty() || parts.len() > 10_000 {
        return Err(malformed());
    }
    Ok(parts)
}

/// `Tagging`: names and values, not checked yet.
pub(super) fn tagging(document: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let root = parse(document, "Tagging")?;
    let set = root.child("TagSet").ok_or_else(malformed)?;
    let text = |tag: &Node, name| tag.child(name).map(|node| node.text.clone()).ok_or_else(malformed);
    set.all("Tag").map(|tag| Ok((text(tag, "Key")?, text(tag, "Value")?))).collect()
}

fn malformed() -> Fault {
    Fault::plain(Code::MalformedXML, "malformed-xml")
}

/// An element: local name, text and children.
#[derive(Default)]
struct Node {
    name: String,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn all<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn child(&self, name: &'static str) -> Option<&Node> {
        self.all(name).next()
    }
}

fn parse(document: &[u8], root: &str) -> Result<Node, Fault> {
    let text = std::str::from_utf8(document).map_err(|_| malformed())?;
    tree(text).filter(|node| node.name == root).ok_or_else(malformed)
}

/// The root element of a well-formed document.
fn tree(text: &str) -> Option<Node> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    let mut elements = 0_usize;
    loop {
        let event = reader.read_event().ok()?;
        if let Event::Start(start) | Event::Empty(start) = &event {
            elements = elements.checked_add(1).filter(|&count| count <= ELEMENTS)?;
            let name = start.local_name().into_inner().to_owned();
            if root.is_some() || open.len() >= DEPTH {
                return None;
            }
            open.push(Node { name, ..Node::default() });
        }
        match event {
            Event::End(_) | Event::Empty(_) => {
                let done = open.pop()?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => root = Some(done),
                }
            }
            Event::Text(text) => append(&mut open, &text.xml10_content())?,
            Event::CData(data) => append(&mut open, &data.xml10_content())?,
            Event::GeneralRef(name) => {
                let character = match name.resolve_char_ref().ok()? {
                    Some(character) => character,
                    None => entity(&name)?,
                };
                append(&mut open, character.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return None,
            Event::Eof => return if open.is_empty() { root } else { None },
            Event::Start(_) | Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
        }
    }
}

/// Text outside the root may be white space only.
fn append(open: &mut [Node], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(node) => node.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_with_and_without_namespace() {
        let xml = b"<?xml version=\"1.0\"?>\n<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Quiet>true</Quiet><Object><Key>a&amp;&#x41;<![CDATA[<]]></Key><VersionId>null</VersionId></Object></Delete>";
        let read = delete(xml).unwrap();
        assert!(read.quiet);
        assert_eq!(read.objects[0].key, "a&A<");
        assert_eq!(read.objects[0].version.as_deref(), Some("null"));
        assert_eq!(location(b"<CreateBucketConfiguration/>").unwrap(), None);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = "<Delete>".repeat(50);
        for xml in [
            "",
            "x",
            "<Delete>",
            "<Delete></Other>",
            "<Delete/><Delete/>",
            "<!DOCTYPE Delete [<!ENTITY a \"b\">]><Delete><Object><Key>&a;</Key></Object></Delete>",
            "<Delete><Object><Key>&a;</Key></Object></Delete>",
            "<Delete><Object><Key></Key></Object></Delete>",
            "<Delete></Delete>",
            "<Tagging/>",
            deep.as_str(),
        ] {
            assert_eq!(delete(xml.as_bytes()).map(|_| ()).unwrap_err().code(), Code::MalformedXML, "{xml}");
        }
    }
}
