//! What docs/dashboards shows and alerts about is what a running proxy tells.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use super::{Ask, Gate};

const DASHBOARD: &str = include_str!("../../../docs/dashboards/bartizan.json");
const ALERTS: &str = include_str!("../../../docs/dashboards/alerts.yaml");
const PAGE: &str = include_str!("../../../docs/monitoring.md");
/// Labels of the metrics, and those that Prometheus itself adds.
const LABELS: [&str; 13] = [
    "call",
    "dimension",
    "direction",
    "fault",
    "instance",
    "kind",
    "le",
    "operation",
    "outcome",
    "reason",
    "rule",
    "sink",
    "what",
];

/// The samples that a proxy has: those that it tells at once, and the families that are empty until something
/// happens, as the program registers them.
fn samples() -> BTreeSet<String> {
    let registered = registered();
    let ends = ["", "_total", "_bucket", "_sum", "_count"];
    let of = |name: &String| ends.map(|end| format!("bartizan_{name}{end}"));
    let known: BTreeSet<String> = registered.iter().flat_map(of).collect();
    let told = told();
    assert!(told.len() > 20 && told.iter().all(|name| known.contains(name)), "{told:?} of {registered:?}");
    known
}

/// Names in the program's own calls that register metrics.
fn registered() -> BTreeSet<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/control");
    let parts = std::fs::read_dir(folder.join("metrics")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut found = BTreeSet::new();
    for path in parts.chain([folder.join("metrics.rs")]) {
        let text = std::fs::read_to_string(&path).unwrap();
        for call in ["register(", "count("] {
            let names =
                text.split(call).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
            found.extend(names.map(str::to_owned));
        }
    }
    found
}

/// What a proxy tells that was just started and asked once.
fn told() -> BTreeSet<String> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let admin = format!("[upstream]\nkind = \"embedded\"\n\n[admin]\naddress = \"127.0.0.1:{port}\"\n");
    let gate = Gate::configured("", &admin);
    gate.send(&Ask::new("GET", "/"));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let names = text.lines().filter(|line| line.starts_with("bartizan_"));
    names.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).filter(|word| !word.is_empty())
}

fn metrics(text: &str) -> BTreeSet<&str> {
    words(text).filter(|word| word.starts_with("bartizan_")).collect()
}

/// The labels that an expression or a text of a rule names: in braces, behind `by`, as `$labels`.
fn labels(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for piece in text.split(" by (").skip(1) {
        found.extend(words(piece.split(')').next().unwrap()).map(str::to_owned));
    }
    for piece in text.split("$labels.").skip(1) {
        found.extend(words(piece).next().map(str::to_owned));
    }
    for piece in text.split('{').skip(1) {
        let inside = piece.split('}').next().unwrap();
        let pairs = inside.split(',').filter_map(|pair| pair.split_once(['=', '!']));
        found.extend(pairs.map(|(name, _)| name.trim().to_owned()));
    }
    found.retain(|name| !name.is_empty());
    found
}

fn expressions(dashboard: &Value) -> Vec<String> {
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| {
        panel["targets"].as_array().into_iter().flatten().map(|target| target["expr"].as_str().unwrap().to_owned())
    });
    targets.collect()
}

#[test]
fn everything_on_the_dashboard_and_in_the_alerts_is_told_by_a_proxy() {
    let samples = samples();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let expressions = expressions(&dashboard);
    assert!(expressions.len() > 30);
    for text in expressions.iter().map(String::as_str).chain([ALERTS, DASHBOARD]) {
        for name in metrics(text) {
            assert!(samples.contains(name), "no proxy tells {name}");
        }
    }
    let rules = ALERTS.lines().filter(|line| !line.contains("severity:"));
    for text in expressions.iter().map(String::as_str).chain(rules) {
        for label in labels(text) {
            assert!(LABELS.contains(&label.as_str()), "no metric has the label {label}: {text}");
        }
    }
}

#[test]
fn no_two_panels_share_a_place() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken: BTreeMap<(u64, u64), &str> = BTreeMap::new();
    for panel in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        let title = panel["title"].as_str().unwrap();
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(place.0 < 24, "{title} is too wide");
            assert_eq!(taken.insert(place, title), None, "{title}");
        }
        assert!(
            panel["type"] == "row" || panel["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{title}"
        );
    }
}

#[test]
fn the_page_says_of_every_alert_what_to_do() {
    let alerts: Vec<&str> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 20);
    let headings: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    for alert in &alerts {
        assert!(PAGE.contains(alert), "{alert} is not on the page");
    }
    for heading in &headings {
        assert!(alerts.contains(heading), "{heading} is no alert");
    }
    for url in ALERTS.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")) {
        let anchor = url.trim_matches('"').strip_prefix("docs/monitoring.md#").unwrap();
        assert!(headings.iter().any(|heading| heading.to_lowercase() == anchor), "{url} leads nowhere");
    }
}
