//! Known values, and every rule of the declaration.

use super::*;

fn hex(value: Value) -> String {
    value.as_bytes().iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn check_values_of_all_ten_algorithms_come_out() {
    let nine = b"123456789";
    for (algorithm, expected) in [
        (Algorithm::Crc32, "cbf43926"),
        (Algorithm::Crc32c, "e3069283"),
        (Algorithm::Crc64Nvme, "ae8b14860a799888"),
        (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
        (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        (
            Algorithm::Sha512,
            "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274a\
                 d27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
        ),
        (Algorithm::XxHash64, "8cb841db40e6ae83"),
    ] {
        assert_eq!(hex(of(algorithm, nine)), expected, "{}", algorithm.name());
    }
    assert_eq!(of(Algorithm::Crc64Nvme, b"hello world").to_base64(), "jSnVw/bqjr4=");
    // The published values for nothing at all.
    assert_eq!(hex(of(Algorithm::XxHash64, b"")), "ef46db3751d8e999");
    assert_eq!(hex(of(Algorithm::XxHash3, b"")), "2d06800538d394c2");
    assert_eq!(hex(of(Algorithm::XxHash128, b"")), "99aa06d3014798d86001c324468d497f");
}

#[test]
fn the_checksum_of_a_whole_follows_from_its_parts() {
    for algorithm in Algorithm::ALL {
        let whole = algorithm.combine(&of(algorithm, b"1234"), &of(algorithm, b"56789"), 5);
        assert_eq!(whole, algorithm.is_linear().then(|| of(algorithm, b"123456789")), "{algorithm}");
    }
}

#[test]
fn pieces_make_the_same_value_as_the_whole() {
    let data: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
    for algorithm in Algorithm::ALL {
        let mut hasher = Hasher::new(algorithm);
        data.chunks(777).for_each(|piece| hasher.update(piece));
        let value = hasher.finish();
        assert_eq!(value, of(algorithm, &data), "{}", algorithm.name());
        assert_eq!(value.as_bytes().len(), algorithm.raw_length());
        assert_eq!(Value::from_base64(algorithm, value.to_base64().as_bytes()), Some(value));
    }
}

#[test]
fn names_are_found_again() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::named(&algorithm.name().to_lowercase()), Some(algorithm));
        assert_eq!(Algorithm::of_header(&algorithm.header().to_uppercase()), Some(algorithm));
        assert_eq!(algorithm.header(), format!("x-amz-checksum-{}", algorithm.name().to_lowercase()));
    }
    for other in ["", "CRC", "CRC32 ", "x-amz-checksum-type", "x-amz-checksum-algorithm", "x-amz-checksum-mode"] {
        assert_eq!((Algorithm::named(other), Algorithm::of_header(other)), (None, None), "{other}");
    }
}

#[test]
fn lax_base64_is_refused() {
    for text in ["", "y/Q5Jg", "y/Q5Jg=", "y/Q5Jh==", "y_Q5Jg==", " y/Q5Jg==", "y/Q5Jg==\n", "y/Q5JgA=", "cbf43926"] {
        assert_eq!(Value::from_base64(Algorithm::Crc32, text.as_bytes()), None, "{text:?}");
    }
    assert!(Value::from_base64(Algorithm::Crc32, b"y/Q5Jg==").is_some());
}

#[test]
fn composite_values_are_known_apart() {
    let read = |text: &str| Composite::from_text(Algorithm::Crc32, text.as_bytes()).map(|found| found.parts());
    assert_eq!(read("y/Q5Jg==-3"), Some(3));
    assert_eq!(read("y/Q5Jg==-10000"), Some(10_000));
    for text in
        ["y/Q5Jg==", "y/Q5Jg==-", "y/Q5Jg==-0", "y/Q5Jg==-03", "y/Q5Jg==-+3", "y/Q5Jg==-10001", "y/Q5Jg-3", "-3"]
    {
        assert_eq!(read(text), None, "{text}");
        assert!(text == "y/Q5Jg==" || Value::from_base64(Algorithm::Crc32, text.as_bytes()).is_none());
    }
}

#[derive(Clone, Copy)]
struct Case {
    method: &'static str,
    of_body: bool,
    required: bool,
    trailer: bool,
}

const PUT: Case = Case { method: "PUT", of_body: true, required: false, trailer: false };
const TRAILER: Case = Case { trailer: true, ..PUT };
const REQUIRED: Case = Case { required: true, ..PUT };
const COMPLETION: Case = Case { method: "POST", of_body: false, ..PUT };
const GET: Case = Case { method: "GET", ..PUT };

fn check(case: Case, lines: &[(&str, &str)], expected: Result<Option<Algorithm>, &str>) {
    let lines: Vec<(&[u8], &[u8])> = lines.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let head = Head { method: case.method.as_bytes(), target: b"/b/k", lines: &lines, authority: None };
    let got = declared(&head, case.of_body, case.required, case.trailer);
    let got = got.map(|declared| declared.checksum.map(|(algorithm, _)| algorithm)).map_err(|fault| fault.reason());
    assert_eq!(got, expected, "{head:?}");
}

