//! The tables that a replica owns: who this server is, how far its database has
//! applied which log, and whom it has replicated with.

use deadpool_postgres::{Pool, PoolError, Transaction};
use uuid::Uuid;
use yoshi_protocol::message::operate::{Continued, LastBlock};
use yoshi_protocol::{Incarnation, Position, ServerId};

use crate::lineage::Lineage;
use crate::stream::StoredBlock;

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
pub struct Cursor {
    /// Which life of the stream.
    pub incarnation: Incarnation,
    /// How far.
    pub applied: Position,
}

/// A block that was applied from the stream, by which the stream is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppliedBlock {
    pub(crate) sequence: u64,
    /// Its message id, if it has one.
    pub(crate) id: Option<String>,
}

impl AppliedBlock {
    pub(crate) fn of(block: &StoredBlock) -> Self {
        Self {
            sequence: block.sequence,
            id: block.id.clone(),
        }
    }
}

/// Characters of a block's id that are told; no root gives longer ones.
const TOLD_ID_CHARS: usize = 100;

impl From<AppliedBlock> for LastBlock {
    fn from(AppliedBlock { sequence, id }: AppliedBlock) -> Self {
        let id = id.map(|id| id.chars().take(TOLD_ID_CHARS).collect());
        Self { id, sequence }
    }
}

/// Where a transaction finds the cursor, and where it leaves it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move<'a> {
    pub(crate) from: Cursor,
    pub(crate) to: Position,
    /// The last block that was applied from the stream then.
    pub(crate) block: Option<&'a AppliedBlock>,
}

/// Reads the cursor, and the last block that was applied from the stream; none if
/// this database has never followed the stream.
pub(crate) async fn load(
    pool: &Pool,
    stream: &str,
) -> Result<Option<(Cursor, Option<AppliedBlock>)>, DatabaseError> {
    let client = pool.get().await?;
    let select = "-- cursor: load\n\
        SELECT incarnation, applied, block_sequence, block_id\n\
        FROM replica_cursor WHERE stream = $1";
    let Some(row) = client.query_opt(select, &[&stream]).await? else {
        return Ok(None);
    };
    let cursor = Cursor {
        incarnation: Incarnation(row.get(0)),
        applied: Position::from_i64(row.get(1)),
    };
    let id: Option<&[u8]> = row.get(3);
    let block = row.get::<_, Option<i64>>(2).map(|sequence| AppliedBlock {
        sequence: sequence.unsigned_abs(),
        id: id.map(|id| String::from_utf8_lossy(id).into_owned()),
    });
    Ok(Some((cursor, block)))
}

/// Starts to follow a stream, from before its first entry.
pub(crate) async fn create(
    pool: &Pool,
    stream: &str,
    incarnation: Incarnation,
    lineage: &Lineage,
) -> Result<Cursor, DatabaseError> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let insert = "-- cursor: create\n\
        INSERT INTO replica_cursor (stream, incarnation, applied) VALUES ($1, $2, 0)";
    transaction
        .execute(insert, &[&stream, &incarnation.0])
        .await?;
    write_lineage(&transaction, stream, lineage).await?;
    transaction.commit().await?;
    Ok(Cursor {
        incarnation,
        applied: Position::ZERO,
    })
}

/// Takes up the log that continues the one that the database was filled from,
/// with the lost logs that it continues; of its stream nothing is applied then. Answers false, and changes nothing, if
/// the cursor stands elsewhere than at `from`.
pub(crate) async fn adopt(
    pool: &Pool,
    stream: &str,
    from: Cursor,
    to: Cursor,
    lineage: &Lineage,
) -> Result<bool, DatabaseError> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let update = "-- cursor: adopt\n\
        UPDATE replica_cursor\n\
        SET incarnation = $4, applied = $5, block_sequence = NULL, block_id = NULL\n\
        WHERE stream = $1 AND incarnation = $2 AND applied = $3";
    let moved = transaction
        .execute(
            update,
            &[
                &stream,
                &from.incarnation.0,
                &from.applied.to_i64(),
                &to.incarnation.0,
                &to.applied.to_i64(),
            ],
        )
        .await?;
    if moved != 1 {
        transaction.rollback().await?;
        return Ok(false);
    }
    write_lineage(&transaction, stream, lineage).await?;
    transaction.commit().await?;
    Ok(true)
}

async fn write_lineage(
    transaction: &Transaction<'_>,
    stream: &str,
    lineage: &Lineage,
) -> Result<(), DatabaseError> {
    let delete = "-- lineage: clear\nDELETE FROM replica_lineage WHERE stream = $1";
    transaction.execute(delete, &[&stream]).await?;
    let lost = lineage.as_slice();
    let incarnations: Vec<Uuid> = lost.iter().map(|lost| lost.incarnation.0).collect();
    let throughs: Vec<i64> = lost.iter().map(|lost| lost.through.to_i64()).collect();
    let insert = "-- lineage: write\n\
        INSERT INTO replica_lineage (stream, place, incarnation, through)\n\
        SELECT $1, place - 1, incarnation, through\n\
        FROM UNNEST($2::uuid[], $3::bigint[]) WITH ORDINALITY\n\
             AS lost (incarnation, through, place)";
    transaction
        .execute(insert, &[&stream, &incarnations, &throughs])
        .await?;
    Ok(())
}

/// The lost logs that the database's log continues.
pub(crate) async fn lineage(pool: &Pool, stream: &str) -> Result<Lineage, DatabaseError> {
    let client = pool.get().await?;
    let select = "-- lineage: read\n\
        SELECT incarnation, through FROM replica_lineage WHERE stream = $1 ORDER BY place";
    let rows = client.query(select, &[&stream]).await?;
    let lost = rows.iter().map(|row| Continued {
        through: Position::from_i64(row.get(1)),
        incarnation: Incarnation(row.get(0)),
    });
    Ok(Lineage::new(lost.collect()))
}

/// The statement that moves the cursor: `$1` stream, `$2` incarnation, `$3` where
/// it stands, `$4` where to, `$5` and `$6` sequence and message id of the last block
/// that was applied from the stream then. It gives one row. If the cursor stands elsewhere, or
/// in another log, somebody else has written this database: the value then breaks
/// the table's check. If there is none, the division fails. Either fails the
/// whole transaction, whatever else is in it.
///
/// With an argument, the common table expressions that come before it, in the
/// same statement: they write what a batch comes to, and their parameters begin
/// at `$7`. One statement is one transaction, and one message to Postgres
/// instead of one for each table.
#[macro_export]
macro_rules! move_cursor {
    ($($expressions:literal)?) => {
        concat!(
            "WITH ", $($expressions, ", ",)?
            "moved AS (
        UPDATE replica_cursor
        SET applied = CASE WHEN incarnation = $2::uuid AND applied = $3::bigint
                           THEN $4::bigint ELSE -1 END,
            block_sequence = $5::bigint, block_id = $6::bytea
        WHERE stream = $1
        RETURNING stream
    )
    SELECT 1 / count(*) FROM moved"
        )
    };
}

/// Moves the cursor and nothing else.
pub(crate) const MOVE: &str = concat!("-- cursor: move\n", crate::move_cursor!());

/// How the connection that applies the log plans: once per statement, and by
/// index. Every lookup is by key; a plan per execution costs more than the
/// execution, and one made while the tables were empty would scan them for ever.
pub(crate) const PLAN_ONCE: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";
