//! What a replica starts from: the stream, the database's cursor, its subscriptions.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use yoshi_protocol::{Position, ServerId, subject};

use super::StartError;
use crate::applier::Followed;
use crate::cursor::{self, Cursor};
use crate::publish::Ground;
use crate::stream::Log;
use crate::{Peer, Settings, known, lineage, neighbour};

/// How often a server with an empty database looks whether the others follow
/// the same log, while they do not.
const ANOTHER_LOG_TRIES: u32 = 5;
const ANOTHER_LOG_PAUSE: Duration = Duration::from_secs(1);

/// What a replica starts from.
pub(super) struct Opened {
    js: jetstream::Context,
    pub(super) log: Log,
    pub(super) cursor: Cursor,
    pub(super) known: BTreeSet<ServerId>,
    pub(super) followed: Followed,
    pub(super) accounted: async_nats::Subscriber,
    pub(super) polls: async_nats::Subscriber,
}

impl Opened {
    pub(super) async fn open(
        settings: &Settings,
        nats: &Client,
        pool: &Pool,
        peers: &watch::Receiver<Vec<Peer>>,
    ) -> Result<Self, StartError> {
        let js = jetstream::ContextBuilder::new()
            .timeout(settings.waits.jetstream)
            .build(nats.clone());
        let log = Log::open(&js, &settings.stream, settings.role).await?;
        let cursor = load_cursor(settings, nats, &log, pool, peers).await?;
        let (role, id) = (settings.role, settings.id);
        let accounted = subject::accounted(role, id, settings.incarnation);
        Ok(Self {
            known: known::load(pool, &log.name).await?,
            followed: Followed {
                incarnation: cursor.incarnation,
                lineage: cursor::lineage(pool, &log.name).await?,
                is_trusted: false,
            },
            accounted: nats.subscribe(accounted).await?,
            polls: nats.subscribe(subject::poll_log(role, id)).await?,
            js,
            log,
            cursor,
        })
    }

    /// What a publisher stands on.
    pub(super) fn ground(
        &self,
        nats: &Client,
        (followed, applied, known): (
            &watch::Receiver<Followed>,
            &watch::Receiver<Position>,
            &watch::Receiver<BTreeSet<ServerId>>,
        ),
        doubt: &watch::Sender<Option<String>>,
    ) -> Ground {
        Ground {
            nats: nats.clone(),
            js: self.js.clone(),
            log: self.log.clone(),
            followed: followed.clone(),
            applied: applied.clone(),
            known: known.clone(),
            doubt: doubt.clone(),
        }
    }
}

/// The database's cursor; at its first start, before the stream's first entry.
/// An empty database must not take up a stream that the other servers refuse.
async fn load_cursor(
    settings: &Settings,
    nats: &Client,
    log: &Log,
    pool: &Pool,
    peers: &watch::Receiver<Vec<Peer>>,
) -> Result<Cursor, StartError> {
    if let Some((cursor, _)) = cursor::load(pool, &log.name).await? {
        return Ok(cursor);
    }
    for _ in 0..ANOTHER_LOG_TRIES {
        let view = log.view().await?;
        let ids: Vec<_> = peers.borrow().iter().map(|peer| peer.id).collect();
        let others = ids.into_iter().filter(|id| *id != settings.id);
        let role = settings.role;
        if !neighbour::somebody_follows_another(nats, role, others, view.incarnation).await {
            return Ok(cursor::create(pool, &log.name, view.incarnation, &view.lineage).await?);
        }
        // They may be taking it up just now.
        tokio::time::sleep(ANOTHER_LOG_PAUSE).await;
    }
    let command = lineage::recovery(settings.role);
    Err(StartError::AnotherLog(log.name.clone(), command))
}
