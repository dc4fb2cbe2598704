//! Whether everything that the load balancer goes by is up to date.

use std::sync::Arc;

use tokio::sync::watch;
use yoshi_service::Health;

/// What the load balancer goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The connection to NATS.
    Nats,
    /// The bucket of affinity.
    Affinity,
    /// The bucket of destroyed servers.
    Destroyed,
    /// The bucket with the primary's lease.
    Registration,
    /// That requests are being taken.
    Requests,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Nats,
        Self::Affinity,
        Self::Destroyed,
        Self::Registration,
        Self::Requests,
    ];

    const fn trouble(self) -> &'static str {
        match self {
            Self::Nats => "no connection to NATS",
            Self::Affinity => "the bucket of affinity is not followed",
            Self::Destroyed => "the bucket of destroyed servers is not followed",
            Self::Registration => "the bucket of the primary's lease is not followed",
            Self::Requests => "no requests are taken yet",
        }
    }
}

/// Which parts are up to date. Told to [`Health`].
#[derive(Debug, Clone)]
pub(crate) struct Synced {
    parts: Arc<watch::Sender<[bool; Part::ALL.len()]>>,
    health: Health,
}

impl Synced {
    pub(crate) fn new(health: Health) -> Self {
        Self {
            parts: Arc::new(watch::Sender::new([false; Part::ALL.len()])),
            health,
        }
    }

    /// The part is up to date, or is not.
    pub(crate) fn set(&self, part: Part, is: bool) {
        let changed = self
            .parts
            .send_if_modified(|parts| std::mem::replace(&mut parts[part as usize], is) != is);
        if changed {
            let parts = *self.parts.borrow();
            match Part::ALL.into_iter().find(|part| !parts[*part as usize]) {
                None => self.health.ready(),
                Some(part) => self.health.not_ready(part.trouble()),
            }
        }
    }

    /// Waits until every bucket has been read once.
    pub(crate) async fn buckets(&self) {
        let all = |parts: &[bool; Part::ALL.len()]| {
            [Part::Affinity, Part::Destroyed, Part::Registration]
                .into_iter()
                .all(|part| parts[part as usize])
        };
        self.parts
            .subscribe()
            .wait_for(all)
            .await
            .map(drop)
            .expect("this value holds the sender");
    }
}
