//! Sealed objects whose data keys come from a key service: one that remembers every call, and that fails,
//! dawdles and lies when it is told to.

mod script;

use std::process::Command;
use std::time::Duration;

use bartizan::control::certs;
use bartizan::time::{Clock as _, SystemClock};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use self::script::{Instead, SERVICE_SECRET, Service};
use super::house::House;
use super::sealed::{self, DEFAULT, KEY_ID, OTHER, SSE, Stored, Vault, WRITER, WRITER_POLICY, header, text};
use super::{Ask, Reply, tls_of};

const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";
/// A key that the keyring does not name.
const ELSEWHERE: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// The two keys, which have no material here.
const RING: &str = r#"{"keys": [
    {"arn": "arn:aws:kms:us-east-1:111122223333:key/default", "aliases": ["alias/aws/s3"]},
    {"arn": "arn:aws:kms:us-east-1:111122223333:key/other", "aliases": ["alias/other"]}]}"#;

/// A proxy on TLS before a vault, with keys of the service.
fn launch(vault: &Vault, keys: &str) -> House {
    let users = sealed::users();
    let files = [
        ("policies/credentials.toml", users.as_str()),
        ("policies/identities/writer.json", WRITER_POLICY),
        ("state/keyring.json", RING),
    ];
    let upstream = format!("{keys}\n{}", vault.upstream(""));
    House::launch("", &upstream, &files).unwrap_or_else(|told| panic!("{told}"))
}

fn get(path: &str) -> Ask {
    Ask::new("GET", path)
}

fn with_bucket_key(path: &str, body: &[u8]) -> Ask {
    Ask::put(path, body).header(SSE, "aws:kms").header(KEY_ID, OTHER).header(BUCKET_KEY, "true")
}

fn copy(from: &str, to: &str) -> Ask {
    Ask::new("PUT", to).header("x-amz-copy-source", from)
}

fn bound_to(object: &str) -> Value {
    json!({"aws:s3:arn": format!("arn:aws:s3:::{object}")})
}

#[test]
fn a_data_key_comes_from_the_service_and_is_bound_to_the_name() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    for (number, length) in [0, 5, 70_000].into_iter().enumerate() {
        let (path, body) = (format!("/bucket/key-{number}"), text(length));
        let put = house.send(&Ask::put(&path, &body).header("x-amz-meta-mine", "1"));
        let told = (put.status, header(&put, SSE), header(&put, KEY_ID));
        assert_eq!(told, (200, Some("aws:kms"), Some(DEFAULT)), "{put:?}");
        let bound = bound_to(path.trim_start_matches('/'));
        let said = service.said();
        assert_eq!((said.len(), said[0].0.as_str()), (1, "GenerateDataKey"));
        assert_eq!((&said[0].1["KeyId"], &said[0].1["EncryptionContext"]), (&json!(DEFAULT), &bound));
        let got = house.send(&get(&path));
        assert_eq!((got.status, got.body == body, header(&got, "x-amz-meta-mine")), (200, true, Some("1")));
        let said = service.said();
        assert_eq!((said.len(), said[0].0.as_str()), (1, "Decrypt"));
        assert_eq!((&said[0].1["KeyId"], &said[0].1["EncryptionContext"]), (&json!(DEFAULT), &bound));
    }
    let part = house.send(&get("/bucket/key-2").header("range", "bytes=65530-65545"));
    assert_eq!((part.status, &part.body[..]), (206, &text(70_000)[65_530..65_546]));
    assert_eq!(service.calls(), ["Decrypt"]);
    assert_eq!(house.send(&Ask::new("HEAD", "/bucket/key-2")).status, 200);
    assert_eq!(service.calls(), [""; 0], "the head of an object is not sealed");
    let context = STANDARD.encode(r#"{"team":"red"}"#);
    let put =
        Ask::put("/bucket/red", b"x").header(SSE, "aws:kms").header("x-amz-server-side-encryption-context", &context);
    assert_eq!(house.send(&put).status, 200);
    assert_eq!(
        service.said()[0].1["EncryptionContext"],
        json!({"aws:s3:arn": "arn:aws:s3:::bucket/red", "team": "red"})
    );
    assert_eq!(house.send(&get("/bucket/red")).body, b"x");
    assert_eq!(service.connections(), 1, "one connection, kept");
    assert!(!vault.knows(&text(70_000)));
}

