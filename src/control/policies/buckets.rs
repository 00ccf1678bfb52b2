//! `buckets/BUCKET/`: who owns a bucket, its policy, its Block Public Access.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::super::finding::Findings;
use super::super::reader::{self, Table};
use super::super::{ProcessEnvironment, files};
use super::folder::{Desk, Entry, Place};
use crate::identity::Directory;
use crate::policy::engine::BucketRules;
use crate::policy::engine::acl::Ownership;
use crate::policy::engine::public::Block;
use crate::policy::{block, put};
use crate::s3::tags::Tags;

/// How large the settings of a bucket may be to be written anew.
const SETTINGS_LIMIT: u64 = 64 << 10;
/// The most tags of a bucket, as AWS has it.
const MOST_TAGS: usize = 50;

/// What all files of buckets say.
#[derive(Default)]
pub(super) struct Buckets {
    pub(super) rules: BTreeMap<String, BucketRules>,
    /// Of the buckets with access by attributes.
    pub(super) tags: HashMap<String, Tags>,
}

/// What `settings.toml` says.
#[derive(Debug, Default, PartialEq)]
struct Settings {
    owner: Option<String>,
    tags: Option<Tags>,
}

/// Reads the files of all buckets. Where a bucket has no settings, `account` owns it.
pub(super) fn read(desk: &mut Desk<'_>, entries: &[Entry], account: &str, directory: &Directory) -> Buckets {
    let mut buckets = Buckets::default();
    for Entry { path, place } in entries {
        match place {
            Place::BucketPolicy(bucket) => {
                let target = put::Target::Bucket { partition: "aws", name: bucket };
                // Who is gone matches nobody; that is worth a warning, not a refusal.
                let read = |text: &str| put::read(text.as_bytes(), &target, &|_| true);
                let policy = desk.document(path, format!("buckets/{bucket}/policy"), read);
                buckets.rules(bucket, account).policy = policy;
            }
            Place::BucketBlock(bucket) => {
                if let Some(block) = self::block(desk, path) {
                    buckets.rules(bucket, account).block = block;
                }
            }
            Place::BucketSettings(bucket) => {
                let Some(Settings { owner, tags }) = settings(desk, path, directory) else { continue };
                buckets.rules(bucket, account).owner = owner.unwrap_or_else(|| account.to_owned());
                buckets.tags.extend(tags.map(|tags| (bucket.clone(), tags)));
            }
            _ => {}
        }
    }
    buckets
}

impl Buckets {
    fn rules(&mut self, bucket: &str, account: &str) -> &mut BucketRules {
        self.rules.entry(bucket.to_owned()).or_insert_with(|| BucketRules {
            owner: account.to_owned(),
            policy: None,
            block: Block::default(),
            ownership: Ownership::BucketOwnerEnforced,
            acl: None,
        })
    }
}

/// A document of Block Public Access.
pub(super) fn block(desk: &mut Desk<'_>, path: &Path) -> Option<Block> {
    let text = desk.text(path, "the settings of Block Public Access", "write them, or remove their file")?;
    match block::read(&text) {
        Ok(block) => Some(block),
        Err(problems) => {
            desk.tell(path, &text, problems);
            None
        }
    }
}

fn settings(desk: &mut Desk<'_>, path: &Path, directory: &Directory) -> Option<Settings> {
    let text = desk.text(path, "the settings of the bucket", "write them, or remove their file")?;
    let (settings, findings) = match parse(path, &text, directory) {
        Ok((settings, warnings)) => (Some(settings), warnings),
        Err(findings) => (None, findings),
    };
    desk.findings.extend(findings);
    settings
}

fn parse(path: &Path, text: &str, directory: &Directory) -> Result<(Settings, Findings), Findings> {
    reader::read(path, text, &ProcessEnvironment, |root| {
        let owner = owner(root, directory);
        ownership(root);
        let tags = tags(root);
        Some(Settings { owner, tags })
    })
}

fn owner(root: &mut Table<'_>, directory: &Directory) -> Option<String> {
    let account = |text: &str| crate::s3::name::is_account(text).then(|| text.to_owned());
    let found = root.parsed("owner", "the 12 digits of an account", account)?;
    if directory.knows_account(&found.value) {
        return Some(found.value);
    }
    let help = format!("declare it in credentials.toml: `[[account]]` with `id = \"{}\"`", found.value);
    root.fault(found.span, "this account is not known", "not declared", help);
    None
}

