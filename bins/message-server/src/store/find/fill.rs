//! Filling what FIND_TASKS looks through: reading what the log has changed since,
//! and writing what is to be found by. Set-based, a bounded batch at a time.

use deadpool_postgres::{Pool, Transaction};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;
use yoshi_protocol::{AccountName, Position};

use super::{Error, SETTINGS};
use crate::store::apply::stored_name;

/// Entries of the log in one batch.
const BATCH_ENTRIES_MAX: i64 = 100;
/// Bytes of tasks in one batch; the last one may go past it.
const BATCH_BYTES_MAX: i64 = 2 * 1024 * 1024;

/// How far the index reaches; no row if it was emptied.
macro_rules! cursor {
    () => {
        "SELECT indexed FROM search_cursor
        WHERE (EXISTS (SELECT FROM task_search) AND EXISTS (SELECT FROM task_listed))
           OR NOT EXISTS (SELECT FROM task)"
    };
}

const CURSOR: &str = concat!("-- find: cursor\n    ", cursor!());

/// The entries after `$1` and up to `$2`, at most `$3`, each with its task as it
/// now stands; without its content where that is indexed already.
const BATCH: &str = "-- find: batch
    WITH entry AS (
        (SELECT position, id AS task FROM task
         WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3)
        UNION ALL
        (SELECT position, task FROM change
         WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3)
        ORDER BY position LIMIT $3
    ), known AS (
        SELECT entry.position AS entry, task.position, task.id, task.sender, task.revision,
               CASE WHEN task_search.revision IS DISTINCT FROM task.revision
                    THEN coalesce(task.revised, task.content) END AS content
        FROM entry JOIN task ON task.id = entry.task
        LEFT JOIN task_search ON task_search.position = task.position
    )
    SELECT entry, position, id, sender, revision, content
    FROM (
        SELECT *, coalesce(sum(octet_length(content)) OVER (ORDER BY entry), 0) AS bytes FROM known
    ) AS measured
    WHERE bytes - coalesce(octet_length(content), 0) <= $4
    ORDER BY entry";

const WORDS: &str = "-- find: words
    INSERT INTO task_search (position, task, revision, kind, importance, due_first, due_last,
                             labels, lists, words)
    SELECT position, task, revision, kind, importance, due_first, due_last,
           string_to_array(labels, E'\\n'), string_to_array(lists, ' '),
           array_to_tsvector(string_to_array(words, ' '))
    FROM UNNEST($1::bigint[], $2::uuid[], $3::integer[], $4::smallint[], $5::smallint[],
                $6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[])
         AS found (position, task, revision, kind, importance, due_first, due_last, labels, lists,
                   words)
    ON CONFLICT (position) DO UPDATE
    SET revision = EXCLUDED.revision, kind = EXCLUDED.kind, importance = EXCLUDED.importance,
        due_first = EXCLUDED.due_first, due_last = EXCLUDED.due_last, labels = EXCLUDED.labels,
        lists = EXCLUDED.lists, words = EXCLUDED.words";

const LISTED: &str = "-- find: listed
    INSERT INTO task_listed (account, sent, position, task, kind, importance, due_first, due_last,
                             others, labels)
    SELECT account, sent, position, task, kind, importance, due_first, due_last,
           string_to_array(others, ' '), string_to_array(labels, E'\\n')
    FROM UNNEST($1::text[], $2::boolean[], $3::bigint[], $4::uuid[], $5::smallint[],
                $6::smallint[], $7::bigint[], $8::bigint[], $9::text[], $10::text[])
         AS listed (account, sent, position, task, kind, importance, due_first, due_last, others,
                    labels)
    ON CONFLICT (account, sent, position) DO UPDATE
    SET kind = EXCLUDED.kind, importance = EXCLUDED.importance, due_first = EXCLUDED.due_first,
        due_last = EXCLUDED.due_last, others = EXCLUDED.others, labels = EXCLUDED.labels";

