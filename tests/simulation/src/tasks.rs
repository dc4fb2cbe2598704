//! The rows of a message server, as its Postgres schema has them, under the
//! real rules.

pub(crate) mod outbox;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::rc::Rc;

use message_server::machine::Decoded as Entry;
use message_server::rules::change::{Status, Task};
use message_server::rules::{
    self, Account, Changing, Earlier, EarlierChange, Outcome, Proof, Send, WorkingSet,
};
use yoshi_protocol::{AccountName, ChangeId, Epoch, Position, TaskId};

use crate::bug::Bug;
use crate::disk::Rows;
use crate::message::{Decoded, changed_again, relogged};
use outbox::Outbox;

/// Entries of one page; small, so that filling takes several.
const PAGE_ENTRIES: usize = 8;

/// A task as it stands, with what follows from that and is stored beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskRow {
    /// The task.
    pub(crate) task: Task,
    /// How it stands as a whole.
    pub(crate) status: Status,
    /// Whether its sender must do something.
    pub(crate) needs_sender: bool,
}

/// Accounts, tasks, asks and changes.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// Accounts by name.
    pub(crate) accounts: BTreeMap<AccountName, Account>,
    /// Tasks by their place in the log.
    pub(crate) sends: BTreeMap<Position, Send>,
    /// Changes by their place in the log.
    pub(crate) changes: BTreeMap<Position, rules::Change>,
    /// Tasks as they stand.
    pub(crate) tasks: BTreeMap<TaskId, TaskRow>,
    ids: BTreeMap<TaskId, Position>,
    change_ids: BTreeMap<ChangeId, Position>,
    /// What each account is asked, by the place of the send.
    pub(crate) inbox: BTreeMap<AccountName, BTreeMap<Position, TaskId>>,
    /// What each account sent or is asked, by its latest change for that account.
    pub(crate) lists: BTreeMap<AccountName, BTreeMap<Position, TaskId>>,
    /// Tasks that were taken without the log.
    pub(crate) outbox: Outbox,
}

/// What a transaction writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change {
    accounts: Vec<(AccountName, Account)>,
    sends: Vec<Send>,
    asks: Vec<(AccountName, Position, TaskId)>,
    changes: Vec<rules::Change>,
    tasks: Vec<Task>,
    /// A planted mistake: what a step was before stays when the step is taken back.
    keeps_before: bool,
    outbox: Vec<outbox::Write>,
}

impl Change {
    /// A change of the outbox alone.
    #[must_use]
    pub(crate) fn of_outbox(write: outbox::Write) -> Self {
        Self {
            outbox: vec![write],
            ..Self::default()
        }
    }
}

impl Tasks {
    /// A task that was sent.
    #[must_use]
    pub(crate) fn send(&self, id: TaskId) -> Option<&Send> {
        self.sends.get(self.ids.get(&id)?)
    }

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

    /// What an account sent or is asked, and that changed for it after a position.
    pub(crate) fn list(
        &self,
        account: &AccountName,
        since: Position,
    ) -> impl Iterator<Item = (Position, TaskId)> {
        let after = (Bound::Excluded(since), Bound::Unbounded);
        let list = self.lists.get(account).into_iter();
        list.flat_map(move |list| list.range(after))
            .map(|(position, id)| (*position, *id))
    }

    fn working_set(&self, entries: &[Option<Rc<Entry>>]) -> WorkingSet {
        let mut accounts = HashMap::new();
        let mut earlier = HashMap::new();
        let mut changing = Changing::default();
        for entry in entries.iter().flatten() {
            let account = match &**entry {
                Entry::Send(entry) => {
                    let known = self.send(entry.task.id);
                    earlier.extend(known.map(|send| (entry.task.id, earlier_send(send))));
                    &entry.account
                }
                Entry::Change(entry) => {
                    let known = self.change_ids.get(&entry.change.id);
                    let known = known.map(|position| earlier_change(&self.changes[position]));
                    let id = entry.change.id;
                    changing.earlier.extend(known.map(|known| (id, known)));
                    let id = entry.change.task;
                    let row = self.tasks.get(&id).map(|row| (id, row.task.clone()));
                    changing.tasks.extend(row);
                    &entry.account
                }
                Entry::Unreadable => continue,
            };
            let known = self.accounts.get(account);
            accounts.extend(known.map(|known| (account.clone(), *known)));
        }
        WorkingSet::new(accounts, earlier).changing(changing)
    }

    /// Moves a task in the lists of those whom it concerns.
    fn relist(&mut self, old: Option<&Task>, new: &Task) {
        let recipients = new.asks.iter().map(|ask| &ask.recipient);
        for account in recipients.chain([&new.sender]) {
            let list = self.lists.entry(account.clone()).or_default();
            if let Some(old) = old {
                list.remove(&seen_at(old, account));
            }
            list.insert(seen_at(new, account), new.id);
        }
    }

    fn write_task(&mut self, mut task: Task, keeps_before: bool) {
        let old = self.tasks.remove(&task.id).map(|row| row.task);
        if keeps_before && let Some(old) = &old {
            for (ask, old) in task.asks.iter_mut().zip(&old.asks) {
                ask.before = ask.before.take().or_else(|| old.before.clone());
            }
        }
        self.relist(old.as_ref(), &task);
        let row = TaskRow {
            status: task.status(),
            needs_sender: task.needs_sender(),
            task,
        };
        self.tasks.insert(row.task.id, row);
    }
}

