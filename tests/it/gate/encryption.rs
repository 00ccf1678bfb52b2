//! Nothing stored in the clear: what a write must say of encryption, what the store is told, what it has to
//! confirm, and who may use which key.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::house::House;
use super::{Ask, Gate, Mode, NOBODY, Reply, SECRET, Script};

pub(super) const SSE: &str = "x-amz-server-side-encryption";
pub(super) const KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/vault";
const OTHER: &str = "arn:aws:kms:us-east-1:111122223333:key/other";
const WRITER: &str = "AKIAWRITERWRITER0001";

/// A client's own key.
pub(super) const CUSTOMER: [(&str, &str); 3] = [
    ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
    ("x-amz-server-side-encryption-customer-key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
    ("x-amz-server-side-encryption-customer-key-md5", "KYvwGXoFFJ42a2u2GDWhwQ=="),
];

/// May do everything in S3 and write with one key.
const WRITER_POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
  {"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "arn:aws:kms:us-east-1:111122223333:key/vault",
   "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
                 "StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::bucket/*"}}}]}"#;

fn users() -> String {
    let user = |name: &str, policies: &str, id: &str| {
        format!(
            "[[user]]\narn = \"arn:aws:iam::111122223333:user/{name}\"\npolicies = [{policies}]\n\
             keys = [{{ id = \"{id}\", secret = \"{SECRET}\" }}]\n\n"
        )
    };
    [
        "[[account]]\nid = \"111122223333\"\nname = \"main\"\n\n",
        &user("test", "\"administrator\"", super::KEY),
        &user("writer", "\"writer\"", WRITER),
        &user("nobody", "", NOBODY),
    ]
    .concat()
}

const FINE: &str =
    "HTTP/1.1 200 OK\r\netag: \"abc\"\r\nx-amz-server-side-encryption: AES256\r\ncontent-length: 0\r\n\r\n";
const KMS: &str = "HTTP/1.1 200 OK\r\netag: \"abc\"\r\nx-amz-server-side-encryption: aws:kms\r\n\
    x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:vault\r\ncontent-length: 0\r\n\r\n";
const SILENT: &str = "HTTP/1.1 200 OK\r\netag: \"abc\"\r\ncontent-length: 0\r\n\r\n";

/// On TLS before a scripted MinIO, with these rules.
pub(super) fn house(store: &Script, rules: &str) -> House {
    with_files(store, rules, &[])
}

fn with_files(store: &Script, rules: &str, more: &[(&str, &str)]) -> House {
    let users = users();
    let mut files =
        vec![("policies/credentials.toml", users.as_str()), ("policies/identities/writer.json", WRITER_POLICY)];
    files.extend_from_slice(more);
    let tables = format!("{rules}\n[upstream]\n{}", store.upstream("us-east-1"));
    House::launch("", &tables, &files).unwrap_or_else(|told| panic!("{told}"))
}

pub(super) fn put() -> Ask {
    Ask::put("/bucket/key", b"secret")
}

/// What the store was told last.
fn told(store: &Script, name: &str) -> Option<String> {
    let seen = store.seen().pop().unwrap();
    let prefix = format!("{name}: ");
    seen.head.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let prefix = format!("{name}: ");
    reply.head.lines().find_map(|line| line.strip_prefix(prefix.as_str()))
}

#[test]
fn a_write_that_says_nothing_never_reaches_the_store_under_a_rule_that_refuses() {
    let store = Script::answering(FINE);
    let house = house(&store, "[guard.encryption]\nrequire = [\"aws:kms\", \"AES256\"]");
    let writes =
        [put(), put().mode(Mode::Trailer), put().mode(Mode::Unsigned), Ask::new("POST", "/bucket/key?uploads=")];
    for ask in writes {
        let reply = house.send(&ask);
        reply.refused(403, "AccessDenied");
        assert!(String::from_utf8_lossy(&reply.body).contains("<Message>Access Denied</Message>"), "{reply:?}");
    }
    assert!(store.seen().is_empty(), "{:?}", store.seen());
    let copy = Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "/bucket/key");
    house.send(&copy).refused(403, "AccessDenied");
    assert!(store.seen().iter().all(|seen| seen.head.starts_with("HEAD ")), "{:?}", store.seen());
    assert_eq!(house.send(&put().header(SSE, "AES256")).status, 200);
    assert_eq!(told(&store, SSE).as_deref(), Some("AES256"));
    let (records, _) = house.finish();
    let reasons: Vec<_> = records.iter().filter_map(|record| record["reason"].as_str()).collect();
    assert_eq!(reasons, ["encryption-missing"; 5]);
}

