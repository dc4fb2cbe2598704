//! Which links a fault touches, and what it makes of each.

use std::time::Duration;

use yoshi_tests::{Far, Flow, Link, Proxy, System};

use super::targets::NODES;
use super::{Fault, side};

/// How late a delayed link is, each way.
const DELAY: Duration = Duration::from_millis(300);

/// What a fault makes of the links of each of its targets; none if it touches
/// none, or not all alike.
const fn broken(fault: Fault) -> Option<Link> {
    match fault {
        Fault::IsolateMs
        | Fault::IsolateRs
        | Fault::FlapMs
        | Fault::HangPostgres
        | Fault::IsolateNats
        | Fault::CutRoute
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

/// The links that a fault touches, each with what it makes of it; none if it is no
/// fault of links.
pub(super) fn touched<'a>(
    system: &'a System,
    fault: Fault,
    targets: &[String],
) -> Vec<(&'a Proxy, Link)> {
    if side::is_of(fault) {
        return side::links(system, targets);
    }
    let Some(link) = broken(fault) else {
        return Vec::new();
    };
    let proxies: Vec<&Proxy> = match (fault, targets) {
        (Fault::CutRoute, [one, other]) => {
            let ends = (expect_node(one), expect_node(other));
            system.nats.routes_between(ends).collect()
        }
        _ => targets
            .iter()
            .flat_map(|target| of(system, fault, target))
            .collect(),
    };
    proxies.into_iter().map(|proxy| (proxy, link)).collect()
}

/// The links of a server, of a node (`nats1`) or of workers (`clients1`).
fn of<'a>(system: &'a System, fault: Fault, target: &str) -> Vec<&'a Proxy> {
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

/// What links have held, made late and cut so far.
pub(super) fn hurt(links: &[(&Proxy, Link)]) -> u64 {
    let counts = links.iter().map(|(proxy, _)| proxy.count());
    counts.map(|count| count.slowed + count.cut).sum()
}

/// The index of the node of that name, if it is one.
pub(super) fn node(target: &str) -> Option<usize> {
    let number: usize = target.strip_prefix("nats")?.parse().ok()?;
    number.checked_sub(1)
}

/// The same of a target that is one.
///
/// # Panics
/// If it is none.
pub(super) fn expect_node(target: &str) -> usize {
    node(target).expect("the fault hits nodes")
}
