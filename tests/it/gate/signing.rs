//! What clients sign, where they are, and what of it goes on to the store.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};

use bartizan::body::{Contract, Duties, Unread};
use bartizan::s3::Head;
use bartizan::s3::payload::{ChunkSignatures, Payload};
use bartizan::s3::uri::Query;
use bartizan::sigv4::{self, Credential, Details, KeyCache, KeySource, Kind, PayloadRule, Secret};
use bartizan::time::{Clock as _, SystemClock};
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::Full;

use super::{Ask, Gate, Mode, Reply, STORE_SECRET, Script, Seen};

struct StoreKey(Secret);

impl KeySource for StoreKey {
    fn find(&self, access_key: &str) -> Option<Credential<'_>> {
        (access_key == "AKIASTORESTORE000001").then_some(Credential { secret: &self.0, token: None, expires: None })
    }

    fn generation(&self) -> u64 {
        1
    }
}

/// What a store that checks everything reads of an upload: its payload mode and its data.
fn as_the_store_reads(seen: &Seen) -> (Payload, Vec<u8>) {
    let (line, rest) = seen.head.split_once("\r\n").unwrap();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let lines: Vec<(&[u8], &[u8])> = rest
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let head = Head { method: method.as_bytes(), target: target.as_bytes(), lines: &lines, authority: None };
    let query = Query::parse(head.query()).unwrap();
    let settings =
        sigv4::Settings { payload: PayloadRule::Any, details: Details::Full, ..sigv4::Settings::new("us-east-1") };
    let request =
        sigv4::Request { head: &head, query: &query, streaming_allowed: true, tls: false, body_hash: None, form: None };
    let keys = StoreKey(Secret::new(STORE_SECRET.to_owned()));
    let mut verified =
        sigv4::verify(Kind::Header, &request, &keys, &settings, &KeyCache::default(), SystemClock.now()).unwrap();
    let payload = verified.payload();
    let chunks = verified.take_chunks().map(|chunks| chunks as Box<dyn ChunkSignatures>);
    let duties = Duties { takes_body: true, needs_length: true, needs_checksum: false, checksums_of_body: true };
    let contract = Contract::new(payload, chunks, &head, duties).unwrap();
    let mut body = Unread::new(Full::new(Bytes::from(seen.body.clone()))).open(contract).unwrap();
    let mut data = Vec::new();
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        data.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    (payload, data)
}

fn numbers(size: usize) -> Vec<u8> {
    (0..size).map(|n| n.to_le_bytes()[1] ^ n.to_le_bytes()[0]).collect()
}

/// The sizes in the chunk headers of a body in signed chunks.
fn chunk_sizes(mut body: &[u8]) -> Vec<usize> {
    let mut sizes = Vec::new();
    loop {
        let end = body.iter().position(|&octet| octet == b';').unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        sizes.push(size);
        if size == 0 {
            return sizes;
        }
        let header = body.iter().position(|&octet| octet == b'\n').unwrap() + 1;
        body = &body[header + size + 2..];
    }
}

#[test]
fn signed_chunks_go_on_signed_at_the_same_boundaries_over_plain_http() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    for (trailer, size, length) in
        [(false, 65_536, 300_000), (true, 65_536, 300_000), (false, 131_072, 131_072 * 3), (true, 8192, 70_001)]
    {
        let data = numbers(length);
        let reply = gate.send(&Ask::put("/bucket/k", &data).mode(Mode::Chunks(size, trailer)));
        assert_eq!(reply.status, 200, "{reply:?}");
        let seen = store.seen().pop().unwrap();
        assert!(seen.whole);
        let (payload, read) = as_the_store_reads(&seen);
        assert_eq!(payload, Payload::Chunks { signed: true, trailer });
        assert!(read == data, "{size} {length}");
        let mut expected: Vec<usize> = data.chunks(size).map(<[u8]>::len).collect();
        expected.push(0);
        assert_eq!(chunk_sizes(&seen.body), expected);
    }
}

#[test]
fn chunks_too_long_to_hold_or_of_changing_length_are_framed_anew_and_still_signed() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    let data = numbers(3_000_000);
    assert_eq!(gate.send(&Ask::put("/bucket/k", &data).mode(Mode::Chunks(2_000_000, true))).status, 200);
    let seen = store.seen().pop().unwrap();
    let (payload, read) = as_the_store_reads(&seen);
    assert_eq!(payload, Payload::Chunks { signed: true, trailer: true });
    assert!(read == data && chunk_sizes(&seen.body)[0] == 65_536);
}

