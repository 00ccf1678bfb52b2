use std::collections::BTreeMap;
use std::fs;

use super::*;

const LEAST: &str =
    "account = \"111122223333\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream]\nkind = \"embedded\"\n";

fn environment() -> BTreeMap<String, String> {
    let pairs = [
        ("STORE_SECRET", "store-secret"),
        ("ADDRESS", "127.0.0.1:9443"),
        ("REGION", "eu-central-1"),
        ("RATELIMIT_PASSWORD", "rate-secret"),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn parse(text: &str) -> Result<(Config, Findings), Findings> {
    Config::parse(Path::new("/etc/bartizan/bartizan.toml"), text, &environment())
}

#[track_caller]
pub(super) fn accepted(text: &str) -> Config {
    parse(text).map_err(|findings| findings.to_string()).unwrap_or_else(|faults| panic!("{faults}")).0
}

#[track_caller]
pub(super) fn refused(text: &str) -> String {
    match parse(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(findings) => findings.to_string(),
    }
}

/// Keys that stand in the configuration, or where it says.
#[track_caller]
pub(super) fn given(credentials: &Credentials) -> (&str, &str) {
    match credentials {
        Credentials::Given(keys) => (&keys.access_key, keys.secret.expose()),
        Credentials::Fetched(source) => panic!("not given: {source:?}"),
    }
}

/// `LEAST` with more at its end.
pub(super) fn with(more: &str) -> String {
    format!("{LEAST}{more}")
}

/// The example of docs, without the tables that are still to come.
const DOCUMENTED: &str = r#"
region   = "us-east-1"
account  = "111122223333"
policies = "policies/"            # relative paths: relative to the configuration file
state    = "state/"

[[listen]]
address      = "127.0.0.1:9443"
hosts        = ["localhost", "s3.localhost"]
tls          = { certificate = "certs/server.pem", key = "certs/server.key" }
vpc          = "vpc-0a1b2c3d"
vpc_endpoint = "vpce-0a1b2c3d"
trusted_proxies = ["10.0.0.0/8"]

[upstream]
kind        = "s3"
endpoint    = "http://127.0.0.1:9000"
region      = "us-east-1"
addressing  = "path"
credentials = { access_key_id = "minio", secret_access_key = { env = "STORE_SECRET" } }
profile     = "minio"

[signature]
payload = "signed-or-tls"
skew    = "15m"

[guard.names]
dot_segments = "refuse"

[keys]
ring = "state/keyring.json"
[rate.kms]
symmetric = { per = "account", rate = 5500, burst = 5500 }

[rate.requests]
write     = { per = "prefix", rate = 3500 }
read      = { per = "prefix", rate = 5500 }
principal = { per = "principal", rate = 2000, burst = 4000 }

[audit]
before    = "written"
when_full = "refuse"

[admin]
address = "127.0.0.1:9464"
"#;

/// The long example: every key with its default.
const DEFAULTS: &str = r#"
region     = "us-east-1"
account    = "111122223333"
policies   = "policies/"
state      = "state/"
accepted_regions = ["us-east-1"]
credentials.file = "policies/credentials.toml"

[[listen]]
name     = "main"
address  = "0.0.0.0:9443"
hosts    = ["s3.internal", "*.s3.internal"]
accept_aws_hosts = false
http2    = true
tls      = { certificate = "certs/server.pem", key = "certs/server.key", minimum = "1.2", client_ca = "certs/clients.pem", client_certificate = "optional" }
vpc_endpoint = "vpce-0a1b2c3d"
limits   = { connections = 4096, per_address = 1024, head = "16KiB", head_timeout = "10s", handshake_timeout = "10s", idle = "60s", in_flight = 1024 }

[signature]
skew          = "15m"
presign_max   = "7d"
payload       = "signed-or-tls"
verify_first  = "64KiB"

[upstream]
kind          = "s3"
endpoint      = "https://s3.us-east-1.amazonaws.com"
addressing    = "virtual"
credentials   = { access_key_id = "A", secret_access_key = "s" }
connections   = 256
timeouts      = { connect = "3s", first_byte = "30s", idle = "50s" }
profile       = "aws"
unknown       = "refuse"

[runtime]
workers       = 0
accept        = "least-loaded"
drain         = "30s"

[log]
level         = "info"
format        = "json"
"#;

#[test]
fn the_documented_examples_parse() {
    let config = accepted(DOCUMENTED);
    assert_eq!(config.policies, Path::new("/etc/bartizan/policies/"));
    assert_eq!(config.credentials, Path::new("/etc/bartizan/policies/credentials.toml"));
    assert_eq!(config.keyring, Path::new("/etc/bartizan/state/keyring.json"));
    let tls = config.listen[0].tls.as_ref().unwrap();
    assert_eq!(tls.certificate, Path::new("/etc/bartizan/certs/server.pem"));
    let Target::S3(remote) = &config.upstreams[0].target else { panic!("not s3") };
    assert_eq!(given(&remote.credentials), ("minio", "store-secret"));
    assert_eq!(config.guard.names.dot_segments, NameRule::Refuse);

    let config = accepted(DEFAULTS);
    assert_eq!(config.listen[0].hosts, ["s3.internal"]);
    assert_eq!(config.guard.names.dot_segments, NameRule::Allow, "AWS treats keys as bytes");
}

#[test]
fn what_is_left_out_is_safe() {
    let config = accepted(LEAST);
    assert_eq!(config.region, "us-east-1");
    assert_eq!(config.accepted_regions, ["us-east-1"]);
    assert_eq!(config.listen[0].limits.per_address, 1024);
    assert_eq!(config.signature.payload, PayloadRule::SignedOrTls);
    assert_eq!(config.signature.skew, Duration::from_secs(900));
    assert_eq!(config.audit.before, Before::Written);
    assert_eq!(config.audit.when_full, WhenFull::Refuse);
    assert!(config.audit.redact_context.is_empty(), "a context is no secret, until somebody says so");
    assert_eq!(config.guard.names.control_bytes, NameRule::Refuse);
    assert_eq!(config.runtime.drain, Duration::from_secs(30));
    assert!(config.admin.is_none());
    assert!(config.listen[0].trusted_proxies.is_empty());
}

#[test]
fn several_faults_are_told_in_one_run() {
    insta::assert_snapshot!(refused(
        r#"
region = "us_east"
acount = "111122223333"
account = "1111"

[[listen]]
adress = "127.0.0.1:9443"
limits = { connections = 0, head = "1GiB", idle = "soon" }

[upstream]
endpoint = "127.0.0.1:9000"
credentials = { access_key_id = "minio", secret_access_key = { env = "NOT_SET" } }
"#
    ));
}

#[test]
fn names_of_contexts_are_hidden_that_the_operator_names() {
    let config = accepted(&with("[audit]\nredact_context = [\"patient\", \"case\"]"));
    assert_eq!(config.audit.redact_context.iter().map(|name| &**name).collect::<Vec<_>>(), ["patient", "case"]);
    let faults = refused(&with("[audit]\nredact_context = [\"\"]"));
    assert!(faults.contains("`audit.redact_context` is not usable"), "{faults}");
}

#[test]
fn unknown_keys_are_refused_at_every_level() {
    for (more, key) in [
        ("color = 1", "upstream.color"),
        ("[signature]\nskwe = \"1m\"", "signature.skwe"),
        ("[guard]\nname = 1", "guard.name"),
        ("[guard.names]\ndots = \"allow\"", "guard.names.dots"),
        ("[audit]\nafter = 1", "audit.after"),
        ("[audit]\nredact_contexts = []", "audit.redact_contexts"),
        ("[runtime]\nthreads = 1", "runtime.threads"),
        ("[admin]\naddress = \"127.0.0.1:1\"\ntoken = 1", "admin.token"),
        ("[log]\nfile = 1", "log.file"),
        ("[rate]\nqueue = 1", "rate.queue"),
        ("[rate.kms]\nrsa = 1", "rate.kms.rsa"),
        ("[rate.requests]\nwrite = { rate = 1, burts = 1 }", "rate.requests.write.burts"),
        ("[[rate.dimension]]\nname = \"a\"\nrate = 1\ncolor = 1", "rate.dimension[0].color"),
        ("[credentials]\nkey = 1", "credentials.key"),
        ("[keys]\nkey = 1", "keys.key"),
        ("[detect]\nfinding = 1", "detect.finding"),
        ("[detect.content]\nkind = 1", "detect.content.kind"),
        ("[surprise]\nx = 1", "surprise"),
    ] {
        let faults = refused(&with(more));
        assert!(faults.contains(&format!("error: unknown key `{key}`")), "{faults}");
    }
}

#[test]
fn settings_of_later_versions_are_refused_and_not_ignored() {
    for (more, key) in [
        ("[guard.worm]\nx = 1", "guard.worm"),
        ("[detect]\nlearn = \"7d\"", "detect.learn"),
        ("[detect]\non_finding = {}", "detect.on_finding"),
        ("[public_access_block]\nblock_public_acls = true", "public_access_block"),
        ("[credentials]\nreload_grace = \"5m\"", "credentials.reload_grace"),
        ("[audit]\nchain = true", "audit.chain"),
    ] {
        let faults = refused(&with(more));
        assert!(faults.contains(&format!("`{key}` is not available in this version")), "{faults}");
    }
}

/// Whoever writes what other versions had, or what is there all the same, hears how it is done here.
#[test]
fn what_is_done_in_another_way_is_told_with_the_way() {
    for (more, told) in [
        ("[public_access_block]\nblock_public_acls = true", "accounts/ACCOUNT/public-access-block.json"),
        ("[audit]\nchain = true", "help: remove it: the journal is always chained and signed"),
        ("[runtime]\naccept = \"shared\"", "help: write \"least-loaded\" or \"reuseport\""),
        ("[admin]\naddress = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:9464\"", "`address` answers /metrics"),
    ] {
        let faults = refused(&with(more));
        assert!(faults.contains(told), "{faults}");
        assert!(!faults.contains("use a version that has it"), "{faults}");
    }
}

#[test]
fn signature_version_4a_is_taken_only_beside_version_4() {
    let (config, _) = Config::parse(
        Path::new("bartizan.toml"),
        &with("[signature]\nalgorithms = [\"AWS4-HMAC-SHA256\", \"AWS4-ECDSA-P256-SHA256\"]"),
        &environment(),
    )
    .map_err(|findings| findings.to_string())
    .unwrap();
    assert!(config.signature.ecdsa);
    let faults = refused(&with("[signature]\nalgorithms = [\"AWS4-ECDSA-P256-SHA256\"]"));
    assert!(faults.contains("`signature.algorithms` leaves AWS4-HMAC-SHA256 out"), "{faults}");
    refused(&with("[signature]\nalgorithms = [\"AWS\"]"));
}

#[test]
fn an_external_url_is_taken_apart_and_what_is_no_plain_path_is_refused() {
    let with_url = |url: &str| {
        let text = format!(
            "account = \"111122223333\"\n[[listen]]\naddress = \"127.0.0.1:0\"\nexternal_url = \"{url}\"\n[upstream]\n\
             kind = \"embedded\"\n"
        );
        let parsed = Config::parse(Path::new("bartizan.toml"), &text, &environment());
        parsed.map(|(config, _)| config.listen[0].external.as_ref().unwrap().url())
    };
    for (url, read) in [
        ("https://files.example.com", "https://files.example.com"),
        ("https://Files.example.com:443/s3/", "https://files.example.com/s3"),
        ("http://files.example.com:8080/a/b", "http://files.example.com:8080/a/b"),
        ("http://[::1]:80/a", "http://[::1]/a"),
    ] {
        assert_eq!(with_url(url).map_err(|findings| findings.to_string()).unwrap(), read);
    }
    for url in [
        "files.example.com",
        "ftp://files.example.com",
        "https://files.example.com/a//b",
        "https://files.example.com/a/../b",
        "https://files.example.com/a%20b",
        "https://files.example.com/a?b",
        "https://user@files.example.com/",
        "https:///s3",
    ] {
        assert!(with_url(url).is_err(), "{url}");
    }
}

#[test]
fn a_number_out_of_range_names_the_range() {
    insta::assert_snapshot!(refused(&with(
        "[runtime]\nworkers = 100000\ndrain = \"2h\"\n[signature]\nskew = \"16m\"\n"
    )));
}

#[test]
fn any_string_may_come_from_the_environment_or_a_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("account"), "111122223333\n").unwrap();
    let text = r#"
region = { env = "REGION" }
account = { file = "account" }
[[listen]]
address = { env = "ADDRESS" }
[upstream]
kind = "embedded"
"#;
    let parsed = Config::parse(&dir.path().join("bartizan.toml"), text, &environment());
    let (config, _) = parsed.map_err(|findings| findings.to_string()).unwrap();
    assert_eq!(config.account, "111122223333");
    assert_eq!(config.region, "eu-central-1");
    assert_eq!(config.listen[0].address.to_string(), "127.0.0.1:9443");
}

