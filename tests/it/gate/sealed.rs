//! Sealed objects before a store that remembers every octet it was sent, and that lies when it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::encryption::CUSTOMER;
use super::house::House;
use super::{Ask, Gate, KEY, Mode, NOBODY, Reply, SECRET, STORE_SECRET};

pub(super) const SSE: &str = "x-amz-server-side-encryption";
pub(super) const KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";
pub(super) const DEFAULT: &str = "arn:aws:kms:us-east-1:111122223333:key/default";
pub(super) const OTHER: &str = "arn:aws:kms:us-east-1:111122223333:key/other";
pub(super) const WRITER: &str = "AKIAWRITERWRITER0001";

/// May do everything in S3, and nothing with keys.
pub(super) const WRITER_POLICY: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;

/// A keyring with the account's own key and another one.
fn ring(state: &str) -> String {
    let key = |name: &str, alias: &str, state: &str, octet: char| {
        let secret = format!("{}=", octet.to_string().repeat(42) + "A");
        format!(
            r#"{{"arn": "arn:aws:kms:us-east-1:111122223333:key/{name}", "aliases": ["{alias}"], "state": "{state}",
                "versions": [{{"id": 1, "kek_b64": "{secret}"}}]}}"#
        )
    };
    let keys = [key("default", "alias/aws/s3", "Enabled", 'A'), key("other", "alias/other", state, 'B')];
    format!(r#"{{"keys": [{}]}}"#, keys.join(","))
}

pub(super) fn users() -> String {
    let user = |name: &str, policies: &str, id: &str| {
        format!(
            "[[user]]\narn = \"arn:aws:iam::111122223333:user/{name}\"\npolicies = [{policies}]\n\
             keys = [{{ id = \"{id}\", secret = \"{SECRET}\" }}]\n\n"
        )
    };
    [
        "[[account]]\nid = \"111122223333\"\nname = \"main\"\n\n",
        &user("test", "\"administrator\"", KEY),
        &user("writer", "\"writer\"", WRITER),
        &user("nobody", "", NOBODY),
    ]
    .concat()
}

/// A store in memory.
pub(super) struct Vault {
    address: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
pub(super) struct Inner {
    objects: BTreeMap<String, Stored>,
    /// Every octet that came, heads included.
    seen: Vec<u8>,
    heads: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) headers: Vec<(String, String)>,
    pub(super) data: Vec<u8>,
}

impl Vault {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let kept = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().take(10_000) {
                let (stream, kept) = (stream.unwrap(), Arc::clone(&kept));
                std::thread::spawn(move || converse(stream, &kept));
            }
        });
        Self { address, inner }
    }

    pub(super) fn upstream(&self, more: &str) -> String {
        format!(
            "[upstream]\nkind = \"s3\"\nendpoint = \"http://{}\"\nregion = \"us-east-1\"\naddressing = \"path\"\n\
             profile = \"minio\"\nencryption = \"sealed\"\n{more}\n\
             credentials = {{ access_key_id = \"AKIASTORESTORE000001\", secret_access_key = \"{STORE_SECRET}\" }}\n\
             timeouts = {{ first_byte = \"5s\" }}\n",
            self.address
        )
    }

    /// A proxy on TLS before it.
    fn house(&self, more: &str, state: &str) -> House {
        let (users, ring) = (users(), ring(state));
        let files = [
            ("policies/credentials.toml", users.as_str()),
            ("policies/identities/writer.json", WRITER_POLICY),
            ("state/keyring.json", ring.as_str()),
        ];
        House::launch("", &self.upstream(more), &files).unwrap_or_else(|told| panic!("{told}"))
    }

    pub(super) fn object(&self, path: &str) -> Option<Stored> {
        self.inner.lock().unwrap().objects.get(path).cloned()
    }

    pub(super) fn put(&self, path: &str, stored: Stored) {
        self.inner.lock().unwrap().objects.insert(path.to_owned(), stored);
    }

    /// Whether some 16 octets of a text were ever sent here, of all the places where it may begin.
    pub(super) fn knows(&self, plain: &[u8]) -> bool {
        let inner = self.inner.lock().unwrap();
        let runs = plain.windows(16).take(64).chain(plain.windows(16).step_by(16_411));
        runs.into_iter().any(|run| memchr::memmem::find(&inner.seen, run).is_some())
    }
}

