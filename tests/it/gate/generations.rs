//! Policies that change while the proxy runs: by requests, by files, by orders.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::Duration;

use bartizan::s3::checksum::{self, Algorithm};

use super::people::by;
use super::{Ask, Gate, NOBODY, Reply};

fn policy(effect: &str, principal: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Principal": {principal}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}}}}"#
    )
}

/// A request that sets the policy of `bucket`.
fn put(text: &str) -> Ask {
    let md5 = checksum::of(Algorithm::Md5, text.as_bytes()).to_base64();
    Ask::put("/bucket?policy=", text.as_bytes()).header("content-md5", &md5)
}

const TO_NOBODY: &str = r#"{"AWS": "arn:aws:iam::111122223333:user/nobody"}"#;

fn file(gate: &Gate, name: &str) -> Option<String> {
    std::fs::read_to_string(gate.folder.path().join("policies").join(name)).ok()
}

fn write(gate: &Gate, name: &str, text: &str) {
    let path = gate.folder.path().join("policies").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Sends a request that keeps its body back until the proxy asks for it and something has happened.
fn meanwhile(gate: &Gate, ask: Ask, happens: impl FnOnce()) -> Reply {
    let (head, body) = ask.header("expect", "100-continue").parts();
    let mut stream = TcpStream::connect(&gate.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut go = [0; 25];
    stream.read_exact(&mut go).unwrap();
    assert_eq!(&go, b"HTTP/1.1 100 Continue\r\n\r\n");
    happens();
    let _ = stream.write_all(&body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Reply::parse(&answer)
}

/// A list of one deletion in `bucket`.
fn delete(key: &str) -> Ask {
    let document = format!("<Delete><Object><Key>{key}</Key></Object></Delete>").into_bytes();
    let md5 = checksum::of(Algorithm::Md5, &document).to_base64();
    Ask { body: document, ..Ask::new("POST", "/bucket?delete=") }.header("content-md5", &md5)
}

/// `bartizan reload` with the configuration of a running proxy.
fn reload(gate: &Gate, more: &[&str]) -> Output {
    let file = gate.folder.path().join("bartizan.toml");
    Command::new(env!("CARGO_BIN_EXE_bartizan")).args(["reload", "-c"]).arg(file).args(more).output().unwrap()
}

/// A proxy with an admin listener on a port that was free a moment ago.
fn with_admin() -> Gate {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Gate::configured("", &format!("[upstream]\nkind = \"embedded\"\n[admin]\naddress = \"127.0.0.1:{port}\""))
}

#[test]
fn a_policy_that_a_request_sets_is_in_force_when_the_request_is_answered() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    assert!(file(&gate, "buckets/bucket/public-access-block.json").unwrap().contains("\"BlockPublicPolicy\": true"));
    assert_eq!(gate.send(&Ask::put("/bucket/k", b"data")).status, 200);
    let get = by(NOBODY, Ask::new("GET", "/bucket/k"));
    gate.send(&get).refused(403, "AccessDenied");
    assert_eq!(gate.send(&put(&policy("Allow", TO_NOBODY))).status, 204);
    assert_eq!(gate.send(&get).status, 200);
    gate.send(&put(&policy("Allow", "\"*\""))).refused(403, "AccessDenied");
    assert_eq!(file(&gate, "buckets/bucket/policy.json"), Some(policy("Allow", TO_NOBODY)));
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket?policy=")).status, 204);
    gate.send(&get).refused(403, "AccessDenied");
    gate.send(&Ask::new("GET", "/bucket?policy=")).refused(404, "NoSuchBucketPolicy");
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket/k")).status, 204);
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket")).status, 204);
    assert_eq!(file(&gate, "buckets/bucket/public-access-block.json"), None);
}

#[test]
fn a_request_cannot_set_a_policy_that_breaks_a_test_of_the_operator() {
    let test = "[[test]]\nname = \"nobody\"\nas = \"arn:aws:iam::111122223333:user/nobody\"\ndo = \"s3:GetObject\"\n\
                on = \"arn:aws:s3:::bucket/k\"\nexpect = \"deny\"\n";
    let files = [("policies/tests/nobody.toml", test)];
    let gate = Gate::launch("", "[upstream]\nkind = \"embedded\"", &files).unwrap_or_else(|told| panic!("{told}"));
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    gate.send(&put(&policy("Allow", TO_NOBODY))).refused(403, "AccessDenied");
    assert_eq!(file(&gate, "buckets/bucket/policy.json"), None);
    let (records, _) = gate.finish();
    assert!(records.iter().any(|record| record["reason"] == "policy-change-refused"), "{records:#?}");
}

#[test]
fn a_changed_file_is_taken_by_itself_and_a_broken_one_never() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    assert_eq!(gate.send(&Ask::put("/bucket/k", b"data")).status, 200);
    let get = by(NOBODY, Ask::new("GET", "/bucket/k"));
    let until = |status: u16| {
        let begin = std::time::Instant::now();
        while gate.send(&get).status != status {
            assert!(begin.elapsed() < std::time::Duration::from_secs(60), "it was not taken");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    write(&gate, "buckets/bucket/policy.json", &policy("Allow", TO_NOBODY));
    until(200);
    write(&gate, "buckets/bucket/policy.json", "{");
    let told = || std::fs::read_to_string(gate.folder.path().join("stderr")).unwrap();
    while !told().contains("stay in force") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(gate.send(&get).status, 200, "what was in force is in force");
    std::fs::remove_file(gate.folder.path().join("policies/buckets/bucket/policy.json")).unwrap();
    until(403);
}

#[test]
fn a_reload_says_what_it_came_to_and_wants_a_word_for_a_widening() {
    let gate = with_admin();
    let taken = reload(&gate, &[]);
    assert!(taken.status.success(), "{taken:?}");
    assert!(String::from_utf8_lossy(&taken.stdout).starts_with("generation "), "{taken:?}");
    write(&gate, "buckets/bucket/policy.json", &policy("Allow", "\"*\""));
    let refused = reload(&gate, &[]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(told.contains("makes the bucket public") && told.contains("--allow-widening"), "{told}");
    assert!(reload(&gate, &["--allow-widening"]).status.success());
    write(&gate, "identities/bad.json", "{");
    let refused = reload(&gate, &["--allow-widening", "--json"]);
    assert_eq!(refused.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((&answer["ok"], &answer["findings"][0]["line"]), (&false.into(), &1.into()), "{answer}");
}

#[test]
fn a_policy_whose_body_was_kept_back_is_judged_by_what_holds_when_it_has_come() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket?publicAccessBlock=")).status, 204);
    let block = "<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy>\
                 </PublicAccessBlockConfiguration>";
    let md5 = checksum::of(Algorithm::Md5, block.as_bytes()).to_base64();
    let close = Ask::put("/bucket?publicAccessBlock=", block.as_bytes()).header("content-md5", &md5);
    let reply = meanwhile(&gate, put(&policy("Allow", "\"*\"")), || assert_eq!(gate.send(&close).status, 200));
    reply.refused(403, "AccessDenied");
    assert_eq!(file(&gate, "buckets/bucket/policy.json"), None);
}

#[test]
fn whoever_loses_a_permission_while_keeping_a_body_back_has_lost_it() {
    let gate = with_admin();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    assert_eq!(gate.send(&Ask::put("/bucket/k", b"data")).status, 200);
    let allowing = policy("Allow", TO_NOBODY).replace("s3:GetObject", "s3:DeleteObject");
    assert_eq!(gate.send(&put(&allowing)).status, 204);
    let withdraw = || assert_eq!(gate.send(&Ask::new("DELETE", "/bucket?policy=")).status, 204);
    let reply = meanwhile(&gate, by(NOBODY, delete("k")), withdraw);
    assert!(String::from_utf8_lossy(&reply.body).contains("<Code>AccessDenied</Code>"), "{reply:?}");
    assert_eq!(gate.send(&Ask::new("HEAD", "/bucket/k")).status, 200);

    // The same for who loses the key.
    assert_eq!(gate.send(&put(&allowing)).status, 204);
    let path = gate.folder.path().join("policies/credentials.toml");
    let without = std::fs::read_to_string(&path).unwrap().replace(NOBODY, "AKIANOBODYNOBODY0002");
    let revoke = || {
        std::fs::write(&path, &without).unwrap();
        assert!(reload(&gate, &[]).status.success());
    };
    meanwhile(&gate, by(NOBODY, delete("k")), revoke).refused(403, "InvalidAccessKeyId");
    assert_eq!(gate.send(&Ask::new("HEAD", "/bucket/k")).status, 200);
}
