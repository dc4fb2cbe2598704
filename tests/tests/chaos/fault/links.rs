//! Which links a fault touches.

use std::time::Duration;

use yoshi_tests::{Far, Flow, Link, Proxy, System};

use super::Fault;
use super::targets::NODES;

/// How late a delayed link is, each way.
const DELAY: Duration = Duration::from_millis(300);

/// What a fault makes of the links that it touches; none if it touches none.
pub(super) fn broken(fault: Fault) -> Option<Link> {
    match fault {
        Fault::IsolateMs
        | Fault::IsolateRs
        | Fault::FlapMs
        | Fault::HangPostgres
        | Fault::IsolateNats
        | Fault::IsolateClients
        | Fault::IsolateHalf => Some(Link::HELD),
        Fault::MuteMs => Some(Link {
            there: Flow::Hold,
            ..Link::WHOLE
        }),
        Fault::DeafMs => Some(Link {
            back: Flow::Hold,
            ..Link::WHOLE
        }),
        Fault::CutMs | Fault::CutHalf => Some(Link::CUT),
        Fault::DelayMs => Some(Link::delayed(DELAY)),
        _ => None,
    }
}

/// The links that a fault touches, of a server, of a node (`nats1`) or
/// of workers (`clients1`).
pub(super) fn touched<'a>(system: &'a System, fault: Fault, target: &str) -> Vec<&'a Proxy> {
    if fault == Fault::HangPostgres {
        return vec![system.link(target, Far::Database)];
    }
    let Some(node) = node(target) else {
        let links = (0..NODES).map(|node| system.link(target, Far::Nats(node)));
        return links.collect();
    };
    let names = system.names();
    let servers = names.iter().map(|name| system.link(name, Far::Nats(node)));
    system.nats.routes_of(node).chain(servers).collect()
}

/// The index of the node of that name, if it is one.
pub(super) fn node(target: &str) -> Option<usize> {
    let number: usize = target.strip_prefix("nats")?.parse().ok()?;
    number.checked_sub(1)
}
