//! The grammar of aws-chunked (spec/sigv4.md 8.2 to 8.4), fed whole and octet by octet.

use bytes::Bytes;
use ring::digest::{SHA256, digest};

use super::encoder::{Chain, SEED, encode};
use super::wire::Wire;
use super::{PLAIN_TRAILER, SIGNED, SIGNED_TRAILER, read, sample, whole};
use crate::body::{Chunked, Event};
use crate::s3::Code;
use crate::s3::checksum::{self, Algorithm};
use crate::s3::payload::Payload;

const ANNOUNCED: (&str, &str) = ("x-amz-trailer", "x-amz-checksum-crc32");

fn check(payload: Payload, length: usize, lines: &[(&str, &str)], body: &[u8], expected: Result<&[u8], Code>) {
    for size in [body.len().max(1), 7, 2, 1] {
        let left = read(payload, length, lines, Wire::pieces(body, size));
        let text = String::from_utf8_lossy(body.get(..60).unwrap_or(body));
        assert_eq!(left.end, expected.map(|_| ()), "{text:?} in pieces of {size}");
        match expected {
            Ok(data) => assert_eq!(left.data, data, "{text:?} in pieces of {size}"),
            Err(_) => assert!(left.data.len() < length.max(1), "{text:?} in pieces of {size} left complete"),
        }
    }
}

fn unsigned(length: usize, body: &str, expected: Result<&str, Code>) {
    check(PLAIN_TRAILER, length, &[], body.as_bytes(), expected.map(str::as_bytes));
}

#[test]
fn the_plain_forms_are_read() {
    unsigned(5, "5\r\nhello\r\n0\r\n\r\n", Ok("hello"));
    unsigned(0, "0\r\n\r\n", Ok(""));
    unsigned(5, "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", Ok("hello"));
    let data = sample(0xab);
    for head in ["ab", "AB", "aB"] {
        let body = [format!("{head}\r\n").as_bytes(), &data, b"\r\n0\r\n\r\n"].concat();
        check(PLAIN_TRAILER, data.len(), &[], &body, Ok(&data));
    }
}

#[test]
fn hostile_frames_are_refused() {
    for body in [
        "",
        "\r\n",
        "\r\n5\r\nhello\r\n0\r\n\r\n",
        "5",
        "5\r\nhello",
        "5\r\nhello\r\n",
        "5\r\nhello\r\n0\r\n",
        "5\r\nhello\r\n0\r\n\r",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r\r0\r\n\r\n",
        "5\r\nhelloo\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "\u{665}\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5;a=b\r\nhello\r\n0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n00000000000000000\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\nx",
        "5\r\nhello\r\n0\r\n\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        unsigned(5, body, Err(Code::IncompleteBody));
    }
}

#[test]
fn a_chunk_header_without_an_end_costs_256_octets() {
    let mut decoder = Chunked::new(5, None, true, None);
    assert_eq!(decoder.feed(&mut Bytes::from(vec![b'0'; 257])).unwrap(), Event::More);
    assert!(decoder.feed(&mut Bytes::from_static(b"0")).is_err());
    let mut flood = Bytes::from(vec![b'0'; 1 << 20]);
    assert_eq!(Chunked::new(5, None, true, None).feed(&mut flood).unwrap_err().code(), Code::IncompleteBody);
    assert!(decoder.feed(&mut Bytes::from_static(b"5\r\n")).is_err(), "after a fault nothing is read");
}

#[test]
fn the_decoded_length_is_exact() {
    for (length, body) in [
        (4, "5\r\nhello\r\n0\r\n\r\n"),
        (6, "5\r\nhello\r\n0\r\n\r\n"),
        (5, "0\r\n\r\n"),
        (5, "ffffffffffffffff\r\nhello"),
    ] {
        unsigned(length, body, Err(Code::IncompleteBody));
    }
    // What came is told where it is known.
    let fault = |length, body: &'static [u8]| {
        let (mut decoder, mut input) = (Chunked::new(length, None, true, None), Bytes::from_static(body));
        loop {
            match decoder.feed(&mut input) {
                Ok(_) => {}
                Err(fault) => break fault,
            }
        }
    };
    let short = fault(6, b"5\r\nhello\r\n0\r\n\r\n");
    let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
    assert_eq!(short.message(), message);
    let told = [("NumberBytesExpected", "6".to_owned()), ("NumberBytesProvided", "5".to_owned())];
    assert_eq!(short.elements(), told);
    // A chunk that says too much is refused before its data is read.
    let long = fault(4, b"5\r\n");
    assert_eq!((long.message(), long.elements().len()), (message, 0));
}

