//! A log is lost and provisioned anew. Message servers that hold nothing, a new one and
//! one whose database was wiped, start beside those that hold the tasks: they neither
//! serve nor account for anything, and fill themselves once the log was recovered.

use std::time::Duration;

use yoshi_client::{Error, View};
use yoshi_protocol::message::roster::{MessageServer, MsState};
use yoshi_protocol::message::task::ClientPoll;
use yoshi_protocol::subject::Role;
use yoshi_protocol::{NewTask, Position, ServerId};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::{Direct, Person, System, SystemSettings, User, eventually};

use super::lost_log::{all_refuse, done, refused, sends};

/// The one whose database is wiped, and the one that is added.
const EMPTY: [&str; 2] = ["ms3", "ms4"];
const ALL: [&str; 4] = ["ms1", "ms2", "ms3", "ms4"];
/// They look several times whether the others take the new log up.
const END_WITHIN: Duration = Duration::from_secs(40);
const ASKED_WITHIN: Duration = Duration::from_secs(2);
const SENT_WITHIN: Duration = Duration::from_secs(4);
const SERVING_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
async fn empty_servers_beside_a_log_that_was_made_anew_wait_for_its_recovery() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let mut receipts = sends(&system, &ana, &ben, 5).await;
    let gone = wipe(&mut system).await;
    all_refuse(&system, Role::Ms, 2, "yoshi recover-log tasks").await;
    system.server("ms3").start();
    system.add("ms4", User::MessageServer).await;
    serve_nothing(&mut system, &ana, &ben).await;
    for name in EMPTY {
        names_the_command(&mut system, name).await;
    }

    recover(&system, &gone.to_string()).await;
    for name in EMPTY {
        system.server(name).start();
    }
    all_serve(&system).await;
    receipts.extend(sends(&system, &ana, &ben, 2).await);
    let last = receipts.last().unwrap();
    assert_eq!(last.accounted_for.len(), ALL.len());
    let numbers = receipts.iter().map(|receipt| receipt.number);
    assert!(numbers.eq(1..=7), "{receipts:?}");
    let databases = ALL.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    let direct = Direct::connect(&system.nats).await;
    let sent: Vec<_> = receipts.iter().map(|receipt| receipt.position).collect();
    for name in ALL {
        let list = direct.inbox(system.id(name).await, &ben).await;
        let held: Vec<_> = list.iter().map(|task| task.position).collect();
        assert_eq!(held, sent, "{name}");
    }
}

/// NATS loses everything, and gets new streams; ms3 loses its database, too. Answers
/// what its identity was.
async fn wipe(system: &mut System) -> ServerId {
    let gone = system.id("ms3").await;
    system.server("ms3").kill();
    for statement in ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"] {
        system.database("ms3").rows(statement).await;
    }
    system.nats.kill_node(0);
    std::fs::remove_dir_all(system.nats.store(0)).unwrap();
    system.nats.start_node(0);
    system.nats.ready().await;
    system.nats.provision().await;
    gone
}

/// Asks the empty servers for what they do not have, until they end because they may
/// not begin.
async fn serve_nothing(system: &mut System, ana: &Person, ben: &Person) {
    let direct = Direct::connect(&system.nats).await;
    let operator = system.operator().await;
    let hurried = system.client().await.with_deadline(SENT_WITHIN);
    let request = ClientPoll {
        view: View::Inbox,
        limit: 100,
        since: Position::ZERO,
        credential: ben.credential.clone(),
    };
    let end = tokio::time::Instant::now() + END_WITHIN;
    while EMPTY
        .iter()
        .any(|name| system.server(name).ended().is_none())
    {
        let now = tokio::time::Instant::now();
        assert!(now < end, "they go on beside a log that is not the others'");
        let servers = operator.message_servers().await.unwrap().servers;
        let serves = |server: &MessageServer| server.ping.state == MsState::Serving;
        assert!(!servers.iter().any(serves), "{servers:?}");
        for name in EMPTY {
            let Ok(id) = known_id(system, name).await else {
                continue;
            };
            let page = direct.ask(id, &ben.name, &request, ASKED_WITHIN).await;
            assert!(!matches!(page, Some(Ok(_))), "{name} shows {page:?}");
        }
        let task = NewTask::new("too early", vec![ben.name.clone()]);
        match hurried.send(&ana.name, &ana.credential, task).await {
            Err(Error::Refused(_) | Error::Deadline { .. }) => {}
            other => panic!("nobody may take it: {other:?}"),
        }
    }
}

/// A server has ended, has taken no log up, and said what is to be done.
async fn names_the_command(system: &mut System, name: &str) {
    let words = system.server(name).process().unwrap().log_end();
    assert!(words.contains("yoshi recover-log tasks"), "{name}: {words}");
    let cursors = "SELECT count(*) FROM replica_cursor";
    let cursors: i64 = system.database(name).rows(cursors).await[0].get(0);
    assert_eq!(cursors, 0, "{name} has taken a log up");
}

/// The identity of a server that may not have made its tables yet.
async fn known_id(system: &System, name: &str) -> Result<ServerId, String> {
    let rows = system.database(name);
    let rows = rows.try_rows("SELECT id::text FROM server_identity").await;
    let rows = rows?;
    let id: String = rows.first().ok_or("it has none")?.get(0);
    Ok(id.parse().expect("it is an id"))
}

/// Without the identity that is gone with its database.
async fn recover(system: &System, gone: &str) {
    let missing = refused(system, &["recover-log", "tasks", "--yes"]).await;
    assert!(missing.contains(gone), "{missing}");
    done(system, &["--json", "recover-log", "accounts", "--yes"]).await;
    let tasks = ["--json", "recover-log", "tasks", "--yes", "--without", gone];
    let tasks = done(system, &tasks).await;
    assert_eq!(tasks["waiting"], serde_json::json!([]), "{tasks}");
}

async fn all_serve(system: &System) {
    eventually("all four serve", SERVING_WITHIN, async || {
        let servers = system.operator().await.message_servers().await;
        let servers = servers.map_err(|error| error.to_string())?.servers;
        let serve = servers.iter().map(|server| server.ping.state);
        match serve.filter(|state| *state == MsState::Serving).count() {
            count if count == ALL.len() => Ok(()),
            _ => Err(format!("{servers:?}")),
        }
    })
    .await;
}
