//! The primary's lease in KV: read through the stream's leader, written by
//! compare-and-set with a time to live.
//!
//! Written by hand as messages on the bucket's subject: the client's own
//! `create_with_ttl` and `update` lose the time to live when they write over an
//! expired or living value, and such a lease would never end.

use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, HeaderMap, header};
use yoshi_protocol::cbor;
use yoshi_protocol::message::roster::{self, PrimaryLease, ValueError};
use yoshi_protocol::subject::{PRIMARY_KEY, REGISTRATION_BUCKET};

use crate::election::LeaseView;
use crate::limit::LEASE_CALL_MAX;

/// On a message of a bucket: what it does, if it is not a value.
const KV_OPERATION: &str = "KV-Operation";
/// That it deletes the key.
const KV_DELETE: &str = "DEL";
/// How often a conflict with a write under way is tried again.
const CONFLICT_RETRIES_MAX: u32 = 5;
/// How long is waited in between.
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// Why the lease could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no bucket, or `JetStream` is not there (yet).
    #[error("the bucket {REGISTRATION_BUCKET} cannot be opened; is it provisioned?")]
    Bucket(#[source] jetstream::context::KeyValueError),
    /// The bucket does not let values end.
    #[error(
        "the bucket {REGISTRATION_BUCKET} does not allow a time to live; provision it with limit markers"
    )]
    NoTimeToLive,
    /// The leader of the bucket could not be asked.
    #[error("the lease cannot be read")]
    Read(#[source] jetstream::stream::LastRawMessageError),
    /// The key holds something else, or a later release wrote it.
    #[error("the lease is none that this release knows")]
    Value(#[source] ValueError),
    /// The write was refused, or nobody knows.
    #[error("the lease cannot be written")]
    Write(#[source] jetstream::context::PublishError),
    /// It took longer than [`LEASE_CALL_MAX`].
    #[error("the lease did not answer in time")]
    TimedOut,
}

impl Error {
    /// Whether it may pass by itself: a bucket that is being made, or that has no
    /// leader just now.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Bucket(_) | Self::Read(_) | Self::Write(_) | Self::TimedOut => true,
            Self::NoTimeToLive | Self::Value(_) => false,
        }
    }
}

/// The lease's key. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lease {
    jetstream: jetstream::Context,
    stream: Stream,
    subject: String,
    time_to_live: Duration,
}

impl Lease {
    /// Opens the bucket, which provisioning has made.
    ///
    /// # Errors
    /// [`Error::Bucket`], [`Error::NoTimeToLive`], [`Error::TimedOut`].
    pub(crate) async fn open(nats: &Client, time_to_live: Duration) -> Result<Self, Error> {
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(LEASE_CALL_MAX)
            .build(nats.clone());
        let opened = jetstream.get_key_value(REGISTRATION_BUCKET);
        let bucket = tokio::time::timeout(LEASE_CALL_MAX, opened)
            .await
            .map_err(|_elapsed| Error::TimedOut)?
            .map_err(Error::Bucket)?;
        if !bucket.stream.cached_info().config.allow_message_ttl {
            return Err(Error::NoTimeToLive);
        }
        Ok(Self {
            jetstream,
            stream: bucket.stream,
            subject: format!("$KV.{REGISTRATION_BUCKET}.{PRIMARY_KEY}"),
            time_to_live,
        })
    }

    /// The lease as the stream's leader holds it. It may be old when it is
    /// looked at: only a write decides.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Value`], [`Error::TimedOut`].
    pub(crate) async fn read(&self) -> Result<LeaseView, Error> {
        let read = self.stream.get_last_raw_message_by_subject(&self.subject);
        let message = match tokio::time::timeout(LEASE_CALL_MAX, read).await {
            Err(_elapsed) => return Err(Error::TimedOut),
            Ok(Ok(message)) => message,
            Ok(Err(error)) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Ok(LeaseView {
                    revision: 0,
                    holder: None,
                });
            }
            Ok(Err(error)) => return Err(Error::Read(error)),
        };
        let marker = message.headers.get(KV_OPERATION).is_some()
            || message.headers.get(header::NATS_MARKER_REASON).is_some();
        let holder = if marker {
            None
        } else {
            Some(roster::decode_value(&message.payload).map_err(Error::Value)?)
        };
        Ok(LeaseView {
            revision: message.sequence,
            holder,
        })
    }

    /// Writes the lease, to end by itself after its time, if its revision is `expected`.
    /// Answers its new revision.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::TimedOut`]: it may have been stored all the same, or be stored later.
    pub(crate) async fn write(&self, expected: u64, lease: &PrimaryLease) -> Result<u64, Error> {
        let message = PublishMessage::build()
            .payload(cbor::encode(lease).into())
            .ttl(self.time_to_live);
        self.publish(expected, message).await
    }

    /// Gives the lease up, if its revision is `expected`, so that another
    /// server need not wait for its end.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::TimedOut`].
    pub(crate) async fn release(&self, expected: u64) -> Result<(), Error> {
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
        tokio::time::timeout(LEASE_CALL_MAX, tries)
            .await
            .map_err(|_elapsed| Error::TimedOut)?
    }
}

/// A replicated stream refuses a write while another one on the same subject
/// is on its way: neither won nor lost, so try again.
fn is_conflict(error: &jetstream::context::PublishError) -> bool {
    error.kind() == PublishErrorKind::Other
        && std::error::Error::source(error)
            .and_then(|source| source.downcast_ref::<jetstream::Error>())
            .is_some_and(|source| {
                source.error_code() == ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT
            })
}
