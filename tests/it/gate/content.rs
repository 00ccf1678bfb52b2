//! Uploads that are looked at for sensitive content: what is found is in the file of findings, and nobody waits.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Ask, Gate, Mode, NOBODY, Script};

/// A social security number that is invented, and what must never be told.
const NUMBER: &str = "064-09-8688";

fn gate(content: &str, upstream: &str) -> Gate {
    Gate::configured("", &format!("[detect.content]\n{content}\n\n[upstream]\n{upstream}"))
}

fn embedded(content: &str) -> Gate {
    let gate = gate(content, "kind = \"embedded\"");
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    gate
}

fn findings_in(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("state/findings.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// So many findings, once they are there.
fn findings(gate: &Gate, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = findings_in(gate.folder.path());
        if found.len() >= count || Instant::now() > deadline {
            assert_eq!(found.len(), count, "{found:#?}");
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn identifiers(finding: &Value) -> Vec<(&str, u64)> {
    let categories = finding["classificationDetails"]["result"]["sensitiveData"].as_array().unwrap();
    let detections = categories.iter().flat_map(|category| category["detections"].as_array().unwrap());
    detections.map(|found| (found["type"].as_str().unwrap(), found["count"].as_u64().unwrap())).collect()
}

fn status(finding: &Value) -> &Value {
    &finding["classificationDetails"]["result"]["status"]
}

#[test]
fn what_is_found_in_an_upload_is_told_with_its_place_and_never_with_its_octets() {
    let gate = embedded("");
    let body = format!("name, ssn {NUMBER}, wibke@example.com");
    let put = Ask::put("/bucket/folder/people.txt", body.as_bytes()).header("content-type", "text/plain");
    let answer = gate.send(&put);
    assert_eq!(answer.status, 200);
    let found = findings(&gate, 1).remove(0);
    assert_eq!(identifiers(&found), [("EMAIL_ADDRESS", 1), ("USA_SOCIAL_SECURITY_NUMBER", 1)]);
    assert_eq!(found["type"], "SensitiveData:S3Object/Personal");
    assert_eq!(found["severity"]["description"], "High");
    assert_eq!(found["service"]["serviceName"], "s3hp");
    let object = &found["resourcesAffected"]["s3Object"];
    assert_eq!(object["path"], "bucket/folder/people.txt");
    assert_eq!(object["size"], body.len());
    let etag = object["eTag"].as_str().unwrap();
    assert!(answer.head.to_lowercase().contains(&format!("etag: \"{etag}\"")), "{}", answer.head);
    assert_eq!(found["resourcesAffected"]["s3Bucket"]["owner"]["id"], "111122223333");
    assert_eq!(status(&found)["code"], "COMPLETE");
    let text = found.to_string();
    assert!(text.contains(r#"{"end":21,"start":10}"#), "{text}");
    let (records, said) = gate.finish();
    let request = records.iter().find(|record| record["operation"] == "PutObject").unwrap();
    assert_eq!(found["service"]["additionalInfo"]["evidence"][0], request["request_id"]);
    for place in [text, said, serde_json::to_string(&records).unwrap()] {
        assert!(!place.contains(NUMBER) && !place.contains("wibke@"), "{place}");
    }
}

#[test]
fn every_way_to_bring_data_is_looked_at() {
    let gate = embedded("");
    let body = format!("ssn {NUMBER}\n");
    let put = |key: &str| Ask::put(key, body.as_bytes());
    for ask in [
        put("/bucket/hash"),
        put("/bucket/unsigned").mode(Mode::Unsigned),
        put("/bucket/trailer").mode(Mode::Trailer),
        put("/bucket/chunks").mode(Mode::Chunks(8192, false)),
    ] {
        let answer = gate.send(&ask);
        assert_eq!(answer.status, 200, "{} {answer:?}", ask.target);
    }
    // Larger than what is read whole: heard while it streams.
    let large = [vec![b'.'; 300_000], b" ".to_vec(), body.clone().into_bytes()].concat();
    assert_eq!(gate.send(&Ask::put("/bucket/large", &large)).status, 200);
    let begun = gate.send(&Ask::new("POST", "/bucket/parts?uploads="));
    let text = String::from_utf8(begun.body).unwrap();
    let id = text.split("<UploadId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(gate.send(&put(&format!("/bucket/parts?partNumber=2&uploadId={id}"))).status, 200);
    let found = findings(&gate, 6);
    for finding in &found {
        assert_eq!(identifiers(finding), [("USA_SOCIAL_SECURITY_NUMBER", 1)], "{finding:#}");
    }
    let part = &found[5]["resourcesAffected"]["s3Object"];
    assert_eq!((&part["part"]["uploadId"], &part["part"]["partNumber"]), (&Value::from(id), &Value::from("2")));
    assert_eq!(status(&found[5])["code"], "PARTIAL", "what crosses from part to part is not seen");
    let offsets = found[4]["classificationDetails"]["result"]["sensitiveData"][0]["detections"][0].to_string();
    assert!(offsets.contains(r#""start":300005"#), "{offsets}");
}

#[test]
fn what_no_store_has_taken_gives_no_finding() {
    let store = Script::answering("HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\n\r\n");
    let gate = gate("", &store.upstream("us-east-1"));
    let body = format!("ssn {NUMBER}");
    assert_eq!(gate.send(&Ask::put("/bucket/key", body.as_bytes())).status, 503);
    let (of_another, _) = Ask::put("/bucket/key", b"ssn 064-09-8689").parts();
    gate.send_raw(&[of_another.as_bytes(), body.as_bytes()].concat()).refused(400, "XAmzContentSHA256Mismatch");
    let stranger = Ask { key: NOBODY, ..Ask::put("/bucket/key", body.as_bytes()) };
    gate.send(&stranger).refused(403, "AccessDenied");
    let folder = gate.folder.path().to_owned();
    let _at_its_end_all_has_been_looked_at = gate_ended(gate);
    assert!(findings_in(&folder).is_empty());
}

/// Ends it and keeps its folder for a moment.
fn gate_ended(mut gate: Gate) -> Gate {
    let pid = gate.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(gate.child.wait().unwrap().success());
    gate
}

#[test]
fn only_so_much_is_looked_at_and_the_finding_says_so() {
    let gate = embedded("most = \"1KiB\"\nkinds = [\"USA_SOCIAL_SECURITY_NUMBER\"]");
    let body = [format!("ssn {NUMBER} a@example.com ").as_bytes(), &[b'.'; 4096], b" ssn 212-09-8688"].concat();
    assert_eq!(gate.send(&Ask::put("/bucket/long", &body)).status, 200);
    let found = findings(&gate, 1).remove(0);
    assert_eq!(identifiers(&found), [("USA_SOCIAL_SECURITY_NUMBER", 1)], "other kinds were not asked for");
    assert_eq!(status(&found).to_string(), r#"{"code":"PARTIAL","reason":"SIZE_LIMIT"}"#);
    assert_eq!(found["classificationDetails"]["result"]["sizeClassified"], 1024);
}

#[test]
fn a_share_takes_the_same_objects_each_time() {
    let gate = embedded("sample = 0.5");
    let body = format!("ssn {NUMBER}");
    let put_all = |gate: &Gate| {
        for number in 0..40 {
            assert_eq!(gate.send(&Ask::put(&format!("/bucket/{number}"), body.as_bytes())).status, 200);
        }
    };
    let keys = |found: &[Value]| {
        let key = |found: &Value| found["resourcesAffected"]["s3Object"]["key"].as_str().unwrap().to_owned();
        found.iter().map(key).collect::<Vec<_>>()
    };
    put_all(&gate);
    let gate = gate_ended(gate);
    let first = keys(&findings_in(gate.folder.path()));
    assert!((8..33).contains(&first.len()), "{first:?}");
    drop(gate);
    let gate = embedded("sample = 0.5");
    put_all(&gate);
    let gate = gate_ended(gate);
    assert_eq!(keys(&findings_in(gate.folder.path())), first);
}

#[test]
fn kinds_that_nobody_knows_and_findings_that_cannot_be_written_stop_the_start() {
    let start =
        |detect: &str| Gate::launch("", &format!("{detect}\n\n[upstream]\nkind = \"embedded\""), &[]).err().unwrap();
    let told = start("[detect.content]\nkinds = [\"CREDIT_CARD_NUMBRE\"]");
    assert!(told.contains("CREDIT_CARD_NUMBER"), "the nearest is named: {told}");
    let told = start("[detect]\nfindings = \"x.jsonl\"");
    assert!(told.contains("content = {"), "{told}");
    let told = start("[detect]\nfindings = \"/proc/none/x.jsonl\"\n[detect.content]");
    assert!(told.contains("detect.findings") && told.contains("/proc/none"), "{told}");
    let told = start("[detect.content]\nmost = \"1GiB\"");
    assert!(told.contains("detect.content.most"), "{told}");
}
