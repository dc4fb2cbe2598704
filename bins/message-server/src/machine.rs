//! The message server as a state machine over the tasks log: decodes entries,
//! has the store read what they touch, lets the rules decide, and has the
//! store write what came of it.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_bytes::ByteBuf;
use tokio_postgres::{Client, Row};
use uuid::Uuid;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{LogEntry, LogPage, TaskEntry, TaskOp};
use yoshi_protocol::{NewTask, Position};
use yoshi_replica::{Decision, Entry, Query, StateMachine};

use crate::rules::{Outcome, SendEntry, WorkingSet};
use crate::store;
use crate::store::log::LoggedSend;

/// The state machine of the tasks log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tasks;

impl StateMachine for Tasks {
    type Outcome = Outcome;
    /// One per entry; none for one that cannot be read.
    type Batch = Vec<Option<SendEntry>>;
    type Statements = store::apply::Statements;

    async fn prepare(client: &Client) -> Result<Self::Statements, tokio_postgres::Error> {
        store::apply::Statements::prepare(client).await
    }

    fn decode(&self, entries: &[Entry]) -> Self::Batch {
        entries.iter().map(decode).collect()
    }

    fn reads(&self, statements: &Self::Statements, batch: &Self::Batch) -> Vec<Query> {
        let accounts: BTreeSet<&str> = batch
            .iter()
            .flatten()
            .map(|entry| entry.account.as_str())
            .collect();
        let ids: Vec<Uuid> = batch
            .iter()
            .flatten()
            .map(|entry| entry.task.id.0)
            .collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let accounts = accounts.into_iter().map(str::to_owned).collect();
        vec![statements.read(accounts, ids)]
    }

    fn decide(
        &self,
        statements: &Self::Statements,
        batch: Self::Batch,
        rows: &[Vec<Row>],
    ) -> Result<Decision<Outcome>, tokio_postgres::Error> {
        let mut set = match rows {
            [rows] => store::apply::working_set(rows)?,
            _ => WorkingSet::default(),
        };
        let outcomes = batch.into_iter().map(|entry| set.apply(entry)).collect();
        let writes = statements.write(set.into_changes());
        Ok(Decision { outcomes, writes })
    }

    async fn log_page(
        client: &Client,
        since: Position,
        applied: Position,
    ) -> Result<LogPage, tokio_postgres::Error> {
        let (sends, full) = store::log::page(client, since).await?;
        let last = sends.last().map_or(since, |send| send.position);
        // Without a next page, everything that was applied before the query is here.
        let through = if full { last } else { last.max(applied) };
        let entries = sends.into_iter().map(encode).collect();
        Ok(LogPage {
            more: full,
            entries,
            through,
        })
    }
}

fn encode(send: LoggedSend) -> LogEntry {
    let entry = TaskEntry {
        at: send.sent_at,
        op: TaskOp::Send(ByteBuf::from(send.content)),
        epoch: send.epoch,
        account: send.sender,
    };
    LogEntry {
        entry: ByteBuf::from(cbor::encode(&entry)),
        position: send.position,
    }
}

fn decode(entry: &Entry) -> Option<SendEntry> {
    let decoded = cbor::decode::<TaskEntry>(&entry.bytes, Bound::ENTRY).map_err(|error| {
        tracing::error!(position = %entry.position, %error, "an entry of the log cannot be read");
    });
    let TaskEntry {
        at,
        op: TaskOp::Send(content),
        epoch,
        account,
    } = decoded.ok()?;
    let task = NewTask::decode_logged(&content).map_err(|error| {
        tracing::error!(position = %entry.position, %error, "a task in the log cannot be read");
    });
    // Postgres has no unsigned integers; no honest server makes such an epoch.
    epoch.to_i64().ok()?;
    let content = Bytes::from(content.into_vec());
    Some(SendEntry {
        position: entry.position,
        at,
        epoch,
        account,
        content,
        task: task.ok()?,
    })
}
