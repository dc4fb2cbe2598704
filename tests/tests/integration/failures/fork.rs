//! A row of one server's database is damaged: that server finds it, by itself or
//! with the others, and stops serving until it is filled anew.

use std::time::Duration;

use yoshi_client::View;
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::{ErrorCode, Position, Verb};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::{Direct, Person, System, SystemSettings, eventually};

use super::draining::{seen, yoshi};
use super::joining::short_logs;
use super::senders::{Senders, holds_exactly};

const SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];
const WORK_WITHIN: Duration = Duration::from_secs(30);
/// A round every second, some seconds for a vote, and time for a busy machine.
const FOUND_WITHIN: Duration = Duration::from_secs(60);

/// The content of the oldest task: its hash speaks against it.
const CONTENT: &str = "UPDATE task SET content = set_byte(content, octet_length(content) - 1,
        get_byte(content, octet_length(content) - 1) # 1)
    WHERE position = (SELECT min(position) FROM task)";
/// The head of an account that sends no more: its latest entry speaks against it.
const HEAD: &str = "UPDATE account SET head = set_byte(head, 0, get_byte(head, 0) # 1)
    WHERE name = (SELECT sender FROM task ORDER BY position LIMIT 1)";
/// A recipient's row: only the other servers know better.
const ASK: &str = "UPDATE ask SET changed = changed + 1
    WHERE task = (SELECT id FROM task ORDER BY position LIMIT 1)";
/// What was done with a task reads otherwise.
const CHANGE: &str = "UPDATE change SET content = set_byte(content, octet_length(content) - 1,
        get_byte(content, octet_length(content) - 1) # 1)";
/// A task that is gone: the number of its sender's entries speaks against that.
const GONE: &str = "DELETE FROM task WHERE position = (SELECT min(position) FROM task)";

fn settings() -> SystemSettings {
    SystemSettings {
        variables: vec![("YOSHI_COMPARE_SECONDS".into(), "1".into())],
        ..SystemSettings::default()
    }
}

/// Damages a row of ms2, and mends ms2.
async fn is_found_and_mended(damage: &str, settings: SystemSettings) {
    let mut system = System::start(settings).await;
    let client = system.client().await;
    let quiet = Person::register(&client, "quiet").await;
    let first = quiet.send(&client, "first", &[&quiet]).await;
    quiet.send(&client, "second", &[&quiet]).await;
    quiet.change(&client, first.task, Verb::Accept).await;
    let mut senders = Senders::start(&system, 4).await;
    senders.go_on("all send", 3, WORK_WITHIN).await;
    let id = system.id("ms2").await;
    let direct = Direct::connect(&system.nats).await;
    assert!(!direct.inbox(id, &quiet).await.is_empty());

    system.database("ms2").rows(damage).await;
    stops(&system, "ms2").await;
    // It shows nothing, not even what is right, and says what to do.
    let page = direct.try_page(id, &quiet, View::Inbox, Position::ZERO);
    let refused = page.await.expect_err("its rows may be wrong");
    assert_eq!(refused.code, ErrorCode::Unavailable);
    let command = format!("yoshi resync-server {id}");
    assert!(refused.message.contains(&command), "{}", refused.message);
    let health = system.server("ms2").healthy().await.unwrap_err();
    assert!(health.contains(&command), "{health}");
    let metrics = system.server("ms2").metrics().await.unwrap();
    assert!(metrics.contains("yoshi_forked 1"), "{metrics}");
    // The others serve on, and nobody waits for it.
    senders.go_on("all send without it", 3, WORK_WITHIN).await;
    let receipt = quiet.send(&client, "third", &[&quiet]).await;
    assert!(!receipt.accounted_for.contains(&id));
    assert_eq!(receipt.accounted_for.len(), 2);

    // A restart does not forget it.
    let before = seen(&system, id).await.unwrap().ping.incarnation;
    system.server("ms2").kill();
    system.server("ms2").start();
    eventually("it is there again", WORK_WITHIN, async || {
        match seen(&system, id).await?.ping {
            ping if ping.incarnation == before => Err("not yet".to_owned()),
            ping if ping.stopped && ping.state == MsState::Behind => Ok(()),
            ping => Err(format!("{ping:?}")),
        }
    })
    .await;
    for name in ["ms1", "ms3"] {
        system.server(name).healthy().await.unwrap();
        assert!(
            !seen(&system, system.id(name).await)
                .await
                .unwrap()
                .ping
                .stopped
        );
    }

    let mended = yoshi(&system, &["resync-server", &id.to_string()], 0).await;
    assert_eq!(mended["state"], "serving");
    assert_eq!(system.id("ms2").await, id, "it keeps its identity");
    senders.go_on("all send with it", 3, WORK_WITHIN).await;
    let receipt = quiet.send(&client, "fourth", &[&quiet]).await;
    assert_eq!((receipt.number, receipt.accounted_for.len()), (5, 3));
    let acknowledged = senders.stop().await;
    let databases = SERVERS.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    holds_exactly(&direct.inbox(id, &senders.reader).await, &acknowledged);
    system.server("ms2").healthy().await.unwrap();
}

