//! Takes part in the election: feeds it the time and what is heard, does what
//! it asks for, and tells the rest of the server its role and its peers.

mod calls;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Subscriber;
use futures::StreamExt;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::NewPrimReg;
use yoshi_protocol::{Incarnation, Position, ServerId};
use yoshi_replica::{Peer, Standing};

pub(crate) use calls::Calls;

use crate::backups::Backups;
use crate::election::{Action, Election, Input, Role};
use crate::limit::{LEAVE_MAX, TICK_INTERVAL};
use crate::pulse::Pulse;
use crate::rules::Primary;

/// The backups, shared between the heartbeats' answers and the candidate.
pub(crate) type SharedBackups = Arc<Mutex<Backups>>;

/// What the candidate listens to.
pub(crate) struct Sources {
    /// `NEW_PRIM_REG`.
    pub announcements: Subscriber,
    /// Every new primary in the log.
    pub logged: watch::Receiver<Primary>,
    /// Where this server's replica stands.
    pub standing: watch::Receiver<Standing>,
    /// How far it has applied the log.
    pub applied: watch::Receiver<Position>,
    /// Whether its database answers.
    pub pulse: Pulse,
}

/// What the candidate tells.
pub(crate) struct Outputs {
    /// What this server is.
    pub role: watch::Sender<Role>,
    /// Whom its replica works with.
    pub peers: watch::Sender<Vec<Peer>>,
}

/// A server that takes part in the election.
pub(crate) struct Candidate {
    /// The rules.
    pub election: Election,
    /// What it does to the world.
    pub calls: Calls,
    /// What it listens to.
    pub sources: Sources,
    /// What it tells.
    pub outputs: Outputs,
    /// The backups that are live while it is primary.
    pub backups: SharedBackups,
}

impl Candidate {
    /// Takes part until `leave` is told or dropped, then gives the lease up if it
    /// holds it. Answers where `NEW_PRIM_REG` is heard.
    pub(crate) async fn run(mut self, mut leave: oneshot::Receiver<()>) -> Subscriber {
        let mut tasks = JoinSet::new();
        let mut ticks = tokio::time::interval(TICK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let input = tokio::select! {
                _ = &mut leave => break,
                _ = ticks.tick() => self.tick(),
                Some(done) = tasks.join_next() => match done {
                    Ok(Some(input)) => {
                        if matches!(input, Input::ClaimRefused(_)) {
                            // The epoch that outranks the claim, so that the next one is above it.
                            let logged = self.sources.logged.borrow_and_update().epoch;
                            self.feed(Input::Outranked(logged), &mut tasks);
                        }
                        input
                    }
                    Ok(None) => continue,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                Some(message) = self.sources.announcements.next() => {
                    match cbor::decode::<NewPrimReg>(&message.payload, Bound::REQUEST) {
                        Ok(primary) => Input::Heard(primary),
                        Err(error) => {
                            tracing::warn!(%error, "a NEW_PRIM_REG cannot be read");
                            continue;
                        }
                    }
                }
                Ok(()) = self.sources.logged.changed() => {
                    Input::Outranked(self.sources.logged.borrow_and_update().epoch)
                }
            };
            self.feed(input, &mut tasks);
        }
        self.feed(Input::Leave, &mut tasks);
        self.finish(tasks).await;
        self.sources.announcements
    }

    /// Waits for the calls under way: one of them may give the lease up, or
    /// turn out to have taken it.
    async fn finish(&mut self, mut tasks: JoinSet<Option<Input>>) {
        let ending = async {
            while let Some(done) = tasks.join_next().await {
                if let Ok(Some(input)) = done {
                    self.feed(input, &mut tasks);
                }
            }
        };
        if tokio::time::timeout(LEAVE_MAX, ending).await.is_err() {
            tracing::warn!("the lease was not given up in time: it ends by itself");
        }
    }

    fn tick(&mut self) -> Input {
        let applied = *self.sources.applied.borrow();
        let now = Instant::now();
        let live = {
            let mut backups = self.backups.lock().unwrap_or_else(PoisonError::into_inner);
            let state = self.calls.nats.connection_state();
            backups.note(
                now,
                applied,
                state == async_nats::connection::State::Connected,
            );
            backups.live()
        };
        self.tell_peers(live);
        if !self.sources.pulse.beats(now) {
            return Input::Unable;
        }
        let eligible = *self.sources.standing.borrow() == Standing::AtTail;
        let prompt = self.sources.pulse.is_prompt(now);
        Input::Tick { eligible, prompt }
    }

    fn feed(&mut self, input: Input, tasks: &mut JoinSet<Option<Input>>) {
        let actions = self.election.step(Instant::now(), input);
        self.tell_role();
        for action in actions {
            self.act(action, tasks);
        }
    }

    fn act(&self, action: Action, tasks: &mut JoinSet<Option<Input>>) {
        let calls = self.calls.clone();
        match action {
            Action::Beat(of) => {
                let applied = *self.sources.applied.borrow();
                tasks.spawn(async move { Some(calls.beat(of, applied).await) });
            }
            Action::ReadLease => {
                tasks.spawn(async move { Some(calls.read_lease().await) });
            }
            Action::WriteLease { expected, lease } => {
                tasks.spawn(async move { Some(calls.write_lease(expected, lease).await) });
            }
            Action::Claim(epoch) => {
                let role = self.outputs.role.subscribe();
                tasks.spawn(async move { calls.claim(epoch, role).await });
            }
            Action::Announce(primary) => {
                tasks.spawn(async move {
                    calls.announce(primary).await;
                    None
                });
            }
            Action::Release { expected } => {
                tasks.spawn(async move {
                    calls.release(expected).await;
                    None
                });
            }
        }
    }

    fn tell_role(&self) {
        let role = self.election.role();
        self.outputs.role.send_if_modified(|known| {
            if *known == role {
                return false;
            }
            if known.name() != role.name() || known.followed() != role.followed() {
                let followed = role.followed().map(tracing::field::display);
                tracing::info!(
                    role = role.name(),
                    followed,
                    "this server is now: {}",
                    role.name()
                );
                let primary = matches!(role, Role::Primary { .. });
                metrics::gauge!("yoshi_rs_primary").set(if primary { 1.0 } else { 0.0 });
            }
            *known = role;
            true
        });
    }

    /// As primary, or nearly: the live backups. As backup: the primary, from
    /// which the replica can fill itself where the log no longer reaches back.
    fn tell_peers(&self, live: Vec<Peer>) {
        let peers = match self.election.role() {
            Role::Backup { primary } => primary
                .iter()
                .map(|primary| self.source(primary.id))
                .collect(),
            Role::Claiming { .. } | Role::Primary { .. } => live,
            Role::Left => return,
        };
        self.outputs.peers.send_if_modified(|known| {
            let changed = *known != peers;
            if changed {
                *known = peers;
            }
            changed
        });
    }

    /// The primary as a backup's peer. Its incarnation is not known, and not
    /// needed: no success of ours waits for it.
    fn source(&self, id: ServerId) -> Peer {
        let answered = *self.calls.primary_applied.borrow();
        let applied = answered.filter(|(of, _)| *of == id);
        Peer {
            id,
            incarnation: Incarnation(uuid::Uuid::nil()),
            lost: false,
            stream: None,
            applied: applied.map_or(Position::ZERO, |(_, applied)| applied),
            counts: false,
            silence: Duration::ZERO,
        }
    }
}
