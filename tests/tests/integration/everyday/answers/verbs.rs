//! Each verb: who may, who may not, and what the task comes to.

use yoshi_client::AskState::{
    Accepted, Closed, Completed, Declined, InProcess, NeedsAction, Withdrawn,
};
use yoshi_client::{Outgoing, TaskStatus};
use yoshi_protocol::{Answer, Completion, ErrorCode, Kind, NewTask, Revise, Verb, Verdict};
use yoshi_tests::Person;
use yoshi_tests::person::refusal;

use super::super::system;
use super::{comment, decline, done, refused, reopen, send, stands, states, withdraw};

#[tokio::test]
async fn a_recipient_answers_and_nobody_else_does() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben, cleo] = Person::register_all(&client, ["ana", "ben", "cleo"]).await;
    let task = send(&client, &ana, &[&ben], Completion::All).await;
    for verb in [
        Verb::Accept,
        decline(),
        Verb::Start,
        Verb::Progress { percent: 5 },
        done(),
        Verb::Undo,
    ] {
        assert_eq!(
            refused(&client, &ana, task, verb.clone()).await,
            ErrorCode::NotAllowed,
            "{verb:?}"
        );
        assert_eq!(
            refused(&client, &cleo, task, verb.clone()).await,
            ErrorCode::NotFound,
            "{verb:?}"
        );
    }
    let title = Some("Ship 1.3".to_owned());
    let revise = Verb::Revise(Box::new(Revise {
        title,
        ..Revise::default()
    }));
    for verb in [revise, withdraw(&[]), reopen(), Verb::Remind] {
        let code = refused(&client, &ben, task, verb.clone()).await;
        assert_eq!(code, ErrorCode::NotAllowed, "{verb:?}");
        let code = refused(&client, &cleo, task, verb.clone()).await;
        assert_eq!(code, ErrorCode::NotFound, "{verb:?}");
    }
    for verb in [
        comment("?"),
        Verb::Read {
            read: true,
            through: None,
        },
    ] {
        assert_eq!(
            refused(&client, &cleo, task, verb).await,
            ErrorCode::NotFound
        );
    }
    let none = yoshi_protocol::TaskId::fresh();
    assert_eq!(
        refused(&client, &ben, none, Verb::Accept).await,
        ErrorCode::NotFound
    );
}

#[tokio::test]
async fn a_recipient_takes_step_after_step() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let task = send(&client, &ana, &[&ben], Completion::All).await;
    let code = refused(&client, &ben, task, Verb::Undo).await;
    assert_eq!(code, ErrorCode::NotAllowed);
    let step = async |verb, status, state| {
        let receipt = ben.change(&client, task, verb).await;
        assert_eq!(receipt.accounted_for.len(), 3);
        let expected = (status, vec![state]);
        assert_eq!(stands(&client, &ana, task).await, expected);
        assert_eq!(stands(&client, &ben, task).await, expected);
        receipt.number
    };
    // What was refused took no number.
    assert_eq!(step(Verb::Accept, TaskStatus::InProcess, Accepted).await, 1);
    assert_eq!(
        refused(&client, &ben, task, Verb::Accept).await,
        ErrorCode::NotAllowed
    );
    step(Verb::Undo, TaskStatus::NeedsAction, NeedsAction).await;
    assert_eq!(
        refused(&client, &ben, task, Verb::Undo).await,
        ErrorCode::NotAllowed
    );
    step(Verb::Start, TaskStatus::InProcess, InProcess).await;
    step(
        Verb::Progress { percent: 40 },
        TaskStatus::InProcess,
        InProcess,
    )
    .await;
    assert_eq!(ben.shown(&client, task).await.asks[0].percent, 40);
    step(decline(), TaskStatus::NeedsAction, Declined).await;
    let seen = ana.shown(&client, task).await;
    assert!(seen.needs_sender && seen.asks[0].reason == "no time");
    step(Verb::Undo, TaskStatus::InProcess, InProcess).await;
    assert_eq!(ben.shown(&client, task).await.asks[0].percent, 40);
    assert_eq!(step(done(), TaskStatus::Completed, Completed).await, 7);
    for verb in [Verb::Start, decline(), done(), Verb::Accept] {
        let code = refused(&client, &ben, task, verb).await;
        assert_eq!(code, ErrorCode::NotAllowed);
    }
    // The account's sends count with its changes.
    assert_eq!(ben.send(&client, "next", &[&ana]).await.number, 8);
}