#[test]
fn what_a_rule_adds_is_told_to_the_store_and_to_the_client_only_if_the_store_confirms_it() {
    let rules = "[guard.encryption]\nrequire = [\"AES256\"]\nwhen_missing = \"add\"";
    let store = Script::answering(FINE);
    let good = house(&store, rules);
    let reply = good.send(&put());
    assert_eq!((reply.status, header(&reply, SSE)), (200, Some("AES256")), "{reply:?}");
    assert_eq!(told(&store, SSE).as_deref(), Some("AES256"));
    let (records, _) = good.finish();
    assert!(records.iter().any(|record| record["encryption"]["origin"] == "added"), "{records:?}");

    let store = Script::answering(SILENT);
    let liar = house(&store, rules);
    liar.send(&put()).refused(500, "InternalError");
    let seen = store.seen();
    let begins: Vec<_> = seen.iter().map(|seen| seen.head.split(' ').next().unwrap()).collect();
    assert_eq!(begins, ["PUT", "HEAD", "DELETE"], "asked once more, then taken back");
    assert!(seen[2].head.contains("if-match: \"abc\"\r\n"), "{}", seen[2].head);
    let (_, said) = liar.finish();
    assert!(said.contains("EncryptionNotConfirmed"), "{said}");
}

#[test]
fn without_a_rule_a_write_that_says_nothing_gets_the_default_of_its_bucket() {
    let store = Script::answering(KMS);
    let default = format!(
        r#"{{"Rules": [{{"ApplyServerSideEncryptionByDefault": {{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "{ARN}"}}, "BucketKeyEnabled": true}}]}}"#
    );
    let house = with_files(&store, "", &[("policies/buckets/bucket/encryption.json", &default)]);
    let reply = house.send(&put());
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(told(&store, SSE).as_deref(), Some("aws:kms"));
    assert_eq!(told(&store, KEY_ID).as_deref(), Some("vault"), "MinIO knows keys by name");
    assert_eq!(told(&store, "x-amz-server-side-encryption-bucket-key-enabled").as_deref(), Some("true"));
    assert_eq!(header(&reply, KEY_ID), Some(ARN), "clients know keys by their ARN");
    assert_eq!(house.send(&Ask::put("/other/key", b"x")).status, 200);
    assert_eq!(told(&store, SSE), None);
}

#[test]
fn the_wrong_kind_and_the_wrong_key_are_refused_and_the_right_ones_pass() {
    let store = Script::answering(KMS);
    let rules = format!(
        "[guard.encryption]\nrequire = [\"aws:kms\"]\nkms_keys = [\"{ARN}\"]\n\n[[guard.encryption.rule]]\nbucket = \"open-*\"\n\
         when_missing = \"pass\"\n"
    );
    let house = house(&store, &rules);
    house.send(&put().header(SSE, "AES256")).refused(403, "AccessDenied");
    house.send(&put().header(SSE, "aws:kms").header(KEY_ID, OTHER)).refused(403, "AccessDenied");
    house.send(&put().header(SSE, "aws:kms")).refused(400, "KMS.NotFoundException");
    assert!(store.seen().is_empty());
    for name in [ARN, "vault"] {
        assert_eq!(house.send(&put().header(SSE, "aws:kms").header(KEY_ID, name)).status, 200, "{name}");
        assert_eq!(told(&store, KEY_ID).as_deref(), Some("vault"));
    }
    assert_eq!(house.send(&Ask::put("/open-1/key", b"x")).status, 200);
    assert_eq!(told(&store, SSE), None);
}

