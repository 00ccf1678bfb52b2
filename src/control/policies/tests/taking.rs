//! Reloads, changes by requests, and the watch.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::*;
use crate::control::metrics::{Limits, Metrics, Reading};
use crate::control::policies::{ChangeFaultKind, Consent, Keeper, Standing, Watch};
use crate::pipeline::Change;
use crate::policy::engine::public::Block;
use crate::time::Seconds;

/// A keeper over a site, and what it has taken.
pub(super) struct Kept {
    pub(super) site: Site,
    pub(super) keeper: Arc<Keeper>,
    number: Arc<AtomicU64>,
    metrics: Arc<Metrics>,
}

impl Kept {
    pub(super) fn new(site: Site, configure: impl FnOnce(&mut Config)) -> Self {
        let path = site.dir.path().join("policies/credentials.toml");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut config = site.config();
        configure(&mut config);
        let directory = site.directory(&config);
        let loaded = site.loaded();
        let (number, metrics) = (Arc::new(AtomicU64::new(1)), Arc::new(Metrics::default()));
        let counted = Arc::clone(&number);
        let take = Box::new(move |_: Directory, _: Loaded| counted.fetch_add(1, Ordering::SeqCst) + 1);
        let keeper = Keeper::new(Arc::new(config), Arc::clone(&metrics), Standing::of(&directory, &loaded), take);
        Self { site, keeper: Arc::new(keeper), number, metrics }
    }

    pub(super) fn plain() -> Self {
        Self::new(Site::new(""), |_| ())
    }

    fn number(&self) -> u64 {
        self.number.load(Ordering::SeqCst)
    }

    fn failures(&self) -> bool {
        let text = self.metrics.render(&Reading::default(), &Limits::default(), Seconds(0));
        !text.contains("bartizan_policy_reload_failures_total 0")
    }

    pub(super) fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.site.dir.path().join("policies").join(name)).ok()
    }

    fn put(&self, document: Option<&str>) -> Change {
        let document = document.map(|text| text.to_owned().into());
        Change::Policy { bucket: "bbb".to_owned(), document, binds_root: false }
    }
}

fn open() -> String {
    bucket_statement("Allow", "\"*\"", "s3:GetObject", "arn:aws:s3:::bbb/*")
}

#[test]
fn a_reload_takes_what_is_good_and_keeps_what_is_live_otherwise() {
    let kept = Kept::plain();
    assert_eq!(kept.keeper.reload(Consent::None).unwrap().number, 2);
    assert!(!kept.failures());
    kept.site.write("identities/bad.json", "{");
    assert!(kept.keeper.reload(Consent::Given).unwrap_err().to_string().contains("bad.json:1:2"));
    assert_eq!(kept.number(), 2);
    assert!(kept.failures());
}

#[test]
fn a_widening_wants_a_word() {
    let kept = Kept::plain();
    kept.site.write("buckets/bbb/policy.json", &open());
    let told = kept.keeper.reload(Consent::None).unwrap_err().to_string();
    assert!(told.contains("buckets/bbb/policy.json") && told.contains("--allow-widening"), "{told}");
    assert_eq!(kept.number(), 1);
    assert_eq!(kept.keeper.reload(Consent::Given).unwrap().number, 2);
    assert_eq!(kept.keeper.reload(Consent::None).unwrap().number, 3, "it is no widening any more");

    let kept = Kept::new(Site::new(""), |config| config.allow_widening = true);
    kept.site.write("buckets/bbb/policy.json", &open());
    assert_eq!(kept.keeper.reload(Consent::None).unwrap().number, 2);
}

