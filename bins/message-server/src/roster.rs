//! Who else is there, from PING_MS and MS_DOWN. Pure: time is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use yoshi_protocol::message::roster::{DownReason, MsDown, MsState, PingMs};
use yoshi_protocol::message::task::ServerApplied;
use yoshi_protocol::{Incarnation, Position, ServerId};
use yoshi_replica::Peer;
use yoshi_service::liveness::Hearing;

/// Servers remembered at most; an organisation runs a handful.
const SERVERS_MAX: usize = 1_000;

/// The other message servers.
#[derive(Debug)]
pub struct Roster {
    /// The log that this server follows; none until it was told.
    log: Option<Incarnation>,
    servers: BTreeMap<ServerId, Server>,
    destroyed: BTreeSet<ServerId>,
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
    /// Nobody yet. Whoever is silent for longer than `silence`, and longer than it
    /// says itself, is gone.
    #[must_use]
    pub fn new(silence: Duration) -> Self {
        Self {
            log: None,
            servers: BTreeMap::new(),
            destroyed: BTreeSet::new(),
            hearing: Hearing::new(silence),
        }
    }

    /// The log that this server follows. Positions of another one say nothing
    /// about it, so whoever follows another one holds nothing and keeps up with nothing.
    pub fn follow(&mut self, log: Incarnation) {
        if self.log.replace(log).is_some_and(|before| before != log) {
            for server in self.servers.values_mut() {
                server.is_level = false;
            }
        }
    }

    fn is_of_this_log(&self, ping: &PingMs) -> bool {
        match (self.log, ping.stream) {
            _ if ping.lost => false,
            (Some(log), Some(stream)) => log == stream,
            _ => true,
        }
    }

