//! Stores that do less than they are told: nothing stays that a rule wants encrypted and the store does not say it
//! has encrypted. And what rules say of what is not there, or not the caller's.

use super::encryption::{CUSTOMER, KEY_ID, SSE, house, put};
use super::house::House;
use super::{Ask, Script};

const SILENT: &str = "HTTP/1.1 200 OK\r\netag: \"abc\"\r\ncontent-length: 0\r\n\r\n";
const VAULT: &str = "arn:aws:kms:us-east-1:111122223333:key/vault";

/// What the store was asked, by method.
fn methods(store: &Script) -> Vec<String> {
    store.seen().iter().map(|seen| seen.head.split(' ').next().unwrap().to_owned()).collect()
}

fn with_customer_key(ask: Ask) -> Ask {
    CUSTOMER.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
}

#[test]
fn every_rule_that_demands_anything_has_it_confirmed() {
    let level = "[[sensitivity.level]]\nname = \"a\"\nkeys = [\"*:key/vault\"]\nencrypt = [\"*\"]\ndecrypt = [\"*\"]\n\
        [[sensitivity.map]]\nbucket = \"bucket\"\nlevel = \"a\"";
    let rules = [
        "[guard.encryption]\nwhen_missing = \"refuse\"",
        "[guard.encryption]\nwhen_missing = \"add\"",
        "[guard.encryption]\nwhen_missing = \"pass\"\nrequire = [\"aws:kms\"]",
        "[guard.encryption]\nwhen_missing = \"pass\"\nkms_keys = [\"*:key/vault\"]",
        "[guard.encryption]\nwhen_wrong = \"pass\"\nrequire = [\"aws:kms\"]",
        level,
    ];
    for rule in rules {
        let store = Script::answering(SILENT);
        house(&store, rule).send(&put().header(SSE, "aws:kms").header(KEY_ID, VAULT)).refused(500, "InternalError");
        assert_eq!(methods(&store), ["PUT", "HEAD", "DELETE"], "{rule}");
    }
    // What is only watched, or asked for without a rule, is not taken back.
    for rule in [
        "",
        "[guard.encryption]\nwhen_missing = \"pass\"",
        "[guard.encryption]\nwhen_missing = \"pass\"\nwhen_wrong = \"pass\"\nrequire = [\"aws:kms\"]",
    ] {
        let store = Script::answering(SILENT);
        assert_eq!(house(&store, rule).send(&put().header(SSE, "AES256")).status, 200, "{rule}");
        assert_eq!(methods(&store), ["PUT"], "{rule}");
    }
}

#[test]
fn what_was_to_be_encrypted_with_a_clients_key_and_was_not_is_taken_back() {
    let rules = "[guard.encryption]\nrequire = [\"AES256\"]\ncustomer_keys = \"allow\"";
    let liar = Script::answering(SILENT);
    let closed = house(&liar, rules);
    closed.send(&with_customer_key(put())).refused(500, "InternalError");
    let copy = Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", "/bucket/key");
    closed.send(&with_customer_key(copy.clone())).refused(500, "InternalError");
    assert_eq!(methods(&liar), ["PUT", "HEAD", "DELETE", "HEAD", "PUT", "HEAD", "DELETE"]);
    assert!(!liar.seen()[1].head.contains("customer-key"), "asked without it: {}", liar.seen()[1].head);

    // One that has used the key says so, or cannot answer without it.
    let says = Script::telling(|_| {
        "HTTP/1.1 200 OK\r\netag: \"abc\"\r\nx-amz-server-side-encryption-customer-algorithm: AES256\r\n\
         content-length: 0\r\n\r\n"
    });
    assert_eq!(house(&says, rules).send(&with_customer_key(put())).status, 200);
    assert_eq!(methods(&says), ["PUT"]);
    let needs = Script::telling(|head| match head.starts_with("HEAD ") {
        true => "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        false => SILENT,
    });
    assert_eq!(house(&needs, rules).send(&with_customer_key(put())).status, 200);
    assert_eq!(methods(&needs), ["PUT", "HEAD"]);
    // One that has done something else instead has not done it.
    let other = Script::telling(
        |_| "HTTP/1.1 200 OK\r\netag: \"abc\"\r\nx-amz-server-side-encryption: AES256\r\ncontent-length: 0\r\n\r\n",
    );
    house(&other, rules).send(&with_customer_key(put())).refused(500, "InternalError");
    assert_eq!(methods(&other), ["PUT", "DELETE"]);
}

