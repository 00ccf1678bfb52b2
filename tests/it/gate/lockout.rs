//! What a policy may do to its own author, and what is told of buckets that are not there.

use super::people::{READER_POLICY, ROOT, STRANGER, USERS, by};
use super::{Ask, Gate, NOBODY};
use bartizan::s3::checksum::{self, Algorithm};

fn gate() -> Gate {
    let files = [("policies/credentials.toml", USERS), ("policies/identities/reader.json", READER_POLICY)];
    Gate::launch("", "[upstream]\nkind = \"embedded\"", &files).unwrap_or_else(|told| panic!("{told}"))
}

/// Forbids everybody to do something with the bucket itself.
fn locked(action: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Deny", "Principal": "*", "Action": "{action}", "Resource": "arn:aws:s3:::bucket"}}}}"#
    )
}

fn put(policy: &str) -> Ask {
    let md5 = checksum::of(Algorithm::Md5, policy.as_bytes()).to_base64();
    Ask::put("/bucket?policy=", policy.as_bytes()).header("content-md5", &md5)
}

const CONFIRM: &str = "x-amz-confirm-remove-self-bucket-access";

#[test]
fn who_confirms_to_lock_everybody_out_locks_the_root_user_out_and_the_operator_is_told() {
    let gate = gate();
    let terms = || gate.folder.path().join("policies/buckets/bucket/policy.toml").exists();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    assert_eq!(gate.send(&put(&locked("s3:ListBucket")).header(CONFIRM, "true")).status, 204);
    assert!(terms());
    assert_eq!(gate.send(&put(&locked("s3:*Policy")).header(CONFIRM, "false")).status, 204);
    assert!(!terms());
    gate.send(&Ask::new("DELETE", "/bucket?policy=")).refused(403, "AccessDenied");
    assert_eq!(gate.send(&by(ROOT, Ask::new("DELETE", "/bucket?policy="))).status, 204);
    assert_eq!(gate.send(&put(&locked("s3:*Policy")).header(CONFIRM, "true")).status, 204);
    assert!(terms());
    for ask in
        [Ask::new("GET", "/bucket?policy="), put(&locked("s3:ListBucket")), Ask::new("DELETE", "/bucket?policy=")]
    {
        gate.send(&by(ROOT, ask)).refused(403, "AccessDenied");
    }
    // Whoever may remove the bucket removes the policy with it.
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket")).status, 204);
    assert!(!terms());
    let (_, told) = gate.finish();
    let warned = |text: &str| told.lines().filter(|line| line.contains(text)).count();
    assert_eq!(warned("forbids its own author to change and to remove it"), 2, "{told}");
    assert_eq!((warned("the root user of its account alone"), warned("left to the policies folder")), (1, 1), "{told}");
}

#[test]
fn a_bucket_that_the_embedded_store_does_not_have_is_told_to_whoever_asks() {
    let gate = gate();
    let delete = b"<Delete><Object><Key>k</Key></Object></Delete>";
    let md5 = checksum::of(Algorithm::Md5, delete).to_base64();
    let asks = || {
        [
            Ask::new("GET", "/bucket/k"),
            Ask::new("GET", "/bucket"),
            Ask::put("/bucket/k", b"data"),
            Ask::new("DELETE", "/bucket"),
            Ask::new("GET", "/bucket?policy="),
            put(&locked("s3:ListBucket")),
            Ask { body: delete.to_vec(), ..Ask::new("POST", "/bucket?delete=") }.header("content-md5", &md5),
        ]
    };
    for key in [NOBODY, STRANGER, ROOT] {
        for ask in asks() {
            gate.send(&by(key, ask)).refused(404, "NoSuchBucket");
        }
        assert_eq!(gate.send(&by(key, Ask::new("HEAD", "/bucket"))).status, 404);
    }
    let unsigned = "GET /bucket/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    gate.send_raw(unsigned.as_bytes()).refused(404, "NoSuchBucket");
    // This could be the host name of an access point, of which the unsigned hear nothing.
    let unsigned_at = unsigned.replace("/bucket/", "/reports-111122223333/");
    gate.send_raw(unsigned_at.as_bytes()).refused(403, "AccessDenied");
    gate.send(&by(NOBODY, Ask::new("GET", "/reports-111122223333/k"))).refused(404, "NoSuchBucket");
    gate.send(&by(NOBODY, Ask::new("PUT", "/bucket"))).refused(403, "AccessDenied");
    let other = Ask::new("GET", "/bucket/k").header("x-amz-expected-bucket-owner", "444455556666");
    gate.send(&other).refused(403, "AccessDenied");
    // One that is there is as closed as ever.
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    for ask in asks().into_iter().take(6) {
        gate.send(&by(NOBODY, ask)).refused(403, "AccessDenied");
    }
    gate.send_raw(unsigned.as_bytes()).refused(403, "AccessDenied");
    gate.send(&by(STRANGER, Ask::new("GET", "/bucket/k"))).refused(403, "AccessDenied");
}

/// Nobody owns a bucket that is not there, so whoever may not make it hears which policy of its own is silent,
/// whatever the name.
#[test]
fn who_may_not_make_a_bucket_hears_why_in_every_account() {
    let users = format!(
        "{USERS}\n[[user]]\narn = \"arn:aws:iam::444455556666:user/guest\"\n\
         keys = [{{ id = \"AKIAGUESTGUESTGUEST1\", secret = \"testsecrettestsecrettestsecrettestsecret\" }}]\n"
    );
    let files = [("policies/credentials.toml", &*users), ("policies/identities/reader.json", READER_POLICY)];
    let gate = Gate::launch("", "[upstream]\nkind = \"embedded\"", &files).unwrap_or_else(|told| panic!("{told}"));
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    for bucket in ["bucket", "another"] {
        for (key, account, user) in
            [(NOBODY, "111122223333", "nobody"), ("AKIAGUESTGUESTGUEST1", "444455556666", "guest")]
        {
            let reply = gate.send(&by(key, Ask::new("PUT", &format!("/{bucket}"))));
            reply.refused(403, "AccessDenied");
            let told = String::from_utf8_lossy(&reply.body).replace("&quot;", "\"");
            let expected = format!(
                "User: arn:aws:iam::{account}:user/{user} is not authorized to perform: s3:CreateBucket on resource: \
                 \"arn:aws:s3:::{bucket}\" because no identity-based policy allows the s3:CreateBucket action"
            );
            assert!(told.contains(&expected), "{told}");
        }
    }
}
