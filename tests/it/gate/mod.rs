//! The whole program, as a process, before the embedded store or a scripted one.

mod content;
mod defects;
mod delivery;
mod doors;
mod encryption;
mod flips;
mod forms;
mod generations;
mod guarded;
mod house;
mod issued;
mod key_service;
mod keys;
mod limits;
mod lockout;
mod monitoring;
mod naming;
mod order;
mod people;
mod points;
mod policies;
mod record;
mod regions;
mod rehearsal;
mod running;
mod sealed;
mod signing;
mod start;
mod tokens;
mod trace;
mod understood;
mod walk;

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bartizan::control::certs;
use bartizan::s3::checksum::{self, Algorithm};
use bartizan::sigv4::{ChunkSigner, OutgoingPayload, Secret, Signer};
use bartizan::time::Seconds;
use http::{HeaderMap, HeaderName, HeaderValue};

const KEY: &str = "AKIATESTTESTTEST0001";
const SECRET: &str = "testsecrettestsecrettestsecrettestsecret";
const NOBODY: &str = "AKIANOBODYNOBODY0001";
const STORE_SECRET: &str = "storesecretstoresecretstoresecretstorese";

/// A running proxy on plain HTTP.
struct Gate {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Gate {
    /// Before the embedded store.
    fn embedded() -> Self {
        Self::start("kind = \"embedded\"")
    }

    /// Before a scripted store.
    fn before(store: &Script) -> Self {
        Self::start(&store.upstream("us-east-1"))
    }

    fn start(upstream: &str) -> Self {
        Self::configured("", &format!("[upstream]\n{upstream}"))
    }

    /// With more keys for the listener and for signatures.
    fn start_with(upstream: &str, listen: &str, signature: &str) -> Self {
        Self::configured(listen, &format!("{signature}\n[upstream]\n{upstream}"))
    }

    /// With more in its listener, and the given tables of stores.
    fn configured(listen: &str, upstreams: &str) -> Self {
        Self::launch(listen, upstreams, &[]).unwrap_or_else(|told| panic!("the proxy did not start: {told}"))
    }

    /// With more files, or other ones, in its folder; what it said if it does not start.
    fn launch(listen: &str, upstreams: &str, files: &[(&str, &str)]) -> Result<Self, String> {
        Self::launch_in(&[], listen, upstreams, files)
    }

