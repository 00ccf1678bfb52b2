use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::Exit;
use crate::cli::tests::{Ran, run};

/// Answers connections one after the other like an admin listener, and is gone then.
fn answering(answers: &'static [&'static str]) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    port
}

/// A port that nobody listens on.
fn closed() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs a command with a configuration whose admin listener has this port.
fn at(port: u16, args: &[&str]) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init"]);
    replace(dir.path(), "127.0.0.1:9464", &format!("127.0.0.1:{port}"));
    run(dir.path(), args)
}

fn replace(folder: &Path, from: &str, to: &str) {
    let file = folder.join("bartizan.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from));
    std::fs::write(&file, text.replace(from, to)).unwrap();
}

const DRAINS: &str = "HTTP/1.1 200 OK\r\n\r\n{\"connections\":1,\"draining\":true,\"seconds\":30}\n";
const STILL: &str = "HTTP/1.1 503 Service Unavailable\r\n\r\n[\"draining\"]\n";
const READY: &str = "HTTP/1.1 200 OK\r\n\r\n[]\n";

#[test]
fn status_is_what_the_running_proxy_says() {
    let ran = at(answering(&[READY]), &["status"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Fine, "ready\n"), "{}", ran.err);
    let waiting = &["HTTP/1.1 503 Service Unavailable\r\n\r\n[\"upstream\"]\n"];
    let ran = at(answering(waiting), &["status"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::No, "not ready: upstream\n"), "{}", ran.err);
}

#[test]
fn without_a_proxy_nobody_can_be_asked_and_the_way_out_is_said() {
    for command in ["status", "reload", "drain"] {
        let ran = at(closed(), &[command]);
        assert_eq!((ran.exit, ran.out.as_str()), (Exit::Unusable, ""), "{command}: {}", ran.err);
        assert!(ran.err.contains("does not answer"), "{command}: {}", ran.err);
        assert!(ran.err.contains("help: start the proxy with `bartizan serve -c "), "{command}: {}", ran.err);
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), &["init"]);
        replace(dir.path(), "[admin]\naddress = \"127.0.0.1:9464\"", "");
        let ran = run(dir.path(), &[command]);
        assert_eq!(ran.exit, Exit::Unusable, "{command}");
        assert!(ran.err.contains("has no [admin] table"), "{command}: {}", ran.err);
    }
}

#[test]
fn without_a_proxy_json_is_still_an_object_on_standard_output() {
    for (command, members) in [
        ("status", json!({ "ready": false, "missing": [] })),
        ("reload", json!({ "ok": false, "generation": null, "findings": [] })),
        ("drain", json!({ "draining": false })),
    ] {
        let ran = at(closed(), &[command, "--json"]);
        assert_eq!(ran.exit, Exit::Unusable, "{command}");
        let told: Value = serde_json::from_str(&ran.out).unwrap();
        assert!(told["error"].as_str().unwrap().contains("does not answer"), "{told}");
        for (name, value) in members.as_object().unwrap() {
            assert_eq!(&told[name], value, "{told}");
        }
    }
}

#[test]
fn whoever_answers_something_else_is_no_proxy() {
    for command in ["status", "reload", "drain"] {
        let ran = at(answering(&["HTTP/1.1 200 OK\r\n\r\n<html>"]), &[command]);
        assert_eq!(ran.exit, Exit::Unusable, "{command}");
        assert!(ran.err.contains("not one of this program's"), "{command}: {}", ran.err);
    }
}

#[test]
fn drain_ends_when_draining_has_begun_and_with_wait_when_nobody_answers() {
    let ran = at(answering(&[DRAINS]), &["drain"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Fine, "draining: 1 connection, 30 s at most\n"), "{}", ran.err);
    let ran = at(answering(&[DRAINS, STILL, STILL]), &["drain", "--wait"]);
    let out = "draining: 1 connection, 30 s at most\nended\n";
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Fine, out), "{}", ran.err);
    // Another proxy at the same address is not the one that was asked.
    let ran = at(answering(&[DRAINS, STILL, READY]), &["drain", "--wait", "--json"]);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let out = json!({ "draining": true, "connections": 1, "seconds": 30, "ended": true });
    assert_eq!((ran.exit, told), (Exit::Fine, out), "{}", ran.err);
}

#[test]
fn a_reload_that_took_only_a_part_is_no() {
    let part = "HTTP/1.1 409 Conflict\r\n\r\n{\"findings\":[{\"severity\":\"error\",\"message\":\"broken\",\"file\":\"a.pem\"}],\"generation\":3}\n";
    let part: &'static [&'static str] = Box::leak(Box::new([part]));
    let ran = at(answering(part), &["reload"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::No, "generation 3; what is broken stays as it was\n"));
    assert!(ran.err.contains("error: broken\n  at a.pem"), "{}", ran.err);
    let told: Value = serde_json::from_str(&at(answering(part), &["reload", "--json"]).out).unwrap();
    assert_eq!((&told["ok"], &told["generation"]), (&json!(false), &json!(3)));
}
