//! The process dies at a bad moment: what the disk holds then is copied away and opened as a store.

use std::fs;
use std::sync::Mutex;

use super::super::checksums::{Algorithm, hex};
use super::super::failpoint::Point;
use super::*;
use crate::s3::checksum::of;
use Operation as Op;

/// A store that leaves a copy of its folder, and of its key beside it, whenever it passes a point.
struct Crashing {
    bench: Bench,
    armed: Arc<Mutex<Option<Point>>>,
    copy: tempfile::TempDir,
}

impl Crashing {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("store");
        let copy = tempfile::tempdir().unwrap();
        let armed = Arc::new(Mutex::new(None));
        let (seen, from, to) = (Arc::clone(&armed), folder.path().to_owned(), copy.path().to_owned());
        let hook = move |point| {
            if seen.lock().unwrap().take_if(|armed| *armed == point).is_some() {
                copy_folder(&from, &to);
            }
        };
        let failpoints = Failpoints { hook: Some(Arc::new(hook)) };
        let bench = Bench { _folder: Some(folder), ..Bench::at(&dir, "us-east-1", failpoints) };
        bench.ask(Op::CreateBucket).bucket("b").expect(200);
        Self { bench, armed, copy }
    }

    /// What a store finds that starts after a crash at this point of some work.
    fn after(point: Point, before: impl FnOnce(&Bench), work: impl FnOnce(&Bench)) -> Bench {
        let this = Self::new();
        before(&this.bench);
        *this.armed.lock().unwrap() = Some(point);
        work(&this.bench);
        assert!(this.armed.lock().unwrap().is_none(), "{point:?} was passed");
        let dir = this.copy.path().join("store");
        Bench { _folder: Some(this.copy), ..Bench::at(&dir, "us-east-1", Failpoints::default()) }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else if fs::copy(entry.path(), target).is_err() {
            assert!(!entry.path().exists(), "only a file that was just unlinked may be missing");
        }
    }
}

/// Every object listed can be read, has its length and its checksum, and no file is left that none of them needs.
fn check_sound(bench: &Bench, expected: &[(&str, &[u8])]) {
    let listed = bench.ask(Op::ListObjects).bucket("b").expect(200);
    assert_eq!(listed.elements("Key"), expected.iter().map(|(key, _)| *key).collect::<Vec<_>>());
    for (key, body) in expected {
        let got = bench.get(key);
        assert!(got.body == *body, "{key}");
        let etag = got.etag();
        assert!(etag.ends_with("-1\"") || etag.trim_matches('"') == hex(of(Algorithm::Md5, body).as_bytes()));
    }
    let large = expected.iter().filter(|(_, body)| body.len() > 32 << 10).count();
    assert_eq!(bench.files().len(), large, "orphans are swept");
}

#[test]
fn a_crash_during_a_put_leaves_the_old_object_or_the_new() {
    let (old, new) = (noise(100_000), noise(200_000));
    for (point, survives) in [(Point::FileSync, &old), (Point::Commit, &old), (Point::Unlink, &new)] {
        let bench = Crashing::after(
            point,
            |bench| {
                bench.put("k", &old);
                bench.put("other", b"acknowledged");
            },
            |bench| {
                bench.put("k", &new);
            },
        );
        check_sound(&bench, &[("k", survives), ("other", b"acknowledged")]);
    }
}

#[test]
fn a_crash_during_a_put_of_a_small_object() {
    for (point, survives) in [(Point::Commit, &b"old"[..]), (Point::Unlink, b"new")] {
        let bench = Crashing::after(point, |bench| drop(bench.put("k", b"old")), |bench| drop(bench.put("k", b"new")));
        check_sound(&bench, &[("k", survives)]);
    }
}

#[test]
fn a_crash_during_a_delete_leaves_the_object_whole_or_nothing_of_it() {
    let body = noise(100_000);
    let delete = |bench: &Bench| drop(bench.on(Op::DeleteObject, "k").expect(204));
    let before = Crashing::after(Point::Commit, |bench| drop(bench.put("k", &body)), delete);
    check_sound(&before, &[("k", &body)]);
    let after = Crashing::after(Point::Unlink, |bench| drop(bench.put("k", &body)), delete);
    check_sound(&after, &[]);
}

#[test]
fn a_crash_during_a_copy_keeps_the_shared_data() {
    let body = noise(100_000);
    for (point, copied) in [(Point::Commit, false), (Point::Unlink, true)] {
        let bench = Crashing::after(
            point,
            |bench| drop(bench.put("a", &body)),
            |bench| drop(bench.on(Op::CopyObject, "b").source("b", "a").expect(200)),
        );
        let large = bench.files().len();
        assert_eq!((large, bench.get("b").status), (1, if copied { 200 } else { 404 }));
        bench.on(Op::DeleteObject, "a").expect(204);
        if copied {
            assert!(bench.get("b").body == body);
        }
    }
}

