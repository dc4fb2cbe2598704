//! CLIENT_POLL_MS: an account's tasks that changed since a position.

use std::time::Duration;

use deadpool_postgres::Pool;
use serde_bytes::{ByteArray, ByteBuf};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::limit::{ANSWER_ITEMS_MAX, POLL_TASKS_BYTES_MAX, POLL_TASKS_MAX};
use yoshi_protocol::message::task::{Ask, ClientPoll, ClientPolled, ServerApplied, TaskView, View};
use yoshi_protocol::{AccountName, ErrorCode, ErrorReply, Position};
use yoshi_replica::Handle;

use crate::accounts::Accounts;
use crate::footing::Footing;
use crate::outbox::Outbox;
use crate::rules::Outcome;
use crate::store::poll::{self, List, StoredTask};

/// How long a client that is ahead of this server is made to wait for it.
const WAIT_FOR_CURSOR: Duration = Duration::from_secs(1);

/// What a poll needs.
pub struct Polls<'a> {
    /// Who may ask.
    pub accounts: &'a Accounts,
    /// How far this server is.
    pub replica: &'a Handle<Outcome>,
    /// Where the tasks are.
    pub pool: &'a Pool,
    /// Whether this server may lack what was accounted for elsewhere.
    pub behind: bool,
    /// What this server goes by.
    pub footing: Footing,
    /// Tasks that are not in the log yet.
    pub outbox: &'a Outbox,
    /// How far every live server is, this one included.
    pub servers: Vec<ServerApplied>,
}

impl Polls<'_> {
    /// Serves one request of an account.
    ///
    /// # Errors
    /// An [`ErrorReply`] for the client.
    pub async fn serve(
        self,
        account: AccountName,
        payload: &[u8],
    ) -> Result<ClientPolled, ErrorReply> {
        let request: ClientPoll = cbor::decode(payload, Bound::REQUEST)?;
        self.accounts
            .authenticate(&account, request.credential, self.footing)
            .await?;
        let applied = self.reach(request.since).await?;
        let list = match request.view {
            View::Inbox => List::Inbox,
            View::Sent => List::Sent,
            View::Task(id) => {
                let client = self.pool.get().await.map_err(|error| failure(&error))?;
                let task = poll::one(&client, &account, id).await;
                let task = task.map_err(|error| failure(&error))?;
                let Some(task) = task else {
                    let queued = self.outbox.find(&account, id).await?;
                    return Err(queued.unwrap_or_else(|| self.not_found()));
                };
                let cursor = task.changed.max(request.since);
                return Ok(self.answer(vec![task], false, cursor));
            }
        };
        let limit = request.limit.clamp(1, POLL_TASKS_MAX);
        let client = self.pool.get().await.map_err(|error| failure(&error))?;
        // One more than asked tells whether there is more.
        let tasks = poll::list(
            &client,
            &account,
            list,
            request.since,
            limit + 1,
            POLL_TASKS_BYTES_MAX,
        );
        let mut tasks = tasks.await.map_err(|error| failure(&error))?;
        let bytes: usize = tasks.iter().map(|task| task.content.len()).sum();
        let fitting = fitting(&tasks).min(limit as usize);
        let more = fitting < tasks.len() || bytes > POLL_TASKS_BYTES_MAX;
        tasks.truncate(fitting);
        let last = tasks.last().map_or(request.since, |task| task.changed);
        // Without more to give, everything that was applied before the query is here.
        let cursor = if more { last } else { last.max(applied) };
        Ok(self.answer(tasks, more, cursor))
    }

    /// Waits a moment for this server to reach the client's cursor.
    async fn reach(&self, since: Position) -> Result<Position, ErrorReply> {
        let mut applied = self.replica.applied_changes();
        let reached = applied.wait_for(|applied| *applied >= since);
        match tokio::time::timeout(WAIT_FOR_CURSOR, reached).await {
            Ok(Ok(applied)) => Ok(*applied),
            Ok(Err(_)) | Err(_) => {
                let message = format!(
                    "the server has only applied up to position {}, which is before your cursor {since}; try again, or poll from 0",
                    self.replica.applied()
                );
                Err(ErrorReply::new(ErrorCode::Behind, message))
            }
        }
    }

    fn not_found(&self) -> ErrorReply {
        if self.behind {
            let message = "this server has not caught up with the log, and has no such task yet";
            ErrorReply::new(ErrorCode::Behind, message)
        } else {
            ErrorReply::new(ErrorCode::NotFound, "there is no such task among yours")
        }
    }

    fn answer(self, tasks: Vec<StoredTask>, more: bool, cursor: Position) -> ClientPolled {
        let tasks = tasks.into_iter().map(view).collect();
        ClientPolled {
            more,
            tasks,
            behind: self.behind,
            cursor,
            servers: self.servers,
        }
    }
}

fn view(task: StoredTask) -> TaskView {
    let asks = task
        .asks
        .into_iter()
        .map(|(recipient, state)| Ask { state, recipient });
    TaskView {
        asks: asks.collect(),
        hash: ByteArray::new(task.hash),
        task: ByteBuf::from(task.content),
        number: task.number,
        sender: task.sender,
        changed: task.changed,
        sent_at: task.sent_at,
        position: task.position,
    }
}

/// How many of the tasks fit into one answer, at least one.
fn fitting(tasks: &[StoredTask]) -> usize {
    const TASK_ITEMS: usize = 20;
    const ASK_ITEMS: usize = 5;
    const TASK_BYTES: usize = 300;
    const ASK_BYTES: usize = 110;
    const ITEMS_MAX: usize = ANSWER_ITEMS_MAX / 2;
    let (mut items, mut bytes) = (0, 0);
    let fit = tasks.iter().take_while(|task| {
        items += TASK_ITEMS + ASK_ITEMS * task.asks.len();
        bytes += TASK_BYTES + ASK_BYTES * task.asks.len() + task.content.len();
        items <= ITEMS_MAX && bytes <= POLL_TASKS_BYTES_MAX
    });
    fit.count().max(1)
}

fn failure(error: &(dyn std::error::Error + 'static)) -> ErrorReply {
    tracing::error!(error, "a poll could not be answered");
    ErrorReply::new(
        ErrorCode::Unavailable,
        "the server's database does not answer; try again",
    )
}
