use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

const NOW: Seconds = Seconds(1_773_480_413); // 2026-03-14T09:26:53Z

fn policy(document: &str) -> Result<PostPolicy, Fault> {
    PostPolicy::parse(&STANDARD.encode(document))
}

/// A document with these conditions beside the one about the bucket.
fn with(conditions: &str) -> PostPolicy {
    let document =
        format!(r#"{{"expiration": "2026-03-14T12:00:00.000Z", "conditions": [{{"bucket": "b"}}, {conditions}]}}"#);
    policy(&document).unwrap_or_else(|fault| panic!("{conditions}: {fault}"))
}

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    list.iter().for_each(|(name, value)| fields.push(name, (*value).to_owned()).unwrap());
    fields
}

#[track_caller]
fn denied(policy: &PostPolicy, list: &[(&str, &str)], why: &str) {
    let fault = policy.check(&fields(list), Some("b"), NOW).unwrap_err();
    assert_eq!((fault.code(), fault.message()), (Code::AccessDenied, &*format!("Invalid according to Policy: {why}")));
}

#[test]
fn a_document_that_is_not_exactly_one_says_what_is_wrong() {
    let conditions = |conditions: &str| format!(r#"{{"expiration":"2026-03-14T12:00:00Z","conditions":{conditions}}}"#);
    for (document, why) in [
        ("not json".to_owned(), "Invalid JSON."),
        (String::new(), "Invalid JSON."),
        ("[]".to_owned(), "Invalid JSON."),
        ("{} {}".to_owned(), "Invalid JSON."),
        ("\u{feff}{}".to_owned(), "Invalid JSON."),
        ("[".repeat(10_000), "Invalid JSON."),
        ("{}".to_owned(), "Policy missing expiration."),
        (r#"{"conditions":[]}"#.to_owned(), "Policy missing expiration."),
        (r#"{"expiration":"2026-03-14T12:00:00Z"}"#.to_owned(), "Policy missing conditions."),
        (r#"{"expiration":"2026-03-14T12:00:00Z","conditions":[],"version":1}"#.to_owned(), "Unexpected: \"version\""),
        (r#"{"Expiration":"2026-03-14T12:00:00Z","conditions":[]}"#.to_owned(), "Unexpected: \"Expiration\""),
        (
            r#"{"expiration":"2026-03-14T12:00:00Z","expiration":"2036-03-14T12:00:00Z","conditions":[]}"#.to_owned(),
            "Unexpected: \"expiration\"",
        ),
        (conditions("[]").replace("[]", "[], \"conditions\": []"), "Unexpected: \"conditions\""),
        (r#"{"expiration":5,"conditions":[]}"#.to_owned(), "Invalid 'expiration' value: ''"),
        (conditions("{}"), "Invalid 'conditions' value: must be a List."),
        (conditions("[5]"), "Invalid condition test: must be a List or Object."),
        (conditions("[null]"), "Invalid condition test: must be a List or Object."),
        (conditions("[[]]"), "Invalid Condition: missing operation identifier."),
        (conditions("[[5]]"), "Invalid Condition: missing operation identifier."),
        (conditions(r#"[["matches","$key",".*"]]"#), "Invalid Condition: unknown operation 'matches'."),
        (conditions(r#"[["eq","$key"]]"#), "Invalid eq: wrong number of arguments."),
        (conditions(r#"[["starts-with","$key","a","b"]]"#), "Invalid starts-with: wrong number of arguments."),
        (conditions(r#"[["content-length-range",5]]"#), "Invalid content-length-range: wrong number of arguments."),
        (conditions("[{}]"), "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."),
        (
            conditions(r#"[{"acl":"a","acl":"a"}]"#),
            "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
        ),
        (conditions(r#"[{"acl":5}]"#), "Invalid Simple-Condition: value must be a string."),
        (conditions(r#"[["eq","$key",5]]"#), "Invalid eq: arguments must be strings."),
    ] {
        let fault = policy(&document).unwrap_err();
        assert_eq!((fault.code(), fault.message()), (Code::InvalidPolicyDocument, &*format!("Invalid Policy: {why}")));
    }
    for bad in ["-1, 5", "0, -1", "0.5, 1", "1e3, 2000", "\"-1\", 5", "\"\", 5", "\"1 \", 5"] {
        let document = conditions(&format!(r#"[["content-length-range",{bad}]]"#));
        assert_eq!(policy(&document).unwrap_err().code(), Code::InvalidPolicyDocument, "{bad}");
    }
    for field in ["e30", "e30=\n", " e30=", "e30=e30=", "{}", "e31="] {
        let fault = PostPolicy::parse(field).unwrap_err();
        assert_eq!(fault.message(), "Invalid Policy: invalid Base64 encoding.", "{field:?}");
    }
}

#[test]
fn an_expiration_is_an_instant_in_one_spelling() {
    let ending = |text: &str| policy(&format!(r#"{{"expiration":"{text}","conditions":[{{"bucket":"b"}}]}}"#));
    for text in ["2026-03-14T12:00:00Z", "2026-03-14T12:00:00.0Z", "2026-03-14T12:00:00.123456789Z"] {
        assert!(ending(text).is_ok(), "{text}");
    }
    for text in [
        "2026-03-14 12:00:00",
        "2026-03-14T12:00:00",
        "2026-03-14T12:00:00z",
        "2026-03-14T12:00:00.Z",
        "2026-03-14T12:00:00+00:00",
        "2026-3-14T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-03-14T12:00:60Z",
        "+026-03-14T12:00:00Z",
        "20260314T120000Z",
    ] {
        let fault = ending(text).unwrap_err();
        assert_eq!(fault.message(), format!("Invalid Policy: Invalid 'expiration' value: '{text}'"));
    }
    let exact = ending("2026-03-14T09:26:53.500Z").unwrap();
    assert!(exact.check(&Fields::default(), Some("b"), NOW).is_ok(), "at its end it still holds");
    let fault = exact.check(&Fields::default(), Some("b"), Seconds(NOW.0 + 1)).unwrap_err();
    assert_eq!(fault.message(), "Invalid according to Policy: Policy expired.");
}

#[test]
fn every_condition_is_enforced() {
    let key = ("key", "user/a");
    for (conditions, list) in [
        (r#"["eq", "$key", "user/a"]"#, vec![key]),
        (r#"{"KEY": "user/a"}"#, vec![key]),
        (r#"["StArTs-WiTh", "$KeY", "user/"]"#, vec![key]),
        (r#"["starts-with", "$key", ""]"#, vec![key]),
        (r#"["starts-with", "$content-type", "image/"]"#, vec![("Content-Type", "image/png, image/gif")]),
        (r#"["starts-with", "$bucket", ""]"#, vec![]),
    ] {
        assert!(with(conditions).check(&fields(&list), Some("b"), NOW).is_ok(), "{conditions}");
    }
    let failed = |condition: &str| format!("Policy Condition failed: {condition}");
    for (conditions, list, why) in [
        (r#"["eq", "$key", "user/A"]"#, vec![key], failed(r#"["eq", "$key", "user/A"]"#)),
        (r#"{"key": "user"}"#, vec![key], failed(r#"["eq", "$key", "user"]"#)),
        (r#"["starts-with", "$key", "other/"]"#, vec![key], failed(r#"["starts-with", "$key", "other/"]"#)),
        (
            r#"["starts-with", "$acl", ""], ["eq", "$key", "user/a"]"#,
            vec![key],
            failed(r#"["starts-with", "$acl", ""]"#),
        ),
        (r#"["eq", "$acl", ""], ["eq", "$key", "user/a"]"#, vec![key], failed(r#"["eq", "$acl", ""]"#)),
        (r#"["eq", "$key", "user/a"], ["starts-with", "key", ""]"#, vec![key], failed(r#"["starts-with", "key", ""]"#)),
        (
            r#"["starts-with", "$Content-Type", "image/"]"#,
            vec![("Content-Type", "image/png,text/html")],
            failed(r#"["starts-with", "$content-type", "image/"]"#),
        ),
        (
            r#"["starts-with", "$x-amz-meta-a", "b"]"#,
            vec![("x-amz-meta-a", "b,c"), ("x-amz-meta-a", "d")],
            String::new(),
        ),
    ] {
        if why.is_empty() {
            assert!(with(conditions).check(&fields(&list), Some("b"), NOW).is_ok(), "{conditions}");
        } else {
            denied(&with(conditions), &list, &why);
        }
    }
}

#[test]
fn every_field_must_be_covered() {
    let key = r#"["starts-with", "$key", ""]"#;
    denied(&with(key), &[("key", "k"), ("acl", "public-read")], "Extra input fields: acl");
    denied(&with(key), &[("key", "k"), ("x-amz-date", "d")], "Extra input fields: x-amz-date");
    let without_dollar = format!(r#"{key}, ["starts-with", "acl", ""]"#);
    denied(&with(&without_dollar), &[("key", "k"), ("acl", "x")], "Extra input fields: acl");
    let free = [("key", "k"), ("policy", "p"), ("x-amz-signature", "s"), ("X-Ignore-Me", "y")];
    assert!(with(key).check(&fields(&free), Some("b"), NOW).is_ok());
    let document = r#"{"expiration": "2026-03-14T12:00:00.000Z", "conditions": [["starts-with", "$key", ""]]}"#;
    denied(&policy(document).unwrap(), &[("key", "k")], "Extra input fields: bucket");
}

#[test]
fn the_bucket_is_the_one_addressed_and_no_field() {
    let policy = with(r#"["starts-with", "$key", ""]"#);
    let list = fields(&[("key", "k"), ("bucket", "b")]);
    assert!(policy.check(&list, Some("b"), NOW).is_ok());
    let fault = policy.check(&list, Some("other"), NOW).unwrap_err();
    assert_eq!(fault.message(), r#"Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "b"]"#);
    assert!(policy.check(&list, None, NOW).is_err());
}

#[test]
fn ranges_narrow_each_other() {
    let range = |conditions| with(conditions).check(&Fields::default(), Some("b"), NOW).unwrap();
    assert_eq!(range(r#"["content-length-range", 0, 10]"#), LengthRange { least: 0, most: 10 });
    assert_eq!(
        range(r#"["Content-Length-Range", "5", "18446744073709551615"]"#),
        LengthRange { least: 5, most: u64::MAX }
    );
    let both = r#"["content-length-range", 3, 100], ["content-length-range", 0, 10]"#;
    assert_eq!(range(both), LengthRange { least: 3, most: 10 });
}

#[test]
fn a_token_never_leaves_in_a_failed_condition() {
    let policy = with(r#"{"x-amz-security-token": "secret"}"#);
    let fault = policy.check(&fields(&[("x-amz-security-token", "other")]), Some("b"), NOW).unwrap_err();
    assert!(fault.message().contains("********") && !fault.message().contains("secret"), "{fault}");
}

proptest! {
    #[test]
    fn no_document_does_more_than_refuse(octets in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,200}") {
        let _ = PostPolicy::parse(&STANDARD.encode(octets));
        let _ = PostPolicy::parse(&text);
        let _ = policy(&format!(r#"{{"expiration":"2026-03-14T12:00:00Z","conditions":[{text}]}}"#));
    }
}

#[test]
fn a_fraction_of_a_second_may_have_any_number_of_digits() {
    let document = |end: &str| format!(r#"{{"expiration":"{end}","conditions":[]}}"#);
    for fraction in ["1", "000000000", "123456789012", "00000000000000000000000000000001"] {
        let policy = policy(&document(&format!("2026-03-14T12:00:00.{fraction}Z"))).unwrap();
        assert_eq!(policy.expiration, Seconds(1_773_489_600), "{fraction}");
    }
    for bad in ["2026-03-14T12:00:00.Z", "2026-03-14T12:00:00.1x2Z", "2026-03-14T12:00:00.1.2Z"] {
        assert!(policy(&document(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_length_above_every_file_is_no_less_than_the_longest() {
    let range = |least: &str, most: &str| {
        let policy = with(&format!(r#"["content-length-range", {least}, {most}]"#));
        let Some(Condition::Length(range)) = policy.conditions.last().cloned() else { panic!("{least} {most}") };
        (range.least, range.most)
    };
    let digits = "9".repeat(400);
    for large in ["18446744073709551615", "18446744073709551616", "99999999999999999999", digits.as_str()] {
        assert_eq!(range("1", large), (1, u64::MAX), "{large}");
        assert_eq!(range(large, &format!("\"{large}\"")), (u64::MAX, u64::MAX), "{large}");
    }
    assert_eq!(range("18446744073709551614", "18446744073709551614"), (u64::MAX - 1, u64::MAX - 1));
    let quoted = with(&format!(r#"["eq", "$key", "\"[{digits}]"]"#));
    let Some(Condition::Field { value, .. }) = quoted.conditions.last() else { panic!() };
    assert_eq!(*value, format!("\"[{digits}]"), "what is in a string stays");
}

#[test]
fn a_length_that_is_no_count_is_refused() {
    for bad in ["-1", "-18446744073709551616", "1.5", "18446744073709551616.5", "1e30", "\"-1\"", "\"\"", "null"] {
        let document =
            format!(r#"{{"expiration":"2026-03-14T12:00:00Z","conditions":[["content-length-range", 0, {bad}]]}}"#);
        assert_eq!(policy(&document).unwrap_err().code(), Code::InvalidPolicyDocument, "{bad}");
    }
    let zeros =
        r#"{"expiration":"2026-03-14T12:00:00Z","conditions":[["content-length-range",0,000000000000000000000000]]}"#;
    assert_eq!(policy(zeros).unwrap_err().message(), "Invalid Policy: Invalid JSON.");
}