    /// With more variables in its environment.
    fn launch_in(
        environment: &[(&str, &str)],
        listen: &str,
        upstreams: &str,
        files: &[(&str, &str)],
    ) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, mode).unwrap();
        };
        write("policies/identities/administrator.json", bartizan::policy::ADMINISTRATOR_DOCUMENT);
        write(
            "policies/credentials.toml",
            &format!(
                "[[account]]\nid = \"111122223333\"\nname = \"main\"\n\n[[user]]\narn = \"arn:aws:iam::111122223333:user/test\"\n\
                 policies = [\"administrator\"]\nkeys = [{{ id = \"{KEY}\", secret = \"{SECRET}\" }}]\n\n[[user]]\n\
                 arn = \"arn:aws:iam::111122223333:user/nobody\"\npolicies = []\n\
                 keys = [{{ id = \"AKIANOBODYNOBODY0001\", secret = \"{SECRET}\" }}]\n"
            ),
        );
        write(
            "bartizan.toml",
            &format!(
                "region = \"us-east-1\"\naccount = \"111122223333\"\npolicies = \"policies/\"\nstate = \"state/\"\n\n[[listen]]\n\
                 address = \"127.0.0.1:0\"\nhosts = [\"localhost\", \"s3.localhost\"]\n{listen}\n\n[signature]\npayload = \"any\"\n\n\
                 {upstreams}\n\n[runtime]\nworkers = 1\n"
            ),
        );
        files.iter().for_each(|(name, text)| write(name, text));
        let mut child = Command::new(env!("CARGO_BIN_EXE_bartizan"))
            .args(["serve", "-c"])
            .arg(folder.path().join("bartizan.toml"))
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut address = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, bound)) = line.split_once("://").filter(|(name, _)| !name.starts_with("admin")) {
                address = bound.to_owned();
            }
            if line == "ready" {
                return Ok(Self { child, address, folder });
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(std::fs::read_to_string(folder.path().join("stderr")).unwrap())
    }

    fn send(&self, request: &Ask) -> Reply {
        self.send_raw(&request.wire())
    }

    /// Sends octets, reads to the end of the connection.
    fn send_raw(&self, octets: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // A proxy that answers early may close before it has read all.
        let _ = stream.write_all(octets);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Reply::parse(&answer)
    }

    /// Ends the process the polite way and returns the journal and what it said.
    fn finish(mut self) -> (Vec<serde_json::Value>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        let told = std::fs::read_to_string(self.folder.path().join("stderr")).unwrap();
        (journal(self.folder.path()), told)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The records of a journal.
fn journal(folder: &Path) -> Vec<serde_json::Value> {
    let entries = bartizan::audit::records(&folder.join("state/journal"));
    entries
        .map(|entry| serde_json::from_str(&entry.unwrap().json).unwrap_or_default())
        .filter(serde_json::Value::is_object)
        .collect()
}

/// A request, signed when it is written down.
#[derive(Clone)]
struct Ask {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    payload: Mode,
    key: &'static str,
    secret: &'static str,
    /// Seconds that the client's clock is ahead.
    ahead: i64,
    host: &'static str,
    region: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Hash,
    Unsigned,
    /// Unsigned chunks with a CRC32 behind them.
    Trailer,
    /// Signed chunks of so many octets, with or without a CRC32 behind them.
    Chunks(usize, bool),
}

impl Ask {
    fn new(method: &'static str, target: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            payload: Mode::Hash,
            key: KEY,
            secret: SECRET,
            ahead: 0,
            host: "localhost",
            region: "us-east-1",
        }
    }

    fn put(target: &str, body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..Self::new("PUT", target) }
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn mode(self, payload: Mode) -> Self {
        Self { payload, ..self }
    }

    /// The octets of the request; the connection ends with it.
    fn wire(&self) -> Vec<u8> {
        let (head, body) = self.parts();
        [head.into_bytes(), body].concat()
    }

    fn parts(&self) -> (String, Vec<u8>) {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static(self.host));
        for (name, value) in &self.headers {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let body = match self.payload {
            Mode::Trailer => {
                headers.insert("x-amz-decoded-content-length", HeaderValue::from(self.body.len()));
                headers.insert("x-amz-trailer", HeaderValue::from_static("x-amz-checksum-crc32"));
                chunked(&self.body, &checksum::of(Algorithm::Crc32, &self.body).to_base64())
            }
            Mode::Chunks(_, trailer) => {
                headers.insert("x-amz-decoded-content-length", HeaderValue::from(self.body.len()));
                if trailer {
                    headers.insert("x-amz-trailer", HeaderValue::from_static("x-amz-checksum-crc32"));
                }
                Vec::new()
            }
            Mode::Hash | Mode::Unsigned => self.body.clone(),
        };
        let payload = match self.payload {
            Mode::Hash => {
                OutgoingPayload::Hash(checksum::of(Algorithm::Sha256, &self.body).as_bytes().try_into().unwrap())
            }
            Mode::Unsigned => OutgoingPayload::Unsigned,
            Mode::Trailer => OutgoingPayload::UnsignedTrailer,
            Mode::Chunks(_, trailer) => OutgoingPayload::Chunks { trailer },
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = Seconds(i64::try_from(now).unwrap() + self.ahead);
        let signer =
            Signer::new(self.key.to_owned(), Secret::new(self.secret.to_owned()), None, self.region.to_owned());
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let chunks = signer.sign(self.method, path, query, &mut headers, payload, now).unwrap();
        let body = match (self.payload, chunks) {
            (Mode::Chunks(size, trailer), Some(chunks)) => signed_chunks(&self.body, size, trailer, chunks),
            _ => body,
        };
        let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", self.method, self.target);
        for (name, value) in &headers {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        if !body.is_empty() || self.method == "PUT" {
            head += &format!("content-length: {}\r\n", body.len());
        }
        (head + "\r\n", body)
    }
}

fn chunked(data: &[u8], crc32: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in data.chunks(16_384) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("0\r\nx-amz-checksum-crc32:{crc32}\r\n\r\n").as_bytes());
    out
}

fn signed_chunks(data: &[u8], size: usize, trailer: bool, mut signer: ChunkSigner) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in data.chunks(size) {
        let hash: [u8; 32] = checksum::of(Algorithm::Sha256, chunk).as_bytes().try_into().unwrap();
        out.extend_from_slice(format!("{:x};chunk-signature={}\r\n", chunk.len(), signer.chunk(&hash)).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("0;chunk-signature={}\r\n", signer.last()).as_bytes());
    if trailer {
        let field = format!("x-amz-checksum-crc32:{}", checksum::of(Algorithm::Crc32, data).to_base64());
        let signature = signer.trailer(format!("{field}\n").as_bytes());
        out.extend_from_slice(format!("{field}\r\nx-amz-trailer-signature:{signature}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// An answer.
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", self.head, String::from_utf8_lossy(&self.body))
    }
}

impl Reply {
    fn parse(octets: &[u8]) -> Self {
        let end = octets.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(octets.len());
        let head = String::from_utf8_lossy(&octets[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head, body: octets.get(end + 4..).unwrap_or_default().to_vec() }
    }

    /// The S3 code of an error.
    fn code(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        code.map(|(code, _)| code.to_owned()).unwrap_or_default()
    }

    #[track_caller]
    fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{self:?}");
        assert!(!String::from_utf8_lossy(&self.body).contains("<Message></Message>"));
        assert!(self.head.contains("x-amz-request-id: "), "{}", self.head);
    }
}

/// A store that answers everything alike and remembers what it was asked.
struct Script {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// One request as the store saw it.
#[derive(Clone, Debug)]
struct Seen {
    head: String,
    body: Vec<u8>,
    /// All of the announced body came.
    whole: bool,
}

impl Script {
    fn answering(answer: &'static str) -> Self {
        Self::telling(move |_| answer)
    }

    /// A store whose answer hangs on the head of the request.
    fn telling(answer: impl Fn(&str) -> &'static str + Copy + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().take(10_000) {
                let (stream, kept) = (stream.unwrap(), Arc::clone(&kept));
                std::thread::spawn(move || converse(stream, answer, &kept));
            }
        });
        Self { address, seen }
    }

    fn ok() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\netag: \"abc\"\r\ncontent-length: 0\r\n\r\n")
    }

    /// The table of the configuration that names it as a store of this region.
    fn upstream(&self, region: &str) -> String {
        format!(
            "kind = \"s3\"\nendpoint = \"http://{}\"\nregion = \"{region}\"\naddressing = \"path\"\nprofile = \"minio\"\n\
             credentials = {{ access_key_id = \"AKIASTORESTORE000001\", secret_access_key = \"{STORE_SECRET}\" }}\n\
             timeouts = {{ first_byte = \"1s\" }}\n",
            self.address
        )
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// The head of a request; none once the other end has gone.
fn read_head(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    Some(head)
}

/// How long its body is.
fn body_length(head: &str) -> u64 {
    head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap())
}

/// What a server shows whose certificate was made in a folder.
fn tls_of(folder: &Path) -> Arc<rustls::ServerConfig> {
    let files = certs::Files::within(folder);
    let loaded = certs::load(&files.certificate, &files.key).unwrap();
    let key = loaded.key.clone_key();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(tls.with_no_client_auth().with_single_cert(loaded.chain, key).unwrap())
}

fn converse(stream: TcpStream, answer: impl Fn(&str) -> &'static str, kept: &Mutex<Vec<Seen>>) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(head) = read_head(&mut reader) {
        let length = body_length(&head);
        let mut body = Vec::new();
        let _ = reader.by_ref().take(length).read_to_end(&mut body);
        let whole = body.len() as u64 == length;
        let told = answer(&head);
        kept.lock().unwrap().push(Seen { head, body, whole });
        if !whole || reader.get_mut().write_all(told.as_bytes()).is_err() {
            return;
        }
    }
}
