//! What the outbox holds of each account, and when each is due to be sent:
//! bookkeeping in memory. Pure: time is passed in.
//!
//! The rows in the database are the truth; this says without a query whether an
//! account has any, keeps the bounds, and hands out accounts one at a time. Where
//! a row may be, the account counts as having it until the database was asked: so
//! no later task of the account can overtake one that is answered *queued*.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use yoshi_protocol::AccountName;

/// How much the outbox may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Tasks.
    pub entries_max: u64,
    /// Bytes of them.
    pub bytes_max: u64,
}

/// The bookkeeping.
#[derive(Debug)]
pub struct Ledger {
    limits: Limits,
    accounts: HashMap<AccountName, Held>,
    /// The accounts that are not being sent, by the time of their next try.
    due: BTreeSet<(Instant, AccountName)>,
    entries: u64,
    bytes: u64,
}

/// What is held of one account.
#[derive(Debug, Default)]
struct Held {
    entries: u64,
    bytes: u64,
    /// How many of the entries are on their way into the database.
    coming: u64,
    /// When it is due; none while it is being sent.
    due: Option<Instant>,
    /// How often sending its first entry has failed in a row.
    failures: u32,
    /// Nothing has happened to it since a look began.
    still: bool,
    /// Something came in since it began to be sent: its sender may have asked the
    /// database before that.
    has_news: bool,
}

