//! Ranges: which stored octets are needed, and that they come to the right plaintext.

use super::*;

/// Reads a stretch the way a reader of a store does.
fn read(stored: &[u8], stretch: &Stretch) -> Result<Vec<u8>, Broken> {
    let at = |at: u64| usize::try_from(at).unwrap();
    let header = stored[at(stretch.header)..].first_chunk().unwrap();
    let part = Part::open(&key(), header)?;
    let mut segments = Segments::stretch(part, stretch.from, stretch.length).unwrap();
    let mut sealed = Bytes::copy_from_slice(&stored[at(stretch.sealed.start)..at(stretch.sealed.end)]);
    let mut out = Vec::new();
    while !sealed.is_empty() {
        out.extend(segments.push(&mut sealed)?.unwrap_or_default());
    }
    segments.finish().map(|()| out)
}

#[test]
fn any_range_of_any_parts_can_be_read() {
    let lengths = [70_000_usize, 1, 131_072, 65_536, 0, 3];
    let plain: Vec<Vec<u8>> = lengths.iter().map(|length| pattern(*length)).collect();
    let numbered: Vec<(u32, &[u8])> =
        plain.iter().enumerate().map(|(at, plain)| (2 * at as u32 + 1, plain.as_slice())).collect();
    let (stored, plain) = (uploaded(&numbered).concat(), plain.concat());
    let total = plain.len() as u64;
    let edges = [0, 1, 65_535, 65_536, 65_537, 69_999, 70_000, 70_001, 135_537, 201_073, total - 4, total - 1];
    for from in edges {
        for last in edges.into_iter().filter(|last| *last >= from) {
            let found = stretches(lengths.iter().map(|length| *length as u64), from, last - from + 1).unwrap();
            let read: Vec<u8> = found.iter().flat_map(|stretch| read(&stored, stretch).unwrap()).collect();
            let (from, last) = (from as usize, last as usize);
            assert!(read == plain[from..=last], "{from} to {last}");
        }
    }
}

#[test]
fn a_range_needs_its_own_segments_only() {
    let plain = 3 * SEGMENT as u64 + 10;
    for (first, last, expected) in [
        (0, 0, 64..65_616),
        (65_535, 65_536, 64..131_168),
        (65_536, 65_536, 65_616..131_168),
        (3 * 65_536, plain - 1, 196_720..196_746),
        (0, plain - 1, 64..196_746),
    ] {
        assert_eq!(sealed_range(first, last, plain), Some(expected), "{first} to {last}");
    }
    assert_eq!(sealed_range(0, plain, plain), None);
    assert_eq!(sealed_range(1, 0, plain), None);
    assert_eq!(sealed_range(0, 0, 0), None);
    assert_eq!(stretches([5, 5], 0, 11), None);
    assert_eq!(stretches([5, 5], u64::MAX, 2), None);
    assert_eq!(stretches([5, 5], 5, 0), Some(vec![]));
}

#[test]
fn a_range_notices_what_was_altered_in_it() {
    let good = sealed(200_000);
    let stretch = &stretches([200_000], 70_000, 10).unwrap()[0];
    assert_eq!(read(&good, stretch).unwrap(), pattern(200_000)[70_000..70_010]);
    let mut bent = good.clone();
    bent[65_616] ^= 1;
    assert_eq!(read(&bent, stretch), Err(Broken::Segment { part: 1, segment: 1 }));
    let mut cut = stretch.clone();
    cut.sealed.end -= 1;
    assert_eq!(read(&good, &cut), Err(Broken::Truncated));
    // The octets of the segment beside it.
    let moved = Stretch { sealed: 64..65_616, ..stretch.clone() };
    assert!(read(&good, &moved).is_err());
}
