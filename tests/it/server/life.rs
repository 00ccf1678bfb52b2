//! From bind to drain: addresses, panics, detached work, the admin pages, the end.

use std::io::{BufRead, BufReader, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

use bartizan::server::{Accept, Error, Listener, Server, Settings};
use rustix::process::Signal;

use super::{eventually, one, one_answer, plain, start, to_end};

const GET: &[u8] = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_drain_finishes_what_is_in_flight_and_ends() {
    let server = start(one(plain()));
    let (mut busy, mut idle, mut mute) = (server.connect(), server.connect(), server.connect());
    idle.write_all(GET).unwrap();
    one_answer(&mut idle);
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    server.arrived(2);
    server.control.drain();
    // Connections without a request end at once, and nobody is let in any more.
    assert_eq!(to_end(&mut idle), "");
    assert_eq!(to_end(&mut mute), "");
    eventually(|| std::net::TcpStream::connect(server.address).is_err());
    assert!(server.control.is_draining());
    server.shared.go.add_permits(1);
    let answer = to_end(&mut busy);
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("waited"), "{answer}");
    server.stop().unwrap();
}

#[test]
fn a_drain_does_not_wait_for_ever() {
    let server = start(Settings { drain: Duration::from_millis(50), ..one(plain()) });
    let mut busy = server.connect();
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    server.arrived(1);
    server.stop().unwrap();
    drop(busy);
}

#[test]
fn a_panic_costs_one_request() {
    let server = start(one(plain()));
    let mut bystander = server.connect();
    bystander.write_all(GET).unwrap();
    one_answer(&mut bystander);
    for path in ["/panic", "/detached-panic"] {
        let answer = server.exchange(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("<Code>InternalError</Code>"), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n") && !answer.contains("a bug"), "{answer}");
    }
    assert_eq!(server.control.counters().panics.load(Ordering::SeqCst), 2);
    bystander.write_all(GET).unwrap();
    assert!(one_answer(&mut bystander).ends_with("hello /1"));
}

#[test]
fn a_client_that_hangs_up_does_not_cancel_detached_work() {
    let server = start(one(plain()));
    let mut stream = server.connect();
    stream.write_all(b"PUT /detach HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").unwrap();
    server.arrived(1);
    drop(stream);
    eventually(|| server.control.connections() == 0);
    assert_eq!(server.shared.finished.load(Ordering::SeqCst), 0);
    // The drain waits for it too.
    server.control.drain();
    server.shared.go.add_permits(1);
    let shared = std::sync::Arc::clone(&server.shared);
    server.stop().unwrap();
    assert_eq!(shared.finished.load(Ordering::SeqCst), 1);
}

#[test]
fn a_client_that_hangs_up_gives_its_place_back() {
    let server = start(Settings { in_flight: 1, ..one(plain()) });
    let mut stream = server.connect();
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    server.arrived(1);
    drop(stream);
    eventually(|| server.control.connections() == 0);
    assert!(server.exchange(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ends_with("hello /1"));
}

#[test]
fn connections_are_spread_over_workers_by_either_way_of_accepting() {
    for accept in [Accept::LeastLoaded, Accept::ReusePort] {
        let server = start(Settings { accept, ..one(plain()) });
        let mut streams: Vec<_> = (0..8).map(|_| server.connect()).collect();
        for stream in &mut streams {
            stream.write_all(GET).unwrap();
            assert!(one_answer(stream).ends_with("hello /1"), "{accept:?}");
        }
        assert_eq!(server.control.connections(), 8);
        server.stop().unwrap();
    }
}

#[test]
fn admin_pages_say_when_the_server_goes() {
    let server = start(Settings { admin: Some("127.0.0.1:0".parse().unwrap()), ..one(plain()) });
    let admin = server.admin.unwrap();
    let page = |request: &str| {
        let mut stream = std::net::TcpStream::connect(admin).unwrap();
        stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        to_end(&mut stream)
    };
    assert!(page("GET /health").ends_with("page /health"));
    assert!(page("GET /metrics").ends_with("page /metrics"));
    assert!(page("GET /ready").starts_with("HTTP/1.1 200 "));
    assert!(page("GET /else").starts_with("HTTP/1.1 404 "));
    assert!(page("POST /ready").starts_with("HTTP/1.1 405 "));
    let mut busy = server.connect();
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    server.arrived(1);
    server.control.drain();
    eventually(|| page("GET /ready").starts_with("HTTP/1.1 503 "));
    server.shared.go.add_permits(1);
    one_answer(&mut busy);
}

#[test]
fn an_order_from_a_page_in_a_browser_is_refused() {
    let server = start(Settings { admin: Some("127.0.0.1:0".parse().unwrap()), ..one(plain()) });
    let order = |method: &str, headers: &str| {
        let mut stream = std::net::TcpStream::connect(server.admin.unwrap()).unwrap();
        stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
        let length = "Content-Length: 0\r\nConnection: close\r\n";
        write!(stream, "{method} /v1/reload?a=b HTTP/1.1\r\nHost: a\r\n{length}{headers}\r\n").unwrap();
        to_end(&mut stream)
    };
    let json = "Content-Type: application/json\r\n";
    assert!(order("POST", json).ends_with("order /v1/reload a=b"));
    assert!(order("POST", &format!("{json}Origin: http://evil.example\r\n")).starts_with("HTTP/1.1 403 "));
    assert!(order("POST", "").starts_with("HTTP/1.1 415 "));
    assert!(order("POST", "Content-Type: text/plain\r\n").starts_with("HTTP/1.1 415 "));
    assert!(order("GET", json).starts_with("HTTP/1.1 405 "));
}

#[test]
fn addresses_that_cannot_be_bound_are_named_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::bind(one(Listener::new("main", address))).unwrap_err();
    assert!(matches!(error, Error::Bind { .. }));
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("another process"), "{text}");
}

