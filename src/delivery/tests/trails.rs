//! Trails and their digests.

use std::borrow::Cow;

use super::sim::{Mood, text};
use super::*;
use crate::audit::digest::{Presented, SigningKey, Verdict, verify};

const KEY: &str = include_str!("../../audit/digest/tests/test-only.rsa.pem");

fn sim(dir: &Path) -> Sim {
    let path = dir.join("trail.pem");
    std::fs::write(&path, KEY).unwrap();
    Sim { trail_key: Some(path), ..Sim::new() }
}

/// Verifies the whole chain as it lies in the bucket; gives how many digests and log files there are.
fn check(sim: &Sim) -> (usize, usize) {
    let names = sim.names("trail/AWSLogs/111122223333/CloudTrail-Digest/us-east-1/");
    let objects: Vec<_> = names.iter().map(|name| (sim.object(name), text(&sim.object(name)))).collect();
    let signature = |object: &crate::delivery::Object| {
        assert_eq!(object.metadata[1], ("signature-algorithm", "SHA256withRSA".to_owned()));
        object.metadata[0].1.clone()
    };
    let signatures: Vec<String> = objects.iter().map(|(object, _)| signature(object)).collect();
    let presented: Vec<_> = objects
        .iter()
        .zip(&signatures)
        .map(|((object, document), signature)| Presented {
            bucket: "logs",
            object: &object.key,
            document: document.as_bytes(),
            signature: Some(signature),
        })
        .collect();
    let log = |_: &str, name: &str| {
        let object = sim.state.objects.borrow().get(name).cloned()?;
        Some(Cow::Owned(text(&object).into_bytes()))
    };
    let key = SigningKey::from_pem(KEY.as_bytes()).unwrap();
    let report = verify(&presented, &[key.public().clone()], &log);
    assert!(report.files.iter().all(|file| file.verdict == Verdict::Valid), "{report:?}");
    assert_eq!(report.gaps, [], "{report:?}");
    let digests = report.files.iter().filter(|file| file.digest).count();
    (digests, report.files.len() - digests)
}

#[test]
fn a_digest_comes_every_hour_also_when_nothing_happened_and_the_chain_holds() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..10).map(asked));
    let sim = sim(dir.path());
    let sinks = [bucket("trail", Format::CloudTrail)];
    deliver(dir.path(), &sim, &sinks, 3 * HOUR + 10, End::Stop);
    assert_eq!(check(&sim), (3, 1));
    let files = sim.names("trail/AWSLogs/111122223333/CloudTrail/us-east-1/2023/11/14/");
    assert!(files[0].contains("/111122223333_CloudTrail_us-east-1_20231114T2205Z_"), "{files:?}");
    let document: serde_json::Value = serde_json::from_str(&text(&sim.object(&files[0]))).unwrap();
    assert_eq!(document["Records"].as_array().unwrap().len(), 10);
    assert_eq!(sim.object(&files[0]).content_type, "application/json");
    // Nobody was there for two hours: their digests are made up for.
    write(dir.path(), (10..12).map(asked));
    sim.state.now.set((START + 5 * HOUR + 100) * 1000);
    deliver(dir.path(), &sim, &sinks, 6 * HOUR + 10, End::Stop);
    assert_eq!(check(&sim), (6, 2));
}

#[test]
fn a_crash_between_a_digest_and_the_cursor_leaves_the_chain_whole() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..10).map(asked));
    let sim = sim(dir.path());
    let sinks = [bucket("trail", Format::CloudTrail)];
    sim.mood(|name, _| if name.contains("-Digest") { Mood::Crash } else { Mood::Good });
    deliver(dir.path(), &sim, &sinks, HOUR + 10, End::Crash);
    assert_eq!(check(&sim), (1, 1));
    write(dir.path(), (10..20).map(asked));
    sim.mood(|name, now| if now < 2 * HOUR && !name.contains("-Digest") { Mood::Crash } else { Mood::Good });
    deliver(dir.path(), &sim, &sinks, HOUR + 1000, End::Crash);
    sim.mood(|_, _| Mood::Good);
    deliver(dir.path(), &sim, &sinks, 3 * HOUR + 10, End::Stop);
    assert_eq!(check(&sim), (3, 2));
}

#[test]
fn while_a_digest_cannot_be_delivered_its_hour_does_not_change() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..10).map(asked));
    let sim = sim(dir.path());
    let sinks = [bucket("trail", Format::CloudTrail)];
    sim.mood(|name, now| match name.contains("-Digest") && now < 2 * HOUR + 600 {
        true => Mood::Refuse(Trouble::later("down")),
        false => Mood::Good,
    });
    deliver(dir.path(), &sim, &sinks, HOUR + 10, End::Crash);
    write(dir.path(), (10..20).map(asked));
    deliver(dir.path(), &sim, &sinks, 4 * HOUR + 10, End::Stop);
    assert_eq!(check(&sim), (4, 2));
}
