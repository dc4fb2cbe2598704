//! What clients ask of message servers: TASK_FROM_CLIENT and CLIENT_POLL_MS.

use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use crate::change::Answer;
use crate::credential::Credential;
use crate::name::{AccountName, Millis, Position, ServerId, TaskId};
use crate::task::When;

/// TASK_FROM_CLIENT: a task for other accounts. The sender stands in the subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskFromClient {
    /// An encoded [`crate::NewTask`]: servers keep these bytes as they are.
    pub task: ByteBuf,
    /// The sender's.
    pub credential: Credential,
}

/// The answer to TASK_FROM_CLIENT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Every live message server has committed the task.
    Accounted(Receipt),
    /// One server has it in its outbox; it is not in the log yet.
    Queued(Queued),
}

/// Proof that a task is accounted for. The same on every retry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The head of the sender's hash chain after this task.
    pub hash: ByteArray<32>,
    /// The task's id.
    pub task: TaskId,
    /// The sender's own number of it: 1, 2, 3 … without gaps.
    pub number: u64,
    /// Its place in the log.
    pub position: Position,
    /// The servers that have committed it.
    pub accounted_for: Vec<ServerId>,
}

/// A task that waits in one server's outbox, because the log is out of reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// The task's id: send it again later to get its receipt.
    pub task: TaskId,
    /// The one server that holds it.
    pub server: ServerId,
}

/// OUTBOX_TO_HOME: a task that one server took while the log was out of reach,
/// on its way to the home of its account, which the subject names. The server
/// that took it has checked the sender's credential. The answer is a [`Sent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxToHome {
    /// The encoded [`crate::NewTask`], as the client made it.
    pub task: ByteBuf,
}

/// CLIENT_POLL_MS: the account's tasks that changed since a position. The
/// account stands in the subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClientPoll {
    /// Which of the account's tasks.
    pub view: View,
    /// How many tasks at most; the server's own limit holds as well.
    pub limit: u32,
    /// The cursor of the previous answer, 0 at first.
    pub since: Position,
    /// The account's.
    pub credential: Credential,
}

/// Which of an account's tasks a poll is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// Those that others, or itself, sent to it.
    Inbox,
    /// Those that it sent.
    Sent,
    /// This one, if it is among either.
    Task(TaskId),
}

/// The answer to CLIENT_POLL_MS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientPolled {
    /// Whether the next poll, from `cursor`, has more to give at once.
    pub more: bool,
    /// In ascending order of `changed`.
    pub tasks: Vec<TaskView>,
    /// The server may not have everything that was accounted for elsewhere.
    pub behind: bool,
    /// Where the next poll continues.
    pub cursor: Position,
    /// How far each live message server had applied the log when last heard:
    /// those at or past a task's `changed` hold it.
    pub servers: Vec<ServerApplied>,
}

/// How far a message server has applied the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerApplied {
    /// The server.
    pub id: ServerId,
    /// It has committed everything up to here.
    pub applied: Position,
}

/// A task as it now stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// One per recipient, in the order of the task's `recipients`.
    pub asks: Vec<Ask>,
    /// The head of the sender's hash chain after the send.
    pub hash: ByteArray<32>,
    /// What the account that asks has noted for itself.
    #[serde(default, skip_serializing_if = "Note::is_default")]
    pub mine: Note,
    /// The encoded [`crate::NewTask`], as the sender made it, or last revised it.
    pub task: ByteBuf,
    /// The sender's own number of it.
    pub number: u64,
    /// Who sent it.
    pub sender: AccountName,
    /// How it stands as a whole; it follows from `asks`.
    #[serde(default)]
    pub status: TaskStatus,
    /// The position of its latest change.
    pub changed: Position,
    /// The home server's clock when it took the task.
    pub sent_at: Millis,
    /// How many comments it has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub comments: u32,
    /// The position of the send.
    pub position: Position,
    /// 0 at the send, one more at each revision.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u32,
    /// How often the sender has reminded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reminders: u32,
    /// Recipients have declined, and the others cannot complete it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub needs_sender: bool,
}

const fn is_zero(number: &u32) -> bool {
    *number == 0
}

const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What an account notes about a task for itself: nobody else sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Whether it has read everything that others did.
    #[serde(default)]
    pub read: bool,
    /// Its own labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Out of sight until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<When>,
}

impl Note {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a task stands as a whole (iCalendar STATUS).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Nobody has begun.
    #[default]
    NeedsAction,
    /// Somebody has.
    InProcess,
    /// Done, as its completion demands.
    Completed,
    /// The sender no longer wants it.
    Cancelled,
}

/// What one recipient was asked, and how it stands with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// How it stands.
    pub state: AskState,
    /// The answer, once completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Why it was declined, withdrawn or asked again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How far the recipient is, in percent.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub percent: u8,
    /// Who was asked.
    pub recipient: AccountName,
}

const fn is_nothing(percent: &u8) -> bool {
    *percent == 0
}

/// How a task stands with one recipient (iCalendar PARTSTAT).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskState {
    /// Delivered, and not answered.
    #[default]
    NeedsAction,
    /// Taken on.
    Accepted,
    /// Begun.
    InProcess,
    /// Done.
    Completed,
    /// Not taken on, or given back.
    Declined,
    /// Somebody else completed a task that one was enough for.
    Closed,
    /// No longer wanted of this recipient.
    Withdrawn,
}
