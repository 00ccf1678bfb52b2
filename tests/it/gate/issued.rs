//! `credentials = "instance"` and `"web-identity"`: keys that the proxy is given for a while.

mod script;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use bartizan::control::certs;
use bartizan::sigv4::{OutgoingPayload, Secret, Signer};
use bartizan::time::{Clock as _, Seconds, SystemClock};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Ask, Gate, Reply, Script, Seen, tls_of};
use script::{Issuer, SECRETS, access_key, told};

const AWAY: &str = "503 Service Unavailable";

/// A proxy in front of a scripted store, with keys from a source, and its admin listener.
struct Fed {
    gate: Gate,
    store: Script,
    admin: String,
}

impl Fed {
    fn by(credentials: &str, environment: &[(&str, &str)]) -> Self {
        let store = Script::ok();
        let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let upstream = format!(
            "[upstream]\nkind = \"s3\"\nendpoint = \"http://{}\"\nregion = \"us-east-1\"\naddressing = \"path\"\n\
             profile = \"minio\"\ncredentials = \"{credentials}\"\n\n[admin]\naddress = \"{admin}\"",
            store.address
        );
        let gate = Gate::launch_in(environment, "", &upstream, &[]);
        Self { gate: gate.unwrap_or_else(|told| panic!("the proxy did not start: {told}")), store, admin }
    }

    /// By the metadata of an instance.
    fn by_instance(issuer: &Issuer) -> Self {
        Self::by("instance", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{}", issuer.address))])
    }

    fn get(&self) -> Reply {
        self.gate.send(&Ask::new("GET", "/bucket/key"))
    }

    /// The number of the keys that the store has seen last.
    fn used(&self) -> u32 {
        number(self.store.seen().last().unwrap())
    }

    fn asked(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.admin).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn ready(&self) -> String {
        self.asked("/ready")
    }

    /// Seconds until the keys end, as the metrics tell.
    fn left(&self) -> f64 {
        let text = self.asked("/metrics");
        let left = text.lines().find_map(|line| line.strip_prefix("bartizan_upstream_keys_expiry_seconds "));
        left.expect("a metric").parse().unwrap()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.gate.folder.path().join("stderr")).unwrap()
    }
}

/// The value of a header as it was sent.
fn field<'s>(seen: &'s Seen, name: &str) -> &'s str {
    let line = seen.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {}", seen.head))
}

/// Whose keys a request to the store carries; access key, token and signature must be of one number.
#[track_caller]
fn number(seen: &Seen) -> u32 {
    let token = field(seen, "x-amz-security-token").to_owned();
    let number = token.rsplit('-').next().unwrap().parse().unwrap();
    let authorization = field(seen, "authorization");
    let opening = format!("AWS4-HMAC-SHA256 Credential={}/", access_key(number));
    assert!(authorization.starts_with(&opening), "{}", seen.head);
    // Signed once more, as whoever holds these keys does.
    let names = authorization.split_once("SignedHeaders=").unwrap().1.split_once(',').unwrap().0;
    let mut headers = HeaderMap::new();
    for name in names.split(';') {
        let name_in_map = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.insert(name_in_map, HeaderValue::from_str(field(seen, name)).unwrap());
    }
    let [secret, token] = SECRETS.map(|name| Secret::new(format!("{name}-{number}")));
    let signer = Signer::new(access_key(number), secret, Some(token), "us-east-1".to_owned());
    let now = Seconds::from_compact(field(seen, "x-amz-date").as_bytes()).unwrap();
    let target = seen.head.split(' ').nth(1).unwrap();
    signer.sign("GET", target, "", &mut headers, OutgoingPayload::EMPTY, now).unwrap();
    assert_eq!(headers["authorization"], authorization, "{}", seen.head);
    number
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(40);
    while !holds() {
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Nothing secret is in the log or the journal; gives both.
fn finish(fed: Fed) -> (Vec<serde_json::Value>, String) {
    let (journal, told) = fed.gate.finish();
    for secret in SECRETS {
        assert!(!told.contains(secret) && !serde_json::to_string(&journal).unwrap().contains(secret), "{told}");
    }
    (journal, told)
}

#[test]
fn keys_of_an_instance_come_by_version_2_alone_and_sign_what_goes_to_the_store() {
    let issuer = Issuer::of(3600);
    let fed = Fed::by_instance(&issuer);
    assert!(fed.ready().starts_with("HTTP/1.1 200"), "{}", fed.ready());
    assert_eq!(fed.get().status, 200);
    assert_eq!(fed.used(), 1);
    let asked = issuer.seen();
    let lines: Vec<&str> = asked.iter().map(|seen| seen.head.lines().next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "PUT /latest/api/token HTTP/1.1",
            "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1",
            "GET /latest/meta-data/iam/security-credentials/proxy-role HTTP/1.1"
        ]
    );
    assert_eq!(field(&asked[0], "x-aws-ec2-metadata-token-ttl-seconds"), "300");
    assert!(asked[1..].iter().all(|seen| field(seen, "x-aws-ec2-metadata-token") == "metadata-token"));
    let (_, told) = finish(fed);
    assert!(!told.contains("keys to sign with"), "{told}");
}

#[test]
fn an_instance_that_refuses_version_2_is_not_asked_by_version_1() {
    let issuer = Issuer::of(3600);
    issuer.instead(Some(&told("405 Method Not Allowed", "")));
    let fed = Fed::by_instance(&issuer);
    fed.get().refused(503, "ServiceUnavailable");
    assert!(issuer.seen().iter().all(|seen| seen.head.starts_with("PUT /latest/api/token ")));
    assert!(fed.store.seen().is_empty());
}

#[test]
fn keys_are_renewed_before_they_end_and_never_mixed() {
    let issuer = Issuer::of(6);
    let fed = Fed::by_instance(&issuer);
    // Longer than the first ones live.
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        assert_eq!(fed.get().status, 200);
        std::thread::sleep(Duration::from_millis(20));
    }
    let used: Vec<u32> = fed.store.seen().iter().map(number).collect();
    assert!(used.is_sorted() && used[0] == 1 && *used.last().unwrap() > 1, "{used:?}");
}

