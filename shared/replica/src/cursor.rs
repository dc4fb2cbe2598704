//! The tables that a replica owns: who this server is, and how far its
//! database has applied the log.

use deadpool_postgres::{Pool, PoolError};
use uuid::Uuid;
use yoshi_protocol::{Incarnation, Position, ServerId};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The migrations of these tables, with a history table of their own, so that
/// they stand beside the migrations of the server that the replica is part of.
#[must_use]
pub fn migrations() -> refinery::Runner {
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name("replica_migration");
    runner
}

/// Why the database could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection could be had.
    #[error("no connection to Postgres")]
    Pool(#[from] PoolError),
    /// A statement failed.
    #[error("a statement failed in Postgres")]
    Statement(#[from] tokio_postgres::Error),
}

/// The server's identity: made at the first call, the same ever after.
///
/// # Errors
/// [`DatabaseError`]; nothing was changed then.
pub async fn identity(pool: &Pool) -> Result<ServerId, DatabaseError> {
    let client = pool.get().await?;
    let insert = "-- identity: make\n\
        INSERT INTO server_identity (id) VALUES ($1) ON CONFLICT DO NOTHING";
    client.execute(insert, &[&Uuid::new_v4()]).await?;
    let row = client
        .query_one("-- identity: read\nSELECT id FROM server_identity", &[])
        .await?;
    Ok(ServerId(row.get(0)))
}

/// How far this database has applied a stream, and which life of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) incarnation: Incarnation,
    pub(crate) applied: Position,
}

/// Reads the cursor; none if this database has never followed the stream.
pub(crate) async fn load(pool: &Pool, stream: &str) -> Result<Option<Cursor>, DatabaseError> {
    let client = pool.get().await?;
    let select = "-- cursor: load\n\
        SELECT incarnation, applied FROM replica_cursor WHERE stream = $1";
    let row = client.query_opt(select, &[&stream]).await?;
    Ok(row.map(|row| Cursor {
        incarnation: Incarnation(row.get(0)),
        applied: Position::from_i64(row.get(1)),
    }))
}

/// Starts to follow a stream, from before its first entry.
pub(crate) async fn create(
    pool: &Pool,
    stream: &str,
    incarnation: Incarnation,
) -> Result<Cursor, DatabaseError> {
    let client = pool.get().await?;
    let insert = "-- cursor: create\n\
        INSERT INTO replica_cursor (stream, incarnation, applied) VALUES ($1, $2, 0)";
    client.execute(insert, &[&stream, &incarnation.0]).await?;
    Ok(Cursor {
        incarnation,
        applied: Position::ZERO,
    })
}

/// The statement that moves the cursor: `$1` stream, `$2` where it stands, `$3`
/// where to. If it stands elsewhere, another process writes this database: the
/// value then breaks the table's check, which fails the whole transaction.
///
/// With an argument, the common table expressions that come before it, in the
/// same statement: they write what a batch comes to, and their parameters begin
/// at `$4`. One statement is one transaction, and one message to Postgres
/// instead of one for each table.
#[macro_export]
macro_rules! move_cursor {
    ($($expressions:literal)?) => {
        concat!(
            $("WITH ", $expressions,)?
            "\n    UPDATE replica_cursor
    SET applied = CASE WHEN applied = $2::bigint THEN $3::bigint ELSE -1 END
    WHERE stream = $1"
        )
    };
}

/// Moves the cursor and nothing else.
pub(crate) const MOVE: &str = concat!("-- cursor: move", crate::move_cursor!());

/// How the connection that applies the log plans: once per statement, and by
/// index. Every lookup is by key; a plan per execution costs more than the
/// execution, and one made while the tables were empty would scan them for ever.
pub(crate) const PLAN_ONCE: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";
