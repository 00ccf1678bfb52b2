use proptest::prelude::*;

use super::super::context::{Context, Keys};
use super::super::document::{Operator, Quantifier, Value};
use super::*;

const WHOLE: &str = r#"{
  "Version": "2012-10-17",
  "Id": "all",
  "Statement": [
    {
      "Sid": "Team reads",
      "Effect": "Allow",
      "Principal": { "AWS": ["111122223333", "arn:aws:iam::111122223333:user/eng/bob"], "Service": "a.amazonaws.com" },
      "Action": ["s3:Get*", "S3:listbucket"],
      "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/${aws:username}/*"],
      "Condition": {
        "ForAnyValue:StringLikeIfExists": { "aws:PrincipalOrgPaths": "o-1/*" },
        "NumericLessThan": { "s3:max-keys": 10 },
        "Bool": { "aws:SecureTransport": true }
      }
    },
    { "Effect": "Deny", "NotPrincipal": { "AWS": "arn:aws:iam::111122223333:root" }, "NotAction": "*", "NotResource": "*" }
  ]
}"#;

fn rules(text: &str, kind: Kind) -> Vec<Rule> {
    read(text.as_bytes(), kind)
        .map_or_else(|problems| problems, |reading| reading.warnings)
        .iter()
        .map(|it| it.rule)
        .collect()
}

