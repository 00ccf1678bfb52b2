//! The answers of the admin listener. The listener itself is the server's.

use std::time::Duration;

use serde_json::{Value, json};

use super::finding::Finding;
use super::metrics::{self, Limits, Metrics, Reading};
use super::policies::{Consent, Reloaded};
use crate::audit::Counts;
use crate::limit::rehearsal::{Rehearsals, Shown};
use crate::time::Seconds;

/// What the admin answers ask of the running proxy. None of them waits.
pub trait Probes {
    /// Whether the process is finishing and takes no new work.
    fn is_draining(&self) -> bool;
    /// Whether policies are loaded.
    fn has_policies(&self) -> bool;
    /// Whether access keys are loaded.
    fn has_keys(&self) -> bool;
    /// Whether the journal takes records.
    fn takes_records(&self) -> bool;
    /// Whether the upstream has answered when it was last asked.
    fn upstream_answers(&self) -> bool;
    /// Whether there are keys to sign with towards stores and key services.
    fn has_upstream_keys(&self) -> bool;
    /// When the first of them end that were given for a while; now, where none have come. None where none are given so.
    fn upstream_keys_expiry(&self) -> Option<Seconds>;
    /// What the journal has counted since the start.
    fn journal(&self) -> Counts;
    /// The number of the live generation of policies.
    fn policy_generation(&self) -> u64;
    /// When the first certificate of a listener ends.
    fn certificate_expiry(&self) -> Option<Seconds>;
    /// Open client connections.
    fn connections(&self) -> u64;
    /// Rates and quotas; the one question that takes a moment.
    fn limits(&self) -> Limits;
    /// What was found in uploads; none where nobody looks.
    fn inspection(&self) -> Option<crate::inspect::Reading>;

    /// What deliveries have counted.
    fn deliveries(&self) -> Vec<crate::delivery::Reading>;
}

/// One answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body, which a HEAD leaves out.
    pub body: String,
}

/// What an answer is made of.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// The running proxy.
    pub probes: &'a dyn Probes,
    /// Its metrics.
    pub metrics: &'a Metrics,
    /// Now.
    pub now: Seconds,
}

/// Answers one request of the admin listener.
pub fn respond(method: &str, path: &str, state: &State<'_>) -> Answer {
    if !matches!(method, "GET" | "HEAD") {
        return text(405, "only GET\n");
    }
    match path {
        "/health" => text(200, "ok\n"),
        "/metrics" => rendered(state),
        "/ready" => ready(state.probes),
        _ => text(404, "there is /health, /ready and /metrics\n"),
    }
}

/// What an order to reload says about widening, from its query.
///
/// # Errors
/// The answer to an order that is not understood.
pub fn consent(query: &str) -> Result<Consent, Answer> {
    match query {
        "" | "allow_widening=false" => Ok(Consent::None),
        "allow_widening=true" => Ok(Consent::Given),
        _ => Err(text(400, "the one parameter is `allow_widening=true`\n")),
    }
}

/// The answer to an order to reload: 200 with the number of the new generation, or 409 with what is wrong. The
/// number stands there as well where policies were taken, and something beside them was not.
pub fn reloaded(reloaded: &Reloaded) -> Answer {
    let status = if reloaded.is_whole() { 200 } else { 409 };
    let list: Vec<_> = reloaded.findings.iter().map(Finding::to_json).collect();
    object(status, &json!({ "generation": reloaded.generation, "findings": list }))
}

/// The answer to an order to drain: what is open still, and how long it may take.
///
/// # Errors
/// The answer to an order that is not understood.
pub fn draining(query: &str, connections: u64, at_most: Duration) -> Result<Answer, Answer> {
    if !query.is_empty() {
        return Err(text(400, "`drain` has no parameters\n"));
    }
    Ok(object(200, &json!({ "draining": true, "connections": connections, "seconds": at_most.as_secs() })))
}

/// The page of rehearsals; what is below it switches one.
pub const REHEARSALS: &str = "/v1/rehearsals";

/// How every rehearsal stands.
pub fn rehearsals(rehearsals: Option<&Rehearsals>) -> Answer {
    let list: Vec<Value> = rehearsals.into_iter().flat_map(Rehearsals::shown).map(|shown| rehearsal(&shown)).collect();
    object(200, &json!({ "rehearsals": list }))
}

