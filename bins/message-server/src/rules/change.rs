//! What a change does to a task: who may do what, and when (PRODUCT model C.2
//! to C.4). Pure and deterministic, like all rules.
//!
//! A task is the sender's; each recipient has an *ask* of their own, and a
//! *note* is private to one account. A task's status follows from its asks and
//! is never set ([`Task::status`]).

mod answer;
mod ask;
mod command;
mod content;
mod room;

use std::collections::BTreeMap;

use yoshi_protocol::{AccountName, Completion, ErrorCode, Position, TaskId, Verb, When};

pub use ask::{Ask, State, Step};
pub use command::REMINDERS_MAX;
pub use content::Content;

/// Comments on one task.
pub const COMMENTS_MAX: u32 = 10_000;

/// A task as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Whose it is.
    pub sender: AccountName,
    /// What is wanted, as last revised.
    pub content: Content,
    /// 0 at the send, one more at each revision.
    pub revision: u32,
    /// Whether the sender no longer wants it.
    pub withdrawn: bool,
    /// How many comments it has.
    pub comments: u32,
    /// How often the sender has reminded.
    pub reminders: u32,
    /// One per recipient, in the task's order.
    pub asks: Vec<Ask>,
    /// The notes that accounts have made for themselves.
    pub notes: BTreeMap<AccountName, Note>,
    /// The position of the latest change that everybody concerned sees.
    pub public: Position,
    /// Whose change that was.
    pub actor: AccountName,
    /// The position of the latest change that the sender sees.
    pub changed: Position,
}

/// What an account notes about a task for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// Its labels.
    pub labels: Vec<String>,
    /// Out of sight until then.
    pub snoozed_until: Option<When>,
    /// It has read everything up to here; 0 for unread.
    pub read: Position,
}

/// How a task stands as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nobody has begun.
    NeedsAction,
    /// Somebody has.
    InProcess,
    /// Done, as its completion demands.
    Completed,
    /// The sender no longer wants it.
    Cancelled,
}

/// Why a change is refused: nothing happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// What is in the way, and what to do.
    pub why: String,
}

fn refusal<T>(code: ErrorCode, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        code,
        why: why.into(),
    })
}

fn not_allowed<T>(why: impl Into<String>) -> Result<T, Refusal> {
    refusal(ErrorCode::NotAllowed, why)
}

impl Task {
    /// Does what an account wants. Nothing is changed if that is refused.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn change(
        &mut self,
        actor: &AccountName,
        verb: &Verb,
        position: Position,
    ) -> Result<(), Refusal> {
        if !self.concerns(actor) {
            return refusal(ErrorCode::NotFound, "there is no such task among yours");
        }
        self.has_room_for(verb)?;
        match verb {
            Verb::Accept
            | Verb::Decline { .. }
            | Verb::Start
            | Verb::Progress { .. }
            | Verb::Complete(_)
            | Verb::Undo => self.answer(actor, verb)?,
            Verb::Revise(revise) => self.of(actor)?.revise(revise)?,
            Verb::Withdraw { reason, recipients } => {
                self.of(actor)?.withdraw(reason, recipients)?;
            }
            Verb::Reopen { reason, recipients } => self.of(actor)?.reopen(reason, recipients)?,
            Verb::Remind => self.of(actor)?.remind()?,
            Verb::Comment { .. } => {
                if self.comments >= COMMENTS_MAX {
                    return not_allowed("the task has all the comments that it can have");
                }
                self.comments += 1;
            }
            Verb::Snooze { .. } | Verb::Label { .. } | Verb::Read { .. } => {
                self.note(actor, verb, position);
                return Ok(());
            }
        }
        self.close_or_open();
        self.public = position;
        self.actor = actor.clone();
        self.changed = position;
        for ask in &mut self.asks {
            ask.changed = position;
        }
        Ok(())
    }

    /// How it stands as a whole (PRODUCT model C.3).
    #[must_use]
    pub fn status(&self) -> Status {
        let wanted = || {
            self.asks
                .iter()
                .filter(|ask| ask.step.state != State::Withdrawn)
        };
        let completed = wanted()
            .filter(|ask| ask.step.state == State::Completed)
            .count();
        let done = match self.content.task().completion {
            Completion::Any => completed > 0,
            Completion::All => completed > 0 && completed == wanted().count(),
            Completion::Each => completed > 0 && wanted().all(|ask| !ask.step.state.is_open()),
        };
        let begun = |state| matches!(state, State::Accepted | State::InProcess);
        if self.withdrawn {
            Status::Cancelled
        } else if done {
            Status::Completed
        } else if completed > 0 || wanted().any(|ask| begun(ask.step.state)) {
            Status::InProcess
        } else {
            Status::NeedsAction
        }
    }

    /// Whether the sender must do something, because recipients have declined
    /// and the task cannot be completed by the others.
    #[must_use]
    pub fn needs_sender(&self) -> bool {
        let declined = |ask: &&Ask| ask.step.state == State::Declined;
        let open = self.asks.iter().any(|ask| ask.step.state.is_open());
        let is_over = matches!(self.status(), Status::Completed | Status::Cancelled);
        let some = self.asks.iter().any(|ask| declined(&ask));
        !is_over && some && (self.content.task().completion == Completion::All || !open)
    }

    /// Whether the account has read everything that happened to it.
    #[must_use]
    pub fn is_read_by(&self, account: &AccountName) -> bool {
        let note = self.notes.get(account);
        *account == self.actor || note.is_some_and(|note| note.read >= self.public)
    }

    fn concerns(&self, account: &AccountName) -> bool {
        self.sender == *account || self.asks.iter().any(|ask| ask.recipient == *account)
    }

    /// The task, if it is this account's.
    fn of(&mut self, account: &AccountName) -> Result<&mut Self, Refusal> {
        if self.sender == *account {
            Ok(self)
        } else {
            not_allowed("only the sender of a task may do that")
        }
    }

    fn note(&mut self, actor: &AccountName, verb: &Verb, position: Position) {
        let note = self.notes.entry(actor.clone()).or_default();
        match verb {
            Verb::Snooze { until } => note.snoozed_until.clone_from(until),
            Verb::Label { labels } => note.labels.clone_from(labels),
            Verb::Read {
                read: true,
                through,
            } => note.read = through.map_or(position, |through| through.min(position)),
            _ => note.read = Position::ZERO,
        }
        if self.sender == *actor {
            self.changed = position;
        }
        for ask in self.asks.iter_mut().filter(|ask| ask.recipient == *actor) {
            ask.changed = position;
        }
    }
}

#[cfg(test)]
mod tests;
