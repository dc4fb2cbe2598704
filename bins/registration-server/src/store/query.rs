//! What requests and neighbours ask of the database, one short statement each.

use deadpool_postgres::{Pool, PoolError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;
use yoshi_protocol::{AccountName, Millis, Position};

use super::{account_name, batch};
use crate::limit::QUERY_MAX;
use crate::rules::{Account, Primary, TokenHash};

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection within the pool's bounds.
    #[error("no connection to the database: {0}")]
    Pool(#[from] PoolError),
    /// What Postgres says.
    #[error("the database refused a query: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// It took longer than [`QUERY_MAX`].
    #[error("the database did not answer within {} s", QUERY_MAX.as_secs())]
    TimedOut,
}

/// An account as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its name.
    pub name: AccountName,
    /// Whether nobody may use it.
    pub disabled: bool,
    /// When it was created.
    pub created_at: Millis,
}

/// Where an operation stands in the log, if it was applied.
///
/// # Errors
/// [`Error`].
pub(crate) async fn operation(pool: &Pool, id: Uuid) -> Result<Option<Position>, Error> {
    let sql = "
-- operation
SELECT position FROM account_event WHERE id = $1";
    let rows = rows(pool, sql, &[&id]).await?;
    let position = rows.first().map(|row| row.try_get(0)).transpose()?;
    Ok(position.map(Position::from_i64))
}

/// An account, disabled or not.
///
/// # Errors
/// [`Error`].
pub(crate) async fn account(pool: &Pool, name: &AccountName) -> Result<Option<Account>, Error> {
    let sql = "
-- account
SELECT name, password_hash, password_operation, disabled, created_at
FROM account WHERE name = $1";
    let rows = rows(pool, sql, &[&name.as_str()]).await?;
    let found = rows.first().map(batch::account).transpose()?;
    Ok(found.map(|(_, account)| account))
}

/// Whether this is a token of this account that holds at `now`, and the account is enabled.
///
/// # Errors
/// [`Error`].
pub(crate) async fn token_holds(
    pool: &Pool,
    name: &AccountName,
    hash: TokenHash,
    now: Millis,
) -> Result<bool, Error> {
    let sql = "
-- token_holds
SELECT 1 FROM token JOIN account ON account.name = token.account
WHERE token.hash = $1 AND token.account = $2 AND token.expires_at > $3 AND NOT account.disabled";
    let rows = rows(pool, sql, &[&hash.0.as_slice(), &name.as_str(), &now.0]).await?;
    Ok(!rows.is_empty())
}

/// Whether this is a token of this account, ended by time or not.
///
/// # Errors
/// [`Error`].
pub(crate) async fn token_exists(
    pool: &Pool,
    name: &AccountName,
    hash: TokenHash,
) -> Result<bool, Error> {
    let sql = "
-- token_exists
SELECT 1 FROM token WHERE hash = $1 AND account = $2";
    let rows = rows(pool, sql, &[&hash.0.as_slice(), &name.as_str()]).await?;
    Ok(!rows.is_empty())
}

/// Those of the names that do not exist, or are disabled; each once, in the order given.
///
/// # Errors
/// [`Error`].
pub(crate) async fn unusable(
    pool: &Pool,
    names: &[AccountName],
) -> Result<Vec<AccountName>, Error> {
    let sql = "
-- unusable
SELECT asked.name FROM UNNEST($1::text[]) WITH ORDINALITY AS asked (name, place)
LEFT JOIN account ON account.name = asked.name AND NOT account.disabled
WHERE account.name IS NULL
GROUP BY asked.name ORDER BY min(asked.place)";
    let asked: Vec<&str> = names.iter().map(AccountName::as_str).collect();
    let rows = rows(pool, sql, &[&asked]).await?;
    rows.iter()
        .map(|row| Ok(account_name(row.try_get(0)?)))
        .collect()
}

/// At most `limit` accounts by name, after `after`.
///
/// # Errors
/// [`Error`].
pub(crate) async fn list(
    pool: &Pool,
    after: Option<&AccountName>,
    limit: i64,
) -> Result<Vec<Listed>, Error> {
    let sql = "
-- list
SELECT name, disabled, created_at FROM account WHERE name > $1 ORDER BY name LIMIT $2";
    // The empty text sorts before every name.
    let after = after.map_or("", AccountName::as_str);
    let rows = rows(pool, sql, &[&after, &limit]).await?;
    let listed = |row: &Row| -> Result<Listed, tokio_postgres::Error> {
        Ok(Listed {
            name: account_name(row.try_get(0)?),
            disabled: row.try_get(1)?,
            created_at: Millis(row.try_get(2)?),
        })
    };
    rows.iter().map(|row| Ok(listed(row)?)).collect()
}

/// The latest primary that this database knows.
///
/// # Errors
/// [`Error`].
pub(crate) async fn primary(pool: &Pool) -> Result<Primary, Error> {
    let sql = "
-- primary
SELECT epoch, server FROM primary_epoch";
    let rows = rows(pool, sql, &[]).await?;
    let found = rows.first().map(batch::primary).transpose()?;
    Ok(found.unwrap_or_default())
}

/// At most `limit` entries of this database's copy of the log, in order, after
/// `since` and up to `through`.
///
/// # Errors
/// What Postgres says.
pub(crate) async fn events(
    client: &tokio_postgres::Client,
    since: Position,
    through: Position,
    limit: i64,
) -> Result<Vec<(Position, Vec<u8>)>, tokio_postgres::Error> {
    let sql = "
-- events
SELECT position, body FROM account_event
WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3";
    let rows = client
        .query(sql, &[&since.to_i64(), &through.to_i64(), &limit])
        .await?;
    rows.iter()
        .map(|row| Ok((Position::from_i64(row.try_get(0)?), row.try_get(1)?)))
        .collect()
}

async fn rows(pool: &Pool, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
    let answer = async {
        let client = pool.get().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, params).await?)
    };
    tokio::time::timeout(QUERY_MAX, answer)
        .await
        .map_err(|_elapsed| Error::TimedOut)?
}
