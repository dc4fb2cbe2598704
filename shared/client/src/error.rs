//! What can go wrong with a call, and what is known about its outcome.

use std::fmt;
use std::time::Duration;

use yoshi_protocol::{ErrorReply, InvalidTask};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// NATS cannot be reached, or does not know the user.
    #[error("cannot connect to NATS at {urls}: {source}")]
    Connect {
        /// The addresses that were tried.
        urls: String,
        /// What NATS said.
        source: async_nats::ConnectError,
    },
    /// The task breaks a rule; nothing was sent.
    #[error(transparent)]
    InvalidTask(#[from] InvalidTask),
    /// A question to every server could not be put.
    #[error("the servers could not be asked: {0}")]
    Unheard(String),
    /// A server refused. Nothing happened.
    #[error(transparent)]
    Refused(ErrorReply),
    /// A server refused a retry; an earlier try, which got no clear answer, may have happened.
    #[error("an earlier try may have succeeded, but a later one was refused: {0}")]
    RefusedLater(ErrorReply),
    /// No clear answer within the deadline.
    #[error(
        "no clear answer within {} s and {tries} tries ({}); {}",
        within.as_secs_f32(),
        ends(last, answer.as_deref()),
        outcome(*may_have_happened)
    )]
    Deadline {
        /// The deadline.
        within: Duration,
        /// How often it was tried.
        tries: u32,
        /// Whether it may have happened, or still happen.
        may_have_happened: bool,
        /// How the last try ended.
        last: Last,
        /// The last answer of a server, which asked to be asked again; later
        /// tries may have got none.
        answer: Option<Box<ErrorReply>>,
    },
    /// An answer that this release cannot read.
    #[error("the answer cannot be read: {reason}; {}", outcome(*may_have_happened))]
    Malformed {
        /// What is wrong with it.
        reason: String,
        /// Whether what was asked may have happened.
        may_have_happened: bool,
    },
}

impl Error {
    /// Whether what was asked may have happened, or may still happen. A send
    /// can be asked again with the same task id, which settles it.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::InvalidTask(_) | Self::Unheard(_) | Self::Refused(_) => {
                false
            }
            Self::RefusedLater(_) => true,
            Self::Deadline {
                may_have_happened, ..
            }
            | Self::Malformed {
                may_have_happened, ..
            } => *may_have_happened,
        }
    }
}

fn ends(last: &Last, answer: Option<&ErrorReply>) -> String {
    match (last, answer) {
        (Last::Never | Last::NoAnswer(_) | Last::NoPrimary, Some(reply)) => {
            format!("the last: {last}; before it, {}: {reply}", reply.code)
        }
        _ => format!("the last: {last}"),
    }
}

const fn outcome(may_have_happened: bool) -> &'static str {
    if may_have_happened {
        "it may have happened, or not"
    } else {
        "nothing happened"
    }
}

/// How a try ended that is worth another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Last {
    /// There was no time for even one.
    Never,
    /// No answer came.
    NoAnswer(NoAnswer),
    /// A server asked to be asked again.
    Refused(ErrorReply),
    /// No registration server is primary.
    NoPrimary,
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("none was made"),
            Self::NoAnswer(no_answer) => no_answer.fmt(f),
            Self::Refused(reply) => write!(f, "{}: {reply}", reply.code),
            Self::NoPrimary => f.write_str("no registration server is primary"),
        }
    }
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// There is no connection to NATS; nothing was sent.
    #[error("not connected to NATS")]
    NotConnected,
    /// Nobody listens: no load balancer runs, or no such server.
    #[error("no server listens")]
    NoResponders,
    /// Time ran out.
    #[error("no answer in time")]
    TimedOut,
    /// The message is larger than NATS takes.
    #[error("NATS takes no message of this size")]
    TooLarge,
    /// The connection broke.
    #[error("the connection failed: {0}")]
    Broken(String),
}

impl NoAnswer {
    /// Whether a request that ended so may have reached a server.
    #[must_use]
    pub const fn may_have_arrived(&self) -> bool {
        match self {
            Self::NotConnected | Self::NoResponders | Self::TooLarge => false,
            Self::TimedOut | Self::Broken(_) => true,
        }
    }
}
