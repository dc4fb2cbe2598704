//! What the root knows of the other servers: how far each has committed, and
//! whether it is waited for. A peer that has not accounted for an entry within β
//! counts no more until it has caught up, so nobody waits β twice for it.

use std::collections::BTreeMap;

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

/// The other servers, by id.
#[derive(Debug, Default)]
pub(super) struct Peers(BTreeMap<ServerId, State>);

#[derive(Debug)]
struct State {
    incarnation: Incarnation,
    applied: Position,
    counts: bool,
    /// Set when it missed β: it counts again once it has applied up to here.
    down_until: Option<Position>,
}

impl Peers {
    /// A peer says that it has committed everything up to `position`.
    pub(super) fn accounted(
        &mut self,
        server: ServerId,
        incarnation: Incarnation,
        position: Position,
    ) {
        if let Some(peer) = self.0.get_mut(&server)
            && peer.incarnation == incarnation
        {
            peer.advance(position);
        }
    }

    /// Who is there now, beside `own`. Those that are gone are waited for no more.
    pub(super) fn set(&mut self, own: ServerId, peers: &[Peer]) {
        self.0
            .retain(|id, _| peers.iter().any(|peer| peer.id == *id));
        for peer in peers.iter().filter(|peer| peer.id != own) {
            let state = self.0.entry(peer.id).or_insert(State {
                incarnation: peer.incarnation,
                applied: peer.applied,
                counts: peer.counts,
                down_until: None,
            });
            if state.incarnation != peer.incarnation {
                state.incarnation = peer.incarnation;
                state.applied = peer.applied;
            }
            state.counts = peer.counts;
            state.advance(peer.applied);
        }
    }

    /// Whoever has not committed `waited_for` has missed β: it is waited for
    /// again once it has committed up to `newest`.
    pub(super) fn miss(&mut self, waited_for: Position, newest: Position) -> Vec<Down> {
        let mut down = Vec::new();
        for (id, peer) in &mut self.0 {
            if peer.is_waited_for() && peer.applied < waited_for {
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
        let peers = self.0.values().filter(|peer| peer.is_waited_for());
        peers.map(|peer| peer.applied).fold(applied, Position::min)
    }

    /// Who has committed `position`, with `own`, by id.
    pub(super) fn holders(&self, own: ServerId, position: Position) -> Vec<ServerId> {
        let peers = self.0.iter().filter(|(_, peer)| peer.applied >= position);
        let mut holders: Vec<_> = peers.map(|(id, _)| *id).chain([own]).collect();
        holders.sort_unstable();
        holders
    }
}

impl State {
    fn advance(&mut self, position: Position) {
        self.applied = self.applied.max(position);
        if self.down_until.is_some_and(|until| self.applied >= until) {
            self.down_until = None;
        }
    }

    fn is_waited_for(&self) -> bool {
        self.counts && self.down_until.is_none()
    }
}
