//! A key service that remembers every call, and that fails, dawdles and lies when it is told to.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bartizan::s3::checksum::{self, Algorithm};
use bartizan::sigv4::{OutgoingPayload, Secret, Signer};
use bartizan::time::Seconds;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::super::read_head;

const AKID: &str = "AKIAKEYSERVICE000001";
pub(super) const SERVICE_SECRET: &str = "keyservicesecretkeyservicesecretkeyservi";

/// What the service does instead of what it is asked.
#[derive(Clone, Debug)]
pub(super) enum Instead {
    /// Status, more headers, body.
    Answer(u16, &'static str, String),
    /// Says nothing until the connection is closed.
    Silence,
    /// Closes.
    Close,
    /// Answers, and calls the key by another name.
    OtherKey,
    /// Answers after so many milliseconds.
    Late(u64),
}

#[derive(Default)]
pub(super) struct Inner {
    /// Key, context and data key of each wrapped one, by its number.
    wrapped: Vec<(String, Value, Vec<u8>)>,
    /// Every call: its name, and what it said.
    calls: Vec<(String, Value)>,
    instead: VecDeque<Instead>,
    /// For all calls from now on.
    always: Option<Instead>,
    connections: usize,
}

pub(super) struct Service {
    address: String,
    inner: Arc<Mutex<Inner>>,
}

impl Service {
    pub(super) fn new() -> Self {
        Self::listening(None)
    }

    pub(super) fn listening(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let kept = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().take(10_000) {
                let (stream, kept, tls) = (stream.unwrap(), Arc::clone(&kept), tls.clone());
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                kept.lock().unwrap().connections += 1;
                std::thread::spawn(move || match tls {
                    None => converse(stream, &kept),
                    Some(tls) => {
                        let connection = rustls::ServerConnection::new(tls).unwrap();
                        converse(rustls::StreamOwned::new(connection, stream), &kept);
                    }
                });
            }
        });
        Self { address, inner }
    }

    pub(super) fn keys(&self, more: &str) -> String {
        self.keys_at("http", more)
    }

    pub(super) fn keys_at(&self, scheme: &str, more: &str) -> String {
        format!(
            "[keys]\nendpoint = \"{scheme}://{}\"\n\
             credentials = {{ access_key_id = \"{AKID}\", secret_access_key = \"{SERVICE_SECRET}\" }}\n{more}\n",
            self.address
        )
    }

    pub(super) fn instead(&self, instead: Instead) {
        self.inner.lock().unwrap().instead.push_back(instead);
    }

    pub(super) fn always(&self, instead: Option<Instead>) {
        self.inner.lock().unwrap().always = instead;
    }

    /// The names of the calls since the last time.
    pub(super) fn calls(&self) -> Vec<String> {
        self.said().into_iter().map(|(name, _)| name).collect()
    }

    pub(super) fn said(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.inner.lock().unwrap().calls)
    }

    pub(super) fn connections(&self) -> usize {
        self.inner.lock().unwrap().connections
    }

    pub(super) fn data_keys(&self) -> Vec<Vec<u8>> {
        self.inner.lock().unwrap().wrapped.iter().map(|(_, _, key)| key.clone()).collect()
    }
}

