//! Pages: what stays in its place while others send and change, how large they
//! are, and that every server gives the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use yoshi_client::{AskState, Client, Filter, List, Query};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::find::{FindTasks, TasksFound};
use yoshi_protocol::subject::{self, ClientVerb};
use yoshi_protocol::{NewTask, Position, Reply, Revise, ServerId, TaskId, Verb, header};
use yoshi_tests::{Nats, Person, User, eventually};

use super::super::{MESSAGE_SERVERS, system};
use super::{INDEXED_WITHIN, all, page, send, text};

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

fn ids(tasks: &[yoshi_client::Task]) -> Vec<TaskId> {
    tasks.iter().map(|task| task.new_task.id).collect()
}

/// What others do between two pages: a task is sent, one of those that were
/// found already is revised and accepted, and one of those to come.
async fn meddle(
    client: &Client,
    [ana, ben]: [&Person; 2],
    tasks: &[TaskId],
    round: usize,
    revision: u32,
) {
    ana.send(client, "another one", &[ben]).await;
    let (found, to_come) = (tasks[tasks.len() - 1 - round], tasks[round]);
    for task in [found, to_come] {
        let revise = Revise {
            title: Some(format!("ship it, round {round}")),
            revision,
            ..Revise::default()
        };
        ana.change(client, task, Verb::Revise(Box::new(revise)))
            .await;
        ben.change(client, task, Verb::Accept).await;
    }
}

#[tokio::test]
async fn pages_stay_in_place_while_others_write() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let mut tasks = Vec::new();
    for number in 0..40 {
        let task = NewTask::new(format!("ship it {number}"), vec![ben.name.clone()]);
        tasks.push(send(&client, &ana, task).await);
    }
    for (revision, filter) in [(0, Filter::default()), (1, text("ship it"))] {
        let mut next = Some(Query {
            limit: 7,
            ..Query::new(filter)
        });
        let (mut found, mut rounds) = (Vec::new(), 0);
        while let Some(query) = next {
            let page = page(&client, &ben, &query).await;
            assert!(page.tasks.len() <= 7);
            next = query.after(&page);
            found.extend(ids(&page.tasks));
            // Those that are first on the list, and those that are last.
            if rounds < 4 {
                meddle(&client, [&ana, &ben], &tasks, rounds, revision).await;
            }
            rounds += 1;
        }
        assert!(rounds >= 6);
        let distinct: BTreeSet<_> = found.iter().collect();
        assert_eq!(distinct.len(), found.len(), "none comes twice");
        let mut first_sent: Vec<_> = found.iter().rev().copied().collect();
        first_sent.retain(|task| tasks.contains(task));
        assert_eq!(
            first_sent, tasks,
            "none is left out, all in the order of their sends"
        );
        tasks = ids(&all(&client, &ben, text("ship it"), 500).await);
        tasks.reverse();
    }
    // Those that no longer pass are left out; of the others, none is.
    let waiting = Filter {
        states: vec![AskState::NeedsAction],
        ..Filter::default()
    };
    let query = Query {
        limit: 5,
        ..Query::new(waiting.clone())
    };
    let before = ids(&all(&client, &ben, waiting, 500).await);
    let first = page(&client, &ben, &query).await;
    assert_eq!(ids(&first.tasks), before[..5]);
    for task in [before[2], before[7], before[11]] {
        ben.change(&client, task, Verb::Accept).await;
    }
    let mut rest = Vec::new();
    let mut next = query.after(&first);
    while let Some(query) = next {
        let page = page(&client, &ben, &query).await;
        next = query.after(&page);
        rest.extend(ids(&page.tasks));
    }
    let mut expected = before[5..].to_vec();
    expected.retain(|task| ![before[7], before[11]].contains(task));
    assert_eq!(rest, expected);
}

