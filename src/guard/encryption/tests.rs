use super::*;
use crate::policy::encryption::Apply;

fn asked(kind: Option<Kind>) -> Asked {
    Asked { kind, ..Asked::default() }
}

fn default(kind: Kind, key: Option<&str>, bucket_key: bool) -> BucketDefault {
    let apply = Some(Apply { kind, key: key.map(str::to_owned) });
    BucketDefault { apply, bucket_key, blocks_customer_keys: None }
}

fn demand(require: Option<Kind>, when_missing: WhenMissing) -> Demand {
    Demand { require, when_missing, ..Demand::default() }
}

/// What comes of it, in a word: the reason of a refusal, or kind, key and origin.
fn told(settled: Result<(Wanted, Option<Seen>), Fault>) -> String {
    match settled.map(|(wanted, _)| wanted) {
        Ok(Wanted::Customer) => "customer".to_owned(),
        Ok(Wanted::Unsaid) => "unsaid".to_owned(),
        Ok(Wanted::Kind { kind, key, bucket_key, from }) => {
            let key = key.map(|key| format!(" {key}")).unwrap_or_default();
            let bucket_key = if bucket_key { " bucket-key" } else { "" };
            format!("{}{key}{bucket_key} {}", kind.as_str(), from.as_str())
        }
        Err(fault) => {
            assert_eq!((fault.code(), fault.message()), (Code::AccessDenied, "Access Denied"));
            fault.reason().to_owned()
        }
    }
}

#[test]
fn nothing_unencrypted_passes_a_rule_that_refuses_and_all_is_encrypted_where_one_adds() {
    let rules = Rules::default();
    let bucket = default(Kind::Kms, Some("alias/b"), true);
    let cases = [
        // demand, what the request says, the bucket's default, what comes of it
        (None, None, None, "unsaid"),
        (None, None, Some(&bucket), "aws:kms alias/b bucket-key default"),
        (None, Some(Kind::S3), Some(&bucket), "AES256 request"),
        (Some((Some(Kind::S3), WhenMissing::Refuse)), None, Some(&bucket), "encryption-missing"),
        (Some((Some(Kind::S3), WhenMissing::Refuse)), Some(Kind::S3), None, "AES256 request"),
        (Some((Some(Kind::S3), WhenMissing::Refuse)), Some(Kind::Dsse), None, "aws:kms:dsse request"),
        (Some((Some(Kind::Kms), WhenMissing::Refuse)), Some(Kind::S3), None, "encryption-weaker"),
        (Some((Some(Kind::Kms), WhenMissing::Add)), Some(Kind::S3), None, "encryption-weaker"),
        (Some((Some(Kind::Kms), WhenMissing::Add)), None, Some(&bucket), "aws:kms alias/b bucket-key added"),
        (Some((Some(Kind::Kms), WhenMissing::Add)), None, None, "encryption-weaker"),
        (Some((Some(Kind::S3), WhenMissing::Add)), None, None, "AES256 added"),
        (Some((Some(Kind::Kms), WhenMissing::Pass)), None, None, "unsaid"),
        (Some((None, WhenMissing::Refuse)), None, None, "encryption-missing"),
    ];
    for (number, (rule, said, bucket, expected)) in cases.into_iter().enumerate() {
        let rule = rule.map(|(require, when_missing)| demand(require, when_missing));
        assert_eq!(told(rules.settle(rule.as_ref(), &asked(said), bucket)), expected, "case {number}");
    }
}

#[test]
fn a_rule_that_only_watches_lets_everything_on() {
    let rules = Rules::default();
    let watch = Demand { when_wrong: WhenWrong::Pass, ..demand(Some(Kind::Kms), WhenMissing::Pass) };
    assert_eq!(told(rules.settle(Some(&watch), &asked(Some(Kind::S3)), None)), "AES256 request");
    assert!(Demand { keys: vec![Glob::new("a")], ..watch }.check_key("b").is_ok());
}

#[test]
fn a_rule_that_only_watches_says_what_it_has_seen() {
    let rules = Rules::default();
    let watch = Demand {
        when_wrong: WhenWrong::Pass,
        keys: vec![Glob::new("a")],
        ..demand(Some(Kind::Kms), WhenMissing::Pass)
    };
    let seen = |demand: &Demand, said| rules.settle(Some(demand), &asked(said), None).unwrap().1.map(Seen::as_str);
    assert_eq!(seen(&watch, None), Some("EncryptionMissing"));
    assert_eq!(seen(&watch, Some(Kind::S3)), Some("EncryptionWrong"));
    assert_eq!(seen(&watch, Some(Kind::Kms)), None);
    assert_eq!(watch.check_key("a").unwrap(), None);
    assert_eq!(watch.check_key("b").unwrap(), Some(Seen::Wrong));
    // What it adds itself may be weaker than it asks for: by the bucket's default.
    let adds = Demand { when_missing: WhenMissing::Add, ..watch };
    assert_eq!(seen(&adds, None), Some("EncryptionWrong"));
}

