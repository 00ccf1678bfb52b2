mod expecting;
mod points;
mod shipped;
mod taking;
mod widening;

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::control::credentials;
use crate::policy::ADMINISTRATOR_DOCUMENT;
use crate::policy::context::Keys;
use crate::policy::engine::{Act, Brought, Caller, Question};

const ACCOUNT: &str = "111122223333";
const OTHER: &str = "444455556666";

/// A folder that is filled, read, and gone.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    /// With the shipped administrator's document and these users and roles.
    fn new(credentials: &str) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        site.write("identities/administrator.json", ADMINISTRATOR_DOCUMENT);
        let accounts = format!("[[account]]\nid = \"{ACCOUNT}\"\n[[account]]\nid = \"{OTHER}\"\n");
        site.write("credentials.toml", &format!("{accounts}{credentials}"));
        site
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.dir.path().join("policies").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn config(&self) -> Config {
        let text = "account = \"111122223333\"\nupstream.kind = \"embedded\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n";
        let parsed = Config::parse(&self.dir.path().join("bartizan.toml"), text, &BTreeMap::new());
        parsed.unwrap_or_else(|findings| panic!("{findings}")).0
    }

    fn directory(&self, config: &Config) -> Directory {
        let text = fs::read_to_string(&config.credentials).unwrap();
        let parsed = credentials::parse(&config.credentials, &text, ACCOUNT, &BTreeMap::new());
        parsed.unwrap_or_else(|findings| panic!("{findings}")).0
    }

    fn load(&self) -> Result<Loaded, String> {
        let config = self.config();
        load(&config, &self.directory(&config)).map_err(|findings| findings.to_string())
    }

    #[track_caller]
    fn loaded(&self) -> Loaded {
        self.load().unwrap_or_else(|findings| panic!("{findings}"))
    }

    #[track_caller]
    fn refused(&self) -> String {
        self.load().err().expect("the folder was taken")
    }
}

fn user(name: &str, more: &str) -> String {
    format!("[[user]]\narn = \"arn:aws:iam::{ACCOUNT}:user/{name}\"\n{more}\n")
}

fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}}}"#
    )
}

fn bucket_statement(effect: &str, principal: &str, action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Principal":{principal},"Action":"{action}","Resource":"{resource}"}}}}"#
    )
}

/// What a user's request to a bucket comes to, with the reason.
fn decide(loaded: &Loaded, account: &str, arn: &str, action: &str, resource: &str) -> &'static str {
    let keys = Keys::default();
    let question = Question {
        caller: Caller::User { account, arn },
        canonical_id: None,
        action: Act::named(action),
        resource,
        behind: None,
        owner: ACCOUNT,
        context: &keys,
        consent: false,
    };
    loaded.estate.rules().decide(&question, &Brought::default()).reason()
}

fn alice(loaded: &Loaded, action: &str, resource: &str) -> &'static str {
    decide(loaded, ACCOUNT, &format!("arn:aws:iam::{ACCOUNT}:user/alice"), action, resource)
}

#[test]
fn a_folder_with_the_shipped_policy_alone_is_fine() {
    let site = Site::new(&user("alice", "policies = [\"administrator\"]"));
    let loaded = site.write(".gitignore", "*").write("README.md", "words").loaded();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(alice(&loaded, "s3:GetObject", "arn:aws:s3:::bbb/k"), "allowed");
}

#[test]
fn an_administrator_policy_made_narrower_is_what_counts() {
    let site = Site::new(&user("alice", "policies = [\"administrator\"]"));
    site.write("identities/administrator.json", &statement("Allow", "s3:GetObject", "*"));
    let loaded = site.loaded();
    assert_eq!(alice(&loaded, "s3:GetObject", "arn:aws:s3:::bbb/k"), "allowed");
    assert_eq!(alice(&loaded, "s3:PutObject", "arn:aws:s3:::bbb/k"), "silent-identity");
}

#[test]
fn groups_and_boundaries_take_part() {
    let groups = "[[group]]\nname = \"writers\"\npolicies = [\"write\"]\n";
    let more = "policies = [\"read\"]\ngroups = [\"writers\"]\nboundary = \"edge\"";
    let site = Site::new(&format!("{groups}{}", user("alice", more)));
    site.write("identities/read.json", &statement("Allow", "s3:GetObject*", "*"));
    site.write("identities/write.json", &statement("Allow", "s3:PutObject", "*"));
    site.write("identities/edge.json", &statement("Allow", "s3:*", "arn:aws:s3:::bbb/*"));
    let loaded = site.loaded();
    assert_eq!(alice(&loaded, "s3:GetObject", "arn:aws:s3:::bbb/k"), "allowed");
    assert_eq!(alice(&loaded, "s3:PutObject", "arn:aws:s3:::bbb/k"), "allowed");
    assert_eq!(alice(&loaded, "s3:PutObject", "arn:aws:s3:::ccc/k"), "silent-boundary");
    assert_eq!(alice(&loaded, "s3:DeleteObject", "arn:aws:s3:::bbb/k"), "silent-identity");
}

