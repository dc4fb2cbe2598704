//! A task as it goes to a client.

use serde_bytes::{ByteArray, ByteBuf};
use yoshi_protocol::AccountName;
use yoshi_protocol::message::task::{Ask, AskState, Note, TaskStatus, TaskView};

use crate::machine::rows;
use crate::rules::change::{State, Status};
use crate::store::changing::StepRow;
use crate::store::poll::StoredTask;

/// The wire's form of a stored task.
pub(crate) fn of(task: StoredTask) -> TaskView {
    TaskView {
        asks: task.asks.into_iter().map(ask).collect(),
        hash: ByteArray::new(task.hash),
        mine: Note {
            read: task.read,
            labels: rows::labels(&task.labels),
            snoozed_until: task.snoozed_until.as_deref().map(rows::moment),
        },
        task: ByteBuf::from(task.content),
        number: task.number,
        sender: task.sender,
        status: status(rows::status(task.status)),
        changed: task.changed,
        sent_at: task.sent_at,
        comments: rows::count(task.comments),
        position: task.position,
        revision: rows::count(task.revision),
        reminders: rows::count(task.reminders),
        needs_sender: task.needs_sender,
    }
}

fn ask((recipient, step): (AccountName, StepRow)) -> Ask {
    Ask {
        state: state(rows::state(step.state)),
        answer: step.answer.as_deref().map(rows::answer),
        reason: step.reason,
        percent: rows::percent(step.percent),
        recipient,
    }
}

fn state(state: State) -> AskState {
    match state {
        State::NeedsAction => AskState::NeedsAction,
        State::Accepted => AskState::Accepted,
        State::InProcess => AskState::InProcess,
        State::Completed => AskState::Completed,
        State::Declined => AskState::Declined,
        State::Closed => AskState::Closed,
        State::Withdrawn => AskState::Withdrawn,
    }
}

fn status(status: Status) -> TaskStatus {
    match status {
        Status::NeedsAction => TaskStatus::NeedsAction,
        Status::InProcess => TaskStatus::InProcess,
        Status::Completed => TaskStatus::Completed,
        Status::Cancelled => TaskStatus::Cancelled,
    }
}
