//! The publishing side: one block at a time, until its fate is known
//! (`publish.rs`). Which word means what is the real [`Fate`]'s business.
//!
//! [`Fate`]: yoshi_replica::fate::Fate

use std::rc::Rc;

use yoshi_protocol::Incarnation;
use yoshi_replica::View;
use yoshi_replica::fate::Settled;

use super::{CALL, Effect, Hands, Replica, Timer};
use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::Rows;
use crate::message::Published;

const RETRY_FIRST: Micros = 20 * MILLI;
const RETRY_LONGEST: Micros = 2 * SECOND;
/// Looks in a row that may contradict what a root knows: a leader that was just
/// elected may speak of an older state once.
const CONTRADICTIONS_MAX: u32 = 1;

/// The block whose fate is not known yet.
pub(super) struct Publishing {
    id: String,
    entries: Rc<Vec<Vec<u8>>>,
    pause: Micros,
    step: Step,
    /// It was refused: what does the stream hold? The log that refused it.
    is_refused: Option<Incarnation>,
}

enum Step {
    /// A look at the stream: is it the right one? What must hold was noted
    /// before it was asked.
    Viewing {
        token: u64,
        look: Look,
        applied: u64,
    },
    /// The same: the root's last block in it.
    Looking { token: u64, look: Look, first: u64 },
    /// Sent.
    Sent(u64),
    /// Refused: the root's last block in the stream.
    Settling(u64),
    /// It is sent again after a pause.
    Pausing,
}

/// What is known of the log that blocks go into.
#[derive(Debug)]
pub(super) struct Ground {
    /// The latest look at the stream; none after a doubt.
    looked: Option<Look>,
    /// The log that the fate of blocks is about.
    log: Incarnation,
    contradictions: u32,
}

/// Which log was followed at a look, and over which connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    log: Incarnation,
    connects: u64,
}

impl Ground {
    pub(super) fn new(log: Incarnation) -> Self {
        Self {
            looked: None,
            log,
            contradictions: 0,
        }
    }
}

impl<R: Rows> Replica<R> {
    pub(super) fn publish_next(&mut self, hands: &mut Hands<'_, R>) {
        if self.publishing.is_some() {
            return;
        }
        let Some(entries) = self.root.next_block() else {
            return;
        };
        let entries = entries.into_iter().map(serde_bytes::ByteBuf::into_vec);
        self.publishing = Some(Publishing {
            id: self.fate.next_id(),
            entries: Rc::new(entries.collect()),
            pause: RETRY_FIRST,
            step: Step::Pausing,
            is_refused: None,
        });
        self.attempt(hands);
    }

    fn now(&self, hands: &Hands<'_, R>) -> Look {
        Look {
            log: self.log,
            connects: hands.connects,
        }
    }

    pub(super) fn attempt(&mut self, hands: &mut Hands<'_, R>) {
        let now = self.now(hands);
        let refused = self.publishing.as_ref().map(|block| block.is_refused);
        let is_known = self.ground.looked == Some(now) && self.is_trusted;
        match refused {
            None => return,
            Some(None) if is_known => return self.publish(hands),
            Some(_) => {}
        }
        let is_doubted = self.ground.contradictions > CONTRADICTIONS_MAX;
        if !self.is_trusted && !is_doubted {
            return self.again_later(hands);
        }
        self.ground.looked = None;
        let token = self.call(hands, CALL);
        let applied = self.applied.sequence();
        self.step(Step::Viewing {
            token,
            look: now,
            applied,
        });
        hands.effects.push_back(Effect::AskView(token));
    }

    fn publish(&mut self, hands: &mut Hands<'_, R>) {
        let Some(expected) = self.fate.expected() else {
            return self.again_later(hands);
        };
        let token = self.call(hands, CALL);
        let Some(publishing) = &mut self.publishing else {
            return;
        };
        publishing.step = Step::Sent(token);
        let unfenced = self.bug == Some(Bug::NextBlockWhileUnknown);
        hands.effects.push_back(Effect::Publish {
            token,
            id: publishing.id.clone(),
            expected: (!unfenced).then_some(expected),
            entries: Rc::clone(&publishing.entries),
        });
    }

    /// The stream told where it stands: is it the log that this server's
    /// database was filled from, with everything that it has applied?
    pub(super) fn publisher_viewed(&mut self, hands: &mut Hands<'_, R>, token: u64, view: &View) {
        let Some(Step::Viewing {
            token: asked,
            look,
            applied,
        }) = self.publishing.as_ref().map(|block| &block.step)
        else {
            return;
        };
        let (asked, look, applied) = (*asked, *look, *applied);
        if asked != token {
            return;
        }
        if view.incarnation != look.log || view.last < applied {
            return self.again_later(hands);
        }
        if self.ground.log != view.incarnation {
            self.ground.log = view.incarnation;
            self.fate.forget();
        }
        let token = self.call(hands, CALL);
        let first = view.first;
        self.step(Step::Looking { token, look, first });
        hands.effects.push_back(Effect::AskLast(token));
    }

