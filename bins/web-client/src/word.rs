//! The words for kinds, importance and states: for columns, forms and people.

use yoshi_protocol::message::task::{AskState, TaskStatus};
use yoshi_protocol::{Completion, Kind, Privacy};

/// Every kind, in the order in which forms offer them.
pub(crate) const KINDS: [Kind; 6] = [
    Kind::Do,
    Kind::Decide,
    Kind::Answer,
    Kind::Review,
    Kind::Read,
    Kind::Note,
];

/// A kind, for columns and forms.
pub(crate) const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Do => "do",
        Kind::Decide => "decide",
        Kind::Answer => "answer",
        Kind::Review => "review",
        Kind::Read => "read",
        Kind::Note => "note",
    }
}

/// A kind by that word.
pub(crate) fn kind_of(word: &str) -> Option<Kind> {
    KINDS.into_iter().find(|known| kind(*known) == word)
}

/// What a kind asks of somebody, for people.
pub(crate) const fn kind_asks(kind: Kind) -> &'static str {
    match kind {
        Kind::Do => "Do it",
        Kind::Decide => "Choose one of the options",
        Kind::Answer => "Answer a question",
        Kind::Review => "Approve, or ask for changes",
        Kind::Read => "Read it",
        Kind::Note => "A note; nothing to do",
    }
}

/// An importance above or below the usual, for people.
pub(crate) const fn importance(importance: u8) -> Option<&'static str> {
    match importance {
        1 | 2 => Some("critical"),
        3 | 4 => Some("high"),
        6..=9 => Some("low"),
        _ => None,
    }
}

/// How a task stands with a recipient, for people.
pub(crate) const fn state(state: AskState) -> &'static str {
    match state {
        AskState::NeedsAction => "not answered yet",
        AskState::Accepted => "taken on",
        AskState::InProcess => "in progress",
        AskState::Completed => "done",
        AskState::Declined => "declined",
        AskState::Closed => "no longer needed",
        AskState::Withdrawn => "withdrawn",
    }
}

/// How a task stands with a recipient, for columns.
pub(crate) const fn state_name(state: AskState) -> &'static str {
    match state {
        AskState::NeedsAction => "needs_action",
        AskState::Accepted => "accepted",
        AskState::InProcess => "in_process",
        AskState::Completed => "completed",
        AskState::Declined => "declined",
        AskState::Closed => "closed",
        AskState::Withdrawn => "withdrawn",
    }
}

/// Every state of a recipient.
pub(crate) const STATES: [AskState; 7] = [
    AskState::NeedsAction,
    AskState::Accepted,
    AskState::InProcess,
    AskState::Completed,
    AskState::Declined,
    AskState::Closed,
    AskState::Withdrawn,
];

/// A recipient's state by the word of a column.
pub(crate) fn state_of(word: &str) -> Option<AskState> {
    STATES.into_iter().find(|known| state_name(*known) == word)
}

/// How a task stands as a whole, for columns.
pub(crate) const fn status_name(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::NeedsAction => "needs_action",
        TaskStatus::InProcess => "in_process",
        TaskStatus::Completed => "completed",
        TaskStatus::Cancelled => "cancelled",
    }
}

/// A task's status by the word of a column.
pub(crate) fn status_of(word: &str) -> Option<TaskStatus> {
    let all = [
        TaskStatus::NeedsAction,
        TaskStatus::InProcess,
        TaskStatus::Completed,
        TaskStatus::Cancelled,
    ];
    all.into_iter().find(|known| status_name(*known) == word)
}

/// How a task stands as a whole, for people.
pub(crate) const fn status(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::NeedsAction => "waiting",
        TaskStatus::InProcess => "in progress",
        TaskStatus::Completed => "done",
        TaskStatus::Cancelled => "withdrawn",
    }
}

/// Whether there is nothing left for a recipient to do.
pub(crate) const fn is_settled(state: AskState) -> bool {
    match state {
        AskState::NeedsAction | AskState::Accepted | AskState::InProcess => false,
        AskState::Completed | AskState::Declined | AskState::Closed | AskState::Withdrawn => true,
    }
}

/// Whose answers complete a task, in the order in which forms offer them.
pub(crate) const COMPLETIONS: [(Completion, &str, &str); 3] = [
    (Completion::All, "all", "everybody has answered"),
    (Completion::Any, "any", "one of them has answered"),
    (Completion::Each, "each", "each for themselves"),
];

/// Who may see a task, in the order in which forms offer it.
pub(crate) const PRIVACIES: [(Privacy, &str, &str); 3] = [
    (Privacy::Private, "private", "those who send and are asked"),
    (
        Privacy::Public,
        "public",
        "anybody one day; for now those who send and are asked",
    ),
    (
        Privacy::Confidential,
        "confidential",
        "those who send and are asked; not to be passed on",
    ),
];