#[test]
fn a_policy_of_a_request_is_on_the_disk_and_in_force() {
    let kept = Kept::plain();
    assert_eq!(kept.keeper.change(&kept.put(Some(&open()))).unwrap(), Some(2));
    assert_eq!(kept.file("buckets/bbb/policy.json"), Some(open()));
    assert!(kept.keeper.refresh().is_none(), "what was just read is not read again");
    let block = Block { public_policy: true, ..Block::default() };
    let change = Change::Block { bucket: "bbb".to_owned(), block: Some(block) };
    assert_eq!(kept.keeper.change(&change).unwrap(), Some(3));
    assert!(kept.file("buckets/bbb/public-access-block.json").unwrap().contains("\"BlockPublicPolicy\": true"));
    let change = Change::AccountBlock { account: ACCOUNT.to_owned(), block: Some(block) };
    assert_eq!(kept.keeper.change(&change).unwrap(), Some(4));
    assert_eq!(kept.keeper.change(&kept.put(None)).unwrap(), Some(5));
    assert_eq!(kept.file("buckets/bbb/policy.json"), None);
    assert_eq!(kept.keeper.change(&kept.put(None)).unwrap(), Some(6), "what is not there is gone");
    assert!(kept.keeper.refresh().is_none());
}

#[test]
fn of_two_who_make_a_bucket_at_once_the_first_one_owns_it() {
    let kept = Kept::plain();
    let made = |owner: &str| Change::Made { bucket: "bbb".to_owned(), owner: owner.to_owned() };
    kept.keeper.change(&made(OTHER)).unwrap();
    let settings = kept.file("buckets/bbb/settings.toml");
    assert_eq!(kept.keeper.change(&made(ACCOUNT)).unwrap_err().kind, ChangeFaultKind::Taken);
    assert_eq!(kept.file("buckets/bbb/settings.toml"), settings);
    assert_eq!(kept.keeper.change(&made(OTHER)).unwrap(), None, "it is there, and theirs");
}

#[test]
fn a_bucket_that_was_made_has_an_owner_and_is_closed_until_it_is_gone() {
    let kept = Kept::plain();
    let made = Change::Made { bucket: "bbb".to_owned(), owner: OTHER.to_owned() };
    kept.keeper.change(&made).unwrap();
    let loaded = kept.site.loaded();
    assert_eq!(loaded.estate.owner("bbb"), OTHER);
    assert_eq!(loaded.estate.rules().block_levels("bbb", OTHER, None).effective(), Block::ALL);
    kept.keeper.change(&kept.put(Some(&open()))).unwrap();
    kept.keeper.change(&Change::Gone { bucket: "bbb".to_owned() }).unwrap();
    assert!(!kept.site.loaded().estate.knows("bbb"), "who makes it anew inherits nothing");
    assert!(kept.keeper.refresh().is_none());
    let strange = Change::Made { bucket: "bbb".to_owned(), owner: "999999999999".to_owned() };
    assert_eq!(kept.keeper.change(&strange).unwrap_err().kind, ChangeFaultKind::Refused);
    assert_eq!(kept.file("buckets/bbb/settings.toml"), None);
}

#[test]
fn a_change_that_would_not_be_taken_leaves_every_file_as_it_was() {
    let kept = Kept::plain();
    let test = "[[test]]\nname = \"closed\"\nas = \"anonymous\"\ndo = \"s3:GetObject\"\non = \"arn:aws:s3:::bbb/k\"\nexpect = \"deny\"\n";
    kept.site.write("tests/closed.toml", test);
    kept.keeper.reload(Consent::None).unwrap();
    let fault = kept.keeper.change(&kept.put(Some(&open()))).unwrap_err();
    assert_eq!(fault.kind, ChangeFaultKind::Refused);
    assert!(fault.detail.contains("closed.toml:6") && !fault.kind.message().contains("closed"), "{fault}");
    assert_eq!(kept.file("buckets/bbb/policy.json"), None);
    assert_eq!(kept.number(), 2);
    let fault = kept.keeper.change(&kept.put(Some("{}"))).unwrap_err();
    assert_eq!(fault.kind, ChangeFaultKind::Refused);
    let named = Change::Policy { bucket: "../identities".to_owned(), document: Some(open().into()), binds_root: false };
    assert!(kept.keeper.change(&named).unwrap_err().detail.contains("no name of a bucket"));
}

