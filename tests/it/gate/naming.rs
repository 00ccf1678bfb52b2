//! Names of new buckets: refused, noted or let through; names that are retired; what a digit promises.

use bartizan::s3::checksum::{self, Algorithm};

use super::{Ask, Gate, Reply, Script};

const OTHER: &str = "AKIAOTHEROTHEROTHER1";
const NOBODY: &str = "AKIANOBODYNOBODY0001";
const GOOD: &str = "/data-1-bx7mr4kd9w";
const LEVELS: &str = "levels = { \"1\" = \"private\", \"2\" = \"public\" }";

/// Two administrators of one account, and a policy of names.
fn launch(naming: &str, store: &str) -> Gate {
    let user = |name: &str, policies: &str, key: &str| {
        format!(
            "[[user]]\narn = \"arn:aws:iam::111122223333:user/{name}\"\npolicies = [{policies}]\n\
             keys = [{{ id = \"{key}\", secret = \"{}\" }}]\n\n",
            super::SECRET
        )
    };
    let users = [
        "[[account]]\nid = \"111122223333\"\nname = \"main\"\n\n",
        &user("test", "\"administrator\"", super::KEY),
        &user("other", "\"administrator\"", OTHER),
        &user("nobody", "", NOBODY),
    ]
    .concat();
    let tables = format!("[naming]\norg_words = [\"acme\"]\n{naming}\n\n[upstream]\n{store}");
    Gate::launch("", &tables, &[("policies/credentials.toml", &users)]).unwrap_or_else(|told| panic!("{told}"))
}

fn embedded(naming: &str) -> Gate {
    launch(naming, "kind = \"embedded\"")
}

fn make(gate: &Gate, name: &str) -> Reply {
    gate.send(&Ask::new("PUT", name))
}

fn by(key: &'static str, method: &'static str, target: &str) -> Ask {
    Ask { key, ..Ask::new(method, target) }
}

fn message(reply: &Reply) -> String {
    let text = String::from_utf8(reply.body.clone()).unwrap();
    let message = text.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
    message.map(|(message, _)| message.replace("&apos;", "'")).unwrap_or_default()
}

/// What the journal says of requests to a bucket: the reason of a refusal, and the rules that were broken.
fn noted(gate: Gate, bucket: &str) -> Vec<(Option<String>, Vec<String>)> {
    let (records, _) = gate.finish();
    let of = |record: &&serde_json::Value| record["bucket_name"] == bucket;
    let rules = |record: &serde_json::Value| {
        let rules = record["naming"].as_array().cloned().unwrap_or_default();
        rules.iter().map(|rule| rule.as_str().unwrap().to_owned()).collect()
    };
    let one = |record: &serde_json::Value| (record["reason"].as_str().map(str::to_owned), rules(record));
    records.iter().filter(of).map(one).collect()
}

#[test]
fn names_are_free_by_default_but_for_what_s3_would_not_take() {
    let gate = embedded("");
    for name in ["/my-bucket", "/acme-secrets", "/prod.2026"] {
        assert_eq!(make(&gate, name).status, 200, "{name}");
    }
    for name in ["/xn--data", "/sthree-data", "/amzn-s3-demo-data", "/japan-an"] {
        let refused = make(&gate, name);
        refused.refused(400, "InvalidBucketName");
        assert_eq!(message(&refused), "The specified bucket is not valid.");
    }
    assert_eq!(gate.send(&Ask::new("DELETE", "/my-bucket")).status, 204);
    assert_eq!(gate.send(&by(OTHER, "PUT", "/my-bucket")).status, 200);
    assert!(!gate.folder.path().join("state/retired-names").exists());
    assert_eq!(noted(gate, "xn--data"), [(Some("naming:N-01".to_owned()), vec!["N-01".to_owned()])]);
}

