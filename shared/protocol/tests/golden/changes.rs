//! The vectors about tasks that are sent already.

use serde_bytes::{ByteArray, ByteBuf};
use yoshi_protocol::cbor;
use yoshi_protocol::message::change::{
    ChangeReceipt, ChangeTask, History, HistoryStep, TaskHistory, TasksChanged,
};
use yoshi_protocol::message::log::TaskOp;
use yoshi_protocol::message::task::{Ask, AskState, Note, TaskStatus, TaskView};
use yoshi_protocol::{
    Answer, ChangeId, Credential, Opcode, Position, Revise, TaskChange, TaskId, Verb, Verdict,
};

use crate::fixtures::{AT, POSITION, id, name, server, small_task, token};
use crate::vectors::{Vector, answer, named, request};

/// Requests and answers.
pub(crate) fn messages() -> Vec<Vector> {
    let accept = || ByteBuf::from(cbor::encode(&change(Verb::Accept)));
    let step = HistoryStep {
        at: AT,
        op: TaskOp::Change(accept()),
        number: 1,
        account: name("ben"),
        position: POSITION,
    };
    let receipt = ChangeReceipt {
        hash: ByteArray::new([0xaa; 32]),
        change: ChangeId(id(5)),
        number: 1,
        position: POSITION,
        accounted_for: vec![server(1), server(2), server(3)],
    };
    let ask = ChangeTask {
        change: accept(),
        credential: Credential::Token(token()),
    };
    let history = TaskHistory {
        task: TaskId(id(1)),
        after: Position::ZERO,
        limit: 100,
        credential: Credential::Token(token()),
    };
    let told = History {
        more: false,
        steps: vec![step],
    };
    let notice = TasksChanged {
        accounts: vec![name("ana"), name("ben")],
        position: POSITION,
    };
    vec![
        request(Opcode::ChangeTask, &ask),
        answer(Opcode::ChangeTask, receipt),
        request(Opcode::TaskHistory, &history),
        answer(Opcode::TaskHistory, told),
        request(Opcode::TasksChanged, &notice),
        named("task-view", "a task with all that was done to it", &view()),
        revised(),
    ]
}

/// What servers keep of a task with a field that this release does not know,
/// after the change `revise`.
fn revised() -> Vector {
    let mut bytes = cbor::encode(&small_task());
    // One more pair at the end of the map: a key longer than all others.
    bytes[0] += 1;
    bytes.extend(b"\x6dnewer_feature\xf5");
    Vector {
        name: "task-revised".to_owned(),
        heading: "a task with a field of a later release, as change-revise leaves it".to_owned(),
        of: None,
        bytes: revise().merge(&bytes).unwrap(),
        again: |bytes| {
            let nothing = Revise::default();
            nothing.merge(bytes)
        },
    }
}

fn revise() -> Revise {
    Revise {
        due: Some(None),
        title: Some("Ship 1.3".to_owned()),
        revision: 1,
        importance: Some(1),
        ..Revise::default()
    }
}

/// A change of each kind.
pub(crate) fn changes() -> Vec<Vector> {
    let vector = |(verb, value): (&str, Verb)| {
        let heading = format!("a change of a task: {verb}");
        named(&format!("change-{verb}"), &heading, &change(value))
    };
    recipients()
        .into_iter()
        .chain(senders())
        .map(vector)
        .collect()
}

fn change(verb: Verb) -> TaskChange {
    TaskChange {
        id: ChangeId(id(5)),
        task: TaskId(id(1)),
        verb,
    }
}

pub(crate) fn view() -> TaskView {
    let ask = Ask {
        state: AskState::Completed,
        answer: Some(Answer::Done {
            text: "Shipped.".to_owned(),
        }),
        reason: "Please do.".to_owned(),
        percent: 100,
        recipient: name("ben"),
    };
    TaskView {
        asks: vec![ask],
        hash: ByteArray::new([0xaa; 32]),
        mine: Note {
            read: true,
            labels: vec!["release".to_owned()],
            snoozed_until: "2026-11-26".parse().ok(),
        },
        task: ByteBuf::from(cbor::encode(&small_task())),
        number: 1,
        sender: name("ana"),
        status: TaskStatus::Completed,
        changed: POSITION,
        sent_at: AT,
        comments: 2,
        position: POSITION,
        revision: 1,
        reminders: 1,
        needs_sender: true,
    }
}

fn recipients() -> Vec<(&'static str, Verb)> {
    let text = str::to_owned;
    let decided = Answer::Decided {
        text: text("It is ready."),
        option: text("ship"),
    };
    let reviewed = Answer::Reviewed {
        text: text("Line 3 is wrong."),
        verdict: Verdict::Changes,
    };
    let done = Answer::Done {
        text: String::new(),
    };
    let answered = Answer::Answered {
        text: text("On Friday."),
    };
    let reason = text("On leave.");
    vec![
        ("accept", Verb::Accept),
        ("decline", Verb::Decline { reason }),
        ("start", Verb::Start),
        ("progress", Verb::Progress { percent: 40 }),
        ("complete-do", Verb::Complete(done)),
        ("complete-decide", Verb::Complete(decided)),
        ("complete-answer", Verb::Complete(answered)),
        ("complete-review", Verb::Complete(reviewed)),
        ("complete-read", Verb::Complete(Answer::Acknowledged)),
        ("undo", Verb::Undo),
    ]
}

fn read_through(through: Option<Position>) -> Verb {
    let read = true;
    Verb::Read { read, through }
}

fn senders() -> Vec<(&'static str, Verb)> {
    let text = str::to_owned;
    let withdraw = Verb::Withdraw {
        reason: text("Done already."),
        recipients: vec![name("ben")],
    };
    let reopen = Verb::Reopen {
        reason: text("It broke."),
        recipients: Vec::new(),
    };
    let until = "2026-11-27".parse().ok();
    let labels = vec![text("release")];
    let text = text("Which *day*?");
    vec![
        ("revise", Verb::Revise(Box::new(revise()))),
        ("withdraw", withdraw),
        ("reopen", reopen),
        ("remind", Verb::Remind),
        ("comment", Verb::Comment { text }),
        ("snooze", Verb::Snooze { until }),
        ("label", Verb::Label { labels }),
        ("read", read_through(None)),
        ("read-through", read_through(Some(Position(7_169)))),
    ]
}
