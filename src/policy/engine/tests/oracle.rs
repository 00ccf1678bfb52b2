//! The naive interpreter: reads the JSON of a case as it stands and follows the specification word by
//! word. Slow, and shares nothing with the engine but the language it is written in.

use std::cmp::Ordering;
use std::net::IpAddr;

use serde_json::Value;

/// The decision of a case in the form of `vectors/policy`.
pub(super) fn decide(case: &Value) -> &'static str {
    let request = &case["request"];
    let policies = &case["policies"];
    let through = request.get("accessPoint").is_some();
    let front = text(if through { &request["accessPointResource"] } else { &request["resource"] });
    let behind = if through { text(&request["bucketResource"]) } else { front };
    let bucket = &policies[if through { "bucket" } else { "resource" }];
    let who = &request["principal"];
    let kind = text(&who["type"]);
    let has_side = !matches!(kind, "Anonymous" | "Service");
    let own = |name: &str| if has_side && kind != "Root" { list(&policies[name]) } else { Vec::new() };
    let levels = |name: &str| list(&policies[name]);
    let scps = if has_side { levels("scp") } else { Vec::new() };
    let endpoint = list(&policies["vpcEndpoint"]);

    let denied = scps.iter().any(|level| !all(case, &list(level), front, "Deny", false).is_empty())
        || levels("rcp").iter().any(|level| {
            let level = list(level);
            [front, behind].iter().any(|arn| !all(case, &level, arn, "Deny", true).is_empty())
        })
        || [front, behind].iter().any(|arn| !all(case, &endpoint, arn, "Deny", true).is_empty())
        || ["identity", "boundary", "session"]
            .iter()
            .any(|name| !all(case, &own(name), front, "Deny", false).is_empty())
        || !all(case, &list(bucket), behind, "Deny", true).is_empty()
        || !all(case, &list(&policies["accessPoint"]), front, "Deny", true).is_empty();
    if denied {
        return "ExplicitDeny";
    }
    if scps.iter().any(|level| all(case, &list(level), front, "Allow", false).is_empty()) {
        return "ImplicitDeny";
    }
    if !endpoint.is_empty() && [front, behind].iter().any(|arn| all(case, &endpoint, arn, "Allow", true).is_empty()) {
        return "ImplicitDeny";
    }
    let passes =
        |name: &str, arn: &str| policies.get(name).is_none() || !all(case, &own(name), arn, "Allow", false).is_empty();
    let limits = |arn: &str| passes("boundary", arn) && passes("session", arn);
    // Identity policies that forbid what is behind the access point do not also allow it.
    let forbids = |arn: &str| {
        ["identity", "boundary", "session"].iter().any(|name| !all(case, &own(name), arn, "Deny", false).is_empty())
    };
    let ident =
        |arn: &str| !all(case, &own("identity"), arn, "Allow", false).is_empty() && limits(arn) && !forbids(arn);
    let r_b = all(case, &list(bucket), behind, "Allow", true);
    let side = |r: &[&str], owner: &str, extra: bool| {
        let has = |kind| r.contains(&kind);
        if has_side && text(&who["account"]) == owner {
            kind == "Root"
                || has("wildcard")
                || has("direct")
                || (has("role") && limits(front))
                || ident(front)
                || extra
        } else {
            !r.is_empty() && (kind == "Root" || ident(front))
        }
    };
    let allowed = if through {
        let r_ap = all(case, &list(&policies["accessPoint"]), front, "Allow", true);
        let owner = text(&request["accessPoint"]["account"]);
        side(&r_ap, owner, false) && side(&r_b, text(&request["resourceAccount"]), ident(behind))
    } else {
        match kind {
            "Anonymous" => r_b.contains(&"wildcard"),
            "Service" => !r_b.is_empty(),
            _ => side(&r_b, text(&request["resourceAccount"]), false),
        }
    };
    if allowed { "Allow" } else { "ImplicitDeny" }
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
        if list(&element["Service"]).iter().any(|entry| who.get("service") == Some(*entry)) {
            kinds.push("direct");
        }
        kinds
    };
    if let Some(element) = statement.get("Principal") {
        return named(element);
    }
    let kinds = named(&statement["NotPrincipal"]);
    let needed: &[&str] = match text(&who["type"]) {
        "Anonymous" => &["wildcard"],
        "Service" => &["direct"],
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
fn all<'v>(case: &Value, docs: &[&'v Value], arn: &str, effect: &str, resource: bool) -> Vec<&'v str> {
    docs.iter().flat_map(|doc| applying(case, doc, arn, effect, resource)).flatten().collect()
}
