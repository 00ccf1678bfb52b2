//! The policies folder: what stands in it must be well-formed, and must be something this version obeys.
//!
//! Until the policy language is there, only the shipped administrator policy is evaluated. A file that
//! could forbid something and would be ignored is refused.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::config::Config;
use super::files;
use super::finding::{Finding, Findings, Source};
use crate::identity::{Directory, Role};
use crate::policy::engine::Policy;
use crate::policy::{self, read};
use crate::sts;

/// How large a policy document may be here; AWS stops at 20 KiB for buckets.
const DOCUMENT_LIMIT: u64 = 256 << 10;
/// How many files are looked at.
const FILES_LIMIT: usize = 100_000;

/// Reads the folder and complains about what is broken, missing, or not yet obeyed.
pub fn check(config: &Config, directory: &Directory) -> Findings {
    let mut findings = Findings::default();
    let folder = &config.policies;
    let names: BTreeSet<&str> =
        directory.keys().flat_map(|key| key.principal.policies.iter()).map(String::as_str).collect();
    let trusts: BTreeSet<&str> = directory.roles().filter_map(|role| role.trust.as_deref()).collect();
    for role in directory.roles() {
        trust(config, role, &mut findings);
    }
    for name in names {
        let path = folder.join("identities").join(format!("{name}.json"));
        if !path.is_file() {
            let help = format!("write the policy, or take `{name}` from the principal's `policies`");
            findings.push(Finding::file(&path, "an attached policy does not exist").help(help));
        } else if name != policy::ADMINISTRATOR {
            let message = format!("policy `{name}` is attached, and only `administrator` is evaluated in this version");
            let help = "until then, its principals are refused everything";
            findings.push(Finding::warning(&Source::named(&path), None, message).help(help));
        }
    }
    for path in walk(folder, &mut findings) {
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        let parts: Vec<&str> = relative.iter().filter_map(|part| part.to_str()).collect();
        match parts.as_slice() {
            ["credentials.toml" | "credentials.example.toml" | "README.md"] => {}
            ["identities", name] if name.strip_suffix(".json").is_some_and(|name| trusts.contains(name)) => {}
            ["identities", name] if name.ends_with(".json") => identity(&path, name, &mut findings),
            ["buckets", _, "policy.json"] => bucket(&path, &mut findings),
            _ if path == config.credentials || directory.files().contains(&path) => {}
            _ => findings.push(
                Finding::file(&path, "this file is not obeyed in this version")
                    .help("move it away, or use a version that has it: ignoring it could open a hole"),
            ),
        }
    }
    findings
}

/// What decides who may assume which role: the trust policies, and the documents of identities beside them.
///
/// # Errors
/// A trust policy that is missing or is none. Of identities a document that cannot be read is left out:
/// whoever has it attached may then assume nothing.
pub fn roles(config: &Config, directory: &Directory) -> Result<sts::Rules, Findings> {
    let mut findings = Findings::default();
    let mut rules = sts::Rules::default();
    let mut trusts = BTreeSet::new();
    for role in directory.roles() {
        if let Some(policy) = trust(config, role, &mut findings) {
            trusts.insert(policy.name().to_owned());
            rules.add_trust(&role.arn, policy);
        }
    }
    let folder = config.policies.join("identities");
    let mut names: BTreeSet<String> = [policy::ADMINISTRATOR.to_owned()].into();
    for path in walk(&folder, &mut Findings::default()) {
        let name =
            path.strip_prefix(&folder).ok().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
        names.extend(name.filter(|name| !trusts.contains(*name)).map(str::to_owned));
    }
    for name in names {
        let text = match name.as_str() {
            // The shipped one is what is evaluated, whatever the file says.
            policy::ADMINISTRATOR => Some(policy::ADMINISTRATOR_DOCUMENT.to_owned()),
            _ => files::read_text(&folder.join(format!("{name}.json")), DOCUMENT_LIMIT).ok(),
        };
        let reading = text.and_then(|text| read::read(text.as_bytes(), read::Kind::Identity).ok());
        if let Some(reading) = reading {
            rules.add_identity(Policy::new(name, reading.document));
        }
    }
    if findings.has_errors() { Err(findings) } else { Ok(rules) }
}

