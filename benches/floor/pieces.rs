//! What no request can do without, and nothing else: its signature is verified, a policy of one statement asked, an
//! intent and a completion of the shortest are recorded, and it is signed anew. All of it calls the proxy's own
//! library, in turns as the proxy does. What is missing is everything that makes it safe or useful: addresses,
//! routing, limits, bounds of headers and bodies, what an answer may show, counters, who asked in the record.

use std::cell::Cell;
use std::path::Path;

use bartizan::audit::{self, Completion, Decision, Intent, Journal, Outcome, Receipt};
use bartizan::id::RequestId;
use bartizan::policy::context::Keys;
use bartizan::policy::engine::{Act, Attachments, Brought, Caller, Generation, Policy, Question, Sources};
use bartizan::policy::read::{Kind as PolicyKind, read};
use bartizan::s3::Head;
use bartizan::s3::uri::Query;
use bartizan::sigv4::{self, Credential, KeyCache, KeySource, Kind, OutgoingPayload, PayloadRule, Secret, Signer};
use bartizan::time::{Clock, Millis, SystemClock};
use bartizan::turn::others_first;
use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use smallvec::SmallVec;

const ACCOUNT: &str = "111122223333";
const USER: &str = "arn:aws:iam::111122223333:user/bench";
/// The keys of the measuring client, and those that its store expects.
const CLIENT: (&str, &str) = ("AKBENCHCLIENT0000001", "benchsecretbenchsecretbenchsecretbench00");
const STORE: (&str, &str) = ("AKBENCHUPSTREAM00001", "upstreamupstreamupstreamupstreamupstream");
const REGION: &str = "us-east-1";

/// One worker's.
pub(super) struct Pieces {
    secret: Secret,
    settings: sigv4::Settings,
    keys: KeyCache,
    signer: Signer,
    generation: Generation,
    journal: Journal,
    requests: Cell<u64>,
}

impl KeySource for Pieces {
    fn find(&self, access_key: &str) -> Option<Credential<'_>> {
        (access_key == CLIENT.0).then_some(Credential { secret: &self.secret, token: None, expires: None })
    }

    fn generation(&self) -> u64 {
        1
    }
}

impl Pieces {
    /// Its journal lies in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        let policy =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#.as_bytes();
        let policy = Policy::new("bench", read(policy, PolicyKind::Identity).unwrap().document);
        let mut sources = Sources::default();
        sources.identities.insert(USER.to_owned(), Attachments { policies: vec![policy], boundary: None });
        let kept = audit::Settings { min_free: Some(0), max_size: Some(1 << 30), ..audit::Settings::default() };
        Self {
            secret: Secret::new(CLIENT.1.into()),
            settings: sigv4::Settings { payload: PayloadRule::Any, ..sigv4::Settings::new(REGION) },
            keys: KeyCache::default(),
            signer: Signer::new(STORE.0.into(), Secret::new(STORE.1.into()), None, REGION.into()),
            generation: Generation::new(sources),
            journal: Journal::open(folder.join("journal"), kept).unwrap().0,
            requests: Cell::new(0),
        }
    }

    /// All that comes before the store hears of a GET.
    pub(super) async fn admit(&self, request: &mut Request<Incoming>) -> Receipt {
        let now = SystemClock.now_millis();
        others_first().await;
        self.verify(request, now);
        others_first().await;
        self.decide(request);
        let receipt = self.record(request, now).await;
        self.sign(request, now);
        receipt
    }

    fn verify(&self, request: &Request<Incoming>, now: Millis) {
        let lines = request.headers().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        let lines: SmallVec<[(&[u8], &[u8]); 24]> = lines.collect();
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let head = Head { method: b"GET", target: target.as_bytes(), lines: &lines, authority: None };
        let query = Query::parse(head.query()).unwrap();
        let asked = sigv4::Request {
            head: &head,
            query: &query,
            streaming_allowed: false,
            tls: true,
            body_hash: None,
            form: None,
        };
        sigv4::verify(Kind::Header, &asked, self, &self.settings, &self.keys, now.seconds()).unwrap();
    }

    fn decide(&self, request: &Request<Incoming>) {
        let mut context = Keys::default();
        context.set("aws:SecureTransport", "true");
        context.set("s3:TlsVersion", "1.3");
        context.set("aws:SourceIp", "203.0.113.17");
        context.set("aws:username", "bench");
        let question = Question {
            caller: Caller::User { account: ACCOUNT, arn: USER },
            canonical_id: None,
            action: Act::named("s3:GetObject"),
            resource: &format!("arn:aws:s3:::{}", request.uri().path().trim_start_matches('/')),
            behind: None,
            owner: ACCOUNT,
            context: &context,
            consent: false,
        };
        assert!(self.generation.decide(&question, &Brought::default()).is_allow());
    }

    async fn record(&self, request: &Request<Incoming>, now: Millis) -> Receipt {
        let nth = self.requests.replace(self.requests.get() + 1);
        let mut random = [0; 34];
        for (place, octet) in random.iter_mut().enumerate() {
            *octet = u8::try_from((nth >> (4 * (place % 16))) & 0xF).unwrap();
        }
        let path = request.uri().path();
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap();
        let intent = Intent {
            operation: Some("GetObject"),
            bucket: Some(bucket.as_bytes()),
            key: Some(key.as_bytes()),
            method: Some(b"GET"),
            target: Some(path.as_bytes()),
            decision: Decision::Allow,
            ..Intent::new(RequestId::from_random(&random), now)
        };
        self.journal.record(&intent).await.unwrap()
    }

    fn sign(&self, request: &mut Request<Incoming>, now: Millis) {
        let path = request.uri().path().to_owned();
        let headers = request.headers_mut();
        for name in ["authorization", "x-amz-date", "x-amz-content-sha256"] {
            headers.remove(name);
        }
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:9000"));
        self.signer.sign("GET", &path, "", headers, OutgoingPayload::EMPTY, now.seconds()).unwrap();
    }
}

/// What comes after the store's answer.
pub(super) fn complete(receipt: Receipt) {
    receipt.complete(&Completion { outcome: Outcome::Completed, status: Some(200), ..Completion::default() });
}
