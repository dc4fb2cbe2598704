//! Which message servers are there, from their pings alone. Pure: the clock is
//! passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use yoshi_protocol::limit::HOST_CHARS_MAX;
use yoshi_protocol::message::roster::{MsDown, MsState, PingMs};
use yoshi_protocol::{Incarnation, ServerId};
use yoshi_service::liveness::Hearing;

use crate::limit;

/// The message servers that are there.
#[derive(Debug)]
pub struct Roster {
    live: BTreeMap<ServerId, Live>,
    /// Those that were live and are not any more, for operators: as they stood then.
    silent: BTreeMap<ServerId, Live>,
    /// Those that count as down although they may still ping, and which life of them.
    down: BTreeMap<ServerId, Option<Incarnation>>,
    destroyed: BTreeSet<ServerId>,
    hearing: Hearing,
}

/// A live server.
#[derive(Debug)]
pub struct Live {
    /// Its latest ping.
    pub ping: PingMs,
    /// When it came.
    pub heard_at: Instant,
}

/// What a ping or a sweep changed, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing worth a word.
    None,
    /// The server was not there before, or is another life of itself.
    Came,
    /// It has another state now.
    State,
    /// The ping was ignored.
    Ignored,
}

impl Roster {
    /// Nobody yet. Whoever is silent for longer than `silence`, and longer than it
    /// says itself, is gone.
    #[must_use]
    pub fn new(now: Instant, silence: Duration) -> Self {
        let mut hearing = Hearing::new(silence);
        hearing.look(now, true);
        Self {
            live: BTreeMap::new(),
            silent: BTreeMap::new(),
            down: BTreeMap::new(),
            destroyed: BTreeSet::new(),
            hearing,
        }
    }

    /// A server announced itself.
    pub fn ping(&mut self, ping: PingMs, now: Instant) -> Change {
        if self.destroyed.contains(&ping.id) || ping.host.chars().count() > HOST_CHARS_MAX {
            return Change::Ignored;
        }
        if let Some(life) = self.down.get_mut(&ping.id) {
            // It counts again once it knows that it was down: as another life,
            // or because it says itself that it does not serve.
            let same_life = *life.get_or_insert(ping.incarnation) == ping.incarnation;
            if same_life && ping.state == MsState::Serving {
                return Change::Ignored;
            }
            self.down.remove(&ping.id);
        }
        let full = self.live.len() >= limit::ROSTER_SERVERS_MAX;
        let previous = self.live.get(&ping.id);
        let change = match previous.map(|live| &live.ping) {
            None if full => return Change::Ignored,
            None => Change::Came,
            Some(previous) if previous.incarnation != ping.incarnation => Change::Came,
            Some(previous) if previous.state != ping.state => Change::State,
            Some(_) => Change::None,
        };
        let heard_at = now;
        self.silent.remove(&ping.id);
        self.live.insert(ping.id, Live { ping, heard_at });
        change
    }

    /// Forgets who has been silent for too long; answers who that is.
    /// `listening`: whether this process could hear the others just now.
    pub fn sweep(&mut self, now: Instant, listening: bool) -> Vec<ServerId> {
        self.hearing.look(now, listening);
        let gone: Vec<_> = self
            .live
            .iter()
            .filter(|(_, live)| self.hearing.is_gone_by(live.heard_at, live.ping.silence()))
            .map(|(id, _)| *id)
            .collect();
        for id in &gone {
            self.part_with(*id);
        }
        gone
    }

    /// A live server is live no more, and remembered.
    fn part_with(&mut self, id: ServerId) {
        if let Some(live) = self.live.remove(&id)
            && self.silent.len() < limit::ROSTER_SERVERS_MAX
        {
            self.silent.insert(id, live);
        }
    }

    /// Somebody found a server to be down. Answers whether it was serving.
    ///
    /// Remembered also of a server that is silent just now: when it wakes, it
    /// may not know yet what it missed.
    pub fn down(&mut self, down: &MsDown) -> bool {
        let Some(live) = self.live.get(&down.id) else {
            if self.down.len() < limit::ROSTER_SERVERS_MAX && !self.destroyed.contains(&down.id) {
                self.down.insert(down.id, down.incarnation);
            }
            return false;
        };
        let life = down.incarnation.unwrap_or(live.ping.incarnation);
        if live.ping.incarnation != life || live.ping.state != MsState::Serving {
            // An earlier life, or it knows already.
            return false;
        }
        self.part_with(down.id);
        self.down.insert(down.id, Some(life));
        true
    }

    /// A server is out of the system for good.
    pub fn destroy(&mut self, id: ServerId) {
        self.live.remove(&id);
        self.silent.remove(&id);
        self.down.remove(&id);
        self.destroyed.insert(id);
    }

    /// An operator took the destruction back.
    pub fn restore(&mut self, id: ServerId) {
        self.destroyed.remove(&id);
    }

    /// What the server said of itself last; none if it is not there.
    #[must_use]
    pub fn state(&self, id: ServerId) -> Option<MsState> {
        self.live.get(&id).map(|live| live.ping.state)
    }

    /// Whether it may be given accounts, and requests of its own ones.
    #[must_use]
    pub fn is_serving(&self, id: ServerId) -> bool {
        self.state(id) == Some(MsState::Serving)
    }

    /// Whether it is out of the system for good.
    #[must_use]
    pub fn is_destroyed(&self, id: ServerId) -> bool {
        self.destroyed.contains(&id)
    }

    /// Whether the server's accounts should move without waiting for their next
    /// request. Not while it only catches up: that takes moments. One whose rows
    /// are wrong waits for an operator.
    pub fn is_lost(&self, id: ServerId) -> bool {
        self.live
            .get(&id)
            .is_none_or(|live| live.ping.stopped || live.ping.state == MsState::Draining)
    }

    /// Everybody who is there, by id.
    pub fn live(&self) -> impl Iterator<Item = &Live> {
        self.live.values()
    }

    /// Those that were there once and are not now, by id, as they stood then.
    pub fn silent(&self) -> impl Iterator<Item = &Live> {
        self.silent.values()
    }

    /// Whether it is there, or was once.
    #[must_use]
    pub fn is_known(&self, id: ServerId) -> bool {
        self.live.contains_key(&id) || self.silent.contains_key(&id)
    }

    /// Those that may be given accounts, by id.
    pub fn serving(&self) -> impl Iterator<Item = &PingMs> {
        let serving = |ping: &&PingMs| ping.state == MsState::Serving;
        self.live.values().map(|live| &live.ping).filter(serving)
    }

    /// Those that were destroyed, by id.
    pub fn destroyed(&self) -> impl Iterator<Item = ServerId> {
        self.destroyed.iter().copied()
    }
}

#[cfg(test)]
mod tests;
