//! One change of an account at a time, from the check of its password to the
//! change's place in the log.
//!
//! Without it, a log-in whose password was checked just before a change of that
//! password could come into the log after it, and its token would outlive the
//! change that was to end it. Across primaries the epoch does the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use yoshi_protocol::AccountName;

type Locks = Arc<Mutex<BTreeMap<AccountName, Arc<tokio::sync::Mutex<()>>>>>;

/// The accounts that are being changed; no more than there are requests in hand.
#[derive(Clone, Default)]
pub(super) struct AccountLocks(Locks);

/// Holds an account's lock.
pub(super) struct AccountGuard {
    locks: Locks,
    name: AccountName,
    guard: Option<OwnedMutexGuard<()>>,
}

impl AccountLocks {
    pub(super) async fn lock(&self, name: &AccountName) -> AccountGuard {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(name.clone()).or_default())
        };
        AccountGuard {
            locks: Arc::clone(&self.0),
            name: name.clone(),
            guard: Some(lock.lock_owned().await),
        }
    }
}

impl Drop for AccountGuard {
    fn drop(&mut self) {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.guard.take());
        // The last to leave takes the lock away. Nobody can be about to wait
        // for it: they would hold a clone of it, taken under the same mutex.
        let unused = locks
            .get(&self.name)
            .is_some_and(|lock| Arc::strong_count(lock) == 1);
        if unused {
            locks.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_stays() {
        let locks = AccountLocks::default();
        let ana = AccountName::new("ana").unwrap();
        let first = locks.lock(&ana).await;
        let bea = locks.lock(&AccountName::new("bea").unwrap()).await;
        let mut second = wait_for(locks.clone(), ana.clone());
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        let second = (&mut second).await.unwrap();
        drop((second, bea));
        assert!(locks.0.lock().unwrap().is_empty());
    }

    fn wait_for(locks: AccountLocks, name: AccountName) -> tokio::task::JoinHandle<AccountGuard> {
        tokio::spawn(async move { locks.lock(&name).await })
    }
}
