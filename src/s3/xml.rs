//! Documents: the few that are read, bounded and exact; and a writer that escapes.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::checksum::Algorithm;
use super::{Code, Fault};

/// How deep elements may nest.
const DEEPEST: usize = 16;
/// How many elements a document may have.
const MOST_ELEMENTS: usize = 120_000;

/// An element with its text and children, in document order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Character data, references resolved.
    pub text: String,
    /// Child elements.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a whole document with this root.
    ///
    /// # Errors
    /// `MalformedXML`: not well-formed, another root, a document type, unknown entities, too deep, too many.
    pub fn parse(document: &[u8], root: &str) -> Result<Self, Fault> {
        let element = read(document).ok_or_else(malformed)?;
        if element.name == root { Ok(element) } else { Err(malformed()) }
    }

    /// The only child of this name.
    ///
    /// # Errors
    /// `MalformedXML` when it is there twice.
    pub fn child(&self, name: &str) -> Result<Option<&Self>, Fault> {
        let mut found = self.children.iter().filter(|child| child.name == name);
        let first = found.next();
        if found.next().is_some() { Err(malformed()) } else { Ok(first) }
    }

    /// The text of the only child of this name.
    ///
    /// # Errors
    /// As for [`Element::child`]; also where it has children.
    pub fn text_of(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.child(name)? {
            Some(child) if !child.children.is_empty() => Err(malformed()),
            child => Ok(child.map(|child| child.text.as_str())),
        }
    }

    /// Refuses children that the document's schema does not have.
    ///
    /// # Errors
    /// `MalformedXML`
    pub fn only(&self, names: &[&str]) -> Result<(), Fault> {
        let known = self.children.iter().all(|child| names.contains(&child.name.as_str()));
        if known { Ok(()) } else { Err(malformed()) }
    }
}

/// The first element of a document that is not among these, as `Parent/Name`; none if all are.
///
/// # Errors
/// `MalformedXML`
pub fn first_but(document: &[u8], known: &[&str]) -> Result<Option<String>, Fault> {
    let root = read(document).ok_or_else(malformed)?;
    let mut open = vec![&root];
    while let Some(parent) = open.pop() {
        for child in &parent.children {
            let path = format!("{}/{}", parent.name, child.name);
            if !known.contains(&path.as_str()) {
                return Ok(Some(path));
            }
            open.push(child);
        }
    }
    Ok(None)
}

/// Whether a document can be read in one way only: well-formed UTF-8 with one root, no document type, no
/// entities but the predefined ones, bounded.
///
/// # Errors
/// `MalformedXML`
pub fn check(document: &[u8]) -> Result<(), Fault> {
    read(document).map(|_| ()).ok_or_else(malformed)
}

fn read(document: &[u8]) -> Option<Element> {
    let mut reader = Reader::from_str(std::str::from_utf8(document).ok()?);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0_usize;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                elements += 1;
                if open.len() >= DEEPEST || elements > MOST_ELEMENTS || root.is_some() {
                    return None;
                }
                let name = start.local_name().as_ref().to_owned();
                open.push(Element { name, ..Element::default() });
            }
            Event::End(_) => {
                let mut done = open.pop()?;
                if !done.children.is_empty() && done.text.trim().is_empty() {
                    done.text.clear();
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => root = Some(done),
                }
            }
            Event::Text(text) => push_text(&mut open, &text.xml10_content())?,
            Event::CData(text) => push_text(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().ok()?;
                let name = reference.xml10_content();
                match character {
                    Some(character) => push_text(&mut open, character.encode_utf8(&mut [0; 4]))?,
                    None => push_text(&mut open, quick_xml::escape::resolve_predefined_entity(&name)?)?,
                }
            }
            Event::DocType(_) => return None,
            Event::Eof => return if open.is_empty() { root } else { None },
            _ => {}
        }
    }
}

