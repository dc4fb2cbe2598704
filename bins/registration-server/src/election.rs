//! Who is primary (§4.3.3): a pure state machine. It is told the time and what
//! happened, and says what to do; `candidate` does it.
//!
//! Three things keep two primaries apart. The *lease* in KV, taken and renewed
//! by compare-and-set, lets one server at a time try. Its holder stops by its
//! own monotonic clock at 0.7 of the lease's time after it *began* the last
//! renewal that succeeded, so before anybody else can take it. And the
//! *accounts log* gives each epoch to one server for good: a primary that was
//! paused past both can add nothing to it.
//!
//! The epoch is `max(expected revision of the lease + 1, highest epoch in the
//! own copy of the log + 1)`. As long as the bucket remembers, revisions rise
//! with each holder, so a later holder's epoch is higher even where its copy of
//! the log lags behind; the log's epoch keeps it rising when the bucket is lost
//! or the marker of an expired lease is gone. If the log refuses the claim all
//! the same, the holder claims the next epoch.

mod holding;
mod input;
mod role;

#[cfg(test)]
mod tests;

pub use input::{Action, Input, LeaseView, Settings, Written};
pub use role::Role;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use yoshi_planted::{Fault, is};
use yoshi_protocol::message::roster::{NewPrimReg, PrimaryLease};
use yoshi_protocol::{Epoch, ServerId};

use crate::limit::{ANNOUNCE_INTERVAL, LEASE_POLL_INTERVAL, SETTLE};

/// The share of the lease's time after which a holder that has not renewed it
/// stops. The rest is for clocks that run at different speeds.
const HOLD_SHARE: f64 = 0.7;

/// Where this server stands.
#[derive(Debug, Clone)]
enum State {
    /// It follows the primary, or looks for one.
    Backup(Backup),
    /// It holds the lease.
    Holder(Holder),
    /// It takes part no more.
    Left,
}

#[derive(Debug, Clone)]
struct Backup {
    /// Whom it follows.
    primary: Option<NewPrimReg>,
    /// Heartbeats in a row without an answer.
    missed: u32,
    beat_at: Instant,
    /// Whose answer to a heartbeat is waited for.
    beating: Option<ServerId>,
    read_at: Instant,
    reading: bool,
    /// When it may try to take the lease; none while the primary answers.
    take_at: Option<Instant>,
    /// The epoch that it is taking the lease with.
    taking: Option<Epoch>,
}

#[derive(Debug, Clone)]
struct Holder {
    /// The revision that its next write of the lease must find.
    revision: u64,
    epoch: Epoch,
    /// When it must stop, unless it renews.
    until: Instant,
    renew_at: Instant,
    /// A write or a read of the lease is under way.
    renewing: bool,
    /// When its claim was found in the log; none while it is not.
    accepted: Option<Instant>,
    announce_at: Instant,
}

/// The state machine of one server.
#[derive(Debug)]
pub struct Election {
    me: ServerId,
    settings: Settings,
    random: StdRng,
    /// The highest epoch in this server's copy of the log.
    logged: Epoch,
    /// Whether this server's copy of the log is complete enough to become primary.
    eligible: bool,
    /// Whether its database answers promptly.
    prompt: bool,
    state: State,
}

impl Backup {
    fn new(primary: Option<NewPrimReg>, now: Instant) -> Self {
        Self {
            primary,
            missed: 0,
            beat_at: now,
            beating: None,
            read_at: now,
            reading: false,
            take_at: None,
            taking: None,
        }
    }
}

impl Election {
    /// A backup with the highest epoch in its copy of the log, and the primary
    /// that it was told of, if it was.
    #[must_use]
    pub fn new(
        me: ServerId,
        settings: Settings,
        logged: Epoch,
        primary: Option<NewPrimReg>,
        seed: u64,
        now: Instant,
    ) -> Self {
        let primary = primary.filter(|primary| primary.id != me);
        Self {
            me,
            settings,
            random: StdRng::seed_from_u64(seed),
            logged,
            eligible: false,
            prompt: false,
            state: State::Backup(Backup::new(primary, now)),
        }
    }

    /// What this server is at present, for whoever answers requests.
    #[must_use]
    pub fn role(&self) -> Role {
        match &self.state {
            State::Backup(backup) => Role::Backup {
                primary: backup.primary,
            },
            State::Holder(holder) => match holder.accepted {
                Some(accepted) => Role::Primary {
                    epoch: holder.epoch,
                    from: accepted + SETTLE,
                    until: holder.until,
                },
                None => Role::Claiming {
                    epoch: holder.epoch,
                },
            },
            State::Left => Role::Left,
        }
    }

