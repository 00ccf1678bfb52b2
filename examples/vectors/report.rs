//! Reading files of cases, running them, counting and telling what failed. Knows no kind.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    passed: usize,
    failed: usize,
}

/// Why a case fails: what was compared, what should have been there, what was there.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

impl Difference {
    /// A case that cannot be run because something in it is missing.
    pub(crate) fn unreadable(what: &str) -> Self {
        Self { what: what.to_owned(), expected: "a readable member".to_owned(), got: "none".to_owned() }
    }
}

/// Judges one case of a file.
pub(crate) type Judge = fn(&Value, &Value) -> Result<(), Difference>;

/// Compares two values as JSON.
pub(crate) fn same(what: &str, expected: &Value, got: &Value) -> Result<(), Difference> {
    if expected == got {
        return Ok(());
    }
    Err(Difference { what: what.to_owned(), expected: expected.to_string(), got: got.to_string() })
}

/// The files `*.json` directly in a folder, in the order of their names; what does not parse is none.
pub(crate) fn files(directory: &Path) -> Result<Vec<(String, Option<Value>)>, String> {
    let listing = std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut paths: Vec<_> = listing
        .map(|entry| entry.map(|entry| entry.path()).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json") && path.is_file());
    paths.sort();
    let read = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    };
    Ok(paths.iter().map(|path| read(path)).collect())
}

/// The list of cases of a file, if it has one.
pub(crate) fn cases(file: &Value) -> Option<&Vec<Value>> {
    file.get("cases")?.as_array()
}

impl Outcome {
    /// Runs every case of a file with `judge`. A file without cases, or of no known kind (no judge),
    /// is one failing case.
    pub(crate) fn run_file(&mut self, name: &str, file: Option<&Value>, judge: Option<Judge>) {
        let (Some(file), Some(judge)) = (file, judge) else {
            return self.case(name, name, || Err(Difference::unreadable("file")));
        };
        let Some(cases) = cases(file) else {
            return self.case(name, name, || Err(Difference::unreadable("cases")));
        };
        for (place, case) in (1_usize..).zip(cases) {
            let place = format!("{name}#{place}");
            let id = case.get("id").and_then(Value::as_str).unwrap_or(&place);
            self.case(name, id, || judge(file, case));
        }
    }

    /// Runs one case. A panic is a failure like any other.
    pub(crate) fn case(&mut self, file: &str, id: &str, run: impl FnOnce() -> Result<(), Difference>) {
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            Err(Difference { what: "run".to_owned(), expected: "an answer".to_owned(), got: "a panic".to_owned() })
        });
        match result {
            Ok(()) => self.passed += 1,
            Err(Difference { what, expected, got }) => {
                self.failed += 1;
                let (expected, got) = (shown(&expected), shown(&got));
                let _ = writeln!(std::io::stdout(), "FAIL {file} {id}: {what}: expected {expected}, got {got}");
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.passed + self.failed == 0
    }

    /// Says what was skipped and, last, what was counted.
    pub(crate) fn finish(&self) -> ExitCode {
        let _ = writeln!(std::io::stdout(), "{} passed, {} failed", self.passed, self.failed);
        ExitCode::from(u8::from(self.failed > 0))
    }
}

/// Control characters escaped, cut at 300 characters.
fn shown(text: &str) -> String {
    let mut out = String::new();
    for (place, letter) in text.chars().enumerate() {
        match letter {
            _ if place == 300 => {
                out.push('…');
                break;
            }
            _ if letter.is_control() => out.extend(letter.escape_default()),
            _ => out.push(letter),
        }
    }
    out
}
