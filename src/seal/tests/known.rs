//! The answers of spec/encryption.md 14.7.

use ring::digest::{SHA256, digest};

use super::*;

#[test]
fn the_documented_answers_come_out() {
    let commitment = hex("0b0ac635a0b9b3a646dab975d20f200a83fd077f02e96587c101e73f2dc18e48");
    assert_eq!(key().commitment().to_vec(), commitment);
    let empty = "533348500101100000000001000000000000000000000000404142434445464748494a4b4c4d4e4f5051525354555657\
        d9d69f69db089d3395e6ff8a368203879cac2b0dec20a33f259828112fbc77b7";
    let hello = "533348500101100000000001000000000000000000000005404142434445464748494a4b4c4d4e4f5051525354555657\
        3c34f2fe40dced41e448af55514aa920ccf522973cee63d0a8f61696ee7c9ed0dc44c76a15";
    for (plain, expected) in [(&b""[..], empty), (b"hello", hello)] {
        let out = whole(&key(), 1, false, salt(0x40), plain).unwrap();
        assert_eq!(out, hex(expected));
        assert_eq!(out, seal_in_pieces(plain, 3));
        assert_eq!(open(&out).unwrap(), plain);
    }
    for (length, expected) in [
        (1, "7e40d22a998ee38cb00b88ec5ab3fd1510d54188597184b9d7c372f8ddc8f157"),
        (65535, "438961fecc3a59dab9f8890166372089a47b8530ad85b14870de2950ea4cca81"),
        (65536, "f1f9a8b29d5c2c7b62dcda4332bec33b4232e3e354c8a83888e7659eca6b6465"),
        (65537, "e53486a47d856c00775890520360895551e21be7831c2dc6b308e03dcb68f695"),
        (131_072, "a335a0b83ca013641c72061e63b98260fb51197202aca90fbba50473d401a06f"),
        (200_000, "5911629b4cbf4ddf5aa0a3a6d4ba115114a068982371645863b6314accecb899"),
    ] {
        let out = sealed(length);
        assert_eq!(digest(&SHA256, &out).as_ref(), hex(expected), "{length}");
        assert_eq!(out, seal_in_pieces(&pattern(length), 40_000), "{length}");
    }
}

#[test]
fn the_keys_of_a_part_are_the_documented_ones() {
    let info: [&[u8]; 4] = [b"S3HP/1 part", &[1], &id(), &[0, 0, 0, 1]];
    let salt: Vec<u8> = (0x40..0x58).collect();
    let okm: zeroize::Zeroizing<[u8; 39]> = crate::seal::key::derive(&DATA, &salt, &info);
    assert_eq!(okm[..32], hex("ea371e4dc6cba0a8d0d1b2221126fdf2436bb8677236af52b61f0f6e42aabdfd"));
    assert_eq!(okm[32..], hex("176a0c055e39a6"));
}

#[test]
fn what_was_sealed_comes_back_whatever_the_pieces() {
    for length in [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, (5 << 20) + 1] {
        let out = sealed(length);
        assert_eq!(sealed_length(length as u64), Some(out.len() as u64));
        for piece in [1, 63, 64, 65_551, 65_552, 65_553, 1 << 20] {
            if piece > 1 || length < 200_000 {
                let plain = open_in_pieces(Opener::whole(key()), &out, piece).unwrap();
                assert!(plain == pattern(length), "{length} in pieces of {piece}");
            }
        }
    }
    for piece in [1, 7, 65_535, 65_536, 65_537, 300_000] {
        assert!(seal_in_pieces(&pattern(200_000), piece) == sealed(200_000), "in pieces of {piece}");
        for (length, at_once) in [(200_000, true), (200_000, false), (131_072, true), (0, true), (0, false)] {
            let filled = fill_in_pieces(&pattern(length), piece, at_once);
            assert!(filled == sealed(length), "{length} in pieces of {piece}");
        }
    }
}

#[test]
fn a_sealer_takes_exactly_what_was_announced() {
    let sealer = |length| Sealer::new(&key(), 1, false, length, salt(1)).unwrap();
    for (length, given) in [(0, 1), (5, 4), (5, 6), (65_536, 65_535), (65_536, 65_537), (65_537, 65_536)] {
        let mut one = sealer(length);
        let mut plain = Bytes::from(vec![7; given]);
        let mut outcome = Ok(());
        while !plain.is_empty() && outcome.is_ok() {
            outcome = one.push(&mut plain).map(drop);
        }
        let outcome = outcome.and_then(|()| one.finish().map(drop));
        assert_eq!(outcome, Err(SealFault::Length), "{given} of {length}");
        let mut one = sealer(length);
        let outcome = one.fill(&vec![7; given]).and_then(|()| one.end());
        assert_eq!(outcome, Err(SealFault::Length), "{given} of {length}");
    }
    assert_eq!(sealer(200_000).sealed_length(), 200_128);
    assert!(Sealer::new(&key(), 1, false, u64::MAX, salt(1)).is_err());
}

#[test]
fn checksums_of_the_plaintext_are_sealed_too() {
    let json = br#"{"CRC32":"AAAAAA=="}"#;
    let sealed = key().seal_checksums(json).unwrap();
    assert_eq!(key().open_checksums(&sealed).unwrap(), json);
    let other = ObjectKey::new(&DATA, [0; 16]);
    assert!(other.open_checksums(&sealed).is_none());
    assert!(key().open_checksums(&sealed[1..]).is_none());
    assert!(key().open_checksums(b"").is_none());
}

#[test]
fn keys_show_nothing() {
    let part = Part::open(&key(), sealed(5).first_chunk().unwrap()).unwrap();
    let shown = format!("{:?} {:?} {:?}", key(), part, Opener::whole(key()));
    assert!(!shown.contains("ea371e") && shown.contains("ObjectKey(…)"), "{shown}");
}
