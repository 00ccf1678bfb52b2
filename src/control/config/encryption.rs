//! `[guard.encryption]`, `[guard.transport]` and `[sensitivity]`: nothing stored or sent in the clear.

use std::ops::Range;

use super::{Target, TlsVersion, Upstream};
use crate::control::reader::{Located, Table};
use crate::guard::encryption::{Demand, Glob, Level, Levels, Place, Rule, Rules, WhenMissing, WhenWrong, WithoutKey};
use crate::guard::transport;
use crate::policy::encryption::{Apply, BucketDefault};
use crate::s3::encryption::Kind;

/// Encryption of what is written.
pub(super) fn encryption(guard: &mut Table<'_>, upstreams: &[Upstream]) -> Rules {
    let Some(mut table) = guard.table("encryption") else { return Rules::default() };
    // A table that only says something of keys demands nothing.
    let demands = table.has("require") || table.has("when_missing") || table.has("kms_keys");
    let demand = demand(&mut table, upstreams);
    let without_key = [("aws/s3", WithoutKey::AwsManaged), ("bucket-default", WithoutKey::BucketDefault)];
    let rules = Rules {
        customer_keys: demand.customer_keys.unwrap_or(false),
        everywhere: (demands || !table.has("rule")).then_some(demand),
        without_key: table.choice("kms_without_key", &without_key, WithoutKey::default()),
        literal_key_ids: !table.boolean("normalize_key_id", true),
        rules: table.tables("rule").into_iter().map(|table| rule(table, upstreams)).collect(),
    };
    table.finish();
    rules
}

fn rule(mut table: Table<'_>, upstreams: &[Upstream]) -> Rule {
    let glob = |table: &mut Table<'_>, key| table.string(key).map(|found| Glob::new(&found.value));
    let rule = Rule {
        bucket: glob(&mut table, "bucket").unwrap_or_else(|| Glob::new("*")),
        prefix: table.string("prefix").map(|found| found.value).unwrap_or_default(),
        access_point: glob(&mut table, "access_point"),
        demand: demand(&mut table, upstreams),
    };
    table.finish();
    rule
}

fn demand(table: &mut Table<'_>, upstreams: &[Upstream]) -> Demand {
    let kinds = "\"AES256\", \"aws:kms\" or \"aws:kms:dsse\"";
    let required = table.list("require", kinds, Kind::named);
    let when_missing = [("refuse", WhenMissing::Refuse), ("add", WhenMissing::Add), ("pass", WhenMissing::Pass)];
    let when_wrong = [("refuse", WhenWrong::Refuse), ("pass", WhenWrong::Pass)];
    let customer_keys = [("refuse", Some(false)), ("allow", Some(true))];
    let demand = Demand {
        require: required.iter().map(|found| found.value).min(),
        keys: globs(table, "kms_keys", "the ARN of a KMS key, with * where it may differ"),
        when_missing: table.choice("when_missing", &when_missing, WhenMissing::default()),
        when_wrong: table.choice("when_wrong", &when_wrong, WhenWrong::default()),
        default: default(table),
        customer_keys: table.choice("customer_keys", &customer_keys, None),
    };
    check_default(table, &demand);
    if let Some(found) = required.iter().min_by_key(|found| found.value) {
        check_stores(table, found, upstreams);
    }
    demand
}

/// What is added where a request says nothing.
fn default(table: &mut Table<'_>) -> Option<BucketDefault> {
    let mut default = table.table("default")?;
    let kind = default.parsed("sse", "\"AES256\", \"aws:kms\" or \"aws:kms:dsse\"", Kind::named);
    if kind.is_none() && !default.has("sse") {
        default.required("sse", "sse = \"aws:kms\"");
    }
    let key = default.string("key").map(|found| found.value);
    let bucket_key = default.boolean("bucket_key", false);
    let kind = kind.map(|found| found.value);
    if kind == Some(Kind::S3) {
        default.pointless(&["key", "bucket_key"], "`sse = \"AES256\"`");
    }
    default.finish();
    Some(BucketDefault { apply: Some(Apply { kind: kind?, key }), bucket_key, blocks_customer_keys: None })
}

