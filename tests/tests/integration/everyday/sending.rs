//! Sending and retrieving: one receipt, the same list everywhere, no gap, nothing twice.

use std::collections::BTreeSet;
use std::time::Duration;

use yoshi_client::{Error, Outgoing, Position, Sent, Task, View};
use yoshi_protocol::message::task::AskState;
use yoshi_protocol::{AccountName, ErrorCode, Kind, NewTask};
use yoshi_tests::person::{fresh_name, refusal};
use yoshi_tests::{Direct, Person, eventually};

use super::{MESSAGE_SERVERS, system};

/// How long until a server hears from the others how far they are.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

fn titles(tasks: &[Task]) -> Vec<&str> {
    tasks
        .iter()
        .map(|task| task.new_task.title.as_str())
        .collect()
}

#[tokio::test]
async fn a_task_to_several_is_in_each_inbox_on_every_server() {
    let system = system().await;
    let client = system.client().await;
    let mut ids = BTreeSet::new();
    for name in MESSAGE_SERVERS {
        ids.insert(system.id(name).await);
    }
    let [ana, ben, cleo] = Person::register_all(&client, ["ana", "ben", "cleo"]).await;

    let mut task = NewTask::new("Ship on Monday?", vec![ben.name.clone(), cleo.name.clone()]);
    task.kind = Kind::Decide;
    task.options = vec!["ship".to_owned(), "wait a week".to_owned()];
    task.body = "One line.\n\n* and ünicode 🦀".to_owned();
    let receipt = ana
        .send_outgoing(&client, &Outgoing::new(task.clone()).unwrap())
        .await;
    assert_eq!((receipt.task, receipt.number), (task.id, 1));
    let holders: BTreeSet<_> = receipt.accounted_for.iter().copied().collect();
    assert_eq!(holders, ids, "all three have committed it");
    assert_eq!(receipt.accounted_for.len(), 3);

    let direct = Direct::connect(&system.nats).await;
    for reader in [&ben, &cleo] {
        let inbox = reader.inbox(&client).await;
        let [seen] = inbox.as_slice() else {
            panic!("{} sees {}", reader.name, inbox.len());
        };
        assert_eq!(seen.new_task, task);
        assert_eq!((seen.sender.clone(), seen.number), (ana.name.clone(), 1));
        assert_eq!(
            (seen.position, seen.hash),
            (receipt.position, receipt.hash.into_array())
        );
        let asks: Vec<_> = seen
            .asks
            .iter()
            .map(|ask| (&ask.recipient, ask.state))
            .collect();
        let asked = [
            (&ben.name, AskState::NeedsAction),
            (&cleo.name, AskState::NeedsAction),
        ];
        assert_eq!(asks, asked, "in the task's order");
        eventually("all are known to hold it", HEARD_WITHIN, async || {
            let shown = client.show(&reader.name, &reader.credential, task.id).await;
            let shown = shown.unwrap().expect("it is there");
            assert_eq!(shown.new_task, task);
            if shown.held_by.iter().copied().collect::<BTreeSet<_>>() == ids {
                Ok(())
            } else {
                Err(format!("{:?}", shown.held_by))
            }
        })
        .await;
        for id in &ids {
            let there = direct.inbox(*id, reader).await;
            assert_eq!(there.len(), 1, "{id}");
            assert_eq!((there[0].position, there[0].number), (receipt.position, 1));
            assert_eq!(there[0].hash, receipt.hash);
        }
    }
    let sent = ana.read(&client, View::Sent, 10).await;
    assert_eq!(titles(&sent), ["Ship on Monday?"]);
    assert!(ana.inbox(&client).await.is_empty());
    let dora = Person::register(&client, "dora").await;
    let hidden = client
        .show(&dora.name, &dora.credential, task.id)
        .await
        .unwrap();
    assert_eq!(hidden, None, "others do not see it");
}

#[tokio::test]
async fn numbers_count_up_and_pages_skip_nothing() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let mut expected = Vec::new();
    let mut last = Position::ZERO;
    for number in 1..=7 {
        let title = format!("task {number}");
        let receipt = ana.send(&client, &title, &[&ben]).await;
        assert_eq!(receipt.number, number);
        assert!(receipt.position > last);
        last = receipt.position;
        expected.push(title);
    }
    assert_eq!(titles(&ben.read(&client, View::Inbox, 2).await), expected);
    assert_eq!(titles(&ana.read(&client, View::Sent, 2).await), expected);
    // The cursor of the end gives nothing, and then only what is new.
    let end = client
        .retrieve(&ben.name, &ben.credential, Position::ZERO)
        .await
        .unwrap();
    assert!(!end.more && !end.behind && end.cursor >= last);
    let none = client
        .retrieve(&ben.name, &ben.credential, end.cursor)
        .await
        .unwrap();
    assert!(none.tasks.is_empty());
    ana.send(&client, "task 8", &[&ben]).await;
    let new = client
        .retrieve(&ben.name, &ben.credential, none.cursor)
        .await
        .unwrap();
    assert_eq!(titles(&new.tasks), ["task 8"]);
}