#[test]
fn a_crash_during_a_completion_leaves_the_upload_or_the_object() {
    let body = noise(100_000);
    let etag = hex(of(Algorithm::Md5, &body).as_bytes());
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    for (point, done) in [(Point::Commit, false), (Point::Unlink, true)] {
        let id = std::cell::RefCell::new(String::new());
        let complete = |bench: &Bench| {
            let id = id.borrow();
            drop(
                bench.on(Op::CompleteMultipartUpload, "k").query("uploadId", &id).body(document.as_bytes()).expect(200),
            );
        };
        let begin = |bench: &Bench| {
            let begun = bench.on(Op::CreateMultipartUpload, "k").expect(200).element("UploadId").unwrap().to_owned();
            bench.on(Op::UploadPart, "k").query("uploadId", &begun).query("partNumber", "1").body(&body).expect(200);
            id.replace(begun);
        };
        let bench = Crashing::after(point, begin, complete);
        let uploads = bench.ask(Op::ListMultipartUploads).bucket("b").expect(200);
        assert_eq!(uploads.elements("Upload").len(), usize::from(!done));
        assert_eq!((bench.get("k").status, bench.files().len()), (if done { 200 } else { 404 }, 1));
        complete(&bench); // the client does not know, asks again, and gets its object either way
        check_sound(&bench, &[("k", &body)]);
    }
}

#[test]
fn the_sweep_leaves_foreign_files_alone() {
    let mut bench = Bench::with_bucket();
    bench.put("k", &noise(100_000));
    let folder = bench.files()[0].parent().unwrap().to_owned();
    fs::write(folder.join("README"), "not ours").unwrap();
    let orphan = bench.dir.join("data/00/00112233445566778899aabbccddeeff");
    fs::write(&orphan, "orphan").unwrap();
    bench.reopen();
    assert!(folder.join("README").exists());
    assert!(!orphan.exists());
    assert_eq!(bench.get("k").status, 200);
}

/// Puts an object of two parts, so that its second file is opened long after its first.
fn put_in_parts(bench: &Bench, body: &[u8]) {
    let id = bench.on(Op::CreateMultipartUpload, "k").expect(200).element("UploadId").unwrap().to_owned();
    let (first, second) = body.split_at(5 << 20);
    let part = |number: &str, body: &[u8]| {
        let part = bench.on(Op::UploadPart, "k").query("uploadId", &id).query("partNumber", number).body(body);
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>", part.expect(200).etag())
    };
    let parts = part("1", first) + &part("2", second);
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    bench.on(Op::CompleteMultipartUpload, "k").query("uploadId", &id).body(document.as_bytes()).expect(200);
}

#[test]
fn readers_finish_what_was_deleted_or_replaced_under_their_eyes() {
    let bench = Bench::with_bucket();
    let body = noise(6 << 20);
    let store = bench.store.as_ref().unwrap();
    let ask = |operation| Forward {
        owners: crate::upstream::Owners::default(),
        operation,
        bucket: Some("b".into()),
        key: Some("k".into()),
        account: ACCOUNT.into(),
        requester: None,
        ..probe()
    };
    let nothing = || Promise { length: 0, checksum: None };
    for replace in [Op::DeleteObject, Op::PutObject] {
        put_in_parts(&bench, &body);
        let read = bench.runtime.block_on(async {
            let reply = store.serve(ask(Op::GetObject), nothing(), Chunks::default()).await.unwrap();
            let LocalBody::Stream(mut stream) = reply.body else { panic!("a long body is streamed") };
            let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(first.len() <= 256 << 10, "pieces are bounded");
            store.serve(ask(replace), nothing(), Chunks::default()).await.unwrap();
            let now = store.serve(ask(Op::HeadObject), nothing(), Chunks::default()).await.unwrap();
            assert_eq!(now.status.as_u16(), if replace == Op::DeleteObject { 404 } else { 200 });
            assert_eq!(bench.files().len(), 2, "files stay while they are read");
            let rest = stream.collect().await.unwrap().to_bytes();
            [first, rest].concat()
        });
        assert!(read == body);
        while !bench.files().is_empty() {
            std::thread::yield_now(); // unlinked in the background, right after the reader
        }
    }
}

#[test]
fn readers_who_stop_reading_block_nobody() {
    let mut bench = Bench::with_bucket();
    bench.io_queue = 1;
    bench.reopen();
    let body = noise(1 << 20);
    bench.put("k", &body);
    let store = bench.store.as_ref().unwrap();
    let ask = || Forward {
        owners: crate::upstream::Owners::default(),
        operation: Op::GetObject,
        bucket: Some("b".into()),
        key: Some("k".into()),
        account: ACCOUNT.into(),
        requester: None,
        ..probe()
    };
    bench.runtime.block_on(async {
        let mut stalled = Vec::new();
        for _ in 0..50 {
            let reply = store.serve(ask(), Promise { length: 0, checksum: None }, Chunks::default()).await.unwrap();
            let LocalBody::Stream(mut stream) = reply.body else { panic!("a long body is streamed") };
            stream.frame().await.unwrap().unwrap();
            stalled.push(stream);
        }
        for stream in stalled.into_iter().rev() {
            assert_eq!(stream.collect().await.unwrap().to_bytes().len(), (1 << 20) - (256 << 10));
        }
    });
}