#[test]
fn a_name_that_breaks_a_rule_is_refused_with_the_rule_and_a_better_name() {
    let store = Script::ok();
    let gate = launch("mode = \"enforce\"", &store.upstream("us-east-1"));
    let refused = make(&gate, "/logs-1-k7f2m9");
    refused.refused(400, "InvalidBucketName");
    let told = message(&refused);
    let begin = "The specified bucket is not valid. N-17: The name can be guessed: about 33.4 bits, 40 needed. A name \
                 that would be taken: ";
    let better = told.strip_prefix(begin).unwrap_or_else(|| panic!("{told}"));
    assert!(better.starts_with("logs-1-") && better.len() == 17, "{better}");
    assert!(String::from_utf8_lossy(&refused.body).contains("<BucketName>logs-1-k7f2m9</BucketName>"));
    for (name, rule) in [
        ("/acme-x1k7f2m9b3", "N-12: The name contains a word that points to the organisation."),
        ("/x-111122223333", "N-10: The name contains an account id."),
        ("/s3cret-bx7mr4kd9w", "N-13: The name tells what is worth stealing."),
        ("/data.bx7mr4kd9w", "N-19: Dots in names break TLS for virtual-hosted addresses."),
    ] {
        let refused = make(&gate, name);
        refused.refused(400, "InvalidBucketName");
        assert!(message(&refused).contains(rule), "{name}: {refused:?}");
    }
    assert!(store.seen().iter().all(|seen| !seen.head.starts_with("PUT")), "nothing was made");
    assert_eq!(make(&gate, &format!("/{better}")).status, 200);
    let unallowed = gate.send(&by(NOBODY, "PUT", "/logs-1-k7f2m9"));
    unallowed.refused(403, "AccessDenied");
    assert!(!message(&unallowed).contains("N-17"), "who may not make it learns nothing");
    let noted = noted(gate, "logs-1-k7f2m9");
    assert_eq!(noted[0], (Some("naming:N-17".to_owned()), vec!["N-17".to_owned()]));
    assert!(noted[1].1.is_empty());
}

#[test]
fn a_warning_is_on_record_and_changes_nothing() {
    let gate = embedded("mode = \"warn\"");
    assert_eq!(make(&gate, "/acme-prod").status, 200);
    assert_eq!(make(&gate, "/xn--data").status, 400);
    let rules = ["N-12", "N-18", "N-17", "N-14"].map(str::to_owned).to_vec();
    assert_eq!(noted(gate, "acme-prod")[0], (None, rules));
    let gate = embedded("mode = \"enforce\"");
    assert_eq!(make(&gate, "/prod-1-bx7mr4kd9w").status, 200);
    assert_eq!(make(&gate, "/prod-1-bx7mr4kd9x").status, 200);
    assert_eq!(noted(gate, "prod-1-bx7mr4kd9x")[0].1, ["N-14", "N-24"]);
}

#[test]
fn a_retired_name_is_given_to_nobody_else_and_leads_nowhere() {
    let store = Script::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let gate = launch("mode = \"enforce\"\nallow = [\"legacy\"]", &store.upstream("us-east-1"));
    for name in [GOOD, "/legacy"] {
        assert_eq!(make(&gate, name).status, 200);
        assert_eq!(gate.send(&Ask::new("DELETE", name)).status, 200);
    }
    let before = store.seen().len();
    let of = |name: &str| gate.send(&Ask::new("GET", &format!("{name}/key")));
    of(GOOD).refused(404, "NoSuchBucket");
    gate.send(&Ask::put("/data-1-aaabbbccc1/key", b"").header("x-amz-copy-source", &format!("{GOOD}/key")))
        .refused(404, "NoSuchBucket");
    assert_eq!(gate.send(&Ask::new("HEAD", GOOD)).status, 404);
    let other = gate.send(&by(OTHER, "PUT", GOOD));
    other.refused(400, "InvalidBucketName");
    assert!(message(&other).contains("N-23: The name is retired."), "{other:?}");
    assert_eq!(store.seen().len(), before, "the store hears of none of it");
    assert_eq!(of("/legacy").status, 200);
    assert_eq!(make(&gate, GOOD).status, 200);
    assert_eq!(of(GOOD).status, 200);
    let kept = std::fs::read_to_string(gate.folder.path().join("state/retired-names")).unwrap();
    assert_eq!(kept.lines().count(), 3, "{kept}");
}

/// With the checksum that documents must have.
fn summed(ask: Ask) -> Ask {
    let sum = checksum::of(Algorithm::Crc32, &ask.body).to_base64();
    ask.header("x-amz-checksum-crc32", &sum)
}

