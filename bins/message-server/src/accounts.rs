//! Who may ask, and who may be asked: AUTH_CLIENT and LOOKUP_ACCOUNTS, with
//! the memory of [`crate::credentials`] in front.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Client;
use futures::StreamExt;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::account::{
    AccountChanged, AccountsLookedUp, AuthClient, Authenticated, LookupAccounts,
};
use yoshi_protocol::subject::{self, RsVerb};
use yoshi_protocol::{AccountName, Credential, ErrorCode, ErrorReply};

use crate::credentials::Credentials;
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

    /// Makes sure that the credential is the account's.
    ///
    /// # Errors
    /// An [`ErrorReply`] for the client: the same for an unknown account.
    pub async fn authenticate(
        &self,
        account: &AccountName,
        credential: Credential,
    ) -> Result<(), ErrorReply> {
        let asked = {
            let memory = self.memory();
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
        let answer: Authenticated = self.registration.ask(RsVerb::Auth, &question).await?;
        if !answer.valid {
            let message = "the account or its password is not right, or the log-in has ended";
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
    pub async fn check_recipients(&self, recipients: &[AccountName]) -> Result<(), ErrorReply> {
        let (asked, unsure) = {
            let (memory, now) = (self.memory(), Instant::now());
            let unsure = recipients
                .iter()
                .filter(|account| !memory.exists(account, now));
            (memory.asked(), unsure.cloned().collect::<Vec<_>>())
        };
        if unsure.is_empty() {
            return Ok(());
        }
        let question = LookupAccounts { accounts: unsure };
        let answer: AccountsLookedUp = self
            .registration
            .ask(RsVerb::LookupAccounts, &question)
            .await?;
        let unknown = answer.unknown;
        let now = Instant::now();
        let found = question
            .accounts
            .iter()
            .filter(|account| !unknown.contains(account));
        let mut memory = self.memory();
        found.for_each(|account| memory.found(asked, account, now));
        drop(memory);
        if unknown.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = unknown.into_iter().map(String::from).collect();
        let message = format!(
            "unknown or disabled recipients: {}; nothing was sent",
            names.join(", ")
        );
        Err(ErrorReply::new(ErrorCode::UnknownRecipients, message).about(names))
    }

    fn memory(&self) -> MutexGuard<'_, Credentials> {
        // The memory holds no invariant that a panic could break.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
