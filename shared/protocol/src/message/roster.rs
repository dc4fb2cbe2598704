//! Who is there: QUERY_LB_FOR_RS, QUERY_LB_FOR_MS, PING_MS, NEW_PRIM_REG,
//! RS_HEARTBEAT, DESTROY_MS, MS_DOWN and STALE_HOME; and what stands in the KV buckets.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cbor::{self, Bound, DecodeError};
use crate::limit::{SILENCE_SECONDS, SILENCE_SECONDS_MAX};
use crate::name::{AccountName, Epoch, Incarnation, Position, ServerId};

/// QUERY_LB_FOR_RS: which registration server is primary?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryLbForRs {}

/// The answer to QUERY_LB_FOR_RS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimaryRs {
    /// None while no registration server is primary.
    pub primary: Option<NewPrimReg>,
}

/// NEW_PRIM_REG: this server is the primary from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPrimReg {
    /// The primary.
    pub id: ServerId,
    /// The higher epoch is the later primary.
    pub epoch: Epoch,
}

/// QUERY_LB_FOR_MS: which message servers are there?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryLbForMs {}

/// The answer to QUERY_LB_FOR_MS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageServers {
    /// Those that were heard once and are silent now, by id, as they stood then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<MessageServer>,
    /// The live ones, by id.
    pub servers: Vec<MessageServer>,
    /// Those that were destroyed, by id: they must not come back.
    pub destroyed: Vec<ServerId>,
}

/// A live message server, as the load balancers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageServer {
    /// Its latest PING_MS.
    pub ping: PingMs,
    /// How many accounts it is home of.
    pub accounts: u64,
    /// Milliseconds since its latest PING_MS.
    pub silent_millis: u64,
}

/// PING_MS: a message server announces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingMs {
    /// Its identity.
    pub id: ServerId,
    /// Where it runs, for people.
    pub host: String,
    /// Requests that it is working on.
    pub load: u32,
    /// The stream is not the log that its database was filled from, or not all of it:
    /// whatever its position is, it says nothing about what the stream holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// What it is able to do.
    pub state: MsState,
    /// The log that its database was filled from: a position of another log says
    /// nothing about this one. Left out by releases that did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<Incarnation>,
    /// It has committed the log up to here.
    pub applied: Position,
    /// It found its own rows to differ from the other servers', and takes no
    /// part in anything until it is filled anew. Its state is `behind` then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// This life of its process.
    pub incarnation: Incarnation,
    /// How long it may be silent before it counts as gone, if that is longer than
    /// usual: it may serve for nearly as long without hearing of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_seconds: Option<u64>,
}

impl PingMs {
    /// How long its server may be silent before it counts as gone.
    #[must_use]
    pub fn silence(&self) -> Duration {
        let seconds = self.silence_seconds.unwrap_or(SILENCE_SECONDS);
        Duration::from_secs(seconds.clamp(SILENCE_SECONDS, SILENCE_SECONDS_MAX))
    }
}

/// What a message server is able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MsState {
    /// It has never been at the tail of the log since it started.
    Joining,
    /// It is at the tail of the log, and home of accounts.
    Serving,
    /// It was at the tail, and is not now.
    Behind,
    /// It finishes what it has, and takes nothing new.
    Draining,
}

/// MS_DOWN: a message server counts as down from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MsDown {
    /// Which.
    pub id: ServerId,
    /// Why.
    pub reason: DownReason,
    /// The life of it that is down; none means every one.
    pub incarnation: Option<Incarnation>,
}

/// Why a message server counts as down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DownReason {
    /// It did not account for an entry within β.
    Timeout,
    /// An operator destroyed it.
    Destroyed,
}

/// DESTROY_MS: take a message server out of the system for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestroyMs {
    /// Which.
    pub id: ServerId,
    /// Another message server knows it: do it also if the load balancers have
    /// never heard it. Left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
}

/// STALE_HOME: a request came with an epoch below the one that the account's
/// latest entry has: whoever sent it here knows an old home, as after the bucket
/// of affinity was restored to an older state, or lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleHome {
    /// The epoch of the account's latest entry: its next home needs a higher one.
    pub epoch: Epoch,
    /// Whose.
    pub account: AccountName,
}

/// RS_HEARTBEAT: a backup asks the primary whether it is alive (§4.3.3), and
/// says where it stands: the primary waits for its live backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RsHeartbeat {
    /// The backup.
    pub id: ServerId,
    /// Where it runs, for people.
    pub host: String,
    /// As in [`PingMs`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// As in [`PingMs`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<Incarnation>,
    /// It has committed the accounts log up to here.
    pub applied: Position,
    /// This life of its process.
    pub incarnation: Incarnation,
}

/// The answer to RS_HEARTBEAT: still alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillAlive {
    /// The primary's epoch.
    pub epoch: Epoch,
    /// It has committed the accounts log up to here.
    pub applied: Position,
}

/// The version of the values in the buckets that this release writes and reads.
/// A value of version 1 does not say so; one of a later version has a key `version`.
pub const VALUE_VERSION: u64 = 1;

/// Why a value in a bucket is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A later release wrote it, and it means what this one cannot know: it must
    /// be left as it is.
    #[error(
        "it is of version {0}, and this release knows {VALUE_VERSION} at most: run the release that wrote it"
    )]
    Later(u64),
    /// No release wrote it.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
}

/// What values of every version have in common.
#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: Option<u64>,
}

/// Decodes a value of a bucket: an [`Affinity`] or a [`PrimaryLease`].
///
/// # Errors
/// [`ValueError`]. Nobody may write over a value that is [`ValueError::Later`].
pub fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ValueError> {
    match cbor::decode::<Version>(bytes, Bound::REQUEST)?.version {
        Some(version) if version > VALUE_VERSION => Err(ValueError::Later(version)),
        _ => Ok(cbor::decode(bytes, Bound::REQUEST)?),
    }
}

/// A value in the bucket of affinity; the key is the account's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affinity {
    /// The fence: rises with every change of home.
    pub epoch: Epoch,
    /// The account's home.
    pub server: ServerId,
}

/// The value of the key of the message server that forgets its rows now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResyncTurn {
    /// Which.
    pub server: ServerId,
}

/// The value of the primary's lease in the bucket of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimaryLease {
    /// The holder's epoch.
    pub epoch: Epoch,
    /// The holder.
    pub server: ServerId,
}