fn policy(name: &str, principal: &str) -> Vec<u8> {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {principal},
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{name}/*"}}}}"#
    )
    .into_bytes()
}

#[test]
fn a_bucket_whose_name_says_private_does_not_become_public() {
    let gate = embedded(&format!("mode = \"enforce\"\n{LEVELS}"));
    let public = "/data-2-bx7mr4kd9w";
    for name in [GOOD, public] {
        assert_eq!(make(&gate, name).status, 200);
        assert_eq!(gate.send(&Ask::new("DELETE", &format!("{name}?publicAccessBlock="))).status, 204);
    }
    let put = |name: &str, principal: &str| {
        gate.send(&summed(Ask::put(&format!("{name}?policy="), &policy(&name[1..], principal))))
    };
    let refused = put(GOOD, "\"*\"");
    refused.refused(403, "AccessDenied");
    assert_eq!(message(&refused), "N-21: The name's sensitivity digit contradicts the bucket's settings.");
    assert_eq!(put(GOOD, "{\"AWS\": \"111122223333\"}").status, 204);
    assert_eq!(put(public, "\"*\"").status, 204);
    let noted = noted(gate, &GOOD[1..]);
    assert!(noted.contains(&(Some("naming:N-21".to_owned()), vec!["N-21".to_owned()])), "{noted:?}");
}

#[test]
fn nor_through_an_access_point() {
    let gate = embedded(&format!("mode = \"enforce\"\n{LEVELS}"));
    assert_eq!(make(&gate, GOOD).status, 200);
    assert_eq!(gate.send(&Ask::new("DELETE", &format!("{GOOD}?publicAccessBlock="))).status, 204);
    let point = "/v20180820/accesspoint/reports";
    let put = |target: &str, body: &str| {
        gate.send(&Ask::put(target, body.as_bytes()).header("x-amz-account-id", "111122223333"))
    };
    let made = format!(
        "<CreateAccessPointRequest><Bucket>{}</Bucket><PublicAccessBlockConfiguration/></CreateAccessPointRequest>",
        &GOOD[1..]
    );
    assert_eq!(put(point, &made).status, 200);
    let policy = |principal: &str| {
        let policy = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {principal}, "Action":
            "s3:GetObject", "Resource": "arn:aws:s3:us-east-1:111122223333:accesspoint/reports/object/*"}}}}"#
        );
        format!("<PutAccessPointPolicyRequest><Policy>{policy}</Policy></PutAccessPointPolicyRequest>")
    };
    let refused = put(&format!("{point}/policy"), &policy("\"*\""));
    refused.refused(403, "AccessDenied");
    assert!(message(&refused).starts_with("N-21: "), "{refused:?}");
    assert_eq!(put(&format!("{point}/policy"), &policy("{\"AWS\": \"111122223333\"}")).status, 200);
}

#[test]
fn a_public_policy_of_the_folder_is_not_let_loose_by_a_request() {
    let text = String::from_utf8(policy(&GOOD[1..], "\"*\"")).unwrap();
    let all = r#"{"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true}"#;
    let file = |name: &str| format!("policies/buckets{GOOD}/{name}");
    let (policy_file, block_file) = (file("policy.json"), file("public-access-block.json"));
    let files = [(policy_file.as_str(), text.as_str()), (block_file.as_str(), all)];
    let tables = format!("[naming]\nmode = \"enforce\"\n{LEVELS}\n[upstream]\n{}", Script::ok().upstream("us-east-1"));
    let gate = Gate::launch("", &tables, &files).unwrap_or_else(|told| panic!("{told}"));
    let target = format!("{GOOD}?publicAccessBlock=");
    gate.send(&Ask::new("DELETE", &target)).refused(403, "AccessDenied");
    let put = |restrict: bool| {
        let body = format!(
            "<PublicAccessBlockConfiguration><RestrictPublicBuckets>{restrict}</RestrictPublicBuckets>\
             </PublicAccessBlockConfiguration>"
        );
        gate.send(&summed(Ask::put(&target, body.as_bytes())))
    };
    put(false).refused(403, "AccessDenied");
    assert_eq!(put(true).status, 200);
    let made = make(&gate, GOOD);
    made.refused(400, "InvalidBucketName");
    assert!(message(&made).contains("N-21: "), "{made:?}");
}

#[test]
fn a_damaged_ledger_keeps_the_proxy_from_starting() {
    let tables = "[naming]\nmode = \"enforce\"\n[upstream]\nkind = \"embedded\"";
    let told = Gate::launch("", tables, &[("state/retired-names", "nonsense\n")]).err().unwrap();
    assert!(told.contains("line 1 is not one of the ledger") && told.contains("take the line out"), "{told}");
}