#[test]
fn the_root_of_an_account_has_nothing_attached_that_would_be_ignored() {
    let site = Site::new(&format!("[[user]]\narn = \"arn:aws:iam::{ACCOUNT}:root\"\npolicies = [\"administrator\"]\n"));
    let config = site.config();
    let text = fs::read_to_string(&config.credentials).unwrap();
    let parsed = credentials::parse(&config.credentials, &text, ACCOUNT, &BTreeMap::new());
    assert!(parsed.err().unwrap().to_string().contains("has no meaning with the root of an account"));
}

#[test]
fn a_bucket_has_an_owner_a_policy_and_a_block() {
    let site = Site::new(&user("alice", "policies = [\"administrator\"]"));
    site.write(
        "buckets/bbb/settings.toml",
        &format!("owner = \"{OTHER}\"\nabac = true\ntags = {{ team = \"red\" }}\n"),
    );
    site.write("buckets/bbb/policy.json", &bucket_statement("Allow", "\"*\"", "s3:GetObject", "arn:aws:s3:::bbb/*"));
    site.write("buckets/bbb/public-access-block.json", "{ \"RestrictPublicBuckets\": true }");
    let loaded = site.loaded();
    assert_eq!(loaded.estate.owner("bbb"), OTHER);
    assert_eq!(loaded.estate.owner("ccc"), ACCOUNT);
    assert_eq!(loaded.estate.tags("bbb").unwrap()[0].0, "team");
    assert_eq!(loaded.estate.rules().has_public_policy("bbb"), Some(true));
    assert_eq!(alice(&loaded, "s3:GetObject", "arn:aws:s3:::bbb/k"), "denied-public-access-block");
    let open = site.write("buckets/bbb/public-access-block.json", "{}").loaded();
    assert_eq!(alice(&open, "s3:GetObject", "arn:aws:s3:::bbb/k"), "allowed");
    let block = format!("accounts/{OTHER}/public-access-block.json");
    let closed = site.write(&block, "{ \"RestrictPublicBuckets\": true }").loaded();
    assert_eq!(alice(&closed, "s3:GetObject", "arn:aws:s3:::bbb/k"), "denied-public-access-block");
}

#[test]
fn an_organization_binds_its_members_and_not_its_management_account() {
    let site = Site::new(&format!(
        "{}[[user]]\narn = \"arn:aws:iam::{OTHER}:user/bob\"\npolicies = [\"administrator\"]\n",
        user("alice", "policies = [\"administrator\"]")
    ));
    let chart = format!(
        "id = \"o-exampleorg\"\nroot = \"r-ab12\"\nmanagement = \"{ACCOUNT}\"\nblock_public_access = true\n\
         service_control = [\"FullAWSAccess\", \"no-deletes\"]\n\
         [[unit]]\nid = \"ou-ab12-data\"\nresource_control = [\"no-tags\"]\n\
         [[account]]\nid = \"{OTHER}\"\nunit = \"ou-ab12-data\"\n"
    );
    site.write("organization/organization.toml", &chart);
    site.write("organization/no-deletes.json", &statement("Deny", "s3:DeleteObject", "*"));
    site.write("organization/no-tags.json", &bucket_statement("Deny", "\"*\"", "s3:PutObjectTagging", "*"));
    site.write("buckets/bbb/settings.toml", &format!("owner = \"{OTHER}\"\n"));
    let loaded = site.loaded();
    let bob = |action| decide(&loaded, OTHER, &format!("arn:aws:iam::{OTHER}:user/bob"), action, "arn:aws:s3:::bbb/k");
    assert_eq!(bob("s3:DeleteObject"), "denied-service-control");
    assert_eq!(bob("s3:PutObjectTagging"), "denied-resource-control");
    assert_eq!(bob("s3:GetObject"), "allowed");
    assert_eq!(alice(&loaded, "s3:DeleteObject", "arn:aws:s3:::ccc/k"), "allowed");
    assert_eq!(loaded.estate.organization(OTHER).unwrap().paths, ["o-exampleorg/r-ab12/ou-ab12-data/"]);
    assert_eq!(loaded.estate.organization(ACCOUNT).unwrap().paths, ["o-exampleorg/r-ab12/"]);
    let levels = loaded.estate.rules().block_levels("bbb", OTHER, None);
    assert!(levels.effective().restrict_public_buckets);
}