#[test]
fn whoever_may_do_everything_in_s3_still_needs_the_key() {
    let store = Script::answering(KMS);
    let house = house(&store, "");
    let kms = |key: &str| Ask { key: WRITER, ..put().header(SSE, "aws:kms").header(KEY_ID, key) };
    assert_eq!(house.send(&kms(ARN)).status, 200);
    let denied = house.send(&kms(OTHER));
    denied.refused(403, "AccessDenied");
    let text = String::from_utf8_lossy(&denied.body).into_owned();
    let words = format!(
        "User: arn:aws:iam::111122223333:user/writer is not authorized to perform: kms:GenerateDataKey on resource: {OTHER} \
         because no identity-based policy allows the kms:GenerateDataKey action"
    );
    assert!(text.contains(&words), "{text}");
    // In another bucket the encryption context is another.
    house.send(&Ask { target: "/other/key".to_owned(), ..kms(ARN) }).refused(403, "AccessDenied");
    // What was written cannot be read with a permission to write.
    let read = Ask { key: WRITER, ..Ask::new("GET", "/bucket/key") };
    let denied = house.send(&read);
    denied.refused(403, "AccessDenied");
    assert!(String::from_utf8_lossy(&denied.body).contains("kms:Decrypt"), "{denied:?}");
    assert_eq!(house.send(&Ask { method: "HEAD", ..read }).status, 200, "the head of an object is not encrypted");
    // Nor by copying it to where it is not encrypted.
    let copy = Ask { key: WRITER, ..Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "/bucket/key") };
    house.send(&copy.header(SSE, "AES256")).refused(403, "AccessDenied");
    assert!(!store.seen().iter().any(|seen| seen.head.starts_with("PUT /bucket/copy")));
}