#[test]
fn a_wrong_chunk_never_completes_at_the_store() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    for trailer in [false, true] {
        let (head, body) = Ask::put("/bucket/k", &numbers(400_000)).mode(Mode::Chunks(65_536, trailer)).parts();
        for at in [200, 100_000, 399_000, body.len() - 20] {
            let mut flipped = body.clone();
            flipped[at] ^= 1;
            let reply = gate.send_raw(&[head.as_bytes(), &flipped].concat());
            assert!((400..=403).contains(&reply.status), "{at}: {reply:?}");
        }
        // Without its last line end, and honest about that.
        let short = &body[..body.len() - 2];
        let head =
            head.replace(&format!("content-length: {}", body.len()), &format!("content-length: {}", short.len()));
        gate.send_raw(&[head.as_bytes(), short].concat()).refused(400, "IncompleteBody");
    }
    assert!(store.seen().iter().all(|seen| !seen.whole));
}

#[test]
fn always_signed_signs_what_the_client_did_not() {
    let store = Script::ok();
    let upstream = format!("{}\npayload = \"always-signed\"", store.upstream("us-east-1"));
    let gate = Gate::start(&upstream);
    for (mode, trailer) in [(Mode::Unsigned, false), (Mode::Trailer, true)] {
        let data = numbers(300_000);
        assert_eq!(gate.send(&Ask::put("/bucket/k", &data).mode(mode)).status, 200);
        let (payload, read) = as_the_store_reads(&store.seen().pop().unwrap());
        assert_eq!(payload, Payload::Chunks { signed: true, trailer });
        assert!(read == data);
    }
}

/// A reverse proxy that cuts a prefix and puts its own name in place of the host.
fn front(gate: &str, prefix: &'static str, host: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let gate = gate.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(1000) {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let mut rewritten = String::new();
            for line in head.lines() {
                rewritten += &match line.strip_prefix("host: ") {
                    Some(_) if !host.is_empty() => format!("host: {host}"),
                    _ => line.replacen(&format!(" {prefix}/"), " /", usize::from(rewritten.is_empty())),
                };
                rewritten += "\r\n";
            }
            let mut behind = TcpStream::connect(&gate).unwrap();
            behind.write_all(rewritten.as_bytes()).unwrap();
            behind.write_all(&body).unwrap();
            let mut answer = Vec::new();
            let _ = behind.read_to_end(&mut answer);
            reader.get_mut().write_all(&answer).unwrap();
        }
    });
    address
}

fn through(address: &str, ask: &Ask) -> Reply {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&ask.wire()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    Reply::parse(&answer)
}

const OUTSIDE: &str = "external_url = \"https://files.example.com/s3\"\n";

#[test]
fn behind_a_proxy_that_rewrites_or_none_a_request_is_verified_as_it_was_signed() {
    let gate = Gate::start_with("kind = \"embedded\"", OUTSIDE, "");
    let ways = [
        gate.address.clone(),                       // nobody in front
        front(&gate.address, "/s3", ""),            // the path is cut
        front(&gate.address, "/s3", "localhost"),   // the host is another too
        front(&gate.address, "/none", "localhost"), // only the host
    ];
    let outside = |ask: Ask| Ask { host: "files.example.com", ..ask };
    assert_eq!(through(&ways[0], &outside(Ask::new("PUT", "/s3/bucket"))).status, 200);
    for (at, way) in ways.iter().enumerate() {
        let data = numbers(1000 + at);
        let put = through(way, &outside(Ask::put("/s3/bucket/a%20b", &data)));
        assert_eq!(put.status, 200, "{at}: {put:?}");
        let got = through(way, &outside(Ask::new("GET", "/s3/bucket/a%20b")));
        assert!((got.status, got.body == data) == (200, true), "{at}: {got:?}");
        let list = through(way, &outside(Ask::new("GET", "/s3/")));
        assert!(list.status == 200 && String::from_utf8_lossy(&list.body).contains("<Name>bucket</Name>"), "{list:?}");
        // Signed for another place than it was sent to.
        through(way, &outside(Ask::new("GET", "/bucket/a%20b"))).refused(403, "SignatureDoesNotMatch");
        let inside = Ask { host: "localhost", ..Ask::new("GET", "/s3/bucket/a%20b") };
        through(way, &inside).refused(403, "SignatureDoesNotMatch");
    }
    // A bucket in the host, where the host is kept.
    for way in &ways[..2] {
        let virtual_host = Ask { host: "bucket.files.example.com", ..Ask::new("GET", "/s3/a%20b") };
        assert_eq!(through(way, &virtual_host).status, 200);
    }
    let stranger = Ask { host: "elsewhere.example", ..Ask::new("GET", "/s3/bucket/a%20b") };
    through(&gate.address, &stranger).refused(400, "InvalidRequest");
}

