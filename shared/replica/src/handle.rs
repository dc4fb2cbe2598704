//! The handle that a server uses its replica by.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::sync::{mpsc, oneshot, watch};
use yoshi_protocol::message::operate::{Continued, LastBlock};
use yoshi_protocol::{AccountName, Incarnation, Position, ServerId};

use crate::applier::Followed;
use crate::cursor;
use crate::standing::Tail;
use crate::submit::Submission;
use crate::{Accounted, Standing, SubmitError};

/// What a server does with its replica. Cheap to clone.
pub struct Handle<O> {
    pub(crate) submissions: mpsc::Sender<Submission<O>>,
    pub(crate) applied: watch::Receiver<Position>,
    pub(crate) standing: watch::Receiver<Standing>,
    pub(crate) tail: Tail,
    pub(crate) followed: watch::Receiver<Followed>,
    pub(crate) known: watch::Receiver<BTreeSet<ServerId>>,
    pub(crate) forget: mpsc::Sender<ServerId>,
    pub(crate) held: Held,
}

/// Where the database says how far it is.
#[derive(Clone)]
pub(crate) struct Held {
    pool: Pool,
    stream: String,
}

impl Held {
    pub(crate) fn of(pool: &Pool, stream: &str) -> Self {
        Self {
            pool: pool.clone(),
            stream: stream.to_owned(),
        }
    }
}

impl<O> Clone for Handle<O> {
    fn clone(&self) -> Self {
        Self {
            submissions: self.submissions.clone(),
            applied: self.applied.clone(),
            standing: self.standing.clone(),
            tail: self.tail.clone(),
            followed: self.followed.clone(),
            known: self.known.clone(),
            forget: self.forget.clone(),
            held: self.held.clone(),
        }
    }
}

impl<O> Handle<O> {
    /// Puts an entry of an account into the log, and waits until every peer
    /// that counts has accounted for it. Entries of one account keep their order.
    ///
    /// # Errors
    /// [`SubmitError`]. Dropping the future does not take the entry back.
    pub async fn submit(
        &self,
        account: AccountName,
        entry: Vec<u8>,
    ) -> Result<Accounted<O>, SubmitError> {
        let (ticket, done) = oneshot::channel();
        let submission = Submission {
            account,
            entry,
            ticket,
        };
        self.submissions
            .try_send(submission)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SubmitError::Busy,
                mpsc::error::TrySendError::Closed(_) => SubmitError::Stopped,
            })?;
        done.await.unwrap_or(Err(SubmitError::Stopped))
    }

    /// Everything up to here is committed in this server's database.
    #[must_use]
    pub fn applied(&self) -> Position {
        *self.applied.borrow()
    }

    /// The same, to wait for changes.
    #[must_use]
    pub fn applied_changes(&self) -> watch::Receiver<Position> {
        self.applied.clone()
    }

    /// How far this server's database holds its log: past [`Handle::applied`] where
    /// an interruption hid the success of a commit, which is told when the log is
    /// read again. Whoever goes without the log must go by this. If Postgres does
    /// not say so within `within`, it is what this process knows.
    pub async fn held(&self, within: Duration) -> Position {
        self.held_with_block(within).await.0
    }

    /// [`Handle::held`], with the last block that the database has applied from the
    /// stream of its log; without one, if it knows none, or Postgres does not say so.
    pub async fn held_with_block(&self, within: Duration) -> (Position, Option<LastBlock>) {
        let (known, log) = (self.applied(), self.stream());
        let load = cursor::load(&self.held.pool, &self.held.stream);
        match tokio::time::timeout(within, load).await {
            Ok(Ok(Some((stored, block)))) if stored.incarnation == log => {
                (stored.applied.max(known), block.map(Into::into))
            }
            Ok(Ok(_) | Err(_)) | Err(_) => (known, None),
        }
    }

    /// Whether this server has applied everything that was in the log at some
    /// moment after `since`: the log is asked anew. Waits `within` at most.
    pub async fn reaches_tail_of(&self, since: Instant, within: Duration) -> bool {
        let mut confirmed = self.tail.confirmed.clone();
        let reached = confirmed.wait_for(|asked| asked.is_some_and(|asked| asked >= since));
        self.tail.wanted.notify_one();
        matches!(tokio::time::timeout(within, reached).await, Ok(Ok(_)))
    }

    /// Whether this server had applied everything that was in the log at some
    /// moment within the last `within`. False after a pause of the process,
    /// until the log was asked again.
    #[must_use]
    pub fn is_at_tail(&self, within: Duration) -> bool {
        let confirmed = *self.tail.confirmed.borrow();
        *self.standing.borrow() == Standing::AtTail
            && confirmed.is_some_and(|asked| asked.elapsed() <= within)
    }

    /// Whether the stream is known not to be this server's log, or not all of it.
    #[must_use]
    pub fn has_lost_its_log(&self) -> bool {
        matches!(*self.standing.borrow(), Standing::Lost(_))
    }

    /// The log that this server's database was filled from.
    #[must_use]
    pub fn stream(&self) -> Incarnation {
        self.followed.borrow().incarnation
    }

    /// The lost logs that it continues, the latest first.
    #[must_use]
    pub fn lineage(&self) -> Vec<Continued> {
        self.followed.borrow().lineage.as_slice().to_vec()
    }

    /// The servers that this one has ever replicated with, and that were not
    /// forgotten, by id.
    #[must_use]
    pub fn known(&self) -> Vec<ServerId> {
        self.known.borrow().iter().copied().collect()
    }

    /// Forgets a server that was destroyed: nobody will ask for it.
    pub async fn forget(&self, id: ServerId) {
        if self.forget.send(id).await.is_err() {
            tracing::debug!(server = %id, "the replica has ended; the next start hears of it again");
        }
    }

    /// Where the replica stands, now and later.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }
}
