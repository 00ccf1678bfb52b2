use std::collections::BTreeMap;
use std::path::Path;

use super::super::{Config, Target};
use super::*;

/// What is made of `credentials` in a region, in this environment.
fn read_in(region: &str, credentials: &str, variables: &[(&str, &str)]) -> Result<(Arc<Source>, String), String> {
    let text = format!(
        "region = \"{region}\"\naccount = \"111122223333\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[upstream]\n\
         endpoint = \"http://127.0.0.1:9000\"\ncredentials = \"{credentials}\"\n"
    );
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment: BTreeMap<String, String> = variables.iter().map(own).collect();
    let parsed = Config::parse(Path::new("bartizan.toml"), &text, &environment);
    let (mut config, warnings) = parsed.map_err(|findings| findings.to_string())?;
    let Target::S3(remote) = config.upstreams.remove(0).target else { panic!("not s3") };
    match remote.credentials {
        Credentials::Fetched(source) => Ok((source, warnings.to_string())),
        Credentials::Given(_) => panic!("given"),
    }
}

#[track_caller]
fn source(credentials: &str, variables: &[(&str, &str)]) -> Arc<Source> {
    read_in("us-east-1", credentials, variables).unwrap_or_else(|faults| panic!("{faults}")).0
}

#[track_caller]
fn url(source: &Source) -> String {
    let Place { tls, host, port, target } = source.place();
    format!("{}://{host}:{port}{target}", if *tls { "https" } else { "http" })
}

