//! What is wrong with a file an operator wrote: where, what, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// Names whose values are masked wherever source text might be shown.
const SECRET_NAMES: [&str; 7] =
    ["aws_secret_access_key", "secret_access_key", "session_token", "old_token_keys", "token_key", "secret", "token"];

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Nothing starts with this.
    Error,
    /// It works, but somebody should know.
    Warning,
}

/// A text with its name. Values of secrets are overwritten with `*` when it is made.
#[derive(Debug)]
pub struct Source {
    name: String,
    masked: String,
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Finding {
    severity: Severity,
    message: String,
    label: String,
    help: Option<String>,
    source: Arc<Source>,
    span: Option<Range<usize>>,
}

/// All faults of one run, in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Source {
    /// Keeps `text` for display under the name of its file.
    pub fn new(name: impl Into<String>, text: &str) -> Arc<Self> {
        Arc::new(Self { name: name.into(), masked: mask(text) })
    }

    /// A file of which only the name matters.
    pub fn named(path: &Path) -> Arc<Self> {
        Self::new(path.display().to_string(), "")
    }

    /// Line and column, both from 1, of an offset. The column counts characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.masked.get(..offset).unwrap_or(&self.masked);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// A span that lies in the text and on its character borders.
    fn clamp(&self, span: &Range<usize>) -> Range<usize> {
        let floor = |mut at: usize| {
            at = at.min(self.masked.len());
            while !self.masked.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start);
        start..floor(span.end).max(start)
    }
}

impl Finding {
    /// Something that must be put right.
    pub fn error(source: &Arc<Source>, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        let span = span.map(|span| source.clamp(&span));
        let source = Arc::clone(source);
        Self { severity: Severity::Error, message: message.into(), label: String::new(), help: None, source, span }
    }

    /// Something to know.
    pub fn warning(source: &Arc<Source>, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(source, span, message) }
    }

    /// An error about a file as a whole.
    pub fn file(path: &Path, message: impl Into<String>) -> Self {
        Self::error(&Source::named(path), None, message)
    }

    /// The same as something to know.
    #[must_use]
    pub fn lenient(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// Says at the place itself what is wrong with it.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says what to write or do instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// File, line and column; no line where the file as a whole is meant.
    pub fn place(&self) -> (&str, Option<(usize, usize)>) {
        (&self.source.name, self.span.as_ref().map(|span| self.source.position(span.start)))
    }

    /// As one JSON object.
    pub fn to_json(&self) -> serde_json::Value {
        let (file, at) = self.place();
        let severity = if self.severity == Severity::Error { "error" } else { "warning" };
        serde_json::json!({
            "severity": severity, "file": file, "line": at.map(|at| at.0), "column": at.map(|at| at.1),
            "message": self.message, "label": self.label, "help": self.help,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.severity == Severity::Error { Level::ERROR } else { Level::WARNING };
        let group = Group::with_title(level.primary_title(self.message.as_str()));
        let group = match &self.span {
            Some(span) => group.element(
                Snippet::source(self.source.masked.as_str())
                    .path(self.source.name.as_str())
                    .annotation(AnnotationKind::Primary.span(span.clone()).label(self.label.as_str())),
            ),
            None => group.element(Origin::path(self.source.name.as_str())),
        };
        let group = match &self.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        };
        f.write_str(&Renderer::plain().decor_style(DecorStyle::Ascii).render(&[group]))
    }
}

impl Findings {
    /// Adds one.
    pub fn push(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Adds those of another run.
    pub fn extend(&mut self, other: Findings) {
        self.0.extend(other.0);
    }

    /// Puts those of one text in its order.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|finding| finding.span.as_ref().map_or(usize::MAX, |span| span.start));
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something must be put right.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The same as things to know.
    #[must_use]
    pub fn lenient(self) -> Self {
        Self(self.0.into_iter().map(Finding::lenient).collect())
    }

    /// The same, all of them with other advice.
    #[must_use]
    pub fn advised(self, help: &str) -> Self {
        Self(self.0.into_iter().map(|finding| finding.help(help)).collect())
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }
}

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Self {
        Self(vec![finding])
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|finding| writeln!(f, "{finding}\n"))
    }
}

/// Overwrites what is assigned to the name of a secret. It works on broken text too, so a syntax error in
/// the line of a secret does not print it. Length and line ends stay, so that spans stay right.
fn mask(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for name in SECRET_NAMES {
        for at in memchr::memmem::find_iter(text.as_bytes(), name.as_bytes()) {
            let rest = text.get(at + name.len()..).unwrap_or_default();
            for hidden in assigned(rest) {
                let place = bytes.get_mut(at + name.len() + hidden);
                if let Some(byte) = place.filter(|byte| **byte != b'\n') {
                    *byte = b'*';
                }
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Where, in the text after a secret's name, its value stands.
fn assigned(rest: &str) -> Range<usize> {
    let after_name = rest.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
    let Some(value) = after_name.strip_prefix('=') else { return 0..0 };
    let value = value.trim_start_matches([' ', '\t']);
    let start = rest.len() - value.len();
    let line = value.find('\n').unwrap_or(value.len());
    for triple in ["\"\"\"", "'''"] {
        if let Some(inner) = value.strip_prefix(triple) {
            return start + 3..start + 3 + inner.find(triple).unwrap_or(inner.len());
        }
    }
    // An indirection names its source; that is no secret.
    if let Some(table) = value.strip_prefix('{') {
        let table = table.trim_start();
        if table.starts_with("env") || table.starts_with("file") {
            return 0..0;
        }
    }
    // A list of secrets, over as many lines as it has; an indirection in it is hidden with the rest.
    if let Some(list) = value.strip_prefix('[') {
        return start + 1..start + 1 + list.find(']').unwrap_or(list.len());
    }
    for quote in ['"', '\''] {
        if let Some(inner) = value.get(..line).and_then(|line| line.strip_prefix(quote)) {
            return start + 1..start + 1 + closing(inner, quote);
        }
    }
    start..start + line
}

/// Where a string ends: at the quote that is not escaped, or with the line.
fn closing(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in inner.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if character == quote => return at,
            _ => {}
        }
    }
    inner.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, masked: &str) {
        assert_eq!(mask(text), masked);
    }

    #[test]
    fn a_secret_in_a_shown_line_is_masked() {
        check(r#"secret = "abc\"d" # x"#, r#"secret = "******" # x"#);
        check("{ id = \"A\", secret = 'abc', token=\"t\" }", "{ id = \"A\", secret = '***', token=\"*\" }");
        check("secret_access_key = \"é\"", "secret_access_key = \"**\"");
        check("token_key = \"abc\"", "token_key = \"***\"");
        check("old_token_keys = [\"a\",\n\"b\"] # x", "old_token_keys = [****\n***] # x");
        check("\"secret\" = \"abc\"", "\"secret\" = \"***\"");
        check("secret = \"unclosed\nnext = 1", "secret = \"********\nnext = 1");
        check("secret = bare\nnext = 1", "secret = ****\nnext = 1");
        check("secret = \"\"\"a\nb\"\"\"\nx", "secret = \"\"\"*\n*\"\"\"\nx");
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        check(r#"secret = { env = "NAME" }"#, r#"secret = { env = "NAME" }"#);
        check("# the secret is elsewhere", "# the secret is elsewhere");
    }

    #[test]
    fn a_span_outside_the_text_is_moved_inside() {
        let finding = Finding::error(&Source::new("a.toml", "é"), Some(1..99), "odd");
        assert_eq!(finding.place(), ("a.toml", Some((1, 1))));
        assert!(finding.to_string().contains("odd"));
    }
}
