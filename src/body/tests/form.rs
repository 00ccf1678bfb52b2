//! The decoder of forms, and the seal around the file in one.

use bytes::Bytes;
use proptest::prelude::*;

use super::super::{Contract, FormDecoder, FormEvent, Unread};
use super::wire::Wire;
use super::{Left, drain, run, sample, whole};
use crate::s3::form::{FileName, LengthRange as Range};
use crate::s3::{Code, Fault, Head};

/// A form with these fields and this file.
fn form(fields: &[(&str, &str)], file: &[u8], behind: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.extend_from_slice(
            format!("--bound\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes(),
        );
    }
    out.extend_from_slice(
        b"--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: x/y\r\n\r\n",
    );
    out.extend_from_slice(file);
    out.extend_from_slice(behind.as_bytes());
    out
}

const END: &str = "\r\n--bound--\r\n";

/// Everything that a form came to.
#[derive(Debug, Default, PartialEq)]
struct Decoded {
    fields: Vec<(String, String)>,
    file: Option<FileName>,
    data: Vec<u8>,
    end: Option<Code>,
}

/// Feeds the decoder in pieces cut at these places.
fn decode(form: &[u8], cuts: &[usize]) -> Decoded {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (form.len() + 1)).collect();
    cuts.extend([0, form.len()]);
    cuts.sort_unstable();
    let mut decoder = FormDecoder::new("bound");
    let mut decoded = Decoded::default();
    for pair in cuts.windows(2) {
        let mut input = Bytes::copy_from_slice(&form[pair[0]..pair[1]]);
        loop {
            match decoder.feed(&mut input) {
                Ok(FormEvent::Field { name, value }) => decoded.fields.push((name, value)),
                Ok(FormEvent::File(name)) => decoded.file = Some(name),
                Ok(FormEvent::Data(data)) => decoded.data.extend_from_slice(&data),
                Ok(FormEvent::More) => break,
                Err(fault) => {
                    decoded.end = Some(fault.code());
                    return decoded;
                }
            }
        }
    }
    decoded.end = decoder.finish().err().map(|fault| fault.code());
    decoded
}

#[test]
fn fields_and_file_come_out_whatever_follows() {
    for behind in
        [END, "\r\n--bound--", "\r\n--bound\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\nx\r\n--bound--\r\n"]
    {
        for file in [&b""[..], b"data", b"\r\n", b"\r\n--boun", b"\r\n--boun\r\n--boun", b"\r\r\n-", b"--boun", b"-"] {
            let decoded = decode(&form(&[("Key", "a/b"), ("acl", ""), ("x", "\r\n--")], file, behind), &[]);
            let fields = [("Key", "a/b"), ("acl", ""), ("x", "\r\n--")].map(|(n, v)| (n.to_owned(), v.to_owned()));
            assert_eq!(decoded.fields, fields);
            assert_eq!((decoded.data.as_slice(), decoded.end), (file, None), "{file:?} {behind:?}");
            assert_eq!(decoded.file, Some(FileName::Plain("f".to_owned())));
        }
    }
}

#[test]
fn what_readers_could_take_for_another_form_is_refused() {
    let field = "--bound\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n";
    let file = "--bound\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
    for (text, why) in [
        (String::new(), "nothing"),
        ("hello".to_owned(), "no boundary"),
        (format!("\r\n{file}x{END}"), "something before the first boundary"),
        (format!("preamble\r\n{file}x{END}"), "a preamble"),
        (file.replace("bound", "Bound") + "x" + END, "another case"),
        (file.replace("--bound\r\n", "--bound \r\n") + "x" + END, "a space behind the boundary"),
        (file.replace("--bound\r\n", "--bound\n") + "x" + END, "a bare line feed"),
        (format!("{field}abc"), "a field that does not end"),
        (format!("{field}--bound\r\n{file}x{END}"), "a boundary at the start of a value"),
        (format!("{field}a\r\n--boundary\r\n{file}x{END}"), "a longer boundary in a field"),
        (format!("{file}x"), "a file that does not end"),
        (format!("{file}x\r\n--bound"), "an end without its dashes"),
        (format!("{file}x\r\n--bound-"), "an end with one dash"),
        (format!("{file}x\r\n--bound-x"), "half an end"),
        (format!("{file}x\r\n--boundary--\r\n"), "a longer boundary behind the file"),
        (format!("{file}x\n--bound--\r\n"), "a line feed before the end"),
        (format!("{file}--bound--\r\n"), "an end where the file begins"),
    ] {
        assert_eq!(decode(text.as_bytes(), &[]).end, Some(Code::MalformedPOSTRequest), "{why}");
    }
    assert_eq!(decode(format!("{field}v{END}").as_bytes(), &[]).end, Some(Code::InvalidArgument), "no file");
}

