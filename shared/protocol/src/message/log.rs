//! What stands in the logs: TASK_TO_MS and ACCOUNT_TO_RS blocks, their
//! entries, the *accounted for* replies, and POLL_MS / POLL_RS, which read a
//! neighbour's copy of a log.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use uuid::Uuid;

use crate::name::{AccountName, Epoch, Incarnation, Millis, Position, ServerId};

/// The version of the blocks that this release writes: 2 since there are changes
/// of tasks. A server stops at a block of a later version rather than skip it.
pub const BLOCK_VERSION: u8 = 2;
/// The oldest version of the blocks that this release reads.
pub const BLOCK_VERSION_OLDEST: u8 = 1;

/// TASK_TO_MS and ACCOUNT_TO_RS: the entries that one server adds to a log at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The server that publishes the block: the root of its entries.
    pub root: ServerId,
    /// Encoded [`TaskEntry`] or [`AccountEntry`] values, in order.
    pub entries: Vec<ByteBuf>,
    /// [`BLOCK_VERSION`].
    pub version: u8,
    /// The root's incarnation.
    pub incarnation: Incarnation,
}

/// *Accounted for*: the reply to a block. Cumulative, so a lost one does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountedFor {
    /// Who has committed everything up to `position`.
    pub server: ServerId,
    /// Of which log: a position of another one says nothing about this one. Left
    /// out by releases that did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<Incarnation>,
    /// Up to where, inclusive.
    pub position: Position,
    /// That server's incarnation.
    pub incarnation: Incarnation,
}

/// An entry of the tasks log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskEntry {
    /// The root's clock; shown to people, decides nothing.
    pub at: Millis,
    /// What happens.
    pub op: TaskOp,
    /// The epoch in which the root is home of the account.
    pub epoch: Epoch,
    /// Who does it.
    pub account: AccountName,
}

/// What an entry of the tasks log does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskOp {
    /// Sends the task that these bytes encode ([`crate::NewTask`]).
    Send(ByteBuf),
    /// Changes a task, as these bytes encode ([`crate::TaskChange`]).
    Change(ByteBuf),
}

/// An entry of the accounts log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountEntry {
    /// The primary's clock; decides nothing.
    pub at: Millis,
    /// The operation's id, made by the client: the idempotency key.
    pub id: Uuid,
    /// What happens.
    pub op: AccountOp,
    /// The epoch of the primary that wrote it.
    pub epoch: Epoch,
}

/// What an entry of the accounts log does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountOp {
    /// A server becomes primary: from here on, lower epochs are refused.
    Primary(ServerId),
    /// Creates an account.
    Create(SetPassword),
    /// Changes an account's password, and ends all its tokens.
    ChangePassword(SetPassword),
    /// Gives an account a token.
    LogIn(NewToken),
    /// Ends a token.
    LogOut(EndToken),
    /// Disables an account and ends all its tokens, or enables it again.
    Set(SetDisabled),
}

/// An account and the hash of its password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPassword {
    /// Whose.
    pub account: AccountName,
    /// The argon2id hash, as a PHC string. The log never carries a password.
    pub password_hash: String,
}

impl std::fmt::Debug for SetPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetPassword")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// An account and the hash of a new token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// Whose.
    pub account: AccountName,
    /// When the token ends by itself.
    pub expires_at: Millis,
    /// SHA-256 of the token.
    pub token_hash: ByteBuf,
}

/// An account and the hash of a token that ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndToken {
    /// Whose.
    pub account: AccountName,
    /// SHA-256 of the token.
    pub token_hash: ByteBuf,
}

/// An account, and whether it is disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDisabled {
    /// Whose.
    pub account: AccountName,
    /// Whether nobody may use it, or send to it.
    pub disabled: bool,
}

/// POLL_MS and POLL_RS: a neighbour's copy of the log since a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollLog {
    /// Entries after this position are wanted.
    pub since: Position,
    /// The stream that the asker follows; the neighbour must follow the same.
    pub stream: Incarnation,
}

/// The answer to POLL_MS and POLL_RS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// Whether there is more after `through`.
    pub more: bool,
    /// In order. Entries that were refused when applied had no effect, and are left out.
    pub entries: Vec<LogEntry>,
    /// The page holds everything after `since` and up to here.
    pub through: Position,
    /// The version of the blocks that such entries stand in, as the neighbour
    /// writes them. Left out by releases whose blocks were of version 2 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

impl LogPage {
    /// A page as this release writes it.
    #[must_use]
    pub fn new(entries: Vec<LogEntry>, through: Position, more: bool) -> Self {
        Self {
            more,
            entries,
            through,
            version: Some(BLOCK_VERSION.into()),
        }
    }
}

/// An entry with its position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// An encoded [`TaskEntry`] or [`AccountEntry`].
    pub entry: ByteBuf,
    /// Where it stands.
    pub position: Position,
}
