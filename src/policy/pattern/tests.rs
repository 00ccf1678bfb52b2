use proptest::prelude::*;

use super::super::context::Keys;
use super::super::document::ArnShape;
use super::*;

/// The obvious matcher: tries everything.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skipped| naive(rest, &text[skipped..])),
        Some(('?', rest)) => !text.is_empty() && naive(rest, &text[1..]),
        Some((letter, rest)) => text.first() == Some(letter) && naive(rest, &text[1..]),
    }
}

fn like(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern, Wildcards::On, Variables::Off).matches_plain(text)
}

fn keys() -> Keys {
    let mut keys = Keys::default();
    keys.set("aws:username", "bob");
    keys.set("aws:PrincipalTag/Team", "a*b?");
    keys.set("aws:PrincipalTag/empty", "");
    keys.set_all("aws:TagKeys", vec!["one".to_owned()]);
    keys
}

fn template(pattern: &str, text: &str) -> Verdict {
    Pattern::new(pattern, Wildcards::On, Variables::On).matches(text, &keys())
}

#[test]
fn wildcards_mean_any_run_and_exactly_one_character() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("?", "", false),
        ("?", "é", true),
        ("?", "ab", false),
        ("?*", "", false),
        ("a*", "a", true),
        ("*a", "ba", true),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "acb", false),
        ("*ab", "aab", true),
        ("*a?c*", "aabcabxx", true),
        ("*??*", "x", false),
        ("a/*/z", "a/b/c/z", true),
        ("a/*/z", "a//z", true),
        ("a/*/z", "a/z", false),
        ("*.csv", "x.csv.gz", false),
        ("données/*", "données/été", true),
        ("a.c", "abc", false),
    ] {
        assert_eq!(like(pattern, text), expected, "{pattern} {text}");
    }
}

