//! Session tokens: what they carry comes back, and nothing else opens.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ring::rand::SystemRandom;

use super::super::*;

fn keys(octet: u8, older: &[u8]) -> TokenKeys {
    let key = |octet: u8| TokenKey::new(&[octet; 32]).unwrap();
    TokenKeys::new(key(octet), older.iter().map(|octet| key(*octet)).collect())
}

fn plain_session() -> Session {
    Session {
        issued: Seconds(1000),
        expires: Seconds(4600),
        policies: SessionPolicies::default(),
        tags: BTreeMap::new(),
        transitive: Vec::new(),
        source_identity: None,
        mfa: false,
        federated: None,
    }
}

fn reader() -> Of {
    Of::Role { arn: "arn:aws:iam::111122223333:role/team/reader".to_owned(), name: "ci-42".to_owned() }
}

fn issue(keys: &TokenKeys) -> (Sealed, Secret) {
    keys.issue(reader(), plain_session(), &SystemRandom::new()).unwrap()
}

#[test]
fn credentials_look_like_those_of_aws() {
    let (sealed, token) = issue(&keys(1, &[]));
    assert!(sealed.access_key.starts_with("ASIA") && sealed.access_key.len() == 20, "{}", sealed.access_key);
    assert_eq!(sealed.secret.expose().len(), 40);
    assert!(token.expose().bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet)));
    let (other, _) = issue(&keys(1, &[]));
    assert_ne!(
        (other.access_key.as_str(), other.secret.expose()),
        (sealed.access_key.as_str(), sealed.secret.expose())
    );
}

#[test]
fn a_token_with_any_bit_flipped_is_refused() {
    let keys = keys(1, &[]);
    let (sealed, token) = issue(&keys);
    let text = token.expose().as_bytes();
    assert!(keys.open(&sealed.access_key, text).is_some());
    for place in 0..text.len() {
        for bit in 0..8 {
            let mut flipped = text.to_vec();
            flipped[place] ^= 1 << bit;
            assert!(keys.open(&sealed.access_key, &flipped).is_none(), "octet {place}, bit {bit}");
        }
    }
}

#[test]
fn a_token_cut_or_stretched_is_refused() {
    let keys = keys(1, &[]);
    let (sealed, token) = issue(&keys);
    let text = token.expose();
    for end in 0..text.len() {
        assert!(keys.open(&sealed.access_key, &text.as_bytes()[..end]).is_none(), "{end}");
    }
    for more in ["A", "=", "==", "AAAA", " ", "\n"] {
        assert!(keys.open(&sealed.access_key, format!("{text}{more}").as_bytes()).is_none(), "{more:?}");
    }
    assert!(keys.open(&sealed.access_key, &vec![b'A'; LONGEST_TOKEN + 1]).is_none());
}

#[test]
fn a_token_of_another_access_key_is_refused() {
    let keys = keys(1, &[]);
    let ((one, token), (other, _)) = (issue(&keys), issue(&keys));
    assert!(keys.open(&one.access_key, token.expose().as_bytes()).is_some());
    for id in [
        other.access_key.as_str(),
        "AKIAEXAMPLE",
        "",
        one.access_key.get(..19).unwrap(),
        &one.access_key.to_lowercase(),
    ] {
        assert!(keys.open(id, token.expose().as_bytes()).is_none(), "{id}");
    }
}

#[test]
fn older_keys_still_open_and_foreign_ones_never_do() {
    let old = keys(1, &[]);
    let (sealed, token) = issue(&old);
    let open = |keys: &TokenKeys| keys.open(&sealed.access_key, token.expose().as_bytes()).is_some();
    assert!(open(&keys(1, &[])), "a replica with the same key");
    assert!(open(&keys(2, &[1])), "after a rotation");
    assert!(!open(&keys(2, &[])), "after the old key is gone");
    let (newer, _) = issue(&keys(2, &[1]));
    assert!(keys(2, &[]).issued(&newer.access_key), "what is new is sealed with the first key");
}

#[test]
fn an_id_that_was_issued_is_told_from_one_that_never_was() {
    let (sealed, _) = issue(&keys(1, &[]));
    assert!(keys(1, &[]).issued(&sealed.access_key));
    assert!(keys(2, &[1]).issued(&sealed.access_key));
    assert!(!keys(2, &[]).issued(&sealed.access_key));
    for id in ["ASIAAAAAAAAAAAAAAAAA", "ASIA", "", "AKIAEXAMPLE", &format!("{}A", sealed.access_key)] {
        assert!(!keys(1, &[]).issued(id), "{id}");
    }
}

#[test]
fn a_session_is_over_at_its_instant() {
    let (sealed, _) = issue(&keys(1, &[]));
    assert!(!sealed.is_over(Seconds(4599)));
    assert!(sealed.is_over(Seconds(4600)));
}