#[test]
fn a_container_is_asked_before_the_instance() {
    let (relative, full) = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    for (variables, expected) in [
        (&[][..], "http://169.254.169.254:80"),
        (&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fd00:ec2::254]/")], "http://fd00:ec2::254:80"),
        (&[("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")], "http://fd00:ec2::254:80"),
        (&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://localhost:1338/base/")], "http://localhost:1338/base"),
        (&[(relative, "/v2/credentials/a?b=c")], "http://169.254.170.2:80/v2/credentials/a?b=c"),
        (&[(full, "http://169.254.170.23/v1/credentials")], "http://169.254.170.23:80/v1/credentials"),
        (&[(full, "http://[fd00:ec2::23]/v1/credentials")], "http://fd00:ec2::23:80/v1/credentials"),
        (&[(full, "http://127.0.0.1:81/get")], "http://127.0.0.1:81/get"),
        (&[(full, "https://keys.internal/get")], "https://keys.internal:443/get"),
        (&[(full, "http://127.0.0.1:81/get"), (relative, "/a")], "http://169.254.170.2:80/a"),
        (&[(relative, "/a"), ("AWS_EC2_METADATA_DISABLED", "true")], "http://169.254.170.2:80/a"),
        (&[(full, ""), ("AWS_EC2_METADATA_DISABLED", "false")], "http://169.254.169.254:80"),
    ] {
        assert_eq!(url(&source("instance", variables)), expected, "{variables:?}");
    }
}

#[test]
fn a_container_shows_who_it_is_by_a_file_before_a_value() {
    let uri = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a");
    let (value, file) =
        (("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer hunter2"), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token"));
    let shown = |variables: &[(&str, &str)]| match &*source("instance", variables) {
        Source::Container { authorization: None, .. } => "nothing".to_owned(),
        Source::Container { authorization: Some(Authorization::Value(token)), .. } => token.expose().to_owned(),
        Source::Container { authorization: Some(Authorization::File(path)), .. } => path.display().to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown(&[uri]), "nothing");
    assert_eq!(shown(&[uri, value]), "Bearer hunter2");
    assert_eq!(shown(&[uri, value, file]), "/token");
}

#[test]
fn a_web_identity_goes_to_the_token_service_of_the_region() {
    let (file, role) =
        (("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/p"));
    let of = |region: &str, more: &[(&str, &str)]| {
        let (source, _) = read_in(region, "web-identity", &[&[file, role], more].concat()).unwrap();
        let Source::WebIdentity(identity) = &*source else { panic!("{source:?}") };
        assert_eq!((identity.token_file.as_path(), identity.role.as_str()), (Path::new("/token"), role.1));
        (url(&source), identity.session.clone())
    };
    let (place, session) = of("eu-central-1", &[]);
    assert_eq!((place.as_str(), session.as_str()), ("https://sts.eu-central-1.amazonaws.com:443/", "bartizan"));
    let (place, session) = of("cn-north-1", &[("AWS_ROLE_SESSION_NAME", "gate-1")]);
    assert_eq!((place.as_str(), session.as_str()), ("https://sts.cn-north-1.amazonaws.com.cn:443/", "gate-1"));
    let (place, _) = of("r", &[("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:4566")]);
    assert_eq!(place, "http://127.0.0.1:4566/");
    assert_eq!(of("r", &[("AWS_ENDPOINT_URL_STS", "https://sts.internal/a")]).0, "https://sts.internal:443/a");
}

#[test]
fn what_the_environment_lacks_is_told_with_what_to_set() {
    let role = ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/p");
    let file = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
    let full = |url| ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    let one_line = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hunter2\r\nhost: b");
    for (word, variables, expected) in [
        ("web-identity", &[][..], "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are not set"),
        ("web-identity", &[file], "AWS_ROLE_ARN is not set"),
        ("web-identity", &[role], "set AWS_WEB_IDENTITY_TOKEN_FILE; on EKS"),
        ("web-identity", &[file, ("AWS_ROLE_ARN", "proxy")], "AWS_ROLE_ARN is no ARN"),
        ("web-identity", &[file, role, ("AWS_ROLE_SESSION_NAME", "a b")], "AWS_ROLE_SESSION_NAME is no name"),
        ("web-identity", &[file, role, ("AWS_ENDPOINT_URL_STS", "sts")], "AWS_ENDPOINT_URL_STS is no URL"),
        (
            "web-identity",
            &[file, role, ("AWS_ENDPOINT_URL_STS", "http://sts.internal")],
            "plain HTTP to another machine",
        ),
        ("instance", &[("AWS_EC2_METADATA_DISABLED", "True")], "unset AWS_EC2_METADATA_DISABLED"),
        (
            "instance",
            &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ftp://a")],
            "AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL",
        ),
        ("instance", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv5")], "is neither IPv4 nor IPv6"),
        ("instance", &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "a")], "RELATIVE_URI is no path"),
        ("instance", &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a b")], "RELATIVE_URI is no path"),
        ("instance", &[full("http://169.254.169.254/a")], "FULL_URI is plain HTTP to another machine"),
        ("instance", &[full("http://keys.internal/a")], "use https://, or one of 169.254.170.2, 169.254.170.23"),
        ("instance", &[full("http://user@localhost/a")], "FULL_URI is no URL"),
        ("instance", &[full("http://localhost/a"), one_line], "AWS_CONTAINER_AUTHORIZATION_TOKEN cannot stand"),
        ("guess", &[], "it is not usable"),
    ] {
        let Err(faults) = read_in("us-east-1", word, variables) else { panic!("{variables:?}") };
        assert!(faults.contains(expected), "{expected}: {faults}");
        assert!(!faults.contains("hunter2"), "{faults}");
    }
}

#[test]
fn metadata_over_a_network_that_others_may_read_is_worth_a_warning() {
    let told = |url| read_in("us-east-1", "instance", &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)]).unwrap().1;
    assert!(told("http://mock.internal").contains("AWS_EC2_METADATA_SERVICE_ENDPOINT is plain HTTP"));
    for url in ["http://localhost:1", "https://mock.internal", "http://169.254.169.254", "http://[fd00:ec2::254]"] {
        assert!(!told(url).contains("METADATA"), "{url}");
    }
}
