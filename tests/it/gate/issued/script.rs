//! Those who hand out keys, as a script: the metadata of an instance, what runs a container, a token service.

use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bartizan::time::Seconds;
use serde_json::json;

use super::super::{Seen, body_length, read_head};

/// What nobody may ever tell.
pub(super) const SECRETS: [&str; 2] = ["issued-secret", "issued-token"];

pub(super) struct Inner {
    /// How many keys were handed out.
    number: u32,
    /// How long the next ones live, in seconds.
    life: i64,
    /// What it answers instead, whatever it is asked.
    instead: Option<String>,
    seen: Vec<Seen>,
}

pub(super) struct Issuer {
    pub(super) address: String,
    inner: Arc<Mutex<Inner>>,
}

impl Issuer {
    /// Hands out keys that live so many seconds.
    pub(super) fn of(life: i64) -> Self {
        Self::listening(life, None)
    }

    /// The same over TLS.
    pub(super) fn listening(life: i64, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let inner = Arc::new(Mutex::new(Inner { number: 0, life, instead: None, seen: Vec::new() }));
        let kept = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().take(10_000) {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                match &tls {
                    None => answer(stream, &kept),
                    Some(tls) => {
                        let connection = rustls::ServerConnection::new(Arc::clone(tls)).unwrap();
                        answer(rustls::StreamOwned::new(connection, stream), &kept);
                    }
                }
            }
        });
        Self { address, inner }
    }

    /// From now on it answers this to everything, or keys again.
    pub(super) fn instead(&self, answer: Option<&str>) {
        self.inner.lock().unwrap().instead = answer.map(str::to_owned);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.clone()
    }
}

/// The access key of a number.
pub(super) fn access_key(number: u32) -> String {
    format!("ASIAISSUED{number:06}")
}

fn answer(stream: impl Read + Write, inner: &Mutex<Inner>) {
    let mut reader = BufReader::new(stream);
    let Some(head) = read_head(&mut reader) else { return };
    let mut body = vec![0; usize::try_from(body_length(&head)).unwrap()];
    reader.read_exact(&mut body).unwrap();
    let answer = {
        let mut inner = inner.lock().unwrap();
        let answer = inner.instead.clone().unwrap_or_else(|| inner.answer(&head));
        inner.seen.push(Seen { head, body, whole: true });
        answer
    };
    let _ = reader.get_mut().write_all(answer.as_bytes());
}

impl Inner {
    fn answer(&mut self, head: &str) -> String {
        const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
        let line = head.lines().next().unwrap();
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let may_ask = head.contains("\r\nx-aws-ec2-metadata-token: metadata-token\r\n");
        match (method, path) {
            ("PUT", "/latest/api/token") if head.contains("\r\nx-aws-ec2-metadata-token-ttl-seconds: ") => {
                ok("metadata-token")
            }
            ("GET", path) if path.starts_with(ROLES) && !may_ask => told("401 Unauthorized", ""),
            ("GET", ROLES) => ok("proxy-role"),
            ("GET", "/latest/meta-data/iam/security-credentials/proxy-role" | "/container?a=b") => ok(&self.json()),
            ("POST", "/") => ok(&self.xml()),
            _ => told("404 Not Found", ""),
        }
    }

    /// Access key, secret, token and end of new keys.
    fn next(&mut self) -> (String, String, String, String) {
        self.number += 1;
        let number = self.number;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let end = Seconds(i64::try_from(now).unwrap() + self.life).rfc3339();
        let [secret, token] = SECRETS.map(|name| format!("{name}-{number}"));
        (access_key(number), secret, token, end)
    }

    fn json(&mut self) -> String {
        let (id, secret, token, end) = self.next();
        json!({ "Code": "Success", "AccessKeyId": id, "SecretAccessKey": secret, "Token": token, "Expiration": end })
            .to_string()
    }

    fn xml(&mut self) -> String {
        let (id, secret, token, end) = self.next();
        format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{id}</AccessKeyId>\
             <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>\
             <Expiration>{end}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
             </AssumeRoleWithWebIdentityResponse>"
        )
    }
}

fn ok(body: &str) -> String {
    told("200 OK", body)
}

/// An answer with this status.
pub(super) fn told(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}
