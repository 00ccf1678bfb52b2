//! Policies before a store: who may what, and what a refusal leaves untouched.

use super::people::{READER, READER_POLICY, ROOT, STRANGER, USERS, by};
use super::{Ask, Gate, NOBODY, Reply, Script};

fn files<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut files = vec![("policies/credentials.toml", USERS), ("policies/identities/reader.json", READER_POLICY)];
    files.extend_from_slice(more);
    files
}

fn gate(upstream: &str, more: &[(&str, &str)]) -> Gate {
    let upstream = format!("[upstream]\n{upstream}");
    Gate::launch("", &upstream, &files(more)).unwrap_or_else(|told| panic!("{told}"))
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

/// A store that answers everything with one document.
pub(super) fn telling(status: &str, document: &str) -> Script {
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {}", document.len());
    Script::answering(Box::leak(format!("{head}\r\n\r\n{document}").into_boxed_str()))
}

#[test]
fn a_key_that_is_not_there_is_told_to_who_may_list_it() {
    let store = telling("404 Not Found", "<Error><Code>NoSuchKey</Code><Message>It is not there.</Message></Error>");
    let gate = gate(&store.upstream("us-east-1"), &[]);
    let get = |key, target| gate.send(&by(key, Ask::new("GET", target)));
    get(READER, "/bucket/public/x").refused(404, "NoSuchKey");
    get(READER, "/bucket/private/x").refused(403, "AccessDenied");
    assert_eq!(gate.send(&by(READER, Ask::new("HEAD", "/bucket/private/x"))).status, 403);
    assert_eq!(gate.send(&by(READER, Ask::new("HEAD", "/bucket/public/x"))).status, 404);
    let asked = store.seen().len();
    get(NOBODY, "/bucket/public/x").refused(403, "AccessDenied");
    assert_eq!(store.seen().len(), asked, "whom nothing is told, nothing is asked for");
}

#[test]
fn a_list_of_deletions_is_decided_key_by_key_and_the_refused_keys_never_leave() {
    let store = telling("200 OK", "<DeleteResult><Deleted><Key>mine/a</Key></Deleted></DeleteResult>");
    let gate = gate(&store.upstream("us-east-1"), &[]);
    let delete = |keys: &[&str]| {
        let entries: String = keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
        let document = format!("<Delete>{entries}</Delete>").into_bytes();
        let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, &document).to_base64();
        let ask = Ask { body: document, ..Ask::new("POST", "/bucket?delete=") }.header("content-md5", &md5);
        gate.send(&Ask { key: READER, ..ask })
    };
    let reply = delete(&["mine/a", "yours/b"]);
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = text(&reply);
    assert!(
        told.contains("<Deleted><Key>mine/a</Key></Deleted><Error><Key>yours/b</Key><Code>AccessDenied</Code>"),
        "{told}"
    );
    let seen = store.seen();
    let sent = String::from_utf8(seen[0].body.clone()).unwrap();
    assert!(sent.contains("mine/a") && !sent.contains("yours/b"), "{sent}");
    let reply = delete(&["yours/b", "yours/c"]);
    let told = text(&reply);
    assert!(reply.status == 200 && told.matches("<Code>AccessDenied</Code>").count() == 2, "{told}");
    assert_eq!(store.seen().len(), 1, "nothing that was refused has left");
    let (records, _) = gate.finish();
    assert!(records.iter().any(|record| record["reason"] == "silent-identity"), "{records:#?}");
}

#[test]
fn a_list_of_buckets_shows_those_of_the_callers_account() {
    let store = telling(
        "200 OK",
        "<ListAllMyBucketsResult><Owner><ID>store</ID></Owner><Buckets><Bucket><Name>bucket</Name></Bucket>\
                        <Bucket><Name>theirs</Name></Bucket></Buckets></ListAllMyBucketsResult>",
    );
    let theirs = [("policies/buckets/theirs/settings.toml", "owner = \"444455556666\"\n")];
    let gate = gate(&store.upstream("us-east-1"), &theirs);
    let list = |key| text(&gate.send(&by(key, Ask::new("GET", "/"))));
    let ours = list(super::KEY);
    assert!(ours.contains("<Name>bucket</Name>") && !ours.contains("theirs") && !ours.contains("<ID>store"), "{ours}");
    let others = list(STRANGER);
    assert!(others.contains("<Name>theirs</Name>") && !others.contains("<Name>bucket"), "{others}");
    gate.send(&by(NOBODY, Ask::new("GET", "/"))).refused(403, "AccessDenied");
}

