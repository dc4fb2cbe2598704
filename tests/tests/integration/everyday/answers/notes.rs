//! Who sees what: comments and history, notes for oneself, and what polls tell.

use yoshi_client::{Client, Happened, Position, Step, View};
use yoshi_protocol::{Completion, TaskId, Verb};
use yoshi_tests::Person;
use yoshi_tests::person::refusal;

use super::super::system;
use super::{comment, send};

async fn history(client: &Client, person: &Person, task: TaskId) -> Vec<Step> {
    let steps = client.history(&person.name, &person.credential, task).await;
    steps.unwrap()
}

/// What changed for a view of an account since a cursor, and the next cursor.
async fn changed(
    client: &Client,
    person: &Person,
    view: View,
    since: Position,
) -> (Vec<TaskId>, Position) {
    let page = client
        .poll(&person.name, &person.credential, view, since, 100)
        .await
        .unwrap();
    let ids = page.tasks.iter().map(|task| task.new_task.id).collect();
    (ids, page.cursor)
}

#[tokio::test]
async fn history_and_comments_are_for_those_concerned() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben, cleo] = Person::register_all(&client, ["ana", "ben", "cleo"]).await;
    let task = send(&client, &ana, &[&ben], Completion::All).await;
    ben.change(&client, task, Verb::Accept).await;
    ana.change(&client, task, comment("thank you")).await;
    let labels = vec!["mine".to_owned()];
    let label = Verb::Label { labels };
    ben.change(&client, task, label.clone()).await;
    ben.change(&client, task, comment("welcome")).await;
    let steps = history(&client, &ben, task).await;
    assert!(steps.is_sorted_by(|a, b| a.position < b.position));
    assert!(matches!(&steps[0].happened, Happened::Sent(sent) if sent.id == task));
    let verbs = |steps: &[Step]| -> Vec<Verb> {
        let verbs = steps.iter().filter_map(|step| match &step.happened {
            Happened::Changed(change) => Some(change.verb.clone()),
            Happened::Sent(_) => None,
        });
        verbs.collect()
    };
    let (thanks, welcome) = (comment("thank you"), comment("welcome"));
    let all = [Verb::Accept, thanks.clone(), label, welcome.clone()];
    assert_eq!(verbs(&steps), all);
    let public = [Verb::Accept, thanks, welcome];
    assert_eq!(verbs(&history(&client, &ana, task).await), public);
    let numbers: Vec<_> = steps.iter().map(|step| step.number).collect();
    assert_eq!(numbers, [1, 1, 2, 2, 3]);
    let hidden = client.history(&cleo.name, &cleo.credential, task).await;
    assert_eq!(refusal(hidden), yoshi_protocol::ErrorCode::NotFound);
    assert_eq!(ana.shown(&client, task).await.comments, 2);
}

#[tokio::test]
async fn notes_are_seen_by_nobody_else() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben, cleo] = Person::register_all(&client, ["ana", "ben", "cleo"]).await;
    let task = send(&client, &ana, &[&ben, &cleo], Completion::All).await;
    assert!(ana.shown(&client, task).await.mine.read, "it is its own");
    assert!(!ben.shown(&client, task).await.mine.read);
    let (before_ana, before_cleo) = (
        ana.shown(&client, task).await,
        cleo.shown(&client, task).await,
    );
    let until: yoshi_protocol::When = "2026-12-24".parse().unwrap();
    let labels = vec!["home".to_owned(), "später".to_owned()];
    let until = Some(until);
    for verb in [
        Verb::Snooze {
            until: until.clone(),
        },
        Verb::Label {
            labels: labels.clone(),
        },
        Verb::Read {
            read: true,
            through: None,
        },
    ] {
        ben.change(&client, task, verb).await;
    }
    let seen = ben.shown(&client, task).await;
    assert!(seen.mine.read);
    assert_eq!(
        (&seen.mine.labels, &seen.mine.snoozed_until),
        (&labels, &until)
    );
    assert_eq!(seen.new_task.due, None);
    // Who holds it, and who does not yet, is not the task's: compare the rest.
    let same = |mut now: yoshi_client::Task, before: &yoshi_client::Task| {
        now.held_by.clone_from(&before.held_by);
        now.lagging.clone_from(&before.lagging);
        assert_eq!(now, *before);
    };
    same(ana.shown(&client, task).await, &before_ana);
    same(cleo.shown(&client, task).await, &before_cleo);
    // Nor do they see the sender's.
    let remember = Verb::Label {
        labels: vec!["ask again".to_owned()],
    };
    ana.change(&client, task, remember).await;
    same(cleo.shown(&client, task).await, &before_cleo);
    // What others do makes it unread; what one does oneself does not.
    ana.change(&client, task, comment("well?")).await;
    assert!(!ben.shown(&client, task).await.mine.read);
    ben.change(&client, task, comment("soon")).await;
    assert!(ben.shown(&client, task).await.mine.read);
    ben.change(&client, task, Verb::Snooze { until: None })
        .await;
    let mine = ben.shown(&client, task).await.mine;
    assert_eq!((mine.snoozed_until, mine.labels), (None, labels));
}

#[tokio::test]
async fn polls_give_what_changed_to_sender_and_recipients() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let first = send(&client, &ana, &[&ben], Completion::All).await;
    let second = send(&client, &ana, &[&ben], Completion::All).await;
    let (ids, sent) = changed(&client, &ana, View::Sent, Position::ZERO).await;
    assert_eq!(ids, [first, second]);
    let (ids, inbox) = changed(&client, &ben, View::Inbox, Position::ZERO).await;
    assert_eq!(ids, [first, second]);
    let receipt = ben.change(&client, first, Verb::Accept).await;
    let (ids, sent) = changed(&client, &ana, View::Sent, sent).await;
    assert_eq!(ids, [first]);
    assert!(sent >= receipt.position);
    let (ids, inbox) = changed(&client, &ben, View::Inbox, inbox).await;
    assert_eq!(ids, [first]);
    // A note changes the task for its own account alone.
    ben.change(
        &client,
        second,
        Verb::Read {
            read: true,
            through: None,
        },
    )
    .await;
    let (ids, sent) = changed(&client, &ana, View::Sent, sent).await;
    assert!(ids.is_empty());
    let (ids, inbox) = changed(&client, &ben, View::Inbox, inbox).await;
    assert_eq!(ids, [second]);
    ana.change(&client, first, Verb::Remind).await;
    assert_eq!(changed(&client, &ana, View::Sent, sent).await.0, [first]);
    assert_eq!(changed(&client, &ben, View::Inbox, inbox).await.0, [first]);
    // From the beginning, the order is that of the latest changes.
    let (ids, _) = changed(&client, &ben, View::Inbox, Position::ZERO).await;
    assert_eq!(ids, [second, first]);
}