#[test]
fn a_policy_about_the_key_holds_however_the_key_is_named() {
    let store = Script::answering(KMS);
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::bucket/*", "Condition": {{"StringNotEquals":
            {{"s3:x-amz-server-side-encryption-aws-kms-key-id": "{ARN}"}}}}}}]}}"#
    );
    let house = with_files(&store, "", &[("policies/buckets/bucket/policy.json", &policy)]);
    assert_eq!(house.send(&put().header(SSE, "aws:kms").header(KEY_ID, "vault")).status, 200);
    house.send(&put().header(SSE, "aws:kms").header(KEY_ID, "other")).refused(403, "AccessDenied");
    house.send(&put()).refused(403, "AccessDenied");
}

#[test]
fn a_part_needs_the_key_of_its_upload() {
    let answer = "HTTP/1.1 200 OK\r\nx-amz-server-side-encryption: aws:kms\r\n\
        x-amz-server-side-encryption-aws-kms-key-id: vault\r\ncontent-length: 100\r\n\r\n\
        <InitiateMultipartUploadResult><UploadId>upload-1</UploadId>        </InitiateMultipartUploadResult>";
    assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.len(), 100);
    let store = Script::answering(answer);
    let house = house(&store, "");
    let create =
        Ask { key: WRITER, ..Ask::new("POST", "/bucket/key?uploads=").header(SSE, "aws:kms").header(KEY_ID, ARN) };
    assert_eq!(house.send(&create).status, 200);
    let part = Ask::put("/bucket/key?partNumber=1&uploadId=upload-1", b"x");
    let denied = house.send(&Ask { key: WRITER, ..part.clone() });
    denied.refused(403, "AccessDenied");
    assert!(String::from_utf8_lossy(&denied.body).contains("kms:Decrypt"), "{denied:?}");
    assert_eq!(house.send(&part).status, 200, "an administrator may");
    assert_eq!(told(&store, SSE), None, "parts do not say it again");
    house.send(&part.header(SSE, "aws:kms")).refused(400, "InvalidArgument");
}

#[test]
fn keys_of_clients_come_over_tls_and_only_where_they_are_taken() {
    let with_key = CUSTOMER.iter().fold(put(), |ask, (name, value)| ask.header(name, value));
    let store = Script::answering(SILENT);
    let closed = house(&store, "");
    closed.send(&with_key).refused(403, "AccessDenied");
    assert!(store.seen().is_empty());
    let open = house(&store, "[guard.encryption]\ncustomer_keys = \"allow\"\nwhen_missing = \"pass\"");
    assert_eq!(open.send(&with_key).status, 200);
    assert_eq!(told(&store, CUSTOMER[1].0).as_deref(), Some(CUSTOMER[1].1));
    let folder = open.gate.folder.path().to_owned();
    let plain = Gate::before(&store);
    plain.send(&with_key).refused(400, "InvalidRequest");
    assert!(!holds(&folder, CUSTOMER[1].1) && !holds(plain.folder.path(), CUSTOMER[1].1), "a key is on record");
}

/// Whether any file below a folder holds a text.
fn holds(folder: &std::path::Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => holds(&path, text),
            false => fs::read(&path).is_ok_and(|data| data.windows(text.len()).any(|window| window == text.as_bytes())),
        }
    })
}

#[test]
fn kms_keys_are_not_used_over_a_connection_that_everybody_can_read() {
    let store = Script::answering(KMS);
    let gate = Gate::before(&store);
    gate.send(&put().header(SSE, "aws:kms").header(KEY_ID, ARN)).refused(400, "InvalidRequest");
    gate.send(&Ask::new("GET", "/bucket/key")).refused(400, "InvalidRequest");
}

#[test]
fn the_default_of_a_bucket_is_set_and_told_through_the_api_of_s3() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    let text = |reply: &Reply| String::from_utf8_lossy(&reply.body).into_owned();
    let get = Ask::new("GET", "/bucket?encryption=");
    let unset = gate.send(&get);
    assert!(text(&unset).contains("<SSEAlgorithm>AES256</SSEAlgorithm>"), "{unset:?}");
    assert!(text(&unset).contains("<BucketKeyEnabled>false</BucketKeyEnabled>"), "{unset:?}");
    let document =
        |rule: &str| format!("<ServerSideEncryptionConfiguration>{rule}</ServerSideEncryptionConfiguration>");
    let rule = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
        <KMSMasterKeyID>alias/none</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>\
        <BucketKeyEnabled>true</BucketKeyEnabled></Rule>";
    let set = |body: String| {
        let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, body.as_bytes()).to_base64();
        gate.send(&Ask::put("/bucket?encryption=", body.as_bytes()).header("content-md5", &md5))
    };
    gate.send(&Ask::put("/bucket?encryption=", document(rule).as_bytes())).refused(400, "InvalidRequest");
    set(document("")).refused(400, "MalformedXML");
    set(document(&rule.repeat(2))).refused(400, "MalformedXML");
    assert_eq!(set(document(rule)).status, 200);
    let found = gate.send(&get);
    assert!(text(&found).contains("alias/none") && text(&found).contains("<BucketKeyEnabled>true<"), "{found:?}");
    let file = gate.folder.path().join("policies/buckets/bucket/encryption.json");
    assert!(fs::read_to_string(&file).unwrap().contains("\"SSEAlgorithm\": \"aws:kms\""));
    let stranger = Ask { key: NOBODY, ..get.clone() };
    gate.send(&stranger).refused(403, "AccessDenied");
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket?encryption=")).status, 204);
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket?encryption=")).status, 204, "also where nothing was set");
    assert!(!file.exists());
    assert_eq!(set(document(rule)).status, 200);
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket")).status, 204);
    assert!(!file.exists(), "a new bucket of the name would have it");
}

#[test]
fn a_store_that_would_not_encrypt_is_refused_before_anything_is_bound() {
    let store = Script::ok();
    let garage = store.upstream("us-east-1").replace("profile = \"minio\"", "profile = \"garage\"");
    let tables = |rules: &str| format!("{rules}\n[upstream]\n{garage}");
    let rules = "[guard.encryption]\nrequire = [\"AES256\"]";
    let told = Gate::launch("", &tables(rules), &[]).err().unwrap();
    assert!(told.contains("guard.encryption.require") && told.contains("does not encrypt"), "{told}");
    // And what a client asks for is refused, not promised.
    let gate = Gate::launch("", &tables(""), &[]).unwrap_or_else(|told| panic!("{told}"));
    gate.send(&put().header(SSE, "AES256")).refused(501, "NotImplemented");
    assert_eq!(gate.send(&put()).status, 200);
    assert_eq!(store.seen().len(), 1);
}

#[test]
fn a_bucket_with_a_floor_is_not_reached_below_it() {
    let store = Script::ok();
    let rules = "[[guard.transport.rule]]\nbucket = \"pay-*\"\nminimum = \"1.3\"";
    let over_tls = house(&store, rules);
    assert_eq!(over_tls.send(&Ask::new("GET", "/pay-1/key")).status, 200, "the client speaks 1.3");
    let tables = format!("{rules}\n[upstream]\n{}", store.upstream("us-east-1"));
    let plain = Gate::launch("", &tables, &[]).unwrap_or_else(|told| panic!("{told}"));
    plain.send(&Ask::new("GET", "/pay-1/key")).refused(403, "AccessDenied");
    let copy = Ask::new("PUT", "/other/key").header("x-amz-copy-source", "/pay-1/key");
    plain.send(&copy).refused(403, "AccessDenied");
    assert_eq!(plain.send(&Ask::new("GET", "/other/key")).status, 200);
}

#[test]
fn a_store_is_not_asked_for_what_it_takes_for_something_else() {
    let store = Script::ok();
    let house = house(&store, "");
    for (method, target) in [
        ("PUT", "/bucket/key?annotation=&annotationName=a"),
        ("GET", "/bucket/key?annotation=&annotationName=a"),
        ("DELETE", "/bucket/key?annotation=&annotationName=a"),
        ("GET", "/bucket/key?torrent="),
        ("DELETE", "/bucket?analytics=&id=x"),
        ("DELETE", "/bucket?metadataTable="),
        ("GET", "/bucket?abac="),
        ("PUT", "/bucket/key?encryption="),
    ] {
        let body = b"<UpdateObjectEncryptionRequest/>".as_slice();
        let md5 = bartizan::s3::checksum::of(bartizan::s3::checksum::Algorithm::Md5, body).to_base64();
        let ask = match method {
            "PUT" => Ask::put(target, body).header("content-md5", &md5),
            _ => Ask::new(method, target),
        };
        let reply = house.send(&ask);
        assert!(matches!(reply.status, 400 | 501), "{method} {target}: {reply:?}");
    }
    assert!(store.seen().is_empty(), "{:?}", store.seen());
}

#[test]
fn two_names_never_open_one_key() {
    let store = Script::answering(KMS);
    let upstream =
        store.upstream("us-east-1") + "kms_keys = { \"arn:aws:kms:us-east-1:111122223333:key/ledger\" = \"vault\" }\n";
    let house = House::launch("", &format!("[upstream]\n{upstream}"), &[]).unwrap_or_else(|told| panic!("{told}"));
    let kms = |key: &str| put().header(SSE, "aws:kms").header(KEY_ID, key);
    for other in [
        "vault",
        ARN,
        "arn:aws-cn:kms:us-east-1:111122223333:key/ledger",
        "arn:aws:kms:us-east-1:444455556666:key/vault",
        "arn:aws:kms:us-east-1:444455556666:key/other",
        "arn:aws:kms:eu-west-1:111122223333:key/ledger",
    ] {
        house.send(&kms(other)).refused(400, "KMS.NotFoundException");
    }
    assert!(store.seen().is_empty());
    let reply = house.send(&kms("ledger"));
    assert_eq!((reply.status, header(&reply, KEY_ID)), (200, Some("arn:aws:kms:us-east-1:111122223333:key/ledger")));
    assert_eq!(told(&store, KEY_ID).as_deref(), Some("vault"));
}

#[test]
fn a_copy_is_held_to_the_object_that_was_looked_at() {
    let store = Script::answering(FINE);
    let house = house(&store, "");
    let copy = || Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "/bucket/key");
    assert_eq!(house.send(&copy()).status, 200);
    assert_eq!(told(&store, "x-amz-copy-source-if-match").as_deref(), Some("\"abc\""));
    assert_eq!(house.send(&copy().header("x-amz-copy-source-if-match", "*")).status, 200);
    assert_eq!(told(&store, "x-amz-copy-source-if-match").as_deref(), Some("\"abc\""));
    house.send(&copy().header("x-amz-copy-source-if-match", "\"other\"")).refused(412, "PreconditionFailed");
    let since = "Fri, 27 Nov 2026 00:00:00 GMT";
    house.send(&copy().header("x-amz-copy-source-if-unmodified-since", since)).refused(412, "PreconditionFailed");
}

#[test]
fn an_upload_that_nobody_remembers_is_not_finished_under_a_rule() {
    let store = Script::answering(SILENT);
    let part = Ask::put("/bucket/key?partNumber=1&uploadId=upload-1", b"x");
    for rules in [
        "[guard.encryption]\nrequire = [\"aws:kms\"]",
        "[guard.encryption]\nwhen_missing = \"refuse\"",
        "[guard.encryption]\nwhen_missing = \"pass\"\nkms_keys = [\"arn:aws:kms:*\"]",
        "[[sensitivity.level]]\nname = \"a\"\nkeys = [\"*\"]\nencrypt = [\"*\"]\ndecrypt = [\"*\"]",
    ] {
        house(&store, rules).send(&part).refused(403, "AccessDenied");
    }
    assert!(store.seen().is_empty());
    assert_eq!(house(&store, "").send(&part).status, 200);
}

#[test]
fn what_a_store_says_of_a_key_is_understood_or_nothing_is_read() {
    for (kind, key) in [
        (Some("aws:kms"), None),
        (Some("aws:kms:v2"), None),
        (Some("AWS:KMS"), None),
        (Some("AES256, aws:kms"), None),
        (None, Some("vault")),
        (Some("AES256"), Some("vault")),
    ] {
        let line =
            |name: &str, value: Option<&str>| value.map(|value| format!("{name}: {value}\r\n")).unwrap_or_default();
        let answer =
            format!("HTTP/1.1 200 OK\r\n{}{}content-length: 6\r\n\r\nsecret", line(SSE, kind), line(KEY_ID, key));
        let store = Script::answering(answer.leak());
        house(&store, "").send(&Ask::new("GET", "/bucket/key")).refused(403, "AccessDenied");
    }
}

#[test]
fn checksums_of_what_is_encrypted_are_for_whoever_may_decrypt_it() {
    let store = Script::answering(KMS);
    let house = house(&store, "");
    let attributes = |asked: &str| Ask {
        key: WRITER,
        ..Ask::new("GET", "/bucket/key?attributes=").header("x-amz-object-attributes", asked)
    };
    house.send(&attributes("ETag,Checksum")).refused(403, "AccessDenied");
    house.send(&attributes("etag, checksum")).refused(403, "AccessDenied");
    house.send(&attributes("ObjectParts")).refused(403, "AccessDenied");
    assert_eq!(house.send(&attributes("ETag,ObjectSize")).status, 200);
}

#[test]
fn a_prohibition_that_asks_for_the_context_holds_for_reads_too() {
    let store = Script::answering(KMS);
    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kms:*", "Resource": "*",
         "Condition": {"StringEquals": {"kms:EncryptionContext:team": "red"}}}]}"#;
    let house = with_files(&store, "", &[("policies/identities/writer.json", policy)]);
    house.send(&Ask { key: WRITER, ..Ask::new("GET", "/bucket/key") }).refused(403, "AccessDenied");
    let write = |context: &str| Ask {
        key: WRITER,
        ..put().header(SSE, "aws:kms").header(KEY_ID, ARN).header("x-amz-server-side-encryption-context", context)
    };
    house.send(&write("eyJ0ZWFtIjoicmVkIn0=")).refused(403, "AccessDenied");
    assert_eq!(house.send(&write("eyJ0ZWFtIjoiYmx1ZSJ9")).status, 200);
}

const CONTEXT: &str = "x-amz-server-side-encryption-context";

/// An encryption context as its header has it.
fn context(json: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(json)
}

/// What the admin listener tells.
fn metrics(port: u16) -> String {
    let mut admin = TcpStream::connect(("127.0.0.1", port)).unwrap();
    admin.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    admin.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_a_rule_only_watches_goes_on_is_on_record_and_is_counted() {
    let store = Script::answering(KMS);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let rules = format!(
        "[admin]\naddress = \"127.0.0.1:{port}\"\n[guard.encryption]\nrequire = [\"aws:kms\"]\nkms_keys = [\"{ARN}\"]\nwhen_missing = \"pass\"\nwhen_wrong = \"pass\""
    );
    let house = house(&store, &rules);
    let kms = |key: &str| put().header(SSE, "aws:kms").header(KEY_ID, key);
    for (ask, told_store) in [
        (put(), None),
        (put().header(SSE, "AES256"), Some("AES256")),
        (kms(OTHER), Some("aws:kms")),
        (kms(ARN), Some("aws:kms")),
    ] {
        assert_eq!(house.send(&ask).status, 200);
        assert_eq!(told(&store, SSE).as_deref(), told_store, "forwarded as it came");
    }
    let copy = Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "/bucket/key").header(SSE, "AES256");
    house.send(&copy);
    let counted = metrics(port);
    for line in [
        r#"bartizan_encryption_observed_total{event="EncryptionMissing"} 1"#,
        r#"bartizan_encryption_observed_total{event="EncryptionWrong"} 3"#,
    ] {
        assert!(counted.lines().any(|found| found == line), "{line} is missing in\n{counted}");
    }
    let (records, _) = house.finish();
    let writes = records.iter().filter(|record| record["decision"].is_string() && record["operation"] == "PutObject");
    let seen: Vec<_> = writes.map(|record| record["encryption_event"].as_str().unwrap_or("-")).collect();
    assert_eq!(seen, ["EncryptionMissing", "EncryptionWrong", "EncryptionWrong", "-"]);
    let copies = records.iter().find(|record| record["decision"].is_string() && record["operation"] == "CopyObject");
    assert_eq!(copies.unwrap()["encryption_event"], "EncryptionWrong");
}

#[test]
fn a_context_of_another_object_is_told_before_transport_rules_and_keys() {
    let store = Script::answering(KMS);
    let aws = store.upstream("us-east-1").replace("profile = \"minio\"", "profile = \"aws\"");
    let tables = format!("[guard.encryption]\nrequire = [\"aws:kms:dsse\"]\n\n[upstream]\n{aws}");
    let house = House::launch("", &tables, &[]).unwrap_or_else(|told| panic!("{told}"));
    let other = context(r#"{"aws:s3:arn":"other"}"#);
    let ask = |context: &str| put().header(SSE, "aws:kms").header(KEY_ID, "alias/nokey").header(CONTEXT, context);
    let reply = house.send(&ask(&other));
    reply.refused(400, "InvalidArgument");
    assert!(String::from_utf8_lossy(&reply.body).contains("shall be Base64-encoded UTF-8 string"), "{reply:?}");
    // Its own name may stand there; then the rule is next.
    let own = context(r#"{"aws:s3:arn":"arn:aws:s3:::bucket/key"}"#);
    house.send(&ask(&own)).refused(403, "AccessDenied");
    let bucket_key = |context: &str| ask(context).header("x-amz-server-side-encryption-bucket-key-enabled", "true");
    house.send(&bucket_key(&own)).refused(400, "InvalidArgument");
    house.send(&bucket_key(&context(r#"{"aws:s3:arn":"arn:aws:s3:::bucket"}"#))).refused(403, "AccessDenied");
    let plain = Gate::before(&store);
    plain.send(&ask(&other)).refused(400, "InvalidArgument");
    plain.send(&ask(&own)).refused(400, "InvalidRequest");
    assert!(store.seen().is_empty(), "{:?}", store.seen());
}

#[test]
fn the_context_is_on_record_but_for_the_values_of_names_that_are_hidden() {
    let store = Script::answering(KMS);
    let house = house(&store, "[audit]\nredact_context = [\"patient\"]");
    let folder = house.gate.folder.path().to_owned();
    let sent = context(r#"{"team":"red","patient":"K4711"}"#);
    let kms = |key: &str| put().header(SSE, "aws:kms").header(KEY_ID, key).header(CONTEXT, &sent);
    assert_eq!(house.send(&kms(ARN)).status, 200);
    // Whoever may not use the key has said it too.
    house.send(&Ask { key: WRITER, ..kms(OTHER) }).refused(403, "AccessDenied");
    assert_eq!(house.send(&put()).status, 200);
    assert!(!holds(&folder, "K4711") && !holds(&folder, &sent), "a hidden value is shown");
    let (records, said) = house.finish();
    assert!(!said.contains("K4711"), "{said}");
    let puts: Vec<_> = records.iter().filter(|record| record["operation"] == "PutObject").collect();
    let shown = serde_json::json!({ "patient": "XXXXXXXX", "team": "red" });
    let contexts: Vec<_> = puts.iter().map(|record| &record["encryption_context"]).collect();
    assert_eq!(contexts, [&shown, &shown, &serde_json::Value::Null]);
}