/// A bucket policy of one sound statement, with one member added or replaced.
fn with(member: &str) -> String {
    let name = member.split(':').next().unwrap();
    let sound = [
        r#""Effect": "Deny""#,
        r#""Principal": "*""#,
        r#""Action": "s3:GetObject""#,
        r#""Resource": "arn:aws:s3:::b/*""#,
    ];
    let mut members: Vec<&str> = sound.into_iter().filter(|other| !other.starts_with(name)).collect();
    members.push(member);
    format!(r#"{{"Version": "2012-10-17", "Statement": {{ {} }} }}"#, members.join(", "))
}

#[test]
fn a_whole_policy_is_read_with_the_place_of_every_piece() {
    let Reading { document, warnings } = read(WHOLE.as_bytes(), Kind::Resource).unwrap();
    assert_eq!(warnings, []);
    let at = |span: Span| WHOLE.get(span.range()).unwrap();
    assert_eq!(document.version, Version::Variables);
    assert_eq!(at(document.id.as_ref().unwrap().span), "\"all\"");
    let [first, second] = &document.statements[..] else { panic!("two statements") };
    assert_eq!((first.name().as_ref(), second.name().as_ref()), ("Team reads", "NO_ID-1"));
    assert_eq!((first.effect, second.effect), (Effect::Allow, Effect::Deny));
    assert!(at(second.span).starts_with("{ \"Effect\": \"Deny\"") && at(second.span).ends_with('}'));
    assert_eq!(document.lines.place(second.span), (17, 5));

    let principals = &first.principal.as_ref().unwrap().entries;
    let who: Vec<&Who> = principals.iter().map(|entry| &entry.who).collect();
    assert_eq!(
        who,
        [
            &Who::Account("111122223333".into()),
            &Who::User("arn:aws:iam::111122223333:user/eng/bob".into()),
            &Who::Service("a.amazonaws.com".into()),
        ]
    );
    assert_eq!(at(principals[1].span), "\"arn:aws:iam::111122223333:user/eng/bob\"");
    assert_eq!(second.principal.as_ref().unwrap().entries[0].who, Who::Root("arn:aws:iam::111122223333:root".into()));

    assert!(first.action.entries[1].matches("s3:listbucket"));
    assert!(!first.action.negated && second.action.negated);
    assert!(second.action.entries[0].matches("kms:decrypt"));
    let mut keys = Keys::default();
    keys.set("aws:username", "bob");
    assert!(first.resource.as_ref().unwrap().entries[1].matches("arn:aws:s3:::b/bob/x", &keys));
    assert_eq!(at(first.resource.as_ref().unwrap().entries[0].span), "\"arn:aws:s3:::b\"");

    let [any, number, boolean] = &first.conditions[..] else { panic!("three clauses") };
    assert_eq!((any.operator, any.quantifier, any.if_exists), (Operator::StringLike, Some(Quantifier::Any), true));
    assert_eq!(at(any.operator_span), "\"ForAnyValue:StringLikeIfExists\"");
    assert_eq!(at(any.span), "\"aws:PrincipalOrgPaths\": \"o-1/*\"");
    assert_eq!(any.key.folded, "aws:principalorgpaths");
    assert_eq!((number.operands[0].text.as_str(), at(number.operands[0].span)), ("10", "10"));
    assert!(matches!(number.operands[0].value, Value::Number(_)));
    assert_eq!(boolean.operands[0].text, "true");
}

#[test]
fn one_value_and_a_list_of_one_mean_the_same() {
    let plain = read(with(r#""Condition": {"Null": {"aws:k": "true"}}"#).as_bytes(), Kind::Resource).unwrap();
    let listed = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"], "Condition": {"Null": {"aws:k": ["true"]}}}]}"#;
    let listed = read(listed.as_bytes(), Kind::Resource).unwrap();
    let (one, other) = (&plain.document.statements[0], &listed.document.statements[0]);
    assert_eq!(one.principal.as_ref().unwrap().entries[0].who, other.principal.as_ref().unwrap().entries[0].who);
    assert_eq!(one.action.entries[0].pattern, other.action.entries[0].pattern);
    assert_eq!(one.resource.as_ref().unwrap().entries[0].shape, other.resource.as_ref().unwrap().entries[0].shape);
    assert_eq!(one.conditions[0].operands[0].value, other.conditions[0].operands[0].value);
}

#[test]
fn a_name_that_stands_twice_is_refused_at_every_level() {
    for text in [
        r#"{"Statement": [], "Statement": []}"#.to_owned(),
        with(r#""Effect": "Deny", "Effect": "Allow""#),
        with(r#""Effect": "Deny", "\u0045ffect": "Deny""#),
        with(r#""Principal": {"AWS": "*", "AWS": "*"}"#),
        with(r#""Condition": {"Bool": {"aws:a": "true"}, "Bool": {"aws:b": "true"}}"#),
        with(r#""Condition": {"Bool": {"aws:a": "true", "aws:a": "true"}}"#),
        with(r#""Condition": {"Bool": {"aws:a": "true", "AWS:A": "true"}}"#),
        with(r#""Condition": {"StringEquals": {"s3:ExistingObjectTag/Team": "a", "s3:existingobjecttag/team": "b"}}"#),
    ] {
        assert!(rules(&text, Kind::Resource).contains(&Rule::Json), "{text}");
    }
}

#[test]
fn what_is_misspelt_or_of_the_wrong_type_is_refused_never_ignored() {
    for (member, rule) in [
        (r#""Conditions": {}"#, Rule::UnknownField),
        (r#""principal": "*""#, Rule::UnknownField),
        (r#""NotEffect": "Deny""#, Rule::UnknownField),
        (r#""Effect": "deny""#, Rule::Effect),
        (r#""Effect": ["Deny"]"#, Rule::Effect),
        (r#""Effect": null"#, Rule::Effect),
        (r#""NotAction": "s3:*""#, Rule::Syntax),
        (r#""NotResource": "*""#, Rule::Syntax),
        (r#""NotPrincipal": {"AWS": "111122223333"}"#, Rule::Syntax),
        (r#""Sid": 7"#, Rule::Syntax),
        (r#""Principal": "everyone""#, Rule::PrincipalSyntax),
        (r#""Principal": ["*"]"#, Rule::PrincipalSyntax),
        (r#""Principal": {}"#, Rule::PrincipalSyntax),
        (r#""Principal": {"AWS": []}"#, Rule::PrincipalSyntax),
        (r#""Principal": {"aws": "*"}"#, Rule::PrincipalSyntax),
        (r#""Principal": {"AWS": 111122223333}"#, Rule::PrincipalSyntax),
        (r#""Principal": {"AWS": "arn:aws:iam::111122223333:user/*"}"#, Rule::Principal),
        (r#""Principal": {"AWS": "arn:aws:iam::111122223333:group/g"}"#, Rule::Principal),
        (r#""Principal": {"AWS": "arn:aws:iam::1:user/x"}"#, Rule::Principal),
        (r#""Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/app/*"}"#, Rule::Principal),
        (r#""Principal": {"AWS": "arn:aws:sts::111122223333:assumed-role/app"}"#, Rule::Principal),
        (r#""Principal": {"Service": "*"}"#, Rule::Principal),
        (r#""Principal": {"CanonicalUser": "*"}"#, Rule::Principal),
        (r#""Action": []"#, Rule::ListSyntax),
        (r#""Action": """#, Rule::ListSyntax),
        (r#""Action": 7"#, Rule::ListSyntax),
        (r#""Action": [["s3:*"]]"#, Rule::ListSyntax),
        (r#""Action": "GetObject""#, Rule::Action),
        (r#""Action": "s3*:GetObject""#, Rule::Action),
        (r#""Action": "**""#, Rule::Action),
        (r#""Resource": []"#, Rule::ListSyntax),
        (r#""Resource": null"#, Rule::ListSyntax),
        (r#""Condition": []"#, Rule::OperandSyntax),
        (r#""Condition": {"Bool": "true"}"#, Rule::OperandSyntax),
        (r#""Condition": {"Bool": {"aws:a": []}}"#, Rule::OperandSyntax),
        (r#""Condition": {"Bool": {"aws:a": null}}"#, Rule::OperandSyntax),
        (r#""Condition": {"Bool": {"aws:a": [["true"]]}}"#, Rule::OperandSyntax),
        (r#""Condition": {"Bool": {"aws:a": {}}}"#, Rule::OperandSyntax),
        (r#""Condition": {"StringMatches": {"aws:a": "x"}}"#, Rule::Operator),
        (r#""Condition": {"stringequals": {"aws:a": "x"}}"#, Rule::Operator),
        (r#""Condition": {"StringEqualsIfExistsIfExists": {"aws:a": "x"}}"#, Rule::Operator),
        (r#""Condition": {"ForAllValues:ForAnyValue:StringEquals": {"aws:a": "x"}}"#, Rule::Operator),
        (r#""Condition": {"NullIfExists": {"aws:a": "true"}}"#, Rule::Operator),
        (r#""Condition": {"ForAnyValue:Null": {"aws:a": "true"}}"#, Rule::Operator),
    ] {
        let problems = read(with(member).as_bytes(), Kind::Resource).expect_err(member);
        let errors: Vec<Rule> =
            problems.iter().filter(|it| it.severity == Severity::Error).map(|problem| problem.rule).collect();
        assert_eq!(errors, [rule], "{member}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.help.is_some()), "{member}");
    }
    let sound = [r#""Condition": {}"#, r#""Condition": {"Bool": {}}"#, r#""Sid": "with space, and more""#];
    for member in sound {
        assert_eq!(rules(&with(member), Kind::Resource), [], "{member}");
    }
}

#[test]
fn what_every_statement_needs_is_missed_by_name() {
    let problems = read(br#"{"Statement": [{}]}"#, Kind::Resource).unwrap_err();
    let sentences: Vec<String> = problems.iter().map(|it| it.sentence().unwrap().into_owned()).collect();
    let missing = |name| format!("Missing required field {name}");
    assert_eq!(sentences, ["Effect", "Principal", "Action", "Resource"].map(missing));
    assert_eq!(rules("{}", Kind::Resource), [Rule::NoStatement]);
    assert_eq!(rules(r#"{"Statement": []}"#, Kind::Resource), [Rule::EmptyStatement]);
    assert_eq!(rules(r#"{"Statement": ["x"]}"#, Kind::Resource), [Rule::Syntax]);
    assert_eq!(rules("[]", Kind::Resource), [Rule::FirstByte]);
}

#[test]
fn each_kind_of_document_has_its_own_elements() {
    let identity = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#;
    let trust = r#"{"Statement": {"Effect": "Allow", "Principal": {"Federated": "accounts.example"}, "Action": "sts:AssumeRole"}}"#;
    let control = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}}"#;
    assert_eq!(rules(identity, Kind::Identity), []);
    assert_eq!(rules(identity, Kind::Resource), [Rule::Missing]);
    assert_eq!(rules(trust, Kind::Trust), []);
    assert_eq!(rules(trust, Kind::Resource), [Rule::Missing]);
    assert_eq!(rules(control, Kind::ResourceControl), []);
    assert_eq!(rules(control, Kind::Identity), [Rule::UnknownField]);
    assert_eq!(rules(control, Kind::Trust), [Rule::UnknownField]);
    assert_eq!(rules(&control.replace("\"s3:*\"", "\"*\""), Kind::ResourceControl), [Rule::Action]);
    assert_eq!(rules(&control.replace("Action", "NotAction"), Kind::ResourceControl), [Rule::Syntax]);
    assert_eq!(
        rules(&control.replace("\"*\", \"Action\"", "{\"AWS\": \"*\"}, \"Action\""), Kind::ResourceControl),
        [Rule::PrincipalSyntax]
    );
    assert_eq!(
        rules(&identity.replace("{\"Effect\"", "{\"Sid\": \"a b\", \"Effect\""), Kind::Identity),
        [Rule::Syntax]
    );
    assert_eq!(
        rules(&identity.replace("{\"Statement\"", "{\"Id\": \"a\", \"Statement\""), Kind::Identity),
        [Rule::UnknownField]
    );
}

#[test]
fn two_statements_do_not_share_a_sid() {
    let statement = |sid| format!(r#"{{"Sid": "{sid}", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#);
    let of = |a, b| format!(r#"{{"Statement": [{}, {}]}}"#, statement(a), statement(b));
    assert_eq!(rules(&of("a", "a"), Kind::Identity), [Rule::Syntax]);
    assert_eq!(rules(&of("a", "A"), Kind::Identity), []);
}

#[test]
fn the_version_turns_variables_on() {
    let matches = |version: &str| {
        let text = format!(
            r#"{{{version} "Statement": {{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${{aws:username}}"}}}}"#
        );
        let mut keys = Keys::default();
        keys.set("aws:username", "bob");
        let document = read(text.as_bytes(), Kind::Identity).unwrap().document;
        let entry = &document.statements[0].resource.as_ref().unwrap().entries[0];
        (entry.matches("arn:aws:s3:::b/bob", &keys), entry.matches("arn:aws:s3:::b/${aws:username}", &keys))
    };
    assert_eq!(matches(r#""Version": "2012-10-17","#), (true, false));
    assert_eq!(matches(r#""Version": "2008-10-17","#), (false, true));
    assert_eq!(matches(""), (false, true));
    for version in [r#""2012-10-18""#, "20121017", "null", r#"["2012-10-17"]"#, r#""2012-10-17 ""#] {
        let text = format!(r#"{{"Version": {version}, "Statement": []}}"#);
        assert!(rules(&text, Kind::Identity).contains(&Rule::Version), "{version}");
    }
}

#[test]
fn an_escaped_star_is_a_star() {
    let text = with(r#""Resource": "arn:aws:s3:::b/\u002a""#);
    let document = read(text.as_bytes(), Kind::Resource).unwrap().document;
    assert!(document.statements[0].resource.as_ref().unwrap().entries[0].matches("arn:aws:s3:::b/k", &Keys::default()));
}

#[test]
fn what_means_nothing_is_a_warning() {
    for (member, rule) in [
        (r#""Condition": {"DateLessThan": {"aws:CurrentTime": "yesterday"}}"#, Rule::Operand),
        (r#""Condition": {"NumericLessThan": {"s3:max-keys": "ten"}}"#, Rule::Operand),
        (r#""Condition": {"NumericLessThan": {"s3:max-keys": 1e3}}"#, Rule::Operand),
        (r#""Condition": {"Bool": {"aws:a": "yes"}}"#, Rule::Operand),
        (r#""Condition": {"Null": {"aws:a": "yes"}}"#, Rule::Operand),
        (r#""Condition": {"ArnLike": {"aws:SourceArn": "*"}}"#, Rule::Operand),
        (r#""Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3::${aws:PrincipalAccount}:x"}}"#, Rule::Variable),
        (r#""Resource": "arn:aws:s3::${aws:PrincipalAccount}:x""#, Rule::Variable),
        (r#""Resource": "b/*""#, Rule::Resource),
        (r#""Resource": "arn:aws:s3:b""#, Rule::Resource),
        (r#""Resource": "**""#, Rule::Resource),
        (r#""Condition": {"IpAddress": {"aws:SourceIp": "300.1.1.1"}}"#, Rule::Address),
        (r#""Condition": {"BinaryEquals": {"aws:a": "%%%"}}"#, Rule::Base64),
    ] {
        let reading = read(with(member).as_bytes(), Kind::Resource).expect(member);
        assert_eq!(reading.warnings.iter().map(|it| it.rule).collect::<Vec<_>>(), [rule], "{member}");
    }
    let spared = with(r#""NotPrincipal": {"AWS": "111122223333"}"#)
        .replace(r#""Principal": "*", "#, "")
        .replace("Deny", "Allow");
    assert_eq!(rules(&spared, Kind::Resource), [Rule::NotPrincipalAllow]);
    assert!(read(spared.as_bytes(), Kind::Resource).is_ok());
}

#[test]
fn text_that_is_no_json_is_refused_where_it_breaks() {
    for (text, at) in [
        ("", 0),
        ("{", 1),
        ("{\"a\" 1}", 5),
        ("{\"a\": 1,}", 8),
        ("{\"a\": [1,]}", 9),
        ("{\"a\": 01}", 6),
        ("{\"a\": .5}", 6),
        ("{\"a\": +1}", 6),
        ("{\"a\": nul}", 6),
        ("{a: 1}", 1),
        ("{'a': 1}", 1),
        ("{\"a\": \"\n\"}", 6),
        ("{\"a\": \"\\x\"}", 6),
        ("{\"a\": \"\\ud800\"}", 6),
        ("{\"a\": \"b}", 6),
        ("{} // note", 3),
        ("{}{}", 2),
        ("\u{feff}{}", 0),
    ] {
        let problems = read(text.as_bytes(), Kind::Resource).expect_err(text);
        assert_eq!((problems[0].rule, problems[0].span.start), (Rule::Json, at), "{text}");
    }
    let problems = read(b"{\"a\": \"\xff\"}", Kind::Resource).unwrap_err();
    assert_eq!((problems[0].rule, problems[0].span.start), (Rule::Json, 7));
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(rules(&deep, Kind::Resource), [Rule::Json]);
    let long = format!("{{\"Statement\": [], \"x\": \"{}\"}}", "x".repeat(json::TEXT_LIMIT));
    assert_eq!(rules(&long, Kind::Resource), [Rule::Size]);
}

#[test]
fn problems_come_in_the_order_of_the_text() {
    let text = "{\n \"Version\": \"1\",\n \"Statement\": {\n  \"Effect\": \"allow\",\n  \"Action\": [],\n  \"Resource\": 1,\n  \"X\": 1 } }";
    let problems = read(text.as_bytes(), Kind::Identity).unwrap_err();
    let found: Vec<(Rule, (usize, usize))> =
        problems.iter().map(|it| (it.rule, Lines::of(text).place(it.span))).collect();
    assert_eq!(
        found,
        [
            (Rule::Version, (2, 13)),
            (Rule::Effect, (4, 13)),
            (Rule::ListSyntax, (5, 13)),
            (Rule::ListSyntax, (6, 15)),
            (Rule::UnknownField, (7, 3)),
        ]
    );
}

#[test]
fn white_space_and_escapes_do_not_count_in_the_normalized_size() {
    let size = |text: &str| json::parse(text, &mut Vec::new()).unwrap().normalized();
    assert_eq!(size("{ \"a\" : [ 1 , true , null , \"\\u0062\" ] }\n"), "{\"a\":[1,true,null,\"b\"]}".len());
    assert_eq!(size("{\"a\":{}}"), 8);
}

#[test]
fn every_form_of_principal_is_told_from_the_others() {
    let hex = "ab".repeat(32);
    for (kind, text, who) in [
        ("AWS", "*", Some(Who::Everyone)),
        ("AWS", "111122223333", Some(Who::Account("111122223333".into()))),
        ("AWS", "arn:aws:iam::111122223333:root", Some(Who::Root("arn:aws:iam::111122223333:root".into()))),
        (
            "AWS",
            "arn:aws-cn:iam::111122223333:role/a/b",
            Some(Who::Role("arn:aws-cn:iam::111122223333:role/a/b".into())),
        ),
        (
            "AWS",
            "arn:aws:sts::111122223333:assumed-role/a/b@c",
            Some(Who::Session("arn:aws:sts::111122223333:assumed-role/a/b@c".into())),
        ),
        (
            "AWS",
            "arn:aws:sts::111122223333:federated-user/f",
            Some(Who::FederatedUser("arn:aws:sts::111122223333:federated-user/f".into())),
        ),
        ("AWS", "AROAXAPPAPPAPPAPPAPP", Some(Who::Deleted("AROAXAPPAPPAPPAPPAPP".into()))),
        ("AWS", "AGPAXAPPAPPAPPAPPAPP", None),
        ("AWS", "11112222333", None),
        ("AWS", "arn:aws:iam::111122223333:user/", None),
        ("AWS", "arn:aws:iam::111122223333:user//x", None),
        ("AWS", "arn:aws:iam::111122223333:user/a?b", None),
        ("AWS", "arn:aws:iam:eu-west-1:111122223333:user/x", None),
        ("AWS", "arn:aws:s3::111122223333:user/x", None),
        ("AWS", "arn:aws:iam::111122223333:rootuser", None),
        ("CanonicalUser", &hex, Some(Who::Canonical(hex.clone()))),
        ("CanonicalUser", "abc", None),
        ("Service", "cloudtrail.amazonaws.com", Some(Who::Service("cloudtrail.amazonaws.com".into()))),
        ("Service", "*.amazonaws.com", None),
        ("Service", "cloudtrail", None),
        ("Federated", "accounts.example", Some(Who::Federated("accounts.example".into()))),
        ("Federated", "*", None),
    ] {
        assert_eq!(Type::named(kind).unwrap().read(text), who, "{kind} {text}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics_on_octets(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = read(&octets, Kind::Resource);
    }

    #[test]
    fn reading_never_panics_on_a_spoilt_policy(
        at in 0..WHOLE.len(), length in 0_usize..12, with in "[\\[\\]{}:,\"\\\\a0$*?éu\n -]{0,6}",
    ) {
        let mut octets = WHOLE.as_bytes().to_vec();
        let end = (at + length).min(octets.len());
        octets.splice(at..end, with.bytes());
        for kind in [Kind::Identity, Kind::Resource, Kind::ResourceControl, Kind::Trust] {
            match read(&octets, kind) {
                Ok(reading) => prop_assert!(!reading.document.statements.is_empty()),
                Err(problems) => prop_assert!(problems.iter().any(|it| it.severity == Severity::Error)),
            }
        }
    }

    #[test]
    fn text_is_json_here_when_it_is_json_elsewhere(text in "[\\[\\]{}:,\"\\\\a0.\\-u\n tfn]{0,10}|\\{\"[ab\\\\u0]{0,3}\": ?[-01.\\[\\],]{1,4}\\}") {
        let mut problems = Vec::new();
        let here = json::parse(&text, &mut problems).is_ok();
        prop_assert_eq!(here, serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
    }

    #[test]
    fn what_was_read_is_what_was_written(name in ".{0,8}", value in ".{0,8}") {
        let text = serde_json::json!({ name.clone(): [value.clone(), true, null, 7] }).to_string();
        let node = json::parse(&text, &mut Vec::new()).unwrap();
        let mut compact = String::new();
        node.compact(&mut compact);
        prop_assert_eq!(&compact, &text);
        let Json::Object(members) = &node.json else { panic!("an object") };
        prop_assert_eq!(&members[0].name.value, &name);
        prop_assert_eq!(&members[0].value.entries()[0].json, &Json::Text(value));
    }
}

#[test]
fn a_context_is_asked_for_folded_names() {
    let mut keys = Keys::default();
    keys.set("aws:PrincipalTag/TEAM", "x");
    let member = r#""Condition": {"StringEquals": {"AWS:principaltag/Team": "x"}}"#;
    let document = read(with(member).as_bytes(), Kind::Resource).unwrap().document;
    assert!(keys.values(&document.statements[0].conditions[0].key.asked).is_some());
}
