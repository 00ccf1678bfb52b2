//! Seeded cases in the form of `vectors/policy`: small vocabularies, so that things meet.

use serde_json::{Map, Value, json};

pub(super) const OWNER: &str = "111122223333";
pub(super) const OTHER: &str = "444455556666";
const POINT: &str = "arn:aws:s3:eu-west-1:111122223333:accesspoint/reports";
const FAR_POINT: &str = "arn:aws:s3:eu-west-1:444455556666:accesspoint/partner";

/// Numbers that follow from a seed and nothing else.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// True once in `of` times.
    pub(super) fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// One of them, or a list of a few.
    fn some(&mut self, from: &[&str]) -> Value {
        match self.below(4) {
            0 => (0..=self.below(3)).map(|_| self.pick(from)).collect(),
            _ => json!(self.pick(from)),
        }
    }
}

const ACTIONS: &[&str] = &[
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:GetBucketPolicy",
    "s3:PutObjectTagging",
    "s3:GetObjectAcl",
    "s3:PutObjectAcl",
    "s3:GetBucketAcl",
    "s3:GetObjectAttributes",
    "s3:NextYearsObject",
];
const ACTION_PATTERNS: &[&str] = &[
    "s3:*",
    "*",
    "s3:Get*",
    "S3:getobject",
    "s3:?etObject",
    "s3:*Object",
    "s3:GetObject",
    "s3:PutObject",
    "s3:ListBucket",
    "s3:List*",
    "s3:*Object*",
    "s3:DeleteObject",
    "ec2:*",
    "s3:PutObjectTagging",
];
const KEYS: &[&str] = &["k", "home/bob/a", "home/dana/x/y", "a*b", "ab", "home/", "a/b/c", "logs/2026", "ä?/b"];
const TAILS: &[&str] = &[
    "*",
    "k",
    "home/*",
    "home/${aws:username}/*",
    "home/${aws:PrincipalTag/team, 'bob'}/*",
    "a${*}b",
    "a?b",
    "*b",
    "a/*/c",
    "home/*/?",
    "*/b*",
    "${aws:userid}",
    "ä?*",
    "home/b*b/*",
    "*a*a*",
];

/// A case with everything in it that takes part: `request` and `policies` as in the vectors, and besides
/// `lists` (Object Ownership and access control lists) and `block` (Block Public Access by level).
pub(super) fn case(dice: &mut Dice) -> Value {
    let through = dice.one_in(4);
    let bucket = dice.pick(&["acme-data", "acme-logs"]);
    let action = dice.pick(ACTIONS);
    let key = if action.contains("Bucket") { None } else { Some(dice.pick(KEYS)) };
    let plain = key.map_or_else(|| format!("arn:aws:s3:::{bucket}"), |key| format!("arn:aws:s3:::{bucket}/{key}"));
    let owner = if dice.one_in(3) { OTHER } else { OWNER };
    let principal = principal(dice);
    let mut request = Map::new();
    if let Some(account) = principal.get("account").filter(|_| !dice.one_in(4)) {
        request.insert("canonicalId".into(), json!(canonical_id(account.as_str().unwrap())));
    }
    if dice.one_in(if action == "s3:PutObjectAcl" { 3 } else { 40 }) {
        request.insert("consent".into(), json!(true));
    }
    request.insert("context".into(), context(dice, &principal));
    request.insert("principal".into(), principal);
    request.insert("action".into(), json!(action));
    request.insert("resourceAccount".into(), json!(owner));
    if through {
        let (arn, account) = if dice.one_in(3) { (FAR_POINT, OTHER) } else { (POINT, OWNER) };
        let front = key.map_or_else(|| arn.to_owned(), |key| format!("{arn}/object/{key}"));
        let origin = dice.pick(&["Internet", "Internet", "VPC"]);
        request.insert("accessPoint".into(), json!({"arn": arn, "account": account, "origin": origin}));
        request.insert("accessPointResource".into(), json!(front));
        request.insert("bucketResource".into(), json!(plain));
    } else {
        request.insert("resource".into(), json!(plain));
    }
    let has_side = ["IamUser", "AssumedRole", "FederatedUser"].iter().any(|kind| request["principal"]["type"] == *kind);
    let mut case = json!({"request": request, "policies": policies(dice, through, has_side)});
    if dice.one_in(3) {
        case["lists"] = lists(dice, key.is_some());
    }
    if dice.one_in(2) {
        case["block"] = block(dice);
    }
    case
}