#[test]
fn only_the_last_chunk_may_be_small() {
    let data = sample(8192 + 10);
    let small = Err(Code::InvalidChunkSizeError);
    for signed in [false, true] {
        let mode = if signed { SIGNED } else { PLAIN_TRAILER };
        let encoded = |sizes: &[usize]| encode(&data, sizes, signed, None);
        check(mode, data.len(), &[], &encoded(&[8192]), Ok(&data));
        check(mode, data.len(), &[], &encoded(&[]), Ok(&data));
        check(mode, data.len(), &[], &encoded(&[8191]), small);
        check(mode, data.len(), &[], &encoded(&[10]), small);
    }
    let body = encode(&data, &[8192, 5], false, None);
    let mut decoder = Chunked::new(data.len() as u64, None, true, None);
    let mut input = Bytes::from(body);
    let fault = loop {
        match decoder.feed(&mut input) {
            Ok(_) => {}
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault.elements(), [("Chunk", "2".to_owned()), ("BadChunkSize", "5".to_owned())]);
}

#[test]
fn a_trailer_is_exactly_what_was_announced() {
    let data = b"hello";
    let value = checksum::of(Algorithm::Crc32, data).to_base64();
    let body = |trailer: &str| format!("5\r\nhello\r\n0\r\n{trailer}\r\n");
    let announced = |trailer: &str, expected: Result<(), Code>| {
        check(PLAIN_TRAILER, 5, &[ANNOUNCED], body(trailer).as_bytes(), expected.map(|()| &data[..]));
    };
    let malformed = Err(Code::MalformedTrailerError);
    announced(&format!("x-amz-checksum-crc32:{value}\r\n"), Ok(()));
    announced(&format!("X-Amz-Checksum-CRC32: \t{value} \r\n"), Ok(()));
    announced(&format!("x-amz-checksum-crc32:{value}\n\r\n"), Ok(()));
    announced("", malformed);
    announced("\n\r\n", malformed);
    announced(&format!("x-amz-checksum-crc32 {value}\r\n"), malformed);
    announced(&format!("x-amz-checksum-crc32 :{value}\r\n"), malformed);
    announced(&format!("x-amz-checksum-crc32c:{value}\r\n"), malformed);
    announced(&format!("x-amz-checksum-crc32:{value}\r\nx-amz-checksum-crc32:{value}\r\n"), malformed);
    announced(&format!("x-amz-checksum-crc32:{value}\nx-amz-checksum-crc32:{value}\r\n"), malformed);
    announced(&format!("x-amz-checksum-crc32:{value}\r\nx-amz-meta-evil:1\r\n"), malformed);
    announced(&format!("x-amz-acl:public-read\nx-amz-checksum-crc32:{value}\r\n"), malformed);
    announced(&format!("x-amz-checksum-crc32:{value}\r\nx-amz-trailer-signature:{}\r\n", "0".repeat(64)), malformed);
    announced(&format!("x-amz-checksum-crc32:{value}"), Err(Code::IncompleteBody));
    announced("x-amz-checksum-crc32:invalid\r\n", Err(Code::InvalidRequest));
    announced("x-amz-checksum-crc32:AAAAAA==\r\n", Err(Code::BadDigest));
    // Nobody announced one.
    check(
        PLAIN_TRAILER,
        5,
        &[],
        body(&format!("x-amz-checksum-crc32:{value}\r\n")).as_bytes(),
        malformed.map(|()| &[][..]),
    );
}

#[test]
fn a_trailer_without_an_end_costs_8_kib() {
    for field in ["a", "a\n", "x-amz-checksum-crc32:", "\r"] {
        let mut decoder = Chunked::new(0, None, true, Some(Algorithm::Crc32));
        let mut flood = Bytes::from(format!("0\r\n{}", field.repeat(20_000)));
        let fault = decoder.feed(&mut flood).unwrap_err();
        assert_eq!(fault.code(), Code::MalformedTrailerError, "{field:?}");
    }
    // A field of 1024 octets is still read; one more is not.
    let field = |spaces: usize| format!("0\r\nx-amz-checksum-crc32:{}AAAAAA==\r\n\r\n", " ".repeat(spaces));
    check(PLAIN_TRAILER, 0, &[ANNOUNCED], field(1024 - 29).as_bytes(), Ok(b""));
    check(PLAIN_TRAILER, 0, &[ANNOUNCED], field(1025 - 29).as_bytes(), Err(Code::MalformedTrailerError));
}

#[test]
fn a_mode_without_trailer_has_none() {
    let mut body = encode(b"hello", &[], true, None);
    check(SIGNED, 5, &[], &body, Ok(b"hello"));
    body.truncate(body.len() - 2);
    body.extend_from_slice(b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n");
    check(SIGNED, 5, &[], &body, Err(Code::MalformedTrailerError));
}

#[test]
fn the_mode_that_was_signed_is_the_mode_that_is_read() {
    let value = checksum::of(Algorithm::Crc32, b"hello").to_base64();
    let trailer = Some(("x-amz-checksum-crc32", &*value));
    let signed = encode(b"hello", &[], true, trailer);
    let plain = encode(b"hello", &[], false, trailer);
    check(SIGNED_TRAILER, 5, &[ANNOUNCED], &signed, Ok(b"hello"));
    check(SIGNED_TRAILER, 5, &[ANNOUNCED], &plain, Err(Code::IncompleteBody));
    check(PLAIN_TRAILER, 5, &[ANNOUNCED], &plain, Ok(b"hello"));
    check(PLAIN_TRAILER, 5, &[ANNOUNCED], &signed, Err(Code::IncompleteBody));
}

#[test]
fn every_signature_of_a_signed_body_is_checked() {
    let data = sample(8192 + 300);
    let value = checksum::of(Algorithm::Crc32, &data).to_base64();
    let body = encode(&data, &[8192], true, Some(("x-amz-checksum-crc32", &value)));
    check(SIGNED_TRAILER, data.len(), &[ANNOUNCED], &body, Ok(&data));
    // Two data chunks, the final one, the trailer: one digit of each is changed.
    let text = String::from_utf8_lossy(&body).into_owned();
    let signatures: Vec<usize> = memchr::memmem::find_iter(&body, b"signature").map(|at| at + 10).collect();
    assert_eq!(signatures.len(), 4, "{}", text.len());
    for at in signatures {
        let mut forged = body.clone();
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        check(SIGNED_TRAILER, data.len(), &[ANNOUNCED], &forged, Err(Code::SignatureDoesNotMatch));
        forged[at] = b'A';
        let expected = if forged[at - 2] == b'e' && body.len() - at < 80 {
            Code::MalformedTrailerError
        } else {
            Code::IncompleteBody
        };
        check(SIGNED_TRAILER, data.len(), &[ANNOUNCED], &forged, Err(expected));
    }
}

#[test]
fn a_signed_trailer_must_be_signed_and_nothing_follows_its_signature() {
    let value = checksum::of(Algorithm::Crc32, b"hello").to_base64();
    let field = format!("x-amz-checksum-crc32:{value}\r\n");
    let body = encode(b"hello", &[], true, Some(("x-amz-checksum-crc32", &value)));
    let text = String::from_utf8(body).unwrap();
    let (front, back) = text.split_once("x-amz-trailer-signature").unwrap();
    check(SIGNED_TRAILER, 5, &[ANNOUNCED], format!("{front}\r\n").as_bytes(), Err(Code::IncompleteBody));
    let swapped = format!(
        "{}x-amz-trailer-signature{}{field}\r\n",
        front.strip_suffix(&field).unwrap(),
        back.strip_suffix("\r\n").unwrap()
    );
    check(SIGNED_TRAILER, 5, &[ANNOUNCED], swapped.as_bytes(), Err(Code::MalformedTrailerError));
    // One client ends the value with LF, and may separate the fields by LF alone.
    for separator in ["\n\r\n", "\n"] {
        let quirk = format!("{}{separator}x-amz-trailer-signature{back}", front.strip_suffix("\r\n").unwrap());
        check(SIGNED_TRAILER, 5, &[ANNOUNCED], quirk.as_bytes(), Ok(b"hello"));
    }
    // The mode signs its trailer even when it is empty.
    let mut nothing = encode(b"hello", &[], true, None);
    check(SIGNED_TRAILER, 5, &[], &nothing, Err(Code::IncompleteBody));
    let mut chain = Chain::from(SEED);
    let _ = (chain.next(digest(&SHA256, b"hello").as_ref()), chain.next(digest(&SHA256, b"").as_ref()));
    nothing.truncate(nothing.len() - 2);
    nothing.extend_from_slice(format!("x-amz-trailer-signature:{}\r\n\r\n", chain.last(b"")).as_bytes());
    check(SIGNED_TRAILER, 5, &[], &nothing, Ok(b"hello"));
}

#[test]
fn chunks_cannot_be_swapped_dropped_or_repeated() {
    let data = sample(3 * 8192);
    let body = encode(&data, &[8192, 8192, 8192], true, None);
    let size = (body.len() - 86) / 3;
    let (one, two, three, end) = (&body[..size], &body[size..2 * size], &body[2 * size..3 * size], &body[3 * size..]);
    check(SIGNED, data.len(), &[], &[one, two, three, end].concat(), Ok(&data));
    for (length, order) in [
        (data.len(), vec![two, one, three, end]),
        (data.len(), vec![one, one, three, end]),
        (2 * 8192, vec![one, three, end]),
        (2 * 8192, vec![one, two, end]),
    ] {
        check(SIGNED, length, &[], &order.concat(), Err(Code::SignatureDoesNotMatch));
    }
}

#[test]
fn the_published_chunk_and_trailer_signatures_come_out() {
    let chunks = [vec![b'a'; 65536], vec![b'a'; 1024], Vec::new()];
    for (seed, expected, canonical, trailer) in [
        (
            SEED,
            [
                "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
            ],
            "first:1st\nsecond:2nd\nthird:3rd\n",
            "df5735bd9f3295cd9386572292562fefc93ba94e80a0a1ddcbd652c4e0a75e6c",
        ),
        (
            "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
            [
                "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
            ],
            "x-amz-checksum-crc32c:sOO8/Q==\n",
            "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
        ),
    ] {
        let mut chain = Chain::from(seed);
        for (chunk, signature) in chunks.iter().zip(expected) {
            assert_eq!(chain.next(digest(&SHA256, chunk).as_ref()), signature);
        }
        assert_eq!(chain.last(canonical.as_bytes()), trailer);
    }
}

#[test]
fn the_published_body_is_read_and_its_signatures_seen() {
    let data = vec![b'a'; 66560];
    let announced = ("x-amz-trailer", "x-amz-checksum-crc32c");
    let body = encode(&data, &[65536, 1024], true, Some(("x-amz-checksum-crc32c", "sOO8/Q==")));
    assert_eq!(read(SIGNED_TRAILER, data.len(), &[announced], Wire::pieces(&body, 4096)), whole(&data));
    let mut decoder = Chunked::new(66560, Some(Box::new(Chain::from(SEED))), true, Some(Algorithm::Crc32c));
    let mut input = Bytes::from(body);
    while !matches!(decoder.feed(&mut input).unwrap(), Event::More) {}
    decoder.finish().unwrap();
    assert_eq!(decoder.trailers(), [("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned())]);
    assert_eq!(decoder.signatures_seen().len(), 4);
    assert_eq!(decoder.signatures_seen()[0], "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
}

#[test]
fn data_is_handed_out_as_slices_of_the_input() {
    let input = Bytes::from(encode(&sample(20_000), &[8192], false, None));
    let range = input.as_ptr_range();
    let mut decoder = Chunked::new(20_000, None, true, None);
    let mut rest = input.clone();
    while let Event::Data(data) = decoder.feed(&mut rest).unwrap() {
        assert!(range.contains(&data.as_ptr()), "copied");
    }
}
