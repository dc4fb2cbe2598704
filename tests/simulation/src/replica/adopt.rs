//! Before a stream is followed: is it the log that this database was filled
//! from, all of it, or one that continues that log (`applier/adopt.rs`)? What
//! may be done with a stream is the real [`judge`]'s business.

use std::collections::BTreeSet;

use yoshi_protocol::subject::Role;
use yoshi_protocol::{Incarnation, Position};
use yoshi_replica::lineage::{Adoption, Verdict, is_beginning, judge};
use yoshi_replica::{Standing, View};

use super::follow::Follow;
use super::{CALL, Effect, Hands, Replica};
use crate::bug::Bug;
use crate::clock::{Micros, SECOND};
use crate::disk::{Cursor, Rows};
use crate::message::Page;

/// How long a neighbour may take to say how far it is.
pub(super) const LOOK: Micros = SECOND;

/// The stream has the right incarnation and is long enough. It may still have
/// lost its end.
pub(super) struct Looking {
    view: View,
    /// The question which block stands where this server has read its last one.
    id: Option<u64>,
    /// Servers that were asked how far they are, by question.
    asked: BTreeSet<u64>,
    /// How far the furthest of them is, past the stream's end.
    further: Option<Position>,
    /// The second look at the stream, once somebody is further than the first.
    again: Option<u64>,
    /// Neither the database nor the stream holds anything.
    is_beginning: bool,
    /// Somebody follows another log.
    is_another: bool,
}

impl Looking {
    pub(super) fn asks(&self, token: u64) -> bool {
        self.id == Some(token) || self.again == Some(token) || self.asked.contains(&token)
    }

    /// Silence of a neighbour proves nothing.
    pub(super) fn may_go_unanswered(&self, token: u64) -> bool {
        self.asked.contains(&token)
    }
}

impl<R: Rows> Replica<R> {
    /// The stream told where it stands.
    pub(super) fn viewed(&mut self, hands: &mut Hands<'_, R>, token: u64, view: &View) {
        match &self.follow {
            Follow::Viewing {
                token: asked,
                taken,
            } if *asked == token => {
                let taken = *taken;
                self.judged(hands, view.clone(), taken);
            }
            Follow::Looking(looking) if looking.again == Some(token) => {
                let further = looking.further.unwrap_or(Position::ZERO);
                if view.incarnation != self.log {
                    self.interrupted(hands);
                } else if further.sequence() > view.last && self.bug != Some(Bug::TailUnchecked) {
                    self.lost(hands, lost_end());
                } else {
                    self.whole(hands, view.clone());
                }
            }
            _ => {}
        }
    }

    fn judged(&mut self, hands: &mut Hands<'_, R>, view: View, taken: Option<(Incarnation, u64)>) {
        let Some(stored) = self.reload_cursor(hands) else {
            return hands
                .effects
                .push_back(Effect::Stop("the database has gone back"));
        };
        let mut verdict = judge(Role::Ms, self.id, "the log", stored, &view);
        if self.bug == Some(Bug::TailUnchecked) && view.incarnation == stored.incarnation {
            verdict = Verdict::Follow;
        }
        let is_lost = |(of, sequence): (_, u64)| of == view.incarnation && sequence > view.last;
        match verdict {
            Verdict::Follow
                if taken.is_some_and(is_lost) && self.bug != Some(Bug::TailUnchecked) =>
            {
                self.lost(hands, lost_end());
            }
            Verdict::Follow => self.look_whether_whole(hands, view),
            Verdict::Lost(what) => self.lost(hands, what),
            Verdict::Adopt(adoption)
                if self.stored < adoption.through && self.bug != Some(Bug::AdoptsUnlevelled) =>
            {
                self.trust(false);
                self.ask_neighbour(hands, view, Some(adoption.through));
            }
            Verdict::Adopt(adoption) => {
                self.trust(false);
                self.adopt(hands, &view, adoption, stored);
            }
        }
    }

    /// After an interruption the last commit may have happened, or not.
    fn reload_cursor(&mut self, hands: &mut Hands<'_, R>) -> Option<Cursor> {
        let stored = hands.disk.cursor?;
        if self.adopting == Some(stored.incarnation) {
            self.adopted(hands, stored);
        }
        let is_back = stored.incarnation != self.log || stored.applied < self.applied;
        self.stored = stored.applied;
        (!is_back).then_some(stored)
    }

