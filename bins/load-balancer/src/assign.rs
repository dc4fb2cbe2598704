//! Gives an account a home, by compare-and-set on the bucket of affinity.
//!
//! Any load balancer may do it; who loses takes what the other wrote. One
//! assignment per account at a time in this process; the account's requests wait
//! for it, within bounds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::kv::{Store, UpdateErrorKind};
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use metrics::counter;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use yoshi_planted::Fault;
use yoshi_protocol::cbor;
use yoshi_protocol::message::account::{AccountsLookedUp, LookupAccounts};
use yoshi_protocol::message::roster::{self, Affinity, ValueError};
use yoshi_protocol::subject::{self, RsVerb};
use yoshi_protocol::{AccountName, Epoch, ErrorCode, ErrorReply, Millis};
use yoshi_service::request::request;

use crate::affinity::Held;
use crate::forward::{Forwarder, Request};
use crate::limit;
use crate::view::{Plan, SharedView};

/// How long an assignment may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// A failing one is given up after this.
    pub(crate) assign: Duration,
    /// The primary registration server says within this whether an account exists.
    pub(crate) lookup: Duration,
}

/// Assigns homes, and keeps the requests that wait for them.
#[derive(Clone)]
pub(crate) struct Assigner {
    nats: Client,
    view: SharedView,
    store: Store,
    forwarder: Forwarder,
    patience: Patience,
    waiting: Arc<Mutex<Waiting>>,
    /// One permit per assignment that runs.
    running: Arc<Semaphore>,
}

/// The accounts whose assignment runs, and their requests.
#[derive(Default)]
struct Waiting {
    accounts: HashMap<AccountName, Vec<Request>>,
    requests: usize,
}

enum Place {
    /// The assignment runs already, and the request waits for it.
    Queued,
    /// The assignment is to be started, and the request waits for it.
    First,
    /// There is no room.
    Full(Request),
}

impl Assigner {
    pub(crate) fn new(
        nats: Client,
        view: SharedView,
        store: Store,
        forwarder: Forwarder,
        patience: Patience,
    ) -> Self {
        Self {
            nats,
            view,
            store,
            forwarder,
            patience,
            waiting: Arc::default(),
            running: Arc::new(Semaphore::new(limit::ASSIGNING_MAX)),
        }
    }

    /// Assigns a home to the request's account, then forwards the request, or
    /// refuses it.
    pub(crate) async fn request(&self, request: Request) {
        let account = request.account.clone();
        match self.lock(|waiting| waiting.add(request)) {
            Place::Queued => {}
            Place::First => self.start(account).await,
            Place::Full(request) => self.forwarder.refuse(&request, &busy()).await,
        }
    }

    /// Moves an account that has no request waiting, in the background.
    pub(crate) async fn relocate(&self, account: AccountName) {
        let first = self.lock(|waiting| {
            let runs = waiting.accounts.contains_key(&account);
            if !runs {
                waiting.accounts.insert(account.clone(), Vec::new());
            }
            !runs
        });
        if first {
            self.start(account).await;
        }
    }

