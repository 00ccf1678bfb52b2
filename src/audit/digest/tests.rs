//! A chain of digests, and what tampering with it comes to.

use std::borrow::Cow;
use std::collections::HashMap;

use super::*;

const HOUR: i64 = 3600;
const START: i64 = 1_795_000_000 / HOUR * HOUR;
const BUCKET: &str = "audit";

/// A key made for these tests.
fn key() -> SigningKey {
    SigningKey::from_pem(include_bytes!("tests/test-only.rsa.pem")).unwrap()
}

/// What was delivered, as it is fetched.
#[derive(Clone)]
struct Store {
    /// Name, document, signature.
    digests: Vec<(String, Vec<u8>, String)>,
    logs: HashMap<String, Vec<u8>>,
    keys: Vec<PublicKey>,
}

impl Store {
    fn report(&self) -> Report {
        let present = |(object, document, signature): &'_ (String, Vec<u8>, String)| {
            let (object, signature) = (object.as_str().to_owned(), signature.clone());
            (object, document.clone(), signature)
        };
        let held: Vec<_> = self.digests.iter().map(present).collect();
        let presented: Vec<_> = held
            .iter()
            .map(|(object, document, signature)| Presented {
                bucket: BUCKET,
                object,
                document,
                signature: Some(signature),
            })
            .collect();
        let logs = |bucket: &str, object: &str| {
            assert_eq!(bucket, BUCKET);
            self.logs.get(object).map(|log| Cow::Borrowed(log.as_slice()))
        };
        verify(&presented, &self.keys, &logs)
    }

    fn verdict(&self, object: &str) -> (Verdict, Option<Why>) {
        let report = self.report();
        let file = report.files.iter().find(|file| file.object == object).unwrap();
        (file.verdict, file.why)
    }
}

fn name(hour: i64) -> String {
    object_name("", "111122223333", "eu-west-1", "proxy", "eu-west-1", Seconds(START + (hour + 1) * HOUR))
}

/// Three hours: two log files, none, two.
fn store() -> Store {
    store_of(&name)
}

fn store_of(name: &dyn Fn(i64) -> String) -> Store {
    let key = key();
    let mut store = Store { digests: Vec::new(), logs: HashMap::new(), keys: vec![key.public().clone()] };
    let mut previous: Option<Previous> = None;
    for (hour, files) in [(0, 2), (1, 0), (2, 2)] {
        let mut logs = Vec::new();
        for file in 0..files {
            let (object, content) = (format!("log-{hour}-{file}"), format!("{{\"Records\":[{file}]}}").into_bytes());
            logs.push(LogFile {
                bucket: BUCKET.to_owned(),
                object: object.clone(),
                hash_value: hash(&content),
                hash_algorithm: HASH.to_owned(),
                newest_event_time: Some(Seconds(START + hour * HOUR + 10 * file).rfc3339()),
                oldest_event_time: Some(Seconds(START + hour * HOUR).rfc3339()),
            });
            store.logs.insert(object, content);
        }
        let object = name(hour);
        let signed = sign(
            Hour {
                account: "111122223333",
                start: Seconds(START + hour * HOUR),
                end: Seconds(START + (hour + 1) * HOUR),
                bucket: BUCKET,
                object: &object,
                previous: previous.as_ref(),
                logs,
                proxy: Some(serde_json::json!({"first": hour})),
            },
            &key,
        )
        .unwrap();
        store.digests.push((object, signed.document, signed.as_previous.signature.clone()));
        previous = Some(signed.as_previous);
    }
    store
}

#[test]
fn a_chain_as_it_was_delivered_is_valid() {
    let mut store = store();
    let report = store.report();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.files.len(), 7);
    store.digests.reverse();
    assert_eq!(store.report(), report, "the order in which they are found is no matter");
    let document = String::from_utf8(store.digests[1].1.clone()).unwrap();
    assert!(document.starts_with("{\"awsAccountId\":\"111122223333\",\"digestStartTime\":\"20"));
    assert!(
        document.contains("\"newestEventTime\":null,\"oldestEventTime\":null,\"previousDigestS3Bucket\":\"audit\"")
    );
    assert!(document.ends_with("\"logFiles\":[],\"proxy\":{\"first\":1}}"));
}

