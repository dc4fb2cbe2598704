//! An account's tasks as they stand, for CLIENT_POLL_MS, and their history.

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use tokio_postgres::{Error, Row};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Millis, Position, TaskId};

use super::apply::{hash, stored_name, unsigned};
use super::changing::StepRow;
use super::log::Operation;
use crate::rules::Hash;

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

/// The columns of a task, for the account `$1`; `$changed` is what it sees.
macro_rules! columns {
    ($changed:literal) => {
        concat!(
            "task.id, task.sender, task.number, task.position, ",
            $changed,
            " AS changed, task.sent_at, task.hash,
            coalesce(task.revised, task.content) AS content, task.revision, task.status,
            task.needs_sender, task.comments, task.reminders,
            coalesce(task.actor, task.sender) = $1
                OR coalesce(note.read >= coalesce(task.public, task.position), false) AS read,
            coalesce(note.labels, '') AS labels, note.snoozed_until"
        )
    };
}

/// The tasks that `$from` selects, in order, until they exceed `$4` bytes:
/// at least one, and the last may go past it.
macro_rules! page {
    ($name:literal, $changed:literal, $from:literal) => {
        concat!(
            $name,
            "
    SELECT *
    FROM (
        SELECT *, sum(octet_length(content)) OVER (ORDER BY changed) AS bytes
        FROM (
            SELECT ",
            columns!($changed),
            $from,
            ") AS following
    ) AS measured
    WHERE bytes - octet_length(content) <= $4
    ORDER BY changed"
        )
    };
}

/// What an account is asked by others.
const INBOX: &str = page!(
    "-- poll: inbox",
    "ask.changed",
    "
            FROM ask JOIN task ON task.id = ask.task
            LEFT JOIN note ON note.task = task.id AND note.account = $1
            WHERE ask.recipient = $1 AND ask.changed > $2
            ORDER BY ask.changed LIMIT $3
        "
);

/// What an account asked of others.
const SENT: &str = page!(
    "-- poll: sent",
    "task.changed",
    "
            FROM task LEFT JOIN note ON note.task = task.id AND note.account = $1
            WHERE task.sender = $1 AND task.changed > $2
            ORDER BY task.changed LIMIT $3
        "
);

/// One task, if the account sent it or is asked by it.
const ONE: &str = concat!(
    "-- poll: one
    SELECT ",
    // What the sender notes for itself changes nothing for a recipient.
    columns!("CASE WHEN task.sender = $1 THEN task.changed ELSE ask.changed END"),
    "
    FROM task LEFT JOIN note ON note.task = task.id AND note.account = $1
    LEFT JOIN ask ON ask.task = task.id AND ask.recipient = $1
    WHERE task.id = $2 AND (task.sender = $1 OR ask.recipient = $1)"
);

/// Those of the tasks `$2` that the account has to do with, the latest sent first,
/// until they exceed `$4` bytes: at least one, and the last may go past it.
const THESE: &str = concat!(
    "-- poll: these
    SELECT *
    FROM (
        SELECT *, sum(octet_length(content)) OVER (ORDER BY position DESC) AS bytes
        FROM (
            SELECT ",
    columns!("CASE WHEN $3::boolean THEN task.changed ELSE ask.changed END"),
    "
            FROM task LEFT JOIN note ON note.task = task.id AND note.account = $1
            LEFT JOIN ask ON ask.task = task.id AND ask.recipient = $1
            WHERE task.id = ANY($2::uuid[]) AND (task.sender = $1 OR ask.recipient = $1)
        ) AS chosen
    ) AS measured
    WHERE bytes - octet_length(content) <= $4
    ORDER BY position DESC"
);

const ASKS: &str = "-- poll: asks
    SELECT task, recipient, state, percent, answer, reason
    FROM ask WHERE task = ANY($1) ORDER BY task, place";

/// What was done with the task `$2`, as far as the account `$1` sees it.
const HISTORY: &str = "-- poll: history
    SELECT * FROM (
        SELECT position, true AS is_send, sender AS account, number, sent_at AS at, content
        FROM task WHERE id = $2
        UNION ALL
        SELECT position, false, account, number, at, content
        FROM change WHERE task = $2 AND (NOT private OR account = $1)
    ) AS step
    WHERE position > $3
      AND EXISTS (SELECT FROM task WHERE id = $2 AND sender = $1
                  UNION ALL SELECT FROM ask WHERE task = $2 AND recipient = $1)
    ORDER BY position LIMIT $4";

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
        List::Inbox => INBOX,
        List::Sent => SENT,
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
    with_asks(client, &rows).await
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
    let statement = client.prepare_cached(ONE).await?;
    let rows = client
        .query(&statement, &[&account.as_str(), &id.0])
        .await?;
    Ok(with_asks(client, &rows).await?.pop())
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
    let statement = client.prepare_cached(THESE).await?;
    let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
    let is_sent = list == List::Sent;
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&account.as_str(), &ids, &is_sent, &bytes_max];
    let rows = client.query(&statement, &params).await?;
    with_asks(client, &rows).await
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
    let statement = client.prepare_cached(HISTORY).await?;
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&account.as_str(), &id.0, &after.to_i64(), &i64::from(limit)];
    let rows = client.query(&statement, &params).await?;
    rows.iter().map(step).collect()
}

async fn with_asks(client: &impl GenericClient, rows: &[Row]) -> Result<Vec<StoredTask>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut tasks = rows.iter().map(task).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id.0).collect();
    let statement = client.prepare_cached(ASKS).await?;
    let mut asks: HashMap<Uuid, Vec<(AccountName, StepRow)>> = HashMap::new();
    for row in client.query(&statement, &[&ids]).await? {
        let step = StepRow {
            state: row.try_get("state")?,
            percent: row.try_get("percent")?,
            answer: row.try_get("answer")?,
            reason: row.try_get("reason")?,
        };
        let ask = (stored_name(row.try_get("recipient")?), step);
        asks.entry(row.try_get("task")?).or_default().push(ask);
    }
    for task in &mut tasks {
        task.asks = asks.remove(&task.id.0).unwrap_or_default();
    }
    Ok(tasks)
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
        asks: Vec::new(),
    })
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
