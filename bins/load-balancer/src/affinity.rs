//! Which message server is home of which account: what the bucket of affinity
//! says, as far as this process has seen it. Pure.
//!
//! The bucket may deliver an entry again, or late; epochs only rise, so the
//! highest one seen is the truth as far as it is known. Only a
//! compare-and-set on the bucket makes a change (`crate::assign`).
//!
//! The bucket may also be restored to an older state, or be made anew. What is
//! known of epochs outlives that; what is known of revisions does not.

use std::collections::HashMap;

use yoshi_protocol::message::roster::Affinity;
use yoshi_protocol::{AccountName, Epoch, ServerId};

/// The homes of all accounts.
#[derive(Debug, Default)]
pub struct Homes {
    accounts: HashMap<AccountName, Home>,
    /// How many accounts each server is home of, assignments in flight included.
    counts: HashMap<ServerId, u64>,
    /// The accounts whose entry a later release wrote, and its revision.
    unreadable: HashMap<AccountName, u64>,
    /// The accounts of which nothing is known but that their entry was deleted,
    /// or was of no use, and its revision.
    markers: HashMap<AccountName, u64>,
    /// The accounts that had a later home than their entry says, and its epoch.
    outlived: HashMap<AccountName, Epoch>,
}

/// What the bucket's leader holds for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// This home.
    Home(Affinity),
    /// A marker of deletion, or what no release wrote.
    Marker,
    /// What a later release wrote.
    Unreadable,
}

/// What is known of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Home {
    /// The highest epoch seen, and its server.
    latest: Affinity,
    /// False once the entry was deleted: the account has no home then.
    stands: bool,
    /// What a compare-and-set must expect.
    revision: u64,
}

/// Where an account stands, for a compare-and-set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The highest epoch that the account ever had, as far as known.
    pub epoch: Option<Epoch>,
    /// The revision to expect; 0 for an account without entry.
    pub revision: u64,
}

impl Homes {
    /// The account's home.
    pub fn get(&self, account: &AccountName) -> Option<Affinity> {
        let home = self.accounts.get(account)?;
        let outlived = self.outlived.get(account);
        let stands = home.stands && outlived.is_none_or(|epoch| home.latest.epoch >= *epoch);
        stands.then_some(home.latest)
    }

    /// Where the account stands.
    pub fn standing(&self, account: &AccountName) -> Standing {
        let outlived = self.outlived.get(account).copied();
        match self.accounts.get(account) {
            Some(home) => Standing {
                epoch: Some(home.latest.epoch).max(outlived),
                revision: home.revision,
            },
            None => Standing {
                epoch: outlived,
                revision: self.markers.get(account).copied().unwrap_or(0),
            },
        }
    }

    /// Whether the account's entry is of a later release: it must not be written over.
    pub fn is_unreadable(&self, account: &AccountName) -> bool {
        self.unreadable.contains_key(account)
    }

    /// The bucket holds an entry of a later release. Until another one replaces
    /// it, the account has no home here. One that comes late changes nothing.
    pub fn unreadable(&mut self, account: AccountName, revision: u64) {
        let known = self.accounts.get(&account);
        if known.is_none_or(|home| home.revision <= revision) {
            self.deleted(&account, revision);
            let latest = self.unreadable.entry(account).or_default();
            *latest = revision.max(*latest);
        }
    }

    /// Whether a change came before the entry that cannot be read; if it came
    /// after it, that entry is gone.
    fn is_late(&mut self, account: &AccountName, revision: u64) -> bool {
        match self.unreadable.get(account) {
            Some(unreadable) if revision <= *unreadable => true,
            _ => {
                self.unreadable.remove(account);
                false
            }
        }
    }

