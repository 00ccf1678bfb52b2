//! Limits: a check that passes over one and over five of them, and beside many other keys.

use std::cell::Cell;
use std::sync::Arc;

use bartizan::limit::{
    Algorithm, Cost, Counts, Dimension, Ledger, Limiter, Pace, Part, Rate, Stage, Subject, Use, What,
};
use bartizan::s3::Operation;
use bartizan::s3::encryption::Encryption;
use bartizan::time::Ticks;
use divan::{Bencher, black_box};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/99809225-3def-fa38-e12b-2b8f30b17d0b";

const SUBJECT: Subject<'static> = Subject {
    account: Some("111122223333"),
    backend: None,
    region: "eu-west-1",
    principal: Some("arn:aws:sts::111122223333:assumed-role/etl/run-82"),
    bucket: Some("intake-1-012d0e"),
    key: Some("reports/2026/q1.csv"),
    access_point: None,
    source_ip: None,
};

/// A thousand nanoseconds for a cell, and as long between two checks: it always passes, and always writes.
fn limits(stage: Stage, keys: &[&[Part]]) -> Limiter {
    let pace = Pace::new(Rate::per_second(1_000_000), 1_000, Algorithm::Gcra);
    let dimension = |key: &&[Part]| Dimension::new(&format!("{key:?}"), stage, key, pace);
    Limiter::new(keys.iter().map(dimension).collect(), Arc::new(Counts::new(7, Counts::MOST)))
}

const FIVE: [&[Part]; 5] = [
    &[Part::Account, Part::Region],
    &[Part::Principal],
    &[Part::Bucket],
    &[Part::Bucket, Part::Prefix],
    &[Part::Principal, Part::Bucket],
];

fn again(bencher: Bencher, limiter: &Limiter, what: &What<'_>) {
    let now = Cell::new(1_u64 << 40);
    let check = || {
        now.set(now.get() + 1000);
        limiter.check(black_box(&SUBJECT), black_box(what), Ticks(now.get())).unwrap();
    };
    (0..1000).for_each(|_| check()); // the first makes the entries
    bencher.bench_local(check);
}

#[divan::bench]
fn one_limit_admits(bencher: Bencher) {
    let what = What::Request { operation: Some(Operation::PutObject), anonymous: false };
    again(bencher, &limits(Stage::Request, &[&[Part::Principal]]), &what);
}

/// The promise: under 300 ns.
#[divan::bench]
fn five_limits_admit(bencher: Bencher) {
    let what = What::Request { operation: Some(Operation::PutObject), anonymous: false };
    again(bencher, &limits(Stage::Request, &FIVE), &what);
}

#[divan::bench]
fn five_limits_admit_beside_a_million_keys(bencher: Bencher) {
    let limiter = limits(Stage::Request, &FIVE);
    let what = What::Request { operation: Some(Operation::PutObject), anonymous: false };
    for number in 0..250_000 {
        let (principal, bucket) = (format!("principal-{number}"), format!("bucket-{number}"));
        let subject = Subject { principal: Some(&principal), bucket: Some(&bucket), ..SUBJECT };
        limiter.debit(&subject, &what, Ticks(0));
    }
    again(bencher, &limiter, &what);
}

#[divan::bench]
fn five_limits_admit_key_uses(bencher: Bencher) {
    let limiter = limits(
        Stage::Kms,
        &[
            &[Part::Account, Part::Region],
            &[Part::Account, Part::Region, Part::KmsKey],
            &[Part::Principal],
            &[Part::Bucket],
            &[Part::Principal, Part::KmsKey],
        ],
    );
    let cost = Cost::direct(Some(&KEY.into()), Default::default());
    again(bencher, &limiter, &What::Keys(&cost));
}

#[divan::bench]
fn a_refusal_over_five_limits(bencher: Bencher) {
    let limiter = limits(Stage::Request, &FIVE);
    let what = What::Request { operation: Some(Operation::PutObject), anonymous: false };
    while limiter.check(&SUBJECT, &what, Ticks(0)).is_ok() {}
    bencher.bench_local(|| limiter.check(black_box(&SUBJECT), black_box(&what), Ticks(0)).unwrap_err());
}

#[divan::bench]
fn the_cost_of_a_read_of_a_known_object(bencher: Bencher) {
    let ledger = Ledger::new(7);
    let new = Encryption::Kms { key: KEY.into(), bucket_key: true };
    let put = Use {
        operation: Operation::PutObject,
        requester: "arn:aws:sts::111122223333:assumed-role/etl/run-82",
        bucket: "intake-1-012d0e",
        key: Some("reports/2026/q1.csv"),
        version: None,
        upload: None,
        source: None,
        checksum: false,
        new: &new,
    };
    ledger.paid(&put, Ticks(0));
    ledger.done(&put);
    let get = Use { operation: Operation::GetObject, requester: "arn:aws:iam::111122223333:user/noor", ..put };
    bencher.bench_local(|| ledger.cost(black_box(&get), Ticks(1)));
}