/// A default that the rule itself refuses would refuse every write that says nothing.
fn check_default(table: &mut Table<'_>, demand: &Demand) {
    let Some(span) = table.span_of("default") else { return };
    if demand.when_missing != WhenMissing::Add {
        table.pointless(&["default"], "anything but `when_missing = \"add\"`");
    }
    if let (Some(required), Some(default)) = (demand.require, &demand.default)
        && default.kind() < required
    {
        let message = format!("`{}` is weaker than what is required", table.path_of("default"));
        table.fault(span, message, "would be refused", format!("write `sse = \"{}\"`", required.as_str()));
    }
}

/// What is demanded must be kept by somebody: a store that cannot encrypt would only say so.
fn check_stores(table: &Table<'_>, required: &Located<Kind>, upstreams: &[Upstream]) {
    for upstream in upstreams {
        let Target::S3(remote) = &upstream.target else { continue };
        if remote.encryption.strongest() >= Some(required.value) {
            continue;
        }
        let message = format!(
            "`{}` demands {}, and the store of `{}` does not encrypt so",
            table.path_of("require"),
            required.value.as_str(),
            upstream.region
        );
        let help = "use a store that encrypts, or the embedded one; if this store does, say so: `encryption = \"pass\"` \
            in its `[upstream]`";
        table.fault(required.span.clone(), message, "nobody would keep it", help);
    }
}

/// Encryption on the way.
pub(super) fn transport(guard: &mut Table<'_>) -> transport::Rules {
    let Some(mut table) = guard.table("transport") else { return transport::Rules::default() };
    let rules = table.tables("rule").into_iter().map(|mut table| {
        let bucket = table.string("bucket").map_or_else(|| Glob::new("*"), |found| Glob::new(&found.value));
        let versions = [("1.2", TlsVersion::V12), ("1.3", TlsVersion::V13)];
        if !table.has("minimum") {
            table.required("minimum", "minimum = \"1.3\"");
        }
        let minimum = match table.choice("minimum", &versions, TlsVersion::V12) {
            TlsVersion::V12 => 12,
            TlsVersion::V13 => 13,
        };
        table.finish();
        transport::Rule { bucket, minimum }
    });
    let rules = transport::Rules { rules: rules.collect() };
    table.finish();
    rules
}

/// Levels of sensitivity (spec/encryption.md 11).
pub(super) fn sensitivity(root: &mut Table<'_>) -> Levels {
    let Some(mut table) = root.table("sensitivity") else { return Levels::default() };
    let mut levels: Vec<Level> = Vec::new();
    for mut level in table.tables("level") {
        let name = level.string("name");
        if name.is_none() && !level.has("name") {
            level.required("name", "name = \"restricted\"");
        }
        let key_span = level.span_of("keys").unwrap_or_default();
        let found = Level {
            name: name.as_ref().map(|found| found.value.clone()).unwrap_or_default(),
            keys: globs(&mut level, "keys", "the ARN of a KMS key, with * where it may differ"),
            encrypt: globs(&mut level, "encrypt", "the ARN of a user or role, with * where it may differ"),
            decrypt: globs(&mut level, "decrypt", "the ARN of a user or role, with * where it may differ"),
        };
        check_level(&level, &levels, &found, name.map(|found| found.span).unwrap_or_default(), key_span);
        level.finish();
        levels.push(found);
    }
    let at = |name: &str| levels.iter().position(|level| level.name == name);
    let places = table.tables("map").into_iter().filter_map(|mut map| {
        let bucket = map.string("bucket").map_or_else(|| Glob::new("*"), |found| Glob::new(&found.value));
        let prefix = map.string("prefix").map(|found| found.value).unwrap_or_default();
        let level = map.parsed("level", "the name of a level above", at);
        if level.is_none() && !map.has("level") {
            map.required("level", "level = \"restricted\"");
        }
        map.finish();
        Some(Place { bucket, prefix, level: level?.value })
    });
    let places = places.collect();
    let downgrade = |text: &str| text.split_once('>').and_then(|(from, to)| Some((at(from.trim())?, at(to.trim())?)));
    let downgrades = table.list("allow_downgrade", "two levels such as \"restricted > internal\"", downgrade);
    let unmapped = [("allow", false), ("deny", true)];
    let deny_unmapped = table.choice("unmapped", &unmapped, false);
    let downgrades = downgrades.into_iter().map(|found| found.value).collect();
    table.finish();
    Levels { levels, places, deny_unmapped, downgrades }
}

