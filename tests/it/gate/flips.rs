//! One bit changed on the way.

use bartizan::s3::uri;

use super::{Ask, Gate, Mode, Reply, Script};

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// What a signature covers of a request line: the method, the path decoded and encoded, the query
/// likewise and sorted. None if it cannot be read.
fn canonical(line: &str) -> Option<(String, Vec<u8>, Pairs)> {
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((uri::decode(name.as_bytes()).ok()?.into_owned(), uri::decode(value.as_bytes()).ok()?.into_owned()));
    }
    pairs.sort();
    Some((method.to_owned(), uri::decode(path.as_bytes()).ok()?.into_owned(), pairs))
}

fn refused(reply: &Reply) -> bool {
    (400..=501).contains(&reply.status)
}

#[test]
fn one_flipped_bit_of_the_request_line_is_refused_unless_it_means_the_same() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    let ask = Ask::new("GET", "/bucket/some%2fkey%20a?versionId=v1");
    // The canonical path of this target is its decoded form encoded again, so it is signed that way.
    let signed = Ask { target: "/bucket/some/key%20a?versionId=v1".to_owned(), ..ask.clone() };
    let wire = String::from_utf8(signed.wire()).unwrap().replacen("/bucket/some/key", "/bucket/some%2fkey", 1);
    assert_eq!(gate.send_raw(wire.as_bytes()).status, 200);
    let line = wire.lines().next().unwrap().to_owned();
    let end = line.rfind(' ').unwrap();
    let (mut same, mut other) = (0, 0);
    for at in 0..end {
        for bit in [0x01, 0x20] {
            let before = store.seen().len();
            let mut flipped = wire.clone().into_bytes();
            flipped[at] ^= bit;
            let reply = gate.send_raw(&flipped);
            let now = String::from_utf8_lossy(&flipped[..line.len()]).into_owned();
            if now.is_ascii() && canonical(&now).is_some_and(|now| Some(now) == canonical(&line)) {
                same += 1;
                assert_eq!(reply.status, 200, "{now}");
            } else {
                other += 1;
                assert!(refused(&reply) || reply.status == 0, "{now}: {reply:?}");
                assert_eq!(store.seen().len(), before, "the store heard of {now}");
            }
        }
    }
    assert!(same >= 1 && other > 60, "{same} {other}");
}

#[test]
fn one_flipped_bit_of_a_signed_header_is_refused() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    let wire = Ask::put("/bucket/k", b"data").header("x-amz-meta-colour", "blue").wire();
    let text = String::from_utf8_lossy(&wire).into_owned();
    for name in ["x-amz-meta-colour: ", "x-amz-date: ", "x-amz-content-sha256: ", "host: ", "Signature="] {
        let start = text.find(name).unwrap() + name.len();
        for at in start..start + 4 {
            let mut flipped = wire.clone();
            flipped[at] ^= 0x02;
            let reply = gate.send_raw(&flipped);
            assert!(refused(&reply), "{name} {at}: {reply:?}");
        }
    }
    assert!(store.seen().is_empty());
    assert_eq!(gate.send_raw(&wire).status, 200);
}

#[test]
fn one_flipped_bit_of_a_small_body_never_reaches_the_store() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    for mode in [Mode::Hash, Mode::Trailer] {
        let (head, body) = Ask::put("/bucket/k", &[b'a'; 200]).mode(mode).parts();
        for at in (0..body.len()).step_by(7) {
            let mut flipped = body.clone();
            flipped[at] ^= 1;
            let reply = gate.send_raw(&[head.as_bytes(), &flipped].concat());
            assert!(refused(&reply), "{at}: {reply:?}");
        }
    }
    assert!(store.seen().is_empty(), "{:?}", store.seen());
}

#[test]
fn one_flipped_bit_of_a_large_body_never_completes_at_the_store() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    for mode in [Mode::Hash, Mode::Trailer] {
        let (head, body) = Ask::put("/bucket/k", &[b'a'; 400_000]).mode(mode).parts();
        for at in [10, 200_000, body.len() - 3] {
            let mut flipped = body.clone();
            flipped[at] ^= 1;
            let reply = gate.send_raw(&[head.as_bytes(), &flipped].concat());
            assert!(refused(&reply), "{at}: {reply:?}");
        }
    }
    assert!(store.seen().iter().all(|seen| !seen.whole), "a store that reads Content-Length would have kept it");
}

#[test]
fn nothing_of_a_refused_body_is_stored() {
    let gate = Gate::embedded();
    gate.send(&Ask::new("PUT", "/bucket"));
    for size in [100, 300_000] {
        let (head, mut body) = Ask::put("/bucket/k", &vec![b'a'; size]).parts();
        body[size / 2] ^= 1;
        gate.send_raw(&[head.as_bytes(), &body].concat()).refused(400, "XAmzContentSHA256Mismatch");
        assert_eq!(gate.send(&Ask::new("GET", "/bucket/k")).status, 404);
    }
}
