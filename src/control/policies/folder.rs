//! What lies in the policies folder: every file with its place, each of them known or refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::config::Config;
use super::super::files;
use super::super::finding::{Finding, Findings, Source};
use super::draft::Draft;
use super::strangers;
use crate::identity::Directory;
use crate::policy::engine::Policy;
use crate::policy::lint;
use crate::policy::problem::{Problem, Rule, Severity};
use crate::policy::read::{self, Kind, Reading};
use crate::s3::name;

/// How large one file may be; AWS stops at 20 KiB for the policy of a bucket.
const FILE_LIMIT: u64 = 256 << 10;
/// How much all files together may hold.
const TOTAL_LIMIT: usize = 256 << 20;
/// How many files are looked at.
const FILES_LIMIT: usize = 100_000;
/// How deep folders may lie in each other; three are needed.
const DEPTH_LIMIT: usize = 8;

/// What a file is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// `access-points/ACCOUNT/NAME.json`: the account and the name.
    AccessPoint(String, String),
    /// `access-points/ACCOUNT/NAME.policy.json`: the account and the name.
    AccessPointPolicy(String, String),
    /// `accounts/ACCOUNT/public-access-block.json`
    AccountBlock(String),
    /// `buckets/BUCKET/public-access-block.json`
    BucketBlock(String),
    /// `buckets/BUCKET/encryption.json`
    BucketEncryption(String),
    /// `buckets/BUCKET/logging.json`
    BucketLogging(String),
    /// `buckets/BUCKET/policy.json`
    BucketPolicy(String),
    /// `buckets/BUCKET/policy.toml`
    BucketPolicyTerms(String),
    /// `buckets/BUCKET/settings.toml`
    BucketSettings(String),
    /// `endpoints/VPCE-ID.json`
    Endpoint(String),
    /// `identities/NAME.json`
    Identity(String),
    /// `organization/organization.toml`
    Organization,
    /// `organization/NAME.json`
    OrganizationPolicy(String),
    /// `tests/NAME.toml`
    Tests,
}

/// How long AWS lets a kind of policy be (spec/policy-language.md 7). Here a longer one decides all the same, but
/// it could not be taken there.
pub(super) struct Length {
    kind: &'static str,
    most: usize,
    spaces: bool,
}

/// Policies and boundaries of users and roles.
pub(super) const MANAGED: Length = Length { kind: "a managed policy", most: 6_144, spaces: false };
/// Service and resource control policies.
pub(super) const CONTROL: Length = Length { kind: "a policy of an organization", most: 5_120, spaces: true };
/// Policies of VPC endpoints.
pub(super) const ENDPOINT: Length = Length { kind: "the policy of a VPC endpoint", most: 20_480, spaces: true };

/// A file and what it is.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) place: Place,
}

/// Reads files within bounds and keeps what is wrong with them.
pub(super) struct Desk<'d> {
    pub(super) findings: Findings,
    directory: &'d Directory,
    drafts: &'d [Draft],
    left: usize,
}

/// The files of the folder, in the order of their names. Those that are nothing that is known, or nothing
/// that this version obeys, are errors: ignoring one could open a hole.
pub(super) fn entries(config: &Config, desk: &mut Desk<'_>) -> Vec<Entry> {
    let folder = &config.policies;
    let mut entries = Vec::new();
    let mut paths = walk(folder, &mut desk.findings);
    paths.retain(|path| desk.drafts.iter().all(|draft| draft.path != *path));
    paths.extend(desk.drafts.iter().filter(|draft| draft.text.is_some()).map(|draft| draft.path.clone()));
    // A request must not write what no process could read again.
    if paths.len() > FILES_LIMIT && desk.findings.is_empty() {
        desk.findings.push(too_many(folder));
    }
    paths.sort();
    for path in paths {
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        let parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap_or_default()).collect();
        match place(&parts) {
            Ok(place) => entries.push(Entry { path, place }),
            Err(_) if path == config.credentials || desk.directory.files().contains(&path) || is_plain(&parts) => {}
            Err(fault) => desk.findings.push(Finding::file(&path, fault.message).help(fault.help)),
        }
    }
    entries
}

/// What is there for people, or read elsewhere.
fn is_plain(parts: &[&str]) -> bool {
    matches!(parts, ["credentials.toml" | "credentials.example.toml"] | [.., "README.md"])
}