#[test]
fn the_prefix_is_no_bucket_and_a_bucket_is_no_prefix() {
    let gate = Gate::start_with("kind = \"embedded\"", OUTSIDE, "");
    let outside = |ask: Ask| Ask { host: "files.example.com", ..ask };
    let cut = front(&gate.address, "/s3", "");
    for bucket in ["/s3/s3x", "/s3/s3"] {
        let made = through(&gate.address, &outside(Ask::new("PUT", bucket)));
        assert_eq!(made.status == 200, bucket == "/s3/s3x", "two letters are no name of a bucket: {made:?}");
    }
    assert_eq!(through(&cut, &outside(Ask::put("/s3/s3x/k", b"x"))).status, 200, "a border of a segment only");
    // Cut once by the proxy in front, what is left looks like the prefix: read so, and refused.
    through(&cut, &outside(Ask::new("GET", "/s3/s3/k"))).refused(403, "SignatureDoesNotMatch");
}

fn find(gate: &Gate, id: &str, json: bool) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bartizan"));
    command.args(["log", "find", id, "-c"]).arg(gate.folder.path().join("bartizan.toml"));
    if json {
        command.arg("--json");
    }
    let ran = command.output().unwrap();
    (ran.status.code().unwrap(), String::from_utf8(ran.stdout).unwrap())
}

fn id(reply: &Reply) -> String {
    reply.head.lines().find_map(|line| line.strip_prefix("x-amz-request-id: ")).unwrap().to_owned()
}

/// What `log find` says of a request.
fn mismatch(gate: &Gate, reply: &Reply) -> serde_json::Value {
    reply.refused(403, "SignatureDoesNotMatch");
    let (status, out) = find(gate, &id(reply), true);
    assert_eq!(status, 0, "{out}");
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["records"].as_array().unwrap().len(), 1);
    found["records"][0]["signature_mismatch"].clone()
}

#[test]
fn a_mismatch_is_explained_to_the_operator_and_to_nobody_else() {
    let gate = Gate::start_with("kind = \"embedded\"", "", "");
    let swapped = |ask: Ask, from: &str, to: &str| {
        let wire = String::from_utf8(ask.wire()).unwrap();
        assert!(wire.contains(from), "{wire}");
        gate.send_raw(wire.replacen(from, to, 1).as_bytes())
    };
    let slow = || std::thread::sleep(std::time::Duration::from_millis(300)); // a few a second are looked into
    let reply = swapped(
        Ask { host: "localhost:9443", ..Ask::new("GET", "/bucket/k") },
        "host: localhost:9443",
        "host: s3.localhost:9443",
    );
    let told = mismatch(&gate, &reply);
    let explained = told["explanation"].as_str().unwrap();
    assert_eq!(explained, "the host was signed as `localhost:9443` and sent as `s3.localhost:9443`");
    assert_eq!(told["line"], "host:s3.localhost:9443");
    assert_eq!(told["client_line"], "host:localhost:9443");
    assert!(told["client_canonical_request"].as_str().unwrap().contains("\nhost:localhost:9443\n"));
    assert!(!String::from_utf8_lossy(&reply.body).contains("was signed as"), "never on the wire");
    for (signed, sent, words) in [
        ("/bucket/a%2520b", "/bucket/a%20b", "encoded twice"),
        ("/bucket/a+b", "/bucket/a%20b", "signed as `+`"),
        ("/bucket/a%2Bb", "/bucket/a+b", "signed as `%2B`"),
        ("/bucket?acl", "/bucket?acl", "signed without `=`"),
        ("/bucket?prefix=a/b", "/bucket?prefix=a%2Fb", "`/` in the query was signed unescaped"),
        ("/bucket/k", "/bucket//k", "normalised"),
    ] {
        slow();
        let told =
            mismatch(&gate, &swapped(Ask::new("GET", signed), &format!("GET {signed} "), &format!("GET {sent} ")));
        let explained = told["explanation"].as_str().unwrap();
        assert!(explained.contains(words), "{signed}: {explained}");
    }
    slow();
    let told = mismatch(
        &gate,
        &gate.send(&Ask {
            secret: concat!("testsecrettestsecrettestsecrettestsecret", "\n"),
            ..Ask::new("GET", "/bucket")
        }),
    );
    assert_eq!(told["explanation"], "the client's secret has a line end behind it");
    let told = mismatch(&gate, &gate.send(&Ask { secret: "wrong", ..Ask::new("GET", "/bucket") }));
    assert_eq!(told["explanation"], "none of the known mistakes explains it: the secret is probably another one");
    assert_eq!(told.get("client_canonical_request"), None);
}

