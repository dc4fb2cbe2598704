//! `AUTH_CLIENT` and `LOOKUP_ACCOUNTS` without a primary, while the log is out of
//! reach: no lease can be renewed then, and message servers that only queue and
//! read ask any registration server, by a subject of its own.
//!
//! The answer is what this database held when it last followed the accounts log.
//! A password changed, a token ended or an account disabled since, where the log
//! is in reach, is not known here. So it is given for a limited time only, and
//! never by a server that has not been at the tail of the log in this life.

use std::time::{Duration, Instant};

use async_nats::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::subject::{self, RsVerb};
use yoshi_protocol::{Epoch, ErrorCode, ErrorReply};
use yoshi_replica::Standing;
use yoshi_service::request;

use super::Server;

/// What is asked of any registration server.
pub(super) const VERBS: [RsVerb; 2] = [RsVerb::Auth, RsVerb::LookupAccounts];

/// How fresh this server's accounts are.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    standing: watch::Receiver<Standing>,
    at_tail: watch::Receiver<Option<Instant>>,
    age_max: Duration,
}

impl Freshness {
    /// Follows the replica's standing. Answers are given for `age_max` after
    /// this server was last at the tail of the log.
    pub(crate) fn follow(standing: watch::Receiver<Standing>, age_max: Duration) -> Self {
        let (last, at_tail) = watch::channel(None);
        tokio::spawn(note(standing.clone(), last));
        Self {
            standing,
            at_tail,
            age_max,
        }
    }

    fn check(&self, now: Instant) -> Result<(), ErrorReply> {
        let standing = self.standing.borrow().clone();
        let fresh = match standing {
            Standing::AtTail => true,
            Standing::OutOfReach => {
                let last = *self.at_tail.borrow();
                last.is_some_and(|last| now.saturating_duration_since(last) < self.age_max)
            }
            _ => false,
        };
        if fresh {
            return Ok(());
        }
        let words = "this registration server has not followed the accounts log lately; ask again";
        Err(ErrorReply::new(ErrorCode::Unavailable, words))
    }
}

/// Notes when the server was last seen at the tail, for as long as anybody asks.
async fn note(mut standing: watch::Receiver<Standing>, last: watch::Sender<Option<Instant>>) {
    let mut was_at_tail = false;
    loop {
        let is_at_tail = *standing.borrow_and_update() == Standing::AtTail;
        if is_at_tail || was_at_tail {
            last.send_replace(Some(Instant::now()));
        }
        was_at_tail = is_at_tail;
        tokio::select! {
            changed = standing.changed() => if changed.is_err() { return },
            () = last.closed() => return,
        }
    }
}

/// Whether a message was sent to any registration server, and not to this one.
pub(super) fn is_asked(verb: RsVerb, message: &Message) -> bool {
    subject::rs_any(verb) == Some(message.subject.as_str())
}

/// Decodes a question, answers it from this server's database, whoever is primary.
pub(super) async fn answer<Q, T, F, Fut>(server: Server, verb: RsVerb, message: Message, serve: F)
where
    Q: DeserializeOwned,
    T: Serialize,
    F: FnOnce(Server, Epoch, Q) -> Fut,
    Fut: Future<Output = Result<T, ErrorReply>>,
{
    let result: Result<T, ErrorReply> = async {
        server.freshness().check(Instant::now())?;
        let question = cbor::decode(&message.payload, Bound::REQUEST)?;
        serve(server.clone(), Epoch(0), question).await
    }
    .await;
    let outcome = match &result {
        Ok(_) => "ok",
        Err(error) => error.code.as_str(),
    };
    metrics::counter!("yoshi_rs_degraded_requests_total", "verb" => verb.token(), "outcome" => outcome)
        .increment(1);
    request::respond(server.nats(), &message, result).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE_MAX: Duration = Duration::from_secs(60);

    async fn settled(freshness: &mut Freshness) {
        tokio::time::timeout(Duration::from_secs(5), freshness.at_tail.changed())
            .await
            .expect("it is noted")
            .expect("somebody notes it");
    }

    #[tokio::test]
    async fn answers_are_given_at_the_tail_and_for_a_while_after_it() {
        let (standing, receiver) = watch::channel(Standing::OutOfReach);
        let mut freshness = Freshness::follow(receiver, AGE_MAX);
        let now = Instant::now();
        assert!(freshness.check(now).is_err(), "it has never been there");
        standing.send_replace(Standing::AtTail);
        settled(&mut freshness).await;
        assert!(freshness.check(now + 2 * AGE_MAX).is_ok());
        standing.send_replace(Standing::OutOfReach);
        settled(&mut freshness).await;
        assert!(freshness.check(now + AGE_MAX / 2).is_ok());
        assert!(freshness.check(now + 2 * AGE_MAX).is_err());
        for unfit in [Standing::CatchingUp, Standing::Lost("it".into())] {
            standing.send_replace(unfit);
            assert!(freshness.check(now).is_err());
        }
    }
}
