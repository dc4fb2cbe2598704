//! Rows of one moment, to be compared with another server's: those that follow in
//! a walk over the whole database, and those that are asked about.

mod rows;
mod statements;
mod walk;

use deadpool_postgres::{Pool, Transaction};
use tokio_postgres::IsolationLevel;
use uuid::Uuid;
use yoshi_protocol::{Incarnation, Position};
use yoshi_replica::DatabaseError;

use rows::{accounts, tasks, with_asks};
use statements::{THESE_ACCOUNTS, THESE_TASKS};

pub use rows::{AccountRow, AskRow, NoteRow, Rows, TaskRow};
pub use statements::FEW_ENTRIES;
pub use walk::{Counted, CountedAccount, Sizes, Walk, Walked, walk};

/// These rows, as far as there are any.
///
/// # Errors
/// [`DatabaseError`].
pub async fn these(
    pool: &Pool,
    stream: &str,
    ids: &[Uuid],
    names: &[&str],
) -> Result<Rows, DatabaseError> {
    let mut client = pool.get().await?;
    let snapshot = snapshot(&mut client).await?;
    let (incarnation, applied) = cursor(&snapshot, stream).await?;
    let mut tasks = tasks(&snapshot, THESE_TASKS, &[&ids]).await?;
    with_asks(&snapshot, &mut tasks).await?;
    let accounts = accounts(&snapshot, THESE_ACCOUNTS, &[&names]).await?;
    snapshot.commit().await?;
    Ok(Rows {
        stream: incarnation,
        applied,
        tasks,
        accounts,
    })
}

/// All that is read within it is of one moment.
async fn snapshot(
    client: &mut deadpool_postgres::Client,
) -> Result<Transaction<'_>, tokio_postgres::Error> {
    client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
}

async fn cursor(
    snapshot: &Transaction<'_>,
    stream: &str,
) -> Result<(Incarnation, Position), tokio_postgres::Error> {
    let select = "-- compare: cursor\n\
        SELECT incarnation, applied FROM replica_cursor WHERE stream = $1";
    let row = snapshot.query_one(select, &[&stream]).await?;
    Ok((
        Incarnation(row.try_get(0)?),
        Position::from_i64(row.try_get(1)?),
    ))
}
