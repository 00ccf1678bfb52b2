use std::path::Path;

use super::super::explain::tests::{site, write};
use super::super::tests::run;
use super::*;

const NAMING: &str =
    "\n[naming]\nmode = \"enforce\"\norg_words = [\"acme\"]\nlevels = { \"1\" = \"private\", \"2\" = \"public\" }\n";

/// The files of the tests of `explain`, with a policy of names.
fn named(more: &str) -> tempfile::TempDir {
    let site = site();
    let file = site.path().join("bartizan.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}{NAMING}{more}")).unwrap();
    site
}

#[test]
fn lint_says_which_rules_names_break_and_how_hard_they_are_to_guess() {
    let site = named("");
    let lint = |names: &[&str]| run(site.path(), &[&["names", "lint"], names].concat());
    let ran = lint(&["data-1-bx7mr4kd9w"]);
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Fine, "data-1-bx7mr4kd9w: 52.2 bits\n"), "{}", ran.err);
    let ran = lint(&["prod-1-bx7mr4kd9w"]);
    let told = "prod-1-bx7mr4kd9w: 52.2 bits\n  N-14 warning: The name reveals the environment.\n";
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::No, told));
    let ran = lint(&["acme-backup", "data-1-bx7mr4kd9w"]);
    let (before, after) = ran.out.split_once("  no bucket can be renamed: make data-1-").unwrap();
    assert_eq!(
        before,
        "acme-backup: 7.5 bits\n  N-12 error: The name contains a word that points to the organisation.\n  N-18 error: \
         The name is in the usual lists of scanners.\n  N-17 error: The name can be guessed: about 7.5 bits, 40 \
         needed.\n"
    );
    assert_eq!(ran.exit as u8, 2);
    assert!(after.ends_with(", and move with the next change\ndata-1-bx7mr4kd9w: 52.2 bits\n"), "{after}");
}

#[test]
fn lint_looks_at_the_buckets_that_the_folder_knows() {
    let site = named("");
    let policy = |name: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
            "Resource":"arn:aws:s3:::{name}/*"}}}}"#
        )
    };
    for name in ["data-1-bx7mr4kd9w", "data-2-bx7mr4kd9w"] {
        write(site.path(), &format!("policies/buckets/{name}/policy.json"), &policy(name));
    }
    let ran = run(site.path(), &["names", "lint", "--json"]);
    assert_eq!(ran.exit as u8, 2, "{}", ran.err);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let of = |name: &str| {
        let all = told["names"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {told}"));
        let rules = one["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap());
        (one["millibits"].as_u64().unwrap(), rules.collect::<Vec<_>>())
    };
    assert_eq!(of("data-1-bx7mr4kd9w"), (52_188, vec!["N-21", "N-24"]));
    assert_eq!(of("data-2-bx7mr4kd9w"), (52_188, vec!["N-24"]));
    assert_eq!(of("logs"), (5_000, vec!["N-17"]));
}

#[test]
fn new_makes_names_that_lint_finds_nothing_wrong_with() {
    let site = named("purposes = [\"data\", \"logs\", \"acme\"]\n");
    let new = |args: &[&str]| run(site.path(), &[&["names", "new"], args].concat());
    let ran = new(&["--purpose", "logs", "--level", "2"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    assert!(ran.out.starts_with("logs-2-") && ran.out.len() == 18, "{}", ran.out);
    assert_eq!(run(site.path(), &["names", "lint", ran.out.trim()]).exit, Exit::Fine);
    assert_ne!(new(&["--purpose", "logs"]).out, new(&["--purpose", "logs"]).out);
    for (args, told) in [
        (&["--purpose", "media"][..], "none of `naming.purposes`"),
        (&["--purpose", "data", "--level", "3"], "none of `naming.levels`"),
        (&["--purpose", "acme"], "takes no name with this purpose"),
    ] {
        let ran = new(args);
        assert!(ran.exit == Exit::Unusable && ran.err.contains(told) && ran.out.is_empty(), "{args:?}: {}", ran.err);
    }
}

#[test]
fn what_scanners_try_is_printed_for_those_who_name_their_words() {
    let site = named("");
    let ran = run(site.path(), &["names", "tried"]);
    assert_eq!(ran.exit, Exit::Fine, "{}", ran.err);
    assert!(ran.out.starts_with("acme\nacme2015\nacme-2015\n") && ran.out.contains("\nbackup.acme-99\n"));
    let ran = run(super::super::explain::tests::site().path(), &["names", "tried"]);
    assert!(ran.exit == Exit::Unusable && ran.err.contains("naming.org_words"), "{}", ran.err);
}

/// The examples of docs/naming.md: what is printed behind each command.
#[test]
fn the_documentation_says_what_is_printed() {
    let text = include_str!("../../../docs/naming.md");
    let site = tempfile::tempdir().unwrap();
    assert_eq!(run(site.path(), &["init"]).exit, Exit::Fine);
    let mut commands = 0;
    for block in text.split("\n```").skip(1).step_by(2) {
        let (language, inside) = block.split_once('\n').unwrap();
        match language {
            "toml" => append(site.path(), inside),
            "console" => {
                let (command, printed) = inside.split_once('\n').unwrap();
                let args: Vec<&str> = command.strip_prefix("$ bartizan ").unwrap().split(' ').collect();
                let ran = run(site.path(), &args);
                // Every random part is another.
                let fixed = |text: &str| text.trim_end().replace(|letter: char| letter.is_ascii_alphanumeric(), "x");
                match command.contains(" new ") || printed.contains("renamed") {
                    true => assert_eq!(fixed(&ran.out), fixed(printed), "{command}: {}", ran.err),
                    false => assert_eq!(ran.out.trim_end(), printed.trim_end(), "{command}: {}", ran.err),
                }
                commands += 1;
            }
            other => panic!("nobody reads this: {other}"),
        }
    }
    assert_eq!(commands, 3);
}

fn append(folder: &Path, table: &str) {
    let file = folder.join("bartizan.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n{table}\n")).unwrap();
}