#[test]
fn that_a_policy_binds_the_root_user_is_remembered_beside_it_and_goes_with_it() {
    let kept = Kept::plain();
    let deny = open().replace("Allow", "Deny");
    let put = |binds_root| Change::Policy { bucket: "bbb".to_owned(), document: Some(deny.clone().into()), binds_root };
    let terms = || kept.file("buckets/bbb/policy.toml");
    kept.keeper.change(&put(true)).unwrap();
    assert_eq!(terms().as_deref(), Some("binds_root = true\n"));
    assert_eq!(kept.keeper.reload(Consent::None).unwrap().warnings.to_string(), "");
    // The next policy is another one.
    kept.keeper.change(&put(false)).unwrap();
    assert_eq!((terms(), kept.file("buckets/bbb/policy.json")), (None, Some(deny.clone())));
    kept.keeper.change(&put(true)).unwrap();
    kept.keeper.change(&kept.put(None)).unwrap();
    assert_eq!((terms(), kept.file("buckets/bbb/policy.json")), (None, None));
    kept.keeper.change(&put(true)).unwrap();
    kept.keeper.change(&Change::Gone { bucket: "bbb".to_owned() }).unwrap();
    assert_eq!(terms(), None);
    kept.site.write("buckets/bbb/policy.toml", "binds_roots = true\n");
    assert!(kept.keeper.reload(Consent::None).unwrap_err().to_string().contains("did you mean `binds_root`"));
}

#[test]
fn a_request_is_no_consent_to_what_somebody_else_has_written() {
    let kept = Kept::plain();
    kept.site.write("buckets/ccc/policy.json", &open().replace("bbb", "ccc"));
    let deny = open().replace("Allow", "Deny");
    for _ in 0..2 {
        let fault = kept.keeper.change(&kept.put(Some(&deny))).unwrap_err();
        assert_eq!(fault.kind, ChangeFaultKind::Unavailable);
    }
    assert_eq!((kept.number(), kept.file("buckets/bbb/policy.json")), (1, None));
    kept.keeper.reload(Consent::Given).unwrap();
    assert_eq!(kept.keeper.change(&kept.put(Some(&deny))).unwrap(), Some(3));
}

#[test]
fn requests_set_nothing_where_the_operator_says_so() {
    let kept = Kept::new(Site::new(""), |config| config.policy_api = false);
    assert_eq!(kept.keeper.change(&kept.put(Some(&open()))).unwrap_err().kind, ChangeFaultKind::Off);
    assert_eq!(kept.file("buckets/bbb/policy.json"), None);
    let made = |owner: &str| Change::Made { bucket: "bbb".to_owned(), owner: owner.to_owned() };
    assert_eq!(kept.keeper.change(&made(ACCOUNT)).unwrap(), None, "buckets of the own account need no file");
    assert_eq!(kept.keeper.change(&made(OTHER)).unwrap_err().kind, ChangeFaultKind::Off);
    assert_eq!(kept.keeper.change(&Change::Gone { bucket: "bbb".to_owned() }).unwrap(), None);
}

#[test]
fn the_watch_takes_a_changed_file_by_itself() {
    let kept = Kept::plain();
    let watch = Watch::start(Arc::clone(&kept.keeper)).unwrap();
    // Sooner than by looking now and then, which happens every 30 seconds.
    let until = |number: u64| {
        let begin = Instant::now();
        while kept.number() < number {
            assert!(begin.elapsed() < Duration::from_secs(25), "nothing was taken");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    kept.site.write("identities/new.json", &statement("Allow", "s3:GetObject", "*"));
    until(2);
    // Folders that are made while it watches are watched, too.
    kept.site.write("buckets/bbb/settings.toml", "abac = false");
    until(3);
    kept.site.write("buckets/bbb/settings.toml", "abac = true");
    until(4);
    let (tell, told) = mpsc::channel();
    watch.reload(
        Consent::None,
        Findings::default(),
        Some(Box::new(move |reloaded| tell.send(reloaded.generation.unwrap()).unwrap())),
    );
    assert_eq!(told.recv_timeout(Duration::from_secs(60)).unwrap(), 5);
    watch.stop();
    assert_eq!(kept.number(), 5);
}
