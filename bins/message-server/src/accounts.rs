//! Who may ask, and who may be asked: AUTH_CLIENT and LOOKUP_ACCOUNTS, with
//! the memory of [`crate::credentials`] in front.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::account::{
    AccountChanged, AccountsLookedUp, AuthClient, Authenticated, LookupAccounts,
};
use yoshi_protocol::subject::{self, RsVerb};
use yoshi_protocol::{AccountName, Credential, ErrorCode, ErrorReply};

use crate::credentials::Credentials;
use crate::footing::Footing;
use crate::registration::Registration;

/// Questions about accounts. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    registration: Registration,
    memory: Arc<Mutex<Credentials>>,
}

impl Accounts {
    /// Listens to ACCOUNT_CHANGED from now on.
    ///
    /// # Errors
    /// If NATS refuses the subscription.
    pub async fn listen(
        nats: &Client,
        registration: Registration,
        remember: Duration,
    ) -> Result<Self, async_nats::SubscribeError> {
        let mut changes = nats.subscribe(subject::RS_CHANGED).await?;
        let key = [
            uuid::Uuid::new_v4().into_bytes(),
            uuid::Uuid::new_v4().into_bytes(),
        ];
        let key = key.concat().try_into().expect("two UUIDs are 32 bytes");
        let memory = Arc::new(Mutex::new(Credentials::new(key, remember)));
        let accounts = Self {
            registration,
            memory,
        };
        let listening = accounts.clone();
        tokio::spawn(async move {
            while let Some(message) = changes.next().await {
                match cbor::decode::<AccountChanged>(&message.payload, Bound::ANSWER) {
                    Ok(change) => listening.memory().forget(&change.accounts),
                    Err(error) => tracing::warn!(%error, "an account change cannot be read"),
                }
            }
        });
        let mut primaries = accounts.registration.primary_changes();
        let listening = accounts.clone();
        tokio::spawn(async move {
            let mut epoch = None;
            while primaries.changed().await.is_ok() {
                let now = primaries.borrow_and_update().map(|primary| primary.epoch);
                if now.is_some() && now != epoch {
                    epoch = now;
                    listening.memory().forget_all();
                }
            }
        });
        Ok(accounts)
    }

    /// Makes sure that the credential is the account's. Without the log any
    /// registration server is asked, which may not know the latest changes.
    ///
    /// # Errors
    /// An [`ErrorReply`] for the client: the same for an unknown account.
    pub async fn authenticate(
        &self,
        account: &AccountName,
        credential: Credential,
        footing: Footing,
    ) -> Result<(), ErrorReply> {
        let asked = {
            let mut memory = self.memory();
            memory.without_primary(footing != Footing::Log);
            if memory.is_verified(account, &credential, Instant::now()) {
                return Ok(());
            }
            memory.asked()
        };
        metrics::counter!("yoshi_credentials_asked_total").increment(1);
        let question = AuthClient {
            account: account.clone(),
            credential,
        };
        let answer: Authenticated = self.ask(RsVerb::Auth, &question, footing).await?;
        if !answer.valid {
            let message = match footing {
                Footing::Log => "the account or its password is not right, or the log-in has ended",
                Footing::Reading | Footing::Queueing => {
                    "the account or its password is not right, or the log-in has ended, as far as is \
                     known here: the log is out of reach, and the latest changes may be missing"
                }
            };
            return Err(ErrorReply::new(ErrorCode::Unauthenticated, message));
        }
        self.memory()
            .verified(asked, account, &question.credential, Instant::now());
        Ok(())
    }

    /// Makes sure that every recipient can be sent to.
    ///
    /// # Errors
    /// An [`ErrorReply`] for the client that names each that cannot.
    pub async fn check_recipients(
        &self,
        recipients: &[AccountName],
        footing: Footing,
    ) -> Result<(), ErrorReply> {
        let unknown = self.unusable(recipients, footing).await?;
        if unknown.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = unknown.into_iter().map(String::from).collect();
        let joined = names.join(", ");
        let refusal = match footing {
            Footing::Log => ErrorReply::new(
                ErrorCode::UnknownRecipients,
                format!("unknown or disabled recipients: {joined}; nothing was sent"),
            ),
            // They may exist where the log is in reach.
            Footing::Reading | Footing::Queueing => ErrorReply::new(
                ErrorCode::Unavailable,
                format!(
                    "unknown or disabled recipients, as far as is known here: {joined}; the log is \
                     out of reach, and the latest accounts may be missing; nothing was queued"
                ),
            ),
        };
        Err(refusal.about(names))
    }

    /// Makes sure that an account, whose credential another server has checked,
    /// still exists and is enabled.
    ///
    /// # Errors
    /// An [`ErrorReply`] for its sender.
    pub async fn check_sender(&self, account: &AccountName) -> Result<(), ErrorReply> {
        let accounts = std::slice::from_ref(account);
        if self.unusable(accounts, Footing::Log).await?.is_empty() {
            return Ok(());
        }
        let message = "the account was disabled, or does not exist; nothing was sent";
        Err(ErrorReply::new(ErrorCode::Unauthenticated, message))
    }

    /// Those of the accounts that do not exist, or are disabled.
    async fn unusable(
        &self,
        accounts: &[AccountName],
        footing: Footing,
    ) -> Result<Vec<AccountName>, ErrorReply> {
        let (asked, unsure) = {
            let (memory, now) = (self.memory(), Instant::now());
            let unsure = accounts
                .iter()
                .filter(|account| !memory.exists(account, now));
            (memory.asked(), unsure.cloned().collect::<Vec<_>>())
        };
        if unsure.is_empty() {
            return Ok(Vec::new());
        }
        let question = LookupAccounts { accounts: unsure };
        let answer: AccountsLookedUp = self.ask(RsVerb::LookupAccounts, &question, footing).await?;
        let unknown = answer.unknown;
        let now = Instant::now();
        let found = question
            .accounts
            .iter()
            .filter(|account| !unknown.contains(account));
        let mut memory = self.memory();
        found.for_each(|account| memory.found(asked, account, now));
        drop(memory);
        Ok(unknown)
    }

    async fn ask<Q: Serialize + Sync, T: DeserializeOwned>(
        &self,
        verb: RsVerb,
        question: &Q,
        footing: Footing,
    ) -> Result<T, ErrorReply> {
        match footing {
            Footing::Log => self.registration.ask(verb, question).await,
            Footing::Reading | Footing::Queueing => self.registration.ask_any(verb, question).await,
        }
    }

    fn memory(&self) -> MutexGuard<'_, Credentials> {
        // The memory holds no invariant that a panic could break.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
