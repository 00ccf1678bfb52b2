//! Random work on the store and on a map: both must always say the same.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use Operation as Op;

const KEYS: [&str; 8] = ["a", "a/", "a/b", "a/b/c", "a b", "b", "b/c", "ü"];

#[derive(Clone, Debug)]
enum Work {
    Put { key: usize, length: usize, only_new: bool },
    Copy { from: usize, to: usize },
    Parts { key: usize, length: usize },
    Delete { key: usize },
    DeleteMany { keys: Vec<usize> },
    Tag { key: usize },
    Reopen,
    List { prefix: usize, fold: bool, page: usize },
}

fn work() -> impl Strategy<Value = Work> {
    let key = 0..KEYS.len();
    let length = prop_oneof![0..100_usize, 32_760..32_780_usize, 60_000..70_000_usize];
    prop_oneof![
        4 => (key.clone(), length.clone(), any::<bool>()).prop_map(|(key, length, only_new)| Work::Put { key, length, only_new }),
        2 => (key.clone(), key.clone()).prop_map(|(from, to)| Work::Copy { from, to }),
        1 => (key.clone(), length).prop_map(|(key, length)| Work::Parts { key, length }),
        2 => key.clone().prop_map(|key| Work::Delete { key }),
        1 => proptest::collection::vec(key.clone(), 1..4).prop_map(|keys| Work::DeleteMany { keys }),
        1 => key.clone().prop_map(|key| Work::Tag { key }),
        1 => Just(Work::Reopen),
        2 => (key, any::<bool>(), 1..5_usize).prop_map(|(prefix, fold, page)| Work::List { prefix, fold, page }),
    ]
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Object {
    body: Vec<u8>,
    tagged: bool,
}

/// The map, and how much distinct data was put, so that every body is another.
#[derive(Default)]
struct Model {
    objects: BTreeMap<&'static str, Object>,
    serial: u8,
}

impl Model {
    fn body(&mut self, length: usize) -> Vec<u8> {
        self.serial = self.serial.wrapping_add(1);
        vec![self.serial; length]
    }

    fn apply(&mut self, bench: &mut Bench, work: &Work) {
        match *work {
            Work::Put { key, length, only_new } => {
                let (key, body) = (KEYS[key], self.body(length));
                let ask = bench.on(Op::PutObject, key).body(&body);
                let refused = only_new && self.objects.contains_key(key);
                let ask = if only_new { ask.header("if-none-match", "*") } else { ask };
                ask.expect(if refused { 412 } else { 200 });
                if !refused {
                    self.objects.insert(key, Object { body, tagged: false });
                }
            }
            Work::Copy { from, to } => {
                let (from, to) = (KEYS[from], KEYS[to]);
                let source = self.objects.get(from).cloned();
                let status = match &source {
                    _ if from == to => 400,
                    Some(_) => 200,
                    None => 404,
                };
                bench.on(Op::CopyObject, to).source("b", from).expect(status);
                if let (200, Some(source)) = (status, source) {
                    self.objects.insert(to, source);
                }
            }
            Work::Parts { key, length } => {
                let (key, body) = (KEYS[key], self.body(length));
                upload(bench, key, &body);
                self.objects.insert(key, Object { body, tagged: false });
            }
            Work::Delete { key } => {
                bench.on(Op::DeleteObject, KEYS[key]).expect(204);
                self.objects.remove(KEYS[key]);
            }
            Work::DeleteMany { ref keys } => {
                let objects: String =
                    keys.iter().map(|&key| format!("<Object><Key>{}</Key></Object>", KEYS[key])).collect();
                let document = format!("<Delete>{objects}</Delete>");
                bench.ask(Op::DeleteObjects).bucket("b").body(document.as_bytes()).expect(200);
                for &key in keys {
                    self.objects.remove(KEYS[key]);
                }
            }
            Work::Tag { key } => {
                let document = b"<Tagging><TagSet><Tag><Key>t</Key><Value>1</Value></Tag></TagSet></Tagging>";
                let there = self.objects.get_mut(KEYS[key]);
                let status = if there.is_some() { 200 } else { 404 };
                bench.on(Op::PutObjectTagging, KEYS[key]).body(document).expect(status);
                if let Some(object) = there {
                    object.tagged = true;
                }
            }
            Work::Reopen => bench.reopen(),
            Work::List { prefix, fold, page } => self.check_listing(bench, KEYS[prefix], fold, page),
        }
    }

    /// The listing below a prefix, by the definition and without any cleverness.
    fn listing(&self, prefix: &str, fold: bool) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for key in self.objects.keys().filter(|key| key.starts_with(prefix)) {
            let slash = key.strip_prefix(prefix).unwrap().find('/').filter(|_| fold);
            let line = slash.map_or(*key, |at| key.split_at(prefix.len() + at + 1).0).to_owned();
            if lines.last() != Some(&line) || slash.is_none() {
                lines.push(line);
            }
        }
        lines
    }

    fn check_listing(&self, bench: &Bench, prefix: &str, fold: bool, page: usize) {
        let mut lines = Vec::new();
        let mut token = None::<String>;
        loop {
            let ask =
                bench.ask(Op::ListObjectsV2).bucket("b").query("prefix", prefix).query("max-keys", &page.to_string());
            let ask = if fold { ask.query("delimiter", "/") } else { ask };
            let answer = token.iter().fold(ask, |ask, token| ask.query("continuation-token", token)).expect(200);
            let folded = answer.elements("CommonPrefixes").into_iter();
            let folded = folded.map(|text| text.trim_start_matches("<Prefix>").trim_end_matches("</Prefix>"));
            let mut names: Vec<String> = answer.elements("Key").into_iter().chain(folded).map(str::to_owned).collect();
            names.sort();
            lines.extend(names);
            token = answer.element("NextContinuationToken").map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        assert_eq!(lines, self.listing(prefix, fold), "{prefix:?} {fold} {page}");
    }

    fn check(&self, bench: &mut Bench) {
        for key in KEYS {
            let got = bench.get(key);
            match self.objects.get(key) {
                None => assert_eq!(got.status, 404, "{key}"),
                Some(object) => {
                    assert!(got.body == object.body, "{key}");
                    assert_eq!(got.header("x-amz-tagging-count").is_some(), object.tagged, "{key}");
                }
            }
        }
        self.check_listing(bench, "", false, 1000);
        bench.reopen();
        let distinct: std::collections::HashSet<_> =
            self.objects.values().map(|object| &object.body).filter(|body| body.len() > 32 << 10).collect();
        assert!(bench.files().len() >= distinct.len(), "no data is missing");
        // Copies of objects of parts have data of their own; nothing else may take room twice.
        assert!(bench.files().len() <= self.objects.len(), "no data is left over");
    }
}

fn upload(bench: &Bench, key: &str, body: &[u8]) {
    let id = bench.on(Op::CreateMultipartUpload, key).expect(200).element("UploadId").unwrap().to_owned();
    let part = bench.on(Op::UploadPart, key).query("uploadId", &id).query("partNumber", "3").body(body).expect(200);
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>3</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.etag()
    );
    bench.on(Op::CompleteMultipartUpload, key).query("uploadId", &id).body(document.as_bytes()).expect(200);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_a_map_does(works in proptest::collection::vec(work(), 1..40)) {
        let mut bench = Bench::with_bucket();
        let mut model = Model::default();
        for work in &works {
            model.apply(&mut bench, work);
        }
        model.check(&mut bench);
    }
}