#[test]
fn no_data_key_and_no_secret_is_anywhere_but_where_it_is_used() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    assert_eq!(house.send(&with_bucket_key("/bucket/key", &text(1000))).status, 200);
    assert_eq!(house.send(&get("/bucket/key")).body, text(1000));
    assert_eq!(house.send(&copy("/bucket/key", "/bucket/other")).status, 200);
    service.instead(Instead::Answer(200, "", format!(r#"{{"Plaintext":"{}"}}"#, STANDARD.encode([9; 31]))));
    house.send(&Ask::put("/bucket/key", b"x")).refused(503, "ServiceUnavailable");
    let (keys, said) = (service.data_keys(), service.said());
    let (records, told) = house.finish();
    let shown = format!("{records:?}{told}{}", said.iter().map(|(_, said)| said.to_string()).collect::<String>());
    for key in keys.into_iter().chain([vec![9; 31]]) {
        let hex: String = key.iter().map(|octet| format!("{octet:02x}")).collect();
        for text in [STANDARD.encode(&key), hex, format!("{key:?}")] {
            assert!(!shown.contains(&text), "a data key is shown");
        }
        assert!(!vault.knows(&key), "the store was sent a data key");
    }
    assert!(!shown.contains(SERVICE_SECRET));
}

#[test]
fn a_copy_under_the_same_key_is_wrapped_anew_inside_the_service() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    assert_eq!(house.send(&Ask::put("/bucket/a", &text(100_000))).status, 200);
    service.calls();
    assert_eq!(house.send(&copy("/bucket/a", "/bucket/b")).status, 200);
    let said = service.said();
    assert_eq!(said.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Decrypt", "ReEncrypt"]);
    assert_eq!(said[1].1["DestinationEncryptionContext"], bound_to("bucket/b"));
    let (one, two) = (vault.object("/bucket/a").unwrap(), vault.object("/bucket/b").unwrap());
    assert!(one.data == two.data && one.headers != two.headers, "only the wrapping is another");
    assert_eq!(house.send(&get("/bucket/b")).body, text(100_000));
    // The wrapping of the one name does not open the other.
    vault.put("/bucket/b", one);
    house.send(&get("/bucket/b")).refused(500, "InternalError");
    service.calls();
    let other = copy("/bucket/a", "/bucket/c").header(SSE, "aws:kms").header(KEY_ID, OTHER);
    assert_eq!(house.send(&other).status, 200);
    assert_eq!(service.calls(), ["Decrypt", "GenerateDataKey"]);
    assert_eq!(house.send(&get("/bucket/c")).body, text(100_000));
}

#[test]
fn a_key_that_the_keyring_does_not_name_is_one_of_the_service() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    let named = |key: &str| Ask::put("/bucket/key", b"x").header(SSE, "aws:kms").header(KEY_ID, key);
    for name in [ELSEWHERE, "1234abcd-12ab-34cd-56ef-1234567890ab"] {
        let put = house.send(&named(name));
        assert_eq!((put.status, header(&put, KEY_ID)), (200, Some(ELSEWHERE)), "{put:?}");
        assert_eq!(service.said()[0].1["KeyId"], ELSEWHERE);
    }
    assert_eq!(house.send(&get("/bucket/key")).body, b"x");
    // Who may use it is asked as of any key.
    house.send(&Ask { key: WRITER, ..get("/bucket/key") }).refused(403, "AccessDenied");
    service.calls();
    for name in ["alias/nowhere", "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"] {
        house.send(&named(name)).refused(400, "KMS.NotFoundException");
    }
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn a_key_of_a_bucket_serves_one_requester_and_one_context() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    for number in 0..5 {
        let put = house.send(&with_bucket_key(&format!("/bucket/{number}"), b"x"));
        assert_eq!((put.status, header(&put, BUCKET_KEY)), (200, Some("true")), "{put:?}");
    }
    for number in 0..5 {
        assert_eq!(house.send(&get(&format!("/bucket/{number}"))).body, b"x");
    }
    let said = service.said();
    assert_eq!(said.len(), 1, "drawn once, and known since: {said:?}");
    assert_eq!(said[0].1["EncryptionContext"], bound_to("bucket"));
    let blobs: Vec<String> =
        (0..5).map(|number| wrapped_of(&vault.object(&format!("/bucket/{number}")).unwrap())).collect();
    assert!(blobs.iter().all(|blob| *blob == blobs[0]));
    let ids: std::collections::HashSet<_> =
        (0..5).map(|number| meta(&vault.object(&format!("/bucket/{number}")).unwrap(), "s3hp-id")).collect();
    assert_eq!(ids.len(), 5, "objects that share a data key have ids of their own");
    // Another context, another bucket, another key, and what is bound to an object: keys of their own.
    let context = STANDARD.encode(r#"{"team":"red"}"#);
    let red = with_bucket_key("/bucket/red", b"x").header("x-amz-server-side-encryption-context", &context);
    for ask in [red, with_bucket_key("/second/key", b"x"), Ask::put("/bucket/own", b"x"), Ask::put("/bucket/own", b"x")]
    {
        assert_eq!(house.send(&ask).status, 200);
        assert_eq!(service.calls(), ["GenerateDataKey"]);
    }
    for _ in 0..2 {
        assert_eq!(house.send(&get("/bucket/own")).body, b"x");
        assert_eq!(service.calls(), ["Decrypt"], "what is bound to one object is asked for every time");
    }
}

#[test]
fn nobodys_permission_serves_another() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    let of =
        |key: &str| Ask::put("/bucket/key", b"x").header(SSE, "aws:kms").header(KEY_ID, key).header(BUCKET_KEY, "true");
    let writer = |ask: Ask| Ask { key: WRITER, ..ask };
    assert_eq!(house.send(&of(DEFAULT)).status, 200);
    assert_eq!(service.calls(), ["GenerateDataKey"]);
    // Allowed as well, and asked for anew.
    assert_eq!(house.send(&writer(get("/bucket/key"))).body, b"x");
    assert_eq!(service.calls(), ["Decrypt"]);
    assert_eq!(house.send(&writer(of(DEFAULT))).status, 200);
    assert_eq!(service.calls(), ["GenerateDataKey"]);
    // Not allowed, though a key is at hand for somebody else.
    assert_eq!(house.send(&of(OTHER)).status, 200);
    house.send(&writer(get("/bucket/key"))).refused(403, "AccessDenied");
    house.send(&writer(of(OTHER))).refused(403, "AccessDenied");
}

#[test]
fn a_keyring_that_is_read_again_ends_what_was_kept() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    assert_eq!(house.send(&with_bucket_key("/bucket/key", b"x")).status, 200);
    assert_eq!(house.send(&get("/bucket/key")).body, b"x");
    assert_eq!(service.calls(), ["GenerateDataKey"]);
    let file = house.gate.folder.path().join("state/keyring.json");
    std::fs::write(&file, RING.replace("\"alias/other\"]", "\"alias/other\"], \"state\": \"Disabled\"")).unwrap();
    let pid = house.gate.child.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    let refused = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(25));
        house.send(&get("/bucket/key")).status == 400
    });
    assert!(refused, "a key that was disabled here goes on opening");
    house.send(&get("/bucket/key")).refused(400, "KMS.DisabledException");
    house.send(&with_bucket_key("/bucket/key", b"x")).refused(400, "KMS.DisabledException");
    assert_eq!(service.calls(), [""; 0]);
}

