//! Buckets whose logging is on.

use super::sim::{Mood, text};
use super::*;
use crate::delivery::world::Logged;
use crate::policy::logging::{BucketLogging, DateSource, KeyFormat};

fn logged(bucket: &str, target: &str, format: KeyFormat) -> Logged {
    let logging = BucketLogging { target: target.to_owned(), prefix: format!("{bucket}/"), format: Some(format) };
    Logged { bucket: bucket.to_owned(), account: "111122223333".to_owned(), region: "us-east-1".to_owned(), logging }
}

fn lines(sim: &Sim, prefix: &str) -> Vec<String> {
    sim.delivered(prefix).lines().map(str::to_owned).collect()
}

const MIDNIGHT: i64 = 2 * HOUR;

#[test]
fn by_event_time_each_file_is_of_one_day_across_midnight() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::new();
    *sim.state.logged.borrow_mut() = vec![logged("app", "logs", KeyFormat::Partitioned(DateSource::Event))];
    write(dir.path(), []);
    deliver(dir.path(), &sim, &[], 2, End::Crash);
    let at = |key, at| Asked { at, ..asked(key) };
    write(dir.path(), [at(1, MIDNIGHT - 2), at(2, MIDNIGHT - 1), at(3, MIDNIGHT), at(4, MIDNIGHT - 1)]);
    deliver(dir.path(), &sim, &[], MIDNIGHT + 600, End::Stop);
    let names = sim.names("app/");
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names[0].starts_with("app/111122223333/us-east-1/app/2023/11/14/2023-11-14-00-00-00-"), "{names:?}");
    assert!(names[1].starts_with("app/111122223333/us-east-1/app/2023/11/15/2023-11-15-00-00-00-"), "{names:?}");
    let [before, after] = [0, 1].map(|at| text(&sim.object(&names[at])));
    assert!(
        before.lines().count() == 3 && before.lines().all(|line| line.contains("[14/Nov/2023:23:59:5")),
        "{before}"
    );
    assert!(after.lines().count() == 1 && after.contains("[15/Nov/2023:00:00:00 +0000]"), "{after}");
}

#[test]
fn one_file_has_the_lines_of_one_bucket_and_the_log_begins_where_it_was_switched_on() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::new();
    write(dir.path(), [asked(1)]);
    deliver(dir.path(), &sim, &[], 2, End::Crash);
    let on = |bucket| Asked { bucket, operation: "PutBucketLogging", ..asked(2) };
    write(
        dir.path(),
        [
            asked(3),
            on("app"),
            on("other"),
            asked(4),
            Asked { bucket: "other", ..asked(5) },
            Asked { bucket: "third", ..asked(6) },
        ],
    );
    *sim.state.logged.borrow_mut() = ["app", "other"].map(|bucket| logged(bucket, "logs", KeyFormat::Simple)).into();
    // The process that has heard of it reads on from before.
    deliver(dir.path(), &sim, &[server("before")], 1000, End::Stop);
    let (app, other) = (lines(&sim, "app/"), lines(&sim, "other/"));
    assert!(app.len() == 1 && app[0].contains(" app ") && app[0].contains("key-000004"), "{app:?}");
    assert!(other.len() == 1 && other[0].contains("key-000005"), "{other:?}");
    assert_eq!(sim.names("").len(), 2);
    let object = sim.object(&sim.names("app/")[0]);
    assert_eq!((object.bucket.as_str(), object.content_type), ("logs", "text/plain"));
}

#[test]
fn a_target_that_is_missing_holds_up_its_own_log_alone() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::new();
    *sim.state.logged.borrow_mut() =
        vec![logged("app", "gone", KeyFormat::Simple), logged("other", "logs", KeyFormat::Simple)];
    sim.mood(|name, now| match name.starts_with("app/") && now < HOUR {
        true => Mood::Refuse(Trouble::later("NoSuchBucket")),
        false => Mood::Good,
    });
    write(dir.path(), []);
    deliver(dir.path(), &sim, &[], 2, End::Crash);
    write(dir.path(), [asked(1), Asked { bucket: "other", ..asked(2) }]);
    let readings = deliver(dir.path(), &sim, &[], 800, End::Crash);
    assert_eq!((lines(&sim, "app/").len(), lines(&sim, "other/").len()), (0, 1));
    assert!(of(&readings, "bucket-logging").failing && of(&readings, "bucket-logging").records == 1);
    deliver(dir.path(), &sim, &[], 2 * HOUR, End::Stop);
    assert_eq!((lines(&sim, "app/").len(), lines(&sim, "other/").len()), (1, 1));
}

