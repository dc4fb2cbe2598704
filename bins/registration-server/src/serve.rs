//! Answers requests: one file per opcode, and what they share. Only the primary
//! answers; a bounded number of requests is in hand at once.

mod auth_client;
mod change;
mod change_password;
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

pub(crate) use server::{Parts, Server};

use std::sync::Arc;
use std::time::Instant;

use async_nats::{Message, SubscribeError};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
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
pub(crate) struct Requests(BoxStream<'static, (RsVerb, Message)>);

/// Listens on every subject of this server.
///
/// # Errors
/// [`SubscribeError`], if the connection is closed.
pub(crate) async fn subscribe(server: &Server) -> Result<Requests, SubscribeError> {
    let mut all = Vec::with_capacity(VERBS.len());
    for verb in VERBS {
        let subject = subject::rs(server.id(), verb);
        let messages = server.nats().subscribe(subject).await?;
        all.push(messages.map(move |message| (verb, message)).boxed());
    }
    Ok(Requests(stream::select_all(all).boxed()))
}

/// Answers until `stop` ends, then finishes what is in hand, at most [`DRAIN_MAX`].
pub(crate) async fn run(server: Server, mut requests: Requests, stop: impl Future<Output = ()>) {
    let in_hand = Arc::new(Semaphore::new(REQUESTS_IN_HAND_MAX));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (verb, message) = tokio::select! {
            () = &mut stop => break,
            Some(request) = requests.0.next() => request,
            else => break,
        };
        let Ok(permit) = Arc::clone(&in_hand).try_acquire_owned() else {
            metrics::counter!("yoshi_rs_requests_refused_busy_total").increment(1);
            let busy = ErrorReply::new(ErrorCode::Busy, "too many requests at once; try again");
            request::respond::<Done>(server.nats(), &message, Err(busy)).await;
            continue;
        };
        let server = server.clone();
        tokio::spawn(async move {
            dispatch(server, verb, message).await;
            drop(permit);
        });
    }
    drop(requests);
    let all = u32::try_from(REQUESTS_IN_HAND_MAX).unwrap_or(u32::MAX);
    let drained = tokio::time::timeout(DRAIN_MAX, in_hand.acquire_many(all)).await;
    if drained.is_err() {
        tracing::warn!(
            "requests were still in hand after {} s",
            DRAIN_MAX.as_secs()
        );
    }
}

async fn dispatch(server: Server, verb: RsVerb, message: Message) {
    match verb {
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
        RsVerb::Client(ClientVerb::Poll | ClientVerb::Task) => {}
    }
}

/// Decodes a request, serves it in the epoch in which this server is primary,
/// and answers. What a server says as primary it must still be when it says it:
/// one that was paused meanwhile says `not_primary` instead.
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
        server.still_primary(epoch)?;
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
