//! The cache as it is written (§4.5.2): what was retrieved, and how far.

mod columns;

use deadpool_postgres::{Pool, Transaction};
use tokio_postgres::types::ToSql;
use yoshi_client::{Position, Task};
use yoshi_protocol::AccountName;

use super::{Error, rows, within};
use columns::{Columns, PUT};

/// A view of an account that is cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// What the account is asked.
    Inbox,
    /// What the account asks.
    Sent,
}

impl Side {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Sent => "sent",
        }
    }
}

/// How far an account's views are cached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Of the inbox.
    pub inbox: Position,
    /// Of what was sent.
    pub sent: Position,
    /// The greatest position at which a cached task changed.
    pub latest: Position,
}

impl Reach {
    pub(crate) fn of(&self, side: Side) -> Position {
        match side {
            Side::Inbox => self.inbox,
            Side::Sent => self.sent,
        }
    }
}

/// How far an account's views are cached.
pub(crate) async fn reach(pool: &Pool, account: &AccountName) -> Result<Reach, Error> {
    let sql = "
-- reach
SELECT view, cursor, latest FROM cache_view WHERE account = $1";
    let mut reach = Reach::default();
    for row in rows(pool, sql, &[&account.as_str()]).await? {
        let cursor = Position::from_i64(row.try_get(1)?);
        match row.try_get(0)? {
            "inbox" => reach.inbox = cursor,
            _ => reach.sent = cursor,
        }
        reach.latest = reach.latest.max(Position::from_i64(row.try_get(2)?));
    }
    Ok(reach)
}

/// Stores what was retrieved after `since`, and that everything up to `cursor`
/// is cached. False, and nothing is stored, if the cache does not reach up to
/// `since`: it was dropped meanwhile, and storing would leave a gap for good.
pub(crate) async fn store(
    pool: &Pool,
    account: &AccountName,
    side: Side,
    since: Position,
    cursor: Position,
    tasks: &[Task],
) -> Result<bool, Error> {
    within(async {
        let mut client = pool.get().await?;
        let transaction = client.transaction().await?;
        let latest = tasks
            .last()
            .map_or(Position::ZERO, |task| task.changed)
            .to_i64();
        if !advance(&transaction, account, side, since, cursor, latest).await? {
            return Ok(false);
        }
        if !tasks.is_empty() {
            put(&transaction, account, side, tasks).await?;
            meet(&transaction, account, side, tasks).await?;
        }
        transaction.commit().await?;
        Ok(true)
    })
    .await
}

async fn advance(
    transaction: &Transaction<'_>,
    account: &AccountName,
    side: Side,
    since: Position,
    cursor: Position,
    latest: i64,
) -> Result<bool, Error> {
    let sql = "
-- advance: the row
INSERT INTO cache_view (account, view) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[&account.as_str(), &side.as_str()])
        .await?;
    let sql = "
-- advance
UPDATE cache_view SET cursor = greatest(cursor, $4), latest = greatest(latest, $5)
WHERE account = $1 AND view = $2 AND cursor >= $3";
    let statement = transaction.prepare_cached(sql).await?;
    let advanced = transaction
        .execute(
            &statement,
            &[
                &account.as_str(),
                &side.as_str(),
                &since.to_i64(),
                &cursor.to_i64(),
                &latest,
            ],
        )
        .await?;
    Ok(advanced == 1)
}

async fn put(
    transaction: &Transaction<'_>,
    account: &AccountName,
    side: Side,
    tasks: &[Task],
) -> Result<(), Error> {
    let mut columns = Columns::default();
    for task in tasks {
        columns.push(account, task);
    }
    let statement = transaction.prepare_cached(&PUT).await?;
    let account = account.as_str();
    let (received, sent) = (side == Side::Inbox, side == Side::Sent);
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&account, &received, &sent];
    params.extend(columns.arrays());
    transaction.execute(&statement, &params).await?;
    Ok(())
}

/// Notes with whom tasks were exchanged.
async fn meet(
    transaction: &Transaction<'_>,
    account: &AccountName,
    side: Side,
    tasks: &[Task],
) -> Result<(), Error> {
    let (mut names, mut latest): (Vec<&str>, Vec<i64>) = (Vec::new(), Vec::new());
    for task in tasks {
        let met = match side {
            Side::Inbox => std::slice::from_ref(&task.sender),
            Side::Sent => &task.new_task.recipients[..],
        };
        for name in met.iter().filter(|name| *name != account) {
            names.push(name.as_str());
            latest.push(task.position.to_i64());
        }
    }
    let sql = "
-- meet
INSERT INTO cached_person AS old (account, name, latest)
SELECT $1, name, max(latest) FROM UNNEST($2::text[], $3::bigint[]) AS new (name, latest)
GROUP BY name ORDER BY name
ON CONFLICT (account, name) DO UPDATE SET latest = greatest(old.latest, EXCLUDED.latest)";
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[&account.as_str(), &names, &latest])
        .await?;
    Ok(())
}
