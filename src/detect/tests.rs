//! The whole of it: what is found is the same however the input is cut, and bounded.

use std::sync::Arc;

use proptest::prelude::*;

use super::keyword::LONGEST;
use super::table::Table;
use super::*;

fn scan(format: Option<Format>, encoding: Encoding, octets: &[u8], cuts: &[usize]) -> Report {
    let mut scanner = Scanner::new(Detectors::all(), format, encoding, 2026).keep_all();
    let (mut rest, mut cuts) = (octets, cuts.iter().cycle());
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(cuts.next().map_or(rest.len(), |cut| (cut + 1).min(rest.len())));
        scanner.feed(piece);
        rest = later;
    }
    scanner.finish()
}

fn told(report: &Report) -> Vec<String> {
    let shown = |one: &Detection| {
        let place = match &one.place {
            Place::Text => String::new(),
            Place::Cell { row, column, name } => format!(" {row}:{column} {}", name.as_deref().unwrap_or("-")),
            Place::Value { path, record } => format!(" {record} {path}"),
        };
        format!("{} {}..{}{place}", one.identifier, one.start, one.end)
    };
    report.detections.iter().map(shown).collect()
}

fn check(format: Option<Format>, text: &str, expected: &[&str]) {
    for cuts in [vec![], vec![0], vec![6, 2], vec![63]] {
        assert_eq!(told(&scan(format, Encoding::Identity, text.as_bytes(), &cuts)), expected, "{text:?} {cuts:?}");
    }
}

fn text(text: &str, expected: &[&str]) {
    check(Some(Format::Text), text, expected);
}

#[test]
fn all_of_the_table_is_understood() {
    let table = Table::built_in();
    let written: serde_json::Value = serde_json::from_str(TABLE).unwrap();
    assert_eq!(table.rows.len(), written["identifiers"].as_array().unwrap().len());
    assert!(table.rows.len() <= 64, "places are bits");
    assert_eq!(table.excluded.len(), written["excludedCardNumbers"].as_array().unwrap().len());
    assert!(table.rows.iter().all(|row| row.keywords.iter().all(|keyword| keyword.len() <= LONGEST)));
    assert_eq!(Detectors::names().count(), 43);
    assert_eq!(Detectors::only(&["IBAN"]).unwrap_err().to_string(), "there is no kind `IBAN`");
    let near = Detectors::only(&["EMAIL_ADRESS"]).unwrap_err().to_string();
    assert_eq!(near, "there is no kind `EMAIL_ADRESS`; did you mean `EMAIL_ADDRESS`?");
}

#[test]
fn a_keyword_counts_thirty_characters_away_and_no_further() {
    for (letter, octets) in [(".", 1), ("–", 3)] {
        let near = format!("ssn{}064098688", letter.repeat(30));
        text(&near, &[&format!("USA_SOCIAL_SECURITY_NUMBER {}..{}", 3 + 30 * octets, 12 + 30 * octets)]);
        text(&format!("ssn{}064098688", letter.repeat(31)), &[]);
        text(&format!("064098688{}ssn", letter.repeat(30)), &["USA_SOCIAL_SECURITY_NUMBER 0..9"]);
        text(&format!("064098688{}ssn", letter.repeat(31)), &[]);
    }
    text("xssn 064098688", &[]);
    text("ssnx 064098688", &[]);
    text("social_security-number: 064098688", &["USA_SOCIAL_SECURITY_NUMBER 24..33"]);
    text("SocialSecurity 064098688", &["USA_SOCIAL_SECURITY_NUMBER 15..24"]);
}

#[test]
fn octets_that_are_no_characters_do_not_show_where_the_input_was_cut() {
    for count in 180..190 {
        let octets = [&b". ".repeat(55_108)[..], b".xssn", &b"\x80".repeat(count), b"064098688", &b". ".repeat(60_000)];
        let octets = octets.concat();
        for size in [65_535, 6, 70_000] {
            assert_eq!(
                told(&scan(Some(Format::Text), Encoding::Identity, &octets, &[size])),
                [""; 0],
                "{count} {size}"
            );
        }
    }
}

#[test]
fn guards_look_one_octet_further_where_a_separator_stands() {
    text("ssn 1.064098688", &[]);
    text("ssn .064098688", &["USA_SOCIAL_SECURITY_NUMBER 5..14"]);
    text("ssn 064098688.5", &[]);
    text("ssn 064098688. 5", &["USA_SOCIAL_SECURITY_NUMBER 4..13"]);
    text("ssn_064098688_", &["USA_SOCIAL_SECURITY_NUMBER 4..13"]);
}