const MOVE: &str = "-- find: move
    INSERT INTO search_cursor (indexed) VALUES ($1)
    ON CONFLICT (only_row) DO UPDATE SET indexed = EXCLUDED.indexed";

/// An entry of the log, and what it leaves to be indexed.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place in the log.
    pub position: Position,
    /// Its task, if that is not indexed as it now stands.
    pub task: Option<Unindexed>,
}

/// A task that is not indexed as it now stands.
#[derive(Debug, Clone)]
pub struct Unindexed {
    /// The place of the send in the log.
    pub position: Position,
    /// Its id.
    pub id: Uuid,
    /// Who sent it.
    pub sender: AccountName,
    /// How often it was revised.
    pub revision: i32,
    /// The encoded task.
    pub content: Vec<u8>,
}

/// The next entries.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Everything up to here is indexed; zero if the index was emptied.
    pub from: Position,
    /// In order.
    pub entries: Vec<Entry>,
    /// Whether there may be more after the last one.
    pub is_full: bool,
}

/// A task to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findable {
    /// The place of the send in the log.
    pub position: Position,
    /// Its id.
    pub id: Uuid,
    /// The revision.
    pub revision: i32,
    /// Who sent it.
    pub sender: AccountName,
    /// Who is asked.
    pub recipients: Vec<AccountName>,
    /// Its words, each once, with a blank between two.
    pub words: String,
    /// The kind's number.
    pub kind: i16,
    /// 0 to 9.
    pub importance: i16,
    /// Its first and last second.
    pub due: Option<(i64, i64)>,
    /// The sender's labels, one per line.
    pub labels: String,
}

fn position_of(row: Option<&Row>) -> Result<Position, Error> {
    let indexed = row.map(|row| row.try_get("indexed")).transpose()?;
    Ok(indexed.map_or(Position::ZERO, Position::from_i64))
}

/// The entries that are not indexed yet, as many as fit, and none after `to`.
///
/// # Errors
/// If a statement fails.
pub async fn batch(pool: &Pool, to: Position) -> Result<Batch, Error> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute(SETTINGS).await?;
    let cursor = transaction.prepare_cached(CURSOR).await?;
    let row = transaction.query_opt(&cursor, &[]).await?;
    let from = position_of(row.as_ref())?;
    if from == Position::ZERO {
        clear(&transaction).await?;
    }
    let statement = transaction.prepare_cached(BATCH).await?;
    let params: [&(dyn ToSql + Sync); 4] = [
        &from.to_i64(),
        &to.to_i64(),
        &BATCH_ENTRIES_MAX,
        &BATCH_BYTES_MAX,
    ];
    let rows = transaction.query(&statement, &params).await?;
    transaction.commit().await?;
    let entries = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let contents = entries.iter().filter_map(|entry| entry.task.as_ref());
    let bytes: usize = contents.map(|task| task.content.len()).sum();
    let is_full = entries.len() as u64 >= BATCH_ENTRIES_MAX.unsigned_abs()
        || bytes as u64 > BATCH_BYTES_MAX.unsigned_abs();
    Ok(Batch {
        from,
        entries,
        is_full,
    })
}

/// Empties what was emptied in part: what is in one of the tables is taken for
/// indexed.
async fn clear(transaction: &Transaction<'_>) -> Result<(), Error> {
    let left = "-- find: left over
    SELECT EXISTS (SELECT FROM task_search) OR EXISTS (SELECT FROM task_listed)";
    if transaction.query_one(left, &[]).await?.try_get(0)? {
        let truncate = "-- find: clear\nTRUNCATE task_search, task_listed";
        transaction.batch_execute(truncate).await?;
    }
    Ok(())
}

fn entry(row: &Row) -> Result<Entry, Error> {
    let content: Option<Vec<u8>> = row.try_get("content")?;
    let task = match content {
        None => None,
        Some(content) => Some(Unindexed {
            position: Position::from_i64(row.try_get("position")?),
            id: row.try_get("id")?,
            sender: stored_name(row.try_get("sender")?),
            revision: row.try_get("revision")?,
            content,
        }),
    };
    Ok(Entry {
        position: Position::from_i64(row.try_get("entry")?),
        task,
    })
}

