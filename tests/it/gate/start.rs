//! A proxy that does not start says what is wrong, where, and what to do.

use super::Gate;

const EMBEDDED: &str = "[upstream]\nkind = \"embedded\"";

/// What it says when it is started so; it must not start.
fn told(listen: &str, more: &str, files: &[(&str, &str)]) -> String {
    match Gate::launch(listen, &format!("{EMBEDDED}\n{more}"), files) {
        Ok(_) => panic!("started with {more} {files:?}"),
        Err(told) => told,
    }
}

#[test]
fn a_state_folder_that_is_none() {
    for (file, what) in [("state", "error: `state` is no folder"), ("state/journal", "error: the journal is no folder")]
    {
        let told = told("", "", &[(file, "in the way")]);
        assert!(told.contains(what) && told.contains(" help: "), "{told}");
    }
    let told = told("", "", &[("state/store", "in the way")]);
    assert!(told.contains("embedded store cannot be opened") && told.contains("\nhelp: "), "{told}");
}

#[test]
fn a_port_that_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let second = format!("[[listen]]\nname = \"second\"\naddress = \"{address}\"");
    for more in [format!("[admin]\naddress = \"{address}\""), second] {
        let told = told("", &more, &[]);
        assert!(told.contains(&format!("cannot listen on {address}: ")) && told.contains("; "), "{told}");
    }
}

#[test]
fn a_state_folder_that_another_proxy_has() {
    let first = Gate::embedded();
    let state = format!("state = \"{}\"", first.folder.path().join("state").display());
    let folder = first.folder.path().display();
    let text = std::fs::read_to_string(first.folder.path().join("bartizan.toml")).unwrap();
    let text = text.replace("state = \"state/\"", &state).replace("policies/", &format!("{folder}/policies/"));
    let told = told("", "", &[("bartizan.toml", &text)]);
    assert!(told.contains("is in use by another process\nhelp: is `bartizan serve` running already?"), "{told}");
}

#[test]
fn a_journal_that_is_not_what_was_written() {
    let gate = Gate::embedded();
    gate.send(&super::Ask::new("PUT", "/bucket"));
    let folder = gate.folder.path().to_owned();
    let segment = || {
        let mut files = std::fs::read_dir(folder.join("state/journal")).unwrap().flatten().map(|entry| entry.path());
        files.find(|path| path.extension().is_some_and(|end| end == "seg")).unwrap()
    };
    let path = segment();
    let name = format!("state/journal/{}", path.file_name().unwrap().to_str().unwrap());
    let mut octets = std::fs::read(&path).unwrap();
    octets[4] ^= 1;
    // Only text can be handed on; a damaged head is enough.
    let text: String = octets.iter().map(|octet| char::from(octet & 0x7f)).collect();
    let told = told("", "", &[(&name, &text)]);
    assert!(
        told.contains("the journal is damaged: ") && told.contains("\nhelp: move the journal's folder away"),
        "{told}"
    );
}

#[test]
fn a_ca_that_is_none_and_a_file_that_is_not_there() {
    let store = "[[upstream]]\nregion = \"us-east-1\"\nkind = \"s3\"\nendpoint = \"https://127.0.0.1:1\"\nca_file = \"ca.pem\"\n\
                 credentials = { access_key_id = \"A\", secret_access_key = \"s\" }";
    for files in [&[("ca.pem", "no certificate")][..], &[]] {
        match Gate::launch("", store, files) {
            Ok(_) => panic!("started"),
            Err(told) => assert!(told.contains("ca.pem") && told.contains("help: put CA certificates"), "{told}"),
        }
    }
    let tls = "tls = { certificate = \"none.pem\", key = \"none.key\" }";
    let told = told(tls, "", &[]);
    assert!(told.contains("none.pem` does not exist") && told.contains("help: "), "{told}");
}

#[test]
fn a_store_that_is_not_there_is_told_in_the_log_once() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = format!(
        "[upstream]\nkind = \"s3\"\nendpoint = \"http://{nobody}\"\ncredentials = {{ access_key_id = \"A\", secret_access_key = \"s\" }}"
    );
    let gate = Gate::configured("", &store);
    let said = || std::fs::read_to_string(gate.folder.path().join("stderr")).unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !said().contains("a store takes no connection") {
        assert!(std::time::Instant::now() < end, "{}", said());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (_, told) = gate.finish();
    assert_eq!(told.matches("a store takes no connection").count(), 1, "{told}");
    assert!(told.contains(&nobody.port().to_string()), "{told}");
}

#[test]
fn a_word_to_stop_right_after_ready_is_obeyed() {
    for _ in 0..5 {
        Gate::embedded().finish(); // it left with 0
    }
}
