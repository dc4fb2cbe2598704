//! The outbox: tasks that this server takes while the log is out of reach, and
//! sends to their accounts' homes, in order, once it is back.
//!
//! A task in it is *queued*, which is no success: one database has it. It is
//! committed there before the answer, and leaves only after the home's receipt,
//! or after a refusal that no later try could change, which is kept for the
//! sender to learn. Everything on the way carries the task's id, so that each
//! step may be repeated after a crash.

pub mod drain;
pub mod ledger;

pub use ledger::Limits;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::sync::{Notify, oneshot};
use yoshi_protocol::message::task::{Queued, Sent};
use yoshi_protocol::{AccountName, ErrorCode, ErrorReply, Millis, ServerId, TaskId};

use crate::store::outbox::{self, Found, Logged, Put, Refusal};
use ledger::Ledger;

/// What became of a task that waited.
type Settled = Result<Sent, ErrorReply>;

/// This server's outbox. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    shared: Arc<Shared>,
}

struct Shared {
    server: ServerId,
    pool: Pool,
    ledger: Mutex<Ledger>,
    /// Requests that wait until their task has left.
    waiters: Mutex<HashMap<TaskId, Vec<oneshot::Sender<Settled>>>>,
    /// Something came in, or may have.
    news: Notify,
}

