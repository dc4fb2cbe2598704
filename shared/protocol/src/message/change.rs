//! What clients ask about tasks that are sent already: CHANGE_TASK and
//! TASK_HISTORY; and TASKS_CHANGED, which tells websites that they should look.

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use super::log::TaskOp;
use crate::credential::Credential;
use crate::name::{AccountName, ChangeId, Millis, Position, ServerId, TaskId};

/// CHANGE_TASK: an account does something with a task. The account stands in
/// the subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeTask {
    /// An encoded [`crate::TaskChange`]: servers keep these bytes as they are.
    pub change: ByteBuf,
    /// The account's.
    pub credential: Credential,
}

/// The answer to CHANGE_TASK: every live message server that serves has committed
/// the change. The same on every retry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeReceipt {
    /// The head of the account's hash chain after this change.
    pub hash: ByteArray<32>,
    /// The change's id.
    pub change: ChangeId,
    /// The account's own number of it; it counts with its sends.
    pub number: u64,
    /// Its place in the log.
    pub position: Position,
    /// The servers that have committed it.
    pub accounted_for: Vec<ServerId>,
}

/// TASK_HISTORY: everything that was done with a task, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskHistory {
    /// The task; the account must be its sender or a recipient.
    pub task: TaskId,
    /// Steps after this position; 0 for all.
    pub after: Position,
    /// How many steps at most; the server's own limit holds as well.
    pub limit: u32,
    /// The account's.
    pub credential: Credential,
}

/// The answer to TASK_HISTORY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Whether there are more after the last of `steps`.
    pub more: bool,
    /// In order. What others have noted for themselves is left out.
    pub steps: Vec<HistoryStep>,
}

/// One thing that was done with a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryStep {
    /// The home server's clock; for people.
    pub at: Millis,
    /// What was done.
    pub op: TaskOp,
    /// The account's own number of it.
    pub number: u64,
    /// Who did it.
    pub account: AccountName,
    /// Its place in the log.
    pub position: Position,
}

/// TASKS_CHANGED: something changed for these accounts. It carries no more than
/// that: polling stays the truth, and a lost notice does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TasksChanged {
    /// At most [`crate::limit::ACCOUNTS_PAGE_MAX`].
    pub accounts: Vec<AccountName>,
    /// Everything up to here is accounted for.
    pub position: Position,
}