/// The canonical id of an account, as if there were one.
pub(super) fn canonical_id(account: &str) -> String {
    account.chars().cycle().take(64).collect()
}

fn lists(dice: &mut Dice, object: bool) -> Value {
    let grants = |dice: &mut Dice| -> Value {
        let grantees = ["AllUsers", "AuthenticatedUsers", "LogDelivery", &canonical_id(OWNER), &canonical_id(OTHER)];
        let permissions = ["READ", "READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"];
        let grant = |dice: &mut Dice| json!({"grantee": dice.pick(&grantees), "permission": dice.pick(&permissions)});
        (0..dice.below(4)).map(|_| grant(dice)).collect()
    };
    let ownership = dice.pick(&["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter", "ObjectWriter"]);
    let mut lists = json!({"ownership": ownership, "bucket": grants(dice)});
    if object && !dice.one_in(3) {
        lists["object"] = json!({"owner": dice.pick(&[OWNER, OTHER]), "grants": grants(dice)});
    }
    lists
}

fn block(dice: &mut Dice) -> Value {
    let mut levels = Map::new();
    for level in ["organization", "account", "bucket", "accessPoint"] {
        if dice.one_in(3) {
            let level_settings = json!({"ignorePublicAcls": dice.one_in(2), "restrictPublicBuckets": !dice.one_in(4)});
            levels.insert(level.to_owned(), level_settings);
        }
    }
    Value::Object(levels)
}

fn policies(dice: &mut Dice, through: bool, has_side: bool) -> Value {
    let mut all = Map::new();
    let identity: Vec<Value> = (0..dice.below(3)).map(|_| likely(dice, false)).collect();
    if !identity.is_empty() && has_side {
        all.insert("identity".into(), json!(identity));
    }
    for (name, odds) in [("boundary", 6), ("session", 6)] {
        if dice.one_in(odds) && has_side {
            all.insert(name.into(), likely(dice, false));
        }
    }
    for (name, resource) in [("scp", false), ("rcp", true)] {
        if dice.one_in(6) {
            let levels: Vec<Vec<Value>> = (0..dice.below(3))
                .map(|_| (0..dice.below(3)).map(|_| if resource { rcp(dice) } else { broad(dice) }).collect())
                .collect();
            all.insert(name.into(), json!(levels));
        }
    }
    if dice.one_in(6) {
        all.insert("vpcEndpoint".into(), likely(dice, true));
    }
    let names: &[&str] = if through { &["accessPoint", "bucket"] } else { &["resource"] };
    for name in names {
        if !dice.one_in(4) {
            all.insert((*name).into(), likely(dice, true));
        }
    }
    Value::Object(all)
}

/// One of the kinds of policies of a case that have a document.
pub(super) fn kind(dice: &mut Dice, policies: &Value) -> Option<&'static str> {
    let kinds = ["scp", "rcp", "vpcEndpoint", "identity", "boundary", "session", "resource", "bucket", "accessPoint"];
    let there: Vec<&'static str> = kinds.into_iter().filter(|kind| policies.get(*kind).is_some()).collect();
    if there.is_empty() { None } else { Some(there[dice.below(there.len())]) }
}

/// Any document, and often one that allows much as well, so that the layers behind it are reached.
fn likely(dice: &mut Dice, resource: bool) -> Value {
    let mut document = document(dice, resource);
    if dice.one_in(3) {
        let mut statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        if resource {
            statement["Principal"] = principals(dice, false);
        }
        let more = document["Statement"].take();
        document["Statement"] = json!([statement]);
        let statements = document["Statement"].as_array_mut().unwrap();
        match more {
            Value::Array(more) => statements.extend(more.into_iter().take(1)),
            more => statements.push(more),
        }
    }
    document
}

