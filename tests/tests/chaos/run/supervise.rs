//! What a service manager does (`deploy/cluster`): a server that ends by itself
//! is started again, unless its configuration is at fault.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use yoshi_tests::System;

use super::phase::AtWork;
use super::{MESSAGE_SERVERS, REGISTRATION_SERVERS, TICK};
use crate::history::History;

/// `RestartSec` of the systemd unit.
const RESTART_AFTER: Duration = Duration::from_secs(2);
/// `RestartPreventExitStatus` of it.
const EXIT_CONFIGURATION: i32 = 64;
/// Lines of its log that are shown of a server that ended by itself.
const WORDS_LINES: usize = 3;
/// The memory that a process may grow by, however little it had: buffers and caches.
const GROWTH_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// What a registration server that has become primary keeps for hashing
/// passwords: argon2's memory, once for each core.
const PASSWORDS_BYTES_PER_CORE: u64 = 19 * 1024 * 1024;

pub(super) struct Supervisor {
    history: Arc<History>,
    /// When servers that have ended start again.
    due: BTreeMap<String, Instant>,
    /// Servers that it has started again, each time.
    pub(super) restarts: Vec<String>,
}

impl Supervisor {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self {
            history,
            due: BTreeMap::new(),
            restarts: Vec::new(),
        }
    }

    /// Lets the system run for a while.
    pub(super) async fn wait(
        &mut self,
        system: &mut System,
        length: Duration,
        at_work: &mut [AtWork],
    ) {
        let end = Instant::now() + length;
        while Instant::now() < end {
            tokio::time::sleep_until((Instant::now() + TICK).min(end)).await;
            for fault in at_work.iter_mut() {
                fault.injected.tick(system);
            }
            for name in system.names() {
                self.look_after(system, &name);
            }
        }
    }

    fn look_after(&mut self, system: &mut System, name: &str) {
        let Some(status) = system.server(name).ended() else {
            self.due.remove(name);
            return;
        };
        let now = Instant::now();
        let due = *self.due.entry(name.to_owned()).or_insert_with(|| {
            self.history.note("ended", &format!("{name}: {status}"));
            now + RESTART_AFTER
        });
        if now >= due && status.code() != Some(EXIT_CONFIGURATION) {
            self.due.remove(name);
            let words = system
                .server(name)
                .process()
                .map(|process| process.log_end());
            let last = words.unwrap_or_default();
            let last = last
                .lines()
                .rev()
                .take(WORDS_LINES)
                .collect::<Vec<_>>()
                .join(" | ");
            self.restarts.push(format!("{name} ({status}): {last}"));
            system.server(name).start();
        }
    }

    /// Starts what servers stand on, if it has ended. Only while no fault is at work.
    pub(super) fn revive_grounds(&mut self, system: &mut System) {
        for name in MESSAGE_SERVERS.iter().chain(&REGISTRATION_SERVERS) {
            if system.postgres(name).ended() {
                self.history.note("ended", &format!("Postgres of {name}"));
                system.postgres(name).run_again();
            }
        }
        for node in 0..system.nats.count() {
            let ended = system
                .nats
                .process(node)
                .is_none_or(|it| it.ended().is_some());
            if ended {
                self.history.note("ended", &format!("nats{}", node + 1));
                system.nats.start_node(node);
            }
        }
    }

    /// Waits until every server says that it is ready; those that do not in time, and why.
    pub(super) async fn all_ready(&mut self, system: &mut System, within: Duration) -> Vec<String> {
        let end = Instant::now() + within;
        loop {
            let mut unready = Vec::new();
            for name in system.names() {
                if let Err(reason) = system.server(&name).healthy().await {
                    unready.push(format!("{name}: {reason}"));
                }
            }
            if unready.is_empty() || Instant::now() >= end {
                return unready;
            }
            self.wait(system, 5 * TICK, &mut []).await;
            self.revive_grounds(system);
        }
    }
}

/// What each process of ours and of NATS holds, in bytes.
pub(super) fn memory(system: &mut System) -> BTreeMap<String, u64> {
    let mut held = BTreeMap::new();
    for name in system.names() {
        let bytes = system
            .server(&name)
            .process()
            .and_then(|it| it.memory_bytes());
        held.extend(bytes.map(|bytes| (name, bytes)));
    }
    for node in 0..system.nats.count() {
        let bytes = system.nats.process(node).and_then(|it| it.memory_bytes());
        held.extend(bytes.map(|bytes| (format!("nats{}", node + 1), bytes)));
    }
    held
}

/// Those that have grown too much (I14, roughly): past twice what the largest
/// of their kind held before, because a backup may have become primary.
pub(super) fn compare(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> Vec<String> {
    let kind = |name: &str| {
        name.trim_end_matches(|end: char| end.is_ascii_digit())
            .to_owned()
    };
    let mut largest: BTreeMap<String, u64> = BTreeMap::new();
    for (name, bytes) in before {
        let held = largest.entry(kind(name)).or_default();
        *held = (*held).max(*bytes);
    }
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let grown = |(name, after): (&String, &u64)| {
        let before = *largest.get(&kind(name))?;
        let mut allowed = (2 * before).max(before + GROWTH_BYTES_MIN);
        if name.starts_with("rs") {
            allowed = allowed.max(before + cores * PASSWORDS_BYTES_PER_CORE + GROWTH_BYTES_MIN);
        }
        (*after > allowed).then(|| format!("{name} holds {after} bytes; its kind held {before}"))
    };
    after.iter().filter_map(grown).collect()
}
