//! A typed walk over a TOML text that keeps every position and goes on after a fault.
//!
//! Not serde: a derived reader stops at the first fault, and knows no `{ env = … }`.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::{Finding, Findings, Source};
use super::{Environment, files, units};
use crate::near::nearest;
use crate::sigv4::Secret;

mod syntax;

/// What a value read through `{ file = … }` may hold at most.
const INDIRECT_LIMIT: u64 = 64 << 10;

/// Collects what is wrong with one text.
pub(super) struct Reader<'a> {
    source: Arc<Source>,
    base: &'a Path,
    environment: &'a dyn Environment,
    /// Whether others may read the file that the text is from.
    exposed: bool,
    findings: RefCell<Findings>,
}

/// A table that is being read. What nobody asked for is an unknown key.
pub(super) struct Table<'r> {
    reader: &'r Reader<'r>,
    entries: &'r DeTable<'r>,
    span: Range<usize>,
    name: String,
    known: Vec<&'static str>,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A string, and whether it stood in the text itself.
struct Text {
    value: String,
    literal: bool,
}

/// Reads `text` and hands its root table to `read`. `Err` holds every fault; warnings come along with `Ok`.
pub(super) fn read<T>(
    path: &Path,
    text: &str,
    environment: &dyn Environment,
    read: impl FnOnce(&mut Table<'_>) -> Option<T>,
) -> Result<(T, Findings), Findings> {
    let base = path.parent().unwrap_or(Path::new(""));
    let source = Source::new(path.display().to_string(), text);
    let exposed = std::fs::metadata(path).is_ok_and(|metadata| files::exposed(&metadata));
    let reader = Reader { source, base, environment, exposed, findings: RefCell::default() };
    let (root, faults) = DeTable::parse_recoverable(text);
    for syntax::Told { span, message, help } in syntax::told(text, &faults) {
        reader.report(span, message, "not TOML here", Some(&help));
    }
    let value = if faults.is_empty() {
        let mut table =
            Table { reader: &reader, entries: root.get_ref(), span: 0..0, name: String::new(), known: vec![] };
        let value = read(&mut table);
        table.finish();
        value
    } else {
        None
    };
    let mut findings = reader.findings.into_inner();
    findings.sort();
    match value {
        Some(value) if !findings.has_errors() => Ok((value, findings)),
        _ if findings.has_errors() => Err(findings),
        _ => Err(Finding::file(path, "the file could not be read").into()),
    }
}

impl Reader<'_> {
    fn report(&self, span: Range<usize>, message: &str, label: &str, help: Option<&str>) {
        let finding = Finding::error(&self.source, Some(span), message).label(label);
        self.findings.borrow_mut().push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }

    /// A string value, or what `{ env = "NAME" }` or `{ file = "PATH" }` stand for.
    fn text(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Text> {
        let indirect = match value.get_ref() {
            DeValue::String(text) => return Some(Text { value: text.to_string(), literal: true }),
            DeValue::Table(table) if table.len() == 1 => table.iter().next(),
            _ => None,
        };
        let source = indirect.and_then(|(key, value)| Some((key.get_ref().as_ref(), value.get_ref().as_str()?)));
        let result = match source {
            Some(("env", variable)) => self.environment.variable(variable).ok_or_else(|| {
                (format!("the environment variable {variable} is not set"), "set it, or write the value")
            }),
            Some(("file", path)) => files::read_text(&self.base.join(path), INDIRECT_LIMIT)
                .map(|text| text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
                .map_err(|fault| (format!("`{path}` {fault}"), "relative paths start at the folder of this file")),
            _ => {
                let label = format!("{} is not a string", value.get_ref().type_str());
                let help = "write a string, or `{ env = \"NAME\" }`, or `{ file = \"PATH\" }`";
                self.report(value.span(), &format!("`{name}` must be a string"), &label, Some(help));
                return None;
            }
        };
        match result {
            Ok(value) => Some(Text { value, literal: false }),
            Err((label, help)) => {
                self.report(value.span(), &format!("`{name}` has no value"), &label, Some(help));
                None
            }
        }
    }
}

impl<'r> Table<'r> {
    /// Where the table stands, and for the root the start of the text.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The line of a place in the text.
    pub(super) fn line_of(&self, span: &Range<usize>) -> usize {
        self.reader.source.position(span.start).0
    }

    /// The full name of the table.
    pub(super) fn path_here(&self) -> String {
        self.name.clone()
    }

    /// The full name of a key.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Records a fault.
    pub(super) fn fault(&self, span: Range<usize>, message: impl AsRef<str>, label: &str, help: impl AsRef<str>) {
        self.reader.report(span, message.as_ref(), label, Some(help.as_ref()));
    }

    /// Records something to know.
    pub(super) fn warn(&self, span: Range<usize>, message: &str, label: &str, help: &str) {
        let finding = Finding::warning(&self.reader.source, Some(span), message).label(label).help(help);
        self.reader.findings.borrow_mut().push(finding);
    }

    /// Whether a key is written; it then counts as known.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.take(key).is_some()
    }

    /// Where the value of a key stands.
    pub(super) fn span_of(&mut self, key: &'static str) -> Option<Range<usize>> {
        self.take(key).map(Spanned::span)
    }

    /// A string, checked by `parse`, whose complaint says what is expected.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Located<T>> {
        let value = self.take(key)?;
        let text = self.reader.text(&self.path_of(key), value)?;
        self.convert(key, value.span(), &text, expected, parse)
    }

    /// The same of a number with a point, as it is written.
    pub(super) fn parsed_or_decimal<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Located<T>> {
        let value = self.take(key)?;
        let DeValue::Float(number) = value.get_ref() else { return self.parsed(key, expected, parse) };
        let text = Text { value: number.as_str().to_owned(), literal: true };
        self.convert(key, value.span(), &text, expected, parse)
    }

    /// A string as it is, not empty.
    pub(super) fn string(&mut self, key: &'static str) -> Option<Located<String>> {
        self.parsed(key, "a string that is not empty", |text| (!text.is_empty()).then(|| text.to_owned()))
    }

    /// A path, relative to the folder of the file.
    pub(super) fn path(&mut self, key: &'static str) -> Option<Located<PathBuf>> {
        let base = self.reader.base;
        self.parsed(key, "a path", |text| (!text.is_empty()).then(|| base.join(text)))
    }

    /// The text, for findings that come later.
    pub(super) fn source(&self) -> Arc<Source> {
        Arc::clone(&self.reader.source)
    }

    /// The folder that relative paths start at.
    pub(super) fn base(&self) -> &Path {
        self.reader.base
    }

    /// The environment that `{ env = … }` reads.
    pub(super) fn environment(&self) -> &dyn Environment {
        self.reader.environment
    }

    /// A secret. One that stands in a file that others may read is worth a warning.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let value = self.take(key)?;
        let text = self.reader.text(&self.path_of(key), value)?;
        if text.value.is_empty() || text.value.bytes().any(|byte| byte.is_ascii_control()) {
            let message = format!("`{}` is not usable as a secret", self.path_of(key));
            self.fault(value.span(), message, "empty, or with control characters", "write it in one line");
            return None;
        }
        if text.literal && self.reader.exposed {
            let message = format!("`{}` stands in a file that others may read", self.path_of(key));
            let help = "run `chmod 600` on the file, or write `{ env = \"NAME\" }`";
            self.warn(value.span(), &message, "a secret", help);
        }
        Some(Secret::new(text.value))
    }

    /// A list of strings, each checked by `parse`.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<Located<T>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            let help = format!("write `{key} = [ … ]`");
            self.fault(value.span(), format!("`{}` must be a list", self.path_of(key)), "not a list", help);
            return Vec::new();
        };
        let item = |item: &Spanned<DeValue<'_>>| {
            let text = self.reader.text(&self.path_of(key), item)?;
            self.convert(key, item.span(), &text, expected, &parse)
        };
        items.iter().filter_map(item).collect()
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)], default: T) -> T {
        let named: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let expected = format!("one of {}", named.join(", "));
        let find = |text: &str| words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        self.parsed(key, &expected, find).map_or(default, |found| found.value)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.take(key) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            let message = format!("`{}` must be true or false", self.path_of(key));
            self.fault(value.span(), message, "not a boolean", format!("write `{key} = {default}`"));
            default
        })
    }

    /// A whole number in a range.
    pub(super) fn integer(&mut self, key: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let Some(value) = self.take(key) else { return default };
        let number =
            value.get_ref().as_integer().and_then(|number| i128::from_str_radix(number.as_str(), number.radix()).ok());
        let fit = number.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        fit.unwrap_or_else(|| {
            let problem = if number.is_some() { "is out of range" } else { "must be a whole number" };
            self.out_of_range(key, value.span(), problem, range.start(), range.end(), &default.to_string());
            default
        })
    }

    /// A whole number in a range that has no usual value.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let span = self.span_of(key)?;
        let (low, high) = (*range.start(), *range.end());
        let found = self.take(key).and_then(|value| value.get_ref().as_integer());
        let found = found.and_then(|number| i128::from_str_radix(number.as_str(), number.radix()).ok());
        let fit = found.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        if fit.is_none() {
            let message = format!("`{}` is out of range", self.path_of(key));
            self.fault(span, message, &format!("must be from {low} to {high}"), "write a number in that range");
        }
        fit
    }

    /// A part of a whole, above 0 and up to 1, in millionths.
    pub(super) fn share(&mut self, key: &'static str) -> Option<u32> {
        let value = self.take(key)?;
        let text = match value.get_ref() {
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(number) => number.as_str(),
            _ => "",
        };
        let millionths = text.parse::<f64>().ok().map(|share| (share * 1e6).round()).unwrap_or_default();
        let fit = (1..=1_000_000_u32).contains(&(millionths as u32)).then_some(millionths as u32);
        if fit.is_none() {
            let message = format!("`{}` is out of range", self.path_of(key));
            self.fault(value.span(), message, "must be from 0.000001 to 1.0", format!("write `{key} = 0.8`"));
        }
        fit
    }

    /// Whether a key holds a whole number.
    pub(super) fn is_number(&mut self, key: &'static str) -> bool {
        self.take(key).is_some_and(|value| value.get_ref().is_integer())
    }

    /// A duration in a range.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        let expected = "a duration such as \"250ms\", \"30s\", \"15m\" or \"7d\"";
        let Some(found) = self.parsed(key, expected, units::duration) else { return default };
        if range.contains(&found.value) {
            return found.value;
        }
        let [low, high, usual] = [*range.start(), *range.end(), default].map(units::spell_duration);
        self.out_of_range(key, found.span, "is out of range", &low, &high, &format!("\"{usual}\""));
        default
    }

    /// A size in a range.
    pub(super) fn size(&mut self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> u64 {
        let expected = "a size such as \"512B\", \"64KiB\" or \"5GiB\"";
        let Some(found) = self.parsed(key, expected, units::size) else { return default };
        if range.contains(&found.value) {
            return found.value;
        }
        let [low, high, usual] = [*range.start(), *range.end(), default].map(units::spell_size);
        self.out_of_range(key, found.span, "is out of range", &low, &high, &format!("\"{usual}\""));
        default
    }

    /// Pairs of name and string.
    pub(super) fn pairs(&mut self, key: &'static str) -> Vec<(String, String)> {
        let Some(table) = self.table(key) else { return Vec::new() };
        let pair = |(name, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
            Some((name.get_ref().to_string(), self.reader.text(&self.path_of(key), value)?.value))
        };
        table.entries.iter().filter_map(pair).collect()
    }

    /// Names with a string or a list of strings each: a pair for every string.
    pub(super) fn many(&mut self, key: &'static str) -> Vec<(String, String)> {
        let Some(table) = self.table(key) else { return Vec::new() };
        let mut pairs = Vec::new();
        for (name, value) in table.entries {
            let name = name.get_ref().to_string();
            let path = self.path_of(key);
            let items: Vec<_> = value.get_ref().as_array().map_or_else(|| vec![value], |items| items.iter().collect());
            for item in items {
                pairs.extend(self.reader.text(&path, item).map(|text| (name.clone(), text.value)));
            }
        }
        pairs
    }

    /// A string, or a list of at least one.
    pub(super) fn one_or_more<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<Located<T>> {
        if !self.is_list(key) {
            return self.parsed(key, expected, parse).into_iter().collect();
        }
        let found = self.list(key, expected, parse);
        if let (Some(span), true) = (self.span_of(key), found.is_empty()) {
            self.fault(
                span,
                format!("`{}` is empty", self.path_of(key)),
                "nothing here",
                format!("expected {expected}"),
            );
        }
        found
    }

    /// A table below this one. The caller finishes it.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Table<'r>> {
        let value = self.take(key)?;
        let name = self.path_of(key);
        if value.get_ref().as_table().is_none() {
            let help = format!("write `[{name}]` or `{key} = {{ … }}`");
            self.fault(value.span(), format!("`{name}` must be a table"), "not a table", help);
        }
        self.below(value, name)
    }

    /// An array of tables below this one. The caller finishes each.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'r>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let name = self.path_of(key);
        let items = value.get_ref().as_array().map(|items| items.iter().collect::<Vec<_>>()).unwrap_or_default();
        let tables = items.iter().enumerate().filter_map(|(at, item)| self.below(item, format!("{name}[{at}]")));
        let tables: Vec<_> = tables.collect();
        if tables.is_empty() || tables.len() < items.len() {
            let help = format!("write `[[{name}]]` above each, or a list of `{{ … }}`");
            self.fault(value.span(), format!("`{name}` must be a list of tables"), "not a list of tables", help);
        }
        tables
    }

    /// The value of a key that is a plain string.
    pub(super) fn word(&mut self, key: &'static str) -> Option<String> {
        self.take(key).and_then(|value| value.get_ref().as_str()).map(str::to_owned)
    }

    /// Whether a key holds an array rather than a table.
    pub(super) fn is_list(&mut self, key: &'static str) -> bool {
        self.take(key).is_some_and(|value| value.get_ref().is_array())
    }

    /// Refuses keys of features that this version lacks: ignoring them would be a hole.
    pub(super) fn unavailable(&mut self, keys: &[&'static str]) {
        keys.iter().for_each(|key| self.unavailable_but(key, "remove it, or use a version that has it"));
    }

    /// Refuses a key that this version does not have, with what to do instead.
    pub(super) fn unavailable_but(&mut self, key: &'static str, help: &str) {
        let Some(span) = self.key_span(key) else { return };
        self.known.push(key);
        let message = format!("`{}` is not available in this version", self.path_of(key));
        self.fault(span, message, "would be ignored, so it is refused", help);
    }

    /// Refuses keys that make no sense beside another.
    pub(super) fn pointless(&mut self, keys: &[&'static str], beside: &str) {
        for key in keys {
            let Some(span) = self.key_span(key) else { continue };
            self.known.push(key);
            let message = format!("`{}` has no meaning with {beside}", self.path_of(key));
            self.fault(span, message, "would be ignored, so it is refused", "remove it");
        }
    }

    /// Records that a key must be there.
    pub(super) fn required(&self, key: &str, example: &str) {
        let place =
            if self.name.is_empty() { "at the top of the file".to_owned() } else { format!("in `{}`", self.name) };
        self.fault(
            self.span(),
            format!("`{}` is missing", self.path_of(key)),
            "needed here",
            format!("write `{example}` {place}"),
        );
    }

    /// Complains about every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.entries {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let help = match nearest(name, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if self.known.is_empty() => "this table has no keys".to_owned(),
                None => {
                    let mut known = self.known.clone();
                    known.sort_unstable();
                    known.dedup();
                    format!("known here: {}", known.join(", "))
                }
            };
            self.fault(key.span(), format!("unknown key `{}`", self.path_of(name)), "not known", help);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<&'r Spanned<DeValue<'r>>> {
        self.known.push(key);
        self.entries.get(key)
    }

    fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.entries.get_key_value(key).map(|(key, _)| key.span())
    }

    fn below(&self, value: &'r Spanned<DeValue<'r>>, name: String) -> Option<Table<'r>> {
        let DeValue::Table(entries) = value.get_ref() else { return None };
        Some(Table { reader: self.reader, entries, span: value.span(), name, known: Vec::new() })
    }

    fn convert<T>(
        &self,
        key: &str,
        span: Range<usize>,
        text: &Text,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Located<T>> {
        let value = parse(&text.value);
        if value.is_none() {
            let message = format!("`{}` is not usable", self.path_of(key));
            // What came from elsewhere is not shown: it may be a secret in the wrong place.
            self.fault(span.clone(), message, "not understood", format!("expected {expected}"));
        }
        value.map(|value| Located { value, span })
    }

    fn out_of_range(
        &self,
        key: &str,
        span: Range<usize>,
        problem: &str,
        low: &dyn Display,
        high: &dyn Display,
        usual: &str,
    ) {
        let message = format!("`{}` {problem}", self.path_of(key));
        let label = format!("must be from {low} to {high}");
        self.fault(span, message, &label, format!("write `{key} = {usual}`, the default, or leave it out"));
    }
}
