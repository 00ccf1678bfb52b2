//! Decisions, alone and beside many statements that concern others; and compiling these.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bartizan::access::{self, Channel, Document, Facts, Given, Nothing, Owner, Signature, checks};
use bartizan::identity::{Kind as PrincipalKind, Principal};
use bartizan::policy::context::Keys;
use bartizan::policy::engine::acl::Ownership;
use bartizan::policy::engine::public::Block;
use bartizan::policy::engine::{
    AccountRules, Act, Attachments, Brought, BucketRules, Caller, Generation, Policy, Question, Shelf, Sources,
};
use bartizan::policy::read::{Kind, read};
use bartizan::s3::Head;
use bartizan::s3::name::KeyRules;
use bartizan::s3::route::{Auth, Routed, Rules, Unknown, route};
use bartizan::s3::uri::Query;
use bartizan::time::Millis;
use divan::{Bencher, black_box};
use serde_json::{Value, json};

const COUNTS: [usize; 4] = [1, 100, 10_000, 100_000];
const ACCOUNT: &str = "111122223333";
const BOB: &str = "arn:aws:iam::111122223333:user/bob";
const RESOURCE: &str = "arn:aws:s3:::acme-data/reports/2026/q1.csv";
const IN_A_DOCUMENT: usize = 500;
/// More are not in one policy of a bucket: a document has a bound.
const IN_A_BUCKET: usize = 1_000;

