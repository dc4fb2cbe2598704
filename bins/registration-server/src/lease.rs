//! The primary's lease in KV: one key that ends by itself ([`yoshi_service::key`]).

use std::time::Duration;

use async_nats::Client;
use yoshi_protocol::cbor;
use yoshi_protocol::message::roster::{self, PrimaryLease, ValueError};
use yoshi_protocol::subject::{PRIMARY_KEY, REGISTRATION_BUCKET};
use yoshi_service::key::{self, Held, Key, Place};

use crate::election::LeaseView;

/// Why the lease could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key could not be.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// The key holds something else, or a later release wrote it.
    #[error("the lease is none that this release knows")]
    Value(#[source] ValueError),
}

impl Error {
    /// Whether it may pass by itself.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Key(error) => error.is_passing(),
            Self::Value(_) => false,
        }
    }
}

/// The lease's key. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lease(Key);

impl Lease {
    /// Opens the bucket, which provisioning has made. One read or write may take
    /// `call_max`.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub(crate) async fn open(
        nats: &Client,
        time_to_live: Duration,
        call_max: Duration,
    ) -> Result<Self, Error> {
        let place = Place {
            bucket: REGISTRATION_BUCKET,
            key: PRIMARY_KEY,
            time_to_live,
            call_max,
        };
        Ok(Self(Key::open(nats, place).await?))
    }

    /// The lease as the stream's leader holds it. It may be old when it is
    /// looked at: only a write decides.
    ///
    /// # Errors
    /// [`Error`].
    pub(crate) async fn read(&self) -> Result<LeaseView, Error> {
        let Held { revision, value } = self.0.read().await?;
        let holder = value.map(|value| roster::decode_value(&value)).transpose();
        Ok(LeaseView {
            revision,
            holder: holder.map_err(Error::Value)?,
        })
    }

    /// Writes the lease, to end by itself after its time, if its revision is `expected`.
    /// Answers its new revision.
    ///
    /// # Errors
    /// [`Error::Key`]: it may have been stored all the same, or be stored later.
    pub(crate) async fn write(&self, expected: u64, lease: &PrimaryLease) -> Result<u64, Error> {
        Ok(self.0.write(expected, cbor::encode(lease)).await?)
    }

    /// Gives the lease up, if its revision is `expected`, so that another
    /// server need not wait for its end.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub(crate) async fn release(&self, expected: u64) -> Result<(), Error> {
        Ok(self.0.release(expected).await?)
    }
}
