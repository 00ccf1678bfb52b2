//! The naive interpreter: reads the JSON of a case as it stands and follows the specification word by
//! word. Slow, and shares nothing with the engine but the language it is written in.

use std::cmp::Ordering;
use std::net::IpAddr;

use serde_json::Value;

/// What a case comes to: `allowed`, or `denied-` or `silent-` with the kind of policy (spec/policy-evaluation.md
/// 4, 6, 8.5, 9.3, 10).
pub(super) fn decide(case: &Value) -> String {
    if let Some(layer) = forbidding(case) {
        return format!("denied-{layer}");
    }
    match granted(case) {
        Err(layer) => format!("silent-{layer}"),
        Ok(()) if restricted(case) => "denied-public-access-block".to_owned(),
        Ok(()) => "allowed".to_owned(),
    }
}

/// The ARN of the request, and that of what is behind the access point: without one they are the same.
fn arns(case: &Value) -> [&str; 2] {
    let request = &case["request"];
    match request.get("accessPoint") {
        Some(_) => [text(&request["accessPointResource"]), text(&request["bucketResource"])],
        None => [text(&request["resource"]); 2],
    }
}

/// The bucket's policy; to the root user of the bucket's account it says nothing about itself.
fn bucket_policy(case: &Value) -> Vec<&Value> {
    let request = &case["request"];
    let (who, action) = (&request["principal"], text(&request["action"]));
    if who["type"] == "Root" && who["account"] == request["resourceAccount"] && action.ends_with("BucketPolicy") {
        return Vec::new();
    }
    list(&case["policies"][if case["request"].get("accessPoint").is_some() { "bucket" } else { "resource" }])
}

/// The documents of the caller's own side; only users, roles and federated users have one.
fn own<'a>(case: &'a Value, name: &str) -> Vec<&'a Value> {
    let has_side = matches!(text(&case["request"]["principal"]["type"]), "IamUser" | "AssumedRole" | "FederatedUser");
    if has_side { list(&case["policies"][name]) } else { Vec::new() }
}

fn service_controls(case: &Value) -> Vec<&Value> {
    let bound = case["request"]["principal"].get("account").is_some();
    if bound { list(&case["policies"]["scp"]) } else { Vec::new() }
}

/// The first kind of policy that forbids.
fn forbidding(case: &Value) -> Option<&'static str> {
    let ([front, behind], policies) = (arns(case), &case["policies"]);
    let denies = |documents: &[&Value], arn: &str, resource| !all(case, documents, arn, "Deny", resource).is_empty();
    let (scps, rcps) = (service_controls(case), list(&policies["rcp"]));
    let endpoint = list(&policies["vpcEndpoint"]);
    let either = |documents: &[&Value]| denies(documents, front, true) || denies(documents, behind, true);
    let kinds = [
        ("service-control", scps.iter().any(|level| denies(&list(level), front, false))),
        ("resource-control", rcps.iter().any(|level| either(&list(level)))),
        ("endpoint", either(&endpoint)),
        ("identity", denies(&own(case, "identity"), front, false)),
        ("boundary", denies(&own(case, "boundary"), front, false)),
        ("session", denies(&own(case, "session"), front, false)),
        ("access-point", denies(&list(&policies["accessPoint"]), front, true)),
        ("resource", denies(&bucket_policy(case), behind, true)),
    ];
    kinds.into_iter().find_map(|(kind, forbids)| forbids.then_some(kind))
}

