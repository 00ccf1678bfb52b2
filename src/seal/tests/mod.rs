//! Sealed objects: known answers, lengths, what an attacker at the store cannot do.

mod attacks;
mod known;
mod lengths;
mod ranges;

use bytes::Bytes;

use super::*;

const DATA: [u8; 32] = *b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\
    \x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";

fn id() -> ObjectId {
    std::array::from_fn(|at| 0xa0 + at as u8)
}

fn key() -> ObjectKey {
    ObjectKey::new(&DATA, id())
}

fn salt(first: u8) -> Salt {
    Salt::fresh(std::array::from_fn(|at| first.wrapping_add(at as u8)))
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (7 * at + (at >> 8)) as u8).collect()
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap()).collect()
}

/// One part, sealed in one go.
fn sealed(length: usize) -> Vec<u8> {
    whole(&key(), 1, false, salt(0x40), &pattern(length)).unwrap()
}

/// Parts of an upload, one behind the other.
fn uploaded(parts: &[(u32, &[u8])]) -> Vec<Vec<u8>> {
    let seal = |(number, plain): &(u32, &[u8])| whole(&key(), *number, true, salt(*number as u8), plain).unwrap();
    parts.iter().map(seal).collect()
}

/// Seals in pieces of one size.
fn seal_in_pieces(plain: &[u8], piece: usize) -> Vec<u8> {
    let mut sealer = Sealer::new(&key(), 1, false, plain.len() as u64, salt(0x40)).unwrap();
    let mut out = Vec::new();
    for piece in plain.chunks(piece) {
        let mut piece = Bytes::copy_from_slice(piece);
        while !piece.is_empty() {
            out.extend(sealer.push(&mut piece).unwrap().unwrap_or_default());
        }
    }
    out.extend(sealer.finish().unwrap().unwrap_or_default());
    out
}

/// Seals in pieces of one size, keeping all of it until the end, or sending it at once.
fn fill_in_pieces(plain: &[u8], piece: usize, at_once: bool) -> Vec<u8> {
    let mut sealer = Sealer::new(&key(), 1, false, plain.len() as u64, salt(0x40)).unwrap();
    let mut out = Vec::new();
    for piece in plain.chunks(piece) {
        sealer.fill(piece).unwrap();
        if at_once {
            out.extend_from_slice(sealer.ready());
            sealer.sent();
        }
    }
    sealer.end().unwrap();
    out.extend_from_slice(sealer.ready());
    out
}

/// Opens in pieces of one size.
fn open_in_pieces(mut opener: Opener, sealed: &[u8], piece: usize) -> Result<Vec<u8>, Broken> {
    let mut out = Vec::new();
    for piece in sealed.chunks(piece) {
        let mut piece = Bytes::copy_from_slice(piece);
        while !piece.is_empty() {
            out.extend(opener.push(&mut piece)?.unwrap_or_default());
        }
    }
    opener.finish().map(|()| out)
}

/// Opens an object that was put whole.
fn open(sealed: &[u8]) -> Result<Vec<u8>, Broken> {
    open_in_pieces(Opener::whole(key()), sealed, sealed.len().max(1))
}