#[test]
fn what_lies_within_something_longer_is_not_told_and_equals_are() {
    text("%B4000009631338061^DOE/JANE^29011010000?", &["CREDIT_CARD_MAGNETIC_STRIPE 0..40"]);
    let both = "tax id ssn 912701234";
    assert!(told(&scan(Some(Format::Text), Encoding::Identity, both.as_bytes(), &[])).len() == 1);
}

#[test]
fn tables_are_read_as_they_are_written() {
    let csv = Some(Format::Csv);
    let ssn = "USA_SOCIAL_SECURITY_NUMBER 0..9";
    check(csv, "a;ssn\n1;064098688\n", &[&format!("{ssn} 2:2 ssn")]);
    check(csv, "a;b@example.com", &["EMAIL_ADDRESS 0..13 1:2 -"]);
    check(csv, "a|ssn\r1|064098688\r", &[&format!("{ssn} 2:2 ssn")]);
    check(csv, "a\tssn\r\n1\t064098688", &[&format!("{ssn} 2:2 ssn")]);
    check(csv, "\"my \"\"ssn\"\"\",b\n064098688,2\n", &[&format!("{ssn} 2:1 my \"ssn\"")]);
    check(csv, "\u{feff}ssn,b\n064098688,2\n", &[&format!("{ssn} 2:1 ssn")]);
    check(csv, "ssn,\"two\nlines\"\n064098688,2\n", &[&format!("{ssn} 2:1 ssn")]);
    check(csv, "ssn, \n064098688,2\n", &[]); // a blank cell is no name
    check(csv, "name,ssn 064098688\nssn,064098688\n", &["USA_SOCIAL_SECURITY_NUMBER 4..13 1:2 -"]);
    check(csv, "x,\"open", &[]);
    let open = scan(csv, Encoding::Identity, b"x,y\n1,\"open", &[]);
    assert_eq!(open.status, Status::Partial(Reason::Malformed));
    check(None, "id,ssn\n1,064098688\n2,212098688\n", &[&format!("{ssn} 2:2 ssn"), &format!("{ssn} 3:2 ssn")]);
    check(None, "Dear all, the ssn, as ever: 064098688\n", &["USA_SOCIAL_SECURITY_NUMBER 28..37"]);
    check(csv, "address1Phone,b\n2025550143,2\n", &["PHONE_NUMBER 0..10 2:1 address1Phone"]);
    // What is too long for a header is none.
    let long = format!("{},ssn\n1,064098688\n", "x".repeat(70_000));
    check(csv, &long, &[]);
    let empty = format!("{}\nssn 064098688\n", ",".repeat(70_000));
    check(csv, &empty, &["USA_SOCIAL_SECURITY_NUMBER 4..13 2:1 -"]); // nor is one of too many cells kept
}

