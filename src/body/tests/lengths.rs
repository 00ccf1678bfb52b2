//! Lengths are demanded and bounded, from the head alone (spec/sigv4.md 8.1).

use super::{OBJECT, PLAIN_TRAILER, SIGNED, contract};
use crate::body::{Contract, Duties, Unread};
use crate::s3::payload::Payload;
use crate::s3::{Code, Head};

use super::wire::Wire;

const NOTHING: Duties = Duties { takes_body: false, needs_length: false, ..OBJECT };
const DOCUMENT: Duties = Duties { needs_length: false, ..OBJECT };

fn check(payload: Payload, duties: Duties, lines: &[(&str, &str)], expected: Result<Option<u64>, Code>) {
    let got = contract(payload, duties, lines).map(|contract| contract.length()).map_err(|fault| fault.code());
    assert_eq!(got, expected, "{payload:?} {lines:?}");
}

#[test]
fn a_plain_put_needs_a_content_length() {
    check(Payload::Unsigned, OBJECT, &[("Content-Length", "5")], Ok(Some(5)));
    check(Payload::Unsigned, OBJECT, &[("content-length", "0")], Ok(Some(0)));
    check(Payload::Unsigned, OBJECT, &[], Err(Code::MissingContentLength));
    check(Payload::Unsigned, OBJECT, &[("transfer-encoding", "chunked")], Err(Code::NotImplemented));
    let fault = contract(Payload::Unsigned, OBJECT, &[("transfer-encoding", "chunked")]).unwrap_err();
    assert_eq!(fault.elements(), [("Header", "Transfer-Encoding".to_owned())]);
}

#[test]
fn a_streaming_put_needs_a_decoded_length() {
    let framed = ("transfer-encoding", "chunked");
    check(PLAIN_TRAILER, OBJECT, &[framed, ("x-amz-decoded-content-length", "7")], Ok(Some(7)));
    for payload in [PLAIN_TRAILER, SIGNED] {
        check(payload, OBJECT, &[framed], Err(Code::MissingContentLength));
        for text in ["", "+7", "-1", "7,7", "0x7", "7 ", "seven", "7.0"].into_iter().filter(|text| *text != "7 ") {
            let expected = Err(Code::MissingContentLength);
            check(payload, OBJECT, &[("x-amz-decoded-content-length", text)], expected);
        }
        let twice = [("x-amz-decoded-content-length", "7"), ("x-amz-decoded-content-length", "7")];
        check(payload, OBJECT, &twice, Err(Code::MissingContentLength));
    }
    // It means nothing for a plain body.
    let both = [("content-length", "5"), ("x-amz-decoded-content-length", "7")];
    check(Payload::Unsigned, OBJECT, &both, Ok(Some(5)));
}

#[test]
fn more_than_five_gibibytes_are_refused_before_the_first_octet() {
    for (text, fits) in [
        ("5368709120", true),
        ("5368709121", false),
        ("18446744073709551616", false),
        ("99999999999999999999999999", false),
    ] {
        let expected = if fits { Ok(Some(5_368_709_120)) } else { Err(Code::EntityTooLarge) };
        check(Payload::Unsigned, OBJECT, &[("content-length", text)], expected);
        check(PLAIN_TRAILER, OBJECT, &[("x-amz-decoded-content-length", text)], expected);
    }
    let fault = contract(Payload::Unsigned, OBJECT, &[("content-length", "5368709121")]).unwrap_err();
    let expected = [("ProposedSize", "5368709121".to_owned()), ("MaxSizeAllowed", "5368709120".to_owned())];
    assert_eq!(fault.elements(), expected);
}

#[test]
fn a_document_may_come_without_a_length() {
    check(Payload::Unsigned, DOCUMENT, &[("transfer-encoding", "chunked")], Ok(None));
    check(Payload::Unsigned, DOCUMENT, &[], Ok(None));
    let read = |payload| {
        let contract = contract(payload, DOCUMENT, &[]).unwrap();
        super::run(Unread::new(Wire::of(["<x/>"])).open(contract).unwrap().collect(10)).map_err(|fault| fault.code())
    };
    assert_eq!(read(Payload::Unsigned), Ok(super::bytes("<x/>")));
    assert_eq!(read(Payload::Hash([0; 32])), Err(Code::XAmzContentSHA256Mismatch));
}

#[test]
fn differing_lengths_are_no_length() {
    check(Payload::Unsigned, OBJECT, &[("content-length", "5"), ("content-length", "6")], Err(Code::BadRequest));
    check(Payload::Unsigned, OBJECT, &[("content-length", "5"), ("content-length", "5")], Ok(Some(5)));
}

#[test]
fn an_operation_without_a_body_takes_none() {
    check(Payload::Unsigned, NOTHING, &[("content-length", "1")], Err(Code::UnexpectedContent));
    check(PLAIN_TRAILER, NOTHING, &[("x-amz-decoded-content-length", "1")], Err(Code::UnexpectedContent));
    check(Payload::Unsigned, NOTHING, &[("content-length", "0")], Ok(Some(0)));
    check(Payload::Unsigned, NOTHING, &[], Ok(Some(0)));
    // An empty body may still be framed; the first octet in it is one too many.
    let open = |body| {
        let contract = contract(Payload::Unsigned, NOTHING, &[("transfer-encoding", "chunked")]).unwrap();
        super::run(Unread::new(body).open(contract).unwrap().collect(10)).map_err(|fault| fault.code())
    };
    assert_eq!(open(Wire::of([])), Ok(bytes::Bytes::new()));
    assert_eq!(open(Wire::of(["x"])), Err(Code::UnexpectedContent));
}

#[test]
fn a_body_over_http2_needs_a_length_unless_it_is_empty() {
    let open = |body: Wire| {
        let head = Head { method: b"PUT", target: b"/b/k", lines: &[], authority: Some(b"s3.example") };
        let contract = Contract::new(Payload::Unsigned, None, &head, OBJECT).unwrap();
        let body = Unread::new(body).open(contract).and_then(|body| super::run(body.settle(10)));
        body.map(|body| body.decoded_length()).map_err(|fault| fault.code())
    };
    assert_eq!(open(Wire::of([]).over()), Ok(0));
    assert_eq!(open(Wire::of([])), Ok(0));
    assert_eq!(open(Wire::of(["data"])), Err(Code::MissingContentLength));
}

#[test]
fn a_signed_mode_without_signatures_is_never_read_as_unsigned() {
    let lines: [(&[u8], &[u8]); 1] = [(b"x-amz-decoded-content-length", b"5")];
    let head = Head { method: b"PUT", target: b"/b/k", lines: &lines, authority: None };
    for payload in [SIGNED, super::SIGNED_TRAILER] {
        assert_eq!(Contract::new(payload, None, &head, OBJECT).unwrap_err().code(), Code::InternalError);
    }
    let chain = Box::new(super::encoder::Chain::from(super::encoder::SEED));
    assert_eq!(Contract::new(PLAIN_TRAILER, Some(chain), &head, OBJECT).unwrap_err().code(), Code::InternalError);
}
