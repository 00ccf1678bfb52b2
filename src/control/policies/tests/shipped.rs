//! The policies that are shipped for people to copy.

use std::path::Path;

use super::*;

/// Reads the folder of the repository, with a change to one of its files.
fn shipped(file: &str, from: &str, to: &str) -> Result<Loaded, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let dir = tempfile::tempdir().unwrap();
    let mut waiting = vec![root.clone()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let own = dir.path().join("policies").join(path.strip_prefix(&root).unwrap());
            if path.is_dir() {
                fs::create_dir_all(&own).unwrap();
                waiting.push(path);
                continue;
            }
            fs::create_dir_all(own.parent().unwrap()).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let is_changed = path.ends_with(file);
            assert!(!is_changed || text.contains(from), "{file} has no {from}");
            fs::write(own, if is_changed { text.replace(from, to) } else { text }).unwrap();
        }
    }
    let example = fs::read_to_string(root.join("credentials.example.toml")).unwrap();
    let environment: BTreeMap<String, String> =
        [("ALICE_SECRET".to_owned(), "alice-secret-alice-secret".to_owned())].into();
    let site = Site { dir };
    let config = site.config();
    let parsed = credentials::parse(&config.credentials, &example, ACCOUNT, &environment);
    let directory = parsed.unwrap_or_else(|findings| panic!("{findings}")).0;
    load(&config, &directory).map_err(|findings| findings.to_string())
}

#[test]
fn what_is_shipped_holds_what_its_tests_say() {
    let loaded = shipped("README.md", "", "").unwrap_or_else(|told| panic!("{told}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert!(loaded.tests.len() > 15);
}

#[test]
fn no_shipped_rule_can_be_weakened_without_a_test_that_fails() {
    for (file, from, to, test) in [
        (
            "buckets/team-data/policy.json",
            "\"aws:SecureTransport\": \"false\"",
            "\"aws:SecureTransport\": \"true\"",
            "plain HTTP",
        ),
        ("buckets/team-data/policy.json", "\"1.2\"", "\"1.0\"", "TLS 1.1"),
        ("buckets/team-data/policy.json", "\"StringNotEquals\"", "\"StringEquals\"", "says nothing"),
        ("buckets/audit-logs/policy.json", "\"s3:DeleteObject\", ", "", "deletes a log"),
        (
            "buckets/audit-logs/policy.json",
            "\"s3:if-none-match\": \"true\"",
            "\"s3:if-none-match\": \"false\"",
            "writes over",
        ),
        (
            "identities/team-prefix.json",
            "team-data/${aws:PrincipalTag/team}/*",
            "team-data/${aws:PrincipalTag/team}*",
            "begins like red",
        ),
        ("identities/team-prefix.json", "${aws:PrincipalTag/team}/*\" }", "*\" }", "red does not list blue"),
        ("identities/data-boundary.json", "\"s3:PutBucketPolicy\",", "", "changes the rules"),
        ("identities/read-only.json", "\"s3:Get*\"", "\"s3:Put*\", \"s3:Get*\"", "auditors write"),
        ("identities/log-writer.json", "\"s3:PutObject\"", "\"s3:*Object\"", "reads nothing"),
    ] {
        let told = shipped(file, from, to).err().unwrap_or_else(|| panic!("{file}: nobody misses {from}"));
        assert!(told.contains(test), "{file}: {told}");
    }
}

/// The examples of the documentation, by the file that their first line names.
fn documented() -> BTreeMap<String, String> {
    let text = include_str!("../../../../docs/policies.md");
    let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter_map(|block| Some((block.lines().next()?.strip_prefix("# ")?.to_owned(), block.to_owned()))).collect()
}

#[test]
fn what_the_documentation_shows_is_taken() {
    let mut files = documented();
    let credentials =
        files.remove("credentials.toml").unwrap().replace("{ env = \"ROSE_SECRET\" }", "\"0123456789abcdef\"");
    let site = Site::new("");
    site.write("credentials.toml", &format!("{credentials}\n[[account]]\nid = \"{OTHER}\"\n"));
    for name in ["team-prefix", "data-boundary", "read-only"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("policies/identities/{name}.json"));
        site.write(&format!("identities/{name}.json"), &fs::read_to_string(path).unwrap());
    }
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}"#;
    site.write("identities/reader-trust.json", trust);
    site.write("organization/no-deletes.json", &statement("Deny", "s3:DeleteBucket", "*"));
    site.write("organization/ours-only.json", &bucket_statement("Deny", "\"*\"", "s3:DeleteBucket", "*"));
    assert_eq!(files.len(), 3, "{:?}", files.keys());
    for (name, text) in files {
        site.write(&name.replace("BUCKET", "bbb"), &text);
    }
    let loaded = site.loaded();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!((loaded.tests.len(), loaded.estate.tags("bbb").map(Vec::len)), (1, Some(1)));
    assert_eq!(loaded.estate.organization(OTHER).unwrap().paths, ["o-exampleorgid/r-ab12/ou-ab12-11111111/"]);
}