/// One connection.
fn converse(stream: TcpStream, kept: &Mutex<Inner>) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let header = |name: &str| {
            let prefix = format!("{name}: ");
            head.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
        };
        let length: u64 = header("content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = Vec::new();
        let _ = reader.by_ref().take(length).read_to_end(&mut body);
        let mut inner = kept.lock().unwrap();
        inner.seen.extend_from_slice(head.as_bytes());
        inner.seen.extend_from_slice(&body);
        inner.heads.push(head.clone());
        if body.len() as u64 != length {
            return;
        }
        let answer = answer(&mut inner, &head, body, &header);
        drop(inner);
        if reader.get_mut().write_all(&answer).is_err() {
            return;
        }
    }
}

fn answer(inner: &mut Inner, head: &str, body: Vec<u8>, header: &dyn Fn(&str) -> Option<String>) -> Vec<u8> {
    let mut line = head.lines().next().unwrap().split(' ');
    let (method, target) = (line.next().unwrap(), line.next().unwrap());
    let path = target.split('?').next().unwrap().to_owned();
    let plain = |status: &str, more: &str, body: &[u8]| {
        let body = if method == "HEAD" { &[][..] } else { body };
        let length = format!("content-length: {}\r\n", body.len());
        let length = if method == "HEAD" { "" } else { &length };
        [format!("HTTP/1.1 {status}\r\n{length}{more}\r\n").as_bytes(), body].concat()
    };
    match method {
        "PUT" => {
            let chunked = header("content-encoding").is_some_and(|encoding| encoding.contains("aws-chunked"));
            let meta = head.lines().filter_map(|line| line.split_once(": "));
            let meta = meta.filter(|(name, _)| name.starts_with("x-amz-meta-") || *name == "content-type");
            let headers = meta.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let source = header("x-amz-copy-source").map(|source| inner.objects.get(&source).unwrap().data.clone());
            let copied = source.is_some();
            let data = source.unwrap_or_else(|| if chunked { unchunked(&body) } else { body });
            let etag = format!("\"{:032x}\"", data.len());
            inner.objects.insert(path, Stored { headers, data });
            let document = format!("<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>");
            plain("200 OK", &format!("etag: {etag}\r\n"), if copied { document.as_bytes() } else { b"" })
        }
        "GET" | "HEAD" => {
            let Some(Stored { headers, data }) = inner.objects.get(&path) else {
                return plain("404 Not Found", "", b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>");
            };
            let mut more = format!("etag: \"{:032x}\"\r\n", data.len());
            headers.iter().for_each(|(name, value)| more.push_str(&format!("{name}: {value}\r\n")));
            let range = header("range").and_then(|range| {
                let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
                Some((first.parse::<usize>().unwrap(), last.parse().unwrap_or(usize::MAX).min(data.len().max(1) - 1)))
            });
            match range {
                Some((first, last)) if first <= last && last < data.len() => {
                    more.push_str(&format!("content-range: bytes {first}-{last}/{}\r\n", data.len()));
                    plain("206 Partial Content", &more, &data[first..=last])
                }
                Some(_) => plain(
                    "416 Range Not Satisfiable",
                    "",
                    b"<Error><Code>InvalidRange</Code><Message>no</Message></Error>",
                ),
                None if method == "HEAD" => plain("200 OK", &format!("content-length: {}\r\n{more}", data.len()), b""),
                None => plain("200 OK", &more, data),
            }
        }
        _ => plain("204 No Content", "", b""),
    }
}

/// The data in aws-chunked frames.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").unwrap();
        let line = std::str::from_utf8(&body[..end]).unwrap();
        let size = usize::from_str_radix(line.split(';').next().unwrap(), 16).unwrap();
        if size == 0 {
            return out;
        }
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 2 + size + 2..];
    }
}

pub(super) fn text(length: usize) -> Vec<u8> {
    (0..)
        .flat_map(|number: u64| format!("line {number:09} of what nobody may read\n").into_bytes())
        .take(length)
        .collect()
}

pub(super) fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let prefix = format!("{name}: ");
    reply.head.lines().find_map(|line| line.strip_prefix(prefix.as_str()))
}