#[test]
fn what_does_not_fit_into_a_token_is_not_sealed() {
    let long = |length: usize| {
        let inline = Some("x".repeat(length));
        Session { policies: SessionPolicies { inline, arns: Vec::new() }, ..plain_session() }
    };
    let issue = |session: Session| keys(1, &[]).issue(reader(), session, &SystemRandom::new()).map(|_| ());
    assert_eq!(issue(long(2048)), Ok(()));
    assert_eq!(issue(long(6000)), Err(SealFault::TooLong));
    assert_eq!(issue(long(70_000)), Err(SealFault::TooLong));
    let many = Session { transitive: vec!["k".to_owned(); 65], ..plain_session() };
    assert_eq!(issue(many), Err(SealFault::TooLong));
}

#[test]
fn keys_are_read_as_base64_or_hexadecimal_and_nothing_else() {
    let hexadecimal = "01".repeat(32);
    let base64 = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let (sealed, token) = issue(&keys(1, &[]));
    for text in [hexadecimal.as_str(), base64] {
        let keys = TokenKeys::new(TokenKey::parse(text).unwrap(), Vec::new());
        assert!(keys.open(&sealed.access_key, token.expose().as_bytes()).is_some(), "{text}");
    }
    for text in ["", "AQEB", &"zz".repeat(32), &"01".repeat(31), base64.get(..43).unwrap(), &format!("{base64} ")] {
        assert!(TokenKey::parse(text).is_none(), "{text}");
    }
    let made = TokenKey::generate(&SystemRandom::new()).unwrap();
    assert!(TokenKey::parse(&made).is_some());
}

#[test]
fn a_session_dies_with_its_role_and_has_the_policies_of_today() {
    let mut directory = Directory::default();
    let of = reader();
    assert!(directory.principal_of(&of, plain_session()).is_none());
    directory.add_role(Role {
        arn: "arn:aws:iam::111122223333:role/team/reader".to_owned(),
        account: "111122223333".to_owned(),
        policies: vec!["today".to_owned()],
        tags: [("team".to_owned(), "red".to_owned())].into(),
        trust: None,
        max_session: 3600,
    });
    let tags = [("Team".to_owned(), "blue".to_owned())].into();
    let who = directory.principal_of(&of, Session { tags, ..plain_session() }).unwrap();
    assert_eq!(who.arn, "arn:aws:sts::111122223333:assumed-role/reader/ci-42");
    assert_eq!(who.policies, ["today"]);
    assert_eq!(who.tags, [("Team".to_owned(), "blue".to_owned())].into());
    assert!(who.user_id().starts_with("AROA") && who.user_id().ends_with(":ci-42"), "{}", who.user_id());
    let user = Of::User { arn: "arn:aws:iam::111122223333:user/a".to_owned() };
    assert!(directory.principal_of(&user, plain_session()).is_none());
}

fn text(longest: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 0..longest).prop_map(|chars| chars.into_iter().collect())
}

fn sessions() -> impl Strategy<Value = Session> {
    let tags = proptest::collection::btree_map(text(8), text(8), 0..5);
    let federated = proptest::option::of((text(9), text(9), text(9)));
    let policies = (proptest::option::of(text(40)), proptest::collection::vec(text(9), 0..3));
    let lists = (tags, proptest::collection::vec(text(9), 0..3), proptest::option::of(text(9)));
    (any::<(i64, i64, bool)>(), policies, lists, federated).prop_map(
        |((issued, expires, mfa), (inline, arns), (tags, transitive, source_identity), federated)| Session {
            issued: Seconds(issued),
            expires: Seconds(expires),
            policies: SessionPolicies { inline, arns },
            tags,
            transitive,
            source_identity,
            mfa,
            federated: federated.map(|(issuer, subject, audience)| Federated { issuer, subject, audience }),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_session_comes_back_as_it_was_sealed(session in sessions(), name in text(20), role in any::<bool>()) {
        let keys = keys(7, &[]);
        let of = if role { Of::Role { arn: name.clone(), name } } else { Of::User { arn: name } };
        let (sealed, token) = keys.issue(of.clone(), session.clone(), &SystemRandom::new()).unwrap();
        let opened = keys.open(&sealed.access_key, token.expose().as_bytes()).unwrap();
        prop_assert_eq!(opened.secret.expose(), sealed.secret.expose());
        prop_assert_eq!((opened.of, opened.session), (of, session));
    }

    #[test]
    fn octets_that_decode_at_all_are_the_canonical_ones(octets in proptest::collection::vec(0_u8..4, 0..80)) {
        let mut input = codec::Reader::new(&octets);
        if let Some(session) = codec::read_session(&mut input).filter(|_| input.finish().is_some()) {
            let mut out = codec::Writer::default();
            prop_assert!(codec::write_session(&session, &mut out).is_some());
            prop_assert_eq!(out.finish(), octets);
        }
    }

    #[test]
    fn text_that_nobody_sealed_never_opens(text in "[A-Za-z0-9_-]{0,200}") {
        prop_assert!(keys(7, &[8]).open("ASIAAAAAAAAAAAAAAAAA", text.as_bytes()).is_none());
    }
}
