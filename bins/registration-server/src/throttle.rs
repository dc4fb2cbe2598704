//! How often an account's password may be tried: the state behind it and its
//! rule, without I/O. The time is told.
//!
//! [`STRAIGHT_FAILURES_MAX`] wrong passwords in a row are free; after each
//! further one the account's next try must wait, twice as long each time, up to
//! [`WAIT_MAX`]. A right password ends the row. Tokens are never throttled, so
//! nobody is locked out of what he is logged in to; and unknown names are
//! counted as known ones are, so that a refusal tells nothing.
//!
//! The state is this process's memory. Only the primary checks passwords for
//! clients, so an attacker has the free tries once per account and primary: a
//! restart or a failover begins the count anew. What is sure, whatever the
//! primary, is the bound of `password`: no more tries at once than there are
//! cores, whoever asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use yoshi_protocol::AccountName;

use crate::limit::{FAILURES_FORGOTTEN, STRAIGHT_FAILURES_MAX, THROTTLED_ACCOUNTS_MAX, WAIT_MAX};

/// Wrong passwords in a row, by account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle(Arc<Mutex<HashMap<AccountName, Row>>>);

/// The wrong passwords of one account.
#[derive(Debug, Clone, Copy)]
struct Row {
    failures: u32,
    /// Tries whose end is not known yet.
    trying: u32,
    latest: Instant,
}

/// A try that may be made. Dropped without a word about its end, it counts for nothing.
#[derive(Debug)]
pub(crate) struct Try {
    throttle: Throttle,
    account: AccountName,
}

impl Throttle {
    /// Lets a password be tried.
    ///
    /// # Errors
    /// How long to wait before the next try; at least some moment.
    pub(crate) fn begin(&self, account: &AccountName, now: Instant) -> Result<Try, Duration> {
        let mut rows = self.rows();
        let row = match rows.get_mut(account) {
            Some(row) => row,
            None => {
                make_room(&mut rows, now);
                let row = Row {
                    failures: 0,
                    trying: 0,
                    latest: now,
                };
                rows.entry(account.clone()).or_insert(row)
            }
        };
        if row.failures > 0 && now.saturating_duration_since(row.latest) >= FAILURES_FORGOTTEN {
            row.failures = 0;
        }
        if row.failures < STRAIGHT_FAILURES_MAX {
            // Each of those under way may turn out wrong.
            if row.failures + row.trying >= STRAIGHT_FAILURES_MAX {
                return Err(Duration::from_secs(1));
            }
        } else {
            let waited = now.saturating_duration_since(row.latest);
            let left = wait_after(row.failures).saturating_sub(waited);
            if !left.is_zero() || row.trying > 0 {
                return Err(left.max(Duration::from_secs(1)));
            }
        }
        row.trying += 1;
        Ok(Try {
            throttle: self.clone(),
            account: account.clone(),
        })
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<AccountName, Row>> {
        // Each change is one assignment: no panic leaves it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try {
    /// The password was wrong.
    pub(crate) fn failed(self, now: Instant) {
        if let Some(row) = self.throttle.rows().get_mut(&self.account) {
            row.failures = row.failures.saturating_add(1);
            row.latest = now;
        }
    }

    /// The password was right.
    pub(crate) fn succeeded(self) {
        if let Some(row) = self.throttle.rows().get_mut(&self.account) {
            row.failures = 0;
        }
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        let mut rows = self.throttle.rows();
        if let Some(row) = rows.get_mut(&self.account) {
            row.trying = row.trying.saturating_sub(1);
            if row.trying == 0 && row.failures == 0 {
                rows.remove(&self.account);
            }
        }
    }
}

/// How long the next try waits after so many wrong passwords in a row.
fn wait_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(STRAIGHT_FAILURES_MAX).min(31);
    Duration::from_secs(1_u64 << doublings).min(WAIT_MAX)
}

/// Forgets old rows if there are too many; if none is old, the one with the
/// fewest failures, and of those the oldest: whoever fills the memory with made-up
/// names pushes out his own.
fn make_room(rows: &mut HashMap<AccountName, Row>, now: Instant) {
    if rows.len() < THROTTLED_ACCOUNTS_MAX {
        return;
    }
    rows.retain(|_, row| {
        row.trying > 0 || now.saturating_duration_since(row.latest) < FAILURES_FORGOTTEN
    });
    if rows.len() < THROTTLED_ACCOUNTS_MAX {
        return;
    }
    let idle = rows.iter().filter(|(_, row)| row.trying == 0);
    let least = idle.min_by_key(|(_, row)| (row.failures, row.latest));
    if let Some(name) = least.map(|(name, _)| name.clone()) {
        rows.remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ana() -> AccountName {
        AccountName::new("ana").unwrap()
    }

    fn failed(throttle: &Throttle, times: u32, now: Instant) {
        for _ in 0..times {
            throttle.begin(&ana(), now).unwrap().failed(now);
        }
    }

    #[test]
    fn a_hundred_are_free_and_then_each_waits_twice_as_long() {
        let (throttle, mut now) = (Throttle::default(), Instant::now());
        failed(&throttle, 100, now);
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            let wait = throttle.begin(&ana(), now).unwrap_err();
            assert_eq!(wait, expected * SECOND);
            assert!(throttle.begin(&ana(), now + wait - SECOND / 2).is_err());
            now += wait;
            throttle.begin(&ana(), now).unwrap().failed(now);
        }
        let other = AccountName::new("ben").unwrap();
        assert!(throttle.begin(&other, now).is_ok(), "others do not wait");
    }

    #[test]
    fn the_right_password_ends_the_row_and_is_let_in_after_the_wait() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        failed(&throttle, 99, now);
        throttle.begin(&ana(), now).unwrap().succeeded();
        failed(&throttle, 100, now);
        assert!(throttle.begin(&ana(), now).is_err());
        throttle.begin(&ana(), now + SECOND).unwrap().succeeded();
        failed(&throttle, 100, now + SECOND);
    }

    #[test]
    fn tries_at_once_get_no_further_than_one_by_one() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let tries: Vec<_> = (0..100)
            .map(|_| throttle.begin(&ana(), now).unwrap())
            .collect();
        assert!(throttle.begin(&ana(), now).is_err());
        tries.into_iter().for_each(|one| one.failed(now));
        let later = now + SECOND;
        let one = throttle.begin(&ana(), later).unwrap();
        assert!(throttle.begin(&ana(), later).is_err(), "one at a time");
        drop(one);
        assert!(
            throttle.begin(&ana(), later).is_ok(),
            "it counts for nothing"
        );
    }

    #[test]
    fn a_row_is_forgotten_after_a_while() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        failed(&throttle, 100, now);
        failed(&throttle, 100, now + FAILURES_FORGOTTEN);
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_worst() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        failed(&throttle, 100, now);
        for number in 0..THROTTLED_ACCOUNTS_MAX + 10 {
            let name = AccountName::new(&format!("made-up-{number}")).unwrap();
            throttle.begin(&name, now).unwrap().failed(now);
        }
        assert_eq!(throttle.rows().len(), THROTTLED_ACCOUNTS_MAX);
        assert!(throttle.begin(&ana(), now).is_err(), "still counted");
        let rows = || throttle.rows().len();
        let before = rows();
        let ben = AccountName::new("made-up-9999999").unwrap();
        throttle.begin(&ben, now).unwrap().succeeded();
        assert!(rows() < before, "a right password leaves nothing behind");
    }
}