#[test]
fn a_changed_or_missing_log_file_is_named_and_the_digests_stay_valid() {
    let mut changed = store();
    changed.logs.get_mut("log-0-0").unwrap()[0] ^= 1;
    assert_eq!(changed.verdict("log-0-0"), (Verdict::Invalid, Some(Why::Hash)));
    changed.logs.remove("log-2-1");
    assert_eq!(changed.verdict("log-2-1"), (Verdict::Missing, None));
    for hour in 0..3 {
        assert_eq!(changed.verdict(&name(hour)), (Verdict::Valid, None));
    }
}

#[test]
fn a_digest_that_is_moved_edited_or_wears_anothers_signature_is_invalid() {
    let mut moved = store();
    moved.digests[0].0.push('x');
    assert_eq!(moved.verdict(&format!("{}x", name(0))), (Verdict::Invalid, Some(Why::Place)));
    assert!(moved.report().files.iter().all(|file| file.verdict != Verdict::Missing));
    assert_eq!(moved.verdict("log-0-0"), (Verdict::Invalid, Some(Why::Unvouched)));

    let mut edited = store();
    let mut digest: Digest = serde_json::from_slice(&edited.digests[1].1).unwrap();
    digest.log_files = serde_json::from_slice::<Digest>(&edited.digests[0].1).unwrap().log_files;
    edited.digests[1].1 = serde_json::to_vec(&digest).unwrap();
    assert_eq!(edited.verdict(&name(1)), (Verdict::Invalid, Some(Why::Signature)));
    assert_eq!(edited.verdict("log-0-0"), (Verdict::Valid, None));

    let mut swapped = store();
    swapped.digests[0].2 = swapped.digests[1].2.clone();
    assert_eq!(swapped.verdict(&name(0)), (Verdict::Invalid, Some(Why::Signature)));
    swapped.digests[0].2.clear();
    assert_eq!(swapped.verdict(&name(0)), (Verdict::Invalid, Some(Why::Signature)));
}

#[test]
fn a_digest_taken_out_breaks_the_chain_and_leaves_a_gap_in_time() {
    let mut gap = store();
    gap.digests.remove(1);
    assert_eq!(gap.verdict(&name(2)), (Verdict::Valid, None));
    assert_eq!(gap.verdict(&name(1)), (Verdict::Missing, None));
    let (from, until) = (Seconds(START + HOUR), Seconds(START + 2 * HOUR));
    assert_eq!(gap.report().gaps, [Gap { from, until, restart: false }]);
}

#[test]
fn a_chain_that_is_begun_anew_to_hide_what_was_before_is_told() {
    let (mut anew, key) = (store(), key());
    let object = name(3);
    let hour = Hour {
        account: "111122223333",
        start: Seconds(START + 3 * HOUR),
        end: Seconds(START + 4 * HOUR),
        bucket: BUCKET,
        object: &object,
        previous: None,
        logs: Vec::new(),
        proxy: None,
    };
    let signed = sign(hour, &key).unwrap();
    anew.digests.push((object, signed.document, signed.as_previous.signature));
    let at = Seconds(START + 3 * HOUR);
    assert_eq!(anew.report().gaps, [Gap { from: at, until: at, restart: true }]);
}

#[test]
fn a_digest_of_a_strange_key_or_of_another_time_is_invalid() {
    let mut strange = store();
    strange.keys = vec![PublicKey::new(b"another".to_vec())];
    assert_eq!(strange.verdict(&name(0)), (Verdict::Invalid, Some(Why::Key)));
    strange.keys = vec![key().public().clone().valid(None, Some(Seconds(START + HOUR)))];
    assert_eq!(strange.verdict(&name(0)), (Verdict::Valid, None));
    assert_eq!(strange.verdict(&name(1)), (Verdict::Invalid, Some(Why::Validity)));
}

