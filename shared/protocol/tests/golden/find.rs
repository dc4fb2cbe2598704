//! The vectors about searches, good and bad.

use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::find::{Filter, FindTasks, Levels, List, TasksFound};
use yoshi_protocol::message::task::{AskState, ServerApplied, TaskStatus};
use yoshi_protocol::{Credential, ErrorCode, ErrorReply, Kind, Opcode, Position};

use crate::changes::view;
use crate::fixtures::{POSITION, name, server, token};
use crate::malformed::Malformed;
use crate::vectors::{Vector, answer, named, request};

/// Requests and answers.
pub(crate) fn messages() -> Vec<Vector> {
    let found = TasksFound {
        tasks: vec![view()],
        behind: false,
        cursor: Some(POSITION),
        indexed: Position::end_of_block(7),
        servers: vec![ServerApplied {
            id: server(1),
            applied: Position::end_of_block(7),
        }],
    };
    let last = TasksFound {
        tasks: Vec::new(),
        cursor: None,
        ..found.clone()
    };
    vec![
        request(Opcode::FindTasks, &search(full_filter())),
        answer(Opcode::FindTasks, found),
        named(
            "find-everything",
            "the first page of a whole list",
            &everything(),
        ),
        named(
            "find-nothing",
            "the result of a search that finds nothing",
            &last,
        ),
    ]
}

fn everything() -> FindTasks {
    FindTasks {
        known: Position::ZERO,
        before: None,
        ..search(Filter::of(List::Inbox))
    }
}

fn search(filter: Filter) -> FindTasks {
    FindTasks {
        known: POSITION,
        limit: 50,
        before: Some(POSITION),
        filter,
        credential: Credential::Token(token()),
    }
}

/// Every filter at once.
fn full_filter() -> Filter {
    Filter {
        now: "2026-11-25T09:30:00".parse().ok(),
        list: List::Sent,
        text: Some("ship frid".to_owned()),
        kinds: vec![Kind::Decide, Kind::Do],
        labels: vec!["release".to_owned()],
        people: vec![name("ben")],
        states: vec![AskState::Declined],
        snoozed: Some(false),
        statuses: vec![TaskStatus::NeedsAction, TaskStatus::InProcess],
        due_after: "2026-11-26".parse().ok(),
        due_before: "2026-11-30T18:00:00Z".parse().ok(),
        importance: Some(Levels { to: 3, from: 1 }),
    }
}

/// Searches that must be refused.
pub(crate) fn malformed() -> Vec<Malformed> {
    let invalid = |name, what, filter: Filter| Malformed {
        name,
        what,
        code: ErrorCode::InvalidQuery,
        bytes: cbor::encode(&search(filter)),
        refuse,
    };
    let text = |text: &str| Filter {
        text: Some(text.to_owned()),
        ..Filter::default()
    };
    let levels = Filter {
        importance: Some(Levels { to: 1, from: 3 }),
        ..Filter::default()
    };
    let zoned = Filter {
        now: "2026-11-25T09:30:00Z".parse().ok(),
        ..Filter::default()
    };
    let kinds = Filter {
        kinds: vec![Kind::Do; 2],
        ..Filter::default()
    };
    let people = Filter {
        people: vec![name("ben"); 21],
        ..Filter::default()
    };
    let mut other_list = cbor::encode(&everything());
    let at = other_list.windows(5).position(|window| window == b"inbox");
    let at = at.expect("the list is named");
    other_list[at..at + 5].copy_from_slice(b"trash");
    vec![
        invalid("find-no-word", "a text without a word", text("?!")),
        invalid(
            "find-long-text",
            "a text of 257 characters",
            text(&"x".repeat(257)),
        ),
        invalid("find-levels", "the less important end first", levels),
        invalid("find-now", "a clock with a zone", zoned),
        invalid("find-kind-twice", "a kind twice", kinds),
        invalid("find-people", "21 people", people),
        Malformed {
            name: "find-list",
            what: "a list that there is not",
            code: ErrorCode::Malformed,
            bytes: other_list,
            refuse,
        },
    ]
}

fn refuse(bytes: &[u8]) -> Result<(), ErrorReply> {
    let request: FindTasks = cbor::decode(bytes, Bound::REQUEST)?;
    Ok(request.filter.check()?)
}