#[test]
fn an_indirection_that_leads_nowhere_is_refused() {
    insta::assert_snapshot!(refused(
        "account = { env = \"NOT_SET\" }\nregion = { file = \"missing\" }\nstate = { both = \"x\" }\n[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream]\nkind = \"embedded\"\n"
    ));
}

#[test]
fn plain_http_is_for_loopback_only() {
    for address in ["0.0.0.0:9443", "[::]:9443", "192.0.2.1:80"] {
        let faults = refused(&LEAST.replace("127.0.0.1:0", address));
        assert!(faults.contains("needs TLS"), "{faults}");
    }
    for address in ["127.0.0.2:9443", "[::1]:9443"] {
        accepted(&LEAST.replace("127.0.0.1:0", address));
    }
}

#[test]
fn a_client_ca_without_a_word_is_required() {
    let tls = |rest: &str| {
        LEAST.replace("[upstream]", &format!("tls = {{ certificate = \"c\", key = \"k\"{rest} }}\n[upstream]"))
    };
    let clients = |rest: &str| accepted(&tls(rest)).listen.remove(0).tls.unwrap().clients;
    let ca = Path::new("/etc/bartizan/ca.pem").to_owned();
    assert_eq!(clients(""), ClientCertificates::None);
    assert_eq!(clients(", client_ca = \"ca.pem\""), ClientCertificates::Required(ca.clone()));
    assert_eq!(
        clients(", client_ca = \"ca.pem\", client_certificate = \"optional\""),
        ClientCertificates::Optional(ca)
    );
    assert!(refused(&tls(", client_certificate = \"required\"")).contains("`listen[0].tls.client_ca` is missing"));
    assert!(refused(&tls(", client_ca = \"ca.pem\", client_certificate = \"none\"")).contains("has no meaning"));
}

