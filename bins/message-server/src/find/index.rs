//! Fills what FIND_TASKS looks through, behind the log: in batches, after the
//! entries are applied and never within that transaction, and with pauses, so
//! that senders do not notice. A search that waits for it does without the pauses.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use yoshi_protocol::{Kind, NewTask, Position};

use super::words;
use crate::store::find::Error;
use crate::store::find::fill::{self, Batch, Findable, Unindexed};

/// What comes within so long after an entry goes into the same batch.
const GATHER: Duration = Duration::from_secs(1);
/// While others write, the index gets one part of the time in so many: it costs
/// a server about as much as the task itself did.
const SHARE: u64 = 40;
/// Blocks of the log by which it may lag: the nearer, the greater its share, until
/// it has no pauses. Half a minute to a minute of a busy log.
const LAG_BLOCKS_MAX: u64 = 20_000;
/// No pause is longer.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// The pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// How often an index that is complete is looked at: it may have been emptied.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Rows of lists in one batch, the last task's past it: some tasks have a
/// hundred recipients.
const BATCH_ROWS_MAX: usize = 2_000;
/// Bytes of labels in those rows.
const BATCH_LABELS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// One connection of so many may be in use by searches.
const POOL_SHARE: usize = 4;

/// The index of one life of a server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Index {
    /// One permit per search: the rest of the pool is for others.
    pub(super) permits: Arc<Semaphore>,
    wanted: Arc<Wanted>,
    indexed: watch::Receiver<Position>,
}

/// Who waits for the index.
#[derive(Debug, Default)]
struct Wanted {
    waiting: AtomicUsize,
    hurry: Notify,
}

/// The filling side.
struct Filling {
    pool: Pool,
    /// How far the log is applied.
    applied: watch::Receiver<Position>,
    wanted: Arc<Wanted>,
    indexed: watch::Sender<Position>,
}

/// Searches that wait: counted until dropped.
struct Waiting<'a>(&'a Wanted);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Index {
    /// The index of a database, filled by one of these tasks.
    pub fn spawn(pool: &Pool, applied: watch::Receiver<Position>, tasks: &mut JoinSet<()>) -> Self {
        let wanted = Arc::new(Wanted::default());
        let (sender, indexed) = watch::channel(Position::ZERO);
        let filling = Filling {
            pool: pool.clone(),
            applied,
            wanted: Arc::clone(&wanted),
            indexed: sender,
        };
        tasks.spawn(filling.run());
        let searches = (pool.status().max_size / POOL_SHARE).max(1);
        Self {
            permits: Arc::new(Semaphore::new(searches)),
            wanted,
            indexed,
        }
    }

    /// Has the index fill itself without pauses, until it has moved once more or
    /// `within` is over.
    pub(super) async fn hurry(&self, within: Duration) {
        self.wanted.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.wanted);
        let mut indexed = self.indexed.clone();
        indexed.mark_unchanged();
        self.wanted.hurry.notify_one();
        // Neither the end of the index nor of the time matters to a search.
        drop(tokio::time::timeout(within, indexed.changed()).await);
    }
}

impl Filling {
    /// Fills the index until the replica or the life of the server ends.
    async fn run(mut self) {
        loop {
            let (started, applied) = (Instant::now(), *self.applied.borrow_and_update());
            let filled = self.fill(applied).await;
            let filled = filled.inspect_err(|error| {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, "tasks cannot be indexed for searches; trying again");
            });
            let Ok(indexed) = filled else {
                tokio::time::sleep(RETRY).await;
                continue;
            };
            self.indexed.send_replace(indexed);
            metrics::gauge!("yoshi_search_indexed").set(indexed.0 as f64);
            if indexed < applied {
                let others_write = self.applied.has_changed().unwrap_or(false);
                if others_write {
                    self.pause(pause(started.elapsed(), indexed, applied)).await;
                }
            } else if self.idle(applied).await.is_break() {
                return;
            } else {
                self.pause(GATHER).await;
            }
        }
    }

    /// Waits until there is something to index.
    async fn idle(&mut self, applied: Position) -> ControlFlow<()> {
        let mut log = self.applied.clone();
        tokio::select! {
            more = log.wait_for(|now| *now > applied) => match more {
                Ok(_) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            },
            () = self.wanted.hurry.notified() => ControlFlow::Continue(()),
            () = tokio::time::sleep(LOOK_EVERY) => ControlFlow::Continue(()),
        }
    }

    async fn pause(&self, pause: Duration) {
        if self.wanted.waiting.load(Ordering::Relaxed) > 0 {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.wanted.hurry.notified() => {}
        }
    }

    /// Indexes one batch of what is not indexed yet, up to `applied`. Answers how
    /// far the index reaches then.
    async fn fill(&self, applied: Position) -> Result<Position, Error> {
        let started = Instant::now();
        let batch = fill::batch(&self.pool, applied).await?;
        let from = batch.from;
        if from >= applied {
            return Ok(from);
        }
        // Reading tasks takes a while that senders should not wait for.
        let read = tokio::task::spawn_blocking(move || Read::of(batch, applied));
        let read = match read.await {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "a batch of tasks cannot be read; trying again");
                tokio::time::sleep(RETRY).await;
                return Ok(from);
            }
        };
        if !fill::write(&self.pool, from, read.through, &read.tasks).await? {
            return Ok(Position::ZERO);
        }
        metrics::histogram!("yoshi_search_batch_seconds").record(started.elapsed());
        metrics::counter!("yoshi_search_tasks_total").increment(read.tasks.len() as u64);
        Ok(read.through)
    }
}

