//! The servers that this one has ever replicated with, kept in its database:
//! who must be asked before a lost log is made anew.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;
use yoshi_protocol::ServerId;

use crate::Peer;
use crate::cursor::DatabaseError;

/// Servers remembered at most; an organisation runs a handful.
const KNOWN_MAX: usize = 1_000;
/// Servers on their way to being forgotten.
pub(crate) const FORGETTING_MAX: usize = 64;
/// The pause before a database that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(2);

/// Reads them.
pub(crate) async fn load(pool: &Pool, stream: &str) -> Result<BTreeSet<ServerId>, DatabaseError> {
    let client = pool.get().await?;
    let select = "-- known: read\nSELECT id FROM replica_peer WHERE stream = $1";
    let rows = client.query(select, &[&stream]).await?;
    Ok(rows.iter().map(|row| ServerId(row.get(0))).collect())
}

/// Keeps them up to date until the replica is stopped: each new peer is
/// written once, and those that come through `forget` are taken out for good.
pub(crate) async fn keep(
    pool: Pool,
    stream: String,
    own: ServerId,
    mut peers: watch::Receiver<Vec<Peer>>,
    mut forget: mpsc::Receiver<ServerId>,
    known: watch::Sender<BTreeSet<ServerId>>,
) {
    let mut forgotten = BTreeSet::new();
    loop {
        let new: Vec<_> = {
            let (peers, known) = (peers.borrow_and_update(), known.borrow());
            let ids = peers.iter().map(|peer| peer.id);
            ids.filter(|id| *id != own && !known.contains(id) && !forgotten.contains(id))
                .take(KNOWN_MAX.saturating_sub(known.len()))
                .collect()
        };
        if !new.is_empty() {
            if let Err(error) = write(&pool, &stream, &new).await {
                warn(&error);
                tokio::time::sleep(RETRY).await;
                continue;
            }
            known.send_modify(|known| known.extend(new));
        }
        tokio::select! {
            Ok(()) = peers.changed() => {}
            Some(id) = forget.recv() => {
                if forgotten.len() < KNOWN_MAX {
                    forgotten.insert(id);
                }
                if !known.borrow().contains(&id) {
                    continue;
                }
                while let Err(error) = remove(&pool, &stream, id).await {
                    warn(&error);
                    tokio::time::sleep(RETRY).await;
                }
                known.send_if_modified(|known| known.remove(&id));
            }
            else => return,
        }
    }
}

async fn write(pool: &Pool, stream: &str, ids: &[ServerId]) -> Result<(), DatabaseError> {
    let client = pool.get().await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let insert = "-- known: write\n\
        INSERT INTO replica_peer (stream, id) SELECT $1, UNNEST($2::uuid[]) ON CONFLICT DO NOTHING";
    client.execute(insert, &[&stream, &ids]).await?;
    Ok(())
}

async fn remove(pool: &Pool, stream: &str, id: ServerId) -> Result<(), DatabaseError> {
    let client = pool.get().await?;
    let delete = "-- known: remove\nDELETE FROM replica_peer WHERE stream = $1 AND id = $2";
    client.execute(delete, &[&stream, &id.0]).await?;
    Ok(())
}

fn warn(error: &DatabaseError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(
        error,
        "the servers that this one replicates with could not be noted; trying again"
    );
}