fn policy(document: &Value, kind: Kind) -> Arc<Policy> {
    Policy::new("bench", read(document.to_string().as_bytes(), kind).unwrap().document)
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn everything() -> Arc<Policy> {
    policy(&document(&[json!({"Effect": "Allow", "Action": "*", "Resource": "*"})]), Kind::Identity)
}

/// Documents of a user with so many statements, about other buckets, prefixes and actions.
fn texts(count: usize) -> Vec<String> {
    let statement = |at: usize| match at % 4 {
        0 => json!({"Effect": "Allow", "Action": "s3:*", "Resource": format!("arn:aws:s3:::bucket-{at}")}),
        1 => {
            json!({"Effect": "Deny", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": format!("arn:aws:s3:::bucket-{at}/team/*")})
        }
        2 => json!({"Effect": "Allow", "Action": "s3:Get*", "Resource": format!("arn:aws:s3:::acme-data/team-{at}/*")}),
        _ => json!({"Effect": "Deny", "Action": "s3:Put*", "Resource": "arn:aws:s3:::acme-data/reports/*"}),
    };
    let statements: Vec<Value> = (0..count).map(statement).collect();
    statements.chunks(IN_A_DOCUMENT).map(|some| document(some).to_string()).collect()
}

fn others(count: usize) -> Vec<Arc<Policy>> {
    texts(count)
        .iter()
        .map(|text| Policy::new("bench", read(text.as_bytes(), Kind::Identity).unwrap().document))
        .collect()
}

/// Statements of the bucket's policy about callers of other accounts.
fn strangers(count: usize) -> Vec<Value> {
    let statement = |at: usize| {
        let user = format!("arn:aws:iam::{:012}:user/u", 444_455_556_666 + at);
        json!({"Effect": "Allow", "Principal": {"AWS": user}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-data/*"})
    };
    (0..count.min(IN_A_BUCKET)).map(statement).collect()
}

/// What a user and a bucket have as a rule, with conditions in both, beside `count` statements about others.
fn sources(count: usize) -> Sources {
    let mut policies = others(count);
    policies.push(policy(
        &document(&[
            json!({"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::acme-data/*"}),
            json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
        ]),
        Kind::Identity,
    ));
    let mut statements = vec![
        json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::acme-data", "arn:aws:s3:::acme-data/*"],
            "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}),
        json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:role/partner"},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-data/shared/*"}),
    ];
    statements.extend(strangers(count));
    let bucket = policy(&document(&statements), Kind::Resource);
    let mut sources = Sources::default();
    sources.identities.insert(BOB.to_owned(), Attachments { policies, boundary: None });
    let rules = BucketRules {
        owner: ACCOUNT.to_owned(),
        policy: Some(bucket),
        binds_root: false,
        block: Block::ALL,
        ownership: Ownership::BucketOwnerEnforced,
        acl: None,
    };
    sources.buckets.insert("acme-data".to_owned(), rules);
    sources
}

/// Decides over and over what is allowed.
fn decide_again(bencher: Bencher, sources: Sources, session: Option<&Shelf>) {
    let generation = Generation::new(sources);
    let mut keys = Keys::default();
    keys.set("aws:SecureTransport", "true");
    keys.set("s3:TlsVersion", "1.3");
    keys.set("aws:SourceIp", "203.0.113.17");
    keys.set("aws:username", "bob");
    let question = Question {
        caller: Caller::User { account: ACCOUNT, arn: BOB },
        canonical_id: None,
        action: Act::named("s3:GetObject"),
        resource: RESOURCE,
        behind: None,
        owner: ACCOUNT,
        context: &keys,
        consent: false,
    };
    let brought = Brought { session, ..Brought::default() };
    assert!(generation.decide(&question, &brought).is_allow());
    bencher.bench_local(|| generation.decide(black_box(&question), &brought));
}

/// One decision of a user of the bucket's own account: policies of the user and of the bucket.
#[divan::bench]
fn decide_at_home(bencher: Bencher) {
    decide_again(bencher, sources(0), None);
}

/// The same within a boundary, a session policy and two levels of service control policies.
#[divan::bench]
fn decide_within_every_limit(bencher: Bencher) {
    let mut sources = sources(0);
    let outside = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "198.51.100.0/24"]}}});
    let reading = json!({"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"],
        "Resource": ["arn:aws:s3:::acme-data", "arn:aws:s3:::acme-data/*"]});
    for attached in sources.identities.values_mut() {
        attached.boundary = Some(policy(&document(&[reading.clone(), outside.clone()]), Kind::Identity));
    }
    let levels = vec![vec![everything()], vec![everything(), policy(&document(&[outside]), Kind::Identity)]];
    sources.accounts.insert(ACCOUNT.to_owned(), AccountRules { service_control: levels, ..AccountRules::default() });
    let session = Shelf::new(vec![policy(&document(&[reading]), Kind::Identity)]);
    decide_again(bencher, sources, Some(&session));
}

/// The decision of [`decide_at_home`] beside many statements about others.
#[divan::bench(args = COUNTS)]
fn decide_beside_others(bencher: Bencher, count: usize) {
    decide_again(bencher, sources(count), None);
}

/// A GET as the proxy routes it.
fn routed() -> Routed {
    let lines: [(&[u8], &[u8]); 3] = [
        (b"host", b"s3.proxy.example:9443"),
        (b"user-agent", b"aws-cli/2.31.0"),
        (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"),
    ];
    let head = Head { method: b"GET", target: b"/acme-data/reports/2026/q1.csv", lines: &lines, authority: None };
    let (bucket, key) = ("acme-data".to_owned(), "reports/2026/q1.csv".to_owned());
    let rules = Rules { keys: KeyRules::REFUSE, unknown: Unknown::Refuse };
    route(Some(bucket), Some(key), &head, &Query::parse(head.query()).unwrap(), Auth::Header, rules).unwrap()
}

/// From a routed GET to its decision, as the pipeline goes: what it needs, what conditions see, the policies.
#[divan::bench]
fn authorize_get(bencher: Bencher) {
    let (generation, routed) = (Generation::new(sources(0)), routed());
    let principal = Principal {
        arn: BOB.to_owned(),
        account: ACCOUNT.to_owned(),
        kind: PrincipalKind::User,
        policies: Vec::new(),
        tags: BTreeMap::new(),
        session: None,
    };
    let facts = Facts {
        caller: access::Caller { principal: &principal, organization: None },
        signature: Signature { kind: Auth::Header, algorithm: "AWS4-HMAC-SHA256", signed: Some(super::NOW) },
        channel: Channel { tls: Some("1.3"), address: IpAddr::from([203, 0, 113, 17]), endpoint: None },
        now: Millis(1_773_480_413_500),
        region: "us-east-1",
        target: Owner { account: Some(ACCOUNT), ..Owner::default() },
        source: Owner::default(),
        content_sha256: Some("UNSIGNED-PAYLOAD"),
        user_agent: Some(b"aws-cli/2.31.0"),
        referer: None,
        kms_key: None,
    };
    let given = Given { partition: "aws", routed: &routed, document: &Document::None };
    let authorize = || {
        let asks = checks(black_box(&given), &Nothing).unwrap();
        let request = access::Request::new(given, facts, &Nothing).unwrap();
        let allowed = asks.iter().all(|ask| {
            let view = request.view(ask);
            generation.decide(&view.question(given.consents(ask, false)), &Brought::default()).is_allow()
        });
        allowed && request.needs().is_empty()
    };
    assert!(authorize());
    bencher.bench_local(authorize);
}

/// Compiling documents that have been read.
#[divan::bench(args = COUNTS, sample_count = 5)]
fn compile(bencher: Bencher, count: usize) {
    let policies = others(count);
    bencher.with_inputs(|| policies.clone()).bench_local_values(Shelf::new);
}

/// Reading the same documents from their texts. What is allocated and not freed is what they take.
#[divan::bench(args = COUNTS, sample_count = 5)]
fn read_documents(bencher: Bencher, count: usize) {
    let texts = texts(count);
    let read = |text: &String| read(text.as_bytes(), Kind::Identity).unwrap().document;
    bencher.bench_local(|| texts.iter().map(read).collect::<Vec<_>>());
}