/// The trust policy of a role, if it names one.
fn trust(config: &Config, role: &Role, findings: &mut Findings) -> Option<Arc<Policy>> {
    let name = role.trust.as_deref()?;
    let path = config.policies.join("identities").join(format!("{name}.json"));
    let text = match files::read_text(&path, DOCUMENT_LIMIT) {
        Ok(text) => text,
        Err(fault) => {
            let help = format!("write it, or take `trust` from `{}`: then nobody can assume the role", role.arn);
            findings.push(Finding::file(&path, format!("the trust policy {fault}")).help(help));
            return None;
        }
    };
    match read::read(text.as_bytes(), read::Kind::Trust) {
        Ok(reading) => Some(Policy::new(name, reading.document)),
        Err(problems) => {
            let source = Source::new(path.display().to_string(), &text);
            for problem in problems {
                let finding = Finding::error(&source, Some(problem.span.range()), problem.message);
                findings.push(match problem.help {
                    Some(help) => finding.help(help),
                    None => finding,
                });
            }
            None
        }
    }
}

fn identity(path: &Path, name: &str, findings: &mut Findings) {
    let Some(document) = document(path, findings) else { return };
    let shipped: Option<Value> = serde_json::from_str(policy::ADMINISTRATOR_DOCUMENT).ok();
    if name.strip_suffix(".json") == Some(policy::ADMINISTRATOR) && Some(document) != shipped {
        findings.push(
            Finding::file(path, "the administrator policy differs from the shipped one, which is what is evaluated")
                .help("restore it, and give a policy of your own another name"),
        );
    }
}

/// A bucket policy that only allows can wait: not to allow is safe. One that denies cannot.
fn bucket(path: &Path, findings: &mut Findings) {
    let Some(document) = document(path, findings) else { return };
    if statements(&document).iter().any(|statement| statement.get("Effect").and_then(Value::as_str) != Some("Allow")) {
        findings.push(
            Finding::file(path, "a bucket policy that denies is not available in this version")
                .help("remove the Deny statements: they would be ignored"),
        );
    }
}

/// A policy document that has the shape of one.
fn document(path: &Path, findings: &mut Findings) -> Option<Value> {
    let text = match files::read_text(path, DOCUMENT_LIMIT) {
        Ok(text) => text,
        Err(fault) => {
            findings.push(Finding::file(path, format!("the policy {fault}")));
            return None;
        }
    };
    let source = Source::new(path.display().to_string(), &text);
    let document: Value = match serde_json::from_str(&text) {
        Ok(document) => document,
        Err(error) => {
            findings.push(broken(&source, &text, &error));
            return None;
        }
    };
    let version = document.get("Version").and_then(Value::as_str);
    if !matches!(version, Some("2012-10-17" | "2008-10-17")) {
        findings.push(at_start(&source, "a policy needs a version").help("write \"Version\": \"2012-10-17\""));
    }
    let statements = statements(&document);
    let whole = |statement: &&Value| {
        let has = |names: [&str; 2]| names.iter().any(|name| statement.get(name).is_some());
        let effect = statement.get("Effect").and_then(Value::as_str);
        matches!(effect, Some("Allow" | "Deny")) && has(["Action", "NotAction"]) && has(["Resource", "NotResource"])
    };
    if statements.is_empty() || !statements.iter().all(whole) {
        let help = "each statement has \"Effect\": \"Allow\" or \"Deny\", an \"Action\" and a \"Resource\"";
        findings.push(at_start(&source, "a statement is incomplete, or there is none").help(help));
    }
    Some(document)
}

