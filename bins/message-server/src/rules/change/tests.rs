//! What each verb does, who may do it, and what always holds.

use proptest::prelude::*;
use yoshi_protocol::{Answer, Kind, NewTask, Revise, cbor};

use super::*;

fn name(text: &str) -> AccountName {
    AccountName::new(text).unwrap()
}

fn at(sequence: u64) -> Position {
    Position::in_block(sequence, 0)
}

/// A task of ana's, as it stands right after the send.
fn task(completion: Completion, recipients: &[&str]) -> Task {
    let recipients: Vec<_> = recipients.iter().map(|text| name(text)).collect();
    let mut content = NewTask::new("Ship 1.2", recipients.clone());
    content.completion = completion;
    let asks = recipients.into_iter().map(|recipient| Ask {
        recipient,
        step: Step::default(),
        before: None,
        changed: at(1),
    });
    Task {
        id: content.id,
        sender: name("ana"),
        revision: 0,
        withdrawn: false,
        comments: 0,
        reminders: 0,
        asks: asks.collect(),
        notes: BTreeMap::new(),
        public: at(1),
        actor: name("ana"),
        changed: at(1),
        content: encoded(&content),
    }
}

fn encoded(task: &NewTask) -> Content {
    Content::read(cbor::encode(task).into()).unwrap()
}

fn does(task: &mut Task, actor: &str, verb: Verb) {
    let latest = task.asks.iter().map(|ask| ask.changed).max().unwrap();
    let next = at(latest.max(task.changed).sequence() + 1);
    task.change(&name(actor), &verb, next)
        .unwrap_or_else(|refusal| panic!("{actor} {verb:?}: {}", refusal.why));
}

fn refused(task: &mut Task, actor: &str, verb: Verb) -> ErrorCode {
    let before = task.clone();
    let refusal = task.change(&name(actor), &verb, at(99)).unwrap_err();
    assert_eq!(*task, before, "a refused change changes nothing");
    refusal.code
}

fn done() -> Verb {
    Verb::Complete(Answer::Done {
        text: String::new(),
    })
}

fn because(reason: &str) -> String {
    reason.to_owned()
}

fn states(task: &Task) -> Vec<State> {
    task.asks.iter().map(|ask| ask.step.state).collect()
}

#[test]
fn nobody_acts_on_what_is_not_theirs() {
    let mut task = task(Completion::All, &["ben"]);
    assert_eq!(refused(&mut task, "eve", Verb::Accept), ErrorCode::NotFound);
    let read = Verb::Read {
        read: true,
        through: None,
    };
    assert_eq!(refused(&mut task, "eve", read), ErrorCode::NotFound);
    for verb in [Verb::Accept, done(), Verb::Undo] {
        assert_eq!(refused(&mut task, "ana", verb), ErrorCode::NotAllowed);
    }
    let reason = because("no");
    let recipients = Vec::new();
    for verb in [Verb::Remind, Verb::Withdraw { reason, recipients }] {
        assert_eq!(refused(&mut task, "ben", verb), ErrorCode::NotAllowed);
    }
}

#[test]
fn all_is_done_when_everybody_is() {
    let mut task = task(Completion::All, &["ben", "carla"]);
    assert_eq!(task.status(), Status::NeedsAction);
    does(&mut task, "ben", Verb::Accept);
    assert_eq!(task.status(), Status::InProcess);
    does(&mut task, "ben", done());
    assert_eq!(task.status(), Status::InProcess);
    let reason = because("away");
    does(&mut task, "carla", Verb::Decline { reason });
    assert!(task.needs_sender());
    let recipients = vec![name("carla")];
    let reason = because("not needed");
    does(&mut task, "ana", Verb::Withdraw { reason, recipients });
    assert_eq!(task.status(), Status::Completed);
    assert!(!task.needs_sender());
}

#[test]
fn any_closes_the_others_until_it_is_taken_back() {
    let mut task = task(Completion::Any, &["ben", "carla"]);
    does(&mut task, "carla", Verb::Progress { percent: 40 });
    does(&mut task, "ben", done());
    assert_eq!(task.status(), Status::Completed);
    assert_eq!(states(&task), [State::Completed, State::Closed]);
    assert_eq!(
        refused(&mut task, "carla", Verb::Undo),
        ErrorCode::NotAllowed
    );
    does(&mut task, "ben", Verb::Undo);
    assert_eq!(states(&task), [State::NeedsAction, State::InProcess]);
    assert_eq!(task.asks[1].step.percent, 40);
    assert_eq!(refused(&mut task, "ben", Verb::Undo), ErrorCode::NotAllowed);
}

