//! TASKS_CHANGED: tells websites whose tasks have changed, so that they poll.
//! Many changes go into one notice, and a notice that is lost does no harm.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::Client;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use yoshi_protocol::limit::ACCOUNTS_PAGE_MAX;
use yoshi_protocol::message::change::TasksChanged;
use yoshi_protocol::{AccountName, Position, cbor, subject};

/// Changes on their way; more are left out of the notices.
const WAITING_MAX: usize = 4_096;
/// The pause after a notice: what changes meanwhile goes into the next one.
const PAUSE: Duration = Duration::from_millis(50);

/// Where to tell of changes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Notices {
    changes: mpsc::Sender<(Position, Vec<AccountName>)>,
}

impl Notices {
    /// Notices, published by one of these tasks until every clone is gone.
    pub fn spawn(nats: Client, tasks: &mut JoinSet<()>) -> Self {
        let (changes, changed) = mpsc::channel(WAITING_MAX);
        tasks.spawn(publish(nats, changed));
        Self { changes }
    }

    /// Something that is accounted for changed these accounts' tasks.
    pub fn changed(&self, position: Position, accounts: Vec<AccountName>) {
        if self.changes.try_send((position, accounts)).is_err() {
            metrics::counter!("yoshi_notices_left_out_total").increment(1);
        }
    }
}

async fn publish(nats: Client, mut changed: mpsc::Receiver<(Position, Vec<AccountName>)>) {
    while let Some((mut position, accounts)) = changed.recv().await {
        let mut accounts: BTreeSet<_> = accounts.into_iter().collect();
        // The accounts of one change more than fit at most.
        while accounts.len() < ACCOUNTS_PAGE_MAX
            && let Ok((next, others)) = changed.try_recv()
        {
            position = position.max(next);
            accounts.extend(others);
        }
        let notice = TasksChanged {
            accounts: accounts.into_iter().collect(),
            position,
        };
        let subject = subject::TASKS_CHANGED;
        if let Err(error) = nats.publish(subject, cbor::encode(&notice).into()).await {
            tracing::debug!(%error, "a notice was not sent");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
