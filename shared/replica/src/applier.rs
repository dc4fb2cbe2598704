//! Follows the stream: reads batches of blocks, applies each batch in one
//! transaction, then, and only then, tells the roots what is accounted for.
//! Whether it may follow the stream at all is found out in `adopt`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client;
use deadpool_postgres::Pool;
use tokio::sync::{Notify, mpsc, watch};
use yoshi_planted::Fault;
use yoshi_protocol::{Incarnation, Position, ServerId};

use crate::cursor::{self, AppliedBlock, Cursor, DatabaseError, Move};
use crate::lineage::Lineage;
use crate::machine::StateMachine;
use crate::neighbour;
use crate::publish::StoredAt;
use crate::stream::{Log, StoredBlock, StreamError};
use crate::transact::{Applying, TransactError};
use crate::{Peer, ReplicaError, Settings, Standing};

mod adopt;
mod catch_up;
mod proof;
mod telling;

const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(2);
/// How late a commit is that was acknowledged before, where that fault is planted.
const PLANTED_COMMIT: Duration = Duration::from_millis(300);

/// What the root of this server hears after a commit.
#[derive(Debug)]
pub(crate) struct Committed<O> {
    /// Everything up to here is committed.
    pub(crate) through: Position,
    /// Which log that is: blocks that were stored in an earlier one may be in none.
    pub(crate) log: Incarnation,
    /// What became of entries that may be this process's own, in order.
    pub(crate) outcomes: Vec<(Position, O)>,
}

/// The log that the database was filled from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) incarnation: Incarnation,
    /// The lost logs that it continues.
    pub(crate) lineage: Lineage,
    /// Whether the stream was that log when it was last looked at: else nothing
    /// may be published.
    pub(crate) is_trusted: bool,
}

/// What came of asking neighbours.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Pages that none has given.
    tries: usize,
    /// The log that this database was shown to hold the beginning of.
    proven_for: Option<Incarnation>,
}

/// The applying side of one replica.
pub(crate) struct Applier<M: StateMachine> {
    pub(crate) settings: Settings,
    pub(crate) nats: Client,
    pub(crate) log: Log,
    pub(crate) pool: Pool,
    pub(crate) machine: Arc<M>,
    /// What this process knows to be committed, and has told its root.
    pub(crate) cursor: Cursor,
    /// What the database holds. Ahead of `cursor` only after an interruption
    /// that hid the success of a commit.
    pub(crate) stored: Position,
    /// The log that is being taken up, while it is not known whether it was.
    pub(crate) adopting: Option<Incarnation>,
    /// The last block that was applied from the stream, also by an earlier process.
    pub(crate) last_block: Option<AppliedBlock>,
    /// What came of asking neighbours.
    pub(crate) asked: Asked,
    pub(crate) peers: watch::Receiver<Vec<Peer>>,
    /// The servers that this one has ever replicated with.
    pub(crate) known: watch::Receiver<BTreeSet<ServerId>>,
    /// Why the stream cannot be the log, as far as the root has found out.
    pub(crate) doubt: watch::Sender<Option<String>>,
    /// The last block that the stream has taken from this process.
    pub(crate) stored_by_root: watch::Receiver<Option<StoredAt>>,
    /// The stream must be looked at anew.
    pub(crate) look_again: Arc<Notify>,
    pub(crate) followed: watch::Sender<Followed>,
    pub(crate) committed: mpsc::Sender<Committed<M::Outcome>>,
    pub(crate) applied: watch::Sender<Position>,
    pub(crate) standing: watch::Sender<Standing>,
}

