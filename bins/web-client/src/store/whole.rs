//! One task of the cache, with everything that is known of it.

use deadpool_postgres::Pool;
use uuid::Uuid;
use yoshi_client::Position;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::task::{Ask, Note, TaskStatus};
use yoshi_protocol::{AccountName, Millis, NewTask, ServerId, TaskId};

use super::{Error, account_name, rows};
use crate::word;

/// A task with everything that is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub new_task: NewTask,
    pub sender: AccountName,
    pub number: u64,
    pub position: Position,
    pub changed: Position,
    pub sent_at: Millis,
    pub hash: Vec<u8>,
    pub asks: Vec<Ask>,
    pub status: TaskStatus,
    pub needs_sender: bool,
    pub revision: u32,
    pub reminders: u32,
    /// What the reader has noted for themselves.
    pub mine: Note,
    pub held_by: Vec<ServerId>,
}

impl From<yoshi_client::Task> for Whole {
    fn from(task: yoshi_client::Task) -> Self {
        Self {
            new_task: task.new_task,
            sender: task.sender,
            number: task.number,
            position: task.position,
            changed: task.changed,
            sent_at: task.sent_at,
            hash: task.hash.to_vec(),
            asks: task.asks,
            status: task.status,
            needs_sender: task.needs_sender,
            revision: task.revision,
            reminders: task.reminders,
            mine: task.mine,
            held_by: task.held_by,
        }
    }
}

/// One task of an account's cache.
pub(crate) async fn whole(
    pool: &Pool,
    account: &AccountName,
    id: TaskId,
) -> Result<Option<Whole>, Error> {
    let sql = "
-- whole
SELECT content, sender, number, position, changed, sent_at, hash, asks, held_by,
    status, needs_sender, revision, reminders, note
FROM cached_task WHERE account = $1 AND id = $2";
    let found = rows(pool, sql, &[&account.as_str(), &id.0]).await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let unreadable = |error: cbor::DecodeError| Error::Row(format!("task {id}: {error}"));
    let number: i64 = row.try_get(2)?;
    let servers: Vec<Uuid> = row.try_get(8)?;
    let count = |column: usize| -> Result<u32, Error> {
        let count: i64 = row.try_get(column)?;
        Ok(u32::try_from(count).unwrap_or_default())
    };
    let status = word::status_of(row.try_get(9)?);
    Ok(Some(Whole {
        new_task: cbor::decode(row.try_get(0)?, Bound::TASK).map_err(unreadable)?,
        sender: account_name(row.try_get(1)?)?,
        number: u64::try_from(number).unwrap_or_default(),
        position: Position::from_i64(row.try_get(3)?),
        changed: Position::from_i64(row.try_get(4)?),
        sent_at: Millis(row.try_get(5)?),
        hash: row.try_get(6)?,
        asks: cbor::decode(row.try_get(7)?, Bound::ANSWER).map_err(unreadable)?,
        status: status.ok_or_else(|| Error::Row(format!("task {id}: status")))?,
        needs_sender: row.try_get(10)?,
        revision: count(11)?,
        reminders: count(12)?,
        mine: cbor::decode(row.try_get(13)?, Bound::ANSWER).map_err(unreadable)?,
        held_by: servers.into_iter().map(ServerId).collect(),
    }))
}