/// Whether everything allows that must; if not, the first kind of policy that does not.
fn granted(case: &Value) -> Result<(), &'static str> {
    let ([front, behind], request) = (arns(case), &case["request"]);
    let silent = |documents: &[&Value], arn: &str, resource| all(case, documents, arn, "Allow", resource).is_empty();
    if service_controls(case).iter().any(|level| silent(&list(level), front, false)) {
        return Err("service-control");
    }
    let endpoint = list(&case["policies"]["vpcEndpoint"]);
    if !endpoint.is_empty() && (silent(&endpoint, front, true) || silent(&endpoint, behind, true)) {
        return Err("endpoint");
    }
    let (grants, owner) = bucket_grants(case);
    let who = &request["principal"];
    let Some(point) = request.get("accessPoint") else {
        let enough = match text(&who["type"]) {
            "Anonymous" => grants.contains(&"wildcard"),
            "Service" => !grants.is_empty(),
            "WebIdentity" => grants.contains(&"direct"),
            _ => return side(case, &grants, owner, false, "resource"),
        };
        return if enough { Ok(()) } else { Err("resource") };
    };
    let mut at_point = all(case, &list(&case["policies"]["accessPoint"]), front, "Allow", true);
    if request["consent"] == true {
        at_point.push("account");
    }
    side(case, &at_point, text(&point["account"]), false, "access-point")?;
    let at_home = who.get("account").is_some_and(|account| account == owner);
    match side(case, &grants, owner, may(case, behind), "resource") {
        // The caller's policies were content with the access point, or need not be: the bucket is missing.
        Err("identity") if at_home => Err("resource"),
        result => result,
    }
}

/// What the bucket's side grants: the ways in which it names the caller, and whose account it is.
fn bucket_grants(case: &Value) -> (Vec<&'static str>, &str) {
    let (request, lists) = (&case["request"], &case["lists"]);
    let mut grants = all(case, &bucket_policy(case), arns(case)[1], "Allow", true);
    let mut owner = text(&request["resourceAccount"]);
    let action = text(&request["action"]).trim_start_matches("s3:");
    if lists.is_object() && lists["ownership"] != "BucketOwnerEnforced" {
        let object_owner = lists["object"].get("owner").map(text);
        let reads_object = action.starts_with("GetObject") || action.contains("ObjectAcl");
        if let Some(foreign) = object_owner.filter(|object| *object != owner && reads_object) {
            grants.clear();
            owner = foreign;
        }
        let who = &request["principal"];
        let others = object_owner.is_some_and(|object| who.get("account").is_none_or(|account| account != object));
        let (list, permission) = match action {
            "ListBucket" | "ListBucketVersions" => ("bucket", "READ"),
            "PutObject" if !others => ("bucket", "WRITE"),
            "GetBucketAcl" => ("bucket", "READ_ACP"),
            "PutBucketAcl" => ("bucket", "WRITE_ACP"),
            "GetObject" | "GetObjectVersion" => ("object", "READ"),
            "GetObjectAcl" | "GetObjectVersionAcl" => ("object", "READ_ACP"),
            "PutObjectAcl" | "PutObjectVersionAcl" => ("object", "WRITE_ACP"),
            _ => ("none", ""),
        };
        let entries = if list == "object" { &lists["object"]["grants"] } else { &lists[list] };
        grants.extend(listed(case, entries, permission));
    }
    if request["consent"] == true {
        grants.push("account");
    }
    (grants, owner)
}

/// How a list grants a permission to the caller.
fn listed(case: &Value, entries: &Value, permission: &str) -> Vec<&'static str> {
    let (request, kind) = (&case["request"], text(&case["request"]["principal"]["type"]));
    let signed = request["principal"].get("account").is_some();
    let groups_count = !setting(case, "ignorePublicAcls");
    let covering = list(entries)
        .into_iter()
        .filter(|entry| entry["permission"] == permission || entry["permission"] == "FULL_CONTROL");
    let kinds = covering.filter_map(|entry| match text(&entry["grantee"]) {
        "AllUsers" => (groups_count && (signed || kind == "Anonymous")).then_some("wildcard"),
        "AuthenticatedUsers" => (groups_count && signed).then_some("wildcard"),
        id => (request.get("canonicalId").is_some_and(|own| own == id)).then_some("account"),
    });
    kinds.collect()
}

