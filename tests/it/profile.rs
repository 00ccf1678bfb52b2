//! What cargo calls in the place of rustc (benches/profile/rustc).

use std::path::Path;
use std::process::Command;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/profile");

/// What rustc would be called with.
fn called(arguments: &[&str], into: Option<&str>) -> Vec<String> {
    let mut command = Command::new(Path::new(FOLDER).join("rustc"));
    command.args(["printf", "%s\n"]).args(arguments).env_remove("BARTIZAN_PROFILE_INTO");
    if let Some(into) = into {
        command.env("BARTIZAN_PROFILE_INTO", into);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn what_is_released_is_compiled_with_the_profile_and_nothing_else_is() {
    assert!(Path::new(FOLDER).join("bartizan.profdata").is_file(), "it is checked in");
    let used = format!("-Cprofile-use={FOLDER}/bartizan.profdata");
    assert_eq!(called(&["-C", "opt-level=3", "a b"], None), ["-C", "opt-level=3", "a b", &used]);
    // The static program has its own: nothing of the other would fit it.
    assert!(Path::new(FOLDER).join("static.profdata").is_file(), "it is checked in");
    let used = format!("-Cprofile-use={FOLDER}/static.profdata");
    let container = ["-C", "opt-level=3", "-C", "target-feature=+crt-static"];
    assert_eq!(called(&container, None), [&container[..], &[&used]].concat());
    assert_eq!(called(&["-C", "opt-level=1", "a b"], None), ["-C", "opt-level=1", "a b"]);
    assert_eq!(called(&["-vV"], None), ["-vV"]);
}

#[test]
fn who_counts_for_themselves_is_left_alone() {
    for own in ["-Cprofile-use=theirs", "-Cprofile-generate", "-Cinstrument-coverage"] {
        assert_eq!(called(&["-C", "opt-level=3", own], None), ["-C", "opt-level=3", own]);
    }
}

#[test]
fn cargo_is_told_of_it_and_the_release_is_optimized_as_it_expects() {
    let read = |path: &str| std::fs::read_to_string(Path::new(FOLDER).join(path)).unwrap();
    assert!(read("../../.cargo/config.toml").contains("\nrustc-wrapper = \"benches/profile/rustc\"\n"));
    let manifest = read("../../Cargo.toml");
    let (_, release) = manifest.split_once("[profile.release]").unwrap();
    let release = release.split("\n[").next().unwrap();
    assert!(!release.contains("opt-level"), "3 is the default, and what the script looks for: {release}");
}

#[test]
fn a_build_that_counts_does_not_read_what_was_counted_before() {
    let counting = ["-C", "opt-level=3", "-Cprofile-generate=/some where"];
    assert_eq!(called(&counting[..2], Some("/some where")), counting);
    assert_eq!(called(&["-C", "opt-level=1"], Some("/some where")), ["-C", "opt-level=1"]);
}
