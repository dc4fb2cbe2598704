//! One message server at a time may decide to forget its rows: each does so because
//! another one holds them, and two that decide at once could count on each other.
//! Whose turn it is stands in a key that all of them see and that ends by itself.
//!
//! The turn is needed until the others have heard that this server serves no more: it
//! says so as soon as it has decided, and one that is silent is counted on by nobody.

use std::time::{Duration, Instant};

use async_nats::Client;
use yoshi_protocol::message::roster::{ResyncTurn, decode_value};
use yoshi_protocol::subject::{REGISTRATION_BUCKET, RESYNC_KEY};
use yoshi_protocol::{ErrorCode, ErrorReply, ServerId, cbor};
use yoshi_service::key::{self, Held, Key, Place};

/// How long after a turn was taken a server may still decide.
const DECIDED_WITHIN: Duration = Duration::from_secs(4);
/// How long one call of the bucket may take.
const CALL_MAX: Duration = Duration::from_secs(1);

/// This server's turn.
pub(super) struct Turn {
    key: Key,
    revision: u64,
    taken: Instant,
}

/// How long a turn lasts: what is left of it after the decision is longer than a
/// paused server is counted on.
fn lasts(counted_on: Duration) -> Duration {
    DECIDED_WITHIN + 2 * counted_on
}

impl Turn {
    /// Takes the turn. This server is counted on for so long after its last word.
    ///
    /// # Errors
    /// What to answer, if it is another server's, or cannot be taken.
    pub(super) async fn take(
        nats: &Client,
        own: ServerId,
        counted_on: Duration,
    ) -> Result<Self, ErrorReply> {
        let place = Place {
            bucket: REGISTRATION_BUCKET,
            key: RESYNC_KEY,
            time_to_live: lasts(counted_on),
            call_max: CALL_MAX,
        };
        let key = Key::open(nats, place).await.map_err(unreachable)?;
        let Held { revision, value } = key.read().await.map_err(unreachable)?;
        if let Some(value) = value {
            let turn: ResyncTurn = decode_value(&value).map_err(|error| {
                let message = format!("whose turn it is to be filled anew cannot be read: {error}");
                ErrorReply::new(ErrorCode::Unavailable, message)
            })?;
            if turn.server != own {
                return Err(taken(&format!("server {}", turn.server), counted_on));
            }
        }
        // Before the write: the turn lasts at least as long as is counted from here.
        let begun = Instant::now();
        let turn = cbor::encode(&ResyncTurn { server: own });
        match key.write(revision, turn).await {
            Ok(revision) => Ok(Self {
                key,
                revision,
                taken: begun,
            }),
            Err(key::Error::Write(_)) => Err(taken("another server", counted_on)),
            Err(error) => Err(unreachable(error)),
        }
    }

    /// # Errors
    /// What to answer, if the turn is nearly over: it is too late to decide.
    pub(super) fn check(&self) -> Result<(), ErrorReply> {
        if self.taken.elapsed() <= DECIDED_WITHIN {
            return Ok(());
        }
        let message = "it took too long to see what the others hold; nothing is forgotten";
        Err(ErrorReply::new(ErrorCode::Unavailable, message))
    }

    /// Nothing came of it: the next may have its turn.
    pub(super) async fn give_up(self) {
        if let Err(error) = self.key.release(self.revision).await {
            tracing::debug!(%error, "the turn to be filled anew ends by itself");
        }
    }
}

fn taken(by: &str, counted_on: Duration) -> ErrorReply {
    let seconds = lasts(counted_on).as_secs();
    let message = format!(
        "{by} was told to be filled anew a moment ago, and may count on this one: nothing is \
         forgotten here. Wait until it serves again; {seconds} s at least"
    );
    ErrorReply::new(ErrorCode::Busy, message)
}

fn unreachable(error: key::Error) -> ErrorReply {
    let error = &error as &dyn std::error::Error;
    let mut message = format!("nothing is forgotten: {error}");
    if let Some(source) = error.source() {
        message += &format!(" ({source})");
    }
    ErrorReply::new(ErrorCode::Unavailable, message)
}
