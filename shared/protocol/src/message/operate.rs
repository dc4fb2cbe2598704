//! What operators ask of servers, and what servers compare with each other:
//! SERVER_STATUS, COMPARE_MS, DRAIN_MS and RESYNC_MS.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::name::{AccountName, Epoch, Incarnation, Millis, Position, ServerId, TaskId};

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
    /// The last block that it has applied from the stream of its log. Left out
    /// if it knows none, and by releases that did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<LastBlock>,
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
    /// The earlier logs that this one continues, the latest first.
    #[serde(default)]
    pub lineage: Vec<Continued>,
    /// Why it refuses to serve, and what to do about it.
    pub refusal: Option<String>,
    /// The version of its program.
    pub release: String,
    /// When it last compared its rows with a neighbour's and found no difference.
    pub compared_at: Option<Millis>,
    /// This life of its process.
    pub incarnation: Incarnation,
}

/// A block of a log, by which a history is known again: two that hold different
/// blocks at one sequence are two histories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBlock {
    /// The message id that its root gave it; left out if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its sequence in the stream.
    pub sequence: u64,
}

/// A log that was lost, and that a later one continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continued {
    /// The later log continues it from here: nothing after it was kept.
    pub through: Position,
    /// Which.
    pub incarnation: Incarnation,
}

/// The key of a log's incarnation, a UUID, in its stream's metadata.
pub const INCARNATION_KEY: &str = "incarnation";
/// The key of the lost logs that a log continues: [`Continued`] values as text,
/// the latest first, separated by commas.
pub const CONTINUES_KEY: &str = "continues";
/// The key of the first sequence of a log that continues another one.
pub const FIRST_SEQUENCE_KEY: &str = "first_sequence";
/// The key of the servers whose copies `yoshi recover-log` has found to be the
/// beginning of what a log continues: their ids as text, separated by commas. Any
/// other server must show it before it takes the log up.
pub const PROVEN_KEY: &str = "proven";
/// Lost logs that a log names. A database that missed more recoveries is filled
/// anew instead.
pub const GENERATIONS_MAX: usize = 16;

impl std::fmt::Display for Continued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.incarnation, self.through)
    }
}

/// Text that is not a [`Continued`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the incarnation of a log, an @, and a position")]
pub struct InvalidContinued;

impl std::str::FromStr for Continued {
    type Err = InvalidContinued;
    fn from_str(text: &str) -> Result<Self, InvalidContinued> {
        let (incarnation, through) = text.split_once('@').ok_or(InvalidContinued)?;
        let through: u64 = through.parse().map_err(|_| InvalidContinued)?;
        Ok(Self {
            through: through.try_into().map_err(|_| InvalidContinued)?,
            incarnation: incarnation.parse().map_err(|_| InvalidContinued)?,
        })
    }
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

/// The form of the digests in COMPARE_MS that this release makes. A server that
/// makes another form refuses to compare: it can tell nothing from them.
pub const DIGEST_VERSION: u8 = 2;

/// COMPARE_MS: do these rows stand the same in your database? Rows that changed
/// after `applied` are no difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareMs {
    /// Who asks: where its rows stand otherwise, its own count as one vote.
    pub id: ServerId,
    /// A sample of the asker's tasks.
    pub tasks: Vec<TaskSample>,
    /// The log that the asker follows; the neighbour must follow the same.
    pub stream: Incarnation,
    /// The asker had committed the log up to here when it took the samples.
    pub applied: Position,
    /// [`DIGEST_VERSION`].
    pub version: u8,
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

/// An account's row: its number, its epoch, and the head of its hash chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSample {
    /// The head of its chain after entry `number`.
    pub head: ByteArray<32>,
    /// Whose.
    pub name: AccountName,
    /// The epoch of that entry.
    pub epoch: Epoch,
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
    /// Do it even if no other server serves.
    pub force: bool,
}

/// RESYNC_MS: forget every row that follows from the log, and fill the database
/// anew, from the log or from a neighbour; or trust the rows as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResyncMs {
    /// Forget nothing: the rows are right as they are, and only the finding that
    /// they are wrong is taken back.
    pub keep: bool,
    /// Do it even if no other live server holds everything that this one does.
    pub force: bool,
}
