//! The message server as a state machine over the tasks log: decodes entries,
//! has the store read what they touch, lets the rules decide, and has the
//! store write what came of it.

mod remembered;
pub(crate) mod rows;

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_bytes::ByteBuf;
use tokio_postgres::{Client, Row};
use uuid::Uuid;
use yoshi_planted::Fault;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{LogEntry, LogPage, TaskEntry, TaskOp};
use yoshi_protocol::{AccountName, NewTask, Position, TaskChange, TaskId};
use yoshi_replica::{Decision, Entry, Query, StateMachine};

use remembered::Remembered;

use crate::rules::{ChangeEntry, Outcome, SendEntry, WorkingSet};
use crate::store;
use crate::store::log::{Logged, Operation};

/// The state machine of the tasks log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tasks;

/// An entry of the log, decoded.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "most entries are sends: a box for each would cost more"
)]
pub enum Decoded {
    /// It sends a task.
    Send(SendEntry),
    /// It changes one.
    Change(ChangeEntry),
    /// It cannot be read.
    Unreadable,
}

impl Decoded {
    fn account(&self) -> Option<&AccountName> {
        match self {
            Self::Send(entry) => Some(&entry.account),
            Self::Change(entry) => Some(&entry.account),
            Self::Unreadable => None,
        }
    }

    fn sent(&self) -> Option<TaskId> {
        match self {
            Self::Send(entry) => Some(entry.task.id),
            Self::Change(_) | Self::Unreadable => None,
        }
    }

    fn change(&self) -> Option<&ChangeEntry> {
        match self {
            Self::Change(entry) => Some(entry),
            Self::Send(_) | Self::Unreadable => None,
        }
    }
}

impl StateMachine for Tasks {
    type Outcome = Outcome;
    type Batch = Vec<Decoded>;
    type Statements = store::apply::Statements;
    type Memory = Remembered;

    async fn prepare(client: &Client) -> Result<Self::Statements, tokio_postgres::Error> {
        store::apply::Statements::prepare(client).await
    }

    fn decode(&self, entries: &[Entry]) -> Self::Batch {
        let readable = |entry| decode(entry).unwrap_or(Decoded::Unreadable);
        entries.iter().map(readable).collect()
    }

    fn reads(
        &self,
        statements: &Self::Statements,
        batch: &Self::Batch,
        memory: &Remembered,
    ) -> Vec<Query> {
        if memory.is_enough_for(batch) {
            return Vec::new();
        }
        let accounts: BTreeSet<&AccountName> = batch.iter().filter_map(Decoded::account).collect();
        if accounts.is_empty() {
            return Vec::new();
        }
        let sends = batch.iter().filter_map(Decoded::sent).map(|id| id.0);
        let sends = sends.filter(|_| !yoshi_planted::is(Fault::DedupeInMemory));
        let accounts = accounts.into_iter().map(ToString::to_string).collect();
        let mut queries = vec![statements.read(accounts, sends.collect())];
        let changes: Vec<&ChangeEntry> = batch.iter().filter_map(Decoded::change).collect();
        if !changes.is_empty() {
            let ids = changes.iter().map(|entry| entry.change.id.0).collect();
            let tasks: BTreeSet<Uuid> = changes.iter().map(|entry| entry.change.task.0).collect();
            let tasks: Vec<_> = tasks.into_iter().collect();
            queries.extend(statements.changing().read(ids, &tasks));
        }
        queries
    }

    fn decide(
        &self,
        statements: &Self::Statements,
        batch: Self::Batch,
        rows: &[Vec<Row>],
        memory: &mut Remembered,
    ) -> Result<Decision<Outcome>, tokio_postgres::Error> {
        let mut set = match rows {
            [] => memory.working_set(&batch),
            rows => working_set(rows)?,
        };
        let sent: Vec<TaskId> = batch.iter().filter_map(Decoded::sent).collect();
        let outcomes = batch.into_iter().map(|entry| match entry {
            Decoded::Send(entry) => set.apply(Some(entry)),
            Decoded::Change(entry) => set.apply_change(entry),
            Decoded::Unreadable => set.apply(None),
        });
        let outcomes = outcomes.collect();
        let mut changes = set.into_changes();
        memory.keep(&changes.accounts, &sent);
        let rows = rows::of(&mut changes);
        let writes = statements.write(changes, rows);
        Ok(Decision { outcomes, writes })
    }

    fn recall(
        &self,
        _: &Self::Statements,
        batch: Self::Batch,
        rows: &[Vec<Row>],
    ) -> Result<Vec<Option<Outcome>>, tokio_postgres::Error> {
        let mut set = working_set(rows)?;
        let outcomes = batch.into_iter().map(|entry| match entry {
            Decoded::Send(entry) => Some(set.apply(Some(entry))),
            Decoded::Change(entry) => set.recall_change(&entry),
            Decoded::Unreadable => Some(set.apply(None)),
        });
        Ok(outcomes.collect())
    }

    async fn log_page(
        client: &Client,
        since: Position,
        applied: Position,
    ) -> Result<LogPage, tokio_postgres::Error> {
        let (logged, full) = store::log::page(client, since).await?;
        let last = logged.last().map_or(since, |logged| logged.position);
        // Without a next page, everything that was applied before the query is here.
        let through = if full { last } else { last.max(applied) };
        let entries = logged.into_iter().map(encode).collect();
        Ok(LogPage::new(entries, through, full))
    }
}

/// What the queries of [`StateMachine::reads`] gave.
fn working_set(rows: &[Vec<Row>]) -> Result<WorkingSet, tokio_postgres::Error> {
    Ok(match rows {
        [rows] => store::apply::working_set(rows)?,
        [rows, earlier, tasks, asks, notes] => {
            let changing = rows::changing(earlier, tasks, asks, notes)?;
            store::apply::working_set(rows)?.changing(changing)
        }
        _ => WorkingSet::default(),
    })
}

fn encode(logged: Logged) -> LogEntry {
    let content = ByteBuf::from(logged.content);
    let entry = TaskEntry {
        at: logged.at,
        op: match logged.operation {
            Operation::Send => TaskOp::Send(content),
            Operation::Change => TaskOp::Change(content),
        },
        epoch: logged.epoch,
        account: logged.account,
    };
    LogEntry {
        entry: ByteBuf::from(cbor::encode(&entry)),
        position: logged.position,
    }
}

fn decode(entry: &Entry) -> Option<Decoded> {
    let position = entry.position;
    let decoded = cbor::decode::<TaskEntry>(&entry.bytes, Bound::ENTRY).map_err(|error| {
        tracing::error!(%position, %error, "an entry of the log cannot be read");
    });
    let TaskEntry {
        at,
        op,
        epoch,
        account,
    } = decoded.ok()?;
    // Postgres has no unsigned integers; no honest server makes such an epoch.
    epoch.to_i64().ok()?;
    match op {
        TaskOp::Send(content) => {
            let task = NewTask::decode_logged(&content).map_err(|error| {
                tracing::error!(%position, %error, "a task in the log cannot be read");
            });
            Some(Decoded::Send(SendEntry {
                position,
                at,
                epoch,
                account,
                content: Bytes::from(content.into_vec()),
                task: task.ok()?,
            }))
        }
        TaskOp::Change(content) => {
            let change = TaskChange::decode_logged(&content).map_err(|error| {
                tracing::error!(%position, %error, "a change in the log cannot be read");
            });
            Some(Decoded::Change(ChangeEntry {
                position,
                at,
                epoch,
                account,
                content: Bytes::from(content.into_vec()),
                change: change.ok()?,
            }))
        }
    }
}
