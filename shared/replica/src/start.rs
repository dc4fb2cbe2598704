//! Starting a replica, and the handle that its server uses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client;
use async_nats::jetstream;
use deadpool_postgres::Pool;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use yoshi_protocol::{AccountName, Position, subject};

use crate::applier::Applier;
use crate::cursor::{self, Cursor, DatabaseError};
use crate::machine::StateMachine;
use crate::publish::Publisher;
use crate::stream::{Log, StreamError};
use crate::submit::{self, Inputs, Submission};
use crate::{Accounted, Peer, ReplicaError, Settings, Standing, SubmitError, neighbour, standing};

/// How long JetStream may take to acknowledge a block or answer a question,
/// before its fate counts as unknown.
const JETSTREAM_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a replica could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The stream cannot be used.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// NATS refused a subscription.
    #[error("NATS refused a subscription: {0}")]
    Subscribe(#[from] async_nats::SubscribeError),
}

/// What a server does with its replica. Cheap to clone.
pub struct Handle<O> {
    submissions: mpsc::Sender<Submission<O>>,
    applied: watch::Receiver<Position>,
    standing: watch::Receiver<Standing>,
    confirmed: watch::Receiver<Option<Instant>>,
}

impl<O> Clone for Handle<O> {
    fn clone(&self) -> Self {
        Self {
            submissions: self.submissions.clone(),
            applied: self.applied.clone(),
            standing: self.standing.clone(),
            confirmed: self.confirmed.clone(),
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

    /// Whether this server had applied everything that was in the log at some
    /// moment within the last `within`. False after a pause of the process,
    /// until the log was asked again.
    #[must_use]
    pub fn is_at_tail(&self, within: Duration) -> bool {
        let confirmed = *self.confirmed.borrow();
        *self.standing.borrow() == Standing::AtTail
            && confirmed.is_some_and(|asked| asked.elapsed() <= within)
    }

    /// Where the replica stands, now and later.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }
}

/// A running replica. Dropping it ends it at once.
#[derive(Debug)]
pub struct Running {
    root: tokio::task::JoinHandle<Result<(), ReplicaError>>,
    tasks: JoinSet<Result<(), ReplicaError>>,
    stopping: watch::Sender<bool>,
}

impl Running {
    /// Waits until the replica ends by itself, which it does only when it must
    /// not go on. Safe to cancel and call again.
    ///
    /// # Errors
    /// [`ReplicaError`], which says why.
    pub async fn finished(&mut self) -> Result<(), ReplicaError> {
        tokio::select! {
            ended = &mut self.root => flatten(ended),
            Some(ended) = self.tasks.join_next() => flatten(ended),
        }
    }

    /// Takes no more entries, waits until those it has are accounted for, and
    /// ends. The caller sets the deadline, and may drop the future at it.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        if !self.root.is_finished() {
            // Its result was of use only to `finished`.
            drop((&mut self.root).await);
        }
        self.tasks.shutdown().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.root.abort();
    }
}

fn flatten(
    ended: Result<Result<(), ReplicaError>, tokio::task::JoinError>,
) -> Result<(), ReplicaError> {
    match ended {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Ok(()),
    }
}

/// Starts to follow the log that `settings` names. Entries that this process
/// submits go through the returned handle; `peers` tells who else is there.
///
/// # Errors
/// [`StartError`], if the stream, the database or NATS cannot be used at all.
/// What goes wrong later is tried again, or ends the replica by [`Running::finished`].
pub async fn start<M: StateMachine>(
    settings: Settings,
    nats: Client,
    pool: Pool,
    machine: M,
    peers: watch::Receiver<Vec<Peer>>,
) -> Result<(Handle<M::Outcome>, Running), StartError> {
    let js = jetstream::ContextBuilder::new()
        .timeout(JETSTREAM_TIMEOUT)
        .build(nats.clone());
    let log = Log::open(&js, &settings.stream).await?;
    let cursor = load_cursor(&log, &pool).await?;
    let Settings {
        role,
        id,
        incarnation,
        ..
    } = settings;
    let accounted = nats
        .subscribe(subject::accounted(role, id, incarnation))
        .await?;
    let polls = nats.subscribe(subject::poll_log(role, id)).await?;

    let (submit_to, submissions) = mpsc::channel(submit::SUBMISSIONS_MAX);
    let (commit_to, committed) = mpsc::channel(submit::COMMITS_MAX);
    let (applied_to, applied) = watch::channel(cursor.applied);
    let (standing_to, standing) = watch::channel(Standing::CatchingUp);
    let (confirmed_to, confirmed) = watch::channel(None);
    let (stopping, is_stopping) = watch::channel(false);

    let inputs = Inputs {
        submissions,
        committed,
        accounted,
        peers: peers.clone(),
        stopping: is_stopping,
    };
    let publisher = Publisher::new(js, log.clone(), settings.clone());
    let root = submit::run(
        settings.clone(),
        nats.clone(),
        publisher,
        cursor.applied,
        inputs,
    );
    let root = tokio::spawn(root);

    let applier = Applier {
        settings,
        nats,
        log,
        pool,
        machine: Arc::new(machine),
        cursor,
        stored: cursor.applied,
        neighbour_tries: 0,
        peers,
        committed: commit_to,
        applied: applied_to,
        standing: standing_to,
    };
    let tasks = spawn_followers(applier, polls, &applied, confirmed_to);
    Ok((
        Handle {
            submissions: submit_to,
            applied,
            standing,
            confirmed,
        },
        Running {
            root,
            tasks,
            stopping,
        },
    ))
}

/// Everything but the root: the applying side, the watch on the tail, and the
/// answers to neighbours.
fn spawn_followers<M: StateMachine>(
    applier: Applier<M>,
    polls: async_nats::Subscriber,
    applied: &watch::Receiver<Position>,
    confirmed: watch::Sender<Option<Instant>>,
) -> JoinSet<Result<(), ReplicaError>> {
    let incarnation = applier.cursor.incarnation;
    let mut tasks = JoinSet::new();
    tasks.spawn(forever(neighbour::serve::<M>(
        applier.nats.clone(),
        polls,
        applier.pool.clone(),
        incarnation,
        applied.clone(),
    )));
    let standing = applier.standing.clone();
    tasks.spawn(forever(standing::watch(
        applier.log.clone(),
        incarnation,
        applied.clone(),
        standing,
        confirmed,
    )));
    tasks.spawn(applier.run());
    tasks
}

async fn forever(task: impl Future<Output = ()>) -> Result<(), ReplicaError> {
    task.await;
    std::future::pending().await
}

/// The database's cursor; at its first start, before the stream's first entry.
async fn load_cursor(log: &Log, pool: &Pool) -> Result<Cursor, StartError> {
    if let Some(cursor) = cursor::load(pool, &log.name).await? {
        return Ok(cursor);
    }
    let view = log.view().await?;
    Ok(cursor::create(pool, &log.name, view.incarnation).await?)
}
