//! Follows a bucket of KV: everything that it holds, then every change.
//!
//! Entries may come again, after a reconnect for example, and late: whoever
//! applies them must not mind. A bucket that is made anew, or restored to an older
//! state, is followed from its beginning.

use std::error::Error as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind, KeyValueError};
use async_nats::jetstream::kv::{Entry, Store, Watch};
use async_nats::jetstream::stream::Info;
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

/// What a bucket tells.
pub(crate) enum Heard {
    /// It is another bucket now, or holds an older state: what it holds comes
    /// next, and revisions say nothing about those before.
    Anew,
    /// What it holds, or a change.
    Entry(Entry),
}

/// How far a bucket was followed, and which.
#[derive(Debug)]
struct Reach {
    /// When it was created, as nanoseconds of the Unix era.
    created: i128,
    /// The highest revision that it had.
    last: AtomicU64,
}

impl Reach {
    fn of(info: &Info) -> Self {
        Self {
            created: info.created.unix_timestamp_nanos(),
            last: AtomicU64::new(info.state.last_sequence),
        }
    }

    fn raise(&self, revision: u64) {
        self.last.fetch_max(revision, Ordering::Relaxed);
    }

    fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Whether a watch of this bucket goes on in that one.
    fn goes_on(&self, now: &Self) -> bool {
        self.created == now.created && self.last() <= now.last()
    }
}

/// Follows the bucket for ever; whatever breaks is begun again.
pub(crate) async fn follow(store: Store, part: Part, synced: Synced, mut apply: impl FnMut(Heard)) {
    let mut before = None;
    loop {
        let error = match begin(&store).await {
            Ok(Begun {
                mut watch,
                reach,
                empty,
            }) => {
                if before.is_some_and(|before: Reach| !before.goes_on(&reach)) {
                    apply(Heard::Anew);
                }
                if empty {
                    synced.set(part, true);
                }
                let error = tokio::select! {
                    error = run(&mut watch, &reach, part, &synced, &mut apply) => error,
                    error = other(&store, &reach) => error,
                };
                before = Some(reach);
                error
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

struct Begun {
    watch: Watch,
    reach: Reach,
    /// Whether the bucket was empty when it began: then nothing comes that would
    /// tell that everything has come.
    empty: bool,
}

async fn begin(store: &Store) -> Result<Begun, String> {
    // Before the watch: a bucket that is replaced in between is noticed by the next look.
    let reach = Reach::of(&look(store).await?);
    // `watch_many` for its delivery of what is there already.
    let watch = store.watch_many_with_history([">"]).await;
    let watch = watch.map_err(|error| error.to_string())?;
    let empty = look(store).await?.state.messages == 0;
    Ok(Begun {
        watch,
        reach,
        empty,
    })
}

async fn look(store: &Store) -> Result<Info, String> {
    let info = store.stream.get_info().await;
    info.map_err(|error| error.to_string())
}

async fn run(
    watch: &mut Watch,
    reach: &Reach,
    part: Part,
    synced: &Synced,
    apply: &mut impl FnMut(Heard),
) -> String {
    loop {
        match watch.next().await {
            Some(Ok(entry)) => {
                let current = entry.seen_current;
                reach.raise(entry.revision);
                apply(Heard::Entry(entry));
                if current {
                    synced.set(part, true);
                }
            }
            Some(Err(error)) => return error.to_string(),
            None => return "it ended".to_owned(),
        }
    }
}

/// Returns once the bucket is another one, or holds an older state. The watch
/// would not tell: it goes on behind the last revision that it saw, and is deaf
/// until the new ones have passed it.
async fn other(store: &Store, reach: &Reach) -> String {
    let mut falls = 0;
    while falls < limit::WATCH_FALLS {
        sleep(Duration::from_millis(limit::WATCH_LOOK_MILLIS)).await;
        // Before the look: entries may come while it is under way.
        let seen = reach.last();
        // Out of reach for now: nobody knows.
        let Ok(info) = look(store).await else {
            continue;
        };
        let now = Reach::of(&info);
        if now.created != reach.created {
            return "the bucket was made anew".to_owned();
        }
        falls = if now.last() < seen { falls + 1 } else { 0 };
        if falls == 0 {
            reach.raise(now.last());
        }
    }
    "the bucket holds an older state than before".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(created: i128, last: u64) -> Reach {
        Reach {
            created,
            last: AtomicU64::new(last),
        }
    }

    #[test]
    fn a_watch_goes_on_in_the_same_bucket_while_its_revisions_rise() {
        let before = reach(1, 5);
        assert!(before.goes_on(&reach(1, 5)));
        assert!(before.goes_on(&reach(1, 6)));
        assert!(!before.goes_on(&reach(1, 4)), "an older state");
        assert!(!before.goes_on(&reach(2, 6)), "another bucket");
        before.raise(7);
        before.raise(6);
        assert!(!before.goes_on(&reach(1, 6)), "it was seen at 7");
    }
}
