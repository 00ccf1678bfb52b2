//! The worked example of docs/explain.md.

use super::super::super::tests::run;
use super::write;

const DOCUMENT: &str = include_str!("../../../../docs/explain.md");

/// The fenced blocks of a text: what stands behind the fence, and what is inside.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("\n```") {
        let (info, inside) = behind.split_once('\n').unwrap();
        let (inside, after) = inside.split_once("\n```\n").unwrap();
        found.push((info, inside));
        rest = after;
    }
    found
}

#[test]
fn the_worked_example_runs_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let (mut files, mut commands) = (0, 0);
    for (info, inside) in blocks(DOCUMENT) {
        if info == "console" {
            let (command, expected) = inside.split_once('\n').unwrap();
            let args: Vec<&str> = command.strip_prefix("$ bartizan ").unwrap().split(' ').collect();
            let ran = run(dir.path(), &args);
            assert_eq!(ran.out.trim_end(), expected, "{command}: {}", ran.err);
            commands += 1;
        } else {
            let (_, file) = info.split_once(' ').unwrap();
            write(dir.path(), file, inside);
            files += 1;
        }
    }
    assert_eq!((files, commands), (4, 2));
}