struct Misplaced {
    message: &'static str,
    help: &'static str,
}

const UNKNOWN: Misplaced = Misplaced {
    message: "this file is not obeyed in this version",
    help: "move it away, or use a version that has it: ignoring it could open a hole",
};

fn place(parts: &[&str]) -> Result<Place, Misplaced> {
    let stem = |file: &str, ending: &str| file.strip_suffix(ending).filter(|stem| is_name(stem)).map(str::to_owned);
    match *parts {
        ["access-points", account, file] if name::is_account(account) => at_access_point(account, file),
        ["accounts", account, "public-access-block.json"] if name::is_account(account) => {
            Ok(Place::AccountBlock(account.to_owned()))
        }
        ["buckets", bucket, file] => in_bucket(bucket, file),
        ["endpoints", file] => {
            let id = stem(file, ".json").filter(|id| is_endpoint(id));
            id.map(Place::Endpoint).ok_or(Misplaced {
                message: "this is no VPC endpoint",
                help: "name the file after the endpoint: `vpce-0a1b2c3d.json`",
            })
        }
        ["identities", file] => stem(file, ".json").map(Place::Identity).ok_or(UNKNOWN),
        ["organization", "organization.toml"] => Ok(Place::Organization),
        ["organization", file] => stem(file, ".json").map(Place::OrganizationPolicy).ok_or(UNKNOWN),
        ["tests", file] => stem(file, ".toml").map(|_| Place::Tests).ok_or(UNKNOWN),
        _ => Err(UNKNOWN),
    }
}

fn at_access_point(account: &str, file: &str) -> Result<Place, Misplaced> {
    let (stem, of): (_, fn(String, String) -> Place) =
        match (file.strip_suffix(".policy.json"), file.strip_suffix(".json")) {
            (Some(stem), _) => (stem, Place::AccessPointPolicy),
            (None, Some(stem)) => (stem, Place::AccessPoint),
            (None, None) => return Err(UNKNOWN),
        };
    if !name::is_access_point(stem) {
        let help =
            "name the file after the access point: 3 to 50 lower-case letters, digits and `-`, no reserved ending";
        return Err(Misplaced { message: "no access point can have the name of this file", help });
    }
    Ok(of(account.to_owned(), stem.to_owned()))
}

fn in_bucket(bucket: &str, file: &str) -> Result<Place, Misplaced> {
    if !name::is_addressable_bucket(bucket) {
        let help = "name the folder after the bucket: 3 to 63 lower-case letters, digits, `.` and `-`";
        return Err(Misplaced { message: "no bucket can have the name of this folder", help });
    }
    let bucket = bucket.to_owned();
    match file {
        "encryption.json" => Ok(Place::BucketEncryption(bucket)),
        "logging.json" => Ok(Place::BucketLogging(bucket)),
        "policy.json" => Ok(Place::BucketPolicy(bucket)),
        "policy.toml" => Ok(Place::BucketPolicyTerms(bucket)),
        "public-access-block.json" => Ok(Place::BucketBlock(bucket)),
        "settings.toml" => Ok(Place::BucketSettings(bucket)),
        _ => Err(UNKNOWN),
    }
}

/// The names of documents, as `credentials.toml` may attach them.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,@-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

fn is_endpoint(text: &str) -> bool {
    let id = text.strip_prefix("vpce-").unwrap_or_default();
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Every file below a folder that is not hidden, in order. Links to folders are not followed.
pub(super) fn walk(folder: &Path, findings: &mut Findings) -> Vec<PathBuf> {
    let mut waiting = vec![(folder.to_owned(), 0)];
    let mut found = Vec::new();
    while let Some((folder, depth)) = waiting.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                let fault = files::FileFault::from(error);
                let help = fault.help().unwrap_or("make it, or name the policies folder with `policies`");
                findings.push(Finding::file(&folder, format!("the folder {fault}")).help(help));
                continue;
            }
        };
        for entry in entries {
            let Ok(entry) = entry else {
                findings.push(Finding::file(&folder, "the folder cannot be read to its end"));
                break;
            };
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEPTH_LIMIT => waiting.push((entry.path(), depth + 1)),
                // To read a pipe would wait for whoever writes into it.
                Ok(kind) if !kind.is_dir() && !kind.is_file() && !kind.is_symlink() => {
                    findings
                        .push(Finding::file(&entry.path(), "this is a pipe, a socket or a device").help("remove it"));
                }
                _ => found.push(entry.path()),
            }
            if found.len() + waiting.len() > FILES_LIMIT {
                findings.push(too_many(&folder));
                return found;
            }
        }
    }
    found.sort();
    found
}

