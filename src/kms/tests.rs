//! The keyring from outside: its file, names, contexts and wrapping.

#[cfg(test)] // the code itself takes random numbers as an argument
use ring::rand::SystemRandom;

use super::*;
use crate::time::Seconds;

const NOW: Seconds = Seconds(1_773_480_413);
const REGION: &str = "eu-west-1";
const ACCOUNT: &str = "111122223333";
const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const KEK: &str = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=";

fn key(more: &str) -> String {
    format!(r#"{{"arn":"{ARN}",{more}"versions":[{{"id":3,"kek_b64":"{KEK}","created":"2026-03-14T09:26:53Z"}}]}}"#)
}

fn ring_of(keys: &str) -> Result<Ring, RingError> {
    Ring::parse(format!(r#"{{"keys":[{keys}]}}"#).as_bytes())
}

fn ring() -> Ring {
    ring_of(&key(r#""aliases":["alias/team/red","alias/aws/s3"],"#)).unwrap()
}

fn context() -> Context {
    Context::parse(br#"{ "team": "red" }"#).unwrap().with_s3_arn("arn:aws:s3:::b/k").unwrap()
}

#[test]
fn a_ring_is_read_and_written_back() {
    let ring = ring();
    assert_eq!(Ring::parse(&ring.to_json()).unwrap().to_json(), ring.to_json());
    let key = ring.by_arn(ARN).unwrap();
    assert_eq!((key.region(), key.account(), key.state()), (REGION, ACCOUNT, State::Enabled));
    assert_eq!(key.versions().collect::<Vec<_>>(), [(3, Some("2026-03-14T09:26:53Z"))]);
    assert!(key.has_material());
    assert_eq!(Ring::parse(&Ring::default().to_json()).unwrap().keys().count(), 0);
}

#[test]
fn writing_a_ring_leaves_no_secret_behind() {
    // What is written must fit what was set aside, or the vector has moved and left a copy.
    for aliases in [0, 1, 60] {
        let names: Vec<String> = (0..aliases).map(|n| format!(r#""alias/{}{n}""#, "x".repeat(200))).collect();
        let ring = ring_of(&key(&format!(r#""aliases":[{}],"#, names.join(",")))).unwrap();
        let (json, set_aside) = (ring.to_json(), 64 + 512 + names.len() * 232 + 256);
        assert!(json.len() <= set_aside, "{} of {set_aside}", json.len());
    }
}

#[test]
fn a_ring_with_a_fault_is_refused_with_its_place() {
    let twice = format!("{},{}", key(""), key(""));
    let other = ARN.replace("ab", "cd");
    let same_alias = format!(r#"{{"arn":"{ARN}","aliases":["alias/a"]}},{{"arn":"{other}","aliases":["alias/a"]}}"#);
    for (keys, place) in [
        (twice.as_str(), "keys[1]: `arn:aws:kms"),
        (same_alias.as_str(), "keys[1]: `arn:aws:kms:eu-west-1:111122223333:alias/a` names keys[0]"),
        (&key(r#""aliases":["alias/a","alias/a"],"#), "keys[0]: "),
        (&key(r#""aliases":["a"],"#), "keys[0].aliases[0]"),
        (&key(r#""state":"Off","#), "line 1 column "),
        (&key(r#""state":"Enabled","state":"Disabled","#), "line 1 column "),
        (&key(r#""note":"x","#), "line 1 column "),
        (&key(r#""usage":"SIGN_VERIFY","#), "keys[0].versions"),
        (r#"{"arn":"arn:aws:kms:eu-west-1:111122223333:alias/a"}"#, "keys[0].arn"),
        (r#"{"arn":"arn:aws:kms:eu-west-1:11112222333:key/a"}"#, "keys[0].arn"),
        (r#"{"arn":"arn:aws:kms::111122223333:key/a"}"#, "keys[0].arn"),
        (r#"{"aliases":[]}"#, "line 1 column "),
        (&key("").replace(r#""id":3"#, r#""id":0"#), "keys[0].versions[0].id"),
        (&key("").replace("2026-03-14", "yesterday"), "keys[0].versions[0].created"),
    ] {
        let error = ring_of(keys).unwrap_err().to_string();
        assert!(error.starts_with(place), "{keys}\n{error}");
    }
    for json in ["", "{}", "[]", r#"{"keys":[]} x"#, r#"{"keys":[],"keys":[]}"#, "\u{feff}{}"] {
        assert!(Ring::parse(json.as_bytes()).is_err(), "{json}");
    }
    assert!(Ring::parse(&vec![b' '; LONGEST_FILE + 1]).is_err());
}

#[test]
fn a_misplaced_secret_is_never_repeated() {
    let short = KEK.get(..40).unwrap();
    for keys in [
        key("").replace(KEK, short),
        key("").replace(KEK, "no base64 SECRETSECRET"),
        format!(r#"{{"arn":"{ARN}","versions":["{KEK}"]}}"#),
        format!(r#"{{"arn":"{ARN}","versions":"{KEK}"}}"#),
        format!(r#"{{"arn":"{ARN}","versions":[{{"id":"{KEK}"}}]}}"#),
    ] {
        let error = ring_of(&keys).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(short) && !shown.contains("SECRET"), "{shown}");
        assert!(shown.contains("line 1 column "), "{shown}");
    }
    let ring = ring();
    let shown = format!("{ring:?} {:?}", DataKey::draw(&SystemRandom::new()).unwrap());
    assert!(!shown.contains(short) && shown.contains("DataKey(…)"), "{shown}");
}

#[test]
fn every_form_of_a_name_finds_the_key() {
    let ring = ring();
    let alias_arn = "arn:aws:kms:eu-west-1:111122223333:alias/team/red";
    for sent in [ID, ARN, "alias/team/red", alias_arn, "alias/aws/s3"] {
        assert_eq!(&**ring.find(sent, REGION, ACCOUNT).unwrap().arn(), ARN, "{sent}");
    }
    let multi = format!(r#"{{"arn":"arn:aws:kms:eu-west-1:111122223333:key/mrk-{}"}}"#, "0".repeat(32));
    let ring = ring_of(&multi).unwrap();
    assert!(ring.find(&format!("mrk-{}", "0".repeat(32)), REGION, ACCOUNT).is_ok());
}

#[test]
fn what_is_unknown_is_told_in_the_words_of_s3() {
    let ring = ring();
    let said = |sent: &str, account: &str| ring.find(sent, REGION, account).unwrap_err().fault().message().to_owned();
    let other = ID.replace("12", "99");
    let other_arn = format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/{other}");
    let far = ARN.replace("eu-west-1", "us-east-1");
    for (sent, account, expected) in [
        ("nonsense!", ACCOUNT, "Invalid keyId 'nonsense!'".to_owned()),
        ("no-uuid", ACCOUNT, "Invalid keyId 'no-uuid'".to_owned()),
        ("alias/none", ACCOUNT, "Invalid keyId 'alias/none'".to_owned()),
        ("alias/", ACCOUNT, "Invalid keyId 'alias/'".to_owned()),
        ("", ACCOUNT, "Invalid keyId ''".to_owned()),
        (&other, ACCOUNT, format!("Key '{other_arn}' does not exist")),
        (&other_arn, ACCOUNT, format!("Key '{other_arn}' does not exist")),
        // Bare names are those of the account alone.
        (ID, "444455556666", format!("Key 'arn:aws:kms:eu-west-1:444455556666:key/{ID}' does not exist")),
        ("alias/aws/s3", "444455556666", "Invalid keyId 'alias/aws/s3'".to_owned()),
        (&far, ACCOUNT, "Invalid arn us-east-1".to_owned()),
        ("arn:aws:kms:us-east-1:111122223333:alias/team/red", ACCOUNT, "Invalid arn us-east-1".to_owned()),
        ("arn:aws:iam::111122223333:user/a", ACCOUNT, "Invalid keyId 'arn:aws:iam::111122223333:user/a'".to_owned()),
    ] {
        assert_eq!(said(sent, account), expected, "{sent}");
    }
    assert!(ring.find(&"a".repeat(4096), REGION, ACCOUNT).is_err());
}

#[test]
fn the_default_key_is_one_for_each_account() {
    let ring = ring();
    assert_eq!(&**ring.default_for(ACCOUNT).unwrap().arn(), ARN);
    assert!(ring.default_for("444455556666").is_none());
    let random = SystemRandom::new();
    let both = ring.added("us-east-1", ACCOUNT, DEFAULT_ALIAS, NOW, &random).unwrap();
    assert!(both.default_for(ACCOUNT).is_none(), "nobody knows which");
    assert!(both.find(DEFAULT_ALIAS, "us-east-1", ACCOUNT).is_ok());
}

#[test]
fn a_wrapped_key_of_another_implementation_opens() {
    let wrapped = "0100000003b0b1b2b3b4b5b6b7b8b9babb03018286c54fed9e33e72df3e1fb42c4ae19963b5000c088ebdf7a2095adec8f65\
        e98af78c6bed1dedfa758bdefd525e";
    let octets: Vec<u8> = (0..wrapped.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(wrapped.get(at..at + 2).unwrap(), 16).unwrap())
        .collect();
    assert_eq!(octets.len(), WRAPPED);
    let ring = ring();
    let data = ring.unwrap(ring.by_arn(ARN).unwrap(), &octets, &context()).unwrap();
    assert_eq!(data.expose().to_vec(), (0..32).collect::<Vec<u8>>());
}

#[test]
fn nothing_opens_but_what_was_wrapped() {
    let (ring, random) = (ring(), SystemRandom::new());
    let key = ring.by_arn(ARN).unwrap();
    let (data, wrapped) = ring.generate(key, &context(), &random).unwrap();
    assert_eq!(ring.unwrap(key, wrapped.as_ref(), &context()).unwrap().expose(), data.expose());
    let refused = |wrapped: &[u8], context: &Context| {
        assert_eq!(ring.unwrap(key, wrapped, context).unwrap_err(), KmsError::InvalidCiphertext);
    };
    for bit in 0..WRAPPED * 8 {
        let mut bent = wrapped.0;
        bent[bit / 8] ^= 1 << (bit % 8);
        refused(&bent, &context());
    }
    for cut in 0..WRAPPED {
        refused(&wrapped.0[..cut], &context());
    }
    refused(&[&wrapped.0[..], b"x"].concat(), &context());
    refused(wrapped.as_ref(), &Context::default());
    refused(wrapped.as_ref(), &Context::parse(b"{}").unwrap().with_s3_arn("arn:aws:s3:::b/other").unwrap());
    let two = ring.added(REGION, ACCOUNT, "alias/other", NOW, &random).unwrap();
    let other = two.keys().nth(1).unwrap();
    assert_eq!(two.unwrap(other, wrapped.as_ref(), &context()).unwrap_err(), KmsError::InvalidCiphertext);
}

#[test]
fn after_a_rotation_the_old_still_opens_and_the_new_version_wraps() {
    let (ring, random) = (ring(), SystemRandom::new());
    let (data, old) = ring.generate(ring.by_arn(ARN).unwrap(), &context(), &random).unwrap();
    let rotated = ring.rotated(ARN, NOW, &random).unwrap();
    let key = rotated.by_arn(ARN).unwrap();
    assert_eq!(rotated.unwrap(key, old.as_ref(), &context()).unwrap().expose(), data.expose());
    let (_, new) = rotated.generate(key, &context(), &random).unwrap();
    assert_eq!((old.0[4], new.0[4]), (3, 4));
    assert_eq!(
        ring.unwrap(ring.by_arn(ARN).unwrap(), new.as_ref(), &context()).unwrap_err(),
        KmsError::InvalidCiphertext
    );
    assert!(ring.rotated("arn:aws:kms:eu-west-1:111122223333:key/none", NOW, &random).is_err());
    let named = ring_of(&format!(r#"{{"arn":"{ARN}"}}"#)).unwrap();
    assert!(named.rotated(ARN, NOW, &random).is_err(), "its material is elsewhere");
}

#[test]
fn a_rewrapped_key_is_the_same_key_under_another_name() {
    let (ring, random) = (ring(), SystemRandom::new());
    let ring = ring.added(REGION, ACCOUNT, "alias/other", NOW, &random).unwrap();
    let (from, to) = (ring.by_arn(ARN).unwrap(), ring.keys().nth(1).unwrap());
    let (data, wrapped) = ring.generate(from, &context(), &random).unwrap();
    let moved = Context::default().with_s3_arn("arn:aws:s3:::b/new").unwrap();
    let again = ring.rewrap((from, &context()), (to, &moved), wrapped.as_ref(), &random).unwrap();
    assert_eq!(ring.unwrap(to, again.as_ref(), &moved).unwrap().expose(), data.expose());
    assert!(ring.unwrap(to, again.as_ref(), &context()).is_err());
    assert!(ring.rewrap((from, &moved), (to, &moved), wrapped.as_ref(), &random).is_err());
}

#[test]
fn a_key_that_may_not_be_used_neither_wraps_nor_opens() {
    let (ring, random) = (ring(), SystemRandom::new());
    let (_, wrapped) = ring.generate(ring.by_arn(ARN).unwrap(), &context(), &random).unwrap();
    for (state, code, message) in [
        (State::Disabled, "KMS.DisabledException", format!("{ARN} is disabled.")),
        (State::PendingDeletion, "KMS.KMSInvalidStateException", format!("{ARN} is pending deletion.")),
    ] {
        let ring = ring.with_state(ARN, state).unwrap();
        let key = ring.by_arn(ARN).unwrap();
        for error in [
            ring.generate(key, &context(), &random).unwrap_err(),
            ring.unwrap(key, wrapped.as_ref(), &context()).unwrap_err(),
        ] {
            let fault = error.fault();
            assert_eq!((fault.code().as_str(), fault.message(), fault.status()), (code, message.as_str(), 400));
        }
        let enabled = ring.with_state(ARN, State::Enabled).unwrap();
        assert!(enabled.unwrap(enabled.by_arn(ARN).unwrap(), wrapped.as_ref(), &context()).is_ok());
    }
    for (more, code) in
        [("", "KMS.KMSInvalidStateException"), (r#","usage":"GENERATE_VERIFY_MAC""#, "KMS.InvalidKeyUsageException")]
    {
        let ring = ring_of(&format!(r#"{{"arn":"{ARN}"{more}}}"#)).unwrap();
        let key = ring.by_arn(ARN).unwrap();
        assert!(!key.has_material());
        assert_eq!(ring.generate(key, &context(), &random).unwrap_err().fault().code().as_str(), code);
        assert_eq!(ring.unwrap(key, wrapped.as_ref(), &context()).unwrap_err().fault().code().as_str(), code);
    }
}

#[test]
fn a_version_stops_before_random_nonces_repeat() {
    use std::sync::atomic::Ordering::Relaxed;
    let (ring, random) = (ring(), SystemRandom::new());
    let key = ring.by_arn(ARN).unwrap();
    let wraps = &key.material()[0].wraps;
    wraps.store((1 << 31) - 1, Relaxed);
    assert!(!key.wants_rotation());
    ring.generate(key, &context(), &random).unwrap();
    assert!(key.wants_rotation());
    // A ring that is read again counts on, unless the secret is another.
    let again = Ring::parse(&ring.to_json()).unwrap().counting_on(&ring);
    assert!(again.by_arn(ARN).unwrap().wants_rotation());
    let other = ring_of(&key_of_other_secret()).unwrap().counting_on(&ring);
    assert!(!other.by_arn(ARN).unwrap().wants_rotation());
    wraps.store((1 << 32) - 1, Relaxed);
    ring.generate(key, &context(), &random).unwrap();
    for _ in 0..3 {
        let error = ring.generate(key, &context(), &random).unwrap_err();
        assert!(matches!(error, KmsError::Exhausted { .. }), "{error}");
        assert_eq!(error.fault().status(), 503);
    }
    let rotated = ring.rotated(ARN, NOW, &random).unwrap();
    assert!(rotated.generate(rotated.by_arn(ARN).unwrap(), &context(), &random).is_ok());
}

fn key_of_other_secret() -> String {
    key("").replace(KEK, &KEK.replace('Q', "R"))
}

#[test]
fn a_fresh_ring_has_one_key_that_works() {
    let random = SystemRandom::new();
    let ring = Ring::fresh(REGION, ACCOUNT, DEFAULT_ALIAS, NOW, &random).unwrap();
    let key = ring.find(DEFAULT_ALIAS, REGION, ACCOUNT).unwrap();
    let id = key.arn().rsplit('/').next().unwrap();
    assert!(name::is_of_kms(id) && id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
    assert!(ring.generate(key, &Context::default(), &random).is_ok());
    assert!(ring.added(REGION, ACCOUNT, DEFAULT_ALIAS, NOW, &random).is_err(), "the alias is taken");
    for (region, account, alias) in [("", ACCOUNT, "alias/a"), (REGION, "1", "alias/a"), (REGION, ACCOUNT, "a")] {
        assert!(Ring::fresh(region, account, alias, NOW, &random).is_err(), "{region} {account} {alias}");
    }
}

#[test]
fn a_context_has_one_spelling() {
    let canonical = |json: &str| String::from_utf8(Context::parse(json.as_bytes()).unwrap().canonical()).unwrap();
    assert_eq!(String::from_utf8(context().canonical()).unwrap(), r#"{"aws:s3:arn":"arn:aws:s3:::b/k","team":"red"}"#);
    for (json, expected) in [
        ("{}", "{}"),
        (" { \"b\" : \"2\" ,\n\"a\":\"1\" } ", r#"{"a":"1","b":"2"}"#),
        (r#"{"\u00e4":"\/\"\\\n\u007f","Z":""}"#, "{\"Z\":\"\",\"ä\":\"/\\\"\\\\\\u000a\u{7f}\"}"),
        (r#"{"\ud83d\ude00":"x","\uffff":"y"}"#, "{\"\u{ffff}\":\"y\",\"😀\":\"x\"}"),
    ] {
        assert_eq!(canonical(json), expected);
        assert_eq!(canonical(expected), expected, "it is its own spelling");
    }
}

#[test]
fn a_context_that_is_none_is_refused() {
    for json in [
        "",
        "[]",
        "\"a\"",
        "null",
        "{",
        r#"{"a":1}"#,
        r#"{"a":null}"#,
        r#"{"a":{"b":"c"}}"#,
        r#"{"a":["b"]}"#,
        r#"{"a":"1","a":"1"}"#,
        r#"{"a":"1","\u0061":"2"}"#,
        r#"{"a":"1"}x"#,
        r#"{"a":"1",}"#,
        r#"{"a":"\ud800"}"#,
        r#"{1:"a"}"#,
    ] {
        assert_eq!(Context::parse(json.as_bytes()), Err(ContextFault::NotStrings), "{json}");
    }
    assert_eq!(Context::parse(b"{\"a\":\"\xff\"}"), Err(ContextFault::NotStrings));
    let nested = format!("{{\"a\":{}", "[".repeat(8000));
    assert_eq!(Context::parse(nested.as_bytes()), Err(ContextFault::NotStrings));
}

#[test]
fn the_header_is_bounded_and_strict() {
    use base64::Engine as _;
    let encode = |json: &str| base64::engine::general_purpose::STANDARD.encode(json).into_bytes();
    let of = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
    assert_eq!(Context::from_header(&encode(&of(LONGEST_CONTEXT))).unwrap().members().count(), 1);
    assert_eq!(Context::from_header(&encode(&of(LONGEST_CONTEXT + 1))), Err(ContextFault::TooLong));
    assert_eq!(Context::from_header(&encode(&of(LONGEST_CONTEXT + 100))), Err(ContextFault::TooLong));
    for header in ["e30", "e30=e30=", "{}", "e 30=", "e30==", "e3-="] {
        assert_eq!(Context::from_header(header.as_bytes()), Err(ContextFault::NotBase64), "{header}");
    }
    assert!(Context::from_header(b"e30=").unwrap().is_empty());
}

#[test]
fn a_client_cannot_speak_for_another_object() {
    let said = |arn: &str| Context::parse(format!(r#"{{"aws:s3:arn":"{arn}"}}"#).as_bytes()).unwrap();
    let own = "arn:aws:s3:::b/k";
    assert_eq!(said("arn:aws:s3:::b/other").with_s3_arn(own), Err(ContextFault::Reserved));
    assert_eq!(said(own).with_s3_arn(own).unwrap(), Context::default().with_s3_arn(own).unwrap());
}
