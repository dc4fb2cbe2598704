//! Caches of accounts that have had no session for long: they are dropped, and
//! fill themselves again when somebody logs in.

use deadpool_postgres::Pool;
use yoshi_protocol::Millis;

use super::{Error, execute, within};
use crate::limit::{CACHE_IDLE, CACHES_DROPPED_AT_ONCE};

/// Notes since when accounts have had no session, and drops the caches of those
/// that have had none for [`CACHE_IDLE`]; of how many accounts.
pub(crate) async fn sweep(pool: &Pool, now: Millis) -> Result<u64, Error> {
    note(pool, now).await?;
    let mut dropped = 0;
    loop {
        let count = drop_some(pool, now).await?;
        dropped += count;
        if count == 0 {
            return Ok(dropped);
        }
    }
}

async fn note(pool: &Pool, now: Millis) -> Result<(), Error> {
    let sql = "
-- note
UPDATE cache_view AS view SET idle_since = CASE WHEN view.idle_since IS NULL THEN $1::bigint END
WHERE (view.idle_since IS NULL) <> EXISTS (SELECT FROM session WHERE session.account = view.account)";
    execute(pool, sql, &[&now.0]).await?;
    Ok(())
}

/// The views go first: whoever fills the cache meanwhile waits for their rows, and
/// finds then that it begins anew.
async fn drop_some(pool: &Pool, now: Millis) -> Result<u64, Error> {
    let idle = i64::try_from(CACHE_IDLE.as_millis()).unwrap_or(i64::MAX);
    let before = now.0.saturating_sub(idle);
    within(async {
        let mut client = pool.get().await?;
        let transaction = client.transaction().await?;
        let sql = "
-- drop_some: the views
DELETE FROM cache_view WHERE account IN (
    SELECT DISTINCT view.account FROM cache_view AS view
    WHERE view.idle_since <= $1
        AND NOT EXISTS (SELECT FROM session WHERE session.account = view.account)
    ORDER BY view.account LIMIT $2)
RETURNING account";
        let statement = transaction.prepare_cached(sql).await?;
        let gone = transaction
            .query(&statement, &[&before, &CACHES_DROPPED_AT_ONCE])
            .await?;
        let mut accounts: Vec<String> = Vec::with_capacity(gone.len());
        for row in &gone {
            accounts.push(row.try_get(0)?);
        }
        accounts.sort_unstable();
        accounts.dedup();
        let sql = "
-- drop_some: the rest
WITH tasks AS (DELETE FROM cached_task WHERE account = ANY($1))
DELETE FROM cached_person WHERE account = ANY($1)";
        let statement = transaction.prepare_cached(sql).await?;
        transaction.execute(&statement, &[&accounts]).await?;
        transaction.commit().await?;
        Ok(accounts.len() as u64)
    })
    .await
}