    /// Another server's ping. `tail` is where this server stood one or two
    /// pings ago: whoever has applied that much now keeps up with the log.
    pub fn heard(&mut self, ping: PingMs, tail: Position, now: Instant) {
        if self.destroyed.contains(&ping.id)
            || (self.servers.len() >= SERVERS_MAX && !self.servers.contains_key(&ping.id))
        {
            return;
        }
        let is_level = self.is_of_this_log(&ping) && ping.applied >= tail;
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
            .retain(|_, Server { ping, heard, .. }| !hearing.is_gone_by(*heard, ping.silence()));
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
                lost: ping.lost,
                stream: ping.stream,
                applied: ping.applied,
                silence: ping.silence(),
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

    /// The longest time for which one of them may be counted on without a word.
    #[must_use]
    pub fn longest_silence(&self) -> Duration {
        let silences = self.servers.values().map(|server| server.ping.silence());
        silences.max().unwrap_or_default()
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
        let mut servers = self.servers.values();
        servers.any(|Server { ping, .. }| {
            let holds = self.is_of_this_log(ping) && ping.applied >= applied;
            ping.state == MsState::Serving && holds
        })
    }

    /// The servers that serve from another log, past this position.
    #[must_use]
    pub fn serve_elsewhere(&self, applied: Position) -> Vec<ServerId> {
        let servers = self.servers.values().map(|server| &server.ping);
        let elsewhere = servers.filter(|ping| !self.is_of_this_log(ping));
        let serve = elsewhere.filter(|ping| ping.state == MsState::Serving);
        let past = serve.filter(|ping| ping.applied >= applied);
        past.map(|ping| ping.id).collect()
    }

    /// How far each of them had applied the log when last heard. A server whose
    /// rows are wrong, or of another log, counts for nothing.
    #[must_use]
    pub fn applied(&self) -> Vec<ServerApplied> {
        let servers = self.servers.values().filter(|server| !server.ping.stopped);
        let servers = servers.filter(|server| self.is_of_this_log(&server.ping));
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
    use yoshi_service::liveness::SILENT_MAX;

    fn ping(id: ServerId, state: MsState, applied: u64) -> PingMs {
        PingMs {
            id,
            host: "here".into(),
            load: 0,
            state,
            lost: false,
            stream: None,
            applied: Position(applied),
            stopped: false,
            incarnation: Incarnation::random(),
            silence_seconds: None,
        }
    }

    fn counts(roster: &Roster) -> Vec<bool> {
        roster.peers().iter().map(|peer| peer.counts).collect()
    }

    #[test]
    fn success_waits_for_serving_servers_and_those_about_to_serve() {
        let (mut roster, now, id) = (Roster::new(SILENT_MAX), Instant::now(), ServerId::random());
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
        let (mut roster, now, id) = (Roster::new(SILENT_MAX), Instant::now(), ServerId::random());
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
    fn a_server_of_another_log_holds_nothing_of_this_one() {
        let (mut roster, now, id) = (Roster::new(SILENT_MAX), Instant::now(), ServerId::random());
        let (lost, log) = (Incarnation::random(), Incarnation::random());
        let of = |stream, state| PingMs {
            stream: Some(stream),
            ..ping(id, state, 9)
        };
        roster.follow(lost);
        roster.heard(of(lost, MsState::Behind), Position(5), now);
        assert_eq!((counts(&roster), roster.applied().len()), (vec![true], 1));
        // This server has taken up the log that continues the lost one.
        roster.follow(log);
        assert_eq!((counts(&roster), roster.applied().len()), (vec![false], 0));
        roster.heard(of(lost, MsState::Behind), Position(5), now);
        assert_eq!(counts(&roster), [false], "its position is of another log");
        // One that says that it serves is waited for, but holds nothing.
        roster.heard(of(lost, MsState::Serving), Position(5), now);
        assert_eq!(counts(&roster), [true]);
        assert_eq!(roster.peers()[0].applied_of(log), Position::ZERO);
        assert_eq!(roster.serve_elsewhere(Position(9)), [id]);
        assert!(roster.serve_elsewhere(Position(10)).is_empty());
        assert!(!roster.serves(Position(5)) && roster.applied().is_empty());
        roster.heard(of(log, MsState::Serving), Position(5), now);
        assert!(roster.serves(Position(5)) && roster.applied().len() == 1);
        // Of the same log, it says, but of another history of it.
        let apart = PingMs {
            lost: true,
            ..of(log, MsState::Behind)
        };
        roster.heard(apart, Position(5), now);
        assert_eq!((counts(&roster), roster.applied().len()), (vec![false], 0));
        // Servers of an earlier release do not say which log they follow.
        roster.heard(ping(id, MsState::Serving, 9), Position(5), now);
        assert!(roster.serves(Position(5)) && roster.applied().len() == 1);
    }

    #[test]
    fn a_longer_silence_is_granted_to_whoever_goes_by_it() {
        let (mut roster, now) = (Roster::new(SILENT_MAX), Instant::now());
        let [usual, patient] = [ServerId::random(), ServerId::random()];
        let of_patient = PingMs {
            silence_seconds: Some(10),
            ..ping(patient, MsState::Serving, 5)
        };
        roster.heard(ping(usual, MsState::Serving, 5), Position(5), now);
        roster.heard(of_patient, Position(5), now);
        assert_eq!(roster.longest_silence(), Duration::from_secs(10));
        let mut left_after = |seconds: std::ops::RangeInclusive<u32>| {
            for second in seconds {
                roster.sweep(now + second * Duration::from_secs(1), true);
            }
            let peers = roster.peers();
            peers
                .iter()
                .map(|peer| (peer.id, peer.silence))
                .collect::<Vec<_>>()
        };
        assert_eq!(left_after(0..=3).len(), 2);
        assert_eq!(left_after(4..=10), [(patient, Duration::from_secs(10))]);
        assert!(left_after(11..=11).is_empty());
    }

    #[test]
    fn a_silent_server_is_gone_and_a_destroyed_one_stays_gone() {
        let (mut roster, now, id) = (Roster::new(SILENT_MAX), Instant::now(), ServerId::random());
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
