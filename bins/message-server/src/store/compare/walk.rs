//! A walk over all rows, some at a time, in the order of their keys.
//!
//! On its way it counts the entries of large accounts up to one position, the one
//! that the database had applied when the walk began. All of them are there
//! already, and stay as they are, so that the parts make up a whole.

use deadpool_postgres::{Pool, Transaction};
use tokio_postgres::types::ToSql;
use uuid::Uuid;
use yoshi_protocol::Position;
use yoshi_replica::DatabaseError;

use super::rows::{Rows, accounts, tasks, with_asks};
use super::statements::{COUNT_ENTRIES, RECENT_TASKS, THESE_ACCOUNTS, WALK_ACCOUNTS, WALK_TASKS};
use super::{cursor, snapshot};

/// Bytes of tasks in one sample; the last task may go past it.
const SAMPLE_BYTES_MAX: i64 = 8 * 1024 * 1024;

/// How far the walk over all rows has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// It goes on after this task.
    pub task: Uuid,
    /// It goes on after this account.
    pub account: String,
}

/// How many rows one sample holds.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Tasks of the walk.
    pub tasks: u32,
    /// Accounts of the walk.
    pub accounts: u32,
    /// The latest tasks, and the accounts that sent them; 0 for none.
    pub recent: u32,
}

/// A step of the walk.
#[derive(Debug)]
pub struct Walked {
    /// The rows that follow, and the latest ones.
    pub rows: Rows,
    /// Where the walk goes on. One that has reached the end begins again.
    pub next: Walk,
    /// Whether tasks and accounts have both come to their end.
    pub ended: bool,
    /// What this step counted; none if nobody has counted from the beginning.
    pub counted: Option<Counted>,
}

/// Entries of large accounts that belong to the tasks of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Up to this position.
    pub through: Position,
    /// Whether it is the first step over the tasks.
    pub begins: bool,
    /// Whether it has come to their end.
    pub ends: bool,
    /// Each account once.
    pub accounts: Vec<CountedAccount>,
}

/// Entries of one large account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedAccount {
    /// Whose.
    pub name: String,
    /// How many.
    pub entries: i64,
    /// The highest of their numbers.
    pub highest: i64,
}

/// The next step of a walk. `counting` is the position up to which the steps
/// before it have counted, since the first of them.
///
/// # Errors
/// [`DatabaseError`].
pub async fn walk(
    pool: &Pool,
    stream: &str,
    from: &Walk,
    sizes: Sizes,
    counting: Option<Position>,
) -> Result<Walked, DatabaseError> {
    let mut client = pool.get().await?;
    let snapshot = snapshot(&mut client).await?;
    let (incarnation, applied) = cursor(&snapshot, stream).await?;
    let following: [&(dyn ToSql + Sync); 3] =
        [&from.task, &i64::from(sizes.tasks), &SAMPLE_BYTES_MAX];
    let mut tasks = tasks(&snapshot, WALK_TASKS, &following).await?;
    let last_task = tasks.iter().map(|task| task.id).max();
    let following: [&(dyn ToSql + Sync); 2] = [&from.account, &i64::from(sizes.accounts)];
    let mut accounts = accounts(&snapshot, WALK_ACCOUNTS, &following).await?;
    let last_account = accounts.last().map(|account| account.name.clone());
    let begins = from.task.is_nil();
    let mut counted = None;
    if let Some(through) = if begins { Some(applied) } else { counting } {
        let mut ids: Vec<Uuid> = tasks.iter().map(|task| task.id).collect();
        // The walk begins after this id, which somebody may have given a task.
        ids.extend(begins.then_some(from.task));
        counted = Some(Counted {
            through,
            begins,
            ends: last_task.is_none(),
            accounts: count(&snapshot, &ids, through).await?,
        });
    }
    if sizes.recent > 0 {
        let recent: [&(dyn ToSql + Sync); 2] = [&i64::from(sizes.recent), &SAMPLE_BYTES_MAX];
        let mut recent = self::tasks(&snapshot, RECENT_TASKS, &recent).await?;
        let mut senders: Vec<_> = recent.iter().map(|task| task.sender.clone()).collect();
        senders.retain(|name| accounts.iter().all(|account| account.name != *name));
        recent.retain(|task| tasks.iter().all(|other| other.id != task.id));
        accounts.extend(self::accounts(&snapshot, THESE_ACCOUNTS, &[&senders]).await?);
        tasks.extend(recent);
    }
    with_asks(&snapshot, &mut tasks).await?;
    snapshot.commit().await?;
    Ok(Walked {
        ended: last_task.is_none() && last_account.is_none(),
        next: Walk {
            task: last_task.unwrap_or_default(),
            account: last_account.unwrap_or_default(),
        },
        rows: Rows {
            stream: incarnation,
            applied,
            tasks,
            accounts,
        },
        counted,
    })
}

async fn count(
    snapshot: &Transaction<'_>,
    tasks: &[Uuid],
    through: Position,
) -> Result<Vec<CountedAccount>, tokio_postgres::Error> {
    let statement = snapshot.prepare_cached(COUNT_ENTRIES).await?;
    let rows = snapshot
        .query(&statement, &[&tasks, &through.to_i64()])
        .await?;
    let account = |row: &tokio_postgres::Row| {
        Ok(CountedAccount {
            name: row.try_get("name")?,
            entries: row.try_get("entries")?,
            highest: row.try_get("highest")?,
        })
    };
    rows.iter().map(account).collect()
}
