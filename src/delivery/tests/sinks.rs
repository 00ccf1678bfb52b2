//! Destinations of the configuration.

use super::sim::{Mood, text};
use super::*;
use crate::delivery::cursor::Cursor;

fn down() -> Mood {
    Mood::Refuse(Trouble::later("down"))
}

#[test]
fn a_destination_that_is_down_an_hour_misses_nothing_and_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..40).map(asked));
    let sim = Sim::new();
    sim.mood(|name, now| if name.starts_with("json/") && (0..HOUR).contains(&now) { down() } else { Mood::Good });
    // Each request is a delivery of its own.
    let sinks = [Sink { roll_size: 1, ..bucket("json", Format::Json) }, file(dir.path())];
    let readings = deliver(dir.path(), &sim, &sinks, 600, End::Crash);
    assert!(of(&readings, "json").failing && !of(&readings, "file").failing);
    let all = std::fs::read_to_string(dir.path().join("out/all.jsonl")).unwrap();
    assert_eq!(keys(&all), (0..40).collect::<Vec<_>>());
    assert_eq!(sim.state.held.get(), 1, "the journal is kept for the one that is down");
    write(dir.path(), (40..60).map(asked));
    let readings = deliver(dir.path(), &sim, &sinks, 2 * HOUR, End::Stop);
    assert_eq!(keys(&sim.delivered("json/")), (0..60).collect::<Vec<_>>());
    assert_eq!(sim.names("json/").len(), 60, "nothing twice");
    let tries = sim.state.tried.borrow().iter().filter(|(at, _)| *at < HOUR).count();
    assert!((15..60).contains(&tries), "{tries}");
    let json = of(&readings, "json");
    assert!(!json.failing && json.records == 60 && json.given_up == 0, "{json:?}");
    assert!(sim.state.held.get() > 100);
    let all = std::fs::read_to_string(dir.path().join("out/all.jsonl")).unwrap();
    assert_eq!(keys(&all), (0..60).collect::<Vec<_>>());
}

#[test]
fn a_crash_between_delivery_and_cursor_delivers_the_same_again_under_the_same_name() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..20).map(asked));
    let sinks = [bucket("json", Format::Json), server("server"), file(dir.path())];
    let sim = Sim::new();
    sim.mood(|_, _| Mood::Crash);
    deliver(dir.path(), &sim, &sinks, 600, End::Crash);
    let names = sim.names("json/");
    assert_eq!((names.len(), sim.state.posts.borrow().len()), (1, 1));
    // More has happened meanwhile, and it is later.
    write(dir.path(), (20..30).map(asked));
    sim.mood(|_, _| Mood::Good);
    let readings = deliver(dir.path(), &sim, &sinks, 2000, End::Stop);
    assert_eq!(keys(&sim.delivered("json/")), (0..30).collect::<Vec<_>>());
    assert!(sim.names("json/").len() == 2 && sim.names("json/").contains(&names[0]));
    let posts = sim.state.posts.borrow();
    assert_eq!(posts[0], posts[1], "a server can tell what it has already");
    assert!(posts[0].delivery.contains("/1-4"), "{}", posts[0].delivery);
    assert_ne!(posts[1].delivery, posts[2].delivery);
    let all: String = posts[1..].iter().map(|post| String::from_utf8(post.content.to_vec()).unwrap()).collect();
    assert_eq!(keys(&all), (0..30).collect::<Vec<_>>());
    assert_eq!(of(&readings, "server").records, 30);
}

#[test]
fn nobody_can_tell_a_name_beforehand_and_put_something_else_there() {
    let dirs = [0, 1].map(|_| tempfile::tempdir().unwrap());
    write(dirs[0].path(), (0..3).map(asked));
    // Whoever has the records themselves knows the journal, the sink and the range.
    std::fs::create_dir(dirs[1].path().join("journal")).unwrap();
    for entry in std::fs::read_dir(dirs[0].path().join("journal")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dirs[1].path().join("journal").join(entry.file_name())).unwrap();
    }
    for format in [Format::Json, Format::CloudTrail, Format::AccessLog] {
        let [one, other] = [0, 1].map(|at| {
            let sim = Sim::new();
            let name = format!("{format:?}").to_lowercase();
            deliver(dirs[at].path(), &sim, &[bucket(&name, format)], 600, End::Stop);
            let names = sim.names(&name);
            (text(&sim.object(&names[0])), names)
        });
        assert_eq!(one.0, other.0, "{format:?}: the same records");
        assert_ne!(one.1, other.1, "{format:?}");
    }
}

#[test]
fn a_server_that_refuses_for_good_is_given_up_and_what_it_refused_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..3).map(asked));
    let sim = Sim::new();
    sim.mood(|_, now| match now {
        0..50 => Mood::Refuse(Trouble::Rejected { why: "400".into() }),
        _ => Mood::Good,
    });
    let readings = deliver(dir.path(), &sim, &[server("server")], 50, End::Stop);
    assert_eq!((of(&readings, "server").rejected, of(&readings, "server").records), (3, 0));
    let kept = std::fs::read_to_string(dir.path().join("delivery/server.rejected")).unwrap();
    assert_eq!(keys(&kept), [0, 1, 2]);
    write(dir.path(), (3..5).map(asked));
    deliver(dir.path(), &sim, &[server("server")], 300, End::Stop);
    let posts = sim.state.posts.borrow();
    let all: String = posts.iter().map(|post| String::from_utf8(post.content.to_vec()).unwrap()).collect();
    assert_eq!(keys(&all), [3, 4]);
}

