//! SERVER_STATUS: this server's report about itself, for operators. It also
//! forgets servers that were destroyed: nobody has to ask for them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures::StreamExt;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::operate::{ServerReport, ServerState, ServerStatus};
use yoshi_protocol::message::roster::{DownReason, MessageServers, MsDown, MsState, QueryLbForMs};
use yoshi_protocol::{ErrorReply, Incarnation, ServerId, subject};
use yoshi_service::request;

use crate::requests::Server;
use crate::store::fork;

/// How long the database may take to say what a report needs of it.
const DATABASE_WITHIN: Duration = Duration::from_millis(500);
/// How often the load balancers are asked for the destroyed servers: each
/// destruction is also told at once.
const DESTROYED_EVERY: Duration = Duration::from_secs(60);
const DESTROYED_WITHIN: Duration = Duration::from_secs(1);

/// Answers for this server.
pub(crate) struct Status {
    id: ServerId,
    incarnation: Incarnation,
    host: String,
    server: Arc<Server>,
    /// Where operators ask.
    requests: Subscriber,
    /// Where destructions are told.
    downs: Subscriber,
}

impl Status {
    /// Listens.
    ///
    /// # Errors
    /// If NATS refuses a subscription.
    pub(crate) async fn open(
        id: ServerId,
        incarnation: Incarnation,
        host: &str,
        server: &Arc<Server>,
    ) -> Result<Self, async_nats::SubscribeError> {
        let nats = &server.nats;
        Ok(Self {
            id,
            incarnation,
            host: host.to_owned(),
            requests: nats.subscribe(subject::SERVER_STATUS).await?,
            downs: nats.subscribe(subject::MS_DOWN).await?,
            server: Arc::clone(server),
        })
    }

    /// Answers until the subscriptions end.
    pub(crate) async fn serve(mut self) {
        let mut look = tokio::time::interval(DESTROYED_EVERY);
        loop {
            tokio::select! {
                Some(message) = self.requests.next() => {
                    let answer = self.answer(&message).await;
                    request::respond(&self.server.nats, &message, answer).await;
                }
                Some(message) = self.downs.next() => self.heard_down(&message).await,
                _ = look.tick() => self.look_for_destroyed().await,
                else => return,
            }
        }
    }

    async fn answer(&self, message: &Message) -> Result<ServerReport, ErrorReply> {
        let ServerStatus {} = cbor::decode(&message.payload, Bound::REQUEST)?;
        Ok(self.report().await)
    }

    async fn report(&self) -> ServerReport {
        let comparison = tokio::time::timeout(DATABASE_WITHIN, fork::load(&self.server.pool)).await;
        let (compared_at, forked) = match comparison {
            Ok(Ok(comparison)) => (comparison.compared_at, comparison.fork),
            Ok(Err(_)) | Err(_) => (None, None),
        };
        let (applied, block) = self.server.replica.held_with_block(DATABASE_WITHIN).await;
        ServerReport {
            id: self.id,
            host: self.host.clone(),
            load: self.server.membership.in_hand().load(Ordering::Relaxed),
            block,
            known: self.server.replica.known(),
            state: state(self.server.membership.state(&self.server.replica)),
            outbox: self.server.outbox.entries(),
            stream: self.server.replica.stream(),
            applied,
            lineage: self.server.replica.lineage(),
            refusal: self.refusal(forked),
            release: env!("CARGO_PKG_VERSION").to_owned(),
            compared_at,
            incarnation: self.incarnation,
        }
    }

    /// Why this server does not serve, and what to do about it.
    fn refusal(&self, forked: Option<String>) -> Option<String> {
        let id = self.id;
        match forked {
            Some(what) => Some(format!(
                "this database differs from the other servers': {what}. Run `yoshi resync-server {id}`"
            )),
            None => {
                let standing = self.server.replica.standing();
                standing.borrow().refusal().map(str::to_owned)
            }
        }
    }

    async fn heard_down(&self, message: &Message) {
        if let Ok(down) = cbor::decode::<MsDown>(&message.payload, Bound::REQUEST)
            && down.reason == DownReason::Destroyed
        {
            self.server.replica.forget(down.id).await;
        }
    }

    async fn look_for_destroyed(&self) {
        let subject = subject::LB_QUERY_MS.to_owned();
        let answer = request::request::<_, MessageServers>(
            &self.server.nats,
            subject,
            &QueryLbForMs {},
            DESTROYED_WITHIN,
        );
        // Without a load balancer the next look tells.
        let Ok(servers) = answer.await else { return };
        let known = self.server.replica.known();
        for id in servers
            .destroyed
            .into_iter()
            .filter(|id| known.contains(id))
        {
            self.server.replica.forget(id).await;
        }
    }
}

const fn state(state: MsState) -> ServerState {
    match state {
        MsState::Joining => ServerState::Joining,
        MsState::Serving => ServerState::Serving,
        MsState::Behind => ServerState::Behind,
        MsState::Draining => ServerState::Draining,
    }
}
