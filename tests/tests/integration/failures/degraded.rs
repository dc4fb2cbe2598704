//! Two of three nodes of NATS die: messages still pass, and no log has a quorum.
//! Servers answer polls from what they have and queue tasks; with the nodes back,
//! everything goes in, once and in order.

mod holder;
mod load_balancer;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use yoshi_client::{Client, Error, Outgoing, Position, Sent};
use yoshi_protocol::{Credential, ErrorCode, ErrorReply, NewTask, TaskId};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::place;
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{Person, System, SystemSettings, eventually};

const SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];
/// How long it may take until tasks are queued: the node that is left needs its
/// time to notice, then the servers' own delay runs.
const QUEUED_WITHIN: Duration = Duration::from_secs(60);
/// How long it may take until nothing waits, once the nodes are back.
const SENT_WITHIN: Duration = Duration::from_secs(60);

async fn start(outbox_entries_max: u32) -> System {
    System::start(SystemSettings {
        nats_nodes: 3,
        variables: vec![
            ("YOSHI_QUEUE_AFTER_SECONDS".into(), "2".into()),
            (
                "YOSHI_OUTBOX_ENTRIES_MAX".into(),
                outbox_entries_max.to_string(),
            ),
        ],
        ..SystemSettings::default()
    })
    .await
}

/// Runs `yoshi` as a person: its exit code, and what it printed as JSON.
async fn yoshi(system: &System, person: &Person, line: &[&str]) -> (Option<i32>, Value) {
    let scratch = Scratch::new("degraded");
    let mut command = Command::new(place::binary("yoshi"));
    command
        .args(line)
        .args(["--json", "--account", person.name.as_str()])
        .current_dir(scratch.path())
        .env("XDG_STATE_HOME", scratch.path())
        .env("YOSHI_NATS_URL", system.nats.urls())
        .env("YOSHI_CLIENT_PASSWORD_FILE", system.nats.password_file())
        .env("YOSHI_PASSWORD", person.password.expose())
        .env_remove("YOSHI_ENV_FILE");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let text = match output.stdout.is_empty() {
        true => &output.stderr,
        false => &output.stdout,
    };
    let shown = serde_json::from_slice(text);
    (
        output.status.code(),
        shown.unwrap_or_else(|error| panic!("{error}: {output:?}")),
    )
}

fn task(title: &str, to: &Person) -> Outgoing {
    Outgoing::new(NewTask::new(title, vec![to.name.clone()])).expect("it is a good task")
}

/// Sends until a server takes the task, one way or the other.
async fn send(client: &Client, person: &Person, task: &Outgoing) -> Sent {
    eventually("the send is answered", QUEUED_WITHIN, async || {
        client
            .send_outgoing(&person.name, &person.credential, task)
            .await
    })
    .await
}

/// Kills two nodes of NATS, and sends until that shows. Answers the task that
/// was queued first.
async fn lose_the_log(
    system: &mut System,
    client: &Client,
    person: &Person,
    to: &Person,
) -> Outgoing {
    system.nats.kill_node(1);
    system.nats.kill_node(2);
    let first = task("first", to);
    match send(client, person, &first).await {
        Sent::Queued(queued) => assert_eq!(queued.task, first.id()),
        Sent::Accounted(receipt) => panic!("without a quorum: {receipt:?}"),
    }
    first
}

async fn heal(system: &mut System) {
    system.nats.start_node(1);
    system.nats.start_node(2);
    system.nats.ready().await;
}

/// How many tasks wait in the outboxes of these servers.
async fn waiting(system: &System, servers: &[&str]) -> i64 {
    let mut all = 0;
    for name in servers {
        let sql = "SELECT count(*) FROM outbox WHERE refused IS NULL";
        all += system.database(name).rows(sql).await[0].get::<_, i64>(0);
    }
    all
}

