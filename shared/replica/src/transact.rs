//! One batch of entries in two round trips: read and decide; then, as one
//! transaction, write and move the cursor. Where the machine remembers all that
//! it needs there is nothing to read, and one is enough. A machine that writes by several
//! statements needs a third, to commit once all of them are known to be right.
//!
//! Every statement of a round trip is on its way before the first answer is
//! awaited; Postgres runs them in order, and a failed one fails the commit.
//! Whoever writes moves the cursor, and the move fails unless it starts where
//! it was read, in the same log: so nothing has changed between the reads and the
//! commit, and what a lost connection left under way fails once another has moved it.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use deadpool_postgres::{Object, Pool};
use futures::future::{join_all, join3};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use uuid::Uuid;

use crate::cursor::{self, DatabaseError, Move};
use crate::machine::{Entry, Query, StateMachine, Write, Writes};

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransactError {
    /// The database failed; whether the batch is committed is not known.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The cursor is gone, or somebody else has moved it.
    #[error("the database's cursor is not where this process left it")]
    Moved,
    /// A statement changed another number of rows than the rules say.
    #[error("a statement changed {changed} rows instead of {expected}")]
    Damaged { expected: u64, changed: u64 },
}

impl TransactError {
    fn is_unique_violation(&self) -> bool {
        let Self::Database(DatabaseError::Statement(error)) = self else {
            return false;
        };
        error.code() == Some(&SqlState::UNIQUE_VIOLATION)
    }
}

/// A connection of the pool that never goes back there: it plans as only this
/// work should, and where it is given up, also in the middle of a batch, nobody
/// knows in which transaction it is.
struct Connection(Option<Object>);

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0.as_ref().expect("it is taken only at its end")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

/// The one connection that applies the log, with its statements.
pub(crate) struct Applying<M: StateMachine> {
    connection: Connection,
    advance: Statement,
    statements: M::Statements,
    /// Never locked while the database is waited for.
    memory: Mutex<M::Memory>,
    stream: String,
}

impl<M: StateMachine> Applying<M> {
    pub(crate) async fn connect(pool: &Pool, stream: &str) -> Result<Self, DatabaseError> {
        let connection = Connection(Some(pool.get().await?));
        connection.batch_execute(cursor::PLAN_ONCE).await?;
        let advance = connection.prepare(cursor::MOVE).await?;
        let statements = M::prepare(&connection).await?;
        Ok(Self {
            connection,
            advance,
            statements,
            memory: Mutex::default(),
            stream: stream.to_owned(),
        })
    }

    /// Applies entries that follow the cursor, and moves it.
    pub(crate) async fn apply(
        &self,
        machine: &M,
        entries: &[Entry],
        moves: Move<'_>,
    ) -> Result<Vec<M::Outcome>, TransactError> {
        let batch = machine.decode(entries);
        let reads = machine.reads(&self.statements, &batch, &self.memory());
        let outcomes = match self.decide(machine, batch, &reads, moves).await {
            Err(error) if reads.is_empty() && error.is_unique_violation() => {
                // Nothing is written. What was taken for new is not: look.
                *self.memory() = M::Memory::default();
                let batch = machine.decode(entries);
                let reads = machine.reads(&self.statements, &batch, &self.memory());
                self.decide(machine, batch, &reads, moves).await?
            }
            decided => decided?,
        };
        assert_eq!(outcomes.len(), entries.len(), "one outcome per entry");
        Ok(outcomes)
    }

    async fn decide(
        &self,
        machine: &M,
        batch: M::Batch,
        reads: &[Query],
        moves: Move<'_>,
    ) -> Result<Vec<M::Outcome>, TransactError> {
        let rows = read(&self.connection, reads).await?;
        let decision = machine
            .decide(&self.statements, batch, &rows, &mut self.memory())
            .map_err(DatabaseError::from)?;
        match &decision.writes {
            Writes::Each(writes) => self.commit_each(writes, moves).await?,
            Writes::Moving(query) => self.commit_moving(query, moves).await?,
        }
        Ok(decision.outcomes)
    }

    fn memory(&self) -> MutexGuard<'_, M::Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of entries that are committed already, as far as that can
    /// still be told. Writes nothing.
    pub(crate) async fn outcomes_again(
        &self,
        machine: &M,
        entries: &[Entry],
    ) -> Result<Vec<Option<M::Outcome>>, DatabaseError> {
        let batch = machine.decode(entries);
        let queries = machine.reads(&self.statements, &batch, &M::Memory::default());
        let rows = read(&self.connection, &queries).await?;
        Ok(machine.recall(&self.statements, batch, &rows)?)
    }