/// The position of the latest change of a task that an account sees.
fn seen_at(task: &Task, account: &AccountName) -> Position {
    let ask = task.asks.iter().find(|ask| ask.recipient == *account);
    match ask {
        Some(ask) if task.sender != *account => ask.changed,
        Some(_) | None => task.changed,
    }
}

fn earlier_send(send: &Send) -> Earlier {
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

fn earlier_change(change: &rules::Change) -> EarlierChange {
    EarlierChange {
        account: change.account.clone(),
        task: change.task,
        content: change.content.clone(),
        proof: Proof {
            number: change.number,
            position: change.position,
            hash: change.hash,
        },
    }
}

/// A task right after its send, as `store/apply.rs` writes its rows.
pub(crate) fn sent(send: &Send) -> Task {
    Task::sent(send).expect("it was applied")
}

fn entry(decoded: &Decoded, bug: Option<Bug>) -> Option<Rc<Entry>> {
    let Decoded::Task(entry) = decoded else {
        return None;
    };
    if bug != Some(Bug::NoEpochCheck) {
        return Some(Rc::clone(entry));
    }
    let epoch = Epoch(1 << 60);
    Some(Rc::new(match &**entry {
        Entry::Send(entry) => Entry::Send(rules::SendEntry {
            epoch,
            ..entry.clone()
        }),
        Entry::Change(entry) => Entry::Change(rules::ChangeEntry {
            epoch,
            ..entry.clone()
        }),
        Entry::Unreadable => Entry::Unreadable,
    }))
}

impl Rows for Tasks {
    type Outcome = Outcome;
    type Change = Change;

    fn decide(&self, entries: &[(Position, Decoded)], bug: Option<Bug>) -> (Vec<Outcome>, Change) {
        let entries: Vec<_> = entries
            .iter()
            .map(|(_, decoded)| entry(decoded, bug))
            .collect();
        let mut set = self.working_set(&entries);
        let outcomes = entries.iter().map(|entry| match entry.as_deref() {
            Some(Entry::Send(entry)) => set.apply(Some(entry.clone())),
            Some(Entry::Change(entry)) => set.apply_change(entry.clone()),
            Some(Entry::Unreadable) | None => set.apply(None),
        });
        let outcomes = outcomes.collect();
        let changes = set.into_changes();
        let asks = changes.sends.iter().flat_map(|send| {
            let recipients = send.recipients.iter().cloned();
            recipients.map(|recipient| (recipient, send.position, send.id))
        });
        let change = Change {
            asks: asks.collect(),
            accounts: changes.accounts.into_iter().collect(),
            sends: changes.sends,
            changes: changes.changes,
            tasks: changes.tasks,
            keeps_before: bug == Some(Bug::UndoTwice),
            outbox: Vec::new(),
        };
        (outcomes, change)
    }

    fn recall(&self, entries: &[(Position, Decoded)]) -> Vec<Option<Outcome>> {
        let entries: Vec<_> = entries
            .iter()
            .map(|(_, decoded)| entry(decoded, None))
            .collect();
        let mut set = self.working_set(&entries);
        let outcomes = entries.iter().map(|entry| match entry.as_deref() {
            Some(Entry::Send(entry)) => Some(set.apply(Some(entry.clone()))),
            Some(Entry::Change(entry)) => set.recall_change(entry),
            Some(Entry::Unreadable) | None => Some(set.apply(None)),
        });
        outcomes.collect()
    }

    fn write(&mut self, change: Change) {
        self.accounts.extend(change.accounts);
        for send in change.sends {
            self.ids.insert(send.id, send.position);
            self.write_task(sent(&send), false);
            self.sends.insert(send.position, send);
        }
        for (recipient, position, id) in change.asks {
            self.inbox
                .entry(recipient)
                .or_default()
                .insert(position, id);
        }
        for change in change.changes {
            self.change_ids.insert(change.id, change.position);
            self.changes.insert(change.position, change);
        }
        for task in change.tasks {
            self.write_task(task, change.keeps_before);
        }
        for write in change.outbox {
            self.outbox.write(write);
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
        let after = (Bound::Excluded(since), Bound::Unbounded);
        let sends = self.sends.range(after).take(PAGE_ENTRIES);
        let sends = sends.map(|(position, send)| (*position, Entry::Send(relogged(send))));
        let changes = self.changes.range(after).take(PAGE_ENTRIES);
        let changes =
            changes.map(|(position, change)| (*position, Entry::Change(changed_again(change))));
        let mut entries: Vec<_> = sends.chain(changes).collect();
        entries.sort_unstable_by_key(|(position, _)| *position);
        entries.truncate(PAGE_ENTRIES);
        let full = entries.len() == PAGE_ENTRIES;
        let entries = entries
            .into_iter()
            .map(|(position, entry)| (position, Decoded::Task(Rc::new(entry))));
        (entries.collect(), full)
    }

    fn restarted(&mut self, bug: Option<Bug>) {
        match bug {
            Some(Bug::EpochInMemory) => {
                let accounts = self.accounts.values_mut();
                accounts.for_each(|account| account.epoch = Epoch(0));
            }
            Some(Bug::DedupeInMemory) => self.ids.clear(),
            Some(Bug::ChangeDedupeInMemory) => self.change_ids.clear(),
            Some(Bug::OutboxSentTwice) => self.outbox.restarted(),
            _ => {}
        }
    }
}
