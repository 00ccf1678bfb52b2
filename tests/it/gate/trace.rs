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