#[test]
fn another_target_gets_what_the_old_one_never_took_and_off_is_off() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::new();
    *sim.state.logged.borrow_mut() = vec![logged("app", "gone", KeyFormat::Simple)];
    sim.mood(|name, _| if name.starts_with("app/") { Mood::Refuse(Trouble::later("no")) } else { Mood::Good });
    write(dir.path(), []);
    deliver(dir.path(), &sim, &[], 2, End::Crash);
    write(dir.path(), [asked(1)]);
    deliver(dir.path(), &sim, &[], 700, End::Crash);
    let mut changed = logged("app", "logs", KeyFormat::Simple);
    changed.logging.prefix = "new/".to_owned();
    *sim.state.logged.borrow_mut() = vec![changed];
    deliver(dir.path(), &sim, &[], 2000, End::Crash);
    assert_eq!(lines(&sim, "new/").len(), 1);
    sim.state.logged.borrow_mut().clear();
    write(dir.path(), [asked(2)]);
    deliver(dir.path(), &sim, &[], 4000, End::Stop);
    assert_eq!(lines(&sim, "").len(), 1);
}

#[test]
fn deliveries_that_are_on_record_make_no_deliveries_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let sim = Sim::new();
    *sim.state.logged.borrow_mut() =
        vec![logged("app", "logs", KeyFormat::Simple), logged("logs", "app", KeyFormat::Simple)];
    write(dir.path(), []);
    let sinks = [super::bucket("trail", super::Format::Json), super::file(dir.path())];
    deliver(dir.path(), &sim, &sinks, 2, End::Crash);
    let delivery = |bucket, key, sink, alone| Asked { bucket, delivery: Some((sink, alone)), ..asked(key) };
    write(dir.path(), [delivery("logs", 1, "bucket-logging/app", false)]);
    deliver(dir.path(), &sim, &sinks, 1000, End::Crash);
    // What was delivered into a bucket stands in its log, and in trails.
    let (of_logs, trail) = (sim.names("logs/"), sim.names("trail/"));
    assert_eq!((of_logs.len(), trail.len(), lines(&sim, "app/").len()), (1, 1, 0));
    assert!(sim.object(&of_logs[0]).parcel.of_deliveries && sim.object(&trail[0]).parcel.of_deliveries);
    // What tells of that alone, and what a destination has delivered itself, does not.
    write(
        dir.path(),
        [
            delivery("app", 2, "bucket-logging/logs", true),
            delivery("logs", 3, "trail", true),
            delivery("logs", 4, "trail", false),
            delivery("app", 5, "bucket-logging/app", false),
        ],
    );
    deliver(dir.path(), &sim, &sinks, 3000, End::Crash);
    let names = [sim.names("logs/").len(), sim.names("app/").len()];
    assert_eq!(names, [2, 0], "{:?}", sim.names(""));
    assert_eq!(super::keys(&sim.delivered("trail/")), [1, 5]);
    // Requests are told with the deliveries among them, and what is delivered then is told again.
    write(dir.path(), [asked(6), delivery("app", 7, "bucket-logging/logs", false)]);
    deliver(dir.path(), &sim, &sinks, 5000, End::Stop);
    let of_app = sim.names("app/");
    assert!(of_app.len() == 1 && !sim.object(&of_app[0]).parcel.of_deliveries, "{of_app:?}");
    assert_eq!(lines(&sim, "app/").len(), 2);
    let all = std::fs::read_to_string(dir.path().join("out/all.jsonl")).unwrap();
    assert_eq!(super::keys(&all), [1, 2, 3, 4, 5, 6, 7], "a file has everything");
}
