//! What the sender does: revise a task, withdraw it, ask again, remind.

use yoshi_protocol::cbor::DecodeError;
use yoshi_protocol::{AccountName, ErrorCode, InvalidTask, Revise};

use super::{Refusal, State, Status, Step, Task, not_allowed, refusal};

/// Reminders of one task.
pub const REMINDERS_MAX: u32 = 100;

impl Task {
    pub(super) fn revise(&mut self, revise: &Revise) -> Result<(), Refusal> {
        if revise.revision != self.revision {
            return refusal(
                ErrorCode::Conflict,
                format!(
                    "the task is at revision {}, and you saw revision {}: look at it again",
                    self.revision, revise.revision
                ),
            );
        }
        if self.withdrawn {
            return not_allowed("the task is withdrawn; reopen it first");
        }
        let content = self.content.revised(revise).or_else(|error| match error {
            InvalidTask::Malformed(DecodeError::TooLarge { .. } | DecodeError::TooManyItems(_)) => {
                refusal(ErrorCode::TooLarge, "the task would become too large")
            }
            error => refusal(ErrorCode::InvalidTask, error.to_string()),
        })?;
        if revise.asks_again() {
            for ask in &mut self.asks {
                let answered = matches!(
                    ask.step.state,
                    State::Accepted | State::InProcess | State::Declined
                );
                if answered {
                    ask.decide(Step::default());
                } else if ask.step.state == State::Closed {
                    // What it opens to again is asked anew, too.
                    ask.before = None;
                }
            }
        }
        self.content = content;
        self.revision += 1;
        Ok(())
    }

    pub(super) fn withdraw(
        &mut self,
        reason: &str,
        recipients: &[AccountName],
    ) -> Result<(), Refusal> {
        if matches!(self.status(), Status::Completed | Status::Cancelled) {
            return not_allowed("the task is completed or withdrawn already");
        }
        let step = Step {
            reason: reason.to_owned(),
            ..Step::of(State::Withdrawn)
        };
        let still = |state| !matches!(state, State::Completed | State::Withdrawn);
        self.decide_for(recipients, still, &step)?;
        let nobody = self
            .asks
            .iter()
            .all(|ask| ask.step.state == State::Withdrawn);
        self.withdrawn = recipients.is_empty() || nobody;
        Ok(())
    }

    pub(super) fn reopen(
        &mut self,
        reason: &str,
        recipients: &[AccountName],
    ) -> Result<(), Refusal> {
        let step = Step {
            reason: reason.to_owned(),
            ..Step::default()
        };
        self.decide_for(recipients, |state| !state.is_open(), &step)?;
        self.withdrawn = false;
        Ok(())
    }

    /// Decides for those that are named, or for all, whose state fits.
    fn decide_for(
        &mut self,
        recipients: &[AccountName],
        fits: impl Fn(State) -> bool,
        step: &Step,
    ) -> Result<(), Refusal> {
        let asked = |name: &AccountName| self.asks.iter().any(|ask| ask.recipient == *name);
        if let Some(stranger) = recipients.iter().find(|name| !asked(name)) {
            return not_allowed(format!("{stranger} was not asked"));
        }
        let mut decided = false;
        for ask in &mut self.asks {
            let named = recipients.is_empty() || recipients.contains(&ask.recipient);
            if named && fits(ask.step.state) {
                ask.decide(step.clone());
                decided = true;
            }
        }
        if decided {
            Ok(())
        } else {
            not_allowed("there is nobody for whom that would change anything")
        }
    }

    pub(super) fn remind(&mut self) -> Result<(), Refusal> {
        if self.reminders >= REMINDERS_MAX {
            return not_allowed("the task has had all its reminders");
        }
        if !self.asks.iter().any(|ask| ask.step.state.is_open()) {
            return not_allowed("nobody has anything left to do");
        }
        self.reminders += 1;
        Ok(())
    }
}
