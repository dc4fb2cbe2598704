//! Whether this server has applied what was in the log a moment ago: the
//! stream's leader is asked every second.

use std::time::{Duration, Instant};

use async_nats::Client;
use tokio::sync::{Notify, watch};
use yoshi_protocol::Position;

use crate::applier::{Followed, next_sequence};
use crate::stream::Log;
use crate::{Peer, Settings, Standing, neighbour};

/// How often the stream's leader is asked, and how long the applying side may
/// take to reach what was its tail when it was asked.
const ASK_EVERY: Duration = Duration::from_secs(1);
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a server that is catching up looks again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// What the watch looks at, and whom it tells.
pub(crate) struct Watch {
    pub(crate) settings: Settings,
    pub(crate) nats: Client,
    pub(crate) log: Log,
    pub(crate) followed: watch::Receiver<Followed>,
    pub(crate) applied: watch::Receiver<Position>,
    pub(crate) peers: watch::Receiver<Vec<Peer>>,
    pub(crate) standing: watch::Sender<Standing>,
    /// The time of the latest question whose answer this server has reached.
    pub(crate) confirmed: watch::Sender<Option<Instant>>,
    /// Tells the applying side to look at the stream anew.
    pub(crate) look_again: std::sync::Arc<Notify>,
}

impl Watch {
    /// Watches until the replica is stopped.
    pub(crate) async fn run(self) {
        loop {
            let asked = Instant::now();
            let now = self.stand().await;
            if now == Some(Standing::AtTail) {
                self.confirmed.send_replace(Some(asked));
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
            tokio::time::sleep(pause).await;
        }
    }

    /// None if the stream is not the one that is followed, or may not be.
    async fn stand(&self) -> Option<Standing> {
        // Before the stream is asked: what somebody had applied by now, it must hold.
        let peers = self.peers.borrow().clone();
        let followed = self.followed.borrow().clone();
        let view = match tokio::time::timeout(ASK_TIMEOUT, self.log.view()).await {
            Ok(Ok(view)) => view,
            Ok(Err(_)) | Err(_) => return Some(Standing::OutOfReach),
        };
        if !followed.is_trusted {
            return None;
        }
        let ahead = peers
            .iter()
            .filter(|peer| peer.applied.sequence() > view.last);
        let ahead: Vec<_> = ahead.map(|peer| peer.id).collect();
        let is_another = view.incarnation != followed.incarnation;
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
