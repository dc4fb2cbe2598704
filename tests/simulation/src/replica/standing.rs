//! Whether this server has applied what was in the log a moment ago
//! (`standing.rs`).

use std::time::Instant;

use yoshi_protocol::{Incarnation, Position, ServerId};
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
    /// Servers that seem to be past the stream's end were asked so.
    ahead: Vec<u64>,
    /// What was the tail when it was asked.
    tail: Option<u64>,
}

impl<R: Rows> Replica<R> {
    pub(super) fn ask_tail(&mut self, hands: &mut Hands<'_, R>) {
        let token = self.call(hands, CALL);
        let peers = self.peers.iter().map(|peer| (peer.id, peer.applied));
        self.watching = Watching {
            asked: Some((token, hands.now)),
            before: peers.collect(),
            log: self.is_trusted.then_some(self.log),
            ahead: Vec::new(),
            tail: None,
        };
        hands.effects.push_back(Effect::AskView(token));
    }

    pub(super) fn saw_tail(&mut self, hands: &mut Hands<'_, R>, token: u64, view: &View) {
        if !self.is_asked(token) || self.watching.tail.is_some() {
            return;
        }
        let Some(log) = self.watching.log else {
            return self.stands(hands, None);
        };
        if view.incarnation != log {
            self.look_again(hands);
            return self.stands(hands, None);
        }
        self.watching.tail = Some(view.last);
        let before = std::mem::take(&mut self.watching.before).into_iter();
        for (peer, _) in before.filter(|(_, applied)| applied.sequence() > view.last) {
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
        hands
            .effects
            .push_back(Effect::After(pause, Timer::Standing));
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