#[tokio::test]
async fn pages_of_large_tasks_are_bounded_and_complete() {
    let system = system().await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let mut tasks = Vec::new();
    for number in 0..25 {
        let task = NewTask {
            body: format!("word{number} ").repeat(7_000),
            ..NewTask::new("large", vec![ana.name.clone()])
        };
        tasks.push(send(&client, &ana, task).await);
    }
    let query = Query::new(text("large"));
    let first = page(&client, &ana, &query).await;
    assert!(
        first.cursor.is_some() && first.tasks.len() < 15,
        "{}",
        first.tasks.len()
    );
    for list in [List::Inbox, List::Sent] {
        let filter = Filter {
            list,
            ..text("large")
        };
        let mut found = ids(&all(&client, &ana, filter, 500).await);
        found.reverse();
        assert_eq!(found, tasks);
    }
    assert_eq!(
        ids(&all(&client, &ana, text("word17"), 500).await),
        [tasks[17]]
    );
    // Everything is looked through that one has a receipt of.
    let receipt = ana.send(&client, "the last word", &[&ana]).await;
    let query = Query {
        known: receipt.position,
        ..Query::new(text("last word"))
    };
    let page = page(&client, &ana, &query).await;
    assert_eq!(ids(&page.tasks), [receipt.task]);
    assert!(page.indexed >= receipt.position && !page.behind);
}

/// A page by one server of the test's choice.
async fn ask(nats: &Nats, server: ServerId, who: &Person, request: &FindTasks) -> TasksFound {
    let balancer = nats.connect(User::LoadBalancer).await;
    let operator = nats.connect(User::Operator).await;
    let inbox = operator.new_inbox();
    let mut answers = operator.subscribe(inbox.clone()).await.unwrap();
    operator.flush().await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert(header::EPOCH, "1");
    let to = subject::ms_client(server, ClientVerb::Find, &who.name);
    let payload = cbor::encode(request).into();
    let asked = balancer.publish_with_reply_and_headers(to, inbox, headers, payload);
    asked.await.unwrap();
    let answer = tokio::time::timeout(ANSWER_WITHIN, answers.next()).await;
    let answer = answer.expect("it answers in time").expect("it answers");
    let reply: Reply<TasksFound> = cbor::decode(&answer.payload, Bound::ANSWER).unwrap();
    reply.into_result().unwrap()
}

#[tokio::test]
async fn every_server_finds_the_same() {
    let system = system().await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let mut known = Position::ZERO;
    for number in 0..20 {
        let task = NewTask {
            body: ["Ärger", "Freude"][number % 2].to_owned(),
            importance: u8::try_from(number % 10).unwrap(),
            ..NewTask::new(format!("task n{number}"), vec![ben.name.clone()])
        };
        let task = yoshi_client::Outgoing::new(task).unwrap();
        known = ana.send_outgoing(&client, &task).await.position;
    }
    let mut found: BTreeMap<&str, Vec<Vec<TaskId>>> = BTreeMap::new();
    for name in MESSAGE_SERVERS {
        let server = system.id(name).await;
        // No digit alone: the people's names hold some at random, and are searched too.
        for filter in [Filter::default(), text("arger"), text("n1")] {
            let (mut before, mut ids) = (None, Vec::new());
            loop {
                let request = FindTasks {
                    known,
                    limit: 6,
                    before,
                    filter: filter.clone(),
                    credential: ben.credential.clone(),
                };
                let look = async || {
                    let page = ask(&system.nats, server, &ben, &request).await;
                    match page.behind {
                        false => Ok(page),
                        true => Err(format!("{name}: up to {}", page.indexed)),
                    }
                };
                let page = eventually("it is indexed", INDEXED_WITHIN, look).await;
                assert!(page.indexed >= known, "{name}: {page:?}");
                ids.extend(
                    page.tasks
                        .iter()
                        .map(|task| NewTask::decode(&task.task).unwrap().id),
                );
                before = page.cursor;
                if before.is_none() {
                    break;
                }
            }
            found.entry(name).or_default().push(ids);
        }
    }
    let counts: Vec<_> = found["ms1"].iter().map(Vec::len).collect();
    assert_eq!(counts, [20, 10, 11]);
    assert!(
        found.values().all(|each| *each == found["ms1"]),
        "{found:?}"
    );
}