fn push_text(open: &mut [Element], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

/// What S3 says of a document that it cannot read.
pub fn malformed() -> Fault {
    Fault::new(
        Code::MalformedXML,
        "malformed-xml",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// One entry of a `Delete` document.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeleteEntry {
    /// The key.
    pub key: String,
    /// The version, if one is meant.
    pub version: Option<String>,
    /// Only if the object has this ETag.
    pub etag: Option<String>,
    /// Only if it was modified then.
    pub last_modified: Option<String>,
    /// Only if it has this size.
    pub size: Option<String>,
}

impl DeleteEntry {
    /// The name of its first condition.
    pub const fn condition(&self) -> Option<&'static str> {
        match self {
            Self { etag: Some(_), .. } => Some("ETag"),
            Self { last_modified: Some(_), .. } => Some("LastModifiedTime"),
            Self { size: Some(_), .. } => Some("Size"),
            _ => None,
        }
    }
}

/// The body of DeleteObjects.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Delete {
    /// What to delete, in order.
    pub entries: Vec<DeleteEntry>,
    /// Leave successes out of the answer.
    pub quiet: bool,
}

impl Delete {
    /// Reads the document.
    ///
    /// # Errors
    /// `MalformedXML`, also for more than 1000 entries or none.
    pub fn parse(document: &[u8]) -> Result<Self, Fault> {
        let root = Element::parse(document, "Delete")?;
        root.only(&["Object", "Quiet"])?;
        let quiet = match root.text_of("Quiet")?.map(str::trim) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(malformed()),
        };
        let mut entries = Vec::new();
        for object in root.children.iter().filter(|child| child.name == "Object") {
            object.only(&["Key", "VersionId", "ETag", "LastModifiedTime", "Size"])?;
            let own = |name| object.text_of(name).map(|text| text.map(str::to_owned));
            entries.push(DeleteEntry {
                key: own("Key")?.filter(|key| !key.is_empty()).ok_or_else(malformed)?,
                version: own("VersionId")?.filter(|version| !version.is_empty()),
                etag: own("ETag")?,
                last_modified: own("LastModifiedTime")?,
                size: own("Size")?,
            });
        }
        if entries.is_empty() || entries.len() > 1000 { Err(malformed()) } else { Ok(Self { entries, quiet }) }
    }

    /// Writes a document anew, so that a store reads just what was read here.
    pub fn write<'e>(entries: impl Iterator<Item = &'e DeleteEntry>, quiet: bool) -> Vec<u8> {
        let mut writer = Writer::document();
        writer.open_in("Delete", S3_NAMESPACE);
        for entry in entries {
            writer.open("Object");
            writer.element("Key", &entry.key);
            for (name, text) in [
                ("VersionId", &entry.version),
                ("ETag", &entry.etag),
                ("LastModifiedTime", &entry.last_modified),
                ("Size", &entry.size),
            ] {
                if let Some(text) = text {
                    writer.element(name, text);
                }
            }
            writer.close("Object");
        }
        if quiet {
            writer.element("Quiet", "true");
        }
        writer.close("Delete");
        writer.finish()
    }
}

/// The id in the answer to the beginning of a multipart upload; none if it cannot be read.
pub fn upload_id(document: &[u8]) -> Option<String> {
    let root = Element::parse(document, "InitiateMultipartUploadResult").ok()?;
    root.text_of("UploadId").ok().flatten().map(str::to_owned)
}

/// One part of a completion.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CompletedPart {
    /// As written; its range is for whoever knows the upload.
    pub number: u32,
    /// As the client remembers it, quotes removed.
    pub etag: String,
    /// Checksums the client gives, in base64.
    pub checksums: Vec<(Algorithm, String)>,
}

/// The body of CompleteMultipartUpload.
///
/// # Errors
/// `MalformedXML`, also for more than 10000 parts or none.
pub fn completed_parts(document: &[u8]) -> Result<Vec<CompletedPart>, Fault> {
    let root = Element::parse(document, "CompleteMultipartUpload")?;
    root.only(&["Part"])?;
    let mut parts = Vec::with_capacity(root.children.len());
    for part in &root.children {
        let number = part.text_of("PartNumber")?.and_then(|text| text.trim().parse().ok()).ok_or_else(malformed)?;
        let etag = part.text_of("ETag")?.ok_or_else(malformed)?.trim().trim_matches('"').to_owned();
        let mut checksums = Vec::new();
        for child in part.children.iter().filter(|child| !matches!(child.name.as_str(), "PartNumber" | "ETag")) {
            let named = Algorithm::ALL.into_iter().find(|algorithm| algorithm.element() == child.name);
            let algorithm = named.ok_or_else(malformed)?;
            if checksums.iter().any(|(there, _)| *there == algorithm) {
                return Err(malformed());
            }
            checksums.push((algorithm, child.text.trim().to_owned()));
        }
        parts.push(CompletedPart { number, etag, checksums });
    }
    if parts.is_empty() || parts.len() > 10_000 { Err(malformed()) } else { Ok(parts) }
}

