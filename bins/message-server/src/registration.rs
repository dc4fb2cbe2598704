//! The registration servers, as a message server sees them: which one is
//! primary, and requests to it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use futures::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::{NewPrimReg, PrimaryRs, QueryLbForRs};
use yoshi_protocol::subject::{self, RsVerb};
use yoshi_protocol::{ErrorCode, ErrorReply};
use yoshi_service::request::{self, request};

/// How often any registration server is asked before the client hears of it:
/// each try may reach another one.
const ANY_TRIES: u32 = 3;
const LB_TIMEOUT: Duration = Duration::from_secs(1);
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(1);

/// How long the registration servers may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// One client's request waits so long for all tries together.
    pub in_all: Duration,
    /// One try waits so long.
    pub one_try: Duration,
}

/// Requests to the primary registration server. Cheap to clone.
#[derive(Clone)]
pub struct Registration {
    nats: Client,
    patience: Patience,
    primary: Arc<watch::Sender<Option<NewPrimReg>>>,
}

impl Registration {
    /// Listens to NEW_PRIM_REG from now on.
    ///
    /// # Errors
    /// If NATS refuses the subscription.
    pub async fn listen(
        nats: Client,
        patience: Patience,
    ) -> Result<Self, async_nats::SubscribeError> {
        let mut announcements = nats.subscribe(subject::RS_NEW_PRIMARY).await?;
        let registration = Self {
            nats,
            patience,
            primary: Arc::new(watch::Sender::new(None)),
        };
        let listening = registration.clone();
        tokio::spawn(async move {
            while let Some(message) = announcements.next().await {
                match cbor::decode(&message.payload, Bound::REQUEST) {
                    Ok(primary) => listening.learn(primary),
                    Err(error) => tracing::warn!(%error, "an announcement cannot be read"),
                }
            }
        });
        Ok(registration)
    }

    /// Changes whenever another primary is known.
    #[must_use]
    pub fn primary_changes(&self) -> watch::Receiver<Option<NewPrimReg>> {
        self.primary.subscribe()
    }

    /// Asks the primary, wherever it is now, until it answers or the deadline
    /// passes. For requests that may be repeated.
    ///
    /// # Errors
    /// An [`ErrorReply`] for the client.
    pub async fn ask<Q: Serialize + Sync, T: DeserializeOwned>(
        &self,
        verb: RsVerb,
        question: &Q,
    ) -> Result<T, ErrorReply> {
        let Patience { in_all, one_try } = self.patience;
        let deadline = Instant::now() + in_all;
        let mut pause = PAUSE_FIRST;
        loop {
            let known = *self.primary.borrow();
            let primary = match known {
                Some(primary) => Some(primary),
                None => self.query_lb().await,
            };
            if let Some(primary) = primary {
                let within = one_try.min(deadline.saturating_duration_since(Instant::now()));
                let subject = subject::rs(primary.id, verb);
                match request(&self.nats, subject, question, within).await {
                    Ok(answer) => return Ok(answer),
                    Err(request::Error::Refused(refusal)) if !refusal.code.is_retryable() => {
                        return Err(refusal);
                    }
                    Err(error) => {
                        tracing::debug!(%error, "the primary registration server did not answer");
                        self.forget(primary);
                    }
                }
            }
            if Instant::now() + pause >= deadline {
                let message = "no registration server answers; try again in a moment";
                return Err(ErrorReply::new(ErrorCode::Unavailable, message));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_LONGEST);
        }
    }

    /// Asks any registration server, primary or not, for what its own database
    /// says: while the log is out of reach none can be primary. `verb` must be
    /// one that any of them answers.
    ///
    /// # Errors
    /// An [`ErrorReply`] for the client.
    pub async fn ask_any<Q: Serialize + Sync, T: DeserializeOwned>(
        &self,
        verb: RsVerb,
        question: &Q,
    ) -> Result<T, ErrorReply> {
        let subject = subject::rs_any(verb).expect("only such verbs are asked");
        let Patience { in_all, one_try } = self.patience;
        let deadline = Instant::now() + in_all;
        for _ in 0..ANY_TRIES {
            let within = one_try.min(deadline.saturating_duration_since(Instant::now()));
            let answer = request(&self.nats, subject.to_owned(), question, within).await;
            match answer {
                Ok(answer) => return Ok(answer),
                Err(request::Error::Refused(refusal)) if !refusal.code.is_retryable() => {
                    return Err(refusal);
                }
                Err(error) => tracing::debug!(%error, "a registration server did not answer"),
            }
            tokio::time::sleep(PAUSE_FIRST).await;
        }
        let message = "the log is out of reach, and no registration server answers; try again";
        Err(ErrorReply::new(ErrorCode::Unavailable, message))
    }

    /// QUERY_LB_FOR_RS.
    async fn query_lb(&self) -> Option<NewPrimReg> {
        let subject = subject::LB_QUERY_RS.to_owned();
        match request::<_, PrimaryRs>(&self.nats, subject, &QueryLbForRs {}, LB_TIMEOUT).await {
            Ok(answer) => {
                answer
                    .primary
                    .into_iter()
                    .for_each(|primary| self.learn(primary));
                answer.primary
            }
            Err(error) => {
                tracing::debug!(%error, "no load balancer names the primary");
                None
            }
        }
    }

    fn learn(&self, primary: NewPrimReg) {
        self.primary.send_if_modified(|known| {
            let newer = known.is_none_or(|known| known.epoch < primary.epoch);
            if newer {
                *known = Some(primary);
            }
            newer
        });
    }

    /// The primary did not answer: the load balancers may know a better one.
    fn forget(&self, primary: NewPrimReg) {
        self.primary
            .send_if_modified(|known| known.take_if(|known| *known == primary).is_some());
    }
}
