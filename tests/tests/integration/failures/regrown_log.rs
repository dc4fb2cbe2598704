//! The log is put back from an older backup and grows again, by the blocks of a
//! server that was down, until it is longer than what the others had applied. They
//! were down meanwhile, and come back with nothing but their databases.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use yoshi_protocol::subject::TASKS_STREAM;
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::place::Scratch;
use yoshi_tests::{Person, System, SystemSettings, eventually};

use super::lost_log::{SEEN_WITHIN, sends};

const REPORTS_WITHIN: Duration = Duration::from_secs(3);

/// Where a NATS node keeps the stream of tasks.
fn tasks_in(store: &Path) -> PathBuf {
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

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("there is cp").success());
}

#[tokio::test]
async fn a_shortened_log_that_has_grown_again_is_refused_after_a_restart() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let (ana, ben) = (
        Person::register(&client, "ana").await,
        Person::register(&client, "ben").await,
    );
    sends(&system, &ana, &ben, 3).await;
    system.server("ms3").kill();
    let backup = Scratch::new("backup");
    system.nats.kill_node(0);
    let stream = tasks_in(system.nats.store(0));
    copy(&stream, &backup.path().join("stream"));
    system.nats.start_node(0);
    system.nats.ready().await;
    let lost = sends(&system, &ana, &ben, 3).await;
    let lost = lost.last().unwrap();
    assert_eq!(lost.accounted_for.len(), 2);

    let others = ["ms1", "ms2"];
    let mut before = Vec::new();
    for name in others {
        system.server(name).kill();
        before.push(contents::of(system.database(name), OF_MESSAGE_SERVERS).await);
    }
    system.nats.kill_node(0);
    std::fs::remove_dir_all(&stream).unwrap();
    copy(&backup.path().join("stream"), &stream);
    system.nats.start_node(0);
    system.nats.ready().await;
    // Nobody is there who could tell it that the log was longer.
    system.server("ms3").start();
    system.server("ms3").ready().await;
    let grown = sends(&system, &ana, &ben, 4).await;
    let grown = grown.last().unwrap().position;
    assert!(grown.sequence() > lost.position.sequence(), "{grown}");

    for name in others {
        system.server(name).start();
    }
    let operator = system.operator().await;
    for (name, before) in others.iter().zip(before) {
        let id = system.id(name).await;
        eventually(
            &format!("{name} refuses the log"),
            SEEN_WITHIN,
            async || {
                let reports = operator.server_reports([id], REPORTS_WITHIN).await;
                let reports = reports.map_err(|error| error.to_string())?;
                let own = reports.into_iter().find(|report| report.id == id);
                match own.and_then(|report| report.refusal) {
                    Some(words)
                        if words.contains("another block than this server has applied")
                            && words.contains("yoshi recover-log tasks") =>
                    {
                        Ok(())
                    }
                    other => Err(format!("{other:?}")),
                }
            },
        )
        .await;
        let after = contents::of(system.database(name), OF_MESSAGE_SERVERS).await;
        assert_eq!(after, before, "{name} has consumed what is not its log");
    }
}
