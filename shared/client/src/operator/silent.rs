//! Servers that are known, and give no answer.

use std::collections::{BTreeMap, BTreeSet};

use yoshi_protocol::message::operate::ServerReport;
use yoshi_protocol::message::roster::{MessageServer, MessageServers};
use yoshi_protocol::subject::Role;
use yoshi_protocol::{Millis, Position, ServerId};

use super::role;

/// A server that neither reports nor announces itself for so many milliseconds
/// gives no answer: it would do the latter every second.
const UNHEARD_MILLIS: u64 = 1_500;

/// A server that is known, and gives no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent {
    /// Its identity.
    pub id: ServerId,
    /// Its kind.
    pub role: Role,
    /// Where it ran, for people; none if no load balancer has heard it in this
    /// life of theirs, as with every registration server.
    pub host: Option<String>,
    /// When it was heard last; none as above.
    pub since: Option<Millis>,
    /// It had committed the log up to here; none as above.
    pub applied: Option<Position>,
    /// How many accounts it is still home of; none as above.
    pub accounts: Option<u64>,
}

impl Silent {
    /// One that load balancers have heard.
    fn heard(server: &MessageServer, now: Millis) -> Self {
        let silent = i64::try_from(server.silent_millis).unwrap_or(i64::MAX);
        Self {
            id: server.ping.id,
            role: Role::Ms,
            host: Some(server.ping.host.clone()),
            since: Some(Millis(now.0.saturating_sub(silent))),
            applied: Some(server.ping.applied),
            accounts: Some(server.accounts),
        }
    }

    /// One of which others of its kind know no more than that it exists.
    const fn unheard(id: ServerId, role: Role) -> Self {
        Self {
            id,
            role,
            host: None,
            since: None,
            applied: None,
            accounts: None,
        }
    }
}

/// Whether a live server announces itself no more.
pub(super) const fn is_unheard(server: &MessageServer) -> bool {
    server.silent_millis >= UNHEARD_MILLIS
}

/// Everybody who is known and gives no answer, by kind and id. Known is who was
/// heard by the load balancers, and with whom those that report have replicated.
pub(super) fn silent(
    reports: &[ServerReport],
    roster: Option<&MessageServers>,
    now: Millis,
) -> Vec<Silent> {
    let reported: BTreeSet<_> = reports.iter().map(|report| report.id).collect();
    let mut found = BTreeMap::new();
    let (mut gone, mut heard) = (BTreeSet::new(), BTreeSet::new());
    if let Some(roster) = roster {
        gone.extend(roster.destroyed.iter().copied());
        heard.extend(roster.servers.iter().map(|server| server.ping.id));
        let unheard = roster.servers.iter().filter(|server| is_unheard(server));
        for server in roster.silent.iter().chain(unheard) {
            found.insert(server.ping.id, Silent::heard(server, now));
        }
    }
    for report in reports {
        let role = role(report);
        for id in report.known.iter().filter(|id| !heard.contains(id)) {
            let unheard = Silent::unheard(*id, role);
            found.entry(*id).or_insert(unheard);
        }
    }
    found.retain(|id, _| !reported.contains(id) && !gone.contains(id));
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|silent| (silent.role == Role::Rs, silent.id));
    found
}
