//! Forwards each request of a client, or of an outbox, unread, to whoever answers it: its account's
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

use crate::assign::{Assigner, none_serving};
use crate::view::SharedView;

/// A request, as far as a load balancer reads it.
pub(crate) struct Request {
    pub(crate) account: AccountName,
    kind: Kind,
    reply: Subject,
    payload: Bytes,
}

/// Who asks for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A client.
    Client(ClientVerb),
    /// A message server, for a task in its outbox.
    Outbox,
}

/// Sends requests on, or refuses them.
#[derive(Clone)]
pub(crate) struct Forwarder {
    nats: Client,
    forwarded: Counter,
    refused: Counter,
}

/// Takes requests until shutdown, and then the clients' that are here already.
pub(crate) async fn run(
    mut requests: Subscriber,
    mut outboxes: Subscriber,
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
            // Few, and each is asked again if it is not answered.
            Some(message) = outboxes.next(), if !draining => Some(message),
            message = requests.next() => message,
        };
        let Some(message) = message else { break };
        match Request::read(message) {
            Ok(request) => match request.kind {
                Kind::Client(verb) if verb.role() == Role::Rs => {
                    to_rs(request, verb, &view, &forwarder).await;
                }
                Kind::Client(_) | Kind::Outbox => {
                    to_ms(request, &view, &forwarder, &assigner).await;
                }
            },
            Err(unreadable) => forwarder.refuse_unread(unreadable).await,
        }
    }
    assigner.idle().await;
}

/// Takes clients' requests while the buckets have not been read yet: nothing can
/// be assigned, and only the pings tell who is there.
pub(crate) async fn without_buckets(
    mut requests: Subscriber,
    view: &SharedView,
    forwarder: &Forwarder,
) {
    while let Some(message) = requests.next().await {
        match Request::read(message) {
            Ok(request) => match request.kind {
                Kind::Client(verb) if verb.role() == Role::Rs => {
                    to_rs(request, verb, view, forwarder).await;
                }
                Kind::Client(_) | Kind::Outbox => match stopgap(&request, view) {
                    Some(server) => forwarder.to_ms(request, server).await,
                    None => forwarder.refuse(&request, &none_serving()).await,
                },
            },
            Err(unreadable) => forwarder.refuse_unread(unreadable).await,
        }
    }
}

/// Whom to ask without the log. A task that is queued already is not queued anew.
fn stopgap(request: &Request, view: &SharedView) -> Option<Affinity> {
    match request.kind {
        Kind::Client(verb) => view.with(|view| view.stopgap(&request.account, verb.is_read())),
        Kind::Outbox => None,
    }
}

async fn to_ms(request: Request, view: &SharedView, forwarder: &Forwarder, assigner: &Assigner) {
    let home = view.with(|view| view.route(&request.account));
    match home.or_else(|| stopgap(&request, view)) {
        Some(home) => forwarder.to_ms(request, home).await,
        None => assigner.request(request).await,
    }
}

async fn to_rs(request: Request, verb: ClientVerb, view: &SharedView, forwarder: &Forwarder) {
    match view.with(|view| view.primary.get()) {
        Some(primary) => {
            let subject = subject::rs(primary.id, RsVerb::Client(verb));
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

impl Request {
    /// Reads the subject. An error comes with the reply subject, if there is one.
    fn read(message: Message) -> Result<Self, Unreadable> {
        let Some(reply) = message.reply else {
            return Err(None);
        };
        let client = subject::parse_client(&message.subject)
            .map(|(account, verb)| (account, Kind::Client(verb)));
        let outbox = || Some((subject::parse_lb_outbox(&message.subject)?, Kind::Outbox));
        let Some((account, kind)) = client.or_else(outbox) else {
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
            kind,
            reply,
            payload: message.payload,
        })
    }
}

/// Why a request is not forwarded, and whom to tell, if anybody.
type Unreadable = Option<(Subject, ErrorReply)>;

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

    /// Sends a request to its account's home, with the epoch; or, with epoch 0,
    /// to a server that stands in for it.
    pub(crate) async fn to_ms(&self, request: Request, home: Affinity) {
        // Nothing of the client's own headers: they would be believed.
        let mut headers = HeaderMap::new();
        headers.insert(header::EPOCH, HeaderValue::from(home.epoch.0));
        let subject = match request.kind {
            Kind::Client(verb) => subject::ms_client(home.server, verb, &request.account),
            Kind::Outbox => subject::ms_outbox(home.server, &request.account),
        };
        let reply = passed_on(&request.reply);
        let payload = request.payload.clone();
        let sent = self
            .nats
            .publish_with_reply_and_headers(subject, reply, headers, payload)
            .await;
        self.settle(&request, sent).await;
    }

    /// Answers a request that cannot be read, if its sender wants an answer.
    async fn refuse_unread(&self, unreadable: Unreadable) {
        match unreadable {
            Some((reply, error)) => self.answer(&reply, &error).await,
            // Nobody would learn the outcome.
            None => self.refused.increment(1),
        }
    }

    /// Answers a request that goes nowhere.
    pub(crate) async fn refuse(&self, request: &Request, error: &ErrorReply) {
        self.answer(&request.reply, error).await;
    }

    async fn settle(&self, request: &Request, sent: Result<(), PublishError>) {
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
        match Request::read(message(subject, bytes)) {
            Err(Some((_, error))) => error.code,
            Err(None) => panic!("answered nobody"),
            Ok(_) => panic!("{subject} accepted"),
        }
    }

    #[test]
    fn a_request_is_read_from_its_subject_alone() {
        let request = Request::read(message("yoshi.v1.client.ana.task", 3)).ok();
        let request = request.unwrap();
        assert_eq!(request.account.as_str(), "ana");
        assert_eq!(request.kind, Kind::Client(ClientVerb::Task));
        let request = Request::read(message("yoshi.v1.lb.outbox.ana", 3)).ok();
        assert_eq!(request.unwrap().kind, Kind::Outbox);
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