#[test]
fn each_is_done_when_nobody_has_anything_left_to_do() {
    let mut task = task(Completion::Each, &["ben", "carla"]);
    does(&mut task, "ben", done());
    let reason = because("no");
    does(&mut task, "carla", Verb::Decline { reason });
    assert_eq!(task.status(), Status::Completed);
}

#[test]
fn a_stale_revision_is_a_conflict_and_a_real_one_asks_again() {
    let mut task = task(Completion::All, &["ben"]);
    does(&mut task, "ben", Verb::Accept);
    let importance = Revise {
        importance: Some(1),
        ..Revise::default()
    };
    does(&mut task, "ana", Verb::Revise(Box::new(importance.clone())));
    assert_eq!(states(&task), [State::Accepted]);
    let stale = Verb::Revise(Box::new(importance));
    assert_eq!(refused(&mut task, "ana", stale), ErrorCode::Conflict);
    let title = Revise {
        title: Some(because("Ship 1.3")),
        revision: 1,
        ..Revise::default()
    };
    does(&mut task, "ana", Verb::Revise(Box::new(title)));
    assert_eq!(states(&task), [State::NeedsAction]);
    assert_eq!(
        (task.revision, &*task.content.task().title),
        (2, "Ship 1.3")
    );
    let broken = Revise {
        title: Some(String::new()),
        revision: 2,
        ..Revise::default()
    };
    let broken = Verb::Revise(Box::new(broken));
    assert_eq!(refused(&mut task, "ana", broken), ErrorCode::InvalidTask);
}

fn revise(revision: u32, change: impl FnOnce(&mut Revise)) -> Verb {
    let mut revise = Revise {
        revision,
        ..Revise::default()
    };
    change(&mut revise);
    Verb::Revise(Box::new(revise))
}

#[test]
fn who_is_done_stays_so_with_an_answer_that_fits() {
    let mut task = task(Completion::All, &["ben", "carla"]);
    does(&mut task, "ben", Verb::Accept);
    does(&mut task, "ben", done());
    let decide = revise(0, |revise| revise.kind = Some(Kind::Answer));
    assert_eq!(refused(&mut task, "ana", decide), ErrorCode::NotAllowed);
    let title = revise(0, |revise| revise.title = Some(because("Ship 1.3")));
    does(&mut task, "ana", title);
    assert_eq!(states(&task), [State::Completed, State::NeedsAction]);
    // Ben has accepted another task than this one.
    does(&mut task, "ben", Verb::Undo);
    assert_eq!(states(&task), [State::NeedsAction, State::NeedsAction]);
}

#[test]
fn a_revision_may_not_let_it_start_after_it_is_due() {
    let mut task = task(Completion::All, &["ben"]);
    let due = revise(0, |revise| revise.due = Some("2026-11-27".parse().ok()));
    does(&mut task, "ana", due);
    let late = revise(1, |revise| revise.start = Some("2026-12-24".parse().ok()));
    assert_eq!(refused(&mut task, "ana", late), ErrorCode::InvalidTask);
}

#[test]
fn what_one_has_completed_for_all_is_reopened_with_them() {
    let mut task = task(Completion::Any, &["ben", "carla"]);
    does(&mut task, "ben", done());
    assert_eq!(states(&task), [State::Completed, State::Closed]);
    let reopen = |recipients: &[&str]| Verb::Reopen {
        reason: because("again"),
        recipients: recipients.iter().map(|each| name(each)).collect(),
    };
    let alone = reopen(&["carla"]);
    assert_eq!(refused(&mut task, "ana", alone), ErrorCode::NotAllowed);
    does(&mut task, "ana", reopen(&["ben"]));
    assert_eq!(states(&task), [State::NeedsAction, State::NeedsAction]);
}