#[test]
fn upstreams_by_region_are_a_list() {
    let list = r#"
account = "111122223333"
listen = [{ address = "127.0.0.1:0", accept_aws_hosts = true }]
[[upstream]]
region = "us-east-1"
endpoint = "https://s3.us-east-1.amazonaws.com"
credentials = { access_key_id = "A", secret_access_key = "s" }
[[upstream]]
region = "eu-central-1"
hosts = ["s3.eu.internal"]
endpoint = "https://s3.eu-central-1.amazonaws.com"
credentials = { access_key_id = "A", secret_access_key = "s" }
"#;
    let config = accepted(list);
    assert_eq!(config.upstreams.len(), 2);
    assert_eq!(config.upstreams[1].hosts, ["s3.eu.internal"]);
    assert!(refused(&list.replace("eu-central-1\"\nhosts", "us-east-1\"\nhosts")).contains("two upstreams answer"));
    let elsewhere = refused(&format!("region = \"ap-south-1\"{list}"));
    assert!(elsewhere.contains("no upstream is in the region `ap-south-1`"), "{elsewhere}");
    assert!(elsewhere.contains("region = \"us-east-1\" or \"eu-central-1\""), "{elsewhere}");
    let taken = list.replace("address = ", "hosts = [\"s3.eu.internal\"], address = ");
    assert!(refused(&taken).contains("two upstreams answer for `s3.eu.internal`"));
    let keys = "endpoint = \"https://s3.REGION.amazonaws.com\"\ncredentials = { access_key_id = \"A\", secret_access_key = \"s\" }";
    let embedded = ["us-east-1", "eu-central-1"]
        .iter()
        .fold(list.to_owned(), |text, region| text.replace(&keys.replace("REGION", region), "kind = \"embedded\""));
    assert!(refused(&embedded).contains("two upstreams are the embedded store"), "{embedded}");
    assert!(refused(&with("hosts = [\"a\"]")).contains("`upstream.hosts` has no meaning with a single upstream"));
}