/// Whether boundary and session policy let the caller's own side allow; if not, the first that does not.
fn limited(case: &Value, arn: &str) -> Option<&'static str> {
    ["boundary", "session"].into_iter().find(|name| {
        let documents = own(case, name);
        !documents.is_empty() && all(case, &documents, arn, "Allow", false).is_empty()
    })
}

/// Whether the caller's own side allows it. Policies that forbid what is behind the access point do not also
/// allow it.
fn may(case: &Value, arn: &str) -> bool {
    let forbids = |name| !all(case, &own(case, name), arn, "Deny", false).is_empty();
    !all(case, &own(case, "identity"), arn, "Allow", false).is_empty()
        && limited(case, arn).is_none()
        && !["identity", "boundary", "session"].into_iter().any(forbids)
}

/// Whether one side agrees, that of the bucket or that of the access point; `also`: the caller's own side
/// allows it by another ARN.
fn side(case: &Value, grants: &[&str], owner: &str, also: bool, missing: &'static str) -> Result<(), &'static str> {
    let (who, front) = (&case["request"]["principal"], arns(case)[0]);
    let Some(account) = who.get("account") else { return Err(missing) };
    let root = who["type"] == "Root";
    let has = |kind| grants.contains(&kind);
    let silence = limited(case, front).unwrap_or("identity");
    if account == owner {
        let resource = has("wildcard") || has("direct") || (has("role") && limited(case, front).is_none());
        return if root || resource || may(case, front) || also { Ok(()) } else { Err(silence) };
    }
    if !root && !may(case, front) {
        return Err(silence);
    }
    if grants.is_empty() { Err(missing) } else { Ok(()) }
}

/// Whether a setting of Block Public Access is in force for the request.
fn setting(case: &Value, name: &str) -> bool {
    let block = &case["block"];
    let through = case["request"].get("accessPoint").is_some();
    let account = if block.get("organization").is_some() { "organization" } else { "account" };
    block[account][name] == true || block["bucket"][name] == true || (through && block["accessPoint"][name] == true)
}

/// Whether RestrictPublicBuckets cuts off whom policies allow.
fn restricted(case: &Value) -> bool {
    let request = &case["request"];
    let who = &request["principal"];
    let of = |owner: &Value| who.get("account").is_some_and(|account| account == owner);
    if !setting(case, "restrictPublicBuckets") || who["type"] == "Service" || of(&request["resourceAccount"]) {
        return false;
    }
    let point = request.get("accessPoint").filter(|point| point["origin"] != "VPC" && !of(&point["account"]));
    bucket_policy(case).into_iter().any(is_public)
        || (point.is_some() && list(&case["policies"]["accessPoint"]).into_iter().any(is_public))
}

/// Whether a policy is public (spec/policy-evaluation.md 8.3), as far as the keys of the cases go.
fn is_public(document: &Value) -> bool {
    list(&document["Statement"]).into_iter().filter(|statement| statement["Effect"] == "Allow").any(|statement| {
        let element = &statement["Principal"];
        let everyone = element == "*" || list(&element["AWS"]).into_iter().any(|entry| entry == "*");
        let clauses = statement["Condition"].as_object().into_iter().flatten();
        let limiting = |(operator, keys): (&String, &Value)| {
            keys.as_object().unwrap().iter().any(|(key, operands)| limits(operator, key, &list(operands)))
        };
        element.get("Federated").is_some() || (everyone && !clauses.into_iter().any(limiting))
    })
}

fn limits(operator: &str, key: &str, operands: &[&Value]) -> bool {
    let operator = strip(operator, "ForAnyValue:").1;
    let positive = ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress"];
    let fixed = |text: &str| !text.contains(['*', '?']) && !text.contains("${");
    let narrow = |text: &str| {
        let (address, bits) = text.split_once('/').unwrap_or((text, "128"));
        let least = if address.contains(':') { 32 } else { 8 };
        address.parse::<IpAddr>().is_ok() && bits.parse::<u8>().unwrap() >= least
    };
    let of_key: &dyn Fn(&str) -> bool = match key.to_lowercase().as_str() {
        "aws:sourceip" => &narrow,
        "aws:sourcearn" => &fixed,
        // What requests without a signature carry is no account.
        "aws:principalaccount" => &|text| fixed(text) && text != "anonymous",
        _ => return false,
    };
    positive.contains(&operator) && operands.iter().all(|operand| of_key(text(operand)))
}

/// For every statement of the effect that applies: the ways in which it names the caller.
fn applying(case: &Value, doc: &Value, arn: &str, effect: &str, resource: bool) -> Vec<Vec<&'static str>> {
    let variables = doc["Version"] == "2012-10-17";
    let statements = list(&doc["Statement"]).into_iter().filter(|statement| statement["Effect"] == effect);
    let judged = statements.map(|statement| {
        let kinds = if resource { principal(case, statement) } else { vec!["wildcard"] };
        let context = &case["request"]["context"];
        let action = text(&case["request"]["action"]).to_lowercase();
        let acts = |entry: &&Value| glob(&tokens(&text(entry).to_lowercase(), true, false, context).unwrap(), &action);
        let resources = |entry: &&Value| resource_matches(text(entry), arn, variables, context);
        let applies = either(statement, "Action", acts)
            && either(statement, "Resource", resources)
            && conditions(statement, variables, context);
        if applies { kinds } else { Vec::new() }
    });
    judged.filter(|kinds| !kinds.is_empty()).collect()
}