#[test]
fn rules_say_nothing_of_a_bucket_that_is_not_there() {
    let tables = "[guard.encryption]\nrequire = [\"aws:kms\"]\n\n[upstream]\nkind = \"embedded\"";
    let house = House::launch("", tables, &[]).unwrap_or_else(|told| panic!("{told}"));
    for ask in [put(), put().header(SSE, "aws:kms").header(KEY_ID, "none"), with_customer_key(put())] {
        house.send(&ask).refused(404, "NoSuchBucket");
    }
    assert_eq!(house.send(&Ask::new("PUT", "/bucket")).status, 200);
    house.send(&put()).refused(403, "AccessDenied");
    house.send(&put().header(SSE, "aws:kms").header(KEY_ID, "none")).refused(400, "KMS.NotFoundException");
}

const BEGUN: &str = "HTTP/1.1 200 OK\r\nx-amz-server-side-encryption: aws:kms\r\n\
    x-amz-server-side-encryption-aws-kms-key-id: vault\r\ncontent-length: 100\r\n\r\n\
    <InitiateMultipartUploadResult><UploadId>upload-1</UploadId>        </InitiateMultipartUploadResult>";

#[test]
fn a_clients_key_that_an_upload_was_not_begun_with_does_not_complete_it() {
    let store = Script::answering(BEGUN);
    let house = house(&store, "[guard.encryption]\ncustomer_keys = \"allow\"\nwhen_missing = \"pass\"");
    assert_eq!(house.send(&Ask::new("POST", "/bucket/key?uploads=")).status, 200);
    let list =
        b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>";
    let complete = || Ask { method: "POST", ..Ask::put("/bucket/key?uploadId=upload-1", list) };
    let refused = house.send(&with_customer_key(complete()));
    refused.refused(400, "InvalidRequest");
    let words = "The multipart upload initiate requested encryption.";
    assert!(String::from_utf8_lossy(&refused.body).contains(words), "{refused:?}");
    let without_md5 = CUSTOMER[..2].iter().fold(complete(), |ask, (name, value)| ask.header(name, value));
    house.send(&without_md5).refused(400, "InvalidArgument");
    assert_eq!(methods(&store), ["POST"]);
}

#[test]
fn a_writer_of_a_level_who_may_not_read_hears_at_the_first_part_which_permission_is_missing() {
    let store = Script::answering(BEGUN);
    let house = house(
        &store,
        "[[sensitivity.level]]\nname = \"a\"\nkeys = [\"*:key/vault\"]\nencrypt = [\"*:user/test\"]\ndecrypt = [\"*:role/analyst\"]",
    );
    let create = Ask::new("POST", "/bucket/key?uploads=").header(SSE, "aws:kms").header(KEY_ID, VAULT);
    assert_eq!(house.send(&create).status, 200);
    let denied = house.send(&Ask::put("/bucket/key?partNumber=1&uploadId=upload-1", b"x"));
    denied.refused(403, "AccessDenied");
    let words = format!(
        "<Message>User: arn:aws:iam::111122223333:user/test is not authorized to perform: kms:Decrypt on resource: {VAULT} \
         because no resource-based policy allows the kms:Decrypt action</Message>"
    );
    assert!(String::from_utf8_lossy(&denied.body).contains(&words), "{denied:?}");
    let (records, _) = house.finish();
    assert!(records.iter().any(|record| record["reason"] == "sensitivity-principal"), "{records:?}");
}

#[test]
fn a_refusal_says_which_rule_it_was_where_the_operator_wants_that_told() {
    let rules =
        |errors: &str| format!("{errors}\n[guard.encryption]\nrequire = [\"aws:kms\"]\nkms_keys = [\"*:key/vault\"]\n");
    let store = Script::answering(SILENT);
    let (silent, open) = (house(&store, &rules("")), house(&store, &rules("[errors]\nexplain = true")));
    let other = || put().header(SSE, "aws:kms").header(KEY_ID, "other");
    for (ask, reason) in [
        (put(), "encryption-required"),
        (put().header(SSE, "AES256"), "encryption-required"),
        (other(), "encryption-key-not-allowed"),
        (with_customer_key(put()), "customer-key-blocked"),
    ] {
        let reply = open.send(&ask);
        reply.refused(403, "AccessDenied");
        let element = format!("<Message>Access Denied</Message><ProxyReason>{reason}</ProxyReason>");
        assert!(String::from_utf8_lossy(&reply.body).contains(&element), "{reply:?}");
        assert!(!String::from_utf8_lossy(&silent.send(&ask).body).contains("ProxyReason"));
    }
    // What policies say is not a rule's reason.
    let nobody = open.send(&Ask { key: super::NOBODY, ..put() });
    nobody.refused(403, "AccessDenied");
    assert!(!String::from_utf8_lossy(&nobody.body).contains("ProxyReason"), "{nobody:?}");
    assert!(store.seen().is_empty());
}