#[test]
fn without_the_cache_every_use_is_a_call() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys("cache = false"));
    for _ in 0..2 {
        assert_eq!(house.send(&with_bucket_key("/bucket/key", b"x")).status, 200);
        assert_eq!(house.send(&get("/bucket/key")).body, b"x");
        assert_eq!(service.calls(), ["GenerateDataKey", "Decrypt"]);
    }
}

#[test]
fn who_needs_a_key_that_is_being_asked_for_waits_for_it() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    service.instead(Instead::Late(300));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let house = &house;
            scope.spawn(move || {
                assert_eq!(house.send(&with_bucket_key(&format!("/bucket/{number}"), b"x")).status, 200)
            });
        }
    });
    assert_eq!(service.calls(), ["GenerateDataKey"]);
}

#[test]
fn what_is_charged_is_what_is_called() {
    const QUOTA: &str = "[rate.kms]\nsymmetric = { per = \"account\", rate = 1000 }\n";
    for cache in [true, false] {
        let (vault, service) = (Vault::new(), Service::new());
        let house = launch(&vault, &format!("{QUOTA}{}", service.keys(&format!("cache = {cache}"))));
        let mut asks: Vec<Ask> = Vec::new();
        for round in 0..3 {
            let (own, shared) = (format!("/bucket/own-{round}"), format!("/bucket/shared-{round}"));
            asks.extend([Ask::put(&own, b"x"), get(&own), get(&own), Ask::new("HEAD", &own)]);
            asks.extend([with_bucket_key(&shared, b"x"), get(&shared), get(&shared)]);
            asks.push(copy(&own, &format!("/bucket/copy-{round}")));
            asks.push(copy(&own, &format!("/bucket/copy-{round}")).header(SSE, "aws:kms").header(KEY_ID, OTHER));
        }
        for ask in &asks {
            let reply = house.send(ask);
            assert!(reply.status == 200, "{} {}: {reply:?}", ask.method, ask.target);
        }
        let made = service.calls().len() as u64;
        let (records, _) = house.finish();
        let charged: u64 = records.iter().filter_map(|record| record["kms_calls"].as_u64()).sum();
        assert_eq!(charged, made, "cache = {cache}");
    }
}