#[test]
fn what_an_embedded_store_would_ignore_is_refused() {
    assert!(refused(&with("endpoint = \"http://127.0.0.1:9000\"")).contains("`upstream.endpoint` has no meaning"));
}

#[test]
fn keys_for_the_upstream_come_from_three_places() {
    let text = |credentials: &str| {
        LEAST.replace(
            "kind = \"embedded\"",
            &format!("endpoint = \"http://localhost:9000\"\ncredentials = {credentials}"),
        )
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials");
    let content = "[default]\naws_access_key_id = D\naws_secret_access_key = d\n[other]\naws_access_key_id=O\naws_secret_access_key=o\naws_session_token=t\n";
    files::write_new(&file, 0o600, content.as_bytes()).unwrap();
    let mut environment = environment();
    environment.insert("AWS_ACCESS_KEY_ID".to_owned(), "E".to_owned());
    environment.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "e".to_owned());
    for (credentials, id, secret) in [
        ("{ access_key_id = \"W\", secret_access_key = \"w\" }".to_owned(), "W", "w"),
        ("{ env = true }".to_owned(), "E", "e"),
        (format!("{{ file = \"{}\" }}", file.display()), "D", "d"),
        (format!("{{ file = \"{}\", profile = \"other\" }}", file.display()), "O", "o"),
    ] {
        let parsed = Config::parse(Path::new("bartizan.toml"), &text(&credentials), &environment);
        let (config, _) = parsed.map_err(|findings| findings.to_string()).unwrap();
        let Target::S3(remote) = &config.upstreams[0].target else { panic!("not s3") };
        assert_eq!(given(&remote.credentials), (id, secret));
    }
    for (credentials, expected) in [
        ("\"web-identity\"", "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set"),
        ("\"guess\"", "it is not usable"),
        ("{ env = true }", "the environment holds no keys"),
        ("{ env = false }", "can only be true"),
        ("{ env = true, profile = \"x\" }", "has no meaning with `env`"),
        ("{ access_key_id = \"W\" }", "`upstream.credentials.secret_access_key` is missing"),
        ("{ file = \"missing\" }", "does not exist"),
    ] {
        assert!(refused(&text(credentials)).contains(expected), "{credentials}");
    }
}

