//! Answers `QUERY_LB_FOR_RS` and `QUERY_LB_FOR_MS`.

use std::time::Instant;

use async_nats::{Client, Subscriber};
use futures::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use yoshi_protocol::ErrorReply;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::{PrimaryRs, QueryLbForMs, QueryLbForRs};
use yoshi_service::request::respond;

use crate::view::{SharedView, View};

/// Answers which registration server is primary.
pub(crate) async fn primary(questions: Subscriber, view: SharedView, nats: Client) {
    answer::<QueryLbForRs, _>(questions, &view, &nats, |view| PrimaryRs {
        primary: view.primary.get(),
    })
    .await;
}

/// Answers which message servers there are.
pub(crate) async fn message_servers(questions: Subscriber, view: SharedView, nats: Client) {
    answer::<QueryLbForMs, _>(questions, &view, &nats, |view| {
        view.message_servers(Instant::now())
    })
    .await;
}

async fn answer<Q: DeserializeOwned, A: Serialize>(
    mut questions: Subscriber,
    view: &SharedView,
    nats: &Client,
    look: impl Fn(&View) -> A,
) {
    while let Some(message) = questions.next().await {
        let answer = cbor::decode::<Q>(&message.payload, Bound::REQUEST)
            .map(|_| view.with(|view| look(view)))
            .map_err(ErrorReply::from);
        respond(nats, &message, answer).await;
    }
}
