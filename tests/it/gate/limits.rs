//! Quotas and rates: what is refused, in whose words, before what, and what is seen of it. The rates are so
//! low that no test waits for the clock.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::house::House;
use super::{Ask, Gate, Mode, Reply, SECRET, Script};

const KEY_ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/99809225-3def-fa38-e12b-2b8f30b17d0b";
const OTHER: &str = "AKIAOTHEROTHEROTHER1";
const MESSAGE: &str = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";

/// Two administrators.
fn users() -> String {
    let user = |name: &str, key: &str| {
        format!(
            "[[user]]\narn = \"arn:aws:iam::111122223333:user/{name}\"\npolicies = [\"administrator\"]\n\
             keys = [{{ id = \"{key}\", secret = \"{SECRET}\" }}]\n\n"
        )
    };
    format!(
        "[[account]]\nid = \"111122223333\"\nname = \"main\"\n\n{}{}",
        user("test", super::KEY),
        user("other", OTHER)
    )
}

/// A proxy with limits, before this store; on TLS, without which no KMS key is used.
fn gate(store: &Script, limits: &str) -> House {
    let users = users();
    let files = [("policies/credentials.toml", users.as_str())];
    let tables = format!("{limits}\n[upstream]\n{}", store.upstream("us-east-1"));
    House::launch("", &tables, &files).unwrap_or_else(|told| panic!("{told}"))
}

/// The same on plain HTTP.
fn plain(store: &Script, limits: &str) -> Gate {
    let users = users();
    let files = [("policies/credentials.toml", users.as_str())];
    let tables = format!("{limits}\n[upstream]\n{}", store.upstream("us-east-1"));
    Gate::launch("", &tables, &files).unwrap_or_else(|told| panic!("{told}"))
}

/// Uses of keys: so many at once, and then none for as long as a test takes.
fn quota(burst: u32, more: &str) -> String {
    format!("[rate.kms]\n{more}\nsymmetric = {{ rate = \"1/1000s\", burst = {burst} }}")
}

fn put(key: &str) -> Ask {
    Ask::put(&format!("/bucket/{key}"), b"data")
        .header("x-amz-server-side-encryption", "aws:kms")
        .header("x-amz-server-side-encryption-aws-kms-key-id", KEY_ARN)
}

fn get(key: &str) -> Ask {
    Ask::new("GET", &format!("/bucket/{key}"))
}

/// The value of a header of an answer.
fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn waits(reply: &Reply) -> (Option<u64>, Option<u64>) {
    let number = |name| header(reply, name).map(|text| text.parse().unwrap());
    (number("x-amz-retry-after"), number("retry-after"))
}

#[track_caller]
fn has_both_hints(reply: &Reply) {
    let (Some(millis), Some(seconds)) = waits(reply) else { panic!("{}", reply.head) };
    assert!(millis > 0 && seconds == millis.div_ceil(1000), "{}", reply.head);
}

#[test]
fn a_key_use_over_the_quota_is_refused_as_kms_says_it_and_the_store_hears_nothing() {
    let store = Script::ok();
    let gate = gate(&store, &quota(2, ""));
    assert_eq!(gate.send(&put("1")).status, 200);
    assert_eq!(gate.send(&get("1")).status, 200);
    let seen = store.seen().len();
    let reply = gate.send(&put("2"));
    reply.refused(400, "ThrottlingException");
    has_both_hints(&reply);
    let (id, host) = (header(&reply, "x-amz-request-id").unwrap(), header(&reply, "x-amz-id-2").unwrap());
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>ThrottlingException</Code><Message>{MESSAGE}</Message>\
         <RequestId>{id}</RequestId><HostId>{host}</HostId></Error>"
    );
    assert_eq!(String::from_utf8(reply.body).unwrap(), document);
    assert_eq!(store.seen().len(), seen);
    // What needs no key goes on.
    assert_eq!(gate.send(&Ask::put("/bucket/3", b"data")).status, 200);
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket/1")).status, 200);
    let (journal, _) = gate.finish();
    let refused = journal.iter().find(|record| record["decision"] == "throttle").unwrap();
    assert_eq!(refused["dimension"], "rate.kms.symmetric");
    assert_eq!((&refused["kms_calls"], &refused["http_status"]), (&1.into(), &400.into()));
    assert_eq!((&refused["error_code"], &refused["reason"]), (&"ThrottlingException".into(), &"over-quota".into()));
    assert!(refused["detail"].as_str().unwrap().contains("`rate.kms.symmetric`"));
    assert_eq!(journal.iter().filter(|record| record["kms_calls"] == 1).count(), 3);
}