#[test]
fn a_server_is_asked_again_when_it_wants_to_be() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..3).map(asked));
    let sim = Sim::new();
    let after = Some(Duration::from_secs(120));
    sim.mood(
        move |_, now| if now < 100 { Mood::Refuse(Trouble::Later { why: "503".into(), after }) } else { Mood::Good },
    );
    let readings = deliver(dir.path(), &sim, &[server("server")], 110, End::Crash);
    assert_eq!((of(&readings, "server").failures, sim.state.posts.borrow().len()), (1, 0));
    deliver(dir.path(), &sim, &[server("server")], 400, End::Stop);
    assert_eq!(sim.state.posts.borrow().len(), 1);
}

#[test]
fn after_seven_days_a_load_is_given_up_and_counted_and_the_next_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..3).map(asked));
    let sim = Sim::new();
    let week = 7 * 24 * HOUR;
    sim.state.coarse.set(600_000);
    sim.mood(move |_, now| if now < week + 2 * HOUR { down() } else { Mood::Good });
    let sinks = [bucket("json", Format::Json)];
    // Restarts do not begin the week anew.
    deliver(dir.path(), &sim, &sinks, 3 * 24 * HOUR, End::Crash);
    deliver(dir.path(), &sim, &sinks, week - HOUR, End::Stop);
    assert!(Cursor::load(&dir.path().join("delivery/json.json")).unwrap().unwrap().pending.is_some());
    write(dir.path(), (3..5).map(asked));
    let readings = deliver(dir.path(), &sim, &sinks, week + 24 * HOUR, End::Stop);
    assert_eq!((of(&readings, "json").given_up, of(&readings, "json").records), (3, 2));
    assert_eq!(keys(&sim.delivered("json/")), [3, 4]);
}

#[test]
fn records_that_retention_has_taken_are_counted_and_the_rest_is_delivered() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..200).map(asked));
    let mut segments: Vec<_> =
        std::fs::read_dir(dir.path().join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    segments.sort();
    assert!(segments.len() > 4);
    segments.iter().take(2).for_each(|path| std::fs::remove_file(path).unwrap());
    let sim = Sim::new();
    let readings = deliver(dir.path(), &sim, &[bucket("json", Format::Json), file(dir.path())], 900, End::Stop);
    let found = keys(&sim.delivered("json/"));
    assert!(found.len() > 50 && *found.last().unwrap() == 199, "{found:?}");
    assert!(found.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{found:?}");
    let missing = of(&readings, "json").missing;
    assert!(missing > 10, "{missing}");
    assert_eq!(of(&readings, "file").missing, missing, "everybody hears of it");
}

#[test]
fn a_slow_destination_takes_no_more_memory_than_one_delivery() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..400).map(asked));
    let sim = Sim::new();
    sim.mood(|_, _| Mood::Slow(Duration::from_secs(600)));
    let sinks = [Sink { roll_size: 4096, ..bucket("json", Format::Json) }];
    deliver(dir.path(), &sim, &sinks, 900, End::Crash);
    assert_eq!((sim.state.under_way.get(), sim.state.tried.borrow().len()), (1, 2), "one at a time");
    sim.mood(|_, _| Mood::Good);
    deliver(dir.path(), &sim, &sinks, 2 * HOUR, End::Stop);
    let objects = sim.state.objects.borrow();
    assert!(objects.len() > 20 && objects.values().all(|object| object.content.len() < 4096 + 2048));
    drop(objects);
    assert_eq!(keys(&sim.delivered("json/")), (0..400).collect::<Vec<_>>());
}

#[test]
fn a_new_destination_begins_now_unless_it_is_to_have_everything() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..5).map(asked));
    let sim = Sim::new();
    let sinks = [Sink { from_start: false, ..bucket("new", Format::Json) }, bucket("all", Format::Json)];
    deliver(dir.path(), &sim, &sinks, 10, End::Crash);
    write(dir.path(), (5..8).map(asked));
    deliver(dir.path(), &sim, &sinks, 1000, End::Stop);
    assert_eq!(keys(&sim.delivered("new/")), [5, 6, 7]);
    assert_eq!(keys(&sim.delivered("all/")), (0..8).collect::<Vec<_>>());
}

#[test]
fn another_journal_is_delivered_from_its_first_record() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), (0..50).map(asked));
    let sim = Sim::new();
    deliver(dir.path(), &sim, &[bucket("json", Format::Json)], 1000, End::Stop);
    std::fs::remove_dir_all(dir.path().join("journal")).unwrap();
    write(dir.path(), (100..103).map(asked));
    deliver(dir.path(), &sim, &[bucket("json", Format::Json)], 2000, End::Stop);
    assert_eq!(keys(&sim.delivered("json/"))[50..], [100, 101, 102]);
}
