//! Who else is there, from PING_MS and MS_DOWN. Pure: time is passed in.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use yoshi_protocol::message::roster::{DownReason, MsDown, MsState, PingMs};
use yoshi_protocol::message::task::ServerApplied;
use yoshi_protocol::{Position, ServerId};
use yoshi_replica::Peer;

/// How long a server may be silent before it is gone.
pub const SILENT_MAX: Duration = Duration::from_secs(3);
/// Servers remembered at most; an organisation runs a handful.
const SERVERS_MAX: usize = 1_000;

/// The other message servers.
#[derive(Debug, Default)]
pub struct Roster {
    servers: BTreeMap<ServerId, Server>,
    destroyed: std::collections::BTreeSet<ServerId>,
}

#[derive(Debug)]
struct Server {
    ping: PingMs,
    heard: Instant,
    /// It kept up with the log when it was last heard.
    is_level: bool,
}

impl Roster {
    /// Another server's ping. `tail` is where this server stood one or two
    /// pings ago: whoever has applied that much now keeps up with the log.
    pub fn heard(&mut self, ping: PingMs, tail: Position, now: Instant) {
        if self.destroyed.contains(&ping.id)
            || (self.servers.len() >= SERVERS_MAX && !self.servers.contains_key(&ping.id))
        {
            return;
        }
        let is_level = ping.applied >= tail;
        self.servers.insert(
            ping.id,
            Server {
                ping,
                heard: now,
                is_level,
            },
        );
    }

    /// A server counts as down.
    pub fn down(&mut self, down: MsDown) {
        if down.reason == DownReason::Destroyed {
            self.destroyed.insert(down.id);
            self.servers.remove(&down.id);
        }
    }

    /// Drops servers that have been silent for too long. Silence proves nothing
    /// while this server could not listen: those it knows get their time anew.
    pub fn sweep(&mut self, now: Instant, listening: bool) {
        if !listening {
            self.servers
                .values_mut()
                .for_each(|server| server.heard = now);
        }
        self.servers
            .retain(|_, server| now.duration_since(server.heard) < SILENT_MAX);
    }

    /// The servers that follow the log beside this one. Success waits for the
    /// serving ones, and for one that is about to serve: it must miss nothing
    /// between its last look at the tail and its first answer.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        self.servers
            .values()
            .map(|Server { ping, is_level, .. }| Peer {
                id: ping.id,
                incarnation: ping.incarnation,
                applied: ping.applied,
                counts: match ping.state {
                    MsState::Serving => true,
                    MsState::Joining | MsState::Behind => *is_level,
                    MsState::Draining => false,
                },
            })
            .collect()
    }

    /// How far each of them had applied the log when last heard.
    #[must_use]
    pub fn applied(&self) -> Vec<ServerApplied> {
        let servers = self.servers.values();
        servers
            .map(|Server { ping, .. }| ServerApplied {
                id: ping.id,
                applied: ping.applied,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::Incarnation;

    fn ping(id: ServerId, state: MsState, applied: u64) -> PingMs {
        PingMs {
            id,
            host: "here".into(),
            load: 0,
            state,
            applied: Position(applied),
            incarnation: Incarnation::random(),
        }
    }

    fn counts(roster: &Roster) -> Vec<bool> {
        roster.peers().iter().map(|peer| peer.counts).collect()
    }

    #[test]
    fn success_waits_for_serving_servers_and_those_about_to_serve() {
        let (mut roster, now, id) = (Roster::default(), Instant::now(), ServerId::random());
        roster.heard(ping(id, MsState::Joining, 5), Position(9), now);
        assert_eq!(counts(&roster), [false]);
        roster.heard(ping(id, MsState::Joining, 9), Position(9), now);
        assert_eq!(counts(&roster), [true]);
        roster.heard(ping(id, MsState::Serving, 5), Position(9), now);
        assert_eq!(counts(&roster), [true]);
        roster.heard(ping(id, MsState::Draining, 9), Position(9), now);
        assert_eq!(counts(&roster), [false]);
    }

    #[test]
    fn a_silent_server_is_gone_and_a_destroyed_one_stays_gone() {
        let (mut roster, now, id) = (Roster::default(), Instant::now(), ServerId::random());
        roster.heard(ping(id, MsState::Serving, 5), Position(5), now);
        roster.sweep(now + SILENT_MAX / 2, true);
        assert_eq!(roster.peers().len(), 1);
        roster.sweep(now + SILENT_MAX, false);
        assert_eq!(roster.peers().len(), 1, "this server was deaf");
        roster.sweep(now + SILENT_MAX * 2, true);
        assert!(roster.peers().is_empty());
        roster.down(MsDown {
            id,
            reason: DownReason::Destroyed,
            incarnation: None,
        });
        roster.heard(ping(id, MsState::Serving, 5), Position(5), now);
        assert!(roster.peers().is_empty());
    }
}
