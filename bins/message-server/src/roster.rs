//! Who else is there, from PING_MS and MS_DOWN. Pure: time is passed in.

use std::collections::BTreeMap;
use std::time::Instant;

use yoshi_protocol::message::roster::{DownReason, MsDown, MsState, PingMs};
use yoshi_protocol::message::task::ServerApplied;
use yoshi_protocol::{Position, ServerId};
use yoshi_replica::Peer;
use yoshi_service::liveness::Hearing;

pub use yoshi_service::liveness::SILENT_MAX;

/// Servers remembered at most; an organisation runs a handful.
const SERVERS_MAX: usize = 1_000;

/// The other message servers.
#[derive(Debug, Default)]
pub struct Roster {
    servers: BTreeMap<ServerId, Server>,
    destroyed: std::collections::BTreeSet<ServerId>,
    hearing: Hearing,
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

    /// Drops servers that have been silent for too long. `listening`: whether
    /// this server could hear the others just now.
    pub fn sweep(&mut self, now: Instant, listening: bool) {
        self.hearing.look(now, listening);
        let hearing = &self.hearing;
        self.servers
            .retain(|_, server| !hearing.is_gone(server.heard));
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
                    _ if ping.stopped => false,
                    MsState::Serving => true,
                    MsState::Joining | MsState::Behind => *is_level,
                    MsState::Draining => false,
                },
            })
            .collect()
    }

    /// Whether this server is heard, or gone for good.
    #[must_use]
    pub fn hears(&self, id: ServerId) -> bool {
        self.servers.contains_key(&id) || self.destroyed.contains(&id)
    }

    /// Those that can be asked about their rows.
    #[must_use]
    pub fn neighbours(&self) -> Vec<ServerId> {
        let going = self.servers.values().filter(|server| !server.ping.stopped);
        going.map(|server| server.ping.id).collect()
    }

    /// Whether another server serves, and has applied the log up to here.
    #[must_use]
    pub fn serves(&self, applied: Position) -> bool {
        self.servers
            .values()
            .any(|Server { ping, .. }| ping.state == MsState::Serving && ping.applied >= applied)
    }

    /// How far each of them had applied the log when last heard. A server whose
    /// rows are wrong counts for nothing.
    #[must_use]
    pub fn applied(&self) -> Vec<ServerApplied> {
        let servers = self.servers.values().filter(|server| !server.ping.stopped);
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
            stopped: false,
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
    fn a_stopped_server_counts_for_nothing() {
        let (mut roster, now, id) = (Roster::default(), Instant::now(), ServerId::random());
        roster.heard(ping(id, MsState::Serving, 9), Position(9), now);
        assert!(roster.serves(Position(9)) && !roster.serves(Position(10)));
        assert_eq!(roster.neighbours(), [id]);
        let stopped = PingMs {
            stopped: true,
            ..ping(id, MsState::Behind, 9)
        };
        roster.heard(stopped, Position(9), now);
        assert_eq!(counts(&roster), [false], "level, and yet not waited for");
        assert!(roster.neighbours().is_empty() && roster.applied().is_empty());
        assert!(!roster.serves(Position::ZERO));
    }

    #[test]
    fn a_silent_server_is_gone_and_a_destroyed_one_stays_gone() {
        let (mut roster, now, id) = (Roster::default(), Instant::now(), ServerId::random());
        roster.heard(ping(id, MsState::Serving, 5), Position(5), now);
        let mut sweep_until = |seconds: std::ops::Range<u32>, listening: bool| {
            for second in seconds {
                roster.sweep(now + second * SILENT_MAX / 3, listening);
            }
            roster.peers().len()
        };
        assert_eq!(sweep_until(0..4, true), 1);
        assert_eq!(sweep_until(4..9, false), 1, "this server was deaf");
        assert_eq!(sweep_until(9..12, true), 1, "it first listens");
        assert_eq!(sweep_until(12..13, true), 0);
        roster.down(MsDown {
            id,
            reason: DownReason::Destroyed,
            incarnation: None,
        });
        roster.heard(ping(id, MsState::Serving, 5), Position(5), now);
        assert!(roster.peers().is_empty());
    }
}
