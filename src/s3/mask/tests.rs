use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> String {
    let out = masked(text.as_bytes(), Begins::Anywhere).unwrap_or_else(|| text.as_bytes().to_vec());
    String::from_utf8(out).unwrap()
}

/// How a link with secrets may stand in some text: its name, sign and end, as an attacker or a careless
/// program spells them; `{}` is where the secret is.
pub(crate) const SPELLINGS: [&str; 50] = [
    "/b/k?X-Amz-Signature={}",
    "/b/k?a=1&amp;X-Amz-Security-Token={}&amp;b=2",
    "/b/k%3FX-Amz-Signature={}&b=2",
    "/b/k%3FX-Amz-Algorithm%3Da%26X-Amz-Signature%3D{}%26b%3D2",
    "https://x/p#X-Amz-Security-Token={}",
    "/b/k?a=1;X-Amz-Signature={};b=2",
    "/b/k?a?X-Amz-Signature={}",
    "/b/k??X-Amz-Signature={}",
    "/b/k?X%252DAmz-Signature={}",
    "/b/k?X%25252DAmz-Signature={}",
    "/b/k?X-Amz-Signatur%65={}",
    "/b/k?X-Amz-Signatu%25%37%32e={}",
    "/b/k?X-Amz-Signature%00={}",
    "/b/k?%20X-Amz-Signature={}",
    "/b/k?X-Amz-Signature+={}",
    "/b/k?X-Amz-Signature%20%09={}",
    "/b/k?X-Amz-Signature[]={}",
    "/b/k?X-Amz-Signature%3D{}",
    "/b/k?X-Amz-Signature%253D{}",
    "/b/k?X-Amz-Signature%25%33D{}",
    "/b/k?x%26X-Amz-Security-Token={}",
    "/b/k?next=https%3A%2F%2Fh%2Fk%3FX-Amz-Signature%3D{}%26c%3Dd",
    "/b/k?next=https%253A%252F%252Fh%252Fk%253Fa%253Db%2526X-Amz-Signature%253D{}%2526c",
    "https://x/p?u=https%3A%2F%2Fh%2Fk%3FX-Amz-Signature%3D{}%26X-Amz-Security-Token%3D{}",
    "https://user:{}@x/p",
    "https://{}@x/p",
    "u=https%3A%2F%2Fuser%3A{}%40x%2Fp",
    "https://a@{}@x/p",
    "curl https://h/k?X-Amz-Signature={}",
    "null&X-Amz-Signature={}",
    "k?AWSAccessKeyId=a&Expires=1&Signature={}",
    "k?AWSAccessKeyId=a&amp;Signature={}",
    "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature={}",
    "/?Action=A&amp;WebIdentityToken={}",
    "/?SAMLAssertion={}&TokenCode={}",
    "/b?x-amz-mfa={}&Authorization={}&cookie={}",
    "/b?x-amz-meta-pass={}",
    "/b?x-amz-meta-a%2Eb={}",
    "/b?x-amz-server-side-encryption-customer-key-MD5={}",
    "/b?x-amz-copy-source-server-side-encryption-customer-key={}",
    "/b?x-amz-server-side-encryption-context={}",
    "/b?SessionToken={}&SecretAccessKey={}&policy={}",
    "/b/k?X-Amz-Signature\\u003d{}\\u0026a",
    "/b/k?X-Amz-Security-Token%5Cu003d{}",
    "/b/k?X-Amz-Security-Token&#x3D;{}&amp;a",
    "/b/k?X-Amz-Security-Token&#61;{}",
    "/b/k?X-Amz-Signature={}%26and-more{}&b",
    "/b/X-Amz-Signature={}/x",
    "/b/ü?ü=ü&Signature=ü{}&ü",
    "X-Amz-Signature=1&X-Amz-Signature=2&X-Amz-Signature=3&X-Amz-Signature=4&X-Amz-Signature=5&X-Amz-Signature=6&\
     X-Amz-Signature=7&X-Amz-Signature=8&X-Amz-Signature=9&X-Amz-Signature={}",
];

/// Those of [`SPELLINGS`] whose secret is a parameter of a signed link, and stands in one.
pub(crate) fn spellings_of_links() -> Vec<&'static str> {
    let others =
        ["@", "%40", "WebIdentity", "SAML", "x-amz-mfa", "x-amz-meta", "MD5", "context", "SessionToken", "/X-Amz-S"];
    SPELLINGS.into_iter().filter(|spelling| !others.iter().any(|other| spelling.contains(other))).collect()
}

fn by(rule: Rule, text: &str) -> String {
    let mut out = Vec::new();
    match rule {
        Rule::Query { hides_context } => {
            target(text.as_bytes(), hides_context, |piece| out.extend_from_slice(piece));
        }
        Rule::Links | Rule::All(_) => links(text.as_bytes(), |piece| out.extend_from_slice(piece)),
    }
    String::from_utf8(out).unwrap()
}

const QUERY: Rule = Rule::Query { hides_context: false };