/// A document that allows everything, as a rule: what an organization begins with.
fn broad(dice: &mut Dice) -> Value {
    if dice.one_in(3) {
        return document(dice, false);
    }
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
}

/// Resource control policies deny, everybody, with `Action` alone.
fn rcp(dice: &mut Dice) -> Value {
    let mut statement = statement(dice, false);
    let members = statement.as_object_mut().unwrap();
    members.remove("NotAction");
    members.insert("Effect".into(), json!("Deny"));
    members.insert("Principal".into(), json!("*"));
    members.insert("Action".into(), json!(dice.pick(&["s3:*", "s3:GetObject", "s3:Put*"])));
    json!({"Version": "2012-10-17", "Statement": statement})
}

pub(super) fn document(dice: &mut Dice, resource: bool) -> Value {
    let mut document = Map::new();
    match dice.below(6) {
        0 => {}
        1 => drop(document.insert("Version".into(), json!("2008-10-17"))),
        _ => drop(document.insert("Version".into(), json!("2012-10-17"))),
    }
    let mut statements: Vec<Value> = (0..=dice.below(3)).map(|_| statement(dice, resource)).collect();
    let only = statements.len() == 1 && dice.one_in(3);
    document.insert("Statement".into(), if only { statements.remove(0) } else { json!(statements) });
    Value::Object(document)
}

fn statement(dice: &mut Dice, resource: bool) -> Value {
    let mut statement = Map::new();
    let deny = dice.one_in(4);
    statement.insert("Effect".into(), json!(if deny { "Deny" } else { "Allow" }));
    let action = if dice.one_in(10) { "NotAction" } else { "Action" };
    statement.insert(action.into(), dice.some(ACTION_PATTERNS));
    let name = if dice.one_in(10) { "NotResource" } else { "Resource" };
    let patterns: Vec<String> = (0..=dice.below(2)).map(|_| resource_pattern(dice)).collect();
    statement.insert(name.into(), if patterns.len() == 1 { json!(patterns[0]) } else { json!(patterns) });
    if resource {
        let name = if deny && dice.one_in(3) { "NotPrincipal" } else { "Principal" };
        statement.insert(name.into(), principals(dice, name == "NotPrincipal"));
    }
    if dice.one_in(2) {
        statement.insert("Condition".into(), conditions(dice));
    }
    Value::Object(statement)
}

fn resource_pattern(dice: &mut Dice) -> String {
    let bucket = dice.pick(&["acme-data", "acme-data", "acme-*", "acme-????", "*", "acme-logs"]);
    match dice.below(9) {
        0 => "*".to_owned(),
        1 => dice.pick(&["arn:aws:s3:::*", "arn:aws:s3:*", "arn:*:s3:::acme-*", "arn:aws:s3:::acme-data*"]).to_owned(),
        2 => format!("arn:aws:s3:::{bucket}"),
        3 => format!("{}/object/{}", dice.pick(&[POINT, FAR_POINT]), dice.pick(TAILS)),
        4 => dice.pick(&[POINT, FAR_POINT, "arn:aws:s3:*:111122223333:accesspoint/*"]).to_owned(),
        _ => format!("arn:aws:s3:::{bucket}/{}", dice.pick(TAILS)),
    }
}

const NAMED: &[&str] = &[
    OWNER,
    OTHER,
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::444455556666:root",
    "arn:aws:iam::111122223333:user/bob",
    "arn:aws:iam::444455556666:user/eng/dana",
    "arn:aws:iam::111122223333:role/app",
    "arn:aws:iam::444455556666:role/path/app",
    "arn:aws:sts::111122223333:assumed-role/app/one",
    "arn:aws:sts::444455556666:assumed-role/app/one",
    "arn:aws:sts::111122223333:federated-user/fred",
];

/// A provider of web identities.
pub(super) const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/idp.example";