#[test]
fn a_head_is_503_with_both_hints_and_its_record_keeps_the_code() {
    let store = Script::ok();
    let gate = gate(&store, &quota(1, ""));
    assert_eq!(gate.send(&put("1")).status, 200);
    // Without checksums nothing is opened.
    assert_eq!(gate.send(&Ask::new("HEAD", "/bucket/1")).status, 200);
    let reply = gate.send(&Ask::new("HEAD", "/bucket/1").header("x-amz-checksum-mode", "ENABLED"));
    assert_eq!((reply.status, reply.body.len()), (503, 0));
    has_both_hints(&reply);
    let (journal, _) = gate.finish();
    let refused = journal.iter().find(|record| record["decision"] == "throttle").unwrap();
    assert_eq!(refused["error_code"], "ThrottlingException");
    assert_eq!(refused["http_status"], 503);
}

#[test]
fn each_surface_has_its_words() {
    let crt = "aws-cli/2.30 CRTS3NativeClient/0.1";
    for (surface, agent, status, code) in [
        ("exception", crt, 400, "ThrottlingException"),
        ("slowdown", "Boto3/1.40", 503, "SlowDown"),
        ("auto", "Boto3/1.40", 400, "ThrottlingException"),
        ("auto", crt, 503, "SlowDown"),
        ("prefixed", "Boto3/1.40", 400, "KMS.ThrottlingException"),
    ] {
        let store = Script::ok();
        let gate = gate(&store, &quota(1, &format!("surface = \"{surface}\"")));
        assert_eq!(gate.send(&put("1")).status, 200);
        let reply = gate.send(&put("2").header("user-agent", agent));
        reply.refused(status, code);
        has_both_hints(&reply);
    }
}

#[test]
fn what_can_never_pass_has_no_hint() {
    let store = Script::ok();
    // Two layers cost two calls, and are Amazon's alone.
    let gate = |limits: &str| {
        let amazon = store.upstream("us-east-1").replace("\"minio\"", "\"aws\"");
        let users = users();
        let files = [("policies/credentials.toml", users.as_str())];
        House::launch("", &format!("{limits}\n[upstream]\n{amazon}"), &files).unwrap_or_else(|told| panic!("{told}"))
    };
    let dsse = Ask::put("/bucket/1", b"data")
        .header("x-amz-server-side-encryption", "aws:kms:dsse")
        .header("x-amz-server-side-encryption-aws-kms-key-id", KEY_ARN);
    let (other, gate) =
        (gate("[rate.kms]\nsurface = \"slowdown\"\nsymmetric = { rate = 1, burst = 1 }"), gate(&quota(1, "")));
    let reply = gate.send(&dsse);
    reply.refused(400, "ThrottlingException");
    assert_eq!(waits(&reply), (None, None));
    // It has cost nothing.
    assert_eq!(gate.send(&put("1")).status, 200);
    // Nor where it is 503, though all others have one.
    let reply = other.send(&dsse);
    reply.refused(503, "SlowDown");
    assert_eq!(waits(&reply), (None, None));
}

#[test]
fn a_client_that_waits_for_a_word_is_told_without_one() {
    let store = Script::ok();
    let gate = gate(&store, &quota(1, ""));
    assert_eq!(gate.send(&put("1")).status, 200);
    let (head, body) = put("2").header("expect", "100-continue").parts();
    assert!(!body.is_empty());
    let reply = gate.send_raw("localhost", head.as_bytes());
    reply.refused(400, "ThrottlingException");
    assert!(reply.head.starts_with("HTTP/1.1 400"), "{}", reply.head);
}

#[test]
fn what_is_refused_by_policy_costs_nothing() {
    let store = Script::ok();
    let limits = quota(1, "");
    let more = format!(
        "{}[[user]]\narn = \"arn:aws:iam::111122223333:user/nobody\"\npolicies = []\nkeys = [{{ id = \"AKIANOBODYNOBODY0001\", secret = \"{SECRET}\" }}]\n",
        users()
    );
    let tables = format!(
        "{limits}\n[rate.requests]\nbucket = {{ rate = \"1/1000s\", burst = 1 }}\n[upstream]\n{}",
        store.upstream("us-east-1")
    );
    let gate = House::launch("", &tables, &[("policies/credentials.toml", more.as_str())]).unwrap();
    for _ in 0..3 {
        gate.send(&Ask { key: "AKIANOBODYNOBODY0001", ..put("1") }).refused(403, "AccessDenied");
        gate.send(&Ask { secret: "wrongwrongwrongwrongwrong", ..put("1") }).refused(403, "SignatureDoesNotMatch");
    }
    assert_eq!(gate.send(&put("1")).status, 200);
}