#[tokio::test]
async fn the_status_follows_from_the_asks() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben, cleo] = Person::register_all(&client, ["ana", "ben", "cleo"]).await;
    let both = [&ben, &cleo];

    let any = send(&client, &ana, &both, Completion::Any).await;
    cleo.change(&client, any, Verb::Accept).await;
    ben.change(&client, any, done()).await;
    let now = stands(&client, &ana, any).await;
    assert_eq!(now, (TaskStatus::Completed, vec![Completed, Closed]));
    for verb in [Verb::Undo, done(), Verb::Accept] {
        let code = refused(&client, &cleo, any, verb).await;
        assert_eq!(code, ErrorCode::NotAllowed);
    }
    ben.change(&client, any, Verb::Undo).await;
    let now = stands(&client, &cleo, any).await;
    assert_eq!(now, (TaskStatus::InProcess, vec![NeedsAction, Accepted]));

    let all = send(&client, &ana, &both, Completion::All).await;
    ben.change(&client, all, done()).await;
    cleo.change(&client, all, decline()).await;
    let seen = ana.shown(&client, all).await;
    assert_eq!(
        (seen.status, seen.needs_sender),
        (TaskStatus::InProcess, true)
    );
    ana.change(&client, all, withdraw(&[&cleo])).await;
    let seen = ana.shown(&client, all).await;
    assert_eq!(
        (seen.status, seen.needs_sender),
        (TaskStatus::Completed, false)
    );

    let each = send(&client, &ana, &both, Completion::Each).await;
    cleo.change(&client, each, decline()).await;
    assert_eq!(stands(&client, &ana, each).await.0, TaskStatus::NeedsAction);
    ben.change(&client, each, done()).await;
    assert_eq!(stands(&client, &ana, each).await.0, TaskStatus::Completed);
}

#[tokio::test]
async fn a_sender_withdraws_reopens_and_reminds() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben, cleo] = Person::register_all(&client, ["ana", "ben", "cleo"]).await;
    let task = send(&client, &ana, &[&ben, &cleo], Completion::All).await;
    ana.change(&client, task, Verb::Remind).await;
    assert_eq!(ben.shown(&client, task).await.reminders, 1);
    let dora = Person::register(&client, "dora").await;
    assert_eq!(
        refused(&client, &ana, task, withdraw(&[&dora])).await,
        ErrorCode::NotAllowed
    );
    ana.change(&client, task, withdraw(&[&ben])).await;
    let now = stands(&client, &ben, task).await;
    assert_eq!(now, (TaskStatus::NeedsAction, vec![Withdrawn, NeedsAction]));
    assert_eq!(
        refused(&client, &ben, task, Verb::Accept).await,
        ErrorCode::NotAllowed
    );
    ana.change(&client, task, withdraw(&[])).await;
    let now = stands(&client, &cleo, task).await;
    assert_eq!(now, (TaskStatus::Cancelled, vec![Withdrawn, Withdrawn]));
    for verb in [Verb::Remind, withdraw(&[])] {
        let code = refused(&client, &ana, task, verb).await;
        assert_eq!(code, ErrorCode::NotAllowed);
    }
    assert_eq!(
        refused(&client, &cleo, task, done()).await,
        ErrorCode::NotAllowed
    );
    ana.change(&client, task, reopen()).await;
    let now = stands(&client, &cleo, task).await;
    assert_eq!(
        now,
        (TaskStatus::NeedsAction, vec![NeedsAction, NeedsAction])
    );
    cleo.change(&client, task, done()).await;
    ben.change(&client, task, done()).await;
    ana.change(&client, task, reopen()).await;
    let seen = cleo.shown(&client, task).await;
    assert_eq!(states(&seen), [NeedsAction, NeedsAction]);
    assert_eq!(seen.asks[1].reason, "not yet");
    assert_eq!(
        refused(&client, &cleo, task, Verb::Undo).await,
        ErrorCode::NotAllowed
    );
}

