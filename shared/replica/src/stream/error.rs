//! Why a stream could not be read, and which of it stays so.

use yoshi_protocol::Position;
use yoshi_protocol::cbor::DecodeError;

/// Why the stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It cannot be reached, or has no leader.
    #[error("the stream {0} cannot be reached: {1}")]
    OutOfReach(String, String),
    /// NATS knows no such stream.
    #[error(
        "there is no stream {0}: `yoshi provision` creates it. If there was one, NATS has lost the \
         log; `{1}` then puts it back from the servers' databases"
    )]
    Missing(String, &'static str),
    /// It was not made by `yoshi provision`.
    #[error("the stream {0} has no incarnation in its metadata; create it with 'yoshi provision'")]
    NoIncarnation(String),
    /// What it says about the log that it continues cannot be read.
    #[error(
        "the metadata of the stream {0} do not say which log it continues; restore them as \
         'yoshi recover-log' wrote them, or run it again"
    )]
    Metadata(String),
    /// A later release wrote to the log: skipping its block would lose tasks.
    #[error(
        "the stream {0} holds a block of version {2} at sequence {1}; start this server in that release"
    )]
    UnknownVersion(String, u64, u64),
    /// A later release gives pages of the log: it knows entries that this one
    /// would refuse.
    #[error(
        "the stream {0} no longer holds what follows {1}, and a neighbour has it in blocks of \
         version {2}; start this server in that release"
    )]
    UnknownPage(String, Position, u64),
    /// A block of a version that this release knows is broken, or beyond the
    /// bounds of that version. Others may read it: it is not passed over.
    #[error(
        "the stream {stream} holds a block of version {version} at sequence {sequence} that this \
         release cannot read ({error}): nothing is applied from there on. Start this server in the \
         release that wrote it; if there is none, somebody else can write to the log: change the \
         servers' passwords of NATS, then run `{recovery}`"
    )]
    Unreadable {
        /// Its name.
        stream: String,
        /// Where the block stands.
        sequence: u64,
        /// What it says of itself.
        version: u64,
        /// What is wrong with it.
        error: DecodeError,
        /// The command that continues the log without it.
        recovery: &'static str,
    },
    /// Messages were dropped on the way: read again from the last good one.
    #[error("the stream {0} was delivered with a gap before sequence {1}")]
    Gap(String, u64),
}

impl StreamError {
    /// Whether it stays so until somebody does what it says: the next block
    /// cannot be read by this release.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::UnknownVersion(..) | Self::UnknownPage(..) | Self::Unreadable { .. }
        )
    }
}