fn either(statement: &Value, name: &str, matches: impl Fn(&&Value) -> bool) -> bool {
    match statement.get(name) {
        Some(entries) => list(entries).iter().any(&matches),
        None => !list(&statement[format!("Not{name}")]).iter().any(&matches),
    }
}

fn principal(case: &Value, statement: &Value) -> Vec<&'static str> {
    let who = &case["request"]["principal"];
    let account = who.get("account").map(text);
    let named = |element: &Value| {
        let mut kinds = Vec::new();
        let aws = if element == "*" { vec![element] } else { list(&element["AWS"]) };
        for entry in aws.into_iter().map(text) {
            if entry == "*" {
                kinds.push("wildcard");
            }
            if account.is_some_and(|account| entry == account || entry == format!("arn:aws:iam::{account}:root")) {
                kinds.push("account");
            }
            if who["type"] != "Root" && who.get("arn").is_some_and(|arn| arn == entry) {
                kinds.push("direct");
            }
            if ["roleArn", "parentArn"].iter().any(|name| who.get(*name).is_some_and(|arn| arn == entry)) {
                kinds.push("role");
            }
        }
        if ["Service", "Federated"].iter().any(|name| list(&element[name]).contains(&&who["name"])) {
            kinds.push("direct");
        }
        if list(&element["CanonicalUser"]).iter().any(|entry| case["request"].get("canonicalId") == Some(*entry)) {
            kinds.push("account");
        }
        kinds
    };
    if let Some(element) = statement.get("Principal") {
        return named(element);
    }
    let kinds = named(&statement["NotPrincipal"]);
    let needed: &[&str] = match text(&who["type"]) {
        "Anonymous" => &["wildcard"],
        "Service" | "WebIdentity" => &["direct"],
        "Root" => &["account"],
        "IamUser" => &["account", "direct"],
        _ => &["account", "role", "direct"],
    };
    let bounded = case["policies"].get("boundary").is_some();
    let spared = !bounded && (kinds.contains(&"wildcard") || needed.iter().all(|kind| kinds.contains(kind)));
    if statement["Effect"] == "Deny" && !spared { vec!["wildcard"] } else { Vec::new() }
}

fn resource_matches(pattern: &str, arn: &str, variables: bool, context: &Value) -> bool {
    match six(pattern) {
        Some(patterns) => arn_matches(patterns, arn, variables, context) == Some(true),
        None => pattern.ends_with('*') && glob(&tokens(pattern, true, false, context).unwrap(), arn),
    }
}

