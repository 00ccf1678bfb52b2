//! The token service on the wire: what it hands out works, and nothing else does.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bartizan::s3::checksum::{self, Algorithm};
use bartizan::time::Seconds;
use ring::hmac::{HMAC_SHA256, Key, sign};

use super::{Ask, Gate, KEY, Reply, SECRET};

const ROLE: &str = "arn:aws:iam::111122223333:role/worker";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/test"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}"#;

/// The users of the other tests.
fn users() -> String {
    format!(
        "[[account]]\nid = \"111122223333\"\nname = \"main\"\n\n[[user]]\narn = \"arn:aws:iam::111122223333:user/test\"\n\
         policies = [\"administrator\"]\nkeys = [{{ id = \"{KEY}\", secret = \"{SECRET}\" }}]\n\n[[user]]\n\
         arn = \"arn:aws:iam::111122223333:user/nobody\"\npolicies = []\n\
         keys = [{{ id = \"AKIANOBODYNOBODY0001\", secret = \"{SECRET}\" }}]\n"
    )
}

/// A proxy with a role that the test user may assume.
pub(super) fn gate_with(files: &[(&str, &str)]) -> Gate {
    let role = format!("\n[[role]]\narn = \"{ROLE}\"\ntrust = \"worker-trust\"\npolicies = [\"administrator\"]\n");
    let credentials = users() + &role;
    let own = [("policies/identities/worker-trust.json", TRUST), ("policies/credentials.toml", credentials.as_str())];
    Gate::launch("", "[upstream]\nkind = \"embedded\"", &[&own, files].concat())
        .unwrap_or_else(|told| panic!("the proxy did not start: {told}"))
}

pub(super) fn gate() -> Gate {
    gate_with(&[])
}

/// Credentials that were handed out.
pub(super) struct Temporary {
    key: String,
    secret: String,
    token: String,
}

