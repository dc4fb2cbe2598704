//! `DESTROY_MS`: takes a message server out of the system for good. The bucket of
//! destroyed servers is the record; every load balancer follows it.

use async_nats::jetstream::kv::{Operation, Store};
use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::Done;
use yoshi_protocol::message::roster::{DestroyMs, DownReason, MsDown};
use yoshi_protocol::{ErrorCode, ErrorReply, ServerId, subject};
use yoshi_service::request::respond;

use crate::limit;
use crate::view::{SharedView, View};
use crate::watch::Heard;

/// Serves `DESTROY_MS`.
pub(crate) async fn run(mut requests: Subscriber, view: SharedView, store: Store, nats: Client) {
    while let Some(message) = requests.next().await {
        let done = match cbor::decode::<DestroyMs>(&message.payload, Bound::REQUEST) {
            Ok(request) => destroy(request, &view, &store, &nats).await,
            Err(error) => Err(error.into()),
        };
        respond(&nats, &message, done).await;
    }
}

/// What the bucket tells. One that was lost or restored takes nothing back: who
/// was destroyed stays so.
pub(crate) fn apply(view: &SharedView, heard: &Heard) {
    let Heard::Entry(entry) = heard else { return };
    let Ok(id) = entry.key.parse::<ServerId>() else {
        tracing::warn!(key = entry.key, "not the id of a server: {:?}", entry.key);
        return;
    };
    view.with(|view| match entry.operation {
        Operation::Put => view.roster.destroy(id),
        Operation::Delete | Operation::Purge => view.roster.restore(id),
    });
}

async fn destroy(
    request: DestroyMs,
    view: &SharedView,
    store: &Store,
    nats: &Client,
) -> Result<Done, ErrorReply> {
    view.with(|view| allowed(view, request))?;
    let id = request.id;
    record(id, store).await?;
    view.with(|view| view.roster.destroy(id));
    tracing::warn!(server.id = %id, "message server {id} destroyed");
    let down = MsDown {
        id,
        reason: DownReason::Destroyed,
        incarnation: None,
    };
    // Those who miss it learn it from the roster: the record is what counts.
    if let Err(error) = nats
        .publish(subject::MS_DOWN, cbor::encode(&down).into())
        .await
    {
        tracing::warn!(%error, server.id = %id, "MS_DOWN of {id} not sent");
    }
    Ok(Done {})
}

fn allowed(view: &View, request: DestroyMs) -> Result<(), ErrorReply> {
    let id = request.id;
    let known = request.known || view.roster.is_known(id);
    if !known && view.homes.accounts_of(id) == 0 && !view.roster.is_destroyed(id) {
        return Err(ErrorReply::new(
            ErrorCode::UnknownServer,
            format!("there is no message server {id}"),
        ));
    }
    if view.roster.is_serving(id) && view.roster.serving().count() == 1 {
        return Err(ErrorReply::new(
            ErrorCode::Unavailable,
            format!("{id} is the last message server that serves: start another one first"),
        ));
    }
    Ok(())
}

/// Writes the record. Writing it again changes nothing.
async fn record(id: ServerId, store: &Store) -> Result<(), ErrorReply> {
    let mut attempt = 1;
    loop {
        match store.put(id.to_string(), Bytes::new()).await {
            Ok(_) => return Ok(()),
            Err(error) if attempt < limit::DESTROY_ATTEMPTS_MAX => {
                tracing::debug!(%error, server.id = %id, "{id} not recorded, tried again");
                attempt += 1;
            }
            Err(error) => {
                tracing::error!(%error, server.id = %id, "{id} not recorded as destroyed");
                return Err(ErrorReply::new(
                    ErrorCode::Unavailable,
                    format!("it is not certain that {id} is recorded as destroyed: ask again"),
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;
    use yoshi_service::liveness::SILENT_MAX;

    use super::*;

    #[test]
    fn a_server_that_nobody_knows_is_more_likely_a_mistake() {
        let view = View::new(Instant::now(), SILENT_MAX);
        let refused = |known: bool| {
            let id = ServerId::random();
            allowed(&view, DestroyMs { id, known }).err()
        };
        let code = refused(false).map(|reply| reply.code);
        assert_eq!(code, Some(ErrorCode::UnknownServer));
        assert_eq!(refused(true), None);
    }
}
