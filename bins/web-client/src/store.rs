//! The website's tables in SQL: `sessions`, the `cache` as it is written, the
//! `list`s that pages show of it, their `counts`, what is `idle`, and one `whole` task. Knows rows; no HTML, no requests.

pub(crate) mod cache;
pub(crate) mod counts;
pub(crate) mod idle;
pub(crate) mod list;
pub(crate) mod sessions;
pub(crate) mod whole;

use deadpool_postgres::{Pool, PoolError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use yoshi_protocol::AccountName;

use crate::limit::QUERY_MAX;

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No connection within the pool's bounds.
    #[error("no connection to the database: {0}")]
    Pool(#[from] PoolError),
    /// What Postgres says.
    #[error("the database refused a statement: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// It took longer than [`QUERY_MAX`].
    #[error("the database did not answer within {} s", QUERY_MAX.as_secs())]
    TimedOut,
    /// A row that this release did not write.
    #[error("a row of the cache cannot be read: {0}")]
    Row(String),
}

/// This server's migrations, numbered, with their own history table.
#[must_use]
pub(crate) fn migrations() -> refinery::Runner {
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name("web_client_migrations");
    runner
}

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Bounds whatever asks the database.
async fn within<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(QUERY_MAX, answer)
        .await
        .map_err(|_elapsed| Error::TimedOut)?
}

async fn rows(pool: &Pool, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
    within(async {
        let client = pool.get().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, params).await?)
    })
    .await
}

async fn execute(pool: &Pool, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
    within(async {
        let client = pool.get().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, params).await?)
    })
    .await
}

fn account_name(text: &str) -> Result<AccountName, Error> {
    AccountName::new(text).map_err(|error| Error::Row(error.to_string()))
}