fn too_many(folder: &Path) -> Finding {
    let message = format!("the folder holds more than {FILES_LIMIT} files and folders");
    Finding::file(folder, message).help("attach one document to many")
}

impl Length {
    /// What is to be told of a text that is longer.
    fn exceeded(&self, text: &str) -> Option<String> {
        let Self { kind, most, spaces } = *self;
        let length = text.chars().filter(|letter| spaces || !letter.is_whitespace()).count();
        let counted = if spaces { "" } else { " without white space" };
        (length > most).then(|| format!("it has {length} characters{counted}, and {kind} has at most {most} on AWS"))
    }
}

impl<'d> Desk<'d> {
    /// Drafts stand for their files, whatever is on the disk.
    pub(super) fn new(directory: &'d Directory, drafts: &'d [Draft]) -> Self {
        Self { findings: Findings::default(), directory, drafts, left: TOTAL_LIMIT }
    }

    /// The text of a file; `what` begins the sentence if there is none.
    pub(super) fn text(&mut self, path: &Path, what: &str, help: &str) -> Option<String> {
        let drafted = self.drafts.iter().find(|draft| draft.path == path).and_then(|draft| draft.text.clone());
        let text = match drafted.map_or_else(|| files::read_text(path, FILE_LIMIT).and_then(files::written), Ok) {
            Ok(text) => text,
            Err(fault) => {
                self.findings.push(Finding::file(path, format!("{what} {fault}")).help(help));
                return None;
            }
        };
        match self.left.checked_sub(text.len()) {
            Some(left) => self.left = left,
            None => {
                let message = format!("all files together hold more than {} MiB", TOTAL_LIMIT >> 20);
                self.findings.push(Finding::file(path, message).help("attach one document to many"));
                return None;
            }
        }
        Some(text)
    }

    /// A policy document of a kind, looked at for how long it is.
    pub(super) fn policy(&mut self, path: &Path, name: String, kind: Kind, length: &Length) -> Option<Arc<Policy>> {
        let (policy, text) = self.document(path, name, |text| read::read(text.as_bytes(), kind))?;
        if let Some(message) = length.exceeded(&text) {
            let help = "write it as two policies, or take wildcards for what is alike";
            self.findings.push(Finding::warning(&Source::named(path), None, message).help(help));
        }
        Some(policy)
    }

    /// The trust policy of a role.
    pub(super) fn trust(&mut self, path: &Path, name: String) -> Option<Arc<Policy>> {
        self.document(path, name, |text| read::read(text.as_bytes(), Kind::Trust)).map(|(policy, _)| policy)
    }

    /// Whether a file holds a trust policy.
    pub(super) fn is_trust(&self, path: &Path) -> bool {
        let text = files::read_text(path, FILE_LIMIT);
        text.is_ok_and(|text| read::read(text.as_bytes(), Kind::Trust).is_ok())
    }

    /// A policy document and its text, read by `read` and looked at for what can hardly be meant.
    pub(super) fn document(
        &mut self,
        path: &Path,
        name: String,
        read: impl FnOnce(&str) -> Result<Reading, Vec<Problem>>,
    ) -> Option<(Arc<Policy>, String)> {
        let help = "write the policy, or remove its file";
        let text = self.text(path, "the policy", help)?;
        match read(&text) {
            // The engine decides on a resource that is no ARN as S3 does. Here it is a slip of the pen: a denial that
            // denies nothing, or a `NotResource` that leaves nothing out.
            Ok(Reading { warnings, .. }) if warnings.iter().any(|problem| problem.rule == Rule::Resource) => {
                let help = "write the whole ARN, such as `arn:aws:s3:::BUCKET/*`, or `*`";
                let odd = warnings.into_iter().filter(|problem| problem.rule == Rule::Resource);
                self.tell(path, &text, odd.map(|problem| problem.strict().help(help)).collect());
                None
            }
            Ok(Reading { document, mut warnings }) => {
                warnings.extend(lint::lint(&document));
                warnings.extend(strangers::strangers(&document, self.directory));
                warnings.sort_by_key(|problem| problem.span);
                warnings.dedup();
                self.tell(path, &text, warnings);
                Some((Policy::new(name, document), text))
            }
            Err(problems) => {
                self.tell(path, &text, problems);
                None
            }
        }
    }

