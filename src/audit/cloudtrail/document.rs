//! Documents of configuration as JSON: policies as they are, XML under the name of its root.
//!
//! An element with nothing but text is that text; attributes are members, and then text is `content`; of
//! elements of one name there is a list where there are several.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event as Xml};
use serde_json::{Map, Value};

use crate::audit::event::Event;

/// How deep elements may nest.
const DEEPEST: usize = 16;
/// The most elements and attributes.
const MOST: usize = 16_384;

/// The document of an event under its name; `None` where there is none, or none that can be read.
pub(super) fn read(event: &Event) -> Option<(String, Value)> {
    let text = event.text("document")?;
    if let Ok(policy @ Value::Object(_)) = serde_json::from_str(text) {
        let name = match event.operation() {
            Some("PutBucketPolicy" | "PutAccessPointPolicy") => "bucketPolicy",
            _ => "document",
        };
        return Some((name.to_owned(), policy));
    }
    let (root, mut value) = of_xml(text)?;
    if root == "PublicAccessBlockConfiguration" {
        settle_flags(&mut value);
    }
    Some((root, value))
}

/// Every setting of it is a boolean, and rules that look for them expect it so.
fn settle_flags(value: &mut Value) {
    for value in value.as_object_mut().into_iter().flat_map(Map::values_mut) {
        match value.as_str() {
            Some("true") => *value = true.into(),
            Some("false") => *value = false.into(),
            _ => {}
        }
    }
}

/// An element under construction.
#[derive(Default)]
struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
}

/// The root's name and what is in it; no document types and no entities of its own.
fn of_xml(document: &str) -> Option<(String, Value)> {
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut count = 0;
    loop {
        match reader.read_event().ok()? {
            Xml::Start(start) => {
                if open.len() >= DEEPEST || root.is_some() {
                    return None;
                }
                open.push(begin(&start, &mut count)?);
            }
            Xml::End(_) => {
                let done = open.pop()?;
                let (name, value) = end(done);
                match open.last_mut() {
                    Some(parent) => add(&mut parent.members, name, value),
                    None => root = Some((name, value)),
                }
            }
            Xml::Text(text) => push(&mut open, &text.xml10_content())?,
            Xml::CData(text) => push(&mut open, &text.xml10_content())?,
            Xml::GeneralRef(reference) => {
                let name = reference.xml10_content();
                match reference.resolve_char_ref().ok()? {
                    Some(character) => push(&mut open, character.encode_utf8(&mut [0; 4]))?,
                    None => push(&mut open, quick_xml::escape::resolve_predefined_entity(&name)?)?,
                }
            }
            Xml::DocType(_) => return None,
            Xml::Eof => return root.filter(|_| open.is_empty()),
            Xml::Empty(_) | Xml::Decl(_) | Xml::PI(_) | Xml::Comment(_) => {}
        }
    }
}

fn begin(start: &BytesStart<'_>, count: &mut usize) -> Option<Open> {
    *count += 1;
    let mut members = Map::new();
    for attribute in start.attributes() {
        *count += 1;
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?;
        members.insert(attribute.key.as_ref().to_owned(), Cow::into_owned(value).into());
    }
    let name = start.local_name().as_ref().to_owned();
    (*count <= MOST).then(|| Open { name, members, text: String::new() })
}

fn end(mut done: Open) -> (String, Value) {
    let text = done.text;
    if done.members.is_empty() {
        return (done.name, text.into());
    }
    if !text.trim().is_empty() {
        add(&mut done.members, "content".to_owned(), text.into());
    }
    (done.name, done.members.into())
}

/// Adds a child: the second of a name makes a list.
fn add(members: &mut Map<String, Value>, name: String, value: Value) {
    match members.get_mut(&name) {
        None => {
            members.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn push(open: &mut [Open], text: &str) -> Option<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        // Between the declaration and the root only blanks may stand.
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

/// Takes the addresses out of a document's grants (section 7).
pub(super) fn without_addresses(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("EmailAddress");
            members.values_mut().for_each(without_addresses);
        }
        Value::Array(list) => list.iter_mut().for_each(without_addresses),
        _ => {}
    }
}
