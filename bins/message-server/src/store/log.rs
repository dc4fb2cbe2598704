//! This database's copy of the log, for a neighbour that fills itself from it.

use tokio_postgres::{Client, Error, Row};
use yoshi_protocol::{AccountName, Epoch, Millis, Position};

use super::apply::{stored_name, unsigned};

/// Entries in one page.
const PAGE_ENTRIES_MAX: i64 = 1_000;
/// Bytes of tasks in one page; the last task may go past it.
const PAGE_BYTES_MAX: i64 = 600 * 1024;

const PAGE: &str = "-- log: page
    SELECT position, sender, epoch, sent_at, content
    FROM (
        SELECT *, sum(octet_length(content)) OVER (ORDER BY position) AS bytes
        FROM (
            SELECT position, sender, epoch, sent_at, content FROM task
            WHERE position > $1 ORDER BY position LIMIT $2
        ) AS following
    ) AS measured
    WHERE bytes - octet_length(content) <= $3
    ORDER BY position";

/// One send, as the log had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedSend {
    /// Its place in the log.
    pub position: Position,
    /// Who sent it.
    pub sender: AccountName,
    /// The epoch that it was accepted in.
    pub epoch: Epoch,
    /// The home's clock at the send.
    pub sent_at: Millis,
    /// The encoded task.
    pub content: Vec<u8>,
}

/// The sends after `since`, in order, as many as fit, and whether the page is
/// full: there may be more then.
///
/// # Errors
/// If the query fails.
pub async fn page(client: &Client, since: Position) -> Result<(Vec<LoggedSend>, bool), Error> {
    let rows = client
        .query(PAGE, &[&since.to_i64(), &PAGE_ENTRIES_MAX, &PAGE_BYTES_MAX])
        .await?;
    let sends = rows.iter().map(send).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = sends.iter().map(|send| send.content.len()).sum();
    let full = sends.len() as u64 >= PAGE_ENTRIES_MAX.unsigned_abs()
        || bytes as u64 > PAGE_BYTES_MAX.unsigned_abs();
    Ok((sends, full))
}

fn send(row: &Row) -> Result<LoggedSend, Error> {
    Ok(LoggedSend {
        position: Position::from_i64(row.try_get("position")?),
        sender: stored_name(row.try_get("sender")?),
        epoch: Epoch(unsigned(row.try_get("epoch")?)),
        sent_at: Millis(row.try_get("sent_at")?),
        content: row.try_get("content")?,
    })
}
