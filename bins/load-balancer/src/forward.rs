//! Forwards each client's request, unread, to whoever answers it: its account's
//! home, or the primary registration server. The answer goes to the client
//! directly, by the reply subject that is passed on.
//!
//! This is the hot path. With a home that serves, a request costs one look at
//! the view and one publish.

use std::pin::pin;

use async_nats::{Client, HeaderMap, HeaderValue, Message, PublishError, Subject, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use metrics::{Counter, counter};
use yoshi_protocol::message::Done;
use yoshi_protocol::message::roster::Affinity;
use yoshi_protocol::subject::{self, ClientVerb, Role, RsVerb};
use yoshi_protocol::{AccountName, ErrorCode, ErrorReply, Reply, cbor, header, limit};
use yoshi_service::Shutdown;

use crate::assign::Assigner;
use crate::view::SharedView;

/// A client's request, as far as a load balancer reads it.
pub(crate) struct ClientRequest {
    pub(crate) account: AccountName,
    verb: ClientVerb,
    reply: Subject,
    payload: Bytes,
}

/// Sends requests on, or refuses them.
#[derive(Clone)]
pub(crate) struct Forwarder {
    nats: Client,
    forwarded: Counter,
    refused: Counter,
}

/// Takes clients' requests until shutdown, and then those that are here already.
pub(crate) async fn run(
    mut requests: Subscriber,
    view: SharedView,
    forwarder: Forwarder,
    assigner: Assigner,
    shutdown: Shutdown,
) {
    let mut stop = pin!(shutdown.requested());
    let mut draining = false;
    loop {
        let message = tokio::select! {
            biased;
            () = &mut stop, if !draining => {
                draining = true;
                if let Err(error) = requests.drain().await {
                    tracing::warn!(%error, "requests are not drained");
                    break;
                }
                continue;
            }
            message = requests.next() => message,
        };
        let Some(message) = message else { break };
        match ClientRequest::read(message) {
            Ok(request) => match request.verb.role() {
                Role::Ms => to_ms(request, &view, &forwarder, &assigner).await,
                Role::Rs => to_rs(request, &view, &forwarder).await,
            },
            Err(Some((reply, error))) => forwarder.answer(&reply, &error).await,
            // Nobody would learn the outcome.
            Err(None) => forwarder.refused.increment(1),
        }
    }
    assigner.idle().await;
}

async fn to_ms(
    request: ClientRequest,
    view: &SharedView,
    forwarder: &Forwarder,
    assigner: &Assigner,
) {
    match view.with(|view| view.route(&request.account)) {
        Some(home) => forwarder.to_home(request, home).await,
        None => assigner.request(request).await,
    }
}

async fn to_rs(request: ClientRequest, view: &SharedView, forwarder: &Forwarder) {
    match view.with(|view| view.primary.get()) {
        Some(primary) => {
            let subject = subject::rs(primary.id, RsVerb::Client(request.verb));
            let reply = passed_on(&request.reply);
            let sent = forwarder
                .nats
                .publish_with_reply(subject, reply, request.payload.clone());
            let sent = sent.await;
            forwarder.settle(&request, sent).await;
        }
        None => {
            let error = ErrorReply::new(
                ErrorCode::Unavailable,
                "no registration server is primary now; ask again later",
            );
            forwarder.refuse(&request, &error).await;
        }
    }
}

impl ClientRequest {
    /// Reads the subject. An error comes with the reply subject, if there is one.
    fn read(message: Message) -> Result<Self, Option<(Subject, ErrorReply)>> {
        let Some(reply) = message.reply else {
            return Err(None);
        };
        let Some((account, verb)) = subject::parse_client(&message.subject) else {
            return Err(Some((reply, unreadable(&message.subject))));
        };
        let bytes = message.payload.len();
        if bytes > limit::REQUEST_BYTES_MAX {
            let text = format!(
                "{bytes} bytes are more than the {} that a request may have",
                limit::REQUEST_BYTES_MAX
            );
            return Err(Some((reply, ErrorReply::new(ErrorCode::TooLarge, text))));
        }
        Ok(Self {
            account,
            verb,
            reply,
            payload: message.payload,
        })
    }
}

/// Why a subject names no account and verb.
fn unreadable(subject: &str) -> ErrorReply {
    let mut tokens = subject.rsplit('.');
    let (_verb, account) = (tokens.next(), tokens.next());
    match AccountName::new(account.unwrap_or_default()) {
        Err(error) => ErrorReply::new(ErrorCode::InvalidName, error),
        Ok(_) => ErrorReply::new(
            ErrorCode::Malformed,
            "there is no such request to an account",
        ),
    }
}

/// The reply subject to forward with: NATS refuses the client's own one.
fn passed_on(reply: &Subject) -> Subject {
    match subject::forwarded_reply(reply) {
        Some(reply) => reply.into(),
        // Of somebody in the servers' own NATS account.
        None => reply.clone(),
    }
}

impl Forwarder {
    pub(crate) fn new(nats: Client) -> Self {
        Self {
            nats,
            forwarded: counter!("yoshi_lb_requests_forwarded_total"),
            refused: counter!("yoshi_lb_requests_refused_total"),
        }
    }

    /// Sends a request to its account's home, with the epoch.
    pub(crate) async fn to_home(&self, request: ClientRequest, home: Affinity) {
        // Nothing of the client's own headers: they would be believed.
        let mut headers = HeaderMap::new();
        headers.insert(header::EPOCH, HeaderValue::from(home.epoch.0));
        let subject = subject::ms_client(home.server, request.verb, &request.account);
        let reply = passed_on(&request.reply);
        let payload = request.payload.clone();
        let sent = self
            .nats
            .publish_with_reply_and_headers(subject, reply, headers, payload)
            .await;
        self.settle(&request, sent).await;
    }

    /// Answers a request that goes nowhere.
    pub(crate) async fn refuse(&self, request: &ClientRequest, error: &ErrorReply) {
        self.answer(&request.reply, error).await;
    }

    async fn settle(&self, request: &ClientRequest, sent: Result<(), PublishError>) {
        match sent {
            Ok(()) => self.forwarded.increment(1),
            Err(error) => {
                tracing::warn!(account = %request.account, %error, "request not forwarded");
                let error = ErrorReply::new(
                    ErrorCode::Unavailable,
                    "the request could not be passed on; ask again later",
                );
                self.refuse(request, &error).await;
            }
        }
    }

    async fn answer(&self, reply: &Subject, error: &ErrorReply) {
        self.refused.increment(1);
        let answer = cbor::encode(&Reply::<Done>::Error(error.clone()));
        if let Err(error) = self.nats.publish(reply.clone(), answer.into()).await {
            tracing::warn!(%error, "refusal not sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, bytes: usize) -> Message {
        Message {
            subject: subject.into(),
            reply: Some("_INBOX.a".into()),
            payload: vec![0; bytes].into(),
            headers: None,
            status: None,
            description: None,
            length: bytes,
        }
    }

    fn refused(subject: &str, bytes: usize) -> ErrorCode {
        match ClientRequest::read(message(subject, bytes)) {
            Err(Some((_, error))) => error.code,
            Err(None) => panic!("answered nobody"),
            Ok(_) => panic!("{subject} accepted"),
        }
    }

    #[test]
    fn a_request_is_read_from_its_subject_alone() {
        let request = ClientRequest::read(message("yoshi.v1.client.ana.task", 3)).ok();
        let request = request.unwrap();
        assert_eq!(request.account.as_str(), "ana");
        assert_eq!(request.verb, ClientVerb::Task);
    }

    #[test]
    fn what_cannot_be_forwarded_is_refused_by_its_code() {
        assert_eq!(
            refused("yoshi.v1.client.Ana.task", 0),
            ErrorCode::InvalidName
        );
        assert_eq!(
            refused("yoshi.v1.client.$x.task", 0),
            ErrorCode::InvalidName
        );
        assert_eq!(refused("yoshi.v1.client.ana.fly", 0), ErrorCode::Malformed);
        let bytes = limit::REQUEST_BYTES_MAX + 1;
        assert_eq!(
            refused("yoshi.v1.client.ana.task", bytes),
            ErrorCode::TooLarge
        );
    }
}