/// The body of PutObjectTagging and PutBucketTagging: keys and values in order.
///
/// # Errors
/// `MalformedXML`; what tags may be is checked by whoever stores them.
pub fn tags(document: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let root = Element::parse(document, "Tagging")?;
    root.only(&["TagSet"])?;
    tag_set(root.child("TagSet")?.ok_or_else(malformed)?)
}

/// The tags in an element.
///
/// # Errors
/// `MalformedXML`; what tags may be is checked by whoever stores them.
pub fn tag_set(set: &Element) -> Result<Vec<(String, String)>, Fault> {
    set.only(&["Tag"])?;
    set.children
        .iter()
        .map(|tag| {
            tag.only(&["Key", "Value"])?;
            let own = |name| tag.text_of(name)?.map(str::to_owned).ok_or_else(malformed);
            Ok((own("Key")?, own("Value")?))
        })
        .collect()
}

/// The body of CreateBucket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CreateBucket {
    /// The region, if one is given.
    pub location: Option<String>,
    /// Tags of the new bucket.
    pub tags: Vec<(String, String)>,
}

impl CreateBucket {
    /// Reads the document; an empty one says nothing.
    ///
    /// # Errors
    /// `MalformedXML`
    pub fn parse(document: &[u8]) -> Result<Self, Fault> {
        if document.is_empty() {
            return Ok(Self::default());
        }
        let root = Element::parse(document, "CreateBucketConfiguration")?;
        root.only(&["LocationConstraint", "Tags"])?;
        let location = root.text_of("LocationConstraint")?.map(|text| text.trim().to_owned());
        let tags = root.child("Tags")?.map(tag_set).transpose()?.unwrap_or_default();
        Ok(Self { location: location.filter(|text| !text.is_empty()), tags })
    }
}