const CRC: (&str, &str) = ("X-Amz-Checksum-CRC32", "y/Q5Jg==");
const MD5: (&str, &str) = ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==");
const ANNOUNCED: (&str, &str) = ("x-amz-trailer", "x-amz-checksum-crc32");
const fn sdk(name: &str) -> (&'static str, &str) {
    ("x-amz-sdk-checksum-algorithm", name)
}

#[test]
fn one_checksum_is_taken_wherever_it_comes() {
    check(PUT, &[], Ok(None));
    check(PUT, &[MD5], Ok(None));
    check(PUT, &[CRC, MD5, sdk("crc32")], Ok(Some(Algorithm::Crc32)));
    check(TRAILER, &[ANNOUNCED, sdk("CRC32")], Ok(Some(Algorithm::Crc32)));
    check(REQUIRED, &[CRC], Ok(Some(Algorithm::Crc32)));
    check(REQUIRED, &[MD5], Ok(None));
    check(GET, &[sdk("CRC32")], Ok(None));
}

#[test]
fn contradictory_declarations_are_refused() {
    check(PUT, &[("content-md5", "abc")], Err("content-md5"));
    check(PUT, &[("content-md5", "")], Err("content-md5"));
    check(PUT, &[("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg")], Err("content-md5"));
    check(PUT, &[("content-md5", "d41d8cd98f00b204e9800998ecf8427e")], Err("content-md5"));
    check(PUT, &[CRC, ("x-amz-checksum-crc32c", "4waSgw==")], Err("two-checksums"));
    check(TRAILER, &[CRC, ANNOUNCED], Err("two-checksums"));
    check(PUT, &[("x-amz-checksum-crc32", "y/Q5Jg")], Err("checksum-value"));
    check(PUT, &[("x-amz-checksum-crc32", "y/Q5Jg==-2")], Err("checksum-value"));
    check(PUT, &[sdk("CRC32")], Err("checksum-announced"));
    check(PUT, &[CRC, sdk("sha256")], Err("checksum-other"));
    check(PUT, &[CRC, sdk("CRC9")], Err("checksum-algorithm"));
    check(TRAILER, &[ANNOUNCED, sdk("CRC32C")], Err("checksum-other"));
    check(REQUIRED, &[], Err("checksum-missing"));
}

#[test]
fn a_header_sent_twice_is_not_read_once() {
    check(PUT, &[MD5, MD5], Err("content-md5"));
    check(PUT, &[CRC, CRC], Err("two-checksums"));
    check(PUT, &[CRC, sdk("CRC32"), sdk("CRC32")], Err("checksum-other"));
    check(TRAILER, &[ANNOUNCED, ANNOUNCED], Err("two-checksums"));
}

#[test]
fn trailers_are_checksums_and_nothing_else() {
    for name in ["x-amz-meta-a", "x-amz-acl", "content-md5", "x-amz-checksum-type", "x-amz-trailer-signature", "", ","]
    {
        check(TRAILER, &[("x-amz-trailer", name)], Err("trailer-name"));
    }
    check(TRAILER, &[ANNOUNCED, ("x-amz-trailer", "x-amz-meta-a")], Err("trailer-name"));
    check(TRAILER, &[("x-amz-trailer", "x-amz-checksum-crc32 ,x-amz-checksum-sha1")], Err("two-checksums"));
    check(PUT, &[ANNOUNCED], Err("trailer-without-mode"));
}

#[test]
fn checksums_of_the_completed_object_are_not_those_of_the_request() {
    check(COMPLETION, &[CRC], Ok(None));
    check(COMPLETION, &[("x-amz-checksum-crc32", "y/Q5Jg==-2")], Ok(None));
    check(COMPLETION, &[("x-amz-checksum-crc32", "y/Q5Jg==-x")], Err("checksum-value"));
    check(Case { required: true, ..COMPLETION }, &[CRC], Err("checksum-missing"));
}

#[test]
fn the_answers_are_those_of_s3() {
    let fault = |lines: &[(&[u8], &[u8])]| {
        declared(&Head { method: b"PUT", target: b"/b/k", lines, authority: None }, true, false, true).unwrap_err()
    };
    let md5 = fault(&[(b"content-md5", b"x")]);
    assert_eq!((md5.code(), md5.elements()), (Code::InvalidDigest, &[("Content-MD5", "x".to_owned())][..]));
    let value = fault(&[(b"x-amz-checksum-crc32", b"x")]);
    assert_eq!(
        (value.code(), value.message()),
        (Code::InvalidRequest, "Value for x-amz-checksum-crc32 header is invalid.")
    );
    assert_eq!(
        fault(&[(b"x-amz-sdk-checksum-algorithm", b"x")]).message(),
        "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
             [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]"
    );
}
