//! `buckets/BUCKET/`: who owns a bucket, its policy, its Block Public Access, its default encryption,
//! where its access log goes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::super::ProcessEnvironment;
use super::super::finding::Findings;
use super::super::reader::{self, Table};
use super::folder::{Desk, Entry, Place};
use crate::access::Kept;
use crate::identity::Directory;
use crate::policy::encryption::BucketDefault;
use crate::policy::engine::BucketRules;
use crate::policy::engine::acl::Ownership;
use crate::policy::engine::public::Block;
use crate::policy::logging::BucketLogging;
use crate::policy::{block, put};
use crate::s3::tags::Tags;

/// The most tags of a bucket, as AWS has it.
const MOST_TAGS: usize = 50;

/// What all files of buckets say.
#[derive(Default)]
pub(super) struct Buckets {
    pub(super) rules: BTreeMap<String, BucketRules>,
    /// What is told of them besides.
    pub(super) kept: HashMap<String, Kept>,
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
                if let Some((policy, text)) = desk.document(path, format!("buckets/{bucket}/policy"), read) {
                    buckets.kept(bucket).policy = Some(text.into());
                    buckets.rules(bucket, account).policy = Some(policy);
                }
            }
            Place::BucketPolicyTerms(bucket) => {
                if let Some(binds_root) = terms(desk, path) {
                    buckets.rules(bucket, account).binds_root = binds_root;
                }
            }
            Place::BucketBlock(bucket) => {
                if let Some(block) = self::block(desk, path) {
                    buckets.kept(bucket).block = Some(block);
                    buckets.rules(bucket, account).block = block;
                }
            }
            Place::BucketEncryption(bucket) => {
                if let Some(encryption) = encryption(desk, path) {
                    buckets.kept(bucket).encryption = Some(encryption);
                    buckets.rules(bucket, account);
                }
            }
            Place::BucketLogging(bucket) => {
                if let Some(logging) = logging(desk, path) {
                    buckets.kept(bucket).logging = logging;
                    buckets.rules(bucket, account);
                }
            }
            Place::BucketSettings(bucket) => {
                let Some(Settings { owner, tags }) = settings(desk, path, directory) else { continue };
                buckets.rules(bucket, account).owner = owner.unwrap_or_else(|| account.to_owned());
                buckets.kept(bucket).tags = tags;
            }
            _ => {}
        }
    }
    buckets
}

impl Buckets {
    fn kept(&mut self, bucket: &str) -> &mut Kept {
        self.kept.entry(bucket.to_owned()).or_default()
    }

    fn rules(&mut self, bucket: &str, account: &str) -> &mut BucketRules {
        self.rules.entry(bucket.to_owned()).or_insert_with(|| BucketRules {
            owner: account.to_owned(),
            policy: None,
            binds_root: false,
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

/// A document of default encryption.
fn encryption(desk: &mut Desk<'_>, path: &Path) -> Option<BucketDefault> {
    let text = desk.text(path, "the default encryption of the bucket", "write it, or remove its file")?;
    match BucketDefault::parse_json(&text) {
        Ok(encryption) => Some(encryption),
        Err(problems) => {
            desk.tell(path, &text, problems);
            None
        }
    }
}

/// A document of where the access log goes.
fn logging(desk: &mut Desk<'_>, path: &Path) -> Option<Option<BucketLogging>> {
    let text = desk.text(path, "where the access log of the bucket goes", "write it, or remove its file")?;
    match BucketLogging::parse_json(&text) {
        Ok(logging) => Some(logging),
        Err(problems) => {
            desk.tell(path, &text, problems);
            None
        }
    }
}

/// Whether the root user obeys the policy, too. A file without a policy beside it is what is left of one.
fn terms(desk: &mut Desk<'_>, path: &Path) -> Option<bool> {
    let text = desk.text(path, "what holds for the policy of the bucket", "write it, or remove its file")?;
    match reader::read(path, &text, &ProcessEnvironment, |root| Some(root.boolean("binds_root", false))) {
        Ok((binds_root, warnings)) => {
            desk.findings.extend(warnings);
            Some(binds_root)
        }
        Err(findings) => {
            desk.findings.extend(findings);
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
    fn a_setting_without_effect_is_refused() {
        assert!(check("owner = \"999999999999\"").unwrap_err().contains("not declared"));
        assert!(check("tags = { team = \"red\" }").unwrap_err().contains("no meaning"));
        assert!(check("onwer = \"111122223333\"").unwrap_err().contains("did you mean `owner`"));
        let tags = Some(vec![("team".to_owned(), "red".to_owned())]);
        assert_eq!(check("abac = true\ntags = { team = \"red\" }"), Ok(Settings { owner: None, tags }));
    }
}
