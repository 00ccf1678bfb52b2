//! A line: 27 fields and how they are spelled (spec/access-logs.md 3).

use std::borrow::Cow;

/// The most octets of one field as it is spelled.
const LONGEST_FIELD: usize = 8192;
/// The most octets of a line, its end not counted.
const LONGEST_LINE: usize = 32 * 1024;
/// What a field that was cut ends in: an ellipsis.
const CUT: &str = "%E2%80%A6";

/// The names of the fields in their order.
pub const NAMES: [&str; 27] = [
    "bucket_owner",
    "bucket",
    "time",
    "remote_ip",
    "requester",
    "request_id",
    "operation",
    "key",
    "request_uri",
    "http_status",
    "error_code",
    "bytes_sent",
    "object_size",
    "total_time",
    "turn_around_time",
    "referer",
    "user_agent",
    "version_id",
    "host_id",
    "signature_version",
    "cipher_suite",
    "authentication_type",
    "host_header",
    "tls_version",
    "access_point_arn",
    "acl_required",
    "source_region",
];

/// The fields as they stand in a line, brackets and quotation marks included: `-` or `"-"` for what is
/// absent, escaped as section 3 says.
pub type Fields = [String; NAMES.len()];

/// One line of one bucket's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// Whose log it belongs to.
    pub bucket: String,
    /// The account that owns that bucket, where it is known.
    pub account: Option<String>,
    /// The region, where it is known.
    pub region: Option<String>,
    /// The fields.
    pub fields: Fields,
}

impl Line {
    /// Appends the line and its end.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (place, field) in self.fields.iter().enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(field.as_bytes());
        }
        out.push(b'\n');
    }

    /// The line as text, without its end.
    pub fn to_text(&self) -> String {
        self.fields.join(" ")
    }
}

/// How a value is spelled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spelling {
    /// A field without quotation marks: no blank in it.
    Bare,
    /// A key: percent-encoded twice.
    Key,
    /// A field with quotation marks.
    Quoted,
    /// The time, which has a blank of its own.
    Time,
}

/// Spells the values of a line. What is too long is cut; where the whole line still is, the longest
/// fields are cut further.
pub(super) fn spell(values: &[(Spelling, Option<Cow<'_, str>>); NAMES.len()]) -> Fields {
    let spell = |limit: usize| -> Fields {
        std::array::from_fn(|place| match values.get(place) {
            Some((spelling, value)) => field(*spelling, value.as_deref(), limit),
            None => String::new(),
        })
    };
    let mut limit = LONGEST_FIELD;
    let mut fields = spell(limit);
    // 27 fields of 1,024 octets always have room.
    while limit > 1024 && fields.iter().map(|field| field.len() + 1).sum::<usize>() > LONGEST_LINE + 1 {
        limit /= 2;
        fields = spell(limit);
    }
    fields
}

/// A field with what stands around it.
fn field(spelling: Spelling, value: Option<&str>, limit: usize) -> String {
    let value = value.map_or_else(|| "-".to_owned(), |value| one(spelling, value, limit));
    match spelling {
        Spelling::Quoted => format!("\"{value}\""),
        Spelling::Time => format!("[{value}]"),
        Spelling::Bare | Spelling::Key => value,
    }
}

/// One value.
fn one(spelling: Spelling, value: &str, limit: usize) -> String {
    match value {
        // Absent and a dash must differ.
        "-" => return "%2D".to_owned(),
        "" if spelling != Spelling::Quoted => return "-".to_owned(),
        _ => {}
    }
    let mut out = String::with_capacity(value.len());
    let mut cut_at = 0;
    for character in value.chars() {
        let mut octets = [0; 4];
        for octet in character.encode_utf8(&mut octets).bytes() {
            push(spelling, octet, &mut out);
        }
        if out.len() > limit {
            out.truncate(cut_at);
            out.push_str(CUT);
            break;
        }
        if out.len() <= limit.saturating_sub(CUT.len()) {
            cut_at = out.len();
        }
    }
    out
}

fn push(spelling: Spelling, octet: u8, out: &mut String) {
    let plain = match spelling {
        Spelling::Key => octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b'~' | b'/'),
        Spelling::Bare => octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\\'),
        Spelling::Quoted | Spelling::Time => (0x20..0x7F).contains(&octet) && !matches!(octet, b'"' | b'\\'),
    };
    if plain {
        return out.push(char::from(octet));
    }
    // Encoded twice, the percent sign is one more `%25`.
    out.push_str(if spelling == Spelling::Key { "%25" } else { "%" });
    for nibble in [octet >> 4, octet & 15] {
        out.extend(char::from_digit(u32::from(nibble), 16).map(|digit| digit.to_ascii_uppercase()));
    }
}