#[test]
fn of_another_account_both_sides_must_say_yes() {
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "444455556666"},
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/shared/*"}}"#;
    let store = Script::ok();
    let gate = gate(&store.upstream("us-east-1"), &[("policies/buckets/bucket/policy.json", policy)]);
    assert_eq!(gate.send(&by(STRANGER, Ask::new("GET", "/bucket/shared/x"))).status, 200);
    let reply = gate.send(&by(STRANGER, Ask::new("GET", "/bucket/x")));
    reply.refused(403, "AccessDenied");
    assert!(text(&reply).contains("<Message>Access Denied</Message>"), "strangers hear no reason: {reply:?}");
    assert_eq!(store.seen().len(), 1);
}

/// As [`Script::upstream`], as Amazon's.
fn amazon(store: &Script) -> String {
    store.upstream("us-east-1").replace("\"minio\"", "\"aws\"")
}

#[test]
fn towards_amazon_every_request_names_the_owner_that_the_decision_was_taken_for() {
    let store = Script::ok();
    let theirs = [("policies/buckets/theirs/settings.toml", "owner = \"444455556666\"\n")];
    let gate = gate(&amazon(&store), &theirs);
    let put = Ask { body: b"data".to_vec(), ..Ask::new("PUT", "/bucket/k") };
    assert_eq!(gate.send(&put).status, 200);
    assert_eq!(gate.send(&put).status, 200);
    gate.send(&Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "bucket/k"));
    let seen = store.seen();
    let begins: Vec<&str> = seen.iter().map(|seen| seen.head.lines().next().unwrap()).collect();
    let put = "PUT /bucket/k HTTP/1.1";
    assert_eq!(begins[..3], ["HEAD /bucket HTTP/1.1", put, put], "asked once, and remembered");
    assert!(seen.iter().all(|seen| seen.head.contains("x-amz-expected-bucket-owner: 111122223333\r\n")));
    assert_eq!(begins[3], "HEAD /bucket/k HTTP/1.1", "how the source is encrypted");
    assert!(seen[4].head.contains("x-amz-source-expected-bucket-owner: 111122223333\r\n"), "{}", seen[4].head);
    // What the client expects is compared with the owner that is known here.
    let expects = |owner: &str| Ask::new("GET", "/theirs/k").header("x-amz-expected-bucket-owner", owner);
    gate.send(&expects("111122223333")).refused(403, "AccessDenied");
}

#[test]
fn no_octet_of_a_body_leaves_for_a_bucket_that_somebody_else_owns() {
    let store = Script::answering("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    let gate = gate(&amazon(&store), &[]);
    for length in [10, 200_000] {
        let put = Ask { body: vec![b'x'; length], ..Ask::new("PUT", "/bucket/k") };
        gate.send(&put).refused(403, "AccessDenied");
    }
    let seen = store.seen();
    assert!(seen.iter().all(|seen| seen.head.starts_with("HEAD /bucket ") && seen.body.is_empty()), "{seen:?}");
}

#[test]
fn a_condition_on_tags_asks_the_store_only_where_it_matters() {
    let store =
        telling("200 OK", "<Tagging><TagSet><Tag><Key>class</Key><Value>secret</Value></Tag></TagSet></Tagging>");
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/tagged/*", "Condition": {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}}}}"#;
    let gate = gate(&store.upstream("us-east-1"), &[("policies/buckets/bucket/policy.json", policy)]);
    assert_eq!(gate.send(&Ask::new("GET", "/bucket/plain")).status, 200);
    assert_eq!(store.seen().len(), 1, "a statement that cannot match asks nothing");
    let reply = gate.send(&Ask::new("GET", "/bucket/tagged/k"));
    reply.refused(403, "AccessDenied");
    assert!(text(&reply).contains("with an explicit deny in a resource-based policy"), "{reply:?}");
    let seen = store.seen();
    assert!(seen.len() == 2 && seen[1].head.starts_with("GET /bucket/tagged/k?tagging"), "{seen:?}");
}

/// A GET of a presigned URL that was made some seconds ago.
pub(super) fn presigned(path: &str, seconds_ago: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let time = bartizan::time::Seconds(i64::try_from(now).unwrap() - seconds_ago).compact();
    let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}%2F{}&X-Amz-Date={time}&X-Amz-Expires=3600&X-Amz-SignedHeaders=host",
        super::KEY,
        scope.replace('/', "%2F")
    );
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let sign = |key: &[u8], text: &str| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
        ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
    };
    let canonical = format!("GET\n{path}\n{query}\nhost:localhost\n\nhost\nUNSIGNED-PAYLOAD");
    let hash = hex(ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes()).as_ref());
    let mut key = sign(format!("AWS4{}", super::SECRET).as_bytes(), &time[..8]);
    for text in ["us-east-1", "s3", "aws4_request"] {
        key = sign(&key, text);
    }
    let signature = hex(&sign(&key, &format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}")));
    format!("GET {path}?{query}&X-Amz-Signature={signature} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

#[test]
fn a_presigned_url_dies_when_the_policy_says_so() {
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": "arn:aws:s3:::bucket/*", "Condition": {"NumericGreaterThan": {"s3:signatureAge": "60000"}}}}"#;
    let store = Script::ok();
    let gate = gate(&store.upstream("us-east-1"), &[("policies/buckets/bucket/policy.json", policy)]);
    let ask = |age| gate.send_raw(presigned("/bucket/k", age).as_bytes());
    assert_eq!(ask(0).status, 200);
    ask(120).refused(403, "AccessDenied");
    assert_eq!(store.seen().len(), 1);
}

/// What a balancer writes in front of a connection, with the VPC endpoint it came through.
fn balancer(client: [u8; 4], endpoint: &str) -> Vec<u8> {
    let extension = [&[0xea, 0, u8::try_from(endpoint.len() + 1).unwrap(), 1], endpoint.as_bytes()].concat();
    let length = u8::try_from(12 + extension.len()).unwrap();
    let head: &[u8] = &[b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0".as_slice(), &[length]].concat();
    [head, &client, &[127, 0, 0, 1], &[0x12, 0x34, 1, 187], &extension].concat()
}

/// Everything, but from one network and through one endpoint.
const FENCED: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"],
     "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
    {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*",
     "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}}]}"#;

#[test]
fn conditions_see_the_client_and_the_endpoint_that_the_balancer_names() {
    let store = Script::ok();
    let upstream = format!("[upstream]\n{}", store.upstream("us-east-1"));
    let listen = "trusted_proxies = [\"127.0.0.0/8\"]\nproxy_protocol = true\n";
    // Through an endpoint the address is a private one, and has a key of its own.
    let fenced = FENCED.replace("aws:SourceIp", "aws:VpcSourceIp");
    let files = files(&[("policies/buckets/bucket/policy.json", &fenced)]);
    let gate = Gate::launch(listen, &upstream, &files).unwrap_or_else(|told| panic!("{told}"));
    let from = |client, endpoint, ask: &Ask| gate.send_raw(&[balancer(client, endpoint), ask.wire()].concat());
    let (get, put) = (Ask::new("GET", "/bucket/k"), Ask::put("/bucket/k", b"data"));
    assert_eq!(from([192, 0, 2, 7], "vpce-0a1b2c3d", &get).status, 200);
    assert_eq!(from([192, 0, 2, 7], "vpce-0a1b2c3d", &put).status, 200);
    from([192, 0, 2, 7], "vpce-99999999", &put).refused(403, "AccessDenied");
    from([198, 51, 100, 7], "vpce-0a1b2c3d", &get).refused(403, "AccessDenied");
    assert!(gate.send(&get).head.is_empty(), "without a head the connection is closed");
    assert_eq!(store.seen().len(), 2);
}

#[test]
fn only_trusted_proxies_choose_the_clients_address() {
    let policy = [("policies/buckets/bucket/policy.json", FENCED)];
    for (trusted, status) in [("trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n", 200), ("", 403)] {
        let store = Script::ok();
        let upstream = format!("[upstream]\n{}", store.upstream("us-east-1"));
        let gate = Gate::launch(trusted, &upstream, &files(&policy)).unwrap_or_else(|told| panic!("{told}"));
        let get = |way: &str| gate.send(&Ask::new("GET", "/bucket/k").header("x-forwarded-for", way));
        assert_eq!(get("192.0.2.7").status, status, "{trusted}");
        assert_eq!(get("192.0.2.7, 10.1.2.3").status, status, "{trusted}");
        get("192.0.2.7, 198.51.100.7").refused(403, "AccessDenied");
    }
}

#[test]
fn block_public_access_of_an_account_is_set_through_s3_control_by_that_account_alone() {
    let gate = gate("kind = \"embedded\"", &[]);
    let target = "/v20180820/configuration/publicAccessBlock";
    let ask = |method, account: &str| Ask::new(method, target).header("x-amz-account-id", account);
    let document =
        b"<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>";
    let ours = "111122223333";
    let reply = gate.send(&ask("GET", ours));
    reply.refused(404, "NoSuchPublicAccessBlockConfiguration");
    assert!(text(&reply).contains("<ErrorResponse><Error><Code>") && text(&reply).contains("<AccountId>"), "{reply:?}");
    assert_eq!(gate.send(&Ask { body: document.to_vec(), ..ask("PUT", ours) }).status, 200);
    assert!(text(&gate.send(&ask("GET", ours))).contains("<BlockPublicPolicy>true</BlockPublicPolicy>"));
    gate.send(&by(STRANGER, ask("GET", ours))).refused(403, "AccessDenied");
    gate.send(&by(NOBODY, Ask { body: document.to_vec(), ..ask("PUT", ours) })).refused(403, "AccessDenied");
    // It holds for every bucket of the account.
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket?publicAccessBlock=")).status, 204);
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*"}}"#;
    let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, policy.as_bytes()).to_base64();
    let put =
        Ask { body: policy.as_bytes().to_vec(), ..Ask::new("PUT", "/bucket?policy=") }.header("content-md5", &md5);
    let reply = gate.send(&put);
    reply.refused(403, "AccessDenied");
    assert!(text(&reply).contains("BlockPublicPolicy setting in S3 Block Public Access"), "{reply:?}");
    assert_eq!(gate.send(&ask("DELETE", ours)).status, 204);
    assert_eq!(gate.send(&put).status, 204);
    assert!(text(&gate.send(&Ask::new("GET", "/bucket?policyStatus="))).contains("<IsPublic>true</IsPublic>"));
    assert_eq!(gate.send(&Ask::new("GET", "/bucket?policy=")).body, policy.as_bytes());
}

#[test]
fn parts_inherit_the_encryption_that_their_upload_was_begun_with() {
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::bucket/*", "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}}}"#;
    let store =
        telling("200 OK", "<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>");
    let gate = gate(&store.upstream("us-east-1"), &[("policies/buckets/bucket/policy.json", policy)]);
    let begin = Ask::new("POST", "/bucket/k?uploads=");
    gate.send(&begin).refused(403, "AccessDenied");
    let reply = gate.send(&begin.header("x-amz-server-side-encryption", "AES256"));
    assert!(reply.status == 200 && text(&reply).contains("<UploadId>one</UploadId>"), "{reply:?}");
    let part = |id: &str| gate.send(&Ask::put(&format!("/bucket/k?partNumber=1&uploadId={id}"), b"data"));
    assert_eq!(part("one").status, 200);
    part("another").refused(403, "AccessDenied");
}

#[test]
fn a_store_is_not_made_to_write_into_the_bucket_of_another_account() {
    let store = Script::ok();
    let theirs = [("policies/buckets/theirs/settings.toml", "owner = \"444455556666\"\n")];
    let has = "operations = [\"PutBucketInventoryConfiguration\"]\n";
    let gate = gate(&(store.upstream("us-east-1") + has), &theirs);
    let put = |target: &str, document: String| {
        let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, document.as_bytes()).to_base64();
        let ask = Ask { body: document.into_bytes(), ..Ask::new("PUT", target) }.header("content-md5", &md5);
        gate.send(&by(STRANGER, ask))
    };
    let replication = |to: &str| {
        format!(
            "<ReplicationConfiguration><Role>arn:aws:iam::111122223333:role/r</Role><Rule><Status>Enabled</Status>\
             <Destination><Bucket>arn:aws:s3:::{to}</Bucket></Destination></Rule></ReplicationConfiguration>"
        )
    };
    let inventory = |to: &str| {
        format!(
            "<InventoryConfiguration><Destination><S3BucketDestination><Bucket>arn:aws:s3:::{to}</Bucket>\
             </S3BucketDestination></Destination></InventoryConfiguration>"
        )
    };
    put("/theirs?replication=", replication("bucket")).refused(403, "AccessDenied");
    put("/theirs?id=i&inventory=", inventory("bucket")).refused(403, "AccessDenied");
    put("/theirs?replication=", replication("not a bucket")).refused(403, "AccessDenied");
    assert!(store.seen().is_empty(), "{:?}", store.seen());
    assert_eq!(put("/theirs?replication=", replication("theirs")).status, 200);
}

#[test]
fn a_policy_that_forbids_everything_to_everyone_can_still_be_removed_by_the_root_user() {
    let locked = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]}}"#;
    let store = Script::ok();
    let gate = gate(&store.upstream("us-east-1"), &[("policies/buckets/bucket/policy.json", locked)]);
    let root = |method, target| gate.send(&by(ROOT, Ask::new(method, target)));
    gate.send(&Ask::new("GET", "/bucket?policy=")).refused(403, "AccessDenied");
    root("GET", "/bucket/k").refused(403, "AccessDenied");
    root("DELETE", "/bucket?publicAccessBlock=").refused(403, "AccessDenied");
    assert_eq!(root("GET", "/bucket?policy=").body, locked.as_bytes());
    assert_eq!(root("DELETE", "/bucket?policy=").status, 204);
    assert_eq!(root("GET", "/bucket/k").status, 200);
}

#[test]
fn an_archive_is_not_unpacked_into_keys_that_nobody_has_decided_about() {
    let store = Script::ok();
    let gate = gate(&store.upstream("us-east-1"), &[]);
    let put = |name| gate.send(&Ask::put("/bucket/mine/a.tar", b"archive").header(name, "true"));
    put("x-amz-meta-snowball-auto-extract").refused(501, "NotImplemented");
    assert!(store.seen().is_empty(), "{:?}", store.seen());
    assert_eq!(put("x-amz-meta-snowball").status, 200);
}

#[test]
fn a_number_that_a_condition_cannot_read_is_not_left_to_the_store() {
    let policy = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket",
        "Resource": "arn:aws:s3:::bucket", "Condition": {"NumericGreaterThan": {"s3:max-keys": "10"}}}}"#;
    let store = Script::ok();
    let gate = gate(&store.upstream("us-east-1"), &[("policies/buckets/bucket/policy.json", policy)]);
    let list = |query: &str| gate.send(&Ask::new("GET", &format!("/bucket?{query}")));
    list("max-keys=1000").refused(403, "AccessDenied");
    list("max-keys=").refused(403, "AccessDenied");
    list("max-keys=1e3").refused(400, "InvalidArgument");
    list("max-keys=%201000").refused(400, "InvalidArgument");
    assert!(store.seen().is_empty(), "{:?}", store.seen());
    assert_eq!(list("max-keys=10").status, 200);
}
