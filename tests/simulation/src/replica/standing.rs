//! Whether this server has applied what was in the log a moment ago
//! (`standing.rs`).

use std::time::Instant;

use yoshi_protocol::Position;
use yoshi_replica::Standing;

use super::{CALL, Effect, Hands, Replica, Timer};
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::Rows;
use crate::message::View;

const ASK_EVERY: Micros = SECOND;
const ASK_AGAIN: Micros = 50 * MILLI;

/// The question about the tail that is under way.
#[derive(Debug, Default)]
pub(super) struct Watching {
    asked: Option<(u64, Instant)>,
    /// What was the tail when it was asked.
    tail: Option<u64>,
}

impl<R: Rows> Replica<R> {
    pub(super) fn ask_tail(&mut self, hands: &mut Hands<'_, R>) {
        let token = self.call(hands, CALL);
        self.watching = Watching {
            asked: Some((token, hands.now)),
            tail: None,
        };
        hands.effects.push_back(Effect::AskView(token));
    }

    pub(super) fn saw_tail(&mut self, hands: &mut Hands<'_, R>, token: u64, view: View) {
        if !self.is_asked(token) || self.watching.tail.is_some() {
            return;
        }
        if view.incarnation != self.stream {
            return self.stands(hands, None);
        }
        self.watching.tail = Some(view.last);
        hands
            .effects
            .push_back(Effect::After(ASK_EVERY, Timer::Reach(token)));
        self.reached(hands);
    }

    /// The position has moved.
    pub(super) fn reached(&mut self, hands: &mut Hands<'_, R>) {
        if self
            .watching
            .tail
            .is_some_and(|tail| next_sequence(self.applied) > tail)
        {
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
