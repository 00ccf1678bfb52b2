//! What is done with traces: the table `trace`.

use super::Endpoint;
use crate::control::reader::Table;
use crate::trace::{Ratio, Rules};

/// All of a whole, in millionths.
const ALL: u32 = 1_000_000;

/// What is done with traces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trace {
    /// Whether what clients say of their traces is taken in and handed on.
    pub propagate: bool,
    /// Where spans go, if they go anywhere.
    pub otlp: Option<Collector>,
    /// The part of all traces that goes there, in millionths.
    pub ratio: u32,
}

/// Who takes spans, as OTLP over HTTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Collector {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The path that spans are posted to.
    pub path: String,
}

impl Default for Trace {
    fn default() -> Self {
        Self { propagate: true, otlp: None, ratio: ALL }
    }
}

impl Trace {
    /// As requests need it.
    pub fn rules(&self) -> Rules {
        let part = f64::from(self.ratio) / f64::from(ALL);
        Rules { propagate: self.propagate, export: self.otlp.as_ref().and_then(|_| Ratio::new(part)) }
    }
}

pub(super) fn read(root: &mut Table<'_>) -> Trace {
    let mut trace = Trace::default();
    let Some(mut table) = root.table("trace") else { return trace };
    trace.propagate = table.boolean("propagate", trace.propagate);
    if !table.has("otlp") {
        table.pointless(&["ratio"], "no `otlp`");
        table.finish();
        return trace;
    }
    trace.ratio = if table.has("ratio") { table.share("ratio").unwrap_or(ALL) } else { ALL };
    let span = table.span_of("otlp").unwrap_or_default();
    let expected = "the URL of a collector such as \"http://127.0.0.1:4318/v1/traces\"";
    trace.otlp = table.parsed("otlp", expected, collector).map(|found| found.value);
    if !cfg!(feature = "otlp") {
        let message = format!("`{}` needs a program that was built with the feature `otlp`", table.path_of("otlp"));
        let help = "build it with `cargo build --release --features otlp`, or remove the key";
        table.fault(span, message, "this one was not", help);
    }
    table.finish();
    trace
}

fn collector(text: &str) -> Option<Collector> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
    let endpoint = Endpoint::parse(&format!("{scheme}://{authority}"))?;
    let fits = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'?' | b'#' | b'"' | b'<' | b'>' | b'\\');
    let path = if path.is_empty() { "/v1/traces" } else { path };
    (path.len() <= 1024 && path.bytes().all(fits)).then(|| Collector { endpoint, path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::control::config::Config;

    fn read(table: &str) -> Result<Trace, String> {
        let text = format!(
            "account = \"111122223333\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream]\nkind = \"embedded\"\n{table}"
        );
        let parsed = Config::parse(Path::new("bartizan.toml"), &text, &BTreeMap::new());
        parsed.map(|(config, _)| config.trace).map_err(|findings| findings.to_string())
    }

    #[test]
    fn traces_are_handed_on_unless_it_is_said_otherwise_and_exported_only_if_it_is() {
        assert_eq!(read("").unwrap().rules(), Rules { propagate: true, export: None });
        assert_eq!(read("[trace]\npropagate = false\n").unwrap().rules(), Rules::default());
        assert!(read("[trace]\nratio = 0.5\n").unwrap_err().contains("has no meaning with no `otlp`"));
        assert!(read("[trace]\nsample = 1\n").is_err());
    }

    #[cfg(not(feature = "otlp"))]
    #[test]
    fn a_program_without_the_feature_says_which_it_lacks() {
        let told = read("[trace]\notlp = \"http://127.0.0.1:4318/v1/traces\"\n").unwrap_err();
        assert!(told.contains("`trace.otlp` needs a program that was built with the feature `otlp`"), "{told}");
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn a_collector_is_a_url_and_a_part_of_all_traces() {
        let trace = read("[trace]\notlp = \"http://[::1]:4318/v1/traces\"\nratio = 0.25\n").unwrap();
        assert_eq!(trace.rules().export, Ratio::new(0.25));
        let collector = trace.otlp.unwrap();
        assert_eq!((collector.endpoint.authority(), collector.path.as_str()), ("[::1]:4318".to_owned(), "/v1/traces"));
        assert_eq!(read("[trace]\notlp = \"https://collector\"\n").unwrap().otlp.unwrap().path, "/v1/traces");
        for bad in ["collector:4318", "ftp://a/", "http://a:0/", "http://u@a/", "http://a/b?c", "http://a/ b"] {
            assert!(read(&format!("[trace]\notlp = \"{bad}\"\n")).is_err(), "{bad}");
        }
    }
}
