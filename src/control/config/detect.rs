//! `[detect]`: what is looked for in uploads, and where findings go.

use std::path::Path;
use std::sync::Arc;

use crate::control::reader::Table;
use crate::detect::Detectors;
use crate::inspect::{ALL, ROOM, Settings};

/// Octets of an upload that are looked at, unless said otherwise.
const MOST: u64 = 4 << 20;

pub(super) fn read(root: &mut Table<'_>, state: &Path) -> Option<Settings> {
    let mut table = root.table("detect")?;
    table.unavailable(&["learn", "rules", "on_finding"]);
    let findings = table.path("findings").map_or_else(|| state.join("findings.jsonl"), |found| found.value);
    let content = table.table("content");
    if content.is_none() {
        table.required("content", "content = { sample = 1.0 }");
    }
    table.finish();
    let mut content = content?;
    let share = content.share("sample").unwrap_or(ALL);
    let most = content.size("most", 1024..=ROOM / 8, MOST);
    let detectors = kinds(&mut content);
    content.finish();
    Some(Settings { share, most, detectors: detectors?, findings })
}

/// All of them, unless said otherwise.
fn kinds(content: &mut Table<'_>) -> Option<Arc<Detectors>> {
    if !content.has("kinds") {
        return Some(Detectors::all());
    }
    let span = content.span_of("kinds").unwrap_or_default();
    let kinds =
        content.list("kinds", "the name of a kind such as \"CREDIT_CARD_NUMBER\"", |text| Some(text.to_owned()));
    let names: Vec<&str> = kinds.iter().map(|kind| kind.value.as_str()).collect();
    if names.is_empty() {
        content.fault(span, "`detect.content.kinds` is empty", "nothing to look for", "name a kind, or remove the key");
        return None;
    }
    match Detectors::only(&names) {
        Ok(detectors) => Some(detectors),
        Err(unknown) => {
            let span = kinds.iter().find(|kind| kind.value == unknown.name()).map_or(span, |kind| kind.span.clone());
            content.fault(span, unknown.to_string(), "no such kind", "docs/content.md lists them");
            None
        }
    }
}
