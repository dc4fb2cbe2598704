//! This server's place among the others: it announces itself every second
//! (PING_MS), hears the others, and knows whether it may serve.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::sync::watch;
use yoshi_protocol::cbor;
use yoshi_protocol::message::roster::{MsState, PingMs};
use yoshi_protocol::message::task::ServerApplied;
use yoshi_protocol::{Incarnation, Position, ServerId, subject};
use yoshi_replica::{Handle, Peer};
use yoshi_service::Context;
use yoshi_service::liveness::SILENT_MAX;

pub use self::others::Ears;
use self::others::Heard;
use self::place::Place;
use self::wishes::Wishes;
use crate::footing::Footing;
use crate::roster::Roster;
use crate::rules::Outcome;

mod others;
mod place;
mod wishes;

const PING_EVERY: Duration = Duration::from_secs(1);
/// How soon a ping tells of a new position: inboxes show from it how many
/// servers hold a task.
const PING_NEWS_EVERY: Duration = Duration::from_millis(250);

/// How long this server, and the others, may do without something.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// Without a word a message server is gone after this.
    pub silence: Duration,
    /// Tasks are queued once the log has been out of reach for so long.
    pub queue_after: Duration,
}

impl Waits {
    /// How old the latest look at the log's tail may be while this server serves.
    /// The others wait for it no more once it has been silent for too long, and its
    /// last ping may be an interval older than its last look: it ceases before that.
    fn confirmed_max(self) -> Duration {
        self.silence.saturating_sub(PING_EVERY)
    }

    /// What a ping says of it: nothing, if everybody goes by it anyway.
    fn told(self) -> Option<u64> {
        (self.silence > SILENT_MAX).then_some(self.silence.as_secs())
    }
}

/// What the other parts of the server ask about its place.
#[derive(Clone)]
pub struct Membership {
    id: ServerId,
    incarnation: Incarnation,
    roster: Arc<Mutex<Roster>>,
    peers: Arc<watch::Sender<Vec<Peer>>>,
    state: Arc<watch::Sender<MsState>>,
    footing: Arc<watch::Sender<Footing>>,
    waits: Waits,
    in_hand: Arc<AtomicU32>,
    wishes: Wishes,
}

impl Membership {
    /// A server that has not joined yet.
    #[must_use]
    pub fn new(id: ServerId, incarnation: Incarnation, waits: Waits) -> Self {
        Self {
            id,
            incarnation,
            roster: Arc::new(Mutex::new(Roster::new(waits.silence))),
            peers: Arc::new(watch::Sender::new(Vec::new())),
            state: Arc::new(watch::Sender::new(MsState::Joining)),
            footing: Arc::new(watch::Sender::new(Footing::Log)),
            waits,
            in_hand: Arc::default(),
            wishes: Wishes::default(),
        }
    }

    /// The other servers, for the replica.
    #[must_use]
    pub fn peers(&self) -> watch::Receiver<Vec<Peer>> {
        self.peers.subscribe()
    }

    /// What this server is able to do now. A process that was paused finds out
    /// here, before anything else has run.
    #[must_use]
    pub fn state(&self, replica: &Handle<Outcome>) -> MsState {
        match *self.state.borrow() {
            MsState::Serving if self.is_stopped() => MsState::Behind,
            MsState::Serving if !replica.is_at_tail(self.waits.confirmed_max()) => MsState::Behind,
            state => state,
        }
    }

    /// How long this server may be counted on after its last word, by any of the others.
    #[must_use]
    pub fn counted_on(&self) -> Duration {
        self.waits.silence.max(self.roster().longest_silence())
    }

    /// What this server goes by.
    #[must_use]
    pub fn footing(&self) -> Footing {
        *self.footing.borrow()
    }

    /// Waits until this server queues.
    pub async fn queueing(&self) {
        let mut footing = self.footing.subscribe();
        let queueing = footing.wait_for(|footing| *footing == Footing::Queueing);
        // Whoever asks holds the sender, too.
        queueing.await.map(drop).unwrap_or_default();
    }

    /// How far every live server is, this one included, by id.
    #[must_use]
    pub fn servers(&self, applied: Position) -> Vec<ServerApplied> {
        let mut servers = self.roster().applied();
        servers.push(ServerApplied {
            id: self.id,
            applied,
        });
        servers.sort_unstable_by_key(|server| server.id);
        servers
    }

