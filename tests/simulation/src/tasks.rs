//! The rows of a message server, as its Postgres schema has them, under the
//! real rules.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use message_server::rules::{
    Account, Changes, Earlier, Outcome, Proof, Send, SendEntry, WorkingSet,
};
use yoshi_protocol::{AccountName, Epoch, Position, TaskId};

use crate::bug::Bug;
use crate::disk::Rows;
use crate::message::{Decoded, relogged};

/// Entries of one page; small, so that filling takes several.
const PAGE_ENTRIES: usize = 8;

/// Accounts, tasks and asks.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// Accounts by name.
    pub(crate) accounts: BTreeMap<AccountName, Account>,
    /// Tasks by their place in the log.
    pub(crate) sends: BTreeMap<Position, Send>,
    ids: BTreeMap<TaskId, Position>,
    /// What each account is asked.
    pub(crate) inbox: BTreeMap<AccountName, BTreeMap<Position, TaskId>>,
}

/// What a transaction writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    accounts: Vec<(AccountName, Account)>,
    sends: Vec<Send>,
    asks: Vec<(AccountName, Position, TaskId)>,
}

impl Tasks {
    /// How many of a task's recipients see it here.
    #[must_use]
    pub(crate) fn asked(&self, send: &Send) -> usize {
        let sees = |name: &&AccountName| {
            self.inbox
                .get(*name)
                .is_some_and(|asks| asks.contains_key(&send.position))
        };
        send.recipients.iter().filter(sees).count()
    }

    fn working_set(&self, entries: &[SendEntry]) -> WorkingSet {
        let accounts = entries.iter().filter_map(|entry| {
            let account = self.accounts.get(&entry.account)?;
            Some((entry.account.clone(), *account))
        });
        let earlier = entries.iter().filter_map(|entry| {
            let send = &self.sends[self.ids.get(&entry.task.id)?];
            Some((entry.task.id, earlier(send)))
        });
        let accounts: HashMap<_, _> = accounts.collect();
        WorkingSet::new(accounts, earlier.collect())
    }
}

fn earlier(send: &Send) -> Earlier {
    Earlier {
        sender: send.sender.clone(),
        content: send.content.clone(),
        proof: Proof {
            number: send.number,
            position: send.position,
            hash: send.hash,
        },
    }
}

impl Rows for Tasks {
    type Outcome = Outcome;
    type Change = Change;

    fn decide(&self, entries: &[(Position, Decoded)], bug: Option<Bug>) -> (Vec<Outcome>, Change) {
        let task = |decoded: &Decoded| match decoded {
            Decoded::Task(task) => task.as_deref().cloned(),
            Decoded::Account(_) => None,
        };
        let mut tasks: Vec<_> = entries.iter().map(|(_, decoded)| task(decoded)).collect();
        if bug == Some(Bug::NoEpochCheck) {
            for entry in tasks.iter_mut().flatten() {
                entry.epoch = Epoch(1 << 60);
            }
        }
        let readable: Vec<_> = tasks.iter().flatten().cloned().collect();
        let mut set = self.working_set(&readable);
        let outcomes = tasks.into_iter().map(|entry| set.apply(entry)).collect();
        (outcomes, change(set.into_changes()))
    }

    fn write(&mut self, change: Change) {
        self.accounts.extend(change.accounts);
        for send in change.sends {
            self.ids.insert(send.id, send.position);
            self.sends.insert(send.position, send);
        }
        for (recipient, position, id) in change.asks {
            self.inbox
                .entry(recipient)
                .or_default()
                .insert(position, id);
        }
    }

    fn pieces(change: Change) -> Vec<Change> {
        let asks = change.asks.iter().cloned();
        let asks = asks.map(|ask| Change {
            asks: vec![ask],
            ..Change::default()
        });
        let rest = Change {
            asks: Vec::new(),
            ..change.clone()
        };
        std::iter::once(rest).chain(asks).collect()
    }

    fn page(&self, since: Position) -> (Vec<(Position, Decoded)>, bool) {
        let after = (std::ops::Bound::Excluded(since), std::ops::Bound::Unbounded);
        let sends = self.sends.range(after).take(PAGE_ENTRIES);
        let entries: Vec<_> = sends
            .map(|(position, send)| (*position, Decoded::Task(Some(Rc::new(relogged(send))))))
            .collect();
        let full = entries.len() == PAGE_ENTRIES;
        (entries, full)
    }

    fn restarted(&mut self, bug: Option<Bug>) {
        if bug == Some(Bug::EpochInMemory) {
            self.accounts
                .values_mut()
                .for_each(|account| account.epoch = Epoch(0));
        }
        if bug == Some(Bug::DedupeInMemory) {
            self.ids.clear();
        }
    }
}

fn change(changes: Changes) -> Change {
    let asks = changes.sends.iter().flat_map(|send| {
        let recipients = send.recipients.iter().cloned();
        recipients.map(|recipient| (recipient, send.position, send.id))
    });
    Change {
        asks: asks.collect(),
        accounts: changes.accounts.into_iter().collect(),
        sends: changes.sends,
    }
}
