//! An account's tasks as they stand, for CLIENT_POLL_MS.

use std::collections::HashMap;

use tokio_postgres::{Error, Row};
use uuid::Uuid;
use yoshi_protocol::message::task::AskState;
use yoshi_protocol::{AccountName, Millis, Position, TaskId};

use super::apply::{hash, stored_name, unsigned};
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
    /// The encoded task.
    pub content: Vec<u8>,
    /// One per recipient, in the task's order.
    pub asks: Vec<(AccountName, AskState)>,
}

/// The tasks that `$following` selects, in order, until they exceed `$4` bytes:
/// at least one, and the last may go past it.
macro_rules! page {
    ($name:literal, $following:literal) => {
        concat!(
            $name,
            "
    SELECT id, sender, number, position, changed, sent_at, hash, content
    FROM (
        SELECT *, sum(octet_length(content)) OVER (ORDER BY changed) AS bytes
        FROM (",
            $following,
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
    "
            SELECT task.id, task.sender, task.number, task.position, ask.changed, task.sent_at,
                   task.hash, task.content
            FROM ask JOIN task ON task.id = ask.task
            WHERE ask.recipient = $1 AND ask.changed > $2
            ORDER BY ask.changed LIMIT $3
        "
);

/// What an account asked of others.
const SENT: &str = page!(
    "-- poll: sent",
    "
            SELECT id, sender, number, position, changed, sent_at, hash, content
            FROM task
            WHERE sender = $1 AND changed > $2
            ORDER BY changed LIMIT $3
        "
);

/// One task, if the account sent it or is asked by it.
const ONE: &str = "-- poll: one
    SELECT id, sender, number, position, changed, sent_at, hash, content
    FROM task
    WHERE id = $2
      AND (sender = $1 OR EXISTS (SELECT FROM ask WHERE task = $2 AND recipient = $1))";

const ASKS: &str = "-- poll: asks
    SELECT task, recipient, state FROM ask WHERE task = ANY($1) ORDER BY task, place";

/// Which list of an account's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// What others, or itself, ask of it.
    Inbox,
    /// What it asks of others.
    Sent,
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

async fn with_asks(
    client: &deadpool_postgres::Client,
    rows: &[Row],
) -> Result<Vec<StoredTask>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut tasks = rows.iter().map(task).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.id.0).collect();
    let statement = client.prepare_cached(ASKS).await?;
    let mut asks: HashMap<Uuid, Vec<(AccountName, AskState)>> = HashMap::new();
    for row in client.query(&statement, &[&ids]).await? {
        let ask = (
            stored_name(row.try_get("recipient")?),
            state(row.try_get("state")?),
        );
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
        asks: Vec::new(),
    })
}

fn state(stored: i16) -> AskState {
    match stored {
        0 => AskState::NeedsAction,
        other => unreachable!("state {other} is of a later release, whose schema is refused"),
    }
}