    /// Whether a server that this one knows is not heard. It may be alive, and not
    /// hear this one either: a link between two nodes of NATS may be down while
    /// both reach the log by others. It waits for this server no more then.
    #[must_use]
    pub fn misses_somebody(&self, replica: &Handle<Outcome>) -> bool {
        let known = replica.known();
        let roster = self.roster();
        known.iter().any(|id| *id != self.id && !roster.hears(*id))
    }

    /// Counts the requests in hand: this server's load.
    #[must_use]
    pub fn in_hand(&self) -> &Arc<AtomicU32> {
        &self.in_hand
    }

    /// Announces this server and listens to the others, until it is destroyed.
    pub async fn run(
        &self,
        context: &Context,
        replica: &Handle<Outcome>,
        ears: &mut Ears,
    ) -> Destroyed {
        let mut tick = tokio::time::interval(PING_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut news = tokio::time::interval(PING_NEWS_EVERY);
        news.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut standing = replica.standing();
        let mut wishes = self.wishes.changes();
        let mut place = Place::new(self.waits.queue_after);
        loop {
            // It settles for longer than until here before it serves from another log.
            self.roster().follow(replica.stream());
            tokio::select! {
                Some(message) = ears.pings.next() => self.heard_ping(&message, &mut place),
                Some(message) = ears.downs.next() => match self.heard_down(&message) {
                    Heard::Nothing => {}
                    Heard::TooSlow => place.at_tail_since = None,
                    Heard::Destroyed => return Destroyed(self.id),
                },
                Ok(()) = standing.changed() => {}
                () = wishes.changed() => {}
                _ = news.tick() => {
                    if place.told != replica.applied() {
                        place.told = replica.applied();
                        self.tell(context, replica, &mut place).await;
                    }
                }
                _ = tick.tick() => {
                    let listening =
                        place.echo.is_some_and(|echo| echo.elapsed() < 2 * PING_EVERY);
                    self.roster().sweep(Instant::now(), listening);
                    self.publish_peers();
                    if place.at_tail_since.is_none() && replica.is_at_tail(self.waits.confirmed_max()) {
                        place.at_tail_since = Some(Instant::now());
                    }
                    (place.tail, place.latest) = (place.latest, replica.applied());
                    self.tell(context, replica, &mut place).await;
                    continue;
                }
            }
            if self.settle(context, replica, &mut place) {
                self.tell(context, replica, &mut place).await;
            }
        }
    }

    /// The server takes nothing new from now on.
    pub async fn drain(&self, context: &Context, replica: &Handle<Outcome>) {
        self.state.send_replace(MsState::Draining);
        context.health.not_ready("draining");
        self.ping(context, replica).await;
    }

    /// Finds out what this server is able to do, and tells the others. Once they
    /// hear that it does not serve, they wait for it no more: it must not take
    /// that back before it has announced itself anew.
    async fn tell(&self, context: &Context, replica: &Handle<Outcome>, place: &mut Place) {
        self.settle(context, replica, place);
        if self.state(replica) != *self.state.borrow() {
            place.at_tail_since = None;
            self.settle(context, replica, place);
        }
        self.ping(context, replica).await;
    }

    async fn ping(&self, context: &Context, replica: &Handle<Outcome>) {
        let ping = PingMs {
            id: self.id,
            host: context.host.clone(),
            load: self.in_hand.load(Ordering::Relaxed),
            lost: replica.has_lost_its_log(),
            state: self.state(replica),
            // Before the position: that of a log which is taken up just now is ignored
            // once, and never taken for one of the last log.
            stream: Some(replica.stream()),
            applied: replica.applied(),
            stopped: self.is_stopped(),
            incarnation: self.incarnation,
            silence_seconds: self.waits.told(),
        };
        let published = context
            .nats
            .publish(subject::MS_PING, cbor::encode(&ping).into())
            .await;
        if let Err(error) = published {
            tracing::warn!(%error, "this server could not announce itself");
        }
    }

    fn publish_peers(&self) {
        let peers = self.roster().peers();
        self.peers.send_if_modified(|known| {
            let changed = *known != peers;
            *known = peers;
            changed
        });
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        // The roster holds no invariant that a panic could break.
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This server was destroyed by an operator.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "message server {0} was destroyed by an operator and does not come back; \
     start one with an empty database instead"
)]
pub struct Destroyed(pub ServerId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_silence_is_told_and_the_usual_one_is_not() {
        let waits = |seconds| Waits {
            silence: Duration::from_secs(seconds),
            queue_after: Duration::ZERO,
        };
        assert_eq!((waits(3).told(), waits(10).told()), (None, Some(10)));
        let confirmed_max = waits(10).confirmed_max();
        assert_eq!(confirmed_max, Duration::from_secs(9));
    }
}
