//! CLIENT_POLL_MS and TASK_HISTORY: an account's tasks that changed since a
//! position, and what was done with one of them.

use std::time::Duration;

use deadpool_postgres::Pool;
use serde_bytes::ByteBuf;
use yoshi_planted::Fault;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::limit::{ANSWER_ITEMS_MAX, POLL_TASKS_BYTES_MAX, POLL_TASKS_MAX};
use yoshi_protocol::message::change::{History, HistoryStep, TaskHistory};
use yoshi_protocol::message::log::TaskOp;
use yoshi_protocol::message::task::{ClientPoll, ClientPolled, ServerApplied, View};
use yoshi_protocol::{AccountName, ErrorCode, ErrorReply, Position};
use yoshi_replica::Handle;

use crate::accounts::Accounts;
use crate::footing::Footing;
use crate::outbox::Outbox;
use crate::rules::Outcome;
use crate::store::changing::StepRow;
use crate::store::log::Operation;
use crate::store::poll::{self, List, StoredStep, StoredTask};

pub(crate) mod view;

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
        let is_late = yoshi_planted::is(Fault::PollCursorLate);
        let applied = if is_late {
            self.replica.applied()
        } else {
            applied
        };
        // Without more to give, everything that was applied before the query is here.
        let cursor = if more { last } else { last.max(applied) };
        Ok(self.answer(tasks, more, cursor))
    }

    /// Serves TASK_HISTORY of an account.
    ///
    /// # Errors
    /// An [`ErrorReply`] for the client.
    pub async fn history(
        self,
        account: AccountName,
        payload: &[u8],
    ) -> Result<History, ErrorReply> {
        let request: TaskHistory = cbor::decode(payload, Bound::REQUEST)?;
        self.accounts
            .authenticate(&account, request.credential, self.footing)
            .await?;
        self.reach(request.after).await?;
        let limit = request.limit.clamp(1, POLL_TASKS_MAX);
        let client = self.pool.get().await.map_err(|error| failure(&error))?;
        let steps = poll::history(&client, &account, request.task, request.after, limit + 1).await;
        let mut steps = steps.map_err(|error| failure(&error))?;
        if steps.is_empty() && request.after == Position::ZERO {
            let queued = self.outbox.find(&account, request.task).await?;
            return Err(queued.unwrap_or_else(|| self.not_found()));
        }
        let mut bytes = 0;
        let fitting = steps.iter().take(limit as usize).take_while(|step| {
            bytes += step.content.len();
            bytes <= POLL_TASKS_BYTES_MAX
        });
        let fitting = fitting.count().max(1).min(steps.len());
        let more = fitting < steps.len();
        steps.truncate(fitting);
        let steps = steps.into_iter().map(told).collect();
        Ok(History { more, steps })
    }

    /// Waits a moment for this server to reach the client's cursor.
    pub(crate) async fn reach(&self, since: Position) -> Result<Position, ErrorReply> {
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
        let tasks = tasks.into_iter().map(view::of).collect();
        ClientPolled {
            more,
            tasks,
            behind: self.behind,
            cursor,
            servers: self.servers,
        }
    }
}

fn told(step: StoredStep) -> HistoryStep {
    let content = ByteBuf::from(step.content);
    HistoryStep {
        at: step.at,
        op: match step.operation {
            Operation::Send => TaskOp::Send(content),
            Operation::Change => TaskOp::Change(content),
        },
        number: step.number,
        account: step.account,
        position: step.position,
    }
}

/// How many of the tasks fit into one answer, at least one.
pub(crate) fn fitting(tasks: &[StoredTask]) -> usize {
    const TASK_ITEMS: usize = 45;
    const ASK_ITEMS: usize = 20;
    const TASK_BYTES: usize = 500;
    const ASK_BYTES: usize = 180;
    const ITEMS_MAX: usize = ANSWER_ITEMS_MAX / 2;
    let (mut items, mut bytes) = (0, 0);
    let fit = tasks.iter().take_while(|task| {
        let said = |step: &StepRow| step.reason.len() + step.answer.as_ref().map_or(0, Vec::len);
        let said: usize = task.asks.iter().map(|(_, step)| said(step)).sum();
        items += TASK_ITEMS + ASK_ITEMS * task.asks.len() + task.labels.lines().count();
        bytes += TASK_BYTES + ASK_BYTES * task.asks.len();
        bytes += task.content.len() + task.labels.len() + said;
        items <= ITEMS_MAX && bytes <= POLL_TASKS_BYTES_MAX
    });
    fit.count().max(1)
}

pub(crate) fn failure(error: &(dyn std::error::Error + 'static)) -> ErrorReply {
    tracing::error!(error, "a poll could not be answered");
    ErrorReply::new(
        ErrorCode::Unavailable,
        "the server's database does not answer; try again",
    )
}
