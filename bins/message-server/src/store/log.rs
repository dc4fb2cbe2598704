//! This database's copy of the log, for a neighbour that fills itself from it.

use serde_bytes::ByteBuf;
use tokio_postgres::{Client, Error, Row};
use yoshi_protocol::message::log::{LogEntry, LogPage, TaskEntry, TaskOp};
use yoshi_protocol::{Epoch, Millis, Position, cbor};

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

/// The entries after `since` that had an effect, in order, as much as fits.
///
/// # Errors
/// If the query fails.
pub async fn page(client: &Client, since: Position, applied: Position) -> Result<LogPage, Error> {
    let rows = client
        .query(PAGE, &[&since.to_i64(), &PAGE_ENTRIES_MAX, &PAGE_BYTES_MAX])
        .await?;
    let mut entries = Vec::with_capacity(rows.len());
    let mut bytes = 0;
    for row in &rows {
        let entry = entry(row)?;
        bytes += i64::try_from(entry.entry.len()).unwrap_or(i64::MAX);
        entries.push(entry);
    }
    let full = bytes >= PAGE_BYTES_MAX || entries.len() as u64 >= PAGE_ENTRIES_MAX.unsigned_abs();
    let last = entries.last().map_or(since, |entry| entry.position);
    // Without a next page, everything that was applied before the query is here.
    let through = if full { last } else { last.max(applied) };
    Ok(LogPage {
        more: full,
        entries,
        through,
    })
}

fn entry(row: &Row) -> Result<LogEntry, Error> {
    let entry = TaskEntry {
        at: Millis(row.try_get("sent_at")?),
        op: TaskOp::Send(ByteBuf::from(row.try_get::<_, Vec<u8>>("content")?)),
        epoch: Epoch(unsigned(row.try_get("epoch")?)),
        account: stored_name(row.try_get("sender")?),
    };
    let position = Position::from_i64(row.try_get("position")?);
    Ok(LogEntry {
        entry: ByteBuf::from(cbor::encode(&entry)),
        position,
    })
}
