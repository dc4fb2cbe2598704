//! A JetStream log applied in order, exactly once, to Postgres.
//!
//! [`start`] reads one stream from its own position on, applies it through
//! a [`StateMachine`], stores the new position in the same transaction, and
//! only then tells the roots of the blocks that it has *accounted for* them.
//! Through [`Handle::submit`] it is a root itself: it groups entries into
//! blocks, one in flight, and reports an entry once every live peer has
//! accounted for it. It knows neither tasks nor accounts.

mod applier;
mod cursor;
pub mod fate;
mod gather;
mod handle;
mod known;
pub mod lineage;
pub mod machine;
mod neighbour;
mod publish;
pub mod root;
mod standing;
mod start;
mod stream;
mod submit;
mod transact;

pub use cursor::{Cursor, DatabaseError, identity, migrations};
pub use handle::Handle;
pub use lineage::{Lineage, recovery};
pub use machine::{Decision, Entry, Param, Query, StateMachine, Write, Writes};
pub use start::{Running, StartError, start};
pub use stream::{StreamError, View};
pub use yoshi_protocol::message::operate::INCARNATION_KEY;

use std::time::Duration;

use yoshi_protocol::subject::Role;
use yoshi_protocol::{Incarnation, Position, ServerId};

/// Another server that follows the same log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its identity.
    pub id: ServerId,
    /// This life of its process.
    pub incarnation: Incarnation,
    /// It says that the stream is not its log: its position is of another history.
    pub lost: bool,
    /// The log that it follows; none if it did not say.
    pub stream: Option<Incarnation>,
    /// How far it said it had applied the log.
    pub applied: Position,
    /// Whether success waits for it: it is live, and at the tail or nearly there.
    pub counts: bool,
    /// How long it may serve on without a word: it does not count as down sooner,
    /// whatever β is.
    pub silence: Duration,
}

/// What a replica needs to know about itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which log it follows.
    pub role: Role,
    /// The stream that captures it.
    pub stream: String,
    /// This server.
    pub id: ServerId,
    /// This life of its process.
    pub incarnation: Incarnation,
    /// How long others may take.
    pub waits: Waits,
}

/// How long a replica waits for others.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// β: how long a peer may take to account for an entry before it counts as down (§5.2).
    pub beta: Duration,
    /// How long JetStream may take to acknowledge a block or answer a question,
    /// before its fate counts as unknown, and the log as out of reach.
    pub jetstream: Duration,
    /// How long a neighbour may take for one page of its copy of the log.
    pub neighbour: Duration,
}

/// Where a replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It catches up with the log.
    CatchingUp,
    /// It has applied everything that was in the log a moment ago.
    AtTail,
    /// The log cannot be reached, or has no leader.
    OutOfReach,
    /// The stream is another one than the database was filled from, or ends
    /// before its position: it must not be consumed. The text says what to do.
    Lost(String),
    /// The next block is one that this release cannot read: nothing is applied
    /// from there on. The text says what to do.
    Stuck(String),
}

impl Peer {
    /// How far it has applied `log`: nothing, if it follows another one, or has lost it. Whoever
    /// does not say which log it follows is believed.
    #[must_use]
    pub fn applied_of(&self, log: Incarnation) -> Position {
        match self.stream {
            _ if self.lost => Position::ZERO,
            Some(stream) if stream != log => Position::ZERO,
            _ => self.applied,
        }
    }
}

impl Standing {
    /// Why the log is not followed until somebody does something about it, and
    /// what; none if nothing of that kind is wrong.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match self {
            Self::Lost(what) | Self::Stuck(what) => Some(what),
            Self::CatchingUp | Self::AtTail | Self::OutOfReach => None,
        }
    }
}

/// An entry that every live peer has accounted for.
#[derive(Debug, Clone)]
pub struct Accounted<O> {
    /// What the state machine decided.
    pub outcome: O,
    /// Where the entry stands.
    pub position: Position,
    /// Who has committed it, this server included, by id.
    pub accounted_for: Vec<ServerId>,
}

/// Why an entry was not submitted, or its outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The queue is full. Nothing was submitted.
    #[error("too many entries are waiting already")]
    Busy,
    /// The entry is in the log and committed, but its outcome was not learned.
    /// Submitting it again tells it.
    #[error("the outcome was not learned; ask again with the same id")]
    Unknown,
    /// The replica is shutting down. The entry may have gone into the log, or not.
    #[error("the server is shutting down")]
    Stopped,
}

/// Why a replica ended by itself. The process must not go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplicaError {
    /// Another process uses this server's identity.
    #[error("{0}")]
    Fenced(String),
    /// The database is not what this process left behind.
    #[error("{0}")]
    Forked(String),
    /// The rows cannot be worked with, or are not what the log has made of them:
    /// they stay so, however often the server starts.
    #[error("{0}")]
    Damaged(String),
}

impl From<publish::Fenced> for ReplicaError {
    fn from(fenced: publish::Fenced) -> Self {
        Self::Fenced(fenced.to_string())
    }
}
