//! Starting a replica, and ending it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use deadpool_postgres::Pool;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use yoshi_protocol::{Position, ServerId, subject};

use crate::applier::{Applier, Followed};
use crate::cursor::{self, Cursor, DatabaseError};
use crate::handle::{Handle, Held};
use crate::machine::StateMachine;
use crate::publish::{Ground, Publisher};
use crate::standing::{self, Telling, Watch};
use crate::stream::{Log, StreamError};
use crate::submit::{self, Inputs};
use crate::{Peer, ReplicaError, Settings, Standing};
use crate::{known, lineage, neighbour};

/// How long JetStream may take to acknowledge a block or answer a question,
/// before its fate counts as unknown.
const JETSTREAM_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a server with an empty database looks whether the others follow
/// the same log, while they do not.
const ANOTHER_LOG_TRIES: u32 = 5;
const ANOTHER_LOG_PAUSE: Duration = Duration::from_secs(1);

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
        neighbour_tries: 0,
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

/// What a replica starts from.
struct Opened {
    js: jetstream::Context,
    log: Log,
    cursor: Cursor,
    known: BTreeSet<ServerId>,
    followed: Followed,
    accounted: async_nats::Subscriber,
    polls: async_nats::Subscriber,
}

impl Opened {
    async fn open(
        settings: &Settings,
        nats: &Client,
        pool: &Pool,
        peers: &watch::Receiver<Vec<Peer>>,
    ) -> Result<Self, StartError> {
        let js = jetstream::ContextBuilder::new()
            .timeout(JETSTREAM_TIMEOUT)
            .build(nats.clone());
        let log = Log::open(&js, &settings.stream, settings.role).await?;
        let cursor = load_cursor(settings, nats, &log, pool, peers).await?;
        let (role, id) = (settings.role, settings.id);
        let accounted = subject::accounted(role, id, settings.incarnation);
        Ok(Self {
            known: known::load(pool, &log.name).await?,
            followed: Followed {
                incarnation: cursor.incarnation,
                lineage: cursor::lineage(pool, &log.name).await?,
                is_trusted: false,
            },
            accounted: nats.subscribe(accounted).await?,
            polls: nats.subscribe(subject::poll_log(role, id)).await?,
            js,
            log,
            cursor,
        })
    }

    /// What a publisher stands on.
    fn ground(
        &self,
        nats: &Client,
        (followed, applied, known): (
            &watch::Receiver<Followed>,
            &watch::Receiver<Position>,
            &watch::Receiver<BTreeSet<ServerId>>,
        ),
        doubt: &watch::Sender<Option<String>>,
    ) -> Ground {
        Ground {
            nats: nats.clone(),
            js: self.js.clone(),
            log: self.log.clone(),
            followed: followed.clone(),
            applied: applied.clone(),
            known: known.clone(),
            doubt: doubt.clone(),
        }
    }
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

/// The database's cursor; at its first start, before the stream's first entry.
/// An empty database must not take up a stream that the other servers refuse.
async fn load_cursor(
    settings: &Settings,
    nats: &Client,
    log: &Log,
    pool: &Pool,
    peers: &watch::Receiver<Vec<Peer>>,
) -> Result<Cursor, StartError> {
    if let Some((cursor, _)) = cursor::load(pool, &log.name).await? {
        return Ok(cursor);
    }
    for _ in 0..ANOTHER_LOG_TRIES {
        let view = log.view().await?;
        let ids: Vec<_> = peers.borrow().iter().map(|peer| peer.id).collect();
        let others = ids.into_iter().filter(|id| *id != settings.id);
        let role = settings.role;
        if !neighbour::somebody_follows_another(nats, role, others, view.incarnation).await {
            return Ok(cursor::create(pool, &log.name, view.incarnation, &view.lineage).await?);
        }
        // They may be taking it up just now.
        tokio::time::sleep(ANOTHER_LOG_PAUSE).await;
    }
    let command = lineage::recovery(settings.role);
    Err(StartError::AnotherLog(log.name.clone(), command))
}
