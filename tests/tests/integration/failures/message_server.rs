//! A message server dies while accounts send: nothing is lost or doubled, and it comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::{Direct, System, SystemSettings};

use super::senders::{Senders, holds_exactly, homes};

const SERVERS: [&str; 3] = ["ms1", "ms2", "ms3"];
const WORK_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_killed_message_server_loses_and_doubles_nothing() {
    let mut system = System::start(SystemSettings::default()).await;
    let mut senders = Senders::start(&system, 8).await;
    senders.go_on("all send", 3, WORK_WITHIN).await;
    let before = homes(&system, &senders.people).await;
    // The home of the first sender.
    let killed_id = before[&senders.people[0].name].server;
    let mut ids = BTreeMap::new();
    for name in SERVERS {
        ids.insert(name, system.id(name).await);
    }
    let killed = SERVERS
        .into_iter()
        .find(|name| ids[name] == killed_id)
        .unwrap();
    system.server(killed).kill();
    senders.go_on("all send without it", 3, WORK_WITHIN).await;
    for (name, home) in homes(&system, &senders.people).await {
        assert_ne!(home.server, killed_id, "{name} has moved");
        let was = before[&name];
        assert!(
            home == was || home.epoch > was.epoch,
            "{name}: {was:?} → {home:?}"
        );
    }
    // It comes back while the others go on.
    system.server(killed).start();
    system.server(killed).ready().await;
    senders.go_on("all send with it", 3, WORK_WITHIN).await;
    let acknowledged = senders.stop().await;

    let databases = SERVERS.map(|name| system.database(name));
    let rows = contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    let sends: usize = acknowledged.values().map(Vec::len).sum();
    assert_eq!(
        rows.len(),
        8 + 2 * sends,
        "8 accounts, a task and an ask for each send"
    );
    let direct = Direct::connect(&system.nats).await;
    for id in ids.values() {
        holds_exactly(&direct.inbox(*id, &senders.reader).await, &acknowledged);
    }
    let client = system.client().await;
    let last = senders.people[0]
        .send(&client, "last", &[&senders.reader])
        .await;
    assert_eq!(last.accounted_for.len(), 3, "it counts again");
}
