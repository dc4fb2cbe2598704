//! Open pages: each account with one is asked for news every second, and its
//! pages are told when there is some.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use yoshi_protocol::{AccountName, Credential};

use crate::app::{App, Shared};
use crate::fill;
use crate::limit::{FILL_WITHIN, LIVE_EVERY, LIVE_MAX, LIVE_PER_ACCOUNT_MAX};
use crate::store::cache;

/// What an open page hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// The cache stands at this position.
    At(i64),
    /// The log-in has ended.
    Ended,
}

/// The open pages, by account.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    watched: Mutex<HashMap<AccountName, watch::Sender<News>>>,
}

/// There are too many open pages already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many pages are open")]
pub(crate) struct TooMany;

impl Hub {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AccountName, watch::Sender<News>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many pages are open.
    fn open(watched: &HashMap<AccountName, watch::Sender<News>>) -> usize {
        watched.values().map(watch::Sender::receiver_count).sum()
    }

    /// Ends the account's open pages.
    pub(crate) fn end(&self, account: &AccountName) {
        if let Some(sender) = self.lock().remove(account) {
            sender.send_replace(News::Ended);
        }
    }
}

impl App {
    /// Opens a page of an account. Its cache is kept up to date as long as one is open.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn open_page(
        self: &Shared,
        account: &AccountName,
        credential: Credential,
        latest: i64,
    ) -> Result<watch::Receiver<News>, TooMany> {
        let mut watched = self.hub.lock();
        if Hub::open(&watched) >= LIVE_MAX {
            return Err(TooMany);
        }
        if let Some(sender) = watched.get(account) {
            if sender.receiver_count() >= LIVE_PER_ACCOUNT_MAX {
                return Err(TooMany);
            }
            if sender.receiver_count() > 0 {
                return Ok(sender.subscribe());
            }
        }
        let (sender, receiver) = watch::channel(News::At(latest));
        watched.insert(account.clone(), sender.clone());
        tokio::spawn(keep_up(
            Arc::clone(self),
            account.clone(),
            credential,
            sender,
        ));
        Ok(receiver)
    }
}

/// Asks the account's home for news while a page is open.
async fn keep_up(
    app: Shared,
    account: AccountName,
    credential: Credential,
    sender: watch::Sender<News>,
) {
    let mut ticks = tokio::time::interval(LIVE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = sender.closed() => break,
        }
        match app.fill(&account, &credential, FILL_WITHIN).await {
            Ok(_) => {}
            Err(fill::Error::Ended) => {
                // Pages of other log-ins come back by themselves.
                sender.send_replace(News::Ended);
                break;
            }
            Err(error) => {
                tracing::debug!(%account, "no news for {account}: {error}");
                continue;
            }
        }
        // What another website has stored in the same database is news as well.
        if let Ok(reach) = cache::reach(&app.pool, &account).await {
            let now = News::At(reach.latest.to_i64());
            sender.send_if_modified(|known| std::mem::replace(known, now) != now);
        }
    }
    let mut watched = app.hub.lock();
    let ours = watched.get(&account);
    if ours.is_some_and(|known| known.same_channel(&sender)) {
        watched.remove(&account);
    }
}
