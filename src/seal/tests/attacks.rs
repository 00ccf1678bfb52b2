//! What whoever holds the stored octets may try.

use super::*;

#[test]
fn every_single_bit_counts() {
    for length in [0, 1, 5, 100] {
        let good = sealed(length);
        assert_eq!(open(&good).unwrap(), pattern(length));
        for bit in 0..good.len() * 8 {
            let mut bent = good.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&bent).is_err(), "bit {bit} of {length} octets");
        }
    }
    // Of a long one, bits of every place where something else stands.
    let good = sealed(131_073);
    for at in [63, 64, 65_599, 65_600, 65_615, 65_616, 131_151, 131_152, 131_167, 131_168, 131_184] {
        let mut bent = good.clone();
        bent[at] ^= 1;
        assert!(open(&bent).is_err(), "octet {at}");
    }
}

#[test]
fn nothing_can_be_cut_off_or_added() {
    let good = sealed(131_073);
    let cuts = (0..=80).chain([65_615, 65_616, 65_617, 131_167, 131_168, 131_169, 131_184]);
    for cut in cuts {
        assert!(open(&good[..cut]).is_err(), "cut at {cut}");
    }
    for cut in 0..sealed(5).len() {
        assert!(open(&sealed(5)[..cut]).is_err(), "cut at {cut}");
    }
    for more in [&b"x"[..], &sealed(0), &sealed(131_073)[64..]] {
        assert!(open(&[&good, more].concat()).is_err());
        assert!(open(&[more, &good].concat()).is_err());
    }
    // A length that pretends the cut was the end.
    let mut shorter = good[..131_168].to_vec();
    shorter[16..24].copy_from_slice(&131_072_u64.to_be_bytes());
    assert!(open(&shorter).is_err());
}

#[test]
fn segments_cannot_be_moved() {
    let good = sealed(4 * SEGMENT);
    let at = |segment: usize| HEADER + segment * SEALED_SEGMENT;
    for (one, other) in [(0, 1), (0, 3), (2, 3)] {
        let mut swapped = good.clone();
        let kept = swapped[at(one)..at(one + 1)].to_vec();
        swapped.copy_within(at(other)..at(other + 1), at(one));
        swapped[at(other)..at(other + 1)].copy_from_slice(&kept);
        assert!(open(&swapped).is_err(), "{one} and {other}");
    }
    let mut dropped = good.clone();
    dropped.drain(at(1)..at(2));
    assert!(open(&dropped).is_err());
    // The same segment of the same object, written another time.
    let again = whole(&key(), 1, false, salt(9), &pattern(4 * SEGMENT)).unwrap();
    let mut mixed = good;
    mixed[at(1)..at(2)].copy_from_slice(&again[at(1)..at(2)]);
    assert!(open(&mixed).is_err());
}

fn open_parts(sealed: &[Vec<u8>], parts: u32) -> Result<Vec<u8>, Broken> {
    open_in_pieces(Opener::multipart(key(), parts), &sealed.concat(), 50_000)
}

#[test]
fn parts_cannot_be_moved_left_out_or_repeated() {
    let (one, three, seven) = (pattern(70_000), pattern(10), pattern(0));
    let parts = uploaded(&[(1, &one), (3, &three), (7, &seven)]);
    let [a, b, c] = [0, 1, 2].map(|at| parts[at].clone());
    assert_eq!(open_parts(&parts, 3).unwrap(), [one, three, seven].concat());
    for wrong in
        [vec![&b, &a, &c], vec![&a, &c, &b], vec![&a, &b], vec![&b, &c], vec![&a, &b, &c, &c], vec![&a, &a, &b]]
    {
        let wrong: Vec<_> = wrong.into_iter().cloned().collect();
        assert!(open_parts(&wrong, 3).is_err());
    }
    // Another number in the header is another key.
    let mut renumbered = b.clone();
    renumbered[11] = 2;
    assert!(open_parts(&[a.clone(), renumbered, c], 3).is_err());
    assert_eq!(open_parts(&[], 1), Err(Broken::Parts));
    // A part is no object that was put whole, nor the reverse.
    assert_eq!(open(&a), Err(Broken::Parts));
    assert_eq!(open_parts(&[sealed(5)], 1), Err(Broken::Parts));
    let second = whole(&key(), 2, false, salt(1), b"x").unwrap();
    assert_eq!(open(&second), Err(Broken::Parts));
}