#[test]
fn a_digest_that_another_one_of_the_same_key_replaces_is_found_by_its_successor() {
    let (mut replaced, key) = (store(), key());
    let object = name(1);
    let first: Previous = {
        let (object, document, signature) = replaced.digests[0].clone();
        Previous { bucket: BUCKET.to_owned(), object, hash: hash(&document), signature }
    };
    let hour = Hour {
        account: "999999999999",
        start: Seconds(START + HOUR),
        end: Seconds(START + 2 * HOUR),
        bucket: BUCKET,
        object: &object,
        previous: Some(&first),
        logs: Vec::new(),
        proxy: None,
    };
    let signed = sign(hour, &key).unwrap();
    replaced.digests[1] = (object.clone(), signed.document, signed.as_previous.signature);
    assert_eq!(replaced.verdict(&object), (Verdict::Invalid, Some(Why::Hash)));
}

#[test]
fn keys_are_listed_as_aws_lists_them_and_a_wrong_fingerprint_is_refused() {
    let key = key().public().clone().valid(Some(Seconds(0)), None);
    let text = PublicKey::spell_list(std::slice::from_ref(&key));
    assert_eq!(PublicKey::list(text.as_bytes()), Ok(vec![key.clone()]));
    assert_eq!(PublicKey::list(text.replace(key.fingerprint(), "00").as_bytes()), Err(KeyError::Fingerprint));
    let other = text.replace("\"1970-01-01T00:00:00Z\"", "0.0");
    assert_eq!(PublicKey::list(other.as_bytes()), Ok(vec![key.clone()]));
    let other = text.replace("00:00Z", "00:00+00:00");
    assert_eq!(PublicKey::list(other.as_bytes()), Ok(vec![key]));
    assert_eq!(PublicKey::list(b"[]"), Err(KeyError::List));
}

#[test]
fn what_is_no_rsa_key_is_refused() {
    assert_eq!(SigningKey::from_pem(b"x").map(|_| ()), Err(KeyError::Pem));
    let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(SigningKey::from_pem(pem.as_bytes()).map(|_| ()), Err(KeyError::Rsa));
}

#[test]
fn two_trails_in_one_bucket_are_two_chains() {
    let mut both = store();
    let end = |hour: i64| Seconds(START + (hour + 1) * HOUR);
    let mut other = store_of(&|hour| object_name("", "111122223333", "eu-west-1", "other", "eu-west-1", end(hour)));
    // It begins when the first has been going for an hour, and vouches for the same files.
    other.digests.remove(0);
    let mut later = Store { digests: Vec::new(), ..other.clone() };
    let (object, document, _) = &other.digests[0];
    let digest: Digest = serde_json::from_slice(document).unwrap();
    let hour = Hour {
        account: "111122223333",
        start: Seconds(START + HOUR),
        end: end(1),
        bucket: BUCKET,
        object,
        previous: None,
        logs: digest.log_files,
        proxy: None,
    };
    let signed = sign(hour, &key()).unwrap();
    later.digests.push((object.clone(), signed.document, signed.as_previous.signature));
    both.digests.extend(later.digests);
    assert!(both.report().is_sound(), "{:?}", both.report());
    // No digest of the one speaks of the hour of the other.
    both.digests.retain(|(object, ..)| *object != name(1));
    assert_eq!(both.report().gaps, [Gap { from: end(0), until: end(1), restart: false }]);
}

#[test]
fn a_chain_is_told_by_the_names_of_its_digests() {
    let of = |prefix, trail| object_name(prefix, "111122223333", "eu-west-1", trail, "us-east-1", Seconds(START));
    let (plain, later) = (of("org", "a_b"), of("org", "a_b").replace(".json.gz", BACKFILL));
    assert_eq!(chain_of(&plain), ("org/", "111122223333_CloudTrail-Digest_eu-west-1_a_b_us-east-1"));
    assert_eq!(chain_of(&plain), chain_of(&later));
    assert_ne!(chain_of(&plain), chain_of(&of("", "a_b")));
    assert_ne!(chain_of(&plain), chain_of(&of("org", "a")));
}
