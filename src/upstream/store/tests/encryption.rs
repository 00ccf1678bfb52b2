//! Encryption at rest: what lies on the disk, what answers say, what keys do.

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use ::ring::rand::SystemRandom;

use super::super::index::{Index, Tx};
use super::super::record::{Attributes, Blob, Checksum, Facts, ObjectRow, Part, PartRow, Row, UploadRow};
use super::super::{StoreError, checksums, multipart};
use super::*;
use crate::kms::State;
use crate::time::Seconds;
use Operation as Op;

const SSE: &str = "x-amz-server-side-encryption";
const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const CONTEXT: &str = "x-amz-server-side-encryption-context";
const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";

/// A store with a bucket and two KMS keys: `alias/aws/s3` and `alias/red`.
fn bench() -> Bench {
    let bench = Bench::with_bucket();
    let random = SystemRandom::new();
    let ring = Ring::fresh("us-east-1", ACCOUNT, "alias/aws/s3", Seconds(0), &random).unwrap();
    bench.ring.store(Arc::new(ring.added("us-east-1", ACCOUNT, "alias/red", Seconds(0), &random).unwrap()));
    bench
}

fn arn(bench: &Bench, alias: &str) -> String {
    bench.ring.load().find(alias, "us-east-1", ACCOUNT).unwrap().arn().to_string()
}

fn set_state(bench: &Bench, alias: &str, state: State) {
    let ring = bench.ring.load().with_state(&arn(bench, alias), state).unwrap();
    bench.ring.store(Arc::new(ring));
}

