//! A list of deletions: what was refused of it, what the client hears, and what the record says of each entry.

use std::collections::HashMap;

use super::after::copy;
use crate::audit::Deleted;
use crate::s3::xml::{DeleteEntry, Element, S3_NAMESPACE, Writer};
use crate::s3::{Code, Fault};

/// The codes that stores answer of an entry, for their status; of others it is that of a bad request.
const CODES: [Code; 16] = [
    Code::AccessDenied,
    Code::InternalError,
    Code::InvalidRequest,
    Code::KeyTooLongError,
    Code::MethodNotAllowed,
    Code::NoSuchBucket,
    Code::NoSuchKey,
    Code::NoSuchVersion,
    Code::NotImplemented,
    Code::OperationAborted,
    Code::PreconditionFailed,
    Code::RequestTimeout,
    Code::ServiceUnavailable,
    Code::SlowDown,
    Code::ConditionalRequestConflict,
    Code::InvalidArgument,
];

/// An entry of a list of deletions that was refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its place in the list.
    pub(super) at: usize,
    pub(super) entry: DeleteEntry,
    pub(super) fault: Fault,
}

/// The answer to a list of deletions.
pub(super) fn delete_result(done: &[Element], refused: &[Refused]) -> Vec<u8> {
    let mut writer = Writer::document();
    writer.open_in("DeleteResult", S3_NAMESPACE);
    for child in done {
        copy(&mut writer, child);
    }
    for Refused { entry, fault, .. } in refused {
        writer.open("Error");
        writer.element("Key", &entry.key);
        if let Some(version) = &entry.version {
            writer.element("VersionId", version);
        }
        writer.element("Code", fault.code().as_str());
        writer.element("Message", fault.message());
        writer.close("Error");
    }
    writer.close("DeleteResult");
    writer.finish()
}

/// What the record says of entries that were refused here.
pub(super) fn refusals(refused: &[Refused]) -> Vec<Deleted> {
    let of = |refused: &Refused| Deleted {
        at: refused.at,
        status: refused.fault.status(),
        error_code: Some(refused.fault.code().as_str().to_owned()),
        delete_marker_version_id: None,
    };
    refused.iter().map(of).collect()
}

/// What the record says of all: those that were refused here, and those that the store says more of than that
/// they are gone. In the order of the list.
pub(super) fn results(entries: &[DeleteEntry], answered: &[Element], refused: &[Refused]) -> Vec<Deleted> {
    let mut found = refusals(refused);
    // The last of those that are the same is the first to be taken.
    let mut places: HashMap<(&str, &str), Vec<usize>> = HashMap::with_capacity(entries.len());
    let mut gone = refused.iter().map(|refused| refused.at).peekable();
    for (at, entry) in entries.iter().enumerate() {
        if gone.next_if_eq(&at).is_none() {
            places.entry((&entry.key, entry.version.as_deref().unwrap_or_default())).or_default().insert(0, at);
        }
    }
    for element in answered {
        let text = |name| element.text_of(name).ok().flatten();
        let entry = (text("Key").unwrap_or_default(), text("VersionId").unwrap_or_default());
        let Some(at) = places.get_mut(&entry).and_then(Vec::pop) else { continue };
        let marker = text("DeleteMarkerVersionId").map(str::to_owned);
        match (element.name.as_str(), text("Code")) {
            ("Error", code) => found.push(Deleted {
                at,
                status: code.map_or(500, status),
                error_code: code.map(str::to_owned),
                delete_marker_version_id: None,
            }),
            ("Deleted", _) if marker.is_some() => {
                found.push(Deleted { at, status: 204, error_code: None, delete_marker_version_id: marker });
            }
            _ => {}
        }
    }
    found.sort_by_key(|deleted| deleted.at);
    found
}

fn status(said: &str) -> u16 {
    CODES.into_iter().find(|code| code.as_str() == said).map_or(400, Code::status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, version: Option<&str>) -> DeleteEntry {
        DeleteEntry { key: key.to_owned(), version: version.map(str::to_owned), ..DeleteEntry::default() }
    }

    #[test]
    fn every_entry_gets_what_became_of_it_and_of_what_is_simply_gone_nothing_is_said() {
        let entries = [
            entry("a", None),
            entry("no", None),
            entry("b", Some("v1")),
            entry("a", None),
            entry("c", None),
            entry("b", None),
        ];
        let fault = Fault::plain(Code::AccessDenied, "policy");
        let refused = [Refused { at: 1, entry: entries[1].clone(), fault }];
        let document = b"<DeleteResult><Deleted><Key>a</Key></Deleted>\
            <Error><Key>b</Key><VersionId>v1</VersionId><Code>InternalError</Code></Error>\
            <Error><Key>a</Key><Code>Odd</Code></Error><Error><Key>stranger</Key><Code>NoSuchKey</Code></Error>\
            <Deleted><Key>c</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>m1</DeleteMarkerVersionId></Deleted>\
            </DeleteResult>";
        let root = Element::parse(document, "DeleteResult").unwrap();
        let told = |at, status, code: Option<&str>, marker: Option<&str>| Deleted {
            at,
            status,
            error_code: code.map(str::to_owned),
            delete_marker_version_id: marker.map(str::to_owned),
        };
        assert_eq!(
            results(&entries, &root.children, &refused),
            [
                told(1, 403, Some("AccessDenied"), None),
                told(2, 500, Some("InternalError"), None),
                told(3, 400, Some("Odd"), None),
                told(4, 204, None, Some("m1")),
            ]
        );
    }
}