/// `None`: a variable has no value.
fn arn_matches(patterns: Vec<&str>, arn: &str, variables: bool, context: &Value) -> Option<bool> {
    let Some(parts) = six(arn) else { return Some(false) };
    let mut all = parts[0] == "arn";
    for (at, (pattern, part)) in patterns.iter().zip(parts).enumerate() {
        all &= glob(&tokens(pattern, true, variables && at == 5, context)?, part);
    }
    Some(all)
}

fn six(arn: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    (parts.len() == 6).then_some(parts)
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Just(char),
    One,
    Run,
}

/// A pattern with its variables replaced; `None` where one has no value.
fn tokens(pattern: &str, wildcards: bool, variables: bool, context: &Value) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        if variables && rest.starts_with("${") && rest.contains('}') {
            let (inner, behind) = rest.get(2..).unwrap().split_once('}').unwrap();
            rest = behind;
            let value = match inner {
                "*" | "?" | "$" => inner.to_owned(),
                _ => variable(inner, context)?,
            };
            out.extend(value.chars().map(Token::Just));
            continue;
        }
        out.push(match letter {
            '*' if wildcards => Token::Run,
            '?' if wildcards => Token::One,
            _ => Token::Just(letter),
        });
        rest = rest.get(letter.len_utf8()..).unwrap();
    }
    Some(out)
}

fn variable(inner: &str, context: &Value) -> Option<String> {
    let (name, default) = match inner.split_once(',') {
        Some((name, default)) => (name, Some(default.trim().trim_matches('\''))),
        None => (inner, None),
    };
    match lookup(context, name) {
        Some(Value::String(value)) => Some(value.clone()),
        Some(_) => None,
        None => default.map(str::to_owned),
    }
}

fn lookup<'a>(context: &'a Value, key: &str) -> Option<&'a Value> {
    let found = context.as_object()?.iter().find(|(name, _)| name.to_lowercase() == key.to_lowercase());
    found.map(|(_, value)| value)
}

/// Which beginnings of the pattern match the text so far.
fn glob(pattern: &[Token], text: &str) -> bool {
    let mut reach = vec![false; pattern.len() + 1];
    reach[0] = true;
    let skip_runs = |reach: &mut Vec<bool>| {
        for (at, token) in pattern.iter().enumerate() {
            if reach[at] && *token == Token::Run {
                reach[at + 1] = true;
            }
        }
    };
    skip_runs(&mut reach);
    for letter in text.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for (at, token) in pattern.iter().enumerate().filter(|(at, _)| reach[*at]) {
            match token {
                Token::Run => next[at] = true,
                Token::One => next[at + 1] = true,
                Token::Just(own) => next[at + 1] |= *own == letter,
            }
        }
        reach = next;
        skip_runs(&mut reach);
    }
    reach[pattern.len()]
}

fn conditions(statement: &Value, variables: bool, context: &Value) -> bool {
    let Some(operators) = statement.get("Condition").and_then(Value::as_object) else { return true };
    operators.iter().all(|(operator, keys)| {
        keys.as_object()
            .unwrap()
            .iter()
            .all(|(key, operands)| clause(operator, key, &list(operands), variables, context))
    })
}

fn clause(operator: &str, key: &str, operands: &[&Value], variables: bool, context: &Value) -> bool {
    let found = lookup(context, key);
    if operator == "Null" {
        return operands.iter().any(|operand| text(operand) == if found.is_none() { "true" } else { "false" });
    }
    let (every, operator) = strip(operator, "ForAllValues:");
    let (any, operator) = strip(operator, "ForAnyValue:");
    let (lax, operator) = match operator.strip_suffix("IfExists") {
        Some(operator) => (true, operator),
        None => (false, operator),
    };
    let negated = operator.contains("Not");
    let Some(found) = found else { return lax || every || (negated && !any) };
    let values = list(found);
    let passes = |value: &&Value| {
        operands.iter().any(|operand| compare(operator, text(value), text(operand), variables, context)) != negated
    };
    match (every, any) {
        (true, _) => values.iter().all(passes),
        (_, true) => values.iter().any(passes),
        _ => values.len() == 1 && passes(&values[0]),
    }
}