#[test]
fn no_plaintext_leaves_whatever_way_it_came() {
    let vault = Vault::new();
    let house = vault.house("", "Enabled");
    for (number, length) in [0, 5, 70_000, 700_000].into_iter().enumerate() {
        let body = text(length);
        for mode in [Mode::Hash, Mode::Unsigned, Mode::Trailer, Mode::Chunks(16_384, false), Mode::Chunks(70_000, true)]
        {
            let path = format!("/bucket/key-{number}");
            let sse = [None, Some("AES256"), Some("aws:kms")];
            for said in sse {
                let ask = Ask::put(&path, &body).mode(mode).header("x-amz-meta-mine", "1");
                let reply = house.send(&said.map_or(ask.clone(), |said| ask.header(SSE, said)));
                let told = (reply.status, header(&reply, SSE), header(&reply, KEY_ID));
                assert_eq!(told, (200, Some("aws:kms"), Some(DEFAULT)), "{reply:?}");
            }
            let got = house.send(&Ask::new("GET", &path));
            assert_eq!((got.status, got.body == body), (200, true), "{length}");
            assert_eq!(header(&got, "content-length"), Some(length.to_string().as_str()));
            assert_eq!((header(&got, "x-amz-meta-mine"), header(&got, SSE)), (Some("1"), Some("aws:kms")));
            assert!(!got.head.contains("s3hp"), "{}", got.head);
            let stored = vault.object(&path).unwrap();
            assert_eq!(stored.data.len(), 64 + length + 16 * length.div_ceil(65_536).max(1));
            assert!(stored.headers.iter().any(|(name, value)| name == "x-amz-meta-s3hp-key" && value == DEFAULT));
        }
    }
    assert!(!vault.knows(&text(700_000)));
    let heads = vault.inner.lock().unwrap().heads.join("");
    assert!(!heads.contains("server-side-encryption"), "the store hears nothing of encryption");
}

