//! One batch of entries in two round trips: read and decide; then, as one
//! transaction, write and move the cursor. Where the machine remembers all that
//! it needs there is nothing to read, and one is enough. A machine that writes by several
//! statements needs a third, to commit once all of them are known to be right.
//!
//! Every statement of a round trip is on its way before the first answer is
//! awaited; Postgres runs them in order, and a failed one fails the commit.
//! Whoever writes moves the cursor, and the move fails unless it starts where
//! it was read: so nothing has changed between the reads and the commit.

use std::sync::{Mutex, MutexGuard, PoisonError};

use deadpool_postgres::{Object, Pool};
use futures::future::{join_all, join3};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use yoshi_protocol::Position;

use crate::cursor::{self, DatabaseError};
use crate::machine::{Entry, Query, StateMachine, Write, Writes};

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransactError {
    /// The database failed; whether the batch is committed is not known.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A statement changed another number of rows than the rules say.
    #[error("a statement changed {changed} rows instead of {expected}: this database has forked")]
    Forked { expected: u64, changed: u64 },
}

impl TransactError {
    fn is_unique_violation(&self) -> bool {
        let Self::Database(DatabaseError::Statement(error)) = self else {
            return false;
        };
        error.code() == Some(&SqlState::UNIQUE_VIOLATION)
    }
}

/// The one connection that applies the log, with its statements.
pub(crate) struct Applying<M: StateMachine> {
    connection: Object,
    advance: Statement,
    statements: M::Statements,
    /// Never locked while the database is waited for.
    memory: Mutex<M::Memory>,
    stream: String,
}

impl<M: StateMachine> Applying<M> {
    pub(crate) async fn connect(pool: &Pool, stream: &str) -> Result<Self, DatabaseError> {
        let connection = pool.get().await?;
        connection.batch_execute(cursor::PLAN_ONCE).await?;
        let advance = connection.prepare_cached(cursor::MOVE).await?;
        let statements = M::prepare(&connection).await?;
        Ok(Self {
            connection,
            advance,
            statements,
            memory: Mutex::default(),
            stream: stream.to_owned(),
        })
    }

    /// Applies entries that follow `from`, and moves the cursor to `to`.
    pub(crate) async fn apply(
        &self,
        machine: &M,
        entries: &[Entry],
        from: Position,
        to: Position,
    ) -> Result<Vec<M::Outcome>, TransactError> {
        let batch = machine.decode(entries);
        let reads = machine.reads(&self.statements, &batch, &self.memory());
        let outcomes = match self.decide(machine, batch, &reads, from, to).await {
            Err(error) if reads.is_empty() && error.is_unique_violation() => {
                // Nothing is written. What was taken for new is not: look.
                *self.memory() = M::Memory::default();
                let batch = machine.decode(entries);
                let reads = machine.reads(&self.statements, &batch, &self.memory());
                self.decide(machine, batch, &reads, from, to).await?
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
        from: Position,
        to: Position,
    ) -> Result<Vec<M::Outcome>, TransactError> {
        let rows = read(&self.connection, reads).await?;
        let decision = machine
            .decide(&self.statements, batch, &rows, &mut self.memory())
            .map_err(DatabaseError::from)?;
        match &decision.writes {
            Writes::Each(writes) => self.commit_each(writes, from, to).await?,
            Writes::Moving(query) => self.commit_moving(query, from, to).await?,
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
    async fn commit_moving(
        &self,
        query: &Query,
        from: Position,
        to: Position,
    ) -> Result<(), TransactError> {
        let (from, to) = (from.to_i64(), to.to_i64());
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&self.stream, &from, &to];
        params.extend(borrow(query));
        let moved = self.connection.execute(&query.statement, &params).await;
        expect(1, moved.map_err(DatabaseError::from)?)
    }

    async fn commit_each(
        &self,
        writes: &[Write],
        from: Position,
        to: Position,
    ) -> Result<(), TransactError> {
        let client: &Client = &self.connection;
        let begin = client.batch_execute("BEGIN");
        let writes = writes.iter().map(|write| async move {
            let changed = client
                .execute(&write.query.statement, &borrow(&write.query))
                .await?;
            Ok((write.rows, changed))
        });
        let (from, to) = (from.to_i64(), to.to_i64());
        let params: [&(dyn ToSql + Sync); 3] = [&self.stream, &from, &to];
        let advance = client.execute(&self.advance, &params);
        let (begun, written, moved) = join3(begin, join_all(writes), advance).await;
        begun.map_err(DatabaseError::from)?;
        for result in written {
            let (expected, changed) = result.map_err(DatabaseError::Statement)?;
            expect(expected, changed)?;
        }
        expect(1, moved.map_err(DatabaseError::from)?)?;
        // An error before here drops the connection, and Postgres rolls back.
        client
            .batch_execute("COMMIT")
            .await
            .map_err(DatabaseError::from)?;
        Ok(())
    }

    /// Takes the connection out of the pool: after an error nobody knows in
    /// which transaction it is.
    pub(crate) fn discard(self) {
        drop(Object::take(self.connection));
    }
}

fn expect(expected: u64, changed: u64) -> Result<(), TransactError> {
    if expected == changed {
        Ok(())
    } else {
        Err(TransactError::Forked { expected, changed })
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
