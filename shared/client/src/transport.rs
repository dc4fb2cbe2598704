//! One request over NATS, and what its answer means for the call.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Request, RequestErrorKind};
use bytes::Bytes;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::{ErrorCode, ErrorReply, Reply};

use crate::error::{Last, NoAnswer};

/// How one try of a call ended, if not with a result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another try may help.
    Retry { last: Last, may_have_happened: bool },
    /// Another try would end the same.
    Refused(ErrorReply),
    /// The answer cannot be read.
    Malformed(String),
}

impl Failure {
    pub(crate) fn no_answer(no_answer: NoAnswer) -> Self {
        if no_answer == NoAnswer::TooLarge {
            return Self::Refused(ErrorReply::new(ErrorCode::TooLarge, no_answer));
        }
        Self::Retry {
            may_have_happened: no_answer.may_have_arrived(),
            last: Last::NoAnswer(no_answer),
        }
    }
}

/// Asks once.
pub(crate) async fn ask(
    nats: &async_nats::Client,
    subject: String,
    payload: Bytes,
    within: Duration,
) -> Result<Bytes, NoAnswer> {
    // While disconnected a request would wait in memory, and go out after its
    // time, unwanted. A connection that breaks just now is not seen here.
    if nats.connection_state() != State::Connected {
        return Err(NoAnswer::NotConnected);
    }
    let request = Request::new().payload(payload).timeout(Some(within));
    match nats.send_request(subject, request).await {
        Ok(message) => Ok(message.payload),
        Err(error) => Err(match error.kind() {
            RequestErrorKind::TimedOut => NoAnswer::TimedOut,
            RequestErrorKind::NoResponders => NoAnswer::NoResponders,
            RequestErrorKind::MaxPayloadExceeded => NoAnswer::TooLarge,
            RequestErrorKind::InvalidSubject | RequestErrorKind::Other => {
                NoAnswer::Broken(error.to_string())
            }
        }),
    }
}

/// Reads the answer of a try.
pub(crate) fn read<T: serde::de::DeserializeOwned>(
    answer: Result<Bytes, NoAnswer>,
) -> Result<T, Failure> {
    let bytes = answer.map_err(Failure::no_answer)?;
    let reply: Reply<T> = cbor::decode(&bytes, Bound::ANSWER)
        .map_err(|error| Failure::Malformed(error.to_string()))?;
    reply.into_result().map_err(|reply| {
        if reply.code.is_retryable() {
            Failure::Retry {
                may_have_happened: reply.code == ErrorCode::Unknown,
                last: Last::Refused(reply),
            }
        } else {
            Failure::Refused(reply)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::message::Done;

    fn answer(reply: &Reply<Done>) -> Result<Done, Failure> {
        read(Ok(cbor::encode(reply).into()))
    }

    fn is_retry(failure: &Failure) -> Option<bool> {
        match failure {
            Failure::Retry {
                may_have_happened, ..
            } => Some(*may_have_happened),
            Failure::Refused(_) | Failure::Malformed(_) => None,
        }
    }

    #[test]
    fn every_code_is_retried_as_the_protocol_says() {
        for code in ErrorCode::ALL {
            let failure = answer(&Reply::Error(ErrorReply::new(*code, "x"))).unwrap_err();
            let expected = code.is_retryable().then_some(*code == ErrorCode::Unknown);
            assert_eq!(is_retry(&failure), expected, "{code}");
        }
        assert_eq!(answer(&Reply::Ok(Done {})), Ok(Done {}));
    }

    #[test]
    fn silence_is_retried_and_says_what_may_have_happened() {
        let outcomes = [
            (NoAnswer::NotConnected, Some(false)),
            (NoAnswer::NoResponders, Some(false)),
            (NoAnswer::TimedOut, Some(true)),
            (NoAnswer::Broken("x".into()), Some(true)),
            (NoAnswer::TooLarge, None),
        ];
        for (no_answer, expected) in outcomes {
            let failure = read::<Done>(Err(no_answer.clone())).unwrap_err();
            assert_eq!(is_retry(&failure), expected, "{no_answer}");
        }
    }

    #[test]
    fn bytes_that_are_no_answer_are_malformed() {
        for bytes in [&b""[..], b"\x00", b"\xa1\x62ok\xa0\x00", b"\xff"] {
            let failure = read::<Done>(Ok(Bytes::copy_from_slice(bytes))).unwrap_err();
            assert!(matches!(failure, Failure::Malformed(_)), "{bytes:?}");
        }
    }
}
