use super::*;
use crate::control::config::tests::{accepted, refused, with};

fn sinks(more: &str) -> Vec<Sink> {
    accepted(&with(&format!("[audit]\n{more}"))).audit.delivery.sinks.clone()
}

fn one(more: &str) -> Sink {
    sinks(&format!("[[audit.sink]]\nname = \"a\"\n{more}")).remove(0)
}

#[test]
fn each_kind_of_destination_is_taken_with_its_own_keys() {
    let To::File(file) =
        one("format = \"json\"\nfile = \"log/a.jsonl\"\nroll_size = \"1MiB\"\nroll_every = \"1h\"\nkeep = 3").to
    else {
        panic!()
    };
    assert_eq!(file.path, std::path::Path::new("/etc/bartizan/log/a.jsonl"));
    assert_eq!((file.roll_size, file.roll_every, file.keep), (1 << 20, SECOND * 3600, Some(3)));
    assert!(matches!(one("format = \"s3\"\nstdout = true").to, To::Stdout));
    let bucket =
        one("format = \"s3\"\nbucket = \"logs\"\nprefix = \"p/\"\nlayout = \"partitioned\"\ndates = \"event\"");
    let To::Bucket(to) = bucket.to else { panic!() };
    assert_eq!((to.bucket.as_str(), to.prefix.as_str(), to.upstream, to.digests), ("logs", "p/", Some(0), false));
    assert_eq!(to.layout, KeyFormat::Partitioned(DateSource::Event));
    assert_eq!(bucket.roll_size, 128 << 20);
    let To::Http(to) = one("format = \"cloudtrail\"\nurl = \"https://Logs.internal:8443/in?x=1\"\ntoken = \"t\"").to
    else {
        panic!()
    };
    assert_eq!((to.tls, to.host.as_str(), to.port, to.target.as_str()), (true, "logs.internal", 8443, "/in?x=1"));
    assert_eq!(to.token.unwrap().expose(), "t");
    let To::Http(to) = one("format = \"json\"\nurl = \"http://127.0.0.1:9\"").to else { panic!() };
    assert_eq!((to.tls, to.port, to.target.as_str()), (false, 9, "/"));
}

#[test]
fn what_holds_for_all_deliveries_is_said_once() {
    let text = "[audit]\ndeliver_every = \"2s\"\nkeys = \"hashed\"\nallow_self = true\ntrail_key = \"t.pem\"\n\
                source_regions = { \"10.0.0.0/8\" = \"eu-central-1\" }\n";
    let sink = "[[audit.sink]]\nname = \"a\"\nformat = \"cloudtrail\"\nbucket = \"logs\"\naccount = \"111122223333\"\n";
    let delivery = accepted(&with(&format!("{text}{sink}"))).audit.delivery;
    assert_eq!(delivery.every, SECOND * 2);
    assert!(delivery.hash_keys && delivery.allow_self);
    assert_eq!(delivery.region_of("10.1.2.3".parse().unwrap()), Some("eu-central-1"));
    assert_eq!(delivery.region_of("11.1.2.3".parse().unwrap()), None);
    let To::Bucket(to) = &delivery.sinks[0].to else { panic!() };
    assert!(to.digests, "there is a key to sign them with");
    assert_eq!(accepted(&with("")).audit.delivery.every, EVERY);
}

#[test]
fn every_fault_says_what_where_and_what_to_do() {
    for (sink, told) in [
        ("format = \"json\"\nstdout = true", &["`audit.sink[0].name` is missing"][..]),
        ("name = \"a\"\nstdout = true", &["`audit.sink[0].format` is missing"]),
        ("name = \"a b\"\nformat = \"json\"\nstdout = true", &["`audit.sink[0].name` is not usable"]),
        ("name = \"a\"\nformat = \"xml\"\nstdout = true", &["`audit.sink[0].format` is not usable"]),
        ("name = \"a\"\nformat = \"json\"", &["`audit.sink[0]` goes nowhere", "write exactly one of `file"]),
        (
            "name = \"a\"\nformat = \"json\"\nfile = \"a\"\nbucket = \"logs\"",
            &["goes to two places", "`file` and `bucket`"],
        ),
        (
            "name = \"a\"\nformat = \"json\"\nstdout = true\nprefix = \"a\"",
            &["`audit.sink[0].prefix` has no meaning with `stdout`"],
        ),
        (
            "name = \"a\"\nformat = \"json\"\nfile = \"a\"\ntoken = \"a\"",
            &["`audit.sink[0].token` has no meaning with `file`"],
        ),
        (
            "name = \"a\"\nformat = \"json\"\nbucket = \"logs\"\nlayout = \"simple\"",
            &["`audit.sink[0].layout` has no meaning"],
        ),
        (
            "name = \"a\"\nformat = \"s3\"\nbucket = \"logs\"\ndates = \"event\"",
            &["`audit.sink[0].dates` has no meaning"],
        ),
        ("name = \"a\"\nformat = \"s3\"\nbucket = \"Logs\"", &["`audit.sink[0].bucket` is not usable"]),
        (
            "name = \"a\"\nformat = \"s3\"\nbucket = \"logs\"\nupstream = \"eu-west-1\"",
            &["no upstream is in the region `eu-west-1`", "\"us-east-1\""],
        ),
        (
            "name = \"a\"\nformat = \"s3\"\nbucket = \"logs\"\naccount = \"111122223333\"",
            &["`audit.sink[0].account` has no meaning"],
        ),
        ("name = \"a\"\nformat = \"json\"\nurl = \"http://logs.internal/\"", &["`audit.sink[0].url` needs TLS"]),
        ("name = \"a\"\nformat = \"json\"\nurl = \"logs.internal\"", &["`audit.sink[0].url` is not usable"]),
        (
            "name = \"a\"\nformat = \"json\"\nurl = \"http://127.0.0.1/\"\nca = \"ca.pem\"",
            &["`audit.sink[0].ca` has no meaning"],
        ),
        (
            "name = \"a\"\nformat = \"json\"\nstdout = true\nselect = \"nothing\"",
            &["`audit.sink[0].select` holds no selectors"],
        ),
        (
            "name = \"a\"\nformat = \"cloudtrail\"\nbucket = \"logs\"\ndigests = true",
            &["digests need a key", "openssl genrsa"],
        ),
        (
            "name = \"a\"\nformat = \"json\"\nbucket = \"logs\"\ndigests = true",
            &["`audit.sink[0].digests` has no meaning"],
        ),
        ("name = \"a\"\nformat = \"json\"\nstdout = true\ncolour = 1", &["unknown key `audit.sink[0].colour`"]),
    ] {
        let faults = refused(&with(&format!("[[audit.sink]]\n{sink}")));
        for words in told {
            assert!(faults.contains(words), "{sink}\n{faults}");
        }
    }
    let two = "[[audit.sink]]\nname = \"a\"\nformat = \"json\"\nfile = \"a\"\n";
    let faults = refused(&with(&two.repeat(2)));
    assert!(faults.contains("two sinks have the same name"), "{faults}");
    let faults = refused(&with(&format!("{two}{}", two.replace("name = \"a\"", "name = \"b\""))));
    assert!(faults.contains("two sinks write into `/etc/bartizan/a`"), "{faults}");
    assert!(refused(&with("[audit]\nkeys = \"gone\"")).contains("`audit.keys` is not usable"));
    let faults = refused(&with("[audit]\nsource_regions = { \"10.0.0\" = \"eu-central-1\" }"));
    assert!(faults.contains("`10.0.0` and `eu-central-1` are not usable"), "{faults}");
}