async fn stops(system: &System, name: &str) {
    let id = system.id(name).await;
    eventually(&format!("{name} stops"), FOUND_WITHIN, async || {
        let ping = seen(system, id).await?.ping;
        match ping.stopped && ping.state == MsState::Behind {
            true => Ok(()),
            false => Err(format!("{ping:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn a_task_of_other_content_is_found_and_mended() {
    is_found_and_mended(CONTENT, settings()).await;
}

/// The state of the oldest ask is none.
const STATE: &str = "UPDATE ask SET state = 99
    WHERE task = (SELECT id FROM task ORDER BY position LIMIT 1)";

#[tokio::test]
async fn a_row_that_cannot_be_applied_to_stops_its_server_and_ends_no_process() {
    // Rows are not compared within this test.
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let first = ana.send(&client, "first", &[&ana]).await;
    let id = system.id("ms2").await;
    let process = seen(&system, id).await.unwrap().ping.incarnation;
    system.database("ms2").rows(STATE).await;
    ana.change(&client, first.task, Verb::Accept).await;
    stops(&system, "ms2").await;
    assert_eq!(
        seen(&system, id).await.unwrap().ping.incarnation,
        process,
        "it lives"
    );
    // A restart meets the same row, and does not forget it either.
    system.server("ms2").kill();
    system.server("ms2").start();
    stops(&system, "ms2").await;
    let receipt = ana.send(&client, "second", &[&ana]).await;
    assert_eq!(receipt.accounted_for.len(), 2);
    let mended = yoshi(&system, &["resync-server", &id.to_string()], 0).await;
    assert_eq!(mended["state"], "serving");
    let databases = SERVERS.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
}

#[tokio::test]
async fn a_change_of_other_content_is_found_and_mended() {
    is_found_and_mended(CHANGE, settings()).await;
}

#[tokio::test]
async fn an_account_of_another_head_is_found_and_mended() {
    is_found_and_mended(HEAD, settings()).await;
}

#[tokio::test]
async fn a_recipient_who_was_asked_otherwise_is_found_and_mended() {
    is_found_and_mended(ASK, settings()).await;
}

#[tokio::test]
async fn a_task_that_is_gone_is_found_and_mended_from_a_neighbour() {
    // The log no longer reaches back to the beginning.
    let (_folder, definitions) = short_logs(10);
    let settings = SystemSettings {
        definitions,
        ..settings()
    };
    is_found_and_mended(GONE, settings).await;
}

/// A task in the middle of all that an account has sent.
const ONE_OF_MANY: &str = "DELETE FROM task WHERE number = 500";
/// More entries than are counted at once.
const MANY: usize = 1_100;
const MANY_WITHIN: Duration = Duration::from_secs(120);
/// Walks over the whole database, a round every second.
const WALKED_WITHIN: Duration = Duration::from_secs(60);

async fn rounds(system: &mut System) -> u64 {
    let metrics = system.server("ms1").metrics().await.unwrap();
    let mut lines = metrics.lines();
    let rounds = lines.find_map(|line| line.strip_prefix("yoshi_compare_rounds_total "));
    rounds.map_or(0, |rounds| rounds.parse().unwrap())
}

#[tokio::test]
async fn of_a_large_account_a_server_alone_finds_a_task_that_is_gone() {
    let mut system = System::start(SystemSettings {
        variables: settings().variables,
        ..SystemSettings::single()
    })
    .await;
    let client = system.client().await.with_deadline(MANY_WITHIN);
    let busy = Person::register(&client, "busy").await;
    // Some at a time, while one walk over them follows the other.
    for part in 0..MANY / 50 {
        let title = part.to_string();
        let to = [&busy];
        let sends = (0..50).map(|_| busy.send(&client, &title, &to));
        futures::future::join_all(sends).await;
    }
    let begun = rounds(&mut system).await;
    eventually(
        "it has walked some times",
        WALKED_WITHIN,
        async || match rounds(&mut system).await {
            rounds if rounds >= begun + 4 => Ok(()),
            rounds => Err(format!("{rounds} rounds")),
        },
    )
    .await;
    system.server("ms1").healthy().await.unwrap();
    let receipt = busy.send(&client, "last", &[&busy]).await;
    assert_eq!(receipt.number, MANY as u64 + 1);

    let before = system.database("ms1").rows(ONE_OF_MANY).await;
    assert!(before.is_empty());
    stops(&system, "ms1").await;
    let said = system.server("ms1").healthy().await.unwrap_err();
    let words = format!("{MANY} of its first {} entries", MANY + 1);
    assert!(said.contains(&words), "{said}");
}

#[tokio::test]
async fn of_two_servers_that_differ_both_stop_and_an_operator_decides() {
    let mut system = System::start(SystemSettings {
        message_servers: 2,
        ..settings()
    })
    .await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    ana.send(&client, "first", &[&ana]).await;
    system.database("ms2").rows(ASK).await;
    stops(&system, "ms1").await;
    stops(&system, "ms2").await;
    let (right, wrong) = (system.id("ms1").await, system.id("ms2").await);
    // Neither may be emptied while the other does not serve.
    let refused = yoshi(&system, &["resync-server", &wrong.to_string()], 1).await;
    assert_eq!(refused["error"]["code"], "unsafe", "{refused}");
    yoshi(
        &system,
        &["resync-server", "--keep-rows", &right.to_string()],
        0,
    )
    .await;
    yoshi(&system, &["resync-server", &wrong.to_string()], 0).await;
    let receipt = ana.send(&client, "second", &[&ana]).await;
    assert_eq!((receipt.number, receipt.accounted_for.len()), (2, 2));
    let databases = ["ms1", "ms2"].map(|name| system.database(name));
    let rows = contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    assert_eq!(rows.len(), 5, "an account, two tasks, two asks");
    for name in ["ms1", "ms2"] {
        system.server(name).healthy().await.unwrap();
    }
}

/// The cursor is written with the rows, in one statement: without it, nothing is.
#[tokio::test]
async fn a_server_whose_cursor_is_gone_or_moved_writes_nothing_more() {
    for damage in [
        "DELETE FROM replica_cursor",
        "UPDATE replica_cursor SET incarnation = gen_random_uuid()",
        "UPDATE replica_cursor SET applied = applied - 1",
    ] {
        let mut system = System::start(SystemSettings::single()).await;
        let client = system.client().await;
        let ana = Person::register(&client, "ana").await;
        for title in ["first", "second"] {
            ana.send(&client, title, &[&ana]).await;
        }
        system.database("ms1").rows(damage).await;
        let before = contents::of(system.database("ms1"), OF_MESSAGE_SERVERS).await;
        let process = system.server("ms1").process().expect("it runs");
        let to = [&ana];
        tokio::select! {
            _ = ana.send(&client, "third", &to) => panic!("it is in no database: {damage}"),
            status = process.end(FOUND_WITHIN) => assert!(!status.success(), "{damage}"),
        }
        let after = contents::of(system.database("ms1"), OF_MESSAGE_SERVERS).await;
        assert_eq!(before, after, "{damage}");
    }
}