#[test]
fn old_keys_are_used_while_the_source_is_away_and_none_after_their_end() {
    let issuer = Issuer::of(8);
    let fed = Fed::by_instance(&issuer);
    issuer.instead(Some(&told(AWAY, "issued-token of nobody")));
    until("the word that the source is away", || fed.said().contains("there are no new keys to sign with"));
    assert_eq!((fed.get().status, fed.used()), (200, 1));
    assert!(fed.ready().starts_with("HTTP/1.1 200"), "{}", fed.ready());
    assert!(fed.left() > 0.0 && fed.left() <= 8.0, "{}", fed.left());
    until("the end of the keys", || fed.ready().starts_with("HTTP/1.1 503"));
    assert!(fed.left() <= 0.0, "{}", fed.left());
    assert!(fed.ready().ends_with("[\"upstream-keys\"]\n"), "{}", fed.ready());
    let sent = fed.store.seen().len();
    let reply = fed.get();
    reply.refused(503, "ServiceUnavailable");
    assert!(!reply.body.windows(8).any(|window| window == b"metadata"), "{reply:?}");
    assert_eq!(fed.store.seen().len(), sent);
    issuer.instead(None);
    until("new keys", || fed.get().status == 200);
    assert_eq!(fed.used(), 2);
    assert!(fed.ready().starts_with("HTTP/1.1 200"), "{}", fed.ready());
    let (journal, told) = finish(fed);
    let record = journal.iter().find(|record| record["reason"] == "upstream-no-keys").expect("it is on record");
    assert!(record.to_string().contains("there are no keys from the instance's metadata: the last ones"), "{record}");
    assert_eq!(told.matches("there are no new keys to sign with").count(), 1, "{told}");
    assert_eq!(told.matches("there are new keys to sign with again").count(), 1, "{told}");
    assert!(told.contains("it answers 503 Service Unavailable"), "{told}");
}

#[test]
fn a_proxy_whose_source_only_redirects_starts_refuses_and_serves_when_keys_come() {
    let (issuer, elsewhere) = (Issuer::of(3600), Issuer::of(3600));
    let moved = format!(
        "HTTP/1.1 307 Moved\r\nlocation: http://{}/latest/api/token\r\ncontent-length: 0\r\n\r\n",
        elsewhere.address
    );
    issuer.instead(Some(&moved));
    let fed = Fed::by_instance(&issuer);
    assert!(fed.ready().ends_with("[\"upstream-keys\"]\n"), "{}", fed.ready());
    assert!(fed.left() <= 0.0, "none have come: {}", fed.left());
    fed.get().refused(503, "ServiceUnavailable");
    assert!(fed.store.seen().is_empty() && elsewhere.seen().is_empty());
    issuer.instead(None);
    until("keys", || fed.get().status == 200);
    assert_eq!(fed.used(), 1);
    let (journal, told) = finish(fed);
    let record = journal.iter().find(|record| record["reason"] == "upstream-no-keys").expect("it is on record");
    assert!(record.to_string().contains("none have come yet"), "{record}");
    assert!(told.contains("it answers 307"), "{told}");
}

