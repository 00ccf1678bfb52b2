//! KMS keys from the keyring's file to the embedded store, and what the disk holds.

use std::path::Path;
use std::process::{Command, Output};

use super::{Ask, Gate};

const SSE: &str = "x-amz-server-side-encryption";
const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

fn command(gate: &Gate, args: &[&str]) -> Output {
    let file = gate.folder.path().join("bartizan.toml");
    Command::new(env!("CARGO_BIN_EXE_bartizan")).args(args).arg("-c").arg(file).output().unwrap()
}

/// Changes the keyring and has the proxy read it.
#[track_caller]
fn ring(gate: &Gate, args: &[&str]) -> String {
    let changed = command(gate, &[&["keys", "ring"], args].concat());
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    let reloaded = command(gate, &["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    String::from_utf8(changed.stdout).unwrap()
}

fn gate() -> Gate {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gate =
        Gate::configured("", &format!("[upstream]\nkind = \"embedded\"\n[admin]\naddress = \"127.0.0.1:{port}\""));
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    gate
}

fn put(data: &[u8]) -> Ask {
    Ask::put("/bucket/k", data).header(SSE, "aws:kms").header(KEY, "alias/red")
}

#[test]
fn a_key_works_from_the_reload_that_brings_it_until_the_one_that_takes_it() {
    let gate = gate();
    gate.send(&put(b"data")).refused(400, "KMS.NotFoundException");
    let added = ring(&gate, &["add", "alias/red"]);
    let arn = added.split(' ').next().unwrap();
    let reply = gate.send(&put(b"data"));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.head.contains(&format!("{KEY}: {arn}")), "{}", reply.head);
    let get = Ask::new("GET", "/bucket/k");
    let read = gate.send(&get);
    assert!(read.body == b"data" && read.head.contains(&format!("{SSE}: aws:kms")), "{}", read.head);
    ring(&gate, &["disable", "alias/red"]);
    gate.send(&get).refused(400, "KMS.DisabledException");
    gate.send(&put(b"new")).refused(400, "KMS.DisabledException");
    ring(&gate, &["enable", arn]);
    ring(&gate, &["rotate", arn]);
    assert_eq!(gate.send(&get).body, b"data");
    // A keyring that is none leaves the keys as they were, and the one who asks is told.
    std::fs::write(gate.folder.path().join("state/keyring.json"), "{}").unwrap();
    let refused = command(&gate, &["reload"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the keyring cannot be used"));
    assert_eq!(gate.send(&get).body, b"data");
}

#[test]
fn a_proxy_does_not_start_with_a_keyring_that_it_cannot_use() {
    let started = Gate::launch("", "[upstream]\nkind = \"embedded\"", &[("state/keyring.json", "{\"keys\":[{}]}")]);
    let Err(told) = started else { panic!("it started") };
    assert!(told.contains("the keyring cannot be used") && told.contains("missing field `arn`"), "{told}");
}

#[test]
fn nothing_that_a_client_sends_is_on_the_disk_in_the_clear() {
    let gate = gate();
    ring(&gate, &["add", "alias/red"]);
    let mark = b"the plaintext of a client";
    let large = mark.repeat(20_000);
    for ask in [Ask::put("/bucket/small", mark), Ask::put("/bucket/large", &large), put(mark), put(&large)] {
        assert_eq!(gate.send(&ask).status, 200);
    }
    assert!(gate.send(&Ask::new("GET", "/bucket/large")).body == large);
    let folder = gate.folder.path().to_owned();
    assert!(search(&folder, mark) > 5, "files were looked at");
    drop(gate);
}

/// How many files there are below a folder; none of them may hold this.
fn search(folder: &Path, mark: &[u8]) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += search(&path, mark);
        } else {
            let octets = std::fs::read(&path).unwrap();
            assert!(!octets.windows(mark.len()).any(|window| window == mark), "{}", path.display());
            files += 1;
        }
    }
    files
}
