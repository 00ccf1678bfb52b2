use super::*;

const BUCKET: Target<'_> = Target::Bucket { partition: "aws", name: "acme" };
const POINT: Target<'_> = Target::AccessPoint { arn: "arn:aws:s3:eu-west-1:111122223333:accesspoint/reports" };

fn statement(members: &str) -> String {
    format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{{{members}}}]}}")
}

/// S3's sentence, with `Detail` behind a bar.
fn answer(text: &str, target: &Target<'_>) -> String {
    match check(text.as_bytes(), target, &|_| true) {
        Ok(_) => "accepted".to_owned(),
        Err(fault) => {
            assert_eq!((fault.code(), fault.status()), (Code::MalformedPolicy, 400));
            let detail = fault.elements().iter().map(|(_, text)| format!(" | {text}")).collect::<String>();
            format!("{}{detail}", fault.message())
        }
    }
}

fn allow(action: &str, resource: &str) -> String {
    statement(&format!(r#""Effect": "Allow", "Principal": "*", "Action": {action}, "Resource": {resource}"#))
}

/// Faults of one statement from the first that S3 looks for to the last, each as the member that has it.
/// The principal `arn:…:user/gone` is unknown.
const FAULTS: [(&str, &str, &str); 13] = [
    ("X", r#""X": 1"#, "Unknown field X"),
    ("Effect", r#""Effect": "allow""#, "Invalid effect: allow"),
    ("Sid", r#""Sid": 1"#, "Invalid policy syntax."),
    ("Principal", r#""Principal": {"AWS": "arn:aws:iam::111122223333:user/gone"}"#, "Invalid principal in policy"),
    ("Action", r#""Action": ["s3:Nothing", "s3:GetObject"]"#, "Policy has invalid action"),
    ("Action", r#""Action": ["s3", "s3:GetObject"]"#, "Policy has invalid action"),
    ("Resource", r#""Resource": ["arn:aws:s3:::acme/*", "acme"]"#, "Policy has invalid resource"),
    ("Resource", r#""Resource": ["arn:aws:s3:::acme/*", "*"]"#, "Policy has invalid resource"),
    (
        "Action",
        r#""Action": ["s3:ListBucket", "s3:GetObject"]"#,
        "Action does not apply to any resource(s) in statement",
    ),
    ("Like", r#""Like": {"aws:a": "x"}"#, "Invalid Condition type : Like"),
    ("StringEquals", r#""StringEquals": {"s3:none": "x"}"#, "Policy has an invalid condition key"),
    (
        "StringLike",
        r#""StringLike": {"s3:x-amz-acl": "x"}"#,
        "Conditions do not apply to combination of actions and resources in statement",
    ),
    ("IpAddress", r#""IpAddress": {"aws:SourceIp": "x"}"#, "Invalid IP address in Conditions"),
];

#[test]
fn of_two_faults_the_one_that_s3_finds_first_is_answered() {
    let conditions = ["Like", "StringEquals", "StringLike", "IpAddress"];
    for (first, (name, member, sentence)) in FAULTS.iter().enumerate() {
        for (other_name, other, _) in FAULTS.iter().skip(first + 1).filter(|(other, ..)| other != name) {
            let given = [(name, member), (other_name, other)];
            let clauses = given.iter().filter(|(name, _)| conditions.contains(*name)).map(|(_, member)| **member);
            let clauses: Vec<&str> = clauses.collect();
            let mut members: Vec<String> =
                given.iter().filter(|(name, _)| !conditions.contains(*name)).map(|(_, it)| (**it).to_owned()).collect();
            for (name, sound) in [
                ("Effect", r#""Effect": "Allow""#),
                ("Principal", r#""Principal": "*""#),
                ("Action", r#""Action": "s3:GetObject""#),
                ("Resource", r#""Resource": "arn:aws:s3:::acme/*""#),
            ] {
                if given.iter().all(|(given, _)| **given != name) {
                    members.push(sound.to_owned());
                }
            }
            members.push(format!("\"Condition\": {{{}}}", clauses.join(", ")));
            let text = statement(&members.join(", "));
            let fault = check(text.as_bytes(), &BUCKET, &|principal| !principal.text.ends_with("gone")).unwrap_err();
            assert_eq!(fault.message(), *sentence, "{text}");
        }
    }
}

#[test]
fn a_fault_of_an_earlier_rule_wins_over_one_of_an_earlier_statement() {
    let text = r#"{"Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"},
        {"Effect": "allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme/*"}]}"#;
    assert_eq!(answer(text, &BUCKET), "Invalid effect: allow");
}

#[test]
fn resources_are_the_bucket_or_in_it() {
    for resource in
        ["arn:aws:s3:::acme", "arn:aws:s3:::acme/*", "arn:aws:s3:::acme/${aws:username}/*", "arn:aws:s3:::acme/"]
    {
        assert_eq!(answer(&allow("\"s3:*\"", &format!("{resource:?}")), &BUCKET), "accepted", "{resource}");
    }
    for resource in [
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::acme*",
        "arn:aws:s3:::acme2/*",
        "arn:aws:s3:::acm?/*",
        "arn:aws-cn:s3:::acme/*",
        "arn:*:s3:::acme/*",
        "arn:aws:s3:eu-west-1:111122223333:accesspoint/acme/object/*",
        "acme/*",
        "arn:aws:s3",
        "arn:aws:s3:*",
        "a*",
        "**",
        "*k",
        "?",
    ] {
        let expected = format!("Policy has invalid resource | {resource}");
        assert_eq!(answer(&allow("\"s3:*\"", &format!("{resource:?}")), &BUCKET), expected);
        let negated = allow("\"s3:*\"", &format!("{resource:?}")).replace("\"Resource\"", "\"NotResource\"");
        assert_eq!(answer(&negated, &BUCKET), expected);
    }
}

#[test]
fn an_access_points_policy_speaks_of_the_access_point() {
    let own = "arn:aws:s3:eu-west-1:111122223333:accesspoint/reports";
    assert_eq!(answer(&allow("\"s3:GetObject\"", &format!("\"{own}/object/*\"")), &POINT), "accepted");
    assert_eq!(answer(&allow("\"s3:ListBucket\"", &format!("\"{own}\"")), &POINT), "accepted");
    for resource in ["arn:aws:s3:::acme/*".to_owned(), format!("{own}/*"), format!("{own}2"), format!("{own}/object")] {
        let expected = format!("Policy has invalid resource | {resource}");
        assert_eq!(answer(&allow("\"s3:GetObject\"", &format!("{resource:?}")), &POINT), expected);
    }
    let expected =
        "Action does not apply to any resource(s) in statement | Action \"s3:GetObject\" in Statement \"NO_ID-0\"";
    assert_eq!(answer(&allow("\"s3:GetObject\"", &format!("\"{own}\"")), &POINT), expected);
}

#[test]
fn actions_are_those_of_s3_and_apply() {
    let both = r#"["arn:aws:s3:::acme", "arn:aws:s3:::acme/*"]"#;
    for action in ["kms:Decrypt", "s3:", "s3:GetObject ", "s3:Fetch*", "s3express:*", "GetObject", "*:*"] {
        assert_eq!(
            answer(&allow(&format!("{action:?}"), both), &BUCKET),
            format!("Policy has invalid action | {action}")
        );
    }
    for action in ["s3:ListAllMyBuckets", "s3:CreateAccessPoint", "s3:CreateJob"] {
        let expected = format!(
            "Action does not apply to any resource(s) in statement | Action \"{action}\" in Statement \"NO_ID-0\""
        );
        assert_eq!(answer(&allow(&format!("{action:?}"), both), &BUCKET), expected);
    }
    assert_eq!(answer(&allow(r#"["s3:getobject", "S3:ListBucket", "*"]"#, both), &BUCKET), "accepted");
}

#[test]
fn keys_go_with_an_action_that_carries_them() {
    let with = |action: &str, key: &str| {
        let both = r#"["arn:aws:s3:::acme", "arn:aws:s3:::acme/*"]"#;
        let condition = format!(r#", "Condition": {{"StringEquals": {{"{key}": "x"}}}}}}]}}"#);
        answer(&allow(&format!("{action:?}"), both).replace("}]}", &condition), &BUCKET)
    };
    let refused = "Conditions do not apply to combination of actions and resources in statement";
    for (action, key, expected) in [
        ("s3:PutObject", "s3:x-amz-acl", "accepted"),
        ("s3:PutObject", "S3:X-Amz-ACL", "accepted"),
        ("s3:*", "s3:prefix", "accepted"),
        ("s3:GetObject", "s3:ExistingObjectTag/a", "accepted"),
        ("s3:GetObject", "s3:DataAccessPointAccount", "accepted"),
        ("s3:GetObject", "aws:NoSuchKey", "accepted"),
        ("s3:PutBucketOwnershipControls", "s3:x-amz-object-ownership", "accepted"),
        ("s3:GetBucketOwnershipControls", "s3:x-amz-object-ownership", refused),
        ("s3:PutBucketPolicy", "s3:x-amz-object-ownership", refused),
        ("s3:PutObject", "s3:ExistingObjectTag/a", refused),
        ("s3:GetObject", "s3:if-match", refused),
        ("s3:DeleteObject", "s3:if-none-match", refused),
        ("s3:GetObject", "s3:ExistingObjectTag", "Policy has an invalid condition key"),
        ("s3:GetObject", "kms:ViaService", "Policy has an invalid condition key"),
        ("s3:GetObject", "prefix", "Policy has an invalid condition key"),
    ] {
        assert_eq!(with(action, key), expected, "{action} {key}");
    }
}

#[test]
fn users_roles_and_accounts_must_exist_and_nobody_else_is_asked_for() {
    let text = statement(
        r#""Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme/*", "Principal": {
            "AWS": ["arn:aws:iam::111122223333:user/a", "arn:aws:iam::111122223333:role/gone", "*"],
            "Service": "a.amazonaws.com" }"#,
    );
    let asked = std::cell::RefCell::new(Vec::new());
    let fault = check(text.as_bytes(), &BUCKET, &|principal| {
        asked.borrow_mut().push(principal.text.clone());
        !principal.text.ends_with("gone")
    })
    .unwrap_err();
    assert_eq!(fault.elements(), [("Detail", "\"AWS\" : \"arn:aws:iam::111122223333:role/gone\"".to_owned())]);
    assert_eq!(asked.into_inner(), ["arn:aws:iam::111122223333:user/a", "arn:aws:iam::111122223333:role/gone"]);
}

#[test]
fn the_size_limit_is_exact_and_white_space_is_free() {
    let padded = |length: usize| {
        let text = |sid: usize| {
            format!(
                r#"{{"Statement":[{{"Sid":"{}","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::acme/*"}}]}}"#,
                "x".repeat(sid)
            )
        };
        text(length - text(0).len())
    };
    assert_eq!(answer(&padded(SIZE_LIMIT), &BUCKET), "accepted");
    assert_eq!(answer(&padded(SIZE_LIMIT).replace(',', " ,\n "), &BUCKET), "accepted");
    let expected = "Normalized policy document exceeds the maximum allowed size of 20480 bytes";
    assert_eq!(answer(&padded(SIZE_LIMIT + 1), &BUCKET), expected);
}

#[test]
fn only_a_brace_begins_a_policy() {
    for text in ["", " {}", "\n{}", "[]", "\"{\"", "\u{feff}{}", "null"] {
        assert_eq!(answer(text, &BUCKET), "Policies must be valid JSON and the first byte must be '{'", "{text}");
    }
    for text in ["{", "{]", "{} x", "{\"a\": \"\\ud800\"}"] {
        assert_eq!(answer(text, &BUCKET), "This policy contains invalid Json", "{text}");
    }
    let fault = check(b"{\"a\": \"\xff\"}", &BUCKET, &|_| true).unwrap_err();
    assert_eq!(fault.message(), "This policy contains invalid Json");
}

#[test]
fn the_operator_learns_where_and_the_caller_what() {
    let text = "{\"Version\": \"2012-10-17\",\n \"Statement\": [{\"Effect\": \"allow\"}]}";
    let fault = check(text.as_bytes(), &BUCKET, &|_| true).unwrap_err();
    assert_eq!((fault.reason(), fault.message()), ("policy-missing-field", "Missing required field Principal"));
    assert!(fault.private_detail().is_some_and(|detail| detail.starts_with("line 2, column 16: ")), "{fault:?}");
}
