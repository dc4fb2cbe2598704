//! Load balancers start where the log has no quorum, and know nothing.

use std::time::Duration;

use yoshi_client::{Position, Sent, View};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::Affinity;
use yoshi_protocol::subject;
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::{Person, System, User, eventually};

use super::{QUEUED_WITHIN, SERVERS, all_sent, heal, lose_the_log, send, start, task, titles};

#[tokio::test]
async fn a_load_balancer_that_starts_without_a_quorum_asks_whoever_is_there() {
    let mut system = start(100_000).await;
    let client = system.client().await.with_deadline(Duration::from_secs(5));
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    ana.send(&client, "before", &[&ben]).await;
    let home = home_of(&system, &ana).await;
    lose_the_log(&mut system, &client, &ana, &ben).await;
    for name in ["lb1", "lb2"] {
        system.server(name).kill();
        system.server(name).start();
    }
    // Neither knows any home now, and the one that was is gone as well.
    system.server(&home).kill();
    let second = task("second", &ben);
    let Sent::Queued(queued) = send(&client, &ana, &second).await else {
        panic!("without a quorum")
    };
    assert_ne!(queued.server, system.id(&home).await);
    let page = eventually("a poll is answered", QUEUED_WITHIN, async || {
        client
            .retrieve(&ben.name, &ben.credential, Position::ZERO)
            .await
    })
    .await;
    assert!(page.behind);
    assert_eq!(titles(&page.tasks), ["before"]);

    heal(&mut system).await;
    system.server(&home).start();
    system.ready().await;
    all_sent(&system).await;
    let shown = client.show(&ana.name, &ana.credential, second.id()).await;
    assert!(shown.expect("it may").is_some());
    let inbox = client
        .poll(&ben.name, &ben.credential, View::Inbox, Position::ZERO, 100)
        .await
        .expect("the log is back");
    assert_eq!(inbox.tasks.len(), 3);
    let databases = SERVERS.map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
}

/// The name of the server that is a person's home.
async fn home_of(system: &System, person: &Person) -> String {
    let operator = async_nats::jetstream::new(system.nats.connect(User::Operator).await);
    let bucket = operator
        .get_key_value(subject::AFFINITY_BUCKET)
        .await
        .expect("it may read");
    let value = bucket.get(person.name.to_string()).await.expect("it may");
    let home: Affinity = cbor::decode(&value.expect("it has one"), Bound::REQUEST).unwrap();
    for name in SERVERS {
        if system.id(name).await == home.server {
            return name.to_owned();
        }
    }
    panic!("{} is no server", home.server)
}