fn converse(stream: impl Read + Write, kept: &Mutex<Inner>) {
    let mut stream = BufReader::new(stream);
    while let Some(head) = read_head(&mut stream) {
        let length = field(&head, "content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        check_signature(&head, &body);
        let target = field(&head, "x-amz-target").unwrap();
        let call = target.strip_prefix("TrentService.").unwrap().to_owned();
        let asked: Value = serde_json::from_slice(&body).unwrap();
        let mut inner = kept.lock().unwrap();
        let instead = inner.instead.pop_front().or_else(|| inner.always.clone());
        inner.calls.push((call.clone(), asked.clone()));
        let (status, more, answer) = match instead {
            Some(Instead::Close) => return,
            Some(Instead::Silence) => {
                drop(inner);
                let _ = stream.read(&mut [0]);
                return;
            }
            Some(Instead::Answer(status, more, body)) => (status, more, body),
            Some(Instead::OtherKey) => {
                let (status, body) = answer(&mut inner, &call, &asked);
                (status, "", body.replace(":key/", ":key/not-"))
            }
            Some(Instead::Late(millis)) => {
                drop(inner);
                std::thread::sleep(Duration::from_millis(millis));
                inner = kept.lock().unwrap();
                let (status, body) = answer(&mut inner, &call, &asked);
                (status, "", body)
            }
            None => {
                let (status, body) = answer(&mut inner, &call, &asked);
                (status, "", body)
            }
        };
        drop(inner);
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n{more}\r\n", answer.len());
        if stream.get_mut().write_all(&[head.as_bytes(), answer.as_bytes()].concat()).is_err() {
            return;
        }
        let _ = stream.get_mut().flush();
    }
}

fn field(head: &str, name: &str) -> Option<String> {
    let prefix = format!("{name}: ");
    head.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
}

/// Signed anew here, with the secret that both know.
fn check_signature(head: &str, body: &[u8]) {
    let mut headers = HeaderMap::new();
    for name in ["host", "content-type", "x-amz-target"] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&field(head, name).unwrap()).unwrap());
    }
    assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
    let signer = Signer::new(AKID.to_owned(), Secret::new(SERVICE_SECRET.to_owned()), None, "us-east-1".to_owned());
    let payload = OutgoingPayload::Hash(checksum::of(Algorithm::Sha256, body).as_bytes().try_into().unwrap());
    let time = Seconds::from_compact(field(head, "x-amz-date").unwrap().as_bytes()).unwrap();
    signer.for_service("kms").sign("POST", "/", "", &mut headers, payload, time).unwrap();
    assert_eq!(headers["authorization"].to_str().unwrap(), field(head, "authorization").unwrap());
    assert!(head.starts_with("POST / HTTP/1.1\r\n") && head.contains("/us-east-1/kms/aws4_request"), "{head}");
}

fn answer(inner: &mut Inner, call: &str, asked: &Value) -> (u16, String) {
    let open = |inner: &Inner, key: &Value, context: &Value| {
        let blob = STANDARD.decode(asked["CiphertextBlob"].as_str().unwrap()).unwrap();
        let number = std::str::from_utf8(&blob).ok()?.strip_prefix("wrapped-")?.parse::<usize>().ok()?;
        let (of, bound, data) = inner.wrapped.get(number)?;
        (*key == of.as_str() && bound == context).then(|| data.clone())
    };
    let wrap = |inner: &mut Inner, key: &str, context: &Value, data: Vec<u8>| {
        inner.wrapped.push((key.to_owned(), context.clone(), data));
        STANDARD.encode(format!("wrapped-{}", inner.wrapped.len() - 1))
    };
    let broken = || (400, json!({"__type": "InvalidCiphertextException"}).to_string());
    match call {
        "GenerateDataKey" => {
            assert_eq!(asked["KeySpec"], "AES_256");
            let key = asked["KeyId"].as_str().unwrap();
            let data: Vec<u8> = (0..32).map(|at| (at * 7 + inner.wrapped.len() * 31 + 5) as u8).collect();
            let blob = wrap(inner, key, &asked["EncryptionContext"], data.clone());
            let told = json!({"KeyId": key, "Plaintext": STANDARD.encode(data), "CiphertextBlob": blob, "More": 1});
            (200, told.to_string())
        }
        "Decrypt" => match open(inner, &asked["KeyId"], &asked["EncryptionContext"]) {
            Some(data) => (200, json!({"KeyId": asked["KeyId"], "Plaintext": STANDARD.encode(data)}).to_string()),
            None => broken(),
        },
        "ReEncrypt" => match open(inner, &asked["SourceKeyId"], &asked["SourceEncryptionContext"]) {
            Some(data) => {
                let key = asked["DestinationKeyId"].as_str().unwrap();
                let blob = wrap(inner, key, &asked["DestinationEncryptionContext"], data);
                (200, json!({"KeyId": key, "SourceKeyId": key, "CiphertextBlob": blob}).to_string())
            }
            None => broken(),
        },
        other => panic!("the proxy has no business with {other}"),
    }
}
