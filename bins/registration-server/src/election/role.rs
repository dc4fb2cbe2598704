//! What a registration server is at present, and whether it may answer.

use std::time::Instant;

use yoshi_planted::Fault;
use yoshi_protocol::message::roster::NewPrimReg;
use yoshi_protocol::{Epoch, ServerId};

/// What this server is at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It follows a primary, if it knows one.
    Backup {
        /// Whom.
        primary: Option<NewPrimReg>,
    },
    /// It holds the lease, and its claim is on its way through the log.
    Claiming {
        /// Which epoch it claims.
        epoch: Epoch,
    },
    /// It is primary from one moment until another, by this machine's monotonic clock.
    Primary {
        /// Its epoch.
        epoch: Epoch,
        /// It does not answer before.
        from: Instant,
        /// It does not answer afterwards, unless it renews its lease.
        until: Instant,
    },
    /// It shuts down.
    Left,
}

impl Role {
    /// The epoch in which this server answers as primary at `now`, if it does.
    #[must_use]
    pub fn primary_epoch(&self, now: Instant) -> Option<Epoch> {
        match *self {
            Self::Primary { epoch, from, until }
                if from <= now
                    && (now < until || yoshi_planted::is(Fault::DeposedPrimaryWrites)) =>
            {
                Some(epoch)
            }
            Self::Primary { .. } | Self::Backup { .. } | Self::Claiming { .. } | Self::Left => None,
        }
    }

    /// The server that this one follows, if it follows one.
    #[must_use]
    pub fn followed(&self) -> Option<ServerId> {
        match self {
            Self::Backup { primary } => primary.map(|primary| primary.id),
            Self::Primary { .. } | Self::Claiming { .. } | Self::Left => None,
        }
    }

    /// Its name, for logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Backup { .. } => "backup",
            Self::Claiming { .. } => "claiming",
            Self::Primary { .. } => "primary",
            Self::Left => "left",
        }
    }
}
