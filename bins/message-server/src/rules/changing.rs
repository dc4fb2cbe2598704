//! Changes of tasks among the entries of a batch: numbered and chained with the
//! account's sends, once per id, and decided by the task's own rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use yoshi_protocol::{
    AccountName, ChangeId, Epoch, ErrorCode, Millis, Position, TaskChange, TaskId,
};

use super::change::{Ask, Content, Refusal, Step, Task};
use super::{Hash, Outcome, Proof, Send, WorkingSet};

/// An entry that changes a task, decoded.
#[derive(Debug, Clone)]
pub struct ChangeEntry {
    /// Its place in the log.
    pub position: Position,
    /// The home's clock.
    pub at: Millis,
    /// The epoch in which the root was home.
    pub epoch: Epoch,
    /// Who changes.
    pub account: AccountName,
    /// The encoded change.
    pub content: Bytes,
    /// The same, decoded and checked.
    pub change: TaskChange,
}

/// A change that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The change.
    pub id: ChangeId,
    /// The task.
    pub task: TaskId,
    /// Who changed it.
    pub account: AccountName,
    /// The account's number of it.
    pub number: u64,
    /// Its place in the log.
    pub position: Position,
    /// The epoch that it was accepted in.
    pub epoch: Epoch,
    /// The home's clock; shown only.
    pub at: Millis,
    /// The head of the account's chain after it.
    pub hash: Hash,
    /// The head of the account's chain before it.
    pub previous: Hash,
    /// Whether only the account itself sees it.
    pub private: bool,
    /// The encoded change.
    pub content: Bytes,
}

/// What the changes of a batch touch.
#[derive(Debug, Default)]
pub struct Changing {
    /// The tasks that are changed, as they stand.
    pub tasks: HashMap<TaskId, Task>,
    /// Earlier changes with the ids of this batch.
    pub earlier: HashMap<ChangeId, EarlierChange>,
    /// The tasks that were changed.
    touched: BTreeSet<TaskId>,
    changes: Vec<Change>,
}

/// An earlier change: enough to answer its repetition.
#[derive(Debug, Clone)]
pub struct EarlierChange {
    /// Who changed.
    pub account: AccountName,
    /// The task.
    pub task: TaskId,
    /// The encoded change.
    pub content: Bytes,
    /// What its receipt says.
    pub proof: Proof,
}

impl Changing {
    pub(super) fn into_changes(mut self) -> (Vec<Change>, Vec<Task>) {
        let touched = self.touched.iter();
        let tasks = touched.filter_map(|id| self.tasks.remove(id)).collect();
        (self.changes, tasks)
    }

    fn concerned(&self, id: TaskId, entry: &ChangeEntry) -> Vec<AccountName> {
        match self.tasks.get(&id) {
            Some(task) if !entry.change.verb.is_private() => {
                let asked = task.asks.iter().map(|ask| &ask.recipient);
                let all: BTreeSet<_> = asked.chain([&task.sender]).cloned().collect();
                all.into_iter().collect()
            }
            _ => vec![entry.account.clone()],
        }
    }
}

impl WorkingSet {
    /// The same, with what changes of tasks touch.
    #[must_use]
    pub fn changing(mut self, changing: Changing) -> Self {
        self.changing = changing;
        self
    }

    /// What became of a change that was applied before; none if it was not
    /// accepted: why it was refused is not kept.
    #[must_use]
    pub fn recall_change(&self, entry: &ChangeEntry) -> Option<Outcome> {
        self.repeated(entry)
    }

    /// Applies one change.
    pub fn apply_change(&mut self, entry: ChangeEntry) -> Outcome {
        if let Some(outcome) = self.repeated(&entry) {
            return outcome;
        }
        let Some(account) = self.account(&entry.account, entry.epoch) else {
            return Outcome::Rejected(ErrorCode::StaleEpoch);
        };
        let id = entry.change.task;
        let Some(task) = self.task(id) else {
            return Outcome::Refused(Refusal {
                code: ErrorCode::NotFound,
                why: "there is no such task among yours".to_owned(),
            });
        };
        let verb = &entry.change.verb;
        if let Err(refusal) = task.change(&entry.account, verb, entry.position) {
            return Outcome::Refused(refusal);
        }
        let ChangeEntry {
            epoch, position, ..
        } = entry;
        let proof = self.number(&entry.account, account, epoch, position, &entry.content);
        let concerns = self.changing.concerned(id, &entry);
        self.changing.touched.insert(id);
        let earlier = EarlierChange {
            account: entry.account.clone(),
            task: id,
            content: entry.content.clone(),
            proof,
        };
        self.changing.earlier.insert(entry.change.id, earlier);
        self.changing.changes.push(Change {
            id: entry.change.id,
            task: id,
            account: entry.account,
            number: proof.number,
            position,
            epoch,
            at: entry.at,
            hash: proof.hash,
            previous: account.head,
            private: entry.change.verb.is_private(),
            content: entry.content,
        });
        Outcome::Changed { proof, concerns }
    }

    /// The answer to a change whose id was used before.
    fn repeated(&self, entry: &ChangeEntry) -> Option<Outcome> {
        let earlier = self.changing.earlier.get(&entry.change.id)?;
        let same = earlier.account == entry.account && earlier.content == entry.content;
        Some(if same {
            Outcome::Changed {
                proof: earlier.proof,
                concerns: self.changing.concerned(earlier.task, entry),
            }
        } else {
            Outcome::Rejected(ErrorCode::IdReused)
        })
    }

    /// The task as it stands, also if this batch has sent it.
    fn task(&mut self, id: TaskId) -> Option<&mut Task> {
        if !self.changing.tasks.contains_key(&id) {
            let send = self.sends.iter().find(|send| send.id == id)?;
            self.changing.tasks.insert(id, Task::sent(send)?);
        }
        self.changing.tasks.get_mut(&id)
    }
}

impl Task {
    /// A task right after its send; none if its content cannot be read, which no
    /// accepted send's is.
    #[must_use]
    pub fn sent(send: &Send) -> Option<Self> {
        let content = Content::read(send.content.clone()).ok()?;
        let asks = send.recipients.iter().map(|recipient| Ask {
            recipient: recipient.clone(),
            step: Step::default(),
            before: None,
            changed: send.position,
        });
        Some(Self {
            id: send.id,
            sender: send.sender.clone(),
            content,
            revision: 0,
            withdrawn: false,
            comments: 0,
            reminders: 0,
            asks: asks.collect(),
            notes: BTreeMap::new(),
            public: send.position,
            actor: send.sender.clone(),
            changed: send.position,
        })
    }
}