/// Why following the stream was interrupted.
#[derive(Debug, thiserror::Error)]
enum Interruption {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Neighbour(#[from] neighbour::NeighbourError),
    #[error("{0}")]
    Lost(String),
    #[error("the stream may be another one now")]
    LookAgain,
    #[error(transparent)]
    Fatal(#[from] ReplicaError),
}

impl From<TransactError> for Interruption {
    fn from(error: TransactError) -> Self {
        match error {
            TransactError::Database(error) => Self::Database(error),
            TransactError::Moved => Self::Fatal(ReplicaError::Forked(error.to_string())),
            TransactError::Damaged { .. } => Self::Fatal(ReplicaError::Damaged(error.to_string())),
        }
    }
}

impl<M: StateMachine> Applier<M> {
    /// Follows the stream until the replica is stopped.
    ///
    /// # Errors
    /// [`ReplicaError`], after which this database must not be written again.
    pub(crate) async fn run(mut self) -> Result<(), ReplicaError> {
        let mut pause = RETRY_FIRST;
        let mut lost_before = false;
        loop {
            let started = Instant::now();
            match self.follow().await {
                Err(Interruption::Fatal(error)) => return Err(error),
                Err(Interruption::Lost(what)) => {
                    tracing::error!("{what}");
                    // A leader that was just elected may speak of an older
                    // state once; it does not do so twice.
                    if std::mem::replace(&mut lost_before, true) {
                        self.standing.send_replace(Standing::Lost(what));
                    }
                    pause = RETRY_LONGEST;
                    tokio::time::sleep(pause).await;
                    continue;
                }
                Err(Interruption::Stream(error)) if error.is_unreadable() => {
                    tracing::error!("{error}");
                    self.standing
                        .send_replace(Standing::Stuck(error.to_string()));
                    // The log may be recovered, or begin after it one day.
                    pause = RETRY_LONGEST;
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the log cannot be followed; trying again");
                    metrics::counter!("yoshi_replica_interruptions_total").increment(1);
                }
                Ok(never) => match never {},
            }
            lost_before = false;
            if started.elapsed() > RETRY_LONGEST {
                pause = RETRY_FIRST;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }

    async fn follow(&mut self) -> Result<std::convert::Infallible, Interruption> {
        let applying = Applying::<M>::connect(&self.pool, &self.log.name).await?;
        self.follow_with(&applying).await
    }

    async fn follow_with(
        &mut self,
        applying: &Applying<M>,
    ) -> Result<std::convert::Infallible, Interruption> {
        let view = self.trusted_view(applying).await?;
        while next_sequence(self.stored) < view.first {
            self.catch_up(applying, &view, None).await?;
        }
        let start = next_sequence(self.cursor.applied).max(view.first);
        let is_back = yoshi_planted::is(Fault::CatchUpSkips) && self.stored > Position::ZERO;
        let start = if is_back { view.last + 1 } else { start };
        let mut blocks = self.log.read_from(start).await?;
        let mut doubt = self.doubt.subscribe();
        let look_again = Arc::clone(&self.look_again);
        loop {
            let batch = tokio::select! {
                batch = blocks.next() => batch?,
                () = look_again.notified() => return Err(Interruption::LookAgain),
                Ok(_) = doubt.wait_for(Option::is_some) => return Err(Interruption::LookAgain),
            };
            if yoshi_planted::is(Fault::AccountedOnReceipt) {
                let last = batch.last().expect("a batch has a block").sequence;
                self.account(&batch, Position::end_of_block(last)).await;
            }
            self.apply(applying, &batch).await?;
        }
    }

    /// Where the database stands, as far as this process knows.
    const fn database_cursor(&self) -> Cursor {
        Cursor {
            incarnation: self.cursor.incarnation,
            applied: self.stored,
        }
    }

    /// After an interruption the last commit may have happened, or not.
    async fn reload_cursor(&mut self) -> Result<(), Interruption> {
        let stored = cursor::load(&self.pool, &self.log.name).await?;
        let (stored, block) = stored.ok_or_else(|| {
            ReplicaError::Forked("the database has lost its cursor; it must be filled anew".into())
        })?;
        if Some(stored.incarnation) == self.adopting {
            // Taking the log up has succeeded, though nobody said so.
            self.adopted(stored).await?;
        }
        if stored.incarnation != self.cursor.incarnation || stored.applied < self.cursor.applied {
            let what = "the database has gone back to an earlier state; start the server again";
            return Err(ReplicaError::Forked(what.into()).into());
        }
        self.stored = stored.applied;
        self.last_block = block;
        Ok(())
    }

    async fn apply(
        &mut self,
        applying: &Applying<M>,
        batch: &[StoredBlock],
    ) -> Result<(), Interruption> {
        let last = AppliedBlock::of(batch.last().expect("a batch has a block"));
        let to = Position::end_of_block(last.sequence);
        let known = self.cursor.applied;
        let entries: Vec<_> = batch
            .iter()
            .flat_map(|block| block.entries_after(known))
            .collect();
        let is_others =
            |block: &StoredBlock| block.root.is_some_and(|(root, _)| root != self.settings.id);
        if yoshi_planted::is(Fault::AcknowledgeBeforeCommit) && batch.iter().all(is_others) {
            self.account(batch, to).await;
            tokio::time::sleep(PLANTED_COMMIT).await;
        }
        let started = Instant::now();
        // What an interruption hid is committed: only its outcomes are missing.
        let hidden = entries.partition_point(|entry| entry.position <= self.stored);
        let (hidden, new) = entries.split_at(hidden);
        let mut outcomes = Vec::new();
        if !hidden.is_empty() {
            outcomes = applying.outcomes_again(&self.machine, hidden).await?;
        }
        if to > self.stored {
            let (from, block) = (self.database_cursor(), Some(&last));
            let moves = Move { from, to, block };
            let new = applying.apply(&self.machine, new, moves).await?;
            outcomes.extend(new.into_iter().map(Some));
            self.stored = to;
            self.last_block = Some(last);
        }
        metrics::histogram!("yoshi_replica_apply_seconds").record(started.elapsed());
        metrics::histogram!("yoshi_replica_apply_entries").record(entries.len() as f64);
        self.advance(to, self.own_outcomes(batch, &entries, outcomes))
            .await;
        self.account(batch, to).await;
        Ok(())
    }
}

/// The first sequence that holds something after `applied`.
pub(crate) fn next_sequence(applied: Position) -> u64 {
    let sequence = applied.sequence();
    if applied == Position::end_of_block(sequence) {
        sequence + 1
    } else {
        sequence.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_goes_on_after_the_last_whole_block() {
        assert_eq!(next_sequence(Position::ZERO), 1);
        assert_eq!(next_sequence(Position::end_of_block(7)), 8);
        assert_eq!(next_sequence(Position::in_block(7, 3)), 7);
    }
}
