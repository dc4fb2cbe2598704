//! Which epoch an account's latest entry has.

use deadpool_postgres::Pool;
use yoshi_protocol::{AccountName, Epoch};
use yoshi_replica::DatabaseError;

use super::apply::unsigned;

/// The epoch of the account's latest entry; none if it has no entry.
///
/// # Errors
/// [`DatabaseError`].
pub async fn epoch(pool: &Pool, account: &AccountName) -> Result<Option<Epoch>, DatabaseError> {
    let select = "-- stale: epoch
        SELECT epoch FROM account WHERE name = $1";
    let client = pool.get().await?;
    let row = client.query_opt(select, &[&account.as_str()]).await?;
    row.map(|row| Ok(Epoch(unsigned(row.try_get("epoch")?))))
        .transpose()
}
