//! The smaller side of a partition: one node of NATS, one server of each kind and a
//! part of the workers. They reach each other, and nobody else.
//!
//! Whoever is on a side has its connections to the other nodes cut, so that it comes
//! over at once; what others and the node say to each other is held, as where
//! packets are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use yoshi_tests::{Direct, Far, Link, Proxy, System};

use super::Fault;
use super::links::{expect_node, node};
use super::targets::{LOAD_BALANCERS, MESSAGE_SERVERS, NODES, REGISTRATION_SERVERS, one};
use crate::run::{CLIENTS, WORKERS};
use crate::worker::Shared;

/// The process of the history that reads on the side of a leader.
const READER: u32 = 1_003;
/// The pause between two looks of the reader.
const PAUSE: Duration = Duration::from_millis(100);
/// How long what was on its way when a side was closed may still arrive.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// When workers were on a side without a quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
    /// Their processes.
    pub(crate) processes: Vec<u32>,
}

/// Whether a fault makes sides.
pub(super) const fn is_of(fault: Fault) -> bool {
    matches!(fault, Fault::IsolateLeader | Fault::IsolateMinority)
}

/// Who is on the side of a node, chosen by a number.
pub(super) fn members(node: usize, target: u64) -> Vec<String> {
    let mut members = vec![format!("nats{}", node + 1)];
    let (mut rest, kinds) = (
        target,
        [
            &MESSAGE_SERVERS[..],
            &LOAD_BALANCERS,
            &REGISTRATION_SERVERS,
            &CLIENTS,
        ],
    );
    for names in kinds {
        members.push(one(names, rest).to_owned());
        rest /= names.len() as u64;
    }
    members
}

/// Everything that leads from a side to the others.
pub(super) fn links<'a>(system: &'a System, members: &[String]) -> Vec<(&'a Proxy, Link)> {
    let home = expect_node(&members[0]);
    let routes = system.nats.routes_of(home);
    let mut links: Vec<_> = routes.map(|proxy| (proxy, Link::HELD)).collect();
    let clients = CLIENTS.iter().map(|name| (*name).to_owned());
    for name in system.names().into_iter().chain(clients) {
        if members.contains(&name) {
            let others = (0..NODES).filter(|node| *node != home);
            links.extend(others.map(|node| (system.link(&name, Far::Nats(node)), Link::CUT)));
        } else {
            links.push((system.link(&name, Far::Nats(home)), Link::HELD));
        }
    }
    links
}

/// A side that was closed.
pub(super) struct Closed {
    from: Duration,
    processes: Vec<u32>,
    reader: Option<Reader>,
}

impl Closed {
    /// A side whose links were broken just now, with its reader, if it has one.
    pub(super) fn now(members: &[String], shared: &Shared, reader: Option<Reader>) -> Self {
        let is_member = |process: &u32| {
            let name = CLIENTS[*process as usize % CLIENTS.len()];
            members.iter().any(|member| member == name)
        };
        Self {
            from: shared.history.now() + ON_ITS_WAY,
            processes: (0..WORKERS).filter(is_member).collect(),
            reader,
        }
    }

    /// The side until now.
    pub(super) fn until_now(&self, shared: &Shared) -> Side {
        Side {
            from: self.from,
            until: shared.history.now(),
            processes: self.processes.clone(),
        }
    }

    /// What shows that it was one: a reader was answered while the others had more
    /// accounted for; without a reader, sends were queued.
    pub(super) async fn bite(&mut self, shared: &Shared) -> Result<String, String> {
        let Some(reader) = self.reader.take() else {
            let until = shared.history.now();
            let queued = shared
                .history
                .queued_within(&self.processes, self.from, until);
            return match queued {
                0 => Err("nothing was queued on the side".to_owned()),
                queued => Ok(format!("{queued} sends queued on the side")),
            };
        };
        let pages = reader.end().await;
        let first = shared.history.first_accounted(self.from);
        let first = first.ok_or("nothing was accounted for on the other side")?;
        let late: Vec<_> = pages.iter().filter(|(asked, _)| *asked > first).collect();
        let behind = late.iter().filter(|(_, behind)| *behind).count();
        match late.len() {
            0 => Err("the reader was not answered after the others had gone on".to_owned()),
            count => Ok(format!(
                "the others had more accounted for after {:.1} s; {count} answers to the reader \
                 since then, {behind} marked behind",
                (first - self.from).as_secs_f64()
            )),
        }
    }
}

/// Reads on the side of a leader, from the server there, past the load balancers.
pub(super) struct Reader {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<(Duration, bool)>>,
}

impl Reader {
    /// Begins to read. Its connection knows the node of the side only.
    pub(super) async fn begin(system: &System, members: &[String], shared: &Arc<Shared>) -> Self {
        let home = members.iter().find_map(|name| node(name));
        let direct = Direct::connect_to(&system.nats, home.expect("a side has a node")).await;
        let is_member = |(name, _): &(String, _)| members.contains(name);
        let server = shared.servers.iter().position(is_member);
        let server = server.expect("a side has a message server");
        let (stop, shared) = (Arc::new(AtomicBool::new(false)), Arc::clone(shared));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let (mut pages, mut since) = (Vec::new(), 0);
            while !stopped.load(Ordering::Relaxed) {
                let asked = shared.history.now();
                let read = shared.pair(&direct, READER, server, (0, 1), since).await;
                if let Some((cursor, behind)) = read {
                    pages.push((asked, behind));
                    since = cursor;
                }
                tokio::time::sleep(PAUSE).await;
            }
            pages
        });
        Self { stop, task }
    }

    /// When it asked for what it was answered, and whether that was marked `behind`.
    async fn end(self) -> Vec<(Duration, bool)> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("the reader does not fail")
    }
}
