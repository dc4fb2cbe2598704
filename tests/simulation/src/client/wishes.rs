//! What somebody does with a task: mostly what the rules allow, and now and
//! then what they do not.

use yoshi_protocol::{Answer, Completion, Revise, Verb};

use crate::random::Random;

/// Something that one does with a task; `revision` is what was last seen.
pub(super) fn verb(random: &mut Random, is_sender: bool, revision: u32) -> Verb {
    // One in ten takes it for somebody else's.
    let as_sender = is_sender != random.percent(10);
    match random.index(10) {
        0 => private(random),
        1 => Verb::Comment {
            text: "a word".to_owned(),
        },
        _ if as_sender => senders(random, revision),
        _ => recipients(random),
    }
}

fn senders(random: &mut Random, revision: u32) -> Verb {
    let reason = "because".to_owned();
    match random.index(8) {
        0..4 => {
            // An older one is a conflict.
            let revision = revision.saturating_sub(u32::from(random.percent(20)));
            let importance = u8::try_from(random.between(1, 9)).expect("one figure");
            let again = random.percent(30);
            Verb::Revise(Box::new(Revise {
                title: again.then(|| "another task".to_owned()),
                importance: Some(importance),
                revision,
                ..Revise::default()
            }))
        }
        4 => Verb::Withdraw {
            reason,
            recipients: Vec::new(),
        },
        5 | 6 => Verb::Reopen {
            reason,
            recipients: Vec::new(),
        },
        _ => Verb::Remind,
    }
}

fn recipients(random: &mut Random) -> Verb {
    match random.index(10) {
        0 | 1 => Verb::Accept,
        2 => Verb::Decline {
            reason: "no time".to_owned(),
        },
        3 => Verb::Start,
        4 => Verb::Progress {
            percent: u8::try_from(random.between(0, 99)).expect("two figures"),
        },
        5 | 6 => Verb::Complete(Answer::Done {
            text: String::new(),
        }),
        _ => Verb::Undo,
    }
}

fn private(random: &mut Random) -> Verb {
    match random.index(3) {
        0 => Verb::Snooze { until: None },
        1 => Verb::Label {
            labels: vec!["later".to_owned()],
        },
        _ => Verb::Read {
            read: random.percent(50),
            through: None,
        },
    }
}

/// Whose answers complete a task.
pub(super) fn completion(random: &mut Random) -> Completion {
    [Completion::Any, Completion::All, Completion::Each][random.index(3)]
}