impl Ledger {
    /// A ledger of an outbox that holds nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            accounts: HashMap::new(),
            due: BTreeSet::new(),
            entries: 0,
            bytes: 0,
        }
    }

    /// Tasks that wait, those on their way in included.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Bytes of them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether anything of the account waits.
    #[must_use]
    pub fn holds(&self, account: &AccountName) -> bool {
        self.accounts.contains_key(account)
    }

    /// Makes room for a task that is about to be put in; false if there is none.
    pub fn reserve(&mut self, account: &AccountName, bytes: u64, now: Instant) -> bool {
        if self.entries >= self.limits.entries_max || self.bytes + bytes > self.limits.bytes_max {
            return false;
        }
        self.add(account, 1, bytes, now).coming += 1;
        true
    }

    /// The task is in the database, or may be: then it counts until the sender
    /// of the account's entries, or a look, finds that it is not.
    pub fn came(&mut self, account: &AccountName) {
        if let Some(held) = self.accounts.get_mut(account) {
            held.coming = held.coming.saturating_sub(1);
            (held.still, held.has_news) = (false, true);
        }
    }

    /// The task was in the database already. It is one of those that are held,
    /// or else takes the room that was made: the account is held either way.
    pub fn again(&mut self, account: &AccountName, bytes: u64) {
        self.came(account);
        if let Some(held) = self.accounts.get(account)
            && held.entries > 1
        {
            self.leave(account, bytes);
        }
    }

    /// The task did not go into the database.
    pub fn release(&mut self, account: &AccountName, bytes: u64) {
        self.came(account);
        self.leave(account, bytes);
    }

    /// One of the account's tasks has left the database.
    pub fn left(&mut self, account: &AccountName, bytes: u64) {
        self.leave(account, bytes);
        if let Some(held) = self.accounts.get_mut(account) {
            held.failures = 0;
        }
    }

    /// The database holds something of the account, which may not be known here.
    pub fn found(&mut self, account: &AccountName, entries: u64, bytes: u64, now: Instant) {
        match self.accounts.get_mut(account) {
            Some(held) => held.has_news = true,
            None => drop(self.add(account, entries, bytes, now)),
        }
    }

    /// The database is about to be asked what waits.
    pub fn look(&mut self) {
        for held in self.accounts.values_mut() {
            held.still = held.coming == 0 && held.due.is_some();
        }
    }

    /// What the database holds, since [`Ledger::look`]: entries and bytes of each
    /// account. An account that was touched meanwhile stays as it is.
    pub fn seen(&mut self, waiting: &BTreeMap<AccountName, (u64, u64)>, now: Instant) {
        for (account, (entries, bytes)) in waiting {
            self.found(account, *entries, *bytes, now);
        }
        let still = self.accounts.iter().filter(|(_, held)| held.still);
        let still: Vec<_> = still.map(|(account, _)| account.clone()).collect();
        for account in still {
            let (entries, bytes) = waiting.get(&account).copied().unwrap_or_default();
            self.set(&account, entries, bytes);
        }
    }

    /// The database holds exactly this of an account that is not being sent.
    fn set(&mut self, account: &AccountName, entries: u64, bytes: u64) {
        let Some(held) = self.accounts.get_mut(account) else {
            return;
        };
        self.entries = self.entries - held.entries + entries;
        self.bytes = self.bytes - held.bytes + bytes;
        (held.entries, held.bytes) = (entries, bytes);
        if entries == 0
            && let Some(due) = held.due
        {
            self.due.remove(&(due, account.clone()));
            self.accounts.remove(account);
        }
    }

    /// An account that is due; it is being sent from now on.
    pub fn take_due(&mut self, now: Instant) -> Option<AccountName> {
        let first = self.due.first()?;
        if first.0 > now {
            return None;
        }
        let (_, account) = self.due.pop_first()?;
        if let Some(held) = self.accounts.get_mut(&account) {
            held.due = None;
            (held.still, held.has_news) = (false, false);
        }
        Some(account)
    }

    /// When the next account is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The account is not being sent any more: the database holds nothing of it.
    /// What has come in meanwhile, or is about to, is looked at again.
    pub fn emptied(&mut self, account: &AccountName, now: Instant) {
        let Some(held) = self.accounts.get(account) else {
            return;
        };
        if held.coming > 0 || held.has_news {
            self.put_off(account, now);
        } else if let Some(held) = self.accounts.remove(account) {
            self.entries -= held.entries;
            self.bytes -= held.bytes;
        }
    }

    /// The account's first entry could not be sent. Answers how often in a row.
    pub fn failed(&mut self, account: &AccountName) -> u32 {
        let Some(held) = self.accounts.get_mut(account) else {
            return 0;
        };
        held.failures = held.failures.saturating_add(1);
        held.failures
    }

    /// The account is not being sent any more, and is due again at `until`.
    pub fn put_off(&mut self, account: &AccountName, until: Instant) {
        if let Some(held) = self.accounts.get_mut(account)
            && held.due.is_none()
        {
            held.due = Some(until);
            self.due.insert((until, account.clone()));
        }
    }

    /// Everything that waits for its time is due now: the log is back.
    pub fn hurry(&mut self, now: Instant) {
        let waiting = std::mem::take(&mut self.due);
        for (due, account) in waiting {
            let due = due.min(now);
            if let Some(held) = self.accounts.get_mut(&account) {
                held.due = Some(due);
                held.failures = 0;
            }
            self.due.insert((due, account));
        }
    }

    fn add(&mut self, account: &AccountName, entries: u64, bytes: u64, now: Instant) -> &mut Held {
        self.entries += entries;
        self.bytes += bytes;
        let due = &mut self.due;
        let held = self.accounts.entry(account.clone()).or_insert_with(|| {
            due.insert((now, account.clone()));
            Held {
                due: Some(now),
                ..Held::default()
            }
        });
        held.entries += entries;
        held.bytes += bytes;
        held.still = false;
        held
    }

    fn leave(&mut self, account: &AccountName, bytes: u64) {
        let Some(held) = self.accounts.get_mut(account) else {
            return;
        };
        held.still = false;
        held.entries = held.entries.saturating_sub(1);
        let bytes = bytes.min(held.bytes);
        held.bytes -= bytes;
        self.entries = self.entries.saturating_sub(1);
        self.bytes -= bytes;
        // One that is being sent stays until its sender finds nothing more.
        if held.entries == 0
            && held.coming == 0
            && let Some(due) = held.due
        {
            self.due.remove(&(due, account.clone()));
            self.accounts.remove(account);
        }
    }
}

#[cfg(test)]
mod tests;
