//! The commit gate (spec/sigv4.md 8.5) and the digests (section 9).

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Body;
use ring::digest::{SHA256, digest};

use super::encoder::encode;
use super::wire::Wire;
use super::{Left, OBJECT, PLAIN_TRAILER, SIGNED, bytes, contract, drain, object, read, run, sample, whole};
use crate::body::{SealedBody, Unread, Verdict, Verified};
use crate::s3::checksum::{self, Algorithm};
use crate::s3::payload::Payload;
use crate::s3::{Code, Fault};

fn sha256(data: &[u8]) -> [u8; 32] {
    digest(&SHA256, data).as_ref().try_into().unwrap()
}

fn failed(left: &Left, code: Code, data: &[u8]) {
    assert_eq!(left.end, Err(code));
    assert!(left.data.len() < data.len() || data.is_empty(), "a complete body left");
    assert!(data.starts_with(&left.data), "other octets left than came");
}

#[test]
fn a_body_that_holds_leaves_as_it_came() {
    let data = sample(10_000);
    let md5 = checksum::of(Algorithm::Md5, &data).to_base64();
    for payload in [Payload::Hash(sha256(&data)), Payload::Unsigned] {
        for size in [1, 999, 10_000] {
            let wire = Wire::pieces(&data, size).slow();
            assert_eq!(read(payload, data.len(), &[("content-md5", &md5)], wire), whole(&data), "{size}");
        }
    }
}

#[test]
fn a_body_one_byte_short_never_completes() {
    let data = sample(5000);
    for size in [1, 700, 5000] {
        let left = read(Payload::Unsigned, data.len(), &[], Wire::pieces(&data[..4999], size));
        failed(&left, Code::IncompleteBody, &data);
        let reset = read(Payload::Unsigned, data.len(), &[], Wire::pieces(&data[..4999], size).broken());
        failed(&reset, Code::IncompleteBody, &data);
    }
}

#[test]
fn a_body_one_byte_long_never_completes() {
    let data = sample(5000);
    for size in [1, 700, 4999, 5000] {
        let left = read(Payload::Unsigned, 4999, &[], Wire::pieces(&data, size));
        failed(&left, Code::IncompleteBody, &data[..4999]);
    }
}

#[test]
fn a_connection_reset_behind_the_last_octet_is_still_no_end() {
    let data = sample(100);
    failed(&read(Payload::Unsigned, 100, &[], Wire::pieces(&data, 30).broken()), Code::IncompleteBody, &data);
    let framed = encode(&data, &[], false, None);
    failed(&read(PLAIN_TRAILER, 100, &[], Wire::pieces(&framed, 30).broken()), Code::IncompleteBody, &data);
}

#[test]
fn a_wrong_digest_keeps_the_last_piece_back() {
    let (data, other) = (sample(3000), sample(3001));
    let md5 = checksum::of(Algorithm::Md5, &other).to_base64();
    for size in [1, 1000, 3000] {
        let wire = || Wire::pieces(&data, size);
        let left = read(Payload::Hash(sha256(&other)), 3000, &[], wire());
        failed(&left, Code::XAmzContentSHA256Mismatch, &data);
        failed(&read(Payload::Unsigned, 3000, &[("content-md5", &md5)], wire()), Code::BadDigest, &data);
        for algorithm in Algorithm::ALL {
            let value = checksum::of(algorithm, &other).to_base64();
            failed(&read(Payload::Unsigned, 3000, &[(algorithm.header(), &value)], wire()), Code::BadDigest, &data);
        }
    }
}

#[test]
fn all_ten_checksums_are_verified_in_header_and_trailer() {
    let data = sample(9000);
    for algorithm in Algorithm::ALL {
        let value = checksum::of(algorithm, &data).to_base64();
        let header = (algorithm.header(), &*value);
        assert_eq!(read(Payload::Unsigned, 9000, &[header], Wire::pieces(&data, 512)), whole(&data), "{header:?}");
        let framed = encode(&data, &[8192], false, Some(header));
        let announced = [("x-amz-trailer", algorithm.header())];
        assert_eq!(read(PLAIN_TRAILER, 9000, &announced, Wire::pieces(&framed, 512)), whole(&data), "{header:?}");
        let wrong =
            encode(&data, &[8192], false, Some((algorithm.header(), &checksum::of(algorithm, b"").to_base64())));
        failed(&read(PLAIN_TRAILER, 9000, &announced, Wire::pieces(&wrong, 512)), Code::BadDigest, &data);
    }
}