#[tokio::test]
async fn a_revision_names_what_it_saw_and_asks_again() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let task = send(&client, &ana, &[&ben], Completion::All).await;
    ben.change(&client, task, Verb::Accept).await;
    let revise = |revision, change: fn(&mut Revise)| {
        let mut revise = Revise {
            revision,
            ..Revise::default()
        };
        change(&mut revise);
        Verb::Revise(Box::new(revise))
    };
    let important = revise(0, |revise| revise.importance = Some(1));
    ana.change(&client, task, important).await;
    let seen = ben.shown(&client, task).await;
    assert_eq!((seen.revision, states(&seen)), (1, vec![Accepted]));
    let titled = |revision| revise(revision, |revise| revise.title = Some("Ship 1.3".into()));
    assert_eq!(
        refused(&client, &ana, task, titled(0)).await,
        ErrorCode::Conflict
    );
    let empty = revise(1, |revise| revise.title = Some(String::new()));
    assert_eq!(
        refused(&client, &ana, task, empty).await,
        ErrorCode::InvalidTask
    );
    let decide = revise(1, |revise| revise.kind = Some(Kind::Decide));
    assert_eq!(
        refused(&client, &ana, task, decide).await,
        ErrorCode::InvalidTask
    );
    ana.change(&client, task, titled(1)).await;
    let seen = ben.shown(&client, task).await;
    assert_eq!((seen.revision, states(&seen)), (2, vec![NeedsAction]));
    assert_eq!(seen.new_task.title, "Ship 1.3");
    assert_eq!(seen.new_task.importance, 1);
    assert_eq!(seen.new_task.recipients, std::slice::from_ref(&ben.name));
}

#[tokio::test]
async fn each_kind_is_completed_in_its_own_way() {
    let system = system().await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let text = String::new;
    let decided = |option: &str| Answer::Decided {
        text: text(),
        option: option.to_owned(),
    };
    let reviewed = Answer::Reviewed {
        text: text(),
        verdict: Verdict::Approve,
    };
    let answered = Answer::Answered {
        text: "42".to_owned(),
    };
    for (kind, good) in [
        (Kind::Do, Answer::Done { text: text() }),
        (Kind::Decide, decided("ship")),
        (Kind::Answer, answered),
        (Kind::Review, reviewed),
        (Kind::Read, Answer::Acknowledged),
        (Kind::Note, Answer::Acknowledged),
    ] {
        let mut new = NewTask::new("Ship?", vec![ana.name.clone()]);
        new.kind = kind;
        if kind == Kind::Decide {
            new.options = vec!["ship".to_owned(), "wait".to_owned()];
        }
        let task = new.id;
        ana.send_outgoing(&client, &Outgoing::new(new).unwrap())
            .await;
        let wrong = Verb::Complete(decided("fly"));
        let code = refused(&client, &ana, task, wrong).await;
        assert_eq!(code, ErrorCode::InvalidTask, "{kind:?}");
        ana.change(&client, task, Verb::Complete(good.clone()))
            .await;
        let seen = ana.shown(&client, task).await;
        assert_eq!(seen.asks[0].answer, Some(good));
        assert_eq!(seen.asks[0].percent, 100);
    }
}

#[tokio::test]
async fn an_id_of_a_change_gives_its_first_receipt_and_is_never_used_twice() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let task = send(&client, &ana, &[&ben], Completion::All).await;
    let change = yoshi_protocol::TaskChange::new(task, comment("once"));
    let again = || client.change_again(&ben.name, &ben.credential, &change);
    let mut first = again().await.unwrap();
    // Ten at once are one, too.
    for receipt in futures::future::join_all((0..10).map(|_| again())).await {
        let receipt = receipt.unwrap();
        first.accounted_for.clone_from(&receipt.accounted_for);
        assert_eq!(receipt, first);
    }
    assert_eq!(ana.shown(&client, task).await.comments, 1);
    let other = yoshi_protocol::TaskChange {
        verb: Verb::Accept,
        ..change.clone()
    };
    let reused = client
        .change_again(&ben.name, &ben.credential, &other)
        .await;
    assert_eq!(refusal(reused), ErrorCode::IdReused);
    let stolen = client
        .change_again(&ana.name, &ana.credential, &change)
        .await;
    assert_eq!(refusal(stolen), ErrorCode::IdReused);
    assert_eq!(ben.change(&client, task, Verb::Accept).await.number, 2);
}