#[test]
fn an_object_that_nobody_knew_is_charged_when_its_answer_shows_what_it_is() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\netag: \"abc\"\r\ncontent-length: 4\r\nx-amz-server-side-encryption: aws:kms\r\n\
        x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:us-east-1:111122223333:key/1\r\n\r\ndata";
    let store = Script::answering(ANSWER);
    let gate = gate(&store, &quota(2, ""));
    // The second is known by then, and charged before it goes.
    assert_eq!(gate.send(&get("1")).status, 200);
    assert_eq!(gate.send(&get("1")).status, 200);
    gate.send(&get("1")).refused(400, "ThrottlingException");
    // One more that nobody knows passes, and comes on top.
    assert_eq!(gate.send(&get("2")).status, 200);
    gate.send(&get("2")).refused(400, "ThrottlingException");
}

#[test]
fn a_bucket_key_is_paid_once_by_each_principal() {
    let store = Script::ok();
    let gate = gate(&store, &quota(2, ""));
    let put = |key: &str| put(key).header("x-amz-server-side-encryption-bucket-key-enabled", "true");
    for key in ["1", "2", "3"] {
        assert_eq!(gate.send(&put(key)).status, 200);
        assert_eq!(gate.send(&get(key)).status, 200);
    }
    assert_eq!(gate.send(&Ask { key: OTHER, ..put("4") }).status, 200);
    gate.send(&Ask { key: OTHER, ..get("1") }).refused(400, "ThrottlingException");
}

#[test]
fn every_part_of_an_upload_opens_its_data_key() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\netag: \"abc\"\r\ncontent-type: application/xml\r\ncontent-length: 121\r\n\r\n\
        <InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>k</Key><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
    let store = Script::answering(ANSWER);
    let gate = gate(&store, &quota(3, ""));
    let create = Ask { method: "POST", target: "/bucket/k?uploads=".to_owned(), body: vec![], ..put("k") };
    assert_eq!(gate.send(&create).status, 200);
    for number in 1..=2 {
        let part = Ask::put(&format!("/bucket/k?partNumber={number}&uploadId=u1"), b"data");
        assert_eq!(gate.send(&part).status, 200);
    }
    gate.send(&Ask::put("/bucket/k?partNumber=3&uploadId=u1", b"data")).refused(400, "ThrottlingException");
    // Of another upload nothing is known.
    assert_eq!(gate.send(&Ask::put("/bucket/k?partNumber=3&uploadId=u2", b"data")).status, 200);
}

#[test]
fn a_store_that_throttles_is_told_on_in_our_words_and_slows_us_down() {
    const ANSWER: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/xml\r\ncontent-length: 82\r\n\r\n\
        <Error><Code>KMS.ThrottlingException</Code><Message>too often</Message></Error>   ";
    let store = Script::answering(ANSWER);
    let gate = gate(&store, &quota(2, ""));
    let reply = gate.send(&put("1"));
    reply.refused(400, "ThrottlingException");
    assert_eq!(waits(&reply), (Some(1000), Some(1)));
    // One was charged, and one is a tenth of a second's worth.
    let asked = store.seen().len();
    let reply = gate.send(&put("1"));
    reply.refused(400, "ThrottlingException");
    assert!(waits(&reply).0.unwrap() > 1000, "{}", reply.head);
    assert_eq!(store.seen().len(), asked);
}

#[test]
fn requests_are_slowed_down_by_whatever_they_are_counted_by() {
    let one = "{ rate = \"1/1000s\", burst = 1 }";
    let by = |ask: Ask| Ask { key: OTHER, ..ask };
    for (limit, name, again, other) in [
        ("principal", "rate.requests.principal", get("b/1"), by(get("a/1"))),
        ("bucket", "rate.requests.bucket", by(get("b/1")), Ask::new("GET", "/another/a/1")),
        ("read", "rate.requests.read", by(get("a/2")), get("b/1")),
        ("read", "rate.requests.read", get("a/2"), Ask::put("/bucket/a/1", b"")),
    ] {
        let store = Script::ok();
        let gate = gate(&store, &format!("[rate.requests]\n{limit} = {one}"));
        assert_eq!(gate.send(&get("a/1")).status, 200, "{limit}");
        let reply = gate.send(&again);
        reply.refused(503, "SlowDown");
        assert!(String::from_utf8_lossy(&reply.body).contains("<Message>Please reduce your request rate.</Message>"));
        has_both_hints(&reply);
        assert_eq!(gate.send(&other).status, 200, "{limit}");
        let (journal, _) = gate.finish();
        let refused = journal.iter().find(|record| record["decision"] == "throttle").unwrap();
        assert_eq!((&refused["dimension"], &refused["reason"]), (&name.into(), &"over-rate".into()));
    }
}

