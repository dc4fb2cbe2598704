//! Sessions: begun, found, listed, ended.

use deadpool_postgres::Pool;
use yoshi_protocol::{AccountName, Millis};

use super::{Error, account_name, execute, rows};
use crate::limit::{SESSION_IDLE, SESSION_MAX, SESSION_SEEN_STEP, SESSIONS_MAX};

/// A session as the database knows it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Of its id.
    pub hash: Vec<u8>,
    /// Whose.
    pub account: AccountName,
    /// The log-in's token, sealed.
    pub sealed_token: Vec<u8>,
    /// What the browser calls itself.
    pub agent: String,
    /// When it began.
    pub created_at: Millis,
    /// When it was used last, to the minute.
    pub seen_at: Millis,
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Begins a session. Beyond [`SESSIONS_MAX`] the account's oldest ends.
pub(crate) async fn begin(pool: &Pool, session: &Session) -> Result<(), Error> {
    let sql = "
-- begin
INSERT INTO session (hash, account, sealed_token, agent, created_at, seen_at)
VALUES ($1, $2, $3, $4, $5, $6)";
    let Session {
        hash,
        account,
        sealed_token,
        agent,
        created_at,
        seen_at,
    } = session;
    execute(
        pool,
        sql,
        &[
            hash,
            &account.as_str(),
            sealed_token,
            agent,
            &created_at.0,
            &seen_at.0,
        ],
    )
    .await?;
    let sql = "
-- begin: the oldest
DELETE FROM session WHERE hash IN (
    SELECT hash FROM session WHERE account = $1 ORDER BY created_at DESC, hash OFFSET $2)";
    execute(pool, sql, &[&account.as_str(), &SESSIONS_MAX]).await?;
    Ok(())
}

/// The session of this hash, if it has not ended, and notes that it is used.
pub(crate) async fn find(pool: &Pool, hash: &[u8], now: Millis) -> Result<Option<Session>, Error> {
    let sql = "
-- find
SELECT hash, account, sealed_token, agent, created_at, seen_at FROM session
WHERE hash = $1 AND created_at > $2 AND seen_at > $3";
    let (begun_after, seen_after) = (now.0 - millis(SESSION_MAX), now.0 - millis(SESSION_IDLE));
    let found = rows(pool, sql, &[&hash, &begun_after, &seen_after]).await?;
    let Some(session) = found.first().map(session).transpose()? else {
        return Ok(None);
    };
    if session.seen_at.0 + millis(SESSION_SEEN_STEP) < now.0 {
        let sql = "
-- find: seen
UPDATE session SET seen_at = $2 WHERE hash = $1 AND seen_at < $2";
        execute(pool, sql, &[&hash, &now.0]).await?;
    }
    Ok(Some(session))
}

/// An account's sessions, the latest used first.
pub(crate) async fn list(
    pool: &Pool,
    account: &AccountName,
    now: Millis,
) -> Result<Vec<Session>, Error> {
    let sql = "
-- list
SELECT hash, account, sealed_token, agent, created_at, seen_at FROM session
WHERE account = $1 AND created_at > $2 AND seen_at > $3 ORDER BY seen_at DESC, hash";
    let (begun_after, seen_after) = (now.0 - millis(SESSION_MAX), now.0 - millis(SESSION_IDLE));
    let found = rows(pool, sql, &[&account.as_str(), &begun_after, &seen_after]).await?;
    found.iter().map(session).collect()
}

/// Ends one session of an account.
pub(crate) async fn end(pool: &Pool, account: &AccountName, hash: &[u8]) -> Result<(), Error> {
    let sql = "
-- end
DELETE FROM session WHERE hash = $1 AND account = $2";
    execute(pool, sql, &[&hash, &account.as_str()]).await?;
    Ok(())
}

/// Ends every session of an account but one, if one is named.
pub(crate) async fn end_all(
    pool: &Pool,
    account: &AccountName,
    but: Option<&[u8]>,
) -> Result<(), Error> {
    let sql = "
-- end_all
DELETE FROM session WHERE account = $1 AND hash IS DISTINCT FROM $2";
    execute(pool, sql, &[&account.as_str(), &but]).await?;
    Ok(())
}

/// Removes what has ended by time.
pub(crate) async fn sweep(pool: &Pool, now: Millis) -> Result<u64, Error> {
    let sql = "
-- sweep
DELETE FROM session WHERE created_at <= $1 OR seen_at <= $2";
    let (begun_after, seen_after) = (now.0 - millis(SESSION_MAX), now.0 - millis(SESSION_IDLE));
    execute(pool, sql, &[&begun_after, &seen_after]).await
}

fn session(row: &tokio_postgres::Row) -> Result<Session, Error> {
    Ok(Session {
        hash: row.try_get(0)?,
        account: account_name(row.try_get(1)?)?,
        sealed_token: row.try_get(2)?,
        agent: row.try_get(3)?,
        created_at: Millis(row.try_get(4)?),
        seen_at: Millis(row.try_get(5)?),
    })
}
