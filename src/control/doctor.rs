//! What is wrong with the machine rather than with a file, and how to put it right.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Resource;

use super::config::{Config, Endpoint, Listen, Target};
use super::{certs, files, status};
use crate::time::{Clock, Seconds};

/// No release of this program is older: a clock that says so is wrong.
const RELEASED: Seconds = Seconds(1_795_000_000);
/// Free space below which the journal is in danger.
const SPACE: u64 = 1 << 30;
/// Descriptors that the program itself needs.
const OWN_DESCRIPTORS: u64 = 64;
const MONTH_DAYS: i64 = 30;
const DAY: i64 = 86_400;
/// How many names are looked up for each host.
const MOST_NAMES: usize = 256;
/// How many of them in vain: a resolver may take seconds over one. The others are taken for lost, too.
const MOST_LOST: usize = 8;

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checked {
    /// What: `clock`, `port`, …
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// What to do about it; `None`: nothing.
    pub fix: Option<String>,
}

impl Checked {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, found: found.into(), fix: None }
    }

    fn bad(what: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what, found: found.into(), fix: Some(fix.into()) }
    }
}

/// Looks at clock, limits, disk, ports, certificates and upstream. It binds ports for a moment, writes one
/// empty file into the state folder, and connects to the upstream; nothing else changes.
pub fn run(config: &Config, clock: &dyn Clock) -> Vec<Checked> {
    let mut checked = vec![clock_sanity(config, clock), descriptors(config)];
    checked.extend(state(&config.journal()));
    // Where the admin listener answers as ours does, the ports are taken by whom they should be.
    let running = config.admin.is_some_and(|admin| status::missing(admin).is_ok());
    let port = |address| port(address, running);
    for listener in &config.listen {
        checked.push(port(listener.address));
        if let Some(tls) = &listener.tls {
            checked.push(certificate(&tls.certificate, clock.now()));
        }
        checked.extend(listener.hosts.iter().map(|host| names(config, listener, host)));
    }
    checked.extend(config.admin.map(port));
    for upstream in &config.upstreams {
        checked.push(match &upstream.target {
            Target::Embedded => Checked::fine("upstream", "embedded"),
            Target::S3(remote) => reachable("upstream", &remote.endpoint, remote.timeouts.connect),
        });
    }
    let service = config.key_service.as_ref();
    checked.extend(service.map(|service| reachable("keys", &service.endpoint, service.timeout)));
    checked
}

/// A clock that is far off makes every signature look old or new.
fn clock_sanity(config: &Config, clock: &dyn Clock) -> Checked {
    let now = clock.now();
    let fix = "set the clock of this machine, and keep it set with NTP";
    if now < RELEASED {
        return Checked::bad("clock", format!("{} lies in the past", now.rfc3339()), fix);
    }
    // The journal was written by this machine: its files cannot be younger than now.
    let newest = newest(&config.journal()).filter(|newest| newest.0 > now.0.saturating_add(DAY));
    match newest {
        Some(newest) => Checked::bad("clock", format!("the journal was written on {}", newest.rfc3339()), fix),
        None => Checked::fine("clock", now.rfc3339()),
    }
}

fn newest(folder: &Path) -> Option<Seconds> {
    let entries = std::fs::read_dir(folder).ok()?;
    let modified = |entry: std::fs::DirEntry| {
        let since = entry.metadata().ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    };
    entries.flatten().filter_map(modified).max().map(Seconds)
}

/// Each request may hold two descriptors: its client's and its upstream's.
fn descriptors(config: &Config) -> Checked {
    let clients: u64 = config.listen.iter().map(|listener| u64::from(listener.limits.connections)).sum();
    let stores = config.upstreams.iter().map(|upstream| match &upstream.target {
        Target::Embedded => 256,
        Target::S3(remote) => u64::from(remote.connections),
    });
    let needed = clients + stores.sum::<u64>() + OWN_DESCRIPTORS;
    let limit = rustix::process::getrlimit(Resource::Nofile).current;
    match limit {
        Some(limit) if limit < needed => {
            let fix = format!("run `ulimit -n {needed}`, or set LimitNOFILE={needed}, or lower `limits.connections`");
            Checked::bad("descriptors", format!("{limit} are allowed, {needed} may be needed"), fix)
        }
        Some(limit) => Checked::fine("descriptors", format!("{limit} are allowed, {needed} may be needed")),
        None => Checked::fine("descriptors", "no limit"),
    }
}