    /// Takes in what happened, and says what to do, in order.
    pub fn step(&mut self, now: Instant, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Tick { eligible, prompt } => (self.eligible, self.prompt) = (eligible, prompt),
            Input::Unable => self.unable(now, &mut actions),
            Input::Heard(primary) => self.heard(now, primary),
            Input::Beat { of, answered } => self.beat(now, of, answered),
            Input::LeaseRead(view) => self.lease_read(now, view, &mut actions),
            Input::LeaseWritten {
                epoch,
                started,
                result,
            } => match result {
                Written::At(revision) => {
                    self.lease_stored(now, epoch, started, revision, &mut actions);
                }
                Written::Failed => self.lease_not_stored(now, epoch, &mut actions),
            },
            Input::Claimed(epoch) => self.claimed(now, epoch),
            Input::ClaimRefused(epoch) => self.claim_refused(now, epoch, &mut actions),
            Input::Outranked(epoch) => self.outranked(now, epoch, &mut actions),
            Input::Leave => self.leave(&mut actions),
        }
        self.act_by_time(now, &mut actions);
        actions
    }

    /// Whatever is due.
    fn act_by_time(&mut self, now: Instant, actions: &mut Vec<Action>) {
        match &mut self.state {
            State::Backup(backup) => {
                // The primary waits for whom it hears, and a silent database commits nothing.
                if let Some(primary) = backup.primary
                    && self.prompt
                    && backup.beating.is_none()
                    && now >= backup.beat_at
                {
                    backup.beating = Some(primary.id);
                    backup.beat_at = now + self.settings.heartbeat;
                    actions.push(Action::Beat(primary.id));
                }
                if !backup.reading && backup.taking.is_none() && now >= backup.read_at {
                    backup.reading = true;
                    backup.read_at = now + LEASE_POLL_INTERVAL;
                    actions.push(Action::ReadLease);
                }
            }
            State::Holder(holder) if now >= holder.until && !is(Fault::DeposedPrimaryWrites) => {
                self.step_down(now, None);
            }
            State::Holder(holder) => {
                if !holder.renewing && now >= holder.renew_at {
                    holder.renewing = true;
                    holder.renew_at = now + self.settings.renew;
                    actions.push(Action::WriteLease {
                        expected: holder.revision,
                        lease: PrimaryLease {
                            epoch: holder.epoch,
                            server: self.me,
                        },
                    });
                }
                if holder.accepted.is_some() && now >= holder.announce_at {
                    holder.announce_at = now + ANNOUNCE_INTERVAL;
                    actions.push(Action::Announce(NewPrimReg {
                        id: self.me,
                        epoch: holder.epoch,
                    }));
                }
            }
            State::Left => {}
        }
    }

    /// A holder that can serve nobody lets another server be primary.
    fn unable(&mut self, now: Instant, actions: &mut Vec<Action>) {
        (self.eligible, self.prompt) = (false, false);
        if let State::Holder(holder) = &self.state {
            let expected = holder.revision;
            self.step_down(now, None);
            actions.push(Action::Release { expected });
        }
    }

    /// A server says that it is primary, or another one says so of it.
    fn heard(&mut self, now: Instant, primary: NewPrimReg) {
        let me = self.me;
        match &mut self.state {
            State::Backup(backup) if primary.id != me => {
                let known = backup.primary;
                if known == Some(primary) || known.is_some_and(|known| known.epoch > primary.epoch)
                {
                    return;
                }
                backup.primary = Some(primary);
                backup.missed = 0;
                backup.take_at = None;
                // At once, whatever the one before has not answered yet: from [`SETTLE`]
                // on, the new one waits for nobody whom it has not heard.
                (backup.beat_at, backup.beating) = (now, None);
            }
            State::Holder(holder) if primary.id != me && primary.epoch > holder.epoch => {
                self.step_down(now, Some(primary));
            }
            State::Backup(_) | State::Holder(_) | State::Left => {}
        }
    }

    /// A heartbeat was answered by a primary, or was not.
    fn beat(&mut self, now: Instant, of: ServerId, answered: Option<Epoch>) {
        let delay = self.random_delay();
        let State::Backup(backup) = &mut self.state else {
            return;
        };
        backup.beating.take_if(|asked| *asked == of);
        let Some(primary) = backup.primary.as_mut().filter(|primary| primary.id == of) else {
            return;
        };
        if let Some(epoch) = answered {
            primary.epoch = primary.epoch.max(epoch);
            backup.missed = 0;
            backup.take_at = None;
            return;
        }
        backup.missed += 1;
        if backup.missed >= self.settings.missed_max && backup.take_at.is_none() {
            backup.take_at = Some(now + delay);
        }
    }

    fn claimed(&mut self, now: Instant, epoch: Epoch) {
        self.logged = self.logged.max(epoch);
        if let State::Holder(holder) = &mut self.state
            && holder.epoch == epoch
            && holder.accepted.is_none()
        {
            holder.accepted = Some(now);
            holder.announce_at = now;
        }
    }

    /// The log holds a higher epoch than the one claimed.
    fn claim_refused(&mut self, now: Instant, epoch: Epoch, actions: &mut Vec<Action>) {
        let next = Epoch(self.logged.max(epoch).0 + 1);
        if let State::Holder(holder) = &mut self.state
            && holder.epoch == epoch
            && holder.accepted.is_none()
        {
            holder.epoch = next;
            holder.renew_at = now;
            actions.push(Action::Claim(next));
        }
    }

    /// The log shows a primary of this epoch, or refused an entry of ours because of one.
    fn outranked(&mut self, now: Instant, epoch: Epoch, actions: &mut Vec<Action>) {
        self.logged = self.logged.max(epoch);
        if let State::Holder(holder) = &self.state
            && holder.accepted.is_some()
            && epoch > holder.epoch
        {
            let expected = holder.revision;
            self.step_down(now, None);
            actions.push(Action::Release { expected });
        }
    }

    fn leave(&mut self, actions: &mut Vec<Action>) {
        if let State::Holder(holder) = &self.state {
            actions.push(Action::Release {
                expected: holder.revision,
            });
        }
        self.state = State::Left;
    }

    fn step_down(&mut self, now: Instant, successor: Option<NewPrimReg>) {
        let mut backup = Backup::new(successor, now);
        // Let the others go first: this server has just failed at it.
        if successor.is_none() {
            backup.take_at = Some(now + self.settings.takeover_delay);
        }
        self.state = State::Backup(backup);
    }

    fn random_delay(&mut self) -> Duration {
        let most = self.settings.takeover_delay;
        self.random.random_range(Duration::ZERO..=most)
    }
}
