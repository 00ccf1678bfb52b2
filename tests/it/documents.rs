//! What the pages say of names, checked against the program and against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use bartizan::control::config::Config;
use bartizan::control::{Environment, ProcessEnvironment};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Methods that read a key of a table by its name.
const READERS: [&str; 19] = [
    "boolean",
    "choice",
    "duration",
    "integer",
    "list",
    "many",
    "number",
    "one_or_more",
    "pairs",
    "parsed",
    "parsed_or_decimal",
    "path",
    "secret",
    "share",
    "size",
    "string",
    "table",
    "tables",
    "word",
];

/// Every file below a folder with this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path, ending)),
            false if path.extension().is_some_and(|own| own == ending) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

/// The pages, by their path in the repository.
fn pages() -> BTreeMap<PathBuf, String> {
    let root = Path::new(ROOT);
    let mut found = files(&root.join("docs"), "md");
    let others = ["", "benches", "certs", "policies", "tests/clients"];
    let pages = others.iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    found.extend(
        pages.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|own| own == "md")),
    );
    let read = |path: PathBuf| (path.strip_prefix(root).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
    found.into_iter().map(read).collect()
}

/// The blocks of a page in this language, with what stands behind its name.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<(&'p str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut fence = None;
    for line in page.lines() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(info)) => {
                fence = Some(info);
                if let Some(rest) = info.strip_prefix(language) {
                    found.push((rest.trim(), String::new()));
                }
            }
            (Some(_), Some(_)) => fence = None,
            (Some(info), None) if info.starts_with(language) => {
                let (_, text) = found.last_mut().unwrap();
                *text += line;
                *text += "\n";
            }
            _ => {}
        }
    }
    found
}

fn parse(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let environment: &dyn Environment = &ProcessEnvironment;
    match Config::parse(&folder.path().join("bartizan.toml"), text, environment) {
        Ok(_) => Ok(()),
        Err(faults) => Err(faults.to_string()),
    }
}

#[test]
fn the_page_of_the_configuration_is_a_configuration() {
    let pages = pages();
    let blocks = blocks(&pages[Path::new("docs/configuration.md")], "toml");
    assert_eq!(blocks.len(), 1);
    parse(&blocks[0].1).unwrap_or_else(|faults| panic!("{faults}"));
    // What is behind a mark is a line like the others.
    for line in blocks[0].1.lines().filter_map(|line| line.strip_prefix("# ")) {
        let key = line.split(['=', ' ']).next().unwrap();
        assert!(line.contains(" = ") && key.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_'), "{line}");
    }
}

/// Keys that somebody could write are told of somewhere.
#[test]
fn no_key_of_the_configuration_is_a_secret() {
    let mut keys = BTreeSet::new();
    let control = Path::new(ROOT).join("src/control");
    let credentials = ["credentials.rs", "credentials/oidc.rs"].map(|name| control.join(name));
    for path in files(&control.join("config"), "rs").into_iter().chain(credentials) {
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for reader in READERS {
            let opening = format!(".{reader}(");
            let calls = text.split(&opening).skip(1).map(str::trim_start);
            keys.extend(calls.filter_map(|call| Some(call.strip_prefix('"')?.split_once('"')?.0.to_owned())));
        }
    }
    assert!(keys.len() > 100 && keys.contains("handshake_timeout") && keys.contains("trust"), "{keys:?}");
    let all: String = pages()
        .into_iter()
        .filter(|(path, _)| path.file_name().unwrap() != "CHANGELOG.md")
        .map(|(_, text)| text)
        .collect();
    let words: BTreeSet<&str> = all.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    let missing: Vec<&String> = keys.iter().filter(|key| !words.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "no page tells of {missing:?}");
}

/// Pieces of a configuration are ones that the program takes, if what they leave out stands beside them.
#[test]
fn pieces_of_a_configuration_have_no_names_that_do_not_exist() {
    let mut count = 0;
    for (page, text) in pages() {
        for (info, piece) in blocks(&text, "toml") {
            let first = piece.lines().next().unwrap_or_default();
            let other = first.starts_with('#') && first.contains(".toml") && !first.contains("bartizan.toml");
            if other || info.contains("policies/") {
                continue;
            }
            count += 1;
            let mut whole = String::new();
            if !piece.contains("account  =") && !piece.contains("account =") && !piece.contains("account          =") {
                whole += "account = \"111122223333\"\n";
            }
            whole += &piece;
            if !piece.contains("[[listen]]") {
                whole += "\n[[listen]]\naddress = \"127.0.0.1:0\"\nrehearsal = true\n";
            }
            if !piece.contains("[upstream]") {
                whole += "\n[upstream]\nkind = \"embedded\"\n";
            }
            let faults = parse(&whole).err().unwrap_or_default();
            for told in ["unknown key", "is missing", "is not usable", "not available", "no meaning", "expected"] {
                assert!(!faults.contains(told), "{}: {faults}", page.display());
            }
        }
    }
    assert!(count > 20, "{count}");
}

/// `../a/./b` below a folder.
fn below(folder: &Path, link: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => assert!(path.pop(), "{link}"),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | ' ');
    heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

#[test]
fn no_link_between_the_pages_leads_nowhere() {
    let pages = pages();
    for (page, text) in &pages {
        for link in text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)) {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { below(page.parent().unwrap(), file) };
            assert!(Path::new(ROOT).join(&target).exists(), "{}: {link}", page.display());
            let headings = || pages[&target].lines().filter(|line| line.starts_with('#')).map(anchor);
            assert!(heading.is_empty() || headings().any(|found| found == heading), "{}: {link}", page.display());
        }
    }
    let readme = &pages[Path::new("README.md")];
    for page in pages.keys().filter(|page| page.starts_with("docs")) {
        assert!(readme.contains(&format!("({})", page.display())), "the README does not lead to {}", page.display());
    }
}
