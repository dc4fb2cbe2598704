//! The log is lost, or shortened: servers refuse it and name the command that
//! recovers it; nothing that was acknowledged is lost or doubled.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use async_nats::jetstream;
use serde_json::Value;
use yoshi_client::{Operator, Outgoing, Receipt};
use yoshi_protocol::message::operate::{ServerReport, ServerState};
use yoshi_protocol::subject::{self, Role, TASKS_STREAM};
use yoshi_protocol::{NewTask, Position};
use yoshi_tests::command::operate;
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS, OF_REGISTRATION_SERVERS};
use yoshi_tests::person::fresh_name;
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{Direct, Nats, Person, System, SystemSettings, User, eventually};

use super::senders::{Senders, holds_exactly};

const SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];
/// How long one send may try: longer than any failover.
const SEND_WITHIN: Duration = Duration::from_secs(60);
const REPORTS_WITHIN: Duration = Duration::from_secs(3);
pub(super) const SEEN_WITHIN: Duration = Duration::from_secs(30);
/// NATS does not answer what it denies.
const DENIED_WITHIN: Duration = Duration::from_millis(500);
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// The words of a command that is refused.
pub(super) async fn refused(system: &System, arguments: &[&str]) -> String {
    let output = operate(system, arguments).await;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {words}");
    words
}

/// The JSON of a command that succeeds.
pub(super) async fn done(system: &System, arguments: &[&str]) -> Value {
    let output = operate(system, arguments).await;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {words}");
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

async fn reports(operator: &Operator, role: Role) -> Vec<ServerReport> {
    let reports = operator.server_reports([], REPORTS_WITHIN).await.unwrap();
    let reports = reports.into_iter();
    reports
        .filter(|report| yoshi_client::role(report) == role)
        .collect()
}

/// Waits until so many servers refuse and name the command.
pub(super) async fn all_refuse(system: &System, role: Role, count: usize, command: &str) {
    let operator = system.operator().await;
    eventually(
        &format!("{count} servers name `{command}`"),
        SEEN_WITHIN,
        async || {
            let reports = reports(&operator, role).await;
            let names = |report: &&ServerReport| {
                let refusal = report.refusal.as_deref();
                refusal.is_some_and(|words| words.contains(command))
            };
            let refuse = reports.iter().filter(names).count();
            if refuse == count
                && reports
                    .iter()
                    .all(|report| report.state != ServerState::Serving)
            {
                Ok(())
            } else {
                Err(format!("{reports:?}"))
            }
        },
    )
    .await;
}

pub(super) async fn sends(
    system: &System,
    from: &Person,
    to: &Person,
    count: usize,
) -> Vec<Receipt> {
    let client = system.client().await.with_deadline(SEND_WITHIN);
    let mut receipts = Vec::new();
    for number in 0..count {
        let task = NewTask::new(format!("task {number}"), vec![to.name.clone()]);
        let task = Outgoing::new(task).unwrap();
        receipts.push(from.send_outgoing(&client, &task).await);
    }
    receipts
}

/// Numbers without a gap, ever higher positions, each task once in the inbox.
pub(super) async fn nothing_is_lost(system: &System, reader: &Person, receipts: &[Receipt]) {
    let numbers = receipts.iter().map(|receipt| receipt.number);
    assert!(numbers.eq(1..=receipts.len() as u64), "{receipts:?}");
    assert!(receipts.is_sorted_by(|a, b| a.position < b.position));
    let inbox = reader.inbox(&system.client().await).await;
    let tasks: Vec<_> = inbox
        .iter()
        .map(|task| (task.new_task.id, task.number))
        .collect();
    let sent = receipts
        .iter()
        .map(|receipt| (receipt.task, receipt.number));
    assert_eq!(tasks, sent.collect::<Vec<_>>());
    let databases = SERVERS.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    let databases = ["rs1", "rs2"].map(|name| system.database(name));
    contents::equal(&databases, OF_REGISTRATION_SERVERS).await;
}

pub(super) async fn all_ready(system: &mut System) {
    for name in ["rs1", "rs2", "ms1", "ms2", "ms3"] {
        system.server(name).ready().await;
    }
    eventually("all message servers serve", BACK_WITHIN, async || {
        let servers = system.operator().await.message_servers().await;
        let servers = servers.map_err(|error| error.to_string())?.servers;
        let serving = servers.iter().filter(|server| {
            server.ping.state == yoshi_protocol::message::roster::MsState::Serving
        });
        if serving.count() == SERVERS.len() {
            Ok(())
        } else {
            Err(format!("{servers:?}"))
        }
    })
    .await;
}

/// Where a NATS node keeps the stream of tasks.
pub(super) fn tasks_in(store: &Path) -> PathBuf {
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.ends_with(TASKS_STREAM) {
                return path;
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    panic!("no {TASKS_STREAM} in {}", store.display());
}

pub(super) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("there is cp").success());
}

