//! The direction of imports, and other rules that a reader of the code may rely on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Module name to level, from the table in ARCHITECTURE.md.
fn levels() -> BTreeMap<String, u32> {
    let text = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap();
    let table = text.split("<!-- layers").nth(1).expect("ARCHITECTURE.md has the marked table");
    let levels: BTreeMap<String, u32> = table
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .filter_map(|row| {
            let mut cells = row.split('|').skip(1).map(str::trim);
            let level = cells.next()?.parse().ok()?;
            Some((cells.next()?.trim_matches('`').to_owned(), level))
        })
        .collect();
    assert!(levels.len() > 10, "the table was not read: {levels:?}");
    levels
}

fn sources() -> Vec<(String, PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let source = Path::new(ROOT).join("src");
    let mut files = Vec::new();
    walk(&source, &mut files);
    files
        .into_iter()
        .filter_map(|path| {
            let inside = path.strip_prefix(&source).unwrap().to_owned();
            let first = inside.components().next()?.as_os_str().to_str()?.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (!matches!(first.as_str(), "lib" | "main")).then_some((first, inside, text))
        })
        .collect()
}

/// The modules that a file names behind `crate::`, comments left out.
fn named(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default())
        .collect()
}

#[test]
fn imports_point_downward_only() {
    let levels = levels();
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        let level =
            levels.get(&module).unwrap_or_else(|| panic!("{module} is missing in the table of ARCHITECTURE.md"));
        for other in named(&text).into_iter().filter(|other| *other != module) {
            match levels.get(other) {
                // Neighbours of one level know nothing of each other, but for the frame at the top.
                Some(to) if to < level || to == level && *level == 5 => {}
                Some(to) => wrong.push(format!("{}: {module} ({level}) uses {other} ({to})", path.display())),
                None => wrong.push(format!("{}: `crate::{other}` is no module of the table", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the direction:\n{}", wrong.join("\n"));
}

#[test]
fn a_wrong_direction_would_be_seen() {
    assert_eq!(named("use crate::server::x; // crate::cli\nlet a = crate::s3::Code::A;"), ["server", "s3"]);
}

#[test]
fn the_lower_levels_know_no_task_socket_file_clock_or_random_number() {
    let levels = levels();
    let forbidden = [
        "tokio::",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "std::fs",
        "SystemTime::now",
        "Instant::now",
        "SystemRandom",
        "std::thread",
    ];
    for (module, path, text) in sources() {
        // `time` holds the one clock behind its trait.
        if levels.get(&module).is_some_and(|level| *level <= 1) && module != "time" {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in forbidden {
                assert!(!code.contains(word), "{} must not use {word}", path.display());
            }
        }
    }
}

#[test]
fn no_file_outgrows_one_idea() {
    for (_, path, text) in sources() {
        let made = ["table.rs", "code.rs", "permission/keys.rs"].iter().any(|made| path.ends_with(made));
        assert!(made || text.lines().count() <= 600, "{} has {} lines", path.display(), text.lines().count());
    }
}

#[test]
fn only_the_stages_open_a_body() {
    for (module, path, text) in sources() {
        let stages = ["pipeline/stage.rs", "pipeline/document.rs"].iter().any(|stage| path.ends_with(stage));
        if module != "body" && !stages {
            assert!(
                !text.contains(".open(*contract") && !text.contains(".open(contract"),
                "{} opens a body",
                path.display()
            );
        }
    }
}
