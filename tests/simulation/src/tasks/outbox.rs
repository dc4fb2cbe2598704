//! The outbox's table (`store/outbox.rs`).

use std::collections::BTreeMap;

use bytes::Bytes;
use yoshi_protocol::{AccountName, ErrorCode, TaskId};

/// A task that waits, or was refused on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The task.
    pub(crate) task: TaskId,
    /// Whose.
    pub(crate) account: AccountName,
    /// Its bytes.
    pub(crate) content: Bytes,
    /// Why it waits no more, though it never went in.
    refused: Option<ErrorCode>,
    /// With a planted mistake: it has left, and only the process knows.
    has_left: bool,
}

/// What a transaction does to the table.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    /// A task goes in, behind all others.
    Put {
        /// Whose.
        account: AccountName,
        /// Which.
        task: TaskId,
        /// Its bytes.
        content: Bytes,
    },
    /// A task leaves: it is accounted for.
    Remove(u64),
    /// The same, and nothing is written, as a planted mistake has it.
    Forget(u64),
    /// A refusal is kept in the place of the task's turn.
    Refuse(u64, ErrorCode),
}

/// The table, by place.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    places: BTreeMap<u64, Waiting>,
    last: u64,
}

impl Outbox {
    /// The place and row of a task.
    #[must_use]
    pub(crate) fn find(&self, task: TaskId) -> Option<(u64, &Waiting)> {
        let mut found = self.places.iter().filter(|(_, row)| row.task == task);
        found.next().map(|(place, row)| (*place, row))
    }

    /// Every task that waits, in order.
    pub(crate) fn waiting(&self) -> impl DoubleEndedIterator<Item = (u64, &Waiting)> {
        let waits = |row: &Waiting| row.refused.is_none() && !row.has_left;
        self.places
            .iter()
            .map(|(place, row)| (*place, row))
            .filter(move |(_, row)| waits(row))
    }

    /// The account's task that goes next.
    #[must_use]
    pub(crate) fn next(
        &self,
        account: &AccountName,
        newest_first: bool,
    ) -> Option<(u64, &Waiting)> {
        let mut own = self.waiting().filter(|(_, row)| row.account == *account);
        if newest_first {
            own.next_back()
        } else {
            own.next()
        }
    }

    pub(super) fn write(&mut self, write: Write) {
        match write {
            Write::Put {
                account,
                task,
                content,
            } => {
                // One that was refused before is given another chance.
                if let Some((place, _)) = self.find(task) {
                    self.places.remove(&place);
                }
                self.last += 1;
                let row = Waiting {
                    task,
                    account,
                    content,
                    refused: None,
                    has_left: false,
                };
                self.places.insert(self.last, row);
            }
            Write::Remove(place) => {
                self.places.remove(&place);
            }
            Write::Forget(place) => {
                if let Some(row) = self.places.get_mut(&place) {
                    row.has_left = true;
                }
            }
            Write::Refuse(place, code) => {
                if let Some(row) = self.places.get_mut(&place) {
                    row.refused = Some(code);
                }
            }
        }
    }

    /// What only the process knew is gone.
    pub(super) fn restarted(&mut self) {
        self.places
            .values_mut()
            .for_each(|row| row.has_left = false);
    }
}

impl Waiting {
    /// Whether it still waits.
    #[must_use]
    pub(crate) fn waits(&self) -> bool {
        self.refused.is_none() && !self.has_left
    }
}
