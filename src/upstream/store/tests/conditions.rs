//! Conditional reads, writes and deletes.

use super::*;
use Operation as Op;

const BEFORE: &str = "Sat, 14 Mar 2026 09:26:52 GMT";
const AFTER: &str = "Sat, 14 Mar 2026 09:26:54 GMT";

#[test]
fn reads_under_conditions() {
    let bench = Bench::with_bucket();
    let put = bench.on(Op::PutObject, "k").header("cache-control", "no-cache").body(b"x").expect(200);
    let etag = put.etag();
    for operation in [Op::GetObject, Op::HeadObject] {
        let ask = |name, value: &str| bench.on(operation, "k").header(name, value);
        ask("if-match", &etag).expect(200);
        ask("if-match", "\"other\"").expect(412);
        ask("if-none-match", "\"other\"").expect(200);
        ask("if-modified-since", BEFORE).expect(200);
        ask("if-unmodified-since", BEFORE).expect(412);
        ask("if-unmodified-since", AFTER).expect(200);
        for unchanged in [ask("if-none-match", &etag), ask("if-modified-since", AFTER)] {
            let answer = unchanged.expect(304);
            assert!(answer.body.is_empty());
            assert_eq!(answer.etag(), etag);
            assert_eq!(answer.header("cache-control"), Some("no-cache"));
            assert_eq!(answer.header("content-length"), None);
        }
    }
    let failed = bench.on(Op::GetObject, "k").header("if-match", "\"other\"").refused(412, "PreconditionFailed");
    assert_eq!(failed.element("Condition"), Some("If-Match"));
}

#[test]
fn writes_under_conditions() {
    let mut bench = Bench::with_bucket();
    for body in [noise(10), noise(100_000)] {
        let put = |name, value: &str| bench.on(Op::PutObject, "k").header(name, value).body(&body);
        put("if-match", "\"abc\"").refused(404, "NoSuchKey");
        let etag = put("if-none-match", "*").expect(200).etag();
        put("if-none-match", "*").refused(412, "PreconditionFailed");
        put("if-match", "\"abc\"").refused(412, "PreconditionFailed");
        put("if-match", &etag).expect(200);
        assert_eq!(bench.get("k").body, body);
        bench.on(Op::DeleteObject, "k").expect(204);
    }
    bench.reopen();
    assert!(bench.files().is_empty(), "a refused write leaves no file");
}

#[test]
fn of_many_writers_that_want_to_be_first_one_is() {
    let bench = Bench::with_bucket();
    let store = bench.store.as_ref().unwrap();
    let writers = (0..20_u8).map(|number| async move {
        let forward = Forward {
            owners: crate::upstream::Owners::default(),
            operation: Op::PutObject,
            bucket: Some("b".into()),
            key: Some("k".into()),
            headers: [(http::header::IF_NONE_MATCH, HeaderValue::from_static("*"))].into_iter().collect(),
            account: ACCOUNT.into(),
            requester: None,
            ..probe()
        };
        let body = Chunks([Ok(Bytes::from(vec![number]))].into());
        store.serve(forward, Promise { length: 1, checksum: None }, body).await.unwrap().status.as_u16()
    });
    let statuses = bench.runtime.block_on(async {
        let set = tokio::task::LocalSet::new();
        let mut statuses = Vec::new();
        // All of them are in flight at once; they share commits.
        let mut writers: Vec<_> = writers.map(Box::pin).collect();
        set.run_until(std::future::poll_fn(|cx| {
            writers.retain_mut(|writer| match writer.as_mut().poll(cx) {
                Poll::Ready(status) => {
                    statuses.push(status);
                    false
                }
                Poll::Pending => true,
            });
            if writers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        }))
        .await;
        statuses
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 19);
}

#[test]
fn deletes_under_conditions() {
    let bench = Bench::with_bucket();
    let delete = |etag: &str| bench.on(Op::DeleteObject, "k").header("if-match", etag);
    delete("*").refused(404, "NoSuchKey");
    let etag = bench.put("k", b"x").etag();
    delete("\"other\"").refused(412, "PreconditionFailed");
    delete(&etag).expect(204);
    bench.put("k", b"x");
    delete("*").expect(204);
    bench.on(Op::GetObject, "k").refused(404, "NoSuchKey");
}