#[test]
fn each_error_of_the_service_is_what_s3_says_of_it() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    let put = Ask::put("/bucket/key", b"x").header(SSE, "aws:kms").header(KEY_ID, ELSEWHERE);
    assert_eq!(house.send(&put).status, 200);
    let before = vault.object("/bucket/key");
    for (name, status, code, message) in [
        ("NotFoundException", 400, "KMS.NotFoundException", format!("Key '{ELSEWHERE}' does not exist")),
        ("DisabledException", 400, "KMS.DisabledException", format!("{ELSEWHERE} is disabled.")),
        ("KMSInvalidStateException", 400, "KMS.KMSInvalidStateException", format!("{ELSEWHERE} is pending deletion.")),
        (
            "InvalidKeyUsageException",
            400,
            "KMS.InvalidKeyUsageException",
            format!("{ELSEWHERE} key usage is SIGN_VERIFY which is not valid for GenerateDataKey."),
        ),
        ("AccessDeniedException", 403, "AccessDenied", "Access Denied".to_owned()),
        (
            "ThrottlingException",
            400,
            "ThrottlingException",
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.".to_owned(),
        ),
        ("KMSInternalException", 503, "ServiceUnavailable", "Service is unable to handle request.".to_owned()),
        ("UnrecognizedClientException", 503, "ServiceUnavailable", "Service is unable to handle request.".to_owned()),
    ] {
        let told = format!(r#"{{"__type":"{name}","message":"arn is pending deletion. key usage is SIGN_VERIFY"}}"#);
        let at = if name == "KMSInternalException" { 500 } else { 400 };
        for ask in [put.clone(), get("/bucket/key")] {
            service.instead(Instead::Answer(at, "", told.clone()));
            let reply = house.send(&ask);
            reply.refused(status, code);
            let document = String::from_utf8_lossy(&reply.body).replace("&apos;", "'");
            assert!(document.contains(&format!("<Message>{message}</Message>")), "{document}");
        }
        // A stranger learns nothing of it.
        service.instead(Instead::Answer(at, "", told));
        let denied = house.send(&Ask { key: WRITER, ..get("/bucket/key") });
        denied.refused(403, "AccessDenied");
        assert!(String::from_utf8_lossy(&denied.body).contains("kms:Decrypt"), "{denied:?}");
    }
    assert_eq!(vault.object("/bucket/key"), before, "nothing was stored");
    let (records, told) = house.finish();
    let details: Vec<&str> = records.iter().filter_map(|record| record["detail"].as_str()).collect();
    assert!(details.iter().any(|detail| detail.contains("check keys.credentials")), "{details:?}");
    assert!(told.contains("UnrecognizedClientException") && told.contains("look at its policy"), "{told}");
}

