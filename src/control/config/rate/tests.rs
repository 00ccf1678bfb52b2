use super::super::tests::{accepted, refused, with};
use super::*;
use crate::limit::KeyType;

/// The limits of a text: name, stage, parts, rate, burst.
fn read(text: &str) -> Vec<String> {
    let show = |one: &Dimension| {
        let (rate, burst) = (one.pace.rate().a_second(), one.pace.burst());
        format!("{} {:?} {:?} {rate} {burst}", one.name, one.stage, one.key)
    };
    accepted(&with(text)).rates.dimensions.iter().map(show).collect()
}

#[test]
fn without_a_word_nothing_is_limited() {
    let rates = accepted(&with("")).rates;
    assert!(rates.dimensions.is_empty() && rates.caps.is_empty());
    assert_eq!((rates.surface, rates.most_keys), (Surface::Exception, 1_000_000));
}

#[test]
fn short_forms_become_dimensions() {
    let text = r#"
[rate.kms]
surface   = "auto"
symmetric = { per = "account", rate = 5500, burst = 5500 }
principal = { share = 0.01 }
key       = { rate = "1/4s", match_key = ["arn:aws:kms:us-east-1:111122223333:key/1"] }
backend   = { rate = "quota" }
[rate.requests]
address      = { rate = 100, burst = 200 }
anonymous    = { rate = 10, per = "address" }
write        = { rate = 3500 }
read         = { per = "prefix", rate = 5500, prefix_depth = 2 }
list         = { rate = 100 }
delete       = { per = "principal", rate = 50, algorithm = "fixed" }
principal    = { per = "principal", rate = 2000, burst = 4000, concurrent = 64, upload = "100MiB", download = "1GiB" }
bucket       = { concurrent = 512 }
"#;
    assert_eq!(
        read(text),
        [
            "rate.kms.symmetric Kms [Account, Region] 5500 5500",
            "rate.kms.principal Kms [Principal] 1000 1000",
            "rate.kms.key Kms [Account, Region, KmsKey] 0.25 1",
            "rate.kms.backend Kms [Account, Region] 100000 100000",
            "rate.requests.address Arrival [SourceIp] 100 200",
            "rate.requests.anonymous Arrival [SourceIp] 10 10",
            "rate.requests.write Request [Bucket, Prefix] 3500 3500",
            "rate.requests.read Request [Bucket, Prefix] 5500 5500",
            "rate.requests.list Request [Bucket] 100 100",
            "rate.requests.delete Request [Principal] 50 50",
            "rate.requests.principal Request [Principal] 2000 4000",
            "rate.requests.principal.upload Upload [Principal] 102400 102400",
            "rate.requests.principal.download Download [Principal] 1048576 1048576",
        ]
    );
    let rates = accepted(&with(text)).rates;
    let of = |name: &str| rates.dimensions.iter().find(|one| *one.name == *name).unwrap();
    assert!(of("rate.kms.backend").backend && !of("rate.kms.symmetric").backend);
    assert!(of("rate.requests.anonymous").anonymous && !of("rate.requests.address").anonymous);
    assert_eq!(of("rate.requests.read").prefix_depth, 2);
    assert_eq!(of("rate.requests.delete").class, Some(Class::Delete));
    assert_eq!(of("rate.kms.key").match_key.len(), 1);
    assert_eq!(of("rate.kms.key").key_type, KeyType::Symmetric);
    assert_eq!(rates.surface, Surface::Auto);
    let caps: Vec<_> = rates.caps.iter().map(|cap| (&*cap.name, cap.part, cap.most)).collect();
    assert_eq!(
        caps,
        [
            ("rate.requests.principal.concurrent", Part::Principal, 64),
            ("rate.requests.bucket.concurrent", Part::Bucket, 512)
        ]
    );
}

