//! This database's copy of the log, for a neighbour that fills itself from it.

use tokio_postgres::{Client, Error, Row};
use yoshi_protocol::{AccountName, Epoch, Millis, Position};

use super::apply::{stored_name, unsigned};

/// Entries in one page.
const PAGE_ENTRIES_MAX: i64 = 1_000;
/// Bytes of tasks and changes in one page; the last one may go past it.
const PAGE_BYTES_MAX: i64 = 600 * 1024;

const PAGE: &str = "-- log: page
    SELECT position, is_send, account, epoch, at, content
    FROM (
        SELECT *, sum(octet_length(content)) OVER (ORDER BY position) AS bytes
        FROM (
            (SELECT position, true AS is_send, sender AS account, epoch, sent_at AS at, content
             FROM task WHERE position > $1 ORDER BY position LIMIT $2)
            UNION ALL
            (SELECT position, false, account, epoch, at, content
             FROM change WHERE position > $1 ORDER BY position LIMIT $2)
            ORDER BY position LIMIT $2
        ) AS following
    ) AS measured
    WHERE bytes - octet_length(content) <= $3
    ORDER BY position";

/// One entry, as the log had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place in the log.
    pub position: Position,
    /// What it does.
    pub operation: Operation,
    /// Who does it.
    pub account: AccountName,
    /// The epoch that it was accepted in.
    pub epoch: Epoch,
    /// The home's clock.
    pub at: Millis,
    /// The encoded task or change.
    pub content: Vec<u8>,
}

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It sends a task.
    Send,
    /// It changes one.
    Change,
}

/// The entries after `since`, in order, as many as fit, and whether the page is
/// full: there may be more then.
///
/// # Errors
/// If the query fails.
pub async fn page(client: &Client, since: Position) -> Result<(Vec<Logged>, bool), Error> {
    let rows = client
        .query(PAGE, &[&since.to_i64(), &PAGE_ENTRIES_MAX, &PAGE_BYTES_MAX])
        .await?;
    let logged = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = logged.iter().map(|logged| logged.content.len()).sum();
    let full = logged.len() as u64 >= PAGE_ENTRIES_MAX.unsigned_abs()
        || bytes as u64 > PAGE_BYTES_MAX.unsigned_abs();
    Ok((logged, full))
}

fn entry(row: &Row) -> Result<Logged, Error> {
    let is_send: bool = row.try_get("is_send")?;
    Ok(Logged {
        position: Position::from_i64(row.try_get("position")?),
        operation: if is_send {
            Operation::Send
        } else {
            Operation::Change
        },
        account: stored_name(row.try_get("account")?),
        epoch: Epoch(unsigned(row.try_get("epoch")?)),
        at: Millis(row.try_get("at")?),
        content: row.try_get("content")?,
    })
}
