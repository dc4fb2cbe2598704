//! The server that holds queued tasks dies, before the log is back and while its
//! outbox empties, and its accounts move to other homes.

use std::collections::BTreeMap;

use yoshi_client::{Client, Outgoing, Position, Sent, View};
use yoshi_protocol::{ErrorCode, NewTask, ServerId, TaskId};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::{Direct, Person, System, eventually};

use super::{SENT_WITHIN, SERVERS, all_sent, heal, lose_the_log, send, start, task, waiting};

/// How many tasks each sender queues: enough for a server to die half-way.
const EACH: usize = 60;

#[tokio::test]
async fn a_holder_that_dies_and_homes_that_move_lose_and_double_nothing() {
    let mut system = start(100_000).await;
    let client = system.client().await;
    let reader = Person::register(&client, "reader").await;
    let mut people = Vec::new();
    for _ in 0..6 {
        let person = Person::register(&client, "sender").await;
        let title = format!("{} 0", person.name);
        person.send(&client, &title, &[&reader]).await;
        people.push(person);
    }
    lose_the_log(&mut system, &client, &people[0], &reader).await;
    let most = queue_many(&client, &people, &reader).await;
    let mut names = Vec::new();
    for name in SERVERS {
        names.push((system.id(name).await, name));
    }
    let (_, holder) = *names.iter().find(|(id, _)| *id == most).expect("it is one");
    let later = move_homes(&mut system, holder, &client, &people, &reader).await;
    let refused = die_half_way(&mut system, holder, &people[1], &reader).await;

    // Every queued task once, and each sender's in the order of queueing.
    let databases = SERVERS.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    let direct = Direct::connect(&system.nats).await;
    for (id, _) in &names {
        let list = direct.inbox(*id, &reader).await;
        let found = yoshi_tests::direct::titles_by_sender(&list);
        for person in &people {
            let mut queued = found[person.name.as_str()].clone();
            queued.retain(|title| !title.ends_with(" later") && title != "first");
            let expected: Vec<_> = (0..=EACH).map(|n| format!("{} {n}", person.name)).collect();
            assert_eq!(queued, expected);
        }
        assert_eq!(list.len(), people.len() * (EACH + 2) + 1);
    }
    // What was refused on its way, its holder tells the sender.
    for id in refused {
        let asked = direct.try_page(most, &people[1], View::Task(id), Position::ZERO);
        let reply = asked.await.unwrap_err();
        assert_eq!(reply.code, ErrorCode::UnknownRecipients, "{reply:?}");
    }
    for (person, task) in people.iter().zip(&later) {
        let again = send(&client, person, task).await;
        assert!(matches!(again, Sent::Accounted(_)), "{again:?}");
    }
}

/// Everybody queues [`EACH`] tasks. Answers who holds most of them.
async fn queue_many(client: &Client, people: &[Person], reader: &Person) -> ServerId {
    let mut holders = BTreeMap::new();
    for number in 1..=EACH {
        for person in people {
            let task = task(&format!("{} {number}", person.name), reader);
            match send(client, person, &task).await {
                Sent::Queued(queued) => *holders.entry(queued.server).or_insert(0) += 1,
                Sent::Accounted(receipt) => panic!("without a quorum: {receipt:?}"),
            }
        }
    }
    let most = holders.into_iter().max_by_key(|(_, count)| *count);
    most.expect("somebody does").0
}

/// The holder dies before the log is back, so that its accounts move, and they
/// send on. Answers what they sent.
async fn move_homes(
    system: &mut System,
    holder: &str,
    client: &Client,
    people: &[Person],
    reader: &Person,
) -> Vec<Outgoing> {
    let held = waiting(system, &[holder]).await;
    system.server(holder).kill();
    heal(system).await;
    let mut later = Vec::new();
    for person in people {
        let task = task(&format!("{} later", person.name), reader);
        send(client, person, &task).await;
        later.push(task);
    }
    let others: Vec<_> = SERVERS.into_iter().filter(|name| *name != holder).collect();
    eventually(
        "the others have sent theirs",
        SENT_WITHIN,
        async || match waiting(system, &others).await {
            0 => Ok(()),
            count => Err(format!("{count} wait")),
        },
    )
    .await;
    let still = waiting(system, &[holder]).await;
    assert_eq!(still, held, "nobody else has them");
    later
}

/// The holder comes back, dies while its outbox empties, and comes back again;
/// with rows as other crashes leave them, and some that are refused: those it
/// answers.
async fn die_half_way(
    system: &mut System,
    holder: &str,
    sender: &Person,
    reader: &Person,
) -> [TaskId; 2] {
    let held = waiting(system, &[holder]).await;
    system.server(holder).start();
    eventually(
        "its outbox begins to empty",
        SENT_WITHIN,
        async || match waiting(system, &[holder]).await {
            now if now < held => Ok(()),
            now => Err(format!("{now} wait")),
        },
    )
    .await;
    system.server(holder).kill();
    let left = waiting(system, &[holder]).await;
    assert!(0 < left && left < held, "half-way: {left} of {held}");
    let refused = crash_leftovers(system, holder, sender, reader).await;
    system.server(holder).start();
    all_sent(system).await;
    system.server(holder).ready().await;
    refused
}

/// Puts rows into a dead server's outbox: one as a crash leaves it between the
/// receipt and the removal, and some that no home will take. Answers the latter.
async fn crash_leftovers(
    system: &System,
    holder: &str,
    sender: &Person,
    reader: &Person,
) -> [TaskId; 2] {
    let database = system.database(holder);
    let put = async |id: TaskId, content: &[u8]| {
        let hex: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
        let sql = format!(
            "INSERT INTO outbox (task, sender, content, queued_at)
             VALUES ('{id}', '{}', '\\x{hex}', 0) RETURNING place",
            sender.name
        );
        database.rows(&sql).await;
    };
    let sql = format!(
        "SELECT id::text, encode(content, 'hex') FROM task
         WHERE sender = '{}' ORDER BY number LIMIT 1",
        sender.name
    );
    let known = &database.rows(&sql).await[0];
    let (id, hex): (String, String) = (known.get(0), known.get(1));
    let bytes = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let content: Vec<_> = (0..hex.len()).step_by(2).map(bytes).collect();
    put(id.parse().expect("it is an id"), &content).await;
    let nobody = yoshi_tests::person::fresh_name("nobody");
    let alone = NewTask::new("to nobody", vec![nobody.clone()]);
    let among = NewTask::new("to nobody, too", vec![reader.name.clone(), nobody]);
    for task in [&alone, &among] {
        put(task.id, &yoshi_protocol::cbor::encode(task)).await;
    }
    [alone.id, among.id]
}
