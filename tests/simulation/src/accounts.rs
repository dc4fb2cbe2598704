//! The rows of a registration server, under the real rules.

use std::collections::BTreeMap;

use registration_server::rules::{self, Account, Done, Entry, Outcome, Primary, WorkingSet};
use uuid::Uuid;
use yoshi_protocol::message::log::{AccountEntry, AccountOp};
use yoshi_protocol::{AccountName, Position};

use crate::bug::Bug;
use crate::disk::Rows;
use crate::message::Decoded;

const PAGE_ENTRIES: usize = 8;

/// Accounts, and every operation that had an effect.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// The latest primary.
    pub(crate) primary: Primary,
    /// Accounts by name.
    pub(crate) accounts: BTreeMap<AccountName, Account>,
    /// Entries that had an effect, by their place.
    pub(crate) log: BTreeMap<Position, AccountEntry>,
    done: BTreeMap<Uuid, Position>,
}

/// What a transaction writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    primary: Option<Primary>,
    accounts: Vec<(AccountName, Account)>,
    log: Vec<(Position, AccountEntry)>,
}

/// An entry as the rules see it.
fn read(entry: &AccountEntry) -> Entry {
    let entry = entry.clone().try_into();
    entry.expect("nobody here makes a broken one")
}

impl Accounts {
    /// Whether an operation was applied.
    #[must_use]
    pub(crate) fn is_done(&self, id: Uuid) -> bool {
        self.done.contains_key(&id)
    }

    fn working_set(&self, entries: &[(Position, Option<AccountEntry>)]) -> WorkingSet {
        let mut set = WorkingSet::new(self.primary);
        for entry in entries.iter().filter_map(|(_, entry)| entry.as_ref()) {
            let entry = read(entry);
            if let Some(name) = entry.operation.account()
                && let Some(account) = self.accounts.get(name)
            {
                set.load_account(name.clone(), account.clone());
            }
            if let Some(position) = self.done.get(&entry.id) {
                let operation = read(&self.log[position]).operation;
                set.load_done(
                    entry.id,
                    Done {
                        position: *position,
                        operation,
                    },
                );
            }
        }
        set
    }
}

impl Rows for Accounts {
    type Outcome = Outcome;
    type Change = Change;

    fn decide(&self, entries: &[(Position, Decoded)], bug: Option<Bug>) -> (Vec<Outcome>, Change) {
        let entries = of_accounts(entries);
        let mut set = self.working_set(&entries);
        let mut outcomes = Vec::new();
        for (position, entry) in &entries {
            let mut taken = entry.clone();
            if let Some(taken) = &mut taken
                && bug == Some(Bug::AnyPrimaryWrites)
                && !matches!(taken.op, AccountOp::Primary(_))
            {
                taken.epoch = set.primary().epoch;
            }
            let taken = taken.as_ref().map(read);
            outcomes.push(rules::apply(&mut set, *position, taken.as_ref()));
        }
        let recorded = set.recorded().iter().map(|(position, _)| *position);
        let entry = |position: Position| {
            let found = entries.iter().find(|(at, _)| *at == position);
            (
                position,
                found
                    .and_then(|(_, entry)| entry.clone())
                    .expect("it had an effect"),
            )
        };
        let changed = set.created_accounts().chain(set.changed_accounts());
        let change = Change {
            primary: set.changed_primary(),
            accounts: changed
                .map(|(name, account)| (name.clone(), account.clone()))
                .collect(),
            log: recorded.map(entry).collect(),
        };
        (outcomes, change)
    }

    fn recall(&self, entries: &[(Position, Decoded)]) -> Vec<Option<Outcome>> {
        let entries = of_accounts(entries);
        let set = self.working_set(&entries);
        let outcomes = entries.iter().map(|(position, entry)| {
            let entry = entry.as_ref().map(read);
            rules::recall(&set, *position, entry.as_ref())
        });
        outcomes.collect()
    }

    fn write(&mut self, change: Change) {
        self.primary = change.primary.unwrap_or(self.primary);
        self.accounts.extend(change.accounts);
        for (position, entry) in change.log {
            self.done.insert(entry.id, position);
            self.log.insert(position, entry);
        }
    }

    fn page(&self, since: Position) -> (Vec<(Position, Decoded)>, bool) {
        let after = (std::ops::Bound::Excluded(since), std::ops::Bound::Unbounded);
        let page = self.log.range(after).take(PAGE_ENTRIES);
        let entries: Vec<_> = page
            .map(|(position, entry)| (*position, Decoded::Account(Some(entry.clone()))))
            .collect();
        let full = entries.len() == PAGE_ENTRIES;
        (entries, full)
    }

    fn restarted(&mut self, _bug: Option<Bug>) {}
}

/// The entries as this log's.
fn of_accounts(entries: &[(Position, Decoded)]) -> Vec<(Position, Option<AccountEntry>)> {
    let account = |decoded: &Decoded| match decoded {
        Decoded::Account(entry) => entry.clone(),
        Decoded::Task(_) => None,
    };
    entries
        .iter()
        .map(|(position, decoded)| (*position, account(decoded)))
        .collect()
}
