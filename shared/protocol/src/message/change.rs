//! What clients ask about tasks that are sent already: CHANGE_TASK, FIND_TASKS
//! and TASK_HISTORY; and TASKS_CHANGED, which tells websites that they should look.

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use super::log::TaskOp;
use super::task::{AskState, TaskView};
use crate::credential::Credential;
use crate::name::{AccountName, ChangeId, Millis, Position, ServerId, TaskId};
use crate::task::{Kind, When};

/// CHANGE_TASK: an account does something with a task. The account stands in
/// the subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangeTask {
    /// An encoded [`crate::TaskChange`]: servers keep these bytes as they are.
    pub change: ByteBuf,
    /// The account's.
    pub credential: Credential,
}

/// The answer to CHANGE_TASK: every live message server has committed the
/// change. The same on every retry.
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

/// FIND_TASKS: the account's tasks that fit, latest send first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FindTasks {
    /// Words that title or body must hold, in the syntax of a web search:
    /// quotes, `or`, `-`. Empty for any.
    pub text: String,
    /// Which of the account's tasks.
    pub view: FindView,
    /// The cursor of the previous answer; none at first.
    pub after: Option<Position>,
    /// How many tasks at most; the server's own limit holds as well.
    pub limit: u32,
    /// What else they must be.
    pub filter: Filter,
    /// The account's.
    pub credential: Credential,
}

/// Which of an account's tasks are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindView {
    /// Those that others, or itself, asked of it.
    ForMe,
    /// Those that it asked of others.
    AskedByMe,
}

/// What tasks must be. Empty lists and absent fields filter nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// One of these kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// With all of these labels, the sender's or one's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The sender, or one of the recipients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<AccountName>,
    /// Standing so with the account, or with one of its recipients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<AskState>,
    /// Due on this day or later, on the clock that the due date is written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_from: Option<When>,
    /// Due before this day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_before: Option<When>,
    /// At least this important: 1 highest, 9 lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<u8>,
}

/// The answer to FIND_TASKS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundTasks {
    /// Whether there may be more after `cursor`.
    pub more: bool,
    /// In descending order of `position`.
    pub tasks: Vec<TaskView>,
    /// The server may not have everything that was accounted for elsewhere.
    pub behind: bool,
    /// Where the next page continues.
    pub cursor: Option<Position>,
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
