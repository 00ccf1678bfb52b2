//! The functions of the fuzz targets (fuzz/) over their corpora and over seeded mutations of these, so that
//! every `cargo test` runs them a little. How to run them for long: fuzz/README.md.

use std::path::Path;

#[path = "../../fuzz/shared.rs"]
mod shared;

/// Mutations of each corpus.
const ROUNDS: usize = 4000;

/// Pieces that mean something somewhere.
const WORDS: [&[u8]; 19] = [
    b"%2F",
    b"%",
    b"+",
    b"\r\n",
    b"\n",
    b"&",
    b"=",
    b";",
    b"/",
    b"\0",
    b"AWS4-HMAC-SHA256 ",
    b"ffffffffffffffff",
    b"X-Amz-Signature",
    b",",
    b"\xff",
    b"*",
    b"--b",
    b"filename=",
    b"${filename}",
];

/// A small generator; the same seed gives the same inputs everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (sides.max(1) as u64)).unwrap()
    }
}

fn mutated(corpus: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut data = corpus[dice.roll(corpus.len())].clone();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(data.len() + 1);
        match dice.roll(6) {
            0 if at < data.len() => data[at] ^= 1 << dice.roll(8),
            1 if at < data.len() => drop(data.remove(at)),
            2 => data.insert(at, u8::try_from(dice.roll(256)).unwrap()),
            3 => drop(data.splice(at..at, WORDS[dice.roll(WORDS.len())].iter().copied())),
            4 => data.truncate(at),
            _ => {
                let other = &corpus[dice.roll(corpus.len())];
                let from = dice.roll(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
        }
    }
    data
}

fn run(name: &str, function: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(corpus.len() > 4, "{name} has seeds");
    corpus.iter().for_each(|data| function(data));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..ROUNDS {
        let data = mutated(&corpus, &mut dice);
        let outcome = std::panic::catch_unwind(|| function(&data));
        assert!(outcome.is_ok(), "{name}, round {round}: {:?}", String::from_utf8_lossy(&data));
    }
}

#[test]
fn no_authorization_header_lets_a_stranger_in() {
    run("authorization", shared::fuzz_authorization);
}

#[test]
fn no_query_lets_a_stranger_in_and_its_canonical_form_is_stable() {
    run("query", shared::fuzz_query);
}

#[test]
fn a_canonical_path_means_what_the_wire_path_means() {
    run("path", shared::fuzz_path);
}

#[test]
fn a_date_is_read_the_one_way_it_is_written() {
    run("date", shared::fuzz_date);
}

#[test]
fn a_chunked_body_is_read_alike_in_whatever_pieces() {
    run("chunks", shared::fuzz_chunks);
}

#[test]
fn a_form_is_read_alike_in_whatever_pieces_and_lets_no_stranger_in() {
    run("form", shared::fuzz_form);
}