/// How long senders have the database to themselves after a batch that took so
/// long, while the index reaches up to `indexed` and the log to `applied`.
fn pause(took: Duration, indexed: Position, applied: Position) -> Duration {
    let lag = applied.sequence().saturating_sub(indexed.sequence());
    let share = LAG_BLOCKS_MAX.saturating_sub(lag) as f64 / LAG_BLOCKS_MAX as f64;
    let pause = took.mul_f64((SHARE - 1) as f64 * share);
    pause.min(PAUSE_MAX)
}

/// A batch, read.
#[derive(Debug)]
struct Read {
    tasks: Vec<Findable>,
    /// The index reaches up to here once they are written.
    through: Position,
}

impl Read {
    /// Reads as many of a batch's tasks as rows may be written at once.
    fn of(batch: Batch, applied: Position) -> Self {
        let last = batch.entries.last().map(|entry| entry.position);
        let through = match last {
            Some(last) if batch.is_full => last,
            Some(_) | None => applied,
        };
        let mut read = Self {
            tasks: Vec::new(),
            through,
        };
        let mut known = HashSet::new();
        let (mut rows, mut bytes) = (0, 0);
        for entry in batch.entries {
            // A task that is sent and changed in one batch comes twice.
            let Some(task) = entry.task.filter(|task| known.insert(task.id)) else {
                continue;
            };
            if let Some(task) = findable(task) {
                rows += 1 + task.recipients.len();
                bytes += (1 + task.recipients.len()) * task.labels.len();
                read.tasks.push(task);
            }
            if rows >= BATCH_ROWS_MAX || bytes >= BATCH_LABELS_BYTES_MAX {
                read.through = entry.position;
                break;
            }
        }
        read
    }
}

/// What a task is found by.
fn findable(task: Unindexed) -> Option<Findable> {
    let content = NewTask::decode_logged(&task.content);
    let content = content
        .inspect_err(|error| tracing::error!(task = %task.id, %error, "a task cannot be indexed"))
        .ok()?;
    Some(Findable {
        position: task.position,
        id: task.id,
        revision: task.revision,
        words: words::of_task(&task.sender, &content),
        sender: task.sender,
        kind: kind_number(content.kind),
        importance: content.importance.into(),
        due: content.due.map(|due| due.span()),
        labels: content.labels.join("\n"),
        recipients: content.recipients,
    })
}

/// The number that stands for a kind in a row.
pub(super) const fn kind_number(kind: Kind) -> i16 {
    match kind {
        Kind::Do => 0,
        Kind::Decide => 1,
        Kind::Answer => 2,
        Kind::Review => 3,
        Kind::Read => 4,
        Kind::Note => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_leaves_senders_most_of_the_time_until_it_lags() {
        let took = Duration::from_millis(10);
        let behind = |blocks| pause(took, Position::ZERO, Position::end_of_block(blocks));
        assert!(behind(1) > took * 38, "{:?}", behind(1));
        assert!(behind(LAG_BLOCKS_MAX / 2) < took * 20);
        assert_eq!(behind(LAG_BLOCKS_MAX), Duration::ZERO);
        assert_eq!(behind(u64::MAX >> 20), Duration::ZERO);
        let slow = pause(PAUSE_MAX, Position::ZERO, Position::end_of_block(1));
        assert_eq!(slow, PAUSE_MAX);
    }
}