#[test]
fn a_context_that_is_hidden_is_not_shown_by_the_link_that_it_was_moved_into() {
    let text = "/b/k?x-amz-server-side-encryption=aws:kms&X-Amz-Server-Side-Encryption%2DContext=eyJhIjoiYiJ9&c";
    let hidden = text.replace("eyJhIjoiYiJ9", "XXXXXXXX");
    assert_eq!(by(Rule::Query { hides_context: true }, text), hidden);
    assert_eq!(by(QUERY, text), text);
}

#[test]
fn of_a_target_signatures_and_credentials_are_masked_and_nothing_else_changes() {
    for (text, expected) in [
        ("/b/k?a=1&x-amz-SIGNATURE=abc&b=2", "/b/k?a=1&x-amz-SIGNATURE=XXXXXXXX&b=2"),
        ("/b/k?X%2DAmz%2dSecurity-Token=a%26b&c", "/b/k?X%2DAmz%2dSecurity-Token=XXXXXXXX&c"),
        ("/b?Signature=a%3D#x y&Expires=1", "/b?Signature=XXXXXXXX&Expires=1"),
        // What S3 has no parameter for, and others have a credential in.
        ("/b/k?X-Amz-S3session-Token=a&SessionToken=b", "/b/k?X-Amz-S3session-Token=XXXXXXXX&SessionToken=XXXXXXXX"),
        ("/sts?Version=1&WebIdentityToken=e.y.J", "/sts?Version=1&WebIdentityToken=XXXXXXXX"),
        ("/b?X-Amz-Server-Side-Encryption-Customer-Key=k==", "/b?X-Amz-Server-Side-Encryption-Customer-Key=XXXXXXXX"),
        (
            "/b?x-amz-copy-source-server-side-encryption-customer-key=k&x",
            "/b?x-amz-copy-source-server-side-encryption-customer-key=XXXXXXXX&x",
        ),
        (
            "/b/k?next=https%3A%2F%2Fh%3FX-Amz-Signature%3Ds%26a&b",
            "/b/k?next=https%3A%2F%2Fh%3FX-Amz-Signature%3DXXXXXXXX%26a&b",
        ),
    ] {
        assert_eq!(by(QUERY, text), expected);
        assert_eq!(by(QUERY, expected), expected, "what is masked stays so");
    }
    for text in [
        "",
        "/b/k",
        "/b/X-Amz-Signature=1/a&Signature=2/x-amz-security-token=%3F&Signature=3",
        "/b/k%3FX-Amz-Signature=1&Signature=2",
        "/b?policy=a&cookie=b&authorization=c&my-secretkey=d&SessionTokens=e&Code=f&x-amz-meta-a=g",
        "/b?X-Amz-Credential=a&AWSAccessKeyId=b&x-amz-mfa=c&x-amz-server-side-encryption-customer-key-md5=d",
        "/b?my-signature=a&X-Amz-Signature-Old=b&xamzsignature=c&Signatures=d&x-Signature=e",
        "/b?u=https://name:password@h/k&prefix=year/Signature=1/",
        "/b?X-Amz-Signature",
        "/b?%zz=1&%4=2&%=3&&=4",
    ] {
        assert_eq!(by(QUERY, text), text);
    }
}

#[test]
fn of_a_text_the_parameters_of_a_link_are_masked_as_far_as_it_goes() {
    for (text, expected) in [
        ("https://h/k?X-Amz-Signature=abc#top", "https://h/k?X-Amz-Signature=XXXXXXXX#top"),
        ("got https://h/k?Signature=abc then left", "got https://h/k?Signature=XXXXXXXX then left"),
        ("<a href=\"/k?a&amp;Signature=abc\">", "<a href=\"/k?a&amp;Signature=XXXXXXXX\">"),
        (
            "a/1 Credential=k/s, SignedHeaders=h, Signature=abc d",
            "a/1 Credential=k/s, SignedHeaders=h, Signature=XXXXXXXX d",
        ),
    ] {
        assert_eq!(by(Rule::Links, text), expected);
        assert_eq!(by(Rule::Links, expected), expected, "what is masked stays so");
    }
    for text in [
        "Agent/1.0 (Signature=5; policy=strict)",
        "https://name:password@h/Signature=1/k?policy=a&cookie=b&SecretAccessKey=c",
        "team=red&policy=gold&my-signature=1",
        "Signature=1",
    ] {
        assert_eq!(by(Rule::Links, text), text);
    }
}

