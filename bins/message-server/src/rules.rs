//! The rules of the tasks log: what an entry does, decided from the entry and
//! the accounts and tasks that it touches. Pure and deterministic: every
//! message server runs them over the same entries and comes to the same rows.

pub mod change;
mod changing;

pub use changing::{Change, ChangeEntry, Changing, EarlierChange};

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use yoshi_planted::Fault;
use yoshi_protocol::{AccountName, Epoch, ErrorCode, Millis, NewTask, Position, TaskId};

use change::{Refusal, Task};

/// A hash of the chain: SHA-256.
pub type Hash = [u8; 32];

/// An account as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The highest epoch that an accepted entry carried.
    pub epoch: Epoch,
    /// The number of its latest accepted entry; 0 before the first.
    pub number: u64,
    /// The head of its hash chain; zeros before the first entry.
    pub head: Hash,
    /// The position of its latest accepted entry; none before the first, or if
    /// an earlier release applied it.
    pub latest: Option<Position>,
}

const NEW_ACCOUNT: Account = Account {
    epoch: Epoch(0),
    number: 0,
    head: [0; 32],
    latest: None,
};

/// A send that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// The task.
    pub id: TaskId,
    /// Who sent it.
    pub sender: AccountName,
    /// The sender's number of it.
    pub number: u64,
    /// Its place in the log.
    pub position: Position,
    /// The epoch that it was accepted in.
    pub epoch: Epoch,
    /// The home's clock; shown only.
    pub sent_at: Millis,
    /// The head of the sender's chain after it.
    pub hash: Hash,
    /// The head of the sender's chain before it.
    pub previous: Hash,
    /// The encoded task.
    pub content: Bytes,
    /// Who is asked, in the task's order.
    pub recipients: Vec<AccountName>,
}

/// An entry of the log, decoded.
#[derive(Debug, Clone)]
pub struct SendEntry {
    /// Its place in the log.
    pub position: Position,
    /// The home's clock.
    pub at: Millis,
    /// The epoch in which the root was home.
    pub epoch: Epoch,
    /// Who sends.
    pub account: AccountName,
    /// The encoded task.
    pub content: Bytes,
    /// The same, decoded and checked.
    pub task: NewTask,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The task is sent: now, or by an earlier entry with the same id.
    Sent(Proof),
    /// The task is changed: now, or by an earlier entry with the same id.
    Changed {
        /// What the receipt says.
        proof: Proof,
        /// Whom it concerns: those who see the change.
        concerns: Vec<AccountName>,
    },
    /// Nothing happened, for a reason that the task's state gives.
    Refused(Refusal),
    /// Nothing happened.
    Rejected(ErrorCode),
}

/// What the sender's receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The sender's number of the task.
    pub number: u64,
    /// Its place in the log.
    pub position: Position,
    /// The head of the sender's chain after it.
    pub hash: Hash,
}

/// What the entries of a batch touch, as it stands while they are applied.
#[derive(Debug, Default)]
pub struct WorkingSet {
    accounts: HashMap<AccountName, Account>,
    /// Earlier sends with the ids of this batch.
    earlier: HashMap<TaskId, Earlier>,
    changed: BTreeMap<AccountName, Account>,
    sends: Vec<Send>,
    changing: Changing,
}

/// An earlier send: enough to answer its repetition.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// Who sent it.
    pub sender: AccountName,
    /// The encoded task.
    pub content: Bytes,
    /// What its receipt says.
    pub proof: Proof,
}

/// What a batch writes.
#[derive(Debug)]
pub struct Changes {
    /// Every account that changed, as it now stands, by name.
    pub accounts: BTreeMap<AccountName, Account>,
    /// In the order of the log.
    pub sends: Vec<Send>,
    /// In the order of the log.
    pub changes: Vec<Change>,
    /// Every task that was changed, as it now stands, by id.
    pub tasks: Vec<Task>,
}

impl WorkingSet {
    /// A working set of what the database holds.
    #[must_use]
    pub fn new(accounts: HashMap<AccountName, Account>, earlier: HashMap<TaskId, Earlier>) -> Self {
        Self {
            accounts,
            earlier,
            changed: BTreeMap::new(),
            sends: Vec::new(),
            changing: Changing::default(),
        }
    }

    /// Applies one entry; none is one that could not be read.
    pub fn apply(&mut self, entry: Option<SendEntry>) -> Outcome {
        let Some(entry) = entry else {
            return Outcome::Rejected(ErrorCode::Malformed);
        };
        // A repetition is answered first: its receipt stands whatever the epoch.
        if let Some(earlier) = self.earlier.get(&entry.task.id) {
            let same = earlier.sender == entry.account && earlier.content == entry.content;
            return if same {
                Outcome::Sent(earlier.proof)
            } else {
                Outcome::Rejected(ErrorCode::IdReused)
            };
        }
        match self.account(&entry.account, entry.epoch) {
            Some(account) => self.accept(account, entry),
            None => Outcome::Rejected(ErrorCode::StaleEpoch),
        }
    }

    /// What the applied entries come to.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        let (changes, tasks) = self.changing.into_changes();
        Changes {
            accounts: self.changed,
            sends: self.sends,
            changes,
            tasks,
        }
    }

    /// The account, if an entry of this epoch may act for it.
    fn account(&self, name: &AccountName, epoch: Epoch) -> Option<Account> {
        let account = self.accounts.get(name).copied().unwrap_or(NEW_ACCOUNT);
        (epoch >= account.epoch || yoshi_planted::is(Fault::NoEpochCheck)).then_some(account)
    }

    /// The account's next entry.
    fn number(
        &mut self,
        name: &AccountName,
        account: Account,
        epoch: Epoch,
        position: Position,
        content: &[u8],
    ) -> Proof {
        let number = match yoshi_planted::is(Fault::NumberInMemory) {
            true => yoshi_planted::next_in_memory(name.as_str()),
            false => account.number + 1,
        };
        let head = chain(&account.head, number, content);
        let is_stored = !yoshi_planted::is(Fault::EpochNotStored);
        let next = Account {
            epoch: if is_stored { epoch } else { account.epoch },
            number,
            head,
            latest: Some(position),
        };
        self.accounts.insert(name.clone(), next);
        self.changed.insert(name.clone(), next);
        Proof {
            number,
            position,
            hash: head,
        }
    }

    fn accept(&mut self, account: Account, mut entry: SendEntry) -> Outcome {
        if yoshi_planted::is(Fault::FirstRecipientOnly) {
            entry.task.recipients.truncate(1);
        }
        let proof = self.number(
            &entry.account,
            account,
            entry.epoch,
            entry.position,
            &entry.content,
        );
        let earlier = Earlier {
            sender: entry.account.clone(),
            content: entry.content.clone(),
            proof,
        };
        self.earlier.insert(entry.task.id, earlier);
        self.sends.push(Send {
            id: entry.task.id,
            sender: entry.account,
            number: proof.number,
            position: entry.position,
            epoch: entry.epoch,
            sent_at: entry.at,
            hash: proof.hash,
            previous: account.head,
            content: entry.content,
            recipients: entry.task.recipients,
        });
        Outcome::Sent(proof)
    }
}

/// The next head of an account's hash chain: SHA-256 over the previous head,
/// the number in eight bytes, most significant first, and the encoded task.
#[must_use]
pub fn chain(previous: &Hash, number: u64, content: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update(number.to_be_bytes());
    hasher.update(content);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
