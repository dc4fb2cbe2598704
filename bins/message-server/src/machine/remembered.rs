//! The accounts that the last batches touched, as they were written: a batch
//! that only sends tasks from such accounts needs nothing read.

use std::collections::{BTreeMap, HashMap, HashSet};

use yoshi_protocol::{AccountName, Epoch, TaskId};

use super::Decoded;
use crate::rules::{Account, SendEntry, WorkingSet};

/// Accounts that are kept, and tasks; beyond that all are forgotten, and read again.
const KEPT_MAX: usize = 16_384;

/// Accounts as the connection that applies the log last wrote them. Nobody else
/// writes them.
#[derive(Debug, Default)]
pub struct Remembered {
    accounts: HashMap<AccountName, Account>,
    /// Tasks that the last batches sent, or repeated: whoever sends one again makes
    /// a batch be read, instead of one that fails first.
    tasks: HashSet<TaskId>,
}

impl Remembered {
    /// Whether the outcome of each entry follows from what is kept, if no task
    /// of the batch was sent before; if one was, writing it a second time breaks
    /// the key of its table.
    ///
    /// A stale entry is not among them: whether it repeats a task that was
    /// accepted, only the tasks tell. Nor are changes.
    pub(super) fn is_enough_for(&self, batch: &[Decoded]) -> bool {
        let mut epochs: HashMap<&AccountName, Epoch> = HashMap::new();
        let mut ids = HashSet::new();
        batch.iter().all(|entry| {
            let Decoded::Send(SendEntry {
                account,
                epoch,
                task,
                ..
            }) = entry
            else {
                return false;
            };
            let Some(known) = self.accounts.get(account) else {
                return false;
            };
            let least = epochs.insert(account, *epoch).unwrap_or(known.epoch);
            *epoch >= least && !self.tasks.contains(&task.id) && ids.insert(task.id)
        })
    }

    /// What is kept of the accounts of the batch.
    pub(super) fn working_set(&self, batch: &[Decoded]) -> WorkingSet {
        let accounts = batch.iter().filter_map(Decoded::account);
        let known = accounts.filter_map(|name| Some((name.clone(), *self.accounts.get(name)?)));
        WorkingSet::new(known.collect(), HashMap::new())
    }

    /// Keeps accounts as a batch writes them, and the tasks that it is about.
    pub(super) fn keep(&mut self, accounts: &BTreeMap<AccountName, Account>, tasks: &[TaskId]) {
        if self.tasks.len() + tasks.len() > KEPT_MAX {
            self.tasks.clear();
        }
        self.tasks.extend(tasks.iter().take(KEPT_MAX));
        if self.accounts.len() + accounts.len() > KEPT_MAX {
            self.accounts.clear();
        }
        let kept = accounts
            .iter()
            .map(|(name, account)| (name.clone(), *account));
        self.accounts.extend(kept.take(KEPT_MAX));
    }
}

#[cfg(test)]
mod tests;