proptest! {
    #[test]
    fn the_matcher_agrees_with_the_obvious_one(pattern in "[abé*?]{0,9}", text in "[abéc]{0,12}") {
        let (letters, of_text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(like(&pattern, &text), naive(&letters, &of_text));
    }

    #[test]
    fn a_value_is_matched_as_text_whatever_it_contains(value in "[a*?${}']{0,6}", text in "[a*?${}']{0,6}") {
        let mut keys = Keys::default();
        keys.set("aws:username", value.as_str());
        let pattern = Pattern::new("x/${aws:username}/y", Wildcards::On, Variables::On);
        let expected = verdict(value == text);
        prop_assert_eq!(pattern.matches(&format!("x/{text}/y"), &keys), expected);
    }

    #[test]
    fn cutting_and_matching_never_panic(pattern in ".{0,40}", text in ".{0,40}") {
        for wildcards in [Wildcards::On, Wildcards::Off] {
            let pattern = Pattern::new(&pattern, wildcards, Variables::On);
            pattern.matches(&text, &keys());
            pattern.same_but_case(&text, &keys());
        }
    }

    #[test]
    fn a_fixed_pattern_matches_its_own_text_only(text in ".{0,12}", other in ".{0,12}") {
        let pattern = Pattern::new(&text, Wildcards::On, Variables::On);
        if pattern.is_fixed() {
            prop_assert_eq!(pattern.only_text(), Some(text.as_str()));
            prop_assert_eq!(pattern.matches(&other, &keys()), verdict(text == other));
        }
    }
}

#[test]
fn hostile_patterns_end_in_time() {
    let text = "a".repeat(20_000);
    assert!(!like(&format!("{}b", "*a".repeat(10_000)), &text));
    assert!(!like(&format!("*{}b*", "a?".repeat(500)), &"a".repeat(4_000)));
    assert!(like(&"*a".repeat(10_000), &text));
}

#[test]
fn variables_bring_in_values_and_escapes_bring_in_characters() {
    use Verdict::{Differ, Match, NoValue};
    for (pattern, text, expected) in [
        ("home/${aws:username}/*", "home/bob/x", Match),
        ("home/${AWS:UserName}/*", "home/bob/x", Match),
        ("home/${aws:username}/*", "home/dana/x", Differ),
        ("${aws:PrincipalTag/team}", "a*b?", Match),
        ("${aws:PrincipalTag/team}", "axbx", Differ),
        ("${aws:userid}", "", NoValue),
        ("${aws:userid, 'none'}", "none", Match),
        ("${aws:userid,'none'}", "none", Match),
        ("${aws:userid,   ''}", "", Match),
        ("${aws:username, 'none'}", "bob", Match),
        ("${aws:username, 'none'}", "none", Differ),
        ("${aws:userid, none}", "none", NoValue),
        ("${aws:userid, 'a'b'}", "a'b", NoValue),
        ("${aws:PrincipalTag/empty}", "", Match),
        ("${aws:PrincipalTag/empty, 'x'}", "x", Differ),
        ("${aws:TagKeys}", "one", NoValue),
        ("${aws:TagKeys, 'one'}", "one", NoValue),
        ("${}", "", NoValue),
        ("${, 'x'}", "x", NoValue),
        ("${aws:user name}", "bob", NoValue),
        ("${*}", "*", Match),
        ("${*}", "x", Differ),
        ("${?}${$}", "?$", Match),
        ("${aws:username", "${aws:username", Match),
        ("a$b{c}", "a$b{c}", Match),
        ("${${aws:username}", "bob", NoValue),
    ] {
        assert_eq!(template(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn in_the_old_version_a_variable_is_text() {
    let pattern = Pattern::new("${aws:username}/${*}", Wildcards::On, Variables::Off);
    assert!(pattern.matches_plain("${aws:username}/${anything}"));
    assert!(!pattern.matches_plain("bob/*"));
}

#[test]
fn letter_case_is_ignored_only_where_asked() {
    let pattern = Pattern::new("Tëam-${aws:username}", Wildcards::Off, Variables::On);
    assert_eq!(pattern.same_but_case("TËAM-BOB", &keys()), Verdict::Match);
    assert_eq!(pattern.same_but_case("TËAM-BO", &keys()), Verdict::Differ);
    assert_eq!(pattern.matches("TËAM-BOB", &keys()), Verdict::Differ);
    assert_eq!(
        Pattern::new("${aws:userid}", Wildcards::Off, Variables::On).same_but_case("", &keys()),
        Verdict::NoValue
    );
}

#[test]
fn a_resource_pattern_crosses_colons_only_behind_the_fifth() {
    for (pattern, resource, expected) in [
        ("*", "*", true),
        ("*", "arn:aws:s3:::b/k", true),
        ("arn:aws:s3:*", "arn:aws:s3:::b/k", true),
        ("arn:aws:s3:*", "*", false),
        ("arn:aws:s3:::*", "arn:aws:s3:::b/k:1:2", true),
        ("arn:aws:s3:::*", "*", false),
        ("arn:aws:s3:::*", "arn:aws:s3:eu-west-1:111122223333:accesspoint/a", false),
        ("arn:*:s3:::b/*", "arn:aws:s3:::b/k", true),
        ("arn:aws:s3:*:*:accesspoint/*", "arn:aws:s3:eu-west-1:111122223333:accesspoint/a", true),
        ("arn:aws*:::b", "arn:aws:s3:::b", false),
        ("arn:aws:s3:::b", "arn:aws:s3:::b/k", false),
        ("arn:aws:s3:::b?k", "arn:aws:s3:::b/k", true),
        ("arn:aws:s3:::B/k", "arn:aws:s3:::b/k", false),
        ("arn:aws:s3:::b/${aws:username}:*", "arn:aws:s3:::b/bob:x", true),
        ("arn:aws:s3::${aws:username}:b", "arn:aws:s3::bob:b", false),
        ("b/*", "arn:aws:s3:::b/k", false),
        ("arn:aws:s3", "arn:aws:s3", false),
    ] {
        let shape = ArnShape::resource(pattern, Variables::On);
        assert_eq!(shape.matches(resource, &keys()) == Verdict::Match, expected, "{pattern} {resource}");
    }
}

#[test]
fn what_a_pattern_begins_with_is_known() {
    let pattern = |text| Pattern::new(text, Wildcards::On, Variables::On);
    assert_eq!(pattern("bucket/*").prefix(), "bucket/");
    assert_eq!(pattern("*x").prefix(), "");
    assert_eq!(pattern("a${*}b*").prefix(), "a*b");
    assert_eq!(pattern("a${*}b").only_text(), Some("a*b"));
    assert!(!pattern("a${*}b").is_fixed());
    assert!(!pattern("a?").is_fixed());
    assert!(pattern("a").is_fixed());
    assert!(pattern("").is_fixed());
}
