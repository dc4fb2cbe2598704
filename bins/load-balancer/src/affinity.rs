//! Which message server is home of which account: what the bucket of affinity
//! says, as far as this process has seen it. Pure.
//!
//! The bucket may deliver an entry again, or late; epochs only rise, so the
//! highest one seen is the truth as far as it is known. Only a
//! compare-and-set on the bucket makes a change (`crate::assign`).

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
        home.stands.then_some(home.latest)
    }

    /// Where the account stands.
    pub fn standing(&self, account: &AccountName) -> Standing {
        match self.accounts.get(account) {
            Some(home) => Standing {
                epoch: Some(home.latest.epoch),
                revision: home.revision,
            },
            None => Standing {
                epoch: None,
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
mod tests {
    use super::*;

    fn name(text: &str) -> AccountName {
        AccountName::new(text).unwrap()
    }

    fn at(server: ServerId, epoch: u64) -> Affinity {
        Affinity {
            epoch: Epoch(epoch),
            server,
        }
    }

    #[test]
    fn the_highest_epoch_counts_whatever_order_it_comes_in() {
        let (one, two) = (ServerId::random(), ServerId::random());
        let mut homes = Homes::default();
        homes.stored(name("ana"), at(one, 5), 1);
        homes.stored(name("ana"), at(two, 6), 2);
        homes.stored(name("ana"), at(one, 5), 1);
        assert_eq!(homes.get(&name("ana")), Some(at(two, 6)));
        assert_eq!((homes.accounts_of(one), homes.accounts_of(two)), (0, 1));
        // The same again is counted once.
        homes.stored(name("ana"), at(two, 6), 2);
        assert_eq!(homes.accounts_of(two), 1);
    }

    #[test]
    fn a_deleted_entry_keeps_its_epoch_as_the_floor() {
        let one = ServerId::random();
        let mut homes = Homes::default();
        homes.stored(name("ana"), at(one, 5), 1);
        homes.deleted(&name("ana"), 2);
        homes.stored(name("ana"), at(one, 5), 1);
        assert_eq!(homes.get(&name("ana")), None);
        assert_eq!(homes.accounts_of(one), 0);
        let standing = Standing {
            epoch: Some(Epoch(5)),
            revision: 2,
        };
        assert_eq!(homes.standing(&name("ana")), standing);
        homes.stored(name("ana"), at(one, 6), 3);
        homes.deleted(&name("ana"), 2);
        assert_eq!(homes.get(&name("ana")), Some(at(one, 6)));
    }

    #[test]
    fn a_lost_bucket_starts_again_at_revision_zero_above_the_old_epoch() {
        let one = ServerId::random();
        let mut homes = Homes::default();
        homes.stored(name("ana"), at(one, 5), 900);
        homes.absent(&name("ana"));
        let standing = Standing {
            epoch: Some(Epoch(5)),
            revision: 0,
        };
        assert_eq!(homes.standing(&name("ana")), standing);
        homes.stored(name("ana"), at(one, 7), 1);
        assert_eq!(homes.standing(&name("ana")).revision, 1);
        assert_eq!(homes.accounts_of(one), 1);
    }

    #[test]
    fn a_deleted_entry_of_an_unknown_account_can_be_written_over() {
        let one = ServerId::random();
        let mut homes = Homes::default();
        homes.deleted(&name("ana"), 4);
        homes.deleted(&name("ana"), 3);
        let standing = Standing {
            epoch: None,
            revision: 4,
        };
        assert_eq!(homes.standing(&name("ana")), standing);
        homes.stored(name("ana"), at(one, 5), 5);
        assert_eq!(homes.standing(&name("ana")).revision, 5);
        // With the bucket lost, it begins again.
        homes.deleted(&name("ben"), 6);
        homes.absent(&name("ben"));
        assert_eq!(homes.standing(&name("ben")), Standing::default());
    }

    #[test]
    fn an_entry_of_a_later_release_takes_the_home_away_until_it_is_replaced() {
        let one = ServerId::random();
        let mut homes = Homes::default();
        homes.stored(name("ana"), at(one, 5), 1);
        homes.unreadable(name("ana"), 3);
        assert!(homes.is_unreadable(&name("ana")));
        assert_eq!(homes.get(&name("ana")), None);
        assert_eq!(homes.accounts_of(one), 0);
        assert!(homes.homed_at(|_| true, 4).is_empty());
        // What came before it changes nothing, nor does the same again.
        homes.stored(name("ana"), at(one, 6), 2);
        homes.deleted(&name("ana"), 2);
        homes.unreadable(name("ana"), 3);
        assert!(homes.is_unreadable(&name("ana")));
        homes.stored(name("ana"), at(one, 7), 4);
        assert!(!homes.is_unreadable(&name("ana")));
        assert_eq!(homes.get(&name("ana")), Some(at(one, 7)));
        // It comes late.
        homes.unreadable(name("ana"), 3);
        assert_eq!(homes.get(&name("ana")), Some(at(one, 7)));
        // Of an account that was not known before.
        homes.unreadable(name("ben"), 5);
        assert!(homes.is_unreadable(&name("ben")));
        homes.deleted(&name("ben"), 6);
        assert!(!homes.is_unreadable(&name("ben")));
        assert_eq!(homes.standing(&name("ben")).revision, 6);
    }

    #[test]
    fn accounts_of_lost_servers_are_found_within_the_bound() {
        let (one, two) = (ServerId::random(), ServerId::random());
        let mut homes = Homes::default();
        for index in 0..10 {
            homes.stored(name(&format!("a{index}")), at(one, 5), 1);
        }
        homes.stored(name("b"), at(two, 5), 1);
        assert_eq!(homes.homed_at(|server| server == one, 4).len(), 4);
        assert_eq!(homes.homed_at(|server| server == two, 4), [name("b")]);
    }
}