/// A file that can be replaced.
fn token_file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn a_container_shows_a_token_from_a_file_that_is_read_anew() {
    let issuer = Issuer::of(6);
    let (_folder, file) = token_file("Bearer first\n");
    let url = format!("http://{}/container?a=b", issuer.address);
    let fed = Fed::by(
        "instance",
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &file)],
    );
    assert_eq!((fed.get().status, fed.used()), (200, 1));
    assert!(issuer.seen().iter().all(|seen| field(seen, "authorization") == "Bearer first"));
    std::fs::write(&file, "Bearer second").unwrap();
    let asks = |token: &str| field(issuer.seen().last().unwrap(), "authorization") == token;
    until("the second token", || asks("Bearer second"));
    until("keys for it", || fed.get().status == 200 && fed.used() > 1);
}

#[test]
fn a_container_shows_a_token_of_its_environment() {
    let issuer = Issuer::of(3600);
    let url = format!("http://{}/container?a=b", issuer.address);
    let token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "issued-token-for-the-container");
    let fed = Fed::by("instance", &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url), token]);
    assert_eq!((fed.get().status, fed.used()), (200, 1));
    assert_eq!(field(&issuer.seen()[0], "authorization"), token.1);
    finish(fed);
}

#[test]
fn a_web_identity_assumes_its_role_with_the_token_of_the_time() {
    let issuer = Issuer::of(6);
    let (_folder, file) = token_file("header.first.issued-token-of-a-pod\n");
    let service = format!("http://{}", issuer.address);
    let fed = Fed::by(
        "web-identity",
        &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", &file),
            ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/proxy"),
            ("AWS_ENDPOINT_URL_STS", &service),
        ],
    );
    assert_eq!((fed.get().status, fed.used()), (200, 1));
    let first = issuer.seen().remove(0);
    assert!(first.head.starts_with("POST / HTTP/1.1\r\n") && !first.head.contains("authorization"), "{}", first.head);
    assert_eq!(
        String::from_utf8(first.body).unwrap(),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fproxy\
         &RoleSessionName=bartizan&WebIdentityToken=header.first.issued-token-of-a-pod"
    );
    std::fs::write(&file, "header.second.issued-token-of-a-pod").unwrap();
    let sent = |token: &str| String::from_utf8_lossy(&issuer.seen().last().unwrap().body).contains(token);
    until("the second token", || sent("WebIdentityToken=header.second."));
    until("keys for it", || fed.get().status == 200 && fed.used() > 1);
    // What the service says is told by its code alone.
    let refusal = "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>issued-token</Message></Error></ErrorResponse>";
    issuer.instead(Some(&told("400 Bad Request", refusal)));
    until("the refusal", || fed.said().contains("it answers 400 Bad Request (ExpiredTokenException)"));
    finish(fed);
}

#[test]
fn a_token_service_must_show_a_certificate_that_the_machine_trusts() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        certs::ensure(folder.path(), SystemClock.now()).unwrap();
    }
    let issuer = Issuer::listening(3600, Some(tls_of(folders[0].path())));
    let (_folder, file) = token_file("token");
    let service = format!("https://{}", issuer.address);
    let fed = |trusted: &tempfile::TempDir| {
        let authority = certs::Files::within(trusted.path()).authority;
        Fed::by(
            "web-identity",
            &[
                ("AWS_WEB_IDENTITY_TOKEN_FILE", &file),
                ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/proxy"),
                ("AWS_ENDPOINT_URL_STS", &service),
                ("SSL_CERT_FILE", authority.to_str().unwrap()),
            ],
        )
    };
    let stranger = fed(&folders[1]);
    stranger.get().refused(503, "ServiceUnavailable");
    assert!(issuer.seen().is_empty(), "a token went to a stranger");
    let known = fed(&folders[0]);
    assert_eq!((known.get().status, known.used()), (200, 1));
}

#[test]
fn a_check_says_which_variables_are_missing() {
    let gate = Gate::embedded();
    let file = gate.folder.path().join("bartizan.toml");
    let store = "kind = \"s3\"\nendpoint = \"http://127.0.0.1:9000\"\ncredentials = \"web-identity\"";
    let text = std::fs::read_to_string(&file).unwrap().replace("kind = \"embedded\"", store);
    std::fs::write(&file, text).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_bartizan"));
    check.args(["check", "-c"]).arg(&file).env_remove("AWS_ROLE_ARN").env("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
    let checked = check.output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains("AWS_ROLE_ARN is not set") && said.contains("set AWS_ROLE_ARN;"), "{said}");
}