impl Outbox {
    /// The outbox of this server, with what its database holds.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn open(server: ServerId, pool: Pool, limits: Limits) -> Result<Self, outbox::Error> {
        let outbox = Self {
            shared: Arc::new(Shared {
                server,
                pool,
                ledger: Mutex::new(Ledger::new(limits)),
                waiters: Mutex::default(),
                news: Notify::new(),
            }),
        };
        outbox.look().await?;
        let entries = outbox.entries();
        if entries > 0 {
            tracing::info!(entries, "{entries} tasks wait in the outbox");
        }
        Ok(outbox)
    }

    /// Tasks that wait in it.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.ledger().entries()
    }

    /// Whether a task of the account waits: its next one must go behind it.
    #[must_use]
    pub fn holds(&self, account: &AccountName) -> bool {
        self.ledger().holds(account)
    }

    /// Takes a task of an account whose credential was checked, commits it, and
    /// answers that it is queued.
    ///
    /// # Errors
    /// `busy` if the outbox is full, `id_reused` for another task with this id,
    /// `unknown` if the database did not say whether it took it.
    pub async fn queue(
        &self,
        account: &AccountName,
        task: TaskId,
        content: &[u8],
    ) -> Result<Queued, ErrorReply> {
        let bytes = content.len() as u64;
        if !self.ledger().reserve(account, bytes, Instant::now()) {
            return self.full(account, task, content).await;
        }
        // In a task of its own: what was reserved must be settled even if
        // whoever asks is gone.
        let (this, account, content) = (self.clone(), account.clone(), content.to_vec());
        let putting = tokio::spawn(async move { this.put(&account, task, &content).await });
        putting.await.unwrap_or_else(|_| Err(unsure()))
    }

    /// There is no room: only a task that waits already is answered that it does.
    async fn full(
        &self,
        account: &AccountName,
        task: TaskId,
        content: &[u8],
    ) -> Result<Queued, ErrorReply> {
        let waits = outbox::waits(&self.shared.pool, account, task, content).await;
        match waits.map_err(|error| unavailable(&error))? {
            Some(true) => {
                self.hold(account, content.len() as u64);
                Ok(self.queued(task))
            }
            Some(false) => Err(reused()),
            None => {
                metrics::counter!("yoshi_outbox_full_total").increment(1);
                let words =
                    "the log is out of reach and this server's outbox is full; try again later";
                Err(ErrorReply::new(ErrorCode::Busy, words))
            }
        }
    }

    fn queued(&self, task: TaskId) -> Queued {
        let server = self.shared.server;
        Queued { task, server }
    }

    async fn put(
        &self,
        account: &AccountName,
        task: TaskId,
        content: &[u8],
    ) -> Result<Queued, ErrorReply> {
        let pool = &self.shared.pool;
        let put = outbox::put(pool, account, task, content, Millis::now()).await;
        let (mut ledger, bytes) = (self.ledger(), content.len() as u64);
        match put {
            // Where nobody knows, it may be in: the account's next task goes behind it.
            Ok(Put::New) | Err(outbox::Error::Statement(_) | outbox::Error::Moving) => {
                ledger.came(account);
            }
            Ok(Put::Again) => ledger.again(account, bytes),
            Ok(Put::Reused) | Err(outbox::Error::Pool(_)) => ledger.release(account, bytes),
        }
        drop(ledger);
        self.shared.news.notify_one();
        let queued = self.queued(task);
        match put {
            Ok(Put::New) => {
                metrics::counter!("yoshi_outbox_queued_total").increment(1);
                Ok(queued)
            }
            Ok(Put::Again) => Ok(queued),
            Ok(Put::Reused) => Err(reused()),
            Err(outbox::Error::Pool(error)) => {
                tracing::error!(%error, "the outbox cannot be written");
                let words = "the server's database does not answer; try again";
                Err(ErrorReply::new(ErrorCode::Unavailable, words))
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "whether a task is in the outbox is not known");
                Err(unsure())
            }
        }
    }

    /// [`Outbox::queue`], and then waits for a while for what becomes of the task.
    ///
    /// # Errors
    /// As there, and the refusal that the task met on its way.
    pub async fn queue_and_wait(
        &self,
        account: &AccountName,
        task: TaskId,
        content: &[u8],
        within: Duration,
    ) -> Result<Sent, ErrorReply> {
        let (waiter, settled) = oneshot::channel();
        self.waiters().entry(task).or_default().push(waiter);
        let queued = self.queue(account, task, content).await;
        let outcome = match queued {
            Ok(queued) => match tokio::time::timeout(within, settled).await {
                Ok(Ok(settled)) => settled,
                Ok(Err(_)) | Err(_) => Ok(Sent::Queued(queued)),
            },
            Err(error) => {
                drop(settled);
                Err(error)
            }
        };
        let mut waiters = self.waiters();
        if let Some(waiting) = waiters.get_mut(&task) {
            waiting.retain(|waiter| !waiter.is_closed());
            if waiting.is_empty() {
                waiters.remove(&task);
            }
        }
        outcome
    }

    /// The task with this id, if the log brought it to this server already.
    ///
    /// # Errors
    /// `id_reused` if it is another one, `unavailable` without the database.
    pub async fn logged(
        &self,
        account: &AccountName,
        task: TaskId,
        content: &[u8],
    ) -> Result<Option<Logged>, ErrorReply> {
        let logged = outbox::logged(&self.shared.pool, task).await;
        match logged.map_err(|error| unavailable(&error))? {
            Some(logged) if logged.sender == *account && logged.content == content => {
                Ok(Some(logged))
            }
            Some(_) => Err(reused()),
            None => Ok(None),
        }
    }

    /// What is known here of a task that is not in the log: the refusal to
    /// answer its sender's question with.
    ///
    /// # Errors
    /// `unavailable` without the database.
    pub async fn find(
        &self,
        account: &AccountName,
        task: TaskId,
    ) -> Result<Option<ErrorReply>, ErrorReply> {
        let found = outbox::find(&self.shared.pool, account, task).await;
        Ok(match found.map_err(|error| unavailable(&error))? {
            None => None,
            Some(Found::Waits) => {
                self.hold(account, 0);
                let server = self.shared.server;
                let words = format!(
                    "the task is queued: it waits in the outbox of server {server}, which alone holds it, \
                     and is not in the log yet"
                );
                let reply = ErrorReply::new(ErrorCode::Queued, words);
                Some(reply.about(vec![server.to_string()]))
            }
            Some(Found::Refused(refusal)) => Some(refused(refusal)),
        })
    }

    /// A task of the account was seen to wait, and is said to: its next one goes
    /// behind it. Until the next look its bytes may count too little.
    fn hold(&self, account: &AccountName, bytes: u64) {
        self.ledger().found(account, 1, bytes, Instant::now());
        self.shared.news.notify_one();
    }

    /// Reads from the database what waits: at the start, and now and then.
    async fn look(&self) -> Result<(), outbox::Error> {
        self.ledger().look();
        let waiting = outbox::waiting(&self.shared.pool).await?;
        let held = waiting.into_iter();
        let held = held.map(|held| (held.account, (held.entries, held.bytes)));
        self.ledger().seen(&held.collect(), Instant::now());
        Ok(())
    }

    /// Tells whoever waits for the task.
    fn settle(&self, task: TaskId, settled: &Settled) {
        for waiter in self.waiters().remove(&task).unwrap_or_default() {
            // A request that has given up does not change what happened.
            drop(waiter.send(settled.clone()));
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Counts that a panic left wrong are set right from the database.
        self.shared
            .ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn waiters(&self) -> MutexGuard<'_, HashMap<TaskId, Vec<oneshot::Sender<Settled>>>> {
        self.shared
            .waiters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(refusal: Refusal) -> ErrorReply {
    let code = ErrorCode::ALL
        .iter()
        .find(|code| code.as_str() == refusal.code);
    // Only a later release could have written a code that this one does not know.
    let code = code.copied().unwrap_or(ErrorCode::Internal);
    ErrorReply::new(code, refusal.message).about(refusal.names)
}

fn reused() -> ErrorReply {
    let words = "a task with this id was sent before, with other content";
    ErrorReply::new(ErrorCode::IdReused, words)
}

fn unsure() -> ErrorReply {
    let words = "whether the task is queued is not known; send it again with the same id";
    ErrorReply::new(ErrorCode::Unknown, words)
}

fn unavailable(error: &outbox::Error) -> ErrorReply {
    let error = error as &dyn std::error::Error;
    tracing::error!(error, "the outbox cannot be read");
    let words = "the server's database does not answer; try again";
    ErrorReply::new(ErrorCode::Unavailable, words)
}
