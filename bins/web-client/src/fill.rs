//! Filling an account's cache (§4.5.2): retrieve from the largest cached
//! position, store, and again until there is no more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use yoshi_client::{Error as ClientError, Position, View};
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::{AccountName, Credential, ErrorCode};

use crate::app::App;
use crate::limit::{FILL_FIRST_WITHIN, FILL_WITHIN, FILLS_MAX};
use crate::store::cache::{self, Reach, Side};
use crate::store::{self};

/// Why the cache could not be filled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The session's token has ended: nothing may be shown by it.
    #[error("the log-in has ended")]
    Ended,
    /// The account's home gave no answer in time; the cache is what it was.
    #[error("the account's home cannot be reached: {0}")]
    OutOfReach(String),
    /// The cache itself.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What a page is served from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Everything that the account's home has.
    Fresh,
    /// The home has more: the first filling still goes on.
    Filling,
    /// The home may lack the newest: it cannot reach the log.
    Behind,
    /// The home gave no answer: this is what was known before.
    OutOfReach,
}

/// Who is filling which account's cache: one at a time for an account, and only
/// so many at all.
#[derive(Debug)]
pub(crate) struct Fills {
    at_work: Mutex<HashMap<AccountName, Arc<tokio::sync::Mutex<()>>>>,
    permits: Semaphore,
}

impl Default for Fills {
    fn default() -> Self {
        Self {
            at_work: Mutex::default(),
            permits: Semaphore::new(FILLS_MAX),
        }
    }
}

impl Fills {
    fn turn(&self, account: &AccountName) -> Arc<tokio::sync::Mutex<()>> {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else holds a turn that stands only here.
        at_work.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(at_work.entry(account.clone()).or_default())
    }
}

impl App {
    /// Brings an account's cache up to what its home has, and answers how far
    /// the page that waits for it can be trusted.
    ///
    /// # Errors
    /// [`Error::Ended`] and [`Error::Store`]. A home that gives no answer is no error.
    pub(crate) async fn freshen(
        &self,
        account: &AccountName,
        credential: &Credential,
    ) -> Result<Freshness, Error> {
        let reach = cache::reach(&self.pool, account).await?;
        let first = reach.inbox == Position::ZERO || reach.sent == Position::ZERO;
        let within = if first {
            FILL_FIRST_WITHIN
        } else {
            FILL_WITHIN
        };
        match tokio::time::timeout(within, self.fill(account, credential, within)).await {
            Ok(Ok(behind)) if behind => Ok(Freshness::Behind),
            Ok(Ok(_)) => Ok(Freshness::Fresh),
            Ok(Err(Error::OutOfReach(why))) => {
                tracing::warn!(%account, "the home of {account} gives no answer: {why}");
                Ok(Freshness::OutOfReach)
            }
            Ok(Err(error)) => Err(error),
            Err(_) if first => Ok(Freshness::Filling),
            Err(_) => Ok(Freshness::OutOfReach),
        }
    }

    /// Retrieves and stores everything that there is; whether it may lack the newest.
    pub(crate) async fn fill(
        &self,
        account: &AccountName,
        credential: &Credential,
        within: Duration,
    ) -> Result<bool, Error> {
        let turn = self.fills.turn(account);
        let _turn = turn.lock().await;
        let permit = self.fills.permits.acquire().await;
        let _permit = permit.expect("the semaphore is never closed");
        let reach = cache::reach(&self.pool, account).await?;
        let (inbox, sent) = tokio::join!(
            self.fill_side(account, credential, Side::Inbox, reach, within),
            self.fill_side(account, credential, Side::Sent, reach, within),
        );
        Ok(inbox? | sent?)
    }

    async fn fill_side(
        &self,
        account: &AccountName,
        credential: &Credential,
        side: Side,
        reach: Reach,
        within: Duration,
    ) -> Result<bool, Error> {
        let view = match side {
            Side::Inbox => View::Inbox,
            Side::Sent => View::Sent,
        };
        let client = self.client.clone().with_deadline(within);
        let mut since = reach.of(side);
        loop {
            let polled = client
                .poll(account, credential, view, since, POLL_TASKS_MAX)
                .await
                .map_err(|error| failure(&error))?;
            metrics::counter!("yoshi_web_retrieved_tasks").increment(polled.tasks.len() as u64);
            if polled.cursor == since && polled.tasks.is_empty() {
                return Ok(polled.behind);
            }
            let stored = cache::store(
                &self.pool,
                account,
                side,
                since,
                polled.cursor,
                &polled.tasks,
            );
            if !stored.await? {
                // Somebody dropped the cache meanwhile: it fills from where it stands.
                since = cache::reach(&self.pool, account).await?.of(side);
                continue;
            }
            if !polled.more {
                return Ok(polled.behind);
            }
            since = polled.cursor;
        }
    }
}

fn failure(error: &ClientError) -> Error {
    match error {
        ClientError::Refused(reply) if reply.code == ErrorCode::Unauthenticated => Error::Ended,
        other => Error::OutOfReach(other.to_string()),
    }
}
