//! One request and its answer, in CBOR, between servers.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Message, Request, RequestError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use yoshi_protocol::cbor::{self, Bound, DecodeError};
use yoshi_protocol::{ErrorReply, Reply};

/// Why a request brought no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens on the subject.
    #[error("nobody answers on {0}")]
    NoResponders(String),
    /// No answer in time: the outcome is not known.
    #[error("no answer on {subject} within {within:?}")]
    TimedOut {
        /// Where the request went.
        subject: String,
        /// How long was waited.
        within: Duration,
    },
    /// The other server says no.
    #[error("refused ({}): {}", .0.code, .0.message)]
    Refused(#[source] ErrorReply),
    /// The answer is not a message of this opcode.
    #[error("the answer cannot be read")]
    Malformed(#[source] DecodeError),
    /// The connection failed.
    #[error("the request could not be made")]
    Nats(#[source] RequestError),
}

/// Sends one request and waits for its answer, at most `within`. Retries nothing.
///
/// # Errors
/// [`Error`]. After [`Error::TimedOut`] and [`Error::Nats`] the request may
/// still have been served, or be served later.
pub async fn request<Q: Serialize, T: DeserializeOwned>(
    nats: &Client,
    subject: String,
    request: &Q,
    within: Duration,
) -> Result<T, Error> {
    let sent = Request::new()
        .payload(cbor::encode(request).into())
        .timeout(Some(within));
    let answer = match nats.send_request(subject.clone(), sent).await {
        Ok(answer) => answer,
        Err(error) => {
            return Err(match error.kind() {
                RequestErrorKind::NoResponders => Error::NoResponders(subject),
                RequestErrorKind::TimedOut => Error::TimedOut { subject, within },
                RequestErrorKind::InvalidSubject
                | RequestErrorKind::MaxPayloadExceeded
                | RequestErrorKind::Other => Error::Nats(error),
            });
        }
    };
    cbor::decode::<Reply<T>>(&answer.payload, Bound::ANSWER)
        .map_err(Error::Malformed)?
        .into_result()
        .map_err(Error::Refused)
}

/// Answers a request, if its sender wants an answer. A failure is logged: the
/// sender's deadline deals with it.
pub async fn respond<T: Serialize>(
    nats: &Client,
    message: &Message,
    result: Result<T, ErrorReply>,
) {
    let Some(reply) = message.reply.clone() else {
        return;
    };
    let answer = cbor::encode(&Reply::from(result));
    if let Err(error) = nats.publish(reply, answer.into()).await {
        tracing::warn!(subject = %message.subject, %error, "answer on {} not sent", message.subject);
    }
}
