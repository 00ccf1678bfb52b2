//! Traces: what of a client's is taken in, told to the store and put on record.

use super::{Ask, Gate, Script};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What the store was told in lines of this name, of the last request.
fn told(store: &Script, name: &str) -> Option<String> {
    let seen = store.seen();
    let head = &seen.last().unwrap().head;
    head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
}

#[test]
fn a_trace_goes_on_to_the_store_under_a_span_of_the_requests_own_and_unsigned() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    let ask = Ask::new("GET", "/bucket/k").header("traceparent", PARENT).header("tracestate", "vendor=a, other=b");
    assert_eq!(gate.send(&ask).status, 200);
    let parent = told(&store, "traceparent").unwrap();
    let span = parent.strip_prefix(&format!("00-{ID}-")).unwrap().strip_suffix("-01").unwrap().to_owned();
    assert_ne!(span, "00f067aa0ba902b7");
    assert_eq!(told(&store, "tracestate").as_deref(), Some("vendor=a,other=b"));
    assert!(!told(&store, "authorization").unwrap().contains("trace"), "others on the way may change it");
    let (records, _) = gate.finish();
    let expected = serde_json::json!(
        {"trace_id": ID, "span_id": span, "parent_id": "00f067aa0ba902b7", "state": "vendor=a,other=b"}
    );
    assert_eq!(records[0]["trace"], expected);
}

#[test]
fn nonsense_is_not_handed_on_and_where_nobody_traces_nothing_is_said() {
    let store = Script::ok();
    let gate = Gate::before(&store);
    assert_eq!(gate.send(&Ask::new("GET", "/bucket/k")).status, 200);
    assert_eq!(told(&store, "traceparent"), None);
    let nonsense =
        Ask::new("GET", "/bucket/k").header("traceparent", &PARENT.to_uppercase()).header("tracestate", "a=1");
    assert_eq!(gate.send(&nonsense).status, 200);
    let fresh = told(&store, "traceparent").unwrap();
    assert!(
        fresh.starts_with("00-") && fresh.ends_with("-00") && !fresh.to_uppercase().contains(&ID.to_uppercase()),
        "{fresh}"
    );
    assert_eq!(told(&store, "tracestate"), None);
    // A refusal is on record with its trace, too.
    let denied = Ask { key: super::NOBODY, ..Ask::new("GET", "/bucket/k") }.header("traceparent", PARENT);
    denied_is(&gate, &denied);
    let (records, _) = gate.finish();
    assert_eq!(records[0].get("trace"), None);
    let refused = records.iter().find(|record| record["outcome"] == "refused").unwrap();
    assert_eq!(refused["trace"]["trace_id"], ID);
}

fn denied_is(gate: &Gate, ask: &Ask) {
    gate.send(ask).refused(403, "AccessDenied");
}

#[test]
fn whoever_wants_no_traces_has_none() {
    let store = Script::ok();
    let upstream = format!("[trace]\npropagate = false\n[upstream]\n{}", store.upstream("us-east-1"));
    let gate = Gate::configured("", &upstream);
    assert_eq!(gate.send(&Ask::new("GET", "/bucket/k").header("traceparent", PARENT)).status, 200);
    assert_eq!((told(&store, "traceparent"), told(&store, "tracestate")), (None, None));
    let (records, _) = gate.finish();
    assert!(records.iter().all(|record| record.get("trace").is_none()), "{records:#?}");
}

/// Spans that a collector was sent, by their names.
#[cfg(feature = "otlp")]
fn spans(collector: &Script) -> Vec<serde_json::Value> {
    let of = |body: &[u8]| -> Vec<serde_json::Value> {
        let message: serde_json::Value = serde_json::from_slice(body).unwrap();
        message["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
    };
    collector.seen().iter().flat_map(|seen| of(&seen.body)).collect()
}

#[cfg(feature = "otlp")]
#[test]
fn a_collector_gets_a_span_of_every_request_that_somebody_records() {
    let (store, collector) = (Script::ok(), Script::ok());
    let otlp = format!("[trace]\notlp = \"http://{}/v1/traces\"\n", collector.address);
    let gate = Gate::configured("", &format!("{otlp}[upstream]\n{}", store.upstream("us-east-1")));
    assert_eq!(gate.send(&Ask::new("GET", "/bucket/secret-name").header("traceparent", PARENT)).status, 200);
    let quiet = Ask::new("GET", "/bucket/k").header("traceparent", &PARENT.replace("-01", "-00"));
    assert_eq!(gate.send(&quiet).status, 200);
    assert_eq!(gate.send(&Ask::new("GET", "/bucket/k")).status, 200);
    gate.send(&Ask { key: super::NOBODY, ..Ask::new("GET", "/bucket/k") }).refused(403, "AccessDenied");
    let (records, told) = gate.finish();
    let spans = spans(&collector);
    assert_eq!(spans.len(), 3, "{spans:#?} {told}");
    assert_eq!((&spans[0]["traceId"], &spans[0]["name"]), (&ID.into(), &"GetObject".into()));
    assert_eq!(spans[0]["spanId"], records[0]["trace"]["span_id"]);
    assert_eq!(spans[0]["parentSpanId"], "00f067aa0ba902b7");
    let told = serde_json::to_string(&spans).unwrap();
    assert!(told.contains("\"AccessDenied\"") && !told.contains("secret-name") && !told.contains("user/"), "{told}");
    let head = &collector.seen()[0].head;
    assert!(
        head.starts_with("POST /v1/traces HTTP/1.1\r\n") && head.contains("content-type: application/json\r\n"),
        "{head}"
    );
}

#[cfg(feature = "otlp")]
#[test]
fn a_collector_that_is_away_or_says_nothing_costs_no_request_and_no_end() {
    let silent = Script::answering("");
    for address in ["127.0.0.1:1", &silent.address] {
        let store = Script::ok();
        let otlp = format!("[trace]\notlp = \"http://{address}/\"\n");
        let gate = Gate::configured("", &format!("{otlp}[upstream]\n{}", store.upstream("us-east-1")));
        for _ in 0..50 {
            assert_eq!(gate.send(&Ask::new("GET", "/bucket/k")).status, 200);
        }
        let (records, told) = gate.finish();
        assert_eq!(records.iter().filter(|record| record["outcome"] == "completed").count(), 50);
        assert!(told.contains("the collector takes no spans"), "{told}");
    }
}