#[test]
fn objects_of_one_data_key_cannot_be_exchanged() {
    let other = ObjectKey::new(&DATA, [7; 16]);
    let theirs = whole(&other, 1, false, salt(0x40), b"other").unwrap();
    assert!(open(&theirs).is_err());
    let metadata = |key: &ObjectKey| (*key.id(), key.commitment());
    let ((own_id, own), (their_id, their)) = (metadata(&key()), metadata(&other));
    assert!(ObjectKey::committed(&DATA, own_id, &own).is_ok());
    for (id, commitment) in [(own_id, their), (their_id, own)] {
        assert_eq!(ObjectKey::committed(&DATA, id, &commitment).unwrap_err(), Broken::Commitment);
    }
    let mut another = DATA;
    another[31] ^= 1;
    assert_eq!(ObjectKey::committed(&another, own_id, &own).unwrap_err(), Broken::Commitment);
}

#[test]
fn no_octet_comes_out_before_it_is_verified() {
    let mut bent = sealed(131_073);
    bent[65_616 + 100] ^= 1;
    let mut opener = Opener::whole(key());
    let mut stored = Bytes::from(bent);
    let first = opener.push(&mut stored).unwrap().unwrap();
    assert!(first == pattern(131_073)[..SEGMENT]);
    assert_eq!(opener.push(&mut stored), Err(Broken::Segment { part: 1, segment: 1 }));
    let mut header = sealed(5);
    header[16] = 0xff;
    assert_eq!(Opener::whole(key()).push(&mut Bytes::from(header)), Err(Broken::Header), "longer than parts can be");
}

#[test]
fn another_version_is_not_guessed_at() {
    for (at, octet) in [(0, b's'), (4, 2), (5, 2), (6, 20), (7, 2), (12, 1), (15, 1)] {
        let mut header: [u8; HEADER] = *sealed(5).first_chunk().unwrap();
        header[at] = octet;
        assert_eq!(Header::parse(&header), None, "octet {at}");
    }
}

mod metadata {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn metadata() -> Metadata {
        Metadata {
            key: "arn:aws:kms:eu-west-1:111122223333:key/a".to_owned(),
            wrapped: vec![1; 65],
            id: id(),
            commitment: key().commitment(),
            context: Some(b"{\"team\":\"red\"}".to_vec()),
            checksums: key().seal_checksums(b"{}"),
        }
    }

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-meta-colour", HeaderValue::from_static("blue"));
        metadata().write(&mut headers).unwrap();
        headers
    }

    #[test]
    fn metadata_comes_back_and_fits() {
        assert_eq!(Metadata::read(&headers()).unwrap(), Some(metadata()));
        let bare = Metadata { context: None, checksums: None, ..metadata() };
        let mut headers = HeaderMap::new();
        bare.write(&mut headers).unwrap();
        assert_eq!(Metadata::read(&headers).unwrap(), Some(bare));
        let taken: usize = headers.iter().map(|(name, value)| name.as_str().len() - 11 + value.len()).sum();
        assert!(taken + CLIENT_LIMIT <= 2048, "{taken} octets are taken");
        assert_eq!(Metadata::read(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn metadata_that_says_half_is_an_error_and_not_a_plain_object() {
        for missing in ["s3hp", "s3hp-key", "s3hp-dek", "s3hp-id", "s3hp-commit"] {
            let mut headers = headers();
            headers.remove(format!("x-amz-meta-{missing}"));
            assert!(Metadata::read(&headers).is_err(), "{missing}");
        }
        for (name, value) in [
            ("s3hp", "2;suite=1;seg=16"),
            ("s3hp-id", "AAAA"),
            ("s3hp-commit", "not base64"),
            ("s3hp-dek", "AAA"),
            ("s3hp-ctx", "*"),
        ] {
            let mut headers = headers();
            let name = HeaderName::from_bytes(format!("x-amz-meta-{name}").as_bytes()).unwrap();
            headers.insert(&name, HeaderValue::from_str(value).unwrap());
            assert!(Metadata::read(&headers).is_err(), "{name}");
            headers.append(&name, HeaderValue::from_str(value).unwrap());
            assert!(Metadata::read(&headers).is_err(), "{name} twice");
        }
    }

    #[test]
    fn only_our_own_headers_are_ours() {
        for (name, ours) in [
            ("x-amz-meta-s3hp", true),
            ("x-amz-meta-s3hp-dek", true),
            ("X-Amz-Meta-S3HP-Anything", true),
            ("x-amz-meta-s3hpx", false),
            ("x-amz-meta-s3h", false),
            ("x-amz-meta-ä3hp", false),
            ("", false),
        ] {
            assert_eq!(is_ours(name), ours, "{name}");
        }
    }
}