#[test]
fn no_secret_is_part_of_a_complaint() {
    for text in [
        "account = \"1\"\nupstream.credentials = { access_key_id = 1, secret_access_key = \"hunter2\", odd = 1 }",
        "upstream = { credentials = { secret_access_key = \"hunter2\" ",
        "secret_access_key = \"hunter2",
        "upstream.credentials.secret_access_key = hunter2 hunter2",
    ] {
        assert!(!refused(text).contains("hunter2"), "{text}");
    }
}

#[test]
fn a_secret_in_a_file_that_others_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bartizan.toml");
    let keys =
        "endpoint = \"http://localhost:1\"\ncredentials = { access_key_id = \"A\", secret_access_key = \"hunter2\" }";
    files::write_new(&path, 0o600, LEAST.replace("kind = \"embedded\"", keys).as_bytes()).unwrap();
    let warnings = || Config::load(&path, &environment()).unwrap_or_else(|findings| panic!("{findings}")).1.to_string();
    assert_eq!(warnings(), "");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = warnings();
    assert!(warnings.contains("stands in a file that others may read") && !warnings.contains("hunter2"), "{warnings}");
}

#[test]
fn broken_toml_is_placed() {
    insta::assert_snapshot!(refused("account = \"111122223333\"\n[[listen\naddress = 5 5\n"));
}

#[test]
fn things_worth_knowing_are_warnings() {
    let text = LEAST.replace(
        "kind = \"embedded\"",
        "endpoint = \"http://minio:9000\"\ncredentials = { access_key_id = \"A\", secret_access_key = \"s\" }",
    );
    let (_, findings) = parse(&text).map_err(|findings| findings.to_string()).unwrap();
    assert_eq!(findings.iter().map(Finding::severity).collect::<Vec<_>>(), [super::super::Severity::Warning]);
}