fn strip<'a>(operator: &'a str, prefix: &str) -> (bool, &'a str) {
    operator.strip_prefix(prefix).map_or((false, operator), |rest| (true, rest))
}

fn compare(operator: &str, value: &str, operand: &str, variables: bool, context: &Value) -> bool {
    let order = |order: Option<Ordering>| match operator {
        _ if operator.ends_with("LessThan") => order == Some(Ordering::Less),
        _ if operator.ends_with("LessThanEquals") => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        _ if operator.ends_with("GreaterThan") => order == Some(Ordering::Greater),
        _ if operator.ends_with("GreaterThanEquals") => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => order == Some(Ordering::Equal),
    };
    let like = |wildcards, fold: bool| {
        let fold = |text: &str| if fold { text.to_lowercase() } else { text.to_owned() };
        let Some(pattern) = tokens(operand, wildcards, variables, context) else { return false };
        let folded: Vec<Token> = pattern
            .into_iter()
            .flat_map(|token| match token {
                Token::Just(letter) => fold(&letter.to_string()).chars().map(Token::Just).collect(),
                other => vec![other],
            })
            .collect();
        glob(&folded, &fold(value))
    };
    match operator {
        "StringEquals" | "StringNotEquals" => like(false, false),
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" => like(false, true),
        "StringLike" | "StringNotLike" => like(true, false),
        "Bool" => ["true", "false"].contains(&value.to_lowercase().as_str()) && like(false, true),
        "BinaryEquals" => decoded(value).is_some() && decoded(value) == decoded(operand),
        "IpAddress" | "NotIpAddress" => in_block(value, operand).unwrap_or(false),
        _ if operator.starts_with("Numeric") => {
            order(number(value).zip(number(operand)).map(|(value, operand)| value.cmp(&operand)))
        }
        _ if operator.starts_with("Date") => {
            order(instant(value).zip(instant(operand)).map(|(value, operand)| value.cmp(&operand)))
        }
        _ if operator.starts_with("Arn") => {
            six(operand).is_some_and(|patterns| arn_matches(patterns, value, variables, context) == Some(true))
        }
        _ => panic!("{operator}"),
    }
}

/// Thousandths: more digits are not in the cases.
fn number(text: &str) -> Option<i64> {
    let unsigned = text.trim_start_matches(['-', '+']);
    unsigned.chars().next().filter(char::is_ascii_digit)?;
    text.parse::<f64>().ok().map(|number| (number * 1000.0).round() as i64)
}

fn instant(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(seconds);
    }
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    whole.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

fn in_block(value: &str, operand: &str) -> Option<bool> {
    let (network, bits) = operand.split_once('/').map_or((operand, None), |(network, bits)| (network, Some(bits)));
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (network, value) = (octets(network.parse().ok()?), octets(value.parse().ok()?));
    let bits = bits.map_or(network.len() * 8, |bits| bits.parse().unwrap());
    let bit = |octets: &[u8], at: usize| octets[at / 8] >> (7 - at % 8) & 1;
    Some(network.len() == value.len() && (0..bits).all(|at| bit(&network, at) == bit(&value, at)))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// One value and a list of one value mean the same; what is not there is none.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}

/// The ways in which what applies of some documents meets the caller.
fn all(case: &Value, docs: &[&Value], arn: &str, effect: &str, resource: bool) -> Vec<&'static str> {
    docs.iter().flat_map(|doc| applying(case, doc, arn, effect, resource)).flatten().collect()
}
