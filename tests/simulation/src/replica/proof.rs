//! Before a database goes on from a neighbour's copy of the log: is what it holds
//! the beginning of that copy (`applier/proof.rs`)? What two copies are is the real
//! [`Comparison`]'s business.

use serde_bytes::ByteBuf;
use yoshi_protocol::Position;
use yoshi_protocol::history::{Comparison, Found, Side, whole_after};
use yoshi_protocol::message::log::{LogEntry, LogPage};
use yoshi_protocol::subject::Role;
use yoshi_replica::View;

use super::follow::Follow;
use super::standing::next_sequence;
use super::{Effect, Hands, Replica};
use crate::bug::Bug;
use crate::clock::{Micros, SECOND};
use crate::disk::Rows;
use crate::message::Page;

const PAGE_TIMEOUT: Micros = 10 * SECOND;

/// A comparison under way; a page of the neighbour is waited for.
pub(super) struct Proving {
    pub(super) token: u64,
    view: View,
    peer: yoshi_protocol::ServerId,
    since: Position,
    comparison: Comparison,
}

impl<R: Rows> Replica<R> {
    /// The stream is whole. If it begins after what this database holds, its
    /// blocks do not tell whether that comes before them.
    pub(super) fn whole(&mut self, hands: &mut Hands<'_, R>, view: View) {
        let is_shown = self.stored == Position::ZERO || self.proven_for == Some(view.incarnation);
        let begins_later = next_sequence(self.stored) < view.first;
        if !begins_later || is_shown || self.bug == Some(Bug::HeadUnchecked) {
            return self.goes_on(hands, view);
        }
        let peers = self.peers.iter();
        let mut peers: Vec<_> = peers
            .filter(|peer| peer.id != self.id && peer.applied >= self.stored)
            .collect();
        peers.sort_unstable_by_key(|peer| (std::cmp::Reverse(peer.applied), peer.id));
        let Some(peer) = peers.get(self.neighbour_tries % peers.len().max(1)) else {
            return self.interrupted(hands);
        };
        // After a failure another one is asked, if there is one.
        self.neighbour_tries += 1;
        let floor = whole_after(Role::Ms, peer.applied);
        let comparison = Comparison::up_to(self.stored, floor);
        self.compare(hands, view, peer.id, comparison);
    }

    fn goes_on(&mut self, hands: &mut Hands<'_, R>, view: View) {
        self.trust(true);
        self.fill_or_read(hands, view);
    }

    fn compare(
        &mut self,
        hands: &mut Hands<'_, R>,
        view: View,
        peer: yoshi_protocol::ServerId,
        mut comparison: Comparison,
    ) {
        while let Some((side, since)) = comparison.wanted() {
            if side == Side::Other {
                let token = self.call(hands, PAGE_TIMEOUT);
                hands
                    .effects
                    .push_back(Effect::AskPage { token, peer, since });
                self.follow = Follow::Proving(Proving {
                    token,
                    view,
                    peer,
                    since,
                    comparison,
                });
                return;
            }
            let page = hands.disk.page(since, self.stored);
            match self.found(comparison, side, &page) {
                Ok(going_on) => comparison = going_on,
                Err(found) => return self.shown(hands, view, found),
            }
        }
        self.interrupted(hands);
    }

    /// The comparison that goes on, or what came of it.
    fn found(
        &self,
        mut comparison: Comparison,
        side: Side,
        page: &Page,
    ) -> Result<Comparison, Found> {
        match comparison.take(side, of_wire(page)) {
            None => Ok(comparison),
            Some(Found::Again(since)) => Ok(comparison.again(since)),
            Some(found) => Err(found),
        }
    }

    fn shown(&mut self, hands: &mut Hands<'_, R>, view: View, found: Found) {
        if found == Found::Same {
            self.neighbour_tries -= 1;
            self.proven_for = Some(view.incarnation);
            return self.goes_on(hands, view);
        }
        self.lost(
            hands,
            "another history: run `yoshi resync-server`".to_owned(),
        );
    }

    /// The neighbour gave its page, or none.
    pub(super) fn proof_page(
        &mut self,
        hands: &mut Hands<'_, R>,
        proving: Proving,
        page: Option<&Page>,
    ) {
        let Proving {
            view,
            peer,
            since,
            comparison,
            ..
        } = proving;
        let Some(page) = page.filter(|page| page.through > since) else {
            return self.interrupted(hands);
        };
        match self.found(comparison, Side::Other, page) {
            Ok(going_on) => self.compare(hands, view, peer, going_on),
            Err(found) => self.shown(hands, view, found),
        }
    }
}

/// A page as it would travel: equal entries have equal bytes.
fn of_wire(page: &Page) -> LogPage {
    let entry = |(position, decoded): &(Position, crate::message::Decoded)| LogEntry {
        entry: ByteBuf::from(format!("{decoded:?}")),
        position: *position,
    };
    LogPage::new(page.entries.iter().map(entry).collect(), page.through, true)
}