async fn all_sent(system: &System) {
    eventually(
        "the outboxes are empty",
        SENT_WITHIN,
        async || match waiting(system, &SERVERS).await {
            0 => Ok(()),
            count => Err(format!("{count} wait")),
        },
    )
    .await;
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorReply {
    match result {
        Err(Error::Refused(reply)) => reply,
        other => panic!("not a refusal: {other:?}"),
    }
}

fn titles(tasks: &[yoshi_client::Task]) -> Vec<&str> {
    tasks
        .iter()
        .map(|task| task.new_task.title.as_str())
        .collect()
}

#[tokio::test]
async fn without_a_quorum_polls_are_answered_and_sends_queued_and_all_goes_in_later() {
    let mut system = start(6).await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    ana.send(&client, "before", &[&ben]).await;
    let first = lose_the_log(&mut system, &client, &ana, &ben).await;
    reading(&client, &ben).await;
    let (sent, holder) = queueing(&system, &client, &ana, &ben, first).await;
    by_command(&system, &ana, &ben, &holder, sent[0].id()).await;
    full(&client, &ana, &ben, &sent[0]).await;

    heal(&mut system).await;
    let after = task("after", &ben);
    let answer = send(&client, &ana, &after).await;
    assert!(matches!(answer, Sent::Accounted(_)), "{answer:?}");
    all_sent(&system).await;
    all_is_in(&system, &client, &ana, &ben, &sent).await;
}

/// A poll gets what was there, and hears that there may be more.
async fn reading(client: &Client, ben: &Person) {
    let page = client
        .retrieve(&ben.name, &ben.credential, Position::ZERO)
        .await
        .expect("polls are answered");
    assert!(page.behind);
    assert_eq!(titles(&page.tasks), ["before"]);
    // Also with a password, which no server remembers.
    let by_password = ben.by_password();
    let page = client.retrieve(&ben.name, &by_password, Position::ZERO);
    assert!(page.await.expect("any registration server says yes").behind);
    let wrong = Credential::Password(yoshi_protocol::Password::new("wrong".to_owned()));
    let reply = refused(client.retrieve(&ben.name, &wrong, Position::ZERO).await);
    assert_eq!(reply.code, ErrorCode::Unauthenticated);
}

/// Five tasks are queued, at one server, and asked for. Answers them and it.
async fn queueing(
    system: &System,
    client: &Client,
    ana: &Person,
    ben: &Person,
    first: Outgoing,
) -> (Vec<Outgoing>, String) {
    let mut sent = vec![first];
    for number in 2..=5 {
        sent.push(task(&format!("number {number}"), ben));
    }
    // The same again is the same, another one with its id is none.
    let mut holder = None;
    for task in sent.iter().chain(&sent) {
        match send(client, ana, task).await {
            Sent::Queued(queued) => {
                assert_eq!(queued.task, task.id());
                assert_eq!(*holder.get_or_insert(queued.server), queued.server);
            }
            Sent::Accounted(receipt) => panic!("without a quorum: {receipt:?}"),
        }
    }
    let holder = holder.expect("one server took them").to_string();
    assert_eq!(waiting(system, &SERVERS).await, 5);
    let other = NewTask {
        id: sent[0].id(),
        ..NewTask::new("another", vec![ben.name.clone()])
    };
    let reply = refused(client.send(&ana.name, &ana.credential, other).await);
    assert_eq!(reply.code, ErrorCode::IdReused);
    let reply = refused(client.show(&ana.name, &ana.credential, sent[0].id()).await);
    let (code, names) = (reply.code, reply.names);
    assert_eq!((code, names), (ErrorCode::Queued, vec![holder.clone()]));
    (sent, holder)
}

/// An outbox with six tasks in it is full, and says so.
async fn full(client: &Client, ana: &Person, ben: &Person, queued: &Outgoing) {
    let hurried = client.clone().with_deadline(Duration::from_secs(3));
    let one_more = NewTask::new("one more", vec![ben.name.clone()]);
    match hurried.send(&ana.name, &ana.credential, one_more).await {
        Err(Error::Deadline {
            answer: Some(reply),
            may_have_happened: false,
            ..
        }) => assert_eq!(reply.code, ErrorCode::Busy),
        other => panic!("the outbox takes six: {other:?}"),
    }
    // What it holds already it still says.
    let again = send(&hurried, ana, queued).await;
    assert!(matches!(again, Sent::Queued(_)), "{again:?}");
    // Whoever it was not sent by learns nothing of it.
    let unseen = hurried.show(&ben.name, &ben.credential, queued.id()).await;
    assert!(
        !matches!(unseen, Err(Error::Refused(_)) | Ok(Some(_))),
        "{unseen:?}"
    );
}

/// Everything went in, once, and what was queued in its order.
async fn all_is_in(
    system: &System,
    client: &Client,
    ana: &Person,
    ben: &Person,
    sent: &[Outgoing],
) {
    let mut numbers = Vec::new();
    for task in sent {
        let number = match send(client, ana, task).await {
            Sent::Accounted(receipt) => receipt.number,
            Sent::Queued(queued) => panic!("the log is back: {queued:?}"),
        };
        let shown = client.show(&ana.name, &ana.credential, task.id()).await;
        assert_eq!(shown.expect("it may").expect("it is there").number, number);
        numbers.push(number);
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let inbox = ben.inbox(client).await;
    let mut found = titles(&inbox);
    // Where it stands depends on whether the account has moved meanwhile.
    found.retain(|title| *title != "after");
    let expected = [
        "before",
        "first",
        "number 2",
        "number 3",
        "number 4",
        "number 5",
        "by command",
    ];
    assert_eq!(found, expected);
    assert_eq!(inbox.len(), expected.len() + 1);
    let databases = SERVERS.map(|name| system.database(name));
    let rows = contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    assert!(
        rows.len() > 2 * inbox.len(),
        "ana, her tasks and their asks"
    );
}

/// The command line says that a task is queued, and not safe.
async fn by_command(system: &System, ana: &Person, ben: &Person, holder: &str, queued: TaskId) {
    let line = ["send", "by command", "--to", ben.name.as_str()];
    let (exit, sent) = yoshi(system, ana, &line).await;
    assert_eq!(
        (exit, &sent["outcome"]),
        (Some(7), &"queued".into()),
        "{sent}"
    );
    assert_eq!(sent["accounted_for"], serde_json::json!([holder]));
    let (exit, shown) = yoshi(system, ana, &["show", &queued.to_string()]).await;
    let error = &shown["error"];
    assert_eq!(
        (exit, &error["code"]),
        (Some(7), &"queued".into()),
        "{shown}"
    );
    assert_eq!(error["names"], serde_json::json!([holder]));
}