    /// Keeps problems of a text as findings.
    pub(super) fn tell(&mut self, path: &Path, text: &str, problems: Vec<Problem>) {
        if problems.is_empty() {
            return;
        }
        let source = Source::new(path.display().to_string(), text);
        for Problem { severity, span, message, help, .. } in problems {
            let span = Some(span.range());
            let finding = match severity {
                Severity::Error => Finding::error(&source, span, message),
                Severity::Warning => Finding::warning(&source, span, message),
            };
            self.findings.push(match help {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_in_the_folder_is_told_and_never_opened() {
        let dir = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("a.json")).unwrap();
        let mut findings = Findings::default();
        assert!(walk(dir.path(), &mut findings).is_empty());
        assert!(findings.to_string().contains("a pipe, a socket or a device"), "{findings}");
    }

    #[test]
    fn every_promised_file_has_its_place() {
        let at = |path: &str| place(&path.split('/').collect::<Vec<_>>()).ok();
        assert_eq!(at("identities/a.json"), Some(Place::Identity("a".to_owned())));
        assert_eq!(at("buckets/my.bucket/policy.json"), Some(Place::BucketPolicy("my.bucket".to_owned())));
        assert_eq!(at("buckets/bbb/public-access-block.json"), Some(Place::BucketBlock("bbb".to_owned())));
        assert_eq!(at("buckets/bbb/encryption.json"), Some(Place::BucketEncryption("bbb".to_owned())));
        assert_eq!(at("buckets/bbb/logging.json"), Some(Place::BucketLogging("bbb".to_owned())));
        assert_eq!(at("buckets/bbb/policy.toml"), Some(Place::BucketPolicyTerms("bbb".to_owned())));
        assert_eq!(at("buckets/bbb/settings.toml"), Some(Place::BucketSettings("bbb".to_owned())));
        assert_eq!(at("endpoints/vpce-0a1b.json"), Some(Place::Endpoint("vpce-0a1b".to_owned())));
        assert_eq!(at("organization/organization.toml"), Some(Place::Organization));
        assert_eq!(at("organization/scp.json"), Some(Place::OrganizationPolicy("scp".to_owned())));
        assert_eq!(at("tests/a.toml"), Some(Place::Tests));
        let named = ("111122223333".to_owned(), "a.b".replace('.', "-"));
        let point = Place::AccessPoint(named.0.clone(), named.1.clone());
        assert_eq!(at("access-points/111122223333/a-b.json"), Some(point));
        let policy = Place::AccessPointPolicy(named.0, named.1);
        assert_eq!(at("access-points/111122223333/a-b.policy.json"), Some(policy));
        let block = "accounts/111122223333/public-access-block.json";
        assert_eq!(at(block), Some(Place::AccountBlock("111122223333".to_owned())));
    }

    #[test]
    fn what_would_be_ignored_has_none() {
        for path in [
            "access-points/111122223333/ab.json",
            "access-points/111122223333/abc-s3alias.json",
            "access-points/111122223333/abc.policies.json",
            "access-points/111122223333/abc.json.new",
            "access-points/1111/abc.json",
            "access-points/abc.json",
            "accounts/111/public-access-block.json",
            "buckets/B/policy.json",
            "buckets/bbb/loggings.json",
            "buckets/bbb/policy.json.new",
            "buckets/bbb/versioning.json",
            "buckets/policy.json",
            "endpoints/a.json",
            "endpoints/vpce-A.json",
            "identities/a.yaml",
            "identities/team/a.json",
            "identities/a b.json",
            "organization/organization.json.bak",
            "policy.json",
            "tests/a.json",
        ] {
            assert!(place(&path.split('/').collect::<Vec<_>>()).is_err(), "{path}");
        }
    }
}