#[test]
fn everything_before_the_file_is_bounded() {
    let long = "a".repeat(20 * 1024 - 3);
    assert_eq!(decode(&form(&[("key", &long)], b"x", END), &[]).end, None, "exactly as much as there may be");
    let too_long = Some(Code::MaxPostPreDataLengthExceededError);
    assert_eq!(decode(&form(&[("key", &(long + "a"))], b"x", END), &[]).end, too_long);
    let names: Vec<String> = (0..101).map(|n| format!("n{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(decode(&form(&many[..100], b"x", END), &[]).end, None);
    assert_eq!(decode(&form(&many, b"x", END), &[]).end, too_long);
    let head = format!("--bound\r\nX: {}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "y".repeat(5000));
    assert_eq!(decode(head.as_bytes(), &[]).end, Some(Code::MalformedPOSTRequest), "the head of a part");
    let padded: Vec<u8> = (0..30)
        .flat_map(|n| {
            format!("--bound\r\nX: {}\r\nContent-Disposition: form-data; name=\"{n}\"\r\n\r\n\r\n", "y".repeat(3900))
                .into_bytes()
        })
        .collect();
    assert_eq!(decode(&padded, &[]).end, too_long, "heads of parts together");
}

#[test]
fn what_is_behind_the_file_is_ignored_however_long_it_is() {
    let tail = "\r\n--bound--".to_owned() + &"x".repeat(100_000);
    let decoded = decode(&form(&[], b"data", &tail), &[]);
    assert_eq!((decoded.data, decoded.end), (b"data".to_vec(), None));
}

/// Pieces of files that look like boundaries.
fn treacherous() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n--bound".to_vec()),
        Just(b"\r\n--boun".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"--".to_vec()),
        Just(b"--bound".to_vec()),
        Just(b"Content-Disposition: form-data; name=\"file\"\r\n\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..9),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn how_a_form_is_cut_into_pieces_does_not_matter(
        file in treacherous(),
        behind in prop_oneof![Just(END), Just("\r\n--bound--"), Just("")],
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let form = form(&[("key", "k"), ("policy", "p")], &file, behind);
        prop_assert_eq!(decode(&form, &[]), decode(&form, &cuts));
        let octets: Vec<usize> = (0..form.len()).collect();
        prop_assert_eq!(decode(&form, &[]), decode(&form, &octets));
    }

    #[test]
    fn no_input_does_more_than_refuse(form in treacherous(), cuts in prop::collection::vec(any::<usize>(), 0..5)) {
        let _ = decode(&form, &cuts);
        let begun = [&b"--bound\r\n"[..], &form].concat();
        let _ = decode(&begun, &cuts);
    }

    #[test]
    fn a_file_without_the_boundary_comes_through_as_it_is(
        file in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'b'), any::<u8>()], 0..200),
        cuts in prop::collection::vec(any::<usize>(), 0..9),
    ) {
        let decoded = decode(&form(&[], &file, END), &cuts);
        prop_assert_eq!((decoded.data, decoded.end), (file, None));
    }
}

/// The file of a form, opened as the pipeline does it.
fn open(body: Wire, form: usize, lines: &[(&str, &str)], range: Range) -> Result<super::SealedBody, Fault> {
    let (head, unread) = run(Unread::new(body).read_form("bound"))?;
    let length = form.to_string();
    let request: &[(&[u8], &[u8])] = &[(b"content-length", length.as_bytes())];
    let request = Head { method: b"POST", target: b"/b", lines: request, authority: None };
    let lines: Vec<(&[u8], &[u8])> = lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let fields = Head { method: b"PUT", target: b"/", lines: &lines, authority: None };
    let contract = Contract::of_file(&request, &fields, &head, range)?;
    unread.open(contract)
}

fn read(form: &[u8], piece: usize, range: Range) -> Left {
    match open(Wire::pieces(form, piece).slow(), form.len(), &[], range) {
        Ok(mut body) => drain(&mut body),
        Err(fault) => Left { data: Vec::new(), end: Err(fault.code()) },
    }
}

fn settle(form: &[u8], piece: usize, range: Range) -> Result<Vec<u8>, Code> {
    let body = open(Wire::pieces(form, piece), form.len(), &[], range).map_err(|fault| fault.code())?;
    let settled = run(body.settle(1 << 20)).map_err(|fault| fault.code())?;
    assert_eq!(settled.decoded_length(), settled.longest());
    let length = settled.decoded_length();
    let data = run(settled.collect(1 << 20)).map_err(|fault| fault.code())?;
    assert_eq!(data.len() as u64, length);
    Ok(data.to_vec())
}