/// K-1, K-3, K-4: a key is of one level, and two levels keep different people apart.
fn check_level(table: &Table<'_>, before: &[Level], level: &Level, name: Range<usize>, keys: Range<usize>) {
    if before.iter().any(|other| other.name == level.name) {
        table.fault(name.clone(), format!("two levels are called `{}`", level.name), "taken above", "rename one");
    }
    for other in before {
        if let Some(shared) = level.keys.iter().find(|key| is_of(key, &other.keys)) {
            let message = format!("`{}` is a key of the level `{}` too", shared.as_str(), other.name);
            table.fault(keys.clone(), message, "a key is of one level", "give each level keys of its own");
        }
        if level.encrypt == other.encrypt && level.decrypt == other.decrypt {
            let message = format!("the levels `{}` and `{}` name the same people", level.name, other.name);
            table.warn(name.clone(), &message, "LINT-KEY-1", "two keys keep nobody apart from anybody then");
        }
        if let Some(who) = level.decrypt.iter().find(|who| is_of(who, &other.encrypt)) {
            let message = format!("`{}` reads `{}` and writes `{}`", who.as_str(), level.name, other.name);
            table.warn(name.clone(), &message, "LINT-KEY-2", "what it reads may end where more people look");
        }
    }
}

/// Whether one of a list stands for a name, or some name of the same.
fn is_of(name: &Glob, list: &[Glob]) -> bool {
    list.iter().any(|other| other == name || other.matches(name.as_str()) || name.matches(other.as_str()))
}

fn globs(table: &mut Table<'_>, key: &'static str, expected: &str) -> Vec<Glob> {
    let text = |text: &str| (!text.is_empty()).then(|| Glob::new(text));
    table.list(key, expected, text).into_iter().map(|found| found.value).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::Config;
    use super::super::tests::with;

    #[test]
    fn levels_that_keep_nobody_apart_are_told_however_they_name_people() {
        let told = |low: &str, high: &str| {
            let level = |name: &str, people: &str| {
                format!("[[sensitivity.level]]\nname = \"{name}\"\nkeys = [\"{name}-key\"]\n{people}\n")
            };
            let none: BTreeMap<String, String> = BTreeMap::new();
            let text = with(&(level("low", low) + &level("high", high)));
            let (_, warnings) = Config::parse(Path::new("bartizan.toml"), &text, &none).unwrap();
            let told = warnings.to_string();
            (told.contains("LINT-KEY-1"), told.contains("LINT-KEY-2"))
        };
        let all = "encrypt = [\"*:user/*\"]\ndecrypt = [\"*:user/*\"]";
        assert_eq!(told(all, all), (true, true));
        assert_eq!(told(all, "encrypt = [\"a:user/a\"]\ndecrypt = [\"a:user/a\"]"), (false, true));
        assert_eq!(told("encrypt = [\"a:user/a\"]", "decrypt = [\"*:user/*\"]"), (false, true));
        assert_eq!(told("encrypt = [\"a:role/in\"]", "decrypt = [\"*:user/*\"]"), (false, false));
        assert_eq!(told("decrypt = [\"a:user/a\"]", "encrypt = [\"a:user/a\"]"), (false, false), "up it may flow");
    }
}
