//! Open pages: each account with one is asked for news when a notice names it,
//! and every few seconds in case a notice was lost; its pages are told of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};
use yoshi_client::Notices;
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
    watched: Mutex<HashMap<AccountName, Watched>>,
}

/// An account with open pages.
#[derive(Debug, Clone)]
struct Watched {
    pages: watch::Sender<News>,
    /// Wakes whoever asks for its news.
    wake: Arc<Notify>,
}

/// There are too many open pages already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many pages are open")]
pub(crate) struct TooMany;

impl Hub {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AccountName, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many pages are open.
    fn open(watched: &HashMap<AccountName, Watched>) -> usize {
        let pages = watched.values().map(|one| one.pages.receiver_count());
        pages.sum()
    }

    /// Ends the account's open pages.
    pub(crate) fn end(&self, account: &AccountName) {
        if let Some(watched) = self.lock().remove(account) {
            watched.pages.send_replace(News::Ended);
        }
    }

    /// Something changed for an account: its news is asked for at once, if it has open pages.
    fn wake(&self, account: &AccountName) {
        if let Some(watched) = self.lock().get(account) {
            watched.wake.notify_one();
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
        if let Some(known) = watched.get(account) {
            let pages = known.pages.receiver_count();
            if pages >= LIVE_PER_ACCOUNT_MAX {
                return Err(TooMany);
            }
            if pages > 0 {
                return Ok(known.pages.subscribe());
            }
        }
        let (pages, receiver) = watch::channel(News::At(latest));
        let known = Watched {
            pages,
            wake: Arc::new(Notify::new()),
        };
        watched.insert(account.clone(), known.clone());
        let app = Arc::clone(self);
        tokio::spawn(keep_up(app, account.clone(), credential, known));
        Ok(receiver)
    }
}

/// Wakes those whose tasks have changed, as notices say. Ends with the connection.
pub(crate) async fn hear(app: Shared, mut notices: Notices) {
    while let Some(notice) = notices.next().await {
        metrics::counter!("yoshi_web_notices").increment(1);
        for account in &notice.accounts {
            app.hub.wake(account);
        }
    }
    tracing::warn!("no more notices: open pages are told by the timer alone");
}

/// Asks the account's home for news while a page is open.
async fn keep_up(app: Shared, account: AccountName, credential: Credential, watched: Watched) {
    let sender = watched.pages;
    let mut ticks = tokio::time::interval(LIVE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = watched.wake.notified() => {}
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
    let mut all = app.hub.lock();
    let ours = all.get(&account);
    if ours.is_some_and(|known| known.pages.same_channel(&sender)) {
        all.remove(&account);
    }
}
