//! A server's own Postgres database: waited for, checked, migrated, pooled.

mod durability;
mod settings;

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::time::Instant;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use crate::args::ConfigurationError;
use crate::run::Context;
use crate::{Health, limit};

pub use settings::DatabaseArgs;

/// Taken while migrations run, so that two processes never migrate at once.
const MIGRATION_LOCK: i64 = 0x796f_7368_6901;

/// Why there is no database to work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting, of this server or of Postgres, cannot work.
    #[error("the database cannot be used")]
    Configuration(#[source] ConfigurationError),
    /// Postgres was not there in time.
    #[error(
        "no connection to Postgres within {within:?}: check that it runs where --database-url says"
    )]
    Unreachable {
        /// How long was waited.
        within: Duration,
        /// The last attempt's error.
        source: tokio_postgres::Error,
    },
    /// Postgres stopped answering, or refused a question about its settings.
    #[error("Postgres does not answer")]
    Query(#[from] tokio_postgres::Error),
    /// The server was asked to stop meanwhile.
    #[error("asked to stop while waiting for Postgres")]
    Stopped,
    /// The schema is newer than this program, or was changed by hand.
    #[error(
        "the schema of the database is not one that this program knows: run the release that made it, or a later one"
    )]
    Schema(#[source] Box<refinery::Error>),
    /// A migration failed; it was rolled back.
    #[error("the schema of the database cannot be brought up to date")]
    Migration(#[source] Box<refinery::Error>),
    /// The connection for the migrations failed.
    #[error("no connection to Postgres for the migrations")]
    MigrationConnection(#[source] postgres::Error),
    /// The migrations' thread ended early.
    #[error("the migrations were interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
    /// The pool cannot be built.
    #[error("the connection pool cannot be built")]
    Pool(#[from] deadpool_postgres::BuildError),
}

/// Waits for Postgres, checks its version and that it keeps what it has committed,
/// runs the migrations, builds the pool.
///
/// Each runner keeps its own history table (`set_migration_table_name`), and
/// refuses a history with entries that it does not know.
///
/// # Errors
/// [`Error`]; with a [`ConfigurationError`] inside, where a setting must change.
pub async fn open(
    args: &DatabaseArgs,
    context: &Context,
    migrations: Vec<refinery::Runner>,
) -> Result<Pool, Error> {
    let config = args.config(context.role).map_err(Error::Configuration)?;
    let migrations = Arc::new(migrations);
    let deadline = Instant::now() + args.wait();
    loop {
        let waited = wait(
            &config,
            (args.wait(), deadline),
            context.unsafe_storage,
            &context.health,
        );
        tokio::select! {
            waited = waited => waited?,
            () = context.shutdown.requested() => return Err(Error::Stopped),
        }
        let (migrating, migrations) = (config.clone(), Arc::clone(&migrations));
        let migrated = tokio::task::spawn_blocking(move || migrate(migrating, &migrations));
        match migrated.await.map_err(Error::Interrupted)? {
            Ok(()) => break,
            // What an interrupted migration has done is rolled back.
            Err(error) if is_passing(&error) && Instant::now() < deadline => {
                tracing::warn!(%error, "Postgres went away during the migrations");
                tokio::time::sleep(Duration::from_millis(limit::CONNECT_RETRY_MILLIS)).await;
            }
            Err(error) => return Err(error),
        }
    }
    let manager = Manager::from_config(
        config,
        NoTls,
        ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        },
    );
    let attempt = args.connect_within();
    Ok(Pool::builder(manager)
        .max_size(args.pool_size())
        .wait_timeout(Some(args.pool_wait()))
        .create_timeout(Some(attempt))
        .recycle_timeout(Some(attempt))
        .runtime(Runtime::Tokio1)
        .build()?)
}

/// Connects as soon as Postgres lets us, and checks it.
async fn wait(
    config: &tokio_postgres::Config,
    (within, deadline): (Duration, Instant),
    unsafe_storage: bool,
    health: &Health,
) -> Result<(), Error> {
    let mut said = false;
    loop {
        let error = match config.connect(NoTls).await {
            Ok((client, connection)) => {
                let connection = tokio::spawn(connection);
                let checked = durability::check(&client, unsafe_storage, health).await;
                drop(client);
                // Its end is the client's, and its errors were the queries'.
                drop(connection.await);
                match checked {
                    // It let us in, and ended before it answered.
                    Err(Error::Query(error)) if is_lost(&error) => error,
                    checked => return checked,
                }
            }
            Err(error) => error,
        };
        if let Some(setting) = hopeless(&error) {
            return Err(Error::Configuration(setting));
        }
        if Instant::now() >= deadline {
            return Err(Error::Unreachable {
                within,
                source: error,
            });
        }
        if !said {
            tracing::warn!(%error, "waiting for Postgres");
            said = true;
        }
        tokio::time::sleep(Duration::from_millis(limit::CONNECT_RETRY_MILLIS)).await;
    }
}

/// Whether Postgres may answer the same question soon.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Query(error) | Error::MigrationConnection(error) => is_lost(error),
        Error::Migration(error) => match error.kind() {
            refinery::error::Kind::Connection(_, source) => {
                source.downcast_ref().is_some_and(is_lost)
            }
            _ => false,
        },
        Error::Configuration(_)
        | Error::Unreachable { .. }
        | Error::Stopped
        | Error::Schema(_)
        | Error::Interrupted(_)
        | Error::Pool(_) => false,
    }
}

