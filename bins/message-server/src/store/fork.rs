//! What the comparison with the other servers came to, kept across restarts;
//! and forgetting all that follows from the log, to begin anew.

use deadpool_postgres::Pool;
use yoshi_protocol::{Incarnation, Millis};
use yoshi_replica::DatabaseError;

use super::compare::Walk;

/// Where the comparison stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// How far the walk has come.
    pub walk: Walk,
    /// When rows were last compared and none differed.
    pub compared_at: Option<Millis>,
    /// What differs here, in words; the server must not serve then.
    pub fork: Option<String>,
}

/// Reads where the comparison stands.
///
/// # Errors
/// [`DatabaseError`].
pub async fn load(pool: &Pool) -> Result<Comparison, DatabaseError> {
    let select = "-- fork: load\n\
        SELECT task_after, account_after, compared_at, fork FROM comparison";
    let row = pool.get().await?.query_one(select, &[]).await?;
    Ok(Comparison {
        walk: Walk {
            task: row.try_get(0)?,
            account: row.try_get(1)?,
        },
        compared_at: row.try_get::<_, Option<i64>>(2)?.map(Millis),
        fork: row.try_get(3)?,
    })
}

/// Writes how far the walk has come, after a comparison without a difference.
///
/// # Errors
/// [`DatabaseError`].
pub async fn save(pool: &Pool, walk: &Walk, at: Option<Millis>) -> Result<(), DatabaseError> {
    let update = "-- fork: save\n\
        UPDATE comparison SET task_after = $1, account_after = $2, compared_at = $3";
    let at = at.map(|at| at.0);
    let client = pool.get().await?;
    client
        .execute(update, &[&walk.task, &walk.account, &at])
        .await?;
    Ok(())
}

/// Writes that this database has forked, and how. The first word stays.
///
/// # Errors
/// [`DatabaseError`].
pub async fn mark(pool: &Pool, what: &str) -> Result<(), DatabaseError> {
    let update = "-- fork: mark\n\
        UPDATE comparison SET fork = coalesce(fork, $1)";
    pool.get().await?.execute(update, &[&what]).await?;
    Ok(())
}

/// Takes back that this database has forked.
///
/// # Errors
/// [`DatabaseError`].
pub async fn unmark(pool: &Pool) -> Result<(), DatabaseError> {
    let update = "-- fork: unmark\nUPDATE comparison SET fork = NULL";
    pool.get().await?.execute(update, &[]).await?;
    Ok(())
}

/// Forgets every row that follows from the log, in one transaction: the server
/// stands before the first entry of this incarnation of the stream then, and
/// keeps its identity. A statement that an earlier life still has under way
/// finds the cursor elsewhere, and fails.
///
/// # Errors
/// [`DatabaseError`]; nothing was changed then.
pub async fn forget(pool: &Pool, stream: &str, life: Incarnation) -> Result<(), DatabaseError> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let rewind = "-- fork: rewind\n\
        UPDATE replica_cursor SET applied = 0, block_sequence = NULL, block_id = NULL\n\
        WHERE stream = $1 AND incarnation = $2";
    transaction.execute(rewind, &[&stream, &life.0]).await?;
    // The cursor of a log that is lost is made anew, with all that belongs to it.
    let lost = "-- fork: lost\n\
        DELETE FROM replica_cursor WHERE stream = $1 AND incarnation <> $2";
    transaction.execute(lost, &[&stream, &life.0]).await?;
    transaction
        .batch_execute(
            "-- fork: forget\n\
             TRUNCATE account, task, ask, note, change, task_search, task_listed;\
             UPDATE search_cursor SET indexed = 0;\
             DELETE FROM comparison;\
             INSERT INTO comparison DEFAULT VALUES",
        )
        .await?;
    transaction.commit().await?;
    Ok(())
}
