//! Faults that clients meet on purpose: each kind, on record and on the answer; switched on and off; and never on
//! a listener that is not marked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Ask, Gate, Reply, Script};

const MARKED: &str = "rehearsal = true";

fn launch(listen: &str, rehearsals: &str) -> (Gate, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tables = format!("[upstream]\nkind = \"embedded\"\n[admin]\naddress = \"127.0.0.1:{port}\"\n{rehearsals}");
    let gate = Gate::launch(listen, &tables, &[]).unwrap_or_else(|told| panic!("{told}"));
    for (target, body) in [("/data", &b""[..]), ("/data/key", &b"0123456789"[..])] {
        assert_eq!(gate.send(&Ask::put(target, body)).status, 200);
    }
    (gate, port)
}

/// One rehearsal of reads below `key`.
fn of_reads(name: &str, fault: &str) -> String {
    format!(
        "[[rehearsal]]\nname = \"{name}\"\nprincipal = \"arn:aws:iam::*:user/test\"\nprefix = \"key\"\n\
         operations = [\"GetObject\", \"HeadObject\"]\n{fault}\n"
    )
}

fn get(gate: &Gate) -> Reply {
    gate.send(&Ask::new("GET", "/data/key"))
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn admin(port: u16, method: &str, path: &str) -> Reply {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    stream.write_all(format!("{head}content-type: application/json\r\ncontent-length: 0\r\n\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Reply::parse(&answer)
}

/// The records of requests to the key that met a fault, by name; and how many others there are.
fn noted(gate: Gate) -> (Vec<Value>, usize) {
    let (records, _) = gate.finish();
    let intents = records.into_iter().filter(|record| record["key"] == "key" && record["method"] != "PUT");
    let (met, others): (Vec<Value>, Vec<Value>) = intents.partition(|record| record["rehearsed"].is_string());
    (met, others.len())
}

#[test]
fn a_client_is_throttled_as_often_as_is_rehearsed() {
    let (gate, port) = launch(MARKED, &of_reads("busy", "fault = \"throttle\"\ntimes = 2"));
    for _ in 0..2 {
        let throttled = get(&gate);
        throttled.refused(503, "SlowDown");
        assert_eq!(header(&throttled, "x-bartizan-rehearsal"), Some("busy"));
        assert_eq!(
            (header(&throttled, "retry-after"), header(&throttled, "x-amz-retry-after")),
            (Some("1"), Some("500"))
        );
    }
    let fine = get(&gate);
    assert_eq!((fine.status, header(&fine, "x-bartizan-rehearsal")), (200, None));
    assert_eq!(
        gate.send(&Ask::new("GET", "/data?list-type=2&prefix=key")).status,
        200,
        "other operations are not meant"
    );
    let text = String::from_utf8(admin(port, "GET", "/metrics").body).unwrap();
    assert!(text.contains("bartizan_rehearsed_total{fault=\"throttle\"} 2\n"), "{text}");
    let (met, others) = noted(gate);
    assert_eq!((met.len(), others), (2, 1));
    for record in met {
        assert_eq!((&record["rehearsed"], &record["reason"]), (&"busy".into(), &"rehearsal".into()));
        assert_eq!((&record["decision"], &record["error_code"]), (&"throttle".into(), &"SlowDown".into()));
    }
}

#[test]
fn a_throttle_of_the_key_service_is_told_as_clients_retry_it() {
    let (gate, _) = launch(MARKED, &of_reads("keys", "fault = \"kms-throttle\""));
    let throttled = get(&gate);
    throttled.refused(400, "ThrottlingException");
    let message = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.";
    assert!(String::from_utf8_lossy(&throttled.body).contains(message));
    assert_eq!(header(&throttled, "x-amz-retry-after"), Some("500"));
    let head = gate.send(&Ask::new("HEAD", "/data/key"));
    assert_eq!((head.status, header(&head, "x-amz-retry-after"), head.body.len()), (503, Some("500"), 0));
    assert_eq!(header(&head, "x-bartizan-rehearsal"), Some("keys"));
    let (met, _) = noted(gate);
    let told: Vec<_> =
        met.iter().map(|record| (record["http_status"].as_u64(), record["error_code"].as_str())).collect();
    assert_eq!(told, [(Some(400), Some("ThrottlingException")), (Some(503), Some("ThrottlingException"))]);
}

#[test]
fn an_error_comes_at_its_rate_and_alike_for_one_seed() {
    let rehearsal = of_reads("sometimes", "fault = \"error\"\nrate = 0.5\nseed = 7");
    let run = || {
        let (gate, _) = launch(MARKED, &rehearsal);
        (0..40).map(|_| get(&gate).status).collect::<Vec<_>>()
    };
    let first = run();
    let errors = first.iter().filter(|status| **status == 500).count();
    assert!((5..=35).contains(&errors) && first.iter().all(|status| matches!(status, 200 | 500)), "{first:?}");
    assert_eq!(first, run());
}

#[test]
fn an_answer_comes_late_and_whole() {
    let (gate, _) = launch(MARKED, &of_reads("late", "fault = \"latency\"\nlatency = \"80ms\"\ntimes = 1"));
    let asked = Instant::now();
    let late = get(&gate);
    assert!(asked.elapsed() >= Duration::from_millis(80));
    assert_eq!((late.status, late.body.as_slice()), (200, &b"0123456789"[..]));
    assert_eq!(header(&late, "x-bartizan-rehearsal"), Some("late"));
    let (met, _) = noted(gate);
    assert_eq!((&met[0]["rehearsed"], &met[0]["decision"]), (&"late".into(), &"allow".into()));
}

#[test]
fn an_answer_breaks_off_and_its_record_says_where() {
    let (gate, _) = launch(MARKED, &of_reads("broken", "fault = \"cut\"\nafter = \"4B\"\ntimes = 2"));
    for _ in 0..2 {
        let cut = get(&gate);
        assert_eq!((cut.status, header(&cut, "content-length"), cut.body.as_slice()), (200, Some("10"), &b"0123"[..]));
        assert_eq!(header(&cut, "x-bartizan-rehearsal"), Some("broken"));
    }
    assert_eq!(get(&gate).body, b"0123456789");
    let (records, _) = gate.finish();
    let sent: Vec<_> = records.iter().filter(|record| record["outcome"] == "upstream-failed").collect();
    assert_eq!(sent.len(), 2, "{records:?}");
    assert!(sent.iter().all(|record| record["bytes_sent"] == 4), "{sent:?}");
}

#[test]
fn an_answer_of_another_server_breaks_off_too() {
    let store = Script::answering("HTTP/1.1 200 OK\r\netag: \"abc\"\r\ncontent-length: 10\r\n\r\n0123456789");
    let tables = format!(
        "[upstream]\n{}\n{}",
        store.upstream("us-east-1"),
        of_reads("broken", "fault = \"cut\"\nafter = \"7B\"")
    );
    let gate = Gate::launch(MARKED, &tables, &[]).unwrap_or_else(|told| panic!("{told}"));
    let cut = get(&gate);
    assert_eq!((cut.status, header(&cut, "content-length"), cut.body.as_slice()), (200, Some("10"), &b"0123456"[..]));
}

#[test]
fn a_rehearsal_is_switched_by_the_admin_listener() {
    let (gate, port) = launch(MARKED, &of_reads("later", "fault = \"error\"\nenabled = false"));
    assert_eq!(get(&gate).status, 200);
    let on = admin(port, "POST", "/v1/rehearsals/later/on?times=1");
    let told: Value = serde_json::from_slice(&on.body).unwrap();
    assert_eq!((on.status, &told["on"], &told["left"]), (200, &true.into(), &1.into()));
    assert_eq!([get(&gate).status, get(&gate).status], [500, 200]);
    assert_eq!(admin(port, "POST", "/v1/rehearsals/later/on").status, 200);
    assert_eq!([get(&gate).status, get(&gate).status], [500, 500]);
    assert_eq!(admin(port, "POST", "/v1/rehearsals/later/off").status, 200);
    assert_eq!(get(&gate).status, 200);
    let shown: Value = serde_json::from_slice(&admin(port, "GET", "/v1/rehearsals").body).unwrap();
    assert_eq!(shown["rehearsals"][0]["met"], 3, "{shown}");
    for (method, path, status) in [
        ("POST", "/v1/rehearsals/other/on", 404),
        ("POST", "/v1/rehearsals/later/on?times=0", 400),
        ("GET", "/v1/rehearsals/later/on", 405),
        ("PUT", "/v1/rehearsals/later/on", 405),
        ("POST", "/v1/rehearsals", 405),
    ] {
        assert_eq!(admin(port, method, path).status, status, "{method} {path}");
    }
    let mut page = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let order = "POST /v1/rehearsals/later/on HTTP/1.1\r\nhost: localhost\r\norigin: https://example.com\r\n\
                 connection: close\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n";
    page.write_all(order.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = page.read_to_end(&mut answer);
    assert_eq!(Reply::parse(&answer).status, 403, "no page in a browser gives orders");
    assert_eq!(get(&gate).status, 200);
}

#[test]
fn a_listener_that_is_not_marked_plays_nothing() {
    let second =
        format!("{MARKED}\n\n[[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\nhosts = [\"localhost\"]");
    let (gate, port) = launch(&second, &of_reads("never", "fault = \"error\""));
    for _ in 0..5 {
        assert_eq!(get(&gate).status, 200);
    }
    let shown: Value = serde_json::from_slice(&admin(port, "GET", "/v1/rehearsals").body).unwrap();
    assert_eq!((&shown["rehearsals"][0]["on"], &shown["rehearsals"][0]["met"]), (&true.into(), &0.into()));
    let (met, others) = noted(gate);
    assert_eq!((met.len(), others), (0, 5));
}

#[test]
fn strangers_and_the_denied_meet_no_fault() {
    let any = "[[rehearsal]]\nname = \"all\"\nbucket = \"data\"\nprefix = \"key\"\noperations = [\"GetObject\"]\nfault = \"error\"\n";
    let (gate, _) = launch(MARKED, any);
    gate.send(&Ask { key: "AKIANOBODYNOBODY0001", ..Ask::new("GET", "/data/key") }).refused(403, "AccessDenied");
    gate.send(&Ask { key: "AKIAUNKNOWNUNKNOWN01", ..Ask::new("GET", "/data/key") }).refused(403, "InvalidAccessKeyId");
    get(&gate).refused(500, "InternalError");
}

#[test]
fn a_rehearsal_without_a_marked_listener_keeps_the_proxy_from_starting() {
    let tables = format!("[upstream]\nkind = \"embedded\"\n{}", of_reads("never", "fault = \"error\""));
    let told = Gate::launch("", &tables, &[]).err().unwrap();
    assert!(told.contains("no listener is marked for `rehearsal`"), "{told}");
}
