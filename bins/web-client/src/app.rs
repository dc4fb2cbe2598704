//! What every request works with.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::sync::Semaphore;
use yoshi_client::Client;
use yoshi_protocol::AccountName;
use yoshi_service::Shutdown;

use crate::administration::Administration;
use crate::arguments::Place;
use crate::fill::Fills;
use crate::limit::ENTERING_MAX;
use crate::live::Hub;
use crate::throttle::{Rate, Throttle, source as network};

/// The website's state; shared by all requests.
#[derive(Debug)]
pub(crate) struct App {
    /// Its database.
    pub pool: Pool,
    /// The communications library.
    pub client: Client,
    /// Where it is for browsers.
    pub place: Place,
    /// Whether the proxy in front says whom it speaks for.
    pub trust_forwarded: bool,
    /// Who is filling which account's cache.
    pub fills: Fills,
    /// The open pages.
    pub hub: Hub,
    /// Who may try how often.
    pub throttles: Throttles,
    /// Whether the website is to stop: open pages end then.
    pub shutdown: Shutdown,
    /// The pages for administrators, if there are any.
    pub administration: Option<Administration>,
    /// Log-ins and registrations at work: each costs the servers a slow hash.
    pub entering: Semaphore,
}

/// A handler's state.
pub(crate) type Shared = Arc<App>;

impl App {
    pub(crate) fn entering() -> Semaphore {
        Semaphore::new(ENTERING_MAX)
    }

    /// Whether an account is an administrator now.
    pub(crate) fn administers(&self, account: &AccountName) -> bool {
        let administration = self.administration.as_ref();
        administration.is_some_and(|it| it.is_administrator(account))
    }
}

/// Who may try how often.
#[derive(Debug)]
pub(crate) struct Throttles {
    log_in_source: Mutex<Throttle<IpAddr>>,
    log_in_pair: Mutex<Throttle<(IpAddr, AccountName)>>,
    log_in_account: Mutex<Throttle<AccountName>>,
    register: Mutex<Throttle<IpAddr>>,
    send: Mutex<Throttle<AccountName>>,
}

const fn rate(burst: u32, refill_seconds: u64) -> Rate {
    Rate {
        burst,
        refill: Duration::from_secs(refill_seconds),
    }
}

/// Of one source, for all accounts: a whole office may stand behind it.
const LOG_IN_SOURCE: Rate = rate(60, 2);
/// Of one source for one account.
const LOG_IN_PAIR: Rate = rate(10, 15);
/// Of all sources for one account: a hundred an hour. Its own people, whose
/// source is another than the attacker's, still have a chance at each refill.
const LOG_IN_ACCOUNT: Rate = rate(100, 36);
/// Tasks of one account.
const SEND: Rate = rate(60, 1);

/// New accounts of one source, a sixth of an hour's at once: on its first day a whole
/// office registers.
fn register(per_hour: u32) -> Rate {
    Rate {
        burst: per_hour / 6,
        refill: Duration::from_secs(60 * 60) / per_hour,
    }
}

impl Throttles {
    /// Nobody has tried yet. One source may register so many accounts in an hour.
    pub(crate) fn new(registrations_per_hour: u32) -> Self {
        Self {
            log_in_source: Mutex::new(Throttle::new(LOG_IN_SOURCE)),
            log_in_pair: Mutex::new(Throttle::new(LOG_IN_PAIR)),
            log_in_account: Mutex::new(Throttle::new(LOG_IN_ACCOUNT)),
            register: Mutex::new(Throttle::new(register(registrations_per_hour))),
            send: Mutex::new(Throttle::new(SEND)),
        }
    }
}

/// A poisoned lock guards a map of times, which is whole at any moment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Throttles {
    /// One try to log in.
    ///
    /// # Errors
    /// How long to wait for one.
    pub(crate) fn log_in(&self, source: IpAddr, account: &AccountName) -> Result<(), Duration> {
        let (source, now) = (network(source), Instant::now());
        lock(&self.log_in_source).take(&source, now)?;
        lock(&self.log_in_pair).take(&(source, account.clone()), now)?;
        lock(&self.log_in_account).take(account, now)
    }

    /// One try at the old password, by somebody who has a session.
    ///
    /// # Errors
    /// How long to wait for one.
    pub(crate) fn old_password(&self, account: &AccountName) -> Result<(), Duration> {
        let inside = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        lock(&self.log_in_pair).take(&(inside, account.clone()), Instant::now())
    }

    /// That try was right, and no guess.
    pub(crate) fn logged_in(&self, source: IpAddr, account: &AccountName) {
        let source = network(source);
        lock(&self.log_in_source).give_back(&source);
        lock(&self.log_in_pair).give_back(&(source, account.clone()));
        lock(&self.log_in_account).give_back(account);
    }

    /// One new account.
    ///
    /// # Errors
    /// How long to wait for one.
    pub(crate) fn register(&self, source: IpAddr) -> Result<(), Duration> {
        lock(&self.register).take(&network(source), Instant::now())
    }

    /// One task.
    ///
    /// # Errors
    /// How long to wait for one.
    pub(crate) fn send(&self, account: &AccountName) -> Result<(), Duration> {
        lock(&self.send).take(account, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_office_registers_at_once_and_then_at_the_rate_that_was_set() {
        let office = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let throttles = Throttles::new(180);
        for _ in 0..30 {
            assert_eq!(throttles.register(office), Ok(()));
        }
        let wait = throttles.register(office).unwrap_err();
        assert!(wait <= Duration::from_secs(20) && wait > Duration::from_secs(15));
        let elsewhere = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(throttles.register(elsewhere), Ok(()));
    }
}
