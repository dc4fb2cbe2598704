//! Whether this server has applied what was in the log a moment ago
//! (`standing.rs`).

use std::time::Instant;

use yoshi_protocol::{Incarnation, Position, ServerId};
use yoshi_replica::lineage::is_beginning;
use yoshi_replica::{Standing, View};

use super::{CALL, Effect, Hands, Replica, Timer};
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::Rows;
use crate::message::Page;

const ASK_EVERY: Micros = SECOND;
const ASK_AGAIN: Micros = 50 * MILLI;

/// The question about the tail that is under way.
#[derive(Debug, Default)]
pub(super) struct Watching {
    asked: Option<(u64, Instant)>,
    /// How far the others had said to be before it was asked: the stream must
    /// hold that; and which log was followed.
    before: Vec<(ServerId, Position)>,
    log: Option<Incarnation>,
    /// The last block that it had taken from this process before it was asked.
    taken: Option<(Incarnation, u64)>,
    /// Servers that seem to be past the stream's end were asked so.
    ahead: Vec<u64>,
    /// What was the tail when it was asked.
    tail: Option<u64>,
    /// Neither the database nor the stream held anything.
    is_beginning: bool,
}

/// What is waited for between two looks.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    /// The timer of the next look.
    next: u64,
    /// Somebody was heard of since the latest look began.
    hears_more: bool,
}

impl<R: Rows> Replica<R> {
    pub(super) fn ask_tail(&mut self, hands: &mut Hands<'_, R>) {
        let token = self.call(hands, CALL);
        let peers = self.peers.iter().map(|peer| (peer.id, peer.applied));
        self.watching = Watching {
            asked: Some((token, hands.now)),
            before: peers.collect(),
            log: self.is_trusted.then_some(self.log),
            taken: self.taken,
            ahead: Vec::new(),
            tail: None,
            is_beginning: false,
        };
        self.pausing.hears_more = false;
        hands.effects.push_back(Effect::AskView(token));
    }

    /// The pause before the next look is over.
    pub(super) fn look_at_tail(&mut self, hands: &mut Hands<'_, R>, timer: u64) {
        if self.pausing.next == timer {
            self.ask_tail(hands);
        }
    }

    /// While the database is empty, whoever is heard of may know better what
    /// the log is: they are asked before it serves.
    pub(super) fn hears_more(&mut self, hands: &mut Hands<'_, R>) {
        self.pausing.hears_more = true;
        if self.applied == Position::ZERO && self.watching.asked.is_none() {
            self.look_after(hands, 0);
        }
    }

    fn look_after(&mut self, hands: &mut Hands<'_, R>, pause: Micros) {
        self.pausing.next = self.token();
        let timer = Timer::Standing(self.pausing.next);
        hands.effects.push_back(Effect::After(pause, timer));
    }

    pub(super) fn saw_tail(&mut self, hands: &mut Hands<'_, R>, token: u64, view: &View) {
        if !self.is_asked(token) || self.watching.tail.is_some() {
            return;
        }
        let Some(log) = self.watching.log else {
            return self.stands(hands, None);
        };
        let taken = self.watching.taken;
        let is_lost = taken.is_some_and(|(of, sequence)| of == log && sequence > view.last);
        if view.incarnation != log || is_lost {
            self.look_again(hands);
            return self.stands(hands, None);
        }
        self.watching.tail = Some(view.last);
        self.watching.is_beginning = is_beginning(self.applied, view);
        let asks_all = self.watching.is_beginning;
        let before = std::mem::take(&mut self.watching.before).into_iter();
        let ahead = before.filter(|(_, applied)| asks_all || applied.sequence() > view.last);
        for (peer, _) in ahead {
            // Its position may be one of another log.
            let token = self.call(hands, SECOND);
            self.watching.ahead.push(token);
            let since = Position::end_of_block(view.last);
            hands
                .effects
                .push_back(Effect::AskPage { token, peer, since });
        }
        hands
            .effects
            .push_back(Effect::After(ASK_EVERY, Timer::Reach(token)));
        self.reached(hands);
    }

    /// A server that seemed to be past the stream's end told how far it is.
    pub(super) fn tail_page(&mut self, hands: &mut Hands<'_, R>, token: u64, page: Option<&Page>) {
        if !self.watching.ahead.contains(&token) {
            return;
        }
        let tail = self.watching.tail.unwrap_or_default();
        let since = Position::end_of_block(tail);
        if page.is_none() && self.watching.is_beginning {
            // It follows another log.
            self.confirmed = None;
            self.look_again(hands);
            return self.stands(hands, None);
        }
        if page.is_some_and(|page| page.through > since) {
            self.look_again(hands);
            return self.stands(hands, None);
        }
        self.watching.ahead.retain(|asked| *asked != token);
        self.reached(hands);
    }

    /// The position has moved.
    pub(super) fn reached(&mut self, hands: &mut Hands<'_, R>) {
        let is_reached = self
            .watching
            .tail
            .is_some_and(|tail| next_sequence(self.applied) > tail);
        if is_reached && self.watching.ahead.is_empty() {
            self.confirmed = self.watching.asked.map(|(_, at)| at);
            self.stands(hands, Some(Standing::AtTail));
        }
    }

    pub(super) fn tail_not_reached(&mut self, hands: &mut Hands<'_, R>, token: u64) {
        if self.is_asked(token) {
            self.stands(hands, Some(Standing::CatchingUp));
        }
    }

    pub(super) fn tail_call_failed(&mut self, hands: &mut Hands<'_, R>, token: u64) {
        if self.is_asked(token) && self.watching.tail.is_none() {
            self.stands(hands, Some(Standing::OutOfReach));
        } else if self.watching.ahead.contains(&token) {
            // Silence proves nothing.
            self.watching.ahead.retain(|asked| *asked != token);
            self.reached(hands);
        }
    }

    fn is_asked(&self, token: u64) -> bool {
        self.watching.asked.is_some_and(|(asked, _)| asked == token)
    }

    fn stands(&mut self, hands: &mut Hands<'_, R>, standing: Option<Standing>) {
        self.watching = Watching::default();
        let pause = if standing == Some(Standing::CatchingUp) {
            ASK_AGAIN
        } else {
            ASK_EVERY
        };
        if let Some(standing) = standing
            && !matches!(self.standing, Standing::Lost(_))
        {
            self.standing = standing;
        }
        let at_once = self.pausing.hears_more && self.applied == Position::ZERO;
        self.look_after(hands, if at_once { 0 } else { pause });
    }
}

/// The first sequence that holds something after `applied`.
pub(super) fn next_sequence(applied: Position) -> u64 {
    let sequence = applied.sequence();
    if applied == Position::end_of_block(sequence) {
        sequence + 1
    } else {
        sequence.max(1)
    }
}