#[test]
fn towards_the_store_the_proxy_signs_what_it_has_sealed() {
    let vault = Vault::new();
    let house = vault.house("", "Enabled");
    let head = || vault.inner.lock().unwrap().heads.last().unwrap().clone();
    house.send(&Ask::put("/bucket/small", b"hello").mode(Mode::Unsigned));
    assert!(!head().contains("UNSIGNED") && !head().contains("STREAMING"), "in hand, so its hash: {}", head());
    house.send(&Ask::put("/bucket/large", &text(3_000_000)).mode(Mode::Unsigned));
    assert!(head().contains("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), "{}", head());
    assert!(head().contains("x-amz-trailer: x-amz-checksum-crc32\r\n"), "of the sealed octets: {}", head());
    assert_eq!(house.send(&Ask::new("GET", "/bucket/large")).body, text(3_000_000));
}

#[test]
fn a_body_that_is_not_what_was_promised_never_comes_to_its_end() {
    let vault = Vault::new();
    let house = vault.house("", "Enabled");
    for length in [100, 3_000_000] {
        let wrong = Ask::put("/bucket/key", &text(length)).header("x-amz-checksum-crc32", "AAAAAA==");
        house.send(&wrong.mode(Mode::Unsigned)).refused(400, "BadDigest");
        let mut octets = Ask::put("/bucket/key", &text(length)).wire();
        *octets.last_mut().unwrap() ^= 1;
        house.send_raw("localhost", &octets).refused(400, "XAmzContentSHA256Mismatch");
        assert_eq!(vault.object("/bucket/key"), None);
    }
}

#[test]
fn whatever_the_store_alters_is_refused() {
    let vault = Vault::new();
    let house = vault.house("", "Enabled");
    let body = b"hello, this is what was stored".to_vec();
    assert_eq!(house.send(&Ask::put("/bucket/key", &body)).status, 200);
    let good = vault.object("/bucket/key").unwrap();
    for at in 0..good.data.len() {
        let mut altered = good.clone();
        altered.data[at] ^= 1 << (at % 8);
        vault.put("/bucket/key", altered);
        for ask in [Ask::new("GET", "/bucket/key"), Ask::new("GET", "/bucket/key").header("range", "bytes=0-3")] {
            house.send(&ask).refused(500, "InternalError");
        }
    }
    for end in [0, 10, 64, 80, good.data.len() - 1] {
        let cut = Stored { data: good.data[..end].to_vec(), ..good.clone() };
        vault.put("/bucket/key", cut);
        house.send(&Ask::new("GET", "/bucket/key")).refused(500, "InternalError");
    }
    // Without its metadata it is no longer one of ours, and comes as it is: octets that say nothing.
    let bare = Stored { headers: Vec::new(), ..good.clone() };
    vault.put("/bucket/key", bare);
    assert_eq!(house.send(&Ask::new("GET", "/bucket/key")).body, good.data);
    vault.put("/bucket/key", good);
    assert_eq!(house.send(&Ask::new("GET", "/bucket/key")).body, body);
    let (records, told) = house.gate.finish();
    assert!(told.contains("SealBroken"), "{told}");
    assert!(records.iter().any(|record| record["reason"] == "seal-broken"), "{records:?}");
}

#[test]
fn a_segment_that_does_not_open_breaks_the_answer_off() {
    let vault = Vault::new();
    let house = vault.house("", "Enabled");
    let body = text(300_000);
    assert_eq!(house.send(&Ask::put("/bucket/key", &body)).status, 200);
    let mut altered = vault.object("/bucket/key").unwrap();
    altered.data[64 + 3 * 65_552] ^= 1;
    vault.put("/bucket/key", altered);
    let reply = house.send(&Ask::new("GET", "/bucket/key"));
    assert_eq!((reply.status, header(&reply, "content-length")), (200, Some("300000")));
    assert!(reply.body.len() < 3 * 65_536 && body.starts_with(&reply.body), "{} octets", reply.body.len());
    let first = house.send(&Ask::new("GET", "/bucket/key").header("range", "bytes=100000-100009"));
    assert_eq!((first.status, &first.body[..]), (206, &body[100_000..100_010]));
    let (records, told) = house.gate.finish();
    assert!(told.contains("segment 3 does not open"), "{told}");
    assert!(records.iter().any(|record| record["outcome"] == "upstream-failed"), "{records:?}");
}

#[test]
fn an_object_of_another_name_is_not_taken_for_this_one() {
    let vault = Vault::new();
    let house = vault.house("", "Enabled");
    for key in ["a", "b"] {
        assert_eq!(house.send(&Ask::put(&format!("/bucket/{key}"), &text(1000))).status, 200);
    }
    let (one, two) = (vault.object("/bucket/a").unwrap(), vault.object("/bucket/b").unwrap());
    for swapped in [two.clone(), Stored { data: one.data.clone(), ..two.clone() }, Stored { data: two.data, ..one }] {
        vault.put("/bucket/a", swapped);
        house.send(&Ask::new("GET", "/bucket/a")).refused(500, "InternalError");
    }
}

#[test]
fn the_key_of_the_account_is_for_all_whom_s3_lets_in_and_others_are_not() {
    let vault = Vault::new();
    let house = vault.house("", "Enabled");
    let writer = |ask: Ask| Ask { key: WRITER, ..ask };
    assert_eq!(house.send(&writer(Ask::put("/bucket/key", b"x"))).status, 200);
    assert_eq!(house.send(&writer(Ask::new("GET", "/bucket/key"))).body, b"x");
    let other = Ask::put("/bucket/other", b"x").header(SSE, "aws:kms").header(KEY_ID, OTHER);
    house.send(&writer(other.clone())).refused(403, "AccessDenied");
    assert_eq!(vault.object("/bucket/other"), None);
    let reply = house.send(&other);
    assert_eq!((reply.status, header(&reply, KEY_ID)), (200, Some(OTHER)));
    let denied = house.send(&writer(Ask::new("GET", "/bucket/other")));
    denied.refused(403, "AccessDenied");
    assert!(String::from_utf8_lossy(&denied.body).contains("kms:Decrypt"), "{denied:?}");
    assert_eq!(house.send(&writer(Ask::new("HEAD", "/bucket/other"))).status, 200, "the head is not sealed");
    // Nor by copying it to where it is under another key.
    let copy = Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "/bucket/other");
    house.send(&writer(copy.clone())).refused(403, "AccessDenied");
    assert_eq!(house.send(&copy).status, 200);
    assert_eq!(house.send(&writer(Ask::new("GET", "/bucket/copy"))).body, b"x");
}

#[test]
fn a_stranger_does_not_learn_that_a_key_is_disabled() {
    let vault = Vault::new();
    let put = Ask::put("/bucket/key", b"x").header(SSE, "aws:kms").header(KEY_ID, OTHER);
    assert_eq!(vault.house("", "Enabled").send(&put).status, 200);
    let house = vault.house("", "Disabled");
    let get = Ask::new("GET", "/bucket/key");
    house.send(&Ask { key: WRITER, ..get.clone() }).refused(403, "AccessDenied");
    house.send(&get).refused(400, "KMS.DisabledException");
    house.send(&put).refused(400, "KMS.DisabledException");
    let gone = vault.house("", "PendingDeletion");
    gone.send(&get).refused(400, "KMS.KMSInvalidStateException");
}

#[test]
fn nothing_is_stored_where_no_key_is_at_hand_and_the_operator_hears_what_to_do() {
    let vault = Vault::new();
    let users = users();
    let files = [("policies/credentials.toml", users.as_str()), ("policies/identities/writer.json", WRITER_POLICY)];
    let house = House::launch("", &vault.upstream(""), &files).unwrap_or_else(|told| panic!("{told}"));
    house.send(&Ask::put("/bucket/key", b"x")).refused(400, "KMS.NotFoundException");
    house.send(&Ask::put("/bucket/key", b"x").header(SSE, "aws:kms:dsse")).refused(501, "NotImplemented");
    assert_eq!(vault.object("/bucket/key"), None);
    let (records, _) = house.gate.finish();
    let details: Vec<_> = records.iter().filter_map(|record| record["detail"].as_str()).collect();
    assert!(
        details.iter().any(|detail| detail.contains("alias/aws/s3") && detail.contains("111122223333")),
        "{records:?}"
    );
}

#[test]
fn objects_that_are_sealed_need_tls_and_a_signature_as_kms_does() {
    let vault = Vault::new();
    let ring = ring("Enabled");
    let plain = Gate::launch("", &vault.upstream(""), &[("state/keyring.json", &ring)]);
    let plain = plain.unwrap_or_else(|told| panic!("{told}"));
    plain.send(&Ask::put("/bucket/key", b"x")).refused(400, "InvalidRequest");
    assert_eq!(vault.object("/bucket/key"), None);
}

#[test]
fn a_clients_key_seals_nothing_and_opens_nothing_that_is_sealed() {
    let vault = Vault::new();
    let house = vault.house("", "Enabled");
    assert_eq!(house.send(&Ask::put("/bucket/key", b"x")).status, 200);
    let own = CUSTOMER;
    let source = [
        ("x-amz-copy-source-server-side-encryption-customer-algorithm", own[0].1),
        ("x-amz-copy-source-server-side-encryption-customer-key", own[1].1),
        ("x-amz-copy-source-server-side-encryption-customer-key-md5", own[2].1),
    ];
    let with =
        |ask: Ask, key: [(&'static str, &str); 3]| key.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
    house.send(&with(Ask::put("/bucket/key", b"y"), own)).refused(501, "NotImplemented");
    let copy = Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "/bucket/key");
    for ask in [with(Ask::new("GET", "/bucket/key"), own), with(copy, source)] {
        let refused = house.send(&ask);
        refused.refused(400, "InvalidRequest");
        let words = "The encryption parameters are not applicable to this object.";
        assert!(String::from_utf8_lossy(&refused.body).contains(words), "{refused:?}");
    }
}

#[test]
fn what_was_not_sealed_is_passed_or_refused_as_the_configuration_says() {
    let vault = Vault::new();
    vault.put("/bucket/foreign", Stored { headers: Vec::new(), data: b"in the clear".to_vec() });
    vault.put("/bucket/none", Stored { headers: Vec::new(), data: Vec::new() });
    let get = Ask::new("GET", "/bucket/foreign");
    let ranged = get.clone().header("range", "bytes=3-5");
    let pass = vault.house("", "Enabled");
    assert_eq!(pass.send(&get).body, b"in the clear");
    assert_eq!(pass.send(&ranged).body, b"the");
    assert_eq!(pass.send(&Ask::new("GET", "/bucket/none")).status, 200);
    pass.send(&Ask::new("GET", "/bucket/none").header("range", "bytes=0-")).refused(416, "InvalidRange");
    let refuse = vault.house("sealed_foreign = \"refuse\"", "Enabled");
    for ask in [&get, &ranged, &Ask::new("GET", "/bucket/none")] {
        refuse.send(ask).refused(403, "AccessDenied");
    }
    assert_eq!(refuse.send(&Ask::new("HEAD", "/bucket/foreign")).status, 403);
}

/// What a copy says of tags counts under its directive alone: nobody is asked about it otherwise.
#[test]
fn a_copy_gets_no_tags_that_nobody_allowed() {
    let vault = Vault::new();
    let house = vault.house("sealed_foreign = \"pass\"", "Enabled");
    assert_eq!(house.send(&Ask::put("/bucket/sealed", b"data")).status, 200);
    vault.put("/bucket/bare", Stored { headers: Vec::new(), data: b"data".to_vec() });
    let copy = |from: &str| {
        Ask::new("PUT", "/bucket/to").header("x-amz-copy-source", from).header("x-amz-tagging", "public=yes")
    };
    let tagged = |ask: &Ask| {
        vault.inner.lock().unwrap().heads.clear();
        assert_eq!(house.send(ask).status, 200);
        let heads = vault.inner.lock().unwrap().heads.clone();
        assert!(heads.iter().any(|head| head.starts_with("PUT /bucket/to")), "{heads:?}");
        heads.iter().any(|head| head.contains("public=yes"))
    };
    for from in ["/bucket/sealed", "/bucket/bare"] {
        assert!(!tagged(&copy(from)), "{from}");
        assert!(!tagged(&copy(from).header("x-amz-tagging-directive", "COPY")), "{from}");
        assert!(tagged(&copy(from).header("x-amz-tagging-directive", "REPLACE")), "{from}");
    }
}
