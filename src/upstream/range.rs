//! Byte ranges.

/// What a `Range` header comes to for an object of some size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::upstream) enum Resolved {
    /// No range, or one that HTTP says to ignore: bad syntax, another unit, several ranges.
    Whole,
    /// From one octet to another, both included.
    Part(u64, u64),
    /// Nothing of the object is inside.
    Unsatisfiable,
}

/// Reads `bytes=0-9`, `bytes=10-` and `bytes=-5`.
pub(in crate::upstream) fn resolve(header: &str, size: u64) -> Resolved {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Resolved::Whole;
    };
    match (number(first), number(last), first.is_empty(), last.is_empty()) {
        (Some(first), _, _, true) if first >= size => Resolved::Unsatisfiable,
        (Some(first), _, _, true) => Resolved::Part(first, size.saturating_sub(1)),
        (Some(first), Some(last), ..) if first > last => Resolved::Whole,
        (Some(first), Some(_), ..) if first >= size => Resolved::Unsatisfiable,
        (Some(first), Some(last), ..) => Resolved::Part(first, last.min(size.saturating_sub(1))),
        (None, Some(0), true, _) => Resolved::Unsatisfiable,
        (None, Some(_), true, _) if size == 0 => Resolved::Unsatisfiable,
        (None, Some(last), true, _) => Resolved::Part(size.saturating_sub(last), size.saturating_sub(1)),
        _ => Resolved::Whole,
    }
}

/// Reads the range of a part copy, which must be `bytes=first-last` and inside the source.
pub(in crate::upstream) fn strict(header: &str) -> Option<(u64, u64)> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

/// Digits only; more than fit count as endless.
fn number(digits: &str) -> Option<u64> {
    let digits_only = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits_only.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_resolve_as_http_and_s3_say() {
        for (header, size, expected) in [
            ("bytes=0-0", 10, Resolved::Part(0, 0)),
            ("bytes=2-4", 10, Resolved::Part(2, 4)),
            ("bytes=2-400", 10, Resolved::Part(2, 9)),
            ("bytes=9-", 10, Resolved::Part(9, 9)),
            ("bytes=10-", 10, Resolved::Unsatisfiable),
            ("bytes=10-20", 10, Resolved::Unsatisfiable),
            ("bytes=-3", 10, Resolved::Part(7, 9)),
            ("bytes=-30", 10, Resolved::Part(0, 9)),
            ("bytes=-0", 10, Resolved::Unsatisfiable),
            ("bytes=-1", 0, Resolved::Unsatisfiable),
            ("bytes=0-", 0, Resolved::Unsatisfiable),
            ("bytes=4-2", 10, Resolved::Whole),
            ("bytes=0-1,3-4", 10, Resolved::Whole),
            ("items=0-1", 10, Resolved::Whole),
            ("bytes=a-b", 10, Resolved::Whole),
            ("bytes=-", 10, Resolved::Whole),
            ("bytes=+1-2", 10, Resolved::Whole),
            ("bytes=0-99999999999999999999999", 10, Resolved::Part(0, 9)),
        ] {
            assert_eq!(resolve(header, size), expected, "{header} of {size}");
        }
    }
}
