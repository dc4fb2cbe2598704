//! An account's tasks as they stand, for CLIENT_POLL_MS, and their history.
//! Each is one statement: what is shown stood so at one moment.

use deadpool_postgres::GenericClient;
use tokio_postgres::{Error, Row};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Millis, Position, TaskId};

use super::apply::{hash, stored_name, unsigned};
use super::changing::StepRow;
use super::log::Operation;
use crate::rules::Hash;

mod statements;

/// A task as one account sees it.
#[derive(Debug, Clone)]
pub struct StoredTask {
    /// Its id.
    pub id: TaskId,
    /// Who sent it.
    pub sender: AccountName,
    /// The sender's number of it.
    pub number: u64,
    /// The place of the send in the log.
    pub position: Position,
    /// The position of its latest change for the account that asks.
    pub changed: Position,
    /// The home's clock at the send.
    pub sent_at: Millis,
    /// The head of the sender's chain after the send.
    pub hash: Hash,
    /// The encoded task, as last revised.
    pub content: Vec<u8>,
    /// How often it was revised.
    pub revision: i32,
    /// See the column.
    pub status: i16,
    /// See the column.
    pub needs_sender: bool,
    /// How many.
    pub comments: i32,
    /// How many.
    pub reminders: i32,
    /// Whether the account has read everything that others did.
    pub read: bool,
    /// The account's own labels, one per line.
    pub labels: String,
    /// Out of the account's sight until then, as on the wire.
    pub snoozed_until: Option<String>,
    /// One per recipient, in the task's order.
    pub asks: Vec<(AccountName, StepRow)>,
}

/// Which list of an account's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// What others, or itself, ask of it.
    Inbox,
    /// What it asks of others.
    Sent,
}

/// One thing that was done with a task.
#[derive(Debug, Clone)]
pub struct StoredStep {
    /// Its place in the log.
    pub position: Position,
    /// Whether it is the send.
    pub operation: Operation,
    /// Who did it.
    pub account: AccountName,
    /// The account's number of it.
    pub number: u64,
    /// The home's clock.
    pub at: Millis,
    /// The encoded task or change.
    pub content: Vec<u8>,
}

/// The tasks of a list that changed after `since`, in order: at most `limit`,
/// and no more once they exceed `bytes_max`, but at least one if there is one.
///
/// # Errors
/// If a query fails.
pub async fn list(
    client: &deadpool_postgres::Client,
    account: &AccountName,
    list: List,
    since: Position,
    limit: u32,
    bytes_max: usize,
) -> Result<Vec<StoredTask>, Error> {
    let statement = match list {
        List::Inbox => statements::INBOX,
        List::Sent => statements::SENT,
    };
    let statement = client.prepare_cached(statement).await?;
    let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [
        &account.as_str(),
        &since.to_i64(),
        &i64::from(limit),
        &bytes_max,
    ];
    let rows = client.query(&statement, &params).await?;
    rows.iter().map(task).collect()
}

/// One task, if the account has to do with it.
///
/// # Errors
/// If a query fails.
pub async fn one(
    client: &deadpool_postgres::Client,
    account: &AccountName,
    id: TaskId,
) -> Result<Option<StoredTask>, Error> {
    let statement = client.prepare_cached(statements::ONE).await?;
    let found = client
        .query_opt(&statement, &[&account.as_str(), &id.0])
        .await?;
    found.as_ref().map(task).transpose()
}

/// Tasks of a list, which must be the account's, the latest sent first: no more
/// once they exceed `bytes_max`, but at least one.
///
/// # Errors
/// If a query fails.
pub async fn these(
    client: &impl GenericClient,
    account: &AccountName,
    list: List,
    ids: &[Uuid],
    bytes_max: usize,
) -> Result<Vec<StoredTask>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let statement = client.prepare_cached(statements::THESE).await?;
    let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
    let is_sent = list == List::Sent;
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&account.as_str(), &ids, &is_sent, &bytes_max];
    let rows = client.query(&statement, &params).await?;
    rows.iter().map(task).collect()
}

/// What was done with a task after `after`, in order, at most `limit` steps;
/// nothing if the account has nothing to do with it.
///
/// # Errors
/// If the query fails.
pub async fn history(
    client: &deadpool_postgres::Client,
    account: &AccountName,
    id: TaskId,
    after: Position,
    limit: u32,
) -> Result<Vec<StoredStep>, Error> {
    let statement = client.prepare_cached(statements::HISTORY).await?;
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&account.as_str(), &id.0, &after.to_i64(), &i64::from(limit)];
    let rows = client.query(&statement, &params).await?;
    rows.iter().map(step).collect()
}

fn task(row: &Row) -> Result<StoredTask, Error> {
    Ok(StoredTask {
        id: TaskId(row.try_get("id")?),
        sender: stored_name(row.try_get("sender")?),
        number: unsigned(row.try_get("number")?),
        position: Position::from_i64(row.try_get("position")?),
        changed: Position::from_i64(row.try_get("changed")?),
        sent_at: Millis(row.try_get("sent_at")?),
        hash: hash(row, "hash")?,
        content: row.try_get("content")?,
        revision: row.try_get("revision")?,
        status: row.try_get("status")?,
        needs_sender: row.try_get("needs_sender")?,
        comments: row.try_get("comments")?,
        reminders: row.try_get("reminders")?,
        read: row.try_get("read")?,
        labels: row.try_get("labels")?,
        snoozed_until: row.try_get("snoozed_until")?,
        asks: asks(row)?,
    })
}

fn asks(row: &Row) -> Result<Vec<(AccountName, StepRow)>, Error> {
    let Some(recipients) = row.try_get::<_, Option<Vec<&str>>>("recipients")? else {
        return Ok(Vec::new());
    };
    let states: Vec<i16> = row.try_get("states")?;
    let percents: Vec<i16> = row.try_get("percents")?;
    let answers: Vec<Option<Vec<u8>>> = row.try_get("answers")?;
    let reasons: Vec<String> = row.try_get("reasons")?;
    let standing = states.into_iter().zip(percents);
    let said = answers.into_iter().zip(reasons);
    let steps = standing
        .zip(said)
        .map(|((state, percent), (answer, reason))| StepRow {
            state,
            percent,
            answer,
            reason,
        });
    Ok(recipients.into_iter().map(stored_name).zip(steps).collect())
}

fn step(row: &Row) -> Result<StoredStep, Error> {
    let is_send: bool = row.try_get("is_send")?;
    Ok(StoredStep {
        position: Position::from_i64(row.try_get("position")?),
        operation: if is_send {
            Operation::Send
        } else {
            Operation::Change
        },
        account: stored_name(row.try_get("account")?),
        number: unsigned(row.try_get("number")?),
        at: Millis(row.try_get("at")?),
        content: row.try_get("content")?,
    })
}
