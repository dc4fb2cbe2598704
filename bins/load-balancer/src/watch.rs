//! Follows a bucket of KV: everything that it holds, then every change.
//!
//! Entries may come again, after a reconnect for example, and late: whoever
//! applies them must not mind.

use std::error::Error as _;
use std::time::Duration;

use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind, KeyValueError};
use async_nats::jetstream::kv::{Entry, Store, Watch};
use async_nats::jetstream::{Context, ErrorCode};
use futures::StreamExt;
use tokio::time::{Instant, sleep};

use crate::Error;
use crate::limit;
use crate::synced::{Part, Synced};

const RETRY: Duration = Duration::from_millis(limit::WATCH_RETRY_MILLIS);

/// Opens a bucket. Waits for as long as nobody can tell whether it is there; if
/// it is certain that it is not, for [`limit::SYNC_SECONDS`].
pub(crate) async fn open(jetstream: &Context, bucket: &str) -> Result<Store, Error> {
    let deadline = Instant::now() + Duration::from_secs(limit::SYNC_SECONDS);
    loop {
        match jetstream.get_key_value(bucket).await {
            Ok(store) => return Ok(store),
            Err(source) if is_absent(&source) && Instant::now() >= deadline => {
                let bucket = bucket.to_owned();
                return Err(Error::Bucket { bucket, source });
            }
            Err(error) => {
                tracing::warn!(bucket, %error, "waiting for the bucket {bucket}");
                sleep(RETRY).await;
            }
        }
    }
}

/// Whether NATS said that there is no such bucket. Without a quorum it says
/// nothing, or that it cannot tell.
fn is_absent(error: &KeyValueError) -> bool {
    let source = error.source();
    let refused = source.and_then(|source| source.downcast_ref::<GetStreamError>());
    match refused.map(GetStreamError::kind) {
        Some(GetStreamErrorKind::JetStream(error)) => {
            error.error_code() == ErrorCode::STREAM_NOT_FOUND
        }
        Some(_) => false,
        None => true,
    }
}

/// Follows the bucket for ever; whatever breaks is begun again.
pub(crate) async fn follow(store: Store, part: Part, synced: Synced, mut apply: impl FnMut(Entry)) {
    loop {
        let error = match begin(&store).await {
            Ok((mut watch, empty)) => {
                if empty {
                    synced.set(part, true);
                }
                run(&mut watch, part, &synced, &mut apply).await
            }
            Err(error) => error,
        };
        synced.set(part, false);
        tracing::warn!(
            bucket = store.name,
            error,
            "watch of {} broken, begun again: {error}",
            store.name
        );
        sleep(RETRY).await;
    }
}

/// A watch, and whether the bucket was empty when it began: then nothing comes
/// that would tell that everything has come.
async fn begin(store: &Store) -> Result<(Watch, bool), String> {
    // `watch_many` for its delivery of what is there already.
    let watch = store.watch_many_with_history([">"]).await;
    let watch = watch.map_err(|error| error.to_string())?;
    let info = store.stream.get_info().await;
    let info = info.map_err(|error| error.to_string())?;
    Ok((watch, info.state.messages == 0))
}

async fn run(
    watch: &mut Watch,
    part: Part,
    synced: &Synced,
    apply: &mut impl FnMut(Entry),
) -> String {
    loop {
        match watch.next().await {
            Some(Ok(entry)) => {
                let current = entry.seen_current;
                apply(entry);
                if current {
                    synced.set(part, true);
                }
            }
            Some(Err(error)) => return error.to_string(),
            None => return "it ended".to_owned(),
        }
    }
}