#[test]
fn nothing_secret_is_in_a_diagnosis() {
    let gate = Gate::start_with("kind = \"embedded\"", "", "");
    let ask = Ask { secret: "wrong", ..Ask::new("GET", "/bucket/k%0Ax-amz-meta-a:b") }
        .header("x-amz-server-side-encryption-customer-key", "c3NlLWMta2V5LXNlY3JldA==")
        .header("cookie", "session=cookie-secret");
    let reply = gate.send(&ask);
    let told = mismatch(&gate, &reply).to_string();
    assert!(told.contains("x-amz-server-side-encryption-customer-key:XXXXXXXX"), "{told}");
    assert!(!told.contains("c3NlLWMta2V5") && !told.contains("cookie-secret"), "{told}");
    let unknown = gate.send(&Ask { key: "AKIAUNKNOWNUNKNOWN01", ..Ask::new("GET", "/bucket/k") });
    unknown.refused(403, "InvalidAccessKeyId");
    let (_, out) = find(&gate, &id(&unknown), true);
    assert!(!out.contains("signature_mismatch"), "{out}");
    let (records, told) = gate.finish();
    let all = format!("{records:?}{told}");
    assert!(!all.contains("c3NlLWMta2V5") && !all.contains("cookie-secret"));
}

#[test]
fn log_find_prints_the_records_of_one_request_and_says_when_there_are_none() {
    let gate = Gate::embedded();
    let made = gate.send(&Ask::new("PUT", "/bucket"));
    let _other = gate.send(&Ask::new("GET", "/bucket"));
    let (status, text) = find(&gate, &id(&made), false);
    assert_eq!(status, 0);
    assert!(text.contains("operation: CreateBucket") && text.contains("outcome: completed"), "{text}");
    assert!(!text.contains("ListObjects"), "{text}");
    let (status, out) = find(&gate, &id(&made), true);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, found["records"].as_array().unwrap().len()), (0, 2), "the intent and the completion");
    let (status, out) = find(&gate, "0000000000000000", true);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, found["records"].as_array().unwrap().len()), (1, 0));
    assert_eq!(find(&gate, "no id", false).0, 2);
}

#[test]
fn replay_memory_stops_harm_and_not_honest_retries() {
    let gate = Gate::start_with("kind = \"embedded\"", "", "replay = \"writes\"");
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    let old = Ask::put("/bucket/k", b"old").wire();
    assert_eq!(gate.send_raw(&old).status, 200);
    assert_eq!(gate.send_raw(&old).status, 200, "nothing has changed since");
    let get = Ask::new("GET", "/bucket/k").wire();
    assert_eq!((gate.send_raw(&get).status, gate.send_raw(&get).status), (200, 200), "reads are not remembered");
    assert_eq!(gate.send(&Ask::put("/bucket/k", b"new")).status, 200);
    let reply = gate.send_raw(&old);
    reply.refused(403, "AccessDenied");
    assert!(String::from_utf8_lossy(&reply.body).contains("was used before"));
    assert_eq!(gate.send_raw(&get).body, b"new");
    // What was refused may be sent again once it can succeed.
    let early = Ask::put("/later/k", b"x").wire();
    assert_eq!(gate.send_raw(&early).status, 404);
    assert_eq!(gate.send(&Ask::new("PUT", "/later")).status, 200);
    assert_eq!(gate.send_raw(&early).status, 200);
    let start = Ask::new("POST", "/bucket/k?uploads=").wire();
    assert_eq!(gate.send_raw(&start).status, 200);
    gate.send_raw(&start).refused(403, "AccessDenied");
    let (records, _) = gate.finish();
    assert_eq!(records.iter().filter(|record| record["reason"] == "replay").count(), 2);
}

#[test]
fn without_the_memory_a_replay_is_answered_as_s3_would() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    let old = Ask::put("/bucket/k", b"old").wire();
    assert_eq!(gate.send_raw(&old).status, 200);
    assert_eq!(gate.send(&Ask::put("/bucket/k", b"new")).status, 200);
    assert_eq!(gate.send_raw(&old).status, 200);
}