/// Writes what is to be found, and moves the cursor from `from` to `to`. Answers
/// false, and writes nothing, if it stands elsewhere: the index was emptied.
///
/// It is not waited for that this is on disk. What is lost with the machine is
/// lost together with its cursor, and is indexed again.
///
/// # Errors
/// If a statement fails; nothing is written then.
pub async fn write(
    pool: &Pool,
    from: Position,
    to: Position,
    tasks: &[Findable],
) -> Result<bool, Error> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("SET LOCAL synchronous_commit = off")
        .await?;
    // Reading both tables keeps whoever would empty them waiting until the end.
    let cursor = transaction.prepare_cached(CURSOR).await?;
    let moves = transaction.prepare_cached(MOVE).await?;
    let to = to.to_i64();
    let params: [&(dyn ToSql + Sync); 1] = [&to];
    // All on their way before the first answer comes; Postgres runs them in order.
    let (row, words, listed, moved) = tokio::join!(
        transaction.query_opt(&cursor, &[]),
        write_words(&transaction, tasks),
        write_listed(&transaction, tasks),
        transaction.execute(&moves, &params),
    );
    let is_there = position_of(row?.as_ref())? == from;
    words?;
    listed?;
    moved?;
    if is_there {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(is_there)
}

/// One column of some rows, as the array that is its parameter.
macro_rules! column {
    ($rows:ident, $row:ident => $value:expr) => {
        &$rows.iter().map(|$row| $value).collect::<Vec<_>>()
    };
}

async fn write_words(transaction: &Transaction<'_>, tasks: &[Findable]) -> Result<(), Error> {
    let statement = transaction.prepare_cached(WORDS).await?;
    let params: [&(dyn ToSql + Sync); 10] = [
        column!(tasks, task => task.position.to_i64()),
        column!(tasks, task => task.id),
        column!(tasks, task => task.revision),
        column!(tasks, task => task.kind),
        column!(tasks, task => task.importance),
        column!(tasks, task => task.due.map(|due| due.0)),
        column!(tasks, task => task.due.map(|due| due.1)),
        column!(tasks, task => task.labels.as_str()),
        column!(tasks, task => lists(task)),
        column!(tasks, task => task.words.as_str()),
    ];
    transaction.execute(&statement, &params).await?;
    Ok(())
}

fn lists(task: &Findable) -> String {
    let inboxes = task.recipients.iter().map(|name| format!("i:{name}"));
    let lists: Vec<_> = inboxes.chain([format!("s:{}", task.sender)]).collect();
    lists.join(" ")
}

/// A row for each list that a task is in.
async fn write_listed(transaction: &Transaction<'_>, tasks: &[Findable]) -> Result<(), Error> {
    let mut rows = Vec::new();
    for task in tasks {
        let names: Vec<_> = task.recipients.iter().map(AccountName::as_str).collect();
        rows.push((task, task.sender.as_str(), true, names.join(" ")));
        for name in names {
            rows.push((task, name, false, task.sender.to_string()));
        }
    }
    let statement = transaction.prepare_cached(LISTED).await?;
    let params: [&(dyn ToSql + Sync); 10] = [
        column!(rows, row => row.1),
        column!(rows, row => row.2),
        column!(rows, row => row.0.position.to_i64()),
        column!(rows, row => row.0.id),
        column!(rows, row => row.0.kind),
        column!(rows, row => row.0.importance),
        column!(rows, row => row.0.due.map(|due| due.0)),
        column!(rows, row => row.0.due.map(|due| due.1)),
        column!(rows, row => row.3.as_str()),
        column!(rows, row => row.0.labels.as_str()),
    ];
    transaction.execute(&statement, &params).await?;
    Ok(())
}
