//! What people do with tasks that are sent, and the history of a task.

use serde_bytes::ByteBuf;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::change::{
    ChangeReceipt, ChangeTask, History, HistoryStep, TaskHistory,
};
use yoshi_protocol::message::log::TaskOp;
use yoshi_protocol::subject::ClientVerb;
use yoshi_protocol::{
    AccountName, Credential, Millis, NewTask, Position, TaskChange, TaskId, Verb, limit,
};

use crate::client::Client;
use crate::error::Error;
use crate::retry::Effect;

/// One thing that was done with a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who did it.
    pub account: AccountName,
    /// The account's own number of it.
    pub number: u64,
    /// Its place in the log.
    pub position: Position,
    /// When the account's home took it.
    pub at: Millis,
    /// What it was.
    pub happened: Happened,
}

/// What was done with a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It was sent, like this.
    Sent(Box<NewTask>),
    /// It was changed.
    Changed(TaskChange),
}

impl Client {
    /// `CHANGE_TASK`: does something with a task. Every live server that
    /// serves has committed it when this returns.
    ///
    /// # Errors
    /// [`Error`]. What may not be done is [`yoshi_protocol::ErrorCode::NotAllowed`];
    /// a revision of something older than what stands is
    /// [`yoshi_protocol::ErrorCode::Conflict`]: [`Client::show`] the task then.
    /// After an unknown outcome, ask again with [`Client::change_again`].
    pub async fn change(
        &self,
        account: &AccountName,
        credential: &Credential,
        task: TaskId,
        verb: Verb,
    ) -> Result<ChangeReceipt, Error> {
        self.change_again(account, credential, &TaskChange::new(task, verb))
            .await
    }

    /// [`Client::change`] with a change that was made before, so that it can be
    /// asked for again under the same id.
    ///
    /// # Errors
    /// As [`Client::change`].
    pub async fn change_again(
        &self,
        account: &AccountName,
        credential: &Credential,
        change: &TaskChange,
    ) -> Result<ChangeReceipt, Error> {
        change.verb.check()?;
        let request = ChangeTask {
            change: ByteBuf::from(cbor::encode(change)),
            credential: credential.clone(),
        };
        self.call(account, ClientVerb::Change, Effect::Changes, &request)
            .await
    }

    /// `TASK_HISTORY`: everything that was done with a task, as far as the account
    /// may see it, in order.
    ///
    /// # Errors
    /// [`Error`]; a task that is none of the account's is
    /// [`yoshi_protocol::ErrorCode::NotFound`].
    pub async fn history(
        &self,
        account: &AccountName,
        credential: &Credential,
        task: TaskId,
    ) -> Result<Vec<Step>, Error> {
        let (mut steps, mut after) = (Vec::new(), Position::ZERO);
        loop {
            let request = TaskHistory {
                task,
                after,
                limit: limit::POLL_TASKS_MAX,
                credential: credential.clone(),
            };
            let page: History = self
                .call(account, ClientVerb::History, Effect::Reads, &request)
                .await?;
            let last = page.steps.last().map(|step| step.position);
            for step in page.steps {
                steps.push(Step::new(step).map_err(malformed)?);
            }
            match last {
                Some(last) if page.more && last > after => after = last,
                _ => return Ok(steps),
            }
        }
    }
}

fn malformed(reason: String) -> Error {
    Error::Malformed {
        reason,
        may_have_happened: false,
    }
}

impl Step {
    /// Decodes a step. Its form is not checked again: a newer release may allow
    /// more than this one.
    fn new(step: HistoryStep) -> Result<Self, String> {
        let position = step.position;
        let unreadable = |error| format!("the step at {position}: {error}");
        let happened = match step.op {
            TaskOp::Send(bytes) => {
                let task = cbor::decode(&bytes, Bound::TASK).map_err(unreadable)?;
                Happened::Sent(Box::new(task))
            }
            TaskOp::Change(bytes) => {
                Happened::Changed(cbor::decode(&bytes, Bound::TASK).map_err(unreadable)?)
            }
        };
        Ok(Self {
            account: step.account,
            number: step.number,
            position,
            at: step.at,
            happened,
        })
    }
}