fn statements(document: &Value) -> Vec<&Value> {
    match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    }
}

fn at_start(source: &Arc<Source>, message: &str) -> Finding {
    Finding::error(source, Some(0..1), message)
}

fn broken(source: &Arc<Source>, text: &str, error: &serde_json::Error) -> Finding {
    let line_start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = line_start.saturating_add(error.column().saturating_sub(1));
    Finding::error(source, Some(at..at.saturating_add(1)), "this policy is not JSON").label(error.to_string())
}

/// Every file below a folder that is not hidden, in order. Links are not followed.
fn walk(folder: &Path, findings: &mut Findings) -> Vec<std::path::PathBuf> {
    let mut waiting = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                let fault = files::FileFault::from(error);
                findings.push(Finding::file(&folder, format!("the folder {fault}")));
                continue;
            }
        };
        for entry in entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                _ if found.len() < FILES_LIMIT => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::super::credentials;
    use super::*;

    /// Findings of a folder with the shipped policy and the given files.
    fn check_folder(policies: &str, extra: &[(&str, &str)]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("policies");
        fs::create_dir_all(folder.join("identities")).unwrap();
        fs::write(folder.join("identities/administrator.json"), policy::ADMINISTRATOR_DOCUMENT).unwrap();
        for (name, text) in extra {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let none = BTreeMap::new();
        let text = "account = \"111122223333\"\nupstream.kind = \"embedded\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n";
        let (config, _) =
            Config::parse(&dir.path().join("bartizan.toml"), text, &none).unwrap_or_else(|f| panic!("{f}"));
        let users = format!(
            "[[user]]\narn = \"arn:aws:iam::111122223333:user/a\"\npolicies = {policies}\nkeys = [{{ id = \"AKIAONE\", secret = \"0123456789abcdef\" }}]\n"
        );
        let (directory, _) =
            credentials::parse(&config.credentials, &users, "111122223333", &none).unwrap_or_else(|f| panic!("{f}"));
        check(&config, &directory).to_string()
    }

    const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}}"#;

    #[test]
    fn what_is_shipped_is_fine() {
        assert_eq!(check_folder("[\"administrator\"]", &[("buckets/b/policy.json", ALLOW), (".gitignore", "*")]), "");
    }

    #[test]
    fn a_deny_that_would_be_ignored_is_refused() {
        let deny = ALLOW.replace("Allow", "Deny");
        assert!(check_folder("[]", &[("buckets/b/policy.json", &deny)]).contains("denies is not available"));
        for file in
            ["organization/scp.json", "endpoints/vpce-1.json", "buckets/b/public-access-block.json", "tests/a.toml"]
        {
            assert!(check_folder("[]", &[(file, "{}")]).contains("not obeyed in this version"), "{file}");
        }
    }

    #[test]
    fn an_administrator_policy_made_narrower_is_refused() {
        let narrow = ALLOW.replace("\"Principal\":\"*\",", "");
        assert!(
            check_folder("[\"administrator\"]", &[("identities/administrator.json", &narrow)])
                .contains("differs from the shipped")
        );
    }

    #[test]
    fn broken_and_missing_documents_are_found() {
        assert!(check_folder("[\"readwrite\"]", &[]).contains("an attached policy does not exist"));
        assert!(
            check_folder("[\"readwrite\"]", &[("identities/readwrite.json", ALLOW)])
                .contains("warning: policy `readwrite`")
        );
        let faults = check_folder("[]", &[("identities/a.json", "{\n  \"Version\": oops\n}")]);
        assert!(faults.contains("a.json:2:14"), "{faults}");
        assert!(check_folder("[]", &[("identities/a.json", "{\"Statement\": []}")]).contains("needs a version"));
        assert!(
            check_folder("[]", &[("identities/a.json", &ALLOW.replace("Action", "Actoin"))]).contains("incomplete")
        );
    }
}
