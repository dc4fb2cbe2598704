//! What one copy of a log holds and others do not: what is lost, if it is given up.

use std::collections::BTreeSet;

use serde::Deserialize;
use uuid::Uuid;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{AccountEntry, TaskEntry, TaskOp};
use yoshi_protocol::subject::Role;

use crate::output::count;

/// Entries of one copy that are counted at most; 16 bytes each are kept.
const COUNTED_MAX: usize = 1_000_000;

/// The entries of a part of a copy, by the ids that their clients gave them.
#[derive(Debug, Default)]
pub(super) struct Held {
    tasks: BTreeSet<Uuid>,
    changes: BTreeSet<Uuid>,
    accounts: BTreeSet<Uuid>,
}

/// What only one copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    tasks: usize,
    changes: usize,
    accounts: usize,
    /// There are more.
    at_least: bool,
}

/// The one key that tasks and changes share.
#[derive(Deserialize)]
struct Named {
    id: Uuid,
}

impl Held {
    /// Notes an entry of a log of this role.
    pub(super) fn note(&mut self, role: Role, entry: &[u8]) {
        let named = |bytes: &[u8]| cbor::decode::<Named>(bytes, Bound::TASK).ok();
        match role {
            Role::Ms => {
                match cbor::decode::<TaskEntry>(entry, Bound::ENTRY).map(|entry| entry.op) {
                    Ok(TaskOp::Send(task)) => self.tasks.extend(named(&task).map(|task| task.id)),
                    Ok(TaskOp::Change(change)) => {
                        self.changes.extend(named(&change).map(|change| change.id));
                    }
                    Err(_) => {}
                }
            }
            Role::Rs => {
                let entry = cbor::decode::<AccountEntry>(entry, Bound::ENTRY);
                self.accounts.extend(entry.map(|entry| entry.id));
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.tasks.len() + self.changes.len() + self.accounts.len() >= COUNTED_MAX
    }

    /// What of it is in none of the others: a client may have sent the same again.
    pub(super) fn beside(&self, others: &[&Self]) -> Lost {
        let only = |part: fn(&Self) -> &BTreeSet<Uuid>| {
            let ids = part(self).iter();
            let is_lost = |id: &&Uuid| !others.iter().any(|other| part(other).contains(id));
            ids.filter(is_lost).count()
        };
        Lost {
            tasks: only(|held| &held.tasks),
            changes: only(|held| &held.changes),
            accounts: only(|held| &held.accounts),
            at_least: self.is_full(),
        }
    }
}

impl Lost {
    /// For people.
    pub(super) fn words(self, role: Role) -> String {
        let counted = match role {
            Role::Ms => format!(
                "{} and {} of tasks",
                count(self.tasks, "task"),
                count(self.changes, "change")
            ),
            Role::Rs => format!("{} of accounts", count(self.accounts, "change")),
        };
        if self.at_least {
            format!("at least {counted}")
        } else {
            counted
        }
    }
}

#[cfg(test)]
mod tests {
    use yoshi_protocol::{AccountName, Epoch, Millis, NewTask};

    use super::*;

    fn send(task: &NewTask) -> Vec<u8> {
        let account = AccountName::new("ana").unwrap();
        let op = TaskOp::Send(cbor::encode(task).into());
        cbor::encode(&TaskEntry {
            at: Millis(7),
            op,
            epoch: Epoch(1),
            account,
        })
    }

    #[test]
    fn what_was_sent_again_elsewhere_is_not_lost() {
        let ben = || AccountName::new("ben").unwrap();
        let tasks: Vec<_> = (0..5)
            .map(|number| NewTask::new(number.to_string(), vec![ben()]))
            .collect();
        let held = |tasks: &[NewTask]| {
            let mut held = Held::default();
            for task in tasks {
                held.note(Role::Ms, &send(task));
            }
            held.note(Role::Ms, b"garbage");
            held
        };
        let (one, other) = (held(&tasks[..4]), held(&tasks[3..]));
        let lost = one.beside(&[&other]);
        assert_eq!(lost.words(Role::Ms), "3 tasks and 0 changes of tasks");
        assert_eq!(other.beside(&[&one]).tasks, 1);
    }
}