#[test]
fn a_file_that_ends_the_form_streams_with_its_length_known() {
    let data = sample(10_000);
    let form = form(&[("key", "k")], &data, END);
    for piece in [1, 7, 4096, 65_536] {
        let body = open(Wire::pieces(&form, piece), form.len(), &[], Range::ANY).unwrap();
        assert_eq!(body.decoded_length(), 10_000);
        assert_eq!(read(&form, piece, Range::ANY), whole(&data), "{piece}");
        assert_eq!(settle(&form, piece, Range::ANY).unwrap(), data);
    }
}

#[test]
fn a_small_file_may_be_followed_by_anything() {
    for behind in ["\r\n--bound--", END, "\r\n--bound\r\nwhatever\r\n", "\r\n--bound--\r\n\r\nepilogue"] {
        let form = form(&[("key", "k")], b"data", behind);
        assert_eq!(settle(&form, 5, Range::ANY).unwrap(), b"data", "{behind:?}");
    }
    assert_eq!(settle(&form(&[], b"", END), 3, Range::ANY).unwrap(), b"");
}

#[test]
fn a_streamed_file_of_another_length_than_presumed_never_completes() {
    let data = sample(3000);
    for behind in
        ["\r\n--bound--", "\r\n--bound\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\nx\r\n--bound--\r\n"]
    {
        let form = form(&[("key", "k")], &data, behind);
        for piece in [1, 100, 65_536] {
            let length = open(Wire::pieces(&form, piece), form.len(), &[], Range::ANY).unwrap().decoded_length();
            let left = read(&form, piece, Range::ANY);
            assert_eq!(left.end, Err(Code::MalformedPOSTRequest), "{behind:?}");
            assert!((left.data.len() as u64) < length, "the store was told {length}");
        }
    }
}

#[test]
fn a_form_that_ends_in_its_file_completes_nothing() {
    for behind in ["", "\r\n--boun", "\r\n--bound", "\r\n--bound-"] {
        let form = form(&[("key", "k")], &sample(500), behind);
        assert_eq!(settle(&form, 64, Range::ANY), Err(Code::MalformedPOSTRequest), "{behind:?}");
        let left = read(&form, 64, Range::ANY);
        assert!(left.end == Err(Code::MalformedPOSTRequest) && left.data.len() < 500, "{behind:?}");
    }
    let form = form(&[("key", "k")], &sample(500), "");
    let body = open(Wire::pieces(&form, 64).broken(), form.len() + 13, &[], Range::ANY).unwrap();
    assert_eq!(run(body.settle(1 << 20)).unwrap_err().code(), Code::IncompleteBody);
}

#[test]
fn the_range_counts_the_file_alone_and_both_its_ends() {
    let form = form(&[("key", "k")], &sample(100), END);
    let range = |least, most| Range { least, most };
    for (range, expected) in [
        (range(0, 100), Ok(())),
        (range(100, 100), Ok(())),
        (range(0, 99), Err(Code::EntityTooLarge)),
        (range(101, 200), Err(Code::EntityTooSmall)),
        (range(200, 10), Err(Code::EntityTooSmall)),
        (range(50, 10), Err(Code::EntityTooLarge)),
    ] {
        assert_eq!(read(&form, 9, range).end, expected, "{range:?}");
        assert_eq!(settle(&form, 9, range).map(|_| ()), expected, "{range:?}");
    }
    let most = read(&form, 10, range(0, 50));
    assert!(most.data.len() <= 50, "nothing leaves that is too much");
}

const FIELD: &str = "\r\n--bound\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--bound--\r\n";

/// Settles the file of a form of up to `limit` octets, and says what the store was told and what it got.
fn settle_file(form: &[u8], piece: usize, limit: u64) -> (u64, Left) {
    let body = open(Wire::pieces(form, piece).slow(), form.len(), &[], Range::ANY).unwrap();
    match run(body.settle_file(limit)) {
        Ok(mut body) => (body.decoded_length(), drain(&mut body)),
        Err(fault) => (u64::MAX, Left { data: Vec::new(), end: Err(fault.code()) }),
    }
}

#[test]
fn a_file_that_fits_in_hand_may_be_followed_by_anything() {
    let data = sample(3000);
    let epilogue = format!("{END}{}", "x".repeat(100_000));
    for behind in [END, "\r\n--bound--", FIELD, &epilogue] {
        let form = form(&[("key", "k")], &data, behind);
        for (piece, limit) in [(1, 3000), (100, 4096), (65_536, 1 << 20)] {
            assert_eq!(settle_file(&form, piece, limit), (3000, whole(&data)), "{behind:.50?} {piece}");
        }
    }
    let cut = form(&[("key", "k")], &data, "\r\n--boun");
    assert_eq!(settle_file(&cut, 100, 4096).1.end, Err(Code::MalformedPOSTRequest));
}

