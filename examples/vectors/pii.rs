//! Sensitive content: what all detectors report of an object, however it is cut; detectors that somebody defines;
//! what counts come to.

use std::path::Path;
use std::sync::LazyLock;

use bartizan::detect::{self, Custom, Detection, Detectors, Encoding, Format, Place, Scanner, TABLE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::report::{self, Difference, Judge, Outcome, same};

/// The sizes of pieces that each object is fed in beside those that it says.
const PIECES: [usize; 4] = [usize::MAX, 1, 7, 64];

static BUILT_IN: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(TABLE).unwrap_or_default());

pub(crate) fn run(directory: &Path) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    for (name, file) in report::files(directory)? {
        let judge: Option<Judge> = match name.as_str() {
            "cases.json" => Some(judge_case),
            "custom.json" => Some(judge_custom),
            "severity.json" => Some(judge_severity),
            "identifiers.json" => {
                // It holds no cases, but must be the table that is built in.
                if file.as_ref() != Some(&*BUILT_IN) {
                    outcome.case(&name, &name, || Err(Difference::unreadable("the table that is built in")));
                }
                continue;
            }
            _ => None,
        };
        outcome.run_file(&name, file.as_ref(), judge);
    }
    Ok(outcome)
}

fn member<'a>(case: &'a Value, name: &str) -> Result<&'a str, Difference> {
    case.get(name).and_then(Value::as_str).ok_or_else(|| Difference::unreadable(name))
}

fn judge_case(_: &Value, case: &Value) -> Result<(), Difference> {
    let octets = match case.get("text_b64").and_then(Value::as_str) {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| Difference::unreadable("text_b64"))?,
        None => member(case, "text")?.as_bytes().to_vec(),
    };
    let format = match member(case, "format")? {
        "text" => Format::Text,
        "csv" => Format::Csv,
        "tsv" => Format::Tsv,
        "json" => Format::Json,
        "jsonl" => Format::JsonLines,
        _ => return Err(Difference::unreadable("format")),
    };
    let encoding = Encoding::of(case.get("contentEncoding").and_then(Value::as_str).unwrap_or_default());
    let encoding = encoding.map_err(|_| Difference::unreadable("contentEncoding"))?;
    let sizes: Vec<usize> = match case.get("chunks").and_then(Value::as_array) {
        Some(sizes) => sizes.iter().filter_map(Value::as_u64).filter_map(|size| size.try_into().ok()).collect(),
        None => vec![usize::MAX],
    };
    let expected = sorted(case.get("expect").and_then(Value::as_array).cloned().unwrap_or_default());
    same("detections", &expected, &scan(&octets, format, encoding, &sizes))?;
    for size in PIECES {
        let what = format!("detections in pieces of {size}");
        same(&what, &expected, &scan(&octets, format, encoding, &[size]))?;
    }
    Ok(())
}

fn scan(octets: &[u8], format: Format, encoding: Encoding, sizes: &[usize]) -> Value {
    let year = BUILT_IN.get("lastYear").and_then(Value::as_u64).and_then(|year| year.try_into().ok());
    let mut scanner = Scanner::new(Detectors::all(), Some(format), encoding, year.unwrap_or_default()).keep_all();
    let (mut rest, mut sizes) = (octets, sizes.iter().peekable());
    let mut size = usize::MAX;
    while !rest.is_empty() {
        size = sizes.next().copied().unwrap_or(size).max(1);
        let (piece, later) = rest.split_at(size.min(rest.len()));
        scanner.feed(piece);
        rest = later;
    }
    sorted(scanner.finish().detections.iter().map(shown).collect())
}

fn shown(detection: &Detection) -> Value {
    let Detection { identifier, start, end, place } = detection;
    let mut shown = json!({ "identifier": identifier, "start": start, "end": end });
    let more = match place {
        Place::Text => json!({}),
        Place::Cell { row, column, name: None } => json!({ "row": row, "column": column }),
        Place::Cell { row, column, name: Some(name) } => json!({ "row": row, "column": column, "columnName": name }),
        Place::Value { path, record } => json!({ "jsonPath": path, "recordIndex": record }),
    };
    if let (Some(shown), Some(more)) = (shown.as_object_mut(), more.as_object()) {
        shown.extend(more.clone());
    }
    shown
}

/// In an order that says nothing.
fn sorted(mut detections: Vec<Value>) -> Value {
    detections.sort_by_key(Value::to_string);
    Value::Array(detections)
}

fn judge_custom(_: &Value, case: &Value) -> Result<(), Difference> {
    let definition = case.get("definition").ok_or_else(|| Difference::unreadable("definition"))?;
    let words = |name: &str| -> Vec<&str> {
        definition.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let distance = definition.get("maximumMatchDistance").and_then(Value::as_u64);
    let custom = Custom::new(member(definition, "regex")?, &words("keywords"), &words("ignoreWords"), distance);
    let custom = custom.map_err(|error| Difference {
        what: "definition".to_owned(),
        expected: "one that is taken".to_owned(),
        got: error.to_string(),
    })?;
    let found = custom.find(member(case, "text")?.as_bytes());
    let found: Vec<Value> = found.into_iter().map(|(start, end)| json!({ "start": start, "end": end })).collect();
    same("spans", case.get("expect").unwrap_or(&Value::Null), &Value::Array(found))
}

fn judge_severity(_: &Value, case: &Value) -> Result<(), Difference> {
    let counts = case.get("counts").and_then(Value::as_object).ok_or_else(|| Difference::unreadable("counts"))?;
    let counts = counts.iter().filter_map(|(identifier, count)| Some((identifier.as_str(), count.as_u64()?)));
    let (severity, kind) = match detect::severity(counts) {
        Some((severity, kind)) => {
            (json!({ "description": severity.as_str(), "score": severity.score() }), json!(kind.as_str()))
        }
        None => (Value::Null, Value::Null),
    };
    same("severity", case.get("severity").unwrap_or(&Value::Null), &severity)?;
    same("type", case.get("type").unwrap_or(&Value::Null), &kind)
}
