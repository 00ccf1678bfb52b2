//! `[[rehearsal]]`

use std::collections::HashSet;
use std::time::Duration;

use super::Listen;
use crate::control::reader::Table;
use crate::limit::rehearsal::{Fault, Rehearsal};
use crate::policy::pattern::{Pattern, Variables, Wildcards};
use crate::s3::Operation;

/// How many there may be: every request on a marked listener is compared with each.
const MOST: usize = 64;
/// The longest pattern or prefix, in octets.
const LONGEST: usize = 1024;

/// Reads the rehearsals. There must be a listener where they may fire.
pub(super) fn read(root: &mut Table<'_>, listen: &[Listen]) -> Vec<Rehearsal> {
    let Some(span) = root.span_of("rehearsal") else { return Vec::new() };
    if !listen.iter().any(|listen| listen.rehearsal) {
        let help = "write `rehearsal = true` in the `[[listen]]` whose clients may meet faults, and in no other";
        root.fault(span.clone(), "no listener is marked for `rehearsal`", "would never fire", help);
    }
    let mut names = HashSet::new();
    let mut rehearsals = Vec::new();
    for mut table in root.tables("rehearsal") {
        let rehearsal = rehearsal(&mut table);
        if let Some(rehearsal) = &rehearsal
            && !names.insert(rehearsal.name.to_string())
        {
            let help = "give each rehearsal its own `name`";
            table.fault(table.span(), "two rehearsals are the same", "its name is taken above", help);
        }
        table.finish();
        rehearsals.extend(rehearsal);
    }
    if rehearsals.len() > MOST {
        root.fault(span, format!("there are more than {MOST} rehearsals"), "too many", "remove some");
    }
    rehearsals
}

fn rehearsal(table: &mut Table<'_>) -> Option<Rehearsal> {
    let name = table.parsed("name", "a short name of letters, digits, `-` and `_`", super::listen::name);
    if name.is_none() && !table.has("name") {
        table.required("name", "name = \"throttled\"");
    }
    let whole = |text: &str| (1..=LONGEST).contains(&text.len()).then(|| text.to_owned());
    let arn = |text: &str| {
        let text = whole(text).filter(|text| text.starts_with("arn:") || text == "*")?;
        Some(Pattern::new(&text, Wildcards::On, Variables::Off))
    };
    let operation = |text: &str| Operation::ALL.into_iter().find(|operation| operation.name() == text);
    let operations = table.list("operations", "the name of an operation such as \"GetObject\"", operation);
    let limited = |table: &mut Table<'_>, key| table.has(key).then(|| table.integer(key, 1..=1_000_000_000, 1));
    let rehearsal = Rehearsal {
        principal: table
            .parsed("principal", "an ARN such as \"arn:aws:iam::111122223333:user/alice\", or a pattern of one", arn)
            .map(|found| found.value),
        bucket: table.parsed("bucket", "the name of a bucket", whole).map(|found| found.value),
        prefix: table.parsed("prefix", "what a key begins with", whole).map(|found| found.value),
        operations: operations.into_iter().map(|found| found.value).collect(),
        fault: fault(table)?,
        times: limited(table, "times"),
        rate: table.share("rate"),
        seed: table.has("seed").then(|| table.integer("seed", 0..=u32::MAX, 0)),
        enabled: table.boolean("enabled", true),
        name: name?.value.into(),
    };
    Some(rehearsal)
}

