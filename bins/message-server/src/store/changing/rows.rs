//! Tasks, asks, notes and changes as their rows hold them.

use tokio_postgres::{Error, Row};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Position};

use crate::rules::Hash;
use crate::store::apply::{hash, stored_name, unsigned};

/// A task, as far as changes change it.
#[derive(Debug, Clone)]
pub struct TaskRow {
    /// Which.
    pub id: Uuid,
    /// Whose; read only.
    pub sender: AccountName,
    /// The encoded task as last revised; none to leave it as it is.
    pub content: Option<Vec<u8>>,
    /// How often it was revised.
    pub revision: i32,
    /// Whether the sender no longer wants it.
    pub withdrawn: bool,
    /// See the column.
    pub status: i16,
    /// See the column.
    pub needs_sender: bool,
    /// How many.
    pub comments: i32,
    /// How many.
    pub reminders: i32,
    /// The position of the latest change that everybody concerned sees.
    pub public: Position,
    /// Whose that was.
    pub actor: AccountName,
    /// The position of the latest change that the sender sees.
    pub changed: Position,
}

/// An ask, as it stands.
#[derive(Debug, Clone)]
pub struct AskRow {
    /// Of which task.
    pub task: Uuid,
    /// Who is asked.
    pub recipient: AccountName,
    /// How it stands.
    pub step: StepRow,
    /// How it stood before.
    pub before: Option<StepRow>,
    /// The position of the latest change that the recipient sees.
    pub changed: Position,
}

/// How an ask stands or stood.
#[derive(Debug, Clone)]
pub struct StepRow {
    /// See the column.
    pub state: i16,
    /// 0 to 100.
    pub percent: i16,
    /// The encoded answer.
    pub answer: Option<Vec<u8>>,
    /// May be empty.
    pub reason: String,
}

/// A note.
#[derive(Debug, Clone)]
pub struct NoteRow {
    /// About which task.
    pub task: Uuid,
    /// Whose.
    pub account: AccountName,
    /// One per line.
    pub labels: String,
    /// As on the wire.
    pub snoozed_until: Option<String>,
    /// Up to where it has read; 0 for unread.
    pub read: Position,
}

/// An earlier change.
#[derive(Debug, Clone)]
pub struct EarlierRow {
    /// Its id.
    pub id: Uuid,
    /// Its task.
    pub task: Uuid,
    /// Whose.
    pub account: AccountName,
    /// The account's number of it.
    pub number: u64,
    /// Its place in the log.
    pub position: Position,
    /// The head of the account's chain after it.
    pub hash: Hash,
    /// The encoded change.
    pub content: Vec<u8>,
}

/// What the first query of [`Statements::read`](super::Statements::read) gave.
///
/// # Errors
/// If a row is not what the schema promises.
pub fn earlier(row: &Row) -> Result<EarlierRow, Error> {
    Ok(EarlierRow {
        id: row.try_get("id")?,
        task: row.try_get("task")?,
        account: stored_name(row.try_get("account")?),
        number: unsigned(row.try_get("number")?),
        position: Position::from_i64(row.try_get("position")?),
        hash: hash(row, "hash")?,
        content: row.try_get("content")?,
    })
}

/// What the second query gave.
///
/// # Errors
/// As [`earlier`].
pub fn task(row: &Row) -> Result<TaskRow, Error> {
    Ok(TaskRow {
        id: row.try_get("id")?,
        sender: stored_name(row.try_get("sender")?),
        content: Some(row.try_get("content")?),
        revision: row.try_get("revision")?,
        withdrawn: row.try_get("withdrawn")?,
        status: 0,
        needs_sender: false,
        comments: row.try_get("comments")?,
        reminders: row.try_get("reminders")?,
        public: Position::from_i64(row.try_get("public")?),
        actor: stored_name(row.try_get("actor")?),
        changed: Position::from_i64(row.try_get("changed")?),
    })
}

/// What the third query gave.
///
/// # Errors
/// As [`earlier`].
pub fn ask(row: &Row) -> Result<AskRow, Error> {
    let before: Option<i16> = row.try_get("before_state")?;
    let before = match before {
        None => None,
        Some(state) => Some(StepRow {
            state,
            percent: row.try_get("before_percent")?,
            answer: row.try_get("before_answer")?,
            reason: row.try_get("before_reason")?,
        }),
    };
    Ok(AskRow {
        task: row.try_get("task")?,
        recipient: stored_name(row.try_get("recipient")?),
        step: StepRow {
            state: row.try_get("state")?,
            percent: row.try_get("percent")?,
            answer: row.try_get("answer")?,
            reason: row.try_get("reason")?,
        },
        before,
        changed: Position::from_i64(row.try_get("changed")?),
    })
}

/// What the fourth query gave.
///
/// # Errors
/// As [`earlier`].
pub fn note(row: &Row) -> Result<NoteRow, Error> {
    Ok(NoteRow {
        task: row.try_get("task")?,
        account: stored_name(row.try_get("account")?),
        labels: row.try_get("labels")?,
        snoozed_until: row.try_get("snoozed_until")?,
        read: Position::from_i64(row.try_get("read")?),
    })
}
