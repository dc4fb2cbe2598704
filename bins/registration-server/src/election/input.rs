//! What an election is told, and what it asks for.

use std::time::{Duration, Instant};

use yoshi_protocol::message::roster::{NewPrimReg, PrimaryLease};
use yoshi_protocol::{Epoch, ServerId};

/// The times of an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a lease holds after its last renewal.
    pub lease: Duration,
    /// How often the holder renews it.
    pub renew: Duration,
    /// How often a backup asks whether the primary is alive.
    pub heartbeat: Duration,
    /// After how many unanswered heartbeats in a row a backup tries to take over.
    pub missed_max: u32,
    /// The longest random delay before it tries.
    pub takeover_delay: Duration,
}

/// The lease as the stream's leader holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseView {
    /// The revision of the last message on the key, be it a value or a marker; 0 if there is none.
    pub revision: u64,
    /// Who holds it; none if it has ended or was released.
    pub holder: Option<PrimaryLease>,
}

/// How a write of the lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It was stored, at this revision.
    At(u64),
    /// It was refused, or nobody knows.
    Failed,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Time has passed.
    Tick {
        /// Whether this server is at the end of the log.
        eligible: bool,
        /// Whether its database answers promptly: success may wait for its commits.
        prompt: bool,
    },
    /// Time has passed, and this server's database does not answer.
    Unable,
    /// A server is said to be primary: by `NEW_PRIM_REG` or a load balancer.
    Heard(NewPrimReg),
    /// A heartbeat ended: answered by a primary of this epoch, or not.
    Beat {
        /// Whom it went to.
        of: ServerId,
        /// The primary's epoch.
        answered: Option<Epoch>,
    },
    /// The lease was read; none if it could not be.
    LeaseRead(Option<LeaseView>),
    /// A write of the lease ended.
    LeaseWritten {
        /// The epoch that it was to store.
        epoch: Epoch,
        /// When it began.
        started: Instant,
        /// How it ended.
        result: Written,
    },
    /// The claim to this epoch holds in the log.
    Claimed(Epoch),
    /// The claim to this epoch was refused: the log holds a higher one.
    ClaimRefused(Epoch),
    /// The log shows a primary of this epoch.
    Outranked(Epoch),
    /// The server shuts down.
    Leave,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask whether this server is alive; tell the result by [`Input::Beat`].
    Beat(ServerId),
    /// Read the lease; tell the result by [`Input::LeaseRead`].
    ReadLease,
    /// Write the lease if its revision is the expected one; tell the result by [`Input::LeaseWritten`].
    WriteLease {
        /// The revision that it must have now.
        expected: u64,
        /// What it shall hold.
        lease: PrimaryLease,
    },
    /// Put the claim to this epoch into the log; tell the result by
    /// [`Input::Claimed`] or [`Input::ClaimRefused`].
    Claim(Epoch),
    /// Broadcast `NEW_PRIM_REG`.
    Announce(NewPrimReg),
    /// Give the lease up, if its revision is the expected one.
    Release {
        /// The revision that it must have now.
        expected: u64,
    },
}