fn principals(dice: &mut Dice, not: bool) -> Value {
    if dice.one_in(12) {
        return json!({"CanonicalUser": canonical_id(dice.pick(&[OTHER, OWNER]))});
    }
    if dice.one_in(20) {
        return json!({"Federated": PROVIDER});
    }
    match dice.below(if not { 3 } else { 6 }) {
        0 => json!({"AWS": (0..=dice.below(4)).map(|_| dice.pick(NAMED)).collect::<Vec<_>>()}),
        1 => {
            json!({"AWS": dice.some(NAMED), "Service": dice.some(&["cloudtrail.amazonaws.com", "logging.s3.amazonaws.com"])})
        }
        2 => json!({"AWS": dice.some(NAMED)}),
        3 => json!({"AWS": ["*", dice.pick(NAMED)]}),
        _ => json!("*"),
    }
}

/// Whoever may ask.
fn principal(dice: &mut Dice) -> Value {
    let account = if dice.one_in(3) { OTHER } else { OWNER };
    let user = |account| if account == OWNER { ("bob", "user/bob") } else { ("dana", "user/eng/dana") };
    if dice.one_in(40) {
        return json!({"type": "WebIdentity", "name": PROVIDER});
    }
    match dice.below(8) {
        0 => json!({"type": "Anonymous"}),
        1 => json!({"type": "Service", "name": "cloudtrail.amazonaws.com"}),
        2 => json!({"type": "Root", "account": account, "arn": format!("arn:aws:iam::{account}:root")}),
        3 => json!({
            "type": "FederatedUser", "account": account, "arn": format!("arn:aws:sts::{account}:federated-user/fred"),
            "parentArn": format!("arn:aws:iam::{account}:{}", user(account).1),
        }),
        4 | 5 => {
            let role = if account == OWNER { "role/app" } else { "role/path/app" };
            let session = dice.pick(&["one", "two"]);
            json!({
                "type": "AssumedRole", "account": account, "roleArn": format!("arn:aws:iam::{account}:{role}"),
                "arn": format!("arn:aws:sts::{account}:assumed-role/app/{session}"),
            })
        }
        _ => json!({
            "type": "IamUser", "account": account, "userName": user(account).0,
            "arn": format!("arn:aws:iam::{account}:{}", user(account).1),
        }),
    }
}

const TEXTS: &[&str] = &["bob", "dana", "Bob", "", "home/", "home/bob/", "private", "a*b", "AbC"];
const NUMBERS: &[&str] = &["10", "10.0", "9", "-1", "0.5", "1000", "ten", "+10", ""];
const DATES: &[&str] =
    &["2026-01-01T00:00:00Z", "1767225600", "2026-03-02T10:20:30Z", "2025-06-01", "2026-01-01T01:00:00+01:00", "soon"];
const ADDRESSES: &[&str] = &["203.0.113.17", "203.0.113.99", "10.1.2.3", "2001:db8::1", "2001:DB8:0::1", "nowhere"];
const BLOCKS: &[&str] =
    &["203.0.113.0/24", "203.0.113.17", "203.0.113.99/31", "0.0.0.0/0", "::/0", "2001:db8::/32", "10.0.0.0/8", "bad"];
const ARNS: &[&str] = &[
    "arn:aws:iam::111122223333:user/bob",
    "arn:aws:iam::111122223333:role/app",
    "arn:aws:sns:eu-west-1:1:t:x",
    "text",
];
const ARN_PATTERNS: &[&str] = &[
    "arn:aws:iam::*:user/*",
    "arn:aws:iam::111122223333:role/app",
    "arn:*:*:*:*:*",
    "arn:aws:sns:*:t:x",
    "*",
    "arn:aws:iam::111122223333:user/${aws:username}",
];
const PATTERNS: &[&str] = &[
    "b*",
    "*",
    "?*",
    "bob",
    "home/*",
    "${aws:username}",
    "home/${aws:username}/",
    "${aws:PrincipalTag/team}",
    "${aws:PrincipalTag/team, 'bob'}",
    "a${*}b",
    "a*b",
    "??b",
    "AbC",
    "abc",
    "",
    "${",
    "${aws:TagKeys}",
];
const ACCOUNTS: &[&str] = &[OWNER, OTHER, "1111*", "anonymous"];
const TRUTHS: &[&str] = &["true", "false", "TRUE", "maybe"];
const BINARIES: &[&str] = &["QmFydGl6YW4=", "YWJj", "%%%"];

