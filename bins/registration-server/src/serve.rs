//! Answers requests: one file per opcode, and what they share. Only the primary
//! answers; a bounded number of requests is in hand at once.

mod auth_client;
mod change;
mod change_password;
mod degraded;
mod heartbeat;
mod list_accounts;
mod lock;
mod log_in;
mod log_out;
mod lookup_accounts;
mod new_acct;
mod rule;
mod server;
mod set_account;

pub(crate) use degraded::Freshness;
pub(crate) use server::{Parts, Server};

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use async_nats::{Message, SubscribeError, Subscriber};
use futures::stream::SelectAll;
use futures::{Stream, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::Done;
use yoshi_protocol::subject::{self, ClientVerb, RsVerb};
use yoshi_protocol::{Epoch, ErrorCode, ErrorReply};
use yoshi_service::request;

use crate::limit::{DRAIN_MAX, REQUESTS_IN_HAND_MAX};

/// What this server is asked; `POLL_RS` is the replica's.
const VERBS: [RsVerb; 9] = [
    RsVerb::Auth,
    RsVerb::Heartbeat,
    RsVerb::LookupAccounts,
    RsVerb::ListAccounts,
    RsVerb::SetAccount,
    RsVerb::Client(ClientVerb::NewAccount),
    RsVerb::Client(ClientVerb::LogIn),
    RsVerb::Client(ClientVerb::LogOut),
    RsVerb::Client(ClientVerb::ChangePassword),
];

/// The requests on their way to this server.
pub(crate) struct Requests(SelectAll<Asked>);

/// The requests of one verb, on one subject.
struct Asked {
    verb: RsVerb,
    messages: Subscriber,
}

impl Stream for Asked {
    type Item = (RsVerb, Message);

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let verb = self.verb;
        let next = self.messages.poll_next_unpin(task);
        next.map(|next| next.map(|message| (verb, message)))
    }
}

/// Listens on every subject of this server.
///
/// # Errors
/// [`SubscribeError`], if the connection is closed.
pub(crate) async fn subscribe(server: &Server) -> Result<Requests, SubscribeError> {
    let mut all = SelectAll::new();
    for verb in VERBS {
        let subject = subject::rs(server.id(), verb);
        let messages = server.nats().subscribe(subject).await?;
        all.push(Asked { verb, messages });
    }
    for verb in degraded::VERBS {
        let subject = subject::rs_any(verb).expect("these are what any server is asked");
        let group = subject::RS_QUEUE_GROUP.to_owned();
        let messages = server.nats().queue_subscribe(subject, group).await?;
        all.push(Asked { verb, messages });
    }
    Ok(Requests(all))
}