#[test]
fn what_is_added_comes_from_the_rule_before_it_comes_from_the_bucket() {
    let rules = Rules::default();
    let own = Demand {
        default: Some(default(Kind::Kms, Some("alias/rule"), false)),
        ..demand(Some(Kind::Kms), WhenMissing::Add)
    };
    let bucket = default(Kind::Kms, Some("alias/b"), true);
    assert_eq!(told(rules.settle(Some(&own), &asked(None), Some(&bucket))), "aws:kms alias/rule added");
    let with_bucket_key = Asked { bucket_key: Some(true), ..asked(None) };
    assert_eq!(told(rules.settle(Some(&own), &with_bucket_key, None)), "aws:kms alias/rule bucket-key added");
}

#[test]
fn kms_without_a_key_is_what_aws_documents_unless_the_operator_says_the_buckets() {
    let bucket = default(Kind::Kms, Some("alias/b"), true);
    let kms = asked(Some(Kind::Kms));
    let documented = Rules::default();
    assert_eq!(told(documented.settle(None, &kms, Some(&bucket))), "aws:kms bucket-key request");
    let sensible = Rules { without_key: WithoutKey::BucketDefault, ..Rules::default() };
    assert_eq!(told(sensible.settle(None, &kms, Some(&bucket))), "aws:kms alias/b bucket-key request");
    let double = asked(Some(Kind::Dsse));
    assert_eq!(told(sensible.settle(None, &double, Some(&bucket))), "aws:kms:dsse request");
}

#[test]
fn keys_of_clients_are_taken_only_where_somebody_said_so() {
    let customer = Asked { customer: true, ..Asked::default() };
    let bucket = |blocks| BucketDefault { blocks_customer_keys: blocks, ..BucketDefault::default() };
    let said = |said| Demand { customer_keys: said, ..Demand::default() };
    let cases = [
        (false, None, None, false),
        (true, None, None, true),
        (true, None, Some(true), false),
        (false, None, Some(false), true),
        (true, Some(false), Some(false), false),
        (false, Some(true), None, true),
        (false, Some(true), Some(true), false),
    ];
    let strict = Rules { customer_keys: true, ..Rules::default() };
    for demand in
        [Demand { require: Some(Kind::S3), ..said(None) }, Demand { keys: vec![Glob::new("*")], ..said(None) }]
    {
        let settled = told(strict.settle(Some(&demand), &customer, Some(&bucket(Some(false)))));
        assert_eq!(settled, "customer-key-blocked", "what is demanded is something else");
    }
    for (everywhere, demand, blocks, taken) in cases {
        let rules = Rules { customer_keys: everywhere, ..Rules::default() };
        let demand = demand.map(|taken| said(Some(taken)));
        let settled = told(rules.settle(demand.as_ref(), &customer, Some(&bucket(blocks))));
        assert_eq!(settled, if taken { "customer" } else { "customer-key-blocked" }, "{everywhere} {blocks:?}");
    }
}

#[test]
fn the_rule_that_is_about_the_least_holds() {
    let rule = |bucket: &str, prefix: &str, point: Option<&str>, require| Rule {
        bucket: Glob::new(bucket),
        prefix: prefix.to_owned(),
        access_point: point.map(Glob::new),
        demand: demand(Some(require), WhenMissing::Refuse),
    };
    let rules = Rules {
        everywhere: Some(demand(None, WhenMissing::Pass)),
        rules: vec![
            rule("ledger-*", "", None, Kind::S3),
            rule("ledger-*", "pii/", None, Kind::Dsse),
            rule("*", "pii/", None, Kind::Kms),
            rule("ledger-1", "", Some("*:111122223333:accesspoint/ingest"), Kind::Dsse),
        ],
        ..Rules::default()
    };
    let through =
        Through { arn: "arn:aws:s3:us-east-1:111122223333:accesspoint/ingest".to_owned(), shown: String::new() };
    let required =
        |bucket: &str, key: &str, through| rules.demand(bucket, key, through).and_then(|found| found.require);
    assert_eq!(required("other", "k", None), None);
    assert_eq!(required("other", "pii/k", None), Some(Kind::Kms));
    assert_eq!(required("ledger-1", "k", None), Some(Kind::S3));
    assert_eq!(required("ledger-1", "pii/k", None), Some(Kind::Dsse));
    assert_eq!(required("ledger-1", "k", Some(&through)), Some(Kind::Dsse));
    assert_eq!(required("ledger-2", "k", Some(&through)), Some(Kind::S3));
}

#[test]
fn only_the_keys_of_a_rule_are_taken() {
    let demand = Demand { keys: vec![Glob::new("arn:aws:kms:*:111122223333:key/aa*")], ..Demand::default() };
    assert!(demand.check_key("arn:aws:kms:us-east-1:111122223333:key/aa1").is_ok());
    let fault = demand.check_key("arn:aws:kms:us-east-1:111122223333:key/bb1").unwrap_err();
    assert_eq!((fault.code(), fault.reason()), (Code::AccessDenied, "encryption-key-not-allowed"));
}