#[test]
fn of_a_longer_file_what_was_read_goes_first_and_the_rest_is_held_to_its_length() {
    let data = sample(10_000);
    for piece in [1, 100, 1500, 65_536] {
        let last = form(&[("key", "k")], &data, END);
        assert_eq!(settle_file(&last, piece, 1000), (10_000, whole(&data)), "{piece}");
        let more = form(&[("key", "k")], &data, &format!("{END}{}", "x".repeat(100_000)));
        let (told, left) = settle_file(&more, piece, 1000);
        if left.end != Ok(()) {
            assert_eq!(left.end, Err(Code::MalformedPOSTRequest), "{piece}");
            assert!((left.data.len() as u64) < told, "{piece}: the store was told {told}");
        }
    }
}

#[test]
fn no_limit_lets_a_file_complete_before_it_is_verified() {
    let data = sample(500);
    for behind in [END, "\r\n--bound--", FIELD, "", "\r\n--boun", "\r\n--boundx"] {
        let form = form(&[("key", "k")], &data, behind);
        for limit in 440..640 {
            for piece in [1, 13, 4096] {
                let (told, left) = settle_file(&form, piece, limit);
                match left.end {
                    Ok(()) => assert_eq!((told, &left.data), (500, &data), "{behind:?} {limit} {piece}"),
                    Err(_) => assert!((left.data.len() as u64) < told, "{behind:?} {limit} {piece}"),
                }
            }
        }
    }
}

#[test]
fn a_file_that_is_too_large_at_any_rate_is_refused_before_it_is_read() {
    let form = form(&[("key", "k")], b"", "");
    let unbounded = open(Wire::pieces(&form, 4096), 6 << 30, &[], Range::ANY);
    assert_eq!(unbounded.unwrap_err().code(), Code::EntityTooLarge);
}

#[test]
fn a_form_without_a_length_is_refused() {
    let form = form(&[("key", "k")], b"data", END);
    let (head, _) = run(Unread::new(Wire::pieces(&form, 4096)).read_form("bound")).unwrap();
    let lines: &[(&[u8], &[u8])] = &[(b"transfer-encoding", b"chunked")];
    for (lines, authority, code) in [
        (lines, None, Code::NotImplemented),
        (&lines[..0], None, Code::MissingContentLength),
        (&lines[..0], Some(&b"h"[..]), Code::MissingContentLength),
    ] {
        let request = Head { method: b"POST", target: b"/b", lines, authority };
        let fields = Head { method: b"PUT", target: b"/", lines: &[], authority: None };
        assert_eq!(Contract::of_file(&request, &fields, &head, Range::ANY).unwrap_err().code(), code);
    }
}

#[test]
fn checksums_in_fields_hold_the_file() {
    let form = form(&[("key", "k")], b"data", END);
    let with = |name, value| {
        let body = open(Wire::pieces(&form, 3), form.len(), &[(name, value)], Range::ANY)?;
        run(body.collect(100)).map(|data| data.len())
    };
    assert_eq!(with("x-amz-checksum-crc32", "rfPzYw==").unwrap(), 4);
    assert_eq!(with("x-amz-checksum-crc32", "AAAAAA==").unwrap_err().code(), Code::BadDigest);
    assert_eq!(with("content-md5", "jXd/OF08/siBXSDTq3SB0g==").unwrap_err().code(), Code::BadDigest);
    assert_eq!(with("content-md5", "x").unwrap_err().code(), Code::InvalidDigest);
}

#[test]
fn a_form_is_not_opened_as_anything_else() {
    let data = form(&[("key", "k")], b"data", END);
    let (_, unread) = run(Unread::new(Wire::pieces(&data, 4096)).read_form("bound")).unwrap();
    let contract =
        super::contract(crate::s3::payload::Payload::Unsigned, super::OBJECT, &[("content-length", "4")]).unwrap();
    assert_eq!(unread.open(contract).unwrap_err().code(), Code::InternalError);
    let (_, unread) = run(Unread::new(Wire::pieces(&data, 4096)).read_form("bound")).unwrap();
    assert_eq!(run(unread.read_form("bound")).unwrap_err().code(), Code::InternalError, "nor read twice");
}

#[test]
fn reading_a_form_stops_where_its_file_begins() {
    let form = form(&[("key", "k")], b"", "");
    // What follows would break; it is not asked for.
    assert!(run(Unread::new(Wire::pieces(&form, 10).broken()).read_form("bound")).is_ok());
    let endless = Wire::of(std::iter::repeat_n("", 5000));
    assert!(run(Unread::new(endless).read_form("bound")).is_err(), "empty frames for ever");
}
