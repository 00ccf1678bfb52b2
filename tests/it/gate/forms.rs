//! Browser forms: what goes through, what is made of it, and what must not be stored.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bartizan::time::Seconds;
use base64::Engine as _;
use ring::hmac::{HMAC_SHA256, Key, sign};

use super::{Ask, Gate, KEY, Reply, SECRET, Script};

/// A form, signed when it is written down.
#[derive(Clone)]
pub(super) struct Form {
    target: &'static str,
    fields: Vec<(String, String)>,
    conditions: String,
    file: Option<Vec<u8>>,
    filename: &'static str,
    /// What follows the file's data.
    behind: String,
    /// Fields behind those that authenticate.
    late: Vec<(String, String)>,
    headers: String,
    key: &'static str,
    secret: &'static str,
    signed: bool,
    /// Seconds from now to the end of the policy.
    life: i64,
}

const END: &str = "\r\n--XyZzY--\r\n";

impl Form {
    pub(super) fn new(key: &str, file: &[u8]) -> Self {
        Self {
            target: "/bucket",
            fields: vec![("key".to_owned(), key.to_owned())],
            conditions: String::new(),
            file: Some(file.to_vec()),
            filename: "C:\\dir\\na me.txt",
            behind: END.to_owned(),
            late: Vec::new(),
            headers: String::new(),
            key: KEY,
            secret: SECRET,
            signed: true,
            life: 600,
        }
    }

    /// A field with a condition that allows it.
    fn field(self, name: &str, value: &str) -> Self {
        self.extra(name, value).condition(&format!("[\"starts-with\", \"${name}\", \"\"]"))
    }

