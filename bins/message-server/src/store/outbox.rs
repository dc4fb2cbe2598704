//! The outbox: tasks that were taken while the log was out of reach, in the
//! order in which they came in, and the refusals that some of them met.

use deadpool_postgres::{Object, Pool, PoolError};
use tokio_postgres::Row;
use yoshi_protocol::{AccountName, Millis, Position, TaskId};

use super::apply::{hash, stored_name, unsigned};
use crate::rules::Proof;

/// Refusals that are kept; the oldest make room.
const REFUSALS_MAX: i64 = 10_000;
/// How long a refusal is kept, in milliseconds: thirty days.
const REFUSAL_MILLIS_MAX: i64 = 30 * 24 * 3_600 * 1_000;
/// How often a row that leaves while it is looked at is looked at again.
const PUT_TRIES_MAX: u32 = 3;

/// Why the outbox could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be had: nothing was done.
    #[error("no connection to Postgres")]
    Pool(#[from] PoolError),
    /// A statement failed, and whether it was committed is not known.
    #[error("a statement failed in Postgres")]
    Statement(#[from] tokio_postgres::Error),
    /// The row came and went while it was looked at.
    #[error("the task left the outbox meanwhile")]
    Moving,
}

/// What waits of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose.
    pub account: AccountName,
    /// How many tasks.
    pub entries: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// What putting a task in came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is in, and committed.
    New,
    /// The same task was in already.
    Again,
    /// Another task with this id is in.
    Reused,
}

/// A task that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the outbox.
    pub place: i64,
    /// Its id.
    pub task: TaskId,
    /// The encoded task.
    pub content: Vec<u8>,
}

/// What the outbox knows of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It waits.
    Waits,
    /// It was refused on its way.
    Refused(Refusal),
}

/// Why a task was refused on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code, as it travels.
    pub code: String,
    /// What it is about.
    pub names: Vec<String>,
    /// In words.
    pub message: String,
}

/// A task of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Who sent it.
    pub sender: AccountName,
    /// The encoded task.
    pub content: Vec<u8>,
    /// What its receipt says.
    pub proof: Proof,
}

/// What waits of each account.
///
/// # Errors
/// [`Error`].
pub async fn waiting(pool: &Pool) -> Result<Vec<Waiting>, Error> {
    let sql = "-- outbox: waiting
        SELECT sender, count(*) AS entries, sum(octet_length(content))::bigint AS bytes
        FROM outbox WHERE refused IS NULL GROUP BY sender";
    let rows = client(pool).await?.query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(Waiting {
                account: stored_name(row.try_get("sender")?),
                entries: unsigned(row.try_get("entries")?),
                bytes: unsigned(row.try_get("bytes")?),
            })
        })
        .collect()
}