#[test]
fn a_revision_keeps_what_this_release_does_not_know() {
    let mut task = task(Completion::All, &["ben"]);
    let title = |title: &str, revision| {
        Verb::Revise(Box::new(Revise {
            title: Some(because(title)),
            revision,
            ..Revise::default()
        }))
    };
    // One more pair at the end of the map: a key longer than all others.
    let with_more = |content: &Content, value: &[u8]| {
        let mut bytes = content.bytes().to_vec();
        bytes[0] += 1;
        bytes.extend([b"\x6dnewer_feature", value].concat());
        Content::read(bytes.into()).unwrap()
    };
    let plain = task.clone();
    task.content = with_more(&plain.content, b"\xf5");
    does(&mut task, "ana", title("Ship 1.3", 0));
    does(&mut task, "ana", title("Ship 1.4", 1));
    let mut expected = plain.clone();
    does(&mut expected, "ana", title("Ship 1.4", 0));
    assert_eq!(task.content, with_more(&expected.content, b"\xf5"));
    assert_eq!(task.content.task().title, "Ship 1.4");

    // With what this release does not know it may not become too large.
    task.content = with_more(
        &plain.content,
        &[&b"\x5a\x00\x01\x70\x00"[..], &[0; 0x1_7000]].concat(),
    );
    does(&mut task, "ana", title("Ship 1.5", 2));
    let body = Revise {
        body: Some("x".repeat(8_000)),
        revision: 3,
        ..Revise::default()
    };
    let body = Verb::Revise(Box::new(body));
    assert_eq!(refused(&mut task, "ana", body), ErrorCode::TooLarge);
}

#[test]
fn what_is_withdrawn_can_be_asked_again() {
    let mut task = task(Completion::All, &["ben"]);
    let recipients = Vec::new();
    let reason = because("");
    does(&mut task, "ana", Verb::Withdraw { reason, recipients });
    assert_eq!(task.status(), Status::Cancelled);
    assert_eq!(
        refused(&mut task, "ben", Verb::Accept),
        ErrorCode::NotAllowed
    );
    assert_eq!(
        refused(&mut task, "ana", Verb::Remind),
        ErrorCode::NotAllowed
    );
    let recipients = vec![name("ben")];
    let reason = because("after all");
    does(&mut task, "ana", Verb::Reopen { reason, recipients });
    assert_eq!(task.status(), Status::NeedsAction);
}

#[test]
fn notes_are_ones_own() {
    let mut task = task(Completion::All, &["ben", "carla"]);
    let public = task.public;
    assert!(task.is_read_by(&name("ana")) && !task.is_read_by(&name("ben")));
    does(
        &mut task,
        "ben",
        Verb::Read {
            read: true,
            through: None,
        },
    );
    assert!(task.is_read_by(&name("ben")) && !task.is_read_by(&name("carla")));
    assert_eq!(task.public, public);
    assert!(task.asks[0].changed > public && task.asks[1].changed == public);
    assert_eq!(task.changed, public);
    does(&mut task, "carla", Verb::Accept);
    assert!(!task.is_read_by(&name("ben")));
    // It is what was seen that is read, not what came after it was shown.
    for (through, is_read) in [
        (public, false),
        (task.public, true),
        (Position(u64::MAX), true),
    ] {
        let through = Some(through);
        does(
            &mut task,
            "ben",
            Verb::Read {
                read: true,
                through,
            },
        );
        assert_eq!(task.is_read_by(&name("ben")), is_read, "{through:?}");
    }
    assert!(task.notes[&name("ben")].read <= task.asks[0].changed);
}

#[test]
fn the_answer_is_what_the_kind_demands() {
    let mut task = task(Completion::All, &["ben"]);
    let mut question = task.content.task().clone();
    question.kind = Kind::Answer;
    task.content = encoded(&question);
    assert_eq!(refused(&mut task, "ben", done()), ErrorCode::InvalidTask);
    let text = because("on Friday");
    does(&mut task, "ben", Verb::Complete(Answer::Answered { text }));
    assert_eq!(task.status(), Status::Completed);
}

