//! The system at rest, after everything has healed: every server's lists and
//! rows. What the checker compares the history with.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fault::Side;
use crate::history::Seen;

/// The whole system at rest.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rest {
    /// By the names of message servers.
    pub(crate) message_servers: BTreeMap<String, MessageServer>,
    /// The accepted events of each registration server, in order.
    pub(crate) events: BTreeMap<String, Vec<AccountEvent>>,
    /// The root of each block that the stream still holds, by its sequence.
    pub(crate) roots: BTreeMap<u64, String>,
    /// Whether a password opens an account.
    pub(crate) log_ins: BTreeMap<(String, String), bool>,
    /// How long after the last heal all message servers' rows were equal.
    pub(crate) messages_equal: Option<Duration>,
    /// The same of registration servers.
    pub(crate) accounts_equal: Option<Duration>,
    /// A server's database was set back, and with it what it had queued alone.
    pub(crate) wiped: bool,
    /// Workers that were on a side without a quorum, and when.
    pub(crate) sides: Vec<Side>,
    /// What the system had not shown when its time was up, though it was asked
    /// again and again: what was acknowledged there is out of reach for good, as
    /// far as anybody can tell.
    pub(crate) unreachable: Vec<String>,
    /// What the harness could not read: then the run proves nothing.
    pub(crate) incomplete: Vec<String>,
}

/// What one message server holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct MessageServer {
    /// Each account's inbox as it answers it.
    pub(crate) inboxes: BTreeMap<String, Vec<Seen>>,
    /// Its rows of tasks, by position.
    pub(crate) tasks: Vec<TaskRow>,
    /// Its rows of changes, by position.
    pub(crate) changes: Vec<ChangeRow>,
}

/// A row of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskRow {
    pub(crate) payload: String,
    pub(crate) sender: String,
    pub(crate) number: u64,
    pub(crate) position: u64,
    pub(crate) epoch: u64,
    pub(crate) hash: String,
}

/// A row of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChangeRow {
    pub(crate) id: String,
    /// The task's payload.
    pub(crate) task: String,
    pub(crate) account: String,
    pub(crate) what: String,
    pub(crate) number: u64,
    pub(crate) position: u64,
    pub(crate) epoch: u64,
    pub(crate) hash: String,
}

/// What a row of a task or a change says about its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) account: &'a str,
    pub(crate) number: u64,
    pub(crate) position: u64,
    pub(crate) epoch: u64,
}

impl MessageServer {
    /// The places of all tasks and changes, by position: an account numbers both in one row.
    pub(crate) fn places(&self) -> Vec<Place<'_>> {
        let tasks = self.tasks.iter().map(|row| Place {
            account: &row.sender,
            number: row.number,
            position: row.position,
            epoch: row.epoch,
        });
        let changes = self.changes.iter().map(|row| Place {
            account: &row.account,
            number: row.number,
            position: row.position,
            epoch: row.epoch,
        });
        let mut places: Vec<_> = tasks.chain(changes).collect();
        places.sort_by_key(|place| place.position);
        places
    }
}

/// An entry of the accounts log that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountEvent {
    pub(crate) position: u64,
    pub(crate) epoch: u64,
    /// The server that became primary by it, if that is what it does.
    pub(crate) primary: Option<String>,
    /// The account that it creates, if that is what it does.
    pub(crate) created: Option<String>,
}
