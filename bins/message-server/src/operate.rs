//! What operators ask of one message server: DRAIN_MS and RESYNC_MS.

mod turn;

use std::time::Duration;

use async_nats::jetstream::{self, ContextBuilder};
use async_nats::{Client, Message, Subscriber};
use futures::StreamExt;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::Done;
use yoshi_protocol::message::log::{LogPage, PollLog};
use yoshi_protocol::message::operate::{DrainMs, INCARNATION_KEY, ResyncMs};
use yoshi_protocol::subject::{self, MsVerb, Role};
use yoshi_protocol::{ErrorCode, ErrorReply, Incarnation, Position};
use yoshi_replica::Handle;
use yoshi_service::request::{request, respond};

use self::turn::Turn;
use crate::membership::Membership;
use crate::rules::Outcome;

/// How long the others may take to be as far as this server was when asked.
/// Together with the next two it must be shorter than an operator's try.
const AHEAD_WITHIN: Duration = Duration::from_secs(2);
/// How long JetStream may take to say which stream it has.
const JETSTREAM_WITHIN: Duration = Duration::from_secs(2);
/// How long a neighbour may take to say whether its log continues this server's.
const PAGE_WITHIN: Duration = Duration::from_secs(1);
/// How long Postgres may take to say how far it holds the log.
const HELD_WITHIN: Duration = Duration::from_millis(500);
/// The pause between two looks at the others.
const AHEAD_PAUSE: Duration = Duration::from_millis(100);

/// How the server begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anew {
    /// Without any row: it follows this incarnation of the log from the beginning.
    Empty(Incarnation),
    /// With its rows as they are, which an operator trusts.
    AsItIs,
}

/// The operators' requests to one life of a server.
pub struct Operating {
    nats: Client,
    membership: Membership,
    replica: Handle<Outcome>,
    /// This life began empty.
    began_empty: bool,
    drains: Subscriber,
    resyncs: Subscriber,
}

impl Operating {
    /// Subscribes to them.
    ///
    /// # Errors
    /// If NATS refuses a subscription.
    pub async fn open(
        nats: &Client,
        membership: &Membership,
        replica: &Handle<Outcome>,
        began_empty: bool,
    ) -> Result<Self, async_nats::SubscribeError> {
        let id = membership.id();
        Ok(Self {
            nats: nats.clone(),
            membership: membership.clone(),
            replica: replica.clone(),
            began_empty,
            drains: nats.subscribe(subject::ms(id, MsVerb::Drain)).await?,
            resyncs: nats.subscribe(subject::ms(id, MsVerb::Resync)).await?,
        })
    }

    /// Serves operators until one of them wants the server to begin anew.
    pub async fn serve(&mut self) -> Anew {
        loop {
            tokio::select! {
                Some(message) = self.drains.next() => {
                    let done = self.drain(&message);
                    respond(&self.nats, &message, done).await;
                }
                Some(message) = self.resyncs.next() => {
                    let asked = self.resync(&message).await;
                    let anew = asked.as_ref().ok().copied().flatten();
                    respond(&self.nats, &message, asked.map(|_| Done {})).await;
                    if let Some(anew) = anew {
                        // The answer must not go down with this life.
                        if let Err(error) = self.nats.flush().await {
                            tracing::warn!(%error, "the operator may not hear the answer");
                        }
                        return anew;
                    }
                }
                // The connection is closed for good: the process ends.
                else => std::future::pending().await,
            }
        }
    }

    fn drain(&self, message: &Message) -> Result<Done, ErrorReply> {
        let DrainMs { drain, force } = cbor::decode(&message.payload, Bound::REQUEST)?;
        if drain && !force && !self.membership.another_serves(Position::ZERO) {
            let message = "no other message server serves: start one first, or insist with --force";
            return Err(ErrorReply::new(ErrorCode::Unsafe, message));
        }
        let wish = if drain { "drain" } else { "serve again" };
        tracing::warn!("an operator wants this server to {wish}");
        self.membership.wish_to_drain(drain);
        Ok(Done {})
    }

    /// Whether the server may begin anew, and how; none if it is doing so.
    async fn resync(&self, message: &Message) -> Result<Option<Anew>, ErrorReply> {
        let ResyncMs { keep, force } = cbor::decode(&message.payload, Bound::REQUEST)?;
        if keep {
            return Ok(Some(Anew::AsItIs));
        }
        // A repetition of the request that began this life.
        if self.began_empty && self.membership.is_joining() && !force {
            return Ok(None);
        }
        if force {
            return Ok(Some(Anew::Empty(self.stream().await?)));
        }
        let turn = Turn::take(
            &self.nats,
            self.membership.id(),
            self.membership.counted_on(),
        )
        .await?;
        let checked = async {
            self.another_has_everything().await?;
            let stream = self.stream().await?;
            turn.check()?;
            Ok(Some(Anew::Empty(stream)))
        };
        let checked = checked.await;
        if checked.is_err() {
            turn.give_up().await;
        }
        checked
    }

    async fn stream(&self) -> Result<Incarnation, ErrorReply> {
        let stream = stream(&self.nats).await;
        stream.map_err(|error| {
            let message = format!("the log cannot be reached, nothing is forgotten: {error}");
            ErrorReply::new(ErrorCode::Unavailable, message)
        })
    }

    /// Whether another server serves from a log that continues this server's, past
    /// what this one holds: what it does not continue was given up by an operator.
    async fn is_continued(&self, applied: Position) -> bool {
        let stream = self.replica.stream();
        let since = Position::ZERO;
        for id in self.membership.others_elsewhere(applied) {
            let subject = subject::poll_log(Role::Ms, id);
            let ask = PollLog { since, stream };
            // Whoever follows a log that does not continue this one refuses.
            let page = request::<_, LogPage>(&self.nats, subject, &ask, PAGE_WITHIN);
            if page.await.is_ok() {
                return true;
            }
        }
        false
    }

    async fn another_has_everything(&self) -> Result<(), ErrorReply> {
        let applied = self.replica.held(HELD_WITHIN).await;
        let ahead = async {
            while !self.membership.another_serves(applied) && !self.is_continued(applied).await {
                tokio::time::sleep(AHEAD_PAUSE).await;
            }
        };
        let waited = tokio::time::timeout(AHEAD_WITHIN, ahead).await;
        waited.map_err(|_| {
            let message = format!(
                "no other message server serves and has applied the log up to {applied}, as this \
                 one has: what only this one holds would be lost. Start another one, or insist \
                 with --force"
            );
            ErrorReply::new(ErrorCode::Unsafe, message)
        })
    }
}

/// The incarnation of the tasks log as it now is.
async fn stream(nats: &Client) -> Result<Incarnation, String> {
    let jetstream: jetstream::Context = ContextBuilder::new()
        .timeout(JETSTREAM_WITHIN)
        .build(nats.clone());
    let stream = jetstream.get_stream(subject::TASKS_STREAM).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let metadata = &stream.cached_info().config.metadata;
    let incarnation = metadata.get(INCARNATION_KEY);
    let incarnation = incarnation.and_then(|text| text.parse().ok());
    incarnation.ok_or_else(|| "the stream names no incarnation".to_owned())
}
