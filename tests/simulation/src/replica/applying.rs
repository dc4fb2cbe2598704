//! Applying: a batch of blocks in one transaction, and only after its commit
//! the word to the roots (`applier.rs`).

use std::rc::Rc;

use yoshi_protocol::{Incarnation, Position};

use super::follow::Follow;
use super::{Effect, Hands, Replica};
use crate::bug::Bug;
use crate::disk::Rows;
use crate::message::{Decoded, StoredBlock};

/// Blocks of one transaction; the real bound is 64.
const BATCH_BLOCKS: usize = 8;

impl<R: Rows> Replica<R> {
    /// Begins the transaction of the next batch, if there is one.
    pub(super) fn apply_next(&mut self, hands: &mut Hands<'_, R>) {
        let Follow::Reading(reading) = &mut self.follow else {
            return;
        };
        if reading.applying.is_some() || reading.buffer.is_empty() {
            return;
        }
        let count = reading.buffer.len().min(BATCH_BLOCKS);
        let batch: Vec<_> = reading.buffer.drain(..count).collect();
        let to = end(&batch);
        let entries = self.entries(&batch);
        let new = entries.partition_point(|(position, _)| *position <= self.stored);
        // What an interruption hid is committed: only its outcomes are missing.
        let (hidden, new) = entries.split_at(new);
        let mut outcomes = hands.disk.rows.recall(hidden);
        if to <= self.stored {
            self.hold_outcomes(outcomes);
            return self.applied(hands, &batch);
        }
        let (decided, change) = hands.disk.rows.decide(new, self.bug);
        if self.bug == Some(Bug::ChangeBeforeCommit) {
            let own = |position: Position| is_own(&batch, self.life, position);
            let told = new.iter().zip(&decided).filter(|((at, _), _)| own(*at));
            let told = told.map(|((_, entry), outcome)| (entry.clone(), outcome.clone()));
            let told = told.map(|(entry, outcome)| Effect::Decided(entry, outcome));
            hands.effects.extend(told);
        }
        outcomes.extend(decided.into_iter().map(Some));
        let last = batch.last().expect("a batch has a block");
        let block = Some((last.sequence, last.id.clone()));
        let transaction = hands.disk.begin(self.stored, to, block, change, self.bug);
        hands.effects.push_back(Effect::Commit(transaction));
        self.hold_outcomes(outcomes);
        if self.bug == Some(Bug::AccountedBeforeCommit) {
            self.account(hands, &batch, to);
        }
        if let Follow::Reading(reading) = &mut self.follow {
            reading.applying = Some((transaction, batch));
        }
    }

    /// A transaction has ended.
    pub(super) fn committed(&mut self, hands: &mut Hands<'_, R>, transaction: u64, held: bool) {
        match &mut self.follow {
            Follow::FillingIn {
                transaction: filling,
                ..
            } if *filling == transaction => {
                self.filled_in(hands, held);
            }
            Follow::Adopting {
                transaction: adopting,
                ..
            } if *adopting == transaction => self.adoption_committed(hands, held),
            Follow::Reading(reading) => {
                let Some((_, batch)) = reading
                    .applying
                    .take_if(|(applying, _)| *applying == transaction)
                else {
                    return;
                };
                if !held {
                    return self.interrupted(hands);
                }
                self.stored = end(&batch);
                self.applied(hands, &batch);
            }
            Follow::Paused
            | Follow::Viewing { .. }
            | Follow::Looking(_)
            | Follow::Proving(_)
            | Follow::Paging { .. }
            | Follow::FillingIn { .. }
            | Follow::Adopting { .. } => {}
        }
    }

    fn applied(&mut self, hands: &mut Hands<'_, R>, batch: &[Rc<StoredBlock>]) {
        let to = end(batch);
        let entries = self.entries(batch);
        let outcomes = self.take_outcomes();
        let positions = entries.iter().map(|(position, _)| *position);
        let outcomes = positions
            .zip(outcomes)
            .filter(|(position, _)| is_own(batch, self.life, *position))
            .filter_map(|(position, outcome)| Some((position, outcome?)))
            .collect();
        self.advance(hands, to, outcomes);
        self.account(hands, batch, to);
        self.apply_next(hands);
    }

    /// The commit is done: everybody in this process may know.
    pub(super) fn advance(
        &mut self,
        hands: &mut Hands<'_, R>,
        through: Position,
        outcomes: Vec<(Position, R::Outcome)>,
    ) {
        self.applied = through;
        self.root.outcomes(outcomes);
        self.root.applied(through);
        self.reached(hands);
    }

    /// Tells each other root once how far this server has committed.
    fn account(&self, hands: &mut Hands<'_, R>, batch: &[Rc<StoredBlock>], through: Position) {
        let mut told = Vec::new();
        for block in batch.iter().rev() {
            if block.root == self.id || told.contains(&block.life) {
                continue;
            }
            told.push(block.life);
            hands
                .effects
                .push_back(Effect::Account(Rc::clone(block), through));
        }
    }

    fn entries(&self, batch: &[Rc<StoredBlock>]) -> Vec<(Position, Decoded)> {
        let entries = batch.iter().flat_map(|block| block.entries.iter());
        entries
            .filter(|(position, _)| *position > self.applied)
            .cloned()
            .collect()
    }
}

/// Whether an entry comes from this life of this server.
fn is_own(batch: &[Rc<StoredBlock>], life: Incarnation, position: Position) -> bool {
    batch
        .iter()
        .any(|block| block.sequence == position.sequence() && block.life == life)
}

fn end(batch: &[Rc<StoredBlock>]) -> Position {
    Position::end_of_block(batch.last().expect("a batch has a block").sequence)
}