#[test]
fn lists_and_deletions_have_budgets_of_their_own() {
    let store = Script::ok();
    let limits =
        "[rate.requests]\nlist = { rate = \"1/1000s\", burst = 1 }\ndelete = { rate = \"1/1000s\", burst = 1 }";
    let gate = gate(&store, limits);
    let (list, delete) = (Ask::new("GET", "/bucket?list-type=2"), Ask::new("DELETE", "/bucket/1"));
    for ask in [&list, &delete] {
        assert_ne!(gate.send(ask).status, 503);
        gate.send(ask).refused(503, "SlowDown");
    }
    assert_eq!(gate.send(&get("1")).status, 200);
    assert_eq!(gate.send(&Ask::put("/bucket/1", b"")).status, 200);
}

#[test]
fn a_flood_is_refused_before_anybody_looks_at_signatures() {
    let store = Script::ok();
    let gate = gate(&store, "[rate.requests]\naddress = { rate = \"1/1000s\", burst = 2 }");
    let wrong = Ask { secret: "wrongwrongwrongwrongwrong", ..get("1") };
    gate.send(&wrong).refused(403, "SignatureDoesNotMatch");
    gate.send(&wrong).refused(403, "SignatureDoesNotMatch");
    gate.send(&wrong).refused(503, "SlowDown");
    gate.send(&get("1")).refused(503, "SlowDown");
    let (journal, _) = gate.finish();
    let refused: Vec<_> = journal.iter().filter(|record| record["decision"] == "throttle").collect();
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0]["dimension"], "rate.requests.address");
    assert!(refused[0].get("requester").is_none());
}

#[test]
fn the_unsigned_have_a_budget_of_their_own() {
    let store = Script::ok();
    let gate = plain(&store, "[rate.requests]\nanonymous = { rate = \"1/1000s\", burst = 2 }");
    let unsigned = b"GET /bucket/1 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    gate.send_raw(unsigned).refused(403, "AccessDenied");
    gate.send_raw(unsigned).refused(403, "AccessDenied");
    gate.send_raw(unsigned).refused(503, "SlowDown");
    assert_eq!(gate.send(&get("1")).status, 200);
    // A form turns out to be unsigned when its fields have been read.
    let form = b"--b\r\ncontent-disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b\r\n\
        content-disposition: form-data; name=\"file\"\r\n\r\ndata\r\n--b--\r\n";
    let head = format!(
        "POST /bucket HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
        form.len()
    );
    // Nothing allows it; what is not allowed is not counted.
    gate.send_raw(&[head.as_bytes(), form].concat()).refused(403, "AccessDenied");
}

#[test]
fn whoever_has_sent_too_much_waits_and_others_do_not() {
    let store = Script::ok();
    let gate = gate(&store, "[rate.requests]\nprincipal = { upload = \"1KiB\" }");
    let body = vec![b'x'; 3 << 20];
    assert_eq!(gate.send(&Ask::put("/bucket/1", &body)).status, 200, "one passes, however long it is");
    let reply = gate.send(&Ask::put("/bucket/2", b"x"));
    reply.refused(503, "SlowDown");
    assert!(waits(&reply).0.unwrap() > 2_000_000, "{}", reply.head);
    assert_eq!(gate.send(&get("1")).status, 200);
    assert_eq!(gate.send(&Ask::put("/bucket/empty", b"")).status, 200);
    assert_eq!(gate.send(&Ask { key: OTHER, ..Ask::put("/bucket/3", b"x").mode(Mode::Unsigned) }).status, 200);
}