/// Only one ownership is there: the others keep access control lists in force, and no store behind the
/// proxy keeps lists (spec/policy-evaluation.md 9.1).
fn ownership(root: &mut Table<'_>) {
    let expected = "\"BucketOwnerEnforced\", the one that is there";
    let named = |text: &str| match text {
        "BucketOwnerEnforced" => Some(true),
        "BucketOwnerPreferred" | "ObjectWriter" => Some(false),
        _ => None,
    };
    if let Some(found) = root.parsed("ownership", expected, named).filter(|found| !found.value) {
        let message = "this ownership needs access control lists, and no store behind the proxy keeps them";
        let help = "write `ownership = \"BucketOwnerEnforced\"`, or leave it out, and grant with a bucket policy";
        root.fault(found.span, message, "not available", help);
    }
}

/// The settings of a bucket with its ownership written down, or without; none where nothing is left. Every
/// other line stays as it is.
pub(super) fn with_ownership(path: &Path, enforced: bool) -> Result<Option<String>, String> {
    let text = match path.try_exists() {
        Ok(false) => String::new(),
        Ok(true) => files::read_text(path, SETTINGS_LIMIT).map_err(|fault| format!("`{}` {fault}", path.display()))?,
        Err(error) => return Err(format!("`{}` cannot be looked at: {error}", path.display())),
    };
    let is_ownership =
        |line: &str| line.trim_start().strip_prefix("ownership").is_some_and(|rest| rest.trim_start().starts_with('='));
    // It stands before the first table, if anywhere: there is no other that may have it.
    let rest: String = text.split_inclusive('\n').filter(|line| !is_ownership(line)).collect();
    let text = if enforced { format!("ownership = \"BucketOwnerEnforced\"\n{rest}") } else { rest };
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// Tags that conditions see, while access by attributes is on.
fn tags(root: &mut Table<'_>) -> Option<Tags> {
    let on = root.boolean("abac", false);
    if !on {
        root.pointless(&["tags"], "`abac = false`: conditions do not see them");
        return None;
    }
    let span = root.span_of("tags").unwrap_or_default();
    let tags: Tags = root.pairs("tags");
    let long = |text: &str, most: usize| text.chars().count() > most;
    let bad = tags.iter().any(|(key, value)| key.is_empty() || long(key, 128) || long(value, 256));
    if bad || tags.len() > MOST_TAGS {
        let help = format!("at most {MOST_TAGS} tags, keys of 1 to 128 characters, values of up to 256");
        root.fault(span, "`tags` is not usable", "too many or too long", help);
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let mut directory = Directory::default();
        directory.add_account("111122223333", "main").unwrap();
        directory
    }

    fn check(text: &str) -> Result<Settings, String> {
        let path = Path::new("settings.toml");
        parse(path, text, &directory()).map(|(settings, _)| settings).map_err(|findings| findings.to_string())
    }

    #[test]
    fn the_one_ownership_is_taken_and_the_others_are_told_why_not() {
        let owner = Some("111122223333".to_owned());
        let text = "owner = \"111122223333\"\nownership = \"BucketOwnerEnforced\"\n";
        assert_eq!(check(text), Ok(Settings { owner, tags: None }));
        for ownership in ["ObjectWriter", "BucketOwnerPreferred"] {
            let told = check(&format!("ownership = \"{ownership}\"")).unwrap_err();
            assert!(told.contains("settings.toml:1:13") && told.contains("no store behind the proxy keeps"), "{told}");
        }
        assert!(check("ownership = \"bucketownerenforced\"").unwrap_err().contains("not usable"));
    }

    #[test]
    fn writing_the_ownership_down_leaves_every_other_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.toml");
        let written = Some("ownership = \"BucketOwnerEnforced\"\n".to_owned());
        assert_eq!(with_ownership(&path, true), Ok(written.clone()));
        assert_eq!(with_ownership(&path, false), Ok(None));
        let other = "# ours\nowner = \"111122223333\"\n[tags]\nownershipped = \"x\"\n";
        std::fs::write(&path, other).unwrap();
        let both = with_ownership(&path, true).unwrap().unwrap();
        assert_eq!(both, format!("{}{other}", written.unwrap()));
        std::fs::write(&path, both).unwrap();
        assert_eq!(with_ownership(&path, false), Ok(Some(other.to_owned())));
    }

    #[test]
    fn a_setting_without_effect_is_refused() {
        assert!(check("owner = \"999999999999\"").unwrap_err().contains("not declared"));
        assert!(check("tags = { team = \"red\" }").unwrap_err().contains("no meaning"));
        assert!(check("onwer = \"111122223333\"").unwrap_err().contains("did you mean `owner`"));
        let tags = Some(vec![("team".to_owned(), "red".to_owned())]);
        assert_eq!(check("abac = true\ntags = { team = \"red\" }"), Ok(Settings { owner: None, tags }));
    }
}