#[test]
fn a_throttle_is_told_in_the_words_of_the_surface_with_the_services_own_wait() {
    let throttle =
        || Instead::Answer(400, "x-amz-retry-after: 2500\r\n", r#"{"__type":"ThrottlingException"}"#.to_owned());
    for (surface, status, code) in
        [("", 400, "ThrottlingException"), ("slowdown", 503, "SlowDown"), ("prefixed", 400, "KMS.ThrottlingException")]
    {
        let (vault, service) = (Vault::new(), Service::new());
        let more = match surface {
            "" => String::new(),
            surface => {
                format!("[rate.kms]\nsurface = \"{surface}\"\nsymmetric = {{ per = \"account\", rate = 1000 }}\n")
            }
        };
        let house = launch(&vault, &format!("{more}{}", service.keys("")));
        assert_eq!(house.send(&Ask::put("/bucket/key", b"x")).status, 200);
        for ask in [Ask::put("/bucket/new", b"x"), get("/bucket/key")] {
            service.instead(throttle());
            let reply = house.send(&ask);
            reply.refused(status, code);
            assert_eq!((header(&reply, "x-amz-retry-after"), header(&reply, "retry-after")), (Some("2500"), Some("3")));
        }
        assert_eq!(vault.object("/bucket/new"), None);
    }
}

#[test]
fn a_service_that_does_not_answer_in_time_holds_nothing_up() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys("timeout = \"250ms\""));
    assert_eq!(house.send(&Ask::put("/bucket/key", b"x")).status, 200);
    service.always(Some(Instead::Silence));
    house.send(&Ask::put("/bucket/new", b"x")).refused(503, "ServiceUnavailable");
    house.send(&get("/bucket/key")).refused(503, "ServiceUnavailable");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let house = &house;
            scope.spawn(move || {
                house.send(&with_bucket_key(&format!("/bucket/{number}"), b"x")).refused(503, "ServiceUnavailable");
            });
        }
    });
    service.always(None);
    assert_eq!(house.send(&get("/bucket/key")).body, b"x", "and goes on when it does");
    assert_eq!(vault.object("/bucket/new"), None);
    let (records, _) = house.finish();
    assert!(records.iter().any(|record| record["reason"] == "kms-unavailable"), "{records:?}");
}