#[test]
fn what_is_wrong_is_told_as_s3_tells_it() {
    let fault = |payload, lines: &[(&str, &str)]| {
        run(object(payload, 5, lines, Wire::of(["hello"])).unwrap().collect(5)).unwrap_err()
    };
    let hash = fault(Payload::Hash(sha256(b"")), &[]);
    let hex = super::encoder::hex;
    let told =
        [("ClientComputedContentSHA256", hex(&sha256(b""))), ("S3ComputedContentSHA256", hex(&sha256(b"hello")))];
    assert_eq!(hash.elements(), told);
    let md5 = fault(Payload::Unsigned, &[("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")]);
    assert_eq!(md5.message(), "The Content-MD5 you specified did not match what we received.");
    let told = [
        ("ExpectedDigest", "1B2M2Y8AsgTpgAmY7PhCfg==".to_owned()),
        ("CalculatedDigest", "XUFAKrxLKna5cZ2REBfFkg==".to_owned()),
    ];
    assert_eq!(md5.elements(), told);
    let crc = fault(Payload::Unsigned, &[("x-amz-checksum-crc32", "AAAAAA==")]);
    assert_eq!(crc.message(), "The CRC32 you specified did not match the calculated checksum.");
    assert!(crc.elements().is_empty());
    let short = run(object(Payload::Unsigned, 6, &[], Wire::of(["hello"])).unwrap().collect(6)).unwrap_err();
    let told = [("NumberBytesExpected", "6".to_owned()), ("NumberBytesProvided", "5".to_owned())];
    assert_eq!(short.elements(), told);
}

#[test]
fn the_first_wrong_thing_is_told() {
    let lines = [("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="), ("x-amz-checksum-crc32", "AAAAAA==")];
    let code = |payload, lines: &[(&str, &str)]| read(payload, 5, lines, Wire::of(["hello"])).end.unwrap_err();
    assert_eq!(code(Payload::Hash([0; 32]), &lines), Code::XAmzContentSHA256Mismatch);
    let message = |lines: &[(&str, &str)]| {
        run(object(Payload::Unsigned, 5, lines, Wire::of(["hello"])).unwrap().collect(5)).unwrap_err().reason()
    };
    assert_eq!((message(&lines), message(&lines[1..])), ("content-md5", "checksum"));
}

#[test]
fn an_empty_body_is_judged_without_being_read() {
    let open = |payload, lines: &[(&str, &str)]| {
        object(payload, 0, lines, Wire::of(["never read"]).over()).map_err(|fault| fault.code())
    };
    let body = open(Payload::Hash(sha256(b"")), &[]).unwrap();
    assert!(body.is_end_stream() && body.verdict().holds());
    assert_eq!((body.sha256(), body.size_hint().exact()), (Some(sha256(b"")), Some(0)));
    assert_eq!(open(Payload::Hash([0; 32]), &[]).unwrap_err(), Code::XAmzContentSHA256Mismatch);
    assert_eq!(open(PLAIN_TRAILER, &[]).unwrap_err(), Code::IncompleteBody);
    let md5 = ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==");
    assert_eq!(open(Payload::Unsigned, &[md5]).unwrap_err(), Code::BadDigest);
    let short = object(Payload::Unsigned, 1, &[], Wire::of([]).over()).unwrap_err();
    assert_eq!(short.code(), Code::IncompleteBody);
}

#[test]
fn a_body_of_no_octets_promises_nothing_before_its_verdict() {
    // Were its length exact, a sender would be done with the head, and the object would exist.
    let wrong = ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==");
    let mut body = object(Payload::Unsigned, 0, &[wrong], Wire::of([])).unwrap();
    assert!(!body.is_end_stream());
    assert_eq!(body.size_hint().exact(), None);
    assert_eq!(drain(&mut body), Left { data: Vec::new(), end: Err(Code::BadDigest) });
    assert!(!body.is_end_stream());
    assert_eq!(body.size_hint().exact(), None);
}

