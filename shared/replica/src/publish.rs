//! Puts blocks into the stream, one at a time, so that each is there once.
//!
//! A block carries the sequence of this root's previous one as its
//! expectation, and an id. While its fate is unknown (a lost acknowledgement,
//! a reconnect, an election) the identical bytes are sent again; the stream
//! takes them once. Single-node and replicated streams answer a repetition
//! differently, so a refusal is settled by what the stream's leader holds.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use serde_bytes::ByteBuf;
use yoshi_protocol::message::log::{BLOCK_VERSION, Block};
use yoshi_protocol::{cbor, header, subject};

use crate::Settings;
use crate::stream::{Log, StreamError};

const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_LONGEST: Duration = Duration::from_secs(2);

/// Another process publishes under this server's id.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "another process publishes blocks on {subject}; two servers must never share a database or an identity"
)]
pub struct Fenced {
    /// Where its block was found.
    pub subject: String,
}

/// The publishing side of one root.
pub(crate) struct Publisher {
    js: Context,
    log: Log,
    settings: Settings,
    subject: String,
    accounted: String,
    /// The sequence of this root's last block; none before the first look.
    last: Option<u64>,
    /// Whether this process has a block in the stream.
    has_published: bool,
    blocks: u64,
}

enum Attempt {
    Stored(u64),
    Refused,
    Unknown(String),
}

impl Publisher {
    pub(crate) fn new(js: Context, log: Log, settings: Settings) -> Self {
        let subject = subject::block(settings.role, settings.id);
        let accounted = subject::accounted(settings.role, settings.id, settings.incarnation);
        Self {
            js,
            log,
            settings,
            subject,
            accounted,
            last: None,
            has_published: false,
            blocks: 0,
        }
    }

    /// Publishes a block and answers its sequence. Takes as long as it takes:
    /// it goes on while the fate of the block is unknown.
    ///
    /// # Errors
    /// [`Fenced`], and nothing else.
    pub(crate) async fn publish(&mut self, entries: Vec<ByteBuf>) -> Result<u64, Fenced> {
        self.blocks += 1;
        let id = format!("{}-{}", self.settings.incarnation, self.blocks);
        let payload = Bytes::from(cbor::encode(&Block {
            root: self.settings.id,
            entries,
            version: BLOCK_VERSION,
            incarnation: self.settings.incarnation,
        }));
        let mut pause = RETRY_FIRST;
        loop {
            match self.attempt(&id, payload.clone()).await {
                Attempt::Stored(sequence) => {
                    self.last = Some(sequence);
                    self.has_published = true;
                    return Ok(sequence);
                }
                Attempt::Refused => match self.settle(&id).await {
                    Ok(Some(sequence)) => {
                        self.last = Some(sequence);
                        self.has_published = true;
                        return Ok(sequence);
                    }
                    Ok(None) => {}
                    Err(SettleError::Fenced(fenced)) => return Err(fenced),
                    Err(SettleError::Stream(error)) => tracing::warn!(%error, "cannot ask the log"),
                },
                Attempt::Unknown(why) => {
                    metrics::counter!("yoshi_replica_publish_retries_total").increment(1);
                    tracing::warn!(id, why, "a block's fate is unknown; sending it again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }

    async fn attempt(&mut self, id: &str, payload: Bytes) -> Attempt {
        let expected = match self.last {
            Some(sequence) => sequence,
            None => match self.log.last_on(&self.subject).await {
                Ok(last) => last.map_or(0, |(sequence, _)| sequence),
                Err(error) => return Attempt::Unknown(error.to_string()),
            },
        };
        self.last = Some(expected);
        let message = PublishMessage::build()
            .payload(payload)
            .message_id(id)
            .expected_last_subject_sequence(expected)
            .expected_stream(&self.settings.stream)
            .header(header::ACCOUNTED, self.accounted.as_str());
        let sent = match self.js.send_publish(self.subject.clone(), message).await {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(acknowledged) => Attempt::Stored(acknowledged.sequence),
            Err(error) if is_refusal(&error) => Attempt::Refused,
            Err(error) => Attempt::Unknown(error.to_string()),
        }
    }

    /// The stream holds another last block of this root than expected: is it
    /// this very block, already stored?
    async fn settle(&mut self, id: &str) -> Result<Option<u64>, SettleError> {
        let last = self
            .log
            .last_on(&self.subject)
            .await
            .map_err(SettleError::Stream)?;
        let Some((sequence, last_id)) = last else {
            // Every block of this root has aged out of the stream.
            self.last = Some(0);
            return Ok(None);
        };
        let last_id = last_id.unwrap_or_default();
        if last_id == id {
            return Ok(Some(sequence));
        }
        let own = last_id.starts_with(&self.settings.incarnation.to_string());
        if own || !self.has_published {
            // Before this process's first block the last one may be of its
            // previous life: its block was still on the way at the first look.
            self.last = Some(sequence);
            return Ok(None);
        }
        Err(SettleError::Fenced(Fenced {
            subject: self.subject.clone(),
        }))
    }
}

enum SettleError {
    Fenced(Fenced),
    Stream(StreamError),
}

/// Whether the stream said for certain that it did not take the message.
/// Error 10164 (a conflict with a write on its way) is no such word.
fn is_refusal(error: &PublishError) -> bool {
    error.kind() == PublishErrorKind::WrongLastSequence
}
