//! The publishing side: one block at a time, until its fate is known
//! (`publish.rs`). Which word means what is the real [`Fate`]'s business.
//!
//! [`Fate`]: yoshi_replica::fate::Fate

use std::rc::Rc;

use yoshi_replica::fate::Settled;

use super::{CALL, Effect, Hands, Replica, Timer};
use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::Rows;
use crate::message::Published;

const RETRY_FIRST: Micros = 20 * MILLI;
const RETRY_LONGEST: Micros = 2 * SECOND;

/// The block whose fate is not known yet.
pub(super) struct Publishing {
    id: String,
    entries: Rc<Vec<Vec<u8>>>,
    pause: Micros,
    step: Step,
}

enum Step {
    /// The first look at the root's last block.
    Looking(u64),
    /// Sent.
    Sent(u64),
    /// Refused: what does the stream hold?
    Settling(u64),
    /// It is sent again after a pause.
    Pausing,
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
        });
        self.attempt(hands);
    }

    pub(super) fn attempt(&mut self, hands: &mut Hands<'_, R>) {
        let token = self.call(hands, CALL);
        let expected = self.fate.expected();
        let Some(publishing) = &mut self.publishing else {
            return;
        };
        let Some(expected) = expected else {
            publishing.step = Step::Looking(token);
            hands.effects.push_back(Effect::AskLast(token));
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
                let token = self.call(hands, CALL);
                self.step(Step::Settling(token));
                hands.effects.push_back(Effect::AskLast(token));
            }
            Published::Conflict => self.again_later(hands),
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
            Step::Looking(looking) if looking == token => {
                self.fate.looked(last.map(|(sequence, _)| sequence));
                self.attempt(hands);
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
            Step::Looking(_) | Step::Sent(_) | Step::Settling(_) | Step::Pausing => {}
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
            Step::Looking(asked) | Step::Sent(asked) | Step::Settling(asked) if asked == token => {
                self.again_later(hands);
            }
            Step::Looking(_) | Step::Sent(_) | Step::Settling(_) | Step::Pausing => {}
        }
    }

    fn block_stored(&mut self, hands: &Hands<'_, R>, sequence: u64) {
        self.publishing = None;
        self.root.stored(sequence, hands.now);
    }

    fn again_later(&mut self, hands: &mut Hands<'_, R>) {
        self.step(Step::Pausing);
        if let Some(publishing) = &mut self.publishing {
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
