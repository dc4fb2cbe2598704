//! What a change does to a task: who may do what, and when (PRODUCT model C.2
//! to C.4). Pure and deterministic, like all rules.
//!
//! A task is the sender's; each recipient has an *ask* of their own, and a
//! *note* is private to one account. A task's status follows from its asks and
//! is never set ([`Task::status`]).

mod room;

use std::collections::BTreeMap;

use yoshi_protocol::{
    AccountName, Answer, Completion, ErrorCode, NewTask, Position, Revise, TaskId, Verb, When, cbor,
};

/// Comments on one task.
pub const COMMENTS_MAX: u32 = 10_000;
/// Reminders of one task.
pub const REMINDERS_MAX: u32 = 100;

/// A task as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Whose it is.
    pub sender: AccountName,
    /// What is wanted, as last revised.
    pub content: NewTask,
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

/// What one recipient was asked, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Who.
    pub recipient: AccountName,
    /// How it stands.
    pub step: Step,
    /// How it stood before: what an undo, or the end of a closing, goes back to.
    pub before: Option<Step>,
    /// The position of the latest change that this recipient sees.
    pub changed: Position,
}

/// How an ask stands, with what was said about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// How it stands.
    pub state: State,
    /// How far the recipient is, in percent.
    pub percent: u8,
    /// The answer, once completed.
    pub answer: Option<Answer>,
    /// Why it was declined, withdrawn or asked again.
    pub reason: String,
}

/// How an ask stands (iCalendar PARTSTAT).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Delivered, and not answered.
    #[default]
    NeedsAction,
    /// Taken on.
    Accepted,
    /// Begun.
    InProcess,
    /// Done.
    Completed,
    /// Not taken on, or given back.
    Declined,
    /// Somebody else completed a task that one was enough for.
    Closed,
    /// No longer wanted of this recipient.
    Withdrawn,
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

impl State {
    /// Whether the recipient still has to do something.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::NeedsAction | Self::Accepted | Self::InProcess)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::NeedsAction => "not answered yet",
            Self::Accepted => "accepted",
            Self::InProcess => "in process",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Closed => "closed, because somebody else has completed it",
            Self::Withdrawn => "withdrawn by its sender",
        }
    }
}

impl Step {
    fn of(state: State) -> Self {
        Self {
            state,
            ..Self::default()
        }
    }
}

impl Ask {
    /// A recipient's own step, which they may take back.
    fn step(&mut self, step: Step) {
        self.before = Some(std::mem::replace(&mut self.step, step));
    }

    /// Somebody else's decision, which they may not.
    fn decide(&mut self, step: Step) {
        self.before = None;
        self.step = step;
    }

    fn open(&mut self) -> Result<&mut Self, Refusal> {
        if self.step.state.is_open() {
            return Ok(self);
        }
        not_allowed(format!("the task is {} for you", self.step.state.words()))
    }
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
        let done = match self.content.completion {
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
        !is_over && some && (self.content.completion == Completion::All || !open)
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

    fn answer(&mut self, actor: &AccountName, verb: &Verb) -> Result<(), Refusal> {
        let content = &self.content;
        let Some(ask) = self.asks.iter_mut().find(|ask| ask.recipient == *actor) else {
            return not_allowed("only those who were asked may do that");
        };
        if self.withdrawn {
            return not_allowed("the task is withdrawn by its sender");
        }
        match verb {
            Verb::Accept if ask.step.state != State::NeedsAction => {
                return not_allowed(format!("the task is {} for you", ask.step.state.words()));
            }
            Verb::Accept => ask.step(Step::of(State::Accepted)),
            Verb::Start if ask.open()?.step.state == State::InProcess => {
                return not_allowed("the task is in process already");
            }
            Verb::Start => ask.step(Step::of(State::InProcess)),
            Verb::Progress { percent } => ask.open()?.step(Step {
                percent: *percent,
                ..Step::of(State::InProcess)
            }),
            Verb::Complete(answer) => {
                ask.open()?;
                if let Err(error) = answer.check_for(content) {
                    return refusal(ErrorCode::InvalidTask, error.to_string());
                }
                ask.step(Step {
                    percent: 100,
                    answer: Some(answer.clone()),
                    ..Step::of(State::Completed)
                });
            }
            Verb::Decline { reason } => ask.open()?.step(Step {
                reason: reason.clone(),
                ..Step::of(State::Declined)
            }),
            _ => match ask.before.take() {
                Some(before) if ask.step.state != State::Closed => ask.step = before,
                before => {
                    ask.before = before;
                    return not_allowed("there is no step of yours to take back");
                }
            },
        }
        Ok(())
    }

    fn revise(&mut self, revise: &Revise) -> Result<(), Refusal> {
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
        let content = revise.apply(&self.content);
        if let Err(error) = content.check_logged() {
            return refusal(ErrorCode::InvalidTask, error.to_string());
        }
        if cbor::encode(&content).len() > yoshi_protocol::limit::TASK_BYTES_MAX {
            return refusal(ErrorCode::TooLarge, "the task would become too large");
        }
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

    fn withdraw(&mut self, reason: &str, recipients: &[AccountName]) -> Result<(), Refusal> {
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

    fn reopen(&mut self, reason: &str, recipients: &[AccountName]) -> Result<(), Refusal> {
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

    fn remind(&mut self) -> Result<(), Refusal> {
        if self.reminders >= REMINDERS_MAX {
            return not_allowed("the task has had all its reminders");
        }
        if !self.asks.iter().any(|ask| ask.step.state.is_open()) {
            return not_allowed("nobody has anything left to do");
        }
        self.reminders += 1;
        Ok(())
    }

    /// Of a task that one is enough for, the others' asks close when it is
    /// completed, and open again when that is taken back.
    fn close_or_open(&mut self) {
        let any = self.content.completion == Completion::Any;
        let completed = |ask: &Ask| ask.step.state == State::Completed;
        let closes = any && self.asks.iter().any(completed);
        for ask in &mut self.asks {
            if closes && ask.step.state.is_open() {
                ask.step(Step::of(State::Closed));
            } else if !closes && ask.step.state == State::Closed {
                ask.step = ask.before.take().unwrap_or_default();
            }
        }
    }

    fn note(&mut self, actor: &AccountName, verb: &Verb, position: Position) {
        let note = self.notes.entry(actor.clone()).or_default();
        match verb {
            Verb::Snooze { until } => note.snoozed_until.clone_from(until),
            Verb::Label { labels } => note.labels.clone_from(labels),
            Verb::Read { read: true } => note.read = position,
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
