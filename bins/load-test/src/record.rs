//! What is remembered of each send.

use yoshi_protocol::{Position, TaskId};

/// Sends that are remembered, at 96 bytes each: a run ends when it has made so many.
pub(crate) const RECORDS_MAX: usize = 20_000_000;

/// One send. Times are in microseconds since the start of the run.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: TaskId,
    pub(crate) sender: u32,
    /// Its first recipient in the ring.
    pub(crate) first: u32,
    /// The observer that takes the first recipient's place.
    pub(crate) observer: Option<u32>,
    /// When it should have been sent: what its latency counts from.
    pub(crate) due: u64,
    /// When it was sent.
    pub(crate) issued: u64,
    /// When its answer came, or none any more.
    pub(crate) ended: u64,
    pub(crate) outcome: Outcome,
}

/// How a send ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Success was reported: it must be found.
    Accounted { number: u64, position: Position },
    /// One server holds it: it may be found, or not yet.
    Queued,
    /// Nobody knows: it may be found, or not.
    Unclear,
    /// It was refused, or never sent: it must not be found.
    Refused,
}

/// A task as it was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: TaskId,
    pub(crate) number: u64,
    pub(crate) position: Position,
    pub(crate) changed: Position,
    /// Whether this run made it, by its title.
    pub(crate) marked: bool,
}

/// Everything of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    pub(crate) inbox: Vec<Seen>,
    pub(crate) sent: Vec<Seen>,
}