#[test]
fn the_length_left_is_exact_at_every_step() {
    let data = sample(1000);
    let mut body = object(Payload::Unsigned, 1000, &[], Wire::pieces(&data, 300)).unwrap();
    assert_eq!(body.decoded_length(), 1000);
    let mut left = 1000;
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
        assert_eq!(body.size_hint().exact(), Some(left - frame.unwrap().into_data().unwrap().len() as u64));
        left = body.size_hint().exact().unwrap();
        assert_eq!(body.is_end_stream(), left == 0);
    }
    assert_eq!(left, 0);
}

#[test]
fn an_error_is_never_followed_by_an_end() {
    let mut body = object(Payload::Hash([0; 32]), 5, &[], Wire::of(["hello"])).unwrap();
    for _ in 0..3 {
        assert_eq!(drain(&mut body).end, Err(Code::XAmzContentSHA256Mismatch));
        assert!(!body.is_end_stream());
    }
}

#[test]
fn data_goes_on_at_once_and_only_the_end_waits() {
    let data = sample(3000);
    let mut body = object(Payload::Unsigned, 3000, &[], Wire::pieces(&data, 1000).slow()).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut arrived = Vec::new();
    for _ in 0..4 {
        // Nothing is waited for in front of a piece that is not the last.
        arrived.push(matches!(Pin::new(&mut body).poll_frame(&mut cx), Poll::Ready(Some(Ok(_)))));
    }
    assert_eq!(arrived, [false, true, false, true]);
}

#[test]
fn pieces_are_passed_on_without_a_copy() {
    let data = Bytes::from(sample(3000));
    let range = data.as_ptr_range();
    let wire = http_body_util::Full::new(data.clone());
    let mut body =
        Unread::new(wire).open(contract(Payload::Unsigned, OBJECT, &[("content-length", "3000")]).unwrap()).unwrap();
    let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) else {
        panic!("the data is there");
    };
    assert_eq!(frame.into_data().unwrap().as_ptr_range(), range);
    let wire = http_body_util::Full::new(data);
    let body =
        Unread::new(wire).open(contract(Payload::Unsigned, OBJECT, &[("content-length", "3000")]).unwrap()).unwrap();
    assert_eq!(run(body.collect(3000)).unwrap().as_ptr_range(), range);
}

#[test]
fn no_octet_of_a_small_signed_chunk_leaves_before_its_signature_is_checked() {
    let data = sample(3 * 8192);
    let mut framed = encode(&data, &[8192, 8192], true, None);
    // The second chunk is damaged in its last octet.
    let at = framed.len() - 86 - 2 - 8192 - 2 - 86 - 1 - 2;
    framed[at] ^= 1;
    for size in [1, 150, 1460, 4096, framed.len()] {
        let left = read(SIGNED, data.len(), &[], Wire::pieces(&framed, size));
        failed(&left, Code::SignatureDoesNotMatch, &data);
        // In a flood of tiny pieces not so much is held; the end still is.
        assert!(left.data.len() == 8192 || size == 1, "{} octets left in pieces of {size}", left.data.len());
    }
}

#[test]
fn a_large_signed_chunk_streams_but_never_completes_unproven() {
    let data = sample(300_000);
    let mut framed = encode(&data, &[], true, None);
    assert_eq!(read(SIGNED, data.len(), &[], Wire::pieces(&framed, 8192)), whole(&data));
    let at = framed.len() - 100;
    framed[at] ^= 1;
    let left = read(SIGNED, data.len(), &[], Wire::pieces(&framed, 8192));
    failed(&left, Code::SignatureDoesNotMatch, &data);
    assert!(left.data.len() > 100_000, "it was held as a whole");
}

#[test]
fn trailers_of_http_mean_nothing() {
    let mut fields = http::HeaderMap::new();
    fields.insert("x-amz-checksum-crc32", "AAAAAA==".parse().unwrap());
    fields.insert("x-amz-acl", "public-read".parse().unwrap());
    assert_eq!(read(Payload::Unsigned, 5, &[], Wire::of(["hello"]).trailers(fields.clone())), whole(b"hello"));
    let announced = [("x-amz-trailer", "x-amz-checksum-crc32")];
    let framed = Wire::of(["5\r\nhello\r\n0\r\n\r\n"]).trailers(fields);
    assert_eq!(read(PLAIN_TRAILER, 5, &announced, framed).end, Err(Code::MalformedTrailerError));
}