/// A form, signed for a service: the payload line is the hash of the body.
fn form(body: &str, service: &str, key: &str, secret: &str) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let time = Seconds(i64::try_from(now).unwrap()).compact();
    let day = &time[..8];
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let sha256 = |text: &str| hex(checksum::of(Algorithm::Sha256, text.as_bytes()).as_bytes());
    let mac = |key: &[u8], text: &str| sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    let names = "content-type;host;x-amz-date";
    let canonical =
        format!("POST\n/\n\ncontent-type:{kind}\nhost:localhost\nx-amz-date:{time}\n\n{names}\n{}", sha256(body));
    let scope = format!("{day}/us-east-1/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
    let mut signing = mac(format!("AWS4{secret}").as_bytes(), day);
    for part in ["us-east-1", service, "aws4_request"] {
        signing = mac(&signing, part);
    }
    let signature = hex(&mac(&signing, &to_sign));
    format!(
        "POST / HTTP/1.1\r\nconnection: close\r\nhost: localhost\r\ncontent-type: {kind}\r\nx-amz-date: {time}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn ask(gate: &Gate, body: &str) -> Reply {
    gate.send_raw(&form(body, "sts", KEY, SECRET))
}

pub(super) fn assume(gate: &Gate, more: &str) -> Temporary {
    let reply = ask(gate, &format!("Action=AssumeRole&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=ci{more}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    let text = String::from_utf8(reply.body).unwrap();
    let of = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    Temporary { key: of("AccessKeyId"), secret: of("SecretAccessKey"), token: of("SessionToken") }
}

impl Temporary {
    /// A request to the store with these credentials.
    pub(super) fn ask(&self, method: &'static str, target: &str) -> Ask {
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let ask = Ask { key: leak(&self.key), secret: leak(&self.secret), ..Ask::new(method, target) };
        ask.header("x-amz-security-token", &self.token)
    }
}

#[test]
fn credentials_of_a_role_work_until_anything_of_them_is_wrong() {
    let gate = gate();
    let worker = assume(&gate, "");
    assert_eq!(gate.send(&worker.ask("PUT", "/bucket")).status, 200);
    assert_eq!(gate.send(&worker.ask("GET", "/bucket")).status, 200);
    let other = assume(&gate, "");
    let with = |key: &str, secret: &str, token: &str| {
        let made = Temporary { key: key.to_owned(), secret: secret.to_owned(), token: token.to_owned() };
        gate.send(&made.ask("GET", "/bucket"))
    };
    // The table of keys and tokens, row by row.
    with("ASIAAAAAAAAAAAAAAAAA", &worker.secret, &worker.token).refused(403, "InvalidAccessKeyId");
    with(KEY, SECRET, &worker.token).refused(400, "InvalidToken");
    with(&worker.key, &worker.secret, &other.token).refused(400, "InvalidToken");
    with(&worker.key, &worker.secret, &worker.token.replace(&worker.token[20..24], "AAAA"))
        .refused(400, "InvalidToken");
    with(&worker.key, &other.secret, &worker.token).refused(403, "SignatureDoesNotMatch");
    let mut bare = worker.ask("GET", "/bucket");
    bare.headers.clear();
    gate.send(&bare).refused(403, "InvalidAccessKeyId");
}

#[test]
fn a_session_dies_with_its_role() {
    let gate = gate();
    let worker = assume(&gate, "");
    assert_eq!(gate.send(&worker.ask("PUT", "/bucket")).status, 200);
    std::fs::write(gate.folder.path().join("policies/credentials.toml"), users()).unwrap();
    let pid = gate.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    let end = Instant::now() + Duration::from_secs(20);
    while gate.send(&worker.ask("GET", "/bucket")).status == 200 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    gate.send(&worker.ask("GET", "/bucket")).refused(403, "InvalidAccessKeyId");
}

#[test]
fn a_session_with_policies_of_its_own_may_do_no_more_than_they_say() {
    let gate = gate();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3AGetObject%22%2C%22Resource%22%3A%22%2A%22%7D%7D";
    let narrowed = assume(&gate, &format!("&Policy={policy}"));
    gate.send(&narrowed.ask("DELETE", "/bucket")).refused(403, "AccessDenied");
}

#[test]
fn a_signature_for_one_service_is_none_for_the_other() {
    let gate = gate();
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    assert_eq!(ask(&gate, body).status, 200);
    let for_s3 = gate.send_raw(&form(body, "s3", KEY, SECRET));
    assert_eq!((for_s3.status, for_s3.code().as_str()), (403, "SignatureDoesNotMatch"), "{for_s3:?}");
    let text = String::from_utf8(form("", "sts", KEY, SECRET)).unwrap();
    let listing = text.replacen("POST / ", "GET / ", 1).replace("content-length: 0\r\n", "");
    gate.send_raw(listing.as_bytes()).refused(400, "AuthorizationHeaderMalformed");
}

#[test]
fn a_body_that_was_not_signed_is_refused() {
    let gate = gate();
    let text = String::from_utf8(form("Action=GetCallerIdentity&Version=2011-06-15", "sts", KEY, SECRET)).unwrap();
    let changed = text.replace("2011-06-15", "2011-06-16");
    let reply = gate.send_raw(changed.as_bytes());
    assert_eq!((reply.status, reply.code().as_str()), (403, "SignatureDoesNotMatch"), "{reply:?}");
}

#[test]
fn errors_come_in_the_services_own_envelope() {
    let gate = gate();
    let check = |reply: Reply, status: u16, code: &str| {
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{reply:?}");
        assert!(text.contains("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"), "{text}");
        assert!(text.contains("<Type>Sender</Type>") && !text.contains("<Message></Message>"), "{text}");
        assert!(reply.head.contains("text/xml"), "{}", reply.head);
        let id = reply.head.lines().find_map(|line| line.strip_prefix("x-amzn-requestid: ")).unwrap();
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{id} is a UUID");
    };
    check(ask(&gate, "Action=Nothing&Version=2011-06-15"), 400, "InvalidAction");
    check(ask(&gate, "Action=AssumeRole&Version=2011-06-15"), 400, "ValidationError");
    let twice = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=ci&RoleArn={ROLE}");
    check(ask(&gate, &twice), 400, "ValidationError");
    let body = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=ci");
    check(gate.send_raw(&form(&body, "sts", "AKIANOBODYNOBODY0001", SECRET)), 403, "AccessDenied");
    check(gate.send_raw(&form(&body, "sts", "AKIASTRANGER00000001", SECRET)), 403, "InvalidClientTokenId");
    check(gate.send_raw(&form(&body, "sts", KEY, "x")), 403, "SignatureDoesNotMatch");
    let unsigned = "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let send = |body: &str| gate.send_raw(format!("{unsigned}content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    check(send("Action=GetCallerIdentity&Version=2011-06-15"), 403, "MissingAuthenticationToken");
    check(send(&"a".repeat(70_000)), 400, "ValidationError");
    let web = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=ci&WebIdentityToken=a.b.c"
    );
    check(send(&web), 400, "InvalidIdentityToken");
    let query = unsigned.replacen("POST / ", "POST /?Action=GetCallerIdentity&Version=2011-06-15 ", 1);
    check(gate.send_raw(format!("{query}content-length: 0\r\n\r\n").as_bytes()), 400, "InvalidAction");
}

#[test]
fn every_request_to_the_service_is_on_record_and_no_secret_is() {
    let gate = gate();
    let worker = assume(&gate, "&Tags.member.1.Key=team&Tags.member.1.Value=red");
    let body = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={ROLE}&RoleSessionName=ci");
    gate.send_raw(&form(&body, "sts", "AKIANOBODYNOBODY0001", SECRET));
    gate.send(&worker.ask("PUT", "/bucket"));
    let (records, told) = gate.finish();
    let all = serde_json::to_string(&records).unwrap() + &told;
    for secret in [&worker.secret, &worker.token] {
        assert!(!all.contains(secret.as_str()), "{secret} is on record");
    }
    let assumed = records.iter().find(|record| record["operation"] == "AssumeRole" && record["decision"] == "allow");
    let assumed = assumed.unwrap_or_else(|| panic!("{records:#?}"));
    assert_eq!((&assumed["role_arn"], &assumed["role_session_name"]), (&ROLE.into(), &"ci".into()));
    let done = records.iter().find(|record| record["issued_access_key_id"] == worker.key.as_str());
    assert_eq!(done.unwrap()["request_id"], assumed["request_id"]);
    let denied =
        records.iter().find(|record| record["operation"] == "AssumeRole" && record["outcome"] == "refused").unwrap();
    assert_eq!((&denied["http_status"], &denied["error_code"]), (&403.into(), &"AccessDenied".into()));
    let used = records.iter().find(|record| record["operation"] == "CreateBucket").unwrap();
    assert_eq!(used["requester"], "arn:aws:sts::111122223333:assumed-role/worker/ci");
    assert_eq!((&used["access_key_id"], &used["mfa"]), (&worker.key.as_str().into(), &false.into()));
    assert!(used.get("session_created").is_some());
}

#[test]
fn a_replica_with_the_same_key_takes_the_tokens_of_the_other() {
    let one = gate();
    let key = std::fs::read_to_string(one.folder.path().join("state/token.key")).unwrap();
    let worker = assume(&one, "");
    gate().send(&worker.ask("PUT", "/bucket")).refused(403, "InvalidAccessKeyId");
    let replica = gate_with(&[("state/token.key", &key)]);
    assert_eq!(replica.send(&worker.ask("PUT", "/bucket")).status, 200);
}