fn state(journal: &Path) -> Vec<Checked> {
    // What is not there yet will be made in the closest folder that is.
    let exists = journal.ancestors().find(|path| path.is_dir()).map_or_else(|| PathBuf::from("."), Path::to_owned);
    let shown = exists.display();
    let probe = exists.join(format!(".bartizan-doctor-{}", std::process::id()));
    let writable = match files::write_new(&probe, 0o600, b"") {
        Ok(()) => Checked::fine("journal", format!("{} can be written", journal.display())),
        Err(fault) => {
            Checked::bad("journal", format!("a file in {shown} {fault}"), format!("let this user write to {shown}"))
        }
    };
    // It is ours, or it is not there.
    let _ = std::fs::remove_file(&probe);
    let space = match rustix::fs::statvfs(&exists) {
        Ok(system) => {
            let free = system.f_bavail.saturating_mul(system.f_frsize);
            let found = format!("{} MiB are free on the disk of {shown}", free >> 20);
            if free < SPACE {
                Checked::bad("space", found, "make room: with a full journal, requests are refused")
            } else {
                Checked::fine("space", found)
            }
        }
        Err(error) => Checked::bad("space", format!("{shown} cannot be asked: {error}"), "look at the disk"),
    };
    vec![writable, space]
}

fn port(address: SocketAddr, running: bool) -> Checked {
    match TcpListener::bind(address) {
        Ok(_) => Checked::fine("port", format!("{address} is free")),
        Err(error) if running && error.kind() == std::io::ErrorKind::AddrInUse => {
            Checked::fine("port", format!("{address} is taken, and the proxy runs"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let fix = "stop the program that has it, or choose another port";
            Checked::bad("port", format!("{address} is taken"), fix)
        }
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let fix = "choose a port from 1024 on, or give the program CAP_NET_BIND_SERVICE";
            Checked::bad("port", format!("{address} may not be bound by this user"), fix)
        }
        Err(error) => Checked::bad("port", format!("{address}: {error}"), "choose an address of this machine"),
    }
}

fn certificate(path: &Path, now: Seconds) -> Checked {
    let shown = path.display();
    let expiry = certs::chain(path).map(|chain| certs::expiry(&chain));
    let left = match expiry {
        Ok(Some(end)) => end.0.saturating_sub(now.0).div_euclid(DAY),
        Ok(None) => return Checked::bad("certificate", format!("{shown} cannot be understood"), "replace it"),
        Err(fault) => return Checked::bad("certificate", fault.to_string(), "put a certificate there"),
    };
    let found = format!("{shown} has {left} days left");
    if left < MONTH_DAYS { Checked::bad("certificate", found, "renew it") } else { Checked::fine("certificate", found) }
}

/// SDKs put an account (S3 Control) or an access point and its account in front of whatever host an endpoint
/// has. Those names must lead here and be in the certificate (spec/addressing.md 7).
fn names(config: &Config, listener: &Listen, host: &str) -> Checked {
    let points = access_points(config);
    let labels = [config.account.clone()].into_iter().chain(points.iter().cloned()).take(MOST_NAMES);
    let all: Vec<String> = labels.map(|label| format!("{label}.{host}")).collect();
    let mut lost: Vec<&str> = Vec::new();
    for name in &all {
        if lost.len() >= MOST_LOST || !resolves(name) {
            lost.push(name);
        }
    }
    if !lost.is_empty() {
        let ip = Some(listener.address.ip()).filter(|ip| !ip.is_unspecified()).unwrap_or(Ipv4Addr::LOCALHOST.into());
        let line = format!("{ip} {}", lost.join(" "));
        let found = format!("the system knows no address of {}", lost.join(", "));
        // Nobody needs them who has no access points yet.
        return match points.is_empty() {
            true => Checked::fine("names", format!("{found}; for `aws s3control`, add `{line}` to /etc/hosts")),
            false => Checked::bad("names", found, format!("add this line to /etc/hosts of every client: `{line}`")),
        };
    }
    let Some(tls) = &listener.tls else { return Checked::fine("names", format!("{} resolve", all.join(", "))) };
    let about = certs::chain(&tls.certificate).ok().and_then(|chain| certs::about(chain.first()?).ok());
    let covered = |name: &String| tls.mint.is_some() || about.as_ref().is_some_and(|about| about.covers(name));
    match all.iter().find(|name| !covered(name)) {
        None => Checked::fine("names", format!("{} resolve, and have a certificate", all.join(", "))),
        Some(name) => {
            let fix = format!("use a certificate for `*.{host}`, or let certificates be made with `listen.tls.mint`");
            Checked::bad("names", format!("{} does not cover {name}", tls.certificate.display()), fix)
        }
    }
}

fn resolves(name: &str) -> bool {
    (name, 443).to_socket_addrs().is_ok_and(|mut found| found.next().is_some())
}

/// The labels of the access points in the folder, as far as one can tell without reading them.
fn access_points(config: &Config) -> Vec<String> {
    let entries = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut labels = Vec::new();
    for account in entries(config.policies.join("access-points")) {
        for file in entries(account.path()) {
            let name = file.file_name().to_string_lossy().into_owned();
            let point = name.strip_suffix(".json").filter(|point| !point.ends_with(".policy"));
            labels.extend(point.map(|point| format!("{point}-{}", account.file_name().to_string_lossy())));
        }
    }
    labels.sort();
    labels
}

fn reachable(table: &'static str, endpoint: &Endpoint, wait: Duration) -> Checked {
    let shown = endpoint.to_string();
    let addresses = match (endpoint.host.as_str(), endpoint.port).to_socket_addrs() {
        Ok(addresses) => addresses.take(4).collect::<Vec<_>>(),
        Err(error) => {
            return Checked::bad(
                table,
                format!("{shown} has no address: {error}"),
                format!("look at `{table}.endpoint`"),
            );
        }
    };
    let wait = wait.min(Duration::from_secs(3));
    let mut last = "no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, wait) {
            Ok(_) => return Checked::fine(table, format!("{shown} takes connections")),
            Err(error) => last = error.to_string(),
        }
    }
    let what = if table == "keys" { "key service" } else { "store" };
    let fix = format!("start the {what}, or look at `{table}.endpoint` and at firewalls between");
    Checked::bad(table, format!("{shown} takes no connection: {last}"), fix)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::time::{Millis, SystemClock};

    struct Stopped(i64);

    impl Clock for Stopped {
        fn now_millis(&self) -> Millis {
            Millis(self.0 * 1000)
        }
    }

    fn config(dir: &Path, listen: &str, upstream: &str) -> Config {
        let text = format!("account = \"111122223333\"\n[[listen]]\naddress = \"{listen}\"\n[upstream]\n{upstream}\n");
        Config::parse(&dir.join("bartizan.toml"), &text, &BTreeMap::new())
            .unwrap_or_else(|findings| panic!("{findings}"))
            .0
    }

    fn fix<'a>(checked: &'a [Checked], what: &str) -> Option<&'a str> {
        checked.iter().find(|checked| checked.what == what).and_then(|checked| checked.fix.as_deref())
    }

    #[test]
    fn a_healthy_machine_needs_nothing_on_its_port() {
        let dir = tempfile::tempdir().unwrap();
        let checked = run(&config(dir.path(), "127.0.0.1:0", "kind = \"embedded\""), &SystemClock);
        for what in ["clock", "journal", "port", "upstream"] {
            assert_eq!(fix(&checked, what), None, "{checked:?}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn a_taken_port_and_a_silent_upstream_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let keys = "credentials = { access_key_id = \"A\", secret_access_key = \"s\" }";
        let upstream = format!("endpoint = \"http://{closed}\"\n{keys}");
        let checked = run(&config(dir.path(), &taken.local_addr().unwrap().to_string(), &upstream), &SystemClock);
        assert!(fix(&checked, "port").unwrap().contains("stop the program"));
        assert!(fix(&checked, "upstream").unwrap().contains("start the store"));
        let upstream = format!("endpoint = \"http://{}\"\n{keys}", taken.local_addr().unwrap());
        assert_eq!(fix(&run(&config(dir.path(), "127.0.0.1:0", &upstream), &SystemClock), "upstream"), None);
    }

    #[test]
    fn names_that_lead_nowhere_come_with_their_line_of_the_hosts_file() {
        let dir = tempfile::tempdir().unwrap();
        // RFC 6761: nobody ever resolves these.
        let listen = "127.0.0.1:0\"\nhosts = [\"s3.invalid\"]\n# \"";
        let config = config(dir.path(), listen, "kind = \"embedded\"");
        let found = |checked: &[Checked]| checked.iter().find(|checked| checked.what == "names").cloned().unwrap();
        let checked = found(&run(&config, &SystemClock));
        assert!(checked.fix.is_none() && checked.found.contains("`127.0.0.1 111122223333.s3.invalid`"), "{checked:?}");
        let folder = dir.path().join("policies/access-points/111122223333");
        std::fs::create_dir_all(&folder).unwrap();
        for file in ["reports.json", "reports.policy.json"] {
            std::fs::write(folder.join(file), "{}").unwrap();
        }
        let fix = found(&run(&config, &SystemClock)).fix.unwrap();
        assert!(fix.contains("`127.0.0.1 111122223333.s3.invalid reports-111122223333.s3.invalid`"), "{fix}");
        // None is left out, however many there are.
        let many: Vec<String> = (100..120).map(|number| format!("door-{number}")).collect();
        for name in &many {
            std::fs::write(folder.join(format!("{name}.json")), "{}").unwrap();
        }
        let fix = found(&run(&config, &SystemClock)).fix.unwrap();
        assert!(many.iter().all(|name| fix.contains(&format!(" {name}-111122223333.s3.invalid"))), "{fix}");
    }

    #[test]
    fn a_clock_from_before_the_release_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let checked = run(&config(dir.path(), "127.0.0.1:0", "kind = \"embedded\""), &Stopped(0));
        assert!(fix(&checked, "clock").unwrap().contains("NTP"));
    }
}
