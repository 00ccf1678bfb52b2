//! What an object is: by what it is said to be, or by how it begins (spec/detection.md 9.6).

use super::json::is_json;

/// The begin that tells a format, in octets.
pub(super) const HEAD: usize = 8 * 1024;
/// The begin whose entropy is taken, in octets.
pub(super) const SAMPLE: usize = 64 * 1024;
/// Bits in an octet from which on nothing is text.
const ENTROPY: f64 = 7.9;
/// So many records tell a separator.
const RECORDS: usize = 5;
const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// How texts lie in an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// It is one.
    Text,
    /// In cells, between commas, semicolons, bars or tabs.
    Csv,
    /// In cells between tabs.
    Tsv,
    /// In values of a document.
    Json,
    /// In values of documents, one a line.
    JsonLines,
}

/// The begins of what is no text.
const BINARY: [&[u8]; 17] = [
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"%PDF",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PAR1",
    b"Obj\x01",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ",
    b"7z\xbc\xaf",
    b"BZh",
    b"\x7fELF",
    b"OggS",
    b"ID3",
    b"Rar!",
];

impl Format {
    /// Of a `Content-Type`; none where that says nothing, and the content must.
    pub fn of(content_type: &str) -> Option<Self> {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match kind.as_str() {
            "text/csv" | "application/csv" => Self::Csv,
            "text/tab-separated-values" => Self::Tsv,
            "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines" | "application/jsonlines" => {
                Self::JsonLines
            }
            "application/json" | "text/json" => Self::Json,
            "text/plain" => Self::Text,
            _ if kind.ends_with("+json") => Self::Json,
            _ => return None,
        })
    }

    /// By the begin of the content; none where it is no text.
    pub(super) fn told(head: &[u8]) -> Option<Self> {
        if BINARY.iter().any(|begin| head.starts_with(begin)) || head.get(4..8) == Some(b"ftyp") {
            return None;
        }
        let head = head.get(..HEAD).unwrap_or(head);
        let document = head.trim_ascii_start();
        if document.starts_with(b"{") || document.starts_with(b"[") {
            let mut lines = document.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii);
            let first = lines.next().unwrap_or_default();
            let of_lines = first.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok();
            if of_lines && lines.next().is_some_and(|second| second.starts_with(b"{")) {
                return Some(Self::JsonLines);
            }
            if is_json(head) {
                return Some(Self::Json);
            }
        }
        Some(if separator(head, 2).is_some() { Self::Csv } else { Self::Text })
    }
}

/// What stands between the cells: as often in each of the first records, of which there are at least so many.
pub(super) fn separator(head: &[u8], least: usize) -> Option<u8> {
    let whole = head.len() < HEAD;
    let head = head.get(..HEAD).unwrap_or(head);
    SEPARATORS.into_iter().find(|separator| {
        let counts = counts(head, *separator, whole);
        counts.len() >= least
            && counts.first().is_some_and(|first| *first > 0 && counts.iter().all(|count| count == first))
    })
}

/// How often it stands in each record, outside of quotes. The last line counts if it is whole.
fn counts(head: &[u8], separator: u8, whole: bool) -> Vec<usize> {
    let (mut counts, mut count, mut quoted, mut empty) = (Vec::new(), 0, false, true);
    for octet in head {
        match *octet {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => {
                if !empty {
                    counts.push(count);
                }
                (count, empty) = (0, true);
                if counts.len() == RECORDS {
                    return counts;
                }
                continue;
            }
            octet if octet == separator && !quoted => count += 1,
            _ => {}
        }
        empty = false;
    }
    if whole && !empty {
        counts.push(count);
    }
    counts
}

/// Whether the octets are spread as only encrypted or compressed ones are.
pub(super) fn is_noise(sample: &[u8]) -> bool {
    let mut counts = [0_u32; 256];
    for octet in sample {
        if let Some(count) = counts.get_mut(usize::from(*octet)) {
            *count += 1;
        }
    }
    let total = sample.len() as f64;
    let bits: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum();
    bits >= ENTROPY
}
