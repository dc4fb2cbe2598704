//! The publishing side: one block at a time, until its fate is known
//! (`publish.rs`). Which word means what is the real [`Fate`]'s business.
//!
//! [`Fate`]: yoshi_replica::fate::Fate

use std::collections::BTreeSet;
use std::rc::Rc;

use yoshi_protocol::{Incarnation, Position};
use yoshi_replica::View;
use yoshi_replica::fate::Settled;

use super::adopt::LOOK;
use super::{CALL, Effect, Hands, Replica, Timer};
use crate::bug::Bug;
use crate::clock::{MILLI, Micros, SECOND};
use crate::disk::Rows;
use crate::message::{Page, Published};

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
    /// The same: has another server applied more of it than it holds?
    Asking(Asking),
    /// The same: the root's last block in it.
    Looking { token: u64, look: Look, first: u64 },
    /// Sent.
    Sent(u64),
    /// Refused: the root's last block in the stream.
    Settling(u64),
    /// It is sent again after a pause.
    Pausing,
}

impl Step {
    fn has_asked_all(&self) -> bool {
        matches!(self, Self::Asking(asking) if asking.asked.is_empty() && asking.again.is_none())
    }
}

/// How far the other servers are.
struct Asking {
    asked: BTreeSet<u64>,
    look: Look,
    view: View,
    further: Option<Position>,
    /// The second look at the stream, once somebody is further than the first.
    again: Option<u64>,
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
        self.viewed_again(hands, token, view);
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
        let mut asking = Asking {
            asked: BTreeSet::new(),
            look,
            view: view.clone(),
            further: None,
            again: None,
        };
        let since = Position::end_of_block(view.last);
        let asks_all = self.bug != Some(Bug::RootAsksNobody);
        for peer in hands.disk.known.clone().into_iter().filter(|_| asks_all) {
            let token = self.call(hands, LOOK);
            asking.asked.insert(token);
            hands
                .effects
                .push_back(Effect::AskPage { token, peer, since });
        }
        self.step(Step::Asking(asking));
        self.asked_all(hands);
    }

    /// A neighbour told the publisher how far it is, or did not in time.
    pub(super) fn publisher_page(
        &mut self,
        hands: &mut Hands<'_, R>,
        token: u64,
        page: Option<&Page>,
    ) {
        let step = self.publishing.as_mut().map(|block| &mut block.step);
        let Some(Step::Asking(asking)) = step else {
            return;
        };
        if asking.asked.remove(&token) {
            let since = Position::end_of_block(asking.view.last);
            let through = page.map(|page| page.through);
            let further = through.filter(|through| *through > since);
            asking.further = asking.further.max(further);
            self.asked_all(hands);
        }
    }

    fn asked_all(&mut self, hands: &mut Hands<'_, R>) {
        let step = self.publishing.as_ref().map(|block| &block.step);
        let Some(Step::Asking(asking)) = step.filter(|step| step.has_asked_all()) else {
            return;
        };
        if asking.further.is_none() {
            let (look, view) = (asking.look, asking.view.clone());
            return self.is_whole(hands, look, &view);
        }
        let token = self.call(hands, CALL);
        let step = self.publishing.as_mut().map(|block| &mut block.step);
        if let Some(Step::Asking(asking)) = step {
            asking.again = Some(token);
        }
        hands.effects.push_back(Effect::AskView(token));
    }

    fn viewed_again(&mut self, hands: &mut Hands<'_, R>, token: u64, again: &View) {
        let step = self.publishing.as_ref().map(|block| &block.step);
        let Some(Step::Asking(asking)) = step else {
            return;
        };
        if asking.again != Some(token) {
            return;
        }
        let (look, view) = (asking.look, asking.view.clone());
        let further = asking.further.map_or(0, |further| further.sequence());
        if again.incarnation != view.incarnation || again.last < further {
            return self.again_later(hands);
        }
        self.is_whole(hands, look, &view);
    }

    fn is_whole(&mut self, hands: &mut Hands<'_, R>, look: Look, view: &View) {
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
            | Step::Asking(_)
            | Step::Looking { .. }
            | Step::Sent(_)
            | Step::Settling(_)
            | Step::Pausing => {}
        }
    }

    pub(super) fn publish_call_failed(&mut self, hands: &mut Hands<'_, R>, token: u64) {
        // Silence of a neighbour proves nothing.
        self.publisher_page(hands, token, None);
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
            Step::Asking(Asking {
                again: Some(asked), ..
            })
            | Step::Viewing { token: asked, .. }
            | Step::Looking { token: asked, .. }
            | Step::Sent(asked)
            | Step::Settling(asked)
                if asked == token =>
            {
                self.unknown(hands);
            }
            Step::Viewing { .. }
            | Step::Asking(_)
            | Step::Looking { .. }
            | Step::Sent(_)
            | Step::Settling(_)
            | Step::Pausing => {}
        }
    }

    fn block_stored(&mut self, hands: &mut Hands<'_, R>, sequence: u64) {
        self.publishing = None;
        self.taken = Some((self.ground.log, sequence));
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
