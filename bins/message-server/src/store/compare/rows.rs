//! Rows as they stand. They are read raw: a row that was damaged may hold what no
//! rule would write.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;
use yoshi_protocol::{Incarnation, Position};

use super::statements::{ASKS, NOTES};

/// A task, and what the chain before it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// The columns of the table.
    pub id: Uuid,
    /// Who sent it.
    pub sender: String,
    /// The sender's number of it.
    pub number: i64,
    /// The place of the send in the log.
    pub position: i64,
    /// The position of its latest change.
    pub changed: i64,
    /// The epoch in which it was accepted.
    pub epoch: i64,
    /// The home's clock at the send.
    pub sent_at: i64,
    /// The head of the sender's chain after it.
    pub hash: Vec<u8>,
    /// The head of the sender's chain before it; none if an earlier release applied it.
    pub previous: Option<Vec<u8>>,
    /// The encoded task.
    pub content: Vec<u8>,
    /// The encoded task as last revised.
    pub revised: Option<Vec<u8>>,
    /// How often it was revised, and what follows from its asks: the columns
    /// revision, withdrawn, status, `needs_sender`, comments, reminders.
    pub standing: [i64; 6],
    /// The position of the latest change that everybody concerned sees.
    pub public: i64,
    /// Whose that was.
    pub actor: String,
    /// By place.
    pub asks: Vec<AskRow>,
    /// By account.
    pub notes: Vec<NoteRow>,
    /// SHA-256 over its changes, in order.
    pub changes: Vec<u8>,
    /// Whether each change agrees with its account's hash chain.
    pub chained: bool,
}

impl TaskRow {
    /// The position of the latest change that anybody sees.
    #[must_use]
    pub fn latest(&self) -> i64 {
        let asks = self.asks.iter().map(|ask| ask.changed);
        asks.fold(self.changed, i64::max)
    }
}

/// What one recipient was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskRow {
    /// Who.
    pub recipient: String,
    /// The recipient's place in the task's list, from 0.
    pub place: i16,
    /// How it stands, and how far: state and percent; and how it stood before,
    /// -1 for not at all.
    pub standing: [i16; 4],
    /// Answer and reason, now and before; empty for none.
    pub said: [Vec<u8>; 4],
    /// The position of its latest change.
    pub changed: i64,
}

/// What one account notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteRow {
    /// Whose.
    pub account: String,
    /// One per line.
    pub labels: String,
    /// Empty for none.
    pub snoozed_until: String,
    /// Up to where it has read.
    pub read: i64,
}

/// An account, and its latest entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its name.
    pub name: String,
    /// The epoch of its latest entry.
    pub epoch: i64,
    /// The number of its latest entry.
    pub number: i64,
    /// The head of its chain.
    pub head: Vec<u8>,
    /// The position of its latest entry; none if an earlier release applied it.
    pub latest_position: Option<i64>,
    /// Number, hash and epoch of that entry, if it is there.
    pub latest: Option<(i64, Vec<u8>, i64)>,
    /// How many entries of it there are; none for a large account.
    pub entries: Option<i64>,
}

/// Rows of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The log that the database follows.
    pub stream: Incarnation,
    /// The database had committed the log up to here.
    pub applied: Position,
    /// By no order in particular.
    pub tasks: Vec<TaskRow>,
    /// By no order in particular.
    pub accounts: Vec<AccountRow>,
}