#[tokio::test]
async fn a_wiped_log_is_recovered_by_one_command() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    let mut receipts = sends(&system, &ana, &ben, 5).await;
    let whole = refused(&system, &["recover-log", "tasks", "--yes"]).await;
    assert!(whole.contains("is whole"), "{whole}");

    // One server is down, and behind, from here on.
    let down = system.id("ms3").await.to_string();
    system.server("ms3").kill();
    receipts.extend(sends(&system, &ana, &ben, 5).await);
    system.nats.kill_node(0);
    std::fs::remove_dir_all(system.nats.store(0)).unwrap();
    system.nats.start_node(0);
    system.nats.ready().await;
    // Before there is a stream again, and with one that is empty.
    all_refuse(&system, Role::Ms, 2, "yoshi recover-log tasks").await;
    all_refuse(&system, Role::Rs, 2, "yoshi recover-log accounts").await;
    system.nats.provision().await;
    all_refuse(&system, Role::Ms, 2, "yoshi recover-log tasks").await;
    all_refuse(&system, Role::Rs, 2, "yoshi recover-log accounts").await;

    let missing = refused(&system, &["recover-log", "tasks", "--yes"]).await;
    assert!(missing.contains(&down), "{missing}");
    let accounts = done(&system, &["--json", "recover-log", "accounts", "--yes"]).await;
    assert_eq!(accounts["waiting"], serde_json::json!([]), "{accounts}");
    let tasks = [
        "--json",
        "recover-log",
        "tasks",
        "--yes",
        "--without",
        &down,
    ];
    let tasks = done(&system, &tasks).await;
    assert_eq!(tasks["waiting"], serde_json::json!([]), "{tasks}");

    let last = receipts.last().unwrap().position;
    receipts.extend(sends(&system, &ana, &ben, 3).await);
    assert!(receipts[10].position >= Position(tasks["first_sequence"].as_u64().unwrap() * 1_024));
    assert!(receipts[10].position > last);
    system.server("ms3").start();
    all_ready(&mut system).await;
    receipts.extend(sends(&system, &ana, &ben, 2).await);
    assert_eq!(receipts.last().unwrap().accounted_for.len(), 3);
    nothing_is_lost(&system, &ben, &receipts).await;
    // Accounts are as before, and new ones come.
    let client = system.client().await;
    client.log_in(&ana.name, &ana.password).await.unwrap();
    assert!(
        client
            .create_account(&ana.name, &ana.password)
            .await
            .is_err()
    );
    let name = fresh_name("new");
    client.create_account(&name, &ana.password).await.unwrap();
    let whole = refused(&system, &["recover-log", "tasks", "--yes"]).await;
    assert!(whole.contains("is whole"), "{whole}");
}