#[tokio::test]
async fn a_cursor_from_the_future_is_told_behind_and_never_rewound() {
    let system = system().await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let direct = Direct::connect(&system.nats).await;
    let (behind, malformed) = (ErrorCode::Behind, ErrorCode::Malformed);
    for (future, code) in [
        (1 << 50, behind),
        (u64::MAX >> 1, behind),
        (u64::MAX, malformed),
    ] {
        let future = Position(future);
        for name in MESSAGE_SERVERS {
            let id = system.id(name).await;
            let answer = direct.try_page(id, &ana, View::Inbox, future).await;
            assert_eq!(answer.unwrap_err().code, code, "{name}");
        }
        let hasty = client.clone().with_deadline(Duration::from_secs(3));
        let answer = hasty.retrieve(&ana.name, &ana.credential, future).await;
        let error = answer.unwrap_err();
        assert!(!error.may_have_happened());
        // What a server said is not lost behind the deadline.
        if let Error::Deadline { answer, .. } = error {
            assert_eq!(answer.map(|reply| reply.code), Some(code));
        }
    }
}

#[tokio::test]
async fn an_id_gives_its_first_receipt_and_is_never_used_twice() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let task = NewTask::new("once", vec![ben.name.clone()]);
    let outgoing = Outgoing::new(task.clone()).unwrap();
    let first = ana.send_outgoing(&client, &outgoing).await;
    ana.send(&client, "another", &[&ben]).await;
    let mut again = ana.send_outgoing(&client, &outgoing).await;
    again.accounted_for.clone_from(&first.accounted_for);
    assert_eq!(again, first);
    // Ten at once are one, too.
    let many = Outgoing::new(NewTask::new("many", vec![ben.name.clone()])).unwrap();
    let sends = (0..10).map(|_| ana.send_outgoing(&client, &many));
    let receipts = futures::future::join_all(sends).await;
    for receipt in &receipts {
        assert_eq!(
            (receipt.number, receipt.position),
            (3, receipts[0].position)
        );
    }
    let other = NewTask {
        title: "something else".to_owned(),
        ..task.clone()
    };
    let reused = client.send(&ana.name, &ana.credential, other).await;
    assert_eq!(refusal(reused), ErrorCode::IdReused);
    let stolen = client.send(&ben.name, &ben.credential, task).await;
    assert_eq!(refusal(stolen), ErrorCode::IdReused);
    assert_eq!(
        titles(&ben.inbox(&client).await),
        ["once", "another", "many"]
    );
    // What was refused took no number.
    assert_eq!(ana.send(&client, "last", &[&ben]).await.number, 4);
    assert_eq!(ben.send(&client, "first", &[&ben]).await.number, 1);
}

#[tokio::test]
async fn every_unknown_recipient_is_named_and_nothing_is_sent() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let unknown: BTreeSet<_> = (0..3).map(|_| fresh_name("nobody").to_string()).collect();
    let mut names: Vec<_> = unknown
        .iter()
        .map(|name| AccountName::new(name).unwrap())
        .collect();
    names.insert(1, ben.name.clone());
    let task = NewTask::new("lost", names);
    match client.send(&ana.name, &ana.credential, task.clone()).await {
        Err(Error::Refused(reply)) => {
            assert_eq!(reply.code, ErrorCode::UnknownRecipients);
            assert_eq!(reply.names.into_iter().collect::<BTreeSet<_>>(), unknown);
        }
        other => panic!("{other:?}"),
    }
    assert!(ben.inbox(&client).await.is_empty());
    assert!(ana.read(&client, View::Sent, 10).await.is_empty());
    let good = NewTask {
        recipients: vec![ben.name.clone()],
        ..task
    };
    let sent = client.send(&ana.name, &ana.credential, good).await.unwrap();
    assert!(matches!(sent, Sent::Accounted(receipt) if receipt.number == 1));
}