/// Puts a task in, behind all others. One that was refused before is given
/// another chance, if it is the same.
///
/// # Errors
/// [`Error`].
pub async fn put(
    pool: &Pool,
    sender: &AccountName,
    task: TaskId,
    content: &[u8],
    now: Millis,
) -> Result<Put, Error> {
    let insert = "-- outbox: put
        INSERT INTO outbox (task, sender, content, queued_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (task) DO UPDATE
        SET place = DEFAULT, queued_at = EXCLUDED.queued_at, refused = NULL, refused_at = NULL,
            refused_names = '{}', refused_message = ''
        WHERE outbox.refused IS NOT NULL AND outbox.sender = $2 AND outbox.content = $3";
    let compare = "-- outbox: compare
        SELECT sender = $2 AND content = $3 AS same FROM outbox WHERE task = $1";
    let client = client(pool).await?;
    for _ in 0..PUT_TRIES_MAX {
        let inserted = client
            .execute(insert, &[&task.0, &sender.as_str(), &content, &now.0])
            .await?;
        if inserted == 1 {
            return Ok(Put::New);
        }
        let known = client
            .query_opt(compare, &[&task.0, &sender.as_str(), &content])
            .await?;
        if let Some(row) = known {
            let same: bool = row.try_get("same")?;
            return Ok(if same { Put::Again } else { Put::Reused });
        }
    }
    Err(Error::Moving)
}

/// Whether this very task waits: none if no task with its id does, false if
/// another one has it.
///
/// # Errors
/// [`Error`].
pub async fn waits(
    pool: &Pool,
    sender: &AccountName,
    task: TaskId,
    content: &[u8],
) -> Result<Option<bool>, Error> {
    let sql = "-- outbox: waits
        SELECT sender = $2 AND content = $3 FROM outbox WHERE task = $1 AND refused IS NULL";
    let row = client(pool)
        .await?
        .query_opt(sql, &[&task.0, &sender.as_str(), &content])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The account's task that goes next, if any waits.
///
/// # Errors
/// [`Error`].
pub async fn next(pool: &Pool, sender: &AccountName) -> Result<Option<Entry>, Error> {
    let sql = "-- outbox: next
        SELECT place, task, content FROM outbox
        WHERE sender = $1 AND refused IS NULL ORDER BY place LIMIT 1";
    let row = client(pool)
        .await?
        .query_opt(sql, &[&sender.as_str()])
        .await?;
    row.map(|row| {
        Ok(Entry {
            place: row.try_get("place")?,
            task: TaskId(row.try_get("task")?),
            content: row.try_get("content")?,
        })
    })
    .transpose()
}

/// Takes a task out: it is accounted for.
///
/// # Errors
/// [`Error`].
pub async fn remove(pool: &Pool, place: i64) -> Result<(), Error> {
    let sql = "-- outbox: remove
        DELETE FROM outbox WHERE place = $1";
    client(pool).await?.execute(sql, &[&place]).await?;
    Ok(())
}

/// Keeps a refusal instead of the task's turn, and drops old ones.
///
/// # Errors
/// [`Error`].
pub async fn refuse(pool: &Pool, place: i64, refusal: &Refusal, now: Millis) -> Result<(), Error> {
    let update = "-- outbox: refuse
        UPDATE outbox SET refused = $2, refused_names = $3, refused_message = $4, refused_at = $5
        WHERE place = $1";
    let prune = "-- outbox: prune
        DELETE FROM outbox WHERE refused_at < $1 OR place IN (
            SELECT place FROM outbox WHERE refused IS NOT NULL
            ORDER BY refused_at DESC OFFSET $2)";
    let Refusal {
        code,
        names,
        message,
    } = refusal;
    let client = client(pool).await?;
    client
        .execute(update, &[&place, code, names, message, &now.0])
        .await?;
    let oldest = now.0.saturating_sub(REFUSAL_MILLIS_MAX);
    client.execute(prune, &[&oldest, &REFUSALS_MAX]).await?;
    Ok(())
}

/// What the outbox knows of a task of this sender.
///
/// # Errors
/// [`Error`].
pub async fn find(pool: &Pool, sender: &AccountName, task: TaskId) -> Result<Option<Found>, Error> {
    let sql = "-- outbox: find
        SELECT refused, refused_names, refused_message FROM outbox WHERE task = $1 AND sender = $2";
    let row = client(pool)
        .await?
        .query_opt(sql, &[&task.0, &sender.as_str()])
        .await?;
    row.as_ref().map(found).transpose()
}

fn found(row: &Row) -> Result<Found, Error> {
    let code: Option<String> = row.try_get("refused")?;
    Ok(match code {
        None => Found::Waits,
        Some(code) => Found::Refused(Refusal {
            code,
            names: row.try_get("refused_names")?,
            message: row.try_get("refused_message")?,
        }),
    })
}

/// When the task that has waited longest was taken.
///
/// # Errors
/// [`Error`].
pub async fn oldest(pool: &Pool) -> Result<Option<Millis>, Error> {
    let sql = "-- outbox: oldest
        SELECT min(queued_at) FROM outbox WHERE refused IS NULL";
    let row = client(pool).await?.query_one(sql, &[]).await?;
    Ok(row.try_get::<_, Option<i64>>(0)?.map(Millis))
}

/// The task with this id, if the log brought it here already.
///
/// # Errors
/// [`Error`].
pub async fn logged(pool: &Pool, task: TaskId) -> Result<Option<Logged>, Error> {
    let sql = "-- outbox: logged
        SELECT sender, number, position, hash, content FROM task WHERE id = $1";
    let row = client(pool).await?.query_opt(sql, &[&task.0]).await?;
    row.map(|row| {
        Ok(Logged {
            sender: stored_name(row.try_get("sender")?),
            content: row.try_get("content")?,
            proof: Proof {
                number: unsigned(row.try_get("number")?),
                position: Position::from_i64(row.try_get("position")?),
                hash: hash(&row, "hash")?,
            },
        })
    })
    .transpose()
}

async fn client(pool: &Pool) -> Result<Object, Error> {
    Ok(pool.get().await?)
}
