//! What every request is served with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Client;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use yoshi_protocol::message::roster::RsHeartbeat;
use yoshi_protocol::{AccountName, Epoch, ErrorCode, ErrorReply, Password, Position, ServerId};
use yoshi_replica::Handle;

use super::degraded::Freshness;
use super::lock::{AccountGuard, AccountLocks};
use crate::candidate::SharedBackups;
use crate::election::Role;
use crate::password::Passwords;
use crate::rules::{Account, Outcome};
use crate::store::query;
use crate::throttle::Throttle;

/// What a [`Server`] is made of.
pub(crate) struct Parts {
    /// This server.
    pub id: ServerId,
    /// The connection.
    pub nats: Client,
    /// Its database.
    pub pool: Pool,
    /// Its replica of the accounts log.
    pub replica: Handle<Outcome>,
    /// What it is at present.
    pub role: watch::Receiver<Role>,
    /// How fresh its accounts are without a primary.
    pub freshness: Freshness,
    /// The backups that it hears of.
    pub backups: SharedBackups,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// How long a token is valid, in milliseconds.
    pub token_millis: i64,
    /// Counts wrong passwords.
    pub throttle: Throttle,
    /// Fewest characters of a new password.
    pub password_chars_min: usize,
    /// How long a change may take until its outcome counts as unknown.
    pub change_max: Duration,
}

/// A registration server, as its requests see it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Server {
    parts: Arc<Parts>,
    locks: AccountLocks,
    leaving: Arc<AtomicBool>,
}

impl Server {
    /// A server of these parts.
    #[must_use]
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            locks: AccountLocks::default(),
            leaving: Arc::default(),
        }
    }

    /// This server takes no more requests.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(super) fn id(&self) -> ServerId {
        self.parts.id
    }

    pub(super) fn nats(&self) -> &Client {
        &self.parts.nats
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.parts.pool
    }

    pub(super) fn replica(&self) -> &Handle<Outcome> {
        &self.parts.replica
    }

    pub(super) fn passwords(&self) -> &Passwords {
        &self.parts.passwords
    }

    pub(super) fn token_millis(&self) -> i64 {
        self.parts.token_millis
    }

    pub(super) fn password_chars_min(&self) -> usize {
        self.parts.password_chars_min
    }

    pub(super) fn change_max(&self) -> Duration {
        self.parts.change_max
    }

    pub(super) fn applied(&self) -> Position {
        self.parts.replica.applied()
    }

    /// How fresh its accounts are.
    pub(super) fn freshness(&self) -> &Freshness {
        &self.parts.freshness
    }

    /// The epoch in which this server is primary now.
    pub(super) fn primary_epoch(&self) -> Result<Epoch, ErrorReply> {
        let role = *self.parts.role.borrow();
        role.primary_epoch(Instant::now()).ok_or_else(not_primary)
    }

    /// That it is still primary in the same epoch.
    pub(super) fn still_primary(&self, epoch: Epoch) -> Result<(), ErrorReply> {
        match self.primary_epoch() {
            Ok(now) if now == epoch => Ok(()),
            Ok(_) | Err(_) => Err(not_primary()),
        }
    }

    /// A backup was heard of.
    pub(super) fn heard(&self, beat: &RsHeartbeat) {
        let mut backups = self
            .parts
            .backups
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        backups.follow(self.parts.replica.stream());
        backups.heard(Instant::now(), beat);
    }

    /// The account, if there is one.
    pub(super) async fn account(&self, name: &AccountName) -> Result<Option<Account>, ErrorReply> {
        Ok(query::account(self.pool(), name).await?)
    }

    /// Whether a password is the one of this hash; `None`, for an account that
    /// cannot be used, takes as long and is false. Wrong ones are counted by
    /// name, whether there is such an account or not.
    pub(super) async fn verify(
        &self,
        name: &AccountName,
        password: &Password,
        hash: Option<String>,
    ) -> Result<bool, ErrorReply> {
        let throttle = &self.parts.throttle;
        let one = throttle.begin(name, Instant::now()).map_err(|wait| {
            metrics::counter!("yoshi_rs_passwords_throttled_total").increment(1);
            throttled(wait)
        })?;
        let right = self.passwords().verify(password, hash).await?;
        if right {
            one.succeeded();
        } else {
            metrics::counter!("yoshi_rs_passwords_wrong_total").increment(1);
            one.failed(Instant::now());
        }
        Ok(right)
    }

    /// Keeps other changes of the account out until the guard is dropped.
    pub(super) async fn lock(&self, name: &AccountName) -> AccountGuard {
        self.locks.lock(name).await
    }
}

pub(super) fn not_primary() -> ErrorReply {
    let words = "this registration server is not the primary; ask again";
    ErrorReply::new(ErrorCode::NotPrimary, words)
}

/// The same for a right password: what is refused here was not looked at.
fn throttled(wait: Duration) -> ErrorReply {
    let seconds = wait.as_millis().div_ceil(1_000);
    let words = format!(
        "too many wrong passwords for this account; try again in {seconds} s, or use a token"
    );
    ErrorReply::new(ErrorCode::Busy, words)
}

pub(super) fn unauthenticated() -> ErrorReply {
    let words = "the account and its password or token do not belong together";
    ErrorReply::new(ErrorCode::Unauthenticated, words)
}

impl From<query::Error> for ErrorReply {
    fn from(error: query::Error) -> Self {
        tracing::warn!(%error, "the database gave no answer");
        Self::new(
            ErrorCode::Unavailable,
            "the accounts cannot be read at the moment; try again",
        )
    }
}