/// Whether the connection was lost, or Postgres is about to end or to begin.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    let lost = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
    ];
    match error.code() {
        Some(state) => lost.contains(state),
        None => {
            error.is_closed()
                || error
                    .source()
                    .is_some_and(|source| source.is::<io::Error>())
        }
    }
}

/// What no waiting will mend.
fn hopeless(error: &tokio_postgres::Error) -> Option<ConfigurationError> {
    let state = error.code()?;
    let hopeless = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    let detail = error.as_db_error()?.message();
    hopeless.contains(state).then(|| {
        ConfigurationError::new(format!(
            "Postgres refuses the connection ({detail}): check --database-url and \
             --database-password-file, and that the database exists"
        ))
    })
}

/// Runs the migrations, on a thread that may block.
fn migrate(config: tokio_postgres::Config, runners: &[refinery::Runner]) -> Result<(), Error> {
    let mut client = postgres::Config::from(config)
        .connect(NoTls)
        .map_err(Error::MigrationConnection)?;
    client
        .batch_execute(&format!(
            "SET statement_timeout = {timeout}; SET lock_timeout = {timeout};
             SELECT pg_advisory_lock({MIGRATION_LOCK})",
            timeout = limit::DATABASE_MIGRATION_MILLIS
        ))
        .map_err(Error::MigrationConnection)?;
    for runner in runners {
        let report = runner.run(&mut client).map_err(|error| {
            let error = Box::new(error);
            match error.kind() {
                refinery::error::Kind::DivergentVersion(..)
                | refinery::error::Kind::MissingVersion(_) => Error::Schema(error),
                _ => Error::Migration(error),
            }
        })?;
        for migration in report.applied_migrations() {
            tracing::info!(%migration, "migration {migration} applied");
        }
    }
    client.close().map_err(Error::MigrationConnection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Lets a client in without a password: `AuthenticationOk`, `ReadyForQuery`.
    const LET_IN: &[u8] = b"R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I";

    #[tokio::test]
    async fn a_postgres_that_ends_before_it_answers_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let let_in = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&let_in);
        let postgres = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut startup = [0; 1_024];
                let read = stream.read(&mut startup).await.unwrap();
                assert!(read > 0);
                count.fetch_add(1, Ordering::Relaxed);
                stream.write_all(LET_IN).await.unwrap();
            }
        });
        let config = format!("host=127.0.0.1 port={port} user=nobody");
        let config: tokio_postgres::Config = config.parse().unwrap();
        let within = Duration::from_millis(600);
        let until = (within, Instant::now() + within);
        let waited = wait(&config, until, false, &Health::starting()).await;
        assert!(
            matches!(waited, Err(Error::Unreachable { .. })),
            "{waited:?}"
        );
        assert!(let_in.load(Ordering::Relaxed) > 1, "it tries again");
        postgres.abort();
    }
}
