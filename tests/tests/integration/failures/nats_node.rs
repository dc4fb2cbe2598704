//! Three nodes of NATS, three copies of each log: one node dies, and work goes on.

use std::time::Duration;

use yoshi_protocol::subject;
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS, OF_REGISTRATION_SERVERS};
use yoshi_tests::{Direct, Person, System, SystemSettings};

use super::senders::{Senders, holds_exactly};

const BACK_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_death_of_the_leading_node_loses_and_doubles_nothing() {
    let settings = SystemSettings {
        nats_nodes: 3,
        ..SystemSettings::default()
    };
    let mut system = System::start(settings).await;
    let mut senders = Senders::start(&system, 4).await;
    senders.go_on("all send", 3, BACK_WITHIN).await;
    let leader = system.nats.leader(subject::TASKS_STREAM).await.unwrap();
    system.nats.kill_node(leader);
    senders.go_on("all send again", 3, BACK_WITHIN).await;
    system.nats.start_node(leader);
    system.nats.ready().await;
    senders
        .go_on("all send with three nodes", 3, BACK_WITHIN)
        .await;
    let acknowledged = senders.stop().await;

    let servers = ["ms1", "ms2", "ms3"].map(|name| system.database(name));
    let rows = contents::equal(&servers, OF_MESSAGE_SERVERS).await;
    let sends: usize = acknowledged.values().map(Vec::len).sum();
    assert_eq!(rows.len(), 4 + 2 * sends);
    let direct = Direct::connect(&system.nats).await;
    for name in ["ms1", "ms2", "ms3"] {
        let list = direct.inbox(system.id(name).await, &senders.reader).await;
        holds_exactly(&list, &acknowledged);
    }
    let client = system.client().await;
    let person = Person::register(&client, "later").await;
    person.send(&client, "after all", &[&senders.reader]).await;
    let servers = ["rs1", "rs2"].map(|name| system.database(name));
    contents::equal(&servers, OF_REGISTRATION_SERVERS).await;
}