#[test]
fn endless_empty_frames_keep_nobody_waiting() {
    let mut body = object(Payload::Unsigned, 5, &[], Wire::of(std::iter::repeat_n("", 2000))).unwrap();
    assert!(Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(drain(&mut body).end, Err(Code::IncompleteBody));
}

#[test]
fn a_settled_body_is_whole_and_verified() {
    for size in [1, 3, 5] {
        let value = checksum::of(Algorithm::Crc32, b"hello");
        let framed = encode(b"hello", &[], false, Some(("x-amz-checksum-crc32", &value.to_base64())));
        let lines = [("x-amz-trailer", "x-amz-checksum-crc32")];
        let body = object(PLAIN_TRAILER, 5, &lines, Wire::pieces(&framed, size)).unwrap();
        assert_eq!((body.checksum(), body.sha256()), (Some((Algorithm::Crc32, None)), None));
        let verdict = body.verdict();
        let mut body = run(body.settle(5)).unwrap();
        assert!(verdict.holds());
        assert_eq!(body.checksum(), Some((Algorithm::Crc32, Some(value))));
        assert_eq!(body.sha256(), Some(sha256(b"hello")));
        assert_eq!(body.size_hint().exact(), Some(5));
        let verified = Verified { length: 5, sha256: None, md5: None, checksum: Some((Algorithm::Crc32, value)) };
        assert_eq!(body.verified(), Some(&verified));
        assert_eq!(drain(&mut body), whole(b"hello"));
        assert!(body.is_end_stream());
    }
}

#[test]
fn a_document_is_read_within_its_limit_and_no_further() {
    let body = |length, pieces: &'static [&'static str]| {
        object(Payload::Unsigned, length, &[], Wire::of(pieces.iter().copied()))
    };
    let settle = |body: Result<SealedBody, Fault>, limit| {
        run(body.unwrap().settle(limit)).map(|body| body.decoded_length()).map_err(|fault| fault.code())
    };
    assert_eq!(settle(body(5, &["hel", "lo"]), 5), Ok(5));
    // What says it is longer is not read at all.
    assert_eq!(settle(body(5, &["hel", "lo"]), 4), Err(Code::MaxMessageLengthExceeded));
    let duties = crate::body::Duties { needs_length: false, ..OBJECT };
    let lines: [(&[u8], &[u8]); 1] = [(b"transfer-encoding", b"chunked")];
    let head = crate::s3::Head { method: b"POST", target: b"/b?delete", lines: &lines, authority: None };
    let unknown = |pieces: &'static [&'static str]| {
        let contract = crate::body::Contract::new(Payload::Unsigned, None, &head, duties).unwrap();
        Unread::new(Wire::of(pieces.iter().copied())).open(contract)
    };
    assert_eq!(settle(unknown(&["hel", "lo"]), 5), Ok(5));
    assert_eq!(settle(unknown(&["hel", "lo", "!"]), 5), Err(Code::MaxMessageLengthExceeded));
    let body = unknown(&["hel", "lo"]).unwrap();
    let verdict = body.verdict();
    assert_eq!(run(body.collect(4)).unwrap_err().elements(), [("MaxMessageLengthBytes", "4".to_owned())]);
    assert_eq!(verdict.fault().map(|fault| fault.code()), Some(Code::MaxMessageLengthExceeded));
}

#[test]
fn the_verdict_tells_what_happened_after_the_body_is_gone() {
    let body = object(Payload::Hash([0; 32]), 5, &[], Wire::of(["hel", "lo"])).unwrap();
    let verdict = body.verdict();
    assert_eq!((verdict.bytes(), verdict.fault().is_none(), verdict.holds()), (0, true, false));
    drop(run(body.collect(5)));
    let fault = verdict.fault().unwrap();
    assert_eq!((verdict.bytes(), fault.code(), verdict.holds()), (5, Code::XAmzContentSHA256Mismatch, false));
}

#[test]
fn a_fault_that_has_a_name_keeps_it() {
    struct Idle;
    impl Body for Idle {
        type Data = Bytes;
        type Error = Fault;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Fault>>> {
            Poll::Ready(Some(Err(Fault::plain(Code::RequestTimeout, "body-idle"))))
        }
    }
    let contract = contract(Payload::Unsigned, OBJECT, &[("content-length", "5")]).unwrap();
    let fault = run(Unread::new(Idle).open(contract).unwrap().collect(5)).unwrap_err();
    assert_eq!(fault.code(), Code::RequestTimeout);
}

