//! This server's place among the others: it announces itself every second
//! (PING_MS), hears the others, and knows whether it may serve.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{Client, Message, Subscriber};
use futures::StreamExt;
use tokio::sync::watch;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::{
    DownReason, MessageServers, MsDown, MsState, PingMs, QueryLbForMs,
};
use yoshi_protocol::message::task::ServerApplied;
use yoshi_protocol::{Incarnation, Position, ServerId, subject};
use yoshi_replica::{Handle, Peer, Standing};
use yoshi_service::{Context, request};

use self::wishes::Wishes;
use crate::footing::{Footing, LogWatch};
use crate::roster::{Roster, SILENT_MAX};
use crate::rules::Outcome;

mod wishes;

const PING_EVERY: Duration = Duration::from_secs(1);
/// How soon a ping tells of a new position: inboxes show from it how many
/// servers hold a task.
const PING_NEWS_EVERY: Duration = Duration::from_millis(250);
/// How long a server that has reached the tail announces so before it serves:
/// every root must have heard it, and waits for it from then on.
const SETTLE: Duration = Duration::from_millis(1_200);
/// How old the latest look at the log's tail may be while this server serves.
/// The others wait for it no more once it has been silent for too long, and its
/// last ping may be an interval older than its last look: it ceases before that.
const CONFIRMED_MAX: Duration = SILENT_MAX.saturating_sub(PING_EVERY);
const LB_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a starting server asks for a load balancer that is not there yet.
const LB_TRIES: u32 = 5;

/// What the other parts of the server ask about its place.
#[derive(Clone)]
pub struct Membership {
    id: ServerId,
    incarnation: Incarnation,
    roster: Arc<Mutex<Roster>>,
    peers: Arc<watch::Sender<Vec<Peer>>>,
    state: Arc<watch::Sender<MsState>>,
    footing: Arc<watch::Sender<Footing>>,
    queue_after: Duration,
    in_hand: Arc<AtomicU32>,
    wishes: Wishes,
}

/// What this server knows of its own place.
struct Place {
    log: LogWatch,
    /// Since when it has been at the tail of the log.
    at_tail_since: Option<Instant>,
    /// When it last heard its own ping: it can listen, then.
    echo: Option<Instant>,
    /// Its position at the latest tick, and at the one before.
    latest: Position,
    tail: Position,
    /// The position that the latest early ping told.
    told: Position,
}

impl Place {
    fn new(queue_after: Duration) -> Self {
        Self {
            log: LogWatch::new(queue_after),
            at_tail_since: None,
            echo: None,
            latest: Position::ZERO,
            tail: Position::ZERO,
            told: Position::ZERO,
        }
    }
}

/// What a server must do about a message from the others.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    /// Somebody waited β for this server in vain.
    TooSlow,
    /// An operator destroyed this server.
    Destroyed,
}

/// Subscriptions made before the first ping goes out.
pub struct Ears {
    pings: Subscriber,
    downs: Subscriber,
}

impl Ears {
    /// Listens to the other message servers.
    ///
    /// # Errors
    /// If NATS refuses a subscription.
    pub async fn open(nats: &Client) -> Result<Self, async_nats::SubscribeError> {
        let pings = nats.subscribe(subject::MS_PING).await?;
        Ok(Self {
            pings,
            downs: nats.subscribe(subject::MS_DOWN).await?,
        })
    }
}