/// The three kinds, each with the headers that ask for it.
fn kinds(bench: &Bench) -> [Vec<(&'static str, String)>; 4] {
    let red = arn(bench, "alias/red");
    [
        vec![],
        vec![(SSE, "AES256".into())],
        vec![(SSE, "aws:kms".into()), (KEY, red.clone()), (BUCKET_KEY, "true".into())],
        vec![(SSE, "aws:kms:dsse".into()), (KEY, red)],
    ]
}

fn with<'a>(ask: Ask<'a>, headers: &[(&'static str, String)]) -> Ask<'a> {
    headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
}

/// Kind, key and bucket key of an answer.
fn said(answer: &Answer) -> [Option<String>; 3] {
    [SSE, KEY, BUCKET_KEY].map(|name| answer.header(name).map(str::to_owned))
}

fn expected(headers: &[(&'static str, String)]) -> [Option<String>; 3] {
    let sent = |name| headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
    [sent(SSE).or_else(|| Some("AES256".into())), sent(KEY), sent(BUCKET_KEY)]
}

fn upload(bench: &Bench, key: &str, headers: &[(&'static str, String)], parts: &[&[u8]]) -> (Vec<Answer>, Answer) {
    let mut answers = vec![with(bench.on(Op::CreateMultipartUpload, key), headers).expect(200)];
    let id = answers[0].element("UploadId").unwrap().to_owned();
    let mut list = String::from("<CompleteMultipartUpload>");
    for (at, part) in parts.iter().enumerate() {
        let number = (2 * at + 1).to_string();
        let part = bench.on(Op::UploadPart, key).query("partNumber", &number).query("uploadId", &id).body(part);
        let part = part.expect(200);
        list += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>", part.etag());
        answers.push(part);
    }
    list += "</CompleteMultipartUpload>";
    let done = bench.on(Op::CompleteMultipartUpload, key).query("uploadId", &id).body(list.as_bytes()).expect(200);
    answers.push(done.clone());
    (answers, done)
}

/// Every octet of every file below the store's folder, and of the key beside it.
fn disk(bench: &Bench) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(bench.dir.parent().unwrap(), &mut found);
    found
}

fn key_file(bench: &Bench) -> PathBuf {
    bench.dir.with_file_name("store-key.json")
}

#[test]
fn the_disk_holds_no_plaintext() {
    let mut bench = bench();
    // Marks on every kind of place: small, at the edges of segments, in parts, in what was replaced.
    let mark = |name: &str| format!("<<the plaintext of {name}>>").into_bytes();
    let large = |name: &str, length: usize| {
        let mut body = vec![b'.'; length];
        let mark = mark(name);
        for at in [0, 65_536 - mark.len() / 2, length - mark.len()] {
            body[at..at + mark.len()].copy_from_slice(&mark);
        }
        body
    };
    for (at, headers) in kinds(&bench).iter().enumerate() {
        let name = |what: &str| format!("{what}{at}");
        with(bench.on(Op::PutObject, &name("small")), headers).body(&mark("small")).expect(200);
        let body = large("large", 300_000);
        with(bench.on(Op::PutObject, &name("large")), headers).body(&body).expect(200);
        with(bench.on(Op::PutObject, &name("replaced")), headers).body(&mark("replaced")).expect(200);
        with(bench.on(Op::PutObject, &name("replaced")), headers).body(b"other").expect(200);
        upload(&bench, &name("parts"), headers, &[&large("part", 5 << 20), &mark("part")]);
        with(bench.on(Op::CopyObject, &name("copy")), headers).source("b", "small0").expect(200);
        with(bench.on(Op::CopyObject, &name("large copy")), headers).source("b", "large0").expect(200);
    }
    let failed = bench.on(Op::PutObject, "broken").failing_body(&large("broken", 900_000), 800_000, fault()).try_send();
    assert!(failed.is_err());
    for reopened in [false, true] {
        if reopened {
            bench.reopen();
        }
        let files = disk(&bench);
        assert!(files.len() > 8, "the store is there");
        for (path, octets) in files {
            for needle in [&b"the plaintext of"[..], &[b'.'; 64]] {
                assert!(memchr::memmem::find(&octets, needle).is_none(), "{}", path.display());
            }
        }
    }
    for at in 0..4 {
        assert_eq!(bench.get(&format!("small{at}")).body, mark("small"));
        assert!(bench.get(&format!("large copy{at}")).body == large("large", 300_000));
    }
}

fn fault() -> Fault {
    Fault::plain(crate::s3::Code::IncompleteBody, "test")
}

#[test]
fn every_answer_says_how_the_object_is_encrypted() {
    let bench = bench();
    let body = noise(100_000);
    for headers in kinds(&bench) {
        let expected = expected(&headers);
        let put = with(bench.on(Op::PutObject, "k"), &headers).body(&body).expect(200);
        assert_eq!(said(&put), expected);
        for operation in [Op::GetObject, Op::HeadObject] {
            let answer = bench.on(operation, "k").expect(200);
            assert_eq!((said(&answer), answer.etag()), (expected.clone(), put.etag()));
            assert_eq!(said(&bench.on(operation, "k").header("range", "bytes=0-4").expect(206)), expected);
        }
        let md5 = format!("\"{}\"", checksums::hex(crate::s3::checksum::of(Algorithm::Md5, &body).as_bytes()));
        assert_eq!(put.etag() == md5, expected[1].is_none(), "with a KMS key the tag is random");
        assert_eq!(put.etag().len(), md5.len());
        let copied = with(bench.on(Op::CopyObject, "copy"), &headers).source("b", "k").expect(200);
        assert_eq!(said(&copied), expected);
        let (answers, _) = upload(&bench, "parts", &headers, &[&noise(5 << 20), b"end"]);
        for answer in &answers {
            assert_eq!(said(answer), expected);
        }
        assert_eq!(said(&bench.on(Op::HeadObject, "parts").expect(200)), expected);
        assert_eq!(said(&bench.on(Op::DeleteObject, "k").expect(204)), [None, None, None]);
    }
}

#[test]
fn any_stretch_can_be_read_under_any_kind() {
    let bench = bench();
    let (first, second, third) = (noise(5 << 20), noise((5 << 20) + 77), noise(70_000));
    let whole = [&first[..], &second, &third].concat();
    for headers in kinds(&bench) {
        upload(&bench, "k", &headers, &[&first, &second, &third]);
        assert!(bench.get("k").body == whole);
        let edges = [0, 1, 65_535, 65_536, 262_143, 262_144, (5 << 20) - 1, 5 << 20, (10 << 20) + 77, whole.len() - 1];
        for (at, from) in edges.into_iter().enumerate() {
            for to in edges.into_iter().skip(at) {
                let to = to.min(from + 400_000);
                let range = format!("bytes={from}-{to}");
                let got = bench.on(Op::GetObject, "k").header("range", &range).expect(206);
                assert!(got.body == whole[from..=to], "{range}");
                assert_eq!(got.header("content-length"), Some((to - from + 1).to_string().as_str()));
            }
        }
        let suffix = bench.on(Op::GetObject, "k").header("range", "bytes=-10").expect(206);
        assert!(suffix.body == whole[whole.len() - 10..]);
        assert!(bench.on(Op::GetObject, "k").query("partNumber", "2").expect(206).body == second);
        for length in [0, 1, 32 << 10, (32 << 10) + 1, 65_536, 65_537, 262_144, 262_145] {
            let body = noise(length);
            with(bench.on(Op::PutObject, "l"), &headers).body(&body).expect(200);
            assert!(bench.get("l").body == body, "{length}");
        }
    }
}

#[test]
fn a_key_is_found_by_every_name_and_shown_by_its_arn() {
    let bench = bench();
    let (red, own) = (arn(&bench, "alias/red"), arn(&bench, "alias/aws/s3"));
    for sent in ["alias/red", &red, red.rsplit('/').next().unwrap()] {
        let put = bench.on(Op::PutObject, "k").header(SSE, "aws:kms").header(KEY, sent).body(b"x").expect(200);
        assert_eq!(put.header(KEY), Some(red.as_str()));
    }
    let put = bench.on(Op::PutObject, "k").header(SSE, "aws:kms").body(b"x").expect(200);
    assert_eq!(said(&put), [Some("aws:kms".into()), Some(own), None]);
    let far = red.replace("us-east-1", "eu-west-1");
    for (sent, message) in [("alias/none", "Invalid keyId 'alias/none'"), (far.as_str(), "Invalid arn eu-west-1")] {
        for length in [1, 100_000] {
            let put = bench.on(Op::PutObject, "k").header(SSE, "aws:kms").header(KEY, sent).body(&noise(length));
            let refused = put.refused(400, "KMS.NotFoundException");
            assert_eq!(refused.element("Message").unwrap().replace("&apos;", "'"), message);
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bench = bench();
    let red = arn(&bench, "alias/red");
    let reserved = BASE64.encode(r#"{"aws:s3:arn":"arn:aws:s3:::b/other"}"#);
    for (headers, code) in [
        (vec![(SSE, "aes256")], "InvalidEncryptionAlgorithmError"),
        (vec![(SSE, "aws:fsx")], "InvalidEncryptionAlgorithmError"),
        (vec![(SSE, "AES256"), (KEY, red.as_str())], "InvalidArgument"),
        (vec![(KEY, red.as_str())], "InvalidArgument"),
        (vec![(CONTEXT, "e30=")], "InvalidArgument"),
        (vec![(SSE, "aws:kms"), (CONTEXT, "e30")], "InvalidArgument"),
        (vec![(SSE, "aws:kms"), (CONTEXT, reserved.as_str())], "InvalidArgument"),
        (vec![(SSE, "aws:kms"), (BUCKET_KEY, "yes")], "InvalidArgument"),
    ] {
        for operation in [Op::PutObject, Op::CreateMultipartUpload] {
            let ask = headers.iter().fold(bench.on(operation, "k"), |ask, (name, value)| ask.header(name, value));
            ask.refused(400, code);
        }
    }
    bench.put("k", b"x");
    bench.on(Op::GetObject, "k").header(SSE, "AES256").refused(400, "InvalidArgument");
    bench.on(Op::HeadObject, "k").header(SSE, "AES256").expect(400);
    let created = bench.on(Op::CreateMultipartUpload, "k").expect(200);
    let id = created.element("UploadId").unwrap();
    let part = bench.on(Op::UploadPart, "k").query("partNumber", "1").query("uploadId", id).header(SSE, "AES256");
    let refused = part.body(b"x").refused(400, "InvalidArgument");
    let message = "x-amz-server-side-encryption header is not supported for this operation.";
    assert_eq!(refused.element("Message"), Some(message));
}

#[test]
fn the_context_comes_back_from_writes_and_binds() {
    let bench = bench();
    let sent = BASE64.encode(r#"{ "team" : "red" }"#);
    let shown = BASE64.encode(r#"{"team":"red"}"#);
    let kms = [(SSE, "aws:kms".to_owned()), (CONTEXT, sent)];
    for operation in [Op::PutObject, Op::CreateMultipartUpload] {
        assert_eq!(with(bench.on(operation, "k"), &kms).expect(200).header(CONTEXT), Some(shown.as_str()));
    }
    with(bench.on(Op::PutObject, "k"), &kms).body(b"x").expect(200);
    assert_eq!(bench.get("k").body, &b"x"[..]);
    assert_eq!(bench.get("k").header(CONTEXT), None);
    let copied = bench.on(Op::CopyObject, "l").source("b", "k").header(SSE, "aws:kms").expect(200);
    assert_eq!(copied.header(CONTEXT), None, "it is not taken over");
    assert_eq!(bench.get("l").body, &b"x"[..]);
}

#[test]
fn a_key_that_is_switched_off_is_not_used() {
    let bench = bench();
    let red = arn(&bench, "alias/red");
    let kms = [(SSE, "aws:kms".to_owned()), (KEY, red.clone())];
    with(bench.on(Op::PutObject, "k"), &kms).body(b"x").expect(200);
    with(bench.on(Op::PutObject, "empty"), &kms).expect(200);
    let created = with(bench.on(Op::CreateMultipartUpload, "k"), &kms).expect(200);
    let id = created.element("UploadId").unwrap();
    let part = || bench.on(Op::UploadPart, "k").query("partNumber", "1").query("uploadId", id).body(b"x");
    let etag = part().expect(200).etag();
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let complete = || bench.on(Op::CompleteMultipartUpload, "k").query("uploadId", id).body(list.as_bytes());
    for (state, code, message) in [
        (State::Disabled, "KMS.DisabledException", format!("{red} is disabled.")),
        (State::PendingDeletion, "KMS.KMSInvalidStateException", format!("{red} is pending deletion.")),
    ] {
        set_state(&bench, "alias/red", state);
        for ask in [
            with(bench.on(Op::PutObject, "n"), &kms).body(b"x"),
            with(bench.on(Op::CopyObject, "n"), &kms).source("b", "k"),
            bench.on(Op::CopyObject, "n").source("b", "k"),
            with(bench.on(Op::CreateMultipartUpload, "n"), &kms),
            bench.on(Op::GetObject, "k"),
            bench.on(Op::GetObject, "empty"),
            part(),
            complete(),
        ] {
            assert_eq!(ask.refused(400, code).element("Message"), Some(message.as_str()));
        }
        bench.on(Op::HeadObject, "k").expect(200);
        bench.on(Op::HeadObject, "k").header("x-amz-checksum-mode", "ENABLED").expect(400);
        bench.put("other", b"x");
    }
    bench.ring.store(Arc::default());
    bench.on(Op::GetObject, "k").refused(400, "KMS.NotFoundException");
    bench.on(Op::DeleteObject, "k").expect(204);
}

#[test]
fn a_rotated_key_opens_what_it_has_sealed() {
    let bench = bench();
    let kms = [(SSE, "aws:kms".to_owned()), (KEY, arn(&bench, "alias/red"))];
    with(bench.on(Op::PutObject, "k"), &kms).body(b"old").expect(200);
    let rotated = bench.ring.load().rotated(&arn(&bench, "alias/red"), Seconds(1), &SystemRandom::new()).unwrap();
    bench.ring.store(Arc::new(rotated));
    with(bench.on(Op::PutObject, "l"), &kms).body(b"new").expect(200);
    assert_eq!((bench.get("k").body, bench.get("l").body), (Bytes::from("old"), Bytes::from("new")));
}

#[test]
fn copies_share_octets_under_the_same_key_alone() {
    let mut bench = bench();
    let body = noise(100_000);
    let all = kinds(&bench);
    let count = |bench: &mut Bench| {
        bench.reopen();
        bench.files().len()
    };
    for (from, source) in all.iter().enumerate() {
        for (to, target) in all.iter().enumerate() {
            with(bench.on(Op::PutObject, "from"), source).body(&body).expect(200);
            let before = count(&mut bench);
            let copied = with(bench.on(Op::CopyObject, "to"), target).source("b", "from").expect(200);
            assert_eq!(said(&copied), expected(target));
            let shares = from == to || from + to == 1;
            assert_eq!(count(&mut bench) - before, usize::from(!shares), "{from} to {to}");
            bench.on(Op::DeleteObject, "from").expect(204);
            assert!(bench.get("to").body == body, "{from} to {to}");
            bench.on(Op::DeleteObject, "to").expect(204);
        }
    }
    // Another KMS key is another key.
    let [.., kms, _] = &all;
    with(bench.on(Op::PutObject, "from"), kms).body(&body).expect(200);
    let before = count(&mut bench);
    let own = arn(&bench, "alias/aws/s3");
    bench.on(Op::CopyObject, "to").source("b", "from").header(SSE, "aws:kms").header(KEY, &own).expect(200);
    assert_eq!(count(&mut bench) - before, 1);
    // An object may be given another encryption by a copy onto itself.
    let onto = bench.on(Op::CopyObject, "from").source("b", "from").header(SSE, "AES256").expect(200);
    assert_eq!(onto.header(SSE), Some("AES256"));
    assert!(bench.get("from").body == body);
}

#[test]
fn octets_that_were_altered_or_exchanged_are_never_sent() {
    let bench = bench();
    for headers in kinds(&bench) {
        let put = |key: &str| {
            let before = bench.files();
            with(bench.on(Op::PutObject, key), &headers).body(&noise(400_000)).expect(200);
            bench.files().into_iter().find(|path| !before.contains(path)).unwrap()
        };
        let (one, other) = (put("one"), put("other"));
        let good = fs::read(&one).unwrap();
        // In the first piece: a clean error, before anything is answered.
        for at in [0, 20, 63, 64, 65_700, 200_000] {
            let file = fs::OpenOptions::new().write(true).open(&one).unwrap();
            file.write_all_at(&[good[at] ^ 1], at as u64).unwrap();
            let broken = bench.on(Op::GetObject, "one").try_send().unwrap_err();
            assert_eq!((broken.reason(), broken.status()), ("seal-broken", 500), "octet {at}");
            file.write_all_at(&[good[at]], at as u64).unwrap();
        }
        assert!(bench.get("one").body == noise(400_000));
        fs::write(&one, &good[..good.len() - 1]).unwrap();
        assert!(bench.on(Op::GetObject, "one").header("range", "bytes=390000-").try_send().is_err());
        fs::write(&one, fs::read(&other).unwrap()).unwrap();
        assert!(bench.on(Op::GetObject, "one").try_send().is_err(), "of another object");
        for key in ["one", "other"] {
            bench.on(Op::DeleteObject, key).expect(204);
        }
        while !bench.files().is_empty() {
            std::thread::yield_now(); // unlinking happens in the background
        }
    }
}

#[test]
fn an_answer_that_has_begun_breaks_off_where_octets_were_altered() {
    let bench = bench();
    bench.put("k", &noise(900_000));
    let path = &bench.files()[0];
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&[1, 2, 3], 700_000).unwrap();
    let store = bench.store.as_ref().unwrap();
    let forward = bench.on(Op::GetObject, "k").forward;
    let read = bench.runtime.block_on(async {
        let reply = store.serve(forward, Promise { length: 0, checksum: None }, Chunks::default()).await.unwrap();
        let LocalBody::Stream(mut stream) = reply.body else { panic!("a stream") };
        let mut read = Vec::new();
        while let Some(frame) = stream.frame().await {
            match frame {
                Ok(frame) => read.extend(frame.into_data().unwrap()),
                Err(_) => return read,
            }
        }
        panic!("it came to its end")
    });
    assert!(!read.is_empty() && read.len() <= 700_000);
    assert!(read == noise(900_000)[..read.len()]);
}

mod own_key {
    use super::*;

    fn open(bench: &mut Bench) -> Result<(), StoreError> {
        bench.store = None;
        let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
        bench.store = Some(Store::open(&bench.dir, Settings::new("us-east-1", clock))?);
        Ok(())
    }

    #[test]
    fn the_key_lies_beside_the_data_and_is_private() {
        let mut bench = bench();
        bench.put("k", b"x");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&key_file(&bench)), 0o600);
        let before = fs::read(key_file(&bench)).unwrap();
        open(&mut bench).unwrap();
        assert_eq!(fs::read(key_file(&bench)).unwrap(), before);
        assert_eq!(bench.get("k").body, &b"x"[..]);
    }

    #[test]
    fn a_store_without_its_key_does_not_open() {
        let mut bench = bench();
        bench.put("k", b"x");
        let (path, key) = (key_file(&bench), fs::read(key_file(&bench)).unwrap());
        let other = Bench::new();
        let refused = |bench: &mut Bench, expected: &str| match open(bench) {
            Err(StoreError::Key(message)) => assert!(message.contains(expected), "{message}"),
            outcome => panic!("{outcome:?}"),
        };
        fs::remove_file(&path).unwrap();
        refused(&mut bench, "is gone");
        fs::copy(key_file(&other), &path).unwrap();
        refused(&mut bench, "of another store");
        fs::write(&path, &key[..key.len() / 2]).unwrap();
        refused(&mut bench, "no keyring");
        fs::write(&path, br#"{"keys":[]}"#).unwrap();
        refused(&mut bench, "one key");
        fs::write(&path, &key).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        refused(&mut bench, "chmod 600");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        open(&mut bench).unwrap();
        assert_eq!(bench.get("k").body, &b"x"[..]);
    }

    #[test]
    fn a_crash_while_the_key_is_made_does_not_stop_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("store");
        fs::write(folder.path().join("store-key.json.new"), b"{\"ke").unwrap();
        let bench = Bench::at(&dir, "us-east-1", Failpoints::default());
        bench.ask(Op::CreateBucket).bucket("b").expect(200);
        bench.put("k", b"x");
    }
}

/// A store as it was before anything was sealed: two objects and an upload, in the clear.
fn old_store(bench: &mut Bench) {
    bench.ask(Op::CreateBucket).bucket("b").expect(200);
    bench.store = None;
    fs::remove_file(key_file(bench)).unwrap();
    let index = Index::open(&bench.dir.join("index.redb")).unwrap();
    let (large, small) = ([7; 16], [8; 16]);
    let path = bench.dir.join("data/07").join(checksums::hex(&large));
    fs::write(path, noise(300_000)).unwrap();
    index.unsealed(|tx| {
        old_object(tx, "large", large, 300_000, false);
        old_object(tx, "small", small, 5, true);
        let attributes = Attributes::default();
        let (initiator, declared) = (ACCOUNT.to_owned(), None);
        let row = UploadRow { initiator, initiated: START, declared, composite: false, attributes, sealing: None };
        tx.put_upload(b"b\0up\0id", &row.encode()).unwrap();
        let part = old_part([9; 16], 5, true);
        let value = crate::s3::checksum::of(Algorithm::Crc64Nvme, b"01234").as_bytes().to_vec();
        let tag = crate::s3::checksum::of(Algorithm::Md5, b"01234").as_bytes().try_into().unwrap();
        let row = PartRow { part: Part { checksum: value, ..part }, tag, modified: START };
        tx.add_small(&[9; 16], b"01234").unwrap();
        tx.put_part(&multipart::part_key("id", 1), &row.encode()).unwrap();
    });
}

fn old_part(id: [u8; 16], length: u64, small: bool) -> Part {
    Part { blob: Blob { id, length, small, sealed: None }, checksum: vec![0; 8] }
}

fn old_object(tx: &mut Tx<'_>, key: &str, id: [u8; 16], size: u64, small: bool) {
    let checksum = Some(Checksum { algorithm: Algorithm::Crc64Nvme, composite: false, value: vec![0; 8] });
    let (etag, owner) = ("e".repeat(32), ACCOUNT.to_owned());
    let facts = Facts { version: 0, delete_marker: false, modified: START, size, etag, owner, checksum };
    let parts = vec![old_part(id, size, small)];
    let row = ObjectRow { facts, attributes: Attributes::default(), upload: None, parts, sealing: None };
    if small {
        tx.add_small(&id, b"01234").unwrap();
    } else {
        tx.add_file(&id).unwrap();
    }
    tx.add_object("b", key, &row).unwrap();
}

#[test]
fn what_was_stored_before_anything_was_sealed_is_still_read() {
    let mut bench = Bench::new();
    old_store(&mut bench);
    bench.reopen();
    let large = bench.get("large");
    assert!(large.body == noise(300_000));
    assert_eq!(said(&large), [None, None, None], "nobody claims that it is encrypted");
    assert_eq!(bench.get("small").body, &b"01234"[..]);
    let range = bench.on(Op::GetObject, "large").header("range", "bytes=65530-65540").expect(206);
    assert!(range.body == noise(300_000)[65_530..=65_540]);
    assert!(fs::read(&bench.files()[0]).unwrap() == noise(300_000), "it is not rewritten silently");
    // A copy is a new object, and sealed.
    let copied = bench.on(Op::CopyObject, "copy").source("b", "large").expect(200);
    assert_eq!(copied.header(SSE), Some("AES256"));
    assert!(bench.get("copy").body == noise(300_000));
    bench.on(Op::DeleteObject, "large").expect(204);
    bench.reopen();
    let [file] = bench.files().try_into().unwrap();
    assert!(memchr::memmem::find(&fs::read(file).unwrap(), &noise(300_000)[..32]).is_none());
    // An upload that was begun in the clear ends so, and does not claim otherwise.
    let etag = checksums::hex(crate::s3::checksum::of(Algorithm::Md5, b"01234").as_bytes());
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let done = bench.on(Op::CompleteMultipartUpload, "up").query("uploadId", "id").body(list.as_bytes()).expect(200);
    assert_eq!(said(&done), [None, None, None]);
    assert_eq!(bench.get("up").body, &b"01234"[..]);
}