/// Keys of the context with the values they may have.
const CONTEXT: &[(&str, &[&str])] = &[
    ("s3:prefix", TEXTS),
    ("aws:PrincipalTag/team", TEXTS),
    ("s3:max-keys", NUMBERS),
    ("aws:CurrentTime", DATES),
    ("aws:SourceIp", ADDRESSES),
    ("aws:SourceArn", ARNS),
    ("aws:SecureTransport", TRUTHS),
    ("s3:ExistingObjectTag/blob", BINARIES),
];

fn context(dice: &mut Dice, principal: &Value) -> Value {
    let mut context = Map::new();
    for (key, values) in CONTEXT {
        if dice.one_in(2) {
            let key = if dice.one_in(4) { key.to_ascii_uppercase() } else { (*key).to_owned() };
            context.insert(key, json!(dice.pick(values)));
        }
    }
    if dice.one_in(2) {
        context.insert("aws:TagKeys".into(), (0..dice.below(4)).map(|_| dice.pick(TEXTS)).collect());
    }
    for (key, member) in [("aws:username", "userName"), ("aws:PrincipalAccount", "account")] {
        if let Some(value) = principal.get(member) {
            context.insert(key.into(), value.clone());
        }
    }
    Value::Object(context)
}

fn conditions(dice: &mut Dice) -> Value {
    let mut all = Map::new();
    for _ in 0..=dice.below(2) {
        let (family, key, operands): (&[&str], &str, &[&str]) = match dice.below(10) {
            0..=3 => (
                &[
                    "StringEquals",
                    "StringNotEquals",
                    "StringEqualsIgnoreCase",
                    "StringNotEqualsIgnoreCase",
                    "StringLike",
                    "StringNotLike",
                ],
                dice.pick(&["s3:prefix", "aws:PrincipalTag/team", "aws:TagKeys", "aws:username", "AWS:TAGKEYS"]),
                PATTERNS,
            ),
            4 if dice.one_in(3) => {
                (&["StringEquals", "StringLike", "StringNotEquals"], "aws:PrincipalAccount", ACCOUNTS)
            }
            4 => (
                &[
                    "NumericEquals",
                    "NumericNotEquals",
                    "NumericLessThan",
                    "NumericLessThanEquals",
                    "NumericGreaterThan",
                    "NumericGreaterThanEquals",
                ],
                "s3:max-keys",
                NUMBERS,
            ),
            5 => (
                &[
                    "DateEquals",
                    "DateNotEquals",
                    "DateLessThan",
                    "DateLessThanEquals",
                    "DateGreaterThan",
                    "DateGreaterThanEquals",
                ],
                "aws:CurrentTime",
                DATES,
            ),
            6 => (&["IpAddress", "NotIpAddress"], "aws:SourceIp", BLOCKS),
            7 => (&["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], "aws:SourceArn", ARN_PATTERNS),
            8 => (&["Null"], dice.pick(&["s3:prefix", "aws:SourceIp", "aws:TagKeys"]), &["true", "false"]),
            _ if dice.one_in(2) => (&["BinaryEquals"], "s3:ExistingObjectTag/blob", BINARIES),
            _ => (&["Bool"], "aws:SecureTransport", TRUTHS),
        };
        let operator = dice.pick(family);
        let operator = match dice.below(6) {
            _ if operator == "Null" => operator.to_owned(),
            0 => format!("ForAllValues:{operator}"),
            1 => format!("ForAnyValue:{operator}"),
            2 => format!("{operator}IfExists"),
            3 => format!("ForAnyValue:{operator}IfExists"),
            _ => operator.to_owned(),
        };
        all.insert(operator, json!({ key: dice.some(operands) }));
    }
    Value::Object(all)
}
