//! What the root knows of the other servers: how far each has committed, and
//! whether it is waited for. A peer that has not accounted for an entry within β
//! counts no more until it has caught up, so nobody waits β twice for it.

use std::collections::BTreeMap;
use std::time::Duration;

use yoshi_protocol::{Incarnation, Position, ServerId};

use crate::Peer;

/// A peer that missed β.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Down {
    /// Which.
    pub id: ServerId,
    /// Which life of it.
    pub incarnation: Incarnation,
}

/// The other servers, and how far they are in this server's log.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// None if nobody has said which it is: positions are then taken as they come.
    log: Option<Incarnation>,
    servers: BTreeMap<ServerId, State>,
}

#[derive(Debug)]
struct State {
    incarnation: Incarnation,
    applied: Position,
    /// How far it said it was when this root's latest block was not published yet.
    claimed: Position,
    /// It had applied what the stream had not taken yet: of another history.
    is_apart: bool,
    counts: bool,
    silence: Duration,
    /// Set when it missed β: it counts again once it has applied up to here.
    down_until: Option<Position>,
}

impl Peers {
    /// Another log has other positions: what was said of the last one is forgotten.
    pub(super) fn follow(&mut self, log: Incarnation) {
        if self.log.replace(log) != Some(log) {
            for peer in self.servers.values_mut() {
                peer.begin(peer.incarnation);
                peer.down_until = None;
            }
        }
    }

    /// A block is about to be published.
    pub(super) fn before_a_block(&mut self) {
        for peer in self.servers.values_mut() {
            peer.claimed = peer.applied;
        }
    }

    /// The stream has taken that block here. Whoever had applied this place before
    /// holds another block there: the stream had lost its end, and has grown again.
    pub(super) fn stored(&mut self, sequence: u64) {
        for (id, peer) in &mut self.servers {
            if peer.claimed.sequence() >= sequence && !peer.is_apart {
                tracing::error!(
                    server = %id, sequence,
                    "{id} has applied another block at {sequence}: it holds another history of the log"
                );
                peer.is_apart = true;
                peer.applied = Position::ZERO;
            }
        }
    }

    pub(super) fn is_of_this_log(&self, stream: Option<Incarnation>) -> bool {
        match (self.log, stream) {
            (Some(log), Some(stream)) => log == stream,
            _ => true,
        }
    }

    /// A peer says that it has committed everything up to `position`.
    pub(super) fn accounted(
        &mut self,
        server: ServerId,
        incarnation: Incarnation,
        position: Position,
    ) {
        if let Some(peer) = self.servers.get_mut(&server)
            && peer.incarnation == incarnation
        {
            peer.advance(position);
        }
    }

    /// Who is there now, beside `own`. Those that are gone are waited for no more.
    pub(super) fn set(&mut self, own: ServerId, peers: &[Peer]) {
        self.servers
            .retain(|id, _| peers.iter().any(|peer| peer.id == *id));
        for peer in peers.iter().filter(|peer| peer.id != own) {
            let applied = match self.log {
                Some(log) => peer.applied_of(log),
                None => peer.applied,
            };
            let state = self.servers.entry(peer.id).or_insert(State {
                incarnation: peer.incarnation,
                applied,
                claimed: Position::ZERO,
                is_apart: false,
                counts: peer.counts,
                silence: peer.silence,
                down_until: None,
            });
            if state.incarnation != peer.incarnation {
                state.begin(peer.incarnation);
            }
            state.counts = peer.counts;
            state.silence = peer.silence;
            state.advance(applied);
        }
    }

    /// Whoever has not committed `waited_for`, which β and more have been waited for,
    /// counts as down: it is waited for again once it has committed up to `newest`.
    pub(super) fn miss(
        &mut self,
        waited_for: Position,
        waited: Duration,
        newest: Position,
    ) -> Vec<Down> {
        let mut down = Vec::new();
        for (id, peer) in &mut self.servers {
            let is_late = peer.applied < waited_for && waited >= peer.silence;
            if peer.is_waited_for() && is_late {
                peer.down_until = Some(newest);
                down.push(Down {
                    id: *id,
                    incarnation: peer.incarnation,
                });
            }
        }
        down
    }

    /// Up to where everybody who is waited for has committed, and this server.
    pub(super) fn watermark(&self, applied: Position) -> Position {
        let peers = self.servers.values().filter(|peer| peer.is_waited_for());
        peers.map(|peer| peer.applied).fold(applied, Position::min)
    }

    /// Who has committed `position`, with `own`, by id.
    pub(super) fn holders(&self, own: ServerId, position: Position) -> Vec<ServerId> {
        let peers = self.servers.iter();
        let peers = peers.filter(|(_, peer)| peer.applied >= position);
        let mut holders: Vec<_> = peers.map(|(id, _)| *id).chain([own]).collect();
        holders.sort_unstable();
        holders
    }
}

impl State {
    /// Another life of it, or another log: nothing is known of it yet.
    fn begin(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
        self.applied = Position::ZERO;
        self.claimed = Position::ZERO;
        self.is_apart = false;
    }

    fn advance(&mut self, position: Position) {
        if self.is_apart {
            return;
        }
        self.applied = self.applied.max(position);
        if self.down_until.is_some_and(|until| self.applied >= until) {
            self.down_until = None;
        }
    }

    fn is_waited_for(&self) -> bool {
        self.counts && self.down_until.is_none()
    }
}