    fn look_whether_whole(&mut self, hands: &mut Hands<'_, R>, view: View) {
        if self.is_doubted && self.bug != Some(Bug::TailUnchecked) {
            return self.lost(hands, lost_end());
        }
        let mut looking = Looking {
            id: None,
            asked: BTreeSet::new(),
            further: None,
            again: None,
            is_beginning: is_beginning(self.stored, &view),
            is_another: false,
            view,
        };
        let since = Position::end_of_block(looking.view.last);
        if let Some((sequence, _)) = &hands.disk.block
            && (looking.view.first..=looking.view.last).contains(sequence)
        {
            let (sequence, token) = (*sequence, self.call(hands, CALL));
            looking.id = Some(token);
            hands.effects.push_back(Effect::AskId { token, sequence });
        }
        let mut known = hands.disk.known.clone();
        if looking.is_beginning {
            known.extend(self.peers.iter().map(|peer| peer.id));
        }
        for peer in known {
            let token = self.call(hands, LOOK);
            looking.asked.insert(token);
            hands
                .effects
                .push_back(Effect::AskPage { token, peer, since });
        }
        self.follow = Follow::Looking(looking);
        self.looked(hands);
    }

    /// The stream told which block stands where this server has read its last.
    pub(super) fn told_id(&mut self, hands: &mut Hands<'_, R>, token: u64, id: Option<&str>) {
        let Follow::Looking(looking) = &mut self.follow else {
            return;
        };
        if looking.id != Some(token) {
            return;
        }
        looking.id = None;
        let own = hands.disk.block.as_ref().map(|(_, id)| id.as_str());
        if own != id && self.bug != Some(Bug::TailUnchecked) {
            return self.lost(hands, lost_end());
        }
        self.looked(hands);
    }

    /// A neighbour told how far it is.
    pub(super) fn told_how_far(
        &mut self,
        hands: &mut Hands<'_, R>,
        token: u64,
        page: Option<&Page>,
    ) {
        if let Follow::Looking(looking) = &mut self.follow {
            let since = Position::end_of_block(looking.view.last);
            let through = page.map(|page| page.through);
            looking.is_another |= page.is_none();
            looking.further = looking
                .further
                .max(through.filter(|through| *through > since));
        }
        self.silent(hands, token);
    }

    /// Nothing more is waited for from a neighbour.
    pub(super) fn silent(&mut self, hands: &mut Hands<'_, R>, token: u64) {
        if let Follow::Looking(looking) = &mut self.follow {
            looking.asked.remove(&token);
        }
        self.looked(hands);
    }

    fn looked(&mut self, hands: &mut Hands<'_, R>) {
        let Follow::Looking(looking) = &self.follow else {
            return;
        };
        if looking.id.is_some() || !looking.asked.is_empty() || looking.again.is_some() {
            return;
        }
        if looking.is_beginning && looking.is_another {
            return self.lost(hands, lost_end());
        }
        if looking.further.is_none() {
            let view = looking.view.clone();
            return self.whole(hands, view);
        }
        // They may have read what was stored since.
        let token = self.call(hands, CALL);
        if let Follow::Looking(looking) = &mut self.follow {
            looking.again = Some(token);
        }
        hands.effects.push_back(Effect::AskView(token));
    }

    fn adopt(&mut self, hands: &mut Hands<'_, R>, view: &View, adoption: Adoption, stored: Cursor) {
        let to = Cursor {
            incarnation: adoption.into,
            applied: adoption.at,
        };
        self.adopting = Some(adoption.into);
        let lineage = view.lineage.of(adoption.into);
        let transaction = hands.disk.begin_adoption(stored, to, lineage);
        hands.effects.push_back(Effect::Commit(transaction));
        self.follow = Follow::Adopting { transaction, to };
    }

    /// The transaction that takes a log up has ended.
    pub(super) fn adoption_committed(&mut self, hands: &mut Hands<'_, R>, held: bool) {
        let Follow::Adopting { to, .. } = &self.follow else {
            return;
        };
        let to = *to;
        if !held {
            return self.interrupted(hands);
        }
        self.adopted(hands, to);
        self.follow_again(hands);
    }

    /// The database stands in another log: everybody in this process may know.
    fn adopted(&mut self, hands: &mut Hands<'_, R>, to: Cursor) {
        self.adopting = None;
        self.log = to.incarnation;
        self.stored = to.applied;
        self.is_doubted = false;
        for ticket in self.root.forget_stored() {
            hands.effects.push_back(Effect::Done(ticket, None));
        }
        self.advance(hands, to.applied, Vec::new());
    }

    pub(super) fn trust(&mut self, is_trusted: bool) {
        self.is_trusted = is_trusted;
        if is_trusted && matches!(self.standing, Standing::Lost(_)) {
            self.standing = Standing::CatchingUp;
        }
    }
}

fn lost_end() -> String {
    let command = yoshi_replica::recovery(Role::Ms);
    format!("the log has lost its end: run `{command}`")
}
