//! Records on their way out, end to end: what a request did stands in a bucket, a file, at a server.

use super::*;

const EVERY: &str = "[audit]\ndeliver_every = \"1s\"\n";

fn gate(audit: &str) -> Gate {
    Gate::configured("", &format!("{audit}\n[upstream]\nkind = \"embedded\"\n"))
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

fn logging(enabled: &str) -> Vec<u8> {
    format!("<BucketLoggingStatus xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{enabled}</BucketLoggingStatus>")
        .into_bytes()
}

fn to(target: &str, more: &str) -> Vec<u8> {
    logging(&format!(
        "<LoggingEnabled><TargetBucket>{target}</TargetBucket><TargetPrefix>log/</TargetPrefix>{more}</LoggingEnabled>"
    ))
}

fn put(gate: &Gate, target: &str, document: Vec<u8>) -> Reply {
    let md5 = checksum::of(Algorithm::Md5, &document).to_base64();
    gate.send(&Ask { body: document, ..Ask::new("PUT", target) }.header("content-md5", &md5))
}

/// The keys in a bucket, when there are so many.
fn keys(gate: &Gate, bucket: &str, least: usize) -> Vec<String> {
    for _ in 0..100 {
        let listing = text(&gate.send(&Ask::new("GET", &format!("/{bucket}?list-type=2"))));
        let keys = listing.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        let keys: Vec<String> = keys.map(str::to_owned).collect();
        if keys.len() >= least {
            return keys;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("nothing was delivered: {}", std::fs::read_to_string(gate.folder.path().join("stderr")).unwrap());
}

/// Everything in a bucket, when `found` says that it is all there.
fn delivered(gate: &Gate, bucket: &str, found: impl Fn(&str) -> bool) -> (Vec<String>, String) {
    for _ in 0..100 {
        let keys = keys(gate, bucket, 1);
        let all: String =
            keys.iter().map(|key| text(&gate.send(&Ask::new("GET", &format!("/{bucket}/{key}"))))).collect();
        if found(&all) {
            return (keys, all);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("not everything was delivered: {}", std::fs::read_to_string(gate.folder.path().join("stderr")).unwrap());
}

#[test]
fn lines_about_a_logged_bucket_arrive_under_the_documented_names() {
    let gate = gate(EVERY);
    for bucket in ["/app", "/logs"] {
        assert_eq!(gate.send(&Ask::new("PUT", bucket)).status, 200);
    }
    let off = gate.send(&Ask::new("GET", "/app?logging="));
    assert!(off.status == 200 && text(&off).contains("<BucketLoggingStatus"), "{off:?}");
    let event = "<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource>\
                 </PartitionedPrefix></TargetObjectKeyFormat>";
    let reply = put(&gate, "/app?logging=", to("logs", event));
    assert_eq!(reply.status, 200, "{reply:?}");
    let shown = text(&gate.send(&Ask::new("GET", "/app?logging=")));
    assert!(shown.contains("<TargetBucket>logs</TargetBucket>") && shown.contains("EventTime"), "{shown}");
    assert_eq!(gate.send(&Ask::put("/app/some%20key", b"data")).status, 200);
    gate.send(&Ask { key: NOBODY, ..Ask::new("GET", "/app/some%20key") }).refused(403, "AccessDenied");
    let (names, lines) = delivered(&gate, "logs", |all| all.contains("REST.GET.OBJECT"));
    let name: Vec<&str> = names[0].split('/').collect();
    assert_eq!(name[..4], ["log", "111122223333", "us-east-1", "app"], "{names:?}");
    assert!(name[7].contains("-00-00-00-") && name[7].len() == 36, "{names:?}");
    for words in [" app [", "REST.PUT.LOGGING_STATUS", "REST.PUT.OBJECT some%2520key", " 403 AccessDenied "] {
        assert!(lines.contains(words) || words == "REST.PUT.LOGGING_STATUS", "{words}: {lines}");
    }
    assert!(!lines.contains(" logs ["), "deliveries make no lines about themselves: {lines}");
    // Switched off, nothing more comes.
    assert_eq!(put(&gate, "/app?logging=", logging("")).status, 200);
    let shown = text(&gate.send(&Ask::new("GET", "/app?logging=")));
    assert!(!shown.contains("TargetBucket"), "{shown}");
    assert!(!gate.folder.path().join("policies/buckets/app/logging.json").exists());
}

#[test]
fn what_puts_logging_in_the_wrong_place_is_refused_in_the_words_of_s3() {
    let gate = gate("");
    for bucket in ["/app", "/logs"] {
        assert_eq!(gate.send(&Ask::new("PUT", bucket)).status, 200);
    }
    let told = |document: Vec<u8>, status: u16, code: &str| {
        let reply = put(&gate, "/app?logging=", document);
        reply.refused(status, code);
        text(&reply)
    };
    let missing = told(to("missing", ""), 400, "InvalidTargetBucketForLogging");
    assert!(missing.contains("<Message>The target bucket for logging does not exist</Message>"), "{missing}");
    assert!(missing.contains("<TargetBucket>missing</TargetBucket>"), "{missing}");
    told(to("app", ""), 400, "InvalidTargetBucketForLogging");
    told(to("logs", "<TargetObjectKeyFormat/>"), 400, "MalformedXML");
    told(logging("<LoggingEnabled><TargetBucket>logs</TargetBucket></LoggingEnabled>"), 400, "MalformedXML");
    let grant = "<TargetGrants><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
                 xsi:type=\"CanonicalUser\"><ID>x</ID></Grantee><Permission>READ</Permission></Grant></TargetGrants>";
    let granted = told(to("logs", grant), 400, "InvalidArgument");
    assert!(granted.contains("Target grants not allowed for bucket owner enforced buckets"), "{granted}");
    put(&gate, "/app/key?logging=", to("logs", "")).refused(400, "NoLoggingStatusForKey");
    let ask = Ask { key: NOBODY, ..Ask::new("GET", "/app?logging=") };
    gate.send(&ask).refused(403, "AccessDenied");
    assert_eq!(put(&gate, "/app?logging=", to("logs", "")).status, 200);
}

#[test]
fn a_bucket_of_another_account_is_no_target() {
    let gate = gate("");
    for bucket in ["/app", "/theirs"] {
        assert_eq!(gate.send(&Ask::new("PUT", bucket)).status, 200);
    }
    let folder = gate.folder.path();
    let users = std::fs::read_to_string(folder.join("policies/credentials.toml")).unwrap();
    let users = users + "\n[[account]]\nid = \"444455556666\"\nname = \"other\"\n";
    std::fs::write(folder.join("policies/credentials.toml"), users).unwrap();
    std::fs::write(folder.join("policies/buckets/theirs/settings.toml"), "owner = \"444455556666\"\n").unwrap();
    for _ in 0..100 {
        let reply = put(&gate, "/app?logging=", to("theirs", ""));
        if reply.status == 400 {
            reply.refused(400, "InvalidTargetBucketForLogging");
            let words = "The owner for the bucket to be logged and the target bucket must be the same.";
            assert!(text(&reply).contains(words), "{reply:?}");
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the folder was not taken");
}

#[test]
fn a_trail_and_its_digests_are_delivered_and_a_file_has_everything_at_the_end() {
    let audit = "[audit]\ndeliver_every = \"1s\"\ntrail_key = \"trail.pem\"\nkeys = \"hashed\"\n\
                 [[audit.sink]]\nname = \"trail\"\nformat = \"cloudtrail\"\nbucket = \"logs\"\n\
                 [[audit.sink]]\nname = \"all\"\nformat = \"json\"\nfile = \"all.jsonl\"\n";
    let key = include_str!("../../../src/audit/digest/tests/test-only.rsa.pem");
    let tables = format!("{audit}\n[upstream]\nkind = \"embedded\"\n");
    let gate = Gate::launch("", &tables, &[("trail.pem", key)]).unwrap();
    assert_eq!(gate.send(&Ask::new("PUT", "/logs")).status, 200);
    assert_eq!(gate.send(&Ask::put("/logs/confidential", b"data")).status, 200);
    let names: Vec<String> = keys(&gate, "logs", 2).into_iter().filter(|name| name.starts_with("AWSLogs/")).collect();
    assert!(!names.is_empty() && names[0].starts_with("AWSLogs/111122223333/CloudTrail/us-east-1/"), "{names:?}");
    assert!(names[0].ends_with(".json.gz"), "{names:?}");
    let octets = gate.send(&Ask::new("GET", &format!("/logs/{}", names[0]))).body;
    let mut document = String::new();
    flate2::read::GzDecoder::new(octets.as_slice()).read_to_string(&mut document).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["Records"][0]["eventName"], "CreateBucket", "{document}");
    assert_eq!(gate.send(&Ask::new("GET", "/logs/confidential")).status, 200);
    let file = gate.folder.path().join("all.jsonl");
    for _ in 0..100 {
        let all = std::fs::read_to_string(&file).unwrap_or_default();
        if all.contains("GetObject") {
            assert!(all.contains("CreateBucket") && !all.contains("confidential"), "{all}");
            assert!(!document.to_string().contains("confidential"), "{document}");
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the file lacks the last request");
}

const EVE: &str = "AKIAEVEEVEEVEEVE0001";

/// With a user of another account, and one who may switch on the log of `app` and nothing else.
fn with_others(audit: &str) -> Gate {
    let users = format!(
        "[[account]]\nid = \"111122223333\"\nname = \"main\"\n\n[[account]]\nid = \"444455556666\"\nname = \"other\"\n\n\
         [[user]]\narn = \"arn:aws:iam::111122223333:user/test\"\npolicies = [\"administrator\"]\n\
         keys = [{{ id = \"{KEY}\", secret = \"{SECRET}\" }}]\n\n\
         [[user]]\narn = \"arn:aws:iam::111122223333:user/nobody\"\npolicies = [\"logs-app\"]\n\
         keys = [{{ id = \"{NOBODY}\", secret = \"{SECRET}\" }}]\n\n\
         [[user]]\narn = \"arn:aws:iam::444455556666:user/eve\"\npolicies = [\"administrator\"]\n\
         keys = [{{ id = \"{EVE}\", secret = \"{SECRET}\" }}]\n"
    );
    let logs_app = "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\", \
                    \"Action\": \"s3:PutBucketLogging\", \"Resource\": \"arn:aws:s3:::app\"}]}";
    let files = [("policies/credentials.toml", users.as_str()), ("policies/identities/logs-app.json", logs_app)];
    Gate::launch("", &format!("{audit}\n[upstream]\nkind = \"embedded\"\n"), &files).unwrap()
}

/// Until what is told on the standard error says so.
fn told(gate: &Gate, words: &str) {
    let said = || std::fs::read_to_string(gate.folder.path().join("stderr")).unwrap();
    for _ in 0..150 {
        if said().contains(words) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("nothing says `{words}`: {}", said());
}

fn listed(gate: &Gate, key: &'static str, bucket: &str) -> String {
    text(&gate.send(&Ask { key, ..Ask::new("GET", &format!("/{bucket}?list-type=2")) }))
}

#[test]
fn whoever_makes_the_target_anew_in_another_account_gets_no_log() {
    let gate = with_others(EVERY);
    for bucket in ["/app", "/logs"] {
        assert_eq!(gate.send(&Ask::new("PUT", bucket)).status, 200);
    }
    assert_eq!(put(&gate, "/app?logging=", to("logs", "")).status, 200);
    assert_eq!(gate.send(&Ask::new("DELETE", "/logs")).status, 204);
    assert_eq!(gate.send(&Ask { key: EVE, ..Ask::new("PUT", "/logs") }).status, 200);
    assert_eq!(gate.send(&Ask::put("/app/confidential", b"data")).status, 200);
    told(&gate, "the bucket logs belongs to another account");
    assert!(!listed(&gate, EVE, "logs").contains("<Key>"));
    // Nothing is lost: it waits until the target is of the same owner again.
    assert_eq!(gate.send(&Ask { key: EVE, ..Ask::new("DELETE", "/logs") }).status, 204);
    assert_eq!(gate.send(&Ask::new("PUT", "/logs")).status, 200);
    delivered(&gate, "logs", |all| all.contains("REST.PUT.OBJECT confidential"));
}

fn policy(statement: &str) -> Vec<u8> {
    format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{statement}]}}").into_bytes()
}

#[test]
fn nobody_writes_by_way_of_a_log_where_it_may_not_write() {
    let gate = with_others(EVERY);
    for bucket in ["/app", "/logs"] {
        assert_eq!(gate.send(&Ask::new("PUT", bucket)).status, 200);
    }
    let by_nobody = || {
        let document = to("logs", "");
        let md5 = checksum::of(Algorithm::Md5, &document).to_base64();
        let ask = Ask { key: NOBODY, body: document, ..Ask::new("PUT", "/app?logging=") };
        gate.send(&ask.header("content-md5", &md5))
    };
    // It may not write there, and nothing lets the service in.
    by_nobody().refused(403, "AccessDenied");
    let deny = "{\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"s3:PutObject\", \
                \"Resource\": \"arn:aws:s3:::logs/log/*\"}";
    assert_eq!(put(&gate, "/logs?policy=", policy(deny)).status, 204);
    let refused = put(&gate, "/app?logging=", to("logs", ""));
    refused.refused(400, "InvalidTargetBucketForLogging");
    assert!(text(&refused).contains("logging.s3.amazonaws.com"), "{refused:?}");
    let grant = |source: &str| {
        format!(
            "{{\"Effect\": \"Allow\", \"Principal\": {{\"Service\": \"logging.s3.amazonaws.com\"}}, \
             \"Action\": \"s3:PutObject\", \"Resource\": \"arn:aws:s3:::logs/log/*\", \"Condition\": {{\
             \"ArnLike\": {{\"aws:SourceArn\": \"arn:aws:s3:::{source}\"}}, \
             \"StringEquals\": {{\"aws:SourceAccount\": \"111122223333\"}}}}}}"
        )
    };
    assert_eq!(put(&gate, "/logs?policy=", policy(&grant("other"))).status, 204);
    by_nobody().refused(403, "AccessDenied");
    assert_eq!(put(&gate, "/logs?policy=", policy(&grant("app"))).status, 204);
    assert_eq!(by_nobody().status, 200);
    // Forbidden later, it is held.
    assert_eq!(put(&gate, "/logs?policy=", policy(deny)).status, 204);
    assert_eq!(gate.send(&Ask::put("/app/first", b"data")).status, 200);
    told(&gate, "forbids logging.s3.amazonaws.com");
    assert!(!listed(&gate, KEY, "logs").contains("<Key>"));
    assert_eq!(gate.send(&Ask::new("DELETE", "/logs?policy=")).status, 204);
    delivered(&gate, "logs", |all| all.contains("REST.PUT.OBJECT first"));
}

#[test]
fn a_delivery_is_on_record_like_any_request_and_makes_no_deliveries_without_end() {
    let gate = gate(&format!("{EVERY}[[audit.sink]]\nname = \"all\"\nformat = \"json\"\nfile = \"all.jsonl\"\n"));
    for bucket in ["/app", "/logs"] {
        assert_eq!(gate.send(&Ask::new("PUT", bucket)).status, 200);
    }
    // Each one's log goes into the other.
    assert_eq!(put(&gate, "/app?logging=", to("logs", "")).status, 200);
    assert_eq!(put(&gate, "/logs?logging=", to("app", "")).status, 200);
    assert_eq!(gate.send(&Ask::put("/app/key", b"data")).status, 200);
    let recorded = |bucket: &str| -> Vec<serde_json::Value> {
        let all = std::fs::read_to_string(gate.folder.path().join("all.jsonl")).unwrap_or_default();
        let events = all.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        events.filter(|event| event["requester"] == "AmazonS3" && event["bucket_name"] == bucket).collect()
    };
    for _ in 0..150 {
        // The log of `logs` has the line about the delivery into it, and goes into `app`.
        if !recorded("app").is_empty() && !recorded("logs").is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let into = recorded("logs");
    assert!(!into.is_empty(), "{}", std::fs::read_to_string(gate.folder.path().join("stderr")).unwrap());
    let first = &into[0];
    assert_eq!((&first["operation"], &first["http_status"]), (&"REST.PUT.OBJECT".into(), &200.into()), "{first}");
    assert_eq!(first["requester_type"], "AWSService", "{first}");
    assert_eq!(first["requester_arn"], "logging.s3.amazonaws.com", "{first}");
    assert!(first["key"].as_str().unwrap().starts_with("log/2"), "{first}");
    let before = [recorded("app").len(), recorded("logs").len()];
    std::thread::sleep(Duration::from_secs(4));
    let after = [recorded("app").len(), recorded("logs").len()];
    assert!(before.iter().sum::<usize>() + 2 >= after.iter().sum::<usize>(), "{before:?} {after:?}");
    let (_, lines) = delivered(&gate, "app", |all| all.contains(" logs ["));
    assert!(lines.contains(" AmazonS3 ") && lines.contains(" REST.PUT.OBJECT log/2"), "{lines}");
}
