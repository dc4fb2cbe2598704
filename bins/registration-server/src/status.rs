//! `SERVER_STATUS`: this server's report about itself, for operators.

use std::time::{Duration, Instant};

use async_nats::{Client, Message, Subscriber};
use futures::StreamExt;
use tokio::sync::watch;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::operate::{ServerReport, ServerState, ServerStatus};
use yoshi_protocol::{ErrorReply, Incarnation, ServerId, subject};
use yoshi_replica::Handle;
use yoshi_service::{Context, request};

use crate::election::Role;
use crate::rules::Outcome;

/// How long Postgres may take to say how far it holds the log.
const HELD_WITHIN: Duration = Duration::from_millis(500);

/// What a report is made of.
struct Status {
    id: ServerId,
    incarnation: Incarnation,
    host: String,
    nats: Client,
    replica: Handle<Outcome>,
    role: watch::Receiver<Role>,
    /// Where operators ask.
    requests: Subscriber,
}

/// Answers operators as long as the process lives.
///
/// # Errors
/// If NATS refuses the subscription.
pub(crate) async fn start(
    context: &Context,
    id: ServerId,
    incarnation: Incarnation,
    replica: &Handle<Outcome>,
    role: &watch::Receiver<Role>,
) -> Result<(), async_nats::SubscribeError> {
    let status = Status {
        id,
        incarnation,
        host: context.host.clone(),
        nats: context.nats.clone(),
        replica: replica.clone(),
        role: role.clone(),
        requests: context.nats.subscribe(subject::SERVER_STATUS).await?,
    };
    tokio::spawn(status.serve());
    Ok(())
}

impl Status {
    /// Answers until the subscription ends.
    async fn serve(mut self) {
        while let Some(message) = self.requests.next().await {
            let answer = self.answer(&message).await;
            request::respond(&self.nats, &message, answer).await;
        }
    }

    async fn answer(&self, message: &Message) -> Result<ServerReport, ErrorReply> {
        let ServerStatus {} = cbor::decode(&message.payload, Bound::REQUEST)?;
        let is_primary = self.role.borrow().primary_epoch(Instant::now()).is_some();
        let refusal = self
            .replica
            .standing()
            .borrow()
            .refusal()
            .map(str::to_owned);
        let (applied, block) = self.replica.held_with_block(HELD_WITHIN).await;
        Ok(ServerReport {
            id: self.id,
            host: self.host.clone(),
            // Only message servers are chosen by their load.
            load: 0,
            block,
            known: self.replica.known(),
            state: if is_primary {
                ServerState::Primary
            } else {
                ServerState::Backup
            },
            outbox: 0,
            stream: self.replica.stream(),
            applied,
            lineage: self.replica.lineage(),
            refusal,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            compared_at: None,
            incarnation: self.incarnation,
        })
    }
}