#[test]
fn a_share_is_one_of_the_quota_of_the_region() {
    for (region, quota) in [("us-east-1", 100_000), ("eu-central-1", 20_000), ("sa-east-1", 10_000)] {
        let text = format!("region = \"{region}\"\n{}", with("[rate.kms]\nsymmetric = { share = 0.8 }"));
        let rates = accepted(&text).rates;
        assert_eq!(rates.dimensions[0].pace.burst(), quota * 8 / 10, "{region}");
    }
}

#[test]
fn dimensions_of_any_kind_are_read() {
    let text = r#"
[[rate.dimension]]
name  = "tenants"
key   = ["access_point", "bucket"]
class = "write"
rate  = 20
[[rate.dimension]]
name  = "flood"
key   = ["source_ip"]
anonymous = true
rate  = 5
[[rate.dimension]]
name  = "levels"
stage = "kms"
key   = ["account", "region", "kms_key"]
key_type = "symmetric"
match_key = ["arn:aws:kms:us-east-1:111122223333:key/1"]
scope = "backend"
share = 0.5
algorithm = "fixed"
"#;
    assert_eq!(
        read(text),
        [
            "tenants Request [AccessPoint, Bucket] 20 20",
            "flood Arrival [SourceIp] 5 5",
            "levels Kms [Account, Region, KmsKey] 50000 50000",
        ]
    );
}

#[test]
fn a_rate_is_a_number_a_decimal_or_a_fraction_and_each_is_taken_exactly() {
    for (rate, interval, burst) in [
        ("0.25", 4_000_000_000, 1),
        ("\"1/4s\"", 4_000_000_000, 1),
        ("\"0.25\"", 4_000_000_000, 1),
        ("5500.5", 181_801, 5500),
        ("1_000.50", 999_500, 1000),
        ("10.0", 100_000_000, 10),
        ("10", 100_000_000, 10),
    ] {
        let rates = accepted(&with(&format!("[rate.kms]\nsymmetric = {{ rate = {rate} }}"))).rates;
        let pace = rates.dimensions[0].pace;
        assert_eq!((pace.interval(), pace.burst()), (interval, burst), "{rate}");
    }
}