#[test]
fn documents_are_read_as_they_are_written() {
    let json = Some(Format::Json);
    let ssn = |path: &str| format!("USA_SOCIAL_SECURITY_NUMBER 0..9 0 {path}");
    check(
        json,
        r#"{"ssn": [["064098688"], [1, {"x": 64098688, "y": "064098688"}]]}"#,
        &[&ssn("$.ssn[0][0]"), &ssn("$.ssn[1][1].y")],
    );
    check(json, r#"{"ssn": 1, "b": "064098688"}"#, &[]);
    check(json, r#"{"a": {"ssn": {}}, "b": "064098688"}"#, &[]);
    check(json, r#"{"it's": {"ssn": "064098688"}}"#, &[&ssn(r"$['it\'s'].ssn")]);
    check(json, r#"{"ssn": "\u0030\u0036\u0034098688"}"#, &[&ssn("$.ssn")]);
    check(json, r#"{"t": "\ud83d\ude00 ssn 064098688"}"#, &["USA_SOCIAL_SECURITY_NUMBER 9..18 0 $.t"]);
    check(json, r#"{"t": "\ud83d ssn 064098688"}"#, &["USA_SOCIAL_SECURITY_NUMBER 8..17 0 $.t"]);
    check(json, r#""ssn 064098688""#, &["USA_SOCIAL_SECURITY_NUMBER 4..13 0 $"]);
    check(json, "\u{feff}{\"ssn\": \"064098688\"}", &[&ssn("$.ssn")]);
    check(
        Some(Format::JsonLines),
        "{\"ssn\":\"064098688\"}\r\n\r\n{\"ssn\":\"064098688\"}",
        &[&ssn("$.ssn"), "USA_SOCIAL_SECURITY_NUMBER 0..9 2 $.ssn"],
    );
    check(None, "{\"ssn\":\"064098688\"}\n{\"a\":1}\n", &[&ssn("$.ssn")]);
    check(None, "[prod]\nssn = 064098688\n", &["USA_SOCIAL_SECURITY_NUMBER 13..22"]);
}

#[test]
fn what_is_no_document_is_text_from_there_on() {
    let broken = "{\"a\": 1, ssn 064098688";
    let report = scan(Some(Format::Json), Encoding::Identity, broken.as_bytes(), &[]);
    assert_eq!(told(&report), ["USA_SOCIAL_SECURITY_NUMBER 13..22"]);
    assert_eq!(report.status, Status::Partial(Reason::Malformed));
    for broken in [r#"{"a":"ssn 064098688 \q"}"#, r#"{"a":"ssn 064098688\uZZ"}"#, r#"{"a":"ssn 064098688\"#] {
        // What there was of a value is looked at.
        check(Some(Format::Json), broken, &["USA_SOCIAL_SECURITY_NUMBER 4..13 0 $.a"]);
    }
    let deep = format!("{}\"ssn 064098688\"", "[".repeat(65));
    let report = scan(Some(Format::Json), Encoding::Identity, deep.as_bytes(), &[]);
    assert_eq!((told(&report).len(), report.status), (1, Status::Partial(Reason::Malformed)));
}

#[test]
fn what_is_compressed_is_opened_within_bounds() {
    use std::io::Write as _;
    let body = b"ssn 064098688";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(body).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(body).unwrap();
    let zlib = zlib.finish().unwrap();
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    raw.write_all(body).unwrap();
    let raw = raw.finish().unwrap();
    let found = ["USA_SOCIAL_SECURITY_NUMBER 4..13"];
    for cuts in [vec![], vec![0], vec![4]] {
        for (encoding, octets) in [
            (Encoding::Gzip, &gzip),
            (Encoding::Identity, &gzip),
            (Encoding::Deflate, &zlib),
            (Encoding::Deflate, &raw),
        ] {
            let report = scan(None, encoding, octets, &cuts);
            assert_eq!(
                (told(&report).as_slice(), report.status),
                (found.map(str::to_owned).as_slice(), Status::Complete)
            );
        }
        let cut = scan(None, Encoding::Gzip, &gzip[..gzip.len() - 9], &cuts);
        assert_eq!(cut.status, Status::Partial(Reason::Malformed));
    }
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b' '; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let whole = scan(None, Encoding::Gzip, &bomb, &[]);
    assert_eq!(whole.status, Status::Partial(Reason::ExpansionLimit));
    assert!(whole.scanned < 16 << 20, "{}", whole.scanned);
    assert_eq!(scan(None, Encoding::Gzip, &bomb, &[99]), whole, "wherever it is cut");
    assert_eq!(Encoding::of("aws-chunked, GZIP"), Ok(Encoding::Gzip));
    assert_eq!((Encoding::of("br"), Encoding::of("gzip,gzip")), (Err(Unsupported), Err(Unsupported)));
}

#[test]
fn what_is_no_text_is_skipped_and_says_so() {
    for binary in [&b"\x89PNG\r\n\x1a\n ssn 064098688"[..], b"%PDF-1.7 ssn 064098688", b"PAR1 ssn 064098688"] {
        let report = scan(None, Encoding::Identity, binary, &[]);
        assert_eq!((report.status, report.counts.len()), (Status::Skipped(Reason::UnsupportedType), 0));
    }
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(100_000)
    .collect();
    let report = scan(None, Encoding::Identity, &noise, &[777]);
    assert_eq!(report.status, Status::Skipped(Reason::EncryptedOrCompressed));
}

#[test]
fn text_of_two_octets_a_letter_is_read() {
    let text = "😀 ssn 064098688";
    for big in [true, false] {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        let octets: Vec<u8> =
            units.flat_map(|unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect();
        for cuts in [vec![], vec![0], vec![2]] {
            let report = scan(None, Encoding::Identity, &octets, &cuts);
            assert_eq!(told(&report), ["USA_SOCIAL_SECURITY_NUMBER 9..18"], "{big} {cuts:?}");
        }
    }
}

#[test]
fn of_each_kind_fifteen_places_are_told_and_all_are_counted() {
    let text = "a@example.com ".repeat(40);
    let mut scanner = Scanner::new(Detectors::all(), Some(Format::Text), Encoding::Identity, 2026);
    scanner.feed(text.as_bytes());
    let report = scanner.finish();
    assert_eq!((report.detections.len(), report.counts["EMAIL_ADDRESS"]), (15, 40));
    let only = Detectors::only(&["USA_SOCIAL_SECURITY_NUMBER"]).unwrap();
    let mut scanner = Scanner::new(Arc::clone(&only), Some(Format::Text), Encoding::Identity, 2026);
    scanner.feed(text.as_bytes());
    assert_eq!(scanner.finish().counts.len(), 0, "others are off");
}

#[test]
fn what_somebody_defines_is_within_its_limits() {
    let new = |regex: &str, keywords: &[&str], distance| Custom::new(regex, keywords, &[], distance).map(drop);
    assert_eq!(new("EMP-[0-9]{6}", &["badge"], Some(300)), Ok(()));
    for (regex, says) in [("(a)", "(?:...)"), ("a(?=b)", "not usable"), (r"(?:a)\1", "not usable")] {
        assert!(new(regex, &[], None).unwrap_err().to_string().contains(says), "{regex}");
    }
    assert!(matches!(new(&"a".repeat(513), &[], None), Err(CustomError::Long)));
    assert!(matches!(new("a", &["ab"], None), Err(CustomError::Words { list: "keywords", .. })));
    assert!(matches!(new("a", &[], Some(0)), Err(CustomError::Distance)));
    assert!(new("(?:a{100}){100}{100}", &[], None).is_err(), "too large");
    let edges = Custom::new(r"\bEMP-[0-9]{6}\b", &[], &[], None).unwrap();
    assert_eq!(edges.find(b"xEMP-123456 EMP-123456"), [(12, 22)]);
    let multi = Custom::new("[0-9]{4}", &["née"], &[], Some(10)).unwrap();
    assert_eq!(multi.find("née –––––1234".as_bytes()), [(20, 24)]);
    assert!(multi.find("née ––––––1234".as_bytes()).is_empty());
}

/// Pieces that are found, that spoil what is found, and that are nothing.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("ssn ".to_owned()),
        Just("card".to_owned()),
        Just("064-09-8688".to_owned()),
        Just("4000009631338061".to_owned()),
        Just("a@example.com".to_owned()),
        Just("%B4000009631338061^DOE/JANE^29011010000?".to_owned()),
        Just("GB82 WEST 1234 5698 7654 32".to_owned()),
        Just("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln".to_owned()),
        Just("AKIAHRGHMMVKJ6D7RX7C".to_owned()),
        Just("b8oYsfroDrsehrD50AlpcZRzAQYUFAB1hgxTrAsW".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----\n".to_owned()),
        Just("{\"ssn\":\"064098688\",\"n\":[1,".to_owned()),
        "[ .,;\"\n\\\\{}\\[\\]:–x0-9]{0,20}",
        (1_usize..40_000).prop_map(|length| "y".repeat(length)),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_found_does_not_depend_on_the_cuts(
        octets in pieces(),
        cuts in prop::collection::vec(0_usize..3000, 1..6),
        format in prop_oneof![
            Just(None), Just(Some(Format::Text)), Just(Some(Format::Csv)), Just(Some(Format::Json)), Just(Some(Format::JsonLines)),
        ],
    ) {
        let whole = scan(format, Encoding::Identity, &octets, &[]);
        prop_assert_eq!(&scan(format, Encoding::Identity, &octets, &cuts), &whole);
        prop_assert_eq!(whole.counts.values().sum::<u64>(), whole.detections.len() as u64);
    }

    #[test]
    fn no_octets_whatever_bring_it_down(
        octets in prop::collection::vec(any::<u8>(), 0..3000),
        cuts in prop::collection::vec(0_usize..200, 1..4),
        gzip in any::<bool>(),
    ) {
        let encoding = if gzip { Encoding::Gzip } else { Encoding::Deflate };
        for format in [None, Some(Format::Csv), Some(Format::Json), Some(Format::Tsv)] {
            let whole = scan(format, Encoding::Identity, &octets, &[]);
            prop_assert_eq!(&scan(format, Encoding::Identity, &octets, &cuts), &whole);
            prop_assert_eq!(&scan(format, encoding, &octets, &cuts), &scan(format, encoding, &octets, &[]));
        }
    }
}
