//! `[naming]`

use crate::control::reader::Table;
use crate::control::units::plain_host;
use crate::guard::naming::{Level, Mode, Namespace, Pattern, Settings};
use crate::s3::name::is_account;

/// The longest word, in octets.
const LONGEST_WORD: usize = 32;
/// The longest name of a bucket that was ever made, in octets.
const LONGEST_NAME: usize = 255;

pub(super) fn read(root: &mut Table<'_>) -> Settings {
    let default = Settings::default();
    let Some(mut table) = root.table("naming") else { return default };
    table.unavailable(&["hide_existence"]);
    let modes = [("off", Mode::Off), ("warn", Mode::Warn), ("enforce", Mode::Enforce)];
    let namespaces = [
        ("unguessable", Namespace::Unguessable),
        ("account-regional", Namespace::AccountRegional),
        ("either", Namespace::Either),
    ];
    let pattern = "places `{purpose}`, `{level}`, `{random}` once at most, `{random}` once, parted by `-` or `.`";
    let settings = Settings {
        mode: table.choice("mode", &modes, default.mode),
        pattern: table.parsed("pattern", pattern, Pattern::parse).map(|found| found.value),
        levels: levels(&mut table),
        purposes: list(&mut table, "purposes", "a word of small letters and digits", word),
        org_words: list(&mut table, "org_words", "a word of small letters and digits, two or more", own_word),
        account_ids: list(&mut table, "account_ids", "the 12 digits of an account", account),
        extra_words: list(&mut table, "extra_words", "a word of small letters and digits, two or more", own_word),
        domains: list(&mut table, "domains", "a host name such as \"example.com\"", domain),
        min_bits: table.integer("min_bits", 0..=200, default.min_bits),
        allow: list(&mut table, "allow", "the name of a bucket", name),
        allow_dots: table.boolean("allow_dots", default.allow_dots),
        namespace: table.choice("namespace", &namespaces, default.namespace),
    };
    table.finish();
    settings
}

fn list(
    table: &mut Table<'_>,
    key: &'static str,
    expected: &str,
    parse: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    table.list(key, expected, parse).into_iter().map(|found| found.value).collect()
}

/// Digits and what they say. Two words are known: a third would be a rule that nothing enforces.
fn levels(table: &mut Table<'_>) -> Vec<(String, Level)> {
    let mut levels = Vec::new();
    for (digit, meaning) in table.pairs("levels") {
        let level = match meaning.as_str() {
            "private" => Some(Level::Private),
            "public" => Some(Level::Public),
            _ => None,
        };
        match level.filter(|_| matches!(digit.as_bytes(), [b'0'..=b'9'])) {
            Some(level) => levels.push((digit, level)),
            None => {
                let span = table.span_of("levels").unwrap_or_default();
                let message = format!("`{}` is not usable", table.path_of("levels"));
                let help = "write `levels = { \"1\" = \"private\", \"2\" = \"public\" }`";
                table.fault(span, message, "one digit each, and \"private\" or \"public\"", help);
            }
        }
    }
    levels
}

fn word(text: &str) -> Option<String> {
    let fits = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    ((1..=LONGEST_WORD).contains(&text.len()) && text.bytes().all(fits)).then(|| text.to_owned())
}

/// One letter would be everywhere.
fn own_word(text: &str) -> Option<String> {
    word(text).filter(|word| word.len() >= 2)
}

fn account(text: &str) -> Option<String> {
    is_account(text).then(|| text.to_owned())
}

fn domain(text: &str) -> Option<String> {
    plain_host(text).map(str::to_ascii_lowercase)
}

fn name(text: &str) -> Option<String> {
    (1..=LONGEST_NAME).contains(&text.len()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::control::config::Config;

    fn read(naming: &str) -> Result<Settings, String> {
        let text = format!(
            "account = \"111122223333\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream]\nkind = \"embedded\"\n{naming}"
        );
        let parsed = Config::parse(Path::new("bartizan.toml"), &text, &BTreeMap::new());
        parsed.map(|(config, _)| config.naming).map_err(|findings| findings.to_string())
    }

    #[test]
    fn names_are_free_unless_somebody_says_otherwise() {
        for text in ["", "[naming]\n", "[naming]\norg_words = [\"acme\"]\n"] {
            let settings = read(text).unwrap();
            assert_eq!((settings.mode, settings.min_bits), (Mode::Off, 40), "{text}");
        }
    }

    #[test]
    fn the_whole_table_is_read() {
        let settings = read(
            "[naming]\nmode = \"enforce\"\npattern = \"{purpose}-{level}-{random}\"\n\
             levels = { \"1\" = \"private\", \"2\" = \"public\" }\npurposes = [\"data\", \"logs\"]\n\
             org_words = [\"acme\"]\naccount_ids = [\"111122223333\"]\nextra_words = [\"taube\"]\n\
             domains = [\"acme.example\"]\nmin_bits = 50\nallow = [\"legacy-bucket\"]\nallow_dots = true\n\
             namespace = \"either\"\n",
        );
        let settings = settings.unwrap();
        assert_eq!(settings.levels, [("1".to_owned(), Level::Private), ("2".to_owned(), Level::Public)]);
        assert_eq!((settings.mode, settings.namespace, settings.min_bits), (Mode::Enforce, Namespace::Either, 50));
        assert_eq!((settings.purposes.len(), settings.allow_dots), (2, true));
    }

    #[test]
    fn what_could_not_be_kept_is_refused() {
        for (line, told) in [
            ("hide_existence = true", "is not available in this version"),
            ("levels = { \"1\" = \"internal\" }", "one digit each"),
            ("levels = { a = \"private\" }", "one digit each"),
            ("pattern = \"{purpose}\"", "`naming.pattern` is not usable"),
            ("org_words = [\"a\"]", "two or more"),
            ("org_words = [\"Acme\"]", "small letters"),
            ("account_ids = [\"123\"]", "the 12 digits"),
            ("min_bits = 201", "must be from 0 to 200"),
            ("mode = \"on\"", "one of \"off\", \"warn\", \"enforce\""),
        ] {
            let faults = read(&format!("[naming]\n{line}\n")).unwrap_err();
            assert!(faults.contains(told), "{line}: {faults}");
        }
    }
}
