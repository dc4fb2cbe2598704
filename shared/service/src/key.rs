//! One key of a NATS bucket whose value ends by itself: read through the stream's
//! leader, written by compare-and-set with a time to live. It makes sure that one
//! server at a time does something.
//!
//! Written by hand as messages on the bucket's subject: the client's own
//! `create_with_ttl` and `update` lose the time to live when they write over an
//! expired or living value, and such a value would never end.

use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, HeaderMap, header};

/// On a message of a bucket: what it does, if it is not a value.
const KV_OPERATION: &str = "KV-Operation";
/// That it deletes the key.
const KV_DELETE: &str = "DEL";
/// How often a conflict with a write under way is tried again.
const CONFLICT_RETRIES_MAX: u32 = 5;
/// How long is waited in between.
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// Why a key could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no bucket, or `JetStream` is not there (yet).
    #[error("the bucket {0} cannot be opened; is it provisioned?")]
    Bucket(&'static str, #[source] jetstream::context::KeyValueError),
    /// The bucket does not let values end.
    #[error("the bucket {0} does not allow a time to live; provision it with limit markers")]
    NoTimeToLive(&'static str),
    /// The leader of the bucket could not be asked.
    #[error("the key cannot be read")]
    Read(#[source] jetstream::stream::LastRawMessageError),
    /// The write was refused, or nobody knows.
    #[error("the key cannot be written")]
    Write(#[source] jetstream::context::PublishError),
    /// It took longer than a call may take.
    #[error("the bucket did not answer in time")]
    TimedOut,
}

impl Error {
    /// Whether it may pass by itself: a bucket that is being made, or that has no
    /// leader just now.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Bucket(..) | Self::Read(_) | Self::Write(_) | Self::TimedOut => true,
            Self::NoTimeToLive(_) => false,
        }
    }
}

/// Where a key is, and for how long its values and calls last.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The bucket.
    pub bucket: &'static str,
    /// The key in it.
    pub key: &'static str,
    /// After so long a value ends by itself; a second or more.
    pub time_to_live: Duration,
    /// How long one call may take.
    pub call_max: Duration,
}

/// What stands in a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The revision that the next write must expect; 0 if nothing ever stood there.
    pub revision: u64,
    /// The value, unless it has ended or was given up.
    pub value: Option<Vec<u8>>,
}

/// A key. Cheap to clone.
#[derive(Clone)]
pub struct Key {
    jetstream: jetstream::Context,
    stream: Stream,
    subject: String,
    place: Place,
}

impl Key {
    /// Opens the bucket, which provisioning has made.
    ///
    /// # Errors
    /// [`Error::Bucket`], [`Error::NoTimeToLive`], [`Error::TimedOut`].
    pub async fn open(nats: &Client, place: Place) -> Result<Self, Error> {
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(place.call_max)
            .build(nats.clone());
        let opened = jetstream.get_key_value(place.bucket);
        let bucket = tokio::time::timeout(place.call_max, opened)
            .await
            .map_err(|_elapsed| Error::TimedOut)?
            .map_err(|error| Error::Bucket(place.bucket, error))?;
        if !bucket.stream.cached_info().config.allow_message_ttl {
            return Err(Error::NoTimeToLive(place.bucket));
        }
        Ok(Self {
            jetstream,
            stream: bucket.stream,
            subject: format!("$KV.{}.{}", place.bucket, place.key),
            place,
        })
    }

    /// What the stream's leader says of the key. It may be old when it is looked
    /// at: only a write decides.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::TimedOut`].
    pub async fn read(&self) -> Result<Held, Error> {
        let read = self.stream.get_last_raw_message_by_subject(&self.subject);
        let message = match tokio::time::timeout(self.place.call_max, read).await {
            Err(_elapsed) => return Err(Error::TimedOut),
            Ok(Ok(message)) => message,
            Ok(Err(error)) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Ok(Held {
                    revision: 0,
                    value: None,
                });
            }
            Ok(Err(error)) => return Err(Error::Read(error)),
        };
        let marker = message.headers.get(KV_OPERATION).is_some()
            || message.headers.get(header::NATS_MARKER_REASON).is_some();
        Ok(Held {
            revision: message.sequence,
            value: (!marker).then(|| message.payload.to_vec()),
        })
    }

    /// Writes a value, to end by itself after its time, if the key's revision is
    /// `expected`. Answers its new revision.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::TimedOut`]: it may have been stored all the same, or be stored later.
    pub async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, Error> {
        let message = PublishMessage::build()
            .payload(value.into())
            .ttl(self.place.time_to_live);
        self.publish(expected, message).await
    }

    /// Gives the key up, if its revision is `expected`, so that another server need
    /// not wait for its end.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::TimedOut`].
    pub async fn release(&self, expected: u64) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        headers.insert(KV_OPERATION, KV_DELETE);
        let message = PublishMessage::build().headers(headers);
        self.publish(expected, message).await.map(drop)
    }

    async fn publish(&self, expected: u64, message: PublishMessage) -> Result<u64, Error> {
        let message = message.expected_last_subject_sequence(expected);
        let tries = async {
            let mut retries = 0;
            loop {
                let sent = self
                    .jetstream
                    .send_publish(self.subject.clone(), message.clone());
                let error = match sent.await {
                    Ok(acknowledged) => match acknowledged.await {
                        Ok(acknowledged) => return Ok(acknowledged.sequence),
                        Err(error) => error,
                    },
                    Err(error) => error,
                };
                if retries == CONFLICT_RETRIES_MAX || !is_conflict(&error) {
                    return Err(Error::Write(error));
                }
                retries += 1;
                tokio::time::sleep(CONFLICT_PAUSE).await;
            }
        };
        tokio::time::timeout(self.place.call_max, tries)
            .await
            .map_err(|_elapsed| Error::TimedOut)?
    }
}

/// A replicated stream refuses a write while another one on the same subject
/// is on its way: neither won nor lost, so try again.
fn is_conflict(error: &jetstream::context::PublishError) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<jetstream::Error>())
        .is_some_and(|source| source.error_code() == ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT)
}
