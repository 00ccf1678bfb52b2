//! What holds of any body, cut and damaged in any way.

use bytes::Bytes;
use proptest::prelude::*;
use ring::digest::{SHA256, digest};

use super::encoder::encode;
use super::wire::Wire;
use super::{Left, PLAIN_TRAILER, SIGNED, SIGNED_TRAILER, read, sample, whole};
use crate::body::Chunked;
use crate::s3::checksum::{self, Algorithm};
use crate::s3::payload::Payload;

const ANNOUNCED: [(&str, &str); 1] = [("x-amz-trailer", "x-amz-checksum-crc64nvme")];

/// One way for a body to travel.
struct Journey {
    payload: Payload,
    lines: Vec<(&'static str, String)>,
    wire: Vec<u8>,
}

impl Journey {
    fn read(&self, length: usize, wire: Wire) -> Left {
        let lines: Vec<(&str, &str)> = self.lines.iter().map(|(name, value)| (*name, &**value)).collect();
        read(self.payload, length, &lines, wire)
    }
}

/// The same data in every form that can notice a changed octet.
fn journeys(data: &[u8], sizes: &[usize]) -> Vec<Journey> {
    let crc = checksum::of(Algorithm::Crc64Nvme, data).to_base64();
    let trailer = Some(("x-amz-checksum-crc64nvme", &*crc));
    let hash = digest(&SHA256, data).as_ref().try_into().unwrap();
    let announced: Vec<(&str, String)> = ANNOUNCED.map(|(name, value)| (name, value.to_owned())).into();
    let md5 = vec![("content-md5", checksum::of(Algorithm::Md5, data).to_base64())];
    vec![
        Journey { payload: Payload::Hash(hash), lines: Vec::new(), wire: data.to_vec() },
        Journey { payload: Payload::Unsigned, lines: md5, wire: data.to_vec() },
        Journey { payload: PLAIN_TRAILER, lines: announced.clone(), wire: encode(data, sizes, false, trailer) },
        Journey { payload: SIGNED, lines: Vec::new(), wire: encode(data, sizes, true, None) },
        Journey { payload: SIGNED_TRAILER, lines: announced, wire: encode(data, sizes, true, trailer) },
    ]
}

fn data() -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    (0..40_000_usize, any::<u8>(), prop::collection::vec(8192..12_000_usize, 0..4))
        .prop_map(|(length, twist, sizes)| (sample(length).into_iter().map(|octet| octet ^ twist).collect(), sizes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_cut_gives_the_same_outcome((data, sizes) in data(), cuts in prop::collection::vec(0..50_000_usize, 0..40)) {
        for journey in journeys(&data, &sizes) {
            let left = journey.read(data.len(), Wire::cut(&journey.wire, cuts.iter().copied()));
            prop_assert_eq!(left, whole(&data));
        }
    }

    #[test]
    fn any_cut_of_a_damaged_body_gives_the_same_fault((data, sizes) in data(), at in any::<prop::sample::Index>(), octet: u8, cuts in prop::collection::vec(0..50_000_usize, 0..40)) {
        for mut journey in journeys(&data, &sizes) {
            if journey.wire.is_empty() {
                continue;
            }
            let at = at.index(journey.wire.len());
            journey.wire[at] = octet;
            let at_once = journey.read(data.len(), Wire::cut(&journey.wire, []));
            let in_pieces = journey.read(data.len(), Wire::cut(&journey.wire, cuts.iter().copied()));
            prop_assert_eq!(&at_once.end, &in_pieces.end);
            if at_once.end.is_err() {
                prop_assert!(at_once.data.len() < data.len().max(1) && in_pieces.data.len() < data.len().max(1));
            } else {
                // Framing has more than one spelling; data has not.
                prop_assert_eq!(at_once, whole(&data));
            }
        }
    }

    #[test]
    fn no_input_breaks_the_decoder(input: Vec<u8>, length in 0..10_000_u64, trailer: bool, announced: bool) {
        let mut decoder = Chunked::new(length, None, trailer, announced.then_some(Algorithm::Crc32));
        let mut input = Bytes::from(input);
        while !input.is_empty() && decoder.feed(&mut input).is_ok() {}
    }

    #[test]
    fn no_frame_alike_input_breaks_the_decoder(parts in prop::collection::vec(prop::sample::select(vec!["0", "5", "2000", "\r\n", "\n", "\r", "hello", ";chunk-signature=", ":", "x-amz-checksum-crc32", "AAAAAA==", "ffffffffffffffff"]), 0..40)) {
        let text = parts.concat();
        let lines = [("x-amz-trailer", "x-amz-checksum-crc32")];
        let at_once = read(PLAIN_TRAILER, 5, &lines, Wire::of([&*text]));
        prop_assert_eq!(at_once.end, read(PLAIN_TRAILER, 5, &lines, Wire::pieces(text.as_bytes(), 1)).end);
    }
}

#[test]
fn a_body_truncated_at_any_byte_never_completes() {
    let data = sample(300);
    for journey in journeys(&data, &[]) {
        for end in 0..journey.wire.len() {
            for size in [1, 100, 1000] {
                let left = journey.read(data.len(), Wire::pieces(&journey.wire[..end], size));
                assert!(left.end.is_err() && left.data.len() < data.len(), "{:?} cut at {end}", journey.payload);
            }
        }
        assert_eq!(journey.read(data.len(), Wire::pieces(&journey.wire, 7)), whole(&data));
    }
}

#[test]
fn a_single_flipped_bit_of_the_data_is_refused_wherever_it_is() {
    let data = sample(300);
    for journey in journeys(&data, &[]) {
        let from = memchr::memmem::find(&journey.wire, &data).unwrap();
        for at in 0..data.len() {
            let mut wire = journey.wire.clone();
            wire[from + at] ^= 1 << (at % 8);
            let left = journey.read(data.len(), Wire::pieces(&wire, 64));
            assert!(left.end.is_err() && left.data.len() < data.len(), "{:?} flipped at {at}", journey.payload);
        }
    }
}

#[test]
fn octets_added_anywhere_are_refused() {
    let data = sample(300);
    for journey in journeys(&data, &[]) {
        for at in 0..=journey.wire.len() {
            let mut wire = journey.wire.clone();
            wire.insert(at, b'x');
            let left = journey.read(data.len(), Wire::pieces(&wire, 64));
            assert!(left.end.is_err() && left.data.len() < data.len(), "{:?} added at {at}", journey.payload);
        }
    }
}