/// The namespace of S3's documents.
/// The namespace of documents of S3 Control.
pub const CONTROL_NAMESPACE: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";
/// The namespace of documents of S3.
pub const S3_NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Writes a document; text is escaped, names are not.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Begins with the XML declaration.
    pub fn document() -> Self {
        Self { out: b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec() }
    }

    fn fault(&mut self, fault: &Fault) {
        self.element("Code", fault.code().as_str());
        self.element("Message", fault.message());
        for (name, text) in fault.elements() {
            self.element(name, text);
        }
    }

    /// `<name>`
    pub fn open(&mut self, name: &str) {
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    /// `<name xmlns="…">`
    pub fn open_in(&mut self, name: &str, namespace: &str) {
        self.out.extend_from_slice(format!("<{name} xmlns=\"{namespace}\">").as_bytes());
    }

    /// `</name>`
    pub fn close(&mut self, name: &str) {
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    /// `<name>text</name>`
    pub fn element(&mut self, name: &str, text: &str) {
        self.open(name);
        escape_into(text, &mut self.out);
        self.close(name);
    }

    /// An opening tag as it stands; for the few with attributes.
    pub fn raw(&mut self, tag: &str) {
        self.out.extend_from_slice(tag.as_bytes());
    }

    /// Text right inside the element that is open.
    pub fn content(&mut self, text: &str) {
        escape_into(text, &mut self.out);
    }

    /// The octets.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Escapes text for an element; what XML 1.0 cannot hold becomes U+FFFD (spec/errors.md 1).
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    for character in text.chars() {
        match character {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\'' => out.extend_from_slice(b"&apos;"),
            '\r' => out.extend_from_slice(b"&#13;"),
            '\t' | '\n' => out.push(character as u8),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.extend_from_slice("\u{fffd}".as_bytes()),
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// A document of a store with another text in the first element of this name; as it is where there is none
/// that holds text alone. Nothing else of it is touched: markup is never part of a text.
pub fn with_text(document: Vec<u8>, name: &str, text: &str) -> Vec<u8> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let found = || {
        let start = memchr::memmem::find(&document, open.as_bytes())? + open.len();
        let length = memchr::memchr(b'<', document.get(start..)?)?;
        let end = start + length;
        document.get(end..)?.starts_with(close.as_bytes()).then_some((document.get(..start)?, document.get(end..)?))
    };
    let Some((before, after)) = found() else { return document };
    let mut out = Vec::with_capacity(document.len() + text.len());
    out.extend_from_slice(before);
    escape_into(text, &mut out);
    out.extend_from_slice(after);
    out
}

/// The error document of S3 (spec/errors.md 1).
pub fn error_document(fault: &Fault, request_id: &str, host_id: &str) -> Vec<u8> {
    let mut writer = Writer::document();
    writer.open("Error");
    writer.fault(fault);
    writer.element("RequestId", request_id);
    writer.element("HostId", host_id);
    writer.close("Error");
    writer.finish()
}

/// The error document of S3 Control (spec/errors.md 2).
pub fn control_error_document(fault: &Fault, request_id: &str, host_id: &str) -> Vec<u8> {
    let mut writer = Writer::document();
    writer.open("ErrorResponse");
    writer.open("Error");
    writer.fault(fault);
    writer.close("Error");
    writer.element("RequestId", request_id);
    writer.element("HostId", host_id);
    writer.close("ErrorResponse");
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_was_read() {
        let document = b"<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Object><Key>a&amp;b&#x41;</Key></Object><Object><Key> c </Key><VersionId>v</VersionId></Object><Quiet>true</Quiet></Delete>";
        let delete = Delete::parse(document).unwrap();
        assert_eq!(delete.entries[0].key, "a&bA");
        assert_eq!(delete.entries[1].key, " c ");
        assert_eq!(Delete::parse(&Delete::write(delete.entries.iter(), delete.quiet)).unwrap(), delete);
    }

    #[test]
    fn documents_that_could_be_read_two_ways_are_refused() {
        for bad in [
            "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
            "<Delete><Object><Key>a</Key><Other/></Object></Delete>",
            "<!DOCTYPE d [<!ENTITY e 'x'>]><Delete><Object><Key>&e;</Key></Object></Delete>",
            "<Delete><Object><Key>&e;</Key></Object></Delete>",
            "<Delete><Object><Key>a</Key></Object></Delete><Delete/>",
            "<Delete><Object><Key>a</Object></Key></Delete>",
            "<Delete></Delete>",
            "<Delete><Object><Key>a</Key></Object>",
            "text",
            "",
        ] {
            assert_eq!(Delete::parse(bad.as_bytes()).unwrap_err().code(), Code::MalformedXML, "{bad}");
        }
    }

    #[test]
    fn the_tags_of_a_new_bucket_are_read() {
        let document = b"<CreateBucketConfiguration><LocationConstraint> eu-west-1 </LocationConstraint><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>";
        let read = CreateBucket::parse(document).unwrap();
        assert_eq!(read.location.as_deref(), Some("eu-west-1"));
        assert_eq!(read.tags, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(CreateBucket::parse(b"").unwrap(), CreateBucket::default());
        assert!(CreateBucket::parse(b"<CreateBucketConfiguration><Bucket/></CreateBucketConfiguration>").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        assert!(Element::parse(deep.as_bytes(), "a").is_err());
    }

    #[test]
    fn text_that_xml_cannot_hold_is_replaced() {
        let fault = Fault::plain(Code::NoSuchKey, "test").with("Key", "a\u{1}<&\r");
        let text = String::from_utf8(error_document(&fault, "R", "H")).unwrap();
        assert!(text.contains("<Key>a\u{fffd}&lt;&amp;&#13;</Key><RequestId>R</RequestId>"), "{text}");
    }
}