#[test]
fn what_would_never_apply_or_be_ignored_is_refused() {
    for (more, told) in [
        ("[rate.kms]\nsymmetric = { burst = 5 }", "`rate.kms.symmetric.rate` is missing"),
        ("[rate.kms]\nsymmetric = { rate = 0 }", "must be from 1 to 1000000000"),
        ("[rate.kms]\nsymmetric = { rate = 1000000001.5 }", "`rate.kms.symmetric.rate` is not usable"),
        ("[rate.kms]\nsymmetric = { rate = -0.5 }", "`rate.kms.symmetric.rate` is not usable"),
        ("[rate.kms]\nsymmetric = { rate = nan }", "`rate.kms.symmetric.rate` is not usable"),
        ("[rate.kms]\nsymmetric = { rate = true }", "`rate.kms.symmetric.rate` must be a string"),
        ("[rate.kms]\nsymmetric = { rate = \"often\" }", "`rate.kms.symmetric.rate` is not usable"),
        ("[rate.kms]\nsymmetric = { share = 1.5 }", "must be from 0.000001 to 1.0"),
        ("[rate.kms]\nsymmetric = { share = 0 }", "must be from 0.000001 to 1.0"),
        ("[rate.kms]\nsymmetric = { share = 0.5, rate = 5 }", "`rate.kms.symmetric.rate` has no meaning with `share`"),
        ("[rate.kms]\nsymmetric = { rate = 1, burst = 0 }", "must be from 1 to 1000000000"),
        ("[rate.kms]\nsymmetric = { rate = 1, per = \"prefix\" }", "expected one of \"account\""),
        ("[rate.kms]\nsurface = \"teapot\"", "`rate.kms.surface` is not usable"),
        ("[rate.requests]\nwrite = { rate = \"quota\" }", "`rate.requests.write.rate` is not usable"),
        ("[rate.requests]\nwrite = { rate = 1, share = 0.5 }", "`rate.requests.write.share` has no meaning"),
        ("[rate.requests]\nlist = { rate = 1, per = \"prefix\" }", "expected one of \"bucket\""),
        ("[rate.requests]\nwrite = { rate = 1, per = \"bucket\", prefix_depth = 2 }", "unknown key"),
        ("[rate.requests]\nwrite = { rate = 1, algorithm = \"fixed\", burst = 2 }", "has no meaning with `algorithm"),
        ("[rate.requests]\nbucket = { concurrent = 0 }", "must be from 1 to 1000000"),
        ("[rate.requests]\nbucket = { upload = \"1B\" }", "must be from 1KiB to 1024GiB"),
        ("[rate.requests]\nbucket = {}", "`rate.requests.bucket.rate` is missing"),
        ("[[rate.dimension]]\nrate = 1", "`rate.dimension[0].name` is missing"),
        ("[[rate.dimension]]\nname = \"rate.kms.key\"\nrate = 1", "`rate.dimension[0].name` is not usable"),
        ("[[rate.dimension]]\nname = \"a\"\nrate = 1\nkey = [\"colour\"]", "`rate.dimension[0].key` is not usable"),
        ("[[rate.dimension]]\nname = \"a\"\nrate = 1\nkey = [\"kms_key\"]", "requests are not counted by KMS key"),
        ("[[rate.dimension]]\nname = \"a\"\nrate = 1\nscope = \"backend\"", "`rate.dimension[0].scope` has no meaning"),
        ("[[rate.dimension]]\nname = \"a\"\nstage = \"kms\"\nrate = 1\nclass = \"read\"", "has no meaning with `stage"),
        ("[[rate.dimension]]\nname = \"a\"\nstage = \"kms\"\nrate = 1\nkey_type = \"rsa\"", "is not usable"),
        (
            "[[rate.dimension]]\nname = \"a\"\nrate = 1\n[[rate.dimension]]\nname = \"a\"\nrate = 2",
            "two limits have the name `a`",
        ),
        ("[rate]\nmax_keys = 10", "must be from 1000 to 10000000"),
    ] {
        let faults = refused(&with(more));
        assert!(faults.contains(told), "{more}: {faults}");
    }
    // A rate that is none makes no other key unknown.
    for more in [
        "[rate.kms]\nsymmetric = { rate = 0, burst = 5, algorithm = \"gcra\" }",
        "[[rate.dimension]]\nname = \"a\"\nstage = \"kms\"\nrate = 0\nburst = 5\nscope = \"backend\"",
        "[[rate.dimension]]\nrate = 5\nkey = [\"prefix\"]\nprefix_depth = 2\nclass = \"read\"",
    ] {
        let faults = refused(&with(more));
        assert!(!faults.contains("unknown key"), "{more}: {faults}");
    }
    let many: String =
        (0..=MOST_DIMENSIONS).map(|n| format!("[[rate.dimension]]\nname = \"n{n}\"\nrate = 1\n")).collect();
    assert!(refused(&with(&many)).contains("at most 32"));
}

#[test]
fn what_the_documentation_shows_is_taken() {
    let text = include_str!("../../../../docs/limits.md");
    let examples: Vec<_> = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 2);
    for example in examples {
        accepted(&with(example));
    }
    // Every key is there.
    for key in [
        "surface",
        "symmetric",
        "backend",
        "match_key",
        "share",
        "burst",
        "algorithm",
        "prefix_depth",
        "address",
        "anonymous",
        "write",
        "read",
        "list",
        "delete",
        "concurrent",
        "upload",
        "download",
        "max_keys",
        "stage",
        "class",
        "scope",
        "key_type",
        "principal",
        "bucket",
        "access_point",
        "account",
    ] {
        assert!(text.contains(&format!("`{key}")) || text.contains(&format!("{key} ")), "{key}");
    }
}