#[test]
fn what_was_declared_is_known_before_the_first_octet() {
    let hash = sha256(b"hello");
    let value = checksum::of(Algorithm::Crc32, b"hello");
    let md5 = checksum::of(Algorithm::Md5, b"hello");
    let lines = [("content-md5", md5.to_base64()), ("x-amz-checksum-crc32", value.to_base64())];
    let lines: Vec<(&str, &str)> = lines.iter().map(|(name, value)| (*name, &**value)).collect();
    let body = object(Payload::Hash(hash), 5, &lines, Wire::of(["hello"])).unwrap();
    assert_eq!((body.sha256(), body.md5()), (Some(hash), Some(md5)));
    assert_eq!(body.checksum(), Some((Algorithm::Crc32, Some(value))));
    assert_eq!(body.verified(), None);
    // A SHA-256 checksum says as much as a signed hash, and neither is computed twice.
    let checksum = ("x-amz-checksum-sha256", &*checksum::of(Algorithm::Sha256, b"hello").to_base64());
    let mut body = object(Payload::Unsigned, 5, &[checksum], Wire::of(["hello"])).unwrap();
    assert_eq!(body.sha256(), Some(hash));
    assert_eq!(drain(&mut body), whole(b"hello"));
    assert_eq!(read(Payload::Hash(hash), 5, &[checksum], Wire::of(["hello"])), whole(b"hello"));
    assert_eq!(
        read(Payload::Hash([0; 32]), 5, &[checksum], Wire::of(["hello"])).end,
        Err(Code::XAmzContentSHA256Mismatch)
    );
}

#[test]
fn data_made_here_needs_no_check() {
    let mut body = SealedBody::full(bytes("made here"));
    assert_eq!((body.decoded_length(), body.size_hint().exact()), (9, Some(9)));
    assert_eq!(body.sha256(), Some(sha256(b"made here")));
    assert_eq!(drain(&mut body), whole(b"made here"));
    assert!(SealedBody::empty().is_end_stream());
    assert_eq!(SealedBody::empty().sha256(), Some(sha256(b"")));
    // A store may ask for digests of a document.
    let made = SealedBody::document(Verdict::default(), bytes("made here"));
    assert_eq!(
        (made.sha256(), made.md5()),
        (Some(sha256(b"made here")), Some(checksum::of(Algorithm::Md5, b"made here")))
    );
    // In place of a document, what was read of the document still counts.
    let read = object(Payload::Unsigned, 5, &[], Wire::of(["hello"])).unwrap();
    let verdict = read.verdict();
    run(read.collect(5)).unwrap();
    assert_eq!(SealedBody::in_place_of(verdict, bytes("hi")).verdict().bytes(), 5);
}

#[test]
fn data_never_shows_in_a_log() {
    let body = SealedBody::full(bytes("secret"));
    let open = object(Payload::Unsigned, 6, &[], Wire::of(["secret"])).unwrap();
    let unread = Unread::new(Wire::of(["secret"]));
    assert!(!format!("{body:?} {open:?} {unread:?}").contains("secret"));
}

#[test]
fn who_overhears_a_body_hears_every_octet_once_whichever_way_it_goes() {
    let data = sample(3000);
    let open = || object(Payload::Unsigned, data.len(), &[], Wire::pieces(&data, 700)).unwrap();
    let listening = |body: &mut SealedBody| {
        let heard = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let ear = std::rc::Rc::clone(&heard);
        body.overhear(Box::new(move |piece| ear.borrow_mut().extend_from_slice(piece)));
        heard
    };
    let mut streamed = open();
    let heard = listening(&mut streamed);
    assert!(heard.borrow().is_empty(), "nothing before it is read");
    assert_eq!(drain(&mut streamed), whole(&data));
    assert_eq!(*heard.borrow(), data);

    let mut settled = run(open().settle(4000)).unwrap();
    let heard = listening(&mut settled);
    assert_eq!(drain(&mut settled), whole(&data));
    assert_eq!(*heard.borrow(), data, "in hand already");

    let mut later = open();
    let heard = listening(&mut later);
    let mut later = run(later.settle(4000)).unwrap();
    assert_eq!(drain(&mut later), whole(&data));
    assert_eq!(*heard.borrow(), data, "heard while it was read, not again when it left");
}
