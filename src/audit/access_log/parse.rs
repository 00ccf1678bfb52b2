//! Reads lines, strictly: fields by position, no quotation mark within a quoted field.

use super::line::{Fields, NAMES};

/// A line that is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// A field that does not stand as it should, by its place from 1.
    #[error("field {0} ({name}) is not as it should be", name = NAMES.get(*.0 - 1).copied().unwrap_or("none"))]
    Field(usize),
    /// Fields are missing; so many are there.
    #[error("there are {0} fields, not {all} or more", all = NAMES.len() - 3)]
    Few(usize),
    /// Something that no line may have: an octet that is not printable ASCII.
    #[error("octet {0} is no printable character")]
    Octet(usize),
}

/// The fewest fields of a line: those of before 2019 end here.
const FEWEST: usize = 24;

/// Reads a line, with or without its end. Fields beyond the 27th are ignored, and of the last three
/// those that are not there are `-` (spec/access-logs.md 2).
///
/// # Errors
/// [`Unreadable`]
pub fn parse(line: &[u8]) -> Result<Fields, Unreadable> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    if let Some(at) = line.iter().position(|octet| !(0x20..0x7F).contains(octet)) {
        return Err(Unreadable::Octet(at));
    }
    let mut fields: Fields = std::array::from_fn(|_| "-".to_owned());
    // The end of a line is the end of a field, even of an empty one, which no field is.
    let mut rest = Some(line);
    for (place, field) in fields.iter_mut().enumerate() {
        let Some(here) = rest else {
            return if place >= FEWEST { Ok(fields) } else { Err(Unreadable::Few(place)) };
        };
        let (value, after) = take(place, here).ok_or(Unreadable::Field(place + 1))?;
        *field = String::from_utf8_lossy(value).into_owned();
        rest = after;
    }
    Ok(fields)
}

/// A field, and what follows its blank.
fn take(place: usize, line: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let closing = match (place, line.first()?) {
        (2, b'[') => Some(b']'),
        // For one key of a batch these stand without quotation marks.
        (8 | 15 | 16, b'"') => Some(b'"'),
        (2, _) => return None,
        _ => None,
    };
    let end = match closing {
        Some(closing) => memchr::memchr(closing, line.get(1..)?)? + 2,
        None => memchr::memchr(b' ', line).unwrap_or(line.len()),
    };
    let (value, rest) = line.split_at_checked(end)?;
    let fits = match (place, closing) {
        (_, Some(_)) => memchr::memchr(b'\\', value).is_none(),
        (8 | 15 | 16, None) => value == b"-",
        _ => !value.is_empty() && memchr::memchr2(b'"', b'\\', value).is_none(),
    };
    match rest {
        _ if !fits => None,
        [] => Some((value, None)),
        [b' ', after @ ..] => Some((value, Some(after))),
        _ => None,
    }
}