fn any_verb() -> impl Strategy<Value = Verb> {
    let some = |texts: Vec<&'static str>| {
        proptest::sample::subsequence(vec!["ben", "carla"], 0..=2)
            .prop_map(move |picked| (texts.clone(), picked))
    };
    let people = move || {
        some(vec!["because"])
            .prop_map(|(_, picked)| -> Vec<AccountName> { picked.into_iter().map(name).collect() })
    };
    prop_oneof![
        Just(Verb::Accept),
        Just(Verb::Decline {
            reason: because("no")
        }),
        Just(Verb::Start),
        (0_u8..100).prop_map(|percent| Verb::Progress { percent }),
        Just(done()),
        Just(Verb::Undo),
        (0_u32..3).prop_map(|revision| Verb::Revise(Box::new(Revise {
            title: Some(because("another")),
            revision,
            ..Revise::default()
        }))),
        (0_u32..3).prop_map(|revision| Verb::Revise(Box::new(Revise {
            completion: Some(Completion::Any),
            revision,
            ..Revise::default()
        }))),
        people().prop_map(|recipients| Verb::Withdraw {
            reason: String::new(),
            recipients
        }),
        people().prop_map(|recipients| Verb::Reopen {
            reason: because("again"),
            recipients
        }),
        Just(Verb::Remind),
        Just(Verb::Comment {
            text: because("well")
        }),
        any::<bool>().prop_map(|read| Verb::Read {
            read,
            through: None
        }),
    ]
}

proptest! {
    /// Whatever random people do in whatever order, what follows from the asks
    /// is consistent, and a refusal changes nothing.
    #[test]
    fn random_verbs_of_random_people_keep_every_rule(
        completion in prop_oneof![Just(Completion::Any), Just(Completion::All), Just(Completion::Each)],
        steps in proptest::collection::vec(
            (prop_oneof![Just("ana"), Just("ben"), Just("carla"), Just("eve")], any_verb()), 0..40),
    ) {
        let mut task = task(completion, &["ben", "carla"]);
        for (index, (actor, verb)) in (2_u64..).zip(steps) {
            let before = task.clone();
            if task.change(&name(actor), &verb, at(index)).is_err() {
                prop_assert_eq!(&task, &before);
                continue;
            }
            prop_assert!(actor != "eve");
            prop_assert!(task.revision - before.revision <= 1);
            for ask in &task.asks {
                let step = &ask.step;
                prop_assert_eq!(step.answer.is_some(), step.state == State::Completed);
                prop_assert_eq!(step.percent == 100, step.state == State::Completed);
                prop_assert!(step.state != State::Closed || task.content.task().completion == Completion::Any);
            }
            let open = task.asks.iter().any(|ask| ask.step.state.is_open());
            match task.status() {
                Status::Cancelled => prop_assert!(task.withdrawn && !open),
                Status::Completed => prop_assert!(!open || task.withdrawn),
                Status::NeedsAction | Status::InProcess => prop_assert!(open || task.needs_sender()),
            }
            if verb.is_private() {
                prop_assert_eq!(task.public, before.public);
            } else {
                prop_assert!(task.asks.iter().all(|ask| ask.changed == at(index)));
            }
        }
    }
}

#[test]
fn what_is_said_about_a_task_always_fits_into_one_answer() {
    let names: Vec<_> = (0..40).map(|number| format!("p{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut task = task(Completion::Each, &names);
    let long = "x".repeat(16 * 1024);
    let decline = || Verb::Decline {
        reason: long.clone(),
    };
    for name in &names[..32] {
        does(&mut task, name, decline());
    }
    assert_eq!(
        refused(&mut task, names[32], decline()),
        ErrorCode::TooLarge
    );
    let reopen = Verb::Reopen {
        reason: long.clone(),
        recipients: Vec::new(),
    };
    assert_eq!(refused(&mut task, "ana", reopen), ErrorCode::TooLarge);
    let withdraw = Verb::Withdraw {
        reason: String::new(),
        recipients: Vec::new(),
    };
    does(&mut task, "ana", withdraw);
}

#[test]
fn whoever_was_closed_out_is_asked_anew_after_a_revision() {
    let mut task = task(Completion::Any, &["bo", "cy"]);
    does(&mut task, "cy", Verb::Accept);
    does(&mut task, "bo", done());
    assert_eq!(task.asks[1].step.state, State::Closed);
    let revise = Revise {
        title: Some("Ship 1.3".to_owned()),
        ..Revise::default()
    };
    does(&mut task, "ana", Verb::Revise(Box::new(revise)));
    does(&mut task, "bo", Verb::Undo);
    assert_eq!(task.asks[1].step.state, State::NeedsAction);
}
