//! `TASKS_CHANGED`: whose tasks have changed, for programs that show them live.

use async_nats::Subscriber;
use futures::StreamExt;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::change::TasksChanged;
use yoshi_protocol::subject;

use crate::client::Client;
use crate::error::Error;

/// Notices of changes, as they come. They may get lost: polling stays the truth.
#[derive(Debug)]
pub struct Notices {
    subscriber: Subscriber,
}

impl Client {
    /// Listens for `TASKS_CHANGED`. Only NATS users that may subscribe to it
    /// hear any: websites do.
    ///
    /// # Errors
    /// [`Error::Unheard`] once the connection is closed.
    pub async fn notices(&self) -> Result<Notices, Error> {
        let subscribed = self.nats.subscribe(subject::TASKS_CHANGED).await;
        let subscriber = subscribed.map_err(|error| Error::Unheard(error.to_string()))?;
        Ok(Notices { subscriber })
    }
}

impl Notices {
    /// The next notice; none once the connection is closed. What cannot be read
    /// is passed over.
    pub async fn next(&mut self) -> Option<TasksChanged> {
        loop {
            let message = self.subscriber.next().await?;
            if let Ok(notice) = cbor::decode(&message.payload, Bound::ANSWER) {
                return Some(notice);
            }
        }
    }
}
