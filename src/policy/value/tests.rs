use proptest::prelude::*;

use super::*;

#[test]
fn numbers_are_digits_with_a_sign_and_a_point_and_nothing_else() {
    for text in ["0", "-0", "+10", "10.0", "-0.5", "00012.3400", "123456789012345678901234567890.1"] {
        assert!(Decimal::parse(text).is_some(), "{text}");
    }
    for text in ["", "-", "+", ".", "1.", ".5", "1e3", "1,000", " 1", "1 ", "--1", "+-1", "0x1", "1.2.3", "١"] {
        assert_eq!(Decimal::parse(text), None, "{text}");
    }
}

#[test]
fn spellings_of_one_number_are_equal() {
    for (one, other) in [("10", "10.0"), ("-0", "0.00"), ("+7", "007"), ("0.10", "0.1")] {
        assert_eq!(Decimal::parse(one), Decimal::parse(other), "{one} {other}");
    }
}

proptest! {
    #[test]
    fn numbers_are_ordered_as_numbers(a in -99_999_i64..99_999, b in -99_999_i64..99_999) {
        let text = |n: i64| format!("{}{}.{:02}", if n < 0 { "-" } else { "" }, n.abs() / 100, n.abs() % 100);
        let (first, second) = (Decimal::parse(&text(a)).unwrap(), Decimal::parse(&text(b)).unwrap());
        prop_assert_eq!(first.cmp(&second), a.cmp(&b));
        prop_assert_eq!(first == second, a == b);
    }

    #[test]
    fn reading_values_never_panics(text in "[-+0-9TZ:./a-f]{0,24}") {
        let _ = (Decimal::parse(&text), Instant::parse(&text), Block::parse(&text), address(&text));
    }

    #[test]
    fn a_block_contains_what_shares_its_leading_bits(network: u32, other: u32, prefix in 0_u8..=32) {
        let block = Block::parse(&format!("{}/{prefix}", Ipv4Addr::from_bits(network))).unwrap();
        let shared = u32::from(prefix) <= (network ^ other).leading_zeros();
        prop_assert_eq!(block.contains(Ipv4Addr::from_bits(other).into()), shared);
    }
}

#[test]
fn both_scales_of_dates_are_one() {
    for (one, other) in [
        ("2026", "2026-01-01T00:00:00Z"),
        ("2026-03", "2026-03-01"),
        ("2026-03-02", "2026-03-02T00:00Z"),
        ("2026-03-02T10:20:30Z", "1772446830"),
        ("2026-03-02T10:20:30", "2026-03-02T10:20:30Z"),
        ("2026-03-02T11:20:30+01:00", "2026-03-02T10:20:30Z"),
        ("2026-03-02T05:50:30-04:30", "2026-03-02T10:20:30.000Z"),
        ("1970-01-01", "0"),
        ("1969-12-31T23:59:59Z", "-1"),
        ("1600-02-29", "-11670998400"),
    ] {
        assert!(Instant::parse(one).is_some(), "{one}");
        assert_eq!(Instant::parse(one), Instant::parse(other), "{one} {other}");
    }
}

#[test]
fn fractions_of_seconds_count() {
    let order = ["2026-03-02T10:20:30Z", "2026-03-02T10:20:30.05Z", "2026-03-02T10:20:30.5Z", "2026-03-02T10:20:31Z"];
    assert!(order.map(|text| Instant::parse(text).unwrap()).is_sorted_by(|a, b| a < b));
}

#[test]
fn what_is_no_date_is_none() {
    for text in [
        "",
        "yesterday",
        "2026-13",
        "2026-02-29",
        "2026-3-2",
        "26",
        "20260302T102030Z",
        "2026-03-02T10Z",
        "2026-03-02T10:20:30.Z",
        "2026-03-02T10:20.5Z",
        "2026-03-02T24:00Z",
        "2026-03-02T10:20:60Z",
        "2026-03-02T10:20:30+1:00",
        "2026-03-02T10:20:30+0100",
        "2026-03T10:20Z",
        "2026-03-02 10:20:30Z",
        "2026-03-02T10:20:30ZZ",
        "1e9",
        "99999999999999999999",
        "+5",
    ] {
        // A plain integer of any length but four is seconds.
        assert_eq!(Instant::parse(text).is_some(), text == "26", "{text}");
    }
}

#[test]
fn blocks_are_read_strictly_and_families_never_mix() {
    for text in ["203.0.113.99/24", "203.0.113.9", "0.0.0.0/0", "2001:db8::/32", "::/0", "2001:0DB8:0000::0001"] {
        assert!(Block::parse(text).is_some(), "{text}");
    }
    for text in [
        "300.1.1.1/8",
        "10.0.0.0/33",
        "::/129",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.0/08",
        "10/8",
        "",
        "a",
        "1.2.3.4/8/8",
    ] {
        assert_eq!(Block::parse(text), None, "{text}");
    }
    let contains = |block: &str, of: &str| Block::parse(block).unwrap().contains(address(of).unwrap());
    assert!(contains("203.0.113.99/24", "203.0.113.17"));
    assert!(contains("0.0.0.0/0", "::ffff:203.0.113.17"));
    assert!(!contains("::/0", "::ffff:203.0.113.17"));
    assert!(!contains("0.0.0.0/0", "2001:db8::1"));
    assert!(contains("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"));
    assert!(!contains("203.0.113.9", "203.0.113.8"));
}
