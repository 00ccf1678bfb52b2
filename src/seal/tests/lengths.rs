//! Lengths both ways, without reading data.

use super::*;

#[test]
fn lengths_lead_back() {
    for plain in (0..300).chain(65_500..65_600).chain(131_000..131_200).chain([5 << 30, 1 << 40]) {
        let sealed = sealed_length(plain).unwrap();
        assert_eq!(plain_length(sealed), Some(plain));
    }
    // Every stored length is that of one plaintext or of none.
    let mut expected = (0..200_000).map(|plain| (sealed_length(plain).unwrap(), plain)).peekable();
    for sealed in 0..200_000 {
        let plain = expected.next_if(|(length, _)| *length == sealed).map(|(_, plain)| plain);
        assert_eq!(plain_length(sealed), plain, "{sealed}");
    }
    assert_eq!(plain_length(u64::MAX), None);
    assert_eq!(sealed_length(u64::MAX), None);
}

#[test]
fn the_longest_part_is_the_documented_one() {
    assert!(sealed_length(LONGEST_PART).unwrap() <= 5 << 30);
    assert!(sealed_length(LONGEST_PART + 1).unwrap() > 5 << 30);
}

#[test]
fn listings_know_the_length_of_regular_uploads() {
    const PLAIN: u64 = SEGMENT as u64;
    for (parts, last) in [(1, 0), (1, 5), (2, 0), (2, 1), (3, PLAIN), (3, PLAIN + 1), (10_000, 17)] {
        let regular = 80 * PLAIN;
        let plain = (parts - 1) * regular + last;
        let sealed = (parts - 1) * sealed_length(regular).unwrap() + sealed_length(last).unwrap();
        assert_eq!(listed_length(sealed, parts), Some(plain), "{parts} parts, the last of {last}");
    }
    for (sealed, parts) in
        [(0, 1), (63, 1), (64, 1), (159, 2), (128, 2), (128 + 65_552 + 15, 2), (1000, 0), (5, u64::MAX)]
    {
        assert_eq!(listed_length(sealed, parts), None, "{sealed} in {parts}");
    }
}