/// What goes wrong, with what it needs and nothing else.
fn fault(table: &mut Table<'_>) -> Option<Fault> {
    const WORDS: [(&str, Fault); 5] = [
        ("throttle", Fault::Throttle),
        ("kms-throttle", Fault::KmsThrottle),
        ("error", Fault::Error),
        ("latency", Fault::Latency(Duration::ZERO)),
        ("cut", Fault::Cut(0)),
    ];
    if !table.has("fault") {
        table.required("fault", "fault = \"throttle\"");
        return None;
    }
    let fault = table.choice("fault", &WORDS, Fault::Error);
    let beside = format!("`fault = \"{}\"`", fault.word());
    if !matches!(fault, Fault::Latency(_)) {
        table.pointless(&["latency"], &beside);
    }
    if !matches!(fault, Fault::Cut(_)) {
        table.pointless(&["after"], &beside);
    }
    match fault {
        Fault::Latency(_) if !table.has("latency") => table.required("latency", "latency = \"200ms\""),
        Fault::Cut(_) if !table.has("after") => table.required("after", "after = \"64KiB\""),
        Fault::Latency(_) => {
            let (least, most) = (Duration::from_millis(1), Duration::from_secs(300));
            return Some(Fault::Latency(table.duration("latency", least..=most, Duration::from_millis(200))));
        }
        Fault::Cut(_) => return Some(Fault::Cut(table.size("after", 0..=5 << 40, 64 << 10))),
        Fault::Error | Fault::KmsThrottle | Fault::Throttle => {}
    }
    Some(fault)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::control::config::Config;

    fn read(listen: &str, rehearsals: &str) -> Result<Vec<Rehearsal>, String> {
        let text = format!(
            "account = \"111122223333\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n{listen}\n[upstream]\n\
             kind = \"embedded\"\n{rehearsals}"
        );
        let parsed = Config::parse(Path::new("bartizan.toml"), &text, &BTreeMap::new());
        parsed.map(|(config, _)| config.rehearsals).map_err(|findings| findings.to_string())
    }

    #[test]
    fn a_rehearsal_says_who_meets_what_and_how_often() {
        let text = "[[rehearsal]]\nname = \"late\"\nprincipal = \"arn:aws:iam::111122223333:user/*\"\n\
                    bucket = \"data\"\nprefix = \"logs/\"\noperations = [\"GetObject\", \"PutObject\"]\n\
                    fault = \"latency\"\nlatency = \"200ms\"\nrate = 0.1\nseed = 7\n\n\
                    [[rehearsal]]\nname = \"broken\"\nfault = \"cut\"\nafter = \"64KiB\"\ntimes = 3\nenabled = false\n";
        let read = read("rehearsal = true", text).unwrap();
        assert_eq!((read[0].fault, read[0].rate), (Fault::Latency(Duration::from_millis(200)), Some(100_000)));
        assert_eq!((read[0].operations.len(), read[0].enabled, read[0].seed), (2, true, Some(7)));
        assert_eq!((read[1].fault, read[1].times, read[1].enabled), (Fault::Cut(65_536), Some(3), false));
    }

    #[test]
    fn what_the_documentation_shows_is_taken() {
        let text = include_str!("../../../docs/rehearsal.md");
        let (_, rest) = text.split_once("```toml\n").unwrap();
        let (shown, _) = rest.split_once("```").unwrap();
        let text = format!("account = \"111122223333\"\n{shown}\n[upstream]\nkind = \"embedded\"\n");
        let parsed = Config::parse(Path::new("bartizan.toml"), &text, &BTreeMap::new());
        let (config, warnings) = parsed.unwrap_or_else(|findings| panic!("{findings}"));
        assert!(warnings.is_empty() && config.rehearsals.len() == 4, "{warnings}");
    }

    #[test]
    fn a_rehearsal_that_could_not_be_meant_is_refused() {
        let one = "[[rehearsal]]\nname = \"one\"\n";
        for (listen, text, told) in [
            ("", "fault = \"throttle\"", "no listener is marked"),
            ("rehearsal = false", "fault = \"throttle\"", "no listener is marked"),
            ("rehearsal = true", "", "`rehearsal[0].fault` is missing"),
            ("rehearsal = true", "fault = \"latency\"", "`rehearsal[0].latency` is missing"),
            ("rehearsal = true", "fault = \"cut\"", "`rehearsal[0].after` is missing"),
            ("rehearsal = true", "fault = \"error\"\nlatency = \"1s\"", "has no meaning with `fault = \"error\"`"),
            ("rehearsal = true", "fault = \"error\"\nrate = 1.5", "from 0.000001 to 1.0"),
            ("rehearsal = true", "fault = \"error\"\nrate = -0.1", "from 0.000001 to 1.0"),
            ("rehearsal = true", "fault = \"error\"\nrate = nan", "from 0.000001 to 1.0"),
            ("rehearsal = true", "fault = \"error\"\nrate = \"x\"", "from 0.000001 to 1.0"),
            ("rehearsal = true", "fault = \"error\"\ntimes = 0", "must be from 1"),
            ("rehearsal = true", "fault = \"error\"\noperations = [\"GetObjct\"]", "the name of an operation"),
            ("rehearsal = true", "fault = \"error\"\nprincipal = \"alice\"", "an ARN such as"),
            ("rehearsal = true", &format!("fault = \"error\"\n{one}fault = \"error\""), "two rehearsals are the same"),
        ] {
            let faults = read(listen, &format!("{one}{text}\n")).unwrap_err();
            assert!(faults.contains(told), "{text}: {faults}");
        }
        let many: String = (0..65).map(|at| format!("[[rehearsal]]\nname = \"r{at}\"\nfault = \"error\"\n")).collect();
        assert!(read("rehearsal = true", &many).unwrap_err().contains("more than 64"));
        assert!(read("rehearsal = true", "").unwrap().is_empty());
    }
}
