//! What clients saw, written down as it happened, and what is wrong with it.
//! It knows nothing of how the servers work.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use message_server::rules::Proof;
use yoshi_protocol::{AccountName, ChangeId, ErrorCode, Position, ServerId, TaskChange, TaskId};

use crate::clock::Micros;
use crate::message::{Answer, Shown};

/// What an account wanted done, by the id that it gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Item {
    /// A task is sent.
    Task(TaskId),
    /// A task is changed.
    Change(ChangeId),
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    /// Whose.
    pub(crate) account: AccountName,
    /// Which task it is about.
    pub(crate) task: TaskId,
    /// Of a change: what is done.
    pub(crate) change: Option<TaskChange>,
    /// Who must see it once it is done: of a task, the recipients.
    pub(crate) concerns: Vec<AccountName>,
    /// Its bytes.
    pub(crate) content: Bytes,
    /// When it was first asked for.
    pub(crate) invoked: Micros,
    /// When success was reported, and what was reported.
    pub(crate) done: Option<(Micros, Proof)>,
    /// It was refused for good.
    pub(crate) refused: Option<ErrorCode>,
    /// When it was reported to wait, and where.
    pub(crate) queued: Option<(Micros, ServerId)>,
    /// How often it was asked for.
    pub(crate) tries: u32,
}

impl Deed {
    /// A wish that was not asked for yet.
    #[must_use]
    pub(crate) fn new(
        account: &AccountName,
        task: TaskId,
        concerns: Vec<AccountName>,
        content: Bytes,
        invoked: Micros,
    ) -> Self {
        Self {
            account: account.clone(),
            task,
            change: None,
            concerns,
            content,
            invoked,
            done: None,
            refused: None,
            queued: None,
            tries: 0,
        }
    }
}

/// What an account's polls have shown.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// In order.
    pub(crate) shown: Vec<(Position, TaskId)>,
    /// How far.
    pub(crate) reached: Position,
    /// Each task as it was shown last: how often it was revised.
    pub(crate) tasks: BTreeMap<TaskId, u32>,
}

/// The history of a run.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Every task and change.
    pub(crate) deeds: BTreeMap<Item, Deed>,
    /// What each account's polls have shown.
    pub(crate) seen: BTreeMap<AccountName, Seen>,
    /// Servers whose disks were wiped.
    pub(crate) wiped: BTreeSet<ServerId>,
    /// Polls that were answered unmarked.
    pub(crate) polls: usize,
    /// What is wrong.
    pub(crate) violations: Vec<String>,
    /// Whether a poll by whoever and wherever must show what was acknowledged.
    pub(crate) fresh: bool,
}

impl History {
    /// Something is wrong.
    pub(crate) fn violated(&mut self, invariant: &str, what: String) {
        if self.violations.len() < 20 {
            self.violations.push(format!("{invariant}: {what}"));
        }
    }

    /// A task that was asked for.
    #[must_use]
    pub(crate) fn task(&self, id: TaskId) -> Option<&Deed> {
        self.deeds.get(&Item::Task(id))
    }

    /// A client was told that its task or change is accounted for.
    pub(crate) fn acknowledged(&mut self, item: Item, now: Micros, proof: Proof) {
        let Some(deed) = self.deeds.get_mut(&item) else {
            return;
        };
        match deed.done {
            None => deed.done = Some((now, proof)),
            Some((_, first)) if first != proof => {
                let what = format!("{item:?} has two receipts: {first:?} and {proof:?}");
                self.violated("I3", what);
            }
            Some(_) => {}
        }
    }

    /// A client was told that its task waits.
    pub(crate) fn queued(&mut self, item: Item, now: Micros, server: ServerId) {
        if let Some(deed) = self.deeds.get_mut(&item) {
            deed.queued.get_or_insert((now, server));
        }
    }

    /// An account polled after `since`, at `invoked`, and this came back.
    pub(crate) fn polled(
        &mut self,
        account: &AccountName,
        invoked: Micros,
        since: Position,
        answer: &Answer,
    ) {
        let Answer::Polled {
            tasks,
            cursor,
            behind,
            server,
            asks,
        } = answer
        else {
            return;
        };
        let positions = std::iter::once(since).chain(tasks.iter().map(|shown| shown.changed));
        let positions: Vec<_> = positions.collect();
        if !positions.is_sorted_by(|one, other| one < other)
            || *cursor < *positions.last().unwrap_or(&since)
        {
            self.violated(
                "I6",
                format!("{account} got {positions:?} up to {cursor} from server {server}"),
            );
        }
        for (id, asked, recipients) in asks {
            if asked != recipients {
                self.violated(
                    "I8",
                    format!("server {server} shows {id} to {asked} of {recipients}"),
                );
            }
        }
        if *behind || !self.fresh {
            return;
        }
        self.polls += 1;
        self.check_fresh(account, (invoked, since), tasks, *server);
    }

    /// I7: what was done before the poll was asked for is shown by it.
    fn check_fresh(
        &mut self,
        account: &AccountName,
        (invoked, since): (Micros, Position),
        tasks: &[Shown],
        server: usize,
    ) {
        let shown: BTreeMap<_, _> = tasks
            .iter()
            .map(|shown| (shown.id, shown.changed))
            .collect();
        let missing = self.deeds.iter().find(|(_, deed)| {
            let due = deed
                .done
                .filter(|(done, proof)| *done < invoked && proof.position > since);
            due.is_some_and(|(_, proof)| {
                let at = shown.get(&deed.task);
                deed.concerns.contains(account) && at.is_none_or(|at| *at < proof.position)
            })
        });
        if let Some((item, deed)) = missing {
            let what = format!(
                "server {server} did not show {item:?}, {:?}, to {account} at {invoked}",
                deed.done
            );
            self.violated("I7", what);
        }
    }

    /// The next poll of a client that keeps its cursor.
    pub(crate) fn continued(&mut self, account: &AccountName, answer: &Answer) {
        let Answer::Polled { tasks, cursor, .. } = answer else {
            return;
        };
        let seen = self.seen.entry(account.clone()).or_default();
        for shown in tasks {
            seen.shown.push((shown.changed, shown.id));
            seen.tasks.insert(shown.id, shown.revision);
        }
        seen.reached = *cursor;
    }

    /// Where an account's next poll goes on.
    #[must_use]
    pub(crate) fn cursor(&self, account: &AccountName) -> Position {
        self.seen
            .get(account)
            .map_or(Position::ZERO, |seen| seen.reached)
    }

    /// Tasks and changes whose success was reported.
    #[must_use]
    pub(crate) fn successes(&self) -> usize {
        self.count(|deed| deed.done.is_some())
    }

    /// How many of them are so.
    #[must_use]
    pub(crate) fn count(&self, so: impl Fn(&Deed) -> bool) -> usize {
        self.deeds.values().filter(|deed| so(deed)).count()
    }
}