    /// The bucket holds this entry. Entries that come again or late change nothing.
    pub fn stored(&mut self, account: AccountName, affinity: Affinity, revision: u64) {
        if self.is_late(&account, revision) {
            return;
        }
        let home = Home {
            latest: affinity,
            stands: true,
            revision,
        };
        if let Some(known) = self.accounts.get(&account) {
            let known = *known;
            if affinity.epoch < known.latest.epoch
                // The same entry again, and deleted meanwhile.
                || (affinity.epoch == known.latest.epoch && !known.stands && revision < known.revision)
            {
                return;
            }
            if known.stands {
                self.discount(known.latest.server);
            }
        }
        self.count(affinity.server);
        self.markers.remove(&account);
        if self.outlived.get(&account) <= Some(&affinity.epoch) {
            self.outlived.remove(&account);
        }
        self.accounts.insert(account, home);
    }

    /// The bucket holds a marker of deletion. One that comes late changes nothing.
    pub fn deleted(&mut self, account: &AccountName, revision: u64) {
        if self.is_late(account, revision) {
            return;
        }
        let Some(home) = self.accounts.get_mut(account) else {
            let latest = self.markers.entry(account.clone()).or_default();
            *latest = revision.max(*latest);
            return;
        };
        if home.revision < revision {
            home.revision = revision;
            if std::mem::replace(&mut home.stands, false) {
                let server = home.latest.server;
                self.discount(server);
            }
        }
    }

    /// The bucket's leader holds this for the account. It counts whatever revision
    /// was known: the bucket may have been restored to an older state. Epochs only
    /// rise all the same: a home of a lower one replaces none, but is what the next
    /// compare-and-set must expect.
    pub fn held(&mut self, account: &AccountName, held: Held, revision: u64) {
        self.unreadable.remove(account);
        self.markers.remove(account);
        if let Some(home) = self.accounts.get_mut(account) {
            home.revision = 0;
        }
        match held {
            Held::Home(affinity) => {
                self.stored(account.clone(), affinity, revision);
                if let Some(home) = self.accounts.get_mut(account) {
                    home.revision = revision;
                }
            }
            Held::Marker => self.deleted(account, revision),
            Held::Unreadable => self.unreadable(account.clone(), revision),
        }
    }

    /// The account had a home of this epoch. One that is known with a lower epoch
    /// is none any more: the next has to be above this one. Answers whether that is news.
    pub fn outlived(&mut self, account: AccountName, epoch: Epoch) -> bool {
        let news = self.standing(&account).epoch < Some(epoch);
        if news {
            self.outlived.insert(account, epoch);
        }
        news
    }

    /// The bucket is another one now, or holds an older state: no revision that
    /// is known says anything about it.
    pub fn begin_anew(&mut self) {
        self.unreadable.clear();
        self.markers.clear();
        for home in self.accounts.values_mut() {
            home.revision = 0;
        }
    }

    /// The leader holds nothing for the account: the bucket was lost, or never had it.
    pub fn absent(&mut self, account: &AccountName) {
        self.unreadable.remove(account);
        self.markers.remove(account);
        if let Some(home) = self.accounts.get_mut(account) {
            home.revision = 0;
            if std::mem::replace(&mut home.stands, false) {
                let server = home.latest.server;
                self.discount(server);
            }
        }
    }

    /// One account more, or an assignment in flight.
    pub fn count(&mut self, server: ServerId) {
        *self.counts.entry(server).or_default() += 1;
    }

    /// One account less, or an assignment that ended.
    pub fn discount(&mut self, server: ServerId) {
        if let Some(count) = self.counts.get_mut(&server) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&server);
            }
        }
    }

    /// How many accounts the server is home of.
    pub fn accounts_of(&self, server: ServerId) -> u64 {
        self.counts.get(&server).copied().unwrap_or(0)
    }

    /// The servers that are home of some account.
    pub fn servers(&self) -> impl Iterator<Item = ServerId> {
        self.counts.keys().copied()
    }

    /// Some accounts whose home is one that `lost` names, at most `max`.
    pub fn homed_at(&self, lost: impl Fn(ServerId) -> bool, max: usize) -> Vec<AccountName> {
        self.accounts
            .iter()
            .filter(|(_, home)| home.stands && lost(home.latest.server))
            .take(max)
            .map(|(account, _)| account.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests;