    /// A field that no condition names.
    fn extra(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn condition(mut self, text: &str) -> Self {
        let _ = write!(self.conditions, ", {text}");
        self
    }

    /// Signed by somebody who does not have the secret.
    pub(super) fn forged(self) -> Self {
        Self { secret: "not the secret", ..self }
    }

    /// With a policy that has expired.
    pub(super) fn ended(self) -> Self {
        Self { life: -5, ..self }
    }

    pub(super) fn wire(&self) -> Vec<u8> {
        let body = self.body();
        let mut out = format!(
            "POST {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{}content-type: multipart/form-data; boundary=XyZzY\r\ncontent-length: {}\r\n\r\n",
            self.target,
            self.headers,
            body.len()
        )
        .into_bytes();
        out.extend_from_slice(&body);
        out
    }

    fn body(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let authentication = if self.signed { self.authentication() } else { Vec::new() };
        for (name, value) in self.fields.iter().chain(&authentication).chain(&self.late) {
            out.extend_from_slice(
                format!("--XyZzY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes(),
            );
        }
        let Some(file) = &self.file else {
            out.extend_from_slice(b"--XyZzY--\r\n");
            return out;
        };
        out.extend_from_slice(
            format!(
                "--XyZzY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: image/png\r\n\r\n",
                self.filename
            )
            .as_bytes(),
        );
        out.extend_from_slice(file);
        out.extend_from_slice(self.behind.as_bytes());
        out
    }

    fn authentication(&self) -> Vec<(String, String)> {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let date = Seconds(now).compact();
        let scope = format!("{}/us-east-1/s3/aws4_request", &date[..8]);
        let credential = format!("{}/{scope}", self.key);
        let policy = format!(
            "{{\"expiration\": \"{}\", \"conditions\": [{{\"bucket\": \"bucket\"}}, [\"starts-with\", \"$key\", \"\"], \
             {{\"x-amz-algorithm\": \"AWS4-HMAC-SHA256\"}}, {{\"x-amz-credential\": \"{credential}\"}}, \
             {{\"x-amz-date\": \"{date}\"}}{}]}}",
            Seconds(now + self.life).rfc3339(),
            self.conditions
        );
        let policy = base64::engine::general_purpose::STANDARD.encode(policy);
        let mut secret = format!("AWS4{}", self.secret).into_bytes();
        for part in [&date[..8], "us-east-1", "s3", "aws4_request", &policy] {
            secret = sign(&Key::new(HMAC_SHA256, &secret), part.as_bytes()).as_ref().to_vec();
        }
        let signature: String = secret.iter().map(|octet| format!("{octet:02x}")).collect();
        [
            ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("x-amz-credential", credential),
            ("x-amz-date", date),
            ("policy", policy),
            ("x-amz-signature", signature),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

fn gate() -> Gate {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    gate
}

#[track_caller]
fn send(gate: &Gate, form: &Form) -> Reply {
    gate.send_raw(&form.wire())
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

#[test]
fn a_file_of_any_size_is_stored_as_it_was_sent() {
    let gate = gate();
    for size in [0, 1, 1000, 65_000, 65_536, 65_537, 300_000, 3_000_000] {
        let data = sample(size);
        let reply = send(&gate, &Form::new("up/${filename}", &data));
        assert_eq!(reply.status, 204, "{size}: {reply:?}");
        assert_eq!(header(&reply, "location"), Some("http://localhost/bucket/up/na%20me.txt"));
        let got = gate.send(&Ask::new("GET", "/bucket/up/na%20me.txt"));
        assert_eq!((got.status, got.body == data), (200, true), "{size}");
        assert!(header(&reply, "etag").is_some() && header(&reply, "etag") == header(&got, "etag"));
    }
}

#[test]
fn a_small_file_may_be_followed_by_anything_which_means_nothing() {
    let gate = gate();
    let field = "\r\n--XyZzY\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nother\r\n--XyZzY--\r\n";
    let file = "\r\n--XyZzY\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nother\r\n--XyZzY--\r\n";
    for behind in ["\r\n--XyZzY--", field, file, "\r\n--XyZzY--\r\nepilogue"] {
        let form = Form { behind: behind.to_owned(), ..Form::new("k", b"data") };
        assert_eq!(send(&gate, &form).status, 204, "{behind:?}");
        assert_eq!(gate.send(&Ask::new("GET", "/bucket/k")).body, b"data");
    }
    gate.send(&Ask::new("GET", "/bucket/other")).refused(404, "NoSuchKey");
}

#[test]
fn a_browser_may_send_its_button_behind_a_large_file() {
    let gate = gate();
    let data = sample(200_000);
    let button = "\r\n--XyZzY\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--XyZzY--\r\n";
    let long = format!("\r\n--XyZzY--\r\n{}", "x".repeat(100_000));
    for (file, behind) in
        [(&data[..], button), (&data, "\r\n--XyZzY--\r\nepilogue"), (&data, "\r\n--XyZzY--"), (b"data", &long)]
    {
        let form = Form { behind: behind.to_owned(), ..Form::new("k", file) };
        let form = form.condition(&format!("[\"content-length-range\", 0, {}]", file.len()));
        assert_eq!(send(&gate, &form).status, 204, "{behind:.40?}");
        assert!(gate.send(&Ask::new("GET", "/bucket/k")).body == file, "{behind:.40?}");
    }
}

#[test]
fn headers_of_authentication_and_payload_say_nothing_of_a_form() {
    let gate = gate();
    for header in [
        "x-amz-date: 20200101T000000Z",
        "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        "content-md5: AAAAAAAAAAAAAAAAAAAAAA==",
        "x-amz-security-token: x",
        "x-amz-user-agent: browser",
    ] {
        let form = Form { headers: format!("{header}\r\n"), ..Form::new("k", b"data") };
        assert_eq!(send(&gate, &form).status, 204, "{header}");
        assert_eq!(gate.send(&Ask::new("GET", "/bucket/k")).body, b"data");
    }
}

#[test]
fn the_answer_is_the_one_that_the_form_asks_for() {
    let gate = gate();
    let form = Form::new("a b", b"data");
    for (status, expected) in [("200", 200), ("201", 201), ("204", 204), ("404", 204)] {
        let reply = send(&gate, &form.clone().field("success_action_status", status));
        assert_eq!(reply.status, expected);
        assert_eq!(header(&reply, "etag"), Some("\"8d777f385d3dfec8815d20f7496026dc\""));
        assert_eq!(header(&reply, "location"), Some("http://localhost/bucket/a%20b"));
        let document = "<PostResponse><Location>http://localhost/bucket/a%20b</Location><Bucket>bucket</Bucket><Key>a b</Key><ETag>&quot;8d777f385d3dfec8815d20f7496026dc&quot;</ETag></PostResponse>";
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(if expected == 201 { body.ends_with(document) } else { body.is_empty() }, "{body}");
    }
    let added = "bucket=bucket&key=a%20b&etag=%228d777f385d3dfec8815d20f7496026dc%22";
    let reply = send(&gate, &form.clone().field("success_action_redirect", "https://app.example/done?x=1"));
    assert_eq!(reply.status, 303);
    assert_eq!(header(&reply, "location"), Some(&*format!("https://app.example/done?x=1&{added}")));
    let reply = send(&gate, &form.clone().field("redirect", "http://old.example"));
    assert_eq!(header(&reply, "location"), Some(&*format!("http://old.example?{added}")));
    let reply = send(&gate, &form.field("success_action_redirect", "javascript:alert(1)"));
    assert_eq!((reply.status, header(&reply, "location")), (204, Some("http://localhost/bucket/a%20b")));
    let there = Form { target: "/none", ..Form::new("k", b"data") };
    let there = there.field("success_action_redirect", "https://app.example/");
    assert_eq!(send(&gate, &there).code(), "AccessDenied", "the policy is for another bucket");
}

#[test]
fn fields_become_the_headers_of_a_put_object() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    let tags = "<Tagging><TagSet><Tag><Key>a b</Key><Value>c&amp;d</Value></Tag></TagSet></Tagging>";
    let form = Form::new("u/${filename}", b"data")
        .field("acl", "bucket-owner-full-control")
        .field("Content-Type", "text/x")
        .field("Cache-Control", "no-store")
        .field("x-amz-meta-a", "1")
        .field("X-Amz-Meta-A", "2")
        .field("tagging", tags)
        .field("x-amz-storage-class", "STANDARD_IA")
        .field("x-amz-checksum-crc32", "rfPzYw==")
        .field("utf8", "on")
        .extra("x-ignore-me", "secret-agent");
    let form = Form { headers: "cookie: a=b\r\nuser-agent: secret-agent\r\n".to_owned(), ..form };
    let reply = send(&gate, &form);
    assert_eq!(reply.status, 204, "{reply:?}");
    let seen = store.seen();
    assert!(seen[0].head.starts_with("PUT /bucket/u/na%20me.txt HTTP/1.1\r\n"), "{}", seen[0].head);
    for line in [
        "x-amz-acl: bucket-owner-full-control",
        "content-type: text/x",
        "cache-control: no-store",
        "x-amz-meta-a: 1,2",
        "x-amz-tagging: a%20b=c%26d",
        "x-amz-storage-class: STANDARD_IA",
        "x-amz-checksum-crc32: rfPzYw==",
        "content-length: 4",
    ] {
        assert!(seen[0].head.contains(&format!("{line}\r\n")), "{line} in {}", seen[0].head);
    }
    for foreign in [KEY, "secret-agent", "cookie", "multipart", "policy", "image/png", "utf8"] {
        assert!(!seen[0].head.contains(foreign), "{foreign} in {}", seen[0].head);
    }
    assert_eq!((seen[0].body.as_slice(), seen[0].whole), (&b"data"[..], true));
}

#[test]
fn a_large_file_goes_on_while_it_comes_in_with_its_length_said_before() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    let data = sample(2_000_000);
    assert_eq!(send(&gate, &Form::new("k", &data)).status, 204);
    let seen = store.seen();
    assert!(seen[0].head.contains("content-length: 2000000\r\n"), "{}", seen[0].head);
    assert!(seen[0].whole && seen[0].body == data);
}

#[test]
fn a_large_file_that_is_not_what_its_form_says_never_completes_at_the_store() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    let file = sample(9_000_000); // too much to be read whole
    let field = "\r\n--XyZzY\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\nx\r\n--XyZzY--\r\n";
    let form = Form::new("k", &file);
    for behind in ["\r\n--XyZzY--", field, ""] {
        let reply = send(&gate, &Form { behind: behind.to_owned(), ..form.clone() });
        reply.refused(400, "MalformedPOSTRequest");
    }
    let range = |range: &str| form.clone().condition(&format!("[\"content-length-range\", {range}]"));
    send(&gate, &range("0, 8999999")).refused(400, "EntityTooLarge");
    send(&gate, &range("9000001, 9999999")).refused(400, "EntityTooSmall");
    send(&gate, &form.clone().field("x-amz-checksum-crc32", "AAAAAA==")).refused(400, "BadDigest");
    assert_eq!(send(&gate, &range("9000000, 9000000")).status, 204);
    std::thread::sleep(Duration::from_millis(200));
    let whole: Vec<bool> = store.seen().iter().map(|seen| seen.whole).collect();
    assert_eq!(whole.iter().filter(|whole| **whole).count(), 1, "{whole:?}");
    assert!(whole.len() > 1, "some of it had begun");
}

#[test]
fn nothing_is_stored_of_a_form_that_is_wrong() {
    let gate = gate();
    let form = Form::new("k", b"data");
    let malformed = |form: &Form| send(&gate, form).refused(400, "MalformedPOSTRequest");
    malformed(&Form { behind: String::new(), ..form.clone() });
    malformed(&Form { behind: "\r\n--XyZz".to_owned(), ..form.clone() });
    malformed(&Form { behind: "\r\n--XyZzY".to_owned(), ..form.clone() });
    malformed(&Form { behind: "\r\n--XyZzYZ--\r\n".to_owned(), ..form.clone() });
    malformed(&form.clone().extra("Key", "other"));
    malformed(&form.clone().field("acl", "a\r\n--XyZzY and more"));
    malformed(&Form { filename: "a\"; name=\"key", ..form.clone() });
    send(&gate, &Form { file: None, ..form.clone() }).refused(400, "InvalidArgument");
    // Whatever stands behind the first file is no field, so this one is signed by nobody, that one has no key.
    send(&gate, &form.clone().extra("file", "data")).refused(403, "AccessDenied");
    let first = Form { fields: vec![("file".to_owned(), "data".to_owned())], ..form.clone() };
    send(&gate, &first).refused(400, "InvalidArgument");
    send(&gate, &Form { fields: vec![], ..form.clone() }).refused(400, "InvalidArgument");
    send(&gate, &Form { fields: vec![("key".to_owned(), String::new())], ..form.clone() })
        .refused(400, "InvalidArgument");
    let range = |range: &str| form.clone().condition(&format!("[\"content-length-range\", {range}]"));
    send(&gate, &range("0, 3")).refused(400, "EntityTooLarge");
    send(&gate, &range("5, 9")).refused(400, "EntityTooSmall");
    send(&gate, &form.clone().extra("acl", "public-read")).refused(403, "AccessDenied");
    send(&gate, &form.clone().condition("{\"acl\": \"private\"}")).refused(403, "AccessDenied");
    send(&gate, &form.clone().condition("[\"eq\", \"$key\", \"other\"]")).refused(403, "AccessDenied");
    send(&gate, &form.clone().condition("[\"matches\", \"$key\", \"k\"]")).refused(400, "InvalidPolicyDocument");
    send(&gate, &Form { life: -5, ..form.clone() }).refused(403, "AccessDenied");
    send(&gate, &Form { secret: "wrong", ..form.clone() }).refused(403, "SignatureDoesNotMatch");
    send(&gate, &Form { key: "AKIASTRANGER00000001", ..form.clone() }).refused(403, "InvalidAccessKeyId");
    send(&gate, &Form { key: "AKIANOBODYNOBODY0001", ..form.clone() }).refused(403, "AccessDenied");
    send(&gate, &Form { signed: false, ..form.clone() }).refused(403, "AccessDenied");
    let long = "x".repeat(21 * 1024);
    send(&gate, &form.clone().field("x-amz-meta-a", &long)).refused(400, "MaxPostPreDataLengthExceededError");
    send(&gate, &form.field("x-amz-checksum-sha256", "AAAA")).refused(400, "InvalidRequest");
    gate.send(&Ask::new("GET", "/bucket/k")).refused(404, "NoSuchKey");
}

#[test]
fn a_field_that_is_missing_is_named() {
    let gate = gate();
    for missing in ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"] {
        let form = Form::new("k", b"data");
        let left: Vec<_> = form.authentication().into_iter().filter(|(name, _)| name != missing).collect();
        let reply = send(&gate, &Form { signed: false, late: left, ..form });
        reply.refused(400, "InvalidArgument");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(text.contains(&format!("<ArgumentName>{missing}</ArgumentName>")), "{text}");
    }
}

#[test]
fn what_holds_for_a_put_object_holds_for_a_form() {
    let gate = gate();
    for key in ["a/../b", "../k", "a//b", "/a", "a\nb"] {
        send(&gate, &Form::new(key, b"data")).refused(400, "InvalidArgument");
    }
    let traversal = Form { filename: "x/..", ..Form::new("a/${filename}", b"data") };
    send(&gate, &traversal).refused(400, "InvalidArgument");
    send(&gate, &Form::new(&"k".repeat(1025), b"data")).refused(400, "KeyTooLongError");
    let form = Form::new("k", b"data");
    for (name, code) in [
        ("x-amz-unheard-of", "NotImplemented"),
        ("x-minio-extract", "NotImplemented"),
        ("x-amz-copy-source-range", "NotImplemented"),
        ("x-amz-content-sha256", "NotImplemented"),
        ("x-amz-decoded-content-length", "NotImplemented"),
        ("x-amz-trailer", "NotImplemented"),
    ] {
        let reply = send(&gate, &form.clone().field(name, "/bucket/other"));
        reply.refused(501, code);
    }
    let unknown = form.clone().field("X-Amz-Server-Side-Encryption", "aes256");
    send(&gate, &unknown).refused(400, "InvalidEncryptionAlgorithmError");
    send(&gate, &form.clone().field("tagging", "a=b")).refused(400, "MalformedXML");
    let twice = form.clone().field("acl", "private").field("x-amz-acl", "public-read");
    send(&gate, &twice).refused(400, "InvalidArgument");
    send(&gate, &form.clone().field("x-amz-meta-a", "a\r\nx-amz-acl: public-read")).refused(400, "InvalidArgument");
    send(&gate, &form.field("x-amz-expected-bucket-owner", "999988887777")).refused(403, "AccessDenied");
    gate.send(&Ask::new("GET", "/bucket/k")).refused(404, "NoSuchKey");
}

#[test]
fn bucket_and_key_come_from_one_place() {
    let gate = gate();
    assert_eq!(gate.send(&Ask::new("PUT", "/other")).status, 200);
    let form = Form::new("k", b"data");
    assert_eq!(send(&gate, &form.clone().field("bucket", "bucket")).status, 204, "some SDKs send it");
    send(&gate, &form.clone().field("bucket", "other")).refused(400, "InvalidArgument");
    send(&gate, &Form { target: "/other", ..form.clone() }).refused(403, "AccessDenied");
    send(&gate, &Form { target: "/other", ..form.clone().field("bucket", "bucket") }).refused(403, "AccessDenied");
    for target in ["/", "/bucket/k2", "/bucket?delete", "/bucket?x-amz-acl=public-read", "/bucket?prefix=a"] {
        let reply = send(&gate, &Form { target, ..form.clone() });
        assert!((400..=501).contains(&reply.status), "{target}: {reply:?}");
    }
    for name in ["x-amz-acl: public-read", "x-amz-meta-a: b", "x-amz-unheard-of: c"] {
        let form = Form { headers: format!("{name}\r\n"), ..form.clone() };
        send(&gate, &form).refused(501, "NotImplemented");
    }
    let source = Form { headers: "x-amz-copy-source: /other/a\r\n".to_owned(), ..form.clone() };
    send(&gate, &source).refused(400, "InvalidArgument");
    send(&gate, &form.field("x-amz-copy-source", "/other/a")).refused(400, "InvalidArgument");
    let list = gate.send(&Ask::new("GET", "/other?list-type=2"));
    assert!(!String::from_utf8_lossy(&list.body).contains("<Key>"), "{list:?}");
}

/// The key of a form is a field (spec/sigv4.md 10): a path with a key is no place for one, and that is what is told,
/// not that the policy speaks of another bucket.
#[test]
fn a_form_for_a_path_with_a_key_hears_that_there_is_none() {
    let gate = gate();
    let form = Form { target: "/bucket/k2", ..Form::new("k", b"data") };
    send(&gate, &form).refused(405, "MethodNotAllowed");
    send(&gate, &form.clone().forged()).refused(403, "SignatureDoesNotMatch");
    send(&gate, &Form { target: "/other/k2", ..form.clone() }).refused(403, "AccessDenied");
    send(&gate, &Form { target: "/bucket/k2?uploads", ..form }).refused(403, "AccessDenied");
    assert_eq!(gate.send(&Ask::new("GET", "/bucket/k2")).status, 404);
}

#[test]
fn a_form_signs_nothing_but_an_upload() {
    let gate = gate();
    assert_eq!(gate.send(&Ask::put("/bucket/kept", b"data")).status, 200);
    let document = "<Delete><Object><Key>kept</Key></Object></Delete>";
    let form = Form { target: "/bucket?delete", ..Form::new("kept", document.as_bytes()) };
    send(&gate, &form).refused(403, "AccessDenied");
    assert_eq!(gate.send(&Ask::new("GET", "/bucket/kept")).body, b"data");
}

#[test]
fn a_form_without_a_length_is_refused() {
    let gate = gate();
    let body = Form::new("k", b"data").body();
    let head = "POST /bucket HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary=XyZzY\r\n";
    let chunked =
        [format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"]
            .concat();
    gate.send_raw(&chunked).refused(501, "NotImplemented");
    gate.send(&Ask::new("GET", "/bucket/k")).refused(404, "NoSuchKey");
}

#[test]
fn a_form_cut_off_anywhere_stores_nothing() {
    let gate = gate();
    let wire = Form::new("k", b"data").wire();
    let head = wire.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    for end in (head..wire.len()).step_by(41).chain([wire.len() - 1]) {
        let stream = std::net::TcpStream::connect(&gate.address).unwrap();
        std::io::Write::write_all(&mut &stream, &wire[..end]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut &stream, &mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{end}: {}", String::from_utf8_lossy(&answer));
    }
    gate.send(&Ask::new("GET", "/bucket/k")).refused(404, "NoSuchKey");
}

#[test]
fn a_form_is_on_record_as_one_and_none_of_its_secrets_is() {
    let gate = gate();
    let form = Form::new("k", b"data");
    let policy = form.authentication()[3].1.clone();
    assert_eq!(send(&gate, &form).status, 204);
    send(&gate, &Form { secret: "wrong", ..form.clone() }).refused(403, "SignatureDoesNotMatch");
    send(&gate, &Form { signed: false, ..form }).refused(403, "AccessDenied");
    let (records, told) = gate.finish();
    let text = format!("{records:?}{told}");
    assert!(!text.contains(&policy[..60]), "a policy is on record");
    let posts: Vec<_> = records.iter().filter(|record| record["method"] == "POST").collect();
    assert_eq!(posts.len(), 3, "{posts:#?}");
    assert_eq!(posts[0]["operation"], "PostObject", "{:#?}", posts[0]);
    assert!(records.iter().any(|record| record["http_status"] == 204 && record["outcome"] == "completed"));
}