impl Membership {
    /// A server that has not joined yet. It queues once the log has been out of
    /// reach for `queue_after`.
    #[must_use]
    pub fn new(id: ServerId, incarnation: Incarnation, queue_after: Duration) -> Self {
        Self {
            id,
            incarnation,
            roster: Arc::default(),
            peers: Arc::new(watch::Sender::new(Vec::new())),
            state: Arc::new(watch::Sender::new(MsState::Joining)),
            footing: Arc::new(watch::Sender::new(Footing::Log)),
            queue_after,
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
            MsState::Serving if !replica.is_at_tail(CONFIRMED_MAX) => MsState::Behind,
            state => state,
        }
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

    /// Counts the requests in hand: this server's load.
    #[must_use]
    pub fn in_hand(&self) -> &Arc<AtomicU32> {
        &self.in_hand
    }

    /// QUERY_LB_FOR_MS: who is there already (§4.2.2). Without a load balancer
    /// the pings tell the same within a second.
    ///
    /// # Errors
    /// [`Destroyed`], if this server was destroyed and must not come back.
    pub async fn join(&self, nats: &Client) -> Result<(), Destroyed> {
        for _ in 0..LB_TRIES {
            let subject = subject::LB_QUERY_MS.to_owned();
            let answer =
                request::request::<_, MessageServers>(nats, subject, &QueryLbForMs {}, LB_TIMEOUT);
            match answer.await {
                Ok(known) if known.destroyed.contains(&self.id) => return Err(Destroyed(self.id)),
                Ok(known) => {
                    let now = Instant::now();
                    let others = known
                        .servers
                        .into_iter()
                        .filter(|server| server.ping.id != self.id);
                    for server in others {
                        self.roster().heard(server.ping, Position::ZERO, now);
                    }
                    self.publish_peers();
                    return Ok(());
                }
                Err(error) => tracing::info!(%error, "no load balancer yet"),
            }
            tokio::time::sleep(LB_TIMEOUT / 2).await;
        }
        Ok(())
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
        let mut place = Place::new(self.queue_after);
        loop {
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
                        self.ping(context, replica).await;
                    }
                }
                _ = tick.tick() => {
                    let listening =
                        place.echo.is_some_and(|echo| echo.elapsed() < 2 * PING_EVERY);
                    self.roster().sweep(Instant::now(), listening);
                    self.publish_peers();
                    if place.at_tail_since.is_none() && replica.is_at_tail(CONFIRMED_MAX) {
                        place.at_tail_since = Some(Instant::now());
                    }
                    (place.tail, place.latest) = (place.latest, replica.applied());
                    self.settle(context, replica, &mut place);
                    self.ping(context, replica).await;
                    continue;
                }
            }
            if self.settle(context, replica, &mut place) {
                self.ping(context, replica).await;
            }
        }
    }

    /// The server takes nothing new from now on.
    pub async fn drain(&self, context: &Context, replica: &Handle<Outcome>) {
        self.state.send_replace(MsState::Draining);
        context.health.not_ready("draining");
        self.ping(context, replica).await;
    }

    /// Finds out what this server is able to do; answers whether that changed.
    fn settle(&self, context: &Context, replica: &Handle<Outcome>, place: &mut Place) -> bool {
        self.find_footing(replica, place);
        let before = *self.state.borrow();
        let draining = self.wishes.is_draining();
        // Roots do not wait for a server that drains: it must announce itself
        // anew before it serves again.
        let undone = before == MsState::Draining && !draining;
        if undone || !replica.is_at_tail(CONFIRMED_MAX) {
            place.at_tail_since = None;
        }
        let refusal = self.refusal();
        if let Some(refusal) = &refusal {
            context.health.not_ready(refusal.as_str());
        }
        let settled = place
            .at_tail_since
            .is_some_and(|since| since.elapsed() >= SETTLE);
        let state = match before {
            _ if refusal.is_some() => MsState::Behind,
            _ if draining => MsState::Draining,
            _ if settled => MsState::Serving,
            MsState::Joining => MsState::Joining,
            MsState::Serving | MsState::Behind | MsState::Draining => MsState::Behind,
        };
        if state == before {
            return false;
        }
        self.state.send_replace(state);
        let standing = replica.standing().borrow().clone();
        tracing::info!(?state, ?standing, "this server is {state:?}");
        if state == MsState::Serving {
            context.health.ready();
        } else if refusal.is_none() {
            context.health.not_ready(format!("{state:?}: {standing:?}"));
        }
        true
    }

    /// Finds out whether this server must do without the log.
    fn find_footing(&self, replica: &Handle<Outcome>, place: &mut Place) {
        let out_of_reach = *replica.standing().borrow() == Standing::OutOfReach;
        let state = *self.state.borrow();
        let footing = match place.log.look(out_of_reach, state, Instant::now()) {
            // Its word is worth nothing any more.
            Footing::Queueing if self.is_stopped() => Footing::Reading,
            footing => footing,
        };
        let changed = self
            .footing
            .send_if_modified(|known| std::mem::replace(known, footing) != footing);
        if changed {
            tracing::warn!(?footing, "this server goes by {footing:?}");
        }
    }

    async fn ping(&self, context: &Context, replica: &Handle<Outcome>) {
        let ping = PingMs {
            id: self.id,
            host: context.host.clone(),
            load: self.in_hand.load(Ordering::Relaxed),
            state: self.state(replica),
            applied: replica.applied(),
            stopped: self.is_stopped(),
            incarnation: self.incarnation,
        };
        let published = context
            .nats
            .publish(subject::MS_PING, cbor::encode(&ping).into())
            .await;
        if let Err(error) = published {
            tracing::warn!(%error, "this server could not announce itself");
        }
    }

    fn heard_ping(&self, message: &Message, place: &mut Place) {
        match cbor::decode::<PingMs>(&message.payload, Bound::REQUEST) {
            Ok(ping) if ping.id == self.id && ping.incarnation != self.incarnation => {
                tracing::error!(
                    host = ping.host,
                    "another process announces this server's identity"
                );
            }
            Ok(ping) if ping.id == self.id => place.echo = Some(Instant::now()),
            Ok(ping) => {
                self.roster().heard(ping, place.tail, Instant::now());
                self.publish_peers();
            }
            Err(error) => tracing::warn!(%error, "a ping cannot be read"),
        }
    }

    fn heard_down(&self, message: &Message) -> Heard {
        let down = match cbor::decode::<MsDown>(&message.payload, Bound::REQUEST) {
            Ok(down) => down,
            Err(error) => {
                tracing::warn!(%error, "a report cannot be read");
                return Heard::Nothing;
            }
        };
        self.roster().down(down);
        self.publish_peers();
        let this_life = down.incarnation.is_none_or(|life| life == self.incarnation);
        match down.reason {
            _ if down.id != self.id || !this_life => Heard::Nothing,
            DownReason::Timeout => Heard::TooSlow,
            DownReason::Destroyed => Heard::Destroyed,
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