/// The answer to an order to switch a rehearsal, with how it stands then.
pub fn switch(rehearsals: Option<&Rehearsals>, path: &str, query: &str) -> Answer {
    let order = path.strip_prefix(REHEARSALS).and_then(|rest| rest.strip_prefix('/')?.rsplit_once('/'));
    let times = match query.strip_prefix("times=") {
        None if query.is_empty() => Ok(None),
        Some(times) => times.parse().ok().filter(|times| *times > 0).map(Some).ok_or(()),
        None => Err(()),
    };
    let shown = match (order, times) {
        (Some((name, "on")), Ok(times)) => rehearsals.and_then(|all| all.switch_on(name, times)),
        (Some((name, "off")), Ok(None)) => rehearsals.and_then(|all| all.switch_off(name)),
        (Some((_, "on")), Err(())) => return text(400, "the one parameter is `times`, a number from 1 on\n"),
        (Some((_, "off")), _) => return text(400, "`off` has no parameters\n"),
        _ => return text(404, "a rehearsal is switched with /v1/rehearsals/NAME/on or /off\n"),
    };
    shown.map_or_else(|| text(404, "no rehearsal has this name\n"), |shown| object(200, &rehearsal(&shown)))
}

fn rehearsal(Shown { name, fault, on, left, met }: &Shown) -> Value {
    json!({ "name": **name, "fault": fault, "on": on, "left": left, "met": met })
}

fn object(status: u16, body: &Value) -> Answer {
    Answer { status, content_type: "application/json", body: format!("{body}\n") }
}

/// What keeps the proxy from serving, in words that scripts may compare.
pub fn missing(probes: &dyn Probes) -> Vec<&'static str> {
    let checks = [
        (!probes.is_draining(), "draining"),
        (probes.has_policies(), "policies"),
        (probes.has_keys(), "keys"),
        (probes.takes_records(), "journal"),
        (probes.upstream_answers(), "upstream"),
        (probes.has_upstream_keys(), "upstream-keys"),
    ];
    checks.into_iter().filter(|(fine, _)| !fine).map(|(_, word)| word).collect()
}

fn ready(probes: &dyn Probes) -> Answer {
    let missing = missing(probes);
    let status = if missing.is_empty() { 200 } else { 503 };
    let body = format!("{}\n", serde_json::Value::from(missing));
    Answer { status, content_type: "application/json", body }
}

fn rendered(state: &State<'_>) -> Answer {
    let reading = Reading {
        journal: state.probes.journal(),
        policy_generation: state.probes.policy_generation(),
        certificate_expiry: state.probes.certificate_expiry(),
        upstream_keys_expiry: state.probes.upstream_keys_expiry(),
        connections: state.probes.connections(),
    };
    state.metrics.take_deliveries(&state.probes.deliveries());
    if let Some(reading) = state.probes.inspection() {
        state.metrics.take_inspection(&reading);
    }
    let body = state.metrics.render(&reading, &state.probes.limits(), state.now);
    Answer { status: 200, content_type: metrics::CONTENT_TYPE, body }
}