#[test]
fn the_admin_listener_stays_at_home() {
    assert!(refused(&with("[admin]\naddress = \"0.0.0.0:9464\"")).contains("could be reached from other machines"));
    assert!(accepted(&with("[admin]\naddress = \"[::1]:9464\"")).admin.is_some());
}

#[test]
fn findings_are_json_too() {
    let Err(findings) = parse("account = 5") else { panic!("accepted") };
    let first = findings.iter().next().unwrap().to_json();
    assert_eq!(first["file"], "/etc/bartizan/bartizan.toml");
    assert_eq!(first["line"], 1);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]={}\"'a-z0-9\\n ,.#é]{0,120}") {
        let _ = parse(&text);
        let _ = parse(&with(&text));
    }
}

#[test]
fn the_tables_of_the_documents_are_taken() {
    for text in [include_str!("../../../docs/encryption.md")] {
        let mut tables = text.split("```toml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).peekable();
        assert!(tables.peek().is_some());
        for table in tables {
            let parsed = parse(&with(table));
            let (_, warnings) = parsed.unwrap_or_else(|findings| panic!("{table}{findings}"));
            assert!(warnings.is_empty(), "{table}{warnings}");
        }
    }
}

#[test]
fn a_rule_that_contradicts_itself_is_told() {
    for (more, told) in [
        ("[guard.encryption]\nrequire = [\"SSE-C\"]", "expected \"AES256\""),
        ("[guard.encryption]\ndefault = { sse = \"AES256\" }", "no meaning with anything but `when_missing = \"add\"`"),
        (
            "[guard.encryption]\nrequire = [\"aws:kms\"]\nwhen_missing = \"add\"\ndefault = { sse = \"AES256\" }",
            "weaker than what is required",
        ),
        (
            "[guard.encryption]\nwhen_missing = \"add\"\ndefault = { key = \"k\" }",
            "`guard.encryption.default.sse` is missing",
        ),
        ("[[guard.encryption.rule]]\nbuckets = \"a\"", "unknown key"),
        ("[[guard.transport.rule]]\nbucket = \"a\"", "`guard.transport.rule[0].minimum` is missing"),
        ("[[sensitivity.map]]\nlevel = \"none\"", "the name of a level above"),
        (
            "[[sensitivity.level]]\nname = \"a\"\nkeys = [\"k*\"]\n[[sensitivity.level]]\nname = \"b\"\nkeys = [\"k1\"]",
            "`k1` is a key of the level `a` too",
        ),
    ] {
        let faults = refused(&with(more));
        assert!(faults.contains(told), "{more}\n{faults}");
    }
}

#[test]
fn a_store_of_sealed_objects_keeps_what_is_demanded_but_no_second_layer() {
    let store = |upstream: &str, rest: &str| {
        format!(
            "account = \"111122223333\"\n{rest}\n[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream]\n\
             endpoint = \"http://127.0.0.1:9000\"\n{upstream}\n\
             credentials = {{ access_key_id = \"a\", secret_access_key = \"b\" }}\n"
        )
    };
    let sealed = |config: &Config| match &config.upstreams[0].target {
        Target::S3(remote) => remote.encryption.sealed(),
        Target::Embedded => panic!("embedded"),
    };
    let kms = "guard.encryption.require = [\"aws:kms\"]";
    for (more, foreign) in [
        ("", Foreign::AsDemanded),
        ("sealed_foreign = \"pass\"", Foreign::Pass),
        ("sealed_foreign = \"refuse\"", Foreign::Refuse),
    ] {
        let config = accepted(&store(&format!("encryption = \"sealed\"\n{more}"), kms));
        assert_eq!(sealed(&config), Some(foreign));
    }
    assert_eq!(sealed(&accepted(&store("encryption = \"none\"", ""))), None);
    let double = "guard.encryption.require = [\"aws:kms:dsse\"]";
    assert!(refused(&store("encryption = \"sealed\"", double)).contains("nobody would keep it"));
    assert!(refused(&store("sealed_foreign = \"pass\"", "")).contains("`upstream.sealed_foreign` has no meaning"));
    let names = "encryption = \"sealed\"\nkms_keys = { \"arn:aws:kms:us-east-1:111122223333:key/a\" = \"b\" }";
    assert!(refused(&store(names, "")).contains("`upstream.kms_keys` has no meaning"));
}
