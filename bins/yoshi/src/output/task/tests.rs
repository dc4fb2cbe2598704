//! What people are shown of a task.

use super::*;
use yoshi_client::Note;
use yoshi_protocol::{AccountName, Answer, Millis, NewTask};

fn task() -> Task {
    let ana = AccountName::new("ana").unwrap();
    Task {
        new_task: NewTask::new("Ship", vec![ana.clone()]),
        sender: ana,
        number: 1,
        position: Position(7168),
        changed: Position(7168),
        sent_at: Millis(0),
        asks: Vec::new(),
        status: TaskStatus::NeedsAction,
        needs_sender: false,
        revision: 0,
        comments: 0,
        reminders: 0,
        mine: Note::default(),
        hash: [0; 32],
        held_by: Vec::new(),
        lagging: Vec::new(),
    }
}

fn shown(task: &Task, held_by: &[String]) -> String {
    anstream::adapter::strip_str(&details(task, held_by)).to_string()
}

#[test]
fn nothing_that_matters_is_left_out() {
    let mut task = task();
    task.new_task.importance = 0;
    task.new_task.due = "2026-11-27T16:00:00".parse().ok();
    let text = shown(&task, &["ms1".to_owned(), "5e00a1b2".to_owned()]);
    for line in [
        "importance:  unset",
        "privacy:     private",
        "due:         2026-11-27 16:00",
        "held by:     2 servers: ms1, 5e00a1b2",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
    task.asks = vec![Ask {
        state: AskState::Completed,
        answer: Some(Answer::Decided {
            text: "at last".to_owned(),
            option: "ship".to_owned(),
        }),
        reason: String::new(),
        percent: 100,
        recipient: AccountName::new("bo").unwrap(),
    }];
    task.needs_sender = true;
    let text = shown(&task, &[]);
    for line in [
        "status:      declined: its sender must decide how to go on",
        "asked:       bo (completed): ship: at last",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
    task.needs_sender = false;
    task.asks.push(Ask {
        state: AskState::NeedsAction,
        answer: None,
        ..task.asks[0].clone()
    });
    let text = shown(&task, &[]);
    let line = "status:      needs-action 1/2";
    assert!(text.lines().any(|shown| shown == line), "{text}");
    task.new_task.importance = 3;
    assert!(shown(&task, &[]).contains("high (3)"));
    assert!(shown(&task, &[]).contains("held by:     0 servers"));
}
