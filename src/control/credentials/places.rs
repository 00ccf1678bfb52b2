//! Where `credentials.toml` names documents, for complaints about those that are not there.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::FILE_LIMIT;
use crate::control::files;
use crate::control::finding::{Finding, Source};

/// The first place of each name.
#[derive(Default)]
pub(in crate::control) struct Places {
    source: Option<Arc<Source>>,
    names: HashMap<String, Range<usize>>,
}

/// Reads the places of a file that was read before. Where that cannot be done again, there are none.
pub(in crate::control) fn places(path: &Path) -> Places {
    let text = files::read_private(path, FILE_LIMIT).map(zeroize::Zeroizing::new);
    text.map(|text| of(path, &text)).unwrap_or_default()
}

fn of(path: &Path, text: &str) -> Places {
    let Ok(root) = DeTable::parse(text) else { return Places::default() };
    let mut names = HashMap::new();
    let mut note = |value: &Spanned<DeValue<'_>>| {
        if let Some(name) = value.get_ref().as_str() {
            let first: &mut Range<usize> = names.entry(name.to_owned()).or_insert_with(|| value.span());
            if value.span().start < first.start {
                *first = value.span();
            }
        }
    };
    let lists = ["group", "role", "user"].into_iter().filter_map(|list| root.get_ref().get(list));
    for table in lists.flat_map(|list| list.get_ref().as_array().into_iter().flat_map(|list| list.iter())) {
        let Some(table) = table.get_ref().as_table() else { continue };
        for key in ["policies", "boundary", "trust"] {
            match table.get(key).map(|value| (value, value.get_ref())) {
                Some((_, DeValue::Array(list))) => list.iter().for_each(&mut note),
                Some((value, _)) => note(value),
                None => {}
            }
        }
    }
    Places { source: Some(Source::new(path.display().to_string(), text)), names }
}

impl Places {
    /// A complaint about a document, where it is named, or else about the file that it would be.
    pub(in crate::control) fn finding(&self, name: &str, file: &Path, message: &str) -> Finding {
        match (&self.source, self.names.get(name)) {
            (Some(source), Some(span)) => Finding::error(source, Some(span.clone()), message).label("not there"),
            _ => Finding::file(file, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_are_written_and_secrets_are_not_shown() {
        let text = "[[user]]\npolicies = [\"a\", \"b\"]\nboundary = \"c\"\nkeys = [{ id = \"K\", secret = \"hidden\" }]\n\
                    [[role]]\ntrust = \"a\"\npolicies = [{ env = \"X\" }]\n";
        let places = of(Path::new("credentials.toml"), text);
        for (name, at) in [("a", Some((2, 13))), ("b", Some((2, 18))), ("c", Some((3, 12))), ("d", None)] {
            let finding = places.finding(name, Path::new("d.json"), "gone");
            assert_eq!(finding.place().1, at, "{name}");
            assert!(!finding.to_string().contains("hidden"));
        }
    }
}
