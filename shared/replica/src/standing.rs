//! Whether this server has applied what was in the log a moment ago: the
//! stream's leader is asked every second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client;
use tokio::sync::{Notify, watch};
use yoshi_protocol::Position;

use crate::applier::{Followed, next_sequence};
use crate::lineage::is_beginning;
use crate::publish::StoredAt;
use crate::stream::Log;
use crate::{Peer, Settings, Standing, neighbour};

/// How often the stream's leader is asked, and how long the applying side may
/// take to reach what was its tail when it was asked.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often a server that is catching up looks again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// The watch's side of [`Tail`].
pub(crate) struct Telling {
    confirmed: watch::Sender<Option<Instant>>,
    wanted: Arc<Notify>,
}

/// When this server was at the tail of the log, and the way to ask.
#[derive(Clone)]
pub(crate) struct Tail {
    /// The time of the latest question whose answer this server has reached.
    pub(crate) confirmed: watch::Receiver<Option<Instant>>,
    /// Somebody waits for the next question.
    pub(crate) wanted: Arc<Notify>,
}

/// Both sides; nothing is known yet.
pub(crate) fn tail() -> (Telling, Tail) {
    let (telling, confirmed) = watch::channel(None);
    let wanted = Arc::<Notify>::default();
    let tail = Tail {
        confirmed,
        wanted: Arc::clone(&wanted),
    };
    let confirmed = telling;
    (Telling { confirmed, wanted }, tail)
}

/// What the watch looks at, and whom it tells.
pub(crate) struct Watch {
    pub(crate) settings: Settings,
    pub(crate) nats: Client,
    pub(crate) log: Log,
    pub(crate) followed: watch::Receiver<Followed>,
    pub(crate) applied: watch::Receiver<Position>,
    pub(crate) peers: watch::Receiver<Vec<Peer>>,
    pub(crate) standing: watch::Sender<Standing>,
    pub(crate) tail: Telling,
    /// The last block that the stream has taken from this process.
    pub(crate) stored_by_root: watch::Receiver<Option<StoredAt>>,
    /// Tells the applying side to look at the stream anew.
    pub(crate) look_again: Arc<Notify>,
}

impl Watch {
    /// Watches until the replica is stopped.
    pub(crate) async fn run(self) {
        let mut peers = self.peers.clone();
        loop {
            peers.borrow_and_update();
            let asked = Instant::now();
            let now = self.stand().await;
            if now == Some(Standing::AtTail) {
                self.tail.confirmed.send_replace(Some(asked));
            }
            let pause = if now == Some(Standing::CatchingUp) {
                ASK_AGAIN
            } else {
                ASK_EVERY
            };
            // A refusal is the applying side's finding, and only it takes it back.
            self.standing.send_if_modified(|standing| match now {
                Some(now) if standing.refusal().is_none() && *standing != now => {
                    *standing = now;
                    true
                }
                _ => false,
            });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.hears_more(&mut peers) => {}
                () = self.tail.wanted.notified() => {}
            }
        }
    }

    /// While this database is empty, whoever is heard of may know better than it
    /// what the log is: they are asked before it serves.
    async fn hears_more(&self, peers: &mut watch::Receiver<Vec<Peer>>) {
        let is_empty = *self.applied.borrow() == Position::ZERO;
        if !is_empty || peers.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// None if the stream is not the one that is followed, or may not be.
    async fn stand(&self) -> Option<Standing> {
        // Before the stream is asked: what somebody had applied by now, it must hold,
        // and what it has taken from this process.
        let taken = *self.stored_by_root.borrow();
        let peers = self.peers.borrow().clone();
        let followed = self.followed.borrow().clone();
        let view = match tokio::time::timeout(self.settings.waits.jetstream, self.log.view()).await
        {
            Ok(Ok(view)) => view,
            Ok(Err(_)) | Err(_) => return Some(Standing::OutOfReach),
        };
        if !followed.is_trusted {
            return None;
        }
        if is_beginning(*self.applied.borrow(), &view)
            && self.others_follow_another(&peers, &followed).await
        {
            // It has served nobody from what it saw before.
            self.tail.confirmed.send_replace(None);
            self.look_again.notify_one();
            return None;
        }
        let ahead = peers
            .iter()
            .filter(|peer| peer.applied.sequence() > view.last);
        let ahead: Vec<_> = ahead.map(|peer| peer.id).collect();
        let is_another = view.incarnation != followed.incarnation
            || taken.is_some_and(|taken| taken.is_lost(&view));
        if is_another || (!ahead.is_empty() && self.are_ahead(ahead, &followed, view.last).await) {
            self.look_again.notify_one();
            return None;
        }
        let mut applied = self.applied.clone();
        let reached = applied.wait_for(|applied| next_sequence(*applied) > view.last);
        match tokio::time::timeout(ASK_EVERY, reached).await {
            Ok(Ok(_)) => Some(Standing::AtTail),
            Ok(Err(_)) | Err(_) => Some(Standing::CatchingUp),
        }
    }

    async fn others_follow_another(&self, peers: &[Peer], followed: &Followed) -> bool {
        let ids = peers.iter().map(|peer| peer.id);
        let others = ids.filter(|id| *id != self.settings.id);
        let (role, log) = (self.settings.role, followed.incarnation);
        neighbour::somebody_follows_another(&self.nats, role, others, log).await
    }

    /// Whether one of these servers has really applied more of this log: its
    /// position may be one of another log.
    async fn are_ahead(
        &self,
        ids: Vec<yoshi_protocol::ServerId>,
        followed: &Followed,
        last: u64,
    ) -> bool {
        let role = self.settings.role;
        let since = Position::end_of_block(last);
        neighbour::furthest(&self.nats, role, ids, followed.incarnation, since)
            .await
            .is_some()
    }
}