/// The requests at work. It ends in two steps, so that nobody is left without
/// an answer: see [`Serving::refuse`] and [`Serving::drain`].
pub(crate) struct Serving {
    server: Server,
    in_hand: Arc<Semaphore>,
    draining: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Serving {
    /// Answers from now on.
    pub(crate) fn start(server: Server, requests: Requests) -> Self {
        let in_hand = Arc::new(Semaphore::new(REQUESTS_IN_HAND_MAX));
        let (draining, drain) = oneshot::channel();
        let task = tokio::spawn(run(server.clone(), requests, Arc::clone(&in_hand), drain));
        Self {
            server,
            in_hand,
            draining,
            task,
        }
    }

    /// Finishes what is in hand, at most [`DRAIN_MAX`]. What comes meanwhile and
    /// afterwards is told to ask again: another server will be primary.
    pub(crate) async fn refuse(&self) {
        self.server.leave();
        all_done(&self.in_hand).await;
    }

    /// Unsubscribes, and answers what was delivered already.
    pub(crate) async fn drain(self) {
        drop(self.draining);
        let delivered = tokio::time::timeout(DRAIN_MAX, self.task).await;
        if delivered.is_err() {
            tracing::warn!("requests were not read to their end within {DRAIN_MAX:?}");
        }
        all_done(&self.in_hand).await;
    }

    /// Ends at once: there is no log for what is in hand.
    pub(crate) fn abort(self) {
        self.task.abort();
    }
}

async fn all_done(in_hand: &Semaphore) {
    let all = u32::try_from(REQUESTS_IN_HAND_MAX).unwrap_or(u32::MAX);
    let done = tokio::time::timeout(DRAIN_MAX, in_hand.acquire_many(all)).await;
    if done.is_err() {
        tracing::warn!("requests were still in hand after {DRAIN_MAX:?}");
    }
}

/// Hands out requests until `drain` is told or dropped, and then those that were
/// delivered before the subscriptions ended.
async fn run(
    server: Server,
    mut requests: Requests,
    in_hand: Arc<Semaphore>,
    mut drain: oneshot::Receiver<()>,
) {
    loop {
        let (verb, message) = tokio::select! {
            _ = &mut drain => break,
            Some(request) = requests.0.next() => request,
            else => break,
        };
        take(&server, &in_hand, verb, message).await;
    }
    for asked in requests.0.iter_mut() {
        if let Err(error) = asked.messages.drain().await {
            tracing::warn!(%error, "a subscription could not be drained");
        }
    }
    while let Some((verb, message)) = requests.0.next().await {
        take(&server, &in_hand, verb, message).await;
    }
}

async fn take(server: &Server, in_hand: &Arc<Semaphore>, verb: RsVerb, message: Message) {
    if server.is_leaving() {
        request::respond::<Done>(server.nats(), &message, Err(server::not_primary())).await;
        return;
    }
    let Ok(permit) = Arc::clone(in_hand).try_acquire_owned() else {
        metrics::counter!("yoshi_rs_requests_refused_busy_total").increment(1);
        let busy = ErrorReply::new(ErrorCode::Busy, "too many requests at once; try again");
        request::respond::<Done>(server.nats(), &message, Err(busy)).await;
        return;
    };
    let server = server.clone();
    tokio::spawn(async move {
        dispatch(server, verb, message).await;
        drop(permit);
    });
}

async fn dispatch(server: Server, verb: RsVerb, message: Message) {
    match verb {
        RsVerb::Auth if degraded::is_asked(verb, &message) => {
            degraded::answer(server, verb, message, auth_client::serve).await;
        }
        RsVerb::LookupAccounts if degraded::is_asked(verb, &message) => {
            degraded::answer(server, verb, message, lookup_accounts::serve).await;
        }
        RsVerb::Auth => answer(server, verb, message, auth_client::serve).await,
        RsVerb::Heartbeat => heartbeat::answer(server, message).await,
        RsVerb::LookupAccounts => answer(server, verb, message, lookup_accounts::serve).await,
        RsVerb::ListAccounts => answer(server, verb, message, list_accounts::serve).await,
        RsVerb::SetAccount => answer(server, verb, message, set_account::serve).await,
        RsVerb::Client(ClientVerb::NewAccount) => {
            answer(server, verb, message, new_acct::serve).await;
        }
        RsVerb::Client(ClientVerb::LogIn) => answer(server, verb, message, log_in::serve).await,
        RsVerb::Client(ClientVerb::LogOut) => answer(server, verb, message, log_out::serve).await,
        RsVerb::Client(ClientVerb::ChangePassword) => {
            answer(server, verb, message, change_password::serve).await;
        }
        // Message servers' verbs: never subscribed to here.
        RsVerb::Client(
            ClientVerb::Poll
            | ClientVerb::Task
            | ClientVerb::Change
            | ClientVerb::History
            | ClientVerb::Find,
        ) => {}
    }
}

/// What a server answers that has served a request, and is no longer primary: what it
/// has read may be old, but what it has changed is in the log.
fn deposed(verb: RsVerb, refusal: ErrorReply) -> ErrorReply {
    match verb {
        RsVerb::Client(_) | RsVerb::SetAccount => change::unknown(),
        RsVerb::Auth | RsVerb::Heartbeat | RsVerb::LookupAccounts | RsVerb::ListAccounts => refusal,
    }
}

/// Decodes a request, serves it in the epoch in which this server is primary,
/// and answers. What a server says as primary it must still be when it says it:
/// one that was paused meanwhile says something else instead, by [`deposed`].
async fn answer<Q, T, F, Fut>(server: Server, verb: RsVerb, message: Message, serve: F)
where
    Q: DeserializeOwned,
    T: Serialize,
    F: FnOnce(Server, Epoch, Q) -> Fut,
    Fut: Future<Output = Result<T, ErrorReply>>,
{
    let started = Instant::now();
    let result: Result<T, ErrorReply> = async {
        let epoch = server.primary_epoch()?;
        let request = cbor::decode(&message.payload, Bound::REQUEST)?;
        let result = serve(server.clone(), epoch, request).await?;
        let still = server.still_primary(epoch);
        still.map_err(|refusal| deposed(verb, refusal))?;
        Ok(result)
    }
    .await;
    let outcome = match &result {
        Ok(_) => "ok",
        Err(error) => error.code.as_str(),
    };
    metrics::counter!("yoshi_rs_requests_total", "verb" => verb.token(), "outcome" => outcome)
        .increment(1);
    metrics::histogram!("yoshi_rs_request_seconds", "verb" => verb.token())
        .record(started.elapsed().as_secs_f64());
    request::respond(server.nats(), &message, result).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_deposed_never_says_that_a_change_did_not_happen() {
        let unclear = VERBS
            .into_iter()
            .filter(|verb| deposed(*verb, server::not_primary()).code == ErrorCode::Unknown);
        let changes = [
            RsVerb::SetAccount,
            RsVerb::Client(ClientVerb::NewAccount),
            RsVerb::Client(ClientVerb::LogIn),
            RsVerb::Client(ClientVerb::LogOut),
            RsVerb::Client(ClientVerb::ChangePassword),
        ];
        assert_eq!(unclear.collect::<Vec<_>>(), changes);
    }
}
