//! Random verbs from random people, several at once: whatever is refused and
//! whatever is done, every rule holds and every server comes to the same rows.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use yoshi_client::AskState::{Accepted, Completed, InProcess, NeedsAction, Withdrawn};
use yoshi_client::{Client, Error, Outgoing, Task, TaskStatus, View};
use yoshi_protocol::{
    Answer, Completion, ErrorCode, NewTask, Revise, TaskChange, TaskId, Verb, limit,
};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::postgres::Database;
use yoshi_tests::{Person, System, SystemSettings};

use super::super::MESSAGE_SERVERS;
use super::{comment, decline, done, reopen, withdraw};

const SEED: u64 = 20_261_122;
const PEOPLE: usize = 5;
const TASKS: usize = 8;
const VERBS_EACH: usize = 60;

fn verb(random: &mut StdRng, people: &[Person]) -> Verb {
    let somebody = &people[random.random_range(0..people.len())];
    match random.random_range(0..18) {
        0 | 1 => Verb::Accept,
        2 => decline(),
        3 => Verb::Start,
        4 => Verb::Progress {
            percent: random.random_range(0..100),
        },
        5..=7 => done(),
        // Tasks of kind do are not completed so.
        8 => Verb::Complete(Answer::Acknowledged),
        9 | 10 => Verb::Undo,
        11 => Verb::Revise(Box::new(Revise {
            revision: random.random_range(0..4),
            title: Some(format!("Ship {}", random.random_range(0..100))),
            ..Revise::default()
        })),
        12 => withdraw(&[somebody]),
        13 => withdraw(&[]),
        14 => reopen(),
        15 => comment("well?"),
        16 => Verb::Read {
            read: random.random_bool(0.5),
            through: None,
        },
        _ => Verb::Remind,
    }
}

/// What came of one person's verbs: the numbers that their receipts gave.
async fn act(
    client: Client,
    me: usize,
    people: Vec<Person>,
    tasks: Vec<TaskId>,
    seed: u64,
) -> BTreeSet<u64> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut numbers = BTreeSet::new();
    let person = &people[me];
    for _ in 0..VERBS_EACH {
        let task = tasks[random.random_range(0..tasks.len())];
        let change = TaskChange::new(task, verb(&mut random, &people));
        let asked = client
            .change_again(&person.name, &person.credential, &change)
            .await;
        match asked {
            Ok(receipt) => {
                assert!(numbers.insert(receipt.number), "{} twice", receipt.number);
                if random.random_bool(0.2) {
                    let again = client
                        .change_again(&person.name, &person.credential, &change)
                        .await;
                    assert_eq!(again.unwrap().number, receipt.number);
                }
            }
            Err(Error::Refused(reply)) => assert!(
                matches!(
                    reply.code,
                    ErrorCode::NotAllowed
                        | ErrorCode::NotFound
                        | ErrorCode::Conflict
                        | ErrorCode::InvalidTask
                ),
                "{reply}: {change:?}"
            ),
            Err(error) => panic!("{error}: {change:?}"),
        }
    }
    numbers
}

/// What a task's status must be, from its asks alone (PRODUCT model C.3).
fn derived(task: &Task) -> TaskStatus {
    let states: Vec<_> = task.asks.iter().map(|ask| ask.state).collect();
    let wanted: Vec<_> = states
        .iter()
        .filter(|state| **state != Withdrawn)
        .copied()
        .collect();
    let open = |state: &_| [NeedsAction, Accepted, InProcess].contains(state);
    let some = wanted.contains(&Completed);
    let complete = match task.new_task.completion {
        Completion::Any => some,
        Completion::All => some && wanted.iter().all(|state| *state == Completed),
        Completion::Each => some && !wanted.iter().any(open),
    };
    if complete {
        TaskStatus::Completed
    } else if some || wanted.contains(&Accepted) || wanted.contains(&InProcess) {
        TaskStatus::InProcess
    } else {
        TaskStatus::NeedsAction
    }
}

/// Everybody's numbers, of sends and changes, are 1, 2, 3 … without a gap.
async fn check_numbers(database: &Database) {
    let gaps = database
        .rows(
            "SELECT account, count(*), max(number), count(DISTINCT number) FROM
               (SELECT sender AS account, number FROM task
                UNION ALL SELECT account, number FROM change) AS entry
             GROUP BY account
             HAVING count(*) <> max(number) OR count(*) <> count(DISTINCT number)",
        )
        .await;
    assert!(gaps.is_empty(), "{gaps:?}");
    let heads = database
        .rows(
            "SELECT name FROM account WHERE number <>
               (SELECT count(*) FROM task WHERE sender = name)
               + (SELECT count(*) FROM change WHERE change.account = name)",
        )
        .await;
    assert!(heads.is_empty(), "{heads:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_verbs_keep_every_rule_on_every_server() {
    let system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    println!("seed {SEED}");
    let mut random = StdRng::seed_from_u64(SEED);
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        people.push(Person::register(&client, "p").await);
    }
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let sender = random.random_range(0..PEOPLE);
        let count = random.random_range(1..=3);
        let asked = (0..count).map(|step| people[(sender + step) % PEOPLE].name.clone());
        let mut task = NewTask::new(format!("task {number}"), asked.collect());
        task.completion =
            [Completion::Any, Completion::All, Completion::Each][random.random_range(0..3)];
        let task = Outgoing::new(task).unwrap();
        people[sender].send_outgoing(&client, &task).await;
        tasks.push(task.id());
    }
    let acts = (0..PEOPLE).map(|me| {
        let (people, tasks) = (people.clone(), tasks.clone());
        tokio::spawn(act(client.clone(), me, people, tasks, random.random()))
    });
    let mut changes = 0;
    for numbers in futures::future::join_all(acts).await {
        changes += numbers.unwrap().len();
    }
    assert!(changes > PEOPLE * VERBS_EACH / 10, "{changes}");

    let databases = MESSAGE_SERVERS.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    check_numbers(databases[0]).await;
    let mut seen = BTreeSet::new();
    for person in &people {
        for view in [View::Inbox, View::Sent] {
            for task in person.read(&client, view, limit::POLL_TASKS_MAX).await {
                if task.status != TaskStatus::Cancelled {
                    assert_eq!(task.status, derived(&task), "{task:?}");
                }
                seen.insert(task.new_task.id);
            }
        }
    }
    assert_eq!(seen.len(), TASKS);
}
