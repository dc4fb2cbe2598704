//! What an election makes of the lease: as it was read, or after it was written.

use std::time::Instant;

use yoshi_protocol::Epoch;
use yoshi_protocol::message::roster::{NewPrimReg, PrimaryLease};

use super::{Action, Election, HOLD_SHARE, Holder, LeaseView, State};

impl Election {
    pub(super) fn lease_read(
        &mut self,
        now: Instant,
        view: Option<LeaseView>,
        actions: &mut Vec<Action>,
    ) {
        match &mut self.state {
            State::Backup(backup) => {
                backup.reading = false;
                if let Some(view) = view {
                    self.consider(now, view, actions);
                }
            }
            State::Holder(holder) => {
                holder.renewing = false;
                match view {
                    // The write whose answer was lost did happen, or nothing did.
                    Some(LeaseView {
                        revision,
                        holder: Some(lease),
                    }) if lease.server == self.me => {
                        holder.revision = revision;
                        holder.renew_at = now;
                    }
                    Some(_) => self.step_down(now, None),
                    None => holder.renew_at = now,
                }
            }
            State::Left => {}
        }
    }

    /// As a backup: follow the lease's holder, wait for its end, or take it.
    fn consider(&mut self, now: Instant, view: LeaseView, actions: &mut Vec<Action>) {
        let delay = self.random_delay();
        let State::Backup(backup) = &mut self.state else {
            return;
        };
        // A lease of our own is from an earlier life, or from a write that was given up and came late.
        if let Some(lease) = view.holder.filter(|lease| lease.server != self.me) {
            if backup.primary.is_none_or(|known| known.id != lease.server) {
                let holder = NewPrimReg {
                    id: lease.server,
                    epoch: lease.epoch,
                };
                self.heard(now, holder);
            }
            return;
        }
        // Nobody holds it: no need to wait for heartbeats to be missed, but for
        // chance to choose between the backups (§4.3.3).
        let take_at = *backup.take_at.get_or_insert(now + delay);
        if now < take_at {
            backup.read_at = backup.read_at.min(take_at);
        } else if self.eligible && backup.taking.is_none() {
            let epoch = Epoch((view.revision + 1).max(self.logged.0 + 1));
            backup.taking = Some(epoch);
            actions.push(Action::WriteLease {
                expected: view.revision,
                lease: PrimaryLease {
                    epoch,
                    server: self.me,
                },
            });
        }
    }

    pub(super) fn lease_stored(
        &mut self,
        now: Instant,
        epoch: Epoch,
        started: Instant,
        revision: u64,
        actions: &mut Vec<Action>,
    ) {
        let until = started + self.settings.lease.mul_f64(HOLD_SHARE);
        match &mut self.state {
            State::Backup(backup) if backup.taking == Some(epoch) => {
                self.state = State::Holder(Holder {
                    revision,
                    epoch,
                    until,
                    renew_at: started + self.settings.renew,
                    renewing: false,
                    accepted: None,
                    announce_at: now,
                });
                actions.push(Action::Claim(epoch));
            }
            // A renewal from before it stepped down: nobody shall wait for its end.
            State::Backup(_) => actions.push(Action::Release { expected: revision }),
            State::Holder(holder) => {
                holder.renewing = false;
                holder.revision = revision;
                holder.until = until;
            }
            State::Left => actions.push(Action::Release { expected: revision }),
        }
    }

    pub(super) fn lease_not_stored(
        &mut self,
        now: Instant,
        epoch: Epoch,
        actions: &mut Vec<Action>,
    ) {
        let delay = self.random_delay();
        match &mut self.state {
            State::Backup(backup) if backup.taking == Some(epoch) => {
                backup.taking = None;
                backup.take_at = Some(now + delay);
                backup.read_at = now;
            }
            // Lost, or done without our knowing: only a look can tell.
            State::Holder(_) => actions.push(Action::ReadLease),
            State::Backup(_) | State::Left => {}
        }
    }
}