#[test]
fn a_policy_that_is_longer_than_aws_takes_is_told_and_decides_all_the_same() {
    let site = Site::new(&user("alice", "policies = [\"long\"]"));
    let chart = "id = \"o-exampleorg\"\nroot = \"r-ab12\"\nservice_control = [\"FullAWSAccess\", \"scp\"]\n\
                 resource_control = [\"rcp\"]\n";
    site.write("organization/organization.toml", &format!("{chart}management = \"{OTHER}\"\n"));
    // Texts of exactly this many characters, or of so many without the white space between them.
    let padded = |text: &str, length: usize| text.replace("k#", &"é".repeat(length + 2 - text.chars().count()));
    let own =
        statement("Allow", "s3:*", "arn:aws:s3:::bbb/k#").replace("{", "{\n  ").replace("k#", "*\",\"arn:aws:s3:::k#");
    let own = own.replace("\"Resource\":\"", "\"Resource\":[\"").replace("\"}}", "\"]}}");
    let free = own.chars().filter(|letter| letter.is_whitespace()).count();
    let scp = statement("Deny", "s3:*", "arn:aws:s3:::k#");
    let named = |principal: &str| bucket_statement(principal, "\"*\"", "s3:*", "arn:aws:s3:::k#");
    let warnings = |more: usize| {
        site.write("identities/long.json", &padded(&own, 6_144 + free + more));
        site.write("organization/scp.json", &padded(&scp, 5_120 + more));
        site.write("organization/rcp.json", &padded(&named("Deny"), 5_120 + more));
        site.write("endpoints/vpce-0a1b.json", &padded(&named("Allow"), 20_480 + more));
        let loaded = site.loaded();
        assert_eq!(alice(&loaded, "s3:GetObject", "arn:aws:s3:::bbb/k"), "allowed");
        loaded.warnings.to_string()
    };
    assert_eq!(warnings(0), "");
    let told = warnings(1);
    for part in [
        "it has 6145 characters without white space, and a managed policy has at most 6144",
        "it has 5121 characters, and a policy of an organization has at most 5120",
        "it has 20481 characters, and the policy of a VPC endpoint has at most 20480",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    for file in ["long.json", "scp.json", "rcp.json", "vpce-0a1b.json"] {
        assert!(told.contains(file), "{file}: {told}");
    }
}

#[test]
fn an_allow_list_of_one_level_leaves_the_others_as_they_are() {
    let site =
        Site::new(&format!("[[user]]\narn = \"arn:aws:iam::{OTHER}:user/bob\"\npolicies = [\"administrator\"]\n"));
    let chart = format!(
        "id = \"o-exampleorg\"\nroot = \"r-ab12\"\n[[account]]\nid = \"{OTHER}\"\nservice_control = [\"reads\"]\n"
    );
    site.write("organization/organization.toml", &chart);
    site.write("organization/reads.json", &statement("Allow", "s3:Get*", "*"));
    site.write("buckets/bbb/settings.toml", &format!("owner = \"{OTHER}\"\n"));
    let loaded = site.loaded();
    let bob = |action| decide(&loaded, OTHER, &format!("arn:aws:iam::{OTHER}:user/bob"), action, "arn:aws:s3:::bbb/k");
    assert_eq!(bob("s3:GetObject"), "allowed");
    assert_eq!(bob("s3:PutObject"), "silent-service-control");
}

#[test]
fn documents_of_an_organization_are_of_one_kind_and_attached() {
    let site = Site::new("");
    site.write("organization/lone.json", &statement("Deny", "s3:*", "*"));
    assert!(site.loaded().warnings.to_string().contains("attached to nothing"));
    let chart = "id = \"o-exampleorg\"\nroot = \"r-ab12\"\nresource_control = [\"lone\", \"gone\"]\n";
    site.write("organization/organization.toml", chart);
    let told = site.refused();
    assert!(told.contains("has no `Principal`") && told.contains("gone.json"), "{told}");
    site.write("organization/lone.json", &bucket_statement("Allow", "\"*\"", "s3:*", "*"));
    assert!(site.refused().contains("can only deny"));
    site.write("organization/FullAWSAccess.json", &statement("Deny", "s3:*", "*"));
    assert!(site.refused().contains("is built in"));
}

#[test]
fn the_policy_of_an_endpoint_is_read_under_its_id() {
    let site = Site::new("");
    site.write("endpoints/vpce-0a1b.json", &bucket_statement("Allow", "\"*\"", "s3:GetObject", "*"));
    assert!(site.loaded().sources.endpoints.contains_key("vpce-0a1b"));
}

#[test]
fn broken_and_missing_documents_refuse_the_whole_folder() {
    let site = Site::new(&user("alice", "policies = [\"readwrite\"]\nboundary = \"edge\""));
    let told = site.refused();
    assert!(told.contains("readwrite.json") && told.contains("edge.json"), "{told}");
    assert!(told.contains("an attached policy does not exist"));
    site.write("identities/edge.json", ADMINISTRATOR_DOCUMENT);
    let good = statement("Allow", "s3:GetObject", "*");
    site.write("identities/readwrite.json", "{\n  \"Version\": oops\n}");
    assert!(site.refused().contains("readwrite.json:2:14"), "{}", site.refused());
    for (from, to, told) in [
        ("\"Action\"", "\"Actoin\"", "`Actoin` is unknown"),
        ("2012-10-17", "2012", "no version"),
        ("\"Effect\"", "\"Principal\":\"*\",\"Effect\"", "identity policies name no principal"),
    ] {
        site.write("identities/readwrite.json", &good.replace(from, to));
        assert!(site.refused().contains(told), "{}", site.refused());
    }
    site.write("identities/readwrite.json", &good).loaded();
}

#[test]
fn a_denial_of_a_resource_that_is_no_arn_is_refused_before_it_denies_nothing() {
    for odd in ["secret/*", "arn:aws:s3::secret", "**"] {
        for (effect, element) in [("Deny", "Resource"), ("Allow", "NotResource")] {
            let text = statement(effect, "s3:*", odd).replace("\"Resource\"", &format!("\"{element}\""));
            let site = Site::new(&user("alice", "policies = [\"own\"]"));
            let refused = site.write("identities/own.json", &text).refused();
            assert!(refused.contains("is no ARN") && refused.contains("help: write the whole ARN"), "{refused}");
        }
    }
}

#[test]
fn a_bucket_policy_is_held_to_what_put_bucket_policy_takes() {
    let site = Site::new("");
    let good = bucket_statement("Allow", "\"*\"", "s3:GetObject", "arn:aws:s3:::bbb/*");
    site.write("buckets/bbb/policy.json", &good).loaded();
    for (from, to, told) in [
        ("arn:aws:s3:::bbb/*", "arn:aws:s3:::ccc/*", "not arn:aws:s3:::bbb"),
        ("s3:GetObject", "s3:GetObjct", "matches no action of S3"),
        ("s3:GetObject", "s3:ListBucket", "acts on nothing"),
        ("\"Principal\"", "\"NotPrincipal\"", "no principal"),
    ] {
        site.write("buckets/bbb/policy.json", &good.replace(from, to));
        assert!(site.refused().contains(told), "{}", site.refused());
    }
    let spared = r#"{"AWS":"111122223333"}"#;
    let not =
        bucket_statement("Allow", spared, "s3:GetObject", "arn:aws:s3:::bbb/*").replace("Principal", "NotPrincipal");
    site.write("buckets/bbb/policy.json", &not);
    assert!(site.refused().contains("error: `NotPrincipal` with `Allow`"), "{}", site.refused());
}

#[test]
fn a_file_that_would_be_ignored_is_refused() {
    for file in [
        "access-points/111122223333/abc.toml",
        "buckets/bbb/loggings.json",
        "buckets/bbb/versioning.json",
        "identities/a.yaml",
        "policy.json",
    ] {
        let site = Site::new("");
        assert!(site.write(file, "{}").refused().contains("not obeyed in this version"), "{file}");
    }
    let site = Site::new("");
    assert!(site.write("accounts/999999999999/public-access-block.json", "{}").refused().contains("not known"));
}

#[test]
fn a_role_has_the_same_documents_as_the_token_service() {
    let role = format!(
        "[[role]]\narn = \"arn:aws:iam::{ACCOUNT}:role/reader\"\ntrust = \"reader-trust\"\npolicies = [\"administrator\"]\n"
    );
    let site = Site::new(&role);
    assert!(site.refused().contains("the trust policy does not exist"));
    site.write("identities/reader-trust.json", ADMINISTRATOR_DOCUMENT);
    assert!(site.refused().contains("has no `Principal`"));
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}"#;
    let loaded = site.write("identities/reader-trust.json", trust).loaded();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert!(loaded.sources.identities.contains_key(&format!("arn:aws:iam::{ACCOUNT}:role/reader")));
    let both = role.replace("[\"administrator\"]", "[\"reader-trust\"]");
    let site = Site::new(&both);
    assert!(site.write("identities/reader-trust.json", trust).refused().contains("is the trust policy of a role"));
}