    fn looked_at(
        &mut self,
        hands: &mut Hands<'_, R>,
        (look, first): (Look, u64),
        last: Option<u64>,
    ) {
        let is_doubted = self.ground.contradictions > CONTRADICTIONS_MAX;
        if self.fate.is_contradicted(first, last) {
            self.ground.contradictions = self.ground.contradictions.saturating_add(1);
            if self.ground.contradictions > CONTRADICTIONS_MAX {
                self.is_doubted = true;
                self.look_again(hands);
            }
            return self.again_later(hands);
        }
        self.ground.contradictions = 0;
        if is_doubted {
            self.is_doubted = false;
            return self.again_later(hands);
        }
        if self.fate.expected().is_none() {
            self.fate.looked(last);
        }
        self.ground.looked = Some(look);
        let refused = self
            .publishing
            .as_mut()
            .and_then(|block| block.is_refused.take());
        match refused {
            None => self.publish(hands),
            // The refusal was about a block's place in the lost log.
            Some(log) if log != self.ground.log => self.again_later(hands),
            Some(_) => {
                let token = self.call(hands, CALL);
                self.step(Step::Settling(token));
                hands.effects.push_back(Effect::AskLast(token));
            }
        }
    }

    pub(super) fn published(&mut self, hands: &mut Hands<'_, R>, token: u64, result: Published) {
        let sent =
            |publishing: &Publishing| matches!(publishing.step, Step::Sent(sent) if sent == token);
        if !self.publishing.as_ref().is_some_and(sent) {
            return;
        }
        match result {
            Published::Stored(sequence) => {
                self.fate.stored(sequence);
                self.block_stored(hands, sequence);
            }
            Published::Refused => {
                if let Some(publishing) = &mut self.publishing {
                    publishing.is_refused = Some(self.ground.log);
                }
                self.attempt(hands);
            }
            Published::Conflict => self.unknown(hands),
        }
    }

    pub(super) fn told_last(
        &mut self,
        hands: &mut Hands<'_, R>,
        token: u64,
        last: Option<(u64, String)>,
    ) {
        let Some(publishing) = &self.publishing else {
            return;
        };
        match publishing.step {
            Step::Looking {
                token: asked,
                look,
                first,
            } if asked == token => {
                let last = last.map(|(sequence, _)| sequence);
                self.looked_at(hands, (look, first), last);
            }
            Step::Settling(settling) if settling == token => {
                let last = last.as_ref();
                let last = last.map(|(sequence, id)| (*sequence, Some(id.as_str())));
                match self.fate.settle(&publishing.id, last) {
                    Settled::Stored(sequence) => self.block_stored(hands, sequence),
                    Settled::Again => self.again_later(hands),
                    Settled::Fenced => hands.effects.push_back(Effect::Stop("fenced")),
                }
            }
            Step::Viewing { .. }
            | Step::Looking { .. }
            | Step::Sent(_)
            | Step::Settling(_)
            | Step::Pausing => {}
        }
    }

    pub(super) fn publish_call_failed(&mut self, hands: &mut Hands<'_, R>, token: u64) {
        let Some(publishing) = &self.publishing else {
            return;
        };
        match publishing.step {
            Step::Sent(sent) if sent == token && self.bug == Some(Bug::NextBlockWhileUnknown) => {
                // "It will have gone in, next in line."
                let next = self.applied.sequence() + 1;
                self.fate.stored(next);
                self.block_stored(hands, next);
            }
            Step::Viewing { token: asked, .. }
            | Step::Looking { token: asked, .. }
            | Step::Sent(asked)
            | Step::Settling(asked)
                if asked == token =>
            {
                self.unknown(hands);
            }
            Step::Viewing { .. }
            | Step::Looking { .. }
            | Step::Sent(_)
            | Step::Settling(_)
            | Step::Pausing => {}
        }
    }

    fn block_stored(&mut self, hands: &mut Hands<'_, R>, sequence: u64) {
        self.publishing = None;
        self.root.stored(sequence, hands.now);
        if self.ground.log != self.log {
            for ticket in self.root.forget_stored() {
                hands.effects.push_back(Effect::Done(ticket, None));
            }
        }
    }

    fn unknown(&mut self, hands: &mut Hands<'_, R>) {
        self.ground.looked = None;
        self.again_later(hands);
    }

    fn again_later(&mut self, hands: &mut Hands<'_, R>) {
        self.step(Step::Pausing);
        if let Some(publishing) = &mut self.publishing {
            // What a refusal means is asked anew after it was sent again.
            publishing.is_refused = None;
            hands
                .effects
                .push_back(Effect::After(publishing.pause, Timer::Publish));
            publishing.pause = (publishing.pause * 2).min(RETRY_LONGEST);
        }
    }

    fn step(&mut self, step: Step) {
        if let Some(publishing) = &mut self.publishing {
            publishing.step = step;
        }
    }
}