#[tokio::test]
async fn a_log_that_was_restored_from_an_older_backup_is_refused_and_recovered() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    // This one has less than the backup, and must not go on from it.
    system.server("ms3").kill();
    let mut receipts = sends(&system, &ana, &ben, 4).await;
    let backup = Scratch::new("backup");
    system.nats.kill_node(0);
    copy(system.nats.store(0), &backup.path().join("store"));
    system.nats.start_node(0);
    system.nats.ready().await;
    receipts.extend(sends(&system, &ana, &ben, 6).await);

    system.nats.kill_node(0);
    std::fs::remove_dir_all(system.nats.store(0)).unwrap();
    copy(&backup.path().join("store"), system.nats.store(0));
    system.nats.start_node(0);
    system.nats.ready().await;
    system.server("ms3").start();
    // The third has caught up with what is left of the log, and knows better.
    all_refuse(&system, Role::Ms, 3, "yoshi recover-log tasks").await;
    let shown = done(&system, &["--json", "servers"]).await;
    for server in shown["servers"].as_array().unwrap() {
        assert_ne!(server["state"], "serving", "{shown}");
        assert!(server["refusal"].as_str().unwrap().contains("recover-log"));
    }

    let tasks = done(&system, &["--json", "recover-log", "tasks", "--yes"]).await;
    assert_eq!(tasks["waiting"], serde_json::json!([]), "{tasks}");
    let operator = system.operator().await;
    let is_lost = |report: &ServerReport| report.refusal.is_some();
    if reports(&operator, Role::Rs).await.iter().any(is_lost) {
        done(&system, &["--json", "recover-log", "accounts", "--yes"]).await;
    }
    all_ready(&mut system).await;
    receipts.extend(sends(&system, &ana, &ben, 3).await);
    assert_eq!(receipts.last().unwrap().accounted_for.len(), 3);
    nothing_is_lost(&system, &ben, &receipts).await;
}

/// Wipes every node's data while accounts send, and recovers both logs.
async fn wiped_under_load(nats_nodes: usize) {
    let mut system = System::start(SystemSettings {
        nats_nodes,
        ..SystemSettings::default()
    })
    .await;
    let mut senders = Senders::start(&system, 6).await;
    senders.go_on("all send", 3, SEEN_WITHIN).await;
    for node in 0..nats_nodes {
        system.nats.kill_node(node);
    }
    for node in 0..nats_nodes {
        std::fs::remove_dir_all(system.nats.store(node)).unwrap();
        system.nats.start_node(node);
    }
    system.nats.ready().await;
    system.nats.provision().await;
    all_refuse(&system, Role::Ms, 3, "yoshi recover-log tasks").await;
    done(&system, &["--json", "recover-log", "accounts", "--yes"]).await;
    done(&system, &["--json", "recover-log", "tasks", "--yes"]).await;
    senders.go_on("all send again", 3, BACK_WITHIN).await;
    let acknowledged = senders.stop().await;
    let databases = SERVERS.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    let direct = Direct::connect(&system.nats).await;
    for name in SERVERS {
        let id = system.id(name).await;
        holds_exactly(&direct.inbox(id, &senders.reader).await, &acknowledged);
    }
}

#[tokio::test]
async fn accounts_that_send_all_the_while_lose_and_double_nothing() {
    wiped_under_load(1).await;
}

#[tokio::test]
async fn a_cluster_that_was_wiped_loses_and_doubles_nothing() {
    wiped_under_load(3).await;
}

#[tokio::test]
async fn only_the_user_of_recovery_may_delete_a_log_and_nothing_else() {
    let nats = Nats::single().await;
    nats.provision().await;
    for user in User::ALL.into_iter().filter(|user| *user != User::Sys) {
        let jetstream = jetstream::with_prefix(nats.connect(user).await, "$JS.API");
        for stream in [subject::TASKS_STREAM, "KV_yoshi-affinity"] {
            let mut context = jetstream.clone();
            context.set_timeout(DENIED_WITHIN);
            let deleted = context.delete_stream(stream).await.is_ok();
            let may = user == User::Recovery && stream == subject::TASKS_STREAM;
            assert_eq!(deleted, may, "{} deletes {stream}", user.name());
        }
        nats.provision().await;
    }
}
