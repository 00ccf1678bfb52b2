//! Sealed objects, beside the cipher alone.

use bartizan::seal::{HEADER, ObjectKey, Opener, Part, SEALED_SEGMENT, SEGMENT, Salt, Sealer, whole};
use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// What is sealed and opened at once.
const LENGTH: usize = 4 << 20;

fn key() -> ObjectKey {
    ObjectKey::new(&[7; 32], [9; 16])
}

fn sealed() -> Vec<u8> {
    whole(&key(), 1, false, Salt::fresh([1; 24]), &vec![5; LENGTH]).unwrap()
}

/// The cipher alone, in place, 64 KiB at a time.
#[divan::bench]
fn seal_0_cipher_alone(bencher: Bencher) {
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    let mut octets = vec![5; LENGTH];
    bencher.counter(BytesCount::new(LENGTH)).bench_local(|| {
        for segment in octets.chunks_mut(SEGMENT) {
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            let _ = divan::black_box(cipher.seal_in_place_separate_tag(nonce, Aad::from([0; 48]), segment).unwrap());
        }
    });
}

/// What comes in as 256 KiB pieces of a body goes out as segments.
#[divan::bench]
fn seal_1_pieces(bencher: Bencher) {
    let (key, piece) = (key(), Bytes::from(vec![5; 256 << 10]));
    bencher.counter(BytesCount::new(LENGTH)).bench_local(|| {
        let mut sealer = Sealer::new(&key, 1, false, LENGTH as u64, Salt::fresh([1; 24])).unwrap();
        let mut total = 0;
        for _ in 0..LENGTH / piece.len() {
            let mut piece = piece.clone();
            while !piece.is_empty() {
                total += sealer.push(&mut piece).unwrap().map_or(0, |sealed| sealed.len());
            }
        }
        total
    });
}

/// The same, written on from where it was sealed.
#[divan::bench]
fn seal_1_written_on(bencher: Bencher) {
    let (key, piece) = (key(), vec![5; 256 << 10]);
    bencher.counter(BytesCount::new(LENGTH)).bench_local(|| {
        let mut sealer = Sealer::new(&key, 1, false, LENGTH as u64, Salt::fresh([1; 24])).unwrap();
        for _ in 0..LENGTH / piece.len() {
            sealer.fill(&piece).unwrap();
            divan::black_box(sealer.ready());
            sealer.sent();
        }
        sealer.end()
    });
}

/// All of it in memory.
#[divan::bench]
fn seal_2_whole(bencher: Bencher) {
    let (key, plain) = (key(), vec![5; LENGTH]);
    bencher
        .counter(BytesCount::new(LENGTH))
        .bench_local(|| whole(&key, 1, false, Salt::fresh([1; 24]), &plain).unwrap().len());
}

/// A small one, keys derived and all.
#[divan::bench]
fn seal_3_small(bencher: Bencher) {
    let (key, plain) = (key(), vec![5; 1024]);
    bencher.bench_local(|| whole(&key, 1, false, Salt::fresh([1; 24]), &plain).unwrap().len());
}

/// The cipher alone, opening in place.
#[divan::bench]
fn open_0_in_place(bencher: Bencher) {
    let sealed = sealed();
    let part = Part::open(&key(), sealed.first_chunk().unwrap()).unwrap();
    bencher.counter(BytesCount::new(LENGTH)).with_inputs(|| sealed.clone()).bench_local_refs(|sealed| {
        for (at, segment) in sealed.get_mut(HEADER..).unwrap().chunks_mut(SEALED_SEGMENT).enumerate() {
            part.open_segment(at as u64, segment).unwrap();
        }
    });
}

/// What comes from a store in 64 KiB pieces goes out as segments.
#[divan::bench]
fn open_1_pieces(bencher: Bencher) {
    let (key, sealed) = (key(), Bytes::from(sealed()));
    bencher.counter(BytesCount::new(LENGTH)).bench_local(|| {
        let mut opener = Opener::whole(key.clone());
        let (mut total, mut rest) = (0, sealed.clone());
        while !rest.is_empty() {
            let mut piece = rest.split_to(rest.len().min(SEGMENT));
            while !piece.is_empty() {
                total += opener.push(&mut piece).unwrap().map_or(0, |plain| plain.len());
            }
        }
        total
    });
}
