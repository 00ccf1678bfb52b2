//! What the parser of TOML complains about, with what to write instead.

use std::ops::Range;

use toml::de::Error;

/// Tables that there may be several of.
const SEVERAL: [&str; 17] = [
    "account",
    "audit.sink",
    "group",
    "guard.encryption.rule",
    "listen",
    "oidc",
    "rate.dimension",
    "rehearsal",
    "role",
    "role.keys",
    "sensitivity.level",
    "sensitivity.map",
    "test",
    "unit",
    "upstream",
    "user",
    "user.keys",
];

/// One complaint.
pub(super) struct Told<'f> {
    pub(super) span: Range<usize>,
    pub(super) message: &'f str,
    pub(super) help: String,
}

/// All complaints that say something of their own. Of a table that is there twice only its head is told, not
/// each of its keys.
pub(super) fn told<'f>(text: &str, faults: &'f [Error]) -> Vec<Told<'f>> {
    let mut told = Vec::new();
    let mut twice = 0..0;
    for fault in faults {
        let (span, message) = (fault.span().unwrap_or_default(), fault.message());
        let again = message == "duplicate key";
        if again && twice.contains(&span.start) {
            continue;
        }
        let help = match head(text, span.start) {
            Some(name) if again => {
                twice = span.start..next_head(text, span.start);
                of_table(name)
            }
            _ if again => "keep one of the two".to_owned(),
            _ => of_syntax(message),
        };
        told.push(Told { span, message, help });
    }
    told
}

/// The name of the table whose head stands in the line of a place.
fn head(text: &str, at: usize) -> Option<&str> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text.get(start..)?.lines().next()?.trim();
    let inner = line.split('#').next()?.trim_end().strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.trim_matches(['[', ']', ' ']))
}

/// Where the head of the next table stands, or the text ends.
fn next_head(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let mut place = at;
    for line in rest.split_inclusive('\n') {
        if place > at && line.trim_start().starts_with('[') {
            return place;
        }
        place += line.len();
    }
    text.len()
}

fn of_table(name: &str) -> String {
    match SEVERAL.contains(&name) {
        true => format!("write `[[{name}]]` above each of them"),
        false => format!("put all keys of `{name}` together below one `[{name}]`"),
    }
}

fn of_syntax(message: &str) -> String {
    let expected = message.rsplit_once("expected ").map(|(_, expected)| expected);
    let one = expected.and_then(|expected| expected.strip_prefix('`')?.strip_suffix('`'));
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match one {
        Some("=") => "write `key = value`".to_owned(),
        // `info` is taken for the beginning of `inf`.
        Some(expected) if word(expected) => "put the text in double quotes".to_owned(),
        Some(expected) if !expected.contains('`') => format!("add `{expected}`"),
        _ if message.contains("quoted") => "put the text in double quotes".to_owned(),
        _ => "write `key = value`, one a line, texts in double quotes, and `[name]` above a table".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        let (_, faults) = DeTable::parse_recoverable(text);
        let told = told(text, &faults);
        let found: Vec<(usize, &str)> = told.iter().map(|told| (told.span.start, told.help.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_table_that_is_there_twice_is_told_by_its_head_alone() {
        let twice = "[user]\na = 1\nb = 2\n[user] # again\na = 1\nb = 2\n";
        check(twice, &[(20, "write `[[user]]` above each of them")]);
        let more = format!("{twice}[log]\nc = 1\nc = 2\n");
        check(&more, &[(20, "write `[[user]]` above each of them"), (58, "keep one of the two")]);
        check("[log]\na = 1\n[log]\na = 1\n", &[(13, "put all keys of `log` together below one `[log]`")]);
    }

    #[test]
    fn a_slip_is_told_with_what_to_write() {
        check("a = 1\na = 2\n", &[(6, "keep one of the two")]);
        check("a = info\n", &[(4, "put the text in double quotes")]);
        check("a\n", &[(1, "write `key = value`")]);
        check("[a\n", &[(2, "add `]`")]);
    }
}
