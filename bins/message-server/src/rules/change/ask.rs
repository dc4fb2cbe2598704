//! What one recipient was asked, and how that stands. Who may change it stands in
//! `answer` and `command`.

use yoshi_protocol::{AccountName, Answer, Position};

use super::{Refusal, not_allowed};

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

impl State {
    /// Whether the recipient still has to do something.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::NeedsAction | Self::Accepted | Self::InProcess)
    }

    pub(super) const fn words(self) -> &'static str {
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
    pub(super) fn of(state: State) -> Self {
        Self {
            state,
            ..Self::default()
        }
    }
}

impl Ask {
    /// A recipient's own step, which they may take back.
    pub(super) fn step(&mut self, step: Step) {
        self.before = Some(std::mem::replace(&mut self.step, step));
    }

    /// Somebody else's decision, which they may not.
    pub(super) fn decide(&mut self, step: Step) {
        self.before = None;
        self.step = step;
    }

    pub(super) fn open(&mut self) -> Result<&mut Self, Refusal> {
        if self.step.state.is_open() {
            return Ok(self);
        }
        not_allowed(format!("the task is {} for you", self.step.state.words()))
    }
}