    /// Waits until no assignment runs; none can start meanwhile.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(limit::ASSIGNING_MAX).expect("a small constant");
        drop(self.running.acquire_many(all).await);
    }

    async fn start(&self, account: AccountName) {
        let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() else {
            return self.finish(&account, Err(busy())).await;
        };
        let this = self.clone();
        tokio::spawn(async move {
            let home = this.assign(&account).await;
            this.finish(&account, home).await;
            drop(permit);
        });
    }

    /// Forwards or refuses what has waited.
    async fn finish(&self, account: &AccountName, home: Result<Affinity, ErrorReply>) {
        for request in self.lock(|waiting| waiting.take(account)) {
            match &home {
                Ok(home) => self.forwarder.to_ms(request, *home).await,
                Err(error) => self.forwarder.refuse(&request, error).await,
            }
        }
    }

    fn lock<R>(&self, change: impl FnOnce(&mut Waiting) -> R) -> R {
        change(
            &mut self
                .waiting
                .lock()
                .expect("nobody panics with this in hand"),
        )
    }

    /// Gives the account a home that serves, unless it has one.
    async fn assign(&self, account: &AccountName) -> Result<Affinity, ErrorReply> {
        let deadline = Instant::now() + self.patience.assign;
        let mut pause = limit::ASSIGN_RETRY_MILLIS;
        let mut exists = false;
        loop {
            let (next, revision) = match self.view.with(|view| view.plan(account, Millis::now())) {
                Plan::Keep(home) => return Ok(home),
                Plan::NoneServing => return Err(none_serving()),
                Plan::Unreadable => return Err(unreadable(account)),
                Plan::Assign { next, revision } => (next, revision),
            };
            if revision == 0 && !exists {
                exists = self
                    .exists(account)
                    .await
                    .inspect_err(|_| self.discount(next))?;
                if !exists {
                    // Nobody's home is written down. The server refuses it as it
                    // refuses a wrong password, and takes as long.
                    self.discount(next);
                    return Ok(Affinity {
                        epoch: Epoch::NOT_HOME,
                        ..next
                    });
                }
            }
            let lost = match self.write(account, next, revision).await {
                Ok(()) => return Ok(next),
                Err(lost) => lost,
            };
            // If somebody else was first, their home is taken, provided that it serves.
            let read = self.read(account).await;
            if Instant::now() >= deadline {
                tracing::warn!(account = %account, "no home for {account} could be written");
                return Err(no_bucket());
            }
            if !(lost && read) {
                sleep(Duration::from_millis(pause)).await;
                pause = (pause * 2).min(limit::ASSIGN_RETRY_MILLIS_MAX);
            }
        }
    }

    /// Asks the primary registration server whether there is such an account.
    async fn exists(&self, account: &AccountName) -> Result<bool, ErrorReply> {
        let primary = self.view.with(|view| view.primary.get());
        let primary = primary.ok_or_else(no_registration)?;
        let subject = subject::rs(primary.id, RsVerb::LookupAccounts);
        let question = LookupAccounts {
            accounts: vec![account.clone()],
        };
        let within = self.patience.lookup;
        let answer = request::<_, AccountsLookedUp>(&self.nats, subject, &question, within).await;
        let answer = answer.map_err(|error| {
            tracing::debug!(account = %account, %error, "{account} not looked up");
            no_registration()
        })?;
        Ok(answer.unknown.is_empty())
    }

    /// The home is not written: the account does not count there.
    fn discount(&self, home: Affinity) {
        self.view.with(|view| view.homes.discount(home.server));
    }

    /// Writes a home. An error says whether somebody else's write is the reason.
    async fn write(
        &self,
        account: &AccountName,
        next: Affinity,
        revision: u64,
    ) -> Result<(), bool> {
        let bytes = cbor::encode(&next).into();
        let revision = match yoshi_planted::is(Fault::AssignWithoutCompare) {
            true => self.standing_revision(account).await,
            false => revision,
        };
        let written = self.store.update(account.as_str(), bytes, revision).await;
        self.view.with(|view| {
            view.homes.discount(next.server);
            if let Ok(revision) = &written {
                view.homes.stored(account.clone(), next, *revision);
            }
        });
        match written {
            Ok(_) => {
                let counted = if revision == 0 { "assigned" } else { "moved" };
                counter!(format!("yoshi_lb_accounts_{counted}_total")).increment(1);
                tracing::debug!(
                    account = %account, server.id = %next.server, epoch = %next.epoch,
                    "{account} {counted} to {}", next.server
                );
                Ok(())
            }
            Err(error) => {
                // Also error 10164, of a write that races with another one,
                // and timeouts, after which the write may still come: the next
                // attempt finds out.
                tracing::debug!(account = %account, %error, "home of {account} not written");
                Err(error.kind() == UpdateErrorKind::WrongLastRevision)
            }
        }
    }

    /// Whatever stands there, to be written over: of use to a planted fault alone.
    async fn standing_revision(&self, account: &AccountName) -> u64 {
        let entry = self.store.entry(account.as_str()).await;
        entry.ok().flatten().map_or(0, |entry| entry.revision)
    }

    /// Reads the account's entry from the bucket's leader into the view.
    /// Answers whether that worked.
    async fn read(&self, account: &AccountName) -> bool {
        let subject = format!("{}{account}", self.store.prefix);
        let last = self.store.stream.get_last_raw_message_by_subject(&subject);
        match last.await {
            Ok(message) => {
                let home = roster::decode_value::<Affinity>(&message.payload);
                let deleted = message.headers.get("KV-Operation").is_some();
                let held = match home {
                    Ok(home) if !deleted => Held::Home(home),
                    Err(ValueError::Later(_)) if !deleted => Held::Unreadable,
                    Ok(_) | Err(_) => Held::Marker,
                };
                self.view
                    .with(|view| view.homes.held(account, held, message.sequence));
                true
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                self.view.with(|view| view.homes.absent(account));
                true
            }
            Err(error) => {
                tracing::debug!(account = %account, %error, "home of {account} not read");
                false
            }
        }
    }
}

impl Waiting {
    fn add(&mut self, request: Request) -> Place {
        if self.requests >= limit::WAITING_MAX {
            return Place::Full(request);
        }
        let place = match self.accounts.get_mut(&request.account) {
            Some(requests) if requests.len() >= limit::WAITING_PER_ACCOUNT_MAX => {
                return Place::Full(request);
            }
            Some(requests) => {
                requests.push(request);
                Place::Queued
            }
            None => {
                self.accounts.insert(request.account.clone(), vec![request]);
                Place::First
            }
        };
        self.requests += 1;
        place
    }

    fn take(&mut self, account: &AccountName) -> Vec<Request> {
        let requests = self.accounts.remove(account).unwrap_or_default();
        self.requests -= requests.len();
        requests
    }
}

fn busy() -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Busy,
        "too many requests wait for a message server; ask again later",
    )
}

pub(crate) fn none_serving() -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Unavailable,
        "no message server is serving now; ask again later",
    )
}

fn no_registration() -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Unavailable,
        "no registration server says whether there is such an account; ask again later",
    )
}

fn unreadable(account: &AccountName) -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Unavailable,
        format!(
            "a later release of the load balancer wrote where {account} lives: ask again, or run that release"
        ),
    )
}

fn no_bucket() -> ErrorReply {
    ErrorReply::new(
        ErrorCode::Unavailable,
        "the account's message server cannot be decided now; ask again later",
    )
}