fn text(status: u16, body: &str) -> Answer {
    Answer { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Findings;
    use super::*;
    use crate::limit::rehearsal::{Fault, Rehearsal};

    #[derive(Clone, Copy)]
    struct Fake {
        draining: bool,
        policies: bool,
        keys: bool,
        journal: bool,
        upstream: bool,
        upstream_keys: bool,
    }

    const WELL: Fake =
        Fake { draining: false, policies: true, keys: true, journal: true, upstream: true, upstream_keys: true };

    impl Probes for Fake {
        fn is_draining(&self) -> bool {
            self.draining
        }
        fn has_policies(&self) -> bool {
            self.policies
        }
        fn has_keys(&self) -> bool {
            self.keys
        }
        fn takes_records(&self) -> bool {
            self.journal
        }
        fn upstream_answers(&self) -> bool {
            self.upstream
        }
        fn has_upstream_keys(&self) -> bool {
            self.upstream_keys
        }
        fn upstream_keys_expiry(&self) -> Option<Seconds> {
            None
        }
        fn journal(&self) -> Counts {
            Counts { intents: 1, ..Counts::default() }
        }
        fn policy_generation(&self) -> u64 {
            1
        }
        fn certificate_expiry(&self) -> Option<Seconds> {
            None
        }
        fn connections(&self) -> u64 {
            0
        }

        fn limits(&self) -> Limits {
            Limits::default()
        }

        fn inspection(&self) -> Option<crate::inspect::Reading> {
            None
        }

        fn deliveries(&self) -> Vec<crate::delivery::Reading> {
            Vec::new()
        }
    }

    #[track_caller]
    fn check(fake: Fake, method: &str, path: &str, status: u16, body: &str) {
        let metrics = Metrics::default();
        let answer = respond(method, path, &State { probes: &fake, metrics: &metrics, now: Seconds(0) });
        assert_eq!(answer.status, status);
        assert!(answer.body.contains(body), "{}", answer.body);
    }

    #[test]
    fn ready_names_what_is_missing() {
        check(WELL, "GET", "/ready", 200, "[]");
        check(Fake { draining: true, ..WELL }, "GET", "/ready", 503, r#"["draining"]"#);
        check(Fake { upstream_keys: false, ..WELL }, "GET", "/ready", 503, r#"["upstream-keys"]"#);
        check(Fake { journal: false, upstream: false, ..WELL }, "GET", "/ready", 503, r#"["journal","upstream"]"#);
        check(Fake { policies: false, keys: false, ..WELL }, "HEAD", "/ready", 503, r#"["policies","keys"]"#);
    }

    #[test]
    fn health_answers_whatever_is_missing() {
        check(Fake { journal: false, draining: true, ..WELL }, "GET", "/health", 200, "ok");
    }

    #[test]
    fn a_widening_is_confirmed_in_one_spelling_only() {
        assert_eq!(consent("").unwrap(), Consent::None);
        assert_eq!(consent("allow_widening=true").unwrap(), Consent::Given);
        for other in ["allow_widening", "allow_widening=1", "allow_widening=true&x=y", "allow-widening=true"] {
            assert_eq!(consent(other).unwrap_err().status, 400, "{other}");
        }
    }

    #[test]
    fn a_drain_says_what_is_open_and_how_long_it_may_take() {
        let answer = draining("", 3, Duration::from_secs(30)).unwrap();
        let body = "{\"connections\":3,\"draining\":true,\"seconds\":30}\n";
        assert_eq!((answer.status, answer.body.as_str()), (200, body));
        assert_eq!(draining("now=true", 3, Duration::ZERO).unwrap_err().status, 400);
    }

    #[test]
    fn a_refused_reload_says_where_and_why() {
        let finding = Finding::file(std::path::Path::new("policies/a.json"), "broken").help("mend it");
        let answer = reloaded(&Reloaded { generation: None, findings: finding.clone().into() });
        assert_eq!(answer.status, 409);
        assert!(answer.body.contains(r#""file":"policies/a.json""#) && answer.body.contains(r#""message":"broken""#));
        let answer = reloaded(&Reloaded { generation: Some(7), findings: finding.into() });
        assert_eq!(answer.status, 409, "the policies were taken, something else was not");
        assert!(answer.body.contains(r#""generation":7"#), "{}", answer.body);
        let answer = reloaded(&Reloaded { generation: Some(7), findings: Findings::default() });
        assert_eq!((answer.status, answer.body.as_str()), (200, "{\"findings\":[],\"generation\":7}\n"));
    }

    #[test]
    fn a_rehearsal_is_switched_by_its_name() {
        let fault = Fault::Throttle;
        let one = Rehearsal {
            name: "one".into(),
            principal: None,
            bucket: None,
            prefix: None,
            operations: Vec::new(),
            fault,
            times: None,
            rate: None,
            seed: None,
            enabled: false,
        };
        let all = Rehearsals::new([one], 1);
        let say = |path: &str, query: &str| switch(Some(&all), path, query);
        let on = say("/v1/rehearsals/one/on", "times=3");
        assert_eq!(on.body, "{\"fault\":\"throttle\",\"left\":3,\"met\":0,\"name\":\"one\",\"on\":true}\n");
        assert!(rehearsals(Some(&all)).body.contains(r#""left":3"#));
        assert_eq!(say("/v1/rehearsals/one/on", "").status, 200);
        assert!(say("/v1/rehearsals/one/off", "").body.contains(r#""left":null"#));
        for (path, query, status) in [
            ("/v1/rehearsals/two/on", "", 404),
            ("/v1/rehearsals/one", "", 404),
            ("/v1/rehearsals/one/maybe", "", 404),
            ("/v1/other", "", 404),
            ("/v1/rehearsals/one/on", "times=0", 400),
            ("/v1/rehearsals/one/on", "times=x", 400),
            ("/v1/rehearsals/one/on", "rate=1", 400),
            ("/v1/rehearsals/one/off", "times=1", 400),
        ] {
            assert_eq!(say(path, query).status, status, "{path}?{query}");
        }
        assert_eq!(switch(None, "/v1/rehearsals/one/on", "").status, 404);
        assert_eq!(rehearsals(None).body, "{\"rehearsals\":[]}\n");
    }

    #[test]
    fn there_is_nothing_else() {
        check(WELL, "GET", "/metrics", 200, "bartizan_journal_records_total 1");
        check(WELL, "GET", "/", 404, "");
        check(WELL, "GET", "/metrics/..", 404, "");
        check(WELL, "POST", "/ready", 405, "");
        check(WELL, "DELETE", "/health", 405, "");
    }
}