#[test]
fn every_address_is_announced() {
    let settings = Settings {
        listeners: vec![plain(), Listener::new("inside", "[::1]:0".parse().unwrap())],
        admin: Some("127.0.0.1:0".parse().unwrap()),
        ..Settings::default()
    };
    let server = Server::bind(settings).unwrap();
    let names: Vec<_> = server.bound().iter().map(|bound| bound.name.as_str()).collect();
    assert_eq!(names, ["main", "inside", "admin"]);
    let line = server.bound()[1].to_string();
    assert!(line.starts_with("inside listens on http://[::1]:") && !line.ends_with(":0"), "{line}");
}

/// Not a test: the process that the next test sends signals to.
#[test]
#[ignore = "run by another test, in a process of its own"]
fn process_to_be_signalled() {
    let server = start(one(plain()));
    println!("\nlistens on {}", server.address);
    let again = std::sync::Arc::clone(&server.shared);
    let control = server.control.clone();
    std::thread::spawn(move || {
        eventually(|| again.reloaded.load(Ordering::SeqCst) == 1);
        println!("reloaded");
        eventually(|| again.arrived.load(Ordering::SeqCst) == 2);
        println!("arrived");
        eventually(|| control.is_draining());
        println!("draining");
        again.go.add_permits(1);
    });
    // Ends when a signal says so; `stop` would end it by itself.
    server.ended().unwrap();
}

#[test]
fn signals_reload_and_drain_and_the_process_ends_well() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["server::life::process_to_be_signalled", "--exact", "--ignored", "--nocapture"])
            .stdout(std::process::Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut line = |begin: &str| lines.find_map(|line| line.strip_prefix(begin).map(str::to_owned)).unwrap();
        let mut busy = std::net::TcpStream::connect(line("listens on ")).unwrap();
        busy.write_all(GET).unwrap();
        assert!(one_answer(&mut busy).ends_with("hello /1"));
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, Signal::HUP).unwrap();
        line("reloaded");
        busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        line("arrived");
        rustix::process::kill_process(process, signal).unwrap();
        line("draining");
        assert!(to_end(&mut busy).ends_with("waited"), "{name}");
        assert!(child.wait().unwrap().success(), "{name}");
    }
}
