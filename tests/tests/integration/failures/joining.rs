//! A message server that is added later has everything that the others have.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream;
use serde_json::Value;
use yoshi_protocol::subject;
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::nats::definitions;
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{Direct, Person, System, SystemSettings, User};

use super::senders::{Senders, holds_exactly};

const WORK_WITHIN: Duration = Duration::from_secs(30);

/// Definitions of logs that keep so many blocks only, in a folder that goes
/// away with the first value.
pub(crate) fn short_logs(blocks: u64) -> (Scratch, PathBuf) {
    let folder = Scratch::new("definitions");
    for text in definitions() {
        let mut definition: Value = serde_json::from_str(&text).unwrap();
        let name = definition["name"].as_str().unwrap().to_owned();
        if [subject::TASKS_STREAM, subject::ACCOUNTS_STREAM].contains(&&*name) {
            definition["max_msgs"] = blocks.into();
        }
        let path = folder.path().join(format!("{name}.json"));
        std::fs::write(path, definition.to_string()).unwrap();
    }
    let path = folder.path().to_owned();
    (folder, path)
}

async fn first_sequence(system: &System) -> u64 {
    let operator = jetstream::new(system.nats.connect(User::Operator).await);
    let mut stream = operator.get_stream(subject::TASKS_STREAM).await.unwrap();
    stream.info().await.unwrap().state.first_sequence
}

/// Adds a third message server while accounts send, and compares.
async fn joins(mut system: System, mut senders: Senders) {
    system.add("ms3", User::MessageServer).await;
    system.server("ms3").ready().await;
    senders
        .go_on("all send with the new one", 3, WORK_WITHIN)
        .await;
    let acknowledged = senders.stop().await;
    let servers = ["ms1", "ms2", "ms3"].map(|name| system.database(name));
    let rows = contents::equal(&servers, OF_MESSAGE_SERVERS).await;
    assert!(rows.len() > 20);
    let new = system.id("ms3").await;
    let direct = Direct::connect(&system.nats).await;
    holds_exactly(&direct.inbox(new, &senders.reader).await, &acknowledged);
    let client = system.client().await;
    let person = Person::register(&client, "later").await;
    let receipt = person.send(&client, "with three", &[&senders.reader]).await;
    assert!(receipt.accounted_for.contains(&new) && receipt.accounted_for.len() == 3);
}

#[tokio::test]
async fn a_new_message_server_reads_the_whole_stream() {
    let settings = SystemSettings {
        message_servers: 2,
        ..SystemSettings::default()
    };
    let system = System::start(settings).await;
    let senders = Senders::start(&system, 4).await;
    senders.go_on("all send", 5, WORK_WITHIN).await;
    assert_eq!(first_sequence(&system).await, 1);
    joins(system, senders).await;
}

#[tokio::test]
async fn a_new_message_server_fills_itself_from_a_neighbour() {
    let (_folder, definitions) = short_logs(30);
    let settings = SystemSettings {
        definitions,
        message_servers: 2,
        ..SystemSettings::default()
    };
    let system = System::start(settings).await;
    let senders = Senders::start(&system, 4).await;
    senders.go_on("all send", 40, WORK_WITHIN).await;
    assert!(
        first_sequence(&system).await > 1,
        "the stream was shortened"
    );
    joins(system, senders).await;
}
