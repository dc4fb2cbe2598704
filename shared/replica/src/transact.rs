//! One batch of entries as one transaction of two round trips: lock the cursor
//! and read, decide, then write, move the cursor and commit.
//!
//! Every statement of a round trip is on its way before the first answer is
//! awaited; Postgres runs them in order, and a failed one fails the commit.

use deadpool_postgres::{Object, Pool};
use futures::future::{join_all, join3};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use yoshi_protocol::Position;

use crate::cursor::{self, DatabaseError};
use crate::machine::{Entry, Query, StateMachine, Write};

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransactError {
    /// The database failed; whether the batch is committed is not known.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Somebody else moved the cursor: two processes share a database.
    #[error("the cursor stands at {found}, not at {expected}: another process uses this database")]
    CursorMoved { expected: Position, found: Position },
    /// A statement changed another number of rows than the rules say.
    #[error("a statement changed {changed} rows instead of {expected}: this database has forked")]
    Forked { expected: u64, changed: u64 },
}

/// The one connection that applies the log, with its statements.
pub(crate) struct Applying<M: StateMachine> {
    connection: Object,
    lock: Statement,
    advance: Statement,
    statements: M::Statements,
    stream: String,
}

impl<M: StateMachine> Applying<M> {
    pub(crate) async fn connect(pool: &Pool, stream: &str) -> Result<Self, DatabaseError> {
        let connection = pool.get().await?;
        let lock = connection.prepare_cached(cursor::LOCK).await?;
        let advance = connection.prepare_cached(cursor::MOVE).await?;
        let statements = M::prepare(&connection).await?;
        Ok(Self {
            connection,
            lock,
            advance,
            statements,
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
        let rows = self
            .begin(&machine.reads(&self.statements, &batch), from)
            .await?;
        let decision = machine
            .decide(&self.statements, batch, &rows)
            .map_err(DatabaseError::from)?;
        assert_eq!(
            decision.outcomes.len(),
            entries.len(),
            "one outcome per entry"
        );
        self.commit(&decision.writes, to).await?;
        Ok(decision.outcomes)
    }

    /// What became of entries that are committed already: deciding once more
    /// gives the same, because every operation is idempotent. Writes nothing.
    pub(crate) async fn outcomes_again(
        &self,
        machine: &M,
        entries: &[Entry],
    ) -> Result<Vec<M::Outcome>, DatabaseError> {
        let batch = machine.decode(entries);
        let queries = machine.reads(&self.statements, &batch);
        let rows = read(&self.connection, &queries).await?;
        Ok(machine.decide(&self.statements, batch, &rows)?.outcomes)
    }

    async fn begin(
        &self,
        queries: &[Query],
        from: Position,
    ) -> Result<Vec<Vec<Row>>, TransactError> {
        let client: &Client = &self.connection;
        let params: [&(dyn ToSql + Sync); 1] = [&self.stream];
        let begin = client.batch_execute("BEGIN");
        let lock = client.query_one(&self.lock, &params);
        let (begun, locked, rows) = join3(begin, lock, read(client, queries)).await;
        begun.map_err(DatabaseError::from)?;
        let found = Position::from_i64(locked.map_err(DatabaseError::from)?.get(0));
        if found != from {
            return Err(TransactError::CursorMoved {
                expected: from,
                found,
            });
        }
        Ok(rows?)
    }

    async fn commit(&self, writes: &[Write], to: Position) -> Result<(), TransactError> {
        let client: &Client = &self.connection;
        let writes = writes.iter().map(|write| async move {
            let changed = client
                .execute(&write.query.statement, &borrow(&write.query))
                .await?;
            Ok((write.rows, changed))
        });
        let to = to.to_i64();
        let params: [&(dyn ToSql + Sync); 2] = [&self.stream, &to];
        let advance = client.execute(&self.advance, &params);
        let commit = client.batch_execute("COMMIT");
        let (written, advanced, committed) = join3(join_all(writes), advance, commit).await;
        for result in written {
            let (expected, changed) = result.map_err(DatabaseError::Statement)?;
            if expected != changed {
                return Err(TransactError::Forked { expected, changed });
            }
        }
        advanced.map_err(DatabaseError::from)?;
        committed.map_err(DatabaseError::from)?;
        Ok(())
    }

    /// Takes the connection out of the pool: after an error nobody knows in
    /// which transaction it is.
    pub(crate) fn discard(self) {
        drop(Object::take(self.connection));
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
