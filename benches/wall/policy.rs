//! Decisions beside many statements that concern others, and compiling these.

use std::sync::Arc;

use bartizan::policy::context::Keys;
use bartizan::policy::engine::acl::Ownership;
use bartizan::policy::engine::public::Block;
use bartizan::policy::engine::{
    Act, Attachments, Brought, BucketRules, Caller, Generation, Policy, Question, Shelf, Sources,
};
use bartizan::policy::read::{Kind, read};
use divan::{Bencher, black_box};
use serde_json::{Value, json};

const COUNTS: [usize; 4] = [1, 100, 10_000, 100_000];
const ACCOUNT: &str = "111122223333";
const BOB: &str = "arn:aws:iam::111122223333:user/bob";
const IN_A_DOCUMENT: usize = 500;

fn policy(document: &Value, kind: Kind) -> Arc<Policy> {
    Policy::new("bench", read(document.to_string().as_bytes(), kind).unwrap().document)
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Documents with so many statements, all about other buckets and prefixes.
fn others(count: usize) -> Vec<Arc<Policy>> {
    let statement = |at: usize| match at % 4 {
        0 => json!({"Effect": "Allow", "Action": "s3:*", "Resource": format!("arn:aws:s3:::bucket-{at}")}),
        1 => {
            json!({"Effect": "Deny", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": format!("arn:aws:s3:::bucket-{at}/team/*")})
        }
        2 => json!({"Effect": "Allow", "Action": "s3:Get*", "Resource": format!("arn:aws:s3:::acme-data/team-{at}/*")}),
        _ => json!({"Effect": "Deny", "Action": "s3:Put*", "Resource": "arn:aws:s3:::acme-data/reports/*"}),
    };
    let statements: Vec<Value> = (0..count).map(statement).collect();
    statements.chunks(IN_A_DOCUMENT).map(|some| policy(&document(some), Kind::Identity)).collect()
}

/// A user's policies, with those statements among them, and a bucket's, with conditions in both.
fn generation(count: usize) -> Generation {
    let mut policies = others(count);
    policies.push(policy(
        &document(&[
            json!({"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::acme-data/*"}),
            json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
        ]),
        Kind::Identity,
    ));
    let bucket = policy(
        &document(&[
            json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": ["arn:aws:s3:::acme-data", "arn:aws:s3:::acme-data/*"],
                "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}),
            json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:role/partner"},
                "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-data/shared/*"}),
        ]),
        Kind::Resource,
    );
    let mut sources = Sources::default();
    sources.identities.insert(BOB.to_owned(), Attachments { policies, boundary: None });
    let rules = BucketRules {
        owner: ACCOUNT.to_owned(),
        policy: Some(bucket),
        block: Block::ALL,
        ownership: Ownership::BucketOwnerEnforced,
        acl: None,
    };
    sources.buckets.insert("acme-data".to_owned(), rules);
    Generation::new(sources)
}

/// One decision of a user of the bucket's own account.
#[divan::bench(args = COUNTS)]
fn decide_beside_others(bencher: Bencher, count: usize) {
    let generation = generation(count);
    let mut keys = Keys::default();
    keys.set("aws:SecureTransport", "true");
    keys.set("s3:TlsVersion", "1.3");
    keys.set("aws:SourceIp", "203.0.113.17");
    keys.set("aws:username", "bob");
    let question = Question {
        caller: Caller::User { account: ACCOUNT, arn: BOB },
        canonical_id: None,
        action: Act::named("s3:GetObject"),
        resource: "arn:aws:s3:::acme-data/reports/2026/q1.csv",
        behind: None,
        owner: ACCOUNT,
        context: &keys,
        consent: false,
    };
    assert!(generation.decide(&question, &Brought::default()).is_allow());
    bencher.bench_local(|| generation.decide(black_box(&question), &Brought::default()));
}

/// Compiling documents that have been read.
#[divan::bench(args = COUNTS, sample_count = 5)]
fn compile(bencher: Bencher, count: usize) {
    let policies = others(count);
    bencher.with_inputs(|| policies.clone()).bench_local_values(Shelf::new);
}

/// Reading and compiling.
#[divan::bench(args = [100, 10_000], sample_count = 5)]
fn read_and_compile(bencher: Bencher, count: usize) {
    bencher.bench_local(|| Shelf::new(others(count)));
}
