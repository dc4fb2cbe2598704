//! What operators ask of servers, and what servers compare with each other:
//! SERVER_STATUS, COMPARE_MS, DRAIN_MS and RESYNC_MS.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::name::{AccountName, Incarnation, Millis, Position, ServerId, TaskId};

/// SERVER_STATUS: how does every server stand? Each answers for itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {}

/// The answer to SERVER_STATUS: one server's report about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerReport {
    /// Its identity.
    pub id: ServerId,
    /// Where it runs, for people.
    pub host: String,
    /// Requests that it is working on.
    pub load: u32,
    /// The servers of its kind that it has ever replicated with, and that were
    /// not destroyed: who must be asked before a lost log is made anew.
    pub known: Vec<ServerId>,
    /// What it does now.
    pub state: ServerState,
    /// Tasks that wait in its outbox; 0 for registration servers.
    pub outbox: u64,
    /// The incarnation of the log that its database was filled from.
    pub stream: Incarnation,
    /// It has committed the log up to here.
    pub applied: Position,
    /// Why it refuses to serve, and what to do about it.
    pub refusal: Option<String>,
    /// The version of its program.
    pub release: String,
    /// When it last compared its rows with a neighbour's and found no difference.
    pub compared_at: Option<Millis>,
    /// This life of its process.
    pub incarnation: Incarnation,
}

/// What a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// A message server that has not been at the tail of the log since it started.
    Joining,
    /// A message server at the tail of the log, home of accounts.
    Serving,
    /// A message server that was at the tail, and is not now.
    Behind,
    /// A message server that takes nothing new.
    Draining,
    /// The primary registration server.
    Primary,
    /// A registration server that is not primary.
    Backup,
}

/// COMPARE_MS: do these rows stand the same in your database? Rows that changed
/// after `applied` are no difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareMs {
    /// A sample of the asker's tasks.
    pub tasks: Vec<TaskSample>,
    /// The log that the asker follows; the neighbour must follow the same.
    pub stream: Incarnation,
    /// The asker had committed the log up to here when it took the samples.
    pub applied: Position,
    /// A sample of the asker's accounts.
    pub accounts: Vec<AccountSample>,
}

/// A task's row and those of its recipients, as a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSample {
    /// Which.
    pub id: TaskId,
    /// SHA-256 over everything that a server holds of it.
    pub digest: ByteArray<32>,
    /// The position of its latest change.
    pub changed: Position,
}

/// An account's number and the head of its hash chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSample {
    /// The head of its chain after entry `number`.
    pub head: ByteArray<32>,
    /// Whose.
    pub name: AccountName,
    /// The number of its latest accepted entry.
    pub number: u64,
}

/// The answer to COMPARE_MS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The sampled tasks that stand otherwise here.
    pub tasks: Vec<TaskId>,
    /// The sampled accounts that stand otherwise here.
    pub accounts: Vec<AccountName>,
}

/// DRAIN_MS: take nothing new, so that all accounts move to other servers; or
/// serve again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainMs {
    /// True to drain, false to serve again.
    pub drain: bool,
}

/// RESYNC_MS: forget every row that follows from the log, and fill the database
/// anew, from the log or from a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResyncMs {
    /// Do it even if no other live server holds everything that this one does.
    pub force: bool,
}
