//! What the sender does: revise a task, withdraw it, ask again, remind.

use yoshi_protocol::cbor::DecodeError;
use yoshi_protocol::{AccountName, Completion, ErrorCode, InvalidTask, Revise};

use super::{Ask, Content, Refusal, State, Status, Step, Task, not_allowed, refusal};

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
        self.check_answers(&content)?;
        if revise.asks_again() {
            self.ask_anew();
        }
        self.content = content;
        self.revision += 1;
        Ok(())
    }

    /// What was completed keeps its answer, which must still be one.
    fn check_answers(&self, content: &Content) -> Result<(), Refusal> {
        for ask in &self.asks {
            let answer = ask.step.answer.as_ref();
            if answer.is_some_and(|answer| answer.check_for(content.task()).is_err()) {
                return not_allowed(format!(
                    "{} has completed it, with an answer that it would not have any more: reopen it first",
                    ask.recipient
                ));
            }
        }
        Ok(())
    }

    /// Who has answered what is no longer asked is asked anew; who is done stays so.
    fn ask_anew(&mut self) {
        for ask in &mut self.asks {
            match ask.step.state {
                State::Accepted | State::InProcess | State::Declined => {
                    ask.decide(Step::default());
                }
                // What it goes back to is asked anew, too.
                State::Completed => ask.before = Some(Step::default()),
                State::Closed => ask.before = None,
                State::NeedsAction | State::Withdrawn => {}
            }
        }
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
        let named = |ask: &Ask| recipients.is_empty() || recipients.contains(&ask.recipient);
        let stays_done = self.content.task().completion == Completion::Any
            && self
                .asks
                .iter()
                .any(|ask| ask.step.state == State::Completed && !named(ask));
        // What one has completed for all would close at once again.
        let fits = |state: State| !(state.is_open() || stays_done && state == State::Closed);
        self.decide_for(recipients, fits, &step)?;
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
