//! What a server must be, to be a replica: a deterministic state machine over
//! its own Postgres database.
//!
//! The machine does no I/O. For each batch of entries it says what it must
//! read, decides from the rows what becomes of each entry, and says what to
//! write. The replica runs the reads, the writes and the new position as one
//! transaction of two round trips; of one, if the machine knows from its own
//! last writes all that it needs.

use bytes::Bytes;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use yoshi_protocol::Position;
use yoshi_protocol::message::log::LogPage;

/// An entry of the log, as it came out of a block.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands.
    pub position: Position,
    /// Its encoded form; not yet decoded, so it may be anything.
    pub bytes: Bytes,
}

/// A parameter of a statement.
pub type Param = Box<dyn ToSql + Send + Sync>;

/// A prepared statement with its parameters.
pub struct Query {
    /// Prepared on the connection that [`StateMachine::prepare`] was given.
    pub statement: Statement,
    /// In the order of the statement's placeholders.
    pub params: Vec<Param>,
}

/// A statement that changes rows, and how many it must change: any other count
/// means that this database has forked, and the replica stops.
pub struct Write {
    /// What to run.
    pub query: Query,
    /// How many rows it changes.
    pub rows: u64,
}

/// What a batch comes to.
pub struct Decision<O> {
    /// One per entry of the batch, in order.
    pub outcomes: Vec<O>,
    /// What changes.
    pub writes: Writes,
}

/// What a batch writes.
pub enum Writes {
    /// Statements, in order, within one transaction; none if nothing changes.
    Each(Vec<Write>),
    /// All of it in one statement that [`move_cursor!`](crate::move_cursor)
    /// made: the replica puts the cursor's six parameters before these.
    Moving(Query),
}

/// A deterministic state machine over Postgres.
///
/// What it decides must follow from the entries and the rows alone: no clock,
/// no random number, no order of a hash map. It must accept any bytes as an
/// entry, and give one that it cannot read an outcome like any other.
pub trait StateMachine: Send + Sync + 'static {
    /// What became of an entry, for whoever submitted it.
    type Outcome: Clone + std::fmt::Debug + Send + 'static;
    /// Entries, decoded.
    type Batch: Send;
    /// The statements of one connection.
    type Statements: Send + Sync;
    /// What it keeps of the rows that it has read and written over one
    /// connection, to read less. Nobody else writes them: the cursor tells. It
    /// ends with the connection, and so with any doubt about a commit.
    type Memory: Default + Send;

    /// Prepares the machine's statements on a new connection.
    fn prepare(
        client: &Client,
    ) -> impl Future<Output = Result<Self::Statements, tokio_postgres::Error>> + Send;

    /// Decodes entries. Called before the database is asked for anything.
    fn decode(&self, entries: &[Entry]) -> Self::Batch;

    /// What must be read to decide about the batch. Nothing, if the memory holds
    /// it, and if what it cannot hold (that an id is new) is such that the writes
    /// break a unique constraint where it is not so: the batch is then decided
    /// once more with a new memory. Its writes must be [`Writes::Moving`]: after
    /// one of several, the connection would stand in a failed transaction.
    fn reads(
        &self,
        statements: &Self::Statements,
        batch: &Self::Batch,
        memory: &Self::Memory,
    ) -> Vec<Query>;

    /// Decides about the batch from what was read: one `Vec<Row>` per query, in order.
    ///
    /// # Errors
    /// If a row cannot be read as what the schema promises.
    fn decide(
        &self,
        statements: &Self::Statements,
        batch: Self::Batch,
        rows: &[Vec<Row>],
        memory: &mut Self::Memory,
    ) -> Result<Decision<Self::Outcome>, tokio_postgres::Error>;

    /// What became of entries that are committed already, after an interruption
    /// that hid it; none for an entry whose outcome cannot be told any more. The
    /// rows are those after the batch, and perhaps after later ones: an entry that
    /// was refused then might be accepted by them, so deciding again tells nothing.
    ///
    /// # Errors
    /// As [`StateMachine::decide`].
    fn recall(
        &self,
        statements: &Self::Statements,
        batch: Self::Batch,
        rows: &[Vec<Row>],
    ) -> Result<Vec<Option<Self::Outcome>>, tokio_postgres::Error>;

    /// This database's copy of the log after `since`, for a neighbour: entries
    /// that had an effect, in order, within the bounds of an answer. `applied`
    /// is this server's position, read before the call.
    fn log_page(
        client: &Client,
        since: Position,
        applied: Position,
    ) -> impl Future<Output = Result<LogPage, tokio_postgres::Error>> + Send;
}