#[test]
fn whatever_is_no_answer_of_a_key_service_is_refused() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    assert_eq!(house.send(&Ask::put("/bucket/key", b"x")).status, 200);
    let short = STANDARD.encode([9; 16]);
    for instead in [
        Instead::OtherKey,
        Instead::Answer(200, "", String::new()),
        Instead::Answer(200, "", "[]".to_owned()),
        Instead::Answer(200, "", "{}".to_owned()),
        Instead::Answer(200, "", format!(r#"{{"Plaintext":"{short}","CiphertextBlob":"AAAA"}}"#)),
        Instead::Answer(200, "", format!(r#"{{"Plaintext":"{}"}}"#, "A".repeat(100_000))),
        Instead::Answer(204, "", String::new()),
        Instead::Answer(302, "location: http://127.0.0.1:1/\r\n", String::new()),
        Instead::Answer(500, "", "<html>".to_owned()),
    ] {
        for ask in [Ask::put("/bucket/new", b"x"), get("/bucket/key")] {
            service.instead(instead.clone());
            house.send(&ask).refused(503, "ServiceUnavailable");
        }
    }
    assert_eq!(vault.object("/bucket/new"), None);
    assert_eq!(house.send(&get("/bucket/key")).body, b"x");
}

#[test]
fn another_data_key_than_the_objects_is_seen() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    assert_eq!(house.send(&Ask::put("/bucket/key", b"x")).status, 200);
    let other = STANDARD.encode([9; 32]);
    service.instead(Instead::Answer(200, "", format!(r#"{{"KeyId":"{DEFAULT}","Plaintext":"{other}"}}"#)));
    house.send(&get("/bucket/key")).refused(500, "InternalError");
    let good = vault.object("/bucket/key").unwrap();
    let altered = |name: &str, value: &str| {
        let mut stored = good.clone();
        let found = stored.headers.iter_mut().find(|(known, _)| known == &format!("x-amz-meta-{name}"));
        found.unwrap().1 = value.to_owned();
        stored
    };
    for (name, value) in [
        ("s3hp-dek", STANDARD.encode("wrapped-1")),
        ("s3hp-dek", STANDARD.encode("anything")),
        ("s3hp-key", OTHER.to_owned()),
        ("s3hp-id", STANDARD.encode([1; 16])),
    ] {
        vault.put("/bucket/key", altered(name, &value));
        house.send(&get("/bucket/key")).refused(500, "InternalError");
    }
    vault.put("/bucket/key", altered("s3hp-key", "http://127.0.0.1/"));
    service.calls();
    house.send(&get("/bucket/key")).refused(403, "AccessDenied");
    assert_eq!(service.calls(), [""; 0], "only what names a key is asked for");
    let (_, told) = house.finish();
    assert!(told.contains("SealBroken"), "{told}");
}

#[test]
fn a_connection_that_the_service_has_closed_is_replaced_once() {
    let (vault, service) = (Vault::new(), Service::new());
    let house = launch(&vault, &service.keys(""));
    assert_eq!(house.send(&Ask::put("/bucket/key", b"x")).status, 200);
    service.instead(Instead::Close);
    assert_eq!(house.send(&get("/bucket/key")).body, b"x");
    assert_eq!((service.calls().len(), service.connections()), (3, 2));
    service.instead(Instead::Close);
    service.instead(Instead::Close);
    house.send(&get("/bucket/key")).refused(503, "ServiceUnavailable");
    assert_eq!(house.send(&get("/bucket/key")).body, b"x");
}

#[test]
fn the_service_must_show_the_certificate_that_it_is_known_by() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    for folder in [&folder, &other] {
        certs::ensure(folder.path(), SystemClock.now()).unwrap();
    }
    let service = Service::listening(Some(tls_of(folder.path())));
    let at = |ca: &tempfile::TempDir| {
        let authority = certs::Files::within(ca.path()).authority;
        service.keys_at("https", &format!("ca_file = {authority:?}"))
    };
    let vault = Vault::new();
    let house = launch(&vault, &at(&folder));
    assert_eq!(house.send(&Ask::put("/bucket/key", b"x")).status, 200);
    assert_eq!(house.send(&get("/bucket/key")).body, b"x");
    let house = launch(&vault, &at(&other));
    house.send(&get("/bucket/key")).refused(503, "ServiceUnavailable");
    house.send(&Ask::put("/bucket/new", b"x")).refused(503, "ServiceUnavailable");
    assert_eq!(vault.object("/bucket/new"), None);
}

fn meta(stored: &Stored, name: &str) -> String {
    let name = format!("x-amz-meta-{name}");
    stored.headers.iter().find(|(known, _)| *known == name).unwrap().1.clone()
}

fn wrapped_of(stored: &Stored) -> String {
    meta(stored, "s3hp-dek")
}

#[test]
fn keys_of_both_kinds_stand_in_one_ring() {
    let (vault, service) = (Vault::new(), Service::new());
    let users = sealed::users();
    let kek = STANDARD.encode([7; 32]);
    let ring = RING.replace(
        "\"alias/other\"]",
        &format!("\"alias/other\"], \"versions\": [{{\"id\": 1, \"kek_b64\": \"{kek}\"}}]"),
    );
    let files = [
        ("policies/credentials.toml", users.as_str()),
        ("policies/identities/writer.json", WRITER_POLICY),
        ("state/keyring.json", ring.as_str()),
    ];
    let upstream = format!("{}\n{}", service.keys(""), vault.upstream(""));
    let house = House::launch("", &upstream, &files).unwrap_or_else(|told| panic!("{told}"));
    let local = Ask::put("/bucket/local", b"x").header(SSE, "aws:kms").header(KEY_ID, OTHER);
    assert_eq!(house.send(&local).status, 200);
    assert_eq!(house.send(&get("/bucket/local")).body, b"x");
    assert_eq!(service.calls(), [""; 0]);
    let moved: Reply = house.send(&copy("/bucket/local", "/bucket/moved"));
    assert_eq!(moved.status, 200, "{moved:?}");
    assert_eq!(house.send(&get("/bucket/moved")).body, b"x");
    assert_eq!(service.calls(), ["GenerateDataKey", "Decrypt"]);
}