pub(super) async fn tasks(
    snapshot: &Transaction<'_>,
    statement: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<TaskRow>, tokio_postgres::Error> {
    let statement = snapshot.prepare_cached(statement).await?;
    let rows = snapshot.query(&statement, params).await?;
    rows.iter().map(task).collect()
}

fn task(row: &Row) -> Result<TaskRow, tokio_postgres::Error> {
    let number = |name| Ok(i64::from(row.try_get::<_, i32>(name)?));
    let flag = |name| Ok(i64::from(row.try_get::<_, bool>(name)?));
    Ok(TaskRow {
        id: row.try_get("id")?,
        sender: row.try_get("sender")?,
        number: row.try_get("number")?,
        position: row.try_get("position")?,
        changed: row.try_get("changed")?,
        epoch: row.try_get("epoch")?,
        sent_at: row.try_get("sent_at")?,
        hash: row.try_get("hash")?,
        previous: row.try_get("previous")?,
        content: row.try_get("content")?,
        revised: row.try_get("revised")?,
        standing: [
            number("revision")?,
            flag("withdrawn")?,
            i64::from(row.try_get::<_, i16>("status")?),
            flag("needs_sender")?,
            number("comments")?,
            number("reminders")?,
        ],
        public: row.try_get("public")?,
        actor: row.try_get("actor")?,
        asks: Vec::new(),
        notes: Vec::new(),
        changes: row.try_get("changes")?,
        chained: row.try_get("chained")?,
    })
}

pub(super) async fn with_asks(
    snapshot: &Transaction<'_>,
    tasks: &mut [TaskRow],
) -> Result<(), tokio_postgres::Error> {
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
    let statement = snapshot.prepare_cached(ASKS).await?;
    let mut asks: HashMap<Uuid, Vec<AskRow>> = HashMap::new();
    for row in snapshot.query(&statement, &[&ids]).await? {
        asks.entry(row.try_get("task")?)
            .or_default()
            .push(ask(&row)?);
    }
    let statement = snapshot.prepare_cached(NOTES).await?;
    let mut notes: HashMap<Uuid, Vec<NoteRow>> = HashMap::new();
    for row in snapshot.query(&statement, &[&ids]).await? {
        let note = NoteRow {
            account: row.try_get("account")?,
            labels: row.try_get("labels")?,
            snoozed_until: row.try_get("snoozed_until")?,
            read: row.try_get("read")?,
        };
        notes.entry(row.try_get("task")?).or_default().push(note);
    }
    for task in tasks {
        task.asks = asks.remove(&task.id).unwrap_or_default();
        task.notes = notes.remove(&task.id).unwrap_or_default();
    }
    Ok(())
}

fn ask(row: &Row) -> Result<AskRow, tokio_postgres::Error> {
    let before = |name| Ok(row.try_get::<_, Option<i16>>(name)?.unwrap_or(-1));
    let bytes = |name| Ok(row.try_get::<_, Option<Vec<u8>>>(name)?.unwrap_or_default());
    let text = |name| {
        let text: Option<String> = row.try_get(name)?;
        Ok(text.unwrap_or_default().into_bytes())
    };
    Ok(AskRow {
        recipient: row.try_get("recipient")?,
        place: row.try_get("place")?,
        standing: [
            row.try_get("state")?,
            row.try_get("percent")?,
            before("before_state")?,
            before("before_percent")?,
        ],
        said: [
            bytes("answer")?,
            text("reason")?,
            bytes("before_answer")?,
            text("before_reason")?,
        ],
        changed: row.try_get("changed")?,
    })
}

pub(super) async fn accounts(
    snapshot: &Transaction<'_>,
    statement: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<AccountRow>, tokio_postgres::Error> {
    let statement = snapshot.prepare_cached(statement).await?;
    let rows = snapshot.query(&statement, params).await?;
    rows.iter().map(account).collect()
}

fn account(row: &Row) -> Result<AccountRow, tokio_postgres::Error> {
    let number: Option<i64> = row.try_get("latest_number")?;
    let hash: Option<Vec<u8>> = row.try_get("latest_hash")?;
    let epoch: Option<i64> = row.try_get("latest_epoch")?;
    let latest = number.zip(hash).zip(epoch);
    Ok(AccountRow {
        name: row.try_get("name")?,
        epoch: row.try_get("epoch")?,
        number: row.try_get("number")?,
        head: row.try_get("head")?,
        latest_position: row.try_get("latest")?,
        latest: latest.map(|((number, hash), epoch)| (number, hash, epoch)),
        entries: row.try_get("entries")?,
    })
}
