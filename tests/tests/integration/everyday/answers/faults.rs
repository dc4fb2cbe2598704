//! Changes outlive a home that is killed, and reach a server that joins later.

use std::path::Path;

use serde_json::Value;
use yoshi_client::{AskState, TaskStatus};
use yoshi_protocol::{Completion, Verb, subject};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::nats::definitions;
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{Person, System, SystemSettings, User};

use super::{comment, done, reopen, send, stands};

/// Blocks that the log keeps: fewer than the test makes.
const BLOCKS: u64 = 10;
const COMMENTS: usize = 30;

/// Definitions in which the tasks log is so short that a new server must be
/// filled by a neighbour.
fn short_log(folder: &Path) {
    for text in definitions() {
        let mut definition: Value = serde_json::from_str(&text).unwrap();
        let name = definition["name"].as_str().unwrap().to_owned();
        if name == subject::TASKS_STREAM {
            definition["max_msgs"] = BLOCKS.into();
        }
        std::fs::write(folder.join(format!("{name}.json")), definition.to_string()).unwrap();
    }
}

#[tokio::test]
async fn changes_outlive_their_home_and_reach_who_joins_later() {
    let folder = Scratch::new("definitions");
    short_log(folder.path());
    let settings = SystemSettings {
        definitions: folder.path().to_owned(),
        message_servers: 2,
        ..SystemSettings::default()
    };
    let mut system = System::start(settings).await;
    let client = system.client().await;
    let client = client.with_deadline(std::time::Duration::from_secs(60));
    let [ana, ben, cleo] = Person::register_all(&client, ["ana", "ben", "cleo"]).await;
    let task = send(&client, &ana, &[&ben, &cleo], Completion::Any).await;
    ben.change(&client, task, Verb::Accept).await;
    for number in 0..COMMENTS {
        let text = format!("comment {number}");
        cleo.change(&client, task, comment(&text)).await;
    }
    let read = Verb::Read {
        read: true,
        through: None,
    };
    ben.change(&client, task, read).await;
    let last = ben.change(&client, task, done()).await;

    system.add("ms3", User::MessageServer).await;
    system.server("ms3").ready().await;
    let three = ["ms1", "ms2", "ms3"];
    let databases = three.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;

    // Each of the old ones is killed in turn: one of them is the home.
    for killed in ["ms1", "ms2"] {
        system.server(killed).kill();
        let undone = ben.change(&client, task, Verb::Undo).await;
        assert!(undone.number > last.number);
        let now = stands(&client, &cleo, task).await;
        let expected = vec![AskState::Accepted, AskState::NeedsAction];
        assert_eq!(now, (TaskStatus::InProcess, expected));
        ben.change(&client, task, done()).await;
        system.server(killed).start();
        system.server(killed).ready().await;
    }
    ana.change(&client, task, reopen()).await;
    let databases = three.map(|name| system.database(name));
    let rows = contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    // 3 accounts, a task, 2 asks, a note, and the changes.
    assert_eq!(rows.len(), 7 + COMMENTS + 8, "{rows:#?}");
    let seen = cleo.shown(&client, task).await;
    assert_eq!(seen.comments as usize, COMMENTS);
    let history = client.history(&ana.name, &ana.credential, task).await;
    // All but the note, and the send.
    assert_eq!(history.unwrap().len(), COMMENTS + 8);
}