    /// One statement is a transaction of its own.
    async fn commit_moving(&self, query: &Query, moves: Move<'_>) -> Result<(), TransactError> {
        let parameters = Parameters::of(&self.stream, moves);
        let mut params = parameters.borrow().to_vec();
        params.extend(borrow(query));
        let moved = self.connection.execute(&query.statement, &params).await;
        has_moved(moved.map_err(DatabaseError::from)?)
    }

    async fn commit_each(&self, writes: &[Write], moves: Move<'_>) -> Result<(), TransactError> {
        let client: &Client = &self.connection;
        let begin = client.batch_execute("BEGIN");
        let writes = writes.iter().map(|write| async move {
            let changed = client
                .execute(&write.query.statement, &borrow(&write.query))
                .await?;
            Ok((write.rows, changed))
        });
        let parameters = Parameters::of(&self.stream, moves);
        let params = parameters.borrow();
        let advance = client.execute(&self.advance, &params);
        let (begun, written, moved) = join3(begin, join_all(writes), advance).await;
        begun.map_err(DatabaseError::from)?;
        let written: Result<Vec<_>, _> = written.into_iter().collect();
        let written = written.map_err(DatabaseError::Statement)?;
        // Rows that another process has written since say nothing about these rules.
        has_moved(moved.map_err(DatabaseError::from)?)?;
        for (expected, changed) in written {
            if expected != changed {
                return Err(TransactError::Damaged { expected, changed });
            }
        }
        // An error before here drops the connection, and Postgres rolls back.
        client
            .batch_execute("COMMIT")
            .await
            .map_err(DatabaseError::from)?;
        Ok(())
    }
}

/// What moves the cursor, as its statement takes it.
struct Parameters<'a> {
    stream: &'a str,
    log: Uuid,
    from: i64,
    to: i64,
    sequence: Option<i64>,
    id: Option<&'a [u8]>,
}

impl<'a> Parameters<'a> {
    fn of(stream: &'a str, Move { from, to, block }: Move<'a>) -> Self {
        Self {
            stream,
            log: from.incarnation.0,
            from: from.applied.to_i64(),
            to: to.to_i64(),
            sequence: block.map(|block| block.sequence.cast_signed()),
            id: block.and_then(|block| block.id.as_deref().map(str::as_bytes)),
        }
    }

    fn borrow(&self) -> [&(dyn ToSql + Sync); 6] {
        let Self {
            stream,
            log,
            from,
            to,
            sequence,
            id,
        } = self;
        [stream, log, from, to, sequence, id]
    }
}

fn has_moved(rows: u64) -> Result<(), TransactError> {
    match rows {
        1 => Ok(()),
        _ => Err(TransactError::Moved),
    }
}

async fn read(client: &Client, queries: &[Query]) -> Result<Vec<Vec<Row>>, DatabaseError> {
    let reads = queries
        .iter()
        .map(|query| async move { client.query(&query.statement, &borrow(query)).await });
    let rows: Result<_, _> = join_all(reads).await.into_iter().collect();
    Ok(rows?)
}

fn borrow(query: &Query) -> Vec<&(dyn ToSql + Sync)> {
    query
        .params
        .iter()
        .map(|param| &**param as &(dyn ToSql + Sync))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::{AppliedBlock, Cursor};
    use yoshi_protocol::{Incarnation, Position};

    /// The sequence and the id that the cursor's statement is given.
    fn written(block: Option<&AppliedBlock>) -> (Option<i64>, Option<String>) {
        let from = Cursor {
            incarnation: Incarnation::random(),
            applied: Position::ZERO,
        };
        let to = Position::end_of_block(7);
        let parameters = Parameters::of("S", Move { from, to, block });
        let id = parameters
            .id
            .map(|id| String::from_utf8(id.to_vec()).unwrap());
        (parameters.sequence, id)
    }

    #[test]
    fn a_block_without_an_id_is_not_one_that_is_unknown() {
        let block = |id: Option<&str>| AppliedBlock {
            sequence: 7,
            id: id.map(str::to_owned),
        };
        let id = "life-3";
        assert_eq!(written(Some(&block(Some(id)))), (Some(7), Some(id.into())));
        assert_eq!(written(Some(&block(None))), (Some(7), None));
        assert_eq!(written(None), (None, None));
    }
}