#[test]
fn plain_parameters_are_masked_as_the_access_log_has_it_and_the_rest_stays_as_sent() {
    for (text, expected) in [
        ("/b/k?X-Amz-Signature=abc", "/b/k?X-Amz-Signature=XXXXXXXX"),
        ("/b/k?a=1&x-amz-SIGNATURE=abc&b=2", "/b/k?a=1&x-amz-SIGNATURE=XXXXXXXX&b=2"),
        ("/b/k?X%2DAmz%2dSignature=abc&c", "/b/k?X%2DAmz%2dSignature=XXXXXXXX&c"),
        ("/b?Signature=a%3D&Expires=1", "/b?Signature=XXXXXXXX&Expires=1"),
        ("/b?Signature=a%26b%253D&Expires=1%3D", "/b?Signature=XXXXXXXX&Expires=1%3D"),
        ("/b?X-Amz-Security-Token=t&X-Amz-Signature=s", "/b?X-Amz-Security-Token=XXXXXXXX&X-Amz-Signature=XXXXXXXX"),
        ("/b?X-Amz-Signature=", "/b?X-Amz-Signature=XXXXXXXX"),
        ("/b/k&amp;X-Amz-Signature=s&amp;b", "/b/k&amp;X-Amz-Signature=XXXXXXXX&amp;b"),
        ("/b?u=k%3FX-Amz-Signature%3Ds%26b%3D1&c", "/b?u=k%3FX-Amz-Signature%3DXXXXXXXX%26b%3D1&c"),
        ("https://a:b@c/d", "https://XXXXXXXX@c/d"),
    ] {
        assert_eq!(shown(text), expected);
        assert_eq!(shown(expected), expected, "what is masked stays so");
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "",
        "/b/k",
        "/b/k?",
        "/b?X-Amz-Signature",
        "/b?%zz=1&%4=2&%=3&&=4",
        "/b?policy&policyStatus",
        "/b?policy=",
        "/b?list-type=2&prefix=a%2Fb%3Dc&continuation-token=1%3D%3D&delimiter=%2F",
        "/b?X-Amz-SignedHeaders=host&X-Amz-Credential=a%2Fb&X-Amz-Expires=1",
        "/b?SignatureVersion=2&SignatureMethod=HmacSHA256",
        "/b/year=2026/signature=valid/policy=gold/a%20b%25.parquet",
        "signature=valid/k",
        "cookie=yes/policy=no/authorization=none",
        "joe@example.com",
        "/b/joe%40example.com?prefix=joe%40example.com",
        "the signature is not 64 lower-case hexadecimal digits",
        "ü\\u00zz&#9999;&#x;%",
    ] {
        assert_eq!(masked(text.as_bytes(), Begins::Anywhere), None, "{text}");
    }
}

#[test]
fn names_of_secrets_are_known_in_any_spelling() {
    for name in [
        "X-Amz-Signature",
        "x-amz-security-token",
        "x%2Damz-security%2dtoken",
        "Signature",
        "Cookie",
        "authorization",
        "proxy-authorization",
        "x-amz-meta-a",
        "policy",
    ] {
        assert!(is_secret(name.as_bytes()), "{name}");
    }
    for name in ["x-amz-credential", "host", "x-amz-date", "", "%", "prefix", "x-amz-acl"] {
        assert!(!is_secret(name.as_bytes()), "{name}");
    }
}

#[test]
fn an_attack_with_many_escapes_costs_little() {
    for text in [
        "%25".repeat(20_000),
        "=".repeat(60_000),
        "%3D".repeat(20_000),
        "@/".repeat(30_000),
        "a%".repeat(30_000),
        "@".repeat(60_000),
    ] {
        let _ = masked(text.as_bytes(), Begins::Anywhere);
    }
}

proptest! {
    #[test]
    fn a_secret_is_masked_however_its_link_is_quoted(
        secret in "[A-Za-z0-9]{20,40}",
        spelling in prop::sample::select(SPELLINGS.to_vec()),
        rounds in 0_usize..3,
        noise in "[a-z%&=;?/ .~-]{0,12}",
    ) {
        let mut text = format!("{noise}{}", spelling.replace("{}", &secret));
        for _ in 0..rounds {
            text = percent(&text);
        }
        let shown = shown(&text);
        prop_assert!(!shown.contains(&secret), "{} {}", text, shown);
    }

    #[test]
    fn a_secret_of_a_signed_link_is_in_no_target_and_no_text_however_it_is_quoted(
        secret in "[A-Za-z0-9]{20,40}",
        spelling in prop::sample::select(spellings_of_links()),
        rounds in 0_usize..3,
        noise in "[a-z%&=;?/ .~-]{0,12}",
    ) {
        let mut text = format!("{noise}{}", spelling.replace("{}", &secret));
        for _ in 0..rounds {
            text = percent(&text);
        }
        let asked = by(QUERY, &format!("/b/k?next={text}"));
        prop_assert!(!asked.contains(&secret), "{} {}", text, asked);
        // A blank ends a link.
        let shown = by(Rule::Links, &text);
        prop_assert!(spelling.contains("?%20") || !shown.contains(&secret), "{} {}", text, shown);
    }

    #[test]
    fn any_octets_are_masked_without_harm_and_once(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let once = masked(&octets, Begins::AtName).unwrap_or(octets);
        prop_assert_eq!(masked(&once, Begins::AtName), None);
        for rule in [Rule::Links, QUERY] {
            let (mut once_by, mut twice) = (Vec::new(), Vec::new());
            write_by(&once, rule, |piece| once_by.extend_from_slice(piece));
            write_by(&once_by, rule, |piece| twice.extend_from_slice(piece));
            prop_assert_eq!(once_by, twice);
        }
    }
}

/// The text encoded once more.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|octet| match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(octet).to_string(),
            _ => format!("%{octet:02X}"),
        })
        .collect()
}
