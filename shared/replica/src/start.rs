//! Starting a replica, and ending it. What it starts from is read in `opened`.

mod opened;

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use async_nats::Client;
use deadpool_postgres::Pool;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use yoshi_protocol::ServerId;

use crate::applier::{Applier, Asked};
use crate::cursor::DatabaseError;
use crate::handle::{Handle, Held};
use crate::machine::StateMachine;
use crate::publish::Publisher;
use crate::standing::{self, Telling, Watch};
use crate::stream::StreamError;
use crate::submit::{self, Inputs};
use crate::{Peer, ReplicaError, Settings, Standing};
use crate::{known, neighbour};
use opened::Opened;

/// Why a replica could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The stream cannot be used.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The database is empty, and the other servers follow another log: this one
    /// would serve without anything that they hold.
    #[error(
        "the other servers follow another log than the stream {0} holds: it was lost; \
         run `{1}`, then start this server"
    )]
    AnotherLog(String, &'static str),
    /// NATS refused a subscription.
    #[error("NATS refused a subscription: {0}")]
    Subscribe(#[from] async_nats::SubscribeError),
}

impl StartError {
    /// Whether it may pass by itself: Postgres or the log was away just then.
    /// Nothing has gone into the log by then.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Database(_) => true,
            Self::Stream(error) => {
                matches!(
                    error,
                    StreamError::OutOfReach(..) | StreamError::Missing(..)
                )
            }
            Self::AnotherLog(..) | Self::Subscribe(_) => false,
        }
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
        Err(error) if error.is_panic() => Err(panicked(&*error.into_panic())),
        Err(_) => Ok(()),
    }
}

/// The hook has logged where. What the rules cannot take is a row that they did
/// not write: the next life would meet it again.
fn panicked(panic: &(dyn Any + Send)) -> ReplicaError {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
    ReplicaError::Damaged(words.unwrap_or("a row cannot be read").to_owned())
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
    let opened = Opened::open(&settings, &nats, &pool, &peers).await?;
    let cursor = opened.cursor;
    let (submit_to, submissions) = mpsc::channel(submit::SUBMISSIONS_MAX);
    let (commit_to, committed) = mpsc::channel(submit::COMMITS_MAX);
    let (forget_to, forget) = mpsc::channel(known::FORGETTING_MAX);
    let (applied_to, applied) = watch::channel(cursor.applied);
    let (standing_to, standing) = watch::channel(Standing::CatchingUp);
    let (telling, tail) = standing::tail();
    let (stopping, is_stopping) = watch::channel(false);
    let (doubt_to, _) = watch::channel(None);
    let (known_to, known) = watch::channel(opened.known.clone());
    let (followed_to, followed) = watch::channel(opened.followed.clone());

    let ground = opened.ground(&nats, (&followed, &applied, &known), &doubt_to);
    let inputs = Inputs {
        submissions,
        committed,
        accounted: opened.accounted,
        peers: peers.clone(),
        stopping: is_stopping,
    };
    let publisher = Publisher::new(ground, settings.clone());
    let stored_by_root = publisher.stored();
    let held = Held::of(&pool, &opened.log.name);
    let root = submit::run(settings.clone(), nats.clone(), publisher, cursor, inputs);

    let applier = Applier {
        settings,
        nats,
        log: opened.log,
        pool,
        machine: Arc::new(machine),
        cursor,
        stored: cursor.applied,
        adopting: None,
        // Read with the cursor before each look at the stream.
        last_block: None,
        asked: Asked::default(),
        peers,
        known: known.clone(),
        doubt: doubt_to,
        stored_by_root,
        look_again: Arc::default(),
        followed: followed_to,
        committed: commit_to,
        applied: applied_to,
        standing: standing_to,
    };
    let followers = Followers {
        polls: opened.polls,
        telling,
        known: known_to,
        forget,
    };
    Ok((
        Handle {
            submissions: submit_to,
            applied,
            standing,
            tail,
            followed,
            known,
            forget: forget_to,
            held,
        },
        Running {
            root: tokio::spawn(root),
            tasks: followers.spawn(applier),
            stopping,
        },
    ))
}

/// What the parts of a replica other than its root need.
struct Followers {
    polls: async_nats::Subscriber,
    telling: Telling,
    known: watch::Sender<BTreeSet<ServerId>>,
    forget: mpsc::Receiver<ServerId>,
}

impl Followers {
    /// Everything but the root: the applying side, the watch on the tail, the
    /// answers to neighbours, and the list of them.
    fn spawn<M: StateMachine>(self, applier: Applier<M>) -> JoinSet<Result<(), ReplicaError>> {
        let mut tasks = JoinSet::new();
        tasks.spawn(forever(neighbour::serve::<M>(
            applier.nats.clone(),
            self.polls,
            applier.pool.clone(),
            applier.followed.subscribe(),
            applier.applied.subscribe(),
        )));
        let watch = Watch {
            settings: applier.settings.clone(),
            nats: applier.nats.clone(),
            log: applier.log.clone(),
            followed: applier.followed.subscribe(),
            applied: applier.applied.subscribe(),
            peers: applier.peers.clone(),
            standing: applier.standing.clone(),
            tail: self.telling,
            stored_by_root: applier.stored_by_root.clone(),
            look_again: Arc::clone(&applier.look_again),
        };
        tasks.spawn(forever(watch.run()));
        tasks.spawn(forever(known::keep(
            applier.pool.clone(),
            applier.log.name.clone(),
            applier.settings.id,
            applier.peers.clone(),
            self.forget,
            self.known,
        )));
        tasks.spawn(applier.run());
        tasks
    }
}

async fn forever(task: impl Future<Output = ()>) -> Result<(), ReplicaError> {
    task.await;
    std::future::pending().await
}