#[test]
fn whoever_has_got_too_much_waits() {
    let body = "x".repeat(1 << 20);
    let answer = format!("HTTP/1.1 200 OK\r\netag: \"abc\"\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let store = Script::answering(answer.leak());
    let gate = gate(&store, "[rate.requests]\nprincipal = { download = \"1KiB\" }");
    assert_eq!(gate.send(&get("1")).body.len(), 1 << 20);
    let reply = gate.send(&get("1"));
    reply.refused(503, "SlowDown");
    assert!(waits(&reply).0.unwrap() > 900_000, "{}", reply.head);
    assert_eq!(gate.send(&Ask { key: OTHER, ..get("1") }).status, 200);
}

/// The next request that comes to a store; connections that ask nothing are probes.
fn asked(store: &TcpListener) -> TcpStream {
    loop {
        let (mut stream, _) = store.accept().unwrap();
        if stream.read_exact(&mut [0; 16]).is_ok() {
            return stream;
        }
    }
}

#[test]
fn a_seat_is_held_until_the_answer_has_ended() {
    let store = TcpListener::bind("127.0.0.1:0").unwrap();
    let script = Script { address: store.local_addr().unwrap().to_string(), seen: Default::default() };
    let gate = plain(&script, "[rate.requests]\nprincipal = { concurrent = 1 }");
    let mut first = TcpStream::connect(&gate.address).unwrap();
    first.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    first.write_all(&get("1").wire()).unwrap();
    // The store has the request, and answers nothing yet.
    let mut held = asked(&store);
    let reply = gate.send(&get("2"));
    reply.refused(503, "SlowDown");
    assert_eq!(waits(&reply), (Some(500), Some(1)));
    held.write_all(b"HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    first.read_to_end(&mut answer).unwrap();
    assert_eq!(Reply::parse(&answer).status, 200);
    drop(held);
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| gate.send(&get("3")));
        asked(&store).write_all(b"HTTP/1.1 200 OK\r\netag: \"a\"\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert_eq!(sent.join().unwrap().status, 200);
    });
    let (journal, _) = gate.finish();
    let refused = journal.iter().find(|record| record["decision"] == "throttle").unwrap();
    assert_eq!(refused["dimension"], "rate.requests.principal.concurrent");
}

#[test]
fn what_is_counted_is_seen_in_the_metrics_under_names_of_the_configuration() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = Script::ok();
    let limits = "[rate.requests]\nbucket = { rate = 1000 }\nprincipal = { rate = 1000, concurrent = 5 }";
    let level = format!(
        "[[sensitivity.level]]\nname = \"internal\"\nkeys = [\"{KEY_ARN}\"]\nencrypt = [\"*\"]\ndecrypt = [\"*\"]"
    );
    let admin = format!("[admin]\naddress = \"127.0.0.1:{port}\"");
    let gate = gate(&store, &format!("{admin}\n{}\n{limits}\n{level}", quota(3, "")));
    assert_eq!(gate.send(&put("1")).status, 200);
    assert_eq!(gate.send(&get("1")).status, 200);
    assert_eq!(gate.send(&get("1")).status, 200);
    gate.send(&get("1")).refused(400, "ThrottlingException");
    let mut admin = TcpStream::connect(("127.0.0.1", port)).unwrap();
    admin.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    admin.read_to_string(&mut text).unwrap();
    for line in [
        r#"bartizan_throttled_total{rule="rate.kms.symmetric"} 1"#,
        r#"bartizan_throttled_total{rule="rate.requests.principal.concurrent"} 0"#,
        r#"bartizan_throttle_decisions_total{dimension="rate.kms.symmetric",decision="allow"} 3"#,
        r#"bartizan_throttle_decisions_total{dimension="rate.kms.symmetric",decision="throttle"} 1"#,
        r#"bartizan_throttle_decisions_total{dimension="rate.requests.bucket",decision="allow"} 4"#,
        r#"bartizan_throttle_decisions_total{dimension="rate.requests.bucket",decision="throttle"} 0"#,
        "bartizan_throttle_wait_seconds_count 1",
        r#"bartizan_kms_calls_total{call="GenerateDataKey",level="-"} 0"#,
        r#"bartizan_kms_calls_total{call="GenerateDataKey",level="internal"} 1"#,
        r#"bartizan_kms_calls_total{call="Decrypt",level="internal"} 2"#,
        r#"bartizan_kms_requests_until_throttled{dimension="rate.kms.symmetric"} 0"#,
        r#"bartizan_throttle_keys{dimension="rate.kms.symmetric"} 1"#,
        "bartizan_throttle_overflow_total 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("user/test") && !text.contains(KEY_ARN));
}
